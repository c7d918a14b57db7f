"""A VPC as `init` and `doctor` need to see it: vSwitches, route tables, machines and what reaches them, NAT Gateways.

Sources: Vpc 2016-04-28 (DescribeVpcs, DescribeVSwitches, DescribeRouteTableList, DescribeNatGateways), Ecs 2014-05-26
(DescribeInstances, DescribeNetworkInterfaces, DescribeSecurityGroupAttribute, DescribeCloudAssistantStatus).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from natkeeper.alibaba.clients import Attempt
from natkeeper.alibaba.ecs import interfaces_of
from natkeeper.alibaba.fields import optional
from natkeeper.alibaba.lean_imports import lean
from natkeeper.alibaba.vpc import read_routes
from natkeeper.domain.ids import InstanceId, TableId
from natkeeper.domain.observed import NextHop, RouteEntry

with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models as ecs_models
    from alibabacloud_ecs20140526.client import Client as Ecs
with lean("alibabacloud_vpc20160428"):
    from alibabacloud_vpc20160428 import models as vpc_models
    from alibabacloud_vpc20160428.client import Client as Vpc

PER_PAGE = 50
_AT_ONCE = 100
"""Instances that one DescribeInstances may name, and that one page may hold."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VpcAbout:
    """One VPC."""

    id: str
    name: str
    cidrs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VSwitch:
    """One vSwitch; `table` is the route table that it is bound to."""

    id: str
    name: str
    vpc: str
    cidr: str
    zone: str
    table: str


@dataclass(frozen=True, slots=True)
class SurveyedTable:
    """One route table; `kind` is System or Custom."""

    id: str
    name: str
    kind: str
    vpc: str


@dataclass(frozen=True, slots=True)
class SurveyedInstance:
    """One ECS instance. `own_ip` belongs to the instance itself; `eip` is an EIP's id."""

    id: str
    name: str
    status: str
    zone: str
    vpc: str
    vswitch: str
    private_ip: str
    own_ip: str
    eip: str
    eip_address: str
    groups: tuple[str, ...]
    spot: bool
    type: str = ""
    bandwidth: int = 0
    interfaces: tuple[str, ...] = ()

    @property
    def public_ip(self) -> str:
        """The address that the internet sees."""
        return self.eip_address or self.own_ip


@dataclass(frozen=True, slots=True)
class Card:
    """A network interface of an instance."""

    id: str
    instance: str
    source_dest_check: bool
    primary: bool


@dataclass(frozen=True, slots=True)
class InboundRule:
    """An inbound rule of a security group; `protocol` upper case, ports as -1/-1 for all."""

    accept: bool
    protocol: str
    ports: str
    source: str
    priority: int


@dataclass(frozen=True, slots=True)
class ManagedNat:
    """A managed NAT Gateway, and whether it has a public address with a rule that uses it."""

    id: str
    name: str
    available: bool
    addresses: tuple[str, ...]
    snat: bool


def vpcs(attempt: Attempt) -> list[VpcAbout]:
    """Read every VPC of the region."""
    request = vpc_models.DescribeVpcsRequest(region_id=attempt.region, page_size=PER_PAGE)
    items = _pages(
        request,
        lambda r: attempt.clients.client(Vpc).describe_vpcs_with_options(r, attempt.options()).body,
        lambda body: body.vpcs.vpc,
    )
    return [
        VpcAbout(item.vpc_id, item.vpc_name or "", (item.cidr_block, *_listed(item.secondary_cidr_blocks)))
        for item in items
    ]


def vswitches(attempt: Attempt, vpc: str) -> list[VSwitch]:
    """Read the vSwitches of a VPC."""
    request = vpc_models.DescribeVSwitchesRequest(region_id=attempt.region, vpc_id=vpc, page_size=PER_PAGE)
    items = _pages(
        request,
        lambda r: attempt.clients.client(Vpc).describe_vswitches_with_options(r, attempt.options()).body,
        lambda body: body.v_switches.v_switch,
    )
    return [
        VSwitch(
            item.v_switch_id,
            item.v_switch_name or "",
            item.vpc_id,
            item.cidr_block or "",
            item.zone_id or "",
            (item.route_table.route_table_id if optional(item.route_table) else "") or "",
        )
        for item in items
    ]


def tables(attempt: Attempt, vpc: str) -> list[SurveyedTable]:
    """Read the route tables of a VPC."""
    return _tables(
        attempt, vpc_models.DescribeRouteTableListRequest(region_id=attempt.region, vpc_id=vpc, page_size=PER_PAGE)
    )


