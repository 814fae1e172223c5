#!/usr/bin/env python3
"""Writes one capture per link type and tunnel, each of one packet with the same SIP request inside.

Innermost is always 192.0.2.1:5060 -> 192.0.2.2:5060 (or 2001:db8::1 -> 2001:db8::2). Run it in this folder;
`make_net.py --check` has tshark read every file and compares what it finds. Plain Python, nothing to install.
"""
import socket
import struct
import subprocess
import sys

SIP = (b'OPTIONS sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnet\r\n'
       b'From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: net@example.org\r\n'
       b'CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n')
MAC = bytes.fromhex('020000000002020000000001')


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(payload, sport=5060, dport=5060):
    return struct.pack('>HHHH', sport, dport, 8 + len(payload), 0) + payload


def ip4(payload, proto=17, src='192.0.2.1', dst='192.0.2.2', ident=7, flags=0x4000):
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(payload), ident, flags, 64, proto, 0)
    head += socket.inet_aton(src) + socket.inet_aton(dst)
    return head[:10] + struct.pack('>H', checksum(head)) + head[12:] + payload


def ip6(payload, proto=17, src='2001:db8::1', dst='2001:db8::2'):
    return (struct.pack('>IHBB', 0x60000000, len(payload), proto, 64) + socket.inet_pton(socket.AF_INET6, src)
            + socket.inet_pton(socket.AF_INET6, dst) + payload)


def udp6(payload):
    """UDP over IPv6 needs its checksum (RFC 8200 section 8.1)."""
    raw = udp(payload)
    pseudo = (socket.inet_pton(socket.AF_INET6, '2001:db8::1') + socket.inet_pton(socket.AF_INET6, '2001:db8::2')
              + struct.pack('>II', len(raw), 17))
    return raw[:6] + struct.pack('>H', checksum(pseudo + raw)) + raw[8:]


def outer(payload, proto):
    return eth(ip4(payload, proto, '198.51.100.1', '198.51.100.2'))


def outer_udp(payload, dport, sport=50000):
    return outer(udp(payload, sport, dport), 17)


def eth(payload, kind=0x0800):
    frame = MAC + struct.pack('>H', kind) + payload
    return frame + bytes(max(0, 60 - len(frame)))


def tag(number, payload, kind):
    return struct.pack('>HH', number, kind) + payload


def mpls(label, bottom, payload):
    return struct.pack('>I', label << 12 | (1 << 8 if bottom else 0) | 64) + payload


def pdu(number, value):
    value += bytes(-len(value) % 4)
    return struct.pack('>HH', number, len(value)) + value


def sctp(payload):
    data = struct.pack('>BBHIHHI', 0, 3, 16 + len(payload), 1, 0, 0, 0) + payload
    data += bytes(-len(payload) % 4)
    return struct.pack('>HHII', 5060, 5060, 0x1234, 0) + data


P4 = ip4(udp(SIP))
P6 = ip6(udp6(SIP))
E4 = eth(P4)
DEST_OPTIONS = bytes([17, 0, 1, 4, 0, 0, 0, 0])
HOP_BY_HOP = bytes([60, 0, 1, 4, 0, 0, 0, 0])

NULL, EN10MB, PPP, RAW_BSD, RAW_OPENBSD, PPP_HDLC, PPPOE, RAW, C_HDLC, WLAN, FRELAY, LOOP, SLL, RADIOTAP = (
    0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 107, 108, 113, 127)
IPV4, IPV6, NFLOG, UPPER_PDU, SLL2 = 228, 229, 239, 252, 276

WLAN_DATA = bytes.fromhex('08010000' '020000000003' '020000000001' '020000000002' '0000' 'aaaa03000000' '0800') + P4
WLAN_QOS = bytes.fromhex('88010000' '020000000003' '020000000001' '020000000002' '0000' '0000' 'aaaa03000000' '0800') + P4

