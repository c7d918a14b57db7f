"""Refusals by the RPC products, one row each: what is asked, and the code and status that the metadata lists for it.

Beside what test_parameters.py derives from the metadata alone. `<name>` stands for an id in the world of these tests.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from natlab.cloud.kernel.errors import ApiError
from tests.cloud.lived_in import PIPELINE, TARGET
from tests.cloud.worlds import CloudWorld, build

RUN = {"Type": "RunShellScript", "CommandContent": "echo {{who}}", "EnableParameter": "true", "InstanceId.1": "<a>"}
GIVEN = {"CommandId": "<command>", "InstanceId.1": "<a>"}
_ID = re.compile(r"<(\w+)>")
RULE = {"EventBusName": "default", "RuleName": "r"}
ROUTE = {"DestinationCidrBlock": "192.0.2.0/24"}
SOON = {"EventType": "SystemMaintenance.Stop", "NotBefore": "2026-02-01T00:00:00Z", "InstanceId.1": "<a>"}
TABLE = (
    # ---- Cloud Assistant
    ("ecs", "DescribeCloudAssistantStatus", {}, "MissingParam.InstanceId", 400),
    ("ecs", "DescribeCloudAssistantStatus", {"InstanceId.1": "i-none"}, "InvalidInstance.NotFound", 404),
    ("ecs", "RunCommand", {**RUN, "InstanceId.1": ""}, "MissingParam.InstanceId", 400),
    ("ecs", "RunCommand", {**RUN, "InstanceId.1": "i-none"}, "InvalidInstance.NotFound", 404),
    (
        "ecs", "RunCommand", {**RUN, **{f"InstanceId.{n}": f"i-{n}" for n in range(1, 102)}},
        "InstanceIds.ExceedLimit", 403,
    ),
    ("ecs", "RunCommand", {**RUN, "Type": "RunPython"}, "InvalidCmdType.NotFound", 404),
    ("ecs", "RunCommand", {**RUN, "Name": "n" * 129}, "CmdName.ExceedLimit", 403),
    ("ecs", "RunCommand", {**RUN, "Description": "d" * 513}, "CmdDesc.ExceedLimit", 403),
    ("ecs", "RunCommand", {**RUN, "WorkingDir": "tmp"}, "InvalidParameter.WorkingDir", 400),
    ("ecs", "RunCommand", {**RUN, "WorkingDir": "/" + "d" * 200}, "InvalidParameter.WorkingDir", 400),
    ("ecs", "RunCommand", {**RUN, "Timeout": "9"}, "InvalidParameter", 400),
    ("ecs", "RunCommand", {**RUN, "Timeout": "86401"}, "InvalidTimeout.ExceedLimit", 403),
    ("ecs", "RunCommand", {**RUN, "ContentEncoding": "Base64"}, "CmdContent.DecodeError", 400),
    ("ecs", "RunCommand", {**RUN, "CommandContent": "x" * 18433}, "CmdContent.ExceedLimit", 403),
    ("ecs", "RunCommand", {**RUN, "CommandContent": "{{ }}"}, "CmdParam.EmptyKey", 400),
    ("ecs", "RunCommand", {**RUN, "CommandContent": "{{a b}}"}, "CmdParam.InvalidParamName", 400),
    ("ecs", "RunCommand", {**RUN, "CommandContent": "{{" + "n" * 65 + "}}"}, "CmdParamName.ExceedLimit", 403),
    (
        "ecs", "RunCommand", {**RUN, "CommandContent": "".join(f"{{{{p{n}}}}}" for n in range(21))},
        "CmdParamCount.ExceedLimit", 403,
    ),
    ("ecs", "RunCommand", {**RUN, "Parameters": "[]"}, "InvalidParameter", 400),
    ("ecs", "RunCommand", {**RUN, "Parameters": '{"who": 1}'}, "ParameterType.NotSupported", 403),
    ("ecs", "RunCommand", {**RUN, "Parameters": '{"what": "x"}'}, "Parameter.NotMatched", 400),
    ("ecs", "RunCommand", {**RUN, "Parameters": '{"' + "n" * 65 + '": "x"}'}, "ParameterKey.ExceedLimit", 403),
    (
        "ecs", "RunCommand", {**RUN, "Parameters": json.dumps({f"p{n}": "x" for n in range(11)})},
        "ParameterCount.ExceedLimit", 403,
    ),
    (
        "ecs", "RunCommand", {**RUN, "EnableParameter": "false", "Parameters": '{"who": "x"}'},
        "Parameter.Disabled", 400,
    ),
    ("ecs", "RunCommand", {**RUN, "RepeatMode": "Period"}, "InvalidRepeatMode.NotFound", 404),
    ("ecs", "RunCommand", {**RUN, "Tag.1.Value": "x"}, "MissingParameter.TagKey", 400),
    ("ecs", "RunCommand", {**RUN, "Tag.1.Key": "k", "Tag.2.Key": "k"}, "Duplicate.TagKey", 400),
    ("ecs", "InvokeCommand", {**GIVEN, "CommandId": "c-none"}, "InvalidCmdId.NotFound", 404),
    ("ecs", "InvokeCommand", {**GIVEN, "Parameters": '{"what": "x"}'}, "Parameter.NotMatched", 403),
    ("ecs", "InvokeCommand", {**GIVEN, "WorkingDir": "tmp"}, "InvalidParameter.WorkingDir", 400),
    ("ecs", "InvokeCommand", {**GIVEN, "Timed": "true"}, "InvalidRepeatMode.NotFound", 404),
    ("ecs", "StopInvocation", {"InvokeId": "t-none"}, "InvalidInvokeId.NotFound", 404),
    ("ecs", "StopInvocation", {"InvokeId": "<invocation>", "InstanceId.1": "<b>"}, "InvalidInstanceId.NotFound", 404),
    # ---- instances and what is around them
    ("ecs", "DescribeInstances", {"LockReason": "moon"}, "InvalidLockReason.NotFound", 404),
    ("ecs", "DescribeInstances", {"InstanceNetworkType": "moon"}, "InvalidNetworkType.NotFound", 404),
    ("ecs", "DescribeInstanceStatus", {"ZoneId": "cn-hangzhou-z"}, "InvalidZoneId.NotFound", 404),
    ("ecs", "DescribeSecurityGroupAttribute", {"SecurityGroupId": "<group>", "NicType": "moon"},
     "InvalidNicType.ValueNotSupported", 400),
    ("ecs", "DescribeInstanceAttribute", {"InstanceId": "i-none"}, "InvalidInstanceId.NotFound", 404),
    ("ecs", "StartInstance", {"InstanceId": "<locked>"}, "InstanceLockedForSecurity", 403),
    ("ecs", "DeleteInstances", {"InstanceId.1": "<b>"}, "IncorrectInstanceStatus", 403),
    ("ecs", "DeleteInstances", {"InstanceId.1": "<b>", "DryRun": "true"}, "IncorrectInstanceStatus", 403),
    ("ecs", "DeleteInstances", {"InstanceId.1": "<b>", "Force": "true", "DryRun": "true"}, "DRYRUN.SUCCESS", 400),
    ("ecs", "DeleteInstances", {"InstanceId.1": "<a>", "Force": "true"}, "DependencyViolation.RouteEntry", 400),
    ("ecs", "CreateSimulatedSystemEvents", {**SOON, "EventType": "Hail"}, "InvalidParameter", 403),
    ("ecs", "CreateSimulatedSystemEvents", {**SOON, "NotBefore": "soon"}, "InvalidParameter", 403),
    (
        "ecs", "CreateSimulatedSystemEvents", {**SOON, "NotBefore": "2025-12-31T23:59:59Z"},
        "InvalidNotBefore.Passed", 403,
    ),
    ("ecs", "CreateSimulatedSystemEvents", {**SOON, "InstanceId.1": "i-none"}, "InvalidInstanceId.NotFound", 404),
    ("ecs", "CancelSimulatedSystemEvents", {"EventId.1": "e-none"}, "InvalidEventId.NotFound", 403),
    ("ecs", "CancelSimulatedSystemEvents", {"EventId.1": "<over>"}, "InvalidEventId.NotFound", 403),
    ("ecs", "CancelSimulatedSystemEvents", {"EventId.1": "<real>"}, "CannotCancelSystemEvent.NotSimulated", 403),
    ("ecs", "TagResources", {"ResourceType": "instance", "ResourceId.1": "<a>", "Tag.1.Key": "acs:x"},
     "InvalidTagKey.Malformed", 400),
    ("ecs", "UntagResources", {"ResourceType": "moon", "ResourceId.1": "<a>"}, "InvalidResourceType.NotFound", 404),
    ("ecs", "UntagResources", {"ResourceType": "eni", "ResourceId.1": "<a>"}, "InvalidResourceId.NotFound", 404),
    # ---- networks
    ("vpc", "AssociateRouteTable", {"RouteTableId": "vtb-none", "VSwitchId": "<vswitch>"},
     "InvalidRouteTableId.NotFound", 404),
    ("vpc", "AssociateRouteTable", {"RouteTableId": "<system>", "VSwitchId": "<vswitch>"},
     "OperationDenied.SwitchToSystemRouteTable", 400),
    ("vpc", "AssociateRouteTable", {"RouteTableId": "<table>", "VSwitchId": "<vswitch>"},
     "ResourceAlreadyAssociated.RouteTable", 400),
    ("vpc", "AssociateRouteTable", {"RouteTableId": "<table>", "VSwitchId": "<foreign>"},
     "Forbidden.NotInSameVpc", 400),
    ("vpc", "CreateRouteEntry", ROUTE, "InvalidNexthopTypeAndList.BothNull", 400),
    ("vpc", "CreateRouteEntry", {**ROUTE, "NextHopId": "<a>", "DryRun": "true"},
     "DryRunOperation", 400),
    ("vpc", "CreateRouteEntry", {**ROUTE, "NextHopId": "<stranger>"},
     "OperationFailed.InstanceDismatchCurrentVpc", 400),
    ("vpc", "CreateRouteEntry", {**ROUTE, "NextHopId": "x", "NextHopType": "Bridge"},
     "InvalidNextHopType", 400),
    ("vpc", "CreateRouteEntry",
     {**ROUTE, "NextHopList.1.NextHopId": "i-none", "NextHopList.1.NextHopType": "Instance"},
     "InvalidInstanId.NotFound", 404),
    ("vpc", "CreateRouteEntry",
     {**ROUTE, "NextHopList.1.NextHopId": "<a>", "NextHopList.2.NextHopId": "<b>"},
     "OperationUnsupported.EcmpRiTypeOrNumber", 400),
    *(
        ("vpc", "CreateRouteEntry", {**ROUTE, "NextHopId": "x-none", "NextHopType": kind},
         code, 404)
        for kind, code in (
            ("NatGateway", "InvalidNatGatewayId.NotFound"),
            ("HaVip", "InvalidHaVipId.NotFound"),
            ("NetworkInterface", "InvalidNetworkInterface.NotFound"),
        )
    ),
    ("vpc", "DeleteRouteEntry", {"RouteTableId": "", "DestinationCidrBlock": "0.0.0.0/0"}, "MissingParameter", 400),
    ("vpc", "DeleteRouteEntry", {"RouteTableId": "", "RouteEntryId": "rte-none"}, "InvalidRouteEntryId.NotFound", 400),
    ("vpc", "DeleteRouteEntry", {"DestinationCidrBlock": "0.0.0.0/0", "DryRun": "true"}, "DryRunOperation", 400),
    ("vpc", "DescribeRouteEntryList", {"RouteTableId": "<table>", "IpVersion": "IPv5"}, "IllegalParam.IpVersion", 400),
    # ---- addresses
    ("vpc", "DescribeEipAddresses", {"AssociatedInstanceType": "Moon"},
     "InvalidIAssociatedInstanceType.ValueNotSupported", 400),
    ("vpc", "DescribeSnatTableEntries", {"SnatTableId": "stb-none"}, "InvalidSnatTableId.NotFound", 404),
    ("vpc", "AssociateEipAddress", {"AllocationId": "<free>", "InstanceId": "<a>", "InstanceType": "Moon"},
     "InvalidInstanceType.ValueNotSupported", 400),
    ("vpc", "AssociateEipAddress", {"AllocationId": "<free>", "InstanceId": "ngw-none", "InstanceType": "Nat"},
     "InvalidInstance.NotExist", 400),
    ("vpc", "AssociateEipAddress", {"AllocationId": "<used>", "InstanceId": "<bare>"}, "IncorrectEipStatus", 400),
    ("vpc", "AssociateEipAddress", {"AllocationId": "<free>", "InstanceId": "<bare>"},
     "InvalidAssociation.Duplicated", 400),
    ("vpc", "UnassociateEipAddress", {"AllocationId": "eip-none"}, "InvalidAllocationId.NotFound", 404),
    ("vpc", "UnassociateEipAddress", {"AllocationId": "<free>"}, "IncorrectEipStatus", 400),
    ("vpc", "UnassociateEipAddress", {"AllocationId": "<used>", "InstanceId": "<a>"}, "InvalidBindingStatus", 400),
    ("vpc", "UnassociateEipAddress", {"AllocationId": "<used>", "InstanceType": "Nat"},
     "InvalidInstanceType.ValueNotSupported", 400),
    # ---- rules
    ("eventbridge", "CreateRule", {**RULE, "FilterPattern": "{}"}, "EventRuleExisted", 200),
    ("eventbridge", "CreateRule", {**RULE, "RuleName": "s", "FilterPattern": "{}", "EventTargets": "[1]"},
     "InvalidArgument", 200),
    ("eventbridge", "PutTargets", {**RULE, "Targets": "[1]"}, "InvalidArgument", 200),
    ("eventbridge", "PutTargets",
     {**RULE, "Targets": json.dumps([{**TARGET, "Id": str(n)} for n in range(6)])},
     "EventRuleTargetCountExceedLimit", 200),
    *(
        ("eventbridge", action, {**RULE, "RuleName": "none"}, "EventRuleNotExisted", 200)
        for action in ("GetRule", "DeleteRule", "EnableRule", "DisableRule", "ListTargets")
    ),
    ("eventbridge", "ListRules", {"EventBusName": "mine"}, "EventBusNotExist", 200),
    ("eventbridge", "ListRules", {"EventBusName": "default", "NextToken": "x"}, "InvalidArgument", 200),
    # ---- identities
    ("ram", "GetPolicy", {"PolicyName": "none", "PolicyType": "Custom"}, "EntityNotExist.Policy", 404),
    ("ram", "GetPolicy", {"PolicyName": "p", "PolicyType": "System"}, "EntityNotExist.Policy", 404),
    ("ram", "ListPoliciesForRole", {"RoleName": "none"}, "EntityNotExist.Role", 404),
    ("resourcemanager", "CreateServiceLinkedRole", {"ServiceName": "fc.aliyuncs.com"}, "EntityAlreadyExists.Role", 409),
    ("resourcemanager", "CheckServiceLinkedRoleExistence", {"ServiceName": "moon"}, "NotSupported.ServiceName", 400),
    # ---- templates and executions
    ("oos", "CreateTemplate", {"TemplateName": "pipe", "Content": "<pipeline>"}, "EntityAlreadyExists.Template", 409),
    ("oos", "CreateTemplate", {"TemplateName": "n" * 201, "Content": "<pipeline>"}, "InvalidParameter", 400),
    ("oos", "CreateTemplate", {"TemplateName": "acs-mine", "Content": "<pipeline>"}, "InvalidParameter", 400),
    ("oos", "CreateTemplate", {"TemplateName": "x", "Content": "<pipeline>", "Tags": "[]"}, "InvalidParameter", 400),
    ("oos", "GetTemplate", {"TemplateName": "pipe", "TemplateVersion": "v2"}, "EntityNotExists.Template", 404),
    ("oos", "GetTemplate", {"TemplateName": "pipe", "TemplateVersion": "v0"}, "EntityNotExists.Template", 404),
    ("oos", "GetTemplate", {"TemplateName": "pipe", "TemplateVersion": "1"}, "EntityNotExists.Template", 404),
    ("oos", "UpdateTemplate", {"TemplateName": "none", "Content": "<pipeline>"}, "EntityNotExists.Template", 404),
    ("oos", "DeleteTemplate", {"TemplateName": "none"}, "EntityNotExists.Template", 404),
    ("oos", "ListTemplates", {"SortField": "Moon"}, "InvalidParameter", 400),
    ("oos", "ListTemplates", {"SortOrder": "Sideways"}, "InvalidParameter", 400),
    ("oos", "StartExecution", {}, "InvalidParameter", 400),
    ("oos", "StartExecution", {"TemplateName": "pipe", "TemplateContent": "<pipeline>"}, "InvalidParameter", 400),
    ("oos", "StartExecution", {"TemplateName": "pipe", "Mode": "Debug"}, "InvalidParameter", 400),
    ("oos", "StartExecution", {"TemplateName": "pipe", "SafetyCheck": "Maybe"}, "InvalidParameter", 400),
    ("oos", "StartExecution", {"TemplateName": "pipe", "Parameters": "[]"}, "InvalidParameter", 400),
    ("oos", "StartExecution", {"TemplateName": "pipe", "Parameters": "x"}, "InvalidParameter", 400),
    ("oos", "StartExecution", {"TemplateName": "pipe", "Parameters": "{}"}, "InvalidParameter", 400),
    ("oos", "ListExecutionLogs", {"ExecutionId": "exec-none"}, "EntityNotExists.Execution", 404),
    ("oos", "NotifyExecution", {"ExecutionId": "<execution>", "NotifyType": "Shrug"}, "InvalidParameter", 400),
    ("oos", "NotifyExecution", {"ExecutionId": "exec-none", "NotifyType": "Approve"}, "EntityNotExists.Execution", 404),
)  # fmt: skip


@pytest.fixture(scope="module")
def ids() -> dict[str, Any]:
    """One world for all: a refusal changes nothing."""
    world = build()
    vpc, ecs = world.cloud.vpc, world.cloud.ecs
    bare, locked = ecs.create_instance(world.vswitch), ecs.create_instance(world.vswitch, spot=True)
    ecs.stop(locked)
    world.clock.advance(60)
    ecs.reclaim_spot(locked)
    another = vpc.create_vpc("172.16.0.0/12")
    foreign = vpc.create_vswitch(another, "172.16.0.0/24")
    run = {"Type": "RunShellScript", "CommandContent": "echo {{who}}", "EnableParameter": "true"}
    text = json.dumps(PIPELINE)
    world.call("oos", "CreateTemplate", TemplateName="pipe", Content=text)
    start = {"TemplateName": "pipe", "Parameters": json.dumps({"instanceIds": [world.a]})}
    world.call("eventbridge", "CreateRule", **RULE, FilterPattern="{}")
    world.call("resourcemanager", "CreateServiceLinkedRole", ServiceName="fc.aliyuncs.com")
    over = ecs.schedule_maintenance(world.b, simulated=True)
    ecs.cancel_event(over)
    return {
        "world": world,
        "a": world.a,
        "b": world.b,
        "bare": bare,
        "locked": locked,
        "table": world.table,
        "vswitch": world.vswitch,
        "system": vpc.system_table(world.vpc),
        "group": ecs.group_in(world.vpc),
        "foreign": foreign,
        "stranger": ecs.create_instance(foreign),
        "free": vpc.allocate_eip(),
        "used": vpc.allocate_eip(bare),
        "command": world.call("ecs", "CreateCommand", **run, Name="n")["CommandId"],
        "invocation": world.call("ecs", "RunCommand", **run, **{"InstanceId.1": world.a})["InvokeId"],
        "over": over,
        "real": ecs.schedule_maintenance(world.b),
        "pipeline": text,
        "execution": world.call("oos", "StartExecution", **start)["Execution"]["ExecutionId"],
    }


@pytest.mark.parametrize(
    "product, action, given, code, status",
    TABLE,
    ids=[f"{action}-{code}-{number}" for number, (_, action, _, code, _) in enumerate(TABLE)],
)
def test_each_refusal_has_its_code_and_status(
    ids: dict[str, Any], product: str, action: str, given: dict[str, str], code: str, status: int
) -> None:
    """Unless another is given, routes are those of the world's table."""
    world: CloudWorld = ids["world"]
    table = {"RouteTableId": world.table} if action in ("CreateRouteEntry", "DeleteRouteEntry") else {}
    asked = {**table, **{name: _ID.sub(lambda found: ids[found[1]], value) for name, value in given.items()}}
    with pytest.raises(ApiError) as refused:
        world.call(product, action, **asked)
    assert (refused.value.code, refused.value.status) == (code, status)
