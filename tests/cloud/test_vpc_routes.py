"""Routes: states, serialised tasks, refusals, paging."""

from __future__ import annotations

from typing import Any

import pytest

from natlab.cloud.kernel.errors import ApiError
from tests.cloud.worlds import CloudWorld, build


@pytest.fixture
def world() -> CloudWorld:
    return build()


def entries(world: CloudWorld, **filters: str) -> list[dict[str, Any]]:
    answer: dict[str, Any] = world.call("vpc", "DescribeRouteEntryList", RouteTableId=world.table, **filters)
    found: list[dict[str, Any]] = answer["RouteEntrys"]["RouteEntry"]
    return found


def default_route(world: CloudWorld) -> dict[str, Any]:
    (entry,) = entries(world, DestinationCidrBlock="0.0.0.0/0")
    return entry


def modify(world: CloudWorld, **params: str) -> dict[str, object]:
    return world.call("vpc", "ModifyRouteEntry", RouteEntryId=world.route, **params)


def to(instance: str) -> dict[str, str]:
    return {"NewNextHopType": "Instance", "NewNextHopId": instance}


def test_a_route_changes_in_place_when_its_task_ends(world: CloudWorld) -> None:
    """Modifying with the old next hop, then Available with the new one; the data plane follows at the end."""
    modify(world, **to(world.b), RouteEntryName="n", Description="d")
    during = default_route(world)
    assert (during["Status"], during["NextHops"]["NextHop"][0]["NextHopId"]) == ("Modifying", world.a)
    assert world.data_plane.done == []
    world.clock.advance(world.cloud.latencies.of("vpc.modify_route_entry.task"))
    after = default_route(world)
    assert (after["Status"], after["RouteEntryName"], after["Description"]) == ("Available", "n", "d")
    assert after["NextHops"]["NextHop"][0]["NextHopId"] == world.b
    assert world.data_plane.done == [("route", "0.0.0.0/0", "Instance", world.b)]


def test_packets_of_an_entry_to_an_interface_arrive_at_its_instance(world: CloudWorld) -> None:
    """The API shows the interface, the data plane carries to the instance that it is attached to."""
    interface = world.cloud.ecs.instance(world.b).eni_id
    modify(world, NewNextHopType="NetworkInterface", NewNextHopId=interface)
    world.clock.advance(world.cloud.latencies.of("vpc.modify_route_entry.task"))
    assert default_route(world)["NextHops"]["NextHop"][0]["NextHopId"] == interface
    assert world.data_plane.done == [("route", "0.0.0.0/0", "Instance", world.b)]


def test_a_second_interface_leads_to_the_same_instance(world: CloudWorld) -> None:
    """It is listed after the primary one, with an address of its own, and goes with the instance."""
    primary, second = world.cloud.ecs.instance(world.b).eni_id, world.cloud.ecs.attach_interface(world.b)
    (shown,) = world.call("ecs", "DescribeInstances", InstanceIds=f'["{world.b}"]')["Instances"]["Instance"]
    listed = shown["NetworkInterfaces"]["NetworkInterface"]
    assert [(each["NetworkInterfaceId"], each["Type"]) for each in listed] == [
        (primary, "Primary"),
        (second, "Secondary"),
    ]
    assert len({each["PrimaryIpAddress"] for each in listed}) == 2
    found = world.call("ecs", "DescribeNetworkInterfaces", InstanceId=world.b, Type="Secondary")
    (only,) = found["NetworkInterfaceSets"]["NetworkInterfaceSet"]
    assert (only["NetworkInterfaceId"], only["PrivateIpAddress"]) == (second, listed[1]["PrimaryIpAddress"])
    modify(world, NewNextHopType="NetworkInterface", NewNextHopId=second)
    world.clock.advance(world.cloud.latencies.of("vpc.modify_route_entry.task"))
    assert world.data_plane.done == [("route", "0.0.0.0/0", "Instance", world.b)]
    world.cloud.ecs.vanish(world.b)
    assert world.call("ecs", "DescribeNetworkInterfaces", InstanceId=world.b)["NetworkInterfaceSets"] == {
        "NetworkInterfaceSet": []
    }


def test_name_and_description_change_at_once_and_move_nothing(world: CloudWorld) -> None:
    """Metadata alone is no task."""
    modify(world, Description="kept state")
    assert (default_route(world)["Description"], default_route(world)["Status"]) == ("kept state", "Available")
    assert world.data_plane.done == []


