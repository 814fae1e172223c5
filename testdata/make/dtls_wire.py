"""What the hand-made phones of the captures speak: SRTP, SIP over any transport, DTLS-SRTP, media.

The SRTP below is this project's test sender, written from RFC 3711, 6188 and 7714 on the ciphers of
python3-cryptography; what it sends is checked with libsrtp2 when the capture is finished.
"""
import base64
import hashlib
import hmac
import random
import socket
import ssl
import struct
import threading
import time
import wave
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dtls_lab import IP, TMP, USER, inside

# name: (cipher, key bytes, salt bytes, RTP tag bytes, RTCP tag bytes)
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": ("cm", 16, 14, 10, 10),
    "AES_CM_128_HMAC_SHA1_32": ("cm", 16, 14, 4, 10),
    "AES_192_CM_HMAC_SHA1_80": ("cm", 24, 14, 10, 10),
    "AES_192_CM_HMAC_SHA1_32": ("cm", 24, 14, 4, 10),
    "AES_256_CM_HMAC_SHA1_80": ("cm", 32, 14, 10, 10),
    "AES_256_CM_HMAC_SHA1_32": ("cm", 32, 14, 4, 10),
    "F8_128_HMAC_SHA1_80": ("f8", 16, 14, 10, 10),
    "NULL_HMAC_SHA1_80": ("null", 16, 14, 10, 10),
    "NULL_HMAC_SHA1_32": ("null", 16, 14, 4, 10),
    "AEAD_AES_128_GCM": ("gcm", 16, 12, 16, 16),
    "AEAD_AES_256_GCM": ("gcm", 32, 12, 16, 16),
}
DTLS_PROFILES = {1: "AES_CM_128_HMAC_SHA1_80", 2: "AES_CM_128_HMAC_SHA1_32", 5: "NULL_HMAC_SHA1_80",
                 6: "NULL_HMAC_SHA1_32", 7: "AEAD_AES_128_GCM", 8: "AEAD_AES_256_GCM"}


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def aes_block(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def aes_ctr(key, start, data):
    return Cipher(algorithms.AES(key), modes.CTR(start)).encryptor().update(data)


@dataclass
class Keying:
    """One master key of one direction with all that SDES can say about it."""
    suite: str
    key: bytes
    salt: bytes
    mki: bytes = b""
    kdr: int = 0                     # KDR=n: new session keys each 2^n packets
    encrypt_rtp: bool = True
    encrypt_rtcp: bool = True
    tag_rtp: bool = True
    short_srtcp_tag: bool = False    # _32 suites: 4 bytes as some phones do, not 10 (RFC 4568 section 6.2.2)
    padded_192: bool = False         # AES-192 as libsrtp2 2.5 derives it: key || salt || zeros, cut as for AES-256
    tag: int = 1
    life: str = ""
    bad_inline: str = ""

    @classmethod
    def fresh(cls, dice, suite="AES_CM_128_HMAC_SHA1_80", **more):
        _, key, salt, _, _ = SUITES[suite]
        return cls(suite, dice.randbytes(key), dice.randbytes(salt), **more)

    def inline(self):
        text = self.bad_inline or base64.b64encode(self.key + self.salt).decode()
        if self.life:
            text += "|" + self.life
        if self.mki:
            text += f"|{int.from_bytes(self.mki, 'big')}:{len(self.mki)}"
        return text

    def crypto(self, suite=""):
        line = f"a=crypto:{self.tag} {suite or self.suite} inline:{self.inline()}"
        if self.kdr:
            line += f" KDR={self.kdr}"
        for said, name in ((not self.encrypt_rtp, "UNENCRYPTED_SRTP"), (not self.encrypt_rtcp, "UNENCRYPTED_SRTCP"),
                           (not self.tag_rtp, "UNAUTHENTICATED_SRTP")):
            line += " " + name if said else ""
        return line

    def tag_bytes(self, rtcp=False):
        cipher, _, _, rtp_tag, rtcp_tag = SUITES[self.suite]
        if rtcp:
            return rtp_tag if self.short_srtcp_tag else rtcp_tag
        return rtp_tag if self.tag_rtp or cipher == "gcm" else 0


class Srtp:
    """Protects the packets of one SSRC. `roc` is the rollover counter of the first packet."""
    def __init__(self, keying, roc=0):
        self.keying, self.roc, self.last, self.rtcp_index = keying, roc, None, 0
        self.derived = {}

    def session_key(self, label, length, index):
        # RFC 3711 section 4.3; RFC 7714 section 11 pads the 12-byte salt on the right.
        k = self.keying
        period = index >> k.kdr if k.kdr else 0
        found = self.derived.get((label, period))
        if found is None:
            master, salt = k.key, k.salt.ljust(14, b"\0")
            if k.padded_192:
                whole = (k.key + k.salt).ljust(46, b"\0")
                master, salt = whole[:32], whole[32:]
            x = xor(salt, (bytes([label]) + period.to_bytes(6, "big")).rjust(14, b"\0"))
            found = self.derived[label, period] = aes_ctr(master, x + b"\0\0", bytes(length))
        return found

    def advance(self, seq):
        if self.last is not None:
            if seq < self.last and self.last - seq > 0x8000:
                self.roc += 1
        self.last = seq
        return (self.roc << 16) | seq

    def rtp(self, packet, index=None):
        k = self.keying
        cipher, key_bytes, salt_bytes, _, _ = SUITES[k.suite]
        seq, = struct.unpack_from(">H", packet, 2)
        ssrc = packet[8:12]
        index = self.advance(seq) if index is None else index
        roc = struct.pack(">I", index >> 16)
        start = 12 + 4 * (packet[0] & 15)
        if packet[0] & 0x10:
            start += 4 + 4 * struct.unpack_from(">H", packet, start + 2)[0]
        header, payload = packet[:start], packet[start:]
        key, salt = self.session_key(0, key_bytes, index), self.session_key(2, salt_bytes, index)
        if cipher == "gcm":
            nonce = xor(b"\0\0" + ssrc + roc + packet[2:4], salt)
            return header + AESGCM(key).encrypt(nonce, payload, header) + k.mki
        if k.encrypt_rtp and cipher == "cm":
            iv = xor(salt + b"\0\0", b"\0" * 4 + ssrc + index.to_bytes(6, "big") + b"\0\0")
            payload = aes_ctr(key, iv, payload)
        elif k.encrypt_rtp and cipher == "f8":
            payload = f8(key, salt, b"\0" + packet[1:12] + roc, payload)
        tag = b""
        if k.tag_rtp:
            auth = self.session_key(1, 20, index)
            tag = hmac.new(auth, header + payload + roc, hashlib.sha1).digest()[:k.tag_bytes()]
        return header + payload + k.mki + tag

    def rtcp(self, packet):
        k = self.keying
        cipher, key_bytes, salt_bytes, _, _ = SUITES[k.suite]
        self.rtcp_index += 1
        index = self.rtcp_index
        secret = k.encrypt_rtcp and cipher != "null"
        word = struct.pack(">I", index | (0x80000000 if secret else 0))
        header, body, ssrc = packet[:8], packet[8:], packet[4:8]
        key, salt = self.session_key(3, key_bytes, index), self.session_key(5, salt_bytes, index)
        if cipher == "gcm":
            nonce = xor(b"\0\0" + ssrc + b"\0\0" + struct.pack(">I", index), salt)
            if secret:
                return header + AESGCM(key).encrypt(nonce, body, header + word) + word + k.mki
            return packet + AESGCM(key).encrypt(nonce, b"", packet + word) + word + k.mki
        if secret and cipher == "cm":
            iv = xor(salt + b"\0\0", b"\0" * 4 + ssrc + index.to_bytes(6, "big") + b"\0\0")
            body = aes_ctr(key, iv, body)
        elif secret:
            body = f8(key, salt, b"\0" * 4 + word + header, body)
        tag = hmac.new(self.session_key(4, 20, index), header + body + word, hashlib.sha1).digest()
        return header + body + word + k.mki + tag[:k.tag_bytes(rtcp=True)]


def f8(key, salt, iv, data):
    # RFC 3711 section 4.1.2.
    mask = salt.ljust(len(key), b"\x55")
    first = aes_block(xor(key, mask), iv)
    out, state = b"", bytes(16)
    for j in range((len(data) + 15) // 16):
        state = aes_block(key, xor(xor(first, j.to_bytes(16, "big")), state))
        out += xor(data[16 * j:16 * j + 16], state)
    return out


assert f8(bytes.fromhex("234829008467be186c3de14aae72d62c"), bytes.fromhex("32f2870d"),
          bytes.fromhex("006e5cba50681de55c621599d462564a"), b"pseudorandomness is the next best thing").hex() == (
    "019ce7a26e7854014a6366aa95d4eefd1ad4172a14f9faf455b7f1d4b62bd08f562c0eef7c4802"), "RFC 3711 appendix B.1"


# ---- media ----------------------------------------------------------------------------------------

def ulaw(sample):
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    byte = (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)
    return ~(byte | (0x80 if sample < 0 else 0)) & 255


def alaw(sample):
    sign, magnitude = (0x80, sample >> 3) if sample >= 0 else (0, (-sample - 1) >> 3)
    magnitude = min(magnitude, 4095)
    if magnitude < 32:
        byte = magnitude >> 1
    else:
        exponent = magnitude.bit_length() - 5
        byte = (exponent << 4) | ((magnitude >> exponent) & 15)
    return (byte | sign) ^ 0x55


def speech(number, codec="PCMU"):
    """20 ms payloads of one of the two voices, without end."""
    with wave.open(f"{TMP}/s{number}.8k.wav") as source:
        pcm = struct.unpack(f"<{source.getnframes()}h", source.readframes(source.getnframes()))
    coded = bytes(map(ulaw if codec == "PCMU" else alaw, pcm))
    frames = [coded[at:at + 160] for at in range(0, len(coded) - 159, 160)]
    while True:
        yield from frames


def constant(payload):
    while True:
        yield payload


@dataclass
class Sent:
    """One datagram as it left, for the truth file."""
    data: bytes
    clear: bytes
    index: int
    keying: object
    note: str = ""


@dataclass
class Stream:
    source: socket.socket
    target: tuple
    payloads: object
    ssrc: int
    sequence: int
    timestamp: int
    srtp: Srtp = None
    codec: str = "PCMU"
    payload_type: int = 0
    step: int = 160
    cname: str = ""
    rtcp_source: socket.socket = None
    rtcp_target: tuple = None
    extension: object = None        # function of the packet number: header extension bytes
    csrcs: tuple = ()
    padding: int = 0
    marker_first: bool = True
    alter: object = None            # function (number, protected) -> [(bytes, note)]
    sent: list = field(default_factory=list)
    rtcp_sent: list = field(default_factory=list)
    octets: int = 0

    def __post_init__(self):
        self.source_name = self.source.getsockname()
        self.rtcp_name = self.rtcp_source.getsockname() if self.rtcp_source else None

    def packet(self, payload, marker=False, payload_type=None, timestamp=None):
        flags = 0x80 | len(self.csrcs) | (0x10 if self.extension else 0) | (0x20 if self.padding else 0)
        kind = (self.payload_type if payload_type is None else payload_type) | (0x80 if marker else 0)
        out = struct.pack(">BBHII", flags, kind, self.sequence, self.timestamp if timestamp is None else timestamp,
                          self.ssrc)
        out += b"".join(struct.pack(">I", c) for c in self.csrcs)
        if self.extension:
            out += self.extension(len(self.sent))
        out += payload
        if self.padding:
            out += bytes(self.padding - 1) + bytes([self.padding])
        return out

    def tick(self):
        payload = next(self.payloads)
        if payload is None:               # a sender that pauses (VAD)
            self.timestamp = (self.timestamp + self.step) & 0xffffffff
            return
        special = isinstance(payload, tuple)
        payload_type, payload, timestamp, marker = payload if special else (None, payload, None, False)
        clear = self.packet(payload, marker or (self.marker_first and not self.sent), payload_type, timestamp)
        self.emit(clear)
        self.octets += len(payload)
        self.sequence = (self.sequence + 1) & 0xffff
        self.timestamp = (self.timestamp + self.step) & 0xffffffff

    def emit(self, clear):
        index = self.srtp.advance(self.sequence) if self.srtp else self.sequence
        data = self.srtp.rtp(clear, index) if self.srtp else clear
        keying = self.srtp.keying if self.srtp else None
        for data, note in self.alter(len(self.sent), data) if self.alter else [(data, "")]:
            if data is None:
                continue
            self.sent.append(Sent(data, clear, index, keying, note))
            self.source.sendto(data, self.target)

    def report(self, bye=False, clear=False):
        if not self.rtcp_target:
            return
        now = time.time() + 2208988800
        packet = struct.pack(">BBHIIIIII", 0x80, 200, 6, self.ssrc, int(now), int(now % 1 * 2**32), self.timestamp,
                             len(self.sent), self.octets)
        cname = self.cname.encode()
        chunk = struct.pack(">IBB", self.ssrc, 1, len(cname)) + cname + b"\0"
        chunk += bytes(-len(chunk) % 4)
        packet += struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
        if bye:
            packet += struct.pack(">BBHI", 0x81, 203, 1, self.ssrc)
        plain = clear or not self.srtp
        data = packet if plain else self.srtp.rtcp(packet)
        self.rtcp_sent.append(Sent(data, packet, 0 if plain else self.srtp.rtcp_index, None if plain else self.srtp.keying))
        self.rtcp_source.sendto(data, self.rtcp_target)


def play(streams, seconds, at=None, rtcp=True, clear_rtcp=False, bye=True, speed=1):
    """Sends all streams side by side, a packet each 20 ms. `at` maps a packet number to an action."""
    begin = time.monotonic()
    for number in range(int(seconds * 50)):
        if at and number in at:
            at[number]()
        for stream in streams:
            stream.tick()
            if rtcp and number % 75 == 40:
                stream.report(clear=clear_rtcp)
        pause = begin + (number + 1) * 0.02 / speed - time.monotonic()
        if pause > 0:
            time.sleep(pause)
    if rtcp and bye:
        for stream in streams:
            stream.report(bye=True, clear=clear_rtcp)


# ---- SIP ------------------------------------------------------------------------------------------

def udp(host, port):
    with inside(host):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind((IP[host], port))
    made.settimeout(5)
    return made


class Datagrams:
    """SIP over UDP."""
    name = "UDP"

    def __init__(self, host, port=5060):
        self.socket, self.local, self.peer = udp(host, port), (IP[host], port), None

    def send(self, text):
        self.socket.sendto(text.encode(), self.peer)

    def receive(self):
        return self.socket.recvfrom(65535)[0].decode()

    def close(self):
        self.socket.close()


class Bytes:
    """SIP over a connected stream (TCP, TLS), messages framed by Content-Length."""
    def __init__(self, connection, name="TLS"):
        self.connection, self.name, self.buffer = connection, name, b""
        self.local, self.peer = connection.getsockname()[:2], connection.getpeername()[:2]
        connection.settimeout(5)

    def send(self, text):
        self.connection.sendall(text.encode())

    def fill(self):
        more = self.connection.recv(65535)
        if not more:
            raise ConnectionError("closed")
        self.buffer += more

    def receive(self):
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if found:
                size = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith((b"content-length:", b"l:")):
                        size = int(line.split(b":")[1])
                if len(rest) >= size:
                    self.buffer = rest[size:]
                    return (head + found + rest[:size]).decode()
            self.fill()

    def close(self):
        if isinstance(self.connection, ssl.SSLSocket):
            try:
                self.connection.settimeout(0.5)
                self.connection.unwrap()
            except OSError:
                pass
        self.connection.close()


class WebSocket(Bytes):
    """SIP over WebSocket (RFC 7118), one message per text frame; clients mask."""
    def __init__(self, connection, client, name="WSS", origin="https://phone.example.org", host="b.example.org"):
        super().__init__(connection, name)
        self.client, self.mask = client, random.Random(7)
        if client:
            nonce = base64.b64encode(self.mask.randbytes(16)).decode()
            self.connection.sendall((f"GET /sip HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                     f"Sec-WebSocket-Key: {nonce}\r\nOrigin: {origin}\r\nSec-WebSocket-Protocol: sip\r\n"
                                     "Sec-WebSocket-Version: 13\r\n\r\n").encode())
            self.nonce = nonce

    def handshake(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if not self.client:
            nonce = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")][0]
            accept = base64.b64encode(hashlib.sha1(nonce + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
            self.connection.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                     f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: sip\r\n\r\n").encode())
        elif b" 101 " not in head:
            raise ConnectionError(head.decode())

    def send(self, text):
        data = text.encode()
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        if self.client:
            mask = self.mask.randbytes(4)
            data = mask + bytes(c ^ mask[i % 4] for i, c in enumerate(data))
            size = bytes([size[0] | 0x80]) + size[1:]
        self.connection.sendall(b"\x81" + size + data)

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def receive(self):
        whole = b""
        while True:
            first, second = self.take(2)
            size = second & 127
            if size == 126:
                size, = struct.unpack(">H", self.take(2))
            mask = self.take(4) if second & 128 else bytes(4)
            data = bytes(c ^ mask[i % 4] for i, c in enumerate(self.take(size)))
            if first & 15 in (0, 1, 2):
                whole += data
                if first & 0x80:
                    return whole.decode()


def connect(client_host, server_host, port, client_tls=None, server_tls=None, server_name="b.example.org", session=None,
            segment=0):
    """A TCP connection between two hosts, both ends; with contexts given, TLS is set up on it."""
    with inside(server_host):
        listener = socket.socket()
    with inside(client_host):
        client = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if segment:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
    listener.bind((IP[server_host], port))
    listener.listen(1)
    listener.settimeout(5)
    client.settimeout(5)
    client.connect((IP[server_host], port))
    server, _ = listener.accept()
    server.settimeout(5)
    listener.close()
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not client_tls:
        return client, server
    got = {}

    def accept():
        try:
            got["server"] = server_tls.wrap_socket(server, server_side=True)
        except (ssl.SSLError, OSError) as error:
            got["error"] = error
    thread = threading.Thread(target=accept)
    thread.start()
    try:
        wrapped = client_tls.wrap_socket(client, server_hostname=server_name, session=session)
    finally:
        thread.join(6)
    if "error" in got:
        raise got["error"]
    return wrapped, got["server"]


def header(message, name):
    for line in message.split("\r\n\r\n")[0].split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name.lower():
            return value.strip()
    return ""


class Phone:
    """One SIP user agent, driven message by message by the scenario."""
    def __init__(self, host, transport, dice, agent, user="", domain=""):
        self.host, self.transport, self.dice, self.agent = host, transport, dice, agent
        self.user = user or USER[host]
        self.domain = domain or IP[host]
        self.ip, self.port = transport.local
        self.uri = f"sip:{self.user}@{self.domain}"
        self.version = 1

    def token(self, size=10):
        return self.dice.randbytes(size // 2).hex()

    @property
    def contact(self):
        via = self.transport.name.lower()
        return f"<sip:{self.user}@{self.ip}:{self.port}{'' if via == 'udp' else ';transport=' + via.replace('wss', 'ws')}>"

    def sdp(self, lines, profile="RTP/SAVP", port=4000, formats="0", session=(), extra=()):
        if formats == "0":
            lines = ["a=rtpmap:0 PCMU/8000", "a=ptime:20"] + lines
        body = ["v=0", f"o={self.user} {3900000000 + self.version} {self.version} IN IP4 {self.ip}", "s=-",
                f"c=IN IP4 {self.ip}", "t=0 0", *session, f"m=audio {port} {profile} {formats}", *lines, *extra]
        self.version += 1
        return "\r\n".join(body) + "\r\n"

    def request(self, method, dialog, body="", kind="application/sdp", extra=(), branch=""):
        if method not in ("ACK", "CANCEL"):
            dialog["cseq"] = dialog.get("cseq", self.dice.randrange(1, 900)) + 1
        number = dialog["cseq"]
        lines = [f"{method} {dialog['target']} SIP/2.0",
                 f"Via: SIP/2.0/{self.transport.name} {self.ip}:{self.port};branch={branch or 'z9hG4bK' + self.token(16)};rport",
                 "Max-Forwards: 70",
                 f"From: <{dialog['local']}>;tag={dialog['from_tag']}",
                 f"To: <{dialog['remote']}>" + (f";tag={dialog['to_tag']}" if dialog.get("to_tag") else ""),
                 f"Call-ID: {dialog['call_id']}", f"CSeq: {number} {method}"]
        lines += [f"Route: {route}" for route in dialog.get("route", [])]
        if method in ("INVITE", "UPDATE", "REGISTER"):
            lines.append(f"Contact: {self.contact}")
        if method == "INVITE":
            lines += ["Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE", "Supported: timer"]
        lines += [f"User-Agent: {self.agent}", *extra]
        if body:
            lines.append(f"Content-Type: {kind}")
        message = "\r\n".join(lines + [f"Content-Length: {len(body.encode())}", "", body])
        self.transport.send(message)
        return message

    def reply(self, request, status, body="", kind="application/sdp", to_tag="", extra=()):
        lines = [f"SIP/2.0 {status}"]
        for line in request.split("\r\n\r\n")[0].split("\r\n")[1:]:
            key = line.split(":")[0].lower()
            if key == "via" or key in ("from", "call-id", "cseq", "record-route"):
                lines.append(line)
            elif key == "to":
                lines.append(line + (f";tag={to_tag}" if to_tag and "tag=" not in line else ""))
        if status.startswith(("18", "2")):
            lines.append(f"Contact: {self.contact}")
        lines += [f"Server: {self.agent}", *extra]
        if body:
            lines.append(f"Content-Type: {kind}")
        self.transport.send("\r\n".join(lines + [f"Content-Length: {len(body.encode())}", "", body]))

    def expect(self, start):
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            message = self.transport.receive()
            if message.startswith(start):
                return message
        raise TimeoutError(start)


class Call:
    """One dialog between two phones on one connection; the scenario gives the two SDP bodies."""
    def __init__(self, caller, callee, to_uri="", call_id="", proxy=None):
        self.caller, self.callee = caller, callee
        if proxy:
            caller.transport.peer = callee.transport.peer = proxy
        elif isinstance(caller.transport, Datagrams):
            caller.transport.peer, callee.transport.peer = callee.transport.local, caller.transport.local
        self.call_id = call_id or f"{caller.token(24)}@{caller.ip}"
        remote = to_uri or callee.uri
        self.dialog = {"target": remote, "local": caller.uri, "remote": remote, "call_id": self.call_id,
                       "from_tag": caller.token(), "to_tag": ""}
        self.tag = callee.token()

    def setup(self, offer, answer, ring=0.3, status="200 OK", early=None, method="INVITE"):
        """`answer` is a body, or a function of the offer. True when the answer was a 2xx."""
        self.caller.request(method, self.dialog, offer)
        request = self.seen = self.callee.expect(method)
        reply = answer(request) if callable(answer) else answer
        if method == "INVITE":
            self.callee.reply(request, "100 Trying")
            if not self.dialog["to_tag"]:
                self.callee.reply(request, "180 Ringing", to_tag=self.tag)
            if early:
                early()
            time.sleep(ring)
        self.callee.reply(request, status, reply if status.startswith("2") else "", to_tag=self.tag)
        final = self.final = self.caller.expect(("SIP/2.0 2", "SIP/2.0 3", "SIP/2.0 4", "SIP/2.0 5", "SIP/2.0 6"))
        branch = ""
        if status.startswith("2"):
            self.dialog.update(to_tag=self.tag, target=header(final, "Contact").strip("<>"))
            self.dialog["route"] = [line.split(":", 1)[1].strip() for line in final.split("\r\n\r\n")[0].split("\r\n")
                                    if line.lower().startswith("record-route:")][::-1]
        else:
            branch = header(final, "Via").split("branch=")[1].split(";")[0]
        if method == "INVITE":
            dialog = self.dialog if status.startswith("2") else {**self.dialog, "to_tag": self.tag}
            self.caller.request("ACK", dialog, branch=branch)
            self.callee.expect("ACK")
        return status.startswith("2")

    def request(self, method, body="", kind="application/sdp", extra=()):
        self.caller.request(method, self.dialog, body, kind, extra)
        self.callee.reply(self.callee.expect(method), "200 OK")
        self.caller.expect("SIP/2.0 200")

    def hang_up(self):
        self.request("BYE")
