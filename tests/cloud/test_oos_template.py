"""Which templates does the local OOS take, and what does it say of the others?"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from natlab.cloud.oos.expressions import ExpressionError, Scope, evaluated
from natlab.cloud.oos.loops import Batch, pace
from natlab.cloud.oos.parameters import bound
from natlab.cloud.oos.refusal import InvalidTemplateError
from natlab.cloud.oos.selectors import BadSelectorError, one, select
from natlab.cloud.oos.template import read

SOUND: dict[str, Any] = {
    "FormatVersion": "OOS-2019-06-01",
    "Description": {"en": "Runs a script", "zh-cn": "-"},
    "Parameters": {
        "regionId": {"Type": "String", "Default": "{{ ACS::RegionId }}"},
        "instanceIds": {"Type": "List", "MinLength": 1},
        "subnet": {"Type": "String", "AllowedPattern": r"\d+\.\d+\.\d+\.\d+/\d+"},
        "timeout": {"Type": "Number", "Default": 60, "MinValue": 10, "MaxValue": 600},
        "role": {"Type": "String", "Default": "OOSServiceRole"},
        "rate": {"Type": "Json", "Default": {"Mode": "Concurrency", "Concurrency": 2, "MaxErrors": 0}},
    },
    "RamRole": "{{ role }}",
    "Tasks": [
        {
            "Name": "setup",
            "Action": "ACS::ECS::RunCommand",
            "Properties": {
                "regionId": "{{ regionId }}",
                "instanceId": "{{ ACS::TaskLoopItem }}",
                "commandType": "RunShellScript",
                "commandContent": "setup --subnet {{ subnet }}",
                "timeout": "{{ timeout }}",
            },
            "Loop": {
                "Items": "{{ instanceIds }}",
                "RateControl": "{{ rate }}",
                "Outputs": {"reports": {"AggregateType": "Fn::ListJoin", "AggregateField": "report"}},
            },
            "Outputs": {"report": {"Type": "String", "ValueSelector": ".invocationOutput"}},
        }
    ],
    "Outputs": {"reports": {"Type": "List", "Value": "{{ setup.reports }}"}},
}


def changed(path: str, value: Any) -> str:
    """SOUND with one value replaced, or removed when `value` is ...; the path is dotted."""
    template: Any = copy.deepcopy(SOUND)
    inner = template
    *steps, last = path.split(".")
    for step in steps:
        inner = inner[int(step)] if isinstance(inner, list) else inner.setdefault(step, {})
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(template)


def test_a_sound_template_is_read_from_json_and_from_yaml() -> None:
    """Both formats give the same template, and say which they were."""
    import yaml

    from_json = read(json.dumps(SOUND))
    from_yaml = read(yaml.safe_dump(SOUND))
    assert (from_json.format, from_yaml.format) == ("JSON", "YAML")
    assert from_json.tasks == from_yaml.tasks
    assert from_json.description == "Runs a script"
    assert from_json.tasks[0].properties["workingDir"] == ""


def test_an_action_has_outputs_of_its_own() -> None:
    """RunCommand's is the output of the script: a loop may gather it, and a task without a loop may be asked for it."""
    gathers = json.loads(changed("Tasks.0.Loop.Outputs.reports.AggregateField", "invocationOutput"))
    assert read(json.dumps(gathers)).tasks
    del gathers["Tasks"][0]["Loop"]
    gathers["Tasks"][0]["Properties"]["instanceId"] = "i-1"
    gathers["Outputs"]["reports"] = {"Type": "String", "Value": "{{ setup.invocationOutput }}"}
    assert [each.name for each in read(json.dumps(gathers)).outputs] == ["reports"]


