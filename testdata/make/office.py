#!/usr/bin/env python3
"""Writes fraud/office-24h.pcap.xz: a normal day of an office with 40 extensions, SIP only, message by message.

Usage: office.py OUTPUT. Deterministic. Digest responses are computed, so passwords can be tested against them.
Also holds what fraud_attacks.py builds its stories from.

The site: a PBX (registrar and B2BUA) with 32 desk phones on the LAN, 8 people who work from home behind NAT, one
carrier trunk, one monitor. In the day: re-registrations, nonces that expire without stale=true, calls in and out and
between phones, busy and unanswered calls, wrong numbers, transfers, voicemail lamps, keep-alives, a phone whose
password is wrong since its exchange, somebody who mistypes a password twice, a phone that moves to the backup line,
and at 11:40 an outage of the PBX after which all come back at once.
"""
import gzip
import hashlib
import lzma
import random
import struct
import sys

T0 = 1767571200  # Monday 2026-01-05 00:00:00 UTC
PBX = "192.168.10.2"
TRUNK = "203.0.113.50"
MONITOR = "192.168.10.9"
REALM = "pbx.example"


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def digest(user, password, realm, nonce, method, uri, qop=None, nc=1, cnonce=""):
    ha1, ha2 = md5(f"{user}:{realm}:{password}"), md5(f"{method}:{uri}")
    if qop:
        return md5(f"{ha1}:{nonce}:{nc:08x}:{cnonce}:{qop}:{ha2}")
    return md5(f"{ha1}:{nonce}:{ha2}")


class Wire:
    def __init__(self, seed):
        self.packets, self.rnd = [], random.Random(seed)

    def send(self, t, src, dst, text, sport=5060, dport=5060):
        data = text if isinstance(text, bytes) else text.encode()
        address = lambda a: bytes(int(x) for x in a.split("."))
        n = len(self.packets)
        udp = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n & 0xFFFF, 0, 64, 17, 0, address(src), address(dst))
        total = sum(struct.unpack("!10H", head))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        head = head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:]
        self.packets.append((t, n, bytes(12) + b"\x08\x00" + head + udp))

    def write(self, path):
        self.packets.sort()
        out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
        for t, _, data in self.packets:
            out.append(struct.pack("<IIII", int(t), int(t * 1e6) % 1000000, len(data), len(data)) + data)
        data = b"".join(out)
        with open(path, "wb") as f:
            if path.endswith(".xz"):
                f.write(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
            else:
                with gzip.GzipFile("", "wb", 9, f, 0) as z:
                    z.write(data)

    def hex(self, n):
        return "%0*x" % (n, self.rnd.getrandbits(4 * n))


class Style:
    """How one make of phone writes its requests: the order of header fields, tags, branches, Call-IDs."""

    def __init__(self, agent, order, branch, call_id, tag, qop):
        self.agent, self.order, self.branch, self.call_id, self.tag, self.qop = agent, order, branch, call_id, tag, qop


STYLES = [
    Style("Yealink SIP-T46S 66.86.0.15", "Via From To Call-ID CSeq Contact Max-Forwards User-Agent Allow Expires Auth Content-Length".split(),
          lambda r: "z9hG4bK%d" % r.getrandbits(31), lambda r, h: "0_%d@%s" % (r.getrandbits(31), h), lambda r: str(r.getrandbits(31)), True),
    Style("snomD785/10.1.169.16", "Via From To Call-ID CSeq Max-Forwards User-Agent Contact Supported Auth Expires Content-Length".split(),
          lambda r: "z9hG4bK-%s" % "".join(r.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12)),
          lambda r, h: "%x-%s" % (r.getrandbits(48), "".join(r.choice("abcdefghijklmnop") for _ in range(12))),
          lambda r: "".join(r.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(10)), False),
    Style("PolyEdge-E350-UA/8.1.1.3022", "Via From To CSeq Call-ID Contact User-Agent Allow Auth Max-Forwards Expires Content-Length".split(),
          lambda r: "z9hG4bK%x" % r.getrandbits(48), lambda r, h: "%x%s" % (r.getrandbits(64), h), lambda r: "%X-%X" % (r.getrandbits(32), r.getrandbits(32)), True),
    Style("MicroSIP/3.21.3", "Via Max-Forwards From To Call-ID CSeq User-Agent Contact Expires Allow Auth Content-Length".split(),
          lambda r: "z9hG4bKPj%x" % r.getrandbits(128), lambda r, h: "%032x" % r.getrandbits(128), lambda r: "%032x" % r.getrandbits(128), False),
]
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, INFO, MESSAGE, SUBSCRIBE"


