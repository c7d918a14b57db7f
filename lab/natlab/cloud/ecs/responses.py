"""What do answers of the Ecs product look like?  Records in, JSON in the shape of the API metadata out.

Numeric codes beside names (EventType, HealthStatus, …) are assumed where Alibaba's examples show none; clients are
told to read the names.
"""

from __future__ import annotations

from natlab.cloud.ecs.models import (
    OPEN_EVENTS,
    EcsState,
    EventStatus,
    Instance,
    InstanceStatus,
    Interface,
    SecurityGroup,
    SystemEvent,
)
from natlab.cloud.kernel.events import utc, utc_minutes
from natlab.cloud.kernel.rpc import JsonObject
from natlab.cloud.vpc.models import Eip

_STATUS_CODES = {
    InstanceStatus.PENDING: 0,
    InstanceStatus.RUNNING: 1,
    InstanceStatus.STARTING: 2,
    InstanceStatus.STOPPING: 3,
    InstanceStatus.STOPPED: 4,
}
_EVENT_CODES = {
    EventStatus.SCHEDULED: 24,
    EventStatus.AVOIDED: 25,
    EventStatus.EXECUTING: 26,
    EventStatus.EXECUTED: 27,
    EventStatus.CANCELED: 28,
    EventStatus.FAILED: 29,
    EventStatus.INQUIRING: 32,
}
_HEALTH_CODES = {
    "Ok": 0, "Warning": 32, "Initializing": 64, "InsufficientData": 80, "NotApplicable": 96,
    "Maintaining": 128, "Impaired": 192,
}  # fmt: skip
_HEALTH_BY_STATE = {
    InstanceStatus.PENDING: "Initializing",
    InstanceStatus.STARTING: "Initializing",
    InstanceStatus.STOPPING: "NotApplicable",
    InstanceStatus.STOPPED: "NotApplicable",
}
_BANDWIDTH_MBPS = 100


