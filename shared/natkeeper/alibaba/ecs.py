"""ECS answers as our words: instances, and what is wrong or planned with them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from natkeeper.alibaba.clients import Attempt
from natkeeper.alibaba.fields import optional, said, there, time_of
from natkeeper.alibaba.lean_imports import lean
from natkeeper.domain.ids import EipId, InstanceId, InterfaceId
from natkeeper.domain.observed import Condition, Instance, PowerState, SystemEvent

with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models
    from alibabacloud_ecs20140526.client import Client

IDS_PER_CALL = 100
"""DescribeInstances and DescribeInstancesFullStatus take this many ids."""
_CLOSED = frozenset({"Executed", "Avoided", "Canceled", "Failed"})


def read_instances(attempt: Attempt, ids: Sequence[InstanceId]) -> dict[InstanceId, Instance]:
    """Read up to 100 instances (DescribeInstances); those that do not exist are not in the answer."""
    request = models.DescribeInstancesRequest(
        region_id=attempt.region, instance_ids=json.dumps(list(ids)), max_results=IDS_PER_CALL
    )
    found: dict[InstanceId, Instance] = {}
    while True:
        answer = attempt.clients.client(Client).describe_instances_with_options(request, attempt.options())
        body = there(answer.body, "body")
        for item in there(there(body.instances, "Instances").instance, "Instances.Instance"):
            instance = _instance(item)
            found[instance.id] = instance
        if not body.next_token or len(found) >= len(set(ids)):
            return found
        request.next_token = body.next_token


def read_conditions(attempt: Attempt, ids: Sequence[InstanceId]) -> dict[InstanceId, Condition]:
    """Read health words and open system events of up to 100 instances (DescribeInstancesFullStatus)."""
    request = models.DescribeInstancesFullStatusRequest(
        region_id=attempt.region, instance_id=list(ids), page_size=IDS_PER_CALL, page_number=1
    )
    answer = attempt.clients.client(Client).describe_instances_full_status_with_options(request, attempt.options())
    full = there(there(answer.body, "body").instance_full_status_set, "InstanceFullStatusSet")
    conditions = [_condition(item) for item in there(full.instance_full_status_type, "InstanceFullStatusType")]
    return {condition.id: condition for condition in conditions}


def start_gateway(attempt: Attempt, gateway: InstanceId) -> None:
    """Start an instance (StartInstance)."""
    request = models.StartInstanceRequest(instance_id=gateway)
    attempt.clients.client(Client).start_instance_with_options(request, attempt.options())


def _instance(item: models.DescribeInstancesResponseBodyInstancesInstance) -> Instance:
    vpc, public = optional(item.vpc_attributes), optional(item.public_ip_address)
    private = optional(vpc.private_ip_address) if vpc else None
    private_ips = (private.ip_address if private else None) or [""]
    public_ips = (public.ip_address if public else None) or [""]
    eip, locks = optional(item.eip_address), optional(item.operation_locks)
    listed = (locks.lock_reason if locks else None) or ()
    return Instance(
        id=InstanceId(said(there(item.instance_id, "InstanceId"), "InstanceId")),
        status=_power(there(item.status, "Status")),
        zone=said(item.zone_id, "ZoneId"),
        vpc=said(vpc.vpc_id, "VpcId") if vpc else "",
        private_ip=said(private_ips[0], "PrivateIpAddress"),
        public_ip=said((eip.ip_address if eip else None) or public_ips[0], "PublicIpAddress") or None,
        locks=frozenset(reason for lock in listed if (reason := said(lock.lock_reason, "LockReason"))),
        started=time_of(item.start_time),
        name=said(item.instance_name, "InstanceName"),
        fixed_ip=said(public_ips[0], "PublicIpAddress") or None,
        eip=EipId(said(eip.allocation_id, "AllocationId")) if eip and eip.allocation_id else None,
        type=said(item.instance_type, "InstanceType"),
        bandwidth=_mbps((eip.bandwidth if eip and eip.ip_address else None) or item.internet_max_bandwidth_out),
        interfaces=interfaces_of(item),
    )


def interfaces_of(item: models.DescribeInstancesResponseBodyInstancesInstance) -> tuple[InterfaceId, ...]:
    """Name the interfaces of an instance, the primary one first."""
    listed = optional(item.network_interfaces)
    items = (listed.network_interface if listed else None) or ()
    ordered = sorted(items, key=lambda item: said(item.type, "Type") != "Primary")
    return tuple(
        InterfaceId(name) for item in ordered if (name := said(item.network_interface_id, "NetworkInterfaceId"))
    )


def _mbps(value: object) -> int:
    """Return a bandwidth; 0 where the answer has no number, because only messages use it."""
    return value if isinstance(value, int) and value > 0 else 0


def _power(word: str) -> PowerState:
    try:
        return PowerState(word)
    except ValueError:
        return PowerState.UNKNOWN


def _condition(
    item: models.DescribeInstancesFullStatusResponseBodyInstanceFullStatusSetInstanceFullStatusType,
) -> Condition:
    listed, health = optional(item.scheduled_system_event_set), optional(item.health_status)
    power = optional(item.status)
    events = (_event(event) for event in (listed.scheduled_system_event_type if listed else None) or ())
    return Condition(
        id=InstanceId(said(there(item.instance_id, "InstanceId"), "InstanceId")),
        health=said(health.name if health else None, "HealthStatus.Name") or "Ok",
        events=tuple(event for event in events if event.status not in _CLOSED),
        status=_power(said(power.name if power else None, "Status.Name")),
    )


def _event(
    item: models.DescribeInstancesFullStatusResponseBodyInstanceFullStatusSetInstanceFullStatusTypeScheduledSystemEventSetScheduledSystemEventType,  # noqa: E501  Alibaba's name
) -> SystemEvent:
    kind, cycle = optional(item.event_type), optional(item.event_cycle_status)
    return SystemEvent(
        type=said(kind.name if kind else None, "EventType.Name"),
        status=said(cycle.name if cycle else None, "EventCycleStatus.Name"),
        not_before=time_of(item.not_before),
    )
