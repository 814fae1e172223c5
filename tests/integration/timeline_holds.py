"""What the tests that hold timeline against a known incident share: running it, and collecting what does not hold."""
import json
import subprocess
import sys
from datetime import datetime, timezone

TOOL = sys.argv[1]
failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(f"{what}: {detail}")


def report(*arguments, status=(0, 1)):
    p = subprocess.run([TOOL, *arguments, "-f", "json"], capture_output=True, text=True, timeout=300)
    check(" ".join(arguments), p.returncode in status, f"status {p.returncode}: {p.stderr[:300]}")
    return json.loads(p.stdout)


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")[:26].rstrip("+") + "+00:00").timestamp()


def utc(t):
    return datetime.fromtimestamp(t, timezone.utc).strftime("%dT%H:%M:%S")


def near(what, text, truth, within=60.0):
    check(what, text is not None and abs(seconds(text) - truth) <= within, f"{text} against {utc(truth)}")
