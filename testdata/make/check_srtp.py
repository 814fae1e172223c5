#!/usr/bin/env python3
"""Holds every NAME.truth.json against its capture with libsrtp2: check_srtp.py CAPTURE...

Each RTP stream is tried with every a=crypto key of the capture. A stream (or the part of it
that the truth calls encrypted) must authenticate with one of them, a clear one with none.
"""
import json
import re
import sys

import pcapfile
import srtp

CRYPTO = re.compile(rb"a=crypto:\d+ ([A-Z0-9_]+) inline:([A-Za-z0-9+/=]+)(?:\|(?:2\^)?\d+)?(?:\|(\d+):(\d+))?([^\r\n]*)")


def keys_of(frames):
    """{(suite, key, mki, parameters)} of all SDP in the capture"""
    found = set()
    for _, _, frame in frames:
        for suite, key, mki, mki_size, rest in CRYPTO.findall(frame):
            if suite.decode() not in srtp.SUITES:
                continue
            marker = int(mki).to_bytes(int(mki_size), "big") if mki else None
            if "UNAUTHENTICATED_SRTP" in rest.decode():
                continue        # nothing to check: any packet would do
            parameters = tuple(p for p in rest.decode().split() if p.startswith("UN"))
            found.add((suite.decode(), key.decode(), marker, parameters))
    return found


def opened(packets, suite, key, mki, parameters, ssrc, roc):
    """How many packets authenticate. A sequence number seen before begins a new call."""
    count, seen = 0, {None}
    for packet in packets:
        if packet[2:4] in seen or None in seen:
            context, seen = srtp.Context(suite, key, False, parameters, mki, ssrc, roc), set()
        seen.add(packet[2:4])
        count += context.unprotect(packet) is not None
    return count


def main(paths):
    bad = 0
    for path in paths:
        truth = json.load(open(path.removesuffix(".pcap") + ".truth.json"))
        keys = keys_of(pcapfile.read(path))
        streams = pcapfile.rtp(path)
        for one in truth["streams"]:
            packets = streams[one["src"], one["dst"], int(one["ssrc"], 16)]
            best, suite = 0, None
            for candidate in keys:
                try:
                    count = opened(packets, *candidate, int(one["ssrc"], 16), one.get("roc", 0))
                except (RuntimeError, ValueError):
                    continue
                if count > best:
                    best, suite = count, candidate[0]
            expected = one.get("authentic", len(packets) if one["encrypted"] else 0)
            ok = best == expected and (not best or suite == one["suite"])
            bad += not ok
            print(f"{'ok ' if ok else 'BAD'} {path.rsplit('/', 1)[-1]} {one['src']}>{one['dst']}: "
                  f"{best} of {len(packets)} authenticate{' with ' + suite if suite else ''}, expected {expected}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
