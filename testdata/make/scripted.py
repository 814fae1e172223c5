"""Calls that sipp signals word by word while media.py sends the audio (libsrtp2 where protected)."""
import json
import threading
import time

import encode
from lab import HERE, IP, IP6, TMP, spawn
from recording import SDES80, SECONDS, Recording, call, endpoint, fixture, key, number, stream
from sipp import call as sipp_call
from sipp import crypto, request, response, sdp, start_media, wait, want

A, B, Q = endpoint("a", 20000), endpoint("b", 20002), endpoint("q", 20004)
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


def after(seconds, host, name, media):
    """A thread that starts one more sender when so many seconds have passed"""
    path = f"{TMP}/{name}.{host}.json"
    with open(path, "w") as f:
        json.dump(media, f)
    timer = threading.Timer(seconds, lambda: spawn(host, ["python3", f"{HERE}/media.py", path]))
    timer.start()
    return timer


SIPP = "SIPp 3.6.1, media.py"


def simple(name, offer, answer, media_a, media_b, calls, streams, seconds=SECONDS, **more):
    a, b = basic(offer, answer, seconds, caller_media=media_a is not None, callee_media=media_b is not None)
    with Recording(name):
        call_id = sipp_call(name, a, b, {k: v for k, v in (("a", media_a), ("b", media_b)) if v}, **more)
        time.sleep(0.3)
    return {"program": SIPP, "calls": [{"call_id": call_id, **calls}], "streams": streams}


SECURE = call(["sdes"], "sdes", "RTP/SAVP")


@fixture("lying-savp", "RTP/SAVP with keys signalled both ways, yet PCMU speech goes in clear both ways", srtp_a=False, srtp_b=False)
@fixture("lying-savp-silence", "as lying-savp, with digital silence", srtp_a=False, srtp_b=False, speech="silence")
@fixture("one-way-clear", "RTP/SAVP both ways; alice sends SRTP, bob clear RTP", srtp_a=True, srtp_b=False)
@fixture("sdes-srtcp", "RTP/SAVP as promised, and SRTCP from first to last", srtp_a=True, srtp_b=True)
def savp(name, srtp_a, srtp_b, speech=None, seconds=SECONDS):
    ka, kb = key(name, "a"), key(name, "b")
    return simple(name, sdp("a", 20000, "RTP/SAVP", attributes=[crypto(ka)]),
                  sdp("b", 20002, "RTP/SAVP", attributes=[crypto(kb)]),
                  plan(name, "a", speech=speech, seconds=seconds, **secured(srtp_a and ka)),
                  plan(name, "b", speech=speech, seconds=seconds, **secured(srtp_b and kb)),
                  SECURE, [stream(A, B, "PCMU", CM80, srtp_a), stream(B, A, "PCMU", CM80, srtp_b)], seconds=seconds)


# --- codecs that no phone here speaks -------------------------------------------------------

# name: encoder, payload type, rtpmap, fmtp, name in SDP
CODECS = {
    "g729": ("g729", 18, "G729/8000", "annexb=no", "G729"),
    "g729-vad": ("g729-vad", 18, "G729/8000", "annexb=yes", "G729"),
    "g723": ("g723", 4, "G723/8000", "annexa=no", "G723"),
    "l16": ("l16", 96, "L16/8000", None, "L16"),
    "amr-oa": ("amr-oa", 97, "AMR/8000", "octet-align=1", "AMR"),
    "amr-be": ("amr-be", 97, "AMR/8000", None, "AMR"),
    "amr-be-dtx": ("amr-be-dtx", 97, "AMR/8000", None, "AMR"),
    "amr-wb-oa": ("amr-wb-oa", 98, "AMR-WB/16000", "octet-align=1", "AMR-WB"),
    "amr-wb-be": ("amr-wb-be", 98, "AMR-WB/16000", None, "AMR-WB"),
    "amr-wb-be-dtx": ("amr-wb-be-dtx", 98, "AMR-WB/16000", None, "AMR-WB"),
    "speex": ("speex", 99, "speex/8000", None, "speex"),
    "speex-wb": ("speex-wb", 99, "speex/16000", None, "speex"),
    "speex-vad": ("speex-vad", 99, "speex/8000", "vad=on", "speex"),
    "opus-dtx": ("opus-dtx", 100, "opus/48000/2", "usedtx=1", "opus"),
    "opus-dtx-sent": ("opus-dtx-sent", 100, "opus/48000/2", "usedtx=1", "opus"),
    "pcmu-30ms": ("pcmu30", 0, "PCMU/8000", None, "PCMU"),
    "pcmu-cn": ("pcmu-cn", 0, "PCMU/8000", None, "PCMU"),
    "gsm": ("gsm", 3, "GSM/8000", None, "GSM"),
}
PAUSES = "s3"     # words with long pauses between them


