#!/usr/bin/env python3
"""What can't be said in a line of cases.txt: pipes, full disks, files that must not be touched, terminals.

usage: manners.py --testdata DIR PROGRAM...
"""
import argparse
import hashlib
import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

import programs

failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(what)
        print("FAILED", what, detail)


def closed_pipe(stub, env, data):
    """The reader leaves after one byte; the writer has far more to say than a pipe holds."""
    reader, writer = os.pipe()
    process = subprocess.Popen([stub, "-f", "json", "--lines", "3000000", "--bad", "1", "small.pcap"], env=env,
                               cwd=data, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    _, err = process.communicate(timeout=60)
    check("a closed pipe is quiet", err == b"", err)
    check("a closed pipe leaves the status alone", process.returncode == 1, process.returncode)


def full_disk(stub, env, data):
    with open("/dev/full", "wb") as full:
        got = programs.run([stub, "small.pcap"], env, data, stdout=full)
    check("a full disk is status 2", got.returncode == 2, got.returncode)
    check("a full disk is told", b"standard output: No space left" in got.stderr, got.stderr)
    got = programs.run([stub, "-o", "/dev/full", "small.pcap"], env, data)
    check("a device is written to, not replaced", stat.S_ISCHR(os.stat("/dev/full").st_mode) and got.returncode == 2)
    got = programs.run([stub, "-o", "/dev/null", "small.pcap"], env, data)
    check("/dev/null stays what it is", stat.S_ISCHR(os.stat("/dev/null").st_mode) and got.returncode == 0)


def closed_standard_files(stub, env, data, scratch):
    copy = os.path.join(scratch, "in.pcap")
    shutil.copy(os.path.join(data, "small.pcap"), copy)
    before = open(copy, "rb").read()
    got = programs.run(["sh", "-c", '"$0" "$1" >&- 2>&-', stub, copy], env, data)
    check("standard output closed is an error", got.returncode == 2, got.returncode)
    check("standard output closed harms no input", open(copy, "rb").read() == before)


def outputs(stub, env, data, scratch):
    source = os.path.join(scratch, "in.pcap")
    shutil.copy(os.path.join(data, "small.pcap"), source)
    digest = hashlib.sha256(open(source, "rb").read()).hexdigest()
    link = os.path.join(scratch, "hard.pcap")
    os.link(source, link)
    soft = os.path.join(scratch, "soft.json")
    os.symlink(source, soft)
    folder = os.path.join(scratch, "folder")
    os.mkdir(folder)
    inside = os.path.join(folder, "x.pcap")
    shutil.copy(source, inside)
    for target, given in ((source, source), (link, source), (soft, source), (inside, folder)):
        got = programs.run([stub, "-f", "json", "-o", target, given], env, data)
        check(f"no report over an input ({os.path.basename(target)})", got.returncode == 2 and b"is an input" in got.stderr,
              got.stderr)
    for own in (source, soft, link):
        got = programs.run([stub, "--own-output", own, source], env, data)
        check(f"no output of the tool's own over an input ({os.path.basename(own)})", got.returncode == 2 and b"is an input" in got.stderr,
              got.stderr)
    twice = [os.path.join(scratch, "twice"), os.path.join(scratch, ".", "twice")]
    got = programs.run([stub, "--own-output", twice[0], "-o", twice[1], source], env, data)
    check("no two outputs into one file", got.returncode == 2 and b"same file" in got.stderr and not os.path.exists(twice[0]), got.stderr)
    got = programs.run([stub, "-o", "json=/dev/null", "-o", "csv=/dev//null", "--own-output", "/dev/null", source], env, data)
    check("a device takes several", got.returncode == 0, got.stderr)
    keys = os.path.join(scratch, "keys.log")
    open(keys, "w").write("# none\n")
    got = programs.run([stub, "--keylog", keys, "-o", keys, source], env, data)
    check("no report over a key log", got.returncode == 2)
    check("inputs are as they were", all(hashlib.sha256(open(p, "rb").read()).hexdigest() == digest for p in (source, inside)))

    report = os.path.join(scratch, "out", "r.json")
    got = programs.run([stub, "-f", "json", "-o", report, source], env, data)
    check("a folder that is not there is told", got.returncode == 2 and b"No such file" in got.stderr, got.stderr)
    os.mkdir(os.path.dirname(report))
    os.umask(0o027)
    got = programs.run([stub, "-f", "json", "--hash", "-o", report, source], env, data)
    check("the report is written", got.returncode == 0 and json.load(open(report))["inputs"][0]["sha256"] == digest)
    check("its mode follows the umask", stat.S_IMODE(os.stat(report).st_mode) == 0o640, oct(os.stat(report).st_mode))
    check("nothing else is left", os.listdir(os.path.dirname(report)) == ["r.json"])
    os.chmod(report, 0o600)
    alias = os.path.join(scratch, "alias.json")
    os.symlink(report, alias)
    got = programs.run([stub, "--bad", "1", "-f", "json", "-o", alias, source], env, data)
    check("a link stays a link", os.path.islink(alias) and json.load(open(report))["summary"]["findings"]["high"] == 1)
    check("the old mode stays", stat.S_IMODE(os.stat(report).st_mode) == 0o600)
    before = open(report, "rb").read()
    got = programs.run([stub, "--fail", "no", "-f", "json", "-o", report, source], env, data)
    check("a failed run leaves the old report", got.returncode == 2 and open(report, "rb").read() == before)
    got = programs.run([stub, "-o", scratch, source], env, data)
    check("a folder is no report", got.returncode == 2 and b"directory" in got.stderr.lower(), got.stderr)

    fifo = os.path.join(scratch, "fifo")
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE)
    got = programs.run([stub, "-f", "json", "-o", fifo, source], env, data)
    out, _ = reader.communicate(timeout=60)
    check("a named pipe is written to", got.returncode == 0 and json.loads(out)["tool"] == "voip-stub")


