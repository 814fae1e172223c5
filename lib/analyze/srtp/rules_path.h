#pragma once

#include <array>

#include "report/rule.h"

// Checks of what was on the wire: order and content of packets, where they went, what they give away.
namespace voip::analyze::srtp {

using report::Rule;
using report::Severity;

inline constexpr Rule kClearBeforeKeys{
    .id = "SRTP-011",
    .name = "clear-media-before-keys",
    .severity = Severity::kMedium,
    .title = "Clear media before keys are ready",
    .trigger =
        "Encryption is negotiated, yet 3 or more clear packets of a direction come before the answer, before DTLS is "
        "done or before ZRTP's Conf2ACK. Not for comfort noise alone.",
    .rationale = "Ring-back, announcements or early speech leak.",
    .remedy = "Drop early media at the SBC or use security preconditions (RFC 5027); asterisk: inband_progress=no.",
    .reference = "RFC 5763 section 6.2; RFC 5027",
};
inline constexpr Rule kReplay{
    .id = "SRTP-029",
    .name = "replayed-index",
    .severity = Severity::kMedium,
    .title = "Replayed or duplicate SRTP index",
    .trigger =
        "A packet with an SSRC and sequence number that were seen comes again byte for byte after more than 200 ms, or "
        "an index comes that lies more than 64 below the highest. Not for copies that a mirror port makes, nor for a "
        "sequence that starts anew (SRTP-030).",
    .rationale = "A replay attempt, or a sender that repeats itself; receivers without a replay window play it again.",
    .remedy = "asterisk: srtpreplayprotection=yes (the default of current versions); keep a window of 64 or more.",
    .reference = "RFC 3711 section 3.3.2",
};
inline constexpr Rule kSequenceReset{
    .id = "SRTP-030",
    .name = "sequence-reset-one-key",
    .severity = Severity::kMedium,
    .title = "Sequence reset or ROC loss under one key",
    .trigger =
        "The sequence number of an encrypted stream jumps back by more than 100 and goes on from there under the same "
        "key, or tags verify only with a rollover counter lower than the wraps that were counted. Not with a new SSRC "
        "or key, nor for gaps of the capture.",
    .rationale = "Receivers lose the index (one-way audio), and the keystream repeats where an index comes again.",
    .remedy = "A new SSRC on restart; signal the ROC (RFC 4771) where late joining is normal.",
    .reference = "RFC 3711 section 3.3.1; RFC 4771",
};
inline constexpr Rule kCname{
    .id = "SRTP-032",
    .name = "cname-reveals-identity",
    .severity = Severity::kLow,
    .title = "RTCP CNAME reveals user or host",
    .trigger =
        "A clear CNAME holds user@host, an address or something like a MAC, or stays the same in calls that are 24 "
        "hours "
        "or more apart. Not for random short-term names.",
    .rationale = "It ties calls to users and machines, beyond what the addresses tell.",
    .remedy = "Use names as RFC 7022 says; encrypt RTCP.",
    .reference = "RFC 7022 section 4; RFC 3550 section 14",
};
inline constexpr Rule kAudioLevel{
    .id = "SRTP-033",
    .name = "audio-level-in-clear",
    .severity = Severity::kLow,
    .title = "Audio level header extension in the clear",
    .trigger =
        "a=extmap maps ssrc-audio-level or csrc-audio-level, media is encrypted, and the element with that id is "
        "present "
        "and changes like speech. Not under cryptex, nor with the element encrypted (RFC 6904).",
    .rationale = "Who talks when, and how loud, is visible although the call is encrypted.",
    .remedy = "Negotiate a=cryptex (RFC 9335) or RFC 6904; else leave the extension out.",
    .reference = "RFC 6464 section 5; RFC 6904; RFC 9335",
};
inline constexpr Rule kExtensionProtection{
    .id = "SRTP-034",
    .name = "extension-protection-unused",
    .severity = Severity::kLow,
    .title = "Header extension protection offered but not used",
    .trigger =
        "Both sides say a=cryptex, yet packets carry clear header extensions (0xBEDE or 0x1000), or an element that "
        "both "
        "agreed to encrypt (RFC 6904) is plainly structured. Not when one side only said so.",
    .rationale = "The intent is there, the effect is not.",
    .remedy = "Update the endpoint, or the relay that strips the protection.",
    .reference = "RFC 9335 section 5; RFC 6904",
};
inline constexpr Rule kDigits{
    .id = "SRTP-035",
    .name = "keypad-digits-readable",
    .severity = Severity::kHigh,
    .title = "Keypad digits readable on the wire",
    .trigger =
        "RFC 4733 events in clear RTP, or SIP INFO (application/dtmf-relay, application/dtmf) or KPML over unencrypted "
        "signalling. High for 4 or more digits of one sender within 60 s, low for a single one, else medium.",
    .rationale = "PINs, card numbers and voice mail codes are typed this way.",
    .remedy = "SRTP for RFC 4733, TLS for INFO; rtpengine: DTMF-security=... masks digits.",
    .reference = "RFC 4733 section 6; PCI DSS v4.0.1 Req. 4.2.1",
};
inline constexpr Rule kThirdParty{
    .id = "SRTP-056",
    .name = "media-to-third-party",
    .severity = Severity::kCritical,
    .title = "Media delivered to a third party (RTP bleed symptom)",
    .trigger =
        "A signalled media port, after at least one packet from an address that no SDP, candidate or NAT image of a "
        "party "
        "names, sends 10 or more RTP packets of the call to it.",
    .rationale = "A relay that learns its peer from any packet hands live audio to whoever sends one.",
    .remedy =
        "rtpengine: endpoint-learning=heuristic or off with strict source; asterisk: strictrtp=yes; SRTP that the "
        "relay "
        "ends itself; current releases.",
    .reference = "CVE-2017-14099; CVE-2017-14114; CVE-2025-53399; RFC 7362",
};
inline constexpr Rule kInjected{
    .id = "SRTP-057",
    .name = "rtp-injected",
    .severity = Severity::kHigh,
    .title = "RTP injected by a second source",
    .trigger =
        "Packets with the call's payload type reach a media port from a second, unsignalled address while the first "
        "goes "
        "on. High when the port's owner follows it or the packets were replayed from the call, else medium. Not for a "
        "hand-over where the old source stops within 500 ms.",
    .rationale = "Audio can be inserted into the call.",
    .remedy = "Authenticate media (SRTP); strict source checks at the relay.",
    .reference = "CVE-2025-53399; OWASP ASVS 5.0 req. 17.2.3",
};
inline constexpr Rule kSsrcTakeover{
    .id = "SRTP-058",
    .name = "ssrc-takeover",
    .severity = Severity::kHigh,
    .title = "SSRC takeover or collision",
    .trigger =
        "One SSRC is sent to one media port from two addresses at the same time (high from a new address, low when "
        "both "
        "ends of the call chose the same SSRC); or a sender stops, and within seconds one that no SDP names goes on in "
        "its place, without SIP, marker or BYE (another SSRC: possible). Not for two legs of one call, loops, "
        "transfers, "
        "nor packets that authenticate.",
    .rationale = "A sender that copies an SSRC slips into the stream; receivers mix both or drop one.",
    .remedy = "SRTP with authentication; relays should drop an SSRC from elsewhere once they latched.",
    .reference = "RFC 3550 section 8.2",
};
inline constexpr Rule kOutsideCall{
    .id = "SRTP-059",
    .name = "media-outside-call",
    .severity = Severity::kMedium,
    .title = "Media outside the call",
    .trigger =
        "20 or more RTP packets come 5 s or more after the BYE, or from the callee before any 18x or 2xx with SDP. Not "
        "for transferred calls.",
    .rationale = "The microphone stays open after hang-up, or media escapes billing and recording.",
    .remedy = "asterisk: rtp_timeout=30; delete the relay session on BYE; session timers.",
    .reference = "RFC 3261 section 15; RFC 3960",
};
inline constexpr Rule kIcePath{
    .id = "SRTP-060",
    .name = "media-path-unsignalled",
    .severity = Severity::kMedium,
    .title = "ICE or media path leads to an unsignalled address",
    .trigger =
        "With ICE, media flows to or from an address that matches no candidate, c= line or STUN peer; or ice-pwd is "
        "shorter than 22 or ice-ufrag shorter than 4 characters.",
    .rationale = "Media left the path that was checked; short credentials can be guessed.",
    .remedy = "Full ICE or strict source checks; correct lengths.",
    .reference = "RFC 8445 sections 5.3 and 7.3; RFC 8839",
};
inline constexpr Rule kOtherMediaClear{
    .id = "SRTP-061",
    .name = "other-media-clear",
    .severity = Severity::kMedium,
    .title = "Other media of an encrypted call in the clear",
    .trigger =
        "An audio line is encrypted and a video, T.38 (udptl), MSRP (TCP/MSRP), BFCP or text line of the same session "
        "is "
        "not. Not for port 0, UDP/TLS/UDPTL or TCP/TLS/MSRP.",
    .rationale = "Screen share, fax or chat leak beside an encrypted voice.",
    .remedy = "The same policy for each media type.",
    .reference = "RFC 7345; RFC 4975; RFC 5763",
};
inline constexpr Rule kRecordingFork{
    .id = "SRTP-062",
    .name = "recording-unprotected",
    .severity = Severity::kHigh,
    .title = "Recording or monitoring fork unprotected",
    .trigger =
        "A SIPREC session (Require: siprec, +sip.src, rs-metadata) has a line without encryption or clear media; or "
        "the decrypted voice of an encrypted call travels one way in clear elsewhere, and that is no leg of the call. "
        "Not on "
        "loopback.",
    .rationale = "A full copy of the call travels in clear.",
    .remedy = "SRTP and TLS towards the recorder; the recorder on an isolated network.",
    .reference = "RFC 7866 section 12; HIPAA 164.312(e); PCI DSS Req. 4.2.1",
};
inline constexpr Rule kKeyingChanged{
    .id = "SRTP-064",
    .name = "keying-changed-on-path",
    .severity = Severity::kCritical,
    .title = "Keying attribute changed or removed between two hops",
    .trigger =
        "The same offer or answer is seen before and after a hop, and a=crypto, a=fingerprint, a=setup, a=zrtp-hash or "
        "the "
        "profile differs or is missing after it while the media address stays the same; under one Call-ID, or under "
        "two "
        "with the same media addresses at both ends. Not for a relay that anchors "
        "media and keys anew, nor for order of attributes or case of hex.",
    .rationale = "Someone in the path altered what secures the media.",
    .remedy = "Find the element that edits SDP; TLS on each hop, and RFC 8224 with mky for integrity.",
    .reference = "RFC 5763 section 7; RFC 8225 section 5.2.2; RFC 6189 section 8.1",
};
inline constexpr Rule kRequirement{
    .id = "SRTP-100",
    .name = "required-protection-missing",
    .severity = Severity::kHigh,
    .title = "A call does not meet --require",
    .trigger =
        "With --require srtp: a media stream is not seen to be encrypted. srtp-proven: its tags were not verified. "
        "dtls-srtp: its keys do not come from DTLS. Undetermined media does not meet the requirement. Calls without "
        "media in view are counted as not assessable.",
    .rationale = "A gate for tests: whoever asks for protection wants to know of each call that lacks it.",
    .remedy = "Look at the other findings of the call.",
    .reference = "RFC 7201",
};

inline constexpr std::array<const Rule*, 16> kPathRules{
    &kClearBeforeKeys, &kReplay,        &kSequenceReset, &kCname,        &kAudioLevel,  &kExtensionProtection,
    &kDigits,          &kThirdParty,    &kInjected,      &kSsrcTakeover, &kOutsideCall, &kIcePath,
    &kOtherMediaClear, &kRecordingFork, &kKeyingChanged, &kRequirement};

}  // namespace voip::analyze::srtp
