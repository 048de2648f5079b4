#!/usr/bin/env bash
# Checks what is in deploy/ as far as a machine without systemd, Kubernetes, Helm and image registries allows; deploy/README.md
# says what that leaves open. Brings what it needs from Debian and PyPI. `--write` writes deploy/kubernetes/ anew from the chart.
#
#   THALI   the host binary (default target/release/thali)
set -euo pipefail
cd "$(dirname "$0")/.."

thali=$PWD/${THALI:-target/release/thali}
# What systemd makes of the unit, in tenths: 0 is locked up, 100 is open.
exposure_max=20
# A traced host starts slowly; ten components are compiled.
start_seconds_max=180

say() { printf 'deploy-checks: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
work=$(mktemp -d)
host=
# runc and not crun, which does not know the control groups of some virtual machines.
podman() { command podman --runtime runc --storage-driver vfs --root "$work/storage" --runroot "$work/run" --cgroup-manager cgroupfs "$@"; }
cleanup() {
    local status=$?
    [ -z "$host" ] || kill -KILL "$host" 2>/dev/null || true
    if [ -e "$work/storage" ]; then podman rm -f thali >/dev/null 2>&1 || true; podman system reset -f >/dev/null 2>&1 || true; fi
    rm -rf "$work" 2>/dev/null || true
    exit "$status"
}
trap cleanup EXIT

bring() { # COMMAND PACKAGE..
    command -v "$1" >/dev/null && return 0
    shift
    say "installing Debian's $*"
    local sudo=
    [ "$(id -u)" = 0 ] || sudo='sudo -n'
    { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@"; } >"$work/apt" 2>&1 </dev/null ||
        { tail -n 3 "$work/apt" >&2; die "$* cannot be installed"; }
}

ready() { curl -fsS "http://$1/health/ready" >/dev/null 2>&1; }
order() { # ADDRESS: what a customer does
    curl -fsS -o "$work/order" "http://$1/api/v1/orders" -H 'content-type: application/json' -d '{"restaurant_id": "1",
        "items": [{"item_id": "1", "quantity": 1}], "customer": {"name": "Ada", "phone": "+15550100"},
        "address": {"line": "1 Main St", "lat": 52.52, "lon": 13.40}}' && grep -q '"status":"' "$work/order"
}
until_ready() { # ADDRESS_FILE: prints the address of the services
    local deadline=$((SECONDS + start_seconds_max)) address
    until [ -s "$1" ] && address=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["listen"])' "$1") && ready "$address"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
    echo "$address"
}

[ -x "$thali" ] || die "$thali is not there: run 'just build build-components' first"
[ -e target/components/orders.wasm ] || die "target/components is empty: run 'just build-components' first"
bring curl curl
tools=$(scripts/python-tools.sh scripts/deploy-requirements.txt python-deploy)

unit() {
    bring systemd-analyze systemd
    say "systemd: the unit is understood, and as closed as a compiler allows"
    sed "s|/usr/bin/thali|$thali|" deploy/systemd/thali.service >"$work/thali.service"
    systemd-analyze verify --recursive-errors=no "$work/thali.service" || die "systemd-analyze verify refuses the unit"
    systemd-analyze security --offline=true --threshold="$exposure_max" "$work/thali.service" >"$work/security" 2>&1 ||
        { tail -n 3 "$work/security" >&2; die "the unit is more open than $exposure_max tenths"; }
    tail -n 1 "$work/security" >&2
}

