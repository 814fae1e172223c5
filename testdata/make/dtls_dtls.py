"""DTLS-SRTP: by OpenSSL with the test phones, where a story needs what no phone does, and by real phones."""
import ctypes
import hashlib
import hmac
import os
import select
import struct
import subprocess
import threading
import time

from OpenSSL import SSL, crypto

import dtls_lab as lab
import dtls_truth as truth
from dtls_lab import IP, Baresip, Capture, Linphone
from dtls_record import scenario
from dtls_story import Story, play
from dtls_wire import DTLS_PROFILES, SUITES, Call, Keying, Srtp, Stream, speech, udp

OPENSSL_PROFILE = {"AES_CM_128_HMAC_SHA1_80": b"SRTP_AES128_CM_SHA1_80", "AES_CM_128_HMAC_SHA1_32": b"SRTP_AES128_CM_SHA1_32",
                   "NULL_HMAC_SHA1_80": b"SRTP_AES128_CM_SHA1_80", "AEAD_AES_128_GCM": b"SRTP_AEAD_AES_128_GCM", "AEAD_AES_256_GCM": b"SRTP_AEAD_AES_256_GCM"}
NO_QUERY_MTU, COOKIES, NO_TICKET = 0x1000, 0x2000, 0x4000
DTLS_1_0, DTLS_1_2 = 0xfeff, 0xfefd
LABEL = b"EXTRACTOR-dtls_srtp"


def certificate(kind="ec", digest="sha256", bits=2048):
    """A fresh self-signed certificate by the openssl CLI: key file, certificate file."""
    base = f"{lab.TMP}/cert-{kind}-{bits}-{digest}"
    if not os.path.exists(base + ".crt"):
        key = "ec -pkeyopt ec_paramgen_curve:P-256" if kind == "ec" else f"rsa:{bits}"
        lab.run(f"openssl req -x509 -newkey {key} -nodes -days 30 -{digest} -subj /CN=media -keyout {base}.key -out {base}.crt")
    return base


def fingerprint(base, digest="sha256"):
    with open(base + ".crt", "rb") as pem:
        der = crypto.dump_certificate(crypto.FILETYPE_ASN1, crypto.load_certificate(crypto.FILETYPE_PEM, pem.read()))
    name = {"sha256": "sha-256", "sha1": "sha-1", "sha512": "sha-512", "md5": "md5"}[digest]
    return name + " " + ":".join(f"{b:02X}" for b in hashlib.new(digest, der).digest())


class Dtls:
    """One end of a DTLS association on a socket that media uses as well."""
    def __init__(self, sock, target, client, cert, suites=("AES_CM_128_HMAC_SHA1_80",), version=DTLS_1_2, ciphers=b"DEFAULT",
                 mtu=1200, keylog=None, drop=0, cookie=False, ask_certificate=True, session=None):
        self.socket, self.target, self.client, self.drop, self.mtu = sock, target, client, drop, mtu
        context = session if isinstance(session, SSL.Context) else SSL.Context(SSL.DTLS_METHOD)
        self.context = context
        context.set_options(NO_QUERY_MTU | (NO_TICKET if session is None else 0))
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_cipher_list(ciphers)
        context.use_privatekey_file(cert + ".key")
        context.use_certificate_file(cert + ".crt")
        if suites:
            context.set_tlsext_use_srtp(b":".join(OPENSSL_PROFILE[s] for s in suites))
        if ask_certificate:
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        if keylog:
            context.set_keylog_callback(lambda _, line: append(keylog, line.decode() + "\n"))
        if cookie and not client:
            context.set_cookie_generate_callback(lambda _: b"these sixteen by")
            context.set_cookie_verify_callback(lambda _, given: given == b"these sixteen by")
            context.set_options(COOKIES)
        if session is not None and session is not context:
            context.set_session_id(b"media")
        self.connection = SSL.Connection(context, None)
        if session and session is not context:
            self.connection.set_session(session)
        (self.connection.set_connect_state if client else self.connection.set_accept_state)()
        self.connection.set_ciphertext_mtu(mtu)
        self.done, self.failed = False, None

    def step(self):
        if not self.done and not self.failed:
            try:
                self.connection.do_handshake()
                self.done = True
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                self.failed = str(error)
        self.flush()

    def flush(self):
        """Memory BIOs run datagrams together: cut them at records again, as many as the MTU holds."""
        try:
            data = self.connection.bio_read(65536)
        except SSL.WantReadError:
            return
        datagram = b""
        while data:
            size = 13 + struct.unpack_from(">H", data, 11)[0]
            record, data = data[:size], data[size:]
            if datagram and len(datagram) + size > self.mtu:
                self.socket.sendto(datagram, self.target)
                datagram = b""
            datagram += record
        if datagram:
            self.socket.sendto(datagram, self.target)

    def pump(self, data):
        if self.drop > 0:           # lost on the last hop, behind the capture point
            self.drop -= 1
            return
        self.connection.bio_write(data)

    def keying(self, suite):
        """Keys of this end's sending direction and of the other's (RFC 5764 section 4.2)."""
        _, key, salt, _, _ = SUITES[suite]
        block = self.connection.export_keying_material(LABEL, 2 * (key + salt))
        client = Keying(suite, block[:key], block[2 * key:2 * key + salt])
        server = Keying(suite, block[key:2 * key], block[2 * key + salt:])
        return (client, server) if self.client else (server, client)

    def close(self):
        try:
            self.connection.shutdown()
        except SSL.Error:
            pass
        self.flush()


