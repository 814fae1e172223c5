#!/usr/bin/env python3
"""Records the captures of ../calls: record.py NAME... | all | --list

Each function below makes one capture and returns what is true of it because it was set up
that way; that goes to NAME.truth.json. tshark's view goes to NAME.sip.tsv (oracle.sh).
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import encode
import pcapfile
import srtp
from lab import (IP, IP6, HERE, TESTDATA, TMP, Baresip, Capture, Kamailio, Linphone, Rtpengine, await_true, net_down,
                 net_up, sh, spawn, stop, stop_all)
from sipp import call as sipp_call
from sipp import crypto, request, response, sdp, start_media, wait, want

CALLS = TESTDATA + "/calls"
FIXTURES = {}
SECONDS = 6


def fixture(name, **arguments):
    """Registers the function as the maker of a capture; one function may make several."""
    def register(function):
        FIXTURES[name] = (function, arguments)
        return function
    return register


class Recording:
    def __init__(self, name, **capture):
        self.path = f"{TMP}/{name}.pcap"
        self.capture = Capture(self.path, **capture)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.capture.stop()


def endpoint(host, port, v6=False):
    return f"[{IP6[host]}]:{port}" if v6 else f"{IP[host]}:{port}"


def stream(source, target, codec, suite=None, encrypted=None, **more):
    return {"src": source, "dst": target, "codec": codec,
            "encrypted": bool(suite) if encrypted is None else encrypted, "suite": suite, **more}


def both_ways(one, other, codec, suite=None, **more):
    return [stream(one, other, codec, suite, **more), stream(other, one, codec, suite, **more)]


def call(offered, negotiated, profile, outcome="answered", **more):
    return {"offered": offered, "negotiated": negotiated, "profile": profile, "outcome": outcome, **more}


# --- baresip to baresip ---------------------------------------------------------------------

SDES80 = "AES_CM_128_HMAC_SHA1_80"


def baresip_pair(name, codec, label, *, encryption="", transport="udp", v6=False, rate=8000, channels=1, speech=None,
                 seconds=SECONDS, during=None, caller={}, callee={}, port=10000):
    common = dict(codec=codec, encryption=encryption, transport=transport, v6=v6, rate=rate, channels=channels,
                  rtp=port)
    b = Baresip("b", **{**common, "speech": speech, **callee})
    a = Baresip("a", **{**common, "speech": speech, **caller})
    with Recording(name):
        a.command("dial", b.uri)
        time.sleep(seconds / 2)
        if during:
            during(a, b)
        time.sleep(seconds / 2)
        a.command("hangup")
        time.sleep(0.6)
    a.stop()
    b.stop()
    one, other = endpoint("a", port, v6), endpoint("b", port, v6)
    secure = encryption in ("srtp-mand", "srtp")
    return {"program": "baresip 1.0.0",
            "calls": [call(["sdes"] if secure else ["none"], "sdes" if secure else "none",
                           {"srtp-mand": "RTP/SAVP"}.get(encryption, "RTP/AVP"))],
            "streams": both_ways(one, other, label, SDES80 if secure else None)}


for _name, _codec, _label, _more in (
        ("pcmu", "pcmu", "PCMU", {}), ("pcma", "pcma", "PCMA", {}), ("gsm", "gsm", "GSM", {}),
        ("g722", "g722", "G722", dict(rate=16000)),
        ("opus", "opus/48000/2", "opus", dict(rate=48000, channels=2))):
    fixture("plain-" + _name, codec=_codec, label=_label, **_more)(baresip_pair)
    if _name != "pcma":
        fixture("sdes-udp-" + _name, codec=_codec, label=_label, encryption="srtp-mand", **_more)(baresip_pair)
fixture("plain-pcmu-silence", codec="pcmu", label="PCMU", speech="silence")(baresip_pair)
fixture("plain-pcmu-noise", codec="pcmu", label="PCMU", speech="noise")(baresip_pair)
fixture("plain-pcmu-music", codec="pcmu", label="PCMU", speech="music")(baresip_pair)
fixture("sdes-tcp", codec="pcmu", label="PCMU", encryption="srtp-mand", transport="tcp")(baresip_pair)
fixture("plain-ipv6", codec="pcmu", label="PCMU", v6=True)(baresip_pair)
fixture("sdes-ipv6", codec="pcmu", label="PCMU", v6=True, encryption="srtp-mand")(baresip_pair)


# --- sipp for the signalling, media.py for what flows --------------------------------------


A, B = endpoint("a", 20000), endpoint("b", 20002)


def key(name, who, suite=SDES80):
    """Another key for each capture and side, the same at each recording: no real phone does that, but no
    check may take two captures for two calls with one key."""
    return base64.b64encode(hashlib.sha512(f"{name}/{who}".encode()).digest()[:srtp.SUITES[suite][1]]).decode()


def number(name, who, modulus=2**32):
    return int.from_bytes(hashlib.sha256(f"{name}#{who}".encode()).digest()[:8], "big") % modulus


CM80, CM32, GCM = SDES80, "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"


def plan(name, host, codec="pcmu", pt=0, parts=None, seconds=SECONDS, srtp=None, rtcp="clear", speech=None, ssrc=None, seq=None,
         port=None, remote=None, v6=False, **more):
    ip = IP6 if v6 else IP
    ports = {"a": 20000, "b": 20002, "q": 20004, "p": 20006}
    other = remote or {"a": "b", "b": "a", "q": "a", "p": "a"}[host]
    target = other if isinstance(other, (list, tuple)) else [ip[other], ports[other]]
    return {"local": [ip[host], port or ports[host]], "remote": target, "pt": pt, "rtcp": rtcp,
            "frames": encode.file_of(codec, speech or ("s1" if host == "a" else "s2")),
            "ssrc": ssrc or number(name, host + "ssrc"),
            "seq": number(name, host + "seq", 60000) if seq is None else seq, "ts": number(name, host + "ts", 2**31),
            "parts": parts or [{"seconds": seconds, **({"srtp": srtp} if srtp else {})}], **more}


def protected(key, suite=CM80, **more):
    return {"suite": suite, "key": key, **more}


def secured(key, suite=SDES80, **more):
    """Arguments of plan() for a protected stream with SRTCP, or for a clear one"""
    return {"srtp": protected(key, suite, **more), "rtcp": "srtp"} if key else {"rtcp": "clear"}


def basic(offer, answer, seconds=SECONDS, hang_up=True, headers=(), caller_media=True, callee_media=True, ring=0.2):
    """INVITE, 180, 200, ACK, media, BYE by the caller"""
    a = [request("INVITE", 1, offer, headers), want(100, True), want(180, True), want(200), request("ACK", 1)]
    b = [want("INVITE"), response(180, "Ringing"), wait(ring), response(200, "OK", answer), want("ACK")]
    a += [start_media("a")] if caller_media else []
    b += [start_media("b")] if callee_media else []
    a += [wait(seconds + 0.3), request("BYE", 2), want(200)]
    b += [want("BYE"), response(200, "OK")]
    return a, b


SIPP = "SIPp 3.6.1, media.py"


def simple(name, offer, answer, media_a, media_b, calls, streams, seconds=SECONDS, **more):
    a, b = basic(offer, answer, seconds, caller_media=media_a is not None, callee_media=media_b is not None)
    with Recording(name):
        ids = sipp_call(name, a, b, {k: v for k, v in (("a", media_a), ("b", media_b)) if v}, **more)
        time.sleep(0.3)
    return {"program": SIPP, "calls": [{"call_id": i, **calls} for i in ids], "streams": streams}


SECURE = call(["sdes"], "sdes", "RTP/SAVP")


@fixture("lying-savp", srtp_a=False, srtp_b=False)
@fixture("lying-savp-silence", srtp_a=False, srtp_b=False, speech="silence", seconds=4)
@fixture("one-way-clear", srtp_a=True, srtp_b=False)
@fixture("sipp-savp", srtp_a=True, srtp_b=True)
def savp(name, srtp_a, srtp_b, speech=None, seconds=SECONDS):
    ka, kb = key(name, "a"), key(name, "b")
    return simple(name, sdp("a", 20000, "RTP/SAVP", attributes=[crypto(ka)]),
                  sdp("b", 20002, "RTP/SAVP", attributes=[crypto(kb)]),
                  plan(name, "a", speech=speech, seconds=seconds, **secured(srtp_a and ka)),
                  plan(name, "b", speech=speech, seconds=seconds, **secured(srtp_b and kb)),
                  SECURE, [stream(A, B, "PCMU", CM80, srtp_a), stream(B, A, "PCMU", CM80, srtp_b)], seconds=seconds)


# --- through kamailio and rtpengine ---------------------------------------------------------

def bridged(name, to_b, to_a, encryption_a, encryption_b, offered, negotiated, profiles, suites, codec="pcmu", label="PCMU",
            kamailio=(), only=""):
    """alice calls bob through the proxy, the relay between their streams; captured on the bridge, so both legs are seen"""
    rtpengine = Rtpengine()
    proxy = Kamailio(defines=("MEDIA", f"TO_B={to_b}", f"TO_A={to_a}", *kamailio))
    b = Baresip("b", codec=codec, encryption=encryption_b)
    a = Baresip("a", codec=codec, encryption=encryption_a)
    with Recording(name, only=only):
        a.command("dial", f"sip:bob@{IP['p']}")
        time.sleep(SECONDS)
        a.command("hangup")
        time.sleep(0.8)
    for one in (a, b, proxy, rtpengine):
        one.stop()
    ports = relay_ports(f"{TMP}/{name}.pcap")
    phone_a, phone_b = endpoint("a", 10000), endpoint("b", 10000)
    return {"program": "baresip 1.0.0, kamailio 5.6.3, rtpengine 10.5.3.5",
            "calls": [{"legs": [call([offered[i]], negotiated[i], profiles[i]) for i in (0, 1)]}],
            "streams": both_ways(phone_a, ports[phone_a], label, suites[0], leg=0)
            + both_ways(phone_b, ports[phone_b], label, suites[1], leg=1)}


def relay_ports(path):
    """{phone's endpoint: the relay's endpoint that it talks to}"""
    found = {}
    for source, target, _ in pcapfile.rtp(path):
        if not source.startswith(IP["p"]) and target.startswith(IP["p"]):
            found[source] = target
    return found


fixture("sbc-srtp-rtp", to_b="replace-origin replace-session-connection RTP/AVP",
        to_a="replace-origin replace-session-connection RTP/SAVP", encryption_a="srtp-mand", encryption_b="",
        offered=("sdes", "none"), negotiated=("sdes", "none"), profiles=("RTP/SAVP", "RTP/AVP"), suites=(SDES80, None))(bridged)
fixture("sbc-rtp-srtp", to_b="replace-origin replace-session-connection RTP/SAVP",
        to_a="replace-origin replace-session-connection RTP/AVP", encryption_a="", encryption_b="srtp-mand",
        offered=("none", "sdes"), negotiated=("none", "sdes"), profiles=("RTP/AVP", "RTP/SAVP"), suites=(None, SDES80))(bridged)
fixture("sbc-srtp-srtp", to_b="replace-origin replace-session-connection RTP/SAVP SDES-no-AES_CM_128_HMAC_SHA1_32 SDES-unencrypted_srtp-no",
        to_a="replace-origin replace-session-connection RTP/SAVP", encryption_a="srtp-mand", encryption_b="srtp-mand",
        offered=("sdes", "sdes"), negotiated=("sdes", "sdes"), profiles=("RTP/SAVP", "RTP/SAVP"), suites=(SDES80, SDES80))(bridged)
fixture("sbc-rtp-rtp", to_b="replace-origin replace-session-connection", to_a="replace-origin replace-session-connection",
        encryption_a="", encryption_b="", offered=("none", "none"), negotiated=("none", "none"),
        profiles=("RTP/AVP", "RTP/AVP"), suites=(None, None))(bridged)


# --- the frame around them --------------------------------------------------------------------

def complete(name, truth):
    """Adds what only the capture knows (Call-IDs, SSRCs, packets) and checks what it can."""
    path = f"{CALLS}/{name}.pcap"
    subprocess.run([HERE + "/oracle.sh", path], check=True, timeout=60)
    rows = [line.rstrip("\n").split("\t") for line in open(f"{CALLS}/{name}.sip.tsv")][1:]
    invited = list(dict.fromkeys(row[3] for row in rows if row[1] == "INVITE"))
    for at, one in enumerate(truth["calls"]):
        if "call_id" not in one:
            one["call_id"] = invited[at]
    seen = pcapfile.rtp(path)
    for one in truth["streams"]:
        found = {key[2]: packets for key, packets in seen.items() if key[:2] == (one["src"], one["dst"])
                 and ("ssrc" not in one or int(one["ssrc"], 16) == key[2])}
        if not found:
            raise RuntimeError(f"{name}: no RTP from {one['src']} to {one['dst']}")
        if len(found) > 1:
            raise RuntimeError(f"{name}: several SSRCs from {one['src']} to {one['dst']}: {[hex(s) for s in found]}")
        (ssrc, packets), = found.items()
        one["ssrc"] = f"0x{ssrc:08x}"
        one["packets"] = len(packets)
    stated = {(s["src"], s["dst"], int(s["ssrc"], 16)) for s in truth["streams"]}
    extra = [key for key in seen if key not in stated and len(seen[key]) > 3]
    if extra and not truth.pop("more_streams", False):
        raise RuntimeError(f"{name}: streams that nobody stated: {extra}")
    with open(f"{CALLS}/{name}.truth.json", "w") as f:
        json.dump({"file": name + ".pcap", **truth}, f, indent=1)
        f.write("\n")
    frames = len(pcapfile.read(path))
    print(f"{name}: {frames} frames, {os.path.getsize(path)} bytes, {len(rows)} SIP messages, "
          + ", ".join(f"{s['src']}>{s['dst']} {s['packets']}" for s in truth["streams"]), flush=True)


def main(names):
    if names == ["--list"]:
        print(*FIXTURES, sep="\n")
        return 0
    if names == ["all"]:
        names = list(FIXTURES)
    unknown = [n for n in names if n not in FIXTURES]
    if unknown or not names:
        print(f"usage: record.py NAME... | all | --list (unknown: {unknown})", file=sys.stderr)
        return 2
    if not os.path.isdir(TMP + "/speech"):
        subprocess.run([HERE + "/speech.sh", TMP + "/speech"], check=True, timeout=120)
    os.makedirs(CALLS, exist_ok=True)
    failed = []
    net_up()
    try:
        for name in names:
            function, arguments = FIXTURES[name]
            try:
                truth = function(name, **arguments)
                stop_all()
                shutil.copyfile(f"{TMP}/{name}.pcap", f"{CALLS}/{name}.pcap")
                complete(name, truth)
            except Exception as problem:
                stop_all()
                failed.append(name)
                print(f"{name}: FAILED: {problem}", file=sys.stderr, flush=True)
    finally:
        stop_all()
        net_down()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
