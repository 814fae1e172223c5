#!/usr/bin/env python3
"""INVITEs as other vendors' signers, SBCs and attackers put them on the wire: usage stir_dialects.py TOOL.

A second signer beside stir_field_sip.py's: messages are written out as text, tokens are joined by hand. What a verifier has to
find stands with each call."""
import base64
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
from stir_dialects_wire import CALLED, CALLER, PLAIN, UUID, VENDORS, Signer, es256, flip, message, more_certificates, negated
from stir_field import PASSING, compare, conclude
from stir_field_sip import Capture

BEGIN = 1777903200  # 2026-05-04T14:00:00Z
CARRIER, BORDER = "198.51.100.77", "203.0.113.77"


class Dialects:
    def __init__(self, signer):
        self.signer, self.capture, self.expected, self.now, self.verstat = signer, Capture(), {}, BEGIN, {}

    def tick(self, by=7):
        self.now += by
        return self.now

    def expect(self, name, verdict, headers, told="", silent=""):
        assert name not in self.expected, name
        self.expected[name] = (verdict, headers, told.split(), silent.split())

    def send(self, now, data, source=CARRIER, target=BORDER):
        self.capture.udp(now, data, source, target)

    def one(self, name, verdict="valid", checks="", told="", silent="", template=PLAIN, value=None, changes=(), more=(), date=True,
            sip=None, late=0.3, **token):
        now = self.tick()
        identity = value(now) if value else self.signer.value(now, **token)
        self.send(now + late, message(template, name, now + late, identity, changes=changes, more=more, date=date, **(sip or {})))
        self.expect(name, verdict, [(verdict, checks)], told, silent)


