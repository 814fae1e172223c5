"""Signalling of a North American clinic: phones (UDP, TCP, IPv6) -> session border controller (B2BUA with Call-IDs of its own on
every side) -> FreeSWITCH -> the controller -> carrier. Each call is four dialogs. Wrong passwords get 403, as FreeSWITCH does."""
import random
from datetime import datetime, timezone

DAY1 = datetime(2026, 9, 14, tzinfo=timezone.utc).timestamp()  # a Monday; the site is 5 hours behind
OUT4, OUT6, IN, FS = ("38.142.7.20", 5060), ("2001:470:1f:8e::20", 5060), ("172.20.1.1", 5060), ("172.20.1.10", 5060)
CARRIER = ("67.231.4.195", 5060)
HQ, ANNEX = "64.18.203.9", "68.71.40.2"
REALM = "voice.northclinic.example"
WORDS = {486: "Busy Here", 480: "Temporarily Unavailable", 404: "Not Found", 503: "Service Unavailable", 403: "Forbidden", 487: "Request Terminated"}


def at(day, clock):
    h, m, s = (list(map(float, clock.split(":"))) + [0.0])[:3]
    return DAY1 + (day - 1) * 86400 + h * 3600 + m * 60 + s


def host(sock):
    return f"[{sock[0]}]" if ":" in sock[0] else sock[0]


def hp(sock):
    return f"{host(sock)}:{sock[1]}"


def sdp(sock, port, user):
    kind = "IP6" if ":" in sock[0] else "IP4"
    return (f"v=0\r\no={user} {port}77 1 IN {kind} {sock[0]}\r\ns={user}\r\nc=IN {kind} {sock[0]}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n")


class Clinic:
    def __init__(self, seed=1):
        self.random = random.Random(seed)
        self.sent = []

    def hex(self, n):
        return "".join(self.random.choice("0123456789abcdef") for _ in range(n))

    def uuid(self):
        h = self.hex(32)
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"

    def edge(self, sock):
        return OUT6 if ":" in sock[0] else OUT4


class Dialog:
    """One dialog (or registration) between two sockets."""

    def __init__(self, site, near, far, proto, from_uri, to_uri, agent, server, call_id=None, display="", contact=None):
        self.site, self.near, self.far, self.proto = site, near, far, proto
        self.from_uri, self.to_uri, self.agent, self.server = from_uri, to_uri, agent, server
        self.call_id = call_id or site.uuid()
        self.from_tag, self.to_tag, self.display = site.hex(9), "", display
        self.cseq, self.back_cseq = site.random.randint(1, 3000), site.random.randint(50_000_000, 90_000_000)
        self.contact = contact or f"<sip:{from_uri[4:].split('@')[0]}@{hp(near)}{';transport=tcp' if proto == 'tcp' else ''}>"

    def party(self, uri, tag, display=""):
        return (f'"{display}" ' if display else "") + f"<{uri}>" + (f";tag={tag}" if tag else "")

    def request(self, t, method, uri, extra=(), body="", back=False, branch=None, cseq=None):
        src, dst = (self.far, self.near) if back else (self.near, self.far)
        ours, theirs = self.party(self.from_uri, self.from_tag, self.display), self.party(self.to_uri, self.to_tag)
        if back:
            ours, theirs = theirs, ours
        self.branch = branch or "z9hG4bK" + self.site.hex(14)
        self.method, self.back = method, back
        self.number = cseq or (self.back_cseq if back else self.cseq)
        lines = [f"Via: SIP/2.0/{self.proto.upper()} {hp(src)};rport;branch={self.branch}", "Max-Forwards: 69", f"From: {ours}", f"To: {theirs}",
                 f"Call-ID: {self.call_id}", f"CSeq: {self.number} {method}"]
        if method in ("INVITE", "REGISTER") and not back:
            lines.append(f"Contact: {self.contact}")
        lines += list(extra) + [f"User-Agent: {self.server if back else self.agent}"]
        self.say(t, src, dst, f"{method} {uri} SIP/2.0", lines, body)

    def answer(self, t, code, reason, extra=(), body=""):
        src, dst = (self.near, self.far) if self.back else (self.far, self.near)
        ours, theirs = self.party(self.from_uri, self.from_tag, self.display), self.party(self.to_uri, self.to_tag)
        if self.back:
            ours, theirs = theirs, ours
        lines = [f"Via: SIP/2.0/{self.proto.upper()} {hp(dst)};rport={dst[1]};branch={self.branch};received={dst[0]}", f"From: {ours}", f"To: {theirs}",
                 f"Call-ID: {self.call_id}", f"CSeq: {self.number} {self.method}"]
        self.say(t, src, dst, f"SIP/2.0 {code} {reason}", lines + list(extra) + [f"User-Agent: {self.agent if self.back else self.server}"], body)

    def say(self, t, src, dst, start, lines, body):
        if body:
            lines.append("Content-Type: application/sdp")
        self.site.sent.append((t, src, dst, self.proto, "\r\n".join([start, *lines, f"Content-Length: {len(body)}", "", body])))


