#!/usr/bin/env bash
# A private PostgreSQL cluster with the tables and rows of a Homer 7 database, on a socket in DIR.
# homer_cluster.sh start DIR    prints the URL of the database; status 77 when PostgreSQL is not installed
# homer_cluster.sh sql DIR TEXT
# homer_cluster.sh stop DIR
set -eu
here=$(cd "$(dirname "$0")/../../testdata/timeline/homer7" && pwd)
action=$1
dir=$2
bin=
for candidate in /usr/lib/postgresql/15/bin "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
  if [ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ]; then
    bin=$candidate
    break
  fi
done
[ -n "$bin" ] || { echo "PostgreSQL is not installed (postgresql-15)" >&2; exit 77; }

# The server refuses to run as root.
as=()
if [ "$(id -u)" -eq 0 ]; then
  user=postgres
  id postgres >/dev/null 2>&1 || user=nobody
  as=(setpriv --reuid="$user" --regid="$(id -gn "$user")" --clear-groups env "HOME=$dir")
fi
sql() {
  "${as[@]}" psql -X -q -v ON_ERROR_STOP=1 -h "$dir" -p 5432 -U postgres "$@"
}

case "$action" in
  start)
    mkdir -p "$dir/data"
    [ "${#as[@]}" -eq 0 ] || chown -R "$user" "$dir"
    chmod 755 "$dir"
    chmod 700 "$dir/data"
    "${as[@]}" "$bin/initdb" -D "$dir/data" -A trust -U postgres -E UTF8 --no-locale --no-sync >"$dir/log" 2>&1
    "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/server.log" \
      -o "-k $dir -h '' -p 5432 -c fsync=off -c shared_buffers=32MB" start >>"$dir/log" 2>&1
    sql -d postgres -c "CREATE DATABASE homer_data"
    sql -d homer_data -v day=2026-11-23 -f - <"$here/schema.sql" >/dev/null
    sql -d homer_data -f - <"$here/rows.sql" >/dev/null
    echo "postgresql:///homer_data?host=$dir&user=postgres"
    ;;
  sql) sql -d homer_data -c "$3" ;;
  stop) "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 ;;
  *) exit 2 ;;
esac
