"""What the real platform refuses, the local one refuses: limits, destinations, tokens, rates, and unconfirmed ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from tests.cloud.worlds import CloudWorld, build


@pytest.fixture
def world() -> CloudWorld:
    return made()


def made(**readings: str) -> CloudWorld:
    """A VPC with two gateways and a default route through the first, under some readings."""
    return build(readings={name.replace("_", "-"): way for name, way in readings.items()})


def create(world: CloudWorld, destination: str, **more: str) -> Any:
    hop = {"NextHopType": "Instance", "NextHopId": world.b}
    return world.call(
        "vpc", "CreateRouteEntry", RouteTableId=world.table, DestinationCidrBlock=destination, **{**hop, **more}
    )


def modify(world: CloudWorld, **more: str) -> Any:
    return world.call("vpc", "ModifyRouteEntry", RouteTableId=world.table, DestinationCidrBlock="0.0.0.0/0", **more)


def to(gateway: str) -> dict[str, str]:
    return {"NewNextHopType": "Instance", "NewNextHopId": gateway}


def entries(world: CloudWorld) -> list[dict[str, Any]]:
    answer = world.call("vpc", "DescribeRouteEntryList", RouteTableId=world.table, RouteEntryType="Custom")
    return list(answer["RouteEntrys"]["RouteEntry"])


# ---- limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "product, action, given, code",
    [
        ("ecs", "DescribeInstances", {"InstanceIds": json.dumps(["i-x"] * 101)}, "InvalidInstanceIds"),
        ("ecs", "DescribeInstances", {"MaxResults": "101"}, "InvalidMaxResults"),
        ("ecs", "DescribeInstances", {"Status": "Broken"}, "InvalidStatus.NotFound"),
        (
            "ecs",
            "DescribeInstancesFullStatus",
            {f"InstanceId.{n}": "i-x" for n in range(1, 102)},
            "InstanceIdLimitExceeded",
        ),
        ("ecs", "DescribeInstancesFullStatus", {"PageSize": "101"}, "InvalidPageSize"),
        (
            "vpc",
            "DescribeEipAddresses",
            {"AllocationId": ",".join(f"eip-{n}" for n in range(51))},
            "InstanceIdLength.Exceed",
        ),
        ("vpc", "DescribeEipAddresses", {"Status": "Broken"}, "InvalidStatus"),
        ("vpc", "DescribeNatGateways", {"PageSize": "51"}, "InvalidPageSize"),
        ("vpc", "DescribeVpcs", {"PageSize": "51"}, "InvalidPageSize"),
        ("vpc", "DescribeVSwitches", {"PageSize": "51"}, "InvalidPageSize"),
        ("oos", "ListExecutions", {"MaxResults": "101"}, "InvalidMaxResults"),
        (
            "actiontrail",
            "LookupEvents",
            {f"LookupAttribute.{n}.Key": "EventName" for n in (1, 2, 3)},
            "InvalidLookupAttribute",
        ),
    ],
)
def test_a_request_for_too_much_is_refused(
    world: CloudWorld, product: str, action: str, given: dict[str, str], code: str
) -> None:
    """One more than the API takes, and filters of states that do not exist."""
    with pytest.raises(ApiError) as refused:
        world.call(product, action, **given)
    assert refused.value.code == code


def test_a_list_of_destinations_has_two_hundred_at_most(world: CloudWorld) -> None:
    """200 are taken, 201 are not."""
    wanted = {f"DestCidrBlockList.{n}": "0.0.0.0/0" for n in range(1, 201)}
    world.call("vpc", "DescribeRouteEntryList", RouteTableId=world.table, **wanted)
    with pytest.raises(ApiError, match="InvalidDestCidrBlockList"):
        world.call(
            "vpc", "DescribeRouteEntryList", RouteTableId=world.table, **wanted, **{"DestCidrBlockList.201": "::/0"}
        )


def test_system_entries_have_no_name_to_filter_by(world: CloudWorld) -> None:
    """RouteEntryType=System with RouteEntryName."""
    with pytest.raises(ApiError, match=r"OperationFailed\.FilterParamUnderWrongRouteType"):
        world.call(
            "vpc", "DescribeRouteEntryList", RouteTableId=world.table, RouteEntryType="System", RouteEntryName="x"
        )


def test_a_table_takes_two_hundred_custom_entries(world: CloudWorld) -> None:
    """The 200th is taken, the 201st is not, unless the quota was raised."""
    for number in range(198):
        world.cloud.vpc.add_route(world.table, f"172.16.{number}.0/24", world.b)
    create(world, "192.0.2.0/24")
    world.clock.advance(10)
    with pytest.raises(ApiError, match="QuotaExceeded"):
        create(world, "198.51.100.0/24")
    world.cloud.vpc.routing.most_entries = 400
    create(world, "198.51.100.0/24")


@pytest.mark.parametrize(
    "destination, code",
    [
        ("10.0.1.0/24", "InvalidCIDRBlock.Duplicate"),  # the vSwitch's own, for which there is a system entry
        ("10.0.1.128/25", "OperationUnsupported.DestinationCidrBlockOverlapWithVSwitch"),
        ("10.0.1.7", "OperationUnsupported.DestinationCidrBlockOverlapWithVSwitch"),
        ("100.100.2.0/24", "InvalidDestinationCidrBlock"),
        ("192.0.2.1/24", "InvalidCidrBlock"),
        ("nowhere", "InvalidCidrBlock.Malformed"),
    ],
)
def test_a_destination_that_cannot_be_is_refused(world: CloudWorld, destination: str, code: str) -> None:
    """Inside a vSwitch, among the platform's services, with host bits, or no network at all."""
    with pytest.raises(ApiError) as refused:
        create(world, destination)
    assert refused.value.code == code


