#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/checks.h"
#include "base/text.h"

// Of a session as a whole: SRTP-003, SRTP-061, SRTP-062, SRTP-064.
namespace voip::analyze::srtp {

using report::Confidence;
using report::Evidence;
using report::Verdict;
using session::Call;
using session::DialogLeg;
using session::Exchange;
using session::Hop;
using session::Leg;
using session::MediaLine;
using session::SdpUse;

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
    const bool rtp = line->rtp_profile();
    const bool clear =
        rtp ? media.negotiated != Keying::kUnknown && !line_encrypted(media) : other_media(*line) == Other::kClear;
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

namespace {

std::string what_changed(const MediaLine& before, const MediaLine& after) {
  std::string text;
  const auto add = [&](std::string_view what) {
    if (!text.empty()) text += ", ";
    text += what;
  };
  const auto count = [&](std::size_t a, std::size_t b, std::string_view name) {
    if (a != 0 && b == 0) add(fmt::format("{} removed", name));
    if (a == 0 && b != 0) add(fmt::format("{} added", name));
    return a != 0 && b != 0;
  };
  if (before.secure_profile() != after.secure_profile())
    add(fmt::format("profile {} became {}", before.protocol, after.protocol));
  if (count(before.cryptos.size(), after.cryptos.size(), "a=crypto")) {
    const bool same = std::ranges::equal(before.cryptos, after.cryptos, [](const auto& a, const auto& b) {
      return a.tag == b.tag && a.key_params == b.key_params && canonical_suite(a.suite) == canonical_suite(b.suite);
    });
    if (!same) add("a=crypto changed");
  }
  if (count(before.fingerprints.size(), after.fingerprints.size(), "a=fingerprint")) {
    const bool same = std::ranges::all_of(before.fingerprints, [&](const auto& a) {
      return std::ranges::any_of(after.fingerprints, [&](const auto& b) { return iequals(a.value, b.value); });
    });
    if (!same || before.fingerprints.size() != after.fingerprints.size()) add("a=fingerprint changed");
  }
  if (count(before.zrtp_hashes.size(), after.zrtp_hashes.size(), "a=zrtp-hash") &&
      !std::ranges::equal(before.zrtp_hashes, after.zrtp_hashes, [](auto a, auto b) { return iequals(a, b); }))
    add("a=zrtp-hash changed");
  if (!before.fingerprints.empty() && !after.fingerprints.empty() && !iequals(before.setup, after.setup))
    add(fmt::format("a=setup:{} became {}", before.setup, after.setup));
  if (before.key_mgmt.empty() != after.key_mgmt.empty()) add("a=key-mgmt changed");
  return text;
}

const Hop* hop_of(const Call& call, const SdpUse& use) {
  for (std::size_t i = 0; i < call.sdp_uses.size(); ++i) {
    if (call.sdp_uses[i].frame == use.frame) return &call.hops[call.sdp_use_hops[i]];
  }
  return nullptr;
}

struct Crossing {
  Findings& out;
  const Call& call;
  bool compared = false;
  bool told = false;

  // Each with the hop on which it was seen.
  void look(const SdpUse& a, const Hop& hop_a, const SdpUse& b, const Hop& hop_b) {
    if (a.sdp == nullptr || b.sdp == nullptr || a.sdp == b.sdp) {
      compared |= a.sdp != nullptr && a.sdp == b.sdp;
      return;
    }
    if (told) return;
    const SdpUse& before = a.frame < b.frame ? a : b;
    const SdpUse& after = a.frame < b.frame ? b : a;
    const Hop& hop = a.frame < b.frame ? hop_b : hop_a;
    const Endpoint& sender = after.from_caller ? hop.caller_side : hop.callee_side;
    const std::size_t lines = std::min(before.sdp->media().size(), after.sdp->media().size());
    for (std::size_t i = 0; i < lines; ++i) {
      const MediaLine& x = before.sdp->media()[i];
      const MediaLine& y = after.sdp->media()[i];
      // Another media address: a relay that anchors media may key anew.
      if (x.rtp != y.rtp || x.port == 0 || !x.rtp_profile()) continue;
      compared = true;
      if (keying_signature(x) == keying_signature(y)) continue;
      const std::string change = what_changed(x, y);
      if (change.empty()) continue;
      told = true;
      out.tally(kKeyingChanged, Verdict::kFail);
      out.add(kKeyingChanged,
              fmt::format("{} m={} of {} is not the same behind {}: {}", before.status == 0 ? "offer" : "answer",
                          x.kind, x.rtp.to_string(), sender.to_string(), change),
              &call, sender.address.to_string() + "|keying",
              {{after.frame, "after the hop"}, {before.frame, "before it"}}, {{"source", sender.to_string()}});
      return;
    }
  }
};

}  // namespace

// SRTP-064, within one Call-ID.
void check_changed(Findings& out, const Call& call, const session::Legs& legs) {
  Crossing crossing{out, call};
  for (const Leg& leg : legs.legs) {
    for (std::size_t d = 1; d < leg.path.size(); ++d) {
      const DialogLeg& near = *leg.path[d - 1];
      const DialogLeg& far = *leg.path[d];
      if (near.hop == far.hop) continue;
      for (const Exchange& exchange : near.exchanges) {
        for (const Exchange& twin : far.exchanges) {
          if (twin.method != exchange.method || twin.cseq != exchange.cseq) continue;
          crossing.look(exchange.offer, call.hops[near.hop], twin.offer, call.hops[far.hop]);
          crossing.look(exchange.answer, call.hops[near.hop], twin.answer, call.hops[far.hop]);
        }
      }
    }
  }
  // Offers that were refused on all hops.
  for (std::size_t i = 0; i < call.refusals.size(); ++i) {
    for (std::size_t k = i + 1; k < call.refusals.size(); ++k) {
      const Exchange& a = call.refusals[i];
      const Exchange& b = call.refusals[k];
      if (a.cseq != b.cseq || a.method != b.method || a.offer.sdp == nullptr || b.offer.sdp == nullptr) continue;
      const Hop* hop_a = hop_of(call, a.offer);
      const Hop* hop_b = hop_of(call, b.offer);
      if (hop_a != nullptr && hop_b != nullptr && hop_a != hop_b) crossing.look(a.offer, *hop_a, b.offer, *hop_b);
    }
  }
  if (!crossing.told) out.tally(kKeyingChanged, crossing.compared ? Verdict::kPass : Verdict::kNotApplicable);
}

}  // namespace voip::analyze::srtp
