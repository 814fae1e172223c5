"""Writes three days of an office's signalling with one incident in it, as captures and as HEP archives, and what is true of it.

The site: an edge proxy (kamailio-like, an address on each side) before an asterisk-like B2BUA, which calls the carrier back
through the edge under Call-IDs of its own. Or the B2BUA stands alone ("flat"). The attackers search for accounts slowly, guess
from fourteen addresses without success, then come in with a password that leaked, hand it to another who takes the account
over, sets a forwarding and sells calls to five countries, is locked out, and returns with a second account.
"""
import json
import random
import socket
import struct
from datetime import datetime, timezone

DAY1 = datetime(2026, 6, 1, tzinfo=timezone.utc).timestamp()  # a Monday
EDGE, EDGE_IN, PBX, TRUNK = "198.51.100.10", "10.20.0.1", "10.20.0.5", "192.0.2.77"
OFFICE_NAT, BRANCH, HOTEL = "203.0.113.50", "192.0.2.150", "88.211.40.9"
SEARCHER, FIRST_IN, THIEF = "185.53.88.20", "45.83.64.210", "77.83.4.4"
GUESSERS = [f"45.83.64.{n}" for n in (11, 12, 19, 23, 57)] + ["103.145.13.7", "102.165.48.81", "5.188.62.9", "193.107.216.30", "156.96.150.44",
            "23.148.145.2", "141.98.10.6", "167.94.138.90", "212.129.47.3"]
EXTENSIONS = [str(n) for n in range(201, 226)]
TAKEN, SECOND, GUESSED = "211", "214", ("205", "208")
COUNTRIES = {"252": "25261", "960": "9607", "53": "535", "371": "3712", "882": "88216"}
DOMAIN = "voip.example.nl"


def at(day, clock):
    h, m, s = (list(map(float, clock.split(":"))) + [0.0])[:3]
    return DAY1 + (day - 1) * 86400 + h * 3600 + m * 60 + s


class Site:
    """The SIP of a site, hop by hop. flat: the B2BUA stands alone. proxy: a proxy stands alone, one dialog goes through it."""

    def __init__(self, flat=False, seed=1, proxy=False):
        self.flat = flat or proxy
        self.proxy = proxy
        self.random = random.Random(seed)
        self.sent = []  # time, source, destination, protocol, text
        self.host = EDGE
        self.pbx = (EDGE, 5060) if self.flat else (PBX, 5060)

    def word(self, n=8):
        return "".join(self.random.choice("0123456789abcdef") for _ in range(n))

    def lag(self):
        return self.random.uniform(0.0006, 0.004)

    # Sockets on the way from a client to the PBX, and from the PBX to a phone or the carrier.
    def way_in(self, client, proto):
        if self.flat:
            return [(client, self.pbx, proto)]
        return [(client, (EDGE, 5060), proto), ((EDGE_IN, 5060), self.pbx, "udp")]

    def way_out(self, server, proto="udp"):
        if self.flat:
            return [(self.pbx, server, proto)]
        return [(self.pbx, (EDGE_IN, 5060), "udp"), ((EDGE, 5060), server, proto)]

    def say(self, when, hop, text, back=False):
        src, dst, proto = hop
        if back:
            src, dst = dst, src
        self.sent.append((when, src, dst, proto, text))


