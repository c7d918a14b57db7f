"""A cloud in which something of everything is there and was changed, and the questions whose answers are kept.

All on a virtual clock and with the same ids every time, so that each answer is the same to the last field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from natlab.cloud.dataplane import CommandResult
from natlab.cloud.kernel.accounts import Authorizer, Principal
from natlab.cloud.kernel.clock import VirtualClock
from tests.cloud.worlds import CloudWorld, RecordingCloudPlane, build

Question = tuple[str, str, dict[str, str]]
"""Product, operation, parameters."""
PIPELINE = {
    "FormatVersion": "OOS-2019-06-01",
    "Description": "two tasks",
    "Parameters": {
        "instanceIds": {"Type": "List", "Description": "which"},
        "role": {"Type": "String", "Default": "OOSServiceRole"},
    },
    "RamRole": "{{ role }}",
    "Tasks": [
        {"Name": "rest", "Action": "ACS::Sleep", "Description": "a while", "Properties": {"Duration": "PT1S"}},
        {
            "Name": "run",
            "Action": "ACS::ECS::RunCommand",
            "Properties": {"instanceId": "{{ ACS::TaskLoopItem }}", "commandContent": "report", "timeout": 77},
            "Outputs": {"report": {"ValueSelector": "invocationOutput"}},
            "Loop": {
                "Items": "{{ instanceIds }}",
                "RateControl": {"Mode": "Concurrency", "Concurrency": 1, "MaxErrors": 1},
                "Outputs": {"reports": {"AggregateType": "Fn::ListJoin", "AggregateField": "report"}},
            },
        },
    ],
    "Outputs": {
        "reports": {"Type": "List", "Value": "{{ run.reports }}"},
        "place": {"Type": "String", "Value": "{{ ACS::RegionId }} {{ ACS::AccountId }} {{ ACS::CurrentDate }}"},
        "template": {"Value": "{{ ACS::TemplateName }} {{ ACS::TemplateId }} {{ ACS::TemplateVersion }}"},
        "execution": {"Value": "{{ ACS::ExecutionId }}"},
    },
}
TARGET = {
    "Id": "t",
    "Type": "acs.fc.function",
    "Endpoint": "acs:fc:cn-hangzhou:1000000000000001:functions/f",
    "PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY",
    "ErrorsTolerance": "NONE",
    "DeadLetterQueue": {"Arn": "acs:mns:cn-hangzhou:1000000000000001:/queues/q"},
    "ParamList": [{"ResourceKey": "Body", "Form": "TEMPLATE", "Value": '{"k":"$.data"}', "Template": "${k}"}],
}
RULE = {"EventBusName": "default", "RuleName": "r"}
DOCUMENT = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "vpc:Describe*", "Resource": "*"}]}


class TimedList(list[tuple[str, ...]]):
    """Remembers when something was added, in seconds from the start of the story."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock, self._began = clock, clock.now()

    def append(self, item: tuple[str, ...]) -> None:
        super().append((f"{self._clock.now() - self._began:.3f}", *item))


class AnsweringPlane(RecordingCloudPlane):
    """Guests that answer; `b` fails, with an exit code."""

    failing = ""

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        self.done.append(("run", instance_id, script.decode(), str(timeout_s)))
        done(CommandResult(int(instance_id == self.failing), f"on {instance_id}\n".encode()))


def lived_in(asked: list[str] | None = None) -> CloudWorld:
    """Build the cloud, with guests that answer; `asked` gets whatever RAM is asked, by whom."""
    plane = AnsweringPlane()
    world = build(data_plane=plane)
    plane.failing = world.b
    plane.done = TimedList(world.clock)
    if asked is not None:
        world.cloud.accounts.authorizer = asking(asked)
    world.cloud.ram.create_role("Keeper", "fc.aliyuncs.com", {"p": DOCUMENT})
    return world


def asking(asked: list[str], *, allow: bool = True) -> Authorizer:
    """Return a hook that notes what RAM is asked, each thing once."""

    def authorizer(principal: Principal, action: str, resource: str) -> bool:
        question = f"{principal.role or principal.user or 'the account'}: {action} on {resource}"
        if question not in asked:
            asked.append(question)
        return allow

    return authorizer


def story(world: CloudWorld) -> Iterator[Question]:
    """Let things happen, and yield a question whenever one is to be asked, before anything else happens."""
    yield from _network(world)
    yield from _machines(world)
    yield from _commands(world)
    yield from _pipelines(world)
    yield from _rules(world)
    world.clock.advance(3600)
    yield "actiontrail", "LookupEvents", {"MaxResults": "50"}


