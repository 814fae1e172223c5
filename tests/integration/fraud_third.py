#!/usr/bin/env python3
"""A third set of campaigns: behind proxies, at switches without passwords, by taps that see a part: fraud_third.py TOOL [STORY or WORLD...].

Each labelled event was written down before the tool saw the capture. The honest worlds are read whole, in parts with --state, in
HEP and lossy; nothing of them may be told with severity high or above."""
import pathlib
import sys
import tempfile

from fraud_dialects import crack, enumerate_, extensions, sweep, theft, users
from fraud_dialects_wire import SETS, Bot, Handset, Pbx, clinic, provider
from fraud_habits import readings
from fraud_third_wire import Cluster, Hydra, Lossy, MrSip, Sipp, cluster, proxied
from fraud_unseen import LEADS, tell
from fraud_wire import DAY, HOUR, MONDAY, Leg, Server, host_port, keep_registered, numbers_of, ordinary_calls, reply, sdp

STORIES, WORLDS = {}, {}
LEADS["invite-scan"].update(("FRAUD-005", "FRAUD-009"))
LEADS["options-scan"].add("FRAUD-009")
A, B, C, D, E = "77.247.110.58", "156.96.62.44", "37.49.230.139", "2.57.122.9", "91.240.118.77"
TUESDAY = MONDAY + 8 * DAY


def story(function):
    STORIES[function.__name__.replace("_", "-")] = function
    return function


def world(function):
    WORLDS[function.__name__.replace("_", "-")] = function
    return function


@story
def one_address_each_fifty_minutes():
    w = Lossy(602)
    site = provider(w, hours=20)
    bot = Bot(w, B, "sipsak", None, rotates=True)
    for k in range(24):
        bot.ask(site.begin + 600 + 2900 * k, Server(w, "192.0.2.%d" % (100 + 5 * k)), "OPTIONS", "s", None)
    return w, [dict(kind="options-scan", sources=[B], attempts=24, successes=0)]


@story
def mr_sip_looks_for_servers():
    w = Lossy(604)
    site = proxied(w)
    bot = MrSip(w, D, rotates=True)
    for k in range(64):
        bot.ask(site.begin + 2 * HOUR + .3 * k, Server(w, "195.20.30.%d" % (64 + k)), "OPTIONS", "100", "200 OK" if k in (5, 60) else None)
    return w, [dict(kind="options-scan", sources=[D], attempts=64, successes=2)]


@story
def three_methods_at_one_host():
    """OPTIONS twice, then INVITE for thirty numbers, most of them."""
    w = Lossy(606)
    site = clinic(w)
    outer, bot = Pbx(w, "203.0.113.10", name=site.name, realm="asterisk"), Bot(w, A, "script", "Cisco-SIPGateway/IOS-12.x", rotates=True)
    t = site.begin + HOUR
    for k in range(2):
        bot.ask(t + k, outer, "OPTIONS", "100", "200 OK")
    for k in range(30):
        bot.ask(t + 10 + 4 * k, outer, "INVITE", "+4420355500%02d" % k, "401 Unauthorized")
    return w, [dict(kind="invite-scan", sources=[A], attempts=30)], ("enumeration",)


@story
def war_through_the_proxy():
    """Asked of the proxy, answered by the switch behind; the tap sees both sides."""
    w = Lossy(607)
    site = proxied(w)
    return w, [enumerate_(Bot(w, B, "vicious", "Obihai/1.1"), site.begin + HOUR, site, users(7000, 50), extensions(site), gap=.3, present="407 Proxy Authentication Required", method="INVITE")]


@story
def hydra():
    w = Lossy(614)
    site = clinic(w)
    outer, bot = Pbx(w, "203.0.113.10", name=site.name, realm="asterisk"), Hydra(w, C, rotates=True)
    return w, crack(bot, site.begin + HOUR, outer, "2209", 160, True, gap=.25)


@story
def sipp_with_a_list_of_passwords():
    w = Lossy(615)
    site = proxied(w, realm="town")
    return w, crack(Sipp(w, D, port=5061), site.begin + HOUR, site, "7013", 90, True, gap=1.)


@story
def one_guess_in_six_minutes_for_two_days():
    w = Lossy(616)
    site = provider(w, hours=44)
    t, bot = site.begin + 900, Bot(w, E, "script", "Grandstream HT802 1.0.17.5", rotates=True)
    for k in range(400):
        bot.guess(t, site, "441619", "s%d" % k)
        t += w.rnd.uniform(240, 460)
    return w, [dict(kind="brute-force", sources=[E], accounts=["441619"], attempts=400, successes=0, messages=800)]