def coded(name, codec, kind, suite=CM80, seconds=SECONDS):
    """kind: plain (RTP/AVP), sdes (RTP/SAVP, protected) or lying (RTP/SAVP, in clear)"""
    encoder, pt, rtpmap, fmtp, label = CODECS[codec]
    speech = PAUSES if codec.endswith(("-vad", "-dtx", "-sent", "-cn")) else None
    codecs = [(pt, rtpmap, fmtp) if fmtp else (pt, rtpmap)] + ([(13, "CN/8000")] if codec.endswith("-cn") else [])
    profile = "RTP/AVP" if kind == "plain" else "RTP/SAVP"

    def described(host, port):
        return sdp(host, port, profile, codecs, [crypto(key(name, host, suite), suite)] if kind != "plain" else [])

    def sent(host):
        return plan(name, host, encoder, pt, speech=speech, seconds=seconds, **secured(kind == "sdes" and key(name, host, suite), suite))

    secure = kind == "sdes"
    return simple(name, described("a", 20000), described("b", 20002), sent("a"), sent("b"),
                  call(["none"], "none", profile) if kind == "plain" else SECURE,
                  [stream(x, y, label, suite if kind != "plain" else None, secure) for x, y in ((A, B), (B, A))], seconds=seconds)


for _codec, _kinds in {"g729": "plain lying", "g729-vad": "plain sdes", "g723": "plain sdes", "l16": "plain", "amr-oa": "plain sdes",
                       "amr-be": "plain", "amr-be-dtx": "plain sdes", "amr-wb-oa": "plain", "amr-wb-be": "plain sdes lying",
                       "amr-wb-be-dtx": "plain", "speex": "plain sdes", "speex-wb": "plain", "speex-vad": "plain",
                       "opus-dtx": "plain sdes", "opus-dtx-sent": "plain lying", "pcmu-30ms": "plain sdes", "pcmu-cn": "plain sdes",
                       "gsm": "lying"}.items():
    for _kind in _kinds.split():
        fixture(f"{'lying' if _kind == 'lying' else _kind}-{_codec}", f"{CODECS[_codec][4]} ({_codec}), " + {
            "plain": "no encryption asked for", "sdes": "SRTP as signalled, SRTCP",
            "lying": "RTP/SAVP with keys signalled, sent in clear"}[_kind], codec=_codec, kind=_kind,
            seconds=2 if _codec == "l16" else 6 if _codec.endswith(("-vad", "-dtx", "-sent", "-cn")) else SECONDS)(coded)


@fixture("events-only", "a PCMU call in which only telephone-events and comfort noise are sent, in clear", secure=False)
@fixture("events-only-savp", "the same over RTP/SAVP with SRTP", secure=True)
def events_only(name, secure):
    profile = "RTP/SAVP" if secure else "RTP/AVP"
    codecs = [(0, "PCMU/8000"), (13, "CN/8000"), (101, "telephone-event/8000", "0-16")]
    keys = {h: key(name, h) for h in "ab"}
    return simple(name, sdp("a", 20000, profile, codecs, [crypto(keys["a"])] if secure else []),
                  sdp("b", 20002, profile, codecs, [crypto(keys["b"])] if secure else []),
                  plan(name, "a", "events-cn", **secured(secure and keys["a"])), plan(name, "b", "events-cn", **secured(secure and keys["b"])),
                  SECURE if secure else call(["none"], "none", profile),
                  [stream(x, y, "telephone-event", CM80 if secure else None) for x, y in ((A, B), (B, A))])


# --- suites and session parameters -----------------------------------------------------------

