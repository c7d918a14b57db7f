"""A figure is the median of repeated runs, with its spread, its floor from the same session and what was aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


class NotMeasuredError(Exception):
    """A figure could not be measured; the message says what was seen instead."""


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
    the least possible is, in words with its number. `missing` says why there is nothing to show, and `failed`
    whether that is because measuring it went wrong.
    """

    key: str
    what: str
    unit: str
    sample: Sample | None
    floor: str = ""
    target: float | None = None
    missing: str = ""
    least: float | None = None
    failed: bool = False

    @property
    def value(self) -> float | None:
        """The figure itself: the median."""
        return None if self.sample is None else round(self.sample.median, 3)

    @property
    def met(self) -> bool | None:
        """Return True if the aim is met; None where there is none, or nothing was measured."""
        if self.sample is None or (self.target is None and self.least is None):
            return None
        enough = self.least is None or self.sample.median >= self.least
        return enough and (self.target is None or self.sample.median <= self.target)


def counted(key: str, what: str, count: float, unit: str = "", **more: Any) -> Figure:
    """Make a figure of something that is counted and not timed: it has no spread."""
    return Figure(key, what, unit, Sample((float(count),)), **more)


def absent(key: str, what: str, unit: str, why: str) -> Figure:
    """Make a figure of something that was not asked for, or cannot be measured on this machine."""
    return Figure(key, what, unit, None, missing=why)


def failed(key: str, what: str, unit: str, why: str) -> Figure:
    """Make a figure of something whose measurement went wrong."""
    return Figure(key, what, unit, None, missing=f"not measured: {why}", failed=True)


@dataclass(frozen=True, slots=True)
class FigureTable:
    """Figures that are read side by side. `told` is what bench.json has of it under `key`: an object for each row."""

    key: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    told: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class BenchPart:
    """A part of the bench. It yields each figure as soon as it has it; `keys` are the figures that it promises."""

    name: str
    keys: tuple[str, ...]
    measure: Callable[[], Iterable[Figure | FigureTable]]

    def figures(self) -> Iterator[Figure | FigureTable]:
        """Yield the figures; after a failure, one without a value and with the reason for each that is missing.

        One part that fails must not cost what the others measured, so every error ends here.
        """
        missing = dict.fromkeys(self.keys)
        why = "the part ended without it"
        try:
            for figure in self.measure():
                missing.pop(figure.key, None)
                yield figure
        except Exception as trouble:  # noqa: BLE001  see above
            why = str(trouble) if isinstance(trouble, NotMeasuredError) else f"{type(trouble).__name__}: {trouble}"
        for key in missing:
            yield failed(key, f"{self.name}: {key}", "", why)
