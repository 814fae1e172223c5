"""Calls by two sipp processes whose scenarios are built here, with the media that media.py sends.

A script is a list of steps: request(), response(), want(), start_media() and wait(). What goes
over the wire as SIP is sipp's; SDP bodies and extra headers are given word by word.
"""
import json
import os

from lab import HERE, IP, IP6, PREFIX, TMP, spawn, stop
from xml.sax.saxutils import quoteattr

USERS = {"a": "alice", "b": "bob", "p": "proxy", "q": "carol"}


def sdp(host, port, profile="RTP/AVP", codecs=((0, "PCMU/8000"),), attributes=(), session=(), direction="sendrecv",
        version=1, v6=False, more=()):
    """codecs: (payload type, rtpmap) or (payload type, rtpmap, fmtp); more: lines of further m= sections"""
    address = IP6[host] if v6 else IP[host]
    lines = ["v=0", f"o={USERS[host]} 20250101 {version} IN IP{6 if v6 else 4} {address}", "s=call",
             f"c=IN IP{6 if v6 else 4} {address}", "t=0 0", *session,
             f"m=audio {port} {profile} " + " ".join(str(c[0]) for c in codecs)]
    for codec in codecs:
        if codec[1]:
            lines.append(f"a=rtpmap:{codec[0]} {codec[1]}")
        lines += [f"a=fmtp:{codec[0]} {f}" for f in codec[2:]]
    lines += [*attributes, "a=" + direction, *more]
    return "\r\n".join(lines) + "\r\n"


def crypto(key, suite="AES_CM_128_HMAC_SHA1_80", tag=1, parameters=""):
    return f"a=crypto:{tag} {suite} inline:{key}{' ' + parameters if parameters else ''}"


def request(method, cseq, body="", headers=(), retrans=None):
    return ("request", method, cseq, body, headers, retrans)


def response(code, reason, body="", headers=(), of="last"):
    return ("response", code, reason, body, headers, of)


def want(what, optional=False, regexp=None):
    """what: a status as a number or the method of a request"""
    return ("want", what, optional)


def start_media(name):
    """media.py with the plan of that name (see call)"""
    return ("media", name)


def wait(seconds):
    return ("wait", seconds)


class Script:
    def __init__(self, host, steps, target, user, peer, v6=False, agent="SIPp 3.6.1"):
        self.host, self.steps, self.target, self.user, self.peer, self.v6, self.agent = host, steps, target, user, peer, v6, agent

    def xml(self, plans):
        caller = self.steps[0][0] == "request"
        me, peer = self.user, self.peer
        out = ['<?xml version="1.0" encoding="UTF-8"?>', '<scenario name="call">']
        ours, theirs = f"<sip:{me}@[local_ip]:[local_port]>;tag=[pid]-[call_number]", f"<sip:{peer}@[remote_ip]:[remote_port]>"
        had_reply = False
        for step in self.steps:
            if step[0] == "request":
                _, method, cseq, body, headers, retrans = step
                via = "[last_Via:]" if method == "CANCEL" else "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"
                tag = "[peer_tag_param]" if had_reply and method != "CANCEL" else ""
                lines = [f"{method} sip:{peer}@[remote_ip]:[remote_port] SIP/2.0", via, "Max-Forwards: 70",
                         f"From: {ours}", f"To: {theirs}{tag}", "Call-ID: [call_id]", f"CSeq: {cseq} {method}",
                         f"Contact: <sip:{me}@[local_ip]:[local_port];transport=[transport]>", f"User-Agent: {self.agent}", *headers]
                repeat = ' retrans="500"' if method not in ("ACK", "PRACK") or retrans else ""
                out += self._send(lines, body, repeat)
            elif step[0] == "response":
                _, code, reason, body, headers, _ = step
                tag = ";tag=[pid]-[call_number]" if code != 100 else ""
                lines = [f"SIP/2.0 {code} {reason}", "[last_Via:]", "[last_Record-Route:]", "[last_From:]",
                         f"[last_To:]{'' if had_reply or not tag else tag}", "[last_Call-ID:]", "[last_CSeq:]",
                         f"Contact: <sip:{me}@[local_ip]:[local_port];transport=[transport]>", f"Server: {self.agent}", *headers]
                out += self._send(lines, body, "")
            elif step[0] == "want":
                _, what, optional = step
                kind = "response" if isinstance(what, int) else "request"
                out.append(f'<recv {kind}="{what}"{" optional=" + chr(34) + "true" + chr(34) if optional else ""}></recv>')
                if isinstance(what, int) and what > 100:
                    had_reply = True
                if not isinstance(what, int) and what == "ACK":
                    had_reply = True
            elif step[0] == "media":
                command = f"python3 {HERE}/media.py {plans[step[1]]}"
                out.append(f"<nop><action><exec command={quoteattr(command)}/></action></nop>")
            elif step[0] == "wait":
                out.append(f'<pause milliseconds="{int(step[1] * 1000)}"/>')
        out.append("</scenario>")
        return "\n".join(out) + "\n"

    @staticmethod
    def _send(lines, body, attributes):
        lines = [*lines, "Content-Type: application/sdp"] if body else list(lines)
        text = "\n".join([*lines, "Content-Length: [len]", "", body.replace("\r\n", "\n")])
        return [f"<send{attributes}><![CDATA[\n\n{text}\n]]></send>"]


def call(name, caller, callee, plans, *, caller_host="a", callee_host="b", via=None, transport="u1", v6=False,
         seconds=30, count=1, call_id=None):
    """Runs one call; returns its Call-IDs. plans: {name: plan for media.py}; via: host of a proxy in between."""
    files = {}
    for plan_name, plan in plans.items():
        files[plan_name] = f"{TMP}/{name}.{plan_name}.json"
        with open(files[plan_name], "w") as f:
            json.dump(plan, f)
    ip = IP6 if v6 else IP

    def bracketed(host):
        return f"[{ip[host]}]" if v6 else ip[host]

    running = []
    cid = call_id or name
    for host, script, is_caller in ((callee_host, callee, False), (caller_host, caller, True)):
        if script is None:
            continue
        other = callee_host if is_caller else caller_host
        path = f"{TMP}/{name}.{host}.xml"
        with open(path, "w") as f:
            f.write(Script(host, script, other, USERS[host], USERS[other], v6).xml(files))
        argv = ["sipp", "-sf", path, "-i", ip[host] if not v6 else f"[{ip[host]}]", "-p", "5060", "-m", str(count), "-nd", "-nostdin", "-t", transport,
                "-timeout", str(seconds), "-timeout_error", "-trace_err", "-error_file", f"{TMP}/{name}.{host}.err"]
        if is_caller:
            argv += ["-l", "1", "-r", "1", "-cid_str", f"{cid}-%u@lab.example", f"{bracketed(via or other)}:5060"]
        error = f"{TMP}/{name}.{host}.err"
        if os.path.exists(error):
            os.unlink(error)
        running.append((host, spawn(host, argv, log=f"{TMP}/{name}.{host}.out", cwd=TMP)))
        import time
        time.sleep(0.8)
    for host, process in reversed(running):
        try:
            status = process.wait(seconds + 5)
        except Exception:
            stop(process)
            status = "late"
        if status:
            error = f"{TMP}/{name}.{host}.err"
            text = open(error, errors="replace").read()[-1500:] if os.path.exists(error) else ""
            for other_host, other in running:
                stop(other)
            raise RuntimeError(f"sipp at {host}: {status}: {text}")
    return [f"{cid}-{n}@lab.example" for n in range(1, count + 1)]
