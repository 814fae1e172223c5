#include "crypto/stir_checks.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace voip::crypto {

namespace {

using enum StirDefect;

StirCheck passing() {
  StirCheck check;
  check.outcome = StirOutcome::kPass;
  return check;
}

bool allowed_signature(const X509Facts& facts, const X509Facts* issuer, const StirOptions& options) {
  if (facts.ecdsa_sha256) return true;
  return options.allow_p384_authorities && facts.ecdsa_sha384 && issuer != nullptr && issuer->p384;
}

}  // namespace

StirCheck check_stir_certificate(const FactsPath& path, const StirOptions& options) {
  StirCheck check = passing();
  const auto fail = [&](StirDefect defect, std::size_t position, std::string detail) {
    check.add(StirOutcome::kFail, {defect, position, std::move(detail)});
  };
  const X509Facts& leaf = *path.front();
  if (!leaf.malformed.empty()) fail(kMalformedCertificate, 0, leaf.malformed);
  if (leaf.version != 3) fail(kNotVersion3, 0, std::to_string(leaf.version));
  if (!leaf.p256) fail(kKeyNotP256, 0, leaf.key);
  const X509Facts* issuer = path.size() > 1 ? path[1] : nullptr;
  if (!allowed_signature(leaf, issuer, options)) fail(kSignatureNotEcdsaSha256, 0, leaf.signature_algorithm);
  if (leaf.is_ca) fail(kLeafIsAuthority, 0, {});
  if (!leaf.has_key_usage) {
    fail(kKeyUsageMissing, 0, {});
  } else if (!leaf.digital_signature) {
    fail(kNoDigitalSignature, 0, {});
  }
  for (std::size_t i = 1; i < path.size(); ++i) {
    const X509Facts& facts = *path[i];
    if (!facts.p256 && !(options.allow_p384_authorities && facts.p384)) fail(kAuthorityKeyNotP256, i, facts.key);
    // Nothing rests on a root's own signature.
    const X509Facts* above = i + 1 < path.size() ? path[i + 1] : nullptr;
    if (above != nullptr && !allowed_signature(facts, above, options)) {
      fail(kAuthoritySignatureNotEcdsaSha256, i, facts.signature_algorithm);
    }
  }
  return check;
}

StirCheck check_stir_chain(const FoundPath& path, bool has_roots) {
  StirCheck check = passing();
  const auto fail = [&](StirDefect defect, std::size_t position, std::string detail) {
    check.add(StirOutcome::kFail, {defect, position, std::move(detail)});
  };
  const std::size_t top = path.certificates.size() - 1;
  const X509Facts& last = path.certificates.back()->facts();
  switch (path.end) {
    case PathEnd::kAnchor: break;
    case PathEnd::kBadSignature: fail(kBadPathSignature, top, last.subject); break;
    case PathEnd::kOtherKeyId: fail(kKeyIdMismatch, top, last.subject); break;
    case PathEnd::kGaveUp: fail(kSearchLimit, top, {}); break;
    case PathEnd::kNoIssuer:
      if (has_roots) fail(kIssuerNotFound, top, last.issuer);
      break;
    case PathEnd::kSelfIssued:
      if (has_roots) fail(kUntrustedRoot, top, last.subject);
      break;
  }
  if (!has_roots) check.add(StirOutcome::kSkip, {kNoRoots, 0, {}});
  for (const PathProblem& problem : problems_of(path)) {
    StirDefect defect = kPathRefused;
    switch (problem.kind) {
      case PathProblem::Kind::kNotAuthority: defect = kIssuerNotAuthority; break;
      case PathProblem::Kind::kMayNotSign: defect = kIssuerMayNotSign; break;
      case PathProblem::Kind::kTooLong: defect = kPathTooLong; break;
      case PathProblem::Kind::kNameConstraint: defect = kNameConstraint; break;
      case PathProblem::Kind::kUnknownCritical: defect = kUnknownCritical; break;
      case PathProblem::Kind::kMalformed:
        if (problem.position == 0) continue;  // told by the certificate check
        defect = kMalformedAuthority;
        break;
      case PathProblem::Kind::kRefused: break;
    }
    fail(defect, problem.position, problem.detail);
  }
  return check;
}

