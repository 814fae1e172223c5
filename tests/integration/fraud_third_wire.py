"""Sites of a third kind: a proxy with a switch behind it (one Call-ID on both sides), a cluster that asks nobody for a password; programs that
write as hydra, mr.sip and sipp's own scenarios do; taps that lose packets or see one direction."""
import random

from fraud_dialects_wire import SETS, Bot, Handset, Pbx, Tap
from fraud_wire import DAY, HOUR, MONDAY, Exchange, Make, host_port, keep_registered, local_friends, md5

MORE = {
    "sep": Make("Cisco-CP7965G/9.4.2", "Via From To Call-ID Max-Forwards CSeq User-Agent Contact Auth Supported Expires Allow", lambda w: "z9hG4bK%s" % w.hex(8), lambda w, h: "%s-%s-%s-%s@%s" % (w.hex(8), w.hex(8), w.hex(8), w.hex(8), h),
                lambda w: w.hex(20), more=(("Supported", "replaces,join,sdp-anat,norefersub,extended-refer,X-cisco-callinfo,X-cisco-serviceuri"),)),
    "chan_sip": Make("FPBX-14.0.5(13.19.1)", "Via Max-Forwards From To Contact Call-ID CSeq User-Agent Auth Expires Allow Supported", lambda w: "z9hG4bK%s" % w.hex(8), lambda w, h: "%s@%s:5060" % (w.hex(32), h), lambda w: "as" + w.hex(8), display=True),
    "obi": Make("OBIHAI/OBi202-3.2.2.5921", "Call-ID Via Contact CSeq From Max-Forwards Supported To User-Agent Allow Auth Expires", lambda w: "z9hG4bK-%s;rport" % w.hex(8), lambda w, h: "%s@%s" % (w.hex(8), h), lambda w: "SP1" + w.hex(16), keeps_nonce=False),
    "panasonic": Make("Panasonic_KX-HDV230/08.101 (080023abcdef)", "Via Max-Forwards To From Call-ID CSeq User-Agent Contact Allow Auth Expires", lambda w: "z9hG4bK%s" % w.word(20), lambda w, h: "%s@%s" % (w.word(30), h), lambda w: w.hex(12)),
    "avaya": Make("Avaya one-X Deskphone", "From To CSeq Call-ID Contact Record-Session Allow User-Agent Max-Forwards Via Supported Auth Expires", lambda w: "z9hG4bK%s_%s_I" % (w.hex(2), w.hex(18)), lambda w, h: "%s_%s@%s" % (w.hex(2), w.hex(20), h), lambda w: w.hex(14)),
    "groundwire": Make("Acrobits Groundwire/6.0.1", "Via Max-Forwards To From Call-ID CSeq Contact Expires Supported Auth User-Agent Allow", lambda w: "z9hG4bK" + w.word(22), lambda w, h: w.word(24), lambda w: w.word(12)),
    "ribbon": Make("SBC", "Via From To Call-ID CSeq Max-Forwards Allow Contact Accept Auth", lambda w: "z9hG4bK%02dB%s" % (w.rnd.randrange(99), w.hex(16)), lambda w, h: "%d_%d@%s" % (w.rnd.getrandbits(30), w.rnd.getrandbits(27), h), lambda w: "gK%s" % w.hex(8)),
}
SETS.update(MORE)


class Lossy(Tap):
    """share: of packets that the tap loses; to: only what goes to these addresses."""

    def __init__(self, seed, share=0., to=(), **more):
        super().__init__(seed, **more)
        self.share, self.to = share, set(to)

    def packets(self, first=0, last=1e18):
        rnd, share, self.share = random.Random(5), self.share, 0
        self.said = [one for one in self.said if (not self.to or one[3][0] in self.to) and (not share or one[5] in ("tcp", "ws") or rnd.random() > share)]
        return super().packets(first, last)


