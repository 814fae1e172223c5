#!/usr/bin/env python3
"""Records one complete incident inside the traffic of a small office, as packets and as the HEP mirror of the PBX.

Kamailio is the PBX; sipvicious (svmap, svwar, svcrack) scans, enumerates and guesses; the phones, the carrier and the
attacker's phone are the small user agents below, which speak to the real PBX and compute real digests. All happens in
network namespaces of its own within minutes; afterwards each message is moved to its place in a story of three days.

  incident.py OUTDIR      writes incident.pcap, incident.hep and incident.truth.json there (needs root, kamailio,
                          sipvicious, tcpdump; every wait is bounded, only processes started here are ended)
"""
import hashlib
import json
import os
import random
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
PBX = "192.0.2.10"
CARRIER = "198.51.100.5"
COLLECTOR = "192.0.2.20"
ATTACKER = "203.0.113.66"      # scans and guesses
THIEF = "203.0.113.71"         # uses what was guessed
NOISE = "198.51.100.177"       # somebody else's scanner
EXTENSIONS = [str(1000 + i) for i in range(1, 9)]
VICTIM = "1007"
PASSWORDS = {e: hashlib.sha256(("office" + e).encode()).hexdigest()[:12] for e in EXTENSIONS}
PASSWORDS[VICTIM] = "231"
DAY1 = datetime(2026, 3, 10, tzinfo=timezone.utc).timestamp()   # a Tuesday
NS = {"sw": "tlsw", "pbx": "tlpbx", "office": "tloffice", "out": "tlout"}
random.seed(7)


def at(day, clock):
    h, m, s = (list(map(int, clock.split(":"))) + [0])[:3]
    return DAY1 + (day - 1) * 86400 + h * 3600 + m * 60 + s


# --- the place -------------------------------------------------------------------------------------------------------

def sh(command, check=True):
    return subprocess.run(command, shell=True, check=check, capture_output=True, text=True, timeout=60)


def net_up():
    net_down()
    sh(f"ip netns add {NS['sw']}; ip -n {NS['sw']} link add br0 type bridge mcast_snooping 0; ip -n {NS['sw']} link set br0 up")
    hosts = {"pbx": [PBX], "office": [f"192.0.2.{101 + i}" for i in range(len(EXTENSIONS))] + [COLLECTOR, CARRIER],
             "out": [ATTACKER, THIEF, NOISE]}
    for i, (name, addresses) in enumerate(hosts.items(), 1):
        ns = NS[name]
        sh(f"ip netns add {ns}; ip -n {ns} link set lo up; "
           f"ip -n {NS['sw']} link add v{name} type veth peer name eth0 netns {ns}; ip -n {NS['sw']} link set v{name} master br0 up; "
           f"ip -n {ns} link set eth0 address 02:00:00:77:00:0{i} up; "
           f"ip netns exec {ns} ethtool -K eth0 tx off rx off gso off gro off tso off")
        for address in addresses:
            sh(f"ip -n {ns} addr add {address}/32 dev eth0")
        sh(f"ip -n {ns} route add default dev eth0 src {addresses[0]}")


def net_down():
    for ns in NS.values():
        sh(f"ip netns del {ns}", check=False)


def in_ns(name, command, **kw):
    return subprocess.Popen(["ip", "netns", "exec", NS[name]] + command, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, **kw)


def socket_in(name, address, port):
    """A UDP socket that lives in another namespace: opened by a thread that visits it."""
    result = {}

    def visit():
        import ctypes
        libc = ctypes.CDLL("libc.so.6", use_errno=True)
        with open(f"/run/netns/{NS[name]}") as there:
            if libc.setns(there.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, port))
        result["socket"] = s

    t = threading.Thread(target=visit)
    t.start()
    t.join()
    return result["socket"]


# --- user agents -----------------------------------------------------------------------------------------------------

def header(text, name):
    m = re.search(r"^" + name + r"\s*:\s*(.*?)\r?$", text, re.M | re.I)
    return m.group(1).strip() if m else ""


def headers(text, name):
    return [m.strip() for m in re.findall(r"^" + name + r"\s*:\s*(.*?)\r?$", text, re.M | re.I)]


def md5(s):
    return hashlib.md5(s.encode()).hexdigest()


