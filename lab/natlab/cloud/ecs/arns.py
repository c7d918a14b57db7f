"""Which resources does RAM ask about for each operation of the Ecs product?

Source: Alibaba Cloud documentation, ECS, "RAM authorization": instances, and for RunCommand the command as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from natlab.cloud.ecs.models import EcsState
from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.rpc import Operation, RpcService


def _named(api: RpcService, values: Values) -> Sequence[str]:
    """The instances that the call names, one or several; all when it names none."""
    ids = values.texts("InstanceId") or [values.text("InstanceId") or "*"]
    return [api.arn(f"instance/{one}") for one in ids]


def _command(api: RpcService, values: Values) -> Sequence[str]:
    return [*_named(api, values), api.arn("command/*")]


def _all(api: RpcService, _values: Values) -> Sequence[str]:
    return [api.arn("instance/*")]


def _group(api: RpcService, values: Values) -> Sequence[str]:
    return [api.arn(f"securitygroup/{values.text('SecurityGroupId') or '*'}")]


def _interface(api: RpcService, values: Values) -> Sequence[str]:
    return [api.arn(f"eni/{values.text('NetworkInterfaceId') or '*'}")]


RESOURCES = {
    "DescribeInstances": _all,
    "DescribeInstanceStatus": _all,
    "DescribeInstancesFullStatus": _all,
    "DescribeCloudAssistantStatus": _all,
    "DescribeInstanceAttribute": _named,
    "StartInstance": _named,
    "StopInstance": _named,
    "RebootInstance": _named,
    "DeleteInstance": _named,
    "StartInstances": _named,
    "StopInstances": _named,
    "RebootInstances": _named,
    "DeleteInstances": _named,
    "CreateSimulatedSystemEvents": _named,
    "RunCommand": _command,
    "InvokeCommand": _command,
    "DescribeSecurityGroups": _group,
    "DescribeSecurityGroupAttribute": _group,
    "DescribeNetworkInterfaces": _interface,
    "ModifyNetworkInterfaceAttribute": _interface,
}


def tags_in(state: EcsState) -> Callable[[str], Mapping[str, str]]:
    """What RAM's conditions on tags ask about a resource: `acs:ResourceTag/KEY`."""

    def context(arn: str) -> Mapping[str, str]:
        tags = state.tags.get(arn.rpartition("/")[2], {})
        return {f"acs:ResourceTag/{key}": value for key, value in tags.items()}

    return context


def with_resources(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations, each with what RAM asks about."""
    return {name: replace(operation, on=RESOURCES.get(name)) for name, operation in operations.items()}