def test_the_route_can_be_named_by_table_and_destination(world: CloudWorld) -> None:
    """RouteEntryId is not needed."""
    world.call(
        "vpc",
        "ModifyRouteEntry",
        RouteTableId=world.table,
        DestinationCidrBlock="0.0.0.0/0",
        **to(world.b),
    )
    assert default_route(world)["Status"] == "Modifying"


def test_one_task_at_a_time_in_a_vpc(world: CloudWorld) -> None:
    """A second write to the same entry hears of its status, one to another entry of the conflict."""
    modify(world, **to(world.b))
    with pytest.raises(ApiError, match="IncorrectRouteEntryStatus"):
        modify(world, **to(world.a))
    with pytest.raises(ApiError, match="IncorrectRouteEntryStatus"):
        modify(world, Description="x")
    with pytest.raises(ApiError, match="TaskConflict"):
        world.call(
            "vpc",
            "CreateRouteEntry",
            RouteTableId=world.table,
            DestinationCidrBlock="192.0.2.0/24",
            NextHopId=world.a,
        )
    world.clock.advance(5)
    modify(world, **to(world.a))


def test_tasks_of_different_vpcs_do_not_meet(world: CloudWorld) -> None:
    """Serialisation is per VPC."""
    vpc = world.cloud.vpc.create_vpc("172.16.0.0/12")
    vswitch = world.cloud.vpc.create_vswitch(vpc, "172.16.0.0/24")
    table = world.cloud.vpc.system_table(vpc)
    other = world.cloud.ecs.create_instance(vswitch)
    modify(world, **to(world.b))
    world.call("vpc", "CreateRouteEntry", RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NextHopId=other)


@pytest.mark.parametrize(
    "params,code",
    [
        ({"NewNextHopType": "Instance"}, "MissingParam.NewNextHopId"),
        ({"NewNextHopId": "i-1"}, "MissingParam.NewNextHopType"),
        ({"NewNextHopType": "Instance", "NewNextHopId": "i-none"}, "ResourceNotFound.Instance"),
        ({"NewNextHopType": "NatGateway", "NewNextHopId": "ngw-none"}, "ResourceNotFound.NatGateway"),
        ({"NewNextHopType": "NetworkInterface", "NewNextHopId": "eni-none"}, "InvalidNetworkInterface.NotFound"),
        ({"NewNextHopType": "Bridge", "NewNextHopId": "x"}, "IllegealParam.NextHopType"),
        ({}, "MissingParam.ParameterMustNotNull"),
        ({"RouteEntryName": "n" * 129}, "InvalidRouteEntryName.Malformed"),
        ({"RouteEntryName": "http://x"}, "InvalidRouteEntryName.Malformed"),
        ({"Description": "d" * 257}, "IllegalParam.RouteEntryName"),
        ({"DryRun": "maybe"}, "InvalidDryRun"),
        ({"Weight": "3"}, "UnsupportedParameter"),
    ],
)
def test_a_wrong_change_is_refused_with_alibabas_code(world: CloudWorld, params: dict[str, str], code: str) -> None:
    """Nothing changes, and the code is the one that the metadata lists."""
    with pytest.raises(ApiError) as refusal:
        modify(world, **params)
    assert refusal.value.code == code
    assert default_route(world)["Status"] == "Available"


def test_the_same_next_hop_is_refused_as_already_there(world: CloudWorld) -> None:
    """Even with a new description beside it, which is then not written."""
    with pytest.raises(ApiError, match=r"OperationDenied\.NextHopExist"):
        modify(world, **to(world.a), Description="x")
    assert default_route(world)["Description"] == ""


@pytest.mark.parametrize("kind", ["NatGateway", "Instance", "*"])
def test_in_place_change_can_be_refused_for_a_kind_of_next_hop(world: CloudWorld, kind: str) -> None:
    """To it and from it, with the code that was set."""
    gateway = world.cloud.vpc.create_nat_gateway(world.vpc, world.vswitch)
    world.cloud.vpc.routing.refused_in_place[kind] = "UnsupportedFeature.NextHopType"
    with pytest.raises(ApiError, match=r"UnsupportedFeature\.NextHopType"):
        modify(world, NewNextHopType="NatGateway", NewNextHopId=gateway)
    modify(world, Description="still possible")


