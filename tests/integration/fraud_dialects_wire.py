"""Taps, servers, handsets and programs of other makes than fraud_wire.py has: VLANs, fragments, cut and one-sided captures, other digests
and answers, other orders of fields."""
import hashlib
import struct

from fraud_wire import DAY, HOUR, MONDAY, UUID, Exchange, Make, Phone, Wire, alive, host_port, in_uri, md5

SHORT = {"via": "v", "from": "f", "to": "t", "call-id": "i", "contact": "m", "supported": "k", "content-type": "c", "content-length": "l", "subject": "s", "refer-to": "r", "allow-events": "u"}


# --- how a message is written ----------------------------------------------------------------------------------------

def each_field(change):
    def mangle(text, rnd):
        head, _, body = text.partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        return "\r\n".join([first, *change(rest, rnd)]) + "\r\n\r\n" + body
    return mangle


def split(line):
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def shuffle(lines, rnd):
    # An order of this program's own; the Vias stay in theirs.
    names = sorted({split(line)[0].lower() for line in lines}, key=lambda name: md5(name + "salt"))
    return sorted(lines, key=lambda line: names.index(split(line)[0].lower()))


compact = each_field(lambda lines, rnd: ["%s: %s" % (SHORT.get(split(line)[0].lower(), split(line)[0]), split(line)[1]) for line in lines])
lower = each_field(lambda lines, rnd: ["%s:%s" % (split(line)[0].lower(), split(line)[1]) for line in lines])
shuffled = each_field(shuffle)
folded = each_field(lambda lines, rnd: [line.replace(", ", ",\r\n ") if line.startswith(("Allow:", "Authorization:", "WWW-Auth", "Proxy-Auth")) else line for line in lines])
routed = each_field(lambda lines, rnd: [lines[0], "Record-Route: <sip:198.51.100.254;lr;ftag=%08x>" % rnd.getrandbits(32), *lines[1:]])


