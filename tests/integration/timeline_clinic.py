#!/usr/bin/env python3
"""Holds timeline against incidents in a clinic whose calls are four dialogs each (incident_clinic.py), and against its ordinary days.

timeline_clinic.py TIMELINE
"""
import os
import re
import sys
import tempfile
from datetime import datetime, timezone

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import incident_clinic as clinic  # noqa: E402
import incident_story as story  # noqa: E402
from incident_clinic import REALM, Clinic, Phone, at  # noqa: E402
from timeline_holds import check, failures, near, report  # noqa: E402

SOLD = {"252": "+25261", "216": "+21650", "223": "+22376", "675": "+67570", "53": "+5352"}
GUESSERS = ["45.227.254.8", "91.224.92.17", "193.46.255.180", "87.251.64.140", "5.34.207.66", "141.98.11.120"]
THIEF, SECOND, LONER = "185.243.115.84", "2a06:98c1:3121::77", "94.102.61.44"


class Plot:
    """What happens besides the office's days, and what is true of it."""

    def __init__(self, seed, skip=()):
        self.site = Clinic(seed)
        self.phones, self.calls = clinic.office(self.site, skip=skip)
        self.random = self.site.random
        self.fraud, self.phases, self.truth = [], [], {}

    def note(self, fact, fraud=False):
        self.calls[fact["call_id"]] = fact
        if fraud:
            self.fraud.append(fact)
        return fact

    def phase(self, name, start, end, actors, accounts=None):
        self.phases.append({"phase": name, "start": start, "end": end, "actors": actors, "accounts": accounts})

    def guess(self, account, source, when, outcome=403, agent="pplsip"):
        return Phone(self.site, account, (source, self.random.randrange(10000, 60000)), agent).register(when, outcome, 60)

    def guess_until_right(self, account, when, tries=40):
        """Gives the first guess, the time of the right one, and the phase of it is noted."""
        asked = []
        for _ in range(tries):
            asked.append(self.guess(account, LONER, when))
            when += self.random.uniform(20, 60)
        return asked[0], when

    def number(self, keys=None):
        return SOLD[self.random.choice(sorted(keys or SOLD))] + str(self.random.randint(100000, 9999999))

    def sell(self, phone, start, end, **more):
        """Two calls at once at most. Gives the begin of the first and the end of the last one."""
        rnd, busy, over, t, first = self.random, [], start, start, None
        while t < end:
            busy = [b for b in busy if b > t]
            if len(busy) >= 2:
                t = min(busy) + 3
                continue
            number = self.number()
            fact = self.note(phone.call(t, "9011" + number[1:], number, rnd.choice([200] * 8 + [503, 404, 487]), rnd.uniform(2, 9),
                                        round(rnd.uniform(60, 800), 2), rnd.random() < 0.6, **more), True)
            first = first or fact["start"]
            busy.append(fact.get("end", t + 9))
            over = max(over, fact.get("end", fact["start"]))
            t += rnd.uniform(20, 200)
        return first, over

    def refuse(self, phone, start, outcome, times=9, register_every=4):
        t = last = start
        for n in range(times):
            if register_every and n % register_every == register_every - 1:
                last = phone.register(t, outcome)
            else:
                last = self.note(phone.call(t, "9011" + self.number()[1:], self.number(), outcome))["start"]
            t += self.random.uniform(120, 400)
        return last

    def done(self, holes=(), **truth):
        self.site.sent.sort(key=lambda m: m[0])
        clinic.cut(self.site, holes)
        self.calls = {k: f for k, f in self.calls.items() if not any(a < f["start"] < b for a, b in holes)}
        self.truth = {"takeover": None, "returned": None, **truth}
        return self


