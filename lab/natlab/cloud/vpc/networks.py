"""How does a test or scenario set up a VPC?  Everything here is there at once, without tasks or states."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.locking import locked
from natlab.cloud.vpc.addresses import Addresses
from natlab.cloud.vpc.models import Eip, NextHop, RouteEntry, RouteStatus, RouteTable, Vpc, VpcState, VSwitch
from natlab.cloud.vpc.routing import Routing

if TYPE_CHECKING:
    from natlab.cloud.vpc.context import VpcContext

SERVICE_NETWORK = "100.64.0.0/10"
"""Every table has a system route to the platform's own services."""


class Networks:
    """Set-up and inspection in plain calls; every method returns ids."""

    def __init__(self, cloud: VpcContext, state: VpcState, routing: Routing, addresses: Addresses) -> None:
        self._cloud = cloud
        self._state = state
        self.routing = routing
        self.addresses = addresses

    @locked
    def create_vpc(self, cidr: str = "10.0.0.0/8", name: str = "") -> str:
        """A VPC with its system route table."""
        ids, now = self._cloud.ids, self._cloud.clock.now()
        vpc = Vpc(id=ids.new("vpc"), name=name, cidr=cidr, router_id=ids.new("vrt"), created=now)
        self._state.vpcs.put(vpc.id, vpc)
        self._put_table(vpc.id, "", "System")
        return vpc.id

    @locked
    def create_vswitch(self, vpc_id: str, cidr: str, zone: str = "cn-hangzhou-h", name: str = "") -> str:
        """A vSwitch bound to the VPC's system route table."""
        table = self._state.system_table(vpc_id)
        vswitch = VSwitch(
            id=self._cloud.ids.new("vsw"),
            name=name,
            vpc_id=vpc_id,
            cidr=cidr,
            zone=zone,
            table_id=table.id,
            created=self._cloud.clock.now(),
        )
        self._state.vswitches.put(vswitch.id, vswitch)
        for other in list(self._state.tables.values()):
            if other.vpc_id == vpc_id:
                self._put_system_route(other.id, cidr, "local")
        self._cloud.data_plane.create_vswitch(vswitch.id, cidr, vpc_id)
        self._cloud.data_plane.attach_table(vswitch.id, table.id)
        return vswitch.id

    @locked
    def create_route_table(self, vpc_id: str, vswitch_ids: Sequence[str] = (), name: str = "") -> str:
        """A custom route table, bound to those vSwitches."""
        table = self._put_table(vpc_id, name, "Custom")
        for vswitch_id in vswitch_ids:
            self.attach_table(vswitch_id, table.id)
        return table.id

    @locked
    def attach_table(self, vswitch_id: str, table_id: str) -> None:
        """Bind a vSwitch to a table of its VPC, in place of the one it had."""
        vswitch = self._state.vswitches[vswitch_id]
        self._state.vswitches.put(vswitch_id, replace(vswitch, table_id=table_id))
        self._cloud.data_plane.attach_table(vswitch_id, table_id)

    def system_table(self, vpc_id: str) -> str:
        """The id of the VPC's own table."""
        return self._state.system_table(vpc_id).id

    @locked
    def add_route(
        self,
        table_id: str,
        destination: str,
        next_hop_id: str,
        next_hop_type: str = "",
        name: str = "",
        description: str = "",
    ) -> str:
        """A custom route, Available at once; the kind of next hop follows from its id unless given."""
        hop = NextHop(next_hop_type or kind_of(next_hop_id), next_hop_id)
        return self.routing.put(table_id, destination, hop, name, description, RouteStatus.AVAILABLE).id

    @locked
    def route(self, table_id: str, destination: str = "0.0.0.0/0") -> RouteEntry | None:
        """The entry for exactly that destination, as it is now."""
        return self._state.entry(table_id, destination)

    def vpc(self, vpc_id: str) -> Vpc:
        """A VPC; KeyError when there is none."""
        return self._state.vpcs[vpc_id]

    def vswitch(self, vswitch_id: str) -> VSwitch:
        """A vSwitch; KeyError when there is none."""
        return self._state.vswitches[vswitch_id]

    def vpc_of_vswitch(self, vswitch_id: str) -> str:
        """The VPC of a vSwitch; empty when there is no such vSwitch."""
        found = self._state.vswitches.get(vswitch_id)
        return found.vpc_id if found else ""

    def zones(self) -> list[str]:
        """The zones that have a vSwitch, in alphabetical order."""
        return sorted({vswitch.zone for vswitch in self._state.vswitches.values()})

    def is_next_hop(self, resource_id: str) -> bool:
        """Return True if a custom route points there."""
        return any(entry.next_hop.id == resource_id for entry in self._state.routes.values())

    def eip(self, allocation_id: str) -> Eip:
        """An EIP as it is now; KeyError when there is none."""
        return self._state.eips[allocation_id]

    @locked
    def allocate_eip(self, target_id: str = "", name: str = "") -> str:
        """An EIP, in use at once by that instance or NAT gateway if one is named."""
        eip = self.addresses.allocate(name)
        if target_id:
            self.addresses.bind_now(eip.id, target_id, _target_type(target_id))
        return eip.id

    def address_of(self, allocation_id: str) -> str:
        """The public IP of an EIP."""
        return self._state.eips[allocation_id].address

    @locked
    def create_nat_gateway(
        self, vpc_id: str, vswitch_id: str, *, eip: bool = True, snat: bool = True, name: str = ""
    ) -> str:
        """A NAT gateway, by default with an EIP and a SNAT entry for the whole VPC."""
        network = ipaddress.ip_network(self._state.vswitches[vswitch_id].cidr)
        gateway = self.addresses.put_nat_gateway(vpc_id, vswitch_id, str(network[-6]), name)
        if eip:
            bound = self._state.eips[self.allocate_eip(gateway.id)]
            if snat:
                entry = self.addresses.put_snat_entry(
                    gateway.snat_table_id, bound.address, self._state.vpcs[vpc_id].cidr, ""
                )
                self.addresses.snat_available(entry.id)
        table = self._state.system_table(vpc_id)
        free = self._state.entry(table.id, "0.0.0.0/0") is None
        if free and self._cloud.readings.is_("nat-creation", "adds-a-route"):
            self.add_route(table.id, "0.0.0.0/0", gateway.id)
        return gateway.id

    @locked
    def set_nat_gateway(self, gateway_id: str, status: str = "Available", business: str = "Normal") -> None:
        """Put a NAT gateway into a state; by one reading it passes nothing on while it is changed."""
        gateway = self._state.nat_gateways[gateway_id]
        bound = self.addresses.eip_of(gateway_id)
        if bound is not None and self._cloud.readings.is_("nat-changing", "drops"):
            changing = status in ("Modifying", "Converting")
            data_plane = self._cloud.data_plane
            (data_plane.unbind_address if changing else data_plane.bind_address)(gateway_id, bound.address)
        self._state.nat_gateways.put(gateway_id, replace(gateway, status=status, business=business))

    def reset(self) -> None:
        """Forget every resource."""
        self._state.clear()
        self.addresses.reset()
        self.routing.refused_in_place.clear()

    def _put_table(self, vpc_id: str, name: str, kind: str) -> RouteTable:
        table = RouteTable(self._cloud.ids.new("vtb"), name, vpc_id, kind, self._cloud.clock.now())
        self._state.tables.put(table.id, table)
        for vswitch in self._state.vswitches.values():
            if vswitch.vpc_id == vpc_id:
                self._put_system_route(table.id, vswitch.cidr, "local")
        self._put_system_route(table.id, SERVICE_NETWORK, "service")
        return table

    def _put_system_route(self, table_id: str, destination: str, kind: str) -> None:
        self.routing.put(table_id, destination, NextHop(kind, ""), "", "", RouteStatus.AVAILABLE, custom=False)


def kind_of(resource_id: str) -> str:
    """The kind of next hop that an id names."""
    kinds = {"i": "Instance", "ngw": "NatGateway", "eni": "NetworkInterface"}
    return kinds[resource_id.partition("-")[0]]


def _target_type(resource_id: str) -> str:
    return {"i": "EcsInstance", "ngw": "Nat"}[resource_id.partition("-")[0]]
