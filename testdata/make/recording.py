"""What all recordings share: the list of fixtures, captures, and the statement of what is true."""
import base64
import hashlib
import json
import os
import subprocess

import pcapfile
import srtp
from lab import HERE, IP, IP6, TESTDATA, TMP, Capture

CALLS = TESTDATA + "/calls"
FIXTURES = {}
SECONDS = 3      # of media: short, so that the files stay small, and long enough for every statistical test


def fixture(name, story, **arguments):
    """Registers the function as the maker of a capture; one function may make several."""
    def register(function):
        FIXTURES[name] = (function, story, arguments)
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


SDES80 = "AES_CM_128_HMAC_SHA1_80"


def key(name, who, suite=SDES80):
    """Another key for each capture and side, the same at each recording: no real phone does that, but no
    check may take two captures for two calls with one key."""
    return base64.b64encode(hashlib.sha512(f"{name}/{who}".encode()).digest()[:srtp.SUITES[suite][1]]).decode()


def number(name, who, modulus=2**32):
    return int.from_bytes(hashlib.sha256(f"{name}#{who}".encode()).digest()[:8], "big") % modulus


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
