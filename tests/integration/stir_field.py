#!/usr/bin/env python3
"""Calls as carriers and attackers would send them, made anew and judged: usage stir_field.py TOOL.

Written from the RFCs and the contract of the report, apart from the verifier and from testdata's scripts: certificates, tokens
and SIP come from stir_field_pki.py and stir_field_sip.py. Each case says what a verifier has to find before one is asked."""
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
from stir_field_sip import DEST, ORIG, Capture, Tokens, answer, b64, request

NOON = 1777896000  # 2026-05-04T12:00:00Z
PASSING = ("syntax ppt claims algorithm info certificate signature chain validity tnauthlist policy freshness orig dest attest "
           "origid replay").split()
ALL = " ".join(name + "?" for name in PASSING)
NO_SHAKEN = "attest=skip origid=skip"


class Field:
    """the capture, and what is expected of each call: verdict, and for each header its verdict and the checks that do not pass"""

    def __init__(self, tokens):
        self.tokens, self.capture, self.expected, self.now = tokens, Capture(), {}, NOON + 3600

    def tick(self):
        self.now += 20
        return self.now

    def expect(self, name, verdict, headers, told="", silent=""):
        """headers: (verdict, "check=outcome check?"); a '?' takes any outcome. told, silent: findings that must, must not be"""
        assert name not in self.expected, name
        self.expected[name] = (verdict, headers, told.split(), silent.split())

    def one(self, name, verdict="valid", checks="", told="", silent="", late=0.4, sip=None, line=None, **token):
        """a call with one header; line: makes the header's value of the time"""
        now = self.tick()
        value = line(now) if line else self.tokens.header(now, **token)
        self.capture.udp(now + late, request(name, now + late, [value], **(sip or {})))
        self.expect(name, verdict, [(verdict, checks)], told, silent)

    def several(self, name, make, verdict, headers, told="", silent="", **sip):
        now = self.tick()
        self.capture.udp(now + 0.2, request(name, now, make(now), **sip))
        self.expect(name, verdict, headers, told, silent)


def header_fields(field):
    t = field.tokens
    for name, parameters, verdict, checks, told in (
            ("rfc", ';info=<%s>;alg=ES256;ppt="shaken"', "valid", "", ""),
            ("unquoted", ";info=<%s>;alg=ES256;ppt=shaken", "valid", "", ""),
            ("ppt-first", ";ppt=shaken;info=<%s>;alg=ES256", "valid", "", ""),
            ("blanks", ' ; info = <%s> ; alg = ES256 ; ppt = "shaken"', "valid", "", ""),
            ("more-parameters", ';info=<%s>;alg=ES256;ppt="shaken";canon=xyz;foo="b;ar, baz"', "valid", "", ""),
            ("no-alg", ';info=<%s>;ppt="shaken"', "valid", "", ""),
            ("upper-names", ";INFO=<%s>;ALG=ES256;PPT=shaken", "valid", "", ""),
            ("ends-in-semicolon", ";info=<%s>;alg=ES256;ppt=shaken;", "valid", "", ""),
            ("no-ppt", ";info=<%s>;alg=ES256", "valid", "ppt=warn", ""),
            ("bare", ";info=<%s>", "valid", "ppt=warn", ""),
            ("info-no-brackets", ";info=%s;alg=ES256;ppt=shaken", "invalid", "syntax=fail info? ppt? algorithm?", "STIR-003"),
            ("info-quoted", ';info="%s";alg=ES256;ppt=shaken', "invalid", "syntax=fail info?", "STIR-003"),
            ("no-semicolon", ";info=<%s>alg=ES256;ppt=shaken", "invalid", "syntax=fail info? algorithm?", "STIR-003"),
            ("no-info", ";alg=ES256;ppt=shaken", "invalid", "info=fail", "STIR-005"),
            ("ppt-div", ";info=<%s>;alg=ES256;ppt=div", "invalid", "ppt=fail div?", "STIR-007"),
            ("alg-rs256", ";info=<%s>;alg=RS256;ppt=shaken", "invalid", "algorithm=fail", "STIR-006"),
            ("alg-none", ";info=<%s>;alg=none;ppt=shaken", "invalid", "algorithm=fail", "STIR-006"),
            ("info-twice", ";info=<%s>;info=<https://elsewhere.net/x.pem>;alg=ES256;ppt=shaken", "invalid", "syntax? info?", ""),
            ("ppt-twice", ";info=<%s>;alg=ES256;ppt=shaken;ppt=div", "invalid", "syntax? ppt?", "")):
        field.one("parameters-" + name, verdict, checks, told, parameters=parameters)
    for cert, verdict, checks, told in (("no-ending", "valid", "", ""), ("port-8443", "valid", "", ""),
                                        ("port-444", "valid", "info=warn", "STIR-009"), ("query", "valid", "info=warn", "STIR-009"),
                                        ("user", "valid", "info=warn", "STIR-009"), ("http", "invalid", "info=fail", "STIR-009")):
        field.one("x5u-" + cert, verdict, checks, told, cert=cert)
    good = t.pki.url["good"]
    field.one("info-case", line=lambda now: t.token(now) + f";info=<{good.replace('https://sti', 'HTTPS://STI')}>;ppt=shaken")
    field.one("info-path-case", "invalid", "info=fail", "STIR-005",
              line=lambda now: t.token(now) + f";info=<{good.replace('good', 'Good')}>;ppt=shaken")
    field.one("info-other", "invalid", "info=fail", "STIR-005",
              line=lambda now: t.token(now) + f";info=<{t.pki.url['second']}>;ppt=shaken")
    for name, written in (("short", "y"), ("short-upper", "Y"), ("lower", "identity"), ("blank", "Identity ")):
        field.one("field-" + name, sip={"field": written})
    field.one("folded", line=lambda now: t.header(now).replace(";alg", "\r\n ;alg").replace(";info", "\r\n\t;info"))
    field.one("folded-token", "invalid", "syntax=fail " + ALL, "STIR-003",
              line=lambda now: t.header(now)[:200] + "\r\n " + t.header(now)[200:])
    field.one("quoted-token", "invalid", "syntax=fail " + ALL,
              line=lambda now: '"' + t.token(now) + f'";info=<{good}>;ppt=shaken')
    field.several("comma-list", lambda now: [t.header(now) + ", " + t.header(now, "second")], "valid",
                  [("valid", ""), ("valid", "")], "STIR-002")
    field.several("bad-and-good", lambda now: [t.header(now, how="flipped"), t.header(now, "second")], "invalid",
                  [("invalid", "signature=fail"), ("valid", "")])
    field.several("good-and-garbage", lambda now: [t.header(now), "garbage"], "invalid",
                  [("valid", ""), ("invalid", "syntax=fail " + ALL)])
    unknown = lambda now: t.header(now, ppt="xyz", parameters=";info=<%s>;ppt=xyz")  # noqa: E731
    field.several("good-and-unknown", lambda now: [t.header(now), unknown(now)], "valid",
                  [("valid", ""), ("unverifiable", "ppt? claims? " + NO_SHAKEN)], silent="STIR-010")
    field.several("unknown-alone", lambda now: [unknown(now)], "unverifiable", [("unverifiable", "ppt? claims? " + NO_SHAKEN)],
                  "STIR-010")


