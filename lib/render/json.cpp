#include "render/json.h"

#include <map>

#include "render/json_writer.h"
#include "report/fingerprint.h"

namespace voip::render {

namespace {

using report::RecordWriter;

void text_or_null(RecordWriter& out, std::string_view name, std::string_view text) {
  out.key(name);
  if (text.empty()) {
    out.null();
  } else {
    out.value(text);
  }
}

void write_counts(RecordWriter& out, std::string_view name, const std::map<std::string, std::uint64_t>& counts) {
  out.key(name);
  out.begin_object();
  for (const auto& [what, count] : counts) out.field(what, count);
  out.end_object();
}

void write_texts(RecordWriter& out, std::string_view name, const std::vector<std::string>& texts) {
  out.key(name);
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

// Each of these writes the fields of one object, which the caller has opened.

void write_run(RecordWriter& out, const report::Report& report) {
  out.field("schema", report::kSchema);
  out.field("tool", report.tool);
  out.field("version", report.version);
}

void write_input(RecordWriter& out, const report::Input& input) {
  out.field("path", input.path);
  text_or_null(out, "format", input.format);
  out.field("bytes", input.bytes);
  out.field("packets", input.packets);
  text_or_null(out, "sha256", input.sha256.value_or(""));
  out.field_time("first_time", input.first_time);
  out.field_time("last_time", input.last_time);
  out.field("complete", input.complete);
  write_texts(out, "problems", input.problems);
}

void write_coverage(RecordWriter& out, const report::Coverage& coverage) {
  out.field("packets", coverage.packets);
  out.field("bytes", coverage.bytes);
  out.field("duplicates", coverage.duplicates);
  out.field("sip_messages", coverage.sip_messages);
  out.field("rtp_packets", coverage.rtp_packets);
  out.field("rtcp_packets", coverage.rtcp_packets);
  out.field("hep_messages", coverage.hep_messages);
  write_counts(out, "undecoded", coverage.undecoded);
  out.field("snapped_packets", coverage.snapped_packets);
  out.field("tcp_gaps", coverage.tcp_gaps);
  out.field("tls_flows_opaque", coverage.tls_flows_opaque);
  write_counts(out, "evicted", coverage.evicted);
  out.field("complete", coverage.complete);
  write_texts(out, "notes", coverage.notes);
}

void write_summary(RecordWriter& out, const report::Report& report) {
  using enum report::Severity;
  out.key("findings");
  out.begin_object();
  for (const report::Severity severity : {kCritical, kHigh, kMedium, kLow, kInfo}) {
    out.field(report::to_string(severity), report.collector->count(severity));
  }
  out.end_object();
  out.key("status");
  out.begin_object();
  for (const report::FindingStatus status :
       {report::FindingStatus::kNew, report::FindingStatus::kBaselined, report::FindingStatus::kSuppressed}) {
    out.field(report::to_string(status), report.collector->count(status));
  }
  out.end_object();
  out.field("text", report.headline());
}

void write_policy(RecordWriter& out, const report::AppliedPolicy& policy) {
  out.field("path", policy.path);
  out.key("changed");
  out.begin_array();
  for (const report::AppliedPolicy::Change& change : policy.changed) {
    out.begin_object();
    out.field("key", change.key);
    out.field("value", change.value);
    out.field("default", change.standard);
    out.end_object();
  }
  out.end_array();
  out.key("suppressions");
  out.begin_array();
  for (const report::AppliedPolicy::Entry& entry : policy.suppressions) {
    out.begin_object();
    out.field("line", std::uint64_t{entry.line});
    write_texts(out, "checks", entry.checks);
    out.field("reason", entry.reason);
    out.field_time("expires", entry.expires);
    out.field("suppressed", entry.matched);
    out.field("expired", entry.expired);
    out.end_object();
  }
  out.end_array();
  write_texts(out, "notes", policy.notes());
}

void write_check(RecordWriter& out, const report::CheckTally& check) {
  using enum report::Verdict;
  out.field("id", check.rule->id);
  out.field("name", check.rule->name);
  out.field("fail", check.count(kFail));
  out.field("pass", check.count(kPass));
  out.field("not_applicable", check.count(kNotApplicable));
  out.field("not_assessable", check.count(kNotAssessable));
}

void write_references(RecordWriter& out, std::string_view references) {
  out.key("references");
  out.begin_array();
  while (!references.empty()) {
    const std::size_t end = references.find("; ");
    out.value(references.substr(0, end));
    references = end == std::string_view::npos ? std::string_view{} : references.substr(end + 2);
  }
  out.end_array();
}

void write_subject(RecordWriter& out, const report::Finding& finding) {
  // account and source are always there; what else an analyzer names follows in its order.
  std::string_view account;
  std::string_view source;
  for (const auto& [name, text] : finding.subject) {
    if (name == "account") account = text;
    if (name == "source") source = text;
  }
  out.key("subject");
  out.begin_object();
  text_or_null(out, "account", account);
  text_or_null(out, "source", source);
  for (const auto& [name, text] : finding.subject) {
    if (name != "account" && name != "source") text_or_null(out, name, text);
  }
  out.end_object();
}

void write_finding(RecordWriter& out, const report::Finding& finding) {
  const report::Rule& rule = *finding.rule;
  out.field("id", rule.id);
  out.field("name", rule.name);
  out.field("severity", report::to_string(finding.severity));
  out.field("confidence", report::to_string(finding.confidence));
  out.field("title", rule.title);
  out.field("message", finding.message);
  out.field_time("time", finding.evidence.empty() ? Timestamp{} : finding.evidence.front().frame.time);
  text_or_null(out, "call_id", finding.call_id);
  write_subject(out, finding);
  out.field("fingerprint", report::fingerprint(finding));
  out.field("status", report::to_string(finding.status));
  if (!finding.status_reason.empty()) out.field("status_reason", finding.status_reason);
  out.key("evidence");
  out.begin_array();
  for (const report::Evidence& evidence : finding.evidence) {
    out.begin_object();
    out.field("input", evidence.frame.input);
    out.field("frame", evidence.frame.number);
    out.field_time("time", evidence.frame.time);
    text_or_null(out, "note", evidence.note);
    out.end_object();
  }
  out.end_array();
  out.field("remedy", rule.remedy);
  write_references(out, rule.reference);
}

}  // namespace

void render_json(const report::Report& report, const RenderOptions&, Output& output) {
  JsonWriter out{output, JsonWriter::Layout::kReport};
  out.begin_object();
  write_run(out, report);
  out.key("inputs");
  out.begin_array();
  for (const report::Input& input : report.inputs) {
    out.begin_object();
    write_input(out, input);
    out.end_object();
  }
  out.end_array();
  out.key("coverage");
  out.begin_object();
  write_coverage(out, report.coverage);
  out.end_object();
  out.key("summary");
  out.begin_object();
  write_summary(out, report);
  out.end_object();
  if (report.policy) {
    out.key("policy");
    out.begin_object();
    write_policy(out, *report.policy);
    out.end_object();
  }
  out.key("checks");
  out.begin_array();
  for (const report::CheckTally& check : report.collector->checks()) {
    out.begin_object();
    write_check(out, check);
    out.end_object();
  }
  out.end_array();
  out.key("findings");
  out.begin_array();
  for (const report::Finding& finding : report.collector->findings()) {
    if (!report.listed(finding)) continue;
    out.begin_object();
    write_finding(out, finding);
    out.end_object();
  }
  out.end_array();
  if (report.content != nullptr) report.content->write_sections(out);
  out.end_object();
}

void render_ndjson(const report::Report& report, const RenderOptions&, Output& output) {
  JsonWriter out{output, JsonWriter::Layout::kLines};
  const auto line = [&out](std::string_view type, auto&& write) {
    out.begin_object();
    out.field("type", type);
    write();
    out.end_object();
  };
  line("run", [&] { write_run(out, report); });
  for (const report::Input& input : report.inputs) {
    line("input", [&] { write_input(out, input); });
  }
  if (report.content != nullptr) {
    LineSplitter sections{out};
    report.content->write_sections(sections);
  }
  for (const report::Finding& finding : report.collector->findings()) {
    if (report.listed(finding)) line("finding", [&] { write_finding(out, finding); });
  }
  for (const report::CheckTally& check : report.collector->checks()) {
    line("check", [&] { write_check(out, check); });
  }
  if (report.policy) line("policy", [&] { write_policy(out, *report.policy); });
  line("coverage", [&] { write_coverage(out, report.coverage); });
  line("summary", [&] { write_summary(out, report); });
}

}  // namespace voip::render