class Agent:
    """One phone (or the carrier): places calls in the main thread, answers them in the responder's."""
    count = 0

    def __init__(self, ns, address, user, password, agent, port=5060):
        self.address, self.user, self.password, self.agent, self.port = address, user, password, agent, port
        self.socket = socket_in(ns, address, port)
        self.answers = {}          # Call-ID: responses that came
        self.rule = {}             # what to do with a call: number or "": "answer", "busy", "ring"
        self.dialogs = {}          # Call-ID: of calls that came in
        self.lock = threading.Condition()

    def ident(self, prefix):
        Agent.count += 1
        return f"{prefix}{hashlib.md5(f'{self.user}{self.address}{Agent.count}'.encode()).hexdigest()[:16]}"

    def send(self, text):
        self.socket.sendto(text.encode(), (PBX, 5060))

    def wait(self, call_id, cseq, final=True, timeout=3.0):
        end = time.time() + timeout
        with self.lock:
            while time.time() < end:
                for text in self.answers.get(call_id, []):
                    status = int(text.split(" ", 2)[1])
                    if header(text, "CSeq") == cseq and (status >= 200 or not final):
                        return status, text
                self.lock.wait(0.05)
        return 0, ""

    def request(self, method, uri, call_id, cseq, from_tag, to, to_tag="", more="", body="", branch=None):
        branch = branch or "z9hG4bK" + self.ident("")
        domain = "pbx.example"
        text = (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.address}:{self.port};rport;branch={branch}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@{domain}>;tag={from_tag}\r\n"
                f"To: <{to}>{';tag=' + to_tag if to_tag else ''}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"User-Agent: {self.agent}\r\n{more}")
        if body:
            text += "Content-Type: application/sdp\r\n"
        return text + f"Content-Length: {len(body)}\r\n\r\n{body}", branch

    def contact(self):
        return f"Contact: <sip:{self.user}@{self.address}:{self.port}>\r\n"

    def credentials(self, text, method, uri, name="Authorization", password=None):
        challenge = header(text, "WWW-Authenticate") or header(text, "Proxy-Authenticate")
        realm = re.search(r'realm="([^"]*)"', challenge).group(1)
        nonce = re.search(r'nonce="([^"]*)"', challenge).group(1)
        qop = 'qop=' in challenge
        ha1 = md5(f"{self.user}:{realm}:{password or self.password}")
        ha2 = md5(f"{method}:{uri}")
        if qop:
            cnonce = self.ident("")
            response = md5(f"{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")
            tail = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
        else:
            response, tail = md5(f"{ha1}:{nonce}:{ha2}"), ""
        return (f'{name}: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
                f'response="{response}", algorithm=MD5{tail}\r\n')

    def register(self, expires=7200, password=None):
        call_id, tag = self.ident("r") + "@" + self.address, self.ident("t")
        aor, uri = f"sip:{self.user}@pbx.example", "sip:pbx.example"
        more = self.contact() + f"Expires: {expires}\r\n"
        text, _ = self.request("REGISTER", uri, call_id, 1, tag, aor, more=more)
        self.send(text)
        status, answer = self.wait(call_id, "1 REGISTER")
        if status == 401:
            more += self.credentials(answer, "REGISTER", uri, password=password)
            text, _ = self.request("REGISTER", uri, call_id, 2, tag, aor, more=more)
            self.send(text)
            status, answer = self.wait(call_id, "2 REGISTER")
        return status, call_id

    def sdp(self):
        return (f"v=0\r\no=- {Agent.count} 1 IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n"
                f"m=audio {10000 + Agent.count % 5000 * 2} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n")

    def call(self, number, how="answer", hangup="caller"):
        """Places one call and ends it at once. Returns (status, Call-ID)."""
        call_id, tag = self.ident("c") + "@" + self.address, self.ident("t")
        uri = f"sip:{number}@pbx.example"
        if self.user == "carrier":
            uri = f"sip:{number}@{PBX}"
        body = self.sdp()
        text, branch = self.request("INVITE", uri, call_id, 1, tag, uri, more=self.contact(), body=body)
        self.send(text)
        cseq = 1
        status, answer = self.wait(call_id, "1 INVITE", timeout=0.6 if how == "ring" and self.user == "carrier" else 3)
        if status in (401, 407):
            self.ack(uri, call_id, 1, tag, answer, branch)
            cseq = 2
            more = self.contact() + self.credentials(answer, "INVITE", uri, "Proxy-Authorization")
            text, branch = self.request("INVITE", uri, call_id, 2, tag, uri, more=more, body=body)
            self.send(text)
            status, answer = self.wait(call_id, "2 INVITE", timeout=0.6 if how == "ring" else 3)
        if status == 0 and how == "ring":
            text, _ = self.request("CANCEL", uri, call_id, cseq, tag, uri, branch=branch)
            self.send(text)
            status, answer = self.wait(call_id, f"{cseq} INVITE")
        if status >= 300:
            self.ack(uri, call_id, cseq, tag, answer, branch)
            return status, call_id
        if status == 0:
            return 0, call_id
        to_tag = re.search(r"tag=([^;>\s]+)", header(answer, "To")).group(1)
        target = re.search(r"<([^>]+)>", header(answer, "Contact")).group(1)
        route = "".join(f"Route: {r}\r\n" for r in reversed(headers(answer, "Record-Route")))
        text, _ = self.request("ACK", target, call_id, cseq, tag, uri, to_tag, more=route)
        self.send(text)
        time.sleep(0.01)
        if hangup == "caller":
            text, _ = self.request("BYE", target, call_id, cseq + 1, tag, uri, to_tag, more=route)
            self.send(text)
            self.wait(call_id, f"{cseq + 1} BYE")
        else:
            RESPONDER.hang_up(call_id)
        return status, call_id

    def ack(self, uri, call_id, cseq, tag, answer, branch):
        to_tag = re.search(r"tag=([^;>\s]+)", header(answer, "To"))
        text, _ = self.request("ACK", uri, call_id, cseq, tag, uri, to_tag.group(1) if to_tag else "", branch=branch)
        self.send(text)


