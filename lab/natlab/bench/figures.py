"""A figure is the median of repeated runs, with its spread, its floor from the same session and what was aimed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """The same thing measured several times."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Sample:
        """Keep the values in the order in which they were measured."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def low(self) -> float:
        """The best one."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The worst one."""
        return max(self.values)

    def as_json(self) -> dict[str, Any]:
        """Median, extremes and how many."""
        return {
            "median": round(self.median, 3),
            "min": round(self.low, 3),
            "max": round(self.high, 3),
            "runs": len(self.values),
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    `key` is its name in bench.json. `target` is what it must not exceed, `least` what it must reach. `floor` says what
    the least possible is, in words with its number. `missing` says why there is nothing to show.
    """

    key: str
    what: str
    unit: str
    sample: Sample | None
    floor: str = ""
    target: float | None = None
    missing: str = ""
    least: float | None = None

    @property
    def value(self) -> float | None:
        """The figure itself: the median."""
        return None if self.sample is None else round(self.sample.median, 3)

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none, or nothing was measured."""
        if self.sample is None or (self.target is None and self.least is None):
            return None
        enough = self.least is None or self.sample.median >= self.least
        return enough and (self.target is None or self.sample.median <= self.target)


def counted(key: str, what: str, count: float, unit: str = "", **more: Any) -> Figure:
    """Make a figure of something that is counted and not timed: it has no spread."""
    return Figure(key, what, unit, Sample((float(count),)), **more)


def absent(key: str, what: str, unit: str, why: str) -> Figure:
    """Make a figure of something that could not be measured here."""
    return Figure(key, what, unit, None, missing=why)


def repeated(times: int, measure: Callable[[], float]) -> Sample:
    """Measure `times` times."""
    return Sample.of([measure() for _ in range(times)])
