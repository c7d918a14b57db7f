"""Signals that come before the state, or instead of it: watched for a moment, obeyed never."""

from __future__ import annotations

import json

import pytest

from natkeeper.domain.ids import NatGatewayId
from natkeeper.ports import FailureKind, PointRoute, ReadConditions, ReadInstances, ReadNatGateway
from tests.fakes.cloud import ROUTE_WRITES, WRITES
from tests.fakes.stage import FALLBACK, TABLE, A, B, Stage, group, person


def test_an_early_warning_is_watched_and_then_acted_on(stage: Stage) -> None:
    """ActionTrail tells of the call before the state changes: the run looks again and moves when it does."""
    stage.world.after(2.0, lambda: stage.world.stop(A))
    receipt = stage.one(stage.stop_called(A))
    assert receipt.outcome == "changed"
    moved = stage.cloud.sent(PointRoute)[0].at
    assert 2.0 < (moved - stage.cloud.log[0].at).total_seconds() < 3.5


@pytest.mark.parametrize("call", [ReadConditions, ReadNatGateway])
def test_a_read_that_fails_takes_away_nothing_that_the_run_knows(call: type) -> None:
    """B is impaired and the fallback unfit, as was read; when A stops, that is not answered any more: nothing moves."""
    stage = Stage({"prod": group(fallback=FALLBACK)})
    stage.machine(B).health = "Impaired"
    stage.world.nat[NatGatewayId(FALLBACK)] = False
    stage.world.after(1.0, lambda: stage.cloud.fail(call, FailureKind.UNREACHABLE))
    stage.world.after(2.0, lambda: stage.world.stop(A))
    receipt = stage.one(stage.stop_called(A))
    assert receipt.outcome == "attention"
    assert stage.cloud.sent(PointRoute) == []


def test_a_warning_that_nothing_follows_is_over_in_seconds(stage: Stage) -> None:
    """The stop was called and does not happen: five seconds of looking, no write."""
    receipt = stage.one(stage.stop_called(A))
    assert receipt.outcome == "quiet"
    assert stage.cloud.sent(WRITES) == []
    assert 4_500 < receipt.ms["total"] < 7_000


def test_a_warning_about_a_standby_is_not_watched(stage: Stage) -> None:
    """A gateway that does not carry the route may stop."""
    assert stage.one(stage.stop_called(B)).ms["total"] < 500
    assert len(stage.cloud.sent(ReadInstances)) == 1


def test_a_stale_event_announces_nothing(stage: Stage) -> None:
    """Delivered ten minutes late: one look, and the state decides."""
    assert stage.one(stage.state(A, "Stopping", age=600)).ms["total"] < 500
    assert len(stage.cloud.sent(ReadInstances)) == 1


def test_a_late_event_of_a_true_stop_still_moves(stage: Stage) -> None:
    """Late or not, what is seen is acted on."""
    stage.world.stop(A)
    assert stage.one(stage.state(A, "Stopped", age=600)).outcome == "changed"


def test_events_twice_and_in_any_order_end_in_the_same_place() -> None:
    """Duplicated, late, reordered: one move, and the same route."""
    for order in (("Stopping", "Stopped"), ("Stopped", "Stopping"), ("Stopped", "Stopped", "Stopping")):
        stage = Stage()
        stage.world.stop(A)
        for state in order:
            stage.send(stage.state(A, state))
        assert stage.next_hop() == B
        assert len(stage.cloud.sent(PointRoute)) == 1


def test_our_own_writes_come_back_as_events_and_cause_nothing(stage: Stage) -> None:
    """ActionTrail reports every ModifyRouteEntry of ours: a look, and no write."""
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    writes = len(stage.cloud.sent(ROUTE_WRITES))
    assert stage.one(stage.route_touched()).outcome == "quiet"
    assert len(stage.cloud.sent(ROUTE_WRITES)) == writes


def test_a_paused_group_is_not_watched(stage: Stage) -> None:
    """Whatever comes, nothing would be done."""
    stage.one(person("pause", **{"for": "1h", "why": "tests"}))
    assert stage.one(stage.stop_called(A)).ms["total"] < 500


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        "[]",
        "{}",
        "[[[[",
        json.dumps({"action": 7}),
        json.dumps({"specversion": "1.0", "type": "ecs:Instance:StateChange", "source": "acs.ecs"}),
        json.dumps({"triggerName": "x"}),
    ],
)
def test_what_cannot_be_understood_makes_no_call(stage: Stage, payload: bytes | str) -> None:
    """Ignored or unclear, with a reason, and nothing is even read."""
    answer = stage.send(payload)
    assert answer.receipts == ()
    assert answer.ignored or answer.unclear
    assert stage.cloud.batches == []


def test_an_event_of_a_stranger_makes_no_call(stage: Stage) -> None:
    """The account has other machines and other tables."""
    for payload in (
        stage.state("i-stranger", "Stopped"),
        stage.spot("i-stranger"),
        stage.stop_called("i-stranger"),
        stage.route_touched(table="vtb-other"),
        stage.report(name="nobody"),
    ):
        answer = stage.send(payload)
        assert answer.ignored, payload
        assert answer.ok
    assert stage.cloud.batches == []


def test_an_event_touches_only_its_own_group() -> None:
    """Two groups, one dead gateway: the other group is not even read."""
    stage = Stage(
        {
            "east": group(gateways=["i-east1", "i-east2"], probe=None),
            "west": group(gateways=["i-west1", "i-west2"], routes=[{"table": "vtb-two"}], probe=None),
        }
    )
    stage.world.stop("i-east1")
    (receipt,) = stage.send(stage.state("i-east1", "Stopping")).receipts
    assert receipt.group == "east"
    assert {entry.call.table for entry in stage.cloud.log if hasattr(entry.call, "table")} == {TABLE}


def test_a_list_of_events_is_one_run_for_each_group(stage: Stage) -> None:
    """EventBridge may hand over several: the reasons are joined, the group is looked at once."""
    stage.world.stop(A)
    (receipt,) = stage.send([stage.state(A, "Stopping"), stage.stop_called(A), stage.state(A, "Stopped")]).receipts
    assert "Stopping" in receipt.signal
    assert "StopInstance" in receipt.signal
    assert len(stage.cloud.sent(PointRoute)) == 1
