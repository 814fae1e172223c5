#!/usr/bin/env python3
"""Campaigns among ordinary traffic, written as the test runs, each with what must be told of it: fraud_unseen.py TOOL [STORY...].

Sites differ in kind of server, transport, addresses and what was captured (also HEP); attackers in program, name and pace. Each
labelled event must be told once, with its kind, sources, accounts, numbers and counts; nothing else may be graver than medium."""
import pathlib
import sys
import tempfile

from fraud_wire import DAY, HOUR, MONDAY, Exchange, Leg, Phone, Server, Wire, alive, host_port, in_uri, keep_registered, md5, numbers_of, ordinary_calls, report_of, sdp

STORIES = {}


def story(function):
    STORIES[function.__name__.replace("_", "-")] = function
    return function


# --- sites -----------------------------------------------------------------------------------------------------------

def office(w, cc="49", stem="+4969555", phones=12, begin=MONDAY + 6 * HOUR, hours=9, rate=8, homes=5, **more):
    """An exchange in the house with two addresses; some people at home."""
    site = Exchange(w, "10.21.0.5", "198.51.100.5", cc=cc, stem=stem, **more)
    site.phones = [site.person(("yealink", "grandstream", "snom", "cisco")[i % 4], str(201 + i), "10.21.1.%d" % (10 + i)) for i in range(phones)]
    site.phones += [site.person("linphone", str(241 + i), "84.%d.9.%d" % (20 + i, 40 + i), port=30000 + i, local="192.168.178.%d" % (20 + i)) for i in range(homes)]
    return alive(site, begin, hours, rate)


