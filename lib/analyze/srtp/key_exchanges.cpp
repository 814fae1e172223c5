#include "analyze/srtp/key_exchanges.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/exchange_checks.h"
#include "base/codec.h"
#include "base/text.h"
#include "crypto/kdf.h"
#include "proto/stun/stun.h"
#include "proto/tls/names.h"

namespace voip::analyze::srtp {

namespace {

using session::KeyingFlow;
using session::Leg;

constexpr std::uint64_t kKeysFound = ~std::uint64_t{0};
constexpr std::size_t kMostIceUsers = 8;
constexpr std::size_t kMostIceUserSize = 520;  // two ufrags and a colon (RFC 8445 section 5.3)

struct ExchangeAttachment final : session::Attachment {
  std::shared_ptr<ExchangeState> state = std::make_shared<ExchangeState>();
};

bool media_socket(const session::MediaLine& line, const Endpoint& socket) {
  return (line.port != 0 && line.rtp == socket) || std::ranges::find(line.candidates, socket) != line.candidates.end();
}

// The socket of one end; where a TURN server stands there, of the peer behind it.
const Endpoint& party(const KeyingFlow& flow, bool b) {
  if (flow.behind != Endpoint{} && flow.behind_b == b) return flow.behind;
  return b ? flow.b : flow.a;
}

crypto::TlsPrf prf_of(const DtlsHandshake& handshake) {
  if (handshake.version > dtls::kDtls12) return crypto::TlsPrf::kMd5Sha1;  // versions count downwards
  return tls::cipher_suite_name(handshake.cipher_suite).ends_with("SHA384") ? crypto::TlsPrf::kSha384
                                                                            : crypto::TlsPrf::kSha256;
}

}  // namespace

const ExchangeState* exchange_of(const KeyingFlow& flow) {
  return flow.attachment == nullptr ? nullptr : static_cast<const ExchangeAttachment&>(*flow.attachment).state.get();
}

KeyExchanges::Pair KeyExchanges::ordered(const Endpoint& a, const Endpoint& b) {
  return b < a ? Pair{b, a} : Pair{a, b};
}

// --- what the packets show ----------------------------------------------------------------------------------------

void KeyExchanges::on_keying(KeyingFlow& flow, const dissect::MediaEvent& event, CallKeys* keys) {
  if (flow.attachment == nullptr) flow.attachment = std::make_unique<ExchangeAttachment>();
  const auto& shared = static_cast<ExchangeAttachment&>(*flow.attachment).state;
  ExchangeState& state = *shared;
  state.a = flow.a;
  state.b = flow.b;
  const net::Datagram& datagram = *event.datagram;
  const bool from_a = datagram.src == flow.a;
  const Pair pair = ordered(flow.a, flow.b);
  if (event.kind == dissect::MediaKind::kDtls) {
    if (state.dtls == nullptr) state.dtls = std::make_unique<DtlsTrack>();
    DtlsParts& parts = parts_.get(pair, datagram.frame.time, [this](const Pair&, const DtlsParts& gone) {
      if (gone.by_direction[0].waiting() || gone.by_direction[1].waiting()) ++evicted_;
    });
    state.dtls->add(datagram.payload, from_a, datagram.truncated, datagram.frame, parts, certificates_);
    if (!state.dtls->handshakes().empty() && state.dtls->handshakes().back().complete()) parts_.erase(pair);
    export_keys(flow, state, keys);
  } else if (event.kind == dissect::MediaKind::kZrtp) {
    if (state.zrtp == nullptr) state.zrtp = std::make_unique<ZrtpTrack>();
    state.zrtp->add(datagram.payload, from_a, datagram.frame);
  } else if (event.kind == dissect::MediaKind::kStun && state.ice_users.size() < kMostIceUsers) {
    const auto message = stun::parse(datagram.payload);
    if (message && message->message_class == stun::Class::kRequest && !message->username.empty() &&
        message->username.size() <= kMostIceUserSize) {
      const std::pair<bool, std::string> user{from_a, message->username};
      if (std::ranges::find(state.ice_users, user) == state.ice_users.end()) state.ice_users.push_back(user);
    }
  }
  if (flow.call == nullptr && event.kind != dissect::MediaKind::kStun)
    orphans_.get(pair, datagram.frame.time, [](const Pair&, auto&) {}) = shared;
}

void KeyExchanges::export_keys(const KeyingFlow& flow, ExchangeState& state, CallKeys* keys) {
  for (DtlsHandshake& handshake : state.dtls->handshakes()) {
    if (!handshake.server_hello.known() || !handshake.client_hello.known()) continue;
    if (handshake.keys_tried && handshake.keys_generation == log_.generation()) continue;
    if (handshake.keys_tried && handshake.keys_generation == kKeysFound) continue;
    handshake.keys_tried = true;
    handshake.keys_generation = log_.generation();
    const crypto::TlsSecrets* secrets = log_.find(handshake.client_random);
    std::vector<std::uint16_t> profiles;
    crypto::TlsSecret secret;
    if (handshake.hidden()) {
      // The choice is out of sight: a verified tag tells which of the offered ones it was.
      profiles = handshake.profiles_offered;
      if (secrets != nullptr) secret = secrets->exporter;
    } else {
      if (handshake.server_use_srtp) profiles.push_back(handshake.profile);
      if (secrets != nullptr) secret = secrets->master;
      if (!secret.known() && handshake.resumed) secret = log_.remembered(handshake.session_id);
      if (secret.known() && !handshake.session_id.empty()) log_.remember(handshake.session_id, secret);
    }
    if (!secret.known()) continue;
    handshake.keys_generation = kKeysFound;
    for (const std::uint16_t profile : profiles) {
      const crypto::SrtpSuite* suite = crypto::srtp_suite_by_dtls_profile(profile);
      if (suite == nullptr || !suite->supported) continue;
      const auto made = handshake.hidden() ? crypto::dtls13_srtp_keys(
                                                 *suite,
                                                 tls::cipher_suite_name(handshake.cipher_suite).ends_with("SHA384")
                                                     ? crypto::Hash::kSha384
                                                     : crypto::Hash::kSha256,
                                                 secret.view())
                                           : crypto::dtls_srtp_keys(*suite, prf_of(handshake), secret.view(),
                                                                    handshake.client_random, handshake.server_random);
      if (!made) continue;
      crypto::SrtpParameters parameters;
      parameters.mki_size = handshake.mki_size;
      for (const bool client : {true, false}) {
        auto key = crypto::SrtpKey::make(*suite, client ? made->client_key : made->server_key,
                                         client ? made->client_salt : made->server_salt, parameters);
        if (!key.ok()) continue;
        const auto shared = std::make_shared<crypto::SrtpKey>(std::move(*key));
        if (keys != nullptr) {
          (void)keys->add(shared);
        } else {
          auto& slot = pair_keys_.get(ordered(flow.a, flow.b), handshake.server_hello.time,
                                      [this](const Pair&, auto&) { ++evicted_; });
          if (slot == nullptr) slot = std::make_shared<CallKeys>();
          (void)slot->add(shared);
        }
      }
    }
  }
}

std::shared_ptr<CallKeys> KeyExchanges::pair_keys(const Endpoint& a, const Endpoint& b) {
  if (pair_keys_.size() == 0) return nullptr;
  const auto* found = pair_keys_.find(ordered(a, b));
  return found == nullptr ? nullptr : *found;
}

// --- what a call's end tells --------------------------------------------------------------------------------------

const FlowView* CallExchanges::flow_between(const Endpoint& x, const Endpoint& y) const {
  for (const FlowView& view : flows) {
    if ((view.flow->a == x && view.flow->b == y) || (view.flow->a == y && view.flow->b == x)) return &view;
  }
  return nullptr;
}

CallExchanges::Received CallExchanges::received(const FlowView& view, std::size_t end) {
  const auto& own = view.sides.own[end];
  const auto& other = view.sides.own[1 - end];
  // A fork's dialogs name other ends; those that name this one count.
  const auto shared = [&other](const SideLine& line) {
    return line.dialog != nullptr &&
           std::ranges::any_of(other, [&line](const SideLine& o) { return o.dialog == line.dialog; });
  };
  const bool narrow = std::ranges::any_of(own, shared);
  const auto counts = [&](const SideLine& line) { return !narrow || shared(line); };
  // Hops are numbered from the caller on.
  const bool caller = (end == 0) == view.sides.a_is_caller.value_or(false);
  std::optional<std::size_t> nearest;
  for (const SideLine& line : own) {
    if (line.dialog == nullptr || !counts(line)) continue;
    const std::size_t hop = line.dialog->hop;
    if (!nearest || (caller ? hop > *nearest : hop < *nearest)) nearest = hop;
  }
  Received received;
  for (const SideLine& line : own) {
    if (!counts(line)) continue;
    const bool here = !nearest || line.dialog == nullptr || line.dialog->hop == *nearest;
    (here ? received.lines : received.farther).push_back(&line);
  }
  return received;
}

namespace {

bool between(const KeyingFlow& flow, const Endpoint& x, const Endpoint& y) {
  return (flow.a == x && flow.b == y) || (flow.a == y && flow.b == x);
}

// Whether the leg's line names a socket of the flow.
bool names_flow(const KeyingFlow& flow, const Leg& leg, std::size_t index) {
  for (const session::DialogLeg* dialog : leg.path) {
    for (const session::Exchange& exchange : dialog->exchanges) {
      for (const session::SdpUse* use : {&exchange.offer, &exchange.answer}) {
        if (use->sdp == nullptr || index >= use->sdp->media().size()) continue;
        const session::MediaLine& line = use->sdp->media()[index];
        if (media_socket(line, flow.a) || media_socket(line, flow.b)) return true;
      }
    }
  }
  return false;
}

// The flows that carry one m= line of a leg, the nearest first: those of its streams, then those that it names.
template <class Stream, class Function>
void each_flow(const session::Call& call, const Leg& leg, std::size_t index, const std::vector<Stream>& streams,
               Function&& function) {
  const auto ends = [](const auto& stream) {
    if constexpr (std::is_same_v<Stream, StreamRecord>) {
      return std::pair{stream.src, stream.dst};
    } else {
      return std::pair{stream->key.src, stream->key.dst};
    }
  };
  for (const bool by_stream : {true, false}) {
    for (const auto& flow : call.keying) {
      const ExchangeState* state = exchange_of(*flow);
      if (state == nullptr) continue;
      const bool carries = by_stream ? std::ranges::any_of(streams,
                                                           [&](const Stream& stream) {
                                                             const auto [src, dst] = ends(stream);
                                                             return between(*flow, src, dst);
                                                           })
                                     : names_flow(*flow, leg, index);
      if (carries && function(*state)) return;
    }
  }
}

const DtlsHandshake* keyed_by(const ExchangeState& state) {
  if (state.dtls == nullptr) return nullptr;
  const auto& all = state.dtls->handshakes();
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (at->server_hello.known() && !at->alert.known() && at->server_use_srtp) return &*at;
  }
  return nullptr;
}

std::string profile_name(std::uint16_t profile) {
  const dtls::SrtpProfile* known = dtls::srtp_profile(profile);
  return known != nullptr
             ? std::string(known->name)
             : "0x" +
                   encode_hex(std::array{static_cast<std::uint8_t>(profile >> 8), static_cast<std::uint8_t>(profile)});
}

}  // namespace

