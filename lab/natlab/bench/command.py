"""`natlab bench`: measure, print one table, write build/bench.json."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from natlab.bench import (
    cold,
    commands,
    detection,
    forwarding,
    loss,
    packets,
    report,
    scale,
    shards,
    size,
    storm,
    trouble,
    warm,
)
from natlab.bench.machine import Checkout, machine
from natlab.bench.results import BenchPart, Figure, FigureTable
from natlab.bench.scale import GROUPS

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What to measure: how often, how many groups, how many hours of packet loss, which parts (none named: all)."""

    runs: int = 15
    sweeps: int = 5
    groups: int = GROUPS
    lab_runs: int = 5
    hours: int = 24
    only: tuple[str, ...] = ()


def parts(order: BenchOptions, place: Checkout, say: Callable[[str], None]) -> tuple[BenchPart, ...]:
    """List everything that can be measured, in the order in which it is."""
    return (
        BenchPart("size", size.KEYS, size.size),
        BenchPart("cold", cold.KEYS, lambda: cold.cold(place, order.runs)),
        BenchPart("warm", warm.KEYS, lambda: warm.warm(order.runs)),
        BenchPart("scale", scale.keys(order.groups), lambda: scale.scale(order.sweeps, order.groups)),
        BenchPart("shards", shards.KEYS, lambda: shards.shards(order.sweeps, 4 * order.groups, order.groups)),
        BenchPart("storm", storm.KEYS, storm.storm),
        BenchPart("tasks", trouble.TASKS_KEYS, trouble.slow_tasks),
        BenchPart("outage", trouble.OUTAGE_KEYS, lambda: trouble.api_back(order.sweeps)),
        BenchPart("commands", commands.KEYS, lambda: commands.commands(order.runs)),
        BenchPart("detection", detection.KEYS, detection.detection),
        BenchPart("loss", loss.KEYS, lambda: loss.losses(order.hours)),
        BenchPart("forwarding", forwarding.KEYS, lambda: forwarding.forwarding(order.lab_runs, say)),
        BenchPart("lab", packets.KEYS, lambda: packets.packets(order.lab_runs, say)),
    )


def measure(order: BenchOptions, console: Console, out: Path, *, as_json: bool, say: Callable[[str], None]) -> bool:
    """Measure, show and write; return whether every part that was asked for could be measured.

    The file is written after each part, so that whatever ends the bench, what was measured until then is there.
    """
    place, about = Checkout.checkout(), machine()
    place.scratch.mkdir(parents=True, exist_ok=True)
    measured: list[Figure | FigureTable] = []
    told = report.as_json(measured, about)
    for part in parts(order, place, say):
        if _wanted(order, part.name):
            say(f"{part.name} (load {os.getloadavg()[0]:.1f})")
            measured += part.figures()
            told = report.as_json(measured, about)
            report.write(out, told)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))  # noqa: T201  what was asked for
    else:
        report.show(console, measured, about)
        say(f"written to {out}")
    return not any(isinstance(each, Figure) and each.failed for each in measured)


def _wanted(order: BenchOptions, name: str) -> bool:
    return not order.only or name in order.only
