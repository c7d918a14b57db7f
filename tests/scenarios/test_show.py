"""What `natlab demo` prints, from what its plays say; the plays themselves are made up here."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from rich.text import Text

from natkeeper.packaging import InstallFailed
from natlab.cli import main
from natlab.demo import show
from natlab.demo.timeline import row
from natlab.scenarios.catalogue import SHOWN
from natlab.scenarios.readings import Platform

A, B = "i-bp1oe0mwkh6q9r7jily2", "i-bp1ryvs6f695d4ff1gyy"
MOMENTS = (
    (9.0, "connection", "private host", "a new connection works"),
    (10.0, "fault", "", "a person stops gateway-a"),
    (11.0, "event", "event bus", f"ecs:Instance:StateChange: {A} Stopping; matches the pattern of ecs-state"),
    (11.1, "event", "event bus", "oos:ActionTrail:ApiCall: StartExecution; no pattern matches"),
    (11.25, "start", "natkeeper-failover", "starts warm for an event (ecs-state)"),
    (11.26, "read", "vpc", "DescribeRouteEntryList"),
    (11.26, "read", "ecs", "DescribeInstances"),
    (11.27, "write", "vpc", "ModifyRouteEntry table to gateway-b"),
    (11.3, "read", "ecs", "DescribeInstances"),
    (11.4, "wait", "", "another"),
    (11.6, "read", "ecs", "DescribeInstances"),
    (12.27, "route", "network", "0.0.0.0/0 of table leads to gateway-b"),
    (12.9, "receipt", "natkeeper-failover", f"moved 0.0.0.0/0 from {A} to {B}"),
)


def result(name: str, **changed: Any) -> dict[str, Any]:
    good: dict[str, Any] = {
        "scenario": name, "ok": True, "outage_s": 2.3, "detected_s": 1.25, "decided_s": 1.27, "routed_s": 2.27,
        "verified": True, "next_hop": B, "receipts": [],
    }  # fmt: skip
    return good | changed


class Made:
    """Plays that say what a test wants, the last one first: nothing is ready in order."""

    bad: dict[str, dict[str, Any]] = {}  # noqa: RUF012  set by tests, by monkeypatch
    interrupted_after: int | None = None

    def __init__(self, pace: float, patience: Callable[[], float], crowded: object, platform: Platform) -> None:
        assert (pace, callable(crowded), platform) == (1.0, True, Platform())
        assert patience() >= 1.0

    def __enter__(self) -> Made:  # noqa: PYI034  Python 3.10 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs."""

    def play(
        self, names: Sequence[str], jobs: Callable[[int], int], *, timeline: bool = False
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        assert jobs(0) >= 1
        for number, name in enumerate(reversed(names)):
            if number == self.interrupted_after:
                raise KeyboardInterrupt
            yield name, {"phase": "deploying"}
            yield name, {"names": {A: "gateway-a", B: "gateway-b"}}
            for at, kind, who, what in MOMENTS if timeline else ():
                yield name, {"moment": {"at": at, "kind": kind, "who": who, "what": what}}
            strip = [[at, not 0 <= at < 2300] for at in range(-500, 4000, 50)]
            yield name, self.bad.get(name) or {"result": result(name), "strips": {"table": strip}}


@pytest.fixture(autouse=True)
def plays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "Workers", Made)
    monkeypatch.setattr(show, "prepare", lambda _chosen, _console: None)


def demo(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["demo", *arguments])


def test_json_is_one_object_a_line_in_the_order_of_the_list() -> None:
    """Whichever ends first; nothing else is on standard output."""
    done = demo("--json")
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["scenario"] for each in objects] == [each.name for each in SHOWN]
    assert objects[0] == result("stop")
    assert done.exit_code == 0


def test_one_bad_verdict_is_a_bad_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status and reasons say so, in JSON and in the table."""
    bad = {"crash": {"result": result("crash", ok=False, reasons=[f"table goes to {A}"]), "strips": {}}}
    monkeypatch.setattr(Made, "bad", bad)
    done = demo("--json", "stop", "crash")
    assert done.exit_code == 1
    assert json.loads(done.stdout.splitlines()[1])["reasons"] == [f"table goes to {A}"]
    shown = demo("stop", "crash")
    assert shown.exit_code == 1
    assert "crash: table goes to gateway-a" in shown.stdout
    assert "1 of 2 good" in shown.stdout


def test_a_scenario_that_could_not_be_played_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a row, an object, and its reason."""
    monkeypatch.setattr(Made, "bad", {"crash": {"failed": "DeployError: no"}})
    done = demo("--json", "crash")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["ok"], told["outage_s"], told["reasons"]) == (False, None, ["DeployError: no"])
    assert list(told)[:9] == list(result("crash"))
    assert "crash: could not be played: DeployError: no" in done.stderr


