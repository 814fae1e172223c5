"""What is true of a finished capture: reads it back, checks each tag with libsrtp2, asks tshark for
the signalling, and writes <name>.truth.json. Any disagreement between what was sent and what these
find is an error, so a truth file exists only for a capture that two programs understand alike."""
import ctypes
import hashlib
import json
import os
import struct
import subprocess
from dataclasses import dataclass

from dtls_wire import SUITES, Srtp


@dataclass
class Frame:
    number: int
    time: float
    source: str
    target: str
    protocol: int
    payload: bytes


def frames(path):
    """UDP and TCP payloads of a little-endian pcap file; fragments are joined, under the number of the last."""
    with open(path, "rb") as file:
        data = file.read()
    magic, = struct.unpack_from("<I", data)
    if magic != 0xa1b2c3d4:
        raise ValueError(f"{path}: not a pcap file of the expected kind")
    at, number, out, parts = 24, 0, [], {}
    while at + 16 <= len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        packet = data[at + 16:at + 16 + kept]
        at += 16 + kept
        number += 1
        if len(packet) < 34 or packet[12:14] != b"\x08\x00":
            continue
        ip = packet[14:]
        ip = ip[:struct.unpack_from(">H", ip, 2)[0]]
        size = 4 * (ip[0] & 15)
        body = ip[size:]
        place, = struct.unpack_from(">H", ip, 6)
        if place & 0x3fff:
            whole = parts.setdefault((ip[4:6], ip[12:20]), {})
            whole[place & 0x1fff] = body
            if place & 0x2000:
                continue
            body = b"".join(whole[k] for k in sorted(whole))
            del parts[ip[4:6], ip[12:20]]
        source, target = (".".join(map(str, ip[n:n + 4])) for n in (12, 16))
        sport, dport = struct.unpack_from(">HH", body)
        skip = 8 if ip[9] == 17 else 4 * (body[12] >> 4)
        out.append(Frame(number, seconds + micros / 1e6, f"{source}:{sport}", f"{target}:{dport}", ip[9], body[skip:]))
    return out


def is_rtp(data):
    return len(data) >= 12 and data[0] >> 6 == 2 and not 192 <= data[1] <= 223


def is_rtcp(data):
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


class LibSrtp:
    """srtp_unprotect of the system's libsrtp2, a new session for each packet so that no replay window interferes."""
    class CryptoPolicy(ctypes.Structure):
        _fields_ = [(n, ctypes.c_int) for n in ("cipher", "key_len", "auth", "auth_key_len", "tag_len", "services")]

    class Policy(ctypes.Structure):
        pass

    def __init__(self):
        self.lib = ctypes.CDLL("libsrtp2.so.1")
        p = ctypes.c_void_p
        self.Policy._fields_ = [("ssrc_type", ctypes.c_int), ("ssrc", ctypes.c_uint), ("rtp", self.CryptoPolicy),
                                ("rtcp", self.CryptoPolicy), ("key", ctypes.c_char_p), ("keys", p),
                                ("key_count", ctypes.c_ulong), ("ekt", p), ("window", ctypes.c_ulong),
                                ("repeat", ctypes.c_int), ("headers", p), ("header_count", ctypes.c_int), ("next", p)]
        self.lib.srtp_init()

    def can(self, keying):
        """AES-192 only in libsrtp2's own derivation; F8 and key derivation rates not at all."""
        return not keying.kdr and not keying.suite.startswith("F8") and ("_192_" not in keying.suite or keying.padded_192)

    def policy(self, keying, rtcp):
        kind, key, salt, _, _ = SUITES[keying.suite]
        cipher = {("cm", 16): 1, ("cm", 24): 4, ("cm", 32): 5, ("gcm", 16): 6, ("gcm", 32): 7, ("null", 16): 1}[kind, key]
        secret = kind != "null" and (keying.encrypt_rtcp if rtcp else keying.encrypt_rtp)
        tag = keying.tag_bytes(rtcp)
        authentic = 2 if tag or kind == "gcm" else 0
        hmac = 3 if authentic and kind != "gcm" else 0
        return self.CryptoPolicy(cipher, key + salt, hmac, 20 if hmac else 0, tag, authentic | (1 if secret else 0))

    def unprotect(self, keying, data, roc, rtcp=False):
        """The clear packet, or None when the tag fails."""
        ssrc, = struct.unpack_from(">I", data, 4 if rtcp else 8)
        if keying.mki:
            tag = 0 if SUITES[keying.suite][0] == "gcm" else keying.tag_bytes(rtcp)
            end = len(data) - tag
            if data[end - len(keying.mki):end] != keying.mki:
                return None
            data = data[:end - len(keying.mki)] + data[end:]
        policy = self.Policy(ssrc_type=1, ssrc=ssrc, rtp=self.policy(keying, False), rtcp=self.policy(keying, True),
                             key=keying.key + keying.salt, window=128)
        session = ctypes.c_void_p()
        code = self.lib.srtp_create(ctypes.byref(session), ctypes.byref(policy))
        if code:
            raise RuntimeError(f"srtp_create: {code}")
        try:
            if not rtcp:
                code = self.lib.srtp_set_stream_roc(session, ctypes.c_uint32(ssrc), ctypes.c_uint32(roc))
                if code:
                    raise RuntimeError(f"srtp_set_stream_roc: {code}")
            buffer, size = ctypes.create_string_buffer(data, len(data) + 64), ctypes.c_int(len(data))
            code = (self.lib.srtp_unprotect_rtcp if rtcp else self.lib.srtp_unprotect)(session, buffer, ctypes.byref(size))
            return buffer.raw[:size.value] if code == 0 else None
        finally:
            self.lib.srtp_dealloc(session)


