#!/usr/bin/env python3
"""Feeds the tools captures that were cut off or had bits flipped: no crash, an exit status that is in the contract, an end in
bounded time, and a report whenever the status promises one.

usage: damaged.py --testdata DIR [--seed N] [--most N] PROGRAM...

Of each class of fixture one small file is damaged in some 60 places either way. The seed is fixed: the same damage each time.
"""
import argparse
import concurrent.futures
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import programs

ROUNDS = 60
KEEP_PACKETS = 90
SECONDS = 200  # no run hangs; under sanitizers, on a machine that may be busy


def head_of_pcap(data, packets):
    """The first packets of a pcap file: damage should hit headers and signalling, not a minute of audio."""
    order = {b"\xd4\xc3\xb2\xa1": "little", b"\x4d\x3c\xb2\xa1": "little", b"\xa1\xb2\xc3\xd4": "big", b"\xa1\xb2\x3c\x4d": "big"}.get(data[:4])
    if order is None:
        return data
    at = 24
    for _ in range(packets):
        if at + 16 > len(data):
            return data
        at += 16 + int.from_bytes(data[at + 8:at + 12], order)
    return data[:at]


# One of each class: SDES over a border, TCP, DTLS, media alone, fragments, HEP both ways, TLS and WebSocket with their secrets
# inside, tunnels, SCTP, sections of either byte order. A gzip of the first is added.
WANTED = ("calls/sbc-srtp-rtp.pcap", "calls/sdes-tcp.pcap", "calls/dtls-no-fingerprint.pcap", "calls/orphan-srtp.pcap",
          "calls/fragments.pcap", "calls/hep-sdes.pcap", "hep/senders.hep", "tls/tls13-injected.pcapng",
          "tls/wss-tls12-injected.pcapng", "net/tunnel-in-tunnel.pcap", "net/sctp.pcap", "captures/2sections-orders.pcapng")


def subjects(root):
    made = {name: head_of_pcap((root / name).read_bytes(), KEEP_PACKETS) for name in WANTED}
    made["first.pcap.gz"] = gzip.compress(made[WANTED[0]], mtime=0)
    return made


def damages(data, chance):
    size = len(data)
    cuts = {0, 1, 4, 23, 24, 25, 39, 40, size - 1}
    cuts |= {chance.randrange(size) for _ in range(ROUNDS)}
    for cut in sorted(c for c in cuts if 0 <= c < size)[:ROUNDS]:
        yield f"cut at {cut}", data[:cut]
    for _ in range(ROUNDS):
        broken = bytearray(data)
        # Mostly a few bits; now and then a run of bytes, as a bad disk does.
        places = [chance.randrange(size) for _ in range(chance.choice((1, 2, 8, 40)))]
        for place in places:
            broken[place] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            start = chance.randrange(size)
            length = min(size - start, chance.randrange(1, 64))
            broken[start:start + length] = bytes(chance.randrange(256) for _ in range(length))
        yield f"flipped {places[:8]}", bytes(broken)


def judge(tool, env, folder, name, what, data):
    """A sentence when something is wrong."""
    command = [tool, "-f", "ndjson", "-"]
    try:
        got = subprocess.run(command, input=data, env=env, cwd=folder, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{name} {what}: no end within {SECONDS} s"
    if got.returncode not in (0, 1, 2, 3) or b"runtime error" in got.stderr or b"Sanitizer" in got.stderr:
        lines = got.stderr.decode("utf-8", "replace").splitlines()
        return f"{name} {what}: status {got.returncode}: " + " / ".join(lines[:3])[:300]
    if b"internal error" in got.stderr or b"out of memory" in got.stderr:
        return f"{name} {what}: {got.stderr[:200]!r}"
    if got.returncode == 2:
        return None if got.stderr and not got.stdout else f"{name} {what}: status 2 without a word, or with a report"
    try:
        objects = [json.loads(line) for line in got.stdout.decode("utf-8").splitlines()]
    except ValueError as error:
        return f"{name} {what}: no JSON: {error}"
    if objects[0]["type"] != "run" or objects[-1]["type"] != "summary":
        return f"{name} {what}: half a report"
    complete = next(o for o in objects if o["type"] == "coverage")["complete"]
    if complete == (got.returncode == 3):
        return f"{name} {what}: status {got.returncode}, but complete is {complete}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--testdata", required=True)
    parser.add_argument("--seed", type=int, default=20260102)
    parser.add_argument("--most", type=int, default=1800, help="so many of the damaged inputs, 0 for all of them")
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    env = programs.environment(args.programs)
    jobs = [(tool, name, what, data) for tool in programs.tools(args.programs)
            for name, whole in subjects(pathlib.Path(args.testdata)).items()
            for what, data in damages(whole, random.Random(f"{args.seed} {name}"))]
    # Some of each fixture: the same ones each time.
    random.Random(args.seed).shuffle(jobs)
    of = len(jobs)
    jobs = jobs[:args.most or of]
    wrong = []
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for sentence in pool.map(lambda job: judge(job[0], env, folder, *job[1:]), jobs):
            if sentence:
                wrong.append(sentence)
    for sentence in wrong[:20]:
        print("FAILED", sentence)
    print(f"{len(jobs)} of {of} damaged inputs, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
