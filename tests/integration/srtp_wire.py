"""Senders for calls that are written packet by packet, each story with its true answer.

They share no code with the tool: SRTP is written from RFC 3711 and RFC 7714 on an AES of its own (FIPS 197), SIP and SDP as
phones write them. Every story tells `want` (findings that it breaks, with severity), `never` (findings that its neighbour
would break), and what is true of each stream."""
import base64
import hashlib
import hmac
import ipaddress
import json
import math
import os
import random
import struct
import subprocess
import tempfile

EPOCH = 1_790_000_000


# --- AES, SRTP, SRTCP ---------------------------------------------------------------------------------

def _sbox():
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p = p ^ (p << 1 & 0xff) ^ (0x1b if p & 0x80 else 0)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xff
        if q & 0x80:
            q ^= 0x09
        rotated = [q << n & 0xff | q >> 8 - n for n in range(1, 5)]
        box[p] = 0x63 ^ q ^ rotated[0] ^ rotated[1] ^ rotated[2] ^ rotated[3]
        if p == 1:
            return box


SBOX = _sbox()
TIMES2 = [x << 1 & 0xff ^ (0x1b if x & 0x80 else 0) for x in range(256)]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


class Aes:
    def __init__(self, key):
        words, count, rcon = [list(key[i:i + 4]) for i in range(0, len(key), 4)], len(key) // 4, 1
        self.rounds = count + 6
        while len(words) < 4 * (self.rounds + 1):
            word = list(words[-1])
            if len(words) % count == 0:
                word = [SBOX[b] for b in word[1:] + word[:1]]
                word[0] ^= rcon
                rcon = TIMES2[rcon]
            elif count > 6 and len(words) % count == 4:
                word = [SBOX[b] for b in word]
            words.append([a ^ b for a, b in zip(words[-count], word)])
        self.keys = [sum(words[4 * r:4 * r + 4], []) for r in range(self.rounds + 1)]

    def block(self, data):
        state = [a ^ b for a, b in zip(data, self.keys[0])]
        for r in range(1, self.rounds + 1):
            moved = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
            if r < self.rounds:
                for c in range(0, 16, 4):
                    a = moved[c:c + 4]
                    whole = a[0] ^ a[1] ^ a[2] ^ a[3]
                    for i in range(4):
                        moved[c + i] = a[i] ^ whole ^ TIMES2[a[i] ^ a[(i + 1) % 4]]
            state = [a ^ b for a, b in zip(moved, self.keys[r])]
        return bytes(state)

    def counter(self, start, data):
        out, value = bytearray(), int.from_bytes(start, "big")
        for i in range(0, len(data), 16):
            out += xor(data[i:i + 16], self.block((value + i // 16 & (1 << 128) - 1).to_bytes(16, "big")))
        return bytes(out)

    def gcm(self, iv, aad, data):
        """NIST SP 800-38D: ciphertext and tag of 16 bytes."""
        h, tag = int.from_bytes(self.block(bytes(16)), "big"), 0
        sealed = self.counter(iv + b"\0\0\0\2", data)
        padded = aad + bytes(-len(aad) % 16) + sealed + bytes(-len(sealed) % 16) + struct.pack(">QQ", 8 * len(aad), 8 * len(sealed))
        for i in range(0, len(padded), 16):
            x, v = tag ^ int.from_bytes(padded[i:i + 16], "big"), h
            tag = 0
            for bit in range(127, -1, -1):
                if x >> bit & 1:
                    tag ^= v
                v = v >> 1 ^ (0xe1 << 120 if v & 1 else 0)
        return sealed + xor(self.block(iv + b"\0\0\0\1"), tag.to_bytes(16, "big"))


assert Aes(bytes(range(16))).block(bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
assert Aes(bytes(16)).gcm(bytes(12), b"", bytes(16)).hex() == "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"


class Key:
    """One direction's master key. mki: sent between ciphertext and tag (RFC 3711), behind the tag of AEAD (RFC 7714)."""
    SUITES = {"AES_CM_128_HMAC_SHA1_80": (16, 10), "AES_CM_128_HMAC_SHA1_32": (16, 4), "AES_256_CM_HMAC_SHA1_80": (32, 10),
              "AEAD_AES_128_GCM": (16, 16), "AEAD_AES_256_GCM": (32, 16), "NULL_HMAC_SHA1_80": (16, 10)}

    def __init__(self, seed, suite="AES_CM_128_HMAC_SHA1_80", mki=b""):
        self.suite, self.mki, self.aead, self.null = suite, mki, suite.startswith("AEAD"), suite.startswith("NULL")
        size, self.tag = self.SUITES[suite]
        dice = random.Random(seed)
        self.key, self.salt = dice.randbytes(size), dice.randbytes(12 if self.aead else 14)
        self.salt_size = len(self.salt)
        master, salt = Aes(self.key), self.salt.ljust(14, b"\0")
        derive = lambda label, n: master.counter(xor(salt, bytes(7) + bytes([label]) + bytes(6)) + bytes(2), bytes(n))
        self.sets = [(Aes(derive(label, size)), derive(label + 1, 20), derive(label + 2, self.salt_size)) for label in (0, 3)]
        self.header_set = (Aes(derive(6, size)), derive(7, self.salt_size))

    def crypto(self, tag=1):
        mki = f"|{int.from_bytes(self.mki, 'big')}:{len(self.mki)}" if self.mki else ""
        return f"a=crypto:{tag} {self.suite} inline:{base64.b64encode(self.key + self.salt).decode()}{mki}"

    def _counter_iv(self, salt, ssrc, index):
        return xor(salt + bytes(2), bytes(4) + ssrc + struct.pack(">Q", index << 16)[:8])

    def protect(self, packet, roc=0):
        cipher, auth, salt = self.sets[0]
        header = 12 + 4 * (packet[0] & 15)
        if packet[0] & 16:
            header += 4 + 4 * struct.unpack(">H", packet[header + 2:header + 4])[0]
        ssrc, sequence = packet[8:12], struct.unpack(">H", packet[2:4])[0]
        if self.aead:
            iv = xor(salt, bytes(2) + ssrc + struct.pack(">IH", roc, sequence))
            return packet[:header] + cipher.gcm(iv, packet[:header], packet[header:]) + self.mki
        data = packet
        if not self.null:
            data = packet[:header] + cipher.counter(self._counter_iv(salt, ssrc, roc << 16 | sequence), packet[header:])
        return data + self.mki + hmac.new(auth, data + struct.pack(">I", roc), hashlib.sha1).digest()[:self.tag]

    def protect_rtcp(self, packet, index):
        cipher, auth, salt = self.sets[1]
        ssrc, trailer = packet[4:8], struct.pack(">I", 1 << 31 | index)
        if self.aead:
            iv = xor(salt, bytes(2) + ssrc + bytes(2) + struct.pack(">I", index))
            return packet[:8] + cipher.gcm(iv, packet[:8] + trailer, packet[8:]) + trailer + self.mki
        data = packet[:8] + cipher.counter(self._counter_iv(salt, ssrc, index), packet[8:]) + trailer
        return data + self.mki + hmac.new(auth, data, hashlib.sha1).digest()[:10]


# --- voice, packets, messages -------------------------------------------------------------------------

def ulaw(sample):
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    byte = exponent << 4 | magnitude >> exponent + 3 & 15
    return ~(byte | (0x80 if sample < 0 else 0)) & 255


def voice(number, seconds=4):
    """20 ms of PCMU each: a voice of harmonics that rise and fall, with breath."""
    dice, frames, phase = random.Random(number), [], 0.0
    for n in range(seconds * 50):
        loud = 6000 * max(0.03, math.sin(n / (9 + number)) ** 2)
        pitch = 110 + 25 * number + 20 * math.sin(n / 17)
        frame = bytearray()
        for _ in range(160):
            phase += 2 * math.pi * pitch / 8000
            value = sum(math.sin(k * phase) / k for k in (1, 2, 3, 5)) * loud + dice.gauss(0, 40)
            frame.append(ulaw(int(value)))
        frames.append(bytes(frame))
    return frames


VOICES = {n: voice(n) for n in (1, 2)}


class Tcp:
    """One connection; the handshake is sent unless the capture began later."""

    def __init__(self, wire, when, client, server, late=False):
        self.wire, self.client, self.server = wire, client, server
        self.next = {client: 1000, server: 9000}
        if not late:
            for src, dst, flags in ((client, server, 2), (server, client, 18)):
                self._put(when, src, dst, flags, b"")
                self.next[src] += 1
            self._put(when, client, server, 16, b"")

    def _put(self, when, src, dst, flags, payload):
        segment = struct.pack(">HHIIBBHHH", src[1], dst[1], self.next[src], self.next[dst], 0x50, flags, 65535, 0, 0) + payload
        self.wire.ip(when, src[0], dst[0], 6, segment)

    def send(self, when, src, payload, most=1400):
        dst = self.server if src == self.client else self.client
        for i in range(0, len(payload), most):
            piece = payload[i:i + most]
            self._put(when, src, dst, 24, piece)
            self.next[src] += len(piece)


class Wire:
    def __init__(self):
        self.frames = []
        self.dice = random.Random(99)

    def ip(self, when, src, dst, protocol, segment):
        a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
        if a.version == 6:
            packet = struct.pack(">IHBB", 6 << 28, len(segment), protocol, 64) + a.packed + b.packed + segment
            self.frames.append((when, len(self.frames), bytes(12) + b"\x86\xdd" + packet))
            return
        packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), self.dice.randrange(65536), 0, 64, protocol, 0) + a.packed + b.packed + segment
        self.frames.append((when, len(self.frames), bytes(12) + b"\x08\x00" + packet))

    def udp(self, when, src, dst, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        self.ip(when, src[0], dst[0], 17, struct.pack(">HHHH", src[1], dst[1], 8 + len(payload), 0) + payload)

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for when, _, frame in sorted(self.frames):
                micros = round((EPOCH + when) * 1e6)
                out.write(struct.pack("<IIII", micros // 10**6, micros % 10**6, len(frame), len(frame)) + frame)


class Stream:
    def __init__(self, wire, src, dst, ssrc, key=None, sequence=1000, send=None, roc=0):
        self.src, self.dst, self.ssrc, self.key, self.sequence, self.roc = src, dst, ssrc, key, sequence, roc
        self.send = send or wire.udp

    def play(self, when, frames, ms=20, step=160, kind=0, marker=True, extension=None):
        """extension: (profile, data) of each packet, or a function of its number."""
        for n, payload in enumerate(frames):
            first = 0x80 if marker and n == 0 else 0
            more = extension(n) if callable(extension) else extension
            packet = struct.pack(">BBHII", 0x90 if more else 0x80, kind | first, self.sequence & 0xffff, self.sequence * step & 0xffffffff, self.ssrc)
            if more:
                packet += struct.pack(">HH", more[0], len(more[1]) // 4) + more[1]
            packet += payload
            self.send(when + n * ms / 1000, self.src, self.dst, self.key.protect(packet, self.roc + (self.sequence >> 16)) if self.key else packet)
            self.sequence += 1
        return self

    def report(self, when, cname, index=1, key=None, src=None, dst=None):
        """A sender report with a CNAME (RFC 3550 section 6.4 and 6.5)."""
        name = bytes([1, len(cname)]) + cname.encode() + b"\0"
        name += bytes(-len(name) % 4)
        packet = struct.pack(">BBHIIIIII", 0x80, 200, 6, self.ssrc, 0xe0000000 + index, 0, 160 * index, 50 * index, 8000 * index)
        packet += struct.pack(">BBHI", 0x81, 202, 1 + len(name) // 4, self.ssrc) + name
        src, dst = src or (self.src[0], self.src[1] + 1), dst or (self.dst[0], self.dst[1] + 1)
        self.send(when, src, dst, key.protect_rtcp(packet, index) if key else packet)


def sdp(rtp, profile="RTP/AVP", lines=(), formats="0"):
    kind = "IP6" if ":" in rtp[0] else "IP4"
    return "\r\n".join(["v=0", f"o=- 7 7 IN {kind} {rtp[0]}", "s=-", f"c=IN {kind} {rtp[0]}", "t=0 0", f"m=audio {rtp[1]} {profile} {formats}", *lines]) + "\r\n"


def keyed(rtp, key, profile="RTP/SAVP", lines=(), formats="0"):
    return sdp(rtp, profile, [key.crypto(), *lines], formats)


class Call:
    def __init__(self, wire, a, b, call_id, agent=""):
        self.wire, self.a, self.b, self.call_id, self.agent, self.cseq = wire, a, b, call_id, agent, 1

    def put(self, when, start, method, body="", tag="t", back=False, extra=()):
        src, dst = (self.b, self.a) if back else (self.a, self.b)
        host = lambda end: f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"
        lines = [start, f"Via: SIP/2.0/UDP {host(self.a)};branch=z9hG4bK{self.call_id}{self.cseq}", "Max-Forwards: 70",
                 "From: <sip:5551001@example.org>;tag=f", "To: <sip:5552002@example.org>" + (f";tag={tag}" if tag else ""),
                 f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} {method}", f"Contact: <sip:{host(src)}>", *extra]
        if self.agent and not back:
            lines.append(f"User-Agent: {self.agent}")
        if body:
            lines.append("Content-Type: application/sdp")
        self.wire.udp(when, src, dst, "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]))

    def invite(self, when, offer, tag=""):
        self.put(when, f"INVITE sip:5552002@{self.b[0]} SIP/2.0", "INVITE", offer, tag=tag)

    def reply(self, when, status, answer="", method="INVITE", tag="t"):
        self.put(when, f"SIP/2.0 {status}", method, answer, back=True, tag=tag)

    def ack(self, when, tag="t"):
        self.put(when, f"ACK sip:5552002@{self.b[0]} SIP/2.0", "ACK", tag=tag)

    def up(self, when, offer, answer):
        self.invite(when, offer)
        self.reply(when + 0.1, "180 Ringing")
        self.reply(when + 0.5, "200 OK", answer)
        self.ack(when + 0.53)
        return when + 0.55

    def again(self, when, offer, answer, status="200 OK"):
        """A re-INVITE."""
        self.cseq += 1
        self.invite(when, offer, tag="t")
        self.reply(when + 0.05, status, answer)
        self.ack(when + 0.07)
        return when + 0.08

    def bye(self, when):
        self.cseq += 1
        self.put(when, f"BYE sip:5552002@{self.b[0]} SIP/2.0", "BYE")
        self.reply(when + 0.03, "200 OK", method="BYE")


SIP_A, SIP_B, A, B = ("10.1.0.1", 5060), ("10.2.0.2", 5060), ("10.1.0.1", 40000), ("10.2.0.2", 50000)
STRANGER = ("203.0.113.66", 4444)


# --- stories ------------------------------------------------------------------------------------------

STORIES = {}


def story(text, want=(), never=(), says="", options=()):
    def keep(function):
        STORIES[function.__name__] = (function, text, want, never, says, options)
        return function
    return keep


def socket_text(end):
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"


def truth(stream, observed, proof=None, src=None, **fields):
    return {"ssrc": f"0x{stream.ssrc:08x}", "src": socket_text(src or stream.src), "observed": observed, "proof": proof, **fields}


def wrong_streams(report, streams):
    found = [s for c in report["calls"] for m in c["media"] for s in m["streams"]] + report["orphan_streams"]
    for one in streams:
        alike = [s for s in found if s["ssrc"] == one["ssrc"] and s["src"] == one["src"]]
        if not alike:
            yield f"stream {one['ssrc']} from {one['src']} is not in the report"
        for stream in alike:
            for field, expected in one.items():
                if expected is not None and stream[field] != expected:
                    yield f"{one['ssrc']}: {field} is {stream[field]}, not {expected}: {stream['reason']}"


def wrong_of(tool, path, streams, want, never, says, options):
    run = subprocess.run([tool, "-f", "json", "--fail-on", "never", *options, path], capture_output=True, text=True, timeout=120)
    if run.returncode != 0:
        return [f"exit {run.returncode}: {run.stderr.strip()[:200]}"]
    report, seen = json.loads(run.stdout), {}
    for finding in report["findings"]:
        for known in (finding["id"], f"{finding['id']}:{finding['severity']}"):
            seen.setdefault(known, finding["message"])
    # A finding may be told by its number, its severity and words of its message: "SRTP-028:medium:wrong key".
    told = lambda one: any(one == key or (one.startswith(key + ":") and one[len(key) + 1:] in text) for key, text in seen.items())
    wrong = [f"{one} is missing" for one in want if not told(one)]
    wrong += [f"{one} should stay silent: {seen[one]}" for one in never if one in seen]
    if "*" in never:
        wrong += [f"{key} should stay silent: {text}" for key, text in seen.items()
                  if key.endswith((":critical", ":high", ":medium")) and key not in want and key.split(":")[0] not in want]
    wrong += wrong_streams(report, streams)
    if says and says not in report["summary"]["text"]:
        wrong.append(f"the first line says: {report['summary']['text']}")
    return wrong


def run_stories(tool, only="", keep=""):
    failures = told = 0
    for name, (function, text, want, never, says, options) in STORIES.items():
        if only and only not in name:
            continue
        told += 1
        wire = Wire()
        streams = function(wire)
        with tempfile.NamedTemporaryFile(suffix=".pcap", delete=False) as file:
            path = os.path.join(keep, name + ".pcap") if keep else file.name
        try:
            wire.write(path)
            wrong = wrong_of(tool, path, streams, want, never, says, options)
        finally:
            os.unlink(file.name)
        for line in wrong:
            print(f"FAIL {name} ({text}): {line}")
        failures += len(wrong)
    print(f"{told} stories, {failures} failures")
    return 1 if failures else 0
