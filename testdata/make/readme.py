#!/usr/bin/env python3
"""Writes the table of ../calls into ../README.md, between its two "calls" markers, from what stands beside
each capture. The rest of the page is left alone."""
import glob
import json
import re

import pcapfile
from recording import CALLS
from lab import TESTDATA

BEGIN, END = "<!-- calls: begin (make/readme.py) -->", "<!-- calls: end -->"


def frames_that_matter(base):
    """SIP messages with their frames, and where the media begins"""
    rows = [line.rstrip("\n").split("\t") for line in open(base + ".sip.tsv")][1:]
    told = []
    for number, method, status, _ in rows:
        what = method or status
        if what in ("100",):
            continue
        if told and told[-1][1] == what:
            told[-1][2] += 1
        else:
            told.append([number, what, 1])
    if len(told) > 14:
        told = told[:10] + [["", "…", 1]] + told[-3:]
    text = [f"{n} {w}" + (f" ×{c}" if c > 1 else "") for n, w, c in told]
    for at, (_, _, frame) in enumerate(pcapfile.read(base + ".pcap"), 1):
        found = pcapfile.udp(frame)
        if found and len(found[2]) >= 12 and found[2][0] >> 6 == 2 and not 192 <= found[2][1] <= 223 and not re.search(r":5060$", found[0]):
            text.insert(0, f"media from {at}")
            break
    return ", ".join(text).replace(" …", "…")


def main():
    rows = ["| file | story | frames that matter | origin | edited |", "| --- | --- | --- | --- | --- |"]
    for path in sorted(glob.glob(CALLS + "/*.truth.json")):
        truth = json.load(open(path))
        base = path.removesuffix(".truth.json")
        rows.append(f"| {truth['file']} | {truth['story']} | {frames_that_matter(base)} | {truth['program']} | "
                    + (f"from {truth['edited_from']}" if "edited_from" in truth else "no") + " |")
    page = open(TESTDATA + "/README.md").read()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    with open(TESTDATA + "/README.md", "w") as f:
        f.write(before + BEGIN + "\n" + "\n".join(rows) + "\n" + END + after)


main()