def algorithms(field):
    one = field.one
    one("alg-in-token-none", "invalid", "algorithm=fail syntax? signature? replay?", "STIR-006", header={"alg": "none"}, how="none")
    one("alg-in-token-hs256", "invalid", "algorithm=fail signature?", "STIR-006", header={"alg": "HS256"})
    one("alg-in-token-rs256", "invalid", "algorithm=fail certificate=fail signature?", "STIR-006", cert="rsa",
        header={"alg": "RS256"})
    one("alg-in-token-es384", "invalid", "algorithm=fail certificate=fail signature?", cert="p384", header={"alg": "ES384"}, how="sha384")
    one("alg-in-token-lower", "invalid", "algorithm=fail", header={"alg": "es256"})
    one("alg-in-token-missing", "invalid", "algorithm=fail", without=["alg"])
    one("signature-der", "invalid", "signature=fail", "STIR-023", "STIR-022", how="der")
    for how in "r-zero s-zero r-order s-order ones zeros flipped swapped".split():
        one("signature-" + how, "invalid", "signature=fail", how=how)
    for how in "short long padded none".split():
        one("signature-" + how, "invalid", "signature=fail syntax? replay?", how=how)
    for how in ("high", "low"):
        one("signature-" + how, how=how)
    one("signature-other-key", "invalid", "signature=fail", "STIR-022", key=field.tokens.pki.key["second"])
    one("base64-padding", "invalid", "syntax=fail signature?", "STIR-003",
        encode=lambda data: b64(data) + "=" * (-len(b64(data)) % 4), claims={"pad": "x"})
    one("four-parts", "invalid", "syntax=fail " + ALL, line=lambda now: field.tokens.header(now).replace(";info", ".AAAA;info", 1))
    one("two-parts", "invalid", "syntax=fail " + ALL,
        line=lambda now: field.tokens.token(now).rsplit(".", 1)[0] + f";info=<{field.tokens.pki.url['good']}>;ppt=shaken")
    for name, header, verdict, checks, told in (
            ("typ-case", {"typ": "PASSporT"}, "valid", "syntax=warn", "STIR-008"),
            ("typ-jwt", {"typ": "JWT"}, "invalid", "syntax=fail", "STIR-008"),
            ("crit-b64", {"crit": ["b64"], "b64": False}, "invalid", "syntax=fail", "STIR-003"),
            ("crit-exp", {"crit": ["exp"]}, "invalid", "syntax=fail", "STIR-003"),
            ("crit-empty", {"crit": []}, "invalid", "syntax=fail", "STIR-003"),
            ("crit-ppt", {"crit": ["ppt"]}, "valid", "", ""), ("kid", {"kid": "1"}, "valid", "", ""),
            ("jwk", {"jwk": {"kty": "EC"}}, "valid", "", "")):
        one("header-" + name, verdict, checks, told, header=header)
    one("header-no-typ", "invalid", "syntax=fail", "STIR-008", without=["typ"])
    one("header-no-x5u", "invalid", "info=fail " + ALL, "STIR-005", without=["x5u"])
    one("header-order", "valid", "syntax=warn", raw_header='{"typ":"passport","alg":"ES256","x5u":"@X5U@","ppt":"shaken"}')
    one("header-alg-twice", "invalid", "syntax=fail " + ALL,
        raw_header='{"alg":"none","alg":"ES256","ppt":"shaken","typ":"passport","x5u":"@X5U@"}')
    one("no-ppt-in-token", "invalid", "ppt=fail attest? origid?", "STIR-007", ppt=None, claims={"attest": "A", "origid": "x"})
    one("base", "valid", NO_SHAKEN, ppt=None, parameters=";info=<%s>;alg=ES256")