def vendors(d):
    s = d.signer
    for name, template in VENDORS.items():
        d.one("vendor-" + name, template=template, silent="STIR-003 STIR-005 STIR-019 STIR-020 STIR-042 STIR-049 STIR-017")
    for name, tail in (("quoted", ';info=<URL>;alg=ES256;ppt="shaken"'), ("quoted-alg", ';info=<URL>;alg="ES256";ppt="shaken"'),
                       ("blanks", "; info=<URL> ; alg = ES256; ppt = shaken"), ("info-last", ";alg=ES256;ppt=shaken;info=<URL>"),
                       ("names-upper", ";INFO=<URL>;Alg=ES256;PPT=\"shaken\""), ("blank-before", " ;info=<URL>;alg=ES256;ppt=shaken"),
                       ("iana", ";info=<URL>;alg=ES256;ppt=shaken;x-trace=1;y"), ("bracket-blanks", ";info=< URL >;alg=ES256;ppt=shaken")):
        d.one("tail-" + name, tail=tail)
    # RFC 3261 section 7.3.1: values of parameters are not sensitive to case, the token's are.
    d.one("tail-values-upper", "valid", "ppt=warn algorithm?", tail=";info=<URL>;alg=ES256;ppt=SHAKEN")
    d.one("tail-alg-lower", "valid", "algorithm=warn", tail=";info=<URL>;alg=es256;ppt=shaken")
    d.one("token-ppt-upper", "unverifiable", "ppt? claims? attest? origid?", "STIR-010", tail=";info=<URL>;alg=ES256;ppt=SHAKEN",
          head='{"alg":"ES256","ppt":"SHAKEN","typ":"passport","x5u":"URL"}')
    for name, head in (("order", '{"typ":"passport","alg":"ES256","ppt":"shaken","x5u":"URL"}'),
                       ("spaced", '{"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "URL"}'),
                       ("slashes", '{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"ESCAPED"}'),
                       ("lines", '{\n  "alg":"ES256",\n  "ppt":"shaken",\n  "typ":"passport",\n  "x5u":"URL"\n}\n')):
        d.one("head-" + name, "valid", "syntax=warn", head=head)
    body = '{"attest":"ATT","dest":{"tn":["DEST"]},"iat":IAT,"orig":{"tn":"ORIG"},"origid":"UUID"}'
    for name, old, new, verdict, checks, told in (
            ("order", body, '{"orig":{"tn":"ORIG"},"dest":{"tn":["DEST"]},"iat":IAT,"attest":"ATT","origid":"UUID"}', "valid",
             "syntax=warn", ""),
            ("iat-text", "IAT", '"IAT"', "invalid", "syntax=fail claims? freshness? validity?", "STIR-012"),
            ("iat-float", "IAT", "IAT.0", "valid", "syntax=warn claims=warn", ""),
            ("iat-negative", "IAT", "-IAT", "invalid", "freshness=fail validity? claims?", "STIR-015"),
            ("iat-zero", "IAT", "0", "invalid", "freshness=fail validity?", "STIR-015"),
            ("plus", '"DEST"', '"+DEST"', "valid", "", "STIR-021"), ("orig-plus", '"ORIG"', '"+ORIG"', "valid", "", "STIR-021"),
            ("national", "DEST", CALLED[1:], "valid", "", "STIR-021"), ("orig-national", "ORIG", CALLER[1:], "valid", "", "STIR-021"),
            ("separators", "DEST", "1-301-234-0002", "valid", "", "STIR-021"),
            ("orig-separators", "ORIG", "(215) 234-0001", "valid", "", "STIR-021"),
            ("escaped-name", '"attest"', '"\\u0061ttest"', "valid", "syntax=warn", ""),
            ("unicode", '"orig":', '"note":"Müller & Söhne ☎","orig":', "valid", "", ""),
            ("digits-arabic", "ORIG", "١٢١٥٢٣٤٠٠٠١", "invalid", "orig=fail", "STIR-019"),
            ("letters", "DEST", "1301BADCAFE", "invalid", "dest=fail", "STIR-020"),
            ("dest-many", '"DEST"', '"13012340000","13012340001","DEST"', "valid", "", ""),
            ("dest-uri-only", '"tn":["DEST"]', '"uri":["sip:+DEST@203.0.113.77"]', "valid", "", "STIR-055"),
            ("dest-uri-other", '"tn":["DEST"]', '"uri":["sip:+DEST@other.net"]', "invalid", "dest=fail", "STIR-020 STIR-055"),
            ("orig-array", '"ORIG"', '["ORIG"]', "invalid", "claims=fail orig?", "STIR-012"),
            ("dest-text", '{"tn":["DEST"]}', '"DEST"', "invalid", "claims=fail dest?", "STIR-012"),
            ("exp", '"iat":', '"exp":1,"iat":', "valid", "", ""),
            ("origid-urn", "UUID", "urn:uuid:UUID", "valid", "origid=warn", "STIR-014"),
            ("origid-nil", "UUID", "00000000-0000-0000-0000-000000000000", "valid", "origid?", "STIR-014"),
            ("origid-empty", "UUID", "", "invalid", "origid=fail claims?", "STIR-014")):
        d.one("body-" + name, verdict, checks, told, body=body.replace(old, new))
    d.one("standard-base64", "invalid", "syntax=fail signature? " + " ".join(c + "?" for c in PASSING), "STIR-003",
          value=lambda now: padded(s, now))
    sos = "urn:service:sos"
    d.one("emergency", body='{"attest":"A","dest":{"uri":["%s"]},"iat":IAT,"orig":{"tn":"ORIG"},"origid":"UUID"}' % sos, silent="STIR-055 STIR-044",
          changes=(("INVITE sip:+{dest}@203.0.113.77;user=phone", "INVITE " + sos), ("To: <sip:+{dest}@203.0.113.77;user=phone>", f"To: <{sos}>")))
    d.one("comma-inside-quotes", tail=';x="a,b;c";info=<URL>;alg=ES256;ppt=shaken')


def padded(s, now):
    head = '{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"%s"}' % s.url("good")
    body = '{"attest":"A","dest":{"tn":["%s"]},"iat":%d,"orig":{"tn":"%s"},"origid":"%s","~":"???>>>~~"}' % (CALLED, now, CALLER, UUID)
    first = ".".join(base64.b64encode(part.encode()).decode() for part in (head, body))
    return first + "." + es256(s.certificates.key["good"], first) + f";info=<{s.url('good')}>;alg=ES256;ppt=shaken"


