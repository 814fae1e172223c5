#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/content.h"
#include "analyze/srtp/stream_record.h"

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
using session::MediaStream;
using session::RtcpFlow;
using session::SdpUse;

namespace {

// A finding about a call that is only a record by now.
void add_late(Findings& out, const Rule& rule, const CallRecord& call, std::string message, std::string entity,
              std::vector<Evidence> evidence, std::optional<Severity> severity, Confidence confidence) {
  Call shadow;
  shadow.call_id = call.call_id;
  out.add(rule, std::move(message), &shadow, std::move(entity), std::move(evidence), {}, severity, confidence);
}

const StreamRecord* first_stream(const LegRecord& leg, Observed observed) {
  for (const MediaRecord& media : leg.media) {
    for (const StreamRecord& stream : media.streams) {
      if (stream.observed == observed) return &stream;
    }
  }
  return nullptr;
}

}  // namespace

// SRTP-009.
void check_retries(Findings& out, const CallRecords& calls) {
  std::map<std::pair<std::string, std::string>, std::vector<const CallRecord*>> refused;
  for (const CallRecord& call : calls) {
    if (!call.refusals.empty()) refused[{call.from, call.to}].push_back(&call);
  }
  if (refused.empty()) return;
  for (const CallRecord& call : calls) {
    if (!call.clear_success) continue;
    const auto at = refused.find({call.from, call.to});
    if (at == refused.end()) continue;
    for (const CallRecord* before : at->second) {
      for (const SecureRefusal& refusal : before->refusals) {
        const Timestamp again = call.clear_success->time;
        if (again < refusal.refusal.time || later_by(refusal.refusal.time, again, out.options().retry_window)) continue;
        out.tally(kClearRetry, Verdict::kFail);
        add_late(out, kClearRetry, call,
                 fmt::format("{} called {} with SRTP and was refused with {}; {:.1f} s later it called without "
                             "encryption and got through{}",
                             call.from, call.to, refusal.status, seconds_between(refusal.refusal.time, again),
                             before == &call ? "" : " (refused as Call-ID " + before->call_id + ")"),
                 call.from + '|' + call.to,
                 {{*call.clear_success, "offer without encryption"},
                  {refusal.refusal, "refusal"},
                  {refusal.offer, "refused offer"}},
                 out.options().allow_fallback_retry ? std::optional(Severity::kMedium) : std::nullopt,
                 Confidence::kCertain);
        goto next_call;
      }
    }
  next_call:;
  }
}

// SRTP-010.
void check_legs(Findings& out, const CallRecords& calls) {
  std::map<std::size_t, std::vector<std::pair<const CallRecord*, const LegRecord*>>> groups;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const CallRecord& call = calls[i];
    const bool guess = call.group != i && call.linked_by == session::LinkKind::kHeuristic;
    if (guess) continue;
    for (const LegRecord& leg : call.legs) {
      if (leg.protection != Protection::kNoMedia) groups[call.group].emplace_back(&call, &leg);
    }
  }
  for (const auto& [group, legs] : groups) {
    if (legs.size() < 2) {
      out.tally(kUnequalLegs, Verdict::kNotApplicable);
      continue;
    }
    const std::pair<const CallRecord*, const LegRecord*>* clear = nullptr;
    const std::pair<const CallRecord*, const LegRecord*>* encrypted = nullptr;
    bool unclear = false;
    for (const auto& leg : legs) {
      if (leg.second->protection == Protection::kClear && clear == nullptr) clear = &leg;
      if (leg.second->protection == Protection::kEncrypted && encrypted == nullptr) encrypted = &leg;
      unclear |= leg.second->protection == Protection::kUndetermined;
    }
    if (clear == nullptr || encrypted == nullptr) {
      out.tally(kUnequalLegs, unclear ? Verdict::kNotAssessable : Verdict::kPass);
      continue;
    }
    const StreamRecord* bare = first_stream(*clear->second, Observed::kCleartext);
    const StreamRecord* sealed = first_stream(*encrypted->second, Observed::kEncrypted);
    if (bare == nullptr || sealed == nullptr) continue;
    if (out.options().clear_agreed &&
        (out.options().clear_agreed(bare->src.address) || out.options().clear_agreed(bare->dst.address))) {
      out.tally(kUnequalLegs, Verdict::kPass);
      continue;
    }
    const bool outside = !bare->src.address.is_private() || !bare->dst.address.is_private();
    out.tally(kUnequalLegs, Verdict::kFail);
    add_late(out, kUnequalLegs, *clear->first,
             fmt::format("one leg ({} - {}) is encrypted, another ({} - {}) is clear{}", sealed->src.to_string(),
                         sealed->dst.to_string(), bare->src.to_string(), bare->dst.to_string(),
                         clear->first == encrypted->first ? "" : "; other leg is Call-ID " + encrypted->first->call_id),
             hosts(bare->src, bare->dst), {{bare->first, "clear leg"}, {sealed->first, "encrypted leg"}},
             outside ? Severity::kHigh : Severity::kMedium, Confidence::kCertain);
  }
}

// SRTP-063.
void tell_coverage(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans) {
  const Summary summary = summarize(calls, orphans);
  FrameRef first;
  const auto look = [&first](const StreamRecord& stream) {
    if (!first.known() || stream.first < first) first = stream.first;
  };
  std::uint64_t packets = 0;
  std::array<std::uint64_t, 3> by_verdict{};
  for (const CallRecord& call : calls) {
    for (const LegRecord& leg : call.legs) {
      for (const MediaRecord& media : leg.media) {
        for (const StreamRecord& stream : media.streams) {
          look(stream);
          packets += stream.packets;
          by_verdict[static_cast<std::size_t>(stream.observed)] += stream.packets;
        }
      }
    }
  }
  for (const StreamRecord& stream : orphans) {
    look(stream);
    packets += stream.packets;
    by_verdict[static_cast<std::size_t>(stream.observed)] += stream.packets;
  }
  if (!first.known() || packets == 0) {
    out.tally(kCoverage, Verdict::kNotApplicable);
    return;
  }
  out.tally(kCoverage, Verdict::kFail);
  const auto percent = [packets](std::uint64_t n) {
    return 100.0 * static_cast<double>(n) / static_cast<double>(packets);
  };
  out.add(kCoverage,
          fmt::format("{} of {} calls with media fully encrypted, {} with clear media, {} undetermined; of all RTP "
                      "packets {:.1f} % encrypted, {:.1f} % clear, {:.1f} % undetermined",
                      summary.encrypted, summary.with_media, summary.clear, summary.undetermined,
                      percent(by_verdict[static_cast<std::size_t>(Observed::kEncrypted)]),
                      percent(by_verdict[static_cast<std::size_t>(Observed::kCleartext)]),
                      percent(by_verdict[static_cast<std::size_t>(Observed::kUndetermined)])),
          nullptr, "capture", {{first, "first media packet"}});
}

}  // namespace voip::analyze::srtp
