"""The lab in which the captures are recorded: hosts a, b, p and q, each a network
namespace, joined by a bridge in a fifth one, and drivers for the programs that talk there.

No packet leaves the namespaces, every wait is bounded, and only processes that were
started here are ended. Needs root and the packages that README.md names.

  LAB_PREFIX  first letters of the namespaces' names (default "va"); two labs run side by
              side when their prefixes and their LAB_TMP differ
  LAB_TMP     scratch directory (default /tmp/va-lab)
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import time

PREFIX = os.environ.get("LAB_PREFIX", "va")
TMP = os.environ.get("LAB_TMP", "/tmp/va-lab")
HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.dirname(HERE)
HOSTS = "abpq"
IP = {h: f"10.66.0.{i}" for i, h in enumerate(HOSTS, 1)}
IP6 = {h: f"fd66::{i}" for i, h in enumerate(HOSTS, 1)}
SPEECH = TMP + "/speech"

_started = []
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))    # a program that crashes leaves nothing among the captures


def sh(command, check=True, **kw):
    return subprocess.run(command, shell=True, check=check, capture_output=True, text=True, timeout=120, **kw)


def net_up(mtu=1500):
    net_down()
    os.makedirs(TMP, exist_ok=True)
    sw = PREFIX + "sw"
    sh(f"ip netns add {sw}; ip -n {sw} link set lo up; ip -n {sw} link add br0 type bridge mcast_snooping 0; "
       f"ip netns exec {sw} sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip -n {sw} link set br0 up")
    for i, h in enumerate(HOSTS, 1):
        ns = PREFIX + h
        sh(f"ip netns add {ns}; ip -n {ns} link set lo up; "
           f"ip -n {sw} link add v{h} type veth peer name eth0 netns {ns}; "
           f"ip -n {sw} link set v{h} master br0 up; "
           f"ip -n {ns} link set eth0 address 02:00:00:66:00:0{i} mtu {mtu}; "
           f"ip netns exec {ns} sysctl -qw net.ipv6.conf.eth0.accept_dad=0; "
           f"ip -n {ns} link set eth0 up; ip -n {ns} addr add {IP[h]}/24 dev eth0; "
           f"ip -n {ns} addr add {IP6[h]}/64 dev eth0 nodad; "
           # Phones look at the default route to learn their own address.
           f"ip -n {ns} route add default via {IP['p' if h != 'p' else 'a']}; "
           # Without this the kernel hands frames over with unfinished checksums and merges segments.
           f"ip netns exec {ns} ethtool -K eth0 tx off rx off gso off gro off tso off")


def net_down():
    for h in HOSTS + " ":
        sh(f"ip netns del {PREFIX}{'sw' if h == ' ' else h}", check=False)


def spawn(host, argv, env=None, log=None, stdin=subprocess.DEVNULL, cwd=None):
    out = open(log, "ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(["ip", "netns", "exec", PREFIX + host, *argv], env={**os.environ, **(env or {})},
                               stdout=out, stderr=out, stdin=stdin, cwd=cwd)
    _started.append(process)
    return process


def stop(process, seconds=3):
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_all():
    while _started:
        stop(_started.pop())


def await_true(what, seconds, question):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            return
        time.sleep(0.05)
    raise RuntimeError(f"waited {seconds} s for {what}")


class Capture:
    """tcpdump on the bridge (sees every leg of every call) or on one host's interface."""

    def __init__(self, path, only="", iface="br0", host="sw"):
        self.path = path
        if os.path.exists(path):
            os.unlink(path)
        keep = "(udp or tcp or (ip[6:2] & 0x1fff != 0) or ip6[6] = 44)"
        self.process = spawn(host, ["tcpdump", "-i", iface, "-U", "--immediate-mode", "-s0", "-Z", "root", "-B", "8192", "-w", path,
                                    keep + (f" and ({only})" if only else "")], log=TMP + "/tcpdump.log")
        await_true("tcpdump", 5, lambda: os.path.exists(path) and os.path.getsize(path) >= 24)
        time.sleep(0.2)

    def stop(self):
        time.sleep(0.4)
        stop(self.process)