StirCheck check_stir_validity(const FactsPath& path, std::optional<std::int64_t> iat, std::optional<std::int64_t> at) {
  StirCheck check;
  if (!iat.has_value() && !at.has_value()) return check;
  check.outcome = StirOutcome::kPass;
  const auto judge = [&](std::size_t i, std::optional<std::int64_t> time, StirDefect early, StirDefect late) {
    if (!time.has_value()) return;
    if (*time < path[i]->not_before) check.add(StirOutcome::kFail, {early, i, utc_text(path[i]->not_before)});
    if (*time > path[i]->not_after) check.add(StirOutcome::kFail, {late, i, utc_text(path[i]->not_after)});
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    judge(i, iat, kNotYetValidAtIat, kExpiredAtIat);
    judge(i, at, kNotYetValidAtCall, kExpiredAtCall);
  }
  return check;
}

StirCheck check_stir_delegation(const FactsPath& path, bool& delegate) {
  StirCheck check = passing();
  const X509Facts& leaf = *path.front();
  if (!leaf.has_tn_list && leaf.tn_list_url.empty()) {
    check.add(StirOutcome::kFail, {kTnListMissing, 0, {}});
  } else if (!leaf.has_tn_list) {
    check.add(StirOutcome::kSkip, {kTnListByReference, 0, leaf.tn_list_url});
  } else if (!leaf.tn_list.has_value()) {
    check.add(StirOutcome::kFail, {kTnListMalformed, 0, leaf.tn_list_error + ": " + leaf.tn_list_hex});
  }
  delegate = false;
  const TnAuthList* child = leaf.tn_list.has_value() ? &*leaf.tn_list : nullptr;
  for (std::size_t i = 1; i < path.size(); ++i) {
    const X509Facts& parent = *path[i];
    if (!parent.has_tn_list && parent.tn_list_url.empty()) continue;
    delegate = true;
    if (!parent.has_tn_list) {
      check.add(StirOutcome::kSkip, {kParentTnListByReference, i, parent.tn_list_url});
    } else if (!parent.tn_list.has_value()) {
      check.add(StirOutcome::kFail, {kParentTnListMalformed, i, parent.tn_list_error + ": " + parent.tn_list_hex});
    } else {
      if (child != nullptr && !parent.tn_list->encompasses(*child)) {
        check.add(StirOutcome::kFail, {kNotEncompassed, i, parent.subject});
      }
      child = &*parent.tn_list;
    }
  }
  return check;
}

void add_stir_number(const X509Facts& leaf, std::string_view number, StirCheck& tnauthlist) {
  // A provider's code speaks for numbers that can't be known here; with it in the list nothing is excluded.
  if (!leaf.tn_list.has_value() || leaf.tn_list->has_spc()) return;
  if (number.empty()) {
    tnauthlist.add(StirOutcome::kSkip, {kNoNumber, 0, {}});
  } else if (!leaf.tn_list->names(number)) {
    tnauthlist.add(StirOutcome::kFail, {kNumberNotCovered, 0, std::string{number}});
  }
}

StirCheck check_stir_constraints(const FactsPath& path, const ClaimLookup* claims) {
  StirCheck check = passing();
  for (std::size_t i = 0; i < path.size(); ++i) {
    const X509Facts& facts = *path[i];
    if (!facts.constraints_error.empty()) {
      check.add(StirOutcome::kFail, {kConstraintsMalformed, i, facts.constraints_error});
    }
    for (const ClaimConstraints& constraints : facts.constraints) {
      if (claims == nullptr) {
        check.add(StirOutcome::kSkip, {kConstraintBroken, i, "the claims could not be read"});
        continue;
      }
      for (std::string& broken : constraints.broken_by(*claims)) {
        check.add(StirOutcome::kFail, {kConstraintBroken, i, std::move(broken)});
      }
    }
  }
  return check;
}

