"""How does the lab ask this machine for something?  By running a program, and saying plainly when it refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


class CommandFailed(Exception):
    """A program of this machine refused; the message has its command line and what it said."""


def run(command: Sequence[str], text: str = "", *, timeout_s: float = 30.0) -> str:
    """Run a program to its end and return what it printed. Raises CommandFailed."""
    try:
        ended = subprocess.run(
            command, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except FileNotFoundError as missing:
        raise CommandFailed(f"{command[0]} is not installed") from missing
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{' '.join(command)} took more than {timeout_s:.0f} s") from late
    output = ended.stdout.decode(errors="replace")
    if ended.returncode:
        raise CommandFailed(f"{' '.join(command)} ended with {ended.returncode}: {output.strip()[-500:]} {text[:500]}")
    return output
