#!/usr/bin/env python3
"""Writes the scripted toll-fraud captures of testdata/fraud: message by message, with times of hours and days that no
recording could wait for. Usage: fraud_toll.py OUTDIR [NAME...]. Deterministic."""
import gzip
import random
import struct
import sys

T0 = 1767571200  # Monday 2026-01-05 00:00:00 UTC
REG = "198.51.100.10"    # the site's registrar and border
TRUNK = "203.0.113.50"   # the carrier
OFFICE = "198.51.100.77"  # the office's NAT address
THIEF = "45.148.10.66"


class Capture:
    def __init__(self, seed=1):
        self.packets = []
        self.rnd = random.Random(seed)
        self.n = 0

    def send(self, t, src, dst, text, sport=5060, dport=5060):
        data = text.encode()
        ip = lambda a: bytes(int(x) for x in a.split("."))
        udp = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
        self.n += 1
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), self.n & 0xFFFF, 0, 64, 17, 0, ip(src), ip(dst))
        total = sum(struct.unpack("!10H", head))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        head = head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:]
        self.packets.append((t, self.n, bytes(6) + bytes(6) + b"\x08\x00" + head + udp))

    def write(self, path):
        self.packets.sort(key=lambda p: (p[0], p[1]))
        out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        for t, _, data in self.packets:
            out += struct.pack("<IIII", int(t), int(round((t % 1) * 1e6)) % 1000000, len(data), len(data)) + data
        with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
            z.write(out)

    # --- SIP ---------------------------------------------------------------------------------------------------------

    def message(self, start, via, frm, to, cid, cseq, extra="", contact=None):
        lines = [start]
        lines += ["Via: SIP/2.0/UDP %s" % v for v in via]
        lines += ["From: %s" % frm, "To: %s" % to, "Call-ID: %s" % cid, "CSeq: %s" % cseq]
        if " SIP/2.0" in start:
            lines.append("Max-Forwards: %d" % (71 - len(via)))
        if contact:
            lines.append("Contact: %s" % contact)
        lines += [e for e in extra.split("\n") if e]
        lines.append("Content-Length: 0")
        return "\r\n".join(lines) + "\r\n\r\n"

    def register(self, t, user, src, sport, agent, ok=True, expires=3600, contact=None):
        cid = "r%08x@%s" % (self.rnd.getrandbits(32), user)
        tag = "%08x" % self.rnd.getrandbits(32)
        contact = contact or "<sip:%s@%s:%d>;expires=%d" % (user, src, sport, expires)
        for step in range(2):
            via = ["%s:%d;branch=z9hG4bK%08x" % (src, sport, self.rnd.getrandbits(32))]
            frm, to = "<sip:%s@pbx.example>;tag=%s" % (user, tag), "<sip:%s@pbx.example>" % user
            extra = "User-Agent: %s\n" % agent
            nonce = "%016x" % self.rnd.getrandbits(64)
            if step:
                extra += self.credentials("Authorization", user, nonce, "REGISTER", "sip:pbx.example")
            self.send(t, src, REG, self.message("REGISTER sip:pbx.example SIP/2.0", via, frm, to, cid, "%d REGISTER" % (step + 1), extra, contact), sport)
            code = "401 Unauthorized" if step == 0 else ("200 OK" if ok else "401 Unauthorized")
            more = "" if code[0] == "2" else 'WWW-Authenticate: Digest realm="pbx.example",nonce="%016x"\n' % self.rnd.getrandbits(64)
            self.send(t + 0.01, REG, src, self.message("SIP/2.0 " + code, via, frm, to + ";tag=as", cid, "%d REGISTER" % (step + 1), more, contact if code[0] == "2" else None), 5060, sport)
            t += 0.05

    def credentials(self, header, user, nonce, method, uri):
        return '%s: Digest username="%s",realm="pbx.example",nonce="%s",uri="%s",response="%032x",algorithm=MD5\n' % (
            header, user, nonce, uri, self.rnd.getrandbits(128))

    def call(self, t, user, dialled, src, sport, agent, ring=4.0, talk=60.0, status=None, on_trunk=None, auth=True,
             callee=None, b2bua=True):
        """An outbound (or internal) call: phone -> registrar [-> trunk or phone]. status: final refusal, else answered.
        on_trunk: the number as the trunk gets it; None: the registrar refuses itself. Returns its end."""
        cid = "c%012x@%s" % (self.rnd.getrandbits(48), src)
        tag = "%08x" % self.rnd.getrandbits(32)
        frm, to = "<sip:%s@pbx.example>;tag=%s" % (user, tag), "<sip:%s@pbx.example>" % dialled
        uri = "sip:%s@pbx.example" % dialled
        contact = "<sip:%s@%s:%d>" % (user, src, sport)
        cseq = 1
        via = lambda: ["%s:%d;branch=z9hG4bK%08x" % (src, sport, self.rnd.getrandbits(32))]
        v = via()
        if auth:
            self.send(t, src, REG, self.message("INVITE %s SIP/2.0" % uri, v, frm, to, cid, "1 INVITE", "User-Agent: %s" % agent, contact), sport)
            self.send(t + 0.005, REG, src, self.message("SIP/2.0 407 Proxy Authentication Required", v, frm, to + ";tag=ch", cid, "1 INVITE",
                      'Proxy-Authenticate: Digest realm="pbx.example",nonce="%016x"' % self.rnd.getrandbits(64)), 5060, sport)
            self.send(t + 0.01, src, REG, self.message("ACK %s SIP/2.0" % uri, v, frm, to + ";tag=ch", cid, "1 ACK"), sport)
            cseq = 2
            v = via()
        extra = "User-Agent: %s\n" % agent
        if auth:
            extra += self.credentials("Proxy-Authorization", user, "%016x" % self.rnd.getrandbits(64), "INVITE", uri)
        t += 0.02
        self.send(t, src, REG, self.message("INVITE %s SIP/2.0" % uri, v, frm, to, cid, "%d INVITE" % cseq, extra, contact), sport)
        self.send(t + 0.002, REG, src, self.message("SIP/2.0 100 Trying", v, frm, to, cid, "%d INVITE" % cseq), 5060, sport)
        far = TRUNK if callee is None else callee[0]
        fport = 5060 if callee is None else callee[1]
        fcid = ("b%012x@%s" % (self.rnd.getrandbits(48), REG)) if b2bua else cid
        number = on_trunk
        legs = [(src, sport, REG, 5060, v, cid, "%d INVITE" % cseq, frm, to)]
        if number is not None:
            fv = ["%s:5060;branch=z9hG4bK%08x" % (REG, self.rnd.getrandbits(32))] + ([] if b2bua else v)
            ff = "<sip:%s@%s>;tag=%s" % ("+49301234" + user if callee is None else user, REG, tag + ("b" if b2bua else ""))
            ft = "<sip:%s@%s>" % (number, far)
            fc = "1 INVITE" if b2bua else "%d INVITE" % cseq
            self.send(t + 0.01, REG, far, self.message("INVITE sip:%s@%s SIP/2.0" % (number, far), fv, ff, ft, fcid, fc, "", "<sip:%s@%s>" % (user, REG)), 5060, fport)
            legs.append((REG, 5060, far, fport, fv, fcid, fc, ff, ft))
        rtag = ";tag=%08x" % self.rnd.getrandbits(32)

        def back(at, line, legs_back, contact=None):
            for i, (a, ap, b, bp, lv, lc, ls, lf, lt) in enumerate(reversed(legs_back)):
                self.send(at + 0.004 * i, b, a, self.message("SIP/2.0 " + line, lv, lf, lt + rtag, lc, ls, "", contact), bp, ap)

        if status is not None and number is None:
            back(t + 0.05, "%d No" % status, legs[:1])
            self.send(t + 0.06, src, REG, self.message("ACK %s SIP/2.0" % uri, v, frm, to + rtag, cid, "%d ACK" % cseq), sport)
            return t + 0.06
        if ring is not None:
            back(t + 0.3, "180 Ringing", legs)
        at = t + 0.3 + (ring or 0)
        if status is not None:
            back(at, "%d No" % status, legs)
            return at
        back(at, "200 OK", legs, "<sip:x@%s>" % far)
        for a, ap, b, bp, lv, lc, ls, lf, lt in legs:
            self.send(at + 0.02, a, b, self.message("ACK sip:x@%s SIP/2.0" % b, ["%s:%d;branch=z9hG4bK%08x" % (a, ap, self.rnd.getrandbits(32))], lf, lt + rtag, lc, ls.split()[0] + " ACK"), ap, bp)
        end = at + talk
        for i, (a, ap, b, bp, lv, lc, ls, lf, lt) in enumerate(legs):
            bv = ["%s:%d;branch=z9hG4bK%08x" % (a, ap, self.rnd.getrandbits(32))]
            bc = "%d BYE" % (int(ls.split()[0]) + 1)
            self.send(end + 0.005 * i, a, b, self.message("BYE sip:x@%s SIP/2.0" % b, bv, lf, lt + rtag, lc, bc), ap, bp)
            self.send(end + 0.02 + 0.005 * i, b, a, self.message("SIP/2.0 200 OK", bv, lf, lt + rtag, lc, bc), bp, ap)
        return end

    def inbound(self, t, caller, called, ext, phone, ring=8.0, talk=60.0, cancel=False, status=None, source=TRUNK, asserted=None):
        """Trunk -> registrar -> phone, one Call-ID through a proxy. cancel: the caller gives up after `ring`."""
        cid = "i%012x@%s" % (self.rnd.getrandbits(48), source)
        tag, rtag = "%08x" % self.rnd.getrandbits(32), ";tag=%08x" % self.rnd.getrandbits(32)
        frm, to = "<sip:%s@%s>;tag=%s" % (caller, source, tag), "<sip:%s@pbx.example>" % called
        v1 = ["%s:5060;branch=z9hG4bK%08x" % (source, self.rnd.getrandbits(32))]
        v2 = ["%s:5060;branch=z9hG4bK%08x" % (REG, self.rnd.getrandbits(32))] + v1
        extra = "P-Asserted-Identity: <sip:%s@%s>" % (asserted, source) if asserted else ""
        self.send(t, source, REG, self.message("INVITE sip:%s@pbx.example SIP/2.0" % called, v1, frm, to, cid, "1 INVITE", extra, "<sip:%s@%s>" % (caller, source)))
        if status is not None:
            self.send(t + 0.02, REG, source, self.message("SIP/2.0 %d No" % status, v1, frm, to + rtag, cid, "1 INVITE"))
            return t
        ip, port = phone
        self.send(t + 0.01, REG, ip, self.message("INVITE sip:%s@%s:%d SIP/2.0" % (ext, ip, port), v2, frm, to, cid, "1 INVITE", extra, "<sip:%s@%s>" % (caller, source)), 5060, port)
        self.send(t + 0.1, ip, REG, self.message("SIP/2.0 180 Ringing", v2, frm, to + rtag, cid, "1 INVITE"), port, 5060)
        self.send(t + 0.102, REG, source, self.message("SIP/2.0 180 Ringing", v1, frm, to + rtag, cid, "1 INVITE"))
        at = t + 0.1 + ring
        if cancel:
            for a, b, p, v in ((source, REG, 5060, v1), (REG, ip, port, v2)):
                self.send(at, a, b, self.message("CANCEL sip:%s@pbx.example SIP/2.0" % called, v[:1] if a == source else v, frm, to, cid, "1 CANCEL"), 5060, p)
                self.send(at + 0.003, b, a, self.message("SIP/2.0 200 OK", v, frm, to, cid, "1 CANCEL"), p, 5060)
            self.send(at + 0.01, ip, REG, self.message("SIP/2.0 487 Request Terminated", v2, frm, to + rtag, cid, "1 INVITE"), port, 5060)
            self.send(at + 0.012, REG, source, self.message("SIP/2.0 487 Request Terminated", v1, frm, to + rtag, cid, "1 INVITE"))
            return at
        self.send(at, ip, REG, self.message("SIP/2.0 200 OK", v2, frm, to + rtag, cid, "1 INVITE", "", "<sip:%s@%s:%d>" % (ext, ip, port)), port, 5060)
        self.send(at + 0.002, REG, source, self.message("SIP/2.0 200 OK", v1, frm, to + rtag, cid, "1 INVITE", "", "<sip:%s@%s:%d>" % (ext, ip, port)))
        end = at + talk
        bv = ["%s:5060;branch=z9hG4bK%08x" % (source, self.rnd.getrandbits(32))]
        self.send(end, source, REG, self.message("BYE sip:%s@%s SIP/2.0" % (ext, ip), bv, frm, to + rtag, cid, "2 BYE"))
        bv2 = ["%s:5060;branch=z9hG4bK%08x" % (REG, self.rnd.getrandbits(32))] + bv
        self.send(end + 0.002, REG, ip, self.message("BYE sip:%s@%s SIP/2.0" % (ext, ip), bv2, frm, to + rtag, cid, "2 BYE"), 5060, port)
        self.send(end + 0.01, ip, REG, self.message("SIP/2.0 200 OK", bv2, frm, to + rtag, cid, "2 BYE"), port, 5060)
        self.send(end + 0.012, REG, source, self.message("SIP/2.0 200 OK", bv, frm, to + rtag, cid, "2 BYE"))
        return end


