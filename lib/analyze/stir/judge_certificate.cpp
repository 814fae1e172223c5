#include <fmt/format.h>

#include <algorithm>

#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"
#include "base/text.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using crypto::Es256;
using crypto::StirCheck;
using crypto::StirDefect;
using crypto::StirOutcome;
using passport::Form;

constexpr std::size_t kMaxCandidates = 8;

// "test" as a word of its own: not in "Contest".
bool names_test(std::string_view name) {
  const std::string lower = to_lower(name);
  for (std::size_t at = lower.find("test"); at != std::string::npos; at = lower.find("test", at + 1)) {
    const bool begins = at == 0 || !is_alpha(lower[at - 1]);
    const bool ends = at + 4 >= lower.size() || !is_alpha(lower[at + 4]);
    if (begins && ends) return true;
  }
  return false;
}

std::string sentence(const StirCheck& check) {
  std::string text;
  for (const crypto::StirProblem& problem : check.problems) {
    if (text.size() > 300) break;
    if (!text.empty()) text += "; ";
    text += crypto::to_string(problem.defect);
    if (!problem.detail.empty()) text += fmt::format(" ({})", clip(problem.detail));
    if (problem.position != 0) text += fmt::format(", certificate {} of the path", problem.position + 1);
  }
  return text;
}

// skip_is_unknown: whether a skip keeps the header from being valid.
void take(IdentityRecord& record, Check check, const StirCheck& from, bool skip_is_unknown) {
  Outcome outcome = skip_is_unknown ? Outcome::kUnknown : Outcome::kNotApplicable;
  switch (from.outcome) {
    case StirOutcome::kPass: outcome = Outcome::kPass; break;
    case StirOutcome::kWarn: outcome = Outcome::kWarn; break;
    case StirOutcome::kFail: outcome = Outcome::kFail; break;
    case StirOutcome::kSkip: break;
  }
  record.set(check, outcome, outcome == Outcome::kPass ? std::string{} : sentence(from));
}

const report::Rule& rule_of(StirDefect defect) {
  switch (defect) {
    case StirDefect::kKeyNotP256:
    case StirDefect::kSignatureNotEcdsaSha256:
    case StirDefect::kAuthorityKeyNotP256:
    case StirDefect::kAuthoritySignatureNotEcdsaSha256: return kCertificateKey;
    case StirDefect::kNoCertificate:
    case StirDefect::kMalformedCertificate:
    case StirDefect::kExtraBlocks: return kCertificateMissing;
    case StirDefect::kNotVersion3:
    case StirDefect::kLeafIsAuthority:
    case StirDefect::kKeyUsageMissing:
    case StirDefect::kNoDigitalSignature:
    case StirDefect::kIssuerNotAuthority:
    case StirDefect::kIssuerMayNotSign:
    case StirDefect::kUnknownCritical:
    case StirDefect::kKeyUsageNotCritical:
    case StirDefect::kAuthorityHasTnList: return kUsageBits;
    case StirDefect::kNotYetValidAtIat:
    case StirDefect::kExpiredAtIat: return kSignedOutside;
    case StirDefect::kNotYetValidAtCall:
    case StirDefect::kExpiredAtCall: return kExpired;
    case StirDefect::kTnListMissing:
    case StirDefect::kTnListMalformed:
    case StirDefect::kNotOneSpc:
    case StirDefect::kSpcNotOcn:
    case StirDefect::kNumbersBesideSpc: return kTnAuthList;
    case StirDefect::kTnListByReference:
    case StirDefect::kNumberNotCovered:
    case StirDefect::kNoNumber:
    case StirDefect::kNotEncompassed:
    case StirDefect::kParentTnListMalformed:
    case StirDefect::kParentTnListByReference:
    case StirDefect::kConstraintBroken:
    case StirDefect::kConstraintsMalformed: return kDelegate;
    case StirDefect::kPolicyMissing:
    case StirDefect::kPolicyUnknown:
    case StirDefect::kPolicyRetired:
    case StirDefect::kPolicyCritical: return kPolicy;
    case StirDefect::kRevoked:
    case StirDefect::kNoCrl:
    case StirDefect::kCrlNotCurrent:
    case StirDefect::kCrlNotYetCurrent:
    case StirDefect::kCrlSignerUnknown:
    case StirDefect::kCrlSignerInvalid:
    case StirDefect::kCrlBadSignature:
    case StirDefect::kCrlNotCovering:
    case StirDefect::kCrlUnusable:
    case StirDefect::kListedInUnusableCrl:
    case StirDefect::kOtherCrlIssuer:
    case StirDefect::kNoCrlDistributionPoint: return kRevocation;
    case StirDefect::kSubjectNoCountry:
    case StirDefect::kSubjectNoOrganization:
    case StirDefect::kSubjectNoShaken:
    case StirDefect::kSubjectSpcDiffers:
    case StirDefect::kSubjectNoSerialNumber: return kSubject;
    default: break;
  }
  return kUntrusted;
}