@story
def logins_of_which_only_the_requests_are_seen():
    """An asymmetric route: eighty logins for one account within the hour by a program; no answer is in the capture."""
    w = Lossy(618, to=("192.0.2.40",))
    site = provider(w)
    bot, t = Bot(w, A, "script", "Ozeki VoIP SIP 10.1", rotates=True), site.begin + 2 * HOUR
    for k in range(80):
        bot.guess(t, site, "441614", "o%d" % k)
        t += w.rnd.uniform(15, 60)
    return w, [dict(kind="brute-force", sources=[A], accounts=["441614"])]


@story
def guesser_in_the_house_of_the_owner():
    """A program on a PC behind the owner's router guesses the owner's own account, all day, with other faces and pauses; the phone goes on."""
    w = Lossy(619)
    site = provider(w, hours=12)
    owner = site.phones[4]
    bot, t = Bot(w, owner.at[0], "script", "PJSUA v2.10 Win32", rotates=True, via="192.168.2.77"), site.begin + HOUR
    for k in range(200):
        bot.guess(t, site, owner.user, "h%d" % k)
        t += w.rnd.uniform(30, 260)
    return w, [dict(kind="brute-force", sources=[owner.at[0]], accounts=[owner.user], attempts=200, successes=0)]


@story
def leaked_list_at_a_proxy():
    """Names like letters' addresses, most are nobody here; unknown names are asked for a password like others."""
    w = Lossy(622)
    site = proxied(w, seen="wan")
    real = ["anna.k", "b.meier", "clara99"]
    for k, name in enumerate(real):
        phone = Handset(w, name, "89.70.3.%d" % (9 + k), SETS["groundwire"], port=22000 + k, local="10.0.0.%d" % k)
        keep_registered(site, phone, site.begin, site.begin + 8 * HOUR, 1500)
    names = [w.word(5, "abcdefghiklmnoprstuw") + w.rnd.choice((".", "_", "")) + w.word(3) for _ in range(57)] + real
    w.rnd.shuffle(names)
    for k, name in enumerate(names):
        Bot(w, D, "script", "Linphonec/3.6.1", rotates=True).guess(site.begin + 2 * HOUR + 9 * k, site, name, "leak" + name[:2], "200 OK" if name in real[:2] else "401 Unauthorized")
    return w, [dict(kind="credential-stuffing", sources=[D], attempts=60, successes=2), dict(kind="account-compromise", sources=[D], accounts=sorted(real[:2]))]


@story
def banned_and_back_from_another_address():
    """After each thirty refusals the answers stop; the guesser moves on to its next address."""
    w = Lossy(627)
    site = provider(w, hours=10)
    t, sources = site.begin + HOUR, ["185.107.80.%d" % (20 + k) for k in range(4)]
    for source in sources:
        bot = Bot(w, source, "vicious", "SIPClient 4.1")
        for k in range(30):
            bot.guess(t + 2 * k, site, "441617", "%s%d" % (source[-2:], k))
        for k in range(10):
            bot.ask(t + 70 + 3 * k, site, "REGISTER", "441617")
        t += 1500
    return w, [dict(kind="brute-force", sources=sources, accounts=["441617"], attempts=120, successes=0)]


@story
def registered_over_without_a_password():
    """The switch asks nobody; a sipp script takes over three phones' places."""
    w = Lossy(628)
    site = cluster(w)
    bot = Sipp(w, A)
    for k, user in enumerate(("5003", "5007", "5011")):
        bot.ask(site.begin + 3 * HOUR + 20 * k, site, "REGISTER", user, "200 OK", more=["Contact: <sip:sipp@%s:5060>;expires=3600" % A])
    return w, [dict(kind="registration-hijack", sources=[A], accounts=["5003", "5007", "5011"], severity="critical")]


@story
def all_contacts_taken_away_without_a_password():
    w = Lossy(630)
    site = cluster(w)
    for k in range(6):
        bot = Bot(w, B, "script", None, rotates=True)
        text = bot.ask(site.begin + 2 * HOUR + 4 * k, site, "REGISTER", "50%02d" % (2 + k), None)
        w.said.pop()
        text = text.replace("Contact: <sip:50%02d@%s>" % (2 + k, host_port(B, bot.port)), "Contact: *\r\nExpires: 0")
        w.send(site.begin + 2 * HOUR + 4 * k, (B, bot.port), site.at, text)
        site.answer(site.begin + 2 * HOUR + 4 * k + .01, text, "200 OK", (B, bot.port))
    return w, [dict(kind="deregistration", sources=[B], accounts=["50%02d" % (2 + k) for k in range(6)], successes=6)]