def slow_guessing():
    """Six guess for two days, one is right, another takes over; a second account falls; new passwords; back with one of them."""
    plot = Plot(1)
    first, hit = None, at(2, "22:47:31")
    for i, source in enumerate(GUESSERS):
        t, n = at(1, "06:00") + i * 173, i
        while t < hit - 60:
            asked = plot.guess(("1012", "1018")[n % 2], source, t)
            first = min(first or asked, asked)
            n += 1
            t += plot.random.uniform(1300, 1900)
    decisive = plot.guess("1018", GUESSERS[3], hit, 200)
    plot.phase("credential-access", first, decisive, GUESSERS, ["1012", "1018"])
    thief = Phone(plot.site, "1018", (THIEF, 5071), "Zoiper rv2.10.11.4", "tcp", ("10.10.4.3", 5071))
    takeover = thief.register(at(2, "23:31:12"), 200, 3600)
    for n in range(1, 6):
        thief.register(takeover + n * 2900, 200, 3600)
    plot.phase("compromise", decisive, takeover, [GUESSERS[3], THIEF], ["1018"])
    second = Phone(plot.site, "1023", (SECOND, 5060), "Zoiper rv2.10.11.4")
    fallen = second.register(at(3, "01:20:05"), 200, 3600)
    for n in range(1, 3):
        second.register(fallen + n * 2900, 200, 3600)
    begin, end = plot.sell(thief, at(3, "00:10"), at(3, "03:40"))
    used, over = plot.sell(second, at(3, "01:24"), at(3, "03:30"))
    over = max(end, over)
    plot.phase("abuse", begin, over, [THIEF, SECOND], ["1018", "1023"])
    plot.phase("compromise", fallen, used, [SECOND], ["1023"])
    stop = max(at(3, "04:05"), over + 60)
    last = max(plot.refuse(thief, stop, 403), plot.refuse(second, stop + 40, 403, register_every=3))
    plot.phase("containment", stop, last, [THIEF, SECOND], ["1018", "1023"])
    back = Phone(plot.site, "1023", (SECOND, 5062), "Zoiper rv2.10.11.4")
    returned = back.register(at(3, "18:20:40"), 200, 3600)
    begin, end = plot.sell(back, at(3, "18:25"), at(3, "19:10"))
    plot.phase("compromise", returned, begin, [SECOND], ["1023"])
    plot.phase("abuse", begin, end, [SECOND], ["1023"])
    plot.phase("containment", end + 200, plot.refuse(back, end + 200, 0, 6, register_every=0), [SECOND], ["1023"])
    return plot.done([(at(2, "14:00"), at(2, "15:10"))], decisive=decisive, takeover=takeover, returned=returned, accounts={"1018", "1023"},
                     entry="guessed-password", dwell=stop - decisive)


def stuffing():
    """One password for each of forty users, by three sources; one is right at once, and its finder sells."""
    plot = Plot(2)
    bots = ["103.253.145.7", "162.244.35.91", "212.83.189.4"]
    users = [str(1001 + n) for n in range(40)]
    plot.random.shuffle(users)
    users.remove("1009")
    users.insert(28, "1009")
    t = at(1, "20:00")
    for i, user in enumerate(users):
        asked = plot.guess(user, bots[i % 3], t, 200 if user == "1009" else 403, "Linphone/3.9.1")
        if user == "1009":
            decisive, bot = asked, bots[i % 3]
        t += plot.random.uniform(60, 110)
    plot.phase("credential-access", None, None, None)
    thief = Phone(plot.site, "1009", (bot, 6000), "Linphone/3.9.1")
    takeover = thief.register(at(1, "22:00"), 200, 3600)
    for n in range(1, 8):
        thief.register(takeover + n * 3000, 200, 3600)
    plot.phase("compromise", decisive, takeover, [bot], ["1009"])
    begin, end = plot.sell(thief, at(2, "02:00"), at(2, "05:00"))
    plot.phase("abuse", begin, end, [bot], ["1009"])
    plot.phase("containment", end + 300, plot.refuse(thief, end + 300, 403), [bot], ["1009"])
    return plot.done(decisive=decisive, takeover=takeover, accounts={"1009"}, entry="guessed-password")


def stolen():
    """A password that was known, used from far away over IPv6 and TCP; the rightful phone goes on."""
    plot = Plot(3)
    thief = Phone(plot.site, "1005", ("2a0d:5600:24::9", 5060), "Asterisk PBX 20.5.0", "tcp")
    decisive = thief.register(at(2, "17:02:10"), 200, 3600)
    for n in range(1, 10):
        thief.register(decisive + n * 3400, 200, 3600)
    begin, end = plot.sell(thief, at(2, "23:00"), at(3, "02:00"))
    plot.phase("compromise", decisive, begin, [thief.sock[0]], ["1005"])
    plot.phase("abuse", begin, end, [thief.sock[0]], ["1005"])
    stop = max(end + 100, decisive + 34000)
    plot.phase("containment", stop, plot.refuse(thief, stop, 403), [thief.sock[0]], ["1005"])
    return plot.done(decisive=decisive, accounts={"1005"}, entry="stolen-credential")


