#pragma once

#include <array>

#include "report/rule.h"

// The checks of reconnaissance, guessing, take-over, floods and malformed input (FRAUD-001 to FRAUD-036).
namespace voip::analyze::fraud {

inline constexpr report::Rule kKnownScanner{
    .id = "FRAUD-001",
    .name = "known-scanner",
    .severity = report::Severity::kMedium,
    .title = "Known scanner by name",
    .trigger =
        "Name signs (User-Agent, From display name, default URIs, SDP session name) of one tool that weigh 3 or more "
        "come from one source. It names the tool of that source's scan, guessing or flood, and is an incident of its "
        "own only where there is none. Not for monitors and agreed tests of the policy.",
    .rationale =
        "Attack programs are run with their default names by most who run them; a host that answered them is on "
        "somebody's list now.",
    .remedy =
        "Drop such requests at the edge without an answer. kamailio: compare $ua at the top of the request route and "
        "exit, or secfilter; asterisk: an ACL and log-driven bans.",
    .reference = "MITRE ATT&CK T1595.002",
};

inline constexpr report::Rule kSipviciousStructure{
    .id = "FRAUD-002",
    .name = "sipvicious-structure",
    .severity = report::Severity::kMedium,
    .title = "SIPVicious by structure",
    .trigger =
        "Two or more structural signs of SIPVicious (decimal branch and Call-ID, From tag that decodes from hex to "
        "text, Contact sip:123@1.1.1.1, Accept on REGISTER) with another User-Agent. Not for a decimal Call-ID alone: "
        "some phones send one.",
    .rationale = "The name of the program is one option away from being changed; how it builds its requests is not.",
    .remedy =
        "Drop such requests at the edge without an answer. kamailio: compare $ua at the top of the request route and "
        "exit, or secfilter; asterisk: an ACL and log-driven bans.",
    .reference = "MITRE ATT&CK T1595.002",
};

inline constexpr report::Rule kSipptsStructure{
    .id = "FRAUD-003",
    .name = "sippts-structure",
    .severity = report::Severity::kMedium,
    .title = "sippts by structure or sample keys",
    .trigger =
        "Two or more structural signs of sippts (71 letters and digits as branch without the magic cookie, 32 hex "
        "digits as Call-ID, its SDP, its sample SRTP keys). Not for a branch without the cookie alone: RFC 2543 "
        "devices send one.",
    .rationale = "The name of the program is one option away from being changed; how it builds its requests is not.",
    .remedy =
        "Drop such requests at the edge without an answer. kamailio: compare $ua at the top of the request route and "
        "exit, or secfilter; asterisk: an ACL and log-driven bans.",
    .reference = "MITRE ATT&CK T1595.002; RFC 3261 section 8.1.1.7",
};

inline constexpr report::Rule kServiceProbe{
    .id = "FRAUD-004",
    .name = "service-probe",
    .severity = report::Severity::kLow,
    .title = "Service detection probe",
    .trigger =
        "The fixed request of a network scanner's service detection (nm@nm); or TCP connections of a stranger to a "
        "port "
        "of SIP that carry HTTP, two kinds of other openings, or three different TLS offers that are left at once. "
        "What "
        "follows a whole TLS handshake is judged with its keys only, else not assessable. Not for the site's own "
        "hosts, "
        "partners, monitors, agreed tests of the policy, nor for WebSocket upgrades.",
    .rationale = "Whoever maps services comes back for those that answered.",
    .remedy = "Do not answer requests for unknown domains; hide the server's name and version.",
    .reference = "MITRE ATT&CK T1046",
};

inline constexpr report::Rule kHorizontalSweep{
    .id = "FRAUD-005",
    .name = "horizontal-sweep",
    .severity = report::Severity::kMedium,
    .title = "Horizontal sweep",
    .trigger =
        "One source sends a first request to 5 or more hosts in 60 s, or 20 in 24 h, that never spoke to it before. "
        "Not for peers, monitors (the same hosts again and again at a steady interval), registrars, proxies, and "
        "servers "
        "that ask their own phones whether they are there.",
    .rationale = "A sweep finds the servers that attacks are aimed at next.",
    .remedy = "Ban the source at the edge (kamailio: htable ipban with autoexpire; a public SIP block list feed).",
    .reference = "MITRE ATT&CK T1595.001",
};

inline constexpr report::Rule kPortSweep{
    .id = "FRAUD-006",
    .name = "port-sweep",
    .severity = report::Severity::kLow,
    .title = "Vertical port sweep",
    .trigger =
        "SIP requests to 5 or more ports of one host in 60 s. Not for ports from which the host's own requests came.",
    .rationale = "It looks for SIP services that hide on other ports.",
    .remedy = "Open only the ports in use in the firewall.",
    .reference = "MITRE ATT&CK T1595.001; MITRE ATT&CK T1046",
};

inline constexpr report::Rule kRegistrationScan{
    .id = "FRAUD-007",
    .name = "registration-scan",
    .severity = report::Severity::kMedium,
    .title = "Registration scan",
    .trigger =
        "20 or more REGISTER requests without credentials for 10 or more addresses of record in 10 min from one "
        "source. Not for mass registration after an outage: known devices that then succeed.",
    .rationale = "The answers tell which accounts exist.",
    .remedy = "Answer all addresses of record alike, limit the rate, filter by country.",
    .reference = "MITRE ATT&CK T1589.001; MITRE ATT&CK T1595.003",
};

inline constexpr report::Rule kInviteScanRule{
    .id = "FRAUD-008",
    .name = "invite-scan",
    .severity = report::Severity::kHigh,
    .title = "INVITE scan without authentication",
    .trigger =
        "5 or more INVITEs without credentials to different users in 10 min (20 in 24 h, or 10 half of whom do not "
        "exist) from a host that is no peer; high when one rang or was answered. Also a call from a stranger that was "
        "put through without a challenge, where others are challenged or it was dialled to the outside. A peer need "
        "not be configured: calls go both ways, or its calls are answered like ordinary ones.",
    .rationale = "Phones ring at night, and one answered call shows a way to place calls without an account.",
    .remedy =
        "Challenge or drop INVITEs from unknown sources. asterisk: identify endpoints by address and have no anonymous "
        "endpoint; phones: accept calls from the proxy only.",
    .reference = "MITRE ATT&CK T1595.003",
};

inline constexpr report::Rule kDistributedRecon{
    .id = "FRAUD-009",
    .name = "distributed-recon",
    .severity = report::Severity::kMedium,
    .title = "Slow or distributed reconnaissance",
    .trigger =
        "Five or more sources that share a fingerprint (User-Agent, order of header fields) together reach a limit of "
        "FRAUD-005 to 010 while each stays below. Not where known devices have that fingerprint.",
    .rationale = "Spreading a scan over many addresses passes every limit that counts by source.",
    .remedy = "Block by fingerprint and feed the list of sources to the edge.",
    .reference = "MITRE ATT&CK T1595",
};

inline constexpr report::Rule kEnumerationRule{
    .id = "FRAUD-010",
    .name = "extension-enumeration",
    .severity = report::Severity::kMedium,
    .title = "Extension enumeration",
    .trigger =
        "One source tries 20 or more users in 60 s or 50 in 10 min (or 20 in all without any success) by REGISTER, "
        "INVITE, OPTIONS or SUBSCRIBE, and 80 % or more of the answers (a block may have ended them) are 401, 403, "
        "404, "
        "407, 480 or 484; high when the "
        "answers tell users that exist from others. Not for peers and offices whose accounts log in.",
    .rationale = "With the list of accounts, guessing passwords begins.",
    .remedy =
        "Answer known and unknown users alike (kamailio: challenge before lookup; asterisk does so for unknown "
        "endpoints), ban sources that try many users.",
    .reference = "MITRE ATT&CK T1087; RFC 3261 section 22",
};

inline constexpr report::Rule kBruteForceRule{
    .id = "FRAUD-011",
    .name = "brute-force",
    .severity = report::Severity::kHigh,
    .title = "Online brute force on one account",
    .trigger =
        "10 or more refused logins for one account from one source in 10 min, or 30 in 24 h; critical at 1,000 in 24 "
        "h. A login is a request with credentials: first challenges, stale nonces and retransmissions never count. Not "
        "for a misconfigured device (FRAUD-013).",
    .rationale = "Passwords of phones are often short; given time, guessing finds them.",
    .remedy =
        "Lock or delay after 5 to 10 failures, long random passwords, registration from listed networks only. "
        "kamailio: htable counter on the result of auth_check; asterisk: fail2ban on security log events.",
    .reference = "MITRE ATT&CK T1110.001; PCI DSS v4.0.1 requirement 8.3.4; NIST SP 800-63B",
};

inline constexpr report::Rule kPasswordSprayingRule{
    .id = "FRAUD-012",
    .name = "password-spraying",
    .severity = report::Severity::kHigh,
    .title = "Password spraying",
    .trigger =
        "One source, 8 or more accounts with a few refused logins each and no account with most of them, in 10 min "
        "(slowly: 20 accounts in 24 h). Not for an office behind NAT after an outage: accounts known from there, "
        "success follows.",
    .rationale = "A common password tried on every account passes each account's own limit.",
    .remedy = "Limit refused logins by source over all accounts; forbid shared passwords.",
    .reference = "MITRE ATT&CK T1110.003",
};

inline constexpr report::Rule kMisconfiguredDeviceRule{
    .id = "FRAUD-013",
    .name = "misconfigured-device",
    .severity = report::Severity::kLow,
    .title = "Misconfigured device",
    .trigger =
        "One account from one source fails at a steady interval of 10 s or more for 10 min or more, or with one "
        "Call-ID and rising CSeq, and is known there: it succeeded before, is on the site's networks, or nobody else "
        "uses the account.",
    .rationale = "Its noise hides attacks and can lock the account.",
    .remedy = "Repair the password; slow down the device's retries.",
    .reference = "RFC 3261 section 22.2",
};

inline constexpr report::Rule kCredentialStuffingRule{
    .id = "FRAUD-014",
    .name = "credential-stuffing",
    .severity = report::Severity::kHigh,
    .title = "Credential stuffing",
    .trigger =
        "One source or cluster, 10 or more accounts with one or two attempts each, names that are no numeric run, and "
        "a success or mostly accounts that do not exist here.",
    .rationale = "Leaked name and password pairs are tried everywhere; each pair needs one attempt only.",
    .remedy = "Reset the accounts that succeeded; give every device its own generated password.",
    .reference = "MITRE ATT&CK T1110.004",
};

inline constexpr report::Rule kDistributedGuessing{
    .id = "FRAUD-015",
    .name = "distributed-guessing",
    .severity = report::Severity::kHigh,
    .title = "Distributed guessing on one account",
    .trigger =
        "Refused logins for one account from 5 or more sources in 24 h, 20 or more in all, each source below "
        "FRAUD-011; or five or more sources that guess slowly, or with requests built alike, on the same few accounts. "
        "Not for a user who roams between two networks.",
    .rationale = "Limits by source never see it.",
    .remedy = "Limit refused logins by account whatever the source; allow countries by account.",
    .reference = "MITRE ATT&CK T1110",
};

inline constexpr report::Rule kSuccessAfterFailures{
    .id = "FRAUD-016",
    .name = "success-after-failures",
    .severity = report::Severity::kCritical,
    .title = "Success after failures",
    .trigger =
        "A source that guessed (FRAUD-010 to 015), or was refused 5 times for this account in 24 h, then has a "
        "REGISTER with credentials accepted, or an INVITE with credentials passes. Not for a known device whose "
        "password was repaired.",
    .rationale = "The password was found: calls can be placed and received in the account's name now.",
    .remedy = "Reset the password, remove the contacts, block the source, review the calls since.",
    .reference = "MITRE ATT&CK T1078; MITRE ATT&CK T1110",
};

inline constexpr report::Rule kCredentialReplayRule{
    .id = "FRAUD-017",
    .name = "credential-replay",
    .severity = report::Severity::kHigh,
    .title = "Replay of credentials",
    .trigger =
        "The same digest response, nonce and nonce count in two transactions from different sources, or from one "
        "source for another target; high when accepted, else medium. Not for retransmissions, forks, other hops of the "
        "same request, or a device that refreshes without qop.",
    .rationale = "Who can replay a header needs no password.",
    .remedy = "kamailio: auth parameters qop with nonce_count=1, or one_time_nonce=1; shorter nonce life.",
    .reference = "RFC 7616 section 5.5; RFC 3261 section 22.4",
};

inline constexpr report::Rule kDigestLeakRule{
    .id = "FRAUD-018",
    .name = "digest-leak",
    .severity = report::Severity::kHigh,
    .title = "Digest leak attempt",
    .trigger =
        "Whoever called a phone, or is called by it, and is neither its registrar nor a peer answers the phone's "
        "request with 401 or 407; critical when the phone then sent credentials.",
    .rationale = "The phone's answer can be searched for the password offline, without a limit.",
    .remedy =
        "Phones accept calls from the proxy only; the SBC stops 401 and 407 from outside; firmware that answers known "
        "realms only.",
    .reference = "RFC 3261 section 22; CVE-2021-41158; MITRE ATT&CK T1187",
};

inline constexpr report::Rule kRegistrationHijackRule{
    .id = "FRAUD-019",
    .name = "registration-hijack",
    .severity = report::Severity::kCritical,
    .title = "Registration hijack",
    .trigger =
        "An accepted REGISTER from another network with another contact host takes the place of a binding whose time "
        "is not over. Critical with signs of an attack (no credentials asked, a suspect source, replayed credentials, "
        "a "
        "password that was guessed before, an attack program), else medium: another kind of device beside a stable one "
        "is how people with a mobile phone work. Not where instance, reg-id, push parameters or a Call-ID that goes on "
        "show the same client, nor where the same device moved and its old place fell silent. The login that took an "
        "account (FRAUD-016) is told with it.",
    .rationale = "All calls for the account go to somebody else.",
    .remedy =
        "asterisk: max_contacts=1 with remove_existing=yes shows a take-over quickly; demand client certificates or "
        "known networks; alert on change.",
    .reference = "RFC 3261 section 10.3; MITRE ATT&CK T1078",
};

inline constexpr report::Rule kExtraBinding{
    .id = "FRAUD-020",
    .name = "extra-binding",
    .severity = report::Severity::kHigh,
    .title = "Extra binding added",
    .trigger =
        "An accepted REGISTER adds a contact in another network while the old one stays; high with signs of an attack. "
        "Not where instance or push parameters show the same client, or for a second device of the same kind.",
    .rationale = "The new contact rings along with the account's phone: a silent copy of each call.",
    .remedy = "kamailio registrar max_contacts; asterisk max_contacts; review the bindings.",
    .reference = "RFC 3261 section 10.2; MITRE ATT&CK T1098",
};

inline constexpr report::Rule kDeregistrationRule{
    .id = "FRAUD-021",
    .name = "deregistration-attack",
    .severity = report::Severity::kHigh,
    .title = "Deregistration attack",
    .trigger =
        "An accepted REGISTER with expires=0 or Contact: * removes a binding that another source made, and does not "
        "belong to the same device starting anew.",
    .rationale = "The account can't be reached until its phone registers again.",
    .remedy = "Authenticate each REGISTER; limit Contact: *.",
    .reference = "RFC 3261 section 10.2.2",
};

inline constexpr report::Rule kImpossibleTravel{
    .id = "FRAUD-022",
    .name = "impossible-travel",
    .severity = report::Severity::kMedium,
    .title = "Impossible travel",
    .trigger =
        "One account is used from two countries, 300 km or more apart, in less time than a flight of 1,000 km/h takes, "
        "or "
        "from three countries in 24 h. Needs --places, a table of addresses and countries: without one it is not "
        "assessable. Not for private addresses and the site's own.",
    .rationale = "Two places at once means two people.",
    .remedy = "Rules by country for each account (kamailio geoip2).",
    .reference = "MITRE ATT&CK T1078",
};

inline constexpr report::Rule kSourceFlood{
    .id = "FRAUD-025",
    .name = "source-flood",
    .severity = report::Severity::kHigh,
    .title = "Request flood from one source",
    .trigger =
        "More requests a second from one source than the limit of the method (INVITE 10, REGISTER 15, OPTIONS 15, all "
        "50) over two bins of 10 s, or 500 within 10 s; medium when none was answered. Not for peers within their "
        "normal load, an office whose phones come back after an outage, nor for scans and guessing, of which it is a "
        "detail.",
    .rationale = "Signalling that is busy with a flood drops calls.",
    .remedy =
        "kamailio pike (sampling_time_unit=2, reqs_density_per_unit=16) with an htable ban, pipelimit; asterisk behind "
        "a proxy or firewall limit.",
    .reference = "MITRE ATT&CK T1499.002; RFC 5390; RFC 7339",
};

inline constexpr report::Rule kDistributedFloodRule{
    .id = "FRAUD-026",
    .name = "distributed-flood",
    .severity = report::Severity::kHigh,
    .title = "Distributed flood",
    .trigger =
        "100 or more sources that were never seen otherwise send 500 or more requests of one method within 60 s. Not "
        "for known devices that come back after an outage.",
    .rationale = "No single source stands out, and signalling drops calls all the same.",
    .remedy = "A filter upstream, pipes for each method, limits for UDP and SYN.",
    .reference = "MITRE ATT&CK T1498.001; MITRE ATT&CK T1499.002",
};

inline constexpr report::Rule kTdosRule{
    .id = "FRAUD-027",
    .name = "telephony-denial-of-service",
    .severity = report::Severity::kHigh,
    .title = "Telephony denial of service",
    .trigger =
        "Ten or more calls at once to one number, far above its usual, with two of: nearly all callers distinct, "
        "invalid or hidden callers, calls that only ring or end within 10 s, equal durations.",
    .rationale = "The lines of one number are kept busy; for emergency and clinical numbers that is a danger to life.",
    .remedy =
        "The carrier's filter, a greeting that asks callers to press a key, limits by number, trunk channels kept for "
        "outbound emergency calls.",
    .reference = "MITRE ATT&CK T1499; 47 CFR 64.1200(n)",
};

inline constexpr report::Rule kRtpFlood{
    .id = "FRAUD-028",
    .name = "rtp-flood",
    .severity = report::Severity::kMedium,
    .title = "RTP flood or injection",
    .trigger =
        "RTP to a media port at more than three times the codec's packet rate for 10 s, RTP from one source to 50 or "
        "more ports without a session, or a second source that sends into a running stream (10 packets; 3 where the "
        "other "
        "end then sends its audio there).",
    .rationale = "Relays and phones spend themselves on packets that belong to no call, or play what a stranger sends.",
    .remedy = "rtpengine: strict source; open firewall pinholes by session; SRTP.",
    .reference = "MITRE ATT&CK T1498.001",
};

inline constexpr report::Rule kFuzzing{
    .id = "FRAUD-029",
    .name = "malformed-storm",
    .severity = report::Severity::kMedium,
    .title = "Malformed message storm (fuzzing)",
    .trigger =
        "10 or more messages with grammar errors of several kinds from one source in 10 min; critical when the target "
        "falls silent afterwards. Not for one device with one constant error.",
    .rationale = "Broken messages look for crashes, and crashes for ways in.",
    .remedy = "kamailio sanity_check and size limits; keep the software patched.",
    .reference = "RFC 4475; CVE-2018-14767; CVE-2018-16657; MITRE ATT&CK T1499.004",
};

inline constexpr report::Rule kSqlInjection{
    .id = "FRAUD-030",
    .name = "sql-injection",
    .severity = report::Severity::kHigh,
    .title = "SQL injection in SIP fields",
    .trigger =
        "After percent-decoding a user part, display name, digest username or realm, User-Agent or other field holds a "
        "quote or comment mark with SQL words. Not for names with an apostrophe or a lone double hyphen.",
    .rationale = "Registrars and billing put these fields into queries.",
    .remedy = "Parameterised queries; kamailio: {s.escape.common} in sql_query; accept only [0-9A-Za-z._+-] as user.",
    .reference = "CWE-89; MITRE ATT&CK T1190",
};

inline constexpr report::Rule kShellInjection{
    .id = "FRAUD-031",
    .name = "shell-injection",
    .severity = report::Severity::kHigh,
    .title = "Shell and expression injection",
    .trigger =
        "A field holds a backtick, $(, ${, a command after ; | or &&, /bin/sh, an encoded line end with a command, or "
        "${jndi:. Not for & in a display name or ; of URI parameters.",
    .rationale = "Dial plans and log consoles hand these fields to shells and expression engines.",
    .remedy = "Never pass SIP fields to a shell; asterisk FILTER().",
    .reference = "CWE-78; CVE-2021-44228; MITRE ATT&CK T1059",
};

inline constexpr report::Rule kScriptInjection{
    .id = "FRAUD-032",
    .name = "script-injection",
    .severity = report::Severity::kMedium,
    .title = "Script or markup injection",
    .trigger =
        "A display name, User-Agent, Subject, Call-Info or reason text holds markup or script for a browser. Not for "
        "the angle brackets of an address.",
    .rationale = "Web consoles that show callers run it.",
    .remedy = "Encode output in consoles.",
    .reference = "CWE-79; MITRE ATT&CK T1190",
};

inline constexpr report::Rule kDialplanInjection{
    .id = "FRAUD-033",
    .name = "dialplan-injection",
    .severity = report::Severity::kHigh,
    .title = "Dial-plan injection",
    .trigger =
        "The user part of an INVITE from outside holds & , | /, a quoted @, or a channel technology (PJSIP/, SIP/, "
        "IAX2/, "
        "Local/). Not for phone-context and other parameters.",
    .rationale = "A dial plan that passes the user on dials what the sender wrote.",
    .remedy = "asterisk: strict patterns and FILTER(0-9+,${EXTEN}).",
    .reference = "CWE-74; Asterisk dial plan best practices",
};

inline constexpr report::Rule kHeaderSmuggling{
    .id = "FRAUD-034",
    .name = "header-smuggling",
    .severity = report::Severity::kHigh,
    .title = "Header smuggling",
    .trigger =
        "Header fields written so that two parsers read them differently: blanks before the colon, a field twice that "
        "may stand once with different values, compact and long form with different values, bare CR or LF, encoded "
        "line ends in a URI.",
    .rationale = "What the SBC checks and what the server reads differ.",
    .remedy = "kamailio sanity and normalisation; upgrade (kamailio before 5.4.0 missed blanks before the colon).",
    .reference = "RFC 3261 section 7.3.1; CVE-2020-28361",
};

inline constexpr report::Rule kAmplification{
    .id = "FRAUD-035",
    .name = "amplification",
    .severity = report::Severity::kMedium,
    .title = "Amplification or reflection",
    .trigger =
        "Requests without credentials over UDP are answered with three times their bytes 10 times in 60 s for one "
        "claimed source (or with three or more answers each, INVITE aside); or 20 answers in 60 s come to a host that "
        "never asked the servers they come from.",
    .rationale = "With a forged source address the server's answers hit a third party.",
    .remedy = "Short stateless refusals or silence for strangers; no answer to OPTIONS from outside.",
    .reference = "MITRE ATT&CK T1498.002",
};

inline constexpr report::Rule kOddCarrier{
    .id = "FRAUD-036",
    .name = "sip-over-odd-carrier",
    .severity = report::Severity::kLow,
    .title = "SIP over odd carriers",
    .trigger =
        "SIP requests to UDP ports 53, 80, 123 or 443 from outside; a SIP request in the body of an HTTP POST to port "
        "5060 or 5061 (NAT slipstreaming), the more so at the beginning of a TCP segment. Not for WebSocket.",
    .rationale = "It is how filters and NAT are passed.",
    .remedy = "Turn off SIP ALG; close ports that serve no SIP.",
    .reference = "MITRE ATT&CK T1572",
};

inline constexpr std::array kAttackRules{&kKnownScanner,
                                         &kSipviciousStructure,
                                         &kSipptsStructure,
                                         &kServiceProbe,
                                         &kHorizontalSweep,
                                         &kPortSweep,
                                         &kRegistrationScan,
                                         &kInviteScanRule,
                                         &kDistributedRecon,
                                         &kEnumerationRule,
                                         &kBruteForceRule,
                                         &kPasswordSprayingRule,
                                         &kMisconfiguredDeviceRule,
                                         &kCredentialStuffingRule,
                                         &kDistributedGuessing,
                                         &kSuccessAfterFailures,
                                         &kCredentialReplayRule,
                                         &kDigestLeakRule,
                                         &kRegistrationHijackRule,
                                         &kExtraBinding,
                                         &kDeregistrationRule,
                                         &kImpossibleTravel,
                                         &kSourceFlood,
                                         &kDistributedFloodRule,
                                         &kTdosRule,
                                         &kRtpFlood,
                                         &kFuzzing,
                                         &kSqlInjection,
                                         &kShellInjection,
                                         &kScriptInjection,
                                         &kDialplanInjection,
                                         &kHeaderSmuggling,
                                         &kAmplification,
                                         &kOddCarrier};

}  // namespace voip::analyze::fraud
