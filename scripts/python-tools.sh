#!/bin/sh
# Makes a Python environment with everything of a requirements file and prints the folder of its programs.
# It lives in target/, and is made again when the file changes.
#
#     scripts/python-tools.sh                                            the tools of the tests
#     scripts/python-tools.sh bench/flask/requirements.txt python-flask  another file, another folder
set -eu

cd "$(dirname "$0")/.."
wanted=$PWD/${1:-scripts/requirements.txt}
venv=$PWD/target/${2:-python-tools}

say() { printf 'python-tools: %s\n' "$*" >&2; }

mkdir -p target
if command -v flock >/dev/null; then exec 9>"$venv.lock"; flock 9; fi
if ! cmp -s "$wanted" "$venv/installed.txt"; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
        say "this needs Python 3.11 or newer as 'python3'" ; exit 1
    }
    say "installing ${1:-scripts/requirements.txt} from PyPI into target/${2:-python-tools}"
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 || { say "install Python's venv module: apt-get install python3-venv"; exit 1; }
    "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps -r "$wanted" >&2 </dev/null || {
        say "pip could not install: see above. It needs PyPI."
        exit 1
    }
    cp "$wanted" "$venv/installed.txt"
fi
echo "$venv/bin"