class Responder(threading.Thread):
    """Reads for all agents: responses go to who waits, requests are answered."""

    def __init__(self):
        super().__init__(daemon=True)
        self.agents, self.stop = [], False
        self.incoming = {}

    def run(self):
        while not self.stop:
            ready, _, _ = select.select([a.socket for a in self.agents], [], [], 0.1)
            for agent in self.agents:
                if agent.socket in ready:
                    text = agent.socket.recv(65535).decode(errors="replace")
                    try:
                        self.take(agent, text)
                    except Exception as error:    # a test's own mistake must be seen
                        print("responder:", error, text[:200], file=sys.stderr)

    def take(self, agent, text):
        call_id = header(text, "Call-ID")
        if text.startswith("SIP/2.0"):
            with agent.lock:
                agent.answers.setdefault(call_id, []).append(text)
                agent.lock.notify_all()
            return
        method = text.split(" ", 1)[0]
        if method == "INVITE":
            self.invite(agent, text, call_id)
        elif method == "BYE":
            agent.send(self.reply(agent, text, 200, "OK"))
        elif method == "CANCEL":
            agent.send(self.reply(agent, text, 200, "OK"))
            invite = self.incoming.get((agent, call_id))
            if invite:
                agent.send(self.reply(agent, invite, 487, "Request Terminated", "x1"))

    def reply(self, agent, text, status, reason, tag="", more="", body=""):
        lines = [f"SIP/2.0 {status} {reason}"]
        for name in ("Via", "Record-Route"):
            lines += [f"{name}: {v}" for v in headers(text, name)]
        to = header(text, "To")
        if tag and "tag=" not in to:
            to += ";tag=" + tag
        lines += [f"From: {header(text, 'From')}", f"To: {to}", f"Call-ID: {header(text, 'Call-ID')}",
                  f"CSeq: {header(text, 'CSeq')}", f"Server: {agent.agent}"]
        return "\r\n".join(lines) + "\r\n" + more + f"Content-Length: {len(body)}\r\n\r\n" + body

    def invite(self, agent, text, call_id):
        number = re.search(r"sip:([^@]+)@", text).group(1)
        if (agent, call_id) in self.incoming:
            return
        self.incoming[agent, call_id] = text
        how = agent.rule.get(number) or agent.rule.get("") or "answer"
        tag = "u" + hashlib.md5(call_id.encode()).hexdigest()[:8]
        if how == "busy":
            agent.send(self.reply(agent, text, 486, "Busy Here", tag))
            return
        agent.send(self.reply(agent, text, 180, "Ringing", tag))
        if how == "ring":
            return
        body = agent.sdp()
        contact = f"Contact: <sip:{agent.user}@{agent.address}:{agent.port}>\r\nContent-Type: application/sdp\r\n"
        agent.send(self.reply(agent, text, 200, "OK", tag, contact, body))

    def hang_up(self, call_id):
        for (agent, cid), text in list(self.incoming.items()):
            if cid != call_id:
                continue
            tag = "u" + hashlib.md5(call_id.encode()).hexdigest()[:8]
            target = re.search(r"<([^>]+)>", header(text, "Contact")).group(1)
            route = "".join(f"Route: {r}\r\n" for r in headers(text, "Record-Route"))
            bye = (f"BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {agent.address}:{agent.port};rport;"
                   f"branch=z9hG4bK{agent.ident('')}\r\nMax-Forwards: 70\r\nFrom: {header(text, 'To')};tag={tag}\r\n"
                   f"To: {header(text, 'From')}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\nUser-Agent: {agent.agent}\r\n{route}"
                   "Content-Length: 0\r\n\r\n")
            agent.send(bye)
            agent.wait(call_id, "1 BYE")