AGENT = "Yealink SIP-T42S 66.85.0.5"
PHONES = {"10%d" % i: (OFFICE, 20000 + i) for i in range(1, 9)}


def office(c, days=1, calls=12):
    """A small German office on working days: calls inside, to Germany, France, Britain, and from outside."""
    for day in range(days):
        for n, (user, (ip, port)) in enumerate(sorted(PHONES.items())):
            for hour in (0, 12):
                c.register(T0 + day * 86400 + hour * 3600 + n * 7, user, ip, port, AGENT, expires=43200)
        if day % 7 > 4:
            continue
        for i in range(calls):
            t = T0 + day * 86400 + 8 * 3600 + i * (9 * 3600 / calls) + c.rnd.random() * 300
            user = c.rnd.choice(sorted(PHONES))
            ip, port = PHONES[user]
            kind = i % 6
            if kind == 0:
                other = c.rnd.choice([u for u in sorted(PHONES) if u != user])
                c.call(t, user, other, ip, port, AGENT, 5 + c.rnd.random() * 5, 30 + c.rnd.random() * 200, None, other, callee=PHONES[other])
            elif kind == 1:
                number = "33142%06d" % c.rnd.randrange(10**6)
                c.call(t, user, "00" + number, ip, port, AGENT, 6, 60 + c.rnd.random() * 300, None, "+" + number)
            elif kind in (2, 3):
                number = "%07d" % c.rnd.randrange(10**7)
                c.call(t, user, "030" + number, ip, port, AGENT, 7, 40 + c.rnd.random() * 400, None, "+4930" + number)
            elif kind == 4:
                c.inbound(t, "+4989%07d" % c.rnd.randrange(10**7), "+49301234" + user, user, PHONES[user], 5 + c.rnd.random() * 10, 100)
            else:
                c.inbound(t, "+4940%07d" % c.rnd.randrange(10**7), "+49301234" + user, user, PHONES[user], 14 + c.rnd.random() * 14, 0, True)