@story
def let_into_the_menu():
    w = Lossy(633)
    site = provider(w)
    bot, t = Bot(w, B, "script", "sipcli/v1.8"), site.begin + 2 * HOUR
    for k, user in enumerate(("1", "99", "1234")):
        bot.ask(t + 30 * k, site, "INVITE", user, "480 Temporarily Unavailable")
    text = bot.ask(t + 200, site, "INVITE", "5000")
    site.answer(t + 200.2, text, "200 OK", (B, 5060), body=sdp("192.0.2.40", 18000), tag="ivr1")
    w.send(t + 200.3, (B, 5060), site.at, text.replace("INVITE ", "ACK ", 1).replace(" INVITE", " ACK"))
    bye = text.replace("INVITE ", "BYE ", 1).replace("1 INVITE", "2 BYE").replace("To: <sip:5000@192.0.2.40>", "To: <sip:5000@192.0.2.40>;tag=ivr1").replace("branch=z9hG4bK", "branch=z9hG4bKb")
    w.send(t + 245, (B, 5060), site.at, bye)
    site.answer(t + 245.01, bye, "200 OK", (B, 5060))
    return w, [dict(kind="unauthenticated-call", sources=[B], calls=1, answered=1)]


@story
def registers_from_four_hundred_borrowed_addresses():
    w = Lossy(635)
    site = proxied(w, seen="wan")
    t, sources = site.begin + 2 * HOUR, ["%d.%d.%d.%d" % (11 + k % 180, k % 251, (7 * k) % 250, 1 + k % 250) for k in range(400)]
    for k in range(2400):
        MrSip(w, sources[k % 400], port=5060).ask(t + .025 * k, site, "REGISTER", "70%02d" % (k % 30), "401 Unauthorized" if k < 300 else None)
    return w, [dict(kind="distributed-flood", sources=sources, messages=2400)]


@story
def registers_of_forty_bots_below_the_limits():
    """Forty bots, five REGISTERs a second between them for ten minutes, in a place that sees one in ten seconds."""
    w = Lossy(639)
    site = provider(w)
    t, sources = site.begin + 5 * HOUR, ["%d.%d.41.%d" % (24 + 4 * k, 3 * k, 1 + k) for k in range(40)]
    for k in range(3000):
        Bot(w, sources[(11 * k) % 40], "script", "UA", port=5060).ask(t + k * .2, site, "REGISTER", "4416%02d" % (10 + k % 18), "401 Unauthorized" if k % 2 else None)
    return w, [dict(kind="distributed-flood", sources=sources, messages=3000)]


@story
def sql_in_the_login():
    w = Lossy(641)
    site = proxied(w)
    bot, t = Bot(w, B, "script", "Asterisk PBX"), site.begin + HOUR
    for k, name in enumerate(("' or '1'='1' -- ", "admin' union select null,null -- ", "x'; drop table subscriber; --")):
        bot.guess(t + 20 * k, site, name, "x")
    return w, [dict(kind="injection", sources=[B], finding="FRAUD-030", severity="high")], ("credential-stuffing", "enumeration")


@story
def two_froms():
    w = Lossy(644)
    site = provider(w)
    bot = Handset(w, "441611", E, SETS["poly"], 5060, domain="192.0.2.40")
    for k in range(3):
        text = bot.request("INVITE", "sip:0025261%06d@192.0.2.40" % k, "sip:0025261%06d@192.0.2.40" % k, w.hex(20), 1, w.hex(8)).replace("CSeq:", "From: <sip:441699@pbx.example.net>;tag=9\r\nCSeq:", 1)
        bot.say(site.begin + HOUR + 30 * k, site, text)
        site.answer(site.begin + HOUR + 30 * k + .02, text, "407 Proxy Authentication Required", bot.at, [site.challenge("407 x")[1]])
    return w, [dict(kind="injection", sources=[E], finding="FRAUD-034", severity="medium")], ("dial-plan-probe", "toll-fraud")


@story
def names_of_three_thousand_letters():
    w = Lossy(645)
    site = provider(w)
    bot = Handset(w, "441611", A, SETS["poly"], 5060, domain="192.0.2.40")
    for k in range(14):
        text = bot.request("REGISTER", "sip:192.0.2.40", "sip:441611@192.0.2.40", "A" * (3000 + k), 1, w.hex(8))
        bot.say(site.begin + HOUR + 9 * k, site, text)
    return w, [dict(kind="malformed-fuzzing", sources=[A])]