def table(attempt: Attempt, table_id: str) -> SurveyedTable | None:
    """Read one route table; None when it does not exist."""
    request = vpc_models.DescribeRouteTableListRequest(region_id=attempt.region, route_table_id=table_id, page_size=10)
    return next((found for found in _tables(attempt, request) if found.id == table_id), None)


def _tables(attempt: Attempt, request: vpc_models.DescribeRouteTableListRequest) -> list[SurveyedTable]:
    items = _pages(
        request,
        lambda r: attempt.clients.client(Vpc).describe_route_table_list_with_options(r, attempt.options()).body,
        lambda body: body.router_table_list.router_table_list_type,
    )
    return [
        SurveyedTable(item.route_table_id, item.route_table_name or "", item.route_table_type or "", item.vpc_id or "")
        for item in items
    ]


def entries(attempt: Attempt, table_id: str) -> tuple[RouteEntry, ...]:
    """Read the custom entries of a route table, as the function does."""
    return read_routes(attempt, TableId(table_id))


def try_part(attempt: Attempt, table_id: str, part: str, to: NextHop, words: str) -> None:
    """Ask whether `part` of a destination could be an entry with these words, or with none (CreateRouteEntry, DryRun).

    Always raises: the platform answers a dry run that passes with the code DryRunOperation.
    """
    request = vpc_models.CreateRouteEntryRequest(
        region_id=attempt.region,
        route_table_id=table_id,
        destination_cidr_block=part,
        next_hop_type=to.kind.value,
        next_hop_id=to.id,
        description=words or None,  # type: ignore[arg-type]  # left out of the request
        dry_run=True,
    )
    attempt.clients.client(Vpc).create_route_entry_with_options(request, attempt.options())


def try_route(attempt: Attempt, table_id: str, destination: str, to: NextHop) -> None:
    """Ask whether a route could be pointed at `to`, without doing it (ModifyRouteEntry, DryRun).

    Always raises: the platform answers a dry run that passes with the code DryRunOperation.
    """
    request = vpc_models.ModifyRouteEntryRequest(
        region_id=attempt.region,
        route_table_id=table_id,
        destination_cidr_block=destination,
        new_next_hop_type=to.kind.value,
        new_next_hop_id=to.id,
        dry_run=True,
    )
    attempt.clients.client(Vpc).modify_route_entry_with_options(request, attempt.options())


def machines(attempt: Attempt, *, vpc: str = "", ids: Sequence[str] = ()) -> list[SurveyedInstance]:
    """Read the instances of a VPC, or those with these ids, of which one request names 100 at most."""
    import json

    if len(ids) > _AT_ONCE:
        first, rest = ids[:_AT_ONCE], ids[_AT_ONCE:]
        return [*machines(attempt, vpc=vpc, ids=first), *machines(attempt, vpc=vpc, ids=rest)]
    request = ecs_models.DescribeInstancesRequest(region_id=attempt.region, max_results=_AT_ONCE)
    if vpc:
        request.vpc_id = vpc
    if ids:
        request.instance_ids = json.dumps(list(ids))
    found: list[SurveyedInstance] = []
    while True:
        body = attempt.clients.client(Ecs).describe_instances_with_options(request, attempt.options()).body
        found += [_machine(item) for item in body.instances.instance or ()]
        if not body.next_token:
            return found
        request.next_token = body.next_token


def names(machines: Iterable[SurveyedInstance]) -> dict[str, str]:
    """Return what instances are called, by id; those without a name are not in it."""
    return {machine.id: machine.name for machine in machines if machine.name not in ("", machine.id)}


def _machine(item: Any) -> SurveyedInstance:  # noqa: ANN401  the SDK's name for it is 60 characters long
    attributes, eip = optional(item.vpc_attributes), optional(item.eip_address)
    private = _listed(attributes.private_ip_address) if attributes else []
    own = _listed(item.public_ip_address)
    return SurveyedInstance(
        id=item.instance_id,
        name=item.instance_name or "",
        status=item.status or "",
        zone=item.zone_id or "",
        vpc=(attributes.vpc_id if attributes else "") or "",
        vswitch=(attributes.v_switch_id if attributes else "") or "",
        private_ip=private[0] if private else "",
        own_ip=own[0] if own else "",
        eip=(eip.allocation_id if eip else "") or "",
        eip_address=(eip.ip_address if eip else "") or "",
        groups=tuple(_listed(item.security_group_ids)),
        spot=(item.spot_strategy or "NoSpot") != "NoSpot",
        type=item.instance_type or "",
        bandwidth=(eip.bandwidth if eip and eip.ip_address else None) or item.internet_max_bandwidth_out or 0,
        interfaces=interfaces_of(item),
    )