def append(path, text):
    with open(path, "a") as out:
        out.write(text)


def shake(ends, seconds=8):
    """Lets both ends talk until both are done or one has failed and nothing moves any more."""
    deadline = time.monotonic() + seconds
    idle = 0
    while time.monotonic() < deadline and idle < 25:
        for end in ends:
            end.step()
        ready, _, _ = select.select([e.socket for e in ends], [], [], 0.1)
        for end in ends:
            if end.socket in ready:
                end.pump(end.socket.recv(65535))
        settled = all(e.done or e.failed for e in ends)
        if settled and not ready:
            break
        idle = 0 if ready or not any(e.failed for e in ends) else idle + 1
    return all(e.done for e in ends)


def dtls_call(s, suite="AES_CM_128_HMAC_SHA1_80", offer_cert=None, answer_cert=None, digest="sha256", setup=("actpass", "active"),
              offer_lines=None, answer_lines=None, profile="UDP/TLS/RTP/SAVP", client="b", ports=(4000, 4002), seconds=1.6,
              both=None, checks=True, session_lines=(), media="keys", call=True, extra_row=None, hello=None, **ends):
    """A call of the test phones with rtcp-mux; `client` is who sends the ClientHello. Values of `ends` that are
    pairs go to a and b. Returns the two DTLS ends and the streams."""
    certs = {"a": offer_cert or certificate("rsa"), "b": answer_cert or certificate("ec")}
    a, b = s.phones() if not getattr(s, "pair", None) else s.pair
    s.pair = a, b
    lines = {}
    for host, role, given in (("a", setup[0], offer_lines), ("b", setup[1], answer_lines)):
        lines[host] = given if given is not None else [f"a=fingerprint:{fingerprint(certs[host], digest)}"]
        lines[host] = lines[host] + ([f"a=setup:{role}"] if role else []) + ["a=rtcp-mux"] + list(both or [])
    dialog = Call(a, b)
    dialog.setup(a.sdp(lines["a"], profile, ports[0], session=session_lines), b.sdp(lines["b"], profile, ports[1]))
    sockets = {h: s.socket(h, p) for h, p in zip("ab", ports)}
    keylog = f"{lab.TMP}/{s.name}.keylog"
    s.dtls_keylog = keylog
    pair = []
    for number, host in enumerate("ab"):
        other = "ba"[number]
        options = {k: v[number] if isinstance(v, tuple) else v for k, v in ends.items()}
        if "suites" not in options:
            options["suites"] = (suite,)
        pair.append(Dtls(sockets[host], (IP[other], ports[1 - number]), host == client, certs[host],
                         keylog=keylog if host == client else None, **options))
    if hello:
        hello(pair)
    complete = shake(pair)
    row = {"call_id": dialog.call_id, "keying": "dtls", "profile": profile, "dtls_complete": complete,
           "offered": ["dtls"], "negotiated": "dtls", "suite": suite if complete else None}
    errors = {h: e.failed for h, e in zip("ab", pair) if e.failed}
    if errors:
        row["dtls_errors"] = errors
    row.update(extra_row or {})
    s.calls.append(row)
    keys = (None, None)
    if complete and media == "keys":
        keys = pair[0].keying(suite)
        if keys[0].key != pair[1].keying(suite)[1].key:
            raise AssertionError("the two ends have different keys")
    streams = []
    if media:
        streams = mux(s, sockets, ports, keys)
        play(streams, seconds)
    if complete:
        pair[0].close()
    dialog.hang_up()
    return pair, streams


