"""Stories of attacks, and of honest users who look like them, written to a capture when a test wants them.

A story is a function that fills a Wide wire; STORIES names what must be found in it. Nothing here is kept in testdata.
Expectations were written before any program saw the captures."""
import copy
import random
import socket
import struct

from fraud_attacks import EVIL, EVIL2, SERVER, Vicious, registered, sippts
from office import REALM, STYLES, T0, TRUNK, Office, Phone, Style, Wire, challenge, md5, reply

STORIES = {}


def story(*wanted, honest=None):
    """wanted: what each incident must say. honest: kinds that may be told of it, none above low."""
    def keep(function):
        STORIES[function.__name__.replace("_", "-")] = (function, list(wanted), honest)
        return function
    return keep


class Wide(Wire):
    """With IPv6, HEP and TCP."""
    hep = False

    def send(self, t, src, dst, text, sport=5060, dport=5060):
        data = text if isinstance(text, bytes) else text.encode("latin1", "replace")
        if self.hep:
            chunk = lambda kind, value: struct.pack("!HHH", 0, kind, 6 + len(value)) + value
            body = (chunk(1, b"\x02") + chunk(2, b"\x11") + chunk(3, socket.inet_aton(src)) + chunk(4, socket.inet_aton(dst))
                    + chunk(7, struct.pack("!H", sport)) + chunk(8, struct.pack("!H", dport)) + chunk(9, struct.pack("!I", int(t)))
                    + chunk(10, struct.pack("!I", int(t * 1e6) % 1000000)) + chunk(11, b"\x01") + chunk(12, b"\0\0\0\x01") + chunk(15, data))
            Wire.send(self, t + 0.002, "10.9.9.1", "10.9.9.2", b"HEP3" + struct.pack("!H", 6 + len(body)) + body, 5062, 9060)
        elif ":" in src:
            a, b = socket.inet_pton(socket.AF_INET6, src), socket.inet_pton(socket.AF_INET6, dst)
            udp = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
            padded = a + b + struct.pack("!II", len(udp), 17) + udp + b"\0" * (len(udp) % 2)
            total = sum(struct.unpack("!%dH" % (len(padded) // 2), padded))
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            udp = udp[:6] + struct.pack("!H", (~total & 0xFFFF) or 0xFFFF) + udp[8:]
            self.packets.append((t, len(self.packets), bytes(12) + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + a + b + udp))
        else:
            super().send(t, src, dst, data, sport, dport)

    def tcp(self, t, src, dst, sport, talk):
        """One connection; talk: (seconds, from the client, text)."""
        ends, seq = [socket.inet_aton(src), socket.inet_aton(dst)], [1000, 9000]

        def segment(at, who, flags, data=b""):
            ports = (sport, 5060) if who == 0 else (5060, sport)
            tcp = struct.pack("!HHIIBBHHH", *ports, seq[who], seq[1 - who] if flags & 16 else 0, 0x50, flags, 65000, 0, 0) + data
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), len(self.packets) & 0xFFFF, 0, 64, 6, 0, ends[who], ends[1 - who])
            self.packets.append((at, len(self.packets), bytes(12) + b"\x08\x00" + head + tcp))
            seq[who] += len(data) + (1 if flags & 3 else 0)

        segment(t, 0, 2), segment(t + 0.001, 1, 18), segment(t + 0.002, 0, 16)
        for after, client, text in talk:
            segment(t + 0.003 + after, 0 if client else 1, 24, text.encode())
        segment(t + 0.01 + talk[-1][0], 0, 17), segment(t + 0.011 + talk[-1][0], 1, 17)

    def write_plain(self, path, first=0, last=1e18):
        """An uncompressed capture of what was sent between two moments."""
        self.packets.sort(key=lambda packet: packet[:2])
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for t, _, data in self.packets:
                if first <= t < last:
                    f.write(struct.pack("<IIII", int(t), int(t * 1e6) % 1000000, len(data), len(data)) + data)


def burst(wire, t, source, user, style, outcome="401", host=SERVER, port=5060, password="x", call_id=None, cseq=1, nat=None,
          method="REGISTER", auth_user=None, first=True, target=None, proxy=None):
    """A request, its challenge, and the request with credentials. outcome: the answer to that one; None: none.
    proxy: the host that passes it on; only the hop behind it is seen."""
    phone = Phone(wire, user, source, port, style, password=password, nat=nat)
    call_id, tag = call_id or style.call_id(wire.rnd, phone.local), style.tag(wire.rnd)
    register = method == "REGISTER"
    uri = "sip:" + REALM if register else "sip:%s@%s" % (target, REALM)
    to = "sip:%s@%s" % (user if register else target, REALM)
    seen, seen_port = (proxy, 5060) if proxy else (source, port)

    def made(number, auth=None):
        text = phone.request(method, uri, to, call_id, number, tag, auth=auth)
        if proxy:
            text = text.replace("Via: ", "Via: SIP/2.0/UDP %s:5060;branch=z9hG4bK%s\r\nVia: " % (proxy, wire.hex(12)), 1)
            text = text.replace(";rport", ";rport=%d;received=%s" % (port, source), 1)
        return text

    code = "401 Unauthorized" if register else "407 Proxy Authentication Required"
    phone.nonce, _, extra = challenge(wire, code, qop=style.qop)
    if first:
        text = made(cseq)
        wire.send(t, seen, host, text, seen_port)
        wire.send(t + 0.01, host, seen, reply(text, code, extra=extra), 5060, seen_port)
        if not register:
            wire.send(t + 0.015, seen, host, phone.request("ACK", uri, to, call_id, cseq, tag, "as1"), seen_port)
    phone.user = auth_user or user
    auth = phone.auth("Authorization" if register else "Proxy-Authorization", method, uri)
    phone.user = user
    text = made(cseq + 1, auth)
    wire.send(t + 0.03, seen, host, text, seen_port)
    if outcome is None:
        return
    if outcome == "200":
        answer = reply(text, "200 OK", extra=["Contact: %s;expires=1800" % phone.contact])
    elif outcome in ("401", "407"):
        answer = reply(text, code, extra=challenge(wire, code, qop=style.qop)[2])
    else:
        answer = reply(text, outcome)
    wire.send(t + 0.04, host, seen, answer, 5060, seen_port)


def ask(wire, t, source, user, style, answer="404 Not Found", host=SERVER, port=5060, method="REGISTER"):
    """REGISTER without credentials."""
    phone = Phone(wire, user, source, port, style)
    text = phone.request(method, "sip:" + REALM, "sip:%s@%s" % (user, REALM), wire.hex(20), 1, wire.hex(10))
    wire.send(t, source, host, text, port)
    if answer:
        extra = challenge(wire, qop=style.qop)[2] if answer.startswith("401") else ()
        wire.send(t + 0.02, host, source, reply(text, answer, extra=extra), 5060, port)


def homes(wire, count=10, times=6, every=1200):
    """Phones at home, each elsewhere."""
    office = Office(wire, SERVER)
    for k in range(count):
        registered(wire, office, str(1001 + k), "81.20.%d.%d" % (30 + k % 60, 7 + k % 200), style=k % 4, times=times, start=7 * k, every=every)
    return office


def options(wire, t, src, dst, user="", answer="200 OK", agent="kamailio (5.6.3)", dport=5060):
    uri = "sip:%s%s" % (user + "@" if user else "", dst)
    text = "\r\n".join(["OPTIONS %s SIP/2.0" % uri, "Via: SIP/2.0/UDP %s:5060;branch=z9hG4bK%s.0" % (src, wire.hex(4)), "To: <%s>" % uri,
                        "From: <sip:ping@%s>;tag=%s" % (src, wire.hex(16)), "CSeq: 10 OPTIONS", "Call-ID: %s@%s" % (wire.hex(16), src),
                        "Max-Forwards: 70", "Content-Length: 0", "User-Agent: " + agent]) + "\r\n\r\n"
    wire.send(t, src, dst, text, 5060, dport)
    if answer:
        wire.send(t + 0.02, dst, src, reply(text, answer, "gw"), dport, 5060)


def invite(wire, t, src, dst, number, answers, caller="4930555000", agent="Dialer 4.1", talk=0):
    """answers: (seconds, status line) of one call without credentials."""
    yealink, poly = STYLES[0], STYLES[2]
    phone = Phone(wire, caller, src, 5060, Style(agent, yealink.order, poly.branch, poly.call_id, poly.tag, True))
    uri, tag = "sip:%s@%s" % (number, dst), poly.tag(wire.rnd)
    body = "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n" % (src, src, wire.rnd.randrange(5000, 15000) * 2)
    text = phone.request("INVITE", uri, uri, phone.call_id, 1, tag, body=body)
    wire.send(t, src, dst, text)
    code, at = "100", t
    for after, code in answers:
        at = t + after
        wire.send(at, dst, src, reply(text, code, extra=["Contact: <sip:%s@%s>" % (number, dst)] if code[0] == "2" else ()))
    if code[0] != "1":
        wire.send(at + 0.02, src, dst, phone.request("ACK", uri, uri, phone.call_id, 1, tag, "as1"))
    if code[0] == "2":
        bye = phone.request("BYE", uri, uri, phone.call_id, 2, tag, "as1")
        wire.send(at + talk, src, dst, bye)
        wire.send(at + talk + 0.01, dst, src, reply(bye, "200 OK"))


def rtp(wire, at, src, sport, dst, dport, ssrc, count, every=0.02):
    for k in range(count):
        head = bytes([0x80, 0]) + (k & 0xFFFF).to_bytes(2, "big") + (160 * k & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
        wire.send(at + every * k, src, dst, head + b"\xff" * 160, sport, dport)


def sdp(host, port):
    return "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n" % (host, host, port)


def media_call(wire, t, length=20):
    """A call of 81.20.30.7:4000 with SERVER:5000, its signalling only."""
    alice, uri = Phone(wire, "1001", "81.20.30.7", 5060, STYLES[0]), "sip:1002@" + REALM
    text = alice.request("INVITE", uri, uri, "m1", 1, "a", body=sdp(alice.address, 4000))
    wire.send(t, alice.address, SERVER, text)
    wire.send(t + 0.1, SERVER, alice.address, reply(text, "200 OK", extra=["Contact: <sip:1002@%s>" % SERVER], body=sdp(SERVER, 5000)))
    wire.send(t + 0.15, alice.address, SERVER, alice.request("ACK", uri, uri, "m1", 1, "a", "as1"))
    bye = alice.request("BYE", uri, uri, "m1", 9, "a", "as1")
    wire.send(t + length, alice.address, SERVER, bye)
    wire.send(t + length + 0.1, SERVER, alice.address, reply(bye, "200 OK"))
    return alice, uri


# --- guessing ------------------------------------------------------------------------------------------------------

@story({"kind": "brute-force", "finding": "FRAUD-015", "accounts": ["1001"], "attempts": 450, "successes": 0})
def one_account_from_150_sources(wire):
    homes(wire, 5, times=30)
    for k in range(450):
        s = k % 150
        burst(wire, T0 + 100 + 77 * k + wire.rnd.random() * 30, "%d.%d.9.%d" % (60 + s % 40, s // 40, 3 + s), "1001", STYLES[s * 7 % 4], password="g%d" % k)


@story({"kind": "brute-force", "finding": "FRAUD-015", "accounts": ["1002", "1005"], "attempts": 6 * 45, "source_count": 6})
def patient_team(wire):
    """Six sources, each of which would be told alone: two accounts, one guess in half an hour."""
    homes(wire, 8, times=70)
    for s in range(6):
        for k in range(45):
            burst(wire, T0 + 300 + 211 * s + 1700 * k + wire.rnd.random() * 900, "91.%d.4.7" % (20 + s), "1002" if (k + s) % 2 else "1005",
                  STYLES[s % 4], password="t%d-%d" % (s, k))


@story({"kind": "brute-force", "finding": "FRAUD-015", "accounts": ["1002", "1005"], "attempts": 9 * 20, "source_count": 9})
def team_below_every_limit(wire):
    homes(wire, 8, times=70)
    for s in range(9):
        for k in range(20):
            burst(wire, T0 + 300 + 211 * s + 3900 * k + wire.rnd.random() * 1900, "91.%d.4.7" % (20 + s), "1002" if (k + s) % 2 else "1005",
                  STYLES[s % 4], password="t%d-%d" % (s, k))


@story({"kind": "password-spraying", "sources": [EVIL], "account_count": 80, "attempts": 80, "successes": 2, "messages": 160},
       {"kind": "account-compromise", "accounts": ["1034", "1070"], "sources": [EVIL]})
def one_password_for_all(wire):
    homes(wire, 5, times=18)
    users = [str(1001 + k) for k in range(80)]
    wire.rnd.shuffle(users)
    for k, user in enumerate(users):
        burst(wire, T0 + 500 + 255 * k + wire.rnd.random() * 40, EVIL, user, STYLES[2], "200" if user in ("1034", "1070") else "401", password="Welcome1")


@story({"kind": "password-spraying", "sources": [EVIL], "account_count": 25, "attempts": 25, "successes": 0})
def one_password_in_two_days(wire):
    homes(wire, 5, times=80, every=1800)
    for k in range(25):
        burst(wire, T0 + 300 + 7000 * k + wire.rnd.random() * 600, EVIL, str(1001 + k), STYLES[2], password="Welcome1")


@story({"kind": "password-spraying", "sources": [EVIL], "account_count": 9, "attempts": 27})
def nine_accounts_three_words(wire):
    """Above the eight accounts of FRAUD-012."""
    homes(wire, 12)
    for k in range(27):
        burst(wire, T0 + 1000 + 15 * k, EVIL, str(1001 + k % 9), STYLES[2], password="w%d" % (k // 9))


@story({"kind": "credential-stuffing", "sources": [EVIL], "account_count": 60, "attempts": 60, "successes": 3},
       {"kind": "account-compromise", "account_count": 3})
def leaked_pairs_new_port_each(wire):
    homes(wire, 5)
    names = ["%s.%s" % (a, b) for a in "anna tom kai lea max ida".split() for b in "berg rossi kim novak lang weiss moreau ito diaz ohara".split()]
    wire.rnd.shuffle(names)
    for k, name in enumerate(names):
        burst(wire, T0 + 400 + 3 * k, EVIL, name, STYLES[3], "200" if k % 20 == 7 else "401", password="lk%d" % k, port=20000 + k)


@story({"kind": "credential-stuffing", "source_count": 60, "account_count": 120, "attempts": 120, "successes": 5},
       {"kind": "account-compromise", "account_count": 5})
def leaked_pairs_other_face_each_time(wire):
    """Sixty sources, two names each, another User-Agent and order of fields with each request."""
    homes(wire, 10, times=20)
    rnd = random.Random(3)
    for k in range(120):
        order = STYLES[rnd.randrange(4)].order[1:]
        rnd.shuffle(order)
        style = Style("UA-%d/%d" % (rnd.randrange(999), rnd.randrange(99)), ["Via"] + order, STYLES[rnd.randrange(4)].branch,
                      STYLES[rnd.randrange(4)].call_id, STYLES[rnd.randrange(4)].tag, rnd.random() < 0.5)
        s = k % 60
        burst(wire, T0 + 100 + 170 * k, "%d.%d.3.%d" % (60 + s % 40, s // 40, 3 + s), "user%s.%s" % (md5(str(k))[:4], md5(str(k))[5:7]), style,
              "200" if k % 24 == 5 else "401", password="l%d" % k)


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 31, "successes": 1, "messages": 62},
       {"kind": "account-compromise", "accounts": ["1001"], "severity": "critical", "also": ["FRAUD-019"]})
def refused_with_403(wire):
    """The login that fits also sets a contact: the same event, told once."""
    homes(wire, 3)
    for k in range(31):
        burst(wire, T0 + 400 + 2 * k, EVIL, "1001", STYLES[3], "403 Forbidden" if k < 30 else "200", password="lk%d" % k)


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 30, "successes": 0, "messages": 260})
def guessing_until_blocked(wire):
    homes(wire, 3)
    for k in range(30):
        burst(wire, T0 + 400 + k, EVIL, "1001", STYLES[3], password="lk%d" % k)
    for k in range(200):
        ask(wire, T0 + 430 + k, EVIL, "1001", STYLES[3], None)


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 20})
def every_second_nonce_is_stale(wire):
    homes(wire, 3)
    for k in range(40):
        phone, uri = Phone(wire, "1001", EVIL, 5060, STYLES[3]), "sip:" + REALM
        phone.nonce = wire.hex(32)
        text = phone.request("REGISTER", uri, "sip:1001@" + REALM, wire.hex(16), 2, "t", auth=phone.auth("Authorization", "REGISTER", uri, "p%d" % k))
        wire.send(T0 + 500 + 3 * k, EVIL, SERVER, text)
        wire.send(T0 + 500.01 + 3 * k, SERVER, EVIL, reply(text, "401 Unauthorized", extra=challenge(wire, qop=False, stale=k % 2 == 0)[2]))


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 40})
def capture_begins_within(wire):
    for k in range(40):
        burst(wire, T0 + 2 * k, EVIL, "1001", STYLES[3], first=k != 0, password="p%d" % k)


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001", "1002"], "attempts": 100})
def two_nights_of_one_guesser(wire):
    homes(wire, 5, times=70)
    for k in range(50):
        burst(wire, T0 + 7200 + 2 * k, EVIL, "1001", STYLES[2], password="W%d" % k)
        burst(wire, T0 + 72000 + 2 * k, EVIL, "1002", STYLES[2], password="W%d" % k)


