"""What every test gets: the contracts held against each exchange (tests/contract/watching.py), a calm hypothesis."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from hypothesis import settings

pytest_plugins = ("tests.asserting", "tests.contract.watching", "tests.lab.together")

# No deadline: how fast this machine is decides nothing. In CI the examples are the same every time.
settings.register_profile("natkeeper", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("natkeeper")


def _first_seed() -> int:
    """Fresh stories every time; in CI the commit decides, so that the same commit always has the same verdict."""
    if "CI" not in os.environ:
        return int(time.time())
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return int(git.stdout[:7] or "0", 16)


# A seed that is given wins; workers of pytest-xdist inherit it.
os.environ.setdefault("NATKEEPER_SEED", str(_first_seed()))


_MEASURED = {
    "config", "controlling", "deciding", "events", "evidence", "guest", "hostile", "memory", "observing", "packaging",
    "policy", "receipts",
}  # fmt: skip
"""Whose runs count towards the coverage of the domain: tracing makes every test two to three times as long."""
_REPEATING = {"test_crash_points.py", "test_handing_on.py", "test_rules.py", "test_schedules.py", "test_two_runs.py"}
"""Tests there that go the same ways very often."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Trace the domain in quick tests about it; what only a long way through the local cloud reaches is not tested."""
    for item in items:
        if item.path.parent.name not in _MEASURED or item.path.name in _REPEATING:
            item.add_marker(pytest.mark.no_cover)


def pytest_report_header(config: pytest.Config) -> str:
    """Say which stories the simulation plays, so that they can be played again."""
    return f"simulation: NATKEEPER_SEED={os.environ['NATKEEPER_SEED']}"


@pytest.fixture(autouse=True)
def _no_state_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A drill that a test leaves unfinished does not concern another test, nor the person who runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state" / str(time.monotonic_ns())))
