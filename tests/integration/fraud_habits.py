#!/usr/bin/env python3
"""More honest days, of other makes and habits than fraud_honest.py has, over which fraud-scan must raise no alarm: fraud_habits.py TOOL [WORLD...|all].

Each is read as one file, as a tap that loses packets has it, in HEP, and cut into files with --state. Nothing may be told with
severity high or above, nor of a kind that the world does not allow."""
import pathlib
import random
import sys
import tempfile

from fraud_dialects_wire import SETS, Handset, Pbx, Tap, clinic, folded, provider, routed, shuffled
from fraud_honest import options
from fraud_wire import DAY, HOUR, MONDAY, Leg, keep_registered, local_friends, ordinary_calls, report_of

WORLDS = {}
NOTES = ("anomaly", "misconfigured-device")
TUESDAY = MONDAY + DAY


def world(*kinds):
    def keep(function):
        WORLDS[function.__name__.replace("_", "-")] = (function, kinds or NOTES)
        return function
    return keep


def handsets(w, first, n, net, makes=("poly", "mitel", "gigaset", "audiocodes"), **more):
    return [Handset(w, str(first + k), "%s.%d" % (net, 10 + k), SETS[makes[k % len(makes)]], **more) for k in range(n)]


@world()
def collections_agency():
    """A predictive dialler of two hundred calls at a time: half unanswered, some abroad, numbers in the order of the list."""
    w = Tap(501)
    site = clinic(w, begin=TUESDAY + 13 * HOUR, hours=8, phones=24)
    dialler = Handset(w, "8000", "10.40.9.9", SETS["freeswitch"])
    keep_registered(site, dialler, site.begin, site.begin + 8 * HOUR)
    t = site.begin + HOUR
    for k in range(1500):
        t += w.rnd.expovariate(.2)
        fate = w.rnd.random()
        number = "+1%s%03d%04d" % (w.rnd.choice(("617", "508", "781", "809", "876", "787")), 200 + k % 700, (k * 7) % 10000)
        how = dict(ring=18, talk=0, cancel=True) if fate < .5 else dict(ring=.6, talk=0, status="486 Busy Here") if fate < .6 else dict(ring=.3, talk=0, status="404 Not Found") if fate < .66 else dict(
            ring=w.rnd.uniform(3, 17), talk=w.rnd.choice((2, 5, 30, 140)) * w.rnd.uniform(.6, 1.4))
        site.out(t, dialler, number, shown="+16175558000", **how)
    return w


@world()
def school_with_bells():
    """Each lesson begins with a page to sixty loudspeakers at once; answered at once, ten seconds."""
    w = Tap(502)
    site = clinic(w, begin=TUESDAY + 11 * HOUR, hours=9)
    bell = Handset(w, "7000", "10.40.8.8", SETS["freeswitch"])
    speakers = [Handset(w, str(7100 + k), "10.40.7.%d" % (10 + k), SETS["baresip"]) for k in range(60)]
    for phone in speakers + [bell]:
        keep_registered(site, phone, site.begin, site.begin + 9 * HOUR)
    for lesson in range(10):
        for k, speaker in enumerate(speakers):
            site.between(site.begin + HOUR + lesson * 2700 + .02 * k, bell, speaker, ring=.1, talk=10)
    return w


@world()
def fax_server():
    """Faxes come in to four hundred numbers of one exchange and go to mail; each is answered at once."""
    w = Tap(503, mangle=folded)
    site = clinic(w, begin=TUESDAY + 11 * HOUR)
    for k in range(300):
        site.arrive(site.begin + 60 + 90 * k + w.rnd.random() * 40, "+1%s%07d" % (w.rnd.choice(("212", "617", "415", "312")), w.rnd.randrange(2000000, 9999999)), None, number="+1617556%04d" % w.rnd.randrange(4000, 4400), ring=.3, talk=40 + w.rnd.random() * 80)
    return w


