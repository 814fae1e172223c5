"""Copies a capture with each HEP 3 message (UDP port 9060) replaced by the packet that it tells of,
so that tshark, which knows no HEP, sees the same frame numbers: hep_unwrap.py IN OUT. IPv4, UDP inner packets."""
import struct
import sys

import pcapfile


def inner(payload):
    chunks, at = {}, 6
    while at + 6 <= len(payload):
        _, kind, size = struct.unpack_from(">HHH", payload, at)
        chunks[kind] = payload[at + 6:at + size]
        at += size
    body = chunks[15]
    udp = chunks[7] + chunks[8] + struct.pack(">HH", 8 + len(body), 0) + body
    head = bytearray(struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + chunks[3] + chunks[4])
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xffff) + (total >> 16)
    struct.pack_into(">H", head, 10, ~(total + (total >> 16)) & 0xffff)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + bytes(head) + udp


frames = []
for sec, usec, frame in pcapfile.read(sys.argv[1]):
    found = pcapfile.udp(frame)
    if found and found[1].endswith(":9060") and found[2][:4] == b"HEP3":
        frame = inner(found[2])
    frames.append((sec, usec, frame))
pcapfile.write(sys.argv[2], frames)
