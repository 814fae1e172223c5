#!/usr/bin/env bash
# Builds everything with g++, sanitizers and warnings as errors, and runs all tests. --clang: the same again with clang 14.
# One of the tests is the formatting (test source.format). JOBS: how many at a time, default 2.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-2}

presets=(dev)
for option in "$@"; do
  case "$option" in
    --clang) presets+=(clang) ;;
    *) echo "usage: scripts/test.sh [--clang]" >&2; exit 2 ;;
  esac
done

./scripts/deps.sh
status=0
for preset in "${presets[@]}"; do
  cmake --preset "$preset" -DCMAKE_MESSAGE_LOG_LEVEL=WARNING >/dev/null
  cmake --build --preset "$preset" -j "$jobs"
  # Last, so that its summary is the last thing on the screen.
  ctest --preset "$preset" -j "$jobs" --output-on-failure || status=1
done
exit "$status"
