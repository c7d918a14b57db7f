"""What the adapters make of the answers that the local cloud gives in Alibaba's shapes."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from alibabacloud_ecs20140526 import models
from pytest_mock import MockerFixture

from natkeeper.alibaba.ecs import interfaces_of
from natkeeper.alibaba.fields import time_of
from natkeeper.domain.ids import EipId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import (
    Condition,
    Eip,
    EipStatus,
    EntryStatus,
    HopKind,
    NatGateway,
    NextHop,
    PowerState,
)
from natkeeper.ports import (
    Failure,
    FailureKind,
    ReadConditions,
    ReadEip,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
)
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local

STRANGER = InstanceId("i-bp1stranger")


def test_an_instance_arrives_with_all_that_deciding_needs(local: Local) -> None:
    """Status, zone, VPC, addresses and start, from DescribeInstances."""
    found = local.one(ReadInstances((local.first, STRANGER)))
    there = local.cloud.ecs.instance(local.first)
    assert list(found) == [local.first]
    instance = found[local.first]
    assert instance.status is PowerState.RUNNING
    assert (instance.zone, instance.vpc, instance.private_ip) == (there.zone, local.vpc, there.private_ip)
    assert instance.public_ip == there.public_ip
    assert instance.locks == frozenset()
    assert isinstance(instance.started, datetime)


def test_an_eip_counts_as_the_public_address(local: Local) -> None:
    """An instance whose only public address is an EIP has that one."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    private = InstanceId(local.cloud.ecs.create_instance(vswitch))
    eip = local.cloud.vpc.allocate_eip(private)
    found = local.one(ReadInstances((private,)))
    assert found[private].public_ip == local.cloud.vpc.address_of(eip)


def test_an_address_of_its_own_is_told_from_an_eip(local: Local) -> None:
    """An EIP can never be bound to an instance that has one, which is known before it is needed."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    private = InstanceId(local.cloud.ecs.create_instance(vswitch))
    local.cloud.vpc.allocate_eip(private)
    found = local.one(ReadInstances((local.first, private)))
    assert found[local.first].fixed_ip == local.cloud.ecs.instance(local.first).public_ip
    assert found[private].fixed_ip is None


def test_an_instance_without_public_address_has_none(local: Local) -> None:
    """None, not an empty text."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    private = InstanceId(local.cloud.ecs.create_instance(vswitch))
    assert local.one(ReadInstances((private,)))[private].public_ip is None


def test_a_spot_instance_about_to_go_shows_its_lock(local: Local) -> None:
    """OperationLocks `Recycling` is what drains a gateway ahead of time."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    spot = InstanceId(local.cloud.ecs.create_instance(vswitch, spot=True))
    local.cloud.ecs.reclaim_spot(spot)
    assert "Recycling" in local.one(ReadInstances((spot,)))[spot].locks


def test_planned_maintenance_is_a_condition_with_its_time(local: Local) -> None:
    """DescribeInstancesFullStatus: type, cycle status and NotBefore of what is still open."""
    local.cloud.ecs.schedule_maintenance(local.first)
    found = local.one(ReadConditions((local.first, local.second)))
    event = found[local.first].events[0]
    assert event.type.startswith("SystemMaintenance.")
    assert event.status == "Scheduled"
    assert event.not_before is not None
    assert event.not_before.tzinfo is not None
    assert found[local.second] == Condition(local.second, status=PowerState.RUNNING)


@pytest.mark.parametrize("health", ["Ok", "Impaired", "Warning", "Maintaining", "Initializing", "InsufficientData"])
def test_what_ecs_found_of_a_machine_arrives_in_its_word(local: Local, health: str) -> None:
    """Of the one that it was found of, and of no other."""
    local.cloud.ecs.find_health(local.first, health)
    found = local.one(ReadConditions((local.first, local.second)))
    assert (found[local.first].health, found[local.second].health) == (health, "Ok")


@pytest.mark.parametrize(
    "listed, named",
    [
        ([("eni-2", "Secondary"), ("eni-1", "Primary"), ("eni-3", "Secondary")], ("eni-1", "eni-2", "eni-3")),
        ([("eni-1", "Primary"), ("eni-2", "Secondary")], ("eni-1", "eni-2")),
        ([("", "Secondary"), ("eni-1", "Primary")], ("eni-1",)),
        ([], ()),
    ],
)
def test_the_primary_interface_comes_first(listed: list[tuple[str, str]], named: tuple[str, ...]) -> None:
    """Whichever ECS lists first: a route that leads to an interface is pointed to the primary one."""
    cards = [{"NetworkInterfaceId": name, "Type": kind} for name, kind in listed]
    item = models.DescribeInstancesResponseBodyInstancesInstance()
    assert interfaces_of(item.from_map({"NetworkInterfaces": {"NetworkInterface": cards}})) == named


def test_maintenance_that_was_called_off_is_no_condition_any_more(local: Local) -> None:
    """Closed events say nothing about the present."""
    event = local.cloud.ecs.schedule_maintenance(local.first)
    local.cloud.ecs.cancel_event(event)
    assert local.one(ReadConditions((local.first,)))[local.first].events == ()


@pytest.mark.parametrize(
    "word, kept", [("Executing", 1), ("Executed", 0), ("Avoided", 0), ("Canceled", 0), ("Failed", 0)]
)
def test_only_open_events_count(local: Local, mocker: MockerFixture, word: str, kept: int) -> None:
    """The API lists open events; one that lists what is over as well drains nobody."""
    local.cloud.ecs.schedule_maintenance(local.first)
    listed = mocker.patch("natlab.cloud.ecs.responses.EcsRenderer._system_event", autospec=True)
    listed.return_value = {"EventType": {"Name": "SystemMaintenance.Reboot"}, "EventCycleStatus": {"Name": word}}
    assert len(local.one(ReadConditions((local.first,)))[local.first].events) == kept


def test_the_custom_entries_of_a_table_arrive_and_no_others(local: Local) -> None:
    """System entries are not natkeeper's business."""
    (entry,) = local.one(ReadRoutes(local.table))
    assert (entry.table, entry.destination) == (local.table, "0.0.0.0/0")
    assert entry.next_hop == NextHop(HopKind.INSTANCE, local.first)
    assert entry.status is EntryStatus.AVAILABLE


