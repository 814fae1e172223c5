#!/usr/bin/env python3
"""What decides how a run ends, for every tool over captures that it has much to say about: the exit status, the policy,
the baseline, expectations; and what may not be written over.

usage: decisions.py --testdata DIR PROGRAM...
"""
import argparse
import gzip
import json
import lzma
import os
import resource
import signal
import subprocess
import sys
import tempfile

import programs

failures = []
CAPTURES = {"srtp-check": "calls/lying-savp.pcap", "stir-verify": "stir/calls/tokens.pcap.gz",
            "fraud-scan": "timeline/incident.pcap.xz", "timeline": "timeline/incident.pcap.xz"}
LEVELS = ["info", "low", "medium", "high", "critical"]


def check(what, good, detail=""):
    if not good:
        failures.append(what)
        print("FAILED", what, str(detail)[:400])


def counts(finding, level):
    return finding["status"] == "new" and finding["confidence"] != "possible" and \
        LEVELS.index(finding["severity"]) >= LEVELS.index(level)


class Tool:
    def __init__(self, program, env, cwd):
        self.program, self.env, self.cwd = program, env, cwd
        self.name = os.path.basename(program)

    def run(self, *words):
        return programs.run([self.program, *words], self.env, self.cwd)

    def report(self, *words):
        got = self.run("-f", "json", *words)
        check(f"{self.name} {words}: a report", got.returncode in (0, 1, 3), got.stderr)
        return got.returncode, json.loads(got.stdout)


