"""SDES: each suite, each parameter, each mistake. Signalling over UDP, so the keys can be read."""
import base64
import ctypes
import json
import struct
import wave

import dtls_lab as lab
import dtls_truth as truth
from dtls_record import scenario
from dtls_story import Story, play
from dtls_wire import Call, Keying, Stream, constant, speech

SECONDS = 1.6


def plain_call(story, suite, roc=0, seq=None, alter=None, seconds=SECONDS, **keying):
    """The ordinary call: fresh keys of one suite both ways."""
    a, b = story.phones()
    keys = story.fresh(suite, **keying), story.fresh(suite, **keying)
    call = story.call(a, b, [keys[0]], keys[1])
    streams = story.media(keys, roc=roc, seq=seq)
    if alter:
        streams[0].alter = alter
    play(streams, seconds)
    call.hang_up()
    return keys, streams


def suite_story(name, suite, story, **keying):
    def record():
        with Story(name, story) as s:
            plain_call(s, suite, **keying)
    record.__name__ = name
    scenario(record)


suite_story("sdes-cm128-80", "AES_CM_128_HMAC_SHA1_80", "The commonest suite, everything right.")
suite_story("sdes-cm128-32", "AES_CM_128_HMAC_SHA1_32", "4-byte tags on RTP, 10-byte tags on RTCP as RFC 4568 says.")
suite_story("sdes-cm128-32-short", "AES_CM_128_HMAC_SHA1_32", "4-byte tags on RTP and on RTCP, as several phones do.",
            short_srtcp_tag=True)
suite_story("sdes-cm192-80", "AES_192_CM_HMAC_SHA1_80", "AES-192 with keys derived by RFC 6188.")
suite_story("sdes-cm192-80-padded", "AES_192_CM_HMAC_SHA1_80", "AES-192 with keys derived as libsrtp2 does.", padded_192=True)
suite_story("sdes-cm256-80", "AES_256_CM_HMAC_SHA1_80", "AES-256.")
suite_story("sdes-cm256-32", "AES_256_CM_HMAC_SHA1_32", "AES-256 with 4-byte tags.")
suite_story("sdes-gcm128", "AEAD_AES_128_GCM", "AEAD, 128 bit (RFC 7714).")
suite_story("sdes-gcm256", "AEAD_AES_256_GCM", "AEAD, 256 bit (RFC 7714).")
suite_story("sdes-null-80", "NULL_HMAC_SHA1_80", "NULL suite selected: tags verify, the voice is clear.")
suite_story("sdes-f8", "F8_128_HMAC_SHA1_80", "AES in f8 mode (RFC 3711 section 4.1.2).")
suite_story("sdes-unencrypted-srtp", "AES_CM_128_HMAC_SHA1_80", "UNENCRYPTED_SRTP: voice is clear, tags verify.", encrypt_rtp=False)
suite_story("sdes-unencrypted-srtcp", "AES_CM_128_HMAC_SHA1_80", "UNENCRYPTED_SRTCP: E bit 0, tags verify.", encrypt_rtcp=False)
suite_story("sdes-unauthenticated-srtp", "AES_CM_128_HMAC_SHA1_80", "UNAUTHENTICATED_SRTP: ciphertext without tags.", tag_rtp=False)
suite_story("sdes-mki1", "AES_CM_128_HMAC_SHA1_80", "MKI of one byte between payload and tag.", mki=b"\x01")
suite_story("sdes-mki4", "AES_CM_128_HMAC_SHA1_80", "MKI of four bytes.", mki=b"\x00\x00\x00\x01")
suite_story("sdes-gcm128-mki4", "AEAD_AES_128_GCM", "AEAD with an MKI of four bytes.", mki=b"\x00\x00\x01\x02")
suite_story("sdes-kdr", "AES_CM_128_HMAC_SHA1_80", "KDR=6: new session keys each 64 packets.", kdr=6)


@scenario
def sdes_seq_wrap():
    with Story("sdes-seq-wrap", "The sequence number wraps in mid call, ROC goes from 0 to 1.") as s:
        plain_call(s, "AES_CM_128_HMAC_SHA1_80", seq=65450)


