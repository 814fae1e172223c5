#!/usr/bin/env python3
"""Holds every output format against a validator that was not written here, and against the JSON report of the same run.

usage: formats.py --schemas DIR --testdata DIR PROGRAM...
SARIF: OASIS's schema. JUnit: Jenkins' schema (xmllint) and junitparser. CSV: Python's reader. Prometheus: promtool and
the Python client's parser. --annotate: tshark. What is not installed is told and left out. All tools also read a capture
whose senders want to write into the report themselves.
"""
import argparse
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

import hostile
import programs
import tables

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)

HOSTILE = b"x\x1b]0;t\x07 \xc2\x9b \xe2\x80\xae <script>&\"']]> \xff\xfe | a,b;=1 [l](http://e) %0A\r\n::error::y"
failures = []
left_out = set()


def check(what, good, detail=""):
    if not good:
        failures.append(what)
        print("FAILED", what, str(detail)[:400])


def run(command, env, cwd):
    got = programs.run(command, env, cwd)
    check(f"{command[0]} runs", got.returncode in (0, 1, 2, 3), got.stderr)
    return got


def clean_text(name, data):
    """UTF-8 without anything that a terminal or browser would obey."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        check(f"{name}: valid UTF-8", False, error)
        return ""
    bad = [c for c in text if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0 or c in "\u202e\u2066"]
    check(f"{name}: no control characters", not bad, bad)
    return text


def sarif(name, text, report, validator):
    log = json.loads(text)
    for error in list(validator.iter_errors(log))[:3]:
        check(f"{name}: the OASIS schema", False, f"{error.json_path} {error.message}")
    run_ = log["runs"][0]
    rules = [rule["id"] for rule in run_["tool"]["driver"]["rules"]]
    check(f"{name}: a rule for each check", rules == [c["id"] for c in report["checks"]])
    check(f"{name}: a result for each finding", len(run_["results"]) == len(report["findings"]))
    for result, finding in zip(run_["results"], report["findings"]):
        place = result["locations"][0]["physicalLocation"]
        check(f"{name}: the frame is the line", place["region"]["startLine"] == finding["evidence"][0]["frame"])
        check(f"{name}: the artifact is the input",
              place["artifactLocation"]["uri"] == run_["artifacts"][finding["evidence"][0]["input"]]["location"]["uri"])
        check(f"{name}: the rule's index", rules[result["ruleIndex"]] == finding["id"] == result["ruleId"])
        check(f"{name}: a level", result["level"] in ("error", "warning", "note"))
        check(f"{name}: the fingerprint", result["partialFingerprints"]["voipFinding/v1"] == finding["fingerprint"])
        check(f"{name}: suppressed is suppressed", ("suppressions" in result) == (finding["status"] != "new"))
        check(f"{name}: nobody sets a link", "](" not in result["message"]["text"])
    for artifact in run_["artifacts"]:
        uri = artifact["location"]["uri"]
        check(f"{name}: a URI", re.fullmatch(r"[A-Za-z0-9._~/%:-]+", uri) is not None, uri)


def junit(name, text, report, xsd):
    root = ET.fromstring(text)
    suite = root.find("testsuite")
    cases = suite.findall("testcase")
    count = lambda tag: sum(case.find(tag) is not None for case in cases)
    for attribute, value in (("tests", len(cases)), ("failures", count("failure")), ("errors", count("error")),
                             ("skipped", count("skipped"))):
        check(f"{name}: the number of {attribute}", int(suite.get(attribute)) == value, suite.attrib)
    skipped = sum(finding["status"] != "new" for finding in report["findings"])
    check(f"{name}: known findings are skipped", count("skipped") >= skipped)
    check(f"{name}: an incomplete run is an error", count("error") == (0 if report["coverage"]["complete"] else 1))
    failing = sum(f["status"] == "new" and f["severity"] in ("high", "critical") and f["confidence"] != "possible"
                  for f in report["findings"])
    check(f"{name}: what reaches --fail-on is a failure", count("failure") == failing, (count("failure"), failing))
    if shutil.which("xmllint"):
        # Jenkins' schema is older than the reason of a skipped case, which its readers show.
        plain = re.sub(r'<skipped message="[^"]*"/>', "<skipped/>", text)
        got = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", xsd, "-"], input=plain.encode(),
                             capture_output=True, check=False)
        check(f"{name}: Jenkins' schema", got.returncode == 0, got.stderr[:300])
    else:
        left_out.add("xmllint")
    try:
        import junitparser
    except ImportError:
        left_out.add("junitparser")
        return
    parsed = junitparser.JUnitXml.fromroot(ET.fromstring(text))
    check(f"{name}: junitparser counts the same", (parsed.tests, parsed.failures, parsed.errors) ==
          (len(cases), count("failure"), count("error")))


def table(name, text, report):
    rows = list(csv.reader(io.StringIO(text), strict=True))
    check(f"{name}: as many fields in each record", len({len(row) for row in rows}) == 1)
    records = list(csv.DictReader(io.StringIO(text)))
    check(f"{name}: a record for each finding", [r["fingerprint"] for r in records] ==
          [f["fingerprint"] for f in report["findings"]])
    check(f"{name}: a record a line", text.count("\n") == len(rows))
    for row in rows[1:]:
        check(f"{name}: no formula", not any(cell[:1] in ("=", "@") for cell in row), row)


def prometheus(name, text, report):
    check(f"{name}: a last line end", text.endswith("\n"))
    if shutil.which("promtool"):
        got = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)
        check(f"{name}: promtool is content", got.returncode == 0 and not got.stdout, got.stdout + got.stderr)
    else:
        left_out.add("promtool")
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        left_out.add("prometheus_client")
        return
    metrics = {family.name: family for family in text_string_to_metric_families(text)}
    sums = {}
    for sample in metrics["voip_audit_findings"].samples:
        sums[sample.labels["rule"]] = sums.get(sample.labels["rule"], 0) + sample.value
        check(f"{name}: no client time", sample.timestamp is None)
    wanted = {c["id"]: sum(f["id"] == c["id"] and f["status"] == "new" for f in report["findings"]) for c in report["checks"]}
    check(f"{name}: a series for every check, with its findings", sums == wanted)
    check(f"{name}: success is complete",
          metrics["voip_audit_last_run_success"].samples[0].value == int(report["coverage"]["complete"]))


def ecs(name, text, report):
    events = [json.loads(line) for line in text.splitlines()]
    check(f"{name}: an event for each finding and one for the run", len(events) == len(report["findings"]) + 1)
    for event in events:
        check(f"{name}: a time", re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event["@timestamp"]) is not None)
        check(f"{name}: the schema's version and kind", event["ecs"]["version"] == "8.11" and
              event["event"]["kind"] in ("alert", "metric"))
        check(f"{name}: objects, not dotted keys", not any("." in key for key in event))
    check(f"{name}: ids are unique", len({e["event"].get("id") for e in events}) == len(events) or
          len({(f["fingerprint"], f["evidence"][0]["frame"]) for f in report["findings"]}) < len(report["findings"]))


def gitlab(name, text, report):
    for issue in json.loads(text):
        check(f"{name}: GitLab's fields", issue["severity"] in ("info", "minor", "major", "critical", "blocker") and
              issue["location"]["lines"]["begin"] >= 1 and issue["fingerprint"] and issue["description"] and
              issue["location"]["path"])
    check(f"{name}: an issue for each new finding",
          len(json.loads(text)) == sum(f["status"] == "new" for f in report["findings"]))


def github(name, text, _):
    for line in text.splitlines():
        check(f"{name}: a workflow command", re.match(r"::(error|warning|notice) [a-z]+=[^:,]*(,[a-z]+=[^:,]*)*::", line), line)
    check(f"{name}: at most ten errors", sum(line.startswith("::error") for line in text.splitlines()) <= 10)


def nagios(name, text, status, report):
    match = re.match(r"[A-Z-]+ (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]*\| (.*)\n", text)
    check(f"{name}: the plugin's line", match is not None, text)
    if match:
        check(f"{name}: the word is the status", ["OK", "WARNING", "CRITICAL", "UNKNOWN"][status] == match[1])
        for item in match[2].split(" "):
            check(f"{name}: performance data", re.fullmatch(r"[a-z]+=\d+c?(;;;0)?", item), item)
    check(f"{name}: one bar", text.count("|") == 1)


def annotated(program, env, data, path, scratch):
    name = f"{os.path.basename(program)} --annotate {os.path.basename(path)}"
    out = os.path.join(scratch, "evidence.pcapng")
    got = run([program, "-f", "json", "--fail-on", "never", "--annotate", out, path], env, data)
    report = json.loads(got.stdout)
    wanted = {}
    for finding in report["findings"]:
        for evidence in finding["evidence"]:
            wanted.setdefault(evidence["frame"], []).append(finding["id"])
    if not shutil.which("tshark"):
        left_out.add("tshark")
        return
    fields = ["-T", "json", "-e", "frame.comment", "-e", "frame.time_epoch", "-e", "frame.len", "-o", "frame.generate_md5_hash:TRUE",
              "-e", "frame.md5_hash"]
    read = lambda file: json.loads(subprocess.run(["tshark", "-n", "-r", file, *fields], capture_output=True, check=True, cwd=data).stdout)
    packets = read(out)
    original = read(path)
    check(f"{name}: the packets that findings point to", len(packets) == len(wanted), (len(packets), len(wanted)))
    for packet in packets:
        layers = packet["_source"]["layers"]
        comments = layers["frame.comment"]
        number = int(comments[0].rsplit("#", 1)[1])
        source = original[number - 1]["_source"]["layers"]
        for field in ("frame.md5_hash", "frame.time_epoch", "frame.len"):
            check(f"{name}: {field} of #{number} is as it was", layers[field] == source[field], (layers[field], source[field]))
        told = [comment.split(" ")[0] for comment in comments[1:]]
        check(f"{name}: #{number} tells its findings", sorted(told) == sorted(wanted.get(number, [])), (told, wanted.get(number)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schemas", required=True)
    parser.add_argument("--testdata", required=True)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    env = programs.environment(args.programs)
    data = os.path.abspath(args.testdata)
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
    schemas = os.path.abspath(args.schemas)
    oasis = json.load(open(os.path.join(schemas, "sarif-2.1.0-rtm.5.json"), encoding="utf-8"))
    validator = jsonschema.Draft4Validator(oasis)
    xsd = os.path.join(schemas, "jenkins-junit.xsd")
    stub = next(os.path.abspath(p) for p in args.programs if os.path.basename(p) == "voip-stub")
    small = os.path.join(here, "small.pcap")
    policy = os.path.join(here, "suppress.toml")
    runs = [[stub, small],
            [stub, "--bad", "3", "--poor", "30", "--hash", small, os.path.join(here, "other.pcap")],
            [stub, "--bad", "2", "--limit", "--confidence", "possible", small],
            [stub, "--bad", "2", "--poor", "2", "--message", HOSTILE, "--call", HOSTILE, "--account", HOSTILE, small],
            [stub, "--bad", "1", "--token", HOSTILE],
            [stub, "--bad", "2", "--poor", "1", "--policy", policy, "--call", "a@lab", "--account", "test-7", "--source",
             "192.0.2.5:5060", "--number", "+12125550100", small]]
    # What each tool has much to say about.
    own = {"srtp-check": [["calls"], ["srtp"]], "stir-verify": [["--trust", "stir/roots.pem", "--certs", "stir/calls/certs.tsv", "stir/calls"]],
           "fraud-scan": [["timeline/incident.pcap.xz"], ["fraud/attacks/stuffing-distributed.pcap.xz"]],
           "timeline": [["timeline/incident.pcap.xz"], ["calls/sbc-srtp-rtp.pcap"]]}
    evil = tempfile.TemporaryDirectory()
    # No slash may be in a file's name; all else may.
    evil_path = os.path.join(evil.name.encode(), HOSTILE.replace(b"/", b"") + b" |x:,%0A.pcap")
    hostile.write(evil_path)
    for tool in programs.tools(args.programs):
        runs += [[tool, path] for path in ("calls/lying-savp.pcap", "captures/hdr-only.pcap")]
        runs += [[tool, *words] for words in own.get(os.path.basename(tool), [])]
        runs += [[tool, evil_path]]
    filled = {}
    for command in runs:
        name = " ".join([os.path.basename(command[0]), *(w if isinstance(w, str) and len(w) < 40 else "..." for w in command[1:])])
        with tempfile.TemporaryDirectory() as scratch:
            forms = ["json", "sarif", "junit", "csv", "prometheus", "ecs", "gitlab", "github", "markdown", "nagios", "text", "html",
                     "ndjson"]
            forms += [form for form in programs.formats(command[0], env, data) if form not in forms]
            outputs = [word for form in forms for word in ("-o", f"{form}={os.path.join(scratch, form)}")]
            got = run([*command, *outputs], env, data)
            check(f"{name}: silent with -o", got.stdout == b"")
            if got.returncode == 2:
                check(f"{name}: runs", False, got.stderr)
                continue
            text = {form: clean_text(f"{name} -f {form}", open(os.path.join(scratch, form), "rb").read()) for form in forms}
            one = run([*command, "-f", "sarif"], env, data)
            check(f"{name}: the same to a file and to standard output", one.stdout.decode() == text["sarif"])
            plugin = run([*command, "-f", "nagios"], env, data)
        report = json.loads(text["json"])
        for form in forms:
            if form.startswith("csv-"):
                tables.compare(f"{os.path.basename(command[0])} {form}", form[4:], text[form], report, check, filled)
        sarif(f"{name} -f sarif", text["sarif"], report, validator)
        junit(f"{name} -f junit", text["junit"], report, xsd)
        table(f"{name} -f csv", text["csv"], report)
        prometheus(f"{name} -f prometheus", text["prometheus"], report)
        ecs(f"{name} -f ecs", text["ecs"], report)
        gitlab(f"{name} -f gitlab", text["gitlab"], report)
        github(f"{name} -f github", text["github"], report)
        nagios(f"{name} -f nagios", plugin.stdout.decode(), plugin.returncode, report)
        markup = re.sub(r"`[^`\n]*`", "", text["markdown"]).replace("\\<", "")
        check(f"{name} -f markdown: no markup from outside", "<" not in markup and "](" not in markup.replace("\\]", ""), markup[-300:])
        check(f"{name} -f html: no markup from outside", "<script>alert" not in text["html"] and "<x/>" not in text["html"])
        check(f"{name} -f text: lines that end", max(map(len, text["text"].split("\n"))) < 20_000)
    for (tool, name), columns in filled.items():
        for column, any_value in columns.items():
            check(f"{tool} csv-{name}: some capture fills {column}", any_value or tool == "voip-stub")
    # The schema must be able to refuse.
    check("the OASIS schema refuses", not validator.is_valid({"version": "2.1.0", "runs": [{"tool": {}}]}))
    with tempfile.TemporaryDirectory() as scratch:
        annotated(stub, env, here, "small.pcap", scratch)
        for tool in programs.tools(args.programs):
            for path in ("calls/lying-savp.pcap", "stir/calls/stories.pcap.gz", "fraud/toll/irsf-night.pcap.gz"):
                annotated(tool, env, data, path, scratch)
    print(f"{len(runs)} runs, {len(failures)} failed" + (f", not installed: {sorted(left_out)}" if left_out else ""))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
