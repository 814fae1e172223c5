#!/usr/bin/env python3
"""Holds timeline's report of the recorded incident against what is known of it, from packets and from the HEP mirror.

timeline_truth.py TIMELINE TESTDATA
"""
import json
import subprocess
import sys
from datetime import datetime

TOOL, TESTDATA = sys.argv[1], sys.argv[2]
TRUTH = json.load(open(TESTDATA + "/timeline/incident.truth.json"))
PCAP, HEP = TESTDATA + "/timeline/incident.pcap.xz", TESTDATA + "/timeline/incident.hep.xz"
failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(f"{what}: {detail}")


def run(*arguments, status=(0, 1)):
    p = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=240)
    check(" ".join(arguments), p.returncode in status, f"status {p.returncode}: {p.stderr[:300]}")
    return p.stdout


def report(*arguments, **kw):
    return json.loads(run(*arguments, "-f", "json", **kw))


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")[:26].rstrip("+") + "+00:00").timestamp()


def near(what, text, truth, within=60):
    check(what, text is not None and abs(seconds(text) - truth) <= within, f"{text} against {datetime.utcfromtimestamp(truth)}")


def hold(name, r):
    incident = r["incident"]
    check(name, incident is not None, "no incident")
    if incident is None:
        return
    check(name + " actors", incident["actors"] == sorted(TRUTH["attackers"]), incident["actors"])
    check(name + " accounts", incident["accounts"] == [TRUTH["account"]], incident["accounts"])
    check(name + " severity", incident["severity"] == "critical", incident["severity"])
    near(name + " decisive", incident["decisive"]["time"], TRUTH["decisive"]["time"], 1)
    near(name + " takeover", incident["takeover"]["time"], TRUTH["takeover"]["time"], 1)
    near(name + " first act", incident["first_hostile_act"]["time"], TRUTH["first_hostile"])
    check(name + " entry", incident["entry_points"][0]["name"] == "guessed-password", incident["entry_points"])
    phases = {p["phase"]: p for p in r["phases"]}
    order = [p["phase"] for p in r["phases"]]
    wanted = ["enumeration", "credential-access", "compromise", "abuse", "containment"]
    check(name + " order", order == ["reconnaissance", *wanted], order)
    near(name + " compromise start", phases["compromise"]["start"], TRUTH["decisive"]["time"], 1)
    near(name + " compromise end", phases["compromise"]["end"], TRUTH["takeover"]["time"], 1)
    near(name + " containment start", phases["containment"]["start"], TRUTH["containment"]["start"])
    near(name + " containment end", phases["containment"]["end"], TRUTH["containment"]["end"])
    abuse = phases["abuse"]
    near(name + " abuse end", abuse["end"], max(c["start"] + c["talk"] for c in TRUTH["fraud_calls"]), 60)
    check(name + " calls", abuse["calls"] == len(TRUTH["fraud_calls"]), abuse["calls"])
    minutes = TRUTH["fraud_seconds"] / 60
    check(name + " minutes", abs(abuse["minutes"] - minutes) <= 0.05 * minutes, f"{abuse['minutes']} against {minutes}")
    numbers = {"+" + c["number"].lstrip("0") for c in TRUTH["fraud_calls"]}
    found = numbers & set(abuse["numbers"])
    check(name + " numbers", len(found) >= 0.9 * len(numbers), f"{len(found)} of {len(numbers)}")
    check(name + " noise", len(set(abuse["numbers"]) - numbers) <= 8, set(abuse["numbers"]) - numbers)
    calls = {c["call_id"]: c for c in r["calls"]}
    check(name + " every call", set(calls) == set(TRUTH["calls"]), len(calls))
    for call_id, truth in TRUTH["calls"].items():
        call = calls.get(call_id)
        if call is None:
            continue
        check(f"{name} {call_id} status", (call["status"] or 0) == truth["status"], f"{call['status']} {truth}")
        if truth["talk"]:
            check(f"{name} {call_id} duration", abs(call["duration_s"] - truth["talk"]) < 1.5, f"{call['duration_s']} {truth}")
            check(f"{name} {call_id} ended by", call["ended_by"] == truth["ended_by"], f"{call['ended_by']} {truth}")
    times = [e["time"] for e in r["events"]]
    check(name + " events in order", times == sorted(times))
    kinds = {e["kind"] for e in r["events"]}
    check(name + " kinds", {"compromise", "takeover", "lockout", "call-start", "call-end", "register-ok"} <= kinds, kinds)


def main():
    packets, mirror = report(PCAP), report(HEP)
    hold("pcap", packets)
    hold("hep", mirror)
    check("decisive frame", packets["incident"]["decisive"]["frame"] == TRUTH["decisive"]["frame"],
          packets["incident"]["decisive"])
    check("complete", packets["coverage"]["complete"] and mirror["coverage"]["complete"])
    # An office morning without the attacker: nothing is claimed.
    quiet = report(PCAP, "--from", "2026-03-10T05:00:00Z", "--to", "2026-03-10T09:50:00Z", status=(0,))
    check("quiet morning", quiet["incident"] is None and quiet["phases"] == [], quiet["summary"])
    check("quiet morning's record", len(quiet["calls"]) > 0 and len(quiet["events"]) > 0)
    # Narrowed.
    one = next(c for c in packets["calls"] if c["status"] == 200)
    alone = report(PCAP, "--call-id", one["call_id"])
    check("--call-id", [c["call_id"] for c in alone["calls"]] == [one["call_id"]])
    number = TRUTH["fraud_calls"][0]["number"]
    by_number = report(PCAP, "--number", "+" + number.lstrip("0"))
    check("--number", {c["dialled"] for c in by_number["calls"]} == {number}, by_number["calls"][:1])
    by_address = report(PCAP, "--address", "203.0.113.0/24")
    check("--address", by_address["calls"] and all(c["call_id"] in TRUTH["calls"] for c in by_address["calls"]))
    check("--address leaves the office out", len(by_address["calls"]) < len(packets["calls"]) / 2)
    # Other forms.
    page = run(PCAP, "-f", "html")
    check("html", page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>"))
    check("html policy", "default-src 'none'" in page and "<script" not in page and "http://" not in page)
    for line in run(PCAP, "-f", "timesketch").splitlines():
        event = json.loads(line)
        check("timesketch", {"message", "datetime", "timestamp", "timestamp_desc"} <= set(event), line[:200])
        check("timesketch times", abs(event["timestamp"] / 1e6 - datetime.fromisoformat(event["datetime"]).timestamp()) < 1e-5, line[:200])
    ladder = run(PCAP, "-f", "ladder", "--call-id", one["call_id"])
    check("ladder", "INVITE SDP" in ladder and "BYE" in ladder and ladder.count("Call-ID") == 1, ladder[:300])
    mermaid = run(PCAP, "-f", "mermaid", "--call-id", one["call_id"])
    check("mermaid", mermaid.startswith("sequenceDiagram\n") and "p0->>p1: INVITE SDP" in mermaid, mermaid[:300])
    check("same bytes again", run(PCAP, "-f", "json") == run(PCAP, "-f", "json"))
    for failure in failures:
        print(failure)
    print("timeline:", "failed" if failures else "all as known", len(failures))
    sys.exit(1 if failures else 0)


main()
