#pragma once

#include <array>

#include "report/rule.h"

namespace voip::analyze::stir::rules {

using report::Rule;
using report::Severity;

// STIR-001 to STIR-023: the header field and the token.

inline constexpr Rule kNoIdentity{
    .id = "STIR-001",
    .name = "unsigned-call",
    .severity = Severity::kMedium,
    .title = "Call between providers without Identity",
    .trigger =
        "Calls with telephone numbers on both sides cross between two public addresses, or a peer that the "
        "policy names, without an Identity header; one finding for each pair of hosts, info for a single call. Not "
        "for calls without a number of North America or France, where calls are signed, not for emergency calls, "
        "requests inside a dialog, hosts of the site's own networks, trunks with tdm, and customers: hosts that "
        "registered or were asked for a password. Only possible where nothing shows that the link is one between "
        "providers.",
    .rationale =
        "An unsigned call can't be traced to who let it into the network, and displays that rely on "
        "verification treat it as unknown.",
    .remedy =
        "Sign at the originating edge. kamailio: stirshaken_add_identity() or secsipid_add_identity(); "
        "asterisk: stir_shaken=yes or stir_shaken_profile on the endpoint.",
    .reference = "47 CFR 64.6301(a); ATIS-1000074; RFC 8224 section 6.1",
};

inline constexpr Rule kSeveralIdentities{
    .id = "STIR-002",
    .name = "several-identities",
    .severity = Severity::kInfo,
    .title = "Several Identity headers",
    .trigger =
        "A request carries more than one PASSporT, other than one shaken beside div, rcd or rph. High when "
        "two shaken tokens disagree on orig or attest.",
    .rationale =
        "Verifiers differ in which of them they look at: one that disagrees with the others gets past some of "
        "them.",
    .remedy = "Remove foreign tokens where the call is signed, and judge each type by itself.",
    .reference = "RFC 8224 section 4; RFC 9410 section 3",
};

inline constexpr Rule kBadSyntax{
    .id = "STIR-003",
    .name = "identity-malformed",
    .severity = Severity::kHigh,
    .title = "Identity header syntax invalid",
    .trigger =
        "The token does not have three parts, a part is not base64url without padding or not one JSON object, "
        "a key stands twice, info is not in angle brackets, or the header is folded inside the token. Not for "
        "unknown parameters.",
    .rationale = "Strict verifiers refuse the call with 438; lenient ones may each read something else in it.",
    .remedy =
        "Upgrade the signer, and look for header rewriting on the way (SBC header manipulation, line "
        "folding).",
    .reference = "RFC 8224 section 4; RFC 7515 section 2; RFC 8725 section 2.4",
};

inline constexpr Rule kCompactExtension{
    .id = "STIR-004",
    .name = "compact-form-with-extension",
    .severity = Severity::kHigh,
    .title = "Compact form used with a PASSporT extension",
    .trigger = "The token begins with two dots while a ppt is given. Not for compact PASSporTs without ppt.",
    .rationale =
        "The claims of the extension are not in the compact form, so nobody can check what was signed; SHAKEN "
        "demands the full form.",
    .remedy = "Sign in full form.",
    .reference = "RFC 8225 section 7; RFC 8588 section 4",
};

inline constexpr Rule kInfoMismatch{
    .id = "STIR-005",
    .name = "info-x5u-mismatch",
    .severity = Severity::kHigh,
    .title = "info and x5u differ or are missing",
    .trigger =
        "There is no info parameter, no x5u, or the two differ (scheme and host compared without regard to "
        "case). In the compact form only info counts.",
    .rationale =
        "Verifiers fetch the certificate from one or the other: they may judge the same call by two different "
        "certificates.",
    .remedy = "Correct the signer: both come from the same setting.",
    .reference = "RFC 8224 sections 4 and 6.2; RFC 8225 section 4.3",
};

inline constexpr Rule kAlgorithm{
    .id = "STIR-006",
    .name = "algorithm-not-es256",
    .severity = Severity::kHigh,
    .title = "Algorithm is not ES256",
    .trigger =
        "alg of the token is missing or another one (none included), or the alg parameter names another one. "
        "A missing alg parameter is in order.",
    .rationale = "An algorithm that the token chooses lets an attacker choose how he is checked.",
    .remedy = "Use P-256 keys and ES256 only, and configure verifiers to accept nothing else.",
    .reference = "RFC 8225 section 4.2; RFC 8588 section 4; RFC 8725 section 3.1",
};

inline constexpr Rule kPptMismatch{
    .id = "STIR-007",
    .name = "ppt-inconsistent",
    .severity = Severity::kHigh,
    .title = "ppt missing or inconsistent",
    .trigger =
        "ppt of parameter and token differ, the token lacks the one that the parameter has, or attest and "
        "origid appear without ppt shaken. Low when only the parameter is missing. Quotes do not matter.",
    .rationale = "A verifier that goes by the parameter applies other rules than the signer meant.",
    .remedy = "Correct the signer; asterisk and kamailio write both by themselves.",
    .reference = "RFC 8224 section 4; RFC 8225 section 8.1; RFC 8588 section 4",
};

inline constexpr Rule kTyp{
    .id = "STIR-008",
    .name = "typ-not-passport",
    .severity = Severity::kHigh,
    .title = "typ is not passport",
    .trigger = "typ of the token is missing or not passport. Low when only the case differs.",
    .rationale = "Another kind of JSON web token made with the same key could be passed off as a PASSporT.",
    .remedy = "Correct the signer.",
    .reference = "RFC 8225 section 4.1; RFC 8725 section 3.11",
};

inline constexpr Rule kBadX5u{
    .id = "STIR-009",
    .name = "x5u-not-acceptable",
    .severity = Severity::kHigh,
    .title = "Certificate URL not acceptable",
    .trigger =
        "x5u (info in the compact form) is not https, has another port than 443 or 8443, a user part, query, "
        "fragment or path parameter, or a host that is no public one. Low for another ending than .pem, .crt "
        "or .cer. Not with stir.relax_x5u in the policy.",
    .rationale = "Verifiers refuse it; one that does not can be made to send requests to hosts inside its own network.",
    .remedy = "Publish the certificate on a public https host; keep relax_x5u settings off (asterisk).",
    .reference = "ATIS-1000074 section 5.3.1; RFC 8225 section 4.3; RFC 6890",
};

inline constexpr Rule kUnsupportedOnly{
    .id = "STIR-010",
    .name = "unsupported-passports-only",
    .severity = Severity::kLow,
    .title = "Only unsupported PASSporT types",
    .trigger = "Every PASSporT of a request has an unknown ppt.",
    .rationale = "The call is as good as unsigned for everybody who does not know the extension.",
    .remedy = "Add a shaken or base PASSporT, or treat the call as unsigned.",
    .reference = "RFC 8224 section 6.2 step 1",
};

inline constexpr Rule kNotCanonical{
    .id = "STIR-011",
    .name = "not-canonical",
    .severity = Severity::kLow,
    .title = "Token not in canonical serialisation",
    .trigger =
        "The JSON of the token holds blanks, keys out of order or needless escapes. Never a reason to refuse: "
        "the signature is over the bytes as sent.",
    .rationale = "Verifiers that serialise the token again before they check it will refuse it.",
    .remedy = "Correct the signer.",
    .reference = "RFC 8225 section 9",
};

inline constexpr Rule kClaimMissing{
    .id = "STIR-012",
    .name = "claim-missing",
    .severity = Severity::kHigh,
    .title = "Mandatory claim missing or of the wrong type",
    .trigger =
        "iat, orig or dest is missing or of another type than RFC 8225 says, dest is empty, orig is not "
        "exactly one tn or uri, or a claim that the extension demands is missing (attest and origid for "
        "shaken, div, rcd, rph). Low when iat is a fraction.",
    .rationale = "Without them the token says nothing about this call.",
    .remedy = "Correct the signer.",
    .reference = "RFC 8225 section 5; RFC 8588 sections 4 and 5; RFC 8946 section 4",
};

inline constexpr Rule kBadAttest{
    .id = "STIR-013",
    .name = "attest-invalid",
    .severity = Severity::kHigh,
    .title = "Attestation value invalid",
    .trigger = "attest of a shaken PASSporT is not A, B or C in upper case.",
    .rationale = "Verifiers must refuse it, so the call loses its attestation.",
    .remedy =
        "asterisk: attest_level; kamailio: the attest argument of stirshaken_add_identity() or "
        "secsipid_add_identity().",
    .reference = "RFC 8588 section 5",
};

inline constexpr Rule kBadOrigid{
    .id = "STIR-014",
    .name = "origid-not-uuid",
    .severity = Severity::kMedium,
    .title = "origid is not a UUID",
    .trigger = "origid is not in the text form of RFC 4122, or is the nil UUID.",
    .rationale = "Traceback depends on it to find the customer or gateway behind a call.",
    .remedy = "Configure a stable UUID for each customer, trunk or node.",
    .reference = "RFC 8588 section 5; ATIS-1000074",
};

inline constexpr Rule kStale{
    .id = "STIR-015",
    .name = "token-stale",
    .severity = Severity::kHigh,
    .title = "Token stale",
    .trigger =
        "The call comes more than --freshness seconds (60) after iat. Info between 15 s and that, and where a "
        "fresh diversion explains the age.",
    .rationale = "A token that is still taken after minutes can be replayed for minutes.",
    .remedy = "Synchronise the signer's clock, sign at egress, and forward with a div PASSporT.",
    .reference = "RFC 8224 section 6.2 step 4; RFC 8946",
};

inline constexpr Rule kFuture{
    .id = "STIR-016",
    .name = "iat-in-future",
    .severity = Severity::kHigh,
    .title = "Signed in the future",
    .trigger = "iat lies more than stir.max_future_s (5) after the call. Medium up to 60 s.",
    .rationale = "A verifier that accepts it accepts a replay until then.",
    .remedy = "Synchronise the signer's clock; refuse with an absolute window.",
    .reference = "RFC 8224 section 6.2",
};

inline constexpr Rule kDate{
    .id = "STIR-017",
    .name = "date-missing-or-conflicting",
    .severity = Severity::kLow,
    .title = "Date missing, unreadable or in conflict with iat",
    .trigger =
        "The request has no readable Date header; medium when Date and iat are further apart than "
        "--freshness, high for a compact form without Date.",
    .rationale = "Verifiers that compare the two refuse the call; the compact form can't be checked at all.",
    .remedy = "kamailio: append_hf() a Date before signing; asterisk adds it by itself.",
    .reference = "RFC 8224 sections 4.1 and 6.2",
};

inline constexpr Rule kSignedOutside{
    .id = "STIR-018",
    .name = "signed-outside-certificate-validity",
    .severity = Severity::kHigh,
    .title = "Signing time outside certificate validity",
    .trigger = "iat lies before notBefore or after notAfter of a certificate of the path.",
    .rationale = "The certificate did not vouch for its holder when the token was made.",
    .remedy = "Renew earlier; alert some days before the end.",
    .reference = "RFC 8224 section 6.2 step 4; RFC 5280 section 4.1.2.5",
};

inline constexpr Rule kOrigMismatch{
    .id = "STIR-019",
    .name = "orig-mismatch",
    .severity = Severity::kCritical,
    .title = "orig does not match the calling number",
    .trigger =
        "orig differs, after canonicalisation, from a number in P-Asserted-Identity, or from From where "
        "nothing is asserted.",
    .rationale =
        "The signature is for another caller: a genuine token used to dress up a spoofed number, or a number "
        "rewritten after signing.",
    .remedy = "Sign after all number manipulation; do not rewrite From or P-Asserted-Identity afterwards.",
    .reference = "RFC 8224 sections 5.1 and 6.2 step 2",
};

inline constexpr Rule kDestMismatch{
    .id = "STIR-020",
    .name = "dest-mismatch",
    .severity = Severity::kCritical,
    .title = "dest does not match the called number",
    .trigger =
        "No entry of dest equals To (for a div PASSporT: the Request-URI, or the div of the next one), and no "
        "proven diversion explains it.",
    .rationale = "The token was made for a call to somebody else: the sign of a replay.",
    .remedy = "Sign last, and add a div PASSporT where calls are retargeted.",
    .reference = "RFC 8224 sections 5.1 and 6.2; RFC 8946",
};

inline constexpr Rule kNumberForm{
    .id = "STIR-021",
    .name = "number-not-canonical",
    .severity = Severity::kMedium,
    .title = "Number not in canonical form in the token",
    .trigger =
        "A tn of orig, dest or div holds a plus, separators or letters, or lacks the country code. Not for "
        "service numbers.",
    .rationale = "Many verifiers compare the text and refuse the call.",
    .remedy = "Canonicalise before signing: digits with the country code, no plus.",
    .reference = "RFC 8224 section 8.3; RFC 8225 section 5.2.1",
};

inline constexpr Rule kBadSignature{
    .id = "STIR-022",
    .name = "signature-invalid",
    .severity = Severity::kCritical,
    .title = "Signature does not verify",
    .trigger =
        "ECDSA on P-256 with SHA-256 over the bytes as sent fails with the certificate that x5u names. Not "
        "when there is no certificate.",
    .rationale = "The token was forged, altered on the way, or made with another key.",
    .remedy = "Compare key and certificate of the signer; look for header rewriting on the way.",
    .reference = "RFC 8224 section 6.2 step 5; RFC 7515 section 5.2",
};

inline constexpr Rule kSignatureEncoding{
    .id = "STIR-023",
    .name = "signature-encoding",
    .severity = Severity::kHigh,
    .title = "Signature in the wrong encoding",
    .trigger = "The signature is DER, has its halves swapped, or is not 64 bytes long.",
    .rationale = "A fault of the signer, not an attack: strict verifiers refuse all its calls.",
    .remedy = "Join r and s, 32 bytes each.",
    .reference = "RFC 7518 section 3.4",
};

inline constexpr std::array<const Rule*, 23> kTokenRules{&kNoIdentity,
                                                         &kSeveralIdentities,
                                                         &kBadSyntax,
                                                         &kCompactExtension,
                                                         &kInfoMismatch,
                                                         &kAlgorithm,
                                                         &kPptMismatch,
                                                         &kTyp,
                                                         &kBadX5u,
                                                         &kUnsupportedOnly,
                                                         &kNotCanonical,
                                                         &kClaimMissing,
                                                         &kBadAttest,
                                                         &kBadOrigid,
                                                         &kStale,
                                                         &kFuture,
                                                         &kDate,
                                                         &kSignedOutside,
                                                         &kOrigMismatch,
                                                         &kDestMismatch,
                                                         &kNumberForm,
                                                         &kBadSignature,
                                                         &kSignatureEncoding};

}  // namespace voip::analyze::stir::rules
