"""How do parameters and script become one command?  As data beside it, never as text inside it.

The command is one assignment, the parameters as base64 in which no character means anything to a shell, and a reader
in front of the packed setup script. Cloud Assistant takes 24 KB after Base64 (RunCommand, ECS 2014-05-26); packed, the
script takes half of that. `python -m natkeeper.guest.pack` packs the sources in setup/ into setup.packed, which is
committed: compressing gives other bytes with other versions of zlib, and the OOS template must be the same everywhere.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import cache
from pathlib import Path

from natkeeper.guest.parameters import SetupParameters

LONGEST_COMMAND = 18 * 1024
"""Bytes before Base64; 24 KB after it."""
PACKED = Path(__file__).with_name("setup.packed")
_CANNOT_UNPACK = (
    '{"format":1,"mode":"","ready":false,"found":[],"changed":[],"undone":[],"wrong":[{"code":"cannot_unpack",'
    '"message":"base64 or gzip is missing on this machine"}],"facts":{},"started":0,"finished":0,"script":"",'
    '"fingerprint":""}'
)


class TooLong(ValueError):
    """The parameters do not fit into one Cloud Assistant command."""


@cache
def packed_script() -> str:
    """Return the script as the command carries it: gzip in base64."""
    return PACKED.read_text(encoding="ascii").strip()


@cache
def setup_script() -> str:
    """Return the script that a gateway runs: the sources without comments and indentation."""
    return gzip.decompress(base64.b64decode(packed_script())).decode("ascii")


@cache
def script_hash() -> str:
    """Return which script this is; the report repeats it."""
    return hashlib.sha256(setup_script().encode()).hexdigest()[:12]


def command(parameters: str) -> str:
    """Return the command that unpacks the script and runs it in the same shell.

    `parameters` is what stands for NK_PARAMETERS: base64, or OOS's placeholder for it. gzip and base64 are part of each
    image that Alibaba Cloud offers (Debian: essential packages; RPM-based images need both to boot).
    """
    return (
        f"#!/bin/sh\nNK_PARAMETERS='{parameters}'\n"
        f"NK_SCRIPT=$(printf %s '{packed_script()}' | base64 -d | gzip -dc) ||\n"
        f"{{ echo '{_CANNOT_UNPACK}'; exit 5; }}\n"
        'eval "$NK_SCRIPT"\n'
    )


def fingerprint(parameters: SetupParameters) -> str:
    """Return what the gateway was asked to be, whatever the mode; the report repeats it."""
    return hashlib.sha256("\n".join(parameters.lines()).encode()).hexdigest()[:12]


def parameter_block(parameters: SetupParameters) -> str:
    """Return the parameters as the script takes them in NK_PARAMETERS: base64 of `key value` lines."""
    lines = [
        f"mode {parameters.mode.value}",
        *parameters.lines(),
        f"script {script_hash()}",
        f"fingerprint {fingerprint(parameters)}",
    ]
    return base64.b64encode("\n".join(lines).encode()).decode()


def room() -> int:
    """Return how many characters the lines of an order may have, its line ends included."""
    longest_block = LONGEST_COMMAND - len(command(""))
    return longest_block // 4 * 3


def render(parameters: SetupParameters) -> bytes:
    """Return the complete content of a RunShellScript command, before its own Base64.

    Raises `TooLong` when the parameters (most likely the port forwards) do not fit.
    """
    content = command(parameter_block(parameters)).encode()
    if len(content) > LONGEST_COMMAND:
        over = (len(content) - LONGEST_COMMAND) * 3 // 4
        raise TooLong(
            f"the order to the setup script is {over} of {room()} characters too long for Cloud Assistant: "
            "use fewer port forwards, proxy entries or targets"
        )
    return content