class Leg:
    """One dialog or registration of a user agent over one or two hops."""

    def __init__(self, site, hops, agent, from_uri, to_uri, call_id=None, display="", local=None, compact=False, server="Asterisk PBX 18.20.0"):
        self.site, self.hops, self.agent, self.compact, self.server = site, hops, agent, compact, server
        self.local = local or hops[0][0]
        self.call_id = call_id or site.word(20) + "@" + self.local[0]
        self.display = display
        self.from_uri, self.to_uri, self.from_tag, self.to_tag = from_uri, to_uri, site.word(10), ""
        self.cseq = site.random.randint(1, 900)
        self.vias = []
        self.turned = False  # requests go from the far end
        self.beyond = ""  # what a proxy makes of an INVITE's target

    def name(self, uri, tag, display=""):
        shown = f'"{display}" ' if display else ""
        return f"{shown}<{uri}>" + (f";tag={tag}" if tag else "")

    def headers(self, method, more):
        ours, theirs = self.name(self.from_uri, self.from_tag, self.display), self.name(self.to_uri, self.to_tag)
        if self.turned:
            ours, theirs = self.name(self.to_uri, self.to_tag), self.name(self.from_uri, self.from_tag, self.display)
        call, cseq = ("Call-ID", self.call_id), ("CSeq", f"{self.cseq} {method}")
        if self.agent.startswith("Asterisk"):
            lines = [call, ("From", ours), ("To", theirs), cseq]
        elif self.compact:
            lines = [("f", ours), ("t", theirs), ("i", self.call_id), cseq]
        else:
            lines = [("From", ours), ("To", theirs), call, cseq]
        return lines + more

    def request(self, when, method, uri, more=(), body="", hops=None):
        hops = hops or self.hops
        way = [(d, s, p) for s, d, p in reversed(hops)] if self.turned else hops
        local = way[0][0] if self.turned else self.local
        branch = self.site.word(12)
        proto = way[0][2].upper()
        self.vias = [f"SIP/2.0/{proto} {local[0]}:{local[1]};rport;branch=z9hG4bK{branch}"]
        forwards = 70
        for i, (src, dst, p) in enumerate(way):
            if i:
                when += self.site.lag()
                self.vias[0] = self.vias[0].replace(";rport", f";received={way[0][0][0]};rport={way[0][0][1]}")
                self.vias.insert(0, f"SIP/2.0/{p.upper()} {src[0]};branch=z9hG4bKcyd{self.site.word(10)}.{i}")
                forwards -= 1
            lines = [("v" if self.compact else "Via", v) for v in self.vias] + [("Max-Forwards", str(forwards))]
            if i and method in ("INVITE", "REGISTER"):
                lines.append(("Record-Route" if method == "INVITE" else "Path", f"<sip:{src[0]};lr>"))
            lines += self.headers(method, list(more)) + [("User-Agent", self.agent)]
            target = self.beyond if i and method in ("INVITE", "CANCEL") and self.beyond else uri
            self.site.say(when, (src, dst, p), self.render(f"{method} {target} SIP/2.0", lines, body))
        self.way, self.method = way, method
        return when

    def respond(self, when, status, reason, more=(), body="", tag=None):
        if tag:
            self.to_tag = tag
        vias = list(self.vias)
        for i, (src, dst, p) in enumerate(reversed(self.way)):
            when += self.site.lag()
            lines = [("Via", v if ";received" in v or ";rport" not in v else v.replace(";rport", f";received={src[0]};rport={src[1]}"))
                     for v in vias]
            ours, theirs = self.name(self.from_uri, self.from_tag, self.display), self.name(self.to_uri, self.to_tag)
            if self.turned:
                ours, theirs = theirs, ours
            lines += [("Call-ID", self.call_id), ("From", ours), ("To", theirs), ("CSeq", f"{self.cseq} {self.method}")]
            lines += list(more) + [("Server", self.server)]
            self.site.say(when, (src, dst, p), self.render(f"SIP/2.0 {status} {reason}", lines, body), back=True)
            vias = vias[1:]
        return when

    @staticmethod
    def render(start, lines, body):
        lines = [f"{k}: {v}" for k, v in lines]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([start, *lines, f"Content-Length: {len(body)}", "", body])

    def ack(self, when, uri, end_to_end):
        method, vias = self.method, self.vias
        self.request(when, "ACK", uri, hops=self.hops if end_to_end else self.hops[:1])
        if not end_to_end and len(self.hops) > 1:  # the proxy acknowledges a refusal itself
            src, dst, p = self.hops[1]
            lines = [("Via", vias[0]), ("Max-Forwards", "70")] + self.headers("ACK", [])
            self.site.say(when, (src, dst, p), self.render(f"ACK {uri} SIP/2.0", lines, ""))
        self.method = method


def sdp(address, port, user="root"):
    return (f"v=0\r\no={user} 18120 18120 IN IP4 {address}\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n")


WORDS = {486: "Busy Here", 404: "Not Found", 503: "Service Unavailable", 480: "Temporarily Unavailable", 487: "Request Terminated"}


