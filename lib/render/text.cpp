#include "render/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "render/unicode.h"

namespace voip::render {

namespace {

using report::Severity;
using report::Tone;

constexpr std::size_t kFindingsPerRule = 10;
constexpr std::size_t kFramesPerFinding = 4;
// Bytes of one piece of a line. Nobody reads more of a name; the formats for programs have it whole.
constexpr std::size_t kLongestPiece = 1000;

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::kPlain: return "";
    case Tone::kStrong: return "\x1b[1m";
    case Tone::kFaint: return "\x1b[2m";
    case Tone::kGood: return "\x1b[32m";
    case Tone::kWarn: return "\x1b[33m";
    case Tone::kBad: return "\x1b[1;31m";
  }
  return "";
}

Tone tone_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
    case Severity::kHigh: return Tone::kBad;
    case Severity::kMedium: return Tone::kWarn;
    case Severity::kLow: return Tone::kStrong;
    case Severity::kInfo: return Tone::kFaint;
  }
  return Tone::kPlain;
}

std::string_view word_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical: return "CRITICAL";
    case Severity::kHigh: return "HIGH";
    case Severity::kMedium: return "MEDIUM";
    case Severity::kLow: return "LOW";
    case Severity::kInfo: return "INFO";
  }
  return "";
}

// 1234567 as 1,234,567.
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  return grouped(number) + " " + std::string{number == 1 ? one : many};
}

void write_head(TextLines& out, const report::Report& report, bool brief) {
  out.paragraph(0, report.headline(), Tone::kStrong, report.tool + ":", Tone::kFaint);
  const auto [first, last, packets] = report.span();
  std::string scope =
      report.inputs.size() == 1 ? report.inputs.front().path : counted(report.inputs.size(), "input", "inputs");
  scope += ", " + counted(packets, "packet", "packets");
  if (first.known()) scope += ", " + out.time(first) + " to " + out.time(last);
  out.paragraph(0, scope, Tone::kFaint);
  std::string counts;
  for (int i = static_cast<int>(Severity::kCritical); i >= 0; --i) {
    const auto severity = static_cast<Severity>(i);
    const std::uint64_t n = report.collector->count(severity);
    if (n == 0) continue;
    if (!counts.empty()) counts += ", ";
    counts += fmt::format("{} {}", grouped(n), report::to_string(severity));
  }
  for (const report::FindingStatus status : {report::FindingStatus::kBaselined, report::FindingStatus::kSuppressed}) {
    const std::uint64_t n = report.collector->count(status);
    if (n != 0) counts += fmt::format("; {} of them {}", grouped(n), report::to_string(status));
  }
  out.paragraph(0, counts.empty() ? "no findings" : "findings: " + counts);
  if (!report.coverage.complete) {
    out.paragraph(0, brief ? "the run is incomplete" : "the run is incomplete: see \"Not seen\" below", Tone::kWarn);
  }
  out.blank();
}

void write_finding(TextLines& out, const report::Report& report, const report::Finding& finding) {
  std::string text = finding.message;
  if (finding.confidence != report::Confidence::kCertain)
    text += fmt::format(" ({})", report::to_string(finding.confidence));
  if (finding.status != report::FindingStatus::kNew) {
    text += fmt::format(" [{}{}{}]", report::to_string(finding.status), finding.status_reason.empty() ? "" : ": ",
                        finding.status_reason);
  }
  out.paragraph(1, text);
  std::string frames;
  for (std::size_t i = 0; i < finding.evidence.size() && i < kFramesPerFinding; ++i) {
    const report::Evidence& evidence = finding.evidence[i];
    if (i != 0) frames += ", ";
    if (i == 0 || evidence.frame.input != finding.evidence[i - 1].frame.input) {
      frames += evidence.frame.input < report.inputs.size() ? report.inputs[evidence.frame.input].path : "input";
      frames += ' ';
    }
    frames += fmt::format("#{}", evidence.frame.number);
    if (!evidence.note.empty()) frames += " " + evidence.note;
  }
  if (finding.evidence.size() > kFramesPerFinding) {
    frames += fmt::format(", and {} more", grouped(finding.evidence.size() - kFramesPerFinding));
  }
  out.paragraph(2, frames, Tone::kFaint);
}

