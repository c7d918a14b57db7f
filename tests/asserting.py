"""Finds tests that cannot fail: an assert that a test has and that no run of it ever reached.

A pytest plugin. An assert inside a loop over nothing, behind a condition that never holds, or in a test whose
parameters are empty proves nothing and looks as if it did. Python's monitoring (3.12) tells which lines of a test
ran; at the end of a whole run every assert of every test that passed has to be among them, or the run fails.
A run of some tests only judges nothing, because another set of parameters may be what reaches an assert.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

Place = tuple[str, str, int]
"""File, name of the test, line of an assert."""
_SENT = "reached_asserts", "due_asserts"


@functools.cache
def asserts_of(file: str) -> dict[str, frozenset[range]]:
    """Return the lines of each assert by the name of the test that it stands in; `Class::test` for methods.

    One that only bounds a wait (`assert time.monotonic() < until`) claims nothing: the wait may be over at once.
    """
    found: dict[str, frozenset[range]] = {}
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    for name, node in _tests(tree, ""):
        found[name] = frozenset(
            range(each.lineno, (each.end_lineno or each.lineno) + 1)
            for each in ast.walk(node)
            if isinstance(each, ast.Assert) and not _bounds_a_wait(each)
        )
    return found


def _bounds_a_wait(node: ast.Assert) -> bool:
    return ast.unparse(node.test).startswith("time.monotonic() <")


def _tests(tree: ast.Module | ast.ClassDef, inside: str) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node, f"{inside}{node.name}::")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield inside + node.name, node


class Asserting:
    """Notes the lines that run in files of tests; `due` are the asserts of tests that passed, `reached` those run."""

    def __init__(self) -> None:
        self.lines: dict[str, set[int]] = {}
        self.due: set[Place] = set()
        self.spans: dict[Place, range] = {}
        self.reached: set[Place] = set()
        self.monitoring: Any = getattr(sys, "monitoring", None)
        self.tool = 4  # 0 to 3 and 5 are spoken for: debugger, coverage, profiler, optimiser

    def start(self) -> None:
        """Begin to note lines; each line is noted once and costs nothing after that."""
        self.monitoring.use_tool_id(self.tool, "natkeeper asserts")
        self.monitoring.register_callback(self.tool, self.monitoring.events.LINE, self._line)
        self.monitoring.set_events(self.tool, self.monitoring.events.LINE)

    def stop(self) -> None:
        """End noting."""
        self.monitoring.set_events(self.tool, 0)
        self.monitoring.free_tool_id(self.tool)

    def _line(self, code: CodeType, line: int) -> object:
        name = code.co_filename.rpartition("/")[2]
        if name.startswith("test_"):
            self.lines.setdefault(code.co_filename, set()).add(line)
        return self.monitoring.DISABLE

    def passed(self, item: pytest.Item) -> None:
        """Make the asserts of a test due."""
        file, name = str(item.path), item.nodeid.partition("::")[2].partition("[")[0]
        self.spans |= {(file, name, lines.start): lines for lines in asserts_of(file).get(name, frozenset())}
        self.due |= self.spans.keys()

    def settle(self) -> None:
        """Find which of the asserts that are due have run."""
        for place, lines in self.spans.items():
            if self.lines.get(place[0], set()).intersection(lines):
                self.reached.add(place)


_KEY: pytest.StashKey[Asserting] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Watch whole runs, where this Python can."""
    if hasattr(sys, "monitoring") and (config.getoption("--asserts") or hasattr(config, "workerinput")):
        config.stash[_KEY] = Asserting()
        config.stash[_KEY].start()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --asserts."""
    parser.addoption("--asserts", action="store_true", help="fail where an assert of a test is never reached")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Note a test that passed."""
    report: pytest.TestReport = yield
    watch = item.config.stash.get(_KEY, None)
    if watch is not None and call.when == "call" and report.passed:
        watch.passed(item)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Gather what a worker of pytest-xdist saw."""
    watch = node.config.stash.get(_KEY, None)
    reached, due = (node.workeroutput.get(name, ()) if hasattr(node, "workeroutput") else () for name in _SENT)
    if watch is not None:
        watch.reached |= {tuple(place) for place in reached}
        watch.due |= {tuple(place) for place in due}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Judge, or as a worker hand over what was seen."""
    watch = session.config.stash.get(_KEY, None)
    if watch is None:
        return
    watch.stop()
    watch.settle()
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output.update({_SENT[0]: sorted(watch.reached), _SENT[1]: sorted(watch.due)})
    elif _idle(watch) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name every assert that no run reached."""
    watch = config.stash.get(_KEY, None)
    if watch is None:
        return
    idle = _idle(watch)
    if idle:
        terminalreporter.section("asserts that no run reached: these tests prove less than they say")
        for file, name, line in idle:
            terminalreporter.line(f"{Path(file).relative_to(config.rootpath)}:{line} in {name}")


def _idle(watch: Asserting) -> list[Place]:
    return sorted(watch.due - watch.reached)
