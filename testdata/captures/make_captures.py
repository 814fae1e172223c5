#!/usr/bin/env python3
"""Writes the capture files of this folder: each shows one property of pcap or pcapng. README.md lists them.

Usage: make_captures.py [DIRECTORY]
"""
import gzip
import lzma
import os
import struct
import subprocess
import sys

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
SECOND = 1795417200  # 2026-11-23T07:00:00Z
MICROS = SECOND * 10**6 + 123456
NANOS = SECOND * 10**9 + 123456789

# Ethernet, IPv4, UDP 5060 -> 5060, "OPTIONS ": 50 bytes.
IP = (bytes.fromhex("45000024000100004011") + b"\0\0" + bytes([192, 0, 2, 1, 192, 0, 2, 2]) +
      struct.pack(">HHHH", 5060, 5060, 16, 0) + b"OPTIONS ")
FRAME = bytes.fromhex("020000000002020000000001") + b"\x08\x00" + IP
SLL_FRAME = b"\0" * 16 + IP


def write(name, data):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)


# --- pcap ---

def file_header(order="<", magic=0xA1B2C3D4, snap=65535, link=1, minor=4):
    return struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, snap, link)


def records(order="<", fraction=1, count=2, extra=b"", frame=FRAME):
    return b"".join(struct.pack(order + "IIII", SECOND + i, fraction, len(frame), len(frame)) + extra + frame
                    for i in range(count))


def pcap(order="<", fraction=1, count=2, extra=b"", **header):
    return file_header(order, **header) + records(order, fraction, count, extra)


PLAIN = pcap()

write("le-us.pcap", pcap(fraction=123456))
write("be-us.pcap", pcap(">", 123456))
write("le-ns.pcap", pcap(fraction=123456789, magic=0xA1B23C4D))
write("be-ns.pcap", pcap(">", 123456789, magic=0xA1B23C4D))
write("modified.pcap", pcap(fraction=123456, magic=0xA1B2CD34, extra=struct.pack("<IHBB", 1, 0x0800, 0, 0)))
write("nokia.pcap", pcap(fraction=123456, extra=b"\0" * 4))
write("navtel.pcap", pcap(fraction=123456, magic=0xA12B3C4D))
write("ixia-hw.pcap", file_header(magic=0x1C0001AC) + struct.pack("<I", len(records())) + records())
write("ixia-sw.pcap", file_header(magic=0x1C0001AB) + struct.pack("<I", len(records())) + records())
write("ixia-no-size.pcap", file_header(magic=0x1C0001AC) + records())
write("v23.pcap", pcap(minor=3))
write("v23-swapped.pcap", file_header(minor=3) + struct.pack("<IIII", SECOND, 1, 1500, len(FRAME)) + FRAME +
      records(count=1))
write("v25.pcap", pcap(minor=5))
write("snap0.pcap", pcap(snap=0))
write("snap-1.pcap", pcap(snap=0xFFFFFFFF))
write("cap-gt-snap.pcap", pcap(snap=20))
write("cap-gt-len.pcap", file_header() + struct.pack("<IIII", SECOND, 1, len(FRAME), 20) + FRAME + records(count=1))
write("usec-over.pcap", pcap(fraction=1999999))
write("fcs.pcap", pcap(link=1 | 0x10000000 | 0x04000000))
write("truncated.pcap", PLAIN[:-5])
write("trunc-hdr.pcap", PLAIN + b"\0" * 7)
write("empty.pcap", b"")
write("hdr-only.pcap", PLAIN[:24])
write("cat2.pcap", PLAIN + pcap(">", 1, magic=0xA1B23C4D, link=113))
for name, link in [("sll", 113), ("sll2", 276), ("raw12", 12), ("raw14", 14), ("raw101", 101), ("ipv4-228", 228),
                   ("user0", 147), ("lt-unknown", 999)]:
    write(name + ".pcap", pcap(link=link))
write("x.pcap.gz", gzip.compress(PLAIN, mtime=0))
write("z.pcap.xz", lzma.compress(PLAIN))
write("z.pcap.zst", subprocess.run(["zstd", "-qc"], input=PLAIN, capture_output=True, check=True).stdout)
write("z.pcap.lz4", subprocess.run(["lz4", "-qc"], input=PLAIN, capture_output=True, check=True).stdout)