std::optional<report::Severity> severity_of(StirDefect defect) {
  using report::Severity;
  switch (defect) {
    case StirDefect::kRevoked: return Severity::kCritical;
    case StirDefect::kListedInUnusableCrl: return Severity::kHigh;
    case StirDefect::kOtherCrlIssuer:
    case StirDefect::kNoCrlDistributionPoint:
    case StirDefect::kPolicyMissing: return Severity::kMedium;
    case StirDefect::kKeyUsageNotCritical:
    case StirDefect::kExtraBlocks:
    case StirDefect::kTnListByReference:
    case StirDefect::kParentTnListByReference:
    case StirDefect::kNoNumber: return Severity::kLow;
    case StirDefect::kNoCrl:
    case StirDefect::kCrlNotCurrent:
    case StirDefect::kCrlNotYetCurrent:
    case StirDefect::kCrlSignerUnknown:
    case StirDefect::kCrlSignerInvalid:
    case StirDefect::kCrlBadSignature:
    case StirDefect::kCrlNotCovering:
    case StirDefect::kCrlUnusable: return Severity::kInfo;
    default: break;
  }
  return std::nullopt;
}

}  // namespace

// RFC 8224 section 4.1: the token is made again from the request. Who the caller is may be read in two ways, and
// signers differ in whether mky is in it; the signature tells which it was.
void Judge::check_compact(Work& work, const Request& request) {
  IdentityRecord& record = work.record;
  const auto unknown = [&](const std::string& why) {
    for (const Check check : {Check::kClaims, Check::kSignature, Check::kFreshness, Check::kOrig, Check::kDest}) {
      record.set(check, Outcome::kUnknown, why);
    }
  };
  if (request.from_contradicts || request.to_contradicts) return unknown("From or To stands twice, and differs");
  if (!record.ppt.empty()) return unknown("the extension's claims are not in the compact form");
  if (!request.date.has_value()) {
    work.note(
        kDate,
        request.has_date ? "the Date header of a compact form can't be read" : "a compact form without a Date header",
        report::Severity::kHigh);
    return unknown("compact form without a readable Date");
  }
  const auto party_of = [](const Address& address) {
    return address.number.empty() ? passport::Party{{}, address.uri} : passport::Party{address.number, {}};
  };
  std::vector<passport::Party> callers;
  for (const Address& address : request.asserted) {
    if (callers.size() < kMaxCandidates && !party_of(address).empty()) callers.push_back(party_of(address));
  }
  const bool asserted = std::ranges::any_of(request.asserted, [](const Address& one) { return !one.number.empty(); });
  if (!asserted && !party_of(request.from).empty()) callers.push_back(party_of(request.from));
  const passport::Party called = party_of(request.to);
  if (callers.empty() || called.empty()) return unknown("no number to make the token from");

  passport::Rebuilt parts;
  parts.x5u = record.x5u;
  parts.iat = *request.date;
  parts.dest = called;
  parts.orig = callers.front();
  record.iat = parts.iat;
  record.orig = parts.orig;
  record.dest = {called};
  record.set(Check::kClaims, Outcome::kPass);
  record.signer_number = parts.orig.tn;
  work.orig_key = key_of(parts.orig);
  work.dest_keys = {key_of(called)};
  const Store::Found& found = store_.certificate(record.x5u);
  if (!found.at_hand) {
    record.set(Check::kOrig, Outcome::kUnknown, "the signature can't be checked");
    record.set(Check::kDest, Outcome::kUnknown, "the signature can't be checked");
    return;
  }
  Es256 result = Es256::kMismatch;
  for (const bool with_keys : {!request.media_keys.empty(), false}) {
    for (const passport::Party& caller : callers) {
      parts.orig = caller;
      parts.media_keys = with_keys ? request.media_keys : std::vector<passport::MediaKey>{};
      const passport::SigningInput input = passport::rebuild(parts);
      const Es256 one = store_.certificates().verify(found.file, as_bytes(input.text), work.passport.signature);
      if (one == Es256::kMismatch || one == Es256::kDerMismatch) {
        if (result == Es256::kMismatch) result = one;
        continue;
      }
      result = one;
      if (one != Es256::kValid) break;
      record.orig = caller;
      record.signer_number = caller.tn;
      work.orig_key = key_of(caller);
      // All callers asserted have to be the one that was signed for.
      check_orig(work, request);
      record.set(Check::kDest, Outcome::kPass);
      finish_signature(work, result);
      return;
    }
    if (!with_keys || (result != Es256::kMismatch && result != Es256::kDerMismatch)) break;
  }
  finish_signature(work, result);
  record.set(Check::kOrig, Outcome::kUnknown, "the compact form holds no numbers of its own");
  record.set(Check::kDest, Outcome::kUnknown, "the compact form holds no numbers of its own");
}