def claims(field):
    one = field.one
    whole = '{"attest":"A","dest":{"tn":["13012340002"]},"iat":@IAT@,"orig":{"tn":"12152340001"},"origid":"@ORIGID@"}'
    broken = "syntax=fail " + ALL
    for name, old, new, verdict, checks, told in (
            ("whole", "", "", "valid", "", ""), ("blank", ",", ", ", "valid", "syntax=warn", ""),
            ("line-ends", ",", ",\n", "valid", "syntax=warn", ""), ("escape", '"A"', '"\\u0041"', "valid", "syntax=warn", ""),
            ("escaped-number", '"12152340001"', '"\\u00312152340001"', "valid", "syntax=warn", ""),
            ("twice", '"attest":"A"', '"attest":"C","attest":"A"', "invalid", broken, "STIR-003"),
            ("twice-escaped", '"attest":"A"', '"\\u0061ttest":"C","attest":"A"', "invalid", broken, "STIR-003"),
            ("twice-inside", '{"tn":"12152340001"}', '{"tn":"19998887777","tn":"12152340001"}', "invalid", broken, "STIR-003"),
            ("mark", '{"attest"', '\ufeff{"attest"', "invalid", broken, "STIR-003"), ("nul", "}", "}\0", "invalid", broken, "STIR-003"),
            ("trailing", '"}', '"}x', "invalid", broken, "STIR-003"), ("comment", '{"attest"', '/**/{"attest"', "invalid", broken, ""),
            ("plus", "@IAT@", "+@IAT@", "invalid", broken, ""), ("leading-zero", "@IAT@", "0@IAT@", "invalid", broken, ""),
            ("nan", "@IAT@", "NaN", "invalid", broken, ""), ("infinite", "@IAT@", "1e400", "invalid", ALL, ""),
            ("fraction", "@IAT@", "@IAT@.5", "valid", "syntax=warn claims=warn", ""),
            ("exponent", "@IAT@", "1.777e9", "invalid", "freshness=fail syntax? claims? validity?", "STIR-015"),
            ("text", "@IAT@", '"@IAT@"', "invalid", "syntax? claims? freshness? validity?", "STIR-012"),
            ("null", "@IAT@", "null", "invalid", "claims=fail freshness? validity? syntax?", "STIR-012"),
            ("true", "@IAT@", "true", "invalid", "claims=fail freshness? validity? syntax?", "STIR-012"),
            ("big", "@IAT@", "99999999999999999999999", "invalid", "syntax? claims? freshness? validity?", ""),
            ("milliseconds", "@IAT@", "@IAT@000", "invalid", "freshness=fail validity?", "STIR-016"),
            ("negative", "@IAT@", "-1", "invalid", "freshness=fail validity? claims?", ""),
            ("more", '"dest"', '"custom":{"a":[1,2,{"b":null}]},"dest"', "valid", "", ""),
            ("no-attest", '"attest":"A",', "", "invalid", "attest=fail claims?", ""),
            ("attest-lower", '"A"', '"a"', "invalid", "attest=fail", "STIR-013"),
            ("attest-d", '"A"', '"D"', "invalid", "attest=fail", "STIR-013"),
            ("attest-blank", '"A"', '"A "', "invalid", "attest=fail", "STIR-013"),
            ("attest-nul", '"A"', '"A\\u0000"', "invalid", "attest=fail syntax?", "STIR-013"),
            ("attest-list", '"A"', '["A"]', "invalid", "attest? claims?", "")):
        made = whole.replace(old, new) if old != "}" and new not in ('"}x',) else whole + new[-1]
        one("claims-" + name, verdict, checks, told, raw_claims=made if old else whole)
    for name, changed, verdict, checks, told in (
            ("origid-upper", {"origid": "DEADBEEF-1111-4111-8111-00000000ABCD"}, "valid", "", ""),
            ("origid-word", {"origid": "customer-17"}, "valid", "origid=warn", ""),
            ("origid-number", {"origid": 17}, "invalid", "origid? claims?", ""),
            ("dest-text", {"dest": {"tn": DEST}}, "invalid", "claims=fail dest?", "STIR-012"),
            ("dest-json-text", {"dest": '{"tn":"13012340002"}'}, "invalid", "claims=fail dest?", "STIR-012"),
            ("dest-empty", {"dest": {"tn": []}}, "invalid", "claims=fail dest?", "STIR-012"),
            ("dest-number", {"dest": {"tn": [13012340002]}}, "invalid", "claims=fail dest?", "STIR-012"),
            ("dest-two", {"dest": {"tn": ["13012349999", DEST]}}, "valid", "", ""),
            ("dest-both", {"dest": {"tn": [DEST], "uri": ["sip:a@b.net"]}}, "valid", "", ""),
            ("dest-empty-text", {"dest": {"tn": [""]}}, "invalid", "claims? dest?", ""),
            ("dest-plus", {"dest": {"tn": ["+" + DEST]}}, "valid", "dest? claims?", "STIR-021"),
            ("dest-zero", {"dest": {"tn": ["0" + DEST]}}, "invalid", "dest=fail", "STIR-021"),
            ("orig-both", {"orig": {"tn": ORIG, "uri": "sip:x@y.net"}}, "invalid", "claims=fail orig?", "STIR-012"),
            ("orig-list", {"orig": {"tn": [ORIG]}}, "invalid", "claims=fail orig?", "STIR-012"),
            ("orig-text", {"orig": ORIG}, "invalid", "claims=fail orig?", "STIR-012"),
            ("orig-plus", {"orig": {"tn": "+" + ORIG}}, "valid", "orig? claims?", "STIR-021"),
            ("orig-dashes", {"orig": {"tn": "1-215-234-0001"}}, "valid", "orig? claims?", "STIR-021")):
        one("claims-" + name, verdict, checks, told, claims=changed)
    for gone in ("iat", "orig", "dest", "origid"):
        one("claims-no-" + gone, "invalid", f"{'origid' if gone == 'origid' else 'claims'}=fail claims? {gone}? freshness? validity?",
            "STIR-012", without=[gone])


