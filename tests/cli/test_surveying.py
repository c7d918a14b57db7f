"""What the cloud answers about functions, roles and rules, and how it is read: each case differs in one thing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.cli.survey.functions import Deployed, SurveyedTrigger, addresses
from natkeeper.cli.survey.roles import Role, role
from natkeeper.cli.survey.rules import EventRule, rules_for
from natkeeper.cli.survey.template_file import (
    DeclaredFunction,
    DeclaredTrigger,
    TemplateUnreadable,
    declared,
    incomplete,
)
from natkeeper.ports import Failure, FailureKind

FUNCTION = Deployed("f", "r", 60, True, "", (), {}, (), "", "", None, None)  # noqa: FBT003  internet access
DENIED = Failure(FailureKind.DENIED, "no", "Forbidden.RAM")


class CloudAsked:
    """Answers plain calls from a table: by the call, its answer, or a list of one for each time."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, list[tuple[str, str, Mapping[str, str]]]()

    def plain(self, product: str, call: str, asked: Mapping[str, str]) -> Any:
        self.asked.append((product, call, asked))
        answer = self.answers[call]
        return answer.pop(0) if isinstance(answer, list) else answer


@pytest.mark.parametrize(
    "given, count",
    [("a://b", 1), ("a://b  c://d", 2), ("none", 0), ("a://b none", 2), ("heartbeat+https://x", 0),
     ("a://b heartbeat+https://x", 1)],
)  # fmt: skip
def test_addresses_in_the_environment_are_counted_as_the_function_counts_them(given: str, count: int) -> None:
    """A heartbeat is called and notifies nobody."""
    function = SimpleNamespace(name="n", environment={"NATKEEPER_NOTIFY": given})
    assert addresses(None, function) == count  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer, count",
    [
        ((b'{"addresses": 2}', None), 2),
        ((b'{"addresses": "2"}', None), 0),
        ((b"{}", None), 0),
        ((b"[]", None), 0),
        ((b"odd", None), 0),
        ((b'{"addresses": 2}', "UnhandledInvocationError"), 0),
        (DENIED, DENIED),
    ],
)
def test_addresses_in_the_code_are_asked_for(answer: object, count: object) -> None:
    """A function that fails, or answers something else, notifies nobody."""
    reach = SimpleNamespace(try_=lambda _ask: answer)
    assert addresses(reach, FUNCTION) == count  # type: ignore[arg-type]


TRUST = {"Statement": [{"Principal": {"Service": ["fc.aliyuncs.com", "oos.aliyuncs.com"]}}]}
ROLE = {"Role": {"AssumeRolePolicyDocument": json.dumps(TRUST)}}
LISTED = {"Policies": {"Policy": [{"PolicyName": "p", "PolicyType": "Custom"}, {"PolicyName": "q"}]}}
POLICY = {"DefaultPolicyVersion": {"PolicyDocument": "{1}"}}


@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, Role("r", ("fc.aliyuncs.com", "oos.aliyuncs.com"), ("{1}", "{}"))),
        ({"GetRole": {"Role": None}}, Role("r", (), ("{1}", "{}"))),
        ({"GetRole": {"Role": {"AssumeRolePolicyDocument": "odd"}}}, Role("r", (), ("{1}", "{}"))),
        ({"GetRole": {"Role": {"AssumeRolePolicyDocument": "[]"}}}, Role("r", (), ("{1}", "{}"))),
        (
            {"GetRole": {"Role": {"AssumeRolePolicyDocument": "%7B%22Statement%22%3A%5B%7B%22Principal%22%3A"
                                                              "%7B%22Service%22%3A%22fc%22%7D%7D%2C%7B%7D%5D%7D"}}},
            Role("r", ("fc",), ("{1}", "{}")),
        ),
        ({"GetRole": DENIED}, DENIED),
        ({"GetRole": Failure(FailureKind.GONE, "no", "EntityNotExist.Role")}, None),
        ({"ListPoliciesForRole": DENIED}, DENIED),
        ({"ListPoliciesForRole": {}}, Role("r", ("fc.aliyuncs.com", "oos.aliyuncs.com"), ())),
        ({"GetPolicy": DENIED}, DENIED),
    ],
)  # fmt: skip
def test_a_role_is_read_with_its_policies(change: dict[str, Any], expected: object) -> None:
    """Whom it trusts and what its policies say; one that is not there is none, one that cannot be read a failure."""
    cloud = CloudAsked(**{"GetRole": ROLE, "ListPoliciesForRole": LISTED, "GetPolicy": [POLICY, {}], **change})
    assert role(cloud, "r") == expected  # type: ignore[arg-type]
    if isinstance(expected, Role) and expected.documents:
        assert cloud.asked == [
            ("ram", "GetRole", {"RoleName": "r"}),
            ("ram", "ListPoliciesForRole", {"RoleName": "r"}),
            ("ram", "GetPolicy", {"PolicyName": "p", "PolicyType": "Custom"}),
            ("ram", "GetPolicy", {"PolicyName": "q", "PolicyType": "None"}),
        ]
        assert role(CloudAsked(GetRole=cloud.answers["GetRole"]), "r", policies=False) == Role("r", expected.trusts, ())  # type: ignore[arg-type]


