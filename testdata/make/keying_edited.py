#!/usr/bin/env python3
"""Captures of key exchanges that no phone at hand will produce: recorded ones with one thing changed, SIP written by
hand, and DTLS 1.3 by NSS (dtls13_nss.c). usage: keying_edited.py [NAME...], in testdata/srtp; all without names.

gcc -w -rdynamic -o dtls13_nss dtls13_nss.c -I/usr/include/nss -I/usr/include/nspr -lssl3 -lnss3 -lnssutil3 -lnspr4 -ldl"""
import base64
import hashlib
import hmac
import ipaddress
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys

import pcapfile
from dtls_truth import oracle as libsrtp
from dtls_wire import Keying, Srtp

HERE = pathlib.Path(__file__).parent
SRTP = HERE.parent / "srtp"
MADE = {}


def capture(function):
    MADE[function.__name__.replace("_", "-")] = function
    return function


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data[:len(data) // 2 * 2])) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def datagram(source, target, payload, number=1):
    (src, sport), (dst, dport) = source, target
    head = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    sum_ = checksum(head + struct.pack(">BBH", 0, 17, len(udp)) + udp) or 0xffff
    udp = udp[:6] + struct.pack(">H", sum_) + udp[8:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), number & 0xffff, 0, 64, 17, 0) + head
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return bytes.fromhex("020000000002020000000001") + b"\x08\x00" + ip + udp


def ends(frame):
    found = pcapfile.udp(frame[2])
    if not found:
        return None
    split = [(e.rsplit(":", 1)[0], int(e.rsplit(":", 1)[1])) for e in found[:2]]
    return split[0], split[1], found[2]


def changed(name, edit):
    """The recorded capture with each UDP payload as edit(payload, source, target) wants it: bytes, None to drop the frame,
    or a list of (source, target, payload) that takes its place."""
    out = []
    for sec, usec, frame in pcapfile.read(str(SRTP / (name + ".pcap"))):
        seen = ends((sec, usec, frame))
        if not seen:
            out.append((sec, usec, frame))
            continue
        made = edit(seen[2], seen[0], seen[1])
        if made is None:
            continue
        if isinstance(made, bytes):
            made = [(seen[0], seen[1], made)]
        for n, (source, target, payload) in enumerate(made):
            same = (source, target, payload) == seen
            out.append((sec, usec + n, frame if same else datagram(source, target, payload, len(out) + 1)))
    return out


def sip_lines(payload, edit, body=None):
    """A SIP message with its header lines, and its body, rewritten; Content-Length follows."""
    head, _, text = payload.partition(b"\r\n\r\n")
    lines = edit(head.decode().split("\r\n"))
    text = body(text.decode()).encode() if body else text
    lines = [f"Content-Length: {len(text)}" if re.match("content-length", line, re.I) else line for line in lines]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + text


def is_sip(payload):
    return payload[:1].isalpha()


def is_dtls(payload):
    return 20 <= payload[0] <= 63


def is_rtp(payload):
    return payload[0] >> 6 == 2


def save(name, frames):
    pcapfile.write(str(SRTP / (name + ".pcap")), frames)


def fingerprints(payload):
    return re.findall(rb"a=fingerprint:\S+ ([0-9A-F:]+)", payload)


# --- recorded ones with one thing changed -------------------------------------------------------------------------------

