"""Trying a mutant: a child of a warm parent gets the fault and runs the tests that reach it, the quickest first.

A fault in a function is planted by giving the live function the code with the fault (`swap`): the parent has
imported and collected everything. What runs with the import (constants, defaults, values of enums), and what tests
ran already when they were collected, cannot be swapped: such a child comes from a parent that has not imported
natkeeper, and imports it with the fault (`Planted`).
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

from tests.mutation.mutants import Mutant, plant
from tests.mutation.session import Plugin, collect, run

MEMORY = 3 << 30
_COUNT = 8
_BROKEN = 2
"""How a child ends when it is the tool that failed."""


@dataclass(frozen=True, slots=True)
class Chance:
    """A mutant and the tests that may notice it, in this order, each with the seconds it takes without a fault."""

    mutant: Mutant
    tests: dict[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: the test that noticed it, or None when all passed that reach it."""

    mutant: Mutant
    by: str | None
    seconds: float


Attempt = Callable[[Chance, mmap.mmap], bool]
"""Whether a mutant survives its tests; tells in shared memory how many of them it has begun."""


def try_all(chances: Iterable[Chance], attempt: Attempt, workers: int, done: Callable[[Verdict], None]) -> None:
    """Try mutants side by side, each in a child; a child that dies has noticed its fault."""
    running: dict[int, tuple[Chance, mmap.mmap, float]] = {}

    def finish() -> None:
        child, status = os.wait()
        chance, begun, began = running.pop(child)
        code = os.waitstatus_to_exitcode(status)
        if code == _BROKEN:
            raise RuntimeError(f"{chance.mutant} could not be tried")
        last = ["(the import)", *chance.tests][int.from_bytes(begun[:], "big")]
        by = last if code > 0 else f"{last} (ended by signal {-code})"
        done(Verdict(chance.mutant, None if code == 0 else by, time.monotonic() - began))

    for chance in chances:
        if len(running) >= workers:
            finish()
        begun = mmap.mmap(-1, _COUNT)
        child = os.fork()
        if not child:
            os._exit(_try(chance, attempt, begun))
        running[child] = chance, begun, time.monotonic()
    while running:
        finish()


def _try(chance: Chance, attempt: Attempt, begun: mmap.mmap) -> int:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _limit(10.0)
    try:
        return 0 if attempt(chance, begun) else 1
    except BaseException:  # noqa: BLE001  must not pass for a fault that was noticed
        return _BROKEN


def _limit(seconds: float) -> None:
    """Let the system end this process when it works for much longer: a mutant that never ends is noticed, too."""
    signal.setitimer(signal.ITIMER_PROF, 3 + 10 * seconds)
    signal.setitimer(signal.ITIMER_REAL, 60 + 100 * seconds)


def _hunt(items: Sequence[pytest.Item], plugin: Plugin, chance: Chance, begun: mmap.mmap) -> None:
    """Run tests until one fails, which ends this process."""
    numbers = {test: number for number, test in enumerate(chance.tests, start=1)}

    def before(item: pytest.Item) -> None:
        begun[:] = numbers[item.nodeid].to_bytes(_COUNT, "big")
        _limit(chance.tests[item.nodeid])

    plugin.on_failure = lambda _test: os._exit(1)
    for _ in run(items, before):
        pass


# ---- a fault in a function -------------------------------------------------------------------------------


def swapping(items: Sequence[pytest.Item], plugin: Plugin, path_of: Callable[[str], Path]) -> Attempt:
    """Try mutants with tests that are collected already."""
    by_name = {item.nodeid: item for item in items}
    live = functions()
    gc.freeze()  # a child that looks at everything would copy everything

    def attempt(chance: Chance, begun: mmap.mmap) -> bool:
        swap(chance.mutant, path_of(chance.mutant.module), live)
        _hunt([by_name[test] for test in chance.tests], plugin, chance, begun)
        return True

    return attempt


Functions = dict[tuple[str, int, str], list[FunctionType]]


def functions() -> Functions:
    """Find all functions that are there, by name, first line and file."""
    found: Functions = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            code = thing.__code__
            found.setdefault((code.co_name, code.co_firstlineno, code.co_filename), []).append(thing)
    return found


def swap(mutant: Mutant, path: Path, live: Functions) -> None:
    """Give a live function the code with the fault."""
    assert mutant.place.function is not None, f"{mutant} is in no function"
    name, line = mutant.place.function
    module = compile(plant(mutant), str(path), "exec", dont_inherit=True)
    new = next(code for code in _codes(module) if (code.co_name, code.co_firstlineno) == (name, line))
    for function in live[name, line, str(path)]:
        # Code that no longer uses its closure (`super()` is left out) must keep it: Python insists on the number.
        function.__code__ = new.replace(co_freevars=function.__code__.co_freevars)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


# ---- a fault in what runs with the import ----------------------------------------------------------------


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with its fault."""

    def __init__(self, mutant: Mutant, path: Path) -> None:
        self.mutant, self.path = mutant, path

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Claim the one module."""
        return (
            importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.mutant.module else None
        )

    def exec_module(self, module: ModuleType) -> None:
        """Run the planted tree."""
        exec(compile(plant(self.mutant), str(self.path), "exec", dont_inherit=True), vars(module))  # noqa: S102


def importing(path_of: Callable[[str], Path]) -> Attempt:
    """Try mutants by importing natkeeper anew, and the tests' own files after it."""

    def attempt(chance: Chance, begun: mmap.mmap) -> bool:
        sys.meta_path.insert(0, Planted(chance.mutant, path_of(chance.mutant.module)))
        survived = False

        def work(items: list[pytest.Item]) -> None:
            nonlocal survived
            by_name = {item.nodeid: item for item in items}
            _hunt([by_name[test] for test in chance.tests if test in by_name], plugin, chance, begun)
            survived = True

        plugin = Plugin(work)
        files = dict.fromkeys(test.partition("::")[0] for test in chance.tests)
        collect(files, plugin)
        return survived

    return attempt
