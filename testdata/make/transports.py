"""How signalling travels: TCP segments, IP fragments, WebSocket, forks, registrations, HEP."""
import json
import time

from lab import HERE, IP, TMP, Baresip, Kamailio, spawn, stop
from recording import SDES80, Recording, both_ways, call, endpoint, fixture, key, stream
from scripted import A, B, CM80, SECURE, SIPP, basic, plan, secured
from sipp import answer, crypto, request, response, sdp, start_media, wait, want
from sipp import call as sipp_call


def bob_waits(name, body, media):
    return answer(name, [want("INVITE"), response(180, "Ringing"), wait(0.2), response(200, "OK", body), want("ACK"),
                         start_media("b"), want("BYE"), response(200, "OK")], {"b": media})


@fixture("tcp-segments", "SIP over TCP: keep-alives, three OPTIONS in one segment, an INVITE in four segments, ACK and OPTIONS and "
         "a piece of another in one, a BYE split in its empty line; alice's leg TCP, bob's UDP", mode="tcp")
@fixture("tcp-keepalive-inside", "as tcp-segments, with a double CRLF between ACK and OPTIONS within one segment: tshark 4.0 loses the two "
         "OPTIONS there, so their frames are missing in its table; the proxy answered both", mode="tcp", keepalive_inside=True)
@fixture("websocket", "SIP over WebSocket on port 80: OPTIONS, and a call whose INVITE is one frame in two segments; bob's leg is UDP", mode="ws")
def talked(name, mode, keepalive_inside=False, seconds=3):
    plans = {h: plan(name, h, seconds=seconds) for h in "ab"}
    with open(f"{TMP}/{name}.a.json", "w") as f:
        json.dump(plans["a"], f)
    with open(f"{TMP}/{name}.talk.json", "w") as f:
        json.dump({"call_id": f"{name}@lab.example", "offer": sdp("a", 20000), "media": f"{TMP}/{name}.a.json", "seconds": seconds,
                   "keepalive_inside": keepalive_inside}, f)
    proxy = Kamailio(defines=["WS"] if mode == "ws" else [])
    bob = bob_waits(name, sdp("b", 20002), plans["b"])
    log = f"{TMP}/{name}.talk.log"
    with Recording(name):
        talker = spawn("a", ["python3", f"{HERE}/talker.py", mode, f"{TMP}/{name}.talk.json"], log=log)
        if talker.wait(30):
            raise RuntimeError(open(log).read()[-600:])
        time.sleep(0.3)
    stop(bob)
    proxy.stop()
    return {"program": "talker.py (alice), kamailio 5.6.3, " + SIPP,
            "calls": [{"call_id": f"{name}@lab.example", **call(["none"], "none", "RTP/AVP")}],
            "streams": [stream(A, B, "PCMU"), stream(B, A, "PCMU")]}


def big_offer(host, port, v6):
    address = {"a": "fd66::1", "b": "fd66::2"}[host] if v6 else IP[host]
    codecs = [(0, "PCMU/8000"), (8, "PCMA/8000"), *((96 + i, f"x-codec-{i}/{8000 * (1 + i % 6)}", f"mode=0,{i};interleaving=0;robust-sorting=1") for i in range(28))]
    candidates = [f"a=candidate:{i} 1 UDP {2130706431 - i} {address} {port} typ host generation 0 network-id {i}" for i in range(24)]
    return sdp(host, port, codecs=codecs, attributes=candidates, v6=v6)


@fixture("fragments", "two calls over UDP, IPv4 then IPv6, whose INVITEs (4 kB) the sender's kernel splits at IP level")
def fragments(name, seconds=2):
    calls, streams = [], []
    with Recording(name):
        for v6 in (False, True):
            a, b = basic(big_offer("a", 20000, v6), sdp("b", 20002, v6=v6), seconds, headers=["Subject: " + "a long story " * 20])
            part = f"{name}.{'v6' if v6 else 'v4'}"
            call_id = sipp_call(part, a, b, {h: plan(part, h, seconds=seconds, v6=v6) for h in "ab"}, v6=v6)
            calls.append({"call_id": call_id, **call(["none"], "none", "RTP/AVP")})
            one, other = endpoint("a", 20000, v6), endpoint("b", 20002, v6)
            streams += [stream(one, other, "PCMU"), stream(other, one, "PCMU")]
        time.sleep(0.3)
    return {"program": SIPP, "calls": calls, "streams": streams}