def test_unknown_entries_are_refused(world: CloudWorld) -> None:
    """By id, by table, by destination, and when nothing names the entry."""
    for params, code in [
        ({"RouteEntryId": "rte-none"}, "InvalidRouteEntryId.NotFound"),
        ({"RouteTableId": "vtb-none", "DestinationCidrBlock": "0.0.0.0/0"}, "InvalidRouteTable.NotFound"),
        ({"RouteTableId": world.table, "DestinationCidrBlock": "192.0.2.0/24"}, "ResourceNotFound.RouteEntry"),
        ({"RouteTableId": world.table, "DestinationCidrBlock": "west"}, "IllegalParamFormat.DstCidrBlock"),
        ({"RouteTableId": world.table}, "MissingParam.RouteEntryIdOrRouteTableDstCidr"),
    ]:
        with pytest.raises(ApiError) as refusal:
            world.call("vpc", "ModifyRouteEntry", **params, **to(world.b))
        assert refusal.value.code == code


def test_a_route_is_created_pending_and_deleted_deleting(world: CloudWorld) -> None:
    """Both are tasks with states of their own, and the data plane follows each."""
    created = world.call(
        "vpc",
        "CreateRouteEntry",
        RouteTableId=world.table,
        DestinationCidrBlock="0.0.0.0/1",
        NextHopId=world.b,
        RouteEntryName="half",
    )
    assert [entry["Status"] for entry in entries(world, RouteEntryName="half")] == ["Pending"]
    world.clock.advance(10)
    assert [entry["Status"] for entry in entries(world, RouteEntryName="half")] == ["Available"]
    world.call("vpc", "DeleteRouteEntry", RouteEntryId=str(created["RouteEntryId"]), NextHopId=world.b)
    assert [entry["Status"] for entry in entries(world, RouteEntryName="half")] == ["Deleting"]
    world.clock.advance(10)
    assert entries(world, RouteEntryName="half") == []
    assert world.data_plane.done == [("route", "0.0.0.0/1", "Instance", world.b), ("unroute", "0.0.0.0/1")]


def test_a_client_token_makes_creation_idempotent(world: CloudWorld) -> None:
    """The same token gets the same entry, also while it is Pending."""
    params = {
        "RouteTableId": world.table,
        "DestinationCidrBlock": "0.0.0.0/1",
        "NextHopId": world.b,
        "ClientToken": "once",
    }
    first = world.call("vpc", "CreateRouteEntry", **params)
    again = world.call("vpc", "CreateRouteEntry", **params)
    assert first["RouteEntryId"] == again["RouteEntryId"]
    assert len(entries(world, DestinationCidrBlock="0.0.0.0/1")) == 1


def test_duplicate_destinations_are_refused(world: CloudWorld) -> None:
    """Three codes: the same route, another next hop, the platform's own route."""
    for destination, hop, code in [
        ("0.0.0.0/0", world.a, "InvalidRouteEntry.Duplicate"),
        ("0.0.0.0/0", world.b, "RouteConflict.AlreadyExist"),
        ("10.0.1.0/24", world.b, "InvalidCIDRBlock.Duplicate"),
        ("10.0.1.9/24", world.b, "InvalidCidrBlock"),
        ("everywhere", world.b, "InvalidCidrBlock.Malformed"),
        ("192.0.2.0/24", "i-none", "InvalidInstanId.NotFound"),
    ]:
        with pytest.raises(ApiError) as refusal:
            world.call(
                "vpc",
                "CreateRouteEntry",
                RouteTableId=world.table,
                DestinationCidrBlock=destination,
                NextHopId=hop,
            )
        assert refusal.value.code == code


def test_a_next_hop_of_another_vpc_is_refused(world: CloudWorld) -> None:
    """A route never leaves its VPC."""
    vpc = world.cloud.vpc.create_vpc("172.16.0.0/12")
    stranger = world.cloud.ecs.create_instance(world.cloud.vpc.create_vswitch(vpc, "172.16.0.0/24"))
    with pytest.raises(ApiError, match=r"ResourceNotFound\.Instance"):
        modify(world, **to(stranger))


def test_system_routes_are_not_for_changing(world: CloudWorld) -> None:
    """Neither modified nor deleted."""
    (system,) = entries(world, DestinationCidrBlock="10.0.1.0/24")
    assert (system["Type"], system["NextHops"]["NextHop"][0]["NextHopType"]) == ("System", "local")
    with pytest.raises(ApiError, match="LocalRouteEntryInSystemRouteTable"):
        world.call("vpc", "ModifyRouteEntry", RouteEntryId=system["RouteEntryId"], Description="mine")
    with pytest.raises(ApiError, match="InvalidRouteEntry"):
        world.call("vpc", "DeleteRouteEntry", RouteEntryId=system["RouteEntryId"])