def numbers(field):
    caller = f"sip:+{ORIG}@h.net"
    shown = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    for name, sip, verdict, checks, told in (
            ("tel", {"sender": f"<tel:+{ORIG}>"}, "valid", "", ""),
            ("tel-marks", {"sender": "<tel:+1-215-234-0001>"}, "valid", "", ""),
            ("tel-context", {"sender": "<tel:2340001;phone-context=+1215>"}, "valid", "", ""),
            ("sip-marks", {"sender": "<sip:+1(215)234-0001@h.net;user=phone>"}, "valid", "", ""),
            ("no-user-phone", {"sender": f"<{caller}>"}, "valid", "", ""), ("bare", {"sender": caller}, "valid", "", ""),
            ("no-plus", {"sender": f"<sip:{ORIG}@h.net>"}, "valid", "", ""),
            ("national", {"sender": "<sip:2152340001@h.net>"}, "valid", "", ""),
            ("name-with-uri", {"sender": f'"Bob \\"x\\" <sip:+19998887777@x>" <{caller}>'}, "valid", "", ""),
            ("percent", {"sender": f"<sip:%2B{ORIG}@h.net>"}, "valid", "", ""),
            ("ported", {"sender": f"<sip:+{ORIG};npdi;rn=+19995550000;cpc=ordinary@h.net;user=phone>"}, "valid", "", ""),
            ("ipv6", {"sender": f"<sip:+{ORIG}@[2001:db8::5]:5060;user=phone>"}, "valid", "", ""),
            ("other", {"sender": "<sip:+12152349999@h.net>"}, "invalid", "orig=fail", "STIR-019"),
            ("name", {"sender": "<sip:alice@h.net>"}, "unverifiable", "orig=skip", ""),
            ("anonymous", {"sender": shown}, "unverifiable", "orig=skip", ""),
            ("anonymous-name", {"sender": f'"Anonymous" <{caller}>'}, "valid", "", "STIR-054"),
            ("anonymous-name-other", {"sender": '"Anonymous" <sip:+12152349999@h.net>'}, "invalid", "orig=fail", "STIR-019"),
            ("anonymous-asserted", {"sender": shown, "asserted": f"<{caller}>", "more": ["Privacy: id"]}, "valid", "", "STIR-054"),
            ("anonymous-asserted-other", {"sender": shown, "asserted": "<sip:+12152349999@h>"}, "invalid", "orig=fail", "STIR-019"),
            ("asserted-two", {"asserted": [f"<{caller}>", f"<tel:+{ORIG}>"]}, "valid", "", ""),
            ("asserted-list", {"asserted": f'"Acme, Inc" <{caller}>, <tel:+{ORIG}>'}, "valid", "", ""),
            ("asserted-differ", {"asserted": [f"<{caller}>", "<tel:+12152349999>"]}, "invalid", "orig=fail", "STIR-019"),
            ("asserted-not-from", {"sender": "<sip:+18005550199@h.net>", "asserted": f"<{caller}>"}, "valid", "", ""),
            ("from-not-asserted", {"asserted": "<sip:+12152349999@h.net>"}, "invalid", "orig=fail", "STIR-019"),
            ("asserted-name", {"asserted": "<sip:alice@h.net>"}, "valid", "", ""),
            ("from-twice", {"more": ["From: <sip:+19998887777@h.net>;tag=2"]}, "unverifiable", "orig=skip", ""),
            ("to-twice", {"more": ["To: <sip:+19998887777@h.net>"]}, "unverifiable", "dest=skip", ""),
            ("to-national", {"to": "<sip:3012340002@x.net>"}, "valid", "", ""),
            ("to-tel", {"to": f"<tel:+{DEST}>", "uri": f"tel:+{DEST}"}, "valid", "", ""),
            ("to-ported", {"to": f"<sip:+{DEST};npdi=yes;rn=+13019999999@x.net>"}, "valid", "", ""),
            ("to-other", {"to": "<sip:+13012349999@x.net>"}, "invalid", "dest=fail", "STIR-020"),
            ("to-name", {"to": "<sip:helpdesk@x.net>"}, "unverifiable", "dest=skip", ""),
            ("uri-other", {"uri": "sip:+19995550123@x.net"}, "valid", "", "")):
        field.one("number-" + name, verdict, checks, told, sip=sip)
    field.one("number-uri", claims={"dest": {"uri": ["sip:bob@ACME.com"]}}, sip={"to": "<sip:bob@acme.com>"})
    field.one("number-uri-called-other", "invalid", "dest=fail", claims={"dest": {"uri": ["sip:bob@acme.com"]}}, sip={"to": "<sip:eve@acme.com>"})
    field.one("number-uri-caller-other", "invalid", "orig=fail tnauthlist?", claims={"orig": {"uri": "sip:mallory@acme.com"}},
              sip={"sender": "<sip:alice@acme.com>"})
    field.one("number-emergency", dest="911", sip={"to": "<tel:911;phone-context=+1>", "uri": "urn:service:sos"})
    for name, number, unusable in (("area-0", "10152340001", True), ("exchange-1", "12151340001", True), ("short", "1215234", True),
                                   ("long", "121523400011", True), ("toll-free", "18002340001", False), ("uk", "442079460001", False)):
        field.one("owner-" + name, orig=number, sip={"sender": f"<sip:+{number}@h>"}, **{"told" if unusable else "silent": "STIR-044"})