class Phone:
    def __init__(self, site, account, address, agent, proto="udp", port=5060, local=None, compact=False):
        self.site, self.account, self.agent, self.proto, self.compact = site, account, agent, proto, compact
        self.outside = (address, port)
        self.local = local or self.outside
        self.call_id = site.word(16) + "@" + self.local[0]

    def contact(self, expires=None):
        more = f";transport={self.proto}" if self.proto != "udp" else ""
        text = f"<sip:{self.account}@{self.local[0]}:{self.local[1]}{more}>"
        return ("m" if self.compact else "Contact", text + (f";expires={expires}" if expires else ""))

    def login(self, leg, method, uri, proxy=False):
        name = "Proxy-Authorization" if proxy and self.site.proxy else "Authorization"
        return (name, f'Digest username="{self.account}", realm="asterisk", nonce="{leg.nonce}", uri="{uri}", response="{leg.site.word(32)}", '
                      f'algorithm=MD5, qop=auth, cnonce="{leg.site.word(8)}", nc=00000001')

    def challenge(self, leg, proxy=False):
        leg.nonce = f"{leg.site.random.randint(1_700_000_000, 1_800_000_000)}/{leg.site.word(32)}"
        return ("Proxy-Authenticate" if proxy and self.site.proxy else "WWW-Authenticate", f'Digest realm="asterisk",nonce="{leg.nonce}",opaque="{leg.site.word(16)}",algorithm=MD5,qop="auth"')

    # outcome: 200, 401 (wrong password), 403, 404, 0 (nobody answers). Gives the time of the request that decided.
    def register(self, when, outcome=200, expires=1800):
        uri = f"sip:{DOMAIN}"
        leg = Leg(self.site, self.site.way_in(self.outside, self.proto), self.agent, f"sip:{self.account}@{DOMAIN}", f"sip:{self.account}@{DOMAIN}",
                  self.call_id, local=self.local, compact=self.compact)
        more = [self.contact(), ("Expires", str(expires))]
        start = when
        when = leg.request(start, "REGISTER", uri, more)
        if outcome == 0:
            self.again(leg, 3)
        if outcome == 0:
            return start
        if outcome == 404:
            leg.respond(when, 404, "Not Found", tag=self.site.word())
            return start
        when = leg.respond(when, 401, "Unauthorized", [self.challenge(leg)], tag=self.site.word()) + self.site.lag()
        leg.to_tag = ""
        leg.cseq += 1
        decided = when
        when = leg.request(when, "REGISTER", uri, more + [self.login(leg, "REGISTER", uri)])
        if outcome == 200:
            leg.respond(when, 200, "OK", [self.contact(expires), ("Date", datetime.fromtimestamp(int(when), timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT"))], tag=self.site.word())
        elif outcome == 401:
            leg.respond(when, 401, "Unauthorized", [self.challenge(leg)], tag=self.site.word())
        else:
            leg.respond(when, 403, "Forbidden", tag=self.site.word())
        return decided

    def again(self, leg, times):
        """Retransmissions of what was just sent, over all hops."""
        first = self.site.sent[-len(leg.way):]
        for i in range(1, times + 1):
            self.site.sent += [(when + 0.5 * (2 ** i - 1), *rest) for when, *rest in first]

    # outcome: 200 or what the carrier says; 403: the PBX refuses at once; 0: nobody answers. to: the number dialled.
    def call(self, when, dialled, far, outcome=200, ring=4.0, talk=60.0, caller_hangs_up=True, far_agent="", far_user=None, limit=True):
        site = self.site
        uri = f"sip:{dialled}@{DOMAIN}"
        a = Leg(site, site.way_in(self.outside, self.proto), self.agent, f"sip:{self.account}@{DOMAIN}", uri, local=self.local, compact=self.compact)
        offer = sdp(self.local[0], site.random.randrange(10000, 20000, 2), "-")
        more = [self.contact(), ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY")]
        start = when
        when = a.request(when, "INVITE", uri, more, offer)
        if outcome == 0:
            self.again(a, 5)
            return {"call_id": a.call_id, "start": start, "status": 0}
        refusal = (407, "Proxy Authentication Required") if site.proxy else (401, "Unauthorized")
        when = a.respond(when, *refusal, [self.challenge(a, True)], tag=site.word()) + site.lag()
        a.ack(when, uri, False)
        a.to_tag = ""
        a.cseq += 1
        asked = when + 0.001
        if site.proxy and outcome not in (401, 403):
            a.hops, a.server = [*a.hops, (site.pbx, far, "udp")], far_agent or "TELES.iSWITCH"
            a.beyond = f"sip:{far_user or dialled}@{far[0]}:{far[1]}"
        when = a.request(asked, "INVITE", uri, more + [self.login(a, "INVITE", uri, True)], offer)
        if outcome == 401:
            a.respond(when, *refusal, [self.challenge(a, True)], tag=site.word())
            a.ack(when + 0.02, uri, False)
            return {"call_id": a.call_id, "start": start, "status": 401, "asked": asked}
        if outcome == 403:
            a.respond(when, 403, "Forbidden", tag=site.word())
            a.ack(when + 0.02, uri, False)
            return {"call_id": a.call_id, "start": start, "status": 403}
        a.respond(when, 100, "Trying")
        return {**self.bridge(a, start, when, uri, dialled, far, outcome, ring, talk, caller_hangs_up, far_agent, far_user), "asked": asked}

    def bridge(self, a, start, when, uri, dialled, far, outcome, ring, talk, caller_hangs_up, far_agent, far_user):
        site = self.site
        if site.proxy:
            return self.through(a, start, when, uri, dialled, far, outcome, ring, talk, caller_hangs_up)
        b_uri = f"sip:{far_user or dialled}@{far[0]}:{far[1]}"
        out = site.way_out(far)
        b = Leg(site, out, "Asterisk PBX 18.20.0", f"sip:{self.account}@{site.pbx[0]}", b_uri, call_id=site.word(8) + "-" + site.word(4) + "-" + site.word(12),
                server=far_agent or "TELES.iSWITCH")
        contact = ("Contact", f"<sip:asterisk@{site.pbx[0]}:5060>")
        when = b.request(when + 0.01, "INVITE", b_uri, [contact, ("P-Asserted-Identity", f"<sip:{self.account}@{DOMAIN}>")], sdp(site.pbx[0], 12000))
        b.respond(when, 100, "Trying")
        ringing = when + 0.4
        b.respond(ringing, 183, "Session Progress", [("Contact", f"<sip:{far[0]}>")], sdp(far[0], 30000), tag=site.word())
        a.respond(ringing + 0.02, 183, "Session Progress", [contact], sdp(site.pbx[0], 12002), tag=site.word())
        final = when + ring
        fact = {"call_id": a.call_id, "start": start, "status": outcome, "number": dialled}
        if outcome == 487:  # given up
            a.cancel = site.word()
            for leg, target, t in ((a, uri, final), (b, b_uri, final + 0.02)):
                vias, method = leg.vias, leg.method
                tag, leg.to_tag = leg.to_tag, ""
                way = leg.way
                arrived = leg.request(t, "CANCEL", target)
                leg.respond(arrived, 200, "OK", tag=tag)
                leg.vias, leg.method, leg.way = vias, method, way
                leg.respond(arrived + 0.01, 487, WORDS[487])
                leg.ack(arrived + 0.05, target, False)
            return fact
        if outcome != 200:
            b.respond(final, outcome, WORDS[outcome])
            b.ack(final + 0.01, b_uri, False)
            a.respond(final + 0.02, outcome, WORDS[outcome])
            a.ack(final + 0.05, uri, False)
            return fact
        b.respond(final, 200, "OK", [("Contact", f"<sip:{far[0]}>")], sdp(far[0], 30000))
        b.ack(final + 0.02, f"sip:{far[0]}", True)
        answered = a.respond(final + 0.03, 200, "OK", [contact], sdp(site.pbx[0], 12002))
        a.ack(answered + 0.05, f"sip:asterisk@{site.pbx[0]}:5060", True)
        end = answered + talk
        first, second = (a, b) if caller_hangs_up else (b, a)
        for leg, t in ((first, end), (second, end + 0.03)):
            # The phone ends its leg as caller; the PBX ends the other as callee of the first or caller of the second.
            leg.turned = not caller_hangs_up
            leg.cseq += 1
            target = f"sip:asterisk@{site.pbx[0]}:5060"
            if leg.turned == (leg is a):
                target = f"sip:{far[0]}" if leg is b else f"sip:{self.account}@{self.local[0]}:{self.local[1]}"
            arrived = leg.request(t, "BYE", target,
                                  [("Reason", 'Q.850;cause=16;text="Normal call clearing"')] if leg is second else [])
            leg.respond(arrived, 200, "OK")
        return {**fact, "answer": answered, "end": end, "talk": talk}


    def through(self, a, start, when, uri, dialled, far, outcome, ring, talk, caller_hangs_up):
        """One dialog over both hops of a proxy."""
        site = self.site
        fact = {"call_id": a.call_id, "start": start, "status": outcome, "number": dialled}
        a.respond(when + 0.4, 183, "Session Progress", [("Contact", f"<sip:{far[0]}>")], sdp(far[0], 30000), tag=site.word())
        final = when + ring
        if outcome == 487:
            vias, method, tag, a.to_tag = a.vias, a.method, a.to_tag, ""
            arrived = a.request(final, "CANCEL", uri)
            a.respond(arrived, 200, "OK", tag=tag)
            a.vias, a.method = vias, method
            a.respond(arrived + 0.01, 487, WORDS[487])
            a.ack(arrived + 0.05, uri, False)
            return fact
        if outcome != 200:
            a.respond(final, outcome, WORDS[outcome])
            a.ack(final + 0.05, uri, False)
            return fact
        answered = a.respond(final, 200, "OK", [("Contact", f"<sip:{far[0]}>")], sdp(far[0], 30000))
        a.ack(answered + 0.05, f"sip:{far[0]}", True)
        end = answered + talk
        a.turned = not caller_hangs_up
        a.cseq += 1
        target = f"sip:{self.account}@{self.local[0]}:{self.local[1]}" if a.turned else f"sip:{far[0]}"
        a.respond(a.request(end, "BYE", target), 200, "OK")
        return {**fact, "answer": answered, "end": end, "talk": talk}


def office_of(site):
    phones = {}
    kinds = [("Yealink SIP-T46U 108.86.0.20", "udp"), ("Grandstream GXP2170 1.0.11.64", "udp"), ("Zoiper v5.6.5", "tcp"), ("Linphone-Desktop/4.4.2 (belle-sip/5.1.64)", "udp"),
             ("snomD735/10.1.141.13", "udp")]
    for i, account in enumerate(EXTENSIONS):
        agent, proto = kinds[i % len(kinds)]
        if i < 20:
            phones[account] = Phone(site, account, OFFICE_NAT, agent, proto, 20000 + i * 7, ("192.168.1." + str(30 + i), 5060))
        else:
            phones[account] = Phone(site, account, BRANCH, agent, proto, 5060 + i)
    return phones


def tell(flat=False, seed=1, incident=True, days=3, attack=None, proxy=False):
    site = Site(flat, seed, proxy)
    rnd = site.random
    phones = office_of(site)
    trunk = (TRUNK, 5060)
    truth = {"calls": {}, "fraud": [], "phases": []}

    def note(fact, fraud=False):
        truth["calls"][fact["call_id"]] = fact
        if fraud:
            truth["fraud"].append(fact)
        return fact

    # --- an office's days: registrations, calls, honest errors ---
    outage = (at(1, "12:00"), at(1, "12:09:30"))
    for account, phone in phones.items():
        t = DAY1 + rnd.uniform(0, 1500)
        while t < DAY1 + days * 86400:
            if outage[0] <= t < outage[1]:
                phone.register(t, 0)
                t = t + 60 if t + 60 < outage[1] else outage[1] + rnd.uniform(0, 40)
                continue
            wrong = account == "219" and at(1, "14:00") <= t < at(2, "10:00")
            phone.register(t, 401 if wrong else 200)
            t += 60 if wrong else rnd.uniform(1400, 1700)
    t = DAY1 + 5
    while t < DAY1 + days * 86400:
        ping = Leg(site, [((EDGE, 5060), trunk, "udp")], "OpenSIPS (3.4.5 (x86_64/linux))", f"sip:ping@{EDGE}", f"sip:{TRUNK}", server="TELES.iSWITCH")
        ping.respond(ping.request(t, "OPTIONS", f"sip:{TRUNK}") + 0.004, 200, "OK", tag=site.word())
        t += 60
    for day in range(1, days + 1):
        for _ in range(130):
            t = at(day, "08:00") + rnd.uniform(0, 36000)
            if outage[0] - 600 <= t < outage[1] + 60:
                continue
            who = phones[rnd.choice([e for e in EXTENSIONS if e != "219"])]
            outcome = rnd.choice([200] * 14 + [486, 480, 487, 404])
            common = dict(ring=rnd.uniform(2, 20), talk=round(rnd.uniform(15, 600), 2), caller_hangs_up=rnd.random() < 0.6)
            kind = rnd.random()
            if kind < 0.45:
                number = rnd.choice(["020", "030", "06"]) + str(rnd.randint(1000000, 9999999))
                if rnd.random() < 0.04:
                    number = rnd.choice(["0049301", "0044207"]) + str(rnd.randint(100000, 999999))
                note(who.call(t, number, trunk, outcome, far_user="+" + (number[2:] if number.startswith("00") else "31" + number[1:]), **common))
            elif kind < 0.65:
                other = phones[rnd.choice([e for e in EXTENSIONS if e not in ("219", who.account)])]
                note(who.call(t, other.account, other.outside, outcome, far_agent=other.agent, far_user=other.account, **common))
            else:
                caller = Phone(site, "+3120" + str(rnd.randint(1000000, 9999999)), TRUNK, "TELES.iSWITCH")
                incoming(site, caller, who, t, outcome, common, note)
    away = Phone(site, "207", HOTEL, "Linphone-Desktop/4.4.2 (belle-sip/5.1.64)", port=43210, local=("192.168.43.11", 5060))
    for i, outcome in enumerate((401, 401, 401, 200)):
        away.register(at(1, "19:05") + i * 21, outcome, 600)
    for t, number in ((at(1, "19:09"), "0205551234"), (at(1, "19:21"), "0612345678")):
        note(away.call(t, number, trunk, talk=180.5, far_user="+31" + number[1:]))
    if incident:
        (attack or attack_by_registration)(site, phones, trunk, truth, note)
    site.sent.sort(key=lambda m: m[0])
    return site, truth


def incoming(site, caller, callee, when, outcome, common, note):
    """A call of the carrier to an extension: no challenge, for it is a peer."""
    did = "+3188555" + "0" + callee.account
    uri = f"sip:{did}@{EDGE}"
    hops = site.way_in(caller.outside, "udp")
    if site.proxy:
        hops = [*hops, (site.pbx, callee.outside, callee.proto)]
    a = Leg(site, hops, caller.agent, f"sip:{caller.account}@{TRUNK}", uri, server=callee.agent if site.proxy else "Asterisk PBX 18.20.0")
    a.beyond = f"sip:{callee.account}@{callee.outside[0]}:{callee.outside[1]}" if site.proxy else ""
    more = [("Contact", f"<sip:{TRUNK}:5060>"), ("P-Asserted-Identity", f"<sip:{caller.account}@{TRUNK}>")]
    arrived = a.request(when, "INVITE", uri, more, sdp(TRUNK, 30002))
    a.respond(arrived, 100, "Trying")
    fact = caller.bridge(a, when, arrived, uri, did, callee.outside, outcome, common["ring"], common["talk"], common["caller_hangs_up"], callee.agent,
                         callee.account)
    note(fact)


def attack_by_calls(site, phones, trunk, truth, note):
    """Never registers: guesses with the INVITE itself, calls at once when it is in, and is stopped by a new password."""
    rnd = site.random
    thief = Phone(site, "220", THIEF, "FPBX-2.11.0(11.7.0)", "udp", 5071)
    t = first = at(2, "01:10")
    for n in range(45):
        number = "00" + COUNTRIES["53"] + str(rnd.randint(10000000, 99999999))
        known = n == 44
        fact = note(thief.call(t, number, trunk, 200 if known else 401, 3.0, 95.0, far_user="+" + number[2:]), known)
        truth["decisive"] = fact["asked"]
        t += rnd.uniform(20, 40)
    truth["phases"].append({"phase": "credential-access", "start": first, "end": truth["decisive"], "actors": [THIEF], "accounts": ["220"]})
    truth["phases"].append({"phase": "compromise", "start": truth["decisive"], "actors": [THIEF], "accounts": ["220"]})
    start, end = truth["decisive"], t
    while t < at(2, "03:00"):
        number = "00" + rnd.choice([COUNTRIES["53"], COUNTRIES["371"]]) + str(rnd.randint(10000000, 99999999))
        fact = note(thief.call(t, number, trunk, rnd.choice([200, 200, 200, 486]), rnd.uniform(2, 6), round(rnd.uniform(100, 500), 2), far_user="+" + number[2:]), True)
        end = max(end, fact.get("end", fact["start"]))
        t += rnd.uniform(60, 200)
    truth["phases"].append({"phase": "abuse", "start": start, "end": end, "actors": [THIEF], "accounts": ["220"]})
    t = stop = end + 30
    for _ in range(9):
        last = note(thief.call(t, "0053" + str(rnd.randint(10000000, 99999999)), trunk, 401))["start"]
        t += rnd.uniform(60, 120)
    truth["phases"].append({"phase": "containment", "start": stop, "end": last, "actors": [THIEF], "accounts": ["220"]})


def attack_by_registration(site, phones, trunk, truth, note):
    rnd = site.random

    def phase(name, start, end, **more):
        truth["phases"].append({"phase": name, "start": start, "end": end, **more})

    # Who is there? Slow enough to stay below every rate limit.
    users = [str(n) for n in range(180, 260)] + [f"{w}{n}" for w in ("sales", "office", "fax", "lobby") for n in range(1, 41)]
    rnd.shuffle(users)
    t = start = at(1, "02:10")
    for user in users:
        probe = Phone(site, user, SEARCHER, "Z 3.15.40006 rv2.8.20", port=rnd.randrange(20000, 60000))
        leg = Leg(site, site.way_in(probe.outside, "udp"), probe.agent, f"sip:{user}@{EDGE}", f"sip:{user}@{EDGE}", probe.call_id)
        arrived = leg.request(t, "REGISTER", f"sip:{EDGE}", [probe.contact(), ("Expires", "60")])
        if user in EXTENSIONS:
            leg.respond(arrived, 401, "Unauthorized", [probe.challenge(leg)], tag=site.word())
        else:
            leg.respond(arrived, 404, "Not Found", tag=site.word())
        last, t = t, t + rnd.uniform(50, 70)
    phase("enumeration", start, last, accounts=EXTENSIONS, actors=[SEARCHER])
    # Guessing from many places, each seldom.
    first = last = None
    for i, source in enumerate(GUESSERS):
        t = at(1, "18:00") + i * 97
        n = i
        while t < at(2, "17:00"):
            guess = Phone(site, GUESSED[n % 2], source, "Z 3.15.40006 rv2.8.20", port=rnd.randrange(20000, 60000))
            asked = guess.register(t, 401, 60)
            first, last = min(first or asked, asked), max(last or asked, asked)
            n += 1
            t += rnd.uniform(1380, 1620)
    phase("credential-access", first, last, accounts=list(GUESSED), actors=GUESSERS)
    # In by the front door.
    entry = Phone(site, TAKEN, FIRST_IN, "MicroSIP/3.21.3", port=51544, local=("172.16.8.3", 51544))
    decisive = entry.register(at(2, "20:13:07"), 200, 300)
    thief = Phone(site, TAKEN, THIEF, "MicroSIP/3.20.7", "tcp", 60113, ("10.8.0.2", 60113), compact=True)
    takeover = thief.register(at(2, "20:41:30"), 200, 3600)
    for n in range(1, 9):
        thief.register(takeover + n * 3000, 200, 3600)
    phase("compromise", decisive, takeover, accounts=[TAKEN], actors=[FIRST_IN, THIEF])
    truth.update(decisive=decisive, takeover=takeover)
    voice = (site.pbx[0], 5062) if site.flat else (PBX, 5062)
    note(thief.call(at(2, "20:55"), "*7200252612345678", voice, 200, 0.5, 6.0, far_agent="Asterisk PBX 18.20.0", far_user="features"))
    abuse_start = at(2, "20:55")

    def sell(phone, start, end, most):
        sold = []
        busy = []
        t = start
        while t < end and len(sold) < most:
            busy = [b for b in busy if b > t]
            if len(busy) >= 3:
                t = min(busy) + 2
                continue
            code, stem = rnd.choice(sorted(COUNTRIES.items()))
            number = stem + str(rnd.randint(10 ** (11 - len(stem)), 10 ** (12 - len(stem)) - 1))
            outcome = rnd.choice([200] * 8 + [503, 404])
            talk = round(rnd.uniform(60, 900), 2)
            fact = note(phone.call(t, "00" + number, trunk, outcome, rnd.uniform(1, 7), talk, rnd.random() < 0.7, far_user="+" + number), True)
            sold.append(fact)
            busy.append(fact.get("end", t + 8))
            t += rnd.uniform(15, 260)
        return max(f.get("end", f["start"]) for f in sold)

    end = sell(thief, at(2, "22:00"), at(3, "03:20"), 90)
    phase("abuse", abuse_start, end, accounts=[TAKEN], actors=[THIEF])
    # Locked: everything of that account is refused.
    t = stop = max(at(3, "03:36"), end + 120)
    for n in range(11):
        if n % 4 == 3:
            last = thief.register(t, 403)
        else:
            last = note(thief.call(t, "0025261" + str(rnd.randint(1000000, 9999999)), trunk, 403))["start"]
        t += rnd.uniform(120, 260)
    phase("containment", stop, last, accounts=[TAKEN], actors=[THIEF])
    # Back with another account, until the firewall drops all that comes from there.
    back = Phone(site, SECOND, THIEF, "MicroSIP/3.20.7", "udp", 60200, ("10.8.0.2", 60200), compact=True)
    returned = back.register(at(3, "05:20"), 200, 7200)
    truth["returned"] = returned
    end = sell(back, at(3, "05:24"), at(3, "06:10"), 12)
    phase("abuse", at(3, "05:24"), end, accounts=[SECOND], actors=[THIEF])
    t = stop = end + 300
    for n in range(6):
        last = note(back.call(t, "009607" + str(rnd.randint(100000, 999999)), trunk, 0))["start"]
        t += rnd.uniform(100, 200)
    phase("containment", stop, last, accounts=[SECOND], actors=[THIEF])


# --- archives --------------------------------------------------------------------------------------------------------

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Pcap:
    """Ethernet frames with microseconds; TCP with handshakes, some messages in two segments."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        self.ids, self.connections, self.records, self.numbers = {}, {}, [], {}

    def frame(self, when, src, dst, proto, payload):
        if ":" in src[0]:
            head = struct.pack("!IHBB", 0x60000000, len(payload), proto, 57) + socket.inet_pton(socket.AF_INET6, src[0]) + \
                socket.inet_pton(socket.AF_INET6, dst[0])
            self.records.append((when, len(self.records), b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x86\xdd" + head + payload))
            return
        self.ids[src[0]] = (self.ids.get(src[0], hash_of(src[0])) + 1) & 0xffff
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), self.ids[src[0]], 0x4000, 57, proto, 0, socket.inet_aton(src[0]),
                           socket.inet_aton(dst[0]))
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        ether = b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"
        self.records.append((when, len(self.records), ether + head + payload))

    def udp(self, when, src, dst, text):
        data = text.encode() if isinstance(text, str) else text
        self.frame(when, src, dst, 17, struct.pack("!HHHH", src[1], dst[1], 8 + len(data), 0) + data)

    def segment(self, when, src, dst, flags, data=b""):
        mine, theirs = self.connections.setdefault((src, dst), [hash_of(str(src)) << 8]), self.connections.setdefault((dst, src), [hash_of(str(dst)) << 8])
        self.frame(when, src, dst, 6, struct.pack("!HHIIBBHHH", src[1], dst[1], mine[0] & 0xffffffff, theirs[0] & 0xffffffff if flags & 16 else 0, 5 << 4,
                                                  flags, 64240, 0, 0) + data)
        mine[0] += len(data) + (1 if flags & 3 else 0)

    def tcp(self, when, src, dst, text):
        if (src, dst) not in self.connections:
            self.segment(when - 0.0005, src, dst, 2)
            self.segment(when - 0.0004, dst, src, 18)
            self.segment(when - 0.0003, src, dst, 16)
        data = text.encode() if isinstance(text, str) else text
        cut = len(data) // 2 if len(data) % 5 == 0 else len(data)
        self.segment(when, src, dst, 24, data[:cut])
        if cut < len(data):
            self.segment(when + 0.0001, src, dst, 24, data[cut:])
        self.segment(when + 0.0002, dst, src, 16)

    def close(self):
        for number, (when, serial, data) in enumerate(sorted(self.records), 1):
            self.numbers[serial] = number
            us = round(when * 1e6)
            self.file.write(struct.pack("<IIII", us // 1_000_000, us % 1_000_000, len(data), len(data)) + data)
        self.file.close()


def hash_of(text):
    value = 2166136261
    for c in text.encode():
        value = (value ^ c) * 16777619 & 0xffffffff
    return value & 0xffff


def write_pcap(site, path, offset=0.0, only=None):
    """Gives the frame of each message: in which it is complete."""
    pcap = Pcap(path)
    last = {}
    for i, (when, src, dst, proto, text) in enumerate(site.sent):
        if only and only not in (src[0], dst[0]):
            continue
        (pcap.tcp if proto == "tcp" else pcap.udp)(when + offset, src, dst, text)
        last[i] = len(pcap.records) - (2 if proto == "tcp" else 1)  # before the acknowledgement
    pcap.close()
    return {i: pcap.numbers[serial] for i, serial in last.items()}


def chunk(kind, data):
    return struct.pack("!HHH", 0, kind, 6 + len(data)) + data


def way(src, dst, proto):
    """Family, protocol and addresses, as the chunks of both senders begin."""
    v6 = ":" in src[0]
    family, kinds = (socket.AF_INET6, (5, 6)) if v6 else (socket.AF_INET, (3, 4))
    return b"".join([chunk(1, b"\x0a" if v6 else b"\x02"), chunk(2, bytes([6 if proto == "tcp" else 17])),
                     *(chunk(k, socket.inet_pton(family, end[0])) for k, end in zip(kinds, (src, dst)))])


# The order of chunks, and what else they put in, as the senders do.
def kamailio(when, src, dst, proto, text, agent):
    us = round(when * 1e6)
    return b"".join([way(src, dst, proto),
                     chunk(7, struct.pack("!H", src[1])), chunk(8, struct.pack("!H", dst[1])), chunk(9, struct.pack("!I", us // 1_000_000)),
                     chunk(10, struct.pack("!I", us % 1_000_000)), chunk(11, b"\x01"), chunk(12, struct.pack("!I", agent)), chunk(15, text)])


def heplify(when, src, dst, proto, text, agent):
    us = round(when * 1e6)
    return b"".join([way(src, dst, proto),
                     chunk(7, struct.pack("!H", src[1])), chunk(8, struct.pack("!H", dst[1])), chunk(9, struct.pack("!I", us // 1_000_000)),
                     chunk(10, struct.pack("!I", us % 1_000_000)), chunk(11, b"\x01"), chunk(12, struct.pack("!I", agent)), chunk(0x12, b"\0\0"),
                     chunk(0x13, b"pbx-span"), chunk(0x17, b"\x18") if proto == "tcp" else b"", chunk(15, text)])


def hep_frames(site, agents):
    """agents: (form, id, offset in seconds or what a time becomes on its clock, which host it sees or None).
    Gives the time of sending, and the frame with the agent's own time."""
    rnd = random.Random(5)
    frames = []
    for when, src, dst, proto, text in site.sent:
        for form, agent, offset, only in agents:
            if only and only not in (src[0], dst[0]):
                continue
            sent = when + rnd.uniform(0, 0.0004)
            stamp = offset(sent) if callable(offset) else sent + offset
            body = form(stamp, src, dst, proto, text.encode(), agent)
            frames.append((sent, stamp, b"HEP3" + struct.pack("!H", 6 + len(body)) + body))
    return frames


def write_hep(site, path, agents):
    frames = hep_frames(site, agents)
    frames.sort(key=lambda f: f[1])
    with open(path, "wb") as file:
        for *_, frame in frames:
            file.write(frame)


def write_hep_pcap(site, path, agents, tcp=False):
    """HEP on its way to the collector, in the collector's capture. A stream's segments keep no frame together."""
    pcap = Pcap(path)
    collector = ("10.20.0.99", 9060)
    held, since = b"", 0.0
    for sent, _, frame in sorted(hep_frames(site, agents), key=lambda f: f[0]):
        if not tcp:
            pcap.udp(sent, ("10.20.0.5", 38211), collector, frame)
            continue
        if held and sent > since + 0.2:
            pcap.tcp(since + 0.2, ("10.20.0.5", 38211), collector, held)
            held = b""
        since = since if held else sent
        held += frame
        while len(held) >= 1400:
            pcap.tcp(sent, ("10.20.0.5", 38211), collector, held[:1400])
            held, since = held[1400:], sent
    if held:
        pcap.tcp(since + 0.2, ("10.20.0.5", 38211), collector, held)
    pcap.close()


if __name__ == "__main__":
    import sys
    out = sys.argv[1]
    for name, flat in (("edge", False), ("flat", True)):
        told, known = tell(flat)
        write_pcap(told, f"{out}/{name}.pcap")
        write_hep(told, f"{out}/{name}.one.hep", [(kamailio, 2001, 0.0, None)])
        write_hep(told, f"{out}/{name}.two.hep", [(kamailio, 2001, 0.0, None), (heplify, 77, 1.7, None)])
        write_hep(told, f"{out}/{name}.late.hep", [(heplify, 77, 1.7, None)])
        json.dump(known, open(f"{out}/{name}.json", "w"), indent=1)
    told, known = tell(False, incident=False)
    write_pcap(told, f"{out}/quiet.pcap")