TARGET = {
    "Endpoint": "acs:fc:cn-hangzhou:1:functions/f/LATEST",
    "ParamList": [{"ResourceKey": "InvocationType", "Value": "Async"}],
    "ErrorsTolerance": "NONE",
}


@pytest.mark.parametrize(
    "row, target, expected",
    [
        ({}, {}, EventRule("rule", True, "ASYNC", "NONE")),  # noqa: FBT003
        ({"Status": "DISABLE"}, {}, EventRule("rule", False, "ASYNC", "NONE")),  # noqa: FBT003
        ({"Status": None}, {}, EventRule("rule", True, "ASYNC", "NONE")),  # noqa: FBT003
        ({"RuleName": None}, {}, EventRule("", True, "ASYNC", "NONE")),  # noqa: FBT003
        ({}, {"ErrorsTolerance": None}, EventRule("rule", True, "ASYNC", "ALL")),  # noqa: FBT003
        ({}, {"ParamList": [{"ResourceKey": "other", "Value": "x"}]}, EventRule("rule", True, "", "NONE")),  # noqa: FBT003
        ({}, {"ParamList": None}, EventRule("rule", True, "", "NONE")),  # noqa: FBT003
        ({}, {"Endpoint": "acs:fc:cn-hangzhou:1:functions/other"}, EventRule("rule", True, "", "ALL")),  # noqa: FBT003
        ({"Targets": [{"Endpoint": "acs:fc:cn-hangzhou:1:functions/f"}]}, {},
         EventRule("rule", True, "ASYNC", "NONE")),  # noqa: FBT003
        ({"Targets": [{"Endpoint": "acs:fc:cn-hangzhou:1:functions/f2"}]}, {}, None),
        ({"Targets": [{"Endpoint": "f"}]}, {}, None),
        ({"Targets": [{"Endpoint": None}]}, {}, None),
        ({"Targets": None}, {}, None),
    ],
)  # fmt: skip
def test_a_rule_is_read_with_its_target(
    row: dict[str, Any], target: dict[str, Any], expected: EventRule | None
) -> None:
    """How it invokes the function; rules of other functions are not looked at."""
    rows = [{"RuleName": "rule", "Status": "ENABLE", "Targets": [TARGET], **row}]
    cloud = CloudAsked(
        ListRules=[{"Data": {"Rules": rows, "NextToken": 3}}, {"Data": None}],
        ListTargets={"Data": {"Targets": [{"Endpoint": "x"}, {**TARGET, **target}]}},
    )
    assert rules_for(cloud, "f") == ((expected,) if expected else ())  # type: ignore[arg-type]
    named = {"EventBusName": "default", "RuleName": expected.name if expected else ""}
    asked = [one for one in cloud.asked if one[1] == "ListTargets"]
    assert asked == ([("eventbridge", "ListTargets", named)] if expected else [])
    asked = [one for one in cloud.asked if one[1] == "ListRules"]
    assert asked == [
        ("eventbridge", "ListRules", {"EventBusName": "default", "Limit": "100"}),
        ("eventbridge", "ListRules", {"EventBusName": "default", "Limit": "100", "NextToken": "3"}),
    ]