@fixture("suite-cm32", "32-bit tags on RTP, 80-bit tags on RTCP", suite=CM32)
@fixture("suite-aes256", "AES_256_CM_HMAC_SHA1_80", suite="AES_256_CM_HMAC_SHA1_80")
@fixture("suite-gcm128", "AEAD_AES_128_GCM", suite=GCM)
@fixture("suite-gcm256", "AEAD_AES_256_GCM", suite="AEAD_AES_256_GCM")
@fixture("suite-null", "NULL_HMAC_SHA1_80: tags that prove cleartext", suite="NULL_HMAC_SHA1_80", encrypted=False)
@fixture("unencrypted-srtp", "UNENCRYPTED_SRTP: PCMU in clear with valid tags", suite=CM80, parameters="UNENCRYPTED_SRTP", encrypted=False)
@fixture("unencrypted-srtcp", "UNENCRYPTED_SRTCP: RTP encrypted, RTCP readable with tags", suite=CM80, parameters="UNENCRYPTED_SRTCP")
@fixture("unauthenticated-srtp", "UNAUTHENTICATED_SRTP: encrypted, no tags, overhead 0", suite=CM80, parameters="UNAUTHENTICATED_SRTP", authentic=False)
@fixture("sdes-mki", "4 bytes of MKI before the tag", suite=CM80, mki=(1, 4))
@fixture("sdes-mki-missing", "an MKI of 4 bytes signalled, none on the wire", suite=CM80, mki=(1, 4), sent_mki=False)
def suited(name, suite, parameters="", encrypted=True, authentic=True, mki=None, sent_mki=True, seconds=3):
    keys = {h: key(name, h, suite) for h in "ab"}

    def attribute(host):
        return crypto(keys[host] + (f"|2^20|{mki[0]}:{mki[1]}" if mki else ""), suite, parameters=parameters)

    def sent(host):
        more = {"parameters": [parameters]} if parameters else {}
        if mki and sent_mki:
            more["mki"] = mki[0].to_bytes(mki[1], "big").hex()
        return plan(name, host, seconds=seconds, **secured(keys[host], suite, **more))

    more = {} if authentic and (sent_mki or not mki) else {"authentic": 0}
    if not encrypted:
        more["authentic"] = seconds * 50
    return simple(name, sdp("a", 20000, "RTP/SAVP", attributes=[attribute("a")]), sdp("b", 20002, "RTP/SAVP", attributes=[attribute("b")]),
                  sent("a"), sent("b"), SECURE, [stream(x, y, "PCMU", suite, encrypted, **more) for x, y in ((A, B), (B, A))], seconds=seconds)


@fixture("roc-wrap", "alice's sequence number wraps from 65535 to 0 in the call: rollover counter 0, then 1", seq=65436)
@fixture("roc-3", "alice's stream is at rollover counter 3 from the first packet on", seq=1200, roc=3)
def rollover(name, seq, roc=0, seconds=3):
    keys = {h: key(name, h) for h in "ab"}
    return simple(name, sdp("a", 20000, "RTP/SAVP", attributes=[crypto(keys["a"])]), sdp("b", 20002, "RTP/SAVP", attributes=[crypto(keys["b"])]),
                  plan(name, "a", seq=seq, seconds=seconds, **secured(keys["a"], roc=roc)), plan(name, "b", seconds=seconds, **secured(keys["b"])),
                  SECURE, [stream(A, B, "PCMU", CM80, **({"roc": roc} if roc else {})), stream(B, A, "PCMU", CM80)], seconds=seconds)


# --- key hygiene -------------------------------------------------------------------------------

def two_calls(name, second):
    """two calls one after the other, each with the keys and plans that second(index) gives"""
    calls, streams = [], []
    with Recording(name):
        for i in (1, 2):
            key_a, key_b, media_a, media_b = second(i)
            a, b = basic(sdp("a", 20000, "RTP/SAVP", attributes=[crypto(key_a)], version=i),
                         sdp("b", 20002, "RTP/SAVP", attributes=[crypto(key_b)], version=i), 3)
            calls.append({"call_id": sipp_call(f"{name}.{i}", a, b, {"a": media_a, "b": media_b}), **SECURE})
            streams += [stream(A, B, "PCMU", CM80, ssrc=f"0x{media_a['ssrc']:08x}"), stream(B, A, "PCMU", CM80, ssrc=f"0x{media_b['ssrc']:08x}")]
    if streams[0]["ssrc"] == streams[2]["ssrc"]:
        del streams[2]
    return {"program": SIPP, "calls": calls, "streams": streams}