std::string KeyExchanges::dtls_suite(const session::Call& call, const Leg& leg, std::size_t index,
                                     const std::vector<session::MediaStream*>& streams) {
  std::string suite;
  each_flow(call, leg, index, streams, [&suite](const ExchangeState& state) {
    if (const DtlsHandshake* handshake = keyed_by(state)) suite = profile_name(handshake->profile);
    return !suite.empty();
  });
  return suite;
}

void KeyExchanges::describe(const session::Call& call, const Leg& leg, std::size_t index, MediaRecord& record) {
  if (!record.suite.empty()) return;
  if (record.negotiated == Keying::kDtlsSrtp) {
    // A verified tag tells what DTLS 1.3 hides.
    for (const StreamRecord& stream : record.streams) {
      if (record.suite.empty()) record.suite = stream.exchanged_suite;
    }
  }
  if (!record.suite.empty()) return;
  each_flow(call, leg, index, record.streams, [&record](const ExchangeState& state) {
    if (record.negotiated == Keying::kDtlsSrtp) {
      if (const DtlsHandshake* handshake = keyed_by(state)) record.suite = profile_name(handshake->profile);
    } else if (record.negotiated == Keying::kZrtp && state.zrtp != nullptr) {
      record.suite = state.zrtp->suite();
    }
    return !record.suite.empty();
  });
}

