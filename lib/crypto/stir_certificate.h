#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/crl.h"
#include "crypto/ecdsa.h"
#include "crypto/stir_extensions.h"
#include "crypto/x509.h"

namespace voip::crypto {

enum class StirOutcome : std::uint8_t { kPass, kFail, kWarn, kSkip };  // kSkip: does not apply, or can't be known

// What is wrong with a certificate, its path or its standing.
enum class StirDefect : std::uint8_t {
  // certificate (STIR-024, 025, 032)
  kNoCertificate,  // the file holds none that can be read
  kMalformedCertificate,
  kNotVersion3,
  kKeyNotP256,
  kSignatureNotEcdsaSha256,
  kLeafIsAuthority,
  kKeyUsageMissing,
  kNoDigitalSignature,
  kAuthorityKeyNotP256,  // of the path's other certificates
  kAuthoritySignatureNotEcdsaSha256,
  // chain (STIR-026, 032)
  kNoRoots,             // none were given: skip
  kIssuerNotFound,      // neither in the file nor among the roots
  kUntrustedRoot,       // ends at a self-issued certificate that is not among the roots
  kBadPathSignature,    // names fit, the signature does not
  kKeyIdMismatch,       // names fit, the key identifiers do not
  kIssuerNotAuthority,  // cA is not set
  kIssuerMayNotSign,    // keyUsage without keyCertSign
  kPathTooLong,         // pathLenConstraint
  kNameConstraint,
  kUnknownCritical,
  kMalformedAuthority,
  kPathRefused,  // OpenSSL objects to the whole path (policies and the like)
  kSearchLimit,  // gave up looking: too many certificates of one name
  // validity (STIR-018, 027)
  kNotYetValidAtIat,
  kExpiredAtIat,
  kNotYetValidAtCall,
  kExpiredAtCall,
  // tnauthlist (STIR-028, 034)
  kTnListMissing,
  kTnListMalformed,
  kTnListByReference,  // skip
  kNumberNotCovered,
  kNoNumber,  // the list names numbers and there is none to look up: skip
  kNotEncompassed,
  kParentTnListMalformed,
  kParentTnListByReference,  // skip
  // constraints (STIR-034)
  kConstraintBroken,
  kConstraintsMalformed,
  // policy (STIR-029)
  kPolicyMissing,
  kPolicyUnknown,
  kPolicyRetired,
  kPolicyCritical,
  // revocation (STIR-031)
  kRevoked,
  kNoCrl,
  kCrlNotCurrent,     // nextUpdate has passed at the time of judgement, or there is none
  kCrlNotYetCurrent,  // thisUpdate comes later
  kCrlSignerUnknown,  // no certificate of its issuer among those given
  kCrlSignerInvalid,  // not trusted, no cRLSign, or out of its own validity
  kCrlBadSignature,
  kCrlNotCovering,       // of another issuer or kind of certificate
  kCrlUnusable,          // critical extensions unknown, a delta, damaged
  kListedInUnusableCrl,  // would be revoked if that list counted
  // notes: told, never a verdict (STIR-028, 030, 032)
  kKeyUsageNotCritical,
  kNotOneSpc,
  kSpcNotOcn,  // not four upper-case letters and digits
  kNumbersBesideSpc,
  kSubjectNoCountry,
  kSubjectNoOrganization,
  kSubjectNoShaken,    // the CN lacks SHAKEN
  kSubjectSpcDiffers,  // the CN names another code than the TNAuthList, or none
  kSubjectNoSerialNumber,
  kNoCrlDistributionPoint,
  kOtherCrlIssuer,      // its revocation list is by somebody else than those that are trusted with lists
  kAuthorityHasTnList,  // above a provider's certificate; above a delegate's it belongs there (RFC 9060)
  kExtraBlocks,         // the file holds things that can't be read
};
const char* to_string(StirDefect defect);  // in words: "the key is not on P-256"

struct StirProblem {
  StirDefect defect{};
  std::size_t position = 0;  // in the path; 0 is the leaf
  std::string detail{};      // values: "P-384", "2.5.29.99", "2025-01-01T00:00:00Z"; may be empty
};

struct StirCheck {
  StirOutcome outcome = StirOutcome::kSkip;
  std::vector<StirProblem> problems;  // why it is not a pass

  void add(StirOutcome at_least, StirProblem problem);
};

// What is asked about one token.
struct StirQuestion {
  std::optional<std::int64_t> iat;  // seconds since 1970; empty when the token has none
  std::optional<std::int64_t> at;   // the call's time, or that of --at
  std::string_view number{};  // whose authority is claimed (orig.tn; div.tn of a div PASSporT), canonical; may be empty
  const ClaimLookup* claims = nullptr;  // null: constraints that exist can't be judged
};

struct StirJudgement {
  const X509Facts* leaf = nullptr;     // null when the file holds no certificate
  std::vector<const X509Facts*> path;  // leaf first; ends with the root when complete
  bool complete = false;               // up to a given root
  bool delegate = false;               // under a certificate with a TNAuthList (RFC 9060)
  StirCheck certificate;
  StirCheck chain;
  StirCheck validity;
  StirCheck tnauthlist;
  StirCheck constraints;
  StirCheck policy;
  StirCheck revocation;
  StirCheck notes;           // outcome kWarn when there are any
  const Crl* crl = nullptr;  // the one that decided
  std::optional<Revoked> revoked;
};

struct StirOptions {
  bool allow_p384_authorities = false;  // roots and intermediates on P-384, signing with SHA-256 or SHA-384
};

// The certificates, roots and revocation lists of a run. Paths are searched and their signatures verified once for each
// file, at its first question; a question then costs a few comparisons. Give roots and lists first: what comes later is
// taken into account by searching again. The times of a question never are the machine's. Belongs to one thread.
class StirCertificates {
 public:
  using FileId = std::uint32_t;
  static constexpr FileId kNoFile = ~FileId{0};

  explicit StirCertificates(StirOptions options = {});
  ~StirCertificates();
  StirCertificates(const StirCertificates&) = delete;
  StirCertificates& operator=(const StirCertificates&) = delete;

  struct Added {
    std::size_t used = 0;
    std::size_t ignored = 0;  // not readable, no authority (roots), or beyond a cap
  };
  // Any number of files each. Roots: STI-CA roots (any CA certificate given here is an end of paths).
  Added add_roots(ByteView file);
  // The STI-PA's CRL signer, or the root above it.
  Added add_crl_trust(ByteView file);
  // Lists, and certificates of their signers.
  Added add_crls(ByteView file);
  // What an x5u leads to. The same bytes get the same id. kNoFile when there are too many (65,536).
  FileId add_file(ByteView file);

  bool has_roots() const;
  std::vector<const Crl*> crls() const;
  // The end-entity certificate of a file, null when there is none: the first unless that is an authority and another
  // is not.
  const X509Facts* leaf(FileId file) const;
  std::vector<const X509Facts*> certificates(FileId file) const;

  Es256 verify(FileId file, ByteView message, ByteView signature) const;
  StirJudgement judge(FileId file, const StirQuestion& question);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace voip::crypto
