#!/usr/bin/env bash
# Builds the Debian package into build/package/. The same sources give the same bytes: its times are those of the last
# commit, or SOURCE_DATE_EPOCH.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)
fi
export SOURCE_DATE_EPOCH
umask 022

./scripts/deps.sh --build
# Training counts depend on a run's random seeds, and so would the bytes.
cmake --preset release -DVOIP_TESTS=OFF -DVOIP_TRAIN=OFF >/dev/null
cmake --build --preset release -j "${JOBS:-2}"
(cd build/release && cpack -G DEB -B ../package >/dev/null)
ls build/package/*.deb
