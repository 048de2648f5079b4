# What people and CI do with this tree. Everything is built with the release profile, so that the
# engine (ten minutes) is compiled once. `./justw RECIPE` brings what the recipes need.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

thali := "target/release/thali"
nextest_profile := if env("CI", "") == "" { "default" } else { "ci" }

# List the recipes
[private]
default:
    @just --list --unsorted

# Build the host, target/release/thali, and the demo beside it
build:
    cargo build --release -p thali -p thali-demo

# Build one service and pack it into target/components/NAME.wasm
build-component NAME: build
    {{ thali }} build "components/$1"

# Build every service under components/
build-components: build
    for manifest in components/*/service.toml; do {{ thali }} build "$(dirname "$manifest")"; done
    @# What the tests of events publish and listen with.
    cargo build --quiet --profile component --target wasm32-wasip2 -p bench-announcer -p bench-listener

# Run a node with every service, the seed data and the tracker at /; a changed component is deployed as it is built
up *ARGS: build build-components
    exec {{ thali }} up --components target/components --watch --seed --dev --site apps/tracker/site "$@"

# A node like that of `up`, which builds and swaps in what is saved; ARGS: the services that are worked on
dev *ARGS: build
    exec {{ thali }} dev "$@"

# Run every test; ARGS choose some (cargo nextest's filters)
test *ARGS: build build-components
    #!/usr/bin/env bash
    set -euo pipefail
    # The services are built above: tests that each ran cargo would wait for each other.
    if cargo nextest --version >/dev/null 2>&1; then
        [ $# -gt 0 ] || cargo test --release --workspace --doc
        cargo nextest run --release --workspace --profile {{ nextest_profile }} "$@"
    else
        cargo test --release --workspace "$@"
    fi

# Formatting and clippy, warnings are errors
lint:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings

# Format everything
fmt:
    cargo fmt --all

# The documentation of every crate and the pages of docs/, warnings are errors
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --release --workspace --no-deps
    scripts/docs-check.py

# Licences, sources and banned crates of the dependencies (advisories need GitHub: see deny.toml)
deny:
    scripts/cargo-deny.sh --locked check bans licenses sources

# The OpenAPI document against its specification, and the running host against the document
conformance *ARGS: build build-components
    scripts/api-conformance.sh "$@"

# The dashboard's pages, apps/dashboard/dist, which are committed and become part of the host; --check: are they current, and small enough?
dashboard *ARGS:
    scripts/dashboard.sh "$@"

# The tracker and the dashboard in a headless Chromium, against hosts of their own; pictures of it are in target/browser-tests
test-browser *ARGS: build build-components
    scripts/browser-tests.sh "$@"

# The long run of the swap test: 50 deploys in 60 s under 32 connections, no request lost
hot-swap: build build-components
    THALI_SWAP_DEPLOYS=50 THALI_SWAP_CLIENTS=32 THALI_SWAP_PACE_MS=1200 \
        cargo test --release --workspace --test e2e -- --nocapture no_request_is_lost

# A day of customers, drivers and players on the node that `just up` runs; ARGS as of `thali-demo --help`
demo *ARGS: build
    #!/usr/bin/env bash
    set -euo pipefail
    export THALI_DEMO_TOKEN="${THALI_DEMO_TOKEN:-$({{ thali }} token --sub demo --scope admin --ttl 1h)}"
    exec target/release/thali-demo "$@"

# How large the services are, and of what: the table of docs/services.md
sizes: build build-components
    scripts/sizes.sh

# Every service from outside, while all of them are redeployed in turn, again and again
redeploy DEPLOYS="200": build build-components
    THALI_REDEPLOYS="$1" cargo test --release --workspace --test e2e -- --nocapture a_rolling_redeploy

# The long run of the kill test: 200 times kill -9 under a load of orders, nothing acknowledged is lost
chaos ROUNDS="200": build build-components
    THALI_CHAOS_ROUNDS="$1" cargo test --release --workspace --test e2e -- --nocapture nothing_that_was_acknowledged

# The cases of RELIABILITY.md against a host, one line each, with a neighbour's p99. ONLY chooses ids: S, U-1
attacks ONLY="": build build-components
    THALI_ATTACKS="$1" cargo test --release --workspace --test e2e -- --ignored --nocapture attacks::table

# What is in deploy/, as far as it can be run without systemd, Kubernetes and a registry
deploy-checks *ARGS: build build-components
    scripts/deploy-checks.sh "$@"

# docs/guide.md, typed: every command, and what it should print
guide: build
    scripts/guide.py docs/guide.md

# Benchmarks: one table, with a native server measured in the same run
bench *ARGS: build build-components
    scripts/wrk.sh >&2
    cargo run --release -p thali-bench -- "$@"

# Everything CI runs, the tests last
ci: lint (dashboard "--check") doc deny conformance guide deploy-checks test-browser test
