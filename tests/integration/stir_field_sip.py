"""PASSporTs as signers write them, well or badly, the SIP requests around them, and captures: for stir_field.py."""
import base64
import email.utils
import hashlib
import json
import socket
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
ORIG, DEST = "12152340001", "13012340002"
SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact_json(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def signature(key, message, how="raw"):
    """how: raw, or the name of what is wrong with it"""
    if how == "none":
        return b""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    der = key.sign(message, ec.ECDSA(hashes.SHA384() if how == "sha384" else hashes.SHA256()))
    if how == "der":
        return der
    r, s = decode_dss_signature(der)
    r, s = {"high": (r, max(s, ORDER - s)), "low": (r, min(s, ORDER - s)), "swapped": (s, r), "r-zero": (0, s), "s-zero": (r, 0),
            "r-order": (ORDER, s), "s-order": (r, ORDER), "flipped": (r, s ^ 1)}.get(how, (r, s))
    size = (key.curve.key_size + 7) // 8
    halves = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return {"short": halves[:-1], "long": halves + b"\0", "ones": b"\xff" * 64, "zeros": b"\0" * 64,
            "padded": b"\0" + halves[:size] + b"\0" + halves[size:]}.get(how, halves)


class Tokens:
    def __init__(self, pki):
        self.pki, self.count = pki, 0

    def token(self, now, cert="good", ppt="shaken", orig=ORIG, dest=DEST, iat=None, header=(), claims=(), without=(),
              raw_header=None, raw_claims=None, how="raw", key=None, encode=b64):
        """header, claims: what differs; without: keys left out of both; raw_*: the JSON as text"""
        self.count += 1
        origid = f"{self.count:08x}-1111-4111-8111-{self.count:012x}"
        head = {"alg": "ES256", "typ": "passport", "x5u": self.pki.url[cert], **({"ppt": ppt} if ppt else {}), **dict(header)}
        body = {"dest": {"tn": [dest]}, "iat": int(now) if iat is None else iat, "orig": {"tn": orig}}
        if ppt == "shaken":
            body.update(attest="A", origid=origid)
        body.update(dict(claims))
        for name in without:
            head.pop(name, None)
            body.pop(name, None)
        first = raw_header.replace("@X5U@", self.pki.url[cert]) if raw_header else compact_json(head)
        second = raw_claims.replace("@IAT@", str(int(now))).replace("@ORIGID@", origid) if raw_claims else compact_json(body)
        signed = encode(first.encode()) + "." + encode(second.encode())
        return signed + "." + encode(signature(key or self.pki.key[cert], signed.encode(), how))

    def header(self, now, cert="good", parameters=';info=<%s>;alg=ES256;ppt="shaken"', **more):
        return self.token(now, cert, **more) + (parameters % self.pki.url[cert] if "%s" in parameters else parameters)

    def compact(self, now, dest=DEST, ppt=None):
        head = {"alg": "ES256", "typ": "passport", "x5u": self.pki.url["good"], **({"ppt": ppt} if ppt else {})}
        body = {"dest": {"tn": [dest]}, "iat": int(now), "orig": {"tn": ORIG}}
        signed = b64(compact_json(head).encode()) + "." + b64(compact_json(body).encode())
        return (".." + b64(signature(self.pki.key["good"], signed.encode())) + f";info=<{self.pki.url['good']}>;alg=ES256"
                + (f";ppt={ppt}" if ppt else ""))


def request(name, now, identities=(), method="INVITE", sender=f"<sip:+{ORIG}@198.51.100.10;user=phone>",
            to=f"<sip:+{DEST}@203.0.113.20;user=phone>", uri=f"sip:+{DEST}@203.0.113.20;user=phone", asserted=(), date=True,
            more=(), cseq=1, field="Identity", to_tag="", via="198.51.100.10", transport="UDP", body=None, branch=""):
    """date: True for now, else its text, or None"""
    branch = branch or hashlib.md5(f"{name}{cseq}{via}".encode()).hexdigest()[:12]
    lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/{transport} {via}:5060;branch=z9hG4bK{branch}", "Max-Forwards: 69",
             f"From: {sender};tag={name[:12]}", f"To: {to}" + (f";tag={to_tag}" if to_tag else ""), f"Call-ID: {name}@field",
             f"CSeq: {cseq} {method}", "Contact: <sip:198.51.100.10:5060>"]
    lines += [f"P-Asserted-Identity: {one}" for one in ([asserted] if isinstance(asserted, str) else asserted)]
    if date:
        lines.append("Date: " + (email.utils.formatdate(int(now), usegmt=True) if date is True else date))
    lines += list(more) + [f"{field}: {one}" for one in identities]
    content = SDP if body is None else body
    lines += ["Content-Type: " + ("application/sdp" if method == "INVITE" else "text/plain"), f"Content-Length: {len(content)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + content).encode()


def answer(asked, code, reason, more=()):
    kept = [line for line in asked.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
            if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    kept = [line + ";tag=b" if line.startswith("To:") and "tag=" not in line else line for line in kept]
    return ("\r\n".join([f"SIP/2.0 {code} {reason}", *kept, *more, "Content-Length: 0"]) + "\r\n\r\n").encode()


class Capture:
    """Ethernet frames; written in the order of time"""

    def __init__(self):
        self.frames, self.ip_id, self.streams = [], 0, {}

    def frame(self, now, packet):
        ethernet = b"\2\0\0\0\0\1\2\0\0\0\0\2" + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0")
        self.frames.append((now, ethernet + packet))

    def ip(self, now, source, target, protocol, payload, flags=0, ip_id=None):
        if ":" in source:
            head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 60)
            return self.frame(now, head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
                              + payload)
        if ip_id is None:
            self.ip_id = ip_id = (self.ip_id + 1) & 0xffff
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ip_id, flags, 60, protocol, 0, socket.inet_aton(source),
                           socket.inet_aton(target))
        total = sum(struct.unpack(">10H", head))
        total = (total & 0xffff) + (total >> 16)
        checksum = ~((total & 0xffff) + (total >> 16)) & 0xffff
        return self.frame(now, head[:10] + struct.pack(">H", checksum) + head[12:] + payload)

    def udp(self, now, message, source="198.51.100.10", target="203.0.113.20", port=5060):
        datagram = struct.pack(">HHHH", port, port, 8 + len(message), 0) + message
        if len(datagram) <= 1480 or ":" in source:
            return self.ip(now, source, target, 17, datagram)
        self.ip_id = (self.ip_id + 1) & 0xffff
        for at in range(0, len(datagram), 1480):
            last = at + 1480 >= len(datagram)
            self.ip(now, source, target, 17, datagram[at:at + 1480], (0 if last else 0x2000) | at // 8, self.ip_id)
        return None

    def tcp(self, now, message, piece=500, source="198.51.100.10", target="203.0.113.20", port=40001):
        sequence = self.streams.get(port)
        if sequence is None:
            for a, b, c, d, seq, ack, bits in ((source, target, port, 5060, 1000, 0, 2), (target, source, 5060, port, 5000, 1001, 18),
                                               (source, target, port, 5060, 1001, 5001, 16)):
                self.ip(now, a, b, 6, struct.pack(">HHIIBBHHH", c, d, seq, ack, 0x50, bits, 65000, 0, 0))
            sequence = 1001
        for at in range(0, len(message), piece):
            self.ip(now, source, target, 6,
                    struct.pack(">HHIIBBHHH", port, 5060, sequence, 5001, 0x50, 24, 65000, 0, 0) + message[at:at + piece])
            sequence += len(message[at:at + piece])
        self.streams[port] = sequence

    def hep(self, now, message, sent):
        """in a HEP3 packet that says `sent` for its time"""
        chunk = lambda kind, data: struct.pack(">HHH", 0, kind, 6 + len(data)) + data  # noqa: E731
        body = (chunk(1, b"\2") + chunk(2, b"\x11") + chunk(3, socket.inet_aton("10.1.1.1")) + chunk(4, socket.inet_aton("10.1.1.2"))
                + chunk(7, struct.pack(">H", 5060)) + chunk(8, struct.pack(">H", 5060)) + chunk(9, struct.pack(">I", int(sent)))
                + chunk(10, struct.pack(">I", 0)) + chunk(11, b"\1") + chunk(12, struct.pack(">I", 2001)) + chunk(15, message))
        self.udp(now, b"HEP3" + struct.pack(">H", 6 + len(body)) + body, "192.0.2.7", "192.0.2.8", 9060)

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
            for now, data in sorted(self.frames, key=lambda one: one[0]):
                micro = round(now * 1e6)
                out.write(struct.pack("<IIII", micro // 10 ** 6, micro % 10 ** 6, len(data), len(data)) + data)
