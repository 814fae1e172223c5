#!/usr/bin/env python3
"""Honest days, written as the test runs, over which fraud-scan must raise no alarm: fraud_honest.py TOOL [WORLD...].

Nothing of them may be told with severity high or above; what is told at all must be of the kinds that a world allows."""
import pathlib
import random
import sys
import tempfile

from fraud_wire import DAY, MAKES, MONDAY, Exchange, Leg, Phone, Server, Wire, host_port, keep_registered, local_friends, ordinary_calls, reply, report_of, sdp

WORLDS = {}
NOTES = ("anomaly", "misconfigured-device")


def world(*kinds):
    def keep(function):
        WORLDS[function.__name__.replace("_", "-")] = (function, kinds)
        return function
    return keep


def options(wire, t, src, dst, answer="200 OK", agent="kamailio (5.6.4)", user="", over="udp"):
    asker = Phone(wire, "ping", src[0], "asterisk", src[1])
    text = asker.request("OPTIONS", "sip:%s%s" % (user + "@" if user else "", host_port(*dst)), "sip:%s%s" % (user + "@" if user else "", dst[0]), asker.make.call_id(wire, src[0]), 102, wire.hex(8)).replace(
        "Asterisk PBX 18.20.0", agent)
    wire.send(t, src, dst, text, over)
    if answer:
        wire.send(t + .01, dst, src, reply(text, answer, "device", wire.hex(6)), over, client=False)


MIX = ("yealink", "grandstream", "cisco", "snom", "linphone", "zoiper", "pjsip", "ata")


@world(*NOTES)
def office_where_everything_happens():
    """Twenty phones in the house, ten at home; and on this day somebody types a wrong password for an hour, the fax redials, the door
    rings, the alarm reports, somebody new calls abroad, phones are restarted all at once, a line is forwarded and rings in parallel."""
    w = Wire(11)
    site, begin = Exchange(w, "10.1.0.5", "198.51.100.5"), MONDAY
    phones = [site.person(MIX[i % 4], str(200 + i), "10.1.1.%d" % (10 + i)) for i in range(20)]
    away = [site.person(MIX[4 + i % 3], str(230 + i), "91.%d.40.%d" % (10 + i, 20 + i), port=41000 + 77 * i, local="192.168.178.%d" % (20 + i)) for i in range(10)]
    for phone in phones + away:
        keep_registered(site, phone, begin, begin + DAY, 1700)
    friends = local_friends(w)
    ordinary_calls(site, phones + away, begin + 7 * 3600, begin + 17 * 3600, 25, friends, ["+33142345678", "+441214960018", "+12125550188"])
    wrong = site.person("microsip", "231", "91.11.40.21", port=51044, local="192.168.178.77")
    t = begin + 9 * 3600
    while t < begin + 10 * 3600:  # somebody at home with a new softphone and an old note
        wrong.call_id = wrong.make.call_id(w, wrong.local)
        wrong.register(t, site, "401 Unauthorized", password="try%d" % w.rnd.randrange(6), fresh=True)
        t += w.rnd.uniform(20, 240)
    wrong.register(t, site)
    fax = site.person("ata", "290", "10.1.1.90", password="f")
    keep_registered(site, fax, begin, begin + DAY, 900)
    for k in range(18):
        site.out(begin + 11 * 3600 + 75 * k, fax, "+496912345678", ring=.5, talk=0, status="486 Busy Here")
    site.out(begin + 11.5 * 3600, fax, "+496912345678", ring=4, talk=190)
    door = site.person("grandstream", "291", "10.1.1.91")
    for k in range(12):
        site.between(begin + (7 + .9 * k) * 3600, door, phones[k % 5], ring=14, talk=0, cancel=k % 3 == 0)
    alarm = site.person("ata", "292", "10.1.1.92")
    for k in range(24):
        site.out(begin + k * 3600 + 120, alarm, "+498007312345", ring=1.2, talk=21)
    for k in range(5):
        site.out(begin + (9 + k) * 3600, phones[7], "+23057123%03d" % k, ring=9, talk=300 + 50 * k)  # Mauritius, at work
    site.out(begin + 15 * 3600, phones[8], "+37167012345", ring=9, talk=900)
    for phone in phones + away:  # a power cut
        at = begin + 13.2 * 3600 + w.rnd.uniform(0, 25)
        phone.nonce, phone.call_id = None, phone.make.call_id(w, phone.local)
        phone.register(at, site)
    for k in range(10):  # one number rings in five places
        near = Leg(w, site.trunk, (site.outside, 5060), "sip:+4969555200@198.51.100.5", name=site.name)
        t = begin + (9 + .5 * k) * 3600
        near.start(t, frm="sip:+49301234567@203.0.113.70")
        legs = [site.to_phone(t + .02 + .002 * n, "+49301234567", phones[n]) for n in range(5)]
        for leg in legs:
            leg.ring(t + .4)
        near.ring(t + .41)
        legs[2].take(t + 6)
        near.take(t + 6.01)
        for n, leg in enumerate(legs):
            if n != 2:
                leg.give_up(t + 6.02)
        near.bye(t + 80)
        legs[2].bye(t + 80.01)
    for k in range(8):  # forwarded to the mobile
        near = Leg(w, site.trunk, (site.outside, 5060), "sip:+4969555203@198.51.100.5", name=site.name)
        t = begin + (8.3 + k) * 3600
        near.start(t, frm="sip:+4930765432%d@203.0.113.70" % k)
        far = Leg(w, site.self_, site.carrier, "sip:+4917012345678@203.0.113.70", name="SBC", more=["Diversion: <sip:+4969555203@198.51.100.5>;reason=unconditional"])
        far.start(t + .02, frm="sip:+4930765432%d@198.51.100.5" % k)
        site.both(t, [near, far], 7, 120)
    return w