def test_a_dry_run_says_that_it_would_work_and_changes_nothing(world: CloudWorld) -> None:
    """DryRunOperation is what passing looks like; a request that would fail gets its own refusal."""
    with pytest.raises(ApiError, match="DryRunOperation"):
        modify(world, **to(world.b), DryRun="true")
    assert default_route(world)["Status"] == "Available"
    with pytest.raises(ApiError, match=r"ResourceNotFound\.Instance"):
        modify(world, **to("i-none"), DryRun="true")


def test_the_list_is_paged_and_filtered(world: CloudWorld) -> None:
    """Pages together are the whole list; a token that was never given out is refused."""
    for third in range(5):
        world.cloud.vpc.add_route(world.table, f"192.0.{third}.0/24", world.b)
    seen: list[str] = []
    token = ""
    while True:
        answer: dict[str, Any] = world.call(
            "vpc",
            "DescribeRouteEntryList",
            RouteTableId=world.table,
            RouteEntryType="Custom",
            MaxResult="2",
            **({"NextToken": token} if token else {}),
        )
        seen += [entry["DestinationCidrBlock"] for entry in answer["RouteEntrys"]["RouteEntry"]]
        token = answer["NextToken"]
        if not token:
            break
    assert seen == ["0.0.0.0/0", *(f"192.0.{third}.0/24" for third in range(5))]
    listed = entries(world, **{"DestCidrBlockList.1": "0.0.0.0/0", "DestCidrBlockList.2": "192.0.3.0/24"})
    assert [entry["DestinationCidrBlock"] for entry in listed] == ["0.0.0.0/0", "192.0.3.0/24"]
    with pytest.raises(ApiError, match=r"IllegalParam\.NextToken"):
        entries(world, NextToken="bogus")


def test_tables_and_networks_are_listed_with_their_bindings(world: CloudWorld) -> None:
    """The custom table has the vSwitch, the system one lost it; every look has the same ids."""
    tables: dict[str, Any] = world.call("vpc", "DescribeRouteTableList", VpcId=world.vpc)
    kinds = {
        table["RouteTableType"]: table["VSwitchIds"]["VSwitchId"]
        for table in tables["RouterTableList"]["RouterTableListType"]
    }
    assert kinds == {"System": [], "Custom": [world.vswitch]}
    old_style: dict[str, Any] = world.call("vpc", "DescribeRouteTables", RouteTableId=world.table)
    (table,) = old_style["RouteTables"]["RouteTable"]
    assert {entry["InstanceId"] for entry in table["RouteEntrys"]["RouteEntry"]} == {"", world.a}
    vpcs: dict[str, Any] = world.call("vpc", "DescribeVpcs", VpcId=world.vpc)
    assert len(vpcs["Vpcs"]["Vpc"][0]["RouterTableIds"]["RouterTableIds"]) == 2
    assert world.call("vpc", "DescribeVpcAttribute", VpcId=world.vpc)["CidrBlock"] == "10.0.0.0/8"
    vswitches: dict[str, Any] = world.call("vpc", "DescribeVSwitches", VpcId=world.vpc)
    assert vswitches["VSwitches"]["VSwitch"][0]["RouteTable"]["RouteTableId"] == world.table
    attributes = world.call("vpc", "DescribeVSwitchAttributes", VSwitchId=world.vswitch)
    assert attributes["ZoneId"] == "cn-hangzhou-h"


def test_a_vswitch_moves_to_another_table(world: CloudWorld) -> None:
    """AssociateRouteTable takes a moment and refuses tables of other VPCs."""
    other = world.cloud.vpc.create_route_table(world.vpc)
    world.call("vpc", "AssociateRouteTable", RouteTableId=other, VSwitchId=world.vswitch)
    assert world.data_plane.done == []
    world.clock.advance(5)
    assert world.data_plane.done == [("attach", world.vswitch, other)]
    elsewhere = world.cloud.vpc.create_route_table(world.cloud.vpc.create_vpc("172.16.0.0/12"))
    with pytest.raises(ApiError, match=r"Forbidden\.NotInSameVpc"):
        world.call("vpc", "AssociateRouteTable", RouteTableId=elsewhere, VSwitchId=world.vswitch)


def test_ids_are_the_same_for_the_same_seed() -> None:
    """Two worlds built alike have the same ids, so a failure can be replayed."""
    one, two = build(), build()
    assert (one.vpc, one.table, one.a, one.route) == (two.vpc, two.table, two.a, two.route)
    assert one.table.startswith("vtb-bp1")
    assert one.a.startswith("i-bp1")