def on_terminal(stub, env, data, *options, **more):
    """What the program writes with standard output and error on a terminal."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen([stub, *options, "--bad", "1", "small.pcap"], env={**env, **more}, cwd=data,
                               stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal)
    os.close(terminal)
    text = b""
    while select.select([controller], [], [], 30)[0]:
        try:
            piece = os.read(controller, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    process.wait(timeout=60)
    os.close(controller)
    return text


def terminals(stub, env, data):
    check("colour on a terminal", b"\x1b[1;31m" in on_terminal(stub, env, data))
    check("no colour with NO_COLOR", b"\x1b" not in on_terminal(stub, env, data, NO_COLOR="1"))
    check("colour with an empty NO_COLOR", b"\x1b[1;31m" in on_terminal(stub, env, data, NO_COLOR=""))
    check("no colour on a dumb terminal", b"\x1b" not in on_terminal(stub, env, data, TERM="dumb"))
    check("no colour with --color never", b"\x1b" not in on_terminal(stub, env, data, "--color", "never"))
    check("colour with --color always and NO_COLOR",
          b"\x1b[1;31m" in on_terminal(stub, env, data, "--color", "always", NO_COLOR="1"))
    check("no colour in JSON", b"\x1b" not in on_terminal(stub, env, data, "-f", "json"))
    got = programs.run([stub, "--bad", "1", "small.pcap"], env, data)
    check("no colour in a pipe", b"\x1b" not in got.stdout)
    for wishes, coloured in (({"CLICOLOR_FORCE": "1"}, True), ({"CLICOLOR_FORCE": "0"}, False), ({"CLICOLOR_FORCE": ""}, False),
                             ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False)):
        got = programs.run([stub, "--bad", "1", "small.pcap"], {**env, **wishes}, data)
        check(f"colour in a pipe with {wishes}", (b"\x1b" in got.stdout) == coloured)
    got = programs.run([stub, "--bad", "1", "-f", "json", "small.pcap"], {**env, "CLICOLOR_FORCE": "1"}, data)
    check("no forced colour in JSON", b"\x1b" not in got.stdout)


def progress(stub, env, data):
    """One line on a terminal once the run has taken a second, and a status line for SIGUSR1 anywhere."""
    slow = on_terminal(stub, env, data, "--slow", "400", "-f", "count")
    check("progress after a second, with rate", re.search(rb"\r\x1b\[K\d+ packets, \d+ a second", slow) is not None, slow)
    check("progress takes its line away", slow.rfind(b"\r\x1b[K") < slow.rfind(b"5 packets, 1 findings"), slow)
    check("no progress in the first second", b"a second" not in on_terminal(stub, env, data))
    for option in ("--no-progress", "-q"):
        check(f"no progress with {option}", b"a second" not in on_terminal(stub, env, data, "--slow", "400", option))
    got = programs.run([stub, "--slow", "400", "small.pcap"], env, data)
    check("no progress in a pipe", got.stderr == b"", got.stderr)
    process = subprocess.Popen([stub, "--slow", "400", "-q", "small.pcap"], env=env, cwd=data, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    process.send_signal(signal.SIGUSR1)
    out, err = process.communicate(timeout=60)
    check("SIGUSR1 gives a status line", re.fullmatch(rb"voip-stub: [1-5] packets(, \d+ %)?\n", err) is not None, err)
    check("SIGUSR1 does not end the run", process.returncode == 0 and b"5 packets" in out)


def not_allowed(stub, env, data, scratch):
    """A file of somebody else's. Root reads everything, so another user must try."""
    program = os.path.join(scratch, "voip-stub")
    shutil.copy(stub, program)
    secret = os.path.join(scratch, "secret.pcap")
    shutil.copy(os.path.join(data, "small.pcap"), secret)
    os.chmod(secret, 0)
    os.chmod(scratch, 0o755)
    os.chmod(program, 0o755)
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    got = programs.run([program, secret], env, scratch, **user)
    check("a file that may not be read is told", got.returncode == 2 and b"Permission denied" in got.stderr, got.stderr)
    got = programs.run([program, "-o", os.path.join(data, "r.json"), os.path.join(data, "small.pcap")], env, "/", **user)
    if user:
        check("a folder that may not be written is told", got.returncode == 2 and b"ermission denied" in got.stderr, got.stderr)


