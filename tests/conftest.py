"""What every test gets: the contracts held against each exchange (tests/contract/watching.py), a calm hypothesis."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

import natkeeper.domain
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


_MEASURED = {
    "config", "controlling", "deciding", "events", "evidence", "guest", "hostile", "memory", "observing", "packaging",
    "receipts",
}  # fmt: skip
"""Whose runs count towards the coverage of the domain: tracing makes every test two to three times as long."""
_REPEATING = {
    "test_answers.py", "test_crash_points.py", "test_handing_on.py", "test_no_empty_word.py", "test_one_refusal.py",
    "test_one_refusal_of_a_plan.py", "test_put_off.py", "test_rules.py", "test_schedules.py", "test_two_runs.py",
    "test_words_refused.py",
}  # fmt: skip
"""Tests there that go the same ways very often."""
_WITHOUT_CHANCE = _MEASURED | {"docs", "simulation"}
"""Nothing in them waits for a process, a socket or a clock of this machine."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Import all of the domain while it is traced; what takes long goes first, so that no worker ends alone with it.

    In a whole run what waits for this machine has a second try, which the summary names (docs/decisions.md, 65).
    """
    if config.pluginmanager.hasplugin("_cov"):
        for module in pkgutil.iter_modules(natkeeper.domain.__path__, "natkeeper.domain."):
            importlib.import_module(module.name)
    for item in items if _NO_CHANCE else ():
        if item.path.parent.name not in _WITHOUT_CHANCE:
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None and item.path.parent.name != "end_to_end")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace the domain in quick tests about it; what only a long way through the local cloud reaches is not tested.

    Not even in fixtures, which the mark no_cover of pytest-cov leaves traced.
    """
    tracing = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if tracing is None or (item.path.parent.name in _MEASURED and item.path.name not in _REPEATING):
        return (yield)
    tracing.pause()
    try:
        return (yield)
    finally:
        tracing.resume()


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
