"""Which operations does the Vpc product offer, with which parameters?  One table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.offered import Offer, offered
from natlab.cloud.kernel.rpc import RpcService
from natlab.cloud.vpc.arns import resources
from natlab.cloud.vpc.models import VpcState
from natlab.cloud.vpc.networks import Networks
from natlab.cloud.vpc.operations import VpcHandlers

if TYPE_CHECKING:
    from natlab.cloud.vpc.context import VpcContext

VERSION = "2016-04-28"


def _offers(do: VpcHandlers) -> Mapping[str, Offer]:
    return {
        "DescribeVpcs": Offer(do.describe_vpcs, "PageNumber PageSize VpcId VpcName"),
        "DescribeVpcAttribute": Offer(do.describe_vpc_attribute),
        "DescribeVSwitches": Offer(
            do.describe_vswitches, "PageNumber PageSize RegionId RouteTableId VSwitchId VSwitchName VpcId ZoneId"
        ),
        "DescribeVSwitchAttributes": Offer(do.describe_vswitch_attributes, "RegionId"),
        "DescribeRouteTableList": Offer(
            do.describe_route_table_list,
            "PageNumber PageSize RouteTableId RouteTableName RouteTableType RouterId VpcId",
        ),
        "DescribeRouteTables": Offer(
            do.describe_route_tables, "PageNumber PageSize RegionId RouteTableId RouteTableName RouterId VRouterId"
        ),
        "AssociateRouteTable": Offer(
            do.associate_route_table, "ClientToken", writes=True, missing={"VSwitchId": "MissingParam.VSwitchId"}
        ),
        "DescribeRouteEntryList": Offer(
            do.describe_route_entry_list,
            "DestCidrBlockList DestinationCidrBlock IpVersion MaxResult NextHopId NextHopType "
            "NextToken RouteEntryId RouteEntryName RouteEntryType",
        ),
        "CreateRouteEntry": Offer(
            do.create_route_entry,
            "ClientToken Description DryRun NextHopId NextHopList NextHopType RegionId RouteEntryName",
            writes=True,
            missing={"RouteTableId": "MissingParameter", "DestinationCidrBlock": "MissingParameter"},
        ),
        "ModifyRouteEntry": Offer(
            do.modify_route_entry,
            "Description DestinationCidrBlock DryRun NewNextHopId NewNextHopType RouteEntryId "
            "RouteEntryName RouteTableId",
            writes=True,
        ),
        "DeleteRouteEntry": Offer(
            do.delete_route_entry,
            "DestinationCidrBlock DryRun NextHopId RegionId RouteEntryId RouteTableId",
            writes=True,
        ),
        "AllocateEipAddress": Offer(
            do.allocate_eip_address, "Bandwidth ClientToken InternetChargeType Name", writes=True
        ),
        "DescribeEipAddresses": Offer(
            do.describe_eip_addresses,
            "AllocationId AssociatedInstanceId AssociatedInstanceType EipAddress EipName PageNumber PageSize Status",
        ),
        "AssociateEipAddress": Offer(
            do.associate_eip_address,
            "ClientToken InstanceType RegionId",
            writes=True,
            missing={"InstanceId": "MissingParam.InstanceId"},
        ),
        "UnassociateEipAddress": Offer(
            do.unassociate_eip_address, "ClientToken Force InstanceId InstanceType RegionId", writes=True
        ),
        "DescribeNatGateways": Offer(do.describe_nat_gateways, "Name NatGatewayId PageNumber PageSize Status VpcId"),
        "DescribeSnatTableEntries": Offer(
            do.describe_snat_table_entries,
            "NatGatewayId PageNumber PageSize SnatEntryId SnatIp SnatTableId SourceCIDR SourceVSwitchId",
        ),
        "CreateSnatEntry": Offer(
            do.create_snat_entry, "ClientToken SnatEntryName SnatIp SourceCIDR SourceVSwitchId", writes=True
        ),
    }


def service(cloud: VpcContext, state: VpcState, networks: Networks) -> RpcService:
    """The product as the server sees it."""
    handlers = VpcHandlers(cloud, state, networks)
    on = resources(state)
    operations = {name: replace(one, on=on.get(name)) for name, one in offered("vpc", _offers(handlers)).items()}
    return RpcService(cloud, "vpc", "Vpc", VERSION, operations, networks.reset)
