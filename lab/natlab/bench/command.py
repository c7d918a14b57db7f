"""`natlab bench`: measure, print one table, write build/bench.json."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from natlab.bench import report
from natlab.bench.cold import cold
from natlab.bench.detection import detection, table
from natlab.bench.figures import Figure
from natlab.bench.machine import Place, machine
from natlab.bench.packets import packets
from natlab.bench.scale import GROUPS, scale
from natlab.bench.size import size
from natlab.bench.storm import storm
from natlab.bench.warm import warm

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure: how often, how many groups, which parts (none named: all)."""

    runs: int = 15
    sweeps: int = 5
    groups: int = GROUPS
    lab_runs: int = 5
    only: tuple[str, ...] = ()


PARTS = ("size", "cold", "warm", "scale", "storm", "detection", "lab")


def measure(order: Order, console: Console, out: Path, *, as_json: bool, say: Callable[[str], None]) -> None:
    """Measure, show and write."""
    place, about = Place.checkout(), machine()
    place.scratch.mkdir(parents=True, exist_ok=True)
    rows = table() if _wanted(order, "detection") else []
    parts: dict[str, Callable[[], list[Figure]]] = {
        "size": size,
        "cold": lambda: cold(place, order.runs),
        "warm": lambda: warm(order.runs),
        "scale": lambda: scale(order.sweeps, order.groups),
        "storm": storm,
        "detection": lambda: detection(rows),
        "lab": lambda: packets(order.lab_runs, say),
    }
    figures: list[Figure] = []
    for name, part in parts.items():
        if _wanted(order, name):
            say(f"{name} (load {os.getloadavg()[0]:.1f})")
            figures += part()
    told = report.as_json(figures, rows, about)
    report.write(out, told)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))  # noqa: T201  what was asked for
    else:
        report.show(console, figures, rows, about)
        say(f"written to {out}")


def _wanted(order: Order, name: str) -> bool:
    return not order.only or name in order.only