std::optional<FrameRef> KeyExchanges::secured_at(const session::Call& call, const Endpoint& a, const Endpoint& b) {
  for (const auto& flow : call.keying) {
    const ExchangeState* state = between(*flow, a, b) ? exchange_of(*flow) : nullptr;
    if (state == nullptr) continue;
    if (state->dtls != nullptr) {
      for (const DtlsHandshake& handshake : state->dtls->handshakes()) {
        if (handshake.complete()) return handshake.completed();
      }
    }
    if (state->zrtp != nullptr && state->zrtp->completed()) return state->zrtp->secure().front().from;
  }
  return std::nullopt;
}

void KeyExchanges::check_call(const session::Call& call, const session::Legs& legs, const CallRecord& record) {
  CallExchanges exchanges(call, legs);
  for (const auto& flow : call.keying) {
    if (const ExchangeState* state = exchange_of(*flow))
      exchanges.flows.push_back({flow.get(), state, exchanges.sockets.sides(party(*flow, false), party(*flow, true))});
  }
  static const std::vector<std::string> kNone;
  const auto* mky = mky_.find(call.serial);
  check_keying_lines(out_, exchanges, record, mky == nullptr ? kNone : *mky);
  check_dtls(out_, exchanges, record);
  check_zrtp(out_, exchanges, record);
  note_sharers(call);
  mky_.erase(call.serial);
}

