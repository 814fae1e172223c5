"""Ordinary offices with and without theft, message by message, written when the tests run. Each story returns its site
and what must be told of it. Sites differ in country, dial plan, kind of switch and where the capture was taken."""
import random
import struct

MONDAY = 1772409600  # 2026-03-02 00:00 UTC
DAY = 86400


class Site:
    """style: asterisk (B2BUA, one address), border (B2BUA, one address on each side), kamailio (proxy, one Call-ID)."""

    def __init__(self, seed, style="asterisk", cc="49", national="0", international="00", access="", stem="+4942112345",
                 extensions=tuple(map(str, range(201, 221))), offset=1, login=True, outside=None, see=("in", "out"), form="+",
                 session_id=False):
        self.rnd, self.packets = random.Random(seed), []
        self.style, self.cc, self.stem, self.login, self.see, self.form = style, cc, stem, login, see, form
        self.national, self.international, self.access, self.session_id = national, international, access, session_id
        self.extensions, self.offset = list(extensions), offset * 3600
        self.pbx, self.trunk = "10.20.0.5", "203.0.113.10"
        self.outside = outside or ("198.51.100.20" if style == "border" else self.pbx)
        self.address = {e: "10.20.1.%d" % (10 + i) for i, e in enumerate(self.extensions)}

    def token(self, n=10):
        return "".join(self.rnd.choice("0123456789abcdef") for _ in range(n))

    def at(self, day, hour, minute=0):
        """Local time."""
        return MONDAY + day * DAY + hour * 3600 + minute * 60 - self.offset

    def send(self, t, src, dst, text):
        outer = self.trunk in (src[0], dst[0]) or (self.outside != self.pbx and self.outside in (src[0], dst[0]))
        if ("out" if outer else "in") not in self.see:
            return
        data = text.encode()
        udp = struct.pack("!HHHH", src[1], dst[1], 8 + len(data), 0) + data
        ends = b"".join(bytes(map(int, end[0].split("."))) for end in (src, dst))
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), len(self.packets) & 65535, 0, 64, 17, 0) + ends
        total = sum(struct.unpack("!10H", head))
        while total >> 16:
            total = (total & 65535) + (total >> 16)
        self.packets.append((t, len(self.packets), bytes(12) + b"\x08\x00" + head[:10] + struct.pack("!H", ~total & 65535) + head[12:] + udp))

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for t, _, data in sorted(self.packets, key=lambda p: p[:2]):
                out.write(struct.pack("<IIII", int(t), int(t % 1 * 1e6), len(data), len(data)) + data)

    # --- SIP ---------------------------------------------------------------------------------------------------------

    def message(self, start, vias, frm, to, call_id, cseq, extra=(), body=""):
        lines = [start] + ["Via: SIP/2.0/UDP " + v for v in vias]
        if start.endswith(" SIP/2.0"):
            lines.append("Max-Forwards: %d" % (71 - len(vias)))
        lines += ["From: " + frm, "To: " + to, "Call-ID: " + call_id, "CSeq: " + cseq, *extra]
        lines += ["Content-Type: application/sdp"] if body else []
        return "\r\n".join(lines + ["Content-Length: %d" % len(body), "", body])

    def credentials(self, header, user, uri):
        return '%s: Digest username="%s", realm="pbx", nonce="%s", uri="%s", response="%s", algorithm=MD5, cnonce="%s", qop=auth, nc=00000001' % (
            header, user, self.token(24), uri, self.token(32), self.token(8))

    def challenge(self, header):
        return '%s: Digest realm="pbx", nonce="%s", algorithm=MD5, qop="auth"' % (header, self.token(24))

    def register(self, t, user, source=None, agent="Yealink SIP-T46U 108.86.0.45"):
        phone, server = (source or self.address[user], 5060), (self.pbx, 5060)
        call_id, frm, to = self.token(20), "<sip:%s@pbx.site>;tag=%s" % (user, self.token()), "<sip:%s@pbx.site>" % user
        contact = "Contact: <sip:%s@%s:5060>;expires=3600" % (user, phone[0])
        for step, (line, more) in enumerate((("401 Unauthorized", self.challenge("WWW-Authenticate")), ("200 OK", contact)), 1):
            via = ["%s:5060;branch=z9hG4bK%s" % (phone[0], self.token())]
            extra = [contact, "User-Agent: " + agent] + ([self.credentials("Authorization", user, "sip:pbx.site")] if step == 2 else [])
            self.send(t, phone, server, self.message("REGISTER sip:pbx.site SIP/2.0", via, frm, to, call_id, "%d REGISTER" % step, extra))
            self.send(t + .004, server, phone, self.message("SIP/2.0 " + line, via, frm, to + ";tag=" + self.token(), call_id, "%d REGISTER" % step, [more]))
            t += .02

    def leg(self, t, a, b, uri, frm, to, call_id, when, user=None, extra=(), under=()):
        """One side of a call. when: ring, then cancel, (status, end) or (answer, end, bye 'a', 'b' or None); again: 200 thrice;
        hold: times of re-INVITEs. Returns the Via that the next proxy stands on."""
        a, b = (a, 5060), (b, 5060)
        frm, tagged = frm + ";tag=" + self.token(), to + ";tag=as" + self.token()
        sdp = "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 10000 RTP/AVP 8\r\n" % (a[0], a[0])
        number = self.rnd.choice((1, 102))
        branch = lambda: ["%s:5060;branch=z9hG4bK%s" % (a[0], self.token(16)), *under]
        via = branch()
        ask = lambda at, method, n, more=(), body="", early=False, v=None: self.send(
            at, a, b, self.message("%s %s SIP/2.0" % (method, uri), v or via, frm, to if early else tagged, call_id, "%d %s" % (n, method), more, body))
        say = lambda at, line, n, method, more=(), body="", v=None: self.send(
            at, b, a, self.message("SIP/2.0 " + line, v or via, frm, tagged, call_id, "%d %s" % (n, method), more, body))
        head = ["Contact: <sip:x@%s:5060>" % a[0], *extra]
        if user:
            ask(t, "INVITE", number, head, sdp, True)
            say(t + .003, "407 Proxy Authentication Required", number, "INVITE", [self.challenge("Proxy-Authenticate")])
            ask(t + .006, "ACK", number)
            number, via, t = number + 1, branch(), t + .01
        ask(t, "INVITE", number, head + ([self.credentials("Proxy-Authorization", user, uri)] if user else []), sdp, True)
        first = via
        say(t + .002, "100 Trying", number, "INVITE")
        if when.get("ring"):
            say(when["ring"], "180 Ringing", number, "INVITE")
        if when.get("cancel"):
            ask(when["cancel"], "CANCEL", number, early=True)
            say(when["cancel"] + .003, "200 OK", number, "CANCEL")
            say(when["cancel"] + .006, "487 Request Terminated", number, "INVITE")
        elif when.get("status"):
            say(when["end"], "%d No" % when["status"], number, "INVITE", when.get("more", ()))
        if when.get("cancel") or when.get("status"):
            ask(when.get("cancel", when.get("end")) + .009, "ACK", number)
            return first
        for late in (0, .5, 1.5) if when.get("again") else (0,):
            say(when["answer"] + late, "200 OK", number, "INVITE", ["Contact: <sip:x@%s>" % b[0]], sdp)
        ask(when["answer"] + (1.6 if when.get("again") else .01), "ACK", number, v=branch())
        for moment in when.get("hold", ()):
            number, v = number + 1, branch()
            ask(moment, "INVITE", number, head, sdp, v=v)
            say(moment + .01, "200 OK", number, "INVITE", (), sdp, v)
            ask(moment + .02, "ACK", number, v=branch())
        if when["bye"] == "a":
            v = branch()
            ask(when["end"], "BYE", number + 1, v=v)
            say(when["end"] + .005, "200 OK", number + 1, "BYE", v=v)
        elif when["bye"] == "b":
            v = ["%s:5060;branch=z9hG4bK%s" % (b[0], self.token())]
            self.send(when["end"], b, a, self.message("BYE sip:x@%s SIP/2.0" % a[0], v, tagged, frm, call_id, "101 BYE"))
            self.send(when["end"] + .005, a, b, self.message("SIP/2.0 200 OK", v, tagged, frm, call_id, "101 BYE"))
        return first

    # --- calls -------------------------------------------------------------------------------------------------------

    def dial(self, number):
        home = number.startswith("+" + self.cc)
        return self.access + (self.national + number[1 + len(self.cc):] if home else self.international + number[1:])

    def moments(self, t, ring, talk, status=None, cancel=False, bye="b", **more):
        begin = t + .4 + (ring or 0)
        when = dict(ring=t + .4 if ring is not None else None, **more)
        when.update(dict(cancel=begin) if cancel else dict(status=status, end=begin) if status else dict(answer=begin, end=begin + talk, bye=bye))
        return when

    def farther(self, when):
        """The same, as the side behind the switch sees it: it answers first, and hears of the caller's doings later."""
        far = dict(when)
        for key, shift in (("ring", -.004), ("answer", -.004), ("cancel", .004), ("end", .004 if when.get("bye") == "a" else -.004)):
            if far.get(key):
                far[key] += shift
        return far

    def out(self, t, extension, number, ring=5., talk=60., source=None, agent="Yealink SIP-T46U 108.86.0.45", dialled=None, login=None,
            inside=None, refused=False, shown=None, extra=(), **more):
        """From a phone to the trunk, or to the phone `inside`."""
        source, dialled = source or self.address[extension], dialled or inside or self.dial(number)
        login = self.login if login is None else login
        when = self.moments(t, ring, talk, **more)
        extra = [*extra, "User-Agent: " + agent] + (["Session-ID: " + self.token(32)] if self.session_id else [])
        call_id = self.token(20) + "@" + source
        under = self.leg(t, source, self.pbx, "sip:%s@pbx.site" % dialled, "<sip:%s@pbx.site>" % extension, "<sip:%s@pbx.site>" % dialled, call_id,
                         when, extension if login else None, extra)
        if refused:
            return
        to = inside or {"+": number, "": (number or "")[1:], "#": "1234#" + (number or "")[1:]}[self.form]
        host = self.address[inside] if inside else self.trunk
        near = self.pbx if inside else self.outside
        shown = shown or (extension if inside else self.stem + extension)
        proxy = self.style == "kamailio"
        self.leg(t + .03, near, host, "sip:%s@%s" % (to, host), "<sip:%s@%s>" % (extension if proxy else shown, near), "<sip:%s@%s>" % (to, host),
                 call_id if proxy else self.token(24), self.farther(when), None,
                 [h for h in extra if h.startswith("Session-ID")] + ["P-Asserted-Identity: <sip:%s@%s>" % (shown, near)], under if proxy else ())

    def arrive(self, t, caller, extension, ring=6., talk=60., number=None, rings=True, extra=(), **more):
        """From the trunk to a phone; rings=False: the switch itself answers."""
        number = number or self.stem + extension
        when, call_id = self.moments(t, ring, talk, **more), self.token(16)
        under = self.leg(t, self.trunk, self.outside, "sip:%s@%s" % (number, self.outside), "<sip:%s@carrier>" % caller, "<sip:%s@site>" % number, call_id, when, None, extra)
        if rings:
            proxy = self.style == "kamailio"
            self.leg(t + .02, self.pbx, self.address[extension], "sip:%s@%s" % (extension, self.address[extension]), "<sip:%s@pbx.site>" % caller,
                     "<sip:%s@pbx.site>" % extension, call_id if proxy else self.token(20), self.farther(when), None, (), under if proxy else ())

    def office(self, days=1, rate=12, hours=(8, 18), abroad=(), weekend=.05):
        """Ordinary days; rate: calls an hour."""
        rnd = self.rnd
        areas = {"49": ("30", "40", "89", "711"), "1": ("312", "415", "617"), "44": ("121", "131", "7911")}.get(self.cc, ("2", "3"))
        friends = ["+%s%s%s" % (self.cc, a, "%07d" % rnd.randrange(2000000, 9999999)) for a in areas for _ in range(20)]
        for day in range(days):
            for extension in self.extensions:
                for hour in (0, 8, 16):
                    self.register(self.at(day, hour) + rnd.random() * 1800, extension)
            for hour in range(*hours):
                for _ in range(max(1, int(rate * (weekend if day % 7 > 4 else 1) * rnd.uniform(.6, 1.4)))):
                    t, extension, kind, fate = self.at(day, hour) + rnd.random() * 3600, rnd.choice(self.extensions), rnd.random(), rnd.random()
                    how = dict(ring=rnd.uniform(4, 18), talk=min(2400, rnd.expovariate(1 / 150) + 5))
                    if fate > .85:
                        how = dict(ring=rnd.uniform(10, 30), cancel=True)
                    elif fate > .75:
                        how = dict(ring=1., status=486)
                    if kind < .45:
                        self.out(t, extension, rnd.choice(abroad) if abroad and rnd.random() < .12 else rnd.choice(friends), **how)
                    elif kind < .85:
                        self.arrive(t, rnd.choice(friends), extension, **how)
                    else:
                        self.out(t, extension, None, inside=rnd.choice([e for e in self.extensions if e != extension]), **how)


