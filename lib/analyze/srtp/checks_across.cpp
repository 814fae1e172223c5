#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "analyze/srtp/checks.h"
#include "crypto/srtp_suite.h"

// What only all calls together tell: SRTP-016, SRTP-020, SRTP-022, SRTP-032 over a day, SRTP-059, and --require.
namespace voip::analyze::srtp {

namespace {

Call shadow_of(std::string_view call_id) {
  Call shadow;
  shadow.call_id = call_id;
  return shadow;
}

// More is stronger; 0 for what does not encrypt or is unknown.
int strength_of(std::string_view name) {
  const crypto::SrtpSuite* suite = crypto::srtp_suite_by_sdes_name(name);
  if (suite == nullptr || !suite->encrypts()) return 0;
  return suite->key_size * 10 + (suite->aead() ? 4 : suite->rtp_tag_size >= 10 ? 2 : 1);
}

}  // namespace

// Notes what the call's offers and answers say of suites and keys.
void note_traces(const Call& call, CallRecord& record, const CallKeys* call_keys) {
  const auto vendor_at = [&](const FrameRef& frame) {
    if (call_keys == nullptr) return std::string();
    const auto at = std::ranges::find(call_keys->vendors, frame, &std::pair<FrameRef, std::string>::first);
    return at == call_keys->vendors.end() ? std::string() : at->second;
  };
  const auto note_suites = [&](const session::MediaLine& line, const FrameRef& frame) {
    for (const sdp::Crypto& crypto : line.cryptos) {
      const std::string suite = canonical_suite(crypto.suite);
      auto& suites = record.more().suites;
      const bool known = std::ranges::any_of(
          suites, [&](const SuiteOffer& s) { return s.offerer == line.rtp.address && s.suite == suite; });
      if (!known && suites.size() < 32) suites.push_back({line.rtp.address, suite, frame});
    }
  };
  std::set<TextKey, decltype([](const TextKey& a, const TextKey& b) {
             return std::tie(a.low, a.high) < std::tie(b.low, b.high);
           })>
      keys;
  for (const session::SdpUse& use : call.sdp_uses) {
    for (const session::MediaLine& line : use.sdp->media()) {
      for (const sdp::Crypto& crypto : line.cryptos) {
        for (const InlineKey& key : inline_keys(crypto)) {
          if (key.bytes.size() < 16 || keys.size() >= 24) continue;
          const TextKey identity = key_identity(key);
          if (keys.insert(identity).second)
            record.more().keys.push_back({identity, masked_key(key), use.frame, line.rtp, vendor_at(use.frame)});
        }
      }
    }
  }
  for (const session::DialogLeg& dialog : call.dialogs) {
    for (const session::Exchange& exchange : dialog.exchanges) {
      if (exchange.offer.sdp == nullptr) continue;
      for (const session::MediaLine& line : exchange.offer.sdp->media()) note_suites(line, exchange.offer.frame);
      if (!exchange.complete()) continue;
      for (std::size_t i = 0; i < exchange.answer.sdp->media().size(); ++i) {
        const session::MediaLine* offer = line_of(exchange.offer, i);
        const session::MediaLine* answer = line_of(exchange.answer, i);
        if (offer == nullptr || offer->cryptos.empty() || answer->cryptos.empty() || answer->port == 0) continue;
        const std::string chosen = canonical_suite(answer->cryptos.front().suite);
        SuiteChoice choice{answer->rtp.address, chosen, {}, exchange.answer.frame, exchange.offer.frame};
        for (const sdp::Crypto& crypto : offer->cryptos) {
          const std::string suite = canonical_suite(crypto.suite);
          if (suite == chosen) break;
          if (strength_of(suite) > strength_of(chosen)) choice.passed_over.push_back(suite);
        }
        if (record.more().choices.size() < 16) record.more().choices.push_back(std::move(choice));
      }
    }
  }
  for (const session::SdpUse& use : call.early_offers) {
    for (const session::MediaLine& line : use.sdp->media()) note_suites(line, use.frame);
  }
  for (const session::Exchange& refusal : call.refusals) {
    if (refusal.offer.sdp == nullptr) continue;
    for (const session::MediaLine& line : refusal.offer.sdp->media()) note_suites(line, refusal.offer.frame);
  }
  if (record.traces != nullptr) record.traces->used = call.answered.known() || !call.streams.empty();
}

// SRTP-016.
void check_choices(Findings& out, const CallRecords& calls) {
  std::map<std::pair<IpAddress, std::string>, FrameRef> offered;
  for (const CallRecord& call : calls) {
    if (call.traces == nullptr) continue;
    for (const SuiteOffer& suite : call.traces->suites) offered.try_emplace({suite.offerer, suite.suite}, suite.frame);
  }
  for (const CallRecord& call : calls) {
    if (call.traces == nullptr) continue;
    bool told = false;
    for (const SuiteChoice& choice : call.traces->choices) {
      if (told) break;
      const auto proof = std::ranges::find_if(choice.passed_over, [&](const std::string& suite) {
        return offered.contains({choice.answerer, suite});
      });
      if (proof == choice.passed_over.end()) {
        out.tally(kWeakerChoice, Verdict::kPass);
        continue;
      }
      told = true;
      out.tally(kWeakerChoice, Verdict::kFail);
      const Call shadow = shadow_of(call.call_id);
      out.add(kWeakerChoice,
              fmt::format("{} answered with {}, though {} was offered before it and {} offers that itself elsewhere",
                          choice.answerer.to_string(), choice.chosen, *proof, choice.answerer.to_string()),
              &shadow, choice.answerer.to_string() + '|' + choice.chosen,
              {{choice.answer, "answer"},
               {choice.offer, "offer"},
               {offered.at({choice.answerer, *proof}), "its own offer of the stronger one"}});
    }
    if (call.traces->choices.empty()) out.tally(kWeakerChoice, Verdict::kNotApplicable);
  }
}

// SRTP-020 and SRTP-022.
void check_key_reuse(Findings& out, const CallRecords& calls, PadTable& pads) {
  const std::vector<PadTable::Pad> found = pads.find();
  for (const PadTable::Pad& pad : found) {
    const PadTable::Stream& a = pads.streams()[pad.first.stream];
    const PadTable::Stream& b = pads.streams()[pad.second.stream];
    out.tally(kTwoTimePad, Verdict::kFail);
    const Call shadow = shadow_of(b.call_id);
    out.add(kTwoTimePad,
            fmt::format("{}: SSRC 0x{:08x} uses index {} twice with different ciphertext, from {} and from {}{}; {} of "
                        "the sampled indexes do",
                        b.masked, b.ssrc, pad.second.index, a.src.to_string(), b.src.to_string(),
                        a.call_id == b.call_id ? "" : " (Call-ID " + a.call_id + ")", pad.samples),
            &shadow, b.masked + "|pad", {{pad.second.frame, "second use of the index"}, {pad.first.frame, "first use"}},
            {{"source", b.src.to_string()}, {"destination", b.dst.to_string()}});
  }

  // SRTP-029: what one sender sent comes again from another.
  for (const PadTable::Pad& replay : pads.replays()) {
    const PadTable::Stream& a = pads.streams()[replay.first.stream];
    const PadTable::Stream& b = pads.streams()[replay.second.stream];
    out.tally(kReplay, Verdict::kFail);
    const Call shadow = shadow_of(b.call_id);
    out.add(kReplay,
            fmt::format(
                "{} sends packets to {} that {} sent before, byte for byte (SSRC 0x{:08x}; index {} {:.1f} s later)",
                b.src.to_string(), b.dst.to_string(), a.src.to_string(), b.ssrc, replay.second.index,
                seconds_between(replay.first.frame.time, replay.second.frame.time)),
            &shadow, hosts(b.src, b.dst) + "|replay",
            {{replay.second.frame, "sent again"}, {replay.first.frame, "sent first"}},
            {{"source", b.src.to_string()}, {"destination", b.dst.to_string()}});
  }

  struct Seen {
    std::size_t call = 0;
    const KeyUse* use = nullptr;
  };
  FlatMap<TextKey, std::vector<Seen>> by_key;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].traces == nullptr || !calls[i].traces->used) continue;
    for (const KeyUse& use : calls[i].traces->keys) {
      auto& seen = by_key.at_or_new(use.identity);
      if (seen.size() < 64) seen.push_back({i, &use});
    }
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const CallRecord& call = calls[i];
    if (call.traces == nullptr || call.traces->keys.empty()) continue;
    bool reused = false;
    for (const KeyUse& use : call.traces->keys) {
      const auto* seen = by_key.find(use.identity);
      if (seen == nullptr || seen->size() < 2 || seen->front().call == i || reused) continue;
      const auto self = std::ranges::find(*seen, i, &Seen::call);
      if (self == seen->end()) continue;
      const Seen& before = *(self - 1);
      const CallRecord& earlier = calls[before.call];
      const Call shadow = shadow_of(call.call_id);
      const bool one_call = earlier.group == call.group;
      const bool pad = std::ranges::any_of(found, [&](const PadTable::Pad& p) { return p.key == use.identity; }) ||
                       std::ranges::find(pads.padded, use.identity) != pads.padded.end();
      if (one_call) {
        out.add(kKeyReuse,
                fmt::format("{} stands in two legs of one call: a relay passes the key through (other leg: Call-ID {})",
                            use.masked, earlier.call_id),
                &shadow, use.masked, {{use.frame, "a=crypto"}, {before.use->frame, "on the other leg"}}, {},
                Severity::kInfo);
        continue;
      }
      reused = true;
      // A B2BUA that hands keys on is one call; the same key from two makes in two calls is no device's own.
      if (!use.vendor.empty() && !before.use->vendor.empty() && use.vendor != before.use->vendor) {
        out.tally(kWeakKey, Verdict::kFail);
        out.add(kWeakKey,
                fmt::format("{} comes from devices of two vendors: \"{}\" here, \"{}\" in Call-ID {}", use.masked,
                            use.vendor, before.use->vendor, earlier.call_id),
                &shadow, use.masked + "|vendors", {{use.frame, "a=crypto"}, {before.use->frame, "the same elsewhere"}},
                {{"source", use.owner.to_string()}}, {}, Confidence::kProbable);
      }
      out.tally(kKeyReuse, Verdict::kFail);
      out.add(kKeyReuse,
              fmt::format("{} of {} was used before, in Call-ID {} by {} ({:.0f} s earlier, {} calls in all){}",
                          use.masked, use.owner.to_string(), earlier.call_id, before.use->owner.to_string(),
                          seconds_between(before.use->frame.time, use.frame.time), seen->size(),
                          pad ? "; and the keystream repeats (SRTP-022)" : ""),
              &shadow, use.masked, {{use.frame, "a=crypto"}, {before.use->frame, "used before"}},
              {{"source", use.owner.to_string()}}, pad ? std::optional(Severity::kCritical) : std::nullopt);
    }
    if (!reused) out.tally(kKeyReuse, Verdict::kPass);
  }
}

