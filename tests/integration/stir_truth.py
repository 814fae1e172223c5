#!/usr/bin/env python3
"""Holds stir-verify's report against what is known of each fixture, and against a verifier of its own: usage
stir_truth.py TOOL DIR.

The truths come from how the calls were made (make/stir_calls.py). The second opinion is python3-cryptography's: it reads
the captures by itself, and no header that it refuses may be called valid."""
import base64
import calendar
import email.utils
import gzip
import json
import pathlib
import re
import struct
import subprocess
import sys

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.serialization import pkcs7
except ImportError:
    x509 = None

tool, root = sys.argv[1], pathlib.Path(sys.argv[2]) / "stir"
failures, headers = [], 0


def report(name, *more):
    run = subprocess.run([tool, str(root / "calls" / (name + ".pcap.gz")), "-f", "json", "--certs", str(root / "calls/certs.tsv"),
                          "--trust", str(root / "roots.pem"), "--crls", str(root / "crls/good.pem"), "--crl-trust",
                          str(root / "pa_crl_signer.pem"), "--content", str(root / "calls/content.tsv"), *more],
                         capture_output=True, text=True, timeout=120)
    assert run.returncode in (0, 1, 3), (name, run.returncode, run.stderr)
    return json.loads(run.stdout)


def requests(name):
    """The requests of a capture, fragments put together, TCP joined: enough for these captures."""
    data = gzip.open(root / "calls" / (name + ".pcap.gz")).read()
    at, pieces, streams, out = 24, {}, {}, []
    while at < len(data):
        sec, usec, kept, whole = struct.unpack_from("<IIII", data, at)
        frame, at = data[at + 16:at + 16 + kept], at + 16 + kept
        if kept != whole:
            continue
        ip = frame[14:]
        ident, flags = struct.unpack_from(">HH", ip, 4)
        body, when = ip[20:], sec + usec / 1e6
        if flags & 0x3fff:
            pieces.setdefault(ident, {})[flags & 0x1fff] = body
            if flags & 0x2000:
                continue
            body = b"".join(pieces[ident][key] for key in sorted(pieces[ident]))
        if ip[9] == 17:
            out.append((when, body[8:].decode()))
        else:
            key = body[:4]
            streams[key] = (when, streams.get(key, (0, b""))[1] + body[20:])
    out += [(when, body.decode()) for when, body in streams.values() if body]
    return [one for one in out if "Call-ID:" in one[1] and not one[1].startswith("SIP/2.0")]


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    user = re.search(r"(?:sips?|tel):([^@;>]*)", text)
    digits = re.sub(r"[^0-9+]", "", user.group(1).replace("%2B", "+")) if user else ""
    if digits.startswith("+"):
        return digits[1:]
    if digits.startswith("011"):
        return digits[3:]
    return "1" + digits if len(digits) == 10 else digits


CERTS = dict(line.split("\t") for line in (root / "calls/certs.tsv").read_text().splitlines())


def certificates(url):
    data = (root / "calls" / CERTS[url]).read_bytes()
    if b"CERTIFICATE-----" in data:
        return [x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + one + b"-----END CERTIFICATE-----\n")
                for one in re.findall(b"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", data, re.S)]
    if b"PKCS7-----" in data:
        return pkcs7.load_pem_pkcs7_certificates(data)
    out = []
    while data:  # one after another
        size = 4 + int.from_bytes(data[2:4], "big")
        out.append(x509.load_der_x509_certificate(data[:size]))
        data = data[size:]
    return out


ROOTS = [x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + one + b"-----END CERTIFICATE-----\n")
         for one in re.findall(b"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----",
                               (root / "roots.pem").read_bytes(), re.S)] if x509 else []


def signed_by(child, parent):
    if child.issuer != parent.subject:
        return False
    try:
        parent.public_key().verify(child.signature, child.tbs_certificate_bytes, ec.ECDSA(child.signature_hash_algorithm))
        return True
    except (InvalidSignature, TypeError, AttributeError):
        return False


def trusted(chain):
    leaf, seen = chain[0], 0
    while seen < 8:
        if any(signed_by(leaf, one) for one in ROOTS):
            return True
        leaf = next((one for one in chain[1:] if one is not leaf and signed_by(leaf, one)), None)
        if leaf is None:
            return False
        seen += 1
    return False