US = dict(cc="1", national="1", international="011", stem="+1212555", extensions=tuple(map(str, range(4201, 4221))), offset=-5, form="")
UK = dict(cc="44", stem="+44161496", extensions=tuple(map(str, range(3001, 3016))), offset=0)
THIEF = "185.220.101.9"
STORIES = {}


def story(function):
    STORIES[function.__name__.replace("_", "-")] = function
    return function


def toll(calls, minutes=None, **more):
    return dict(kind="toll-fraud", calls=calls, **(dict(minutes=minutes) if minutes else {}), **more)


@story
def weekend_parallel():
    """A stolen account at the weekend, sixty overlapping calls to three ranges, over a border with two addresses."""
    site = Site(1, "border", **US, access="9")
    site.office(6)
    t = site.at(5, 23, 14)
    site.register(t, "4207", THIEF, "PortSIP UC Client 16")
    for i in range(60):
        site.out(t + 60 + i * 21, "4207", ("+25290761%04d", "+3716390%04d", "+881842%04d")[i % 3] % site.rnd.randrange(10**4), 2., 240., THIEF, "PortSIP UC Client 16")
    return site, [toll(60, 240., accounts=["4207"], sources=[THIEF], answered=60)]


@story
def slow_leak():
    """Three calls an hour, three hours a night, from the phone in the hall."""
    site = Site(2, "kamailio")
    site.office(4)
    for day in range(4):
        for hour in (1, 2, 3):
            for k in range(3):
                site.out(site.at(day, hour, 4 + 19 * k), "209", "+2327%07d" % site.rnd.randrange(10**7), 3., 600.)
    return site, [toll(36, 360., accounts=["209"])]


