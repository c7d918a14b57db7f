"""docs/connections.md says what becomes of each connection; something that is played shows each cell of its table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from natlab.drill.systems import ROWS
from natlab.scenarios.catalogue import NAMES, scenario
from tests.docs.markdown import CONNECTIONS, ROOT, ZH_CONNECTIONS, section

_NOT_PLAYED, _NEVER = "(2)", "-"
_JOINED, _SURVIVING, _UDP = (f"tests/lab/test_{name}.py" for name in ("connections", "surviving", "udp"))
_VISITORS = f"{_JOINED}::test_visitors_of_both_gateways_are_served_and_outlive_a_move"
_PLANNED = f"{_JOINED}::test_a_planned_move_keeps_every_connection"
_DIES_OWN = f"{_SURVIVING}::test_own_addresses_reset_connections_and_new_ones_work"
_DIES_FOLLOW = f"{_SURVIVING}::test_address_that_follows_keeps_every_connection"
_FOLLOW = f"{_UDP}::test_with_an_address_that_follows_nothing_migrates"
_UDP_PLANNED = f"{_UDP}::test_a_planned_move_loses_nothing"
_UDP_DIES = f"{_UDP}::test_after_a_death_the_other_end_waits_for_the_hosts_next_packet"
SHOWN = {
    "TCP, outwards": (_PLANNED, "relay", _FOLLOW, _DIES_OWN, _DIES_FOLLOW),
    "UDP, outwards": (_UDP_PLANNED, _PLANNED, _FOLLOW, _UDP_DIES, _DIES_FOLLOW),
    "TCP, visitor of the old gateway": ("manual", "relay", _FOLLOW, "stop", "follow"),
    "TCP, visitor of the old gateway, `way_in: every`": ("visitors", _VISITORS, "", "stop", ""),
    "TCP or UDP, visitor, `hide_source`": ("ranges", _VISITORS, "", "", ""),
    "TCP or UDP, visitor, `proxy`": ("nginx", "", "", "", ""),
    "new, outwards": ("manual", "relay", _FOLLOW, "stop", "follow"),
}
"""By row and column: the scenario (`make lab`) or the test with packets that shows it; none where nothing does."""


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    lines = [line for line in section(CONNECTIONS, title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_cell_is_shown_by_what_is_played_or_says_that_it_is_not() -> None:
    """No row, column or mark is on the page that is not here."""
    table = {row[0]: row[1:] for row in rows("In one table")}
    assert set(table) == set(SHOWN)
    for name, cells in table.items():
        unshown = [cell.endswith(_NOT_PLAYED) or cell == _NEVER for cell in cells]
        assert unshown == [not shown for shown in SHOWN[name]], name


@pytest.mark.parametrize("page, title", [(CONNECTIONS, "What protocols over UDP feel"),
                                         (ZH_CONNECTIONS, "UDP 上的协议会遇到什么")])  # fmt: skip
def test_protocols_are_measured_in_the_moves_of_the_table(page: Path, title: str) -> None:
    """A column for each move that the lab plays them in, and a row for each way in which it lets them ask."""
    played = re.findall(r'_ended\(talk, "(.+?)"', (ROOT / _UDP).read_text(encoding="utf-8"))
    columns = next(line for line in section(page, title).splitlines() if line.startswith("| ")).strip("| ").split(" | ")
    chinese = {"planned, own": "计划内，own", "planned, follow": "计划内，follow", "gateway dies, own": "网关宕机，own"}
    assert set(columns[1:]) in (set(played), {chinese[move] for move in played})
    lines = [line for line in section(page, title).splitlines() if line.startswith("|")][2:]
    kinds = [re.split("[,，]", line.strip("| "))[0] for line in lines]
    assert kinds == ["DNS"] * 2 + ["QUIC"] * 3 + ["WireGuard"] * 4


@pytest.mark.parametrize("shown", sorted({each for row in SHOWN.values() for each in row if each}))
def test_what_shows_it_exists(shown: str) -> None:
    """A scenario of the list, or a test of the lab."""
    path, _, test = shown.partition("::")
    assert path in NAMES or f"def {test}(" in re.sub(r"\(\s+", "(", (ROOT / path).read_text(encoding="utf-8"))


def test_scenarios_require_the_fate_that_the_page_tells() -> None:
    """Relayed connections go on; those of a relay whose other end dies are reset."""
    outwards = next(row for row in rows("In one table") if row[0] == "TCP, outwards")
    assert (scenario("relay").fate, outwards[2]) == ("relayed", "goes on")
    assert {scenario(name).fate for name in ("relay-then-death", "spot-relay")} == {"reset"}


def test_the_table_of_systems_is_that_of_the_matrix() -> None:
    """Where a relay works is said of the systems that the matrix plays as their images bring them, and of no other."""
    assert [row[0] for row in rows("Where it works")] == [row.system for row in ROWS if row.by_itself]
