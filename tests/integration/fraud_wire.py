"""A wire for stories: hosts, makes of phones and servers, and what they say, over UDP, TCP, WebSocket or in HEP, IPv4 or IPv6.

Messages differ by make in the order of fields, short forms, tags, branches, Call-IDs and in how logins are done, as the
programs that they are named after differ. Digest responses are computed."""
import base64
import hashlib
import json
import random
import socket
import struct
import subprocess

MONDAY = 1780272000  # 2026-06-01 00:00 UTC
HOUR = 3600
DAY = 86400


def report_of(tool, *arguments):
    """What the tool says in JSON of the captures (and options) in arguments."""
    run = subprocess.run([tool, "-f", "json", *map(str, arguments)], capture_output=True, timeout=300)
    if run.returncode not in (0, 1):
        raise SystemExit("%s: status %d: %s" % (" ".join(map(str, arguments)), run.returncode, run.stderr.decode()[:300]))
    return json.loads(run.stdout)


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def raw(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def host_port(address, port):
    return "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)


def in_uri(address):
    return "[%s]" % address if ":" in address else address


def total_of(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """Keeps what is sent; write() makes packets of it."""

    def __init__(self, seed, hep=False):
        self.rnd, self.said, self.hep = random.Random(seed), [], hep

    def hex(self, n):
        return "%0*x" % (n, self.rnd.getrandbits(4 * n))

    def word(self, n, letters="abcdefghijklmnopqrstuvwxyz0123456789"):
        return "".join(self.rnd.choice(letters) for _ in range(n))

    def send(self, t, src, dst, text, over="udp", client=True):
        """src, dst: (address, port). over: udp, tcp, ws or raw (UDP payload that is no SIP). client: who opened it."""
        self.said.append((t, len(self.said), src, dst, text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"), over, client))

    def heard(self, since, word, src=None, dst=None):
        """The latest message with this word (bytes) in it."""
        fits = [one for one in self.said if one[0] >= since and word in one[4] and src in (None, one[2]) and dst in (None, one[3])]
        return fits[-1][4].decode()

    def rtp(self, t, src, dst, count, rate, payload=bytes(160), ssrc=7, kind=8, first=0):
        """payload: of each packet, or a function of its number."""
        for k in range(count):
            head = struct.pack("!BBHII", 0x80, kind, (first + k) & 0xFFFF, 160 * (first + k), ssrc)
            self.send(t + k / rate, src, dst, head + (payload(k) if callable(payload) else payload), "raw")

    def packets(self, first=0, last=1e18):
        self.said.sort(key=lambda one: one[:2])
        flows, number = {}, 0
        for t, _, src, dst, data, over, client in self.said:
            if not first <= t < last:
                continue
            number += 1
            if self.hep and over != "raw":
                yield t + .002, self.ip("10.99.0.1", "10.99.0.2", 17, self.udp("10.99.0.1", "10.99.0.2", 40060, 9060, self.in_hep(t, src, dst, data, over)), number)
            elif over in ("udp", "raw"):
                yield t, self.ip(src[0], dst[0], 17, self.udp(src[0], dst[0], src[1], dst[1], data), number)
            else:
                a, b = (src, dst) if client else (dst, src)
                fresh = (a, b) not in flows
                seq = flows.setdefault((a, b), [7000, 90000])
                if fresh:
                    for who, flags in ((0, 2), (1, 18), (0, 16)):
                        yield t - .004 + who * .001, self.segment(a, b, seq, who, flags, b"", number)
                    if over == "ws":
                        hello = ("GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                 "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n" % b[0]).encode()
                        yield t - .002, self.segment(a, b, seq, 0, 24, hello, number)
                        welcome = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                   b"Sec-WebSocket-Protocol: sip\r\n\r\n")
                        yield t - .001, self.segment(a, b, seq, 1, 24, welcome, number)
                if over == "ws":
                    mask = b"\x11\x22\x33\x44" if client else b""
                    size = len(data)
                    head = bytes([0x81]) + (bytes([(0x80 if client else 0) | size]) if size < 126 else bytes([(0x80 if client else 0) | 126]) + struct.pack("!H", size))
                    data = head + mask + (bytes(c ^ mask[i % 4] for i, c in enumerate(data)) if client else data)
                for at in range(0, len(data), 1400):
                    yield t, self.segment(a, b, seq, 0 if client else 1, 24, data[at:at + 1400], number)

    @staticmethod
    def udp(src, dst, sport, dport, data):
        udp = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
        if ":" not in src:
            return udp
        return udp[:6] + struct.pack("!H", total_of(raw(src) + raw(dst) + struct.pack("!II", len(udp), 17) + udp) or 0xFFFF) + udp[8:]

    @staticmethod
    def segment(a, b, seq, who, flags, data, number):
        ends = (a, b) if who == 0 else (b, a)
        tcp = struct.pack("!HHIIBBHHH", ends[0][1], ends[1][1], seq[who] & 0xFFFFFFFF, (seq[1 - who] if flags & 16 else 0) & 0xFFFFFFFF, 0x50, flags, 65000, 0, 0) + data
        seq[who] += len(data) + (1 if flags & 3 else 0)
        return Wire.ip(ends[0][0], ends[1][0], 6, tcp, number)

    @staticmethod
    def ip(src, dst, protocol, payload, number):
        if ":" in src:
            return bytes(12) + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(payload), protocol, 60) + raw(src) + raw(dst) + payload
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0, 60, protocol, 0, raw(src), raw(dst))
        return bytes(12) + b"\x08\x00" + head[:10] + struct.pack("!H", total_of(head)) + head[12:] + payload

    @staticmethod
    def in_hep(t, src, dst, data, over):
        chunk = lambda kind, value: struct.pack("!HHH", 0, kind, 6 + len(value)) + value
        six = ":" in src[0]
        body = (chunk(1, b"\x0a" if six else b"\x02") + chunk(2, b"\x11" if over == "udp" else b"\x06") + chunk(5 if six else 3, raw(src[0]))
                + chunk(6 if six else 4, raw(dst[0])) + chunk(7, struct.pack("!H", src[1])) + chunk(8, struct.pack("!H", dst[1]))
                + chunk(9, struct.pack("!I", int(t))) + chunk(10, struct.pack("!I", int(t * 1e6) % 1000000)) + chunk(11, b"\x01") + chunk(12, b"\0\0\x07\xd1")
                + chunk(15, data))
        return b"HEP3" + struct.pack("!H", 6 + len(body)) + body

    def write(self, path, first=0, last=1e18):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for t, data in self.packets(first, last):
                out.write(struct.pack("<IIII", int(t), int(t * 1e6) % 1000000, len(data), len(data)) + data)


class Make:
    """How a program writes. order: of the fields; names that a field may have in short form are in `short`."""

    def __init__(self, agent, order, branch, call_id, tag, qop=True, keeps_nonce=True, short=False, display=False, more=()):
        self.agent, self.order, self.branch, self.call_id, self.tag = agent, order.split(), branch, call_id, tag
        self.qop, self.keeps_nonce, self.short, self.display, self.more = qop, keeps_nonce, short, display, more


SHORT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Supported": "k", "Content-Type": "c", "Content-Length": "l"}
UUID = lambda w: "%s-%s-%s-%s-%s" % (w.hex(8), w.hex(4), w.hex(4), w.hex(4), w.hex(12))
MAKES = {
    "yealink": Make("Yealink SIP-T54W 96.86.0.75", "Via From To Call-ID CSeq Contact Allow Max-Forwards User-Agent Auth Expires Allow-Events",
                    lambda w: "z9hG4bK%d" % w.rnd.getrandbits(32), lambda w, h: "%d_%d@%s" % (w.rnd.randrange(9), w.rnd.getrandbits(31), h), lambda w: str(w.rnd.getrandbits(31)), display=True),
    "grandstream": Make("Grandstream GXP2170 1.0.11.64", "Via From To Call-ID CSeq Contact Auth X-Grandstream-PBX Max-Forwards User-Agent Supported Expires Allow",
                        lambda w: "z9hG4bK%d" % w.rnd.getrandbits(31), lambda w, h: "%d-%d-%d@%s" % (w.rnd.getrandbits(31), 5060, w.rnd.randrange(1, 99), h.replace(".", "B")),
                        lambda w: str(w.rnd.getrandbits(31)), more=(("X-Grandstream-PBX", "true"), ("Supported", "path"))),
    "cisco": Make("Cisco-CP8841/12.8.1", "Via From To Call-ID Max-Forwards CSeq User-Agent Contact Auth Supported Expires Allow",
                  lambda w: "z9hG4bK%s" % w.hex(8), lambda w, h: "%s-%s@%s" % (w.hex(8), w.hex(8), h), lambda w: w.hex(16), more=(("Supported", "replaces,join,norefersub"),)),
    "snom": Make("snomD717/10.1.137.16", "Via From To Call-ID CSeq Max-Forwards User-Agent Contact Supported Auth Expires",
                 lambda w: "z9hG4bK-%s" % w.word(12), lambda w, h: "%s-%s" % (w.hex(12), w.word(12)), lambda w: w.word(10), qop=False, more=(("Supported", "path, gruu"),)),
    "linphone": Make("LinphoneAndroid/5.2.4 (Pixel 7) LinphoneSDK/5.3.47", "Via From To CSeq Call-ID Max-Forwards Supported Accept Contact Expires User-Agent Auth",
                     lambda w: "z9hG4bK.%s" % w.word(9), lambda w, h: w.word(10), lambda w: w.word(9), more=(("Supported", "replaces, outbound, gruu, path"), ("Accept", "application/sdp, text/plain"))),
    "zoiper": Make("Z 5.6.4 v2.10.20.6", "Via Max-Forwards Contact To From Call-ID CSeq Expires Allow User-Agent Auth Allow-Events",
                   lambda w: "z9hG4bK-524287-1---%s" % w.hex(16), lambda w, h: base64.b64encode(w.hex(16).encode()).decode().rstrip("=") + "..", lambda w: w.hex(8)),
    "pjsip": Make("PJSUA v2.13 Linux-5.15/x86_64", "Via Max-Forwards From To Call-ID CSeq User-Agent Contact Expires Allow Auth",
                  lambda w: "z9hG4bKPj%s" % UUID(w), lambda w, h: UUID(w), UUID, qop=False),
    "ata": Make("Cisco/SPA112-1.4.1(SR5)", "Via From To Call-ID CSeq Max-Forwards Auth Contact Expires User-Agent Allow Supported",
                lambda w: "z9hG4bK-%s" % w.hex(8), lambda w, h: "%s-%s@%s" % (w.hex(8), w.hex(8), h), lambda w: w.hex(16) + "o0", keeps_nonce=False),
    "jssip": Make("JsSIP 3.10.0", "Via Max-Forwards To From Call-ID CSeq Auth Contact Expires Allow Supported User-Agent",
                  lambda w: "z9hG4bK%d" % w.rnd.randrange(10**6, 10**7), lambda w, h: w.word(22), lambda w: w.word(10), more=(("Supported", "path,gruu,outbound"),)),
    "asterisk": Make("Asterisk PBX 18.20.0", "Via From To Contact Call-ID CSeq Allow Supported Max-Forwards User-Agent Auth Expires",
                     lambda w: "z9hG4bKPj%s" % UUID(w), lambda w, h: UUID(w), UUID, more=(("Supported", "100rel, timer, replaces, norefersub, histinfo"),)),
    "short": Make("sip-client 2", "Via From To Call-ID CSeq Contact Max-Forwards User-Agent Auth Expires", lambda w: "z9hG4bK" + w.hex(10), lambda w, h: w.hex(20), lambda w: w.hex(8), short=True),
    "microsip": Make("MicroSIP/3.21.3", "Via Max-Forwards From To Call-ID CSeq User-Agent Contact Expires Allow Auth",
                     lambda w: "z9hG4bKPj%s" % w.hex(32), lambda w, h: w.hex(32), lambda w: w.hex(32)),
}
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, INFO, SUBSCRIBE, MESSAGE"


def reply(request, line, server="", tag="", more=(), body=""):
    """A response to the text of a request."""
    out = ["SIP/2.0 " + line]
    for one in request.split("\r\n\r\n")[0].split("\r\n")[1:]:
        name = one.split(":")[0].strip().lower()
        if name in ("via", "v", "from", "f", "call-id", "i", "cseq", "record-route"):
            out.append(one)
        elif name in ("to", "t"):
            out.append(one if ";tag=" in one or line.startswith("100") or not tag else one + ";tag=" + tag)
    out += ["Server: " + server] if server else []
    out += list(more) + (["Content-Type: application/sdp"] if body else []) + ["Content-Length: %d" % len(body.encode())]
    return "\r\n".join(out) + "\r\n\r\n" + body


class Server:
    """A registrar, and the way it answers."""

    def __init__(self, wire, address="198.51.100.5", port=5060, name="kamailio (5.7.4 (x86_64/linux))", realm="voice.example", nonce_life=3600, stale=True,
                 unknown="404 Not Found", wrong="401 Unauthorized", qop=True, far=.012):
        self.wire, self.address, self.port, self.name, self.realm = wire, address, port, name, realm
        self.nonce_life, self.stale, self.unknown, self.wrong, self.qop, self.far = nonce_life, stale, unknown, wrong, qop, far

    @property
    def at(self):
        return self.address, self.port

    def challenge(self, line, stale=False):
        nonce = self.wire.hex(40)
        field = "WWW-Authenticate" if line.startswith("401") else "Proxy-Authenticate"
        return nonce, '%s: Digest realm="%s", nonce="%s"%s, algorithm=MD5%s' % (field, self.realm, nonce, ', qop="auth"' if self.qop else "", ", stale=true" if stale else "")

    def answer(self, t, request, line, to, more=(), over="udp", body="", tag=None):
        text = reply(request, line, self.name, tag or md5(request)[:8], more, body)
        self.wire.send(t, self.at, to, text, over, client=False)


class Phone:
    """A client. at: (address, port) as the server sees it; local: what it writes of itself."""

    def __init__(self, wire, user, address, make="yealink", port=5060, local=None, password=None, over="udp", domain=None):
        self.wire, self.user, self.at, self.make, self.over = wire, user, (address, port), MAKES[make] if isinstance(make, str) else make, over
        self.local, self.password, self.domain = local or address, password or "secret-" + user, domain
        self.call_id = self.make.call_id(wire, self.local)
        self.cseq, self.nonce, self.since, self.nc, self.auth_user = wire.rnd.randrange(1, 900), None, 0, 0, user

    @property
    def contact(self):
        if self.over == "ws":
            return "<sip:%s@%s.invalid;transport=ws>" % (self.user, md5(self.user)[:12])
        return "<sip:%s@%s%s>" % (self.user, host_port(self.local, self.at[1]), ";transport=tcp" if self.over == "tcp" else "")

    def request(self, method, uri, to, call_id, cseq, tag, to_tag="", auth=None, expires=None, branch=None, contact=None, more=(), body="", frm=None, kind="application/sdp"):
        make, wire = self.make, self.wire
        local = "%s.invalid" % md5(self.user)[:12] if self.over == "ws" else host_port(self.local, self.at[1])
        name = frm or "sip:%s@%s" % (self.user, self.domain or "voice.example")
        fields = {"Via": "SIP/2.0/%s %s;%s" % (self.over.upper(), local, ("branch=%s;rport" if make.display else "rport;branch=%s") % (branch or make.branch(wire))),
                  "From": '%s<%s>;tag=%s' % ('"%s" ' % self.user if make.display else "", name, tag), "To": "<%s>%s" % (to, ";tag=" + to_tag if to_tag else ""),
                  "Call-ID": call_id, "CSeq": "%d %s" % (cseq, method), "Max-Forwards": "70", "User-Agent": make.agent, "Contact": contact or self.contact,
                  "Auth": auth, "Expires": expires, "Allow": ALLOW if method in ("INVITE", "REGISTER") else None, **dict(make.more)}
        out = ["%s %s SIP/2.0" % (method, uri)]
        for field in make.order:
            if field == "Auth":
                out += [auth] if auth else []
            elif fields.get(field) is not None:
                out.append("%s: %s" % (SHORT.get(field, field) if make.short else field, fields[field]))
        out += list(more)
        if body:
            out.append(("c: " if make.short else "Content-Type: ") + kind)
        out.append(("l: %d" if make.short else "Content-Length: %d") % len(body.encode()))
        return "\r\n".join(out) + "\r\n\r\n" + body

    def digest(self, server, method, uri, field="Authorization", password=None, user=None):
        self.nc += 1
        user, qop = user or self.auth_user, self.make.qop and server.qop
        ha1, ha2, cnonce = md5("%s:%s:%s" % (user, server.realm, password or self.password)), md5("%s:%s" % (method, uri)), self.wire.hex(8)
        response = md5("%s:%s:%08x:%s:auth:%s" % (ha1, self.nonce, self.nc, cnonce, ha2)) if qop else md5("%s:%s:%s" % (ha1, self.nonce, ha2))
        return '%s: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"%s, algorithm=MD5' % (
            field, user, server.realm, self.nonce, uri, response, ', cnonce="%s", qop=auth, nc=%08x' % (cnonce, self.nc) if qop else "")

    def say(self, t, server, text):
        self.wire.send(t, self.at, server.at, text, self.over)

    def register(self, t, server, outcome="200 OK", expires=3600, contact=None, password=None, fresh=None, bindings=None, user=None):
        """One registration. outcome: the answer to the credentials; None: none. fresh: forget the nonce. Returns the moments and
        requests that went out."""
        wire, sent = self.wire, 0
        user = user or self.user
        uri, tag = "sip:" + (self.domain or "voice.example"), self.make.tag(wire)
        to = "sip:%s@%s" % (user, self.domain or "voice.example")
        reuse = self.nonce is not None and self.make.keeps_nonce and self.make.qop and not fresh
        for _ in range(3):
            self.cseq += 1
            auth = self.digest(server, "REGISTER", uri, password=password, user=user if user != self.user else None) if reuse else None
            text = self.request("REGISTER", uri, to, self.call_id, self.cseq, tag, auth=auth, expires=str(expires), contact=contact)
            self.say(t, server, text)
            sent += 1
            back = t + server.far
            old = reuse and t - self.since > server.nonce_life
            if reuse and not old:
                if outcome is None:
                    return sent
                more = []
                if outcome.startswith("200") and (expires or bindings):
                    more = ["Contact: %s;expires=%d" % (one, expires or 3600) for one in (bindings or [contact or self.contact])]
                elif outcome.startswith("401"):
                    nonce, field = server.challenge(outcome)
                    self.nonce, self.nc, more = None, 0, [field]
                server.answer(back, text, outcome, self.at, more, self.over)
                if not outcome.startswith("200"):
                    self.nonce = None
                return sent
            nonce, field = server.challenge("401 Unauthorized", stale=old and server.stale)
            server.answer(back, text, "401 Unauthorized", self.at, [field], self.over)
            self.nonce, self.since, self.nc, reuse = nonce, t, 0, True
            t = back + .008 + wire.rnd.random() * .03
        return sent

    def ask(self, t, server, method="REGISTER", answer="404 Not Found", user=None, uri=None, more=()):
        """A request without credentials; no second step."""
        wire, user = self.wire, user or self.user
        domain = self.domain or server.address
        uri = uri or ("sip:" + domain if method == "REGISTER" else "sip:%s@%s" % (user, domain))
        text = self.request(method, uri, "sip:%s@%s" % (user, domain), self.make.call_id(wire, self.local), 1, self.make.tag(wire), expires="60" if method == "REGISTER" else None, more=more,
                            frm="sip:%s@%s" % (user, domain) if method == "REGISTER" else None)
        self.say(t, server, text)
        if answer:
            extra = [server.challenge(answer)[1]] if answer[:3] in ("401", "407") else []
            server.answer(t + server.far, text, answer, self.at, extra, self.over)
        return text


def sdp(address, port, codecs="8 0 101"):
    return "v=0\r\no=- 3 3 IN IP%s %s\r\ns=-\r\nc=IN IP%s %s\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n" % (
        "6" if ":" in address else "4", address, "6" if ":" in address else "4", address, port, codecs)


class Leg:
    """A dialog between a client and a server, message by message."""

    def __init__(self, wire, caller, server_at, uri, to=None, call_id=None, name="", more=(), over=None):
        self.wire, self.caller, self.there, self.uri, self.to = wire, caller, server_at, uri, to or uri
        self.call_id, self.tag, self.far_tag, self.name = call_id or caller.make.call_id(wire, caller.local), caller.make.tag(wire), wire.hex(10), name
        self.cseq, self.more, self.over = wire.rnd.randrange(1, 200), list(more), over or caller.over

    def up(self, t, line, more=(), body="", method=None):
        self.wire.send(t, self.there, self.caller.at, reply(method or self.invite, line, self.name, self.far_tag, more, body), self.over, client=False)

    def down(self, t, method, cseq=None, early=False, **more):
        text = self.caller.request(method, self.uri, self.to, self.call_id, cseq or self.cseq, self.tag, "" if early else self.far_tag, **more)
        self.wire.send(t, self.caller.at, self.there, text, self.over)
        return text

    def start(self, t, server=None, frm=None, body=None):
        """server: asks for credentials. Returns the moment of the INVITE that counts."""
        body = sdp(self.caller.local, self.wire.rnd.randrange(8000, 30000) * 2) if body is None else body
        if server:
            self.invite = self.down(t, "INVITE", early=True, more=self.more, body=body, frm=frm)
            nonce, field = server.challenge("407 Proxy Authentication Required")
            self.up(t + server.far, "407 Proxy Authentication Required", [field])
            self.down(t + server.far + .003, "ACK", branch=self.invite.split("branch=")[1].split(";")[0].split("\r")[0], frm=frm)
            self.caller.nonce, self.caller.nc, self.caller.since = nonce, 0, t
            self.cseq += 1
            t += server.far + .01
            self.invite = self.down(t, "INVITE", early=True, more=self.more, body=body, frm=frm, auth=self.caller.digest(server, "INVITE", self.uri, "Proxy-Authorization"))
        else:
            self.invite = self.down(t, "INVITE", early=True, more=self.more, body=body, frm=frm)
        self.frm = frm
        self.up(t + .006, "100 Trying")
        return t

    def ring(self, t):
        self.up(t, "180 Ringing")

    def refuse(self, t, line, more=()):
        self.up(t, line, more)
        self.down(t + .004, "ACK", frm=self.frm)

    def give_up(self, t):
        text = self.down(t, "CANCEL", early=True, frm=self.frm, branch=self.invite.split("branch=")[1].split(";")[0].split("\r")[0])
        self.up(t + .005, "200 OK", method=text)
        self.refuse(t + .01, "487 Request Terminated")

    def take(self, t):
        self.up(t, "200 OK", ["Contact: <sip:%s>" % host_port(*self.there)], sdp(self.there[0], self.wire.rnd.randrange(8000, 30000) * 2))
        self.down(t + .02, "ACK", frm=self.frm)

    def with_media(self, t, near, far):
        """Answered at once; near, far: where the two want their media."""
        self.invite, self.frm = self.down(t, "INVITE", early=True, body=sdp(*near)), None
        self.up(t + .5, "200 OK", ["Contact: <sip:%s>" % far[0]], sdp(*far))
        self.down(t + .52, "ACK")

    def far_bye(self, t, cseq, line, via="", more=(), challenge=()):
        """The called party hangs up; line: what the caller says to it."""
        name = self.frm or "sip:%s@%s" % (self.caller.user, self.caller.domain or "voice.example")
        text = "\r\n".join(["BYE %s SIP/2.0" % self.caller.contact.strip("<>"), "Via: SIP/2.0/%s %s;branch=z9hG4bK%s%s" % (self.over.upper(), host_port(*self.there), self.wire.hex(12), via),
                            "Max-Forwards: 70", "From: <%s>;tag=%s" % (self.to, self.far_tag), "To: <%s>;tag=%s" % (name, self.tag), "Call-ID: " + self.call_id,
                            "CSeq: %d BYE" % cseq, *more, "Content-Length: 0", "", ""])
        self.wire.send(t, self.there, self.caller.at, text, self.over, client=False)
        self.wire.send(t + .01, self.caller.at, self.there, reply(text, line, self.caller.make.agent, more=challenge), self.over)

    def bye(self, t, by_caller=True):
        if by_caller:
            text = self.down(t, "BYE", self.cseq + 1, frm=self.frm)
            self.up(t + .005, "200 OK", method=text)
        else:
            self.far_bye(t, 2, "200 OK")

    def draw_out(self, t, line, challenge, answer=None, cseq=1, **more):
        """The called party hangs up, and the caller asks it for its password. answer: its field with the digest; None: it gives none."""
        self.far_bye(t, cseq, line, challenge=[challenge], **more)
        if answer:
            self.far_bye(t + .1, cseq + 1, "200 OK", **{**more, "more": [*more.get("more", ()), answer]})


class Exchange(Server):
    """A B2BUA with a carrier; inside: its address towards the phones, outside: towards the carrier."""

    def __init__(self, wire, address="198.51.100.5", outside=None, carrier="203.0.113.70", cc="49", form="+", stem="+4969555", proxy=False, **more):
        super().__init__(wire, address, **more)
        self.outside, self.carrier, self.cc, self.form, self.stem, self.proxy = outside or address, (carrier, 5060), cc, form, stem, proxy
        self.self_ = Phone(wire, "pbx", self.outside, "asterisk")
        self.trunk = Phone(wire, "carrier", carrier, Make("Oracle-SBC", "Via Max-Forwards From To Call-ID CSeq Contact Allow", lambda w: "z9hG4bK%s" % w.hex(16), lambda w, h: "%s@%s" % (w.hex(20), h),
                                                          lambda w: w.hex(10)))

    def dial(self, number):
        """As people here dial an E.164 number."""
        if self.cc == "1":
            return number[1:] if number.startswith("+1") else "011" + number[1:]
        return "0" + number[1 + len(self.cc):] if number.startswith("+" + self.cc) else "00" + number[1:]

    def both(self, t, legs, ring, talk, status=None, cancel=False, by_caller=True, early=True):
        """Legs in the order from the caller on: they ring, and end, together. ring: seconds to the answer, or to what else comes."""
        begin = t + .25
        if early and status not in ("404 Not Found", "403 Forbidden", "484 Address Incomplete", "503 Service Unavailable", "486 Busy Here", "480 Temporarily Unavailable"):
            for k, leg in enumerate(reversed(legs)):
                leg.ring(begin + .004 * k)
        end = begin + ring
        if cancel:
            for k, leg in enumerate(legs):
                leg.give_up(end + .006 * k)
            return end
        if status:
            for k, leg in enumerate(reversed(legs)):
                leg.refuse(end + .005 * k, status)
            return end
        for k, leg in enumerate(reversed(legs)):
            leg.take(end + .005 * k)
        if talk is None:
            return end
        for k, leg in enumerate(legs if by_caller else list(reversed(legs))):
            leg.bye(end + talk + .006 * k, by_caller)
        return end + talk

    def out(self, t, phone, number, ring=6., talk=60., dialled=None, login=True, reach=True, shown=None, more=(), **how):
        """From a phone to the carrier. reach=False: refused here."""
        dialled = dialled or self.dial(number)
        domain = phone.domain or "voice.example"
        leg = Leg(self.wire, phone, self.at, "sip:%s@%s" % (dialled, domain), name=self.name, more=more)
        at = leg.start(t, self if login else None)
        legs = [leg]
        if reach:
            to = number if self.form == "+" else number[1:]
            shown = shown or (self.stem + phone.user)
            far = Leg(self.wire, self.self_, self.carrier, "sip:%s@%s" % (to, self.carrier[0]), name="Oracle-SBC", more=["P-Asserted-Identity: <sip:%s@%s>" % (shown, in_uri(self.outside))], over="udp")
            far.start(at + .02, frm="sip:%s@%s" % (shown, in_uri(self.outside)))
            legs.append(far)
        return self.both(at, legs, ring, talk, **how)

    def arrive(self, t, caller, phone, ring=7., talk=60., number=None, more=(), **how):
        """From the carrier to a phone (None: the exchange itself answers)."""
        number = number or self.stem + phone.user
        near = Leg(self.wire, self.trunk, (self.outside, 5060), "sip:%s@%s" % (number, in_uri(self.outside)), name=self.name, more=["P-Asserted-Identity: <sip:%s@%s>" % (caller, self.carrier[0]), *more])
        near.start(t, frm="sip:%s@%s" % (caller, self.carrier[0]))
        legs = [near]
        if phone:
            legs.append(self.to_phone(t + .02, caller, phone))
        return self.both(t, legs, ring, talk, **how)

    def to_phone(self, t, caller, phone, more=()):
        inner = Phone(self.wire, "pbx", self.address, "asterisk", port=self.port)
        leg = Leg(self.wire, inner, phone.at, "sip:%s@%s" % (phone.user, host_port(phone.local, phone.at[1])), name=phone.make.agent, over="udp", more=more)
        leg.start(t, frm="sip:%s@%s" % (caller, in_uri(self.address)))
        return leg

    def between(self, t, caller, phone, ring=5., talk=40., login=True, **how):
        leg = Leg(self.wire, caller, self.at, "sip:%s@%s" % (phone.user, caller.domain or "voice.example"), name=self.name)
        at = leg.start(t, self if login else None)
        return self.both(at, [leg, self.to_phone(at + .02, caller.user, phone)], ring, talk, **how)

    def hand_over(self, near, t, to, by, far, shown, talk, frm=None):
        """The caller of near sends its other end on to a number (to, as written in Refer-To); the exchange calls it (far)."""
        refer = near.down(t, "REFER", near.cseq + 1, more=["Refer-To: <sip:%s>" % to, "Referred-By: <sip:%s>" % by], frm=frm)
        near.up(t + .01, "202 Accepted", method=refer)
        leg = Leg(self.wire, self.self_, self.carrier, "sip:%s@%s" % (far, self.carrier[0]), name="Oracle-SBC")
        leg.start(t + .1, frm="sip:" + shown)
        leg.ring(t + 1)
        leg.take(t + 3)
        near.cseq += 1
        near.bye(t + 4)
        leg.bye(t + 3 + talk)

    def person(self, make="yealink", user="200", address="10.1.0.9", **more):
        return Phone(self.wire, user, address, make, **more)


def keep_registered(server, phone, begin, end, every=3000):
    t = begin + server.wire.rnd.random() * min(every, 900)
    while t < end:
        phone.register(t, server)
        t += every * server.wire.rnd.uniform(.9, 1.02)


def ordinary_calls(site, phones, begin, end, an_hour, friends, abroad=(), share_out=.45):
    """What people do between two moments."""
    rnd, t = site.wire.rnd, begin
    while True:
        t += rnd.expovariate(an_hour / 3600)
        if t >= end:
            return
        phone, kind, fate = rnd.choice(phones), rnd.random(), rnd.random()
        how = dict(ring=rnd.uniform(3, 20), talk=min(3000, 8 + rnd.expovariate(1 / 160)), by_caller=rnd.random() < .6)
        if fate > .88:
            how = dict(ring=rnd.uniform(9, 35), talk=0, cancel=True)
        elif fate > .8:
            how = dict(ring=.4, talk=0, status="486 Busy Here")
        elif fate > .77:
            how = dict(ring=.2, talk=0, status="404 Not Found")
        if kind < share_out:
            site.out(t, phone, rnd.choice(abroad) if abroad and rnd.random() < .15 else rnd.choice(friends), **how)
        elif kind < .85:
            site.arrive(t, rnd.choice(friends), phone, **how)
        else:
            site.between(t, phone, rnd.choice([p for p in phones if p is not phone]), **how)


def numbers_of(wire, stems, n):
    """Of twelve digits and signs, with one of these stems each."""
    return [stems[k % len(stems)] + wire.word(12 - len(stems[k % len(stems)]), "0123456789") for k in range(n)]


def alive(site, begin, hours, rate, every=1500, first=300, last=4000):
    """Its phones stay registered, people call at this rate an hour."""
    site.begin, site.friends = begin, local_friends(site.wire, site.cc)
    for phone in site.phones:
        keep_registered(site, phone, begin, begin + hours * HOUR, every)
    ordinary_calls(site, site.phones, begin + first, begin + hours * HOUR - last, rate, site.friends)
    return site


def local_friends(wire, cc="49", n=60):
    areas = {"49": ("30", "40", "69", "89"), "1": ("312", "415", "617", "212"), "44": ("20", "121", "161"), "33": ("1", "4")}[cc]
    return ["+%s%s%s" % (cc, wire.rnd.choice(areas), wire.word(7 if cc == "1" else 8, "23456789")) for _ in range(n)]
