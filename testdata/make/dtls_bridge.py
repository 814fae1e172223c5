"""Calls through kamailio and rtpengine on host p, and SDES calls of real phones."""
import base64
import re
import time

import dtls_lab as lab
import dtls_truth as truth
from dtls_dtls import fresh_log, need, real
from dtls_lab import IP, Baresip, Capture, Linphone, spawn
from dtls_record import scenario
from dtls_story import Story, play
from dtls_wire import SUITES, Call, Keying

KAMAILIO = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
enable_tls={tls}
{listen}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
{modules}
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
{first}
    if (has_totag()) {{
        if (loose_route()) {{
            if (is_method("BYE")) {{ {bye} }}
            if (is_method("INVITE")) {{ {offer} }}
            t_on_reply("ANSWER");
            t_relay();
            exit;
        }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (is_method("INVITE")) {{
        record_route();
        {offer}
    }}
    t_on_reply("ANSWER");
    {forward}
    t_relay();
}}
onreply_route[ANSWER] {{
    if (has_body("application/sdp")) {{ {answer} }}
}}
{extra}
"""


OFFER = "replace-origin replace-session-connection ICE=remove "
NOTHING = "$var(nothing) = 1;"      # an empty block is a syntax error


def kamailio(offer="", answer="", bye="", tls="no", listen=None, modules="", first="", forward=None, extra=""):
    config = f"{lab.TMP}/kamailio.cfg"
    with open(config, "w") as out:
        out.write(KAMAILIO.format(offer=offer or NOTHING, answer=answer or NOTHING, bye=bye or NOTHING, tls=tls, modules=modules, first=first, extra=extra,
                                  listen=listen or f"listen=udp:{IP['p']}:5060",
                                  forward=forward or f'$ru = "sip:bob@{IP["b"]}:5060";'))
    process = spawn("p", ["kamailio", "-f", config, "-DD", "-E", "-m", "32", "-M", "8"], log=lab.TMP + "/kamailio.log")
    time.sleep(1.5)
    need(process.poll() is None, "kamailio ended, see kamailio.log")
    return process


def rtpengine():
    process = spawn("p", ["rtpengine", "--foreground", "--log-stderr", "--table=-1", f"--interface={IP['p']}", "--listen-ng=127.0.0.1:2223",
                          "--port-min=30000", "--port-max=30100", "--config-file=none"], log=lab.TMP + "/rtpengine.log")
    time.sleep(1.2)
    need(process.poll() is None, "rtpengine ended, see rtpengine.log")
    return process


def sdes_keys(path):
    """What each address may send with, from the a=crypto lines of every SDP body in clear signalling."""
    told = {}
    for frame in truth.frames(path):
        text = frame.payload.decode(errors="replace")
        if frame.protocol != 17 or "m=audio" not in text:
            continue
        address = re.search(r"c=IN IP4 (\S+)", text)[1]
        port = int(re.search(r"m=audio (\d+)", text)[1])
        for suite, inline, words in re.findall(r"a=crypto:\d+ (\S+) inline:([^\s|]+)([^\r]*)", text):
            suite = {"AES_CM_256_HMAC_SHA1_80": "AES_256_CM_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_32": "AES_256_CM_HMAC_SHA1_32"}.get(suite, suite)
            if suite not in SUITES:
                continue
            raw = base64.b64decode(inline + "=" * (-len(inline) % 4))
            _, key, salt, _, _ = SUITES[suite]
            told.setdefault((address, port), []).append(Keying(
                suite, raw[:key], raw[key:key + salt], encrypt_rtp="UNENCRYPTED_SRTP" not in words.split(),
                encrypt_rtcp="UNENCRYPTED_SRTCP" not in words, tag_rtp="UNAUTHENTICATED_SRTP" not in words))
    return told


def keys_of_streams(path):
    """The same by (source, target) of each RTP flow, keeping only keys that open its first packets."""
    told, out = sdes_keys(path), {}
    for frame in truth.frames(path):
        if frame.protocol != 17 or not truth.is_rtp(frame.payload):
            continue
        pair = frame.source, frame.target
        address, port = frame.source.rsplit(":", 1)
        for keying in told.get((address, int(port)), []):
            if keying in out.get(pair, []) or len(out.get(pair, [])) > 3:
                continue
            if truth.oracle.can(keying) and truth.oracle.unprotect(keying, frame.payload, 0):
                out.setdefault(pair, []).append(keying)
            elif not truth.oracle.can(keying) and truth.own_unprotect(keying, frame.payload, int.from_bytes(frame.payload[2:4], "big")):
                out.setdefault(pair, []).append(keying)
    for (source, target), keyings in list(out.items()):      # 4-byte SRTCP tags where those verify
        for frame in truth.frames(path):
            if truth.is_rtcp(frame.payload) and frame.source.split(":")[0] == source.split(":")[0]:
                for k in list(keyings):
                    short = Keying(k.suite, k.key, k.salt, short_srtcp_tag=True)
                    if k.suite.endswith("_32") and truth.oracle.can(k) and truth.oracle.unprotect(short, frame.payload, 0, True):
                        out[source, target] = [short]
                break
    return out


def calls_of(path):
    """Calls with the suites offered and the one answered, from SDP in clear."""
    rows = {}
    for frame in truth.frames(path):
        text = frame.payload.decode(errors="replace")
        if frame.protocol != 17 or "m=audio" not in text:
            continue
        call_id = re.search(r"(?im)^call-id:\s*(\S+)", text)[1]
        side = f"{frame.source.split(':')[0]}-{frame.target.split(':')[0]}"
        row = rows.setdefault((call_id, *sorted(side.split("-"))), {"call_id": call_id, "between": sorted(side.split("-"))})
        suites = re.findall(r"a=crypto:\d+ (\S+)", text)
        profile = re.search(r"m=audio \d+ (\S+)", text)[1]
        ways = (["sdes"] if suites else []) + (["dtls"] if "a=fingerprint" in text else []) + (["zrtp"] if "a=zrtp-hash" in text else [])
        if text.startswith("INVITE"):
            row.setdefault("offered", suites or ways)
            row.setdefault("profile", profile)
        elif text.startswith("SIP/2.0 2"):
            row.update(negotiated=ways[0] if ways else None, answer_profile=profile)
            if suites:
                row["suite"] = suites[0]
    return list(rows.values())


def through_p(name, story, offer, answer, phone_a, phone_b, seconds=2, extra=None, check=2, codec="PCMU"):
    keylog = fresh_log(name)
    env = {"LD_PRELOAD": lab.SHIM, "SSLKEYLOGFILE": keylog}
    capture = Capture(f"{lab.TMP}/{name}.pcap")
    rtpengine()
    kamailio(offer=f'rtpengine_offer("{offer}");', answer=f'rtpengine_answer("{answer}");', bye="rtpengine_delete();",
             modules='loadmodule "rtpengine.so"\nmodparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:2223")')
    modules = ["dtls_srtp.so", "srtp.so"]
    b = Baresip("b", phone_b, "pcmu", 2, modules, env=env)
    a = Baresip("a", phone_a, "pcmu", 1, modules, env=env)
    a.command("dial", f"sip:bob@{IP['p']}")
    time.sleep(seconds + 1)
    a.command("hangup")
    time.sleep(0.8)
    a.stop()
    b.stop()
    path = capture.stop()
    made = real(name, story, path, "baresip 1.0.0, kamailio 5.6.3, rtpengine 10.5.3", keylog, keys=keys_of_streams(path),
                calls=calls_of(path), extra=extra)
    need(sum(r["encrypted"] and (r["auth_ok"] or 0) > 50 for r in made["streams"]) >= check, "verified streams are missing")
    return made


@scenario
def bridge_dtls_sdes():
    through_p("bridge-dtls-sdes", "alice (DTLS-SRTP) to bob (SDES) through kamailio and rtpengine; both legs are seen.",
              OFFER + "RTP/SAVP DTLS=off SDES-only-AES_CM_128_HMAC_SHA1_80", OFFER + "UDP/TLS/RTP/SAVP", "mediaenc=dtls_srtp", "mediaenc=srtp-mand", check=4)


@scenario
def bridge_sdes_passed():
    through_p("bridge-sdes-passed", "alice and bob (both SDES) through rtpengine, which passes alice's key and ciphertext on: not key reuse.",
              OFFER + "RTP/SAVP DTLS=off", OFFER + "RTP/SAVP DTLS=off", "mediaenc=srtp-mand", "mediaenc=srtp-mand", check=4)


@scenario
def bridge_sha1():
    through_p("bridge-dtls-sha1", "rtpengine offers a sha-1 fingerprint to bob, who answers UDP/TLS/RTP/SAVP "
              "without a fingerprint and hangs up after the handshake; no voice.",
              OFFER + "UDP/TLS/RTP/SAVP SDES=off DTLS-fingerprint=sha-1", OFFER + "RTP/SAVP", "mediaenc=srtp-mand", "mediaenc=dtls_srtp", seconds=2, check=0)


class Bridged(Story):
    """Test phones through kamailio and rtpengine: what rtpengine sends is judged too, and must be what was said."""
    def finish(self):
        for (source, target), seen in self.relayed().items():
            keying, said = self.legs[target]
            row = truth.judge({"ssrc": seen[0].payload[8:12].hex(), "src": source, "dst": target, "codec": "PCMU"}, [keying], seen)
            for frame in seen:
                clear = frame.payload
                if keying:
                    seq = int.from_bytes(clear[2:4], "big")
                    clear = truth.oracle.unprotect(keying, clear, 0) if truth.oracle.can(keying) else truth.own_unprotect(keying, clear, seq)
                need(clear and truth.payload(clear) in {truth.payload(x.clear) for x in said.sent}, "rtpengine sent another voice")
            self.found.append(row)
        return super().finish()

    def relayed(self):
        groups = {}
        for frame in truth.frames(self.path):
            if frame.protocol == 17 and frame.source.startswith(IP["p"]) and truth.is_rtp(frame.payload):
                groups.setdefault((frame.source, frame.target), []).append(frame)
        need(len(groups) == 2, "rtpengine did not relay both ways")
        return groups


def bridged_suite(name, suite, story):
    def record():
        with Bridged(name, story, hand_made="kamailio 5.6.3 and rtpengine 10.5.3 are real; phones and media are this project's test phones") as s:
            rtpengine()
            kamailio(offer=f'rtpengine_offer("{OFFER} RTP/AVP");', answer=f'rtpengine_answer("{OFFER} RTP/SAVP DTLS=off");',
                     bye="rtpengine_delete();", modules='loadmodule "rtpengine.so"\nmodparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:2223")')
            a, b = s.phones()
            call, key = Call(a, b, proxy=(IP["p"], 5060)), s.fresh(suite)
            need(call.setup(a.sdp([key.crypto()], "RTP/SAVP", 4000), b.sdp([], "RTP/AVP", 4002)), "refused")
            raw = base64.b64decode(re.search(r"a=crypto:1 \S+ inline:([^\s|]+)", call.final)[1] + "==")
            _, size, salt, _, _ = SUITES[suite]
            back = Keying(suite, raw[:size], raw[size:size + salt])
            need(f"crypto:1 {suite} " in call.final, "another suite was answered")
            s.calls.append({"call_id": call.call_id, "between": [IP["a"], IP["p"]], "keying": "sdes", "profile": "RTP/SAVP", "offered": [suite],
                            "negotiated": "sdes", "suite": suite})
            s.calls.append({"call_id": call.call_id, "between": [IP["p"], IP["b"]], "keying": "none", "profile": "RTP/AVP", "offered": [],
                            "negotiated": None, "suite": None})
            streams = s.media((key, None), rtcp=False)
            for stream, text in zip(streams, (call.final, call.seen)):
                stream.target = IP["p"], int(re.search(r"m=audio (\d+)", text)[1])
            s.legs = {f"{IP['a']}:4000": (back, streams[1]), f"{IP['b']}:4002": (None, streams[0])}
            play(streams, 1.5, rtcp=False)
            call.hang_up()
    record.__name__ = name
    scenario(record)


bridged_suite("bridge-cm192-rtp", "AES_192_CM_HMAC_SHA1_80", "AES-192 (RFC 6188) on alice's leg, clear on bob's; rtpengine opens and closes it.")
bridged_suite("bridge-gcm256-rtp", "AEAD_AES_256_GCM", "AEAD_AES_256_GCM on alice's leg, clear on bob's; rtpengine opens and closes it.")


def linphone_call(name, story, encryption_a="srtp", encryption_b="srtp", suites="", codec="PCMU", seconds=3, sip_a="", sip_b="",
                  check=2, extra=None, keys=None, keylog=None):
    capture = Capture(f"{lab.TMP}/{name}.pcap")
    b = Linphone("b", encryption_b, suites, codec, 2, sip=sip_b)
    a = Linphone("a", encryption_a, suites, codec, 1, sip=sip_a)
    a.command(f"call sip:bob@{IP['b']}")
    time.sleep(seconds + 1)
    a.command("terminate")
    time.sleep(1)
    a.stop()
    b.stop()
    path = capture.stop()
    made = real(name, story, path, "linphonec 5.1.65 both sides", keys=keys(path, a, b) if keys else keys_of_streams(path),
                calls=calls_of(path), codec=codec, extra=extra)
    need(sum(r["encrypted"] and (r["auth_ok"] or 0) > 50 for r in made["streams"]) >= check, "verified streams are missing")
    return made


def linphone_parameter(name, word, story, check=2):
    def record():
        linphone_call(name, "Two linphone phones, " + story, suites="AES_CM_128_HMAC_SHA1_80 " + word, check=check)
    record.__name__ = name
    scenario(record)


linphone_parameter("sdes-linphone-unencrypted", "UNENCRYPTED_SRTP", "UNENCRYPTED_SRTP: all is clear, and there are no tags either.", check=0)
linphone_parameter("sdes-linphone-unauthenticated", "UNAUTHENTICATED_SRTP", "UNAUTHENTICATED_SRTP: no tags, on RTCP neither.", check=0)


@scenario
def sdes_linphone_cm256():
    linphone_call("sdes-linphone-cm256", "Two linphone phones, AES_256_CM_HMAC_SHA1_80.", suites="AES_256_CM_HMAC_SHA1_80")


@scenario
def sdes_linphone_32():
    linphone_call("sdes-linphone-32", "Two linphone phones, AES_CM_128_HMAC_SHA1_32.", suites="AES_CM_128_HMAC_SHA1_32")


@scenario
def sdes_linphone_opus():
    linphone_call("sdes-linphone-opus", "Two linphone phones, Opus over AES_CM_128_HMAC_SHA1_80.", suites="AES_CM_128_HMAC_SHA1_80", codec="opus")


@scenario
def sdes_baresip():
    name = "sdes-baresip"
    capture = Capture(f"{lab.TMP}/{name}.pcap")
    b = Baresip("b", "mediaenc=srtp-mand", "pcmu", 2, ["srtp.so"])
    a = Baresip("a", "mediaenc=srtp-mand", "pcmu", 1, ["srtp.so"])
    a.command("dial", f"sip:bob@{IP['b']}")
    time.sleep(4)
    a.command("hangup")
    time.sleep(0.8)
    a.stop()
    b.stop()
    path = capture.stop()
    made = real(name, "Two baresip phones, SDES; plain RTCP around the secure call, SRTCP in it.", path, "baresip 1.0.0 both sides",
                keys=keys_of_streams(path), calls=calls_of(path))
    need(sum(r["encrypted"] and r["auth_ok"] > 50 for r in made["streams"]) == 2, "verified streams are missing")
