"""Which operations does the Ecs product offer, with which parameters?  One table.

Cloud Assistant's operations join it from assistant.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from natlab.cloud.ecs.arns import with_resources
from natlab.cloud.ecs.assistant import Assistant
from natlab.cloud.ecs.incidents import Ecs
from natlab.cloud.ecs.models import State
from natlab.cloud.ecs.operations import Handlers
from natlab.cloud.kernel.paging import PAGE_NUMBER, PAGE_SIZE
from natlab.cloud.kernel.parameters import BOOLEAN, NEEDED, STRUCTS, TEXT, TEXTS, Kind, Parameter, integer, needed
from natlab.cloud.kernel.rpc import Operation, RpcService

if TYPE_CHECKING:
    from natlab.cloud.ecs.context import EcsContext

VERSION = "2014-05-26"
_PAGES: Mapping[str, Parameter] = {"PageNumber": PAGE_NUMBER, "PageSize": PAGE_SIZE}
_TOKENS: Mapping[str, Parameter] = {"MaxResults": integer(1, 100), "NextToken": TEXT}
_REGION: Mapping[str, Parameter] = {"RegionId": NEEDED}
_IDS = Parameter(Kind.TEXTS, required=True, at_most=100)
_EVENT_PARAMETER = needed("MissingParameter", 404)
_EVENT_IDS = Parameter(Kind.TEXTS, required=True, at_most=100, missing="MissingParameter", missing_status=404)
_TAGGED: Mapping[str, Parameter] = {
    "RegionId": needed("MissingParameter.RegionId", 404),
    "ResourceType": needed("MissingParameter.ResourceType", 404),
}
_TAGGED_IDS = Parameter(
    Kind.TEXTS, required=True, at_most=50, missing="MissingParameter.ResourceIds", missing_status=404
)
_TAGS = Parameter(Kind.STRUCTS, required=True, at_most=20, missing="MissingParameter.Tags", missing_status=404)


def _instances(do: Handlers) -> Mapping[str, Operation]:
    one = {"InstanceId": NEEDED, "DryRun": BOOLEAN}
    many = {**_REGION, "InstanceId": _IDS, "DryRun": BOOLEAN}
    batch = {**many, "BatchOptimization": TEXT}
    return {
        "DescribeInstances": Operation(
            do.describe_instances,
            {
                **_REGION,
                **_PAGES,
                **_TOKENS,
                "InstanceIds": TEXT,
                "InstanceName": TEXT,
                "InstanceNetworkType": TEXT,
                "LockReason": TEXT,
                "PrivateIpAddresses": TEXT,
                "SecurityGroupId": TEXT,
                "Status": TEXT,
                "Tag": STRUCTS,
                "VSwitchId": TEXT,
                "VpcId": TEXT,
                "ZoneId": TEXT,
            },
        ),
        "DescribeInstanceStatus": Operation(
            do.describe_instance_status, {**_REGION, **_PAGES, "InstanceId": TEXTS, "ZoneId": TEXT}
        ),
        "DescribeInstancesFullStatus": Operation(
            do.describe_instances_full_status,
            {
                "RegionId": _EVENT_PARAMETER,
                **_PAGES,
                "InstanceId": TEXTS,
                "EventId": TEXTS,
                "EventType": TEXT,
                "InstanceEventType": TEXTS,
                "HealthStatus": TEXT,
                "Status": TEXT,
            },
        ),
        "DescribeInstanceAttribute": Operation(do.describe_instance_attribute, {"InstanceId": NEEDED}),
        "StartInstance": Operation(do.start_instance, one, writes=True),
        "StopInstance": Operation(
            do.stop_instance,
            {**one, "ForceStop": BOOLEAN, "ConfirmStop": BOOLEAN, "StoppedMode": TEXT},
            writes=True,
        ),
        "RebootInstance": Operation(do.reboot_instance, {**one, "ForceStop": BOOLEAN}, writes=True),
        "DeleteInstance": Operation(
            do.delete_instance,
            {**one, "Force": BOOLEAN, "ForceStop": BOOLEAN, "TerminateSubscription": BOOLEAN},
            writes=True,
        ),
        "StartInstances": Operation(do.start_instances, batch, writes=True),
        "StopInstances": Operation(
            do.stop_instances, {**batch, "ForceStop": BOOLEAN, "StoppedMode": TEXT}, writes=True
        ),
        "RebootInstances": Operation(do.reboot_instances, {**batch, "ForceReboot": BOOLEAN}, writes=True),
        "DeleteInstances": Operation(
            do.delete_instances,
            {
                **many,
                "ClientToken": TEXT,
                "Force": BOOLEAN,
                "ForceStop": BOOLEAN,
                "TerminateSubscription": BOOLEAN,
            },
            writes=True,
        ),
        "CreateSimulatedSystemEvents": Operation(
            do.create_simulated_system_events,
            {
                "RegionId": _EVENT_PARAMETER,
                "EventType": _EVENT_PARAMETER,
                "InstanceId": _EVENT_IDS,
                "NotBefore": _EVENT_PARAMETER,
            },
            writes=True,
        ),
        "CancelSimulatedSystemEvents": Operation(
            do.cancel_simulated_system_events,
            {"RegionId": _EVENT_PARAMETER, "EventId": _EVENT_IDS},
            writes=True,
        ),
    }


def _surroundings(do: Handlers) -> Mapping[str, Operation]:
    tagged = {**_TAGGED, "ResourceId": _TAGGED_IDS}
    interface_region = needed("MissingParameter")
    group_region = needed("MissingParameter.RegionId")
    return {
        "DescribeNetworkInterfaces": Operation(
            do.describe_network_interfaces,
            {
                "RegionId": interface_region,
                **_PAGES,
                **_TOKENS,
                "NetworkInterfaceId": TEXTS,
                "InstanceId": TEXT,
                "PrimaryIpAddress": TEXT,
                "Status": TEXT,
                "Type": TEXT,
                "VSwitchId": TEXT,
                "VpcId": TEXT,
            },
        ),
        "ModifyNetworkInterfaceAttribute": Operation(
            do.modify_network_interface_attribute,
            {
                "RegionId": interface_region,
                "NetworkInterfaceId": needed("MissingParameter"),
                "NetworkInterfaceName": TEXT,
                "Description": TEXT,
                "SourceDestCheck": BOOLEAN,
            },
            writes=True,
        ),
        "DescribeSecurityGroups": Operation(
            do.describe_security_groups,
            {
                "RegionId": group_region,
                **_PAGES,
                **_TOKENS,
                "SecurityGroupId": TEXT,
                "SecurityGroupIds": TEXT,
                "SecurityGroupName": TEXT,
                "VpcId": TEXT,
            },
        ),
        "DescribeSecurityGroupAttribute": Operation(
            do.describe_security_group_attribute,
            {"RegionId": group_region, "SecurityGroupId": NEEDED, "Direction": TEXT, "NicType": TEXT},
        ),
        "DescribeRegions": Operation(do.describe_regions, {"AcceptLanguage": TEXT}),
        "DescribeZones": Operation(do.describe_zones, {**_REGION, "AcceptLanguage": TEXT, "Verbose": BOOLEAN}),
        "ListTagResources": Operation(
            do.list_tag_resources,
            {**_TAGGED, "ResourceId": TEXTS, "Tag": STRUCTS, "NextToken": TEXT},
        ),
        "TagResources": Operation(do.tag_resources, {**tagged, "Tag": _TAGS}, writes=True),
        "UntagResources": Operation(do.untag_resources, {**tagged, "TagKey": TEXTS, "All": BOOLEAN}, writes=True),
    }


def service(cloud: EcsContext, state: State, ecs: Ecs, assistant: Assistant) -> RpcService:
    """The product as the server sees it."""
    handlers = Handlers(cloud, state, ecs)
    operations = with_resources({**_instances(handlers), **_surroundings(handlers), **assistant.operations})

    def reset() -> None:
        ecs.reset()
        assistant.reset()

    return RpcService(cloud, "ecs", "Ecs", VERSION, operations, reset)
