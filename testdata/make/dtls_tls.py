"""Encrypted signalling: SIP over TLS 1.2, TLS 1.3 and secure WebSocket, with key logs."""
import hashlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import dtls_lab as lab
import dtls_truth as truth
from dtls_bridge import kamailio
from dtls_dtls import append
from dtls_lab import IP, TMP, spawn
from dtls_record import scenario
from dtls_story import Story, play
from dtls_wire import Bytes, WebSocket, connect, header

NO_ETM, NO_EMS = 1 << 19, 1 << 0
KEY = {"rsa": TMP + "/tls-rsa", "ec": TMP + "/tls-ec", "client": TMP + "/tls-client"}


def authority():
    """A small CA and certificates with SIP names, once."""
    if os.path.exists(KEY["client"] + ".crt"):
        return
    lab.run(f"cd {TMP}; openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/O=Example/CN=Example Lab CA' -keyout tls-ca.key "
            "-out tls-ca.crt 2>/dev/null")
    for kind, key in (("rsa", "rsa:2048"), ("ec", "ec -pkeyopt ec_paramgen_curve:P-256"), ("client", "rsa:2048")):
        name = "a.example.org" if kind == "client" else "b.example.org"
        lab.run(f"cd {TMP}; openssl req -newkey {key} -nodes -subj /CN={name} -keyout tls-{kind}.key -out tls-{kind}.csr 2>/dev/null;"
                f"printf 'subjectAltName=DNS:{name},DNS:example.org,URI:sip:example.org\\n' > tls-{kind}.ext;"
                f"openssl x509 -req -in tls-{kind}.csr -CA tls-ca.crt -CAkey tls-ca.key -CAcreateserial -days 800 -extfile tls-{kind}.ext "
                f"-out tls-{kind}.crt 2>/dev/null")


def contexts(keylog=None, ciphers="", version=ssl.TLSVersion.TLSv1_2, key="rsa", options=0, mutual=False, tickets=True, curves=None):
    authority()
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in (client, server):
        context.minimum_version = ssl.TLSVersion.TLSv1 if version < ssl.TLSVersion.TLSv1_2 else version
        context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        context.options |= options
        if not tickets:
            context.options |= ssl.OP_NO_TICKET
    client.load_verify_locations(TMP + "/tls-ca.crt")
    server.load_cert_chain(KEY[key] + ".crt", KEY[key] + ".key")
    if mutual:
        server.verify_mode = ssl.CERT_OPTIONAL if mutual == "ask" else ssl.CERT_REQUIRED
        server.load_verify_locations(TMP + "/tls-ca.crt")
        if mutual != "ask":
            client.load_cert_chain(KEY["client"] + ".crt", KEY["client"] + ".key")
    if keylog:
        client.keylog_filename = keylog
    return client, server


class TlsStory(Story):
    def __init__(self, name, story, keylog=True, **more):
        log = f"{TMP}/{name}.keylog"
        if os.path.exists(log):
            os.unlink(log)
        append(log, "")
        more.setdefault("hand_made", "TLS by OpenSSL 3.0; signalling and media by this project's test phones")
        super().__init__(name, story, folder="tls", keylog=log, **more)
        self.keep_log, self.connections = keylog, []

    def finish(self):
        self.extra["tls"] = connections(self.path, self.keylog)
        self.extra["signalling_can_be_opened"] = self.keep_log
        made = super().finish()
        with open(self.keylog) as log:
            lines = [line for line in log if line.strip() and not line.startswith("#")]
        if self.keep_log and lines:
            with open(f"{self.folder}/{self.name}.keylog", "w") as out:
                out.writelines(lines)
        return made


