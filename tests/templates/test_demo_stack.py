"""The demo stack: what it would build, seen by what refers to what."""

from __future__ import annotations

import ipaddress
import itertools
import json
from typing import Any

import yaml

from tests.templates.test_ros import FOLDER, ROOT, stack


def properties(kind: str) -> dict[str, dict[str, Any]]:
    """The resources of one type with their properties; references are the names that they refer to."""
    resources = stack(FOLDER / "demo.yaml")["Resources"].items()
    return {
        name: {
            key: value["Ref"] if isinstance(value, dict) and "Ref" in value else value
            for key, value in resource["Properties"].items()
        }
        for name, resource in resources
        if resource["Type"] == f"ALIYUN::{kind}"
    }


def test_each_gateway_of_the_demo_stack_has_an_eip_of_its_own() -> None:
    """Two EIPs on one gateway would leave the other one without the internet; a private host has none."""
    associated = properties("VPC::EIPAssociation").values()
    assert sorted(each["InstanceId"] for each in associated) == ["FirstGateway", "SecondGateway"]
    assert {each["AllocationId"] for each in associated} == set(properties("VPC::EIP"))
    for eip in properties("VPC::EIP").values():
        assert (eip["InternetChargeType"], eip["Bandwidth"]) == ("PayByTraffic", 10)


def test_the_guarded_table_of_the_demo_stack_is_the_private_hosts_alone() -> None:
    """A gateway behind the route that leads to it would send its packets to itself, or to the other one."""
    instances = properties("ECS::Instance")
    (association,) = properties("VPC::RouteTableAssociation").values()
    behind = [name for name, each in instances.items() if each["VSwitchId"] == association["VSwitchId"]]
    assert behind == ["PrivateHost"]
    (route,) = properties("ECS::Route").values()
    (table,) = properties("VPC::RouteTable")
    assert (association["RouteTableId"], route["RouteTableId"]) == (table, table)
    assert (route["DestinationCidrBlock"], route["NextHopType"]) == ("0.0.0.0/0", "Instance")
    assert route["NextHopId"] == "FirstGateway"


def test_the_machines_of_the_demo_stack_are_where_their_vswitches_are() -> None:
    """One VPC, a vSwitch in the zone of its machine, no two networks that overlap, and no public address but EIPs."""
    (vpc,) = properties("ECS::VPC")
    vswitches = properties("ECS::VSwitch")
    whole = ipaddress.IPv4Network(properties("ECS::VPC")[vpc]["CidrBlock"])
    networks = [ipaddress.IPv4Network(each["CidrBlock"]) for each in vswitches.values()]
    assert all(network.subnet_of(whole) and network.prefixlen == 24 for network in networks)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))
    instances = properties("ECS::Instance")
    assert len(instances) == len({each["VSwitchId"] for each in instances.values()}) == len(vswitches)
    for each in instances.values():
        assert each["ZoneId"] == vswitches[each["VSwitchId"]]["ZoneId"]
        assert each["AllocatePublicIP"] is False
        assert each["SecurityGroupId"] in properties("ECS::SecurityGroup")
        assert (each["InstanceType"], each["ImageId"], each["Password"]) == ("InstanceType", "ImageId", "Password")
        assert each["SystemDiskCategory"] == "cloud_essd"  # the one that every current type takes
    for kind in ("ECS::VSwitch", "ECS::Instance", "ECS::SecurityGroup", "VPC::RouteTable"):
        assert {each["VpcId"] for each in properties(kind).values()} == {vpc}


def test_the_demo_stack_shows_no_password() -> None:
    """Neither where it is typed nor in an output."""
    document = stack(FOLDER / "demo.yaml")
    parameter = document["Parameters"]["Password"]
    assert parameter["NoEcho"] is True
    assert "Default" not in parameter
    assert (parameter["MinLength"], parameter["MaxLength"]) == (8, 30)  # what ECS takes
    assert "Password" not in json.dumps(document["Outputs"])


def test_the_demo_stack_asks_for_what_the_console_can_offer() -> None:
    """Every parameter has a type, a list to choose from or a default, and its place in the form."""
    document = stack(FOLDER / "demo.yaml")
    parameters = document["Parameters"]
    assert {name: (each["Type"], each.get("AssociationProperty", each.get("Default"))) for name, each in
            parameters.items()} == {
        "FirstZone": ("String", "ZoneId"),
        "SecondZone": ("String", "ZoneId"),
        "InstanceType": ("String", "ALIYUN::ECS::Instance::InstanceType"),
        "ImageId": ("String", "aliyun_3_x64"),
        "Password": ("String", "ALIYUN::ECS::Instance::Password"),
    }  # fmt: skip
    assert parameters["InstanceType"]["Default"] == "ecs.e-c1m1.large"
    assert parameters["InstanceType"]["AssociationPropertyMetadata"] == {"ZoneId": "${FirstZone}"}
    groups = document["Metadata"]["ALIYUN::ROS::Interface"]["ParameterGroups"]
    assert [name for group in groups for name in group["Parameters"]] == list(parameters)


def test_the_demo_stack_lets_nothing_else_in() -> None:
    """One rule, for the VPC itself; the outputs name what s.yaml asks for."""
    document = stack(FOLDER / "demo.yaml")
    (group,) = properties("ECS::SecurityGroup").values()
    (rule,) = group["SecurityGroupIngress"]
    assert rule == {
        "IpProtocol": "all", "PortRange": "-1/-1", "SourceCidrIp": "10.0.0.0/8", "NicType": "intranet",
        "Policy": "accept", "Priority": 1,
    }  # fmt: skip
    text = document["Outputs"]["SYamlVars"]["Value"]["Fn::Sub"]
    asked = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))["vars"]
    told = yaml.safe_load(text)
    assert set(told) == {"region", "account", "group", "vpc", "vswitch", "securityGroup"} <= set(asked)
    assert (told["vpc"], told["vswitch"], told["securityGroup"]) == ("${Vpc}", "${Private}", "${SecurityGroup}")
    assert document["Outputs"]["PrivateHost"]["Value"] == {"Ref": "PrivateHost"}


def test_what_the_demo_stack_builds_is_known_by_its_name() -> None:
    """A person who looks for it in the console, or deletes by hand, finds all of it; each name stands once a kind."""
    named = [
        (resource["Type"], value)
        for resource in stack(FOLDER / "demo.yaml")["Resources"].values()
        for key, value in resource["Properties"].items()
        if key == "Name" or (key.endswith("Name") and key != "UserName")
    ]
    assert sorted(name for _, name in named) == [
        "natkeeper-demo", "natkeeper-demo", "natkeeper-demo-1", "natkeeper-demo-2", "natkeeper-demo-host",
        "natkeeper-demo-nat-1", "natkeeper-demo-nat-2", "natkeeper-demo-private", "natkeeper-demo-private",
        "natkeeper-demo-public-1", "natkeeper-demo-public-2",
    ]  # fmt: skip
    assert len({*named}) == len(named)