@fixture("key-reuse-pad", "alice uses one SDES key, one SSRC and the same sequence numbers in two calls: a two-time pad", same_ssrc=True)
@fixture("key-reuse", "alice uses one SDES key in two calls, with different SSRCs", same_ssrc=False)
def key_reuse(name, same_ssrc):
    def side(i):
        key_a, key_b = key(name, "a"), key(name, f"b{i}")
        return (key_a, key_b,
                plan(name, "a", seconds=3, speech=f"s{i}", ssrc=number(name, "x" if same_ssrc else f"x{i}"), **secured(key_a)),
                plan(name, "b", seconds=3, ssrc=number(name, f"y{i}"), **secured(key_b)))
    return two_calls(name, side)


@fixture("key-both-ways", "the answer carries the offer's key: one key in both directions", key_a="same", key_b="same")
@fixture("key-zero", "alice's master key is all zeros", key_a="A" * 40, key_b="b")
@fixture("key-rfc-sample", "bob uses the key that RFC 4568 prints as an example", key_a="a", key_b="WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")
def weak_key(name, key_a, key_b):
    key_a, key_b = (k if len(k) == 40 else key(name, k) for k in (key_a, key_b))
    return simple(name, sdp("a", 20000, "RTP/SAVP", attributes=[crypto(key_a)]), sdp("b", 20002, "RTP/SAVP", attributes=[crypto(key_b)]),
                  plan(name, "a", seconds=3, **secured(key_a)), plan(name, "b", seconds=3, **secured(key_b)), SECURE,
                  [stream(A, B, "PCMU", CM80), stream(B, A, "PCMU", CM80)], seconds=3)


# --- what offer and answer agree on -----------------------------------------------------------

def agreed(name, offer, answer, calls, secure_a=None, secure_b=None, suite=None, seconds=3, media=True):
    """secure_*: key of that side's stream or None; suite: what the truth says of protected streams"""
    streams = [stream(A, B, "PCMU", suite if secure_a else None), stream(B, A, "PCMU", suite if secure_b else None)] if media else []
    return simple(name, offer, answer, plan(name, "a", seconds=seconds, **secured(secure_a)) if media else None,
                  plan(name, "b", seconds=seconds, **secured(secure_b)) if media else None, calls, streams, seconds=seconds)


@fixture("downgraded-answer", "RTP/SAVP offered, RTP/AVP answered, the call goes on in clear", profile="RTP/AVP")
@fixture("answer-without-key", "RTP/SAVP offered and answered, but without a=crypto in the answer; the call goes on in clear", profile="RTP/SAVP")
def downgraded(name, profile):
    return agreed(name, sdp("a", 20000, "RTP/SAVP", attributes=[crypto(key(name, "a"))]), sdp("b", 20002, profile),
                  call(["sdes"], "none", profile))


@fixture("savp-or-avp", "two m= lines offered, RTP/SAVP and RTP/AVP; the answer refuses the first and takes the second", secure=False)
@fixture("savp-or-avp-secure", "two m= lines offered, RTP/SAVP and RTP/AVP; the answer takes the first and refuses the second", secure=True)
def two_lines(name, secure):
    def described(host, port, other):
        ports = (port, other) if secure else (other, port)
        return sdp(host, ports[0], "RTP/SAVP", attributes=[crypto(key(name, host))] if ports[0] else [],
                   more=[f"m=audio {ports[1]} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=sendrecv"])
    return agreed(name, described("a", 20000, 20010), described("b", 20002, 0),
                  call(["sdes", "none"], "sdes" if secure else "none", "RTP/SAVP" if secure else "RTP/AVP"),
                  *((key(name, "a"), key(name, "b"), CM80) if secure else ()))


@fixture("refused-port-zero", "RTP/SAVP offered, the line refused with port 0; no media")
def refused_line(name):
    return agreed(name, sdp("a", 20000, "RTP/SAVP", attributes=[crypto(key(name, "a"))]), sdp("b", 0, "RTP/SAVP"),
                  call(["sdes"], "none", "RTP/SAVP"), media=False, seconds=1)


