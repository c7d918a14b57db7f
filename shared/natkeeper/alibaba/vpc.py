"""Route tables, EIPs and NAT Gateways: read as our words, and changed so that doing it twice is doing it once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from natkeeper.alibaba.clients import LONGEST_TOKEN, WRITE_S, Attempt
from natkeeper.alibaba.errors import (
    DUPLICATE_ROUTE,
    NAME_REFUSED,
    NEXT_HOP_EXISTS,
    RefusedError,
    code_of,
    kind_of,
    meaning_of,
)
from natkeeper.alibaba.fields import optional, said, there
from natkeeper.alibaba.lean_imports import lean
from natkeeper.domain.ids import EipId, EntryId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import Eip, EipStatus, EntryStatus, HopKind, NatGateway, NextHop, RouteEntry
from natkeeper.ports import (
    AssociateEip,
    CreateRoute,
    DeleteRoute,
    FailureKind,
    FailureSubject,
    NoteRoute,
    PointRoute,
    UnassociateEip,
)

with lean("alibabacloud_vpc20160428"):
    from alibabacloud_vpc20160428 import models
    from alibabacloud_vpc20160428.client import Client

ENTRIES_PER_PAGE = 100
EIPS_PER_CALL = 50
"""DescribeEipAddresses takes this many AllocationIds, separated by commas."""
DESTINATIONS_PER_CALL = 200
"""DescribeRouteEntryList takes this many destinations in DestCidrBlockList."""
_FILTER = "DestCidrBlockList"
_NO_FILTER = re.compile(r"(Invalid|Illegal|Unsupported)(Param|DestCidr)")
"""Codes that say the API does not know the filter (unconfirmed; the metadata has the parameter)."""
_ECS = "EcsInstance"
_CHANGING = ("Modifying", "Converting")
"""States of a NAT Gateway that work, or do not: nothing is published."""


# ---- routes ----------------------------------------------------------------------------------------------


def read_routes(attempt: Attempt, table: TableId, destinations: Sequence[str] = ()) -> tuple[RouteEntry, ...]:
    """Read the custom entries of `table`, or only those for `destinations` (DescribeRouteEntryList, all pages).

    Where an account's API refuses the filter, or does not heed it, the whole table is read: more than was asked for.
    """
    if not destinations or _FILTER in attempt.clients.unsupported:
        return _read_entries(attempt, table, ())
    wanted = tuple(dict.fromkeys(destinations))
    entries: list[RouteEntry] = []
    for first in range(0, len(wanted), DESTINATIONS_PER_CALL):
        some = wanted[first : first + DESTINATIONS_PER_CALL]
        try:
            entries += _read_entries(attempt, table, some)
        except Exception as error:
            if not _NO_FILTER.match(code_of(error)):
                raise
            attempt.clients.unsupported.add(_FILTER)
            return read_routes(attempt, table)
    return tuple(entries)


def _read_entries(attempt: Attempt, table: TableId, destinations: Sequence[str]) -> tuple[RouteEntry, ...]:
    request = models.DescribeRouteEntryListRequest(
        region_id=attempt.region, route_table_id=table, route_entry_type="Custom", max_result=ENTRIES_PER_PAGE
    )
    if destinations:
        request.dest_cidr_block_list = list(destinations)
    entries: list[RouteEntry] = []
    while True:
        answer = attempt.clients.client(Client).describe_route_entry_list_with_options(request, attempt.options())
        body = there(answer.body, "body")
        page = there(there(body.route_entrys, "RouteEntrys").route_entry, "RouteEntrys.RouteEntry")
        entries += [_entry(item, table) for item in page]
        if not body.next_token:
            return tuple(entries)
        request.next_token = body.next_token


def point_route(attempt: Attempt, call: PointRoute) -> None:
    """Change next hop and memory in one request (ModifyRouteEntry).

    The platform refuses to set the hop that is set already. Then this request, or an earlier one of ours whose
    answer was lost, has nothing left to do but the memory, which the refused request did not write.
    """
    request = models.ModifyRouteEntryRequest(
        region_id=attempt.region,
        route_table_id=call.table,
        destination_cidr_block=call.destination,
        new_next_hop_type=_hop_type(call.to),
        new_next_hop_id=call.to.id,
    )
    _put_words(request, call)
    try:
        _modify(attempt, request)
    except Exception as error:
        if code_of(error) != NEXT_HOP_EXISTS:
            raise
        if call.description:
            note_route(attempt, NoteRoute(call.vpc, call.table, call.destination, call.name, call.description))


def note_route(attempt: Attempt, call: NoteRoute) -> None:
    """Write the memory alone (ModifyRouteEntry without a next hop)."""
    request = models.ModifyRouteEntryRequest(
        region_id=attempt.region,
        route_table_id=call.table,
        destination_cidr_block=call.destination,
        route_entry_name=call.name,
        description=call.description,
    )
    _modify(attempt, request)


def _modify(attempt: Attempt, request: models.ModifyRouteEntryRequest) -> None:
    """Send the request; where the name alone is refused, again without it: the description is the memory."""
    client = attempt.clients.client(Client)
    try:
        client.modify_route_entry_with_options(request, attempt.options(WRITE_S))
    except Exception as error:
        if code_of(error) != NAME_REFUSED or not request.route_entry_name:
            raise
        request.route_entry_name = None  # type: ignore[assignment]  # left out of the request
        client.modify_route_entry_with_options(request, attempt.options(WRITE_S))


def create_route(attempt: Attempt, call: CreateRoute) -> None:
    """Create an entry (CreateRouteEntry); one that is there already and goes the same way is as good."""
    request = models.CreateRouteEntryRequest(
        region_id=attempt.region,
        route_table_id=call.table,
        destination_cidr_block=call.destination,
        next_hop_type=_hop_type(call.to),
        next_hop_id=call.to.id,
        client_token=call.token,
    )
    _put_words(request, call)
    try:
        _create(attempt, request)
    except Exception as error:
        if code_of(error) not in DUPLICATE_ROUTE:
            raise
        there_already = [entry for entry in read_routes(attempt, call.table) if entry.destination == call.destination]
        if not any(entry.next_hop == call.to for entry in there_already):
            raise


def _create(attempt: Attempt, request: models.CreateRouteEntryRequest) -> None:
    """Send the request; where the name alone is refused, again without it, as another request than the first."""
    client = attempt.clients.client(Client)
    try:
        client.create_route_entry_with_options(request, attempt.options(WRITE_S))
    except Exception as error:
        if code_of(error) != NAME_REFUSED or not request.route_entry_name:
            raise
        request.route_entry_name = None  # type: ignore[assignment]  # left out of the request
        request.client_token = f"{request.client_token[: LONGEST_TOKEN - 2]}-n"
        client.create_route_entry_with_options(request, attempt.options(WRITE_S))


def delete_route(attempt: Attempt, call: DeleteRoute) -> None:
    """Delete an entry (DeleteRouteEntry); one that is gone is deleted."""
    request = models.DeleteRouteEntryRequest(region_id=attempt.region, route_entry_id=call.entry)
    try:
        attempt.clients.client(Client).delete_route_entry_with_options(request, attempt.options(WRITE_S))
    except Exception as error:
        if meaning_of(code_of(error)) != (FailureKind.GONE, FailureSubject.ENTRY):
            raise


def _put_words(
    request: models.ModifyRouteEntryRequest | models.CreateRouteEntryRequest, call: PointRoute | CreateRoute
) -> None:
    """Add name and description; without them the platform leaves what is there."""
    if call.name:
        request.route_entry_name = call.name
    if call.description:
        request.description = call.description


_OTHER_WORDS = {"Creating": "Pending", "Created": "Available", "Unavailable": "Available"}
"""Words of an entry's status that are not in the enumeration of DescribeRouteEntryList: those of CreateRouteEntry's own
text, and one that an entry may have while its next hop is stopped. Nothing is under way then, so it can be changed, and
the next hop is judged by its own state."""


def _entry(item: models.DescribeRouteEntryListResponseBodyRouteEntrysRouteEntry, table: TableId) -> RouteEntry:
    listed = optional(item.next_hops)
    hops = listed.next_hop if listed else None
    return RouteEntry(
        id=EntryId(said(there(item.route_entry_id, "RouteEntryId"), "RouteEntryId")),
        table=TableId(said(item.route_table_id, "RouteTableId") or table),
        destination=said(there(item.destination_cidr_block, "DestinationCidrBlock"), "DestinationCidrBlock"),
        next_hop=_hop(hops[0]) if hops and len(hops) == 1 else None,
        status=_entry_status(item.status),
        description=said(item.description, "Description"),
        name=said(item.route_entry_name, "RouteEntryName"),
    )


def _hop(item: models.DescribeRouteEntryListResponseBodyRouteEntrysRouteEntryNextHopsNextHop) -> NextHop:
    try:
        kind = HopKind(said(item.next_hop_type, "NextHopType"))
    except ValueError:
        kind = HopKind.OTHER
    return NextHop(kind, said(item.next_hop_id, "NextHopId"))


def _hop_type(hop: NextHop) -> str:
    if hop.kind in (HopKind.OTHER, HopKind.HA_VIP):
        raise RefusedError(f"natkeeper sets no next hop of the kind of {hop.id}")
    return str(hop.kind.value)


def _entry_status(word: str | None) -> EntryStatus:
    try:
        return EntryStatus(_OTHER_WORDS.get(word or "", word))
    except ValueError:
        return EntryStatus.UNKNOWN


# ---- addresses -------------------------------------------------------------------------------------------


def read_eips(attempt: Attempt, ids: Sequence[EipId]) -> dict[EipId, Eip]:
    """Read up to 50 EIPs (DescribeEipAddresses); those that do not exist are not in the answer."""
    request = models.DescribeEipAddressesRequest(
        region_id=attempt.region, allocation_id=",".join(ids), page_size=EIPS_PER_CALL, page_number=1
    )
    answer = attempt.clients.client(Client).describe_eip_addresses_with_options(request, attempt.options())
    listed = there(there(there(answer.body, "body").eip_addresses, "EipAddresses").eip_address, "EipAddress")
    eips = [_eip(item) for item in listed]
    return {eip.id: eip for eip in eips if eip.id in ids}


def associate_eip(attempt: Attempt, call: AssociateEip) -> None:
    """Bind an EIP to an instance (AssociateEipAddress); one that is there, or on its way, is bound."""
    request = models.AssociateEipAddressRequest(
        region_id=attempt.region, allocation_id=call.eip, instance_id=call.to, instance_type=_ECS
    )
    try:
        attempt.clients.client(Client).associate_eip_address_with_options(request, attempt.options(WRITE_S))
    except Exception as error:
        eip = _after_refusal(attempt, call.eip, error)
        if eip is None or eip.holder != call.to or eip.status not in (EipStatus.IN_USE, EipStatus.ASSOCIATING):
            raise


def unassociate_eip(attempt: Attempt, call: UnassociateEip) -> None:
    """Take an EIP off an instance (UnassociateEipAddress); one that `holder` does not hold any more is off."""
    request = models.UnassociateEipAddressRequest(
        region_id=attempt.region, allocation_id=call.eip, instance_id=call.holder, instance_type=_ECS
    )
    try:
        attempt.clients.client(Client).unassociate_eip_address_with_options(request, attempt.options(WRITE_S))
    except Exception as error:
        eip = _after_refusal(attempt, call.eip, error)
        if eip is None or (eip.holder == call.holder and eip.status is not EipStatus.UNASSOCIATING):
            raise


def _after_refusal(attempt: Attempt, eip: EipId, error: Exception) -> Eip | None:
    """Look at the EIP when its state may be why a write was refused; None when that cannot be, or it is not there."""
    code = code_of(error)
    if not code or kind_of(code) not in (FailureKind.BUSY, FailureKind.REFUSED, FailureKind.GONE):
        return None
    return read_eips(attempt, (eip,)).get(eip)


def _eip(item: models.DescribeEipAddressesResponseBodyEipAddressesEipAddress) -> Eip:
    try:
        status = EipStatus(item.status)
    except ValueError:
        status = EipStatus.UNKNOWN
    return Eip(
        id=EipId(said(there(item.allocation_id, "AllocationId"), "AllocationId")),
        address=said(item.ip_address, "IpAddress"),
        status=status,
        holder=InstanceId(said(item.instance_id, "InstanceId")) if item.instance_id else None,
    )


# ---- managed NAT -----------------------------------------------------------------------------------------


def read_nat_gateway(attempt: Attempt, gateway: NatGatewayId) -> NatGateway | None:
    """Read a managed NAT Gateway (DescribeNatGateways); None when it does not exist."""
    request = models.DescribeNatGatewaysRequest(region_id=attempt.region, nat_gateway_id=gateway)
    answer = attempt.clients.client(Client).describe_nat_gateways_with_options(request, attempt.options())
    listed = there(there(there(answer.body, "body").nat_gateways, "NatGateways").nat_gateway, "NatGateway")
    for item in listed:
        if item.nat_gateway_id == gateway:
            status, business = said(item.status, "Status"), said(item.business_status, "BusinessStatus")
            return NatGateway(
                gateway,
                available=status == "Available",
                changing=status if status in _CHANGING else "",
                locked="" if business in ("", "Normal") else business,
            )
    return None