def owners(machines: Iterable[SurveyedInstance]) -> dict[str, InstanceId]:
    """Return the instance of each network interface."""
    return {interface: InstanceId(machine.id) for machine in machines for interface in machine.interfaces}


def cards(attempt: Attempt, instance: str) -> list[Card]:
    """Read the network interfaces of an instance."""
    request = ecs_models.DescribeNetworkInterfacesRequest(region_id=attempt.region, instance_id=instance, page_size=50)
    body = attempt.clients.client(Ecs).describe_network_interfaces_with_options(request, attempt.options()).body
    listed = optional(body.network_interface_sets)
    return [
        Card(item.network_interface_id, instance, bool(item.source_dest_check), item.type == "Primary")
        for item in (listed.network_interface_set if listed else None) or ()
    ]


def inbound(attempt: Attempt, group: str) -> list[InboundRule]:
    """Read the inbound rules of a security group."""
    request = ecs_models.DescribeSecurityGroupAttributeRequest(
        region_id=attempt.region, security_group_id=group, direction="ingress"
    )
    body = attempt.clients.client(Ecs).describe_security_group_attribute_with_options(request, attempt.options()).body
    listed = optional(body.permissions)
    return [
        InboundRule(
            accept=(item.policy or "").lower() == "accept",
            protocol=(item.ip_protocol or "").upper(),
            ports=item.port_range or "",
            source=item.source_cidr_ip or item.source_group_id or item.source_prefix_list_id or "",
            priority=int(item.priority or 1),
        )
        for item in (listed.permission if listed else None) or ()
        if (item.direction or "ingress") == "ingress"
    ]


def heartbeats(attempt: Attempt, ids: Sequence[str]) -> dict[str, bool]:
    """Ask Cloud Assistant which of these instances had a heartbeat within two minutes."""
    found: dict[str, bool] = {}
    for start in range(0, len(ids), PER_PAGE):
        request = ecs_models.DescribeCloudAssistantStatusRequest(
            region_id=attempt.region, instance_id=list(ids[start : start + PER_PAGE]), page_size=PER_PAGE
        )
        body = attempt.clients.client(Ecs).describe_cloud_assistant_status_with_options(request, attempt.options()).body
        listed = optional(body.instance_cloud_assistant_status_set)
        for item in (listed.instance_cloud_assistant_status if listed else None) or ():
            found[item.instance_id] = (item.cloud_assistant_status or "").lower() == "true"
    return found


def nat_gateways(attempt: Attempt, *, vpc: str = "", gateway: str = "") -> list[ManagedNat]:
    """Read the managed NAT Gateways of a VPC, or one by its id."""
    request = vpc_models.DescribeNatGatewaysRequest(region_id=attempt.region, page_size=PER_PAGE)
    if vpc:
        request.vpc_id = vpc
    if gateway:
        request.nat_gateway_id = gateway
    items = _pages(
        request,
        lambda r: attempt.clients.client(Vpc).describe_nat_gateways_with_options(r, attempt.options()).body,
        lambda body: body.nat_gateways.nat_gateway,
    )
    return [_nat(item) for item in items]


def _nat(item: Any) -> ManagedNat:  # noqa: ANN401  the SDK's name for it is 60 characters long
    listed = optional(item.ip_lists)
    addresses = (listed.ip_list if listed else None) or []
    return ManagedNat(
        id=item.nat_gateway_id,
        name=item.name or "",
        available=item.status == "Available",
        addresses=tuple(one.ip_address for one in addresses if one.ip_address),
        snat=any(one.snat_entry_enabled for one in addresses),
    )


def _pages(request: Any, ask: Callable[[Any], Any], items: Callable[[Any], Any]) -> Iterator[Any]:  # noqa: ANN401
    """Turn pages, counted by page number, into items."""
    number, seen = 1, 0
    while True:
        request.page_number = number
        body = ask(request)
        page = list(items(body) or ())
        yield from page
        seen += len(page)
        if not page or seen >= (body.total_count or 0):
            return
        number += 1


def _listed(holder: Any) -> list[str]:  # noqa: ANN401  objects with one list of texts in them
    """Take the one list out of such an object as `{"IpAddress": [...]}`."""
    there = optional(holder)
    if not there:
        return []
    lists = [value for value in vars(there).values() if isinstance(value, list)]
    return [str(one) for one in lists[0]] if lists else []
