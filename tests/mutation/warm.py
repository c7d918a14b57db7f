"""A warm process: it has imported what tests need of other projects, and runs tests in forks that leave no trace.

Started in a copy of the repository, by that copy's Python. It answers one line of JSON for each on its standard input.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.mutation import reached
from tests.mutation.session import EXAMPLES

ROOM_S, ROOM = 20, 4
"""Processor time of each process of one try: so many seconds, and so many times what its tests take without a fault."""
WALL_S, WALL = 120, 20
"""The same by the clock, for what waits without end: generous, because others may use the machine."""
_PYTEST = (
    "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=no", "-m", "not slow",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
_BEFORE = (
    "hypothesis.strategies", "hypothesis.stateful", "_hypothesis_pytestplugin", "pytest_mock", "msgspec.json", "yaml",
    "click", "rich.console", "rich.table", "rich.progress", "requests", "aiohttp", "Tea.core", "email.mime.text",
    "http.server", "sqlite3", "alibabacloud_tea_openapi.client",
)  # fmt: skip
"""What no fork need import anew; nothing of it may import natkeeper or natlab."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How tests ended: the first that failed or None, and the processor time of all their processes, in seconds."""

    by: str | None
    seconds: float


class Warm:
    """A warm process of a copy, started again where it ended."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._process: subprocess.Popen[str] | None = None

    def run(self, files: Sequence[str], expected: float, tests: Sequence[str] = (), reach: Path | None = None) -> Ran:
        """Run files of tests, of them only `tests`, until one fails, in a few times the `expected` seconds.

        With `reach` all are run, and what they run is written to that file. Raises RuntimeError where pytest cannot.
        """
        self.start()
        assert self._process is not None
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        order = {"files": files, "expected": expected, "tests": tests, "reach": str(reach) if reach else None}
        asked.write(json.dumps(order) + "\n")
        asked.flush()
        answer: dict[str, Any] = json.loads(answers.readline() or '{"trouble": "it ended"}')
        if "trouble" in answer:
            raise RuntimeError(f"pytest cannot run: {answer['trouble']}")
        return Ran(answer["by"], answer["seconds"])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def start(self) -> None:
        """Start the process where there is none, and wait until it is warm."""
        if self._process is not None and self._process.poll() is None:
            return
        # PYTHONPATH could lead to a natkeeper without the fault.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PYTHONPATH"))}
        self._process = subprocess.Popen(
            [str(self.tree / ".venv/bin/python"), "-m", "tests.mutation.warm"],
            cwd=self.tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=kept | {"CI": "1", "NATKEEPER_SEED": "17"},
        )  # fmt: skip
        assert self._process.stdout is not None
        self._process.stdout.readline()


@dataclass(eq=False)
class Run:
    """A pytest plugin: few examples of each property, and only the tests that are wanted, in their order."""

    tests: Sequence[str]
    reach: int | None = None
    file: str = ""
    caches: list[Any] = field(default_factory=list)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Load a profile after the one of tests/conftest.py."""
        phases, usual = (Phase.explicit, Phase.generate), settings.get_profile("natkeeper")
        settings.register_profile("mutation", usual, max_examples=EXAMPLES, phases=phases, report_multiple_bugs=False)
        settings.load_profile("mutation")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not wanted."""
        if self.tests:
            place = {test: number for number, test in enumerate(self.tests)}
            items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Time a test; what its fixtures run counts for its whole file, because others share them."""
        if self.reach is None:
            return (yield)
        file = item.nodeid.partition("::")[0]
        if file != self.file:
            self.file = file
            self.caches = [thing for thing in gc.get_objects() if isinstance(thing, functools._lru_cache_wrapper)]
        for cache in self.caches:  # or a test would be spared what another one has worked out
            cache.cache_clear()
        began = _spent()
        self._mark(f"@{file}")
        result = yield
        self._say(f"={_spent() - began:.3f} {item.nodeid}")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Note what a test runs itself."""
        if self.reach is None:
            return (yield)
        self._mark(f"@{item.nodeid}")
        try:
            return (yield)
        finally:
            self._mark(f"@{item.nodeid.partition('::')[0]}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails by itself, or must not run here."""
        if self.reach is not None and (report.failed or report.skipped):
            self._say(f"-{report.nodeid}")

    def _mark(self, name: str) -> None:
        self._say(name)
        if hasattr(sys, "monitoring"):
            sys.monitoring.restart_events()

    def _say(self, line: str) -> None:
        assert self.reach is not None
        os.write(self.reach, (line + "\n").encode())


def main() -> None:
    """Answer until nobody asks any more."""
    for name in _BEFORE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    early = [name for name in sys.modules if name.partition(".")[0] in {"natkeeper", "natlab"}]
    assert not early, f"imported too early: {early}"
    gc.freeze()
    sys.stdout.write("warm\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(**json.loads(line))) + "\n")
        sys.stdout.flush()


def _answer(files: list[str], expected: float, tests: list[str], reach: str | None) -> dict[str, object]:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        before = _spent()
        child = os.fork()
        if not child:
            _child(files, tests, reach, said.fileno(), ROOM_S + ROOM * math.ceil(expected))
        code = _wait(child, WALL_S + WALL * expected)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        seconds = round(_spent() - before, 2)
        said.seek(0)
        text = said.read()
    if code == pytest.ExitCode.INTERNAL_ERROR or (reach is not None and code not in {0, 1}):
        return {"trouble": text[-500:]}
    if code == pytest.ExitCode.USAGE_ERROR:  # tests that ran before cannot even be collected
        return {"by": f"(the import of {files[0].rpartition('/')[0]})", "seconds": seconds}
    if code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return {"by": None, "seconds": seconds}
    lines = [line for line in text.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    by = lines[0].split(" - ")[0].split(" ", 1)[1].strip() if lines else f"(pytest ended with {code})"
    return {"by": by, "seconds": seconds}


def _child(files: list[str], tests: list[str], reach: str | None, said: int, processor: int) -> None:
    code = 70
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number, to in ((0, nothing), (1, said), (2, said)):
            os.dup2(to, number)
        resource.setrlimit(resource.RLIMIT_CPU, (processor, processor))
        if reach is None:
            sys.dont_write_bytecode = True  # a file with a fault may be as long as the one without
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            code = int(pytest.main([*_PYTEST, "-x", *files], plugins=[Run(tests)]))
        else:
            code = int(pytest.main([*_PYTEST, *files], plugins=[Run(tests, reached.start(reach))]))
    except Exception:  # noqa: BLE001  a fork must never go on as its parent
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _wait(child: int, wall: float) -> int:
    """Return how it ended, and end what takes too long."""
    until = time.monotonic() + wall
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGKILL
        time.sleep(0.02)


def _spent() -> float:
    """Return the processor time of this process and of those that it waited for, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