def numbers(d):
    sender, called = "<sip:+{orig}@198.51.100.77;user=phone>", "<sip:+{dest}@203.0.113.77;user=phone>\nCall-ID"
    for name, new, verdict, checks, told in (
            ("quoted-bracket", '"A <b> \\"c\\"" <sip:+{orig}@x.net>', "valid", "", ""),
            ("two-words", "Shop Front <sip:+{orig}@x.net>", "valid", "", ""),
            ("tel-plus-marks", "<tel:+1-(215)-234.0001>", "valid", "", ""), ("tel-ext", "<tel:+{orig};ext=12>", "valid", "", ""),
            ("tel-context-1", "<tel:215-234-0001;phone-context=+1>", "valid", "", ""),
            ("tel-context-area", "<tel:2340001;phone-context=+1-215>", "valid", "", ""),
            ("tel-context-whole", "<tel:12152340001;phone-context=+1>", "valid", "", ""),
            ("tel-context-other", "<tel:2152340001;phone-context=+44>", "invalid", "orig=fail", "STIR-019"),
            ("sip-context", "<sip:2152340001;phone-context=+1@x.net;user=phone>", "valid", "", ""),
            ("scheme-upper", "<SIP:+{orig}@x.net;user=phone>", "valid", "", ""), ("sips", "<sips:+{orig}@x.net;user=phone>", "valid", "", ""),
            ("port-params", "<sip:+{orig}@x.net:5060;transport=udp;user=phone;otg=tg1>", "valid", "", ""),
            ("password", "<sip:+{orig}:secret@x.net>", "valid", "", ""), ("percent", "<sip:%2b%31%32152340001@x.net>", "valid", "", ""),
            ("dots", "<sip:1.215.234.0001@x.net>", "valid", "", ""), ("national", "<sip:2152340001@x.net>", "valid", "", ""),
            ("oli", "<sip:+{orig};isup-oli=00;cpc=payphone@x.net;user=phone>", "valid", "", ""),
            ("international-prefix", "<sip:01112152340001@x.net>", "valid", "", ""),
            ("seven", "<sip:2340001@x.net>", "invalid", "orig=fail", "STIR-019"),
            ("longer", "<sip:+{orig}9@x.net>", "invalid", "orig=fail", "STIR-019"),
            ("shorter", "<sip:+1215234000@x.net>", "invalid", "orig=fail", "STIR-019"),
            ("extension", "<sip:1001@x.net>", "invalid", "orig=fail", "STIR-019"),
            ("restricted", "<sip:restricted@x.net>", "unverifiable", "orig=skip", ""),
            ("unavailable", '"Unavailable" <sip:unavailable@unknown.invalid>', "unverifiable", "orig=skip", ""),
            ("anonymous", '"Anonymous" <sip:anonymous@anonymous.invalid>', "unverifiable", "orig=skip", "")):
        d.one("from-" + name, verdict, checks, told, changes=((sender, new),))
    hidden = ((sender, '"Anonymous" <sip:anonymous@anonymous.invalid>'),)
    for name, more, verdict, checks, told in (
            ("sip", ["P-Asserted-Identity: <sip:+{orig}@x.net;user=phone>", "Privacy: id"], "valid", "", "STIR-054"),
            ("tel", ['P-Asserted-Identity: "Shop" <tel:+{orig}>', "Privacy: id; critical"], "valid", "", "STIR-054"),
            ("both", ["P-Asserted-Identity: <sip:shop@x.net>, <tel:+{orig}>", "Privacy: user;id"], "valid", "", "STIR-054"),
            ("other", ["P-Asserted-Identity: <tel:+12152349999>", "Privacy: id"], "invalid", "orig=fail", "STIR-019 STIR-054"),
            ("only-privacy", ["Privacy: id"], "unverifiable", "orig=skip", "STIR-054"),
            ("preferred-only", ["P-Preferred-Identity: <tel:+{orig}>"], "unverifiable", "orig=skip", "STIR-054")):
        d.one("hidden-" + name, verdict, checks, told, changes=hidden, more=more)
    d.one("asserted-two-same", more=['P-Asserted-Identity: "A <x>, b" <sip:2152340001@x.net;user=phone>',
                                      "P-Asserted-Identity: <tel:+1-215-234-0001>"])
    d.one("asserted-list-differs", "invalid", "orig=fail", "STIR-019", more=["P-Asserted-Identity: <sip:+{orig}@x.net>, <tel:+12152349999>"])
    d.one("asserted-bare", more=["P-Asserted-Identity: tel:+{orig}"])
    for name, new, verdict, checks, told in (
            ("national", "<sip:{calledNational}@203.0.113.77>\nCall-ID", "valid", "", ""), ("tel", "<tel:+1-301-234-0002>\nCall-ID", "valid", "", ""),
            ("portability", "<sip:+{dest};rn=+13015550000;npdi@203.0.113.77;user=phone>\nCall-ID", "valid", "", ""),
            ("other", "<sip:+13012349999@203.0.113.77>\nCall-ID", "invalid", "dest=fail", "STIR-020"),
            ("uri", "sip:+{dest}@203.0.113.77\nCall-ID", "valid", "", ""),
            ("name", '"+13012349999" <sip:+{dest}@203.0.113.77>\nCall-ID', "valid", "", "")):
        d.one("to-" + name, verdict, checks, told, changes=((called, new),))
    d.one("diversion", told="STIR-037", changes=(("INVITE sip:+{dest}@", "INVITE sip:+14012340003@"),),
          more=["Diversion: <sip:+{dest}@x.net>;reason=no-answer;counter=1;privacy=off"])
    d.one("history-info", told="STIR-037", changes=(("INVITE sip:+{dest}@", "INVITE sip:+14012340003@"),),
          more=["History-Info: <sip:+{dest}@x.net>;index=1, <sip:+14012340003@x.net;cause=302>;index=1.1;mp=1"])
    d.one("history-info-one", silent="STIR-037", more=["History-Info: <sip:+{dest}@x.net>;index=1"])
    for name, line, verstat in (("passed", "<sip:+{orig};verstat=TN-Validation-Passed@x.net;user=phone>", "TN-Validation-Passed"),
                                ("with-level", "<tel:+{orig};verstat=TN-Validation-Passed-A>", "TN-Validation-Passed-A"),
                                ("outer", "<sip:+{orig}@x.net;user=phone;verstat=TN-Validation-Failed>", "TN-Validation-Failed"),
                                ("header", "<sip:+{orig}@x.net>;verstat=No-TN-Validation", "No-TN-Validation")):
        d.one("verstat-" + name, silent="STIR-049", more=["P-Asserted-Identity: " + line])
        d.verstat[f"verstat-{name}@dialects"] = verstat
    d.one("verstat-to", silent="STIR-049", changes=((called, "<sip:+{dest};verstat=No-TN-Validation@203.0.113.77>\nCall-ID"),))
    d.verstat["verstat-to@dialects"] = "No-TN-Validation"
    broken = "signature=fail"
    for name, word, told in (("passed", "TN-Validation-Passed", True), ("lower", "tn-validation-passed", True),
                             ("with-level", "TN-Validation-Passed-B", True),
                             ("failed", "TN-Validation-Failed", False), ("none", "No-TN-Validation", False),
                             ("quoted", '"TN-Validation-Passed"', True)):
        d.one("verstat-broken-" + name, "invalid", broken, "STIR-022" + (" STIR-049" if told else ""), "" if told else "STIR-049",
              value=lambda now: flip(d.signer.value(now)), more=[f"P-Asserted-Identity: <sip:+{{orig}}@x.net;verstat={word};user=phone>"])