@world()
def alarm_panels_at_night():
    """Thirty panels report to one number between two and three, each a few seconds longer than the next; some again as it is busy."""
    w = Tap(504)
    site = clinic(w, begin=TUESDAY, hours=24, rate=2)
    panels = [Handset(w, str(6000 + k), "10.40.6.%d" % (10 + k), SETS["gigaset"]) for k in range(30)]
    for phone in panels:
        keep_registered(site, phone, site.begin, site.begin + DAY)
    for k, panel in enumerate(panels):
        t = TUESDAY + 2 * HOUR + 100 * k + w.rnd.random() * 9
        for again in range(w.rnd.randrange(4)):
            site.out(t + 30 * again, panel, "+18005550111", ring=.4, talk=0, status="486 Busy Here")
        site.out(t + 130, panel, "+18005550111", ring=2, talk=22)
    return w


@world()
def doors_that_ring():
    """A door rings three phones at once for a few seconds, most ring out; the postman does so all morning."""
    w = Tap(505)
    site = clinic(w, begin=TUESDAY + 8 * HOUR)
    door = Handset(w, "6500", "10.40.5.5", SETS["baresip"])
    keep_registered(site, door, site.begin, site.begin + 9 * HOUR)
    for k in range(70):
        t = site.begin + 600 + 300 * k + w.rnd.random() * 100
        for phone in site.phones[:3]:
            site.between(t, door, phone, ring=w.rnd.uniform(1, 4), talk=0, cancel=True)
    return w


@world()
def trunk_watched_by_six():
    """Six hosts of the carrier ask by OPTIONS each five seconds; two more stand by and are refused with 503 or not answered."""
    w = Tap(506)
    site = clinic(w, begin=TUESDAY + 8 * HOUR, hours=4)
    for k in range(6):
        for n in range(2400):
            options(w, site.begin + 5 * n + .7 * k, ("192.0.2.%d" % (70 + k), 5060), ("203.0.113.10", 5060), "200 OK" if k < 4 else "503 Service Unavailable" if k == 4 else None, agent="Oracle Communications SBC")
    return w