def lines(style, fields, body=""):
    out = []
    for name in style.order:
        if name == "Auth":
            out += fields.get("Auth", [])
        elif name == "Content-Length":
            if body:
                out.append("Content-Type: application/sdp")
            out.append("Content-Length: %d" % len(body))
        elif fields.get(name):
            out.append("%s: %s" % (name, fields[name]))
    return out


class Phone:
    def __init__(self, wire, user, address, port, style, password=None, nat=None, expires=2400):
        self.wire, self.user, self.address, self.port, self.style = wire, user, address, port, style
        self.password = password or "Pw-%s-%s" % (user, md5(user)[:10])
        self.local = nat or address       # what it believes its address to be
        self.expires = expires
        self.call_id = style.call_id(wire.rnd, self.local)
        self.cseq = wire.rnd.randrange(1, 3000)
        self.nonce, self.nonce_time, self.nc = None, 0, 0

    @property
    def contact(self):
        return "<sip:%s@%s:%d>" % (self.user, self.local, self.port)

    def auth(self, header, method, uri, password=None):
        self.nc += 1
        if self.style.qop:
            cnonce = self.wire.hex(8)
            response = digest(self.user, password or self.password, REALM, self.nonce, method, uri, "auth", self.nc, cnonce)
            more = ', qop=auth, nc=%08x, cnonce="%s"' % (self.nc, cnonce)
        else:
            response, more = digest(self.user, password or self.password, REALM, self.nonce, method, uri), ""
        return '%s: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5%s' % (
            header, self.user, REALM, self.nonce, uri, response, more)

    def request(self, method, uri, to, call_id, cseq, tag, to_tag="", auth=None, extra=None, branch=None, body=""):
        style = self.style
        fields = {"Via": "SIP/2.0/UDP %s:%d;branch=%s;rport" % (self.local, self.port, branch or style.branch(self.wire.rnd)),
                  "From": "<sip:%s@%s>;tag=%s" % (self.user, REALM, tag), "To": "<%s>%s" % (to, ";tag=" + to_tag if to_tag else ""),
                  "Call-ID": call_id, "CSeq": "%d %s" % (cseq, method), "Max-Forwards": "70", "User-Agent": style.agent,
                  "Contact": self.contact, "Auth": [auth] if auth else []}
        if method in ("REGISTER", "INVITE"):
            fields["Allow"] = ALLOW
        fields.update(extra or {})
        head = ["%s %s SIP/2.0" % (method, uri)] + lines(style, fields, body)
        return "\r\n".join(head) + "\r\n\r\n" + body


def reply(request, code, server="pbx 4.2", to_tag="as1", extra=(), received=None, body=""):
    """A response to the text of a request."""
    head = request.split("\r\n\r\n")[0].split("\r\n")
    out = ["SIP/2.0 " + code]
    for line in head[1:]:
        name = line.split(":")[0].strip().lower()
        if name in ("via", "v"):
            out.append(line + (";received=%s" % received if received else ""))
        elif name in ("from", "f", "call-id", "i", "cseq"):
            out.append(line)
        elif name in ("to", "t"):
            out.append(line if "tag=" in line or code.startswith("100") else line + ";tag=" + to_tag)
    out.append("Server: " + server)
    out += list(extra)
    if body:
        out.append("Content-Type: application/sdp")
    out.append("Content-Length: %d" % len(body))
    return "\r\n".join(out) + "\r\n\r\n" + body