def refuses(value, text, when):
    """Why a full-form value can't be valid; empty when this verifier finds nothing against it."""
    token = value.split(";")[0].strip()
    head, body, signature = token.split(".")
    header, claims, raw = json.loads(decoded(head)), json.loads(decoded(body)), decoded(signature)
    if header.get("alg") != "ES256" or header.get("typ", "").lower() != "passport":
        return "header"
    info = re.search(r"info\s*=\s*<([^>]*)>", value)
    if not info or info.group(1).lower() != header["x5u"].lower() or not info.group(1).lower().startswith("https:"):
        return "info"
    if header["x5u"] not in CERTS:
        return "no certificate"
    chain = certificates(header["x5u"])
    leaf = next((one for one in chain if not any(signed_by(other, one) for other in chain)), chain[0])
    chain = [leaf] + [one for one in chain if one is not leaf]
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1" or len(raw) != 64:
        return "key or length"
    try:
        key.verify(utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
                   f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return "signature"
    if not trusted(chain):
        return "chain"
    start, end = (calendar.timegm((getattr(leaf, name + "_utc", None) or getattr(leaf, name)).timetuple())
                  for name in ("not_valid_before", "not_valid_after"))
    if not start <= claims["iat"] <= end:
        return "validity"
    if abs(int(when) - int(claims["iat"])) > 60:
        return "freshness"
    lines = dict(line.split(": ", 1) for line in text.split("\r\n\r\n")[0].split("\r\n")[1:] if ": " in line)
    try:
        if abs(email.utils.parsedate_to_datetime(lines["Date"]).timestamp() - claims["iat"]) > 60:
            return "Date"
    except (KeyError, TypeError, ValueError):
        pass
    asserted = [number(one) for one in re.findall(r"^P-Asserted-Identity: (.*)$", text, re.M) if number(one)]
    orig = claims["orig"].get("tn")
    if orig and not {orig, number("tel:" + orig)} & set(asserted or [number(lines["From"])]):
        return "orig"
    called = lines["To"] if not header.get("ppt", "").startswith("div") else text.split(" ")[1]
    dests = claims["dest"].get("tn", [])
    moved = header.get("ppt") in ("div", "shaken") and "div" in text  # chains are judged by their truths
    if dests and number(called) not in dests and "uri" not in claims["dest"] and not moved and text.count("Identity:") == 1:
        return "dest"
    return ""


for path in sorted((root / "calls").glob("*.truth.json")):
    name = path.name.split(".")[0]
    got = {call["call_id"]: call for call in report(name)["calls"]}
    for want in json.loads(path.read_text())["calls"]:
        call = got.pop(want["call_id"], None)
        where = f"{name} {want['call_id']}"
        if call is None:
            failures.append(f"{where}: not in the report")
            continue
        for field in ("verdict", "attestation"):
            if call[field] != want[field]:
                failures.append(f"{where}: {field} is {call[field]}, should be {want[field]}")
        if len(call["identities"]) != len(want["identities"]):
            failures.append(f"{where}: {len(call['identities'])} identities, should be {len(want['identities'])}")
        for is_, should in zip(call["identities"], want["identities"]):
            headers += 1
            for field in ("verdict", "ppt"):
                if is_[field] != should[field] and not (field == "ppt" and should[field] is None):
                    failures.append(f"{where}: {field} is {is_[field]}, should be {should[field]}")
            for check, outcome in should["checks"].items():
                if is_["checks"][check] != outcome:
                    failures.append(f"{where}: {check} is {is_['checks'][check]}, should be {outcome}")
    failures += [f"{name} {call}: not in the truth" for call in got]

judged = 0
if x509:
    for path in sorted((root / "calls").glob("*.truth.json")):
        name = path.name.split(".")[0]
        calls = {call["call_id"]: call for call in report(name)["calls"]}
        seen = set()
        for when, text in requests(name):
            call_id = re.search(r"^Call-ID: (.*)$", text, re.M).group(1).strip()
            unfolded = re.sub(r"\r\n[ \t]+", " ", text)
            for line in re.findall(r"^(?:Identity|y): (.*)$", unfolded, re.M):
                for value in re.split(r",(?=eyJ)", line.strip()):
                    if not value.startswith("eyJ") or (call_id, value) in seen:
                        continue
                    seen.add((call_id, value))
                    index = sum(1 for one, _ in seen if one == call_id) - 1
                    if call_id not in calls or index >= len(calls[call_id]["identities"]):
                        continue
                    ours = calls[call_id]["identities"][index]
                    try:
                        why = refuses(value, unfolded, when)
                    except Exception as error:  # what it can't read it refuses
                        why = f"unreadable: {error!r}"
                    judged += 1
                    if ours["verdict"] == "valid" and why:
                        failures.append(f"{name} {call_id}: valid, but the other verifier refuses: {why}")
                    if why == "signature" and ours["checks"]["signature"] != "fail":
                        failures.append(f"{name} {call_id}: signature is {ours['checks']['signature']}, should be fail")
else:
    print("python3-cryptography is not installed: no second opinion")

for failure in failures[:40]:
    print(failure)
print(f"{headers} headers held against their truth, {judged} against the other verifier; {len(failures)} failures")
sys.exit(1 if failures else 0)