FILES = {
    # link types
    'link-ethernet': (EN10MB, E4),
    'link-ethernet-ipv6': (EN10MB, eth(P6, 0x86dd)),
    'link-ethernet-snap': (EN10MB, MAC + struct.pack('>H', 8 + len(P4)) + bytes.fromhex('aaaa030000000800') + P4),
    'link-null-little': (NULL, struct.pack('<I', 2) + P4),
    'link-null-big': (NULL, struct.pack('>I', 2) + P4),
    'link-null-ipv6': (NULL, struct.pack('<I', 30) + P6),
    'link-loop': (LOOP, struct.pack('>I', 2) + P4),
    'link-raw': (RAW, P4),
    'link-raw-ipv6': (RAW, P6),
    'link-raw-bsd': (RAW_BSD, P4),
    'link-raw-openbsd': (RAW_OPENBSD, P4),
    'link-ipv4': (IPV4, P4),
    'link-ipv6': (IPV6, P6),
    'link-ppp': (PPP, bytes.fromhex('ff030021') + P4),
    'link-ppp-short': (PPP, bytes.fromhex('21') + P4),
    'link-ppp-hdlc': (PPP_HDLC, bytes.fromhex('ff030057') + P6),
    'link-pppoe': (PPPOE, struct.pack('>BBHH', 0x11, 0, 1, 2 + len(P4)) + bytes.fromhex('0021') + P4),
    'link-cisco-hdlc': (C_HDLC, bytes.fromhex('0f000800') + P4),
    'link-frame-relay': (FRELAY, bytes.fromhex('184103cc') + P4),
    'link-wlan': (WLAN, WLAN_DATA),
    'link-wlan-qos': (WLAN, WLAN_QOS),
    'link-radiotap': (RADIOTAP, bytes.fromhex('0000080000000000') + WLAN_QOS),
    'link-sll': (SLL, bytes.fromhex('00000001000602000000000100000800') + P4),
    'link-sll-vlan': (SLL, bytes.fromhex('00000001000602000000000100008100') + tag(100, P4, 0x0800)),
    'link-sll2': (SLL2, bytes.fromhex('0800000000000002000100060200000000010000') + P4),
    'link-nflog': (NFLOG, bytes.fromhex('02000000') + struct.pack('<HH', 8, 1) + bytes.fromhex('08000300')
                   + struct.pack('<HH', 5, 10) + b'\0\0\0\0' + struct.pack('<HH', 4 + len(P4), 9) + P4),
    'link-upper-pdu': (UPPER_PDU, pdu(12, b'sip') + pdu(20, socket.inet_aton('192.0.2.1'))
                       + pdu(21, socket.inet_aton('192.0.2.2')) + pdu(24, struct.pack('>I', 3))
                       + pdu(25, struct.pack('>I', 5060)) + pdu(26, struct.pack('>I', 5060)) + pdu(0, b'') + SIP),
    'link-upper-pdu-ip': (UPPER_PDU, pdu(12, b'ip') + pdu(0, b'') + P4),
    # tags and labels
    'vlan': (EN10MB, eth(tag(100, P4, 0x0800), 0x8100)),
    'vlan-stacked': (EN10MB, eth(tag(200, tag(100, P4, 0x0800), 0x8100), 0x88a8)),
    'vlan-old-stacked': (EN10MB, eth(tag(200, tag(100, P6, 0x86dd), 0x8100), 0x9100)),
    'mpls': (EN10MB, eth(mpls(16, False, mpls(17, True, P4)), 0x8847)),
    'mpls-ipv6': (EN10MB, eth(mpls(17, True, P6), 0x8847)),
    'mpls-pseudowire': (EN10MB, eth(mpls(17, True, bytes(4) + E4), 0x8847)),
    'mpls-pseudowire-bare': (EN10MB, eth(mpls(17, True, E4), 0x8848)),
    'pppoe-session': (EN10MB, eth(struct.pack('>BBHH', 0x11, 0, 1, 2 + len(P4)) + bytes.fromhex('0021') + P4, 0x8864)),
    # tunnels on IP
    'gre': (EN10MB, outer(bytes.fromhex('00000800') + P4, 47)),
    'gre-ipv6': (EN10MB, outer(bytes.fromhex('000086dd') + P6, 47)),
    'gre-all-options': (EN10MB, outer(bytes.fromhex('b0000800' '00000000' '00000007' '00000001') + P4, 47)),
    'gre-ethernet': (EN10MB, outer(bytes.fromhex('00006558') + E4, 47)),
    'gre-mpls': (EN10MB, outer(bytes.fromhex('00008847') + mpls(17, True, P4), 47)),
    'gre-pptp': (EN10MB, outer(struct.pack('>HHHHII', 0x3081, 0x880b, 4 + len(P4), 1, 1, 1)
                               + bytes.fromhex('ff030021') + P4, 47)),
    'erspan-1': (EN10MB, outer(bytes.fromhex('000088be') + E4, 47)),
    'erspan-2': (EN10MB, outer(bytes.fromhex('100088be' '00000001' '1064000100000000') + E4, 47)),
    'erspan-3': (EN10MB, outer(bytes.fromhex('100022eb' '00000001' '206400010000000000000000') + E4, 47)),
    'erspan-3-platform': (EN10MB, outer(bytes.fromhex('100022eb' '00000001' '206400010000000000000001'
                                                      '0c00000000000000') + E4, 47)),
    'ip-in-ip': (EN10MB, outer(P4, 4)),
    '6in4': (EN10MB, outer(P6, 41)),
    '4in6': (EN10MB, eth(ip6(P4, 4, '2001:db8:1::1', '2001:db8:1::2'), 0x86dd)),
    'l2tpv3': (EN10MB, outer(bytes.fromhex('00000005') + E4, 115)),
    # tunnels on UDP
    'vxlan': (EN10MB, outer_udp(bytes.fromhex('0800000000007b00') + E4, 4789)),
    'vxlan-linux-port': (EN10MB, outer_udp(bytes.fromhex('0800000000007b00') + E4, 8472)),
    'geneve': (EN10MB, outer_udp(bytes.fromhex('0100655800007b00' '01020300') + E4, 6081)),
    'geneve-ipv4': (EN10MB, outer_udp(bytes.fromhex('0000080000007b00') + P4, 6081)),
    'gtp': (EN10MB, outer_udp(struct.pack('>BBHI', 0x30, 255, len(P4), 1) + P4, 2152, 2152)),
    'gtp-extension': (EN10MB, outer_udp(struct.pack('>BBHIHBB', 0x36, 255, 8 + len(P4), 1, 5, 0, 0x85)
                                        + bytes.fromhex('01100900') + P4, 2152, 2152)),
    'tzsp': (EN10MB, outer_udp(bytes.fromhex('01000001' '0a01c0' '01') + E4, 37008)),
    'hp-erm': (EN10MB, outer_udp(bytes(12) + E4, 7932)),
    'l2tpv2': (EN10MB, outer_udp(struct.pack('>HHHH', 0x4002, 12 + len(P4), 1, 1) + bytes.fromhex('ff030021') + P4,
                                 1701, 1701)),
    'tunnel-in-tunnel': (EN10MB, outer_udp(bytes.fromhex('0800000000007b00')
                                           + outer(bytes.fromhex('00000800') + P4, 47), 4789)),
    # IP itself
    'ipv6-extensions': (EN10MB, eth(ip6(HOP_BY_HOP + DEST_OPTIONS + udp6(SIP), 0), 0x86dd)),
    'sctp': (EN10MB, eth(ip4(sctp(SIP), 132))),
}


