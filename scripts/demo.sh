#!/usr/bin/env bash
# Builds the tools as users run them, and audits one recorded call.
set -eu
cd "$(dirname "$0")/.."

./scripts/deps.sh --build
cmake --preset release >/dev/null
cmake --build --preset release -j "${JOBS:-2}" --target srtp-check >/dev/null

tool=build/release/apps/srtp-check
capture=testdata/calls/sbc-srtp-rtp.pcap
printf '\n$ %s %s\n\n' "$tool" "$capture"
status=0
"$tool" "$capture" || status=$?
if [ "$status" -ne 1 ]; then
  echo "demo: expected status 1, got $status" >&2
  exit 1
fi
cat <<END

srtp-check ended with exit status 1: it found what --fail-on (default: high) names. That is what this capture is for, so
the demo itself ends with 0. Where to go next:

  $tool --help
      options; the manual is man/srtp-check.1.scd
  $tool --explain SRTP-001
      what a check means, and what to do
  $tool -f json $capture
      the report for programs, see doc/output.md
  $tool YOUR.pcapng
      a capture of your own
  ./scripts/test.sh
      build and run all tests
END