def irsf_night(c):
    """Office day; at 02:00 a stranger who holds 104's password calls Sierra Leone and Latvia from elsewhere."""
    office(c)
    c.register(T0 + 26 * 3600, "104", THIEF, 41000, "eyeBeam release 1003s")
    for i in range(18):
        n = "232%08d" % (76000000 + i * 13)
        c.call(T0 + 26 * 3600 + 30 + i * 60, "104", "00" + n, THIEF, 41000, "eyeBeam release 1003s", 2, 290, None, "+" + n)


def irsf_inside(c):
    """The thief sits behind the office's own address with the usual device: only what is called, when, and how speaks."""
    office(c)
    for i in range(9):
        n = "2207%06d" % (300000 + i)
        c.call(T0 + 23 * 3600 + i * 40, "106", "00" + n, OFFICE, 20006, AGENT, 2, 600, None, "+" + n)


def one_risky_call(c):
    """Near miss: one honest call to a high-risk country by day."""
    office(c)
    c.call(T0 + 11 * 3600, "102", "0021671123456", OFFICE, 20002, AGENT, 6, 420, None, "+21671123456")


FORMS = ["00", "000", "900", "9011", "011", "0", "810", "8810", "+", "9", "100", "001"]


def probe(c):
    """A stranger tries prefixes before one number; all refused but one."""
    office(c)
    for i, form in enumerate(FORMS):
        ok = form == "900"
        c.call(T0 + 3 * 3600 + i * 9, "100", form + "972592577956", THIEF, 5071, "Cisco-SIPGateway/IOS-12.x", 1 if ok else None,
               4, None if ok else 404, "+972592577956" if ok else None, auth=False)


