"""What happens seldom, or by another reading only: guests that break a command, announcements called off, packages in
buckets, rights checked early, credentials kept, paths in an event.
"""

from __future__ import annotations

from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.dataplane import CommandResult
from natlab.cloud.eventbridge.bus import InvalidEventError, check_event
from natlab.cloud.eventbridge.models import Target, TargetParameter
from natlab.cloud.eventbridge.transform import body_for
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.sls.routes import LogStore, Project
from tests.cloud.functions_for_tests import function_body
from tests.cloud.guests import GuestCloud
from tests.cloud.worlds import build

EVENT = {"id": "1", "source": "s", "specversion": "1.0", "type": "t", "data": {"list": [{"name": "a"}, "b"], "n": 1}}
RUN = {"Type": "RunShellScript", "CommandContent": "x"}


def fc_cloud(**readings: str) -> Cloud:
    clock = VirtualClock()
    cloud = Cloud(clock, readings={name.replace("_", "-"): way for name, way in readings.items()})
    cloud.fc.dispatcher.runtime = CallableRuntime(clock, {"f": lambda event, _context: event})
    return cloud


@pytest.mark.parametrize(
    "stops, told", [(False, ("Error", "ExecutionException")), (True, ("Failed", "ExecutionInterrupted"))]
)
def test_a_command_that_a_guest_could_not_finish_says_why(stops: bool, told: tuple[str, str]) -> None:  # noqa: FBT001
    """An exception on a machine that runs, an interruption on one that went down."""
    ground = GuestCloud()

    def broken(instance: str, _script: bytes) -> CommandResult:
        if stops:
            ground.cloud.ecs.stop(instance, force=True)
        return CommandResult(0, b"half", "cut off")

    ground.guests.script = broken
    ground.ecs("RunCommand", **RUN, InstanceId__1=ground.one)
    ground.pass_time(5)
    answer: Any = ground.ecs("DescribeInvocationResults", ContentEncoding="PlainText")
    (result,) = answer["Invocation"]["InvocationResults"]["InvocationResult"]
    assert (result["InvocationStatus"], result["ErrorCode"], result["ErrorInfo"]) == (*told, "cut off")
    assert result["Output"] == "half"


def test_a_list_of_tags_has_to_be_had_whole() -> None:
    """A filter by two tags finds what has both, with those values."""
    ground = GuestCloud()
    tags = {"Tag__1__Key": "a", "Tag__1__Value": "1", "Tag__2__Key": "b", "Tag__2__Value": "2"}
    ground.ecs("CreateCommand", **RUN, Name="n", **tags)

    def found(**wanted: str) -> int:
        answer: Any = ground.ecs("DescribeCommands", **wanted)
        return len(answer["Commands"]["Command"])

    assert (found(**tags), found(Tag__1__Key="a"), found(Tag__1__Key="b", Tag__1__Value="2")) == (1, 1, 1)
    assert (found(Tag__1__Key="a", Tag__1__Value="2"), found(Tag__1__Key="c"), found(**tags, Tag__3__Key="c")) == (
        0,
        0,
        0,
    )


def test_what_was_announced_can_be_called_off() -> None:
    """No maintenance, no lock, and the spot instance stays."""
    world = build()
    spot = world.cloud.ecs.create_instance(world.vswitch, spot=True)
    world.cloud.ecs.schedule_maintenance(spot)
    world.cloud.ecs.schedule_maintenance(world.a)
    world.cloud.ecs.reclaim_spot(spot)
    world.cloud.ecs.call_off(spot)
    world.clock.advance(1000)
    assert (world.cloud.ecs.status_of(spot), world.cloud.ecs.instance(spot).locks) == ("Running", ())
    cancelled = [data["instanceId"] for data in world.event_data("ecs:Instance:SystemMaintenance.Reboot")][2:]
    assert cancelled == [spot]


def test_a_vswitch_gives_out_each_address_once_and_then_none() -> None:
    """From .10 on; the platform keeps the last ones."""
    world = build()
    small = world.cloud.vpc.create_vswitch(world.vpc, "10.0.9.0/27")
    made = [world.cloud.ecs.create_instance(small) for _ in range(16)]
    assert [world.cloud.ecs.instance(each).private_ip for each in made] == [f"10.0.9.{n}" for n in range(10, 26)]
    with pytest.raises(ApiError) as refused:
        world.cloud.ecs.create_instance(small)
    assert (refused.value.code, refused.value.status) == ("InvalidVSwitchId.IpNotEnough", 403)
    world.cloud.ecs.vanish(made[3])
    assert world.cloud.ecs.instance(world.cloud.ecs.create_instance(small)).private_ip == "10.0.9.13"