@fixture("dtls-no-fingerprint", "UDP/TLS/RTP/SAVP on both sides without a=fingerprint; clear media follows", port=20002)
@fixture("dtls-no-fingerprint-refused", "UDP/TLS/RTP/SAVP without a=fingerprint, refused with port 0", port=0)
def no_fingerprint(name, port):
    profile = "UDP/TLS/RTP/SAVP"
    return agreed(name, sdp("a", 20000, profile, attributes=["a=setup:actpass"]), sdp("b", port, profile, attributes=["a=setup:active"]),
                  call(None, None, profile), media=bool(port), seconds=3 if port else 1)


def refusal(code, reason, offer):
    a = [request("INVITE", 1, offer), want(100, True), want(code), request("ACK", 1)]
    b = [want("INVITE"), response(code, reason, headers=['Warning: 304 lab.example "Media type not available"']), want("ACK")]
    return a, b


@fixture("retry-clear", "RTP/SAVP refused with 488, then a new INVITE with RTP/AVP under a new Call-ID succeeds", second="RTP/AVP")
@fixture("retry-secure", "RTP/SAVP refused with 488, then a new INVITE again with RTP/SAVP (other suite) succeeds", second="RTP/SAVP")
@fixture("refused-488", "RTP/SAVP refused with 488, nothing follows", second=None)
def refused(name, second):
    secure = second == "RTP/SAVP"
    calls = []
    with Recording(name):
        a, b = refusal(488, "Not Acceptable Here", sdp("a", 20000, "RTP/SAVP", attributes=[crypto(key(name, "a0", CM32), CM32)]))
        calls.append({"call_id": sipp_call(f"{name}.1", a, b, {}), **call(["sdes"], "none", "RTP/SAVP", "refused")})
        if second:
            time.sleep(0.5)
            a, b = basic(sdp("a", 20000, second, attributes=[crypto(key(name, "a"))] if secure else []),
                         sdp("b", 20002, second, attributes=[crypto(key(name, "b"))] if secure else []), 4)
            media = {h: plan(name, h, seconds=3, **secured(secure and key(name, h))) for h in "ab"}
            calls.append({"call_id": sipp_call(f"{name}.2", a, b, media), **(SECURE if secure else call(["none"], "none", second))})
    return {"program": SIPP, "calls": calls,
            "streams": [stream(x, y, "PCMU", CM80 if secure else None) for x, y in ((A, B), (B, A))] if second else []}


@fixture("cancelled", "an RTP/SAVP call that the caller gives up while it rings")
def cancelled(name):
    offer = sdp("a", 20000, "RTP/SAVP", attributes=[crypto(key(name, "a"))])
    a = [request("INVITE", 1, offer), want(100, True), want(180), wait(0.5), request("CANCEL", 1), want(200), want(487), request("ACK", 1)]
    b = [want("INVITE"), response(180, "Ringing"), want("CANCEL"), response(200, "OK"), response(487, "Request Terminated", cseq="1 INVITE"), want("ACK")]
    with Recording(name):
        call_id = sipp_call(name, a, b, {})
    return {"program": SIPP, "calls": [{"call_id": call_id, **call(["sdes"], "none", "RTP/SAVP", "cancelled")}], "streams": []}


# --- re-INVITE, UPDATE and other orders ---------------------------------------------------------

def renegotiated(name, second, parts_a, parts_b, streams, calls=SECURE, method="INVITE", first_seconds=2, second_seconds=2, third=None, program=SIPP):
    """An RTP/SAVP call, changed by the caller after first_seconds. second, third: (offer, answer) of the exchanges"""
    first = tuple(sdp(h, p, "RTP/SAVP", attributes=[crypto(key(name, h))]) for h, p in (("a", 20000), ("b", 20002)))
    a, b = basic(first[0], first[1], 0)
    a, b = a[:-3], b[:-2]
    cseq = 2
    a.append(wait(first_seconds))
    for offer, answered in filter(None, (second, third)):
        a += [request(method, cseq, offer), want(100, True), want(200)] + ([request("ACK", cseq)] if method == "INVITE" else [])
        b += [want(method), response(200, "OK", answered)] + ([want("ACK")] if method == "INVITE" else [])
        a.append(wait(second_seconds))
        cseq += 1
    a += [wait(0.3), request("BYE", cseq), want(200)]
    b += [want("BYE"), response(200, "OK")]
    with Recording(name):
        call_id = sipp_call(name, a, b, {"a": plan(name, "a", parts=parts_a, rtcp="srtp"), "b": plan(name, "b", parts=parts_b, rtcp="srtp")})
    return {"program": program, "calls": [{"call_id": call_id, **calls}], "streams": streams}