def relayed(w, site, inner, core, seen="both"):
    """What is said between anybody and the site is passed on, in the same dialog, to a switch behind: inner is the proxy's address there."""
    send = w.send

    def token(text):
        return "z9hG4bK" + md5(text.split("branch=")[1].split(";")[0].split("\r")[0])[:4] + "." + md5(text.split("branch=")[1].split(";")[0].split("\r")[0])[4:20] + ".0"

    def passed(t, src, dst, text, over="udp", client=True):
        if not isinstance(text, str) or over == "raw" or site.at not in (src, dst) or core in (src, dst):
            return send(t, src, dst, text, over, client)
        up = dst == site.at
        if seen in ("both", "wan"):
            send(t, src, dst, text, over, client)
        if text.startswith("SIP/2.0 100"):
            return
        if seen in ("both", "core"):
            other = src if up else dst
            at = text.index("Via:") if "Via:" in text else text.index("v:")
            asks = not text.startswith("SIP/2.0 ")
            via = "Via: SIP/2.0/UDP %s;branch=%s\r\n" % (host_port(*inner), token(text))
            if up == asks:  # the proxy's own Via stands on top
                changed = text[:at] + via + text[at:].replace(";rport", ";received=%s;rport=%d" % other, 1)
            else:
                changed = text
            if asks and up and ("INVITE sip" in text):
                changed = changed.replace("\r\nVia:", "\r\nRecord-Route: <sip:%s;lr;did=%s>\r\nVia:" % (inner[0], md5(text)[:6]), 1)
            send(t + (.001 if up else -.001), inner if up else core, core if up else inner, changed.replace("Max-Forwards: 70", "Max-Forwards: 69") if up and asks else changed, "udp", up)
    w.send = passed
    return core