def challenge(wire, code="401 Unauthorized", realm=REALM, qop=True, nonce=None, stale=False):
    nonce = nonce or wire.hex(32)
    name = "WWW-Authenticate" if code.startswith("401") else "Proxy-Authenticate"
    return nonce, code, ['%s: Digest realm="%s", nonce="%s", algorithm=MD5%s%s' % (
        name, realm, nonce, ', qop="auth"' if qop else "", ", stale=true" if stale else "")]


class Office:
    """The PBX and its answers."""

    def __init__(self, wire, pbx=PBX):
        self.wire, self.pbx = wire, pbx

    def register(self, t, phone, expires=None, password=None, ok=True, fetch_nonce=None, silent=False, contact=None):
        """One registration; ok=False: the password is refused. Returns the time when it was over."""
        wire, expires = self.wire, phone.expires if expires is None else expires
        uri, to = "sip:" + REALM, "sip:%s@%s" % (phone.user, REALM)
        tag, answered = phone.style.tag(wire.rnd), False
        # A phone keeps its nonce and sends credentials at once; this PBX forgets nonces after an hour without a word.
        reuse = phone.nonce is not None and phone.style.qop and fetch_nonce is not True
        for attempt in range(3):
            phone.cseq += 1
            auth = phone.auth("Authorization", "REGISTER", uri, password) if reuse else None
            extra = {"Expires": str(expires)}
            if contact:
                extra["Contact"] = contact
            text = phone.request("REGISTER", uri, to, phone.call_id, phone.cseq, tag, auth=auth, extra=extra)
            wire.send(t, phone.address, self.pbx, text, phone.port)
            if silent:
                for wait in (0.5, 1.5, 3.5, 7.5):
                    wire.send(t + wait, phone.address, self.pbx, text, phone.port)
                return t + 8
            back = t + 0.004 + wire.rnd.random() * 0.01
            known = reuse and (attempt > 0 or t - phone.nonce_time < 3600)
            if known and ok:
                granted = "%s;expires=%d" % (contact or phone.contact, expires)
                wire.send(back, self.pbx, phone.address, reply(text, "200 OK", extra=["Contact: " + granted] if expires else ()), 5060, phone.port)
                answered = True
                break
            nonce, code, more = challenge(wire, qop=phone.style.qop)
            wire.send(back, self.pbx, phone.address, reply(text, code, extra=more), 5060, phone.port)
            if known and not ok:
                phone.nonce = None
                break
            phone.nonce, phone.nonce_time, phone.nc, reuse = nonce, back, 0, True
            t = back + 0.02 + wire.rnd.random() * 0.05
        if not phone.style.qop:
            phone.nonce = None
        return t if answered else None

    def call(self, t, caller, callee_user, out, ring=6.0, talk=60.0, refuse=None, hang_up=True, callee=None, number=None):
        """A call over the PBX: caller and callee are a Phone or the trunk (None). out: leg two goes to the trunk."""
        wire = self.wire
        sdp = "v=0\r\no=- %d 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 8 101\r\n" % (
            wire.rnd.getrandbits(30), PBX, PBX, wire.rnd.randrange(5000, 15000) * 2)
        uri = "sip:%s@%s" % (callee_user, REALM)
        if caller is not None:
            cid, tag = caller.style.call_id(wire.rnd, caller.local), caller.style.tag(wire.rnd)
            phone, nonce = caller, challenge(wire, "407 Proxy Authentication Required", qop=caller.style.qop)
            first = phone.request("INVITE", uri, uri, cid, 1, tag, body=sdp)
            wire.send(t, phone.address, self.pbx, first, phone.port)
            wire.send(t + 0.01, self.pbx, phone.address, reply(first, nonce[1], extra=nonce[2]), 5060, phone.port)
            wire.send(t + 0.02, phone.address, self.pbx, phone.request("ACK", uri, uri, cid, 1, tag, "as1"), phone.port)
            saved, phone.nonce, phone.nc = phone.nonce, nonce[0], 0
            invite = phone.request("INVITE", uri, uri, cid, 2, tag, auth=phone.auth("Proxy-Authorization", "INVITE", uri), body=sdp)
            phone.nonce = saved
            a_addr, a_port = phone.address, phone.port
            wire.send(t + 0.04, a_addr, self.pbx, invite, a_port)
        else:
            phone = Phone(wire, number or "+4930%07d" % wire.rnd.randrange(10**7), TRUNK, 5060, STYLES[0])
            phone.style = Style("carrier-sbc", "Via Max-Forwards From To Call-ID CSeq Contact Allow P-Asserted-Identity Content-Length".split(),
                                lambda r: "z9hG4bK%x" % r.getrandbits(60), None, lambda r: "%x" % r.getrandbits(40), False)
            cid, tag = "%x@%s" % (wire.rnd.getrandbits(60), TRUNK), phone.style.tag(wire.rnd)
            invite = phone.request("INVITE", uri, uri, cid, 2, tag, extra={"P-Asserted-Identity": "<sip:%s@%s>" % (phone.user, TRUNK)}, body=sdp)
            a_addr, a_port = TRUNK, 5060
            wire.send(t + 0.04, a_addr, self.pbx, invite, a_port)
        up = lambda at, text: wire.send(at, self.pbx, a_addr, text, 5060, a_port)
        up(t + 0.05, reply(invite, "100 Trying"))
        if refuse and not callee and not out:
            up(t + 0.08, reply(invite, refuse))
            wire.send(t + 0.1, a_addr, self.pbx, phone.request("ACK", uri, uri, cid, 2, tag, "as1"), a_port)
            return t + 0.1
        # The PBX's own leg.
        b_addr, b_port = (TRUNK, 5060) if out else (callee.address, callee.port)
        user = (caller.user if caller else phone.user)
        b_uri = "sip:%s@%s" % (callee_user, TRUNK) if out else "sip:%s@%s:%d" % (callee_user, callee.local, callee.port)
        bcid, btag, branch = wire.hex(32) + "@" + PBX, wire.hex(8), "z9hG4bK" + wire.hex(12)
        def down(at, method, cseq, to_tag="", body=""):
            text = "\r\n".join(["%s %s SIP/2.0" % (method, b_uri), "Via: SIP/2.0/UDP %s:5060;branch=%s;rport" % (PBX, branch + method),
                                "Max-Forwards: 69", "From: <sip:%s@%s>;tag=%s" % (user, PBX, btag),
                                "To: <%s>%s" % (b_uri, ";tag=" + to_tag if to_tag else ""), "Contact: <sip:%s@%s:5060>" % (user, PBX),
                                "Call-ID: " + bcid, "CSeq: %d %s" % (cseq, method), "User-Agent: pbx 4.2"]
                               + (["Content-Type: application/sdp"] if body else []) + ["Content-Length: %d" % len(body)]) + "\r\n\r\n" + body
            wire.send(at, self.pbx, b_addr, text, 5060, b_port)
            return text
        leg = down(t + 0.06, "INVITE", 102, body=sdp)
        b_name = "carrier-sbc" if out else callee.style.agent
        b_tag = wire.hex(8)
        up_b = lambda at, text: wire.send(at, b_addr, self.pbx, text, b_port, 5060)
        up_b(t + 0.07, reply(leg, "100 Trying", b_name))
        if refuse:
            up_b(t + 0.4, reply(leg, refuse, b_name, b_tag))
            down(t + 0.41, "ACK", 102, b_tag)
            up(t + 0.42, reply(invite, refuse))
            wire.send(t + 0.44, a_addr, self.pbx, phone.request("ACK", uri, uri, cid, 2, tag, "as1"), a_port)
            return t + 0.5
        up_b(t + 0.3, reply(leg, "180 Ringing", b_name, b_tag))
        up(t + 0.31, reply(invite, "180 Ringing"))
        end = t + ring
        if talk is None:  # the caller gives up
            cancel = phone.request("CANCEL", uri, uri, cid, 2, tag, branch=invite.split("branch=")[1].split(";")[0].split("\r")[0])
            wire.send(end, a_addr, self.pbx, cancel, a_port)
            up(end + 0.01, reply(cancel, "200 OK"))
            up(end + 0.02, reply(invite, "487 Request Terminated"))
            wire.send(end + 0.03, a_addr, self.pbx, phone.request("ACK", uri, uri, cid, 2, tag, "as1"), a_port)
            branch_kept = branch + "INVITE"
            text = leg.replace("INVITE " + b_uri, "CANCEL " + b_uri, 1).replace("102 INVITE", "102 CANCEL").split("Content-Type")[0] + "Content-Length: 0\r\n\r\n"
            assert branch_kept in text
            wire.send(end + 0.02, self.pbx, b_addr, text, 5060, b_port)
            up_b(end + 0.03, reply(text, "200 OK", b_name, b_tag))
            up_b(end + 0.04, reply(leg, "487 Request Terminated", b_name, b_tag))
            down(end + 0.05, "ACK", 102, b_tag)
            return end
        up_b(end, reply(leg, "200 OK", b_name, b_tag, ["Contact: <sip:%s@%s:%d>" % (callee_user, b_addr, b_port)], body=sdp))
        down(end + 0.01, "ACK", 102, b_tag)
        up(end + 0.02, reply(invite, "200 OK", extra=["Contact: <sip:%s@%s:5060>" % (callee_user, PBX)], body=sdp))
        wire.send(end + 0.05, a_addr, self.pbx, phone.request("ACK", uri, uri, cid, 2, tag, "as1"), a_port)
        end += talk
        if hang_up:
            bye = phone.request("BYE", uri, uri, cid, 3, tag, "as1")
            wire.send(end, a_addr, self.pbx, bye, a_port)
            up(end + 0.01, reply(bye, "200 OK"))
            bye = down(end + 0.02, "BYE", 103, b_tag)
            up_b(end + 0.03, reply(bye, "200 OK", b_name, b_tag))
        return end

    def options(self, t, src, dst, user, sport=5060, dport=5060, agent="pbx 4.2", answer="200 OK"):
        text = "\r\n".join(["OPTIONS sip:%s@%s:%d SIP/2.0" % (user, dst, dport), "Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK%s;rport" % (src, sport, self.wire.hex(10)),
                            "Max-Forwards: 70", "From: <sip:ping@%s>;tag=%s" % (src, self.wire.hex(8)), "To: <sip:%s@%s>" % (user, dst),
                            "Contact: <sip:ping@%s:%d>" % (src, sport), "Call-ID: %s@%s" % (self.wire.hex(20), src), "CSeq: 102 OPTIONS",
                            "User-Agent: " + agent, "Content-Length: 0"]) + "\r\n\r\n"
        self.wire.send(t, src, dst, text, sport, dport)
        if answer:
            self.wire.send(t + 0.01, dst, src, reply(text, answer, "device"), dport, sport)


