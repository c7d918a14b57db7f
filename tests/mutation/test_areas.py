"""Faults in files of every kind, planted in copies of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation import texts
from tests.mutation.areas import AREAS, ROOT, Area
from tests.mutation.planting import FIRST, Tried, in_turn, try_all
from tests.mutation.sampling import draw

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
    """So that a figure can be measured again."""
    areas = [AREAS["notify"], AREAS["probe"]]
    drawn = draw(areas, 7, seed=3)
    assert [str(fault) for _, fault in drawn] == [str(fault) for _, fault in draw(areas, 7, seed=3)]
    assert sorted(area.name for area, _ in drawn) == ["notify"] * 4 + ["probe"] * 3


def test_tests_that_speak_of_what_is_faulty_come_first_and_none_is_left_out() -> None:
    """By the words of the line; what takes long is never among the first."""
    area = AREAS["adapters"]
    path = Path("shared/natkeeper/alibaba/vpc.py")
    fault = texts.TextMutation(path, "a text is misspelt", '_FILTER = "DestCidrBlockList"', str)
    first, others = in_turn(fault, area.tests)
    assert len(first) == FIRST
    assert any("DestCidrBlockList" in (ROOT / file).read_text(encoding="utf-8") for file in first[:2])
    assert not any(file.startswith("tests/end_to_end") for file in first)
    folders = [ROOT / each for each in area.tests if (ROOT / each).is_dir()]
    named = {each for each in area.tests if not (ROOT / each).is_dir()}
    every = {str(file.relative_to(ROOT)) for folder in folders for file in folder.glob("test_*.py")}
    assert sorted([*first, *others]) == sorted(every | named)


def test_a_fault_in_a_copy_is_noticed_there_and_nowhere_else() -> None:
    """The tests of a copy see the fault, a second try sees the file as it was, and the repository is untouched."""
    area = Area("memory", ("shared/natkeeper/domain/memory.py",), ("tests/memory",))
    path = next(area.paths())
    before = (ROOT / path).read_text(encoding="utf-8")
    harmless = texts.TextMutation(path, "nothing becomes another", "", lambda: before)
    bad = texts.TextMutation(path, "everything is left out", "", lambda: before.split("\ndef ", 1)[0] + "\n")
    seen: list[Tried] = []
    tried = list(try_all([(area, bad), (area, harmless)], 1, seen.append))
    assert [each.by is None for each in tried] == [False, True]
    assert seen == tried
    assert (ROOT / path).read_text(encoding="utf-8") == before
