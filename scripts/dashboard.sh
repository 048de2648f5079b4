#!/usr/bin/env bash
# Builds apps/dashboard into apps/dashboard/dist, which is committed, so that building the host needs no npm.
#
#   scripts/dashboard.sh            builds it
#   scripts/dashboard.sh --check    builds it aside; fails when dist is not what the sources make, or the first load is too large
set -euo pipefail
cd "$(dirname "$0")/../apps/dashboard"

say() { printf 'dashboard: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

command -v npm >/dev/null || die "npm is not there: apt-get install nodejs npm, version 20.19 or newer"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "node is $(node --version), and must be 20.19 or newer"

if ! cmp -s package-lock.json node_modules/installed.json; then
    say "installing what the lock file names from npm into apps/dashboard/node_modules"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 </dev/null || die "npm could not install: see above. It needs the npm registry."
    cp package-lock.json node_modules/installed.json
fi
export PATH="$PWD/node_modules/.bin:$PATH"

case "${1-}" in
"")
    tsc --noEmit
    vite build --logLevel warn
    node scripts/compress.mjs
    ;;
--check)
    aside=$(mktemp -d)
    trap 'rm -rf "$aside"' EXIT
    tsc --noEmit
    vite build --logLevel warn --outDir "$aside/dist" --emptyOutDir
    diff -rq -x '*.gz' -x '*.br' dist "$aside/dist" >&2 || die "dist is not what the sources make: run \`just dashboard\` and commit it"
    node scripts/compress.mjs --check
    node scripts/compress.mjs "$aside/dist" >/dev/null
    for compressed in dist/*.gz dist/*.br dist/assets/*.gz dist/assets/*.br; do
        [ -e "${compressed%.*}" ] || die "$compressed is of nothing: run \`just dashboard\` and commit it"
    done
    ;;
*) die "usage: scripts/dashboard.sh [--check]" ;;
esac
