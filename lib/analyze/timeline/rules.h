#pragma once

#include <algorithm>
#include <array>

#include "analyze/fraud/rules.h"
#include "report/rule.h"

namespace voip::analyze::timeline {

inline constexpr report::Rule kPhaseAssignment{
    .id = "TL-001",
    .name = "phase-assignment",
    .severity = report::Severity::kInfo,
    .title = "What was found, arranged into phases of an attack",
    .trigger =
        "Told once for the gravest campaign: each of its incidents belongs to exactly one phase. A missing "
        "phase is normal (stolen phone configuration, an insider).",
    .rationale = "The order in which things happened tells how somebody came in and what to look for next.",
    .remedy = "Nothing to do; read the phases in order.",
    .reference = "MITRE ATT&CK; NIST SP 800-61 rev 3",
};
inline constexpr report::Rule kIncidentGrouping{
    .id = "TL-002",
    .name = "incident-grouping",
    .severity = report::Severity::kInfo,
    .title = "Incidents that belong to one campaign",
    .trigger =
        "Incidents are joined when they share a source, an account, a call or neighbouring hostile sources "
        "within 24 hours (timeline.join_h), and without a time limit on an account after it was taken. "
        "Sharing only a target or the name of a scanner joins nothing.",
    .rationale = "One attacker shows as many alarms: what belongs together has to be judged together.",
    .remedy = "Check each join: the reason is given with it.",
    .reference = "NIST SP 800-86 section 3.3",
};
inline constexpr report::Rule kFirstHostileAct{
    .id = "TL-003",
    .name = "first-hostile-act",
    .severity = report::Severity::kInfo,
    .title = "The first hostile act that was seen",
    .trigger =
        "The earliest message of the campaign. A warning is added when it lies within 5 minutes of the "
        "capture's begin: the true start is probably earlier.",
    .rationale = "Everything from there on may be touched by the attacker.",
    .remedy = "Obtain earlier captures when the act lies at the begin of this one.",
    .reference = "NIST SP 800-86",
};
inline constexpr report::Rule kDwellTime{
    .id = "TL-004",
    .name = "dwell-time",
    .severity = report::Severity::kLow,
    .title = "How long the attacker was in",
    .trigger =
        "Time from the first compromise to the first refusal of all that was tried, or to the end of the capture. High "
        "above 24 hours, medium above 1 hour, else low. Not without a compromise.",
    .rationale = "Cost and damage grow with the time between getting in and being stopped.",
    .remedy = "Alert on a success after failures and on calls to risky destinations within minutes, not days.",
    .reference = "NIST SP 800-61 rev 3",
};
inline constexpr report::Rule kEntryPoint{
    .id = "TL-005",
    .name = "entry-point",
    .severity = report::Severity::kInfo,
    .title = "How the attacker came in",
    .trigger =
        "The best explanations of the compromise, each with what speaks for it: guessed password, leaked "
        "digest, open relay, stolen credential, unknown.",
    .rationale = "The hole stays open when only its consequences are repaired.",
    .remedy =
        "Guessed: long random passwords, a limit of attempts (kamailio pike and htable, asterisk with "
        "fail2ban). Open relay: challenge every INVITE. Stolen: search provisioning servers and phones for "
        "the password.",
    .reference = "MITRE ATT&CK T1078, T1110, T1190",
};
inline constexpr report::Rule kCredentialsToReset{
    .id = "TL-006",
    .name = "credentials-to-reset",
    .severity = report::Severity::kHigh,
    .title = "Accounts whose password must be changed",
    .trigger =
        "Accounts that were taken (confirmed), that made the fraud's calls (confirmed), or whose digest left "
        "the house (exposed). Not accounts that were only scanned.",
    .rationale = "A password that somebody else knows opens the door again after every block.",
    .remedy =
        "Reset in this order: confirmed, guessable, exposed. Give each device a new long random password and "
        "remove foreign contacts.",
    .reference = "MITRE ATT&CK mitigation M1027",
};
inline constexpr report::Rule kSpread{
    .id = "TL-007",
    .name = "spread",
    .severity = report::Severity::kHigh,
    .title = "The attacker got into further accounts",
    .trigger = "A hostile source that took one account has success with another one later in the same campaign.",
    .rationale = "Blocking the first account alone does not end the incident.",
    .remedy = "Widen the containment to all accounts, hosts and sources of the chain.",
    .reference = "MITRE ATT&CK TA0008",
};
inline constexpr report::Rule kAbuseProfile{
    .id = "TL-008",
    .name = "abuse-profile",
    .severity = report::Severity::kHigh,
    .title = "What was done with the access",
    .trigger = "Start, end, calls, minutes, destinations and estimated cost of the abuse. Not without abuse.",
    .rationale = "The numbers are needed for the carrier's claim and for the decision what to block.",
    .remedy = "Claim with the carrier within the contract's window; ask it to block payment to the ranges.",
    .reference = "ITU-T E.156; CFCA",
};
inline constexpr report::Rule kContainmentSeen{
    .id = "TL-009",
    .name = "containment-seen",
    .severity = report::Severity::kInfo,
    .title = "When the attacker was stopped",
    .trigger =
        "The hostile source or account goes from success to refusals (401 in spite of credentials, 403) or "
        "silence, or its attempts end for 30 minutes. Where they ended before any refusal, the cause is "
        "unknown and said to be.",
    .rationale = "Only a refusal proves that something was done; an attacker may also just rest.",
    .remedy = "Nothing to do if the block holds.",
    .reference = "NIST SP 800-61 rev 3",
};
inline constexpr report::Rule kReturnAfterContainment{
    .id = "TL-010",
    .name = "return-after-containment",
    .severity = report::Severity::kHigh,
    .title = "The attacker came back after a block",
    .trigger =
        "The same party has success again after all it tried had been refused for at least 10 minutes. A new "
        "scan without success does not count.",
    .rationale = "A path remains: a second contact, another trunk, a password leaked elsewhere.",
    .remedy = "Find the remaining path before lifting any alarm.",
    .reference = "MITRE ATT&CK TA0003",
};
inline constexpr report::Rule kExposureWindow{
    .id = "TL-011",
    .name = "exposure-window",
    .severity = report::Severity::kHigh,
    .title = "How long content or credentials lay open",
    .trigger =
        "From the first to the last answered call whose SRTP keys went over the wire in clear signalling: calls, "
        "parties, minutes. High where the media of such a call is in the capture, else medium. What else lay open "
        "(media in clear, keypad digits) is judged by srtp-check.",
    .rationale = "The window decides who has to be told.",
    .remedy = "Carry SIP over TLS, or key media with DTLS-SRTP; run srtp-check on the same inputs.",
    .reference = "45 CFR 164.404(c); GDPR article 33(3)",
};
inline constexpr report::Rule kEvidenceGap{
    .id = "TL-012",
    .name = "evidence-gap",
    .severity = report::Severity::kMedium,
    .title = "The capture has holes",
    .trigger =
        "No packets of an input for 60 s or more where it normally holds more than one a second, or where all its "
        "other "
        "silences are ten times shorter and what is missing is less than a twentieth of it; packets lost "
        "by the capture itself; packets cut by the snap length; more than 5 % of at least 20 calls of which only one "
        "direction was captured. A quiet night is no hole.",
    .rationale = "What happened in a hole is not in this report, and silence may be a missing packet.",
    .remedy =
        "Capture at a better point (span port, HEP mirror of the proxy) with a larger buffer; state the "
        "limits in the report.",
    .reference = "NIST SP 800-86 section 6; ISO/IEC 27037",
};
inline constexpr report::Rule kClocksDisagree{
    .id = "TL-013",
    .name = "clocks-disagree",
    .severity = report::Severity::kLow,
    .title = "Clocks do not agree",
    .trigger =
        "Packets of an input go back in time by more than 1 ms; the same messages stand in two inputs, or at two HEP "
        "agents, with times that differ by a steady offset of more than 50 ms; the Date headers or the RTCP sender "
        "reports of a sender are "
        "steadily more than 30 s away. Medium above 2 s. Offsets that --align-clocks corrected are told, not found.",
    .rationale = "Order and causes are read from times: a clock that is off tells the wrong story.",
    .remedy = "Synchronise all hosts by NTP. Document the offsets; never edit the files.",
    .reference = "RFC 3227 section 2; PCI DSS Req. 10.6",
};
inline constexpr report::Rule kInputIntegrity{
    .id = "TL-014",
    .name = "input-integrity",
    .severity = report::Severity::kInfo,
    .title = "Identity of the inputs",
    .trigger =
        "Told for every input that was hashed: with --hash or --case, or where a file NAME.sha256 lies beside it. High "
        "when the hash differs from the one there, or the file changed while it was read.",
    .rationale = "A report stands only as long as its inputs can be shown to be the same.",
    .remedy = "When a hash differs, acquire the file again from its source.",
    .reference = "ISO/IEC 27037; NIST SP 800-86 section 3.1; FIPS 180-4",
};
inline constexpr report::Rule kCustodyRecord{
    .id = "TL-015",
    .name = "custody-record",
    .severity = report::Severity::kInfo,
    .title = "Custody record",
    .trigger =
        "Told with --case: this run is added to the custody log of the case (who, when, command, hashes of inputs and "
        "outputs, each line with the hash of the line before). High when that chain does not hold.",
    .rationale = "Who did what with the evidence has to be shown later.",
    .remedy = "Sign the log's last hash outside of it.",
    .reference = "ISO/IEC 27037 section 6; RFC 3227 section 4; NIST SP 800-86 section 3",
};
inline constexpr report::Rule kEditedCaptureSigns{
    .id = "TL-016",
    .name = "edited-capture-signs",
    .severity = report::Severity::kMedium,
    .title = "Signs that a capture was edited",
    .trigger =
        "The file names an editing program as its writer; 50 or more packets in a row with the same time; packets out "
        "of order within one interface, or of one interface behind later ones of another; wrong UDP checksums of a "
        "sender whose others are right; bytes missing in TCP streams without any loss told; an archive's export. Not "
        "for rotated files, a documented merge, or a sender whose checksums are left to its network card.",
    .rationale = "An edited file may lack what somebody did not want to be seen.",
    .remedy = "Ask for the original.",
    .reference = "RFC 3227 section 2.4; ISO/IEC 27042",
};
inline constexpr report::Rule kIndicatorList{
    .id = "TL-017",
    .name = "indicator-list",
    .severity = report::Severity::kInfo,
    .title = "Indicators to search for elsewhere",
    .trigger =
        "Hostile addresses, tools and numbers of certain and probable incidents, with the times of first and "
        "last sight.",
    .rationale = "The same party is likely to have tried, or to try, other systems.",
    .remedy = "Search other logs for them; share them under a TLP marking.",
    .reference = "STIX 2.1; TLP 2.0",
};
inline constexpr report::Rule kAffectedParties{
    .id = "TL-018",
    .name = "affected-parties",
    .severity = report::Severity::kInfo,
    .title = "Who is affected",
    .trigger = "Accounts, numbers and destinations touched by compromise or abuse. Not by a scan alone.",
    .rationale = "Those affected may have to be told.",
    .remedy = "Hand the list to whoever decides about notifications.",
    .reference = "47 CFR 64.2011; GDPR article 33(3)(a)",
};
inline constexpr report::Rule kConfidenceAndAlternatives{
    .id = "TL-019",
    .name = "confidence-and-alternatives",
    .severity = report::Severity::kInfo,
    .title = "What is proven, what is probable, what else it could be",
    .trigger = "Told once for the gravest campaign.",
    .rationale = "A finding that is repeated without its doubt becomes a wrong fact.",
    .remedy = "Test the harmless explanations against what you know of the site.",
    .reference = "ISO/IEC 27042; NIST SP 800-86 section 3.4",
};
inline constexpr report::Rule kNotificationClock{
    .id = "TL-020",
    .name = "notification-clock",
    .severity = report::Severity::kInfo,
    .title = "Notification periods that may apply",
    .trigger =
        "Told when accounts or persons are affected: the next deadlines of the table, each with its "
        "assumption. A person decides whether a regime applies and when its clock starts.",
    .rationale = "Several regimes count from awareness, in hours.",
    .remedy =
        "Have a lawyer decide; --deadlines FILE replaces the table, --aware-at TIME sets when the incident "
        "became known.",
    .reference = "notification-deadlines.csv",
};

inline constexpr std::array kTimelineRules{
    &kPhaseAssignment,
    &kIncidentGrouping,
    &kFirstHostileAct,
    &kDwellTime,
    &kEntryPoint,
    &kCredentialsToReset,
    &kSpread,
    &kAbuseProfile,
    &kContainmentSeen,
    &kReturnAfterContainment,
    &kExposureWindow,
    &kEvidenceGap,
    &kClocksDisagree,
    &kInputIntegrity,
    &kCustodyRecord,
    &kEditedCaptureSigns,
    &kIndicatorList,
    &kAffectedParties,
    &kConfidenceAndAlternatives,
    &kNotificationClock,
};

// With those of the analysis whose incidents are told: all that may stand in a report.
inline constexpr auto kRules = [] {
  std::array<const report::Rule*, fraud::kRules.size() + kTimelineRules.size()> all{};
  std::ranges::copy(kTimelineRules, std::ranges::copy(fraud::kRules, all.begin()).out);
  return all;
}();

}  // namespace voip::analyze::timeline
