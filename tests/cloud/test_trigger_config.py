"""What a trigger's configuration is read as, and which ones are refused by a sentence that names the key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natlab.cloud.fc.models import EventBridgeConfig, HttpConfig, TimerConfig
from natlab.cloud.fc.triggers import trigger_config
from natlab.cloud.kernel.errors import ApiError

BUS = {"eventRuleFilterPattern": "{}"}
EACH = {"cronExpression": "@every 1m"}
ASKED = {"authType": "function", "methods": ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]}


def read(kind: str, config: object) -> Any:
    return trigger_config(kind, json.dumps(config))


@pytest.mark.parametrize(
    "more, expected",
    [
        ({}, EventBridgeConfig("{}")),
        ({"asyncInvocationType": True}, EventBridgeConfig("{}", asynchronous=True)),
        ({"asyncInvocationType": False, "triggerEnable": True}, EventBridgeConfig("{}")),
        ({"triggerEnable": False}, EventBridgeConfig("{}", enabled=False)),
        ({"eventSourceConfig": {"eventSourceType": "Default"}}, EventBridgeConfig("{}")),
        ({"eventSourceConfig": None, "eventSinkConfig": None, "runOptions": None}, EventBridgeConfig("{}")),
        ({"eventSinkConfig": {"deliveryOption": {"eventSchema": "CloudEvents"}}}, EventBridgeConfig("{}")),
        ({"eventSinkConfig": {"deliveryOption": {"eventSchema": "RawData"}}}, EventBridgeConfig("{}", only_data=True)),
        ({"eventSinkConfig": {"deliveryOption": None}}, EventBridgeConfig("{}")),
        ({"runOptions": {"errorsTolerance": "ALL"}}, EventBridgeConfig("{}")),
        ({"runOptions": {"errorsTolerance": "NONE"}}, EventBridgeConfig("{}", errors_tolerance="NONE")),
        ({"runOptions": {"retryStrategy": {"PushRetryStrategy": "BACKOFF_RETRY"}}}, EventBridgeConfig("{}")),
        ({"runOptions": {"retryStrategy": {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"}}},
         EventBridgeConfig("{}", retry_strategy="EXPONENTIAL_DECAY_RETRY")),
    ],
)  # fmt: skip
def test_a_rule_is_read_with_its_defaults(more: dict[str, Any], expected: EventBridgeConfig) -> None:
    """CloudEvents, synchronous, enabled, all errors tolerated."""
    assert read("eventbridge", BUS | more) == expected


def test_a_timer_is_off_unless_it_is_switched_on() -> None:
    """The payload is text, empty by default."""
    plain = read("timer", EACH)
    assert isinstance(plain, TimerConfig)
    assert (plain.cron_expression, plain.payload, plain.enabled) == ("@every 1m", "", False)
    whole = read("timer", EACH | {"enable": True, "payload": "sweep"})
    assert (whole.payload, whole.enabled) == ("sweep", True)


@pytest.mark.parametrize("auth", ["anonymous", "function", "jwt", "bearer"])
def test_an_http_trigger_says_who_may_call(auth: str) -> None:
    """Nobody in particular where nothing is said."""
    methods = tuple(ASKED["methods"])
    assert read("http", ASKED | {"authType": auth}) == HttpConfig(auth, methods)
    assert read("http", {"methods": ["GET"]}) == HttpConfig("anonymous", ("GET",))


@pytest.mark.parametrize(
    "kind, config, says",
    [
        ("oss", {}, "triggerType 'oss' is not one of"),
        ("timer", [], "must hold a JSON object"),
        ("timer", EACH | {"cron": "x"}, "timer has no 'cron', only cronExpression, enable, payload"),
        ("timer", {"enable": True}, "cronExpression is required"),
        ("timer", {"cronExpression": "@every"}, "cronExpression '@every'"),
        ("timer", EACH | {"payload": {}}, "payload must be a string"),
        ("timer", EACH | {"enable": "true"}, "enable must be true or false"),
        ("eventbridge", BUS | {"z": 1, "a": 1}, "eventbridge has no 'a', only asyncInvocationType, eventRuleFilter"),
        ("eventbridge", {}, "eventRuleFilterPattern is required"),
        ("eventbridge", {"eventRuleFilterPattern": ""}, "eventRuleFilterPattern is required"),
        ("eventbridge", {"eventRuleFilterPattern": {}}, "eventRuleFilterPattern is required"),
        ("eventbridge", {"eventRuleFilterPattern": "["}, "eventRuleFilterPattern: "),
        ("eventbridge", BUS | {"eventSourceConfig": {"eventSourceType": "MNS"}}, "eventSourceType 'MNS'"),
        ("eventbridge", BUS | {"asyncInvocationType": 1}, "asyncInvocationType must be true or false"),
        ("eventbridge", BUS | {"triggerEnable": "no"}, "triggerEnable must be true or false"),
        ("eventbridge", BUS | {"runOptions": {"errorsTolerance": "all"}}, "errorsTolerance 'all' is neither"),
        ("eventbridge", BUS | {"runOptions": {"retryStrategy": {"PushRetryStrategy": "X"}}}, "PushRetryStrategy 'X'"),
        ("eventbridge", BUS | {"eventSinkConfig": {"deliveryOption": {"eventSchema": "X"}}}, "eventSchema 'X'"),
        (
            "http",
            ASKED | {"auth": "x"},
            "http has no 'auth', only authConfig, authType, corsConfig, disableURLInternet",
        ),
        ("http", ASKED | {"authType": "none"}, "authType 'none' is not one of anonymous, function, jwt, bearer"),
        ("http", {"authType": "jwt"}, "methods is a list"),
        ("http", ASKED | {"methods": []}, "methods is a list"),
        ("http", ASKED | {"methods": "GET"}, "methods is a list"),
        ("http", ASKED | {"methods": ["GET", "TRACE"]}, "methods is a list"),
    ],
)
def test_a_wrong_configuration_names_its_key(kind: str, config: object, says: str) -> None:
    """Otherwise it would be found out when nothing ever fires."""
    with pytest.raises(ApiError) as refused:
        read(kind, config)
    assert refused.value.code == "InvalidArgument"
    assert says in refused.value.message


@pytest.mark.parametrize("text, says", [(None, "must be a string"), ({}, "must be a string"), ("{", "is not JSON")])
def test_a_configuration_is_text_that_holds_json(text: object, says: str) -> None:
    """As FC 3.0 takes it."""
    with pytest.raises(ApiError, match=says):
        trigger_config("timer", text)
