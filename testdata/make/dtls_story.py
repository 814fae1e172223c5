"""One capture from start to truth: two hand-made phones, the calls they make, and the checks afterwards."""
import os
import random
import shutil

import dtls_lab as lab
import dtls_truth as truth
from dtls_wire import Call, Datagrams, Keying, Phone, Srtp, Stream, play, speech, udp  # noqa: F401

FOLDER = {"srtp": lab.TESTDATA + "/srtp", "tls": lab.TESTDATA + "/tls"}
AGENTS = {"a": "Cisco-CP8841/12.8.1", "b": "Yealink SIP-T46S 66.86.0.15"}


class Story:
    """with Story(name, story) as s: ... ; what happened inside is in the capture and its truth file."""
    def __init__(self, name, story, folder="srtp", hand_made="signalling and media by this project's test phones", keylog=None):
        self.name, self.story, self.hand_made = name, story, hand_made
        self.folder, self.keylog = FOLDER[folder], keylog
        self.dice = random.Random("voip-audit " + name)   # keys, tags and SSRCs: the same at each recording
        self.calls, self.streams, self.sockets, self.extra, self.found = [], [], [], {}, []
        self.path = f"{lab.TMP}/{name}.pcap"

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        self.capture = lab.Capture(self.path)
        return self

    def __exit__(self, kind, error, trace):
        self.capture.stop()
        for made in self.sockets:
            made.close()
        if kind is None:
            self.finish()

    def phones(self, a=None, b=None, agents=AGENTS):
        pair = []
        for host, transport in (("a", a), ("b", b)):
            if transport is None:
                transport = Datagrams(host)
                self.sockets.append(transport)
            pair.append(Phone(host, transport, self.dice, agents[host]))
        return pair

    def socket(self, host, port):
        made = udp(host, port)
        self.sockets.append(made)
        return made

    def fresh(self, suite="AES_CM_128_HMAC_SHA1_80", **more):
        return Keying.fresh(self.dice, suite, **more)

    def media(self, keys, ports=(4000, 4002), ssrcs=(None, None), codec="PCMU", voices=(1, 2), roc=0, seq=None, rtcp=True,
              **more):
        """A stream each way; `keys` are the keyings of a and of b, None for clear."""
        sockets = {h: self.socket(h, port) for h, port in zip("ab", ports)}
        control = {h: self.socket(h, port + 1) for h, port in zip("ab", ports)} if rtcp else {}
        pair = []
        for number, (me, you) in enumerate((("a", "b"), ("b", "a"))):
            payload_type = {"PCMU": 0, "PCMA": 8}.get(codec, 0)
            options = {"payload_type": payload_type, "payloads": speech(voices[number], codec) if codec in ("PCMU", "PCMA") else None}
            options.update(more)
            stream = Stream(source=sockets[me], target=(lab.IP[you], ports[1 - number]),
                            ssrc=self.dice.getrandbits(32) if ssrcs[number] is None else ssrcs[number],
                            sequence=self.dice.randrange(100, 30000) if seq is None else seq,
                            timestamp=self.dice.getrandbits(31), codec=codec,
                            srtp=Srtp(keys[number], roc) if keys[number] else None,
                            cname=self.dice.randbytes(9).hex(), rtcp_source=control.get(me),
                            rtcp_target=(lab.IP[you], ports[1 - number] + 1) if rtcp else None, **options)
            pair.append(stream)
        self.streams += pair
        return pair

    def call(self, a, b, offer_keys, answer_key, profile="RTP/SAVP", answer_profile=None, ports=(4000, 4002), offer_extra=(),
             answer_extra=(), call_id="", **setup):
        """INVITE to ACK with a=crypto lines; writes the call down."""
        call = Call(a, b, call_id=call_id)
        offer = a.sdp([k if isinstance(k, str) else k.crypto() for k in offer_keys], profile, ports[0], extra=offer_extra)
        lines = [] if answer_key is None else [answer_key if isinstance(answer_key, str) else answer_key.crypto()]
        answer = b.sdp(lines, answer_profile or profile, ports[1], extra=answer_extra)
        taken = call.setup(offer, answer, **setup)
        row = {"call_id": call.call_id, "keying": "sdes" if offer_keys else "none", "profile": profile,
               "offered": [k.split()[1] if isinstance(k, str) else k.suite for k in offer_keys], "answered": taken,
               "negotiated": None if answer_key is None or not taken else "sdes",
               "suite": None if answer_key is None or not taken else
               answer_key.split()[1] if isinstance(answer_key, str) else answer_key.suite}
        if answer_profile:
            row["answer_profile"] = answer_profile
        self.calls.append(row)
        return call

    def finish(self):
        """Reads the capture back, judges every stream and keeps both files."""
        everything = truth.frames(self.path)
        udp_frames = [f for f in everything if f.protocol == 17]
        rows, rtcp = list(self.found), []
        done = set()
        for stream in self.streams:
            if not stream.sent:
                continue
            source = "%s:%d" % stream.source_name
            target = "%s:%d" % stream.target
            same = [s for s in self.streams if s.sent and (s.ssrc, s.target, s.source_name) == (stream.ssrc, stream.target, stream.source_name)]
            if (stream.ssrc, target, source) in done:
                continue
            done.add((stream.ssrc, target, source))
            expected = [x for s in same for x in s.sent]
            seen = [f for f in udp_frames if f.source == source and f.target == target and truth.is_rtp(f.payload)
                    and int.from_bytes(f.payload[8:12], "big") == stream.ssrc]
            if len(seen) != len(expected):
                raise AssertionError(f"{self.name}: {len(expected)} packets of {stream.ssrc:08x} sent, {len(seen)} seen")
            keyings = list(dict.fromkeys(map(id, (x.keying for x in expected))))
            by_id = {id(x.keying): x.keying for x in expected}
            row = {"ssrc": f"{stream.ssrc:08x}", "src": source, "dst": target, "codec": stream.codec}
            rows.append(truth.judge(row, [by_id[k] for k in keyings], seen, expected))
            if stream.rtcp_sent:
                rs = "%s:%d" % stream.rtcp_name
                rt = "%s:%d" % stream.rtcp_target
                got = [f for f in udp_frames if f.source == rs and f.target == rt and truth.is_rtcp(f.payload)]
                keys = list({id(x.keying): x.keying for s in same for x in s.rtcp_sent}.values())
                rtcp.append(truth.judge_rtcp(rs, rt, keys, got))
        made = {"file": self.name + ".pcap", "story": self.story, "hand_made": self.hand_made, "calls": self.calls,
                "streams": rows, "rtcp": rtcp, **self.extra, "sip": truth.signalling(self.path, self.keylog)}
        for call in self.calls:
            if call.get("call_id") and not any(m["call_id"] == call["call_id"] for m in made["sip"]):
                raise AssertionError(f"{self.name}: tshark does not see call {call['call_id']}")
        shutil.copy(self.path, self.folder)
        truth.write(self.folder, self.name, made)
        return made

