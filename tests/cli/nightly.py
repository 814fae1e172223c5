#!/usr/bin/env python3
"""Runs doc/nightly.sh as it stands, night after night, over a folder of rotated captures.

usage: nightly.py --source DIR PROGRAM...
"""
import argparse
import fcntl
import gzip
import json
import lzma
import os
import re
import shutil
import struct
import sys
import tempfile
import time

import programs

failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(what)
        print("FAILED", what, str(detail)[:600])


def all_tools(source, tools, env):
    """A break-in that begins in one night's files and succeeds in the next night's."""
    with tempfile.TemporaryDirectory() as scratch:
        captures, state, metrics = (os.path.join(scratch, name) for name in ("captures", "state", "metrics"))
        os.mkdir(captures)
        os.mkdir(metrics)
        config = os.path.join(scratch, "nightly.conf")
        with open(config, "w") as out:
            out.write(f"captures={captures}\nstate={state}\nmetrics={metrics}\ntools=\"{' '.join(tools)}\"\n"
                      f"stir=\"--trust {source}/testdata/stir/roots.pem\"\n")
        whole = lzma.open(os.path.join(source, "testdata", "timeline", "incident.pcap.xz")).read()
        order = "<" if whole[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        at, frames = 24, [24]
        while at < len(whole):
            at += 16 + struct.unpack(order + "I", whole[at + 8:at + 12])[0]
            frames.append(at)
        middle = frames[len(frames) // 2]
        hour = time.time() - 7200
        for number, part in enumerate((whole[:middle], whole[:24] + whole[middle:], whole[:24])):
            path = os.path.join(captures, f"ring{number}.pcap")
            with open(path, "wb") as out:
                out.write(part)
            os.utime(path, (hour + number, hour + number))
            got = programs.run(["sh", os.path.join(source, "doc", "nightly.sh"), config], env, scratch)
            check(f"night {number} of all tools", got.returncode == 0 and got.stderr == b"", got)
            check(f"night {number} mails what is new", (b"== fraud-scan: exit status 1," in got.stdout) == (number > 0), got.stdout[-300:])
        for tool in tools:
            check(f"{tool} has metrics", os.path.exists(os.path.join(metrics, f"voip_audit_{tool}.prom")))
        check("fraud-scan keeps its state", os.path.getsize(os.path.join(state, "fraud-scan.state")) > 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    source = os.path.abspath(args.source)
    calls = os.path.join(source, "testdata", "calls")
    env = programs.environment(args.programs)
    with tempfile.TemporaryDirectory() as scratch:
        captures, state, metrics = (os.path.join(scratch, name) for name in ("captures", "state", "metrics"))
        os.mkdir(captures)
        os.mkdir(metrics)
        config = os.path.join(scratch, "nightly.conf")
        with open(config, "w") as out:
            out.write(f"captures={captures}\nstate={state}\nmetrics={metrics}\ntools=srtp-check\n")
        hour = time.time() - 7200

        def rotated(name, fixture, age):
            path = os.path.join(captures, name)
            shutil.copy(os.path.join(calls, fixture), path)
            os.utime(path, (hour - age, hour - age))
            return path

        def night():
            return programs.run(["sh", os.path.join(source, "doc", "nightly.sh"), config], env, scratch)

        def done():
            return open(os.path.join(state, "done")).read().split()

        got = night()
        check("an empty folder is a quiet night", got.returncode == 0 and got.stdout + got.stderr == b"", got)

        first = rotated("ring.pcap0", "lying-savp.pcap", 300)
        rotated("ring.pcap1", "plain-pcmu.pcap", 200)
        growing = rotated("ring.pcap2", "sbc-srtp-rtp.pcap", 0)
        got = night()
        check("the first findings are mailed", got.returncode == 0 and b"SRTP-004" in got.stdout and b"exit status 1" in got.stdout,
              got)
        check("nothing goes to standard error", got.stderr == b"", got.stderr)
        check("two files are done, the growing one is not", len(done()) == 2, done())
        reports = os.listdir(os.path.join(state, "reports"))
        check("a report is kept", len(reports) == 1, reports)
        report = json.load(open(os.path.join(state, "reports", reports[0])))
        check("both files were one run", sorted(os.path.basename(i["path"]) for i in report["inputs"]) == ["ring.pcap0", "ring.pcap1"])
        prom = os.path.join(metrics, "voip_audit_srtp-check.prom")
        check("metrics are written", re.search(r'voip_audit_findings\{tool="srtp-check",rule="SRTP-004".*\} [1-9]', open(prom).read())
              is not None)

        got = night()
        check("nothing new, nothing said", got.returncode == 0 and got.stdout + got.stderr == b"", got)

        # tcpdump -z gzip: another name, inode and size, the same capture.
        with gzip.open(first + ".gz", "wb") as out:
            out.write(open(first, "rb").read())
        os.utime(first + ".gz", (hour, hour))
        os.remove(first)
        os.utime(growing, (hour + 60, hour + 60))
        got = night()
        check("a compressed file is the same file", got.returncode == 0 and got.stdout == b"" and len(done()) == 2, got)

        # The ring goes on: the third file is finished, and its findings are new.
        rotated("ring.pcap3", "plain-pcmu.pcap", -120)
        got = night()
        check("new findings are mailed, known ones do not fail", b"SRTP" in got.stdout and len(done()) == 3, got)
        report = json.load(open(sorted(os.path.join(state, "reports", r) for r in os.listdir(os.path.join(state, "reports")))[-1]))
        check("only the new file was read", [os.path.basename(i["path"]) for i in report["inputs"]] == ["ring.pcap2"])

        # The same call as in the first night in other bytes: known by its baseline.
        before = set(os.listdir(os.path.join(state, "reports")))
        data = open(os.path.join(calls, "lying-savp.pcap"), "rb").read()
        again = os.path.join(captures, "copy.pcap")
        with open(again, "wb") as out:
            out.write(data[:16] + (65535).to_bytes(4, "little") + data[20:])
        os.utime(again, (hour + 30, hour + 30))
        time.sleep(1.1)  # a report's name has seconds
        got = night()
        check("known findings are no mail", got.returncode == 0 and got.stdout == b"", got)
        new = set(os.listdir(os.path.join(state, "reports"))) - before
        check("but they are in the report, as known", len(new) == 1 and
              {f["status"] for f in json.load(open(os.path.join(state, "reports", new.pop())))["findings"]} == {"baselined"})

        with open(os.path.join(state, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            got = night()
            check("a second run gives way", got.returncode == 75 and b"another run" in got.stderr, got)

        cut = os.path.join(captures, "cut.pcap")
        with open(cut, "wb") as out:
            out.write(data[:16] + (65534).to_bytes(4, "little") + data[20:9000])
        os.utime(cut, (hour + 40, hour + 40))
        time.sleep(1.1)
        got = night()
        check("a cut file is told", got.returncode == 0 and b"exit status 3" in got.stdout and b"cut.pcap" in got.stdout, got)

        with open(config, "a") as out:
            out.write("tools=\"srtp-check no-such-tool\"\n")
        late = rotated("ring.pcap4", "plain-pcmu.pcap", 0)
        with open(late, "r+b") as out:  # other bytes, so another file
            out.seek(16)
            out.write((65000).to_bytes(4, "little"))
        os.utime(late, (hour + 45, hour + 45))
        count = len(done())
        got = night()
        check("a tool that is not there is told, and nothing is done", got.returncode == 2 and b"exit status 127" in got.stdout and
              len(done()) == count, got)
        with open(config, "a") as out:
            out.write("tools=srtp-check\n")
        night()
        check("and done when it can be", len(done()) == count + 1, done())
        time.sleep(1.1)

        text = os.path.join(captures, "notes.txt")
        with open(text, "w") as out:
            out.write("no capture\n" * 50)
        os.utime(text, (hour + 50, hour + 50))
        count = len(done())
        got = night()
        check("a run that can't be done is told and made again", got.returncode == 2 and b"notes.txt" in got.stdout and
              len(done()) == count, got)
        check("nothing is left behind", not [n for n in os.listdir(state) if n.startswith("work")])
    tools = [os.path.basename(tool) for tool in programs.tools(args.programs)]
    if "fraud-scan" in tools:
        all_tools(source, tools, env)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