def people(wire):
    phones = []
    for i in range(32):
        phones.append(Phone(wire, str(201 + i), "192.168.10.%d" % (51 + i), 5060, STYLES[i % 3]))
    for i in range(8):  # at home, each behind a router of its own
        phones.append(Phone(wire, str(233 + i), "81.20.%d.%d" % (30 + i, 7 + 11 * i), 40000 + 733 * i, STYLES[3 if i % 2 else 0],
                            nat="192.168.178.%d" % (20 + i), expires=1500))
    return phones


def day(seed=5):
    wire = Wire(seed)
    office, rnd = Office(wire), wire.rnd
    phones = people(wire)
    outage = (T0 + 11.67 * 3600, T0 + 11.67 * 3600 + 150)
    for phone in phones:
        t = T0 + rnd.random() * phone.expires
        while t < T0 + 86400:
            if outage[0] < t < outage[1]:
                office.register(t, phone, silent=True)
                t = outage[1] + rnd.random() * 20
                office.register(t, phone)
            else:
                office.register(t, phone)
            t += phone.expires * (0.85 + 0.02 * rnd.random())
    # All come back at once.
    for phone in phones:
        office.register(outage[1] + rnd.random() * 20, phone, fetch_nonce=True)
    # Keep-alives of the PBX to the homes and the trunk, and the monitor's to PBX and trunk.
    for k in range(0, 86400, 900):
        for phone in phones[32:]:
            office.options(T0 + k + 3 + 0.2 * int(phone.user), PBX, phone.address, phone.user, dport=phone.port)
    for k in range(0, 86400, 600):
        office.options(T0 + k + 11, PBX, TRUNK, "carrier")
        office.options(T0 + k + 13, MONITOR, PBX, "health", agent="sipsak 0.9.8.1")
    # A desk phone with the old password since 14:00, until somebody repairs it at 15:30.
    late = Phone(wire, "241", "192.168.10.99", 5060, STYLES[1], password="new-secret-241")
    for k in range(90):
        office.register(T0 + 14 * 3600 + 60 * k, late, password="old", ok=False)
    office.register(T0 + 15.52 * 3600, late)
    # Somebody sets up a soft phone and mistypes twice.
    soft = Phone(wire, "242", "81.20.77.3", 51000, STYLES[3], nat="192.168.0.14")
    for at in (0, 21):
        office.register(T0 + 9 * 3600 + at, soft, password="typo%d" % at, ok=False)
    office.register(T0 + 9 * 3600 + 48, soft)
    # One home's line fails over to mobile at 16:10: the same phone from another address.
    phones[35].address, phones[35].port = "46.114.5.9", 23411
    for k in range(4):
        office.register(T0 + 16.17 * 3600 + 1000 * k, phones[35])
    # Calls: few at night, many by day.
    numbers = ["0301234%03d" % rnd.randrange(1000) for _ in range(30)] + ["0891112%03d" % rnd.randrange(1000) for _ in range(10)]
    abroad = ["0043155512%02d" % rnd.randrange(100), "0041445550%02d" % rnd.randrange(100)]
    for n in range(330):
        hour = rnd.choice([8, 9, 9, 10, 10, 11, 12, 13, 14, 14, 15, 15, 16, 16, 17, 18, 19])
        t = T0 + hour * 3600 + rnd.random() * 3600
        if outage[0] - 5 < t < outage[1] + 5:
            continue
        a, b = rnd.sample(phones[:32], 2)
        talk, ring = min(1500, rnd.lognormvariate(4.3, 1.0)), 2 + rnd.random() * 14
        kind = rnd.random()
        if kind < 0.35:
            refuse = "486 Busy Here" if rnd.random() < 0.08 else "404 Not Found" if rnd.random() < 0.03 else None
            number = rnd.choice(numbers) if rnd.random() < 0.95 else rnd.choice(abroad)
            office.call(t, a, number, True, ring, None if rnd.random() < 0.12 else talk, refuse)
        elif kind < 0.7:
            refuse = "486 Busy Here" if rnd.random() < 0.1 else None
            office.call(t, None, b.user, False, ring, None if rnd.random() < 0.15 else talk, refuse, callee=b)
        else:
            refuse = "404 Not Found" if rnd.random() < 0.04 else None
            office.call(t, a, b.user if not refuse else "2%d" % rnd.randrange(60, 99), False, ring, None if rnd.random() < 0.2 else talk, refuse,
                        callee=None if refuse else b)
    return wire


if __name__ == "__main__":
    day().write(sys.argv[1])