def certificates(d):
    for name, verdict, checks, told in (
            ("no-ski", "valid", "", ""), ("no-aki", "valid", "", ""), ("bare-names", "valid", "", ""), ("twelve-steps", "valid", "", ""),
            ("two-codes", "valid", "", "STIR-028"),
            ("code-and-number", "valid", "", "STIR-028"), ("middle-expired", "invalid", "validity=fail", "STIR-027"),
            ("middle-expired-crossed", "valid", "", ""), ("span-first", "valid", "", ""), ("span-last", "valid", "", ""),
            ("span-before", "invalid", "tnauthlist=fail", "STIR-034"), ("span-after", "invalid", "tnauthlist=fail", "STIR-034"),
            ("der", "valid", "", ""), ("p7-der", "valid", "", ""), ("p7-reversed", "valid", "", ""), ("shuffled-with-others", "valid", "", ""),
            ("root-inside", "valid", "", ""), ("stranger-root-inside", "invalid", "chain=fail certificate?", "STIR-026"),
            ("revoked-inherited", "invalid", "revocation=fail", "STIR-031"), ("revoked-issuing", "invalid", "revocation=fail", "STIR-031"),
            ("not-revoked-serial", "valid", "", "")):
        d.one("cert-" + name, verdict, checks, told, value=lambda now, name=name: d.signer.value(now, name))


