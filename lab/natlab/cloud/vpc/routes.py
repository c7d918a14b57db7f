"""Which operations does the Vpc product offer, with which parameters?  One table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.paging import PAGE_NUMBER, PAGE_SIZE
from natlab.cloud.kernel.parameters import BOOLEAN, NEEDED, STRUCTS, TEXT, TEXTS, Parameter, integer, needed
from natlab.cloud.kernel.rpc import Operation, RpcService
from natlab.cloud.vpc.arns import resources
from natlab.cloud.vpc.models import State
from natlab.cloud.vpc.networks import Networks
from natlab.cloud.vpc.operations import Handlers

if TYPE_CHECKING:
    from natlab.cloud.vpc.context import VpcContext

VERSION = "2016-04-28"
_PAGES: Mapping[str, Parameter] = {"PageNumber": PAGE_NUMBER, "PageSize": PAGE_SIZE}


def _operations(do: Handlers) -> Mapping[str, Operation]:
    region = {"RegionId": NEEDED}
    return {
        "DescribeVpcs": Operation(do.describe_vpcs, {**region, **_PAGES, "VpcId": TEXT, "VpcName": TEXT}),
        "DescribeVpcAttribute": Operation(do.describe_vpc_attribute, {**region, "VpcId": NEEDED}),
        "DescribeVSwitches": Operation(
            do.describe_vswitches,
            {
                **_PAGES,
                "RegionId": TEXT,
                "VSwitchId": TEXT,
                "VSwitchName": TEXT,
                "VpcId": TEXT,
                "ZoneId": TEXT,
                "RouteTableId": TEXT,
            },
        ),
        "DescribeVSwitchAttributes": Operation(do.describe_vswitch_attributes, {"RegionId": TEXT, "VSwitchId": NEEDED}),
        "DescribeRouteTableList": Operation(
            do.describe_route_table_list,
            {
                **region,
                **_PAGES,
                "RouteTableId": TEXT,
                "RouteTableName": TEXT,
                "RouteTableType": TEXT,
                "RouterId": TEXT,
                "VpcId": TEXT,
            },
        ),
        "DescribeRouteTables": Operation(
            do.describe_route_tables,
            {
                **_PAGES,
                "RegionId": TEXT,
                "RouteTableId": TEXT,
                "RouteTableName": TEXT,
                "RouterId": TEXT,
                "VRouterId": TEXT,
            },
        ),
        "AssociateRouteTable": Operation(
            do.associate_route_table,
            {**region, "RouteTableId": NEEDED, "VSwitchId": needed("MissingParam.VSwitchId"), "ClientToken": TEXT},
            writes=True,
        ),
        "DescribeRouteEntryList": Operation(
            do.describe_route_entry_list,
            {
                **region,
                "RouteTableId": NEEDED,
                "DestCidrBlockList": TEXTS,
                "DestinationCidrBlock": TEXT,
                "IpVersion": TEXT,
                "MaxResult": integer(1, 500),
                "NextHopId": TEXT,
                "NextHopType": TEXT,
                "NextToken": TEXT,
                "RouteEntryId": TEXT,
                "RouteEntryName": TEXT,
                "RouteEntryType": TEXT,
            },
        ),
        "CreateRouteEntry": Operation(
            do.create_route_entry,
            {
                "RegionId": TEXT,
                "RouteTableId": needed("MissingParameter"),
                "DestinationCidrBlock": needed("MissingParameter"),
                "NextHopId": TEXT,
                "NextHopType": TEXT,
                "NextHopList": STRUCTS,
                "RouteEntryName": TEXT,
                "Description": TEXT,
                "ClientToken": TEXT,
                "DryRun": BOOLEAN,
            },
            writes=True,
        ),
        "ModifyRouteEntry": Operation(
            do.modify_route_entry,
            {
                **region,
                "RouteEntryId": TEXT,
                "RouteTableId": TEXT,
                "DestinationCidrBlock": TEXT,
                "NewNextHopId": TEXT,
                "NewNextHopType": TEXT,
                "RouteEntryName": TEXT,
                "Description": TEXT,
                "DryRun": BOOLEAN,
            },
            writes=True,
        ),
        "DeleteRouteEntry": Operation(
            do.delete_route_entry,
            {
                "RegionId": TEXT,
                "RouteEntryId": TEXT,
                "RouteTableId": TEXT,
                "DestinationCidrBlock": TEXT,
                "NextHopId": TEXT,
                "DryRun": BOOLEAN,
            },
            writes=True,
        ),
        "AllocateEipAddress": Operation(
            do.allocate_eip_address,
            {**region, "Name": TEXT, "ClientToken": TEXT, "Bandwidth": TEXT, "InternetChargeType": TEXT},
            writes=True,
        ),
        "DescribeEipAddresses": Operation(
            do.describe_eip_addresses,
            {
                **region,
                **_PAGES,
                "AllocationId": TEXT,
                "EipAddress": TEXT,
                "EipName": TEXT,
                "Status": TEXT,
                "AssociatedInstanceId": TEXT,
                "AssociatedInstanceType": TEXT,
            },
        ),
        "AssociateEipAddress": Operation(
            do.associate_eip_address,
            {
                "RegionId": TEXT,
                "AllocationId": NEEDED,
                "InstanceId": needed("MissingParam.InstanceId"),
                "InstanceType": TEXT,
                "ClientToken": TEXT,
            },
            writes=True,
        ),
        "UnassociateEipAddress": Operation(
            do.unassociate_eip_address,
            {
                "RegionId": TEXT,
                "AllocationId": NEEDED,
                "InstanceId": TEXT,
                "InstanceType": TEXT,
                "ClientToken": TEXT,
                "Force": BOOLEAN,
            },
            writes=True,
        ),
        "DescribeNatGateways": Operation(
            do.describe_nat_gateways,
            {**region, **_PAGES, "NatGatewayId": TEXT, "VpcId": TEXT, "Name": TEXT, "Status": TEXT},
        ),
        "DescribeSnatTableEntries": Operation(
            do.describe_snat_table_entries,
            {
                **region,
                **_PAGES,
                "SnatTableId": TEXT,
                "NatGatewayId": TEXT,
                "SnatEntryId": TEXT,
                "SnatIp": TEXT,
                "SourceCIDR": TEXT,
                "SourceVSwitchId": TEXT,
            },
        ),
        "CreateSnatEntry": Operation(
            do.create_snat_entry,
            {
                **region,
                "SnatTableId": NEEDED,
                "SnatIp": TEXT,
                "SnatEntryName": TEXT,
                "SourceCIDR": TEXT,
                "SourceVSwitchId": TEXT,
                "ClientToken": TEXT,
            },
            writes=True,
        ),
    }


def service(cloud: VpcContext, state: State, networks: Networks) -> RpcService:
    """The product as the server sees it."""
    handlers = Handlers(cloud, state, networks)
    on = resources(state)
    operations = {name: replace(one, on=on.get(name)) for name, one in _operations(handlers).items()}
    return RpcService(cloud, "vpc", "Vpc", VERSION, operations, networks.reset)
