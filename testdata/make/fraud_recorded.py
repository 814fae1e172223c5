#!/usr/bin/env python3
"""Records attacks on a real registrar: sipp as phones and as the attacker, kamailio as registrar with digest.

Usage (as root): fraud_recorded.py OUTDIR. All traffic stays in network namespaces (lab.py); about a minute.
- kamailio-crack: 1001 and 1002 are registered from host b; host a guesses the password of 1001, the 26th attempt fits.
- kamailio-normal: three phones register again and again with nonces that expire on the way; nothing is wrong.
"""
import gzip
import os
import sys
import time

import lab
from lab import IP, TMP, Capture, sh, spawn, stop

CONFIG = """
debug=1
log_stderror=yes
children=2
listen=udp:{p}:5060
auto_aliases=no
alias="lab.example"
dns=no
rev_dns=no
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("auth", "nonce_expire", {expire})
modparam("usrloc", "db_mode", 0)
request_route {{
	if (is_method("REGISTER")) {{
		if (!($tU =~ "^100[1-5]$")) {{ sl_send_reply("404", "Not Found"); exit; }}
		if (!pv_www_authenticate("lab.example", "sesame-$aU", "0")) {{ www_challenge("lab.example", "0"); exit; }}
		save("location");
		exit;
	}}
	sl_send_reply("404", "Not Found");
}}
"""

REGISTER = """REGISTER sip:lab.example SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[field0]@lab.example>;tag=[pid]t[call_number]
To: <sip:[field0]@lab.example>
Call-ID: [call_id]
CSeq: {cseq} REGISTER
Contact: <sip:[field0]@[local_ip]:[local_port]>
Expires: 120
User-Agent: {agent}
{auth}Content-Length: 0
"""


def scenario(path, agent, rounds, pause, good):
    """good: the answer to the login is 200; else whatever comes is taken."""
    out = ['<?xml version="1.0"?>', '<scenario name="register">']
    send = lambda text, more="": out.append("<send%s><![CDATA[\n\n%s\n]]></send>" % (more, text))
    login = "[field1]\n"
    send(REGISTER.format(cseq=1, agent=agent, auth=""), ' retrans="500"')
    out.append('<recv response="401" auth="true"></recv>')
    for k in range(rounds):
        send(REGISTER.format(cseq=10 * k + 2, agent=agent, auth=login), ' retrans="500"')
        if good:
            # An old nonce is refused once in a while: then the new one is used at once.
            out.append('<recv response="401" auth="true" optional="true" next="again%d"></recv>' % k)
            out.append('<recv response="200" next="done%d"></recv><label id="again%d"/>' % (k, k))
            send(REGISTER.format(cseq=10 * k + 3, agent=agent, auth=login), ' retrans="500"')
            out.append('<recv response="200"></recv><label id="done%d"/>' % k)
            out.append('<pause milliseconds="%d"/>' % int(pause * 1000))
        else:
            out.append('<recv response="401" optional="true"></recv><recv response="200"></recv>' if k < 0 else '<recv response="401" optional="true" next="1"></recv><recv response="200"></recv><label id="1"/>')
    out.append("</scenario>")
    with open(path, "w") as f:
        f.write("\n".join(out).replace("again", "2").replace("done", "3") + "\n")


def users(path, rows):
    with open(path, "w") as f:
        f.write("SEQUENTIAL\n" + "".join("%s;[authentication username=%s password=%s]\n" % (u, u, p) for u, p in rows))


def sipp(host, name, calls, rate, seconds=60):
    return spawn(host, ["sipp", "-sf", f"{TMP}/{name}.xml", "-inf", f"{TMP}/{name}.csv", "-i", IP[host], "-p", "5060", "-nd", "-nostdin",
                        "-m", str(calls), "-l", "1" if rate == 1 else "10", "-r", str(rate), "-rp", "1000", "-timeout", str(seconds),
                        IP["p"] + ":5060"], log=f"{TMP}/{name}.out", cwd=TMP)


def registrar(expire):
    with open(f"{TMP}/fraud.cfg", "w") as f:
        f.write(CONFIG.format(p=IP["p"], expire=expire))
    process = spawn("p", ["kamailio", "-f", f"{TMP}/fraud.cfg", "-DD", "-E", "-m", "32", "-M", "8"], log=f"{TMP}/kamailio.log")
    time.sleep(1.5)
    return process


def keep(path, target):
    with open(path, "rb") as f, open(target, "wb") as g, gzip.GzipFile("", "wb", 9, g, 0) as z:
        z.write(f.read())


def record(out, name, expire, story):
    proxy = registrar(expire)
    dump = spawn("p", ["tcpdump", "-i", "eth0", "-w", f"{TMP}/{name}.pcap", "-U", "-Z", "root", "udp port 5060"])
    time.sleep(1)
    story()
    time.sleep(0.5)
    stop(dump)
    stop(proxy)
    keep(f"{TMP}/{name}.pcap", f"{out}/{name}.pcap.gz")


def crack():
    users(f"{TMP}/good.csv", [("1001", "sesame-1001"), ("1002", "sesame-1002")])
    scenario(f"{TMP}/good.xml", "Yealink SIP-T46S 66.86.0.15", 2, 2, True)
    sipp("b", "good", 2, 5).wait(40)
    users(f"{TMP}/bad.csv", [("1001", "wrong%d" % k) for k in range(25)] + [("1001", "sesame-1001")])
    scenario(f"{TMP}/bad.xml", "Telephone 1.4", 1, 0, False)
    sipp("a", "bad", 26, 4).wait(40)


def normal():
    users(f"{TMP}/phones.csv", [("100%d" % k, "sesame-100%d" % k) for k in (1, 2, 3)])
    scenario(f"{TMP}/phones.xml", "snomD785/10.1.169.16", 8, 2.2, True)
    sipp("b", "phones", 3, 5).wait(60)


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    lab.net_up()
    try:
        record(sys.argv[1], "kamailio-crack", 300, crack)
        record(sys.argv[1], "kamailio-normal", 3, normal)
    finally:
        lab.stop_all()
        lab.net_down()
