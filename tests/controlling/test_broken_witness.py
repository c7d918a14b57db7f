"""A witness that is broken, or an internet that is, moves routes once an hour at most, and then ever less often."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from natkeeper.domain.egress import EgressLost
from natkeeper.ports import CheckThroughProbe
from tests.fakes.stage import A, B, C, Stage, group


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
