#include "crypto/stir_certificate.h"

#include <catch2/catch.hpp>

#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/files.h"

using namespace voip;
using crypto::StirCertificates;
using crypto::StirCheck;
using crypto::StirDefect;
using crypto::StirJudgement;
using crypto::StirOutcome;
using crypto::StirQuestion;

namespace {

constexpr std::int64_t kMay2024 = 1714521600;     // 2024-05-01
constexpr std::int64_t kAugust2024 = 1722470400;  // 2024-08-01
constexpr std::int64_t k2027 = 1798761600;

std::vector<std::uint8_t> load(const std::string& name) { return test::file_bytes(test::testdata("stir/" + name)); }

struct Store : StirCertificates {
  explicit Store(const std::vector<std::string>& roots = {"root.pem"}, crypto::StirOptions options = {})
      : StirCertificates(options) {
    for (const std::string& one : roots) REQUIRE(add_roots(load(one)).used != 0);
  }
  StirJudgement about(const std::string& chain, StirQuestion question = {.iat = k2027, .at = k2027}) {
    return judge(add_file(load("chains/" + chain)), question);
  }
};

bool has(const StirCheck& check, StirDefect defect, std::size_t position = 0) {
  for (const auto& problem : check.problems) {
    if (problem.defect == defect && problem.position == position) return true;
  }
  return false;
}

std::string outcomes(const StirJudgement& judged) {
  std::string text;
  for (const StirCheck* check : {&judged.certificate, &judged.chain, &judged.validity, &judged.tnauthlist,
                                 &judged.constraints, &judged.policy}) {
    text += "PFW-"[static_cast<std::size_t>(check->outcome)];
  }
  return text;
}

std::string reasons(const StirJudgement& judged) {
  std::string text;
  for (const StirCheck* check : {&judged.certificate, &judged.chain, &judged.validity, &judged.tnauthlist,
                                 &judged.constraints, &judged.policy}) {
    for (const auto& problem : check->problems) {
      text += std::to_string(problem.position) + ": " + to_string(problem.defect) + " (" + problem.detail + ")\n";
    }
  }
  return text;
}

}  // namespace

