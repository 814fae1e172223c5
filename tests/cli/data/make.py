#!/usr/bin/env python3
"""Makes small.pcap and other.pcap beside itself: five and three UDP packets, for tests of what all tools share."""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def packet(source, destination, payload):
    udp = struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes(source), bytes(destination))
    return bytes(6) + b"\x02\0\0\0\0\1" + b"\x08\x00" + ip + udp


def message(number):
    return (f"OPTIONS sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:b@192.0.2.2>\r\nCall-ID: {number}@192.0.2.1\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n").encode()


def write(name, start, count):
    with open(os.path.join(HERE, name), "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i in range(count):
            data = packet((192, 0, 2, 1), (192, 0, 2, 2), message(f"{name}-{i}"))
            out.write(struct.pack("<IIII", start + i, 6, len(data), len(data)) + data)


write("small.pcap", 1767323045, 5)   # 2026-01-02T03:04:05.000006Z
write("other.pcap", 1767323100, 3)
