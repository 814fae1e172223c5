"""Incidents of other kinds in the office of incident_story.py: each function writes one, and what is true of it.

truth["phases"]: the phases in order; a time that is None may be anything. truth["accounts"]: those that were taken.
"""
import re

from incident_story import BRANCH, COUNTRIES, EDGE, OFFICE_NAT, PBX, Leg, Phone, at, sdp

BOTS = [f"{a}.{b}.{c}.{d}" for a, b, c, d in zip(
    (5, 14, 27, 31, 37, 41, 43, 45, 46, 58, 60, 61, 78, 79, 80, 82, 85, 89, 91, 92, 94, 95, 101, 103, 109, 110, 112, 114, 116, 118, 121, 122, 124, 125, 139, 141),
    range(11, 200, 5), range(200, 20, -5), range(7, 250, 6))]
SELLER, LONER, RIVAL = "77.83.36.20", "185.107.80.31", "212.83.150.9"
SOLD = {**COUNTRIES, "224": "22462", "216": "21650"}


class Plot:
    """What an attack writes, and notes as true."""

    def __init__(self, site, phones, trunk, truth, note):
        self.site, self.phones, self.trunk, self.truth, self.note = site, phones, trunk, truth, note
        self.random = site.random
        truth["accounts"], truth["returned"] = set(), None

    def phase(self, name, start, end, actors=None, accounts=None):
        self.truth["phases"].append({"phase": name, "start": start, "end": end, "actors": actors, "accounts": accounts})

    def guess(self, account, source, when, outcome=401, agent="Z 3.15.40006 rv2.8.20"):
        return Phone(self.site, account, source, agent, port=self.random.randrange(20000, 60000)).register(when, outcome, 60)

    def number(self, countries=None):
        stem = SOLD[self.random.choice(sorted(countries or SOLD))]
        return stem + str(self.random.randint(10 ** (11 - len(stem)), 10 ** (12 - len(stem)) - 1))

    def sell(self, phone, start, end, pause=(15, 260), at_once=3, countries=None, far=None, talk=(60, 900)):
        """Calls to far countries; gives the end of the last one."""
        rnd, busy, over, t = self.random, [], start, start
        while t < end:
            busy = [b for b in busy if b > t]
            if len(busy) >= at_once:
                t = min(busy) + 2
                continue
            number = self.number(countries)
            fact = self.note(phone.call(t, "00" + number, far or self.trunk, rnd.choice([200] * 8 + [503, 404]), rnd.uniform(1, 7), round(rnd.uniform(*talk), 2),
                                        rnd.random() < 0.7, far_user="+" + number), True)
            busy.append(fact.get("end", t + 8))
            over = max(over, fact.get("end", fact["start"]))
            t += rnd.uniform(*pause)
        return over

    def refuse(self, phone, start, outcome, times=9, register_every=4, pause=(90, 220)):
        """What the attacker still tries; gives the time of the last request."""
        t = last = start
        for n in range(times):
            if register_every and n % register_every == register_every - 1:
                phone.register(t, outcome)
                last = t
            else:
                last = self.note(phone.call(t, "00" + self.number(), self.trunk, outcome))["start"]
            t += self.random.uniform(*pause)
        return last


def botnet(*cast):
    """Thirty-six places, each trying one password an hour at three accounts; one hits. Another place sells the calls."""
    plot = Plot(*cast)
    first, hit = at(1, "10:00"), at(3, "00:31")
    used, start = set(), None
    for i, bot in enumerate(BOTS):
        t, n = first + i * 131, i
        while t < hit - 30:
            asked = plot.guess(("204", "213", "222")[n % 3], bot, t)
            start = min(start or asked, asked)
            used.add(bot)
            n += 1
            t += plot.random.uniform(3300, 3900)
    decisive = plot.guess("213", BOTS[17], hit, 200)
    plot.phase("credential-access", start, decisive, sorted(used))
    thief = Phone(plot.site, "213", SELLER, "eyeBeam release 1105a stamp 56793", port=5090)
    takeover = thief.register(at(3, "01:55"), 200, 3600)
    for n in range(1, 5):
        thief.register(takeover + n * 3300, 200, 3600)
    plot.phase("compromise", decisive, takeover, [BOTS[17], SELLER], ["213"])
    over = plot.sell(thief, at(3, "02:05"), at(3, "05:30"))
    plot.phase("abuse", at(3, "02:05"), over, [SELLER], ["213"])
    stop = over + 400
    plot.phase("containment", stop, plot.refuse(thief, stop, 403), [SELLER], ["213"])
    plot.truth.update(decisive=decisive, takeover=takeover, accounts={"213"}, entry={"guessed-password"}, innocent=[OFFICE_NAT, BRANCH])


