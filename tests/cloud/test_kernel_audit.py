"""ActionTrail: who called what, as events and as history."""

from __future__ import annotations

from typing import Any

import pytest

from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.errors import ApiError, NoAnswer
from natlab.cloud.kernel.faults import CallFault, FaultKind
from tests.cloud.worlds import REGION, CloudWorld, build


@pytest.fixture
def world() -> CloudWorld:
    return build()


def test_a_write_call_is_reported_later_with_who_and_what(world: CloudWorld) -> None:
    """Its parameters, the instances it names and the role that made it; reads are not reported."""
    caller = Principal(world.cloud.account_id, "STS.x", "natkeeper")
    world.cloud.call("ecs", "StopInstance", {"InstanceId": world.a}, caller)
    world.call("ecs", "DescribeInstances")
    world.clock.advance(world.cloud.latencies.of("event.actiontrail.publish"))
    (data,) = world.event_data("ecs:ActionTrail:ApiCall")
    assert (data["eventName"], data["acsRegion"]) == ("StopInstance", "cn-hangzhou")
    assert data["referencedResources"] == {"ACS::ECS::Instance": [world.a]}
    assert data["requestParameters"] == {"InstanceId": world.a}
    identity = data["userIdentity"]
    assert isinstance(identity, dict)
    assert identity["userName"] == "natkeeper:natlab"
    assert "errorCode" not in data


def test_a_failed_call_carries_its_error_code(world: CloudWorld) -> None:
    """It reports the request, not an outcome that never was."""
    with pytest.raises(ApiError):
        world.call("vpc", "DeleteRouteEntry", RouteEntryId="rte-none")
    world.clock.advance(60)
    (data,) = world.event_data("vpc:ActionTrail:ApiCall")
    assert data["errorCode"] == "InvalidRouteEntryId.NotFound"


def test_a_call_that_never_arrived_leaves_no_trace_one_whose_answer_was_lost_does(world: CloudWorld) -> None:
    """The audit is the product's view, not the client's."""
    world.cloud.faults.add(CallFault(FaultKind.TIMEOUT, action="StopInstance", count=1))
    world.cloud.faults.add(CallFault(FaultKind.TIMEOUT, action="StopInstance", count=1, executed=True))
    for _ in range(2):
        with pytest.raises(NoAnswer):
            world.cloud.call("ecs", "StopInstance", {"InstanceId": world.a})
    world.clock.advance(60)
    assert len(world.event_data("ecs:ActionTrail:ApiCall")) == 1


def test_history_is_looked_up_newest_first_after_a_while(world: CloudWorld) -> None:
    """With filters and pages."""
    world.cloud.call("ecs", "StopInstance", {"InstanceId": world.a})
    world.clock.advance(30)
    world.cloud.call("ecs", "StartInstance", {"InstanceId": world.a})

    def look(**params: str) -> list[str]:
        world.clock.advance(1)  # two look-ups a second are allowed
        answer: dict[str, Any] = world.cloud.call("actiontrail", "LookupEvents", params)
        return [event["eventName"] for event in answer["Events"]]

    assert look() == []
    world.clock.advance(60)
    assert look() == ["StartInstance", "StopInstance"]
    assert look(Direction="FORWARD", MaxResults="1") == ["StopInstance"]
    assert look(**{"LookupAttribute.1.Key": "EventName", "LookupAttribute.1.Value": "StopInstance"}) == ["StopInstance"]
    assert look(EndTime="2026-01-01T00:00:10Z") == ["StopInstance"]
    for params, code in [
        ({"StartTime": "now"}, "InvalidParameterStartTime"),
        ({"EndTime": "now"}, "InvalidParameterEndTime"),
        ({"StartTime": "2026-01-02T00:00:00Z", "EndTime": "2026-01-01T00:00:00Z"}, "InvalidParameterCombination"),
        ({"MaxResults": "0"}, "InvalidQueryParameter"),
        ({"LookupAttribute.1.Key": "Mood", "LookupAttribute.1.Value": "x"}, "InvalidQueryParameter"),
    ]:
        with pytest.raises(ApiError) as refusal:
            look(**params)
        assert refusal.value.code == code


def test_the_request_log_counts_calls_and_keeps_no_secret(world: CloudWorld) -> None:
    """Product, action, parameters, error; tokens and signatures are left out."""
    world.cloud.call("ecs", "DescribeInstances", {**REGION, "SecurityToken": "hush"})
    with pytest.raises(ApiError):
        world.cloud.call("ecs", "StartInstance", {"InstanceId": "i-none"})
    first, second = world.cloud.calls
    assert (first.product, first.action, dict(first.params), first.error) == (
        "ecs",
        "DescribeInstances",
        REGION,
        "",
    )
    assert second.error == "InvalidInstanceId.NotFound"
