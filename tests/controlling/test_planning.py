"""From signals to assignments: which groups are looked at, why, and what may be done about them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from natkeeper.domain.payloads import parse
from natkeeper.domain.signals import Ignored
from natkeeper.failover.dispatch import EARLY_WARNING, plan
from tests.fakes.stage import EIP, TABLE, TABLE_2, A, B, Stage, group, person, timer

EVENTS = sorted((Path(__file__).parents[1] / "events").glob("*.json"))


@pytest.fixture
def two() -> Stage:
    """Two groups."""
    return Stage(
        {
            "east": group(gateways=[A, B]),
            "west": group(gateways=["i-west1", "i-west2"], routes=[{"table": TABLE_2}], probe=None),
        }
    )


def planned(stage: Stage, payload: object) -> dict[str, object]:
    """The assignments of a payload, by group."""
    todo = plan(parse(json.dumps(payload)), stage.config, stage.world.now)
    return {assignment.group.name: assignment for assignment in todo.assignments}


def test_the_timer_sweeps_every_group(two: Stage) -> None:
    """All of them, each with its setup."""
    todo = plan(parse(json.dumps(timer())), two.config, two.world.now)
    assert [(assignment.group.name, assignment.sweep) for assignment in todo.assignments] == [
        ("east", True),
        ("west", True),
    ]


def test_an_ominous_event_is_watched_and_a_good_one_is_not(two: Stage) -> None:
    """Patience is for what is about to happen."""
    (stopping,) = plan(parse(json.dumps(two.state(A, "Stopping"))), two.config, two.world.now).assignments
    assert (stopping.ominous, stopping.patience) == (frozenset({A}), EARLY_WARNING)
    (running,) = plan(parse(json.dumps(two.state(A, "Running"))), two.config, two.world.now).assignments
    assert (running.ominous, running.setup_now) == (frozenset(), frozenset({A}))


def test_an_old_running_event_sets_nothing_up(two: Stage) -> None:
    """It came back long ago: the sweep has seen to it."""
    (assignment,) = plan(parse(json.dumps(two.state(A, "Running", age=600))), two.config, two.world.now).assignments
    assert assignment.setup_now == frozenset()


def test_a_touched_table_concerns_the_group_that_guards_it(two: Stage) -> None:
    """By its table; an entry whose table the event does not name may be any group's."""
    assert list(planned(two, two.route_touched(table=TABLE_2))) == ["west"]
    unnamed = two.route_touched()
    unnamed["data"]["requestParameters"] = {"RouteEntryId": "rte-123"}
    assert list(planned(two, unnamed)) == ["east", "west"]


def address_touched(call: str, **request: str) -> dict[str, Any]:
    """ActionTrail: someone took an EIP off, or released it."""
    data = {"eventName": call, "requestParameters": request}
    return {"specversion": "1.0", "source": "acs.vpc", "type": "vpc:ActionTrail:ApiCall", "data": data}


def test_an_address_concerns_its_holders_group_or_whom_it_follows() -> None:
    """Where no holder is named it may be any gateway's own; an EIP that follows is known by its id."""
    stage = Stage(
        {
            "east": group(gateways=[A, B]),
            "west": group(gateways=["i-west1"], routes=[{"table": TABLE_2}], probe=None, address={"follow": EIP}),
        }
    )
    off, gone = "UnassociateEipAddress", "ReleaseEipAddress"
    assert list(planned(stage, address_touched(off, AllocationId="eip-123", InstanceId=A))) == ["east"]
    assert list(planned(stage, address_touched(off, AllocationId=EIP, InstanceId="i-west1"))) == ["west"]
    assert list(planned(stage, address_touched(gone, AllocationId=EIP))) == ["west"]
    assert list(planned(stage, address_touched(gone, AllocationId="eip-123"))) == ["east"]
    todo = plan(
        parse(json.dumps(address_touched(off, AllocationId="eip-1x2", InstanceId="i-stranger"))),
        stage.config,
        stage.world.now,
    )
    assert todo.ignored == ("UnassociateEipAddress of eip-1x2 on i-stranger, which concerns no group",)


def test_an_address_that_is_taken_off_a_gateway_is_waited_for_and_an_old_event_is_not(two: Stage) -> None:
    """The call is a request: for some seconds its effect may still be to come."""
    payload = address_touched("UnassociateEipAddress", InstanceId=A)
    (assignment,) = plan(parse(json.dumps(payload)), two.config, two.world.now).assignments
    assert (assignment.ominous, assignment.patience) == (frozenset({A}), EARLY_WARNING)
    payload["data"]["eventTime"] = "2020-01-01T00:00:00Z"
    (assignment,) = plan(parse(json.dumps(payload)), two.config, two.world.now).assignments
    assert assignment.patience == timedelta(0)


def test_tables_of_one_call_concern_each_group_that_guards_one(two: Stage) -> None:
    """CreateRouteEntries may name several."""
    payload = two.route_touched("CreateRouteEntries")
    payload["data"]["requestParameters"] = {
        "RouteEntries.1.RouteTableId": TABLE,
        "RouteEntries.2.RouteTableId": TABLE_2,
    }
    assert list(planned(two, payload)) == ["east", "west"]


def test_a_status_without_a_group_is_about_all_and_writes_nothing(two: Stage) -> None:
    """Read-only, with setup reports."""
    todo = plan(parse(json.dumps({"action": "status"})), two.config, two.world.now)
    assert [(assignment.read_only, assignment.sweep) for assignment in todo.assignments] == [(True, True), (True, True)]


def test_a_group_that_does_not_exist_is_answered_with_those_that_do(two: Stage) -> None:
    """A person who mistyped sees what they meant."""
    todo = plan(parse(json.dumps(person("resume", name="eats"))), two.config, two.world.now)
    assert todo.assignments == ()
    assert todo.unclear == ("there is no group 'eats'; groups are: east, west",)


def test_events_of_one_group_become_one_assignment(two: Stage) -> None:
    """Their reasons are joined; the same reason twice is one."""
    payload = [two.state(A, "Stopping"), two.state(A, "Stopping"), two.spot(B), two.state("i-west1", "Stopped")]
    assignments = planned(two, payload)
    assert list(assignments) == ["east", "west"]
    (east, _west) = plan(parse(json.dumps(payload)), two.config, two.world.now).assignments
    assert east.about == f"{A}: Stopping; {B}: spot interruption"
    assert east.ominous == frozenset({A, B})


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_whatever_is_ignored_makes_no_call(stage: Stage, path: Path) -> None:
    """Every golden payload, by a deployment that it does not concern or that ignores it: not one call."""
    raw = path.read_bytes()
    todo = plan(parse(raw), stage.config, stage.world.now)
    answer = stage.send(raw)
    assert len(answer.receipts) == len(todo.assignments)
    if all(isinstance(signal, Ignored) for signal in parse(raw)):
        assert stage.cloud.batches == []
        assert answer.ok
        assert answer.ignored
