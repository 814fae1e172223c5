#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "base/hash.h"
#include "crypto/x509.h"
#include "proto/passport/passport.h"
#include "report/rule.h"

namespace voip::analyze::stir {

// The named checks of the report, in its order.
enum class Check : std::uint8_t {
  kSyntax,
  kPpt,
  kClaims,
  kAlgorithm,
  kInfo,
  kCertificate,
  kSignature,
  kChain,
  kValidity,
  kTnAuthList,
  kConstraints,
  kPolicy,
  kRevocation,
  kFreshness,
  kOrig,
  kDest,
  kAttest,
  kOrigid,
  kDiv,
  kRcd,
  kRph,
  kMky,
  kReplay,
};
inline constexpr std::size_t kCheckCount = static_cast<std::size_t>(Check::kReplay) + 1;
std::string_view to_string(Check check);  // "tnauthlist"

// kNotApplicable and kUnknown are both "skip" in reports; only the second makes a header unverifiable.
enum class Outcome : std::uint8_t { kNotApplicable, kUnknown, kPass, kWarn, kFail };
std::string_view to_string(Outcome outcome);  // "pass", "fail", "warn", "skip"

enum class CallVerdict : std::uint8_t { kUnsigned, kUnverifiable, kValid, kInvalid };
std::string_view to_string(CallVerdict verdict);

struct CheckState {
  Outcome outcome = Outcome::kNotApplicable;
  std::string why;  // in words, of all but a pass; untrusted values may be in it
};

// Something for the findings list.
struct Note {
  const report::Rule* rule = nullptr;
  std::string text;
  std::optional<report::Severity> severity{};  // else the rule's
  report::Confidence confidence = report::Confidence::kCertain;
};

// One PASSporT and what was made of it.
struct IdentityRecord {
  passport::Form form = passport::Form::kBroken;
  std::string method;
  FrameRef frame;
  std::string ppt;
  bool ppt_known = true;
  std::string alg;
  std::string attest;
  std::string origid;
  std::optional<std::int64_t> iat;
  std::optional<double> iat_fraction;  // set when iat is no whole number
  passport::Party orig;
  std::vector<passport::Party> dest;
  passport::Party div;
  std::string signer_number;  // orig.tn in canonical form
  std::string x5u;
  std::vector<std::string> more_urls;              // x5u of PASSporTs in opt
  bool certificate_missing = false;                // there is no local copy of what x5u leads to
  const crypto::X509Facts* certificate = nullptr;  // lives as long as the store's certificates
  CallVerdict verdict = CallVerdict::kUnverifiable;
  std::array<CheckState, kCheckCount> checks{};
  TextKey token;    // of the token alone
  TextKey signing;  // of what was signed and of r: what a replay repeats, as anybody may turn s into its negative
  TextKey key;      // of token and parameters: what makes it the same header
  std::vector<Note> notes;  // until they have become findings

  CheckState& operator[](Check check) { return checks[static_cast<std::size_t>(check)]; }
  const CheckState& operator[](Check check) const { return checks[static_cast<std::size_t>(check)]; }
  // The worst word wins: a fail is never softened.
  void set(Check check, Outcome outcome, std::string why = {});
  bool passes(Check check) const {
    return (*this)[check].outcome == Outcome::kPass || (*this)[check].outcome == Outcome::kWarn;
  }
  // The first check that explains the verdict; empty for valid ones.
  std::optional<Check> decisive() const;
};

struct ResponseRecord {
  unsigned code = 0;
  std::string reason;  // the Reason header field, else the reason phrase
  bool has_reason_header = false;
  bool to_unsigned = false;  // answers a request that had no Identity, though a later one has
  FrameRef frame;
};

struct CallRecord {
  std::optional<std::string> call_id;  // empty for a bare token
  FrameRef frame;
  std::string method;
  std::string from;
  std::string to;
  std::string from_number;
  std::string to_number;
  TextKey target;          // of the Request-URI of its first request
  std::uint32_t cseq = 0;  // of its first request
  Endpoint src;
  Endpoint dst;
  std::string verstat;
  std::string attestation_info;
  CallVerdict verdict = CallVerdict::kUnsigned;
  std::vector<ResponseRecord> responses;
  std::vector<IdentityRecord> identities;
  std::vector<std::pair<Endpoint, Endpoint>> hops;  // on which its requests went; capped
  std::vector<TextKey> links;                       // what ties it to other calls (session identifiers and the like)
  unsigned final_status = 0;
  Timestamp ended;
  bool emergency = false;
  bool in_dialog = false;
  bool head_cut = false;
  bool private_caller = false;
  bool subscriber = false;  // between a provider and its customer: one end registered, or was asked for a password
  bool onward_leg = false;  // of a call that is listed already: it carries the same token
  std::optional<std::uint32_t> unsigned_try{};  // CSeq of the last INVITE or MESSAGE without Identity
  bool lost_identity = false;                   // a later hop of the same call lacks what the first had

  std::string_view attestation() const;  // of a valid shaken PASSporT, else empty
  void settle();                         // verdict from the identities
};

// A header's verdict from its checks.
CallVerdict verdict_of(const IdentityRecord& identity);

}  // namespace voip::analyze::stir
