"""Faults in files of every kind, planted in copies of the repository."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.mutation import planting, sampling, texts
from tests.mutation.areas import AREAS, ROOT, Area
from tests.mutation.footprint import Footprints, read_all
from tests.mutation.planting import ENOUGH_S, FIRST_S, GROWTH, Known, Tried, batches, copy_to, in_turn, try_all
from tests.mutation.sampling import draw, is_explained
from tests.mutation.texts import TextMutation

YAML = """\
description: words for people
timeout: 60
enabled: true
name: natkeeper
quoted: '@every 1m'
lines: |
  a script
list: [a, b]
"""
SHELL = """\
# a comment
if [ -n "$found" ]; then
    sysctl -q net.ipv4.ip_forward=1
fi
"""


def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> list[texts.TextMutation]:
    """All faults of a file."""
    monkeypatch.setattr(texts, "ROOT", tmp_path)
    (tmp_path / name).write_text(source, encoding="utf-8")
    return list(texts.faults_of(Path(name)))


def test_every_value_of_a_yaml_file_can_be_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, truths, words and quoted texts; no description and no script, which has faults of its own."""
    found = faults(tmp_path, monkeypatch, "s.yaml", YAML)
    changed = [set(fault.content().splitlines()) - set(YAML.splitlines()) for fault in found]
    assert [line for lines in changed for line in sorted(lines)] == [
        "timeout: 61", "enabled: false", "name: natkeeperX", "quoted: '@every 1mX'", "list: [aX, b]", "list: [a, bX]",
    ]  # fmt: skip


def test_conditions_and_commands_of_a_shell_script_can_be_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A condition turned round, an operator swapped, a number changed, a command left out."""
    found = faults(tmp_path, monkeypatch, "setup.sh", SHELL)
    assert {fault.what for fault in found} == {
        "the condition is turned round", "'[ -n' becomes '[ -z'", "'-q' becomes ''", "1 becomes 2",
        "the command is left out",
    }  # fmt: skip
    assert all(fault.content().endswith("fi\n") for fault in found)
    assert len({fault.content() for fault in found}) == len(found)


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
def test_every_area_has_faults_and_tests(area: Area) -> None:
    """No area is empty, and what should notice its faults is there."""
    assert draw([area], 3, seed=1)
    assert all((ROOT / path.partition("::")[0]).exists() for path in area.tests)


def test_a_sample_is_the_same_for_a_seed_and_shared_among_areas() -> None:
    """So that a figure can be measured again, and an area by itself."""
    areas = [AREAS["notify"], AREAS["probe"]]
    drawn = [(area.name, str(fault)) for area, fault in draw(areas, 7, seed=3)]
    assert drawn == [(area.name, str(fault)) for area, fault in draw(areas, 7, seed=3)]
    assert [area for area, _ in drawn] == ["notify"] * 4 + ["probe"] * 3
    assert drawn[4:] == [(area.name, str(fault)) for area, fault in draw(areas[1:], 3, seed=3)]


def footprints() -> Footprints:
    """Of two files: one runs line 7 itself, in one of its fixtures and with an import."""
    known = Footprints()
    known.add({
        "folder": "tests/applying",
        "seconds": {
            f"{ROUTES}::test_a": 0.2, f"{ROUTES}::test_b": 0.1, f"{CODES}::test_c": 0.1, f"{CODES}::test_d": 9.0,
        },
        "failed": [],
        "names": ["*", f"{ROUTES}::test_a", CODES],
        "lines": {"shared/natkeeper/alibaba/vpc.py": {"1": [0], "7": [1], "8": [2]}},
    })  # fmt: skip
    return known


ROUTES, CODES = "tests/applying/test_routes.py", "tests/applying/test_codes.py"
PATH = Path("shared/natkeeper/alibaba/vpc.py")


@pytest.mark.parametrize(
    "lines, tests",
    [
        (range(7, 8), {f"{ROUTES}::test_a"}),
        (range(6, 9), {f"{ROUTES}::test_a", f"{CODES}::test_c", f"{CODES}::test_d"}),
        (range(1, 2), {f"{ROUTES}::test_a", f"{ROUTES}::test_b", f"{CODES}::test_c", f"{CODES}::test_d"}),
        (range(99, 100), {f"{ROUTES}::test_a", f"{ROUTES}::test_b", f"{CODES}::test_c", f"{CODES}::test_d"}),
        (None, {f"{ROUTES}::test_a", f"{ROUTES}::test_b", f"{CODES}::test_c", f"{CODES}::test_d"}),
    ],
)
def test_a_fault_is_tried_with_the_tests_that_run_its_line(lines: range | None, tests: set[str]) -> None:
    """Itself, in a fixture of its file or with an import; with all where no test is known to run it."""
    fault = TextMutation(PATH, "a text is misspelt", "", str, lines=lines)
    assert set(in_turn(fault, ["tests/applying"], Known(footprints()))) == tests


def test_tests_that_promise_more_for_their_time_come_first() -> None:
    """Those that speak of the fault's rare words, that run its line themselves, that noticed others in its file."""
    fault = TextMutation(PATH, "a text is misspelt", '_FILTER = "DestCidrBlockList"', str)
    known = Known(footprints())
    assert in_turn(fault, ["tests/applying"], known)[-1] == f"{CODES}::test_d"
    known.noticed[str(PATH), CODES] = 50
    assert in_turn(fault, ["tests/applying"], known)[0] == f"{CODES}::test_c"
    known.noticed[str(PATH), ROUTES] = 100
    assert in_turn(fault, ["tests/applying"], known)[0] == f"{ROUTES}::test_b"


