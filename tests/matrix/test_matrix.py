"""The matrix itself: some cells as they are published, and that it notices silence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.stage import Stage
from tests.matrix import playing
from tests.matrix.__main__ import MOST_UNSEEN, table
from tests.matrix.cells import (
    ACTIVE,
    ADDRESS,
    BEFORE_COLD,
    BROWN_OUT,
    COLD,
    DEAD,
    EGRESS,
    FAULTS,
    FOLLOW,
    HANG,
    MASQUERADE,
    NONE,
    ONE,
    OWN,
    PER_TABLE,
    STANDBY,
    ZONE,
    Cell,
    cells,
)

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8").splitlines()


def test_the_matrix_has_every_cell() -> None:
    """Eight faults of two roles, seven and five around a cold standby; four ways of looking, two kinds of address."""
    assert len(set(cells())) == (2 * 8 + 7 + 5) * 4 * 2
    assert sum(cell.nobody_can_see for cell in cells()) <= MOST_UNSEEN
    assert len(FAULTS) == 8


@pytest.mark.parametrize(
    "cell",
    [
        Cell(ACTIVE, HANG, PER_TABLE, OWN),
        Cell(ACTIVE, HANG, ONE, OWN),
        Cell(ACTIVE, HANG, NONE, FOLLOW),
        Cell(ACTIVE, HANG, DEAD, OWN),
        Cell(ACTIVE, ZONE, NONE, FOLLOW),
        Cell(ACTIVE, EGRESS, NONE, OWN),
        Cell(ACTIVE, MASQUERADE, NONE, OWN),
        Cell(ACTIVE, BROWN_OUT, PER_TABLE, FOLLOW),
        Cell(ACTIVE, BROWN_OUT, NONE, OWN),
        Cell(STANDBY, HANG, ONE, FOLLOW),
        Cell(STANDBY, BROWN_OUT, PER_TABLE, OWN),
        Cell(BEFORE_COLD, HANG, PER_TABLE, OWN),
        Cell(COLD, ZONE, ONE, FOLLOW),
        Cell(COLD, MASQUERADE, NONE, OWN),
        Cell(COLD, ADDRESS, ONE, OWN),
    ],
    ids=str,
)
def test_a_cell_ends_as_it_is_published(cell: Cell) -> None:
    """docs/matrix.md holds what `natlab matrix` printed."""
    outcome = playing.CellPlay(cell).run()
    assert not outcome.bad
    assert table([outcome]).splitlines()[-1] in PUBLISHED


@pytest.mark.parametrize(
    "cell",
    [Cell(ACTIVE, MASQUERADE, NONE, OWN), Cell(ACTIVE, HANG, NONE, OWN), Cell(STANDBY, ZONE, NONE, FOLLOW)],
    ids=str,
)
def test_the_bound_holds_where_a_gateway_fails_just_after_its_report(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the next report is a whole `setup.every` away."""
    monkeypatch.setattr(playing, "WELL_FOR", 1)
    outcome = playing.CellPlay(cell).run()
    assert outcome.told_s is not None
    assert 590 <= outcome.told_s <= cell.bound_s


def test_a_silent_cell_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is ever handed over to people, no cell is good."""
    monkeypatch.setattr(Stage, "send", lambda *_: None)
    outcome = playing.CellPlay(Cell(ACTIVE, HANG, NONE, OWN)).run()
    assert (outcome.ended, outcome.bad) == ("silent", True)


def test_a_late_cell_is_bad() -> None:
    """Told after an hour is as good as not told."""
    cell = Cell(ACTIVE, HANG, NONE, OWN)
    assert playing.Outcome(cell, "told", told_s=3600).bad
    assert not playing.Outcome(cell, "told", told_s=cell.bound_s).bad


def test_a_standby_that_failed_unseen_is_told_soon_after_it_is_needed() -> None:
    """It counts from then on; and a message about something else in the meantime is none about it."""
    cell = Cell(COLD, ZONE, ONE, OWN)
    assert not playing.Outcome(cell, "told when needed", told_s=1300, needed_s=1042).bad
    assert playing.Outcome(cell, "told when needed", told_s=1500, needed_s=1042).bad
    assert playing.Outcome(cell, "silent", needed_s=1042).bad


def test_the_command_prints_one_object_a_cell() -> None:
    """For machines: cell, how it ended, when it was told and moved, and on which evidence."""
    natlab = str(Path(sys.executable).with_name("natlab"))
    command = [natlab, "matrix", "--json", "--only", "active, masquerade lost, one probe"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert (run.returncode, len(lines)) == (0, 2), run.stderr
    assert set(lines[0]) == {"cell", "ended", "told_s", "moved_s", "evidence"}
