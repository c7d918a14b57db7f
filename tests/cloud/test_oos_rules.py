"""The rules of OOS's template language at their ends: parameters, functions, rates, selectors, and how tasks fail."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from natlab.cloud.oos.actions import duration_s
from natlab.cloud.oos.expressions import ExpressionError, Scope, evaluated
from natlab.cloud.oos.loops import Batch, pace
from natlab.cloud.oos.parameters import bound, read_parameter
from natlab.cloud.oos.refusal import InvalidTemplateError
from natlab.cloud.oos.selectors import BadSelectorError, converted, select
from natlab.cloud.oos.template import read
from tests.cloud.guests import GuestCloud
from tests.cloud.lived_in import PIPELINE

ITEMS = [str(number) for number in range(10)]
PLAIN = Scope(parameters={"n": 3, "list": ["a", "b"]}, pseudo={}, answers={"api": {"A": [1, 2]}})


def change(path: str, value: Any) -> str:
    """Return PIPELINE with one value in place of another, or added."""
    template: Any = copy.deepcopy(PIPELINE)
    inner = template
    *steps, last = path.split(".")
    for step in steps:
        inner = inner[int(step)] if isinstance(inner, list) else inner.setdefault(step, {})
    inner[last] = value
    return json.dumps(template)


@pytest.mark.parametrize(
    "rules, taken, refused, says",
    [
        ({"Type": "String", "MinLength": 2}, "ab", "a", "length 1 is below 2"),
        ({"Type": "String", "MaxLength": 2}, "ab", "abc", "length 3 is above 2"),
        ({"Type": "List", "MaxLength": 1}, ["a"], ["a", "b"], "length 2 is above 1"),
        ({"Type": "Number", "MinValue": 2}, 2, 1, "value 1 is below 2"),
        ({"Type": "Number", "MaxValue": 2}, 2, 3, "value 3 is above 2"),
        ({"Type": "String", "AllowedValues": ["a"]}, "a", "b", "is none of"),
        ({"Type": "String", "AllowedPattern": "a+"}, "aa", "aab", "does not match"),
        ({"Type": "String"}, "a", [], "not of type String"),
        ({"Type": "Number"}, 1.5, "x", "not of type Number"),
        ({"Type": "Boolean"}, "true", 1, "not of type Boolean"),
        ({"Type": "List"}, '["a"]', {}, "not of type List"),
        ({"Type": "Array"}, ["a"], "a", "not of type Array"),
        ({"Type": "Json"}, '{"a": 1}', 1, "not of type Json"),
        ({"Type": "Json"}, ["a"], "a", "not of type Json"),
        ({"Type": "Object"}, {"a": 1}, ["a"], "not of type Object"),
    ],
)
def test_a_parameter_s_rules_end_where_they_should(rules: dict[str, Any], taken: Any, refused: Any, says: str) -> None:
    """The one is bound, the other names its rule."""
    specs = {"p": read_parameter("p", rules)}
    value = bound(specs, {"p": taken})["p"]
    assert value == (json.loads(taken) if isinstance(taken, str) and rules["Type"] != "String" else taken)
    with pytest.raises(InvalidTemplateError, match=says):
        bound(specs, {"p": refused})


def test_numbers_and_truths_may_be_given_as_text() -> None:
    """Written as JSON writes them."""
    specs = {"p": read_parameter("p", {"Type": "String"})}
    assert [bound(specs, {"p": given})["p"] for given in (1, 1.5, True)] == ["1", "1.5", "true"]


@pytest.mark.parametrize(
    "name, rules, says",
    [
        ("n" * 201, {"Type": "String"}, "at most 200"),
        ("a b", {"Type": "String"}, "at most 200"),
        ("p", {"Type": "String", "MinLength": "2"}, "MinLength: expected a number"),
        ("p", {"Type": "String", "MaxLength": True}, "MaxLength: expected a number"),
        ("p", {"Type": "Number", "MinValue": "2"}, "MinValue: expected a number"),
        ("p", {"Type": "Number", "MaxValue": []}, "MaxValue: expected a number"),
        ("p", {"Type": "String", "AllowedValues": "a"}, "AllowedValues: expected a list"),
        ("p", {"Type": "Number", "MaxValue": 2, "Default": 3}, "above 2"),
        ("p", {}, "Type is missing"),
        ("p", [], "expected an object"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(name: str, rules: Any, says: str) -> None:
    """When the template is read."""
    with pytest.raises(InvalidTemplateError, match=says):
        read_parameter(name, rules)
    assert read_parameter("n" * 200, {"Type": "String", "MinLength": 2, "Default": "{{ n }}"}).required is False


@pytest.mark.parametrize("kind", ["String", "Number", "Boolean", "List", "Array", "Json", "Object"])
def test_an_output_may_be_of_each_type(kind: str) -> None:
    """Of a task and of the template, and a parameter as well."""
    assert read(change("Outputs.reports.Type", kind)).outputs[0].kind == kind
    assert read(change("Tasks.1.Outputs.report.Type", kind)).tasks[1].outputs[0].kind == kind
    assert read(change("Parameters.more", {"Type": kind})).parameters["more"].kind == kind


@pytest.mark.parametrize(
    "path, value, says",
    [
        ("Tasks.0.Loop", {"Items": ["a"]}, "ACS::Sleep cannot be repeated"),
        ("Tasks.0.Name", "run", "two tasks are called run"),
        ("Tasks.0.Name", "n" * 201, "at most 200"),
        ("Tasks.0.OnSuccess", "nowhere", "no such task"),
        ("Tasks.0.When", "{{ nothing }}", "refers to nothing"),
        ("Tasks.1.Loop.Outputs.reports.AggregateType", "Fn::First", "only Fn::ListJoin"),
        ("Tasks.1.Loop.RateControl", "{{ nothing }}", "refers to nothing"),
        ("Outputs.reports.Type", "Text", "Type: 'Text'"),
        ("Outputs.reports.Value", "{{ run.invocationOutput }}", "refers to nothing"),
        ("Outputs.reports.Value", "{{ ACS::TaskLoopItem }}", "refers to nothing"),
        ("Tasks.0.Action", 1, "expected text"),
        ("Parameters", [], "expected an object"),
    ],
)
def test_what_contradicts_itself_is_refused(path: str, value: Any, says: str) -> None:
    """Between parts that are sound each for itself, too."""
    with pytest.raises(InvalidTemplateError, match=says):
        read(change(path, value))


@pytest.mark.parametrize(
    "value, expected",
    [
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::ListJoin": [["a"], "b", ["c", "d"]]}, ["a", "b", "c", "d"]),
        ({"Fn::JsonDump": {"a": "é"}}, '{"a": "é"}'),
        ({"Fn::Base64Encode": [1]}, "WzFd"),
        ({"Fn::Select": [0, "{{ list }}"]}, "a"),
        ({"Fn::If": ["no", 1, 2]}, 2),
        ({"Fn::If": ["True", 1, 2]}, 1),
        ({"Fn::Equals": ["3", "{{ n }}"]}, False),
        ({"Fn::And": [True, "false"]}, False),
        ({"Fn::Or": [False, "no"]}, False),
        ({"Fn::Not": True}, False),
        ("{{ api.A[] }}", [1, 2]),
        ("{{ api.A[1] }}", 2),
        ("{{ n }} {{ list }}", '3 ["a", "b"]'),
    ],
)
def test_each_function_does_what_it_is_called(value: object, expected: object) -> None:
    """And leaves what is not its own as it is."""
    assert evaluated(value, PLAIN) == expected


@pytest.mark.parametrize(
    "value", [{"Fn::Split": "a"}, {"Fn::Base64Decode": "no base64!"}, {"Fn::If": [True]}, "{{ api.A.B }}", "{{ api. }}"]
)
def test_a_function_without_a_meaning_is_an_error(value: object) -> None:
    """Named, not nothing."""
    with pytest.raises(ExpressionError):
        evaluated(value, PLAIN)


@pytest.mark.parametrize(
    "value, kind, expected",
    [
        ("1.5", "Number", 1.5),
        ("True", "Boolean", True),
        ("no", "Boolean", False),
        ("[1]", "List", [1]),
        (2, "Number", 2),
    ],
)
def test_text_becomes_what_an_output_declares(value: object, kind: str, expected: object) -> None:
    """As JSON says it."""
    assert converted(value, kind) == expected
    with pytest.raises(BadSelectorError):
        converted("{", "Json")
    assert select({"a": {"b": 1, "c": 2}}, "a[]") == [1, 2]


def test_batches_go_by_their_figures() -> None:
    """Sizes and numbers at once, as counts or percentages; the last figure holds for the rest."""
    rate = pace({"Mode": "Batch", "Batch": ["20%", 3]}, ITEMS)
    assert [batch.concurrency for batch in rate.batches] == [2, 3, 3, 2]
    assert pace({}, ITEMS[:2]).batches == (Batch(("0", "1"), 1),)
    assert pace({"MaxErrors": "1%"}, ITEMS).max_errors == 1
    assert len(pace({}, ["x"] * 1000).batches[0].items) == 1000


@pytest.mark.parametrize(
    "rate",
    [
        {"Mode": "Batch", "Batch": 2},
        {"Mode": "Batch", "Batch": []},
        {"Mode": "Batch", "ConcurrencyInBatches": 1},
        {"Mode": "Batch", "Batch": [0]},
        {"Concurrency": True},
        {"MaxErrors": -1},
        {"MaxErrors": "1.5%"},
    ],
)
def test_a_rate_without_a_meaning_is_refused(rate: object) -> None:
    """A size, a number or a list that is none."""
    with pytest.raises(InvalidTemplateError):
        pace(rate, ITEMS)


def test_durations_are_days_hours_minutes_and_seconds() -> None:
    """ISO 8601, as ACS::Sleep takes it."""
    assert duration_s("P1DT2H3M4S") == 93784
    assert [duration_s(text) for text in ("PT1H", "PT1M", " PT1S ", "P1D")] == [3600, 60, 1, 86400]
    for text in ("P", "PT", "1M", "PT1.5S"):
        with pytest.raises(ValueError, match="not a duration"):
            duration_s(text)


LOOK = {"Service": "ecs", "API": "DescribeInstances", "PropertySelector": "Instances.Instance[].Status"}


@pytest.mark.parametrize(
    "action, properties, says",
    [
        ("ACS::WaitFor", {**LOOK, "DesiredValues": ["Stopped"], "StopRetryValues": ["Running"]}, "which is one of"),
        ("ACS::WaitFor", {**LOOK, "DesiredValues": ["Stopped"]}, "is still"),
        ("ACS::WaitFor", {**LOOK, "PropertySelector": "Instances[0]", "DesiredValues": ["x"]}, "cannot take"),
        ("ACS::CheckFor", {**LOOK, "DesiredValues": ["Stopped"]}, "expected"),
        ("ACS::CheckFor", {**LOOK, "PropertySelector": "Instances[0]", "DesiredValues": ["x"]}, "cannot take"),
        ("ACS::CheckFor", {**LOOK, "PropertySelector": "Nothing[]?", "DesiredValues": ["x"]}, "expected"),
        ("ACS::Sleep", {"Duration": "soon"}, "not a duration"),
        ("ACS::ExecuteAPI", {"Service": "moon", "API": "DescribeTides"}, "there is no service"),
        ("ACS::ExecuteAPI", {"Service": "ecs", "API": "StopInstance", "Parameters": {}}, "MissingInstanceId"),
        ("ACS::ECS::RunCommand", {"instanceId": "i-none", "commandContent": "x"}, "InvalidInstance"),
    ],
)
def test_a_task_that_cannot_succeed_says_why(action: str, properties: dict[str, Any], says: str) -> None:
    """In the status message of the execution."""
    ground = GuestCloud()
    template = {
        "FormatVersion": "OOS-2019-06-01",
        "Tasks": [{"Name": "only", "Action": action, "Properties": properties}],
    }
    started: Any = ground.oos("StartExecution", TemplateContent=json.dumps(template), SafetyCheck="Skip")
    ground.pass_time(7200)
    found: Any = ground.oos("ListExecutions", ExecutionId=started["Execution"]["ExecutionId"])
    assert found["Executions"][0]["Status"] == "Failed"
    assert says in found["Executions"][0]["StatusMessage"]


def test_a_truth_in_an_answer_is_compared_as_it_is_written() -> None:
    """`true` and `false`, not Python's words."""
    ground = GuestCloud()
    look = {"Service": "ecs", "API": "DescribeInstances", "PropertySelector": "Instances.Instance[].IoOptimized"}
    template = {
        "FormatVersion": "OOS-2019-06-01",
        "Tasks": [{"Name": "only", "Action": "ACS::CheckFor", "Properties": {**look, "DesiredValues": "true"}}],
    }
    started: Any = ground.oos("StartExecution", TemplateContent=json.dumps(template), SafetyCheck="Skip")
    ground.pass_time(60)
    found: Any = ground.oos("ListExecutions", ExecutionId=started["Execution"]["ExecutionId"])
    assert found["Executions"][0]["Status"] == "Success"


