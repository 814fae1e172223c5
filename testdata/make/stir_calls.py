#!/usr/bin/env python3
"""Makes testdata/stir/calls: signed calls as SIP in captures, most of them wrong in one way, with the truth beside them.
Made by hand, as no program sends these. Needs python3-cryptography and the certificates of stir_pki.py. Signatures are
deterministic (RFC 6979): the same script gives the same bytes.

usage: stir_calls.py TESTDATA/stir
"""
import base64
import calendar
import email.utils
import gzip
import hashlib
import hmac
import io
import json
import pathlib
import struct
import sys

from cryptography.hazmat.primitives import serialization

PKI = pathlib.Path(sys.argv[1])
OUT = PKI / "calls"
OUT.mkdir(exist_ok=True)
HOST = "https://certs.provider.example/"
BASE = calendar.timegm((2026, 1, 15, 10, 0, 0))
CALLER, CALLED, TARGET = "12155550110", "12155550120", "12155550130"
UUID = "5a7b1c2e-3f40-4d1e-9a6b-0c1d2e3f4051"

# --- ES256, deterministic -----------------------------------------------------------------------------------------

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(p, q):
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        m = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P) % P
    else:
        m = (q[1] - p[1]) * pow(q[0] - p[0], -1, P) % P
    x = (m * m - p[0] - q[0]) % P
    return x, (m * (p[0] - x) - p[1]) % P


def times(k, p):
    out = None
    while k:
        if k & 1:
            out = add(out, p)
        p, k = add(p, p), k >> 1
    return out


