#!/usr/bin/env python3
"""Holds the papers against the programs: doc/checks.md, the manual pages, the README, the catalogue of checks itself.

usage: check_papers.py --source DIR [--write] PROGRAM...     --write makes doc/checks.md and the README's example anew
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import programs

failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(what)
        print("FAILED", what, detail)


def checks_page(tools, env, source):
    return "\n".join(programs.run([t, "--list-checks", "--format", "markdown"], env, source).stdout.decode() for t in tools)


DEMO = re.compile(r"(?s)(?<=<!-- demo: begin -->\n).*?(?=<!-- demo: end -->)")


def with_demo(tools, env, source):
    """The README with the demo's output as it is now."""
    tool = next(t for t in tools if os.path.basename(t) == "srtp-check")
    capture = "testdata/calls/sbc-srtp-rtp.pcap"
    got = programs.run([tool, capture], env, source)
    block = f"```console\n$ srtp-check {capture}\n{got.stdout.decode()}```\n"
    return DEMO.sub(lambda _: block, (source / "README.md").read_text())


def options_of(tool, env, source):
    text = programs.run([tool, "--help"], env, source).stdout.decode()
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text.split("\nExit status")[0]))


def manual(tool, env, source):
    """Every option of --help stands in a manual page, and the pages name no option that isn't there."""
    name = os.path.basename(tool)
    own = (source / "man" / f"{name}.1.scd").read_text()
    shared = (source / "man" / "voip-audit.7.scd").read_text()
    known = options_of(tool, env, source)
    plain = (own + shared).replace("\\", "")
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", plain))
    check(f"{name}: the manual tells all options", known <= told, sorted(known - told))
    check(f"{name}: the manual invents no option", told <= known, sorted(told - known))
    for status in range(4):
        check(f"the manual tells status {status}", re.search(rf"^\*{status}\*", shared, re.M) is not None)


def pages_build(source):
    if not shutil.which("scdoc"):
        return
    for page in sorted((source / "man").glob("*.scd")):
        made = subprocess.run(["scdoc"], stdin=open(page, "rb"), capture_output=True, check=False,
                              env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
        check(f"{page.name} is scdoc", made.returncode == 0, made.stderr[:200])
        if made.returncode == 0 and shutil.which("mandoc"):
            lint = subprocess.run(["mandoc", "-T", "lint", "-W", "error"], input=made.stdout, capture_output=True, check=False)
            check(f"{page.name}: mandoc is content", lint.returncode == 0, lint.stdout[:300])


def catalogue(tools, env, source):
    seen = {}
    for tool in tools:
        for rule in json.loads(programs.run([tool, "--list-checks", "-f", "json"], env, source).stdout):
            for word in (rule["id"], rule["name"]):
                # timeline tells what fraud-scan finds: the same rules, to the letter.
                check(f"{word} is the name of one check", seen.setdefault(word, rule) == rule)
            check(f"{rule['id']} has an id", re.fullmatch(r"[A-Z]+-\d{3}", rule["id"]) is not None)
            check(f"{rule['id']} has a kebab-case name", re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule["name"]) is not None)
            for field in ("title", "trigger", "rationale", "remedy", "reference"):
                check(f"{rule['id']} has a {field}", len(rule[field]) > 2)
            for field in ("trigger", "rationale", "remedy"):
                check(f"{rule['id']}: its {field} is sentences", rule[field].endswith("."))
            check(f"{rule['id']}: its title is one line", "\n" not in rule["title"] and len(rule["title"]) <= 90)


def readme(tools, env, source):
    text = (source / "README.md").read_text()
    check("the README's example is what srtp-check prints (scripts/papers.sh)", text == with_demo(tools, env, source))
    for tool in tools:
        check(f"the README tells of {os.path.basename(tool)}", f"`{os.path.basename(tool)}`" in text)
    for page in [source / "README.md", source / "CONTRIBUTING.md", *sorted((source / "doc").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            check(f"{page.name}: {link} is there", (page.parent / link).exists())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    source = pathlib.Path(args.source).resolve()
    env = programs.environment(args.programs)
    tools = sorted(programs.tools(args.programs), key=os.path.basename)
    page = source / "doc" / "checks.md"
    made = checks_page(tools, env, source)
    example = source / "doc" / "policy.example.toml"
    policy = programs.run([tools[0], "--generate", "policy-example"], env, source).stdout.decode()
    if args.write:
        page.write_text(made)
        example.write_text(policy)
        (source / "README.md").write_text(with_demo(tools, env, source))
        return 0
    check("doc/checks.md is what the programs say (scripts/papers.sh makes it)", page.exists() and page.read_text() == made)
    check("doc/policy.example.toml is what the programs say (scripts/papers.sh makes it)", example.read_text() == policy)
    catalogue(tools, env, source)
    for tool in tools:
        manual(tool, env, source)
    pages_build(source)
    readme(tools, env, source)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
