#!/usr/bin/env python3
"""Manual, --help and completions all know the same options, and the shells take the completions.

usage: completions.py --source DIR PROGRAM...
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import programs

failures = []
left_out = set()


def check(what, good, detail=""):
    if not good:
        failures.append(what)
        print("FAILED", what, str(detail)[:500])


def made(tool, kind, env):
    got = programs.run([tool, "--generate", kind], env, "/")
    check(f"{os.path.basename(tool)} --generate {kind}", got.returncode == 0 and got.stderr == b"", got.stderr)
    return got.stdout.decode()


def completed(shell_file, tool, words, scratch):
    """What bash offers for the last of these words."""
    name = os.path.basename(tool)
    script = (f'source "{shell_file}"; COMP_WORDS=({" ".join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; '
              f'_{name.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
    got = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, check=False, cwd=scratch, text=True)
    check(f"{name}: bash completes {words[-2:]}", got.returncode == 0 and got.stderr == "", got.stderr)
    return set(got.stdout.split())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    env = programs.environment(args.programs)
    source = os.path.abspath(args.source)
    for tool in [os.path.abspath(p) for p in args.programs]:
        name = os.path.basename(tool)
        rows = [line.split("\t") for line in made(tool, "options", env).splitlines()]
        options = {row[1] for row in rows}
        shorts = {row[0] for row in rows if row[0]}
        check(f"{name}: an option is named once", len(options) == len(rows))
        check(f"{name}: every option says what it does", all(len(row) == 4 and row[3] for row in rows))
        help_text = programs.run([tool, "--help"], env, "/").stdout.decode().split("\nExit status")[0]
        helped = set(re.findall(r"^\s+(?:-\w, )?(--[a-z0-9-]+)", help_text, re.M))
        check(f"{name}: --help tells the same options", helped == options, helped ^ options)
        page = os.path.join(source, "man", f"{name}.1.scd")
        if os.path.exists(page):
            manual = (open(page).read() + open(os.path.join(source, "man", "voip-audit.7.scd")).read()).replace("\\", "")
            told = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", manual))
            check(f"{name}: the manual tells every option", options <= told, options - told)
        bash, zsh, fish = (made(tool, f"complete-{shell}", env) for shell in ("bash", "zsh", "fish"))
        check(f"{name}: fish knows the same options", set(re.findall(r" -l ([a-z0-9-]+)", fish)) == {o[2:] for o in options})
        check(f"{name}: fish knows the short ones", set(re.findall(r" -s (\w)", fish)) == {s[1:] for s in shorts})
        check(f"{name}: zsh knows the same options", set(re.findall(r"'\*(--[a-z0-9-]+)", zsh)) == options)
        with tempfile.TemporaryDirectory() as scratch:
            files = {}
            for shell, text in (("bash", bash), ("zsh", zsh), ("fish", fish)):
                files[shell] = os.path.join(scratch, f"{shell}-completion")
                with open(files[shell], "w") as out:
                    out.write(text)
                if not shutil.which(shell):
                    left_out.add(shell)
                    continue
                got = subprocess.run([shell, "-n", files[shell]], capture_output=True, check=False)
                check(f"{name}: {shell} reads it", got.returncode == 0 and got.stderr == b"", got.stderr)
            os.unlink(files["zsh"])
            os.unlink(files["fish"])
            open(os.path.join(scratch, "some capture.pcap"), "w").close()
            file = files["bash"]
            check(f"{name}: bash offers every option", completed(file, tool, [name, "-"], scratch) == options | shorts)
            check(f"{name}: bash narrows them", completed(file, tool, [name, "--fail-"], scratch) == {"--fail-on"})
            formats = completed(file, tool, [name, "-f", ""], scratch)
            check(f"{name}: bash offers the formats", {"text", "json", "sarif", "junit"} <= formats, formats)
            check(f"{name}: also behind =", completed(file, tool, [name, "--format", "=", "sar"], scratch) == {"sarif"})
            check(f"{name}: bash offers files", "capture.pcap" in completed(file, tool, [name, ""], scratch))
            for form in formats:
                if form in ("nagios",):
                    continue
                got = programs.run([tool, "-f", form, "--help"], env, "/")
                check(f"{name}: {form} is a format", got.returncode == 0)
            checks = programs.run([tool, "--list-checks"], env, "/").stdout.decode().split()
            check(f"{name}: bash offers the checks", completed(file, tool, [name, "--explain", ""], scratch) <= set(checks))
    print(f"{len(failures)} failed" + (f", not installed: {sorted(left_out)}" if left_out else ""))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
