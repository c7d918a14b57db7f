"""What a trial is going to touch, written down before it does, so that another command can put it back.

One file for each group, beside those of drills; it is removed when everything is back.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrialJournal:
    """One trial that may not be put back yet.

    `destinations` had no entry in `table` before, `standby` was Running, and held `eip` (empty for none).
    """

    region: str
    group: str
    table: str
    destinations: tuple[str, ...]
    active: str
    standby: str
    eip: str
    not_before: str = ""
    """When the maintenance is due that is simulated: what its event is found by, to cancel it."""

    def write(self, file: Path) -> None:
        """Write the file, before anything is touched. Raises OSError where that cannot be."""
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(".new")
        with scratch.open("w", encoding="utf-8") as handle:
            json.dump(asdict(self), handle, indent=1)
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(file)


def file_of(folder: Path, region: str, group: str) -> Path:
    """Name the file of a group's trial."""
    return folder / f"conformance-{region}-{group}.json"


def read(file: Path) -> TrialJournal | None:
    """Read the journal of a trial that was not put back; None if there is none, or it cannot be read."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return TrialJournal(**{**data, "destinations": tuple(data["destinations"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
