#!/usr/bin/env bash
# Runs the tests of apps/tracker and apps/dashboard in a headless Chromium. Brings what they need: two packages from npm, of exactly the versions
# in the lock file, and Debian's `chromium`. Arguments go to `node --test`: --test-name-pattern=kitchen
#
#   THALI      the host binary (default target/release/thali)
#   CHROMIUM   the browser (default /usr/bin/chromium)
set -euo pipefail
cd "$(dirname "$0")/../apps/testing"

node_major_min=20
# One test takes seconds; on a busy machine of two cores a minute.
test_ms_max=300000

say() { printf 'browser-tests: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

command -v npm >/dev/null || die "npm is not there: apt-get install nodejs npm, version $node_major_min or newer"
node -e "process.exit(process.versions.node.split('.')[0] < $node_major_min ? 1 : 0)" || die "node is $(node --version), and must be $node_major_min or newer"

if ! cmp -s package-lock.json node_modules/installed.json; then
    say "installing playwright-core and axe-core from npm into apps/testing/node_modules"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 </dev/null || die "npm could not install: see above. It needs the npm registry."
    cp package-lock.json node_modules/installed.json
fi

export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$CHROMIUM" ]; then
    say "installing Debian's chromium"
    sudo=
    [ "$(id -u)" = 0 ] || sudo='sudo -n'
    { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends chromium; } >&2 </dev/null ||
        die "chromium cannot be installed: bring one yourself and name it in CHROMIUM"
fi

# One file after the other: each has a host and a browser of its own.
exec node --test --test-concurrency=1 --test-timeout="$test_ms_max" "$@" ../*/tests/*.test.mjs
