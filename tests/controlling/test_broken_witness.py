"""A witness that is broken, or an internet that is, moves routes once an hour at most, and then ever less often."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from natkeeper.domain.egress import EgressLost
from natkeeper.ports import CheckThroughProbe, PointRoute
from tests.controlling.refusing import AfterATrouble
from tests.fakes.stage import EIP, A, B, C, Stage, group


def hours(stage: Stage, count: int) -> list[datetime]:
    """Sweeps and reports of a probe that sees nothing, for some hours; when routes were moved."""
    moves, seen = list[datetime](), 0
    for _ in range(60 * count):
        began = stage.world.now
        stage.send(stage.report(age=3.0))
        moves += [stage.world.now] * (len(stage.world.moves) - seen)
        seen = len(stage.world.moves)
        stage.world.advance_to(began + timedelta(minutes=1))
    return moves


def broken(stage: Stage) -> list[bool]:
    """Break the probe: its security group is closed, all gateways are well. Set the flag to mend it."""
    mended, real = [False], stage.cloud._check

    def check(call: object) -> object:
        if isinstance(call, CheckThroughProbe) and not mended[0]:
            return EgressLost(stage.world.now, "no answer in time")
        return real(call)  # type: ignore[arg-type]

    stage.cloud._check = check  # type: ignore[method-assign]
    return mended


@pytest.mark.parametrize("gateways", [[A, B], [A, B, C]])
def test_a_broken_witness_moves_routes_less_and_less(gateways: list[str]) -> None:
    """One round, then an hour, then two, then four."""
    stage = Stage({"prod": group(gateways=gateways)})
    broken(stage)
    began = stage.world.now
    moves = hours(stage, 8)
    rounds = [move for at, move in enumerate(moves) if at == 0 or move - moves[at - 1] > timedelta(minutes=10)]
    assert len(moves) <= len(rounds) * len(gateways)
    pauses = [later - earlier for earlier, later in pairwise(rounds)]
    assert all(pause >= timedelta(minutes=59) for pause in pauses)
    assert len([move for move in rounds if move - began < timedelta(hours=3)]) <= 2
    receipt = stage.sweep()
    assert receipt.outcome == "attention"
    assert "failed alike" in receipt.sentence


def test_the_wait_ends_when_a_look_succeeds() -> None:
    """The probe is mended, and a minute later A's like dies for real: it is left at once."""
    stage = Stage()
    mended = broken(stage)
    hours(stage, 1)
    mended[0] = True
    stage.sweeps(2)
    here = stage.next_hop()
    assert here is not None
    stage.machine(here).hung = True
    stage.send(stage.report())
    assert stage.next_hop() != here


def test_the_wait_ends_when_ecs_shows_death() -> None:
    """Whatever the witness says, what is Stopped is left."""
    stage = Stage()
    broken(stage)
    hours(stage, 1)
    here = stage.next_hop()
    assert here is not None
    stage.world.stop(here)
    stage.send(stage.state(here, "Stopping"))
    assert stage.next_hop() != here


def test_a_gateway_that_started_since_is_tried_at_once() -> None:
    """It is not the machine that failed."""
    stage = Stage()
    stage.machine(A).rules = stage.machine(B).rules = False
    hours(stage, 1)
    here = stage.next_hop()
    other = B if here == A else A
    stage.world.start(other)
    stage.world.advance(30)
    stage.send(stage.report())
    assert stage.next_hop() == other


def test_a_gateway_that_started_since_is_tried_once() -> None:
    """It failed as well, so it is no news any more: the wait holds, although it started during it."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.advance(30)
    broken(stage)
    stage.send(stage.report(age=3.0))
    stage.sweeps(10)
    stage.world.start(A)
    stage.world.advance(30)
    before = len(stage.world.moves)
    hours(stage, 1)
    assert len(stage.world.moves) - before <= 4  # A and B at once, and the next round after the hour


def test_what_is_tried_as_news_is_left_for_nothing_else() -> None:
    """A started since the round, so it is tried; it fails as well, and the others have failed already."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    broken(stage)
    stage.send(stage.report(age=3.0))
    stage.sweeps(2)
    assert "r=1@" in stage.description()
    stage.world.start(A)
    stage.world.advance(30)
    before = len(stage.world.moves)
    stage.sweeps(15)
    assert (len(stage.world.moves) - before, stage.next_hop()) == (1, A)


def test_what_is_dead_is_left_for_whatever_may_work_while_a_round_is_waited_for() -> None:
    """B, which has the route, is stopped; A fails, too, and C is tried, for the dead wait for nothing."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    broken(stage)
    stage.send(stage.report(age=3.0))
    stage.sweeps(15)
    here = stage.next_hop()
    assert here is not None
    before = len(stage.world.moves)
    stage.world.stop(here)
    stage.send(stage.state(here, "Stopping"))
    assert len(stage.world.moves) - before == 2


@pytest.mark.parametrize("gap", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("mended", [True, False])
@pytest.mark.parametrize("more", [{}, {"address": {"follow": EIP}}], ids=["own", "follow"])
def test_a_failure_minutes_after_another_one_is_another_incident(
    gap: int, *, mended: bool, more: dict[str, Any]
) -> None:
    """A hangs and works again, or does not; B carries the route for a while, and hangs. A is tried, and once."""
    stage = Stage({"prod": group(**more)})
    stage.sweep()
    after = AfterATrouble(stage)
    stage.machine(A).hung = True
    after.send(stage.report())
    after.minutes(1)
    stage.machine(A).hung = not mended
    after.minutes(gap - 1)
    stage.machine(B).hung = True
    before = after.dark[stage.config.groups[0].routes[0].table]
    after.send(stage.report())
    after.minutes(40)
    dark = after.dark[stage.config.groups[0].routes[0].table] - before
    assert stage.next_hop() == A
    assert len(stage.cloud.accepted(PointRoute)) == 2
    if mended:
        assert dark < timedelta(seconds=20)
    else:
        assert any("although the internet answers FC" in receipt["sentence"] for receipt in stage.told_people())