class Baresip:
    """One account that answers by itself; driven through ctrl_tcp. rtp: its one RTP port."""

    CONFIG = """poll_method epoll
sip_listen {host}:5060
call_local_timeout 60
call_max_calls 4
audio_player aufile,{dir}/heard.wav
audio_source {source}
audio_alert aufile,/dev/null
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels {channels}
auplay_channels {channels}
audio_txmode poll
audio_level {level}
rtcp_mux {mux}
rtp_ports {rtp}-{rtp_end}
jitter_buffer_delay 2-5
net_interface eth0
module_path /usr/lib/baresip/modules
{modules}
ctrl_tcp_listen 127.0.0.1:4444
{extra}
"""
    APPS = ("account", "contact", "menu", "ctrl_tcp")
    ALWAYS = ("aufile", "g711", "g722", "opus", "gsm")

    def __init__(self, host, codec="pcmu", speech=None, encryption="", transport="udp", modules=(), rate=8000,
                 channels=1, rtp=10000, v6=False, mux="no", account="", extra="", source=None, level="no",
                 account_line=None):
        self.host = host
        self.dir = f"{TMP}/baresip-{host}"
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        address = f"[{IP6[host]}]" if v6 else IP[host]
        wav = f"{SPEECH}/{speech or ('s1' if host == 'a' else 's2')}.{rate // 1000}k.wav"
        names = [("module_app ", m) for m in self.APPS] + [("module ", m) for m in (*self.ALWAYS, *modules)]
        if encryption:
            names.append(("module ", "srtp"))
            account += f";mediaenc={encryption}"
        self._write("config", self.CONFIG.format(
            host=address, dir=self.dir, source=source or f"aufile,{wav}", rate=rate, channels=channels, mux=mux,
            rtp=rtp, rtp_end=rtp + 2, modules="\n".join(f"{kind}{m}.so" for kind, m in names), extra=extra, level=level))
        self.user = {"a": "alice", "b": "bob", "p": "proxy", "q": "carol"}[host]
        self.uri = f"sip:{self.user}@{address}"
        self._write("accounts", account_line or f"<{self.uri};transport={transport}>;regint=0;answermode=auto;audio_codecs={codec}{account}\n")
        self._write("contacts", "")
        self.process = spawn(host, ["baresip", "-f", self.dir, "-6" if v6 else "-4"], env={"HOME": self.dir},
                             log=self.dir + "/log", cwd=self.dir)
        await_true("baresip to start", 8, lambda: "baresip is ready" in self.log() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise RuntimeError("baresip ended: " + self.log()[-2000:])

    def _write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)

    def command(self, command, params=""):
        message = json.dumps({"command": command, "params": params, "token": "t"})
        ask = ("import socket,sys;s=socket.create_connection(('127.0.0.1',4444),3);m=sys.argv[1].encode();"
               "s.sendall(b'%d:%s,'%(len(m),m));s.settimeout(1);print(s.recv(4096))")
        subprocess.run(["ip", "netns", "exec", PREFIX + self.host, "python3", "-c", ask, message],
                       capture_output=True, timeout=10)

    def log(self):
        path = self.dir + "/log"
        return open(path, errors="replace").read() if os.path.exists(path) else ""

    def stop(self):
        stop(self.process)


