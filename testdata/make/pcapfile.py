"""Classic pcap files of Ethernet frames, read and written whole; and just enough of IP and UDP
to find the RTP in them. For captures of this lab only: nothing here expects hostile bytes."""
import ipaddress
import struct


def read(path):
    """[(seconds, microseconds, frame bytes)]"""
    data = open(path, "rb").read()
    assert data[:4] == b"\xd4\xc3\xb2\xa1", path + ": not a little-endian microsecond pcap"
    frames, at = [], 24
    while at < len(data):
        sec, usec, kept, _ = struct.unpack_from("<IIII", data, at)
        frames.append((sec, usec, data[at + 16:at + 16 + kept]))
        at += 16 + kept
    return frames


def write(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for sec, usec, frame in frames:
            f.write(struct.pack("<IIII", sec, usec, len(frame), len(frame)) + frame)


def shifted(frame, microseconds):
    total = frame[0] * 1000000 + frame[1] + microseconds
    return total // 1000000, total % 1000000, frame[2]


def _ip(frame):
    """(protocol, source, destination, payload) of an unfragmented packet, else None"""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        head = (frame[14] & 15) * 4
        if frame[20] & 0x3f or frame[21]:
            return None
        return (frame[23], ipaddress.ip_address(frame[26:30]), ipaddress.ip_address(frame[30:34]),
                frame[14 + head:14 + int.from_bytes(frame[16:18], "big")])
    if kind == b"\x86\xdd":
        return frame[20], ipaddress.ip_address(frame[22:38]), ipaddress.ip_address(frame[38:54]), frame[54:]
    return None


def endpoint(address, port):
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def udp(frame):
    """(source, destination, payload), endpoints as text, or None"""
    packet = _ip(frame)
    if not packet or packet[0] != 17:
        return None
    sport, dport, size = struct.unpack_from(">HHH", packet[3])
    return endpoint(packet[1], sport), endpoint(packet[2], dport), packet[3][8:size]


def tcp(frame):
    """(source, destination, sequence number, flags, payload) or None"""
    packet = _ip(frame)
    if not packet or packet[0] != 6:
        return None
    sport, dport, seq = struct.unpack_from(">HHI", packet[3])
    return (endpoint(packet[1], sport), endpoint(packet[2], dport), seq, packet[3][13],
            packet[3][(packet[3][12] >> 4) * 4:])


def rtp(path):
    """{(source, destination, ssrc): [packet]} of what looks like RTP"""
    streams = {}
    for _, _, frame in read(path):
        found = udp(frame)
        if not found or len(found[2]) < 12 or found[2][0] >> 6 != 2 or 192 <= found[2][1] <= 223:
            continue
        if "5060" in (found[0].rsplit(":", 1)[1], found[1].rsplit(":", 1)[1]):
            continue
        streams.setdefault((found[0], found[1], int.from_bytes(found[2][8:12], "big")), []).append(found[2])
    return streams
