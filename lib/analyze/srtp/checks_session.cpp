#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/checks.h"
#include "base/text.h"

// Of a session as a whole: SRTP-003, SRTP-061, SRTP-062, SRTP-064.
namespace voip::analyze::srtp {

// SRTP-003.
void check_hop_elsewhere(Findings& out, const Call& call, const CallSip* sip) {
  if (sip == nullptr || sip->keyed_over_tls == 0) {
    out.tally(kSdesHopElsewhere, Verdict::kNotApplicable);
    return;
  }
  if (sip->bare_hop.empty()) {
    out.tally(kSdesHopElsewhere, Verdict::kPass);
    return;
  }
  out.tally(kSdesHopElsewhere, Verdict::kFail);
  out.add(kSdesHopElsewhere,
          fmt::format("an SDES key travels over TLS here, but the message names a hop without it: {}", sip->bare_hop),
          &call,
          call.hops.empty() ? std::string() : hosts(call.hops.front().caller_side, call.hops.front().callee_side),
          {{sip->bare_hop_frame, "message with a=crypto"}}, {}, {}, Confidence::kProbable);
}

namespace {

// A line of another kind than audio, and whether its transport protects it.
enum class Other : std::uint8_t { kNone, kClear, kSecure };
Other other_media(const MediaLine& line) {
  if (line.port == 0) return Other::kNone;
  const std::string protocol = to_lower(line.protocol);
  if (line.rtp_profile()) return line.kind == "audio" ? Other::kNone : Other::kSecure;  // judged by keys and streams
  const bool known = protocol.find("udptl") != std::string::npos || protocol.find("msrp") != std::string::npos ||
                     protocol.find("bfcp") != std::string::npos;
  if (!known) return Other::kNone;
  return protocol.find("tls") != std::string::npos || protocol.find("dtls") != std::string::npos ? Other::kSecure
                                                                                                 : Other::kClear;
}

// Fax or chat in clear that some exchange of the leg accepted, perhaps on the line that carried the voice before.
struct ClearOther {
  const MediaLine* line = nullptr;
  FrameRef answer;
};
ClearOther accepted_in_clear(const Leg& leg) {
  for (const session::DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      if (!exchange.complete()) continue;
      for (const MediaLine& line : exchange.answer.sdp->media()) {
        if (other_media(line) == Other::kClear) return {&line, exchange.answer.frame};
      }
    }
  }
  return {};
}

bool line_encrypted(const MediaRecord& media) {
  const bool keyed = media.negotiated != Keying::kNone && media.negotiated != Keying::kUnknown;
  bool seen = false;
  for (const StreamRecord& stream : media.streams) {
    if (stream.observed == Observed::kCleartext) return false;
    seen |= stream.observed == Observed::kEncrypted;
  }
  return seen || keyed;
}

}  // namespace

// SRTP-061.
void check_other_media(Findings& out, const Call& call, const Leg& leg, const LegRecord& record) {
  const MediaRecord* voice = nullptr;
  for (const MediaRecord& media : record.media) {
    if (media.kind == "audio" && line_encrypted(media) && voice == nullptr) voice = &media;
  }
  bool others = false;
  bool told = false;
  for (std::size_t i = 0; i < record.media.size(); ++i) {
    const MediaRecord& media = record.media[i];
    const LineState state = state_of(call, leg, i);
    const MediaLine* line = state.answer;
    if (line == nullptr || line->port == 0 || state.refused || other_media(*line) == Other::kNone) continue;
    others = true;
    const bool clear = line->rtp_profile() && media.negotiated != Keying::kUnknown && !line_encrypted(media);
    if (voice == nullptr || !clear || told) continue;
    told = true;
    out.tally(kOtherMediaClear, Verdict::kFail);
    std::uint64_t packets = 0;
    for (const StreamRecord& stream : media.streams) packets += stream.packets;
    std::vector<Evidence> evidence;
    if (!media.streams.empty()) evidence.push_back({media.streams.front().first, "first clear packet"});
    if (state.exchange != nullptr) evidence.push_back({state.exchange->answer.frame, "answer"});
    out.add(kOtherMediaClear,
            fmt::format("audio is encrypted, but m={} {} of the same session is not{}", line->kind, line->protocol,
                        packets != 0 ? fmt::format(" ({} packets)", packets) : std::string()),
            &call, line->rtp.address.to_string() + '|' + std::string(line->kind), std::move(evidence));
  }
  const ClearOther plain = accepted_in_clear(leg);
  if (plain.line != nullptr && voice != nullptr && !told) {
    told = true;
    out.tally(kOtherMediaClear, Verdict::kFail);
    out.add(kOtherMediaClear,
            fmt::format("audio is encrypted, but m={} {} of the same session is not", plain.line->kind,
                        plain.line->protocol),
            &call, plain.line->rtp.address.to_string() + '|' + std::string(plain.line->kind),
            {{plain.answer, "answer"}});
  }
  if (!told) out.tally(kOtherMediaClear, others && voice != nullptr ? Verdict::kPass : Verdict::kNotApplicable);
}

// SRTP-062.
void check_recording(Findings& out, const Call& call, const CallSip* sip, const CallRecord& record) {
  if (sip == nullptr || !sip->recording) {
    out.tally(kRecordingFork, Verdict::kNotApplicable);
    return;
  }
  std::uint64_t packets = 0;
  double seconds = 0;
  bool plain = false;
  bool known = false;
  FrameRef first;
  Endpoint recorder;
  for (const LegRecord& leg : record.legs) {
    for (const MediaRecord& media : leg.media) {
      if (media.negotiated != Keying::kUnknown) known = true;
      if (media.negotiated == Keying::kNone && leg.answered) plain = true;
      for (const StreamRecord& stream : media.streams) {
        if (stream.src.address.loopback() && stream.dst.address.loopback()) continue;
        if (stream.observed == Observed::kEncrypted) continue;
        if (stream.observed == Observed::kUndetermined && media.negotiated != Keying::kNone) continue;
        plain = true;
        packets += stream.packets;
        seconds += seconds_between(stream.first.time, stream.last.time);
        recorder = stream.dst;
        if (!first.known()) first = stream.first;
      }
    }
  }
  if (!call.hops.empty() && call.hops.front().caller_side.address.loopback()) plain = false;
  if (!plain) {
    out.tally(kRecordingFork, known ? Verdict::kPass : Verdict::kNotAssessable);
    return;
  }
  if (recorder == Endpoint{} && !call.hops.empty()) recorder = call.hops.back().callee_side;
  out.tally(kRecordingFork, Verdict::kFail);
  out.add(kRecordingFork,
          fmt::format(
              "a recording session goes to {} without encryption{}", recorder.to_string(),
              packets != 0 ? fmt::format(": {} packets, {:.1f} min of media", packets, seconds / 60) : std::string()),
          &call, recorder.address.to_string() + "|recorder",
          {{sip->recording_frame, "recording INVITE"}, {first, "first clear packet"}},
          {{"destination", recorder.to_string()}});
}

}  // namespace voip::analyze::srtp