def own_unprotect(keying, data, index):
    """The same by our own SRTP: CTR and XOR ciphers undo themselves, so protecting twice and comparing is enough."""
    tag = keying.tag_bytes()
    kind = SUITES[keying.suite][0]
    trial = Srtp(keying)
    if kind == "gcm":
        return None
    body = data[:len(data) - tag - len(keying.mki)]
    clear = trial.rtp(body, index)
    clear = clear[:len(clear) - tag - len(keying.mki)]
    return clear if trial.rtp(clear, index) == data else None


def payload(packet):
    start = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        start += 4 + 4 * struct.unpack_from(">H", packet, start + 2)[0]
    return packet[start:]


oracle = LibSrtp()


def key_fields(keying):
    if keying is None:
        return {"encrypted": False, "suite": None}
    kind = SUITES[keying.suite][0]
    out = {"encrypted": keying.encrypt_rtp and kind != "null", "suite": keying.suite, "tag_bytes": keying.tag_bytes(),
           "master_key": keying.key.hex(), "master_salt": keying.salt.hex()}
    if keying.mki:
        out["mki"] = keying.mki.hex()
    if keying.kdr:
        out["kdr"] = keying.kdr
    if keying.padded_192:
        out["derivation"] = "libsrtp2: AES-256 over key||salt padded with zeros to 46 bytes, not RFC 6188"
    return out