def write(name, link, frame):
    with open(name + '.pcap', 'wb') as out:
        out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
        out.write(struct.pack('<IIII', 1767225600, 0, len(frame), len(frame)) + frame)


# What tshark has to be told, as nothing in the packet says it.
TSHARK = {
    'mpls-pseudowire': ['-d', 'mpls.label==17,pwethcw'],
    'mpls-pseudowire-bare': ['-d', 'mpls.label==17,pwethnocw'],
    'l2tpv3': ['-d', 'l2tp.pw_type==0,eth', '-o', 'l2tp.cookie_size:None', '-o', 'l2tp.l2_specific:None'],
}


def check(name):
    text = subprocess.run(
        ['tshark', '-r', name + '.pcap', *TSHARK.get(name, []), '-d', 'udp.port==7932,hp_erm', '-d', 'udp.port==8472,vxlan', '-T', 'fields', '-E',
         'occurrence=l', '-e', 'ip.src', '-e', 'ipv6.src', '-e', 'udp.dstport', '-e', 'sip.Call-ID', '-e',
         'exported_pdu.ipv4_src'], capture_output=True, text=True, check=False).stdout.rstrip('\n')
    v4, v6, port, call, pdu_src = (text.split('\t') + [''] * 5)[:5]
    good = call == 'net@example.org' and ('192.0.2.1' in (v4, pdu_src) or v6 == '2001:db8::1')
    return good, f'{name}: {v4} {v6} {port} {call}'


def main():
    if '--check' in sys.argv:
        bad = 0
        for name in FILES:
            good, line = check(name)
            if not good:
                bad += 1
                print(line)
        print(f'{len(FILES) - bad} of {len(FILES)} as tshark sees them')
        return
    for name, (link, frame) in FILES.items():
        write(name, link, frame)


main()
