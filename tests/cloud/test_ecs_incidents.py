"""Incidents of an instance: crashes, reclaimed spot capacity, maintenance, failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.events import cloudmonitor_event
from tests.cloud.worlds import CloudWorld, build


@pytest.fixture
def world() -> CloudWorld:
    return build()


def full_status(world: CloudWorld, instance: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.call("ecs", "DescribeInstancesFullStatus", **{"InstanceId.1": instance})
    (one,) = answer["InstanceFullStatusSet"]["InstanceFullStatusType"]
    found: dict[str, Any] = one
    return found


def test_a_crash_is_seen_by_nobody(world: CloudWorld) -> None:
    """Packets stop, the status stays Running, and no event ever comes."""
    world.cloud.ecs.crash(world.a)
    world.clock.advance(3600)
    assert world.data_plane.done == [("power_off", world.a, "hard")]
    assert (world.cloud.ecs.status_of(world.a), world.events) == ("Running", [])


def test_lost_power_is_noticed_after_a_while(world: CloudWorld) -> None:
    """Dark at once, Stopped with its event later."""
    world.cloud.ecs.power_loss(world.a)
    assert world.cloud.ecs.status_of(world.a) == "Running"
    world.clock.advance(62)
    assert (world.cloud.ecs.status_of(world.a), world.states(world.a)) == ("Stopped", ["Stopped"])


def test_a_spot_instance_has_five_minutes(world: CloudWorld) -> None:
    """Event and Recycling lock at once, the end five minutes later, whatever it did meanwhile."""
    spot = world.cloud.ecs.create_instance(world.vswitch, spot=True)
    world.cloud.ecs.reclaim_spot(spot)
    world.clock.advance(2)
    assert world.event_data("ecs:Instance:PreemptibleInstanceInterruption") == [
        {"instanceId": spot, "action": "delete"}
    ]
    answer: dict[str, Any] = world.call("ecs", "DescribeInstances", InstanceIds=json.dumps([spot]))
    (one,) = answer["Instances"]["Instance"]
    assert one["OperationLocks"]["LockReason"][0]["LockReason"] == "Recycling"
    world.cloud.ecs.reboot(spot)
    world.clock.advance(297)
    assert world.cloud.ecs.status_of(spot) == "Running"
    world.clock.advance(20)
    assert world.cloud.ecs.status_of(spot) is None
    assert world.states(spot)[-3:] == ["Stopping", "Stopped", "Deleted"]


def test_maintenance_is_announced_carried_out_and_over(world: CloudWorld) -> None:
    """Scheduled with its time, Executing, Executed; the instance restarts in between."""
    begin = world.clock.now() + 600
    world.cloud.ecs.schedule_maintenance(world.a, "SystemMaintenance.Reboot", begin)
    scheduled = full_status(world, world.a)["ScheduledSystemEventSet"]["ScheduledSystemEventType"]
    assert [(event["EventType"]["Name"], event["NotBefore"]) for event in scheduled] == [
        ("SystemMaintenance.Reboot", "2026-01-01T00:10:00Z")
    ]
    world.clock.advance(602)
    assert full_status(world, world.a)["HealthStatus"]["Name"] == "Maintaining"
    world.clock.advance(100)
    told = world.event_data("ecs:Instance:SystemMaintenance.Reboot")
    assert [data["eventStatus"] for data in told] == ["Scheduled", "Executing", "Executed"]
    assert told[0]["notBefore"] == "2026-01-01T00:10:00Z"
    assert world.states(world.a) == ["Stopping", "Running"]
    assert full_status(world, world.a)["HealthStatus"]["Name"] == "Ok"


def test_each_state_of_an_instance_has_its_number(world: CloudWorld) -> None:
    """A reader may go by either, as the metadata has them."""
    seen = dict[str, int]()
    for action in ("StopInstance", "StartInstance"):
        world.call("ecs", action, InstanceId=world.b)
        for _ in range(100):
            status = full_status(world, world.b)["Status"]
            seen[status["Name"]] = status["Code"]
            world.clock.advance(0.5)
    assert seen == {"Running": 1, "Starting": 2, "Stopping": 3, "Stopped": 4}


def test_who_reboots_first_avoids_the_maintenance(world: CloudWorld) -> None:
    """The event ends as Avoided and nothing happens at its time."""
    world.cloud.ecs.schedule_maintenance(world.a, not_before=world.clock.now() + 600)
    world.cloud.ecs.reboot(world.a)
    world.clock.advance(1000)
    told = [data["eventStatus"] for data in world.event_data("ecs:Instance:SystemMaintenance.Reboot")]
    assert told == ["Scheduled", "Avoided"]
    assert world.states(world.a) == ["Stopping", "Starting", "Running"]


def test_maintenance_that_stops_leaves_the_instance_stopped(world: CloudWorld) -> None:
    """SystemMaintenance.Stop."""
    world.cloud.ecs.schedule_maintenance(world.a, "SystemMaintenance.Stop", world.clock.now() + 10)
    world.clock.advance(200)
    assert world.states(world.a) == ["Stopping", "Stopped"]


def test_a_system_failure_is_executing_until_the_instance_is_back(world: CloudWorld) -> None:
    """Dead at once, Impaired meanwhile, Executed and Running in the end."""
    world.cloud.ecs.system_failure(world.a)
    assert world.data_plane.done == [("power_off", world.a, "hard")]
    assert full_status(world, world.a)["HealthStatus"]["Name"] == "Impaired"
    world.clock.advance(200)
    told = [data["eventStatus"] for data in world.event_data("ecs:Instance:SystemFailure.Reboot")]
    assert told == ["Executing", "Executed"]
    assert (full_status(world, world.a)["HealthStatus"]["Name"], world.states(world.a)) == ("Ok", ["Running"])


def test_a_simulated_event_touches_nothing(world: CloudWorld) -> None:
    """It can be created, seen, heard of and cancelled; the machine never feels it."""
    params = {"InstanceId.1": world.a, "EventType": "SystemMaintenance.Reboot"}
    created: dict[str, Any] = world.call(
        "ecs", "CreateSimulatedSystemEvents", **params, NotBefore="2026-01-01T01:00:00Z"
    )
    (event,) = created["EventIdSet"]["EventId"]
    assert full_status(world, world.a)["ScheduledSystemEventSet"]["ScheduledSystemEventType"]
    world.call("ecs", "CancelSimulatedSystemEvents", **{"EventId.1": event})
    world.call("ecs", "CreateSimulatedSystemEvents", **params, NotBefore="2026-01-01T00:30:00Z")
    world.clock.advance(7200)
    told = [data["eventStatus"] for data in world.event_data("ecs:Instance:SystemMaintenance.Reboot")]
    assert told == ["Scheduled", "Canceled", "Scheduled", "Executing", "Executed"]
    assert (world.data_plane.done, world.states(world.a)) == ([], [])
    with pytest.raises(ApiError, match=r"InvalidEventId\.NotFound"):
        world.call("ecs", "CancelSimulatedSystemEvents", **{"EventId.1": event})


def test_a_reboot_avoids_a_simulated_maintenance(world: CloudWorld) -> None:
    """As it does a real one."""
    params = {"InstanceId.1": world.a, "EventType": "SystemMaintenance.Reboot"}
    world.call("ecs", "CreateSimulatedSystemEvents", **params, NotBefore="2026-01-01T01:00:00Z")
    world.call("ecs", "RebootInstance", InstanceId=world.a)
    world.clock.advance(7200)
    told = [data["eventStatus"] for data in world.event_data("ecs:Instance:SystemMaintenance.Reboot")]
    assert told == ["Scheduled", "Avoided"]


def test_simulated_events_are_checked(world: CloudWorld) -> None:
    """Past times, unknown kinds, unknown instances, and real maintenance can not be cancelled."""
    good = {"InstanceId.1": world.a, "EventType": "SystemMaintenance.Reboot", "NotBefore": "2026-01-01T01:00:00Z"}
    for change, code in [
        ({"NotBefore": "2025-01-01T01:00:00Z"}, "InvalidNotBefore.Passed"),
        ({"NotBefore": "soon"}, "InvalidParameter"),
        ({"EventType": "Earthquake"}, "InvalidParameter"),
        ({"InstanceId.1": "i-none"}, "InvalidInstanceId.NotFound"),
    ]:
        with pytest.raises(ApiError) as refusal:
            world.call("ecs", "CreateSimulatedSystemEvents", **{**good, **change})
        assert refusal.value.code == code
    real = world.cloud.ecs.schedule_maintenance(world.a)
    with pytest.raises(ApiError, match="NotSimulated"):
        world.call("ecs", "CancelSimulatedSystemEvents", **{"EventId.1": real})


def test_the_same_event_in_cloudmonitors_shape(world: CloudWorld) -> None:
    """The name may carry the status, the content is the data, the time is China's."""
    world.cloud.ecs.system_failure(world.a)
    world.clock.advance(2)
    shape = cloudmonitor_event(world.events[0])
    assert (shape["product"], shape["name"]) == ("ECS", "Instance:SystemFailure.Reboot:Executing")
    assert shape["eventTime"] == "20260101T080000.000+0800"
    assert shape["resourceId"] == f"acs:ecs:cn-hangzhou:1000000000000001:instance/{world.a}"
    assert shape["content"] == world.events[0]["data"]
    world.cloud.ecs.stop(world.b)
    world.clock.advance(2)
    change = cloudmonitor_event(world.events[-1])
    assert (change["name"], change["status"]) == ("Instance:StateChange", "Stopping")
