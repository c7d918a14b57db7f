"""Instances: states over time, their events, how they are listed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natlab.cloud.kernel.errors import ApiError
from tests.cloud.worlds import CloudWorld, build


@pytest.fixture
def world() -> CloudWorld:
    return build()


def listed(world: CloudWorld, **filters: str) -> list[dict[str, Any]]:
    answer: dict[str, Any] = world.call("ecs", "DescribeInstances", **filters)
    found: list[dict[str, Any]] = answer["Instances"]["Instance"]
    return found


def status(world: CloudWorld, instance: str) -> str:
    (one,) = listed(world, InstanceIds=json.dumps([instance]))
    return str(one["Status"])


def test_stopping_and_starting_pass_through_their_states(world: CloudWorld) -> None:
    """Packets stop when Stopping begins and flow again when Running is reached; each state has its event."""
    world.call("ecs", "StopInstance", InstanceId=world.a)
    assert (status(world, world.a), world.data_plane.done) == ("Stopping", [("power_off", world.a, "soft")])
    world.clock.advance(11)
    assert status(world, world.a) == "Stopped"
    world.call("ecs", "StartInstance", InstanceId=world.a)
    assert status(world, world.a) == "Starting"
    world.clock.advance(16)
    assert (status(world, world.a), world.data_plane.done[-1]) == ("Running", ("power_on", world.a))
    assert world.states(world.a) == ["Stopping", "Stopped", "Starting", "Running"]


def test_an_event_says_when_it_happened_and_leaves_a_little_later(world: CloudWorld) -> None:
    """The envelope is EventBridge's, its time is that of the change."""
    happened = world.clock.now()
    world.cloud.ecs.stop(world.a)
    assert world.events == []
    world.clock.advance(world.cloud.latencies.of("event.ecs.publish"))
    (event,) = world.events
    assert (event["source"], event["specversion"], event["aliyuneventbusname"]) == ("acs.ecs", "1.0", "default")
    assert event["time"] == "2026-01-01T00:00:00.000Z"
    assert world.clock.now() > happened


def test_a_reboot_stops_and_starts_in_one_go(world: CloudWorld) -> None:
    """Stopping, Starting, Running, as the platform tells it."""
    world.call("ecs", "RebootInstance", InstanceId=world.a)
    world.clock.advance(60)
    assert world.states(world.a) == ["Stopping", "Starting", "Running"]


def test_operations_need_the_right_state(world: CloudWorld) -> None:
    """IncorrectInstanceStatus, with HTTP status 403; stopping a stopped instance is no error."""
    with pytest.raises(ApiError) as refusal:
        world.call("ecs", "StartInstance", InstanceId=world.a)
    assert (refusal.value.code, refusal.value.status) == ("IncorrectInstanceStatus", 403)
    world.call("ecs", "StopInstance", InstanceId=world.a, ForceStop="true")
    for action in ("StopInstance", "RebootInstance", "DeleteInstance"):
        with pytest.raises(ApiError, match="IncorrectInstanceStatus"):
            world.call("ecs", action, InstanceId=world.a)
    world.clock.advance(11)
    world.call("ecs", "StopInstance", InstanceId=world.a)
    with pytest.raises(ApiError, match=r"InvalidInstanceId\.NotFound"):
        world.call("ecs", "StartInstance", InstanceId="i-none")


def test_an_instance_that_is_a_next_hop_can_not_be_deleted(world: CloudWorld) -> None:
    """Not even by force; another one can, and its event is the last thing heard of it."""
    with pytest.raises(ApiError, match=r"DependencyViolation\.RouteEntry"):
        world.call("ecs", "DeleteInstance", InstanceId=world.a, Force="true")
    world.call("ecs", "DeleteInstance", InstanceId=world.b, Force="true")
    world.clock.advance(10)
    assert [one["InstanceId"] for one in listed(world)] == [world.a]
    assert world.states(world.b) == ["Stopping", "Deleted"]
    assert ("destroy", world.b) in world.data_plane.done