RESPONDER = Responder()

# --- the story -------------------------------------------------------------------------------------------------------

STORY = {}      # Call-ID: {"start", "answer", "end"} in the story's time
TRUTH = {"calls": {}, "phases": []}


def place_register(agent, when, **kw):
    status, call_id = agent.register(**kw)
    STORY[call_id] = {"start": when, "answer": when, "end": when}
    return status, call_id


def place_call(agent, number, when, ring, talk, how="answer", hangup="caller"):
    status, call_id = agent.call(number, how, hangup)
    answered = status == 200
    STORY[call_id] = {"start": when, "answer": when + ring, "end": when + ring + (talk if answered else 0)}
    TRUTH["calls"][call_id] = {"start": when, "status": status, "number": number, "account": agent.user,
                               "talk": talk if answered else None, "ended_by": hangup if answered else None}
    return status, call_id


def office(phones, carrier):
    names = {p.user: p for p in phones}
    for phone in phones:
        t = at(1, "00:05") + random.uniform(0, 1200)
        while t < at(4, "00:00"):
            place_register(phone, t)
            t += 6900 + random.uniform(-200, 200)
    for day in (1, 2, 3):
        for i in range(36):
            t = at(day, "08:00") + i * 950 + random.uniform(0, 700)
            caller = random.choice(phones)
            ring, talk = random.uniform(2, 14), random.uniform(20, 480)
            kind = random.random()
            hangup = random.choice(["caller", "callee"])
            if kind < 0.5:
                callee = random.choice([p for p in phones if p is not caller])
                callee.rule = {"": random.choice(["answer"] * 6 + ["busy", "ring"])}
                place_call(caller, callee.user, t, ring, talk, callee.rule[""], hangup)
                callee.rule = {}
            elif kind < 0.8:
                place_call(caller, "0" + random.choice(["30", "89", "221"]) + str(random.randint(200000, 999999)), t, ring, talk,
                           hangup=hangup)
            else:
                callee = random.choice(phones)
                place_call(carrier, callee.user, t, ring, talk, hangup=hangup)
    # A phone that was given a wrong password, for an hour of day 2.
    for i in range(12):
        place_register(names["1003"], at(2, "13:00") + i * 300, password="wrong")


def tool(command):
    p = in_ns("out", command)
    try:
        p.wait(timeout=120)
    except subprocess.TimeoutExpired:
        p.kill()


MARKS = []      # (kind, real begin, real end): what the tools sent in between


def run_tool(kind, command):
    begin = time.time()
    tool(command)
    time.sleep(0.3)
    MARKS.append((kind, begin, time.time()))


def attack():
    run_tool("scan", ["svmap", "-p5060", "-m", "OPTIONS", PBX])
    run_tool("enumeration", ["svwar", "-e1000-1060", "-m", "REGISTER", PBX])
    run_tool("guessing", ["svcrack", "-u", VICTIM, "-r100-260", PBX])


def theft(thief, lock):
    took = at(3, "01:42:10")
    status, takeover = place_register(thief, took)
    assert status == 200, status
    TRUTH["takeover"] = {"call_id": takeover, "time": took}
    probes = []
    for i, form in enumerate(["9005352001122", "+5352001122", "901153520011", "**5352001122", "5352001122"]):
        probes.append(place_call(thief, form, took + 60 + i * 20, 0, 0))
    assert all(s == 404 for s, _ in probes), probes
    t = took + 180
    calls = []
    for i in range(26):
        number = random.choice(["005352", "0025290", "008816"]) + str(random.randint(1000000, 9999999))
        talk = random.uniform(240, 560)
        status, call_id = place_call(thief, number, t, random.uniform(3, 8), talk, hangup="caller")
        assert status == 200, status
        calls.append((call_id, number, talk, t))
        t += random.uniform(90, 420)
    TRUTH["fraud_calls"] = [{"call_id": c, "number": n, "talk": d, "start": s} for c, n, d, s in calls]
    locked = t + 300
    lock()
    refused = []
    for i in range(6):
        refused.append(place_call(thief, "0053521234567", locked + i * 40, 0, 0))
    status, last = place_register(thief, locked + 900)
    refused.append((status, last))
    assert all(s == 403 for s, _ in refused), refused
    TRUTH["containment"] = {"start": locked, "end": locked + 900}


