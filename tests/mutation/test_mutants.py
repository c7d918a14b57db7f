"""The tool that plants faults is tried itself: on a toy, and on natkeeper with few tests, in a process of its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.campaign import path_of
from tests.mutation.explained import EXPLAINED
from tests.mutation.mutants import mutants_of, plant
from tests.mutation.texts import faults_of

ROOT = Path(__file__).resolve().parents[2]
TOY = '''"""A toy."""

LIMIT = 3
Known = int | str


def many(things: list[str], *, quiet: bool = False) -> str | None:
    """Name them."""
    if len(things) < LIMIT or not things:
        return None
    for thing in things:
        if thing == "stop":
            continue
        log(thing, quiet=quiet)
    return f"there are {len(things)} of them"
'''


def faults(source: str) -> list[str]:
    """The names of all faults of a module."""
    return [str(mutant) for mutant in mutants_of("toy", source)]


def test_every_place_that_can_be_otherwise_is_a_fault() -> None:
    """Values, operators, conditions, keywords, results and statements; no docstring, no type, no prose."""
    assert faults(TOY) == [
        "toy: 3 becomes 4: LIMIT = 3",
        "toy: False becomes True: def many(things: list[str], *, quiet: bool = False) -> str | None:",
        "toy.many: the condition is turned round: if len(things) < LIMIT or not things:",
        "toy.many: or becomes and: if len(things) < LIMIT or not things:",
        "toy.many: Lt becomes LtE: if len(things) < LIMIT or not things:",
        "toy.many: not is left out: if len(things) < LIMIT or not things:",
        'toy.many: Eq becomes NotEq: if thing == "stop":',
        "toy.many: 'stop' becomes another: if thing == \"stop\":",
        "toy.many: continue becomes break: continue",
        "toy.many: the statement is left out: log(thing, quiet=quiet)",
        "toy.many: quiet= is left out: log(thing, quiet=quiet)",
        'toy.many: returns None: return f"there are {len(things)} of them"',
    ]


def test_a_constant_is_known_by_each_name_that_its_line_gives() -> None:
    """So the tests of what uses it are found, also where one line names several."""
    for source, names in (("A = 1", {"A"}), ("A, B = 1, 2", {"A", "B"})):
        assert {name for mutant in mutants_of("toy", source) for name in mutant.place.binds} == names


def test_a_fault_keeps_its_name_when_lines_move() -> None:
    """Names go by function and text, so what is explained stays explained; twins on a line are numbered."""
    assert faults("\n\n# more\n" + TOY) == faults(TOY)
    assert faults("a = 1 + 1") == [
        "toy: Add becomes Sub: a = 1 + 1",
        "toy: 1 becomes 2: a = 1 + 1",
        "toy: 1 becomes 2 (number 2): a = 1 + 1",
    ]


@pytest.mark.parametrize(
    "text, mutated",
    [
        ("'egress-lost'", True),
        ("'natkeeper: '", True),
        ("f's={x}'", True),
        ("f'{x} {y}'", True),
        ("re.compile('(?:i|ngw) of [a-z]')", True),
        ("'is impaired'", False),
        ("f'{x} works again'", False),
    ],
)
def test_only_the_words_of_sentences_are_left_alone(text: str, *, mutated: bool) -> None:
    """Keys, tokens, patterns and the shape of what is written are mutated; prose is for people."""
    assert any("becomes another" in fault for fault in faults(f"said = {text}")) is mutated


def test_a_planted_fault_is_the_only_difference() -> None:
    """One node of the tree differs, and lines stay where they are."""
    mutant = next(m for m in mutants_of("toy", TOY) if m.what == "Lt becomes LtE")
    assert ast.unparse(plant(mutant)) == ast.unparse(ast.parse(TOY.replace("<", "<=")))


def examined(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command line says, told to use few tests."""
    command = [sys.executable, "-m", "tests.mutation", "--tests", "tests/memory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_what_tests_notice_is_counted_and_what_none_of_them_runs_is_named() -> None:
    """One fault is swapped into a function, one comes with the import, one is where these tests never are."""
    swapped, imported = "memory.is_ours: IsNot becomes Is", "becomes another: _HOP"
    told = examined("memory", "world", "--only", swapped, "--only", imported, "--only", "hops_of: Is becomes IsNot")
    assert told.returncode == 1, told.stdout + told.stderr
    assert "survives unexplained: natkeeper.domain.world.hops_of: Is becomes IsNot" in told.stdout
    assert told.stdout.count("survives unexplained") == 1
    assert "3 faults" in told.stdout


def test_what_is_explained_is_a_fault_of_today() -> None:
    """An explanation goes with the line that it is about, or moves with it."""
    files = {Path(fault.partition(": ")[0]) for fault in EXPLAINED if fault.partition(": ")[0].endswith((".py", ".sh"))}
    modules = {module for fault in EXPLAINED for module in _modules(fault) if path_of(module).is_file()}
    there = {str(each) for file in files for each in faults_of(file)}
    there |= {str(each) for module in modules for each in mutants_of(module, path_of(module).read_text("utf-8"))}
    assert sorted(EXPLAINED.keys() - there) == []


def _modules(fault: str) -> list[str]:
    """Return what a fault's module may be: its place is the module and the names around it."""
    names = fault.partition(": ")[0].split(".")
    return [".".join(names[:depth]) for depth in range(2, len(names) + 1)]


def test_a_module_that_is_not_examined_is_refused() -> None:
    """Instead of examining nothing and being content."""
    assert examined("nonsense").returncode == 2