def times(field):
    for age, verdict in ((0, "valid"), (30, "valid"), (60, "valid"), (60.9, "valid"), (61, "invalid"), (3600, "invalid")):
        field.one(f"age-{age}", verdict, "" if verdict == "valid" else "freshness=fail", "" if age <= 15 else "STIR-015", late=age)
    for ahead, verdict in ((5, "valid"), (60, "valid"), (61, "invalid"), (86400, "invalid")):
        now = field.tick()
        field.capture.udp(now + 0.2, request(f"ahead-{ahead}", now, [field.tokens.header(now, iat=int(now) + ahead)]))
        field.expect(f"ahead-{ahead}", verdict, [(verdict, "" if verdict == "valid" else "freshness=fail")],
                     "STIR-016" if ahead > 5 else "", "STIR-016" if ahead <= 5 else "")
    for off, verdict in ((60, "valid"), (61, "invalid"), (-60, "valid"), (-61, "invalid")):
        now = field.tick()
        later = field.now + off
        stamp = email.utils.formatdate(later, usegmt=True)
        field.capture.udp(now + 0.2, request(f"date{off:+}", now, [field.tokens.header(now)], date=stamp))
        field.expect(f"date{off:+}", verdict, [(verdict, "" if verdict == "valid" else "freshness=fail")])
    for name, date in (("none", None), ("garbage", "yesterday"), ("half", "Mon, 04 May 2026")):
        field.one("date-" + name, sip={"date": date})
    field.one("date-none-stale", "invalid", "freshness=fail", "STIR-015", sip={"date": None}, late=61)
    for name, cert, iat, call, verdict in (
            ("before-noon", "until-noon", -5, -4, "valid"), ("over-noon", "until-noon", -5, 5, "invalid"),
            ("at-noon", "until-noon", 0, 0.5, "valid"), ("after-noon", "until-noon", 1, 2, "invalid"),
            ("too-early", "from-noon", -2, 2, "invalid"), ("from-noon", "from-noon", 0, 0, "valid")):
        field.capture.udp(NOON + call, request("validity-" + name, NOON + call, [field.tokens.header(NOON + iat, cert)]))
        field.expect("validity-" + name, verdict, [(verdict, "" if verdict == "valid" else "validity=fail chain?")])


def certificates(field):
    for cert in ("second third reversed everything pkcs7 crlf titles under-root other-trust three-steps crossed twice-crossed "
                 "name-permitted usage-not-critical unknown-harmless with-san two-policies tn span several delegate delegate-joined "
                 "attest-a-b must-origid never-rcd absent-claim same-serial").split():
        field.one("certificate-" + cert, cert=cert)
    failing = {
        "chain": "alone self-signed rogue forged no-cert-sign no-authority too-deep name-excluded",
        "validity": "expired to-come authority-expired", "certificate": "p384 k256 rsa no-usage no-signing authority-signs page empty key-only",
        "tnauthlist": "tn-other span-overflow span-0 span-negative span-shorter span-huge span-digits-more tn-plus no-list empty-list "
                      "implicit junk-list trailing delegate-beyond delegate-elsewhere delegate-code",
        "constraints": "attest-c attest-lower must-rcd never-attest critical-constraints constraints-junk authority-b-c",
        "revocation": "revoked"}
    beside = {"p384": "signature?", "k256": "signature?", "rsa": "signature?", "page": ALL, "empty": ALL, "key-only": ALL,
              "authority-signs": "chain?", "expired": "chain?", "constraints-junk": "certificate? chain?"}
    for check, certs in failing.items():
        for cert in certs.split():
            also = beside.get(cert, "certificate? chain?" if check == "tnauthlist" else "")
            field.one("certificate-" + cert, "invalid", f"{check}=fail {also}", cert=cert)
    for cert, checks in (("issuing-signs", "certificate? tnauthlist? chain?"), ("by-a-signer", "chain=fail tnauthlist?"),
                         ("unknown-critical", "certificate? chain?"), ("p384-authority", "certificate=fail")):
        field.one("certificate-" + cert, "invalid", checks, cert=cert)
    for cert in "no-policy old-policy other-policy".split():
        field.one("certificate-" + cert, "valid", "policy=warn", cert=cert)
    for number, verdict in (("12152340099", "valid"), ("12152340100", "invalid"), ("12152340000", "valid"), ("12152339999", "invalid")):
        field.one("span-" + number, verdict, "" if verdict == "valid" else "tnauthlist=fail", cert="span", orig=number,
                  sip={"sender": f"<sip:+{number}@h>"})
    field.one("constraints-c", cert="attest-c", claims={"attest": "C"})
    field.one("constraints-authority-b", cert="authority-b-c", claims={"attest": "B"})


