#!/bin/sh
# Runs cargo-deny with the arguments given, and brings it first when it is missing.
#
# Built from crates.io, because no other registry carries a recent one. Without optimisation: that builds in
# a minute instead of five, and checking takes seconds either way. Kept in the user's cache, per machine.
set -eu

version=0.20.2
minor_min=18 # older ones read another deny.toml

if command -v cargo-deny >/dev/null; then
    minor=$(cargo-deny --version | sed -n 's/^cargo-deny 0\.\([0-9]*\)\..*/\1/p')
    [ "${minor:-0}" -lt "$minor_min" ] || exec cargo-deny "$@"
fi
root=${XDG_CACHE_HOME:-$HOME/.cache}/thali/cargo-deny-$version
if [ ! -x "$root/bin/cargo-deny" ]; then
    echo "cargo-deny: building $version from crates.io (about a minute)" >&2
    mkdir -p "$root"
    # cargo's own lock on --root makes racing runs wait, and it renames the binary into place.
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$root" --target-dir "$root/target" \
        cargo-deny --version "$version" </dev/null || {
        echo "cargo-deny: could not be built: see above. It needs crates.io and a C compiler." >&2
        exit 1
    }
    rm -rf "$root/target"
fi
exec "$root/bin/cargo-deny" "$@"