# The unit's filter is not installed here, but every system call of a host that starts, serves and stops must pass it.
system_calls() {
    bring strace strace
    say "systemd: the system calls of a host under strace pass the unit's filter"
    # As nobody in particular, like the unit's DynamicUser: SQLite calls fchown for root alone.
    mkdir "$work/traced" && chmod 711 "$work" && cp -r target/components "$work/components" && cp "$thali" "$work/thali" && chmod -R a+rX "$work/components" "$work/thali"
    [ "$(id -u)" != 0 ] || { as="setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs"; chown 65532:65532 "$work/traced"; }
    strace -f -qq -o "$work/strace" ${as:-} "$work/thali" up --listen 127.0.0.1:0 --admin 127.0.0.1:0 --data "$work/traced/data" --dev --seed \
        --components "$work/components" --addr-file "$work/traced/addresses.json" >"$work/traced.log" 2>&1 &
    host=$!
    local address
    address=$(until_ready "$work/traced/addresses.json") || { tail -n 5 "$work/traced.log" >&2; die "the traced host did not start"; }
    order "$address" || die "the traced host takes no order"
    pkill -TERM -P "$host" || true
    wait "$host" || die "the traced host stopped with $?"
    host=
    "$tools/python3" - "$work/strace" deploy/systemd/thali.service <<'PYTHON'
import re, subprocess, sys
trace, unit = sys.argv[1:]
called = set()
for line in open(trace, errors="replace"):
    # What came before is how the host was made somebody else.
    if "execve(" in line and "/thali\"" in line: called = set()
    found = re.match(r"\d+ (?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed>)", line)
    if found: called.add(found[1])
sets, now = {}, None
for line in subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout.splitlines():
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    if line.startswith("@"): now = sets.setdefault(line.strip(), set())
    elif line.startswith("    ") and now is not None and not line.strip().startswith("#"): now.add(line.strip())
def members(name):
    if not name.startswith("@"): return {name}
    return set().union(*(members(one) for one in sets[name]))
allowed = set()
for words in re.findall(r"^SystemCallFilter=(.*)$", open(unit).read(), re.M):
    names = set().union(*(members(word) for word in words.lstrip("~").split()))
    allowed = allowed - names if words.startswith("~") else allowed | names
refused = called - allowed
if len(called) < 40: sys.exit(f"only {len(called)} system calls were seen, that is no host")
if refused: sys.exit(f"the unit's filter refuses what the host calls: {' '.join(sorted(refused))}")
print(f"deploy-checks: {len(called)} different system calls, all of them allowed", file=sys.stderr)
PYTHON
}

chart() {
    bring go golang-go golang-github-masterminds-sprig-dev golang-github-ghodss-yaml-dev
    [ -d /usr/share/gocode/src/github.com/Masterminds/sprig ] || bring no-such-command golang-github-masterminds-sprig-dev golang-github-ghodss-yaml-dev
    say "kubernetes: the chart renders, its values fit their schema, what comes out fits the API's"
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$PWD/target/go-cache" GOFLAGS= go build -o "$work/chart" scripts/chart/main.go
    local helm=deploy/helm/thali
    "$tools/python3" - "$helm" deploy/helm/example-values.yaml <<'PYTHON'
import json, sys, jsonschema, yaml
chart, example = sys.argv[1:]
schema = json.load(open(f"{chart}/values.schema.json"))
values = yaml.safe_load(open(f"{chart}/values.yaml"))
jsonschema.validate(values, schema)
jsonschema.validate(yaml.safe_load(open(example)), schema)
if set(values) != set(schema["properties"]) - {"global"}: sys.exit("values.yaml and values.schema.json have different keys")
PYTHON
    { echo "# Rendered from deploy/helm/thali by scripts/deploy-checks.sh --write; kubectl apply -n NAMESPACE -f this."; "$work/chart" $helm thali default; } >"$work/plain.yaml"
    "$work/chart" $helm shop production deploy/helm/example-values.yaml >"$work/example.yaml"
    # A resource of the Prometheus operator, which is not in the API's own schema.
    "$tools/python3" - "$work/example.yaml" >"$work/own.yaml" <<'PYTHON'
import sys, yaml
every = list(yaml.safe_load_all(open(sys.argv[1])))
kinds = [one["kind"] for one in every]
wanted = {"ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceMonitor", "StatefulSet"}
if set(kinds) != wanted: sys.exit(f"the example renders {kinds}")
print(yaml.safe_dump_all(one for one in every if one["kind"] != "ServiceMonitor"))
PYTHON
    for rendered in plain own; do
        "$tools/kubernetes-validate" --strict --quiet "$work/$rendered.yaml" || die "kubernetes-validate refuses $rendered.yaml"
    done
    ! "$work/chart" $helm thali default <(echo 'admin: {service: true}') >/dev/null 2>"$work/refused" || die "the chart offers an admin API without a token"
    grep -q adminTokenSecret "$work/refused" || die "the chart does not say what is missing: $(cat "$work/refused")"
    mkdir -p deploy/kubernetes
    [ "${1:-}" != --write ] || cp "$work/plain.yaml" deploy/kubernetes/thali.yaml
    cmp -s "$work/plain.yaml" deploy/kubernetes/thali.yaml || die "deploy/kubernetes/thali.yaml is not what the chart renders: scripts/deploy-checks.sh --write"
}

