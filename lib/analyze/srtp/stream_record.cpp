#include "analyze/srtp/stream_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/picture.h"
#include "analyze/srtp/stream_state.h"

namespace voip::analyze::srtp {

using session::Call;
using session::Leg;
using session::MediaStream;
using session::RtcpFlow;

namespace {

void take_judgement(const MediaStream& stream, const Judgement& judgement, StreamRecord& record) {
  record.ssrc = stream.ssrc;
  record.src = stream.key.src;
  record.dst = stream.key.dst;
  record.payload_types = stream.payload_types;
  record.packets = stream.packets;
  record.first = stream.first;
  record.last = stream.last;
  record.observed = judgement.observed;
  switch (judgement.proof) {
    case Proof::kNone: record.proof = Strength::kNone; break;
    case Proof::kStatistical: record.proof = Strength::kStatistical; break;
    case Proof::kStructural: record.proof = Strength::kStructural; break;
  }
  record.reason = judgement.reason;
  record.codec = judgement.codec;
  record.cleartext_packets = judgement.cleartext_packets;
  record.overhead = judgement.overhead;
}

}  // namespace

std::string_view to_string(Declared declared) {
  switch (declared) {
    case Declared::kRtp: return "rtp";
    case Declared::kSrtp: return "srtp";
    case Declared::kUnknown: break;
  }
  return "unknown";
}
std::string_view to_string(Observed observed) {
  switch (observed) {
    case Observed::kCleartext: return "cleartext";
    case Observed::kEncrypted: return "encrypted";
    case Observed::kUndetermined: break;
  }
  return "undetermined";
}
std::string_view to_string(Strength strength) {
  switch (strength) {
    case Strength::kStatistical: return "statistical";
    case Strength::kStructural: return "structural";
    case Strength::kAuthenticated: return "authenticated";
    case Strength::kNone: break;
  }
  return "none";
}
std::string_view to_string(RtcpObserved observed) {
  switch (observed) {
    case RtcpObserved::kCleartext: return "cleartext";
    case RtcpObserved::kEncrypted: return "encrypted";
    case RtcpObserved::kMixed: return "mixed";
    case RtcpObserved::kUndetermined: break;
  }
  return "undetermined";
}

void take_rtcp(const RtcpFlow& flow, StreamRecord& record, std::uint64_t& clear, std::uint64_t& encrypted) {
  record.rtcp_packets += flow.packets;
  clear += flow.clear;
  std::uint64_t shaped = flow.encrypted;
  if (flow.attachment != nullptr) {
    // What has an SRTCP trailer looks encrypted; a verified tag knows better.
    const auto& state = static_cast<const RtcpState&>(*flow.attachment);
    clear += state.verified_clear + state.trailed;
    if (record.rtcp_bare == 0) record.rtcp_bare_first = state.first_clear;
    record.rtcp_bare += state.verified_clear + state.trailed;
    shaped -= std::min(shaped, state.verified_shaped);
    shaped = std::max(shaped, state.verified_encrypted);
  }
  encrypted += shaped;
}

RtcpObserved rtcp_verdict(std::uint64_t clear, std::uint64_t encrypted) {
  if (clear != 0 && encrypted != 0) return RtcpObserved::kMixed;
  if (clear != 0) return RtcpObserved::kCleartext;
  return encrypted != 0 ? RtcpObserved::kEncrypted : RtcpObserved::kUndetermined;
}

Protection protection_of(const LegRecord& leg) {
  bool clear = false;
  bool encrypted = false;
  bool any = false;
  for (const MediaRecord& media : leg.media) {
    for (const StreamRecord& stream : media.streams) {
      any = true;
      clear |= stream.observed == Observed::kCleartext;
      encrypted |= stream.observed == Observed::kEncrypted;
    }
  }
  if (!any) return Protection::kNoMedia;
  if (clear && encrypted) return Protection::kMixed;
  if (clear) return Protection::kClear;
  return encrypted ? Protection::kEncrypted : Protection::kUndetermined;
}

double seconds_of(const StreamRecord& stream) { return seconds_between(stream.first.time, stream.last.time); }

StreamRecord record_stream(const MediaStream& stream, std::span<const CodecHint> hints,
                           std::optional<unsigned> overhead, bool promised, std::vector<Stretch>& stretches,
                           FrameRef& first_clear, FrameRef& last_clear) {
  StreamRecord record;
  Judgement judgement;
  if (stream.attachment != nullptr)
    judgement = static_cast<const StreamState&>(*stream.attachment).judge.judge(hints, overhead, promised);
  take_judgement(stream, judgement, record);
  stretches = std::move(judgement.stretches);
  for (const Stretch& stretch : stretches) {
    if (stretch.observed == Observed::kCleartext && record.clear_stretches.size() < 8 &&
        seconds_between(stretch.first.time, stretch.last.time) >= 1.0)
      record.clear_stretches.push_back(stretch);
  }
  first_clear = judgement.first_clear;
  last_clear = judgement.last_clear;
  return record;
}

void attach_rtcp(const Call& call, const MediaStream& stream, StreamRecord& record,
                 std::vector<const RtcpFlow*>* clear_flows) {
  std::uint64_t clear = 0;
  std::uint64_t encrypted = 0;
  for (const auto& flow : call.rtcp) {
    if (flow->ssrc != stream.ssrc || flow->key.src.address != stream.key.src.address ||
        flow->key.dst.address != stream.key.dst.address)
      continue;
    take_rtcp(*flow, record, clear, encrypted);
    if (flow->clear != 0 && clear_flows != nullptr) clear_flows->push_back(flow.get());
  }
  record.rtcp_observed = rtcp_verdict(clear, encrypted);
}

void apply_tags(const MediaStream& stream, const Leg& leg, std::size_t index, StreamRecord& record) {
  if (stream.attachment == nullptr) return;
  const auto& state = static_cast<const StreamState&>(*stream.attachment);
  if (state.auth == nullptr || !state.auth->proven()) return;
  const AuthState& auth = *state.auth;
  record.authenticated = true;
  record.valid = auth.valid;
  record.checked = auth.checked;
  for (const FrameRef& frame : auth.failed_frames) {
    if (plain_by_then(leg, index, frame.time)) {
      --record.checked;
    } else {
      record.failed_frames.push_back(frame.number);
    }
  }
  const std::size_t proven = *auth.search.proven();
  const crypto::SrtpSuite& made_of = auth.search.key(proven)->suite();
  const bool exchanged = proven < 64 && (auth.exchanged >> proven & 1) != 0;
  const std::string suite(exchanged ? made_of.dtls_name : made_of.name());
  const std::string_view origin = exchanged ? "DTLS handshake" : "signalling";
  if (exchanged) record.exchanged_suite = suite;
  const bool bulk = auth.valid * 2 >= (auth.sampling ? auth.checked : stream.packets);
  if (!bulk && record.observed != Observed::kEncrypted) return;
  record.proof = Strength::kAuthenticated;
  if (auth.valid_clear * 2 > auth.valid) {
    record.observed = Observed::kCleartext;
    record.cleartext_packets = std::max(record.cleartext_packets, auth.valid_clear);
    record.reason =
        fmt::format("{} of {} authentication tags verify with a {} key of the {}, which leaves the payload clear",
                    record.valid, record.checked, suite, origin);
    return;
  }
  record.observed = Observed::kEncrypted;
  record.cleartext_packets =
      std::min(record.cleartext_packets, record.packets - std::min(record.packets, record.valid));
  if (auth.sampling) record.cleartext_packets = std::min(record.cleartext_packets, record.checked - record.valid);
  record.reason = fmt::format("{} of {} authentication tags verify with a {} key of the {}", record.valid,
                              record.checked, suite, origin);
  if (!record.failed_frames.empty()) record.reason += fmt::format("; {} fail", record.checked - record.valid);
}

}  // namespace voip::analyze::srtp