// SRTP-032: a name that stays.
void check_cnames_over_days(Findings& out, const CallRecords& calls) {
  constexpr std::chrono::hours kDay{24};
  FlatMap<TextKey, FrameRef> first;
  FlatMap<TextKey, bool> told;
  for (const CallRecord& call : calls) {
    if (call.traces == nullptr) continue;
    for (const auto& [name, frame] : call.traces->cnames) {
      bool made = false;
      FrameRef& begin = first.at_or_new(name, &made);
      if (made) begin = frame;
      if (made || !later_by(begin.time, frame.time, kDay) || told.at_or_new(name)) continue;
      told.at_or_new(name) = true;
      out.tally(kCname, Verdict::kFail);
      const Call shadow = shadow_of(call.call_id);
      out.add(kCname,
              fmt::format("a CNAME is the same as {:.1f} h before", seconds_between(begin.time, frame.time) / 3600),
              &shadow, "cname|" + std::to_string(told.size()), {{frame, "clear SDES"}, {begin, "the same before"}});
    }
  }
}

// SRTP-059 after the BYE.
void check_late_media(Findings& out, const CallRecords& calls) {
  std::map<Endpoint, std::vector<const CallRecord*>> ports;
  for (const CallRecord& call : calls) {
    if (call.traces == nullptr) continue;
    for (const LateMedia& late : call.traces->late) {
      ports[late.src];
      ports[late.dst];
    }
  }
  if (ports.empty()) return;
  for (const CallRecord& call : calls) {
    for (const LegRecord& leg : call.legs) {
      for (const MediaRecord& media : leg.media) {
        for (const StreamRecord& stream : media.streams) {
          for (const Endpoint* end : {&stream.src, &stream.dst}) {
            if (const auto at = ports.find(*end);
                at != ports.end() && (at->second.empty() || at->second.back() != &call))
              at->second.push_back(&call);
          }
        }
      }
    }
  }
  for (const CallRecord& call : calls) {
    if (call.traces == nullptr) continue;
    for (const LateMedia& late : call.traces->late) {
      // The next call on the same ports, with the same SSRC.
      const auto taken = [&](const Endpoint& end) {
        return std::ranges::any_of(ports[end], [&](const CallRecord* other) {
          return other != &call && other->first.time <= late.span.last.time && late.bye <= other->end;
        });
      };
      if (taken(late.src) || taken(late.dst)) continue;
      out.tally(kOutsideCall, Verdict::kFail);
      const Call shadow = shadow_of(call.call_id);
      out.add(kOutsideCall,
              fmt::format("{} packets from {} to {} come {:.1f} to {:.1f} s after the BYE", late.span.packets,
                          late.src.to_string(), late.dst.to_string(), seconds_between(late.bye, late.span.first.time),
                          seconds_between(late.bye, late.span.last.time)),
              &shadow, hosts(late.src, late.dst) + "|late",
              {{late.span.first, "first late packet"}, {late.span.last, "last packet"}},
              {{"source", late.src.to_string()}, {"destination", late.dst.to_string()}});
    }
  }
}