prometheus() {
    bring promtool prometheus
    say "prometheus: configuration and rules"
    mkdir -p "$work/prometheus"
    cp deploy/prometheus/prometheus.yml deploy/grafana/alerts.yaml "$work/prometheus/"
    # The token's file is where the container has it.
    echo token >"$work/prometheus/admin-token"
    sed -i "s|/run/secrets/admin-token|$work/prometheus/admin-token|; s|/etc/prometheus/alerts.yaml|alerts.yaml|" "$work/prometheus/prometheus.yml"
    promtool check config "$work/prometheus/prometheus.yml" >"$work/promtool" 2>&1 || { cat "$work/promtool" >&2; die "promtool refuses it"; }
}

# The last stage of the Containerfile cannot be pulled here: an empty image with the same few libraries takes its place.
image() {
    bring podman podman runc
    bring runc runc
    say "container: compose file, then an image that runs without root, capabilities and a writable root"
    (
        mkdir -p "$work/compose" && cp -r deploy "$work/compose/" && cd "$work/compose/deploy" && mkdir -p secrets
        echo token >secrets/admin-token && echo THALI_TOKEN_KEY=key >secrets/thali.env
        PATH="$tools:$PATH" podman-compose -f compose.yaml config >"$work/compose.log" 2>&1
    ) || { cat "$work/compose.log" >&2; die "podman-compose refuses the compose file"; }
    mkdir -p "$work/image/root/usr/bin" "$work/image/root/components" "$work/image/root/etc/thali" "$work/image/data"
    strip --strip-debug -o "$work/image/root/usr/bin/thali" "$thali"
    ldd "$thali" | grep -o '/[^ ]*' | while read -r library; do
        install -D "$(readlink -f "$library")" "$work/image/root$library"
    done
    cp target/components/*.wasm "$work/image/root/components/"
    cp deploy/thali.toml "$work/image/root/etc/thali/"
    # The stage's own lines, from USER on.
    { echo 'FROM scratch'; echo 'COPY root /'; echo 'COPY --chown=65532:65532 data /data'; sed -n '/^USER nonroot/,$p' deploy/Containerfile | sed 's/^USER nonroot/USER 65532:65532/'; } >"$work/image/Containerfile"
    podman build --isolation chroot --format docker -q -t thali "$work/image" >"$work/podman" 2>&1 || { cat "$work/podman" >&2; die "the image cannot be built"; }
    # In a folder that the container's user may write to, for the addresses.
    mkdir -p "$work/out" && chmod 777 "$work/out"
    podman run -d --name thali --network host --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
        --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 -v "$work/out:/out" \
        -e THALI_LISTEN=127.0.0.1:0 -e THALI_ADMIN=127.0.0.1:0 -e THALI_CONFIG_FILE=/etc/thali/thali.toml -e THALI_TOKEN_KEY="$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" \
        thali up --components /components --seed --drain-delay 1s --addr-file /out/addresses.json >"$work/podman" 2>&1 || { cat "$work/podman" >&2; die "the container does not start"; }
    local address admin
    address=$(until_ready "$work/out/addresses.json") || { podman logs thali 2>&1 | tail -n 5 >&2; die "the host in the container does not get ready"; }
    order "$address" || die "the host in the container takes no order"
    admin=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["admin"])' "$work/out/addresses.json")
    podman exec -e THALI_ADMIN_URL="http://$admin" thali thali services --json >"$work/services" || die "'thali services' fails in the container"
    "$tools/python3" -c 'import json,sys; n=len(json.load(open(sys.argv[1]))["items"]); n >= 14 or sys.exit(f"{n} services run in the container, not all")' "$work/services"
    podman stop -t 45 thali >/dev/null
    [ "$(podman inspect thali --format '{{.State.ExitCode}}')" = 0 ] || die "the container did not stop in order"
}

unit
system_calls
chart "$@"
prometheus
image
say "all of it"