def test_public_addresses_end() -> None:
    """254 of them."""
    world = build()
    for _ in range(252):
        world.cloud.vpc.allocate_eip()
    with pytest.raises(ApiError, match=r"OperationFailed\.InsufficientEIP"):
        world.call("vpc", "AllocateEipAddress")


def test_a_package_may_be_in_a_bucket() -> None:
    """Where it is; what is not there is refused."""
    cloud = fc_cloud()
    cloud.objects.put("bucket", "key", b"PK\x05\x06" + bytes(18))
    code = {"ossBucketName": "bucket", "ossObjectName": "key"}
    assert cloud.fc.create_function({**function_body("f"), "code": code}).code.archive.startswith(b"PK")
    for wrong in ({**code, "ossObjectName": "other"}, {**code, "ossBucketName": "other"}, {"ossBucketName": "bucket"}):
        with pytest.raises(ApiError, match="InvalidArgument"):
            cloud.fc.create_function({**function_body("g"), "code": wrong})


@pytest.mark.parametrize(
    "given, taken", [(("p", "l"), True), (("p", "m"), False), (("q", "l"), False), (("p", ""), False)]
)
def test_a_place_for_logs_has_to_be_there(given: tuple[str, str], taken: bool) -> None:  # noqa: FBT001
    """The project and the log store in it."""
    cloud = fc_cloud()
    cloud.sls.projects["p"] = Project(stores={"l": LogStore(30, 1)})
    body = {**function_body("f"), "logConfig": {"project": given[0], "logstore": given[1]}}
    if taken:
        cloud.fc.create_function(body)
        return
    with pytest.raises(ApiError, match="InvalidArgument"):
        cloud.fc.create_function(body)


def test_rights_may_be_needed_to_deploy() -> None:
    """By one reading a role without the rights for logs or the VPC is refused; by the other it is found out later."""
    network = {"vpcConfig": {"vpcId": "vpc-1", "vSwitchIds": ["vsw-1"], "securityGroupId": "sg-1"}}
    for way, refused in (("needed-to-deploy", True), ("needed-to-run", False)):
        cloud = fc_cloud(role_rights=way)
        role = cloud.ram.create_role("r", "fc.aliyuncs.com")
        cloud.ram.enforce()
        body = {**function_body("f"), **network, "role": role}
        if refused:
            with pytest.raises(ApiError, match="AccessDenied"):
                cloud.fc.create_function(body)
            continue
        cloud.fc.create_function(body)
        assert cloud.fc.invoke("f").error_type == "AccessDenied"
        assert cloud.fc.instances("f") == []


@pytest.mark.parametrize("form, value, expected", [
    ("JSONPATH", "$.data.list[0].name", b"a"),
    ("JSONPATH", "$.data.list[1]", b"b"),
    ("JSONPATH", "$.data.list[2]", b"null"),
    ("JSONPATH", "$.data.none", b"null"),
    ("JSONPATH", "$.data.n", b"1"),
    ("JSONPATH", "$.data.list[0]", b'{"name":"a"}'),
    ("CONSTANT", "text", b"text"),
    ("TEMPLATE", '{"n": "$.data.n", "a": "$.data.list[0].name"}', b"1 a null"),
])  # fmt: skip
def test_a_target_gets_its_part_of_an_event(form: str, value: str, expected: bytes) -> None:
    """By path, with indexes; what is not there is null."""
    rows = (TargetParameter("Other", "CONSTANT", "x", ""), TargetParameter("body", form, value, "${n} ${a} ${none}"))
    assert body_for(Target("t", "k", "e", parameters=rows), EVENT) == expected


@pytest.mark.parametrize(
    "change", [{"id": ""}, {"source": 1}, {"type": None}, {"specversion": "0.3"}, {"specversion": ""}, {"data": []}]
)
def test_what_is_no_cloudevents_object_names_its_fault(change: dict[str, object]) -> None:
    """Every required attribute, the version, and the kind of data."""
    check_event(EVENT)
    check_event({key: value for key, value in EVENT.items() if key != "data"})
    with pytest.raises(InvalidEventError, match=next(iter(change))):
        check_event({**EVENT, **change})