@story
def media_ports_beaten():
    w = Lossy(647)
    site = provider(w)
    for k in range(120):
        w.rtp(site.begin + HOUR + .003 * k, (D, 5004), ("192.0.2.40", 16384 + 2 * k), 50, 1 / .36, ssrc=0x1000 + k)
    return w, [dict(kind="flood", sources=[D], messages=6000, finding="FRAUD-028")]


@story
def stolen_behind_a_proxy():
    w = Lossy(649)
    site = proxied(w)
    return w, [theft(w, site, site.begin + 3 * HOUR, "7015", B, numbers_of(w, ("+53529", "+2327"), 25), talk=260., gap=40, reach=False)], ("registration-hijack",)


@story
def stolen_and_only_the_trunk_is_seen():
    """The tap stands between switch and carrier: an extension of the house calls Sierra Leone at night, all calls come from the switch."""
    w = Lossy(651, keep=None)
    site = clinic(w, hours=12)
    t, seconds = MONDAY + 4 * DAY + 7 * HOUR, 0
    thief = Handset(w, "2244", D, SETS["sipjs"], 5070)
    for k, number in enumerate(numbers_of(w, ("+2327", "+2522"), 24)):
        site.out(t + 35 * k, thief, number, ring=2, talk=300., by_caller=False)
        seconds += 300
    w.keep = lambda src, dst, data: "192.0.2.70" in (src[0], dst[0])
    return w, [dict(kind="toll-fraud", calls=24, answered=24, minutes=seconds / 60)]


@story
def six_long_ones_at_night_from_the_house():
    w = Lossy(652)
    site = cluster(w, cc="49", stem="+4930555", hours=10)
    phone, t, seconds = site.phones[6], MONDAY + 9 * DAY + 1 * HOUR, 0
    for k in range(6):
        site.out(t + 600 * k, phone, "+3719000%04d" % (1000 + 37 * k), ring=3, talk=2100 + 10 * k, by_caller=False, login=False)
        seconds += 2100 + 10 * k
    return w, [dict(kind="toll-fraud", accounts=[phone.user], calls=6, answered=6, minutes=seconds / 60)]


@story
def one_ring_from_the_cook_islands():
    """The border writes numbers without plus and with user=phone."""
    w = Lossy(653)
    site = provider(w, phones=26)
    t, callers = site.begin + 2 * HOUR, ["+6822%04d" % (3000 + 111 * k) for k in range(6)]
    bell = Handset(w, "x", "203.0.113.90", SETS["ribbon"], 5060)
    for k in range(60):
        phone = site.phones[(7 * k) % 26]
        near = Leg(w, bell, site.at, "sip:44161496%s@192.0.2.40;user=phone" % phone.user[-4:], name=site.name)
        near.start(t + 17 * k, frm="sip:%s@203.0.113.90;user=phone" % callers[k % 6][1:])
        site.both(t + 17 * k, [near, site.to_phone(t + 17 * k + .02, callers[k % 6], phone)], .8, 0, cancel=True)
    for k in range(3):
        site.out(t + 2000 + 300 * k, site.phones[2 + k], callers[k], ring=5, talk=120)
    return w, [dict(kind="wangiri", sources=["203.0.113.90"], numbers=callers, calls=63, successes=3)]


@story
def saturday_night_from_a_desk():
    """The office works on weekdays; on Saturday at two one desk calls Bulgaria for an hour."""
    w = Lossy(661)
    site = clinic(w, cc="49", stem="+4989200", hours=9, begin=MONDAY + 7 * DAY + 6 * HOUR)
    for day in range(1, 5):
        for phone in site.phones:
            keep_registered(site, phone, MONDAY + (7 + day) * DAY + 5 * HOUR, MONDAY + (7 + day) * DAY + 20 * HOUR, 3300)
        ordinary_calls(site, site.phones, MONDAY + (7 + day) * DAY + 7 * HOUR, MONDAY + (7 + day) * DAY + 16 * HOUR, 10, site.friends)
    phone, t, seconds = site.phones[5], MONDAY + 12 * DAY + 0 * HOUR, 0
    for k in range(6):
        site.out(t + 800 * k, phone, "+3598%08d" % (81234500 + k), ring=6, talk=600 + 11 * k)
        seconds += 600 + 11 * k
    return w, [dict(kind="toll-fraud", accounts=[phone.user], calls=6, minutes=seconds / 60)]


