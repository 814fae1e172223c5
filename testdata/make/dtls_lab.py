"""The stage on which the captures of testdata/srtp and testdata/tls are played.

Four hosts (a, b, p, q) are network namespaces joined by a bridge in a fifth one (sw), and tcpdump
listens on the bridge. Needs root. Nothing leaves these namespaces, and only processes that were
started here are ended here. LAB_KEYED_PREFIX gives the prefix of the namespaces, LAB_KEYED_TMP the working folder.
"""
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time

PREFIX = os.environ.get("LAB_KEYED_PREFIX", "vbk")
TMP = os.environ.get("LAB_KEYED_TMP", "/tmp/keyed-media-lab")
HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.dirname(HERE)
HOSTS = "abpq"
IP = {h: f"10.67.0.{n}" for n, h in enumerate(HOSTS, 1)}
SHIM = TMP + "/keylog.so"
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
started = []


def run(command, check=True, **options):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, **options)
    if check and done.returncode:
        raise RuntimeError(f"{command}\n{done.stdout[-800:]}{done.stderr[-1500:]}")
    return done.stdout


def network_up():
    network_down()
    switch = PREFIX + "sw"
    run(f"ip netns add {switch}; ip -n {switch} link set lo up; ip -n {switch} link add br0 type bridge;"
        f"ip -n {switch} link set br0 up; ip netns exec {switch} sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    for number, host in enumerate(HOSTS, 1):
        ns = PREFIX + host
        run(f"ip netns add {ns}; ip netns exec {ns} sysctl -qw net.ipv6.conf.all.disable_ipv6=1;"
            f"ip -n {ns} link set lo up;"
            f"ip -n {switch} link add v{host} type veth peer name eth0 netns {ns};"
            f"ip -n {switch} link set v{host} master br0 up;"
            f"ip -n {ns} link set eth0 address 02:00:00:67:00:0{number};"
            f"ip -n {ns} link set eth0 up; ip -n {ns} addr add {IP[host]}/24 dev eth0;"
            # linphone finds its own address by the default route; kamailio on p must not wait for a name server.
            f"{'true' if host == 'p' else 'ip -n ' + ns + ' route add default via ' + IP['p']};"
            # Offloads would leave wrong checksums and frames above the MTU in the capture.
            f"ip netns exec {ns} ethtool -K eth0 tx off rx off gso off gro off tso off; true")


def network_down():
    for host in HOSTS + "sw":
        subprocess.run(["ip", "netns", "del", PREFIX + ("sw" if host in "sw" else host)],
                       capture_output=True, check=False)


@contextlib.contextmanager
def inside(host):
    """Sockets made in this block belong to the namespace of `host`, for good."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + PREFIX + host, os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


def spawn(host, argv, env=None, log=None, stdin=None, cwd=None):
    sink = open(log, "ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(["ip", "netns", "exec", PREFIX + host] + argv, stdout=sink, stderr=sink,
                               env={**os.environ, **(env or {})}, stdin=stdin or subprocess.DEVNULL, cwd=cwd)
    started.append(process)
    return process


def end(process, patience=3):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in started:
        started.remove(process)


def end_all():
    for process in list(started):
        end(process)


class Capture:
    def __init__(self, path, filter="(udp or tcp or (ip[6:2] & 0x1fff != 0)) and not port 53"):
        self.path = path
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.process = spawn("sw", ["tcpdump", "-i", "br0", "-U", "--immediate-mode", "-s0", "-Z", "root", "-B", "8192", "-w", path, filter],
                             log=TMP + "/tcpdump.log")
        deadline = time.monotonic() + 5
        while not (os.path.exists(path) and os.path.getsize(path) >= 24):
            if time.monotonic() > deadline:
                raise RuntimeError("tcpdump did not start")
            time.sleep(0.02)
        time.sleep(0.3)

    def stop(self):
        time.sleep(0.4)
        end(self.process)
        return self.path


def prepare():
    """Speech, certificates and the key-log shim, once per working folder."""
    os.makedirs(TMP, exist_ok=True)
    if not os.path.exists(SHIM):
        run(f"gcc -shared -fPIC -O1 -o {SHIM} {HERE}/dtls_keylog.c -ldl")
    lines = ["Good morning, this is the support desk. My name is Anna. I am calling about the order that you placed "
             "last week. Could you please confirm the delivery address for me?",
             "Hello Anna. Yes, of course. The address is forty two Market Street, second floor. Please ask the driver "
             "to ring the bell twice, because the door is sometimes hard to hear."]
    for number, (voice, text) in enumerate(zip(("en-us+f3", "en-gb+m3"), lines), 1):
        wav = f"{TMP}/s{number}"
        if not os.path.exists(wav + ".48k.wav"):
            run(f'espeak-ng -v {voice} -s 165 -w {wav}.raw.wav "{text}"; sox {wav}.raw.wav -r 8000 -c1 -b16 {wav}.8k.wav;'
                f"sox {wav}.raw.wav -r 16000 -c1 -b16 {wav}.16k.wav; sox {wav}.raw.wav -r 48000 -c2 -b16 {wav}.48k.wav")
    for host, key in (("a", "rsa:2048"), ("b", "ec -pkeyopt ec_paramgen_curve:P-256"), ("p", "rsa:2048")):
        pem = f"{TMP}/{host}"
        if not os.path.exists(pem + ".pem"):
            run(f"openssl req -x509 -newkey {key} -nodes -days 3650 -subj /CN={host}.example.org "
                f"-addext subjectAltName=DNS:{host}.example.org,URI:sip:{host}.example.org "
                f"-keyout {pem}.key -out {pem}.crt 2>/dev/null; cat {pem}.key {pem}.crt > {pem}.pem")


BARESIP = """poll_method epoll
sip_listen {ip}:5060
call_local_timeout 60
call_max_calls 4
audio_player aufile,/dev/null
audio_alert aufile,/dev/null
audio_source aufile,{wav}
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels {channels}
auplay_channels {channels}
audio_txmode poll
rtcp_mux {mux}
rtp_ports 10000-10100
jitter_buffer_delay 2-5
net_interface eth0
module_path /usr/lib/baresip/modules
module_app account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
module aufile.so
module g711.so
module opus.so
{modules}
ctrl_tcp_listen 127.0.0.1:4444
"""
USER = {"a": "alice", "b": "bob", "p": "proxy", "q": "carol"}


class Baresip:
    def __init__(self, host, account="", codec="pcmu", wav=1, modules=(), mux="no", env=None):
        self.host, self.folder = host, f"{TMP}/baresip-{host}"
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        rate, channels, name = (48000, 2, "48k") if codec.startswith("opus") else (8000, 1, "8k")
        self.write("config", BARESIP.format(ip=IP[host], wav=f"{TMP}/s{wav}.{name}.wav", rate=rate, channels=channels,
                                            mux=mux, modules="\n".join("module " + m for m in modules)))
        self.write("accounts", f"<sip:{USER[host]}@{IP[host]};transport=udp>;regint=0;answermode=auto;"
                               f"audio_codecs={codec};{account}\n")
        self.write("contacts", "")
        self.process = spawn(host, ["baresip", "-f", self.folder, "-4"], env={"HOME": self.folder, **(env or {})},
                             log=self.folder + "/log", cwd=self.folder)
        time.sleep(1.2)
        if self.process.poll() is not None:
            raise RuntimeError("baresip ended: " + self.log()[-1500:])

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w") as out:
            out.write(text)

    def command(self, name, params=""):
        message = json.dumps({"command": name, "params": params, "token": "t"}).encode()
        for patience in range(10):               # a busy machine starts it slowly
            try:
                with inside(self.host):
                    control = socket.create_connection(("127.0.0.1", 4444), 3)
                break
            except ConnectionRefusedError:
                if patience == 9:
                    raise
                time.sleep(0.5)
        with control:
            control.sendall(str(len(message)).encode() + b":" + message + b",")
            control.settimeout(0.5)
            with contextlib.suppress(OSError):
                return control.recv(4096).decode(errors="replace")

    def log(self):
        with open(self.folder + "/log", errors="replace") as text:
            return text.read()

    def stop(self):
        end(self.process)


LINPHONE = """[sip]
sip_port=5060
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
register_only_when_network_is_up=0
guess_hostname=0
contact="{user}" <sip:{user}@{ip}>
media_encryption={encryption}
{sip}
[net]
mtu=1300
firewall_policy=0
[rtp]
audio_rtp_port=7078
audio_adaptive_jitt_comp_enabled=1
[sound]
echocancellation=0
agc=0
noisegate=0
remote_ring=
[video]
enabled=0
capture=0
display=0
"""
LINPHONE_CODECS = [("opus", 48000, 2), ("speex", 16000, 1), ("speex", 8000, 1), ("PCMU", 8000, 1), ("PCMA", 8000, 1),
                   ("GSM", 8000, 1), ("G722", 8000, 1), ("speex", 32000, 1), ("G729", 8000, 1)]


class Linphone:
    def __init__(self, host, encryption="none", suites="", codec="PCMU", wav=1, sip="", env=None):
        self.folder = f"{TMP}/linphone-{host}"
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in (".local/share/linphone", ".config/linphone"):
            os.makedirs(f"{self.folder}/{part}")
        if suites:
            sip += f"\nsrtp_crypto_suites={suites}"
        config = LINPHONE.format(user=USER[host], ip=IP[host], encryption=encryption, sip=sip)
        for number, (mime, rate, channels) in enumerate(LINPHONE_CODECS):
            config += (f"[audio_codec_{number}]\nmime={mime}\nrate={rate}\nchannels={channels}\n"
                       f"enabled={int(mime.lower() == codec.lower())}\n")
        with open(self.folder + "/rc", "w") as out:
            out.write(config)
        read, write = os.pipe()
        self.keys = os.fdopen(write, "w", buffering=1)
        self.process = spawn(host, ["linphonec", "-c", self.folder + "/rc", "-d", "6", "-l", self.folder + "/log", "-a"],
                             env={"HOME": self.folder, "LD_PRELOAD": SHIM, "SRTP_KEYLOG": self.folder + "/srtp.keys",
                                  **(env or {})}, log=self.folder + "/out", stdin=read, cwd=self.folder)
        os.close(read)
        time.sleep(2.5)
        if self.process.poll() is not None:
            raise RuntimeError("linphonec ended: " + self.out()[-1500:])
        self.command("soundcard use files")
        self.command(f"play {TMP}/s{wav}.{'48k' if codec == 'opus' else '8k'}.wav")
        self.command(f"record {self.folder}/record.wav")

    def command(self, text):
        self.keys.write(text + "\n")
        self.keys.flush()
        time.sleep(0.15)

    def out(self):
        with open(self.folder + "/out", errors="replace") as text:
            return text.read()

    def srtp_keys(self):
        """What was handed to libsrtp2: rows of function, SSRC, cipher, tag length, key||salt."""
        path = self.folder + "/srtp.keys"
        if not os.path.exists(path):
            return []
        with open(path) as text:
            return [dict(field.split("=", 1) for field in line.split()) for line in text]

    def stop(self):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.command("quit")
            self.keys.close()
            self.process.wait(4)
        end(self.process)