def open_trunk():
    """The switch takes INVITEs of anybody: six forms of a number lead nowhere, the seventh works."""
    plot = Plot(4)
    who = Phone(plot.site, "8001", ("82.102.18.200", 5080), "VaxSIPUserAgent/3.5")
    t = first = at(2, "06:10")
    number = plot.number()
    for form in ("011", "00", "9", "+", "1011", "7011"):
        plot.note(who.call(t, form + number[1:], number, 404, 0.5, challenge=False))
        t += plot.random.uniform(20, 50)
    decisive = plot.note(who.call(t, "9011" + number[1:], number, 200, 4, 20.0, challenge=False), True)["asked"]
    _, end = plot.sell(who, t + 120, at(2, "09:00"), challenge=False)
    plot.phase("abuse", first, None, [who.sock[0]])
    plot.phase("compromise", decisive, None, [who.sock[0]])
    plot.phase("abuse", None, end, [who.sock[0]])
    return plot.done(decisive=decisive, accounts=set(), entry="open-relay", ended=True)


def sent_away(plot, account, thief, when, target, talk, redirects):
    """A stranger calls an extension: what is registered there sends the call on (302), or is a number far away itself."""
    site, rnd = plot.site, plot.random
    caller = "+447911" + str(rnd.randint(100000, 999999))
    fact, far, legs, uri = clinic.inbound(site, caller, "+1312555" + account, None, when, 200, 3, talk, True, forward=target)
    if redirects:
        edge = site.edge(thief.sock)
        inner = clinic.Dialog(site, clinic.FS, clinic.IN, "udp", f"sip:{caller}@172.20.1.10", f"sip:{thief.inside}@172.20.1.1", clinic.FREESWITCH, clinic.SBC)
        outer = clinic.Dialog(site, edge, thief.sock, thief.proto, f"sip:{caller}@{edge[0]}", f"sip:{account}@{thief.sock[0]}", clinic.SBC, thief.agent)
        for k, leg in enumerate((inner, outer)):
            leg.request(when + 0.03 + 0.004 * k, "INVITE", leg.to_uri, [], clinic.sdp(leg.near, 21000, "fs"))
            leg.answer(when + 0.031 + 0.004 * k, 100, "Trying")
        for k, leg in enumerate((outer, inner)):
            leg.to_tag = site.hex(8)
            leg.answer(when + 0.2 + 0.004 * k, 302, "Moved Temporarily", [f"Contact: <sip:9011{target[1:]}@{REALM}>"])
            leg.request(when + 0.202 + 0.004 * k, "ACK", leg.to_uri, branch=leg.branch)
    fact.update(clinic.chain(site, far, legs, uri, when + 0.3, target, 200, rnd.uniform(3, 9), talk, True))
    return fact


def away(seed, redirects):
    plot = Plot(seed, skip=("1011",))
    first, hit = plot.guess_until_right("1011", at(2, "04:00"))
    thief = Phone(plot.site, "1011", (LONER, 5060), "PJSUA v2.13 Linux-5.15")
    target = plot.number(["252"])
    contact = None if redirects else f"<sip:{target}@{clinic.CARRIER[0]}:5060>"
    decisive = thief.register(hit, 200, 3600, contact=contact)
    for n in range(1, 20):
        thief.register(decisive + n * 3300, 200, 3600, contact=contact)
    plot.phase("credential-access", first, decisive, [LONER], ["1011"])
    plot.phase("compromise", decisive, None, [LONER], ["1011"])
    t = start = over = at(2, "20:00")
    while t < at(3, "02:00"):
        fact = plot.note(sent_away(plot, "1011", thief, t, target, round(plot.random.uniform(200, 1500), 2), redirects), True)
        over = max(over, fact["end"])
        t += plot.random.uniform(60, 300)
    plot.phase("abuse", start, over, None, ["1011"])
    return plot.done(decisive=decisive, accounts={"1011"}, entry="guessed-password", means="by redirects (3xx)" if redirects else "by forwarding",
                     grouped=not redirects)


def redirects():
    """The thief's phone answers each call with 302 to a number far away."""
    return away(5, True)


def contact_far_away():
    """The thief registers a number far away as the account's contact."""
    return away(6, False)


