#include "render/monitoring.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "base/endpoint.h"
#include "base/text.h"
#include "render/escape.h"
#include "render/json_writer.h"
#include "report/fingerprint.h"

namespace voip::render {

namespace {

using report::Finding;
using report::FindingStatus;
using report::Severity;

constexpr std::array kSeverities{Severity::kCritical, Severity::kHigh, Severity::kMedium, Severity::kLow,
                                 Severity::kInfo};
constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kNagiosFindings = 20;

// One line, without what the convention gives a meaning.
std::string nagios_text(std::string_view untrusted) {
  std::string out = printable(untrusted);
  for (char& c : out) {
    if (c == '|') c = '/';
    if (c == '\n' || c == '\r') c = ' ';
  }
  if (out.size() > kLongestLine) {
    std::size_t end = kLongestLine;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
    out.resize(end);
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::uint64_t fresh(const report::Report& report, Severity severity) {
  std::uint64_t sum = 0;
  for (const report::CheckTally& check : report.collector->checks())
    sum += report.collector->fresh(*check.rule, severity);
  return sum;
}

std::string label(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

struct Place {
  std::string ip;
  std::uint16_t port = 0;
};

// "192.0.2.1:5060" and "[2001:db8::1]:5060", with or without port.
std::optional<Place> place_of(std::string_view text) {
  if (const auto plain = IpAddress::parse(text)) return Place{plain->to_string(), 0};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, colon));
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!address || !port) return std::nullopt;
  return Place{address->to_string(), *port};
}

void write_place(report::RecordWriter& out, std::string_view name, std::string_view text) {
  const auto place = place_of(text);
  if (!place) return;
  out.key(name);
  out.begin_object();
  out.field("ip", place->ip);
  if (place->port != 0) out.field("port", std::uint64_t{place->port});
  out.end_object();
}

std::uint64_t ecs_severity(Severity severity) {
  switch (severity) {
    case Severity::kCritical: return 99;
    case Severity::kHigh: return 73;
    case Severity::kMedium: return 47;
    case Severity::kLow: return 21;
    case Severity::kInfo: return 1;
  }
  return 0;
}

void one_text_list(report::RecordWriter& out, std::string_view name, std::initializer_list<std::string_view> texts) {
  out.key(name);
  out.begin_array();
  for (const std::string_view text : texts) out.value(text);
  out.end_array();
}

// voip.fraud from fraud-scan.
std::string dataset_of(std::string_view tool) { return fmt::format("voip.{}", tool.substr(0, tool.find('-'))); }

void write_schema_version(report::RecordWriter& out) {
  out.key("ecs");
  out.begin_object();
  out.field("version", "8.11");
  out.end_object();
}

void write_observer(report::RecordWriter& out, const report::Report& report) {
  out.key("observer");
  out.begin_object();
  out.field("product", report.tool);
  out.field("version", report.version);
  out.field("type", "voip-audit");
  out.end_object();
}

void write_ecs_finding(report::RecordWriter& out, const report::Report& report, const Finding& finding) {
  const FrameRef frame = finding.evidence.empty() ? FrameRef{} : finding.evidence.front().frame;
  out.begin_object();
  // The field is mandatory; what has no time of its own gets the start of its capture, else 1970.
  Timestamp time = frame.time;
  if (!time.known() && frame.input < report.inputs.size()) time = report.inputs[frame.input].first_time;
  if (!time.known()) time = {0};
  out.field_time("@timestamp", time);
  out.field("message", finding.message);
  write_schema_version(out);
  out.key("event");
  out.begin_object();
  out.field("kind", "alert");
  one_text_list(out, "category", {"network"});
  one_text_list(out, "type", {"info"});
  out.field("module", "voip");
  out.field("dataset", dataset_of(report.tool));
  out.field("action", finding.rule->name);
  out.field("severity", ecs_severity(finding.severity));
  out.field("id", fmt::format("{}-{}-{}", report::fingerprint(finding), frame.input, frame.number));
  out.end_object();
  out.key("rule");
  out.begin_object();
  out.field("id", finding.rule->id);
  out.field("name", finding.rule->name);
  out.field("description", finding.rule->title);
  out.field("reference", finding.rule->reference);
  out.field("ruleset", report.tool);
  out.end_object();
  write_place(out, "source", subject_of(finding, "source"));
  write_place(out, "destination", subject_of(finding, "destination"));
  if (const std::string_view account = subject_of(finding, "account"); !account.empty()) {
    out.key("user");
    out.begin_object();
    out.field("name", account);
    out.end_object();
  }
  out.key("network");
  out.begin_object();
  out.field("protocol", "sip");
  out.end_object();
  if (!finding.call_id.empty()) {
    out.key("sip");
    out.begin_object();
    out.field("call_id", finding.call_id);
    out.end_object();
  }
  out.key("log");
  out.begin_object();
  out.key("file");
  out.begin_object();
  out.field("path", path_of(finding, report));
  out.end_object();
  out.end_object();
  write_observer(out, report);
  out.key("voip");
  out.begin_object();
  out.field("severity", report::to_string(finding.severity));
  out.field("confidence", report::to_string(finding.confidence));
  out.field("status", report::to_string(finding.status));
  out.field("fingerprint", report::fingerprint(finding));
  out.field("frame", frame.number);
  out.field("remedy", finding.rule->remedy);
  if (!finding.subject.empty()) {
    out.key("subject");
    out.begin_object();
    for (const auto& [name, text] : finding.subject) {
      if (!text.empty()) out.field(name, text);
    }
    out.end_object();
  }
  out.end_object();
  out.end_object();
}

}  // namespace

NagiosStatus nagios_status(const report::Report& report) {
  if (report.collector->failing(report.fail_on) != 0) return NagiosStatus::kCritical;
  if (!report.coverage.complete) return NagiosStatus::kUnknown;
  report::FailPolicy warning;
  warning.level = Severity::kMedium;
  if (!report.fail_on.never && report.collector->failing(warning) != 0) return NagiosStatus::kWarning;
  return NagiosStatus::kOk;
}

std::string nagios_failure(std::string_view tool, std::string_view message) {
  return fmt::format("{} UNKNOWN - {}\n", upper(tool), nagios_text(message));
}

void render_nagios(const report::Report& report, const RenderOptions&, Output& out) {
  constexpr std::array<std::string_view, 4> kWords{"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  std::uint64_t total = 0;
  std::string data;
  for (const Severity severity : kSeverities) {
    const std::uint64_t n = fresh(report, severity);
    total += n;
    data += fmt::format(" {}={};;;0", report::to_string(severity), n);
  }
  std::uint64_t packets = 0;
  for (const report::Input& input : report.inputs) packets += input.packets;
  out.write(fmt::format("{} {} - {}{} | findings={};;;0{} packets={}c\n", upper(report.tool),
                        kWords[static_cast<std::size_t>(nagios_status(report))], nagios_text(report.headline()),
                        report.coverage.complete ? "" : " (incomplete)", total, data, packets));
  std::size_t shown = 0;
  for (const Finding& finding : report.collector->findings()) {
    if (!report.listed(finding) || finding.status != FindingStatus::kNew) continue;
    if (++shown > kNagiosFindings) continue;
    out.write(fmt::format("{} {} {}: {}\n", report::to_string(finding.severity), finding.rule->id, finding.rule->name,
                          nagios_text(finding.message)));
  }
  if (shown > kNagiosFindings) out.write(fmt::format("and {} more\n", shown - kNagiosFindings));
}

void render_prometheus(const report::Report& report, const RenderOptions&, Output& out) {
  const std::string tool = label(report.tool);
  // Several tools write files with the same names: HELP and TYPE must not differ.
  const auto head = [&out](std::string_view name, std::string_view help) {
    out.write(fmt::format("# HELP voip_audit_{0} {1}\n# TYPE voip_audit_{0} gauge\n", name, help));
  };
  const auto plain = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    head(name, help);
    out.write(fmt::format("voip_audit_{}{{tool=\"{}\"}} {}\n", name, tool, value));
  };
  head("findings", "New findings of the last run, by check and severity.");
  const auto checks = report.collector->checks();
  for (const report::CheckTally& check : checks) {
    for (const Severity severity : kSeverities) {
      const std::uint64_t n = report.collector->fresh(*check.rule, severity);
      if (n == 0 && severity != check.rule->severity) continue;
      out.write(fmt::format("voip_audit_findings{{tool=\"{}\",rule=\"{}\",name=\"{}\",level=\"{}\"}} {}\n", tool,
                            check.rule->id, check.rule->name, report::to_string(severity), n));
    }
  }
  head("subjects", "Calls, streams or accounts of the last run, by check and verdict.");
  constexpr std::array<std::string_view, 4> kVerdicts{"fail", "pass", "not_applicable", "not_assessable"};
  for (const report::CheckTally& check : checks) {
    for (std::size_t i = 0; i < kVerdicts.size(); ++i) {
      out.write(fmt::format("voip_audit_subjects{{tool=\"{}\",rule=\"{}\",verdict=\"{}\"}} {}\n", tool, check.rule->id,
                            kVerdicts[i], check.subjects[i]));
    }
  }
  plain("baselined_findings", "Findings of the last run that the baseline holds.",
        report.collector->count(FindingStatus::kBaselined));
  plain("suppressed_findings", "Findings of the last run that the policy suppresses.",
        report.collector->count(FindingStatus::kSuppressed));
  plain("failing_findings", "Findings of the last run that reach --fail-on.",
        report.collector->failing(report.fail_on));
  plain("last_run_success", "1 when the last run was complete.", report.coverage.complete ? 1 : 0);
  plain("exit_status", "Exit status of the last run.", static_cast<std::uint64_t>(report.exit_status));
  plain("input_packets", "Packets that the last run read.", report.coverage.packets);
  std::uint64_t broken = 0;
  for (const report::Input& input : report.inputs) broken += input.complete ? 0 : 1;
  plain("inputs", "Inputs of the last run.", report.inputs.size());
  plain("input_errors", "Inputs of the last run that could not be read whole.", broken);
  plain("sip_messages", "SIP messages that the last run saw.", report.coverage.sip_messages);
  plain("rtp_packets", "RTP and SRTP packets that the last run saw.", report.coverage.rtp_packets);
  plain("tls_flows_opaque", "TLS connections that the last run could not open.", report.coverage.tls_flows_opaque);
}

void render_ecs(const report::Report& report, const RenderOptions&, Output& output) {
  JsonWriter out{output, JsonWriter::Layout::kLines};
  for (const Finding& finding : report.collector->findings()) {
    if (report.listed(finding)) write_ecs_finding(out, report, finding);
  }
  const report::Span span = report.span();
  out.begin_object();
  out.field_time("@timestamp", span.last.known() ? span.last : Timestamp{0});
  out.field("message", report.headline());
  write_schema_version(out);
  out.key("event");
  out.begin_object();
  out.field("kind", "metric");
  one_text_list(out, "category", {"network"});
  one_text_list(out, "type", {"info"});
  out.field("module", "voip");
  out.field("dataset", dataset_of(report.tool));
  out.field("action", "run");
  out.field("outcome", report.coverage.complete ? "success" : "unknown");
  if (span.first.known()) {
    out.field_time("start", span.first);
    out.field_time("end", span.last);
    out.field("duration", span.last.ns - span.first.ns);  // nanoseconds
  }
  out.end_object();
  write_observer(out, report);
  out.key("voip");
  out.begin_object();
  out.field("packets", report.coverage.packets);
  out.field("sip_messages", report.coverage.sip_messages);
  out.field("rtp_packets", report.coverage.rtp_packets);
  out.field("complete", report.coverage.complete);
  out.key("findings");
  out.begin_object();
  for (const Severity severity : kSeverities) out.field(report::to_string(severity), report.collector->count(severity));
  out.end_object();
  out.end_object();
  out.end_object();
}

}  // namespace voip::render
