#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyze/srtp/checks.h"

namespace voip::analyze::srtp {

namespace {

// Whether each line that offered a key was answered with port 0.
bool every_line_rejected(const Call& call) {
  bool any = false;
  for (const DialogLeg& dialog : call.dialogs) {
    for (const Exchange& exchange : dialog.exchanges) {
      if (!exchange.complete()) return false;
      for (std::size_t i = 0; i < exchange.offer.sdp->media().size(); ++i) {
        if (exchange.offer.sdp->media()[i].cryptos.empty()) continue;
        const MediaLine* answer = line_of(exchange.answer, i);
        if (answer == nullptr || answer->port != 0) return false;
        any = true;
      }
    }
  }
  return any;
}

}  // namespace

// SRTP-007.
void check_answer(Findings& out, const Call& call, const Leg& leg, std::size_t index, const MediaRecord& media) {
  const bool flows = std::ranges::any_of(media.streams, [](const StreamRecord& s) { return s.packets >= 10; });
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      const MediaLine* offer = line_of(exchange.offer, index);
      const MediaLine* answer = line_of(exchange.answer, index);
      if (offer == nullptr || answer == nullptr || !offer->secure_profile() || offer->port == 0) continue;
      if (answer->port == 0) {
        out.tally(kAnswerDowngrade, Verdict::kNotApplicable);
        continue;
      }
      const bool plain = answer->rtp_profile() && !answer->secure_profile();
      const bool keyless = answer->secure_profile() && carries_keys(*offer) && !carries_keys(*answer) && flows;
      if (!plain && !keyless) {
        out.tally(kAnswerDowngrade, Verdict::kPass);
        continue;
      }
      out.tally(kAnswerDowngrade, Verdict::kFail);
      const Hop& hop = call.hops[dialog->hop];
      out.add(
          kAnswerDowngrade,
          plain ? fmt::format("offer m={} {} was answered with {}, port {}", offer->kind, offer->protocol,
                              answer->protocol, answer->port)
                : fmt::format("offer m={} {} carried keys, its answer has the profile {} but no keys, and media flows",
                              offer->kind, offer->protocol, answer->protocol),
          &call, hosts(hop.caller_side, hop.callee_side),
          {{exchange.answer.frame, "answer"}, {exchange.offer.frame, "offer"}},
          {{"source", hop.callee_side.to_string()}, {"destination", hop.caller_side.to_string()}});
      return;
    }
  }
}

// SRTP-006.
void check_offers(Findings& out, const Call& call, const Leg& leg) {
  std::set<std::size_t> told;
  const auto look = [&](const SdpUse& use, const SdpUse* answer, bool refused) {
    if (use.sdp == nullptr) return;
    for (std::size_t i = 0; i < use.sdp->media().size(); ++i) {
      const MediaLine& line = use.sdp->media()[i];
      if (!audio_or_video(line) || line.port == 0 || line.secure_profile() || told.contains(i)) continue;
      if (!has_scheme(line, Keying::kSdes) && !has_scheme(line, Keying::kDtlsSrtp) && !line.capability_keying) continue;
      told.insert(i);
      const MediaLine* reply = answer != nullptr ? line_of(*answer, i) : nullptr;
      const bool taken =
          !refused && reply != nullptr && reply->port != 0 && (carries_keys(*reply) || reply->secure_profile());
      std::string_view outcome = "no answer was seen";
      if (refused || (reply != nullptr && reply->port == 0)) {
        outcome = "it was refused";
      } else if (reply != nullptr) {
        outcome =
            carries_keys(*reply) || reply->secure_profile() ? "the answer took it up" : "the answer went on in clear";
      }
      out.tally(kBestEffort, Verdict::kFail);
      std::vector<Evidence> evidence{{use.frame, "offer"}};
      if (answer != nullptr) evidence.push_back({answer->frame, "answer"});
      const std::string_view what = !line.cryptos.empty()        ? "a=crypto"
                                    : !line.fingerprints.empty() ? "a=fingerprint"
                                                                 : "a capability";
      out.add(
          kBestEffort,
          fmt::format("offer m={} {} carries {}: encryption is optional; {}", line.kind, line.protocol, what, outcome),
          &call, line.rtp.address.to_string() + "|optional", std::move(evidence), {},
          taken && out.options().allow_osrtp ? std::optional(Severity::kInfo) : std::nullopt);
    }
  };
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      look(exchange.offer, exchange.answer.sdp != nullptr ? &exchange.answer : nullptr, exchange.refused != 0);
    }
  }
  for (const SdpUse* use : leg.lone_offers) look(*use, nullptr, leg.refusal != nullptr);
  if (told.empty() && !leg.path.empty()) out.tally(kBestEffort, Verdict::kPass);
}

