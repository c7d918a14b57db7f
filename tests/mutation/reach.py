"""Which test runs which line, and how long it takes: learnt from one run of them all without any fault."""

from __future__ import annotations

import ast
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, NodePlace, code_of
from tests.mutation.session import Plugin, run

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "shared" / "natkeeper"
Line = tuple[str, int]


@dataclass(slots=True)
class RunCoverage:
    """What the tests do when there is no fault: the seconds and the lines of each, by the test's name."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[Line, list[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def tests_of(self, lines: Iterable[Line]) -> list[str]:
        """Name the tests that run one of `lines`, the quickest first."""
        return sorted({test for line in lines for test in self.lines.get(line, ())}, key=self.seconds.__getitem__)


def learn(items: Sequence[pytest.Item], plugin: Plugin) -> RunCoverage:
    """Run all tests under coverage, with a context for each; those that fail are in `failed`."""
    os.environ["COVERAGE_CORE"] = "ctrace"  # the one that knows contexts on every version of Python
    import coverage

    reach = RunCoverage()
    plugin.on_failure = reach.failed.append
    watch = coverage.Coverage(data_file=None, config_file=False, include=[f"{PACKAGE}/*"])
    watch.start()
    began = time.process_time()
    for item in run(items, lambda item: watch.switch_context(item.nodeid)):
        reach.seconds[item.nodeid] = time.process_time() - began
        began = time.process_time()
    watch.stop()
    data = watch.get_data()
    for file in data.measured_files():
        for line, tests in data.contexts_by_lineno(file).items():
            reach.lines[file, line] = [test for test in tests if test]
    return reach


class Mentions:
    """Where natkeeper's functions use what its modules define, by name: who notices that a constant is another?"""

    def __init__(self) -> None:
        self.uses: dict[str, set[Line]] = defaultdict(set)
        self.flows: dict[str, set[str]] = defaultdict(set)
        for path in PACKAGE.rglob("*.py"):
            for node, place in code_of(path.read_text(encoding="utf-8")):
                for name in _names(node):
                    self._add(name, str(path), place)

    def _add(self, name: str, file: str, place: NodePlace) -> None:
        if place.function is None:
            self.flows[name] |= place.binds
        else:
            self.uses[name] |= {(file, line) for line in place.lines}

    def of(self, mutant: Mutant) -> tuple[set[Line], set[Line]]:
        """List the lines that use what the mutant defines, and those that use what is defined with that in turn."""
        near, far = set(mutant.place.binds) - set(mutant.place.names), set(mutant.place.binds)
        new = set(far)
        while new:
            new = {bound for name in new for bound in self.flows[name]} - far
            far |= new
        return self._uses(near), self._uses(far)

    def _uses(self, names: Iterable[str]) -> set[Line]:
        return {line for name in names for line in self.uses.get(name, ())}


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            yield name
