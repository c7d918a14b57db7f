"""EventBridge's API (2020-04-01): rules and targets on the default bus, as `aliyun eventbridge` uses them.

Refusals of rules and targets come as HTTP 200 with `Success: false` and a Code, as EventBridge answers;
those about parameters and signatures keep their own status.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from natlab.cloud.eventbridge import responses
from natlab.cloud.eventbridge.bus import DEFAULT_BUS, Bus, InvalidEventError, check_event
from natlab.cloud.eventbridge.models import Retry, Rule, Target, TargetParameter
from natlab.cloud.eventbridge.pattern import MOST_EXPRESSIONS, Pattern, PatternError, compile_pattern
from natlab.cloud.eventbridge.transform import FORMS
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.offered import Offer, offered
from natlab.cloud.kernel.rpc import JsonObject, RpcCall, RpcService, rpc_error
from natlab.cloud.kernel.wire import Request, Response

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

_Row = TypeVar("_Row")
_MOST_TARGETS: Final = 5
_ANSWERED: Final = 200


class EventBridge(RpcService):
    """The product; the bus itself is `bus`."""

    def __init__(self, cloud: CloudContext, bus: Bus) -> None:
        offers = {
            "CreateRule": Offer(self._create_rule, "Description EventTargets Status", writes=True),
            "UpdateRule": Offer(self._update_rule, "Description Status", writes=True),
            "GetRule": Offer(self._get_rule),
            "DeleteRule": Offer(self._delete_rule, writes=True),
            "EnableRule": Offer(self._enable_rule, writes=True),
            "DisableRule": Offer(self._disable_rule, writes=True),
            "ListRules": Offer(self._list_rules, "Limit NextToken RuleNamePrefix"),
            "PutTargets": Offer(self._put_targets, writes=True),
            "DeleteTargets": Offer(self._delete_targets, "TargetIds", writes=True),
            "ListTargets": Offer(self._list_targets, "Arn EventBusName Limit NextToken RuleName"),
            "TestEventPattern": Offer(self._test_pattern),
        }
        super().__init__(cloud, "eventbridge", "eventbridge", "2020-04-01", offered("eventbridge", offers))
        self._cloud = cloud
        self.bus = bus

    def render_error(self, error: ApiError, request: Request) -> Response:
        if error.status != _ANSWERED:
            return rpc_error(error, request.request_id, self.product, self._cloud.region)
        body = {
            "RequestId": request.request_id,
            "Code": error.code,
            "Message": error.message,
            "Success": False,
        }
        headers = {"content-type": "application/json;charset=utf-8"}
        return Response(error.status, headers, json.dumps(body).encode())

    def reset(self) -> None:
        self.bus.reset()

    def _create_rule(self, call: RpcCall) -> JsonObject:
        self._check_bus(call)
        name = call.values.text("RuleName")
        if self.bus.rule(name) is not None:
            raise _refused("EventRuleExisted", f"The event rule [{name}] is already existed!")
        targets = tuple(_target(each) for each in _objects(call.values.json("EventTargets") or [], "EventTargets"))
        _check_count(targets)
        text = call.values.text("FilterPattern")
        rule = Rule(
            name=name,
            bus=DEFAULT_BUS,
            text=text,
            pattern=_pattern(text),
            created=self._cloud.clock.now(),
            targets=targets,
            enabled=_status(call, default=True),
            description=call.values.text("Description"),
        )
        try:
            self.bus.put_rule(rule)
        except ApiError as full:
            raise _refused(full.code, full.message) from full
        return responses.success({"RuleARN": self._arn(name)})

    def _update_rule(self, call: RpcCall) -> JsonObject:
        rule = self._rule(call)
        text = call.values.text("FilterPattern")
        self.bus.put_rule(
            dataclasses.replace(
                rule,
                text=text,
                pattern=_pattern(text),
                enabled=_status(call, default=rule.enabled),
                description=call.values.text("Description", rule.description),
            )
        )
        return responses.success(data=True)

    def _get_rule(self, call: RpcCall) -> JsonObject:
        rule = self._rule(call)
        return responses.success(responses.rule(rule, self._arn(rule.name)))

    def _delete_rule(self, call: RpcCall) -> JsonObject:
        self.bus.remove_rule(self._rule(call).name)
        return responses.success()

    def _enable_rule(self, call: RpcCall) -> JsonObject:
        self.bus.put_rule(dataclasses.replace(self._rule(call), enabled=True))
        return responses.success()

    def _disable_rule(self, call: RpcCall) -> JsonObject:
        self.bus.put_rule(dataclasses.replace(self._rule(call), enabled=False))
        return responses.success()

    def _list_rules(self, call: RpcCall) -> JsonObject:
        self._check_bus(call)
        prefix = call.values.text("RuleNamePrefix")
        rules = sorted((rule for rule in self.bus if rule.name.startswith(prefix)), key=lambda rule: rule.name)
        page, token = _page(rules, call)
        rows = [responses.rule_row(rule, self._arn(rule.name)) for rule in page]
        return responses.success({"Rules": rows, "Total": len(rules), **token})

    def _put_targets(self, call: RpcCall) -> JsonObject:
        rule = self._rule(call)
        targets = [_target(each) for each in _objects(call.values.json("Targets"), "Targets")]
        known = {target.target_id for target in (*rule.targets, *targets)}
        _check_count(tuple(known))
        for target in targets:
            self.bus.put_target(rule.name, target)
        return responses.success({"ErrorEntriesCount": 0, "ErrorEntries": []})

    def _delete_targets(self, call: RpcCall) -> JsonObject:
        rule = self._rule(call)
        ids = call.values.json("TargetIds")
        if ids is not None and not isinstance(ids, list):
            raise _refused("InvalidArgument", "TargetIds must be an array.")
        wanted = [target.target_id for target in rule.targets] if ids is None else ids
        missing = [each for each in wanted if not self.bus.remove_target(rule.name, str(each))]
        errors = [responses.error_entry(str(each)) for each in missing]
        return responses.success({"ErrorEntriesCount": len(errors), "ErrorEntries": errors})

    def _list_targets(self, call: RpcCall) -> JsonObject:
        name, arn = call.values.text("RuleName"), call.values.text("Arn")
        if name:
            self._rule(call)
        rows = [
            responses.target_row(rule, target)
            for rule in self.bus
            for target in rule.targets
            if name in ("", rule.name) and arn in ("", target.endpoint)
        ]
        page, token = _page(rows, call)
        return responses.success({"Targets": page, "Total": len(rows), **token})

    def _test_pattern(self, call: RpcCall) -> JsonObject:
        pattern = _pattern(call.values.text("EventPattern"))
        most = pattern.most_expressions
        if most > MOST_EXPRESSIONS and self._cloud.readings.is_("pattern-expressions", "five"):
            raise _refused("InvalidEventPattern", f"A field of the event pattern has {most} expressions.")
        try:
            event = json.loads(call.values.text("Event"))
            check_event(event)
        except (ValueError, AttributeError, InvalidEventError) as error:
            raise _refused("InvalidEvent", f"The event is not a CloudEvents object: {error}") from error
        return responses.success({"Result": pattern.matches(event)})

    def _check_bus(self, call: RpcCall) -> None:
        name = call.values.text("EventBusName", DEFAULT_BUS)
        if name != DEFAULT_BUS:
            raise _refused("EventBusNotExist", f"The event bus [{name}] not existed!")

    def _rule(self, call: RpcCall) -> Rule:
        self._check_bus(call)
        name = call.values.text("RuleName")
        rule = self.bus.rule(name)
        if rule is None:
            raise _refused("EventRuleNotExisted", f"The event rule [{name}] not existed!")
        return rule

    def _arn(self, name: str) -> str:
        cloud = self._cloud
        return f"acs:eventbridge:{cloud.region}:{cloud.account_id}:eventbus/{DEFAULT_BUS}/rule/{name}"


def _refused(code: str, message: str) -> ApiError:
    return ApiError(code, message, _ANSWERED)


def _pattern(text: str) -> Pattern:
    try:
        return compile_pattern(text)
    except PatternError as error:
        raise _refused("InvalidEventPattern", f"The event pattern is invalid: {error}") from error


def _status(call: RpcCall, *, default: bool) -> bool:
    status = call.values.text("Status")
    if status not in ("", "ENABLE", "DISABLE"):
        raise _refused("InvalidArgument", "Status must be ENABLE or DISABLE.")
    return default if not status else status == "ENABLE"


def _objects(value: object, name: str) -> list[Mapping[str, object]]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise _refused("InvalidArgument", f"{name} must be an array of objects.")
    return value


def _target(given: Mapping[str, object]) -> Target:
    for key in ("Id", "Type", "Endpoint"):
        if not isinstance(given.get(key), str) or not given[key]:
            raise _refused("InvalidArgument", f"{key} of a target is required.")
    strategy = str(given.get("PushRetryStrategy") or Retry.BACKOFF.value)
    try:
        retry = Retry(strategy)
    except ValueError:
        raise _refused("InvalidArgument", f"PushRetryStrategy {strategy} is unknown.") from None
    tolerance = str(given.get("ErrorsTolerance") or "ALL")
    if tolerance not in ("ALL", "NONE"):
        raise _refused("InvalidArgument", "ErrorsTolerance must be ALL or NONE.")
    queue, concurrent = given.get("DeadLetterQueue"), given.get("ConcurrentConfig")
    return Target(
        target_id=str(given["Id"]),
        kind=str(given["Type"]),
        endpoint=str(given["Endpoint"]),
        parameters=tuple(_parameter(each) for each in _objects(given.get("ParamList") or [], "ParamList")),
        retry=retry,
        errors_tolerance=tolerance,
        dead_letter_queue=str(queue.get("Arn") or "") if isinstance(queue, Mapping) else "",
        concurrency=int(concurrent.get("Concurrency") or 0) if isinstance(concurrent, Mapping) else 0,
    )


def _parameter(given: Mapping[str, object]) -> TargetParameter:
    form = str(given.get("Form") or "")
    if not given.get("ResourceKey") or form not in FORMS:
        raise _refused("InvalidArgument", f"A row of ParamList needs ResourceKey and one of {sorted(FORMS)}.")
    return TargetParameter(
        str(given["ResourceKey"]), form, str(given.get("Value") or ""), str(given.get("Template") or "")
    )


def _check_count(targets: tuple[object, ...]) -> None:
    if len(targets) > _MOST_TARGETS:
        raise _refused("EventRuleTargetCountExceedLimit", "The count of event targets exceeds the limit 5.")


def _page(rows: Sequence[_Row], call: RpcCall) -> tuple[list[_Row], dict[str, str]]:
    token = call.values.text("NextToken", "0")
    if not token.isdecimal():
        raise _refused("InvalidArgument", "NextToken was never given out.")
    start = int(token)
    end = start + call.values.integer("Limit", 100)
    return list(rows[start:end]), ({"NextToken": str(end)} if end < len(rows) else {})