def late(name, roc):
    """Capture that starts in a running call; the session refresh (re-INVITE, same keys) tells the keys."""
    def record():
        with Story(name, f"Recording begins in mid call at ROC {roc}; a re-INVITE that repeats the keys is seen.",
                   hand_made="signalling and media by this project's test phones; the senders start at this ROC") as s:
            a, b = s.phones()
            keys = s.fresh(), s.fresh()
            streams = s.media(keys, roc=roc, seq=31000)
            call = Call(a, b)
            call.dialog.update(to_tag=call.tag, cseq=230, target=b.contact.strip("<>"))
            play(streams, 1.2, bye=False)
            call.setup(a.sdp([keys[0].crypto()]), b.sdp([keys[1].crypto()], port=4002), ring=0)
            s.calls.append({"call_id": call.call_id, "keying": "sdes", "negotiated": "sdes", "suite": keys[0].suite,
                            "offered": [keys[0].suite], "started_before_capture": True})
            play(streams, 1.6)
            call.hang_up()
    record.__name__ = name
    scenario(record)


late("sdes-late-roc1", 1)
late("sdes-late-roc3", 3)


@scenario
def sdes_tampered():
    with Story("sdes-tampered", "12 of 150 packets of alice were altered on the way: payload, tag, header, or cut short.") as s:
        def alter(number, data):
            data = bytearray(data)
            if number in (60, 61, 62, 63, 64, 65):
                data[40] ^= 0x20
                return [(bytes(data), "payload bit flipped")]
            if number in (90, 110):
                data[-1] ^= 1
                return [(bytes(data), "tag bit flipped")]
            if number in (120, 130):
                data[4] ^= 0x40
                return [(bytes(data), "timestamp altered")]
            if number in (140, 141):
                return [(bytes(data[:-3]), "cut by 3 bytes")]
            return [(bytes(data), "")]
        plain_call(s, "AES_CM_128_HMAC_SHA1_80", alter=alter, seconds=3)


@scenario
def sdes_replayed():
    with Story("sdes-replayed", "Ten packets of alice are sent again 0.8 s later, byte for byte; one more from 2.8 s before, beyond a window of 64.") as s:
        kept = []

        def alter(number, data):
            kept.append(data)
            if 100 <= len(kept) - 1 < 110:
                return [(data, ""), (kept[len(kept) - 41], "replayed")]
            if len(kept) == 145:
                return [(data, ""), (kept[5], "replayed")]
            return [(data, "")]
        plain_call(s, "AES_CM_128_HMAC_SHA1_80", alter=alter, seconds=3)


@scenario
def sdes_wrong_key():
    with Story("sdes-wrong-key", "alice protects with another key than the one in her SDP; bob is right.") as s:
        a, b = s.phones()
        told, used, answer = s.fresh(), s.fresh(), s.fresh()
        call = s.call(a, b, [told], answer)
        streams = s.media((used, answer))
        play(streams, SECONDS)
        call.hang_up()
        s.extra["sdp_key_is_not_the_key_of"] = [f"{streams[0].ssrc:08x}"]


@scenario
def sdes_rekey_reinvite():
    with Story("sdes-rekey-reinvite", "A re-INVITE in mid call brings new keys; SSRC and sequence go on.") as s:
        a, b = s.phones()
        first, second = (s.fresh(), s.fresh()), (s.fresh(), s.fresh())
        call = s.call(a, b, [first[0]], first[1])
        streams = s.media(first)
        play(streams, 1.6, bye=False)
        call.setup(a.sdp([second[0].crypto()]), b.sdp([second[1].crypto()], port=4002), ring=0)
        for stream, key in zip(streams, second):
            stream.srtp.keying, stream.srtp.derived, stream.srtp.rtcp_index = key, {}, 0
        play(streams, 1.6)
        call.hang_up()


