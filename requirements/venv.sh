#!/bin/sh
# Make .venv what requirements/dev.txt and pyproject.toml say, with the best Python of this machine. Quick when it already is.
#
# Needs a Python >= 3.10 and a package index; pip's own configuration (mirror, proxy, certificate) is honoured.
# PYTHON=/path/to/python chooses the interpreter. Function Compute runs 3.12, so that is what is taken where there is one.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
stamp=.venv/natkeeper-stamp
# An active environment, a user-site install or a --target in pip's configuration must not lead the packages elsewhere.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_TARGET PIP_PREFIX PIP_ROOT
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

say() { printf '%s\n' "$*" >&2; }

# Run something that says nothing, and on a terminal count its seconds: a minute without a word looks like a hang, and
# what pip would say fills many screens.
counting() {
    [ -t 2 ] || { "$@"; return; }
    (seconds=0; while sleep 1; do seconds=$((seconds + 1)); printf '\r  %s s' "$seconds"; done >&2) &
    counter=$!
    trap 'kill "$counter" 2>/dev/null || true; printf "\r\033[K" >&2' EXIT
    trap 'exit 130' INT TERM HUP
    "$@"
    kill "$counter"
    trap - EXIT INT TERM HUP
    printf '\r\033[K' >&2
}

# What .venv was made from. The interpreter counts only when the user names one: without a name, what is there stays.
# Under sudo, for example, PATH finds another, and that is no reason to build everything anew as root.
locked=$(cat requirements/build.txt requirements/dev.txt | cksum)
project=$(cksum < pyproject.toml)
wanted="packages $locked
checkout $root
asked ${PYTHON:-$(sed -n 's/^asked //p' "$stamp" 2>/dev/null || true)}"

same() { [ -f "$stamp" ] && [ "$(sed 4q "$stamp" 2>/dev/null)" = "$wanted
project $project" ] && .venv/bin/python -c '' 2>/dev/null; }
packages_same() { [ -f "$stamp" ] && [ "$(sed 3q "$stamp" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; }

same && exit 0

# Two makes at once in a fresh clone: the second waits for the first and finds the work done.
if [ -z "${NATKEEPER_VENV_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    mkdir -p build
    NATKEEPER_VENV_LOCKED=1 exec flock build/venv.lock "$0" "$@"
fi

# A pyenv shim is on PATH for every version that pyenv has somewhere, and most of them only print an error: run it to know.
works() { "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; }
has_pip_to_give() { "$1" -c 'import ensurepip' >/dev/null 2>&1 || "$1" -m pip --version >/dev/null 2>&1; }

candidates() {
    if [ -n "${PYTHON:-}" ]; then
        printf '%s\n' "$PYTHON"
        return
    fi
    command -v python3.12 || true
    pyenv=$(pyenv root 2>/dev/null || printf '%s' "${PYENV_ROOT:-$HOME/.pyenv}")
    for found in "$pyenv"/versions/3.12*/bin/python3.12; do
        if [ -x "$found" ]; then printf '%s\n' "$found"; fi
    done
    for found in python3 python3.13 python3.11 python3.10 python3.14 /usr/bin/python3; do
        command -v "$found" || true
    done
}

choose() {
    seen=
    while read -r candidate; do
        works "$candidate" || continue
        seen=$candidate
        if has_pip_to_give "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    if [ -n "$seen" ]; then
        say "natkeeper: $seen cannot make virtual environments, because it has neither ensurepip nor pip." \
            "On Debian and Ubuntu: apt-get install python3-venv"
    elif [ -n "${PYTHON:-}" ]; then
        say "natkeeper: PYTHON=$PYTHON is not a working Python >= 3.10."
    else
        say "natkeeper: needs Python >= 3.10 (3.12 is best: Function Compute runs it), and found none:" \
            "install python3, or name one with  make PYTHON=/path/to/python"
    fi
    return 1
}

if ! packages_same; then
    if [ -L .venv ]; then
        say "natkeeper: .venv is a link to $(readlink .venv), which would be cleared: remove the link"
        exit 1
    fi
    python=$(candidates | choose)
    say "natkeeper: setting up .venv with $("$python" --version) (once, about a minute)"
    rm -f "$stamp"
    if "$python" -c 'import ensurepip' >/dev/null 2>&1; then
        "$python" -m venv --clear .venv
    else # Debian without python3-venv, but with python3-pip
        "$python" -m venv --clear --without-pip .venv
        "$python" -m pip --python .venv/bin/python install -qq pip
    fi
    install="install -qq --require-hashes --no-deps"
    # shellcheck disable=SC2086
    {
        counting .venv/bin/python -m pip $install --only-binary :all: -r requirements/build.txt
        # The two packages without wheels are built with the locked tools just installed, not with whatever the index has today.
        counting .venv/bin/python -m pip $install --no-build-isolation -r requirements/dev.txt
    }
fi
.venv/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
printf '%s\nproject %s\n' "$wanted" "$project" > "$stamp"