@world()
def firmware_of_all_phones():
    """A hundred phones take new firmware within ten minutes: they sign off with Contact *, come back under another User-Agent, ask for
    messages and their provisioning, some twice."""
    w = Tap(507)
    site = clinic(w, begin=TUESDAY + 5 * HOUR, hours=14)
    fleet = [Handset(w, str(5000 + k), "10.40.%d.%d" % (20 + k // 50, 10 + k % 50), SETS["poly"]) for k in range(100)]
    newer = type(SETS["poly"])("PolyVVX-VVX_411-UA/6.4.6.2494", "Via From To CSeq Call-ID Contact User-Agent Allow Supported Auth Max-Forwards Expires", SETS["poly"].branch, SETS["poly"].call_id, SETS["poly"].tag)
    noon = site.begin + 6 * HOUR
    for phone in fleet:
        keep_registered(site, phone, site.begin, noon, 1700)
        t = noon + w.rnd.random() * 600
        phone.register(t, site, expires=0, contact="*")
        again = Handset(w, phone.user, phone.at[0], newer, port=5060 if w.rnd.random() < .7 else 40000 + int(phone.user))
        for k in range(w.rnd.randrange(1, 4)):
            again.register(t + 90 + 20 * k, site, fresh=True)
        again.ask(t + 95, site, "SUBSCRIBE", "401 Unauthorized")
        keep_registered(site, again, noon + 1000, noon + 6 * HOUR, 1700)
    return w


@world(*NOTES, "registration-hijack")
def one_user_with_five_devices():
    """The password was changed; the desk phone, two mobiles, a tablet and a laptop each go on with the old one until they are told."""
    w = Tap(508)
    site = provider(w, begin=TUESDAY + 6 * HOUR)
    owner = site.phones[3]
    places = [(owner.at[0], 5071, "192.168.2.71"), (owner.at[0], 5072, "192.168.2.72"), ("172.58.30.9", 40001, "10.9.9.1"), ("31.94.2.7", 52001, "10.8.7.7"), ("195.99.4.4", 61001, "192.168.50.2")]
    devices = [Handset(w, owner.user, at, SETS[("bria", "baresip", "bria", "baresip", "sipjs")[k]], port=port, local=local) for k, (at, port, local) in enumerate(places)]
    changed = site.begin + 3 * HOUR
    for k, device in enumerate(devices):
        keep_registered(site, device, site.begin, changed, 600)
        t, told = changed + w.rnd.random() * 300, changed + HOUR * (1 + k)
        while t < told:
            device.register(t, site, "403 Forbidden" if k % 2 else "401 Unauthorized", password="old", fresh=True)
            t += (30, 120, 300, 60, 45)[k] * w.rnd.uniform(.9, 1.1)
        keep_registered(site, device, told, site.begin + 9 * HOUR, 600)
    return w


@world()
def moved_to_a_new_registrar():
    """In the night all customers move: the old server answers 301, then 403; the new one is asked by everybody within minutes."""
    w = Tap(509, mangle=routed)
    old = provider(w, begin=TUESDAY + 18 * HOUR, hours=4, phones=40)
    new = Pbx(w, "192.0.2.41", cc="44", stem="+441614960", name="kamailio (5.7.2 (x86_64/linux))", layout="plain", realm="pbx.example.net")
    noon = old.begin + 4 * HOUR
    for phone in old.phones:
        t = noon + w.rnd.random() * 900
        for k in range(3):
            phone.register(t + 40 * k, old, "403 Forbidden", fresh=True)
        phone.ask(t + 130, old, "REGISTER", "301 Moved Permanently")
        phone.register(t + 200, new, "401 Unauthorized" if w.rnd.random() < .3 else "200 OK", fresh=True)
        keep_registered(new, phone, t + 300, noon + 8 * HOUR, 1700)
    ordinary_calls(new, old.phones, noon + HOUR, noon + 7 * HOUR, 10, old.friends)
    return w


@world()
def disaster_is_practised():
    """The first server goes silent for an hour; everybody asks again and again, goes to the second, comes back."""
    w = Tap(510)
    first = provider(w, begin=TUESDAY + 6 * HOUR, hours=3, phones=40)
    second = Pbx(w, "192.0.2.141", cc="44", stem="+441614960", name=first.name, layout="freeswitch", realm="pbx.example.net")
    down, up = first.begin + 3 * HOUR, first.begin + 4 * HOUR
    for phone in first.phones:
        t = down + w.rnd.random() * 600
        for k in range(8):
            phone.ask(t + min(2 ** k, 60), first, "REGISTER", None)
        keep_registered(second, phone, t + 200, up, 300)
        keep_registered(first, phone, up + w.rnd.random() * 300, up + 3 * HOUR, 1700)
    ordinary_calls(second, first.phones, down + 1200, up, 40, first.friends)
    ordinary_calls(first, first.phones, up + 700, up + 3 * HOUR, 10, first.friends)
    return w


@world()
def shipping_company():
    """Ships by satellite, Cuba, Somalia, the Maldives and West Africa, by habit, at all hours, from the first call of the capture on."""
    w = Tap(511)
    site = clinic(w, begin=TUESDAY, hours=24, cc="44", stem="+441614960", rate=12)
    abroad = ["+8707731%05d" % (1111 * k % 90000) for k in range(5)] + ["+881631%06d" % (31415 * k % 900000) for k in range(3)] + ["+5352%06d" % (271828 * k % 900000) for k in range(4)] + \
             ["+25261%07d" % (161803 * k % 9000000) for k in range(3)] + ["+2207%06d" % (141421 * k % 900000) for k in range(3)] + ["+23480%08d" % (17320508 * k % 90000000) for k in range(4)]
    for k in range(110):
        phone = site.phones[w.rnd.randrange(8)]
        how = dict(ring=w.rnd.uniform(5, 25), talk=w.rnd.uniform(40, 900)) if w.rnd.random() < .65 else dict(ring=25, talk=0, cancel=True)
        site.out(TUESDAY + 400 + 760 * k + w.rnd.random() * 300, phone, w.rnd.choice(abroad), **how)
    return w


@world()
def bridge_of_a_town_hall():
    """Ninety people join one conference number within five minutes, stay an hour, leave together; latecomers hang up and join again."""
    w = Tap(512)
    site = clinic(w, begin=TUESDAY + 11 * HOUR)
    t = site.begin + 3 * HOUR
    for k in range(90):
        at = t - 200 + w.rnd.random() * 300
        site.arrive(at, "+1%s%07d" % (w.rnd.choice(("617", "508", "781")), w.rnd.randrange(2000000, 9999999)), None, number="+16175552900", ring=.5, talk=t + 3600 - at + w.rnd.random() * 20)
    for k in range(25):
        at = t + w.rnd.random() * 600
        site.arrive(at, "+1617%07d" % w.rnd.randrange(2000000, 9999999), None, number="+16175552900", ring=.5, talk=w.rnd.uniform(4, 30))
    return w


@world(*NOTES, "registration-hijack")
def carrier_grade_nat():
    """Forty mobile workers behind three addresses; ports and addresses change each half hour, passwords are mistyped now and then."""
    w = Tap(513)
    site = provider(w, begin=TUESDAY + 6 * HOUR, hours=10, phones=6)
    for k in range(40):
        user, make = str(442000 + k), SETS[("bria", "baresip", "sipjs")[k % 3]]
        t = site.begin + w.rnd.random() * HOUR
        while t < site.begin + 9 * HOUR:
            phone = Handset(w, user, "100.64.0.%d" % (1 + w.rnd.randrange(3)) if k % 2 else "31.94.0.%d" % (1 + w.rnd.randrange(3)), make, port=w.rnd.randrange(1025, 65000), local="10.%d.%d.2" % (k, w.rnd.randrange(200)))
            if w.rnd.random() < .06:
                for _ in range(w.rnd.randrange(1, 4)):
                    phone.register(t - 30 + 8 * _, site, "401 Unauthorized", password="oops", fresh=True)
            phone.register(t, site, fresh=True)
            t += w.rnd.uniform(900, 2700)
    return w


@world()
def clocks_that_are_wrong():
    """Softphones whose Date is years off, nonces that the server calls stale at each refresh, and retransmissions of everything."""
    w = Tap(514, twice=True)
    site = provider(w, begin=TUESDAY + 6 * HOUR, hours=8)
    for phone in site.phones:
        phone.make = type(phone.make)(phone.make.agent, " ".join(phone.make.order), phone.make.branch, phone.make.call_id, phone.make.tag, more=(("Date", "Thu, 01 Jan 1970 00:00:09 GMT"),))
        t = site.begin + 8 * HOUR
        for k in range(12):
            phone.nonce, phone.nc = "414d%s" % w.hex(20), 1
            stale = phone.digest(site, "REGISTER", "sip:voice.example")
            text = phone.request("REGISTER", "sip:voice.example", "sip:%s@voice.example" % phone.user, phone.call_id, 9000 + 2 * k, w.hex(8), auth=stale, expires="300")
            phone.say(t + 250 * k, site, text)
            nonce, field = site.challenge("401 Unauthorized", stale=True)
            site.answer(t + 250 * k + .02, text, "401 Unauthorized", phone.at, [field], phone.over)
            phone.nonce, phone.nc = nonce, 0
            text = phone.request("REGISTER", "sip:voice.example", "sip:%s@voice.example" % phone.user, phone.call_id, 9001 + 2 * k, w.hex(8), auth=phone.digest(site, "REGISTER", "sip:voice.example"), expires="300")
            phone.say(t + 250 * k + .05, site, text)
            site.answer(t + 250 * k + .07, text, "200 OK", phone.at, ["Contact: %s;expires=300" % phone.contact], phone.over)
    return w


@world()
def probe_with_a_bad_password():
    """A monitoring host registers a test account each minute for a week, with a password that nobody updated; new Call-ID and port each."""
    w = Tap(515)
    site = provider(w, begin=MONDAY, hours=7 * 24, phones=6, rate=1)
    t = MONDAY + 60
    while t < MONDAY + 7 * DAY:
        probe = Handset(w, "monitor01", "192.0.2.200", SETS["baresip"], port=w.rnd.randrange(32768, 61000))
        probe.register(t, site, "403 Forbidden", fresh=True)
        t += 300 + w.rnd.random()
    return w


@world()
def gateway_that_calls_nobody():
    """An old gateway of a partner calls extension 9999, which is gone, every ten seconds for hours; sometimes a real call comes over it."""
    w = Tap(516)
    site = clinic(w, begin=TUESDAY + 7 * HOUR)
    gateway = Handset(w, "gw1", "10.40.2.2", SETS["audiocodes"])
    for k in range(2400):
        gateway.ask(site.begin + 300 + 10 * k, site, "INVITE", "404 Not Found", user="9999", uri="sip:9999@10.40.0.5")
    for k in range(12):
        leg = Leg(w, gateway, site.at, "sip:22%02d@10.40.0.5" % (1 + k), name=site.name)
        at = leg.start(site.begin + 500 + 1800 * k)
        site.both(at, [leg, site.to_phone(at + .02, "gw1", site.phones[k])], 6, 80)
    return w


@world()
def bakery_with_relatives_in_cuba():
    """Three telephones, five calls a day, of which the evening's go to Havana and Tunis: from the first day of the capture on."""
    w = Tap(517)
    site = Pbx(w, "10.50.0.5", outside="198.51.100.77", cc="49", stem="+4930444", name="FRITZ!OS", layout="plain", realm="fritz.box")
    site.phones = handsets(w, 620, 3, "10.50.1", ("fritz",))
    friends = local_friends(w, "49", 8)
    for day in range(6):
        for phone in site.phones:
            keep_registered(site, phone, MONDAY + day * DAY, MONDAY + (day + 1) * DAY, 1700)
        for k in range(3):
            site.out(MONDAY + day * DAY + (7 + 3 * k) * HOUR + w.rnd.random() * HOUR, w.rnd.choice(site.phones), w.rnd.choice(friends), ring=8, talk=w.rnd.uniform(20, 200))
        for k, number in enumerate(("+5378612345", "+21671987654", "+5378612345")[: 2 + day % 2]):
            site.out(MONDAY + day * DAY + (18.5 + .8 * k) * HOUR, site.phones[k % 2], number, ring=w.rnd.uniform(7, 20), talk=w.rnd.uniform(300, 2400))
    return w


@world()
def new_shop_whose_first_call_goes_to_tunis():
    """The capture is young, the shop too: of its first four calls two go to Tunisia, one to Cuba, all at night, long."""
    w = Tap(518)
    site = Pbx(w, "10.51.0.5", outside="198.51.100.78", cc="33", stem="+33144", name="Asterisk PBX 18.9", realm="asterisk")
    site.phones = handsets(w, 20, 4, "10.51.1", ("gigaset", "baresip"))
    for phone in site.phones:
        keep_registered(site, phone, TUESDAY + 19 * HOUR, TUESDAY + 40 * HOUR, 1700)
    site.out(TUESDAY + 20 * HOUR, site.phones[0], "+33145678901", ring=9, talk=60)
    for k, number in enumerate(("+21671111222", "+5378699887", "+21622333444")):
        site.out(TUESDAY + (20.3 + .9 * k) * HOUR, site.phones[k % 2], number, ring=11 + k, talk=1200 + 300 * k)
    ordinary_calls(site, site.phones, TUESDAY + 30 * HOUR, TUESDAY + 39 * HOUR, 5, local_friends(w, "33"), ["+21671111222"])
    return w


@world()
def reseller_with_many_customers_behind_one_trunk():
    """An account of a customer's exchange makes all its calls: dozens at a time, a tenth abroad."""
    w = Tap(519)
    site = provider(w, begin=TUESDAY + 6 * HOUR, phones=4)
    trunk = Handset(w, "cust-88", "86.77.9.9", SETS["freeswitch"])
    keep_registered(site, trunk, site.begin, site.begin + 9 * HOUR, 500)
    t = site.begin + 600
    while t < site.begin + 8 * HOUR:
        t += w.rnd.expovariate(.06)
        number = w.rnd.choice(["+3531", "+4930", "+9198", "+23480", "+96650"]) + w.word(7, "0123456789") if w.rnd.random() < .12 else w.rnd.choice(site.friends)[:-3] + w.word(3, "0123456789")
        site.out(t, trunk, number, ring=w.rnd.uniform(4, 20), talk=w.rnd.expovariate(1 / 140), cancel=w.rnd.random() < .2, shown="+44161499%04d" % w.rnd.randrange(10**4))
    return w


@world()
def phones_that_ask_for_each_other():
    """Busy lamps: each of thirty phones watches thirty others; a server that was restarted answers 481 and 404 to all, then all ask anew."""
    w = Tap(520, mangle=shuffled)
    site = clinic(w, begin=TUESDAY + 8 * HOUR, phones=30)
    t = site.begin + 2 * HOUR
    for phone in site.phones:
        for k, other in enumerate(site.phones):
            at, uri, call_id = t + w.rnd.random() * 120, "sip:%s@voice.example" % other.user, phone.make.call_id(w, phone.local)
            text = phone.request("SUBSCRIBE", uri, uri, call_id, 1, w.hex(8), expires="600")
            phone.say(at, site, text)
            phone.nonce, field = site.challenge("401 Unauthorized")
            site.answer(at + .01, text, "401 Unauthorized", phone.at, [field], phone.over)
            text = phone.request("SUBSCRIBE", uri, uri, call_id, 2, w.hex(8), expires="600", auth=phone.digest(site, "SUBSCRIBE", uri))
            phone.say(at + .03, site, text)
            site.answer(at + .05, text, "404 Not Found" if k % 5 == 0 else "481 Subscription does not exist" if k % 5 == 1 else "200 OK", phone.at, (), phone.over)
    return w


@world()
def interconnect_of_two_carriers():
    """No account at all: two borders exchange calls by address, many to mobiles in Africa, with ordinary lengths; some floods of retries."""
    w = Tap(521)
    a, b = Handset(w, "a", "192.0.2.10", SETS["audiocodes"]), ("192.0.2.20", 5060)
    t = TUESDAY
    for k in range(1500):
        t += w.rnd.expovariate(.03)
        number = w.rnd.choice(("+23480", "+22177", "+25471", "+2126", "+3316", "+4930")) + w.word(8, "0123456789")
        leg = Leg(w, a, b, "sip:%s@192.0.2.20;user=phone" % number, name="Ribbon SBC")
        leg.start(t, frm="sip:+1%s@192.0.2.10" % w.word(10, "23456789"))
        fate = w.rnd.random()
        if fate < .5:
            leg.ring(t + 2)
            leg.take(t + 2 + w.rnd.uniform(3, 20))
            leg.bye(t + 30 + w.rnd.expovariate(1 / 180))
        elif fate < .8:
            leg.ring(t + 2)
            leg.give_up(t + 30)
        else:
            leg.refuse(t + 1, "503 Service Unavailable" if fate < .9 else "404 Not Found")
    return w


def scan(tool, *arguments):
    return report_of(tool, *arguments)["incidents"]


SOME = ("school-with-bells", "alarm-panels-at-night", "firmware-of-all-phones", "one-user-with-five-devices", "moved-to-a-new-registrar", "shipping-company", "carrier-grade-nat", "clocks-that-are-wrong",
        "gateway-that-calls-nobody", "bakery-with-relatives-in-cuba", "new-shop-whose-first-call-goes-to-tunis", "reseller-with-many-customers-behind-one-trunk")


def readings(tool, w, path, name):
    """The day as one file, in parts with a state, lossy, and in HEP."""
    rnd = random.Random(name)
    w.write(path / "day.pcap")
    yield "whole", scan(tool, path / "day.pcap")
    moments = [one[0] for one in w.said]
    cuts = sorted(rnd.uniform(moments[0], moments[-1]) for _ in range(3))
    (path / "state").unlink(missing_ok=True)
    for k, (begin, end) in enumerate(zip([0] + cuts, cuts + [1e18])):
        w.write(path / "part.pcap", begin, end)
        yield "part %d" % k, scan(tool, "--state", path / "state", path / "part.pcap")
    w.hep = True
    w.write(path / "day.pcap")
    yield "HEP", scan(tool, path / "day.pcap")
    w.hep = False
    w.said = [one for one in w.said if one[5] in ("tcp", "ws") or rnd.random() > .03]
    w.write(path / "day.pcap")
    yield "lossy", scan(tool, path / "day.pcap")


if __name__ == "__main__":
    tool, failed = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as scratch:
        chosen = WORLDS if sys.argv[2:] == ["all"] else sys.argv[2:] or SOME
        for name in chosen:
            make, kinds = WORLDS[name]
            for how, told in readings(tool, make(), pathlib.Path(scratch), name):
                for one in told:
                    if one["severity"] in ("high", "critical") or one["kind"] not in kinds:
                        failed += 1
                        print("%s, %s: %s %s %s of %s, accounts %s: %s" % (name, how, one["severity"], one["kind"], one["finding"], one["sources"][:3], one["accounts"][:3], one["explanation"][:200]))
    print("%d worlds, %d complaints" % (len(chosen), failed))
    sys.exit(1 if failed else 0)
