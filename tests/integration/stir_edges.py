#!/usr/bin/env python3
"""Tokens, chains and certificates at the edges of what RFC 8224, 8225 and 8946 allow: usage stir_edges.py TOOL.

The answers were written before the tool saw the calls; what each check has to say stands with the call."""
import email.utils
import json
import os
import subprocess
import sys
import tempfile

try:
    import stir_field_pki as pki
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from stir_dialects import Dialects
from stir_dialects_wire import CALLED, CALLER, PLAIN, Signer, message, more_certificates
from stir_field import PASSING, compare


def certificates(p):
    """of one day, ended, and in files of other make"""
    usage = x509.KeyUsage(**{one: one == "digital_signature" for one in pki.USAGES})
    policy = x509.CertificatePolicies([x509.PolicyInformation(pki.Oid(pki.SHAKEN_POLICY), None)])
    def leaf(name, by, valid=pki.YEAR, chain=None, encode=None, content=None):
        key = ec.generate_private_key(ec.SECP256R1())
        pki.Authority.serial += 3
        made = (x509.CertificateBuilder().subject_name(pki.subject("SHAKEN 709J")).issuer_name(by.name).public_key(key.public_key()).serial_number(pki.Authority.serial)
                .not_valid_before(valid[0]).not_valid_after(valid[1]).add_extension(usage, True)
                .add_extension(x509.UnrecognizedExtension(pki.TN_LIST, content or pki.tn_list(pki.spc("709J"))), False)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), False).add_extension(policy, False).sign(by.key, hashes.SHA256()))
        p.publish(name, chain(made) if chain else [made, by.certificate], key, encode)
    leaf("one-day", p.issuing, (pki.when("2026-05-04T00:00:00"), pki.when("2026-05-05T00:00:00")))
    leaf("ended-a-minute-ago", p.issuing, (pki.when("2026-04-04T00:00:00"), pki.when("2026-05-04T13:59:00")))
    leaf("issuer-first", p.issuing, chain=lambda c: [p.issuing.certificate, c])
    leaf("with-titles", p.issuing, encode=lambda cs: b"".join(b"subject=/CN=SHAKEN\nissuer=x\n" + c.public_bytes(pki.PEM).replace(b"\n", b"\r\n") for c in cs)[:-2])
    leaf("twice-in-file", p.issuing, chain=lambda c: [c, c, p.issuing.certificate, p.issuing.certificate])
    (p.folder / "certs.tsv").write_text("".join(f"{url}\t{name}\n" for url, name in p.manifest))


