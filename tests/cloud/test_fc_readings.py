"""Open facts of FC and ActionTrail: what functions may name, how many instances there are, what events carry."""

from __future__ import annotations

from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.errors import ApiError
from tests.cloud.test_strictness import made, modify, to


def function(cloud: Cloud, **given: Any) -> None:
    """Create a function of one line with what is given."""
    code = {"zipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}
    cloud.fc.create_function(
        {"functionName": "f", "runtime": "python3.12", "handler": "index.handler", "code": code, **given}
    )


@pytest.mark.parametrize("wrong", ["role", "vSwitch", "VPC", "destination", ""])
def test_a_function_may_have_to_name_what_there_is(wrong: str) -> None:
    """Role, network and destination; by default nobody looks before they are used."""
    for way in ("unchecked", "checked"):
        world = made(fc_references=way)
        world.cloud.ram.create_role("There", "fc.aliyuncs.com")
        account = f"acs:ram::{world.cloud.account_id}:role"
        vswitch, vpc = ("vsw-x" if wrong == "vSwitch" else world.vswitch), ("vpc-x" if wrong == "VPC" else world.vpc)
        given = {
            "role": f"{account}/{'missing' if wrong == 'role' else 'there'}",
            "vpcConfig": {"vpcId": vpc, "vSwitchIds": [vswitch], "securityGroupId": "sg-1"},
        }
        onto = world.cloud.fc.arn("g" if wrong == "destination" else "f")

        def deploy(cloud: Cloud = world.cloud, given: Any = given, onto: str = onto) -> None:
            function(cloud, **given)
            cloud.fc.put_async_config("f", {"destinationConfig": {"onFailure": {"destination": onto}}})

        if way == "unchecked" or not wrong:
            deploy()
            continue
        with pytest.raises(ApiError, match="does not exist"):
            deploy()


@pytest.mark.parametrize("instances, most", [("100", 90), ("300", 270)])
def test_an_account_has_so_many_instances(instances: str, most: int) -> None:
    """90 % of them can be reserved, by all functions together."""
    cloud = made(fc_instances=instances).cloud
    function(cloud)
    cloud.fc.put_concurrency("f", {"reservedConcurrency": most})
    with pytest.raises(ApiError, match=f"{most} instances can be reserved"):
        cloud.fc.put_concurrency("f", {"reservedConcurrency": most + 1})


@pytest.mark.parametrize("way, carried", [("carried", True), ("left-out", False)])
def test_an_audit_event_may_leave_out_the_call_s_parameters(way: str, *, carried: bool) -> None:
    """The resources that the call was about are named either way."""
    world = made(trail_request=way)
    modify(world, **to(world.b))
    world.clock.advance(120)
    data = world.event_data("vpc:ActionTrail:ApiCall")[-1]
    assert ("requestParameters" in data) is carried
    assert data["referencedResources"] == {"ACS::VPC::RouteTable": [world.table], "ACS::ECS::Instance": [world.b]}
