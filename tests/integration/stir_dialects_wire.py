"""Signer, requests in other vendors' writing, and certificates of rarer kinds: for stir_dialects.py."""
import base64
import email.utils

import stir_field_pki as pki
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs7

CALLER, CALLED = "12152340001", "13012340002"
ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
UUID = "7ca9ca5e-9c0f-4b6c-b31d-7d0ab8a0f4e1"


def url64(data):
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).decode().rstrip("=")


def es256(key, text):
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return url64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class Signer:
    def __init__(self, certificates):
        self.certificates = certificates

    def url(self, name):
        return self.certificates.url[name]

    def join(self, head, body, name):
        first = url64(head) + "." + url64(body)
        return first + "." + es256(self.certificates.key[name], first)

    def token(self, now, name="good", head='{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"URL"}',
              body='{"attest":"ATT","dest":{"tn":["DEST"]},"iat":IAT,"orig":{"tn":"ORIG"},"origid":"UUID"}', orig=CALLER,
              dest=CALLED, attest="A", uuid=UUID, iat=None):
        body = (body.replace("ATT", attest).replace("DEST", dest).replace("IAT", str(int(now) if iat is None else iat))
                .replace("ORIG", orig).replace("UUID", uuid))
        head = head.replace("URL", self.url(name)).replace("ESCAPED", self.url(name).replace("/", "\\/"))
        return self.join(head, body, name)

    def value(self, now, name="good", tail=";info=<URL>;alg=ES256;ppt=shaken", **more):
        return self.token(now, name, **more) + tail.replace("URL", self.url(name))


SDP = ("v=0\r\no=- 7 7 IN IP4 198.51.100.77\r\ns=-\r\nc=IN IP4 198.51.100.77\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 101\r\n"
       "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n")

PLAIN = """INVITE sip:+{dest}@203.0.113.77;user=phone SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK{id};rport
Max-Forwards: 70
From: <sip:+{orig}@198.51.100.77;user=phone>;tag={id}f
To: <sip:+{dest}@203.0.113.77;user=phone>
Call-ID: {id}@dialects
CSeq: 102 INVITE
Contact: <sip:198.51.100.77:5060>
Date: {date}
Identity: {identity}
Content-Type: application/sdp
Content-Length: {length}
"""

