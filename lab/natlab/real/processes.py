"""Which processes belong to the lab, and do they still live?  Read from /proc, ended by id."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")


def every() -> Iterator[int]:
    """The ids of all processes."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def started(pid: int) -> str:
    """When a process was started, in clock ticks since boot; empty when there is none (or only its corpse)."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def namespace_of(pid: int, kind: str) -> str:
    """The namespace of a kind (`net`, `pid`) a process is in, as `net:[4026531840]`; empty when it is gone."""
    try:
        return str((_PROC / str(pid) / "ns" / kind).readlink())
    except OSError:
        return ""


def in_namespace(kind: str, name: str) -> list[int]:
    """All processes in a namespace."""
    return [pid for pid in every() if namespace_of(pid, kind) == name] if name else []


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to each process that still lives."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def send_all(members: Callable[[], list[int]], number: int) -> None:
    """Send a signal to everyone in a growing crowd: members who fork meanwhile are found in the next look."""
    told: set[int] = set()
    while new := set(members()) - told:
        send(new, number)
        told |= new
