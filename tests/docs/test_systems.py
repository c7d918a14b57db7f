"""docs/gateway.md says what came of each row of the matrix of systems, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from natlab.drill.matrix import chosen
from natlab.drill.systems import ROWS, UNTRIED

PAGE = Path(__file__).resolve().parents[2] / "docs/gateway.md"
_TABLE = re.compile(r"^\| ((?:Debian|Ubuntu|CentOS|SELinux)[^|]*) \| ([^|]+) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def test_the_table_of_systems_is_the_one_of_the_code() -> None:
    """Every row that can be played has its line, in the same order; what cannot be played says so."""
    lines = _TABLE.findall(PAGE.read_text(encoding="utf-8"))
    assert [(system, beside) for system, beside, *_ in lines] == [
        *((row.system, row.beside) for row in ROWS),
        *((system, "-") for system, _ in UNTRIED),
    ]
    assert [result for *_, result in lines[len(ROWS) :]] == [f"not tried: {why}" for _, why in UNTRIED]


@pytest.mark.parametrize("words, rows", [("", len(ROWS)), ("ubuntu", 7), ("Debian 12, ufw", 1), ("windows", 0)])
def test_rows_are_chosen_by_words_of_their_names(words: str, rows: int) -> None:
    """One name belongs to one row."""
    assert len(chosen(words)) == rows
    assert len({row.name for row in ROWS}) == len(ROWS)
