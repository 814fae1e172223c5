#!/usr/bin/env python3
"""Records calls that a real kamailio signs with its secsipid module: stir_secsipid.py OUT.pcap.gz

sipp calls (198.51.100.10) through kamailio (198.51.100.20), which signs and relays to a sipp that answers (198.51.100.30), all in
a network namespace of its own. The number that is called decides what kamailio does; see CALLS. Needs kamailio,
kamailio-secsipid-modules, sip-tester, tcpdump and root."""
import gzip
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
KEYS = HERE.parent / "stir/keys"
CALLER, PROXY, CALLEE = "198.51.100.10", "198.51.100.20", "198.51.100.30"
X5U = "https://certs.provider.example/good.pem"
MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules"

# Called number: (what is signed for: orig, dest, attest, origid), key, whether Date is left out.
ORIGID = "5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"
CALLS = {
    "13012340001": ("12155550110", "13012340001", "A", ORIGID, "signer", ""),
    "13012340002": ("12155550110", "13012340002", "B", ORIGID, "signer", ""),
    "13012340003": ("12155550110", "13012340003", "C", "", "signer", ""),  # an empty origid: the module makes one
    "13012340004": ("+12155550110", "+13012340004", "A", ORIGID, "signer", ""),  # as in the module's examples
    "13012340005": ("12155550110", "13012340005", "A", ORIGID, "second", ""),  # not the certificate's key
    "13012340006": ("12155550199", "13012340006", "A", ORIGID, "signer", ""),  # not the caller's number
    "13012340007": ("12155550110", "13012340001", "A", ORIGID, "signer", ""),  # not the number called
    "13012340008": ("12155550110", "13012340008", "A", ORIGID, "signer", "no date"),
}


def config(folder):
    cases = []
    for number, (orig, dest, attest, origid, key, no_date) in CALLS.items():
        date = "" if no_date else 'append_hf("Date: $timef(%a, %d %b %Y %H:%M:%S GMT)\\r\\n");'
        cases.append(f'if ($rU == "+{number}") {{ {date} secsipid_add_identity("{orig}", "{dest}", "{attest}", "{origid}", "{X5U}", '
                     f'"{KEYS / (key + ".key.pem")}"); }}')
    path = folder / "kamailio.cfg"
    path.write_text(f"""#!KAMAILIO
debug=1
log_stderror=yes
children=1
listen=udp:{PROXY}:5060
auto_aliases=no
dns=no
mpath="{MODULES}"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "secsipid.so"
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ exit; }}
  if (has_totag()) {{ loose_route(); t_relay(); exit; }}
  if (is_method("CANCEL")) {{ t_relay(); exit; }}
  record_route();
  {chr(10).join(cases)}
  $du = "sip:{CALLEE}:5060";
  t_relay();
}}
""")
    return path


def caller(folder):
    path = folder / "caller.xml"
    path.write_text("""<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:+[field0]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "Lab" <sip:+12155550110@[local_ip]:[local_port];user=phone>;tag=[call_number]
To: <sip:+[field0]@[remote_ip]:[remote_port];user=phone>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:lab@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 40000 RTP/AVP 0
]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: "Lab" <sip:+12155550110@[local_ip]:[local_port];user=phone>;tag=[call_number]
To: <sip:+[field0]@[remote_ip]:[remote_port];user=phone>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0
]]></send>
<pause milliseconds="200"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: "Lab" <sip:+12155550110@[local_ip]:[local_port];user=phone>;tag=[call_number]
To: <sip:+[field0]@[remote_ip]:[remote_port];user=phone>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0
]]></send>
<recv response="200"/>
</scenario>
""")
    (folder / "numbers.csv").write_text("SEQUENTIAL\n" + "".join(number + "\n" for number in CALLS))
    return path


def record(target):
    started = []

    def start(*command):
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
                                        env={**os.environ, "TZ": "UTC"}))

    folder = pathlib.Path(tempfile.mkdtemp(prefix="secsipid-"))
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
        for address in (CALLER, PROXY, CALLEE):
            subprocess.run(["ip", "address", "add", address + "/32", "dev", "lo"], check=True, timeout=10)
        start("tcpdump", "-i", "lo", "-U", "-w", str(folder / "lo.pcap"), "udp port 5060")
        start("kamailio", "-f", str(config(folder)), "-DD", "-E", "-Y", str(folder), "-P", str(folder / "pid"))
        start("sipp", "-sn", "uas", "-i", CALLEE, "-p", "5060", "-nostdin")
        time.sleep(3)
        subprocess.run(["sipp", "-sf", str(caller(folder)), "-inf", str(folder / "numbers.csv"), "-i", CALLER, "-p", "5060", "-m",
                        str(len(CALLS)), "-r", "2", "-cid_str", "secsipid-%u@%s", "-nostdin", PROXY + ":5060"], check=True, timeout=60, cwd=folder,
                       stdout=subprocess.DEVNULL)
        time.sleep(1)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
    with open(folder / "lo.pcap", "rb") as capture, open(target, "wb") as out:
        out.write(gzip.compress(capture.read(), 9, mtime=0))
    shutil.rmtree(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if os.environ.get("SECSIPID_INSIDE") != "1":
        os.environ["SECSIPID_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, os.path.abspath(sys.argv[1])])
    record(sys.argv[1])
