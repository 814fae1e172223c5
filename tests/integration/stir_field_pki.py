"""Certificates for stir_field.py, made anew at each run: authorities, signers with one fault each, revocation lists."""
import datetime
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import ObjectIdentifier as Oid

HOST = "https://sti.field-telecom.net/"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
TN_LIST, CONSTRAINTS, ENHANCED = Oid("1.3.6.1.5.5.7.1.26"), Oid("1.3.6.1.5.5.7.1.27"), Oid("1.3.6.1.5.5.7.1.33")
SHAKEN_POLICY = "2.16.840.1.114569.1.1.3"
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
          "crl_sign", "encipher_only", "decipher_only")
AUTHORITY = ("key_cert_sign", "crl_sign")


def when(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")


YEAR = (when("2026-01-01T00:00:00"), when("2027-01-01T00:00:00"))
LONG = (when("2020-01-01T00:00:00"), when("2040-01-01T00:00:00"))
NOON = when("2026-05-04T12:00:00")  # when the calls begin


def subject(cn, organization="Field Carrier", country="US"):
    parts = [(NameOID.COUNTRY_NAME, country), (NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, cn)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts if value])


# --- DER by hand: TNAuthList and claim constraints ---------------------------------------------------------------

def tlv(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else bytes([0x82, size >> 8, size & 255])
    return bytes([tag]) + length + content


def number(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=value < 0))


def spc(code):
    return tlv(0xa0, tlv(0x16, code.encode()))


def one(digits):
    return tlv(0xa2, tlv(0x16, digits.encode()))


def span(start, count):
    return tlv(0xa1, tlv(0x30, tlv(0x16, start.encode()) + number(count)))


def tn_list(*entries):
    return tlv(0x30, b"".join(entries))


def claim_constraints(include=(), permitted=(), exclude=()):
    names = lambda all_of_them: tlv(0x30, b"".join(tlv(0x16, name.encode()) for name in all_of_them))  # noqa: E731
    out = b""
    if include:
        out += tlv(0xa0, names(include))
    if permitted:
        out += tlv(0xa1, tlv(0x30, b"".join(tlv(0x30, tlv(0x16, claim.encode()) + tlv(0x30, b"".join(
            tlv(0x0c, value.encode()) for value in values))) for claim, values in permitted)))
    if exclude:
        out += tlv(0xa2, names(exclude))
    return x509.UnrecognizedExtension(ENHANCED if exclude else CONSTRAINTS, tlv(0x30, out))


class Authority:
    """A name and a key that sign certificates"""
    serial = 1000

    def __init__(self, cn, above=None, curve=ec.SECP256R1(), valid=LONG, path=None, usage=AUTHORITY, ca=True, extra=(), **more):
        self.name, self.key = subject(cn, "Field Trust"), more.pop("key", None) or ec.generate_private_key(curve)
        self.curve = curve
        self.certificate = issue(self.name, self.key, above or self, valid=valid, ca=ca, path=path, usage=usage,
                                 policies=(SHAKEN_POLICY,) if above else (), listed=above is not None, extra=extra, **more)


def issue(name, key, by, valid=YEAR, ca=False, path=None, usage=("digital_signature",), usage_critical=True, numbers=None,
          policies=(SHAKEN_POLICY,), listed=True, extra=(), basic=True, serial=None, by_key=None):
    """A certificate; by_key: signs in the issuer's name with another key"""
    Authority.serial += 7
    signer = by_key or by.key
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(by.name).public_key(key.public_key())
               .serial_number(serial or Authority.serial).not_valid_before(valid[0]).not_valid_after(valid[1]))
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca, path if ca else None), True)
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(**{one_of: one_of in usage for one_of in USAGES}), usage_critical)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    if by_key is None:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), False)
    if policies:
        builder = builder.add_extension(x509.CertificatePolicies([x509.PolicyInformation(Oid(p), None) for p in policies]), False)
    if listed:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier("https://pa.field-trust.net/crl")], None, None,
                                       [x509.DirectoryName(subject("Field STI-PA", "Field Trust"))])
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
    if numbers is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(TN_LIST, numbers), False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA384() if by.curve.name == "secp384r1" else hashes.SHA256())


