#!/bin/sh
# Prints the path of wrk, the load generator of `just bench`, and installs it from Debian when it may.
set -eu

if ! command -v wrk >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "wrk: installing Debian's wrk" >&2
        { apt-get install -y -qq --no-install-recommends wrk || { apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk; }; } \
            >&2 </dev/null || { echo "wrk: apt-get could not install it: see above" >&2; exit 1; }
    else
        echo "wrk is missing: install it (Debian, Ubuntu: sudo apt-get install wrk; macOS: brew install wrk)" >&2
        exit 1
    fi
fi
command -v wrk
