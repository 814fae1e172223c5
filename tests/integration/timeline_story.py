#!/usr/bin/env python3
"""Holds timeline against an incident that other implementations' traffic tells: incident_story.py knows what is true.

timeline_story.py TIMELINE
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import incident_story as story  # noqa: E402
from timeline_holds import check, failures, near, report  # noqa: E402


def hold(name, r, truth, late=0.0):
    incident = r["incident"]
    check(name + " incident", incident is not None)
    if incident is None:
        return
    check(name + " severity", incident["severity"] == "critical", incident["severity"])
    near(name + " decisive", incident["decisive"]["time"], truth["decisive"] + late, 0.01)
    near(name + " takeover", incident["takeover"]["time"], truth["takeover"] + late, 0.01)
    near(name + " return", incident["returned"] and incident["returned"]["time"], truth["returned"] + late, 1)
    check(name + " accounts", set(incident["accounts"]) == {story.TAKEN, story.SECOND}, incident["accounts"])
    check(name + " thief", {story.FIRST_IN, story.THIEF} <= set(incident["actors"]), incident["actors"])
    check(name + " innocents", not {story.OFFICE_NAT, story.BRANCH, story.HOTEL, story.EDGE_IN, story.EDGE, story.PBX, story.TRUNK} & set(incident["actors"]),
          incident["actors"])
    check(name + " entry", incident["entry_points"][0]["name"] == "stolen-credential", incident["entry_points"])
    phases = [p for p in r["phases"] if p["phase"] != "reconnaissance"]
    # The second account's break-in is a phase of its own.
    wanted = [p["phase"] for p in truth["phases"]]
    wanted.insert(wanted.index("containment") + 1, "compromise")
    check(name + " order", [p["phase"] for p in phases] == wanted, [p["phase"] for p in phases])
    told = [p for p in phases if not (p["phase"] == "compromise" and p["accounts"] == [story.SECOND])]
    for got, known in zip(told, truth["phases"]):
        if got["phase"] != known["phase"]:
            break
        near(f"{name} {known['phase']} start", got["start"], known["start"] + late)
        near(f"{name} {known['phase']} end", got["end"], known["end"] + late)
        check(f"{name} {known['phase']} actors", set(known["actors"]) == set(got["actors"]), got["actors"])
        check(f"{name} {known['phase']} accounts", set(known["accounts"]) == set(got["accounts"]), got["accounts"])
    abuse = [p for p in phases if p["phase"] == "abuse"]
    sold = [f for f in truth["fraud"] if f["status"] == 200]
    calls, minutes = len(sold), sum(f["talk"] for f in sold) / 60
    check(name + " calls", abs(sum(p["calls"] for p in abuse) - calls) <= 0.05 * calls, f"{[p['calls'] for p in abuse]} against {calls}")
    check(name + " minutes", abs(sum(p["minutes"] for p in abuse) - minutes) <= 0.05 * minutes, f"{[p['minutes'] for p in abuse]} against {minutes}")
    numbers = {"+" + f["number"].lstrip("0") for f in truth["fraud"]}
    found = numbers & {n for p in abuse for n in p["numbers"]}
    check(name + " numbers", len(found) >= 0.9 * len(numbers), f"{len(found)} of {len(numbers)}")
    grouped = {c["group"] for c in r["calls"]}
    check(name + " calls counted once", abs(len(grouped) - len(truth["calls"])) <= 0.02 * len(truth["calls"]), f"{len(grouped)} against {len(truth['calls'])}")


def by_calls(name, r, truth):
    incident = r["incident"]
    check(name + " incident", incident is not None and incident["accounts"] == ["220"] and incident["actors"] == [story.THIEF], incident and incident["verdict"])
    if incident is None:
        return
    near(name + " decisive", incident["decisive"] and incident["decisive"]["time"], truth["decisive"], 0.01)
    check(name + " entry", incident["entry_points"] and incident["entry_points"][0]["name"] == "guessed-password", incident["entry_points"])
    phases = [p for p in r["phases"] if p["phase"] not in ("reconnaissance", "enumeration")]
    check(name + " order", [p["phase"] for p in phases] == [p["phase"] for p in truth["phases"]], [(p["phase"], p["start"]) for p in r["phases"]])
    for got, known in zip(phases, truth["phases"]):
        near(f"{name} {known['phase']} start", got["start"], known["start"])
        if "end" in known:
            near(f"{name} {known['phase']} end", got["end"], known["end"])
        check(f"{name} {known['phase']} actors", got["actors"] == known["actors"], got["actors"])
    sold = [f for f in truth["fraud"] if f["status"] == 200]
    minutes = sum(f["talk"] for f in sold) / 60
    abuse = [p for p in phases if p["phase"] == "abuse"]
    check(name + " calls", abs(sum(p["calls"] for p in abuse) - len(sold)) <= 0.05 * len(sold), f"{[p['calls'] for p in abuse]} against {len(sold)}")
    check(name + " minutes", abs(sum(p["minutes"] for p in abuse) - minutes) <= 0.05 * minutes, f"{[p['minutes'] for p in abuse]} against {minutes}")


def main():
    with tempfile.TemporaryDirectory(prefix="incident-") as tmp:
        for name, flat in (("edge", False), ("flat", True)):
            told, truth = story.tell(flat)
            story.write_pcap(told, f"{tmp}/wire.pcap")
            story.write_hep(told, f"{tmp}/one.hep", [(story.kamailio, 2001, 0.0, None)])
            story.write_hep(told, f"{tmp}/two.hep", [(story.kamailio, 2001, 0.0, None), (story.heplify, 77, 1.7, None)])
            story.write_hep(told, f"{tmp}/late.hep", [(story.heplify, 77, 1.7, None)])
            hold(name + " wire", report(f"{tmp}/wire.pcap"), truth)
            one = report(f"{tmp}/one.hep")
            hold(name + " hep", one, truth)
            check(name + " messages", one["coverage"]["sip_messages"] == len(told.sent), one["coverage"]["sip_messages"])
            two = report(f"{tmp}/two.hep")
            hold(name + " two agents", two, truth)
            check(name + " two agents counted once", abs(two["coverage"]["sip_messages"] - len(told.sent)) <= 2,
                  f"{two['coverage']['sip_messages']} against {len(told.sent)}")
            if flat:
                apart = report(f"{tmp}/one.hep", f"{tmp}/late.hep")
                hold(name + " two archives", apart, truth)
                offsets = apart["clock_offsets"]
                check("offset measured", len(offsets) == 1 and abs(offsets[0]["offset_s"] - 1.7) < 0.01 and not offsets[0]["corrected"], offsets)
                check("offset told", any(f["id"] == "TL-013" and "1.700" in f["message"] for f in apart["findings"]), "")
                check("two archives counted once", abs(apart["coverage"]["sip_messages"] - len(told.sent)) <= 2, apart["coverage"]["sip_messages"])
                aligned = report(f"{tmp}/one.hep", f"{tmp}/late.hep", "--align-clocks")
                hold(name + " aligned", aligned, truth)
                check("offset corrected", [o["corrected"] for o in aligned["clock_offsets"]] == [True], aligned["clock_offsets"])
                check("corrected is not found", not any(f["id"] == "TL-013" for f in aligned["findings"]), "")
        for name, flat in (("by calls, edge", False), ("by calls", True)):
            told, truth = story.tell(flat, seed=9, attack=story.attack_by_calls)
            story.write_pcap(told, f"{tmp}/calls.pcap")
            by_calls(name, report(f"{tmp}/calls.pcap"), truth)
        told, truth = story.tell(False, incident=False)
        story.write_pcap(told, f"{tmp}/quiet.pcap")
        quiet = report(f"{tmp}/quiet.pcap", status=(0,))
        check("no incident on normal days", quiet["incident"] is None and quiet["phases"] == [], quiet["summary"]["text"])
        check("normal days are told", len({c["group"] for c in quiet["calls"]}) >= 0.98 * len(truth["calls"]), len(quiet["calls"]))
    for failure in failures:
        print(failure)
    print("timeline:", "failed" if failures else "as the story says", len(failures))
    sys.exit(1 if failures else 0)


main()