def probe_slow(c):
    """The same at one try in two hours."""
    office(c)
    for i, form in enumerate(FORMS[:8]):
        c.call(T0 + i * 7300, "201", form + "46850109999", THIEF, 5060, "-", None, 0, 403, None, auth=False)


def two_forms(c):
    """Near miss: a person who forgets the outside line once."""
    office(c)
    c.call(T0 + 10 * 3600, "101", "9000442079460000", OFFICE, 20001, AGENT, None, 0, 404, None)
    c.call(T0 + 10 * 3600 + 20, "101", "00442079460000", OFFICE, 20001, AGENT, 5, 120, None, "+442079460000")


def wangiri(c):
    """Calls that ring once, from Mauritania; two people call back. Honest callers give up late."""
    office(c)
    users = sorted(PHONES)
    for i in range(36):
        u = users[i % 8]
        c.inbound(T0 + 13 * 3600 + i * 25, "+2224500%04d" % (1000 + i % 6), "+49301234" + u + ("" if i < 24 else "0"), u, PHONES[u], 0.5 + (i % 5) * 0.3, 0, True)
    for i, u in enumerate(("103", "105")):
        n = "2224500100%d" % i
        c.call(T0 + 14 * 3600 + i * 600, u, "00" + n, OFFICE, 20000 + int(u[-1]), AGENT, 3, 180, None, "+" + n)


