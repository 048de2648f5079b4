#!/usr/bin/env bash
# Makes apps/docs/dist, the page at /docs, of apps/docs/page and Swagger UI from npm. It is committed, so that building the host
# needs no npm.
set -euo pipefail
cd "$(dirname "$0")/../apps/docs"

VERSION=5.35.0
INTEGRITY=sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==

say() { printf 'docs-page: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

command -v npm >/dev/null || die "npm is not there: apt-get install nodejs npm"
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
(cd "$aside" && npm pack --silent "swagger-ui-dist@$VERSION" >/dev/null) || die "npm could not fetch swagger-ui-dist $VERSION"
package=$aside/swagger-ui-dist-$VERSION.tgz
got=sha512-$(openssl dgst -sha512 -binary "$package" | base64 -w0)
[ "$got" = "$INTEGRITY" ] || die "swagger-ui-dist $VERSION is not the one that was looked at: its hash is $got"
tar -xzf "$package" -C "$aside"
node build.mjs "$aside/package"
du -b dist/* >&2
