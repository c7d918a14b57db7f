"""EIPs, NAT gateways, SNAT entries."""

from __future__ import annotations

from typing import Any

import pytest

from natlab.cloud.kernel.errors import ApiError
from tests.cloud.worlds import CloudWorld, build


@pytest.fixture
def world() -> CloudWorld:
    return build()


def eip(world: CloudWorld, allocation: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.call("vpc", "DescribeEipAddresses", AllocationId=allocation)
    found: dict[str, Any] = answer["EipAddresses"]["EipAddress"][0]
    return found


def test_an_eip_binds_and_unbinds_over_time(world: CloudWorld) -> None:
    """Available, Associating, InUse, Unassociating, Available; packets follow at each end."""
    bare = world.cloud.ecs.create_instance(world.vswitch)
    world.data_plane.done.clear()
    allocated = world.call("vpc", "AllocateEipAddress", Name="egress")
    allocation, address = str(allocated["AllocationId"]), str(allocated["EipAddress"])
    assert eip(world, allocation)["Status"] == "Available"
    world.call("vpc", "AssociateEipAddress", AllocationId=allocation, InstanceId=bare)
    assert (eip(world, allocation)["Status"], world.data_plane.done) == ("Associating", [])
    world.clock.advance(7)
    assert (eip(world, allocation)["Status"], eip(world, allocation)["InstanceId"]) == ("InUse", bare)
    world.call("vpc", "UnassociateEipAddress", AllocationId=allocation, InstanceId=bare)
    assert eip(world, allocation)["Status"] == "Unassociating"
    world.clock.advance(7)
    assert (eip(world, allocation)["Status"], eip(world, allocation)["InstanceId"]) == ("Available", "")
    assert world.data_plane.done == [("bind", bare, address), ("unbind", bare, address)]


def test_an_eip_in_between_states_refuses_everything(world: CloudWorld) -> None:
    """IncorrectEipStatus for the EIP itself, TaskConflict for the instance that waits for another."""
    bare = world.cloud.ecs.create_instance(world.vswitch)
    first, second = world.cloud.vpc.allocate_eip(), world.cloud.vpc.allocate_eip()
    world.call("vpc", "AssociateEipAddress", AllocationId=first, InstanceId=bare)
    with pytest.raises(ApiError, match="IncorrectEipStatus"):
        world.call("vpc", "AssociateEipAddress", AllocationId=first, InstanceId=bare)
    with pytest.raises(ApiError, match="IncorrectEipStatus"):
        world.call("vpc", "UnassociateEipAddress", AllocationId=first)
    with pytest.raises(ApiError, match="TaskConflict"):
        world.call("vpc", "AssociateEipAddress", AllocationId=second, InstanceId=bare)
    world.clock.advance(7)
    with pytest.raises(ApiError, match=r"InvalidAssociation\.Duplicated"):
        world.call("vpc", "AssociateEipAddress", AllocationId=second, InstanceId=bare)


def test_wrong_targets_are_refused(world: CloudWorld) -> None:
    """Unknown EIP, unknown instance, an instance with a public address of its own, one that is stopping."""
    free = world.cloud.vpc.allocate_eip()
    bare = world.cloud.ecs.create_instance(world.vswitch)
    world.cloud.ecs.stop(bare)
    for allocation, instance, code in [
        ("eip-none", world.a, "InvalidAllocationId.NotFound"),
        (free, "i-none", "InvalidInstance.NotExist"),
        (free, world.a, "EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP"),
        (free, bare, "IncorrectInstanceStatus"),
    ]:
        with pytest.raises(ApiError) as refusal:
            world.call("vpc", "AssociateEipAddress", AllocationId=allocation, InstanceId=instance)
        assert refusal.value.code == code


def test_deleting_an_instance_frees_its_eip(world: CloudWorld) -> None:
    """Even one that was still being bound."""
    bare = world.cloud.ecs.create_instance(world.vswitch)
    allocation = world.cloud.vpc.allocate_eip()
    world.call("vpc", "AssociateEipAddress", AllocationId=allocation, InstanceId=bare)
    world.cloud.ecs.vanish(bare)
    world.clock.advance(30)
    assert eip(world, allocation)["Status"] == "Available"


def test_addresses_come_from_a_documentation_network_and_are_paged(world: CloudWorld) -> None:
    """198.51.100.0/24, and pages by number."""
    for _ in range(12):
        world.cloud.vpc.allocate_eip()
    answer: dict[str, Any] = world.call("vpc", "DescribeEipAddresses", PageNumber="2", PageSize="10")
    page = answer["EipAddresses"]["EipAddress"]
    assert (answer["TotalCount"], answer["PageNumber"], len(page)) == (12, 2, 2)
    assert all(item["IpAddress"].startswith("198.51.100.") for item in page)


def test_a_nat_gateway_passes_traffic_once_a_snat_entry_is_available(world: CloudWorld) -> None:
    """The EIP alone is not enough; the gateway is listed with its addresses and tables."""
    gateway = world.cloud.vpc.create_nat_gateway(world.vpc, world.vswitch, snat=False)
    assert world.data_plane.done == []
    answer: dict[str, Any] = world.call("vpc", "DescribeNatGateways", NatGatewayId=gateway)
    (listed,) = answer["NatGateways"]["NatGateway"]
    assert listed["IpLists"]["IpList"][0]["UsingStatus"] == "Idle"
    address, table = listed["IpLists"]["IpList"][0]["IpAddress"], listed["SnatTableIds"]["SnatTableId"][0]
    world.call("vpc", "CreateSnatEntry", SnatTableId=table, SnatIp=address, SourceCIDR="10.0.0.0/8")
    entries: dict[str, Any] = world.call("vpc", "DescribeSnatTableEntries", SnatTableId=table)
    assert entries["SnatTableEntries"]["SnatTableEntry"][0]["Status"] == "Pending"
    world.clock.advance(10)
    entries = world.call("vpc", "DescribeSnatTableEntries", NatGatewayId=gateway)
    assert entries["SnatTableEntries"]["SnatTableEntry"][0]["Status"] == "Available"
    assert world.data_plane.done == [("bind", gateway, address)]


def test_snat_refuses_what_is_not_its_own(world: CloudWorld) -> None:
    """Unknown table, foreign address, and an EIP in use there can not be taken away."""
    gateway = world.cloud.vpc.create_nat_gateway(world.vpc, world.vswitch)
    held: dict[str, Any] = world.call("vpc", "DescribeEipAddresses", AssociatedInstanceId=gateway)
    (used,) = held["EipAddresses"]["EipAddress"]
    (listed,) = world.call("vpc", "DescribeNatGateways", NatGatewayId=gateway)["NatGateways"]["NatGateway"]
    good = {"SnatTableId": listed["SnatTableIds"]["SnatTableId"][0], "SnatIp": used["IpAddress"]}
    for wrong, code in [
        ({"SnatTableId": "stb-none"}, "InvalidSnatTableId.NotFound"),
        ({"SnatIp": ""}, "MissingParam.SnatIp"),
        ({"SnatIp": "198.51.100.9"}, "EIP_NOT_IN_GATEWAY"),
        ({"SourceVSwitchId": "vsw-none"}, "InvalidVSwitchId.NotFound"),
        ({"SourceCIDR": "10.0.0.1/8"}, "InvalidSourceCIDR.Malformed"),
        (
            {"SourceCIDR": "10.0.0.0/8", "SourceVSwitchId": world.vswitch},
            "CreateSnatEntry.ParamExclusive.sourceVSwitchIdAndsourceCIDR",
        ),
    ]:
        with pytest.raises(ApiError) as refused:
            world.call("vpc", "CreateSnatEntry", **{**good, **wrong})
        assert refused.value.code == code
    with pytest.raises(ApiError, match="HasBeenUsedBySnatTable"):
        world.call("vpc", "UnassociateEipAddress", AllocationId=used["AllocationId"])
