#!/usr/bin/env python3
"""Each check on a capture that breaks it and on neighbours that nearly do: findings.py TOOL TESTDATA.

The expectations come from the stories of the fixtures (testdata/README.md) and the catalogue of checks, not from a run:
`must` are the checks that the story breaks, `may_not` those of its neighbours that must stay silent."""
import json
import pathlib
import subprocess
import sys

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])

# fixture: (must, may_not). An id may carry a severity: "SRTP-002:low".
CASES = {
    "calls/plain-pcmu": (["SRTP-001:high"], ["SRTP-002", "SRTP-004", "SRTP-005", "SRTP-006", "SRTP-007", "SRTP-008", "SRTP-031", "SRTP-036"]),
    "calls/plain-pcmu-silence": (["SRTP-001"], ["SRTP-005"]),
    "calls/plain-pcmu-noise": (["SRTP-001"], ["SRTP-005"]),
    "calls/sdes-udp-pcmu": (["SRTP-002:critical", "SRTP-031"], ["SRTP-001", "SRTP-004", "SRTP-005", "SRTP-006", "SRTP-007", "SRTP-008", "SRTP-028"]),
    "calls/sdes-srtcp": (["SRTP-002"], ["SRTP-031", "SRTP-004", "SRTP-028"]),
    "calls/refused-488": (["SRTP-002:low"], ["SRTP-001", "SRTP-009", "SRTP-007"]),
    "calls/refused-port-zero": (["SRTP-002:low"], ["SRTP-001", "SRTP-007"]),
    "calls/cancelled": (["SRTP-002:low"], ["SRTP-001"]),
    "calls/lying-savp": (["SRTP-004:critical"], ["SRTP-001", "SRTP-005"]),
    "calls/lying-savp-silence": (["SRTP-004"], ["SRTP-001"]),
    "calls/lying-g729": (["SRTP-004"], []),
    "calls/lying-amr-wb-be": (["SRTP-004"], []),
    "calls/one-way-clear": (["SRTP-004"], []),
    "calls/suite-null": (["SRTP-002"], ["SRTP-004", "SRTP-001"]),
    "calls/unencrypted-srtp": (["SRTP-002"], ["SRTP-004", "SRTP-001"]),
    "calls/osrtp-accepted": (["SRTP-006"], ["SRTP-001", "SRTP-007"]),
    "calls/osrtp-refused": (["SRTP-006", "SRTP-001"], ["SRTP-007"]),
    "calls/savp-or-avp": (["SRTP-001"], ["SRTP-006", "SRTP-007"]),
    "calls/savp-or-avp-secure": ([], ["SRTP-001", "SRTP-006", "SRTP-007"]),
    "calls/downgraded-answer": (["SRTP-007:high", "SRTP-001"], ["SRTP-008"]),
    "calls/answer-without-key": (["SRTP-007", "SRTP-004"], ["SRTP-001"]),
    "calls/reinvite-to-avp": (["SRTP-008:high"], ["SRTP-004", "SRTP-028"]),
    "calls/update-to-avp": (["SRTP-008"], ["SRTP-004", "SRTP-028"]),
    "calls/srtp-then-clear": (["SRTP-008", "SRTP-004"], []),
    "calls/reinvite-hold": ([], ["SRTP-008", "SRTP-001", "SRTP-004"]),
    "calls/reinvite-rekey": ([], ["SRTP-008", "SRTP-028", "SRTP-001"]),
    "calls/retry-clear": (["SRTP-009:high"], ["SRTP-007"]),
    "calls/retry-clear-phone": (["SRTP-009"], []),
    "calls/retry-secure": ([], ["SRTP-009", "SRTP-001"]),
    "calls/sbc-srtp-rtp": (["SRTP-010:medium", "SRTP-001"], ["SRTP-004", "SRTP-007"]),
    "calls/sbc-rtp-srtp": (["SRTP-010"], ["SRTP-004"]),
    "calls/sbc-srtp-srtp": (["SRTP-010:medium"], ["SRTP-001", "SRTP-062"]),
    "calls/sbc-srtp-passthrough": ([], ["SRTP-010", "SRTP-001"]),
    "calls/sbc-rtp-rtp": (["SRTP-001"], ["SRTP-010"]),
    "calls/dtls-no-fingerprint": (["SRTP-036:high"], ["SRTP-001"]),
    "calls/dtls-no-fingerprint-refused": ([], ["SRTP-001"]),
    "srtp/dtls-baresip": ([], ["SRTP-001", "SRTP-002", "SRTP-004", "SRTP-036"]),
    "srtp/sdes-tampered": (["SRTP-028:high"], ["SRTP-004"]),
    "srtp/sdes-cm128-80": ([], ["SRTP-028", "SRTP-004", "SRTP-031"]),
    "srtp/sdes-wrong-key": (["SRTP-028:medium"], ["SRTP-004"]),
    "srtp/sdes-seq-wrap": ([], ["SRTP-028"]),
    "srtp/zrtp-linphone": (["SRTP-052:info"], ["SRTP-001", "SRTP-005", "SRTP-048", "SRTP-049", "SRTP-050", "SRTP-051", "SRTP-053"]),
    "srtp/dtls-cm80-mux": (["SRTP-044:medium"], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054", "SRTP-043"]),
    "srtp/dtls-gcm128-mux": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls-fragmented": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls-lost-flight": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls-baresip-mux": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls-linphone": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls-resumed": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls13-nss": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls-13": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/dtls-fork": ([], ["SRTP-036", "SRTP-037", "SRTP-038", "SRTP-039", "SRTP-040", "SRTP-041", "SRTP-042", "SRTP-045", "SRTP-046", "SRTP-047", "SRTP-054"]),
    "srtp/bridge-dtls-sdes": ([], ["SRTP-036", "SRTP-037", "SRTP-040", "SRTP-045", "SRTP-046", "SRTP-054"]),
    "srtp/dtls-no-fingerprint": (["SRTP-036:high"], ["SRTP-037", "SRTP-044"]),
    "srtp/dtls-wrong-fingerprint": (["SRTP-037:critical"], ["SRTP-045"]),
    "srtp/dtls-wrong-fingerprint-ignored": (["SRTP-037:critical"], []),
    "srtp/dtls-altered-by-relay": (["SRTP-037:critical"], []),
    "srtp/dtls-many-fingerprints": ([], ["SRTP-037", "SRTP-038"]),
    "srtp/dtls-media-level-wins": ([], ["SRTP-037"]),
    "srtp/dtls-sha1-fingerprint": (["SRTP-038:medium"], ["SRTP-037"]),
    "srtp/dtls-md5-fingerprint": (["SRTP-038:high"], ["SRTP-037"]),
    "srtp/dtls-setup-conflict": (["SRTP-039:medium"], ["SRTP-045"]),
    "srtp/dtls-setup-passive-starts": (["SRTP-039:medium"], []),
    "srtp/dtls-offerer-active": ([], ["SRTP-039"]),
    "srtp/dtls-no-use-srtp": (["SRTP-040:high", "SRTP-004"], ["SRTP-045"]),
    "srtp/dtls-client-no-use-srtp": (["SRTP-040:high"], []),
    "srtp/dtls-no-common-profile": (["SRTP-040:high"], []),
    "srtp/dtls-data-channel": ([], ["SRTP-040", "SRTP-036"]),
    "srtp/dtls-10": (["SRTP-041:high"], ["SRTP-037"]),
    "srtp/dtls-rsa-kx-cbc": (["SRTP-042:medium", "SRTP-043:medium"], ["SRTP-041"]),
    "srtp/dtls-null-cipher": (["SRTP-042:high"], ["SRTP-012"]),
    "srtp/dtls-null-profile": (["SRTP-012"], ["SRTP-004", "SRTP-042"]),
    "srtp/dtls-mky": ([], ["SRTP-044"]),
    "srtp/dtls-no-common-cipher": (["SRTP-045:high"], ["SRTP-040"]),
    "srtp/dtls-absent": (["SRTP-045:high"], ["SRTP-036"]),
    "srtp/dtls-stranger-hello": (["SRTP-046:high"], ["SRTP-037"]),
    "srtp/dtls-stranger-with-ice": ([], ["SRTP-046"]),
    "srtp/dtls-one-certificate": (["SRTP-047:low"], ["SRTP-036"]),
    "srtp/dtls-one-gateway": ([], ["SRTP-047"]),
    "srtp/zrtp-no-commit": (["SRTP-048:medium", "SRTP-049:low"], ["SRTP-052"]),
    "srtp/zrtp-one-sided": (["SRTP-048:info"], ["SRTP-048:medium", "SRTP-049"]),
    "srtp/zrtp-hash-changed": (["SRTP-049:high"], ["SRTP-048", "SRTP-052"]),
    "srtp/zrtp-hash-removed": (["SRTP-049:low"], ["SRTP-049:high"]),
    "srtp/zrtp-weak-choices": (["SRTP-050:medium"], ["SRTP-053"]),
    "srtp/zrtp-go-clear": (["SRTP-051:high"], ["SRTP-048"]),
    "srtp/zrtp-error": (["SRTP-053:medium"], ["SRTP-048", "SRTP-052"]),
    "srtp/dtls-and-sdes": (["SRTP-054:info"], ["SRTP-054:medium"]),
    "srtp/sdes-instead-of-dtls": (["SRTP-054:medium"], ["SRTP-045"]),
    "srtp/mikey-null-key": (["SRTP-055:critical", "SRTP-055:medium"], []),
    "srtp/mikey-psk": (["SRTP-055:info"], ["SRTP-055:medium", "SRTP-055:critical"]),
    "calls/orphan-rtp": (["SRTP-001"], ["SRTP-005"]),
    "calls/orphan-srtp": ([], ["SRTP-001", "SRTP-005"]),
    "calls/normal-register": ([], ["SRTP-001", "SRTP-002"]),
    "calls/events-only-savp": ([], ["SRTP-004", "SRTP-001"]),
    "calls/duplicated": ([], ["SRTP-028", "SRTP-004"]),
}

failures = 0
for name, (must, may_not) in CASES.items():
    capture = next((root / f"{name}{end}" for end in (".pcap", ".pcapng") if (root / f"{name}{end}").exists()), None)
    if capture is None:
        print(f"FAIL {name}: no such fixture")
        failures += 1
        continue
    keylog = root / f"{name}.keylog"
    extra = ["--keylog", str(keylog)] if keylog.exists() else []
    run = subprocess.run([tool, "-f", "json", "--fail-on", "never", *extra, str(capture)], capture_output=True, text=True, timeout=300)
    if run.returncode not in (0, 3):
        print(f"FAIL {name}: exit {run.returncode}: {run.stderr.strip()[:200]}")
        failures += 1
        continue
    report = json.loads(run.stdout)
    found = {f["id"] for f in report["findings"]} | {f"{f['id']}:{f['severity']}" for f in report["findings"]}
    for wanted in must:
        if wanted not in found:
            print(f"FAIL {name}: {wanted} is missing; found {sorted(f for f in found if ':' in f)}")
            failures += 1
    for wrong in may_not:
        if wrong in found:
            text = next(f["message"] for f in report["findings"] if f["id"] == wrong.split(":")[0])
            print(f"FAIL {name}: {wrong} should stay silent: {text}")
            failures += 1
    for finding in report["findings"]:
        if not finding["evidence"] or any(e["frame"] < 1 for e in finding["evidence"]):
            print(f"FAIL {name}: {finding['id']} without a frame")
            failures += 1
print(f"{len(CASES)} fixtures, {failures} failures")
sys.exit(1 if failures else 0)
