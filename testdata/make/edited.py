"""Captures cut or rearranged from recorded ones: packet bytes are the recording's, order and number are not."""
import json
import struct
import subprocess

import pcapfile
from lab import TMP
from recording import CALLS, fixture


def truth_of(source):
    truth = json.load(open(f"{CALLS}/{source}.truth.json"))
    for one in truth["streams"]:
        one.pop("packets")
    for gone in ("file", "story"):
        truth.pop(gone)
    return {**truth, "edited_from": source + ".pcap"}


def sip_frames(source):
    """Frame numbers that carry SIP, by tshark's table"""
    rows = [line.split("\t") for line in open(f"{CALLS}/{source}.sip.tsv")][1:]
    return sorted({int(row[0]) for row in rows})


def editcap(*arguments):
    subprocess.run(["editcap", "-F", "pcap", *arguments], check=True, capture_output=True, timeout=30)


@fixture("orphan-rtp", "RTP without its signalling", source="plain-pcmu")
@fixture("orphan-srtp", "SRTP without its signalling", source="sdes-udp-pcmu")
@fixture("orphan-rtp-opus", "Opus in clear without its signalling", source="plain-opus")
@fixture("orphan-srtp-opus", "Opus over SRTP without its signalling", source="sdes-udp-opus")
@fixture("orphan-rtp-g729", "G.729 in clear without its signalling", source="plain-g729")
@fixture("orphan-srtp-g729", "G.729 over SRTP without its signalling", source="sdes-g729-phone")
@fixture("orphan-rtp-gsm", "GSM in clear without its signalling", source="plain-gsm")
@fixture("orphan-srtp-gcm", "AEAD_AES_256_GCM without its signalling", source="suite-gcm256")
@fixture("orphan-rtp-noise", "loud white noise in PCMU, in clear, without its signalling", source="plain-pcmu-noise")
@fixture("orphan-rtp-amr-wb", "AMR-WB in clear without its signalling", source="plain-amr-wb-be")
def orphan(name, source):
    editcap(f"{CALLS}/{source}.pcap", f"{TMP}/{name}.pcap", *map(str, sip_frames(source)))
    truth = truth_of(source)
    truth["calls"] = []
    for one in truth["streams"]:
        if "authentic" in one or one["encrypted"]:
            one["authentic"] = 0        # the keys were in the signalling
    return truth


@fixture("late-start", "a capture that starts in mid call: the end of an SDES call, its BYE, no INVITE", source="sdes-udp-gsm", first=150)
def late(name, source, first):
    editcap("-r", f"{CALLS}/{source}.pcap", f"{TMP}/{name}.pcap", f"{first}-0")
    truth = truth_of(source)
    truth["calls"][0].update(offered=[], negotiated="unknown", profile=None)
    for one in truth["streams"]:
        one["authentic"] = 0
    return truth


@fixture("snapped", "every frame cut at 100 bytes (snap length); the lengths on the wire are kept", source="plain-gsm")
def snapped(name, source):
    editcap("-s", "100", f"{CALLS}/{source}.pcap", f"{TMP}/{name}.pcap")
    return {**truth_of(source), "calls": [], "snapped": True}


@fixture("duplicated", "a mirror port saw every packet twice, 40 microseconds apart", source="sdes-udp-gsm", routed=False)
@fixture("duplicated-routed", "every packet captured before and after a router: TTL one less, other MAC addresses", source="sdes-udp-gsm", routed=True)
def duplicated(name, source, routed):
    frames = []
    for frame in pcapfile.read(f"{CALLS}/{source}.pcap"):
        frames.append(frame)
        copy = pcapfile.shifted(frame, 40)
        frames.append((copy[0], copy[1], hop(copy[2]) if routed else copy[2]))
    pcapfile.write(f"{TMP}/{name}.pcap", sorted(frames, key=lambda f: f[:2]))
    truth = truth_of(source)
    for one in truth["streams"]:
        one["copies"] = 2
    return truth


def hop(frame):
    head = bytearray(frame[14:34])
    head[8] -= 1
    head[10:12] = b"\0\0"
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xffff) + (total >> 16)
    head[10:12] = struct.pack(">H", ~(total + (total >> 16)) & 0xffff)
    return b"\2\0\0\x77\0\2\2\0\0\x77\0\1" + frame[12:14] + bytes(head) + frame[34:]