TEST_CASE("each fixture is wrong in its own way and in no other", "[stir]") {
  struct Row {
    const char* chain;
    const char* outcomes;  // certificate chain validity tnauthlist constraints policy
    StirDefect defect;
    std::size_t position;
  };
  using enum StirDefect;
  const StirDefect none = kExtraBlocks;
  const std::vector<Row> rows{
      {"good.pem", "PPPPPP", none, 0},
      {"good_reversed.pem", "PPPPPP", none, 0},
      {"good.der", "PPPPPP", none, 0},
      {"good.p7b.pem", "PPPPPP", none, 0},
      {"good.p7b.der", "PPPPPP", none, 0},
      {"good_noisy.pem", "PPPPPP", none, 0},
      {"crossed.pem", "PPPPPP", none, 0},
      {"renewed.pem", "PPPPPP", none, 0},
      {"version1.pem", "FPPFPW", kNotVersion3, 0},
      {"ca_leaf.pem", "FPPPPP", kLeafIsAuthority, 0},
      {"bare_subject.pem", "PPPPPP", none, 0},
      {"good_alone.pem", "PFPPPP", kIssuerNotFound, 0},
      {"second.pem", "PFPPPP", kIssuerNotFound, 1},
      {"tn_and_spc.pem", "PPPPPP", none, 0},
      {"two_spcs.pem", "PPPPPP", none, 0},
      {"lower_spc.pem", "PPPPPP", none, 0},
      {"tn_critical.pem", "PPPPPP", none, 0},
      {"no_tn_list.pem", "PPPFPP", kTnListMissing, 0},
      {"tn_implicit.pem", "PPPFPP", kTnListMalformed, 0},
      {"tn_utf8.pem", "PPPFPP", kTnListMalformed, 0},
      {"tn_trailing.pem", "PPPFPP", kTnListMalformed, 0},
      {"tn_empty.pem", "PPPFPP", kTnListMalformed, 0},
      {"tn_plus.pem", "PPPFPP", kTnListMalformed, 0},
      {"tn_by_reference.pem", "PPP-PP", kTnListByReference, 0},
      {"expired.pem", "PPFPPP", kExpiredAtCall, 0},
      {"not_yet_valid.pem", "PPFPPP", kNotYetValidAtIat, 0},
      {"old_issuing.pem", "PPFPPP", kExpiredAtIat, 1},
      {"p384_key.pem", "FPPPPP", kKeyNotP256, 0},
      {"k256_key.pem", "FPPPPP", kKeyNotP256, 0},
      {"rsa_key.pem", "FPPPPP", kKeyNotP256, 0},
      {"explicit_curve.pem", "FPPPPP", kKeyNotP256, 0},
      {"sha384_signature.pem", "FPPPPP", kSignatureNotEcdsaSha256, 0},
      {"p384_issuing.pem", "FPPPPP", kAuthorityKeyNotP256, 1},
      {"no_digital_signature.pem", "FPPPPP", kNoDigitalSignature, 0},
      {"no_key_usage.pem", "FPPPPP", kKeyUsageMissing, 0},
      {"usage_not_critical.pem", "PPPPPP", none, 0},
      {"unknown_critical.pem", "PFPPPP", kUnknownCritical, 0},
      {"unknown_extension.pem", "PPPPPP", none, 0},
      {"no_policy.pem", "PPPPPW", kPolicyMissing, 0},
      {"retired_policy.pem", "PPPPPW", kPolicyRetired, 0},
      {"other_policy.pem", "PPPPPW", kPolicyUnknown, 0},
      {"critical_policy.pem", "PPPPPW", kPolicyCritical, 0},
      {"man_policy.pem", "PPPPPP", none, 0},
      {"no_policy_but_demanded.pem", "PFPPPW", kPathRefused, 0},
      {"untrusted.pem", "PFPPPP", kUntrustedRoot, 2},
      {"other_key_id.pem", "PFPPPP", kKeyIdMismatch, 0},
      {"bad_signature.pem", "PFPPPP", kBadPathSignature, 0},
      {"path_too_long.pem", "PFPPPP", kPathTooLong, 2},
      {"names_permitted.pem", "PPPPPP", none, 0},
      {"names_excluded.pem", "PFPPPP", kNameConstraint, 0},
      {"issuer_no_ca.pem", "PFPPPP", kIssuerNotAuthority, 1},
      {"issuer_no_cert_sign.pem", "PFPPPP", kIssuerMayNotSign, 1},
      {"loop.pem", "PFPPPP", kIssuerNotFound, 2},
      {"test_issuer.pem", "PPPPPP", none, 0},
      {"tn_printable.pem", "PPPFPP", kTnListMalformed, 0},
      {"usage_not_minimal.pem", "PPPPPP", none, 0},
      {"empty_qualifiers.pem", "PPPPPP", none, 0},
      {"key_id_and_serial.pem", "PPPPPP", none, 0},
      {"other_key_serial.pem", "PFPPPP", kKeyIdMismatch, 0},
      {"constraints_malformed.pem", "PPPPFP", kConstraintsMalformed, 0},
  };
  Store store;
  for (const Row& row : rows) {
    const StirJudgement judged = store.about(row.chain);
    INFO(row.chain << "\n" << reasons(judged));
    CHECK(outcomes(judged) == row.outcomes);
    if (row.defect == none) {
      CHECK(judged.complete);
      continue;
    }
    bool told = false;
    for (const StirCheck* check : {&judged.certificate, &judged.chain, &judged.validity, &judged.tnauthlist,
                                   &judged.constraints, &judged.policy}) {
      told = told || has(*check, row.defect, row.position);
    }
    CHECK(told);
  }
}