def transfers():
    """The thief calls the voicemail, and asks by REFER for a call far away; he hangs up at once."""
    plot, me = Plot(7), f"sip:1014@{REALM}"
    site = plot.site
    first, hit = plot.guess_until_right("1014", at(2, "04:00"))
    thief = Phone(site, "1014", (LONER, 5060), "PJSUA v2.13 Linux-5.15")
    decisive = thief.register(hit, 200, 3600)
    plot.phase("credential-access", first, decisive, [LONER], ["1014"])
    t = start = over = at(2, "05:30")
    plot.phase("compromise", decisive, start, [LONER], ["1014"])
    uri, offer = f"sip:*97@{REALM}", clinic.sdp(thief.sock, 17000, "pj")
    while t < at(2, "08:00"):
        target = plot.number()
        a, b = thief.legs_in(me, uri)
        login = thief.digest("INVITE", uri, site.uuid(), "Proxy-Authorization")
        for k, leg in enumerate((a, b)):
            leg.request(t + k * 0.004, "INVITE", uri, [login], offer)
        for k, leg in enumerate((b, a)):
            leg.to_tag = site.hex(12)
            leg.answer(t + 0.3 + k * 0.003, 200, "OK", [f"Contact: <sip:{clinic.hp(leg.far)}>"], clinic.sdp(leg.far, 19000, "FreeSWITCH"))
        for k, leg in enumerate((a, b)):
            leg.request(t + 0.4 + k * 0.003, "ACK", f"sip:{clinic.hp(leg.far)}", cseq=leg.number)
            leg.cseq += 1
        plot.note({"call_id": a.call_id, "start": t, "status": 200})
        for k, leg in enumerate((a, b)):
            leg.request(t + 3 + k * 0.003, "REFER", f"sip:{clinic.hp(leg.far)}", [f"Refer-To: <sip:9011{target[1:]}@{REALM}>", f"Referred-By: <{me}>"])
        for k, leg in enumerate((b, a)):
            leg.answer(t + 3.01 + k * 0.003, 202, "Accepted")
        for k, leg in enumerate((a, b)):
            leg.cseq += 1
            leg.request(t + 5 + k * 0.003, "BYE", f"sip:{clinic.hp(leg.far)}")
            leg.answer(t + 5.002 + k * 0.003, 200, "OK")
        talk = round(plot.random.uniform(200, 900), 2)
        fact = {"start": t + 3.1, "status": 200, "number": target, **clinic.chain(site, thief, [], None, t + 3.1, target, 200, 5, talk, False)}
        fact["call_id"] = re.search(r"Call-ID: (\S+)", site.sent[-1][4])[1]
        over = max(over, plot.note(fact, True)["end"])
        t += plot.random.uniform(100, 400)
    plot.phase("abuse", start, over, [LONER], ["1014"])
    return plot.done(decisive=decisive, takeover=start, accounts={"1014"}, entry="guessed-password", means="by transfers (REFER)")


def ordinary():
    return Plot(11).done()


def moved_and_forwarded():
    """Three phones in a new place, one mistyped password, a phone that forwards to a mobile by 302, a silence of 55 seconds."""
    plot = Plot(13)
    for n, account in enumerate(("1003", "1004", "1007")):
        moved = Phone(plot.site, account, ("75.149.30.7", 40000 + n), plot.phones[account].agent)
        t = at(2, "13:00")
        for outcome in (403, 403, 200) if n == 0 else (200,):
            moved.register(t, outcome)
            t += 20
        while t < at(3, "23:00"):
            t += 800
            moved.register(t)
    for n in range(12):
        plot.note(sent_away(plot, "1006", plot.phones["1006"], at(1 + n % 3, "15:00") + n * 900, f"+13125559{n}41", 80.0 + n, True))
    return plot.done([(at(2, "07:00"), at(2, "07:00") + 55)], grouped=False)


