#!/usr/bin/env python3
"""Runs the lines of cases.txt and compares status and output with golden/.

usage: run_cases.py --cases FILE --testdata DIR [--update] [--only NAME] PROGRAM...

golden/NAME.out is what the command must print on standard output, golden/NAME.err on standard error; where there is no
such file nothing may be printed. --update writes them: read the difference before you keep it. Commands run in a shell
with the programs on the PATH, in a fresh folder that shows what lies in testdata/ and in tests/cli/data/.
"""
import argparse
import difflib
import os
import sys
import tempfile

import programs


def read_cases(path):
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|", 2)]
        if len(parts) != 3 or not parts[1].isdigit():
            sys.exit(f"{path}:{number}: not NAME | STATUS | COMMAND")
        yield parts[0], int(parts[1]), parts[2]


def compare(path, got, update):
    """A list of lines that differ; empty when all is well."""
    if update:
        if got:
            with open(path, "wb") as out:
                out.write(got)
        elif os.path.exists(path):
            os.remove(path)
        return []
    want = open(path, "rb").read() if os.path.exists(path) else b""
    if got == want:
        return []
    text = [b.decode("utf-8", "backslashreplace").splitlines() for b in (want, got)]
    return list(difflib.unified_diff(*text, "wanted " + os.path.basename(path), "got", lineterm="", n=2))[:60]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", required=True)
    parser.add_argument("--testdata", required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    here = os.path.dirname(os.path.abspath(args.cases))
    golden = os.path.join(here, "golden")
    shown = [e.path for folder in (args.testdata, os.path.join(here, "data")) for e in os.scandir(os.path.abspath(folder))]
    names = set()
    failed = 0
    for name, status, command in read_cases(args.cases):
        if name in names:
            sys.exit(f"{args.cases}: {name} stands there twice")
        names.add(name)
        if args.only and args.only not in name:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            for path in shown:
                os.symlink(path, os.path.join(scratch, os.path.basename(path)))
            got = programs.run(["sh", "-c", command], programs.environment(args.programs), scratch)
        wrong = []
        if got.returncode != status:
            wrong.append(f"status {got.returncode}, wanted {status}")
        wrong += compare(os.path.join(golden, name + ".out"), got.stdout, args.update)
        wrong += compare(os.path.join(golden, name + ".err"), got.stderr, args.update)
        if wrong:
            failed += 1
            print(f"FAILED {name}: {command}", *wrong, sep="\n  ")
    unused = {f.rsplit(".", 1)[0] for f in os.listdir(golden)} - names if os.path.isdir(golden) else set()
    if unused and not args.only:
        failed += 1
        print("FAILED: golden files without a case:", *sorted(unused))
    print(f"{len(names)} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