def test_pytest_starts_with_few_tests_and_ends_when_it_is_enough() -> None:
    """Ever more at each start; what takes longer than is left is passed over."""
    seconds = {f"{file}::{number}": took for file, took in (("a", 1.0), ("b", 0.5)) for number in range(50)}
    seconds["a::long"] = ENOUGH_S
    found = [*batches(["a::0", "a::long", *seconds], seconds)]
    sizes = [sum(seconds[test] for test in batch) for batch in found]
    assert sizes[0] <= FIRST_S < sizes[1] <= FIRST_S * GROWTH < sizes[2]
    assert ENOUGH_S - 1 <= sum(sizes) <= ENOUGH_S
    assert "a::long" not in {test for batch in found for test in batch}


TOY = """\
LIMIT = 3

def many(number):
    return number > LIMIT

def unused():
    return LIMIT
"""
TOYS = """\
import pytest, subprocess, sys, os
from natkeeper.domain import toy

@pytest.fixture
def five():
    return toy.many(5)

def test_here():
    assert not toy.many(3)

def test_by_a_fixture(five):
    assert five

def test_in_a_process():
    code = "from natkeeper.domain import toy; print(toy.unused())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "3\\n"

def test_that_fails():
    assert False
"""


def test_a_fault_in_a_copy_is_noticed_there_by_the_tests_that_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a function, by a fixture, in a process of its own, with the import; a second try sees the file as it was."""
    toy, toys = Path("shared/natkeeper/domain/toy.py"), "tests/memory/test_toys.py"

    def copy(tree: Path) -> Path:
        copy_to(tree)
        (tree / toy).write_text(TOY, encoding="utf-8")
        (tree / toys).write_text(TOYS, encoding="utf-8")
        return tree

    monkeypatch.setattr(planting, "copy_to", copy)
    monkeypatch.setattr(planting, "_words_of_file", lambda _file: frozenset())
    monkeypatch.setattr(planting, "_words_of_test", lambda _file, _name: frozenset())
    area = Area("toy", (str(toy),), (toys,))
    faults = [
        TextMutation(toy, "harmless", "", lambda: TOY + "\n"),
        TextMutation(toy, "turned", "", lambda: TOY.replace(">", ">="), lines=range(4, 5)),
        TextMutation(toy, "other", "", lambda: TOY.replace("    return LIMIT", "    return 4"), lines=range(7, 8)),
        TextMutation(toy, "import", "", lambda: TOY.replace("3", "5"), lines=range(1, 2)),
        TextMutation(Path("tests/conftest.py"), "import for all", "", lambda: "raise TypeError\n"),
    ]
    tried: list[Tried] = []
    said: list[str] = []
    kept = tmp_path / "footprints.jsonl"
    try_all([(area, fault) for fault in faults], 1, tried.append, said.append, (kept, "a tree"))
    assert f"fails or is skipped without any fault: {toys}::test_that_fails" in said
    assert [each.by for each in tried][:3] == [None, f"{toys}::test_here", f"{toys}::test_in_a_process"]
    assert tried[3].by is not None
    assert tried[4].by == "(the import of tests/memory)"
    known = read_all(kept, "a tree")
    assert {t.rpartition("::")[2]: own for t, own in known.tests_of(faults[1], [toys]).items()} == {
        "test_here": True, "test_by_a_fixture": False, "test_in_a_process": False,
    }  # fmt: skip
    assert not read_all(kept, "another tree").seconds
    assert not (ROOT / toy).exists()


def test_a_sample_can_be_taken_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each result is kept; what was tried is not tried again, and another tree's results are not taken up."""
    monkeypatch.setattr(sampling, "FOLDER", tmp_path)
    monkeypatch.setattr(sampling, "tree_name", lambda: "one")
    tries: list[str] = []

    def few(chances: list[tuple[Area, TextMutation]], *args: Any) -> None:
        for area, fault in chances[:2]:
            tries.append(str(fault))
            args[1](Tried(fault, area.name, "tests/a.py::test_a" if len(tries) % 2 else None, 1.0))

    monkeypatch.setattr(sampling, "try_all", few)
    console = Console(file=io.StringIO(), width=200)
    for resume, count in ((False, 2), (True, 4), (True, 5), (True, 5)):
        ended = sampling.examine([AREAS["notify"]], 5, 9, 1, console, resume=resume)
        assert (ended, len(tries)) == (1, count)
    assert len(set(tries)) == 5
    assert isinstance(console.file, io.StringIO)
    assert "│ all    │      5 │       3 │         0 │ 60.0% │" in console.file.getvalue()
    monkeypatch.setattr(sampling, "tree_name", lambda: "another")
    assert sampling.examine([AREAS["notify"]], 5, 9, 1, console, resume=True) == 2


@pytest.mark.parametrize(
    "fault, explained",
    [
        ("shared/natkeeper/failover/lane.py: _write: 0.0 becomes 1.0: _, answer = yield (Wait(0.0), write.call)", True),
        ("shared/natkeeper/failover/pacing.py: 0.3 becomes 1.3: POLL_S = 0.3", True),
        ("lab/natlab/cloud/fc/cron.py: 4 becomes 5: _HORIZON_DAYS: Final = 4 * 366", True),
        ("shared/natkeeper/failover/pacing.py: 0.3 becomes 1.3: POLL_S = 0.4", False),
        ("templates/ros/demo.yaml: '10' becomes another: Bandwidth: 10", False),
    ],
)
def test_a_fault_is_explained_by_either_of_its_names(fault: str, *, explained: bool) -> None:
    """The core is examined whole under the names of its modules."""
    assert is_explained(fault) is explained