def compact(d):
    """RFC 8224 section 4.1: what was signed is not sent, but made again from the request"""
    s, plain = d.signer, " ppt? attest=skip origid=skip"
    everything = " ".join(one + "?" for one in PASSING)
    sender, called = "<sip:+{orig}@198.51.100.77;user=phone>", "<sip:+{dest}@203.0.113.77;user=phone>\nCall-ID"

    def value(now, orig='{"tn":"12152340001"}', dest='{"tn":["13012340002"]}', more="", at=0):
        token = s.join('{"alg":"ES256","typ":"passport","x5u":"%s"}' % s.url("good"),
                       '{"dest":%s,"iat":%d%s,"orig":%s}' % (dest, now + at, more, orig), "good")
        return ".." + token.rsplit(".", 1)[1] + f";info=<{s.url('good')}>;alg=ES256"

    for name, verdict, checks, signed, changes, more in (
            ("plain", "valid", "", {}, (), ()),
            ("tel", "valid", "", {},
             ((sender, "<tel:+1-215-234-0001>"), (called, "<tel:+1-301-234-0002>\nCall-ID")), ()),
            ("national", "valid", "", {}, ((sender, "<sip:2152340001@x.net;user=phone>"),), ()),
            ("asserted", "valid", "", {}, ((sender, '"Anonymous" <sip:anonymous@anonymous.invalid>'),), ("P-Asserted-Identity: <tel:+12152340001>",)),
            ("asserted-other", "invalid", "signature=fail " + everything, {}, (), ("P-Asserted-Identity: <tel:+12152349999>",)),
            ("from-other", "invalid", "signature=fail " + everything, {}, ((sender, "<sip:+12152349999@x.net>"),), ()),
            ("to-other", "invalid", "signature=fail " + everything, {}, ((called, "<sip:+13012349999@x.net>\nCall-ID"),), ()),
            ("second-later", "invalid", "signature=fail " + everything, {"at": 1}, (), ()),
            ("uri", "valid", "", {"orig": '{"uri":"sip:alice@example.net"}', "dest": '{"uri":["sip:Bob@example.net"]}'},
             ((sender, "Alice <sip:alice@EXAMPLE.net:5060;transport=udp>"), (called, "<sip:Bob@Example.net;user=ip>\nCall-ID")), ())):
        now = d.tick()
        d.send(now, message(PLAIN, "compact-" + name, now, value(now, **signed), changes=changes, more=more))
        d.expect("compact-" + name, verdict, [(verdict, checks + plain)])


def changed(d):
    """no character of a token can be another, and no digit of the numbers"""
    now, everything = d.tick(), " ".join(one + "?" for one in PASSING)
    value = d.signer.value(now)
    for place in range(value.index(";")):
        other = "." if value[place] != "." and place % 50 == 0 else "A" if value[place] != "A" else "Q"
        name = f"changed-{place}"
        d.send(now, message(PLAIN, name, now, value[:place] + other + value[place + 1:]))
        d.expect(name, "invalid", [("invalid", everything)])
    for field, number in (("From", CALLER), ("To", CALLED)):
        for place in range(11):
            other = number[:place] + str((int(number[place]) + 5) % 10) + number[place + 1:]
            name = f"changed-{field}-{place}"
            numbers_of = {"orig": other} if field == "From" else {"dest": other}
            d.send(now, message(PLAIN, name, now, value, **numbers_of))
            d.expect(name, "invalid", [("invalid", ("orig" if field == "From" else "dest") + "=fail replay=warn")], "STIR-042")
    d.now += 60


