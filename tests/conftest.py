"""What every test gets: the contracts held against each exchange (tests/contract/watching.py), a calm hypothesis."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.unchanged import unchanged_process

pytest_plugins = ("tests.asserting", "tests.contract.watching", "tests.lab.together")

# In CI, and where every assert has to be reached, chance decides nothing. Workers of pytest-xdist inherit it.
if "CI" in os.environ or "--asserts" in sys.argv:
    os.environ["NATKEEPER_NO_CHANCE"] = "1"
_NO_CHANCE = "NATKEEPER_NO_CHANCE" in os.environ

# No deadline: how fast this machine is decides nothing either.
settings.register_profile("natkeeper", deadline=None, derandomize=_NO_CHANCE, print_blob=True)
settings.load_profile("natkeeper")


def _first_seed() -> int:
    """Fresh stories every time; without chance the commit decides, so that the same commit has the same verdict."""
    if not _NO_CHANCE:
        return int(time.time())
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return int(git.stdout[:7] or "0", 16)


# A seed that is given wins; workers of pytest-xdist inherit it.
os.environ.setdefault("NATKEEPER_SEED", str(_first_seed()))


_WITHOUT_CHANCE = {
    "config", "controlling", "deciding", "docs", "events", "evidence", "guest", "hostile", "memory", "observing",
    "packaging", "receipts", "simulation",
}  # fmt: skip
"""Nothing in them waits for a process, a socket or a clock of this machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long go first, so that no worker ends alone with it.

    In a whole run what waits for this machine has a second try, which the summary names (docs/decisions.md, 65).
    """
    for item in items if _NO_CHANCE else ():
        if item.path.parent.name not in _WITHOUT_CHANCE:
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None and item.path.parent.name != "end_to_end")


def pytest_report_header(config: pytest.Config) -> str:
    """Say which stories the simulation plays, so that they can be played again."""
    return f"simulation: NATKEEPER_SEED={os.environ['NATKEEPER_SEED']}"


@pytest.fixture(autouse=True)
def _no_state_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A drill that a test leaves unfinished does not concern another test, nor the person who runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state" / str(time.monotonic_ns())))


@pytest.fixture(autouse=True)
def _no_state_of_this_process() -> Iterator[None]:
    """No test depends on whether a command line ran before it in the same worker."""
    with unchanged_process():
        yield
