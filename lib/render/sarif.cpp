#include "render/sarif.h"

#include <fmt/format.h>

#include <map>

#include "render/escape.h"
#include "render/json_writer.h"
#include "report/fingerprint.h"

namespace voip::render {

namespace {

using report::RecordWriter;
using report::Severity;

constexpr std::size_t kRelatedLocations = 20;

std::string_view level_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
    case Severity::kHigh: return "error";
    case Severity::kMedium: return "warning";
    case Severity::kLow:
    case Severity::kInfo: return "note";
  }
  return "none";
}

// What code scanning sorts by: 9 and above critical, 7 high, 4 medium, below low.
std::string_view score_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical: return "9.5";
    case Severity::kHigh: return "8.0";
    case Severity::kMedium: return "5.5";
    case Severity::kLow: return "3.0";
    case Severity::kInfo: return "0.0";
  }
  return "0.0";
}

std::string_view precision_of(report::Confidence confidence) {
  switch (confidence) {
    case report::Confidence::kCertain: return "very-high";
    case report::Confidence::kProbable: return "high";
    case report::Confidence::kPossible: return "low";
  }
  return "low";
}

// In SARIF's plain text "[words](target)" is a link (section 3.11.6): nobody else shall set one.
std::string without_links(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '(' && out.ends_with(']')) out += ' ';
    out += c;
  }
  return out;
}

void text_object(RecordWriter& out, std::string_view name, std::string_view text) {
  out.key(name);
  out.begin_object();
  out.field("text", text);
  out.end_object();
}

void write_rule(RecordWriter& out, const report::Rule& rule) {
  out.begin_object();
  out.field("id", rule.id);
  out.field("name", rule.name);
  text_object(out, "shortDescription", rule.title);
  text_object(out, "fullDescription", rule.rationale.empty() ? rule.title : rule.rationale);
  std::string text = fmt::format("{}\n\nFires: {}\n\nWhy it matters: {}\n\nRemedy: {}\n\nReferences: {}", rule.title,
                                 rule.trigger, rule.rationale, rule.remedy, rule.reference);
  out.key("help");
  out.begin_object();
  out.field("text", text);
  out.end_object();
  out.key("defaultConfiguration");
  out.begin_object();
  out.field("level", level_of(rule.severity));
  out.end_object();
  out.key("properties");
  out.begin_object();
  out.field("security-severity", score_of(rule.severity));
  out.key("tags");
  out.begin_array();
  out.value("security");
  out.value("voip");
  out.end_array();
  out.end_object();
  out.end_object();
}

void write_artifact_location(RecordWriter& out, std::string_view path, std::int64_t index) {
  out.key("artifactLocation");
  out.begin_object();
  out.field("uri", uri_of_path(path));
  if (index >= 0) out.field("index", index);
  out.end_object();
}

void write_physical(RecordWriter& out, const report::Report& report, const FrameRef& frame) {
  out.key("physicalLocation");
  out.begin_object();
  const bool known = frame.input < report.inputs.size();
  write_artifact_location(out, known ? report.inputs[frame.input].path : "-", known ? std::int64_t{frame.input} : -1);
  out.key("region");
  out.begin_object();
  out.field("startLine", frame.known() ? frame.number : std::uint64_t{1});
  out.end_object();
  out.end_object();
}

void write_logical(RecordWriter& out, const report::Finding& finding) {
  const bool any = !finding.call_id.empty() || !finding.subject.empty();
  if (!any) return;
  out.key("logicalLocations");
  out.begin_array();
  const auto one = [&out](std::string_view kind, std::string_view name) {
    if (name.empty()) return;
    out.begin_object();
    out.field("name", printable(name));
    out.field("fullyQualifiedName", fmt::format("{}:{}", kind, printable(name)));
    out.field("kind", kind);
    out.end_object();
  };
  one("call", finding.call_id);
  for (const auto& [kind, name] : finding.subject) one(kind, name);
  out.end_array();
}

