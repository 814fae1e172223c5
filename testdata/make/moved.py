"""Media that no SDP names: the RTP of a recorded call gets other addresses (203.0.113.x), its bytes stay. Usage: moved.py IN OUT"""
import gzip
import struct
import sys


def main(source, target):
    data = open(source, "rb").read()
    out, at = bytearray(data[:24]), 24
    while at < len(data):
        head, length = data[at:at + 16], struct.unpack("<I", data[at + 8:at + 12])[0]
        packet = bytearray(data[at + 16:at + 16 + length])
        at += 16 + length
        if packet[12:14] == b"\x08\x00" and packet[23] == 17:
            udp = 14 + (packet[14] & 15) * 4
            if 5060 not in struct.unpack(">HH", packet[udp:udp + 4]):
                packet[26:29] = packet[30:33] = bytes([203, 0, 113])
                packet[24:26] = packet[udp + 6:udp + 8] = b"\0\0"
        out += head + packet
    with open(target, "wb") as file:
        file.write(gzip.compress(bytes(out), mtime=0))


main(*sys.argv[1:])