@story
def same_number_in_parallel():
    site = Site(3, "border", **US)
    site.office()
    for i in range(10):
        site.out(site.at(0, 4) + i * .4, "4210", "+38349555123", 2., 900. + i, THIEF, "Asterisk PBX")
    return site, [toll(10, 150.75, accounts=["4210"], concurrent_peak=10)]


@story
def one_session_id_for_all():
    """The thief's client writes one Session-ID into all calls: they stay ten."""
    site = Site(4)
    site.office()
    for i in range(10):
        site.out(site.at(0, 4) + i * 5, "210", "+2247%07d" % (i + 55), 2., 600., THIEF, "Asterisk PBX",
                 extra=["Session-ID: 00112233445566778899aabbccddeeff;remote=" + "0" * 32])
    return site, [toll(10, 100., accounts=["210"], concurrent_peak=10)]


@story
def holds_and_retransmissions():
    site = Site(5)
    site.office()
    for i in range(10):
        t = site.at(0, 3) + i * 100
        site.out(t, "213", "+5352%06d" % i, 3., 500., THIEF, "Linphone", again=True, hold=[t + 60, t + 90])
    return site, [toll(10, 10 * 500 / 60., accounts=["213"], concurrent_peak=6)]


@story
def running_at_the_end():
    """No BYE before the capture ends: minutes are at least what was seen, and the calls are told all the same."""
    site = Site(6, "border")
    site.office()
    for i in range(8):
        site.out(site.at(0, 22) + i * 3, "210", "+25261%07d" % i, 2., 3600., THIEF, "sipcli/v1.8", bye=None)
    return site, [toll(8, accounts=["210"], answered=8)]


