#include "report/report.h"

#include <catch2/catch.hpp>

#include "report/collector.h"
#include "report/fingerprint.h"

using namespace voip;
using namespace voip::report;

namespace {

constexpr Rule kOne{.id = "T-001", .name = "one", .severity = Severity::kHigh, .title = "One"};
constexpr Rule kTwo{.id = "T-002", .name = "two", .severity = Severity::kLow, .title = "Two"};
constexpr std::array kRules{&kTwo, &kOne};

Finding finding(const Rule& rule, std::int64_t ns, std::uint64_t frame, std::string message = "m") {
  return {.rule = &rule,
          .severity = rule.severity,
          .message = std::move(message),
          .call_id = {},
          .subject = {},
          .entity = "e",
          .evidence = {{.frame = {0, frame, {ns}}, .note = {}}},
          .status_reason = {}};
}

}  // namespace

TEST_CASE("Names of severities and confidences go there and back, other words are refused", "[report]") {
  for (const auto s : {Severity::kInfo, Severity::kLow, Severity::kMedium, Severity::kHigh, Severity::kCritical}) {
    CHECK(severity_of(to_string(s)) == s);
  }
  for (const auto c : {Confidence::kPossible, Confidence::kProbable, Confidence::kCertain}) {
    CHECK(confidence_of(to_string(c)) == c);
  }
  CHECK(to_string(Severity::kCritical) == "critical");
  CHECK_FALSE(severity_of("High"));
  CHECK_FALSE(severity_of(""));
  CHECK_FALSE(confidence_of("sure"));
}

TEST_CASE("The hash is 128-bit FNV-1a", "[report]") {
  CHECK(fnv128_hex("") == "6c62272e07bb014262b821756295c58d");
  CHECK(fnv128_hex("a") == "d228cb696f1a8caf78912b704e4a8964");
  CHECK(fnv128_hex("foobar") == "343e1662793c64bf6f0d3597ba446f18");
}

TEST_CASE("A fingerprint holds on to rule and entity and to nothing else", "[report]") {
  const Finding a = finding(kOne, 1, 1);
  Finding b = finding(kOne, 99, 7, "other words");
  b.call_id = "other call";
  b.severity = Severity::kInfo;
  CHECK(fingerprint(a) == fingerprint(b));
  b.entity = "f";
  CHECK(fingerprint(a) != fingerprint(b));
  CHECK(fingerprint(a) != fingerprint(finding(kTwo, 1, 1)));
  Finding c = finding(kOne, 1, 1);
  c.entity.clear();
  c.call_id = "x";
  Finding d = c;
  d.subject = {{"account", "1001"}};
  CHECK(fingerprint(c) != fingerprint(d));
}

TEST_CASE("Findings come out by time, frame and rule whatever order they came in", "[report]") {
  Collector out{kRules};
  out.add(finding(kTwo, 20, 4));
  out.add(finding(kOne, 20, 4));
  out.add(finding(kOne, 20, 3));
  out.add(finding(kTwo, 10, 9));
  out.sort();
  std::string order;
  for (const Finding& f : out.findings()) {
    order += std::string{f.rule->id} + "#" + std::to_string(f.evidence[0].frame.number) + " ";
  }
  CHECK(order == "T-002#9 T-001#3 T-001#4 T-002#4 ");
}

TEST_CASE("Every rule of the tool has its line among the checks, also one that nothing was said about", "[report]") {
  Collector out{kRules};
  out.tally(kTwo, Verdict::kPass, 3);
  out.tally(kTwo, Verdict::kNotAssessable);
  const auto checks = out.checks();
  REQUIRE(checks.size() == 2);
  CHECK(checks[0].rule == &kOne);
  CHECK(checks[0].count(Verdict::kFail) == 0);
  CHECK(checks[1].count(Verdict::kPass) == 3);
  CHECK(checks[1].count(Verdict::kNotAssessable) == 1);
}

TEST_CASE("A check with findings has failed, also when nobody counted its subjects", "[report]") {
  Collector out{kRules};
  out.add(finding(kOne, 1, 1));
  out.add(finding(kOne, 1, 2));
  out.add(finding(kTwo, 1, 3));
  out.tally(kTwo, Verdict::kPass, 7);  // a fact, told beside what passed
  CHECK(out.checks()[0].count(Verdict::kFail) == 2);
  CHECK(out.checks()[1].count(Verdict::kFail) == 0);
}

TEST_CASE("A cap drops findings but not their count nor their say in the exit status", "[report]") {
  Collector out{kRules, {.per_rule = 2, .all = 100}};
  for (std::uint64_t i = 1; i <= 5; ++i) out.add(finding(kTwo, 1, i));
  Finding late = finding(kTwo, 1, 6);
  late.severity = Severity::kCritical;
  out.add(late);
  out.add(finding(kOne, 1, 7));
  CHECK(out.findings().size() == 3);
  CHECK(out.total() == 7);
  CHECK(out.dropped() == 4);
  CHECK(out.count(Severity::kLow) == 5);
  CHECK(out.count(Severity::kCritical) == 1);
  CHECK(out.failing(FailPolicy{}) == 2);
  REQUIRE(out.notes().size() == 1);
  CHECK(out.notes()[0] == "T-002 (two): 2 of 6 findings are listed, the others only counted");

  Collector few{kRules, {.per_rule = 10, .all = 1}};
  few.add(finding(kTwo, 1, 1));
  few.add(finding(kOne, 1, 2));
  CHECK(few.findings().size() == 1);
  CHECK(few.notes().size() == 1);
}

TEST_CASE("What makes a run fail", "[report]") {
  FailPolicy policy;  // high, probable
  using enum Severity;
  using enum Confidence;
  using enum FindingStatus;
  CHECK(policy.counts(kOne, kHigh, kCertain, kNew));
  CHECK(policy.counts(kOne, kCritical, kProbable, kNew));
  CHECK_FALSE(policy.counts(kOne, kMedium, kCertain, kNew));
  CHECK_FALSE(policy.counts(kOne, kCritical, kPossible, kNew));
  CHECK_FALSE(policy.counts(kOne, kCritical, kCertain, kBaselined));
  CHECK_FALSE(policy.counts(kOne, kCritical, kCertain, kSuppressed));
  policy.min_confidence = kPossible;
  CHECK(policy.counts(kOne, kHigh, kPossible, kNew));
  policy.level.reset();
  policy.rules = {&kTwo};
  CHECK(policy.counts(kTwo, kInfo, kCertain, kNew));
  CHECK_FALSE(policy.counts(kOne, kCritical, kCertain, kNew));
  policy.never = true;
  CHECK_FALSE(policy.counts(kTwo, kInfo, kCertain, kNew));
}
