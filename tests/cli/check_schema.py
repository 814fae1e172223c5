#!/usr/bin/env python3
"""Validates real reports against doc/report.schema.json, JSON and NDJSON alike, and what no schema can say.

usage: check_schema.py --schema FILE --testdata DIR PROGRAM...
Gives 77 (skipped) when python3-jsonschema is not there.
"""
import argparse
import json
import os
import sys

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)

import programs

LINES = {"input": "input", "coverage": "coverage", "summary": "summary", "policy": "policy", "check": "check", "finding": "finding",
         "call": "leg", "orphan_stream": "stream"}
PLURALS = {"input": "inputs", "check": "checks", "finding": "findings", "call": "calls", "orphan_stream": "orphan_streams"}
# What a call is depends on the tool.
CALLS = {"srtp-check": "leg", "stir-verify": "verified_call", "timeline": "timeline_call"}
# All captures for the first tool; for each other one those of its own folder, and all together once.
FOLDERS = {"stir-verify": ["stir"], "fraud-scan": ["fraud"], "timeline": ["timeline", "hep"]}
failures = 0


def fail(*words):
    global failures
    failures += 1
    print("FAILED", *words)


def unique_keys(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key stands twice among {keys}")
    return dict(pairs)


def load(text):
    def no_constant(name):
        raise ValueError(name)
    return json.loads(text.decode("utf-8"), object_pairs_hook=unique_keys, parse_constant=no_constant)


def check_sense(name, report):
    """What a reader relies on beyond the shape."""
    ids = [check["id"] for check in report["checks"]]
    if ids != sorted(set(ids)):
        fail(name, "checks are not in the order of ids, or not unique")
    totals = dict.fromkeys(report["summary"]["findings"], 0)
    order = []
    for finding in report["findings"]:
        totals[finding["severity"]] += 1
        first = finding["evidence"][0]
        order.append((first["time"] or "", first["input"], first["frame"], finding["id"]))
        if finding["id"] not in ids:
            fail(name, finding["id"], "is not among the checks")
        elif not any(c[v] for c in report["checks"] if c["id"] == finding["id"] for v in ("fail", "pass", "not_applicable", "not_assessable")):
            fail(name, finding["id"], "has findings, and no subject")
        for evidence in finding["evidence"]:
            if evidence["input"] >= len(report["inputs"]):
                fail(name, "evidence of an input that is not there")
            elif evidence["frame"] > report["inputs"][evidence["input"]]["packets"]:
                fail(name, "evidence of a frame that is not there:", finding["id"], evidence)
    if totals != report["summary"]["findings"]:
        fail(name, "summary counts", report["summary"]["findings"], "but lists", totals)
    if order != sorted(order):
        fail(name, "findings are not in order")


def check_lines(name, schema, text, report):
    lines = [load(line) for line in text.splitlines()]
    types = [line["type"] for line in lines]
    if types[0] != "run" or types[-1] != "summary" or types.count("run") != 1 or types.count("summary") != 1:
        fail(name, "lines don't begin with run and end with summary")
    for line in lines:
        kind = line.pop("type")
        definition = CALLS.get(report["tool"], "leg") if kind == "call" else LINES.get(kind)
        if definition is not None:
            part = {"$ref": "#/$defs/" + definition, "$defs": schema["$defs"]}
            for error in jsonschema.Draft202012Validator(part).iter_errors(line):
                fail(name, kind, error.json_path, error.message[:200])
    for kind, plural in PLURALS.items():
        if plural in report and report[plural] != [line for line, t in zip(lines, types) if t == kind]:
            fail(name, f"NDJSON tells other {plural} than JSON")


def captures(folder):
    for path, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name.endswith((".pcap", ".pcapng", ".hep", ".gz", ".zst", ".xz", ".lz4")):
                yield os.path.join(path, name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schema", required=True)
    parser.add_argument("--testdata", required=True)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    schema = json.load(open(args.schema, encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    env = programs.environment(args.programs)
    data = os.path.abspath(args.testdata)
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
    stub = next(os.path.abspath(p) for p in args.programs if os.path.basename(p) == "voip-stub")
    runs = [[stub, "--bad", "3", "--poor", "2", "--hash", os.path.join(here, "small.pcap"), os.path.join(here, "other.pcap")]]
    for tool in programs.tools(args.programs):
        for folder in FOLDERS.get(os.path.basename(tool), ["."]):
            runs += [[tool, "--hash", path] for path in captures(os.path.join(data, folder))]
        runs.append([tool, data])
    reports = 0
    for command in runs:
        name = " ".join([os.path.basename(command[0]), *(os.path.relpath(w, data) for w in command[1:] if "/" in w)])
        got = programs.run([*command, "-f", "json"], env, data)
        if got.returncode == 2 and not got.stdout:
            continue  # not a capture at all: some test data is meant to be that
        if got.returncode not in (0, 1, 3):
            fail(name, "status", got.returncode, got.stderr[-300:])
            continue
        try:
            report = load(got.stdout)
        except ValueError as error:
            fail(name, error)
            continue
        reports += 1
        for error in list(validator.iter_errors(report))[:5]:
            fail(name, error.json_path, error.message[:200])
        check_sense(name, report)
        if reports % 4 == 1:
            check_lines(name, schema, programs.run([*command, "-f", "ndjson"], env, data).stdout, report)
    # The schema must be able to refuse.
    report["surprise"] = 1
    report["findings"] = [{}]
    if validator.is_valid(report) or not reports:
        fail("the schema refuses nothing")
    print(f"{reports} reports, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