class Pki:
    """files under `folder`; url[name], key[name]"""

    def __init__(self, folder):
        self.folder, self.url, self.key, self.manifest = pathlib.Path(folder), {}, {}, []
        self.root, self.other_root = Authority("Field Root"), Authority("Other Root")
        self.rogue = Authority("Field Root")
        self.issuing = Authority("Field Issuing", self.root, path=0)
        self.other_issuing = Authority("Other Issuing", self.other_root, path=1)
        self.default_key = ec.generate_private_key(ec.SECP256R1())
        self.chains()
        self.constraints()
        self.lists()
        (self.folder / "certs.tsv").write_text("".join(f"{url}\t{name}\n" for url, name in self.manifest))

    def write(self, name, data):
        (self.folder / name).write_bytes(data)

    def publish(self, name, certificates, key, encode=None, url=None):
        data = b"".join(c.public_bytes(PEM) for c in certificates) if encode is None else encode(certificates)
        self.write(name + ".pem", data)
        self.url[name], self.key[name] = url or HOST + name + ".pem", key
        self.manifest.append((self.url[name], name + ".pem"))

    def signer(self, name, code="709J", by=None, key=None, chain=None, encode=None, cn=None, url=None, **more):
        """One signer's certificate with what is above it; chain: makes the file's certificates of the signer's"""
        by, key = by or self.issuing, key or self.default_key
        more.setdefault("numbers", tn_list(spc(code)))
        made = issue(subject(cn or "SHAKEN " + code), key, by, **more)
        self.publish(name, chain(made) if chain else [made, by.certificate], key, encode, url)
        return made

    def chains(self):
        issuing, root = self.issuing.certificate, self.root.certificate
        made = self.signer("good")
        for name, url in (("no-ending", "https://cr.field-telecom.biz/ccid/authn/v2/certs/12345.67890"),
                          ("port-8443", HOST.replace(".net/", ".net:8443/") + "a.pem"),
                          ("port-444", HOST.replace(".net/", ".net:444/") + "a.pem"), ("query", HOST + "a.pem?v=2"),
                          ("user", HOST.replace("//", "//me@") + "a.pem"), ("http", HOST.replace("https", "http") + "a.pem")):
            self.signer(name, url=url)
        self.signer("second", "1234", key=ec.generate_private_key(ec.SECP256R1()))
        self.signer("third", "56AB", key=ec.generate_private_key(ec.SECP256R1()))
        self.signer("reversed", chain=lambda c: [root, issuing, c])
        self.signer("everything", chain=lambda c: [c, c, issuing, issuing, root, self.rogue.certificate])
        self.signer("pkcs7", encode=lambda all_of_them: pkcs7.serialize_certificates(all_of_them, PEM))
        self.signer("crlf", encode=lambda cs: b"".join(c.public_bytes(PEM) for c in cs).replace(b"\n", b"\r\n"))
        self.signer("titles", encode=lambda cs: b"".join(b"subject=/CN=x\n\n" + c.public_bytes(PEM) for c in cs))
        self.signer("alone", chain=lambda c: [c])
        self.signer("under-root", by=self.root, chain=lambda c: [c])
        self.signer("other-trust", "777A", by=self.other_issuing)
        below = Authority("Below Other", self.other_issuing, path=0)
        self.signer("three-steps", by=below, chain=lambda c: [c, below.certificate, self.other_issuing.certificate])
        crossed = issue(self.issuing.name, self.issuing.key, self.other_root, LONG, True, 0, AUTHORITY)
        self.signer("crossed", chain=lambda c: [c, crossed])
        self.signer("twice-crossed", chain=lambda c: [c, crossed, issuing])
        # paths that do not hold
        self.publish("self-signed", [issue(subject("SHAKEN 709J"), self.default_key, Lone(self.default_key),
                                           numbers=tn_list(spc("709J")))], self.default_key)
        forged = issue(self.issuing.name, self.issuing.key, self.rogue, LONG, True, 0, AUTHORITY)
        self.signer("rogue", chain=lambda c: [c, forged, self.rogue.certificate])
        self.signer("forged", by_key=ec.generate_private_key(ec.SECP256R1()))
        self.signer("no-cert-sign", by=Authority("No Sign", self.root, path=0, usage=("digital_signature",)))
        self.signer("no-authority", by=Authority("No CA", self.root, ca=False))
        leaf_as_issuer = Lone(self.default_key, made.subject)
        self.signer("by-a-signer", "999Z", by=leaf_as_issuer, key=ec.generate_private_key(ec.SECP256R1()),
                    chain=lambda c: [c, made, issuing])
        sub = Authority("Too Deep", self.issuing, path=0)
        self.signer("too-deep", by=sub, chain=lambda c: [c, sub.certificate, issuing])
        ours = x509.Name(list(subject("x"))[:2])
        for name, permitted in (("name-permitted", True), ("name-excluded", False)):
            rule = x509.NameConstraints([x509.DirectoryName(ours)] if permitted else None,
                                        None if permitted else [x509.DirectoryName(ours)])
            self.signer(name, by=Authority(name, self.root, path=0, extra=((rule, True),)))
        # dates
        self.signer("expired", valid=(when("2025-01-01T00:00:00"), when("2026-01-01T00:00:00")))
        self.signer("to-come", valid=(when("2026-09-01T00:00:00"), YEAR[1]))
        self.signer("until-noon", valid=(YEAR[0], NOON))
        self.signer("from-noon", valid=(NOON, YEAR[1]))
        ended = issue(self.issuing.name, self.issuing.key, self.root, (LONG[0], when("2026-03-01T00:00:00")), True, 0, AUTHORITY)
        self.signer("authority-expired", chain=lambda c: [c, ended])
        # keys and profile
        self.signer("p384", key=ec.generate_private_key(ec.SECP384R1()))
        self.signer("k256", key=ec.generate_private_key(ec.SECP256K1()))
        self.signer("rsa", key=rsa.generate_private_key(65537, 2048))
        self.signer("p384-authority", by=Authority("P-384", self.root, ec.SECP384R1(), path=0))
        self.signer("no-usage", usage=None)
        self.signer("usage-not-critical", usage_critical=False)
        self.signer("no-signing", usage=("key_agreement",))
        self.signer("authority-signs", ca=True, usage=("digital_signature", "key_cert_sign"))
        self.publish("issuing-signs", [issuing], self.issuing.key)
        self.signer("unknown-critical", extra=((x509.UnrecognizedExtension(Oid("1.2.3.4.5"), b"\5\0"), True),))
        self.signer("unknown-harmless", extra=((x509.UnrecognizedExtension(Oid("1.2.3.4.5"), b"\5\0"), False),))
        self.signer("with-san", extra=((x509.SubjectAlternativeName([x509.DNSName("carrier.field.net")]), False),))
        self.signer("no-policy", policies=())
        self.signer("old-policy", policies=("2.16.840.1.114569.1.1.1",))
        self.signer("two-policies", policies=("1.2.3.4", SHAKEN_POLICY))
        self.signer("other-policy", policies=("1.2.3.4",))
        self.publish("page", [], self.default_key, lambda _: b"<html>404 not found</html>")
        self.publish("empty", [], self.default_key, lambda _: b"")
        self.publish("key-only", [], self.default_key, lambda _: self.default_key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        # numbers
        for name, content in (
                ("tn", tn_list(one("12152340001"))), ("tn-other", tn_list(one("12152349999"))),
                ("span", tn_list(span("12152340000", 100))), ("span-overflow", tn_list(span("12152340000", 10 ** 13))),
                ("span-0", tn_list(span("12152340001", 0))), ("span-negative", tn_list(span("12152340001", -1))),
                ("span-shorter", tn_list(span("1215234000", 100))), ("span-huge", tn_list(span("12152340000", 2 ** 250))),
                ("span-digits-more", tn_list(span("02152340000", 10 ** 10))), ("tn-plus", tn_list(one("+12152340001"))),
                ("several", tn_list(one("12152349999"), span("12152340000", 10), one("13012340000"))),
                ("no-list", None), ("empty-list", tn_list()), ("implicit", tn_list(tlv(0x80, b"709J"))),
                ("junk-list", b"\x30\x03\x01\x01"), ("trailing", tn_list(spc("709J")) + b"\5\0")):
            self.signer(name, numbers=content)
        for name, parent, child in (
                ("delegate", tn_list(span("12152340000", 1000)), tn_list(span("12152340000", 100))),
                ("delegate-joined", tn_list(span("12152340000", 50), span("12152340050", 50)), tn_list(span("12152340000", 100))),
                ("delegate-beyond", tn_list(span("12152340000", 10)), tn_list(span("12152340000", 100))),
                ("delegate-elsewhere", tn_list(span("12152340000", 1000)), tn_list(one("12152349999"))),
                ("delegate-code", tn_list(span("12152340000", 1000)), tn_list(spc("777A")))):
            above = Authority("SHAKEN 777A " + name, self.other_issuing, path=0, numbers=parent)
            self.signer(name, by=above, cn="Field Customer", numbers=child,
                        chain=lambda c, above=above: [c, above.certificate, self.other_issuing.certificate])

    def constraints(self):
        for name, rule in (
                ("attest-a-b", claim_constraints(permitted=[("attest", ["A", "B"])])),
                ("attest-c", claim_constraints(permitted=[("attest", ["C"])])),
                ("attest-lower", claim_constraints(permitted=[("attest", ["a"])])),
                ("must-origid", claim_constraints(include=["origid"])), ("must-rcd", claim_constraints(include=["rcd"])),
                ("never-rcd", claim_constraints(exclude=["rcd"])), ("never-attest", claim_constraints(exclude=["attest"])),
                ("absent-claim", claim_constraints(permitted=[("nosuch", ["x"])])),
                ("constraints-junk", x509.UnrecognizedExtension(CONSTRAINTS, b"\x30\x05\xa0\x03"))):
            self.signer(name, extra=((rule, False),))
        self.signer("critical-constraints", extra=((claim_constraints(permitted=[("attest", ["B"])]), True),))
        self.signer("authority-b-c", by=Authority("Only B and C", self.root, path=0, extra=(
            (claim_constraints(permitted=[("attest", ["B", "C"])]), False),)))

    def lists(self):
        revoked = self.signer("revoked")
        self.signer("same-serial", "777A", by=self.other_issuing, serial=revoked.serial_number)
        policy_administrator = Authority("Field STI-PA")
        policy_administrator.name = subject("Field STI-PA", "Field Trust")
        entries = [(555, self.other_issuing.name), (revoked.serial_number, self.issuing.name), (777, None)]
        for name, begin, end, key in (
                ("crl.pem", "2026-05-01T00:00:00", "2026-06-01T00:00:00", policy_administrator.key),
                ("crl-old.pem", "2026-03-01T00:00:00", "2026-04-01T00:00:00", policy_administrator.key),
                ("crl-forged.pem", "2026-05-01T00:00:00", "2026-06-01T00:00:00", self.rogue.key)):
            builder = (x509.CertificateRevocationListBuilder().issuer_name(policy_administrator.name)
                       .last_update(when(begin)).next_update(when(end)))
            for serial, issuer in entries:
                entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when("2026-02-01T00:00:00"))
                if issuer:
                    entry = entry.add_extension(x509.CertificateIssuer([x509.DirectoryName(issuer)]), True)
                builder = builder.add_revoked_certificate(entry.build())
            builder = builder.add_extension(x509.IssuingDistributionPoint(
                [x509.UniformResourceIdentifier("https://pa.field-trust.net/crl")], None, False, False, None, True, False), True)
            self.write(name, builder.sign(key, hashes.SHA256()).public_bytes(PEM))
        pa = issue(policy_administrator.name, policy_administrator.key, policy_administrator, LONG, True, None, AUTHORITY,
                   policies=(), listed=False)
        self.write("pa.pem", pa.public_bytes(PEM))
        self.write("roots.pem", self.root.certificate.public_bytes(PEM) + self.other_root.certificate.public_bytes(PEM))
        self.write("one-root.pem", self.root.certificate.public_bytes(PEM))
        self.write("rogue-root.pem", self.rogue.certificate.public_bytes(PEM))


class Lone:
    """signs in a name that no authority has"""
    curve = ec.SECP256R1()

    def __init__(self, key, name=None):
        self.key, self.name = key, name or subject("SHAKEN 709J")
