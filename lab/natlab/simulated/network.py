"""Where does a packet go?  Longest prefix in the vSwitch's table, then through the next hop, or nowhere.

Pure: routes, addresses and a question about each gateway come in, `Reached` or `Dropped(reason)` comes out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reached:
    """The packet arrives; the destination sees this public address (empty inside the VPC)."""

    public_ip: str


@dataclass(frozen=True)
class Dropped:
    """The packet is lost, and what lost it."""

    reason: str


Way = Reached | Dropped


@dataclass(frozen=True)
class RoutedHop:
    """Where a route leads: the platform's word for the kind, and an id."""

    kind: str
    id: str


@dataclass
class Network:
    """Everything between a private host and the internet that is not inside a gateway."""

    vswitches: dict[str, tuple[ipaddress.IPv4Network, str]] = field(default_factory=dict)
    """vSwitch id -> its network and its VPC."""
    tables: dict[str, dict[ipaddress.IPv4Network, RoutedHop]] = field(default_factory=dict)
    attached: dict[str, str] = field(default_factory=dict)
    """vSwitch id -> route table id."""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    """Instance or NAT gateway id -> public addresses, oldest first."""
    internet_is_up: bool = True

    def address_of(self, resource_id: str) -> str:
        """The public address that traffic of a resource leaves with; empty when it has none."""
        return next(iter(self.addresses.get(resource_id, [])), "")

    def host_in(self, vswitch_id: str) -> str:
        """The address of a private host in a vSwitch."""
        network, _ = self.vswitches[vswitch_id]
        return str(network.network_address + network.num_addresses // 2)

    def next_hop(self, vswitch_id: str, destination_ip: str) -> RoutedHop | None:
        """The route with the longest prefix in the vSwitch's table."""
        destination = ipaddress.IPv4Address(destination_ip)
        table = self.tables.get(self.attached.get(vswitch_id, ""), {})
        matching = [network for network in table if destination in network]
        return table[max(matching, key=lambda network: network.prefixlen)] if matching else None

    def is_local(self, vswitch_id: str, destination_ip: str) -> bool:
        """Return True if a destination is in the same VPC, which no route of a user can change."""
        destination = ipaddress.IPv4Address(destination_ip)
        vpc = self.vswitches[vswitch_id][1]
        return any(destination in network for network, other in self.vswitches.values() if other == vpc)

    def path(self, vswitch_id: str, source_ip: str, destination_ip: str, forwards: Callable[[str, str], str]) -> Way:
        """The way of a packet of a private host. `forwards(instance, source)` says why a gateway does not."""
        if vswitch_id not in self.vswitches:
            return Dropped(f"there is no vSwitch {vswitch_id}")
        if self.is_local(vswitch_id, destination_ip):
            return Reached("")
        hop = self.next_hop(vswitch_id, destination_ip)
        if hop is None:
            return Dropped("no route")
        if hop.kind not in {"Instance", "NatGateway"}:
            return Dropped(f"next hops of kind {hop.kind} lead nowhere here")
        reason = forwards(hop.id, source_ip) if hop.kind == "Instance" else ""
        if reason:
            return Dropped(f"{hop.id}: {reason}")
        return self.leave(hop.id)

    def leave(self, resource_id: str) -> Way:
        """From a resource with a public address out into the internet."""
        public_ip = self.address_of(resource_id)
        if not public_ip:
            return Dropped(f"{resource_id} has no public address")
        if not self.internet_is_up:
            return Dropped("the internet does not answer")
        return Reached(public_ip)
