#!/usr/bin/env python3
"""fraud-scan against the attack stories: fraud_attacks.py TOOL TESTDATA.

Expectations come from the stories (testdata/make/fraud_attacks.py, office.py), not from a run. Each story must give
exactly the incidents listed, no more and no fewer; of each incident the fields named are compared. A story with an
empty list is honest traffic."""
import json
import pathlib
import subprocess
import sys

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
EVIL, EVIL2 = "45.148.10.66", "193.107.216.9"
VICIOUS = {"sources": [EVIL], "tool": "sipvicious"}


def users(first, last, step=1):
    return [str(n) for n in range(first, last + 1, step)]


STORIES = {
    "attacks/svmap": [{"kind": "options-scan", **VICIOUS, "messages": 30, "finding": "FRAUD-005", "also": ["FRAUD-001"]}],
    "attacks/svmap-renamed": [{"kind": "options-scan", **VICIOUS, "messages": 30}],
    "attacks/svmap-one-host": [{"kind": "options-scan", **VICIOUS, "messages": 1, "finding": "FRAUD-001", "severity": "high"}],
    "attacks/svwar": [{"kind": "enumeration", **VICIOUS, "accounts": ["1001", "1004", "1017", "1033"], "attempts": 60, "severity": "high"}],
    "attacks/svwar-slow-renamed": [{"kind": "enumeration", **VICIOUS, "accounts": ["1001", "1004", "1017", "1033"], "attempts": 60,
                                    "also": ["FRAUD-002"]}],
    "attacks/svwar-uniform": [{"kind": "enumeration", **VICIOUS, "accounts": [], "attempts": 60, "severity": "medium"}],
    "attacks/sippts-invite": [{"kind": "invite-scan", "sources": [EVIL2], "tool": "sippts", "attempts": 8, "successes": 1, "severity": "high"}],
    "attacks/nmap": [{"kind": "options-scan", "sources": [EVIL], "tool": "nmap", "finding": "FRAUD-004", "severity": "low"}],
    "attacks/distributed-scan": [{"kind": "enumeration", "tool": "sipvicious", "finding": "FRAUD-009", "attempts": 72, "source_count": 12}],
    "attacks/svcrack": [{"kind": "brute-force", **VICIOUS, "accounts": ["1001"], "attempts": 40, "successes": 1, "messages": 80},
                        {"kind": "account-compromise", **VICIOUS, "accounts": ["1001"], "severity": "critical", "finding": "FRAUD-016"}],
    "attacks/slow-guess": [{"kind": "brute-force", "sources": [EVIL2], "accounts": ["1001", "1002"], "attempts": 130, "successes": 0}],
    "attacks/spraying": [{"kind": "password-spraying", "sources": [EVIL], "accounts": users(1001, 1162, 7), "attempts": 48, "successes": 1},
                         {"kind": "account-compromise", "sources": [EVIL], "accounts": ["1078"]}],
    "attacks/stuffing": [{"kind": "credential-stuffing", "sources": [EVIL], "account_count": 14, "attempts": 9, "successes": 1},
                         {"kind": "account-compromise", "sources": [EVIL], "accounts": ["frontdesk"]}],
    "attacks/stuffing-distributed": [{"kind": "credential-stuffing", "source_count": 35, "account_count": 70, "attempts": 35, "successes": 1},
                                     {"kind": "account-compromise", "source_count": 1, "account_count": 1}],
    "attacks/distributed-guess": [{"kind": "brute-force", "finding": "FRAUD-015", "source_count": 8, "accounts": ["1001"], "attempts": 32}],
    "attacks/hijack": [{"kind": "registration-hijack", "sources": [EVIL], "accounts": ["1001"], "successes": 1}],
    "attacks/deregistration": [{"kind": "deregistration", "sources": [EVIL], "accounts": users(1000, 1004), "finding": "FRAUD-021"}],
    "attacks/replay": [{"kind": "credential-replay", "sources": [EVIL], "accounts": ["1001"], "successes": 1, "severity": "high"},
                       {"kind": "registration-hijack", "sources": [EVIL], "accounts": ["1001"]}],
    "attacks/digest-leak": [{"kind": "digest-leak", "sources": [EVIL], "accounts": ["1001"], "successes": 1, "severity": "critical"}],
    "attacks/register-flood": [{"kind": "flood", "sources": [EVIL], "messages": 1500, "finding": "FRAUD-025"}],
    "attacks/distributed-flood": [{"kind": "distributed-flood", "source_count": 1200, "messages": 1200, "finding": "FRAUD-026"}],
    "attacks/fuzzing": [{"kind": "malformed-fuzzing", "sources": [EVIL], "finding": "FRAUD-029"}],
    "attacks/injection": [{"kind": "injection", "sources": [EVIL], "messages": 5, "finding": "FRAUD-030",
                           "also": ["FRAUD-031", "FRAUD-032", "FRAUD-033"]}],
    "attacks/tdos": [{"kind": "tdos", "targets": ["200"], "finding": "FRAUD-027"}],
    "attacks/rtp-injection": [{"kind": "rtp-injection", "sources": [EVIL], "messages": 150, "finding": "FRAUD-028", "severity": "medium"}],
    "attacks/rtp-second-port": [],
    "attacks/monitor": [],
    "attacks/outage": [],
    "attacks/honest-mistakes": [],
    "attacks/hijack-near-miss": [],
    "attacks/wrong-password": [{"kind": "misconfigured-device", "accounts": ["1005"], "severity": "low", "attempts": 120}],
    "kamailio-crack": [{"kind": "brute-force", "sources": ["10.66.0.1"], "accounts": ["1001"], "attempts": 26, "successes": 1},
                       {"kind": "account-compromise", "sources": ["10.66.0.1"], "accounts": ["1001"], "severity": "critical"}],
    "kamailio-normal": [],
    "sipvicious-kamailio": [{"kind": "options-scan", **VICIOUS, "messages": 1, "finding": "FRAUD-001", "severity": "high"},
                            {"kind": "enumeration", **VICIOUS, "accounts": users(1001, 1005), "attempts": 32, "messages": 32},
                            {"kind": "brute-force", **VICIOUS, "accounts": ["1001"], "attempts": 66, "successes": 0, "messages": 67}],
    "sipvicious-renamed": [{"kind": "enumeration", **VICIOUS, "accounts": ["1001", "1002", "1005"], "attempts": 25, "also": ["FRAUD-002"]}],
    "office-24h": [{"kind": "misconfigured-device", "accounts": ["241"], "severity": "low", "attempts": 90}],
}

