#!/usr/bin/env python3
"""What phones, borders and networks do to calls with SRTP, written packet by packet: srtp_field.py TOOL.

Each story has its true answer; see srtp_wire.py. `never` with "*" forbids whatever is of medium severity or more and not
wanted."""
import base64
import random
import struct
import sys

from srtp_wire import A, B, SIP_A, SIP_B, STORIES, STRANGER, VOICES, Call, Key, Stream, Tcp, keyed, run_stories, sdp, story, truth

CLEAR_KEY = "SRTP-002:critical"  # of every call here, for its signalling is UDP
OTHER_B = ("10.2.0.3", 51000)


def proven(stream, **fields):
    return truth(stream, "encrypted", "authenticated", **fields)


def play_both(wire, when, keys, frames=200, ends=(A, B), ssrcs=(0x11, 0x22), **how):
    x = Stream(wire, *ends, ssrcs[0], keys[0]).play(when, VOICES[1][:frames], **how)
    y = Stream(wire, *reversed(ends), ssrcs[1], keys[1]).play(when, VOICES[2][:frames], **how)
    return x, y


def secure_call(wire, keys=None, name="call", sip=(SIP_A, SIP_B), ends=(A, B), lines=((), ()), profile="RTP/SAVP", formats="0"):
    """A call that stands: itself, the time from which media may flow, its keys."""
    keys = keys or (Key(1), Key(2))
    call = Call(wire, *sip, name)
    offer, answer = (keyed(end, key, profile, more, formats) for end, key, more in zip(ends, keys, lines))
    return call, call.up(0, offer, answer), keys


def whole_call(wire, keys=None, frames=200, **how):
    ends = how.get("ends", (A, B))
    call, up, keys = secure_call(wire, keys, **how)
    x, y = play_both(wire, up, keys, frames, ends)
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


# --- suites, MKIs, rollover counters --------------------------------------------------------------------

for suite in ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80"):
    for mki in (b"", b"\x01", b"\0\0\0\1"):
        short = ["SRTP-013:medium"] if suite.endswith("_32") else []

        @story(f"{suite} with an MKI of {len(mki)} bytes", want=[CLEAR_KEY, *short], never=["*", "SRTP-025", "SRTP-028"])
        def one_suite(wire, suite=suite, mki=mki):
            return whole_call(wire, (Key(1, suite, mki), Key(2, suite, mki)), 60)
        STORIES[f"{suite}_mki_{len(mki)}"] = STORIES.pop("one_suite")


@story("tags that prove clear voice", want=[CLEAR_KEY, "SRTP-012:critical"], never=["*"])
def null_suite(wire):
    return [{**one, "observed": "cleartext"} for one in whole_call(wire, (Key(1, "NULL_HMAC_SHA1_80"), Key(2, "NULL_HMAC_SHA1_80")))]


@story("40000 packets that the capture missed", want=[CLEAR_KEY], never=["*", "SRTP-030"])
def long_gap(wire):
    call, up, keys = secure_call(wire)
    x = Stream(wire, A, B, 0x11, keys[0], sequence=5).play(up, VOICES[1][:100])
    x.sequence = 70000
    x.play(up + 1400, VOICES[1][:150], marker=False)
    call.bye(up + 1405)
    return [proven(x, auth={"checked": 250, "valid": 250, "failed_frames": []})]


@story("session parameters that change nothing", want=[CLEAR_KEY], never=["*"])
def idle_parameters(wire):
    call = Call(wire, SIP_A, SIP_B, "parameters")
    up = call.up(0, sdp(A, "RTP/SAVP", [Key(1).crypto() + " KDR=0 WSH=64 FEC_ORDER=FEC_SRTP  "]), keyed(B, Key(2)))
    x, y = play_both(wire, up, (Key(1), Key(2)), 60)
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


def late(wire, roc, frames):
    call, up, keys = secure_call(wire)
    x = Stream(wire, A, B, 0x11, keys[0], roc=roc).play(up, VOICES[1][:frames])
    y = Stream(wire, B, A, 0x22, keys[1], roc=roc).play(up, VOICES[2][:frames])
    call.bye(up + 4.1)
    return [proven(s, auth={"checked": frames, "valid": frames, "failed_frames": []}) for s in (x, y)]