# --- pcapng ---

def pad(data):
    return data + b"\0" * (-len(data) % 4)


def block(kind, body, order="<"):
    length = 12 + len(pad(body))
    return struct.pack(order + "II", kind, length) + pad(body) + struct.pack(order + "I", length)


def option(code, value, order="<"):
    return struct.pack(order + "HH", code, len(value)) + pad(value)


END = struct.pack("<HH", 0, 0)


def section(order="<"):
    options = option(1, b"comment on the section") + END if order == "<" else b""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options, order)


def interface(link=1, snap=0, options=b"", order="<"):
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def packet(number, ticks, frame=FRAME, options=b"", order="<"):
    return block(6, struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) +
                 pad(frame) + options, order)


NS_CLOCK = option(9, b"\x09") + END
KEYS = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
STATISTICS = block(5, struct.pack("<III", 0, MICROS >> 32, MICROS & 0xFFFFFFFF) + option(5, struct.pack("<Q", 7)) +
                   option(7, struct.pack("<Q", 3)) + END)
NAMES = block(4, struct.pack("<HH", 1, 4 + 9) + bytes([192, 0, 2, 1]) + b"pbx.demo\0" + b"\0" * 3 + END)
CUSTOM = block(0xBAD, struct.pack("<I", 32473) + b"abcd")

write("basic.pcapng", section() + interface() + packet(0, MICROS) + packet(0, MICROS + 1))
write("big-endian.pcapng", section(">") + interface(order=">") + packet(0, MICROS, order=">"))
write("ns.pcapng", section() + interface(options=NS_CLOCK) + packet(0, NANOS))
write("ps.pcapng", section() + interface(options=option(9, b"\x0c") + option(14, struct.pack("<q", SECOND)) + END) +
      packet(0, 123456789012))
write("pow2.pcapng", section() + interface(options=option(9, b"\x94") + END) + packet(0, (SECOND << 20) | (1 << 19)))
write("tsoffset.pcapng", section() + interface(options=option(14, struct.pack("<q", SECOND)) + END) +
      packet(0, 123456))
write("2if-same.pcapng", section() + interface() + interface(options=option(2, b"eth1") + END) + packet(0, MICROS) +
      packet(1, MICROS))
write("2if-links.pcapng", section() + interface(1) + interface(113) + packet(0, MICROS) +
      packet(1, MICROS, SLL_FRAME))
write("2if-snaps.pcapng", section() + interface(1, 65535) + interface(1, 96) + packet(0, MICROS) + packet(1, MICROS))
write("2if-clocks.pcapng", section() + interface() + interface(options=NS_CLOCK) + packet(0, MICROS) +
      packet(1, NANOS))
write("secrets.pcapng", section() + interface() + block(10, struct.pack("<II", 0x544C534B, len(KEYS)) + KEYS) +
      packet(0, MICROS, options=option(1, b"comment on the packet") + option(2, struct.pack("<I", 1)) + END))
write("names-stats-custom.pcapng", section() + interface() + NAMES + packet(0, MICROS) + STATISTICS + CUSTOM +
      packet(0, MICROS + 1))
write("simple.pcapng", section() + interface() + block(3, struct.pack("<I", len(FRAME)) + FRAME))
write("simple-snapped.pcapng", section() + interface(1, 20) + block(3, struct.pack("<I", len(FRAME)) + FRAME[:20]))
write("2sections.pcapng", section() + interface() + packet(0, MICROS) + section() + interface(113) +
      packet(0, MICROS, SLL_FRAME))
write("2sections-orders.pcapng", section() + interface() + packet(0, MICROS) + section(">") + interface(order=">") +
      packet(0, MICROS, order=">"))
write("truncated.pcapng", (section() + interface() + packet(0, MICROS) * 2)[:-9])
write("no-interface.pcapng", section() + packet(0, MICROS))
write("late-interface.pcapng", section() + interface() + packet(0, MICROS) + interface(113) +
      packet(1, MICROS, SLL_FRAME))
write("old-packet-block.pcapng", section() + interface() + block(2, struct.pack(
    "<HHIIII", 0, 0, MICROS >> 32, MICROS & 0xFFFFFFFF, len(FRAME), len(FRAME)) + FRAME))
