#!/usr/bin/env python3
"""Speed of the tools, as multiples of a plain libpcap loop over the same file. See README.md beside this file."""
import argparse
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Options of voipgen at scale 1: how, calls, registrations.
CAPTURES = {
    "big-mix": (["--seed", "11", "--duration", "60", "--concurrency", "200", "--srtp", "0.15", "--hep", "0.05"],
                1700, 12000),
    "big-sip": (["--seed", "21", "--duration", "30", "--concurrency", "3000", "--no-media"], 80000, 110000),
    "big-srtp": (["--seed", "31", "--duration", "60", "--concurrency", "200", "--srtp", "1"], 850, 0),
    "big-hep": (["--seed", "41", "--duration", "30", "--concurrency", "3000", "--no-media", "--hep", "1"],
                34000, 40000),
    # A quarter of big-mix and half of big-sip, for what must not grow with the capture.
    "mix-500M": (["--seed", "12", "--duration", "60", "--concurrency", "200", "--srtp", "0.15", "--hep", "0.05"],
                 425, 3000),
    "sip-500M": (["--seed", "22", "--duration", "30", "--concurrency", "3000", "--no-media"], 40000, 55000),
}
# The same packets in another form: file name, what voipgen adds.
FORMS = {"pcapng": ("big-mix.pcapng", ["--pcapng"]), "ns": ("big-mix-ns.pcap", ["--nano"])}

STIR = pathlib.Path(__file__).resolve().parent.parent / "testdata/stir"
STARTUP_RUNS = 20
PASSPORTS = 20000


class Run:
    """What one process took."""
    def __init__(self, cpu, wall, memory):
        self.cpu, self.wall, self.memory = cpu, wall, memory


def run(command):
    # wait4 gives this child's own figures. Its peak starts from this process's: nothing big may be loaded before.
    devnull = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    command = [str(part) for part in command]
    start = time.monotonic()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=devnull)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {code}")
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def differences(report, truth, tool, verified):
    """What the report counts differently from the truth; empty when the speed counts."""
    coverage = report["coverage"]
    pairs = {
        "packets": (coverage["packets"], truth["packets"]),
        "sip": (coverage["sip_messages"], truth["sip"]),
        "rtp": (coverage["rtp_packets"], truth["rtp"] + truth["srtp"]),
        "rtcp": (coverage["rtcp_packets"], truth["rtcp"] + truth["srtcp"]),
        "hep": (coverage["hep_messages"], truth["hep"]),
    }
    if tool == "srtp-check":
        streams = [s for call in report["calls"] for media in call["media"] for s in media["streams"]]
        streams += report["orphan_streams"]
        pairs["streams"] = (len(streams), truth["streams"])
        if verified:
            pairs["verified"] = (sum((s["auth"] or {}).get("valid", 0) for s in streams), truth["srtp"])
    return [f"{key}: {seen}, not {true}" for key, (seen, true) in pairs.items() if seen != true]


class Bench:
    def __init__(self, build, data, scratch):
        self.build, self.data, self.scratch = build, data, scratch
        self.checked = {}

    def tool(self, name, capture, *options, file=None):
        """One run of a tool over a capture; its counts against the truth, once for each kind of run."""
        report = self.scratch / "report.json"
        path = self.data / (file or capture + ".pcap")
        used = run([self.build / "apps" / name, "--threads", "1", *options, "--fail-on", "never", "--no-progress",
                    "-o", f"json={report}", path])
        key = (name, path.name, options)
        if key not in self.checked:
            # Parsed by another process: a big report would count as the next child's memory.
            verified = capture == "big-srtp" and "none" not in options
            checker = [sys.executable, __file__, "--compare", report, self.data / (capture + ".json"), name,
                       "1" if verified else "0"]
            done = subprocess.run([str(part) for part in checker], check=True, capture_output=True, text=True)
            self.checked[key] = json.loads(done.stdout)
        return used, self.checked[key]

    def report_digest(self):
        with open(self.scratch / "report.json", "rb") as report:
            return hashlib.file_digest(report, "sha256").digest()

    def loop(self, capture):
        return run([self.build / "bench/pcaploop", self.data / (capture + ".pcap")])


