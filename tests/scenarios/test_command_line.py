"""`natlab` says what it can do, and refuses what it cannot in one sentence."""

from __future__ import annotations

import logging
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from natlab.cli import main
from natlab.cloud.kernel.latencies import TABLE
from natlab.scenarios.catalogue import SCENARIOS
from tests.unchanged import unchanged_process


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_a_test_leaves_the_process_as_it_was() -> None:
    """natlab takes signals, natkeeper takes log records: both would be there for the tests that follow."""
    before = signal.getsignal(signal.SIGTERM), list(logging.root.handlers)
    with unchanged_process():
        run("demo", "--list")
        logging.root.addHandler(logging.NullHandler())
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert (signal.getsignal(signal.SIGTERM), logging.root.handlers) == before


def test_an_unknown_scenario_is_refused_with_the_list() -> None:
    """Before anything is built."""
    status, out, err = run("demo", "stop", "stpo")
    assert (status, out) == (2, "")
    assert "'stpo'. Did you mean stop?" in err
    assert all(scenario.name in err for scenario in SCENARIOS)


def test_scenarios_are_listed_with_their_stories() -> None:
    """One line each."""
    status, out, _ = run("demo", "--list")
    assert status == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [scenario.name for scenario in SCENARIOS]
    assert all(scenario.story in out for scenario in SCENARIOS)


def test_every_assumed_latency_is_printed_with_its_source() -> None:
    """What figures rest on is not hidden, and plain where it is not read on a terminal."""
    status, out, _ = run("latencies")
    assert status == 0
    assert all(row.name in out for row in TABLE)
    assert "unpublished: assumed" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("command", [(), ("demo",), ("cloud",), ("latencies",)])
def test_help_is_there(command: tuple[str, ...]) -> None:
    """-h works everywhere."""
    status, out, _ = run(*command, "-h")
    assert status == 0
    assert out.startswith("Usage:")


def test_the_list_of_commands_is_whole_and_bare_natlab_prints_it() -> None:
    """No sentence ends in three dots, and asking for help is no mistake."""
    status, out, _ = run()
    assert (status, out) == (0, run("-h")[1])
    assert "..." not in out.partition("Commands:")[2]
    assert "Did you mean play?" in run("plya")[2]


def test_lines_of_make_help_fit_a_terminal() -> None:
    """80 columns: what is cut or wrapped is not read."""
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run(["/usr/bin/env", "make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert "make demo" in told
    assert [line for line in told.splitlines() if len(line) > 80] == []


def test_jobs_have_limits() -> None:
    """None at a time is not a demonstration."""
    assert run("demo", "--jobs", "0")[0] == 2