@story("streams that are days old", want=[CLEAR_KEY], never=["*"])
def far_counter(wire):
    return late(wire, 300, 200)


@story("streams that are days old, of which a second was captured", want=[CLEAR_KEY], never=["*"])
def far_counter_of_few(wire):
    return late(wire, 2000, 40)


@story("a key that nobody showed", want=[CLEAR_KEY, "SRTP-028:medium"], never=["*"])
def wrong_key(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, (Key(7), keys[1]))
    call.bye(up + 4.1)
    return [truth(x, "encrypted", "statistical"), proven(y)]


@story("two keys in one line, of which the second is used", want=[CLEAR_KEY], never=["*", "SRTP-025"])
def second_key_of_line(wire):
    first, second = Key(1, mki=b"\1"), Key(9, mki=b"\2")
    inline = lambda key: f"inline:{base64.b64encode(key.key + key.salt).decode()}|2^20|{key.mki[0]}:1"
    call = Call(wire, SIP_A, SIP_B, "two")
    up = call.up(0, sdp(A, "RTP/SAVP", [f"a=crypto:1 {first.suite} {inline(first)};{inline(second)}"]), keyed(B, Key(2)))
    x, y = play_both(wire, up, (second, Key(2)))
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


@story("two suites offered, the second one taken", want=[CLEAR_KEY, "SRTP-013:medium"], never=["*"])
def second_suite(wire):
    short = "AES_CM_128_HMAC_SHA1_32"
    keys = Key(5, short), Key(2, short)
    call = Call(wire, SIP_A, SIP_B, "two")
    up = call.up(0, sdp(A, "RTP/SAVP", [Key(1).crypto(1), keys[0].crypto(2)]), sdp(B, "RTP/SAVP", [keys[1].crypto(2)]))
    x, y = play_both(wire, up, keys)
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


# --- new keys, holds, forks -----------------------------------------------------------------------------

@story("new keys by re-INVITE, and a few packets under the old ones after it", want=[CLEAR_KEY], never=["*", "SRTP-020"])
def rekeyed(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys, 100)
    again = call.again(up + 2, keyed(A, Key(3)), keyed(B, Key(4)))
    for stream, key, number in ((x, Key(3), 1), (y, Key(4), 2)):
        stream.play(again, VOICES[number][100:103], marker=False)
        stream.key = key
        stream.play(again + 0.06, VOICES[number][:150], marker=False)
    call.bye(again + 4)
    return [proven(x, packets=253), proven(y, packets=253)]


@story("new keys behind a wrap, with a counter that begins anew", want=[CLEAR_KEY], never=["*", "SRTP-028"])
def rekeyed_behind_wrap(wire):
    call, up, keys = secure_call(wire)
    x = Stream(wire, A, B, 0x11, keys[0], sequence=65480).play(up, VOICES[1][:100])
    again = call.again(up + 2, keyed(A, Key(3)), keyed(B, keys[1]))
    x.key, x.roc = Key(3), -1
    x.play(again, VOICES[1][:150], marker=False)
    call.bye(again + 4)
    return [proven(x, auth={"checked": 250, "valid": 250, "failed_frames": []})]


@story("on hold with a=inactive until the end is a call like any other", want=[CLEAR_KEY], never=["*", "SRTP-020"])
def held(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys, 100)
    again = call.again(up + 2.1, *(keyed(end, key, lines=["a=inactive"]) for end, key in zip((A, B), keys)))
    call.bye(again + 4)
    return [proven(x, declared="srtp"), proven(y)]


@story("a clear call that ends on hold was clear", want=["SRTP-001:high"], never=["*"])
def held_in_clear(wire):
    call = Call(wire, SIP_A, SIP_B, "held")
    up = call.up(0, sdp(A), sdp(B))
    x, y = play_both(wire, up, (None, None), 100)
    again = call.again(up + 2.1, sdp(A, lines=["a=inactive"]), sdp(B, lines=["a=inactive"]))
    call.bye(again + 4)
    return [truth(x, "cleartext", "structural"), truth(y, "cleartext")]


