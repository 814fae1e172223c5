#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/stream_state.h"

// Where media came from and went: SRTP-056 to SRTP-060.
namespace voip::analyze::srtp {

namespace {

constexpr std::chrono::milliseconds kHandOver{500};
constexpr std::uint64_t kBleedPackets = 10;
constexpr std::uint64_t kTakeoverPackets = 25;
constexpr std::chrono::seconds kTakeoverGap{5};
constexpr std::chrono::seconds kSettled{2};
constexpr std::chrono::seconds kEventNear{1};  // of a SIP message with an SDP that explains another sender

// The addresses that the call's signalling knows, its own and its parties' (NAT), and those that ICE checked.
struct Known {
  std::set<IpAddress> addresses;
  std::set<Endpoint> ports;  // where RTP was asked for
  bool nameless = false;     // an SDP with a host name
  bool ice = false;

  Known() = default;
  explicit Known(const Call& call) {
    for (const SdpUse& use : call.sdp_uses) {
      for (const MediaLine& line : use.sdp->media()) {
        if (line.port == 0 || !line.rtp_profile()) continue;
        if (line.rtp.address.unspecified()) {
          nameless = true;
          continue;
        }
        addresses.insert(line.rtp.address);
        addresses.insert(line.rtcp.address);
        ports.insert(line.rtp);
        for (const Endpoint& candidate : line.candidates) {
          addresses.insert(candidate.address);
          ports.insert(candidate);
          ice = true;
        }
      }
    }
    for (const session::Hop& hop : call.hops) {
      addresses.insert(hop.caller_side.address);
      addresses.insert(hop.callee_side.address);
    }
    for (const auto& flow : call.keying) {
      if (flow->stun_packets == 0) continue;
      addresses.insert(flow->a.address);
      addresses.insert(flow->b.address);
    }
  }
  bool address(const IpAddress& one) const { return addresses.contains(one); }
};

bool same_payload_type(const MediaStream& a, const MediaStream& b) { return (a.payload_types & b.payload_types).any(); }

bool at_once(const MediaStream& a, const MediaStream& b) {
  return a.first.time <= b.last.time && b.first.time <= a.last.time;
}

// Payloads of the one that come again in the other.
bool forwarded(const MediaStream& from, const MediaStream& to) {
  if (from.attachment == nullptr || to.attachment == nullptr) return false;
  const auto& a = static_cast<const StreamState&>(*from.attachment);
  const auto& b = static_cast<const StreamState&>(*to.attachment);
  for (std::size_t i = 0; i < a.sample_count; ++i) {
    for (std::size_t k = 0; k < b.sample_count; ++k) {
      if (a.samples[i].key == b.samples[k].key) return true;
    }
  }
  return false;
}

bool empty_keepalive(const MediaStream& stream) { return stream.bytes <= stream.packets * 16; }

Subject between(const Endpoint& src, const Endpoint& dst) {
  return {{"source", src.to_string()}, {"destination", dst.to_string()}};
}

// A key of the call stands behind the stream: whoever sends it holds the key, from wherever.
bool authentic(const MediaStream& stream) {
  const auto* state = static_cast<const StreamState*>(stream.attachment.get());
  return state != nullptr && state->auth != nullptr && state->auth->proven();
}

// Whether signalling around that time may have moved the media.
bool event_between(const Call& call, Timestamp from, Timestamp to) {
  return std::ranges::any_of(call.sdp_uses, [&](const SdpUse& use) {
    return !later_by(use.frame.time, from, kEventNear) && !later_by(to, use.frame.time, kEventNear);
  });
}

struct Rightful {
  const MediaStream* stream = nullptr;
  bool sure = false;  // by its address, its tags or its sheer length
};

// The stream that the signalling expects on that port while `foreign` comes there too; null when foreign may be the NAT
// image of a party.
Rightful rightful(const Call& call, const Known& known, const MediaStream& foreign) {
  Rightful best;
  if (known.nameless || known.address(foreign.key.src.address) || !known.ports.contains(foreign.key.dst)) return best;
  const bool holds_key = authentic(foreign);
  for (const auto& stream : call.streams) {
    if (stream.get() == &foreign || stream->key.dst != foreign.key.dst || stream->packets < 10) continue;
    if (stream->key.src.address == foreign.key.src.address) continue;
    // It was there before and went on for more than a hand-over takes.
    if (!later_by(foreign.first.time, stream->last.time, kHandOver)) continue;
    const bool before = stream->first.time < foreign.first.time;
    const bool sure = known.address(stream->key.src.address) || (!holds_key && authentic(*stream)) ||
                      (before && stream->packets >= 10 * foreign.packets);
    // Of two that nobody named the one that came into a call long under way is the stranger.
    const bool likely = !holds_key && call.answered.known() && call.answered < foreign.first.time &&
                        later_by(stream->first.time, foreign.first.time, kSettled) &&
                        !event_between(call, foreign.first.time, foreign.first.time);
    if (!sure && !likely) continue;
    if (best.stream == nullptr || (sure && !best.sure) || (sure == best.sure && stream->packets > best.stream->packets))
      best = {stream.get(), sure};
  }
  return best;
}

class PathChecks {
 public:
  PathChecks(Findings& out, const Call& call, bool transferred) : out_(out), call_(call), transferred_(transferred) {}

