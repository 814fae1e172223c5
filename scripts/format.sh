#!/usr/bin/env bash
# Formats all C++ sources in place. --check: changes nothing, names the files that differ, status 1 when any does.
set -eu
cd "$(dirname "$0")/.."
if ! command -v clang-format-14 >/dev/null; then
  echo "format: clang-format-14 is not installed" >&2
  exit 77
fi
mode=(-i)
[ "${1:-}" = --check ] && mode=(--dry-run --Werror --ferror-limit=1)
find lib apps tests fuzz bench -name '*.h' -print0 -o -name '*.cpp' -print0 | LC_ALL=C sort -z |
  xargs -0 clang-format-14 "${mode[@]}"
