#!/usr/bin/env python3
"""What srtp-check says of the fixtures when the capture kept only the first bytes of each packet: cut_truth.py TOOL DIR.

Less may be known then ("undetermined"), but nothing wrong: no clear stream may become encrypted, no encrypted one clear.
The truths are those of the fixtures (<name>.truth.json)."""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
SNAP_LENGTHS = (62, 70, 96, 160)


def cut(data, snap):
    """A classic pcap, little-endian as all fixtures are, with no more than `snap` bytes of each frame."""
    out, at = bytearray(data[:24]), 24
    while at + 16 <= len(data):
        seconds, fraction, kept, whole = struct.unpack_from("<IIII", data, at)
        out += struct.pack("<IIII", seconds, fraction, min(kept, snap), whole) + data[at + 16:at + 16 + min(kept, snap)]
        at += 16 + kept
    return bytes(out)


def observed_of(path):
    run = subprocess.run([tool, "-f", "json", "--fail-on", "never", str(path)], capture_output=True, text=True, timeout=120)
    if run.returncode not in (0, 3):
        return None
    report = json.loads(run.stdout)
    streams = [s for c in report["calls"] for m in c["media"] for s in m["streams"]] + report["orphan_streams"]
    return [(s["ssrc"], s["src"], s["observed"], s["reason"]) for s in streams]


failures, judged, told = 0, 0, 0
with tempfile.TemporaryDirectory() as work:
    for truth_path in sorted(root.rglob("*.truth.json")):
        stem = truth_path.name[: -len(".truth.json")]
        capture = truth_path.with_name(stem + ".pcap")
        if {"stir", "fraud", "timeline"} & set(truth_path.relative_to(root).parts) or not capture.exists():
            continue
        data = capture.read_bytes()
        if data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
            continue
        # What changes in mid call has no one answer once the signalling is cut.
        truths = {}
        for one in json.loads(truth_path.read_text()).get("streams", []):
            if one.get("encrypted") is None or one.get("mixed") or one.get("clear_frames") or not one.get("ssrc"):
                continue
            truths.setdefault("0x" + str(one["ssrc"]).lower().removeprefix("0x"), set()).add(bool(one["encrypted"]))
        truths = {ssrc: values.pop() for ssrc, values in truths.items() if len(values) == 1}
        if not truths:
            continue
        for snap in SNAP_LENGTHS:
            path = pathlib.Path(work, f"{stem}.pcap")
            path.write_bytes(cut(data, snap))
            streams = observed_of(path)
            if streams is None:
                print(f"FAIL {stem} cut to {snap}: the tool could not run")
                failures += 1
                continue
            for ssrc, src, observed, reason in streams:
                if ssrc not in truths:
                    continue
                judged += 1
                told += observed != "undetermined"
                if observed == ("cleartext" if truths[ssrc] else "encrypted"):
                    print(f"FAIL {stem} cut to {snap}: {ssrc} from {src} is called {observed}: {reason}")
                    failures += 1

print(f"{judged} streams judged, {told} told, {failures} wrong")
sys.exit(1 if failures or judged < 500 else 0)
