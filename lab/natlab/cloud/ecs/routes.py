"""Which operations does the Ecs product offer, with which parameters?  One table.

Cloud Assistant's operations join it from assistant.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from natlab.cloud.ecs.arns import tags_in, with_resources
from natlab.cloud.ecs.assistant import Assistant
from natlab.cloud.ecs.incidents import Ecs
from natlab.cloud.ecs.models import EcsState
from natlab.cloud.ecs.operations import EcsHandlers
from natlab.cloud.kernel.offered import Offer, offered
from natlab.cloud.kernel.rpc import RpcService

if TYPE_CHECKING:
    from natlab.cloud.ecs.context import EcsContext

VERSION = "2014-05-26"


def _instances(do: EcsHandlers) -> Mapping[str, Offer]:
    return {
        "DescribeInstances": Offer(
            do.describe_instances,
            "InstanceIds InstanceName InstanceNetworkType LockReason MaxResults NextToken PageNumber "
            "PageSize PrivateIpAddresses SecurityGroupId Status Tag VSwitchId VpcId ZoneId",
        ),
        "DescribeInstanceStatus": Offer(do.describe_instance_status, "InstanceId PageNumber PageSize ZoneId"),
        "DescribeInstancesFullStatus": Offer(
            do.describe_instances_full_status,
            "EventId EventType HealthStatus InstanceEventType InstanceId PageNumber PageSize Status",
            missing={"RegionId": "MissingParameter"},
            missing_status=404,
        ),
        "DescribeInstanceAttribute": Offer(do.describe_instance_attribute),
        "StartInstance": Offer(do.start_instance, "DryRun", writes=True),
        "StopInstance": Offer(do.stop_instance, "ConfirmStop DryRun ForceStop StoppedMode", writes=True),
        "RebootInstance": Offer(do.reboot_instance, "DryRun ForceStop", writes=True),
        "DeleteInstance": Offer(do.delete_instance, "DryRun Force ForceStop TerminateSubscription", writes=True),
        "StartInstances": Offer(do.start_instances, "BatchOptimization DryRun", writes=True),
        "StopInstances": Offer(do.stop_instances, "BatchOptimization DryRun ForceStop StoppedMode", writes=True),
        "RebootInstances": Offer(do.reboot_instances, "BatchOptimization DryRun ForceReboot", writes=True),
        "DeleteInstances": Offer(
            do.delete_instances, "ClientToken DryRun Force ForceStop TerminateSubscription", writes=True
        ),
        "CreateSimulatedSystemEvents": Offer(
            do.create_simulated_system_events,
            writes=True,
            missing={
                "RegionId": "MissingParameter",
                "EventType": "MissingParameter",
                "InstanceId": "MissingParameter",
                "NotBefore": "MissingParameter",
            },
            missing_status=404,
        ),
        "CancelSimulatedSystemEvents": Offer(
            do.cancel_simulated_system_events,
            writes=True,
            missing={"RegionId": "MissingParameter", "EventId": "MissingParameter"},
            missing_status=404,
        ),
    }


def _surroundings(do: EcsHandlers) -> Mapping[str, Offer]:
    return {
        "DescribeNetworkInterfaces": Offer(
            do.describe_network_interfaces,
            "InstanceId MaxResults NetworkInterfaceId NextToken PageNumber PageSize PrimaryIpAddress "
            "Status Type VSwitchId VpcId",
            missing={"RegionId": "MissingParameter"},
        ),
        "ModifyNetworkInterfaceAttribute": Offer(
            do.modify_network_interface_attribute,
            "Description NetworkInterfaceName SourceDestCheck",
            writes=True,
            missing={"RegionId": "MissingParameter", "NetworkInterfaceId": "MissingParameter"},
        ),
        "DescribeSecurityGroups": Offer(
            do.describe_security_groups,
            "MaxResults NextToken PageNumber PageSize SecurityGroupId SecurityGroupIds SecurityGroupName VpcId",
            missing={"RegionId": "MissingParameter.RegionId"},
        ),
        "DescribeSecurityGroupAttribute": Offer(
            do.describe_security_group_attribute, "Direction NicType", missing={"RegionId": "MissingParameter.RegionId"}
        ),
        "DescribeRegions": Offer(do.describe_regions, "AcceptLanguage"),
        "DescribeZones": Offer(do.describe_zones, "AcceptLanguage Verbose"),
        "ListTagResources": Offer(
            do.list_tag_resources,
            "NextToken ResourceId Tag",
            missing={"RegionId": "MissingParameter.RegionId", "ResourceType": "MissingParameter.ResourceType"},
            missing_status=404,
        ),
        "TagResources": Offer(
            do.tag_resources,
            writes=True,
            missing={
                "RegionId": "MissingParameter.RegionId",
                "ResourceType": "MissingParameter.ResourceType",
                "ResourceId": "MissingParameter.ResourceIds",
                "Tag": "MissingParameter.Tags",
            },
            missing_status=404,
        ),
        "UntagResources": Offer(
            do.untag_resources,
            "All TagKey",
            writes=True,
            missing={
                "RegionId": "MissingParameter.RegionId",
                "ResourceType": "MissingParameter.ResourceType",
                "ResourceId": "MissingParameter.ResourceIds",
            },
            missing_status=404,
        ),
    }


def service(cloud: EcsContext, state: EcsState, ecs: Ecs, assistant: Assistant) -> RpcService:
    """The product as the server sees it."""
    handlers = EcsHandlers(cloud, state, ecs)
    offers = {**_instances(handlers), **_surroundings(handlers), **assistant.offers}
    operations = with_resources(offered("ecs", offers))

    def reset() -> None:
        ecs.reset()
        assistant.reset()

    served = RpcService(cloud, "ecs", "Ecs", VERSION, operations, reset)
    served.context_of = tags_in(state)
    return served
