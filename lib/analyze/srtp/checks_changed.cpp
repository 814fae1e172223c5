#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/path_traces.h"
#include "base/text.h"

// Whether keying attributes are the same before and behind a hop: SRTP-064.
namespace voip::analyze::srtp {

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

void PathTraces::compare(Findings& out, const session::Call& call, Trace now) {
  const std::array<Endpoint, 2> key{now.offered, now.answered};
  Trace& before = traces_.get(key, now.start, [](const auto&, Trace&) {});
  // The same media endpoints at both ends, at the same time, under another Call-ID: one call, before and behind a hop
  // that left the media alone.
  const bool apart = before.end <= now.start || now.end <= before.start;
  const bool same_hop = std::minmax(before.offerer.address, before.answerer.address) ==
                        std::minmax(now.offerer.address, now.answerer.address);
  if (before.offer == nullptr || before.serial == now.serial || apart || same_hop ||
      later_by(before.start, now.start, kNear) || later_by(now.start, before.start, kNear)) {
    before = std::move(now);
    return;
  }
  bool told = false;
  bool compared = false;
  const auto look = [&](const session::SdpPtr& a, const FrameRef& frame_a, const Endpoint& sender_a,
                        const session::SdpPtr& b, const FrameRef& frame_b, const Endpoint& sender_b,
                        std::string_view what) {
    const bool forward = frame_a < frame_b;
    const session::SdpBody& first = forward ? *a : *b;
    const session::SdpBody& second = forward ? *b : *a;
    const Endpoint& sender = forward ? sender_b : sender_a;
    for (std::size_t i = 0; i < std::min(first.media().size(), second.media().size()); ++i) {
      const MediaLine& x = first.media()[i];
      const MediaLine& y = second.media()[i];
      if (x.rtp != y.rtp || x.port == 0 || !x.rtp_profile()) continue;
      compared = true;
      if (told || keying_signature(x) == keying_signature(y)) continue;
      const std::string change = what_changed(x, y);
      if (change.empty()) continue;
      told = true;
      out.tally(kKeyingChanged, Verdict::kFail);
      out.add(kKeyingChanged,
              fmt::format("{} m={} of {} is not the same behind {} (other Call-ID {}): {}", what, x.kind,
                          x.rtp.to_string(), sender.to_string(), before.call_id, change),
              &call, sender.address.to_string() + "|keying",
              {{forward ? frame_b : frame_a, "after the hop"}, {forward ? frame_a : frame_b, "before it"}},
              {{"source", sender.to_string()}}, {}, Confidence::kProbable);
    }
  };
  look(before.offer, before.offer_frame, before.offerer, now.offer, now.offer_frame, now.offerer, "offer");
  look(before.answer, before.answer_frame, before.answerer, now.answer, now.answer_frame, now.answerer, "answer");
  if (compared && !told) out.tally(kKeyingChanged, Verdict::kPass);
}

void PathTraces::note(Findings& out, const Call& call, const session::Legs& legs) {
  for (const Leg& leg : legs.legs) {
    for (const DialogLeg* dialog : leg.path) {
      const auto exchange = std::ranges::find_if(dialog->exchanges, &Exchange::complete);
      if (exchange == dialog->exchanges.end()) continue;
      const MediaLine* offer = line_of(exchange->offer, 0);
      const MediaLine* answer = line_of(exchange->answer, 0);
      if (offer == nullptr || answer == nullptr || offer->port == 0 || answer->port == 0 ||
          offer->rtp.address.unspecified() || answer->rtp.address.unspecified() || offer->rtp.port() == 9)
        continue;
      const Hop& hop = call.hops[dialog->hop];
      const bool from_caller = exchange->offer.from_caller;
      compare(out, call,
              {.offered = offer->rtp,
               .answered = answer->rtp,
               .offer = exchange->offer.sdp,
               .answer = exchange->answer.sdp,
               .offer_frame = exchange->offer.frame,
               .answer_frame = exchange->answer.frame,
               .offerer = from_caller ? hop.caller_side : hop.callee_side,
               .answerer = from_caller ? hop.callee_side : hop.caller_side,
               .start = exchange->offer.frame.time,
               .end = call.ended.known() ? call.ended : call.last.time,
               .serial = call.serial,
               .call_id = call.call_id});
      break;
    }
  }
}

}  // namespace voip::analyze::srtp