def test_the_first_failover_is_a_timeline() -> None:
    """Offsets count from the fault, ids have names, reads that go out together are one line."""
    lines = demo("stop").stdout.splitlines()
    timeline = [line for line in lines if line.lstrip().startswith("+")]
    assert [line.split()[0] for line in timeline] == [
        "+0.000", "+1.000", "+1.250", "+1.260", "+1.270", "+1.300", "+1.400", "+2.270", "+2.900",
    ]  # fmt: skip
    assert "reads DescribeInstances, DescribeRouteEntryList" in timeline[3]
    assert "moved 0.0.0.0/0 from gateway-a to gateway-b" in timeline[-1]
    assert any("░" * 46 in line or "." * 46 in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_moment_goes_on_below_itself(width: int) -> None:
    """On a terminal of any width: the first columns are for the time and who did it. Piped, it is one line."""
    said = " ".join(f"word{number}" for number in range(40))
    for terminal in (True, False):
        console = Console(width=width, file=io.StringIO(), force_terminal=terminal, color_system=None)
        row(console, ("11:20:45", 8), "natkeeper-failover", Text(said), "")
        assert isinstance(console.file, io.StringIO)
        first, *others = console.file.getvalue().splitlines()
        assert first.startswith("11:20:45 ")
        assert bool(others) is terminal
        assert all(line.startswith(" " * 28) and len(line) <= width for line in others)


def test_all_scenarios_are_one_table_after_the_timeline() -> None:
    """Without names: one of them live, and every one in the table, once."""
    text = demo().stdout
    rows = [line for line in text.splitlines() if line.endswith("good")]
    assert [row.split()[0] for row in rows] == [each.name for each in SHOWN]
    assert "2.30 s" in rows[0]
    assert "gateway-b" in rows[0]
    assert text.count("a person stops gateway-a") == 1
    assert f"{len(SHOWN)} of {len(SHOWN)} good" in text


def test_a_scenario_named_twice_is_played_once() -> None:
    """Names are a set."""
    assert len(demo("--json", "stop", "stop").stdout.splitlines()) == 1


def test_what_is_not_read_on_a_terminal_has_no_control_codes() -> None:
    """Logs and pipes get text."""
    done = demo()
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout


def test_a_set_up_that_fails_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 3: nothing was judged."""

    def refuse(_chosen: object, _console: object) -> None:
        raise InstallFailed("the dependencies could not be installed: no route to the index")

    monkeypatch.setattr(show, "prepare", refuse)
    done = demo("stop")
    assert done.exit_code == 3
    assert done.stderr.startswith("The demonstration cannot be set up: the dependencies could not be installed")


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 130, and a word that nothing is left."""

    def interrupt(_chosen: object, _console: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "prepare", interrupt)
    done = demo("stop")
    assert done.exit_code == 130
    assert "nothing is left running" in done.stderr


@pytest.fixture
def load_20(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two processors have a load of 20, as `natlab demo` sees it."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("os.getloadavg", lambda: (20.0, 20.0, 20.0))


@pytest.mark.usefixtures("load_20")
def test_a_busy_machine_is_told_beforehand_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first scenario, then after each of them; and what it spoils is played again by one command."""
    monkeypatch.setattr(Made, "bad", {"crash": {"result": result("crash", ok=False, reasons=["late"]), "strips": {}}})
    done = demo()
    first, note, *_ = done.stdout.splitlines()
    assert first == (
        "14 scenarios, 1 at a time: about 21 minutes on this machine (load 20.0 on 2 processors), after the set-up."
    )
    assert note.startswith("Note: this machine is busy.")
    assert "14 of 14 played" in done.stdout
    assert "less than a minute to go" in done.stdout
    assert "make demo SCENARIO='crash' ARGS='--jobs 1'" in done.stdout
    assert "not good" not in done.stdout


@pytest.mark.usefixtures("load_20")
def test_who_ends_it_sees_what_was_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after some of them: their rows, no verdict about the others, status 130."""
    monkeypatch.setattr(Made, "interrupted_after", 3)
    done = demo()
    assert done.exit_code == 130
    assert "4 of 4 good, 10 not played" in done.stdout
    assert done.stdout.count("  not played\n") == 10
    assert "The machine was too busy" not in done.stdout


def test_a_busy_machine_that_can_play_nothing_is_not_asked_for_the_rest(
    load_20: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three could not even be set up: the others would take half an hour to fail as well."""
    monkeypatch.setattr(Made, "bad", {each.name: {"failed": "ReadTimeout"} for each in SHOWN})
    done = demo()
    assert done.exit_code == 1
    assert "0 of 3 good, 11 not played" in done.stdout
    assert "The machine was too busy (load 20.0 on 2 processors now)" in done.stdout
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    assert "0 of 14 good" in demo().stdout


def test_in_a_pipe_no_sentence_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the story of a scenario is."""
    monkeypatch.setenv("COLUMNS", "60")
    text = CliRunner().invoke(main, ["demo"]).stdout
    assert f"stop: {SHOWN[0].story}\n" in text
