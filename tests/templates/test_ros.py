"""ROS stacks: well-formed, every reference leads somewhere, and the roles have exactly the printed policies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper.cli.policies import grants
from natkeeper.cli.policies.ros import roles_stack
from natkeeper.domain.config import parse_config
from natkeeper.domain.load import GatewayLoad
from natkeeper.failover.metrics import as_log
from natkeeper.packaging import read_configuration
from natlab.cloud.kernel.ram import Policy

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "templates" / "ros"
FILES = sorted(FOLDER.glob("*.yaml"))
LONGEST = 524_288
"""Bytes of a template (ROS, limits)."""

# Properties of each type of resource, required ones marked; from the property types of Alibaba's own ros-cdk-ecs,
# ros-cdk-vpc and ros-cdk-ram 1.15.0: those that natkeeper's stacks use, and their neighbours. Those of alarms
# and dashboards are from ros-cdk-sls and ros-cdk-cms 1.15.0.
PROPERTIES = {
    "ALIYUN::RAM::Role": "RoleName! AssumeRolePolicyDocument! Description Policies PolicyAttachments",
    "ALIYUN::RAM::ManagedPolicy": "PolicyName! Description PolicyDocument Users Groups Roles",
    "ALIYUN::ECS::VPC": "VpcName CidrBlock Description",
    "ALIYUN::ECS::VSwitch": "VpcId! ZoneId! CidrBlock! VSwitchName Description",
    "ALIYUN::ECS::SecurityGroup": "VpcId SecurityGroupName SecurityGroupIngress SecurityGroupEgress Description",
    "ALIYUN::ECS::Instance": "InstanceType! ImageId VpcId VSwitchId ZoneId SecurityGroupId InstanceName Password "
    "KeyPairName SystemDiskCategory SystemDiskSize AllocatePublicIP InternetMaxBandwidthOut UserData",
    "ALIYUN::ECS::Route": "RouteTableId! DestinationCidrBlock! NextHopType NextHopId",
    "ALIYUN::VPC::EIP": "Name InternetChargeType Bandwidth Isp Description",
    "ALIYUN::VPC::EIPAssociation": "AllocationId! InstanceId!",
    "ALIYUN::VPC::RouteTable": "VpcId! RouteTableName Description",
    "ALIYUN::VPC::RouteTableAssociation": "RouteTableId! VSwitchId!",
    "ALIYUN::SLS::Alert": "Project! Detail!",
    "ALIYUN::SLS::Dashboard": "ProjectName! DashboardName! Charts! DisplayName Description",
    "ALIYUN::CMS::ResourceMetricRule": "ContactGroups! MetricName! Namespace! Resources! Escalations Period RuleName "
    "SilenceTime Interval NoDataPolicy",
}
PARTS = {
    "Detail": "Configuration! DisplayName! Name! Schedule! Description State Type",
    "Configuration": "Dashboard! QueryList! Annotations GroupConfiguration Labels NoDataFire NoDataSeverity "
    "PolicyConfiguration SendResolved SeverityConfigurations Threshold Type Version",
    "QueryList": "End! Query! Start! TimeSpanType! Project Region RoleArn Store StoreType PowerSqlMode",
    "SeverityConfigurations": "Severity! EvalCondition",
    "EvalCondition": "Condition CountCondition",
    "Annotations": "Key Value",
    "PolicyConfiguration": "ActionPolicyId AlertPolicyId RepeatInterval UseDefault",
    "Schedule": "Type! Interval CronExpression DayOfWeek Delay Hour RunImmediately",
    "GroupConfiguration": "Type! Fields",
    "Escalations": "Critical Warn Info",
    "Critical": "ComparisonOperator Statistics Threshold Times",
}
"""Properties within properties, from ros-cdk-sls and ros-cdk-cms 1.15.0."""
ATTRIBUTES = {"ALIYUN::RAM::Role": {"Arn", "RoleId", "RoleName"}}
FUNCTIONS = {"Ref", "Fn::GetAtt", "Fn::Sub"}
PSEUDO = {"ALIYUN::Region", "ALIYUN::TenantId", "ALIYUN::StackName", "ALIYUN::AccountId"}
SECTIONS = {"ROSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"}


def stack(file: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def uses(node: Any) -> Iterator[tuple[str, Any]]:
    """Every function that is used, with its argument."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in FUNCTIONS:
                yield key, value
            yield from uses(value)
    elif isinstance(node, list):
        for item in node:
            yield from uses(item)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_stack_is_well_formed(file: Path) -> None:
    """Known sections, known types with known properties, the required ones there, and no YAML that ROS may not take."""
    document, text = stack(file), file.read_text(encoding="utf-8")
    assert document["ROSTemplateFormatVersion"] == "2015-09-01"
    assert set(document) <= SECTIONS
    assert len(text.encode()) < LONGEST
    assert not re.search(r"(:|-) [&*]\w|<<:", text), "anchors"
    for name, resource in document["Resources"].items():
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name)
        assert set(resource) <= {"Type", "Properties", "DependsOn"}
        words = PROPERTIES[resource["Type"]].split()
        given = set(resource["Properties"])
        assert given <= {word.rstrip("!") for word in words}, (name, given)
        assert {word.rstrip("!") for word in words if word.endswith("!")} <= given, (name, given)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_reference_leads_somewhere(file: Path) -> None:
    """Ref, Fn::GetAtt and Fn::Sub name parameters, resources and their attributes."""
    document = stack(file)
    known = set(document["Resources"]) | set(document.get("Parameters", {})) | PSEUDO
    for function, argument in uses(document):
        if function == "Ref":
            assert argument in known
        elif function == "Fn::GetAtt":
            name, attribute = argument
            assert attribute in ATTRIBUTES[document["Resources"][name]["Type"]]
        else:
            assert set(re.findall(r"\$\{([^}]+)\}", argument)) <= known
    used = {argument for function, argument in uses(document["Resources"]) if function == "Ref"}
    assert set(document.get("Parameters", {})) <= used, "parameters without a use"