@story("back from hold with a new SSRC under the same key", want=[CLEAR_KEY], never=["*", "SRTP-020", "SRTP-022"])
def resumed(wire):
    call, up, keys = secure_call(wire)
    before = play_both(wire, up, keys, 80)
    again = call.again(up + 5, *(keyed(end, key) for end, key in zip((A, B), keys)))
    after = play_both(wire, again, keys, 100, ssrcs=(0x33, 0x44))
    call.bye(again + 4)
    return [proven(stream) for stream in (*before, *after)]


@story("two phones ring with keys of their own and sound at once, one answers", want=[CLEAR_KEY], never=["*"])
def forked(wire):
    call = Call(wire, SIP_A, SIP_B, "forked")
    call.invite(0, keyed(A, Key(1)))
    call.reply(0.1, "183 Session Progress", keyed(B, Key(2)), tag="t1")
    call.reply(0.12, "183 Session Progress", keyed(OTHER_B, Key(3)), tag="t2")
    lost = Stream(wire, B, A, 0x31, Key(2)).play(0.2, VOICES[2][:60])
    won = Stream(wire, OTHER_B, A, 0x32, Key(3)).play(0.21, VOICES[1][:60])
    call.reply(1.5, "200 OK", keyed(OTHER_B, Key(3)), tag="t2")
    call.ack(1.53, tag="t2")
    x = Stream(wire, A, OTHER_B, 0x11, Key(1)).play(1.55, VOICES[1])
    won.play(1.56, VOICES[2][:140])
    call.bye(6)
    return [proven(lost), proven(won), proven(x)]


@story("challenged with 401, then called again with the same keys", want=[CLEAR_KEY], never=["*", "SRTP-020"])
def challenged(wire):
    call = Call(wire, SIP_A, SIP_B, "challenged")
    call.invite(0, keyed(A, Key(1)))
    call.reply(0.05, "401 Unauthorized", tag="x")
    call.ack(0.06, tag="x")
    call.cseq = 2
    up = call.up(0.1, keyed(A, Key(1)), keyed(B, Key(2)))
    x, y = play_both(wire, up, (Key(1), Key(2)))
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


@story("INVITE without SDP: the offer stands in the 200, the answer in the ACK", want=[CLEAR_KEY], never=["*"])
def delayed_offer(wire):
    call = Call(wire, SIP_A, SIP_B, "delayed")
    call.invite(0, "")
    call.reply(0.5, "200 OK", keyed(B, Key(2)))
    call.put(0.55, "ACK sip:5552002@10.2.0.2 SIP/2.0", "ACK", keyed(A, Key(1)))
    x, y = play_both(wire, 0.6, (Key(1), Key(2)))
    call.bye(5)
    return [proven(x), proven(y)]


# --- half a capture -------------------------------------------------------------------------------------

@story("only what the caller sent", want=[CLEAR_KEY], never=["*"])
def caller_alone(wire):
    call = Call(wire, SIP_A, SIP_B, "half")
    call.invite(0, keyed(A, Key(1)))
    call.ack(0.6)
    return [proven(Stream(wire, A, B, 0x11, Key(1)).play(0.7, VOICES[1]))]


@story("only what the callee sent", want=[CLEAR_KEY], never=["*"])
def callee_alone(wire):
    call = Call(wire, SIP_A, SIP_B, "half")
    call.reply(0.1, "180 Ringing")
    call.reply(0.5, "200 OK", keyed(B, Key(2)))
    return [proven(Stream(wire, B, A, 0x22, Key(2)).play(0.7, VOICES[2]))]