def stolen(*cast):
    """The attacker has been in since before the capture began; the account is removed in the end (404)."""
    plot = Plot(*cast)
    thief = Phone(plot.site, "216", LONER, "Asterisk PBX 16.2.1~dfsg-1", port=5060)
    t, decisive = at(1, "00:02"), None
    while t < at(3, "04:00"):
        asked = thief.register(t, 200, 3600)
        decisive = decisive or asked
        t += 3000 + plot.random.uniform(0, 90)
    over = plot.sell(thief, at(2, "23:10"), at(3, "03:30"))
    plot.phase("compromise", decisive, None, [LONER], ["216"])
    plot.phase("abuse", at(2, "23:10"), over, [LONER], ["216"])
    stop = max(over + 200, at(3, "04:20"))
    t = last = stop
    for _ in range(8):
        last = thief.register(t, 404)
        t += 180
    plot.phase("containment", stop, last, [LONER], ["216"])
    plot.truth.update(decisive=decisive, takeover=None, accounts={"216"}, entry={"stolen-credential", "unknown"}, innocent=[OFFICE_NAT, BRANCH])


def insider(*cast):
    """An employee's own phone calls for money two nights; nobody stops it."""
    plot = Plot(*cast)
    phone = plot.phones["215"]
    over = plot.sell(phone, at(2, "00:40"), at(2, "04:50"), talk=(300, 1500))
    plot.phase("abuse", at(2, "00:40"), over, None, ["215"])
    plot.truth.update(decisive=None, takeover=None, accounts=set(), told={"215"}, entry=None, innocent=[BRANCH, PBX])


def second_binding(*cast):
    """A leaked password: a further contact beside the rightful one, then calls; the account is barred (403)."""
    plot = Plot(*cast)
    thief = Phone(plot.site, "203", LONER, "MicroSIP/3.21.3", port=51999)
    decisive = thief.register(at(2, "19:12"), 200, 600)
    t = decisive + 540
    while t < at(3, "02:00"):
        thief.register(t, 200, 600)
        t += 540
    over = plot.sell(thief, at(2, "21:30"), at(3, "01:15"))
    plot.phase("compromise", decisive, None, [LONER], ["203"])
    plot.phase("abuse", at(2, "21:30"), over, [LONER], ["203"])
    stop = max(at(3, "02:05"), over + 100)
    plot.phase("containment", stop, plot.refuse(thief, stop, 403), [LONER], ["203"])
    plot.truth.update(decisive=decisive, takeover=None, accounts={"203"}, entry={"stolen-credential"}, innocent=[OFFICE_NAT, BRANCH])


