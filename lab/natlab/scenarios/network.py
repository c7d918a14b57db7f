"""From a topology to a VPC in the local cloud, and to the natkeeper.yaml that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from natlab.cloud.cloud import Cloud
from natlab.scenarios.topology import EIP, NAT, STRANGER, Topology

GROUP = "prod"
PROBE, FAILOVER, NOTIFY = "natkeeper-probe", "natkeeper-failover", "natkeeper-notify"
NOTIFIES = "notify"
"""The key of a scenario's policy that has people told."""
ZONES = ("h", "i", "j", "k")
FORWARDED = 8022
"""The port of a public address that a scenario has forwarded to its first private host."""
PRIVATE_HOST = "10.0.100.128"
"""The private host behind the first table: in the middle of its vSwitch."""
WEB_SITE = "http://www.internet.test/"
"""What the probe looks at; a name of the simulated internet."""


@dataclass(frozen=True, slots=True)
class ScenarioNetwork:
    """What was built; `ids` leads from the scenario's names to ids, `vswitches` from a table to its private vSwitch."""

    topology: Topology
    vpc: str
    ids: Mapping[str, str]
    vswitches: Mapping[str, str]

    def name_of(self, resource_id: str) -> str:
        """What the scenario calls a resource; the id itself where it has no name."""
        return next((name for name, each in self.ids.items() if each == resource_id), resource_id)

    def exchanged(self, one: str, other: str) -> ScenarioNetwork:
        """The same world, where each of two has the other's name."""
        return replace(self, ids={**self.ids, one: self.ids[other], other: self.ids[one]})


def build(cloud: Cloud, topology: Topology) -> ScenarioNetwork:
    """A VPC with a public vSwitch and gateways in every zone, and a private vSwitch behind every table."""
    network = cloud.vpc
    vpc = network.create_vpc("10.0.0.0/8", name="office")
    zones = [f"{cloud.region}-{ZONES[index]}" for index in range(max(1, len(topology.tables)))]
    public = [network.create_vswitch(vpc, f"10.0.{i}.0/24", zone, f"public-{i}") for i, zone in enumerate(zones)]
    ids: dict[str, str] = {}
    for index, gateway in enumerate(topology.gateways):
        ids[gateway] = cloud.ecs.create_instance(
            public[index % len(public)],
            public_ip=None if topology.follow else "",
            spot=gateway in topology.spot,
            name=gateway,
        )
    if topology.stranger:
        ids[STRANGER] = cloud.ecs.create_instance(public[0], public_ip="", name=STRANGER)
    if topology.fallback:
        ids[NAT] = network.create_nat_gateway(vpc, public[0], name=NAT)
    if topology.follow:
        ids[EIP] = network.allocate_eip(ids[topology.gateways[0]], name=EIP)
    vswitches: dict[str, str] = {}
    for index, (table, home) in enumerate(topology.tables.items()):
        zone = zones[index % len(zones)]
        vswitches[table] = network.create_vswitch(vpc, f"10.0.{100 + index}.0/24", zone, f"private-{index}")
        ids[table] = network.create_route_table(vpc, [vswitches[table]], name=table)
        network.add_route(ids[table], "0.0.0.0/0", ids[home])
    return ScenarioNetwork(topology, vpc, ids, vswitches)


def configuration(world: ScenarioNetwork, region: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    """The data of natkeeper.yaml for this world: what a user would write, with `policy` on top."""
    topology, ids = world.topology, world.ids
    homes = set(topology.tables.values())
    group: dict[str, Any] = {
        "gateways": [ids[gateway] for gateway in topology.gateways],
        "routes": [
            {"table": ids[table]} | ({"prefer": ids[home]} if len(homes) > 1 else {})
            for table, home in topology.tables.items()
        ],
        "probe": {"function": PROBE, "targets": [WEB_SITE]},
    }
    if topology.follow:
        group["address"] = {"follow": ids[EIP]}
    if topology.fallback:
        group["fallback"] = ids[NAT]
    told = {key: value for key, value in policy.items() if key != NOTIFIES}
    whole: dict[str, Any] = {"region": region, "groups": {GROUP: group | told}}
    return whole | ({"notify": NOTIFY} if NOTIFIES in policy else {})
