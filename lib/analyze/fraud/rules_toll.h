#pragma once

#include <array>

#include "report/rule.h"

namespace voip::analyze::fraud {

using report::Rule;
using report::Severity;

inline constexpr Rule kDialPlanProbing{
    .id = "FRAUD-040",
    .name = "dial-plan-probing",
    .severity = Severity::kHigh,
    .title = "Dial-plan probing",
    .trigger =
        "One source or account dials 3 or more forms of one number within 10 minutes (same last 9 digits behind "
        "different prefixes), most of them failing; or the same slowly, within 24 hours. Not for two forms: people "
        "retry with and without 9.",
    .rationale = "It is the step right before theft: the prober looks for the form that reaches an outside line.",
    .remedy =
        "Allow one dialling form for each trunk and deny the rest. kamailio: challenge INVITE before any routing, drop "
        "unknown sources; asterisk: no anonymous endpoint, strict patterns in the context of each endpoint. If a form "
        "worked, close that route first, then look for the calls that followed.",
    .reference = "MITRE ATT&CK T1595.003",
};

inline constexpr Rule kHighRiskDestination{
    .id = "FRAUD-041",
    .name = "high-risk-destination",
    .severity = Severity::kHigh,
    .title = "Call to a high-risk destination",
    .trigger =
        "A call to a destination of tier critical (high) or high (medium) that is not on the site's allow list; one "
        "level more when answered. A single call that nothing else makes suspect is told as an anomaly.",
    .rationale =
        "International revenue share fraud sends calls to expensive ranges whose owners pay the caller: each minute is "
        "money gone.",
    .remedy =
        "Block tier critical by default. kamailio: no such prefix in drouting, or an allow-prefix htable; asterisk: a "
        "context of its own for international calls, with an allow list or a PIN. Stop the account, keep the evidence, "
        "call the carrier.",
    .reference = "ITU-T E.164; MITRE ATT&CK T1496",
};

inline constexpr Rule kPremiumNumber{
    .id = "FRAUD-042",
    .name = "premium-number",
    .severity = Severity::kHigh,
    .title = "Premium or pay-per-call number",
    .trigger = "A call to 1-900, to an exchange 976, to a premium range or +979. Not when the policy allows it.",
    .rationale = "Whoever owns the number earns with every call.",
    .remedy = "Block these ranges in the dial plan and at the carrier.",
    .reference = "47 CFR 64.1501",
};

inline constexpr Rule kDestinationNotAllowed{
    .id = "FRAUD-043",
    .name = "destination-not-allowed",
    .severity = Severity::kMedium,
    .title = "Destination outside the allowed list",
    .trigger =
        "The policy lists allowed (or blocked) destinations, and a call goes elsewhere; high when it was answered for "
        "60 s or more. Emergency numbers are always allowed.",
    .rationale = "What the policy forbids should not be possible at all.",
    .remedy = "Enforce the same list in the switch.",
    .reference = "the site's policy",
};

inline constexpr Rule kSatelliteOrUnassigned{
    .id = "FRAUD-044",
    .name = "satellite-or-unassigned",
    .severity = Severity::kHigh,
    .title = "Satellite, global or unassigned code",
    .trigger = "A call to a satellite, global or unassigned code. Not when the policy allows it (ships).",
    .rationale =
        "Minutes cost several dollars; an answer on an unassigned code means a hijacked range or a false answer.",
    .remedy = "Block these codes; ask the carrier about answered calls to unassigned ones.",
    .reference = "ITU-T E.164 list of assigned codes",
};

inline constexpr Rule kForeignNanp{
    .id = "FRAUD-045",
    .name = "foreign-nanp-as-domestic",
    .severity = Severity::kMedium,
    .title = "Foreign number that looks domestic",
    .trigger =
        "A country inside the North American plan is dialled as 1+10 or 10 digits by a site in another one. Not for US "
        "territories, nor where allowed.",
    .rationale = "Callers and dial plans take it for a domestic call; it is billed as international.",
    .remedy = "Treat the listed area codes as international in the dial plan.",
    .reference = "NANPA; FCC consumer guide on one-ring calls",
};

inline constexpr Rule kFirstCallToCountry{
    .id = "FRAUD-046",
    .name = "first-call-to-country",
    .severity = Severity::kLow,
    .title = "First call of an account to a country",
    .trigger =
        "A country that the account never called in an earlier run's profile or, without one, in the first half of the "
        "inputs (20 calls of history or more). Medium with another "
        "sign within 24 hours.",
    .rationale = "New habits are how theft begins; alone it is no more than a note.",
    .remedy = "Ask the user; let first calls to a country need an approval.",
    .reference = "MITRE ATT&CK T1657",
};

inline constexpr Rule kOffHours{
    .id = "FRAUD-047",
    .name = "off-hours-calling",
    .severity = Severity::kMedium,
    .title = "Calls outside of office hours",
    .trigger =
        "Outside of the site's hours an account without such a habit makes 3 or more external calls, or 30 minutes in "
        "all, abroad or to premium numbers. High with a destination of tier high or above. Not inbound calls.",
    .rationale = "Thieves call when nobody looks.",
    .remedy = "Time-based dial permissions; alert at once, not in the morning.",
    .reference = "the site's policy",
};

inline constexpr Rule kConcurrency{
    .id = "FRAUD-048",
    .name = "concurrency-above-norm",
    .severity = Severity::kHigh,
    .title = "More simultaneous calls than the account ever has",
    .trigger =
        "External outbound calls of one account at the same time above the limit (fraud.max_concurrent, 5; 2 to "
        "destinations of tier high or above) and above what the account used before. Not for accounts whose normal it "
        "is.",
    .rationale = "A desk phone has two calls; a stolen account is used by a machine.",
    .remedy = "Limit calls for each account. kamailio: dialog profiles, get_profile_size(); asterisk: GROUP_COUNT().",
    .reference = "MITRE ATT&CK T1496",
};

inline constexpr Rule kVelocity{
    .id = "FRAUD-049",
    .name = "call-velocity",
    .severity = Severity::kHigh,
    .title = "Calls faster than a person dials",
    .trigger =
        "One account makes 10 international attempts or 30 external ones within 5 minutes, or 20 within 10 minutes "
        "with a "
        "modified z-score above 3.5 against the first half of the inputs. Not for accounts whose normal it is.",
    .rationale = "Machines drain an account in minutes.",
    .remedy = "Rate limits for each account.",
    .reference = "MITRE ATT&CK T1496",
};

inline constexpr Rule kDuration{
    .id = "FRAUD-050",
    .name = "duration-outlier",
    .severity = Severity::kMedium,
    .title = "Unusual call durations",
    .trigger =
        "A call above 4 hours, an international one above an hour and above the account's median and 3.5 MAD, or 10 or "
        "more "
        "calls of more than a minute to one prefix that last all the same. High to destinations of tier high or above.",
    .rationale = "Money is made by the minute: machines hold calls as long as they can, or exactly as long as planned.",
    .remedy = "A maximum call length for each class of destination; session timers.",
    .reference = "RFC 4028",
};

inline constexpr Rule kSequential{
    .id = "FRAUD-051",
    .name = "sequential-dialling",
    .severity = Severity::kMedium,
    .title = "Sequential dialling",
    .trigger =
        "Five or more consecutive calls whose numbers rise or fall by 1 to 10, or 10 numbers of one block of 100, "
        "within 10 minutes. High with FRAUD-052 or 059 over 200 calls or more.",
    .rationale = "People do not call neighbours in order: war dialling, robocalls, tests of revenue share ranges.",
    .remedy = "Rate limits; find who sends them.",
    .reference = "MITRE ATT&CK T1595",
};

inline constexpr Rule kSeizureQuality{
    .id = "FRAUD-052",
    .name = "seizure-quality",
    .severity = Severity::kMedium,
    .title = "Answer ratio or duration out of order",
    .trigger =
        "50 or more attempts of an account or trunk within an hour with an ASR below 30 % (and 20 points below the "
        "baseline), an average answered call under 10 s or above 20 minutes and far from the baseline, or a NER below "
        "90 %.",
    .rationale = "Robocalls, scans and pumped traffic show in the ratios before anything else.",
    .remedy = "Separate scans from calls, then look for the cause.",
    .reference = "ITU-T E.425; ITU-T E.411",
};

inline constexpr Rule kFalseAnswer{
    .id = "FRAUD-053",
    .name = "false-answer-signs",
    .severity = Severity::kMedium,
    .title = "Signs of false answer supervision",
    .trigger =
        "To one prefix, or over one carrier while others ring: 20 or more calls to five numbers or more, of which more "
        "than 95 % are answered within a second, within three where it rang at once, or without any ringing. Or three "
        "calls to three numbers whose clear G.711 audio is a ring-back tone, or silence where others are heard, for "
        "three seconds after the answer, four fifths of those that can be heard. Other codecs and encrypted media are "
        "not assessable. Not for conference and voice-menu numbers: they are few.",
    .rationale = "Somebody on the way answers, and bills, before the called party does.",
    .remedy = "Dispute with the carrier, route elsewhere.",
    .reference = "ITU-T E.425",
};

inline constexpr Rule kWangiriLure{
    .id = "FRAUD-054",
    .name = "wangiri-lure",
    .severity = Severity::kMedium,
    .title = "Wangiri: calls that ring once",
    .trigger =
        "Within an hour 20 or more inbound calls from one number, or from one block of numbers, to 10 or more of the "
        "site's numbers (fewer where the caller's country is of tier high), each ringing less than 5 s, answered under "
        "5 %. High when the caller's tier is high or above, or when a line of this site sends such calls. Not for "
        "calls "
        "that people gave up after ringing long.",
    .rationale = "Whoever calls back pays a premium rate.",
    .remedy = "Block the caller's range in both directions, warn the users.",
    .reference = "47 CFR 64.1200(k); FCC consumer guide on one-ring calls",
};

inline constexpr Rule kWangiriCallBack{
    .id = "FRAUD-055",
    .name = "wangiri-call-back",
    .severity = Severity::kHigh,
    .title = "Somebody called back a wangiri number",
    .trigger = "An outbound answered call to a number that lured within 72 hours.",
    .rationale = "The lure worked: this call costs.",
    .remedy = "Block the numbers of the lure for outbound calls.",
    .reference = "FCC consumer guide on one-ring calls",
};

inline constexpr Rule kPumping{
    .id = "FRAUD-056",
    .name = "traffic-pumping",
    .severity = Severity::kMedium,
    .title = "Traffic pumping",
    .trigger =
        "Inbound: 20 or more calls to one toll-free or own number from callers that change all the time, each held for "
        "5 minutes or more and nearly equally long. Outbound: more than a tenth of all minutes to one block of "
        "numbers, 20 minutes and more on average.",
    .rationale = "Somebody is paid for the minutes that such calls fill.",
    .remedy = "Time-outs in voice menus, caller validation, a dispute with the carrier.",
    .reference = "47 CFR 61.3(bbb)",
};

inline constexpr Rule kHijackedAccount{
    .id = "FRAUD-057",
    .name = "hijacked-account",
    .severity = Severity::kCritical,
    .title = "An account is being used by a thief",
    .trigger =
        "Within 24 hours the signs on one account add up to 6 or more: success after guessing 4, registration hijack "
        "4, digest leak answered 3, dial-plan probing 3, critical destination 3 or high 2, concurrency 2, velocity 2, "
        "unknown source 2, off hours 1, durations 1, new device 1.",
    .rationale = "Each sign alone has innocent explanations; all at once have not.",
    .remedy =
        "Disable the account now, end its calls, remove its registrations, keep the capture, call the carrier's fraud "
        "desk. Then change the password and look for others that were tried from the same source.",
    .reference = "MITRE ATT&CK T1078; MITRE ATT&CK T1496; MITRE ATT&CK T1657",
};

inline constexpr Rule kSpoofing{
    .id = "FRAUD-058",
    .name = "caller-id-spoofing",
    .severity = Severity::kMedium,
    .title = "Signs of a spoofed caller",
    .trigger =
        "An inbound external call claims one of the site's own numbers or extensions (high), a number that cannot "
        "exist, one that somebody on the way found forged (verstat), or one that the call's own PASSporT does not name "
        "or whose signature fails (STIR-019; STIR-022 where --certs gives the certificate); a note where From and "
        "P-Asserted-Identity differ without a request for privacy. Not for forwarded calls (Diversion, History-Info, "
        "div).",
    .rationale = "Callers with the numbers of colleagues are believed.",
    .remedy = "Reject external calls that claim own numbers; verify STIR/SHAKEN signatures.",
    .reference = "47 CFR 64.1604",
};

inline constexpr Rule kCallerRotation{
    .id = "FRAUD-059",
    .name = "caller-rotation",
    .severity = Severity::kMedium,
    .title = "Callers that change with each call",
    .trigger =
        "One source uses 20 or more caller numbers within 10 minutes with fewer than 2 calls each, or of 50 inbound "
        "calls within an hour 60 % share their first 6 digits with the called number. Trunks are told apart by the "
        "callers' fingerprints.",
    .rationale = "Robocallers rotate numbers so that no list catches them.",
    .remedy = "Block by analytics, ask for a traceback.",
    .reference = "47 CFR 64.1200(k)(3); MITRE ATT&CK T1656",
};

inline constexpr Rule kTransfer{
    .id = "FRAUD-060",
    .name = "transfer-abuse",
    .severity = Severity::kHigh,
    .title = "Transfer abuse",
    .trigger =
        "A REFER from an external or unknown party that was accepted and leads to an external number, or an INVITE "
        "with Replaces for a dialog that is not its own. Not for transfers between registered users.",
    .rationale = "The site pays for the leg that a stranger asked for.",
    .remedy =
        "kamailio: refuse REFER from outside; asterisk: allow_transfer=no on trunks. Toll permissions of the "
        "transferor apply to the new leg.",
    .reference = "RFC 3515 section 5; RFC 3891 section 8",
};

inline constexpr Rule kRedirectAbuse{
    .id = "FRAUD-061",
    .name = "redirect-abuse",
    .severity = Severity::kHigh,
    .title = "Redirect or diversion abuse",
    .trigger = "A 3xx from an external party is followed by a call to its contact at the site's cost.",
    .rationale = "Whoever answers the call chooses where the site pays to.",
    .remedy = "Do not follow 3xx of external parties; asterisk: redirect_method=user; strip Diversion from customers.",
    .reference = "RFC 3261 section 8.1.3.4; RFC 5806",
};

inline constexpr Rule kForwardAbuse{
    .id = "FRAUD-062",
    .name = "call-forward-abuse",
    .severity = Severity::kHigh,
    .title = "Call forwarding set and then abused",
    .trigger =
        "A forwarding code (*72, *73, *90, *92, *21 and their like) with an external target of tier high, or an "
        "account whose inbound calls are from then on sent abroad.",
    .rationale = "One code turns a phone into a relay that the site pays for.",
    .remedy = "Deny forwarding to international numbers; tell the user of each change.",
    .reference = "MITRE ATT&CK T1098",
};

inline constexpr Rule kVoicemail{
    .id = "FRAUD-063",
    .name = "voicemail-or-disa",
    .severity = Severity::kMedium,
    .title = "Attempts on voicemail or DISA",
    .trigger =
        "10 or more inbound calls below 60 s from one caller to one number, or repeated keypad input; high when an "
        "outbound external call follows within 120 s on the same call.",
    .rationale = "Voicemail with through-dial and DISA are doors to the outside line.",
    .remedy = "No through-dial from voicemail; PINs of 6 digits with a lock-out; close DISA.",
    .reference = "NIST SP 800-58; MITRE ATT&CK T1110.001",
};

inline constexpr Rule kLoop{
    .id = "FRAUD-064",
    .name = "loop-or-trombone",
    .severity = Severity::kMedium,
    .title = "Call loops",
    .trigger =
        "The same call comes back: Max-Forwards below 20, more than 15 Via, or a host that sees one call again and "
        "again.",
    .rationale = "Loops multiply calls and cost; attackers build them on purpose.",
    .remedy = "Loop detection; kamailio: mf_process_maxfwd_header(\"10\").",
    .reference = "RFC 5393; RFC 3261 section 16.3",
};

inline constexpr Rule kBypass{
    .id = "FRAUD-065",
    .name = "sim-box",
    .severity = Severity::kLow,
    .title = "Signs of bypass termination (SIM box)",
    .trigger =
        "20 or more inbound calls of a trunk come from a handful of domestic mobile callers that each call many "
        "different numbers and never are called.",
    .rationale =
        "International calls arrive over a rack of SIM cards: their quality and their callers are not what they claim.",
    .remedy = "Test calls; ask the carrier.",
    .reference = "47 CFR 64.1604",
};

inline constexpr Rule kMessageSpam{
    .id = "FRAUD-066",
    .name = "message-spam",
    .severity = Severity::kMedium,
    .title = "MESSAGE spam",
    .trigger = "MESSAGE from an external source to 10 or more users within 10 minutes. Not for a peer.",
    .rationale = "Phones show what anyone on the internet sends.",
    .remedy = "Authenticate MESSAGE.",
    .reference = "RFC 3428",
};

inline constexpr Rule kEmergencyAbuse{
    .id = "FRAUD-067",
    .name = "emergency-call-abuse",
    .severity = Severity::kCritical,
    .title = "Emergency calls in a row",
    .trigger =
        "More than 3 calls to emergency numbers from one account within 10 minutes. Not for 933 tests, nor one retry.",
    .rationale = "It may be an emergency, a fault, or an attack on the emergency service.",
    .remedy = "Never block emergency calls by machine: a person must look now.",
    .reference = "47 CFR 9.10",
};

inline constexpr Rule kDeviceChange{
    .id = "FRAUD-068",
    .name = "device-change",
    .severity = Severity::kLow,
    .title = "An account's device changed",
    .trigger =
        "The User-Agent family of an account changes to another maker's from another network. Not for another version "
        "of the same.",
    .rationale = "It is how a stolen account first shows.",
    .remedy = "Provisioning lock, mutual TLS; ask the user.",
    .reference = "MITRE ATT&CK T1078",
};

inline constexpr Rule kImpact{
    .id = "FRAUD-069",
    .name = "impact-estimate",
    .severity = Severity::kInfo,
    .title = "What it cost",
    .trigger = "Any campaign of toll fraud with answered calls.",
    .rationale = "To decide what comes first, and for the carrier.",
    .remedy = "Give --rates for real prices.",
    .reference = "the site's rate table",
};

inline constexpr Rule kAccountSummary{
    .id = "FRAUD-070",
    .name = "account-summary",
    .severity = Severity::kInfo,
    .title = "Accounts at a glance",
    .trigger = "Counted for each account with calls; the table is in the report.",
    .rationale = "Who called where, from which addresses.",
    .remedy = "Review it weekly.",
    .reference = "the site's policy",
};

inline constexpr std::array kTollRules{
    &kDialPlanProbing,
    &kHighRiskDestination,
    &kPremiumNumber,
    &kDestinationNotAllowed,
    &kSatelliteOrUnassigned,
    &kForeignNanp,
    &kFirstCallToCountry,
    &kOffHours,
    &kConcurrency,
    &kVelocity,
    &kDuration,
    &kSequential,
    &kSeizureQuality,
    &kFalseAnswer,
    &kWangiriLure,
    &kWangiriCallBack,
    &kPumping,
    &kHijackedAccount,
    &kSpoofing,
    &kCallerRotation,
    &kTransfer,
    &kRedirectAbuse,
    &kForwardAbuse,
    &kVoicemail,
    &kLoop,
    &kBypass,
    &kMessageSpam,
    &kEmergencyAbuse,
    &kDeviceChange,
    &kImpact,
    &kAccountSummary,
};

}  // namespace voip::analyze::fraud
