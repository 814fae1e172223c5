#pragma once

#include <array>

#include "report/rule.h"

namespace voip::analyze::stir::rules {

using report::Rule;
using report::Severity;

// STIR-024 to STIR-034: the certificate and its path.

inline constexpr Rule kCertificateMissing{
    .id = "STIR-024",
    .name = "certificate-not-available",
    .severity = Severity::kHigh,
    .title = "Certificate not available",
    .trigger =
        "The local copy of what x5u names can't be read, is empty or holds no certificate. Where there is no "
        "copy at all the check is not assessable, and the report names the URL.",
    .rationale = "What could not be verified is no proof, whatever the token says.",
    .remedy =
        "Fetch the URL elsewhere and add it with --certs (a line of URL, tab, file in manifest.tsv); "
        "--list-x5u prints all URLs of the inputs. For owners: host certificates redundantly, as plain PEM.",
    .reference = "RFC 8224 section 6.2 step 3; ATIS-1000074",
};

inline constexpr Rule kCertificateKey{
    .id = "STIR-025",
    .name = "certificate-key",
    .severity = Severity::kHigh,
    .title = "Certificate key or signature algorithm wrong",
    .trigger =
        "The key is not on P-256, or a certificate of the path is signed with something else than ECDSA and "
        "SHA-256. With --p384-authorities, authorities may have keys on P-384 and sign with SHA-384.",
    .rationale = "Verifiers refuse it, and keys of other kinds are not what the policy vouches for.",
    .remedy =
        "Have the certificate issued again. Some approved roots are on P-384 against the profile: "
        "--p384-authorities takes them.",
    .reference = "ATIS-1000080; RFC 8225 sections 4.2 and 6",
};

inline constexpr Rule kUntrusted{
    .id = "STIR-026",
    .name = "chain-untrusted",
    .severity = Severity::kCritical,
    .title = "Chain does not reach a trusted STI root",
    .trigger =
        "No path from the certificate leads to a root given with --trust, or a certificate on it breaks the "
        "rules for paths. Without roots the chain is not assessable.",
    .rationale = "Anyone can make such a certificate.",
    .remedy =
        "Use an approved STI-CA and publish the whole chain; asterisk: ca_path with load_system_certs=no; "
        "kamailio: vs_ca_dir.",
    .reference = "ATIS-1000080; ATIS-1000084; RFC 5280 section 6",
};

inline constexpr Rule kExpired{
    .id = "STIR-027",
    .name = "certificate-expired",
    .severity = Severity::kHigh,
    .title = "Certificate expired or not yet valid at the call",
    .trigger =
        "The time of the call lies outside the validity of a certificate of the path. Low when the end is "
        "less than 14 days ahead. An end between the call and today is none.",
    .rationale = "Verifiers refuse the call.",
    .remedy = "Automate the renewal.",
    .reference = "RFC 5280 section 4.1.2.5; RFC 9448",
};

inline constexpr Rule kTnAuthList{
    .id = "STIR-028",
    .name = "tnauthlist-bad",
    .severity = Severity::kHigh,
    .title = "TNAuthList missing or malformed",
    .trigger =
        "The certificate has no readable TNAuthList, or a provider's certificate has not exactly one code of four "
        "upper-case letters and digits, or numbers beside the code.",
    .rationale = "Nothing says what numbers the signer may vouch for.",
    .remedy = "Have the certificate issued again with the token for the service provider code.",
    .reference = "RFC 8226 section 9; ATIS-1000080",
};

inline constexpr Rule kPolicy{
    .id = "STIR-029",
    .name = "certificate-policy",
    .severity = Severity::kLow,
    .title = "Certificate policy missing or retired",
    .trigger =
        "The certificate names no SHAKEN policy, a retired one, or marks the extension critical. Medium when "
        "it names none at all.",
    .rationale = "Some verifiers demand the policy; it says under which rules the authority checked the holder.",
    .remedy = "Have the certificate issued again under the current policy.",
    .reference = "ATIS-1000080; US SHAKEN certificate policy",
};

inline constexpr Rule kSubject{
    .id = "STIR-030",
    .name = "certificate-subject",
    .severity = Severity::kLow,
    .title = "Subject does not follow the provider profile",
    .trigger =
        "The subject's CN lacks SHAKEN or the service provider code, or C, O or serialNumber are missing. Not "
        "for delegate certificates.",
    .rationale = "Tools and people tell providers by it.",
    .remedy = "Have the certificate issued again.",
    .reference = "ATIS-1000080; US SHAKEN certificate policy section 1.3",
};

inline constexpr Rule kRevocation{
    .id = "STIR-031",
    .name = "revocation",
    .severity = Severity::kCritical,
    .title = "Certificate revoked, or its state unknown",
    .trigger =
        "A usable revocation list names the certificate or one above it. Medium when the certificate names no "
        "revocation list, or one by another than those of --crl-trust; info when no usable list was at hand (then the "
        "state is not assessable).",
    .rationale = "A revoked certificate means a stolen key or a provider that lost its standing.",
    .remedy =
        "Stop using the certificate. For verifiers: kamailio vs_crl_dir; asterisk crl_file or crl_path; here "
        "--crls with --crl-trust.",
    .reference = "ATIS-1000080; RFC 5280 section 5",
};

inline constexpr Rule kUsageBits{
    .id = "STIR-032",
    .name = "certificate-usage-bits",
    .severity = Severity::kHigh,
    .title = "CA and usage bits wrong",
    .trigger =
        "An end-entity certificate that is an authority, keyUsage without digitalSignature, an issuer that "
        "may not sign certificates, an unknown critical extension, or a TNAuthList above a provider's certificate "
        "(above a delegate's it belongs there). Low where keyUsage is not critical.",
    .rationale = "Someone who may only sign calls could make certificates, or the other way round.",
    .remedy = "Have the certificate issued again.",
    .reference = "RFC 5280 sections 4.2.1.3 and 4.2.1.9; ATIS-1000080",
};

inline constexpr Rule kForeignCertificate{
    .id = "STIR-033",
    .name = "foreign-certificate",
    .severity = Severity::kHigh,
    .title = "Signed with another provider's certificate",
    .trigger =
        "A signature with attestation A under a service provider code that is not among those of the trunk (the "
        "policy's [[trunk]] with spc). Only possible: valid calls with A from three or more trunks, or networks "
        "that have nothing in common, under one code. Not for attestation B or C, which gateways give, and "
        "delegate certificates.",
    .rationale = "Providers with an obligation must sign with their own certificate, also through a vendor.",
    .remedy = "Obtain a service provider code token and a certificate of one's own.",
    .reference = "47 CFR 64.6301; FCC 24-120",
};

inline constexpr Rule kDelegate{
    .id = "STIR-034",
    .name = "delegate-scope",
    .severity = Severity::kHigh,
    .title = "Certificate does not cover the number or the claims",
    .trigger =
        "The numbers of a TNAuthList leave out orig (div for a diversion), go beyond the parent's, or "
        "JWTClaimConstraints of the path forbid the claims. Low when the list is by reference and can't be "
        "read.",
    .rationale = "The signer vouches for a number that was never delegated to it.",
    .remedy = "Correct the delegation.",
    .reference = "RFC 9060 sections 4 to 6; RFC 8226 section 8; RFC 9118",
};

inline constexpr std::array<const Rule*, 11> kCertificateRules{
    &kCertificateMissing, &kCertificateKey, &kUntrusted,          &kExpired, &kTnAuthList, &kPolicy, &kSubject,
    &kRevocation,         &kUsageBits,      &kForeignCertificate, &kDelegate};

}  // namespace voip::analyze::stir::rules
