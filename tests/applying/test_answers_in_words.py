"""What each part of an answer becomes, what a part that is missing becomes, and which answers are none."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from natkeeper.alibaba import ecs, tagged, vpc, vpc_tables
from natkeeper.alibaba.clients import Attempt, Clients
from natkeeper.alibaba.errors import UnreadableAnswerError
from natkeeper.domain.ids import EipId, EntryId, InstanceId, InterfaceId, NatGatewayId, TableId
from natkeeper.domain.observed import (
    Condition,
    Eip,
    EipStatus,
    EntryStatus,
    HopKind,
    Instance,
    NatGateway,
    NextHop,
    PowerState,
    RouteEntry,
    SystemEvent,
    TaggedInstance,
)
from natkeeper.ports import ReadTagged

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
GONE = object()
Way = tuple[str | int, ...]
A, T, EIP, NAT = InstanceId("i-a"), TableId("vtb-1"), EipId("eip-1"), NatGatewayId("ngw-1")
GIVEN: dict[str, Any] = {
    "InstanceId": A, "Status": "Running", "ZoneId": "zone", "InstanceName": "name", "InstanceType": "type",
    "StartTime": "2026-01-01T12:00Z", "CreationTime": "2026-01-01T12:00Z", "InternetMaxBandwidthOut": 5,
    "VpcAttributes": {"VpcId": "vpc-1", "PrivateIpAddress": {"IpAddress": ["10.0.0.5", "10.0.0.6"]}},
    "PublicIpAddress": {"IpAddress": ["198.51.100.1"]},
    "EipAddress": {"AllocationId": EIP, "IpAddress": "198.51.100.2", "Bandwidth": 100},
    "OperationLocks": {"LockReason": [{"LockReason": "financial"}, {"LockReason": ""}]},
    "Tags": {"Tag": [{"TagKey": "other", "TagValue": "value"}, {"TagKey": "key", "TagValue": "value"}]},
    "NetworkInterfaces": {"NetworkInterface": [
        {"NetworkInterfaceId": "eni-2", "Type": "Secondary"}, {"NetworkInterfaceId": "eni-1", "Type": "Primary"},
        {"NetworkInterfaceId": "", "Type": "Secondary"},
    ]},
}  # fmt: skip
EVENT = {
    "EventType": {"Name": "SystemMaintenance.Reboot"}, "EventCycleStatus": {"Name": "Scheduled"},
    "NotBefore": "2026-01-01T12:00:00Z",
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "describe_instances": {"Instances": {"Instance": [GIVEN]}},
    "describe_instances_full_status": {"InstanceFullStatusSet": {"InstanceFullStatusType": [{
        "InstanceId": A, "HealthStatus": {"Name": "Impaired"}, "Status": {"Name": "Stopped"},
        "ScheduledSystemEventSet": {"ScheduledSystemEventType": [EVENT]},
    }]}},
    "describe_route_entry_list": {"RouteEntrys": {"RouteEntry": [{
        "RouteEntryId": "rte-1", "RouteTableId": "vtb-2", "DestinationCidrBlock": "0.0.0.0/0", "Status": "Available",
        "NextHops": {"NextHop": [{"NextHopType": "Instance", "NextHopId": A}]}, "Description": "memory",
        "RouteEntryName": "name",
    }]}},
    "describe_route_table_list": {
        "RouterTableList": {"RouterTableListType": [{"RouteTableId": T}, {"RouteTableId": T}]}, "TotalCount": 2,
    },
    "describe_eip_addresses": {"EipAddresses": {"EipAddress": [
        {"AllocationId": EIP, "IpAddress": "198.51.100.2", "Status": "InUse", "InstanceId": A},
        {"AllocationId": "eip-stranger", "Status": "Available"},
    ]}},
    "describe_nat_gateways": {"NatGateways": {"NatGateway": [
        {"NatGatewayId": "ngw-stranger", "Status": "Creating"},
        {"NatGatewayId": NAT, "Status": "Available", "BusinessStatus": "Normal"},
    ]}},
}  # fmt: skip
READERS: dict[str, Callable[[Attempt], Any]] = {
    "describe_instances": lambda a: ecs.read_instances(a, (A,))[A],
    "describe_instances_full_status": lambda a: ecs.read_conditions(a, (A,))[A],
    "describe_route_entry_list": lambda a: vpc.read_routes(a, T)[0],
    "describe_route_table_list": lambda a: vpc_tables.read_tables(a, "vpc-1"),
    "describe_eip_addresses": lambda a: vpc.read_eips(a, (EIP,)),
    "describe_nat_gateways": lambda a: vpc.read_nat_gateway(a, NAT),
}
WORDS = {
    "describe_instances": Instance(
        id=A, status=PowerState.RUNNING, zone="zone", vpc="vpc-1", private_ip="10.0.0.5", public_ip="198.51.100.2",
        locks=frozenset({"financial"}), started=NOON, name="name", fixed_ip="198.51.100.1", eip=EIP, type="type",
        bandwidth=100, interfaces=(InterfaceId("eni-1"), InterfaceId("eni-2")),
    ),
    "describe_instances_full_status": Condition(
        A, "Impaired", (SystemEvent("SystemMaintenance.Reboot", "Scheduled", NOON),), PowerState.STOPPED
    ),
    "describe_route_entry_list": RouteEntry(
        EntryId("rte-1"), TableId("vtb-2"), "0.0.0.0/0", NextHop.gateway(A), EntryStatus.AVAILABLE, "memory", "name"
    ),
    "describe_route_table_list": [T],
    "describe_eip_addresses": {EIP: Eip(EIP, "198.51.100.2", EipStatus.IN_USE, A)},
    "describe_nat_gateways": NatGateway(NAT, available=True, changing="", locked=""),
}  # fmt: skip
AT: dict[str, Way] = {
    "describe_instances": ("Instances", "Instance", 0),
    "describe_instances_full_status": ("InstanceFullStatusSet", "InstanceFullStatusType", 0),
    "describe_route_entry_list": ("RouteEntrys", "RouteEntry", 0),
    "describe_route_table_list": ("RouterTableList", "RouterTableListType", 0),
    "describe_eip_addresses": ("EipAddresses", "EipAddress", 0),
    "describe_nat_gateways": ("NatGateways", "NatGateway", 1),
}


class Answering:
    """Stands for the clients of a region, and for every client: each action has one answer."""

    region = "cn-hangzhou"

    def __init__(self, bodies: dict[str, dict[str, Any]]) -> None:
        self.bodies, self.unsupported = bodies, set[str]()
        self.kind: Any = None

    def client(self, kind: Any) -> Answering:
        self.kind = kind
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        action = name.removesuffix("_with_options")
        models = importlib.import_module(f"{self.kind.__module__.rpartition('.')[0]}.models")
        body = getattr(models, f"{action.title().replace('_', '')}ResponseBody")()
        return lambda *_: SimpleNamespace(body=body.from_map(self.bodies[action]))


def read(action: str, way: Way = (), value: object = None, reader: Callable[[Attempt], Any] | None = None) -> Any:
    """Read an answer in whose item one part is another, or GONE."""
    bodies = copy.deepcopy(BODIES)
    if way:
        *there, last = (*AT[action], *way)
        spot: Any = bodies[action]
        for key in there:
            spot = spot[key]
        if value is GONE:
            del spot[last]
        else:
            spot[last] = value
    return (reader or READERS[action])(Attempt(cast("Clients", Answering(bodies)), lambda: 60.0))


@pytest.mark.parametrize("action", READERS)
def test_each_part_becomes_its_word(action: str) -> None:
    """One answer in which everything is there."""
    assert read(action) == WORDS[action]


INSTANCE, CONDITION, ENTRY = "describe_instances", "describe_instances_full_status", "describe_route_entry_list"
EVENTS = "ScheduledSystemEventSet", "ScheduledSystemEventType"


@pytest.mark.parametrize(
    "action, way, value, words",
    [
        (INSTANCE, ("Status",), "Hibernated", {"status": PowerState.UNKNOWN}),
        (INSTANCE, ("ZoneId",), GONE, {"zone": ""}),
        (INSTANCE, ("InstanceName",), GONE, {"name": ""}),
        (INSTANCE, ("InstanceType",), GONE, {"type": ""}),
        (INSTANCE, ("StartTime",), GONE, {"started": None}),
        (INSTANCE, ("VpcAttributes",), GONE, {"vpc": "", "private_ip": ""}),
        (INSTANCE, ("VpcAttributes", "VpcId"), GONE, {"vpc": ""}),
        (INSTANCE, ("VpcAttributes", "PrivateIpAddress"), GONE, {"private_ip": ""}),
        (INSTANCE, ("VpcAttributes", "PrivateIpAddress", "IpAddress"), [], {"private_ip": ""}),
        (INSTANCE, ("PublicIpAddress",), GONE, {"fixed_ip": None}),
        (INSTANCE, ("PublicIpAddress", "IpAddress"), [], {"fixed_ip": None}),
        (INSTANCE, ("EipAddress",), GONE, {"public_ip": "198.51.100.1", "eip": None, "bandwidth": 5}),
        (INSTANCE, ("EipAddress", "IpAddress"), "", {"public_ip": "198.51.100.1", "bandwidth": 5}),
        (INSTANCE, ("EipAddress", "AllocationId"), "", {"eip": None}),
        (INSTANCE, ("EipAddress", "Bandwidth"), 0, {"bandwidth": 5}),
        (INSTANCE, ("EipAddress", "Bandwidth"), 1, {"bandwidth": 1}),
        (INSTANCE, ("EipAddress", "Bandwidth"), -1, {"bandwidth": 0}),
        (INSTANCE, ("EipAddress", "Bandwidth"), "100", {"bandwidth": 0}),
        (INSTANCE, ("OperationLocks",), GONE, {"locks": frozenset()}),
        (INSTANCE, ("OperationLocks", "LockReason"), [], {"locks": frozenset()}),
        (INSTANCE, ("NetworkInterfaces",), GONE, {"interfaces": ()}),
        (INSTANCE, ("NetworkInterfaces", "NetworkInterface"), [], {"interfaces": ()}),
        (CONDITION, ("HealthStatus",), GONE, {"health": "Ok"}),
        (CONDITION, ("HealthStatus", "Name"), "", {"health": "Ok"}),
        (CONDITION, ("Status",), GONE, {"status": PowerState.UNKNOWN}),
        (CONDITION, (EVENTS[0],), GONE, {"events": ()}),
        (CONDITION, EVENTS, [], {"events": ()}),
        (CONDITION, (*EVENTS, 0, "EventCycleStatus"), {"Name": "Executed"}, {"events": ()}),
        (CONDITION, (*EVENTS, 0, "EventCycleStatus"), {"Name": "Avoided"}, {"events": ()}),
        (CONDITION, (*EVENTS, 0, "EventCycleStatus"), {"Name": "Canceled"}, {"events": ()}),
        (CONDITION, (*EVENTS, 0, "EventCycleStatus"), {"Name": "Failed"}, {"events": ()}),
        (CONDITION, (*EVENTS, 0), {}, {"events": (SystemEvent("", "", None),)}),
        (ENTRY, ("RouteTableId",), GONE, {"table": T}),
        (ENTRY, ("NextHops",), GONE, {"next_hop": None}),
        (ENTRY, ("NextHops", "NextHop"), [], {"next_hop": None}),
        (ENTRY, ("NextHops", "NextHop"), [{"NextHopId": A}, {"NextHopId": "i-b"}], {"next_hop": None}),
        (ENTRY, ("NextHops", "NextHop", 0), {}, {"next_hop": NextHop(HopKind.OTHER, "")}),
        (ENTRY, ("Description",), GONE, {"description": ""}),
        (ENTRY, ("RouteEntryName",), GONE, {"name": ""}),
        (ENTRY, ("Status",), "Pending", {"status": EntryStatus.PENDING}),
        (ENTRY, ("Status",), "Modifying", {"status": EntryStatus.MODIFYING}),
        (ENTRY, ("Status",), "Creating", {"status": EntryStatus.PENDING}),
        (ENTRY, ("Status",), "Created", {"status": EntryStatus.AVAILABLE}),
        (ENTRY, ("Status",), "Unavailable", {"status": EntryStatus.AVAILABLE}),
        (ENTRY, ("Status",), "Odd", {"status": EntryStatus.UNKNOWN}),
        (ENTRY, ("Status",), GONE, {"status": EntryStatus.UNKNOWN}),
    ],
)  # fmt: skip
def test_another_part_changes_this_and_nothing_else(action: str, way: Way, value: object, words: Any) -> None:
    """What is optional may be missing; what has an unknown word is unknown."""
    whole: Any = WORDS[action]
    assert read(action, way, value) == replace(whole, **words)


@pytest.mark.parametrize(
    "way, value, words",
    [
        (("Status",), "Odd", Eip(EIP, "198.51.100.2", EipStatus.UNKNOWN, A)),
        (("IpAddress",), GONE, Eip(EIP, "", EipStatus.IN_USE, A)),
        (("InstanceId",), "", Eip(EIP, "198.51.100.2", EipStatus.IN_USE, None)),
    ],
)
def test_an_eip_without_a_part(way: Way, value: object, words: Eip) -> None:
    """Nobody holds one of which no holder is told."""
    assert read("describe_eip_addresses", way, value) == {EIP: words}


@pytest.mark.parametrize(
    "way, value, words",
    [
        (("Status",), "Modifying", NatGateway(NAT, available=False, changing="Modifying", locked="")),
        (("Status",), "Converting", NatGateway(NAT, available=False, changing="Converting", locked="")),
        (("Status",), "Deleting", NatGateway(NAT, available=False, changing="", locked="")),
        (("BusinessStatus",), "", NatGateway(NAT, available=True, changing="", locked="")),
        (
            ("BusinessStatus",),
            "FinancialLocked",
            NatGateway(NAT, available=True, changing="", locked="FinancialLocked"),
        ),
        (("NatGatewayId",), "ngw-other", None),
    ],
)
def test_a_nat_gateway_in_its_states(way: Way, value: object, words: NatGateway | None) -> None:
    """Two states work, or do not; one that is not in the list does not exist."""
    assert read("describe_nat_gateways", way, value) == words


def with_tag(attempt: Attempt) -> tuple[TaggedInstance, ...]:
    return tagged.read_tagged(attempt, ReadTagged("vpc-1", "key", "value"))


@pytest.mark.parametrize("time, year", [("2026-01-01T12:00Z", 2026), (GONE, 9999), ("soon", 9999)])
def test_a_tagged_instance_has_its_time_or_comes_last(time: object, year: int) -> None:
    """One whose time cannot be read is nobody's home."""
    ((name, created),) = [(one.id, one.created) for one in read(INSTANCE, ("CreationTime",), time, with_tag)]
    assert (name, created.year) == (A, year)