def test_an_address_alone_is_a_network_of_one(world: CloudWorld) -> None:
    """The entry reads back as /32."""
    create(world, "192.0.2.7")
    assert "192.0.2.7/32" in [entry["DestinationCidrBlock"] for entry in entries(world)]


@pytest.mark.parametrize("token", ["täglich", "x" * 65])
@pytest.mark.parametrize("action", ["CreateRouteEntry", "AssociateEipAddress"])
def test_a_client_token_is_ascii_and_at_most_64_long(world: CloudWorld, action: str, token: str) -> None:
    """Whichever operation takes one."""
    with pytest.raises(ApiError, match="InvalidClientToken"):
        world.call(
            "vpc",
            action,
            ClientToken=token,
            **{"RouteTableId": world.table, "DestinationCidrBlock": "192.0.2.0/24"} if "Route" in action else {},
            **{"AllocationId": "eip-x", "InstanceId": world.b} if "Eip" in action else {},
        )


@pytest.mark.parametrize("way", ["one-request", "first-answer"])
def test_a_token_belongs_to_one_request(way: str) -> None:
    """The same request again is the same entry; another one with the token is refused, or answered as the first."""
    world = made(client_tokens=way)
    first = create(world, "192.0.2.0/24", ClientToken="t-1")
    world.clock.advance(10)
    assert create(world, "192.0.2.0/24", ClientToken="t-1")["RouteEntryId"] == first["RouteEntryId"]
    if way == "first-answer":
        assert create(world, "198.51.100.0/24", ClientToken="t-1")["RouteEntryId"] == first["RouteEntryId"]
        assert "198.51.100.0/24" not in [entry["DestinationCidrBlock"] for entry in entries(world)]
        return
    with pytest.raises(ApiError, match="IdempotentParameterMismatch"):
        create(world, "198.51.100.0/24", ClientToken="t-1")


def test_a_description_waits_for_the_vpc_s_task_like_any_write(world: CloudWorld) -> None:
    """Another entry of the VPC is being created."""
    create(world, "192.0.2.0/24")
    with pytest.raises(ApiError, match="TaskConflict"):
        modify(world, Description="memory")
    world.clock.advance(10)
    modify(world, Description="memory")


def test_three_hundred_route_writes_a_minute_are_all_there_are(world: CloudWorld) -> None:
    """The next is throttled until a minute has passed since the first."""
    for _ in range(300):
        modify(world, Description="memory")
    with pytest.raises(ApiError) as throttled:
        modify(world, Description="memory")
    assert throttled.value.code == "Throttling.User"
    world.clock.advance(60)
    modify(world, Description="memory")