def mux(s, sockets, ports, keys):
    made = []
    for number, host in enumerate("ab"):
        target = IP["ba"[number]], ports[1 - number]
        made.append(Stream(sockets[host], target, speech(1 + number), s.dice.getrandbits(32), s.dice.randrange(100, 30000),
                           s.dice.getrandbits(31), srtp=Srtp(keys[number]) if keys[number] else None,
                           cname=s.dice.randbytes(9).hex(), rtcp_source=sockets[host], rtcp_target=target))
    s.streams += made
    return made


class DtlsStory(Story):
    """A story with a DTLS key log, and what tshark finds in its handshakes."""
    def __init__(self, name, story, **more):
        super().__init__(name, story, hand_made="DTLS by OpenSSL 3.0; signalling and media by this project's test phones", **more)
        self.keylog = f"{lab.TMP}/{name}.keylog"
        if os.path.exists(self.keylog):
            os.unlink(self.keylog)
        append(self.keylog, "")

    def finish(self):
        self.extra["dtls"] = handshakes(self.path, self.keylog)
        made = super().finish()
        keep_keylog(self.keylog, self.folder, self.name)
        return made


def keep_keylog(path, folder, name):
    """Each line once."""
    with open(path) as log:
        lines = list(dict.fromkeys(line for line in log if line.strip()))
    if lines:
        with open(f"{folder}/{name}.keylog", "w") as out:
            out.writelines(lines)


def handshakes(path, keylog=None):
    """One row for each DTLS association, as tshark dissects it."""
    fields = ["frame.number", "ip.src", "udp.srcport", "ip.dst", "udp.dstport", "dtls.handshake.type", "dtls.handshake.version",
              "dtls.handshake.random", "dtls.handshake.ciphersuite", "dtls.use_srtp.protection_profile", "dtls.alert_message.desc",
              "dtls.handshake.certificate"]
    # With SIP dissected, its SDP splits the conversation by direction and tshark 4.0 decrypts nothing.
    command = ["tshark", "-r", path, "-Y", "dtls.record.content_type", "-T", "fields", "-E", "separator=|"]
    for name in ("sip", "rtp", "rtcp"):
        command += ["--disable-protocol", name]
    if keylog:
        command += ["-o", "tls.keylog_file:" + keylog]
    for name in fields:
        command += ["-e", name]
    rows = {}
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    for line in text.splitlines():
        number, src, sport, dst, dport, types, version, randoms, suites, profiles, alert, certs = line.split("|")
        ends = f"{src}:{sport}", f"{dst}:{dport}"
        row = rows.setdefault(tuple(sorted(ends)), {"frames": 0})
        row["frames"] += 1
        for kind in filter(None, types.split(",")):
            if kind == "1":
                row.update(client=ends[0], server=ends[1], client_random=randoms.split(",")[0].replace(":", ""))
                row.setdefault("client_hello_frame", int(number))
                row["profiles_offered"] = [int(p, 16) for p in profiles.split(",") if p]
            elif kind == "2":
                row.setdefault("server_hello_frame", int(number))
                row.update(version=version.split(",")[0], cipher=suites.split(",")[0], server_random=randoms.split(",")[0].replace(":", ""))
                row["profile"] = int(profiles.split(",")[0], 16) if profiles else None
            elif kind == "20":
                row["finished_decrypted"] = row.get("finished_decrypted", 0) + 1
            elif kind == "3":
                row.setdefault("hello_verify_frame", int(number))
        if certs:
            row.setdefault("certificate_frames", []).append(int(number))
            side = "client" if ends[0] == row.get("client") else "server"
            row[side + "_certificate_sha256"] = hashlib.sha256(bytes.fromhex(certs.split(",")[0].replace(":", ""))).hexdigest()
        if alert:
            row.setdefault("alerts", []).append({"frame": int(number), "description": int(alert.split(",")[0])})
    return list(rows.values())