def extensions(field):
    t, third = field.tokens, "14012340003"
    target = f"sip:+{third}@203.0.113.20;user=phone"

    def div(now, cert="second", old=DEST, new=third, ppt="div", more=None, **token):
        return t.header(now, cert, ppt=ppt, dest=new, claims={"div": {"tn": old}, **(more or {})}, parameters=f";info=<%s>;ppt={ppt}", **token)

    good, plain = ("valid", ""), ("valid", NO_SHAKEN)
    broken = ("invalid", "div=fail orig? claims? " + NO_SHAKEN)
    field.several("div", lambda now: [t.header(now), div(now)], "valid", [good, plain], silent="STIR-035 STIR-037", uri=target)
    field.several("div-first", lambda now: [div(now), t.header(now)], "valid", [plain, good], uri=target)
    field.several("div-to-rewritten", lambda now: [t.header(now), div(now)], "valid", [good, plain], uri=target, to=f"<{target}>")
    field.several("div-alone", lambda now: [div(now)], "unverifiable", [("unverifiable", "div=skip " + NO_SHAKEN)], "STIR-036", uri=target)
    field.several("div-elsewhere", lambda now: [t.header(now), div(now)], "invalid", [good, ("invalid", "dest=fail " + NO_SHAKEN)],
                  uri="sip:+19995550001@x")
    field.several("div-of-other", lambda now: [t.header(now), div(now, old="13012348888")], "invalid", [good, broken], "STIR-035", uri=target)
    field.several("div-other-caller", lambda now: [t.header(now), div(now, orig="12152348888")], "invalid", [good, broken], "STIR-035",
                  uri=target)
    field.several("div-before", lambda now: [t.header(now), div(now, iat=int(now) - 30)], "invalid", [good, broken], "STIR-035", uri=target)
    field.several("div-no-authority", lambda now: [t.header(now), div(now, "tn")], "invalid",
                  [good, ("invalid", "tnauthlist=fail " + NO_SHAKEN)], uri=target)
    field.several("div-twice", lambda now: [div(now, "third", third, "15012340004"), t.header(now - 2), div(now - 1)], "valid",
                  [plain, good, plain], uri="sip:+15012340004@x")
    field.several("div-gap", lambda now: [t.header(now - 2), div(now, "third", third, "15012340004")], "invalid", [good, broken],
                  uri="sip:+15012340004@x")
    for name, inner, verdict in (("whole", {}, "valid"), ("flipped", {"how": "flipped"}, "invalid"), ("other", {"dest": "19998887777"}, "invalid"),
                                 ("rogue", {"cert": "self-signed"}, "invalid")):
        field.several("div-o-" + name, lambda now, inner=inner: [div(now, ppt="div-o", more={"opt": t.token(now, **inner)})], verdict,
                      [plain if verdict == "valid" else broken], uri=target)
    field.several("retargeted", lambda now: [t.header(now)], "valid", [good], "STIR-037", uri=target,
                  more=[f"Diversion: <sip:+{DEST}@x>;reason=unconditional"])
    named = f'"Acme" <sip:+{ORIG}@h.net>'
    for name, rcd, verdict, checks in (("whole", {"nam": "Acme"}, "valid", ""), ("no-name", {"jcl": "https://x/y"}, "invalid", "rcd? claims?")):
        field.one("rcd-" + name, verdict, checks + " " + NO_SHAKEN, ppt="rcd", claims={"rcd": rcd}, parameters=";info=<%s>;ppt=rcd",
                  sip={"sender": named})
    for name, granted, priority, verdict in (
            ("whole", ["ets.0", "wps.0"], "WPS.0, ets.0", "valid"), ("other", ["ets.1"], "ets.0", "invalid"),
            ("less", ["ets.0"], "ets.0, wps.0", "invalid"), ("more", ["ets.0"], None, "invalid")):
        field.one("rph-" + name, verdict, ("" if verdict == "valid" else "rph=fail ") + NO_SHAKEN, ppt="rph",
                  claims={"rph": {"auth": granted}}, parameters=";info=<%s>;ppt=rph",
                  sip={"more": [f"Resource-Priority: {priority}"] if priority else []})
    field.one("rph-unsigned", told="STIR-039", sip={"more": ["Resource-Priority: ets.0"]})
    digest = "021ACC5427ABEB9C533F3E4B652E7D463F5442CD54F17A03A27DF9B07F4619B2"
    colons = ":".join(digest[i:i + 2] for i in range(0, 64, 2))
    for name, key, line, verdict in (
            ("whole", ("sha-256", digest), "sha-256 " + colons, "valid"), ("case", ("sha-256", digest), "SHA-256 " + colons.lower(), "valid"),
            ("other", ("sha-256", digest[:-2] + "00"), "sha-256 " + colons, "invalid"), ("hash", ("sha-1", digest), "sha-256 " + colons, "invalid")):
        field.one("mky-" + name, verdict, "" if verdict == "valid" else "mky=fail", claims={"mky": [{"alg": key[0], "dig": key[1]}]},
                  sip={"body": "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\na=fingerprint:" + line
                       + "\r\nm=audio 40000 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\n"})
    for name, more, verdict, checks in (("whole", {}, "valid", ""), ("other", {"dest": "19998887777"}, "invalid", "signature=fail " + ALL),
                                        ("shaken", {"ppt": "shaken"}, "invalid", "syntax=fail " + ALL)):
        field.one("compact-" + name, verdict, f"{checks} ppt? {NO_SHAKEN if name != 'shaken' else ''}", line=lambda now, more=more: t.compact(now, **more))
    field.one("compact-no-date", "unverifiable", ALL, line=t.compact, sip={"date": None})