class Row:
    """One line of the table: a figure from each round, the median, and what it should be at most (or at least)."""
    at_least = False
    unit = ""
    digits = 2

    def __init__(self, name, must, goal):
        self.name, self.must, self.goal = name, must, goal
        self.values, self.wrong = [], set()

    def needs(self):
        return []

    def available(self, bench):
        return None

    def take(self, value, wrong=()):
        self.values.append(value)
        self.wrong.update(wrong)

    def value(self):
        return statistics.median(self.values)

    def show(self, value):
        return "" if value is None else f"{value:.{self.digits}f}{self.unit}"


class InLoops(Row):
    """CPU time of a whole run, in L."""
    unit = " L"

    def __init__(self, tool, capture, must, goal, *options):
        super().__init__(f"{tool}{''.join(' ' + o for o in options)}, {capture}", must, goal)
        self.tool, self.capture, self.options = tool, capture, options

    def needs(self):
        return [self.capture]

    def round(self, bench):
        # Before and behind: whoever else uses the machine slows both.
        before = bench.loop(self.capture).cpu
        used, wrong = bench.tool(self.tool, self.capture, *self.options)
        yard = (before + bench.loop(self.capture).cpu) / 2
        self.take(used.cpu / max(yard, 1e-3), wrong)


class Peak(Row):
    """Memory of one run, or how much more it is than that of a smaller capture."""
    unit = " MB"
    digits = 0

    def __init__(self, tool, capture, must, goal, less=None):
        super().__init__(f"{tool}, {capture}: peak memory" + (f" over {less}'s" if less else ""), must, goal)
        self.tool, self.capture, self.less = tool, capture, less

    def needs(self):
        return [self.capture] + ([self.less] if self.less else [])

    def round(self, bench):
        used, wrong = bench.tool(self.tool, self.capture)
        if self.less is None:
            self.take(used.memory, wrong)
            return
        small, wrong_small = bench.tool(self.tool, self.less)
        self.take(used.memory - small.memory, wrong + wrong_small)


class PerPacket(Row):
    """CPU time a packet, a big capture against a smaller one."""
    unit = " x"

    def __init__(self, tool, capture, less, must, goal):
        super().__init__(f"{tool}: CPU a packet, {capture} against {less}", must, goal)
        self.tool, self.capture, self.less = tool, capture, less

    def needs(self):
        return [self.capture, self.less]

    def round(self, bench):
        used, wrong = bench.tool(self.tool, self.capture)
        small, wrong_small = bench.tool(self.tool, self.less)
        packets = [json.loads((bench.data / (name + ".json")).read_text())["packets"] for name in self.needs()]
        self.take((used.cpu / packets[0]) / (small.cpu / packets[1]), wrong + wrong_small)


class Form(Row):
    """The same packets in another format: CPU time against pcap."""
    unit = " x"

    def __init__(self, form, must, goal):
        super().__init__(f"srtp-check, big-mix as {form} against pcap", must, goal)
        self.form = form

    def needs(self):
        return ["big-mix", self.form]

    def round(self, bench):
        other, wrong = bench.tool("srtp-check", "big-mix", file=FORMS[self.form][0])
        plain, wrong_plain = bench.tool("srtp-check", "big-mix")
        self.take(other.cpu / plain.cpu, wrong + wrong_plain)


class Gzip(Row):
    """Wall time on a compressed capture, against gzip alone."""
    unit = " x"

    def __init__(self, threads, must, goal):
        super().__init__(f"srtp-check --threads {threads}, mix-500M.pcap.gz: wall against gzip -dc", must, goal)
        self.threads = str(threads)

    def needs(self):
        return ["mix-500M", "mix-500M.gz"]

    def round(self, bench):
        path = bench.data / "mix-500M.pcap.gz"
        alone = run([shutil.which("gzip"), "-dc", path])
        used, wrong = bench.tool("srtp-check", "mix-500M", "--threads", self.threads, file=path.name)
        self.take(used.wall / alone.wall, wrong)


