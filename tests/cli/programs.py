"""What the scripts of this folder share: where the programs are and in what surroundings they run."""
import os
import subprocess

KEEP = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH", "HOME", "TMPDIR")


def environment(programs, **more):
    """No locale, no zone, no colour wishes: only what a test asks for."""
    env = {name: os.environ[name] for name in KEEP if name in os.environ}
    folders = dict.fromkeys(os.path.dirname(os.path.abspath(p)) for p in programs)
    env["PATH"] = ":".join([*folders, "/usr/local/bin", "/usr/bin", "/bin"])
    env["LC_ALL"] = "C"
    env["TERM"] = "xterm"
    env.update(more)
    return env


def run(command, env, cwd, stdin=subprocess.DEVNULL, **more):
    return subprocess.run(command, env=env, cwd=cwd, stdin=stdin, stdout=more.pop("stdout", subprocess.PIPE),
                          stderr=more.pop("stderr", subprocess.PIPE), timeout=120, check=False, **more)


def tools(programs):
    """The real tools: all programs but the stub."""
    return [os.path.abspath(p) for p in programs if os.path.basename(p) != "voip-stub"]


def formats(program, env, cwd):
    """What --format takes, as the program says it."""
    rows = [row.split("\t") for row in run([program, "--generate", "options"], env, cwd).stdout.decode().splitlines()]
    return next(row[3] for row in rows if row[1] == "--format").split(";")[0].split(", ")