void write_findings(TextLines& out, const report::Report& report) {
  // One group for each severity and rule, the gravest first, then in the order of their first finding.
  struct Group {
    Severity severity{};
    const report::Rule* rule = nullptr;
    std::vector<const report::Finding*> findings;
  };
  std::vector<Group> groups;
  std::map<std::pair<Severity, std::string_view>, std::size_t> index;
  std::uint64_t hidden = 0;
  for (const report::Finding& finding : report.collector->findings()) {
    if (!report.listed(finding)) {
      ++hidden;
      continue;
    }
    const auto [at, made] = index.try_emplace({finding.severity, finding.rule->id}, groups.size());
    if (made) groups.push_back({finding.severity, finding.rule, {}});
    groups[at->second].findings.push_back(&finding);
  }
  std::ranges::stable_sort(groups, [](const Group& a, const Group& b) { return a.severity > b.severity; });
  if (!groups.empty()) out.heading("Findings");
  for (const Group& group : groups) {
    out.paragraph(0, fmt::format("{} {}: {}", group.rule->id, group.rule->name, group.rule->title), Tone::kStrong,
                  word_of(group.severity), tone_of(group.severity));
    const std::size_t shown = std::min(group.findings.size(), kFindingsPerRule);
    for (std::size_t i = 0; i < shown; ++i) write_finding(out, report, *group.findings[i]);
    if (group.findings.size() > shown) {
      out.paragraph(1, fmt::format("and {} more (see --format json)", grouped(group.findings.size() - shown)),
                    Tone::kFaint);
    }
    if (!group.rule->remedy.empty()) out.prose(1, group.rule->remedy, Tone::kPlain, "Remedy:", Tone::kGood);
    if (!group.rule->reference.empty()) out.paragraph(1, group.rule->reference, Tone::kFaint, "See:", Tone::kFaint);
    out.blank();
  }
  if (hidden != 0) {
    out.paragraph(0,
                  fmt::format("{} below {} not listed (--min-severity)", counted(hidden, "finding", "findings"),
                              report::to_string(report.min_severity)),
                  Tone::kFaint);
    out.blank();
  }
}

std::string list_counts(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    if (count == 0) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", name, grouped(count));
  }
  return text;
}

void write_not_seen(TextLines& out, const report::Report& report) {
  const report::Coverage& coverage = report.coverage;
  std::vector<std::string> lines;
  for (const report::Input& input : report.inputs) {
    for (const std::string& problem : input.problems) lines.push_back(input.path + ": " + problem);
  }
  if (const std::string what = list_counts(coverage.undecoded); !what.empty()) lines.push_back("not decoded: " + what);
  if (coverage.snapped_packets != 0) {
    lines.push_back(counted(coverage.snapped_packets, "packet was", "packets were") +
                    " cut short by the capture's snap length");
  }
  if (coverage.tcp_gaps != 0) {
    lines.push_back(counted(coverage.tcp_gaps, "gap", "gaps") +
                    " in TCP streams: segments that the capture does not hold");
  }
  if (const std::string what = list_counts(coverage.evicted); !what.empty()) {
    lines.push_back("given up because a table was full: " + what);
  }
  std::string unjudged;
  for (const report::CheckTally& check : report.collector->checks()) {
    const std::uint64_t n = check.count(report::Verdict::kNotAssessable);
    if (n == 0) continue;
    unjudged += fmt::format("{}{} for {}", unjudged.empty() ? "" : ", ", check.rule->id, grouped(n));
  }
  if (!unjudged.empty()) lines.push_back("checks that could not be judged: " + unjudged);
  lines.insert(lines.end(), coverage.notes.begin(), coverage.notes.end());
  if (lines.empty() && !coverage.complete) lines.emplace_back("a limit was hit before the end");
  if (lines.empty()) return;
  out.heading("Not seen");
  for (const std::string& line : lines) out.paragraph(1, line);
}

