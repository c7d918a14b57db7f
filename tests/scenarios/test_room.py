"""How many scenarios a machine has room for, and what is said of one that is too busy; no load is made here."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from natlab.demo.room import CROWDED_S, Capacity, Pulse, machine
from natlab.demo.table import Board
from natlab.demo.waiting import Waiting
from natlab.scenarios.catalogue import SCENARIOS

B = "i-bp1ryvs6f695d4ff1gyy"
RESULT = {"ok": True, "outage_s": 2.3, "detected_s": 1.25, "decided_s": 1.27, "routed_s": 2.27, "next_hop": B}


@pytest.mark.parametrize(
    "processors, load, jobs, patience, busy",
    [(2, 0.0, 6, 1.0, False), (2, 3.0, 3, 1.5, True), (2, 20.0, 1, 5.0, True), (8, 4.0, 20, 1.0, False)],
)
def test_a_busy_machine_plays_fewer_with_more_patience(
    processors: int, load: float, jobs: int, patience: float, *, busy: bool
) -> None:
    """One at a time at load 20 on two processors."""
    here = Capacity(processors, load)
    assert (here.jobs, here.patience, here.busy) == (jobs, patience, busy)


def test_what_the_demo_itself_puts_on_a_machine_leaves_it_no_busier(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load average counts the scenarios that are being played, too; without them there is room for as many."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("os.getloadavg", lambda: (5.0, 0.0, 0.0))
    assert [machine(playing).jobs for playing in (0, 3, 6)] == [1, 4, 6]


def test_a_machine_is_crowded_while_sleeps_end_late() -> None:
    """Half of the last looks, and not one that happened to be late."""
    pulse, seen = Pulse(), []
    for late in (*[0.001] * 20, 1.0, *[CROWDED_S * 2] * 40):
        pulse.note(late)
        seen.append(pulse.crowded)
    assert (seen[20], seen[-1], pulse.was_crowded) == (False, True, True)


def board(*, busy: bool = False) -> Board:
    made = Board(SCENARIOS)
    for number, each in enumerate(SCENARIOS):
        made.hear(each.name, {"names": {B: "gateway-b"}})
        made.hear(each.name, {"result": {**RESULT, "ok": number > 0, "reasons": []}})
    made.busy = busy
    return made


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_and_breaks_no_word(width: int) -> None:
    """No line is wider than the terminal, and a scenario is one line: no column of single letters."""
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(board().table(width=width))
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    for each in SCENARIOS:
        (row,) = (line for line in lines if line.split()[:1] == [each.name])
        assert "gateway-b" in row
        assert row.endswith(("good", "not good"))


def test_in_a_pipe_each_scenario_is_one_line_even_if_the_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS of 80 is no reason to break words that a program reads."""
    monkeypatch.setenv("COLUMNS", "80")
    header, *rows = board().lines()
    assert header.split()[0] == "scenario"
    assert [row.split()[0] for row in rows] == [each.name for each in SCENARIOS]


def test_what_a_busy_machine_spoilt_is_not_called_bad() -> None:
    """It says nothing about natkeeper."""
    console = Console(width=80, file=io.StringIO())
    console.print(board(busy=True).table(width=80))
    assert isinstance(console.file, io.StringIO)
    assert "too busy" in console.file.getvalue()
    assert "not good" not in console.file.getvalue()


def test_long_work_says_now_and_then_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal for a bar."""
    monkeypatch.setattr("natlab.demo.waiting.EVERY_S", 0.05)
    console = Console(width=80, file=io.StringIO())
    with Waiting(console, "set-up", 2) as waiting:
        waiting._over.wait(0.1)
        waiting.say("installing")
        waiting.advance()
        waiting._over.wait(0.3)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("so far") >= 2
    assert console.file.getvalue().startswith("set-up, 0 s so far")
