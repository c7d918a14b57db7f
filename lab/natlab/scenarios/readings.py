"""The readings of the local cloud with their sources, as natkeeper ships them; and which of them to try together.

natkeeper's file says what may be true and where that is written; natlab.cloud only knows names and ways. A covering
array has, for any two readings, each pair of their ways in at least one row: trouble mostly needs two ways together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import natkeeper
from natlab.cloud.kernel.readings import SWITCHES, Readings, UnknownReading

FILE = Path(natkeeper.__file__).parent / "cli" / "conformance" / "readings.yaml"


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
    """Read natkeeper's file; every reading is one of the local cloud, with the same ways in the same order."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(
        Reading(str(name), str(row["fact"]), {str(way): str(text) for way, text in row["ways"].items()}, row["told-by"])
        for name, row in document.items()
    )


def chosen(given: Sequence[str]) -> dict[str, str]:
    """Read `NAME=WAY` of a command line. Raises UnknownReading."""
    found = {}
    for one in given:
        name, sign, way = one.partition("=")
        if not sign:
            raise UnknownReading(f"{one!r} is not NAME=WAY; readings are: {', '.join(SWITCHES)}")
        found[name] = way
    return {name: Readings(found)[name] for name in found}


def deviations(switches: Mapping[str, Sequence[str]] = SWITCHES) -> Iterator[dict[str, str]]:
    """Yield every way that is not the assumed one, alone."""
    for name, ways in switches.items():
        for way in ways[1:]:
            yield {name: way}


def pairwise(switches: Mapping[str, Sequence[str]] = SWITCHES) -> list[dict[str, str]]:
    """Return rows in which any two readings meet in each pair of their ways, greedily few."""
    names = list(switches)
    left = {
        ((one, this), (other, that))
        for one, other in itertools.combinations(names, 2)
        for this in switches[one]
        for that in switches[other]
    }
    place = {name: number for number, name in enumerate(names)}
    rows = []
    while left:
        (one, this), (other, that) = min(left)
        row = {one: this, other: that}
        for name in names:
            if name not in row:
                row[name] = max(switches[name], key=lambda way, name=name: _gain(row, name, way, place, left))  # type: ignore[misc]
        left -= set(_pairs(row, names))
        rows.append({name: row[name] for name in names})
    return rows


Pair = tuple[tuple[str, str], tuple[str, str]]


def _gain(row: Mapping[str, str], name: str, way: str, place: Mapping[str, int], left: set[Pair]) -> int:
    """How many pairs that are still left this way would bring together."""
    mine = (name, way)
    return sum(
        (((other, its), mine) if place[other] < place[name] else (mine, (other, its))) in left
        for other, its in row.items()
    )


def _pairs(row: Mapping[str, str], names: Sequence[str]) -> Iterator[Pair]:
    for one, other in itertools.combinations(names, 2):
        yield (one, row[one]), (other, row[other])
