#include "analyze/stir/record.h"

#include <algorithm>

namespace voip::analyze::stir {

namespace {

// A warning is all that these can lead to.
constexpr bool optional_check(Check check) { return check == Check::kPolicy || check == Check::kReplay; }
// Only a fail of these decides anything.
constexpr bool may_be_unknown(Check check) { return optional_check(check) || check == Check::kRevocation; }

}  // namespace

std::string_view to_string(Check check) {
  switch (check) {
    case Check::kSyntax: return "syntax";
    case Check::kPpt: return "ppt";
    case Check::kClaims: return "claims";
    case Check::kAlgorithm: return "algorithm";
    case Check::kInfo: return "info";
    case Check::kCertificate: return "certificate";
    case Check::kSignature: return "signature";
    case Check::kChain: return "chain";
    case Check::kValidity: return "validity";
    case Check::kTnAuthList: return "tnauthlist";
    case Check::kConstraints: return "constraints";
    case Check::kPolicy: return "policy";
    case Check::kRevocation: return "revocation";
    case Check::kFreshness: return "freshness";
    case Check::kOrig: return "orig";
    case Check::kDest: return "dest";
    case Check::kAttest: return "attest";
    case Check::kOrigid: return "origid";
    case Check::kDiv: return "div";
    case Check::kRcd: return "rcd";
    case Check::kRph: return "rph";
    case Check::kMky: return "mky";
    case Check::kReplay: return "replay";
  }
  return "?";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass: return "pass";
    case Outcome::kWarn: return "warn";
    case Outcome::kFail: return "fail";
    case Outcome::kNotApplicable:
    case Outcome::kUnknown: break;
  }
  return "skip";
}

std::string_view to_string(CallVerdict verdict) {
  switch (verdict) {
    case CallVerdict::kUnsigned: return "unsigned";
    case CallVerdict::kUnverifiable: return "unverifiable";
    case CallVerdict::kValid: return "valid";
    case CallVerdict::kInvalid: return "invalid";
  }
  return "?";
}

void IdentityRecord::set(Check check, Outcome outcome, std::string why) {
  // What is not known is not made good by a part that passes.
  constexpr auto rank = [](Outcome of) {
    switch (of) {
      case Outcome::kNotApplicable: return 0;
      case Outcome::kPass: return 1;
      case Outcome::kWarn: return 2;
      case Outcome::kUnknown: return 3;
      case Outcome::kFail: break;
    }
    return 4;
  };
  CheckState& state = (*this)[check];
  if (rank(outcome) < rank(state.outcome)) return;
  if (outcome != state.outcome) {
    state.outcome = outcome;
    state.why = std::move(why);
  } else if (!why.empty() && state.why.size() < 400) {
    if (!state.why.empty()) state.why += "; ";
    state.why += why;
  }
}

CallVerdict verdict_of(const IdentityRecord& identity) {
  bool unknown = false;
  for (std::size_t i = 0; i < kCheckCount; ++i) {
    const Check check = static_cast<Check>(i);
    if (identity[check].outcome == Outcome::kFail && !optional_check(check)) return CallVerdict::kInvalid;
    if (identity[check].outcome == Outcome::kUnknown && !may_be_unknown(check)) unknown = true;
  }
  // What makes a token proof at all must have been seen to hold, whatever the list above says.
  for (const Check check : {Check::kSyntax, Check::kPpt, Check::kClaims, Check::kAlgorithm, Check::kInfo,
                            Check::kCertificate, Check::kSignature, Check::kChain, Check::kValidity, Check::kTnAuthList,
                            Check::kFreshness, Check::kOrig, Check::kDest}) {
    unknown |= !identity.passes(check);
  }
  return unknown ? CallVerdict::kUnverifiable : CallVerdict::kValid;
}

std::optional<Check> IdentityRecord::decisive() const {
  // The order in which a verifier would have stumbled, the certificate's own standing before what it signs.
  constexpr std::array kOrder{
      Check::kSyntax,    Check::kPpt,   Check::kAlgorithm,  Check::kClaims,   Check::kInfo,       Check::kCertificate,
      Check::kSignature, Check::kChain, Check::kRevocation, Check::kValidity, Check::kTnAuthList, Check::kConstraints,
      Check::kFreshness, Check::kOrig,  Check::kDest,       Check::kAttest,   Check::kOrigid,     Check::kDiv,
      Check::kRcd,       Check::kRph,   Check::kMky};
  if (verdict == CallVerdict::kValid) return std::nullopt;
  const Outcome wanted = verdict == CallVerdict::kInvalid ? Outcome::kFail : Outcome::kUnknown;
  // With it most of what is open would be known.
  if (wanted == Outcome::kUnknown && certificate_missing && ppt_known) return Check::kCertificate;
  for (const Check check : kOrder) {
    if ((*this)[check].outcome == wanted && !(wanted == Outcome::kUnknown && may_be_unknown(check))) return check;
  }
  return std::nullopt;
}

std::string_view CallRecord::attestation() const {
  for (const IdentityRecord& identity : identities) {
    if (identity.verdict == CallVerdict::kValid && identity.ppt == "shaken") return identity.attest;
  }
  return {};
}

void CallRecord::settle() {
  verdict = head_cut && identities.empty() ? CallVerdict::kUnverifiable : CallVerdict::kUnsigned;
  // The enumeration is in the order of precedence.
  for (const IdentityRecord& identity : identities) verdict = std::max(verdict, identity.verdict);
}

}  // namespace voip::analyze::stir