StirCheck check_stir_policy(const X509Facts& leaf) {
  // The US SHAKEN certificate policy and its versions; France's MAN policy.
  constexpr std::string_view kShaken = "2.16.840.1.114569.1.1.";
  constexpr std::string_view kMan = "1.2.250.1.695.1.1.";
  StirCheck check = passing();
  bool current = false;
  std::string retired;
  for (const std::string& oid : leaf.policies) {
    const bool shaken = oid.starts_with(kShaken);
    const auto version = parse_number<std::uint32_t>(shaken ? std::string_view{oid}.substr(kShaken.size()) : "");
    if (shaken && version.has_value() && *version <= 2) retired = oid;
    if (oid.starts_with(kMan) || (shaken && version.has_value() && *version > 2)) current = true;
  }
  if (leaf.policies.empty()) {
    check.add(StirOutcome::kWarn, {kPolicyMissing, 0, {}});
  } else if (!current && !retired.empty()) {
    check.add(StirOutcome::kWarn, {kPolicyRetired, 0, retired});
  } else if (!current) {
    check.add(StirOutcome::kWarn, {kPolicyUnknown, 0, leaf.policies.front()});
  }
  if (leaf.policies_critical) check.add(StirOutcome::kWarn, {kPolicyCritical, 0, {}});
  return check;
}

