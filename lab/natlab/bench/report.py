"""One table for people, one JSON file for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natlab.bench.results import Figure, FigureTable

if TYPE_CHECKING:
    from rich.console import Console

_LARGE = 100


def show(console: Console, measured: Sequence[Figure | FigureTable], machine: Mapping[str, str]) -> None:
    """Print the figures, each beside its floor and its aim, and then the tables."""
    from rich import box
    from rich.table import Table as Shown

    style = {"box": box.SIMPLE_HEAD, "pad_edge": False, "title_justify": "left"}
    table = Shown(title=f"natkeeper bench ({', '.join(f'{k} {v}' for k, v in machine.items())})", **style)  # type: ignore[arg-type]
    table.add_column("what")
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    table.add_column("best … worst", justify="right", no_wrap=True)
    table.add_column("aim", justify="right", no_wrap=True)
    table.add_column("floor, or what it is made of")
    for figure in measured:
        if isinstance(figure, Figure):
            table.add_row(*_cells(figure))
    console.print(table)
    for other in measured:
        if isinstance(other, FigureTable):
            shown = Shown(title=other.title, **style)  # type: ignore[arg-type]
            for heading in other.headings:
                shown.add_column(heading, justify="right", no_wrap=True)
            for row in other.rows:
                shown.add_row(*row)
            console.print(shown)


def as_json(measured: Sequence[Figure | FigureTable], machine: Mapping[str, str]) -> dict[str, Any]:
    """Give the object of bench.json: each figure by its key, then everything about it, then the tables by theirs."""
    figures = [figure for figure in measured if isinstance(figure, Figure)]
    return {
        **{figure.key: figure.value for figure in figures},
        "machine": dict(machine),
        "figures": {figure.key: _about(figure) for figure in figures},
        **{table.key: list(table.told) for table in measured if isinstance(table, FigureTable)},
    }


def write(path: Path, told: Mapping[str, Any]) -> None:
    """Write bench.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _about(figure: Figure) -> dict[str, Any]:
    told: dict[str, Any] = {"what": figure.what, "unit": figure.unit}
    if figure.sample is not None:
        told |= figure.sample.as_json()
    if figure.floor:
        told["floor"] = figure.floor
    if figure.target is not None:
        told |= {"target": figure.target, "met": figure.met}
    if figure.least is not None:
        told |= {"least": figure.least, "met": figure.met}
    if figure.missing:
        told["missing"] = figure.missing
    if figure.failed:
        told["failed"] = True
    return told


def _cells(figure: Figure) -> tuple[str, ...]:
    if figure.sample is None:
        return figure.what, "-", "", "", "", figure.missing
    sample, unit = figure.sample, f" {figure.unit}" if figure.unit else ""
    several = len(sample.values) > 1
    most, least = figure.target, figure.least
    aim = f"≤ {_number(most)}" if most is not None else f"≥ {_number(least)}" if least is not None else ""
    aim += " missed" if figure.met is False else ""
    return (
        figure.what,
        f"{_number(sample.median)}{unit}",
        str(len(sample.values)) if several else "",
        f"{_number(sample.low)} … {_number(sample.high)}" if several else "",
        aim,
        figure.floor,
    )


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= _LARGE:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}"
