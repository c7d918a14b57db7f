"""The readings of the local cloud with their sources, as natkeeper ships them; and which of them to try together.

natkeeper's file says what may be true and where that is written; natlab.cloud only knows names and ways. A covering
array has, for any two readings, each pair of their ways in at least one row: trouble mostly needs two ways together.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from natlab.cloud.kernel.latencies import KNOWN_LATENCIES
from natlab.cloud.kernel.readings import SWITCHES, Readings, UnknownReading


def chosen(given: Sequence[str]) -> dict[str, str]:
    """Read `NAME=WAY` of a command line. Raises UnknownReading."""
    found = {}
    for one in given:
        name, sign, way = one.partition("=")
        if not sign:
            raise UnknownReading(f"{one!r} is not NAME=WAY; readings are: {', '.join(SWITCHES)}")
        found[name] = way
    return {name: Readings(found)[name] for name in found}


@dataclass(frozen=True, slots=True)
class Platform:
    """How the platform is: readings that are not as assumed, and latencies (seconds) that were measured."""

    readings: Mapping[str, str] = field(default_factory=dict)
    latencies: Mapping[str, float] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """Say it as options of `python -m natlab.scenarios`."""
        ways = (f"--reading={name}={way}" for name, way in self.readings.items())
        return [*ways, *(f"--latency={name}={seconds}" for name, seconds in self.latencies.items())]


def platform(given: Sequence[str] = (), findings: str = "", latencies: Sequence[str] = ()) -> Platform:
    """Read a platform: what `natkeeper conformance` found, and over it what is given. Raises UnknownReading.

    A reading or duration that this release does not know is left out: the file may be of another one.
    """
    ways, seconds = dict[str, str](), dict[str, float]()
    if findings:
        try:
            data = json.loads(Path(findings).read_text(encoding="utf-8"))
            rows, measured = dict(data["readings"]), dict(data["latencies"])
            ways = {name: row["way"] for name, row in rows.items() if row.get("way") in SWITCHES.get(name, ())}
            seconds = {name: float(value) for name, value in measured.items() if name in KNOWN_LATENCIES}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnknownReading(f"{findings} is not what `natkeeper conformance` writes: {error}") from error
    for one in latencies:
        name, _, value = one.partition("=")
        seconds[name] = float(value)
    return Platform({**ways, **chosen(given)}, seconds)


def deviations(switches: Mapping[str, Sequence[str]] = SWITCHES) -> Iterator[dict[str, str]]:
    """Yield every way that is not the assumed one, alone."""
    for name, ways in switches.items():
        for way in ways[1:]:
            yield {name: way}


def pairwise(switches: Mapping[str, Sequence[str]] = SWITCHES) -> list[dict[str, str]]:
    """Return rows in which any two readings meet in each pair of their ways, greedily few."""
    names = sorted(switches, key=lambda name: -len(switches[name]))  # those with most ways first: fewer rows
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
        rows.append({name: row[name] for name in switches})
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