def dtls_scenario(name, story, note=None, **options):
    def record():
        with DtlsStory(name, story) as s:
            dtls_call(s, **{k: v() if callable(v) and k not in ("hello",) else v for k, v in options.items()})
            if note:
                s.extra.update(note)
    record.__name__ = name
    scenario(record)


dtls_scenario("dtls-cm80-mux", "AES_CM_128_HMAC_SHA1_80 with rtcp-mux, everything right.")
dtls_scenario("dtls-cm32-mux", "AES_CM_128_HMAC_SHA1_32: 4-byte tags.", suite="AES_CM_128_HMAC_SHA1_32")
dtls_scenario("dtls-gcm128-mux", "SRTP_AEAD_AES_128_GCM; bob's first ClientHello is met with a cookie request.",
              suite="AEAD_AES_128_GCM", cookie=True)
dtls_scenario("dtls-gcm256-mux", "SRTP_AEAD_AES_256_GCM.", suite="AEAD_AES_256_GCM", profile="UDP/TLS/RTP/SAVPF")
dtls_scenario("dtls-offerer-active", "The answer is passive, so the caller sends the ClientHello.", setup=("actpass", "passive"),
              client="a")
dtls_scenario("dtls-sha1-fingerprint", "Both sides give sha-1 fingerprints only; they match.", digest="sha1")
dtls_scenario("dtls-md5-fingerprint", "Both sides give md5 fingerprints only; they match.", digest="md5")
dtls_scenario("dtls-many-fingerprints", "Each side lists sha-1 and sha-256, all in lower case; they match.",
              offer_lines=lambda: [f"a=fingerprint:{fingerprint(certificate('rsa'), d).lower()}" for d in ("sha1", "sha256")],
              answer_lines=lambda: [f"a=fingerprint:{fingerprint(certificate('ec'), d).lower()}" for d in ("sha1", "sha256")])
dtls_scenario("dtls-media-level-wins", "The session-level fingerprint of the offer is wrong, the media-level one is right.",
              session_lines=["a=fingerprint:sha-256 " + ":".join(["AB"] * 32)])
dtls_scenario("dtls-wrong-fingerprint", "The answer's fingerprint is not that of bob's certificate; the handshake completes and "
              "alice, who noticed, sends nothing; neither does bob.", media=None, note={"fingerprint_mismatch": ["b"]},
              answer_lines=lambda: ["a=fingerprint:" + fingerprint(certificate("ec", bits=1))])
dtls_scenario("dtls-wrong-fingerprint-ignored", "As dtls-wrong-fingerprint, but nobody checks: media flows.",
              note={"fingerprint_mismatch": ["b"]}, answer_lines=lambda: ["a=fingerprint:" + fingerprint(certificate("ec", bits=1))])
dtls_scenario("dtls-no-fingerprint", "UDP/TLS/RTP/SAVP with a=setup but without a=fingerprint on either side.", offer_lines=[],
              answer_lines=[])
dtls_scenario("dtls-setup-conflict", "Offer active, answer active as well; bob's ClientHello wins.", setup=("active", "active"))
dtls_scenario("dtls-setup-passive-starts", "The answer says passive, yet bob sends the ClientHello.", setup=("actpass", "passive"))
dtls_scenario("dtls-10", "DTLS 1.0 negotiated.", version=DTLS_1_0, ciphers=b"DEFAULT:@SECLEVEL=0", note={"weak": "DTLS 1.0"})
dtls_scenario("dtls-rsa-kx-cbc", "TLS_RSA_WITH_AES_128_CBC_SHA, alice's certificate RSA 1024 signed with SHA-1.",
              offer_cert=lambda: certificate("rsa", "sha1", 1024), ciphers=b"AES128-SHA:@SECLEVEL=0",
              note={"weak": "no forward secrecy, RSA 1024, SHA-1 signature"})
dtls_scenario("dtls-null-cipher", "TLS_RSA_WITH_NULL_SHA256: the handshake itself is readable, SRTP is not.",
              ciphers=b"NULL-SHA256:@SECLEVEL=0", note={"weak": "NULL cipher"})
dtls_scenario("dtls-no-use-srtp", "The server leaves use_srtp out; the handshake completes and media flows in clear.",
              suites=((), ("AES_CM_128_HMAC_SHA1_80",)), media="clear")