def identity(digest):
    """Identity header whose PASSporT carries mky (RFC 8225 section 5.2.2); the signature is no signature."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")
    head = {"alg": "ES256", "typ": "passport", "x5u": "https://cert.example.org/a.pem"}
    body = {"dest": {"uri": ["sip:bob@example.org"]}, "iat": 1700000000, "mky": [{"alg": "sha-256", "dig": digest.replace(":", "")}],
            "orig": {"uri": "sip:alice@example.org"}}
    signature = base64.urlsafe_b64encode(bytes(64)).decode().rstrip("=")
    return f"Identity: {part(head)}.{part(body)}.{signature};info=<https://cert.example.org/a.pem>;alg=ES256"


@capture
def dtls_mky():
    """dtls-cm80-mux with Identity headers: alice's in the INVITE, bob's in an UPDATE; their mky claims hold both fingerprints."""
    state = {}

    def edit(payload, source, target):
        if payload.startswith(b"SIP/2.0 200") and b"INVITE" in payload and fingerprints(payload):
            state["bob"] = fingerprints(payload)[0].decode()
        if payload.startswith(b"INVITE"):
            state["invite"] = payload.decode()
            return sip_lines(payload, lambda lines: lines + [identity(fingerprints(payload)[0].decode())])
        if payload.startswith(b"ACK") and "bob" in state:
            def value(name, text):
                return re.search(rf"^{name}: *(.*?)\r", text, re.M).group(1)
            ack = payload.decode()
            update = ("UPDATE sip:alice@10.67.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.67.0.2:5060;branch=z9hG4bK-update-1\r\nMax-Forwards: 70\r\n"
                      f"From: {value('To', ack)}\r\nTo: {value('From', ack)}\r\nCall-ID: {value('Call-ID', ack)}\r\nCSeq: 1 UPDATE\r\n"
                      f"{identity(state['bob'])}\r\nContent-Length: 0\r\n\r\n")
            done = ("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.67.0.2:5060;branch=z9hG4bK-update-1\r\n"
                    f"From: {value('To', ack)}\r\nTo: {value('From', ack)}\r\nCall-ID: {value('Call-ID', ack)}\r\nCSeq: 1 UPDATE\r\nContent-Length: 0\r\n\r\n")
            return [(source, target, payload), (target, source, update.encode()), (source, target, done.encode())]
        return payload
    return changed("dtls-cm80-mux", edit)


@capture
def dtls_absent():
    """dtls-no-use-srtp without its DTLS packets: DTLS-SRTP is agreed, no handshake comes, and clear media flows."""
    return changed("dtls-no-use-srtp", lambda p, s, t: None if is_dtls(p) else p)


@capture
def dtls_without_sip():
    """dtls-cm80-mux without its SIP: a handshake and SRTP that no signalling in view explains. Its key log is dtls-cm80-mux.keylog."""
    return changed("dtls-cm80-mux", lambda p, s, t: None if is_sip(p) else p)


@capture
def dtls_stranger_with_ice():
    """dtls-stranger-hello with ICE: carol's address passed a check with alice's ufrag before her ClientHello (a peer-reflexive candidate)."""
    state = {}

    def edit(payload, source, target):
        if is_sip(payload) and b"application/sdp" in payload:
            def ice(text):
                name = "ALic" if source[0] == "10.67.0.1" else "bobU"
                return text + f"a=ice-ufrag:{name}\r\na=ice-pwd:0123456789abcdef012345\r\n"
            return sip_lines(payload, lambda lines: lines, ice)
        if is_dtls(payload) and source[0] == "10.67.0.4" and not state:
            state["done"] = True
            user = b"ALic:bobU"
            attribute = struct.pack(">HH", 6, len(user)) + user + bytes(-len(user) % 4)
            check = struct.pack(">HHI", 1, len(attribute), 0x2112a442) + b"transaction1" + attribute
            return [(source, target, check), (source, target, payload)]
        return payload
    return changed("dtls-stranger-hello", edit)


@capture
def dtls_data_channel():
    """dtls-client-no-use-srtp as a data channel: m=application over DTLS/SCTP, no RTP; no use_srtp is needed there."""
    def edit(payload, source, target):
        if is_rtp(payload):
            return None
        if is_sip(payload) and b"application/sdp" in payload:
            def body(text):
                text = re.sub(r"m=audio (\d+) \S+ .*", r"m=application \1 UDP/DTLS/SCTP webrtc-datachannel", text)
                return "".join(line for line in text.splitlines(True) if not re.match("a=(rtpmap|fmtp|rtcp-mux|ptime)", line)) + "a=sctp-port:5000\r\n"
            return sip_lines(payload, lambda lines: lines, body)
        return payload
    return changed("dtls-client-no-use-srtp", edit)


@capture
def dtls_fork():
    """dtls-cm80-mux with a fork: before bob's 200 another phone answers with 183, its own address and another fingerprint."""
    def edit(payload, source, target):
        if payload.startswith(b"SIP/2.0 200") and b"INVITE" in payload:
            other = payload.replace(b"SIP/2.0 200 OK", b"SIP/2.0 183 Session Progress")
            other = sip_lines(other, lambda lines: [re.sub(r"^(To:.*;tag=)\S+", r"\1other-fork", line) for line in lines],
                              lambda text: re.sub(r"(a=fingerprint:\S+ )\S+", lambda m: m.group(1) + ":".join(["5A"] * 32), text)
                              .replace("IN IP4 10.67.0.2", "IN IP4 10.67.0.9"))
            return [(source, target, other), (source, target, payload)]
        return payload
    return changed("dtls-cm80-mux", edit)


