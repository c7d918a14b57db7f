"""Open facts of FC and ActionTrail: what functions may name, how many instances there are, what events carry."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize("wrong", ["role", "vSwitch", "VPC", "security group", "destination", ""])
def test_a_function_may_have_to_name_what_there_is(wrong: str) -> None:
    """Role, network, security group and destination; by default nobody looks before they are used."""
    for way in ("unchecked", "checked"):
        world = made(fc_references=way)
        world.cloud.ram.create_role("There", "fc.aliyuncs.com")
        account = f"acs:ram::{world.cloud.account_id}:role"
        vswitch, vpc = ("vsw-x" if wrong == "vSwitch" else world.vswitch), ("vpc-x" if wrong == "VPC" else world.vpc)
        group = "sg-x" if wrong == "security group" else world.cloud.ecs.group_in(world.vpc)
        given = {
            "role": f"{account}/{'missing' if wrong == 'role' else 'there'}",
            "vpcConfig": {"vpcId": vpc, "vSwitchIds": [vswitch], "securityGroupId": group},
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


def rule(cloud: Cloud, name: str, pattern: dict[str, list[str]]) -> Any:
    """Create a rule on the bus `default`; the code of the answer."""
    asked = {"EventBusName": "default", "RuleName": name, "FilterPattern": json.dumps(pattern)}
    return cloud.call("eventbridge", "CreateRule", {**asked, "Status": "ENABLE"})["Code"]


@pytest.mark.parametrize("most", ["10", "50"])
def test_the_bus_takes_so_many_rules(most: str) -> None:
    """The next one is refused."""
    cloud = made(bus_rules=most).cloud
    for number in range(int(most)):
        assert rule(cloud, f"r{number}", {}) == "Success"
    with pytest.raises(ApiError, match="EventRuleCountExceedLimit"):
        rule(cloud, "one-more", {})


@pytest.mark.parametrize("way", ["any-number", "five"])
def test_a_field_of_a_pattern_takes_so_many_expressions(way: str) -> None:
    """Five pass either way; six are refused in a trigger by one of them."""
    for count in (5, 6):
        cloud = made(pattern_expressions=way).cloud
        function(cloud)
        pattern = json.dumps({"source": ["acs.ecs"], "type": [f"ecs:{number}" for number in range(count)]})
        source = {"eventSourceType": "Default", "eventSourceConfig": {"eventSourceParameters": {}}}
        config = {"triggerEnable": True, "asyncInvocationType": True, "eventRuleFilterPattern": pattern}
        body = {
            "triggerName": "t",
            "triggerType": "eventbridge",
            "triggerConfig": json.dumps({**config, "eventSourceConfig": source, "eventSinkConfig": {}}),
        }
        if way == "five" and count > 5:
            with pytest.raises(ApiError, match="expressions"):
                cloud.fc.create_trigger("f", body)
        else:
            cloud.fc.create_trigger("f", body)


@pytest.mark.parametrize("way, kind", [("of-the-product", "vpc"), ("of-actiontrail", "actiontrail")])
def test_an_audit_event_may_be_of_actiontrail(way: str, kind: str) -> None:
    """By its type and its source."""
    world = made(trail_types=way)
    modify(world, **to(world.b))
    world.clock.advance(120)
    told = [event for event in world.events if "ActionTrail" in str(event["type"])]
    assert [(event["type"], event["source"]) for event in told] == [(f"{kind}:ActionTrail:ApiCall", f"acs.{kind}")]
