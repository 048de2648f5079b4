#!/bin/sh
# The alerts and the configuration for Prometheus, by promtool (Debian: apt-get install prometheus); with the address of an
# admin listener, such as 127.0.0.1:8081, what it tells as well.
set -eu

cd "$(dirname "$0")/.."
if ! command -v promtool >/dev/null; then
    echo "metrics-check: promtool is not here: apt-get install prometheus" >&2
    exit 1
fi
promtool check rules deploy/grafana/alerts.yaml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# As compose.yaml has them: side by side.
cp deploy/grafana/alerts.yaml deploy/prometheus/prometheus.yml "$folder"
promtool check config --syntax-only "$folder/prometheus.yml"
[ $# -eq 0 ] || curl --fail --silent --show-error -H 'Accept: text/plain' "http://$1/metrics" | promtool check metrics