def dialplan_hole(*cast):
    """The PBX takes INVITEs of strangers in its default context: prefixes are tried, one works, calls follow; the firewall ends it."""
    plot = Plot(*cast)
    site, rnd = plot.site, plot.random
    stranger = Phone(site, "1000", LONER, "friendly-caller", port=5078)

    def dial(when, dialled, number, outcome, talk=60.0):
        uri = f"sip:{dialled}@{EDGE}"
        a = Leg(site, site.way_in(stranger.outside, "udp"), stranger.agent, f"sip:1000@{EDGE}", uri)
        if site.proxy and outcome == 200:
            a.hops, a.server = [*a.hops, (site.pbx, plot.trunk, "udp")], "TELES.iSWITCH"
            a.beyond = f"sip:+{number}@{plot.trunk[0]}:5060"
        arrived = a.request(when, "INVITE", uri, [stranger.contact()], sdp(LONER, 15000))
        if outcome == 0:
            stranger.again(a, 5)
            return plot.note({"call_id": a.call_id, "start": when, "status": 0})
        if outcome == 404:
            a.respond(arrived, 404, "Not Found", tag=site.word())
            a.ack(arrived + 0.02, uri, False)
            return plot.note({"call_id": a.call_id, "start": when, "status": 404})
        a.respond(arrived, 100, "Trying")
        return plot.note(stranger.bridge(a, when, arrived, uri, dialled, plot.trunk, 200, rnd.uniform(1, 5), talk, True, "", "+" + number), True)

    t = start = at(2, "03:00")
    known = "972592" + str(rnd.randint(100000, 999999))
    for n in range(40):
        prefix = rnd.choice(["9", "900", "0000", "011", "8011", "9011", "+", "0900", "1", "777", "99900"]) if n < 39 else "00"
        if n < 39:
            last = dial(t, prefix + known + "", known, 404)["start"]
            t += rnd.uniform(15, 40)
    fact = dial(t, "00" + known, known, 200, 12.0)
    decisive, over = fact["start"], fact["end"]
    plot.phase("abuse", start, decisive, [LONER])  # to look for the prefix is the begin of the abuse
    plot.phase("compromise", decisive, None, [LONER])
    t += 90
    while t < at(2, "06:00"):
        number = plot.number()
        fact = dial(t, "00" + number, number, 200, round(rnd.uniform(60, 700), 2))
        over = max(over, fact["end"])
        t += rnd.uniform(40, 200)
    plot.phase("abuse", None, over, [LONER])
    t = stop = over + 300
    for _ in range(7):
        last = dial(t, "00" + plot.number(), "", 0)["start"]
        t += rnd.uniform(60, 120)
    plot.phase("containment", stop, last, [LONER])
    plot.truth.update(decisive=decisive, takeover=None, accounts=set(), entry={"open-relay"}, innocent=[OFFICE_NAT, BRANCH])


def two_rivals(*cast):
    """Two who have nothing to do with each other, on two accounts in the same nights. The first one costs more."""
    plot = Plot(*cast)
    t = first = at(1, "22:00")
    for _ in range(60):
        plot.guess("206", LONER, t, agent="friendly-scanner")
        t += plot.random.uniform(20, 40)
    decisive = plot.guess("206", LONER, t, 200, agent="friendly-scanner")
    plot.phase("credential-access", first, decisive, [LONER], ["206"])
    thief = Phone(plot.site, "206", LONER, "MicroSIP/3.19.24", port=5071)
    takeover = thief.register(at(2, "00:10"), 200, 3600)
    plot.phase("compromise", decisive, takeover, [LONER], ["206"])
    over = plot.sell(thief, at(2, "00:20"), at(2, "04:30"))
    plot.phase("abuse", at(2, "00:20"), over, [LONER], ["206"])
    stop = over + 200
    plot.phase("containment", stop, plot.refuse(thief, stop, 403), [LONER], ["206"])
    other = Phone(plot.site, "218", RIVAL, "Linphone/3.6.1 (eXosip2/4.1.0)", port=5062)
    t = at(1, "23:00")
    for _ in range(30):
        plot.guess("218", RIVAL, t, agent="Linphone/3.6.1 (eXosip2/4.1.0)")
        t += plot.random.uniform(30, 60)
    other.register(t, 200, 3600)
    rival = len(plot.truth["fraud"])
    plot.sell(other, at(2, "01:00"), at(2, "02:00"), pause=(60, 300), at_once=2, countries=["960"])
    plot.truth["rival"] = plot.truth["fraud"][rival:]
    del plot.truth["fraud"][rival:]
    plot.truth.update(decisive=decisive, takeover=takeover, accounts={"206"}, entry={"guessed-password"}, innocent=[OFFICE_NAT, BRANCH, RIVAL],
                      elsewhere=("218", RIVAL))