class Tap(Wire):
    """vlan: tags; mtu: larger datagrams come in fragments; snap: bytes kept of a frame; keep(src, dst, data): what this tap sees."""

    def __init__(self, seed, hep=False, vlan=(), mtu=0, snap=0, keep=None, mangle=None, twice=False):
        super().__init__(seed, hep)
        self.vlan, self.mtu, self.snap, self.keep, self.mangle, self.twice = vlan, mtu, snap, keep, mangle, twice

    def send(self, t, src, dst, text, over="udp", client=True):
        if isinstance(text, str) and over != "raw":
            if text.startswith("SIP/2.0 ") and not client:
                text = text.replace(";rport", ";received=%s;rport=%d" % (dst[0], dst[1]), 1)
            if self.mangle:
                text = self.mangle(text, self.rnd)
        super().send(t, src, dst, text, over, client)

    def packets(self, first=0, last=1e18):
        if self.keep:
            self.said = [one for one in self.said if self.keep(one[2], one[3], one[4])]
        for t, frame in super().packets(first, last):
            for k, part in enumerate(self.fragments(frame)):
                for copy in range(2 if self.twice else 1):
                    yield t + k * .0001 + copy * .0003, self.tagged(part)

    def tagged(self, frame):
        tags = b"".join(struct.pack("!HH", 0x88A8 if k + 1 < len(self.vlan) else 0x8100, tag) for k, tag in enumerate(self.vlan))
        return frame[:12] + tags + frame[12:]

    def fragments(self, frame):
        if not self.mtu or len(frame) <= self.mtu + 14 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
            return [frame]
        head, body, out = frame[14:34], frame[34:], []
        step = (self.mtu - 20) // 8 * 8
        for at in range(0, len(body), step):
            part = body[at:at + step]
            more = 0x2000 if at + step < len(body) else 0
            out.append(frame[:14] + head[:2] + struct.pack("!HHH", 20 + len(part), struct.unpack("!H", head[4:6])[0], more | at // 8) + head[8:10] + b"\0\0" + head[12:] + part)
        return out

    def write(self, path, first=0, last=1e18):
        with open(path, "wb") as out:
            out.write(struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
            for t, data in self.packets(first, last):
                kept = data[:self.snap] if self.snap else data
                out.write(struct.pack(">IIII", int(t), int(t * 1e6) % 1000000 * 1000, len(kept), len(data)) + kept)


# --- servers and phones ----------------------------------------------------------------------------------------------

class Pbx(Exchange):
    """login: the line that asks for credentials of a REGISTER. digest: md5, sha256, both, rfc2069 (no qop). same: unknown users are asked too."""

    def __init__(self, w, address, login="401 Unauthorized", digest="md5", layout="asterisk", **more):
        super().__init__(w, address, **more)
        self.login, self.kind, self.layout = login, digest, layout
        self.qop = digest != "rfc2069"

    def challenge(self, line, stale=False):
        w = self.wire
        field = "WWW-Authenticate" if line.startswith("401") else "Proxy-Authenticate"
        nonce = {"asterisk": "%d/%s" % (w.rnd.randrange(16 * 10**8, 17 * 10**8), w.hex(32)), "freeswitch": UUID(w), "threecx": "414d535c%s:%s" % (w.hex(8), w.hex(32))}.get(self.layout, w.hex(32))
        one = lambda algorithm: "%s: Digest " % field + (
            'realm="%s",nonce="%s",opaque="%s"%s,algorithm=%s%s' % (self.realm, nonce, w.hex(16), ",stale=true" if stale else "", algorithm, ',qop="auth"' if self.qop else "") if self.layout == "asterisk" else
            'nonce="%s", %salgorithm=%s, realm="%s"%s' % (nonce, "stale=TRUE, " if stale else "", algorithm, self.realm, ', qop="auth,auth-int"' if self.qop else ""))
        return nonce, {"sha256": one("SHA-256"), "both": one("SHA-256") + "\r\n" + one("MD5")}.get(self.kind, one("MD5"))


def answer_to(server, method, uri, user, word, nonce, rnd_hex, nc=1, layout="plain"):
    """The value of an Authorization field."""
    sha = server.kind == "sha256" if hasattr(server, "kind") else False
    h = (lambda text: hashlib.sha256(text.encode()).hexdigest()) if sha else md5
    ha1, ha2, cnonce = h("%s:%s:%s" % (user, server.realm, word)), h("%s:%s" % (method, uri)), rnd_hex
    response = h("%s:%s:%08x:%s:auth:%s" % (ha1, nonce, nc, cnonce, ha2)) if server.qop else h("%s:%s:%s" % (ha1, nonce, ha2))
    parts = ['username="%s"' % user, 'realm="%s"' % server.realm, 'nonce="%s"' % nonce, 'uri="%s"' % uri, 'response="%s"' % response, "algorithm=%s" % ("SHA-256" if sha else "MD5")]
    if server.qop:
        parts += ['cnonce="%s"' % cnonce, "qop=auth", "nc=%08x" % nc]
    if layout == "turned":
        parts = parts[4:] + parts[:4]
    return "Digest " + (", " if layout == "plain" else ",").join(parts)


class Handset(Phone):
    """Answers what Pbx asks."""

    def digest(self, server, method, uri, field="Authorization", password=None, user=None):
        self.nc += 1
        field = "Proxy-Authorization" if method == "REGISTER" and getattr(server, "login", "401")[:3] == "407" else field
        return "%s: %s" % (field, answer_to(server, method, uri, user or self.auth_user, password or self.password, self.nonce, self.wire.hex(16), self.nc, "turned" if self.make.short else "plain"))

    def register(self, t, server, outcome="200 OK", expires=3600, contact=None, password=None, fresh=None, bindings=None, user=None):
        wire, user, domain = self.wire, user or self.user, self.domain or "voice.example"
        uri, tag, to = "sip:" + domain, self.make.tag(wire), "sip:%s@%s" % (user, domain)
        for step in range(2):
            reuse = self.nonce is not None and not fresh
            if step == 0 and not (reuse and self.make.keeps_nonce and t - self.since < server.nonce_life):
                self.nonce = None
            self.cseq += 1
            auth = self.digest(server, "REGISTER", uri, password=password, user=user) if self.nonce else None
            text = self.request("REGISTER", uri, to, self.call_id, self.cseq, tag, auth=auth, expires=str(expires), contact=contact)
            self.say(t, server, text)
            if self.nonce:
                more = ["Contact: %s;expires=%d" % (one, expires or 3600) for one in (bindings or [contact or self.contact])] if outcome and outcome.startswith("200") and (expires or bindings) else []
                if outcome and outcome[:3] in ("401", "407"):
                    more = [server.challenge(outcome)[1]]
                if outcome:
                    server.answer(t + server.far, text, outcome, self.at, more, self.over)
                if outcome is None or not outcome.startswith("200"):
                    self.nonce = None
                return
            nonce, field = server.challenge(getattr(server, "login", "401 Unauthorized"))
            server.answer(t + server.far, text, getattr(server, "login", "401 Unauthorized"), self.at, [field], self.over)
            self.nonce, self.since, self.nc, fresh = nonce, t, 0, False
            t += server.far + .03


SETS = {
    "poly": Make("PolycomVVX-VVX_411-UA/5.9.5.0614", "Via From To CSeq Call-ID Contact User-Agent Supported Allow Auth Max-Forwards Expires", lambda w: "z9hG4bK%s" % w.hex(16), lambda w, h: w.hex(32), lambda w: w.hex(8) + "-" + w.hex(8)),
    "mitel": Make("Mitel-6867i/5.1.0.1024 D1/00085D123456", "Via Max-Forwards From To Call-ID CSeq Auth Contact Expires Allow Allow-Events Supported User-Agent", lambda w: "z9hG4bK%s" % w.hex(24),
                  lambda w, h: w.hex(16), lambda w: w.hex(10), keeps_nonce=False),
    "gigaset": Make("Gigaset N510 IP PRO/42.250.00.000.000", "Via From To Call-ID CSeq Contact Max-Forwards User-Agent Expires Allow Auth", lambda w: "z9hG4bK" + w.hex(32), lambda w, h: "%d@%s" % (w.rnd.getrandbits(31), h.replace(".", "_")), lambda w: str(w.rnd.getrandbits(32)), qop=False),
    "fritz": Make("AVM FRITZ!Box 7590 154.07.57", "Via From To Call-ID CSeq Contact Auth Expires User-Agent Max-Forwards Supported Allow", lambda w: "z9hG4bK%s" % w.hex(16).upper(), lambda w, h: "%s@%s" % (w.hex(16).upper(), h), lambda w: w.hex(16).upper()),
    "bria": Make("Bria release 6.5.1 stamp 109876", "Via Max-Forwards Contact To From Call-ID CSeq Expires Allow Supported User-Agent Auth Allow-Events", lambda w: "z9hG4bK-524287-1---%s" % w.hex(16), lambda w, h: "%s" % w.hex(30), lambda w: w.hex(8)),
    "threecx": Make("3CX Phone 6.0.26523.0", "Via Max-Forwards Contact To From Call-ID CSeq Expires Allow Auth Supported User-Agent", lambda w: "z9hG4bK-d8754z-%s-1---d8754z-" % w.hex(16), lambda w, h: w.word(40), lambda w: w.hex(8), short=True),
    "freeswitch": Make("FreeSWITCH-mod_sofia/1.10.10-release", "Via Max-Forwards From To Call-ID CSeq Contact Expires User-Agent Allow Supported Auth", lambda w: "z9hG4bK%s" % w.word(13).upper(), lambda w, h: UUID(w), lambda w: w.word(13).upper()),
    "audiocodes": Make("Mediant VE SBC/v.7.40A.250.440", "Via Max-Forwards From To Call-ID CSeq Contact Supported Allow User-Agent Auth Expires", lambda w: "z9hG4bKac%d" % w.rnd.getrandbits(31), lambda w, h: "%d%d@%s" % (w.rnd.getrandbits(31), w.rnd.getrandbits(20), h), lambda w: "1c%d" % w.rnd.getrandbits(31)),
    "sipjs": Make("SIP.js/0.21.2", "Via To From CSeq Call-ID Max-Forwards Contact Allow Supported User-Agent Auth Expires", lambda w: "z9hG4bK%d" % w.rnd.randrange(10**6, 10**7), lambda w, h: w.word(20), lambda w: w.word(10)),
    "baresip": Make("baresip v3.8.1 (x86_64/Linux)", "Via Contact Max-Forwards To From Call-ID CSeq User-Agent Supported Auth Expires Allow", lambda w: "z9hG4bK%s" % w.hex(16), lambda w, h: w.hex(16), lambda w: w.hex(16)),
}


# --- programs --------------------------------------------------------------------------------------------------------

class Bot:
    """A program that asks and guesses. form: which one; agent: the name it gives, None for none; ports: one, or each request another;
    call_id: fixed for all; via: what it writes of itself."""

    def __init__(self, w, source, form="script", agent=None, port=5060, rotates=False, call_id=None, over="udp", tag=None, via=None):
        self.w, self.source, self.form, self.agent, self.port, self.rotates = w, source, form, agent, port, rotates
        self.fixed, self.over, self.tag, self.via, self.cseq, self.nonce, self.nc, self.n = call_id, over, tag, via, 0, None, 0, 0

    def fields(self, method, uri, user, host, call_id, cseq, auth):
        w, me = self.w, host_port(self.via or self.source, self.port)
        own, tag = in_uri(self.via or self.source), self.tag or w.hex(8)
        agent = ["User-Agent: " + self.agent] if self.agent else []
        proto = self.over.upper()
        if self.form == "sipsak":
            return ["Via: SIP/2.0/%s %s;branch=z9hG4bK.%s;rport;alias" % (proto, me, w.hex(8)), "From: sip:%s@%s;tag=%s" % (user, host, tag), "To: sip:%s@%s" % (user, host), "Call-ID: %d@%s" % (int(md5(call_id)[:7], 16), own),
                    "CSeq: %d %s" % (cseq, method), "Contact: sip:%s@%s" % (user, me), *auth, "Content-Length: 0", "Max-Forwards: 70", *agent]
        if self.form == "metasploit":
            return ["Via: SIP/2.0/%s %s;branch=z9hG4bK.%s;rport;alias" % (proto, me, w.word(8)), "From: sip:%s@%s;tag=%s" % (w.word(8), me, tag), "To: sip:%s@%s" % (user, host), "Call-ID: %s@%s" % (call_id, own),
                    "CSeq: %d %s" % (cseq, method), "Contact: sip:%s@%s" % (w.word(8), me), *auth, "Content-Length: 0", "Max-Forwards: 20", *agent, "Accept: text/plain"]
        if self.form == "vicious":
            who = '"%s"<sip:%s@%s>' % (user, user, host)
            return ["Via: SIP/2.0/UDP 127.0.1.1:%d;branch=z9hG4bK-%d;rport" % (self.port, w.rnd.getrandbits(32)), "Max-Forwards: 70", "To: " + who, "From: %s;tag=%s" % (who, (user + "\x01" + str(w.rnd.getrandbits(31))).encode().hex()),
                    *agent, "Call-ID: %d" % int(md5(call_id)[:16], 16), "Contact: sip:123@1.1.1.1", "CSeq: %d %s" % (cseq, method), "Accept: application/sdp", "Content-Length: 0", *auth]
        if self.form == "pts":
            return ["Via: SIP/2.0/UDP %s;branch=%s;rport" % (me, w.word(71)), "From:  <sip:%s@%s>;tag=%s" % (user, host, tag), "To:  <sip:%s@%s>" % (user, host), "Contact: <sip:%s@%s;transport=UDP>;expires=120" % (user, me),
                    "Call-ID: " + md5(call_id), "CSeq: %d %s" % (cseq, method), "Max-Forwards: 70", "Allow: INVITE, REGISTER, ACK, CANCEL, BYE, NOTIFY, OPTIONS", *agent, *auth, "Content-Length: 0"]
        if self.form == "sipp":
            self.n += 1
            return ["Via: SIP/2.0/%s %s;branch=z9hG4bK-4711-%d-0" % (proto, me, self.n), "From: %s <sip:%s@%s>;tag=4711SIPpTag00%d" % (user, user, me, self.n), "To: <sip:%s@%s>" % (user, host), "Call-ID: %s" % (self.fixed or "%d-4711@%s" % (int(md5(call_id)[:6], 16), own)),
                    "CSeq: %d %s" % (cseq, method), "Contact: sip:%s@%s" % (user, me), "Max-Forwards: 70", *auth, *agent, "Content-Length: 0"]
        if self.form == "compact":
            return ["v: SIP/2.0/%s %s;rport;branch=z9hG4bK%s" % (proto, me, w.hex(12)), "f: <sip:%s@%s>;tag=%s" % (user, host, tag), "t: <sip:%s@%s>" % (user, host), "i: " + call_id, "CSeq: %d %s" % (cseq, method), "m: <sip:%s@%s>" % (user, me), *auth, *agent,
                    "Max-Forwards: 70", "l: 0"]
        return ["Via: SIP/2.0/%s %s;branch=z9hG4bK%d" % (proto, me, w.rnd.getrandbits(40)), "From: <sip:%s@%s>;tag=%s" % (user, host, tag), "To: <sip:%s@%s>" % (user, host), "Call-ID: " + call_id, "CSeq: %d %s" % (cseq, method), *auth,
                "Contact: <sip:%s@%s>" % (user, me), *agent, "Max-Forwards: 70", "Content-Length: 0"]

    def ask(self, t, server, method="REGISTER", user="100", answer=None, auth=None, call_id=None, cseq=1, uri=None, more=(), source=None):
        if self.rotates and cseq == 1:
            self.port = self.w.rnd.randrange(1024, 65000)
        host = in_uri(server.address)
        uri = uri or ("sip:" + host if method == "REGISTER" else "sip:%s@%s" % (user, host))
        lines = self.fields(method, uri, user, host, call_id or self.fixed or self.w.hex(20), cseq, [auth] if auth else [])
        text = "\r\n".join(["%s %s SIP/2.0" % (method, uri), *lines]) + "\r\n\r\n"
        at = (self.source, self.port)
        self.w.send(t, at, server.at, text, self.over)
        if answer:
            extra = [server.challenge(answer)[1]] if answer[:3] in ("401", "407") else []
            server.answer(t + server.far, text, answer, at, [*extra, *more], self.over)
            if answer[0] != "1" and method == "INVITE":
                ack = text.replace("INVITE ", "ACK ", 1).replace(" INVITE", " ACK")
                self.w.send(t + server.far + .002, at, server.at, ack, self.over)
        return text

    def guess(self, t, server, user, word, outcome=None, method="REGISTER", uri=None, keep=False):
        """One guess; keep: with the nonce of before, so that nobody asks first. outcome: what the server says, else its word for wrong."""
        call_id, cseq = self.fixed or self.w.hex(20), 1
        line = server.login if method == "REGISTER" else "407 Proxy Authentication Required"
        target = uri or ("sip:" + in_uri(server.address) if method == "REGISTER" else "sip:%s@%s" % (user, in_uri(server.address)))
        if self.fixed:
            self.cseq += 1
            cseq = self.cseq
        if not keep or not self.nonce:
            text = self.ask(t, server, method, user, call_id=call_id, cseq=cseq, uri=target)
            self.nonce, field = server.challenge(line)
            self.nc = 0
            server.answer(t + server.far, text, line, (self.source, self.port), [field], self.over)
            if method == "INVITE":
                self.w.send(t + server.far + .002, (self.source, self.port), server.at, text.replace("INVITE ", "ACK ", 1).replace(" INVITE", " ACK"), self.over)
            t, cseq = t + server.far + .01, max(cseq, 1) + 1
            if self.fixed:
                self.cseq += 1
        self.nc += 1
        name = "Authorization" if line.startswith("401") else "Proxy-Authorization"
        auth = "%s: %s" % (name, answer_to(server, method, target, user, word, self.nonce, self.w.hex(8), self.nc, "tight" if self.form == "vicious" else "plain"))
        outcome = server.wrong if outcome is None else outcome
        text = self.ask(t, server, method, user, auth=auth, call_id=call_id, cseq=cseq, uri=target, answer=outcome if outcome[:3] not in ("401", "407", "200") else None)
        if outcome[:3] in ("401", "407"):
            fresh, field = server.challenge(outcome, stale="stale" in outcome)
            server.answer(t + server.far, text, outcome.replace(" stale", ""), (self.source, self.port), [field], self.over)
            self.nonce, self.nc = (fresh, 0) if "stale" in outcome or not keep else (self.nonce, self.nc)
        elif outcome[:3] == "200":
            server.answer(t + server.far, text, outcome, (self.source, self.port), ["Contact: <sip:%s@%s>;expires=3600" % (user, host_port(self.source, self.port))] if method == "REGISTER" else [], self.over)
        return text


# --- sites -----------------------------------------------------------------------------------------------------------

def clinic(w, begin=MONDAY + 3 * DAY + 7 * HOUR, hours=9, phones=14, rate=6, cc="1", stem="+1617555", address="203.0.113.10", inside="10.40.0.5", mixed=True, **more):
    """Asterisk in an American house: phones over TCP and UDP, some at home."""
    site = Pbx(w, inside, outside=address, cc=cc, form="", stem=stem, name=more.pop("name", "Asterisk PBX 20.5.0"), realm=more.pop("realm", "asterisk"), carrier=more.pop("carrier", "192.0.2.70"), **more)
    site.phones = [Handset(w, str(2201 + k), "10.40.3.%d" % (10 + k), SETS[("poly", "mitel", "gigaset", "audiocodes")[k % 4]], over="tcp" if mixed and k % 3 == 0 else "udp", port=5060 if k % 3 else 40000 + k) for k in range(phones)]
    site.phones += [Handset(w, str(2241 + k), "73.%d.8.%d" % (40 + k, 9 + k), SETS[("bria", "baresip")[k % 2]], port=31000 + k, local="192.168.0.%d" % (20 + k)) for k in range(4)]
    return alive(site, begin, hours, rate, every=1700, first=400, last=3900)


def provider(w, begin=MONDAY + 3 * DAY + 6 * HOUR, hours=9, phones=18, rate=8, cc="44", stem="+441614960", address="192.0.2.40", login="401 Unauthorized", over="udp", **more):
    """A server in the net with customers at home, each behind a router."""
    site = Pbx(w, address, login=login, cc=cc, stem=stem, name=more.pop("name", "FreeSWITCH-mod_sofia/1.10.10-release~64bit"), layout=more.pop("layout", "freeswitch"), realm=more.pop("realm", "pbx.example.net"),
               carrier=more.pop("carrier", "203.0.113.90"), **more)
    site.phones = []
    for k in range(phones):
        at = "2a02:c7f:%x:%x::%x" % (16 + k // 2, k, 100 + k) if ":" in address else "86.%d.21.%d" % (10 + k // 2, 7 + k // 2)
        site.phones.append(Handset(w, "%d" % (441610 + k), at, SETS[("fritz", "poly", "bria", "threecx", "gigaset")[k % 5] if over != "ws" else "sipjs"], port=5060 + 3 * k, local=at if ":" in at else "192.168.2.%d" % (20 + k), over=over))
    return alive(site, begin, hours, rate, every=1700, first=400, last=3900)