@scenario
def sdes_reinvite_same_key():
    with Story("sdes-reinvite-same-key", "A re-INVITE repeats the keys, as RFC 4568 allows; no reuse across calls.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        call = s.call(a, b, [keys[0]], keys[1])
        streams = s.media(keys)
        play(streams, 1.2, bye=False)
        call.setup(a.sdp([keys[0].crypto()]), b.sdp([keys[1].crypto()], port=4002), ring=0)
        play(streams, 1.2)
        call.hang_up()


def two_calls(name, story, ssrc, seq, extra):
    def record():
        with Story(name, story) as s:
            a, b = s.phones()
            key = s.fresh()
            for number, ports in enumerate(((4000, 4002), (4010, 4012))):
                answer = s.fresh()
                call = s.call(a, b, [key], answer, ports=ports)
                streams = s.media((key, answer), ports=ports, ssrcs=(ssrc, None), voices=(1 + number, 2))
                if seq:
                    streams[0].sequence = seq + 20 * number
                play(streams, 3)
                call.hang_up()
            s.extra.update(extra)
    record.__name__ = name
    scenario(record)


two_calls("sdes-key-reuse", "Two calls one after the other, alice offers the same key in both; her SSRC differs.", None, 0,
          {"key_reused_in_calls": 2, "two_time_pad": False})
two_calls("sdes-two-time-pad", "Two calls with one key, one SSRC and overlapping indexes, different speech: keystream repeats.",
          0x5eed0001, 7000, {"key_reused_in_calls": 2, "two_time_pad": True, "overlapping_indexes": 130})


@scenario
def sdes_same_key_both_ways():
    with Story("sdes-same-key-both-ways", "bob answers with the key that alice offered.") as s:
        a, b = s.phones()
        key = s.fresh()
        call = s.call(a, b, [key], key)
        play(s.media((key, key)), SECONDS)
        call.hang_up()


def bad_inline(name, story, suite, text):
    def record():
        with Story(name, story) as s:
            a, b = s.phones()
            bad, good = s.fresh(bad_inline=text(s)), s.fresh()
            line = f"a=crypto:1 {suite} inline:{bad.inline()}"
            call = s.call(a, b, [line], good, profile="RTP/SAVP")
            play(s.media((good, good)), 2)
            call.hang_up()
            s.extra["broken_crypto_line"] = line
    record.__name__ = name
    scenario(record)


def encoded(count):
    return lambda s: base64.b64encode(s.dice.randbytes(count)).decode()


bad_inline("sdes-key-too-short", "The offer's key has 16 bytes where the suite wants 30; media uses bob's key both ways.",
           "AES_CM_128_HMAC_SHA1_80", encoded(16))
bad_inline("sdes-bad-base64", "The offer's key holds characters outside base64.", "AES_CM_128_HMAC_SHA1_80",
           lambda s: "WVNfX19zZW1jdGwgK$kgewkyMjA3fQp9CnVubGVz"[:40])
bad_inline("sdes-no-padding", "An AES-256 key whose base64 padding was left out: it still decodes.", "AES_256_CM_HMAC_SHA1_80",
           lambda s: encoded(46)(s).rstrip("="))


@scenario
def sdes_weak_keys():
    with Story("sdes-weak-keys", "Three calls: a key of zeros, a printable key, and the key of an RFC 4568 example.") as s:
        a, b = s.phones()
        keys = [bytes(30), b"secretsecretsecretsecretsecret",
                base64.b64decode("WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")]
        for number, key in enumerate(keys):
            weak, good, ports = Keying("AES_CM_128_HMAC_SHA1_80", key[:16], key[16:]), s.fresh(), (4000 + 10 * number, 4002 + 10 * number)
            call = s.call(a, b, [weak], good, ports=ports)
            play(s.media((weak, good), ports=ports), 1.2)
            call.hang_up()


@scenario
def sdes_unknown_suite():
    with Story("sdes-unknown-suite", "An unregistered suite is offered first and answered; payload looks random.") as s:
        a, b = s.phones()
        lines = [f"a=crypto:{n} {suite} inline:{base64.b64encode(s.dice.randbytes(30)).decode()}"
                 for n, suite in ((1, "ARIA_128_CTR_HMAC_SHA256_80"), (2, "AES_CM_128_HMAC_SHA1_80"))]
        call = s.call(a, b, lines, lines[0])
        secret = s.fresh(), s.fresh()
        play(s.media(secret), 3)
        call.hang_up()
        s.extra["key_in_sdp"] = False


@scenario
def sdes_weaker_choice():
    with Story("sdes-weaker-choice", "alice offers GCM-256, CM-128-80, CM-128-32 and NULL in that order, bob takes the third; "
               "later bob himself offers the first.") as s:
        a, b = s.phones()
        offered = [s.fresh("AEAD_AES_256_GCM", tag=1), s.fresh(tag=2), s.fresh("AES_CM_128_HMAC_SHA1_32", tag=3),
                   s.fresh("NULL_HMAC_SHA1_80", tag=4)]
        answer = s.fresh("AES_CM_128_HMAC_SHA1_32", tag=3)
        call = s.call(a, b, offered, answer)
        play(s.media((offered[2], answer)), 1.5)
        call.hang_up()
        back, reply = s.fresh("AEAD_AES_256_GCM"), s.fresh("AEAD_AES_256_GCM")
        a.transport.peer, b.transport.peer = b.transport.local, a.transport.local
        call = s.call(b, a, [back], reply, ports=(4022, 4020))
        streams = s.media((reply, back), ports=(4020, 4022))
        play(streams, 2)
        call.hang_up()


@scenario
def sdes_tag_errors():
    with Story("sdes-tag-errors", "Two calls: the answer's crypto tag was never offered; then an offer with one tag twice.") as s:
        a, b = s.phones()
        offer, answer = s.fresh(), s.fresh(tag=7)
        call = s.call(a, b, [offer], answer)
        play(s.media((offer, answer)), 1.5)
        call.hang_up()
        twice = s.fresh(tag=1), s.fresh("AES_CM_128_HMAC_SHA1_32", tag=1)
        answer = s.fresh(tag=1)
        call = s.call(a, b, twice, answer, ports=(4010, 4012))
        play(s.media((twice[0], answer), ports=(4010, 4012)), 1.5)
        call.hang_up()


@scenario
def sdes_lifetime():
    with Story("sdes-lifetime", "alice's key may protect 2^6 packets and is used for 150; bob's says 2^49, more than SRTP allows.") as s:
        a, b = s.phones()
        keys = s.fresh(life="2^6"), s.fresh(life="2^49")
        call = s.call(a, b, [keys[0]], keys[1])
        play(s.media(keys), 3)
        call.hang_up()


@scenario
def sdes_clear_over_savp():
    with Story("sdes-clear-over-savp", "SAVP and keys are negotiated, yet both send clear RTP and RTCP.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        call = s.call(a, b, [keys[0]], keys[1])
        play(s.media((None, None)), SECONDS)
        call.hang_up()


@scenario
def sdes_clear_one_way():
    with Story("sdes-clear-one-way", "SAVP and keys are negotiated; alice protects, bob sends clear RTP.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        call = s.call(a, b, [keys[0]], keys[1])
        play(s.media((keys[0], None)), SECONDS)
        call.hang_up()


@scenario
def sdes_silence_over_savp():
    with Story("sdes-silence-over-savp", "As sdes-clear-over-savp, but nobody speaks: digital silence, bytes all FF.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        call = s.call(a, b, [keys[0]], keys[1])
        streams = s.media((None, None))
        for stream in streams:
            stream.payloads = constant(b"\xff" * 160)
        play(streams, SECONDS)
        call.hang_up()


@scenario
def sdes_clear_rtcp():
    with Story("sdes-clear-rtcp", "Voice is SRTP with right tags; RTCP goes in clear beside it, CNAME readable.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        call = s.call(a, b, [keys[0]], keys[1])
        streams = s.media(keys)
        for stream, user in zip(streams, ("alice", "bob")):
            stream.cname = f"{user}@{stream.source_name[0]}"
        play(streams, SECONDS, clear_rtcp=True)
        call.hang_up()


@scenario
def sdes_early_clear():
    with Story("sdes-early-clear", "bob sends 40 clear packets of ring-back before he answers; SRTP with right keys after.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        streams = s.media(keys)
        protect, streams[1].srtp = streams[1].srtp, None
        call = s.call(a, b, [keys[0]], keys[1], early=lambda: play(streams[1:], 0.8, rtcp=False))
        streams[1].srtp = protect
        play(streams, 3)
        call.hang_up()


@scenario
def sdes_osrtp():
    with Story("sdes-osrtp", "Best effort (RFC 8643): RTP/AVP with a=crypto, taken up, SRTP flows; a second peer ignores it, clear RTP.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        call = s.call(a, b, [keys[0]], keys[1], profile="RTP/AVP")
        play(s.media(keys), 2)
        call.hang_up()
        call = s.call(a, b, [s.fresh()], None, profile="RTP/AVP", ports=(4010, 4012))
        play(s.media((None, None), ports=(4010, 4012)), 2)
        call.hang_up()


@scenario
def sdes_answer_downgraded():
    with Story("sdes-answer-downgraded", "SAVP is offered, RTP/AVP without keys is answered, and clear RTP flows.") as s:
        a, b = s.phones()
        call = s.call(a, b, [s.fresh()], None, answer_profile="RTP/AVP")
        play(s.media((None, None)), 3)
        call.hang_up()


@scenario
def sdes_answer_stripped():
    with Story("sdes-answer-stripped", "SAVP is answered with SAVP but without a=crypto: alice sends SRTP, bob clear RTP.") as s:
        a, b = s.phones()
        key = s.fresh()
        call = s.call(a, b, [key], None)
        play(s.media((key, None)), 3)
        call.hang_up()


@scenario
def sdes_dropped_midcall():
    with Story("sdes-dropped-midcall", "A re-INVITE moves the call from SAVP to AVP; the second half is clear.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        call = s.call(a, b, [keys[0]], keys[1])
        streams = s.media(keys)
        play(streams, 2, bye=False)
        call.setup(a.sdp([], "RTP/AVP"), b.sdp([], "RTP/AVP", 4002), ring=0)
        for stream in streams:
            stream.srtp = None
        play(streams, 2)
        call.hang_up()


@scenario
def sdes_refused_retry_clear():
    with Story("sdes-refused-retry-clear", "SAVP meets 488; alice calls again at once with RTP/AVP and gets through.") as s:
        a, b = s.phones()
        s.call(a, b, [s.fresh()], None, status="488 Not Acceptable Here")
        call = s.call(a, b, [], None, profile="RTP/AVP")
        play(s.media((None, None)), 3)
        call.hang_up()


@scenario
def sdes_audio_level():
    with Story("sdes-audio-level", "SRTP with CSRCs, padding and a clear audio-level header extension (RFC 6464).") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        line = ["a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"]
        call = s.call(a, b, [keys[0]], keys[1], offer_extra=line, answer_extra=line)
        streams = s.media(keys, padding=8, csrcs=(0x1111, 0x2222))
        for stream in streams:
            stream.extension = lambda n: b"\xbe\xde\x00\x01" + bytes([0x10, (0x80 if n % 50 < 35 else 0) | (20 + n % 37), 0, 0])
        play(streams, 3)
        call.hang_up()


@scenario
def sdes_video_clear():
    with Story("sdes-video-clear", "Audio is SRTP, the video line of the same call is RTP/AVP and clear.") as s:
        a, b = s.phones()
        keys = s.fresh(), s.fresh()
        lines = [[f"m=video {port} RTP/AVP 97", "a=rtpmap:97 H264/90000"] for port in (4100, 4102)]
        call = s.call(a, b, [keys[0]], keys[1], offer_extra=lines[0], answer_extra=lines[1])
        streams = s.media(keys)
        video = Stream(s.socket("a", 4100), (lab.IP["b"], 4102), constant(b"\x41" + s.dice.randbytes(300)),
                       s.dice.getrandbits(32), 500, 90000, codec="H264", payload_type=97, step=1800)
        s.streams.append(video)
        play(streams + [video], 1.5)
        call.hang_up()


@scenario
def sdes_dtmf():
    with Story("sdes-dtmf", "Two calls with keypad digits 1 2 3 4 as RFC 4733 events: inside SRTP, then in clear RTP.") as s:
        a, b = s.phones()
        for number, keyed in enumerate((True, False)):
            keys = (s.fresh(), s.fresh()) if keyed else (None, None)
            ports = (4000 + 10 * number, 4002 + 10 * number)
            event = ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"]
            call = Call(a, b)
            profile = "RTP/SAVP" if keyed else "RTP/AVP"
            body = ["a=rtpmap:0 PCMU/8000"] + event
            call.setup(a.sdp(body + ([keys[0].crypto()] if keyed else []), profile, ports[0], "0 101"),
                       b.sdp(body + ([keys[1].crypto()] if keyed else []), profile, ports[1], "0 101"))
            suite = keys[0].suite if keyed else None
            s.calls.append({"call_id": call.call_id, "keying": "sdes" if keyed else "none", "profile": profile,
                            "offered": [suite] if keyed else [], "negotiated": "sdes" if keyed else None, "suite": suite})
            streams = s.media(keys, ports=ports)
            streams[0].payloads = digits(streams[0], speech(1), "1234")
            play(streams, 3)
            call.hang_up()
        s.extra["digits"] = "1234"


def digits(stream, voice, wanted):
    """Speech with an event of 100 ms each half second."""
    number = 0
    while True:
        place, digit = number % 25, number // 25 - 1
        if 0 <= digit < len(wanted) and place < 8:
            if place == 0:
                begin = stream.timestamp
            ended = place >= 5
            duration = 160 * min(place + 1, 5)
            yield (101, struct.pack(">BBH", int(wanted[digit]), 10 | (0x80 if ended else 0), duration), begin, place == 0)
        else:
            yield next(voice)
        number += 1


def samples(path, size):
    with wave.open(path) as source:
        data = source.readframes(source.getnframes())
    return [data[at:at + size] for at in range(0, len(data) - size + 1, size)]


def g729(voice):
    """20 ms packets of two frames; with VAD a pause is a 2-byte SID, then nothing."""
    lib = ctypes.CDLL("libbcg729.so.0")
    lib.initBcg729EncoderChannel.restype = ctypes.c_void_p
    state = ctypes.c_void_p(lib.initBcg729EncoderChannel(ctypes.c_uint8(1)))
    pcm = samples(f"{lab.TMP}/s{voice}.8k.wav", 160)
    speech_part, pause = pcm[:60], [bytes(160)] * 30
    order = speech_part + pause + pcm[60:120] + pause + pcm[120:]
    for at in range(0, len(order) - 1, 2):
        packet = b""
        for chunk in order[at:at + 2]:
            out, size = ctypes.create_string_buffer(10), ctypes.c_uint8(0)
            lib.bcg729Encoder(state, chunk, out, ctypes.byref(size))
            packet += out.raw[:size.value]
            if size.value == 2:
                break
        yield packet or None


def amr_wb(voice):
    """Bandwidth-efficient AMR-WB, 12.65 kbit/s (RFC 4867 section 4.3)."""
    lib = ctypes.CDLL("libvo-amrwbenc.so.0")
    lib.E_IF_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(lib.E_IF_init())
    for chunk in samples(f"{lab.TMP}/s{voice}.16k.wav", 640):
        out = ctypes.create_string_buffer(80)
        size = lib.E_IF_encode(state, 2, chunk, out, 0)
        stored = out.raw[:size]
        kind = stored[0] >> 3 & 15
        bits = 15 << 6 | 0 << 5 | kind << 1 | 1            # CMR 15, F 0, FT, Q 1
        whole = bits << 8 * (size - 1) | int.from_bytes(stored[1:], "big")
        total = 10 + 8 * (size - 1)
        used = 10 + 253                                     # the mode's 253 speech bits
        whole >>= total - used
        yield (whole << -used % 8).to_bytes((used + 7) // 8, "big")


def codec_story(name, story, make, codec, payload_type, rtpmap, step, keyed=True, profile="RTP/SAVP"):
    def record():
        with Story(name, story) as s:
            a, b = s.phones()
            keys = s.fresh(), s.fresh()
            call = Call(a, b)
            lines = [f"a=rtpmap:{payload_type} {rtpmap}"]
            call.setup(a.sdp(lines + [keys[0].crypto()], profile, 4000, str(payload_type)),
                       b.sdp(lines + [keys[1].crypto()], profile, 4002, str(payload_type)))
            s.calls.append({"call_id": call.call_id, "keying": "sdes", "profile": profile, "offered": [keys[0].suite],
                            "negotiated": "sdes", "suite": keys[0].suite})
            streams = s.media(keys if keyed else (None, None), codec=codec, payload_type=payload_type, step=step)
            for number, stream in enumerate(streams):
                stream.payloads = make(1 + number)
            play(streams, 4)
            call.hang_up()
    record.__name__ = name
    scenario(record)


for keyed, word, tale in ((True, "srtp", "SRTP"), (False, "clear", "clear RTP though SAVP and keys are negotiated")):
    codec_story(f"sdes-g729-{word}", f"G.729 with VAD (2-byte SID frames, pauses): {tale}.", g729, "G729", 18, "G729/8000", 160, keyed)
    codec_story(f"sdes-amrwb-{word}", f"AMR-WB, bandwidth efficient: {tale}.", amr_wb, "AMR-WB", 98, "AMR-WB/16000", 320, keyed)


@scenario
def sdes_mirrored():
    """Runs after sdes-cm128-80, whose capture it edits."""
    base, name = f"{lab.TESTDATA}/srtp/sdes-cm128-80", "sdes-mirrored"
    with open(base + ".pcap", "rb") as file:
        data = file.read()
    out, at = data[:24], 24
    while at < len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        packet = data[at + 8:at + 16 + kept]
        for later in (0, 9):
            carry, rest = divmod(micros + later, 1000000)
            out += struct.pack("<II", seconds + carry, rest) + packet
        at += 16 + kept
    path = f"{lab.TESTDATA}/srtp/{name}.pcap"
    with open(path, "wb") as file:
        file.write(out)
    made = {"file": name + ".pcap", "story": "sdes-cm128-80 as a careless mirror port gives it: each frame twice, 9 microseconds apart.",
            "hand_made": "edited from sdes-cm128-80.pcap", "mirrored": True, "sip": truth.signalling(path)}
    with open(base + ".truth.json") as file:
        first = json.load(file)
    made.update(calls=first["calls"], streams_without_copies=first["streams"])
    truth.write(f"{lab.TESTDATA}/srtp", name, made)