class EcsRenderer:
    """Renders records as they were at `as_of` (None: as they are). `by_state`: see `health_of`."""

    def __init__(
        self, state: EcsState, region: str, account_id: str, as_of: float | None, *, by_state: bool = False
    ) -> None:
        self.by_state = by_state
        self.state = state
        self.region = region
        self.owner = account_id
        self.as_of = as_of

    def tags(self, resource_id: str) -> JsonObject:
        tags = self.state.tags.as_of(self.as_of).get(resource_id, {})
        return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}

    def instance(self, instance: Instance, eip: Eip | None) -> JsonObject:
        known = self.state.interfaces.as_of(self.as_of).values()
        interfaces = sorted((each for each in known if each.instance_id == instance.id), key=lambda each: each.kind)
        return {
            **self._common(instance, eip),
            "EipAddress": {**_eip(eip), "IsSupportUnassociate": eip is not None},
            "OperationLocks": {"LockReason": [{"LockReason": lock, "LockMsg": ""} for lock in instance.locks]},
            "StartTime": utc_minutes(instance.started),
            "SpotStrategy": "SpotAsPriceGo" if instance.spot else "NoSpot",
            "SpotPriceLimit": 0.0,
            "SpotDuration": 0,
            "SpotInterruptionBehavior": "Terminate" if instance.spot else "",
            "IoOptimized": True,
            "InstanceTypeFamily": "ecs.e",
            "OSType": "linux",
            "OSName": "Alibaba Cloud Linux 3",
            "OSNameEn": "Alibaba Cloud Linux 3",
            "DeletionProtection": False,
            "DeviceAvailable": True,
            "Recyclable": False,
            "ResourceGroupId": "",
            "NetworkInterfaces": {
                "NetworkInterface": [
                    {
                        "NetworkInterfaceId": interface.id,
                        "MacAddress": interface.mac,
                        "PrimaryIpAddress": address,
                        "Type": interface.kind,
                        "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": address, "Primary": True}]},
                    }
                    for interface in interfaces
                    for address in [interface.secondary_ip or instance.private_ip]
                ]
            },
            "Tags": self.tags(instance.id),
        }

    def instance_attribute(self, instance: Instance, eip: Eip | None) -> JsonObject:
        return {
            **self._common(instance, eip),
            "EipAddress": _eip(eip),
            "OperationLocks": {"LockReason": [{"LockReason": lock} for lock in instance.locks]},
            "IoOptimized": "optimized",
        }

    def _common(self, instance: Instance, eip: Eip | None) -> JsonObject:
        return {
            "InstanceId": instance.id,
            "InstanceName": instance.name,
            "HostName": instance.name or instance.id.replace("-", ""),
            "Description": "",
            "Status": instance.status.value,
            "RegionId": self.region,
            "ZoneId": instance.zone,
            "InstanceType": "ecs.e-c1m1.large",
            "Cpu": 2,
            "Memory": 2048,
            "ImageId": "aliyun_3_x64_20G_alibase_20250629.vhd",
            "InstanceChargeType": "PostPaid",
            "InternetChargeType": "PayByTraffic",
            "InternetMaxBandwidthIn": _BANDWIDTH_MBPS,
            "InternetMaxBandwidthOut": _BANDWIDTH_MBPS if instance.public_ip else 0,
            "InstanceNetworkType": "vpc",
            "CreationTime": utc_minutes(instance.created),
            "ExpiredTime": "2099-12-31T15:59Z",
            "SerialNumber": instance.id,
            "StoppedMode": "Not-applicable" if instance.status is not InstanceStatus.STOPPED else "KeepCharging",
            "VlanId": "",
            "ClusterId": "",
            "CreditSpecification": "",
            "PublicIpAddress": {"IpAddress": [instance.public_ip] if instance.public_ip else []},
            "InnerIpAddress": {"IpAddress": []},
            "SecurityGroupIds": {"SecurityGroupId": [instance.security_group_id]},
            "VpcAttributes": {
                "VpcId": instance.vpc_id,
                "VSwitchId": instance.vswitch_id,
                "NatIpAddress": "",
                "PrivateIpAddress": {"IpAddress": [instance.private_ip]},
            },
        }

    def full_status(self, instance: Instance) -> JsonObject:
        open_events = [
            event
            for event in self.state.events.as_of(self.as_of).values()
            if event.instance_id == instance.id and event.status in OPEN_EVENTS
        ]
        health = health_of(instance, open_events, by_state=self.by_state)
        return {
            "InstanceId": instance.id,
            "Status": {"Code": _STATUS_CODES[instance.status], "Name": instance.status.value},
            "HealthStatus": {"Code": _HEALTH_CODES[health], "Name": health},
            "ScheduledSystemEventSet": {
                "ScheduledSystemEventType": [self._system_event(event) for event in open_events]
            },
        }

    def _system_event(self, event: SystemEvent) -> JsonObject:
        return {
            "EventId": event.id,
            "EventType": {"Code": 1, "Name": event.kind},
            "EventCycleStatus": {"Code": _EVENT_CODES[event.status], "Name": event.status.value},
            "EventPublishTime": utc(event.published),
            "NotBefore": utc(event.published if event.not_before is None else event.not_before),
            "ImpactLevel": "1",
            "Reason": "Simulated event." if event.simulated else "System maintenance is required.",
        }

    def interface(self, interface: Interface, instance: Instance, eip: Eip | None) -> JsonObject:
        address = interface.secondary_ip or instance.private_ip
        public = {
            "AllocationId": eip.id if eip else "",
            "PublicIpAddress": eip.address if eip else instance.public_ip,
        }
        if interface.secondary_ip:
            public = {"AllocationId": "", "PublicIpAddress": ""}
        return {
            "NetworkInterfaceId": interface.id,
            "NetworkInterfaceName": interface.name,
            "Description": interface.description,
            "Type": interface.kind,
            "Status": "InUse",
            "InstanceId": instance.id,
            "Attachment": {"InstanceId": instance.id, "DeviceIndex": 0, "NetworkCardIndex": 0},
            "AssociatedPublicIp": public,
            "MacAddress": interface.mac,
            "PrivateIpAddress": address,
            "PrivateIpSets": {
                "PrivateIpSet": [
                    {
                        "PrivateIpAddress": address,
                        "Primary": True,
                        "AssociatedPublicIp": public,
                    }
                ]
            },
            "VpcId": instance.vpc_id,
            "VSwitchId": instance.vswitch_id,
            "ZoneId": instance.zone,
            "SecurityGroupIds": {"SecurityGroupId": [instance.security_group_id]},
            "SourceDestCheck": interface.source_dest_check,
            "CreationTime": utc(interface.created),
            "DeleteOnRelease": True,
            "OwnerId": self.owner,
            "ResourceGroupId": "",
            "ServiceManaged": False,
            "Tags": self.tags(interface.id),
        }

    def group(self, group: SecurityGroup) -> JsonObject:
        members = sum(
            instance.security_group_id == group.id for instance in self.state.instances.as_of(self.as_of).values()
        )
        return {
            "SecurityGroupId": group.id,
            "SecurityGroupName": group.name,
            "SecurityGroupType": "normal",
            "Description": "",
            "VpcId": group.vpc_id,
            "CreationTime": utc(group.created),
            "EcsCount": members,
            "AvailableInstanceAmount": 2000 - members,
            "RuleCount": 1,
            "ResourceGroupId": "",
            "ServiceManaged": False,
            "Tags": self.tags(group.id),
        }

    def group_attribute(self, group: SecurityGroup, direction: str) -> JsonObject:
        rule = {
            "Direction": "ingress",
            "Policy": "Accept",
            "IpProtocol": "ALL",
            "PortRange": "-1/-1",
            "Priority": "1",
            "NicType": "intranet",
            "SourceCidrIp": group.vpc_cidr,
            "DestCidrIp": "",
            "Description": "everything from the VPC",
            "CreateTime": utc(group.created),
            "SecurityGroupRuleId": "sgr-" + group.id.removeprefix("sg-"),
        }
        return {
            "SecurityGroupId": group.id,
            "SecurityGroupName": group.name,
            "Description": "",
            "VpcId": group.vpc_id,
            "RegionId": self.region,
            "InnerAccessPolicy": "Accept",
            "Permissions": {"Permission": [] if direction == "egress" else [rule]},
        }


def health_of(instance: Instance, open_events: list[SystemEvent], *, by_state: bool) -> str:
    """The HealthStatus that goes with what was found of an instance and its events; `by_state`: and with its state."""
    if instance.health:
        return instance.health
    if any(event.status is EventStatus.EXECUTING for event in open_events):
        return "Maintaining"
    return _HEALTH_BY_STATE.get(instance.status, "Ok") if by_state else "Ok"


def _eip(eip: Eip | None) -> JsonObject:
    return {
        "AllocationId": eip.id if eip else "",
        "IpAddress": eip.address if eip else "",
        "Bandwidth": _BANDWIDTH_MBPS if eip else 0,
        "InternetChargeType": "PayByTraffic" if eip else "",
    }
