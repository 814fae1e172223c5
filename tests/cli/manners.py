#!/usr/bin/env python3
"""What can't be said in a line of cases.txt: pipes, full disks, files that must not be touched, terminals.

usage: manners.py --testdata DIR PROGRAM...
"""
import argparse
import hashlib
import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import tempfile

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


def same_bytes(program, env, data):
    """Twice the same question, in other surroundings: the same answer."""
    for form in ("json", "ndjson", "text"):
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
    for program in [stub, *programs.tools(args.programs)]:
        same_bytes(program, env, calls)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
