#!/usr/bin/env python3
"""Holds timeline against incidents of many kinds (incident_kinds.py knows what is true), as captures and as HEP archives, and against ordinary weeks.

timeline_kinds.py TIMELINE [KIND...]
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import incident_kinds as kinds  # noqa: E402
import incident_story as story  # noqa: E402
from timeline_holds import check, failures, near, report  # noqa: E402

WANTED = sys.argv[2:]
SITES = {"flat": {"flat": True}, "edge": {}, "proxy": {"proxy": True}}
# Every kind once, the sites and the ways of travel in turn: enough to see what one of them breaks.
PLAN = [("botnet", "edge", None, "hep"), ("stolen", "flat", None, "tcp"), ("insider", "proxy", None, "hep"), ("second_binding", "flat", kinds.over_ipv6, "udp"),
        ("dialplan_hole", "edge", None, "hep"), ("two_rivals", "proxy", None, "hep"), ("comes_back", "flat", kinds.over_tcp, "tcp"),
        ("ends_by_itself", "proxy", kinds.over_ipv6, "hep"), ("forwarding", "edge", None, "hep"), ("guessed_in_vain", "flat", None, "hep")]


def hold_phases(name, phases, truth, address, late):
    order = [p["phase"] for p in phases]
    check(name + " order", order == [p["phase"] for p in truth["phases"]], order)
    for got, known in zip(phases, truth["phases"]):
        if got["phase"] != known["phase"]:
            break
        for edge in ("start", "end"):
            if known[edge] is not None:
                near(f"{name} {known['phase']} {edge}", got[edge], known[edge] + late)
        if known["actors"]:
            check(f"{name} {known['phase']} actors", set(map(address, known["actors"])) == set(got["actors"]), got["actors"])
        if known["accounts"]:
            check(f"{name} {known['phase']} accounts", set(known["accounts"]) == set(got["accounts"]), got["accounts"])


def hold(name, r, truth, frames=None, address=str, late=0.0, exact=0.01):
    incident = r["incident"]
    check(name + " incident", incident is not None, r["summary"]["text"])
    if incident is None:
        return
    check(name + " decisive", (incident["decisive"] is None) == (truth["decisive"] is None), incident["decisive"])
    if truth["decisive"] and incident["decisive"]:
        near(name + " decisive", incident["decisive"]["time"], truth["decisive"] + late, exact)
        if frames:
            check(name + " decisive frame", incident["decisive"]["frame"] in frames, f"{incident['decisive']} {frames}")
    if truth["takeover"]:
        near(name + " takeover", incident["takeover"] and incident["takeover"]["time"], truth["takeover"] + late, exact)
    check(name + " returned", (incident["returned"] is None) == (truth["returned"] is None), incident["returned"])
    if truth["returned"] and incident["returned"]:
        near(name + " returned", incident["returned"]["time"], truth["returned"] + late, 1)
    wanted = truth["accounts"] or truth.get("told")
    check(name + " accounts", not wanted or set(incident["accounts"]) == wanted, incident["accounts"])
    innocent = {address(a) for a in (*truth["innocent"], story.EDGE, story.EDGE_IN, story.PBX, story.TRUNK, story.HOTEL)} & set(incident["actors"])
    check(name + " innocents", not innocent, innocent)
    if truth["entry"]:
        check(name + " entry", incident["entry_points"] and incident["entry_points"][0]["name"] in truth["entry"], incident["entry_points"])
    if truth.get("ended"):
        check(name + " ends by itself", incident["containment"] is None and not incident["ongoing"], incident["containment"])
    hold_phases(name, r["phases"] if truth["decisive"] or truth["fraud"] else r["phases"][:1], truth, address, late)
    abuse = [p for p in r["phases"] if p["phase"] == "abuse"]
    sold = [f for f in truth["fraud"] if f["status"] == 200]
    calls, minutes = sum(p["calls"] for p in abuse), sum(p["minutes"] for p in abuse)
    known = sum(f["talk"] for f in sold) / 60
    check(name + " calls", abs(calls - len(sold)) <= 0.05 * len(sold), f"{calls} against {len(sold)}")
    check(name + " minutes", abs(minutes - known) <= 0.05 * known, f"{minutes} against {known}")
    numbers = {"+" + f["number"].lstrip("0") for f in truth["fraud"]}
    found = numbers & {n for p in abuse for n in p["numbers"]}
    check(name + " numbers", len(found) >= 0.9 * len(numbers), f"{len(found)} of {len(numbers)}")
    grouped = {c["group"] for c in r["calls"]}
    check(name + " calls counted once", abs(len(grouped) - len(truth["calls"])) <= 0.02 * len(truth["calls"]), f"{len(grouped)} of {len(truth['calls'])}")
    if truth.get("elsewhere"):
        account, source = truth["elsewhere"]
        check(name + " the other one's incidents", any(account in i["accounts"] and address(source) in i["sources"] for i in r["incidents"]))


def tell_kind(tmp, kind, place, change, travel):
    told, truth = story.tell(attack=kinds.ATTACKS[kind], seed=2, **SITES[place])
    address = str
    if change:
        change(told)
        address = kinds.six if change is kinds.over_ipv6 else str
    if kind == "guessed_in_vain":  # each account is a campaign of its own
        truth["phases"][0]["end"] = None
    name = f"{kind}, {place}"
    numbers = story.write_pcap(told, f"{tmp}/wire.pcap")
    frames = [numbers[i] for i, m in enumerate(told.sent) if truth["decisive"] and abs(m[0] - truth["decisive"]) < 1e-6]
    hold(name + " wire", report(f"{tmp}/wire.pcap"), truth, frames, address)
    agents = [(story.kamailio, 2001, 0.0, None)]
    if travel == "hep":
        story.write_hep(told, f"{tmp}/mirror", agents)
    else:
        story.write_hep_pcap(told, f"{tmp}/mirror", agents, tcp=travel == "tcp")
    mirror = report(f"{tmp}/mirror")
    hold(f"{name} {travel}", mirror, truth, None, address)
    check(f"{name} {travel} messages", mirror["coverage"]["sip_messages"] == len(told.sent), mirror["coverage"]["sip_messages"])


def clocks(tmp):
    """An agent whose clock is two hours ahead, one that runs half a second an hour too fast, two of which one is off."""
    told, truth = story.tell(attack=kinds.ATTACKS["second_binding"], seed=3, flat=True)
    begin = told.sent[0][0]
    story.write_pcap(told, f"{tmp}/wire.pcap")

    def fast(t):
        return t + (t - begin) / 7200

    for name, clock, tcp in (("ahead", 7200.0, False), ("ahead, TCP", 7200.0, True), ("fast", fast, True)):
        story.write_hep_pcap(told, f"{tmp}/carried.pcap", [(story.heplify, 77, clock, None)], tcp)
        r = report(f"{tmp}/carried.pcap")
        offsets = r["clock_offsets"]
        check(name + " measured", len(offsets) == 1 and offsets[0]["agent"] == "pbx-span" and not offsets[0]["corrected"], offsets)
        check(name + " told", any(f["id"] == "TL-013" and f["severity"] == "medium" and "that carried them" in f["message"] for f in r["findings"]),
              [f["message"] for f in r["findings"] if f["id"] == "TL-013"])
        if clock == 7200.0:
            hold(name + " not corrected", r, truth, late=7200)
        else:
            check(name + " drift", offsets and abs(offsets[0]["drift_s"] - 36) < 1, offsets)
        aligned = report(f"{tmp}/carried.pcap", "--align-clocks")
        hold(name + " corrected", aligned, truth, exact=0.5)
        check(name + " corrected is not found", not any(f["id"] == "TL-013" for f in aligned["findings"]))
    story.write_hep(told, f"{tmp}/fast.hep", [(story.heplify, 77, fast, None)])
    joined = report(f"{tmp}/wire.pcap", f"{tmp}/fast.hep", "--align-clocks")
    hold("joined, fast", joined, truth)
    check("joined, fast counted once", abs(joined["coverage"]["sip_messages"] - len(told.sent)) <= 0.0005 * len(told.sent), f"{joined['coverage']['sip_messages']} of {len(told.sent)}")
    story.write_hep_pcap(told, f"{tmp}/two.pcap", [(story.kamailio, 2001, 0.0, None), (story.heplify, 77, 5400.0, None)], tcp=True)
    torn = report(f"{tmp}/two.pcap")
    check("two agents, order in doubt", torn["incident"]["order_certain"] is False and not any(p["order_certain"] for p in torn["phases"]) and
          "1 h 30 min" in torn["summary"]["text"], torn["summary"]["text"])
    two = report(f"{tmp}/two.pcap", "--align-clocks")
    hold("two agents in one stream", two, truth)
    check("two agents, order", two["incident"]["order_certain"] and all(p["order_certain"] for p in two["phases"]) and "NOT certain" not in two["summary"]["text"],
          two["summary"]["text"])
    story.write_hep_pcap(told, f"{tmp}/right.pcap", [(story.heplify, 77, 0.3, None)], tcp=True)
    right = report(f"{tmp}/right.pcap")
    check("delay on the way is no clock", right["clock_offsets"] == [] and not any(f["id"] == "TL-013" for f in right["findings"]), right["clock_offsets"])


def main():
    with tempfile.TemporaryDirectory(prefix="incidents-") as tmp:
        for row in PLAN:
            if not WANTED or row[0] in WANTED:
                tell_kind(tmp, *row)
        if WANTED and "clocks" not in WANTED:
            return
        clocks(tmp)
        for name, place in zip(kinds.WEEKS, SITES):
            told, truth = story.tell(attack=kinds.WEEKS[name], seed=4, days=7, **SITES[place])
            story.write_pcap(told, f"{tmp}/week.pcap")
            r = report(f"{tmp}/week.pcap", status=(0,))
            check(name, r["incident"] is None and r["phases"] == [], r["summary"]["text"])
            check(name + " is told", len({c["group"] for c in r["calls"]}) >= 0.98 * len(truth["calls"]), len(r["calls"]))


main()
for failure in failures:
    print(failure)
print("timeline:", "failed" if failures else "as the stories say", len(failures))
sys.exit(1 if failures else 0)
