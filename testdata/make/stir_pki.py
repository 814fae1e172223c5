#!/usr/bin/env python3
"""Makes testdata/stir: certificates, chains, revocation lists as STIR/SHAKEN has them, and many that are wrong in one
way each. Needs python3-cryptography and openssl. Keys are hashes of their names: test keys, good for nothing else.

usage: stir_pki.py OUTDIR
"""
import datetime
import hashlib
import pathlib
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

OUT = pathlib.Path(sys.argv[1])
TN_AUTH_LIST = "1.3.6.1.5.5.7.1.26"
CLAIM_CONSTRAINTS = "1.3.6.1.5.5.7.1.27"
ENHANCED_CONSTRAINTS = "1.3.6.1.5.5.7.1.33"
TN_LIST_ACCESS = "1.3.6.1.5.5.7.48.14"
POLICY = "2.16.840.1.114569.1.1.3"
CRL_URL = "https://authenticate-api.iconectiv.com/download/v1/crl"


def day(year, month=1, date=1):
    return datetime.datetime(year, month, date)


# --- DER by hand -------------------------------------------------------------------------------------------------

def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + size + body


def ia5(text):
    return tlv(0x16, text.encode())


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def spc(code):
    return tlv(0xa0, ia5(code))


def tn_range(start, count):
    return tlv(0xa1, tlv(0x30, ia5(start), integer(count)))


def one(number):
    return tlv(0xa2, ia5(number))


def tn_list(*entries):
    return tlv(0x30, *entries)


def constraints(include=(), permitted=(), exclude=()):
    parts = []
    if include:
        parts.append(tlv(0xa0, tlv(0x30, *map(ia5, include))))
    if permitted:
        pairs = [tlv(0x30, ia5(claim), tlv(0x30, *(tlv(0x0c, v.encode()) for v in values))) for claim, values in permitted]
        parts.append(tlv(0xa1, tlv(0x30, *pairs)))
    if exclude:
        parts.append(tlv(0xa2, tlv(0x30, *map(ia5, exclude))))
    return tlv(0x30, *parts)


# --- keys and names ----------------------------------------------------------------------------------------------

def key(name, curve=None):
    seed = int.from_bytes(hashlib.sha512(b"voip-audit test key " + name.encode()).digest()[:31], "big")
    return ec.derive_private_key(seed + 1, curve or ec.SECP256R1())


def name(cn, organization="Example Telecom", country="US", serial=None):
    parts = []
    if country:
        parts.append(x509.NameAttribute(NameOID.COUNTRY_NAME, country))
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    parts.append(x509.NameAttribute(NameOID.COMMON_NAME, cn))
    if serial:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
    return x509.Name(parts)


class Authority:
    def __init__(self, subject, private, certificate=None):
        self.subject, self.private, self.certificate = subject, private, certificate


serials = {}


def make(label, subject, public, issuer, *, ca=False, length=None, basic=True, usage="sign", tn=None, more=(),
         policy=POLICY, since=day(2024), until=day(2034), algorithm=None, akid=True, crl_url=CRL_URL, critical_tn=False,
         usage_critical=True, policy_critical=False):
    serial = int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big") >> 1
    serials[label] = serial
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject).public_key(public)
               .serial_number(serial).not_valid_before(since).not_valid_after(until))
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca, length if ca else None), True)
    if usage is not None:
        builder = builder.add_extension(
            x509.KeyUsage(usage == "sign", False, usage == "encipher", False, usage == "agree",
                          usage in ("ca", "both"), usage in ("ca", "crl", "both"), False, False), usage_critical)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
    if akid:
        of = issuer.private.public_key() if akid is True else akid
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(of), False)
    if policy:
        builder = builder.add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(policy), None)]), policy_critical)
    if crl_url and not ca:
        builder = builder.add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
            [x509.UniformResourceIdentifier(crl_url)], None, None, [x509.DirectoryName(PA.subject)])]), False)
    if tn is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(TN_AUTH_LIST), tn), critical_tn)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.private, algorithm or hashes.SHA256())


