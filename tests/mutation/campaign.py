"""All mutants of some modules, each tried with the tests that can notice it."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TypeVar

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.mutation.mutants import NOTHING, Mutant
from tests.mutation.reach import PACKAGE, ROOT, Mentions, RunCoverage, learn
from tests.mutation.session import Plugin, collect
from tests.mutation.trying import Attempt, Chance, Verdict, importing, swapping, try_all

FIRST = 40
"""Of a mutant that has to be imported anew: how many tests are tried first, so that few files are imported."""
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
T = TypeVar("T")


class Unsound(Exception):
    """Nothing can be learnt: the tests fail without any fault."""


@dataclass(slots=True)
class Learnt:
    """What a child that has imported natkeeper tells the one that has not; `early` ran while tests were collected."""

    reach: RunCoverage = field(default_factory=RunCoverage)
    early: set[tuple[str, str, int]] = field(default_factory=set)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    trouble: str = "pytest cannot collect the tests"


def path_of(name: str) -> Path:
    """Say where a module of natkeeper is."""
    return (ROOT / "shared" / Path(*name.split("."))).with_suffix(".py")


def examine(mutants: list[Mutant], tests: Sequence[str], workers: int, console: Console) -> dict[str, Verdict]:
    """Try `mutants`; the verdict on each, by its name. Natkeeper must not have been imported."""
    began = time.monotonic()
    learnt = in_child(lambda: _swap_all(mutants, tests, workers, console))
    if learnt.trouble:
        raise Unsound(learnt.trouble)
    verdicts, reach = learnt.verdicts, learnt.reach
    left = [mutant for mutant in mutants if str(mutant) not in verdicts]
    console.print(f"{len(verdicts)} faults swapped in by {time.monotonic() - began:.0f} s, {len(left)} to be imported")
    mentions, attempt = Mentions(), importing(path_of)
    chances = [Chance(mutant, _tests_of(mutant, reach, mentions)) for mutant in left]
    first = [replace(chance, tests=dict([*chance.tests.items()][:FIRST])) for chance in chances]
    verdicts |= _try("imported", first, attempt, workers, console)
    rest = [replace(chance, tests=dict([*chance.tests.items()][FIRST:])) for chance in chances]
    again = [chance for chance in rest if chance.tests and verdicts[str(chance.mutant)].by is None]
    return verdicts | _try("imported, all tests", again, attempt, workers, console, tell=True)


def _swap_all(mutants: list[Mutant], tests: Sequence[str], workers: int, console: Console) -> Learnt:
    """Collect the tests, learn what they reach, and try the mutants of functions that have not run before."""
    learnt = Learnt()

    def note(frame: FrameType, event: str, _arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            learnt.early.add((code.co_filename, code.co_name, code.co_firstlineno))

    def work(items: list[pytest.Item]) -> None:
        sys.setprofile(None)
        began = time.monotonic()
        learnt.reach = in_child(lambda: learn(items, plugin))
        console.print(f"{len(items)} tests without any fault: {time.monotonic() - began:.0f} s")
        learnt.trouble = "".join(f"fails without any fault: {test}\n" for test in learnt.reach.failed)
        if not learnt.trouble:
            for name in {mutant.module for mutant in mutants}:  # some are imported by those runs only that need them
                importlib.import_module(name)
            chances = [Chance(m, _tests_of(m, learnt.reach)) for m in mutants if _swappable(m, learnt)]
            learnt.verdicts = _try("swapped in", chances, swapping(items, plugin, path_of), workers, console, tell=True)

    plugin = Plugin(work)
    sys.setprofile(note)
    collect(tests, plugin)
    return learnt


def _swappable(mutant: Mutant, learnt: Learnt) -> bool:
    function = mutant.place.function
    return function is not None and (str(path_of(mutant.module)), *function) not in learnt.early


def _tests_of(mutant: Mutant, reach: RunCoverage, mentions: Mentions | None = None) -> dict[str, float]:
    """Name the tests that may notice the mutant, the best first, with the seconds that each takes."""
    file = str(path_of(mutant.module))
    if mutant.place.function is not None:
        tests = reach.tests_of((file, line) for line in mutant.place.lines)
    else:
        assert mentions is not None, f"{mutant} cannot be swapped in"
        tests = [test for lines in mentions.of(mutant) for test in reach.tests_of(lines)]
    return {test: reach.seconds[test] for test in tests}


def _try(
    how: str, chances: list[Chance], attempt: Attempt, workers: int, console: Console, *, tell: bool = False
) -> dict[str, Verdict]:
    """Try them, after one without any fault, which has to survive."""
    verdicts: dict[str, Verdict] = {}
    sound: list[Verdict] = []
    if not chances:
        return verdicts
    with Progress(*_COLUMNS, console=console, auto_refresh=False, disable=not console.is_terminal) as progress:
        bar = progress.add_task(how, total=len(chances))

        def done(verdict: Verdict) -> None:
            verdicts[str(verdict.mutant)] = verdict
            progress.update(bar, completed=len(verdicts), refresh=True)
            if verdict.by is None and tell:
                console.print(f"survives: {verdict.mutant}", highlight=False, markup=False, soft_wrap=True)

        reached = [chance for chance in chances if chance.tests]
        for mutant in (chance.mutant for chance in chances if not chance.tests):
            done(Verdict(mutant, None, 0.0))
        if not reached:
            return verdicts
        try_all([_without_fault(reached[0])], attempt, 1, sound.append)
        if sound[0].by is not None:
            raise Unsound(f"fails without any fault, when faults are {how}: {sound[0].by}")
        try_all(reached, attempt, workers, done)
    return verdicts


def _without_fault(chance: Chance) -> Chance:
    return Chance(replace(chance.mutant, what=NOTHING), dict([*chance.tests.items()][:FIRST]))


def in_child(work: Callable[[], T]) -> T:
    """Have a child do `work`, and return what it answers."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  pytest's words
        try:
            answer: T | BaseException = work()
        except BaseException as problem:  # noqa: BLE001  the parent raises it
            answer = problem
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    answer = pickle.loads(said)  # noqa: S301  our own child's
    if isinstance(answer, BaseException):
        raise answer
    return answer
