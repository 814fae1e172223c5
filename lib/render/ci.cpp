#include "render/ci.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "render/escape.h"
#include "render/json_writer.h"
#include "report/fingerprint.h"

namespace voip::render {

namespace {

using report::Finding;
using report::FindingStatus;
using report::Severity;

constexpr std::size_t kShownPerLevel = 10;
constexpr std::size_t kMarkdownFindings = 100;

std::string workflow_escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '%': out += "%25"; break;
      case '\r': out += "%0D"; break;
      case '\n': out += "%0A"; break;
      case ':':
      case ',':
        if (property) {
          out += c == ':' ? "%3A" : "%2C";
          break;
        }
        [[fallthrough]];
      default: out += c;
    }
  }
  return out;
}

// Listed and new ones, the gravest first, else in the report's order.
std::vector<const Finding*> worst_first(const report::Report& report) {
  std::vector<const Finding*> findings;
  for (const Finding& finding : report.collector->findings()) {
    if (report.listed(finding) && finding.status == FindingStatus::kNew) findings.push_back(&finding);
  }
  std::ranges::stable_sort(findings, [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  return findings;
}

std::string_view command_of(const report::Report& report, const Finding& finding) {
  if (report.fails(finding)) return "error";
  return finding.severity >= Severity::kMedium ? "warning" : "notice";
}

std::string counts_of(const report::Report& report) {
  std::string out;
  for (int i = static_cast<int>(Severity::kCritical); i >= 0; --i) {
    const std::uint64_t n = report.collector->count(static_cast<Severity>(i));
    if (n != 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, report::to_string(static_cast<Severity>(i)));
  }
  return out.empty() ? "no findings" : out;
}

// Markdown of GitHub and GitLab: nothing of it, and no HTML, from a capture.
std::string markdown_escaped(std::string_view text) {
  std::string out;
  const std::string safe = printable(text);
  for (std::size_t i = 0; i < safe.size(); ++i) {
    const char c = safe[i];
    const bool scheme = c == ':' && safe.compare(i, 3, "://") == 0;  // else it would become a link
    if (scheme || std::string_view{"\\`*_{}[]()#+!|<>~&$@"}.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// In backticks nothing is special but backticks; tables still cut at a bar.
std::string code_of(std::string_view text) {
  std::string out = "`";
  for (const char c : printable(text)) out += c == '`' ? '\'' : c == '|' ? '/' : c;
  return out + "`";
}

std::string_view gitlab_severity(Severity severity) {
  switch (severity) {
    case Severity::kCritical: return "blocker";
    case Severity::kHigh: return "critical";
    case Severity::kMedium: return "major";
    case Severity::kLow: return "minor";
    case Severity::kInfo: return "info";
  }
  return "info";
}

}  // namespace

void render_github(const report::Report& report, const RenderOptions&, Output& out) {
  std::map<std::string_view, std::size_t> shown;
  std::size_t left = 0;
  for (const Finding* finding : worst_first(report)) {
    const std::string_view command = command_of(report, *finding);
    if (++shown[command] > kShownPerLevel) {
      ++left;
      continue;
    }
    const std::uint64_t line = finding->evidence.empty() ? 1 : finding->evidence.front().frame.number;
    out.write(fmt::format("::{} file={},line={},title={}::{}\n", command,
                          workflow_escaped(path_of(*finding, report), true), line,
                          workflow_escaped(fmt::format("{} {}", finding->rule->id, finding->rule->name), true),
                          workflow_escaped(finding->message, false)));
  }
  std::string text = fmt::format("{} ({})", report.headline(), counts_of(report));
  if (left != 0) text += fmt::format(", {} more are not shown here", left);
  if (!report.coverage.complete) text += "; the run is incomplete";
  out.write(fmt::format("::notice title={}::{}\n", workflow_escaped(report.tool, true), workflow_escaped(text, false)));
}

void render_gitlab(const report::Report& report, const RenderOptions&, Output& output) {
  JsonWriter out{output, JsonWriter::Layout::kReport};
  out.begin_array();
  for (const Finding& finding : report.collector->findings()) {
    if (!report.listed(finding) || finding.status != FindingStatus::kNew) continue;
    out.begin_object();
    out.field("description", fmt::format("{}: {}", finding.rule->id, printable(finding.message)));
    out.field("check_name", finding.rule->name);
    out.field("fingerprint", report::fingerprint(finding));
    out.field("severity", gitlab_severity(finding.severity));
    out.key("location");
    out.begin_object();
    out.field("path", path_of(finding, report));
    out.key("lines");
    out.begin_object();
    out.field("begin", finding.evidence.empty() ? std::uint64_t{1} : finding.evidence.front().frame.number);
    out.end_object();
    out.end_object();
    out.end_object();
  }
  out.end_array();
}

void render_markdown(const report::Report& report, const RenderOptions&, Output& out) {
  out.write(
      fmt::format("## {}\n\n{}\n\nFindings: {}.", report.tool, markdown_escaped(report.headline()), counts_of(report)));
  const std::uint64_t baselined = report.collector->count(FindingStatus::kBaselined);
  const std::uint64_t suppressed = report.collector->count(FindingStatus::kSuppressed);
  if (baselined != 0 || suppressed != 0)
    out.write(fmt::format(" Of them {} in the baseline, {} suppressed.", baselined, suppressed));
  if (!report.coverage.complete) out.write(" **The run is incomplete.**");
  out.write("\n");
  const std::vector<const Finding*> findings = worst_first(report);
  if (!findings.empty()) out.write("\n| severity | check | what was seen | where |\n| --- | --- | --- | --- |\n");
  for (std::size_t i = 0; i < findings.size() && i < kMarkdownFindings; ++i) {
    const Finding& finding = *findings[i];
    out.write(fmt::format("| {}{} | {} `{}` | {} | {} |\n", report::to_string(finding.severity),
                          finding.confidence == report::Confidence::kCertain
                              ? ""
                              : fmt::format(" ({})", report::to_string(finding.confidence)),
                          finding.rule->id, finding.rule->name, markdown_escaped(finding.message),
                          code_of(frames_of(finding, report, 3))));
  }
  if (findings.size() > kMarkdownFindings)
    out.write(fmt::format("\n{} more are not listed here.\n", findings.size() - kMarkdownFindings));
  std::vector<const report::Rule*> rules;
  for (const Finding* finding : findings) {
    if (std::ranges::find(rules, finding->rule->id, [](const report::Rule* r) { return r->id; }) == rules.end())
      rules.push_back(finding->rule);
  }
  if (!rules.empty()) out.write("\n### What to do\n\n");
  for (const report::Rule* rule : rules) {
    out.write(fmt::format("- **{}** {}: {} ({})\n", rule->id, markdown_escaped(rule->title),
                          markdown_escaped(rule->remedy), markdown_escaped(rule->reference)));
  }
  std::vector<std::string> notes;
  for (const report::Input& input : report.inputs) {
    for (const std::string& problem : input.problems) notes.push_back(input.path + ": " + problem);
  }
  notes.insert(notes.end(), report.coverage.notes.begin(), report.coverage.notes.end());
  if (report.policy) {
    for (const std::string& note : report.policy->notes()) notes.push_back(note);
  }
  if (notes.empty()) return;
  out.write("\n### Not seen, and other notes\n\n");
  for (const std::string& note : notes) out.write(fmt::format("- {}\n", markdown_escaped(note)));
}

}  // namespace voip::render
