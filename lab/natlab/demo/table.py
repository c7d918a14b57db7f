"""All scenarios in one table: what went wrong, how long it took, where the route is now, and whether that is good."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from natlab.demo import wording
from natlab.demo.forecast import Forecast, in_words
from natlab.scenarios.scenario import Scenario

LEGEND = (
    "Seconds since the fault: outage = longest time without a new connection (a private host tries one every 50 ms); "
    "detected = the run that acted began; decided = its write reached the API; routed = the data plane follows.\n"
    "How long the platform takes is assumed: `natlab latencies` lists every figure and its source. Waits before the "
    "fault are shortened, and so is the minute where a scenario waits for the next sweep."
)

HOPELESS = 3
"""So many scenarios that could not even be set up, and none that could: a busy machine will not play the others."""
WIDE = 118
_COLUMNS = (("scenario", 0), ("what happens", WIDE), ("outage", 0), ("detected", 76), ("decided", 92), ("routed", 86),
            ("next hop", 0), ("verdict", 0))  # fmt: skip
"""The columns, and how wide the terminal has to be for each of them."""
_TIMES = ("outage", "detected", "decided", "routed")


@dataclass(slots=True)
class Board:
    """The scenarios of this demo and how far each one is."""

    scenarios: tuple[Scenario, ...]
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    names: dict[str, Mapping[str, str]] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    busy: bool = False
    """Whether the machine was too busy for figures to mean anything."""
    over: bool = False
    """Whether nothing more is played."""
    forecast: Forecast = field(default_factory=Forecast)
    clock: Callable[[], float] = time.monotonic

    def hear(self, name: str, message: Mapping[str, Any]) -> None:
        """Take in what a scenario says."""
        self.forecast.begin(name, self.clock())
        if "result" in message or "failed" in message:
            takes_s = next(each.takes_s for each in self.scenarios if each.name == name)
            self.forecast.end(name, takes_s, self.clock())
        if "phase" in message:
            self.phases[name] = message["phase"]
        elif "failed" in message:
            self.failed[name] = message["failed"]
        elif "names" in message:
            self.names[name] = message["names"]
        elif "result" in message:
            self.results[name] = message["result"]

    def follow(self, messages: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Take in what scenarios say and yield it, until they are over or a busy machine can play none of them."""
        for name, message in messages:
            self.hear(name, message)
            yield name, message
            if self.busy and len(self.failed) >= HOPELESS and not self.results:
                return

    @property
    def played(self) -> int:
        """How many are over."""
        return len(self.results) + len(self.failed)

    @property
    def playing(self) -> int:
        """How many are under way."""
        return self.forecast.under_way

    def outlook(self, jobs: int) -> str:
        """Say how many are over, and how long the others will take, `jobs` at a time."""
        left = [(each.name, each.takes_s) for each in self.scenarios if not self._over(each.name)]
        how_far = f"{self.played} of {len(self.scenarios)} played"
        return f"{how_far}, {in_words(self.forecast.left_s(left, jobs, self.clock()))} to go" if left else how_far

    def _over(self, name: str) -> bool:
        return name in self.results or name in self.failed

    @property
    def good(self) -> int:
        """How many ended well."""
        return sum(bool(result["ok"]) for result in self.results.values())

    def reasons(self) -> Iterable[tuple[str, str]]:
        """Why scenarios did not end well."""
        for scenario in self.scenarios:
            name = scenario.name
            if name in self.failed:
                yield name, f"could not be played: {self.failed[name]}"
            for reason in self.results.get(name, {}).get("reasons", ()):
                yield name, wording.named(reason, self.names[name])

    def table(self, *, width: int = WIDE, spinning: bool = False, fancy: bool = True) -> Table:
        """Everything that is known now, in `width` columns: what is said elsewhere, too, is left out first."""
        table = Table(box=box.SIMPLE_HEAD if fancy else None, header_style="bold", pad_edge=False)
        shown = [name for name, needs in _COLUMNS if width >= needs]
        for name in shown:
            right = name in _TIMES
            table.add_column(
                name, justify="right" if right else "left", no_wrap=name != "what happens", overflow="fold"
            )
        for scenario in self.scenarios:
            cells: dict[str, RenderableType] = {"scenario": scenario.name, "what happens": scenario.brief}
            cells |= self._cells(scenario.name, spinning=spinning)
            table.add_row(*(cells[name] for name in shown))
        return table

    def lines(self) -> list[str]:
        """The whole table for a file or a pipe: one line for each scenario, however wide the terminal says it is."""
        paper = Console(width=WIDE, file=io.StringIO(), color_system=None)
        with paper.capture() as captured:
            paper.print(self.table(fancy=False))
        return [line.rstrip() for line in captured.get().splitlines()]

    def _cells(self, name: str, *, spinning: bool) -> dict[str, RenderableType]:
        cells: dict[str, RenderableType] = dict.fromkeys((*_TIMES, "next hop", "verdict"), "")
        result = self.results.get(name)
        if name in self.failed:
            return cells | {"verdict": self._bad("failed")}
        if result is None:
            phase = self.phases.get(name, "")
            if self.over:
                return cells | {"verdict": Text("not played", "dim")}
            dots: RenderableType = Spinner("dots", style="cyan") if phase and spinning else Text(" ")
            return cells | {"next hop": Text(phase or "waiting", "dim"), "verdict": dots}
        times = {each: wording.seconds(result[f"{each}_s"]) for each in ("detected", "decided", "routed")}
        verdict = Text("good", "bold green") if result["ok"] else self._bad("not good")
        hop = wording.next_hop(result, self.names[name])
        return cells | {"outage": wording.outage(result), **times, "next hop": hop, "verdict": verdict}

    def _bad(self, word: str) -> Text:
        return Text("too busy", "yellow") if self.busy else Text(word, "bold red")


def progress(board: Board, console: Console, jobs: Callable[[], int]) -> Live:
    """A table that fills while scenarios are played, and how long that will go on; it is gone when they are over."""
    return Live(
        get_renderable=lambda: Group(
            board.table(width=console.width, spinning=True), Text(board.outlook(jobs()), "dim", overflow="ellipsis")
        ),
        console=console,
        refresh_per_second=4,
        transient=True,
    )
