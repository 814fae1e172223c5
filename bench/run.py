#!/usr/bin/env python3
"""Speed of the tools, as multiples of a plain libpcap loop over the same file. See README.md beside this file."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

# Options of voipgen at scale 1, and what is asked: CPU time in L (must, goal), peak memory in MB (must).
WORKS = {
    "big-mix": (["--seed", "11", "--duration", "60", "--concurrency", "200", "--srtp", "0.15", "--hep", "0.05"],
                1700, 12000, 3.0, 1.5, 200),
    "big-sip": (["--seed", "21", "--duration", "30", "--concurrency", "3000", "--no-media"],
                80000, 110000, 6.0, 4.0, 600),
    "big-srtp": (["--seed", "31", "--duration", "60", "--concurrency", "200", "--srtp", "1"],
                 850, 0, 6.0, 4.5, None),
    "big-hep": (["--seed", "41", "--duration", "30", "--concurrency", "3000", "--no-media", "--hep", "1"],
                34000, 40000, 5.0, 3.0, None),
}


def generate(voipgen, name, folder, scale):
    options, calls, registrations = WORKS[name][:3]
    capture, truth = folder / (name + ".pcap"), folder / (name + ".json")
    subprocess.run([voipgen, *options, "--calls", str(max(1, round(calls * scale))),
                    "--registrations", str(round(registrations * scale)), "-o", capture, "--truth", truth], check=True)


def measure(command):
    """CPU seconds (user and system) and peak memory in MB of one process."""
    # wait4 gives this child's own figures. Its peak starts from this process's: nothing big may be loaded before.
    devnull = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    command = [str(part) for part in command]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=devnull)
    _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {code}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def differences(report, truth, name):
    """What the report counts differently from the truth; empty when the speed counts."""
    coverage = report["coverage"]
    streams = [s for call in report["calls"] for media in call["media"] for s in media["streams"]]
    streams += report["orphan_streams"]
    pairs = {
        "packets": (coverage["packets"], truth["packets"]),
        "sip": (coverage["sip_messages"], truth["sip"]),
        "rtp": (coverage["rtp_packets"], truth["rtp"] + truth["srtp"]),
        "rtcp": (coverage["rtcp_packets"], truth["rtcp"] + truth["srtcp"]),
        "streams": (len(streams), truth["streams"]),
        "hep": (coverage["hep_messages"], truth["hep"]),
    }
    if name == "big-srtp":
        pairs["verified"] = (sum((s["auth"] or {}).get("valid", 0) for s in streams), truth["srtp"])
    return [f"{key}: {seen}, not {true}" for key, (seen, true) in pairs.items() if seen != true]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--data", type=pathlib.Path, help="folder of ready captures: NAME.pcap and NAME.json")
    parser.add_argument("--scale", type=float, default=0.1, help="size of the captures made (default 0.1)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=WORKS, help="only this capture; may be repeated")
    parser.add_argument("--counts-only", action="store_true", help="one run each, no timing: exit 1 on a wrong count")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there")
    options = parser.parse_args()

    build = options.build.resolve()
    tool, loop, voipgen = build / "apps/srtp-check", build / "bench/pcaploop", build / "bench/voipgen"
    names = options.only or list(WORKS)
    scratch = tempfile.TemporaryDirectory()
    if options.data:
        data = options.data
    elif options.counts_only:
        data = pathlib.Path(scratch.name)
    else:
        data = build.parent / "bench-data"
        data.mkdir(parents=True, exist_ok=True)
    if not options.data:
        for name in names:
            generate(voipgen, name, data, options.scale)

    samples = {name: [] for name in names}
    wrong = {}
    for _ in range(1 if options.counts_only else options.rounds):
        for name in names:
            capture, report = data / (name + ".pcap"), pathlib.Path(scratch.name) / (name + ".report")
            yard, _ = measure([loop, capture])
            cpu, memory = measure([tool, "--threads", options.threads, "--fail-on", "never", "-o", f"json={report}",
                                   capture])
            samples[name].append((yard, cpu, memory))
    for name in names:
        truth = json.loads((data / (name + ".json")).read_text())
        report = json.loads((pathlib.Path(scratch.name) / (name + ".report")).read_text())
        wrong[name] = differences(report, truth, name)

    rows = []
    for name in names:
        must, goal, room = WORKS[name][3:]
        ratio = statistics.median(cpu / yard if yard > 0 else float("inf") for yard, cpu, _ in samples[name])
        memory = max(m for _, _, m in samples[name])
        rows.append({"capture": name, "ratio": None if wrong[name] else ratio, "must": must, "goal": goal,
                     "memory_mb": memory, "memory_must_mb": room, "rounds": len(samples[name]),
                     "yardstick_s": statistics.median(y for y, _, _ in samples[name]), "wrong": wrong[name]})
    if not options.counts_only:
        print("| capture | L | srtp-check | must | goal | memory | must | counts |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for row in rows:
            ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f} L"
            room = f"{row['memory_must_mb']} MB" if row["memory_must_mb"] else ""
            print(f"| {row['capture']} | {row['yardstick_s']:.2f} s | {ratio} | {row['must']:g} L | {row['goal']:g} L "
                  f"| {row['memory_mb']:.0f} MB | {room} | {'; '.join(row['wrong']) or 'equal'} |")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    for name in names:
        for difference in wrong[name]:
            print(f"{name}: {difference}", file=sys.stderr)
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