void KeyExchanges::check_orphan(const StreamRecord& stream) {
  const Pair pair = ordered(stream.src, stream.dst);
  const auto* found = orphans_.find(pair);
  if (found == nullptr || *found == nullptr || (*found)->dtls == nullptr || (*found)->checked) return;
  ExchangeState& state = **found;
  state.checked = true;
  KeyingFlow flow;
  flow.a = state.a;
  flow.b = state.b;
  Told told;
  for (const DtlsHandshake& handshake : state.dtls->handshakes())
    check_handshake(out_, nullptr, flow, handshake, Carries::kMedia, told);
  check_orphan_dtls(out_, stream, flow, state);
}

// --- across calls -------------------------------------------------------------------------------------------------

namespace {

constexpr std::size_t kMostMky = 16;

// The values of "dig" in the mky claim of a PASSporT's payload, as lower-case hex without colons (RFC 8225 section
// 5.2.2). Signatures are for another tool to judge.
void read_mky(std::string_view payload, std::vector<std::string>& digests) {
  std::size_t at = payload.find("\"mky\"");
  while (at != std::string_view::npos && digests.size() < kMostMky) {
    at = payload.find("\"dig\"", at);
    if (at == std::string_view::npos) return;
    const std::size_t open = payload.find('"', at + 5);
    const std::size_t close = open == std::string_view::npos ? open : payload.find('"', open + 1);
    if (close == std::string_view::npos) return;
    std::string digest;
    for (const char c : payload.substr(open + 1, close - open - 1)) {
      if (c != ':') digest.push_back(ascii_lower(c));
    }
    digests.push_back(std::move(digest));
    at = close;
  }
}

}  // namespace