@pytest.mark.parametrize(
    "path,value,expected",
    [
        ("FormatVersion", "OOS-2020-01-01", "FormatVersion"),
        ("Tasks", [], "Tasks"),
        ("Task", [], "template.Task: unknown"),
        ("Tasks.0.Name", "set up", "Tasks[0].Name"),
        ("Tasks.0.Action", "ACS::ECS::DeleteInstance", "does not perform"),
        ("Tasks.0.Properties.command", "x", "Properties.command: unknown"),
        ("Tasks.0.Properties.instanceId", ..., "instanceId is missing"),
        ("Tasks.0.Properties.commandContent", "{{ missing }}", "refers to nothing"),
        ("Tasks.0.Properties.commandContent", {"Fn::Magic": "x"}, "Fn::Magic is not known"),
        ("Tasks.0.Loop.Items", "i-1", "Items: expected a list"),
        ("Tasks.0.Loop.Items", "{{ ACS::TaskLoopItem }}", "refers to nothing"),
        ("Tasks.0.Loop.Outputs.reports.AggregateField", "nothing", "no output nothing"),
        ("Tasks.0.Loop.Outputs.reports.AggregateField", 5, "Loop.Outputs.reports.AggregateField"),
        ("Tasks.0.Loop.Outputs.reports.AggregateField", ..., "Loop.Outputs.reports: AggregateField is missing"),
        ("Tasks.0.Loop.Outputs.reports.AggregateType", "Fn::Sum", "Loop.Outputs.reports.AggregateType: only Fn::List"),
        ("Tasks.0.Loop.Outputs.reports.Other", "x", "Loop.Outputs.reports.Other: unknown"),
        ("Tasks.0.Loop.Outputs", [], "Loop.Outputs"),
        ("Tasks.0.Loop.Outputs.reports", [], "Loop.Outputs.reports"),
        ("Tasks.0.Outputs.report.ValueSelector", ".a | .b", "cannot read the selector"),
        ("Tasks.0.Outputs.report.Type", "Text", "Type: 'Text'"),
        ("Tasks.0.OnError", "cleanup", "no such task"),
        ("Outputs.reports.Value", "{{ setup.report }}", "refers to nothing"),
        ("Outputs.reports.Value", ..., "Value is missing"),
        ("Parameters.timeout.Type", "Integer", "Type: 'Integer'"),
        ("Parameters.timeout.Default", 5, "below 10"),
        ("Parameters.subnet.AllowedPattern", "(", "AllowedPattern"),
        ("Parameters.subnet.Min", 1, "Min: unknown"),
        ("RamRole", "{{ nobody }}", "RamRole"),
        ("Description", "x" * 65_536, "64 KB"),
    ],
)
def test_an_unsound_template_is_refused_with_the_place(path: str, value: Any, expected: str) -> None:
    """Every departure has a sentence that says where it is."""
    with pytest.raises(InvalidTemplateError) as refusal:
        read(changed(path, value))
    assert expected in str(refusal.value)


@pytest.mark.parametrize("content", ["{", "a: [", "text", "[1]", ""])
def test_what_is_no_template_at_all_is_refused(content: str) -> None:
    """Broken JSON, broken YAML and other documents are refused, not crashed on."""
    with pytest.raises(InvalidTemplateError):
        read(content)


@pytest.mark.parametrize(
    "given,expected",
    [
        ({}, "instanceIds: required"),
        ({"instanceIds": []}, "length 0 is below 1"),
        ({"instanceIds": "i-1"}, "not of type List"),
        ({"instanceIds": ["i-1"], "subnet": "10.0.0.0/8; rm"}, "does not match"),
        ({"instanceIds": ["i-1"], "subnet": "10.0.0.0/8", "timeout": 5}, "below 10"),
        ({"instanceIds": ["i-1"], "subnet": "10.0.0.0/8", "timeout": True}, "not of type Number"),
        ({"instanceIds": ["i-1"], "subnet": "10.0.0.0/8", "colour": 1}, "no such parameter"),
    ],
)
def test_parameters_are_held_to_the_template(given: dict[str, object], expected: str) -> None:
    """Missing, unknown, ill-typed and forbidden values are refused."""
    with pytest.raises(InvalidTemplateError) as refusal:
        bound(read(json.dumps(SOUND)).parameters, given)
    assert expected in str(refusal.value)


def test_parameters_take_json_in_text_where_the_type_is_not_text() -> None:
    """The console sends lists and numbers as text; both mean the same."""
    given: dict[str, object] = {"instanceIds": '["i-1"]', "subnet": "10.0.0.0/8", "timeout": "30"}
    values = bound(read(json.dumps(SOUND)).parameters, given)
    assert values["instanceIds"] == ["i-1"]
    assert values["timeout"] == 30


ANSWER: dict[str, Any] = {"Regions": {"Region": [{"Id": "a", "N": 1}, {"Id": "b"}]}, "Empty": []}


@pytest.mark.parametrize(
    "selector,expected",
    [
        (".", [ANSWER]),
        ("Regions.Region[].Id", ["a", "b"]),
        (".Regions.Region[0].Id", ["a"]),
        (".Regions.Region[-1].Id", ["b"]),
        (".Regions.Region[-2].Id", ["a"]),
        (".Regions.Region[-3]", [None]),
        (".Regions.Region[2]", [None]),
        ('.Regions["Region"][1]', [{"Id": "b"}]),
        (".Regions.Region[].N", [1, None]),
        (".Nothing.At.All", [None]),
        (".Regions.Region[].Id[]?", []),
        (".Empty[]", []),
    ],
)
def test_selectors_pick_as_jq_does(selector: str, expected: list[object]) -> None:
    """Names, indexes, every element, and forgiving steps."""
    assert select(ANSWER, selector) == expected


