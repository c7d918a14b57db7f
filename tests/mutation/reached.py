"""Notes which lines of natkeeper and natlab a process runs, and every process that it starts.

Copied into the environment of a copy of the repository, and imported at the start of each Python there. As long as
there is a file `natkeeper_reached.to` beside it, with the path of another file in it, each line that runs is added to
that one. A line costs something only once in a test. The lines of a module and of a class are marked: they run once
for all tests.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import CodeType

_TOOL = 4
_OPTIMIZED = 1
"""CO_OPTIMIZED: the code of a function, not of a module or class."""
_ROOTS = {"natlab": "lab", "natkeeper": "shared"}
_OTHERS = ("tests/", "lab/", "shared/", "functions/", ".venv/")
"""What there is in a folder that may itself be called natkeeper."""


def start(path: str) -> int:
    """Add each line that is run from now on to the file, once; returns its descriptor. Without effect before 3.12."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
    if not hasattr(sys, "monitoring"):
        return file
    watch, names = sys.monitoring, dict[str, str | None]()

    def note(code: CodeType, line: int) -> object:
        place = code.co_filename
        if place not in names:
            names[place] = source_of(place)
        if (name := names[place]) is not None:
            mark = "" if code.co_flags & _OPTIMIZED else "!"
            os.write(file, f"{mark}{name}:{line}\n".encode())
        return watch.DISABLE

    watch.use_tool_id(_TOOL, "natkeeper-reached")
    watch.register_callback(_TOOL, watch.events.LINE, note)
    watch.set_events(_TOOL, watch.events.LINE)
    return file


def source_of(place: str) -> str | None:
    """Name the file of the repository that code is from, be it run from a bundle; None where it is of others."""
    for package, root in _ROOTS.items():
        before, found, rest = f"/{place}".rpartition(f"/{package}/")
        if found and "site-packages" not in before and not rest.startswith(_OTHERS):
            return f"{root}/{package}/{rest}"
    return None


if (_to := Path(__file__).with_suffix(".to")).is_file():
    start(_to.read_text(encoding="utf-8"))