def test_events_are_looked_up_twice_a_second(world: CloudWorld) -> None:
    """The third look-up is throttled."""
    for _ in range(2):
        world.call("actiontrail", "LookupEvents")
    with pytest.raises(ApiError) as throttled:
        world.call("actiontrail", "LookupEvents")
    assert throttled.value.code == "Throttling.User"
    world.clock.advance(1)
    world.call("actiontrail", "LookupEvents")


@pytest.mark.parametrize(
    "action, running, stopped",
    [
        ("StartInstance", "IncorrectInstanceStatus", "DRYRUN.SUCCESS"),
        ("StopInstance", "DRYRUN.SUCCESS", "DRYRUN.SUCCESS"),
        ("RebootInstance", "DRYRUN.SUCCESS", "IncorrectInstanceStatus"),
        ("DeleteInstance", "IncorrectInstanceStatus", "DRYRUN.SUCCESS"),
    ],
)
def test_a_dry_run_of_one_instance_checks_and_does_nothing(
    world: CloudWorld, action: str, running: str, stopped: str
) -> None:
    """An instance that was only asked about stays as it is, and one that is not there is not found."""
    for state, code in (("Running", running), ("Stopped", stopped)):
        with pytest.raises(ApiError, match=code):
            world.call("ecs", action, InstanceId=world.b, DryRun="true")
        assert world.cloud.ecs.status_of(world.b) == state
        world.cloud.ecs.stop(world.b)
        world.clock.advance(60)
    with pytest.raises(ApiError, match=r"InvalidInstanceId\.NotFound"):
        world.call("ecs", action, InstanceId="i-none", DryRun="true")


# ---- readings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way, taken, refused",
    [
        ("anything", "[nk1 é]", None),
        ("ascii-without-brackets", "nk1 h=i-1 @now", "[nk1]"),
        ("ascii-without-brackets", "", "nk1 é"),
        ("256-bytes", "é" * 128, "é" * 129),
        ("nothing", "", "x"),
    ],
)
def test_a_description_may_be_refused_for_its_characters(way: str, taken: str, refused: str | None) -> None:
    """Which are allowed is published nowhere; Create and Modify refuse with codes of their own."""
    world = made(route_description=way)
    create(world, "192.0.2.0/24", Description=taken)
    world.clock.advance(10)
    if refused is not None:
        with pytest.raises(ApiError, match=r"InvalidDescription\.Malformed"):
            create(world, "198.51.100.0/24", Description=refused)
        with pytest.raises(ApiError, match=r"IllegalParam\.RouteEntryName"):
            modify(world, Description=refused)


def test_a_name_may_be_refused() -> None:
    """InvalidRouteEntryName.Malformed, by either."""
    world = made(route_name="refused")
    with pytest.raises(ApiError, match=r"InvalidRouteEntryName\.Malformed"):
        modify(world, RouteEntryName="natkeeper-prod")
    modify(world, **to(world.b))


def test_the_lower_half_of_the_internet_may_be_black_listed() -> None:
    """The upper one is not."""
    world = made(route_half="black-listed")
    with pytest.raises(ApiError, match="InvalidDestinationCidrBlock"):
        create(world, "0.0.0.0/1")
    create(world, "128.0.0.0/1")


def test_a_stopped_instance_may_be_refused_as_a_next_hop() -> None:
    """By default it is taken."""
    for way, expected in (("taken", None), ("refused", "IncorrectStatus.NextHop")):
        world = made(route_to_stopped=way)
        with world.cloud.lock:
            world.cloud.ecs.stop(world.b)
        world.clock.advance(60)
        if expected is None:
            modify(world, **to(world.b))
            continue
        with pytest.raises(ApiError) as refused:
            modify(world, **to(world.b))
        assert refused.value.code == expected
        with pytest.raises(ApiError, match="IncorrectInstanceStatus"):
            create(world, "192.0.2.0/24")


