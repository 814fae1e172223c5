#include "policy/expect.h"

#include <catch2/catch.hpp>

using namespace voip;
using namespace voip::policy;

namespace {

constexpr report::Rule kOne{.id = "T-001", .name = "one-thing", .severity = report::Severity::kHigh};
constexpr report::Rule kTwo{.id = "T-002", .name = "two-things", .severity = report::Severity::kLow};
constexpr std::array kRules{&kOne, &kTwo};

struct Sample {
  report::Collector collector{kRules};
  report::Report report;
  Sample() {
    report.tool = "tool";
    report.collector = &collector;
    report.inputs.push_back({.path = "a.pcap"});
  }
  void add(const report::Rule& rule, std::string call, report::FindingStatus status = report::FindingStatus::kNew) {
    collector.add({.rule = &rule,
                   .severity = rule.severity,
                   .message = "seen",
                   .call_id = std::move(call),
                   .entity = "e",
                   .evidence = {{.frame = {0, 7, {}}, .note = {}}},
                   .status = status,
                   .status_reason = {}});
  }
  std::vector<std::string> against(const std::string& text) {
    const auto expected = load_expectations(text, "e.toml", kRules);
    REQUIRE(expected.ok());
    return differences(*expected, report);
  }
};

std::string problem_of(const std::string& text) {
  const auto expected = load_expectations(text, "e.toml", kRules);
  return expected ? "fine" : expected.error().message;
}

}  // namespace

TEST_CASE("What was written as expected is as expected, and nothing else is", "[policy]") {
  Sample sample;
  sample.add(kOne, "a@x");
  sample.add(kOne, "a@x");
  sample.add(kOne, "quote\"\\\n@x");
  sample.add(kTwo, "");
  const std::string text = write_expectations(sample.report);
  CHECK(sample.against(text).empty());
  sample.add(kTwo, "b@x");
  CHECK(sample.against(text) ==
        std::vector<std::string>{"+ T-002 two-things, call b@x: 0 expected, 1 found: seen (a.pcap #7)"});
  Sample less;
  less.add(kOne, "a@x");
  CHECK(less.against(text).size() == 3);
}

TEST_CASE("Missing, too few and too many are told apart", "[policy]") {
  Sample sample;
  sample.add(kOne, "a@x");
  const std::string entry = "[[finding]]\nid = \"one-thing\"\ncall = \"a@x\"\n";
  CHECK(sample.against(entry).empty());
  CHECK(sample.against(entry + "count = 2") ==
        std::vector<std::string>{"- T-001 one-thing, call a@x: 2 expected, 1 found"});
  CHECK(sample.against(entry + "count = 0").at(0).starts_with("+ T-001"));
  CHECK(sample.against("").size() == 1);
}

TEST_CASE("An entry without a call takes what the ones with a call leave", "[policy]") {
  Sample sample;
  sample.add(kOne, "a@x");
  sample.add(kOne, "b@x");
  sample.add(kOne, "");
  CHECK(sample.against("[[finding]]\nid = \"T-001\"\ncount = 3").empty());
  CHECK(sample.against("[[finding]]\nid = \"T-001\"\ncount = 2\n[[finding]]\nid = \"T-001\"\ncall = \"b@x\"").empty());
  CHECK(sample.against("[[finding]]\nid = \"T-001\"\ncall = \"\"\n[[finding]]\nid = \"T-001\"\ncount = 2").empty());
  CHECK(sample.against("[[finding]]\nid = \"T-001\"\ncall = \"\"").size() == 2);
}

TEST_CASE("Suppressed findings and ignored checks are not looked at", "[policy]") {
  Sample sample;
  sample.add(kOne, "a@x", report::FindingStatus::kSuppressed);
  CHECK(sample.against("").empty());
  sample.add(kTwo, "a@x", report::FindingStatus::kBaselined);
  CHECK(sample.against("").size() == 1);
  CHECK(sample.against("ignore = [\"two-things\"]").empty());
}

TEST_CASE("An incomplete run must be expected to be", "[policy]") {
  Sample sample;
  CHECK(sample.against("complete = false").size() == 1);
  sample.report.coverage.complete = false;
  CHECK(sample.against("").size() == 1);
  CHECK(sample.against("complete = false").empty());
}

TEST_CASE("Expectations that make no sense are errors with their line", "[policy]") {
  CHECK(problem_of("[[finding]]\nid = \"one-thng\"") ==
        "e.toml:2:1: there is no check 'one-thng' (did you mean one-thing?)");
  for (const char* bad : {"x = 1", "[[finding]]\ncount = 1", "[[finding]]\nid = 1", "complete = 1",
                          "ignore = \"T-001\"", "[[finding]]\nid = \"T-001\"\ncount = -1", "finding = [1]",
                          "ignore = [1]", "[[finding]]\nid = \"T-001\"\n[[finding]]\nid = \"T-001\""}) {
    INFO(bad);
    CHECK(problem_of(bad).starts_with("e.toml:"));
  }
}