def behind_proxy(wire, method):
    proxy, registrar = "10.0.0.5", "10.0.0.9"
    for k in range(6):
        for j in range(5):
            burst(wire, T0 + 3 * k + 900 * j, "81.20.%d.7" % (30 + k), str(1001 + k), STYLES[k % 4], "200", host=registrar, proxy=proxy, call_id="hm%d" % k, cseq=10 * j)
    for k in range(40):
        burst(wire, T0 + 400 + 2 * k, EVIL, "1001", STYLES[3], "401", host=registrar, proxy=proxy, password="p%d" % k, method=method, target="1002")


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 40})
def behind_a_proxy_by_register(wire):
    behind_proxy(wire, "REGISTER")


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 40})
def behind_a_proxy_by_invite(wire):
    behind_proxy(wire, "INVITE")


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 40, "messages": 80})
def both_sides_of_a_proxy_with_two_addresses(wire):
    """Outside 198.51.100.10, inside 10.0.0.5: each request is seen twice and counts once."""
    homes(wire, 4)
    for k in range(40):
        at = len(wire.packets)
        burst(wire, T0 + 400 + 2 * k, EVIL, "1001", STYLES[3], password="p%d" % k)
        for t, _, packet in wire.packets[at:]:
            text = packet[42:].decode()
            if text.startswith("REGISTER"):
                inner = text.replace("Via: ", "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK%s\r\nVia: " % wire.hex(12), 1)
                Wire.send(wire, t + 0.001, "10.0.0.5", "10.0.0.9", inner)
                Wire.send(wire, t + 0.003, "10.0.0.9", "10.0.0.5", reply(inner, "401 Unauthorized", extra=challenge(wire)[2]))


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 40, "successes": 1}, {"kind": "account-compromise", "accounts": ["1001"]})
def guessing_in_hep(wire):
    wire.hep = True
    homes(wire, 5)
    for k in range(40):
        burst(wire, T0 + 400 + 2 * k, EVIL, "1001", STYLES[3], "401" if k < 39 else "200", password="p%d" % k)