dtls_scenario("dtls-client-no-use-srtp", "The ClientHello has no use_srtp; the handshake completes and media flows in clear.",
              suites=(("AES_CM_128_HMAC_SHA1_80",), ()), media="clear")
dtls_scenario("dtls-no-common-profile", "Client offers GCM-256 only, server has CM only: no use_srtp in the ServerHello, no media.",
              suites=(("AES_CM_128_HMAC_SHA1_80",), ("AEAD_AES_256_GCM",)), media=None)
dtls_scenario("dtls-no-common-cipher", "No cipher in common: fatal alert handshake_failure, and clear RTP flows all the same.",
              ciphers=(b"ECDHE-RSA-AES128-GCM-SHA256", b"ECDHE-RSA-CHACHA20-POLY1305"), media="clear")
dtls_scenario("dtls-fragmented", "MTU 400 and RSA 4096: Certificate and others come in many handshake fragments.", mtu=400,
              offer_cert=lambda: certificate("rsa", bits=4096), answer_cert=lambda: certificate("rsa", bits=4096))
dtls_scenario("dtls-lost-flight", "The server's first flight and the client's second are lost behind the capture point and "
              "retransmitted after a second.", drop=(1, 1), note={"retransmissions": True})


def renumber_profile(number):
    """Gives OpenSSL's SRTP_AES128_CM_SHA1_80 another number in this process; it knows no NULL profile itself."""
    lib, core = ctypes.CDLL("libssl.so.3"), ctypes.CDLL("libcrypto.so.3")
    pointer = ctypes.c_void_p
    for function in (lib.DTLS_method, lib.SSL_CTX_new, lib.SSL_new, lib.SSL_get_srtp_profiles, core.OPENSSL_sk_value):
        function.restype = pointer
    context = pointer(lib.SSL_CTX_new(pointer(lib.DTLS_method())))
    lib.SSL_CTX_set_tlsext_use_srtp(context, b"SRTP_AES128_CM_SHA1_80")
    session = pointer(lib.SSL_new(context))
    entry = core.OPENSSL_sk_value(pointer(lib.SSL_get_srtp_profiles(session)), 0)
    ctypes.c_ulong.from_address(entry + ctypes.sizeof(pointer)).value = number
    lib.SSL_free(session)
    lib.SSL_CTX_free(context)


@scenario
def dtls_null_profile():
    renumber_profile(5)
    try:
        with DtlsStory("dtls-null-profile", "SRTP_NULL_HMAC_SHA1_80 (0x0005) is negotiated by DTLS: tags verify, the voice is clear. "
                       "Master key and salt of 16 and 14 bytes.") as s:
            dtls_call(s, suite="NULL_HMAC_SHA1_80")
    finally:
        renumber_profile(1)


@scenario
def dtls_two_offers():
    with DtlsStory("dtls-and-sdes", "SDES and DTLS are offered together and both answered; DTLS is used, the SDES keys lie open.") as s:
        keys = s.fresh(), s.fresh()
        dtls_call(s, offer_lines=[f"a=fingerprint:{fingerprint(certificate('rsa'))}", keys[0].crypto()],
                  answer_lines=[f"a=fingerprint:{fingerprint(certificate('ec'))}", keys[1].crypto()], profile="RTP/SAVP",
                  extra_row={"offered": ["sdes", "dtls"]})


@scenario
def dtls_stranger():
    with DtlsStory("dtls-stranger-hello", "carol, who is in no SDP, sends a ClientHello to alice's port before bob does; alice "
                   "answers hers first, then bob's on a new association.") as s:
        def stranger(pair):
            sock = s.socket("q", 5555)
            end = Dtls(sock, (IP["a"], 4000), True, certificate("ec"))
            mine = Dtls(pair[0].socket, (IP["q"], 5555), False, certificate("rsa"))
            shake([end, mine], 3)
        dtls_call(s, hello=stranger)


@scenario
def dtls_resumed():
    with DtlsStory("dtls-resumed", "Two calls; the second DTLS handshake resumes the first session, so no certificate is sent.") as s:
        first, _ = dtls_call(s, seconds=1.5, session=False)
        dtls_call(s, seconds=1.5, session=(first[0].context, first[1].connection.get_session()), ports=(4010, 4012))


