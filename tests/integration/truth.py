#!/usr/bin/env python3
"""Holds srtp-check's report against what is known of each fixture (<name>.truth.json beside it): usage truth.py TOOL DIR.

The truths were written down when the fixtures were recorded, from the programs' settings and from libsrtp2, never from
our own output. A wrong verdict fails; "undetermined" is counted and may not exceed 3 % of the streams."""
import json
import pathlib
import re
import subprocess
import sys

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
failures, streams, undetermined, captures, proven = [], 0, [], 0, 0

# Where the report rightly says something else than the fixture's file, and why.
EXPLAINED = {
    ("zrtp-hash-changed", "negotiated"): "the two ends saw different SDP, and the exchange never completed: unknown",
    ("zrtp-hash-removed", "negotiated"): "likewise",
    ("dtls-altered-by-relay", "negotiated"): "the two ends saw different fingerprints: unknown",
    ("dtls-stripped-by-relay", "negotiated"): "the two ends saw different SDP: unknown",
    ("zrtp-no-commit", "negotiated"): "no exchange completed: none",
    ("zrtp-error", "negotiated"): "no exchange completed: none",
    ("zrtp-one-sided", "negotiated"): "no exchange completed: none",
    ("sdes-dropped-midcall", "negotiated"): "the last exchange counts, and it is plain",
}
# Fixtures whose tags can't be verified in full from what the inputs hold, and why.
NO_TAGS = {
    "zrtp": "ZRTP keys never show",
    "dtls-13:": "no key log: the handshake is made by hand",
    "sdes-unknown-suite": "the suite's name is nobody's",
    "sdes-wrong-key": "the key in use is not the signalled one",
    "tls13-no-keys": "no key log: the signalling stays closed",
    "sdes-late-roc": "packets before the keys were signalled again are not checked",
    "reinvite-rekey": "the recorder checked with the first keys only",
}
# Calls of which the capture shows no SDP: nothing can be said of keys.
NO_SDP = {"late-start", "tls13-no-keys"}
NAMES = {"dtls": "dtls-srtp", "clear": "none", None: None}


def report(path, extra):
    run = subprocess.run([tool, "--format", "json", "--fail-on", "never", *extra, str(path)], capture_output=True, text=True, timeout=300)
    if run.returncode not in (0, 3):
        failures.append(f"{path.name}: exit {run.returncode}: {run.stderr.strip()[:200]}")
        return None
    return json.loads(run.stdout)


def all_streams(rep):
    for call in rep["calls"]:
        for media in call["media"]:
            for stream in media["streams"]:
                yield stream, media
    for stream in rep["orphan_streams"]:
        yield stream, None


def wanted(truth, stream):
    if truth.get("ssrc") and "0x" + str(truth["ssrc"]).lower().removeprefix("0x") != stream["ssrc"]:
        return False
    for end in ("src", "dst"):
        if truth.get(end) and truth[end] != stream[end] and not stream[end].startswith(truth[end] + ":"):
            return False
    return True


def check_stream(name, truth, rep):
    global streams, proven
    if truth.get("media") in ("none",) or "encrypted" not in truth or truth["encrypted"] is None:
        return
    found = [(s, m) for s, m in all_streams(rep) if wanted(truth, s)]
    label = f"{name}: stream {truth.get('ssrc', '')} {truth.get('src', '')} > {truth.get('dst', '')}"
    if not found:
        failures.append(f"{label}: not in the report")
        return
    for stream, media in found:
        streams += 1
        check_tags(label, truth, stream)
        if truth.get("mixed") or truth.get("clear_frames"):
            continue  # which half is the bulk is a matter of a few packets
        want = "encrypted" if truth["encrypted"] else "cleartext"
        if stream["observed"] == "undetermined":
            undetermined.append(f"{label}: {stream['reason']}")
        elif stream["observed"] != want:
            failures.append(f"{label}: {stream['observed']}, but it is {want}: {stream['reason']}")


def check_tags(label, truth, stream):
    """Tags that libsrtp2 or the recorder's own check found right or wrong; bad_frames exactly."""
    global proven
    good, bad = truth.get("auth_ok", truth.get("authentic")), truth.get("auth_bad", 0)
    auth = stream["auth"]
    if not good:
        if auth is not None and good == 0 and not truth.get("hidden_key") and truth.get("suite") is None:
            failures.append(f"{label}: tags verify ({auth['valid']}), though there are none")
        return
    if not truth.get("keys_in_signalling", True) or any(label.startswith(name) for name in NO_TAGS):
        return
    if auth is None:
        missing.append(f"{label}: no tag verifies, {good} should")
        return
    proven += 1
    if abs(auth["valid"] - good) > truth.get("before_key", 0) + 3:
        failures.append(f"{label}: {auth['valid']} tags valid, not {good}")
    if truth.get("bad_frames") and auth["failed_frames"] != truth["bad_frames"]:
        failures.append(f"{label}: failed frames {auth['failed_frames'][:10]}, not {truth['bad_frames'][:10]}")


def check_call(name, truth, rep):
    pattern = truth.get("call_id")
    if not pattern or name in NO_SDP:
        return
    found = [c for c in rep["calls"] if c["call_id"] == pattern or re.fullmatch(pattern.replace("*", ".*"), c["call_id"])]
    if not found:
        failures.append(f"{name}: call {pattern} is not in the report")
        return
    legs = truth.get("legs", [truth])
    for leg in legs:
        for key in ("negotiated",):
            if leg.get(key) is not None and (name, key) not in EXPLAINED:
                leg[key] = NAMES.get(leg[key], leg[key])
                seen = [m[key] for c in found for m in c["media"] if m["kind"] in ("audio", "video")]
                if leg[key] not in seen:
                    failures.append(f"{name}: call {pattern}: {key} is {seen}, not {leg[key]}")


missing = []
for truth_path in sorted(root.rglob("*.truth.json")):
    if {"stir", "fraud", "timeline"} & set(truth_path.relative_to(root).parts):
        continue  # of other tools
    stem = truth_path.name[: -len(".truth.json")]
    truth = json.loads(truth_path.read_text())
    capture = next((truth_path.with_name(stem + end) for end in (".pcap", ".pcapng", ".hep") if truth_path.with_name(stem + end).exists()), None)
    if capture is None:
        failures.append(f"{truth_path.name}: no capture beside it")
        continue
    captures += 1
    keylog = truth_path.with_name(stem + ".keylog")
    rep = report(capture, ["--keylog", str(keylog)] if keylog.exists() else [])
    if rep is None:
        continue
    for stream in truth.get("streams", []):
        check_stream(stem, stream, rep)
    for call in truth.get("calls", []):
        check_call(stem, call, rep)

print(f"{captures} captures, {streams} streams, {len(undetermined)} undetermined, {proven} proven by tags")
for line in missing:
    print("FAIL", line)
failures += missing
for line in undetermined:
    print("undetermined:", line)
for line in failures:
    print("FAIL", line)
if captures == 0 or failures or len(undetermined) > 0.03 * max(streams, 1):
    sys.exit(1)
