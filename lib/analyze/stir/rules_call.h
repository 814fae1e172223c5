#pragma once

#include <array>

#include "report/rule.h"

namespace voip::analyze::stir::rules {

using report::Rule;
using report::Severity;

// STIR-035 to STIR-057: extensions, and what several calls show.

inline constexpr Rule kDivChain{
    .id = "STIR-035",
    .name = "div-chain-broken",
    .severity = Severity::kHigh,
    .title = "Broken diversion chain",
    .trigger =
        "div of a PASSporT is not among the dest of the one before, orig changes along the chain, iat "
        "decreases, the last dest is not the Request-URI, or the PASSporT in opt is not in order.",
    .rationale = "A chain with a missing link lets anybody hang a genuine token on another call.",
    .remedy = "Sign a div PASSporT at each retarget, with the certificate for the diverting number.",
    .reference = "RFC 8946 sections 3 to 5; ATIS-1000085",
};

inline constexpr Rule kDivAlone{
    .id = "STIR-036",
    .name = "div-without-original",
    .severity = Severity::kMedium,
    .title = "div without its original PASSporT",
    .trigger = "A div PASSporT stands in a request without any that is none, and has no opt.",
    .rationale = "It proves who diverted the call, not who made it.",
    .remedy = "Keep the PASSporT that came in when forwarding.",
    .reference = "RFC 8946 section 4.1",
};

inline constexpr Rule kRetargetNoDiv{
    .id = "STIR-037",
    .name = "retargeted-without-div",
    .severity = Severity::kMedium,
    .title = "Retargeted call without div",
    .trigger =
        "History-Info or Diversion shows retargeting, an Identity is there whose dest is not the Request-URI, "
        "and no div PASSporT.",
    .rationale = "The verifier at the target sees a number that the token was not made for.",
    .remedy = "Enable div signing on the platform that forwards.",
    .reference = "RFC 8946 section 1; ATIS-1000085",
};

inline constexpr Rule kRcd{
    .id = "STIR-038",
    .name = "rcd-inconsistent",
    .severity = Severity::kMedium,
    .title = "Rich call data not consistent",
    .trigger =
        "rcd lacks nam, icn or jcl have no digest in rcdi or are not https, or a digest does not match. High "
        "when the name shown differs from the signed one. Not for crn alone.",
    .rationale = "What the called party is shown is not what was vouched for.",
    .remedy = "Compute rcdi with SHA-256 or better over the exact bytes.",
    .reference = "RFC 9795; RFC 9796",
};

inline constexpr Rule kRph{
    .id = "STIR-039",
    .name = "resource-priority-mismatch",
    .severity = Severity::kHigh,
    .title = "Resource priority assertion mismatch",
    .trigger =
        "auth of an rph PASSporT and Resource-Priority differ in ets, wps or esnet, or Resource-Priority has "
        "such values while the signed call has no rph PASSporT.",
    .rationale = "Priority that nobody vouched for can be abused to push others aside.",
    .remedy = "Strip unsigned Resource-Priority from peers that are not trusted.",
    .reference = "RFC 8443 sections 3 and 4; RFC 4412; RFC 9027",
};

inline constexpr Rule kSph{
    .id = "STIR-040",
    .name = "emergency-priority-claim",
    .severity = Severity::kMedium,
    .title = "Emergency and call-back priority claims",
    .trigger =
        "sph differs from Priority, or esnet priority is signed for on a call that is neither an emergency "
        "call nor a call-back. Not for the test number 933.",
    .rationale = "Emergency priority outside emergencies takes lines from those in need.",
    .remedy = "Let only trunks of emergency centres sign such claims.",
    .reference = "RFC 9027",
};

inline constexpr Rule kMky{
    .id = "STIR-041",
    .name = "media-key-mismatch",
    .severity = Severity::kCritical,
    .title = "Media key claim mismatch",
    .trigger = "mky is there and its set of digests is not that of a=fingerprint in the SDP.",
    .rationale = "The fingerprint was changed after signing: the sign of somebody in the middle of the media.",
    .remedy = "Do not alter SDP after signing, or sign after the SBC.",
    .reference = "RFC 8225 section 5.2.2; RFC 8862",
};

inline constexpr Rule kReplay{
    .id = "STIR-042",
    .name = "token-replayed",
    .severity = Severity::kCritical,
    .title = "Token replayed on another call",
    .trigger =
        "The same token stands on two Call-IDs that are not legs of one call, or somebody else sends the whole request "
        "again after its time. Not for retransmissions, forks, legs through a B2BUA, "
        "the next target of a hunt after a refusal, and retries within 10 s of a 5xx.",
    .rationale = "Somebody recorded a genuine token and used it for a call of his own.",
    .remedy = "Keep a cache of signatures over the freshness window; strip Identity of customers at the SBC.",
    .reference = "RFC 8224 section 12.1; RFC 8225 section 10",
};

inline constexpr Rule kOrigidUse{
    .id = "STIR-043",
    .name = "origid-usage",
    .severity = Severity::kInfo,
    .title = "origid usage statistics",
    .trigger =
        "100 or more valid calls of one service provider code: how many origids it uses. Medium when one "
        "stands for over 95 % of the calls of 50 or more callers, or each call has its own.",
    .rationale = "An origid that says nothing does not help traceback.",
    .remedy = "One origid for each customer, trunk or region.",
    .reference = "RFC 8588 section 5; ATIS-1000074",
};

inline constexpr Rule kUnusableNumber{
    .id = "STIR-044",
    .name = "attestation-a-for-unusable-number",
    .severity = Severity::kHigh,
    .title = "Full attestation for an unusable number",
    .trigger =
        "attest is A and orig is a North American number that can't exist (area code or exchange beginning "
        "with 0 or 1, service codes, too short or too long), has a country code that is not assigned, is no number at "
        "all, an emergency code, or on the list that --dno names.",
    .rationale = "A asserts that the caller has the right to use the number; nobody has one to such a number.",
    .remedy = "Check numbers before signing.",
    .reference = "ATIS-1000074 section 5.2.3; 47 CFR 64.1200(k)(1)",
};

inline constexpr Rule kImplausible{
    .id = "STIR-045",
    .name = "attestation-implausible",
    .severity = Severity::kMedium,
    .title = "Implausible attestation level",
    .trigger =
        "A for a number that is not among those of its trunk, or C for one that is (the policy's [[trunk]] with "
        "numbers). Only possible: 200 or more calls of one signer from several hosts all carry the same level.",
    .rationale = "An attestation that is a default and no knowledge deceives the called party.",
    .remedy = "Attest from what is known of the customer; asterisk: unknown_tn_attest_level.",
    .reference = "ATIS-1000074 section 5.2.3; ATIS-1000088",
};

inline constexpr Rule kAttestProfile{
    .id = "STIR-046",
    .name = "attestation-profile",
    .severity = Severity::kInfo,
    .title = "Attestation profile by signer",
    .trigger =
        "50 or more signed calls of one service provider code: shares of A, B and C and of failures. Low when "
        "C is more than half, or the share of A rises by 30 points from one day to the next.",
    .rationale = "Input to analytics, and to notices upstream.",
    .remedy = "Ask the provider why calls of its own customers get C.",
    .reference = "47 CFR 64.1200(n)",
};

inline constexpr Rule kManySigners{
    .id = "STIR-047",
    .name = "number-signed-by-many",
    .severity = Severity::kMedium,
    .title = "One calling number signed by many providers",
    .trigger =
        "The same orig is signed by two or more service provider codes within 24 h. High with three or more "
        "and attestation A. Not for numbers of a [[trunk]] of the policy whose spc lists all of these codes: "
        "customers of several providers, numbers on the day they are ported.",
    .rationale = "A number has one provider: several mean a spoofed number with a signature.",
    .remedy = "Ask for a traceback; check who the number belongs to.",
    .reference = "ATIS-1000074; 47 CFR 64.1200(n)(1)",
};

inline constexpr Rule kUnsignedShare{
    .id = "STIR-048",
    .name = "unsigned-share",
    .severity = Severity::kInfo,
    .title = "Share of unsigned and failed calls by trunk",
    .trigger =
        "50 or more calls from one trunk of the policy, else from one host: how many were unsigned and how many "
        "failed. Medium above stir.max_unsigned_pct (20) unsigned, but not for a trunk with tdm and for customers; "
        "high above 50 % "
        "failed.",
    .rationale = "Tells a remainder of old trunks from a broken signer.",
    .remedy = "Raise it with the peer.",
    .reference = "47 CFR 64.6302, 64.6303 and 64.6305",
};

inline constexpr Rule kVerstat{
    .id = "STIR-049",
    .name = "verstat-wrong",
    .severity = Severity::kMedium,
    .title = "verstat from an untrusted source, or wrong",
    .trigger =
        "verstat says TN-Validation-Passed (or Attestation-Info is there) while the PASSporT of the call does "
        "not verify. High when verstat comes from a host that the policy's trust.peers does not have, where "
        "that list is given. A call without Identity is not assessable: verifiers take it out.",
    .rationale = "The phone shows a check mark that nothing supports.",
    .remedy = "Strip verstat at the border and build it anew. kamailio: subst_uri or remove_hf.",
    .reference = "3GPP TS 24.229 section 7.2A.20; ATIS-1000074 section 5.3",
};

inline constexpr Rule kFailurePolicy{
    .id = "STIR-050",
    .name = "failed-call-passed-as-verified",
    .severity = Severity::kInfo,
    .title = "Failure handling policy",
    .trigger =
        "An invalid call was answered with 2xx (medium when verstat says that it passed) or refused because "
        "of its Identity. Not when verstat says failed or a Reason header was sent.",
    .rationale = "Shows what the verifier does with calls that fail.",
    .remedy = "asterisk: failure_action=continue_return_reason, use_rfc9410_responses.",
    .reference = "RFC 8224 section 6.2.2; RFC 9410",
};

inline constexpr Rule kWrongCode{
    .id = "STIR-051",
    .name = "error-code-mismatch",
    .severity = Severity::kLow,
    .title = "Error code does not match the defect",
    .trigger =
        "A verifier answered 403, 428, 436, 437 or 438 (in the status or a Reason header) while the defect "
        "seen here is of another class. Not where the certificate can't be judged.",
    .rationale = "Misleads the far end in finding its fault.",
    .remedy = "Map the codes as RFC 8224 says.",
    .reference = "RFC 8224 section 6.2.2; RFC 9410",
};

inline constexpr Rule kIdentityLost{
    .id = "STIR-052",
    .name = "identity-lost",
    .severity = Severity::kHigh,
    .title = "Identity removed or altered in transit",
    .trigger =
        "Of two legs of one call (one Call-ID, or tied by an identifier), the one that came in carries an "
        "Identity and the one that goes out to a public address lacks it or has other bytes. Not towards a device that "
        "registered.",
    .rationale = "Providers must pass it on unaltered.",
    .remedy = "SBC header allow list; kamailio: no remove_hf(\"Identity\"); asterisk: sign again or carry it over.",
    .reference = "47 CFR 64.6302(b); RFC 8224 section 6",
};

inline constexpr Rule kTooLarge{
    .id = "STIR-053",
    .name = "message-too-large",
    .severity = Severity::kMedium,
    .title = "Message too large for UDP, or cut",
    .trigger =
        "A request with Identity is larger than 1,300 bytes over UDP, or the capture ends inside the Identity "
        "header. Not over TCP or TLS.",
    .rationale =
        "Large datagrams are fragmented, and fragments get lost: the call fails or arrives without its "
        "Identity.",
    .remedy = "Use TCP or TLS on trunks.",
    .reference = "RFC 3261 section 18.1.1",
};

inline constexpr Rule kAnonymous{
    .id = "STIR-054",
    .name = "anonymous-call-signed",
    .severity = Severity::kInfo,
    .title = "Anonymous call with a signed number",
    .trigger =
        "The caller asks for privacy (Privacy header or anonymous From) and the PASSporT holds the number. "
        "High when it is sent to a host that the policy's trust.peers does not have, where that list is "
        "given.",
    .rationale = "Who reads the token learns the number that the caller wanted hidden.",
    .remedy = "Remove P-Asserted-Identity and Identity towards targets that are not trusted.",
    .reference = "RFC 8224 section 11; RFC 3323; RFC 3325",
};

inline constexpr Rule kUriNumber{
    .id = "STIR-055",
    .name = "uri-identity-is-number",
    .severity = Severity::kInfo,
    .title = "URI identity that is a number",
    .trigger = "orig or dest is a uri whose user part is a telephone number.",
    .rationale = "Verifiers compare it as a URI, host and all, and refuse calls that a tn would pass.",
    .remedy = "Use tn for telephone numbers.",
    .reference = "RFC 8224 section 8; RFC 8225 section 5.2.1",
};

inline constexpr Rule kTestCertificate{
    .id = "STIR-056",
    .name = "test-certificate",
    .severity = Severity::kHigh,
    .title = "Test or demonstration certificate",
    .trigger =
        "The certificate is published at a host for examples, tests or staging, or its issuer's name contains "
        "the word test. Not with stir.relax_x5u in the policy.",
    .rationale = "Test authorities check nobody.",
    .remedy = "Install the production certificate.",
    .reference = "ATIS-1000080; RFC 2606",
};

inline constexpr Rule kSummary{
    .id = "STIR-057",
    .name = "verification-summary",
    .severity = Severity::kInfo,
    .title = "Verification summary",
    .trigger =
        "Always, when there was a call: shares signed, valid, failed, median age of tokens, clock offset, "
        "ends of certificates.",
    .rationale = "The posture in one line.",
    .remedy = "Keep it as a baseline.",
    .reference = "ATIS-1000074",
};

inline constexpr std::array<const Rule*, 23> kCallRules{&kDivChain,      &kDivAlone,
                                                        &kRetargetNoDiv, &kRcd,
                                                        &kRph,           &kSph,
                                                        &kMky,           &kReplay,
                                                        &kOrigidUse,     &kUnusableNumber,
                                                        &kImplausible,   &kAttestProfile,
                                                        &kManySigners,   &kUnsignedShare,
                                                        &kVerstat,       &kFailurePolicy,
                                                        &kWrongCode,     &kIdentityLost,
                                                        &kTooLarge,      &kAnonymous,
                                                        &kUriNumber,     &kTestCertificate,
                                                        &kSummary};

}  // namespace voip::analyze::stir::rules
