#include "cli/baseline.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>

#include "render/json_writer.h"
#include "report/fingerprint.h"

namespace voip::cli {

namespace {

constexpr std::string_view kBaseline = "voip-audit/baseline/1";

std::string text_in(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace

Result<Baseline> read_baseline(std::string_view text, const std::string& path, std::string_view tool) {
  const nlohmann::json root = nlohmann::json::parse(text, nullptr, false);
  const Error bad{fmt::format("{} is no baseline (--write-baseline makes one)", path)};
  if (!root.is_object() || text_in(root, "schema") != kBaseline) return bad;
  if (text_in(root, "tool") != tool) return Error{fmt::format("{} is a baseline of another tool", path)};
  const auto findings = root.find("findings");
  if (findings == root.end() || !findings->is_array()) return bad;
  Baseline known;
  for (const nlohmann::json& finding : *findings) {
    const std::string fingerprint = finding.is_object() ? text_in(finding, "fingerprint") : std::string{};
    if (fingerprint.empty()) return bad;
    known[fingerprint] = {text_in(finding, "id"), text_in(finding, "severity"), text_in(finding, "message")};
  }
  return known;
}

void write_baseline(const report::Report& report, Baseline known, render::Output& output) {
  for (const report::Finding& finding : report.collector->findings()) {
    if (finding.status == report::FindingStatus::kSuppressed) continue;
    known.try_emplace(report::fingerprint(finding),
                      BaselineEntry{std::string{finding.rule->id}, std::string{report::to_string(finding.severity)},
                                    finding.message});
  }
  std::vector<std::pair<std::string_view, std::string_view>> order;  // id, fingerprint
  order.reserve(known.size());
  for (const auto& [fingerprint, entry] : known) order.emplace_back(entry.id, fingerprint);
  std::ranges::sort(order);
  render::JsonWriter out{output, render::JsonWriter::Layout::kReport};
  out.begin_object();
  out.field("schema", kBaseline);
  out.field("tool", report.tool);
  out.key("findings");
  out.begin_array();
  for (const auto& [id, fingerprint] : order) {
    const BaselineEntry& entry = known.find(std::string{fingerprint})->second;
    out.begin_object();
    out.field("id", id);
    out.field("fingerprint", fingerprint);
    out.field("severity", entry.severity);
    out.field("message", entry.message);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

}  // namespace voip::cli