def hello_13(kind, dice):
    """A DTLS 1.3 hello (RFC 9147 section 5.3) as one plaintext record."""
    def extension(number, body):
        return struct.pack(">HH", number, len(body)) + body
    share = b"\0\x1d\0\x20" + dice.randbytes(32)
    client = kind == 1
    extensions = extension(43, b"\x02\xfe\xfc" if client else b"\xfe\xfc")
    extensions += extension(51, struct.pack(">H", len(share)) + share if client else share)
    body = b"\xfe\xfd" + dice.randbytes(32) + b"\0"
    if client:
        extensions += extension(10, b"\0\x02\0\x1d") + extension(13, b"\0\x04\x04\x03\x08\x04")
        extensions += extension(14, b"\0\x04\0\x07\0\x01\0")
        body += b"\0" + b"\0\x04\x13\x01\x13\x02" + b"\x01\0"
    else:
        body += b"\x13\x01\0"
    body += struct.pack(">H", len(extensions)) + extensions
    size = len(body).to_bytes(3, "big")
    message = bytes([kind]) + size + b"\0\0" + bytes(3) + size + body
    return b"\x16\xfe\xfd" + bytes(8) + struct.pack(">H", len(message)) + message


@scenario
def dtls_13():
    with Story("dtls-13", "DTLS 1.3: hellos are readable, certificate and SRTP profile are not. SRTP follows.",
               hand_made="all of it: no DTLS 1.3 program is at hand; the hellos are well formed, the encrypted records are random bytes") as s:
        a, b = s.phones()
        lines = [f"a=fingerprint:{fingerprint(certificate(k))}" for k in ("rsa", "ec")]
        call = Call(a, b)
        call.setup(a.sdp([lines[0], "a=setup:actpass", "a=rtcp-mux"], "UDP/TLS/RTP/SAVP", 4000),
                   b.sdp([lines[1], "a=setup:active", "a=rtcp-mux"], "UDP/TLS/RTP/SAVP", 4002))
        s.calls.append({"call_id": call.call_id, "keying": "dtls", "profile": "UDP/TLS/RTP/SAVP", "offered": ["dtls"], "negotiated": "dtls",
                        "suite": "AEAD_AES_128_GCM", "certificate_visible": False})
        sockets = {h: s.socket(h, p) for h, p in (("a", 4000), ("b", 4002))}

        def say(host, data):
            sockets[host].sendto(data, (IP["ba"["ab".index(host)]], 4002 if host == "a" else 4000))
            time.sleep(0.01)

        def secret(epoch, sequence, size):
            return bytes([0x2c | epoch]) + struct.pack(">HH", sequence, size) + s.dice.randbytes(size)
        say("b", hello_13(1, s.dice))
        say("a", hello_13(2, s.dice))
        say("a", secret(2, 0x3a11, 48) + secret(2, 0x9c02, 420) + secret(2, 0x1177, 120) + secret(2, 0x4d4d, 72))
        say("b", secret(2, 0x8f20, 400) + secret(2, 0x0915, 120) + secret(2, 0x7a01, 72))
        say("a", secret(3, 0x2b2b, 30))
        play(mux(s, sockets, (4000, 4002), (s.fresh("AEAD_AES_128_GCM"), s.fresh("AEAD_AES_128_GCM"))), 1.5)
        call.hang_up()


# ---- real phones -----------------------------------------------------------------------------------

def prf(secret, label, seed, size, digest):
    # RFC 5246 section 5.
    out, a = b"", label + seed
    while len(out) < size:
        a = hmac.new(secret, a, digest).digest()
        out += hmac.new(secret, a + label + seed, digest).digest()
    return out[:size]


def exporter_keys(row, keylog):
    """SRTP keys (client, server) of a DTLS 1.2 association from its key log and the randoms on the wire."""
    secrets = {}
    with open(keylog) as log:
        for line in log:
            parts = line.split()
            if len(parts) == 3 and parts[0] == "CLIENT_RANDOM":
                secrets[parts[1]] = bytes.fromhex(parts[2])
    master = secrets.get(row.get("client_random"))
    if not master or row.get("profile") not in DTLS_PROFILES:
        return None
    suite = DTLS_PROFILES[row["profile"]]
    _, key, salt, _, _ = SUITES[suite]
    sha384 = int(row["cipher"], 16) in (0xc02c, 0xc030, 0x009d, 0x009f, 0xc024, 0xc028)
    seed = bytes.fromhex(row["client_random"] + row["server_random"])
    block = prf(master, LABEL, seed, 2 * (key + salt), "sha384" if sha384 else "sha256")
    return (Keying(suite, block[:key], block[2 * key:2 * key + salt]), Keying(suite, block[key:2 * key], block[2 * key + salt:]))


