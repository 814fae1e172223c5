#!/usr/bin/env python3
"""Packs the build with cpack, twice, and looks at the package as an administrator would.

usage: package.py --build DIR --testdata DIR PROGRAM...
As root, with mmdebstrap and a mirror of Debian in reach, the package is also installed into an empty Debian root with what it
says it depends on, and run there (a minute; EMPTY_ROOT=0 in the environment leaves it out).
"""
import argparse
import gzip
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import urllib.request

import programs

failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(what)
        print("FAILED", what, str(detail)[:600])


def said(*command, timeout=300, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=timeout, **more)


def pack(build, folder):
    # The umask must not show.
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    got = said("sh", "-c", f"umask {folder[-3:]} && cpack -G DEB -B {folder}", cwd=build, env=env)
    check("cpack packs", got.returncode == 0, got.stdout[-600:])
    found = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".deb")]
    check("one package", len(found) == 1, found)
    return found[0] if found else None


MIRROR = "http://deb.debian.org/debian"


def no_empty_root():
    """Why there is none to install into; empty when there can be one."""
    if os.environ.get("EMPTY_ROOT") == "0":
        return "EMPTY_ROOT=0"
    if os.getuid() != 0:
        return "not root"
    if not shutil.which("mmdebstrap"):
        return "mmdebstrap is not installed"
    try:
        urllib.request.urlopen(f"{MIRROR}/dists/bookworm/InRelease", timeout=200).close()
    except OSError as error:
        return f"{MIRROR}: {error}"
    return ""