@pytest.mark.parametrize("selector", [".Regions[0]", ".Regions.Region.Id", "..", ".a b"])
def test_a_selector_that_does_not_fit_is_an_error(selector: str) -> None:
    """A misfit is not silently nothing."""
    with pytest.raises(BadSelectorError):
        select(ANSWER, selector)


@pytest.mark.parametrize(
    "selector,kind,expected",
    [
        ("Regions.Region[].Id", "List", ["a", "b"]),
        ("Regions.Region", "List", ANSWER["Regions"]["Region"]),
        ("Regions.Region[].Id", "String", "a"),
        ("Regions.Region[0]", "String", '{"Id": "a", "N": 1}'),
        ("Regions.Region[0].N", "Number", 1),
        ("Nothing", "String", None),
    ],
)
def test_an_output_has_the_type_it_declares(selector: str, kind: str, expected: object) -> None:
    """A List gathers every match, anything else is the first match, converted."""
    assert one(ANSWER, selector, kind) == expected


SCOPE = Scope(
    parameters={"n": 3, "list": ["a", "b"], "text": "x", "braces": "{{ text }}"},
    pseudo={"ACS::RegionId": "cn-hangzhou"},
    outputs={"run": {"report": "ok"}},
    answers={"list": {}, "api": ANSWER},
)


@pytest.mark.parametrize(
    "value,expected",
    [
        ("{{ n }}", 3),
        ("n={{ n }} {{list}}", 'n=3 ["a", "b"]'),
        ("{{ run.report }} in {{ ACS::RegionId }}", "ok in cn-hangzhou"),
        ("{{ api.Regions.Region[].Id }}", ["a", "b"]),
        ("{{ braces }}", "{{ text }}"),
        ({"k": ["{{ text }}"]}, {"k": ["x"]}),
        ({"Fn::Join": ["-", ["{{ text }}", "{{ n }}"]]}, "x-3"),
        ({"Fn::Base64Decode": {"Fn::Base64Encode": "{{ text }}"}}, "x"),
        ({"Fn::Select": ["1", "{{ list }}"]}, "b"),
        ({"Fn::If": [{"Fn::Equals": ["{{ n }}", 3]}, "yes", "no"]}, "yes"),
        ({"Fn::Not": [{"Fn::And": [True, {"Fn::Or": [False, "true"]}]}]}, False),
    ],
)
def test_expressions_are_filled_in(value: object, expected: object) -> None:
    """References keep their type when alone, and values that hold braces are data."""
    assert evaluated(value, SCOPE) == expected


@pytest.mark.parametrize(
    "value", ["{{ nobody }}", "{{ run.other }}", {"Fn::Select": ["9", "{{ list }}"]}, {"Fn::Join": "x"}]
)
def test_an_expression_without_a_value_is_an_error(value: object) -> None:
    """A reference to nothing never becomes an empty string."""
    with pytest.raises(ExpressionError):
        evaluated(value, SCOPE)


def test_a_rate_is_a_number_or_a_share_of_the_items() -> None:
    """Percentages round up, and a batch list repeats its last figure."""
    items = list("abcdefghij")
    rate = pace({"Mode": "Concurrency", "Concurrency": "25%", "MaxErrors": "10%"}, items)
    assert (rate.batches, rate.max_errors) == ((Batch(tuple(items), 3),), 1)
    batched = pace({"Mode": "Batch", "Batch": [1, 4], "ConcurrencyInBatches": [1, "50%"]}, items)
    assert [(len(batch.items), batch.concurrency) for batch in batched.batches] == [(1, 1), (4, 2), (4, 2), (1, 1)]


@pytest.mark.parametrize(
    "rate,items",
    [
        ({"Mode": "Sometimes"}, ["a"]),
        ({"Concurrency": 0}, ["a"]),
        ({"Concurrency": "many"}, ["a"]),
        ({"Speed": 1}, ["a"]),
        ({"Mode": "Batch", "BatchPauseOption": "EveryBatchPause"}, ["a"]),
        ({}, "a"),
        ({}, ["a"] * 1001),
    ],
)
def test_a_wrong_rate_is_refused(rate: object, items: object) -> None:
    """A rate control that means nothing is refused."""
    with pytest.raises(InvalidTemplateError):
        pace(rate, items)