def every_option(program, env, data, scratch):
    """All that the contract promises of every tool, at once; each says no more than it must."""
    name = os.path.basename(program)
    capture = os.path.join(data, "calls", "lying-savp.pcap")
    shutil.copy(capture, os.path.join(scratch, "a.pcap"))
    for file, text in (("keys.log", "# none\n"), ("site.toml", "[site]\ncountry = \"US\"\n"), ("list", "a.pcap\n")):
        open(os.path.join(scratch, file), "w").write(text)
    got = programs.run([program, "--write-baseline", "known.json", "--write-expect", "expect.toml", "-o", "json=first.json",
                        "a.pcap"], env, scratch)
    check(f"{name} writes a baseline and expectations", got.returncode in (0, 1) and got.stdout == b"", got.stderr)
    options = ["--policy", "site.toml", "--baseline", "known.json", "--fail-on", "low", "--min-severity", "low",
               "--min-confidence", "possible", "--filter", "ip", "--from", "2020-01-01T00:00:00Z", "--to",
               "2030-01-01T00:00:00+02:00", "--keylog", "keys.log", "--at", "2026-11-24T00:00:00Z", "--hash", "--annotate",
               "e.pcapng", "--threads", "2", "--max-memory", "512M", "--tz", "Europe/Paris", "--color", "never", "--no-progress",
               "-q", "-v", "--reveal", "--keep-duplicates", "--files-from", "list"]
    known = programs.formats(program, env, scratch)
    outputs = [word for form in known for word in ("-o", f"{form}=out.{form}")]
    got = programs.run([program, *options, *outputs], env, scratch)
    check(f"{name} takes every option at once, and known findings don't fail", got.returncode == 0, (got.returncode, got.stderr))
    for form in known:
        check(f"{name} writes {form}", os.path.exists(os.path.join(scratch, f"out.{form}")))
    got = programs.run([program, "--expect", "expect.toml", "a.pcap"], env, scratch)
    check(f"{name} finds what it found before", got.returncode == 0 and got.stdout == b"as expected by expect.toml\n", got.stdout)
    got = programs.run([program, "--call-id", "nobody", "-f", "json", "a.pcap"], env, scratch)
    check(f"{name} takes --call-id", got.returncode in (0, 1), got.stderr)


def same_bytes(program, env, data):
    """Twice the same question, in other surroundings: the same answer."""
    for form in ("json", "ndjson", "text", "sarif", "junit", "csv", "prometheus", "ecs", "markdown", "html"):
        answers = {programs.run([program, "-f", form, "calls"], {**env, **more}, data).stdout
                   for more in ({}, {"TZ": "Asia/Tokyo", "LC_ALL": "de_DE.UTF-8", "COLUMNS": "40"})}
        check(f"{os.path.basename(program)} -f {form} gives the same bytes", len(answers) == 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--testdata", required=True)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    env = programs.environment(args.programs)
    stub = os.path.abspath(next(p for p in args.programs if os.path.basename(p) == "voip-stub"))
    data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
    calls = os.path.abspath(args.testdata)
    closed_pipe(stub, env, data)
    if os.path.exists("/dev/full"):
        full_disk(stub, env, data)
    with tempfile.TemporaryDirectory() as scratch:
        closed_standard_files(stub, env, data, scratch)
    with tempfile.TemporaryDirectory() as scratch:
        outputs(stub, env, data, scratch)
    terminals(stub, env, data)
    progress(stub, env, data)
    with tempfile.TemporaryDirectory() as scratch:
        not_allowed(stub, env, data, scratch)
    for program in [stub, *programs.tools(args.programs)]:
        same_bytes(program, env, calls)
        with tempfile.TemporaryDirectory() as scratch:
            every_option(program, env, calls, scratch)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
