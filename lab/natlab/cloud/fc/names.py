"""Names of functions: how the engine knows them, in ARNs, in targets of event rules, and the rule behind a trigger."""

from __future__ import annotations

import re
from typing import Final

from natlab.cloud.eventbridge.models import Target

_ARN: Final = re.compile(
    r"acs:fc:[^:]*:[^:]*:(?:services/(?P<service>[\w-]+)(?:\.\w+)?/)?functions/(?P<function>[\w-]+)(?:/\w+)?"
)


def joined(service: str, name: str) -> str:
    """Return the name that the engine knows a function by: an FC 2.0 service stands in front of it."""
    return f"{service}${name}" if service else name


def named_in(arn: str) -> str:
    """Return the name of the function that an ARN means; empty when it means none."""
    found = _ARN.fullmatch(arn)
    return joined(found["service"] or "", found["function"]) if found else ""


def named_by(target: Target) -> str:
    """Return the name of the function that a target of an event rule means."""
    found = _ARN.fullmatch(target.endpoint)
    service = target.constant("serviceName") or (found["service"] if found else "") or ""
    return joined(service, target.constant("functionName") or (found["function"] if found else ""))


def rule_name(function: str, trigger: str) -> str:
    """The rule that stands behind an EventBridge trigger."""
    return f"fc-{function.replace('$', '-')}-{trigger}"
