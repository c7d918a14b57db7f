"""A loss that the probe sees makes the gateway that carried it report at once: how full it is shows there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.ports import StartSetup
from tests.fakes.stage import PROBE, TABLE, TABLE_2, A, B, Stage, group, heard, hop, person

OTHER_PROBE = "natkeeper-probe-two"


def stage_of(**more: Any) -> Stage:
    """A group whose gateways were set up a moment ago."""
    stage = Stage({"prod": group(setup=more.pop("setup", {"via": "assistant"}), **more)})
    stage.sweeps(3)
    return stage


def watch(lost: int, function: str = PROBE) -> dict[str, Any]:
    """FC's record of a watch that ended well and lost so many checks of 60."""
    record = heard({})
    record["requestContext"]["functionArn"] = f"acs:fc:cn-hangzhou:1000000000000001:functions/{function}"
    record["responsePayload"] = json.dumps({"group": "prod", "looks": 60, "lost": lost})
    return record


def asked_by(stage: Stage, payload: object) -> list[tuple[str, ...]]:
    """The gateways of each setup that the run of `payload` starts."""
    before = len(stage.cloud.sent(StartSetup))
    stage.send(payload)
    return [sent.call.gateways for sent in stage.cloud.sent(StartSetup)[before:]]


def test_the_first_lost_check_asks_the_gateway_for_a_report() -> None:
    """One of sixty, and no sweep in between; it is routine, so people are not told."""
    stage = stage_of()
    assert asked_by(stage, watch(lost=1)) == [(A,)]
    assert stage.told_people() == []


def test_a_watch_without_a_loss_costs_nothing() -> None:
    """No call at all."""
    stage = stage_of()
    before = len(stage.cloud.log)
    assert asked_by(stage, watch(lost=0)) == []
    assert len(stage.cloud.log) == before


def test_a_path_that_always_loses_a_little_does_not_report_without_end() -> None:
    """Once in `setup.every`; between those, a watch with losses costs no call."""
    stage = stage_of(setup={"via": "assistant", "every": "20m"})
    asked = []
    for minute in range(60):
        if asked_by(stage, watch(lost=2)):
            asked.append(minute)
        stage.world.advance(60)
    assert asked == [0, 20, 40]


def test_a_report_that_a_check_contradicts_asks_as_well() -> None:
    """The second one within minutes is not believed: a full table lets one connection in three pass."""
    stage = stage_of()
    stage.send(stage.report())
    assert stage.next_hop() == B
    stage.sweeps(12)
    stage.world.repoint(TABLE, hop(A))
    stage.world.advance(60)
    assert asked_by(stage, stage.report(age=300)) == [(A,)]
    assert stage.next_hop() == A


def test_each_probe_asks_the_gateway_that_it_looked_through() -> None:
    """The route of its own table leads there."""
    routes = [{"table": TABLE}, {"table": TABLE_2, "prefer": B, "probe": OTHER_PROBE}]
    stage = stage_of(routes=routes)
    assert stage.next_hop(TableId(TABLE_2)) == B
    assert asked_by(stage, watch(lost=3, function=OTHER_PROBE)) == [(B,)]


@pytest.mark.parametrize("setup", [{"mode": "off"}, {"via": "assistant", "paused": True}])
def test_who_wants_no_setups_gets_none(setup: dict[str, Any]) -> None:
    """Neither where setups are off nor while a person has paused the group; and no run for every lossy minute."""
    paused = setup.pop("paused", False)
    stage = stage_of(setup=setup)
    if paused:
        stage.send(person("pause", why="work", **{"for": "1h"}))
    assert asked_by(stage, watch(lost=5)) == []
    before = len(stage.cloud.log)
    assert asked_by(stage, watch(lost=6)) == []
    assert len(stage.cloud.log) == before


def test_an_internet_that_is_away_for_all_asks_for_nothing() -> None:
    """A setup would not repair that."""
    stage = stage_of()
    stage.world.internet = False
    assert asked_by(stage, stage.report()) == []