def pair(name, profile, keys=None, direction="sendrecv", other="sendrecv", version=2):
    """Offer and answer of a later exchange; keys: names for key(), or None for no a=crypto"""
    return tuple(sdp(h, p, profile, attributes=[crypto(key(name, k))] if k else [], direction=d, version=version)
                 for h, p, k, d in (("a", 20000, keys and keys[0], direction), ("b", 20002, keys and keys[1], other)))


def turned(name, seconds=2, then_clear=True):
    """Parts of both sides: protected, and after that in clear or protected still"""
    return [[{"seconds": seconds, "srtp": protected(key(name, h))},
             {"seconds": seconds, **({} if then_clear else {"srtp": protected(key(name, h))})}] for h in "ab"]


def mixed(count, total=200):
    """Streams of which only so many packets are protected"""
    encrypted = count > total / 2
    return [stream(x, y, "PCMU", CM80, encrypted, authentic=count, mixed=count != total) for x, y in ((A, B), (B, A))]


LATER_CLEAR = [{"offered": ["sdes"], "negotiated": "sdes"}, {"offered": ["none"], "negotiated": "none"}]


@fixture("reinvite-to-avp", "a re-INVITE moves the call from RTP/SAVP to RTP/AVP and the media turns clear", clear=True)
@fixture("reinvite-to-avp-srtp", "a re-INVITE moves the call from RTP/SAVP to RTP/AVP, yet the media stays SRTP", clear=False)
@fixture("update-to-avp", "an UPDATE moves the call from RTP/SAVP to RTP/AVP and the media turns clear", clear=True, method="UPDATE")
def to_avp(name, clear, method="INVITE"):
    return renegotiated(name, pair(name, "RTP/AVP"), *turned(name, then_clear=clear), mixed(100 if clear else 200),
                        call(["sdes"], "none", "RTP/AVP", exchanges=LATER_CLEAR), method=method)


@fixture("reinvite-hold", "hold and resume by re-INVITEs that keep RTP/SAVP and both keys; silence while on hold")
def hold(name):
    parts = [[{"seconds": 2, "srtp": protected(key(name, h))}, {"seconds": 2, "silent": True},
              {"seconds": 2, "srtp": protected(key(name, h))}] for h in "ab"]
    return renegotiated(name, pair(name, "RTP/SAVP", "ab", "inactive", "inactive"), *parts, mixed(200, 200),
                        first_seconds=2, second_seconds=2, third=pair(name, "RTP/SAVP", "ab", version=3))


@fixture("reinvite-rekey", "a re-INVITE brings new keys on both sides, the media follows")
def rekey(name):
    parts = [[{"seconds": 2, "srtp": protected(key(name, h))}, {"seconds": 2, "srtp": protected(key(name, h + "2"))}] for h in "ab"]
    truth = renegotiated(name, pair(name, "RTP/SAVP", ("a2", "b2")), *parts, mixed(200))
    for one in truth["streams"]:
        one["authentic"] = 100      # of each key
    return truth


@fixture("srtp-then-clear", "no re-INVITE: after two seconds both phones just go on in clear")
def lapse(name):
    return renegotiated(name, None, *turned(name), mixed(100), first_seconds=4, second_seconds=0)


@fixture("early-media", "SDP in a 183: bob's SRTP flows for two seconds before the 200, which repeats it")
def early(name):
    offer, answered = (sdp(h, p, "RTP/SAVP", attributes=[crypto(key(name, h))]) for h, p in (("a", 20000), ("b", 20002)))
    a = [request("INVITE", 1, offer), want(100, True), want(183), want(200), request("ACK", 1), start_media("a"), wait(3.3), request("BYE", 2), want(200)]
    b = [want("INVITE"), response(183, "Session Progress", answered), start_media("b"), wait(2), response(200, "OK", answered), want("ACK"),
         want("BYE"), response(200, "OK")]
    with Recording(name):
        call_id = sipp_call(name, a, b, {"a": plan(name, "a", seconds=3, **secured(key(name, "a"))), "b": plan(name, "b", seconds=5, **secured(key(name, "b")))})
    return {"program": SIPP, "calls": [{"call_id": call_id, **SECURE}], "streams": [stream(A, B, "PCMU", CM80), stream(B, A, "PCMU", CM80)]}