def stories(field):
    t, capture = field.tokens, field.capture
    fine = [("valid", "")]

    def send(now, message, source="198.51.100.10", target="203.0.113.20"):
        capture.udp(now, message, source, target)

    def back(now, message):
        capture.udp(now, message, "203.0.113.20", "198.51.100.10")

    now = field.tick()  # the same token again after a challenge
    token, call = t.header(now), "challenged"
    first = request(call, now, [token])
    send(now, first)
    back(now + 0.1, answer(first, 407, "Proxy Authentication Required"))
    send(now + 0.3, request(call, now, [token], cseq=2, more=['Proxy-Authorization: Digest username="x"']))
    field.expect(call, "valid", fine, silent="STIR-042")
    now, call = field.tick(), "challenged-fresh"  # another one
    send(now, request(call, now, [t.header(now)]))
    send(now + 1, request(call, now + 1, [t.header(now + 1)], cseq=2))
    field.expect(call, "valid", fine * 2, silent="STIR-042")
    now, call = field.tick(), "demanded"  # 428 to a request without, then with
    first = request(call, now)
    send(now, first)
    back(now + 0.1, answer(first, 428, "Use Identity Header"))
    send(now + 2, request(call, now + 2, [t.header(now + 2)], cseq=2))
    field.expect(call, "valid", fine, silent="STIR-051")
    now, call = field.tick(), "re-invite"  # ten minutes later, with the token of the beginning
    token = t.header(now)
    first = request(call, now, [token])
    send(now, first)
    back(now + 1, answer(first, 200, "OK"))
    send(now + 600, request(call, now, [token], cseq=2, to_tag="b"))
    field.expect(call, "valid", fine, silent="STIR-042 STIR-015")
    now, call = field.tick(), "forked"
    token = t.header(now)
    for n in (1, 2, 3):
        send(now + n / 100, request(call, now, [token], uri=f"sip:device{n}@10.0.0.{n}", branch=f"fork{n}"), "203.0.113.20", f"10.0.0.{n}")
    field.expect(call, "valid", fine, silent="STIR-042")
    now = field.tick()  # through a B2BUA
    token = t.header(now)
    send(now, request("leg-in", now, [token]))
    send(now + 0.05, request("leg-out", now, [token], via="203.0.113.20"), "203.0.113.20", "10.9.9.9")
    for call in ("leg-in", "leg-out"):
        field.expect(call, "valid", fine, silent="STIR-042 STIR-052")
    now = field.tick()  # tried elsewhere after a 503
    token = t.header(now)
    first = request("tried", now, [token])
    send(now, first)
    back(now + 0.2, answer(first, 503, "Service Unavailable"))
    send(now + 0.5, request("tried-again", now, [token]), target="203.0.113.21")
    for call in ("tried", "tried-again"):
        field.expect(call, "valid", fine, silent="STIR-042")
    now = field.tick()  # a stranger takes the token: for the same number, and for another
    token = t.header(now)
    send(now, request("stolen-from", now, [token]))
    send(now + 15, request("stolen", now + 15, [token], via="192.0.2.66"), "192.0.2.66")
    send(now + 16, request("stolen-to-other", now + 16, [token], via="192.0.2.66", to="<sip:+13012347777@x>"), "192.0.2.66")
    field.expect("stolen-from", "valid", fine)
    field.expect("stolen", "valid", [("valid", "replay=warn")], "STIR-042")
    field.expect("stolen-to-other", "invalid", [("invalid", "dest=fail replay=warn")], "STIR-042")
    for name, code, reason, token, verdict, checks, told, silent in (
            ("438", 438, "Invalid Identity Header", {"how": "flipped"}, "invalid", "signature=fail", "", "STIR-051"),
            ("436-for-438", 436, "Bad Identity Info", {"how": "flipped"}, "invalid", "signature=fail", "STIR-051", ""),
            ("438-for-nothing", 438, "Invalid Identity Header", {}, "valid", "", "STIR-051", ""),
            ("403-stale", 403, "Stale Date", {"iat": NOON}, "invalid", "freshness=fail", "", "STIR-051"),
            ("403", 403, "Forbidden", {}, "valid", "", "", "STIR-051"),
            ("437", 437, "Unsupported Credential", {"cert": "no-list"}, "invalid", "tnauthlist=fail certificate?", "", "STIR-051")):
        now, call = field.tick(), "answered-" + name
        first = request(call, now, [t.header(now, **token)])
        send(now, first)
        back(now + 0.1, answer(first, code, reason))
        field.expect(call, verdict, [(verdict, checks)], told, silent)
    now, call = field.tick(), "message"
    send(now, request(call, now, [t.header(now)], method="MESSAGE", body="hello"))
    field.expect(call, "valid", fine)
    now = field.tick()
    send(now, request("unsigned", now))
    field.expect("unsigned", "unsigned", [])
    now = field.tick()
    capture.tcp(now, request("tcp-pieces", now, [t.header(now)], transport="TCP"), 300)
    capture.tcp(now + 1, request("tcp-one", now, [t.header(now)], transport="TCP") + request("tcp-two", now, [t.header(now, "second")], transport="TCP"), 1400)
    for call in ("tcp-pieces", "tcp-one", "tcp-two"):
        field.expect(call, "valid", fine, silent="STIR-053")
    capture.udp(now, request("ipv6", now, [t.header(now)]), "2001:db8::1", "2001:db8::2")
    field.expect("ipv6", "valid", fine)
    capture.udp(now, request("eight-kilobytes", now, [t.header(now, claims={"zzz": "x" * 7000})]))
    field.expect("eight-kilobytes", "valid", fine, "STIR-053")
    capture.hep(now + 7200, request("hep-late", now, [t.header(now)]), now)
    field.expect("hep-late", "valid", fine)