class Cores(Row):
    """Wall time with two threads against one."""
    unit = " x"

    def __init__(self, capture, must, goal):
        super().__init__(f"srtp-check, {capture}: wall with two threads against one", must, goal)
        self.capture = capture

    def needs(self):
        return [self.capture]

    def round(self, bench):
        one, wrong = bench.tool("srtp-check", self.capture)
        report = bench.report_digest()
        two, wrong_two = bench.tool("srtp-check", self.capture, "--threads", "2")
        same = [] if bench.report_digest() == report else ["the reports differ"]
        self.take(two.wall / one.wall, wrong + wrong_two + same)


class Startup(Row):
    """Wall time of a run over ten packets."""
    unit = " ms"
    digits = 1

    def __init__(self, tool, must, goal):
        super().__init__(f"{tool}, ten packets: wall", must, goal)
        self.tool = tool

    def needs(self):
        return ["ten"]

    def round(self, bench):
        command = [bench.build / "apps" / self.tool, "--fail-on", "never", bench.data / "ten.pcap"]
        self.take(1000 * statistics.median(run(command).wall for _ in range(STARTUP_RUNS)))


class SrtpRate(Row):
    """Tags verified a second against libsrtp2, both on one core, in percent: the worst suite."""
    unit = " %"
    digits = 0
    at_least = True

    def __init__(self, must, goal):
        super().__init__("SRTP packets verified a second, against libsrtp2 (worst of four suites)", must, goal)

    def available(self, bench):
        return None if (bench.build / "bench/srtprate").exists() else "libsrtp2 is not installed"

    def round(self, bench):
        done = subprocess.run([bench.build / "bench/srtprate"], check=True, capture_output=True, text=True)
        suites = json.loads(done.stdout)
        self.take(min(100 * suite["libsrtp2_ns"] / suite["ns"] for suite in suites))
        self.suites = suites


class Passports(Row):
    """PASSporTs verified a second and core, reading and reporting included."""
    unit = "/s"
    digits = 0
    at_least = True

    def __init__(self, must, goal):
        super().__init__("stir-verify: PASSporTs verified a second", must, goal)

    def needs(self):
        return ["passports"]

    def round(self, bench):
        report = bench.scratch / "report.json"
        used = run([bench.build / "apps/stir-verify", "--threads", "1", "--fail-on", "never", "--no-progress",
                    "--certs", STIR / "calls/certs.tsv", "--trust", STIR / "roots.pem", "-o", f"json={report}",
                    bench.data / "passports.pcap"])
        checker = [sys.executable, __file__, "--compare-passports", report, bench.data / "passports.json"]
        done = subprocess.run([str(part) for part in checker], check=True, capture_output=True, text=True)
        count, wrong = json.loads(done.stdout)
        self.take(count / used.cpu, wrong)


class OpensslSpeed(Row):
    """What openssl speed says of the same machine, to stand beside."""
    unit = "/s"
    digits = 0
    at_least = True

    def __init__(self):
        super().__init__("beside it: openssl speed ecdsap256, signatures verified a second", None, None)

    def available(self, bench):
        return None if shutil.which("openssl") else "openssl is not installed"

    def round(self, bench):
        done = subprocess.run(["openssl", "speed", "-seconds", "1", "-mr", "ecdsap256"], check=True,
                              capture_output=True, text=True)
        verify_s = next(line for line in done.stdout.splitlines() if line.startswith("+F4:")).split(":")[4]
        self.take(1 / float(verify_s) if float(verify_s) < 1 else float(verify_s))


