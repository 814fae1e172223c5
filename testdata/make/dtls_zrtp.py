"""ZRTP, by linphone; the keys come from what linphone hands to libsrtp2."""
import hashlib
import re
import struct
import time

import dtls_lab as lab
import dtls_truth as truth
from dtls_bridge import calls_of
from dtls_dtls import Relay, need, real
from dtls_lab import IP, Baresip, Capture, Linphone
from dtls_record import scenario
from dtls_story import Story, play
from dtls_wire import SUITES, Call, Keying, Srtp


def messages(path):
    """ZRTP messages on the wire: frame, source, type; the choices of Commit; the hash of each Hello."""
    rows, choice, hellos = [], {}, {}
    for frame in truth.frames(path):
        p = frame.payload
        if frame.protocol != 17 or len(p) < 28 or p[0] >> 4 != 1 or p[4:8] != b"ZRTP":
            continue
        size = 4 * int.from_bytes(p[14:16], "big")
        message = p[12:12 + size]
        kind = message[4:12].decode().strip()
        rows.append({"frame": frame.number, "src": frame.source, "type": kind})
        if kind == "Hello":
            hellos.setdefault(frame.source, {"version": message[12:16].decode(), "client": message[16:32].decode().strip(" \0"),
                                             "sha256": hashlib.sha256(message).hexdigest()})
        elif kind == "Commit":
            names = [message[at:at + 4].decode().strip() for at in range(56, 76, 4)]
            choice = dict(zip(("hash", "cipher", "auth_tag", "key_agreement", "sas"), names), initiator=frame.source)
    return rows, choice, hellos


def told_hashes(path):
    """a=zrtp-hash by the address that gives it, as each hop carried it."""
    out = []
    for frame in truth.frames(path):
        text = frame.payload.decode(errors="replace")
        if frame.protocol == 17 and "m=audio" in text:
            for version, value in re.findall(r"a=zrtp-hash:(\S+) ([0-9a-fA-F]+)", text):
                out.append({"frame": frame.number, "src": frame.source, "version": version, "hash": value.lower()})
    return out


def keys_of_phones(path, phones):
    """Every (source, target) with those of the phones' libsrtp2 keys that open packets of it."""
    pool = []
    for phone in phones:
        for row in phone.srtp_keys():
            raw, tag = bytes.fromhex(row["key"]), int(row["tag"])
            suite = {(30, 10): "AES_CM_128_HMAC_SHA1_80", (30, 4): "AES_CM_128_HMAC_SHA1_32", (46, 10): "AES_256_CM_HMAC_SHA1_80",
                     (46, 4): "AES_256_CM_HMAC_SHA1_32"}.get((len(raw), tag))
            if suite:
                size = SUITES[suite][1]
                short = tag == 4
                keying = Keying(suite, raw[:size], raw[size:], short_srtcp_tag=short)
                if keying not in pool:
                    pool.append(keying)
    found = {}
    for frame in truth.frames(path):
        pair = frame.source, frame.target
        if frame.protocol == 17 and truth.is_rtp(frame.payload):
            for keying in pool:
                if keying not in found.get(pair, []) and truth.oracle.unprotect(keying, frame.payload, 0):
                    found.setdefault(pair, []).append(keying)
    return found


def zrtp_call(name, story, a_way="zrtp", b_way="zrtp", seconds=3, relay=None, secured=True, extra=None):
    capture = Capture(f"{lab.TMP}/{name}.pcap")
    closer = relay() if relay else None
    b = Linphone("b", b_way, wav=2) if b_way else Baresip("b", "", "pcmu", 2)
    a = Linphone("a", a_way)
    a.command(f"call sip:bob@{IP['p' if relay else 'b']}")
    time.sleep(seconds + 1)
    a.command("terminate")
    time.sleep(1)
    a.stop()
    b.stop()
    if closer:
        closer()
    path = capture.stop()
    rows, choice, hellos = messages(path)
    more = {"zrtp": {"complete": any(r["type"] == "Conf2ACK" for r in rows), "chosen": choice, "hello": hellos,
                     "told": told_hashes(path), "messages": rows}}
    made = real(name, story, path, "linphonec 5.1.65 both sides" if b_way else "linphonec 5.1.65, baresip 1.0.0",
                keys=keys_of_phones(path, (a, b) if b_way else (a,)), calls=calls_of(path),
                extra={**more, **(extra or {})})
    need(rows, "no ZRTP on the wire")
    if secured:
        need(sum(bool(r["encrypted"] and r["auth_ok"] > 50) for r in made["streams"]) == 2, "no verified SRTP")
    return made