void KeyExchanges::on_message(const dissect::SipEvent& event, const session::Call* call) {
  if (call == nullptr || event.message == nullptr) return;
  for (const auto& header : event.message->headers) {
    if (header.id != sip::HeaderId::kIdentity) continue;
    TextCursor token{header.value};
    token.skip_blanks();
    (void)token.until('.');
    const std::string_view payload = token.until('.');
    if (payload.empty() || payload.size() > 16384) continue;
    const auto decoded = decode_base64url(payload);
    if (!decoded) continue;
    std::vector<std::string> digests;
    read_mky(as_text(*decoded), digests);
    if (digests.empty()) continue;
    auto& kept = mky_.at_or_new(call->serial);
    for (std::string& digest : digests) {
      if (kept.size() < kMostMky && std::ranges::find(kept, digest) == kept.end()) kept.push_back(std::move(digest));
    }
  }
}

namespace {

constexpr std::size_t kMostFingerprints = 65536;
constexpr std::size_t kMostAddresses = 65536;
constexpr std::size_t kMostSharers = 32;
constexpr std::size_t kMostAccounts = 4;

}  // namespace

void KeyExchanges::note_sharers(const session::Call& call) {
  std::set<std::pair<const void*, bool>> seen;
  for (const session::SdpUse& use : call.sdp_uses) {
    if (use.sdp == nullptr || std::ranges::all_of(use.sdp->media(), &std::vector<sdp::Fingerprint>::empty,
                                                  &session::MediaLine::fingerprints)) {
      continue;
    }
    if (!seen.emplace(use.sdp.get(), use.from_caller).second) continue;
    const std::string& account = use.from_caller ? call.from : call.to;
    for (const session::MediaLine& line : use.sdp->media()) {
      if (line.fingerprints.empty() || line.rtp.address.unspecified()) continue;
      const IpAddress address = line.rtp.address;
      if (accounts_at_.size() < kMostAddresses || accounts_at_.contains(address)) {
        auto& accounts = accounts_at_[address];
        if (accounts.size() < kMostAccounts) accounts.insert(account);
      }
      for (const sdp::Fingerprint& fingerprint : line.fingerprints) {
        const std::string key = to_lower(fingerprint.hash) + ' ' + to_lower(fingerprint.value);
        if (sharers_.size() >= kMostFingerprints && !sharers_.contains(key)) continue;
        auto& by_address = sharers_[key];
        if (by_address.size() >= kMostSharers && !by_address.contains(address)) continue;
        Sharer& sharer = by_address[address];
        if (sharer.accounts.size() < kMostAccounts) sharer.accounts.insert(account);
        if (!sharer.first.known() || use.frame < sharer.first) sharer.first = use.frame;
      }
    }
  }
}

void KeyExchanges::finish() {
  for (const auto& [fingerprint, by_address] : sharers_) {
    std::vector<std::pair<IpAddress, const Sharer*>> ends;
    std::set<std::string> accounts;
    for (const auto& [address, sharer] : by_address) {
      const auto here = accounts_at_.find(address);
      if (here != accounts_at_.end() && here->second.size() > 1) continue;  // a relay or gateway
      ends.emplace_back(address, &sharer);
      accounts.insert(sharer.accounts.begin(), sharer.accounts.end());
    }
    if (ends.size() < 3 || accounts.size() < 3) {
      out_.tally(kSharedCertificate, report::Verdict::kPass);
      continue;
    }
    out_.tally(kSharedCertificate, report::Verdict::kFail);
    std::vector<report::Evidence> evidence;
    std::string names;
    for (const auto& [address, sharer] : ends) {
      if (evidence.size() < 5) {
        evidence.push_back({sharer->first, "a=fingerprint of " + address.to_string()});
        names += (names.empty() ? "" : ", ") + *sharer->accounts.begin() + " at " + address.to_string();
      }
    }
    std::ranges::sort(evidence, {}, &report::Evidence::frame);
    out_.add(kSharedCertificate,
             fmt::format("{} endpoints use the certificate with fingerprint {}: {}{}", ends.size(), fingerprint, names,
                         ends.size() > 5 ? " and others" : ""),
             nullptr, fingerprint, std::move(evidence), {}, {}, report::Confidence::kProbable);
  }
}

}  // namespace voip::analyze::srtp