def comes_back(*cast):
    """Guessed, used, the password is changed (401), guessed again nine hours later, used, until the firewall drops all."""
    plot = Plot(*cast)

    def in_by_guessing(start, tries):
        t = start
        for _ in range(tries):
            plot.guess("212", LONER, t)
            t += plot.random.uniform(60, 110)
        return plot.guess("212", LONER, t, 200)

    decisive = in_by_guessing(at(1, "20:00"), 80)
    plot.phase("credential-access", at(1, "20:00"), decisive, [LONER], ["212"])
    thief = Phone(plot.site, "212", LONER, "PortSIP VoIP SDK 16.4", port=5081)
    takeover = thief.register(decisive + 1500, 200, 3600)
    plot.phase("compromise", decisive, takeover, [LONER], ["212"])
    over = plot.sell(thief, takeover + 300, takeover + 9000)
    plot.phase("abuse", takeover + 300, over, [LONER], ["212"])
    stop = over + 600
    last = plot.refuse(thief, stop, 401, 10, register_every=2)
    plot.phase("containment", stop, last, [LONER], ["212"])
    again = in_by_guessing(at(2, "11:30"), 60)
    plot.truth["returned"] = again
    plot.phase("credential-access", at(2, "11:30"), again, [LONER], ["212"])
    plot.phase("compromise", again, None, [LONER], ["212"])
    over = plot.sell(thief, again + 900, again + 6000)
    plot.phase("abuse", again + 900, over, [LONER], ["212"])
    stop = over + 600
    plot.phase("containment", stop, plot.refuse(thief, stop, 0, 6, register_every=0), [LONER], ["212"])
    plot.truth.update(decisive=decisive, takeover=takeover, accounts={"212"}, entry={"guessed-password"}, innocent=[OFFICE_NAT, BRANCH])


def ends_by_itself(*cast):
    """In by guessing with OPTIONS and REGISTER scans before; the calls end, nobody blocked anything."""
    plot = Plot(*cast)
    site = plot.site
    t = start = at(1, "04:00")
    for n in range(40):
        ping = Leg(site, site.way_in((RIVAL, 5080), "udp"), "friendly-scanner", f"sip:100@{EDGE}", f"sip:100@{EDGE}")
        arrived = ping.request(t, "OPTIONS", f"sip:100@{EDGE}")
        ping.respond(arrived, 200, "OK", tag=site.word())
        end, t = t, t + plot.random.uniform(1, 3)
    t = first = at(1, "04:30")
    for _ in range(300):
        plot.guess("221", RIVAL, t, agent="friendly-scanner")
        t += plot.random.uniform(0.8, 1.6)
    decisive = plot.guess("221", RIVAL, t, 200, agent="friendly-scanner")
    plot.phase("reconnaissance", start, end, [RIVAL])
    plot.phase("credential-access", first, decisive, [RIVAL], ["221"])
    thief = Phone(site, "221", SELLER, "Z 5.5.8 v2.10.17.3", "tcp", 40404)
    takeover = thief.register(at(1, "23:30"), 200, 3600)
    plot.phase("compromise", decisive, takeover, [RIVAL, SELLER], ["221"])
    over = plot.sell(thief, at(1, "23:40"), at(2, "02:00"))
    plot.phase("abuse", at(1, "23:40"), over, [SELLER], ["221"])
    plot.truth.update(decisive=decisive, takeover=takeover, accounts={"221"}, entry={"guessed-password"}, innocent=[OFFICE_NAT, BRANCH], ended=True)


def forwarding(*cast):
    """Someone with the password sets a forwarding by a dialled code; strangers then call the number, and the PBX calls far away."""
    plot = Plot(*cast)
    site, rnd = plot.site, plot.random
    thief = Phone(site, "209", LONER, "MicroSIP/3.21.3", port=50100)
    t = at(2, "18:00")
    for _ in range(25):
        plot.guess("209", LONER, t)
        t += rnd.uniform(10, 30)
    decisive = thief.register(t, 200, 3600)
    plot.phase("credential-access", at(2, "18:00"), decisive, [LONER], ["209"])
    target = "3712" + str(rnd.randint(1000000, 9999999))
    voice = (site.pbx[0], 5062)
    star = plot.note(thief.call(at(2, "18:40"), "*7200" + target, voice, 200, 0.5, 6.0, far_agent="Asterisk PBX 18.20.0", far_user="features"))
    plot.phase("compromise", decisive, star["asked"], [LONER], ["209"])
    t = start = at(2, "19:00")
    over = t
    while t < at(2, "23:30"):
        caller = Phone(site, "+4479" + str(rnd.randint(10000000, 99999999)), plot.trunk[0], "TELES.iSWITCH")
        over = max(over, forwarded(plot, caller, "209", t, target, round(rnd.uniform(200, 1200), 2)))
        t += rnd.uniform(30, 200)
    plot.phase("abuse", None, over, None, None)
    plot.truth.update(decisive=decisive, takeover=None, accounts={"209"}, entry={"guessed-password"}, innocent=[OFFICE_NAT, BRANCH])