@pytest.mark.parametrize("call", ["ListRules", "ListTargets"])
def test_rules_that_cannot_be_read_are_a_failure(call: str) -> None:
    """And not a function without rules."""
    answers = {"ListRules": {"Data": {"Rules": [{"Targets": [TARGET]}]}}, call: DENIED}
    assert rules_for(CloudAsked(**answers), "f") == DENIED  # type: ignore[arg-type]


SWEEP = DeclaredTrigger("sweep", "timer", "every minute", {"enable": True, "eventRuleFilterPattern": '{"a": 1}'})
STATE = DeclaredTrigger("ecs-state", "eventbridge", "", {"triggerEnable": True, "runOptions": {}})
WANTED = DeclaredFunction(
    "failover", "f", (SWEEP, STATE), {},
    {"maxAsyncRetryAttempts": 1, "destinationConfig": {"onFailure": {"destination": "acs:fc:r:1:functions/n"}}}, 3,
)  # fmt: skip
THERE: dict[str, Any] = {
    "triggers": (
        SurveyedTrigger("sweep", "timer", {"enable": True, "eventRuleFilterPattern": '{"a":1}', "more": 1},
                        "every minute"),
        SurveyedTrigger("ecs-state", "eventbridge", {"triggerEnable": True}),
    ),
    "on_failure": "acs:fc:cn-hangzhou:1:functions/n",
    "async_retries": 1,
    "reserved": 3,
}  # fmt: skip


def trigger(number: int, **change: Any) -> dict[str, Any]:
    """What is deployed, with one trigger changed."""
    found = [
        {"name": one.name, "kind": one.kind, "config": one.config, "description": one.description}
        for one in THERE["triggers"]
    ]
    found[number] |= change
    return {"triggers": tuple(SurveyedTrigger(**one) for one in found)}


ONE, TWO = "s failover deploy --trigger", "s failover deploy -y"


@pytest.mark.parametrize(
    "change, says, command",
    [
        ({}, None, None),
        ({"triggers": ()}, "sweep, ecs-state missing", f"{ONE} sweep,ecs-state -y"),
        (trigger(0, name="other"), "sweep missing", f"{ONE} sweep -y"),
        (trigger(0, kind="http"), "sweep differs from s.yaml", f"{ONE} sweep -y"),
        (trigger(0, description=""), "sweep differs from s.yaml", f"{ONE} sweep -y"),
        (trigger(0, config={"enable": False, "eventRuleFilterPattern": '{"a":1}'}), "sweep differs from s.yaml",
         f"{ONE} sweep -y"),
        (trigger(0, config={"enable": True, "eventRuleFilterPattern": "odd"}), "sweep differs from s.yaml",
         f"{ONE} sweep -y"),
        (trigger(0, config={"enable": True}), "sweep differs from s.yaml", f"{ONE} sweep -y"),
        (trigger(1, config={"triggerEnable": True, "runOptions": {"mode": "x"}}), None, None),
        (trigger(1, config={}), "ecs-state differs from s.yaml", f"{ONE} ecs-state -y"),
        ({"triggers": trigger(0, kind="http")["triggers"][:1]}, "ecs-state missing; sweep differs from s.yaml",
         f"{ONE} sweep,ecs-state -y"),
        ({"triggers": (trigger(0, kind="x")["triggers"][0], trigger(1, kind="x")["triggers"][1])},
         "sweep, ecs-state differ from s.yaml", f"{ONE} sweep,ecs-state -y"),
        ({"on_failure": ""}, "asyncInvokeConfig not as s.yaml says", TWO),
        ({"on_success": "acs:fc:r:1:functions/n"}, "asyncInvokeConfig not as s.yaml says", TWO),
        ({"async_retries": None}, "asyncInvokeConfig not as s.yaml says", TWO),
        ({"reserved": None}, "concurrencyConfig not as s.yaml says", TWO),
        ({"reserved": 4, "async_retries": 0}, "asyncInvokeConfig and concurrencyConfig not as s.yaml says", TWO),
        ({"reserved": 4, **trigger(0, kind="x")},
         "sweep differs from s.yaml; concurrencyConfig not as s.yaml says", f"{ONE} sweep -y && {TWO}"),
    ],
)  # fmt: skip
def test_what_is_deployed_is_held_against_the_file(
    change: dict[str, Any], says: str | None, command: str | None
) -> None:
    """Triggers that are missing or differ, settings that differ, and the one command that completes them."""
    fields = {name: getattr(FUNCTION, name) for name in FUNCTION.__slots__}
    found = incomplete(WANTED, Deployed(**{**fields, **THERE, **change}))
    assert (found and found.says, found and found.command) == (says, command)


