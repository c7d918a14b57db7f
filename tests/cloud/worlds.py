"""A small VPC with two gateways, as most tests of the local cloud need one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from natlab.cloud.cloud import Cloud
from natlab.cloud.dataplane import NullDataPlane
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.latencies import Latencies

REGION = {"RegionId": "cn-hangzhou"}


class RecordingCloudPlane(NullDataPlane):
    """Remembers what the APIs did to the physical world."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []

    def power_on(self, instance_id: str) -> None:
        self.done.append(("power_on", instance_id))

    def power_off(self, instance_id: str, *, hard: bool) -> None:
        self.done.append(("power_off", instance_id, "hard" if hard else "soft"))

    def destroy_instance(self, instance_id: str) -> None:
        self.done.append(("destroy", instance_id))

    def attach_table(self, vswitch_id: str, table_id: str) -> None:
        self.done.append(("attach", vswitch_id, table_id))

    def set_route(self, table_id: str, destination: str, next_hop_type: str, next_hop_id: str) -> None:
        self.done.append(("route", destination, next_hop_type, next_hop_id))

    def remove_route(self, table_id: str, destination: str) -> None:
        self.done.append(("unroute", destination))

    def bind_address(self, resource_id: str, public_ip: str) -> None:
        self.done.append(("bind", resource_id, public_ip))

    def unbind_address(self, resource_id: str, public_ip: str) -> None:
        self.done.append(("unbind", resource_id, public_ip))


@dataclass
class CloudWorld:
    """A cloud on a virtual clock: one VPC, one custom table with a default route through `a`; `b` stands by."""

    cloud: Cloud
    clock: VirtualClock
    data_plane: RecordingCloudPlane
    vpc: str
    vswitch: str
    table: str
    a: str
    b: str
    route: str
    events: list[dict[str, object]] = field(default_factory=list)

    def call(self, product: str, action: str, **params: str) -> dict[str, Any]:
        """Call in process, with the region."""
        return self.cloud.call(product, action, {**REGION, **params})

    def states(self, instance: str) -> list[str]:
        """The states of an instance, as its events told them."""
        told: list[str] = []
        for event in self.events:
            data = event["data"]
            assert isinstance(data, dict)
            if event["type"] == "ecs:Instance:StateChange" and data["resourceId"] == instance:
                told.append(data["state"])
        return told

    def event_data(self, event_type: str) -> list[dict[str, object]]:
        """The data of all events of a type."""
        found: list[dict[str, object]] = []
        for event in self.events:
            data = event["data"]
            assert isinstance(data, dict)
            if event["type"] == event_type:
                found.append(data)
        return found


def build(
    latencies: Latencies | None = None,
    readings: Mapping[str, str] | None = None,
    data_plane: RecordingCloudPlane | None = None,
) -> CloudWorld:
    """A world whose data plane remembers only what happens from now on."""
    clock, data_plane = VirtualClock(), data_plane or RecordingCloudPlane()
    cloud = Cloud(clock, latencies, data_plane, readings=readings)
    vpc = cloud.vpc.create_vpc("10.0.0.0/8")
    vswitch = cloud.vpc.create_vswitch(vpc, "10.0.1.0/24")
    table = cloud.vpc.create_route_table(vpc, [vswitch])
    a = cloud.ecs.create_instance(vswitch, name="a", public_ip="")
    b = cloud.ecs.create_instance(vswitch, name="b", public_ip="")
    route = cloud.vpc.add_route(table, "0.0.0.0/0", a)
    data_plane.done.clear()
    world = CloudWorld(cloud, clock, data_plane, vpc, vswitch, table, a, b, route)
    cloud.subscribers.append(world.events.append)
    return world