def abandoned(c):
    """Near miss: many honest callers of one big company who ring long."""
    office(c)
    users = sorted(PHONES)
    for i in range(30):
        u = users[i % 8]
        c.inbound(T0 + 13 * 3600 + i * 60, "+4989550%04d" % (i % 5), "+49301234" + u, u, PHONES[u], 14 + (i % 9), 0, True)


def open_trunk(c):
    """No password asked: a stranger calls premium numbers through the border."""
    office(c)
    for i in range(7):
        n = "88213%06d" % (100000 + i)
        c.call(T0 + 4 * 3600 + i * 100, "777", "00" + n, THIEF, 5060, "sipcli/v1.8", 1, 500, None, "+" + n, auth=False)


def slow_days(c):
    """Two calls a night to a premium range on three nights, each from the same taken account; by day it works as ever."""
    for day in range(3):
        for u, (ip, port) in sorted(PHONES.items()):
            c.register(T0 + day * 86400 + 6 * 3600 + int(u), u, ip, port, AGENT, expires=86400)
        c.call(T0 + day * 86400 + 10 * 3600, "105", "0301234567", OFFICE, 20005, AGENT, 5, 300, None, "+49301234567")
        c.inbound(T0 + day * 86400 + 11 * 3600, "+4940555000", "+49301234105", "105", PHONES["105"], 8, 200)
        c.register(T0 + day * 86400 + 22 * 3600 + 40, "105", THIEF, 33000, "Linphone/3.6", expires=60)
        for i in range(2):
            n = "37190%06d" % (1000 + 100 * day + i * 17)
            c.call(T0 + day * 86400 + 22 * 3600 + 60 + i * 2000, "105", "00" + n, THIEF, 33000, "Linphone/3.6", 3, 1500, None, "+" + n)


def two_legs(c):
    """The night of irsf-night over a proxy: one Call-ID on both sides of it."""
    call = c.call
    c.call = lambda *a, **k: call(*a, **dict(k, b2bua=False))
    irsf_night(c)


def robocalls(c):
    """260 calls of some seconds each from a partner, whose callers change and share the called number's first digits."""
    office(c)
    users = sorted(PHONES)
    for i in range(260):
        u = users[(i * 3) % 8]
        c.inbound(T0 + 12 * 3600 + i * 5, "+49301%06d" % (234900 + i * 7), "+49301234" + u, u, PHONES[u], 2, 5 + i % 3)


def switchboard(c):
    """Near miss of robocalls: as many calls of people within three hours."""
    office(c)
    users = sorted(PHONES)
    for i in range(260):
        u = users[(i * 3) % 8]
        c.inbound(T0 + 10 * 3600 + i * 40, "+49%09d" % (301000000 + i * 7919), "+49301234" + u, u, PHONES[u], 4 + i % 11, 20 + (i * 53) % 300)


def spoofed(c):
    """The carrier brings calls whose caller is a number of the site."""
    office(c)
    for i in range(3):
        c.inbound(T0 + 15 * 3600 + i * 300, "+49301234106", "+4930123410%d" % (1 + i), "10%d" % (1 + i), PHONES["10%d" % (1 + i)], 5, 90)


STORIES = {f.__name__.replace("_", "-"): f for f in (irsf_night, irsf_inside, one_risky_call, probe, probe_slow, two_forms,
                                                    wangiri, abandoned, open_trunk, slow_days, two_legs,
                                                    robocalls, switchboard, spoofed)}
STORIES["office-day"] = office

if __name__ == "__main__":
    out = sys.argv[1]
    for name in sys.argv[2:] or sorted(STORIES):
        capture = Capture()
        STORIES[name](capture)
        capture.write("%s/%s.pcap.gz" % (out, name))
