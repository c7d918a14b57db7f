"""What does each operation of the Vpc product do with its parameters?

Handlers translate between the wire and the product; what happens is in routing.py and addresses.py.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.paging import by_token, numbered
from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.rpc import JsonObject, RpcCall
from natlab.cloud.vpc import exceptions
from natlab.cloud.vpc.models import EipStatus, NextHop, RouteEntry, VpcState
from natlab.cloud.vpc.networks import Networks
from natlab.cloud.vpc.responses import VpcRenderer

if TYPE_CHECKING:
    from natlab.cloud.vpc.context import VpcContext

MOST_EIPS = 50
"""AllocationIds that one DescribeEipAddresses takes."""

_EIP_TARGETS = ("EcsInstance", "SlbInstance", "Nat", "HaVip", "NetworkInterface", "IpAddress")
"""What an EIP can be bound to (DescribeEipAddresses); only the first and the third exist here."""


class VpcHandlers:
    """One method per operation."""

    def __init__(self, cloud: VpcContext, state: VpcState, networks: Networks) -> None:
        self._cloud = cloud
        self._state = state
        self._networks = networks
        self._routing = networks.routing
        self._addresses = networks.addresses

    def _render(self, call: RpcCall) -> VpcRenderer:
        return VpcRenderer(self._state, self._cloud.region, self._cloud.account_id, call.as_of)

    # -------------------------------------------------------------------- VPCs and vSwitches

    def describe_vpcs(self, call: RpcCall) -> JsonObject:
        wanted = _ids(call, "VpcId")
        name = call.values.text("VpcName")
        found = [
            vpc
            for vpc in self._state.vpcs.as_of(call.as_of).values()
            if (not wanted or vpc.id in wanted) and name in ("", vpc.name)
        ]
        page, about = numbered(found, call.values)
        render = self._render(call)
        return {**about, "Vpcs": {"Vpc": [render.vpc_in_list(vpc) for vpc in page]}}

    def describe_vpc_attribute(self, call: RpcCall) -> JsonObject:
        vpc = self._state.vpcs.as_of(call.as_of).get(call.values.text("VpcId"))
        if vpc is None:
            raise ApiError("InvalidVpcId.NotFound", "Specified VPC does not exist.", 404)
        return self._render(call).vpc_attribute(vpc)

    def describe_vswitches(self, call: RpcCall) -> JsonObject:
        values = call.values
        wanted = _ids(call, "VSwitchId")
        found = [
            vswitch
            for vswitch in self._state.vswitches.as_of(call.as_of).values()
            if (not wanted or vswitch.id in wanted)
            and values.text("VpcId") in ("", vswitch.vpc_id)
            and values.text("ZoneId") in ("", vswitch.zone)
            and values.text("RouteTableId") in ("", vswitch.table_id)
            and values.text("VSwitchName") in ("", vswitch.name)
        ]
        page, about = numbered(found, values)
        render = self._render(call)
        return {**about, "VSwitches": {"VSwitch": [render.vswitch(vswitch) for vswitch in page]}}

    def describe_vswitch_attributes(self, call: RpcCall) -> JsonObject:
        vswitch = self._state.vswitches.as_of(call.as_of).get(call.values.text("VSwitchId"))
        if vswitch is None:
            raise ApiError("InvalidVSwitchId.NotFound", "The specified vSwitch does not exist.", 400)
        return self._render(call).vswitch(vswitch)

    # -------------------------------------------------------------------- Route tables

    def describe_route_table_list(self, call: RpcCall) -> JsonObject:
        values = call.values
        found = [
            table
            for table in self._state.tables.as_of(call.as_of).values()
            if values.text("RouteTableId") in ("", table.id)
            and values.text("VpcId") in ("", table.vpc_id)
            and values.text("RouteTableName") in ("", table.name)
            and values.text("RouteTableType") in ("", table.kind)
            and values.text("RouterId") in ("", self._state.vpcs[table.vpc_id].router_id)
        ]
        page, about = numbered(found, values)
        render = self._render(call)
        return {
            **about,
            "RouterTableList": {"RouterTableListType": [render.table_in_list(table) for table in page]},
        }

    def describe_route_tables(self, call: RpcCall) -> JsonObject:
        values = call.values
        router = values.text("VRouterId") or values.text("RouterId")
        found = [
            table
            for table in self._state.tables.as_of(call.as_of).values()
            if values.text("RouteTableId") in ("", table.id)
            and values.text("RouteTableName") in ("", table.name)
            and router in ("", self._state.vpcs[table.vpc_id].router_id)
        ]
        page, about = numbered(found, values)
        render = self._render(call)
        return {**about, "RouteTables": {"RouteTable": [render.table(table) for table in page]}}

    def associate_route_table(self, call: RpcCall) -> JsonObject:
        table = self._state.tables.get(call.values.text("RouteTableId"))
        vswitch = self._state.vswitches.get(call.values.text("VSwitchId"))
        if table is None:
            raise exceptions.no_such_table(modify=False)
        if vswitch is None:
            raise exceptions.no_such_vswitch()
        if table.vpc_id != vswitch.vpc_id:
            raise ApiError("Forbidden.NotInSameVpc", "The route table and the vSwitch are in different VPCs.")
        if table.kind == "System":
            raise ApiError("OperationDenied.SwitchToSystemRouteTable", "Use UnassociateRouteTable to go back to it.")
        if vswitch.table_id == table.id:
            raise ApiError("ResourceAlreadyAssociated.RouteTable", "They are associated already.")
        self._cloud.clock.call_later(
            self._cloud.latencies.of("vpc.associate_route_table.task"),
            lambda: self._networks.attach_table(vswitch.id, table.id),
        )
        return {}

    # -------------------------------------------------------------------- Route entries

    def describe_route_entry_list(self, call: RpcCall) -> JsonObject:
        values = call.values
        table_id = values.text("RouteTableId")
        if table_id not in self._state.tables.as_of(call.as_of):
            raise exceptions.no_such_table(modify=True)
        kind = values.text("RouteEntryType")
        if kind not in ("", "Custom", "System", "BGP", "CEN", "ECR"):
            raise ApiError("IllegalParam.RouteEntryType", "The param of RouteEntryType is illegal.")
        if values.text("IpVersion").lower() not in ("", "ipv4", "ipv6"):
            raise ApiError("IllegalParam.IpVersion", "The param of IpVersion is illegal.")
        destinations = self._destinations(values)
        if kind == "System" and values.text("RouteEntryName"):
            raise ApiError("OperationFailed.FilterParamUnderWrongRouteType", "A system entry has no name.")
        found = [
            entry
            for entry in self._state.routes.as_of(call.as_of).values()
            if entry.table_id == table_id
            and kind in ("", "Custom" if entry.custom else "System")
            and (not destinations or entry.destination in destinations)
            and values.text("RouteEntryId") in ("", entry.id)
            and values.text("RouteEntryName") in ("", entry.name)
            and values.text("NextHopId") in ("", entry.next_hop.id)
            and values.text("NextHopType") in ("", entry.next_hop.kind)
            and values.text("IpVersion").lower() in ("", "ipv4")
        ]
        shown = [(entry, status) for entry in found if (status := self._routing.shown_status(entry))]
        size = values.integer("MaxResult", 100)
        page, token = by_token(shown, values.text("NextToken"), size, "IllegalParam.NextToken")
        render = self._render(call)
        return {"NextToken": token, "RouteEntrys": {"RouteEntry": [render.route(*each) for each in page]}}

    def _destinations(self, values: Values) -> set[str]:
        """The destinations that an answer is to be about; none for all of them."""
        wanted = {*values.texts("DestCidrBlockList"), values.text("DestinationCidrBlock")} - {""}
        if wanted and self._cloud.readings.is_("route-filters", "refused"):
            raise ApiError("InvalidDestCidrBlockList", "Specified parameter DestCidrBlockList is not valid.")
        return set() if self._cloud.readings.is_("route-filters", "ignored") else wanted

    def create_route_entry(self, call: RpcCall) -> JsonObject:
        values = call.values
        answered = self._answered(call)
        if answered is not None:
            return answered
        hops = values.structs("NextHopList")
        if len(hops) > 1:
            raise ApiError("OperationUnsupported.EcmpRiTypeOrNumber", "ECMP takes router interfaces only.")
        hop_id, kind = values.text("NextHopId"), values.text("NextHopType", "Instance")
        if hops:
            hop_id, kind = hops[0].get("NextHopId", ""), hops[0].get("NextHopType", "Instance")
        if not hop_id:
            raise ApiError("InvalidNexthopTypeAndList.BothNull", "NextHopId and NextHopList are both absent.")
        entry_id = self._routing.create(
            values.text("RouteTableId"),
            values.text("DestinationCidrBlock"),
            NextHop(kind, hop_id),
            values.text("RouteEntryName"),
            values.text("Description"),
            dry_run=values.boolean("DryRun"),
        )
        return self._remember(call, {"RouteEntryId": entry_id})

    def _answered(self, call: RpcCall) -> JsonObject | None:
        """What a token was answered with before; ApiError for another request, unless by a reading."""
        asked, answer = self._state.tokens.get((call.action, call.values.text("ClientToken")), (None, None))
        if answer is None:
            return None
        if asked != call.values.given and self._cloud.readings.is_("client-tokens", "one-request"):
            message = "The request uses the same client token as a previous, but non-identical request."
            raise ApiError("IdempotentParameterMismatch", message)
        return dict(answer)

    def _remember(self, call: RpcCall, answer: JsonObject) -> JsonObject:
        """Keep an answer for the case that its request is repeated with the same token."""
        token = call.values.text("ClientToken")
        if token:
            self._state.tokens[call.action, token] = (call.values.given, answer)
        return answer

    def modify_route_entry(self, call: RpcCall) -> JsonObject:
        values = call.values
        entry = self._entry_to_modify(call)
        kind, hop_id = values.text("NewNextHopType"), values.text("NewNextHopId")
        if hop_id and not kind:
            raise ApiError("MissingParam.NewNextHopType", "The parameter NewNextHopType is mandatory.")
        if kind and not hop_id:
            raise ApiError("MissingParam.NewNextHopId", "The parameter NewNextHopId is mandatory.")
        self._routing.modify(
            entry,
            NextHop(kind, hop_id) if hop_id else None,
            values.text("RouteEntryName") if "RouteEntryName" in values else None,
            values.text("Description") if "Description" in values else None,
            dry_run=values.boolean("DryRun"),
        )
        return {}

    def _entry_to_modify(self, call: RpcCall) -> RouteEntry:
        entry_id = call.values.text("RouteEntryId")
        if entry_id:
            entry = self._state.routes.get(entry_id)
            if entry is None:
                raise ApiError("InvalidRouteEntryId.NotFound", "Specified RouteEntryId does not exist.")
            return entry
        table_id, destination = call.values.text("RouteTableId"), call.values.text("DestinationCidrBlock")
        if not table_id or not destination:
            raise ApiError(
                "MissingParam.RouteEntryIdOrRouteTableDstCidr",
                "Either RouteEntryId, or RouteTableId and DestinationCidrBlock, must be given.",
            )
        if table_id not in self._state.tables:
            raise exceptions.no_such_table(modify=True)
        if not _is_network(destination):
            raise ApiError("IllegalParamFormat.DstCidrBlock", "The format of the CIDR block is invalid.")
        entry = self._state.entry(table_id, destination)
        if entry is None:
            raise ApiError("ResourceNotFound.RouteEntry", "The specified resource routeEntry is not found.")
        return entry

    def delete_route_entry(self, call: RpcCall) -> JsonObject:
        values = call.values
        entry_id, destination = values.text("RouteEntryId"), values.text("DestinationCidrBlock")
        if not entry_id and not (values.text("RouteTableId") and destination):
            raise ApiError("MissingParameter", "RouteEntryId, or RouteTableId and DestinationCidrBlock.")
        if entry_id:
            entry = self._state.routes.get(entry_id)
            if entry is None:
                raise ApiError("InvalidRouteEntryId.NotFound", "Specified RouteEntryId does not exist.")
        else:
            if values.text("RouteTableId") not in self._state.tables:
                raise exceptions.no_such_table(modify=False)
            if not _is_network(destination):
                raise ApiError("InvalidCidrBlock.Malformed", "Specified CIDR block is not valid.")
            entry = self._state.entry(values.text("RouteTableId"), destination)
        hop_id = values.text("NextHopId")
        if entry is None or (hop_id and hop_id != entry.next_hop.id):
            raise ApiError("InvalidRouteEntry.NotFound", "Specified route entry does not exist.")
        self._routing.delete(entry, dry_run=values.boolean("DryRun"))
        return {}

    # -------------------------------------------------------------------- Addresses

    def allocate_eip_address(self, call: RpcCall) -> JsonObject:
        answered = self._answered(call)
        if answered is not None:
            return answered
        eip = self._addresses.allocate(call.values.text("Name"))
        answer: JsonObject = {"AllocationId": eip.id, "EipAddress": eip.address, "ResourceGroupId": ""}
        return self._remember(call, answer)

    def describe_eip_addresses(self, call: RpcCall) -> JsonObject:
        values = call.values
        ids, addresses = _ids(call, "AllocationId"), _ids(call, "EipAddress")
        if len(ids) > MOST_EIPS:
            raise ApiError("InstanceIdLength.Exceed", "More EIPs are asked for than one request takes.")
        if values.text("Status") not in ("", *(status.value for status in EipStatus)):
            raise ApiError("InvalidStatus", "Specified parameter Status is not valid.")
        if values.text("AssociatedInstanceType") not in ("", *_EIP_TARGETS):
            message = "The AssociatedInstanceType is not supported."
            raise ApiError("InvalidIAssociatedInstanceType.ValueNotSupported", message)
        found = [
            eip
            for eip in self._state.eips.as_of(call.as_of).values()
            if (not ids or eip.id in ids)
            and (not addresses or eip.address in addresses)
            and values.text("Status") in ("", eip.status.value)
            and values.text("EipName") in ("", eip.name)
            and values.text("AssociatedInstanceId") in ("", eip.target_id)
            and values.text("AssociatedInstanceType") in ("", eip.target_type)
        ]
        page, about = numbered(found, values)
        render = self._render(call)
        return {**about, "EipAddresses": {"EipAddress": [render.eip(eip) for eip in page]}}

    def associate_eip_address(self, call: RpcCall) -> JsonObject:
        values = call.values
        self._addresses.associate(
            values.text("AllocationId"), values.text("InstanceId"), values.text("InstanceType", "EcsInstance")
        )
        return {}

    def unassociate_eip_address(self, call: RpcCall) -> JsonObject:
        values = call.values
        self._addresses.unassociate(values.text("AllocationId"), values.text("InstanceId"), values.text("InstanceType"))
        return {}

    # -------------------------------------------------------------------- NAT gateways

    def describe_nat_gateways(self, call: RpcCall) -> JsonObject:
        values = call.values
        found = [
            gateway
            for gateway in self._state.nat_gateways.as_of(call.as_of).values()
            if values.text("NatGatewayId") in ("", gateway.id)
            and values.text("VpcId") in ("", gateway.vpc_id)
            and values.text("Name") in ("", gateway.name)
            and values.text("Status") in ("", gateway.status)
        ]
        page, about = numbered(found, values)
        render = self._render(call)
        rendered = [render.nat_gateway(gateway, self._addresses.eip_of(gateway.id, call.as_of)) for gateway in page]
        return {**about, "NatGateways": {"NatGateway": rendered}}

    def describe_snat_table_entries(self, call: RpcCall) -> JsonObject:
        values = call.values
        if not values.text("SnatTableId") and not values.text("NatGatewayId"):
            raise ApiError("DESCRIBE_SNAT_PARAM_INVALID", "SnatTableId or NatGatewayId must be given.")
        tables = {gateway.snat_table_id for gateway in self._state.nat_gateways.as_of(call.as_of).values()}
        if values.text("SnatTableId") not in ("", *tables):
            raise ApiError("InvalidSnatTableId.NotFound", "Specified SNAT table does not exist.", 404)
        found = [
            entry
            for entry in self._state.snat_entries.as_of(call.as_of).values()
            if values.text("SnatTableId") in ("", entry.snat_table_id)
            and values.text("NatGatewayId") in ("", entry.nat_gateway_id)
            and values.text("SnatEntryId") in ("", entry.id)
            and values.text("SnatIp") in ("", entry.ip)
            and values.text("SourceCIDR") in ("", entry.source_cidr)
            and values.text("SourceVSwitchId") in ("", entry.source_vswitch_id)
        ]
        page, about = numbered(found, values)
        render = self._render(call)
        return {**about, "SnatTableEntries": {"SnatTableEntry": [render.snat_entry(entry) for entry in page]}}

    def create_snat_entry(self, call: RpcCall) -> JsonObject:
        values = call.values
        if not values.text("SnatIp"):
            raise ApiError("MissingParam.SnatIp", "The parameter SnatIp is mandatory.")
        if values.text("SourceCIDR") and values.text("SourceVSwitchId"):
            raise ApiError(
                "CreateSnatEntry.ParamExclusive.sourceVSwitchIdAndsourceCIDR",
                "SourceVSwitchId and SourceCIDR exclude each other.",
            )
        if values.text("SourceCIDR") and not _is_network(values.text("SourceCIDR")):
            raise ApiError("InvalidSourceCIDR.Malformed", "Specified SourceCIDR is not valid.")
        entry = self._addresses.put_snat_entry(
            values.text("SnatTableId"),
            values.text("SnatIp"),
            values.text("SourceCIDR"),
            values.text("SourceVSwitchId"),
            values.text("SnatEntryName"),
        )
        self._cloud.clock.call_later(
            self._cloud.latencies.of("vpc.create_snat_entry.task"),
            lambda: self._addresses.snat_available(entry.id),
        )
        return {"SnatEntryId": entry.id}


def _ids(call: RpcCall, name: str) -> set[str]:
    """A parameter that may hold several ids, separated by commas."""
    return {part.strip() for part in call.values.text(name).split(",") if part.strip()}


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