def test_a_table_longer_than_a_page_is_read_to_its_end(local: Local) -> None:
    """Pages of 100 follow each other by NextToken."""
    for number in range(120):
        local.cloud.vpc.add_route(local.table, f"172.16.{number}.0/24", local.second)
    assert len(local.one(ReadRoutes(local.table))) == 121
    assert len(local.asked("DescribeRouteEntryList")) == 2


def test_a_network_interface_is_shown_as_one(local: Local) -> None:
    """Whose it is comes from the instances; until then it is mistaken for nobody."""
    interface = local.cloud.ecs.instance(local.first).eni_id
    local.cloud.vpc.add_route(local.table, "192.0.2.0/24", interface)
    hops = {entry.destination: entry.next_hop for entry in local.one(ReadRoutes(local.table))}
    assert hops["192.0.2.0/24"] == NextHop(HopKind.NETWORK_INTERFACE, interface)


def test_a_table_that_does_not_exist_is_gone(local: Local) -> None:
    """Gone is a failure of the read, not an empty table."""
    failure = local.one(ReadRoutes(TableId("vtb-bp1nowhere")))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == (FailureKind.GONE, "InvalidRouteTable.NotFound")
    assert failure.request_id


def test_an_eip_tells_its_address_state_and_holder(local: Local) -> None:
    """In use by an instance; and one that is free; and one that is not there."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    holder = InstanceId(local.cloud.ecs.create_instance(vswitch))
    used, free = EipId(local.cloud.vpc.allocate_eip(holder)), EipId(local.cloud.vpc.allocate_eip())
    address = local.cloud.vpc.address_of
    assert local.ask(ReadEip(used), ReadEip(free), ReadEip(EipId("eip-bp1nowhere"))) == [
        Eip(used, address(used), EipStatus.IN_USE, holder),
        Eip(free, address(free), EipStatus.AVAILABLE),
        None,
    ]
    assert len(local.asked("DescribeEipAddresses")) == 1


def test_a_nat_gateway_is_available_or_not_there(local: Local) -> None:
    """The fallback is only a fallback while it is Available."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    gateway = NatGatewayId(local.cloud.vpc.create_nat_gateway(local.vpc, vswitch))
    nowhere = NatGatewayId("ngw-bp1nowhere")
    assert local.ask(ReadNatGateway(gateway), ReadNatGateway(nowhere)) == [NatGateway(gateway, available=True), None]


def test_many_groups_share_one_call_for_each_hundred_instances(local: Local) -> None:
    """Coalescing: what several calls of a batch ask of one API is one request."""
    many = tuple(InstanceId(f"i-bp1{number:04}") for number in range(150))
    answers = local.ask(
        ReadInstances((local.first,)), ReadInstances((local.first, local.second)), ReadInstances(many),
        ReadConditions((local.first,)), ReadConditions((local.second,)),
    )  # fmt: skip
    assert [sorted(answer) for answer in answers] == [
        [local.first], sorted((local.first, local.second)), [], [local.first], [local.second],
    ]  # fmt: skip
    assert len(local.asked("DescribeInstances")) == 2
    assert len(local.asked("DescribeInstancesFullStatus")) == 1


def test_the_same_table_is_read_once_for_everybody(local: Local) -> None:
    """Two groups may guard different destinations of one table."""
    first, second = local.ask(ReadRoutes(local.table), ReadRoutes(local.table))
    assert first == second
    assert len(local.asked("DescribeRouteEntryList")) == 1


def test_one_read_that_fails_leaves_the_others_their_answers(local: Local) -> None:
    """Blindness in one place is told for that place."""
    local.fault(FaultKind.ERROR_CODE, "DescribeInstancesFullStatus", code="Forbidden.RAM", status=403)
    instances, conditions = local.ask(ReadInstances((local.first,)), ReadConditions((local.first,)))
    assert list(instances) == [local.first]
    assert conditions.kind is FailureKind.DENIED


def test_a_read_out_of_date_is_read_as_it_stands(local: Local) -> None:
    """The adapter adds no wisdom of its own to a stale answer; the loop reads again."""
    local.advance(60)
    local.cloud.ecs.stop(local.first)
    local.fault(FaultKind.STALE_READ, "DescribeInstances", seconds=30.0)
    stale = local.one(ReadInstances((local.first,)))
    assert stale[local.first].status is PowerState.RUNNING
    assert local.one(ReadInstances((local.first,)))[local.first].status is PowerState.STOPPING


@pytest.mark.parametrize(
    "text, read",
    [
        ("2017-12-10T04:04Z", datetime(2017, 12, 10, 4, 4, tzinfo=timezone.utc)),
        ("2017-12-10T04:04:05Z", datetime(2017, 12, 10, 4, 4, 5, tzinfo=timezone.utc)),
        ("2017-12-10T04:04:05", datetime(2017, 12, 10, 4, 4, 5, tzinfo=timezone.utc)),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
def test_times_are_read_in_every_form_the_apis_use(text: str | None, read: datetime | None) -> None:
    """ECS leaves the seconds out in StartTime; an unreadable time is no time."""
    assert time_of(text) == read
