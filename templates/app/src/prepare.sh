#!/bin/sh
# Make .venv with the natkeeper that came with this directory, once. Needs Python >= 3.10 and a package index.
set -eu
cd "$(dirname "$0")"
wheel=$(echo natkeeper-*.whl)
[ "$(cat .venv/natkeeper-wheel 2>/dev/null || true)" = "$wheel" ] && [ -x .venv/bin/natkeeper ] && exit 0
echo "natkeeper: installing $wheel into .venv (once, about a minute)" >&2
"${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install -qq "./$wheel"
echo "$wheel" >.venv/natkeeper-wheel