class Linphone:
    """linphonec, driven on its standard input. codecs: "NAME/RATE" to enable, all others off."""

    CONFIG = """[sip]
sip_port=5060
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
register_only_when_network_is_up=0
guess_hostname=0
contact="{user}" <sip:{user}@{address}>
media_encryption={encryption}
{sip}
[net]
mtu=1300
firewall_policy=0
[rtp]
audio_rtp_port={rtp}
audio_rtp_port_range={rtp}-{rtp}
{rtp_extra}
[sound]
echocancellation=0
agc=0
noisegate=0
remote_ring=
playback_dev_id=
capture_dev_id=
{sound}
[video]
enabled=0
capture=0
display=0
{codecs}
"""
    CODECS = (("opus", 48000, 2), ("speex", 16000, 1), ("speex", 8000, 1), ("PCMU", 8000, 1), ("PCMA", 8000, 1),
              ("GSM", 8000, 1), ("G722", 8000, 1), ("speex", 32000, 1), ("BV16", 8000, 1), ("G729", 8000, 1),
              ("L16", 44100, 2), ("L16", 44100, 1), ("iLBC", 8000, 1), ("AMR", 8000, 1), ("AMR-WB", 16000, 1))

    def __init__(self, host, encryption="none", codec="PCMU/8000", speech="s1.8k", rtp=7078, answer=True, sip="",
                 rtp_extra="", sound=""):
        self.host = host
        self.dir = f"{TMP}/linphone-{host}"
        shutil.rmtree(self.dir, ignore_errors=True)
        for d in ("/.local/share/linphone", "/.config/linphone"):
            os.makedirs(self.dir + d)
        user = {"a": "alice", "b": "bob", "p": "proxy", "q": "carol"}[host]
        codecs = "\n".join(f"[audio_codec_{i}]\nmime={m}\nrate={r}\nchannels={c}\nenabled={int(f'{m}/{r}'.lower() == codec.lower())}"
                           for i, (m, r, c) in enumerate(self.CODECS))
        with open(self.dir + "/rc", "w") as f:
            f.write(self.CONFIG.format(user=user, address=IP[host], encryption=encryption, sip=sip, rtp=rtp,
                                       rtp_extra=rtp_extra, sound=sound, codecs=codecs))
        self.process = spawn(host, ["linphonec", "-c", self.dir + "/rc", "-d", "6", "-l", self.dir + "/log"]
                             + (["-a"] if answer else []), env={"HOME": self.dir}, log=self.dir + "/out",
                             stdin=subprocess.PIPE, cwd=self.dir)
        time.sleep(2.5)
        if self.process.poll() is not None:
            raise RuntimeError("linphonec ended")
        for line in ("soundcard use files", f"play {SPEECH}/{speech}.wav", f"record {self.dir}/heard.wav"):
            self.command(line)

    def command(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        time.sleep(0.15)

    def stop(self):
        try:
            self.command("quit")
            self.process.wait(4)
        except (OSError, subprocess.TimeoutExpired):
            pass
        stop(self.process)


class Kamailio:
    """A proxy from a configuration of this directory; defines: names that switch parts of it on."""

    def __init__(self, config="proxy.cfg", host="p", defines=()):
        self.log = f"{TMP}/kamailio.log"
        run = f"{TMP}/kamailio"
        shutil.rmtree(run, ignore_errors=True)
        os.makedirs(run)
        open(self.log, "w").close()
        self.process = spawn(host, ["kamailio", "-DD", "-E", "-f", f"{HERE}/{config}", "-m", "64", "-M", "8",
                                    "-Y", run, *(f"-A{d}" for d in defines)], log=self.log)
        time.sleep(2)
        if self.process.poll() is not None:
            raise RuntimeError("kamailio ended: " + open(self.log, errors="replace").read()[-1500:])

    def stop(self):
        stop(self.process, 6)


class Rtpengine:
    """Media relay beside the proxy, in user space; first port 30000."""

    def __init__(self, host="p", extra=()):
        self.process = spawn(host, ["rtpengine", "--foreground", "--log-stderr", "--log-level=6", "--table=-1",
                                    f"--interface={IP[host]}", "--listen-ng=127.0.0.1:2223", "--port-min=30000",
                                    "--port-max=30100", "--delete-delay=0", "--config-file=none", *extra],
                             log=f"{TMP}/rtpengine.log")
        time.sleep(1.5)
        if self.process.poll() is not None:
            raise RuntimeError("rtpengine ended: " + open(f"{TMP}/rtpengine.log", errors="replace").read()[-1500:])

    def stop(self):
        stop(self.process)