@pytest.mark.parametrize(
    "action, way, name",
    [
        (INSTANCE, ("InstanceId",), "InstanceId"),
        (INSTANCE, ("Status",), "Status"),
        (CONDITION, ("InstanceId",), "InstanceId"),
        (ENTRY, ("RouteEntryId",), "RouteEntryId"),
        (ENTRY, ("DestinationCidrBlock",), "DestinationCidrBlock"),
        ("describe_route_table_list", ("RouteTableId",), "RouteTableId"),
        ("describe_eip_addresses", ("AllocationId",), "AllocationId"),
    ],
)
def test_an_answer_that_lacks_a_part_is_none(action: str, way: Way, name: str) -> None:
    """It is never taken for an empty one, and says what it lacks."""
    with pytest.raises(UnreadableAnswerError, match=f"^the answer has no {name}$"):
        read(action, way, GONE)


@pytest.mark.parametrize(
    "action, way, name",
    [
        *((INSTANCE, (name,), name) for name in ("InstanceId", "ZoneId", "InstanceName", "InstanceType")),
        (INSTANCE, ("VpcAttributes", "VpcId"), "VpcId"),
        (INSTANCE, ("VpcAttributes", "PrivateIpAddress", "IpAddress", 0), "PrivateIpAddress"),
        (INSTANCE, ("PublicIpAddress", "IpAddress", 0), "PublicIpAddress"),
        (INSTANCE, ("EipAddress", "IpAddress"), "PublicIpAddress"),
        (INSTANCE, ("EipAddress", "AllocationId"), "AllocationId"),
        (INSTANCE, ("OperationLocks", "LockReason", 0, "LockReason"), "LockReason"),
        (INSTANCE, ("NetworkInterfaces", "NetworkInterface", 0, "Type"), "Type"),
        (INSTANCE, ("NetworkInterfaces", "NetworkInterface", 0, "NetworkInterfaceId"), "NetworkInterfaceId"),
        (CONDITION, ("InstanceId",), "InstanceId"),
        (CONDITION, ("HealthStatus", "Name"), "HealthStatus.Name"),
        (CONDITION, ("Status", "Name"), "Status.Name"),
        (CONDITION, (*EVENTS, 0, "EventType", "Name"), "EventType.Name"),
        (CONDITION, (*EVENTS, 0, "EventCycleStatus", "Name"), "EventCycleStatus.Name"),
        *((ENTRY, (name,), name) for name in ("RouteEntryId", "RouteTableId", "DestinationCidrBlock", "Description")),
        (ENTRY, ("RouteEntryName",), "RouteEntryName"),
        (ENTRY, ("NextHops", "NextHop", 0, "NextHopType"), "NextHopType"),
        (ENTRY, ("NextHops", "NextHop", 0, "NextHopId"), "NextHopId"),
        ("describe_route_table_list", ("RouteTableId",), "RouteTableId"),
        *(("describe_eip_addresses", (name,), name) for name in ("AllocationId", "IpAddress", "InstanceId")),
        *(("describe_nat_gateways", (name,), name) for name in ("Status", "BusinessStatus")),
    ],
)
def test_an_answer_with_a_number_for_a_text_is_none(action: str, way: Way, name: str) -> None:
    """And says for which."""
    with pytest.raises(UnreadableAnswerError, match=f"^the {name} of an answer is not a text$"):
        read(action, way, 5)


@pytest.mark.parametrize("value, says", [(GONE, "the answer has no InstanceId"), (5, "the InstanceId of an answer")])
def test_a_tagged_instance_has_a_name(value: object, says: str) -> None:
    """Or the list of them is no answer."""
    with pytest.raises(UnreadableAnswerError, match=says):
        read(INSTANCE, ("InstanceId",), value, with_tag)