def hold(name, r, plot, frames=None, late=0.0):
    truth, incident = plot.truth, r["incident"]
    check(name + " incident", incident is not None, r["summary"]["text"])
    if incident is None:
        return
    near(name + " decisive", incident["decisive"] and incident["decisive"]["time"], truth["decisive"] + late, 0.1)
    if frames:
        check(name + " decisive frame", incident["decisive"] and incident["decisive"]["frame"] in frames, f"{incident['decisive']} {frames}")
    for what, within in (("takeover", 0.1), ("returned", 1)):
        if truth[what]:
            near(f"{name} {what}", incident[what] and incident[what]["time"], truth[what] + late, within)
    check(name + " return", (incident["returned"] is None) == (truth["returned"] is None), incident["returned"])
    check(name + " accounts", set(incident["accounts"]) == truth["accounts"], incident["accounts"])
    check(name + " entry", incident["entry_points"][0]["name"] == truth["entry"], incident["entry_points"])
    innocent = {clinic.HQ, clinic.ANNEX, clinic.OUT4[0], clinic.OUT6[0], clinic.IN[0], clinic.FS[0], clinic.CARRIER[0]} & set(incident["actors"])
    check(name + " innocents", not innocent, innocent)
    check(name + " means", truth.get("means", "made ") in incident["verdict"], incident["verdict"])
    if truth.get("dwell"):
        check(name + " dwell", abs(incident["dwell_s"] - truth["dwell"]) < 60, incident["dwell_s"])
    check(name + " order", [p["phase"] for p in r["phases"]] == [p["phase"] for p in plot.phases], [(p["phase"], p["start"]) for p in r["phases"]])
    for got, known in zip(r["phases"], plot.phases):
        if got["phase"] != known["phase"]:
            break
        for edge in ("start", "end"):
            if known[edge] is not None:
                near(f"{name} {known['phase']} {edge}", got[edge], known[edge] + late)
        for what in ("actors", "accounts"):
            check(f"{name} {known['phase']} {what}", known[what] is None or set(known[what]) == set(got[what]), got[what])
    abuse = [p for p in r["phases"] if p["phase"] == "abuse"]
    sold = [f for f in plot.fraud if f["status"] == 200]
    calls, minutes, known = sum(p["calls"] for p in abuse), sum(p["minutes"] for p in abuse), sum(f["talk"] for f in sold) / 60
    check(name + " calls", abs(calls - len(sold)) <= 0.05 * len(sold), f"{calls} against {len(sold)}")
    check(name + " minutes", abs(minutes - known) <= 0.05 * known, f"{minutes} against {known}")
    numbers = {f["number"] for f in plot.fraud}
    found = numbers & {n for p in abuse for n in p["numbers"]}
    check(name + " numbers", len(found) >= 0.9 * len(numbers), f"{len(found)} of {len(numbers)}")


def hold_record(name, r, plot):
    grouped = len({c["group"] for c in r["calls"]})
    check(name + " calls counted once", not plot.truth.get("grouped", True) or grouped == len(plot.calls), f"{grouped} of {len(plot.calls)}")
    # Each REGISTER passes the controller under another Call-ID: one registration all the same.
    first = [m for m in plot.site.sent if m[1] == clinic.FS and "REGISTER" in m[4] and m[4].startswith("SIP/2.0 200")]
    said = int(re.search(r"(\d+) registrations", r["summary"]["text"])[1])
    check(name + " registrations counted once", abs(said - len(first)) <= 2, f"{said} of {len(first)}")


def messages_of(r, rule):
    return [f["message"] for f in r["findings"] if f["id"] == rule]


