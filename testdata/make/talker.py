"""A SIP client over one TCP connection that puts message borders where no phone would:
talker.py tcp|ws PLAN.json. The proxy at the other end is real, and so are its answers.

tcp  several messages in a segment, messages split over segments (in the start line, in a
     header's name, in the body), keep-alives between them
ws   SIP over WebSocket (RFC 7118): handshake, masked frames, a ping, a frame in two segments
"""
import base64
import json
import os
import re
import socket
import subprocess
import sys
import time

PROXY, ME, HERE = "10.66.0.3", "10.66.0.1", os.path.dirname(os.path.abspath(__file__))
mode, plan_file = sys.argv[1], sys.argv[2]
plan = json.load(open(plan_file))
call_id = plan["call_id"]
web = mode == "ws"
via_host = "a1b2c3d4.invalid" if web else f"{ME}:5062"
transport = "WS" if web else "TCP"

sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind((ME, 0 if web else 5062))
sock.settimeout(8)
sock.connect((PROXY, 80 if web else 5060))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
buffer = b""
branch = 0


def framed(payload, opcode=1):
    if not web:
        return payload
    mask = os.urandom(4)
    size = len(payload)
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xfe)) + size.to_bytes(2, "big")
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def message(method, cseq, body=b"", target="sip:bob@lab.example", to_tag="", routes=(), this_call=call_id, extra=()):
    global branch
    branch += 1
    lines = [f"{method} {target} SIP/2.0", f"Via: SIP/2.0/{transport} {via_host};branch=z9hG4bK-talk-{branch}",
             "Max-Forwards: 70", 'From: "Alice" <sip:alice@lab.example>;tag=talk1', f"To: <sip:bob@lab.example>{to_tag}",
             f"Call-ID: {this_call}", f"CSeq: {cseq} {method}",
             f"Contact: <sip:alice@{via_host};transport={transport.lower()}>", *(f"Route: {r}" for r in routes), *extra,
             *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def read_more():
    global buffer
    data = sock.recv(65536)
    if not data:
        raise SystemExit("the proxy hung up")
    buffer += data


def next_message():
    """One SIP message as text; keep-alives and pongs are passed over."""
    global buffer
    while True:
        if web:
            while len(buffer) < 4:
                read_more()
            opcode, size, at = buffer[0] & 15, buffer[1] & 127, 2
            if size == 126:
                size, at = int.from_bytes(buffer[2:4], "big"), 4
            while len(buffer) < at + size:
                read_more()
            payload, buffer = buffer[at:at + size], buffer[at + size:]
            if opcode in (1, 2) and payload.strip():
                return payload.decode()
            continue
        buffer = buffer.lstrip(b"\r\n")
        while b"\r\n\r\n" not in buffer:
            read_more()
            buffer = buffer.lstrip(b"\r\n")
        head, rest = buffer.split(b"\r\n\r\n", 1)
        size = int(re.search(rb"(?im)^content-length:\s*(\d+)", head)[1])
        while len(rest) < size:
            read_more()
            head, rest = buffer.split(b"\r\n\r\n", 1)
        buffer = rest[size:]
        return (head + b"\r\n\r\n" + rest[:size]).decode()


def await_final(method):
    while True:
        got = next_message()
        if re.search(rf"(?m)^CSeq: \d+ {method}", got) and not got.startswith("SIP/2.0 1"):
            return got


def pieces(data, *cuts):
    """Sends data in segments that end at the given places"""
    start = 0
    for cut in (*cuts, len(data)):
        sock.sendall(data[start:cut])
        start = cut
        time.sleep(0.08)


if web:
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall((f"GET / HTTP/1.1\r\nHost: {PROXY}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://lab.example\r\n"
                  f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    while b"\r\n\r\n" not in buffer:
        read_more()
    answer, buffer = buffer.split(b"\r\n\r\n", 1)
    if b" 101 " not in answer.split(b"\r\n")[0]:
        raise SystemExit(answer.decode())
    sock.sendall(framed(b"lab", 9))
    sock.sendall(framed(message("OPTIONS", 1, target="sip:lab.example", this_call=call_id + ".options1")))
    await_final("OPTIONS")
else:
    sock.sendall(b"\r\n\r\n")
    time.sleep(0.1)
    sock.sendall(b"".join(message("OPTIONS", i, target="sip:lab.example", this_call=f"{call_id}.options{i}") for i in (1, 2, 3)))
    for _ in range(3):
        await_final("OPTIONS")

invite = message("INVITE", 10, plan["offer"].encode())
if web:
    data = framed(invite)
    pieces(data, 300)
else:
    pieces(invite, 9, invite.index(b"Content-Le") + 10, invite.index(b"m=audio") + 5)
ok = await_final("INVITE")
to_tag = re.search(r"(?m)^To:[^\r\n]*(;tag=[^\r\n;]+)", ok)[1]
contact = re.search(r"(?m)^Contact: <([^>]+)>", ok)[1]
routes = re.findall(r"(?m)^Record-Route: ([^\r\n]+)", ok)[::-1]
dialog = dict(target=contact, to_tag=to_tag, routes=routes)
ack = message("ACK", 10, **dialog)
if web:
    sock.sendall(framed(ack))
else:
    # The ACK and an OPTIONS in one segment, and the beginning of the next OPTIONS with them.
    last = message("OPTIONS", 21, target="sip:lab.example", this_call=call_id + ".options5")
    sock.sendall(ack + (b"\r\n\r\n" if plan["keepalive_inside"] else b"") + message("OPTIONS", 20, target="sip:lab.example", this_call=call_id + ".options4") + last[:40])
    time.sleep(0.15)
    sock.sendall(last[40:])
media = subprocess.Popen(["python3", HERE + "/media.py", plan["media"]])
time.sleep(plan["seconds"] + 0.4)
bye = message("BYE", 30, **dialog)
if web:
    sock.sendall(framed(bye))
else:
    pieces(bye, len(bye) - 2)           # split within the empty line that ends the head
await_final("BYE")
if web:
    sock.sendall(framed((1000).to_bytes(2, "big"), 8))
    time.sleep(0.2)
media.wait(5)
sock.close()
time.sleep(0.2)