@story
def tech_prefix():
    site = Site(7, "border", access="9", form="#")
    site.office()
    for i in range(20):
        site.out(site.at(0, 2) + i * 47, "212", "+2482%06d" % (512000 + i), 2., 300., THIEF, "Grandstream HT801 1.0.29.8")
    return site, [toll(20, 100., accounts=["212"], concurrent_peak=7)]


@story
def carrier_side_only():
    """Nothing but the line to the carrier was captured: the office is where one office's numbers call from."""
    site = Site(8, "border", see=("out",))
    site.office(2)
    for i in range(30):
        site.out(site.at(1, 2, 10) + i * 45, "204", "+2327%07d" % (6000000 + i * 3), 2., 400.)
    return site, [toll(30, 200., sources=["198.51.100.20"])]


@story
def hacked_switch():
    """The switch itself dials at the weekend: no phone, no account."""
    site = Site(9, "border", **UK)
    site.office(7, rate=8)
    for k, block in enumerate(("2389911", "5353100", "8821690", "2251010")):
        for i in range(12):
            t = site.at(5 + k // 2, 2 + 3 * (k % 2)) + i * 9
            site.leg(t, site.outside, site.trunk, "sip:+%s%05d@%s" % (block, i, site.trunk), "<sip:+441614963000@x>", "<sip:x@x>", site.token(20),
                     dict(ring=t + 1, answer=t + 2.5, end=t + 302.5, bye="b"), None, ["User-Agent: FPBX-16.0.40"])
    return site, [toll(48, 240., sources=["198.51.100.20"])]


@story
def hole_found_slowly():
    """One form a minute until one works; then it is used."""
    site = Site(10, **US)
    site.office()
    forms = ["011", "9011", "90011", "00", "900", "8011", "1011", "+", "*011", "7011", "99011", "0011", "6011", "12011"]
    for i, form in enumerate(forms):
        how = dict(ring=2., talk=8.) if form == "7011" else dict(ring=None, status=404, refused=True)
        site.out(site.at(0, 21) + 61 * i, "1000", "+972592277524", source="62.210.5.5", agent="Cisco-SIPGateway/IOS-12.x", dialled=form + "972592277524", login=False, **how)
    for i in range(7):
        site.out(site.at(0, 22) + i * 300, "1000", "+972592277%03d" % i, 2., 280., "62.210.5.5", "Cisco-SIPGateway/IOS-12.x", "7011972592277%03d" % i, False)
    return site, [dict(kind="dial-plan-probe", attempts=14, successes=1, sources=["62.210.5.5"]), toll(7, 7 * 280 / 60., sources=["62.210.5.5"])]


@story
def one_ring_and_calls_back():
    site = Site(11, "border")
    site.office(2)
    numbers = ["+21697%06d" % (i * 1711) for i in range(3)]
    t = site.at(1, 10)
    for i in range(45):
        site.arrive(t + i * 33, numbers[i % 3], site.extensions[i % 20], 1.1 + site.rnd.random(), cancel=True)
    site.out(t + 1200, "204", numbers[1], 2., 190.)
    site.out(t + 2600, "215", numbers[0], 2., 20.)
    return site, [dict(kind="wangiri", successes=2, accounts=["204", "215"], calls=45)]


@story
def one_ring_from_here():
    """A stolen account rings 300 mobiles once each."""
    site = Site(12, "border")
    site.office()
    for i in range(300):
        site.out(site.at(0, 20) + i * 3, "215", "+4917%08d" % site.rnd.randrange(10**8), 1.2, cancel=True, source=THIEF, agent="sipcli/v1.8", shown="+2327655%04d" % (i % 5))
    return site, [dict(kind="wangiri", accounts=["215"], sources=[THIEF], calls=300)]


@story
def toll_free_pumping():
    site = Site(13, **US)
    site.office()
    for i in range(60):
        site.arrive(site.at(0, 1) + i * 60, "+1%d555%04d" % (site.rnd.choice((213, 305, 404)), site.rnd.randrange(10**4)), "4201", 1., 600 + site.rnd.random() * 20,
                    "+18005550199", False)
    return site, [dict(kind="traffic-pumping", calls=60)]


@story
def rural_pumping():
    site = Site(14, **US)
    site.office(3)
    for day in range(3):
        for i in range(14):
            site.out(site.at(day, 9 + i % 8, site.rnd.randrange(60)), site.extensions[i % 5], "+1712775%04d" % (7000 + site.rnd.randrange(9)), 1., site.rnd.uniform(2400, 5400))
    return site, [dict(kind="traffic-pumping", calls=42)]


@story
def neighbours_call():
    """Rotating callers that share the called number's first digits: they alone are the campaign, not all that the trunk brings."""
    site = Site(15, "border", **US)
    site.office()
    for i in range(200):
        how = dict(ring=8., talk=site.rnd.uniform(2, 8)) if i % 3 == 0 else dict(ring=18., cancel=True)
        site.arrive(site.at(0, 11) + i * 9, "+1212555%04d" % (5000 + i * 7), site.extensions[i % 20], **how)
    return site, [dict(kind="robocalling", calls=200)]


@story
def own_number_from_outside():
    site = Site(16, "border")
    site.office()
    for i in range(6):
        site.arrive(site.at(0, 11) + i * 40, site.stem + "201", site.extensions[5 + i], 4., 70.)
    return site, [dict(kind="caller-id-spoofing", calls=6, numbers=["+4942112345201"])]


@story
def forwarded_to_the_moon():
    """*72 set from elsewhere, then calls come in and leave again with Diversion."""
    site = Site(17, **US)
    site.office()
    t = site.at(0, 20)
    site.out(t, "4203", None, None, 5., THIEF, "Bria", "*7201188213555000", refused=True)
    for i in range(10):
        begin = t + 600 + i * 300
        when = dict(ring=begin + 1, answer=begin + 3, end=begin + 280, bye="a")
        site.leg(begin, site.trunk, site.pbx, "sip:+12125554203@%s" % site.pbx, "<sip:+18005551%03d@x>" % i, "<sip:+12125554203@x>", site.token(), when)
        site.leg(begin + .05, site.pbx, site.trunk, "sip:01188213555000@%s" % site.trunk, "<sip:+18005551%03d@x>" % i, "<sip:01188213555000@x>", site.token(),
                 dict(when, answer=begin + 2.99), None, ["Diversion: <sip:+12125554203@x>;reason=unconditional"])
    return site, [dict(kind="transfer-abuse", calls=10, accounts=["4203"])]


# --- honest neighbours: nothing of severity high, nothing but notes --------------------------------------------------


@story
def business_abroad():
    """A firm whose people call Latvia and Tunisia every day."""
    site = Site(30, "border")
    site.office(5, abroad=["+3716720%04d" % i for i in range(1000, 1010)] + ["+21671%06d" % i for i in range(100200, 100204)])
    return site, []


@story
def clinic_reminders():
    site = Site(31)
    site.office()
    for i in range(160):
        how = dict(ring=site.rnd.uniform(4, 15), talk=site.rnd.uniform(14, 45)) if i % 10 < 7 else dict(ring=25., cancel=True) if i % 10 < 9 else dict(ring=1., status=486)
        site.out(site.at(0, 12) + i * 40, "220", "+4917%08d" % site.rnd.randrange(10**8), **how)
    return site, []


@story
def call_centre():
    site = Site(32, **UK)
    site.office()
    for i in range(800):
        how = dict(ring=site.rnd.uniform(5, 18), talk=site.rnd.expovariate(1 / 90) + 15) if i % 20 < 7 else dict(ring=25., cancel=True) if i % 20 < 17 else dict(ring=1., status=486)
        site.out(site.at(0, 9) + i * 24, site.extensions[i % 15], "+447%d%08d" % (site.rnd.choice((4, 5, 9)), site.rnd.randrange(10**8)), **how)
    return site, []


@story
def conference():
    site = Site(33, "kamailio")
    site.office()
    for i in range(15):
        site.arrive(site.at(0, 10) + i * 7, "+4917%08d" % site.rnd.randrange(10**8), "201", 1., 3600 - i * 9)
        site.out(site.at(0, 14) + i * 5, site.extensions[i], "+498921437000", 1., 3300 - 7 * i)
    return site, []


@story
def night_shift():
    site = Site(34, "kamailio")
    site.office(3, hours=(0, 24), weekend=.9, abroad=["+43512504%04d" % i for i in range(3)])
    return site, []


@story
def traveller():
    """The same softphone from a hotel abroad, three days later: office, home and the airline."""
    site = Site(35)
    site.office(3)
    for hour in range(9, 18):
        site.register(site.at(2, hour), "206", "151.22.4.18")
        site.out(site.at(2, hour, 5), "206", ("+4942112345678", "+390212345678", "+498921437000")[hour % 3], 5., 200., "151.22.4.18")
    return site, []


@story
def forwarded_to_the_mobile():
    site = Site(36)
    site.office()
    for i in range(12):
        t = site.at(0, 9) + i * 900
        when = dict(ring=t + 1, answer=t + 9, end=t + 100, bye="a")
        site.leg(t, site.trunk, site.pbx, "sip:+4942112345203@%s" % site.pbx, "<sip:+4930555%04d@x>" % i, "<sip:+4942112345203@x>", site.token(), when)
        site.leg(t + .05, site.pbx, site.trunk, "sip:+491701234567@%s" % site.trunk, "<sip:+4930555%04d@x>" % i, "<sip:+491701234567@x>", site.token(),
                 dict(when, answer=t + 8.99), None, ["History-Info: <sip:+4942112345203@x>;index=1"])
    return site, []


@story
def new_customers():
    """On the third day two sellers begin to call Morocco and Tunisia at office hours."""
    site = Site(37)
    site.office(4, abroad=["+33142789%03d" % i for i in range(4)])
    for day in (2, 3):
        for i in range(10):
            site.out(site.at(day, 9 + i % 8, 7 * i % 60), ("203", "204")[i % 2], ("+212522%06d", "+216710%05d")[i % 2] % site.rnd.randrange(99999),
                     site.rnd.uniform(6, 15), site.rnd.uniform(60, 400))
    return site, []


@story
def family_far_away():
    site = Site(38)
    site.office(4)
    for day in range(4):
        site.out(site.at(day, 20, 30), "203", "+919820012345", 8., 1500.)
        site.out(site.at(day, 21, 10), "214", "+639171234567", 8., 1200.)
    return site, []


@story
def first_call_abroad():
    """A country that the first half of the capture does not know: a note."""
    site = Site(39)
    site.office(2)
    for i in range(25):
        site.out(site.at(0, 9, 10 * i), "203", "+4940123%05d" % i, 6., 60.)
    site.out(site.at(1, 16), "203", "+351211234567", 7., 200.)
    return site, []


@story
def dialler_that_breaks():
    """An announced dialler whose route fails on the second day: the ratios fall against the first."""
    site = Site(40, **UK)
    site.office(2, rate=6)
    for day in (0, 1):
        for i in range(80):
            good = day == 0 and i % 4 != 0
            how = dict(ring=9., talk=90. + i % 40) if good or i % 10 == 0 else dict(ring=None, status=503)
            site.out(site.at(day, 10) + i * 40, "3005", "+4479%08d" % site.rnd.randrange(10**8), **how)
    return site, []


NOTES = {"first-call-abroad": "FRAUD-046", "dialler-that-breaks": "FRAUD-052"}  # that must be there, as notes
