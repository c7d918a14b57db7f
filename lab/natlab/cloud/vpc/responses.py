"""What do answers of the Vpc product look like?  Records in, JSON in the shape of the API metadata out."""

from __future__ import annotations

from collections.abc import Mapping

from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.rpc import JsonObject
from natlab.cloud.vpc.models import Eip, NatGateway, RouteEntry, RouteTable, SnatEntry, Vpc, VpcState, VSwitch

_BANDWIDTH_MBPS = "100"


class VpcRenderer:
    """Renders records as they were at `as_of` (None: as they are)."""

    def __init__(self, state: VpcState, region: str, account_id: str, as_of: float | None) -> None:
        self.state = state
        self.region = region
        self.owner = int(account_id)
        self.as_of = as_of

    def vpc(self, vpc: Vpc) -> JsonObject:
        return {
            "VpcId": vpc.id,
            "VpcName": vpc.name,
            "Description": "",
            "Status": "Available",
            "CidrBlock": vpc.cidr,
            "SecondaryCidrBlocks": {"SecondaryCidrBlock": []},
            "UserCidrs": {"UserCidr": []},
            "VRouterId": vpc.router_id,
            "RegionId": self.region,
            "OwnerId": self.owner,
            "IsDefault": False,
            "EnabledIpv6": False,
            "CreationTime": utc(vpc.created),
            "ResourceGroupId": "",
            "VSwitchIds": {"VSwitchId": [vswitch.id for vswitch in self.vswitches_of(vpc.id)]},
            "Tags": {"Tag": []},
        }

    def vpc_in_list(self, vpc: Vpc) -> JsonObject:
        gateways = self.state.nat_gateways.as_of(self.as_of).values()
        tables = self.state.tables.as_of(self.as_of).values()
        return {
            **self.vpc(vpc),
            "CenStatus": "Detached",
            "RouterTableIds": {"RouterTableIds": [table.id for table in tables if table.vpc_id == vpc.id]},
            "NatGatewayIds": {"NatGatewayIds": [gateway.id for gateway in gateways if gateway.vpc_id == vpc.id]},
        }

    def vpc_attribute(self, vpc: Vpc) -> JsonObject:
        counts: Mapping[str, int] = {
            "VSwitch": len(self.vswitches_of(vpc.id)),
            "RouteTable": sum(table.vpc_id == vpc.id for table in self.state.tables.as_of(self.as_of).values()),
        }
        return {
            **self.vpc(vpc),
            "ClassicLinkEnabled": False,
            "CloudResources": {
                "CloudResourceSetType": [
                    {"ResourceType": kind, "ResourceCount": count} for kind, count in counts.items()
                ]
            },
        }

    def vswitches_of(self, vpc_id: str) -> list[VSwitch]:
        """The vSwitches of a VPC."""
        vswitches = self.state.vswitches.as_of(self.as_of).values()
        return [vswitch for vswitch in vswitches if vswitch.vpc_id == vpc_id]

    def vswitch(self, vswitch: VSwitch) -> JsonObject:
        return {
            "VSwitchId": vswitch.id,
            "VSwitchName": vswitch.name,
            "Description": "",
            "VpcId": vswitch.vpc_id,
            "CidrBlock": vswitch.cidr,
            "ZoneId": vswitch.zone,
            "Status": "Available",
            "AvailableIpAddressCount": 250,
            "CreationTime": utc(vswitch.created),
            "EnabledIpv6": False,
            "IsDefault": False,
            "OwnerId": self.owner,
            "ResourceGroupId": "",
            "RouteTable": {
                "RouteTableId": vswitch.table_id,
                "RouteTableType": self.state.tables.as_of(self.as_of)[vswitch.table_id].kind,
            },
            "Tags": {"Tag": []},
        }

    def _bound_vswitches(self, table: RouteTable) -> list[str]:
        vswitches = self.state.vswitches.as_of(self.as_of).values()
        return [vswitch.id for vswitch in vswitches if vswitch.table_id == table.id]

    def table_in_list(self, table: RouteTable) -> JsonObject:
        return {
            "RouteTableId": table.id,
            "RouteTableName": table.name,
            "RouteTableType": table.kind,
            "AssociateType": "VSwitch",
            "Description": "",
            "RouterId": self._router(table),
            "RouterType": "VRouter",
            "VpcId": table.vpc_id,
            "Status": "Available",
            "CreationTime": utc(table.created),
            "OwnerId": self.owner,
            "ResourceGroupId": "",
            "RoutePropagationEnable": True,
            "VSwitchIds": {"VSwitchId": self._bound_vswitches(table)},
            "GatewayIds": {"GatewayIds": []},
            "Tags": {"Tag": []},
        }

    def table(self, table: RouteTable) -> JsonObject:
        entries = self.state.routes.as_of(self.as_of).values()
        return {
            "RouteTableId": table.id,
            "RouteTableType": table.kind,
            "VRouterId": self._router(table),
            "Status": "Available",
            "CreationTime": utc(table.created),
            "ResourceGroupId": "",
            "VSwitchIds": {"VSwitchId": self._bound_vswitches(table)},
            "RouteEntrys": {
                "RouteEntry": [
                    {
                        "RouteTableId": entry.table_id,
                        "RouteEntryId": entry.id,
                        "RouteEntryName": entry.name,
                        "Description": entry.description,
                        "DestinationCidrBlock": entry.destination,
                        "Type": _type(entry),
                        "Status": entry.status.value,
                        "InstanceId": entry.next_hop.id,
                        "NextHopType": entry.next_hop.kind,
                        "NextHops": {
                            "NextHop": [
                                {
                                    "NextHopId": entry.next_hop.id,
                                    "NextHopType": entry.next_hop.kind,
                                    "Enabled": 1,
                                    "Weight": 0,
                                }
                            ]
                        },
                    }
                    for entry in entries
                    if entry.table_id == table.id
                ]
            },
        }

    def _router(self, table: RouteTable) -> str:
        return self.state.vpcs[table.vpc_id].router_id

    def route(self, entry: RouteEntry, status: str) -> JsonObject:
        """An entry as lists show it, with `status` in the words of this platform."""
        return {
            "RouteTableId": entry.table_id,
            "RouteEntryId": entry.id,
            "RouteEntryName": entry.name,
            "Description": entry.description,
            "DestinationCidrBlock": entry.destination,
            "IpVersion": "IPv4",
            "Type": _type(entry),
            "Origin": "",
            "Status": status,
            "GmtModified": utc(entry.modified),
            "NextHops": {
                "NextHop": [
                    {
                        "NextHopId": entry.next_hop.id,
                        "NextHopType": entry.next_hop.kind,
                        "NextHopRegionId": self.region,
                        "Enabled": 1,
                        "Weight": 0,
                    }
                ]
            },
        }

    def eip(self, eip: Eip) -> JsonObject:
        return {
            "AllocationId": eip.id,
            "IpAddress": eip.address,
            "Name": eip.name,
            "Description": "",
            "Status": eip.status.value,
            "InstanceId": eip.target_id,
            "InstanceType": eip.target_type,
            "InstanceRegionId": self.region if eip.target_id else "",
            "PrivateIpAddress": "",
            "Bandwidth": _BANDWIDTH_MBPS,
            "EipBandwidth": _BANDWIDTH_MBPS,
            "InternetChargeType": "PayByTraffic",
            "ChargeType": "PostPaid",
            "BusinessStatus": "Normal",
            "Mode": "NAT",
            "Netmode": "public",
            "ISP": "BGP",
            "RegionId": self.region,
            "ResourceGroupId": "",
            "AllocationTime": utc(eip.created),
            "ExpiredTime": "",
            "DeletionProtection": False,
            "ServiceManaged": 0,
            "OperationLocks": {"LockReason": []},
            "Tags": {"Tag": []},
        }

    def nat_gateway(self, gateway: NatGateway, bound: Eip | None) -> JsonObject:
        snat = [
            entry for entry in self.state.snat_entries.as_of(self.as_of).values() if entry.nat_gateway_id == gateway.id
        ]
        zone = self.state.vswitches[gateway.vswitch_id].zone
        address = {
            "AllocationId": bound.id if bound else "",
            "IpAddress": bound.address if bound else "",
            "PrivateIpAddress": gateway.private_ip,
            "SnatEntryEnabled": bool(snat),
            "UsingStatus": "UsedBySnatTable" if snat else "Idle",
        }
        return {
            "NatGatewayId": gateway.id,
            "Name": gateway.name,
            "Description": "",
            "VpcId": gateway.vpc_id,
            "RegionId": self.region,
            "Status": gateway.status,
            "BusinessStatus": gateway.business,
            "NatType": "Enhanced",
            "NetworkType": "internet",
            "InstanceChargeType": "PostPaid",
            "InternetChargeType": "PayByLcu",
            "Spec": "",
            "CreationTime": utc(gateway.created),
            "ExpiredTime": "",
            "AutoPay": False,
            "DeletionProtection": False,
            "EcsMetricEnabled": False,
            "EipBindMode": "MULTI_BINDED",
            "ResourceGroupId": "",
            "SnatTableIds": {"SnatTableId": [gateway.snat_table_id]},
            "ForwardTableIds": {"ForwardTableId": [gateway.forward_table_id]},
            "IpLists": {"IpList": [address] if bound else []},
            "NatGatewayPrivateInfo": {
                "VswitchId": gateway.vswitch_id,
                "IzNo": zone,
                "PrivateIpAddress": gateway.private_ip,
                "EniInstanceId": gateway.eni_id,
            },
            "Tags": {"Tag": []},
        }

    def snat_entry(self, entry: SnatEntry) -> JsonObject:
        return {
            "SnatEntryId": entry.id,
            "SnatEntryName": entry.name,
            "SnatTableId": entry.snat_table_id,
            "NatGatewayId": entry.nat_gateway_id,
            "SnatIp": entry.ip,
            "SourceCIDR": entry.source_cidr,
            "SourceVSwitchId": entry.source_vswitch_id,
            "Status": entry.status,
        }


def _type(entry: RouteEntry) -> str:
    return "Custom" if entry.custom else "System"
