#include <algorithm>
#include <utility>

#include "dissect/tls_stream.h"
#include "proto/tls/names.h"

// What the handshake says, and the keys that come of it: TLS 1.2 and before. Those of TLS 1.3 stand in the key log.
namespace voip::dissect {

namespace {

using tls::HandshakeType;

constexpr std::size_t kMaxHandshakeMessage = 64U << 10;
constexpr std::size_t kMaxTranscript = 64U << 10;
constexpr std::size_t kMaxTicket = 4096;
constexpr std::size_t kMaxCertificateBytes = 64U << 10;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxOfferedSuites = 256;

std::vector<std::uint8_t> copy_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

crypto::TlsSecret TlsConnection::find_master() const {
  const crypto::TlsPrf prf = crypto::tls_prf_of(*hs_->suite, hs_->version);
  const crypto::TlsSecrets* secrets = context_.keys.find(hs_->client_random);
  if (secrets != nullptr && secrets->master.known()) return secrets->master;
  crypto::TlsSecret premaster;
  if (secrets != nullptr) premaster = secrets->premaster;
  if (!premaster.known() && hs_->suite->rsa_key_exchange && !hs_->encrypted_premaster.empty()) {
    premaster = context_.keys.premaster_of(hs_->encrypted_premaster, hs_->hello_version);
  }
  if (premaster.known() && (!hs_->extended_master_secret || !hs_->session_hash.empty())) {
    return crypto::tls12_master_secret(prf, premaster.view(), hs_->client_random, hs_->server_random,
                                       hs_->extended_master_secret ? ByteView{hs_->session_hash} : ByteView{});
  }
  const crypto::TlsSecret by_ticket = context_.keys.remembered(hs_->offered_ticket);
  return by_ticket.known() ? by_ticket : context_.keys.remembered(hs_->session_id);
}

bool TlsConnection::derive_openers() {
  if (hs_->derived) return true;
  if (!hs_->server_hello || !hs_->suite.has_value() || hs_->bad_keys == context_.keys.generation()) return false;
  const crypto::TlsSecret master = find_master();
  if (!master.known()) return false;
  auto openers = crypto::tls12_openers(*hs_->suite, hs_->version, hs_->encrypt_then_mac, master.view(),
                                       hs_->client_random, hs_->server_random);
  if (!openers.has_value()) return false;
  hs_->openers[client_] = std::move(openers->first);
  hs_->openers[client_ ^ 1U] = std::move(openers->second);
  hs_->derived = true;
  hs_->bad_keys.reset();
  context_.keys.remember(hs_->session_id, master);
  context_.keys.remember(hs_->new_ticket, master);
  return true;
}

void TlsConnection::take_handshake(std::uint8_t direction, ByteView bytes) {
  Side& side = sides_[direction];
  side.handshake.insert(side.handshake.end(), bytes.begin(), bytes.end());
  if (side.handshake.size() > kMaxHandshakeMessage) return give_up();
  // Moved out, because giving up clears it while messages are views of it.
  std::vector<std::uint8_t> buffer = std::move(side.handshake);
  side.handshake.clear();
  ByteView rest{buffer};
  while (!rest.empty() && !gave_up_) {
    const auto message = tls::parse_handshake(rest);
    if (!message.ok()) break;
    on_message(direction, *message);
    rest = rest.subspan(message->raw.size());
  }
  if (gave_up_ || rest.empty()) return;
  if (rest.size() == buffer.size()) {
    side.handshake = std::move(buffer);  // a message in small pieces is not copied for each of them
  } else {
    side.handshake.assign(rest.begin(), rest.end());
  }
}

void TlsConnection::add_to_transcript(const tls::HandshakeView& message) {
  if (hs_->transcript_cut || !hs_->client_hello || !hs_->session_hash.empty() ||
      message.type == HandshakeType::kHelloRequest || hs_->version == crypto::kTls13) {
    return;
  }
  if (hs_->transcript.size() + message.raw.size() > kMaxTranscript ||
      context_.held_bytes + message.raw.size() > context_.max_held_bytes) {
    hs_->transcript_cut = true;
    drop_transcript();
    return;
  }
  context_.held_bytes += message.raw.size();
  hs_->transcript.insert(hs_->transcript.end(), message.raw.begin(), message.raw.end());
}

void TlsConnection::drop_transcript() {
  context_.held_bytes -= hs_->transcript.size();
  hs_->transcript = {};
}

void TlsConnection::on_message(std::uint8_t direction, const tls::HandshakeView& message) {
  Side& side = sides_[direction];
  const bool tls13 = hs_->version == crypto::kTls13;
  if (message.type == HandshakeType::kClientHello) on_client_hello(direction, message.body);
  if (!hs_->client_hello) return give_up();
  add_to_transcript(message);
  switch (message.type) {
    case HandshakeType::kServerHello:
      if (direction != client_) on_server_hello(message.body);
      break;
    case HandshakeType::kEncryptedExtensions:
      if (const auto alpn = tls::parse_encrypted_extensions(message.body); alpn.ok()) {
        info_.alpn = std::string(alpn->substr(0, kMaxName));
      }
      break;
    case HandshakeType::kCertificate: on_certificate(direction, message.body); break;
    case HandshakeType::kCertificateRequest: info_.client_certificate_requested = true; break;
    case HandshakeType::kServerKeyExchange: {
      const auto params = hs_->ecdhe ? tls::parse_ecdhe_params(message.body) : tls::parse_dhe_params(message.body);
      if (params.ok() && hs_->ecdhe) info_.group = params->group;
      if (params.ok() && !hs_->ecdhe) info_.dh_prime_bits = params->dh_prime_bits;
      break;
    }
    case HandshakeType::kClientKeyExchange: {
      if (tls13 || !hs_->suite.has_value()) break;
      if (const auto secret = tls::parse_rsa_key_exchange(message.body); secret.ok() && secret->size() <= 1024) {
        hs_->encrypted_premaster = copy_of(*secret);
      }
      if (!hs_->transcript_cut) {
        hs_->session_hash = crypto::tls12_session_hash(crypto::tls_prf_of(*hs_->suite, hs_->version), hs_->transcript);
      }
      drop_transcript();
      state_changed_ = true;
      break;
    }
    case HandshakeType::kNewSessionTicket:
      if (tls13) break;
      if (const auto ticket = tls::parse_new_session_ticket(message.body);
          ticket.ok() && ticket->size() <= kMaxTicket) {
        hs_->new_ticket = copy_of(*ticket);
        // A resuming handshake that is known already renews its ticket.
        if (hs_->derived && hs_->suite.has_value()) context_.keys.remember(hs_->new_ticket, find_master());
      }
      break;
    case HandshakeType::kEndOfEarlyData:
      if (side.epoch == Epoch::kEarly) {
        start_epoch(side, Epoch::kHandshake);
      }
      break;
    case HandshakeType::kFinished:
      if (side.epoch == Epoch::kHandshake) {
        start_epoch(side, Epoch::kApplication);
      }
      break;
    case HandshakeType::kKeyUpdate:
      if (side.epoch == Epoch::kApplication && side.opener.has_value()) {
        auto next = side.opener->next();
        if (!next.has_value()) return give_up();
        start_epoch(side, Epoch::kApplication);
        side.opener = std::move(next);
      }
      break;
    default: break;
  }
}

void TlsConnection::on_client_hello(std::uint8_t direction, ByteView body) {
  const auto hello = tls::parse_client_hello(body);
  if (!hello.ok()) {
    if (!hs_->client_hello) give_up();
    return;
  }
  const bool after_retry = hs_->client_hello && hs_->version == crypto::kTls13;
  if (after_retry && hs_->server_hello) return;  // there is no renegotiation in 1.3
  client_ = direction;
  auto fresh = std::make_unique<Handshake>();
  fresh->client_hello = true;
  std::ranges::copy(hello->random, fresh->client_random.begin());
  fresh->hello_version = hello->version;
  fresh->early_data = hello->early_data && !after_retry;
  fresh->offered_session_id = copy_of(hello->session_id);
  if (hello->session_ticket.size() <= kMaxTicket) fresh->offered_ticket = copy_of(hello->session_ticket);
  fresh->version = after_retry ? crypto::kTls13 : std::uint16_t{0};
  drop_transcript();
  hs_ = std::move(fresh);
  info_.server_name = std::string(hello->server_name.substr(0, kMaxName));
  info_.client_version = hello->version;
  for (std::size_t i = 0; i < tls::value_count(hello->supported_versions); ++i) {
    const std::uint16_t version = tls::value_at(hello->supported_versions, i);
    if (!tls::is_grease(version)) info_.client_version = std::max(info_.client_version, version);
  }
  info_.offered_suites.clear();
  for (std::size_t i = 0; i < tls::value_count(hello->cipher_suites) && i < kMaxOfferedSuites; ++i) {
    info_.offered_suites.push_back(tls::value_at(hello->cipher_suites, i));
  }
}

void TlsConnection::on_server_hello(ByteView body) {
  const auto hello = tls::parse_server_hello(body);
  if (!hello.ok() || hs_->server_hello) return;
  hs_->version = hello->version;
  info_.version = hello->version;
  info_.cipher_suite = hello->cipher_suite;
  if (hello->group != 0) info_.group = hello->group;
  if (hello->hello_retry_request) {
    hs_->early_data = false;  // refused
    state_changed_ = true;
    return;
  }
  hs_->server_hello = true;
  handshake_seen_ = true;
  state_changed_ = true;
  std::ranges::copy(hello->random, hs_->server_random.begin());
  const std::string_view name = tls::cipher_suite_name(hello->cipher_suite);
  hs_->ecdhe = name.starts_with("TLS_ECDH");
  hs_->suite = crypto::tls_suite(name);
  hs_->supported = hs_->suite.has_value() && hello->version >= crypto::kTls10 && hello->version <= crypto::kTls13 &&
                   hello->compression == 0 && (hello->version != crypto::kTls13 || hs_->suite->aead());
  hs_->encrypt_then_mac = hello->encrypt_then_mac;
  hs_->extended_master_secret = hello->extended_master_secret;
  hs_->session_id = copy_of(hello->session_id);
  if (!hello->alpn.empty()) info_.alpn = std::string(hello->alpn.substr(0, kMaxName));
  if (hello->version == crypto::kTls13) {
    info_.resumed = hello->pre_shared_key;
    for (Side& side : sides_) {
      start_epoch(side, Epoch::kHandshake);
    }
    if (hs_->early_data) sides_[client_].epoch = Epoch::kEarly;
    drop_transcript();
  } else {
    info_.resumed = !hs_->session_id.empty() && hs_->session_id == hs_->offered_session_id;
  }
}

void TlsConnection::on_certificate(std::uint8_t direction, ByteView body) {
  if (!context_.keep_certificates) return;
  const auto certificates = tls::parse_certificates(body, hs_->version == crypto::kTls13);
  if (!certificates.ok()) return;
  auto& kept = direction == client_ ? info_.client_certificates : info_.server_certificates;
  kept.clear();
  std::size_t total = 0;
  for (const ByteView certificate : *certificates) {
    total += certificate.size();
    if (total > kMaxCertificateBytes) break;
    kept.push_back(copy_of(certificate));
  }
}

void TlsConnection::on_alert(ByteView body) {
  const auto alert = tls::parse_alert(body);
  if (alert.ok() && alert->fatal && !info_.fatal_alert.has_value()) info_.fatal_alert = *alert;
}

}  // namespace voip::dissect