def proxied(w, begin=MONDAY + 7 * DAY + 6 * HOUR, hours=9, phones=18, rate=8, seen="both", cc="49", stem="+4922155", address="195.20.30.4", switch=("10.50.0.9", 5060), **more):
    """Kamailio in front of an Asterisk; customers at home behind routers. Calls out leave from the switch by lines that nobody sees."""
    site = Pbx(w, address, cc=cc, stem=stem, name=more.pop("name", "kamailio (5.6.4 (x86_64/linux))"), layout="plain", realm=more.pop("realm", "sip.town.example"), **more)
    relayed(w, site, ("10.50.0.2", 5060), switch, seen)
    site.phones = [Handset(w, "7%03d" % (10 + k), "89.%d.60.%d" % (12 + k // 2, 5 + k // 2), SETS[("fritz", "obi", "panasonic", "chan_sip", "groundwire")[k % 5]], port=5060 + 11 * k, local="192.168.178.%d" % (20 + k))
                   for k in range(phones)]
    site.begin, site.friends = begin, local_friends(w, cc)
    for phone in site.phones:
        keep_registered(site, phone, begin, begin + hours * HOUR, 1700)
    rnd, t = w.rnd, begin + 400
    while t < begin + hours * HOUR - 3000:
        t += rnd.expovariate(rate / 3600)
        site.out(t, rnd.choice(site.phones), rnd.choice(site.friends), reach=False, ring=rnd.uniform(3, 18), talk=rnd.uniform(10, 400), by_caller=rnd.random() < .6)
    return site


class Cluster(Exchange):
    """Nobody is asked for a password; phones are known by their names; a gateway to the carrier."""

    def register(self, t, phone, expires=120, line="200 OK", call_id=None):
        phone.cseq += 1
        text = phone.request("REGISTER", "sip:%s" % self.address, "sip:%s@%s" % (phone.user, self.address), call_id or phone.call_id, phone.cseq, phone.make.tag(self.wire), expires=str(expires), frm="sip:%s@%s" % (phone.user, self.address),
                             contact='<sip:%s@%s;transport=%s>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-%s>";+u.sip!devicename.ccm.cisco.com="SEP%s";+u.sip!model.ccm.cisco.com="437"' % (
                                 md5(phone.user)[:8], host_port(*phone.at), phone.over, md5(phone.user)[:12], md5(phone.user)[:12].upper()))
        phone.say(t, self, text)
        if line:
            self.answer(t + self.far, text, line, phone.at, ["Expires: %d" % expires, "Contact: " + phone.contact] if line[0] == "2" else [], phone.over)


def cluster(w, begin=MONDAY + 8 * DAY + 6 * HOUR, hours=9, phones=20, rate=14, cc="1", stem="+1503555", **more):
    site = Cluster(w, "10.60.0.10", outside="10.60.0.2", carrier="198.18.4.4", cc=cc, form="", stem=stem, name="Cisco-CUCM12.5", **more)
    site.phones = [Handset(w, str(5001 + k), "10.60.%d.%d" % (1 + k % 3, 20 + k), SETS["sep"], port=49000 + 17 * k, over="tcp", domain="10.60.0.10") for k in range(phones)]
    site.begin, site.friends = begin, local_friends(w, cc)
    for phone in site.phones:
        t = begin + w.rnd.random() * 100
        while t < begin + hours * HOUR:
            site.register(t, phone)
            t += 112
    rnd, t = w.rnd, begin + 400
    while t < begin + hours * HOUR - 3000:
        t += rnd.expovariate(rate / 3600)
        phone, how = rnd.choice(site.phones), dict(ring=rnd.uniform(2, 18), talk=rnd.uniform(10, 500), by_caller=rnd.random() < .6)
        if rnd.random() < .5:
            site.out(t, phone, rnd.choice(site.friends), login=False, **how)
        elif rnd.random() < .5:
            site.arrive(t, rnd.choice(site.friends), phone, **how)
        else:
            site.between(t, phone, rnd.choice([p for p in site.phones if p is not phone]), login=False, **how)
    return site


class Hydra(Bot):
    """THC-hydra's sip module: one Call-ID form, CSeq 1 and 2, no Contact parameters."""

    def fields(self, method, uri, user, host, call_id, cseq, auth):
        me = host_port(self.source, self.port)
        return ["Via: SIP/2.0/UDP %s" % me, "From: <sip:%s@%s>" % (user, host), "To: <sip:%s@%s>" % (user, host), "Call-ID: 1337@" + self.source, "CSeq: %d %s" % (cseq, method), *auth, "Content-Length: 0"]


class MrSip(Bot):
    """mr.sip: names and agents of lists, an address of its choice in Via."""

    def fields(self, method, uri, user, host, call_id, cseq, auth):
        w = self.w
        me = host_port(self.via or self.source, self.port)
        return ["Via: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport" % (me, w.word(10)), "From: <sip:%s@%s>;tag=%s" % (w.rnd.choice(("adams", "brown", "clark", "davis", "evans", "green")), host, w.word(10)), "To: <sip:%s@%s>" % (user, host),
                "Call-ID: %s@%s" % (w.word(16), self.via or self.source), "CSeq: %d %s" % (cseq, method), "Max-Forwards: 70", "User-Agent: " + (self.agent or w.rnd.choice(("Cisco-CP7940G/8.0", "Yealink SIP-T20P", "Zoiper r27147"))),
                "Contact: <sip:%s>" % me, *auth, "Content-Length: 0"]


class Sipp(Bot):
    """sipp's own scenario: Subject, sipp@ and service@, its tags and Call-IDs."""

    def fields(self, method, uri, user, host, call_id, cseq, auth):
        me, pid = host_port(self.source, self.port), 2741
        if cseq == 1:
            self.n += 1
        return ["Via: SIP/2.0/UDP %s;branch=z9hG4bK-%d-%d-%d" % (me, pid, self.n, 0 if cseq == 1 else 5), "From: sipp <sip:%s@%s>;tag=%dSIPpTag00%d" % (user if method == "REGISTER" else "sipp", me, pid, self.n), "To: %s <sip:%s@%s>" % (user, user, host),
                "Call-ID: %d-%d@%s" % (self.n, pid, self.source), "CSeq: %d %s" % (cseq, method), "Contact: sip:sipp@%s" % me, "Max-Forwards: 70", *auth, "Subject: Performance Test", *(["User-Agent: " + self.agent] if self.agent else []), "Content-Length: 0"]