def client_segments(frames):
    """Indexes of frames with TCP payload from alice's side to the proxy"""
    found = []
    for i, (_, _, frame) in enumerate(frames):
        tcp = pcapfile.tcp(frame)
        if tcp and tcp[4] and tcp[0].startswith("10.66.0.1:"):
            found.append(i)
    return found


def with_payload(frame, back, payload):
    """The frame with its TCP sequence number set back and another payload; IPv4, checksums made anew"""
    head = 14 + (frame[14] & 15) * 4
    data = head + (frame[head + 12] >> 4) * 4
    tcp = bytearray(frame[head:data] + payload)
    struct.pack_into(">I", tcp, 4, (struct.unpack_from(">I", tcp, 4)[0] - back) & 0xffffffff)
    tcp[16:18] = b"\0\0"
    ip = bytearray(frame[14:head])
    struct.pack_into(">H", ip, 2, len(ip) + len(tcp))
    ip[10:12] = b"\0\0"

    def checksum(data):
        data = bytes(data) + b"\0" * (len(data) % 2)
        total = sum(struct.unpack(f">{len(data) // 2}H", data))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        return struct.pack(">H", ~total & 0xffff)

    ip[10:12] = checksum(ip)
    tcp[16:18] = checksum(ip[12:20] + b"\0\6" + struct.pack(">H", len(tcp)) + tcp)
    return frame[:14] + bytes(ip) + bytes(tcp)


@fixture("tcp-retransmitted", "segments sent twice, once more as one segment that overlaps its predecessor", how="retransmitted")
@fixture("tcp-out-of-order", "the INVITE's second and third segment have changed places, the others arrive in order", how="reordered")
@fixture("tcp-hole", "the INVITE's third segment is missing; what follows can be read again", how="hole")
@fixture("tcp-late-start", "the capture starts within the INVITE: no handshake, and the first bytes are the middle of a message", how="late")
def tcp_edited(name, how):
    source = "tcp-segments"
    frames = pcapfile.read(f"{CALLS}/{source}.pcap")
    sent = client_segments(frames)
    # 0: keep-alive, 1: three OPTIONS, 2 to 5: the INVITE's four segments, 6: ACK, OPTIONS and a piece, 7: the rest, ...
    if how == "retransmitted":
        again = []
        for i in sent[1:6]:
            again.append(pcapfile.shifted(frames[i], 30000))
        before, last = pcapfile.tcp(frames[sent[3]][2])[4], frames[sent[4]]
        joined = with_payload(last[2], len(before), before + pcapfile.tcp(last[2])[4])
        again.append((*pcapfile.shifted(last, 35000)[:2], joined))
        frames = sorted(frames + again, key=lambda f: f[:2])
    elif how == "reordered":
        one, other = sent[3], sent[4]
        frames[one], frames[other] = (*frames[one][:2], frames[other][2]), (*frames[other][:2], frames[one][2])
    elif how == "hole":
        del frames[sent[4]]
    elif how == "late":
        frames = frames[sent[3]:]
    pcapfile.write(f"{TMP}/{name}.pcap", frames)
    return truth_of(source)


@fixture("fragments-reversed", "as fragments, the pieces of each datagram in reverse order", how="reversed")
@fixture("fragments-missing", "as fragments, the last piece of the IPv4 INVITE is missing", how="missing")
def fragments_edited(name, how):
    source = "fragments"
    frames = pcapfile.read(f"{CALLS}/{source}.pcap")

    def identity(frame):
        if frame[12:14] == b"\x08\x00":
            return (4, frame[18:20], frame[26:34]) if frame[20] & 0x3f or frame[21] else None
        return (6, frame[58:62], frame[22:54]) if frame[20] == 44 else None

    groups = {}
    for i, (_, _, frame) in enumerate(frames):
        if identity(frame):
            groups.setdefault(identity(frame), []).append(i)
    if how == "reversed":
        for places in groups.values():
            pieces = [frames[i][2] for i in places]
            for i, piece in zip(places, reversed(pieces)):
                frames[i] = (*frames[i][:2], piece)
    else:
        del frames[next(places for kind, places in groups.items() if kind[0] == 4)[-1]]
    pcapfile.write(f"{TMP}/{name}.pcap", frames)
    truth = truth_of(source)
    if how == "missing":
        truth["calls"][0].update(offered=[], negotiated="unknown")
    return truth