TEST_CASE("a chain is wholly valid only between the dates of each of its certificates, the root's too", "[stir]") {
  using enum StirDefect;
  Store store{{"root.pem", "old_root.pem"}};
  const auto at = [&](const char* chain, std::int64_t iat, std::int64_t call) {
    return store.about(chain, {.iat = iat, .at = call}).validity;
  };
  CHECK(at("expired.pem", kMay2024, kMay2024).outcome == StirOutcome::kPass);
  const StirCheck straddling = at("expired.pem", kMay2024, kAugust2024);
  CHECK(straddling.outcome == StirOutcome::kFail);
  CHECK(has(straddling, kExpiredAtCall));
  CHECK_FALSE(has(straddling, kExpiredAtIat));
  CHECK(straddling.problems.front().detail == "2024-07-01T00:00:00Z");

  const std::int64_t last = 1719792000;  // 2024-07-01T00:00:00Z is the last second that counts
  CHECK(at("expired.pem", last, last).outcome == StirOutcome::kPass);
  CHECK(has(at("expired.pem", last, last + 1), kExpiredAtCall));
  const std::int64_t first = 1988150400;  // 2033-01-01
  CHECK(at("not_yet_valid.pem", first, first).outcome == StirOutcome::kPass);
  CHECK(has(at("not_yet_valid.pem", first - 1, first), kNotYetValidAtIat));

  CHECK(at("under_old_root.pem", kMay2024, kMay2024).outcome == StirOutcome::kPass);
  CHECK(has(at("under_old_root.pem", k2027, k2027), kExpiredAtCall, 2));
  // Of two certificates for one authority, the one that was valid counts.
  CHECK(at("renewed.pem", kMay2024, kMay2024).outcome == StirOutcome::kPass);
  CHECK(at("renewed.pem", k2027, k2027).outcome == StirOutcome::kPass);

  const StirCheck no_times = store.about("good.pem", {.iat = std::nullopt, .at = std::nullopt}).validity;
  CHECK(no_times.outcome == StirOutcome::kSkip);
  CHECK(at("good.pem", std::numeric_limits<std::int64_t>::min(), k2027).outcome == StirOutcome::kFail);
}

TEST_CASE("a list of numbers covers what it names and nothing beside it, and a provider's code covers any number",
          "[stir]") {
  using enum StirDefect;
  Store store;
  const auto covers = [&](const char* chain, std::string_view number) {
    return store.about(chain, {.iat = k2027, .at = k2027, .number = number}).tnauthlist;
  };
  CHECK(covers("tn_range.pem", "12155550100").outcome == StirOutcome::kPass);
  CHECK(covers("tn_range.pem", "12155550199").outcome == StirOutcome::kPass);
  CHECK(has(covers("tn_range.pem", "12155550200"), kNumberNotCovered));
  CHECK(has(covers("tn_range.pem", "12155550099"), kNumberNotCovered));
  CHECK(has(covers("tn_range.pem", "2155550100"), kNumberNotCovered));
  CHECK(covers("tn_one.pem", "12155550177").outcome == StirOutcome::kPass);
  CHECK(covers("tn_one.pem", "12155550178").outcome == StirOutcome::kFail);
  CHECK(covers("tn_one.pem", "").outcome == StirOutcome::kSkip);
  CHECK(covers("good.pem", "").outcome == StirOutcome::kPass);
  CHECK(covers("good.pem", "442071838750").outcome == StirOutcome::kPass);
  CHECK(covers("tn_and_spc.pem", "442071838750").outcome == StirOutcome::kPass);
}

TEST_CASE("a delegate's list must lie within its parent's", "[stir]") {
  using enum StirDefect;
  Store store;
  const auto judge = [&](const char* chain, std::string_view number) {
    const StirJudgement judged = store.about(chain, {.iat = k2027, .at = k2027, .number = number});
    CHECK(judged.delegate);
    CHECK(judged.chain.outcome == StirOutcome::kPass);
    return judged.tnauthlist;
  };
  // The parent's two ranges touch: together they hold one that reaches over both.
  CHECK(judge("delegate.pem", "12155550210").outcome == StirOutcome::kPass);
  CHECK(judge("delegate.pem", "12155559999").outcome == StirOutcome::kPass);
  CHECK(has(judge("delegate.pem", "12155550100"), kNumberNotCovered));  // the parent's, not the delegate's
  CHECK(has(judge("delegate_outside.pem", "12155550250"), kNotEncompassed, 1));
  CHECK(judge("delegate_spc.pem", "12155550150").outcome == StirOutcome::kPass);
  CHECK(has(judge("delegate_other_spc.pem", "12155550150"), kNotEncompassed, 1));
  CHECK(has(judge("delegate_of_numbers_spc.pem", "12155550150"), kNotEncompassed, 1));
  CHECK(judge("delegate_broken_parent.pem", "12155550150").outcome == StirOutcome::kFail);
  const StirCheck unknown = judge("delegate_by_reference.pem", "12155550150");
  CHECK(unknown.outcome == StirOutcome::kSkip);
  CHECK(has(unknown, kParentTnListByReference, 1));
  CHECK_FALSE(store.about("good.pem").delegate);
}