@story("from the middle of a call: a refresh shows the keys of what came before", want=[CLEAR_KEY], never=["*"])
def refreshed(wire):
    call = Call(wire, SIP_A, SIP_B, "refreshed")
    call.cseq = 7
    x = Stream(wire, A, B, 0x11, Key(1), roc=1).play(0, VOICES[1][:100])
    call.again(2, keyed(A, Key(1)), keyed(B, Key(2)))
    x.play(2.1, VOICES[1][:100], marker=False)
    call.bye(6)
    return [proven(x, auth={"checked": 200, "valid": 200, "failed_frames": []})]


# --- less than was promised, or more --------------------------------------------------------------------

@story("keys in RTP/AVP that the other side takes up", want=[CLEAR_KEY, "SRTP-006:medium"], never=["*", "SRTP-001"])
def opportunistic(wire):
    return whole_call(wire, profile="RTP/AVP")


@story("keys in RTP/AVP that the other side leaves lying", want=["SRTP-006:medium", "SRTP-001:high"], never=["SRTP-004", "SRTP-007"])
def opportunistic_declined(wire):
    call = Call(wire, SIP_A, SIP_B, "declined")
    up = call.up(0, keyed(A, Key(1), "RTP/AVP"), sdp(B))
    x, y = play_both(wire, up, (None, None))
    call.bye(up + 4.1)
    return [truth(x, "cleartext", "structural"), truth(y, "cleartext")]


@story("an answer without the keys of the offer", want=["SRTP-007:high"], never=["SRTP-004", "SRTP-006"])
def stripped(wire):
    call = Call(wire, SIP_A, SIP_B, "stripped")
    up = call.up(0, keyed(A, Key(1)), sdp(B))
    x, y = play_both(wire, up, (None, None))
    call.bye(up + 4.1)
    return [truth(x, "cleartext"), truth(y, "cleartext")]


@story("a re-INVITE back to clear", want=[CLEAR_KEY, "SRTP-008:high"], never=["SRTP-004", "SRTP-007"])
def dropped(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys, 100)
    again = call.again(up + 2.1, sdp(A), sdp(B))
    x.key = y.key = None
    x.play(again, VOICES[1][:180])
    y.play(again, VOICES[2][:180])
    call.bye(again + 4)
    return []


def fax(rtp):
    return f"v=0\r\no=- 7 8 IN IP4 {rtp[0]}\r\ns=-\r\nc=IN IP4 {rtp[0]}\r\nt=0 0\r\nm=image {rtp[1]} udptl t38\r\na=T38FaxVersion:0\r\n"


@story("from an encrypted voice to fax in clear", want=[CLEAR_KEY, "SRTP-061:medium"], never=["*", "SRTP-008"])
def turned_to_fax(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys, 100)
    again = call.again(up + 2.1, fax(A), fax(B))
    for n in range(60):
        wire.udp(again + n * 0.03, A, B, struct.pack(">H", n) + b"\x06\xc0\x01\x80\x00\x00\xff" + random.Random(n).randbytes(20))
    call.bye(again + 3)
    return [proven(x, declared="srtp"), proven(y)]


@story("fax that is refused stays unsaid", want=[CLEAR_KEY], never=["*", "SRTP-061"])
def fax_refused(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys, 100)
    call.again(up + 2.1, fax(A), "", "488 Not Acceptable Here")
    call.bye(up + 4)
    return [proven(x), proven(y)]


@story("refused with 488, then called in clear under a new Call-ID", want=["SRTP-009:high", "SRTP-001:high"], never=["SRTP-007"])
def fallen_back(wire):
    call = Call(wire, SIP_A, SIP_B, "refused")
    call.invite(0, keyed(A, Key(1)))
    call.reply(0.05, "488 Not Acceptable Here", tag="x")
    call.ack(0.06, tag="x")
    again = Call(wire, SIP_A, SIP_B, "again")
    up = again.up(1, sdp(A), sdp(B))
    x, y = play_both(wire, up, (None, None))
    again.bye(up + 4.1)
    return [truth(x, "cleartext"), truth(y, "cleartext")]