CREATE = {"DestinationCidrBlock": "192.0.2.0/24", "NextHopId": "i-any"}


@pytest.mark.parametrize(
    "action,params,code",
    [
        ("CreateRouteEntry", {"RouteTableId": "vtb-none", **CREATE}, "InvalidRouteTableId.NotFound"),
        ("CreateRouteEntry", {**CREATE, "RouteTableId": ""}, "MissingParameter"),
        ("CreateRouteEntry", {**CREATE, "NextHopId": ""}, "InvalidNexthopTypeAndList.BothNull"),
        ("CreateRouteEntry", {**CREATE, "RouteEntryName": "https://x"}, "InvalidRouteEntryName.Malformed"),
        ("CreateRouteEntry", {**CREATE, "Description": "http://x"}, "InvalidDescription.Malformed"),
        ("CreateRouteEntry", {**CREATE, "NextHopType": "Bridge"}, "InvalidNextHopType"),
        ("CreateRouteEntry", {**CREATE, "NextHopType": "NatGateway"}, "InvalidNatGatewayId.NotFound"),
        ("CreateRouteEntry", {**CREATE, "NextHopType": "HaVip"}, "InvalidHaVipId.NotFound"),
        (
            "CreateRouteEntry",
            {**CREATE, "NextHopList.1.NextHopId": "a", "NextHopList.2.NextHopId": "b"},
            "OperationUnsupported.EcmpRiTypeOrNumber",
        ),
        ("DeleteRouteEntry", {"RouteTableId": ""}, "MissingParameter"),
        ("DeleteRouteEntry", {"RouteEntryId": "rte-none"}, "InvalidRouteEntryId.NotFound"),
        (
            "DeleteRouteEntry",
            {"RouteTableId": "vtb-none", "DestinationCidrBlock": "0.0.0.0/0"},
            "InvalidRouteTableId.NotFound",
        ),
        ("DeleteRouteEntry", {"DestinationCidrBlock": "west"}, "InvalidCidrBlock.Malformed"),
        ("DeleteRouteEntry", {"DestinationCidrBlock": "192.0.2.0/24"}, "InvalidRouteEntry.NotFound"),
        (
            "DeleteRouteEntry",
            {"DestinationCidrBlock": "0.0.0.0/0", "NextHopId": "i-other"},
            "InvalidRouteEntry.NotFound",
        ),
        ("DescribeRouteEntryList", {"RouteTableId": "vtb-none"}, "InvalidRouteTable.NotFound"),
        ("DescribeRouteEntryList", {"RouteEntryType": "Imaginary"}, "IllegalParam.RouteEntryType"),
        ("DescribeRouteEntryList", {"MaxResult": "501"}, "InvalidMaxResult"),
        ("DescribeVpcAttribute", {"VpcId": "vpc-none", "RouteTableId": ""}, "InvalidVpcId.NotFound"),
        ("DescribeVSwitchAttributes", {"VSwitchId": "vsw-none", "RouteTableId": ""}, "InvalidVSwitchId.NotFound"),
        ("AssociateRouteTable", {}, "MissingParam.VSwitchId"),
        ("AssociateRouteTable", {"VSwitchId": "vsw-none"}, "InvalidVSwitchId.NotFound"),
        ("AssociateEipAddress", {"AllocationId": "eip-1", "RouteTableId": ""}, "MissingParam.InstanceId"),
        ("DescribeSnatTableEntries", {"RouteTableId": ""}, "DESCRIBE_SNAT_PARAM_INVALID"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_products_code(
    world: CloudWorld, action: str, params: dict[str, str], code: str
) -> None:
    """Unless said otherwise the world's own table is meant."""
    asked = {"RouteTableId": world.table, **params}
    with pytest.raises(ApiError) as refusal:
        world.call("vpc", action, **{name: value for name, value in asked.items() if value})
    assert refusal.value.code == code
    assert world.data_plane.done == []


def test_a_vpc_with_a_running_task_refuses_deletion_too(world: CloudWorld) -> None:
    """Another entry's task is in the way."""
    half = world.cloud.vpc.add_route(world.table, "0.0.0.0/1", world.b)
    modify(world, **to(world.b))
    with pytest.raises(ApiError, match="TaskConflict"):
        world.call("vpc", "DeleteRouteEntry", RouteEntryId=half)
