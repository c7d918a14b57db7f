"""What a triggerConfig may say.  It travels as a string of JSON inside the JSON request.

Source: contracts/fc-trigger-configs (Alibaba's metadata leaves triggerConfig open) and the documentation of
each trigger type.  Unknown keys are refused: a misspelt one would otherwise be a trigger that never fires.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from natlab.cloud.eventbridge.models import FUNCTION, Retry, Target, TargetParameter
from natlab.cloud.eventbridge.pattern import MOST_EXPRESSIONS, PatternError, compile_pattern
from natlab.cloud.fc import exceptions
from natlab.cloud.fc.cron import ScheduleError, parse_schedule
from natlab.cloud.fc.models import EventBridgeConfig, HttpConfig, TimerConfig, TriggerConfig

KINDS: Final = ("timer", "eventbridge", "http")
_AUTH_TYPES: Final = ("anonymous", "function", "jwt", "bearer")
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"})
_TIMER_KEYS: Final = frozenset({"cronExpression", "enable", "payload"})
_HTTP_KEYS: Final = frozenset({"authConfig", "authType", "disableURLInternet", "methods", "corsConfig"})
_EVENTBRIDGE_KEYS: Final = frozenset(
    {
        "asyncInvocationType", "eventRuleFilterPattern", "eventSinkConfig", "eventSourceConfig", "runOptions",
        "triggerEnable",
    }
)  # fmt: skip


def check_expressions(config: TriggerConfig) -> None:
    """Refuse a pattern with more alternatives in one field than the limits page allows. Raises ApiError."""
    if isinstance(config, EventBridgeConfig):
        most = compile_pattern(config.pattern).most_expressions
        if most > MOST_EXPRESSIONS:
            problem = f"a field has {most} expressions, and at most {MOST_EXPRESSIONS} are allowed"
            raise exceptions.invalid(f"triggerConfig.eventRuleFilterPattern: {problem}")


def trigger_config(kind: object, text: object) -> TriggerConfig:
    """A checked configuration. Raises ApiError InvalidArgument."""
    if kind not in KINDS:
        raise exceptions.invalid(f"triggerType '{kind}' is not one of {', '.join(KINDS)}")
    given = _parsed(text)
    if kind == "timer":
        return _timer(given)
    return _eventbridge(given) if kind == "eventbridge" else _http(given)


def rule_target(target_id: str, endpoint: str, config: EventBridgeConfig, *, true_is_async: bool) -> Target:
    """The target of the rule that stands behind an EventBridge trigger; which way the flag is read is a reading."""
    body = TargetParameter("Body", "JSONPATH", "$.data") if config.only_data else TargetParameter("Body", "ORIGINAL")
    asynchronous = config.asynchronous is true_is_async
    way = TargetParameter("InvocationType", "CONSTANT", "ASYNC" if asynchronous else "SYNC")
    return Target(target_id, FUNCTION, endpoint, (body, way), Retry(config.retry_strategy), config.errors_tolerance)


def _parsed(text: object) -> Mapping[str, Any]:
    if not isinstance(text, str):
        raise exceptions.invalid("triggerConfig must be a string that holds a JSON object")
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise exceptions.invalid(f"triggerConfig is not JSON ({error})") from error
    if not isinstance(given, dict):
        raise exceptions.invalid("triggerConfig must hold a JSON object")
    return given


def _known(given: Mapping[str, Any], keys: frozenset[str], kind: str) -> None:
    unknown = sorted(set(given) - keys)
    if unknown:
        raise exceptions.invalid(f"triggerConfig of type {kind} has no '{unknown[0]}', only {', '.join(sorted(keys))}")


def _timer(given: Mapping[str, Any]) -> TimerConfig:
    _known(given, _TIMER_KEYS, "timer")
    expression = given.get("cronExpression")
    if not isinstance(expression, str):
        raise exceptions.invalid("triggerConfig.cronExpression is required but not provided")
    try:
        schedule = parse_schedule(expression)
    except ScheduleError as error:
        raise exceptions.invalid(f"triggerConfig.cronExpression '{expression}': {error}") from error
    payload = given.get("payload", "")
    if not isinstance(payload, str):
        raise exceptions.invalid("triggerConfig.payload must be a string")
    return TimerConfig(expression, schedule, payload, _flag(given, "enable", default=False))


def _eventbridge(given: Mapping[str, Any]) -> EventBridgeConfig:
    _known(given, _EVENTBRIDGE_KEYS, "eventbridge")
    source = given.get("eventSourceConfig")
    kind = source.get("eventSourceType", "Default") if isinstance(source, Mapping) else "Default"
    if kind != "Default":
        raise exceptions.invalid(f"eventSourceType '{kind}': the local cloud has Default (cloud services) only")
    pattern = given.get("eventRuleFilterPattern")
    if not isinstance(pattern, str) or not pattern:
        raise exceptions.invalid("triggerConfig.eventRuleFilterPattern is required and is a string of JSON")
    try:
        compile_pattern(pattern)
    except PatternError as error:
        raise exceptions.invalid(f"triggerConfig.eventRuleFilterPattern: {error}") from error
    strategy = _nested(given, "runOptions", "retryStrategy").get("PushRetryStrategy") or Retry.BACKOFF.value
    if strategy not in {retry.value for retry in Retry}:
        raise exceptions.invalid(f"runOptions.retryStrategy.PushRetryStrategy '{strategy}' is unknown")
    schema = _nested(given, "eventSinkConfig", "deliveryOption").get("eventSchema") or "CloudEvents"
    if schema not in ("CloudEvents", "RawData"):
        raise exceptions.invalid(f"eventSinkConfig.deliveryOption.eventSchema '{schema}' is unknown")
    return EventBridgeConfig(
        pattern=pattern,
        asynchronous=_flag(given, "asyncInvocationType", default=False),
        enabled=_flag(given, "triggerEnable", default=True),
        only_data=schema == "RawData",
        retry_strategy=strategy,
        errors_tolerance=_tolerance(given),
    )


def _tolerance(given: Mapping[str, Any]) -> str:
    options = given.get("runOptions")
    said = (options.get("errorsTolerance") if isinstance(options, Mapping) else None) or "ALL"
    if said not in ("ALL", "NONE"):
        raise exceptions.invalid(f"runOptions.errorsTolerance '{said}' is neither ALL nor NONE")
    return str(said)


def _http(given: Mapping[str, Any]) -> HttpConfig:
    _known(given, _HTTP_KEYS, "http")
    auth = given.get("authType", "anonymous")
    methods = given.get("methods")
    if auth not in _AUTH_TYPES:
        raise exceptions.invalid(f"triggerConfig.authType '{auth}' is not one of {', '.join(_AUTH_TYPES)}")
    if not isinstance(methods, list) or not methods or not set(methods) <= _METHODS:
        raise exceptions.invalid("triggerConfig.methods is a list of HTTP methods")
    return HttpConfig(auth, tuple(methods))


def _flag(given: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = given.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise exceptions.invalid(f"triggerConfig.{key} must be true or false")
    return value


def _nested(given: Mapping[str, Any], outer: str, inner: str) -> Mapping[str, Any]:
    found = given.get(outer) or {}
    value = found.get(inner) if isinstance(found, Mapping) else None
    return value if isinstance(value, Mapping) else {}
