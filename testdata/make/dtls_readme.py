"""Writes README.md of testdata/srtp and testdata/tls from their truth files."""
import glob
import json
import os

import dtls_lab as lab

COMMON = """Recorded by `testdata/make/dtls_record.py` in network namespaces: real sockets, real time, captured on the bridge between the
hosts a (10.67.0.1, alice), b (10.67.0.2, bob), p (10.67.0.3, proxy or relay) and q (10.67.0.4, carol). Origin *phones* means
this project's scripted test phones (`dtls_wire.py`), *real* means that programs spoke for themselves.

Each `<name>.truth.json` says what is true: per call what was offered and agreed; per stream SSRC, addresses, codec, suite, master key
and salt, how many tags verify (`auth_ok`), which frames do not (`bad_frames`), which are clear (`clear_frames`) or repeat an index
(`replayed_frames`; their tags count as ok), and the SHA-256 of the decrypted payloads of all verified packets, in capture order,
each index once (`clear_payload_sha256`; for streams in clear, of all payloads). `sip` lists the messages as tshark sees them.
A truth file is written only if libsrtp2 (`checked_with`) agrees about every packet; where it cannot (f8, KDR, AES-192 by RFC 6188)
the sender's own SRTP is the only witness and the file says so.
"""
INTRO = {"srtp": "# Keyed media: SDES, DTLS-SRTP, ZRTP\n\n" + COMMON + """
`<name>.keylog` is an NSS key log of the DTLS handshakes. tshark 4.0 decrypts those only with `--disable-protocol sip` (and not
ChaCha20). The master keys of ZRTP calls are those that linphone handed to libsrtp2.

What independent programs say about the doubtful corners: AES-192 exists twice, since libsrtp2 2.5 derives its session keys otherwise
than RFC 6188, as AES-256 over key and salt padded with zeros to 46 bytes; rtpengine follows the RFC (`bridge-cm192-rtp`, where it
passes the same voice on in clear). The f8 code reproduces RFC 3711 appendix B.1. KDR (`sdes-kdr`) has no witness but RFC 3711
section 4.3.1. For the DTLS profile 0x0005 RFC 5764 names no key; 16 and 14 bytes are what libsrtp2 takes.
""", "tls": "# Encrypted signalling\n\n" + COMMON + """
`<name>.keylog` is an NSS key log, `<name>.key.pem` the RSA key of the server (throw-away, made for the recording). tshark opened each
capture with them; `sip` in the truth file is what it saw. `tls` holds one row per connection: version, cipher, the handshake messages
in order (by number), whether encrypt-then-mac and extended master secret were agreed. A `-injected.pcapng` carries the key log in a
Decryption Secrets Block.
"""}


def number(rows, **wanted):
    return [r["frame"] for r in rows if all(r.get(k) == v for k, v in wanted.items())]


def span(frames):
    frames = sorted(frames)
    text = ", ".join(map(str, frames[:6]))
    return text + (f" ... {frames[-1]} ({len(frames)})" if len(frames) > 6 else "")


def matter(truth):
    parts, sip = [], truth.get("sip", [])
    offers = number(sip, method="INVITE", sdp=True)
    answers = number(sip, status=200, sdp=True)
    refused = [r["frame"] for r in sip if r.get("status", 0) >= 400 and r["status"] not in (401, 407)]
    for word, frames in (("offer", offers), ("answer", answers), ("refusal", refused), ("REGISTER", number(sip, method="REGISTER"))):
        if frames:
            parts.append(f"{word} {span(frames)}")
    for row in truth.get("dtls", []):
        text = [f"{word} {row[key]}" for word, key in (("ClientHello", "client_hello_frame"), ("HelloVerify", "hello_verify_frame"),
                                                       ("ServerHello", "server_hello_frame")) if key in row]
        if row.get("certificate_frames"):
            text.append("Certificate " + span(row["certificate_frames"]))
        alerts = [a["frame"] for a in row.get("alerts", []) if a["description"]]
        if alerts:
            text.append("alert " + span(alerts))
        parts.append("DTLS: " + ", ".join(text))
    for row in truth.get("tls", []):
        parts.append(f"TLS: ClientHello {row.get('client_hello_frame')}, ServerHello {row.get('server_hello_frame')}")
    kinds = {}
    for row in truth.get("zrtp", {}).get("messages", []):
        kinds.setdefault(row["type"], []).append(row["frame"])
    if kinds:
        parts.append("ZRTP: " + ", ".join(f"{k} {span(v[:4])}" for k, v in kinds.items()))
    for stream in truth.get("streams", []):
        text = f"{stream['ssrc']} {stream['first_frame']}-{stream['last_frame']}"
        for word, key in (("bad", "bad_frames"), ("replayed", "replayed_frames"), ("clear", "clear_frames")):
            if stream.get(key):
                text += f", {word} {span(stream[key])}"
        parts.append(text)
    return "; ".join(parts)


def write():
    for folder, intro in INTRO.items():
        rows = []
        for path in sorted(glob.glob(f"{lab.TESTDATA}/{folder}/*.truth.json")):
            with open(path) as read:
                truth = json.load(read)
            origin = truth.get("hand_made", "")
            origin = ("real: " + truth["programs"]) if origin == "no" else "phones" if origin.startswith("signalling and media by") else origin
            if truth.get("proxy"):
                origin += f"; proxy: {truth['proxy']}"
            extras = [e for e in ("keylog", "key.pem") if os.path.exists(path.replace("truth.json", e))]
            name = truth["file"] + "".join(f", .{e}" for e in extras)
            rows.append(f"| {name} | {truth['story']} | {matter(truth)} | {origin} |")
        with open(f"{lab.TESTDATA}/{folder}/README.md", "w") as out:
            out.write(intro + "\n| file | story | frames that matter | origin |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n")
