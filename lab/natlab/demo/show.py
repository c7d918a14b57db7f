"""The demonstration itself: one failover as a timeline, then all scenarios as a table; or everything as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from natlab.demo.forecast import Forecast, in_words
from natlab.demo.room import Capacity, Pulse, machine
from natlab.demo.table import LEGEND, Board, progress
from natlab.demo.timeline import Timeline
from natlab.demo.waiting import Waiting
from natlab.demo.workers import Message, Workers
from natlab.scenarios import functions
from natlab.scenarios.catalogue import SCENARIOS, SHOWN, scenario
from natlab.scenarios.play import REGION
from natlab.scenarios.readings import Platform
from natlab.scenarios.scenario import Scenario

NARROWEST = 100
"""Columns that output has where there is no terminal to ask."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What was asked for. `console` is where people read, `as_json` prints one object a line on standard output."""

    names: tuple[str, ...]
    jobs: int | None
    console: Console
    as_json: bool = False
    pace: float = 1.0
    everything: bool = False
    platform: Platform = field(default_factory=Platform)

    def run(self) -> bool:
        """Show it; whether every verdict was good."""
        chosen = tuple(scenario(name) for name in self.names) or (SCENARIOS if self.everything else SHOWN)
        here = machine()
        board = Board(chosen, busy=here.busy, forecast=Forecast(here.patience))
        self._foretell(board, here)
        prepare(chosen, self.console)
        began = time.monotonic()
        live = chosen[0] if not self.as_json and (not self.names or len(chosen) == 1) else None
        rest = [each for each in chosen if each is not live]
        patience = lambda: max(here.patience, machine().patience)  # noqa: E731  what begins later waits longer
        pulse = Pulse()
        try:
            with pulse, Workers(self.pace, patience, lambda: pulse.crowded, self.platform) as workers:
                if live is not None:
                    self._live(live, board, workers)
                self._play(rest, board, workers)
        finally:  # a person who ends it early wants to see what there is
            board.busy, board.over = board.busy or pulse.was_crowded, True
            if not self.as_json and board.played:
                self._table(board, time.monotonic() - began)
            self._reasons(board)
        return board.good == len(chosen)

    def _room(self, playing: int) -> int:
        """Return how many scenarios to play at a time, while `playing` are being played."""
        return self.jobs or machine(playing).jobs

    def _foretell(self, board: Board, here: Capacity) -> None:
        """Say how long it will take before it begins; Board says it again, better, with each scenario."""
        if len(board.scenarios) == 1 and not here.busy:
            return
        jobs = self.jobs or here.jobs
        scenarios = [(each.name, each.takes_s) for each in board.scenarios]
        takes = in_words(board.forecast.left_s(scenarios, jobs, 0.0))
        self.console.print(
            f"{len(scenarios)} scenario{'s' * (len(scenarios) > 1)}, {jobs} at a time: {takes} on this machine "
            f"({here}), after the set-up.",
            highlight=False,
            soft_wrap=not self.console.is_terminal,
        )
        if here.busy:
            self.console.print(
                "Note: this machine is busy. It will be played with patience; Ctrl-C ends it and shows what was played "
                "until then.",
                style="yellow",
                highlight=False,
                soft_wrap=not self.console.is_terminal,
            )

    def _reasons(self, board: Board) -> None:
        for name, reason in board.reasons():
            if self.as_json and name not in board.failed:
                continue
            self.console.print(
                f"[bold red]{name}[/]: {reason}", highlight=False, soft_wrap=not self.console.is_terminal
            )
        bad = [name for name in (*board.results, *board.failed) if not board.results.get(name, {}).get("ok")]
        if board.busy and bad:
            again = f"make demo SCENARIO='{' '.join(bad)}' ARGS='--jobs 1'"
            self.console.print(
                f"The machine was too busy ({machine()} now), which says nothing about natkeeper. Close other "
                f"programs, and play these again one at a time:\n  {again}",
                style="yellow",
                highlight=False,
                soft_wrap=not self.console.is_terminal,
            )

    def _live(self, shown: Scenario, board: Board, workers: Workers) -> None:
        console, timeline = self.console, Timeline(self.console)
        console.print(f"[bold]{shown.name}[/]: {shown.story}\n", highlight=False, soft_wrap=not console.is_terminal)
        for name, message in workers.play([shown.name], lambda _: 1, timeline=True):
            board.hear(name, message)
            if "names" in message:
                timeline.names.update(message["names"])
            if "phase" in message:
                timeline.phase(message["phase"])
            elif "moment" in message:
                timeline.moment(message["moment"])
            elif "result" in message:
                timeline.strips(message["strips"], message["result"]["outage_s"])
        console.print()

    def _play(self, rest: Sequence[Scenario], board: Board, workers: Workers) -> None:
        order = [each.name for each in sorted(rest, key=lambda each: -each.takes_s)]
        messages = workers.play(order, self._room)
        if self.as_json:
            self._print_json(board, messages)
        elif self.console.is_terminal and rest:
            with progress(board, self.console, lambda: self._room(board.playing)):
                for _ in board.follow(messages):
                    continue
        else:
            for name, message in board.follow(messages):
                if "result" in message or "failed" in message:
                    self.console.print(
                        f"{name}: {board.outlook(self._room(board.playing))}", highlight=False, soft_wrap=True
                    )

    def _print_json(self, board: Board, messages: Iterator[tuple[str, Message]]) -> None:
        """One object a line, in the order of the list, each as soon as those before it are there."""
        waiting = [each.name for each in board.scenarios]
        for name, message in messages:
            board.hear(name, message)
            while waiting and (waiting[0] in board.results or waiting[0] in board.failed):
                done = waiting.pop(0)
                sys.stdout.write(
                    json.dumps(board.results.get(done) or _unplayed(board, done), ensure_ascii=False) + "\n"
                )
                sys.stdout.flush()

    def _table(self, board: Board, took_s: float) -> None:
        console = self.console
        if console.is_terminal:
            console.print(board.table(width=console.width))
        else:
            console.print("\n".join(board.lines()), markup=False, highlight=False, soft_wrap=True)
        console.print(LEGEND, style="dim", highlight=False, soft_wrap=not console.is_terminal)
        total = len(board.scenarios)
        verdict = f"{board.good} of {board.played} good" if total > 1 else ("good" if board.good else "not good")
        if unplayed := total - board.played:
            verdict += f", {unplayed} not played"
        style = "bold red" if board.good < board.played else "bold yellow" if unplayed else "bold green"
        console.print(f"\n{verdict}, in {took_s:.0f} s", style=style, highlight=False)


def _unplayed(board: Board, name: str) -> dict[str, Any]:
    empty = dict.fromkeys(("outage_s", "detected_s", "decided_s", "routed_s", "verified", "next_hop"))
    return {"scenario": name, "ok": False, **empty, "receipts": [], "reasons": [board.failed[name]]}


def prepare(chosen: Sequence[Scenario], console: Console) -> None:
    """Build every bundle that will be wanted, so that scenarios need not do it all at once. Raises InstallFailed."""
    if difference := functions.difference():
        console.print(f"Note: {difference}.", style="yellow", highlight=False)
    began = time.monotonic()
    wanted = {
        json.dumps(data): data for data in (functions.foreseen(each.topology, each.policy, REGION) for each in chosen)
    }
    with Waiting(console, "set-up: bundles, as `s deploy` would upload them", len(wanted)) as waiting:
        for data in wanted.values():
            functions.bundles(data, waiting.say)
            waiting.advance()
    if (took := time.monotonic() - began) > 5:  # noqa: PLR2004  not worth a word below that
        console.print(f"set-up: done in {took:.0f} s; kept in build/cache", highlight=False)
