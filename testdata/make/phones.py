"""Calls between real phones: baresip and linphone."""
import time

from lab import IP, Baresip, Linphone
from recording import SDES80, SECONDS, Recording, both_ways, call, endpoint, fixture


def baresip_pair(name, codec, label, *, encryption="", transport="udp", v6=False, rate=8000, channels=1, speech=None,
                 seconds=SECONDS, during=None, caller={}, callee={}, port=10000):
    common = dict(codec=codec, encryption=encryption, transport=transport, v6=v6, rate=rate, channels=channels,
                  rtp=port)
    b = Baresip("b", **{**common, "speech": speech, **callee})
    a = Baresip("a", **{**common, "speech": speech, **caller})
    with Recording(name):
        a.command("dial", b.uri)
        time.sleep(seconds / 2)
        if during:
            during(a, b)
        time.sleep(seconds / 2)
        a.command("hangup")
        time.sleep(0.6)
    a.stop()
    b.stop()
    one, other = endpoint("a", port, v6), endpoint("b", port, v6)
    secure = encryption in ("srtp-mand", "srtp")
    return {"program": "baresip 1.0.0",
            "calls": [call(["sdes"] if secure else ["none"], "sdes" if secure else "none",
                           {"srtp-mand": "RTP/SAVP"}.get(encryption, "RTP/AVP"))],
            "streams": both_ways(one, other, label, SDES80 if secure else None)}


for _name, _codec, _label, _more in (
        ("pcmu", "pcmu", "PCMU", {}), ("pcma", "pcma", "PCMA", {}), ("gsm", "gsm", "GSM", {}),
        ("g722", "g722", "G722", dict(rate=16000)),
        ("opus", "opus/48000/2", "opus", dict(rate=48000, channels=2))):
    fixture("plain-" + _name, f"{_label} speech, no encryption asked for", codec=_codec, label=_label, **_more)(baresip_pair)
    if _name != "pcma":
        fixture("sdes-udp-" + _name, f"{_label} speech over SRTP, SDES keys in SIP over UDP, clear RTCP at its start and end",
                codec=_codec, label=_label, encryption="srtp-mand", **_more)(baresip_pair)
fixture("plain-pcmu-silence", "digital silence in PCMU: constant bytes", codec="pcmu", label="PCMU", speech="silence")(baresip_pair)
fixture("plain-pcmu-noise", "loud white noise in PCMU: looks random, is in clear", codec="pcmu", label="PCMU", speech="noise")(baresip_pair)
fixture("plain-pcmu-music", "loud sawtooth chord in PCMU, like music on hold", codec="pcmu", label="PCMU", speech="music")(baresip_pair)
fixture("sdes-tcp", "SDES call, SIP over TCP", codec="pcmu", label="PCMU", encryption="srtp-mand", transport="tcp")(baresip_pair)
fixture("plain-ipv6", "PCMU call over IPv6", codec="pcmu", label="PCMU", v6=True)(baresip_pair)
fixture("sdes-ipv6", "SDES call over IPv6", codec="pcmu", label="PCMU", v6=True, encryption="srtp-mand")(baresip_pair)
fixture("plain-amr", "AMR speech of baresip", codec="amr", label="AMR", caller=dict(modules=["amr"]), callee=dict(modules=["amr"]))(baresip_pair)
fixture("plain-amr-wb", "AMR-WB speech of baresip", codec="amr-wb/16000", label="AMR-WB", rate=16000,
        caller=dict(modules=["amr"]), callee=dict(modules=["amr"]))(baresip_pair)
fixture("plain-g726", "G.726 at 32 kbit/s", codec="g726-32", label="G726-32", caller=dict(modules=["g726"]), callee=dict(modules=["g726"]))(baresip_pair)
fixture("sdes-mux", "SDES call with RTCP on the RTP port (a=rtcp-mux)", codec="pcmu", label="PCMU", encryption="srtp-mand",
        caller=dict(mux="yes"), callee=dict(mux="yes"))(baresip_pair)
fixture("sdes-audio-level", "SDES call with the audio level (RFC 6464) in a header extension, in clear as always",
        codec="pcmu", label="PCMU", encryption="srtp-mand", caller=dict(level="yes"), callee=dict(level="yes"))(baresip_pair)


def _digits(a, _):
    for digit in "4711#":
        a.command("sndcode", digit)
        time.sleep(0.35)
    a.command("sndcode", "\x04")
    time.sleep(0.3)


fixture("plain-dtmf", "alice dials 4711# as telephone-events within a PCMU call", codec="pcmu", label="PCMU", during=_digits, seconds=4)(baresip_pair)
fixture("sdes-dtmf", "the same digits inside SRTP", codec="pcmu", label="PCMU", during=_digits, encryption="srtp-mand", seconds=4)(baresip_pair)
fixture("osrtp-accepted", "RTP/AVP with a=crypto on both sides (RFC 8643): the call is encrypted", codec="pcmu", label="PCMU",
        encryption="srtp")(baresip_pair)


@fixture("osrtp-refused", "RTP/AVP with a=crypto offered, answered without: the call is in clear")
def osrtp_refused(name):
    truth = baresip_pair(name, "pcmu", "PCMU", caller=dict(encryption="srtp"))
    truth["calls"][0]["offered"] = ["sdes"]
    return truth


def linphone_pair(name, codec, label, *, encryption="none", speech="s1.8k", seconds=SECONDS, caller={}, callee={}, during=None, suite=None):
    b = Linphone("b", codec=codec, speech=speech.replace("s1", "s2"), **{"encryption": encryption, **callee})
    a = Linphone("a", codec=codec, speech=speech, **{"encryption": encryption, **caller})
    with Recording(name):
        a.command(f"call sip:bob@{IP['b']}")
        time.sleep(seconds / 2)
        if during:
            during(a, b)
        time.sleep(seconds / 2)
        a.command("terminate")
        time.sleep(0.8)
    a.stop()
    b.stop()
    secure = encryption == "srtp"
    return {"program": "linphonec 5.1.65",
            "calls": [call(["sdes"] if secure else ["none"], "sdes" if secure else "none", "RTP/SAVP" if secure else "RTP/AVP")],
            "streams": both_ways(endpoint("a", 7078), endpoint("b", 7078), label, suite)}


fixture("plain-g729-phone", "G.729 of linphone (bcg729)", codec="G729/8000", label="G729")(linphone_pair)
fixture("plain-speex-phone", "Speex wideband of linphone", codec="speex/16000", label="speex", speech="s1.16k")(linphone_pair)
fixture("sdes-g729-phone", "G.729 over SRTP, SDES by linphone", codec="G729/8000", label="G729", encryption="srtp", suite=SDES80)(linphone_pair)


@fixture("retry-clear-phone", "a phone (linphone) that is refused RTP/SAVP with 488 calls again in clear by itself, under a new Call-ID")
def retry(name):
    b = Baresip("b")
    a = Linphone("a", encryption="srtp")
    with Recording(name):
        a.command(f"call sip:bob@{IP['b']}")
        time.sleep(SECONDS + 0.5)
        a.command("terminate")
        time.sleep(0.8)
    a.stop()
    b.stop()
    return {"program": "linphonec 5.1.65, baresip 1.0.0",
            "calls": [call(["sdes"], "none", "RTP/SAVP", "refused"), call(["none"], "none", "RTP/AVP")],
            "streams": both_ways(endpoint("a", 7078), endpoint("b", 10000), "PCMU")}