@pytest.mark.parametrize("way, shown", [("stays", ["Available"]), ("vanishes", []), ("unavailable", ["Unavailable"])])
def test_an_entry_to_a_stopped_instance_is_shown_in_one_of_three_ways(way: str, shown: list[str]) -> None:
    """While it runs there is no difference."""
    world = made(route_stopped_hop=way)
    assert [entry["Status"] for entry in entries(world)] == ["Available"]
    with world.cloud.lock:
        world.cloud.ecs.stop(world.a)
    world.clock.advance(60)
    assert [entry["Status"] for entry in entries(world)] == shown


def test_states_may_have_the_words_of_the_prose() -> None:
    """Creating and Created, where the enumeration says Pending and Available."""
    world = made(route_status_words="creating-created")
    create(world, "192.0.2.0/24")
    assert [entry["Status"] for entry in entries(world)] == ["Created", "Creating"]


def test_a_managed_gateway_may_be_refused_in_place() -> None:
    """UnsupportedFeature.ModifyRouteEntryNextHop."""
    world = made(route_in_place_to_nat="refused")
    gateway = world.cloud.vpc.create_nat_gateway(world.vpc, world.vswitch)
    with pytest.raises(ApiError, match=r"UnsupportedFeature\.ModifyRouteEntryNextHop"):
        modify(world, NewNextHopType="NatGateway", NewNextHopId=gateway)


def test_a_new_managed_gateway_may_add_the_default_route() -> None:
    """Where the system table has none."""
    for way, expected in (("adds-no-route", False), ("adds-a-route", True)):
        cloud = Cloud(VirtualClock(), readings={"nat-creation": way})
        vpc = cloud.vpc.create_vpc()
        cloud.vpc.create_nat_gateway(vpc, cloud.vpc.create_vswitch(vpc, "10.0.0.0/24"))
        assert (cloud.vpc.route(cloud.vpc.system_table(vpc)) is not None) is expected


def test_creates_and_deletes_may_need_a_pause_between_them() -> None:
    """Five seconds; a change in place needs none."""
    world = made(route_task_gap="5s")
    first = create(world, "192.0.2.0/24")["RouteEntryId"]
    world.clock.advance(4)
    with pytest.raises(ApiError, match="TaskConflict"):
        world.call("vpc", "DeleteRouteEntry", RouteEntryId=first)
    modify(world, **to(world.b))
    world.clock.advance(5)
    world.call("vpc", "DeleteRouteEntry", RouteEntryId=first)


@pytest.mark.parametrize("way", ["refused", "taken"])
def test_an_eip_may_be_taken_off_an_instance_that_stops(way: str) -> None:
    """By default that has to wait until it is Stopped."""
    world = made(eip_off_stopping=way)
    eip = world.cloud.vpc.allocate_eip(world.b)
    with world.cloud.lock:
        world.cloud.ecs.stop(world.b)
    unassociate: Callable[[], Any] = lambda: world.call("vpc", "UnassociateEipAddress", AllocationId=eip)  # noqa: E731
    if way == "taken":
        unassociate()
    else:
        with pytest.raises(ApiError, match="IncorrectInstanceStatus"):
            unassociate()


@pytest.mark.parametrize("way, listed", [("all", 1), ("running-only", 0)])
def test_a_list_of_invocations_may_hold_only_running_ones(way: str, listed: int) -> None:
    """Unless a state is asked for."""
    world = made(invocations=way)
    world.call(
        "ecs", "RunCommand", Type="RunShellScript", CommandContent="true", **{"InstanceId.1": world.a, "Name": "x"}
    )
    world.clock.advance(120)
    assert len(world.call("ecs", "DescribeInvocations")["Invocations"]["Invocation"]) == listed


@pytest.mark.parametrize(
    "how, code", [({}, "IncorrectInstanceStatus"), ({"BatchOptimization": "SuccessFirst"}, "SUCCESS")]
)
def test_a_dry_run_of_several_checks_each(world: CloudWorld, how: dict[str, str], code: str) -> None:
    """With SuccessFirst it passes whatever each would be answered (StartInstances); nothing starts."""
    world.cloud.ecs.stop(world.b)
    world.clock.advance(60)
    with pytest.raises(ApiError, match=code):
        world.call("ecs", "StartInstances", **{"InstanceId.1": world.b, "InstanceId.2": world.a}, DryRun="true", **how)
    assert world.cloud.ecs.status_of(world.b) == "Stopped"
