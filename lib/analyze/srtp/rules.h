#pragma once

#include <algorithm>
#include <array>
#include <tuple>

#include "analyze/srtp/rules_keying.h"
#include "analyze/srtp/rules_path.h"
#include "analyze/srtp/rules_sdes.h"
#include "report/rule.h"

namespace voip::analyze::srtp {

using report::Rule;
using report::Severity;

inline constexpr Rule kMediaNotEncrypted{
    .id = "SRTP-001",
    .name = "media-not-encrypted",
    .severity = Severity::kHigh,
    .title = "Media negotiated with no encryption",
    .trigger =
        "The final offer and answer of an audio or video line use RTP/AVP(F) and the answer carries no keys, no ZRTP "
        "exchange "
        "completes, and 10 or more RTP packets follow; without SDP: RTP whose bytes test as cleartext. Not for streams "
        "that "
        "test as encrypted (SRTP-005), for lines with port 0 or a=inactive.",
    .rationale = "Anyone on the path, from the office LAN to the carrier, can record and play the call.",
    .remedy =
        "Require SRTP on this path: rtpengine_offer(\"RTP/SAVP\") or \"UDP/TLS/RTP/SAVP\" (kamailio with rtpengine), "
        "media_encryption=sdes or dtls with media_encryption_optimistic=no (asterisk), media security \"require\" on "
        "phones and SBC.",
    .reference = "RFC 3711; RFC 7201; NIST SP 800-58 section 5",
};

inline constexpr Rule kSdesInClear{
    .id = "SRTP-002",
    .name = "sdes-key-in-clear",
    .severity = Severity::kCritical,
    .title = "SRTP master key sent over unencrypted SIP",
    .trigger =
        "An SDP with an a=crypto inline key travels over UDP, TCP, SCTP or WS between two hosts; one finding for each "
        "hop and call. "
        "Low when the offer was refused and no media used the key. Not on loopback, nor over TLS, WSS or DTLS.",
    .rationale =
        "Whoever can read the signalling can decrypt the call: the encryption protects against nobody who sees both.",
    .remedy =
        "Carry SIP over TLS on every hop, or key media with DTLS-SRTP. kamailio: enable TLS sockets and refuse SAVP "
        "offers on UDP; "
        "asterisk: transport protocol=tls, or media_encryption=dtls.",
    .reference = "RFC 4568 sections 7 and 9; RFC 7201 section 3.1.2",
};

inline constexpr Rule kSecureProfileClearMedia{
    .id = "SRTP-004",
    .name = "srtp-negotiated-media-clear",
    .severity = Severity::kCritical,
    .title = "SRTP was negotiated, but the payload is cleartext",
    .trigger =
        "The answer uses RTP/SAVP(F) or UDP/TLS/RTP/SAVP(F), and 50 packets or one second of a stream (whichever is "
        "more) test as "
        "cleartext. Not when the negotiated suite or parameter leaves the payload clear by agreement (SRTP-012, "
        "SRTP-017).",
    .rationale = "Both users are shown a lock, and everybody on the path hears them.",
    .remedy =
        "Find the element that terminates SRTP and forwards RTP under the same SDP. rtpengine: give each leg its own "
        "protocol; "
        "asterisk: set media_encryption on both bridged endpoints. Then capture again.",
    .reference = "RFC 3711 section 3; RFC 4568 section 5",
};

inline constexpr Rule kUnnegotiatedEncryption{
    .id = "SRTP-005",
    .name = "encrypted-without-negotiation",
    .severity = Severity::kLow,
    .title = "Media looks encrypted, but nothing negotiated it",
    .trigger =
        "The profile is RTP/AVP(F) without any key attribute, the codec's structure is absent and the bytes are as "
        "even as ciphertext. "
        "Not for codecs without a structure to test, video, fax, or where ZRTP was seen.",
    .rationale = "A private scheme may be sound, but nobody manages, audits or renews it.",
    .remedy =
        "Identify the scheme with the vendor of the endpoint; prefer one that is negotiated (SDES over TLS, DTLS-SRTP, "
        "ZRTP).",
    .reference = "RFC 6189; RFC 7201",
};

inline constexpr Rule kBestEffort{
    .id = "SRTP-006",
    .name = "best-effort-encryption",
    .severity = Severity::kMedium,
    .title = "Encryption offered as optional",
    .trigger =
        "An offer with profile RTP/AVP(F) carries a=crypto or a=fingerprint (OSRTP), or names a secure profile as a "
        "capability "
        "(RFC 5939). The message says whether the answer took it up.",
    .rationale = "Someone in the path can remove the attribute, and the call goes on in clear without an error.",
    .remedy =
        "Require SAVP between your own devices. asterisk: media_encryption_optimistic=no; rtpengine: accept OSRTP only "
        "towards "
        "legacy peers.",
    .reference = "RFC 8643; RFC 4568 section 7.1; RFC 5939",
};

inline constexpr Rule kAnswerDowngrade{
    .id = "SRTP-007",
    .name = "answer-downgrades-encryption",
    .severity = Severity::kHigh,
    .title = "The answer dropped the encryption that the offer demanded",
    .trigger =
        "The offer had only a secure profile and the answer of the same leg uses RTP/AVP(F) with a port; or the answer "
        "keeps the secure "
        "profile but carries none of the offer's key attributes while media flows. Not for offers with a plain "
        "alternative "
        "(SRTP-006) nor for refused lines.",
    .rationale =
        "This is how a strip attack looks, and how a broken middlebox does; either way the offerer's demand was not "
        "met.",
    .remedy =
        "Endpoints must reject an answer with another profile (RFC 3264 section 6). Set the SBC's SRTP policy to "
        "mandatory and find "
        "the element that rewrote the SDP.",
    .reference = "RFC 3264 section 6.1; RFC 4568 section 5.1.2",
};

inline constexpr Rule kDroppedMidCall{
    .id = "SRTP-008",
    .name = "encryption-dropped-mid-call",
    .severity = Severity::kHigh,
    .title = "Encryption was dropped in mid call",
    .trigger =
        "A later re-INVITE, UPDATE or PRACK exchange moves a line from a secure to a plain profile, or a stream tests "
        "encrypted and later "
        "cleartext for one second or more. Not for a=inactive, fax switch-over or another dialog.",
    .rationale = "The users were told that they were secure and were not told when it ended.",
    .remedy =
        "Apply the same media policy to re-offers: give rtpengine the same flags in every offer and answer; check "
        "features (transfer, "
        "recording, hold music) that re-invite.",
    .reference = "RFC 3264 section 8; RFC 4568 section 7.1.4",
};

inline constexpr Rule kClearRetry{
    .id = "SRTP-009",
    .name = "clear-retry-after-refusal",
    .severity = Severity::kHigh,
    .title = "A refused secure call was repeated in the clear",
    .trigger =
        "An INVITE that offers SAVP gets 415, 488 or 606, and within 32 s the same caller calls the same target with "
        "AVP only and "
        "succeeds, also under a new Call-ID.",
    .rationale = "Anyone who can answer 488 forces the call into the clear.",
    .remedy = "Switch automatic fallback off on phone and gateway; treat 488 as final.",
    .reference = "RFC 8643 section 4; RFC 7435",
};

inline constexpr Rule kUnequalLegs{
    .id = "SRTP-010",
    .name = "legs-protected-differently",
    .severity = Severity::kHigh,
    .title = "One leg of the call is encrypted, another is not",
    .trigger =
        "Two legs that are linked by Call-ID, session identifier, correlation header, shared media or shared key: one "
        "encrypted, the "
        "other clear (high when the clear leg crosses a public address, else medium), or suites of another class: 256 "
        "or "
        "128 bits of key, tags of 80 or 32 bits (medium).",
    .rationale = "A call is as private as its clearest leg, and the users at the encrypted end don't know.",
    .remedy =
        "Set the media policy on every trunk; where a carrier has no SRTP, use a private interconnect and write it "
        "down.",
    .reference = "RFC 7879; RFC 8862",
};

inline constexpr Rule kTagFailures{
    .id = "SRTP-028",
    .name = "srtp-tags-fail",
    .severity = Severity::kHigh,
    .title = "SRTP authentication tags fail",
    .trigger =
        "The stream's key is proven by tags that verify, and 1 % of its packets or 5 in a row fail. Medium, as wrong "
        "key: media of an "
        "SDES call looks encrypted, and no key of the signalling fits it. Not for packets after the call went on "
        "without "
        "encryption, nor for packets that the capture cut.",
    .rationale =
        "Packets were altered or injected on the way, or the two sides don't use the keys that they signalled.",
    .remedy =
        "Look for a second sender and for middleboxes that edit RTP. rtpengine: strict-source and recrypt; update "
        "releases "
        "before July 2025.",
    .reference = "RFC 3711 sections 3.3 and 9.5; CVE-2025-53399",
};

inline constexpr Rule kClearRtcp{
    .id = "SRTP-031",
    .name = "rtcp-in-clear",
    .severity = Severity::kMedium,
    .title = "RTCP in the clear beside encrypted RTP",
    .trigger =
        "The stream is encrypted or negotiated to be, and RTCP of the same source parses as a clear compound packet.",
    .rationale = "Reports leak the CNAME, timing and quality of the call; a forged RTCP BYE can end it.",
    .remedy = "Update the endpoint's firmware; let a relay that terminates media (rtpengine) produce SRTCP.",
    .reference = "RFC 3711 section 3.4; RFC 4568 section 6.3.2",
};

inline constexpr Rule kCoverage{
    .id = "SRTP-063",
    .name = "encryption-coverage",
    .severity = Severity::kInfo,
    .title = "How much of the media was encrypted",
    .trigger = "Always, when the capture holds media.",
    .rationale = "The share of encrypted calls is the figure to watch from audit to audit.",
    .remedy = "Use it as a baseline; look at the clear legs first.",
    .reference = "RFC 7201",
};

inline constexpr std::array<const Rule*, 12> kBasicRules{&kMediaNotEncrypted,
                                                         &kSdesInClear,
                                                         &kSecureProfileClearMedia,
                                                         &kUnnegotiatedEncryption,
                                                         &kBestEffort,
                                                         &kAnswerDowngrade,
                                                         &kDroppedMidCall,
                                                         &kClearRetry,
                                                         &kUnequalLegs,
                                                         &kTagFailures,
                                                         &kClearRtcp,
                                                         &kCoverage};

// All groups together, by id.
template <class... Groups>
constexpr auto merged(const Groups&... groups) {
  std::array<const Rule*, (std::tuple_size_v<Groups> + ...)> all{};
  std::size_t n = 0;
  const auto take = [&](const auto& group) {
    for (const Rule* rule : group) all[n++] = rule;
  };
  (take(groups), ...);
  std::ranges::sort(all, [](const Rule* a, const Rule* b) { return a->id < b->id; });
  return all;
}
inline constexpr auto kRules = merged(kBasicRules, kSdesRules, kPathRules, kKeyingRules);

}  // namespace voip::analyze::srtp
