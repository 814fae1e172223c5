#!/usr/bin/env python3
"""fraud-scan against stories that are written when the test runs: fraud_campaigns.py TOOL TESTDATA [STORY...].

Each story of testdata/make/fraud_stories.py must give exactly its incidents; honest ones at most the kinds that they
allow, none above low. Some stories are then cut into files at awkward moments and read one after the other with
--state: the campaign that the last files tell must be the one of the whole capture."""
import json
import pathlib
import subprocess
import sys
import tempfile

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
sys.path.insert(0, str(root / "make"))
from fraud_stories import STORIES, T0, Wide  # noqa: E402

# Where the files of a rotated capture end, in seconds after T0: between a challenge and the login, within a campaign,
# before its beginning, between the last refusal and the success.
CUTS = {"refused-with-403": [300, 410.02, 459.9], "nine-accounts-three-words": [1000.02, 1200.02, 1301], "another-face-each-time": [5000, 12000.5],
        "leaked-pairs-new-port-each": [450.025, 500.9], "one-program-after-the-other": [1, 3.001, 5.05], "guessing-until-blocked": [415.02, 500.5]}
TOLD = ("kind", "severity", "finding", "sources", "accounts", "attempts", "successes", "messages", "first_time", "last_time")
failed = 0


def complain(name, what):
    global failed
    failed += 1
    print(f"{name}: {what}")


def scan(name, *argv):
    run = subprocess.run([tool, "-f", "json", *map(str, argv)], capture_output=True, timeout=120)
    if run.returncode not in (0, 1):
        complain(name, f"status {run.returncode}: {run.stderr.decode()[:300]}")
        return None
    return json.loads(run.stdout)


def compare(name, report, wanted):
    found = report["incidents"]
    ids = {finding["id"] for finding in report["findings"]}
    if sorted(i["kind"] for i in found) != sorted(w["kind"] for w in wanted):
        complain(name, f"incidents {[(i['kind'], i['finding'], i['severity'], i['sources'][:3], i['accounts'][:3]) for i in found]}, "
                       f"not {[w['kind'] for w in wanted]}")
        return
    for want in wanted:
        incident = next(i for i in found if i["kind"] == want["kind"])
        for key, value in want.items():
            if key == "also":
                if not set(value) <= ids:
                    complain(name, f"no finding {value} in {sorted(ids)}")
                continue
            have = (len(incident["sources"]) if key == "source_count" else len(incident["accounts"]) if key == "account_count"
                    else sorted(incident[key]) if isinstance(value, list) else incident[key])
            if have != (sorted(value) if isinstance(value, list) else value):
                complain(name, f"{want['kind']}: {key} is {have!r}, not {value!r}")
        if not any("decisive" in item["note"] for item in incident["evidence"]):
            complain(name, f"{want['kind']}: no decisive evidence")


with tempfile.TemporaryDirectory() as scratch:
    path = pathlib.Path(scratch)
    for name in sys.argv[3:] or STORIES:
        tell, wanted, honest = STORIES[name]
        wire = Wide(sum(name.encode()))
        tell(wire)
        wire.write_plain(path / "whole.pcap")
        report = scan(name, path / "whole.pcap")
        if report is None:
            continue
        if honest is not None:
            for incident in report["incidents"]:
                if incident["severity"] not in ("info", "low") or incident["kind"] not in honest:
                    complain(name, f"honest, but told as {incident['severity']} {incident['kind']} {incident['finding']} of {incident['sources'][:3]}")
            continue
        compare(name, report, wanted)
        if name not in CUTS:
            continue
        (path / "state").unlink(missing_ok=True)
        told = {}
        edges = [0] + [T0 + cut for cut in CUTS[name]] + [1e18]
        for begin, end in zip(edges, edges[1:]):
            wire.write_plain(path / "part.pcap", begin, end)
            part = scan(name, "--state", path / "state", path / "part.pcap")
            for incident in part["incidents"] if part else []:
                told[incident["kind"]] = incident
        for incident in report["incidents"]:
            last = told.get(incident["kind"])
            for key in TOLD:
                if last is None or last[key] != incident[key]:
                    complain(name, f"cut into {len(edges) - 1} files: {incident['kind']}: {key} is {last and last[key]!r}, not {incident[key]!r}")
                    break
        if set(told) != {incident["kind"] for incident in report["incidents"]}:
            complain(name, f"cut into files: {sorted(told)}")
print(f"{len(sys.argv[3:] or STORIES)} stories, {failed} complaints")
sys.exit(1 if failed else 0)
