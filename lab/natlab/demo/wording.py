"""Figures, names and strips in the words and signs that a terminal shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

EVERY_MS = 50
_TWICE = re.compile(r"\b([\w-]+) \(\1\)")
_ID = re.compile(r"\b(?:i|vtb|vsw|ngw|eip|eni|rte)-[a-z0-9]{16,}")


def named(text: str, names: Mapping[str, str]) -> str:
    """Replace ids by the scenario's names; `name (id)`, as messages have it, becomes the name."""
    return _TWICE.sub(r"\1", _ID.sub(lambda found: names.get(found[0], found[0]), text))


def seconds(value: float | None) -> str:
    """A length of time, or a dash where there is none."""
    return "-" if value is None else f"{value:.2f} s"


def outage(result: Mapping[str, Any]) -> str:
    """The outage, or that nobody noticed anything."""
    return "none" if result["outage_s"] == 0 else seconds(result["outage_s"])


def next_hop(result: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Where the routes lead at the end."""
    hop = result["next_hop"]
    if isinstance(hop, str):
        return named(hop, names)
    return ", ".join(f"{named(table, names)}: {named(to, names)}" for table, to in hop.items())


def strip(attempts: Sequence[Sequence[Any]], *, before_ms: int, after_ms: int, width: int) -> tuple[str, int]:
    """A picture of new connections: one sign for each stretch of time, `+` all worked, `-` some failed.

    Returns it with the milliseconds of a stretch: a multiple of 50, as small as the width allows.
    """
    stretch = EVERY_MS
    while (before_ms + after_ms) / stretch > width:
        stretch += EVERY_MS
    signs: dict[int, str] = {}
    for at_ms, works in attempts:
        if -before_ms <= at_ms <= after_ms:
            place = (at_ms + before_ms) // stretch
            signs[place] = "+" if works and signs.get(place, "+") == "+" else "-"
    filled, last = [], "+"
    for place in range(max(signs, default=-1) + 1):
        last = signs.get(place, last)
        filled.append(last)
    return "".join(filled), stretch


def scale(length: int, stretch_ms: int, before_ms: int) -> str:
    """The seconds below a strip: 0 at the fault, then as many as there is room for."""
    step_s = next(s for s in (1, 2, 5, 10, 20, 50, 100, 1000) if s * 1000 / stretch_ms >= 5)  # noqa: PLR2004  room
    line = [" "] * (length + 8)
    second = 0
    while (place := (second * 1000 + before_ms) // stretch_ms) < length:
        text = f"^{second} s"
        line[place : place + len(text)] = text
        second += step_s
    return "".join(line).rstrip()
