#include "analyze/srtp/dtls_flow.h"

#include <algorithm>

namespace voip::analyze::srtp {

namespace {

using dtls::ContentType;
using dtls::HandshakeType;

constexpr std::size_t kMostRecords = 64;  // of one datagram
constexpr std::size_t kMostSuites = 64;
constexpr std::size_t kMostProfiles = 32;
// An encrypted Finished of 1.3 has 12 bytes of header, a hash of 32 or more and a tag of 8 or more; an alert has 2.
constexpr std::size_t kLeastFinished13 = 50;

std::vector<std::uint16_t> numbers(ByteView list, std::size_t most) {
  std::vector<std::uint16_t> values;
  const std::size_t count = std::min(dtls::value_count(list), most);
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) values.push_back(dtls::value_at(list, i));
  return values;
}

crypto::TlsRandom random_of(ByteView bytes) {
  crypto::TlsRandom random{};
  if (bytes.size() == random.size()) std::ranges::copy(bytes, random.begin());
  return random;
}

}  // namespace

CertificatePtr CertificateCache::read(ByteView der) {
  const Key key{crypto::sha256(der)};
  if (const CertificatePtr* known = known_.find(key)) return *known;
  auto facts = std::make_shared<const crypto::CertificateFacts>(crypto::read_certificate(der));
  known_.get(key, {}, [](const Key&, CertificatePtr&) {}) = facts;
  return facts;
}

DtlsHandshake& DtlsTrack::begin(bool client_is_a, const FrameRef& frame) {
  if (handshakes_.size() >= kMostHandshakes) {
    // One that came to nothing goes first.
    auto gone = std::ranges::find_if(handshakes_, [](const DtlsHandshake& h) { return !h.server_hello.known(); });
    if (gone == handshakes_.end()) gone = handshakes_.begin() + 1;
    handshakes_.erase(gone);
    ++left_out_;
  }
  DtlsHandshake& made = handshakes_.emplace_back();
  made.client_is_a = client_is_a;
  made.first = frame;
  return made;
}

DtlsHandshake* DtlsTrack::current() {
  for (auto at = handshakes_.rbegin(); at != handshakes_.rend(); ++at) {
    if (at->server_hello.known()) return &*at;
  }
  return handshakes_.empty() ? nullptr : &handshakes_.back();
}

void DtlsTrack::add(ByteView datagram, bool from_a, bool truncated, const FrameRef& frame, DtlsParts& parts,
                    CertificateCache& certificates) {
  truncated_ |= truncated;
  for (std::size_t n = 0; !datagram.empty() && n < kMostRecords; ++n) {
    const auto record = dtls::parse_record(datagram);
    if (!record) {
      // A connection id hides the record's length (RFC 9146, RFC 9147): the rest is one encrypted record.
      if (record.error().kind == Malformed::kUnsupported) note_encrypted(from_a, datagram.size(), frame);
      return;
    }
    on_record(*record, from_a, frame, parts, certificates);
    datagram = after_bytes(datagram, record->size);
  }
}

void DtlsTrack::note_encrypted(bool from_a, std::size_t size, const FrameRef& frame) {
  DtlsHandshake* handshake = current();
  if (handshake == nullptr || !handshake->server_hello.known()) return;
  DtlsParty& party = from_a == handshake->client_is_a ? handshake->client : handshake->server;
  if (party.finished.known()) return;
  if (handshake->hidden() ? size >= kLeastFinished13 : party.cipher_change.known()) party.finished = frame;
}

void DtlsTrack::on_record(const dtls::RecordView& record, bool from_a, const FrameRef& frame, DtlsParts& parts,
                          CertificateCache& certificates) {
  if (record.unified) return note_encrypted(from_a, record.size, frame);
  switch (record.type) {
    case ContentType::kChangeCipherSpec:
      if (DtlsHandshake* handshake = current(); handshake != nullptr && record.epoch == 0) {
        DtlsParty& party = from_a == handshake->client_is_a ? handshake->client : handshake->server;
        if (!party.cipher_change.known()) party.cipher_change = frame;
      }
      return;
    case ContentType::kAlert: {
      if (record.epoch != 0) return;
      const auto alert = dtls::parse_alert(record.fragment);
      DtlsHandshake* handshake = handshakes_.empty() ? nullptr : &handshakes_.back();
      if (!alert || !alert->fatal || handshake == nullptr || handshake->complete() || handshake->alert.known()) return;
      handshake->alert = frame;
      handshake->alert_code = alert->description;
      handshake->alert_from_client = from_a == handshake->client_is_a;
      return;
    }
    case ContentType::kHandshake: break;
    default: return;
  }
  if (record.epoch != 0) {
    DtlsHandshake* handshake = current();
    if (handshake == nullptr) return;
    DtlsParty& party = from_a == handshake->client_is_a ? handshake->client : handshake->server;
    if (!party.finished.known()) party.finished = frame;
    return;
  }
  ByteView rest = record.fragment;
  for (std::size_t n = 0; !rest.empty() && n < kMostRecords; ++n) {
    const auto part = dtls::parse_handshake_fragment(rest);
    if (!part) return;
    if (auto message = parts.by_direction[from_a ? 0 : 1].add(*part)) {
      on_message(message->type, message->body, from_a, frame, parts, certificates);
    }
    rest = after_bytes(rest, part->size);
  }
}

