#!/usr/bin/env python3
"""Records the captures of ../calls: record.py NAME... | all | --list

Each fixture is a function that makes one capture and returns what is true of it because it
was set up that way; that goes to NAME.truth.json. tshark's view goes to NAME.sip.tsv (oracle.sh).
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import phones   # noqa: F401  (these register their fixtures)
import proxied  # noqa: F401
import scripted  # noqa: F401
import transports  # noqa: F401
import edited  # noqa: F401
from lab import HERE, TMP, net_down, net_up, stop_all
from recording import CALLS, FIXTURES, complete


def main(names):
    if names == ["--list"]:
        print(*FIXTURES, sep="\n")
        return 0
    if names == ["all"]:
        names = list(FIXTURES)
    unknown = [n for n in names if n not in FIXTURES]
    if unknown or not names:
        print(f"usage: record.py NAME... | all | --list (unknown: {unknown})", file=sys.stderr)
        return 2
    if not os.path.isdir(TMP + "/speech"):
        subprocess.run([HERE + "/speech.sh", TMP + "/speech"], check=True, timeout=120)
    os.makedirs(CALLS, exist_ok=True)
    failed = []
    net_up()
    try:
        for name in names:
            function, story, arguments = FIXTURES[name]
            try:
                truth = function(name, **arguments)
                stop_all()
                shutil.copyfile(f"{TMP}/{name}.pcap", f"{CALLS}/{name}.pcap")
                complete(name, {"story": story, **truth})
            except Exception as problem:
                stop_all()
                for kind in (".pcap", ".sip.tsv", ".truth.json"):
                    if os.path.exists(f"{CALLS}/{name}{kind}"):
                        os.unlink(f"{CALLS}/{name}{kind}")
                failed.append(name)
                print(f"{name}: FAILED: {problem}", file=sys.stderr, flush=True)
    finally:
        stop_all()
        net_down()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
