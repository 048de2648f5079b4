#!/usr/bin/env bash
# How large each service is: the packed component, and the lines of what it is made of. Prints the table of
# docs/services.md; `just sizes` compares the two.
set -euo pipefail
cd "$(dirname "$0")/.."

# Lines that say something, without comments; of Rust without the tests at the end of a file.
lines() { cat -- "$@" 2>/dev/null | grep -cvE '^[[:space:]]*(//|--|#|$)' || true; }
rust() {
    for file in "$@"; do
        case $file in */testing.rs | */tests.rs | */tests/*) continue ;; esac
        sed '/^#\[cfg(test)\]$/,$d' "$file"
    done | grep -cvE '^[[:space:]]*(//|$)' || true
}

echo '| service | packed | domain code | glue | WIT | manifest | SQL |'
echo '|---|---:|---:|---:|---:|---:|---:|'
for folder in components/*/; do
    name=$(basename "$folder")
    [ -f "$folder/service.toml" ] || continue
    size=$(($(stat -c %s "target/components/$name.wasm") / 1024))
    mapfile -t sources < <(find "$folder/src" -name '*.rs' ! -name lib.rs | sort)
    domain=$(rust ${sources[@]+"${sources[@]}"})
    glue=$(($(lines "$folder/src/lib.rs") + $(lines "$folder/world.wit")))
    mapfile -t sql < <(find "$folder" -name '*.sql' | sort)
    echo "| $name | $size KiB | $domain | $glue | $(lines "wit/$name/$name.wit") | $(lines "$folder/service.toml") | $(lines ${sql[@]+"${sql[@]}"}) |"
done