@story
def three_a_day_to_jamaica_in_a_week_with_jamaica():
    """A house that calls Jamaica by day; a thief uses one account from abroad, three calls a night."""
    w = Lossy(662)
    site = clinic(w, hours=9, begin=MONDAY + 7 * DAY + 13 * HOUR)
    home = ["+1876%07d" % (5550100 + k) for k in range(4)]
    for day in range(1, 5):
        for phone in site.phones:
            keep_registered(site, phone, MONDAY + (7 + day) * DAY + 12 * HOUR, MONDAY + (8 + day) * DAY, 3300)
        ordinary_calls(site, site.phones, MONDAY + (7 + day) * DAY + 13 * HOUR, MONDAY + (7 + day) * DAY + 22 * HOUR, 10, site.friends, home)
    thief, seconds, called = Handset(w, "2242", C, SETS["groundwire"], 5077), 0, []
    for day in range(5):
        t = MONDAY + (8 + day) * DAY + 7 * HOUR
        thief.register(t - 60, site)
        for k in range(3):
            called.append("+18764%06d" % w.rnd.randrange(10**6))
            site.out(t + 700 * k, thief, called[-1], ring=3, talk=1500 + k, by_caller=False)
            seconds += 1500 + k
    return w, [dict(kind="toll-fraud", sources=[C], accounts=["2242"], calls=15, minutes=seconds / 60)], ("registration-hijack",)


@story
def from_the_first_look_to_the_loot():
    """Four addresses, one purpose: a sweep, names, guesses, then calls from elsewhere through a proxy."""
    w = Lossy(664)
    site = proxied(w, hours=12)
    t = site.begin + HOUR
    a = sweep(Bot(w, A, "vicious", "A400"), t, "195.20.30", 30, (3,), gap=.4)
    b = enumerate_(Bot(w, A, "vicious", "A400"), t + 300, site, users(7000, 60), extensions(site), gap=.4)
    c = crack(Bot(w, A, "vicious", "A400"), t + 900, site, "7016", 100, True, gap=.8)
    d = theft(w, site, t + 4 * HOUR, "7016", E, numbers_of(w, ("+2522", "+2247"), 20), talk=280., gap=45, reach=False)
    return w, [a, b, *c, d], ("registration-hijack",)


# --- honest worlds ---------------------------------------------------------------------------------------------------

def sets(w, first, n, net, makes=("poly", "sep", "panasonic", "obi"), **more):
    return [Handset(w, str(first + k), "%s.%d" % (net, 10 + k), SETS[makes[k % len(makes)]], **more) for k in range(n)]