@scenario
def zrtp_linphone():
    zrtp_call("zrtp-linphone", "Two linphone phones complete ZRTP; the first packets go out in clear.")


@scenario
def zrtp_hash_changed():
    def edit(body, from_caller):
        return re.sub(r"(a=zrtp-hash:\S+ )([0-9a-f]{4})", lambda m: m[1] + "0bad", body)
    zrtp_call("zrtp-hash-changed", "A SIP proxy changes a=zrtp-hash of both sides; the exchange ends and the call goes on in clear.",
              relay=lambda: Relay(edit).stop, secured=False, extra={"altered_by": IP["p"], "proxy": "this project's test proxy"})


@scenario
def zrtp_hash_removed():
    def edit(body, from_caller):
        return re.sub(r"a=zrtp-hash:[^\r]*\r\n", "", body)
    zrtp_call("zrtp-hash-removed", "A SIP proxy removes a=zrtp-hash of both sides; ZRTP completes all the same.",
              relay=lambda: Relay(edit).stop, secured=False, extra={"altered_by": IP["p"], "proxy": "this project's test proxy"})


@scenario
def zrtp_one_sided():
    zrtp_call("zrtp-one-sided", "alice's linphone speaks ZRTP, bob's baresip does not: Hello from one side only, voice in clear.", b_way="",
              secured=False)


# ---- stories no phone tells: the messages are hand-made, well formed, with right CRCs but without a real key agreement ----

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return (crc ^ 0xffffffff).to_bytes(4, "little")