def connections(path, keylog=None):
    fields = ["tcp.stream", "frame.number", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "tls.handshake.type", "tls.handshake.version",
              "tls.handshake.ciphersuite", "tls.handshake.extensions.supported_version", "tls.record.content_type",
              "tls.handshake.extension.type", "tls.alert_message.desc"]
    command = ["tshark", "-r", path, "-Y", "tls", "-T", "fields", "-E", "separator=|"]
    if keylog:
        command += ["-o", "tls.keylog_file:" + keylog]
    for name in fields:
        command += ["-e", name]
    rows = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines():
        stream, number, src, sport, dst, dport, kinds, version, suites, selected, content, extensions, alert = line.split("|")
        row = rows.setdefault(stream, {"frames": 0, "handshake": []})
        row["frames"] += 1
        row["handshake"] += [int(k) for k in kinds.split(",") if k]
        if "1" in kinds.split(",") and "client" not in row:
            row.update(client=f"{src}:{sport}", server=f"{dst}:{dport}", client_hello_frame=int(number))
        if "2" in kinds.split(",") and "cipher" not in row:
            row.update(version=(selected or version).split(",")[0], cipher=suites.split(",")[0], server_hello_frame=int(number),
                       encrypt_then_mac="22" in extensions.split(","), extended_master_secret="23" in extensions.split(","))
        if alert:
            row.setdefault("alerts", []).append({"frame": int(number), "description": int(alert.split(",")[0])})
    return list(rows.values())