TEST_CASE("claim constraints demand, restrict and forbid claims", "[stir]") {
  Store store;
  std::map<std::string, crypto::ClaimValue> token;
  const crypto::ClaimLookup lookup = [&](std::string_view name) -> std::optional<crypto::ClaimValue> {
    const auto at = token.find(std::string{name});
    if (at == token.end()) return std::nullopt;
    return at->second;
  };
  const auto judge = [&](const char* chain) {
    return store.about(chain, {.iat = k2027, .at = k2027, .claims = &lookup}).constraints.outcome;
  };
  token["rcd"].text = "{}";
  token["attest"].text = "B";
  token["dest"].text = R"({"tn":["12155550113"]})";
  CHECK(judge("constraints.pem") == StirOutcome::kPass);
  CHECK(judge("constraints_enhanced.pem") == StirOutcome::kFail);  // B, and rcd
  token["attest"].text = "A";
  CHECK(judge("constraints_enhanced.pem") == StirOutcome::kFail);  // rcd
  token.erase("rcd");
  CHECK(judge("constraints_enhanced.pem") == StirOutcome::kPass);
  CHECK(judge("constraints.pem") == StirOutcome::kFail);  // rcd is demanded
  token["rcd"].text = "{}";
  token["attest"].text = "C";
  CHECK(judge("constraints.pem") == StirOutcome::kFail);
  token["attest"] = {.text = R"(["A","B"])", .elements = {"A", "B"}};
  CHECK(judge("constraints.pem") == StirOutcome::kPass);
  token["attest"] = {.text = R"(["A","C"])", .elements = {"A", "C"}};
  CHECK(judge("constraints.pem") == StirOutcome::kFail);
  token.erase("attest");  // a restricted claim may be missing
  CHECK(judge("constraints.pem") == StirOutcome::kPass);
  CHECK(store.about("constraints.pem").constraints.outcome == StirOutcome::kSkip);
  CHECK(judge("good.pem") == StirOutcome::kPass);
}

TEST_CASE("without roots a chain is not judged, and with roots given later it is judged anew", "[stir]") {
  StirCertificates store;
  const auto file = store.add_file(load("chains/good.pem"));
  const StirQuestion question{.iat = k2027, .at = k2027};
  StirJudgement judged = store.judge(file, question);
  CHECK(judged.chain.outcome == StirOutcome::kSkip);
  CHECK(judged.chain.problems.front().defect == StirDefect::kNoRoots);
  CHECK_FALSE(judged.complete);
  CHECK(judged.certificate.outcome == StirOutcome::kPass);
  store.add_roots(load("rogue_root.pem"));
  judged = store.judge(file, question);
  CHECK(judged.chain.outcome == StirOutcome::kFail);
  store.add_roots(load("root.pem"));
  judged = store.judge(file, question);
  CHECK(judged.chain.outcome == StirOutcome::kPass);
  REQUIRE(judged.path.size() == 3);
  CHECK(judged.path[2]->subject == "CN=Example STI Root CA,O=Example Trust,C=US");
  CHECK(store.add_file(load("chains/good.pem")) == file);
  // An end-entity certificate is no root, even if it is given as one.
  CHECK(store.add_roots(load("chains/good_alone.pem")).used == 0);
}

TEST_CASE("authorities on P-384 are let pass only when the site allows them", "[stir]") {
  Store strict;
  CHECK(strict.about("p384_issuing.pem").certificate.outcome == StirOutcome::kFail);
  Store lenient{{"root.pem"}, {.allow_p384_authorities = true}};
  CHECK(lenient.about("p384_issuing.pem").certificate.outcome == StirOutcome::kPass);
  CHECK(lenient.about("p384_key.pem").certificate.outcome == StirOutcome::kFail);
  CHECK(lenient.about("sha384_signature.pem").certificate.outcome == StirOutcome::kFail);
}

TEST_CASE("a file without a certificate fails, and one without an end entity is judged by its lowest authority",
          "[stir]") {
  Store store;
  const StirJudgement nothing = store.about("not_a_certificate.pem");
  CHECK(nothing.leaf == nullptr);
  CHECK(has(nothing.certificate, StirDefect::kNoCertificate));
  CHECK(nothing.chain.outcome == StirOutcome::kSkip);
  CHECK(store.verify(store.add_file(load("chains/not_a_certificate.pem")), {}, {}) == crypto::Es256::kNoKey);
  CHECK(store.judge(StirCertificates::kNoFile, {}).certificate.outcome == StirOutcome::kFail);
  const auto authorities = store.add_file(load("chains/ca_leaf.pem"));
  REQUIRE(store.leaf(authorities) != nullptr);
  CHECK(store.leaf(authorities)->subject_cn == "SHAKEN 1234");
}

