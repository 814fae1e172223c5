#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/exchange_checks.h"
#include "base/codec.h"
#include "base/text.h"

// SRTP-037, 039, 045 and 046: DTLS held against what the call's SDPs say.
namespace voip::analyze::srtp {

using report::Confidence;
using report::Evidence;
using report::Verdict;
using session::Call;
using session::KeyingFlow;
using session::MediaLine;

namespace {

constexpr std::uint64_t kLeastMedia = 50;  // packets, SRTP-045
constexpr std::chrono::seconds kHelloWindow{30};

std::string colons(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{}{:02X}", text.empty() ? "" : ":", byte);
  return text;
}

std::vector<std::uint8_t> bytes_of(std::string_view value) {
  std::string digits;
  for (const char c : value) {
    if (c != ':') digits.push_back(c);
  }
  return decode_hex(digits).value_or(std::vector<std::uint8_t>{});
}

// With BUNDLE the first line's transport serves all lines.
template <class Function>
void each_fingerprint(const SideLine& side, Function&& function) {
  for (const sdp::Fingerprint& fingerprint : side.line->fingerprints) function(fingerprint);
  if (!side.use->sdp->bundled()) return;
  for (const MediaLine& line : side.use->sdp->media()) {
    if (&line == side.line) continue;
    for (const sdp::Fingerprint& fingerprint : line.fingerprints) function(fingerprint);
  }
}

struct Comparison {
  bool match = false;
  bool usable = false;  // at least one value of a known hash
  const sdp::Fingerprint* shown = nullptr;
  const SideLine* from = nullptr;
};

Comparison compare(const std::vector<const SideLine*>& lines, const crypto::CertificateFacts& certificate) {
  Comparison result;
  for (const SideLine* side : lines) {
    each_fingerprint(*side, [&](const sdp::Fingerprint& fingerprint) {
      const auto hash = crypto::hash_by_name(fingerprint.hash);
      if (!hash || certificate.digest(*hash).size == 0) return;
      const auto value = bytes_of(fingerprint.value);
      const ByteView wanted = certificate.digest(*hash).view();
      if (value.size() != wanted.size()) return;
      result.usable = true;
      result.match |= std::ranges::equal(value, wanted);
      // The last SDP counts; it is the one to show.
      if (result.from == nullptr || result.from->use->frame < side->use->frame) {
        result.shown = &fingerprint;
        result.from = side;
      }
    });
  }
  return result;
}

// SRTP-037.
void check_fingerprints(Findings& out, const CallExchanges& call, const FlowView& view, const DtlsHandshake& handshake,
                        bool stranger, Told& told) {
  if (!handshake.server_hello.known()) return;
  for (const std::size_t end : {std::size_t{0}, std::size_t{1}}) {
    const bool client = (end == 0) == handshake.client_is_a;
    if (client && stranger) continue;  // no side of the call: SRTP-046 tells
    const DtlsParty& party = client ? handshake.client : handshake.server;
    const Endpoint owner = end == 0 ? view.flow->a : view.flow->b;
    if (party.certificate == nullptr || !view.sides.a_is_caller) {
      out.tally(kFingerprintMismatch, Verdict::kNotAssessable);
      continue;
    }
    const CallExchanges::Received expected = CallExchanges::received(view, end);
    const Comparison found = compare(expected.lines, *party.certificate);
    if (!found.usable) {
      const bool none =
          std::ranges::all_of(expected.lines, [](const SideLine* s) { return s->line->fingerprints.empty(); });
      out.tally(kFingerprintMismatch,
                none && !expected.lines.empty() ? Verdict::kNotApplicable : Verdict::kNotAssessable);
      continue;
    }
    if (found.match) {
      out.tally(kFingerprintMismatch, Verdict::kPass);
      continue;
    }
    out.tally(kFingerprintMismatch, Verdict::kFail);
    const std::string entity = owner.address.to_string() + "|fingerprint-mismatch";
    if (!told.insert(entity).second) continue;
    const auto hash = crypto::hash_by_name(found.shown->hash).value_or(crypto::Hash::kSha256);
    std::string message = fmt::format(
        "the certificate of {} has {} {}, but its a=fingerprint is {}; the handshake {}", owner.to_string(),
        crypto::to_string(hash), colons(party.certificate->digest(hash).view()), found.shown->value,
        handshake.complete()      ? "completed all the same"
        : handshake.alert.known() ? fmt::format("ended with the alert {}", dtls::alert_name(handshake.alert_code))
                                  : std::string("was not seen to complete"));
    if (compare(expected.farther, *party.certificate).match)
      message += "; on an earlier hop the SDP still held the right one: it was changed on the way";
    out.add(kFingerprintMismatch, std::move(message), &call.call, entity,
            {{party.certificate_frame, "Certificate"}, {found.from->use->frame, "a=fingerprint"}},
            {{"source", owner.to_string()}, {"destination", (end == 0 ? view.flow->b : view.flow->a).to_string()}}, {},
            view.sides.named[end] ? Confidence::kCertain : Confidence::kProbable);
  }
}

// The role that a side's a=setup and its counterpart's give it at the end: empty when they don't say, or both the same.
std::optional<bool> is_active(const SideLine& side) {
  const MediaLine* other = side.counterpart();
  if (other == nullptr) return std::nullopt;
  const std::string_view mine = side.line->setup;
  const std::string_view theirs = other->setup;
  if (iequals(mine, theirs)) return std::nullopt;
  const std::string_view answer = side.offer ? theirs : mine;
  const bool answer_is_mine = !side.offer;
  if (iequals(answer, "active")) return answer_is_mine;
  if (iequals(answer, "passive")) return !answer_is_mine;
  const std::string_view offer = side.offer ? mine : theirs;
  if (iequals(offer, "active")) return !answer_is_mine;
  if (iequals(offer, "passive")) return answer_is_mine;
  return std::nullopt;
}

// SRTP-039, the part that the wire shows.
void check_who_starts(Findings& out, const CallExchanges& call, const FlowView& view, const DtlsHandshake& handshake,
                      Told& told) {
  if (!handshake.client_hello.known()) return;
  const std::size_t end = handshake.client_is_a ? 0 : 1;
  const SideLine* in_force = nullptr;
  const auto offered = [](const SideLine& side) { return side.offer ? side.use->frame : side.other->frame; };
  for (const SideLine& side : view.sides.own[end]) {
    if (side.counterpart() == nullptr || !offered(side).known()) continue;
    const bool begun = offered(side).time <= handshake.client_hello.time;
    if (in_force == nullptr || (begun && offered(*in_force).time < offered(side).time)) in_force = &side;
  }
  if (in_force == nullptr) return out.tally(kSetupConflict, Verdict::kNotAssessable);
  const auto active = is_active(*in_force);
  if (!active) return;
  if (*active) return out.tally(kSetupConflict, Verdict::kPass);
  out.tally(kSetupConflict, Verdict::kFail);
  const Endpoint client = client_of(*view.flow, handshake);
  if (!told.insert("starts|" + client.address.to_string()).second) return;
  out.add(kSetupConflict,
          fmt::format("{} sends the ClientHello though it is the passive side (a=setup:{} against {})",
                      client.to_string(), in_force->line->setup, in_force->counterpart()->setup),
          &call.call, client.address.to_string() + "|passive-starts",
          {{handshake.client_hello, "ClientHello of the passive side"},
           {in_force->offer ? in_force->other->frame : in_force->use->frame, "answer"},
           {offered(*in_force), "offer"}},
          {{"source", client.to_string()}, {"destination", server_of(*view.flow, handshake).to_string()}});
}

Carries carries_of(const CallExchanges& call, const FlowView& view) {
  bool data = false;
  for (const auto& lines : view.sides.own) {
    for (const SideLine& side : lines) {
      if (side.line->rtp_profile()) return Carries::kMedia;
      data = true;
    }
  }
  for (const auto& stream : call.call.streams) {
    if ((stream->key.src == view.flow->a && stream->key.dst == view.flow->b) ||
        (stream->key.src == view.flow->b && stream->key.dst == view.flow->a))
      return Carries::kMedia;
  }
  return data ? Carries::kData : Carries::kUnknown;
}

// --- SRTP-045 -----------------------------------------------------------------------------------------------------

bool finished(const ExchangeState& state) {
  return state.dtls != nullptr && std::ranges::any_of(state.dtls->handshakes(), &DtlsHandshake::complete);
}

// Whether another flow of the same leg (another component, the bundle's line, another ICE pair) has finished.
bool finished_beside(const CallExchanges& call, const Endpoint& a, const Endpoint& b, const FlowView* self) {
  for (const FlowView& view : call.flows) {
    if (&view == self || !finished(*view.state)) continue;
    const IpAddress& x = view.flow->a.address;
    const IpAddress& y = view.flow->b.address;
    if ((x == a.address && y == b.address) || (x == b.address && y == a.address)) return true;
    if (self == nullptr) continue;
    for (const auto& lines : view.sides.own) {
      for (const SideLine& side : lines) {
        for (const auto& mine : self->sides.own) {
          const bool shared = side.dialog != nullptr &&
                              std::ranges::any_of(mine, [&](const SideLine& m) { return m.dialog == side.dialog; });
          if (shared) return true;
        }
      }
    }
  }
  return false;
}

struct MediaSeen {
  std::uint64_t packets = 0;
  std::uint64_t from_a = 0;
  std::uint64_t from_b = 0;
  FrameRef first;
  bool encrypted = false;
  bool clear = false;
};

void see(const StreamRecord& stream, const Endpoint& a, const Endpoint& b, Timestamp since, MediaSeen& seen) {
  const bool forward = stream.src == a && stream.dst == b;
  if (!forward && !(stream.src == b && stream.dst == a)) return;
  std::uint64_t packets = stream.packets;
  if (since.known() && stream.first.time < since) {
    // Packets before the handshake began are no matter here; they came evenly, as far as anyone can say.
    const double all = seconds_between(stream.first.time, stream.last.time);
    const double after = std::max(0.0, seconds_between(since, stream.last.time));
    packets = all <= 0.0 ? 0 : static_cast<std::uint64_t>(static_cast<double>(packets) * std::min(1.0, after / all));
  }
  seen.packets += packets;
  (forward ? seen.from_a : seen.from_b) += packets;
  if (packets != 0 && (!seen.first.known() || stream.first < seen.first)) seen.first = stream.first;
  seen.encrypted |= stream.observed == Observed::kEncrypted;
  seen.clear |= stream.observed == Observed::kCleartext;
}

const DtlsHandshake* unfinished(const ExchangeState& state) {
  for (const DtlsHandshake& handshake : state.dtls->handshakes()) {
    if (handshake.alert.known()) return &handshake;
  }
  return &state.dtls->handshakes().back();
}

// Of one pair whose handshakes were seen.
void judge_finish(Findings& out, const Call* call, const KeyingFlow& flow, const ExchangeState& state,
                  const MediaSeen& media, bool elsewhere, Told& told) {
  if (finished(state)) return out.tally(kDtlsNeverFinished, Verdict::kPass);
  if (media.packets < kLeastMedia) {
    return out.tally(kDtlsNeverFinished, media.packets == 0 ? Verdict::kNotApplicable : Verdict::kNotAssessable);
  }
  const DtlsHandshake& handshake = *unfinished(state);
  if (elsewhere) return out.tally(kDtlsNeverFinished, Verdict::kNotApplicable);
  // A tap that sees one direction only sees no handshake end.
  const bool one_way = (media.from_a == 0 || media.from_b == 0) &&
                       !(handshake.client_hello.known() && handshake.server_hello.known()) && !handshake.alert.known();
  if (!handshake.client_hello.known() || handshake.hidden() || handshake.resumed || state.dtls->truncated() ||
      (one_way && (media.from_a != 0) == handshake.client_is_a)) {
    return out.tally(kDtlsNeverFinished, Verdict::kNotAssessable);
  }
  out.tally(kDtlsNeverFinished, Verdict::kFail);
  const std::string a = flow.a.address.to_string();
  const std::string b = flow.b.address.to_string();
  const std::string entity = (a < b ? a + '|' + b : b + '|' + a) + "|dtls-unfinished";
  if (!told.insert(entity).second) return;
  out.add(kDtlsNeverFinished,
          fmt::format("{} RTP packets between {} and {} ({}), though DTLS never finished there; seen of it: {}",
                      media.packets, flow.a.to_string(), flow.b.to_string(),
                      media.clear       ? "clear"
                      : media.encrypted ? "they look encrypted"
                                        : "undetermined",
                      handshake_story(handshake)),
          call, entity,
          {{handshake.alert.known() ? handshake.alert : handshake.client_hello,
            handshake.alert.known() ? "fatal alert" : "ClientHello"},
           {media.first, "media"}},
          {{"source", flow.a.to_string()}, {"destination", flow.b.to_string()}}, {},
          media.encrypted && !media.clear ? Confidence::kProbable : Confidence::kCertain);
}

// Of DTLS-SRTP lines whose pair showed no handshake at all.
void check_absent(Findings& out, const CallExchanges& call, const CallRecord& record, Told& told) {
  const bool whole = std::ranges::any_of(call.call.hops, &session::Hop::invite_seen);
  for (const LegRecord& leg : record.legs) {
    for (const MediaRecord& media : leg.media) {
      if (media.negotiated != Keying::kDtlsSrtp) continue;
      std::set<std::pair<Endpoint, Endpoint>> pairs;
      for (const StreamRecord& stream : media.streams) {
        const auto pair =
            stream.src < stream.dst ? std::pair{stream.src, stream.dst} : std::pair{stream.dst, stream.src};
        if (!pairs.insert(pair).second) continue;
        const FlowView* view = call.flow_between(pair.first, pair.second);
        if (view != nullptr && view->state->dtls != nullptr && !view->state->dtls->handshakes().empty()) continue;
        MediaSeen seen;
        for (const StreamRecord& other : media.streams) see(other, pair.first, pair.second, {}, seen);
        if (seen.packets < kLeastMedia) {
          out.tally(kDtlsNeverFinished, Verdict::kNotAssessable);
          continue;
        }
        const bool beside = std::ranges::any_of(call.flows, [](const FlowView& f) { return finished(*f.state); });
        if (beside || !whole || !seen.clear || stream.first.time < call.call.first.time) {
          out.tally(kDtlsNeverFinished, beside ? Verdict::kNotApplicable : Verdict::kNotAssessable);
          continue;
        }
        out.tally(kDtlsNeverFinished, Verdict::kFail);
        const std::string a = pair.first.address.to_string();
        const std::string b = pair.second.address.to_string();
        const std::string entity = (a < b ? a + '|' + b : b + '|' + a) + "|dtls-unfinished";
        if (!told.insert(entity).second) continue;
        out.add(
            kDtlsNeverFinished,
            fmt::format("{} clear RTP packets between {} and {}, though DTLS-SRTP was agreed: no handshake was seen",
                        seen.packets, pair.first.to_string(), pair.second.to_string()),
            &call.call, entity, {{seen.first, "first RTP packet"}},
            {{"source", stream.src.to_string()}, {"destination", stream.dst.to_string()}}, {}, Confidence::kProbable);
      }
    }
  }
}

// --- SRTP-046 -----------------------------------------------------------------------------------------------------

// An ICE check on this flow with the ufrag of the media port's own SDP (RFC 8445 section 7.2.2).
bool passed_ice(const FlowView& view, std::size_t stranger) {
  for (const auto& [from_a, user] : view.state->ice_users) {
    const bool by_stranger = from_a == (stranger == 0);
    const auto ufrag = std::string_view(user).substr(0, user.find(':'));
    const auto second =
        user.find(':') == std::string::npos ? std::string_view{} : std::string_view(user).substr(user.find(':') + 1);
    for (const SideLine& side : view.sides.own[1 - stranger]) {
      if (side.line->ice_ufrag.empty()) continue;
      // Requests to the port begin with its ufrag; those that it sends end with it.
      if ((by_stranger ? ufrag : second) == side.line->ice_ufrag) return true;
    }
  }
  return false;
}

// Returns whether the client is a stranger.
bool check_stranger(Findings& out, const CallExchanges& call, const FlowView& view, const DtlsHandshake& handshake,
                    Told& told) {
  const auto tally = [&out](Verdict verdict) {
    out.tally(kStrangeClientHello, verdict);
    return false;
  };
  if (!handshake.client_hello.known()) return false;
  const std::size_t end = handshake.client_is_a ? 0 : 1;
  const Endpoint stranger = end == 0 ? view.flow->a : view.flow->b;
  const Endpoint port = end == 0 ? view.flow->b : view.flow->a;
  if (!view.sides.named[1 - end]) return tally(Verdict::kNotAssessable);
  const CallSockets& sockets = call.sockets;
  // NAT may give a peer another address of its network; inside a private network there is none between two hosts.
  const bool known = view.sides.named[end] || sockets.names_address(stranger.address) || passed_ice(view, end) ||
                     (!stranger.address.is_private() && sockets.names_network(stranger.address));
  // Behind NAT the peer's signalling comes from where its media comes from.
  const bool signals = std::ranges::any_of(call.call.hops, [&](const session::Hop& hop) {
    return hop.caller_side.address == stranger.address || hop.callee_side.address == stranger.address;
  });
  if (known || signals || stranger.address == port.address) return tally(Verdict::kPass);
  // The learned peer: it sends media here, and nobody that the SDPs name does.
  bool sends = false;
  bool named_peer = false;
  for (const auto& stream : call.call.streams) {
    if (stream->key.dst != port) continue;
    if (stream->key.src.address == stranger.address)
      sends = true;
    else if (sockets.names_address(stream->key.src.address))
      named_peer = true;
  }
  for (const FlowView& other : call.flows) {
    if (&other == &view) continue;
    const bool here = other.flow->a == port || other.flow->b == port;
    const Endpoint& peer = other.flow->a == port ? other.flow->b : other.flow->a;
    named_peer |= here && sockets.names_address(peer.address);
  }
  if (!named_peer) {
    return tally(sends ? Verdict::kPass : Verdict::kNotAssessable);
  }
  const Timestamp hello = handshake.client_hello.time;
  if (call.call.answered.known() && later_by(call.call.answered, hello, kHelloWindow))
    return tally(Verdict::kNotApplicable);
  out.tally(kStrangeClientHello, Verdict::kFail);
  if (!told.insert("stranger|" + stranger.address.to_string()).second) return true;
  const double after = seconds_between(call.call.answered, hello);
  out.add(kStrangeClientHello,
          fmt::format("{}, which no SDP of the call names, sent a ClientHello to {} {}; {}", stranger.to_string(),
                      port.to_string(),
                      !call.call.answered.known() ? std::string("before an answer was seen")
                      : after < 0                 ? fmt::format("{:.2f} s before the answer", -after)
                                                  : fmt::format("{:.2f} s after the answer", after),
                      handshake.complete()               ? "the port completed the handshake with it"
                      : handshake.server_hello.known()   ? "the port answered it with a ServerHello"
                      : handshake.verify_request.known() ? "the port asked it for a cookie"
                                                         : "the port did not answer"),
          &call.call, stranger.address.to_string() + '|' + port.address.to_string(),
          {{handshake.client_hello, "ClientHello"}, {handshake.server_hello, "ServerHello"}},
          {{"source", stranger.to_string()}, {"destination", port.to_string()}});
  return true;
}

}  // namespace

void check_dtls(Findings& out, const CallExchanges& call, const CallRecord& record) {
  Told told;
  for (const FlowView& view : call.flows) {
    if (view.state->dtls == nullptr || view.state->dtls->handshakes().empty()) continue;
    const Carries carries = carries_of(call, view);
    for (const DtlsHandshake& handshake : view.state->dtls->handshakes()) {
      const bool stranger = check_stranger(out, call, view, handshake, told);
      check_fingerprints(out, call, view, handshake, stranger, told);
      if (!stranger) check_who_starts(out, call, view, handshake, told);
      check_handshake(out, &call.call, *view.flow, handshake, carries, told);
    }
    MediaSeen media;
    Timestamp since;
    for (const DtlsHandshake& handshake : view.state->dtls->handshakes()) {
      if (handshake.client_hello.known() && !since.known()) since = handshake.client_hello.time;
    }
    for (const LegRecord& leg : record.legs) {
      for (const MediaRecord& line : leg.media) {
        for (const StreamRecord& stream : line.streams) see(stream, view.flow->a, view.flow->b, since, media);
      }
    }
    judge_finish(out, &call.call, *view.flow, *view.state, media,
                 finished_beside(call, view.flow->a, view.flow->b, &view), told);
  }
  check_absent(out, call, record, told);
}

void check_orphan_dtls(Findings& out, const StreamRecord& stream, const KeyingFlow& flow, const ExchangeState& state) {
  if (state.dtls->handshakes().empty()) return;
  MediaSeen media;
  const DtlsHandshake& first = state.dtls->handshakes().front();
  see(stream, flow.a, flow.b, first.client_hello.known() ? first.client_hello.time : Timestamp{}, media);
  Told told;
  judge_finish(out, nullptr, flow, state, media, false, told);
}

}  // namespace voip::analyze::srtp
