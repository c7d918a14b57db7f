"""How do event rules really invoke a function?  Read from EventBridge (2020-04-01), not from what the trigger was sent.

Alibaba's pages contradict each other about `asyncInvocationType`; the rule's target says what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from natkeeper.ports import Failure

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients

BUS = "default"
_PAGE = "100"
_WAY = "invocationtype"


@dataclass(frozen=True, slots=True)
class EventRule:
    """One rule that invokes the function; `way` is ASYNC, SYNC, or empty where its target does not say."""

    name: str
    enabled: bool
    way: str
    tolerance: str
    """ALL: an event that fails is tried again and then dropped; NONE: it blocks those after it."""


def rules_for(reach: RegionClients, function: str) -> tuple[EventRule, ...] | Failure:
    """Read every rule of bus `default` that has the function as a target."""
    found: list[EventRule] = []
    token = ""
    while True:
        asked = {"EventBusName": BUS, "Limit": _PAGE} | ({"NextToken": token} if token else {})
        answer = reach.plain("eventbridge", "ListRules", asked)
        if isinstance(answer, Failure):
            return answer
        data: dict[str, Any] = answer.get("Data") or {}
        for row in data.get("Rules") or ():
            if any(_is(target, function) for target in row.get("Targets") or ()):
                rule = _rule(reach, row, function)
                if isinstance(rule, Failure):
                    return rule
                found.append(rule)
        token = str(data.get("NextToken") or "")
        if not token:
            return tuple(found)


def _rule(reach: RegionClients, row: dict[str, Any], function: str) -> EventRule | Failure:
    name = str(row.get("RuleName") or "")
    answer = reach.plain("eventbridge", "ListTargets", {"EventBusName": BUS, "RuleName": name})
    if isinstance(answer, Failure):
        return answer
    targets = [one for one in (answer.get("Data") or {}).get("Targets") or () if _is(one, function)]
    target: dict[str, Any] = targets[0] if targets else {}
    said = {str(one.get("ResourceKey")).lower(): str(one.get("Value") or "") for one in target.get("ParamList") or ()}
    enabled = str(row.get("Status") or "ENABLE") != "DISABLE"
    return EventRule(name, enabled, said.get(_WAY, "").upper(), str(target.get("ErrorsTolerance") or "ALL"))


def _is(target: dict[str, Any], function: str) -> bool:
    """Return True if a target is the function, with or without a qualifier in its ARN."""
    _, found, name = str(target.get("Endpoint") or "").partition("functions/")
    return bool(found) and name.partition("/")[0] == function