void Judge::check_certificate(Work& work, const Request* request) {
  IdentityRecord& record = work.record;
  const auto unknown = [&](const std::string& why) {
    for (const Check check : {Check::kCertificate, Check::kSignature, Check::kChain, Check::kValidity,
                              Check::kTnAuthList, Check::kConstraints, Check::kPolicy, Check::kRevocation}) {
      record.set(check, Outcome::kUnknown, why);
    }
  };
  if (record.x5u.empty()) {
    if (request != nullptr && record.form == Form::kCompact) check_compact(work, *request);
    return unknown("no certificate is named");
  }
  if (request != nullptr && record.form == Form::kCompact) check_compact(work, *request);
  const Store::Found& found = store_.certificate(record.x5u);
  if (!found.at_hand) {
    record.certificate_missing = true;
    if (!found.path.empty())
      work.note(kCertificateMissing, fmt::format("{}: the copy can't be read", clip(record.x5u, 160)));
    return unknown(fmt::format("no local copy of {}", clip(record.x5u, 160)));
  }
  if (record.form == Form::kFull) {
    const Es256 result =
        store_.certificates().verify(found.file, as_bytes(work.passport.signing_input), work.passport.signature);
    finish_signature(work, result);
  } else if (request == nullptr || record.form == Form::kBroken) {
    record.set(Check::kSignature, Outcome::kUnknown, "there is nothing whole that was signed");
  }

  const crypto::ClaimLookup lookup = [&](std::string_view name) -> std::optional<crypto::ClaimValue> {
    const passport::Json* value = work.passport.payload.find(name);
    if (value == nullptr && record.form == Form::kCompact) {
      const auto text = [&](const passport::Party& party, bool list) {
        const std::string one = passport::json_string(party.text());
        return fmt::format("{{\"{}\":{}}}", party.tn.empty() ? "uri" : "tn", list ? "[" + one + "]" : one);
      };
      if (name == "orig" && !record.orig.empty()) return crypto::ClaimValue{text(record.orig, false), {}};
      if (name == "dest" && !record.dest.empty()) return crypto::ClaimValue{text(record.dest.front(), true), {}};
      if (name == "iat" && record.iat) return crypto::ClaimValue{std::to_string(*record.iat), {}};
    }
    if (value == nullptr) return std::nullopt;
    crypto::ClaimValue out;
    out.text = value->is_string() ? value->text : value->canonical();
    if (value->is_array()) {
      for (const passport::Json& item : value->items) {
        out.elements.push_back(item.is_string() ? item.text : item.canonical());
      }
    }
    return out;
  };
  const std::string number =
      work.diverts() ? (work.claims.div.tn.empty() ? std::string{} : work.div_key) : record.signer_number;
  const bool claims_known = work.passport.payload.is_object() || record.form == Form::kCompact;
  const crypto::StirJudgement judgement = store_.certificates().judge(
      found.file,
      {.iat = record.iat, .at = time_of(request), .number = number, .claims = claims_known ? &lookup : nullptr});
  take_standing(work, judgement, time_of(request));
}

