"""The platform facts that nobody could confirm, as readings.yaml beside this module lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("readings.yaml")


@dataclass(frozen=True, slots=True)
class Reading:
    """One unconfirmed fact: its ways with the source of each, the first of which is assumed, and how to tell."""

    name: str
    fact: str
    ways: Mapping[str, str]
    told_by: str

    @property
    def assumed(self) -> str:
        """The way that this release assumes."""
        return next(iter(self.ways))

    def as_json(self) -> dict[str, Any]:
        """The object that `natlab readings --json` prints."""
        return {
            "name": self.name,
            "fact": self.fact,
            "assumed": self.assumed,
            "ways": [{"way": way, "source": source} for way, source in self.ways.items()],
            "told_by": self.told_by,
        }


def readings() -> tuple[Reading, ...]:
    """Read the file."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(
        Reading(str(name), str(row["fact"]), {str(way): str(text) for way, text in row["ways"].items()}, row["told-by"])
        for name, row in document.items()
    )