@world(*NOTES)
def two_hundred_phones_behind_one_address():
    """CGNAT: all phones of a town behind one address; nonces live a minute; the registrar goes away twice and each comes back in storms."""
    w = Wire(12)
    site = Exchange(w, "198.51.100.5", nonce_life=60, stale=False)
    phones = [site.person(MIX[i % 8], "20%03d" % i, "100.64.3.7", port=20000 + 31 * i, local="192.168.%d.%d" % (i % 7, 10 + i % 200)) for i in range(200)]
    outages = [(MONDAY + 9 * 3600, 200), (MONDAY + 14 * 3600, 45)]
    for i, phone in enumerate(phones):
        t = MONDAY + w.rnd.random() * 600
        while t < MONDAY + 18 * 3600:
            gone = next((b + d for b, d in outages if b <= t < b + d), None)
            if gone:
                uri = "sip:voice.example"
                while t < gone:
                    phone.cseq += 1
                    text = phone.request("REGISTER", uri, "sip:%s@voice.example" % phone.user, phone.call_id, phone.cseq, phone.make.tag(w), expires="3600")
                    for again in (0, .5, 1.5, 3.5, 7.5):
                        phone.say(t + again, site, text)
                    t += w.rnd.uniform(9, 14)
                t = gone + w.rnd.uniform(0, 6)
                continue
            phone.register(t, site)
            t += w.rnd.uniform(1500, 1700) if t < MONDAY + 17 * 3600 else 3000
    return w


@world(*NOTES)
def registrar_that_lost_its_users():
    """After an update the server refuses everybody for twenty minutes (403, then 401), then all is well; sixty phones in many homes."""
    w = Wire(13)
    site = Exchange(w, "198.51.100.5")
    phones = [site.person(MIX[i % 8], "30%02d" % i, "%d.%d.12.%d" % (80 + i % 9, i, 3 + i), port=5060 + i, local="192.168.1.%d" % (2 + i)) for i in range(60)]
    for phone in phones:
        t = MONDAY + w.rnd.random() * 300
        while t < MONDAY + 4 * 3600:
            bad = MONDAY + 2 * 3600 <= t < MONDAY + 2 * 3600 + 1200
            phone.register(t, site, ("403 Forbidden" if t < MONDAY + 2 * 3600 + 300 else "401 Unauthorized") if bad else "200 OK", fresh=bad)
            t += w.rnd.uniform(25, 65) if bad else w.rnd.uniform(500, 600)
    return w


@world(*NOTES)
def call_centre_with_predictive_dialler():
    """Forty agents, a dialler that calls seven numbers a second apart, most busy or unanswered, all abroad and at home; agents answer in seconds."""
    w = Wire(14)
    site = Exchange(w, "10.2.0.5", "198.51.100.8", cc="1", stem="+1312555", form="")
    dialler = site.person("asterisk", "9000", "10.2.0.9")
    agents = [site.person("pjsip", str(4000 + i), "10.2.1.%d" % (10 + i)) for i in range(40)]
    for phone in agents + [dialler]:
        keep_registered(site, phone, MONDAY + 12 * 3600, MONDAY + 23 * 3600, 3000)
    t = MONDAY + 14 * 3600
    while t < MONDAY + 20 * 3600:
        t += w.rnd.expovariate(.09)
        number = "+1%s555%04d" % (w.rnd.choice(("312", "708", "773", "847", "416", "809", "787")), w.rnd.randrange(10**4))
        fate = w.rnd.random()
        how = dict(ring=20, talk=0, cancel=True) if fate < .45 else dict(ring=.5, talk=0, status="486 Busy Here") if fate < .55 else dict(ring=.5, talk=0, status="404 Not Found") if fate < .62 else dict(
            ring=w.rnd.uniform(3, 18), talk=w.rnd.choice((3, 8, 20, 45, 200)) * w.rnd.uniform(.7, 1.3))
        site.out(t, dialler, number, shown="+13125554000", **how)
    ordinary_calls(site, agents, MONDAY + 14 * 3600, MONDAY + 20 * 3600, 90, local_friends(w, "1"))
    return w