def statuses(tool, whole):
    """Contract: 0 clean, 1 findings, 2 could not run, 3 incomplete; 2 before 3 before 1. In every format but nagios."""
    cut = whole[: len(whole) * 6 // 10]
    open(os.path.join(tool.cwd, "cut.pcap"), "wb").write(cut)
    open(os.path.join(tool.cwd, "empty.pcap"), "wb").write(b"")
    open(os.path.join(tool.cwd, "head.pcap"), "wb").write(whole[:24])
    open(os.path.join(tool.cwd, "text.pcap"), "w").write("not a capture\n")
    os.mkdir(os.path.join(tool.cwd, "folder"))
    _, report = tool.report("a.pcap")
    for level in LEVELS:
        status, again = tool.report("--fail-on", level, "a.pcap")
        check(f"{tool.name} --fail-on {level}", status == int(any(counts(f, level) for f in report["findings"])), status)
        check(f"{tool.name} --fail-on {level} changes no report", again == report)
    first = next(f for f in report["findings"] if counts(f, "info"))
    for word in (first["id"], first["name"], first["id"].lower() + ",critical"):
        check(f"{tool.name} --fail-on {word}", tool.run("--fail-on", word, "a.pcap").returncode == 1)
    check(f"{tool.name} --fail-on never", tool.run("--fail-on", "never", "a.pcap").returncode == 0)
    hidden, quiet = tool.report("--min-severity", "critical", "--fail-on", "info", "a.pcap")
    check(f"{tool.name} --min-severity only hides", hidden == 1 and quiet["summary"]["findings"] == report["summary"]["findings"])
    for words, wanted in ((["cut.pcap"], 3), (["--fail-on", "info", "cut.pcap"], 3), (["--fail-on", "never", "cut.pcap"], 3),
                          (["a.pcap", "missing.pcap"], 3), (["a.pcap", "text.pcap"], 3), (["a.pcap", "empty.pcap"], 3),
                          (["missing.pcap"], 2), (["text.pcap"], 2), (["empty.pcap"], 2), (["folder"], 2), ([], 2),
                          (["head.pcap"], 0), (["--filter", "port 9", "a.pcap"], 0), (["--from", "2100-01-01T00:00:00Z", "a.pcap"], 0),
                          (["--filter", "no such word", "a.pcap"], 2), (["--policy", "missing.toml", "a.pcap"], 2),
                          (["--keylog", "missing", "cut.pcap"], 2), (["-o", "json=missing/x", "cut.pcap"], 2)):
        got = tool.run(*words)
        check(f"{tool.name} {' '.join(words)}: status {wanted}", got.returncode == wanted, (got.returncode, got.stderr))
        if wanted == 2:
            check(f"{tool.name} {' '.join(words)}: one line says why", got.stdout == b"" and got.stderr.startswith(tool.name.encode() + b": ")
                  and got.stderr.count(b"\n") == 1, got.stderr)
        nagios = tool.run("-f", "nagios", *words).returncode
        allowed = {0: (0, 1), 2: (3,), 3: (2, 3)}[wanted]  # what was found is critical, also when not all was seen
        check(f"{tool.name} -f nagios {' '.join(words)}: status", nagios in allowed, nagios)
    unseen = [["head.pcap"], ["--filter", "port 9", "a.pcap"], ["--from", "2100-01-01T00:00:00Z", "a.pcap"]]
    if tool.name != "timeline":  # it tells a call together with the campaign around it
        unseen.append(["--call-id", "nobody", "a.pcap"])
    for words in unseen:
        _, nothing = tool.report(*words)
        passed = [c["id"] for c in nothing["checks"] if c["pass"] and not c["id"].startswith("TL-")]  # those are about the files
        check(f"{tool.name} {' '.join(words)}: nothing seen is no pass", not passed and len(nothing["coverage"]["notes"]) >= 1, passed)


def policies(tool):
    _, report = tool.report("a.pcap")
    finding = next(f for f in report["findings"] if counts(f, "info"))
    same = [f for f in report["findings"] if f["id"] == finding["id"]]
    path = os.path.join(tool.cwd, "site.toml")

    def policy(text):
        open(path, "w").write(text)
        return tool.report("--policy", "site.toml", "a.pcap")[1]

    for severity in ("critical", "info"):
        moved = policy(f"[severity]\n\"{finding['id']}\" = \"{severity}\"\n")
        check(f"{tool.name}: the policy's severity counts", all(f["severity"] == severity for f in moved["findings"] if f["id"] == finding["id"])
              and moved["summary"]["findings"][severity] >= len(same), moved["summary"])
    off = policy(f"[[suppress]]\ncheck = \"{finding['name']}\"\nreason = \"known, ticket 7\"\nexpires = 2100-01-01\n")
    known = [f for f in off["findings"] if f["id"] == finding["id"]]
    check(f"{tool.name}: a suppression is shown, with its reason", len(known) == len(same) and
          all(f["status"] == "suppressed" and f["status_reason"] == "known, ticket 7" for f in known), known[:1])
    check(f"{tool.name}: all else is as it was", [f["fingerprint"] for f in off["findings"]] == [f["fingerprint"] for f in report["findings"]]
          and sum(f["status"] != "new" for f in off["findings"]) == len(same))
    check(f"{tool.name}: what is suppressed fails nothing",
          tool.run("--policy", "site.toml", "--fail-on", finding["id"], "a.pcap").returncode == 0)
    one = policy(f"[[suppress]]\ncheck = \"*\"\nfingerprint = \"{finding['fingerprint']}\"\nreason = \"r\"\n")
    check(f"{tool.name}: a suppression by fingerprint", {f["fingerprint"] for f in one["findings"] if f["status"] == "suppressed"} ==
          {finding["fingerprint"]})
    old = policy(f"[[suppress]]\ncheck = \"{finding['id']}\"\nreason = \"r\"\nexpires = 2001-01-01\n")
    check(f"{tool.name}: an expired suppression is told and does nothing", all(f["status"] == "new" for f in old["findings"]) and
          any("expired" in note for note in old["policy"]["notes"]), old["policy"])
    idle = policy("[[suppress]]\ncheck = \"*\"\ncall = \"nobody@nowhere\"\nreason = \"r\"\n")
    check(f"{tool.name}: a suppression that matches nothing is told", len(idle["policy"]["notes"]) == 1, idle["policy"])
    open(path, "w").write("[site]\ncountry = \"US\"\nnetwork = []\n")
    got = tool.run("--policy", "site.toml", "a.pcap")
    check(f"{tool.name}: an unknown key is an error with line and suggestion", got.returncode == 2 and b"site.toml:3" in got.stderr and
          b"networks" in got.stderr, got.stderr)
    got = tool.run("--policy", "site.toml", "--dump-policy")
    check(f"{tool.name}: nor is it dumped", got.returncode == 2)


def baselines(tool):
    _, report = tool.report("--write-baseline", "known.json", "a.pcap")
    status, again = tool.report("--baseline", "known.json", "--fail-on", "info", "a.pcap")
    check(f"{tool.name}: what the baseline holds is shown and fails nothing", status == 0 and
          [f["fingerprint"] for f in again["findings"]] == [f["fingerprint"] for f in report["findings"]] and
          all(f["status"] == "baselined" for f in again["findings"]), again["summary"])
    known = json.load(open(os.path.join(tool.cwd, "known.json")))
    gone = next(f for f in report["findings"] if counts(f, "info"))["fingerprint"]
    known["findings"] = [f for f in known["findings"] if f["fingerprint"] != gone]
    json.dump(known, open(os.path.join(tool.cwd, "less.json"), "w"))
    status, fresh = tool.report("--baseline", "less.json", "--fail-on", "info", "a.pcap")
    check(f"{tool.name}: what it does not hold is new", status == 1 and
          {f["fingerprint"] for f in fresh["findings"] if f["status"] == "new"} == {gone})
    got = tool.run("--baseline", "less.json", "--write-baseline", "less.json", "-o", "json=x.json", "a.pcap")
    check(f"{tool.name}: a baseline is brought up to date in place", got.returncode in (0, 1) and
          tool.run("--baseline", "less.json", "--fail-on", "info", "a.pcap").returncode == 0, got.stderr)
    for other in programs_of:
        if os.path.basename(other) != tool.name:
            got = programs.run([other, "--baseline", "known.json", "a.pcap"], tool.env, tool.cwd)
            check(f"{os.path.basename(other)}: a baseline of {tool.name} is refused", got.returncode == 2 and b"another tool" in got.stderr, got.stderr)
            break


def expectations(tool):
    tool.run("--write-expect", "expect.toml", "-o", "json=x.json", "a.pcap")
    path = os.path.join(tool.cwd, "expect.toml")
    text = open(path).read()
    got = tool.run("--expect", "expect.toml", "a.pcap")
    check(f"{tool.name}: as expected", got.returncode == 0 and got.stdout == b"as expected by expect.toml\n", got.stdout)
    head, *entries = text.split("[[finding]]")
    open(path, "w").write(head + "".join("[[finding]]" + entry for entry in entries[1:]))
    got = tool.run("--expect", "expect.toml", "a.pcap")
    check(f"{tool.name}: one too many", got.returncode == 1 and got.stdout.count(b"\n+ ") == 1 and b"\n- " not in got.stdout, got.stdout)
    open(path, "w").write(text + "\n[[finding]]\nid = \"" + json.loads(tool.run("--list-checks", "-f", "json").stdout)[0]["id"] +
                          "\"\ncall = \"nobody@nowhere\"\n")
    got = tool.run("--expect", "expect.toml", "a.pcap")
    check(f"{tool.name}: one missing", got.returncode == 1 and got.stdout.count(b"\n- ") == 1 and b"\n+ " not in got.stdout, got.stdout)
    open(path, "w").write("[[finding]]\nid = \"NONE-001\"\n")
    check(f"{tool.name}: an unknown check is an error", tool.run("--expect", "expect.toml", "a.pcap").returncode == 2)


def nothing_lost(tool):
    """No way to write over an input, one output over another, or half a file."""
    before = open(os.path.join(tool.cwd, "a.pcap"), "rb").read()
    at = lambda name: os.path.join(tool.cwd, name)
    os.symlink("a.pcap", at("soft"))
    os.link(at("a.pcap"), at("hard"))
    own = {"fraud-scan": [["--emit", "nftables={}"], ["--write-profile", "{}"], ["--state", "{}"]]}.get(tool.name, [])
    ways = [["-o", "{}"], ["-o", "json={}"], ["-o", "csv={}"], ["--write-baseline", "{}"], ["--write-expect", "{}"], ["--annotate", "{}"], *own]
    for way in ways:
        for target in ("a.pcap", "soft", "hard", "./a.pcap"):
            for given in ("a.pcap", "."):
                got = tool.run(*[word.format(target) for word in way], given)
                check(f"{tool.name} {way} {target} over {given}: refused", got.returncode == 2 and got.stderr.count(b"\n") == 1, got.stderr)
                if open(at("a.pcap"), "rb").read() != before:
                    check(f"{tool.name} {way} {target} over {given}: the input is as it was", False)
                    open(at("a.pcap"), "wb").write(before)
    for first in ways[1:]:
        for second in (["-o", "json={}"], ["--annotate", "{}"]):
            if first == second or "json={}" in first and second == ["-o", "json={}"]:
                continue
            got = tool.run(*[word.format("one") for word in first], *[word.format("./one") for word in second], "a.pcap")
            check(f"{tool.name} {first} and {second} into one file: refused", got.returncode == 2 and not os.path.exists(at("one")), got.stderr)
            if os.path.exists(at("one")):
                os.unlink(at("one"))
    open(at("report"), "w").write("old")
    os.symlink("later", at("ahead"))
    got = tool.run("-o", "json=ahead", "a.pcap")
    check(f"{tool.name}: a link to a file that is not there yet stays a link", os.path.islink(at("ahead")) and os.path.exists(at("later")), got.stderr)
    entries = sorted(os.listdir(tool.cwd))

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    got = programs.run([tool.program, "-o", "json=report", "a.pcap"], tool.env, tool.cwd, preexec_fn=small_disk)
    check(f"{tool.name}: a disk that fills leaves the old report", got.returncode == 2 and open(at("report")).read() == "old" and
          b"can't write report" in got.stderr, (got.returncode, got.stderr))
    check(f"{tool.name}: and nothing beside it", sorted(os.listdir(tool.cwd)) == entries, os.listdir(tool.cwd))
    for device in ("/dev/full",):
        for way in (["-o", "text={}"], ["--write-baseline", "{}"], ["--annotate", "{}"]):
            got = tool.run(*[word.format(device) for word in way], "a.pcap")
            check(f"{tool.name} {way} on a full device: status 2", got.returncode == 2, (got.returncode, got.stderr))


def ended_early(tool, path):
    """SIGTERM and SIGINT end the run as a shell expects, and leave nothing."""
    for number in (signal.SIGTERM, signal.SIGINT):
        os.mkfifo(path)
        process = subprocess.Popen([tool.program, "-o", "json=never.json", path], env=tool.env, cwd=tool.cwd,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(path, "wb") as writer:
            writer.write(open(os.path.join(tool.cwd, "a.pcap"), "rb").read()[:4000])
            writer.flush()
            process.send_signal(number)
            out, _ = process.communicate(timeout=60)
        check(f"{tool.name}: {number.name} ends it", process.returncode == -number and out == b"", process.returncode)
        check(f"{tool.name}: {number.name} leaves nothing", not [n for n in os.listdir(tool.cwd) if "never" in n])
        os.unlink(path)


def main():
    global programs_of
    parser = argparse.ArgumentParser()
    parser.add_argument("--testdata", required=True)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    env = programs.environment(args.programs)
    programs_of = programs.tools(args.programs)
    for program in programs_of:
        source = os.path.join(os.path.abspath(args.testdata), CAPTURES.get(os.path.basename(program), "calls/lying-savp.pcap"))
        opener = gzip.open if source.endswith(".gz") else lzma.open if source.endswith(".xz") else open
        whole = opener(source, "rb").read()
        for step in (statuses, policies, baselines, expectations, nothing_lost, ended_early):
            with tempfile.TemporaryDirectory() as scratch:
                open(os.path.join(scratch, "a.pcap"), "wb").write(whole)
                tool = Tool(program, env, scratch)
                if step is statuses:
                    step(tool, whole)
                elif step is ended_early:
                    step(tool, os.path.join(scratch, "pipe"))
                else:
                    step(tool)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
