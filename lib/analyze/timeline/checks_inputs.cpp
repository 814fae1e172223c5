#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "analyze/timeline/checks.h"
#include "analyze/timeline/rules.h"
#include "analyze/timeline/story_events.h"

namespace voip::analyze::timeline {

namespace {

using report::Confidence;
using report::Evidence;
using report::Finding;
using report::Rule;
using report::Severity;
using report::Verdict;

constexpr std::uint64_t kLongRun = 50;  // packets of one time

// Tells what was found of one input; a check that found nothing anywhere passes.
class InputReporter {
 public:
  InputReporter(const Facts& facts, report::Sink& sink)
      : sink_(sink), packets_(std::ranges::any_of(facts.inputs, [](const InputFacts& i) { return i.packets != 0; })) {}

  // what: tells findings of one check and input apart, in fingerprints.
  void add(const Rule& rule, std::uint32_t input, std::string_view what, std::string message,
           std::vector<Evidence> evidence, Severity severity, Confidence confidence) {
    Finding finding;
    finding.rule = &rule;
    finding.severity = severity;
    finding.confidence = confidence;
    finding.message = std::move(message);
    finding.entity = fmt::format("input {}|{}", input, what);
    finding.evidence = std::move(evidence);
    if (std::ranges::find(failed_, &rule) == failed_.end()) failed_.push_back(&rule);
    sink_.tally(rule, Verdict::kFail);
    sink_.add(std::move(finding));
  }
  // Without a packet nothing was looked at.
  void otherwise(const Rule& rule, Verdict verdict) {
    if (std::ranges::find(failed_, &rule) != failed_.end()) return;
    sink_.tally(rule, verdict == Verdict::kPass && !packets_ ? Verdict::kNotAssessable : verdict);
  }