def raw(oid, body):
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), body)


def authority(label, subject, issuer=None, private=None, **options):
    private = private or key(label)
    made = Authority(subject, private)
    options.setdefault("usage", "ca")
    options.setdefault("policy", POLICY if issuer else None)
    made.certificate = make(label, subject, private.public_key(), issuer or made, ca=options.pop("ca", True), **options)
    return made


def pem(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def write(path, data):
    target = OUT / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def write_key(path, private):
    write(path, private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))


# --- the trust -----------------------------------------------------------------------------------------------------

PA = Authority(name("STI-PA CRL", "Example Policy Administrator"), key("pa-crl"))
ROOT = authority("root", name("Example STI Root CA", "Example Trust"), until=day(2044))
ISSUING = authority("issuing", name("SHAKEN Issuing CA 1", "Example Trust"), ROOT, length=0)
SECOND_ROOT = authority("second-root", name("Second STI Root CA", "Second Trust"), until=day(2044))
SECOND = authority("second-issuing", name("SHAKEN Issuing CA 2", "Second Trust"), SECOND_ROOT, length=0)
ROGUE_ROOT = authority("rogue-root", ROOT.subject, until=day(2044))
ROGUE = authority("rogue-issuing", ISSUING.subject, ROGUE_ROOT, length=0)
TEST_CA = authority("test-ca", name("Example SHAKEN Test CA", "Example Trust"), ROOT, length=0)
# Parents of delegates (RFC 9060): authorities that hold numbers of their own.
PARENT_CA = authority("delegating", name("SHAKEN Issuing CA 3", "Example Trust"), ROOT, length=1)
NUMBERS = authority("parent-numbers", name("Example Telecom delegation"), PARENT_CA, length=0,
                    tn=tn_list(tn_range("12155550100", 100), tn_range("12155550200", 100), one("12155559999")))
PROVIDER = authority("parent-spc", name("SHAKEN 1234 delegation"), PARENT_CA, length=0, tn=tn_list(spc("1234")))
BY_REFERENCE = authority("parent-reference", name("Example Telecom by reference"), PARENT_CA, length=0, more=[(
    x509.AuthorityInformationAccess([x509.AccessDescription(
        x509.ObjectIdentifier(TN_LIST_ACCESS), x509.UniformResourceIdentifier("https://tn.example.net/list"))]), False)])
