#include "policy/review.h"

#include <catch2/catch.hpp>

#include "policy/load.h"
#include "report/fingerprint.h"

using namespace voip;
using namespace voip::policy;

namespace {

constexpr report::Rule kOne{.id = "T-001", .name = "one-thing", .severity = report::Severity::kHigh};
constexpr report::Rule kTwo{.id = "T-002", .name = "two-things", .severity = report::Severity::kLow};
constexpr std::array kRules{&kOne, &kTwo};

report::Finding finding(const report::Rule& rule = kOne) {
  return {.rule = &rule,
          .severity = rule.severity,
          .message = "m",
          .call_id = "abc@host",
          .subject = {{"account", "1001"}, {"source", "192.0.2.1:5060"}, {"number", "+1 (876) 555-0100"}},
          .entity = "e",
          .evidence = {{.frame = {0, 7, *parse_time("2026-06-01T00:00:00Z")}, .note = {}}},
          .status_reason = {}};
}

struct Outcome {
  report::Finding finding;
  report::AppliedPolicy applied;
};

Outcome review(const std::string& text, report::Finding subject = finding(), Timestamp at = {}) {
  const auto policy = load_policy(text, "p.toml", kRules);
  REQUIRE(policy.ok());
  Reviewer reviewer{*policy, kRules, [](std::uint32_t) { return std::string{"day/a.pcap"}; }, at};
  reviewer.review(subject);
  return {subject, *reviewer.applied()};
}

bool suppressed(const std::string& scope) {
  return review("[[suppress]]\ncheck = \"T-001\"\nreason = \"why\"\n" + scope).finding.status ==
         report::FindingStatus::kSuppressed;
}

}  // namespace

TEST_CASE("A star stands for anything, everything else for itself", "[policy]") {
  CHECK(matches("*", ""));
  CHECK(matches("a*c", "abbbc"));
  CHECK(matches("a*c", "ac"));
  CHECK_FALSE(matches("a*c", "acd"));
  CHECK(matches("*a*b*", "xxaxxbxx"));
  CHECK_FALSE(matches("*a*b*", "xxbxxaxx"));
  CHECK_FALSE(matches("a", "A"));
  CHECK(matches("", ""));
  CHECK_FALSE(matches("", "a"));
  // Much work for a matcher that tries everything.
  CHECK_FALSE(matches("*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST_CASE("A suppression holds when all of its scope fits", "[policy]") {
  CHECK(suppressed(""));
  CHECK(suppressed("call = \"abc@*\""));
  CHECK_FALSE(suppressed("call = \"abc\""));
  CHECK(suppressed("account = [\"1002\", \"100*\"]"));
  CHECK_FALSE(suppressed("account = \"192.0.2.1*\""));
  CHECK(suppressed("address = \"192.0.2.0/30\""));
  CHECK_FALSE(suppressed("address = \"192.0.2.4/30\""));
  CHECK(suppressed("number = \"+1876\""));
  CHECK(suppressed("number = \"1001\""));  // an account may be a number
  CHECK_FALSE(suppressed("number = \"876\""));
  CHECK_FALSE(suppressed("number = \"192\""));  // an address is none
  CHECK(suppressed("input = \"*/a.pcap\""));
  CHECK_FALSE(suppressed("input = \"a.pcap\""));
  CHECK(suppressed("fingerprint = \"" + report::fingerprint(finding()) + "\""));
  CHECK_FALSE(suppressed("fingerprint = \"0000\""));
  CHECK_FALSE(suppressed("call = \"abc@host\"\naccount = \"1009\""));
}

TEST_CASE("A suppression is for its checks, by id or name", "[policy]") {
  CHECK(review("[[suppress]]\ncheck = \"one-thing\"\nreason = \"r\"").finding.status ==
        report::FindingStatus::kSuppressed);
  CHECK(review("[[suppress]]\ncheck = \"t-001\"\nreason = \"r\"").finding.status == report::FindingStatus::kSuppressed);
  CHECK(review("[[suppress]]\ncheck = [\"T-002\"]\nreason = \"r\"").finding.status == report::FindingStatus::kNew);
  CHECK(review("[[suppress]]\ncheck = \"*\"\nreason = \"r\"\naccount = \"1001\"").finding.status_reason == "r");
}

TEST_CASE("A suppression that has expired by the capture's time fires again and is told", "[policy]") {
  const std::string text = "[[suppress]]\ncheck = \"T-001\"\nreason = \"r\"\nexpires = ";
  CHECK(review(text + "2026-06-02").finding.status == report::FindingStatus::kSuppressed);
  const Outcome over = review(text + "2026-06-01");
  CHECK(over.finding.status == report::FindingStatus::kNew);
  REQUIRE(over.applied.notes().size() == 1);
  CHECK(over.applied.notes()[0].find("has expired on 2026-06-01: 1 finding count") != std::string::npos);
  CHECK(review(text + "2026-06-02", finding(), *parse_time("2026-06-02T00:00:00Z")).finding.status ==
        report::FindingStatus::kNew);
}

TEST_CASE("A suppression that matches nothing is told, one of another tool is not", "[policy]") {
  const Outcome outcome =
      review("[[suppress]]\ncheck = \"T-002\"\nreason = \"old\"\n[[suppress]]\ncheck = \"OTHER-001\"\nreason = \"r\"");
  REQUIRE(outcome.applied.notes().size() == 1);
  CHECK(outcome.applied.notes()[0] == "p.toml:1: the suppression of T-002 (old) matched nothing");
}

TEST_CASE("A severity of the policy goes before that of the rule", "[policy]") {
  const Outcome outcome = review("[severity]\none-thing = \"info\"");
  CHECK(outcome.finding.severity == report::Severity::kInfo);
  REQUIRE(outcome.applied.changed.size() == 1);
  CHECK(outcome.applied.changed[0].key == "severity.T-001");
  CHECK(outcome.applied.changed[0].standard == "high");
}

TEST_CASE("Baselined findings are those of a known fingerprint, suppressed ones stay suppressed", "[policy]") {
  Policy policy;
  Reviewer reviewer{policy, kRules, [](std::uint32_t) { return std::string{}; }, {}};
  reviewer.set_baseline({report::fingerprint(finding())});
  report::Finding same = finding();
  same.evidence[0].frame.number = 99;
  reviewer.review(same);
  CHECK(same.status == report::FindingStatus::kBaselined);
  report::Finding other = finding();
  other.entity = "f";
  reviewer.review(other);
  CHECK(other.status == report::FindingStatus::kNew);
  CHECK_FALSE(reviewer.applied());
}

TEST_CASE("The collector counts what the review made of a finding", "[policy]") {
  const auto policy = load_policy("[severity]\nT-001 = \"low\"", "p.toml", kRules);
  Reviewer reviewer{*policy, kRules, [](std::uint32_t) { return std::string{}; }, {}};
  report::Collector collector{kRules};
  collector.set_review(&reviewer);
  collector.add(finding());
  CHECK(collector.count(report::Severity::kHigh) == 0);
  CHECK(collector.count(report::Severity::kLow) == 1);
  CHECK(collector.failing({}) == 0);
  CHECK(collector.fresh(kOne, report::Severity::kLow) == 1);
}
