#include "render/junit.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "render/escape.h"

namespace voip::render {

namespace {

using report::Finding;

struct Totals {
  std::uint64_t tests = 0;
  std::uint64_t failures = 0;
  std::uint64_t errors = 0;
  std::uint64_t skipped = 0;
};

std::string name_of(const Finding& finding) {
  std::string name{finding.rule->name};
  if (!finding.call_id.empty()) name += " in call " + finding.call_id;
  for (const auto& [key, text] : finding.subject) {
    if (!text.empty()) name += fmt::format(" {} {}", key, text);
  }
  return name;
}

std::string open_case(std::string_view class_name, std::string_view name) {
  return fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"", xml_escaped(class_name),
                     xml_escaped(name));
}

std::string case_of(const Finding& finding, const report::Report& report, Totals& totals) {
  ++totals.tests;
  std::string out = open_case(finding.rule->id, printable(name_of(finding)));
  if (finding.status != report::FindingStatus::kNew) {
    ++totals.skipped;
    const std::string why = finding.status_reason.empty()
                                ? std::string{report::to_string(finding.status)}
                                : fmt::format("{}: {}", report::to_string(finding.status), finding.status_reason);
    return out + fmt::format("><skipped message=\"{}\"/></testcase>\n", xml_escaped(printable(why)));
  }
  const std::string body =
      xml_escaped(fmt::format("{} ({}, {})", printable(finding.message), report::to_string(finding.severity),
                              report::to_string(finding.confidence))) +
      "\n" + xml_escaped(printable(frames_of(finding, report, 10))) + "\nRemedy: " + xml_escaped(finding.rule->remedy) +
      "\n";
  if (!report.fails(finding)) return out + fmt::format("><system-out>{}</system-out></testcase>\n", body);
  ++totals.failures;
  return out + fmt::format("><failure message=\"{}\" type=\"{}\">{}</failure></testcase>\n",
                           xml_escaped(printable(finding.message)), report::to_string(finding.severity), body);
}

}  // namespace

void render_junit(const report::Report& report, const RenderOptions&, Output& out) {
  std::map<std::string_view, std::vector<const Finding*>> by_rule;
  for (const Finding& finding : report.collector->findings()) {
    // What fails the run is shown, whatever --min-severity hides: this format decides builds.
    if (report.listed(finding) || report.fails(finding)) by_rule[finding.rule->id].push_back(&finding);
  }
  Totals totals;
  std::string cases;
  for (const report::CheckTally& check : report.collector->checks()) {
    const auto findings = by_rule.find(check.rule->id);
    if (findings != by_rule.end()) {
      for (const Finding* finding : findings->second) cases += case_of(*finding, report, totals);
      continue;
    }
    ++totals.tests;
    cases += open_case(check.rule->id, check.rule->name);
    const bool hidden = check.count(report::Verdict::kFail) != 0;
    if (check.count(report::Verdict::kPass) != 0 && !hidden) {
      cases += "/>\n";
      continue;
    }
    ++totals.skipped;
    const std::uint64_t unjudged = check.count(report::Verdict::kNotAssessable);
    cases += fmt::format("><skipped message=\"{}\"/></testcase>\n",
                         hidden          ? std::string{"its findings are below --min-severity"}
                         : unjudged != 0 ? fmt::format("could not be judged for {} subjects", unjudged)
                                         : std::string{"nothing that it applies to was seen"});
  }
  if (!report.coverage.complete) {
    ++totals.tests;
    ++totals.errors;
    cases += open_case("run", "complete") + "><error message=\"the run is incomplete\" type=\"incomplete\">";
    for (const report::Input& input : report.inputs) {
      for (const std::string& problem : input.problems)
        cases += xml_escaped(printable(input.path + ": " + problem)) + "\n";
    }
    for (const std::string& note : report.coverage.notes) cases += xml_escaped(printable(note)) + "\n";
    cases += "</error></testcase>\n";
  }
  const std::string counts =
      fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", totals.tests, totals.failures, totals.errors);
  out.write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  out.write(fmt::format(
      "<testsuites name=\"{0}\" {1} time=\"0\">\n  <testsuite name=\"{0}\" {1} skipped=\"{2}\" time=\"0\">\n",
      xml_escaped(report.tool), counts, totals.skipped));
  out.write(cases);
  out.write("  </testsuite>\n</testsuites>\n");
}

}  // namespace voip::render