def edges(d):
    s, everything = d.signer, " ".join(one + "?" for one in PASSING)
    body = '{"attest":"ATT","dest":{"tn":["DEST"]},"iat":IAT,"orig":{"tn":"ORIG"},"origid":"UUID"}'
    d.one("tabs", "valid", "syntax=warn", body=body.replace(",", "\t,\t").replace(":", " :\t"))
    d.one("blank-after", "valid", "syntax=warn", body=body + " \n")
    d.one("exponent-whole", "valid", "syntax? claims=warn", body=body.replace("IAT", "IATe0"))
    d.one("duplicate-in-dest", "invalid", "syntax=fail " + everything, "STIR-003", body=body.replace('{"tn":["DEST"]}', '{"tn":["13019999999"],"tn":["DEST"]}'))
    d.one("dest-second-of-three", "valid", body=body.replace('"DEST"', '"14012340009","DEST","15012340008"'))
    d.one("dest-none-of-three", "invalid", "dest=fail", "STIR-020", body=body.replace('"DEST"', '"14012340009","14012340010","15012340008"'))
    d.one("two-forms-of-number", "valid", "", "STIR-021", body=body.replace('"ORIG"', '"+1.215.234.0001"'))
    d.one("ppt-param-blank", "invalid", "ppt=fail syntax?", value=lambda now: s.value(now, tail=';info=<URL>;alg=ES256;ppt=""'))
    d.one("info-comma-path", "valid", tail=';alg=ES256;ppt=shaken;info=<URL>;foo')
    for name, off, verdict in (("edge-60", 60.999, "valid"), ("edge-61", 61.0, "invalid")):
        d.one("late-" + name, verdict, "" if verdict == "valid" else "freshness=fail", late=off)
    now = d.tick()
    d.send(now + .3, message(PLAIN, "date-850", now, s.value(now), date="Monday, 04-May-26 14:00:00 GMT"))
    d.expect("date-850", "valid", [("valid", "")])
    now = d.tick()
    d.send(now + .3, message(PLAIN, "date-other-zone", now, s.value(now), date=email.utils.formatdate(now, usegmt=True).replace("GMT", "+0000")))
    d.expect("date-other-zone", "valid", [("valid", "")])
    # certificates
    d.one("one-day", value=lambda now: s.value(now, "one-day"))
    d.one("ended-a-minute-ago", "invalid", "validity=fail chain?", value=lambda now: s.value(now, "ended-a-minute-ago"))
    d.one("issuer-first", value=lambda now: s.value(now, "issuer-first"))
    d.one("with-titles", value=lambda now: s.value(now, "with-titles"))
    d.one("twice-in-file", value=lambda now: s.value(now, "twice-in-file"))
    # several
    now = d.tick()
    rcd = s.token(now, "second", '{"alg":"ES256","ppt":"rcd","typ":"passport","x5u":"URL"}', '{"dest":{"tn":["DEST"]},"iat":IAT,"orig":{"tn":"ORIG"},"rcd":{"nam":"Shop"}}') + f";info=<{s.url('second')}>;alg=ES256;ppt=rcd"
    unk = s.token(now, "third", '{"alg":"ES256","ppt":"foo","typ":"passport","x5u":"URL"}', '{"dest":{"tn":["DEST"]},"iat":IAT,"orig":{"tn":"ORIG"}}') + f";info=<{s.url('third')}>;alg=ES256;ppt=foo"
    d.send(now + .3, message(PLAIN, "three-kinds", now, s.value(now) + "\nIdentity: " + unk + "\nIdentity: " + rcd, changes=(("From: <sip:", 'From: "Shop" <sip:'),)))
    d.expect("three-kinds", "valid", [("valid", ""), ("unverifiable", "ppt? claims? attest? origid?"), ("valid", "attest=skip origid=skip")])
    # div that follows div, the first of the three is not there
    now = d.tick()
    div = lambda key, old, new: s.token(now, key, '{"alg":"ES256","ppt":"div","typ":"passport","x5u":"URL"}', '{"dest":{"tn":["%s"]},"div":{"tn":"%s"},"iat":IAT,"orig":{"tn":"ORIG"}}' % (new, old)) + f";info=<{s.url(key)}>;alg=ES256;ppt=div"
    d.send(now + .3, message(PLAIN, "two-divs-alone", now, div("second", CALLED, "14012340003") + "\nIdentity: " + div("third", "14012340003", "15012340004"), changes=(("INVITE sip:+{dest}@", "INVITE sip:+15012340004@"),)))
    d.expect("two-divs-alone", "unverifiable", [("unverifiable", "div=skip dest? attest=skip origid=skip")] * 2)
    # compact
    def compact_value(now, orig, dest, tail=";info=<URL>;alg=ES256", more=""):
        token = s.join('{"alg":"ES256","typ":"passport","x5u":"%s"}' % s.url("good"), '{"dest":{"tn":["%s"]},"iat":%d,"orig":{"tn":"%s"}%s}' % (dest, now, orig, more), "good")
        return ".." + token.rsplit(".", 1)[1] + tail.replace("URL", s.url("good"))
    fr, to = "<sip:+{orig}@198.51.100.77;user=phone>", "<sip:+{dest}@203.0.113.77;user=phone>\nCall-ID"
    for name, verdict, changes, checks in (("dots", "valid", ((fr, '"x" <tel:+1.215.234-0001;cpc=ordinary>'),), ""), ("no-plus", "valid", ((fr, "<sip:12152340001@x.net>"), (to, "<sip:1(301)234-0002@x.net>\nCall-ID")), ""),
                                           ("name-only", "invalid", ((fr, "<sip:shop@x.net>"),), "signature=fail " + everything)):
        now = d.tick()
        d.send(now, message(PLAIN, "compact3-" + name, now, compact_value(now, CALLER, CALLED), changes=changes))
        d.expect("compact3-" + name, verdict, [(verdict, checks + " ppt? attest=skip origid=skip")])
    now = d.tick()
    d.send(now, message(PLAIN, "compact3-no-date", now, compact_value(now, CALLER, CALLED), date=None))
    d.expect("compact3-no-date", "unverifiable", [("unverifiable", everything + " ppt? attest=skip origid=skip")])


def main(tool):
    with tempfile.TemporaryDirectory(prefix="stir-edges-") as folder:
        made = pki.Pki(folder)
        more_certificates(made)
        certificates(made)
        at = lambda name: os.path.join(folder, name)  # noqa: E731
        d = Dialects(Signer(made))
        edges(d)
        d.capture.write(at("edges.pcap"))
        done = subprocess.run([tool, at("edges.pcap"), "-f", "json", "--trust", at("roots.pem"), "--certs", at("certs.tsv"), "--crls", at("inherited.pem"),
                               "--crl-trust", at("inherited-pa.pem")], capture_output=True, text=True, timeout=300)
        assert done.returncode in (0, 1), (done.returncode, done.stderr)
        wrong = compare(json.loads(done.stdout), d.expected, "dialects")
    for line in wrong:
        print(line)
    print(f"{len(d.expected)} calls, {len(wrong)} judged otherwise")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