def _network(world: CloudWorld) -> Iterator[Question]:
    vpc = world.cloud.vpc
    other = vpc.create_vswitch(world.vpc, "10.0.2.0/24", zone="cn-hangzhou-j", name="other")
    gateway = vpc.create_nat_gateway(world.vpc, other, name="managed")
    bare = world.cloud.ecs.create_instance(other, name="bare", tags={"role": "gateway"})
    vpc.allocate_eip(name="free")
    bound = vpc.allocate_eip(bare)
    half = {"RouteTableId": world.table, "DestinationCidrBlock": "0.0.0.0/1", "ClientToken": "t"}
    world.call("vpc", "CreateRouteEntry", **half, NextHopType="NatGateway", NextHopId=gateway, RouteEntryName="half")
    world.clock.advance(20)
    world.call("vpc", "ModifyRouteEntry", RouteEntryId=world.route, RouteEntryName="n", Description="d")
    world.call("vpc", "AssociateRouteTable", RouteTableId=world.table, VSwitchId=other)
    world.clock.advance(20)
    (shown,) = world.call("vpc", "DescribeNatGateways")["NatGateways"]["NatGateway"]
    entry = {
        "SnatTableId": shown["SnatTableIds"]["SnatTableId"][0],
        "SnatIp": shown["IpLists"]["IpList"][0]["IpAddress"],
    }
    world.call("vpc", "CreateSnatEntry", **entry, SourceVSwitchId=other, SnatEntryName="s")
    world.call("vpc", "UnassociateEipAddress", AllocationId=bound)
    world.clock.advance(60)
    world.call("vpc", "AssociateEipAddress", AllocationId=bound, InstanceId=bare, InstanceType="EcsInstance")
    world.clock.advance(60)
    world.call("vpc", "ModifyRouteEntry", RouteEntryId=world.route, NewNextHopType="Instance", NewNextHopId=world.b)
    for action, given in {
        "DescribeVpcs": {},
        "DescribeVpcAttribute": {"VpcId": world.vpc},
        "DescribeVSwitches": {},
        "DescribeVSwitchAttributes": {"VSwitchId": other},
        "DescribeRouteTableList": {},
        "DescribeRouteTables": {"RouteTableId": world.table},
        "DescribeRouteEntryList": {"RouteTableId": world.table},
        "DescribeEipAddresses": {},
        "DescribeNatGateways": {},
        "DescribeSnatTableEntries": {"NatGatewayId": gateway},
    }.items():
        yield "vpc", action, given


def _machines(world: CloudWorld) -> Iterator[Question]:
    ecs, clock = world.cloud.ecs, world.clock
    spot = ecs.create_instance(world.vswitch, name="spot", spot=True, public_ip="", tags={"a": "1", "b": "2"})
    second = ecs.attach_interface(world.a)
    named = {"NetworkInterfaceName": "second", "Description": "a second one", "SourceDestCheck": "true"}
    world.call("ecs", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=second, **named)
    world.call("ecs", "TagResources", ResourceType="eni", **{"ResourceId.1": second, "Tag.1.Key": "k"})
    ecs.schedule_maintenance(world.a, "SystemMaintenance.Reboot", clock.now() + 500)
    when = {"NotBefore": "2026-01-02T00:00:00Z", "EventType": "SystemMaintenance.Stop", "InstanceId.1": world.b}
    (simulated,) = world.call("ecs", "CreateSimulatedSystemEvents", **when)["EventIdSet"]["EventId"]
    world.call("ecs", "CreateSimulatedSystemEvents", **{**when, "EventType": "SystemMaintenance.Redeploy"})
    world.call("ecs", "CancelSimulatedSystemEvents", **{"EventId.1": simulated})
    world.call("ecs", "StopInstances", **{"InstanceId.1": world.b, "ForceStop": "true"})
    clock.advance(60)
    world.call("ecs", "StartInstances", **{"InstanceId.1": world.b})
    clock.advance(60)
    world.call("ecs", "RebootInstances", **{"InstanceId.1": world.b, "InstanceId.2": world.a})
    clock.advance(120)
    ecs.system_failure(world.b, "SystemFailure.Reboot")
    clock.advance(600)
    ecs.find_health(world.b, "Warning")
    gone = ecs.create_instance(world.vswitch, name="gone")
    ecs.power_loss(gone)
    clock.advance(120)
    world.call("ecs", "DeleteInstances", **{"InstanceId.1": gone})
    clock.advance(60)
    maintained = ecs.create_instance(world.vswitch, name="maintained")
    ecs.schedule_maintenance(maintained, "SystemMaintenance.Stop", clock.now() + 10)
    clock.advance(11)
    ecs.reclaim_spot(spot)
    world.clock.advance(1)
    group = ecs.group_in(world.vpc)
    for action, given in {
        "DescribeInstances": {},
        "DescribeInstanceStatus": {},
        "DescribeInstancesFullStatus": {},
        "DescribeInstanceAttribute": {"InstanceId": spot},
        "DescribeNetworkInterfaces": {},
        "DescribeSecurityGroups": {},
        "DescribeSecurityGroupAttribute": {"SecurityGroupId": group},
        "DescribeRegions": {},
        "DescribeZones": {},
        "ListTagResources": {"ResourceType": "instance", "ResourceId.1": spot},
    }.items():
        yield "ecs", action, given


