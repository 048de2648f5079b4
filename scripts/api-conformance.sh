#!/usr/bin/env bash
# Starts a node on free ports with all components, and checks what it says about itself against what it does:
# openapi-spec-validator on /openapi.json, then schemathesis, which calls every operation with values of the schema
# and values outside it. Nothing of it is left behind. More arguments go to schemathesis.
#
#   THALI                  the host binary (default target/release/thali)
#   CONFORMANCE_EXAMPLES   test cases per operation (default 40)
set -euo pipefail
cd "$(dirname "$0")/.."

thali=${THALI:-target/release/thali}
examples=${CONFORMANCE_EXAMPLES:-40}
# Compiling the components for the first time, on a busy machine of two cores.
start_seconds_max=120
# The host lets running requests finish for 30 s at most; a little more than that.
stop_seconds_max=35

say() { printf 'api-conformance: %s\n' "$*" >&2; }
die() {
    say "$*"
    if [ -s "$work/thali.log" ]; then say "the last of the host's log:"; tail -n 30 "$work/thali.log" >&2; fi
    exit 1
}

[ -x "$thali" ] || { say "$thali is not there: run 'just build build-components' first"; exit 1; }
tools=$(scripts/python-tools.sh)
work=$(mktemp -d)
host=

alive() { [ -n "$host" ] && kill -0 "$host" 2>/dev/null; }
# True as soon as the command given is, false when the seconds have passed.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}
gone() { ! alive; }
# A host that does not stop is killed, and is a failure even when everything else went well.
stop() {
    alive || return 0
    kill -TERM "$host" 2>/dev/null || true
    within "$stop_seconds_max" gone || { say "the host did not stop within $stop_seconds_max s"; kill -KILL "$host"; return 1; }
}
cleanup() {
    local status=$?
    stop || status=1
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

say "starting $thali"
"$thali" up --listen 127.0.0.1:0 --admin 127.0.0.1:0 --data "$work/data" --components target/components --seed --dev \
    --addr-file "$work/addresses" >"$work/thali.log" 2>&1 </dev/null &
host=$!

# The file holds the address of the services under the name `listen`: as `listen=127.0.0.1:41234`, or in JSON.
address() { tr ',' '\n' <"$work/addresses" | sed -n 's/.*listen[^0-9]*\([0-9.]*:[0-9][0-9]*\).*/\1/p' | head -n 1; }
started() { gone || [ -s "$work/addresses" ]; }
ready() { gone || curl -sf -o /dev/null --max-time 2 "http://$at/health/ready"; }

within "$start_seconds_max" started || die "no address after $start_seconds_max s"
alive || die "the host ended while starting"
at=$(address)
[ -n "$at" ] || die "no 'listen' address in --addr-file: $(cat "$work/addresses")"
within "$start_seconds_max" ready || die "/health/ready was not 200 after $start_seconds_max s: $(curl -s --max-time 2 "http://$at/health/ready" || true)"
alive || die "the host ended while starting"

say "openapi-spec-validator http://$at/openapi.json"
curl -sf --max-time 10 "http://$at/openapi.json" -o "$work/openapi.json" || die "GET /openapi.json failed"
"$tools/openapi-spec-validator" --schema 3.1 --validation-errors all --subschema-errors all "$work/openapi.json" >&2 || die "the OpenAPI document is not valid"

# The checks are the promises: no 5xx, no answer outside the document, malformed input refused, 405 with Allow.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks+=,response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance
# An event stream answers for as long as somebody listens, which the tool would do for ever: the tests of the
# gateway follow those.
token=$("$thali" token --data "$work/data" --sub conformance --scope admin) || die "no token"

say "schemathesis, $examples test cases per operation"
(
    cd "$work"
    "$tools/schemathesis" run "http://$at/openapi.json" --checks "$checks" --max-examples "$examples" --continue-on-failure \
        --exclude-operation-id-regex '_stream$' --generation-deterministic --header "Authorization: Bearer $token" --request-timeout 15 --no-color "$@" </dev/null
) || die "schemathesis found what the document does not promise (above)"
alive || die "the host ended under the tests"
stop || exit 1
say "passed"