def host_of(end):
    return end.rsplit(":", 1)[0]


def real(name, story, path, programs, keylog=None, keys=None, codec="PCMU", calls=None, extra=None, least=5):
    """Truth of a capture of real programs. `keys` maps (source, target) to a list of keyings; DTLS adds its own."""
    keys = dict(keys or {})
    rows, associations = [], handshakes(path, keylog)
    for row in associations:
        derived = exporter_keys(row, keylog) if keylog and "profile" in row else None
        if derived:
            row["suite"] = derived[0].suite
            keys.setdefault((row["client"], row["server"]), []).append(derived[0])
            keys.setdefault((row["server"], row["client"]), []).append(derived[1])
    everything = [f for f in truth.frames(path) if f.protocol == 17]
    groups, control = {}, {}
    for frame in everything:
        if truth.is_rtp(frame.payload):
            ssrc = int.from_bytes(frame.payload[8:12], "big")
            groups.setdefault((frame.source, frame.target, ssrc), []).append(frame)
        elif truth.is_rtcp(frame.payload):
            control.setdefault((frame.source, frame.target), []).append(frame)
    for (source, target, ssrc), seen in groups.items():
        if len(seen) < least:
            continue
        rows.append(truth.judge({"ssrc": f"{ssrc:08x}", "src": source, "dst": target, "codec": codec},
                                keys.get((source, target)) or [None], seen))
    def rtcp_keys(source, target):
        lower = [f"{host_of(e)}:{int(e.rsplit(':', 1)[1]) - 1}" for e in (source, target)]
        return keys.get((source, target)) or keys.get(tuple(lower)) or []
    rtcp = [truth.judge_rtcp(s, t, rtcp_keys(s, t), seen) for (s, t), seen in control.items()]
    sip = truth.signalling(path)
    if calls is None:
        calls = [{"call_id": i} for i in dict.fromkeys(m["call_id"] for m in sip)]
    made = {"file": name + ".pcap", "story": story, "hand_made": "no", "programs": programs, "calls": calls, "streams": rows,
            "rtcp": rtcp}
    if associations:
        made["dtls"] = associations
    made.update(extra or {})
    made["sip"] = sip
    folder = lab.TESTDATA + "/srtp"
    subprocess.run(["cp", path, folder], check=True)
    if keylog and os.path.exists(keylog):
        keep_keylog(keylog, folder, name)
    truth.write(folder, name, made)
    return made


def fresh_log(name):
    path = f"{lab.TMP}/{name}.keylog"
    if os.path.exists(path):
        os.unlink(path)
    return path


def need(condition, what):
    if not condition:
        raise AssertionError(what)


def baresip_call(name, story, mux="no", account="mediaenc=dtls_srtp", seconds=3, target="b", relay=None, codec="pcmu",
                 secured=True, **more):
    keylog = fresh_log(name)
    env = {"LD_PRELOAD": lab.SHIM, "SSLKEYLOGFILE": keylog}
    capture = Capture(f"{lab.TMP}/{name}.pcap")
    closer = relay() if relay else None
    modules = ["dtls_srtp.so", "srtp.so"]
    b = Baresip("b", account, codec, 2, modules, mux, env)
    a = Baresip("a", account, codec, 1, modules, mux, env)
    a.command("dial", f"sip:bob@{IP[target]}")
    time.sleep(seconds + 1)
    a.command("hangup")
    time.sleep(0.8)
    a.stop()
    b.stop()
    if closer:
        closer()
    made = real(name, story, capture.stop(), "baresip 1.0.0 both sides", keylog, codec=codec.upper(), **more)
    if secured:
        need(any(r["encrypted"] and r["auth_ok"] > 50 for r in made["streams"]), "no verified SRTP")
    return made


@scenario
def dtls_baresip():
    baresip_call("dtls-baresip", "Two baresip phones, no rtcp-mux: one handshake for RTP and one for RTCP.")