# Header fields in the order and the writing of each vendor.
VENDORS = {
    "asterisk": """INVITE sip:{dest}@203.0.113.77:5060 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77:5060;rport;branch=z9hG4bKPj{id}
From: "Shop" <sip:{orig}@198.51.100.77>;tag={id}-f
To: <sip:{dest}@203.0.113.77>
Contact: <sip:asterisk@198.51.100.77:5060>
Call-ID: {id}@dialects
CSeq: 8813 INVITE
Allow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO, MESSAGE, REFER
Supported: 100rel, timer, replaces, norefersub, histinfo
Session-Expires: 1800
Min-SE: 90
Date: {date}
Identity: {identity}
P-Asserted-Identity: "Shop" <sip:{orig}@198.51.100.77>
Max-Forwards: 70
User-Agent: Asterisk PBX 20.9.3
Content-Type: application/sdp
Content-Length:   {length}
""",
    "freeswitch": """INVITE sip:+{dest}@203.0.113.77 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77;rport;branch=z9hG4bK{id}
Max-Forwards: 69
From: "Shop" <sip:+{orig}@198.51.100.77>;tag={id}
To: <sip:+{dest}@203.0.113.77>
Call-ID: {id}@dialects
CSeq: 120923412 INVITE
Contact: <sip:mod_sofia@198.51.100.77:5060>
User-Agent: FreeSWITCH-mod_sofia/1.10.12-release
Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY
Supported: timer, path, replaces
Allow-Events: talk, hold, conference, refer
Content-Type: application/sdp
Content-Disposition: session
Content-Length: {length}
Identity: {identity}
Date: {date}
X-FS-Support: update_display,send_info
Remote-Party-ID: "Shop" <sip:+19998887777@198.51.100.77>;party=calling;screen=yes;privacy=off
""",
    "ribbon": """INVITE sip:+{dest}@203.0.113.77:5060;user=phone;transport=udp SIP/2.0
Via:SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK{id}
From:"SHOP" <sip:+{orig}@198.51.100.77:5060;user=phone>;tag=gK{id}
To:<sip:+{dest}@203.0.113.77:5060;user=phone>
Call-ID:{id}@dialects
CSeq:71923 INVITE
Max-Forwards:68
Allow:INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS,MESSAGE,PUBLISH
Accept:application/sdp, application/isup, application/dtmf
Contact:<sip:+{orig}@198.51.100.77:5060>
P-Asserted-Identity:"SHOP" <sip:+{orig}@198.51.100.77:5060;user=phone>, <tel:+{orig}>
P-Charging-Vector:icid-value={id};orig-ioi=carrier
Attestation-Info:A
Origination-Id:7ca9ca5e-9c0f-4b6c-b31d-7d0ab8a0f4e1
Date:{date}
Identity:{identity}
Supported:timer,100rel,precondition
Content-Length:{length}
Content-Disposition:session; handling=required
Content-Type:application/sdp
""",
    "metaswitch": """INVITE sip:{national}@203.0.113.77;user=phone SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK+{id}+1+198.51.100.77
Max-Forwards: 67
To: "+{dest}" <sip:{calledNational}@203.0.113.77;user=phone>
From: "SHOP" <sip:{national};cpc=ordinary@198.51.100.77;user=phone>;tag=198.51.100.77+1+{id}
Call-ID: {id}@dialects
CSeq: 5512 INVITE
Organization: MetaSwitch
Privacy: none
P-Asserted-Identity: "SHOP" <tel:+1-215-234-0001;cpc=ordinary>
Date: {date}
Identity: {identity}
Supported: 100rel, resource-priority, siprec
Contact: <sip:{national}-kn7q3@198.51.100.77:5060;transport=udp;isup-oli=00>
Content-Type: application/sdp
Content-Length: {length}
""",
    "short-forms": """INVITE sip:+{dest}@203.0.113.77 SIP/2.0
v: SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK{id}
f: Shop Front <sip:+{orig}@198.51.100.77>;tag={id}
t: <sip:+{dest}@203.0.113.77>
i: {id}@dialects
CSeq: 1 INVITE
m: <sip:198.51.100.77>
Max-Forwards: 70
DATE: {date}
y: {identity}
c: application/sdp
l: {length}
""",
    "cube": """INVITE sip:+{dest}@203.0.113.77:5060 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK{id}
Remote-Party-ID: "Shop" <sip:+{orig}@198.51.100.77>;party=calling;screen=yes;privacy=off
From: "Shop" <sip:+{orig}@198.51.100.77>;tag={id}-15D
To: <sip:+{dest}@203.0.113.77>
Date: {date}
Call-ID: {id}@dialects
Supported: timer,resource-priority,replaces,sdp-anat
Min-SE:  1800
Cisco-Guid: 1439829504-0000065536-0000000123-2887780362
User-Agent: Cisco-SIPGateway/IOS-17.9.4
CSeq: 101 INVITE
Timestamp: 1777903200
Contact: <sip:+{orig}@198.51.100.77:5060>
Expires: 180
Allow-Events: telephone-event
Identity: {identity}
Max-Forwards: 68
Session-Expires:  1800
Content-Type: application/sdp
Content-Disposition: session;handling=required
Content-Length: {length}
""",
}


def message(template, name, now, identity, orig=CALLER, dest=CALLED, date=True, changes=(), more=()):
    """changes: pairs of texts; more: header fields before Content-Type"""
    text = template
    for old, new in changes:
        assert old in text, (name, old)
        text = text.replace(old, new)
    for line in more:
        text = text.replace("Max-Forwards", line + "\nMax-Forwards", 1)
    if not identity:
        text = "".join(line for line in text.splitlines(True) if "{identity}" not in line)
    if date is None:
        text = "".join(line for line in text.splitlines(True) if "{date}" not in line)
    text = (text.replace("{dest}", dest).replace("{orig}", orig).replace("{national}", orig[1:]).replace("{calledNational}", dest[1:])
            .replace("{id}", name).replace("{length}", str(len(SDP)))
            .replace("{date}", email.utils.formatdate(int(now), usegmt=True) if date is True else date or "")
            .replace("{identity}", identity or ""))
    return (text.replace("\r\n", "\n").replace("\n", "\r\n") + "\r\n" + SDP).encode()


def flip(value):
    """another signature of the right form"""
    token, tail = value.split(";", 1)
    first, second, third = token.split(".")
    return first + "." + second + "." + third[:10] + ("A" if third[10] != "A" else "B") + third[11:] + ";" + tail


def negated(value):
    """the same signature with the other s that verifies"""
    token, tail = value.split(";", 1)
    signed, made = token.rsplit(".", 1)
    halves = base64.urlsafe_b64decode(made + "==")
    return signed + "." + url64(halves[:32] + (ORDER - int.from_bytes(halves[32:], "big")).to_bytes(32, "big")) + ";" + tail