def forwarded(plot, caller, account, when, target, talk):
    """A call of the carrier to an extension that the PBX sends back to the carrier, with a Diversion."""
    site = plot.site
    did = "+3188555" + "0" + account
    uri = f"sip:{did}@{EDGE}"
    hops = site.way_in(caller.outside, "udp")
    if site.proxy:
        hops = [*hops, (site.pbx, plot.trunk, "udp")]
    a = Leg(site, hops, caller.agent, f"sip:{caller.account}@{plot.trunk[0]}", uri)
    a.beyond = f"sip:+{target}@{plot.trunk[0]}:5060"
    arrived = a.request(when, "INVITE", uri, [("Contact", f"<sip:{plot.trunk[0]}:5060>"), ("Diversion", f"<sip:{did}@{EDGE}>;reason=unconditional")] if site.proxy
                        else [("Contact", f"<sip:{plot.trunk[0]}:5060>")], sdp(plot.trunk[0], 30002))
    a.respond(arrived, 100, "Trying")
    fact = caller.bridge(a, when, arrived, uri, did, plot.trunk, 200, plot.random.uniform(2, 8), talk, True, "", "+" + target)
    plot.note(fact, True)
    fact["number"] = "00" + target
    return fact["end"]


def guessed_in_vain(*cast):
    """Thousands of passwords from many places; none is right. No compromise, no abuse."""
    plot = Plot(*cast)
    last = first = at(1, "09:00")
    for i, bot in enumerate(BOTS[:20]):
        t = first + i * 40
        while t < at(3, "20:00"):
            asked = plot.guess(("201", "202", "210")[i % 3], bot, t)
            last = max(last, asked)
            t += plot.random.uniform(2000, 2600)
    plot.phase("credential-access", first, last, None, None)
    plot.truth.update(decisive=None, takeover=None, accounts=set(), told=None, entry=None, innocent=[OFFICE_NAT, BRANCH])


ATTACKS = {f.__name__: f for f in (botnet, stolen, insider, second_binding, dialplan_hole, two_rivals, comes_back, ends_by_itself, forwarding, guessed_in_vain)}


# --- ordinary weeks: what looks like an attack, and is none ---------------------------------------------------------------

def sales_week(*cast):
    """An exporter's sales people call half the world in office hours; one travels and calls from two hotels; a phone is replaced."""
    plot = Plot(*cast)
    site, rnd = plot.site, plot.random
    for day in range(1, 6):
        for account in ("201", "202", "204", "222"):
            t = at(day, "09:00") + rnd.uniform(0, 600)
            while t < at(day, "17:30"):
                number = rnd.choice(["4930", "33145", "44207", "1212555", "8621", "9714", "91226", "5511"]) + str(rnd.randint(100000, 999999))
                fact = plot.note(plot.phones[account].call(t, "00" + number, plot.trunk, rnd.choice([200] * 6 + [486, 480, 404]), rnd.uniform(4, 15),
                                                           round(rnd.uniform(30, 700), 2), rnd.random() < 0.6, far_user="+" + number))
                t = fact.get("end", t + 30) + rnd.uniform(60, 900)
    for day, hotel in ((2, "80.187.104.66"), (4, "90.76.15.200")):
        away = Phone(site, "202", hotel, "Linphone-Desktop/4.4.2 (belle-sip/5.1.64)", port=51021, local=("192.168.88.14", 5060))
        for h in range(3):
            away.register(at(day, f"{19 + h}:05"), 200, 3600)
        plot.note(away.call(at(day, "20:10"), "0612345678", plot.trunk, talk=240.0, far_user="+31612345678"))
    fresh = Phone(site, "217", OFFICE_NAT, "Grandstream GRP2614 1.0.11.64", port=31222, local=("192.168.1.99", 5060))
    for n in range(60):
        fresh.register(at(3, "10:00") + n * 1500, 200)


