#!/bin/sh
# Audits the captures that were finished since the last run: see doc/cron.md. What it prints, cron mails: a report when
# there is something new, else nothing.
# usage: nightly.sh [CONFIG]      a shell file that sets the variables below; default /etc/voip-audit/nightly.conf
set -eu
PATH=/usr/local/bin:/usr/bin:/bin${PATH:+:$PATH}

captures=/var/captures          # where tcpdump or dumpcap rotate their files
state=/var/lib/voip-audit       # what this job remembers
tools="srtp-check"              # what to run
policy=                         # --policy; empty: none
stir=                           # more options of stir-verify: --certs and --trust, without blanks inside
metrics=                        # folder of node_exporter's textfile collector; empty: none
quiet_minutes=2                 # a file is finished when nothing was written to it for so long
config=${1:-/etc/voip-audit/nightly.conf}
if [ -e "$config" ]; then . "$config"; fi

mkdir -p "$state/reports"
exec 9>"$state/lock"
if ! flock -n 9; then
  echo "nightly: another run holds $state/lock" >&2
  exit 75
fi

work=$(mktemp -d "$state/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
touch "$state/done"

# Names are reused by rings and change with compression; the first bytes of a capture don't.
identity() {
  case $1 in
    *.gz) gzip -dc -- "$1" ;;
    *.zst) zstd -dcq -- "$1" ;;
    *.xz) xz -dc -- "$1" ;;
    *) cat -- "$1" ;;
  esac 2>/dev/null | head -c 4096 | sha256sum | cut -d ' ' -f 1
}

# The newest file may still be growing, also when nothing came for a while.
newest=$(find "$captures" -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-)
: > "$work/new"
: > "$work/files"
find "$captures" -type f -mmin "+$quiet_minutes" -print | sort > "$work/ready"
while IFS= read -r file; do
  [ "$file" != "$newest" ] || continue
  id=$(identity "$file")
  if grep -qx "$id" "$state/done" "$work/new"; then continue; fi
  echo "$id" >> "$work/new"
  printf '%s\0' "$file" >> "$work/files"
done < "$work/ready"
[ -s "$work/files" ] || exit 0

day=$(date -u +%Y%m%dT%H%M%SZ)
worst=0
for tool in $tools; do
  baseline=$state/$tool.baseline.json
  set -- --files-from "$work/files" --hash -q --write-baseline "$baseline"
  [ -e "$baseline" ] && set -- "$@" --baseline "$baseline"
  [ -n "$policy" ] && set -- "$@" --policy "$policy"
  [ -n "$metrics" ] && set -- "$@" -o "prometheus=$metrics/voip_audit_$tool.prom"
  case $tool in
    fraud-scan)  # who guessed on Monday may succeed on Tuesday
      if [ -e "$state/fraud-scan.state" ]; then cp "$state/fraud-scan.state" "$work/fraud-scan.state"; fi
      set -- "$@" --state "$work/fraud-scan.state" ;;
    stir-verify)
      # shellcheck disable=SC2086
      set -- "$@" $stir ;;
  esac
  status=0
  "$tool" "$@" -o "json=$state/reports/$day-$tool.json" -o "text=$work/$tool.txt" 2>"$work/$tool.err" || status=$?
  # 0: nothing new. Anything else is worth a mail.
  if [ "$status" -ne 0 ]; then
    echo "== $tool: exit status $status, report $state/reports/$day-$tool.json"
    cat "$work/$tool.err"
    [ ! -e "$work/$tool.txt" ] || cat "$work/$tool.txt"
    echo
  fi
  case $status in
    0 | 1 | 3) ;;
    *) worst=2 ;;  # could not run, was not found or was ended: not done
  esac
done

# Only now: a run that failed is made again the next time.
if [ "$worst" -eq 0 ]; then
  cat "$work/new" >> "$state/done"
  if [ -e "$work/fraud-scan.state" ]; then mv "$work/fraud-scan.state" "$state/fraud-scan.state"; fi
fi
exit "$worst"
