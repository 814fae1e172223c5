#!/usr/bin/env python3
"""doc/fraud-proofs.md (or another) against the catalogue and the tests: fraud_proofs.py TOOL SOURCE_DIR [DOCUMENT PREFIX]."""
import pathlib
import re
import subprocess
import sys

tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
document, prefix = sys.argv[3:] or ("fraud-proofs.md", "FRAUD")
listed = set(re.findall(rf"\b{prefix}-\d{{3}}", subprocess.run([tool, "--list-checks"], capture_output=True, check=True, text=True).stdout))
wrong, seen, texts = [], set(), {}
for line in (root / "doc" / document).read_text().splitlines():
    row = re.fullmatch(rf"\| ({prefix}-\d{{3}}) \| (.+) \| (.+) \|", line)
    if not row:
        continue
    seen.add(row[1])
    for cell in row.groups()[1:]:
        named = re.match(r"`([^`]+)`: (.+)", cell)
        if not named:
            wrong.append("%s: \"%s\" names no test" % (row[1], cell))
            continue
        path = root / "tests" / named[1]
        if path not in texts:
            texts[path] = re.sub(r'"\s*\n\s*"', "", path.read_text()) if path.exists() else ""
        name = named[2].split(":")[0]  # of a story, behind it, what its neighbour is
        if name not in texts[path]:
            wrong.append("%s: %s has no test \"%s\"" % (row[1], named[1], name))
wrong += ["%s has no row" % rule for rule in sorted(listed - seen)] + ["%s is no rule" % rule for rule in sorted(seen - listed)]
print("\n".join(wrong) or "%d rules, each with a test that breaks it and one that nearly does" % len(listed))
sys.exit(1 if wrong or not listed else 0)
