#!/usr/bin/env bash
# Writes what comes from the programs: doc/checks.md from the rule tables, the README's example. The test cli.papers
# compares.
# usage: scripts/papers.sh [PROGRAM...]; without one, those of preset dev are built first.
set -eu
cd "$(dirname "$0")/.."
if [ "$#" -eq 0 ]; then
  cmake --preset dev >/dev/null
  cmake --build --preset dev -j "${JOBS:-2}" --target srtp-check stir-verify fraud-scan timeline >/dev/null
  set -- build/dev/apps/srtp-check build/dev/apps/stir-verify build/dev/apps/fraud-scan build/dev/apps/timeline
fi
python3 tests/cli/check_papers.py --source . --write "$@"
