"""Sends one RTP or SRTP stream as a plan says: media.py PLAN.json

A plan: local and remote [address, port]; ssrc, seq, ts, pt; frames (file of encode.py);
parts, one after the other, each with seconds and, where wanted,
  srtp     {suite, key, parameters, mki, roc}: protected by libsrtp2; without it the part is in clear
  silent   nothing is sent, the clock goes on
  remote   another target from here on
and rtcp: "clear", "srtp" (as the part) or none.
"""
import json
import socket
import struct
import sys
import time

import srtp


def rtcp_report(ssrc, ts, packets, octets, leaving):
    now = time.time() + 2208988800
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, int(now), int(now % 1 * 2**32), ts & 0xffffffff, packets, octets)
    name = b"phone@lab.example"
    chunk = struct.pack(">IBB", ssrc, 1, len(name)) + name + b"\0"
    chunk += b"\0" * (-len(chunk) % 4)
    report += struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
    if leaving:
        report += struct.pack(">BBHI", 0x81, 203, 1, ssrc)
    return report


def bound(address, port):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(100):        # the previous plan of this port may be about to end
        try:
            sock.bind((address, port))
            return sock
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"port {port} is taken")


def main(path):
    plan = json.load(open(path))
    frames = json.load(open(plan["frames"]))
    address, port = plan["local"]
    media, control = bound(address, port), bound(address, port + 1)
    ssrc, seq, ts = plan["ssrc"], plan["seq"], plan["ts"]
    kind = plan.get("rtcp")
    remote = tuple(plan["remote"])
    at = packets = octets = 0
    speaking = False
    contexts = {}
    due = time.monotonic()
    next_report = due + 0.5
    for part in plan["parts"]:
        protection = part.get("srtp")
        context = None
        if protection:
            spec = json.dumps(protection, sort_keys=True)
            if spec not in contexts:
                mki = bytes.fromhex(protection["mki"]) if protection.get("mki") else None
                contexts[spec] = srtp.Context(protection["suite"], protection["key"], True,
                                              protection.get("parameters", ()), mki, ssrc, protection.get("roc", 0))
            context = contexts[spec]
        if "remote" in part:
            remote = tuple(part["remote"])
        end = due + part["seconds"]
        while due < end - 1e-6:
            hexed, step, milliseconds, *special = frames[at % len(frames)]
            at += 1
            if hexed and not part.get("silent"):
                pt, marker = special or (plan["pt"], not speaking)
                packet = struct.pack(">BBHII", 0x80, pt | marker << 7, seq & 0xffff, ts & 0xffffffff, ssrc)
                packet += bytes.fromhex(hexed)
                octets += len(packet) - 12
                if context:
                    packet = context.protect(packet)
                time.sleep(max(0, due - time.monotonic()))
                media.sendto(packet, remote)
                packets += 1
                seq += 1
            speaking = bool(hexed) and not part.get("silent")
            ts += step
            due += milliseconds / 1000
            if kind and due >= next_report and packets:
                last = part is plan["parts"][-1] and end - due < 0.1
                report = rtcp_report(ssrc, ts, packets, octets, last)
                if kind == "srtp" and context:
                    report = context.protect_rtcp(report)
                control.sendto(report, (remote[0], remote[1] + 1))
                next_report = due + 2.5
    time.sleep(max(0, due - time.monotonic()))
    if plan.get("linger"):
        time.sleep(plan["linger"])


main(sys.argv[1])