def proofs(path, whole, plot):
    """Each rule about the story: what it says of the whole, and what not of a part of it (doc/timeline-proofs.md)."""
    decisive, first = plot.truth["decisive"], plot.phases[0]["start"]

    def zulu(t):
        return datetime.fromtimestamp(t, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    guesses = report(path, "--to", zulu(decisive - 60))
    hour = report(path, "--from", zulu(first - 240), "--to", zulu(decisive + 1800))

    def severity(r, rule):
        return sorted({f["severity"] for f in r["findings"] if f["id"] == rule})

    check("phases in order", len(messages_of(whole, "TL-001")) == 1 and messages_of(whole, "TL-001")[0].count(";") == len(plot.phases) - 1)
    check("guessing alone is one phase", [p["phase"] for p in guesses["phases"]] == ["credential-access"], guesses["phases"])
    check("one campaign", len(whole["incident"]["incidents"]) == len(whole["incidents"]), whole["incident"]["joined_by"])
    check("begins well within the capture", not whole["incident"]["may_begin_before_capture"])
    check("begins with the capture", hour["incident"]["may_begin_before_capture"] and "probably earlier" in messages_of(hour, "TL-003")[0])
    check("in for hours", severity(whole, "TL-004") == ["medium"], severity(whole, "TL-004"))
    check("in for half an hour", severity(hour, "TL-004") == ["low"] and hour["incident"]["ongoing"], messages_of(hour, "TL-004"))
    check("never in", not messages_of(guesses, "TL-004") and not messages_of(guesses, "TL-005"))
    resets = {a["account"] for a in whole["incident"]["reset"]}
    check("passwords to change", resets == {"1018", "1023"} and len(messages_of(whole, "TL-006")) == 2, resets)
    check("only guessed at", not messages_of(guesses, "TL-006") and guesses["incident"]["reset"] == [])
    check("spread", ["1023" in m for m in messages_of(whole, "TL-007")] == [True], messages_of(whole, "TL-007"))
    check("no spread yet", hour["incident"] and not messages_of(hour, "TL-007"))
    check("abuse is measured", severity(whole, "TL-008") == ["critical"])
    check("no abuse yet", not messages_of(hour, "TL-008"))
    check("stopped", ["everything was refused (no answer)" in m for m in messages_of(whole, "TL-009")] == [True], messages_of(whole, "TL-009"))
    check("not stopped yet", not messages_of(hour, "TL-009"))
    indicators = {i["value"] for i in whole["indicators"]}
    check("whom to search for", {THIEF, SECOND, *GUESSERS} <= indicators, indicators)
    check("no office and no carrier among them", not {clinic.HQ, clinic.ANNEX, clinic.CARRIER[0]} & indicators)
    check("affected", whole["incident"]["affected"]["accounts"] == ["1018", "1023"] and len(messages_of(whole, "TL-018")) == 1)
    check("nobody is affected by guesses", not messages_of(guesses, "TL-018"), messages_of(guesses, "TL-018"))
    check("what is proven", "credentials was accepted" in messages_of(whole, "TL-019")[0])
    check("guesses prove no break-in", "credentials was accepted" not in messages_of(guesses, "TL-019")[0], messages_of(guesses, "TL-019"))
    check("periods that may run", len(messages_of(whole, "TL-020")) == 1 and whole["notification"]["clocks"])
    check("no period for guesses", not messages_of(guesses, "TL-020"))


def main():
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="clinic-") as tmp:
        for tell in (slow_guessing, stuffing, stolen, open_trunk, redirects, contact_far_away, transfers):
            if wanted and tell.__name__ not in wanted:
                continue
            name, plot = tell.__name__, tell()
            numbers = story.write_pcap(plot.site, f"{tmp}/wire.pcap")
            frames = [numbers[i] for i, m in enumerate(plot.site.sent) if abs(m[0] - plot.truth["decisive"]) < 1e-6]
            wire = report(f"{tmp}/wire.pcap")
            hold(name, wire, plot, frames)
            hold_record(name, wire, plot)
            holes = messages_of(wire, "TL-012")
            check(name + " hole", [m[:28] for m in holes] == (["No packets for 1 h 10 min fr"] if tell is slow_guessing else []), holes)
            check(name + " proven", not (tell is open_trunk and any("credentials was accepted" in m for m in messages_of(wire, "TL-019"))), messages_of(wire, "TL-019"))
            check(name + " return is found", len(messages_of(wire, "TL-010")) == (1 if plot.truth["returned"] else 0), messages_of(wire, "TL-010"))
            if tell is not slow_guessing:
                continue
            story.write_hep(plot.site, f"{tmp}/late.hep", [(story.heplify, 77, 2.5, None)])
            proofs(f"{tmp}/wire.pcap", wire, plot)
            hold(name + " hep", report(f"{tmp}/late.hep"), plot, late=2.5)
            joined = report(f"{tmp}/wire.pcap", f"{tmp}/late.hep")
            hold(name + " joined", joined, plot)
            check("only what lies near is in doubt", joined["incident"]["order_certain"] is False and any(p["order_certain"] for p in joined["phases"]),
                  [p["order_certain"] for p in joined["phases"]])
        for tell in (ordinary, moved_and_forwarded):
            if wanted and tell.__name__ not in wanted:
                continue
            plot = tell()
            story.write_pcap(plot.site, f"{tmp}/days.pcap")
            r = report(f"{tmp}/days.pcap", status=(0,))
            check(tell.__name__, r["incident"] is None and r["phases"] == [] and not messages_of(r, "TL-012"), r["summary"]["text"])
            hold_record(tell.__name__, r, plot)
    for failure in failures:
        print(failure)
    print("timeline:", "failed" if failures else "as the clinic's stories say", len(failures))
    sys.exit(1 if failures else 0)


main()
