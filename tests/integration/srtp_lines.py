#!/usr/bin/env python3
"""Each rule about a=crypto lines, keys and header extensions broken once, with neighbours that nearly do: srtp_lines.py TOOL.

See srtp_wire.py for what a story tells."""
import base64
import hashlib
import hmac
import struct
import sys

from srtp_wire import A, B, SIP_A, SIP_B, VOICES, Call, Key, Stream, keyed, run_stories, sdp, story, truth

SHORT, LONG = "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80"
LOUDNESS = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


def inline(key, suite=None, tag=1, after="", secret=None):
    text = base64.b64encode(secret if secret is not None else key.key + key.salt).decode()
    return f"a=crypto:{tag} {suite or key.suite} inline:{text}{after}"


def call_with(wire, offered, answered, keys=(None, None), frames=100, **how):
    """Lines of the offer and the answer; keys that both ends use, whatever the lines say."""
    call = Call(wire, SIP_A, SIP_B, how.pop("name", "lines"))
    up = call.up(how.pop("start", 0), sdp(A, "RTP/SAVP", offered), sdp(B, "RTP/SAVP", answered))
    x = Stream(wire, A, B, 0x11, keys[0]).play(up, VOICES[1][:frames], **how)
    y = Stream(wire, B, A, 0x22, keys[1]).play(up, VOICES[2][:frames], **how)
    call.bye(up + 4.1)
    return x, y


def tell(name, text, want, never, offered, answered, keys=(Key(1), Key(2)), verdict=("encrypted", "authenticated"), options=()):
    """A story of one call whose lines are all that matters."""
    def one(wire):
        streams = call_with(wire, offered, answered, keys)
        return [truth(stream, *verdict) for stream in streams] if verdict else []
    one.__name__ = name
    story(text, want, never, options=options)(one)


K1, K2, K3 = Key(1), Key(2), Key(3)
PLAIN = [inline(K1)], [inline(K2)]
OLD_NAME = "AES_CM_256_HMAC_SHA1_80"

tell("suite_unknown", "a suite of no registry", ["SRTP-014:medium"], ["SRTP-028"], [inline(K1, "FANCY_512_HMAC_SHA3")],
     [inline(K2, "FANCY_512_HMAC_SHA3")], verdict=("encrypted", None))
tell("suite_old_name", "the old spelling of a registered suite", [], ["SRTP-014:low", "SRTP-014:medium", "SRTP-024"],
     [inline(Key(1, LONG), OLD_NAME)], [inline(Key(2, LONG), OLD_NAME)], (Key(1, LONG), Key(2, LONG)))
tell("suite_below_policy", "128 bits where the site wants 256", ["SRTP-015:medium"], [], *PLAIN, options=("--min-key-bits", "256"))
tell("suite_of_policy", "256 bits where the site wants 256", [], ["SRTP-015"], [inline(Key(1, LONG))], [inline(Key(2, LONG))],
     (Key(1, LONG), Key(2, LONG)), options=("--min-key-bits", "256"))
tell("short_tag_allowed", "tags of 32 bits that the site allows", [], ["SRTP-013"], [inline(Key(1, SHORT))], [inline(Key(2, SHORT))],
     (Key(1, SHORT), Key(2, SHORT)), options=("--min-tag-bits", "32"))
tell("short_tag_passed_over", "tags of 32 bits offered, not taken", [], ["SRTP-013", "SRTP-016"],
     [inline(K1), inline(Key(3, SHORT), tag=2)], [inline(K2)])

tell("same_key_both_ways", "the answer returns the offer's key", ["SRTP-021:high"], ["SRTP-022"], [inline(K1)], [inline(K1)], (K1, K1))
tell("keys_of_their_own", "two keys", [], ["SRTP-021", "SRTP-023", "SRTP-024", "SRTP-025", "SRTP-026", "SRTP-027"], *PLAIN)

for name, secret in (("zeros", bytes(30)), ("text", b"this is a very secret password"), ("period", bytes(range(200, 216)) * 2),
                     ("few", bytes([7, 9, 200, 31, 77] * 6))):
    tell(f"weak_key_{name}", f"a key of {name}", ["SRTP-023:high"], [], [inline(K1, secret=secret[:30])], [inline(K2)], (K3, K2), None)