def _commands(world: CloudWorld) -> Iterator[Question]:
    given = {
        "Type": "RunShellScript",
        "CommandContent": "ZWNobyB7e3dob319",  # echo {{who}}
        "ContentEncoding": "Base64",
        "Name": "greet",
        "Description": "says hello",
        "Timeout": "90",
        "WorkingDir": "/tmp",  # noqa: S108  on the guest
        "EnableParameter": "true",
        "Tag.1.Key": "team",
        "Tag.1.Value": "net",
    }
    command = world.call("ecs", "CreateCommand", **given)["CommandId"]
    targets = {"InstanceId.1": world.a, "InstanceId.2": world.b}
    who = {"Parameters": json.dumps({"who": "world"})}
    world.call("ecs", "InvokeCommand", CommandId=command, Timeout="30", Username="ecs-user", **targets, **who)
    world.clock.advance(60)
    kept = {"KeepCommand": "true", "ClientToken": "once", "InstanceId.1": world.a}
    world.call("ecs", "RunCommand", **given, **kept, **who)
    yield "ecs", "DescribeCommands", {}
    yield "ecs", "DescribeInvocations", {"IncludeOutput": "true"}
    yield "ecs", "DescribeInvocationResults", {"ContentEncoding": "PlainText"}
    yield "ecs", "DescribeCloudAssistantStatus", targets


def _pipelines(world: CloudWorld) -> Iterator[Question]:
    text = json.dumps(PIPELINE)
    world.call("oos", "CreateTemplate", TemplateName="pipe", Content=text, VersionName="first", Tags='{"a": "1"}')
    world.clock.advance(5)
    world.call("oos", "UpdateTemplate", TemplateName="pipe", Content=text.replace("PT1S", "PT2S"))
    parameters = json.dumps({"instanceIds": [world.a, world.b]})
    common = {"TemplateName": "pipe", "SafetyCheck": "Skip", "Description": "d", "Tags": '{"b": "2"}'}
    first = world.call("oos", "StartExecution", **common, Parameters=parameters)["Execution"]["ExecutionId"]
    world.clock.advance(120)
    for action, given in {
        "GetTemplate": {"TemplateName": "pipe", "TemplateVersion": "v1"},
        "ListTemplates": {},
        "ValidateTemplateContent": {"Content": text},
        "GenerateExecutionPolicy": {"TemplateName": "pipe", "RamRole": "nobody"},
        "ListExecutions": {},
        "ListTaskExecutions": {"IncludeChildTaskExecution": "true"},
        "ListExecutionLogs": {"ExecutionId": first},
    }.items():
        yield "oos", action, given


def _rules(world: CloudWorld) -> Iterator[Question]:
    pattern = '{"source": ["acs.ecs"]}'
    world.call("eventbridge", "CreateRule", **RULE, FilterPattern=pattern, EventTargets=json.dumps([TARGET]))
    plain = {"Id": "plain", "Type": "acs.fc.function", "Endpoint": "acs:fc:cn-hangzhou:1000000000000001:functions/g"}
    world.call("eventbridge", "PutTargets", **RULE, Targets=json.dumps([plain]))
    world.call("eventbridge", "UpdateRule", **RULE, FilterPattern=pattern, Status="DISABLE", Description="d")
    world.call("eventbridge", "CreateRule", EventBusName="default", RuleName="second", FilterPattern=pattern)
    world.call("resourcemanager", "CreateServiceLinkedRole", ServiceName="fc.aliyuncs.com")
    for product, action, given in (
        ("eventbridge", "ListRules", {"EventBusName": "default"}),
        ("eventbridge", "GetRule", RULE),
        ("eventbridge", "ListTargets", RULE),
        ("ram", "GetRole", {"RoleName": "Keeper"}),
        ("ram", "GetRole", {"RoleName": "AliyunServiceRoleForFC"}),
        ("ram", "ListPoliciesForRole", {"RoleName": "AliyunServiceRoleForFC"}),
        ("ram", "ListPoliciesForRole", {"RoleName": "keeper"}),
        ("ram", "GetPolicy", {"PolicyName": "p", "PolicyType": "Custom"}),
        ("sts", "GetCallerIdentity", {}),
        ("resourcemanager", "CheckServiceLinkedRoleExistence", {"ServiceName": "fc.aliyuncs.com"}),
    ):
        yield product, action, dict(given)


def principals(world: CloudWorld) -> Mapping[str, Principal]:
    """Who may ask: the account, a user of it, a role."""
    user = world.cloud.ram.create_user("ann")
    role = world.cloud.accounts.assume_role("keeper", service="fc.aliyuncs.com")
    issued: dict[str, Any] = {
        "user": world.cloud.accounts.issued(user.access_key_id),
        "role": world.cloud.accounts.issued(role.access_key_id),
    }
    return {"account": world.cloud.accounts.owner, **{name: key.principal for name, key in issued.items()}}
