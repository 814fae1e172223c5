#!/usr/bin/env python3
"""The blocklists of fraud-scan, read by the programs that they are for: fraud_emit.py TOOL TESTDATA.

Each list is checked line by line against its grammar here, then given to the program itself (nft, ipset,
fail2ban-regex, kamailio) where it is installed (or found below EMIT_PROGRAMS, a folder with usr/bin and usr/sbin) and
may run in a network namespace of its own; where not, the test says so and goes on. Asterisk is never at hand."""
import ipaddress
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
sys.path.insert(0, str(root / "make"))
import office  # noqa: E402
from fraud_stories import Wide, burst, homes  # noqa: E402

FILTER = r"""[Definition]
failregex = ^\s*fraud-scan\[\d+\]: BLOCK rule=\S+ src=<ADDR> .*$
datepattern = ^%Y-%m-%dT%H:%M:%S(?:\.%f)?Z
"""
KINDS = "nftables ipset fail2ban kamailio-htable kamailio-address asterisk-acl".split()
failed = 0


def complain(what):
    global failed
    failed += 1
    print(what)


def absent(name, why):
    print(f"not checked with {name}: {why}")


def find(name):
    extra = os.environ.get("EMIT_PROGRAMS")
    places = [f"{extra}/usr/sbin", f"{extra}/usr/bin"] if extra else []
    return shutil.which(name, path=":".join(places + [os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def alone(argv, **more):
    """In a network namespace of its own."""
    env = dict(os.environ)
    if os.environ.get("EMIT_PROGRAMS"):
        base = os.environ["EMIT_PROGRAMS"]
        env["LD_LIBRARY_PATH"] = f"{base}/usr/lib/x86_64-linux-gnu:{base}/lib/x86_64-linux-gnu"
        env["PYTHONPATH"] = f"{base}/usr/lib/python3/dist-packages"
    return subprocess.run(["unshare", "-rn", *argv], capture_output=True, text=True, timeout=60, env=env, **more)


def may_unshare():
    try:
        return subprocess.run(["unshare", "-rn", "true"], capture_output=True, timeout=200).returncode == 0
    except OSError:
        return False


# Two who guess one account's password fast, of either family; behind a third address sits an office, too.
wire = Wide(7)
homes(wire, 4)
evil = ["45.148.10.66", "2001:db8:bad::66"]
shared = "81.20.99.1"
for number, source in enumerate(evil + [shared]):
    for k in range(30):
        host = "2001:db8:600d::10" if ":" in source else "198.51.100.10"
        burst(wire, office.T0 + 900 + 700 * number + 2 * k, source, "1001", office.STYLES[3], "401", host=host, password=f"p{k}")
for k in range(6):
    for j in range(4):
        burst(wire, office.T0 + 9 * k + 1000 * j, shared, str(3000 + k), office.STYLES[k % 3], "200", port=20000 + k,
              nat=f"192.168.1.{20 + k}", call_id=f"desk{k}", cseq=10 * j)

with tempfile.TemporaryDirectory() as scratch:
    at = pathlib.Path(scratch)
    wire.write_plain(str(at / "in.pcap"))
    argv = [tool, "-f", "json", "-o", str(at / "report.json")]
    for kind in KINDS:
        argv += ["--emit", f"{kind}={at / kind}"]
    run = subprocess.run(argv + [str(at / "in.pcap")], capture_output=True, text=True, timeout=120)
    if run.returncode != 1:
        complain(f"status {run.returncode}: {run.stderr[:300]}")
    text = {kind: (at / kind).read_text() for kind in KINDS}

    v4, v6 = evil
    lines = {
        "nftables": [f'add element inet voip block4 {{ {v4} timeout 86400s comment "fraud-scan:FRAUD-011" }}',
                     f'add element inet voip block6 {{ {v6} timeout 86400s comment "fraud-scan:FRAUD-011" }}'],
        "ipset": [f'add voip-block4 {v4} timeout 86400 comment "fraud-scan:FRAUD-011" -exist',
                  f'add voip-block6 {v6} timeout 86400 comment "fraud-scan:FRAUD-011" -exist'],
        "kamailio-address": [f"666 {v4} 32 0 FRAUD-011", f"666 {v6} 128 0 FRAUD-011"],
        "kamailio-htable": [f"kamcmd htable.seti ipban {v4} 1", f"kamcmd htable.setex ipban {v6} 86400"],
        "asterisk-acl": ["[voip-block]", "permit=0.0.0.0/0.0.0.0", "permit=::/0", f"deny={v4}/32", f"deny={v6}/128"],
    }
    for kind, wanted in lines.items():
        have = text[kind].splitlines()
        for line in wanted:
            if line not in have:
                complain(f"{kind}: no line {line!r}")
    for kind in KINDS:
        if shared in text[kind]:
            complain(f"{kind}: an address that an office shares would be blocked")
        if not text[kind].endswith("\n"):
            complain(f"{kind}: the last line is cut off")
        for word in re.findall(r"[0-9a-fA-F.:]{7,}", re.sub(r"T?\d\d:\d\d:\d\d\.\d+Z?|\d{4}-\d\d-\d\dT\S+", "", text[kind])):
            try:
                ipaddress.ip_address(word.rstrip(":"))
            except ValueError:
                continue
            if word not in evil and word not in ("0.0.0.0", "::"):
                complain(f"{kind}: {word} is no attacker")
    if len([line for line in text["fail2ban"].splitlines() if re.match(r"^\d{4}-\d\d-\d\dT[0-9:.]+Z fraud-scan\[\d+\]: BLOCK rule=\S+ src=\S+ count=\d+ window=\d+$", line)]) != 2:
        complain(f"fail2ban: not two decisions: {text['fail2ban']!r}")

    namespace = may_unshare()
    why = "no network namespace may be made here"
    nft = find("nft")
    if not nft or not namespace:
        absent("nft", "not installed" if not nft else why)
    else:
        run = alone([nft, "-c", "-f", str(at / "nftables")])
        if run.returncode != 0 and "Operation not permitted" in run.stderr + run.stdout:
            absent("nft", "the kernel does not permit it here")
        elif run.returncode != 0:
            complain(f"nft -c: {run.stderr[:300]}")
    ipset = find("ipset")
    if not ipset or not namespace:
        absent("ipset", "not installed" if not ipset else why)
    else:
        run = alone(["sh", "-c", f'"{ipset}" restore -! < "{at / "ipset"}" && "{ipset}" list -o save'])
        if run.returncode != 0 and re.search("Kernel|not permitted|protocol", run.stderr):
            absent("ipset", run.stderr.strip()[:100])
        elif run.returncode != 0 or v4 not in run.stdout or v6 not in run.stdout:
            complain(f"ipset restore: {run.stderr[:300]} {run.stdout[:300]}")
    regex = find("fail2ban-regex")
    if not regex or not namespace:
        absent("fail2ban-regex", "not installed" if not regex else why)
    else:
        (at / "filter.conf").write_text(FILTER.replace("%", "%%"))
        run = alone([sys.executable, regex, str(at / "fail2ban"), str(at / "filter.conf")])
        if run.returncode != 0 and "ModuleNotFoundError" in run.stderr:
            absent("fail2ban-regex", run.stderr.strip().splitlines()[-1])
        elif "2 matched, 0 missed" not in run.stdout.replace("lines: 2 lines, 0 ignored, ", ""):
            complain(f"fail2ban-regex: {run.stdout[-400:]} {run.stderr[-200:]}")
    kamailio, kamcmd = find("kamailio"), find("kamcmd")
    if not kamailio or not kamcmd or not namespace:
        absent("kamailio", "not installed" if not kamailio or not kamcmd else why)
    else:
        modules = next((d for d in ("/usr/lib/x86_64-linux-gnu/kamailio/modules", "/usr/lib64/kamailio/modules", "/usr/lib/kamailio/modules")
                        if os.path.isdir(d)), "")
        (at / "kamailio.cfg").write_text(f"""debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:5060
dns=no
rev_dns=no
mpath="{modules}"
loadmodule "kex.so"
loadmodule "pv.so"
loadmodule "htable.so"
loadmodule "permissions.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:{at}/ctl")
modparam("htable", "htable", "ipban=>size=8;autoexpire=300;")
modparam("permissions", "address_file", "{at}/kamailio-address")
request_route {{ exit; }}
""")
        commands = text["kamailio-htable"].replace("kamcmd ", f'"{kamcmd}" -s "unix:{at}/ctl" ')
        script = f"""ip link set lo up
"{kamailio}" -f "{at}/kamailio.cfg" -DD -E -m 16 -M 4 2> "{at}/log" & pid=$!
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; test -S "{at}/ctl" && break; done
{commands}
"{kamcmd}" -s "unix:{at}/ctl" permissions.addressDump
"{kamcmd}" -s "unix:{at}/ctl" htable.dump ipban
kill $pid; wait $pid"""
        if not modules:
            absent("kamailio", "its modules were not found")
        else:
            run = alone(["sh", "-c", script])
            log = (at / "log").read_text() if (at / "log").exists() else ""
            if "ip: " in run.stderr or "load_module" in log:
                absent("kamailio", (run.stderr + log).strip()[:120])
            else:
                for address in evil:
                    short = ipaddress.ip_address(address)
                    seen = [w.strip("[],'\"") for w in run.stdout.lower().split()]
                    count = 0
                    for word in seen:
                        try:
                            count += ipaddress.ip_address(word) == short
                        except ValueError:
                            pass
                    if count < 2:
                        complain(f"kamailio knows {address} {count} times, not in both tables: {run.stdout[-600:]} {run.stderr[-300:]} {log[-300:]}")
    absent("asterisk", "not packaged; the lines were compared with its manual's")
print(f"{len(KINDS)} kinds of list, {failed} complaints")
sys.exit(1 if failed else 0)
