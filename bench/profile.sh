#!/bin/sh
# Where the time of a request goes: samples the host with perf while wrk loads it, and prints the top.
#
#   bench/profile.sh [fresh|reuse] [PATH]
#
# PATH is a route of bench/components; by default the typed GET. The samples stay in
# target/bench/perf.data for `perf report`.
set -eu

kind=${1:-fresh}
path=${2:-/api/v1/bench/items/42}
seconds=10

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
thali=$target/release/thali
bench=$target/release/thali-bench
work=

die() { echo "profile: $*" >&2; exit 1; }

case $kind in fresh | reuse) ;; *) die "usage: bench/profile.sh [fresh|reuse] [PATH]" ;; esac
[ -x "$thali" ] || die "$thali is not there: cargo build --release -p thali"
[ -x "$bench" ] || die "$bench is not there: cargo build --release -p thali-bench"
command -v perf >/dev/null || die "perf is missing: apt-get install linux-perf"
wrk=$("$root/scripts/wrk.sh")

host=
cleanup() {
    [ -z "$host" ] || { kill "$host" 2>/dev/null && wait "$host" 2>/dev/null; } || true
    [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

mkdir -p "$target/bench"
work=$(mktemp -d "$target/bench/profile-XXXXXX")
reuse=; [ "$kind" = fresh ] || reuse=--reuse
"$bench" components "$work/components" $reuse
"$thali" up --listen 127.0.0.1:0 --admin 127.0.0.1:0 --data "$work/data" --components "$work/components" \
    --no-access-log --log warn --addr-file "$work/addresses" 2>"$work/log" &
host=$!
waited=0
until [ -s "$work/addresses" ]; do
    kill -0 "$host" 2>/dev/null || { cat "$work/log" >&2; die "the host ended"; }
    [ "$waited" -lt 600 ] || die "the host is not ready after a minute"
    waited=$((waited + 1))
    sleep 0.1
done
address=$(sed 's/.*"listen" *: *"\([^"]*\)".*/\1/' "$work/addresses" | tr -d '\n')

"$wrk" -t2 -c8 -d2s "http://$address$path" >/dev/null
echo "profile: $kind instances, http://$address$path, $seconds s" >&2
"$wrk" -t2 -c8 -d"$((seconds + 2))s" "http://$address$path" >"$work/wrk" &
load=$!
# No call graph: it slows the host down, and the flat list is what is read first.
perf record -q -F 1999 -p "$host" -o "$target/bench/perf.data" -- sleep "$seconds" >&2
wait "$load"
grep -E 'Requests/sec|Non-2xx|Socket errors' "$work/wrk" >&2
report() {
    perf report -i "$target/bench/perf.data" --stdio "$@" 2>/dev/null | grep -vE '^(#|$)' | sed 's/[ -]*$//; s/   */  /g' | cut -c1-160
}
echo "by binary:"
report --sort dso --percent-limit 1
echo "by function:"
report --sort dso,symbol --percent-limit 0.4 | head -60