@fixture("fork", "an INVITE for a team rings bob and carol (both send early SDP, two tags); bob answers, carol is cancelled")
def fork(name, seconds=3):
    described = {h: sdp(h, p, "RTP/SAVP", attributes=[crypto(key(name, h))]) for h, p in (("a", 20000), ("b", 20002), ("q", 20004))}
    proxy = Kamailio(defines=["FORK"])
    bob = answer(name, [want("INVITE"), response(183, "Session Progress", described["b"]), wait(1), response(200, "OK", described["b"]), want("ACK"),
                        start_media("b"), want("BYE"), response(200, "OK")], {"b": plan(name, "b", seconds=seconds, **secured(key(name, "b")))})
    carol = answer(name, [want("INVITE"), response(183, "Session Progress", described["q"]), want("CANCEL"), response(200, "OK"),
                          response(487, "Request Terminated", cseq="1 INVITE"), want("ACK")], {}, host="q")
    a = [request("INVITE", 1, described["a"]), want(100, True), want(183, True), want(183, True), want(200), request("ACK", 1),
         start_media("a"), wait(seconds + 0.3), request("BYE", 2), want(200)]
    with Recording(name):
        call_id = sipp_call(name, a, None, {"a": plan(name, "a", seconds=seconds, **secured(key(name, "a")))}, via="p", called="team", routed=True)
        time.sleep(0.3)
    for one in (bob, carol, proxy):
        one.stop() if one is proxy else stop(one)
    return {"program": "kamailio 5.6.3, " + SIPP, "calls": [{"call_id": call_id, **SECURE}], "streams": [stream(A, B, "PCMU", CM80), stream(B, A, "PCMU", CM80)]}


ACCOUNT = '<sip:{0}@lab.example;transport=udp>;auth_pass={1};outbound="sip:10.66.0.3";regint=60\n'
REGISTRAR = "baresip 1.0.0, sipsak 0.9.8.1, kamailio 5.6.3"


@fixture("normal-register", "alice registers (401, then 200), hosts ask the proxy by OPTIONS whether it lives, carol's password is wrong once, alice unregisters")
def register(name):
    proxy = Kamailio(defines=["REGISTRAR"])
    with Recording(name):
        alice = Baresip("a", account_line=ACCOUNT.format("alice", "sesame-alice"))
        time.sleep(0.5)
        for _ in range(3):
            spawn("b", ["sipsak", "-s", f"sip:{IP['p']}:5060"]).wait(8)
            time.sleep(1)
        spawn("q", ["sipsak", "-U", "-s", f"sip:carol@{IP['p']}", "-C", f"sip:carol@{IP['q']}:5060", "-x", "60", "-a", "guess"]).wait(8)
        alice.stop()
        time.sleep(0.5)
    proxy.stop()
    return {"program": REGISTRAR, "calls": [], "streams": [],
            "registrations": [{"account": "alice", "source": IP["a"], "outcome": "registered"},
                              {"account": "carol", "source": IP["q"], "outcome": "refused"}]}


@fixture("register-wrong-password", "a phone (baresip) with a wrong password answers each new challenge at once: one account, one source, the same secret every time")
def wrong_password(name):
    proxy = Kamailio(defines=["REGISTRAR"])
    with Recording(name):
        carol = Baresip("q", account_line=ACCOUNT.format("carol", "guess"))
        time.sleep(1.5)
        carol.stop()
        time.sleep(0.3)
    proxy.stop()
    return {"program": REGISTRAR, "calls": [], "streams": [], "registrations": [{"account": "carol", "source": IP["q"], "outcome": "refused"}]}


@fixture("hep-sdes", "an SDES call through the proxy: its SIP only as HEP 3 from the proxy, its SRTP from the wire", only="not port 5060 or port 9060")
@fixture("hep-and-sip", "the same with SIP both on the wire and mirrored as HEP 3", only="")
def hep(name, only):
    proxy = Kamailio(defines=["HEP"])
    b = Baresip("b", encryption="srtp-mand")
    a = Baresip("a", encryption="srtp-mand")
    with Recording(name, only=only):
        a.command("dial", f"sip:bob@{IP['p']}")
        time.sleep(3)
        a.command("hangup")
        time.sleep(0.8)
    for one in (a, b, proxy):
        one.stop()
    return {"program": "baresip 1.0.0, kamailio 5.6.3 (siptrace)", "calls": [SECURE.copy()],
            "streams": both_ways(endpoint("a", 10000), endpoint("b", 10000), "PCMU", SDES80)}
