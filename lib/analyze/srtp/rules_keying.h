#pragma once

#include <array>

#include "report/rule.h"

// The checks of key exchanges in the media path (DTLS-SRTP, ZRTP) and of MIKEY.
namespace voip::analyze::srtp {

using report::Rule;
using report::Severity;

inline constexpr Rule kDtlsWithoutFingerprint{
    .id = "SRTP-036",
    .name = "dtls-without-fingerprint",
    .severity = Severity::kHigh,
    .title = "DTLS-SRTP without a fingerprint",
    .trigger =
        "A line with profile UDP/TLS/RTP/SAVP(F) and a port has no a=fingerprint at media or session level, in offer "
        "or answer; or DTLS runs on the media ports of a call whose SDPs hold no fingerprint at all.",
    .rationale = "Without the fingerprint the certificate is not bound to the call: anyone can sit in the middle.",
    .remedy =
        "Reject such offers. asterisk: media_encryption=dtls fills it in from dtls_cert_file or "
        "dtls_auto_generate_cert=yes; check relays that filter attributes.",
    .reference = "RFC 5763 section 5; RFC 8122 section 5; RFC 8842 section 5",
};

inline constexpr Rule kFingerprintMismatch{
    .id = "SRTP-037",
    .name = "dtls-fingerprint-mismatch",
    .severity = Severity::kCritical,
    .title = "The certificate does not fit the fingerprint",
    .trigger =
        "The hash of the certificate that one side showed in the DTLS 1.2 handshake equals none of that side's "
        "a=fingerprint values, as the other side received them; media level counts before session level. Not for DTLS "
        "1.3 and resumed sessions, which show no certificate.",
    .rationale = "Somebody sits in the middle of the media, or a relay ends DTLS without changing the SDP.",
    .remedy =
        "Endpoints must give up such a handshake: dtls_verify=fingerprint (asterisk). Look for a relay that "
        "nobody expects, and for what edits SDP on the way.",
    .reference = "RFC 5763 section 5; RFC 8122 section 6",
};

inline constexpr Rule kWeakFingerprint{
    .id = "SRTP-038",
    .name = "weak-fingerprint-hash",
    .severity = Severity::kMedium,
    .title = "Fingerprint by a weak hash",
    .trigger = "The strongest hash among a side's a=fingerprint values is sha-1 (medium), md5 or md2 (high).",
    .rationale = "A second certificate with the same hash lets someone else take the call's place.",
    .remedy =
        "asterisk: dtls_fingerprint=SHA-256; rtpengine: DTLS-fingerprint=sha-256, for it copies the peer's "
        "choice when not told.",
    .reference = "RFC 8122 section 5",
};

inline constexpr Rule kSetupConflict{
    .id = "SRTP-039",
    .name = "dtls-setup-conflict",
    .severity = Severity::kMedium,
    .title = "Conflict about who starts DTLS",
    .trigger =
        "Both sides are active or both passive, the answer says actpass or holdconn, or the passive side sends the "
        "ClientHello. Low when a first offer says something else than actpass, which is allowed but discouraged.",
    .rationale = "No keys come about: silence, or a fall back to clear media.",
    .remedy = "Offer actpass: dtls_setup=actpass (asterisk); DTLS=passive in rtpengine only where a peer needs it.",
    .reference = "RFC 5763 section 5; RFC 8842 section 5.3; RFC 4145 section 4",
};

inline constexpr Rule kNoUseSrtp{
    .id = "SRTP-040",
    .name = "dtls-without-use-srtp",
    .severity = Severity::kHigh,
    .title = "DTLS without SRTP keys: no use_srtp or no common profile",
    .trigger =
        "The ServerHello (up to DTLS 1.2) has no use_srtp extension though the ClientHello had one, or the ClientHello "
        "on a media port has none. Not for data channels (DTLS/SCTP) and DTLS 1.3, where the answer is encrypted.",
    .rationale = "The handshake completes, looks secure, and gives no keys: media stays in clear or never flows.",
    .remedy = "Enable SRTP profiles in the DTLS library and have one in common; update firmware.",
    .reference = "RFC 5764 section 4.1",
};

inline constexpr Rule kObsoleteDtls{
    .id = "SRTP-041",
    .name = "obsolete-dtls-version",
    .severity = Severity::kHigh,
    .title = "DTLS 1.0",
    .trigger =
        "DTLS 1.0 or older was negotiated, or is the newest that the ClientHello offers. The version of the "
        "record layer does not count; supported_versions decides for 1.3.",
    .rationale = "DTLS 1.0 rests on MD5 and SHA-1 and is prohibited.",
    .remedy = "DTLS 1.2 or later; update the library or the phone.",
    .reference = "RFC 8996; RFC 8827 section 6.5; RFC 9147",
};

inline constexpr Rule kWeakDtlsSuite{
    .id = "SRTP-042",
    .name = "weak-dtls-cipher-suite",
    .severity = Severity::kMedium,
    .title = "Weak DTLS cipher suite",
    .trigger =
        "The server chose a suite without forward secrecy, or CBC with SHA-1 though GCM was offered; high for NULL, "
        "anonymous, export, RC4 and (3)DES. Suites that were only offered do not count.",
    .rationale = "Who gets the server's key later can open recorded calls; with the worst suites anyone can at once.",
    .remedy =
        "dtls_cipher= with ECDHE and GCM suites (asterisk); WebRTC's baseline is "
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 with P-256.",
    .reference = "RFC 8827 section 6.5; RFC 9325 section 4",
};

inline constexpr Rule kWeakDtlsCertificate{
    .id = "SRTP-043",
    .name = "weak-dtls-certificate",
    .severity = Severity::kMedium,
    .title = "Weak key or signature of a DTLS certificate",
    .trigger =
        "RSA or DSA below 2048 bits, EC below 256, or a certificate signed with MD5, SHA-1 or older. Expiry, "
        "names and self-signature do not count: the fingerprint is what authenticates.",
    .rationale = "The key is below 112 bits of strength, or the certificate can be imitated.",
    .remedy =
        "dtls_auto_generate_cert=yes (asterisk); --dtls-cert-cipher=prime256v1 or --dtls-rsa-key-size=2048 "
        "(rtpengine).",
    .reference = "RFC 5763 section 5; NIST SP 800-131A rev. 2; RFC 8827 section 6.5",
};

inline constexpr Rule kFingerprintUnbound{
    .id = "SRTP-044",
    .name = "fingerprint-not-authenticated",
    .severity = Severity::kMedium,
    .title = "Fingerprint sent over unprotected signalling",
    .trigger =
        "An SDP with a=fingerprint travels over UDP, TCP, SCTP or WS between two hosts, and no Identity header of the "
        "call holds an mky claim with that fingerprint. Not on loopback, nor over TLS, WSS or DTLS.",
    .rationale =
        "Who can change the signalling can put in a fingerprint of his own: the encryption then resists "
        "listeners only.",
    .remedy = "SIP over TLS on every hop; a PASSporT with mky where both ends support SIPBRANDY.",
    .reference = "RFC 8862; RFC 8225 section 5.2.2; RFC 8827 section 6",
};

inline constexpr Rule kDtlsNeverFinished{
    .id = "SRTP-045",
    .name = "media-without-dtls-finish",
    .severity = Severity::kHigh,
    .title = "Media flows though DTLS never finished",
    .trigger =
        "50 or more RTP packets on a socket pair whose DTLS handshake ended with a fatal alert or never came to both "
        "Finished, or on a DTLS-SRTP line without any handshake. Not when another component or bundled line of the leg "
        "has finished, the session was resumed, or the capture began later than the call.",
    .rationale = "Without a handshake there are no fresh keys: such media is clear, or keyed by something else.",
    .remedy =
        "Drop media until it is keyed; when certificates fragment, lower the MTU: dtls_mtu (asterisk), "
        "--dtls-mtu (rtpengine).",
    .reference = "RFC 5764 section 5.1; RFC 5763 section 6",
};

inline constexpr Rule kStrangeClientHello{
    .id = "SRTP-046",
    .name = "dtls-hello-from-stranger",
    .severity = Severity::kHigh,
    .title = "ClientHello from an unexpected address",
    .trigger =
        "A ClientHello reaches a media port, between the offer and 30 s after the answer, from an address that no SDP "
        "of the call names, that is no ICE candidate, did not pass an ICE check with the right ufrag, is not where the "
        "peer's signalling or media come from, and, being public, shares no /24 with the SDPs.",
    .rationale =
        "Who answers the first ClientHello without asking where it comes from loses the call's media, or "
        "hands it to the stranger.",
    .remedy =
        "Take DTLS from validated candidates only; asterisk: update (GHSA-hxj9-xwr8-w8pq, CVE-2023-49786); "
        "rtpengine and FreeSWITCH have matching fixes of December 2023.",
    .reference = "CVE-2023-49786; RFC 8445 section 12",
};

inline constexpr Rule kSharedCertificate{
    .id = "SRTP-047",
    .name = "shared-dtls-certificate",
    .severity = Severity::kLow,
    .title = "One certificate on many endpoints",
    .trigger =
        "The same fingerprint comes from three or more addresses of three or more accounts. Addresses that "
        "carry several accounts (relays, gateways, SBCs) do not count.",
    .rationale = "The private key is in several devices: one of them can pass itself off as the others.",
    .remedy = "A certificate for each device or, better, each call.",
    .reference = "RFC 8827 section 6.5; RFC 5763 section 8",
};

inline constexpr Rule kZrtpNoCommit{
    .id = "SRTP-048",
    .name = "zrtp-hello-without-commit",
    .severity = Severity::kMedium,
    .title = "ZRTP was possible but did not start",
    .trigger =
        "Both sides sent Hello with a right CRC, and no Commit follows in 10 s of RTP. Info when only one side "
        "sent Hello. Not when the media is encrypted by another scheme.",
    .rationale = "Both phones can encrypt, and the call went on in clear.",
    .remedy = "Turn on automatic start; check relays that drop what is not RTP.",
    .reference = "RFC 6189 section 4.1",
};

inline constexpr Rule kZrtpHash{
    .id = "SRTP-049",
    .name = "zrtp-hash-missing-or-wrong",
    .severity = Severity::kHigh,
    .title = "zrtp-hash is missing or does not fit the Hello",
    .trigger =
        "The SHA-256 of a side's Hello equals none of its a=zrtp-hash values, as the other side received them; "
        "low when a side sends Hello and its SDP has no zrtp-hash.",
    .rationale =
        "The hash ties the media's key exchange to the signalling; a wrong one means that Hello or SDP was "
        "changed on the way.",
    .remedy = "Carry a=zrtp-hash through the SBC, and protect the signalling.",
    .reference = "RFC 6189 section 8",
};

inline constexpr Rule kZrtpWeak{
    .id = "SRTP-050",
    .name = "weak-zrtp-choices",
    .severity = Severity::kMedium,
    .title = "Weak ZRTP algorithms",
    .trigger =
        "Commit chooses DH2k, Prsh without a key agreement before it, Mult where no DH session exists, HS32, a cipher "
        "other than AES1, AES2, AES3 and Twofish, a hash other than S256 and S384, or the version is below 1.10. Low "
        "for HS32 where nothing stronger was in common.",
    .rationale = "2048-bit DH and 32-bit tags are the least that ZRTP knows; unlisted algorithms are unknown strength.",
    .remedy = "Prefer EC25 or EC38, AES3 and HS80.",
    .reference = "RFC 6189 sections 5.1.2 to 5.1.6",
};

inline constexpr Rule kZrtpGoClear{
    .id = "SRTP-051",
    .name = "zrtp-go-clear",
    .severity = Severity::kHigh,
    .title = "ZRTP encryption was turned off in the call",
    .trigger = "GoClear and ClearACK, or a second or more of clear RTP after Conf2ACK.",
    .rationale = "The rest of the talk could be heard; the phones may have shown a lock before.",
    .remedy = "Disable the A flag (allow clear) in the devices.",
    .reference = "RFC 6189 section 4.7.2",
};

inline constexpr Rule kZrtpUnproven{
    .id = "SRTP-052",
    .name = "zrtp-authenticity-unknown",
    .severity = Severity::kInfo,
    .title = "Whether the ZRTP string was compared can't be known",
    .trigger = "Each completed ZRTP exchange. Not when zrtp-hash fits on both sides over encrypted signalling.",
    .rationale = "The short string is spoken, and the flag that it was verified travels encrypted.",
    .remedy = "Compare the string once with each partner; protect a=zrtp-hash.",
    .reference = "RFC 6189 sections 4.3, 7 and 8",
};

inline constexpr Rule kZrtpTrouble{
    .id = "SRTP-053",
    .name = "zrtp-error-or-mitm",
    .severity = Severity::kMedium,
    .title = "ZRTP error, middleman flag or SAS relay",
    .trigger =
        "An Error message: medium for 0x61, 0x62, 0x63, 0x70 and 0x80, info for other codes; info for a Hello "
        "with the M flag and for SASrelay.",
    .rationale =
        "A mismatch of hashes or nonces is what a man in the middle would cause; the M flag says that a PBX "
        "sits there openly.",
    .remedy = "Check the PBX enrolment; look into mismatches as into an attack.",
    .reference = "RFC 6189 sections 5.9, 5.13 and 7.3",
};

inline constexpr Rule kCompetingKeying{
    .id = "SRTP-054",
    .name = "competing-key-exchange",
    .severity = Severity::kMedium,
    .title = "Several key exchanges in one line, and not the strongest was used",
    .trigger =
        "One m= line offers two of SDES, DTLS-SRTP, MIKEY and ZRTP, and the media uses a weaker one than the "
        "strongest that both sides list. Info when DTLS was used and the SDES keys lay open beside it.",
    .rationale = "The weaker exchange may be used, or forced by whoever strips the stronger one.",
    .remedy = "One scheme for each endpoint; SDES=off towards DTLS peers (rtpengine).",
    .reference = "RFC 8827 section 6.5; RFC 7201",
};

inline constexpr Rule kMikeyKeying{
    .id = "SRTP-055",
    .name = "mikey-keying",
    .severity = Severity::kMedium,
    .title = "MIKEY keying",
    .trigger =
        "a=key-mgmt:mikey: critical when the key is readable (KEMAC with NULL encryption), medium for a NULL "
        "MAC, a mode that is not known, a message that can't be read or has no SRTP session; info for intact "
        "modes.",
    .rationale = "MIKEY is as good as its mode: with NULL encryption the key lies in the SDP.",
    .remedy = "Move to DTLS-SRTP.",
    .reference = "RFC 3830; RFC 4567; RFC 6043",
};

inline constexpr std::array<const Rule*, 20> kKeyingRules{&kDtlsWithoutFingerprint,
                                                          &kFingerprintMismatch,
                                                          &kWeakFingerprint,
                                                          &kSetupConflict,
                                                          &kNoUseSrtp,
                                                          &kObsoleteDtls,
                                                          &kWeakDtlsSuite,
                                                          &kWeakDtlsCertificate,
                                                          &kFingerprintUnbound,
                                                          &kDtlsNeverFinished,
                                                          &kStrangeClientHello,
                                                          &kSharedCertificate,
                                                          &kZrtpNoCommit,
                                                          &kZrtpHash,
                                                          &kZrtpWeak,
                                                          &kZrtpGoClear,
                                                          &kZrtpUnproven,
                                                          &kZrtpTrouble,
                                                          &kCompetingKeying,
                                                          &kMikeyKeying};

}  // namespace voip::analyze::srtp