namespace {

// Why a stream does not meet the requirement; empty when it does.
std::string shortfall(const StreamRecord& stream, Keying negotiated, const Options& options) {
  if (stream.observed == Observed::kCleartext) return "is clear";
  if (stream.observed == Observed::kUndetermined) return "could not be determined";
  if (stream.cleartext_packets >= options.min_clear_packets)
    return fmt::format("is encrypted, but for {} clear packets", stream.cleartext_packets);
  if (options.require == Requirement::kSrtpProven && stream.proof != Strength::kAuthenticated)
    return "looks encrypted, but no tag of it was verified";
  if (options.require == Requirement::kDtlsSrtp && negotiated != Keying::kDtlsSrtp)
    return fmt::format("is encrypted with keys by {}, not by DTLS", to_string(negotiated));
  return {};
}

std::string_view name_of(Requirement requirement) {
  switch (requirement) {
    case Requirement::kSrtp: return "srtp";
    case Requirement::kSrtpProven: return "srtp-proven";
    case Requirement::kDtlsSrtp: return "dtls-srtp";
    case Requirement::kNothing: break;
  }
  return "nothing";
}

}  // namespace

// --require.
void check_requirement(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans) {
  const Options& options = out.options();
  if (options.require == Requirement::kNothing) {
    out.tally(kRequirement, Verdict::kNotApplicable, calls.size() + orphans.size());
    return;
  }
  for (const CallRecord& call : calls) {
    std::uint64_t streams = 0;
    std::uint64_t lacking = 0;
    const StreamRecord* worst = nullptr;
    std::string why;
    for (const LegRecord& leg : call.legs) {
      for (const MediaRecord& media : leg.media) {
        for (const StreamRecord& stream : media.streams) {
          if (stream.packets < options.min_unencrypted_packets) continue;
          ++streams;
          std::string reason = shortfall(stream, media.negotiated, options);
          if (reason.empty()) continue;
          ++lacking;
          // What is known to be clear outweighs what is not known.
          if (worst == nullptr ||
              (stream.observed == Observed::kCleartext && worst->observed != Observed::kCleartext)) {
            worst = &stream;
            why = std::move(reason);
          }
        }
      }
    }
    if (worst == nullptr) {
      out.tally(kRequirement, streams == 0 ? Verdict::kNotAssessable : Verdict::kPass);
      continue;
    }
    out.tally(kRequirement, Verdict::kFail);
    const Call shadow = shadow_of(call.call_id);
    out.add(kRequirement,
            fmt::format("call {} ({} > {}) does not meet --require {}: {} of {} streams; {} > {} {}", call.call_id,
                        call.from, call.to, name_of(options.require), lacking, streams, worst->src.to_string(),
                        worst->dst.to_string(), why),
            &shadow, call.from + '|' + call.to + "|require", {{worst->first, "first packet"}, {call.first, "call"}},
            {{"source", worst->src.to_string()}, {"destination", worst->dst.to_string()}});
  }
  for (const StreamRecord& stream : orphans) {
    if (stream.packets < options.min_unencrypted_packets) continue;
    const std::string why = shortfall(stream, Keying::kUnknown, options);
    out.tally(kRequirement, why.empty() ? Verdict::kPass : Verdict::kFail);
    if (why.empty()) continue;
    out.add(kRequirement,
            fmt::format("a stream without signalling does not meet --require {}: {} > {} {}", name_of(options.require),
                        stream.src.to_string(), stream.dst.to_string(), why),
            nullptr, hosts(stream.src, stream.dst) + "|require", {{stream.first, "first packet"}},
            {{"source", stream.src.to_string()}, {"destination", stream.dst.to_string()}});
  }
}

}  // namespace voip::analyze::srtp
