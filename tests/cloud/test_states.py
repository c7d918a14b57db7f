"""States of things that the real platform has, and the local one has too: NAT Gateways, health, system events."""

from __future__ import annotations

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.simulated.dataplane import SimulatedDataPlane
from natlab.simulated.network import Dropped, Reached
from tests.cloud.test_strictness import made, world
from tests.cloud.worlds import CloudWorld

__all__ = ["world"]


@pytest.mark.parametrize("status", ["Creating", "Modifying", "Deleting", "Converting"])
def test_a_managed_gateway_has_states(world: CloudWorld, status: str) -> None:
    """They are shown, and filtered by."""
    gateway = world.cloud.vpc.create_nat_gateway(world.vpc, world.vswitch)
    world.cloud.vpc.set_nat_gateway(gateway, status, "FinancialLocked")
    (shown,) = world.call("vpc", "DescribeNatGateways", Status=status)["NatGateways"]["NatGateway"]
    assert (shown["Status"], shown["BusinessStatus"]) == (status, "FinancialLocked")
    assert world.call("vpc", "DescribeNatGateways", Status="Available")["NatGateways"]["NatGateway"] == []


@pytest.mark.parametrize("status", ["Modifying", "Converting", "Available"])
@pytest.mark.parametrize("way", ["carries", "drops"])
def test_a_managed_gateway_that_is_changed_may_carry_nothing(way: str, status: str) -> None:
    """Its packets go on as soon as it is Available again."""
    machines = SimulatedDataPlane()
    cloud = Cloud(clock=VirtualClock(), data_plane=machines, readings={"nat-changing": way})
    vpc = cloud.vpc.create_vpc()
    vswitch = cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
    gateway = cloud.vpc.create_nat_gateway(vpc, vswitch)
    cloud.vpc.add_route(cloud.vpc.create_route_table(vpc, [vswitch]), "0.0.0.0/0", gateway)
    cloud.vpc.set_nat_gateway(gateway, "Modifying")
    cloud.vpc.set_nat_gateway(gateway, status)
    carries = way == "carries" or status == "Available"
    assert isinstance(machines.path(vswitch, "203.0.113.10"), Reached if carries else Dropped)
    machines.close()


@pytest.mark.parametrize("way, words", [("of-events", ["Ok"] * 4), ("of-the-state", ["Ok", "NotApplicable"] * 2)])
def test_the_health_of_an_instance_may_follow_its_state(way: str, words: list[str]) -> None:
    """Or say nothing of it."""
    world = made(health_status=way)

    def health() -> str:
        found = world.call("ecs", "DescribeInstancesFullStatus", **{"InstanceId.1": world.a})
        (shown,) = found["InstanceFullStatusSet"]["InstanceFullStatusType"]
        return str(shown["HealthStatus"]["Name"])

    seen = [health()]
    world.cloud.ecs.stop(world.a, force=True)
    world.clock.advance(60)
    seen.append(health())
    world.cloud.ecs.start(world.a)
    starting = health()
    world.clock.advance(60)
    seen += [health(), "NotApplicable" if starting == "Initializing" else starting]
    assert seen == words


@pytest.mark.parametrize("word", ["Warning", "Initializing", "InsufficientData"])
def test_what_is_found_of_an_instance_is_shown_and_filtered_by(world: CloudWorld, word: str) -> None:
    """Whichever word."""
    world.cloud.ecs.find_health(world.a, word)
    found = world.call("ecs", "DescribeInstancesFullStatus", HealthStatus=word)
    (shown,) = found["InstanceFullStatusSet"]["InstanceFullStatusType"]
    assert (shown["InstanceId"], shown["HealthStatus"]["Name"]) == (world.a, word)


@pytest.mark.parametrize(
    "kind, status", [("SystemFailure.Reboot", "Executing"), ("SystemMaintenance.Reboot", "Scheduled")]
)
def test_a_simulated_failure_is_not_announced(world: CloudWorld, kind: str, status: str) -> None:
    """It is Executing at once; a simulated maintenance is Scheduled until its time."""
    world.call(
        "ecs", "CreateSimulatedSystemEvents",
        EventType=kind, NotBefore="2026-01-01T03:00:00Z", **{"InstanceId.1": world.a},
    )  # fmt: skip
    assert isinstance(world.cloud.clock, VirtualClock)
    world.cloud.clock.advance(0.1)
    found = world.call("ecs", "DescribeInstancesFullStatus", **{"InstanceId.1": world.a})
    (shown,) = found["InstanceFullStatusSet"]["InstanceFullStatusType"]
    (event,) = shown["ScheduledSystemEventSet"]["ScheduledSystemEventType"]
    assert event["EventCycleStatus"]["Name"] == status
