"""A capture whose senders want to write into the reader's terminal, spreadsheet, page or build log."""
import struct

# One of each: terminal, C1 control, bidi, HTML, XML, formula, table, workflow command, nagios, link, broken UTF-8, NUL.
WORDS = [b"\x1b]0;owned\x07\x1b[2J", b"\xc2\x9b31m", b"\xe2\x80\xae gpj.exe", b"<script>alert(1)</script>", b"]]><x/>", b"=cmd('x')",
         b"@SUM(1)", b"|critical=1;2", b"%0A::error::x", b"[click](http://e)", b"\xff\xfe\xc3", b"\x00nul", b"\"';--\\", b"\xe2\x80\xa8line",
         b"`id` $(id)", b"x" * 3000]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, target, payload):
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes(map(int, source[0].split("."))),
                       bytes(map(int, target[0].split("."))))
    return b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + head[:10] + struct.pack(">H", checksum(head)) + head[12:] + udp


def message(first, call, user, **more):
    """A request or response with a hostile word in whatever may hold text."""
    fields = {b"Via": b"SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bK" + call[:20].replace(b" ", b"").hex().encode(),
              b"From": b"\"" + user.replace(b"\"", b"'") + b"\" <sip:" + user + b"@example.net>;tag=f" + user[:4].hex().encode(),
              b"To": b"<sip:" + user + b"@example.net>" + more.pop("tag", b""), b"Call-ID": call, b"CSeq": more.pop("cseq"),
              b"User-Agent": b"friendly-scanner " + user, b"Contact": b"<sip:" + user + b"@192.0.2.66>"}
    body = more.pop("body", b"")
    for name, value in more.items():
        fields[name.replace("_", "-").encode()] = value
    if body:
        fields[b"Content-Type"] = b"application/sdp"
    return first + b"\r\n" + b"".join(n + b": " + v + b"\r\n" for n, v in fields.items()) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def write(path):
    attacker, server, now = ("192.0.2.66", 5060), ("198.51.100.1", 5060), 1_767_323_045.0
    frames = []

    def send(source, target, payload, step=0.05):
        nonlocal now
        now += step
        data = packet(source, target, payload)
        frames.append(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(data), len(data)) + data)

    for number, word in enumerate(WORDS * 2):
        flat = word.replace(b"\0", b"") if number % 2 else word
        call = b"c%d-" % number + flat[:200]
        for method, code in ((b"OPTIONS", b"200 " + flat[:60]), (b"REGISTER", b"403 " + flat[:60])):
            cseq = b"1 " + method
            send(attacker, server, message(method + b" sip:" + flat + b"@198.51.100.1 SIP/2.0", call + method, flat, cseq=cseq,
                                           Authorization=b"Digest username=\"" + flat + b"\", realm=\"" + flat + b"\", nonce=\"1\", uri=\"sip:x\", "
                                           b"response=\"00112233445566778899aabbccddeeff\""))
            send(server, attacker, message(b"SIP/2.0 " + code, call + method, flat, cseq=cseq, tag=b";tag=t"))
        offer = (b"v=0\r\no=" + flat[:30] + b" 1 1 IN IP4 192.0.2.66\r\ns=" + flat[:60] + b"\r\nc=IN IP4 192.0.2.66\r\nt=0 0\r\n"
                 b"m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw\r\n"
                 b"a=crypto:2 " + flat[:60] + b" inline:" + flat[:60] + b"\r\n")
        answer = b"v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
        send(attacker, server, message(b"INVITE sip:" + flat + b"@198.51.100.1 SIP/2.0", call, flat, cseq=b"1 INVITE", body=offer,
                                       Identity=b"eyJhbGciOiJFUzI1NiJ9." + flat[:40] + b".x;info=<https://" + flat[:40] + b"/c.pem>;alg=" + flat[:9] +
                                       b";ppt=" + flat[:20]))
        send(server, attacker, message(b"SIP/2.0 200 " + flat[:60], call, flat, cseq=b"1 INVITE", body=answer, tag=b";tag=t"))
        send(attacker, server, message(b"ACK sip:x@198.51.100.1 SIP/2.0", call, flat, cseq=b"1 ACK", tag=b";tag=t"))
        for sequence in range(12):
            rtp = struct.pack(">BBHII", 0x80, 0, sequence, 160 * sequence, number) + bytes([0xff, 0x7f, 0xfe, 0x7e] * 40)
            send(("192.0.2.66", 4000), ("198.51.100.1", 5000), rtp, 0.02)
        send(attacker, server, message(b"BYE sip:x@198.51.100.1 SIP/2.0", call, flat, cseq=b"2 BYE", tag=b";tag=t", Reason=flat[:60]))
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + b"".join(frames))
