#!/usr/bin/env python3
"""Calls written packet by packet, each with its true answer, and what srtp-check says of them: srtp_scripted.py TOOL."""
import ipaddress
import random
import struct
import sys

from srtp_wire import A, B, SIP_A, SIP_B, STRANGER, VOICES, Call, Key, Stream, keyed, run_stories, sdp, story, truth

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
DTLS = [FINGERPRINT, "a=setup:actpass"], [FINGERPRINT, "a=setup:active"]


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


if __name__ == "__main__":
    sys.exit(run_stories(sys.argv[1]))