def compare(report, expected, domain="field"):
    """what differs, one line for each call; findings about a certificate stand for all its calls"""
    calls = {one["call_id"]: one for one in report["calls"]}
    told = {}
    for finding in report["findings"]:
        told.setdefault(finding["call_id"], set()).add(finding["id"])
    gathered = told.get(None, set())
    wrong = []
    for name, (verdict, headers, must, must_not) in expected.items():
        call = calls.get(f"{name}@{domain}")
        if call is None:
            wrong.append(f"{name}: not listed")
            continue
        differs = [] if call["verdict"] == verdict else [f"call {call['verdict']}, not {verdict}"]
        if len(headers) != len(call["identities"]):
            differs.append(f"{len(call['identities'])} headers, not {len(headers)}")
        for place, ((own, checks), seen) in enumerate(zip(headers, call["identities"])):
            if seen["verdict"] != own:
                differs.append(f"header {place} {seen['verdict']}, not {own}")
            words = checks.split()
            open_checks = {word[:-1] for word in words if word.endswith("?")}
            wanted = dict(word.split("=") for word in words if "=" in word)
            for check in {*PASSING, *wanted} - (open_checks - set(wanted)):
                if seen["checks"][check] != wanted.get(check, "pass"):
                    differs.append(f"{place}.{check} {seen['checks'][check]}, not {wanted.get(check, 'pass')}")
        ids = told.get(f"{name}@{domain}", set())
        differs += [f"no {one}" for one in must if one not in ids | gathered] + [f"{one} told" for one in must_not if one in ids]
        if differs:
            wrong.append(f"{name}: {'; '.join(sorted(differs))}")
    return wrong


def conclude(judged, wrong):
    """Prints what is wrong; the status to exit with."""
    for line in wrong:
        print(line)
    print(f"{judged} calls, {len(wrong)} judged otherwise")
    return 1 if wrong else 0


def main(tool):
    with tempfile.TemporaryDirectory(prefix="stir-field-") as folder:
        field = Field(Tokens(pki.Pki(folder)))
        for part in (header_fields, algorithms, claims, numbers, times, certificates, extensions, stories):
            part(field)
        field.capture.write(os.path.join(folder, "field.pcap"))

        def run(**options):
            chosen = {"trust": "roots.pem", "crls": "crl.pem", "crl-trust": "pa.pem", "certs": "certs.tsv", **options}
            command = [tool, os.path.join(folder, "field.pcap"), "-f", "json"]
            for name, value in chosen.items():
                command += ["--" + name.replace("_", "-"), os.path.join(folder, value) if value.endswith((".pem", ".tsv")) else value]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            assert done.returncode in (0, 1), (done.returncode, done.stderr)
            return json.loads(done.stdout)

        wrong = compare(run(), field.expected)
        # What no list can tell, and what no root can hold.
        verdicts = lambda report: {one["call_id"].split("@")[0]: one["verdict"] for one in report["calls"]}  # noqa: E731
        for title, report, call, verdict in (
                ("an outdated list", run(crls="crl-old.pem"), "certificate-revoked", "valid"),
                ("a forged list", run(crls="crl-forged.pem"), "certificate-revoked", "valid"),
                ("one root", run(trust="one-root.pem"), "certificate-crossed", "invalid"),
                ("one root", run(trust="one-root.pem"), "certificate-twice-crossed", "valid"),
                ("a day later", run(at="2026-05-05T13:00:00Z"), "claims-whole", "invalid")):
            if verdicts(report)[call] != verdict:
                wrong.append(f"with {title}: {call} is {verdicts(report)[call]}, not {verdict}")
        accepted = [name for name, verdict in verdicts(run(trust="rogue-root.pem")).items() if verdict == "valid" and name != "certificate-rogue"]
        wrong += [f"under the rogue root: {name} is valid" for name in accepted]
        return conclude(len(field.expected), wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