class Speaker:
    def __init__(self, stream, dice):
        self.stream, self.dice, self.sequence = stream, dice, dice.randrange(60000)

    def say(self, kind, body=b""):
        message = b"PZ" + struct.pack(">H", (12 + len(body)) // 4) + kind.ljust(8).encode() + body
        packet = struct.pack(">BBH", 0x10, 0, self.sequence) + b"ZRTP" + struct.pack(">I", self.stream.ssrc) + message
        self.sequence += 1
        self.stream.source.sendto(packet + crc32c(packet), self.stream.target)
        return message

    def hello(self, agreements, tags, flags=0):
        lists = [b"S256", b"AES1", *tags, *agreements, b"B32 "]
        counts = 1 << 16 | 1 << 12 | len(tags) << 8 | len(agreements) << 4 | 1
        return (b"1.10" + b"Test phone      " + self.dice.randbytes(32) + self.dice.randbytes(12) + struct.pack(">I", flags << 28 | counts)
                + b"".join(lists) + self.dice.randbytes(8))

    def commit(self, agreement, tag):
        return self.dice.randbytes(32 + 12) + b"S256AES1" + tag + agreement + b"B32 " + self.dice.randbytes(32 + 8)


def zrtp_hand(s, agreement=b"DH3k", tag=b"HS80", flags=0):
    a, b = s.phones()
    streams = s.media((None, None))
    speakers = [Speaker(stream, s.dice) for stream in streams]
    hellos = [speaker.hello([b"DH2k", b"DH3k"], [b"HS32", b"HS80"], flags if n == 0 else 0) for n, speaker in enumerate(speakers)]
    told = []
    for body in hellos:
        message = b"PZ" + struct.pack(">H", (12 + len(body)) // 4) + b"Hello   " + body
        told.append("a=zrtp-hash:1.10 " + hashlib.sha256(message).hexdigest())
    call = Call(a, b)
    call.setup(a.sdp([told[0]], "RTP/AVP", 4000), b.sdp([told[1]], "RTP/AVP", 4002))
    s.calls.append({"call_id": call.call_id, "keying": "zrtp", "profile": "RTP/AVP", "offered": ["zrtp"], "negotiated": "zrtp"})
    play(streams, 0.1, rtcp=False)
    for speaker, body in zip(speakers, hellos):
        speaker.say("Hello", body)
    for speaker in speakers:
        speaker.say("HelloACK")
    speakers[0].say("Commit", speakers[0].commit(agreement, tag))
    return call, streams, speakers


class ZrtpStory(Story):
    def __init__(self, name, story):
        super().__init__(name, story, hand_made="all of it: signalling, ZRTP messages without key agreement, media")

    def finish(self):
        rows, choice, hellos = messages(self.path)
        self.extra["zrtp"] = {"complete": any(r["type"] == "Conf2ACK" for r in rows), "chosen": choice, "hello": hellos,
                              "told": told_hashes(self.path), "messages": rows}
        return super().finish()


def agree(speakers):
    dice = speakers[0].dice
    speakers[1].say("DHPart1", dice.randbytes(32 + 32 + 384))
    speakers[0].say("DHPart2", dice.randbytes(32 + 32 + 384))
    speakers[1].say("Confirm1", dice.randbytes(8 + 16 + 40))
    speakers[0].say("Confirm2", dice.randbytes(8 + 16 + 40))
    speakers[1].say("Conf2ACK")


@scenario
def zrtp_go_clear():
    with ZrtpStory("zrtp-go-clear", "ZRTP completes, SRTP flows, then alice sends GoClear, bob agrees, and the voice goes on in clear.") as s:
        call, streams, speakers = zrtp_hand(s)
        agree(speakers)
        for stream in streams:
            stream.srtp = Srtp(s.fresh())
        play(streams, 1.2, bye=False)
        speakers[0].say("GoClear", s.dice.randbytes(8))
        speakers[1].say("ClearACK")
        for stream in streams:
            stream.srtp = None
        play(streams, 1.2)
        call.hang_up()


@scenario
def zrtp_weak():
    with ZrtpStory("zrtp-weak-choices", "DH2k and HS32 are committed to though both list DH3k and HS80; alice's Hello has the M flag.") as s:
        call, streams, speakers = zrtp_hand(s, b"DH2k", b"HS32", flags=4)
        agree(speakers)
        keys = [s.fresh("AES_CM_128_HMAC_SHA1_32", short_srtcp_tag=True) for _ in streams]
        for stream, key in zip(streams, keys):
            stream.srtp = Srtp(key)
        play(streams, 1.5)
        call.hang_up()


@scenario
def zrtp_error():
    with ZrtpStory("zrtp-error", "bob answers Commit with Error 0x61 (hash mismatch), alice acknowledges, the voice stays clear.") as s:
        call, streams, speakers = zrtp_hand(s)
        speakers[1].say("Error", struct.pack(">I", 0x61))
        speakers[0].say("ErrorACK")
        play(streams, 1.5)
        call.hang_up()


@scenario
def zrtp_no_commit():
    with ZrtpStory("zrtp-no-commit", "Both send Hello eleven times in ten seconds, nobody commits, the voice stays clear (a packet each 80 ms).") as s:
        a, b = s.phones()
        streams = s.media((None, None), rtcp=False)
        speakers = [Speaker(stream, s.dice) for stream in streams]
        hellos = [speaker.hello([b"DH3k"], [b"HS80"]) for speaker in speakers]
        call = Call(a, b)
        call.setup(a.sdp([], "RTP/AVP", 4000), b.sdp([], "RTP/AVP", 4002))
        s.calls.append({"call_id": call.call_id, "keying": "none", "profile": "RTP/AVP", "offered": [], "negotiated": None})
        for stream in streams:
            stream.step = 640
        for _ in range(11):
            for speaker, body in zip(speakers, hellos):
                speaker.say("Hello", body)
            for _ in range(12):
                for stream in streams:
                    stream.tick()
                time.sleep(0.08)
        call.hang_up()
