#!/usr/bin/env bash
# Builds the tools as users run them, audits one recorded call, and tells the story of a recorded break-in.
set -eu
cd "$(dirname "$0")/.."

./scripts/deps.sh --build
# Untrained (cmake/Training.cmake): ready in less than half of the time.
cmake --preset release -DVOIP_TRAIN=OFF >/dev/null
cmake --build --preset release -j "${JOBS:-2}" --target srtp-check stir-verify fraud-scan timeline >/dev/null

tools=build/release/apps
# run TOOL CAPTURE: shows the command and its first lines; status 1 (findings) is what these captures are for.
run() {
  printf '\n$ %s %s\n\n' "$tools/$1" "$2"
  local status=0
  "$tools/$1" "$2" >"$report" || status=$?
  head -n 60 "$report"
  [ "$(wc -l <"$report")" -le 60 ] || echo "[... $(wc -l <"$report") lines in all]"
  if [ "$status" -ne 1 ]; then
    echo "demo: expected status 1 of $1, got $status" >&2
    exit 1
  fi
}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
run srtp-check testdata/calls/sbc-srtp-rtp.pcap
run timeline testdata/timeline/incident.pcap.xz
cat <<END

Both ended with exit status 1: they found what --fail-on (default: high) names. That is what these captures are for, so the
demo itself ends with 0. Where to go next:

  $tools/srtp-check --help
      options; the manual is man/srtp-check.1.scd, and so for stir-verify, fraud-scan and timeline
  $tools/fraud-scan --explain FRAUD-016
      what a check means, and what to do
  $tools/timeline -o html=story.html testdata/timeline/incident.pcap.xz
      the same as a page for the browser
  $tools/srtp-check -f json YOUR.pcapng
      a capture of your own, as a report for programs: doc/output.md
  ./scripts/test.sh
      build and run all tests
END
