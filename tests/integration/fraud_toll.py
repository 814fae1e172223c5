#!/usr/bin/env python3
"""fraud-scan against the toll-fraud stories: fraud_toll.py TOOL TESTDATA.

Expectations come from the stories (testdata/make/fraud_toll.py), not from a run. Each story must give exactly the
incidents listed; notes (kind anomaly, at most medium) are allowed beside them, anything else is not. So must the offices
that toll_story.py writes as the test runs. Then: files cut in two with --state, blocklists, rates and policies."""
import gzip
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import toll_story

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
THIEF, OFFICE, TRUNK = "45.148.10.66", "198.51.100.77", "203.0.113.50"
NIGHT = {"kind": "toll-fraud", "severity": "critical", "finding": "FRAUD-057", "sources": [THIEF], "accounts": ["104"], "calls": 18,
         "answered": 18, "successes": 18, "minutes": 87.0, "concurrent_peak": 5, "destinations": ["Sierra Leone"], "number_count": 18,
         "also": ["FRAUD-041", "FRAUD-047", "FRAUD-048", "FRAUD-050", "FRAUD-068", "FRAUD-069"]}

STORIES = {
    "office-day": [],
    "irsf-night": [NIGHT],
    "two-legs": [NIGHT],
    "irsf-inside": [{"kind": "toll-fraud", "severity": "critical", "sources": [OFFICE], "accounts": ["106"], "calls": 9, "minutes": 90.0}],
    "one-risky-call": [],
    "slow-days": [{"kind": "toll-fraud", "sources": [THIEF], "accounts": ["105"], "calls": 6, "minutes": 150.0, "destinations": ["Latvia premium"]}],
    "probe": [{"kind": "dial-plan-probe", "severity": "high", "sources": [THIEF], "calls": 12, "attempts": 12, "successes": 1, "number_count": 12}],
    "probe-slow": [{"kind": "dial-plan-probe", "sources": [THIEF], "attempts": 8, "successes": 0}],
    "two-forms": [],
    "wangiri": [{"kind": "wangiri", "severity": "high", "sources": [TRUNK], "calls": 36, "successes": 2, "number_count": 6,
                 "accounts": ["103", "105"], "minutes": 6.0, "also": ["FRAUD-055"]}],
    "abandoned": [],
    "open-trunk": [{"kind": "toll-fraud", "severity": "critical", "sources": [THIEF], "calls": 7, "minutes": 58.33, "also": ["FRAUD-044"]}],
    "robocalls": [{"kind": "robocalling", "severity": "high", "sources": [TRUNK], "finding": "FRAUD-059"}],
    "switchboard": [],
    "spoofed": [{"kind": "caller-id-spoofing", "severity": "high", "sources": [TRUNK], "calls": 3, "numbers": ["+49301234106"]}],
}
# The take-over that made the night possible is told by itself.
BESIDE = {"registration-hijack"}

failed = 0


def complain(name, what):
    global failed
    failed += 1
    print(f"{name}: {what}")


def run(*args, status=(0, 1)):
    done = subprocess.run([tool, *map(str, args)], capture_output=True, timeout=120)
    if done.returncode not in status:
        complain(" ".join(map(str, args)), f"status {done.returncode}: {done.stderr.decode()[:300]}")
    return done.stdout.decode()


def scan(*args):
    return json.loads(run("-f", "json", *args))


def judge(name, report, expected):
    found = [i for i in report["incidents"] if i["kind"] not in BESIDE and i["kind"] != "anomaly"]
    for note in report["incidents"]:
        if note["kind"] == "anomaly" and note["severity"] not in ("info", "low", "medium"):
            complain(name, f"a note of severity {note['severity']}")
    if sorted(i["kind"] for i in found) != sorted(e["kind"] for e in expected):
        complain(name, f"incidents {[(i['kind'], i['finding'], i['sources'][:3]) for i in found]}, not {[e['kind'] for e in expected]}")
        return
    ids = {finding["id"] for finding in report["findings"]}
    for want in expected:
        incident = next(i for i in found if i["kind"] == want["kind"])
        for key, value in want.items():
            if key == "also":
                missing = set(value) - ids
                if missing:
                    complain(name, f"no finding {sorted(missing)}")
                continue
            have = len(incident["numbers"]) if key == "number_count" else incident[key]
            near = key == "minutes" or (name in toll_story.STORIES and key in ("calls", "answered", "attempts"))
            good = abs(have - value) <= 0.05 * value + 0.02 if near else have == value
            if not good:
                complain(name, f"{key} is {have!r}, not {value!r}")
        if not incident["evidence"]:
            complain(name, "no evidence")
        for other in incident["linked"]:
            if report["incidents"].index(incident) not in report["incidents"][other]["linked"]:
                complain(name, "a link that does not lead back")


for name, expected in STORIES.items():
    judge(name, scan(root / f"fraud/toll/{name}.pcap.gz"), expected)