def sign(secret, message):
    digest = hashlib.sha256(message).digest()
    x, h = secret.to_bytes(32, "big"), (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    v, k = b"\1" * 32, bytes(32)
    for mark in (b"\0", b"\1"):
        k = hmac.digest(k, v + mark + x + h, "sha256")
        v = hmac.digest(k, v, "sha256")
    v = hmac.digest(k, v, "sha256")
    nonce = int.from_bytes(v, "big")
    assert 0 < nonce < N
    r = times(nonce, G)[0] % N
    s = pow(nonce, -1, N) * (int.from_bytes(digest, "big") + r * secret) % N
    return r, s


def key(name):
    pem = (PKI / "keys" / (name + ".key.pem")).read_bytes()
    return serialization.load_pem_private_key(pem, None).private_numbers().private_value


KEYS = {name: key(name) for name in ("signer", "second")}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact_json(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def token(header, payload, secret="signer", encoding="raw", header_text=None, payload_text=None):
    text = b64((header_text or compact_json(header)).encode()) + "." + b64((payload_text or compact_json(payload)).encode())
    r, s = sign(KEYS[secret], text.encode())
    if encoding == "der":
        def integer(v):
            raw = v.to_bytes(33, "big").lstrip(b"\0")
            raw = b"\0" + raw if raw[0] & 0x80 else raw
            return b"\x02" + bytes([len(raw)]) + raw
        body = integer(r) + integer(s)
        raw = b"\x30" + bytes([len(body)]) + body
    elif encoding == "swapped":
        raw = s.to_bytes(32, "big") + r.to_bytes(32, "big")
    elif encoding == "zero":
        raw = bytes(64)
    elif encoding == "high":
        raw = r.to_bytes(32, "big") + N.to_bytes(32, "big")
    elif encoding == "short":
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")[:31]
    else:
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return text + "." + b64(raw)


# --- captures -----------------------------------------------------------------------------------------------------

def checksum(data):
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Capture:
    def __init__(self, name):
        self.name, self.frames, self.ident, self.truth = name, [], 0, []

    def ip(self, when, src, dst, protocol, payload):
        self.ident += 1
        pieces = [(0, payload, False)]
        if len(payload) > 1480:
            pieces = [(at, payload[at:at + 1480], at + 1480 < len(payload)) for at in range(0, len(payload), 1480)]
        for offset, piece, more in pieces:
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), self.ident & 0xffff,
                               offset // 8 | (0x2000 if more else 0), 64, protocol, 0,
                               bytes(map(int, src.split("."))), bytes(map(int, dst.split("."))))
            head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
            self.frames.append((when, b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + head + piece))

    def udp(self, when, src, dst, text, sport=5060, dport=5060):
        data = text.encode()
        self.ip(when, src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data)

    def tcp(self, when, src, dst, text, size=700):
        """One connection that carries the text in pieces."""
        data, sequence, sport = text.encode(), 1000, 40000 + self.ident % 20000
        def segment(time, a, b, sp, dp, seq, ack, flags, payload=b""):
            self.ip(time, a, b, 6, struct.pack(">HHIIBBHHH", sp, dp, seq, ack, 0x50, flags, 65535, 0, 0) + payload)
        segment(when - 0.003, src, dst, sport, 5060, sequence, 0, 2)
        segment(when - 0.002, dst, src, 5060, sport, 5000, sequence + 1, 18)
        for at in range(0, len(data), size):
            segment(when, src, dst, sport, 5060, sequence + 1 + at, 5001, 24, data[at:at + size])

    def write(self, snap=262144):
        self.frames.sort(key=lambda frame: frame[0])
        out = io.BytesIO()
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, snap, 1))
        for when, frame in self.frames:
            micros = round(when * 1000000)
            kept = frame[:snap]
            out.write(struct.pack("<IIII", micros // 1000000, micros % 1000000, len(kept), len(frame)) + kept)
        (OUT / (self.name + ".pcap.gz")).write_bytes(gzip.compress(out.getvalue(), 9, mtime=0))
        (OUT / (self.name + ".truth.json")).write_text(json.dumps({"calls": self.truth}, indent=1) + "\n")


DEFAULT = {"syntax": "pass", "ppt": "pass", "claims": "pass", "algorithm": "pass", "info": "pass", "certificate": "pass",
           "signature": "pass", "chain": "pass", "validity": "pass", "tnauthlist": "pass", "policy": "pass",
           "revocation": "pass", "freshness": "pass", "orig": "pass", "dest": "pass", "attest": "pass", "origid": "pass",
           "div": "skip", "rcd": "skip", "rph": "skip", "mky": "skip", "replay": "pass"}
CERTIFICATE = ("certificate", "signature", "chain", "validity", "tnauthlist", "policy", "revocation")


class Signed:
    """One Identity value and what must be found of it. changes: of the token; expect: of the checks."""

    def __init__(self, when, cert="good", ppt="shaken", expect=None, verdict="valid", header=None, payload=None,
                 drop=(), info=None, parameters=None, secret=None, encoding="raw", mangle=None, header_text=None,
                 payload_text=None, raw=None):
        url = HOST + cert + ".pem"
        head = {"alg": "ES256", "typ": "passport", "x5u": url}
        if ppt:
            head["ppt"] = ppt
        body = {"iat": int(when), "orig": {"tn": CALLER}, "dest": {"tn": [CALLED]}}
        if ppt == "shaken":
            body.update(attest="A", origid=UUID)
        head.update(header or {})
        body.update(payload or {})
        for name in drop:
            head.pop(name, None)
            body.pop(name, None)
        self.body = body
        self.token = token(head, body, secret or ("second" if cert == "second" else "signer"), encoding,
                           header_text and header_text(compact_json(head)), payload_text and payload_text(compact_json(body)))
        if mangle:
            self.token = mangle(self.token)
        if parameters is None:
            parameters = ";alg=ES256" + (f';ppt="{ppt}"' if ppt else "")
        self.value = raw or self.token + (info if info is not None else f";info=<{url}>") + parameters
        checks = dict(DEFAULT)
        if ppt != "shaken":
            checks["attest"] = checks["origid"] = "skip"
        checks.update(expect or {})
        self.truth = {"verdict": verdict, "checks": checks, "ppt": ppt or None}


def sdp(fingerprints=()):
    return ("v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
            + "".join(f"a=fingerprint:{one}\r\n" for one in fingerprints))


def invite(when, call_id, identities, frm=None, to=None, target=None, pai=None, date="", more="", body=None,
           method="INVITE", cseq=1, to_tag="", from_display="", field="Identity"):
    frm = frm or f"sip:+{CALLER}@198.51.100.10;user=phone"
    to = to or f"sip:+{CALLED}@198.51.100.20;user=phone"
    target = target or f"sip:+{CALLED}@198.51.100.20;user=phone"
    lines = [f"{method} {target} SIP/2.0",
             f"Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK{hashlib.md5((call_id + str(cseq)).encode()).hexdigest()[:12]}",
             f"From: {from_display}<{frm}>;tag=a1", f"To: <{to}>{to_tag}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}",
             "Max-Forwards: 70", "Contact: <sip:198.51.100.10:5060>"]
    if date == "":
        date = email.utils.formatdate(int(when), usegmt=True)
    if date is not None:
        lines.append("Date: " + date)
    for one in pai or ():
        lines.append("P-Asserted-Identity: " + one)
    for one in identities:
        lines.append(field + ": " + (one.value if isinstance(one, Signed) else one))
    if more:
        lines.append(more)
    text = sdp() if body is None else body
    lines += ["Content-Type: application/sdp" if method == "INVITE" else "Content-Type: text/plain",
              f"Content-Length: {len(text.encode())}", "", text]
    return "\r\n".join(lines)


def response(request, code, phrase, more=""):
    wanted = ("Via", "From", "To", "Call-ID", "CSeq")
    kept = [line for line in request.split("\r\n\r\n")[0].split("\r\n")[1:] if line.split(":")[0] in wanted]
    kept = [line + ";tag=b1" if line.startswith("To:") and ";tag=" not in line else line for line in kept]
    return "\r\n".join([f"SIP/2.0 {code} {phrase}"] + kept + ([more] if more else []) + ["Content-Length: 0", "", ""])


class Book(Capture):
    """Calls one after another, five seconds apart."""

    def __init__(self, name):
        super().__init__(name)
        self.now = BASE + 0.25

    def call(self, name, *signed, verdict=None, attestation=None, src="198.51.100.10", dst="198.51.100.20", answer=200,
             tcp=False, listed=None, wait=5, **how):
        self.now += wait
        made = [one(self.now) if callable(one) else one for one in signed]
        call_id = f"{name}@198.51.100.10"
        text = invite(self.now, call_id, made, **how)
        if tcp:
            self.tcp(self.now, src, dst, text)
        else:
            self.udp(self.now, src, dst, text)
        if answer and not tcp:
            self.udp(self.now + 0.2, dst, src, response(text, answer, "OK" if answer == 200 else "No"))
        truths = [one.truth for one in (listed if listed is not None else made) if isinstance(one, Signed)]
        found = [one["verdict"] for one in truths]
        if verdict is None:
            verdict = next((v for v in ("invalid", "valid", "unverifiable") if v in found), "unsigned")
        valid = [one for one in made if isinstance(one, Signed) and one.truth["verdict"] == "valid"
                 and one.truth["ppt"] == "shaken"]
        if attestation is None and valid:
            attestation = valid[0].body["attest"]
        self.truth.append({"call_id": call_id, "verdict": verdict, "attestation": attestation, "identities": truths})
        return text


def S(**how):
    """A shaken PASSporT signed at the time of the call, or `age` seconds before."""
    age = how.pop("age", 0)
    return lambda now: Signed(now - age, **how)


def bad(*checks, **how):
    how.setdefault("verdict", "invalid")
    how["expect"] = {**{check: "fail" for check in checks}, **how.pop("expect", {})}
    return S(**how)


NO_CERT = {check: "skip" for check in CERTIFICATE}
FIRST, SECOND = "AA:BB:CC:DD:" * 7 + "AA:BB:CC:DD", "01:23:45:67:" * 7 + "01:23:45:67"


def mky(*prints):
    return [{"alg": "sha-256", "dig": one.replace(":", "")} for one in prints]


def tokens():
    """Syntax, algorithm, claims, signature."""
    book = Book("tokens")
    call = book.call
    call("good", S())
    call("good-b", S(payload={"attest": "B"}))
    call("base", S(ppt=""))
    call("y-name", S(), field="y")
    call("folded", lambda now: _folded(Signed(now)))
    call("ppt-unquoted", S(parameters=";alg=ES256;ppt=shaken"))
    call("unknown-parameter", S(parameters=';ppt=shaken;x-more="a;b,c"'))
    call("blanks-around", S(info=" ; info = <" + HOST + "good.pem>", parameters=" ; ppt = shaken"))
    call("ppt-parameter-missing", S(parameters="", expect={"ppt": "warn"}))
    call("ppt-differs", bad("ppt", parameters=";ppt=div"))
    call("ppt-token-missing", bad("ppt", drop=("ppt",)))
    call("no-info", bad("info", info=""))
    call("info-differs", bad("info", info=f";info=<{HOST}second.pem>"))
    call("info-case", S(info=";info=<HTTPS://Certs.Provider.EXAMPLE/good.pem>"))
    call("info-path-case", bad("info", info=f";info=<{HOST}Good.pem>"))
    call("info-no-brackets", bad("syntax", info=f";info={HOST}good.pem"))
    call("x5u-http", bad("info", header={"x5u": "http://certs.provider.example/good.pem"},
                         info=";info=<http://certs.provider.example/good.pem>"))
    call("x5u-port", S(header={"x5u": "https://certs.provider.example:9443/good.pem"}, expect={"info": "warn"},
                       info=";info=<https://certs.provider.example:9443/good.pem>"))
    call("x5u-8443", S(header={"x5u": "https://certs.provider.example:8443/good.pem"},
                       info=";info=<https://certs.provider.example:8443/good.pem>"))
    call("x5u-query", S(header={"x5u": HOST + "good.pem?v=1"}, info=f";info=<{HOST}good.pem?v=1>", expect={"info": "warn"}))
    call("x5u-missing", bad("info", drop=("x5u",)))
    call("alg-rs256", bad("algorithm", header={"alg": "RS256"}))
    call("alg-none", bad("algorithm", "syntax", header={"alg": "none"}, mangle=lambda t: t.rsplit(".", 1)[0] + ".",
                         expect={"signature": "fail", "replay": "skip"}))
    call("alg-missing", bad("algorithm", drop=("alg",)))
    call("alg-parameter", bad("algorithm", parameters=";alg=HS256;ppt=shaken"))
    call("alg-parameter-absent", S(parameters=";ppt=shaken"))
    call("typ-missing", bad("syntax", drop=("typ",)))
    call("typ-jwt", bad("syntax", header={"typ": "JWT"}))
    call("typ-case", S(header={"typ": "PASSporT"}, expect={"syntax": "warn"}))
    call("not-canonical", S(payload_text=lambda t: t.replace(",", ", "), expect={"syntax": "warn"}))
    call("order", S(payload_text=lambda t: '{"origid":"%s",%s}' % (UUID, t[1:-1].replace(',"origid":"%s"' % UUID, "")),
                    expect={"syntax": "warn"}))
    call("duplicate-key", bad("syntax", payload_text=lambda t: t[:-1] + ',"attest":"A"}'))
    call("padding", _padded)
    call("plus-in-base64", lambda now: _plus(now))
    call("four-parts", bad("syntax", mangle=lambda t: t + ".e30", expect={
        **{c: "skip" for c in ("claims", "algorithm", "freshness", "orig", "dest", "attest", "origid", "signature",
                               "ppt", "replay")}, "info": "skip"}))
    call("not-json", bad("syntax", payload_text=lambda t: t[:-1], expect={
        **{c: "skip" for c in ("claims", "freshness", "orig", "dest", "attest", "origid")}}))
    call("no-iat", bad("claims", drop=("iat",), expect={"freshness": "skip"}))
    call("iat-text", lambda now: bad("claims", "syntax", payload={"iat": str(int(now))}, expect={"freshness": "skip"})(now))
    call("iat-fraction", lambda now: S(payload={"iat": int(now) + 0.5}, expect={"claims": "warn", "syntax": "warn"})(now))
    call("no-orig", bad("claims", drop=("orig",), expect={"orig": "skip"}))
    call("orig-both", bad("claims", payload={"orig": {"tn": CALLER, "uri": "sip:a@b.example"}}))
    call("no-dest", bad("claims", drop=("dest",), expect={"dest": "skip"}))
    call("dest-empty", bad("claims", payload={"dest": {"tn": []}}, expect={"dest": "skip"}))
    call("dest-no-list", bad("claims", payload={"dest": {"tn": CALLED}}))
    call("no-attest", bad("claims", "attest", drop=("attest",)))
    call("attest-d", bad("attest", payload={"attest": "D"}))
    call("attest-small", bad("attest", payload={"attest": "a"}))
    call("no-origid", bad("claims", "origid", drop=("origid",)))
    call("origid-word", S(payload={"origid": "trunk-7"}, expect={"origid": "warn"}))
    call("extra-claim", S(payload={"zzz": 1}))
    call("tampered", bad("signature", mangle=_tamper))
    call("other-key", bad("signature", secret="second"))
    for form in ("der", "swapped", "zero", "high", "short"):
        call("signature-" + form, bad("signature", encoding=form))
    call("unknown-ppt", S(ppt="zzz", verdict="unverifiable", expect={"ppt": "skip"}))
    call("unknown-beside-shaken", S(ppt="zzz", verdict="unverifiable", expect={"ppt": "skip"}), S())
    call("valid-and-broken", S(), bad("signature", secret="second"))
    call("list", lambda now: _joined(now), listed=[Signed(BASE), Signed(BASE, ppt="")], verdict="valid", attestation="A")
    call("missing-certificate", S(cert="nowhere", verdict="unverifiable", expect=NO_CERT))
    call("unsigned")
    call("rfc4474", Signed(book.now + 5, raw='"CyI4+nAkHrH3ntmaxgr01TMxTmtjP7MASwliNRdupRI1vpkXRvZXx1ja9k0nB2s='
                                             '";alg=rsa-sha1', verdict="invalid", ppt=None, parameters="", expect={
        **{c: "skip" for c in (*CERTIFICATE, "claims", "freshness", "orig", "dest", "attest", "origid", "ppt",
                               "replay")}, "algorithm": "fail", "info": "fail", "syntax": "fail"}))
    call("long", S(payload={"zzz": "x" * 5000}), tcp=True)
    call("fragments", S(payload={"zzz": "x" * 3000}))
    book.write()


def _folded(one):
    at = one.value.index(";info")
    one.value = one.value[:at] + "\r\n\t" + one.value[at:]
    return one


def _tamper(text):
    head, body, signature = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["origid"] = UUID[:-1] + "2"
    return head + "." + b64(compact_json(claims).encode()) + "." + signature


def _padded(now):
    one = Signed(now, verdict="invalid", expect={"syntax": "fail", "signature": "fail"})
    head, body, signature = one.token.split(".")
    body += "=" * (-len(body) % 4) or ""
    if not body.endswith("="):
        signature += "=="
        one.truth["checks"]["signature"] = "pass"
    one.value = one.value.replace(one.token, head + "." + body + "." + signature)
    return one


def _plus(now):
    for salt in range(1000):  # a token with a '-' or '_' to write in the other alphabet
        one = Signed(now, verdict="invalid", payload={"zzz": f"{salt}"}, expect={"syntax": "fail"})
        signature = one.token.rsplit(".", 1)[1]
        if "-" in signature or "_" in signature:
            other = one.token.rsplit(".", 1)[0] + "." + signature.replace("-", "+").replace("_", "/")
            one.value = one.value.replace(one.token, other)
            return one
    raise AssertionError


def _joined(now):
    one, two = Signed(now), Signed(now, ppt="")
    one.value += "," + two.value
    return one


def numbers():
    """orig, dest, freshness, Date."""
    book = Book("numbers")
    call = book.call
    call("from-tel", S(), frm=f"tel:+{CALLER}", to=f"tel:+{CALLED}")
    call("from-national", S(), frm="sip:2155550110@198.51.100.10", to="sip:2155550120@198.51.100.20")
    call("from-separators", S(), frm="tel:+1-215-555-0110", to="tel:(215)555-0120;phone-context=+1")
    call("from-context", S(), frm="tel:2155550110;phone-context=+1")
    call("from-percent", S(), frm=f"sip:%2B{CALLER}@198.51.100.10")
    call("from-international-prefix", S(payload={"orig": {"tn": "4930123456"}}), frm="sip:0114930123456@198.51.100.10")
    call("portability", S(), to=f"sip:+{CALLED};npdi;rn=+12155559999@198.51.100.20;user=phone")
    call("orig-other", bad("orig", payload={"orig": {"tn": "12155550111"}}))
    call("pai-right", S(), frm="sip:anonymous@anonymous.invalid", pai=[f"<sip:+{CALLER}@198.51.100.10>"])
    call("pai-two", S(), pai=[f'"A" <sip:+{CALLER}@198.51.100.10>, <tel:+{CALLER}>'], frm="sip:+12155559999@198.51.100.10")
    call("pai-one-wrong", bad("orig"), pai=[f"<sip:+{CALLER}@198.51.100.10>", "<tel:+12155550111>"])
    call("pai-wrong", bad("orig"), pai=["<tel:+12155550111>"])
    call("pai-name", S(), pai=["<sip:alice@198.51.100.10>"])
    call("anonymous", S(verdict="unverifiable", expect={"orig": "skip"}), frm="sip:anonymous@anonymous.invalid")
    call("dest-other", bad("dest"), to="sip:+12155550121@198.51.100.20")
    call("dest-several", S(payload={"dest": {"tn": ["12155550121", CALLED]}}))
    call("dest-uri-besides", S(payload={"dest": {"tn": ["12155550121"], "uri": ["sip:bob@provider.example"]}}),
         to="sip:bob@Provider.Example:5060;transport=udp")
    call("uri-identities", S(ppt="", payload={"orig": {"uri": "sip:alice@provider.example"},
                                             "dest": {"uri": ["sip:bob@provider.example"]}}),
         frm="sip:alice@PROVIDER.example;x=1", to="sip:bob@provider.example")
    call("uri-other", bad("orig", ppt="", payload={"orig": {"uri": "sip:alice@provider.example"}}),
         frm="sip:alice@elsewhere.example")
    call("plus-in-tn", S(payload={"orig": {"tn": "+" + CALLER}}))
    call("national-tn", S(payload={"orig": {"tn": "2155550110"}}))
    call("request-uri-differs", S(), target="sip:+12155550199@198.51.100.20")
    call("age-60", S(age=60, payload={"attest": "B"}))
    call("age-61", bad("freshness", age=61))
    call("future-60", S(age=-60))
    call("future-61", bad("freshness", age=-61))
    call("no-date", S(), date=None)
    call("bad-date", S(), date="yesterday")
    call("date-conflict", bad("freshness"), date=email.utils.formatdate(BASE - 300, usegmt=True))
    call("message", S(), method="MESSAGE", body="hello")
    call("emergency", S(payload={"dest": {"uri": ["urn:service:sos"]}}), to="urn:service:sos", target="urn:service:sos")
    for name, how in (("compact", {}), ("compact-pai", {"pai": [f"<tel:+{CALLER}>"], "frm": "sip:x@198.51.100.10"}),
                      ("compact-keys", {"body": sdp(["SHA-256 " + FIRST])})):
        call(name, lambda now, how=how: _compact(now, bool(how.get("body"))), **how)
    call("compact-other", lambda now: _compact(now, False, "invalid", {"signature": "fail", "orig": "skip", "dest": "skip"}),
         frm="sip:+12155550111@198.51.100.10")
    call("compact-no-date", lambda now: _compact(now, False, "unverifiable", {
        c: "skip" for c in ("claims", "signature", "freshness", "orig", "dest")}), date=None)
    call("compact-shaken", lambda now: _compact(now, False, "invalid", {
        "syntax": "fail", **{c: "skip" for c in ("claims", "signature", "freshness", "orig", "dest")}}, ';ppt="shaken"'))
    book.write()


def _compact(now, keys=False, verdict="valid", expect=None, parameters=""):
    one = Signed(now, ppt="", payload={"mky": mky(FIRST)} if keys else None, verdict=verdict, expect=expect,
                 parameters=parameters)
    one.value = one.value.replace(one.token, ".." + one.token.rsplit(".", 1)[1])
    if parameters:
        one.truth["ppt"] = "shaken"
    return one


def certificates():
    """One call for each chain of stir_pki.py that says something about a call."""
    book = Book("certificates")
    call = book.call
    for name in ("good.der", "good_reversed.pem", "good.p7b.pem"):
        url = HOST + name
        call(name, S(header={"x5u": url}, info=f";info=<{url}>"))
    cases = {
        "second": {}, "untrusted": {"chain": "fail"}, "good_alone": {"chain": "fail"}, "bad_signature": {"chain": "fail"},
        "p384_key": {"certificate": "fail", "signature": "skip"}, "rsa_key": {"certificate": "fail", "signature": "skip"},
        "no_digital_signature": {"certificate": "fail"}, "ca_leaf": {"certificate": "fail"},
        "expired": {"validity": "fail"}, "not_yet_valid": {"validity": "fail"},
        "no_tn_list": {"tnauthlist": "fail"}, "tn_trailing": {"tnauthlist": "fail"},
        "tn_range": {}, "no_policy": {"policy": "warn"}, "retired_policy": {"policy": "warn"},
        "man_policy": {}, "revoked": {"revocation": "fail"}, "revoked_inherited": {"revocation": "fail"},
        "revoked_authority": {"revocation": "fail"}, "same_serial_elsewhere": {}, "issuer_no_ca": {"chain": "fail"},
        "issuer_no_cert_sign": {"chain": "fail"}, "path_too_long": {"chain": "fail"},
        "unknown_critical": {"chain": "fail"}, "names_excluded": {"chain": "fail"}, "names_permitted": {},
        "delegate_outside": {"tnauthlist": "fail"}, "unknown_extension": {}, "sha384_signature":
        {"certificate": "fail"}, "k256_key": {"certificate": "fail", "signature": "skip"},
    }
    for cert, expect in cases.items():
        verdict = "invalid" if "fail" in expect.values() else "valid"
        number = {}
        if cert.startswith(("tn_", "delegate")):
            number = {"orig": {"tn": CALLER}}
        call(cert, S(cert=cert, expect=expect, verdict=verdict, payload=number))
    other = "12155559999"
    for cert, number in (("tn_one", "12155550177"), ("delegate", "12155550160"), ("delegate", "12155559999")):
        call(cert + number[-3:], S(cert=cert, payload={"orig": {"tn": number}}), frm=f"sip:+{number}@198.51.100.10")
    for cert in ("tn_range", "tn_one"):
        call(cert + "-outside", bad("tnauthlist", cert=cert, payload={"orig": {"tn": other}}),
             frm=f"sip:+{other}@198.51.100.10")
    call("not-a-certificate", bad("certificate", cert="not_a_certificate", expect={c: "skip" for c in CERTIFICATE[1:]}))
    call("constraints", bad("constraints", cert="constraints"))
    kept = {"rcd": {"nam": "X"}, "dest": {"tn": ["12155550113"]}}
    call("constraints-kept", S(cert="constraints", payload=kept, expect={"constraints": "pass", "rcd": "pass"}),
         to="sip:+12155550113@198.51.100.20")
    call("constraints-value", bad("constraints", cert="constraints", payload={**kept, "attest": "C"}, expect={"rcd": "pass"}),
         to="sip:+12155550113@198.51.100.20")
    book.write()


def extensions():
    """div, rcd, rph, mky."""
    book = Book("extensions")
    call = book.call
    def div(age=0, frm=CALLED, to=TARGET, orig=CALLER, ppt="div", **how):
        return S(age=age, ppt=ppt, payload={"orig": {"tn": orig}, "dest": {"tn": [to]}, "div": {"tn": frm},
                                            **how.pop("payload", {})}, **how)
    here = dict(target=f"sip:+{TARGET}@198.51.100.30;user=phone")
    call("div", S(age=3), div(expect={"div": "pass"}), **here)
    call("div-first", div(expect={"div": "pass"}), S(age=3), **here)
    call("div-two", S(age=9), div(5, to="12155550125", expect={"div": "pass"}),
         div(frm="12155550125", expect={"div": "pass"}), **here)
    call("div-gap", S(age=9), div(frm="12155550125", verdict="invalid", expect={"div": "fail"}), **here)
    call("div-orig", S(age=9), div(orig="12155550111", verdict="invalid", expect={"div": "fail", "orig": "fail"}), **here)
    call("div-older", S(age=1), div(age=9, verdict="invalid", expect={"div": "fail"}), **here)
    call("div-elsewhere", S(age=3), div(to="12155550139", verdict="invalid", expect={"div": "pass", "dest": "fail"}), **here)
    call("div-alone", div(verdict="unverifiable", expect={"div": "skip"}), **here)
    call("div-missing-claim", S(age=3), S(ppt="div", payload={"dest": {"tn": [TARGET]}}, verdict="invalid",
                                          expect={"claims": "fail", "div": "fail"}), **here)
    call("div-to-rewritten", S(age=3), div(expect={"div": "pass"}), to=f"sip:+{TARGET}@198.51.100.30", **here)
    call("div-old-original", S(age=120, verdict="invalid", expect={"freshness": "fail"}), div(expect={"div": "pass"}), **here)
    call("div-o", lambda now: div(ppt="div-o", payload={"opt": Signed(now - 5).token}, expect={"div": "pass"})(now), **here)
    call("div-o-forged", lambda now: div(ppt="div-o", payload={"opt": Signed(now - 5, secret="second").token},
                                         verdict="invalid", expect={"div": "fail"})(now), **here)
    call("div-o-other", lambda now: div(ppt="div-o", payload={"opt": Signed(now - 5, payload={
        "dest": {"tn": ["12155550199"]}}).token}, verdict="invalid", expect={"div": "fail"})(now), **here)
    call("div-o-unknown-signer", lambda now: div(ppt="div-o", payload={"opt": Signed(now - 5, cert="nowhere").token},
                                                 verdict="unverifiable", expect={"div": "skip"})(now), **here)

    icon = b"\x89PNG not really an icon\n"
    card = compact_json({"vcard": ["logo", HOST + "icon.png"]}).encode()
    (OUT / "icon.png").write_bytes(icon)
    (OUT / "card.json").write_bytes(card)
    (OUT / "content.tsv").write_text(f"{HOST}icon.png\ticon.png\n{HOST}card.json\tcard.json\n")
    def digest(data, name="sha256"):
        return name + "-" + base64.b64encode(getattr(hashlib, name)(data).digest()).decode()
    def rcd(rcd, rcdi=None, **how):
        payload = {"rcd": rcd}
        if rcdi is not None:
            payload["rcdi"] = rcdi
        return S(ppt=how.pop("ppt", "rcd"), payload=payload, **how)
    named = dict(from_display='"Example Bank" ')
    bank = {"nam": "Example Bank"}
    call("rcd", rcd(bank, expect={"rcd": "pass"}), **named)
    call("rcd-in-shaken", rcd(bank, ppt="shaken", expect={"rcd": "pass"}), **named)
    call("rcd-other-name", rcd(bank, expect={"rcd": "warn"}), from_display='"Other Bank" ')
    call("rcd-icon", rcd({**bank, "icn": HOST + "icon.png"}, {"/icn": digest(icon)}, expect={"rcd": "pass"}), **named)
    call("rcd-icon-512", rcd({**bank, "icn": HOST + "icon.png"}, {"/icn": digest(icon, "sha512")}, expect={"rcd": "pass"}), **named)
    call("rcd-icon-other", rcd({**bank, "icn": HOST + "icon.png"}, {"/icn": digest(icon + b"!")}, verdict="invalid",
                               expect={"rcd": "fail"}), **named)
    call("rcd-icon-no-copy", rcd({**bank, "icn": HOST + "other.png"}, {"/icn": digest(icon)}, verdict="unverifiable",
                                 expect={"rcd": "skip"}), **named)
    call("rcd-icon-no-digest", rcd({**bank, "icn": HOST + "icon.png"}, expect={"rcd": "warn"}), **named)
    call("rcd-card", rcd({**bank, "jcl": HOST + "card.json"}, {"/jcl": digest(card), "/jcl/vcard/1": digest(icon)},
                         expect={"rcd": "pass"}), **named)
    inline = ["vcard", [["fn", {}, "text", "Example Bank"]]]
    call("rcd-inline", rcd({**bank, "jcd": inline}, {"/jcd": digest(compact_json(inline).encode())},
                           expect={"rcd": "pass"}), **named)
    call("rcd-no-name", rcd({}, verdict="invalid", expect={"rcd": "fail", "claims": "fail"}))
    call("crn", S(payload={"crn": "Your delivery"}, expect={"rcd": "pass"}))

    def rph(*values, **how):
        return S(ppt="rph", payload={"rph": {"auth": list(values)}, **how.pop("payload", {})}, **how)
    call("rph", rph("ets.0", "wps.0", expect={"rph": "pass"}), more="Resource-Priority: ets.0, wps.0")
    call("rph-other", rph("ets.0", verdict="invalid", expect={"rph": "fail"}), more="Resource-Priority: ets.1")
    call("rph-more", rph("ets.0", verdict="invalid", expect={"rph": "fail"}), more="Resource-Priority: ets.0,wps.0")
    call("rph-other-namespace", rph("ets.0", expect={"rph": "pass"}), more="Resource-Priority: ets.0,q735.2")
    call("rph-no-header", rph("ets.0", verdict="invalid", expect={"rph": "fail"}))
    call("sph", rph("esnet.0", payload={"sph": "psap-callback"}, expect={"rph": "pass"}),
         more="Resource-Priority: esnet.0\r\nPriority: psap-callback")
    call("sph-other", rph("esnet.0", payload={"sph": "psap-callback"}, verdict="invalid", expect={"rph": "fail"}),
         more="Resource-Priority: esnet.0")

    call("mky", S(payload={"mky": mky(SECOND, FIRST)}, expect={"mky": "pass"}),
         body=sdp(["sha-256 " + FIRST, "SHA-256 " + SECOND.lower()]))
    call("mky-other", S(payload={"mky": mky(FIRST)}, verdict="invalid", expect={"mky": "fail"}), body=sdp(["sha-256 " + SECOND]))
    call("mky-one-more", S(payload={"mky": mky(FIRST)}, verdict="invalid", expect={"mky": "fail"}),
         body=sdp(["sha-256 " + FIRST, "sha-256 " + SECOND]))
    call("mky-removed", S(payload={"mky": mky(FIRST)}, verdict="invalid", expect={"mky": "fail"}))
    call("no-mky", S(), body=sdp(["sha-256 " + FIRST]))
    book.write()


def stories():
    """What takes more than one message: replays, legs, retries, later requests, answers, verstat."""
    book = Book("stories")
    one = Signed(book.now)
    other = dict(src="203.0.113.5", dst="198.51.100.20")
    book.call("first", one)
    again = Signed(book.now)
    again.value, again.truth = one.value, {**one.truth, "checks": {**one.truth["checks"], "replay": "warn"}}
    book.call("replayed", again, **other)

    # A B2BUA's second leg: another Call-ID, sent on by the host that received the first.
    leg = Signed(book.now + 5)
    text = book.call("leg-in", leg)
    book.call("leg-out", leg, src="198.51.100.20", dst="198.51.100.30", wait=0.05)
    # Forks by one sender, at once.
    fork = Signed(book.now + 5)
    book.call("fork-1", fork)
    book.call("fork-2", fork, dst="198.51.100.21", wait=0.01)
    # A retry after a 503.
    retry = Signed(book.now + 5)
    book.call("busy", retry, answer=503)
    book.call("retried", retry, wait=2)
    # Retransmissions, and a proxy's leg with the same Call-ID: one entry, one header.
    twice = Signed(book.now + 5)
    text = book.call("again", twice)
    book.udp(book.now + 0.5, "198.51.100.10", "198.51.100.20", text)
    book.udp(book.now + 0.51, "198.51.100.20", "198.51.100.30", text.replace("Via: ", "Via: SIP/2.0/UDP 198.51.100.20;branch=z9hG4bKp1\r\nVia: ", 1))
    # A re-INVITE with a token of its own.
    early = Signed(book.now + 5)
    book.call("renewed", early)
    later = Signed(book.now + 300, payload={"attest": "C"})
    book.udp(book.now + 300, "198.51.100.10", "198.51.100.20", invite(book.now + 300, "renewed@198.51.100.10", [later], cseq=2,
                                                                     to_tag=";tag=b1"))
    book.truth[-1]["identities"].append(later.truth)
    book.now += 300
    # An Identity that one hop drops.
    kept = Signed(book.now + 5)
    text = book.call("dropped", kept)
    lines = [line for line in text.split("\r\n") if not line.startswith("Identity")]
    book.udp(book.now + 0.01, "198.51.100.20", "203.0.113.30", "\r\n".join(lines))
    # Answers of a verifier.
    for name, code, phrase, how in (
            ("refused-438", 438, "Invalid Identity Header", bad("signature", secret="second")),
            ("refused-wrongly", 437, "Unsupported Credential", bad("freshness", age=300)),
            ("refused-403", 403, "Stale Date", bad("freshness", age=300)),
            ("refused-valid", 438, "Invalid Identity Header", S())):
        text = book.call(name, how, answer=0)
        book.udp(book.now + 0.1, "198.51.100.20", "198.51.100.10", response(text, code, phrase))
    text = book.call("refused-428", answer=0)
    book.udp(book.now + 0.1, "198.51.100.20", "198.51.100.10", response(text, 428, "Use Identity Header"))
    text = book.call("reason", bad("orig"), answer=0, frm="sip:+12155550111@198.51.100.10")
    book.udp(book.now + 0.1, "198.51.100.20", "198.51.100.10",
             response(text, 183, "Session Progress", 'Reason: STIR;cause=438;text="Invalid Identity Header"'))
    passed = "TN-Validation-Passed"
    book.call("verstat-right", S(), pai=[f"<tel:+{CALLER};verstat={passed}>"])
    book.call("verstat-lie", bad("signature", secret="second"), pai=[f"<tel:+{CALLER};verstat={passed}>"])
    book.call("verstat-unsigned", frm=f"sip:+{CALLER};verstat={passed}@198.51.100.10;user=phone")
    # One number, three providers within a day.
    for name, cert in (("many-1", "good"), ("many-2", "second")):
        book.call(name, S(cert=cert, payload={"orig": {"tn": "12125550199"}}), frm="sip:+12125550199@198.51.100.10",
                  **(dict(src="203.0.113.7") if cert == "second" else {}))
    book.call("unusable", S(payload={"orig": {"tn": "11155550110"}}), frm="sip:+11155550110@198.51.100.10")
    book.call("private", S(), frm="sip:anonymous@anonymous.invalid", pai=[f"<tel:+{CALLER}>"], more="Privacy: id")
    book.call("retargeted", S(), target=f"sip:+{TARGET}@198.51.100.30", more=f"Diversion: <tel:+{CALLED}>;reason=unconditional")
    book.call("two-shaken", S(), S(payload={"attest": "C"}))
    book.write()


def cut():
    """What a capture with a short snap length shows: an Identity that it ends in, and one that comes later."""
    book = Book("cut")
    nothing = dict(verdict="unverifiable", attestation=None)
    book.call("cut-inside", S(), answer=0)
    book.truth[-1].update(identities=[], **nothing)
    book.call("cut-before", S(), answer=0, pai=["<tel:+%s>" % CALLER] * 12)
    book.truth[-1].update(identities=[], **nothing)
    book.write(snap=700)


def certs():
    lines = []
    for path in sorted((PKI / "chains").iterdir()):
        lines.append(f"{HOST}{path.name}\t../chains/{path.name}\n")
    lines.append(f"https://certs.provider.example:9443/good.pem\t../chains/good.pem\n")
    lines.append(f"https://certs.provider.example:8443/good.pem\t../chains/good.pem\n")
    lines.append(f"http://certs.provider.example/good.pem\t../chains/good.pem\n")
    lines.append(f"{HOST}good.pem?v=1\t../chains/good.pem\n")
    (OUT / "certs.tsv").write_text("".join(lines))


for make in (tokens, numbers, certificates, extensions, stories, cut):
    make()
certs()