def test_lists_are_sorted_by_the_field_that_is_asked_for() -> None:
    """Executions by beginning, end and state, templates by name and dates; the last first unless it is said."""
    ground = GuestCloud()
    sleeping = {
        "FormatVersion": "OOS-2019-06-01",
        "Tasks": [{"Name": "only", "Action": "ACS::Sleep", "Properties": {}}],
    }
    for name, seconds in (("b", "100"), ("a", "1"), ("c", "10")):
        sleeping["Tasks"][0]["Properties"]["Duration"] = f"PT{seconds}S"  # type: ignore[index]
        ground.oos("CreateTemplate", TemplateName=name, Content=json.dumps(sleeping))
        ground.oos("StartExecution", TemplateName=name, SafetyCheck="Skip")
        ground.pass_time(5)
    ground.oos("UpdateTemplate", TemplateName="b", Content=json.dumps(sleeping))
    ground.pass_time(20)

    def found(action: str, **asked: str) -> str:
        answer: Any = ground.oos(action, **asked)
        (rows,) = (value for value in answer.values() if isinstance(value, list))
        return "".join(row["TemplateName"] for row in rows)

    assert found("ListExecutions", SortField="Status", SortOrder="Ascending")[0] == "b"  # Running, then Success
    ground.pass_time(200)
    assert found("ListExecutions") == found("ListExecutions", SortField="StartDate") == "cab"
    assert found("ListExecutions", SortField="EndDate") == "bca"
    assert found("ListExecutions", SortField="EndDate", SortOrder="Ascending") == "acb"
    assert found("ListTemplates") == found("ListTemplates", SortField="UpdatedDate") == "bca"
    assert found("ListTemplates", SortField="CreatedDate", SortOrder="Ascending") == "bac"
    assert found("ListTemplates", SortField="TemplateName", SortOrder="Ascending") == "abc"
