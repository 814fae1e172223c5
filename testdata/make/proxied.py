"""Calls through the proxy (kamailio), most with a media relay (rtpengine) between the streams."""
import time

import pcapfile
from lab import IP, TMP, Baresip, Kamailio, Rtpengine, stop
from recording import SDES80, SECONDS, Recording, both_ways, call, endpoint, fixture, key
from scripted import plan, secured
from sipp import answer, crypto, response, sdp, wait, want, start_media


def bridged(name, to_b, to_a, encryption_a, encryption_b, offered, negotiated, profiles, suites, codec="pcmu", label="PCMU",
            kamailio=(), only="", chosen=None):
    """alice calls bob through the proxy, the relay between their streams; captured on the bridge, so both legs are seen"""
    # chosen: bob is sipp and takes this a=crypto line of the relay's offer; media.py sends for him unless it can't
    rtpengine = Rtpengine()
    proxy = Kamailio(defines=("MEDIA", f'TO_B="{to_b}"', f'TO_A="{to_a}"', *kamailio))
    if chosen:
        b = Answering(name, chosen, suites[1])
    else:
        b = Baresip("b", codec=codec, encryption=encryption_b)
    a = Baresip("a", codec=codec, encryption=encryption_a)
    with Recording(name, only=only):
        a.command("dial", f"sip:bob@{IP['p']}")
        time.sleep(SECONDS)
        a.command("hangup")
        time.sleep(0.8)
    for one in (a, b, proxy, rtpengine):
        one.stop()
    ports = relay_ports(f"{TMP}/{name}.pcap")
    phone_a, phone_b = endpoint("a", 10000), endpoint("b", 20002 if chosen else 10000)
    return {"program": "baresip 1.0.0, kamailio 5.6.3, rtpengine 10.5.3.5" + (", SIPp 3.6.1, media.py" if chosen else ""),
            "calls": [{"legs": [call([offered[i]], negotiated[i], profiles[i]) for i in (0, 1)]}],
            "streams": both_ways(phone_a, ports[phone_a], label, suites[0], leg=0)
            + both_ways(phone_b, ports[phone_b], label, suites[1], leg=1)}


class Answering:
    """bob as a sipp script that takes one line of the offer"""

    def __init__(self, name, tag, suite):
        steps = [want("INVITE"), response(180, "Ringing"), wait(0.2),
                 response(200, "OK", sdp("b", 20002, "RTP/SAVP", attributes=[crypto(key(name, "b", suite), suite, tag)])),
                 want("ACK"), start_media("b"), want("BYE"), response(200, "OK")]
        media = plan(name, "b", seconds=SECONDS, remote=[IP["p"], 30000], **secured(key(name, "b", suite), suite))
        self.process = answer(name, steps, {"b": media})

    def stop(self):
        stop(self.process)


def relay_ports(path):
    """{phone's endpoint: the relay's endpoint that it talks to}"""
    found = {}
    for source, target, _ in pcapfile.rtp(path):
        if not source.startswith(IP["p"]) and target.startswith(IP["p"]):
            found[source] = target
    return found


CLEAN = "replace-origin replace-session-connection "
GCM256, AES256 = "AEAD_AES_256_GCM", "AES_256_CM_HMAC_SHA1_80"
for _name, _story, _to_b, _to_a, _suites in (
        ("srtp-rtp", "SRTP from alice to the relay, clear RTP from there to bob", "RTP/AVP", "RTP/SAVP", (SDES80, None)),
        ("rtp-srtp", "clear RTP from alice to the relay, SRTP from there to bob", "RTP/SAVP", "RTP/AVP", (None, GCM256)),
        ("rtp-rtp", "clear on both legs", "", "", (None, None)),
        ("srtp-passthrough", "SRTP on both legs; the relay hands keys and ciphertext through unchanged",
         "RTP/SAVP", "RTP/SAVP", (SDES80, SDES80))):
    fixture("sbc-" + _name, _story, to_b=CLEAN + _to_b, to_a=CLEAN + _to_a,
            encryption_a="srtp-mand" if _suites[0] else "", encryption_b="srtp-mand" if _suites[1] else "",
            offered=["sdes" if s else "none" for s in _suites], negotiated=["sdes" if s else "none" for s in _suites],
            profiles=["RTP/SAVP" if s else "RTP/AVP" for s in _suites], suites=_suites)(bridged)
fixture("sbc-srtp-srtp", "SRTP on both legs, decrypted and encrypted again in the relay: other keys, and AES-256 on bob's side",
        to_b=CLEAN + "RTP/SAVP", to_a=CLEAN + "RTP/SAVP", encryption_a="srtp-mand", encryption_b="", offered=["sdes", "sdes"],
        negotiated=["sdes", "sdes"], profiles=["RTP/SAVP"] * 2, suites=(SDES80, AES256), chosen=4)(bridged)