def new_passwords_week(*cast):
    """All passwords are changed on a Wednesday night: half the phones are wrong for a morning; two people type theirs by hand."""
    plot = Plot(*cast)
    for i, account in enumerate(("203", "205", "206", "209", "210", "212", "218", "223")):
        t = at(4, "07:00") + i * 11
        while t < at(4, "09:30") + i * 240:
            plot.phones[account].register(t, 401)
            t += 62
        plot.phones[account].register(t, 200)
    for account, start in (("221", "09:12"), ("224", "11:40")):
        t = at(4, start)
        for outcome in (401, 401, 401, 401, 200):
            plot.phones[account].register(t, outcome)
            t += plot.random.uniform(12, 40)


def outage_week(*cast):
    """A morning without the provider, a restart of everything, a monitor that asks each second, a fax that tries again and again."""
    plot = Plot(*cast)
    site, rnd = plot.site, plot.random
    for _ in range(120):
        who = plot.phones[rnd.choice([a for a in plot.phones if a != "219"])]
        plot.note(who.call(at(2, "09:00") + rnd.uniform(0, 3600), "020" + str(rnd.randint(1000000, 9999999)), plot.trunk, 503, 0.2))
    for phone in plot.phones.values():
        phone.register(at(2, "10:01") + rnd.uniform(0, 20))
    fax = plot.phones["225"]
    for n in range(40):
        plot.note(fax.call(at(3, "13:00") + n * 180, "0201234567", plot.trunk, 486 if n < 39 else 200, 6.0, 55.0, far_user="+31201234567"))
    for n in range(900):
        ping = Leg(site, site.way_in((BRANCH, 5070), "udp"), "sipsak 0.9.8.1", f"sip:sipsak@{BRANCH}", f"sip:ping@{EDGE}")
        ping.respond(ping.request(at(1, "12:30") + n * 60, "OPTIONS", f"sip:ping@{EDGE}"), 200, "OK", tag=site.word())


WEEKS = {f.__name__: f for f in (sales_week, new_passwords_week, outage_week)}


# --- the same, on other ground ------------------------------------------------------------------------------------------

def six(address):
    """An IPv6 address for an IPv4 one: networks stay apart, neighbours stay neighbours."""
    a, b, c, d = (int(part) for part in address.split("."))
    return f"2a02:{a * 256 + b:x}:{c + 1:x}::{d + 1:x}"


def over_ipv6(site):
    def rewrite(text):
        text = re.sub(r"IN IP4 (\d+\.\d+\.\d+\.\d+)", lambda m: "IN IP6 " + six(m[1]), text)
        text = re.sub(r"received=(\d+\.\d+\.\d+\.\d+)", lambda m: "received=" + six(m[1]), text)
        head, _, body = text.partition("\r\n\r\n")
        head = re.sub(r"(?<=[@: ])(\d+\.\d+\.\d+\.\d+)(?=[:;> \r])", lambda m: f"[{six(m[1])}]", head)
        head = re.sub(r"Content-Length: \d+", f"Content-Length: {len(body)}", head)
        return head + "\r\n\r\n" + body
    site.sent = [(t, (six(s[0]), s[1]), (six(d[0]), d[1]), p, rewrite(text)) for t, s, d, p, text in site.sent]


def over_tcp(site):
    """Everything over TCP: nothing is sent again."""
    seen = set()
    sent = []
    for t, s, d, p, text in site.sent:
        if (s, d, text) in seen:
            continue
        seen.add((s, d, text))
        sent.append((t, s, d, "tcp", text.replace("SIP/2.0/UDP", "SIP/2.0/TCP")))
    site.sent = sent
