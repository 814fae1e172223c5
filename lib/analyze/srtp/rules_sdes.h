#pragma once

#include <array>

#include "report/rule.h"

// Checks of what the signalling says about SRTP keys and suites.
namespace voip::analyze::srtp {

using report::Rule;
using report::Severity;

inline constexpr Rule kSdesHopElsewhere{
    .id = "SRTP-003",
    .name = "sdes-key-on-unprotected-hop",
    .severity = Severity::kHigh,
    .title = "SDES key crossed an unprotected hop elsewhere",
    .trigger =
        "A message with an a=crypto key is seen over TLS, WSS or DTLS, and a Via or Record-Route of it names a hop "
        "over "
        "UDP, TCP, SCTP or WS. Not for loopback, nor for two entries of one host.",
    .rationale = "The hop in view hides the key, another one on its way does not: who reads that one can decrypt.",
    .remedy = "Use TLS on each hop (sips or transport=tls on every trunk), or DTLS-SRTP end to end.",
    .reference = "RFC 4568 section 9; RFC 5630",
};
inline constexpr Rule kNullCipher{
    .id = "SRTP-012",
    .name = "null-cipher-suite",
    .severity = Severity::kCritical,
    .title = "NULL encryption suite",
    .trigger =
        "The selected suite is a NULL suite (SDES), or use_srtp selects profile 0x0005 or 0x0006. Low when it was only "
        "offered.",
    .rationale = "NULL suites protect integrity only: the speech is readable.",
    .remedy =
        "rtpengine: SDES-no-NULL_HMAC_SHA1_32 SDES-no-NULL_HMAC_SHA1_80; remove NULL profiles from the DTLS list.",
    .reference = "RFC 5764 section 4.1.2; RFC 3711 section 5",
};
inline constexpr Rule kShortTag{
    .id = "SRTP-013",
    .name = "short-auth-tag",
    .severity = Severity::kMedium,
    .title = "32-bit authentication tag",
    .trigger =
        "The selected suite has an authentication tag shorter than --min-tag-bits (80), or packets are measured to "
        "carry 4 bytes of tag.",
    .rationale = "A forged packet is accepted with a chance of 2^-32; that is meant for constrained radio links only.",
    .remedy =
        "asterisk: srtp_tag_32=no (the default); rtpengine: SDES-no-AES_CM_128_HMAC_SHA1_32; prefer an _80 or AEAD "
        "suite.",
    .reference = "RFC 3711 section 9.5; RFC 4568 section 6.2.2",
};
inline constexpr Rule kUnusualSuite{
    .id = "SRTP-014",
    .name = "unusual-suite",
    .severity = Severity::kLow,
    .title = "F8, SEED or unregistered suite selected",
    .trigger =
        "The answer selects F8_128_HMAC_SHA1_80, a SEED or ARIA suite, or (medium) a name that IANA does not list. The "
        "old spellings AES_CM_192_... and AES_CM_256_... are noted as info.",
    .rationale = "Rarely used code is rarely reviewed; an unknown name says nothing of its strength.",
    .remedy = "Offer AES_CM_128_HMAC_SHA1_80, AES_256_CM_HMAC_SHA1_80 or AEAD_AES_256_GCM only.",
    .reference = "IANA SDP Security Descriptions registry; RFC 6188; RFC 7714",
};
inline constexpr Rule kSuitePolicy{
    .id = "SRTP-015",
    .name = "suite-below-policy",
    .severity = Severity::kMedium,
    .title = "Suite below the configured policy",
    .trigger =
        "The selected suite's key is shorter than --min-key-bits (128), or it is no AEAD where AEAD is required.",
    .rationale = "The site's own policy asks for more.",
    .remedy = "rtpengine: SDES-only-AES_256_CM_HMAC_SHA1_80 or SDES-order:...; DTLS profile list with 0x0008 first.",
    .reference = "RFC 6188; RFC 7714; NIST SP 800-131A rev 2",
};
inline constexpr Rule kWeakerChoice{
    .id = "SRTP-016",
    .name = "weaker-suite-chosen",
    .severity = Severity::kLow,
    .title = "Answer took a weaker suite than both sides support",
    .trigger =
        "The answer does not select the first suite of the offer, and an earlier and stronger one of that offer stands "
        "in an offer that the answerer's host sent elsewhere in the capture.",
    .rationale = "An order of preference that is wrong, or an offer that someone reordered.",
    .remedy = "Order suites strongest first on both sides.",
    .reference = "RFC 4568 section 5.1.2",
};
inline constexpr Rule kUnencryptedSrtp{
    .id = "SRTP-017",
    .name = "unencrypted-srtp",
    .severity = Severity::kCritical,
    .title = "UNENCRYPTED_SRTP session parameter",
    .trigger =
        "UNENCRYPTED_SRTP stands in the selected a=crypto of either direction and media flows. Low when it was offered "
        "and declined, or no media was seen.",
    .rationale = "It keeps the lock icon and removes the lock: packets carry a tag, the speech is readable.",
    .remedy = "Refuse lines with session parameters that are not needed; rtpengine: SDES-encrypted_srtp.",
    .reference = "RFC 4568 section 6.3.2",
};
inline constexpr Rule kUnencryptedSrtcp{
    .id = "SRTP-018",
    .name = "unencrypted-srtcp",
    .severity = Severity::kMedium,
    .title = "UNENCRYPTED_SRTCP session parameter",
    .trigger =
        "UNENCRYPTED_SRTCP is selected and RTCP flows, or SRTCP packets have the E bit 0 beside encrypted media.",
    .rationale = "Reports, CNAME and timing of the call can be read.",
    .remedy = "rtpengine: SDES-encrypted_srtcp; remove the parameter on devices.",
    .reference = "RFC 4568 section 6.3.2; RFC 3711 section 3.4",
};
inline constexpr Rule kUnauthenticatedSrtp{
    .id = "SRTP-019",
    .name = "unauthenticated-srtp",
    .severity = Severity::kHigh,
    .title = "UNAUTHENTICATED_SRTP session parameter",
    .trigger =
        "UNAUTHENTICATED_SRTP is selected (low: only offered), or encrypted packets are measured to carry no tag at "
        "all. "
        "Not for AEAD suites.",
    .rationale = "Without a tag ciphertext can be altered bit by bit, and packets can be injected.",
    .remedy = "rtpengine: SDES-authenticated_srtp; forbid it in the SBC's policy.",
    .reference = "RFC 4568 section 6.3.3; RFC 3711 section 9.5",
};
inline constexpr Rule kKeyReuse{
    .id = "SRTP-020",
    .name = "sdes-key-reused",
    .severity = Severity::kHigh,
    .title = "SDES master key reused across calls",
    .trigger =
        "The same inline key appears in two Call-IDs that are not legs of one call, or again after more than 24 hours. "
        "Critical with SRTP-022. Not for re-offers in one dialog, forks, retransmissions and refused offers; info "
        "where "
        "a relay passes a key through.",
    .rationale = "One leaked key opens many calls, and the keystream may repeat.",
    .remedy = "Update the firmware: each call needs a fresh key. asterisk and rtpengine make one for each call.",
    .reference = "RFC 4568 sections 6.1 and 7.1; RFC 3711 section 9.1",
};
inline constexpr Rule kSameKeyBothWays{
    .id = "SRTP-021",
    .name = "same-key-both-directions",
    .severity = Severity::kHigh,
    .title = "Same key in both directions",
    .trigger = "The answer's inline key and salt equal those of the offer.",
    .rationale = "Each sender owns its key: with one key for both the keystream repeats as soon as SSRCs collide.",
    .remedy = "A firmware error, report it to the vendor; end and re-encrypt SRTP at the SBC.",
    .reference = "RFC 4568 sections 5.1.2 and 6.1; RFC 3711 section 9.1",
};
inline constexpr Rule kTwoTimePad{
    .id = "SRTP-022",
    .name = "two-time-pad",
    .severity = Severity::kCritical,
    .title = "Two-time pad confirmed",
    .trigger =
        "Two packets were protected under the same proven key with the same SSRC and packet index, and their "
        "ciphertexts "
        "differ. Without keys (probable): the same hosts, SSRC and sequence numbers come again, and the XOR of 16000 "
        "bytes "
        "or more of their ciphertexts is not even. Not for identical ciphertext, nor for retransmission streams with "
        "an SSRC of their own.",
    .rationale = "XOR of the two ciphertexts gives the XOR of the two voices: both can be recovered without any key.",
    .remedy = "A unique SSRC for each stream and fresh keys for each call; update the stack.",
    .reference = "RFC 3711 section 9.1",
};
inline constexpr Rule kWeakKey{
    .id = "SRTP-023",
    .name = "weak-master-key",
    .severity = Severity::kHigh,
    .title = "Weak, constant or sample master key",
    .trigger =
        "Key and salt have fewer than 12 distinct byte values, are printable text throughout, repeat with a period of "
        "16 "
        "bytes or less, are all zero, equal an example of RFC 4568 or a constant of a test tool, or "
        "come from devices of two vendors in two calls.",
    .rationale = "Such keys are guessed, not searched for.",
    .remedy = "Fix the random source; update the firmware; treat a test tool's constant as that tool's sighting.",
    .reference = "RFC 4568 section 6.1; RFC 4086",
};
inline constexpr Rule kKeyLength{
    .id = "SRTP-024",
    .name = "wrong-key-length",
    .severity = Severity::kMedium,
    .title = "Wrong key length or bad base64",
    .trigger =
        "An inline key is no base64, or its decoded length differs from what the suite wants. Info when only the final "
        "padding is missing.",
    .rationale = "Peers that can't use the key fall back silently or lose the media.",
    .remedy = "Firmware; the SBC should reject such offers.",
    .reference = "RFC 4568 section 6.2; RFC 6188 section 7; RFC 7714 section 14",
};
inline constexpr Rule kMki{
    .id = "SRTP-025",
    .name = "mki-malformed-or-absent",
    .severity = Severity::kLow,
    .title = "MKI malformed or not on the wire",
    .trigger =
        "An MKI length is outside of 1 to 128 or does not hold its value, several inline keys of a line lack distinct "
        "MKIs (medium), or packets carry another MKI size than the signalling promised.",
    .rationale = "The receiver can't tell the key or where the tag begins: media may be undecodable.",
    .remedy = "Switch the MKI off on devices unless rekeying needs it.",
    .reference = "RFC 4568 section 6.1; RFC 3711 section 3.1",
};
inline constexpr Rule kLifetime{
    .id = "SRTP-026",
    .name = "key-lifetime",
    .severity = Severity::kMedium,
    .title = "Key lifetime invalid or exceeded",
    .trigger =
        "A lifetime is zero, unreadable or above 2^48, or more packets were sent under a key than its lifetime allows.",
    .rationale = "Past the limit the keystream may repeat; peers may also cut the media off there.",
    .remedy = "Re-offer before the key expires, or drop the lifetime field.",
    .reference = "RFC 4568 section 6.1; RFC 3711 section 9.2",
};
inline constexpr Rule kCryptoTag{
    .id = "SRTP-027",
    .name = "crypto-tag-error",
    .severity = Severity::kMedium,
    .title = "Crypto tag handling error",
    .trigger =
        "The answer's crypto tag is not in the offer, a tag stands twice in one m= line, an answer accepts two crypto "
        "lines, or a tag has a leading zero, more than 9 digits or other characters.",
    .rationale = "Each side may use another key than its peer thinks.",
    .remedy = "Firmware; rtpengine rewrites the lines where it ends SRTP itself.",
    .reference = "RFC 4568 sections 4.1 and 5.1.2",
};

inline constexpr std::array<const Rule*, 17> kSdesRules{
    &kSdesHopElsewhere, &kNullCipher,      &kShortTag,         &kUnusualSuite,        &kSuitePolicy,
    &kWeakerChoice,     &kUnencryptedSrtp, &kUnencryptedSrtcp, &kUnauthenticatedSrtp, &kKeyReuse,
    &kSameKeyBothWays,  &kTwoTimePad,      &kWeakKey,          &kKeyLength,           &kMki,
    &kLifetime,         &kCryptoTag};

}  // namespace voip::analyze::srtp