tell("sample_key", "the key of RFC 4568's example", ["SRTP-023:high"], [],
     ["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"], [inline(K2)], (K3, K2), None)

tell("key_too_short", "28 bytes for a suite of 30", ["SRTP-024:medium"], ["SRTP-028"], [inline(K1, secret=(K1.key + K1.salt)[:28])],
     [inline(K2)], (K3, K2), None)
tell("key_of_other_suite", "30 bytes for a suite of 46", ["SRTP-024:medium"], [], [inline(K1, LONG)], [inline(K2, LONG)], (K3, K3), None)
tell("no_base64", "a key with letters of no base64", ["SRTP-024:medium"], [],
     ["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:!!!!WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVu"], [inline(K2)], (K3, K2), None)

tell("mki_not_sent", "an MKI that no packet carries", ["SRTP-025"], ["SRTP-028"], [inline(K1, after="|2^20|1:4")], [inline(K2, after="|2^20|1:4")])
tell("mki_not_promised", "an MKI that no line speaks of", ["SRTP-025"], [], *PLAIN, (Key(1, mki=b"\0\0\0\1"), Key(2, mki=b"\0\0\0\1")),
     ("encrypted", None))
tell("mki_too_long", "an MKI of 129 bytes", ["SRTP-025"], [], [inline(K1, after="|2^20|1:129")], [inline(K2)])
tell("two_keys_no_mki", "two keys in a line and nothing to tell them apart", ["SRTP-025:medium"], [],
     [inline(K1) + ";" + inline(K3).split(" ")[2]], [inline(K2)])

tell("lifetime_too_long", "2^49 packets", ["SRTP-026:medium"], [], [inline(K1, after="|2^49")], [inline(K2)])
tell("lifetime_zero", "no packet at all", ["SRTP-026:medium"], [], [inline(K1, after="|0")], [inline(K2)])
tell("lifetime_exceeded", "64 packets promised, 100 sent", ["SRTP-026:medium"], [], [inline(K1, after="|2^6")], [inline(K2, after="|2^6")])
tell("lifetime_kept", "128 packets promised, 100 sent", [], ["SRTP-026"], [inline(K1, after="|2^7")], [inline(K2, after="|2^48")])

tell("tag_unknown", "an answer to a tag that nobody offered", ["SRTP-027:medium"], [], [inline(K1)], [inline(K2, tag=7)])
tell("tag_twice", "one tag for two lines", ["SRTP-027:medium"], [], [inline(K1), inline(Key(3, SHORT))], [inline(K2)])
tell("two_answers", "two lines accepted at once", ["SRTP-027:medium"], [], [inline(K1), inline(Key(3, SHORT), tag=2)],
     [inline(K2), inline(Key(4, SHORT), tag=2)])
tell("tag_with_zero", "a tag that begins with 0", ["SRTP-027:medium"], [], [inline(K1, tag="01")], [inline(K2, tag="01")])
tell("two_lines_offered", "several lines in an offer", [], ["SRTP-027"], [inline(K1), inline(Key(3, SHORT), tag=2)], [inline(K2)])

NULLED = Key(1, "NULL_HMAC_SHA1_80"), Key(2, "NULL_HMAC_SHA1_80")
tell("null_passed_over", "a NULL suite offered, not taken", ["SRTP-012:low"], ["SRTP-012:critical"],
     [inline(K1), inline(NULLED[0], tag=2)], [inline(K2)])
tell("unencrypted_declined", "UNENCRYPTED_SRTP offered, not taken", ["SRTP-017:low"], ["SRTP-017:critical"],
     [inline(K1), inline(K3, tag=2) + " UNENCRYPTED_SRTP"], [inline(K2)])


class Bare(Key):
    """Tags over what stays readable (UNENCRYPTED_SRTP)."""

    def protect(self, packet, roc=0):
        self.null = True
        return super().protect(packet, roc)


tell("unencrypted", "UNENCRYPTED_SRTP taken", ["SRTP-017:critical"], ["SRTP-004", "SRTP-018", "SRTP-019"],
     [inline(K1) + " UNENCRYPTED_SRTP"], [inline(K2) + " UNENCRYPTED_SRTP"], (Bare(1), Bare(2)), ("cleartext", "authenticated"))


class Tagless(Key):
    def protect(self, packet, roc=0):
        return super().protect(packet, roc)[:-10]