@scenario
def dtls_baresip_mux():
    baresip_call("dtls-baresip-mux", "Two baresip phones with rtcp-mux.", mux="yes")


class Relay:
    """A SIP proxy on host p that may edit what passes: edit(text, from_caller) -> text. One caller and one callee."""
    def __init__(self, edit, callee="b"):
        self.socket, self.edit, self.callee = udp("p", 5060), edit, IP[callee]
        self.socket.settimeout(0.2)
        self.open = True
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def loop(self):
        mine = f"SIP/2.0/UDP {IP['p']}:5060"
        while self.open:
            try:
                data, source = self.socket.recvfrom(65535)
            except OSError:
                continue
            text = data.decode(errors="replace")
            if "\r\n\r\n" not in text:
                continue
            from_caller = source[0] != self.callee
            head, _, body = text.partition("\r\n\r\n")
            lines = head.split("\r\n")
            if lines[0].startswith("SIP/2.0"):
                for number, line in enumerate(lines):
                    if line.lower().startswith("via:") and mine in line:
                        del lines[number]
                        break
                target = self.caller
            else:
                at = next(i for i, line in enumerate(lines) if line.lower().startswith("via:"))
                branch = hashlib.sha256(lines[at].encode()).hexdigest()[:12]
                lines.insert(at, f"Via: {mine};branch=z9hG4bK{branch};rport")
                if from_caller:
                    self.caller = source
                    lines[0] = lines[0].replace(IP["p"], self.callee)
                if lines[0].startswith("INVITE"):
                    lines.insert(at + 1, f"Record-Route: <sip:{IP['p']};lr>")
                lines = [line for line in lines if not (line.lower().startswith("route:") and IP["p"] in line)]
                target = (self.callee, 5060) if from_caller else self.caller
            body = self.edit(body, from_caller)
            lines = [f"Content-Length: {len(body.encode())}" if line.lower().startswith("content-length") else line for line in lines]
            self.socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), target)

    def stop(self):
        self.open = False
        self.thread.join()
        self.socket.close()


@scenario
def dtls_altered_baresip():
    def edit(body, from_caller):
        lines = body.split("\r\n")
        for number, line in enumerate(lines):
            if line.startswith("a=fingerprint") and not from_caller:
                lines[number] = line[:-2] + ("00" if line[-2:] != "00" else "11")
        return "\r\n".join(lines)
    made = baresip_call("dtls-altered-by-relay", "Two baresip phones; a SIP proxy alters the last byte of the answer's fingerprint. Fails closed.",
                        target="p", relay=lambda: Relay(edit).stop, secured=False,
                        extra={"fingerprint_mismatch": ["answer"], "altered_by": IP["p"],
                               "proxy": "this project's test proxy"})
    need(made["dtls"], "no handshake")


@scenario
def dtls_stripped_baresip():
    def edit(body, from_caller):
        lines = [line for line in body.split("\r\n") if not line.startswith(("a=fingerprint", "a=setup"))]
        return "\r\n".join(lines).replace("UDP/TLS/RTP/SAVPF", "RTP/AVP").replace("UDP/TLS/RTP/SAVP", "RTP/AVP").replace("RTP/SAVPF", "RTP/AVP")
    baresip_call("dtls-stripped-by-relay", "Two baresip phones; a SIP proxy removes fingerprint, setup and profile from the offer; the callee refuses with 488.",
                 target="p", relay=lambda: Relay(edit).stop, secured=False,
                 extra={"altered_by": IP["p"], "proxy": "this project's test proxy"})


@scenario
def dtls_linphone():
    name = "dtls-linphone"
    keylog = fresh_log(name)
    env = {"SSLKEYLOGFILE": keylog}
    capture = Capture(f"{lab.TMP}/{name}.pcap")
    b = Linphone("b", "dtls", wav=2, env=env)
    a = Linphone("a", "dtls", env=env)
    a.command(f"call sip:bob@{IP['b']}")
    time.sleep(5)
    a.command("terminate")
    time.sleep(1)
    a.stop()
    b.stop()
    made = real(name, "Two linphone phones, DTLS-SRTP by mbed TLS.", capture.stop(), "linphonec 5.1.65 both sides", keylog)
    need(any(r["encrypted"] and r["auth_ok"] > 50 for r in made["streams"]), "no verified SRTP")