@world
def sixty_phones_behind_nat_after_a_power_cut():
    """All come back within a minute from one address; the server is up only after ninety seconds, so that all knock in vain; half use old nonces."""
    w = Lossy(701)
    site = proxied(w, phones=6)
    phones = [Handset(w, "8%03d" % k, "217.91.5.5", SETS[("poly", "panasonic", "chan_sip", "fritz")[k % 4]], port=1024 + 97 * k, local="192.168.%d.%d" % (10 + k // 30, 10 + k % 30)) for k in range(60)]
    for phone in phones:
        keep_registered(site, phone, site.begin, site.begin + 3 * HOUR, 1700)
    cut = site.begin + 3 * HOUR
    for phone in phones:
        t = cut + w.rnd.uniform(0, 40)
        phone.call_id = phone.make.call_id(w, phone.local)
        while t < cut + 90:
            text = phone.request("REGISTER", "sip:voice.example", "sip:%s@voice.example" % phone.user, phone.call_id, phone.cseq, phone.make.tag(w), expires="3600")
            for late in (0, .5, 1.5, 3.5, 7.5):
                phone.say(t + late, site, text)
            phone.cseq += 1
            t += w.rnd.uniform(10, 20)
        phone.at = (phone.at[0], w.rnd.randrange(1024, 65000))
        phone.register(t + w.rnd.uniform(0, 10), site, fresh=w.rnd.random() < .5)
        keep_registered(site, phone, t + 1500, site.begin + 8 * HOUR, 1700)
    for k in range(200):
        site.out(cut + 300 + 60 * k, phones[(7 * k) % 60], site.friends[k % 40], reach=False, ring=8, talk=100)
    return w


@world
def wrong_passwords_for_a_week():
    """Three phones of the house with an old password: each two minutes, with a growing pause, and at random; for seven days."""
    w = Lossy(702)
    site = clinic(w, hours=9)
    a, b, c = sets(w, 2290, 3, "10.40.9", ("sep", "chan_sip", "obi"))
    t = {a: site.begin, b: site.begin + 9, c: site.begin + 17}
    pause = 30
    end = site.begin + 6.5 * DAY
    while min(t.values()) < end:
        phone = min(t, key=t.get)
        phone.register(t[phone], site, "401 Unauthorized", fresh=True)
        if phone is a:
            t[a] += 120 + w.rnd.random() * 4
        elif phone is b:
            pause = min(1800, pause * 2)
            t[b] += pause
        else:
            t[c] += w.rnd.uniform(60, 900)
    return w


@world
def dialler_of_a_3cx():
    """Eight lines, lists of French, Belgian and Moroccan numbers; a third connects; dropped calls are ended at once."""
    w = Lossy(705)
    site = clinic(w, cc="33", stem="+33140", name="3CXPhoneSystem 18.0.9.20", realm="3CXPhoneSystem", layout="threecx", phones=30, rate=20, begin=TUESDAY + 7 * HOUR)
    dialler, t = sets(w, 8000, 1, "10.40.7", ("threecx",))[0], TUESDAY + 8 * HOUR
    keep_registered(site, dialler, site.begin, site.begin + 9 * HOUR, 1700)
    while t < TUESDAY + 14 * HOUR:
        t += w.rnd.expovariate(1 / 7)
        number = w.rnd.choice(("+331", "+334", "+3222", "+21252", "+2126")) + w.word(8, "23456789")
        fate = w.rnd.random()
        how = dict(ring=18, talk=0, cancel=True) if fate < .45 else dict(ring=1, talk=0, status="486 Busy Here") if fate < .6 else dict(ring=.5, talk=0, status="404 Not Found") if fate < .7 else dict(
            ring=w.rnd.uniform(3, 12), talk=w.rnd.choice((1.5, 4, 30, 180)) * w.rnd.uniform(.7, 1.4), by_caller=w.rnd.random() < .5)
        site.out(t, dialler, number, **how)
    return w


@world
def holidays():
    """Twelve of the staff are away: softphones from hotels in Spain, Thailand, Turkey and Cuba, new networks each day, calls to taxis and restaurants there and home."""
    w = Lossy(706)
    site = provider(w, hours=9, begin=TUESDAY + 6 * HOUR)
    land = ("+3497", "+668", "+537", "+2302", "+905", "+1876")
    for day in range(5):
        for k in range(12):
            phone = Handset(w, "%d" % (441610 + k), "%d.%d.%d.%d" % (83 + k, 20 + day * 3, k, 2 + day), SETS["groundwire"], port=30000 + day * 7 + k, local="172.20.1.%d" % (3 + k))
            base = TUESDAY + day * DAY + 7 * HOUR
            keep_registered(site, phone, base, base + 13 * HOUR, 590)
            for n in range(w.rnd.randrange(1, 4)):
                number = land[k % 6] + w.word(7, "0123456789") if w.rnd.random() < .25 else w.rnd.choice(site.friends)
                site.out(base + w.rnd.uniform(0, 12) * HOUR, phone, number, ring=9, talk=w.rnd.uniform(20, 500))
    return w


@world
def hospital_with_paging():
    """Pages ring fifty phones at once and take four seconds; nurse calls five a minute; the emergency team is called at 2222 by all."""
    w = Lossy(708)
    site = cluster(w, phones=50, hours=8, rate=30)
    pager = Handset(w, "page", "10.60.0.20", SETS["freeswitch"], 5060)
    for n in range(14):
        t = site.begin + 1200 + 1900 * n
        for k, phone in enumerate(site.phones):
            leg = Leg(w, pager, phone.at, "sip:%s@%s" % (phone.user, host_port(*phone.at)), name=phone.make.agent, over="udp", more=["Alert-Info: <http://localhost>;info=alert-autoanswer;delay=0"])
            leg.start(t + .004 * k)
            leg.take(t + .15 + .004 * k)
            leg.bye(t + 4.4 + .004 * k)
    for k in range(1500):
        t = site.begin + 12 * k + w.rnd.random() * 9
        site.between(t, site.phones[(7 * k) % 50], site.phones[k % 3], ring=2, talk=8, login=False, cancel=k % 5 == 0)
    for k in range(30):
        site.between(site.begin + 300 + 800 * k, site.phones[(11 * k) % 50], site.phones[49], ring=.8, talk=14, login=False)
    return w


@world
def bridge_with_many():
    """At nine and at two, forty people from everywhere dial the bridge within two minutes and stay for an hour."""
    w = Lossy(710)
    site = clinic(w, rate=10)
    for hour in (2, 7):
        for k in range(40):
            caller = w.rnd.choice(("+1617", "+1212", "+44207", "+4969", "+9180", "+8621", "+5511")) + w.word(7, "23456789")
            site.arrive(site.begin + hour * HOUR + w.rnd.uniform(-60, 80), caller, None, number="+16175552500", ring=.4, talk=3300 + w.rnd.uniform(-600, 500))
        for k in range(6):
            site.out(site.begin + hour * HOUR + 100 + 5 * k, site.phones[2], w.rnd.choice(("+44207", "+9180")) + w.word(8, "23456789"), ring=9, talk=3000)
    return w


@world
def carrier_that_fell_over():
    """For twelve minutes the carrier says 503 to all; the switch tries each call on the second one, then on the first again with another form of number."""
    w = Lossy(712)
    site = clinic(w, cc="49", stem="+4971150", phones=24, rate=40, hours=8)
    for k in range(120):
        t = site.begin + 3 * HOUR + 6 * k
        number, phone = w.rnd.choice(site.friends), site.phones[k % 24]
        leg = Leg(w, phone, site.at, "sip:%s@voice.example" % site.dial(number), name=site.name)
        at = leg.start(t, site)
        for n, (to, form) in enumerate(((site.carrier, number), (("198.18.7.7", 5060), number), (site.carrier, "00" + number[1:]))):
            far = Leg(w, site.self_, to, "sip:%s@%s" % (form, to[0]), name="carrier", over="udp")
            far.start(at + .02 + .3 * n, frm="sip:+4971150%s@%s" % (phone.user, site.outside))
            far.refuse(at + .2 + .3 * n, "503 Service Unavailable" if n != 1 or k % 3 else "500 Server Internal Error")
        leg.refuse(at + 1, "503 Service Unavailable")
    return w


@world
def passwords_changed_for_a_branch_behind_nat():
    w = Lossy(716)
    site = provider(w, hours=9)
    branch = [Handset(w, "%d" % (441700 + k), "81.150.4.4", SETS[("poly", "fritz", "panasonic")[k % 3]], port=2000 + 51 * k, local="10.2.0.%d" % (10 + k)) for k in range(25)]
    for phone in branch:
        keep_registered(site, phone, site.begin, site.begin + 3 * HOUR, 600)
        t, until = site.begin + 3 * HOUR + w.rnd.uniform(0, 60), site.begin + 3 * HOUR + w.rnd.uniform(900, 1500)
        while t < until:
            phone.register(t, site, "401 Unauthorized", fresh=True)
            t += w.rnd.uniform(28, 34)
        phone.password = "n"
        keep_registered(site, phone, t, site.begin + 8 * HOUR, 600)
    return w


@world
def cluster_that_moves_house():
    """All phones of a cluster that asks for no passwords go to the second server for an hour and come back."""
    w = Lossy(723)
    site = cluster(w, phones=60)
    second = Cluster(w, "10.60.0.11", outside="10.60.0.2", carrier="198.18.4.4", cc="1", form="", name="Cisco-CUCM12.5")
    for phone in site.phones:
        t = site.begin + 3 * HOUR + w.rnd.random() * 20
        while t < site.begin + 4 * HOUR:
            second.register(t, phone, call_id="b" + phone.call_id)
            t += 112
    return w


@world
def exchange_whose_trunk_password_is_old():
    """A customer's exchange tries its ten numbers in turn, each half minute, with a password that was changed."""
    w = Lossy(726)
    site = provider(w)
    lines = [Handset(w, "4416149%02d" % k, "213.40.9.9", SETS["chan_sip"], 5060) for k in range(10)]
    for line in lines:
        keep_registered(site, line, site.begin, site.begin + 2 * HOUR, 300)
    t = site.begin + 2 * HOUR
    while t < site.begin + 6 * HOUR:
        for line in lines:
            line.register(t + w.rnd.random(), site, "403 Forbidden", fresh=True)
        t += 30
    for line in lines:
        line.password = "n"
        keep_registered(site, line, t, site.begin + 9 * HOUR, 300)
    return w


@world
def students():
    """A hall of residence behind one address, forty accounts; some mistype a dozen times, with changing programs, then get it right."""
    w = Lossy(727)
    site = proxied(w, hours=10)
    hall = [Handset(w, "st%05d" % (10100 + 37 * k), "141.30.9.9", SETS[("bria", "baresip", "groundwire", "sipjs")[k % 4]], port=3000 + 71 * k, local="10.9.%d.%d" % (k, 4)) for k in range(40)]
    for k, who in enumerate(hall):
        if k % 5 == 0:
            t = site.begin + HOUR + 600 * k
            for n in range(w.rnd.randrange(5, 13)):
                who.register(t, site, "401 Unauthorized", fresh=True)
                t += w.rnd.uniform(8, 60)
            keep_registered(site, who, t, site.begin + 9.5 * HOUR, 600)
        else:
            keep_registered(site, who, site.begin, site.begin + 9.5 * HOUR, 600)
    return w


@world
def only_the_requests_of_a_normal_day():
    w = Lossy(729, to=("192.0.2.40",))
    site = provider(w, phones=30, hours=12, nonce_life=120)
    wrong = Handset(w, "441690", "86.99.1.7", SETS["fritz"], 5060, local="192.168.178.40")
    for k in range(400):
        wrong.register(site.begin + 60 * k + w.rnd.random() * 5, site, "401 Unauthorized", fresh=True)
    return w


@world
def transfers_all_day():
    """The reception sends callers on, to the house, to mobiles and to the branch in Casablanca."""
    w = Lossy(719)
    site = clinic(w, cc="33", stem="+33155", phones=12)
    desk = site.phones[0]
    for k in range(80):
        t, caller = site.begin + 900 + 360 * k, w.rnd.choice(site.friends)
        near = Leg(w, site.trunk, (site.outside, 5060), "sip:+331555201@203.0.113.10", name=site.name)
        near.start(t, frm="sip:%s@192.0.2.70" % caller)
        inner = site.to_phone(t + .02, caller, desk)
        inner.ring(t + .3)
        near.ring(t + .31)
        inner.take(t + 4)
        near.take(t + 4.01)
        target = ("2205", "00212522%06d" % (410000 + k % 3), "0612%06d" % (345600 + k), "2209")[k % 4]
        refer = "\r\n".join(["REFER sip:pbx@10.40.0.5 SIP/2.0", "Via: SIP/2.0/UDP %s;branch=z9hG4bK%s" % (host_port(*desk.at), w.hex(10)), "From: <%s>;tag=%s" % (inner.to, inner.far_tag), "To: <sip:%s@10.40.0.5>;tag=%s" % (caller, inner.tag),
                             "Call-ID: " + inner.call_id, "CSeq: 7 REFER", "Refer-To: <sip:%s@10.40.0.5>" % target, "Referred-By: <sip:%s@10.40.0.5>" % desk.user, "Contact: " + desk.contact, "Max-Forwards: 70", "Content-Length: 0", "", ""])
        w.send(t + 20, desk.at, site.at, refer, "udp")
        w.send(t + 20.01, site.at, desk.at, reply(refer, "202 Accepted", site.name), "udp", client=False)
        inner.bye(t + 20.3)
        if k % 4 in (1, 2):
            number = "+212522%06d" % (410000 + k % 3) if k % 4 == 1 else "+33612%06d" % (345600 + k)
            far = Leg(w, site.self_, site.carrier, "sip:%s@192.0.2.70" % number, name="Oracle-SBC", over="udp", more=["Referred-By: <sip:%s@10.40.0.5>" % desk.user])
            far.start(t + 20.1, frm="sip:+331555201@203.0.113.10")
            site.both(t + 20.1, [far], 7, 150)
            near.bye(t + 178)
        else:
            other = site.to_phone(t + 20.1, caller, site.phones[5 if k % 4 == 0 else 9])
            site.both(t + 20.1, [other], 5, 120)
            near.bye(t + 146)
    return w


def alarms(tool, names):
    """How many grave incidents are told of these worlds."""
    told = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            for how, incidents in readings(tool, WORLDS[name](), pathlib.Path(scratch), name):
                for one in incidents:
                    if one["severity"] in ("high", "critical"):
                        told += 1
                        print("%s, %s: %s %s %s of %s, accounts %s" % (name, how, one["severity"], one["kind"], one["finding"], one["sources"][:3], one["accounts"][:3]))
    print("%d worlds, %d alarms" % (len(names), told))
    return told


if __name__ == "__main__":
    chosen = sys.argv[2:] or [*STORIES, *WORLDS]
    wrong = tell(sys.argv[1], STORIES, [name for name in chosen if name in STORIES])
    sys.exit(1 if alarms(sys.argv[1], [name for name in chosen if name in WORLDS]) or wrong else 0)