# --- re-timing -------------------------------------------------------------------------------------------------------

def read_pcap(path):
    data = open(path, "rb").read()
    at_byte, packets = 24, []
    while at_byte + 16 <= len(data):
        s, us, n, _ = struct.unpack_from("<IIII", data, at_byte)
        packets.append((s + us / 1e6, data[at_byte + 16:at_byte + 16 + n]))
        at_byte += 16 + n
    return data[:24], packets


def udp_of(frame):
    if frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    ihl = (frame[14] & 15) * 4
    src, dst = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
    sport, dport = struct.unpack_from(">HH", frame, 14 + ihl)
    return src, dst, sport, dport, frame[14 + ihl + 8:]


class Clock:
    """Real time to the story's, message by message."""

    def __init__(self):
        self.base = {}         # (Call-ID, stage): real time of its first message
        self.tool_requests = []  # (real time, story's time) of what the tools sent
        self.serial = 0

    def stage(self, text):
        cseq = header(text, "CSeq")
        method = cseq.split()[-1] if cseq else ""
        if method == "BYE":
            return "end"
        if method == "INVITE" and text.startswith("SIP/2.0 2"):
            return "answer"
        if method == "ACK":
            return "ack"
        if method == "CANCEL" or text.startswith("SIP/2.0 487"):
            return "answer"
        if text.startswith("SIP/2.0 486"):
            return "answer"
        return "start"

    def of(self, real, text):
        call_id = header(text, "Call-ID")
        if call_id in STORY:
            place = STORY[call_id]
            stage = self.stage(text)
            if stage == "ack":    # of whatever it acknowledges
                stage = "answer" if (call_id, "answer") in self.base else "start"
            begin = self.base.setdefault((call_id, stage), real)
            return place[stage] + min(real - begin, 0.9)
        return self.tool(real)

    def prepare_tools(self, packets):
        for kind, begin, end in MARKS:
            mine = [t for t, frame in packets if begin <= t <= end and (u := udp_of(frame)) and u[0] in (ATTACKER, NOISE)
                    and u[3] == 5060 and b"Call-ID" in u[4]]
            for i, t in enumerate(mine):
                if kind == "scan":
                    story = at(1, "02:10:05") + i
                elif kind == "enumeration":
                    story = at(1, "02:31:00") + i * 0.4
                else:
                    # A guess about each nine minutes, from the first morning to the third night.
                    random.seed(i // 2)
                    story = at(1, "10:05:00") + (i // 2) * 1060 + random.uniform(0, 240) + (0.2 if i % 2 else 0)
                self.tool_requests.append((t, story))
        self.tool_requests.sort()

    def tool(self, real):
        before = [(t, s) for t, s in self.tool_requests if t <= real + 0.0005]
        if not before:
            return None
        t, story = before[-1]
        return story + min(real - t, 0.15)


def chunk_time(frame, story):
    """Writes the story's time into a HEP3 frame."""
    out, at_byte = bytearray(frame), 6
    while at_byte + 6 <= len(out):
        _, kind, n = struct.unpack_from(">HHH", out, at_byte)
        if kind == 9:
            struct.pack_into(">I", out, at_byte + 6, int(story))
        if kind == 10:
            struct.pack_into(">I", out, at_byte + 6, int(story % 1 * 1e6))
        at_byte += max(n, 6)
    return bytes(out)


def hep_fields(frame):
    at_byte, s, us, payload = 6, 0, 0, b""
    while at_byte + 6 <= len(frame):
        _, kind, n = struct.unpack_from(">HHH", frame, at_byte)
        value = frame[at_byte + 6:at_byte + n]
        if kind == 9:
            s = struct.unpack(">I", value)[0]
        elif kind == 10:
            us = struct.unpack(">I", value)[0]
        elif kind == 15:
            payload = value
        at_byte += max(n, 6)
    return s + us / 1e6, payload.decode(errors="replace")


def main(out_dir):
    os.makedirs(out_dir, exist_ok=True)
    work = tempfile.mkdtemp(prefix="incident-")
    processes = []
    net_up()
    try:
        config = open(HERE + "/incident.cfg").read()
        users = "".join(f'  $sht(users=>{u}) = "{p}";\n' for u, p in PASSWORDS.items())
        config = config.replace("USERS", users).replace("CTL", work + "/ctl")
        open(work + "/kamailio.cfg", "w").write(config)
        processes.append(in_ns("pbx", ["tcpdump", "-i", "eth0", "-w", work + "/real.pcap", "-U", "-s", "0", "--time-stamp-precision=micro",
                                       f"udp port 5060 and not port 9060"]))
        collector = socket_in("office", COLLECTOR, 9060)
        collector.settimeout(0.2)
        mirror, stop = [], threading.Event()

        def collect():
            while not stop.is_set():
                try:
                    mirror.append(collector.recv(65535))
                except socket.timeout:
                    pass
        collecting = threading.Thread(target=collect)
        collecting.start()
        processes.append(in_ns("pbx", ["kamailio", "-DD", "-E", "-f", work + "/kamailio.cfg", "-m", "64", "-M", "8", "-Y", work]))
        time.sleep(2)
        phones = [Agent("office", f"192.0.2.{101 + i}", e, PASSWORDS[e], f"Yealink SIP-T4{i % 3}S 66.86.0.{i}")
                  for i, e in enumerate(EXTENSIONS)]
        carrier = Agent("office", CARRIER, "carrier", "", "Carrier-SBC")
        thief = Agent("out", THIEF, VICTIM, PASSWORDS[VICTIM], "Zoiper rv2.10.15", 5080)
        RESPONDER.agents = phones + [carrier, thief]
        RESPONDER.start()
        office(phones, carrier)
        attack()

        def lock():
            sh(f"ip netns exec {NS['pbx']} kamcmd -s unix:{work}/ctl htable.seti locked s:{VICTIM} 1")
        theft(thief, lock)
        time.sleep(1)
        stop.set()
        collecting.join()
    finally:
        RESPONDER.stop = True
        for p in reversed(processes):
            p.terminate()
            try:
                p.wait(timeout=5)
            except subprocess.TimeoutExpired:
                p.kill()
        net_down()
    head, packets = read_pcap(work + "/real.pcap")
    clock = Clock()
    clock.prepare_tools(packets)
    told = []
    for real, frame in packets:
        u = udp_of(frame)
        if u is None or not u[4].strip():
            continue
        story = clock.of(real, u[4].decode(errors="replace"))
        if story is not None:
            told.append((story, frame, u))
    told.sort(key=lambda x: x[0])
    with open(out_dir + "/incident.pcap", "wb") as f:
        f.write(head)
        for story, frame, _ in told:
            f.write(struct.pack("<IIII", int(story), int(story % 1 * 1e6), len(frame), len(frame)) + frame)
    clock.base.clear()
    frames = []
    for frame in mirror:
        real, text = hep_fields(frame)
        story = clock.of(real, text)
        if story is not None:
            frames.append((story, chunk_time(frame, story)))
    frames.sort(key=lambda x: x[0])
    with open(out_dir + "/incident.hep", "wb") as f:
        for _, frame in frames:
            f.write(frame)
    # What is known of the story because it was made so.
    decisive = None
    tools = [(n, s, u[4].decode(errors="replace"), u) for n, (s, _, u) in enumerate(told, 1) if ATTACKER in (u[0], u[1])]
    for i, (n, s, text, u) in enumerate(tools):
        if text.startswith("SIP/2.0 200") and "REGISTER" in header(text, "CSeq"):
            request = [r for r in tools[:i] if r[3][0] == ATTACKER][-1]
            decisive = {"frame": request[0], "time": request[1]}
            break
    TRUTH.update({"decisive": decisive, "attackers": [ATTACKER, THIEF], "account": VICTIM,
                  "fraud_seconds": sum(c["talk"] for c in TRUTH["fraud_calls"]), "packets": len(told), "hep": len(frames),
                  "first_hostile": tools[0][1]})
    TRUTH["calls"] = {k: v for k, v in TRUTH["calls"].items()}
    with open(out_dir + "/incident.truth.json", "w") as f:
        json.dump(TRUTH, f, indent=1, sort_keys=True)
    print(json.dumps({k: TRUTH[k] for k in ("decisive", "packets", "hep", "fraud_seconds", "containment", "takeover")}))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "incident")