@story("encrypted though nobody spoke of it", want=["SRTP-005:low"], never=["*", "SRTP-001"])
def unspoken(wire):
    call = Call(wire, SIP_A, SIP_B, "unspoken")
    up = call.up(0, sdp(A), sdp(B))
    x, y = play_both(wire, up, (Key(1), Key(2)))
    call.bye(up + 4.1)
    return [truth(x, "encrypted", declared="rtp"), truth(y, "encrypted")]


# --- other senders --------------------------------------------------------------------------------------

@story("a stranger's clear voice beside the encrypted one is injected, and not the call's", want=[CLEAR_KEY, "SRTP-057"], never=["SRTP-004"])
def injected(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys)
    Stream(wire, STRANGER, B, 0x11).play(up + 1, VOICES[2][:80])
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


def behind_nat(wire, start, frames, ssrc):
    """The caller's address is in no SDP either."""
    private, public = ("192.168.1.50", 16384), ("203.0.113.9", 61234)
    call = Call(wire, ("198.51.100.7", 5060), SIP_B, "nat")
    up = call.up(0, sdp(private), sdp(B))
    Stream(wire, public, B, 0x11).play(up, VOICES[1])
    Stream(wire, B, public, 0x22).play(up, VOICES[2])
    Stream(wire, STRANGER, B, ssrc).play(up + start, VOICES[2][:frames])
    call.bye(up + 4.1)
    return []


@story("of two senders that nobody named the later one is the stranger", want=["SRTP-057"])
def injected_beside_nat(wire):
    return behind_nat(wire, 2.5, 50, 0x99)


@story("two senders that nobody named and that begin together may both be the caller", never=["SRTP-057", "SRTP-056", "SRTP-058"])
def two_paths_of_nat(wire):
    return behind_nat(wire, 0.1, 150, 0x99)


@story("a packet changed on the way fails alone", want=[CLEAR_KEY, "SRTP-028:high"], never=["*"])
def tampered(wire):
    call, up, keys = secure_call(wire)
    sent = []

    def send(when, src, dst, packet):
        sent.append(packet)
        wire.udp(when, src, dst, packet[:40] + bytes([packet[40] ^ 1]) + packet[41:] if len(sent) in (50, 70, 90, 110, 130) else packet)

    x = Stream(wire, A, B, 0x11, keys[0], send=send).play(up, VOICES[1])
    call.bye(up + 4.1)
    return [proven(x, cleartext_packets=0)]


@story("both ends chose one SSRC under keys of their own", want=[CLEAR_KEY], never=["SRTP-022", "SRTP-028"])
def one_ssrc(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys, ssrcs=(0x77, 0x77))
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


@story("a sender that begins anew under its key and SSRC", want=[CLEAR_KEY, "SRTP-030:medium"], never=["*", "SRTP-022"])
def begun_anew(wire):
    call, up, keys = secure_call(wire)
    x = Stream(wire, A, B, 0x11, keys[0], sequence=30000).play(up, VOICES[1][:100])
    again = call.again(up + 2.5, keyed(A, keys[0]), keyed(B, keys[1]))
    x.sequence = 1000
    x.play(again, VOICES[2][:150])
    call.bye(again + 4)
    return [proven(x)]


@story("loss, jitter and a path that reorders", want=[CLEAR_KEY], never=["*", "SRTP-029", "SRTP-030"])
def rough_path(wire):
    call, up, keys = secure_call(wire)
    dice = random.Random(1)

    def send(when, src, dst, packet):
        if dice.random() > 0.1:
            wire.udp(when + dice.random() * 0.09, src, dst, packet)

    x = Stream(wire, A, B, 0x11, keys[0], send=send).play(up, VOICES[1])
    call.bye(up + 4.2)
    return [proven(x)]


@story("music on hold from a server that the re-INVITE names", want=[CLEAR_KEY], never=["*", "SRTP-057", "SRTP-058"])
def music_on_hold(wire):
    call, up, keys = secure_call(wire)
    x, y = play_both(wire, up, keys, 75)
    music = ("10.2.0.88", 44000)
    again = call.again(up + 1.6, keyed(A, keys[0]), keyed(music, Key(5), lines=["a=sendonly"]))
    z = Stream(wire, music, A, 0x33, Key(5)).play(again, VOICES[2][:100])
    call.bye(again + 3)
    return [proven(x), proven(y), proven(z)]