StirCheck note_stir_profile(const FactsPath& path) {
  StirCheck notes = passing();
  const auto note = [&](StirDefect defect, std::size_t position, std::string detail) {
    notes.add(StirOutcome::kWarn, {defect, position, std::move(detail)});
  };
  const X509Facts& leaf = *path.front();
  if (leaf.has_key_usage && !leaf.key_usage_critical) note(kKeyUsageNotCritical, 0, {});
  if (leaf.crl_urls.empty()) note(kNoCrlDistributionPoint, 0, {});
  const TnAuthList* list = leaf.tn_list.has_value() ? &*leaf.tn_list : nullptr;
  // The rest is about providers' certificates; those for numbers are named after whom they were given to.
  if (list == nullptr || !list->has_spc()) return notes;
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (path[i]->has_tn_list) note(kAuthorityHasTnList, i, path[i]->subject);
  }
  if (list->spcs().size() != 1) note(kNotOneSpc, 0, std::to_string(list->spcs().size()));
  if (list->has_numbers()) note(kNumbersBesideSpc, 0, {});
  const std::string& spc = list->spcs().front();
  const bool ocn =
      spc.size() == 4 && std::ranges::all_of(spc, [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
  if (!ocn) note(kSpcNotOcn, 0, spc);
  if (leaf.subject_country.empty()) note(kSubjectNoCountry, 0, {});
  if (leaf.subject_organization.empty()) note(kSubjectNoOrganization, 0, {});
  if (leaf.subject_cn.find("SHAKEN") == std::string::npos) note(kSubjectNoShaken, 0, leaf.subject_cn);
  if (leaf.subject_cn.find(spc) == std::string::npos) note(kSubjectSpcDiffers, 0, leaf.subject_cn);
  if (leaf.subject_serial_number.empty()) note(kSubjectNoSerialNumber, 0, {});
  return notes;
}

const char* to_string(StirDefect defect) {
  switch (defect) {
    case kNoCertificate: return "the file holds no certificate that can be read";
    case kMalformedCertificate: return "the certificate is malformed";
    case kNotVersion3: return "the certificate is not of version 3";
    case kKeyNotP256: return "the key is not on the named curve P-256";
    case kSignatureNotEcdsaSha256: return "the certificate is not signed with ecdsa-with-SHA256";
    case kLeafIsAuthority: return "the signer's certificate is that of an authority (cA is set)";
    case kKeyUsageMissing: return "the certificate has no keyUsage";
    case kNoDigitalSignature: return "keyUsage does not allow digital signatures";
    case kAuthorityKeyNotP256: return "an authority's key is not on the named curve P-256";
    case kAuthoritySignatureNotEcdsaSha256: return "an authority's certificate is not signed with ecdsa-with-SHA256";
    case kNoRoots: return "no trusted roots were given";
    case kIssuerNotFound: return "the issuer is neither in the file nor among the trusted roots";
    case kUntrustedRoot: return "the path ends at a self-issued certificate that is not among the trusted roots";
    case kBadPathSignature: return "the signature does not verify with the issuer's key";
    case kKeyIdMismatch: return "the issuer of this name has another key identifier";
    case kIssuerNotAuthority: return "the issuer is no authority (cA is not set)";
    case kIssuerMayNotSign: return "the issuer's keyUsage does not allow signing certificates";
    case kPathTooLong: return "the path is longer than an authority allows";
    case kNameConstraint: return "a name is outside of an authority's name constraints";
    case kUnknownCritical: return "a critical extension is not known";
    case kMalformedAuthority: return "an authority's certificate is malformed";
    case kPathRefused: return "the path does not hold as a whole";
    case kSearchLimit: return "too many certificates of one name to find a path";
    case kNotYetValidAtIat: return "not yet valid when the token was signed";
    case kExpiredAtIat: return "expired when the token was signed";
    case kNotYetValidAtCall: return "not yet valid at the time of the call";
    case kExpiredAtCall: return "expired at the time of the call";
    case kTnListMissing: return "the certificate has no TNAuthList";
    case kTnListMalformed: return "the TNAuthList is malformed";
    case kTnListByReference: return "the TNAuthList is given by reference only";
    case kNumberNotCovered: return "the number is not in the TNAuthList";
    case kNoNumber: return "there is no number to look up in the TNAuthList";
    case kNotEncompassed: return "the TNAuthList goes beyond that of the parent certificate";
    case kParentTnListMalformed: return "the parent's TNAuthList is malformed";
    case kParentTnListByReference: return "the parent's TNAuthList is given by reference only";
    case kConstraintBroken: return "the claims break the certificate's claim constraints";
    case kConstraintsMalformed: return "the claim constraints are malformed";
    case kPolicyMissing: return "the certificate names no policy";
    case kPolicyUnknown: return "the certificate's policy is not a SHAKEN certificate policy";
    case kPolicyRetired: return "the certificate's SHAKEN policy version is retired";
    case kPolicyCritical: return "certificatePolicies is marked critical";
    case kRevoked: return "the certificate is revoked";
    case kNoCrl: return "no revocation list was given";
    case kCrlNotCurrent: return "the revocation list was outdated at the time of the call";
    case kCrlNotYetCurrent: return "the revocation list is younger than the call";
    case kCrlSignerUnknown: return "no trusted certificate of the revocation list's issuer was given";
    case kCrlSignerInvalid:
      return "the revocation list's signer is not trusted, not allowed to sign lists, or out of date";
    case kCrlBadSignature: return "the revocation list's signature does not verify";
    case kCrlNotCovering: return "the revocation list is not about this certificate";
    case kCrlUnusable: return "the revocation list can't be relied on";
    case kListedInUnusableCrl: return "a revocation list that does not count here names the certificate";
    case kKeyUsageNotCritical: return "keyUsage is not marked critical";
    case kNotOneSpc: return "the TNAuthList has more than one service provider code";
    case kSpcNotOcn: return "the service provider code is not four upper-case letters and digits";
    case kNumbersBesideSpc: return "the TNAuthList of a provider names numbers too";
    case kSubjectNoCountry: return "the subject has no country";
    case kSubjectNoOrganization: return "the subject has no organization";
    case kSubjectNoShaken: return "the subject's common name lacks SHAKEN";
    case kSubjectSpcDiffers: return "the subject's common name does not hold the service provider code";
    case kSubjectNoSerialNumber: return "the subject has no serialNumber";
    case kNoCrlDistributionPoint: return "the certificate names no revocation list";
    case kOtherCrlIssuer: return "the certificate's revocation list is not by the policy administrator";
    case kAuthorityHasTnList: return "an authority of the path has a TNAuthList";
    case kExtraBlocks: return "the file holds blocks that can't be read";
  }
  return "";
}

}  // namespace voip::crypto