  void run() {
    if (!call_.streams.empty()) known_ = Known(call_);
    if (known_.ports.empty()) {
      const Verdict verdict = call_.streams.empty() ? Verdict::kNotApplicable : Verdict::kNotAssessable;
      for (const Rule* rule : {&kThirdParty, &kInjected, &kSsrcTakeover}) out_.tally(*rule, verdict);
      ice();
      return;
    }
    for (const auto& stream : call_.streams) look(*stream);
    if (!transferred_ && !known_.nameless) {
      for (const auto& stream : call_.streams) {
        if (!taken_) look_for_takeover(*stream);
      }
    }
    collisions();
    ice();
    const Verdict quiet = known_.nameless ? Verdict::kNotAssessable : Verdict::kPass;
    if (!bled_) out_.tally(kThirdParty, quiet);
    if (!injected_) out_.tally(kInjected, quiet);
    if (!taken_) out_.tally(kSsrcTakeover, Verdict::kPass);
  }

 private:
  void look(const MediaStream& foreign) {
    const Rightful rightful_one = rightful(call_, known_, foreign);
    if (rightful_one.stream == nullptr) return;
    const Confidence confidence = rightful_one.sure ? Confidence::kProbable : Confidence::kPossible;
    const MediaStream* leak = nullptr;
    for (const auto& stream : call_.streams) {
      if (stream->key.src == foreign.key.dst && stream->key.dst.address == foreign.key.src.address &&
          foreign.first.time <= stream->last.time && (leak == nullptr || stream->packets > leak->packets))
        leak = stream.get();
    }
    const std::string entity = foreign.key.src.address.to_string() + '|' + foreign.key.dst.to_string();
    if (leak != nullptr && leak->packets >= kBleedPackets) {
      bled_ = true;
      out_.tally(kThirdParty, Verdict::kFail);
      out_.add(kThirdParty,
               fmt::format("{} sent {} packets to {} though no SDP names it, and got {} packets ({} bytes) of the call "
                           "back, {:.2f} s after its first",
                           foreign.key.src.to_string(), foreign.packets, foreign.key.dst.to_string(), leak->packets,
                           leak->bytes, seconds_between(foreign.first.time, leak->first.time)),
               &call_, entity,
               {{leak->first, "first packet to the third party"}, {foreign.first, "first packet from it"}},
               between(foreign.key.dst, leak->key.dst), {}, confidence);
    }
    if (empty_keepalive(foreign) || !same_payload_type(foreign, *rightful_one.stream)) return;
    if (foreign.ssrc == rightful_one.stream->ssrc && at_once(foreign, *rightful_one.stream)) {
      taken_ = true;
      out_.tally(kSsrcTakeover, Verdict::kFail);
      out_.add(kSsrcTakeover,
               fmt::format("SSRC 0x{:08x} of {} is sent to {} by {} as well, at the same time", foreign.ssrc,
                           rightful_one.stream->key.src.to_string(), foreign.key.dst.to_string(),
                           foreign.key.src.to_string()),
               &call_, entity + "|ssrc",
               {{foreign.first, "first packet of the second sender"},
                {rightful_one.stream->first, "first packet of the first"}},
               between(foreign.key.src, foreign.key.dst));
    }
    bool accepted = leak != nullptr && leak->packets >= kBleedPackets;
    bool replayed = false;
    for (const auto& stream : call_.streams) {
      if (stream.get() == &foreign || stream->key.src == foreign.key.src) continue;
      if (!forwarded(foreign, *stream)) continue;
      (stream.get() == rightful_one.stream ? replayed : accepted) = true;
    }
    injected_ = true;
    out_.tally(kInjected, Verdict::kFail);
    out_.add(kInjected,
             fmt::format("{} packets of the call's payload type reach {} from {}, which no SDP names, while {} goes on "
                         "sending{}{}",
                         foreign.packets, foreign.key.dst.to_string(), foreign.key.src.to_string(),
                         rightful_one.stream->key.src.to_string(), accepted ? "; the port's owner took them" : "",
                         replayed ? "; they repeat the call's own packets" : ""),
             &call_, entity + "|inject",
             {{foreign.first, "first packet of the second source"},
              {rightful_one.stream->first, "first packet of the first"}},
             between(foreign.key.src, foreign.key.dst),
             accepted || replayed ? std::nullopt : std::optional(Severity::kMedium), confidence);
  }

