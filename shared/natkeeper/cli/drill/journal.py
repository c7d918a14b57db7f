"""What a drill broke, written down before it breaks it, so that another command can put it back.

One small file for each gateway under $XDG_STATE_HOME/natkeeper (~/.local/state/natkeeper). It is removed when
everything is back; while it is there, no further drill of that gateway begins.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RouteBefore:
    """Where a route went before the drill."""

    table: str
    destination: str
    hop: str


@dataclass
class Journal:
    """One drill that may not be put back yet. `began` and `not_before` (of a simulated notice) are RFC 3339 in UTC."""

    region: str
    group: str
    kind: str
    gateway: str
    began: str
    routes: tuple[RouteBefore, ...]
    not_before: str = ""
    file: Path | None = None

    def write(self) -> None:
        """Write the file, before anything is broken. Raises OSError where that cannot be."""
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.file.with_suffix(".new")
        with scratch.open("w", encoding="utf-8") as handle:
            fields = {name: value for name, value in asdict(self).items() if name != "file"}
            json.dump(fields, handle, indent=1)
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(self.file)

    def remove(self) -> None:
        """Remove the file: everything is back."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def expected(self, table: str, destination: str) -> str | None:
        """Return where that route went before, None where it is not of this drill."""
        return next((r.hop for r in self.routes if (r.table, r.destination) == (table, destination)), None)


def folder(environ: Mapping[str, str], endpoint: str | None = None) -> Path:
    """Return where the files are kept: of a local cloud, which is `endpoint`, in a place of its own."""
    state = environ.get("XDG_STATE_HOME")
    kept = (Path(state) if state else Path(environ.get("HOME") or Path.home()) / ".local" / "state") / "natkeeper"
    return kept if endpoint is None else kept / re.sub(r"[^A-Za-z0-9.-]+", "-", endpoint.partition("://")[2]).strip("-")


def file_of(where: Path, region: str, group: str, gateway: str) -> Path:
    """Name the file of a drill. The gateway's id tells a group from one of the same name in another account."""
    return where / f"drill-{region}-{group}-{gateway}.json"


def find(where: Path, region: str, group: str, gateways: Sequence[str]) -> list[Journal]:
    """Read the drills of a group that were not put back; a file that cannot be read is skipped."""
    found = []
    for gateway in gateways:
        file = file_of(where, region, group, gateway)
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            routes = tuple(RouteBefore(**route) for route in data.pop("routes"))
            found.append(Journal(**data, routes=routes, file=file))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
