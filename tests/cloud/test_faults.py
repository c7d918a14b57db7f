"""Faults on demand: calls that fail, answers that are old, events that go astray."""

from __future__ import annotations

import random
from typing import Any

import pytest

from natlab.cloud.kernel.errors import ApiError, NoAnswer
from natlab.cloud.kernel.faults import CallFault, EventFault, EventKind, FaultKind, Faults
from tests.cloud.worlds import CloudWorld, build


@pytest.fixture
def world() -> CloudWorld:
    return build()


def route_status(world: CloudWorld) -> str:
    answer: dict[str, Any] = world.call(
        "vpc", "DescribeRouteEntryList", RouteTableId=world.table, RouteEntryType="Custom"
    )
    return str(answer["RouteEntrys"]["RouteEntry"][0]["Status"])


def move(world: CloudWorld) -> None:
    world.call("vpc", "ModifyRouteEntry", RouteEntryId=world.route, NewNextHopType="Instance", NewNextHopId=world.b)


@pytest.mark.parametrize(
    "fault,code,status",
    [
        (CallFault(FaultKind.THROTTLE), "Throttling.User", 400),
        (CallFault(FaultKind.THROTTLE, code="Throttling", status=503), "Throttling", 503),
        (CallFault(FaultKind.SERVER_ERROR), "ServiceUnavailable", 503),
        (CallFault(FaultKind.ERROR_CODE, code="TaskConflict"), "TaskConflict", 400),
        (CallFault(FaultKind.ERROR_CODE, code="Forbidden.RAM", status=403), "Forbidden.RAM", 403),
    ],
)
def test_a_refusing_fault_executes_nothing(world: CloudWorld, fault: CallFault, code: str, status: int) -> None:
    """The code and status asked for, and the world as it was."""
    world.cloud.faults.add(fault)
    with pytest.raises(ApiError) as refusal:
        move(world)
    assert (refusal.value.code, refusal.value.status) == (code, status)
    world.cloud.faults.clear()
    assert route_status(world) == "Available"


def test_a_fault_strikes_as_often_as_it_was_told(world: CloudWorld) -> None:
    """TaskConflict twice, then the write goes through; reads were never concerned."""
    world.cloud.faults.add(CallFault(FaultKind.ERROR_CODE, "vpc", "Modify*|Create*", code="TaskConflict", count=2))
    for _ in range(2):
        assert route_status(world) == "Available"
        with pytest.raises(ApiError, match="TaskConflict"):
            move(world)
    move(world)
    assert route_status(world) == "Modifying"


def test_a_lost_request_is_not_executed_and_a_lost_answer_is(world: CloudWorld) -> None:
    """The client can not tell them apart."""
    world.cloud.faults.add(CallFault(FaultKind.TIMEOUT, action="ModifyRouteEntry", count=1))
    with pytest.raises(NoAnswer):
        move(world)
    assert route_status(world) == "Available"
    world.cloud.faults.add(CallFault(FaultKind.TIMEOUT, action="ModifyRouteEntry", count=1, executed=True))
    with pytest.raises(NoAnswer):
        move(world)
    assert route_status(world) == "Modifying"
    assert [call.answered for call in world.cloud.calls if call.action == "ModifyRouteEntry"] == [False, False]


def test_an_unreachable_product_leaves_the_others_alone(world: CloudWorld) -> None:
    """ECS does not answer, VPC does."""
    fault = CallFault(FaultKind.UNREACHABLE, "ecs")
    world.cloud.faults.add(fault)
    with pytest.raises(NoAnswer) as silence:
        world.call("ecs", "DescribeInstances")
    assert silence.value.refused
    assert route_status(world) == "Available"
    world.cloud.faults.remove(fault)
    world.call("ecs", "DescribeInstances")


def test_a_stale_read_answers_from_the_past_and_a_write_never_does(world: CloudWorld) -> None:
    """Route and instance as they were some seconds ago, while writes act on what is."""
    world.clock.advance(60)
    move(world)
    world.clock.advance(5)
    world.cloud.ecs.stop(world.a)
    world.clock.advance(1)
    stale = CallFault(FaultKind.STALE_READ, seconds=3)
    world.cloud.faults.add(stale)
    answer: dict[str, Any] = world.call("ecs", "DescribeInstances", InstanceIds=f'["{world.a}"]')
    assert answer["Instances"]["Instance"][0]["Status"] == "Running"
    stale.seconds = 5.5
    assert route_status(world) == "Modifying"
    stale.seconds = 30
    assert route_status(world) == "Available"
    with pytest.raises(ApiError, match="NextHopExist"):
        move(world)
    world.cloud.faults.clear()
    answer = world.call("ecs", "DescribeInstances", InstanceIds=f'["{world.a}"]')
    assert answer["Instances"]["Instance"][0]["Status"] == "Stopping"


def test_chance_comes_from_the_seed() -> None:
    """The same seed strikes the same calls."""

    def struck(seed: int) -> list[bool]:
        faults = Faults(random.Random(seed))
        faults.add(CallFault(FaultKind.THROTTLE, probability=0.5))
        return [faults.strike("ecs", "DescribeInstances") is not None for _ in range(50)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 10 < sum(struck(1)) < 40


def states_after(world: CloudWorld, *faults: EventFault) -> list[str]:
    for fault in faults:
        world.cloud.faults.add(fault)
    world.cloud.ecs.reboot(world.a)
    world.clock.advance(100)
    return world.states(world.a)


def test_events_are_lost(world: CloudWorld) -> None:
    """The first one only."""
    lost = EventFault(EventKind.LOSE, "ecs:Instance:*", count=1)
    assert states_after(world, lost) == ["Starting", "Running"]


def test_events_are_late(world: CloudWorld) -> None:
    """Overtaken by those that came after."""
    late = EventFault(EventKind.LATE, count=1, seconds=60)
    assert states_after(world, late) == ["Starting", "Running", "Stopping"]


def test_events_are_duplicated(world: CloudWorld) -> None:
    """With the same id, as at-least-once delivery does."""
    duplicate = EventFault(EventKind.DUPLICATE, count=1, seconds=10)
    assert states_after(world, duplicate) == ["Stopping", "Starting", "Stopping", "Running"]
    assert world.events[0]["id"] == world.events[2]["id"]


def test_events_are_reordered(world: CloudWorld) -> None:
    """Held back until the next has passed, or until it has waited long enough."""
    reorder = EventFault(EventKind.REORDER, count=1, seconds=30)
    assert states_after(world, reorder) == ["Starting", "Stopping", "Running"]
    world.events.clear()
    world.cloud.faults.add(EventFault(EventKind.REORDER, count=1, seconds=30))
    world.cloud.ecs.stop(world.b, force=True)
    world.clock.advance(2)
    assert world.states(world.b) == []
    world.clock.advance(2.5)
    assert world.states(world.b) == ["Stopped", "Stopping"]