with tempfile.TemporaryDirectory() as name:
    for story, make in toll_story.STORIES.items():
        site, expected = make()
        capture = pathlib.Path(name) / f"{story}.pcap"
        site.write(capture)
        report = scan(capture)
        judge(story, report, expected)
        note = toll_story.NOTES.get(story)
        if note and note not in {i["finding"] for i in report["incidents"]}:
            complain(story, f"no note {note}")
        capture.unlink()


def cut(source, folder):
    """The capture in two files, at two thirds of its packets."""
    data = gzip.decompress(source.read_bytes())
    places, at = [], 24
    while at < len(data):
        places.append(at)
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
    middle = places[len(places) * 5 // 6]
    for number, part in enumerate((data[24:middle], data[middle:])):
        (folder / f"{number}.pcap").write_bytes(data[:24] + part)


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    night = root / "fraud/toll/irsf-night.pcap.gz"
    cut(night, folder)
    state = folder / "state.json"
    first = scan("--state", state, folder / "0.pcap")
    second = scan("--state", state, folder / "1.pcap")
    judge("two files, one state", second, [NIGHT])
    partial = next(i for i in first["incidents"] if i["kind"] == "toll-fraud")
    if not 0 < partial["calls"] < 18:
        complain("the first of two files", f"{partial['calls']} calls")
    prints = [{f["fingerprint"] for f in r["findings"] if f["id"] == "FRAUD-057"} for r in (first, second)]
    if prints[0] != prints[1]:
        complain("two files, one state", "the same campaign has two fingerprints")
    run("--state", night, night, status=(2,))  # no state: refused, and left as it is
    again = scan("--state", state, root / "fraud/toll/office-day.pcap.gz")
    if any(i["kind"] == "toll-fraud" and i["last_time"] < again["inputs"][0]["first_time"] for i in again["incidents"]):
        complain("state", "tells a campaign of an earlier file again")

    for kind, line in {"nftables": f"add element inet voip block4 {{ {THIEF} timeout 86400s comment", "ipset": f"add voip-block4 {THIEF} timeout",
                       "fail2ban": f" src={THIEF} count=", "kamailio-htable": f"kamcmd htable.seti ipban {THIEF} 1",
                       "kamailio-address": f"666 {THIEF} 32 0 FRAUD-0", "asterisk-acl": f"deny={THIEF}/32"}.items():
        text = run("--emit", kind, root / "fraud/toll/open-trunk.pcap.gz")
        if line not in text:
            complain("emit", f"{kind} lacks {line!r}")
        if any(host in text for host in (OFFICE, TRUNK, "198.51.100.10")):
            complain("emit", f"{kind} blocks a host of the site")
    if OFFICE in run("--emit", "asterisk-acl", root / "fraud/toll/irsf-inside.pcap.gz"):
        complain("emit", "blocks the office that a thief hides behind")
    run("--emit", f"nftables={folder}/block.nft", night)
    if THIEF not in (folder / "block.nft").read_text():
        complain("emit", "the file has no entry")
    run("--emit", "iptables", night, status=(2,))

    (folder / "rates.csv").write_text("prefix,rate_per_min,currency,increment_s\n232,0.85,EUR,60\n")
    cost = next(i for i in scan("--rates", folder / "rates.csv", night)["incidents"] if i["kind"] == "toll-fraud")["estimated_cost"]
    if cost["currency"] != "EUR" or abs(cost["low"] - 18 * 5 * 0.85) > 0.01 or cost["placeholder"]:
        complain("rates", cost)
    (folder / "rates.csv").write_text("prefix,rate_per_min\n232,much\n")
    run("--rates", folder / "rates.csv", night, status=(2,))

    (folder / "site.toml").write_text('[site]\ncountry = "DE"\nallowed_destinations = ["FR", "TN"]\n')
    judge("allowed by policy", scan("--policy", folder / "site.toml", root / "fraud/toll/one-risky-call.pcap.gz"), [])
    if scan("--policy", folder / "site.toml", root / "fraud/toll/one-risky-call.pcap.gz")["incidents"]:
        complain("policy", "an allowed destination is told")

    (folder / "low.csv").write_text("prefix,name,iso3166,kind,tier\n49,Germany,DE,country,low\n33,France,FR,country,low\n216,Tunisia,TN,country,low\n")
    if scan("--destinations", folder / "low.csv", root / "fraud/toll/one-risky-call.pcap.gz")["incidents"]:
        complain("destinations", "the built-in tiers still count")

    profile = folder / "profile.json"
    run("--write-profile", profile, root / "fraud/toll/one-risky-call.pcap.gz")
    if json.loads(profile.read_text())["schema"] != "voip-audit/fraud-profile/1":
        complain("profile", "no schema")
    scan("--baseline-traffic", profile, root / "fraud/toll/office-day.pcap.gz")
    if run("-f", "json", night) != run("-f", "json", night):
        complain("twice", "the same input gives other bytes")

print(f"{len(STORIES) + len(toll_story.STORIES)} stories, {failed} complaints")
sys.exit(1 if failed else 0)