def hosted(w, cc="49", stem="+4940777", phones=20, begin=MONDAY + 6 * HOUR, hours=9, rate=8, over="udp", address="198.51.100.40", **more):
    """A server in the net, phones in many places; some homes have three behind one address."""
    site = Exchange(w, address, cc=cc, stem=stem, name=more.pop("name", "kamailio (5.7.4 (x86_64/linux))"), **more)
    for k in range(phones):
        at = "2003:e5:%x::%x" % (17 * (k // 2), 11 + k) if ":" in address else "91.%d.4.%d" % (10 + k // 3, 7 + k // 3)
        phone = site.person(("yealink", "snom", "zoiper", "ata", "cisco")[k % 5] if over != "ws" else "jssip", str(1001 + k), at, port=5060 + 2 * k, local=at if ":" in at else "192.168.1.%d" % (30 + k), over=over)
        site.phones = getattr(site, "phones", []) + [phone]
    return alive(site, begin, hours, rate)


# --- programs --------------------------------------------------------------------------------------------------------

class Vicious:
    """As SIPVicious builds requests, under any name."""

    def __init__(self, w, source, agent="friendly-scanner", port=5060, via="127.0.1.1"):
        self.w, self.source, self.agent, self.port, self.via = w, source, agent, port, via

    def tag(self, data):
        return (data + "\x01" + str(self.w.rnd.getrandbits(32))).encode().hex()

    def text(self, method, server, user, who, data, cseq=1, call_id=None, auth=None, contact=None):
        host = in_uri(server.address)
        uri = "sip:%s@%s" % (user, host) if method != "REGISTER" else "sip:" + host
        out = ["%s %s SIP/2.0" % (method, uri), "Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK-%d;rport" % (self.via, self.port, self.w.rnd.getrandbits(32)), "Max-Forwards: 70",
               "To: " + who, "From: %s;tag=%s" % (who, self.tag(data)), "User-Agent: " + self.agent, "Call-ID: " + (call_id or str(self.w.rnd.getrandbits(79))),
               "Contact: " + (contact or "sip:%s@%s" % (user, host)), "CSeq: %d %s" % (cseq, method), "Accept: application/sdp", "Content-Length: 0"]
        return "\r\n".join(out + ([auth] if auth else [])) + "\r\n\r\n"

    def send(self, t, server, text, answer):
        self.w.send(t, (self.source, self.port), server.at, text)
        if answer:
            more = [server.challenge(answer)[1]] if answer[:3] in ("401", "407") else []
            server.answer(t + .02, text, answer, (self.source, self.port), more)

    def map(self, t, servers, answering, gap=.1):
        for k, server in enumerate(servers):
            text = self.text("OPTIONS", server, "100", '"sipvicious"<sip:100@1.1.1.1>', server.address + ":5060", contact="sip:100@127.0.1.1:5060")
            self.send(t + gap * k, server, text, "200 OK" if k in answering else None)
        return dict(kind="options-scan", sources=[self.source], attempts=len(servers), successes=len(answering), messages=len(servers))

    def war(self, t, server, users, found, gap=.05, method="REGISTER", wrong="404 Not Found", right="401 Unauthorized"):
        for k, user in enumerate(users):
            who = '"%s"<sip:%s@%s>' % (user, user, in_uri(server.address))
            self.send(t + gap * k, server, self.text(method, server, user, who, user), right if user in found else wrong)
        return dict(kind="enumeration", sources=[self.source], attempts=len(users), accounts=sorted(found), messages=len(users))

    def crack(self, t, server, user, words, right=None, gap=.05):
        for k, word in enumerate(words):
            who, call_id = '"%s" <sip:%s@%s>' % (user, user, in_uri(server.address)), str(self.w.rnd.getrandbits(79))
            self.send(t + gap * k, server, self.text("REGISTER", server, user, who, user + ":" + word, 1, call_id, contact="sip:123@1.1.1.1"), None)
            nonce, field = server.challenge("401 Unauthorized")
            back = (self.source, self.port)
            server.answer(t + gap * k + .01, self.w.said[-1][4].decode(), "401 Unauthorized", back, [field])
            uri = "sip:" + in_uri(server.address)
            response = md5("%s:%s:%s" % (md5("%s:%s:%s" % (user, server.realm, word)), nonce, md5("REGISTER:" + uri)))
            auth = 'Authorization: Digest username="%s",realm="%s",nonce="%s",uri="%s",response="%s",algorithm=MD5' % (user, server.realm, nonce, uri, response)
            text = self.text("REGISTER", server, user, who, user + ":" + word, 2, call_id, auth, "sip:123@1.1.1.1")
            self.w.send(t + gap * k + .02, back, server.at, text)
            if k == right:
                server.answer(t + gap * k + .03, text, "200 OK", back, ["Contact: <sip:123@1.1.1.1>;expires=3600"])
                words = words[:k + 1]
                break
            server.answer(t + gap * k + .03, text, "401 Unauthorized", back, [server.challenge("401 Unauthorized")[1]])
        won = right is not None
        out = [dict(kind="brute-force", sources=[self.source], accounts=[user], attempts=len(words), successes=int(won))]
        return out + ([dict(kind="account-compromise", sources=[self.source], accounts=[user], severity="critical")] if won else [])


class Pts:
    """As sippts builds requests, under any name."""

    def __init__(self, w, source, agent="pplsip"):
        self.w, self.source, self.agent = w, source, agent

    def ask(self, t, server, method, user, call=None, answer="404 Not Found", auth=None, call_id=None):
        w, port = self.w, self.w.rnd.randrange(20000, 60000)
        host = in_uri(server.address)
        out = ["%s %s SIP/2.0" % (method, "sip:%s@%s" % (call, host) if call else "sip:" + host), "Via: SIP/2.0/UDP %s;branch=%s;rport" % (host_port(self.source, port), w.word(71)),
               "From:  <sip:%s@%s>;tag=%s" % (user, host, w.hex(8)), "To:  <sip:%s@%s>" % (call or user, host), "Contact: <sip:%s@%s;transport=UDP>;expires=120" % (user, host_port(self.source, port)),
               "Call-ID: " + (call_id or w.hex(32)), "CSeq: 1 " + method, "Max-Forwards: 70", "Allow: INVITE, REGISTER, ACK, CANCEL, BYE, NOTIFY, OPTIONS", "User-Agent: " + self.agent]
        text = "\r\n".join(out + ([auth] if auth else []) + ["Content-Length: 0", "", ""])
        w.send(t, (self.source, port), server.at, text)
        if answer:
            more = [server.challenge(answer)[1]] if answer[:3] in ("401", "407") else []
            server.answer(t + .02, text, answer, (self.source, port), more)
        return text, port

    def guess(self, t, server, user, word, right=False):
        call_id = self.w.hex(32)
        self.ask(t, server, "REGISTER", user, answer="401 Unauthorized", call_id=call_id)
        nonce, uri = self.w.said[-1][4].decode().split('nonce="')[1].split('"')[0], "sip:" + in_uri(server.address)
        response = md5("%s:%s:%s" % (md5("%s:%s:%s" % (user, server.realm, word)), nonce, md5("REGISTER:" + uri)))
        auth = 'Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5' % (user, server.realm, nonce, uri, response)
        self.ask(t + .05, server, "REGISTER", user, answer="200 OK" if right else "403 Forbidden", auth=auth, call_id=call_id)


def guess(w, t, server, source, user, make="microsip", right=False, missing=False, port=5060, word="x", over="udp"):
    """A login by a program that looks like a phone."""
    phone = Phone(w, user, source, make, port, password=word, over=over, local=source)
    if missing:
        phone.ask(t, server, answer="404 Not Found")
        return
    phone.register(t, server, "200 OK" if right else "401 Unauthorized", fresh=True)


def loot(w, site, t, user, source, numbers, talk, make="microsip", gap=20., register=True, **more):
    """Calls with a stolen account. numbers: E.164."""
    thief = Phone(w, user, source, make, 5060)
    if register:
        thief.register(t - 30, site)
    seconds = 0
    for k, number in enumerate(numbers):
        length = talk if isinstance(talk, (int, float)) else w.rnd.uniform(*talk)
        site.out(t + gap * k, thief, number, ring=2, talk=length, by_caller=False, **more)
        seconds += length
    return dict(kind="toll-fraud", calls=len(numbers), answered=len(numbers), minutes=seconds / 60, accounts=[user], sources=[source])


THIEF, SCOUT, OTHER = "185.243.5.17", "45.134.144.90", "193.46.255.8"
IRSF = ("+2522", "+37167", "+88213", "+2390", "+96079", "+2247")


# --- stories: each returns the wire and the labelled events -----------------------------------------------------------

@story
def map_war_crack_loot():
    w = Wire(101)
    site = hosted(w)
    tool, t = Vicious(w, SCOUT, "Asterisk PBX"), site.begin + 2 * HOUR
    hosts = [Server(w, "198.51.100.%d" % (20 + k)) for k in range(40)]
    a = tool.map(t, hosts, (20,))
    b = tool.war(t + 600, site, [str(n) for n in range(990, 1060)], {p.user for p in site.phones})
    c = tool.crack(t + 1200, site, "1007", ["pw%d" % k for k in range(300)], 211)
    d = loot(w, site, t + 3000, "1007", THIEF, numbers_of(w, IRSF, 25), (200, 400))
    return w, [a, b, *c, d]


@story
def quiet_war_by_invite():
    w = Wire(102)
    site = office(w)
    return w, [Vicious(w, SCOUT, "Cisco/SPA504G-7.6.2e").war(site.begin + HOUR, site, [str(n) for n in range(190, 260)], {p.user for p in site.phones}, gap=90, method="INVITE", right="407 Proxy Authentication Required")]


@story
def war_by_options():
    w = Wire(103)
    site = hosted(w, name="Asterisk PBX 16")
    return w, [Vicious(w, SCOUT, "eyeBeam release 3006o").war(site.begin + HOUR, site, [str(n) for n in range(1000, 1100)], {p.user for p in site.phones}, gap=.2, method="OPTIONS", right="200 OK")]


@story
def pts_enumerates_and_guesses():
    w = Wire(104)
    site = hosted(w, phones=15)
    tool, t = Pts(w, SCOUT, "Yealink SIP-T23G 44.84.0.140"), site.begin + 3 * HOUR
    for n in range(1000, 1040):
        tool.ask(t, site, "REGISTER", str(n), answer="401 Unauthorized" if 1001 <= n <= 1015 else "404 Not Found")
        t += 2.5
    for k in range(60):
        tool.guess(t + 100 + 3 * k, site, "1003", "w%d" % k, k == 59)
    return w, [dict(kind="enumeration", sources=[SCOUT], attempts=40, accounts=[str(n) for n in range(1001, 1016)]), dict(kind="brute-force", sources=[SCOUT], accounts=["1003"], attempts=60, successes=1),
               dict(kind="account-compromise", sources=[SCOUT], accounts=["1003"])]


@story
def pts_sweeps_for_servers():
    w = Wire(105)
    site = hosted(w)
    tool = Pts(w, SCOUT, "Linksys")
    for k in range(60):
        server = Server(w, "198.51.100.%d" % (10 + k))
        tool.ask(site.begin + HOUR + 20 * k, server, "REGISTER", "100", answer="401 Unauthorized" if k in (30, 41) else None)
    return w, [dict(kind="register-scan", sources=[SCOUT], attempts=60, successes=2)]


@story
def careful_guesser_with_the_face_of_a_phone():
    """One guess every two minutes on one account, with new Call-IDs and the User-Agent of the owner's phone."""
    w = Wire(106)
    site = hosted(w, hours=14)
    t = site.begin + HOUR
    for k in range(150):
        guess(w, t, site, "81.17.30.99", "1011", "yealink", right=k == 149, port=5060)
        t += w.rnd.uniform(60, 200)
    return w, [dict(kind="brute-force", sources=["81.17.30.99"], accounts=["1011"], attempts=150, successes=1), dict(kind="account-compromise", sources=["81.17.30.99"], accounts=["1011"])]


@story
def three_accounts_guessed_in_turn():
    w = Wire(107)
    site = hosted(w, hours=12, wrong="403 Forbidden")
    t, users = site.begin + HOUR, ("1002", "1005", "1009")
    for k in range(180):
        guess(w, t, site, OTHER, users[k % 3], "pjsip", port=6000 + k)
        t += w.rnd.uniform(50, 250)
    return w, [dict(kind="brute-force", sources=[OTHER], accounts=list(users), attempts=180, successes=0)]


@story
def botnet_guesses_one_account():
    w = Wire(108)
    site = hosted(w, hours=12)
    t, sources = site.begin + HOUR, ["%d.%d.77.%d" % (50 + k, 3 * k, 9 + k) for k in range(30)]
    for k in range(240):
        guess(w, t, site, sources[k % 30], "1004", "short", port=5060)
        t += w.rnd.uniform(60, 240)
    return w, [dict(kind="brute-force", sources=sources, accounts=["1004"], attempts=240, successes=0)]


@story
def botnet_over_many_with_success():
    """Forty sources, each three accounts with one word, over half a day; two fall."""
    w = Wire(109)
    site = hosted(w, hours=14, phones=24)
    t, k, sources, users = site.begin + HOUR, 0, ["%d.%d.78.%d" % (60 + k, 5 * k, 9 + k) for k in range(40)], [str(n) for n in range(1001, 1025)]
    for source in sources:
        for _ in range(3):
            guess(w, t, site, source, users[(7 * k) % 24], "zoiper", right=k in (50, 90))
            k, t = k + 1, t + w.rnd.uniform(100, 400)
    won = sorted({users[(7 * 50) % 24], users[(7 * 90) % 24]})
    return w, [dict(kind="password-spraying", sources=sources, accounts=users, attempts=120, successes=2), dict(kind="account-compromise", accounts=won)]


@story
def spray_of_one_word():
    w = Wire(110)
    site = hosted(w, phones=24)
    t, users = site.begin + 2 * HOUR, [str(n) for n in range(1001, 1025)]
    for k, user in enumerate(users):
        guess(w, t + 4 * k, site, OTHER, user, "microsip", right=k == 13)
    return w, [dict(kind="password-spraying", sources=[OTHER], accounts=users, attempts=24, successes=1), dict(kind="account-compromise", sources=[OTHER], accounts=["1014"])]


@story
def slow_spray_over_ipv6():
    w = Wire(111)
    site = hosted(w, phones=24, address="2001:db8:5::5", hours=15)
    t, users = site.begin + HOUR, [str(n) for n in range(1001, 1025)]
    for k in range(48):
        guess(w, t, site, "2a0b:99::66", users[k % 24], "snom")
        t += w.rnd.uniform(600, 1000)
    return w, [dict(kind="password-spraying", sources=["2a0b:99::66"], accounts=users, attempts=48, successes=0)]


@story
def leaked_pairs():
    w = Wire(112)
    site = hosted(w)
    t, names = site.begin + 2 * HOUR, ["anna.%s" % w.word(4) for _ in range(35)] + ["4930%s" % w.word(6, "0123456789") for _ in range(35)]
    for k, name in enumerate(names):
        guess(w, t + 9 * k, site, OTHER, name, "linphone", missing=k % 3 != 0, right=k in (21, 45), port=7000 + k)
    won = [names[21], names[45]]
    return w, [dict(kind="credential-stuffing", sources=[OTHER], account_count=70, successes=2), dict(kind="account-compromise", sources=[OTHER], accounts=won)]


@story
def leaked_pairs_from_everywhere():
    w = Wire(113)
    site = hosted(w, hours=14)
    t, sources, names = site.begin + HOUR, ["%d.4.%d.8" % (100 + k % 90, k) for k in range(80)], ["u%s@voice.example" % w.word(6) for _ in range(80)]
    for k in range(80):
        guess(w, t, site, sources[k], names[k].split("@")[0] + w.word(2), ("microsip", "zoiper", "snom", "pjsip")[k % 4], right=k in (11, 70))
        t += w.rnd.uniform(100, 500)
    return w, [dict(kind="credential-stuffing", sources=sources, attempts=80, successes=2), dict(kind="account-compromise")]


@story
def guessing_over_tcp():
    w = Wire(114)
    site = hosted(w, over="tcp")
    for k in range(40):
        guess(w, site.begin + 2 * HOUR + 8 * k, site, OTHER, "1006", "pjsip", port=30000 + k, over="tcp")
    return w, [dict(kind="brute-force", sources=[OTHER], accounts=["1006"], attempts=40)]


@story
def guessing_over_websocket():
    w = Wire(115)
    site = hosted(w, over="ws", name="OpenSIPS (3.4.2 (x86_64/linux))")
    for k in range(50):
        guess(w, site.begin + 2 * HOUR + 5 * k, site, OTHER, "1012", "jssip", port=41000 + k, over="ws", right=k == 49)
    return w, [dict(kind="brute-force", sources=[OTHER], accounts=["1012"], attempts=50, successes=1), dict(kind="account-compromise", sources=[OTHER], accounts=["1012"])]


@story
def seen_by_homer():
    w = Wire(116, hep=True)
    site = hosted(w)
    tool, t = Vicious(w, SCOUT, "PBX"), site.begin + 2 * HOUR
    return w, [tool.war(t, site, [str(n) for n in range(1000, 1050)], {str(n) for n in range(1001, 1021)}), *tool.crack(t + 300, site, "1010", ["k%d" % k for k in range(120)], 119),
               loot(w, site, t + 2000, "1010", SCOUT, numbers_of(w, IRSF, 12), 300., register=False)]


@story
def loot_in_a_normal_week():
    w = Wire(117)
    site = office(w, hours=9)
    for day in range(1, 6):
        ordinary_calls(site, site.phones, MONDAY + day * DAY + 7 * HOUR, MONDAY + day * DAY + 17 * HOUR, 10, site.friends, ["+33123456789", "+441632960111"])
        for phone in site.phones:
            keep_registered(site, phone, MONDAY + day * DAY, MONDAY + day * DAY + 20 * HOUR, 3300)
    return w, [loot(w, site, MONDAY + 5 * DAY + 2 * HOUR, "243", THIEF, numbers_of(w, IRSF, 40), (60, 500), gap=45)]


@story
def loot_by_day_few_and_long():
    w = Wire(118)
    site = hosted(w, hours=11)
    return w, [loot(w, site, site.begin + 3 * HOUR, "1013", THIEF, numbers_of(w, ("+2522", "+2245"), 6), (1500, 2400), gap=900)]


@story
def loot_from_the_phone_in_the_house():
    """The exchange's own extension, at night: the switch is hacked."""
    w = Wire(119)
    site = office(w, begin=MONDAY + 6 * HOUR)
    phone, numbers, seconds = site.phones[3], numbers_of(w, ("+96079", "+2522"), 30), 0
    for k, number in enumerate(numbers):
        site.out(MONDAY + 23 * HOUR + 25 * k, phone, number, ring=2, talk=240 + k, by_caller=False)
        seconds += 240 + k
    return w, [dict(kind="toll-fraud", calls=30, answered=30, minutes=seconds / 60, accounts=[phone.user])]


@story
def loot_american():
    w = Wire(120)
    site = office(w, cc="1", stem="+1646555", form="")
    return w, [loot(w, site, site.begin + 5 * HOUR, "242", THIEF, numbers_of(w, ("+18765", "+18095", "+53529"), 24), (300, 600), gap=30)]


@story
def premium_numbers():
    w = Wire(121)
    site = office(w, cc="44", stem="+441614960", form="")
    return w, [loot(w, site, site.begin + 4 * HOUR, "241", THIEF, ["+8821%s" % w.word(8, "0123456789") for _ in range(15)], (100, 300), gap=60)]


@story
def extension_taken_without_guessing():
    """The password was known: another address, another device, then calls."""
    w = Wire(122)
    site = hosted(w)
    t = site.begin + 3 * HOUR
    return w, [loot(w, site, t, "1002", THIEF, numbers_of(w, IRSF, 20), 300., make="short")], ("registration-hijack",)


@story
def prefixes_then_the_hole():
    w = Wire(123)
    site = office(w)
    caller, t, tail = Phone(w, "1000", SCOUT, "short", 5070, domain="198.51.100.5"), site.begin + 2 * HOUR, "972592774111"
    outer = Exchange(w, "198.51.100.5", cc="49", stem="+4969555")
    forms = ["00", "011", "900", "9011", "0", "+", "8", "000", "9", "7", "99", "1", "001", "0011"]
    for k, form in enumerate(forms):
        outer.out(t + 20 * k, caller, "+" + tail, ring=.1 if form != "000" else 3, talk=0 if form != "000" else 9, dialled=form + tail, login=False, reach=form == "000", **({} if form == "000" else dict(status="404 Not Found")))
    calls = numbers_of(w, ("+97259277", ), 8)
    seconds = 0
    for k, number in enumerate(calls):
        outer.out(t + 900 + 40 * k, caller, number, ring=2, talk=300 + k, dialled="000" + number[1:], login=False, by_caller=False)
        seconds += 300 + k
    return w, [dict(kind="dial-plan-probe", sources=[SCOUT], attempts=14, successes=1, number_count=14), dict(kind="toll-fraud", sources=[SCOUT], calls=8, minutes=seconds / 60)]


@story
def prefixes_slowly_and_in_vain():
    w = Wire(124)
    site = hosted(w, hours=12)
    caller, t, tail = Phone(w, "100", OTHER, "pjsip", 5062, domain="198.51.100.40"), site.begin + HOUR, "441519470123"
    for k, form in enumerate(["00", "011", "9", "900", "9011", "+", "0", "810", "8810"]):
        site.out(t + 1800 * k, caller, "+" + tail, ring=.1, talk=0, dialled=form + tail, login=False, reach=False, status="403 Forbidden")
    return w, [dict(kind="dial-plan-probe", sources=[OTHER], attempts=9, successes=0, number_count=9)]


@story
def ghost_calls():
    w = Wire(125)
    site = hosted(w)
    scan, t = Phone(w, "100", OTHER, "short", 5063, domain="198.51.100.40"), site.begin + HOUR
    for k in range(30):
        user = str(1000 + k)
        leg = Leg(w, scan, site.at, "sip:%s@198.51.100.40" % user, name=site.name)
        leg.start(t + 2 * k)
        if 1 <= k <= 20:
            leg.ring(t + 2 * k + .1)
            leg.give_up(t + 2 * k + 1)
        else:
            leg.refuse(t + 2 * k + .1, "404 Not Found")
    return w, [dict(kind="invite-scan", sources=[OTHER], attempts=30, successes=20, severity="high")]


@story
def contact_moved_by_a_stranger():
    """Registered over the owner's binding with a known password, refreshed; calls then go there."""
    w = Wire(126)
    site = hosted(w)
    t = site.begin + 3 * HOUR
    for user in ("1003", "1008", "1017"):
        thief = Phone(w, user, OTHER, "short", 5065)
        for k in range(4):
            thief.register(t + 1200 * k, site)
        t += 30
    return w, [dict(kind="registration-hijack", sources=[OTHER], accounts=["1003", "1008", "1017"], severity="critical")]


@story
def contacts_removed():
    w = Wire(127)
    site = hosted(w)
    t = site.begin + 3 * HOUR
    for user in ("1001", "1004", "1010", "1011"):
        Phone(w, user, OTHER, "microsip", 5065).register(t, site, expires=0, contact="*")
        t += 20
    return w, [dict(kind="deregistration", sources=[OTHER], accounts=["1001", "1004", "1010", "1011"], successes=4)]


@story
def credentials_replayed():
    """A REGISTER with its digest, heard on the way, is sent again from elsewhere with another contact, and accepted."""
    w = Wire(128)
    site = hosted(w, phones=9)
    t = site.begin + 2 * HOUR
    owner = site.phones[4]
    owner.register(t, site, fresh=True)
    heard = w.heard(t, b"Authorization", dst=site.at)
    for k in range(2):
        text = heard.replace(owner.local, OTHER).replace("branch=z9hG4bK", "branch=z9hG4bKx%d" % k)
        w.send(t + 400 + 30 * k, (OTHER, 5060), site.at, text)
        site.answer(t + 400.01 + 30 * k, text, "200 OK", (OTHER, 5060), ["Contact: <sip:%s@%s:5060>;expires=3600" % (owner.user, OTHER)])
    return w, [dict(kind="credential-replay", sources=[OTHER], accounts=[owner.user], successes=2)], ("registration-hijack",)


@story
def digest_drawn_out_of_phones():
    w = Wire(129)
    site = hosted(w, phones=9)
    t, victims = site.begin + 2 * HOUR, site.phones[:3]
    for phone in victims:
        evil = Phone(w, "100", OTHER, "short", 5066)
        leg = Leg(w, evil, phone.at, "sip:%s@%s" % (phone.user, phone.at[0]), name=phone.make.agent)
        leg.start(t)
        leg.ring(t + .2)
        leg.take(t + 4)
        leg.draw_out(t + 12, "407 Proxy Authentication Required", 'WWW-Authenticate: Digest realm="asterisk", nonce="1f2e", algorithm=MD5',
                     'Authorization: Digest username="%s", realm="asterisk", nonce="1f2e", uri="sip:100@%s:5066", response="%s", algorithm=MD5' % (phone.user, OTHER, w.hex(32)),
                     more=["User-Agent: " + phone.make.agent])
        t += 60
    return w, [dict(kind="digest-leak", sources=[OTHER], accounts=sorted(p.user for p in victims), successes=3, severity="critical")]


@story
def stranger_is_put_through():
    """sippts under another name calls until an extension answers."""
    w = Wire(130)
    site = office(w)
    outer, tool, t = Exchange(w, "198.51.100.5", stem="+4969555"), Pts(w, OTHER, "Polycom VVX"), site.begin + 2 * HOUR
    for k, user in enumerate(("700", "800", "9000")):
        tool.ask(t + 40 * k, outer, "INVITE", "100", user)
    text, port = tool.ask(t + 200, outer, "INVITE", "100", "201", None)
    site.answer(t + 200.1, text, "100 Trying", (OTHER, port))
    w.said.pop()
    for after, line in ((.4, "180 Ringing"), (3, "200 OK")):
        outer.answer(t + 200 + after, text, line, (OTHER, port), body=sdp("198.51.100.5", 9000) if line[0] == "2" else "", tag="zz1")
    return w, [dict(kind="unauthenticated-call", sources=[OTHER], calls=1, answered=1)]


@story
def one_ring_from_far_away():
    w = Wire(131)
    site = office(w, phones=24)
    t, callers = site.begin + 2 * HOUR, ["+2325%07d" % (4000000 + 37 * k) for k in range(3)] + ["+22177%07d" % (1000000 + k) for k in range(2)]
    for k in range(50):
        site.arrive(t + 11 * k, callers[k % 5], site.phones[(7 * k) % 24], ring=1.1, talk=0, cancel=True)
    for k in range(2):
        site.out(t + 1500 + 400 * k, site.phones[5 + k], callers[k], ring=8, talk=180)
    return w, [dict(kind="wangiri", sources=["203.0.113.70"], numbers=callers, calls=52, successes=2)]


@story
def robots_call_everybody():
    w = Wire(132)
    site = office(w, cc="1", stem="+1646555", form="", phones=30)
    t = site.begin + 3 * HOUR
    for k in range(240):
        phone = site.phones[k % 30]
        site.arrive(t + 7 * k, "+1646555%04d" % w.rnd.randrange(2000, 9999), phone, ring=w.rnd.uniform(4, 15), talk=w.rnd.uniform(3, 9), cancel=w.rnd.random() < .4)
    return w, [dict(kind="robocalling", sources=["203.0.113.70"], calls=240)]


@story
def toll_free_pumped():
    w = Wire(133)
    site = office(w, cc="1", stem="+1646555", form="")
    t, seconds = site.begin + HOUR, 0
    for k in range(60):
        site.arrive(t + 240 * k, "+1%s%07d" % (w.rnd.choice(("712", "605", "515")), w.rnd.randrange(2000000, 9999999)), None, number="+18005550142", ring=.5, talk=600 + k % 7)
        seconds += 600 + k % 7
    return w, [dict(kind="traffic-pumping", numbers=["+18005550142"], calls=60, minutes=seconds / 60)]


@story
def own_numbers_from_outside():
    w = Wire(134)
    site = office(w)
    for k in range(6):
        site.arrive(site.begin + 2 * HOUR + 400 * k, "+496955520%d" % (1 + k), site.phones[6 + k], ring=6, talk=90)
    return w, [dict(kind="caller-id-spoofing", sources=["203.0.113.70"], calls=6, severity="high")]


@story
def transfer_by_a_stranger():
    w = Wire(135)
    site = office(w)
    t = site.begin + 2 * HOUR
    for k in range(3):
        near = Leg(w, site.trunk, (site.outside, 5060), "sip:+4969555201@198.51.100.5", name=site.name)
        near.start(t, frm="sip:+4915112345678@203.0.113.70")
        near.ring(t + .2)
        near.take(t + 3)
        site.hand_over(near, t + 8, "00252612345%03d@198.51.100.5" % k, "x@203.0.113.70", "+252612345%03d" % k, "+4969555201@198.51.100.5", 300, frm="sip:+4915112345678@203.0.113.70")
        t += 900
    return w, [dict(kind="transfer-abuse", calls=3)]


@story
def sim_box():
    w = Wire(136)
    site = Exchange(w, "198.51.100.60", cc="49", stem="+4930200")
    site.phones = [site.person("cisco", str(100 + i), "198.51.100.%d" % (100 + i)) for i in range(12)]
    alive(site, MONDAY + 6 * HOUR, 9, 20)
    t, cells = site.begin + HOUR, ["+4915%s" % w.word(9, "0123456789") for _ in range(4)]
    for k in range(160):
        site.arrive(t + 110 * k, cells[k % 4], site.phones[(5 * k) % 12], ring=6, talk=80 + w.rnd.random() * 200, number="+4930200%03d" % (100 + (37 * k) % 900))
    return w, [dict(kind="sim-box", numbers=cells)]


@story
def flood_of_registers():
    w = Wire(137)
    site = hosted(w)
    t = site.begin + 2 * HOUR
    evil = Phone(w, "x", OTHER, "short", 5080, domain="198.51.100.40")
    for k in range(2500):
        evil.ask(t + k * .015, site, answer="401 Unauthorized" if k < 400 else None, user="1001")
    return w, [dict(kind="flood", sources=[OTHER], messages=2500)]


@story
def flood_of_invites_from_many():
    w = Wire(138)
    site = hosted(w)
    t = site.begin + 2 * HOUR
    bots = [Phone(w, "u%d" % k, "%d.%d.31.%d" % (11 + k % 200, k % 250, 1 + k % 250), "short", 5060, domain="198.51.100.40") for k in range(300)]
    for k in range(1800):
        bots[k % 300].ask(t + k * .05, site, "INVITE", answer=None, user=str(1001 + k % 20))
    return w, [dict(kind="distributed-flood", sources=[b.at[0] for b in bots], messages=1800)]


@story
def emergency_line_blocked():
    w = Wire(139)
    site = office(w)
    t = site.begin + 4 * HOUR
    for k in range(120):
        caller = "+49%s%07d" % (w.rnd.choice(("30", "40", "171", "89")), w.rnd.randrange(2000000, 9999999))
        site.arrive(t + 3 * k, caller, None, number="+4969555112", ring=.5, talk=55 + w.rnd.random() * 4)
    return w, [dict(kind="tdos", calls=120)]


@story
def fuzzer():
    w = Wire(140)
    site = hosted(w)
    t, base = site.begin + 2 * HOUR, Phone(w, "1001", OTHER, "short", 5081, domain="198.51.100.40")
    for k in range(60):
        text = base.request("INVITE", "sip:1001@198.51.100.40", "sip:1001@198.51.100.40", w.hex(20), 1, w.hex(8))
        text = [lambda s: s.replace("CSeq: 1 INVITE", "CSeq: " + "9" * 20 + " INVITE"), lambda s: s.replace("v: SIP/2.0/UDP", "v: SIP/" + "7" * 50), lambda s: s.replace("l: 0", "l: -1"), lambda s: s.replace("t: <", "t: <<<<" + "A" * 300),
                lambda s: s.replace("f: ", "f: \x80\xff"), lambda s: s.replace("CSeq:", "CSeqq"), lambda s: s.replace("SIP/2.0\r\n", "SIP/2.0 \r\n" * 3, 1)][k % 7](text)
        w.send(t + 2 * k, base.at, site.at, text.encode("latin1"))
        if k % 3 == 0:
            site.answer(t + 2 * k + .01, text.encode("latin1").decode("latin1"), "400 Bad Request", base.at) if k % 7 not in (4,) else None
    return w, [dict(kind="malformed-fuzzing", sources=[OTHER])]


@story
def injection_in_names():
    w = Wire(141)
    site = hosted(w)
    t = site.begin + 2 * HOUR
    for k, user in enumerate(("1001'%20or%20'1'='1", "x'%20union%20select%201,2--", "a`id`b", "100;wget%20http://x/y", "$(reboot)")):
        evil = Phone(w, user, OTHER, "short", 5082, domain="198.51.100.40")
        evil.ask(t + 30 * k, site, answer="400 Bad Request")
    return w, [dict(kind="injection", sources=[OTHER], severity="high")]


@story
def war_with_a_face_of_each_phone():
    """The users are asked for by a slow program that changes User-Agent, port and order of fields."""
    w = Wire(142)
    site = hosted(w, hours=14)
    t, found = site.begin + HOUR, []
    for n in range(980, 1060):
        scan = Phone(w, str(n), SCOUT, ("cisco", "snom", "zoiper", "linphone")[n % 4], 20000 + 7 * n, domain="198.51.100.40")
        exists = 1001 <= n <= 1020
        found += [str(n)] if exists else []
        scan.ask(t, site, answer="401 Unauthorized" if exists else "404 Not Found")
        t += w.rnd.uniform(200, 500)
    return w, [dict(kind="enumeration", sources=[SCOUT], attempts=80, accounts=found)]


@story
def war_over_ipv6_and_crack():
    w = Wire(143)
    site = hosted(w, address="2001:db8:7::9")
    tool, t = Vicious(w, "2a02:27::1", "Mitel 6865i"), site.begin + HOUR
    return w, [tool.war(t, site, [str(n) for n in range(990, 1040)], {p.user for p in site.phones}), *tool.crack(t + 100, site, "1003", ["z%d" % k for k in range(80)])]


@story
def scan_spread_over_sources():
    """Twelve sources share a list of users, each with few of them: one program."""
    w = Wire(144)
    site = hosted(w, hours=10)
    t, sources = site.begin + HOUR, ["5.%d.60.%d" % (8 * k, 11 + k) for k in range(12)]
    for n in range(72):
        Vicious(w, sources[n % 12], "Avaya").send(t + 120 * n, site, Vicious(w, sources[n % 12], "Avaya").text("REGISTER", site, str(2000 + n), '"%d"<sip:%d@198.51.100.40>' % (2000 + n, 2000 + n), str(2000 + n)), "404 Not Found")
    return w, [dict(kind="enumeration", sources=sources, attempts=72, messages=72, finding="FRAUD-009")]


@story
def two_thieves_at_once():
    w = Wire(145)
    site = hosted(w)
    t = site.begin + 3 * HOUR
    return w, [loot(w, site, t, "1002", THIEF, numbers_of(w, ("+2522", "+2390"), 18), (200, 300), make="short"), loot(w, site, t + 200, "1015", OTHER, numbers_of(w, ("+37167", "+96079"), 14), (200, 300), make="pjsip")], ("registration-hijack",)


@story
def rtp_put_into_a_call():
    w = Wire(146)
    site = hosted(w)
    t, a, b = site.begin + 2 * HOUR, ("91.10.4.7", 16384), ("198.51.100.40", 22000)
    caller = Phone(w, "1001", a[0], "yealink", 5060)
    leg = Leg(w, caller, site.at, "sip:1002@voice.example", name=site.name)
    leg.with_media(t, a, b)
    w.rtp(t + .6, a, b, 1500, 50, ssrc=7)
    w.rtp(t + .6, b, a, 1500, 50, ssrc=8)
    w.rtp(t + 10, (OTHER, 4444), b, 200, 50, ssrc=99)
    leg.bye(t + 31)
    return w, [dict(kind="rtp-injection", sources=[OTHER], messages=200)]


@story
def office_with_nothing():
    w = Wire(147)
    office(w)
    return w, []


@story
def hosted_with_nothing():
    w = Wire(148, hep=True)
    hosted(w, over="tcp")
    return w, []


@story
def guesses_by_invite():
    """Passwords are tried with INVITE; the right one rings."""
    w = Wire(149)
    site = hosted(w)
    t = site.begin + 2 * HOUR
    for k in range(45):
        evil = Phone(w, "1009", OTHER, "pjsip", 5090, password="i%d" % k)
        leg = Leg(w, evil, site.at, "sip:0049301234567@voice.example", name=site.name)
        at = leg.start(t + 10 * k, site)
        if k < 44:
            leg.refuse(at + .02, "407 Proxy Authentication Required", [site.challenge("407 x")[1]])
        else:
            leg.ring(at + 1)
            leg.give_up(at + 4)
    return w, [dict(kind="brute-force", sources=[OTHER], accounts=["1009"], attempts=45, successes=1), dict(kind="account-compromise", sources=[OTHER], accounts=["1009"])]


@story
def guesses_behind_the_office_nat():
    """A laptop in an office of eight phones guesses the accounts of another place."""
    w = Wire(150)
    site = hosted(w)
    mates = [site.person("yealink", "15%02d" % k, "77.20.8.1", port=11000 + k, local="192.168.7.%d" % (10 + k)) for k in range(8)]
    for phone in mates:
        keep_registered(site, phone, site.begin, site.begin + 8 * HOUR, 1500)
    for k in range(60):
        guess(w, site.begin + 3 * HOUR + 13 * k, site, "77.20.8.1", "1005", "microsip", port=52000 + k)
    return w, [dict(kind="brute-force", sources=["77.20.8.1"], accounts=["1005"], attempts=60)]


@story
def forwarded_abroad():
    """A stolen password sets *72 to Somalia; then calls come in and leave again."""
    w = Wire(151)
    site = office(w)
    t, thief = site.begin + 2 * HOUR, Phone(w, "243", THIEF, "short", 5060)
    thief.register(t - 20, site)
    leg = Leg(w, thief, site.at, "sip:*7200252615550101@voice.example", name=site.name)
    at = leg.start(t, site)
    leg.take(at + .3)
    leg.bye(at + 3)
    seconds = 0
    for k in range(9):
        at = t + 600 + 420 * k
        near = Leg(w, site.trunk, (site.outside, 5060), "sip:+4969555243@198.51.100.5", name=site.name)
        near.start(at, frm="sip:+4915%09d@203.0.113.70" % w.rnd.randrange(10**9))
        far = Leg(w, site.self_, site.carrier, "sip:+252615550101@203.0.113.70", name="Oracle-SBC", more=["Diversion: <sip:243@198.51.100.5>;reason=unconditional"])
        far.start(at + .02, frm="sip:+4969555243@198.51.100.5")
        site.both(at, [near, far], 3, 400)
        seconds += 400
    return w, [dict(kind="transfer-abuse", calls=9, minutes=seconds / 60)], ("registration-hijack",)


@story
def messages_to_everybody():
    w = Wire(152)
    site = hosted(w)
    t = site.begin + 2 * HOUR
    spam = Phone(w, "promo", OTHER, "short", 5091, domain="198.51.100.40")
    for k in range(20):
        text = spam.request("MESSAGE", "sip:%d@198.51.100.40" % (1001 + k), "sip:%d@198.51.100.40" % (1001 + k), w.hex(20), 1, w.hex(8), body="win http://x.example/", kind="text/plain")
        spam.say(t + 3 * k, site, text)
        site.answer(t + 3 * k + .1, text, "200 OK", spam.at)
    return w, [dict(kind="anomaly", sources=[OTHER], finding="FRAUD-066")]


@story
def flood_below_every_limit():
    """Sixty bots, four requests a second between them, for a quarter of an hour: only against what is usual does it show."""
    w = Wire(153)
    site = hosted(w)
    t = site.begin + 5 * HOUR
    bots = [Phone(w, "u%d" % k, "%d.%d.32.%d" % (21 + k, 3 * k, 1 + k), "short", 5060, domain="198.51.100.40") for k in range(60)]
    for k in range(3600):
        bots[(7 * k) % 60].ask(t + k * .25, site, "INVITE", answer=None, user=str(1001 + k % 20))
    return w, [dict(kind="distributed-flood", sources=[b.at[0] for b in bots], messages=3600, finding="FRAUD-026")]


@story
def behind_a_proxy_both_sides():
    """The proxy's two sides are in the capture; the guesser counts once."""
    w = Wire(154)
    site = hosted(w)
    core, t = Server(w, "10.77.0.5"), site.begin + 2 * HOUR
    for k in range(50):
        evil = Phone(w, "1008", OTHER, "pjsip", 5060, password="p%d" % k)
        before = len(w.said)
        evil.register(t + 9 * k, site, "403 Forbidden", fresh=True)
        for at, _, src, dst, data, over, client in list(w.said[before:]):
            text = data.decode()
            via = "Via: SIP/2.0/UDP 10.77.0.2;branch=z9hG4bK%s\r\n" % ("p" + text.split("branch=")[1].split(";")[0].split("\r")[0][-16:])
            first = text.index("Via: ")
            text = text[:first] + via + text[first:].replace("rport", "received=%s;rport=5060" % OTHER, 1)
            a, b = ("10.77.0.2", 5060), core.at
            w.send(at + (.001 if client else -.001), a if client else b, b if client else a, text)
    return w, [dict(kind="brute-force", sources=[OTHER], accounts=["1008"], attempts=50)]


@story
def proxy_in_front_of_a_thief():
    """A site with a proxy and one Call-ID: probing, then theft without an account."""
    w = Wire(155)
    site = hosted(w, name="kamailio (5.5.4)")
    caller, t, seconds = Phone(w, "9999", THIEF, "short", 5060, domain="198.51.100.40"), site.begin + 3 * HOUR, 0
    for k in range(14):
        number = "+2225%s" % w.word(7, "0123456789")
        site.out(t + 70 * k, caller, number, ring=2, talk=150 + k, login=False, by_caller=False, shown="+494099999")
        seconds += 150 + k
    return w, [dict(kind="toll-fraud", sources=[THIEF], calls=14, minutes=seconds / 60)]


@story
def night_of_short_bursts():
    """Five calls at a time, three times a night, two nights, from an account in an office behind NAT."""
    w = Wire(156)
    site = hosted(w, hours=9)
    numbers, seconds, thief = [], 0, Phone(w, "1006", THIEF, "microsip", 5060)
    for day in range(2):
        for burst in range(3):
            for k in range(5):
                t = MONDAY + day * DAY + (20 + burst) * HOUR + k * 3
                site.out(t, thief, numbers_of(w, ("+2525", "+2326"), 1)[0], ring=2, talk=420, by_caller=False)
                seconds += 420
    return w, [dict(kind="toll-fraud", sources=[THIEF], accounts=["1006"], calls=30, minutes=seconds / 60, concurrent_peak=5)]


@story
def robots_rotate_callers():
    w = Wire(157)
    site = office(w, phones=24)
    t = site.begin + 3 * HOUR
    for k in range(220):
        site.arrive(t + 6 * k, "+49%s%07d" % (w.rnd.choice(("30", "211", "40", "341", "228")), w.rnd.randrange(2000000, 9999999)), site.phones[k % 24], ring=w.rnd.uniform(3, 12), talk=w.rnd.uniform(2, 8),
                    cancel=w.rnd.random() < .3)
    return w, [dict(kind="robocalling", sources=["203.0.113.70"], calls=220)]


@story
def one_ring_by_a_foreign_block():
    """One number of the block after the other, each rings once, nobody calls back."""
    w = Wire(158)
    site = office(w, phones=24)
    t, callers = site.begin + 2 * HOUR, ["+3716700%04d" % (2000 + k) for k in range(40)]
    for k in range(40):
        site.arrive(t + 20 * k, callers[k], site.phones[(5 * k) % 24], ring=.9, talk=0, cancel=True)
    return w, [dict(kind="wangiri", sources=["203.0.113.70"], numbers=callers, calls=40, successes=0)]


@story
def lines_of_two_kinds():
    """A field hidden behind a bare LF: the border reads one message, the switch another."""
    w = Wire(159)
    site = hosted(w)
    t, evil = site.begin + 2 * HOUR, Phone(w, "1001", OTHER, "cisco", 5060, domain="198.51.100.40")
    for k in range(3):
        text = evil.request("INVITE", "sip:1002@198.51.100.40", "sip:1002@198.51.100.40", w.hex(20), 1, w.hex(8)).replace("Max-Forwards: 70\r\n", "Max-Forwards: 70\nP-Asserted-Identity: <sip:+4940777@x>\r\n")
        evil.say(t + 30 * k, site, text)
        site.answer(t + 30 * k + .01, text, "407 Proxy Authentication Required", evil.at, [site.challenge("407 x")[1]])
    return w, [dict(kind="injection", sources=[OTHER], finding="FRAUD-034", severity="medium")]


@story
def dials_through_another_host():
    w = Wire(160)
    site = hosted(w)
    t, evil = site.begin + 2 * HOUR, Phone(w, "1001", OTHER, "cisco", 5060, domain="198.51.100.40")
    for k, user in enumerate(("0049301234567%4045.9.9.9", "1001%26PJSIP/0025261234567")):
        evil.ask(t + 30 * k, site, "INVITE", "404 Not Found", uri="sip:%s@198.51.100.40" % user)
    return w, [dict(kind="injection", sources=[OTHER], finding="FRAUD-033", severity="high")]


# --- comparison ------------------------------------------------------------------------------------------------------

LEADS = {"options-scan": {"FRAUD-001", "FRAUD-005"}, "register-scan": {"FRAUD-005", "FRAUD-007"}, "invite-scan": {"FRAUD-008"}, "enumeration": {"FRAUD-009", "FRAUD-010"},
         "brute-force": {"FRAUD-011", "FRAUD-015"}, "password-spraying": {"FRAUD-012"}, "credential-stuffing": {"FRAUD-014"}, "account-compromise": {"FRAUD-016"}, "registration-hijack": {"FRAUD-019", "FRAUD-020"},
         "deregistration": {"FRAUD-021"}, "credential-replay": {"FRAUD-017"}, "digest-leak": {"FRAUD-018"}, "unauthenticated-call": {"FRAUD-008"}, "dial-plan-probe": {"FRAUD-040"}, "wangiri": {"FRAUD-054", "FRAUD-055"},
         "traffic-pumping": {"FRAUD-056"}, "robocalling": {"FRAUD-059"}, "caller-id-spoofing": {"FRAUD-058"}, "sim-box": {"FRAUD-065"}, "flood": {"FRAUD-025"}, "distributed-flood": {"FRAUD-026"}, "tdos": {"FRAUD-027"},
         "malformed-fuzzing": {"FRAUD-029"}, "rtp-injection": {"FRAUD-028"}, "transfer-abuse": {"FRAUD-060", "FRAUD-061", "FRAUD-062"}}


def close(have, want):
    return abs(have - want) <= max(.05 * want, .6)


def judge(report, events, beside):
    """What is wrong, as lines; and how many events were found and right in detail."""
    wrong, found, right, taken = [], 0, 0, set()
    incidents = report["incidents"]
    for want in events:
        of_kind = [k for k, one in enumerate(incidents) if one["kind"] == want["kind"] and k not in taken]
        fits = [k for k in of_kind if not want.get("sources") or set(want["sources"]) & set(incidents[k]["sources"])]
        fits = [k for k in fits if not want.get("accounts") or set(want["accounts"]) & set(incidents[k]["accounts"])]
        if not fits:
            wrong.append("no %s of %s" % (want["kind"], want.get("sources", want.get("accounts", ""))))
            continue
        best = max(fits, key=lambda k: (incidents[k]["calls"], incidents[k]["attempts"], -k))
        taken.add(best)
        one, bad = incidents[best], []
        for key, value in want.items():
            have = one.get({"account_count": "accounts", "number_count": "numbers"}.get(key, key))
            have = len(have) if key.endswith("_count") else have
            good = have == value
            if key == "minutes" or (isinstance(value, (int, float)) and key != "successes"):
                good = close(have, value)
            elif isinstance(value, list):
                good = sorted(have) == sorted(set(value))
            if not good:
                bad.append("%s is %s, not %s" % (key, str(have)[:150], str(value)[:150]))
        if one["finding"] not in LEADS.get(one["kind"], {one["finding"]}):
            bad.append("it is told by " + one["finding"])
        found += 1
        right += not bad
        wrong += ["%s: %s" % (want["kind"], "; ".join(bad))] if bad else []
    for k, one in enumerate(incidents):
        # The thief's login from elsewhere is told too.
        with_loot = one["kind"] == "registration-hijack" and any(e["kind"] == "toll-fraud" and one["sources"] == e.get("sources") for e in events)
        allowed = with_loot or one["kind"] in beside or one["severity"] in ("info", "low") or (one["kind"] == "anomaly" and one["severity"] == "medium")
        if k not in taken and not allowed:
            wrong.append("beside: %s %s %s of %s, accounts %s, %d attempts" % (one["severity"], one["kind"], one["finding"], one["sources"][:3], one["accounts"][:4], one["attempts"]))
    return wrong, found, right


def tell(tool, stories, names):
    """Judges these stories; the status to exit with."""
    totals, complaints = [0, 0, 0], 0
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "story.pcap"
        for name in names:
            w, events, *beside = stories[name]()
            w.write(path)
            wrong, found, right = judge(report_of(tool, path), events, beside[0] if beside else ())
            totals, complaints = [a + b for a, b in zip(totals, (len(events), found, right))], complaints + len(wrong)
            for line in wrong:
                print("%s: %s" % (name, line))
    print("%d stories, %d events, %d found, %d right in all details, %d complaints" % (len(names), *totals, complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(tell(sys.argv[1], STORIES, sys.argv[2:] or list(STORIES)))
