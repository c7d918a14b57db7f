"""Which way are functions, triggers and event patterns answered? Only read, of what is deployed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.lean_imports import lean
from natkeeper.cli.conformance.found import TrialResult
from natkeeper.cli.survey import functions, rules
from natkeeper.ports import Failure

if TYPE_CHECKING:
    from natkeeper.alibaba.clients import Attempt
    from natkeeper.cli.conformance.place import Place

with lean("alibabacloud_fc20230330"):
    from alibabacloud_fc20230330 import models
    from alibabacloud_fc20230330.client import Client

MORE_THAN_FIVE = 6
_SPECIAL = ("targetArn", "status")
"""Fields of a trigger that nobody sends."""


def triggers(place: Place, function: str) -> dict[str, TrialResult]:
    """Compare what a trigger was sent with how its rule invokes."""
    seen = rules.rules_for(place.reach, function)
    deployed = place.reach.try_(lambda attempt: functions.deployed(attempt, function))
    if isinstance(seen, Failure) or isinstance(deployed, Failure) or deployed is None:
        why = seen if isinstance(seen, Failure) else deployed or f"{function} is not deployed"
        return {"async-type": TrialResult(None, f"the rules behind the triggers cannot be read: {why}")}
    sent = {
        bool(each.config.get("asyncInvocationType", False)) for each in deployed.triggers if each.kind == "eventbridge"
    }
    ways = {rule.way for rule in seen if rule.way}
    said = {"asyncInvocationType": sorted(sent), "rules invoke": sorted(ways)}
    if len(sent) != 1 or len(ways) != 1:
        return {"async-type": TrialResult(None, f"triggers and rules of {function} do not agree on one way", said)}
    alike = (sent == {True}) == (ways == {"ASYNC"})
    return {"async-type": TrialResult("true-is-async" if alike else "true-is-sync", seen=said)}


def answers(place: Place, function: str) -> dict[str, TrialResult]:
    """Read a trigger and a scaling configuration that nobody wrote."""
    found: dict[str, Any] = {}

    def read(attempt: Attempt) -> None:
        client = attempt.clients.client(Client, attempt.clients.fc_address)
        request = models.ListTriggersRequest(limit=100)
        listed = client.list_triggers_with_options(function, request, {}, attempt.options()).body.triggers or ()
        found["trigger"] = [each.to_map() for each in listed]  # type: ignore[no-untyped-call]

    refused = place.code(read)
    if refused or not found.get("trigger"):
        lean_or_full = TrialResult(None, f"no trigger of {function} can be read: {refused or 'it has none'}")
    else:
        there = sorted({name for trigger in found["trigger"] for name in _SPECIAL if trigger.get(name) is not None})
        way = {0: "lean", len(_SPECIAL): "full"}.get(len(there))
        lean_or_full = TrialResult(way, "" if way else f"only {', '.join(there)} is answered", {"answered": there})
    return {"answers": lean_or_full, "scaling-config": _scaling(place, function)}


def _scaling(place: Place, function: str) -> TrialResult:
    found: dict[str, Any] = {}

    def read(attempt: Attempt) -> None:
        client = attempt.clients.client(Client, attempt.clients.fc_address)
        request = models.GetScalingConfigRequest()
        answer = client.get_scaling_config_with_options(function, request, {}, attempt.options())
        found.update(answer.body.to_map())  # type: ignore[no-untyped-call]

    refused = place.code(read)
    if refused:
        missing = "NotFound" in refused or "NotExist" in refused
        why = "" if missing else f"GetScalingConfig was refused with {refused}"
        return TrialResult("not-found" if missing else None, why, {"GetScalingConfig": refused})
    return TrialResult(
        "full" if found.get("functionArn") else "empty", seen={"functionArn": found.get("functionArn") or ""}
    )


def patterns(place: Place) -> dict[str, TrialResult]:
    """Ask EventBridge to match a pattern with six alternatives in one field (TestEventPattern)."""
    kinds = [f"ecs:Instance:Kind{number}" for number in range(MORE_THAN_FIVE)]
    event = {
        "id": "1", "source": "acs.ecs", "specversion": "1.0", "type": kinds[0], "datacontenttype": "application/json",
        "time": "2026-01-01T00:00:00Z", "subject": "acs:ecs:cn-hangzhou:1:instance/i-1", "data": {},
    }  # fmt: skip
    asked = {"EventPattern": json.dumps({"source": ["acs.ecs"], "type": kinds}), "Event": json.dumps(event)}
    answer = place.reach.plain("eventbridge", "TestEventPattern", asked)
    if isinstance(answer, Failure):
        return {"pattern-expressions": TrialResult(None, f"TestEventPattern cannot be called: {answer}")}
    code = str(answer.get("Code") or "Success")
    if code == "Success":
        return {"pattern-expressions": TrialResult("any-number", seen={"TestEventPattern": answer.get("Data")})}
    way = "five" if "Pattern" in code else None
    why = "" if way else f"TestEventPattern was answered with {code}"
    return {"pattern-expressions": TrialResult(way, why, {"TestEventPattern": code})}
