#!/usr/bin/env bash
# Shows which crates below the engine are built with other features when other packages are chosen:
# each line is a reason to compile the engine again. Empty is good. See host/unify/Cargo.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

features() { cargo tree "$@" --format '{p} [{f}]' --prefix none --locked |
    sed 's/ (\*)//; s/ (proc-macro)//; s/ (\/[^)]*)//' | sort -u; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo tree -p wasmtime -p wasmtime-wasi -e normal,build --format '{p}' --prefix none --locked |
    sed 's/ (\*)//; s/ (proc-macro)//; s/ (\/[^)]*)//' | sed '/^$/d' | sort -u >"$work/below"
features --workspace -e normal,build,dev | grep -F -f "$work/below" >"$work/all"
for package in thali-contract thali-runtime thali-platform thali-control thali-gateway thali thali-bench; do
    for edges in normal,build normal,build,dev; do
        features -p "$package" -e "$edges" | grep -F -f "$work/below" >"$work/one"
        comm -23 "$work/one" "$work/all" | sed "s/^/$package ($edges): /"
    done
done