@pytest.mark.parametrize("action, name", [("DeleteInstance", "InstanceId"), ("DeleteInstances", "InstanceId.1")])
@pytest.mark.parametrize("force", ["Force", "ForceStop"])
def test_an_instance_that_runs_is_deleted_by_force(world: CloudWorld, action: str, name: str, force: str) -> None:
    """Either word says so; without one, or with a no, it has to be stopped first."""
    for gentle in ({}, {force: "false"}):
        with pytest.raises(ApiError, match="IncorrectInstanceStatus"):
            world.call("ecs", action, **{name: world.b}, **gentle)
    world.call("ecs", action, **{name: world.b, force: "true"})
    world.clock.advance(10)
    assert [one["InstanceId"] for one in listed(world)] == [world.a]


@pytest.mark.parametrize(
    "action, name, force",
    [
        ("StopInstance", "InstanceId", "ForceStop"), ("StopInstances", "InstanceId.1", "ForceStop"),
        ("RebootInstance", "InstanceId", "ForceStop"), ("RebootInstances", "InstanceId.1", "ForceReboot"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("said, way", [("true", "hard"), ("false", "soft"), ("", "soft")])
def test_force_takes_the_power_away(world: CloudWorld, action: str, name: str, force: str, said: str, way: str) -> None:
    """Without it the system is asked to shut down."""
    world.call("ecs", action, **{name: world.b}, **({force: said} if said else {}))
    world.clock.advance(60)
    assert [done for done in world.data_plane.done if done[0] == "power_off"] == [("power_off", world.b, way)]


def test_batches_answer_for_each_instance(world: CloudWorld) -> None:
    """Where one can not be stopped, none is, unless SuccessFirst is wanted."""
    both = {"InstanceId.1": world.a, "InstanceId.2": world.b}
    world.cloud.ecs.reboot(world.b)
    with pytest.raises(ApiError, match="IncorrectInstanceStatus"):
        world.call("ecs", "StopInstances", **both)
    assert status(world, world.a) == "Running"
    answer: dict[str, Any] = world.call("ecs", "StopInstances", **both, BatchOptimization="SuccessFirst")
    codes = {one["InstanceId"]: one["Code"] for one in answer["InstanceResponses"]["InstanceResponse"]}
    assert codes == {world.a: "200", world.b: "IncorrectInstanceStatus"}
    with pytest.raises(ApiError, match="IncorrectInstanceStatus"):
        world.call("ecs", "StartInstances", **both, BatchOptimization="AllTogether")
    with pytest.raises(ApiError, match=r"DRYRUN\.SUCCESS"):
        world.call("ecs", "RebootInstances", **both, DryRun="true", BatchOptimization="SuccessFirst")
    world.clock.advance(60)
    world.call("ecs", "StopInstances", **both)
    world.clock.advance(60)
    world.call("ecs", "StartInstances", **both)
    world.clock.advance(60)
    assert {status(world, world.a), status(world, world.b)} == {"Running"}


def test_instances_are_listed_with_addresses_locks_and_network(world: CloudWorld) -> None:
    """What a program needs to judge a gateway is all there."""
    bare = world.cloud.ecs.create_instance(world.vswitch, "10.0.1.77", spot=True, tags={"role": "gateway"})
    allocation = world.cloud.vpc.allocate_eip(bare)
    (one,) = listed(world, InstanceIds=json.dumps([bare]))
    assert one["EipAddress"]["AllocationId"] == allocation
    assert one["EipAddress"]["IpAddress"] == world.cloud.vpc.address_of(allocation)
    assert one["PublicIpAddress"] == {"IpAddress": []}
    assert one["VpcAttributes"]["PrivateIpAddress"]["IpAddress"] == ["10.0.1.77"]
    assert (one["SpotStrategy"], one["OperationLocks"]) == ("SpotAsPriceGo", {"LockReason": []})
    assert [each["InstanceId"] for each in listed(world, **{"Tag.1.Key": "role"})] == [bare]
    (own,) = listed(world, InstanceIds=json.dumps([world.a]))
    assert own["PublicIpAddress"]["IpAddress"][0].startswith("198.51.100.")
    attribute: dict[str, Any] = world.call("ecs", "DescribeInstanceAttribute", InstanceId=bare)
    assert attribute["VpcAttributes"] == one["VpcAttributes"]


@pytest.mark.parametrize("paging", [{"MaxResults": "2"}, {"PageSize": "2", "PageNumber": "1"}])
def test_both_styles_of_paging_reach_every_instance(world: CloudWorld, paging: dict[str, str]) -> None:
    """Tokens or page numbers, no instance is lost or seen twice."""
    for _ in range(3):
        world.cloud.ecs.create_instance(world.vswitch)
    seen: list[str] = []
    params = dict(paging)
    for _ in range(3):
        answer: dict[str, Any] = world.call("ecs", "DescribeInstances", **params)
        seen += [one["InstanceId"] for one in answer["Instances"]["Instance"]]
        if "MaxResults" in paging:
            params["NextToken"] = answer["NextToken"]
        else:
            params["PageNumber"] = str(int(params["PageNumber"]) + 1)
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    "params,code",
    [
        ({"InstanceIds": "i-1"}, "InvalidInstanceIds"),
        ({"InstanceIds": '{"a": 1}'}, "InvalidInstanceIds"),
        ({"MaxResults": "101"}, "InvalidMaxResults"),
        ({"PageSize": "many"}, "InvalidPageSize"),
        ({"RegionId": "cn-atlantis"}, "InvalidRegionId.NotFound"),
        ({"RegionId": ""}, "MissingRegionId"),
        ({"RdmaIpAddresses": "x"}, "UnsupportedParameter"),
    ],
)
def test_a_malformed_question_is_refused(world: CloudWorld, params: dict[str, str], code: str) -> None:
    """Wrong types, values out of range and unknown places have the gateway's codes."""
    with pytest.raises(ApiError) as refusal:
        listed(world, **params)
    assert refusal.value.code == code


def test_unknown_instances_are_not_listed_and_no_error(world: CloudWorld) -> None:
    """A list of ids is a filter; an empty one selects nothing."""
    assert listed(world, InstanceIds=json.dumps(["i-none"])) == []
    assert listed(world, InstanceIds="[]") == []
    answer: dict[str, Any] = world.call("ecs", "DescribeInstanceStatus", **{"InstanceId.1": world.b})
    assert answer["InstanceStatuses"]["InstanceStatus"] == [{"InstanceId": world.b, "Status": "Running"}]


def test_source_destination_check_is_off_until_set(world: CloudWorld) -> None:
    """Unlike elsewhere it defaults to false."""
    eni = world.cloud.ecs.instance(world.a).eni_id

    def check() -> bool:
        answer: dict[str, Any] = world.call("ecs", "DescribeNetworkInterfaces", InstanceId=world.a)
        (interface,) = answer["NetworkInterfaceSets"]["NetworkInterfaceSet"]
        assert interface["NetworkInterfaceId"] == eni
        return bool(interface["SourceDestCheck"])

    assert check() is False
    world.call("ecs", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=eni, SourceDestCheck="true")
    assert check() is True
    with pytest.raises(ApiError, match=r"InvalidEniId\.NotFound"):
        world.call("ecs", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId="eni-none")


def test_a_route_may_point_at_a_network_interface(world: CloudWorld) -> None:
    """The interface is found by its id, as an instance is."""
    world.call(
        "vpc",
        "ModifyRouteEntry",
        RouteEntryId=world.route,
        NewNextHopType="NetworkInterface",
        NewNextHopId=world.cloud.ecs.instance(world.b).eni_id,
    )
    world.clock.advance(5)
    entry = world.cloud.vpc.route(world.table)
    assert entry is not None
    assert entry.next_hop.kind == "NetworkInterface"


def test_groups_zones_and_regions_are_described(world: CloudWorld) -> None:
    """One security group per VPC, the zones in use among the region's, one region."""
    groups: dict[str, Any] = world.call("ecs", "DescribeSecurityGroups", VpcId=world.vpc)
    (group,) = groups["SecurityGroups"]["SecurityGroup"]
    assert group["EcsCount"] == 2
    attribute: dict[str, Any] = world.call(
        "ecs", "DescribeSecurityGroupAttribute", SecurityGroupId=group["SecurityGroupId"]
    )
    assert attribute["Permissions"]["Permission"][0]["SourceCidrIp"] == "10.0.0.0/8"
    with pytest.raises(ApiError, match=r"InvalidSecurityGroupId\.NotFound"):
        world.call("ecs", "DescribeSecurityGroupAttribute", SecurityGroupId="sg-none")
    zones: dict[str, Any] = world.call("ecs", "DescribeZones")
    assert "cn-hangzhou-h" in [zone["ZoneId"] for zone in zones["Zones"]["Zone"]]
    regions: dict[str, Any] = world.cloud.call("ecs", "DescribeRegions", {})
    assert [region["RegionId"] for region in regions["Regions"]["Region"]] == ["cn-hangzhou"]


def test_tags_are_set_listed_and_removed(world: CloudWorld) -> None:
    """By key or all at once; what does not exist can not be tagged."""
    where = {"ResourceType": "instance", "ResourceId.1": world.a}
    world.call("ecs", "TagResources", **where, **{"Tag.1.Key": "team", "Tag.1.Value": "net"})
    answer: dict[str, Any] = world.call("ecs", "ListTagResources", **where)
    assert answer["TagResources"]["TagResource"] == [
        {"ResourceId": world.a, "ResourceType": "instance", "TagKey": "team", "TagValue": "net"}
    ]
    world.call("ecs", "UntagResources", **where, **{"TagKey.1": "team"})
    answer = world.call("ecs", "ListTagResources", **where)
    assert answer["TagResources"]["TagResource"] == []
    for change, code in [
        ({"ResourceId.1": "i-none"}, "InvalidResourceId.NotFound"),
        ({"ResourceType": "moon"}, "InvalidResourceType.NotFound"),
        ({"Tag.1.Key": "aliyun-x"}, "InvalidTagKey.Malformed"),
    ]:
        with pytest.raises(ApiError) as refusal:
            world.call("ecs", "TagResources", **{**where, "Tag.1.Key": "k", "Tag.1.Value": "v", **change})
        assert refusal.value.code == code


def test_reset_forgets_everything(world: CloudWorld) -> None:
    """Resources, pending changes, events, faults and the log are gone; ids and addresses begin anew or later."""
    world.cloud.ecs.stop(world.a)
    world.cloud.reset()
    world.clock.advance(100)
    assert (listed(world), world.events) == ([], [])
    assert [call.action for call in world.cloud.calls] == ["DescribeInstances"]


@pytest.mark.parametrize(
    "action,params,code,status",
    [
        ("TagResources", {"ResourceType": "instance"}, "MissingParameter.ResourceIds", 404),
        ("ListTagResources", {"ResourceType": "instance"}, "BothEmpty.TagsAndResources", 403),
        ("CreateSimulatedSystemEvents", {"EventType": "x"}, "MissingParameter", 404),
        ("DescribeSecurityGroups", {"RegionId": ""}, "MissingParameter.RegionId", 400),
        ("ModifyNetworkInterfaceAttribute", {}, "MissingParameter", 400),
    ],
)
def test_missing_parameters_have_the_products_own_code_where_it_has_one(
    world: CloudWorld, action: str, params: dict[str, str], code: str, status: int
) -> None:
    """Else the gateway's."""
    with pytest.raises(ApiError) as refusal:
        world.call("ecs", action, **params)
    assert (refusal.value.code, refusal.value.status) == (code, status)


@pytest.mark.parametrize("network, found", [("vpc", 2), ("classic", 0)])
def test_every_instance_is_in_a_vpc(world: CloudWorld, network: str, found: int) -> None:
    """None is of the classic network, and another word is refused."""
    assert len(listed(world, InstanceNetworkType=network)) == found