tell("unauthenticated", "ciphertext without tags, as agreed", ["SRTP-019:high"], ["SRTP-004", "SRTP-017", "SRTP-028"],
     [inline(K1) + " UNAUTHENTICATED_SRTP"], [inline(K2) + " UNAUTHENTICATED_SRTP"], (Tagless(1), Tagless(2)), ("encrypted", "statistical"))


@story("an answer that passes over what its sender supports", want=["SRTP-016:low"])
def stronger_passed_over(wire):
    back = Call(wire, SIP_B, SIP_A, "back")
    up = back.up(0, keyed(B, Key(7, LONG)), keyed(A, Key(8, LONG)))
    Stream(wire, B, A, 0x31, Key(7, LONG)).play(up, VOICES[1][:60])
    back.bye(up + 2)
    call_with(wire, [inline(Key(1, LONG)), inline(K3, tag=2)], [inline(K2, tag=2)], (K3, K2), start=10)
    return []


@story("an answer that passes over what its sender never showed", never=["SRTP-016"])
def stronger_unknown(wire):
    call_with(wire, [inline(Key(1, LONG)), inline(K3, tag=2)], [inline(K2, tag=2)], (K3, K2))
    return []


class OpenReports(Key):
    """SRTCP with the E flag 0."""

    def protect_rtcp(self, packet, index):
        data = packet + struct.pack(">I", index)
        return data + hmac.new(self.sets[1][1], data, hashlib.sha1).digest()[:10]


@story("reports with a tag and readable", want=["SRTP-018:medium"], never=["SRTP-017"])
def reports_open(wire):
    keys = OpenReports(1), Key(2)
    x, _ = call_with(wire, [inline(K1) + " UNENCRYPTED_SRTCP"], [inline(K2) + " UNENCRYPTED_SRTCP"], keys)
    for i in range(3):
        x.report(1 + i / 2, "x7Hq2", i + 1, keys[0])
    return [truth(x, "encrypted", "authenticated", rtcp={"packets": 3, "observed": "cleartext"})]


def levels(wire, offered, answered, profile):
    extension = lambda n: (profile, bytes([0x10, 0x80 | n * 7 % 100, 0, 0]))
    return call_with(wire, [inline(K1), *offered], [inline(K2), *answered], (K1, K2), extension=extension)


@story("cryptex on both sides, and headers of the old kind", want=["SRTP-034:low", "SRTP-033:low"])
def cryptex_ignored(wire):
    lines = [f"a=extmap:1 {LOUDNESS}", "a=cryptex"]
    levels(wire, lines, lines, 0xbede)
    return []


@story("cryptex on one side means nothing", want=["SRTP-033:low"], never=["SRTP-034"])
def cryptex_of_one(wire):
    levels(wire, [f"a=extmap:1 {LOUDNESS}", "a=cryptex"], [f"a=extmap:1 {LOUDNESS}"], 0xbede)
    return []


@story("a key of an earlier call", want=["SRTP-020:high"], never=["SRTP-022"])
def key_again(wire):
    call_with(wire, [inline(K1)], [inline(K2)], (K1, K2), name="one")
    call = Call(wire, SIP_A, SIP_B, "two")
    up = call.up(60, keyed(A, K1), keyed(B, K3))
    Stream(wire, A, B, 0x99, K1).play(up, VOICES[1][:60])
    call.bye(up + 2)
    return []


@story("the share of encrypted media is told by suite, make and path", want=["SRTP-063:AES_CM_128_HMAC_SHA1_80 1",
       "SRTP-063:none 1", "SRTP-063:acme (1 of 2 encrypted, 0.1 min clear)", "SRTP-063:10.1.0.1 to 10.2.0.2 (1 of 2 encrypted"])
def coverage(wire):
    for n, key in enumerate((K1, None)):
        call = Call(wire, SIP_A, SIP_B, f"call{n}", "Acme Phone 1.0")
        up = call.up(20 * n, keyed(A, K1) if key else sdp(A), keyed(B, K2) if key else sdp(B))
        Stream(wire, A, B, 0x41 + n, key).play(up, VOICES[1])
        call.bye(up + 5)
    return []


if __name__ == "__main__":
    sys.exit(run_stories(*sys.argv[1:]))