void DtlsTrack::on_message(HandshakeType type, ByteView body, bool from_a, const FrameRef& frame, DtlsParts& parts,
                           CertificateCache& certificates) {
  if (type == HandshakeType::kClientHello) return on_client_hello(body, from_a, frame, parts);
  if (type == HandshakeType::kServerHello) return on_server_hello(body, from_a, frame);
  if (type == HandshakeType::kHelloVerifyRequest) {
    if (!handshakes_.empty() && !handshakes_.back().verify_request.known()) handshakes_.back().verify_request = frame;
    return;
  }
  DtlsHandshake* handshake = current();
  if (handshake == nullptr) return;
  DtlsParty& party = from_a == handshake->client_is_a ? handshake->client : handshake->server;
  if (type == HandshakeType::kCertificateRequest && from_a != handshake->client_is_a) {
    handshake->certificate_requested = true;
  } else if (type == HandshakeType::kCertificate && !party.certificate_frame.known()) {
    const auto chain = dtls::parse_certificates(body);
    if (!chain || handshake->hidden()) return;
    party.certificate_frame = frame;
    party.no_certificate = chain->empty() || chain->front().empty();
    if (!party.no_certificate) party.certificate = certificates.read(chain->front());
  }
}

void DtlsTrack::on_client_hello(ByteView body, bool from_a, const FrameRef& frame, DtlsParts& parts) {
  const auto hello = dtls::parse_client_hello(body);
  if (!hello) return;
  const crypto::TlsRandom random = random_of(hello->random);
  DtlsHandshake* handshake = nullptr;
  // A cookie or a retry brings the same random again; a copy of an old one is none of a new handshake's.
  for (DtlsHandshake& known : handshakes_) {
    if (known.client_is_a == from_a && known.client_hello.known() && known.client_random == random) handshake = &known;
  }
  if (handshake == nullptr && !handshakes_.empty()) {
    // Captures of two interfaces may show the answer first.
    DtlsHandshake& last = handshakes_.back();
    if (!last.client_hello.known() && last.client_is_a == from_a &&
        !later_by(last.first.time, frame.time, std::chrono::seconds{2}) && !last.complete())
      handshake = &last;
  }
  if (handshake == nullptr) {
    handshake = &begin(from_a, frame);
    // Parts of an earlier association may not complete a message of this one.
    parts.by_direction[from_a ? 1 : 0] = {};
  }
  ++handshake->client_hellos;
  if (handshake->server_hello.known() && handshake->client_hello.known()) return;
  if (!handshake->client_hello.known()) handshake->client_hello = frame;
  handshake->client_random = random;
  handshake->best_version = dtls::best_version(*hello);
  handshake->suites_offered = numbers(hello->cipher_suites, kMostSuites);
  handshake->client_use_srtp = hello->has_use_srtp;
  handshake->profiles_offered = numbers(hello->srtp_profiles, kMostProfiles);
  if (handshake->session_id.empty()) handshake->session_id.assign(hello->session_id.begin(), hello->session_id.end());
}

void DtlsTrack::on_server_hello(ByteView body, bool from_a, const FrameRef& frame) {
  const auto hello = dtls::parse_server_hello(body);
  if (!hello || hello->hello_retry_request) return;
  const crypto::TlsRandom random = random_of(hello->random);
  DtlsHandshake* handshake = nullptr;
  for (auto at = handshakes_.rbegin(); at != handshakes_.rend() && handshake == nullptr; ++at) {
    if (at->client_is_a == from_a) continue;
    if (at->server_hello.known() && at->server_random == random) return;
    if (!at->server_hello.known()) handshake = &*at;
    if (at->server_hello.known()) break;  // a newer association whose ClientHello was not seen
  }
  if (handshake == nullptr) {
    // A server that lost its state answers the same ClientHello anew.
    std::optional<DtlsHandshake> before;
    if (!handshakes_.empty() && handshakes_.back().client_is_a != from_a && !handshakes_.back().complete() &&
        !handshakes_.back().client.finished.known())
      before = handshakes_.back();
    handshake = &begin(!from_a, frame);
    if (before && before->client_hello.known()) {
      handshake->client_hello = before->client_hello;
      handshake->client_hellos = before->client_hellos;
      handshake->best_version = before->best_version;
      handshake->client_random = before->client_random;
      handshake->suites_offered = before->suites_offered;
      handshake->client_use_srtp = before->client_use_srtp;
      handshake->profiles_offered = before->profiles_offered;
    }
  }
  handshake->server_hello = frame;
  handshake->version = hello->version;
  handshake->server_random = random;
  handshake->cipher_suite = hello->cipher_suite;
  handshake->server_use_srtp = hello->has_use_srtp;
  handshake->profile = hello->srtp_profile;
  handshake->mki_size = hello->srtp_mki.size();
  handshake->resumed = !hello->session_id.empty() && handshake->client_hello.known() &&
                       std::ranges::equal(handshake->session_id, hello->session_id) && !handshake->hidden();
  handshake->session_id.assign(hello->session_id.begin(), hello->session_id.end());
}

}  // namespace voip::analyze::srtp
