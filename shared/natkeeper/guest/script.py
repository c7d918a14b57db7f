"""How do parameters and script become commands?  As data beside it, never as text inside it.

Cloud Assistant takes 24 KB after Base64 (RunCommand, ECS 2014-05-26), and the setup script is longer. So most of it,
the library, travels in a command of its own that only puts a file into /run; the setup command carries the parameters,
what reads them, and the hash of the library that it waits for and checks. Both are started together, in any order.

`python -m natkeeper.guest.pack` packs the sources in setup/ into setup.packed, which is committed: compressing gives
other bytes with other versions of zlib, and the OOS template must be the same everywhere.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from natkeeper.guest.parameters import SetupParameters

LONGEST_COMMAND = 18 * 1024
"""Bytes before Base64; 24 KB after it."""
PACKED = Path(__file__).with_name("setup.packed")
LIBRARY_TASK = "library"
"""Of the OOS template: what it prints is not a report."""
_LIBRARY = "natkeeper.library"
_WAITS = 300
"""Times 0.2 s that the setup command waits for the library."""
_CANNOT_UNPACK = (
    '{"format":1,"mode":"","ready":false,"found":[],"changed":[],"undone":[],"wrong":[{"code":"cannot_unpack",'
    '"message":"the library of the script did not arrive, or base64, gzip or sha256sum is missing"}],'
    '"facts":{},"started":0,"finished":0,"script":"","fingerprint":""}'
)


class TooLong(ValueError):
    """The parameters do not fit into one Cloud Assistant command."""


@cache
def _packed() -> tuple[str, str]:
    """Return the setup command's own part and the library, each as gzip in base64."""
    own, library = PACKED.read_text(encoding="ascii").split()
    return own, library


@cache
def setup_script() -> str:
    """Return the script that a gateway runs: the sources without comments and indentation, the library first."""
    own, library = _packed()
    return "".join(gzip.decompress(base64.b64decode(part)).decode("ascii") for part in (library, own))


@cache
def script_hash() -> str:
    """Return which script this is; the report repeats it."""
    return hashlib.sha256(setup_script().encode()).hexdigest()[:12]


def _library_hash() -> str:
    return hashlib.sha256(_packed()[1].encode()).hexdigest()


def library_command() -> str:
    """Return the command that puts the library into /run, where only root writes, unless it is there."""
    return (
        f"#!/bin/sh\numask 077\nd=${{NATKEEPER_ROOT:-}}/run f=$d/{_LIBRARY}-{_library_hash()[:12]}\n"
        f'mkdir -p "$d" && [ ! -s "$f" ] || exit 0\nrm -f "$d/{_LIBRARY}"-*\n'
        f'printf %s \'{_packed()[1]}\' >"$f.new" && mv -f "$f.new" "$f"\n'
    )


def command(parameters: str) -> str:
    """Return the setup command: it waits for the library, checks it, unpacks both parts and runs them in one shell.

    `parameters` is what stands for NK_PARAMETERS: base64, or OOS's placeholder for it. gzip, base64 and sha256sum are
    part of each image that Alibaba Cloud offers (Debian: essential packages; RPM-based images need them to boot).
    """
    return (
        f"#!/bin/sh\nNK_PARAMETERS='{parameters}'\n"
        f"f=${{NATKEEPER_ROOT:-}}/run/{_LIBRARY}-{_library_hash()[:12]} n=0\n"
        f'until [ -s "$f" ] || [ $n = {_WAITS} ]; do n=$((n + 1)); sleep 0.2 || sleep 1; done\n'
        f'case $(sha256sum "$f") in {_library_hash()}*) ;; *) false ;; esac &&\n'
        'NK_LIBRARY=$(base64 -d "$f" | gzip -dc) &&\n'
        f"NK_SCRIPT=$(printf %s '{_packed()[0]}' | base64 -d | gzip -dc) ||\n"
        f"{{ echo '{_CANNOT_UNPACK}'; exit 5; }}\n"
        'eval "$NK_LIBRARY"\neval "$NK_SCRIPT"\n'
    )


@lru_cache(maxsize=512)  # each sweep asks for it, for each group
def fingerprint(parameters: SetupParameters) -> str:
    """Return what the configuration asks of a gateway, whatever the mode; the report repeats it.

    Addresses and networks, which the cloud knows and not the configuration, are left out.
    """
    asked = replace(parameters, primary=(), public=(), networks=(), prove=False)
    return hashlib.sha256("\n".join(asked.lines()).encode()).hexdigest()[:12]


def parameter_block(parameters: SetupParameters) -> str:
    """Return the parameters as the script takes them in NK_PARAMETERS: `key value` lines, as gzip in base64."""
    lines = [
        f"mode {parameters.mode.value}",
        *parameters.lines(),
        f"script {script_hash()}",
        f"fingerprint {fingerprint(parameters)}",
    ]
    return base64.b64encode(gzip.compress("\n".join(lines).encode(), 9, mtime=0)).decode()


def room() -> int:
    """Return how many bytes an order may have when it is compressed."""
    longest_block = LONGEST_COMMAND - len(command(""))
    return longest_block // 4 * 3


def render(parameters: SetupParameters) -> bytes:
    """Return the complete content of the setup command (RunShellScript), before its own Base64.

    Raises `TooLong` when the parameters (most likely the port forwards) do not fit.
    """
    content = command(parameter_block(parameters)).encode()
    if len(content) > LONGEST_COMMAND:
        over = (len(content) - LONGEST_COMMAND) * 3 // 4
        raise TooLong(
            f"the order to the setup script is {over} bytes too long for Cloud Assistant (compressed; {room()} fit): "
            "use fewer port forwards, proxy entries or targets"
        )
    return content