def empty_root(package, data, names, scratch):
    """Why it could not be tried; empty when it was."""
    root = os.path.join(scratch, "root")
    try:
        got = said("mmdebstrap", "--quiet", "--variant=apt", "--skip=cleanup/apt/lists", "bookworm", root, MIRROR)
    except subprocess.TimeoutExpired:
        return "the mirror is too slow"
    if got.returncode != 0:  # the mirror's fault or the machine's, not the package's
        return "mmdebstrap: " + got.stdout.decode(errors="replace").strip().rsplit("\n", 1)[-1]
    shutil.copy(package, os.path.join(root, "tmp", "voip-audit.deb"))
    shutil.copytree(os.path.join(data, "calls"), os.path.join(root, "tmp", "calls"))
    shutil.copy("/etc/resolv.conf", os.path.join(root, "etc", "resolv.conf"))
    got = said("chroot", root, "apt-get", "install", "-y", "--no-install-recommends", "/tmp/voip-audit.deb")
    if re.search(rb"Failed to fetch|Temporary failure|Could not connect|Connection failed", got.stdout):
        return "the mirror went away"
    check("apt installs the package into it", got.returncode == 0, got.stdout[-600:])
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ASAN_OPTIONS": "detect_leaks=0"}
    inside = ["chroot", root]
    with open(os.path.join(root, "usr", "bin", names[0]), "rb") as program:
        if b"__asan_init" in program.read():  # reads its options from /proc
            unshared = said("unshare", "-m", "true")
            if unshared.returncode != 0:  # a container, or a root that is no mount
                return "no mounts of its own: " + unshared.stdout.decode(errors="replace").strip()
            inside = ["unshare", "-m", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', root]
    got = said(*inside, "srtp-check", "-q", "/tmp/calls/lying-savp.pcap", env=env)
    check("srtp-check finds there what it finds here", got.returncode == 1 and b"SRTP-004" in got.stdout, got.stdout[-600:])
    # Without /proc a report has a temporary name while it is written.
    got = said(*inside, "srtp-check", "--fail-on", "never", "-o", "json=/tmp/report", "/tmp/calls/lying-savp.pcap", env=env)
    check("a report is written there", got.returncode == 0 and sorted(os.listdir(os.path.join(root, "tmp"))) ==
          ["calls", "report", "voip-audit.deb"], (got.stdout, os.listdir(os.path.join(root, "tmp"))))
    for name in names:
        got = said(*inside, name, "--fail-on", "never", "-f", "json", "/tmp/calls", env=env)
        check(f"{name} runs there", got.returncode == 0 and json.loads(got.stdout)["tool"] == name, got.stdout[-600:])
    got = said("chroot", root, "dpkg", "-V", "voip-audit")
    check("the files are those of the package", got.returncode == 0 and got.stdout == b"", got.stdout)
    got = said("chroot", root, "apt-get", "purge", "-y", "voip-audit")
    left = said("chroot", root, "find", "/usr", "/etc", "-name", "*voip-audit*").stdout
    check("apt takes it away again", got.returncode == 0 and left == b"", left or got.stdout[-600:])
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--testdata", required=True)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    for needed in ("cpack", "dpkg-deb", "dpkg-shlibdeps"):
        if not shutil.which(needed):
            print(f"{needed} is not installed")
            return 77
    tools = programs.tools(args.programs)
    capture = os.path.join(os.path.abspath(args.testdata), "calls", "lying-savp.pcap")
    with tempfile.TemporaryDirectory() as scratch:
        folders = [os.path.join(scratch, name) for name in ("a022", "b022", "c077")]
        for folder in folders:
            os.mkdir(folder)
        packages = [pack(args.build, folder) for folder in folders]
        if failures:
            return 1
        first, second = (open(package, "rb").read() for package in packages[:2])
        check("the same build gives the same bytes", first == second)
        check("another umask does not change what is in it", said("dpkg-deb", "-c", packages[0]).stdout ==
              said("dpkg-deb", "-c", packages[2]).stdout)
        control = said("dpkg-deb", "-f", packages[0]).stdout.decode()
        check("what it depends on is computed", re.search(r"^Depends: .*libc6 .*libpcap0\.8", control, re.M) is not None, control)
        check("a maintainer, a section and a description", all(re.search(rf"^{field}: \S", control, re.M)
                                                               for field in ("Maintainer", "Section", "Description", "Version")))
        owners = said("dpkg-deb", "-c", packages[0]).stdout.decode().splitlines()
        check("everything belongs to root", all(" root/root " in line for line in owners))
        root = os.path.join(scratch, "x")
        check("it unpacks", said("dpkg-deb", "-x", packages[0], root).returncode == 0)
        usr = os.path.join(root, "usr")
        for tool in tools:
            name = os.path.basename(tool)
            for path in (f"bin/{name}", f"share/man/man1/{name}.1.gz", f"share/bash-completion/completions/{name}",
                         f"share/zsh/vendor-completions/_{name}", f"share/fish/vendor_completions.d/{name}.fish"):
                check(f"{path} is there", os.path.getsize(os.path.join(usr, path)) > 100
                      if os.path.exists(os.path.join(usr, path)) else False)
            program = os.path.join(usr, "bin", name)
            if not os.path.exists(program):
                continue
            libraries = said("ldd", program).stdout.decode()
            check(f"{name}: all libraries are found", "not found" not in libraries, libraries)
            check(f"{name}: no path of the build in it", os.path.abspath(args.build).encode() not in open(program, "rb").read())
            got = programs.run([program, "--version"], programs.environment([program]), scratch)
            check(f"{name}: runs from where it was unpacked", got.returncode == 0 and name.encode() in got.stdout, got.stderr)
        doc = os.path.join(usr, "share", "doc", "voip-audit")
        check("a copyright", "Apache-2.0" in open(os.path.join(doc, "copyright")).read())
        check("a changelog", b"# Changelog" in gzip.open(os.path.join(doc, "changelog.gz")).read())
        check("the manual of all tools", b"voip-audit" in gzip.open(os.path.join(usr, "share/man/man7/voip-audit.7.gz")).read())
        for example in ("policy.example.toml", "nightly.sh", "report.schema.json"):
            check(f"the example {example}", os.path.exists(os.path.join(doc, "examples", example)))
        for path, folders_, files in os.walk(root):
            for entry in (*folders_, *files):
                mode = stat.S_IMODE(os.stat(os.path.join(path, entry)).st_mode)
                check(f"the mode of {entry}", mode in (0o755, 0o644), oct(mode))
        tool = "srtp-check"
        program = os.path.join(usr, "bin", tool)
        if os.path.exists(program):
            got = programs.run([program, "-q", capture], programs.environment([program]), scratch)
            check("the unpacked tool audits", got.returncode == 1 and b"SRTP-004" in got.stdout, got.stderr)
        reason = no_empty_root() or empty_root(packages[0], os.path.abspath(args.testdata), [os.path.basename(t) for t in tools],
                                               scratch)
        print(f"not installed into an empty root: {reason}" if reason else "installed into an empty root")
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