@fixture("delayed-offer", "no SDP in the INVITE: the 200 offers, the ACK answers")
def delayed(name):
    offer, answered = (sdp(h, p, "RTP/SAVP", attributes=[crypto(key(name, h))]) for h, p in (("b", 20002), ("a", 20000)))
    a = [request("INVITE", 1), want(100, True), want(180), want(200), request("ACK", 1, answered), start_media("a"), wait(3.3), request("BYE", 2), want(200)]
    b = [want("INVITE"), response(180, "Ringing"), wait(0.3), response(200, "OK", offer), want("ACK"), start_media("b"), want("BYE"), response(200, "OK")]
    with Recording(name):
        call_id = sipp_call(name, a, b, {h: plan(name, h, seconds=3, **secured(key(name, h))) for h in "ab"})
    return {"program": SIPP, "calls": [{"call_id": call_id, **SECURE}], "streams": [stream(A, B, "PCMU", CM80), stream(B, A, "PCMU", CM80)]}


@fixture("prack-update", "reliable 183 with the answer, PRACK, then an UPDATE with new keys before the 200")
def prack(name):
    offer, answered = (sdp(h, p, "RTP/SAVP", attributes=[crypto(key(name, h))]) for h, p in (("a", 20000), ("b", 20002)))
    again = pair(name, "RTP/SAVP", ("a2", "b2"))
    a = [request("INVITE", 1, offer, ["Supported: 100rel"]), want(100, True), want(183), request("PRACK", 2, headers=["RAck: 1 1 INVITE"]), want(200),
         request("UPDATE", 3, again[0]), want(200), want(200), request("ACK", 1), start_media("a"), wait(3.3), request("BYE", 4), want(200)]
    b = [want("INVITE"), response(183, "Session Progress", answered, ["Require: 100rel", "RSeq: 1"]), want("PRACK"), response(200, "OK"),
         want("UPDATE"), response(200, "OK", again[1]), wait(0.3), response(200, "OK", cseq="1 INVITE"), want("ACK"), start_media("b"),
         want("BYE"), response(200, "OK")]
    with Recording(name):
        call_id = sipp_call(name, a, b, {h: plan(name, h, seconds=3, **secured(key(name, h + "2"))) for h in "ab"})
    return {"program": SIPP, "calls": [{"call_id": call_id, **SECURE}], "streams": [stream(A, B, "PCMU", CM80), stream(B, A, "PCMU", CM80)]}


# --- where the media comes from -------------------------------------------------------------

@fixture("nat-media", "bob's SDP names a private address; his media comes from, and goes to, the address that his SIP comes from")
def nat(name):
    answered = sdp("b", 20002).replace(f"c=IN IP4 {IP['b']}", "c=IN IP4 192.168.77.10")
    return simple(name, sdp("a", 20000), answered, plan(name, "a", seconds=3), plan(name, "b", seconds=3), call(["none"], "none", "RTP/AVP"),
                  [stream(A, B, "PCMU"), stream(B, A, "PCMU")], seconds=3)


@fixture("third-party-rtp", "a third host sends alice four packets under bob's SSRC, and alice sends to it from then on")
def third_party(name):
    a, b = basic(sdp("a", 20000), sdp("b", 20002), 4)
    media = {"a": plan(name, "a", parts=[{"seconds": 2}, {"seconds": 2, "remote": [IP["q"], 20004]}]), "b": plan(name, "b", seconds=4)}
    media["q"] = plan(name, "q", seconds=0.08, speech="s2", ssrc=media["b"]["ssrc"], seq=media["b"]["seq"] + 98,
                      remote=[IP["a"], 20000], rtcp=None, linger=3)
    media["q"]["ts"] = media["b"]["ts"] + 98 * 160
    with Recording(name):
        later = after(2.95, "q", name, media["q"])     # both scripts need 0.6 s to start, the call rings for 0.2 s
        call_id = sipp_call(name, a, b, {"a": media["a"], "b": media["b"]})
        later.join()
    return {"program": SIPP, "calls": [{"call_id": call_id, **call(["none"], "none", "RTP/AVP")}],
            "streams": [stream(A, B, "PCMU"), stream(B, A, "PCMU"), stream(Q, A, "PCMU"), stream(A, Q, "PCMU")]}