# --- RTCP, extensions, small payloads -------------------------------------------------------------------

def with_reports(wire, suite, sealed, muxed):
    keys = Key(1, suite), Key(2, suite)
    call, up, keys = secure_call(wire, keys, lines=(["a=rtcp-mux"], ["a=rtcp-mux"]) if muxed else ((), ()))
    x, y = play_both(wire, up, keys, 100)
    for i in range(3):
        x.report(up + 0.5 + i / 2, "alice@10.1.0.1", i + 1, keys[0] if sealed else None, *((A, B) if muxed else ()))
    call.bye(up + 4.1)
    return [proven(x, rtcp={"packets": 3, "observed": "encrypted" if sealed else "cleartext"}), proven(y)]


@story("reports encrypted on the next port", want=[CLEAR_KEY], never=["*", "SRTP-031", "SRTP-032"])
def reports(wire):
    return with_reports(wire, "AES_CM_128_HMAC_SHA1_80", True, False)


@story("reports sealed by GCM on the same port", want=[CLEAR_KEY], never=["*", "SRTP-031"])
def reports_muxed(wire):
    return with_reports(wire, "AEAD_AES_128_GCM", True, True)


@story("reports in clear", want=[CLEAR_KEY, "SRTP-031:medium", "SRTP-032:low"], never=["*"])
def reports_in_clear(wire):
    return with_reports(wire, "AES_CM_128_HMAC_SHA1_80", False, False)


EVENTS = ["a=rtpmap:101 telephone-event/8000"]


def keypad(number):
    return [struct.pack(">BBH", number, 10 | (0x80 if k > 5 else 0), 160 * (k + 1)) for k in range(8)]


@story("nothing but keypad digits, encrypted", want=[CLEAR_KEY], never=["*", "SRTP-035"])
def digits_alone(wire):
    call, up, keys = secure_call(wire, lines=(EVENTS, EVENTS), formats="0 101")
    x = Stream(wire, A, B, 0x11, keys[0])
    for digit in range(4):
        x.play(up + digit / 2, keypad(digit), kind=101)
    call.bye(up + 4.1)
    return [proven(x)]


@story("nothing but comfort noise, encrypted", want=[CLEAR_KEY], never=["*"])
def noise_alone(wire):
    call, up, keys = secure_call(wire, formats="0 13")
    x = Stream(wire, A, B, 0x11, keys[0]).play(up, [bytes([70 + n % 3]) for n in range(30)], kind=13, ms=100, step=800)
    call.bye(up + 4.1)
    return [proven(x)]


@story("audio levels in clear beside the ciphertext", want=[CLEAR_KEY, "SRTP-033:low"], never=["*"])
def levels(wire):
    level = ["a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"]
    call, up, keys = secure_call(wire, lines=(level, level))
    x, y = play_both(wire, up, keys, extension=lambda n: (0xbede, bytes([0x10, 0x80 | n * 7 % 100, 0, 0])))
    call.bye(up + 4.1)
    return [proven(x), proven(y)]


# --- TCP ------------------------------------------------------------------------------------------------

CLIENT, SERVER, RELAYED = ("192.168.1.5", 54321), ("198.51.100.20", 3478), ("198.51.100.20", 55000)


def stun(kind, attributes):
    return struct.pack(">HHI", kind, len(attributes), 0x2112a442) + b"transaction." + attributes


def peer(end):
    address = bytes(a ^ b for a, b in zip(map(int, end[0].split(".")), bytes.fromhex("2112a442")))
    return struct.pack(">HHBBH", 0x12, 8, 0, 1, end[1] ^ 0x2112) + address


def in_turns(streams, when, frames):
    for n in range(frames):
        for number, stream in enumerate(streams, 1):
            stream.play(when + n * 0.02 + number * 0.001, [VOICES[number][n]], marker=n == 0)