  // One sender falls silent, and another from nowhere goes on in its place.
  void look_for_takeover(const MediaStream& next) {
    if (known_.address(next.key.src.address) || !known_.ports.contains(next.key.dst) || authentic(next) ||
        next.packets < kTakeoverPackets || empty_keepalive(next))
      return;
    if (call_.bye_seen && call_.ended.known() && call_.ended <= next.first.time) return;
    for (const auto& stream : call_.streams) {
      const MediaStream& old = *stream;
      if (old.key.dst != next.key.dst || old.key.src.address == next.key.src.address || old.packets < kTakeoverPackets)
        continue;
      // Those that go on side by side are another matter.
      if (later_by(next.first.time, old.last.time, kHandOver) || next.first.time < old.first.time ||
          later_by(old.last.time, next.first.time, kTakeoverGap) || !same_payload_type(old, next))
        continue;
      const bool same = old.ssrc == next.ssrc;
      const auto* state = static_cast<const StreamState*>(next.attachment.get());
      if (!same && (state == nullptr || state->first_marker)) continue;
      if (event_between(call_, old.last.time, next.first.time)) continue;
      taken_ = true;
      out_.tally(kSsrcTakeover, Verdict::kFail);
      out_.add(
          kSsrcTakeover,
          fmt::format("{} stops sending to {}, and {:.2f} s later {}, which no SDP names, goes on in its place with {}",
                      old.key.src.to_string(), next.key.dst.to_string(),
                      seconds_between(old.last.time, next.first.time), next.key.src.to_string(),
                      same ? fmt::format("the same SSRC 0x{:08x}", next.ssrc)
                           : fmt::format("SSRC 0x{:08x} for 0x{:08x}", next.ssrc, old.ssrc)),
          &call_, next.key.src.address.to_string() + '|' + next.key.dst.to_string() + "|takeover",
          {{next.first, "first packet of the second sender"}, {old.last, "last packet of the first"}},
          between(next.key.src, next.key.dst), {}, same ? Confidence::kProbable : Confidence::kPossible);
      return;
    }
  }

  // Both ends chose the same SSRC.
  void collisions() {
    for (std::size_t i = 0; i < call_.streams.size() && i < 512; ++i) {
      const MediaStream& a = *call_.streams[i];
      for (std::size_t k = i + 1; k < call_.streams.size() && k < 512; ++k) {
        const MediaStream& b = *call_.streams[k];
        if (a.ssrc != b.ssrc || a.key.src != b.key.dst || a.key.dst != b.key.src || !at_once(a, b)) continue;
        if (forwarded(a, b) || a.packets < 10 || b.packets < 10) continue;  // a loop that reflects
        taken_ = true;
        out_.tally(kSsrcTakeover, Verdict::kFail);
        out_.add(
            kSsrcTakeover,
            fmt::format("{} and {} both send with SSRC 0x{:08x}", a.key.src.to_string(), a.key.dst.to_string(), a.ssrc),
            &call_, hosts(a.key.src, a.key.dst) + "|collision", {{a.first, "one sender"}, {b.first, "the other"}},
            between(a.key.src, a.key.dst), Severity::kLow);
        return;
      }
    }
  }