BROKEN_PARENT = authority("parent-broken", name("Example Telecom broken list"), PARENT_CA, length=0, tn=b"\x30\x03\x16\x01\x31")
LONG_1 = authority("long-1", name("SHAKEN Policy CA", "Example Trust"), ROOT, length=0)
LONG_2 = authority("long-2", name("SHAKEN Issuing CA 4", "Example Trust"), LONG_1)
NAMED = authority("named", name("SHAKEN Issuing CA 5", "Example Trust"), ROOT, length=0, more=[(
    x509.NameConstraints([x509.DirectoryName(x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Telecom")]))], None), True)])
NO_CA = authority("no-ca", name("SHAKEN Issuing CA 6", "Example Trust"), ROOT, ca=False, usage="both")
NO_SIGN = authority("no-cert-sign", name("SHAKEN Issuing CA 7", "Example Trust"), ROOT, length=0, usage="crl")
OLD = authority("old-issuing", name("SHAKEN Issuing CA 8", "Example Trust"), ROOT, length=0, until=day(2025))
P384_CA = authority("p384-issuing", name("SHAKEN Issuing CA 9", "Example Trust"), ROOT, length=0,
                    private=key("p384-issuing", ec.SECP384R1()))
STRICT_POLICY = authority("strict-policy", name("SHAKEN Issuing CA 10", "Example Trust"), ROOT, length=0, more=[(
    raw("2.5.29.36", tlv(0x30, tlv(0x80, b"\x00"))), True)])
LOOP_A = authority("loop-a", name("Loop CA A", "Example Trust"), authority("loop-b", name("Loop CA B", "Example Trust")))
LOOP_B = Authority(name("Loop CA B", "Example Trust"), key("loop-b"))
LOOP_B.certificate = make("loop-b-by-a", LOOP_B.subject, LOOP_B.private.public_key(), LOOP_A, ca=True, usage="ca")
# The issuing authority again, under a root that nobody trusts.
CROSSED = make("crossed", ISSUING.subject, ISSUING.private.public_key(), ROGUE_ROOT, ca=True, length=0, usage="ca")

# The issuing authority's earlier certificate, for the same key.
EARLIER = make("issuing-earlier", ISSUING.subject, ISSUING.private.public_key(), ROOT, ca=True, length=0, usage="ca",
               until=day(2025))
OLD_ROOT = authority("old-root", name("Former STI Root CA", "Example Trust"), until=day(2025))
UNDER_OLD_ROOT = authority("under-old-root", name("SHAKEN Issuing CA 11", "Example Trust"), OLD_ROOT, length=0)

PA_ROOT = authority("pa-root", name("STI-PA Root", "Example Policy Administrator"), until=day(2044))
PA.certificate = make("pa-crl", PA.subject, PA.private.public_key(), PA_ROOT, usage="crl", policy=None, crl_url=None)

write("root.pem", pem(ROOT.certificate))
write("roots.pem", pem(ROOT.certificate, SECOND_ROOT.certificate))
write("rogue_root.pem", pem(ROGUE_ROOT.certificate))
write("old_root.pem", pem(OLD_ROOT.certificate))
write("pa_crl_signer.pem", pem(PA.certificate))
write("pa_root.pem", pem(PA_ROOT.certificate))
SIGNER = key("signer")
write_key("keys/signer.key.pem", SIGNER)
write_key("keys/second.key.pem", key("second"))

# --- leaves: chains/NAME.pem holds the leaf first, then what is between it and the root ------------------------------

PROVIDER_LIST = tn_list(spc("1234"))


def leaf(label, issuer=ISSUING, subject=None, public=None, tn=PROVIDER_LIST, **options):
    return make(label, subject or name("SHAKEN 1234", serial="1234-01"), public or SIGNER.public_key(), issuer, tn=tn, **options)


def chain(label, *between, **options):
    issuer = options.get("issuer", ISSUING)
    made = leaf(label, **options)
    write(f"chains/{label}.pem", pem(made, *(between or [issuer.certificate])))
    return made


GOOD = chain("good")
made = make("second", name("SHAKEN 567A", "Second Telecom", serial="567A-01"), key("second").public_key(), SECOND,
            tn=tn_list(spc("567A")))
write("chains/second.pem", pem(made, SECOND.certificate))
write("chains/good_reversed.pem", pem(ROOT.certificate, ISSUING.certificate, GOOD))
write("chains/good_alone.pem", pem(GOOD))
write("chains/good.der", der(GOOD) + der(ISSUING.certificate))
write("chains/good.p7b.pem", pkcs7.serialize_certificates([ISSUING.certificate, GOOD], serialization.Encoding.PEM))
write("chains/good.p7b.der", pkcs7.serialize_certificates([GOOD, ISSUING.certificate], serialization.Encoding.DER))
text = pem(GOOD, ISSUING.certificate, GOOD).replace(b"\n", b"\r\n")
write("chains/good_noisy.pem", b"Bag Attributes\r\n    friendlyName: leaf\r\n" + text.replace(
    b"-----BEGIN", b"subject=CN = x\r\n-----BEGIN") + b"-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----")
write("chains/renewed.pem", pem(GOOD, EARLIER, ISSUING.certificate))
chain("under_old_root", issuer=UNDER_OLD_ROOT)
write("chains/crossed.pem", pem(GOOD, CROSSED, ROGUE_ROOT.certificate, ISSUING.certificate))

chain("tn_range", tn=tn_list(tn_range("12155550100", 100)), subject=name("Example Enterprise"))
chain("tn_one", tn=tn_list(one("12155550100"), one("12155550177")), subject=name("Example Enterprise"))
chain("tn_and_spc", tn=tn_list(spc("1234"), tn_range("12155550100", 100)))
chain("two_spcs", tn=tn_list(spc("1234"), spc("5678")))
chain("lower_spc", tn=tn_list(spc("12ab9")))
chain("tn_critical", critical_tn=True)
chain("no_tn_list", tn=None)
chain("tn_implicit", tn=tn_list(tlv(0x80, b"1234")))
chain("tn_utf8", tn=tn_list(tlv(0xa0, tlv(0x0c, b"1234"))))
chain("tn_trailing", tn=PROVIDER_LIST + b"\x05\x00")
chain("tn_empty", tn=tn_list())
chain("tn_plus", tn=tn_list(one("+12155550100")))
chain("tn_by_reference", tn=None, more=[(x509.AuthorityInformationAccess([x509.AccessDescription(
    x509.ObjectIdentifier(TN_LIST_ACCESS), x509.UniformResourceIdentifier("https://tn.example.net/list"))]), False)])

# As met in the field.
chain("tn_printable", tn=tlv(0x30, tlv(0x13, b"1234")))
chain("usage_not_minimal", usage=None, more=[(raw("2.5.29.15", bytes([3, 2, 0, 0x80])), True)])
chain("empty_qualifiers", policy=None, more=[(raw("2.5.29.32", tlv(0x30, tlv(
    0x30, bytes.fromhex("060a6086480186ff09010103"), tlv(0x30)))), False)])
for label, number in (("key_id_and_serial", ISSUING.certificate.serial_number), ("other_key_serial", 5)):
    chain(label, akid=False, more=[(x509.AuthorityKeyIdentifier(
        x509.SubjectKeyIdentifier.from_public_key(ISSUING.private.public_key()).digest,
        [x509.DirectoryName(ROOT.subject)], number), False)])

up = [PARENT_CA.certificate]
customer = name("Example Enterprise")
chain("delegate", NUMBERS.certificate, *up, issuer=NUMBERS, subject=customer,
      tn=tn_list(tn_range("12155550150", 100), one("12155559999")))
chain("delegate_outside", NUMBERS.certificate, *up, issuer=NUMBERS, subject=customer,
      tn=tn_list(tn_range("12155550250", 51)))
chain("delegate_spc", PROVIDER.certificate, *up, issuer=PROVIDER, subject=customer, tn=tn_list(tn_range("12155550150", 10)))
chain("delegate_other_spc", PROVIDER.certificate, *up, issuer=PROVIDER, tn=tn_list(spc("5678")))
chain("delegate_of_numbers_spc", NUMBERS.certificate, *up, issuer=NUMBERS, tn=tn_list(spc("1234")))
chain("delegate_by_reference", BY_REFERENCE.certificate, *up, issuer=BY_REFERENCE, subject=customer, tn=tn_list(one("12155550150")))
chain("delegate_broken_parent", BROKEN_PARENT.certificate, *up, issuer=BROKEN_PARENT, subject=customer, tn=tn_list(one("12155550150")))

chain("expired", until=day(2024, 7))
chain("not_yet_valid", since=day(2033))
chain("old_issuing", issuer=OLD)
chain("p384_key", public=key("p384", ec.SECP384R1()).public_key())
write_key("keys/p384.key.pem", key("p384", ec.SECP384R1()))
chain("k256_key", public=key("k256", ec.SECP256K1()).public_key())
chain("rsa_key", public=rsa.generate_private_key(65537, 2048).public_key())
chain("sha384_signature", algorithm=hashes.SHA384())
chain("p384_issuing", issuer=P384_CA)
chain("no_digital_signature", usage="agree")
chain("no_key_usage", usage=None)
chain("usage_not_critical", usage_critical=False)
chain("ca_leaf", ca=True, basic=True)
chain("unknown_critical", more=[(raw("1.2.3.4.5.6", b"\x05\x00"), True)])
chain("unknown_extension", more=[(raw("1.2.3.4.5.6", b"\x05\x00"), False)])
chain("no_policy", policy=None)
chain("retired_policy", policy="2.16.840.1.114569.1.1.1")
chain("other_policy", policy="1.2.3.4")
chain("critical_policy", policy_critical=True)
chain("man_policy", policy="1.2.250.1.695.1.1.1.1")
chain("no_policy_but_demanded", issuer=STRICT_POLICY, policy=None)
chain("bare_subject", subject=name("Somebody", None, None), crl_url=None)
chain("untrusted", ROGUE.certificate, ROGUE_ROOT.certificate, issuer=ROGUE)
chain("other_key_id", akid=key("somebody").public_key())
chain("path_too_long", LONG_2.certificate, LONG_1.certificate, issuer=LONG_2)
chain("names_permitted", issuer=NAMED)
chain("names_excluded", issuer=NAMED, subject=name("SHAKEN 1234", "Other Telecom", serial="1234-01"))
chain("issuer_no_ca", issuer=NO_CA)
chain("issuer_no_cert_sign", issuer=NO_SIGN)
chain("loop", LOOP_A.certificate, LOOP_B.certificate, issuer=LOOP_A)
chain("test_issuer", issuer=TEST_CA)
chain("constraints", more=[(raw(CLAIM_CONSTRAINTS, constraints(
    include=["rcd"], permitted=[("attest", ["A", "B"]), ("dest", ['{"tn":["12155550113"]}'])])), False)])
chain("constraints_enhanced", more=[(raw(ENHANCED_CONSTRAINTS, constraints(
    permitted=[("attest", ["A"])], exclude=["rcd", "div"])), False)])
chain("constraints_malformed", more=[(raw(CLAIM_CONSTRAINTS, constraints(exclude=["rcd"])), False)])
revoked = chain("revoked")
same_serial = make("revoked", name("SHAKEN 567A", "Second Telecom", serial="567A-01"), SIGNER.public_key(), SECOND,
                   tn=tn_list(spc("567A")))
write("chains/same_serial_elsewhere.pem", pem(same_serial, SECOND.certificate))
revoked_later = chain("revoked_inherited")
write("chains/revoked_authority.pem", pem(leaf("under-revoked", issuer=TEST_CA), TEST_CA.certificate))

# Seven keys of one name, each certified by the six others: hundreds of ways, none of which leads anywhere.
MAZE = [Authority(name("Maze CA", None, None), key(f"maze-{i}")) for i in range(7)]
walls = [make(f"maze-{a}-{b}", MAZE[a].subject, MAZE[a].private.public_key(), MAZE[b], ca=True, usage=None, policy=None,
              akid=False) for a in range(7) for b in range(7) if a != b]
write("chains/maze.der", b"".join(map(der, [leaf("maze", issuer=MAZE[0], akid=False), *walls])))

broken = bytearray(der(leaf("bad-signature")))
broken[-1] ^= 1
write("chains/bad_signature.pem", pem(x509.load_der_x509_certificate(bytes(broken)), ISSUING.certificate))
write("chains/not_a_certificate.pem", b"<html><body>404 Not Found</body></html>\n")

# A key on P-256 whose parameters are written out instead of named; python3-cryptography makes none;
# and a certificate of version 1.
with tempfile.TemporaryDirectory() as folder:
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    work = pathlib.Path(folder)
    (work / "ca.pem").write_bytes(pem(ISSUING.certificate))
    (work / "ca.key").write_bytes(ISSUING.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (work / "ext").write_text("keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                              f"certificatePolicies={POLICY}\n{TN_AUTH_LIST}=DER:{PROVIDER_LIST.hex()}\n")
    (work / "signer.pub").write_bytes(SIGNER.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    openssl("ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-genkey", "-noout", "-out", "leaf.key")
    openssl("req", "-new", "-key", "leaf.key", "-subj", "/C=US/O=Example Telecom/CN=SHAKEN 1234", "-out", "leaf.csr")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "77", "-sha256",
            "-days", "2650", "-extfile", "ext", "-out", "leaf.pem")
    write("chains/explicit_curve.pem", (work / "leaf.pem").read_bytes() + pem(ISSUING.certificate))
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "78", "-sha256",
            "-days", "2650", "-force_pubkey", "signer.pub", "-out", "version1.pem")
    write("chains/version1.pem", (work / "version1.pem").read_bytes() + pem(ISSUING.certificate))

# --- revocation lists ------------------------------------------------------------------------------------------------


def crl(label, signer=None, since=day(2024), until=day(2034), entries=(), indirect=True, more=(), point=True, issuer=None):
    signer = signer or PA
    builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer or signer.subject).last_update(since)
               .next_update(until).add_extension(x509.CRLNumber(42), False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.private.public_key()), False))
    if point:
        builder = builder.add_extension(x509.IssuingDistributionPoint(
            [x509.UniformResourceIdentifier(CRL_URL)], None, False, False, None, indirect, False), True)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    for serial, about, reason in entries:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(day(2024))
        if about is not None:
            entry = entry.add_extension(x509.CertificateIssuer([x509.DirectoryName(about)]), True)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), False)
        builder = builder.add_revoked_certificate(entry.build())
    made = builder.sign(signer.private, hashes.SHA256())
    data = made.public_bytes(serialization.Encoding.PEM)
    write(f"crls/{label}.pem", data)
    return made


LISTED = [(serials["good"], SECOND.subject, None),  # the serial of a good one, but of another issuer
          (serials["revoked"], ISSUING.subject, x509.ReasonFlags.key_compromise),
          (serials["revoked_inherited"], None, None),
          (serials["test-ca"], ROOT.subject, x509.ReasonFlags.ca_compromise)]
made = crl("good", entries=LISTED)
write("crls/good.der", made.public_bytes(serialization.Encoding.DER))
crl("empty")
crl("outdated", until=day(2024, 6), entries=LISTED)
crl("too_young", since=day(2033), entries=LISTED)
crl("wrong_signer", signer=Authority(PA.subject, key("somebody")), entries=LISTED)
crl("unknown_critical", entries=LISTED, more=[(raw("1.2.3.4.5.7", b"\x05\x00"), True)])
crl("direct", signer=ISSUING, entries=[(serials["revoked"], None, None)], point=False)
crl("direct_other", signer=SECOND, entries=[], point=False)
data = crl("not_flagged_indirect", entries=LISTED, point=False)
signed_by_root = crl("with_signer", entries=LISTED)
write("crls/with_signer.pem", pem(PA.certificate) + signed_by_root.public_bytes(serialization.Encoding.PEM))

# What openssl says of each chain at the start of 2027: 0, or its error number.
rows = []
for path in sorted((OUT / "chains").glob("*.pem")):
    blocks = path.read_text().split("-----BEGIN CERTIFICATE-----")
    if len(blocks) < 2:
        continue
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as first:
        first.write("-----BEGIN CERTIFICATE-----" + blocks[1].split("-----END")[0] + "-----END CERTIFICATE-----\n")
        first.flush()
        answer = subprocess.run(["openssl", "verify", "-policy_check", "-attime", "1798761600", "-CAfile", OUT / "root.pem",
                                 "-untrusted", path, first.name], capture_output=True, text=True)
    said = answer.stdout + answer.stderr
    rows.append(f"{path.name}\t{0 if answer.returncode == 0 else said.split('error ')[1].split()[0]}\n")
write("openssl.tsv", "".join(rows).encode())