 private:
  report::Sink& sink_;
  bool packets_ = false;
  std::vector<const Rule*> failed_;
};

void report_holes(const Facts& facts, const Record& record, InputReporter& out) {
  for (const Gap& gap : facts.gaps) {
    out.add(
        kEvidenceGap, gap.input, "silence",
        fmt::format("No packets for {} from {} on, where {}{}",
                    duration_text(seconds_between(gap.before.time, gap.after.time)), format_utc(gap.before.time),
                    usual_text(gap), facts.more_gaps != 0 ? fmt::format(" ({} more such holes)", facts.more_gaps) : ""),
        {{gap.before, "last before the hole"}, {gap.after, "first after it"}}, Severity::kMedium,
        Confidence::kProbable);
  }
  for (const MediaHole& hole : facts.media_holes) {
    out.add(
        kEvidenceGap, hole.after.input, "media",
        fmt::format("All {} media streams lack packets at the same time, for {:.1f} s from {} on ({} packets by their "
                    "sequence numbers): the capture missed them, for no network loses what comes from all sides{}",
                    hole.streams, seconds_between(hole.before.time, hole.after.time), format_utc(hole.before.time),
                    hole.lost,
                    facts.more_media_holes != 0 ? fmt::format(" ({} more such holes)", facts.more_media_holes) : ""),
        {{hole.before, "last before the hole"}, {hole.after, "all are there again"}}, Severity::kMedium,
        Confidence::kProbable);
  }
  for (const InputFacts& input : facts.inputs) {
    if (!input.first.known()) continue;
    if (input.lost_by_capture != 0) {
      out.add(kEvidenceGap, input.input, "lost",
              fmt::format("The capture itself lost {} packets ({} were kept)", input.lost_by_capture, input.packets),
              {{input.first, "begin of the input"}}, Severity::kMedium, Confidence::kCertain);
    }
    if (input.snapped != 0) {
      out.add(kEvidenceGap, input.input, "snapped",
              fmt::format("{} of {} packets were cut by the snap length", input.snapped, input.packets),
              {{input.first_snapped, "first cut packet"}},
              input.snapped * 20 > input.packets ? Severity::kMedium : Severity::kLow, Confidence::kCertain);
    }
  }
  // Who speaks and is never heard, though he goes on as if he had been answered; or is only answered.
  constexpr std::uint64_t kFewest = 20;
  std::uint64_t calls = 0;
  std::uint64_t halves = 0;
  FrameRef example;
  for (const CallRecord& call : record.calls) {
    ++calls;
    const bool half = call.responses_seen ? !call.requests_seen : call.follow_up_seen;
    if (!half) continue;
    if (halves++ == 0) example = call.first;
  }
  if (calls >= kFewest && halves * 20 > calls) {
    out.add(kEvidenceGap, example.input, "one-direction",
            fmt::format("Of {} of {} calls only one direction was captured", halves, calls),
            {{example, "the first such call"}}, Severity::kMedium, Confidence::kProbable);
  }
  out.otherwise(kEvidenceGap, Verdict::kPass);
}

std::string place_text(std::uint32_t input, bool of_agent, std::uint32_t agent, const std::string& node) {
  if (!of_agent) return fmt::format("input {}", input);
  return fmt::format("HEP agent {} of input {}", node.empty() ? std::to_string(agent) : node, input);
}

void report_offset(const ClockOffset& offset, InputReporter& out) {
  const double seconds = static_cast<double>(offset.late.offset_ns) / 1e9;
  const double drift = static_cast<double>(offset.late.drift_ns()) / 1e9;
  const std::string later = fmt::format("{:.3f} s {}", std::abs(seconds), seconds > 0 ? "later" : "earlier");
  const std::string here = place_text(offset.input, offset.of_agent, offset.agent, offset.node);
  std::string text;
  if (offset.by_carrier) {
    text =
        fmt::format("{} messages of {} bear times {} than the capture that carried them", offset.messages, here, later);
  } else {
    text = fmt::format(
        "{} messages stand at {} and at {}, there {}", offset.messages,
        place_text(offset.reference, offset.reference_of_agent, offset.reference_agent, offset.reference_node), here,
        later);
  }
  text += fmt::format(" (spread {:.3f} s): the clocks differ", static_cast<double>(offset.late.spread_ns) / 1e9);
  if (offset.late.rate != 0)
    text += fmt::format(", and drift apart: by {:.3f} s over {}", drift,
                        duration_text(seconds_between(offset.late.from, offset.late.to)));
  std::vector<Evidence> evidence{{offset.example, "the same message here"}, {offset.example_reference, "and there"}};
  if (offset.by_carrier) evidence = {{offset.example, "a message and what carried it"}};
  const double largest =
      std::max({std::abs(seconds), std::abs(static_cast<double>(offset.late.at(offset.late.from))) / 1e9,
                std::abs(static_cast<double>(offset.late.at(offset.late.to))) / 1e9});
  out.add(kClocksDisagree, offset.input, fmt::format("offset {} {}", offset.agent, offset.reference), std::move(text),
          std::move(evidence), largest > 2 ? Severity::kMedium : Severity::kLow,
          offset.messages >= 10 ? Confidence::kCertain : Confidence::kProbable);
}

void report_clocks(const Facts& facts, InputReporter& out) {
  for (const InputFacts& input : facts.inputs) {
    if (!input.first.known() || input.backwards == 0) continue;
    const double worst = static_cast<double>(input.worst_backwards_ns) / 1e9;
    out.add(
        kClocksDisagree, input.input, "backwards",
        fmt::format("{} packets are earlier than the one before them, by up to {:.3f} s: the clock was set back, or "
                    "packets were put together in another order",
                    input.backwards, worst),
        {{input.first_backwards, "first that goes back"}}, worst > 2 ? Severity::kMedium : Severity::kLow,
        Confidence::kCertain);
  }
  for (const ClockOffset& offset : facts.offsets) {
    if (!offset.corrected) report_offset(offset, out);
  }
  for (const DateOffset& date : facts.dates) {
    const double seconds = static_cast<double>(date.offset_ns) / 1e9;
    out.add(
        kClocksDisagree, date.example.input, fmt::format("{} {}", date.rtcp ? "rtcp" : "date", date.sender.to_string()),
        fmt::format("The {} of {} are {} {} than the capture's times, in {} of them (median): one of the clocks is off",
                    date.rtcp ? "RTCP sender reports" : "Date headers", date.sender.to_string(),
                    duration_text(std::abs(seconds)), seconds < 0 ? "earlier" : "later", date.messages),
        {{date.example, date.rtcp ? "sender report" : "Date"}}, Severity::kLow, Confidence::kProbable);
  }
  out.otherwise(kClocksDisagree, Verdict::kPass);
}

void report_editing(const Facts& facts, InputReporter& out) {
  bool lost = facts.tcp_gaps == 0;
  for (const InputFacts& input : facts.inputs) {
    if (!input.first.known()) continue;
    lost |= input.lost_by_capture != 0 || input.snapped != 0;
    if (!input.editing.empty()) {
      out.add(kEditedCaptureSigns, input.input, "application",
              fmt::format("The file names \"{}\" as its writer, which {}", input.application, input.editing),
              {{input.first, "first packet of the input"}}, Severity::kMedium, Confidence::kProbable);
    }
    if (input.backwards * 100 > input.packets && input.packets >= 100) {
      out.add(kEditedCaptureSigns, input.input, "order",
              fmt::format("{} of {} packets stand out of order", input.backwards, input.packets),
              {{input.first_backwards, "first out of order"}}, Severity::kMedium, Confidence::kPossible);
    }
    if (input.interfaces_back != 0) {
      out.add(kEditedCaptureSigns, input.input, "interfaces",
              fmt::format("{} packets of one interface stand behind later ones of another: captures were put one after "
                          "the other",
                          input.interfaces_back),
              {{input.first_interface_back, "first out of order"}}, Severity::kMedium, Confidence::kPossible);
    }
    if (input.longest_same_time >= kLongRun) {
      out.add(kEditedCaptureSigns, input.input, "same-time",
              fmt::format("{} packets in a row have the same time: it was not taken when they passed",
                          input.longest_same_time),
              {{input.first_same_time, "first of them"}}, Severity::kMedium, Confidence::kProbable);
    }
    if (input.wrong_checksums != 0) {
      out.add(kEditedCaptureSigns, input.input, "checksums",
              fmt::format("{} SIP packets have a wrong UDP checksum although all others of their senders are right: "
                          "they were changed after they were sent",
                          input.wrong_checksums),
              {{input.first_wrong_checksum, "first wrong one"}}, Severity::kMedium, Confidence::kProbable);
    }
    if (input.exported) {
      out.add(kEditedCaptureSigns, input.input, "export",
              "The packets were made by Homer's export, not captured from the wire: transport, fragments and link "
              "addresses prove nothing",
              {{input.first, "first exported packet"}}, Severity::kLow, Confidence::kCertain);
    }
  }
  if (!lost && !facts.inputs.empty() && facts.inputs.front().first.known()) {
    out.add(kEditedCaptureSigns, facts.inputs.front().input, "tcp",
            fmt::format("Bytes are missing within TCP streams in {} places, yet the capture tells of no loss: packets "
                        "were dropped unseen, or taken out",
                        facts.tcp_gaps),
            {{facts.inputs.front().first, "begin of the input"}}, Severity::kMedium, Confidence::kPossible);
  }
  out.otherwise(kEditedCaptureSigns, Verdict::kPass);
}

void report_custody(const Facts& facts, InputReporter& out) {
  for (const InputHash& hash : facts.hashes) {
    const auto of = std::ranges::find(facts.inputs, hash.input, &InputFacts::input);
    if (of == facts.inputs.end() || !of->first.known()) continue;
    const bool differs = !hash.expected.empty() && hash.expected != hash.sha256;
    std::string text = fmt::format("SHA-256 {}", hash.sha256);
    if (differs) text += fmt::format(", but {} was expected: this is not the file that was recorded", hash.expected);
    if (!hash.expected.empty() && !differs) text += ", as recorded beside it";
    if (hash.changed_during_run) text += "; the file changed while it was read";
    out.add(kInputIntegrity, hash.input, "hash", std::move(text), {{of->first, "first packet of the input"}},
            differs || hash.changed_during_run ? Severity::kHigh : Severity::kInfo, Confidence::kCertain);
  }
  out.otherwise(kInputIntegrity, Verdict::kNotAssessable);
  const auto any = std::ranges::find_if(facts.inputs, [](const InputFacts& input) { return input.first.known(); });
  if (!facts.custody.empty() && any != facts.inputs.end()) {
    out.add(kCustodyRecord, any->input, "custody", facts.custody, {{any->first, "first packet"}},
            facts.custody_broken ? Severity::kHigh : Severity::kInfo, Confidence::kCertain);
  }
  out.otherwise(kCustodyRecord, Verdict::kNotApplicable);
}

// TL-011: what of the calls' content anybody on the way could open, with the keys that were sent in clear.
void report_exposure(const Record& record, InputReporter& out) {
  std::uint64_t described = 0;
  std::set<std::size_t> groups;
  std::vector<std::uint32_t> persons;
  double minutes = 0;
  bool content = false;
  FrameRef first;
  FrameRef last;
  for (const CallRecord& call : record.calls) {
    described += call.described ? 1U : 0U;
    if (!call.key_in_clear.known() || !call.answered()) continue;
    if (!first.known() || call.key_in_clear < first) first = call.key_in_clear;
    last = std::max<FrameRef>(last.known() ? last : call.key_in_clear, call.end.known() ? call.end : call.last);
    content |= !call.streams.empty();
    persons.insert(persons.end(), {call.from, call.to});
    if (!groups.insert(call.group).second) continue;
    minutes += seconds_between(call.answer.time, call.end.known() ? call.end.time : call.last.time) / 60.0;
  }
  if (!first.known()) {
    out.otherwise(kExposureWindow, described != 0 ? Verdict::kPass : Verdict::kNotApplicable);
    return;
  }
  std::ranges::sort(persons);
  persons.erase(std::unique(persons.begin(), persons.end()), persons.end());
  out.add(
      kExposureWindow, first.input, "sdes",
      fmt::format("From {} to {} the keys of {} {} ({:.1f} minutes, {} parties) were sent in clear: whoever saw this "
                  "signalling can {}",
                  format_utc(first.time, 0), format_utc(last.time, 0), groups.size(),
                  groups.size() == 1 ? "call" : "calls", minutes, persons.size(),
                  content ? "open the media, which is in this capture" : "open their media where it was captured"),
      {{first, "first key in clear"}, {last, "end of the last such call"}},
      content ? Severity::kHigh : Severity::kMedium, Confidence::kCertain);
}

}  // namespace

void report_facts(const Facts& facts, const Record& record, report::Sink& sink) {
  InputReporter out{facts, sink};
  report_holes(facts, record, out);
  report_clocks(facts, out);
  report_editing(facts, out);
  report_custody(facts, out);
  report_exposure(record, out);
}

}  // namespace voip::analyze::timeline