void write_policy(TextLines& out, const report::AppliedPolicy& policy, bool brief) {
  const std::vector<std::string> notes = policy.notes();
  if (notes.empty() && (brief || policy.changed.empty())) return;
  out.heading("Policy");
  for (const std::string& note : notes) out.paragraph(1, note, Tone::kWarn);
  if (brief) return;
  for (const report::AppliedPolicy::Change& change : policy.changed) {
    out.paragraph(1, fmt::format("{} = {} (default {})", change.key, change.value, change.standard), Tone::kFaint);
  }
}

}  // namespace

void TextLines::flush() {
  if (!buffer_.empty()) out_.write(buffer_);
  buffer_.clear();
}

void TextLines::set_tone(Tone tone) {
  if (!options_.colour || tone == tone_) return;
  if (tone_ != Tone::kPlain) buffer_ += "\x1b[0m";
  buffer_ += escape_of(tone);
  tone_ = tone;
}

void TextLines::heading(std::string_view text) {
  blank();
  begin_line(0);
  put(text, Tone::kStrong);
  end_line();
  blank();
}

void TextLines::begin_line(unsigned indent) {
  if (blank_wanted_ && any_line_) buffer_ += '\n';
  blank_wanted_ = false;
  columns_ = 2 * indent;
  buffer_.append(columns_, ' ');
}

void TextLines::put(std::string_view text, Tone tone) {
  set_tone(tone);
  std::size_t shown = std::min(text.size(), kLongestPiece);
  while (shown != text.size() && shown > kLongestPiece - 4 && (static_cast<unsigned char>(text[shown]) & 0xc0) == 0x80)
    --shown;
  append_for_terminal(buffer_, text.substr(0, shown), columns_);
  if (shown != text.size()) append_for_terminal(buffer_, fmt::format("[... {} bytes]", grouped(text.size())), columns_);
}

void TextLines::column(unsigned at) {
  const unsigned blanks = columns_ < at ? at - columns_ : 1;
  buffer_.append(blanks, ' ');
  columns_ += blanks;
}

void TextLines::end_line() {
  set_tone(Tone::kPlain);
  // No blanks at a line's end: they upset comparisons and copies.
  while (!buffer_.empty() && buffer_.back() == ' ') buffer_.pop_back();
  buffer_ += '\n';
  columns_ = 0;
  any_line_ = true;
  if (buffer_.size() > (64U << 10)) flush();
}

void TextLines::blank() { blank_wanted_ = true; }

std::string TextLines::time(Timestamp moment) {
  if (!moment.known()) return "?";
  return options_.format_time ? options_.format_time(moment) : format_utc_exact(moment);
}

void TextLines::paragraph(unsigned indent, std::string_view text, Tone tone, std::string_view lead, Tone lead_tone) {
  begin_line(indent);
  if (!lead.empty()) {
    put(lead, lead_tone);
    column(columns_ + 1);
  }
  bool first_word = true;
  std::string word;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view raw = text.substr(0, end);
    if (!raw.empty()) {
      unsigned wide = 0;
      word.clear();
      append_for_terminal(word, raw, wide);
      if (!first_word && columns_ + 1 + wide > options_.width) {
        end_line();
        begin_line(indent + 1);
        first_word = true;
      }
      if (!first_word) column(columns_ + 1);
      put(raw, tone);
      first_word = false;
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  end_line();
}

void TextLines::prose(unsigned indent, std::string_view text, Tone tone, std::string_view lead, Tone lead_tone) {
  for (bool first = true; !text.empty(); first = false) {
    const std::size_t end = text.find('\n');
    paragraph(first ? indent : indent + 1, text.substr(0, end), tone, first ? lead : std::string_view{}, lead_tone);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
}

void render_text(const report::Report& report, const RenderOptions& options, Output& output) {
  TextLines out{output, options};
  write_head(out, report, options.brief);
  if (!options.brief && report.content != nullptr) {
    report.content->write_text(out);
    out.blank();
  }
  write_findings(out, report);
  if (!options.brief) write_not_seen(out, report);
  if (report.policy) write_policy(out, *report.policy, options.brief);
}

}  // namespace voip::render