TEST_CASE("what stands in a provider's certificate is told, and what its profile lacks is noted", "[stir]") {
  using enum StirDefect;
  Store store;
  const StirJudgement judged = store.about("good.pem");
  REQUIRE(judged.leaf != nullptr);
  const crypto::X509Facts& facts = *judged.leaf;
  CHECK(facts.subject == "serialNumber=1234-01,CN=SHAKEN 1234,O=Example Telecom,C=US");
  CHECK(facts.issuer_cn == "SHAKEN Issuing CA 1");
  CHECK(facts.spc() == "1234");
  CHECK(crypto::utc_text(facts.not_before) == "2024-01-01T00:00:00Z");
  CHECK(crypto::utc_text(facts.not_after) == "2034-01-01T00:00:00Z");
  CHECK(facts.key == "P-256");
  CHECK(facts.signature_algorithm == "ecdsa-with-SHA256");
  CHECK(facts.policies == std::vector<std::string>{"2.16.840.1.114569.1.1.3"});
  CHECK(facts.crl_urls.size() == 1);
  CHECK(facts.crl_issuer == "CN=STI-PA CRL,O=Example Policy Administrator,C=US");
  CHECK(judged.notes.problems.empty());

  const StirCheck bare = store.about("bare_subject.pem").notes;
  CHECK(has(bare, kSubjectNoCountry));
  CHECK(has(bare, kSubjectNoOrganization));
  CHECK(has(bare, kSubjectNoShaken));
  CHECK(has(bare, kNoCrlDistributionPoint));
  CHECK(has(store.about("two_spcs.pem").notes, kNotOneSpc));
  CHECK(has(store.about("lower_spc.pem").notes, kSpcNotOcn));
  CHECK(has(store.about("tn_and_spc.pem").notes, kNumbersBesideSpc));
  CHECK(has(store.about("usage_not_critical.pem").notes, kKeyUsageNotCritical));
  CHECK(has(store.about("good_noisy.pem").notes, kExtraBlocks));
  // Above a provider's certificate a TNAuthList has no place, above a delegate's it has to be.
  CHECK(has(store.about("delegate_other_spc.pem").notes, kAuthorityHasTnList, 1));
  CHECK_FALSE(has(store.about("delegate_spc.pem").notes, kAuthorityHasTnList, 1));
  // A certificate for numbers is not held to the provider's profile.
  CHECK(store.about("tn_range.pem", {.iat = k2027, .at = k2027, .number = "12155550100"}).notes.problems.empty());
}

TEST_CASE("a maze of authorities of one name is given up soon, and is no chain", "[stir]") {
  Store store;
  const StirJudgement judged = store.about("maze.der");
  CHECK(judged.chain.outcome == StirOutcome::kFail);
  CHECK(judged.chain.problems.front().defect == StirDefect::kSearchLimit);
  CHECK(judged.path.size() <= 10);
}

TEST_CASE("paths and dates are judged as openssl judges them, but for what is known to differ", "[stir]") {
  // openssl does not look for a second way, knows no TNAuthList, and finds a written-out curve while walking the path.
  const std::map<std::string, bool> differs{
      {"crossed.pem", true}, {"tn_critical.pem", true}, {"explicit_curve.pem", true}};
  Store store;
  std::istringstream rows{[] {
    const auto bytes = load("openssl.tsv");
    return std::string{bytes.begin(), bytes.end()};
  }()};
  std::string chain;
  int error = 0;
  std::size_t compared = 0;
  while (rows >> chain >> error) {
    const StirJudgement judged = store.about(chain);
    const bool holds = judged.chain.outcome == StirOutcome::kPass && judged.validity.outcome == StirOutcome::kPass;
    INFO(chain << ", openssl: " << error << "\n" << reasons(judged));
    if (const auto known = differs.find(chain); known != differs.end()) {
      CHECK(holds == known->second);
    } else {
      CHECK(holds == (error == 0));
    }
    ++compared;
  }
  CHECK(compared > 60);
}