failed = 0


def complain(name, what):
    global failed
    failed += 1
    print(f"{name}: {what}")


for name, expected in STORIES.items():
    path = next((root / "fraud").glob(name + ".pcap.*"))
    run = subprocess.run([tool, "-f", "json", str(path)], capture_output=True, timeout=120)
    if run.returncode not in (0, 1):
        complain(name, f"status {run.returncode}: {run.stderr.decode()[:300]}")
        continue
    report = json.loads(run.stdout)
    found = report["incidents"]
    finding_ids = {finding["id"] for finding in report["findings"]}
    if sorted(i["kind"] for i in found) != sorted(e["kind"] for e in expected):
        complain(name, f"incidents {[(i['kind'], i['finding'], i['sources'][:3]) for i in found]}, not {[e['kind'] for e in expected]}")
    for want in expected:
        for incident in [i for i in found if i["kind"] == want["kind"]][:1]:
            for key, value in want.items():
                if key == "also":
                    for other in value:
                        if other not in finding_ids:
                            complain(name, f"{want['kind']}: no finding {other} in {sorted(finding_ids)}")
                    continue
                have = (len(incident["sources"]) if key == "source_count" else len(incident["accounts"]) if key == "account_count"
                        else sorted(incident[key]) if isinstance(value, list) else incident[key])
                if have != (sorted(value) if isinstance(value, list) else value):
                    complain(name, f"{want['kind']}: {key} is {have!r}, not {value!r}")
            if not incident["evidence"] or not any("decisive" in e["note"] for e in incident["evidence"]):
                complain(name, f"{want['kind']}: no decisive evidence")
print(f"{len(STORIES)} stories, {failed} complaints")
sys.exit(1 if failed else 0)