def abroad(d):
    """for --country-code 44"""
    home = {"orig": "442079460001", "dest": "447700900123"}
    sender, called = "<sip:+{orig}@198.51.100.77;user=phone>", "<sip:+{dest}@203.0.113.77;user=phone>\nCall-ID"
    for name, new, verdict in (
            ("plus", sender, "valid"), ("trunk-prefix", "<sip:02079460001@x.net;user=phone>", "valid"), ("bare", "<sip:442079460001@x.net>", "valid"),
            ("international-prefix", "<sip:00442079460001@x.net>", "valid"), ("without-prefix", "<sip:2079460001@x.net>", "valid"),
            ("context", "<tel:2079460001;phone-context=+44>", "valid"), 
            ("context-zero", "<tel:020-7946-0001;phone-context=+44>", "valid"),
            ("american", "<sip:+12079460001@x.net>", "invalid"), ("other", "<sip:02079460002@x.net>", "invalid"),
            ("short", "<sip:1001@x.net>", "invalid")):
        checks = "" if verdict == "valid" else "orig=fail"
        d.one("abroad-" + name, verdict, checks, changes=((sender, new),), sip=home, **home)
    d.one("abroad-called", changes=((called, "<sip:07700900123@x.net>\nCall-ID"),), sip=home, **home)
    d.one("abroad-called-other", "invalid", "dest=fail", changes=((called, "<sip:07700900124@x.net>\nCall-ID"),), sip=home, **home)