@world(*NOTES)
def hotel():
    """Eighty rooms, guests of many countries who call home, wake-up calls, the reception's rush; extensions by room number."""
    w = Wire(15)
    site = Exchange(w, "10.3.0.5", "198.51.100.9", name="3CXPhoneSystem 18.0.9.20")
    rooms = [site.person("ata", str(100 * (1 + i // 20) + i % 20), "10.3.%d.%d" % (1 + i // 20, 10 + i % 20), port=5060) for i in range(80)]
    desk = [site.person("yealink", str(9 + k), "10.3.9.%d" % k) for k in range(3)]
    for phone in rooms + desk:
        keep_registered(site, phone, MONDAY, MONDAY + DAY, 3000)
    homes = ["+31201234567", "+41443210987", "+4312345678", "+390612345678", "+81312345678", "+8613812345678", "+919812345678", "+97143123456", "+77272345678", "+302101234567", "+5511912345678",
             "+27211234567", "+212522123456", "+2348031234567", "+37167223344", "+35924567890", "+21671123456"]
    for k in range(70):
        room = w.rnd.choice(rooms)
        site.out(MONDAY + w.rnd.choice((6, 7, 8, 19, 20, 21, 22, 23)) * 3600 + w.rnd.random() * 3600, room, w.rnd.choice(homes)[:-2] + w.word(2, "0123456789"), ring=12, talk=w.rnd.uniform(60, 1900))
    for room in rooms:
        if w.rnd.random() < .6:
            site.both(t := MONDAY + (5 + w.rnd.randrange(12) * .25) * 3600 + w.rnd.random() * 4, [site.to_phone(t, "wakeup", room)], 9, 12)
    for k in range(200):
        site.between(MONDAY + w.rnd.uniform(6, 23) * 3600, w.rnd.choice(rooms), desk[k % 3], ring=6, talk=50)
    ordinary_calls(site, desk, MONDAY + 6 * 3600, MONDAY + 22 * 3600, 12, local_friends(w))
    return w


@world(*NOTES)
def browsers():
    """WebRTC: reloads of pages unregister all contacts and register anew, presence and chat in heaps, fetches of bindings without Contact."""
    w = Wire(16)
    site = Exchange(w, "198.51.100.11", port=8080, name="OpenSIPS (3.2.5 (x86_64/linux))")
    people = [Phone(w, "user%02d" % i, "%d.20.%d.9" % (31 + i, i), "jssip", 40000 + i, over="ws") for i in range(30)]
    for i, who in enumerate(people):
        t = MONDAY + 6 * 3600 + w.rnd.random() * 1800
        while t < MONDAY + 16 * 3600:
            who.call_id = who.make.call_id(w, "")
            who.register(t, site, expires=0, contact="*", fresh=True)
            who.register(t + 1, site, expires=600)
            who.register(t + 2, site, contact="", bindings=[who.contact])
            for method in ("PUBLISH", "SUBSCRIBE", "SUBSCRIBE"):
                text = who.request(method, "sip:%s@voice.example" % who.user, "sip:%s@voice.example" % who.user, w.word(22), 1, w.word(10), more=["Event: presence"])
                who.say(t + 3, site, text)
                site.answer(t + 3.02, text, "200 OK", who.at, over="ws")
            if w.rnd.random() < .4:  # everybody is told
                for other in w.rnd.sample(people, 25):
                    text = who.request("MESSAGE", "sip:%s@voice.example" % other.user, "sip:%s@voice.example" % other.user, w.word(22), 2, w.word(10), body="lunch?", kind="text/plain")
                    who.say(t + 5 + w.rnd.random(), site, text)
                    site.answer(t + 6.1, text, "202 Accepted", who.at, over="ws")
            t += w.rnd.uniform(300, 4000)
    ordinary_calls(site, people, MONDAY + 7 * 3600, MONDAY + 15 * 3600, 15, local_friends(w))
    return w


@world(*NOTES, "registration-hijack")
def softphones_on_the_move():
    """Ten people whose telephones change address and port each minute in the train, with push and without, some with two devices."""
    w = Wire(17)
    site = Exchange(w, "198.51.100.12")
    homes = [site.person("yealink", "40%02d" % i, "84.%d.7.7" % (10 + i), port=1024 + i, local="192.168.2.9") for i in range(10)]
    for phone in homes:
        keep_registered(site, phone, MONDAY, MONDAY + DAY, 3300)
    for i in range(10):
        make = ("linphone", "zoiper", "grandstream")[i % 3]
        mobile = site.person(make, "40%02d" % i, "10.0.0.1", port=5060, local="10.%d.3.4" % i)
        t = MONDAY + 7 * 3600 + 60 * i
        nets = ["%d.%d.%%d.%%d" % (w.rnd.choice((37, 46, 77, 109, 176)), w.rnd.randrange(1, 250)) for _ in range(5)]
        while t < MONDAY + 8.5 * 3600:
            mobile.at = (w.rnd.choice(nets) % (w.rnd.randrange(1, 250), w.rnd.randrange(1, 250)), w.rnd.randrange(1024, 65000))
            contact = mobile.contact.replace(">", ";pn-provider=fcm;pn-prid=abc%d>" % i) if i % 2 else None
            mobile.register(t, site, contact=contact, fresh=w.rnd.random() < .3, expires=300)
            t += w.rnd.uniform(40, 100)
        site.out(t + 60, mobile, "+491701234567", talk=200)
    ordinary_calls(site, homes, MONDAY + 7 * 3600, MONDAY + 18 * 3600, 12, local_friends(w))
    return w


@world(*NOTES)
def border_of_many_tenants():
    """A carrier's border: forty customers' exchanges by address, four carriers, thousands of calls, ported numbers with prefixes, health checks
    of six hosts each five seconds, registrations of trunks."""
    w = Wire(18)
    border, carriers = "198.51.100.20", [("203.0.113.%d" % (10 * k), 5060) for k in range(1, 5)]
    agents = ["FreeSWITCH-mod_sofia/1.10.9", "Asterisk PBX 20.5.0", "Cisco-SIPGateway/IOS-17.3", "3CX Phone System", "Mitel Border GW/5.0", "AVAYA-SM-8.1"]
    customers = []
    for k in range(40):
        who = Phone(w, "trunk%02d" % k, "192.0.%d.%d" % (10 + k, 5 + k), "asterisk")
        who.agent = agents[k % len(agents)]
        customers.append(who)
    sbc = Phone(w, "sbc", border, "asterisk")
    begin, end = MONDAY + 9 * 3600, MONDAY + 10.5 * 3600
    server = Server(w, border, name="sbc")
    for k, who in enumerate(customers):
        if k % 3 == 0:
            t = begin + k
            while t < end:
                who.register(t, server, expires=120, fresh=k % 2)
                t += 100
    t = begin
    while t < end:
        t += w.rnd.expovariate(1.1)
        who = w.rnd.choice(customers)
        block = "+4940%03d" % (500 + customers.index(who))
        fate = w.rnd.random()
        how = dict(ring=9, cancel=True, talk=0) if fate > .8 else dict(ring=.3, talk=0, status="486 Busy Here") if fate > .72 else dict(ring=.3, talk=0, status="503 Service Unavailable") if fate > .7 else dict(
            ring=w.rnd.uniform(2, 14), talk=20 + w.rnd.expovariate(1 / 160))
        number = w.rnd.choice(("+4930", "+4989", "+49171", "+4360", "+33612", "+44207", "+1212", "+90532", "+48601", "+38970", "+37377")) + w.word(7, "23456789")
        if w.rnd.random() < .6:
            a = Leg(w, who, (border, 5060), "sip:%s@%s" % (number, border), name="sbc", more=["P-Asserted-Identity: <sip:%s%03d@x>" % (block, w.rnd.randrange(1000))])
            at = w.rnd.choice(carriers)
            b = Leg(w, sbc, at, "sip:%s%s@%s" % ("+49D123" if "+4930" in number else "", number[3:] if "+4930" in number else number, at[0]), name="carrier")
        else:
            at = w.rnd.choice(carriers)
            a = Leg(w, Phone(w, number, at[0], "asterisk"), (border, 5060), "sip:%s%03d@%s" % (block, w.rnd.randrange(1000), border), name="sbc")
            b = Leg(w, sbc, who.at, "sip:%s%03d@%s" % (block, w.rnd.randrange(1000), who.at[0]), name=who.agent)
        frm = "sip:%s%03d@x" % (block, w.rnd.randrange(1000)) if a.caller is who else "sip:%s@carrier" % number
        a.start(t, frm=frm)
        b.start(t + .01, frm=frm)
        exchange = Exchange(w, border)
        exchange.both(t, [a, b], early=True, **how)
    for n in range(6):
        t = begin + n
        while t < end:
            options(w, t, ("203.0.113.%d" % (200 + n), 5060), (border, 5060), agent="health/1")
            t += 5
    for k, who in enumerate(customers):
        t = begin + k * .1
        while t < end:
            options(w, t, (border, 5060), who.at, answer="200 OK" if k % 9 else None, agent="sbc")
            t += 30
    return w


@world(*NOTES)
def exchange_that_pings_its_phones():
    """NAT keep-alive by OPTIONS to two hundred phones in two hundred homes every thirty seconds; a quarter is off."""
    w = Wire(19)
    site = Server(w, "198.51.100.13", name="Asterisk PBX 18")
    phones = [Phone(w, "5%03d" % i, "79.%d.%d.4" % (i % 100, i), MIX[i % 8], 3000 + i, local="192.168.0.2") for i in range(200)]
    for i, phone in enumerate(phones):
        t = MONDAY + i * .4
        for k in range(40):
            options(w, t + k * 60, site.at, phone.at, "200 OK" if i % 4 else None, "Asterisk PBX 18", phone.user)
        if i % 4:
            for k in range(3):
                phone.register(t + 5 + k * 900, site)
    return w


@world(*NOTES, "registration-hijack")
def shared_accounts_and_rechallenges():
    """One account on six devices of a shop, each in its own network; a server that challenges each request anew, and INVITEs twice."""
    w = Wire(20)
    site = Exchange(w, "198.51.100.14", name="FreeSWITCH-mod_sofia/1.10.10-release", nonce_life=1, stale=True)
    devices = [Phone(w, "shop", "88.%d.3.2" % (10 + i), MIX[i], 5060 + i, local="192.168.%d.3" % i, password="all") for i in range(6)]
    for k, phone in enumerate(devices):
        t = MONDAY + 6 * 3600 + 40 * k
        while t < MONDAY + 18 * 3600:
            phone.register(t, site, bindings=[p.contact for p in devices])
            t += 600
    friends = local_friends(w)
    ordinary_calls(site, devices, MONDAY + 8 * 3600, MONDAY + 17 * 3600, 20, friends)
    return w


@world(*NOTES)
def family_business_with_morocco():
    """A small office that calls Morocco, Tunisia, Senegal and Cuba every day, with long talks, from phones and mobiles, in the evening too."""
    w = Wire(21)
    site = Exchange(w, "10.4.0.5", "198.51.100.15", cc="33", stem="+33155", form="")
    phones = [site.person(MIX[i % 6], str(20 + i), "10.4.1.%d" % (3 + i)) for i in range(8)]
    for phone in phones:
        keep_registered(site, phone, MONDAY, MONDAY + 5 * DAY, 3200)
    kin = ["+2126612345%02d" % i for i in range(6)] + ["+2162012345%d" % i for i in range(5)] + ["+22177123456%d" % i for i in range(4)] + ["+5352812345", "+5352812399"]
    for day in range(5):
        ordinary_calls(site, phones, MONDAY + day * DAY + 7 * 3600, MONDAY + day * DAY + 17 * 3600, 12, local_friends(w, "33"), kin)
        for k in range(6):
            site.out(MONDAY + day * DAY + (18 + .6 * k) * 3600, phones[k % 3], w.rnd.choice(kin), ring=11, talk=w.rnd.uniform(300, 2400))
    return w


@world(*NOTES)
def trunk_that_failed():
    """The carrier answers 503 for half an hour; people and machines redial, the exchange tries two routes for each call; calls come in twice."""
    w = Wire(22)
    site = Exchange(w, "10.5.0.5", "198.51.100.16")
    phones = [site.person(MIX[i % 8], str(300 + i), "10.5.1.%d" % (3 + i)) for i in range(40)]
    for phone in phones:
        keep_registered(site, phone, MONDAY + 6 * 3600, MONDAY + 14 * 3600, 3200)
    friends = local_friends(w)
    ordinary_calls(site, phones, MONDAY + 7 * 3600, MONDAY + 10 * 3600, 60, friends, ["+41441234567", "+3531234567"])
    t = MONDAY + 10 * 3600
    while t < MONDAY + 10.5 * 3600:
        phone, number = w.rnd.choice(phones), w.rnd.choice(friends)
        for k in range(w.rnd.randrange(1, 9)):
            site.out(t + 6 * k, phone, number, ring=.2, talk=0, status="503 Service Unavailable", dialled=site.dial(number) if k < 4 else w.rnd.choice((number, "00" + number[1:])))
        t += w.rnd.expovariate(.08)
    ordinary_calls(site, phones, MONDAY + 10.5 * 3600, MONDAY + 14 * 3600, 60, friends)
    return w


@world(*NOTES)
def conferences_and_voicemail():
    """Thirty people call the conference number at nine, and fetch their messages with PINs sent as INFO; a long nightly link between two sites."""
    w = Wire(23)
    site = Exchange(w, "10.6.0.5", "198.51.100.17", cc="44", stem="+442079460")
    phones = [site.person(MIX[i % 8], str(600 + i), "10.6.1.%d" % (3 + i)) for i in range(30)]
    for phone in phones:
        keep_registered(site, phone, MONDAY, MONDAY + 2 * DAY, 3200)
    for day in range(2):
        for k, phone in enumerate(phones):
            site.out(MONDAY + day * DAY + 9 * 3600 + w.rnd.random() * 200, phone, "+442033219988", ring=1, talk=3400 + w.rnd.uniform(-200, 200))
        for k in range(25):  # callers from outside into the bridge here
            site.arrive(MONDAY + day * DAY + 14 * 3600 + w.rnd.random() * 120, "+4420%08d" % w.rnd.randrange(10**8), None, ring=.4, talk=2700 + w.rnd.uniform(-99, 99), number="+442079460999")
        for k in range(30):
            phone, t = phones[k], MONDAY + day * DAY + (8 + .2 * k) * 3600
            leg = Leg(w, phone, site.at, "sip:*97@voice.example", name=site.name)
            at = leg.start(t, site)
            leg.take(at + .2)
            for n in range(6):
                text = leg.down(at + 2 + n, "INFO", leg.cseq + 1 + n, body="Signal=%d\r\nDuration=160\r\n" % n, kind="application/dtmf-relay")
                leg.up(at + 2.01 + n, "200 OK", method=text)
            leg.cseq += 8
            leg.bye(at + 70)
        ordinary_calls(site, phones, MONDAY + day * DAY + 8 * 3600, MONDAY + day * DAY + 18 * 3600, 30, local_friends(w, "44"), ["+353861234567", "+12125550123"])
    site.out(MONDAY + 19 * 3600, phones[0], "+442033110022", ring=2, talk=11 * 3600)
    return w


@world(*NOTES)
def hotline_on_a_busy_morning():
    """A tax office: three hundred people call one number in an hour, wait in the queue, give up and call again; hidden numbers too."""
    w = Wire(24)
    site = Exchange(w, "10.7.0.5", "198.51.100.18")
    agents = [site.person("cisco", str(700 + i), "10.7.1.%d" % (3 + i)) for i in range(12)]
    for phone in agents:
        keep_registered(site, phone, MONDAY, MONDAY + DAY, 3200)
    ordinary_calls(site, agents, MONDAY + 6 * 3600, MONDAY + 16 * 3600, 15, local_friends(w))
    for k in range(300):
        caller = "anonymous" if w.rnd.random() < .12 else "+49%s%07d" % (w.rnd.choice(("69", "6172", "177", "151")), w.rnd.randrange(10**7))
        t = MONDAY + 8 * 3600 + w.rnd.random() * 3600
        for again in range(w.rnd.choice((1, 1, 2, 3))):
            if w.rnd.random() < .5:
                site.arrive(t, caller, None, number="+4969555100", ring=.5, talk=w.rnd.uniform(40, 900))
            else:
                site.arrive(t, caller, None, number="+4969555100", ring=.3, talk=0, status="486 Busy Here")
            t += w.rnd.uniform(20, 600)
    return w


@world(*NOTES)
def names_and_numbers_that_look_bad():
    """Apostrophes, Greek letters, percent signs, semicolons in URIs, star codes, long headers of a carrier, folding, short forms."""
    w = Wire(25)
    site = Exchange(w, "198.51.100.19")
    for n, (name, agent) in enumerate((("O'Brien; drop-in centre", "Phone & Co. 1.0"), ("Select Union Ltd.", "Acme <T2> 9"), ("Νίκος", "x"), ("A -- B", "Table/1.0 (like Gecko; or not)"), ("50% off", "u"), ("R&D | Test", "v"))):
        who = Phone(w, "60%d" % n, "77.1.%d.3" % n, "short" if n % 2 else "cisco", 5060)
        who.make = MAKES["short" if n % 2 else "cisco"]
        for k in range(6):
            who.register(MONDAY + 600 * k + n, site)
        for uri in ("sip:*21*0301234567%23@voice.example", "sip:%2B4930123456@voice.example;user=phone", "sip:0301234567;phone-context=+49@voice.example;user=phone", "sip:%C3%BCbung@voice.example",
                    "sip:first.last+tag@voice.example", "sip:sips%3Auser%40example.com@voice.example", "sip:service;lr;x=a%20b@voice.example"):
            text = who.request("INVITE", uri, uri, w.hex(20), 1, w.hex(8), body=sdp("77.1.%d.3" % n, 9000), more=["X-Long: " + "v" * 900, "X-Route-Info: edge;id=5;ls=2; cat=b", "X-Stack: SoftPhone (Linux; Python 3.11; curl/8.1)",  "Subject: it's 5 o'clock; or later", "Alert-Info: <http://x/ring.wav>;info=a"])
            text = text.replace("User-Agent: " + who.make.agent, "User-Agent: " + agent).replace("From: <", 'From: "%s" <' % name).replace("f: <", 'f: "%s" <' % name)
            at = MONDAY + 4000 + 60 * n + w.rnd.random() * 30
            who.say(at, site, text)
            site.answer(at + .01, text, "407 Proxy Authentication Required", who.at, [site.challenge("407 x")[1]])
    return w


@world(*NOTES)
def first_week_of_a_company():
    """Thirty phones are set up by two people who mistype names and passwords; half of them by a provisioning that had old data; accounts are tried
    before they exist."""
    w = Wire(26)
    site = Exchange(w, "198.51.100.21", unknown="404 Not Found")
    for i in range(30):
        phone = site.person(MIX[i % 8], "81%02d" % i, "93.4.5.6", port=10000 + 7 * i, local="192.168.0.%d" % (10 + i))
        t = MONDAY + 8 * 3600 + 300 * i
        if i % 2:
            for k in range(4):
                phone.ask(t, site, answer="404 Not Found")
                t += 20
        for k in range(w.rnd.randrange(0, 7)):
            phone.register(t, site, "401 Unauthorized", password="old", fresh=True)
            t += w.rnd.choice((20, 30, 61))
        for k in range(30):
            phone.register(t, site)
            t += 900
    return w


@world(*NOTES)
def provider_seen_at_the_core():
    """Behind an edge proxy: thousands of phones of one provider, each request with the proxy's address; some wrong passwords, moved homes."""
    w = Wire(27)
    core, edge = Server(w, "10.8.0.5"), ("10.8.0.2", 5060)
    for i in range(250):
        phone = Phone(w, "499%04d" % i, "%d.%d.%d.8" % (85 + i % 5, i, i % 200), MIX[i % 8], 5060, local="192.168.178.%d" % (i % 200))
        wrong = i % 60 == 7
        t = MONDAY + w.rnd.random() * 900
        while t < MONDAY + 3 * 3600:
            before = len(w.said)
            phone.register(t, core, "401 Unauthorized" if wrong else "200 OK", fresh=True)
            fresh = w.said[before:]
            del w.said[before:]
            for at, _, src, dst, data, over, client in fresh:  # the proxy's hop in place of the phone's
                text = data.decode()
                via = "Via: SIP/2.0/UDP 10.8.0.2;branch=z9hG4bK%s\r\n" % ("e" + text.split("branch=")[1].split(";")[0].split("\r")[0][-12:])
                first = text.index("Via: ") if "Via: " in text else text.index("v: ")
                text = text[:first] + via + text[first:].replace("rport", "received=%s;rport=5060" % phone.at[0], 1)
                w.send(at, edge if client else core.at, core.at if client else edge, text)
            t += 130 if wrong else w.rnd.uniform(600, 900)
    return w


@world(*NOTES)
def audit_by_monitoring_tools():
    """sipsak, sipp and Nagios ask from a host in the house; Zabbix registers a test account each minute; a new server is tried from ten probes."""
    w = Wire(28)
    site = Exchange(w, "10.9.0.5")
    for k in range(600):
        options(w, MONDAY + 5 * k, ("10.9.0.77", 40000 + k), site.at, agent="sipsak 0.9.8.1", user="monitor")
    test = Phone(w, "probe", "10.9.0.78", "pjsip", 5062)
    for k in range(200):
        test.register(MONDAY + 60 * k, site, fresh=True)
        test.register(MONDAY + 60 * k + 2, site, expires=0)
    for n in range(10):
        for k in range(60):
            options(w, MONDAY + 60 * k + 3 * n, ("195.%d.5.6" % (20 + n), 5060), ("10.9.0.5", 5060), agent="StatusCake", user="ping")
    return w


@world(*NOTES)
def evenings_with_jamaica():
    """Somebody at home calls two numbers in Jamaica every evening, up to an hour and more."""
    w = Wire(31)
    site = Exchange(w, "10.1.0.5", "198.51.100.5", cc="1", stem="+1646555", form="", name="FPBX-16")
    phones = [site.person("yealink", str(201 + i), "10.1.1.%d" % (10 + i)) for i in range(10)] + [site.person("linphone", "240", "98.10.4.5", port=40000, local="192.168.1.5")]
    friends = local_friends(w, "1")
    for day in range(3):
        begin = MONDAY + 13 * 3600 + day * DAY
        for phone in phones:
            keep_registered(site, phone, begin, begin + 14 * 3600, 1700)
        ordinary_calls(site, phones, begin, begin + 9 * 3600, 15, friends)
        for k in range(3):
            site.out(begin + (10 + 1.2 * k) * 3600, phones[-1], "+18765550%03d" % (100 + k % 2 * 37), ring=11, talk=[600, 4000, 1500][k])
    return w


@world(*NOTES, "registration-hijack")
def seller_on_the_road():
    """The desk phone's user calls customers in Cuba and Jamaica from a mobile whose address is another one each time."""
    w = Wire(32)
    site = Exchange(w, "198.51.100.5", cc="1", stem="+1646555", form="")
    phones = [site.person("yealink", str(201 + i), "71.%d.1.10" % (10 + i), local="192.168.1.2") for i in range(10)]
    begin = MONDAY + 13 * 3600
    for phone in phones:
        keep_registered(site, phone, begin, begin + 10 * 3600, 1700)
    ordinary_calls(site, phones, begin, begin + 9 * 3600, 15, local_friends(w, "1"))
    mobile = site.person("linphone", "201", "71.10.1.10", local="10.0.0.4")
    for k in range(6):
        mobile.at = ("172.58.%d.%d" % (9 * k, 20 + k), 31000 + k)
        mobile.register(begin + 3600 * k + 100, site, fresh=True)
        site.out(begin + 3600 * k + 160, mobile, ["+18765551234", "+5352812345", "+12125550188"][k % 3], ring=9, talk=200 + 90 * k)
    return w


@world(*NOTES)
def support_desk_that_never_sleeps():
    """Customers in Senegal, Somalia and the Maldives are called by day and night, each again and again."""
    w = Wire(33)
    site = Exchange(w, "10.1.0.5", "198.51.100.5", cc="44", stem="+441614960")
    phones = [site.person("cisco", str(201 + i), "10.1.1.%d" % (10 + i)) for i in range(12)]
    for phone in phones:
        keep_registered(site, phone, MONDAY, MONDAY + 2 * DAY, 1700)
    abroad = ["+22177123%04d" % (11 * i * i) for i in range(12)] + ["+25261555%04d" % (37 * i * i) for i in range(6)] + ["+9607%06d" % (123456 + 7771 * i) for i in range(4)]
    ordinary_calls(site, phones, MONDAY, MONDAY + 2 * DAY, 10, local_friends(w, "44"), abroad)
    return w


@world(*NOTES)
def fax_newsletter():
    """Twelve lines at a time, all pages take as long, one in twenty goes to Latvia."""
    w = Wire(34)
    site = Exchange(w, "10.1.0.5", "198.51.100.5")
    phones = [site.person("cisco", str(201 + i), "10.1.1.%d" % (10 + i)) for i in range(8)]
    fax = site.person("ata", "800", "10.1.1.200")
    for phone in phones + [fax]:
        keep_registered(site, phone, MONDAY, MONDAY + DAY, 1700)
    ordinary_calls(site, phones, MONDAY + 7 * 3600, MONDAY + 17 * 3600, 20, local_friends(w))
    for k in range(160):
        number = "+37167%06d" % (1000 + k * 977) if k % 20 == 3 else "+49%s%07d" % (w.rnd.choice(("30", "40", "89")), w.rnd.randrange(10**7))
        site.out(MONDAY + 9 * 3600 + 4 * k, fax, number, ring=6, talk=45 + w.rnd.random() * 6)
    return w


if __name__ == "__main__":
    tool, failed = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in sys.argv[2:] or WORLDS:
            make, kinds = WORLDS[name]
            path = pathlib.Path(scratch) / "day.pcap"
            w = make()
            w.write(path)
            told = report_of(tool, path)["incidents"]
            # The same day as a switch that drops packets mirrors it.
            rnd = random.Random(7)
            w.said = [one for one in w.said if one[5] in ("tcp", "ws") or rnd.random() > .03]
            w.write(path)
            for one in told + report_of(tool, path)["incidents"]:
                if one["severity"] in ("high", "critical") or one["kind"] not in kinds:
                    failed += 1
                    print("%s: %s %s %s of %s, accounts %s: %s" % (name, one["severity"], one["kind"], one["finding"], one["sources"][:3], one["accounts"][:3], one["explanation"][:160]))
    print("%d worlds, %d complaints" % (len(sys.argv[2:] or WORLDS), failed))
    sys.exit(1 if failed else 0)