// The signalling half of SRTP-008.
void check_drops(Findings& out, const Call& call, const Leg& leg) {
  for (const DialogLeg* dialog : leg.path) {
    std::map<std::size_t, const Exchange*> secure;
    for (const Exchange& exchange : dialog->exchanges) {
      if (!exchange.complete()) continue;
      for (std::size_t i = 0; i < exchange.answer.sdp->media().size(); ++i) {
        const Agreement now = agree(line_of(exchange.offer, i), line_of(exchange.answer, i));
        const MediaLine& line = exchange.answer.sdp->media()[i];
        if (now.rejected || now.inactive || !line.rtp_profile()) continue;
        if (now.secure_profile) {
          secure[i] = &exchange;
        } else if (const auto at = secure.find(i); at != secure.end() && now.keying == Keying::kNone) {
          out.tally(kDroppedMidCall, Verdict::kFail);
          const Hop& hop = call.hops[dialog->hop];
          out.add(kDroppedMidCall,
                  fmt::format("m={} was {} and became {} by {} after {:.1f} s", line.kind,
                              line_of(at->second->answer, i)->protocol, line.protocol, sip::to_string(exchange.method),
                              seconds_between(at->second->answer.frame.time, exchange.answer.frame.time)),
                  &call, hosts(hop.caller_side, hop.callee_side),
                  {{exchange.offer.frame, "offer without encryption"},
                   {exchange.answer.frame, "its answer"},
                   {at->second->answer.frame, "encrypted until then"}});
          return;
        }
      }
    }
    if (!secure.empty()) {
      out.tally(kDroppedMidCall, Verdict::kPass);
      return;
    }
  }
}

// SRTP-002.
void check_keys_in_clear(Findings& out, const Call& call) {
  const std::uint64_t packets = [&] {
    std::uint64_t sum = 0;
    for (const auto& stream : call.streams) sum += stream->packets;
    return sum;
  }();
  const bool refused = !call.answered.known() && (call.final_status >= 300 || !call.refusals.empty());
  const bool never_used = packets == 0 && (refused || every_line_rejected(call));
  for (std::size_t h = 0; h < call.hops.size(); ++h) {
    const Hop& hop = call.hops[h];
    std::vector<Evidence> evidence;
    std::string keys;
    const sdp::Crypto* first = nullptr;
    bool keyed = false;
    for (std::size_t i = 0; i < call.sdp_uses.size(); ++i) {
      if (call.sdp_use_hops[i] != h) continue;
      const SdpUse& use = call.sdp_uses[i];
      bool here = false;
      for (const MediaLine& line : use.sdp->media()) {
        for (const sdp::Crypto& crypto : line.cryptos) {
          const auto inlined = inline_keys(crypto);
          if (inlined.empty()) continue;
          here = true;
          if (first == nullptr) {
            first = &crypto;
            keys = masked_key(inlined.front());
          }
        }
      }
      keyed |= here;
      if (here && evidence.size() < 4)
        evidence.push_back({use.frame, use.status == 0 ? "a=crypto in a request" : "a=crypto in a response"});
    }
    if (!keyed) continue;
    if (dissect::encrypted(hop.signalling)) {
      out.tally(kSdesInClear, Verdict::kPass);
      continue;
    }
    if (hop.caller_side.address.loopback() && hop.callee_side.address.loopback()) {
      out.tally(kSdesInClear, Verdict::kNotApplicable);
      continue;
    }
    out.tally(kSdesInClear, Verdict::kFail);
    out.add(kSdesInClear,
            fmt::format("SDES key ({}, {}) sent over {} between {} and {}{}{}", canonical_suite(first->suite), keys,
                        dissect::to_string(hop.signalling), hop.caller_side.to_string(), hop.callee_side.to_string(),
                        never_used ? "; the offer was refused and no media used it" : "",
                        hop.on_wire ? "" : "; as a HEP mirror tells, not seen on the wire itself"),
            &call, hosts(hop.caller_side, hop.callee_side), std::move(evidence),
            {{"source", hop.caller_side.to_string()}, {"destination", hop.callee_side.to_string()}},
            never_used ? std::optional(Severity::kLow) : std::nullopt,
            hop.on_wire ? Confidence::kCertain : Confidence::kProbable);
  }
}

}  // namespace voip::analyze::srtp