void write_result(RecordWriter& out, const report::Report& report, const report::Finding& finding,
                  std::int64_t rule_index) {
  out.begin_object();
  out.field("ruleId", finding.rule->id);
  if (rule_index >= 0) out.field("ruleIndex", rule_index);
  out.field("kind", "fail");
  // What is only possible fails no run, so it is no error either.
  const bool unsure = finding.confidence == report::Confidence::kPossible && finding.severity != Severity::kInfo;
  out.field("level", unsure ? "note" : level_of(finding.severity));
  text_object(out, "message", without_links(finding.message));
  out.key("locations");
  out.begin_array();
  out.begin_object();
  write_physical(out, report, finding.evidence.empty() ? FrameRef{} : finding.evidence.front().frame);
  write_logical(out, finding);
  out.end_object();
  out.end_array();
  if (finding.evidence.size() > 1) {
    out.key("relatedLocations");
    out.begin_array();
    for (std::size_t i = 1; i < finding.evidence.size() && i <= kRelatedLocations; ++i) {
      out.begin_object();
      out.field("id", std::uint64_t{i});
      write_physical(out, report, finding.evidence[i].frame);
      text_object(out, "message",
                  finding.evidence[i].note.empty() ? "evidence" : without_links(finding.evidence[i].note));
      out.end_object();
    }
    out.end_array();
  }
  out.key("partialFingerprints");
  out.begin_object();
  out.field("voipFinding/v1", report::fingerprint(finding));
  out.end_object();
  if (finding.status != report::FindingStatus::kNew) {
    out.key("suppressions");
    out.begin_array();
    out.begin_object();
    out.field("kind", "external");
    out.field("status", "accepted");
    out.field("justification", finding.status == report::FindingStatus::kBaselined ? std::string{"in the baseline"}
                                                                                   : printable(finding.status_reason));
    out.end_object();
    out.end_array();
  }
  out.key("properties");
  out.begin_object();
  out.field("severity", report::to_string(finding.severity));
  out.field("confidence", report::to_string(finding.confidence));
  out.field("precision", precision_of(finding.confidence));
  out.field("security-severity", score_of(finding.severity));
  if (!finding.evidence.empty()) {
    const report::Evidence& first = finding.evidence.front();
    if (first.frame.time.known()) out.field_time("time", first.frame.time);
    if (!first.note.empty()) out.field("note", first.note);
  }
  out.end_object();
  out.end_object();
}

void write_notification(RecordWriter& out, std::string_view level, std::string_view text) {
  out.begin_object();
  out.field("level", level);
  text_object(out, "message", without_links(text));
  out.end_object();
}

void write_invocation(RecordWriter& out, const report::Report& report) {
  out.begin_object();
  out.field("executionSuccessful", report.coverage.complete);
  out.field("exitCode", report.exit_status);
  out.key("toolExecutionNotifications");
  out.begin_array();
  for (const report::Input& input : report.inputs) {
    for (const std::string& problem : input.problems) write_notification(out, "warning", input.path + ": " + problem);
  }
  for (const std::string& note : report.coverage.notes) write_notification(out, "note", note);
  for (const report::CheckTally& check : report.collector->checks()) {
    const std::uint64_t n = check.count(report::Verdict::kNotAssessable);
    if (n == 0) continue;
    write_notification(out, "note", fmt::format("{} could not be judged for {} subjects", check.rule->id, n));
  }
  if (report.policy) {
    for (const std::string& note : report.policy->notes()) write_notification(out, "warning", note);
  }
  out.end_array();
  out.end_object();
}

void write_artifact(RecordWriter& out, const report::Input& input) {
  out.begin_object();
  out.key("location");
  out.begin_object();
  out.field("uri", uri_of_path(input.path));
  out.end_object();
  out.field("length", input.bytes);
  out.field("mimeType", input.format == "pcapng" ? "application/x-pcapng" : "application/vnd.tcpdump.pcap");
  out.key("roles");
  out.begin_array();
  out.value("analysisTarget");
  out.end_array();
  if (input.sha256) {
    out.key("hashes");
    out.begin_object();
    out.field("sha-256", *input.sha256);
    out.end_object();
  }
  out.end_object();
}

}  // namespace

void render_sarif(const report::Report& report, const RenderOptions&, Output& output) {
  JsonWriter out{output, JsonWriter::Layout::kReport};
  out.begin_object();
  out.field("$schema", "https://json.schemastore.org/sarif-2.1.0.json");
  out.field("version", "2.1.0");
  out.key("runs");
  out.begin_array();
  out.begin_object();
  out.key("tool");
  out.begin_object();
  out.key("driver");
  out.begin_object();
  out.field("name", report.tool);
  out.field("version", report.version);
  out.field("semanticVersion", report.version);
  out.key("rules");
  out.begin_array();
  std::map<std::string_view, std::int64_t> index;
  for (const report::CheckTally& check : report.collector->checks()) {
    index.emplace(check.rule->id, static_cast<std::int64_t>(index.size()));
    write_rule(out, *check.rule);
  }
  out.end_array();
  out.end_object();
  out.end_object();
  out.key("artifacts");
  out.begin_array();
  for (const report::Input& input : report.inputs) write_artifact(out, input);
  out.end_array();
  out.key("invocations");
  out.begin_array();
  write_invocation(out, report);
  out.end_array();
  out.field("columnKind", "unicodeCodePoints");
  out.key("results");
  out.begin_array();
  for (const report::Finding& finding : report.collector->findings()) {
    if (!report.listed(finding)) continue;
    const auto found = index.find(finding.rule->id);
    write_result(out, report, finding, found == index.end() ? -1 : found->second);
  }
  out.end_array();
  out.key("properties");
  out.begin_object();
  out.field("summary", printable(report.headline()));
  out.end_object();
  out.end_object();
  out.end_array();
  out.end_object();
}

}  // namespace voip::render