@story({"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 40})
def guessing_over_tcp(wire):
    homes(wire, 5)
    for k in range(40):
        aside = Wide(9 + k)
        burst(aside, 0, EVIL, "1001", STYLES[3], password="p%d" % k)
        wire.tcp(T0 + 400 + 2 * k, EVIL, SERVER, 30000 + k,
                 [(t, p[26:30] == socket.inet_aton(EVIL), p[42:].decode().replace("/UDP", "/TCP")) for t, _, p in aside.packets])


def homes6(wire, server):
    for k in range(8):
        for j in range(6):
            burst(wire, T0 + 3 * k + 900 * j, "2001:db8:77:%x::5" % k, str(1001 + k), STYLES[k % 4], "200", host=server, call_id="hm%d" % k, cseq=10 * j)


@story({"kind": "brute-force", "accounts": ["1001"], "attempts": 120, "source_count": 120})
def another_address_of_one_64_each(wire):
    homes6(wire, "2001:db8:600d::10")
    for k in range(120):
        burst(wire, T0 + 300 + 5 * k, "2001:db8:bad:1:%x:%x:1:%x" % (77 * k, wire.rnd.getrandbits(16), k), "1001", STYLES[3], host="2001:db8:600d::10", password="p%d" % k)


@story({"kind": "brute-force", "sources": ["81.20.99.1"], "accounts": ["3001"], "attempts": 40, "messages": 80},
       {"kind": "enumeration", "sources": ["81.20.99.1"], "attempts": 60, "messages": 60})
def one_of_the_office(wire):
    """Behind the address of twenty honest phones somebody looks for users and guesses."""
    office = "81.20.99.1"
    for k in range(20):
        for j in range(8):
            burst(wire, T0 + 3 * k + 900 * j, office, str(3000 + k), STYLES[k % 3], "200", nat="192.168.1.%d" % (20 + k), port=20000 + k, call_id="hm%d" % k, cseq=10 * j)
    for k in range(60):
        ask(wire, T0 + 430 + 0.5 * k, office, str(5000 + k), STYLES[3], port=33333)
    for k in range(40):
        burst(wire, T0 + 1000 + 1.5 * k, office, "3001", STYLES[3], nat="192.168.1.200", port=33333, password="p%d" % k)


@story({"kind": "options-scan", "sources": [EVIL], "tool": "sipvicious"},
       {"kind": "enumeration", "sources": [EVIL], "attempts": 31, "accounts": ["1001", "1002", "1003", "1004", "1005"], "messages": 31},
       {"kind": "brute-force", "sources": [EVIL], "accounts": ["1001"], "attempts": 20, "messages": 40})
def one_program_after_the_other(wire):
    """svmap, svwar and svcrack within a minute: the users that were found stay found, though one is guessed then."""
    tool = Vicious(wire, EVIL)
    tool.options(T0, SERVER, "200 OK")
    for k in range(31):
        tool.war(T0 + 2 + 0.05 * k, SERVER, str(1000 + k), "401 Unauthorized" if 1 <= k <= 5 else "404 Not Found")
    for k in range(20):
        tool.crack(T0 + 4 + 0.1 * k, SERVER, "1001", "pw%d" % k, False)


# --- taking over ---------------------------------------------------------------------------------------------------

@story({"kind": "brute-force", "sources": [EVIL], "attempts": 41, "successes": 1}, {"kind": "account-compromise", "accounts": ["1001"], "sources": [EVIL]},
       {"kind": "registration-hijack", "accounts": ["1001"], "sources": [EVIL2], "severity": "critical"})
def sold_to_another(wire):
    homes(wire, 5, times=20)
    for k in range(41):
        burst(wire, T0 + 7300 + 2 * k, EVIL, "1001", STYLES[2], "401" if k < 40 else "200", password="W%d" % k)
    for k in range(4):
        burst(wire, T0 + 9000 + 1500 * k, EVIL2, "1001", STYLES[3], "200", call_id="h", cseq=4 * k)


@story({"kind": "registration-hijack", "sources": [EVIL], "accounts": ["1001", "1002", "1003"], "severity": "critical"})
def three_passwords_that_were_known(wire):
    """No guess, no scan: accounts of three homes come to one address, beside their phones."""
    homes(wire, 8, times=40)
    for a in range(3):
        for k in range(5):
            burst(wire, T0 + 9000 + 1500 * k + 60 * a, EVIL, str(1001 + a), Style("eyeBeam release 1", *[getattr(STYLES[2], f) for f in ("order", "branch", "call_id", "tag", "qop")]),
                  "200", call_id="st%d" % a, cseq=4 * k)


@story({"kind": "registration-hijack", "sources": ["88.211.40.9"], "accounts": ["1002"], "severity": "medium"})
def laptop_in_a_hotel(wire):
    """Nobody can tell whose it is: told, but as no more than possible."""
    homes(wire, 8, times=40)
    for k in range(3):
        burst(wire, T0 + 9000 + 30 * k, "88.211.40.9", "1002", STYLES[3], cseq=4 * k, call_id="lap", password="typo")
    for k in range(5):
        burst(wire, T0 + 9100 + 1500 * k, "88.211.40.9", "1002", STYLES[3], "200", call_id="lap", cseq=20 + 4 * k)


@story({"kind": "deregistration", "accounts": ["1001", "1002", "1003"], "sources": [EVIL]})
def contacts_of_others_removed(wire):
    office = homes(wire, 5, times=2)
    for k in range(3):
        thief = Phone(wire, str(1001 + k), EVIL, 5060, STYLES[3])
        office.register(T0 + 1300 + k, thief, expires=0, contact="<sip:%d@81.20.%d.%d:5060>" % (1001 + k, 30 + k, 7 + k))


# --- reconnaissance ------------------------------------------------------------------------------------------------

@story({"kind": "enumeration", "sources": [EVIL], "attempts": 200})
def users_until_blocked(wire):
    homes(wire, 3)
    for k in range(200):
        ask(wire, T0 + 430 + 0.2 * k, EVIL, str(1000 + k), STYLES[3], "404 Not Found" if k < 60 else None)


@story({"kind": "register-scan", "sources": [EVIL], "attempts": 150})
def users_without_an_answer(wire):
    homes(wire, 3)
    for k in range(150):
        ask(wire, T0 + 430 + 0.2 * k, EVIL, str(1000 + k), STYLES[3], None)


@story({"kind": "enumeration", "sources": [EVIL], "attempts": 90, "accounts": ["1001", "1002", "1003", "1004", "1005"]})
def another_face_each_time(wire):
    """One user every four minutes, with another User-Agent, order of fields and port each time."""
    homes(wire, 5, times=20)
    rnd = random.Random(5)
    for k in range(90):
        order = STYLES[0].order[1:]
        rnd.shuffle(order)
        style = Style("UA-%d" % rnd.randrange(9999), ["Via"] + order, STYLES[1].branch, STYLES[1].call_id, STYLES[1].tag, True)
        ask(wire, T0 + 430 + 240 * k, EVIL, str(1000 + k), style, "401 Unauthorized" if 1 <= k <= 5 else "404 Not Found", port=5060 + rnd.randrange(20000))


@story({"kind": "enumeration", "sources": [EVIL2], "attempts": 80, "tool": "sippts"})
def sippts_under_another_name(wire):
    homes(wire, 5)
    for k in range(80):
        text, port = sippts(wire, EVIL2, "REGISTER", SERVER, str(1000 + k), agent="Yealink SIP-T46S 66.86.0.15")
        wire.send(T0 + 300 + 0.3 * k, EVIL2, SERVER, text, port)
        there = 1 <= k <= 5
        wire.send(T0 + 300.02 + 0.3 * k, SERVER, EVIL2, reply(text, "401 Unauthorized" if there else "404 Not Found", extra=challenge(wire)[2] if there else ()), 5060, port)


@story({"kind": "invite-scan", "sources": [EVIL], "attempts": 15, "successes": 4, "severity": "high"})
def ghost_calls(wire):
    """One call every three minutes; four phones ring."""
    homes(wire, 5)
    for k, number in enumerate("100 1000 101 200 300 201 1001 500 600 700 800 900 1234 4321 2000".split()):
        rings = [(0.02, "100 Trying"), (0.3, "180 Ringing"), (20, "480 Temporarily Unavailable")]
        invite(wire, T0 + 900 + 200 * k, EVIL, SERVER, number, rings if k in (1, 6, 9, 12) else [(0.03, "404 Not Found")], "1000", "Cisco-SIPGateway/IOS-12.x")


@story({"kind": "options-scan", "sources": [EVIL], "attempts": 25})
def one_host_in_half_an_hour(wire):
    for k in range(25):
        options(wire, T0 + 1800 * k, EVIL, "198.51.100.%d" % (10 + 3 * k), answer="200 OK" if k % 6 == 0 else None, agent="Avaya")


@story({"kind": "options-scan", "source_count": 10, "finding": "FRAUD-009"})
def ten_sources_share_a_sweep(wire):
    for k in range(40):
        options(wire, T0 + 900 * k, "91.2.%d.7" % (k % 10), "198.51.100.%d" % (10 + k), answer="200 OK" if k % 6 == 0 else None, agent="Avaya")


@story({"kind": "options-scan", "sources": [EVIL], "finding": "FRAUD-006", "severity": "low", "attempts": 12})
def ports_of_one_host(wire):
    for k in range(12):
        options(wire, T0 + 0.5 * k, EVIL, SERVER, answer="200 OK" if k == 0 else None, agent="Avaya", dport=5060 + k)


@story({"kind": "enumeration", "sources": ["192.168.10.200"], "attempts": 61, "tool": "sipvicious"})
def scanner_within_the_house(wire):
    office = Office(wire, "192.168.10.2")
    for k in range(5):
        office.register(T0 + k, Phone(wire, str(200 + k), "192.168.10.%d" % (50 + k), 5060, STYLES[0]))
    tool = Vicious(wire, "192.168.10.200")
    for k in range(61):
        tool.war(T0 + 100 + 0.1 * k, "192.168.10.2", str(200 + k), "401 Unauthorized" if k < 5 else "404 Not Found")


# --- floods, media, broken messages --------------------------------------------------------------------------------

@story({"kind": "flood", "sources": [EVIL], "messages": 1200, "finding": "FRAUD-025"})
def flood_by_options(wire):
    homes(wire, 5)
    for k in range(1200):
        options(wire, T0 + 100 + 0.04 * k, EVIL, SERVER, answer="200 OK" if k % 2 else None, agent="x")


@story({"kind": "flood", "sources": [EVIL], "messages": 3000, "finding": "FRAUD-025"})
def flood_that_cycles_through_users(wire):
    homes(wire, 4)
    for k in range(3000):
        invite(wire, T0 + 500 + 0.01 * k, EVIL, SERVER, str(2000 + k % 40), [(0.004, "503 Service Unavailable")] if k % 3 else [], "flood")


@story({"kind": "tdos", "targets": ["1001"]})
def calls_from_everywhere_to_one_number(wire):
    homes(wire, 5)
    for k in range(120):
        invite(wire, T0 + 2000 + 1.2 * k, "%d.%d.3.%d" % (60 + k % 40, k // 40, 3 + k), SERVER, "1001",
               [(0.1, "100 Trying"), (0.3, "180 Ringing"), (20, "487 Request Terminated")], "%d" % (10**9 + wire.rnd.randrange(10**9)), "a")


def conversation(wire):
    homes(wire, 1)
    media_call(wire, T0 + 50)
    rtp(wire, T0 + 50.2, "81.20.30.7", 4000, SERVER, 5000, 1, 900)
    rtp(wire, T0 + 50.2, SERVER, 5000, "81.20.30.7", 4000, 2, 900)


@story({"kind": "rtp-injection", "sources": [EVIL], "messages": 6})
def six_packets_and_the_audio_is_theirs(wire):
    conversation(wire)
    rtp(wire, T0 + 55, EVIL, 7000, SERVER, 5000, 0x99, 6, 0.1)
    rtp(wire, T0 + 55.1, SERVER, 5000, EVIL, 7000, 2, 300)


@story({"kind": "flood", "sources": [EVIL], "finding": "FRAUD-028"})
def audio_drowned(wire):
    conversation(wire)
    rtp(wire, T0 + 52, EVIL, 7000, SERVER, 5000, 0x99, 6000, 0.0025)


@story({"kind": "flood", "sources": [EVIL], "finding": "FRAUD-028"})
def media_ports_searched(wire):
    homes(wire, 1)
    for k in range(200):
        rtp(wire, T0 + 50 + 0.05 * k, EVIL, 7000, SERVER, 10000 + 2 * k, 0x99, 2, 0.01)


@story({"kind": "malformed-fuzzing", "sources": [EVIL]})
def bytes_put_in_at_random(wire):
    homes(wire, 3)
    rnd = random.Random(2)
    for k in range(200):
        text = Phone(wire, "f", EVIL, 5060, STYLES[2]).request("INVITE", "sip:1001@" + SERVER, "sip:1001@" + SERVER, wire.hex(20), 1, "t")
        at = rnd.randrange(len(text))
        text = text[:at] + rnd.choice(["A" * rnd.choice((200, 3000)), "%n%n%s", "\x00\x01", '<>"', "-1", "9" * 30, "\r\n\r\n", ":::", "aaa"]) + text[at:]
        wire.send(T0 + 3000 + 0.2 * k, EVIL, SERVER, text)
        if k % 3 == 0:
            wire.send(T0 + 3000.01 + 0.2 * k, SERVER, EVIL, reply(text, "400 Bad Request"))


@story({"kind": "anomaly", "sources": [EVIL], "finding": "FRAUD-035", "severity": "medium"})
def small_questions_large_answers(wire):
    """Twenty OPTIONS within a minute, each answered with five times its bytes."""
    homes(wire, 3)
    for k in range(20):
        text = "OPTIONS sip:%s SIP/2.0\r\nv: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nf: <sip:a@b>;tag=%s\r\nt: <sip:%s>\r\ni: %s\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n" % (
            SERVER, EVIL, wire.hex(8), wire.hex(6), SERVER, wire.hex(10))
        wire.send(T0 + 100 + 2.5 * k, EVIL, SERVER, text)
        wire.send(T0 + 100.02 + 2.5 * k, SERVER, EVIL, reply(text, "200 OK", extra=["X-Capabilities: " + "abc " * 400]))


@story({"kind": "anomaly", "source_count": 5, "targets": ["198.51.100.20"], "finding": "FRAUD-035", "messages": 60})
def answers_to_questions_of_others(wire):
    """Five servers answer OPTIONS that somebody sends in the name of a host here."""
    homes(wire, 3)
    for k in range(60):
        text = ("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.20:5060;branch=z9hG4bK%s\r\nFrom: <sip:a@b>;tag=%s\r\nTo: <sip:x>\r\nCall-ID: %s\r\n"
                "CSeq: 1 OPTIONS\r\n\r\n" % (wire.hex(8), wire.hex(6), wire.hex(10)))
        wire.send(T0 + 100 + 0.5 * k, "62.4.%d.8" % (k % 5), "198.51.100.20", reply(text, "200 OK"))


@story({"kind": "anomaly", "sources": [EVIL], "finding": "FRAUD-036", "severity": "low"})
def sip_on_the_port_of_dns(wire):
    homes(wire, 3)
    for k in range(3):
        options(wire, T0 + 100 + 400 * k, EVIL, SERVER, answer=None, agent="x", dport=53)


@story({"kind": "injection", "sources": [EVIL], "finding": "FRAUD-034", "severity": "medium"})
def two_froms(wire):
    homes(wire, 3)
    text = Phone(wire, "1001", EVIL, 5060, STYLES[2]).request("INVITE", "sip:1002@" + SERVER, "sip:1002@" + SERVER, wire.hex(20), 1, "t")
    text = text.replace("From: <sip:1001@", "From: <sip:1005@%s>;tag=z\r\nFrom: <sip:1001@" % SERVER, 1)
    wire.send(T0 + 100, EVIL, SERVER, text)
    wire.send(T0 + 100.01, SERVER, EVIL, reply(text, "400 Bad Request"))


# --- honest --------------------------------------------------------------------------------------------------------

DEVICE = ["misconfigured-device"]


@story(honest=DEVICE)
def office_with_the_old_password(wire):
    for k in range(20):
        repaired, t, i = 1800 + wire.rnd.random() * 3600, wire.rnd.random() * 60, 0
        while t < 5400:
            burst(wire, T0 + t, "81.20.99.1", str(3000 + k), STYLES[k % 3], "401" if t < repaired else "200", nat="192.168.1.%d" % (20 + k), port=20000 + k,
                  call_id="ph%d" % k, cseq=2 * i, password="old")
            i, t = i + 1, t + (90 if t < repaired else 1500)


@story(honest=DEVICE)
def old_password_behind_a_meddling_router(wire):
    """All of one make, and the router writes its own address into Via and Contact."""
    for k in range(20):
        repaired, t, i = 2500 + 90 * k if k % 3 else 1e9, wire.rnd.random() * 60, 0
        while t < 5400:
            burst(wire, T0 + t, "81.20.99.1", str(3000 + k), STYLES[0], "401" if t < repaired else "200", port=20000 + k, call_id="ph%d" % k, cseq=2 * i, password="old")
            i, t = i + 1, t + (90 if t < repaired else 1500)


@story(honest=DEVICE)
def old_password_with_new_call_ids(wire):
    homes(wire, 5)
    for k in range(100):
        burst(wire, T0 + 300 * k, "81.21.7.9", "3001", STYLES[3], password="old")


@story(honest=DEVICE)
def exchange_whose_lines_are_suspended(wire):
    """Twenty accounts of one exchange at its carrier, all refused for hours."""
    homes(wire, 5)
    for k in range(20):
        for i in range(60):
            burst(wire, T0 + 7 * k + 120 * i, "81.20.99.9", "49301234%03d" % k, STYLES[1], "403 Forbidden", call_id="line%d@81.20.99.9" % k, cseq=2 * i)


@story(honest=[])
def first_day_of_an_office(wire):
    """Ten people set up their phones; most mistype once or twice, two give up."""
    homes(wire, 3)
    for k in range(10):
        t, user, more = T0 + 300 + 50 * k, str(3000 + k), {"nat": "192.168.1.%d" % (20 + k), "port": 20000 + k, "call_id": "new%d" % k}
        for i in range(1 + k % 3):
            burst(wire, t + 13 * i + wire.rnd.random() * 9, "81.20.99.1", user, STYLES[k % 4], cseq=10 * i, password="typo", **more)
        if k not in (3, 7):
            burst(wire, t + 90, "81.20.99.1", user, STYLES[k % 4], "200", cseq=90, **more)


@story(honest=DEVICE)
def phone_that_waits_longer_each_time(wire):
    homes(wire, 5)
    t, step, i = 0, 30, 0
    while t < 80000:
        burst(wire, T0 + t, "81.21.7.9", "3001", STYLES[2], "403 Forbidden", password="old", call_id="one@x", cseq=2 * i)
        i, t, step = i + 1, t + step, min(2 * step, 1800)


@story(honest=[])
def registrar_forgets_all_nonces(wire):
    """Its first answer to credentials is 401 without stale, then all is well; the capture begins just before."""
    for k in range(40):
        source, phone = "81.20.%d.9" % k, Phone(wire, str(3000 + k), "81.20.%d.9" % k, 5060, STYLES[0])
        phone.nonce, uri = wire.hex(32), "sip:" + REALM
        for code, after in (("401", 0), ("200", 0.05)):
            phone.cseq += 1
            text = phone.request("REGISTER", uri, "sip:%s@%s" % (phone.user, REALM), phone.call_id, phone.cseq, "r%d" % k, auth=phone.auth("Authorization", "REGISTER", uri))
            wire.send(T0 + 0.3 * k + after, source, SERVER, text)
            if code == "401":
                phone.nonce, line, extra = challenge(wire)
                phone.nc = 0
                answer = reply(text, line, extra=extra)
            else:
                answer = reply(text, "200 OK", extra=["Contact: %s;expires=2400" % phone.contact])
            wire.send(T0 + 0.3 * k + after + 0.01, SERVER, source, answer)


@story(honest=[])
def wrong_form_of_the_name_first(wire):
    for k in range(20):
        for j in range(8):
            source, user = "81.20.%d.9" % k, str(3000 + k)
            burst(wire, T0 + 5 * k + 600 * j, source, user, STYLES[3], "403 Forbidden", call_id="wu%d" % k, cseq=10 * j, auth_user="%s@%s" % (user, REALM))
            burst(wire, T0 + 5 * k + 600 * j + 0.2, source, user, STYLES[3], "200", call_id="wu%d" % k, cseq=10 * j + 4)


@story(honest=[])
def dispatcher_with_dead_gateways(wire):
    for k in range(18):
        for g in range(12):
            options(wire, T0 + 10 * k + 0.01 * g, SERVER, "203.0.113.%d" % (20 + g), answer="200 OK" if g % 2 else None)


@story(honest=[])
def exchange_asks_its_phones_once(wire):
    for g in range(60):
        options(wire, T0 + 0.05 * g, SERVER, "81.20.%d.7" % g, str(200 + g), "200 OK" if g % 9 else None, "Asterisk PBX 18.10", 5060 if g % 2 else 30000 + g)


@story(honest=[])
def monitors_of_all_kinds(wire):
    for k in range(60):
        options(wire, T0 + 60 * k, "198.51.100.99", SERVER, "nagios", "200 OK" if k < 20 or k > 40 else None, "sipsak 0.9.7")
    for k in range(300):
        options(wire, T0 + 12 * k, "52.114.75.24", SERVER, agent="Microsoft.PSTNHub.SIPProxy v.2021")


@story(honest=[])
def mobile_phone_between_two_networks(wire):
    office, phone = homes(wire, 3), Phone(wire, "1050", "81.20.200.4", 40001, STYLES[3])
    for k in range(24):
        phone.address = phone.local = "81.20.200.4" if k // 3 % 2 == 0 else "46.114.5.%d" % (9 + k)
        phone.port, phone.nonce = 40001 + k, None
        office.register(T0 + 1200 * k, phone, fetch_nonce=True)


@story(honest=[])
def line_with_a_new_address_each_night(wire):
    office = homes(wire, 3)
    for k in range(20):
        office.register(T0 + 1200 * k, Phone(wire, "1050", "46.114.%d.9" % (9 + k // 5), 5060, STYLES[0]))


@story(honest=[])
def pushed_awake(wire):
    office = homes(wire, 3)
    for k in range(20):
        phone = Phone(wire, "1050", "46.114.%d.9" % k, 40001 + k, STYLES[3])
        office.register(T0 + 1000 * k, phone, contact="<sip:1050@%s:%d;pn-provider=apns;pn-prid=abc;pn-param=x>" % (phone.address, phone.port))


@story(honest=[])
def office_comes_back(wire):
    """Three hundred phones behind one address; the server is silent when the capture begins."""
    office = Office(wire, SERVER)
    for k in range(300):
        phone = Phone(wire, str(2000 + k), "81.20.9.9", 10000 + k, STYLES[0], expires=600, nat="10.0.%d.%d" % (k // 200, k % 200))
        for begin, span, silent in ((0, 30, True), (40, 30, True)):
            office.register(T0 + begin + wire.rnd.random() * span, phone, silent=silent)
        office.register(T0 + 90 + wire.rnd.random() * 8, phone, fetch_nonce=True)


@story(honest=[])
def office_whose_server_is_gone(wire):
    office = Office(wire, SERVER)
    for k in range(300):
        phone = Phone(wire, str(2000 + k), "81.20.9.9", 10000 + k, STYLES[0], expires=600)
        office.register(T0 + wire.rnd.random() * 30, phone, silent=True)
        office.register(T0 + 90 + wire.rnd.random() * 30, phone, silent=True)


@story(honest=[])
def media_moves_with_a_new_offer(wire):
    homes(wire, 1)
    alice, uri = media_call(wire, T0 + 50)
    rtp(wire, T0 + 50.2, "81.20.30.7", 4000, SERVER, 5000, 1, 400)
    rtp(wire, T0 + 50.2, SERVER, 5000, "81.20.30.7", 4000, 2, 400)
    text = alice.request("INVITE", uri, uri, "m1", 2, "a", "as1", body=sdp("81.20.30.99", 4400))
    wire.send(T0 + 58, alice.address, SERVER, text)
    wire.send(T0 + 58.1, SERVER, alice.address, reply(text, "200 OK", body=sdp("198.51.100.55", 5200)))
    wire.send(T0 + 58.2, alice.address, SERVER, alice.request("ACK", uri, uri, "m1", 2, "a", "as1"))
    rtp(wire, T0 + 58.2, "81.20.30.99", 4400, "198.51.100.55", 5200, 7, 500)
    rtp(wire, T0 + 58.2, "198.51.100.55", 5200, "81.20.30.99", 4400, 8, 500)


@story(honest=[])
def announcement_then_the_callee(wire):
    """Media servers that no SDP names, one after the other."""
    homes(wire, 1)
    media_call(wire, T0 + 50)
    rtp(wire, T0 + 50.2, "81.20.30.7", 4000, SERVER, 5000, 1, 900)
    rtp(wire, T0 + 50.1, "198.51.100.77", 6000, "81.20.30.7", 4000, 3, 150)
    rtp(wire, T0 + 53, "198.51.100.78", 6400, "81.20.30.7", 4000, 2, 700)


@story(honest=["anomaly"])
def odd_but_honest(wire):
    homes(wire, 3)
    for k in range(40):
        text = Phone(wire, "1100", "81.20.5.5", 5060, STYLES[0]).request("REGISTER", "sip:" + REALM, "sip:1100@" + REALM, wire.hex(12), k + 1, "t")
        text = text.replace("Contact: ", "Contact : ").replace("CSeq: ", "CSeq : ").replace("Content-Length: 0", "Content-Length: 00000")
        wire.send(T0 + 60 * k, "81.20.5.5", SERVER, text)
        wire.send(T0 + 60 * k + 0.01, SERVER, "81.20.5.5", reply(text, "403 Forbidden"))


@story(honest=[])
def gateway_known_by_its_address(wire):
    """Calls without credentials within one private network, through a server that asks others for them."""
    for k in range(6):
        invite(wire, T0 + 300 * k, "192.168.10.77", "192.168.10.2", "20%d" % k, [(0.1, "180 Ringing"), (6, "200 OK")], "fax", "ATA 190", 60)
        burst(wire, T0 + 300 * k + 100, "192.168.10.60", "210", STYLES[0], "200", host="192.168.10.2", method="INVITE", target="201")
