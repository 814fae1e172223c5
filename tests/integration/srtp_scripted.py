#!/usr/bin/env python3
"""Calls written packet by packet, each with its true answer, and what srtp-check says of them: srtp_scripted.py TOOL.

The senders below share no code with the tool: SRTP is written from RFC 3711 on an AES of their own (FIPS 197), SIP and
SDP as phones write them. Every story tells `want` (findings that it breaks, with severity), `never` (findings that its
neighbour would break), and what is true of each stream."""
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
import sys
import tempfile

TOOL = sys.argv[1]
EPOCH = 1_790_000_000


# --- AES and SRTP ------------------------------------------------------------------------------------

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
            pad = self.block((value + i // 16 & (1 << 128) - 1).to_bytes(16, "big"))
            out += bytes(a ^ b for a, b in zip(data[i:i + 16], pad))
        return bytes(out)


assert Aes(bytes(range(16))).block(bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


class Key:
    SUITES = {"AES_CM_128_HMAC_SHA1_80": (16, 10), "AES_CM_128_HMAC_SHA1_32": (16, 4), "AES_256_CM_HMAC_SHA1_80": (32, 10)}

    def __init__(self, seed, suite="AES_CM_128_HMAC_SHA1_80"):
        self.suite = suite
        size, self.tag = self.SUITES[suite]
        dice = random.Random(seed)
        self.key, self.salt = dice.randbytes(size), dice.randbytes(14)
        master = Aes(self.key)
        derive = lambda label, n: master.counter(bytes(a ^ b for a, b in zip(self.salt, bytes(7) + bytes([label]) + bytes(6))) + bytes(2), bytes(n))
        self.cipher, self.auth, self.session_salt = Aes(derive(0, size)), derive(1, 20), derive(2, 14)

    def crypto(self, tag=1):
        return f"a=crypto:{tag} {self.suite} inline:{base64.b64encode(self.key + self.salt).decode()}"

    def protect(self, packet):
        index, ssrc = packet[2:4], packet[8:12]
        salt = self.session_salt + bytes(2)
        iv = bytes(a ^ b for a, b in zip(salt, bytes(4) + ssrc + bytes(4) + index + bytes(2)))
        data = packet[:12] + self.cipher.counter(iv, packet[12:])
        return data + hmac.new(self.auth, data + bytes(4), hashlib.sha1).digest()[:self.tag]


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


class Wire:
    def __init__(self):
        self.frames = []
        self.dice = random.Random(99)

    def udp(self, when, src, dst, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        a, b = ipaddress.ip_address(src[0]).packed, ipaddress.ip_address(dst[0]).packed
        segment = struct.pack(">HHHH", src[1], dst[1], 8 + len(payload), 0) + payload
        packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), self.dice.randrange(65536), 0, 64, 17, 0) + a + b + segment
        self.frames.append((when, len(self.frames), bytes(12) + b"\x08\x00" + packet))

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for when, _, frame in sorted(self.frames):
                micros = round((EPOCH + when) * 1e6)
                out.write(struct.pack("<IIII", micros // 10**6, micros % 10**6, len(frame), len(frame)) + frame)


class Stream:
    def __init__(self, wire, src, dst, ssrc, key=None, sequence=1000, send=None):
        self.src, self.dst, self.ssrc, self.key, self.sequence = src, dst, ssrc, key, sequence
        self.send = send or wire.udp

    def play(self, when, frames, ms=20, step=160, kind=0, marker=True):
        for n, payload in enumerate(frames):
            first = 0x80 if marker and n == 0 else 0
            packet = struct.pack(">BBHII", 0x80, kind | first, self.sequence & 0xffff, self.sequence * step & 0xffffffff, self.ssrc) + payload
            self.send(when + n * ms / 1000, self.src, self.dst, self.key.protect(packet) if self.key else packet)
            self.sequence += 1
        return self


def sdp(rtp, profile="RTP/AVP", lines=()):
    return "\r\n".join(["v=0", f"o=- 7 7 IN IP4 {rtp[0]}", "s=-", f"c=IN IP4 {rtp[0]}", "t=0 0", f"m=audio {rtp[1]} {profile} 0", *lines]) + "\r\n"


def keyed(rtp, key, profile="RTP/SAVP"):
    return sdp(rtp, profile, [key.crypto()])


class Call:
    def __init__(self, wire, a, b, call_id, agent=""):
        self.wire, self.a, self.b, self.call_id, self.agent, self.cseq = wire, a, b, call_id, agent, 1

    def put(self, when, start, method, body="", tag=True, back=False, extra=()):
        src, dst = (self.b, self.a) if back else (self.a, self.b)
        lines = [start, f"Via: SIP/2.0/UDP {self.a[0]}:{self.a[1]};branch=z9hG4bK{self.call_id}{self.cseq}", "Max-Forwards: 70",
                 "From: <sip:5551001@example.org>;tag=f", "To: <sip:5552002@example.org>" + (";tag=t" if tag else ""),
                 f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} {method}", f"Contact: <sip:{src[0]}:{src[1]}>", *extra]
        if self.agent and not back:
            lines.append(f"User-Agent: {self.agent}")
        if body:
            lines.append("Content-Type: application/sdp")
        self.wire.udp(when, src, dst, "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]))

    def invite(self, when, offer):
        self.put(when, f"INVITE sip:5552002@{self.b[0]} SIP/2.0", "INVITE", offer, tag=False)

    def reply(self, when, status, answer="", method="INVITE"):
        self.put(when, f"SIP/2.0 {status}", method, answer, back=True)

    def ack(self, when):
        self.put(when, f"ACK sip:5552002@{self.b[0]} SIP/2.0", "ACK")

    def up(self, when, offer, answer):
        self.invite(when, offer)
        self.reply(when + 0.1, "180 Ringing")
        self.reply(when + 0.5, "200 OK", answer)
        self.ack(when + 0.53)
        return when + 0.55

    def bye(self, when):
        self.cseq += 1
        self.put(when, f"BYE sip:5552002@{self.b[0]} SIP/2.0", "BYE")
        self.reply(when + 0.03, "200 OK", method="BYE")


STORIES = {}


def story(text, want=(), never=(), says=""):
    def keep(function):
        STORIES[function.__name__] = (function, text, want, never, says)
        return function
    return keep


SIP_A, SIP_B, A, B = ("10.1.0.1", 5060), ("10.2.0.2", 5060), ("10.1.0.1", 40000), ("10.2.0.2", 50000)
STRANGER = ("203.0.113.66", 4444)
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
DTLS = [FINGERPRINT, "a=setup:actpass"], [FINGERPRINT, "a=setup:active"]


def truth(stream, observed, proof=None, src=None):
    return {"ssrc": f"0x{stream.ssrc:08x}", "src": "%s:%d" % (src or stream.src), "observed": observed, "proof": proof}


# --- TURN (RFC 8656) ----------------------------------------------------------------------------------

CLIENT, SERVER, RELAYED, PEER = ("192.168.1.5", 54321), ("198.51.100.20", 3478), ("198.51.100.20", 55000), ("203.0.113.7", 40000)


def peer_address():
    address = bytes(a ^ b for a, b in zip(ipaddress.ip_address(PEER[0]).packed, bytes.fromhex("2112a442")))
    return struct.pack(">HHBBH", 0x12, 8, 0, 1, PEER[1] ^ 0x2112) + address


def stun(kind, attributes):
    return struct.pack(">HHI", kind, len(attributes), 0x2112a442) + b"transaction." + attributes


def turned(wire, channel, keys, bind=True):
    call = Call(wire, ("192.168.1.5", 5060), ("203.0.113.7", 5060), "turned")
    up = call.up(0, *(map(keyed, (RELAYED, PEER), keys) if keys else map(sdp, (RELAYED, PEER))))
    if channel and bind:
        wire.udp(0.4, CLIENT, SERVER, stun(0x0009, struct.pack(">HHHH", 0x0c, 4, 0x4001, 0) + peer_address()))
        wire.udp(0.41, SERVER, CLIENT, stun(0x0109, b""))

    def send(when, src, _, packet):
        out = src == RELAYED
        if channel:
            packet = struct.pack(">HH", 0x4001, len(packet)) + packet
        else:
            packet = stun(0x16 if out else 0x17, peer_address() + struct.pack(">HH", 0x13, len(packet)) + packet + bytes(-len(packet) % 4))
        wire.udp(when, CLIENT if out else SERVER, SERVER if out else CLIENT, packet)

    x = Stream(wire, RELAYED, PEER, 0x11, keys and keys[0], send=send).play(up, VOICES[1])
    y = Stream(wire, PEER, RELAYED, 0x22, keys and keys[1], send=send).play(up, VOICES[2])
    call.bye(up + 4.1)
    observed, proof = ("encrypted", "authenticated") if keys else ("cleartext", None)
    return [truth(x, observed, proof, CLIENT), truth(y, observed, proof, SERVER)]


@story("SRTP in TURN ChannelData belongs to the call whose SDP names the relayed address", never=["SRTP-001", "SRTP-028"])
def turn_channel(wire):
    return turned(wire, True, (Key(1), Key(2)))


@story("SRTP in Send and Data indications", never=["SRTP-001", "SRTP-028"])
def turn_indications(wire):
    return turned(wire, False, (Key(1), Key(2)))


@story("clear media through a TURN server is clear", want=["SRTP-001"])
def turn_clear(wire):
    return turned(wire, False, None)


@story("ChannelData whose binding was not seen is media without signalling", want=["SRTP-001"])
def turn_unbound(wire):
    return turned(wire, True, None, bind=False)


# --- legs ---------------------------------------------------------------------------------------------

def two_legs(wire, near, far):
    """A B2BUA between SRTP and SRTP, or RTP: near and far are the keys of each side's pair, or None."""
    inside, outside, far_rtp = ("10.9.0.1", 20000), ("10.9.0.1", 20002), ("10.3.0.3", 30000)
    one, two = Call(wire, SIP_A, ("10.9.0.1", 5060), "near"), Call(wire, ("10.9.0.1", 5060), ("10.3.0.3", 5060), "far")
    line = lambda rtp, key: keyed(rtp, key) if key else sdp(rtp)
    one.invite(0, line(A, near[0]))
    two.invite(0.01, line(outside, far[0]))
    two.reply(0.5, "200 OK", line(far_rtp, far[1]))
    one.reply(0.51, "200 OK", line(inside, near[1]))
    one.ack(0.53)
    two.ack(0.54)
    streams = [Stream(wire, A, inside, 0x31, near[0]).play(0.6, VOICES[1]), Stream(wire, outside, far_rtp, 0x31, far[0]).play(0.603, VOICES[1]),
               Stream(wire, far_rtp, outside, 0x32, far[1]).play(0.6, VOICES[2]), Stream(wire, inside, A, 0x32, near[1]).play(0.603, VOICES[2])]
    one.bye(4.8)
    two.bye(4.81)
    return [truth(s, "encrypted" if s.key else "cleartext", "authenticated" if s.key else None) for s in streams]


@story("256 bits on one leg, 128 with short tags on the other", want=["SRTP-010:medium", "SRTP-013"], never=["SRTP-001"])
def legs_of_two_classes(wire):
    strong, weak = "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
    return two_legs(wire, (Key(1, strong), Key(2, strong)), (Key(3, weak), Key(4, weak)))


@story("both legs alike, with keys of their own", never=["SRTP-010", "SRTP-020", "SRTP-062"])
def legs_alike(wire):
    return two_legs(wire, (Key(1), Key(2)), (Key(3), Key(4)))


@story("clear behind a border is another leg, not a recorder", want=["SRTP-010:medium", "SRTP-001"], never=["SRTP-062"])
def leg_in_clear(wire):
    return two_legs(wire, (Key(1), Key(2)), (None, None))


@story("the decrypted voice goes one way to a recorder that no SIP names", want=["SRTP-062:high"])
def voice_copied(wire):
    keys = Key(1), Key(2)
    call = Call(wire, SIP_A, SIP_B, "copied")
    up = call.up(0, keyed(A, keys[0]), keyed(B, keys[1]))
    x, y = Stream(wire, A, B, 0x41, keys[0]).play(up, VOICES[1]), Stream(wire, B, A, 0x42, keys[1]).play(up, VOICES[2])
    copy = Stream(wire, ("10.2.0.9", 21000), ("10.8.0.8", 31000), 0x43, sequence=5).play(up + 0.03, VOICES[1])
    call.bye(up + 4.1)
    return [truth(x, "encrypted", "authenticated"), truth(y, "encrypted", "authenticated"), truth(copy, "cleartext")]


@story("another voice beside an encrypted call is no copy of it", never=["SRTP-062"])
def voice_of_others(wire):
    keys = Key(1), Key(2)
    call = Call(wire, SIP_A, SIP_B, "alone")
    up = call.up(0, keyed(A, keys[0]), keyed(B, keys[1]))
    x = Stream(wire, A, B, 0x41, keys[0]).play(up, VOICES[1])
    other = Stream(wire, ("10.2.0.9", 21000), ("10.8.0.8", 31000), 0x43).play(up, VOICES[2])
    call.bye(up + 4.1)
    return [truth(x, "encrypted", "authenticated"), truth(other, "cleartext")]


def altered(wire, change, moved=False):
    proxy, other = ("10.5.0.5", 5060), ("10.5.0.5", 45000)
    one, two = Call(wire, SIP_A, proxy, "before"), Call(wire, proxy, SIP_B, "behind")
    offer, answer = (sdp(A, "UDP/TLS/RTP/SAVP", DTLS[0]), sdp(B, "UDP/TLS/RTP/SAVP", DTLS[1]))
    one.invite(0, offer)
    two.invite(0.01, change(offer) if not moved else change(sdp(other, "UDP/TLS/RTP/SAVP", DTLS[0])))
    two.reply(0.5, "200 OK", answer)
    one.reply(0.51, "200 OK", answer)
    one.ack(0.53)
    two.ack(0.54)
    keys = Key(1), Key(2)
    x, y = Stream(wire, A, B, 0x51, keys[0]).play(0.6, VOICES[1]), Stream(wire, B, A, 0x52, keys[1]).play(0.6, VOICES[2])
    one.bye(4.8)
    two.bye(4.81)
    return [truth(x, "encrypted"), truth(y, "encrypted")]


@story("a fingerprint altered by a B2BUA that leaves the media alone", want=["SRTP-064:critical"])
def fingerprint_altered(wire):
    return altered(wire, lambda text: text.replace("AB:AB", "CD:EF"))


@story("the same through a B2BUA that changes nothing but case", never=["SRTP-064"])
def fingerprint_kept(wire):
    return altered(wire, lambda text: text.replace("AB:AB", "ab:ab"))


@story("a B2BUA with a media address of its own may key anew", never=["SRTP-064"])
def fingerprint_of_relay(wire):
    return altered(wire, lambda text: text.replace("AB:AB", "CD:EF"), moved=True)


@story("the next call on the same ports has keys of its own", never=["SRTP-064"])
def ports_again(wire):
    for n in (0, 1):
        call = Call(wire, SIP_A, SIP_B, f"again{n}")
        up = call.up(3 * n, keyed(A, Key(20 + n)), keyed(B, Key(30 + n)))
        Stream(wire, A, B, 0x55 + n, Key(20 + n)).play(up, VOICES[1][:80])
        call.bye(up + 2)
    return []


# --- keystreams without keys, keys of others ----------------------------------------------------------

@story("the same SSRC, sequence and keystream for two voices, keys unknown", want=["SRTP-022:critical"])
def pad_without_keys(wire):
    x = Stream(wire, A, B, 0x61, Key(1)).play(0, VOICES[1])
    Stream(wire, A, B, 0x61, Key(1)).play(130, VOICES[2])
    return [truth(x, "encrypted")]


@story("the same again under another key", never=["SRTP-022"])
def no_pad_with_new_key(wire):
    x = Stream(wire, A, B, 0x61, Key(1)).play(0, VOICES[1])
    Stream(wire, A, B, 0x61, Key(2)).play(130, VOICES[2])
    return [truth(x, "encrypted")]


@story("clear voices of one SSRC that begin anew are no pad", want=["SRTP-001"], never=["SRTP-022"])
def no_pad_in_clear(wire):
    x = Stream(wire, A, B, 0x61).play(0, VOICES[1])
    Stream(wire, A, B, 0x61).play(130, VOICES[2])
    return [truth(x, "cleartext")]


def one_key(wire, agents):
    for n, agent in enumerate(agents):
        call = Call(wire, (f"10.1.0.{n + 1}", 5060), SIP_B, f"vendor{n}", agent)
        rtp = (f"10.1.0.{n + 1}", 40000)
        up = call.up(60 * n, keyed(rtp, Key(1)), keyed(B, Key(10 + n)))
        Stream(wire, rtp, B, 0x71 + n, Key(1)).play(up, VOICES[1][:100])
        call.bye(up + 3)
    return []


@story("two makes of phone with one key", want=["SRTP-020:high", "SRTP-023:high"])
def key_of_two_vendors(wire):
    return one_key(wire, ("Yealink SIP-T46G 28.83", "Grandstream GXP2140 1.0"))


@story("one make of phone that keeps its key", want=["SRTP-020:high"], never=["SRTP-023"])
def key_of_one_vendor(wire):
    return one_key(wire, ("Yealink SIP-T46G 28.83", "Yealink SIP-T42S 66.8"))


# --- other senders ------------------------------------------------------------------------------------

def takeover(wire, src, moved=False, key=None, marker=False, ssrc=0x81):
    call = Call(wire, SIP_A, SIP_B, "taken")
    up = call.up(0, sdp(A), sdp(B)) if key is None else call.up(0, keyed(A, key), keyed(B, Key(2)))
    first = Stream(wire, A, B, 0x81, key).play(up, VOICES[1][:75])
    if moved:
        call.cseq = 2
        call.put(up + 1.5, f"INVITE sip:5552002@{SIP_B[0]} SIP/2.0", "INVITE", sdp(src))
        call.reply(up + 1.52, "200 OK", sdp(B))
        call.ack(up + 1.54)
    Stream(wire, src, B, ssrc, key, sequence=first.sequence).play(up + 1.6, VOICES[2][:100], marker=marker)
    call.bye(up + 4)
    return []


@story("a stranger goes on with the SSRC when the caller falls silent", want=["SRTP-058:high"])
def ssrc_taken(wire):
    return takeover(wire, STRANGER)


@story("the caller moves by re-INVITE", never=["SRTP-058", "SRTP-057"])
def caller_moved(wire):
    return takeover(wire, ("10.1.0.77", 40100), moved=True)


@story("another address with authentic packets is the caller behind a new NAT binding", never=["SRTP-058", "SRTP-028"])
def caller_behind_nat(wire):
    return takeover(wire, STRANGER, key=Key(1))


@story("a stranger sends packets of the call once more", want=["SRTP-029:medium"], never=["SRTP-028"])
def replayed_by_stranger(wire):
    key = Key(1)
    call = Call(wire, SIP_A, SIP_B, "replayed")
    up = call.up(0, keyed(A, key), keyed(B, Key(2)))
    Stream(wire, A, B, 0x85, key).play(up, VOICES[1])
    Stream(wire, STRANGER, B, 0x85, key, sequence=1050).play(up + 4.3, VOICES[1][50:100], marker=False)
    call.bye(up + 6)
    return []


# --- what the first line says -------------------------------------------------------------------------

@story("ringing in clear of a call that was refused", never=["SRTP-004"], says="1 call, and it was not answered; 1 call never answered had clear early media")
def refused_with_announcement(wire):
    call = Call(wire, SIP_A, SIP_B, "busy")
    call.invite(0, sdp(A))
    call.reply(0.1, "183 Session Progress", sdp(B))
    x = Stream(wire, B, A, 0x91).play(0.2, VOICES[1])
    call.reply(4.5, "486 Busy Here")
    call.ack(4.6)
    return [truth(x, "cleartext")]


@story("an announcement in clear after keys were exchanged with the 183, encrypted from the answer on", want=["SRTP-011:medium"], never=["SRTP-004"])
def clear_until_answered(wire):
    keys = Key(1), Key(2)
    call = Call(wire, SIP_A, SIP_B, "announced")
    call.invite(0, keyed(A, keys[0]))
    call.reply(0.1, "183 Session Progress", keyed(B, keys[1]))
    early = Stream(wire, B, A, 0x92).play(0.2, VOICES[2][:100])
    call.reply(2.4, "200 OK", keyed(B, keys[1]))
    call.ack(2.45)
    x, y = Stream(wire, A, B, 0x93, keys[0]).play(2.5, VOICES[1]), Stream(wire, B, A, 0x94, keys[1]).play(2.5, VOICES[2])
    call.bye(6.8)
    return [truth(early, "cleartext"), truth(x, "encrypted", "authenticated"), truth(y, "encrypted", "authenticated")]


@story("clear in spite of the keys, from the answer on", want=["SRTP-004:critical"], never=["SRTP-011"])
def clear_after_answer(wire):
    call = Call(wire, SIP_A, SIP_B, "liar")
    up = call.up(0, keyed(A, Key(1)), keyed(B, Key(2)))
    x = Stream(wire, A, B, 0x95).play(up, VOICES[1])
    call.bye(up + 4.2)
    return [truth(x, "cleartext")]


# --- codecs that nobody knows -------------------------------------------------------------------------

@story("six bytes a packet, as codecs of radios have, say too little to be called encrypted", never=["SRTP-005"])
def tiny_frames(wire):
    dice = random.Random(5)
    x = Stream(wire, A, B, 0xa1).play(0, [dice.randbytes(6) for _ in range(300)], kind=97)
    return [truth(x, "undetermined")]


@story("characters of T.140 in clear")
def text_in_clear(wire):
    call = Call(wire, SIP_A, SIP_B, "text")
    body = lambda rtp: f"v=0\r\no=- 1 1 IN IP4 {rtp[0]}\r\ns=-\r\nc=IN IP4 {rtp[0]}\r\nt=0 0\r\nm=text {rtp[1]} RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"
    up = call.up(0, body(A), body(B))
    x = Stream(wire, A, B, 0xa2).play(up, [c.encode() for c in "hello, how are you today? this is text in real time"], ms=300, step=300, kind=98)
    call.bye(up + 20)
    return [truth(x, "cleartext")]


def main():
    failures = 0
    for name, (function, text, want, never, says) in STORIES.items():
        wire = Wire()
        streams = function(wire)
        with tempfile.NamedTemporaryFile(suffix=".pcap", delete=False) as file:
            path = file.name
        try:
            wire.write(path)
            run = subprocess.run([TOOL, "-f", "json", "--fail-on", "never", path], capture_output=True, text=True, timeout=120)
        finally:
            os.unlink(path)
        wrong = []
        if run.returncode != 0:
            wrong.append(f"exit {run.returncode}: {run.stderr.strip()[:200]}")
            report = {"findings": [], "calls": [], "orphan_streams": [], "summary": {"text": ""}}
        else:
            report = json.loads(run.stdout)
        seen = {}
        for finding in report["findings"]:
            for known in (finding["id"], f"{finding['id']}:{finding['severity']}"):
                seen.setdefault(known, finding["message"])
        wrong += [f"{one} is missing" for one in want if one not in seen]
        wrong += [f"{one} should stay silent: {seen[one]}" for one in never if one in seen]
        found = [s for c in report["calls"] for m in c["media"] for s in m["streams"]] + report["orphan_streams"]
        for one in streams:
            alike = [s for s in found if s["ssrc"] == one["ssrc"] and s["src"] == one["src"]]
            if not alike:
                wrong.append(f"stream {one['ssrc']} from {one['src']} is not in the report")
            for stream in alike:
                if stream["observed"] != one["observed"]:
                    wrong.append(f"{one['ssrc']} is {stream['observed']}, not {one['observed']}: {stream['reason']}")
                if one["proof"] and stream["proof"] != one["proof"]:
                    wrong.append(f"{one['ssrc']}: proof is {stream['proof']}, not {one['proof']}: {stream['reason']}")
        if says and says not in report["summary"]["text"]:
            wrong.append(f"the first line says: {report['summary']['text']}")
        for line in wrong:
            print(f"FAIL {name} ({text}): {line}")
        failures += len(wrong)
    print(f"{len(STORIES)} stories, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
