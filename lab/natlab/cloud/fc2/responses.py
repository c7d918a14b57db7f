"""Function Compute 2.0's answers: models as the JSON of contracts/fc-open-2021-04-06.

The component fc fails where a function has no `instanceLifecycleConfig`, and asks where it has no `cpu` or `diskSize`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from natlab.cloud.fc import responses
from natlab.cloud.fc.models import AsyncConfig, Function, Hook, Trigger
from natlab.cloud.kernel.events import utc

Json = dict[str, Any]
_SERVICE: Final = (
    "serviceName", "description", "internetAccess", "role", "logConfig", "nasConfig", "ossMountConfig",
    "tracingConfig", "vpcConfig", "serviceId", "createdTime", "lastModifiedTime",
)  # fmt: skip
_REPORTED: Final = ("cpu", "diskSize", "instanceType", "instanceSoftConcurrency", "customDNS")


def service(stored: Mapping[str, Any]) -> Json:
    """GetService, CreateService and UpdateService, and one row of ListServices."""
    return {key: stored[key] for key in _SERVICE if key in stored}


def service_body(body: Mapping[str, Any]) -> Json:
    """Return a service as it is stored: clients spell the list of vSwitches in two ways, and one is answered."""
    network = body.get("vpcConfig")
    if not isinstance(network, dict) or "vswitchIds" not in network:
        return dict(body)
    renamed = {("vSwitchIds" if key == "vswitchIds" else key): value for key, value in network.items()}
    return {**body, "vpcConfig": renamed}


def function(found: Function) -> Json:
    """GetFunction, CreateFunction and UpdateFunction, and one row of ListFunctions."""
    reported = {key: _said(found.declared[key]) for key in _REPORTED if found.declared.get(key) is not None}
    return {
        **reported,
        "functionId": found.function_id,
        "functionName": found.short_name,
        "description": found.declared.get("description", ""),
        "runtime": found.runtime,
        "handler": found.handler,
        "initializer": found.initializer.handler if found.initializer else "",
        "initializationTimeout": int(found.initializer.timeout_s) if found.initializer else 3,
        "timeout": found.timeout_s,
        "memorySize": found.memory_mb,
        "codeSize": len(found.code.archive),
        "codeChecksum": found.code.checksum,
        "environmentVariables": dict(found.environment),
        "instanceConcurrency": found.declared.get("instanceConcurrency", 1),
        "instanceLifecycleConfig": {"preFreeze": _hook(None), "preStop": _hook(found.pre_stop)},
        "createdTime": utc(found.created),
        "lastModifiedTime": utc(found.modified),
    }


def _said(value: Any) -> Any:
    """Leave out what was sent as null."""
    return {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else value


def _hook(found: Hook | None) -> Json:
    return responses.hook(found) if found else {"handler": "", "timeout": 3}


def trigger(found: Trigger) -> Json:
    """GetTrigger, and one row of ListTriggers."""
    return {
        "triggerName": found.name,
        "triggerId": found.trigger_id,
        "triggerType": found.kind,
        "triggerConfig": json.loads(found.text),
        "description": found.description,
        "qualifier": found.qualifier,
        "sourceArn": found.source_arn,
        "invocationRole": found.invocation_role,
        "createdTime": utc(found.created),
        "lastModifiedTime": utc(found.modified),
    }


def async_config(found: AsyncConfig, of: Function) -> Json:
    """GetFunctionAsyncInvokeConfig and PutFunctionAsyncInvokeConfig."""
    return {
        "service": of.service,
        "function": of.short_name,
        "qualifier": "LATEST",
        "maxAsyncRetryAttempts": found.max_retries,
        "maxAsyncEventAgeInSeconds": int(found.max_age_s),
        "statefulInvocation": found.task,
        "destinationConfig": responses.destinations(found),
        "createdTime": utc(found.created),
        "lastModifiedTime": utc(found.modified),
    }
