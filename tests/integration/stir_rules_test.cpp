#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "analyze/stir/stir_analyzer.h"
#include "report/collector.h"
#include "support/capture_run.h"

namespace {

using namespace voip;
using analyze::stir::CallRecord;
using analyze::stir::CallVerdict;
using analyze::stir::Check;
using analyze::stir::Outcome;

struct Seen {
  report::Collector collector{analyze::stir::kRules};
  std::vector<CallRecord> calls;

  // Whether the rule fired on the call; with an empty name: on anything.
  bool told(std::string_view rule, const std::string& call) const {
    return std::ranges::any_of(collector.findings(), [&](const report::Finding& one) {
      return one.rule->id == rule && (call.empty() || one.call_id.starts_with(call + "@"));
    });
  }
  const report::Finding* finding(std::string_view rule) const {
    const auto at = std::ranges::find_if(collector.findings(), [&](const auto& one) { return one.rule->id == rule; });
    return at == collector.findings().end() ? nullptr : &*at;
  }
};

std::unique_ptr<Seen> run(const std::string& name, analyze::stir::Options options = {},
                          analyze::stir::StorePaths paths = {}) {
  auto seen = std::make_unique<Seen>();
  const std::string root = test::testdata("stir/");
  if (paths.certs.empty()) paths.certs = root + "calls/certs.tsv";
  if (paths.trust.empty()) paths.trust = root + "roots.pem";
  paths.crls = root + "crls/good.pem";
  paths.crl_trust = root + "pa_crl_signer.pem";
  paths.content = root + "calls/content.tsv";
  auto store = analyze::stir::Store::open(paths);
  REQUIRE(store.ok());
  analyze::stir::StirAnalyzer analyzer(options, *store, seen->collector);
  (void)test::run({root + "calls/" + name + ".pcap.gz"}, analyzer);
  (void)analyzer.finish();
  seen->calls = analyzer.calls();
  seen->collector.sort();
  return seen;
}

// A call that breaks a rule, and one that nearly does.
struct Case {
  const char* rule;
  const char* breaks;
  const char* near;
};

void hold(const char* capture, const std::vector<Case>& cases) {
  const auto seen = run(capture);
  for (const Case& one : cases) {
    INFO(capture << " " << one.rule << " " << one.breaks << " / " << one.near);
    CHECK(seen->told(one.rule, one.breaks));
    CHECK_FALSE(seen->told(one.rule, one.near));
  }
}

TEST_CASE("Each rule about the token fires on the call that breaks it and not on its neighbour") {
  hold("tokens", {
                     {"STIR-002", "list", "unknown-beside-shaken"},
                     {"STIR-003", "info-no-brackets", "unknown-parameter"},
                     {"STIR-003", "duplicate-key", "extra-claim"},
                     {"STIR-003", "padding", "good"},
                     {"STIR-005", "info-differs", "info-case"},
                     {"STIR-005", "no-info", "blanks-around"},
                     {"STIR-006", "alg-rs256", "alg-parameter-absent"},
                     {"STIR-006", "alg-missing", "good"},
                     {"STIR-007", "ppt-differs", "ppt-unquoted"},
                     {"STIR-007", "ppt-token-missing", "base"},
                     {"STIR-008", "typ-jwt", "good"},
                     {"STIR-009", "x5u-http", "x5u-8443"},
                     {"STIR-009", "x5u-query", "good"},
                     {"STIR-010", "unknown-ppt", "unknown-beside-shaken"},
                     {"STIR-012", "dest-no-list", "extra-claim"},
                     {"STIR-012", "iat-text", "good"},
                     {"STIR-013", "attest-small", "good-b"},
                     {"STIR-014", "origid-word", "good"},
                     {"STIR-022", "tampered", "signature-der"},
                     {"STIR-022", "other-key", "missing-certificate"},
                     {"STIR-023", "signature-der", "tampered"},
                     {"STIR-023", "signature-swapped", "signature-zero"},
                     {"STIR-053", "fragments", "long"},
                 });
}

TEST_CASE("Each rule about numbers and times fires on the call that breaks it and not on its neighbour") {
  hold("numbers", {
                      {"STIR-004", "compact-shaken", "compact"},
                      {"STIR-015", "age-61", "future-60"},
                      {"STIR-016", "future-61", "age-61"},
                      {"STIR-017", "date-conflict", "from-tel"},
                      {"STIR-019", "orig-other", "from-separators"},
                      {"STIR-019", "pai-one-wrong", "pai-two"},
                      {"STIR-020", "dest-other", "dest-several"},
                      {"STIR-021", "plus-in-tn", "from-national"},
                  });
}

TEST_CASE("Each rule about certificates fires on the call that breaks it and not on its neighbour") {
  hold("certificates", {
                           {"STIR-018", "expired", "second"},
                           {"STIR-025", "p384_key", "man_policy"},
                           {"STIR-026", "untrusted", "good_reversed.pem"},
                           {"STIR-028", "no_tn_list", "tn_range"},
                           {"STIR-029", "retired_policy", "man_policy"},
                           {"STIR-031", "revoked", "same_serial_elsewhere"},
                           {"STIR-031", "revoked_inherited", "second"},
                           {"STIR-032", "no_digital_signature", "second"},
                           {"STIR-034", "tn_one-outside", "tn_one177"},
                           {"STIR-034", "constraints-value", "constraints-kept"},
                           {"STIR-024", "not-a-certificate", "second"},
                       });
}

TEST_CASE("Each rule about extensions fires on the call that breaks it and not on its neighbour") {
  hold("extensions", {
                         {"STIR-035", "div-gap", "div-two"},
                         {"STIR-035", "div-o-forged", "div-o"},
                         {"STIR-036", "div-alone", "div-first"},
                         {"STIR-038", "rcd-icon-other", "rcd-icon-512"},
                         {"STIR-038", "rcd-other-name", "rcd"},
                         {"STIR-038", "rcd-no-name", "crn"},
                         {"STIR-039", "rph-more", "rph-other-namespace"},
                         {"STIR-040", "sph-other", "sph"},
                         {"STIR-041", "mky-one-more", "mky"},
                     });
}

TEST_CASE("Each rule about several calls fires on the call that breaks it and not on its neighbour") {
  hold("stories", {
                      {"STIR-037", "retargeted", "private"},
                      {"STIR-042", "replayed", "leg-out"},
                      {"STIR-042", "replayed", "fork-2"},
                      {"STIR-042", "replayed", "retried"},
                      {"STIR-042", "replayed", "again"},
                      {"STIR-044", "unusable", "many-1"},
                      {"STIR-049", "verstat-lie", "verstat-right"},
                      {"STIR-049", "verstat-lie", "verstat-unsigned"},
                      {"STIR-051", "refused-wrongly", "refused-438"},
                      {"STIR-051", "refused-valid", "refused-403"},
                      {"STIR-051", "refused-valid", "refused-428"},
                      {"STIR-051", "refused-valid", "reason"},
                      {"STIR-052", "dropped", "again"},
                      {"STIR-054", "private", "verstat-right"},
                  });
  const auto seen = run("stories");
  CHECK(seen->told("STIR-001", ""));
  CHECK(seen->told("STIR-047", ""));
  CHECK(seen->told("STIR-050", ""));
  CHECK(seen->told("STIR-057", ""));
  CHECK_FALSE(seen->told("STIR-048", ""));
  CHECK_FALSE(seen->told("STIR-056", ""));
}

TEST_CASE("What kamailio's secsipid signs is valid, and its signer's mistakes are found") {
  const auto seen = run("secsipid");
  std::vector<std::string> verdicts;
  for (const CallRecord& call : seen->calls) {
    // Signed on the way: the first hop has no Identity, the second one has.
    REQUIRE(call.identities.size() == 1);
    const analyze::stir::IdentityRecord& one = call.identities[0];
    verdicts.push_back(call.to_number.substr(10) + " " + std::string(to_string(call.verdict)) +
                       (one.decisive() ? " " + std::string(to_string(*one.decisive())) : ""));
  }
  CHECK(verdicts == std::vector<std::string>{"1 valid", "2 valid", "3 valid", "4 valid", "5 invalid signature",
                                             "6 invalid orig", "7 invalid dest", "8 valid"});
  CHECK(seen->calls[2].identities[0][Check::kOrigid].outcome == Outcome::kPass);  // the module's own
  CHECK(seen->told("STIR-017", ""));
}

TEST_CASE("A capture that ends inside the Identity says so, and calls nothing unsigned") {
  const auto seen = run("cut");
  CHECK(seen->told("STIR-053", "cut-inside"));
  CHECK_FALSE(seen->told("STIR-053", "cut-before"));
  REQUIRE(seen->calls.size() == 2);
  for (const CallRecord& call : seen->calls) CHECK(call.verdict == CallVerdict::kUnverifiable);
}

TEST_CASE("Without roots, without certificates, or with the wrong roots no call is valid") {
  analyze::stir::StorePaths paths;
  paths.trust = test::testdata("stir/rogue_root.pem");
  for (const char* name : {"tokens", "numbers", "extensions", "stories"}) {
    const auto seen = run(name, {}, paths);
    for (const CallRecord& call : seen->calls) CHECK(call.verdict != CallVerdict::kValid);
  }
  auto store = analyze::stir::Store::open({});
  REQUIRE(store.ok());
  report::Collector collector{analyze::stir::kRules};
  analyze::stir::StirAnalyzer analyzer({}, *store, collector);
  (void)test::run({test::testdata("stir/calls/tokens.pcap.gz")}, analyzer);
  (void)analyzer.finish();
  std::size_t unverifiable = 0;
  for (const CallRecord& call : analyzer.calls()) {
    CHECK(call.verdict != CallVerdict::kValid);
    unverifiable += call.verdict == CallVerdict::kUnverifiable ? 1U : 0U;
  }
  CHECK(unverifiable > 10);
}

TEST_CASE("Judged at another time, tokens are stale and certificates have ended") {
  analyze::stir::Options options;
  options.at = *parse_time("2035-01-01T00:00:00Z");
  const auto seen = run("stories", options);
  for (const CallRecord& call : seen->calls) {
    CHECK(call.verdict != CallVerdict::kValid);
    for (const analyze::stir::IdentityRecord& one : call.identities) {
      CHECK(one[Check::kFreshness].outcome == Outcome::kFail);
      CHECK(one[Check::kValidity].outcome == Outcome::kFail);
    }
  }
}

TEST_CASE("A longer window takes an older token, and the country code decides what a national number is") {
  analyze::stir::Options options;
  options.freshness_s = 400;
  options.country_code = "44";
  const auto seen = run("numbers", options);
  for (const CallRecord& call : seen->calls) {
    if (call.call_id->starts_with("age-61@")) CHECK(call.verdict == CallVerdict::kValid);
    if (call.call_id->starts_with("from-national@")) CHECK(call.verdict == CallVerdict::kInvalid);
  }
}

TEST_CASE("No more calls are kept than the limit says, and the rest is counted") {
  analyze::stir::Options options;
  options.max_calls = 5;
  report::Collector collector{analyze::stir::kRules};
  auto store = analyze::stir::Store::open({});
  REQUIRE(store.ok());
  analyze::stir::StirAnalyzer analyzer(options, *store, collector);
  (void)test::run({test::testdata("stir/calls/tokens.pcap.gz")}, analyzer);
  (void)analyzer.finish();
  CHECK(analyzer.calls().size() == 5);
  CHECK(analyzer.dropped_calls() > 50);
}

TEST_CASE("What is true of a certificate is told once for all its calls") {
  const auto seen = run("certificates");
  std::set<std::string> entities;
  for (const report::Finding& one : seen->collector.findings()) {
    CHECK(entities.insert(std::string(one.rule->id) + one.entity).second);
    CHECK_FALSE(one.evidence.empty());
  }
}

}  // namespace
