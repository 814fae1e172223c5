#!/usr/bin/env python3
"""Files of a rotated capture, read one after the other with --state, must tell what one long file tells: fraud_cuts.py TOOL [STORY...].

Each story of fraud_unseen.py, fraud_dialects.py and fraud_third.py is cut at arbitrary moments: within calls, logins, scans. What the last files say of each campaign
must be what the whole says; what a part tells as grave must be told of the whole too."""
import pathlib
import random
import sys
import tempfile

import fraud_dialects
import fraud_third
import fraud_unseen
from fraud_wire import report_of

STORIES = {**fraud_unseen.STORIES, **fraud_dialects.STORIES, **fraud_third.STORIES}

TOLD = ("kind", "severity", "confidence", "finding", "sources", "accounts", "numbers", "destinations", "attempts", "successes", "calls", "answered", "minutes", "concurrent_peak", "messages",
        "first_time", "last_time")
SOME = ("map-war-crack-loot", "careful-guesser-with-the-face-of-a-phone", "botnet-over-many-with-success", "leaked-pairs", "seen-by-homer", "loot-by-day-few-and-long", "loot-american",
        "loot-from-the-phone-in-the-house", "prefixes-then-the-hole", "contact-moved-by-a-stranger", "digest-drawn-out-of-phones", "one-ring-from-far-away", "robots-call-everybody", "toll-free-pumped",
        "sim-box", "flood-of-registers", "war-with-a-face-of-each-phone", "scan-spread-over-sources", "guesses-by-invite", "forwarded-abroad", "guessing-over-tcp", "credentials-replayed",
        "one-guess-in-six-minutes-for-two-days", "logins-of-which-only-the-requests-are-seen", "office-with-nothing", "rtp-put-into-a-call", "keys-put-into-a-call", "both-sides-of-a-border")
tool, failed = sys.argv[1], 0


def scan(*arguments):
    return report_of(tool, *arguments)["incidents"]


def akin(a, b):
    def overlap(key):
        return not a[key] or not b[key] or set(a[key]) & set(b[key])
    return a["kind"] == b["kind"] and overlap("sources") and overlap("accounts") and (a["sources"] or overlap("numbers"))


def complain(name, text):
    global failed
    failed += 1
    print("%s: %s" % (name, text))


with tempfile.TemporaryDirectory() as scratch:
    path = pathlib.Path(scratch)
    for name in sys.argv[2:] or SOME:
        w, events, *_ = STORIES[name]()
        w.write(path / "whole.pcap")
        whole = scan(path / "whole.pcap")
        moments = [one[0] for one in w.said]
        first, last, rnd = moments[0], moments[-1], random.Random(name)
        # Two cuts anywhere, two where much happens.
        cuts = sorted([rnd.uniform(first, last) for _ in range(2)] + [rnd.choice(moments) + .0005 for _ in range(2)])
        # And within media, where there is any, so that the rest of it stands alone.
        media = [one[0] for one in w.said if one[5] == "raw"]
        cuts = sorted(cuts + [media[len(media) // share] + .0005 for share in (12, 8)]) if media else cuts
        (path / "state").unlink(missing_ok=True)
        told = []
        for begin, end in zip([0] + cuts, cuts + [1e18]):
            w.write(path / "part.pcap", begin, end)
            told += scan("--state", path / "state", path / "part.pcap")
        for one in whole:
            later = [part for part in told if akin(one, part)]
            if not later:
                complain(name, "%s %s %s is told of the whole only" % (one["severity"], one["kind"], one["finding"]))
                continue
            wrong = ["%s is %s, not %s" % (key, str(later[-1][key])[:90], str(one[key])[:90]) for key in TOLD if later[-1][key] != one[key]]
            if wrong:
                complain(name, "%s %s: %s" % (one["kind"], one["finding"], "; ".join(wrong)))
        for part in told:
            if part["severity"] in ("high", "critical") and not any(akin(one, part) for one in whole):
                complain(name, "%s %s %s of %s, %s is told of a part only" % (part["severity"], part["kind"], part["finding"], part["sources"][:2], part["accounts"][:2]))
print("%d stories cut, %d complaints" % (len(sys.argv[2:] or SOME), failed))
sys.exit(1 if failed else 0)