def rows():
    """All of them, and what README.md calls those that it shows."""
    return [
        (InLoops("srtp-check", "big-mix", 3, 1.5), "srtp-check, mixed calls, mostly plain RTP"),
        (InLoops("srtp-check", "big-sip", 6, 4), "srtp-check, signalling only"),
        (InLoops("srtp-check", "big-srtp", 6, 4.5), "srtp-check, SRTP, every packet's tag verified"),
        (InLoops("srtp-check", "big-srtp", 3, 1.5, "--verify", "none"), None),
        (InLoops("srtp-check", "big-hep", 5, 3), "srtp-check, HEP"),
        (InLoops("stir-verify", "big-mix", 2, 1), "stir-verify, mixed calls"),
        (InLoops("stir-verify", "big-sip", 6, 4), None),
        (InLoops("fraud-scan", "big-mix", 3, 1.5), "fraud-scan, mixed calls"),
        (InLoops("fraud-scan", "big-sip", 6, 4), "fraud-scan, signalling only"),
        (InLoops("timeline", "big-mix", 3, 1.5), "timeline, mixed calls"),
        (InLoops("timeline", "big-sip", 6, 4), "timeline, signalling only"),
        (SrtpRate(80, 100), "SRTP tags verified a second, against libsrtp2"),
        (Passports(5000, None), "PASSporTs verified a second and core"),
        (OpensslSpeed(), None),
        (Cores("big-srtp", 0.85, 0.7), "wall time with two threads, SRTP, against one"),
        (Gzip(1, 1.3, 1.1), "wall time on a .gz, against gzip -dc"),
        (Gzip(2, 1.3, 1.1), None),
        (Form("pcapng", 1.3, 1.15), None),
        (Form("ns", 1.3, 1.15), None),
        (PerPacket("srtp-check", "big-mix", "mix-500M", 1.3, 1.1), None),
        (PerPacket("srtp-check", "big-sip", "sip-500M", 1.3, 1.1), None),
        (Peak("srtp-check", "big-mix", 200, 64), "memory, srtp-check, mixed calls"),
        (Peak("srtp-check", "big-sip", 600, 250), "memory, srtp-check, signalling only"),
        (Peak("fraud-scan", "big-sip", 600, 250), None),
        (Peak("timeline", "big-sip", 600, 250), None),
        (Peak("srtp-check", "big-mix", 40, 10, less="mix-500M"), None),
        (Startup("srtp-check", 50, 20), "ten packets, start to end"),
        (Startup("stir-verify", 50, 20), None),
        (Startup("fraud-scan", 50, 20), None),
        (Startup("timeline", 50, 20), None),
    ]


def table(chosen, rounds, busy):
    lines = ["| what | measured | must | goal | counts |", "| --- | --- | --- | --- | --- |"]
    for row, _ in chosen:
        measured = "-" if row.wrong else row.show(row.value())
        lines.append(f"| {row.name} | {measured} | {row.show(row.must)} | {row.show(row.goal)} "
                     f"| {'; '.join(sorted(row.wrong)) or 'equal'} |")
    lines += ["", f"Medians of {rounds} rounds, {os.cpu_count()} cores; load when it began: {busy:.1f}."]
    return "\n".join(lines)


def short_table(chosen):
    lines = ["| what | measured |", "| --- | --- |"]
    lines += [f"| {plain} | {'-' if row.wrong else row.show(row.value())} |" for row, plain in chosen if plain]
    return "\n".join(lines)


def write_between(path, texts):
    """Replaces what stands between <!-- NAME: begin --> and <!-- NAME: end -->."""
    old = path.read_text()
    new = old
    for name, text in texts.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if begin in new and end in new:
            head, rest = new.split(begin, 1)
            new = head + begin + text + "\n" + end + rest.split(end, 1)[1]
    if new == old:
        print(f"{path}: nothing to replace, or nothing new", file=sys.stderr)
    path.write_text(new)


def generate(voipgen, name, data, scale, extra=(), file=None):
    options, calls, registrations = CAPTURES[name]
    subprocess.run([voipgen, *options, *extra, "--calls", str(max(1, round(calls * scale))),
                    "--registrations", str(round(registrations * scale)), "-o", data / (file or name + ".pcap"),
                    "--truth", data / (name + ".json")], check=True)