def stories(d):
    s, fine = d.signer, [("valid", "")]

    def put(name, now, identity, source=CARRIER, target=BORDER, **more):
        d.send(now, message(PLAIN, name, now, identity, **more), source, target)

    def answer(name, now, code, reason, cseq=102):
        lines = [f"SIP/2.0 {code} {reason}", f"Via: SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK{name}",
                 f"From: <sip:+{CALLER}@198.51.100.77;user=phone>;tag={name}f", f"To: <sip:+{CALLED}@203.0.113.77;user=phone>;tag=b",
                 f"Call-ID: {name}@dialects", f"CSeq: {cseq} INVITE", "Content-Length: 0", "", ""]
        d.send(now, "\r\n".join(lines).encode(), BORDER, CARRIER)

    def again(cseq):
        return (("branch=z9hG4bK{id}", "branch=z9hG4bK{id}-%d" % cseq), ("CSeq: 102", "CSeq: %d" % cseq))

    # a datagram sent seven times over
    now = d.tick(100)
    value = s.value(now)
    for wait in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5):
        d.send(now + wait, message(PLAIN, "retransmitted", now, value))
    d.expect("retransmitted", "valid", fine, silent="STIR-042 STIR-015")
    # the whole request again ten minutes later: by a stranger, and from the same address
    now = d.tick(100)
    data = message(PLAIN, "verbatim-stranger", now, s.value(now))
    d.send(now, data)
    d.send(now + 600, data, "192.0.2.166")
    d.expect("verbatim-stranger", "invalid", [("valid", ""), ("invalid", "freshness=fail replay?")], "STIR-042 STIR-015")
    now = d.tick()
    data = message(PLAIN, "verbatim-same", now, s.value(now))
    d.send(now, data)
    answer("verbatim-same", now + 1, 487, "Request Terminated")
    d.send(now + 700, data)
    d.expect("verbatim-same", "invalid", [("valid", ""), ("invalid", "freshness=fail replay?")], "STIR-015")
    # the same Call-ID, another called number
    now = d.tick()
    value = s.value(now)
    put("same-id-other-called", now, value)
    put("same-id-other-called", now + 5, value, dest="13012347777", changes=again(103))
    d.expect("same-id-other-called", "invalid", [("valid", ""), ("invalid", "dest=fail replay?")], "STIR-020")
    # challenged, and sent again with the same token, and with a new one
    now = d.tick()
    value = s.value(now)
    put("challenged", now, value)
    answer("challenged", now + 0.1, 407, "Proxy Authentication Required")
    put("challenged", now + 0.2, value, changes=again(103),
        more=['Proxy-Authorization: Digest username="x", realm="y", nonce="1", uri="sip:a", response="0"'])
    d.expect("challenged", "valid", fine, silent="STIR-042 STIR-015")
    now = d.tick()
    put("challenged-fresh", now, s.value(now))
    answer("challenged-fresh", now + 0.1, 401, "Unauthorized")
    put("challenged-fresh", now + 1.2, s.value(now + 1), changes=again(103))
    d.expect("challenged-fresh", "valid", fine * 2, silent="STIR-042")
    # forwarded by its proxy when nobody answered for 70 s: one Identity, seen on two legs
    now = d.tick()
    value = s.value(now)
    put("no-answer", now, value)
    put("no-answer", now + 0.05, value, BORDER, "10.1.1.1",
        changes=again(102) + (("INVITE sip:+{dest}@203.0.113.77", "INVITE sip:201@10.1.1.1"),))
    put("no-answer", now + 70, value, BORDER, "10.1.1.2",
        changes=(("branch=z9hG4bK{id}", "branch=z9hG4bK{id}-9"),
                 ("INVITE sip:+{dest}@203.0.113.77", "INVITE sip:202@10.1.1.2")))
    d.expect("no-answer", "valid", fine, silent="STIR-042 STIR-015")
    # re-INVITE within the call, by the caller with the old token, by the called party with its own
    now = d.tick()
    value = s.value(now)
    put("held", now, value)
    answer("held", now + 1, 200, "OK")
    put("held", now + 300, value,
        changes=again(103) + (("<sip:+{dest}@203.0.113.77;user=phone>\nCall-ID", "<sip:+{dest}@203.0.113.77;user=phone>;tag=b\nCall-ID"),))
    d.expect("held", "valid", fine, silent="STIR-042 STIR-015")
    # two legs by a B2BUA, Call-ID new; the second one 0.2 s later and with short numbers inside
    now = d.tick()
    value = s.value(now)
    put("leg-one", now, value)
    put("leg-two", now + 0.2, value, BORDER, "10.1.1.9", changes=(("Via: SIP/2.0/UDP 198.51.100.77:5060", "Via: SIP/2.0/UDP 203.0.113.77:5060"),))
    d.expect("leg-one", "valid", fine, silent="STIR-042")
    d.expect("leg-two", "valid", fine, silent="STIR-042")
    # forked by the carrier: one token, two Call-IDs, two borders, at once
    now = d.tick()
    value = s.value(now)
    put("fork-one", now, value)
    put("fork-two", now + 0.02, value, CARRIER, "203.0.113.78")
    d.expect("fork-one", "valid", fine, silent="STIR-042")
    d.expect("fork-two", "valid", fine, silent="STIR-042")
    # one target after the other, new Call-IDs: the second is rung when the first is busy; to nobody's wish after an answer
    for name, code, verdict in (("hunt", 486, ""), ("again", 200, "replay=warn")):
        now = d.tick(40)
        value = s.value(now)
        put(name + "-one", now, value)
        answer(name + "-one", now + 20, code, "Whatever")
        put(name + "-two", now + 21, value, CARRIER, "203.0.113.79")
        d.expect(name + "-one", "valid", fine)
        d.expect(name + "-two", "valid", [("valid", verdict)], "STIR-042" if verdict else "", "" if verdict else "STIR-042")
    # taken: to another number, after 61 s, from elsewhere within the minute
    now = d.tick()
    value = s.value(now)
    put("taken", now, value)
    put("taken-other-number", now + 3, value, "192.0.2.200", dest="13015550100")
    put("taken-late", now + 61, value, "192.0.2.200")
    put("taken-soon", now + 20, value, "192.0.2.201")
    put("taken-and-rewritten", now + 25, negated(value), "192.0.2.202")
    d.expect("taken", "valid", fine)
    d.expect("taken-other-number", "invalid", [("invalid", "dest=fail replay=warn")], "STIR-042 STIR-020")
    d.expect("taken-late", "invalid", [("invalid", "freshness=fail replay=warn")], "STIR-042 STIR-015")
    d.expect("taken-soon", "valid", [("valid", "replay=warn")], "STIR-042")
    d.expect("taken-and-rewritten", "valid", [("valid", "replay=warn")], "STIR-042")
    now = d.tick(100)  # one header twice in one request is two
    put("twice", now, s.value(now) + "\nIdentity: " + s.value(now).replace(";alg=ES256", ""))
    value = s.value(now)
    put("twice-the-same", now, value + "\nIdentity: " + value)
    for name in ("twice", "twice-the-same"):
        d.expect(name, "valid", fine * 2, "STIR-002", "STIR-042")
    d.now += 100
    # MESSAGE after MESSAGE under one Call-ID, each with a token of its own
    now = d.tick()
    for n in range(3):
        later = now + 90 * n
        d.send(later, message(PLAIN, "pager", later, s.value(later), changes=(
            ("CSeq: 102 INVITE", f"CSeq: {20 + n} MESSAGE"), ("INVITE sip", "MESSAGE sip"), ("branch=z9hG4bK{id}", "branch=z9hG4bK{id}%d" % n))))
    d.expect("pager", "valid", fine * 3, silent="STIR-042 STIR-015")
    # nested original that was recorded a day ago
    third = "14012340003"
    for name, age, verdict, checks in (("nested-now", 0, "valid", ""), ("nested-old", 86400, "invalid", "div=fail")):
        now = d.tick()
        inner = s.token(now - age)
        outer = s.token(now, "second", '{"alg":"ES256","ppt":"div-o","typ":"passport","x5u":"URL"}',
                        '{"dest":{"tn":["%s"]},"div":{"tn":"%s"},"iat":IAT,"opt":"%s","orig":{"tn":"ORIG"}}' % (third, CALLED, inner))
        put(name, now, outer + f";info=<{s.url('second')}>;alg=ES256;ppt=div-o", changes=(("INVITE sip:+{dest}@", f"INVITE sip:+{third}@"),))
        d.expect(name, verdict, [(verdict, checks + " attest=skip origid=skip")])
    # a genuine diversion taken from another call, explained by a forged one
    now = d.tick()
    div = lambda key, old, new, at, break_it=False: (flip if break_it else str)(s.token(  # noqa: E731
        at, key, '{"alg":"ES256","ppt":"div","typ":"passport","x5u":"URL"}',
        '{"dest":{"tn":["%s"]},"div":{"tn":"%s"},"iat":IAT,"orig":{"tn":"ORIG"}}' % (new, old)) + f";info=<{s.url(key)}>;alg=ES256;ppt=div")
    several = lambda *values: "\nIdentity: ".join(values)  # noqa: E731
    put("forged-last-div", now,
        several(s.value(now), div("second", CALLED, third, now), div("third", third, "15012340004", now, True)),
        changes=(("INVITE sip:+{dest}@", "INVITE sip:+15012340004@"),))
    d.expect("forged-last-div", "invalid", [
        ("valid", ""), ("invalid", "dest=fail attest=skip origid=skip"), ("invalid", "signature=fail attest=skip origid=skip")])
    now = d.tick()
    put("long-chain", now, several(s.value(now), div("third", third, "15012340004", now), div("second", CALLED, third, now),
                                   div("good", "15012340004", "16012340005", now)),
        changes=(("INVITE sip:+{dest}@", "INVITE sip:+16012340005@"),))
    d.expect("long-chain", "valid", fine + [("valid", "attest=skip origid=skip")] * 3, silent="STIR-035 STIR-036")