def judge(stream, keyings, seen, expected=None, first_roc=0):
    """One RTP stream: `seen` are its frames; `expected` what was sent, if the sender was ours; `keyings` what may
    protect it (None: clear). Counts the tags that verify and the frames that do not."""
    row = dict(stream)
    main = next((k for k in keyings if k is not None), None)
    row.update(key_fields(main))
    row.update(packets=len(seen), first_frame=seen[0].number, last_frame=seen[-1].number)
    good, bad, clear_frames, replayed, notes = 0, [], [], [], {}
    digest, had, checked, last, roc = hashlib.sha256(), set(), 0, None, first_roc
    per_key = {}
    for n, frame in enumerate(seen):
        data = frame.payload
        seq, = struct.unpack_from(">H", data, 2)
        if expected:
            sent = expected[n]
            if sent.data != data:
                raise AssertionError(f"frame {frame.number}: not what was sent")
            index, note = sent.index, sent.note
        else:
            if last is not None and last - seq > 0x8000:
                roc += 1
            elif last is not None and seq - last > 0x8000 and roc:
                roc -= 1
            last, note = seq, ""
            index = roc << 16 | seq
        opened = None
        candidates = [k for k in keyings if k is not None]
        for k in candidates:
            if not k.tag_bytes() and SUITES[k.suite][0] != "gcm":
                opened = oracle.unprotect(k, data, index >> 16)
            elif oracle.can(k):
                opened = oracle.unprotect(k, data, index >> 16)
                checked += 1
                other = own_unprotect(k, data, index)
                if SUITES[k.suite][0] != "gcm" and (other is None) != (opened is None):
                    raise AssertionError(f"frame {frame.number}: libsrtp2 and our SRTP disagree")
            else:
                opened = own_unprotect(k, data, index)
            if opened:
                per_key[keyings.index(k)] = per_key.get(keyings.index(k), 0) + 1
                break
        plain_truth = expected and expected[n].keying is None
        if expected and not note and not plain_truth and opened != expected[n].clear:
            raise AssertionError(f"frame {frame.number}: does not open to what was sent")
        if opened:
            good += 1
            if index in had:
                replayed.append(frame.number)
            else:
                digest.update(payload(opened))
            had.add(index)
        elif plain_truth or not candidates or (not expected and stream["codec"] == "PCMU" and len(payload(data)) == 160):
            clear_frames.append(frame.number)
            digest.update(payload(data))
        else:
            bad.append(frame.number)
        if note:
            notes.setdefault(note, []).append(frame.number)
    if candidates:
        authentic = main.tag_bytes() > 0
        row.update(auth_ok=good if authentic else None, auth_bad=len(bad), bad_frames=bad,
                   roc_first=(expected[0].index if expected else first_roc << 16) >> 16,
                   checked_with="libsrtp2" if checked else "own SRTP only")
    if replayed:
        row["replayed_frames"] = replayed
    if clear_frames and candidates:
        row["clear_frames"] = clear_frames
    if len(keyings) > 1:
        row["keys"] = [{**key_fields(k), "packets": per_key.get(i, 0)} for i, k in enumerate(keyings)]
    if notes:
        row["altered"] = notes
    row["clear_payload_sha256"] = digest.hexdigest()
    return row


def judge_rtcp(source, target, keyings, seen):
    row = {"src": source, "dst": target, "packets": len(seen), "plain": 0, "srtcp": 0, "auth_ok": 0, "encrypted": 0}
    for frame in seen:
        data, plain, at = frame.payload, True, 0
        while at < len(data):                       # a compound whose lengths add up is plain RTCP
            if at + 4 > len(data) or data[at] >> 6 != 2 or not 192 <= data[at + 1] <= 223:
                plain = False
                break
            at += 4 + 4 * struct.unpack_from(">H", data, at + 2)[0]
        plain = plain and at == len(data)
        row["plain" if plain else "srtcp"] += 1
        if plain:
            continue
        for k in [k for k in keyings if k is not None and oracle.can(k)]:
            if oracle.unprotect(k, data, 0, rtcp=True):
                row["auth_ok"] += 1
                tag = k.tag_bytes(rtcp=True) if SUITES[k.suite][0] != "gcm" else 0
                word, = struct.unpack_from(">I", data, len(data) - tag - len(k.mki) - 4)
                row["encrypted"] += word >> 31
                break
    return row


def signalling(path, keylog=None, options=()):
    """SIP messages as tshark sees them, those inside TLS too when there is a key log."""
    fields = ["frame.number", "sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.CSeq.method", "sdp.version", "_ws.col.Protocol"]
    command = ["tshark", "-r", path, "-Y", "sip", "-T", "fields", "-E", "separator=|", "-E", "occurrence=f", *options]
    if keylog:
        command += ["-o", "tls.keylog_file:" + keylog]
    for name in fields:
        command += ["-e", name]
    out = []
    for line in subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines():
        number, method, status, call_id, cseq, sdp, _ = line.split("|")[:7]
        row = {"frame": int(number), "call_id": call_id}
        row.update({"method": method} if method else {"status": int(status), "cseq": cseq})
        if sdp:
            row["sdp"] = True
        out.append(row)
    return out


def write(folder, name, truth):
    def flat(value, depth=0):
        text = json.dumps(value)
        if len(text) < 150 or not isinstance(value, (dict, list)) or (isinstance(value, list) and value and isinstance(value[0], int)):
            return text
        pad = " " * (depth + 1)
        if isinstance(value, dict):
            rows = [f"{pad}{json.dumps(k)}: {flat(v, depth + 1)}" for k, v in value.items()]
            return "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"
        return "[\n" + ",\n".join(pad + flat(v, depth + 1) for v in value) + "\n" + " " * depth + "]"
    with open(os.path.join(folder, name + ".truth.json"), "w") as out:
        out.write(flat(truth) + "\n")