@capture
def sdes_instead_of_dtls():
    """sdes-cm128-80 with a=fingerprint and a=setup beside a=crypto in both SDPs: both could do DTLS-SRTP, SDES is used."""
    def edit(payload, source, target):
        if is_sip(payload) and b"a=crypto" in payload:
            role = "actpass" if payload.startswith(b"INVITE") else "active"
            line = "a=fingerprint:sha-256 " + ":".join(f"{b:02X}" for b in hashlib.sha256(source[0].encode()).digest()) + f"\r\na=setup:{role}\r\n"
            return sip_lines(payload, lambda lines: lines, lambda text: text + line)
        return payload
    return changed("sdes-cm128-80", edit)


# --- SIP written by hand ------------------------------------------------------------------------------------------------

def call(number, caller, callee, offer, answer, start, who=("1001", "2001")):
    """INVITE, 200, ACK, BYE, 200 between two hosts, no media."""
    tags = f"a{number}", f"b{number}"
    common = f"Call-ID: by-hand-{number}@example.org\r\n"
    a, b = who

    def message(first, source, method, cseq, sdp, tagged):
        via = f"Via: SIP/2.0/UDP {caller}:5060;branch=z9hG4bK-{number}-{cseq}-{method}\r\n"
        to = f"To: <sip:{b}@{callee}>" + (f";tag={tags[1]}" if tagged else "") + "\r\n"
        body = sdp or ""
        kind = "Content-Type: application/sdp\r\n" if sdp else ""
        return (f"{first}\r\n{via}Max-Forwards: 70\r\nFrom: <sip:{a}@{caller}>;tag={tags[0]}\r\n{to}{common}CSeq: {cseq} {method}\r\n"
                f"Contact: <sip:{source}:5060>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}").encode()
    near, far = (caller, 5060), (callee, 5060)
    uri = f"sip:{b}@{callee}"
    steps = [(near, far, message(f"INVITE {uri} SIP/2.0", caller, "INVITE", 1, offer, False), 0.0),
             (far, near, message("SIP/2.0 200 OK", callee, "INVITE", 1, answer, True), 0.4),
             (near, far, message(f"ACK {uri} SIP/2.0", caller, "ACK", 1, "", True), 0.41),
             (near, far, message(f"BYE {uri} SIP/2.0", caller, "BYE", 2, "", True), 3.0),
             (far, near, message("SIP/2.0 200 OK", callee, "BYE", 2, "", True), 3.01)]
    frames = []
    for n, (source, target, payload, after) in enumerate(steps):
        total = int((start + after) * 1e6)
        frames.append((total // 1000000, total % 1000000, datagram(source, target, payload, number * 16 + n)))
    return frames


def sdp(address, port, profile, *lines):
    return "\r\n".join(["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0", f"m=audio {port} {profile} 0",
                        "a=rtpmap:0 PCMU/8000", *lines]) + "\r\n"


START = 1790000000.0


def fingerprint(text):
    return "a=fingerprint:sha-256 " + ":".join(f"{b:02X}" for b in hashlib.sha256(text.encode()).digest())


def shared(addresses):
    frames = []
    for n, (address, account) in enumerate(addresses):
        frames += call(n + 1, address, "198.51.100.20", sdp(address, 4000, "UDP/TLS/RTP/SAVP", fingerprint("shared"), "a=setup:actpass"),
                       sdp("198.51.100.20", 5000 + 2 * n, "UDP/TLS/RTP/SAVP", fingerprint(f"server {n}"), "a=setup:active"), START + 10 * n,
                       (account, "600"))
    return frames


@capture
def dtls_one_certificate():
    """Three phones at three addresses with one certificate."""
    return shared([("192.0.2.11", "1001"), ("192.0.2.12", "1002"), ("192.0.2.13", "1003")])


@capture
def dtls_one_gateway():
    """Three accounts behind two addresses of a gateway with one certificate: no endpoint of its own among them."""
    return shared([("192.0.2.11", "1001"), ("192.0.2.11", "1002"), ("192.0.2.12", "1003"), ("192.0.2.12", "1001")])


def mikey(kind, kemac, dice, sessions=1):
    """RFC 3830: header with one SRTP session, T, RAND, KEMAC."""
    csb = dice.randbytes(4)
    head = struct.pack(">BBBB", 1, kind, 5, 0x80) + csb + struct.pack(">BB", sessions, 0)
    head += b"".join(struct.pack(">BII", 0, 0x1000 + n, 0) for n in range(sessions))
    stamp = struct.pack(">BB", 11, 0) + struct.pack(">Q", 0xe000000000000000)
    rand = struct.pack(">BB", 1, 16) + dice.randbytes(16)
    return "a=key-mgmt:mikey " + base64.b64encode(head + stamp + rand + kemac).decode()


def key_data(dice):
    """A TGK in the clear, section 6.13."""
    return struct.pack(">BBH", 0, 0x00, 16) + dice.randbytes(16)


def mikey_call(number, kemac, dice, start):
    offer = sdp("192.0.2.1", 4000, "RTP/SAVP", mikey(0, kemac, dice))
    answer_body = struct.pack(">BBBB", 1, 1, 5, 0) + dice.randbytes(4) + struct.pack(">BB", 1, 0) + struct.pack(">BII", 0, 0x2000, 0)
    answer_body += struct.pack(">BB", 9, 0) + struct.pack(">Q", 0xe000000000000000) + struct.pack(">BB", 0, 1) + dice.randbytes(20)
    answer = sdp("192.0.2.2", 5000, "RTP/SAVP", "a=key-mgmt:mikey " + base64.b64encode(answer_body).decode())
    return call(number, "192.0.2.1", "192.0.2.2", offer, answer, start)


@capture
def mikey_null_key():
    """MIKEY pre-shared-key mode with a KEMAC that is not encrypted (the key can be read); a second call whose KEMAC has no MAC."""
    dice = random.Random("voip-audit mikey-null-key")
    data = key_data(dice)
    readable = struct.pack(">BBH", 0, 0, len(data)) + data + struct.pack(">B", 1) + dice.randbytes(20)
    unauthenticated = struct.pack(">BBH", 0, 1, 20) + dice.randbytes(20) + struct.pack(">B", 0)
    return mikey_call(1, readable, dice, START) + mikey_call(2, unauthenticated, dice, START + 10)


@capture
def mikey_psk():
    """MIKEY pre-shared-key mode as RFC 3830 wants it: AES-CM and HMAC-SHA-1."""
    dice = random.Random("voip-audit mikey-psk")
    return mikey_call(1, struct.pack(">BBH", 0, 1, 20) + dice.randbytes(20) + struct.pack(">B", 1) + dice.randbytes(20), dice, START)


# --- DTLS 1.3 -----------------------------------------------------------------------------------------------------------

def expand_label(secret, label, context, size):
    """RFC 8446 section 7.1 with the prefix of RFC 9147 section 5.9."""
    label = b"dtls13" + label
    info = struct.pack(">HB", size, len(label)) + label + bytes([len(context)]) + context
    out, block = b"", b""
    while len(out) < size:
        block = hmac.new(secret, block + info + bytes([len(out) // 32 + 1]), "sha256").digest()
        out += block
    return out[:size]


@capture
def dtls13_nss():
    """DTLS 1.3 by NSS 3.87 both sides, with the exporter secret as key log; certificates and profile are encrypted. Signalling and
    SRTP by this project's test phones, with the keys that NSS exported."""
    run = subprocess.run([os.environ.get("DTLS13_NSS", "./dtls13_nss"), "1", "2"], capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split() for line in run.stdout.splitlines()]
    one = {row[0]: row[1] for row in rows if len(row) == 2 and row[0] not in ("client", "server")}
    secret, keys = bytes.fromhex(one["exporter-secret"]), bytes.fromhex(one["keys"])
    nothing = hashlib.sha256(b"").digest()
    mine = expand_label(expand_label(secret, b"EXTRACTOR-dtls_srtp", nothing, 32), b"exporter", nothing, 60)
    assert one["version"] == "0304" and one["profile"] == "0001" and mine == keys, "the exporter is not what NSS says"
    flights = [(row[0], bytes.fromhex(row[1])) for row in rows if row[0] in ("client", "server")]
    client_random = flights[0][1][13 + 12 + 2:][:32].hex()
    (SRTP / "dtls13-nss.keylog").write_text(f"EXPORTER_SECRET {client_random} {secret.hex()}\n")

    def print_of(name):
        return "a=fingerprint:sha-256 " + ":".join(f"{b:02X}" for b in hashlib.sha256(bytes.fromhex(one[name])).digest())
    a, b = "192.0.2.1", "192.0.2.2"
    frames = call(1, a, b, sdp(a, 4000, "UDP/TLS/RTP/SAVP", print_of("server-certificate"), "a=setup:actpass", "a=rtcp-mux"),
                  sdp(b, 4002, "UDP/TLS/RTP/SAVP", print_of("client-certificate"), "a=setup:active", "a=rtcp-mux"), START)
    suite = "AES_CM_128_HMAC_SHA1_80"
    keying = {"client": Keying(suite, keys[:16], keys[32:46]), "server": Keying(suite, keys[16:32], keys[46:60])}
    where = {"client": ((b, 4002), (a, 4000)), "server": ((a, 4000), (b, 4002))}

    def at(seconds, source, target, payload):
        total = int((START + seconds) * 1e6)
        frames.append((total // 1000000, total % 1000000, datagram(source, target, payload, len(frames) + 1)))
    for n, (who, data) in enumerate(flights):
        at(0.45 + 0.002 * n, *where[who], data)
    voice = [ends(f)[2][12:] for f in pcapfile.read(str(SRTP / "sdes-clear-over-savp.pcap")) if ends(f) and ends(f)[2][:2] == b"\x80\x00"]
    streams = []
    for side, ssrc in (("server", 0x13130001), ("client", 0x13130002)):
        sender = Srtp(keying[side])
        good = 0
        for n in range(60):
            packet = struct.pack(">BBHII", 0x80, 0, 100 + n, 160 * n, ssrc) + voice[2 * n + (side == "client")]
            protected = sender.rtp(packet)
            good += libsrtp.unprotect(keying[side], protected, 0) == packet
            at(0.6 + 0.02 * n + (0.01 if side == "client" else 0), *where[side], protected)
        assert good == 60, f"libsrtp2 takes {good} of 60"
        source, target = where[side]
        streams.append({"ssrc": f"{ssrc:08x}", "src": "%s:%d" % source, "dst": "%s:%d" % target, "codec": "PCMU", "encrypted": True,
                        "suite": suite, "packets": 60, "auth_ok": good, "auth_bad": 0, "bad_frames": [], "checked_with": "libsrtp2"})
    truth = {"file": "dtls13-nss.pcap", "story": dtls13_nss.__doc__, "hand_made": "signalling and media by this project's test phones; DTLS by NSS 3.87",
             "calls": [{"call_id": "by-hand-1@example.org", "offered": ["dtls"], "negotiated": "dtls", "profile": "UDP/TLS/RTP/SAVP"}], "streams": streams}
    (SRTP / "dtls13-nss.truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return sorted(frames, key=lambda f: f[:2])


if __name__ == "__main__":
    for name in sys.argv[1:] or MADE:
        save(name, MADE[name]())
        print(name, os.path.getsize(SRTP / (name + ".pcap")))