FREESWITCH, SBC, TRUNK_AGENT = "FreeSWITCH-mod_sofia/1.10.9-release+git~20230101T000000Z~0fcd34d~64bit", "Mediant SW/v.7.20A.258.459", "Sonus SBC"


class Phone:
    def __init__(self, site, account, sock, agent, proto="udp", local=None, inside=None):
        self.site, self.account, self.sock, self.agent, self.proto = site, account, sock, agent, proto
        self.local = local or sock
        self.inside = inside or f"{account}-{site.hex(8)}"
        self.call_id, self.inner_id = site.uuid(), site.hex(24) + "@172.20.1.1"
        self.cseq = site.random.randint(1, 500)

    def contact(self):
        return f"<sip:{self.account}@{hp(self.local)}{';transport=tcp' if self.proto == 'tcp' else ''};ob>"

    def legs_in(self, from_uri, to_uri, call_id=None, inner_id=None):
        a = Dialog(self.site, self.sock, self.site.edge(self.sock), self.proto, from_uri, to_uri, self.agent, SBC, call_id, contact=self.contact())
        b = Dialog(self.site, IN, FS, "udp", from_uri, to_uri, SBC, FREESWITCH, inner_id, contact=f"<sip:{self.inside}@172.20.1.1:5060>")
        return a, b

    def digest(self, method, uri, nonce, kind="Authorization"):
        h = self.site.hex
        return (f'{kind}: Digest username="{self.account}",realm="{REALM}",nonce="{nonce}",uri="{uri}",response="{h(32)}",algorithm=MD5,'
                f'cnonce="{h(8)}",qop=auth,nc=00000001')

    # outcome 200, 403 (wrong password), 0 nobody answers
    def register(self, t, outcome=200, expires=600, more=(), contact=None):
        site, uri, me = self.site, f"sip:{REALM}", f"sip:{self.account}@{REALM}"
        a, b = self.legs_in(me, me, self.call_id, self.inner_id)
        if contact:
            a.contact = contact
            b.contact = contact
        self.cseq += 1
        a.cseq = b.cseq = self.cseq
        life = [f"Expires: {expires}", *more]
        a.request(t, "REGISTER", uri, life)
        if outcome == 0:
            if self.proto == "udp":
                again = site.sent[-1]
                site.sent += [(t + d, *again[1:]) for d in (0.5, 1.5, 3.5, 7.5)]
            return t
        b.request(t + .004, "REGISTER", uri, life)
        nonce = site.uuid()
        challenge = [f'WWW-Authenticate: Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"']
        a.to_tag, b.to_tag = site.hex(12), site.hex(12)
        b.answer(t + .006, 401, "Unauthorized", challenge)
        a.answer(t + .009, 401, "Unauthorized", challenge)
        a.to_tag = b.to_tag = ""
        self.cseq += 1
        a.cseq = b.cseq = self.cseq
        login = self.digest("REGISTER", uri, nonce)
        t += .05 + site.random.uniform(0, .03)
        a.request(t, "REGISTER", uri, life + [login])
        b.request(t + .003, "REGISTER", uri, life + [login])
        a.to_tag, b.to_tag = site.hex(12), site.hex(12)
        if outcome == 200:
            b.answer(t + .007, 200, "OK", [f"Contact: {b.contact};expires={expires}", "Date: " + datetime.fromtimestamp(int(t), timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")])
            a.answer(t + .010, 200, "OK", [f"Contact: {a.contact};expires={expires}"])
        else:
            b.answer(t + .007, outcome, WORDS[outcome])
            a.answer(t + .010, outcome, WORDS[outcome])
        return t

    # outcome: 200; a carrier's refusal; 403 (the switch refuses the password); 0 (silence); 487 given up. Gives what is true.
    def call(self, t, dialled, out, outcome=200, ring=5.0, talk=60.0, hangs_up=True, challenge=True, diversion=None, answer_with=None):
        """out: the number as the carrier gets it (+E.164), or another Phone."""
        site, me = self.site, f"sip:{self.account}@{REALM}"
        uri = f"sip:{dialled}@{REALM}"
        a, b = self.legs_in(me, uri)
        a.display = b.display = self.account
        fact = {"call_id": a.call_id, "start": t, "status": outcome, "number": out if isinstance(out, str) else out.account, "account": self.account}
        offer = sdp(self.local, site.random.randrange(16384, 32000, 2), "phone")
        a.request(t, "INVITE", uri, ["Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,REFER,NOTIFY"], offer)
        if outcome == 0:
            if self.proto == "udp":
                again = site.sent[-1]
                site.sent += [(t + d, *again[1:]) for d in (0.5, 1.5, 3.5, 7.5, 15.5)]
            return fact
        a.answer(t + .001, 100, "Trying")
        asked = t
        if challenge:
            b.request(t + .004, "INVITE", uri, [], sdp(IN, 6000, "sbc"))
            b.answer(t + .005, 100, "Trying")
            nonce = site.uuid()
            words = [f'Proxy-Authenticate: Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"']
            for leg, lag in ((b, .007), (a, .011)):
                leg.to_tag = site.hex(12)
                leg.answer(t + lag, 407, "Proxy Authentication Required", words)
                leg.request(t + lag + .002, "ACK", uri, branch=leg.branch)
                leg.to_tag, leg.method = "", "INVITE"
                leg.cseq += 1
            asked = t = t + .09
            a.request(t, "INVITE", uri, [self.digest("INVITE", uri, nonce, "Proxy-Authorization")], offer)
            a.answer(t + .001, 100, "Trying")
            b.request(t + .004, "INVITE", uri, [self.digest("INVITE", uri, nonce, "Proxy-Authorization")], sdp(IN, 6000, "sbc"))
        else:
            b.request(t + .004, "INVITE", uri, [], sdp(IN, 6000, "sbc"))
        b.answer(t + .005, 100, "Trying")
        fact["asked"] = asked
        if outcome == 403:
            for leg, lag in ((b, .02), (a, .024)):
                leg.to_tag = site.hex(12)
                leg.answer(t + lag, 403, "Forbidden")
                leg.request(t + lag + .002, "ACK", uri, branch=leg.branch)
            return fact
        return {**fact, **chain(site, self, [a, b], uri, t + .03, out, outcome, ring, talk, hangs_up)}


def onward(site, caller, out):
    """The legs behind FreeSWITCH: to the carrier, or to a phone."""
    if isinstance(out, str):
        user, far, proto, agent = out, CARRIER, "udp", TRUNK_AGENT
        shown = "+13125550100"
    else:
        user, far, proto, agent = out.account, out.sock, out.proto, out.agent
        shown = caller.account
    inner_user = user if isinstance(out, str) else out.inside
    c = Dialog(site, FS, IN, "udp", f"sip:{shown}@172.20.1.10", f"sip:{inner_user}@172.20.1.1", FREESWITCH, SBC, display=shown, contact="<sip:mod_sofia@172.20.1.10:5060>")
    edge = site.edge(far)
    d = Dialog(site, edge, far, proto, f"sip:{shown}@{host(edge)}", f"sip:{user}@{host(far)}", SBC, agent, display=shown)
    return [c, d]


def chain(site, caller, legs, uri, t, out, outcome, ring, talk, hangs_up):
    more = onward(site, caller, out)
    uris = [uri] * len(legs) + [f"sip:{more[0].to_uri[4:]}", more[1].to_uri]
    ports = [20000, 20002]
    for k, leg in enumerate(more):
        leg.request(t + .004 * k, "INVITE", uris[len(legs) + k], ["X-FS-Support: update_display,send_info"] if k == 0 else [], sdp(leg.near, ports[k], "FreeSWITCH"))
        leg.answer(t + .004 * k + .001, 100, "Trying")
    legs = [*legs, *more]
    for k, leg in enumerate(reversed(legs)):
        leg.to_tag = leg.to_tag or site.hex(12)
        leg.answer(t + .6 + .003 * k, 183, "Session Progress", [f"Contact: <sip:{hp(leg.far)}>"], sdp(leg.far, 30000 + k, "far"))
    final = t + ring
    if outcome == 487:
        for k, leg in enumerate(legs):
            branch, number, tag = leg.branch, leg.number, leg.to_tag
            leg.to_tag = ""
            leg.request(final + .003 * k, "CANCEL", uris[k], branch=branch, cseq=number)
            leg.to_tag = tag
            leg.answer(final + .003 * k + .001, 200, "OK")
            leg.method = "INVITE"
            leg.answer(final + .05 + .003 * k, 487, WORDS[487])
            leg.request(final + .052 + .003 * k, "ACK", uris[k], branch=branch, cseq=number)
        return {}
    if outcome != 200:
        for k, leg in enumerate(reversed(legs)):
            leg.answer(final + .003 * k, outcome, WORDS[outcome])
            leg.request(final + .003 * k + .001, "ACK", uris[len(legs) - 1 - k], branch=leg.branch, cseq=leg.number)
        return {}
    for k, leg in enumerate(reversed(legs)):
        leg.answer(final + .003 * k, 200, "OK", [f"Contact: <sip:{hp(leg.far)}>"], sdp(leg.far, 30000 + k, "far"))
    for k, leg in enumerate(legs):
        leg.request(final + .05 + .003 * k, "ACK", f"sip:{hp(leg.far)}", cseq=leg.number)
    answered, end = final + .01, final + .01 + talk
    for k, leg in enumerate(legs if hangs_up else reversed(legs)):
        if hangs_up:
            leg.cseq = leg.number + 1
        leg.request(end + .003 * k, "BYE", f"sip:{hp(leg.far if hangs_up else leg.near)}", ['Reason: Q.850;cause=16;text="NORMAL_CLEARING"'] if k else [], back=not hangs_up)
        leg.answer(end + .003 * k + .002, 200, "OK")
    return {"answer": answered, "end": end, "talk": talk}


def inbound(site, number, did, callee, t, outcome, ring, talk, hangs_up, forward=None):
    """From the carrier to a phone; or, where `forward` is a number, back out of the house."""
    a = Dialog(site, CARRIER, OUT4, "udp", f"sip:{number}@{CARRIER[0]}", f"sip:{did}@{OUT4[0]}", TRUNK_AGENT, SBC, call_id=site.hex(16) + "@" + CARRIER[0])
    b = Dialog(site, IN, FS, "udp", f"sip:{number}@172.20.1.1", f"sip:{did}@172.20.1.10", SBC, FREESWITCH)
    uri = f"sip:{did}@{OUT4[0]}"
    a.request(t, "INVITE", uri, [f"P-Asserted-Identity: <sip:{number}@{CARRIER[0]}>"], sdp(CARRIER, 40000, "sonus"))
    a.answer(t + .001, 100, "Trying")
    b.request(t + .004, "INVITE", f"sip:{did}@172.20.1.10", [], sdp(IN, 6010, "sbc"))
    b.answer(t + .005, 100, "Trying")
    who = Phone(site, number, CARRIER, TRUNK_AGENT)
    fact = {"call_id": a.call_id, "start": t, "status": outcome, "number": callee.account if callee else forward, "account": number}
    return fact, who, [a, b], uri


def office(site, days=3, gap=None, skip=()):
    """Phones, their registrations, day and night traffic. Gives the phones and the calls."""
    rnd = site.random
    kinds = ["PolycomVVX-VVX_411-UA/5.9.5.0614", "Cisco-CP8841-3PCC/11.3.6", "Bria 5 release 5.8.3 stamp 102020", "Fanvil X4U 2.12.2.4"]
    phones, calls = {}, {}
    for n in range(24):
        account = str(1001 + n)
        if n < 12:
            phone = Phone(site, account, (HQ, 31000 + n * 11), kinds[n % 4], "udp", (f"10.44.0.{20 + n}", 5060))
        elif n < 18:
            phone = Phone(site, account, (ANNEX, 42000 + n), kinds[n % 4], "tcp", (f"192.168.9.{n}", 5060))
        else:
            phone = Phone(site, account, (f"2607:f2c0:a:55::{n:x}", 5060), kinds[n % 4], "tcp" if n % 2 else "udp")
        phones[account] = phone
        t = DAY1 + rnd.uniform(0, 500)
        while t < DAY1 + days * 86400:
            phone.register(t, 200, 3600 if phone.proto == "tcp" else 900)
            t += rnd.uniform(1700, 3300) if phone.proto == "tcp" else rnd.uniform(600, 850)
    t = DAY1 + 3
    while t < DAY1 + days * 86400:
        ping = Dialog(site, OUT4, CARRIER, "udp", f"sip:ping@{OUT4[0]}", f"sip:{CARRIER[0]}", SBC, TRUNK_AGENT)
        ping.request(t, "OPTIONS", f"sip:{CARRIER[0]}")
        ping.to_tag = site.hex(8)
        ping.answer(t + .02, 200, "OK")
        t += 30
    order = list(phones.values())
    for day in range(1, days + 1):
        for kind, count, start, length in (("day", 160, "13:00", 36000), ("night", 26, "01:00", 36000)):
            for _ in range(count):
                t = at(day, start) + rnd.uniform(0, length)
                who = rnd.choice(order) if kind == "day" else phones[rnd.choice(["1002", "1016", "1020"])]
                if who.account in skip:
                    continue
                outcome = rnd.choice([200] * 15 + [486, 480, 487, 404])
                common = dict(ring=rnd.uniform(3, 20), talk=round(rnd.uniform(12, 500), 2), hangs_up=rnd.random() < .55)
                which = rnd.random()
                if which < .5:
                    national = rnd.choice(["312", "773", "847", "416", "212"]) + "5" + str(rnd.randint(550000, 999999))
                    dialled, out = "91" + national, "+1" + national
                    if kind == "day" and rnd.random() < .05:
                        out = "+" + rnd.choice(["525555", "496912", "442079"]) + str(rnd.randint(100000, 999999))
                        dialled = "9011" + out[1:]
                    fact = who.call(t, dialled, out, outcome, **common)
                elif which < .7:
                    other = rnd.choice([p for p in order if p is not who])
                    fact = who.call(t, other.account, other, outcome, **common)
                else:
                    number = "+1" + rnd.choice(["312", "708", "630"]) + "2" + str(rnd.randint(100000, 999999))
                    fact, far, legs, uri = inbound(site, number, "+1312555" + who.account, who, t, outcome, **common)
                    fact.update(chain(site, far, legs, uri, t + .03, who, outcome, common["ring"], common["talk"], common["hangs_up"]))
                calls[fact["call_id"]] = fact
    return phones, calls


def cut(site, gaps):
    site.sent = [m for m in site.sent if not any(a < m[0] < b for a, b in gaps)]