def turn_over_tcp(wire, keys, channel, late=False):
    call = Call(wire, ("192.168.1.5", 5060), SIP_B, "turned")
    up = call.up(0, *(map(keyed, (RELAYED, B), keys) if keys else map(sdp, (RELAYED, B))))
    connection = Tcp(wire, 0.2, CLIENT, SERVER, late)
    if not late:
        connection.send(0.21, CLIENT, stun(0x0003, struct.pack(">HHBBH", 0x19, 4, 17, 0, 0)))
        connection.send(0.22, SERVER, stun(0x0103, b""))
    if channel:
        connection.send(0.4, CLIENT, stun(0x0009, struct.pack(">HHHH", 0x0c, 4, 0x4001, 0) + peer(B)))
        connection.send(0.41, SERVER, stun(0x0109, b""))

    def send(when, src, _, packet):
        out = src == RELAYED
        padding = bytes(-len(packet) % 4)
        if channel:
            packet = struct.pack(">HH", 0x4001, len(packet)) + packet + padding
        else:
            packet = stun(0x16 if out else 0x17, peer(B) + struct.pack(">HH", 0x13, len(packet)) + packet + padding)
        connection.send(when, CLIENT if out else SERVER, packet, most=150)

    x = Stream(wire, RELAYED, B, 0x11, keys and keys[0], send=send)
    y = Stream(wire, B, RELAYED, 0x22, keys and keys[1], send=send)
    in_turns((x, y), up, 120)
    call.bye(up + 4.1)
    observed, proof = ("encrypted", "authenticated") if keys else ("cleartext", None)
    return [truth(x, observed, proof, CLIENT, packets=120), truth(y, observed, proof, SERVER, packets=120)]


@story("a TURN server reached by TCP, with channels", want=[CLEAR_KEY], never=["*"])
def turn_tcp_channel(wire):
    return turn_over_tcp(wire, (Key(1), Key(2)), True)


@story("a TURN server reached by TCP, with indications", want=[CLEAR_KEY], never=["*"])
def turn_tcp_indications(wire):
    return turn_over_tcp(wire, (Key(1), Key(2)), False)


@story("a TURN server reached by TCP before the capture began", want=[CLEAR_KEY], never=["*"])
def turn_tcp_late(wire):
    return turn_over_tcp(wire, (Key(1), Key(2)), True, late=True)


@story("clear voice through a TURN server reached by TCP", want=["SRTP-001:high"], never=["*"])
def turn_tcp_clear(wire):
    return turn_over_tcp(wire, None, True)


def media_over_tcp(wire, keys, profile):
    active = ("10.1.0.1", 45678)
    call = Call(wire, SIP_A, SIP_B, "framed")
    ends, roles = (("10.1.0.1", 9), B), (["a=setup:active", "a=connection:new"], ["a=setup:passive", "a=connection:new"])
    texts = [keyed(end, key, profile, role) if key else sdp(end, profile, role) for end, key, role in zip(ends, keys, roles)]
    up = call.up(0, *texts)
    connection = Tcp(wire, up, active, B)
    send = lambda when, src, _, packet: connection.send(when, src, struct.pack(">H", len(packet)) + packet, most=150)
    x, y = Stream(wire, active, B, 0x11, keys[0], send=send), Stream(wire, B, active, 0x22, keys[1], send=send)
    in_turns((x, y), up + 0.1, 120)
    call.bye(up + 4.1)
    return [truth(s, "encrypted" if s.key else "cleartext", "authenticated" if s.key else None, packets=120) for s in (x, y)]


@story("SRTP behind lengths in TCP (RFC 4571)", want=[CLEAR_KEY], never=["*"])
def tcp_encrypted(wire):
    return media_over_tcp(wire, (Key(1), Key(2)), "TCP/RTP/SAVP")


@story("RTP behind lengths in TCP", want=["SRTP-001:high"], never=["*"])
def tcp_clear(wire):
    return media_over_tcp(wire, (None, None), "TCP/RTP/AVP")


if __name__ == "__main__":
    sys.exit(run_stories(*sys.argv[1:]))