def digest(user, realm, password, method, uri, nonce):
    h = lambda text: hashlib.md5(text.encode()).hexdigest()  # noqa: E731
    answer = h(f"{h(f'{user}:{realm}:{password}')}:{nonce}:{h(f'{method}:{uri}')}")
    return (f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{answer}", algorithm=MD5')


def register(a, b, realm="example.org", password="Zx-19-turnip", real=False):
    """REGISTER, 401, REGISTER, 200. With `real`, the registrar is a program and answers for itself."""
    dialog = {"target": f"sip:{realm}", "local": f"sip:{a.user}@{realm}", "remote": f"sip:{a.user}@{realm}",
              "call_id": a.token(20), "from_tag": a.token()}
    nonce = ""
    for extra in ([], None):
        if extra is None:
            extra = [digest(a.user, realm, password, "REGISTER", dialog["target"], nonce)]
        a.request("REGISTER", dialog, extra=["Expires: 600", *extra])
        if not real:
            request = b.expect("REGISTER")
            if not nonce:
                nonce = b.token(32)
                b.reply(request, "401 Unauthorized", to_tag=b.token(), extra=[f'WWW-Authenticate: Digest realm="{realm}", nonce="{nonce}", algorithm=MD5'])
            else:
                b.reply(request, "200 OK", to_tag=b.token(), extra=["Expires: 600"])
        final = a.expect(("SIP/2.0 2", "SIP/2.0 4"))
        if real and not nonce:
            nonce = header(final, "WWW-Authenticate").split('nonce="')[1].split('"')[0]
    if not final.startswith("SIP/2.0 200"):
        raise AssertionError(final.split("\r\n")[0])
    return dialog["call_id"]


def session(s, transport_a, transport_b, media=0.0, ports=(4000, 4002), suite="AES_CM_128_HMAC_SHA1_80", again=False):
    """Registration and one call whose SDES keys travel in this connection; SRTP follows on the wire."""
    a, b = s.phones(transport_a, transport_b)
    a.domain = b.domain = "example.org"
    s.extra.setdefault("registrations", []).append(register(a, b))
    keys = s.fresh(suite), s.fresh(suite)
    call = s.call(a, b, [keys[0]], keys[1], ports=ports)
    if media:
        play(s.media(keys, ports=ports), media)
    call.hang_up()
    return a, b


def tls_scenario(name, story, media=0.0, keylog=True, key_file=False, note=None, segment=0, **options):
    def record():
        with TlsStory(name, story, keylog=keylog) as s:
            client, server = contexts(s.keylog, **options)
            ends = connect("a", "b", 5061, client, server, segment=segment)
            transports = [Bytes(end) for end in ends]
            session(s, *transports, media=media)
            for t in transports:
                t.close()
            s.extra.update(note or {})
        if key_file:
            lab.run(f"cp {KEY['rsa']}.key {s.folder}/{name}.key.pem")
    record.__name__ = name
    scenario(record)


tls_scenario("tls12-ecdhe-gcm", "TLS 1.2, ECDHE-RSA-AES256-GCM-SHA384; register and a call with SDES, SRTP on the wire.", 1.6,
             ciphers="ECDHE-RSA-AES256-GCM-SHA384")
tls_scenario("tls12-ecdsa-gcm128", "TLS 1.2, ECDHE-ECDSA-AES128-GCM-SHA256.", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256", key="ec")
tls_scenario("tls12-chacha20", "TLS 1.2, ECDHE-RSA-CHACHA20-POLY1305.", ciphers="ECDHE-RSA-CHACHA20-POLY1305")
tls_scenario("tls12-ccm", "TLS 1.2, ECDHE-ECDSA-AES128-CCM8.", ciphers="ECDHE-ECDSA-AES128-CCM8", key="ec")
tls_scenario("tls12-cbc-sha256", "TLS 1.2, ECDHE-RSA-AES128-SHA256 (CBC), encrypt-then-mac.", ciphers="ECDHE-RSA-AES128-SHA256")
tls_scenario("tls12-cbc-sha384", "TLS 1.2, ECDHE-RSA-AES256-SHA384 (CBC), encrypt-then-mac.", ciphers="ECDHE-RSA-AES256-SHA384")
tls_scenario("tls12-cbc-sha256-mac-first", "TLS 1.2, ECDHE-RSA-AES128-SHA256 (CBC), no encrypt-then-mac.", ciphers="ECDHE-RSA-AES128-SHA256", options=NO_ETM)
tls_scenario("tls12-cbc-sha384-mac-first", "TLS 1.2, ECDHE-RSA-AES256-SHA384 (CBC), no encrypt-then-mac.", ciphers="ECDHE-RSA-AES256-SHA384", options=NO_ETM)
tls_scenario("tls12-cbc-sha1-mac-first", "TLS 1.2, ECDHE-RSA-AES256-SHA (CBC with SHA-1), no encrypt-then-mac.", ciphers="ECDHE-RSA-AES256-SHA", options=NO_ETM)
tls_scenario("tls12-rsa-cbc", "TLS 1.2, RSA key exchange, AES128-SHA (CBC), extended master secret; opened with the server's key.", 2, key_file=True,
             ciphers="AES128-SHA:@SECLEVEL=0")
tls_scenario("tls12-rsa-cbc-no-ems", "As tls12-rsa-cbc without extended master secret and without encrypt-then-mac.", key_file=True,
             ciphers="AES128-SHA:@SECLEVEL=0", options=NO_EMS | NO_ETM)
tls_scenario("tls12-rsa-gcm384", "TLS 1.2, RSA key exchange, AES256-GCM-SHA384; opened with the server's key.", key_file=True, ciphers="AES256-GCM-SHA384")
tls_scenario("tls12-null", "TLS 1.2 with NULL-SHA256: nothing is encrypted.", ciphers="NULL-SHA256:@SECLEVEL=0")
tls_scenario("tls12-mutual", "TLS 1.2, the client shows a certificate.", ciphers="ECDHE-RSA-AES128-GCM-SHA256", mutual=True)
tls_scenario("tls12-client-certificate-empty", "TLS 1.2, a certificate is asked for, the client sends none and goes on.",
             ciphers="ECDHE-RSA-AES128-GCM-SHA256", mutual="ask")
tls_scenario("tls10", "TLS 1.0, ECDHE-RSA-AES128-SHA.", ciphers="ECDHE-RSA-AES128-SHA:@SECLEVEL=0", version=ssl.TLSVersion.TLSv1)
tls_scenario("tls11", "TLS 1.1, ECDHE-RSA-AES128-SHA.", ciphers="ECDHE-RSA-AES128-SHA:@SECLEVEL=0", version=ssl.TLSVersion.TLSv1_1)
tls_scenario("tls13", "TLS 1.3, AES-256-GCM; register and a call with SDES, SRTP on the wire.", 1.6, version=ssl.TLSVersion.TLSv1_3)
tls_scenario("tls13-mutual", "TLS 1.3, the client shows a certificate.", version=ssl.TLSVersion.TLSv1_3, mutual=True)
tls_scenario("tls13-small-segments", "TLS 1.3 over TCP segments of 88 bytes: records and SIP messages cross segments.",
             version=ssl.TLSVersion.TLSv1_3, segment=88)
tls_scenario("tls13-no-keys", "TLS 1.3 whose keys nobody kept: SRTP on the wire, nothing can be opened.", 2, keylog=False,
             version=ssl.TLSVersion.TLSv1_3, note={"keys_kept": False})


def resumed(name, story, version, tickets):
    def record():
        with TlsStory(name, story) as s:
            client, server = contexts(s.keylog, version=version, tickets=tickets)
            first = connect("a", "b", 5061, client, server)
            transports = [Bytes(end) for end in first]
            session(s, *transports)
            kept = first[0].session
            for t in transports:
                t.close()
            time.sleep(0.2)
            second = connect("a", "b", 5061, client, server, session=kept)
            if not second[0].session_reused:
                raise AssertionError("not resumed")
            transports = [Bytes(end) for end in second]
            session(s, *transports, media=1)
            for t in transports:
                t.close()
            s.extra["resumed_connection"] = 2
    record.__name__ = name
    scenario(record)


resumed("tls12-resumed-ticket", "TLS 1.2, the second connection resumes the first with a ticket.", ssl.TLSVersion.TLSv1_2, True)
resumed("tls12-resumed-id", "TLS 1.2, the second connection resumes the first by session id.", ssl.TLSVersion.TLSv1_2, False)
resumed("tls13-resumed", "TLS 1.3, the second connection resumes the first by PSK.", ssl.TLSVersion.TLSv1_3, True)


def wss(name, story, version, secure=True, media=1.6):
    def record():
        with TlsStory(name, story) as s:
            if secure:
                client, server = contexts(s.keylog, version=version)
                ends = connect("a", "b", 8443, client, server)
            else:
                ends = connect("a", "b", 8080)
            kind = "WSS" if secure else "WS"
            here, there = WebSocket(ends[0], True, kind), WebSocket(ends[1], False, kind)
            there.handshake()
            here.handshake()
            session(s, here, there, media=media)
            here.close()
            there.close()
    record.__name__ = name
    scenario(record)


wss("wss-tls12", "SIP over WebSocket over TLS 1.2 on port 8443; client frames are masked.", ssl.TLSVersion.TLSv1_2)
wss("wss-tls13", "SIP over WebSocket over TLS 1.3 on port 8443.", ssl.TLSVersion.TLSv1_3, media=0)
wss("ws-clear", "SIP over WebSocket without TLS on port 8080.", None, secure=False, media=0)


@scenario
def tls13_key_update():
    with TlsStory("tls13-key-update", "TLS 1.3; openssl s_client updates its keys and asks the server to do so, twice, between SIP messages.",
                  hand_made="TLS by openssl s_client and OpenSSL 3.0; SIP messages by this project's script") as s:
        _, server = contexts(version=ssl.TLSVersion.TLSv1_3)
        with lab.inside("b"):
            listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((IP["b"], 5061))
        listener.listen(1)
        got = {}

        def serve():
            connection, _ = listener.accept()
            connection.settimeout(6)
            transport = got["transport"] = Bytes(server.wrap_socket(connection, server_side=True))
            try:
                while True:
                    text = transport.receive()
                    if text.startswith("OPTIONS"):
                        keep = [line for line in text.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
                        to = next(line for line in text.split("\r\n") if line.startswith("To:"))
                        transport.send("\r\n".join(["SIP/2.0 200 OK", *keep, to + ";tag=8f31", "Content-Length: 0", "", ""]))
            except (OSError, ConnectionError):
                pass
        thread = threading.Thread(target=serve)
        thread.start()
        read, write = os.pipe()
        client = spawn("a", ["openssl", "s_client", "-connect", f"{IP['b']}:5061", "-tls1_3", "-servername", "b.example.org", "-keylogfile",
                             s.keylog], stdin=read, log=TMP + "/s_client.log")
        os.close(read)
        time.sleep(1)
        call_id = "b2c1" + s.dice.randbytes(8).hex()
        for number in range(1, 4):
            lines = ["OPTIONS sip:example.org SIP/2.0", f"Via: SIP/2.0/TLS {IP['a']}:39000;branch=z9hG4bK{s.dice.randbytes(6).hex()};rport",
                     "Max-Forwards: 70", f"From: <sip:alice@example.org>;tag={s.dice.randbytes(4).hex()}", "To: <sip:example.org>",
                     f"Call-ID: {call_id}", f"CSeq: {number} OPTIONS", "Content-Length: 0", "", ""]
            os.write(write, "\r\n".join(lines).encode())
            time.sleep(0.6)
            if number < 3:
                os.write(write, b"K\n")
                time.sleep(0.6)
        os.write(write, b"Q\n")
        os.close(write)
        client.wait(5)
        thread.join(8)
        got["transport"].close()
        listener.close()
        s.extra["call_ids"] = [call_id]
        s.extra["key_updates_asked_for"] = 2


TLS_MODULES = """loadmodule "tls.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "xhttp.so"
loadmodule "websocket.so"
modparam("tls", "tls_method", "{method}")
modparam("tls", "certificate", "{key}.crt")
modparam("tls", "private_key", "{key}.key")
modparam("rr", "enable_double_rr", 1)
tcp_accept_no_cl=yes
"""
TLS_FIRST = """    if (is_method("REGISTER")) {
        if (!pv_auth_check("example.org", "Zx-19-turnip", "0", "0")) { auth_challenge("example.org", "0"); exit; }
        save("location");
        exit;
    }
"""
TLS_FORWARD = 'if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }'
TLS_HTTP = """
event_route[xhttp:request] {
    if ($hdr(Upgrade) =~ "websocket" && $hdr(Connection) =~ "Upgrade") { ws_handle_handshake(); exit; }
    xhttp_reply("404", "Not Found", "", "");
}
"""


@scenario
def tls_kamailio():
    """Two phones register at kamailio over TLS and call through it; both connections are seen and logged."""
    for name, version, method in (("tls12-kamailio", ssl.TLSVersion.TLSv1_2, "TLSv1.2"), ("tls13-kamailio", ssl.TLSVersion.TLSv1_3, "TLSv1.2+")):
        with TlsStory(name, "alice and bob register at kamailio over TLS with digest and call through it; SRTP goes straight between them.",
                      hand_made="kamailio 5.6.3 is real; phones and media are this project's test phones") as s:
            authority()
            kamailio(tls="yes", listen=f"listen=tls:{IP['p']}:5061", modules=TLS_MODULES.format(method=method, key=KEY["rsa"]),
                     first=TLS_FIRST, forward=TLS_FORWARD, extra=TLS_HTTP)
            transports = []
            for host in "ab":
                client, _ = contexts(s.keylog, version=version)
                transports.append(Bytes(dial(host, "p", 5061, client)))
            a, b = s.phones(*transports)
            a.domain = b.domain = "example.org"
            s.extra["registrations"] = [register(a, None, real=True), register(b, None, real=True)]
            keys = s.fresh(), s.fresh()
            call = s.call(a, b, [keys[0]], keys[1])
            play(s.media(keys), 2)
            call.hang_up()
            for t in transports:
                t.close()
        lab.end_all()


@scenario
def wss_kamailio():
    with TlsStory("wss-kamailio", "A browser phone registers at kamailio over WSS with digest.",
                  hand_made="kamailio 5.6.3 is real; the phone is this project's test phone") as s:
        authority()
        kamailio(tls="yes", listen=f"listen=tls:{IP['p']}:8443", modules=TLS_MODULES.format(method="TLSv1.2+", key=KEY["rsa"]),
                 first=TLS_FIRST, forward=TLS_FORWARD, extra=TLS_HTTP)
        client, _ = contexts(s.keylog, version=ssl.TLSVersion.TLSv1_3)
        transport = WebSocket(dial("a", "p", 8443, client), True)
        transport.handshake()
        a = s.phones(transport)[0]
        a.domain = "example.org"
        s.extra["registrations"] = [register(a, None, real=True)]
        time.sleep(0.3)
        transport.close()


def dial(host, server, port, context):
    with lab.inside(host):
        plain = socket.socket()
    plain.settimeout(5)
    plain.connect((IP[server], port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname="b.example.org")


@scenario
def tls_injected():
    """The same captures as pcapng with their key log in a Decryption Secrets Block."""
    for name in ("tls12-ecdhe-gcm", "tls13", "wss-tls12"):
        base = f"{lab.TESTDATA}/tls/{name}"
        lab.run(f"editcap --inject-secrets tls,{base}.keylog {base}.pcap {base}-injected.pcapng")
        sip = truth.signalling(f"{base}-injected.pcapng")
        if not sip:
            raise AssertionError("tshark sees no SIP in the injected capture")
        with open(base + ".truth.json") as read:
            made = json.load(read)
        made.update(file=f"{name}-injected.pcapng", story=made["story"] + " The key log is inside the file (editcap --inject-secrets).", sip=sip)
        truth.write(f"{lab.TESTDATA}/tls", name + "-injected", made)
