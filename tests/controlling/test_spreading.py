"""Gateways of several groups die at once: events are served one by one, so a run does not wait for each."""

from __future__ import annotations

from datetime import timedelta

import pytest

from natkeeper.failover.spreading import ABOUT, AT_ONCE, others
from natkeeper.ports import PointRoute, ReadRoutes
from tests.fakes.stage import Stage, group, person, timer

NUMBERS = range(5)


def zone() -> Stage:
    """Five groups of two gateways, each with a table of its own, in one VPC: it takes their writes one by one."""
    return Stage(
        {
            f"g{n}": group(gateways=[f"i-home{n}", f"i-next{n}"], routes=[{"table": f"vtb-zone{n}"}], probe=None)
            for n in NUMBERS
        }
    )


def moved(stage: Stage) -> list[int]:
    """List the groups whose route leads to their standby."""
    return [n for n in NUMBERS if stage.next_hop(f"vtb-zone{n}") == f"i-next{n}"]


def test_a_second_death_within_seconds_has_all_groups_looked_at() -> None:
    """Four gateways die; two events are served, and every route has moved."""
    stage = zone()
    for n in NUMBERS[:4]:
        stage.world.stop(f"i-home{n}")
    stage.send(stage.state("i-home0", "Stopping"))
    assert moved(stage) == [0]
    answer = stage.send(stage.state("i-home1", "Stopping"))
    assert moved(stage) == [0, 1, 2, 3]
    told = {receipt.group: receipt.signal for receipt in answer.receipts}
    assert {name for name, signal in told.items() if signal == ABOUT} == {"g0", "g2", "g3", "g4"}
    assert answer.ok


def test_the_group_of_the_event_does_not_wait_for_the_look_at_the_others() -> None:
    """Its write goes out before any other table is read."""
    stage = zone()
    for n in NUMBERS[:3]:
        stage.world.stop(f"i-home{n}")
    stage.send(stage.state("i-home0", "Stopping"))
    began = stage.world.now
    stage.send(stage.state("i-home1", "Stopping"))
    log = [sent.call for sent in stage.cloud.log if sent.at >= began]
    first = next(at for at, call in enumerate(log) if isinstance(call, PointRoute))
    assert {call.table for call in log[:first] if isinstance(call, ReadRoutes)} == {"vtb-zone1"}


def test_events_about_gateways_that_were_dealt_with_lead_to_no_look() -> None:
    """Hundreds may still be waiting: each is a look at its own group."""
    stage = zone()
    for n in NUMBERS[:3]:
        stage.world.stop(f"i-home{n}")
    for n in (0, 1):
        stage.send(stage.state(f"i-home{n}", "Stopping"))
    answer = stage.send(stage.state("i-home2", "Stopping"))
    assert [receipt.group for receipt in answer.receipts] == ["g2"]


def test_one_death_costs_no_look_at_others() -> None:
    """Nor does the next one when the first is over, a sweep, or what a person asks."""
    stage = zone()
    stage.world.stop("i-home0")
    assert len(stage.send(stage.state("i-home0", "Stopping")).receipts) == 1
    stage.world.advance(AT_ONCE.total_seconds() + 1)
    stage.world.stop("i-home1")
    assert len(stage.send(stage.state("i-home1", "Stopping")).receipts) == 1
    assert len(stage.send(person("switch", "g2", to="i-next2")).receipts) == 1
    assert len(stage.send(timer()).receipts) == len(NUMBERS)


@pytest.mark.parametrize("before_s, looked", [(0, 4), (59, 4), (60, 0), (-1, 0), (None, 0)])
def test_two_moves_within_a_minute_are_one_trouble(before_s: float | None, looked: int) -> None:
    """Then every group that this run has not looked at is; a move in the future was by a clock that was set back."""
    stage = zone()
    stage.world.stop("i-home0")
    receipts = stage.send(stage.state("i-home0", "Stopping")).receipts
    now = stage.world.now
    moved = {} if before_s is None else {"g1": now - timedelta(seconds=before_s)}
    assert [each.about for each in others(receipts, stage.config, moved, now)] == [ABOUT] * looked
    assert moved["g0"] == now
    assert others((), stage.config, moved, now) == ()