def test_the_committed_roles_are_those_of_the_example() -> None:
    """`natkeeper policy --ros > templates/ros/roles.yaml` after a change."""
    config, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    assert FOLDER.joinpath("roles.yaml").read_text(encoding="utf-8") == roles_stack(grants(config))


def test_the_stack_has_exactly_the_printed_policies() -> None:
    """Role by role, statement by statement; RAM takes each document, and each role trusts its one service."""
    config, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    resources = stack(FOLDER / "roles.yaml")["Resources"]
    found = {}
    for resource in resources.values():
        properties = resource["Properties"]
        if resource["Type"] == "ALIYUN::RAM::Role":
            (policy,) = properties["Policies"]
            (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
            found[properties["RoleName"]] = (policy["PolicyDocument"], trust["Principal"]["Service"])
            assert policy["PolicyName"] != properties["RoleName"]
        else:
            found[properties["PolicyName"]] = (properties["PolicyDocument"], [])
    expected = {g.name: (g.document(), [g.trusts] if g.trusts else []) for g in grants(config).values()}
    assert found == expected
    for document, _ in found.values():
        assert Policy.read(json.dumps(document)).statements
        assert len(json.dumps(document, separators=(",", ":"))) < 6144  # characters of a custom policy (RAM, limits)


def test_the_demo_stack_tells_a_configuration_that_natkeeper_takes() -> None:
    """Its output, with ids put in, is a valid natkeeper.yaml."""
    text = stack(FOLDER / "demo.yaml")["Outputs"]["NatkeeperYaml"]["Value"]["Fn::Sub"]
    ids = {
        "ALIYUN::Region": "cn-hangzhou",
        "FirstGateway": "i-aaa1",
        "SecondGateway": "i-bbb2",
        "RouteTable": "vtb-ccc3",
    }
    config = parse_config(yaml.safe_load(re.sub(r"\$\{([^}]+)\}", lambda found: ids[found[1]], text)))
    assert config.groups[0].gateways == ("i-aaa1", "i-bbb2")


def test_the_demo_stack_lets_in_what_private_hosts_send() -> None:
    """What the doctor would look for."""
    resources = stack(FOLDER / "demo.yaml")["Resources"]
    (rule,) = resources["SecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert (rule["IpProtocol"], rule["SourceCidrIp"]) == ("all", resources["Vpc"]["Properties"]["CidrBlock"])
    zones = {resources[name]["Properties"]["ZoneId"]["Ref"] for name in ("FirstGateway", "SecondGateway")}
    assert zones == {"FirstZone", "SecondZone"}


# ---- alarms ----------------------------------------------------------------------------------------------

MONITORING = FOLDER / "monitoring.yaml"


def parts(node: Any) -> Iterator[tuple[str, Any]]:
    """Every property within properties that has a table of its own."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in PARTS:
                yield from ((key, each) for each in (value if isinstance(value, list) else [value]))
            yield from parts(value)
    elif isinstance(node, list):
        for each in node:
            yield from parts(each)


def queries() -> dict[str, str]:
    """Every query of the stack, by the alarm or the chart that makes it."""
    resources = stack(MONITORING)["Resources"]
    found = {}
    for name, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "ALIYUN::SLS::Alert":
            (query,) = properties["Detail"]["Configuration"]["QueryList"]
            found[name] = query["Query"]["Fn::Sub"]
        if resource["Type"] == "ALIYUN::SLS::Dashboard":
            found |= {chart["Title"]: chart["Search"]["Query"]["Fn::Sub"] for chart in properties["Charts"]}
    return found


def test_what_is_inside_an_alarm_is_well_formed_too() -> None:
    """ROS refuses an unknown property wherever it stands."""
    checked = list(parts(stack(MONITORING)["Resources"]))
    for name, part in checked:
        words = PARTS[name].split()
        assert set(part) <= {word.rstrip("!") for word in words}, (name, part)
        assert {word.rstrip("!") for word in words if word.endswith("!")} <= set(part), (name, part)
    assert len(checked) > 50


def test_every_field_that_an_alarm_reads_is_one_that_is_logged() -> None:
    """The names of docs/gateway.md, in the line as the handler writes it."""
    figures = dict.fromkeys(GatewayLoad.__dataclass_fields__, 1)
    gateway = {"id": "i-a", "health": "healthy", "figures": figures}
    logged = as_log({"group": "prod", "outcome": "quiet", "view": {"gateways": [gateway], "routes": []}})
    read = {name for query in queries().values() for name in re.findall(r"\$\.metrics\.(\w+)", query)}
    assert read
    assert read <= logged.keys()


def test_every_alarm_judges_a_column_of_its_query() -> None:
    """And every chart draws one."""
    resources = stack(MONITORING)["Resources"]
    asked = queries()
    judged = 0
    for name, resource in resources.items():
        if resource["Type"] == "ALIYUN::SLS::Alert":
            (severity,) = resource["Properties"]["Detail"]["Configuration"]["SeverityConfigurations"]
            column = severity["EvalCondition"]["Condition"].split()[0]
            assert f"AS {column}" in asked[name]
            judged += 1
    for chart in resources["Dashboard"]["Properties"]["Charts"]:
        for column in chart["Display"]["XAxis"] + chart["Display"]["YAxis"]:
            assert f"AS {column}" in asked[chart["Title"]]
    assert judged >= 6  # the sweep, errors, dark, degraded, connections, drops


@pytest.mark.parametrize("role, name", [("natkeeper-setup", "OosNatkeeperSetupRole"), ("a.setup-2", "OosASetup2Role")])
def test_each_role_of_a_setup_is_a_resource_that_ros_takes(role: str, name: str) -> None:
    """Letters and digits: the name of a role may have points in it, too."""
    groups = {
        key: {"gateways": [f"i-{key}"], "routes": [{"table": f"vtb-{key}"}], "setup": {"role": wanted}}
        for key, wanted in (("one", role), ("two", "other"))
    }
    stack = yaml.safe_load(roles_stack(grants(parse_config({"region": "cn-hangzhou", "groups": groups}))))
    assert stack["Resources"][name]["Properties"]["RoleName"] == role
    assert stack["Outputs"][f"{name}Arn"] == {"Value": {"Fn::GetAtt": [name, "Arn"]}}
