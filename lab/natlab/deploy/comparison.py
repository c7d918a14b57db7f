"""How the component fc3 compares what is deployed with an s.yaml: what the API adds, and what is empty, does not count.

Source: as component.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from natlab.deploy.template import Json

_IGNORED = (
    "lastModifiedTime", "functionId", "createdTime", "codeSize", "codeChecksum", "functionArn", "useSLRAuthentication",
    "lastUpdateStatus", "state", "resourceGroupId",
)  # fmt: skip
_IGNORED_IF: Json = {"disableOndemand": False, "instanceIsolationMode": "SHARE", "sessionAffinity": "NONE"}


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """List the fields in which what is deployed and what the file says differ, present or absent."""
    return sorted(
        key for key in {*found, *wanted} if key not in found or key not in wanted or found[key] != wanted[key]
    )


def comparable(remote: Json) -> Json:
    """Return the function as the component compares it: what the API adds, and what is empty, is left out."""
    kept = {key: value for key, value in remote.items() if key not in _IGNORED}
    kept = {key: value for key, value in kept.items() if not (key in _IGNORED_IF and value == _IGNORED_IF[key])}
    for key, inner in (("nasConfig", "mountPoints"), ("ossMountConfig", "mountPoints"), ("vpcConfig", "vpcId")):
        if not (kept.get(key) or {}).get(inner):
            kept.pop(key, None)
    if not (kept.get("logConfig") or {}).get("project"):
        kept.pop("logConfig", None)
    for key in ("tracingConfig", "environmentVariables"):
        if not kept.get(key):
            kept.pop(key, None)
    return kept


def comparable_trigger(remote: Json) -> Json:
    """Return a trigger as the component compares it; empty where there is none."""
    if not remote:
        return {}
    ignored = {"createdTime", "httpTrigger", "lastModifiedTime", "triggerId"}
    if remote.get("triggerType") == "eventbridge":
        ignored |= {"invocationRole", "sourceArn", "status"}
    kept = {key: value for key, value in remote.items() if key not in ignored and value is not None}
    kept["triggerConfig"] = _without_null(json.loads(remote["triggerConfig"]))
    return kept


def comparable_async(remote: Json, qualifier: str) -> Json:
    """Return an asynchronous configuration as the component compares it."""
    ignored = ("createdTime", "functionArn", "lastModifiedTime")
    kept = {key: value for key, value in remote.items() if key not in ignored and value is not None}
    if not kept.get("destinationConfig"):
        kept.pop("destinationConfig", None)
    return {**kept, "qualifier": qualifier}


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return value
