#!/usr/bin/env bash
# train.sh BUILD: runs the tools of a build with counters over what they will meet: generated traffic, which weighs
# most, and the recorded captures. cmake/Training.cmake calls it.
set -eu
cd "$(dirname "$0")/.."
build=$1
captures=$(mktemp -d)
trap 'rm -rf "$captures"' EXIT

"$build/bench/voipgen" -o "$captures/mix.pcap" --calls 150 --registrations 600 --duration 15 --concurrency 40
"$build/bench/voipgen" -o "$captures/sip.pcap" --calls 8000 --registrations 5000 --no-media --concurrency 2000 --seed 2
"$build/bench/voipgen" -o "$captures/hep.pcap" --calls 6000 --registrations 3000 --hep 1 --concurrency 2000 --seed 3
# Needs libsrtp2; without it the recorded calls below are what SRTP is learned from.
"$build/bench/voipgen" -o "$captures/srtp.pcap" --calls 150 --srtp 1 --duration 15 --concurrency 40 --seed 4 \
  2>/dev/null || rm -f "$captures/srtp.pcap"

run() {
  local status=0
  "$build/apps/$1" -f json "${@:2}" >/dev/null 2>&1 || status=$?
  # 0 and 1: audited; 3: and something could not be seen, as in damaged captures.
  case $status in 0 | 1 | 3) ;; *) echo "train: $1 ended with $status on ${*:2}" >&2; exit 1 ;; esac
}
for capture in "$captures"/*.pcap; do
  for tool in srtp-check stir-verify fraud-scan timeline; do run "$tool" "$capture"; done
done
for tool in srtp-check stir-verify fraud-scan timeline; do run "$tool" testdata/calls testdata/timeline testdata/stir; done
