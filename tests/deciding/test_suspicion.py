"""When the probe's report speaks against the gateway that has the route now, and when it is old news."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.domain.egress import EgressLost
from natkeeper.domain.ids import GroupName
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import EipStatus, EntryStatus
from natkeeper.domain.probe_config import Probe
from natkeeper.domain.probe_report import judge_report, worth_a_check
from natkeeper.domain.signals import ProbeReport
from tests.deciding.worlds import (
    BLIND,
    ELSEWHERE,
    FOLLOWS,
    NOON,
    ROUTE,
    STRANGER,
    A,
    B,
    ago,
    eip,
    entry,
    group,
    hop,
    moved,
    world,
)


def report(seconds_ago: float = 5, reason: str = "timed out") -> ProbeReport:
    """The probe lost the internet some seconds before noon."""
    return ProbeReport(GroupName("prod"), NOON - timedelta(seconds=seconds_ago), 3, reason)


def test_a_fresh_report_speaks_against_the_next_hop_of_the_route() -> None:
    """It is evidence: seen, at a time, by packets that took this route."""
    assert judge_report(world(), group(), report(), NOON) == (
        hop(A),
        EgressLost(NOON, "the probe's 3 checks in a row failed: timed out"),
    )
    silent = judge_report(world(), group(), report(reason=""), NOON)
    assert silent == (hop(A), EgressLost(NOON, "the probe's 3 checks in a row failed"))


def test_a_report_speaks_of_the_route_that_the_probe_takes() -> None:
    """Which need not be the first."""
    policy = group(routes=(ROUTE, ELSEWHERE), probe=Probe(function="natkeeper-probe", table=ELSEWHERE.table))
    found = judge_report(world(elsewhere=B), policy, report(), NOON)
    assert not isinstance(found, str)
    assert found[0] == hop(B)


@pytest.mark.parametrize(
    "more, said",
    [
        ({"on": STRANGER}, "the probe lost the internet, but its route is not on a next hop of ours"),
        ({"on": entry(None)}, "the probe lost the internet, but its route is not on a next hop of ours"),
        ({"on": None}, "the probe lost the internet, but its route is not on a next hop of ours"),
        ({"on": BLIND}, "the probe lost the internet, but its route is not on a next hop of ours"),
        (
            {"on": entry(A, status=EntryStatus.MODIFYING)},
            "the probe lost the internet while the route entry is Modifying",
        ),
    ],
)
def test_a_report_is_no_evidence_against_what_is_not_ours_or_on_the_move(more: dict[str, Any], said: str) -> None:
    """Nobody of ours is to blame then."""
    assert judge_report(world(**more), group(), report(), NOON) == said


def test_a_report_that_came_late_is_not_believed() -> None:
    """The function may have been throttled for hours."""
    assert judge_report(world(), group(), report(121), NOON) == (
        "the probe's report is of 11:57:59 UTC, which is too old to act on"
    )
    assert not isinstance(judge_report(world(), group(), report(120), NOON), str)


def test_a_report_from_before_or_around_the_last_move_is_not_believed() -> None:
    """It tells of the gateway that was left."""
    just_moved = world(on=B, memory=moved(ago(0.5)))
    assert judge_report(just_moved, group(), report(1), NOON) == (
        "the probe's report tells of the time of the last move, not of the gateway that has the route now"
    )
    assert not isinstance(judge_report(just_moved, group(), report(0), NOON), str)


def test_a_time_at_the_end_of_the_calendar_is_only_a_time() -> None:
    """What a description remembers may be nonsense (rule 9)."""
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert isinstance(judge_report(world(memory=Memory(since=end)), group(), report(), NOON), str)


def test_where_an_eip_follows_the_report_counts_only_with_the_eip_in_place() -> None:
    """Without it nobody reaches the internet through the gateway."""
    policy = group(address=FOLLOWS)
    assert not isinstance(judge_report(world(eip=eip(A)), policy, report(), NOON), str)
    for address in (eip(B), eip(None), eip(A, EipStatus.ASSOCIATING), BLIND, None):
        assert judge_report(world(eip=address), policy, report(), NOON) == (
            "the probe lost the internet because the EIP is not on the gateway that has the route"
        )


def test_an_old_report_is_a_reason_to_look_at_what_is_ours_and_at_rest() -> None:
    """Whatever else is there, nobody looks at it for a report that is not believed."""
    assert worth_a_check(world(), group(), report()) == hop(A)
    for more in ({"on": STRANGER}, {"on": entry(None)}, {"on": None}, {"on": BLIND}):
        assert worth_a_check(world(**more), group(), report()) is None
    assert worth_a_check(world(on=entry(A, status=EntryStatus.MODIFYING)), group(), report()) is None
    follow = group(address=FOLLOWS)
    assert worth_a_check(world(eip=eip(A)), follow, report()) == hop(A)
    assert worth_a_check(world(eip=eip(B)), follow, report()) is None
