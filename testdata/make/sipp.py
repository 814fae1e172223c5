"""Calls by two sipp processes whose scenarios are built here, with the media that media.py sends.

A script is a list of steps: request(), response(), want(), start_media() and wait(). What goes
over the wire as SIP is sipp's; SDP bodies and extra headers are given word by word.
"""
import json
import os
import subprocess
import time
from xml.sax.saxutils import quoteattr

from lab import HERE, IP, IP6, TMP, spawn, stop

OPTIONAL, ROUTES = ' optional="true"', ' rrs="true"'
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


def response(code, reason, body="", headers=(), cseq=None):
    """cseq: of the request that it answers, when that is not the last one (this lab's phones vary nothing else)"""
    return ("response", code, reason, body, headers, cseq)


def want(what, optional=False):
    """what: a status as a number or the method of a request"""
    return ("want", what, optional)


def start_media(name):
    """media.py with the plan of that name (see call)"""
    return ("media", name)


def wait(seconds):
    return ("wait", seconds)


class Script:
    def __init__(self, host, steps, user, peer, routed=False, agent="SIPp 3.6.1"):
        # routed: in a dialog, follow the Contact and the Record-Routes of the answer
        self.host, self.steps, self.user, self.peer, self.routed, self.agent = host, steps, user, peer, routed, agent

    def xml(self, plans):
        caller = self.steps[0][0] == "request"
        me, peer = self.user, self.peer
        out = ['<?xml version="1.0" encoding="UTF-8"?>', '<scenario name="call">']
        ours, theirs = f"<sip:{me}@[local_ip]:[local_port]>;tag=[pid]-[call_number]", f"<sip:{peer}@[remote_ip]:[remote_port]>"
        had_reply = in_dialog = False
        for step in self.steps:
            if step[0] == "request":
                _, method, cseq, body, headers, retrans = step
                via = "[last_Via:]" if method == "CANCEL" else "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"
                tag = "[peer_tag_param]" if had_reply and method != "CANCEL" else ""
                target, routes = ("[next_url]", ["[routes]"]) if in_dialog else (f"sip:{peer}@[remote_ip]:[remote_port]", [])
                lines = [f"{method} {target} SIP/2.0", via, *routes, "Max-Forwards: 70",
                         f"From: {ours}", f"To: {theirs}{tag}", "Call-ID: [call_id]", f"CSeq: {cseq} {method}",
                         f"Contact: <sip:{me}@[local_ip]:[local_port];transport=[transport]>", f"User-Agent: {self.agent}", *headers]
                repeat = ' retrans="500"' if method not in ("ACK", "PRACK") or retrans else ""
                out += self._send(lines, body, repeat)
            elif step[0] == "response":
                _, code, reason, body, headers, cseq = step
                tag = ";tag=[pid]-[call_number]" if code != 100 else ""
                lines = [f"SIP/2.0 {code} {reason}", "[last_Via:]", "[last_Record-Route:]", "[last_From:]",
                         f"[last_To:]{'' if had_reply or not tag else tag}", "[last_Call-ID:]",
                         f"CSeq: {cseq}" if cseq else "[last_CSeq:]",
                         f"Contact: <sip:{me}@[local_ip]:[local_port];transport=[transport]>", f"Server: {self.agent}", *headers]
                out += self._send(lines, body, "")
            elif step[0] == "want":
                _, what, optional = step
                kind = "response" if isinstance(what, int) else "request"
                in_dialog = in_dialog or (self.routed and what == 200)
                out.append(f'<recv {kind}="{what}"{OPTIONAL if optional else ""}{ROUTES if self.routed and what == 200 else ""}></recv>')
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


def _plans(name, plans):
    files = {}
    for plan_name, plan in plans.items():
        files[plan_name] = f"{TMP}/{name}.{plan_name}.json"
        with open(files[plan_name], "w") as f:
            json.dump(plan, f)
    return files


def _start(name, host, peer, steps, files, target="", arguments=(), transport="u1", v6=False, seconds=30, routed=False):
    path, error = f"{TMP}/{name}.{host}.xml", f"{TMP}/{name}.{host}.err"
    with open(path, "w") as f:
        f.write(Script(host, steps, USERS[host], peer, routed).xml(files))
    if os.path.exists(error):
        os.unlink(error)
    address = f"[{IP6[host]}]" if v6 else IP[host]
    process = spawn(host, ["sipp", "-sf", path, "-i", address, "-p", "5060", "-nd", "-nostdin", "-t", transport,
                           "-timeout", str(seconds), "-timeout_error", "-trace_err", "-error_file", error, *arguments,
                           *([target] if target else [])], log=f"{TMP}/{name}.{host}.out", cwd=TMP)
    time.sleep(0.6)
    return process


def answer(name, steps, plans, host="b", peer="alice", calls=1, **more):
    """One side alone: a script that waits for a call; the caller stops it"""
    return _start(name, host, peer, steps, _plans(name, plans), arguments=["-m", str(calls)], **more)


def call(name, caller, callee, plans, *, caller_host="a", callee_host="b", via=None, transport="u1", v6=False,
         seconds=30, call_id=None, called=None, routed=False):
    """One call between two scripts; returns its Call-ID. plans: {name: plan for media.py}; via: host of a proxy
    in between; called: the user to ask for, if not the callee's."""
    files = _plans(name, plans)
    call_id = f"{call_id or name}@lab.example"
    target = (f"[{IP6[via or callee_host]}]" if v6 else IP[via or callee_host]) + ":5060"
    running = []
    if callee:
        running.append((callee_host, _start(name, callee_host, USERS[caller_host], callee, files, arguments=["-m", "1"],
                                            transport=transport, v6=v6, seconds=seconds)))
    running.append((caller_host, _start(name, caller_host, called or USERS[callee_host], caller, files, target,
                                        ["-m", "1", "-l", "1", "-cid_str", call_id], transport, v6, seconds, routed)))
    for host, process in reversed(running):
        try:
            status = process.wait(seconds + 5)
        except subprocess.TimeoutExpired:
            status = "too late"
        if status:
            for _, other in running:
                stop(other)
            error = f"{TMP}/{name}.{host}.err"
            text = open(error, errors="replace").read()[:700] if os.path.exists(error) else ""
            raise RuntimeError(f"sipp at {host}: {status}: {text}")
    return call_id