def more_certificates(p):
    """files of kinds that stir_field_pki.py does not have"""
    usage = x509.KeyUsage(**{one: one == "digital_signature" for one in pki.USAGES})
    policy = x509.CertificatePolicies([x509.PolicyInformation(pki.Oid(pki.SHAKEN_POLICY), None)])

    def leaf(name, by, content=None, ski=True, aki=True, serial=None, chain=None, encode=None):
        key = ec.generate_private_key(ec.SECP256R1())
        pki.Authority.serial += 3
        made = (x509.CertificateBuilder().subject_name(pki.subject("SHAKEN 709J")).issuer_name(by.name)
                .public_key(key.public_key()).serial_number(serial or pki.Authority.serial)
                .not_valid_before(pki.YEAR[0]).not_valid_after(pki.YEAR[1]).add_extension(usage, True)
                .add_extension(x509.UnrecognizedExtension(pki.TN_LIST, content or pki.tn_list(pki.spc("709J"))), False))
        if ski:
            made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        if aki:
            made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), False)
        made = made.add_extension(policy, False).sign(by.key, hashes.SHA256())
        p.publish(name, chain(made) if chain else [made, by.certificate], key, encode)
        return made

    leaf("no-ski", p.issuing, ski=False)
    leaf("no-aki", p.issuing, aki=False)
    leaf("bare-names", p.issuing, ski=False, aki=False)
    steps = [p.root]
    for number in range(10):
        steps.append(pki.Authority(f"Step {number}", steps[-1]))
    leaf("twelve-steps", steps[-1], chain=lambda c: [c] + [one.certificate for one in reversed(steps[1:])])
    leaf("two-codes", p.issuing, pki.tn_list(pki.spc("709J"), pki.spc("1234")))
    leaf("code-and-number", p.issuing, pki.tn_list(pki.spc("709J"), pki.one("19998887777")))
    old = pki.Authority("Ended", p.root, path=0, valid=(pki.LONG[0], pki.when("2026-04-01T00:00:00")))
    leaf("middle-expired", old)
    renewed = pki.issue(old.name, old.key, p.other_root, pki.LONG, True, 0, pki.AUTHORITY)
    leaf("middle-expired-crossed", old, chain=lambda c: [c, old.certificate, renewed])
    for name, start, count in (("span-first", "12152340001", 2), ("span-last", "12152339992", 10),
                               ("span-before", "12152340002", 100), ("span-after", "12152339991", 10)):
        leaf(name, p.issuing, pki.tn_list(pki.span(start, count)))
    leaf("der", p.root, chain=lambda c: [c], encode=lambda cs: cs[0].public_bytes(pki.DER))
    leaf("p7-der", p.issuing, encode=lambda cs: pkcs7.serialize_certificates(cs, pki.DER))
    leaf("p7-reversed", p.issuing, chain=lambda c: [p.root.certificate, p.issuing.certificate, c],
         encode=lambda cs: pkcs7.serialize_certificates(cs, pki.PEM))
    leaf("shuffled-with-others", p.issuing,
         chain=lambda c: [p.other_issuing.certificate, p.issuing.certificate, p.rogue.certificate, c, p.other_root.certificate])
    leaf("root-inside", p.issuing, chain=lambda c: [c, p.issuing.certificate, p.root.certificate])
    stranger = pki.Authority("Stranger Root")
    leaf("stranger-root-inside", stranger, chain=lambda c: [c, stranger.certificate])
    # the list's second entry inherits its issuer from the first
    first = leaf("revoked-first", p.issuing)
    inherited = leaf("revoked-inherited", p.issuing)
    issuing = pki.Authority("Revoked Issuing", p.root, path=0)
    leaf("revoked-issuing", issuing)
    leaf("not-revoked-serial", p.other_issuing, serial=inherited.serial_number)
    pa = pki.Authority("Field STI-PA")
    pa.name = pki.subject("Field STI-PA", "Field Trust")
    made = (x509.CertificateRevocationListBuilder().issuer_name(pa.name).last_update(pki.when("2026-05-01T00:00:00"))
            .next_update(pki.when("2026-06-01T00:00:00")))
    for serial, issuer in ((first.serial_number, p.issuing.name), (inherited.serial_number, None),
                           (issuing.certificate.serial_number, p.root.name), (99, None)):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(pki.when("2026-02-01T00:00:00"))
        if issuer:
            entry = entry.add_extension(x509.CertificateIssuer([x509.DirectoryName(issuer)]), True)
        made = made.add_revoked_certificate(entry.build())
    made = made.add_extension(x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True)
    p.write("inherited.pem", made.sign(pa.key, hashes.SHA256()).public_bytes(pki.PEM))
    own = pki.issue(pa.name, pa.key, pa, pki.LONG, True, None, pki.AUTHORITY, policies=(), listed=False)
    p.write("inherited-pa.pem", own.public_bytes(pki.PEM))
    (p.folder / "certs.tsv").write_text("".join(f"{url}\t{name}\n" for url, name in p.manifest))
