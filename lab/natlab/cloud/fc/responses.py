"""Function Compute 3.0's answers: models as the JSON of contracts/fc-2023-03-30."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from natlab.cloud.fc.dispatch import Running
from natlab.cloud.fc.models import AsyncConfig, Function, Hook, Invocation, InvocationStatus, Trigger
from natlab.cloud.kernel.events import utc

Json = dict[str, Any]


def function(found: Function, arn: str, tags: Mapping[str, str]) -> Json:
    """GetFunction, CreateFunction and UpdateFunction, and one row of ListFunctions."""
    declared = {key: value for key, value in found.declared.items() if key != "layers"}
    return {
        **declared,
        "functionName": found.short_name,
        "functionId": found.function_id,
        "functionArn": arn,
        "runtime": found.runtime,
        "handler": found.handler,
        "memorySize": found.memory_mb,
        "timeout": found.timeout_s,
        "environmentVariables": dict(found.environment),
        "role": found.role,
        "internetAccess": found.internet_access,
        "vpcConfig": vpc_config(found),
        "instanceLifecycleConfig": {
            **({"initializer": hook(found.initializer)} if found.initializer else {}),
            **({"preStop": hook(found.pre_stop)} if found.pre_stop else {}),
        },
        "codeChecksum": found.code.checksum,
        "codeSize": len(found.code.archive),
        "createdTime": utc(found.created),
        "lastModifiedTime": utc(found.modified),
        "state": "Active",
        "lastUpdateStatus": "Successful",
        "tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
    }


def lean(answer: Json, *, inner: bool = False) -> Json:
    """The same answer without fields that say nothing, at any depth: by the reading `answers`, they may be left out.

    Names that every function and trigger has stay, whatever they hold.
    """
    kept = {}
    for key, value in answer.items():
        said = lean(value, inner=True) if isinstance(value, dict) and key not in _AS_SENT else value
        empty = said is False or (isinstance(said, (str, list, dict)) and not said)
        if (key in _ALWAYS and not inner) or not (key in _UNSAID or empty):
            kept[key] = said
    return kept


_AS_SENT: Final = frozenset({"environmentVariables"})
_ALWAYS: Final = frozenset({"description", "role", "internetAccess", "qualifier", "reservedConcurrency", *_AS_SENT})
_UNSAID: Final = frozenset({"targetArn", "status"})


def vpc_config(found: Function) -> Json:
    """Empty fields where the function has no VPC."""
    if found.vpc is None:
        return {"vpcId": "", "vSwitchIds": [], "securityGroupId": "", "role": ""}
    return {
        "vpcId": found.vpc.vpc_id,
        "vSwitchIds": list(found.vpc.vswitch_ids),
        "securityGroupId": found.vpc.security_group_id,
        "role": "",
    }


def hook(found: Hook) -> Json:
    """An initializer or pre-stop hook."""
    return {"handler": found.handler, "timeout": int(found.timeout_s)}


def trigger(found: Trigger, arn: str) -> Json:
    """GetTrigger, and one row of ListTriggers."""
    address = {"httpTrigger": {"urlInternet": "", "urlIntranet": ""}} if found.kind == "http" else {}
    return {
        **address,
        "triggerName": found.name,
        "triggerId": found.trigger_id,
        "triggerType": found.kind,
        "triggerConfig": found.text,
        "description": found.description,
        "qualifier": found.qualifier,
        "sourceArn": found.source_arn,
        "invocationRole": found.invocation_role,
        "targetArn": arn,
        "status": "Active",
        "createdTime": utc(found.created),
        "lastModifiedTime": utc(found.modified),
    }


def async_config(config: AsyncConfig, arn: str) -> Json:
    """GetAsyncInvokeConfig, and one row of ListAsyncInvokeConfigs."""
    return {
        "functionArn": arn,
        "maxAsyncRetryAttempts": config.max_retries,
        "maxAsyncEventAgeInSeconds": int(config.max_age_s),
        "asyncTask": config.task,
        "destinationConfig": destinations(config),
        "createdTime": utc(config.created),
        "lastModifiedTime": utc(config.modified),
    }


def destinations(config: AsyncConfig) -> Json:
    """Only those that are set."""
    return {
        **({"onSuccess": {"destination": config.on_success}} if config.on_success else {}),
        **({"onFailure": {"destination": config.on_failure}} if config.on_failure else {}),
    }


def concurrency(reserved: int, arn: str) -> Json:
    """GetConcurrencyConfig."""
    return {"functionArn": arn, "reservedConcurrency": reserved}


def provision(arn: str) -> Json:
    """No function of the local cloud has provisioned instances."""
    return {
        "functionArn": arn,
        "target": 0,
        "defaultTarget": 0,
        "current": 0,
        "scheduledActions": [],
        "targetTrackingPolicies": [],
        "currentError": "",
        "alwaysAllocateCPU": False,
        "alwaysAllocateGPU": False,
    }


def no_scaling() -> Json:
    """GetScalingConfig of a function without one, by the reading that it is there and empty."""
    return {"functionArn": "", "minInstances": 0, "targetInstances": 0, "currentInstances": 0, "currentError": ""}


def scaling(declared: Mapping[str, Any], instances: int, arn: str) -> Json:
    """GetScalingConfig."""
    minimum = declared.get("minInstances") or 0
    return {
        "functionArn": arn,
        "minInstances": minimum,
        "targetInstances": minimum,
        "currentInstances": instances,
        "currentError": "",
        "enableOnDemandScaling": declared.get("enableOnDemandScaling", True),
        "horizontalScalingPolicies": declared.get("horizontalScalingPolicies") or [],
        "scheduledPolicies": declared.get("scheduledPolicies") or [],
    }


def instance(running: Running) -> Json:
    """One row of ListInstances."""
    return {
        "instanceId": running.instance_id,
        "qualifier": "LATEST",
        "versionId": "0",
        "status": "Running",
        "createdTimeMs": int(running.created * 1000),
        "destroyedTimeMs": 0,
    }


def async_task(invocation: Invocation, arn: str) -> Json:
    """One row of ListAsyncTasks, and GetAsyncTask."""
    began = invocation.started or invocation.received
    ended = invocation.finished
    return {
        "taskId": invocation.request_id,
        "requestId": invocation.request_id,
        "functionArn": arn,
        "qualifier": "LATEST",
        "status": invocation.status.value,
        "startedTime": int(began * 1000),
        "endTime": int(ended * 1000) if ended else 0,
        "durationMs": int((ended - began) * 1000) if ended else 0,
        "alreadyRetriedTimes": max(0, invocation.attempts - 1),
        "instanceId": invocation.instance_id,
        "taskErrorMessage": invocation.error_type if invocation.status is InvocationStatus.FAILED else "",
        "taskPayload": invocation.payload.decode("utf-8", "replace"),
        "returnPayload": invocation.result.decode("utf-8", "replace"),
        "destinationStatus": "",
        "events": [],
    }