void Judge::finish_signature(Work& work, Es256 result) {
  IdentityRecord& record = work.record;
  if (result == Es256::kValid) return record.set(Check::kSignature, Outcome::kPass);
  if (result == Es256::kNoKey) {
    return record.set(Check::kSignature, Outcome::kUnknown, "the certificate has no key on P-256");
  }
  std::string why = crypto::to_string(result);
  const bool encoding = result == Es256::kDer || result == Es256::kSwapped || result == Es256::kBadLength;
  work.note(encoding ? kSignatureEncoding : kBadSignature,
            fmt::format("the signature {} (it has {} bytes)", why, work.passport.signature.size()));
  record.set(Check::kSignature, Outcome::kFail, std::move(why));
}

void Judge::take_standing(Work& work, const crypto::StirJudgement& judgement, std::optional<std::int64_t> now) {
  IdentityRecord& record = work.record;
  record.certificate = judgement.leaf;
  take(record, Check::kCertificate, judgement.certificate, true);
  take(record, Check::kChain, judgement.chain, true);
  take(record, Check::kValidity, judgement.validity, true);
  take(record, Check::kTnAuthList, judgement.tnauthlist, true);
  take(record, Check::kConstraints, judgement.constraints, true);
  take(record, Check::kPolicy, judgement.policy, false);
  take(record, Check::kRevocation, judgement.revocation, true);
  const std::string who = judgement.leaf == nullptr ? clip(record.x5u, 120) : clip(judgement.leaf->subject, 120);
  for (const StirCheck* check : {&judgement.certificate, &judgement.chain, &judgement.validity, &judgement.tnauthlist,
                                 &judgement.constraints, &judgement.policy, &judgement.revocation, &judgement.notes}) {
    for (const crypto::StirProblem& problem : check->problems) {
      if (problem.defect == StirDefect::kNoRoots) continue;  // told once for the run
      std::string text = fmt::format("{}: {}", who, crypto::to_string(problem.defect));
      if (!problem.detail.empty()) text += fmt::format(" ({})", clip(problem.detail));
      if (problem.position != 0) text += fmt::format(", certificate {} of the path", problem.position + 1);
      work.note(rule_of(problem.defect), std::move(text), severity_of(problem.defect));
    }
  }
  if (judgement.leaf != nullptr && now && judgement.leaf->not_after >= *now &&
      judgement.leaf->not_after - *now < options_.expiry_warn_days * 86400) {
    work.note(kExpired,
              fmt::format("{} ends at {}, less than {} days after the call", who,
                          format_utc({judgement.leaf->not_after * kNsPerSecond}, 0), options_.expiry_warn_days),
              report::Severity::kLow);
  }
  if (judgement.leaf != nullptr && !options_.relax_x5u) {
    const auto authority = judgement.path.size() > 1 ? judgement.path[1] : judgement.leaf;
    if (names_test(judgement.leaf->issuer_cn) || names_test(authority->subject_cn)) {
      work.note(kTestCertificate, fmt::format("{} was issued by {}", who, clip(judgement.leaf->issuer, 120)));
    }
  }
}

}  // namespace voip::analyze::stir
