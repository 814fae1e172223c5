#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/stream_record.h"
#include "analyze/srtp/stream_state.h"
#include "base/text.h"
#include "crypto/srtp_suite.h"

namespace voip::analyze::srtp {

namespace {

// Whether a key could be made of the line.
bool usable(const sdp::Crypto* line, const crypto::SrtpSuite& suite) {
  return line != nullptr && std::ranges::any_of(inline_keys(*line), [&](const InlineKey& key) {
           return key.bytes.size() == std::size_t{suite.key_size} + suite.salt_size;
         });
}

// Whether the keys of both sides were tried, as the SDPs agreed them.
bool keys_at_hand(const Agreement& agreement) {
  const crypto::SrtpSuite* suite = crypto::srtp_suite_by_sdes_name(agreement.suite);
  return agreement.keying == Keying::kSdes && suite != nullptr && suite->supported &&
         agreement.parameters.find("UNAUTHENTICATED_SRTP") == std::string::npos &&
         usable(agreement.offered_crypto, *suite) && usable(agreement.answered_crypto, *suite);
}

}  // namespace

// SRTP-028.
void check_tags(Findings& out, const Call& call, const MediaStream& stream, const Agreement& agreement,
                const StreamRecord& record) {
  const auto* state = static_cast<const StreamState*>(stream.attachment.get());
  if (state == nullptr || state->auth == nullptr) return;
  const AuthState& auth = *state->auth;
  const std::vector<std::pair<std::string, std::string>> subject{{"source", record.src.to_string()},
                                                                 {"destination", record.dst.to_string()}};
  if (record.authenticated) {
    const std::uint64_t failed = record.failed_frames.size();
    std::uint64_t run = 0;
    std::vector<Evidence> evidence;
    for (const FrameRef& frame : auth.failed_frames) {
      if (std::ranges::find(record.failed_frames, frame.number) == record.failed_frames.end()) continue;
      if (evidence.size() < 5) evidence.push_back({frame, "tag fails"});
    }
    if (failed == auth.failed) run = auth.longest_failing_run;
    if (failed == 0 || (failed * 100 < record.checked && run < 5)) {
      out.tally(kTagFailures, Verdict::kPass);
      return;
    }
    out.tally(kTagFailures, Verdict::kFail);
    out.add(kTagFailures,
            fmt::format("{} of {} packets from {} to {} (SSRC 0x{:08x}) fail authentication under a proven key", failed,
                        record.checked, record.src.to_string(), record.dst.to_string(), stream.ssrc),
            &call, hosts(record.src, record.dst), std::move(evidence), subject);
    return;
  }
  // Keys were at hand and none fits: another key than the signalled one is in use.
  if (keys_at_hand(agreement) && record.observed == Observed::kEncrypted &&
      auth.tried >= out.options().min_clear_packets) {
    out.tally(kTagFailures, Verdict::kFail);
    out.add(kTagFailures,
            fmt::format(
                "none of {} packets from {} to {} (SSRC 0x{:08x}) verifies with the keys of the signalling ({} tried, "
                "with rollover counters 0 to {}), though they look encrypted: wrong key",
                auth.tried, record.src.to_string(), record.dst.to_string(), stream.ssrc, auth.search.size(),
                auth.search.tried_roc()),
            &call, hosts(record.src, record.dst) + "|wrong-key", {{record.first, "first packet"}}, subject,
            Severity::kMedium, Confidence::kProbable);
    return;
  }
  out.tally(kTagFailures, Verdict::kNotAssessable);
}

// SRTP-001.
void check_not_encrypted(Findings& out, const Call& call, const LineState& state, const MediaRecord& media) {
  const MediaLine* line = state.answer != nullptr ? state.answer : state.offer;
  if (line == nullptr || !audio_or_video(*line)) return;
  std::uint64_t packets = 0;
  std::uint64_t seen_encrypted = 0;
  const StreamRecord* clearest = nullptr;
  for (const StreamRecord& stream : media.streams) {
    packets += stream.packets;
    if (stream.observed == Observed::kEncrypted) ++seen_encrypted;
    if (stream.observed != Observed::kEncrypted && (clearest == nullptr || stream.packets > clearest->packets))
      clearest = &stream;
  }
  if (state.refused || state.agreement.rejected || state.agreement.inactive) {
    out.tally(kMediaNotEncrypted, Verdict::kNotApplicable);
    return;
  }
  if (media.negotiated != Keying::kNone && media.negotiated != Keying::kUnknown) {
    out.tally(kMediaNotEncrypted, Verdict::kPass);
    return;
  }
  if (packets < out.options().min_unencrypted_packets || clearest == nullptr) {
    out.tally(kMediaNotEncrypted,
              clearest == nullptr && seen_encrypted != 0 ? Verdict::kPass : Verdict::kNotAssessable);
    return;
  }
  const bool agreed_plain = media.negotiated == Keying::kNone && !state.agreement.secure_profile;
  const bool seen_clear =
      std::ranges::any_of(media.streams, [&](const StreamRecord& s) { return s.observed == Observed::kCleartext; });
  if (!agreed_plain && !(media.negotiated == Keying::kUnknown && seen_clear)) {
    out.tally(kMediaNotEncrypted,
              media.negotiated == Keying::kUnknown ? Verdict::kNotAssessable : Verdict::kNotApplicable);
    return;
  }
  out.tally(kMediaNotEncrypted, Verdict::kFail);
  std::vector<Evidence> evidence{{clearest->first, "first RTP packet"}};
  if (state.exchange != nullptr) {
    evidence.push_back({state.exchange->offer.frame, "offer"});
    evidence.push_back({state.exchange->answer.frame, "answer"});
  }
  out.add(kMediaNotEncrypted,
          fmt::format("{} negotiated {} with no keys; {} packets ({:.1f} s) of {} between {} and {}", media.kind,
                      media.profile.empty() ? std::string("nothing that was seen") : media.profile, packets,
                      seconds_of(*clearest), clearest->codec.empty() ? std::string("unknown codec") : clearest->codec,
                      clearest->src.to_string(), clearest->dst.to_string()),
          &call, hosts(clearest->src, clearest->dst), std::move(evidence),
          {{"source", clearest->src.to_string()}, {"destination", clearest->dst.to_string()}});
}

namespace {

// Whose frames or lengths would have shown themselves in clear.
bool shows_itself(std::string_view codec) {
  for (const std::string_view name : {"PCMU", "PCMA", "G722", "G729", "G729A", "G723", "GSM", "iLBC", "AMR", "AMR-WB",
                                      "opus", "speex", "L16", "G726-16", "G726-24", "G726-32", "G726-40"}) {
    if (iequals(codec, name)) return true;
  }
  return false;
}

constexpr std::uint64_t kEnoughBytes = 8000;
constexpr std::uint64_t kHeaderBytes = 12;

}  // namespace

// SRTP-004, SRTP-005, and the media half of SRTP-008.
void check_stream(Findings& out, const Call& call, const Leg& leg, std::size_t index, const MediaStream& stream,
                  const Agreement& agreement, const StreamRecord& record, const std::vector<Stretch>& stretches,
                  const FrameRef& first_clear, const FrameRef& last_clear) {
  const std::vector<std::pair<std::string, std::string>> subject{{"source", record.src.to_string()},
                                                                 {"destination", record.dst.to_string()}};
  const Confidence confidence = record.proof == Strength::kStructural ? Confidence::kCertain : Confidence::kProbable;
  const bool promised = agreement.secure_profile && !agreement.rejected && agreement.keying != Keying::kUnknown;
  if (promised) {
    const FrameRef& from = first_clear.known() ? first_clear : record.first;
    const FrameRef& until = last_clear.known() ? last_clear : record.last;
    const bool enough =
        record.cleartext_packets >= out.options().min_clear_packets && seconds_between(from.time, until.time) >= 1.0;
    // What came before the answer is SRTP-011's.
    const Timestamp answered = call_stands(call, leg, index);
    const bool early = answered.known() && until.time <= answered;
    if (enough && !early && !clear_by_agreement(agreement) && !plain_by_then(leg, index, from.time) &&
        !sent_by_stranger(call, stream)) {
      out.tally(kSecureProfileClearMedia, Verdict::kFail);
      out.add(
          kSecureProfileClearMedia,
          fmt::format("{} was negotiated{}, but {} of {} packets from {} to {} are clear {}: {}", agreement.profile,
                      agreement.suite.empty() ? std::string() : " with " + agreement.suite, record.cleartext_packets,
                      record.packets, record.src.to_string(), record.dst.to_string(),
                      record.codec.empty() ? std::string("media") : record.codec, record.reason),
          &call, hosts(record.src, record.dst) + "|clear",
          {{first_clear.known() ? first_clear : record.first, "first clear packet"}, {last_clear, "last clear packet"}},
          subject, {}, confidence);
    } else {
      out.tally(kSecureProfileClearMedia, clear_by_agreement(agreement)             ? Verdict::kNotApplicable
                                          : record.observed == Observed::kEncrypted ? Verdict::kPass
                                                                                    : Verdict::kNotAssessable);
    }
  } else if (agreement.keying == Keying::kNone && !agreement.rejected) {
    const bool enough = stream.bytes >= kEnoughBytes + kHeaderBytes * stream.packets;
    const bool sealed =
        record.observed == Observed::kEncrypted && !zrtp_seen(call) && record.declared == Declared::kRtp;
    if (sealed && (!enough || !shows_itself(record.codec))) {
      out.tally(kUnnegotiatedEncryption, Verdict::kNotAssessable);
    } else if (sealed) {
      out.tally(kUnnegotiatedEncryption, Verdict::kFail);
      out.add(
          kUnnegotiatedEncryption,
          fmt::format("{} without keys was negotiated, yet {} packets from {} to {} look encrypted: {}",
                      agreement.profile, record.packets, record.src.to_string(), record.dst.to_string(), record.reason),
          &call, hosts(record.src, record.dst), {{record.first, "first packet"}}, subject, {}, Confidence::kProbable);
    } else {
      out.tally(kUnnegotiatedEncryption,
                record.observed == Observed::kUndetermined ? Verdict::kNotAssessable : Verdict::kPass);
    }
  }
  check_stretches(out, call, stream, record, stretches, subject);
}

// A stream that was encrypted and then clear for a second or more.
void check_stretches(Findings& out, const Call& call, const MediaStream& stream, const StreamRecord& record,
                     const std::vector<Stretch>& stretches,
                     const std::vector<std::pair<std::string, std::string>>& subject) {
  const Stretch* before = nullptr;
  for (const Stretch& stretch : stretches) {
    if (stretch.observed == Observed::kEncrypted) before = &stretch;
    if (stretch.observed != Observed::kCleartext || before == nullptr) continue;
    const double seconds = seconds_between(stretch.first.time, stretch.last.time);
    if (seconds < 1.0) continue;
    out.tally(kDroppedMidCall, Verdict::kFail);
    out.add(kDroppedMidCall,
            fmt::format("media from {} to {} (SSRC 0x{:08x}) was encrypted, then clear for {:.1f} s ({} packets)",
                        record.src.to_string(), record.dst.to_string(), stream.ssrc, seconds, stretch.packets),
            &call, hosts(record.src, record.dst) + "|media",
            {{stretch.first, "first clear packet"},
             {before->last, "last encrypted packet"},
             {stretch.last, "last clear packet"}},
            subject, {}, Confidence::kProbable);
    return;
  }
}

// SRTP-031.
void check_rtcp(Findings& out, const Call& call, const StreamRecord& record,
                const std::vector<const RtcpFlow*>& clear_flows) {
  if (record.observed != Observed::kEncrypted && record.declared != Declared::kSrtp) {
    out.tally(kClearRtcp, Verdict::kNotApplicable);
    return;
  }
  if (clear_flows.empty()) {
    out.tally(kClearRtcp, record.rtcp_observed == RtcpObserved::kEncrypted ? Verdict::kPass
                          : record.rtcp_packets == 0                       ? Verdict::kNotApplicable
                                                                           : Verdict::kNotAssessable);
    return;
  }
  out.tally(kClearRtcp, Verdict::kFail);
  std::uint64_t clear = 0;
  std::uint64_t all = 0;
  for (const RtcpFlow* flow : clear_flows) {
    clear += flow->clear;
    all += flow->packets;
  }
  const RtcpFlow& first = *clear_flows.front();
  out.add(kClearRtcp,
          fmt::format("{} of {} RTCP packets from {} to {} are clear beside media that is {}{}", clear, all,
                      first.key.src.to_string(), first.key.dst.to_string(),
                      record.observed == Observed::kEncrypted ? "encrypted" : "negotiated to be encrypted",
                      first.cname.empty() ? "" : "; they show the CNAME"),
          &call, hosts(first.key.src, first.key.dst),
          {{first.first_clear, "first clear RTCP"}, {first.last_clear, "last clear RTCP"}},
          {{"source", first.key.src.to_string()}, {"destination", first.key.dst.to_string()}});
}

void check_orphan(Findings& out, const MediaStream& stream, const StreamRecord& record,
                  const std::vector<Stretch>& stretches, const FrameRef& first_clear,
                  const std::vector<RtcpFlow*>& rtcp) {
  static const Call kNoCall;
  const std::vector<std::pair<std::string, std::string>> subject{{"source", record.src.to_string()},
                                                                 {"destination", record.dst.to_string()}};
  if (record.observed == Observed::kCleartext && record.packets >= out.options().min_unencrypted_packets) {
    out.tally(kMediaNotEncrypted, Verdict::kFail);
    out.add(kMediaNotEncrypted,
            fmt::format("{} packets ({:.1f} s) of clear {} from {} to {} without signalling in view: {}",
                        record.packets, seconds_of(record), record.codec.empty() ? std::string("media") : record.codec,
                        record.src.to_string(), record.dst.to_string(), record.reason),
            nullptr, hosts(record.src, record.dst),
            {{first_clear.known() ? first_clear : record.first, "first clear packet"}}, subject, {},
            record.proof == Strength::kStructural ? Confidence::kCertain : Confidence::kProbable);
  } else {
    out.tally(kMediaNotEncrypted, record.observed == Observed::kEncrypted ? Verdict::kPass : Verdict::kNotAssessable);
  }
  std::vector<const RtcpFlow*> clear_flows;
  for (const RtcpFlow* flow : rtcp) {
    if (flow->clear != 0) clear_flows.push_back(flow);
  }
  if (record.observed == Observed::kEncrypted) check_rtcp(out, kNoCall, record, clear_flows);
  check_stretches(out, kNoCall, stream, record, stretches, subject);
}

}  // namespace voip::analyze::srtp