def prepare(bench, names, scale, ready):
    """Makes the captures that are not there. Ready ones are never written over."""
    voipgen = bench.build / "bench/voipgen"
    for name in names:
        if name in CAPTURES and not ready:
            generate(voipgen, name, bench.data, scale)
    for name in names:
        if name in FORMS:
            file, extra = FORMS[name]
            if not ready:
                generate(voipgen, "big-mix", bench.data, scale, extra, file)
            elif not (bench.data / file).exists():
                raise SystemExit(f"{bench.data / file} is missing")
        elif name == "mix-500M.gz" and not (ready and (bench.data / "mix-500M.pcap.gz").exists()):
            with open(bench.data / "mix-500M.pcap", "rb") as plain, \
                    gzip.open(bench.data / "mix-500M.pcap.gz", "wb", 6) as packed:
                shutil.copyfileobj(plain, packed, 1 << 20)
        elif name == "ten" and not (ready and (bench.data / "ten.pcap").exists()):
            whole = subprocess.run([voipgen, "--calls", "1", "--seed", "5", "-o", "-"], check=True,
                                   capture_output=True).stdout
            end = 24
            for _ in range(10):
                end += 16 + int.from_bytes(whole[end + 8:end + 12], "little")
            (bench.data / "ten.pcap").write_bytes(whole[:end])
        elif name == "passports" and not (ready and (bench.data / "passports.pcap").exists()):
            subprocess.run([bench.build / "bench/passgen", str(PASSPORTS if ready else max(10, round(PASSPORTS * scale))),
                            STIR / "keys/signer.key.pem", bench.data / "passports"], check=True)


def main():
    if sys.argv[1:2] == ["--compare"]:
        report, truth, tool, verified = sys.argv[2:6]
        print(json.dumps(differences(json.loads(pathlib.Path(report).read_text()),
                                     json.loads(pathlib.Path(truth).read_text()), tool, verified == "1")))
        return 0
    if sys.argv[1:2] == ["--compare-passports"]:
        report, truth = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[2:4])
        valid = sum(one["verdict"] == "valid" for call in report["calls"] for one in call["identities"])
        count = truth["passports"]
        print(json.dumps([count, [] if valid == count else [f"valid: {valid}, not {count}"]]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--data", type=pathlib.Path, help="folder of ready captures: NAME.pcap and NAME.json")
    parser.add_argument("--scale", type=float, default=0.1, help="size of the captures made (default 0.1)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", default=[], help="only rows with this in their name; may be repeated")
    parser.add_argument("--counts-only", action="store_true", help="one run each, no timing: exit 1 on a wrong count")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there")
    parser.add_argument("--write", type=pathlib.Path, action="append", default=[],
                        help="put the tables into FILE, between its marks; may be repeated")
    options = parser.parse_args()

    scratch = tempfile.TemporaryDirectory()
    build = options.build.resolve()
    if options.data:
        data = options.data
    elif options.counts_only:
        data = pathlib.Path(scratch.name)
    else:
        data = build.parent / "bench-data"
        data.mkdir(parents=True, exist_ok=True)
    bench = Bench(build, data, pathlib.Path(scratch.name))
    chosen = [(row, plain) for row, plain in rows() if not options.only or any(w in row.name for w in options.only)]
    if options.counts_only:
        # What the test is about; other rows' counts are the same runs again.
        chosen = [(row, plain) for row, plain in chosen if isinstance(row, (InLoops, Cores, Passports))
                  and (build / "apps" / row.name.split(",")[0].split(":")[0].split()[0]).exists()]
    for row, plain in list(chosen):
        if why := row.available(bench):
            print(f"left out: {row.name}: {why}", file=sys.stderr)
            chosen.remove((row, plain))
    prepare(bench, dict.fromkeys(name for row, _ in chosen for name in row.needs()), options.scale,
            options.data is not None)

    busy = os.getloadavg()[0]
    for _ in range(1 if options.counts_only else options.rounds):
        for row, _ in chosen:
            row.round(bench)

    if not options.counts_only:
        print(table(chosen, options.rounds, busy))
        for path in options.write:
            write_between(path, {"speed": short_table(chosen), "all speeds": table(chosen, options.rounds, busy)})
    if options.json:
        options.json.write_text(json.dumps([
            {"what": row.name, "value": None if row.wrong else row.value(), "unit": row.unit.strip(), "must": row.must,
             "goal": row.goal, "at_least": row.at_least, "values": row.values, "wrong": sorted(row.wrong)}
            for row, _ in chosen], indent=2) + "\n")
    for row, _ in chosen:
        for difference in sorted(row.wrong):
            print(f"{row.name}: {difference}", file=sys.stderr)
    return 1 if any(row.wrong for row, _ in chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
