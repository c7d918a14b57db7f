"""pytest without its own loop: what it has collected is given to a caller, which runs some of it in some order."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import Phase, settings

EXAMPLES = 25
"""Of each property, the same ones every time: a mutant is looked for by many tests."""
SHARES = 4
"""How many of the shares of fresh stories are played, 50 stories each, all of one seed."""
PYTEST = ("-p", "no:cacheprovider", "-p", "no:xdist", "-s", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_CACHES: list[Any] = []
_STORIES = "test_no_schedule_of_failures_breaks_a_rule["


class Plugin:
    """Gives what pytest has collected to `work`, in place of pytest's own loop."""

    def __init__(self, work: Callable[[list[pytest.Item]], None]) -> None:
        self.work = work
        self.broken: Exception | None = None
        self.on_failure: Callable[[str], None] = lambda _test: None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Load a profile after the one of tests/conftest.py: few examples, none of them shrunk."""
        phases = (Phase.explicit, Phase.generate)
        usual = settings.get_profile("natkeeper")
        settings.register_profile("mutation", usual, max_examples=EXAMPLES, phases=phases, report_multiple_bugs=False)
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work, unless a test could not even be collected."""
        if not session.testsfailed:
            _CACHES[:] = (thing for thing in gc.get_objects() if isinstance(thing, functools._lru_cache_wrapper))
            try:
                self.work([item for item in session.items if _wanted(item.nodeid)])
            except Exception as problem:  # noqa: BLE001  pytest would only print it
                self.broken = problem
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pass on a failure, be it of a test or of its fixtures."""
        if report.failed:
            self.on_failure(report.nodeid)


def _wanted(test: str) -> bool:
    return _STORIES not in test or int(test.partition(_STORIES)[2].rstrip("]")) < SHARES


def collect(paths: Iterable[str], plugin: Plugin) -> None:
    """Have pytest collect the tests in `paths`, and do the plugin's work."""
    pytest.main([*PYTEST, *paths], plugins=[plugin])
    if plugin.broken is not None:
        raise plugin.broken


def run(items: Sequence[pytest.Item], before: Callable[[pytest.Item], object]) -> Iterator[pytest.Item]:
    """Run the tests in this order."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        before(item)
        for cache in _CACHES:  # or a test would be spared what another one, or code without the fault, has worked out
            cache.cache_clear()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        yield item
