"""A brown-out moves a route only where the lane shows much less of it, and once an hour at most."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.domain.memory import Memory, decode
from natkeeper.ports import PointRoute
from tests.fakes.stage import PROBE, TABLE, A, B, C, Stage, group, heard, person, timer

WITH_LANE: dict[str, Any] = {"function": PROBE, "lane": "223.6.6.6:53"}


def stage_of(*gateways: str, **more: Any) -> Stage:
    """A group whose lane has led through its first standby for some minutes, with nothing lost."""
    stage = Stage({"prod": group(gateways=list(gateways or (A, B)), probe=WITH_LANE, **more)})
    stage.sweep()
    stage.world.advance(60)
    minutes(stage, 1, lost=0, by_lane=0)
    return stage


def minutes(stage: Stage, number: int, *, lost: int, by_lane: int) -> list[Any]:
    """Watches of 60 looks each way that lose so many; a sweep after each."""
    receipts = []
    for _ in range(number):
        lane = {"at": stage.world.now.timestamp(), "looks": 60, "lost": by_lane, "answers": True, "lasted": 2.0}
        record = heard(lane)
        record["responsePayload"] = json.dumps({**json.loads(record["responsePayload"]), "lost": lost})
        stage.send(record)
        receipts.append(stage.sweep())
        stage.world.advance(60)
    return receipts


def guarded(stage: Stage) -> list[str]:
    """Where the guarded route was pointed, in order."""
    return [call.to.id for call in stage.cloud.accepted(PointRoute) if call.destination == "0.0.0.0/0"]


def test_the_route_leaves_a_lossy_gateway_for_the_standby_that_the_lane_shows() -> None:
    """A third is lost, and one in sixty by the lane: moved after five such minutes, and the reason says both."""
    stage = stage_of()
    receipts = minutes(stage, 7, lost=20, by_lane=1)
    assert guarded(stage) == [B]
    (moved,) = [receipt for receipt in receipts if any("moved 0.0.0.0/0" in did for did in receipt.did)]
    assert f"{A} loses 27 % of what the probe asks, and {B} 1 % in the same minutes" in moved.sentence
    read = decode(stage.description())
    assert isinstance(read, Memory)
    assert A in read.marks
    stage.whole()


@pytest.mark.parametrize("by_lane", [5, 10, 20, 60])
def test_it_stays_where_the_lane_loses_a_quarter_or_more(by_lane: int) -> None:
    """The internet itself is slow, or the standby no better: people are told, and decide."""
    stage = stage_of()
    minutes(stage, 15, lost=20, by_lane=by_lane)
    assert guarded(stage) == []


def test_without_a_lane_a_loss_moves_nothing() -> None:
    """As before: nothing shows that a standby loses less."""
    stage = Stage()
    minutes(stage, 15, lost=20, by_lane=0)
    assert guarded(stage) == []


def test_a_small_loss_is_no_reason() -> None:
    """Less than `probe.loss` is no brown-out."""
    stage = stage_of()
    minutes(stage, 15, lost=4, by_lane=0)
    assert guarded(stage) == []


def test_a_route_is_moved_for_a_loss_once_an_hour() -> None:
    """Wherever it goes, as much is lost there."""
    stage = stage_of(A, B, C)
    minutes(stage, 50, lost=20, by_lane=0)
    assert guarded(stage) == [B]
    minutes(stage, 20, lost=20, by_lane=0)
    assert guarded(stage) == [B, C]


def test_a_lane_that_changed_within_these_minutes_shows_nothing() -> None:
    """Some of what it lost was another standby's."""
    stage = stage_of(A, B, C)
    minutes(stage, 3, lost=20, by_lane=0)
    stage.world.stop(B)
    minutes(stage, 2, lost=20, by_lane=0)
    assert stage.world.entry(TableId(TABLE), "223.6.6.6/32").hop.id == C  # type: ignore[union-attr]
    assert guarded(stage) == []


def test_a_pause_holds_for_a_loss() -> None:
    """The person may be at work on it."""
    stage = stage_of()
    stage.send(person("pause", **{"for": "1h", "why": "tests"}))
    minutes(stage, 10, lost=20, by_lane=0)
    assert guarded(stage) == []


def test_nothing_goes_home_to_a_gateway_that_was_left_for_its_loss() -> None:
    """Not until it was seen to work since."""
    stage = stage_of(failback="1m", hold_down="1m")
    minutes(stage, 20, lost=20, by_lane=0)
    assert guarded(stage) == [B]
    assert stage.next_hop() == B
    stage.send(timer())