  // SRTP-060.
  void ice() {
    bool any = false;
    bool told = false;
    for (const SdpUse& use : call_.sdp_uses) {
      for (const MediaLine& line : use.sdp->media()) {
        if (line.port == 0 || (line.ice_ufrag.empty() && line.ice_pwd.empty())) continue;
        any = true;
        const bool weak_name = line.ice_ufrag.size() < 4;
        const bool weak_secret = line.ice_pwd.size() < 22;
        if ((!weak_name && !weak_secret) || told) continue;
        told = true;
        out_.tally(kIcePath, Verdict::kFail);
        out_.add(
            kIcePath,
            fmt::format("m={}: {}", line.kind,
                        weak_secret ? fmt::format("ice-pwd has {} characters, not 22 or more", line.ice_pwd.size())
                                    : fmt::format("ice-ufrag has {} characters, not 4 or more", line.ice_ufrag.size())),
            &call_, line.rtp.address.to_string() + "|ice", {{use.frame, "SDP"}});
      }
    }
    if (known_.ice && !known_.nameless && !bled_ && !injected_) {
      for (const auto& stream : call_.streams) {
        if (told || stream->packets < 20) continue;
        const bool src = known_.address(stream->key.src.address);
        const bool dst = known_.address(stream->key.dst.address);
        if (src && dst) continue;
        told = true;
        out_.tally(kIcePath, Verdict::kFail);
        out_.add(kIcePath,
                 fmt::format("{} packets go from {} to {}, but {} is no candidate, c= address or STUN peer of the call",
                             stream->packets, stream->key.src.to_string(), stream->key.dst.to_string(),
                             (src ? stream->key.dst : stream->key.src).address.to_string()),
                 &call_, hosts(stream->key.src, stream->key.dst) + "|ice-path", {{stream->first, "first packet"}},
                 between(stream->key.src, stream->key.dst), {}, Confidence::kProbable);
      }
    }
    if (!told) out_.tally(kIcePath, any || known_.ice ? Verdict::kPass : Verdict::kNotApplicable);
  }

  Findings& out_;
  const Call& call_;
  bool transferred_ = false;
  Known known_;
  bool bled_ = false;
  bool injected_ = false;
  bool taken_ = false;
};

}  // namespace

bool sent_by_stranger(const Call& call, const MediaStream& stream) {
  const Rightful other = rightful(call, Known(call), stream);
  return other.stream != nullptr && other.sure;
}

void check_path(Findings& out, const Call& call, bool transferred) { PathChecks(out, call, transferred).run(); }

// The early half of SRTP-059; what came after the BYE waits in the record until all calls are known.
void check_outside(Findings& out, const Call& call, bool transferred, CallRecord& record) {
  if (call.streams.empty()) {
    out.tally(kOutsideCall, Verdict::kNotApplicable);
    return;
  }
  bool told = false;
  for (const auto& stream : call.streams) {
    if (stream->attachment == nullptr) continue;
    const auto& state = static_cast<const StreamState&>(*stream->attachment);
    if (state.after_bye.packets >= out.options().min_outside_packets && !transferred &&
        record.more().late.size() < 16) {
      record.more().late.push_back({stream->key.src, stream->key.dst, state.after_bye, call.ended});
      told = true;
    }
    if (state.before_answer.packets < out.options().min_outside_packets || told) continue;
    const bool to_caller = std::ranges::any_of(call.sdp_uses, [&](const SdpUse& use) {
      return use.from_caller && use.status == 0 && use.frame.time <= state.before_answer.first.time &&
             std::ranges::any_of(use.sdp->media(), [&](const MediaLine& line) { return line.rtp == stream->key.dst; });
    });
    if (!to_caller) continue;
    told = true;
    out.tally(kOutsideCall, Verdict::kFail);
    out.add(kOutsideCall,
            fmt::format("{} packets ({:.1f} s) from {} to {} before any answer with SDP", state.before_answer.packets,
                        seconds_between(state.before_answer.first.time, state.before_answer.last.time),
                        stream->key.src.to_string(), stream->key.dst.to_string()),
            &call, hosts(stream->key.src, stream->key.dst) + "|early",
            {{state.before_answer.first, "first early packet"}, {state.before_answer.last, "last of them"}},
            between(stream->key.src, stream->key.dst));
  }
  if (!told) out.tally(kOutsideCall, call.bye_seen ? Verdict::kPass : Verdict::kNotAssessable);
}

}  // namespace voip::analyze::srtp