def main(tool):
    with tempfile.TemporaryDirectory(prefix="stir-dialects-") as folder:
        made = pki.Pki(folder)
        more_certificates(made)
        at = lambda name: os.path.join(folder, name)  # noqa: E731
        judged, wrong = 0, []
        for name, parts, options in (("america", (vendors, numbers, certificates, compact, changed, stories), []),
                                     ("britain", (abroad,), ["--country-code", "44"])):
            d = Dialects(Signer(made))
            for part in parts:
                part(d)
            d.capture.write(at(name + ".pcap"))
            done = subprocess.run([tool, at(name + ".pcap"), "-f", "json", "--trust", at("roots.pem"), "--certs", at("certs.tsv"), "--crls",
                                   at("inherited.pem"), "--crl-trust", at("inherited-pa.pem"), *options], capture_output=True, text=True, timeout=300)
            assert done.returncode in (0, 1), (done.returncode, done.stderr)
            report = json.loads(done.stdout)
            wrong += compare(report, d.expected, "dialects")
            claimed = {call["call_id"]: call["verstat"] for call in report["calls"]}
            wrong += [f"{call}: verstat {claimed[call]}, not {word}" for call, word in d.verstat.items() if claimed[call] != word]
            judged += len(d.expected)
        return conclude(judged, wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