def test_settings_that_the_file_leaves_out_are_not_looked_at() -> None:
    """Whatever is deployed."""
    fields = {name: getattr(FUNCTION, name) for name in FUNCTION.__slots__}
    there = Deployed(**{**fields, **THERE, "on_success": "acs:fc:r:1:functions/x", "async_retries": 7, "reserved": 9})
    assert incomplete(DeclaredFunction("failover", "f", (SWEEP, STATE)), there) is None
    success = {"destinationConfig": {"onSuccess": {"destination": "x"}}}
    both = Deployed(**{**fields, "triggers": THERE["triggers"], "on_success": "acs:fc:r:1:functions/x"})
    assert incomplete(DeclaredFunction("failover", "f", (SWEEP, STATE), {}, success), both) is None
    only = DeclaredFunction("failover", "f", (SWEEP, STATE), {}, {"destinationConfig": {"onFailure": "odd"}})
    assert incomplete(only, Deployed(**{**fields, "triggers": THERE["triggers"]})) is None


TEMPLATE = """\
vars: {name: f, rate: 1, deep: {a: 1}}
resources:
  failover:
    component: fc3@0.1
    props:
      functionName: ${vars.name}
      environmentVariables: {A: 1, B: "${env('X')}-${ vars.rate }-${vars.none}"}
      triggers:
        - triggerName: sweep
          triggerType: timer
          description: every ${vars.rate}
          triggerConfig: {cronExpression: "@every ${vars.rate}m", list: ["${vars.name}"]}
        - {triggerName: plain, triggerType: http, triggerConfig: {}}
      asyncInvokeConfig: {maxAsyncRetryAttempts: 1}
      concurrencyConfig: {reservedConcurrency: 3}
  domain: {component: fc3-domain, props: {functionName: d}}
  bare: {component: fc3, props: {functionName: b}}
  other: {component: oss, props: 7}
"""


def test_a_file_is_read_with_its_variables(tmp_path: Any) -> None:
    """Those that it has; whatever else stands in `${…}` stays as it is."""
    file = tmp_path / "s.yaml"
    file.write_text(TEMPLATE, encoding="utf-8")
    triggers = (
        DeclaredTrigger("sweep", "timer", "every 1", {"cronExpression": "@every 1m", "list": ["f"]}),
        DeclaredTrigger("plain", "http", "", {}),
    )
    environment = {"A": "1", "B": "${env('X')}-1-${vars.none}"}
    assert declared(file) == (
        DeclaredFunction("failover", "f", triggers, environment, {"maxAsyncRetryAttempts": 1}, 3),
        DeclaredFunction("domain", "d", ()),
        DeclaredFunction("bare", "b", ()),
    )
    assert declared(tmp_path / "none.yaml") == ()


@pytest.mark.parametrize(
    "text, says",
    [
        ("a: [", "cannot be read: "),
        ("[]", "has no resources"),
        ("resources: []", "has no resources"),
        ("resources: {a: {component: fc3}}", "has a resource that is not of component fc3's shape"),
        ("resources: {a: 7}", "has a resource that is not of component fc3's shape"),
    ],
)
def test_a_file_that_cannot_be_used_says_so(tmp_path: Any, text: str, says: str) -> None:
    """With its path."""
    file = tmp_path / "s.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TemplateUnreadable) as refused:
        declared(file)
    assert str(refused.value).startswith(f"{file} {says}")
