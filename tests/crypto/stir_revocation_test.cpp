#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "crypto/crl.h"
#include "crypto/stir_certificate.h"
#include "support/files.h"

using namespace voip;
using crypto::StirDefect;
using crypto::StirOutcome;

namespace {

constexpr std::int64_t kMay2024 = 1714521600;
constexpr std::int64_t k2027 = 1798761600;

std::vector<std::uint8_t> load(const std::string& name) { return test::file_bytes(test::testdata("stir/" + name)); }

struct Lists : crypto::StirCertificates {
  Lists(const std::string& trust, const std::vector<std::string>& lists) {
    add_roots(load("roots.pem"));
    if (!trust.empty()) CHECK(add_crl_trust(load(trust)).used == 1);
    for (const std::string& one : lists) CHECK(add_crls(load("crls/" + one)).used == 1);
  }
  crypto::StirJudgement about(const std::string& chain, std::int64_t at = k2027) {
    return judge(add_file(load("chains/" + chain)), {.iat = at, .at = at});
  }
  crypto::StirCheck check(const std::string& chain, std::int64_t at = k2027) { return about(chain, at).revocation; }
};

bool has(const crypto::StirCheck& check, StirDefect defect) {
  for (const auto& problem : check.problems) {
    if (problem.defect == defect) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a certificate with a list by another than the policy administrator is told, where that one is known",
          "[stir][crl]") {
  const auto told = [](const std::string& trust) {
    return has(Lists{trust, {}}.about("good.pem").notes, StirDefect::kOtherCrlIssuer);
  };
  CHECK_FALSE(told("pa_crl_signer.pem"));
  CHECK(told("root.pem"));
  CHECK_FALSE(told(""));
}

TEST_CASE("an indirect list revokes by issuer and serial, and entries inherit the issuer", "[stir][crl]") {
  for (const char* form : {"good.pem", "good.der"}) {
    Lists lists{"pa_crl_signer.pem", {form}};
    CHECK(lists.check("good.pem").outcome == StirOutcome::kPass);  // its serial is listed, of another issuer
    const auto revoked = lists.about("revoked.pem");
    CHECK(revoked.revocation.outcome == StirOutcome::kFail);
    REQUIRE(revoked.revoked.has_value());
    CHECK(revoked.revoked->reason == "keyCompromise");
    CHECK(crypto::utc_text(revoked.revoked->since) == "2024-01-01T00:00:00Z");
    REQUIRE(revoked.crl != nullptr);
    CHECK(revoked.crl->number() == "2a");
    CHECK(lists.check("revoked_inherited.pem").outcome == StirOutcome::kFail);
    CHECK(lists.check("same_serial_elsewhere.pem").outcome == StirOutcome::kPass);
    const auto authority = lists.check("revoked_authority.pem");
    CHECK(authority.outcome == StirOutcome::kFail);
    REQUIRE(authority.problems.size() == 1);
    CHECK(authority.problems.front().position == 1);
  }
}

TEST_CASE("an authority that was given as a root, but has one above it, can be revoked", "[stir][crl]") {
  crypto::StirCertificates store;
  CHECK(store.add_roots(load("chains/revoked_authority.pem")).used == 1);
  store.add_crl_trust(load("pa_crl_signer.pem"));
  store.add_crls(load("crls/good.pem"));
  const auto judged = store.judge(store.add_file(load("chains/revoked_authority.pem")), {.iat = k2027, .at = k2027});
  CHECK(judged.complete);
  CHECK(judged.path.size() == 2);
  CHECK(judged.revocation.outcome == StirOutcome::kFail);
}

TEST_CASE("a list counts only while it is current, told from one that names the certificate at another time",
          "[stir][crl]") {
  Lists outdated{"pa_crl_signer.pem", {"outdated.pem"}};
  CHECK(outdated.check("revoked.pem", kMay2024).outcome == StirOutcome::kFail);
  const auto later = outdated.check("revoked.pem", k2027);
  CHECK(later.outcome == StirOutcome::kSkip);
  CHECK(has(later, StirDefect::kCrlNotCurrent));
  CHECK(has(later, StirDefect::kListedInUnusableCrl));
  const auto unlisted = outdated.check("good.pem", k2027);
  CHECK(unlisted.outcome == StirOutcome::kSkip);
  CHECK_FALSE(has(unlisted, StirDefect::kListedInUnusableCrl));
  Lists young{"pa_crl_signer.pem", {"too_young.pem"}};
  CHECK(has(young.check("revoked.pem"), StirDefect::kCrlNotYetCurrent));
  CHECK(young.check("revoked.pem").outcome == StirOutcome::kSkip);
  // One usable list is enough, whichever comes first.
  Lists both{"pa_crl_signer.pem", {"outdated.pem", "good.pem"}};
  CHECK(both.check("revoked.pem").outcome == StirOutcome::kFail);
  CHECK(both.check("good.pem").outcome == StirOutcome::kPass);
  Lists empty{"pa_crl_signer.pem", {"empty.pem"}};
  CHECK(empty.check("revoked.pem").outcome == StirOutcome::kPass);
}

TEST_CASE("a list that is not signed by whom the user trusts says nothing", "[stir][crl]") {
  Lists forged{"pa_crl_signer.pem", {"wrong_signer.pem"}};
  CHECK(forged.check("revoked.pem").outcome == StirOutcome::kSkip);
  CHECK(has(forged.check("revoked.pem"), StirDefect::kCrlBadSignature));
  CHECK_FALSE(has(forged.check("revoked.pem"), StirDefect::kListedInUnusableCrl));
  Lists untold{"", {"good.pem"}};
  CHECK(untold.check("revoked.pem").outcome == StirOutcome::kSkip);
  CHECK(has(untold.check("revoked.pem"), StirDefect::kCrlSignerUnknown));
  Lists none{"pa_crl_signer.pem", {}};
  CHECK(has(none.check("good.pem"), StirDefect::kNoCrl));
  // The root above the signer is enough where the signer's certificate comes with the list.
  Lists above{"pa_root.pem", {"with_signer.pem"}};
  CHECK(above.check("revoked.pem").outcome == StirOutcome::kFail);
  Lists without{"pa_root.pem", {"good.pem"}};
  CHECK(has(without.check("revoked.pem"), StirDefect::kCrlSignerUnknown));
  Lists elsewhere{"root.pem", {"with_signer.pem"}};
  CHECK(has(elsewhere.check("revoked.pem"), StirDefect::kCrlSignerInvalid));
  // A list with the signer's certificate can't bring its own trust.
  Lists own{"", {"with_signer.pem"}};
  CHECK(own.check("revoked.pem").outcome == StirOutcome::kSkip);
}

TEST_CASE("a list with a critical extension that is not known is not relied on", "[stir][crl]") {
  Lists lists{"pa_crl_signer.pem", {"unknown_critical.pem"}};
  CHECK(lists.check("revoked.pem").outcome == StirOutcome::kSkip);
  CHECK(has(lists.check("revoked.pem"), StirDefect::kCrlUnusable));
}

TEST_CASE("an authority's own list is about its own certificates", "[stir][crl]") {
  Lists own{"", {"direct.pem"}};
  CHECK(own.check("revoked.pem").outcome == StirOutcome::kFail);
  CHECK(own.check("good.pem").outcome == StirOutcome::kPass);
  CHECK(own.check("second.pem").outcome == StirOutcome::kSkip);
  CHECK(own.check("untrusted.pem").outcome == StirOutcome::kSkip);  // same name, other authority
  Lists others{"", {"direct_other.pem"}};
  CHECK(others.check("good.pem").outcome == StirOutcome::kSkip);
  CHECK(others.check("second.pem").outcome == StirOutcome::kPass);
}

TEST_CASE("a list that is not marked indirect still revokes what it names, but its silence says nothing",
          "[stir][crl]") {
  Lists lists{"pa_crl_signer.pem", {"not_flagged_indirect.pem"}};
  CHECK(lists.check("revoked.pem").outcome == StirOutcome::kFail);
  CHECK(lists.check("good.pem").outcome == StirOutcome::kSkip);
  CHECK(has(lists.check("good.pem"), StirDefect::kCrlNotCovering));
}

TEST_CASE("no prefix of a list is a list", "[crl]") {
  const auto der = load("crls/good.der");
  REQUIRE(crypto::Crl::parse(der) != nullptr);
  CHECK(crypto::Crl::parse(der)->size() == 4);
  for (std::size_t n = 0; n < der.size(); ++n) CHECK(crypto::Crl::parse(first_bytes(der, n)) == nullptr);
  auto longer = der;
  longer.push_back(0);
  CHECK(crypto::Crl::parse(longer) == nullptr);
}
