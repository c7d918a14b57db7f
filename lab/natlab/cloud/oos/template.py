"""Reads a template and refuses, with the place and the reason, whatever OOS would not run.

Source: "Template structure" and the pages on parameters, tasks, loops and outputs of the OOS user guide
(help.aliyun.com/zh/oos/user-guide/task, …/loop, …/output).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import yaml

from natlab.cloud.oos import actions
from natlab.cloud.oos.expressions import FUNCTIONS, PSEUDO, functions, references
from natlab.cloud.oos.parameters import ParameterSpec, read_parameter
from natlab.cloud.oos.refusal import InvalidTemplateError, checked_keys, mapping, text
from natlab.cloud.oos.selectors import BadSelectorError, parse

FORMAT_VERSION = "OOS-2019-06-01"
MAX_BYTES = 64 * 1024
"""CreateTemplate: the content is at most 64 KB."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
_OUTPUT_TYPES = frozenset({"String", "Number", "Boolean", "List", "Array", "Json", "Object"})
_FLOW = ("ACS::NEXT", "ACS::END")


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a task (`source` is a selector) or of the template (`source` is an expression)."""

    name: str
    kind: str
    source: object


@dataclass(frozen=True, slots=True)
class Loop:
    """Runs a task once per item; `gathers` maps an output of the loop to the output of its runs."""

    items: object
    rate_control: object
    gathers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Task:
    """One step; `properties` still hold their expressions."""

    name: str
    action: actions.Action
    description: str
    properties: Mapping[str, object]
    outputs: tuple[Output, ...]
    loop: Loop | None
    when: object
    on_error: str
    on_success: str

    def declares(self) -> frozenset[str]:
        """The outputs that may be referred to by name."""
        if self.loop is not None:
            return frozenset(self.loop.gathers)
        return frozenset(output.name for output in self.outputs) | self.action.outputs


@dataclass(frozen=True, slots=True)
class OosTemplate:
    """A template that was read and found sound."""

    description: str
    parameters: Mapping[str, ParameterSpec]
    ram_role: object
    tasks: tuple[Task, ...]
    outputs: tuple[Output, ...]
    format: str
    raw: Mapping[str, object] = field(compare=False, default_factory=dict)

    def task(self, name: str) -> Task:
        return next(task for task in self.tasks if task.name == name)


@lru_cache(maxsize=64)
def read(content: str) -> OosTemplate:
    """The template that `content` (YAML or JSON) says; InvalidTemplateError when OOS would refuse it.

    Remembered: each execution reads its template anew, and reading YAML takes longer than all else that a start does.
    """
    if len(content.encode()) > MAX_BYTES:
        raise InvalidTemplateError("the content is larger than 64 KB")
    kind, document = _document(content)
    root = checked_keys(
        document,
        "template",
        required={"FormatVersion", "Tasks"},
        optional={"Description", "Parameters", "RamRole", "Outputs", "Metadata"},
    )
    if root["FormatVersion"] != FORMAT_VERSION:
        raise InvalidTemplateError(f"FormatVersion: {root['FormatVersion']!r}, expected {FORMAT_VERSION!r}")
    parameters = {
        str(name): read_parameter(str(name), spec)
        for name, spec in mapping(root.get("Parameters", {}), "Parameters").items()
    }
    raw_tasks = root["Tasks"]
    if not isinstance(raw_tasks, list) or not raw_tasks:
        raise InvalidTemplateError("Tasks: expected a list with at least one task")
    template = OosTemplate(
        description=described(root.get("Description", "")),
        parameters=parameters,
        ram_role=root.get("RamRole", ""),
        tasks=tuple(_task(raw, number) for number, raw in enumerate(raw_tasks)),
        outputs=tuple(
            _template_output(str(name), raw) for name, raw in mapping(root.get("Outputs", {}), "Outputs").items()
        ),
        format=kind,
        raw=root,
    )
    for reason in _contradictions(template):
        raise InvalidTemplateError(reason)
    return template


def described(value: object) -> str:
    """A description is text, or text by language; the English one where there are several."""
    if isinstance(value, dict):
        return str(value.get("en") or next(iter(value.values()), ""))
    return str(value or "")


def _document(content: str) -> tuple[str, object]:
    if content.lstrip().startswith("{"):
        try:
            return "JSON", json.loads(content)
        except ValueError as error:
            raise InvalidTemplateError(f"not JSON: {error}") from error
    try:
        return "YAML", yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise InvalidTemplateError(f"not YAML: {error}") from error


def _task(raw: object, number: int) -> Task:
    where = f"Tasks[{number}]"
    fields = checked_keys(
        raw,
        where,
        required={"Name", "Action"},
        optional={"Description", "Properties", "Outputs", "Loop", "When", "OnError", "OnSuccess"},
    )
    name = text(fields["Name"], f"{where}.Name")
    if not _NAME.fullmatch(name):
        raise InvalidTemplateError(f"{where}.Name: {name!r}, allowed are letters, digits, - and _, at most 200")
    where = f"task {name}"
    action = actions.find(text(fields["Action"], f"{where}.Action"))
    if action is None:
        raise InvalidTemplateError(
            f"{where}.Action: the local cloud does not perform {fields['Action']!r},"
            f" it knows {', '.join(actions.names())}"
        )
    properties = checked_keys(
        fields.get("Properties", {}),
        f"{where}.Properties",
        required=set(action.required),
        optional=set(action.properties),
    )
    loop = _loop(fields["Loop"], where) if "Loop" in fields else None
    if loop is not None and not action.can_loop:
        raise InvalidTemplateError(f"{where}.Loop: {action.name} cannot be repeated")
    return Task(
        name=name,
        action=action,
        description=described(fields.get("Description", "")),
        properties={**action.defaults, **properties},
        outputs=tuple(
            _task_output(str(output), spec, where)
            for output, spec in mapping(fields.get("Outputs", {}), f"{where}.Outputs").items()
        ),
        loop=loop,
        when=fields.get("When", True),
        on_error=text(fields.get("OnError", "ACS::END"), f"{where}.OnError"),
        on_success=text(fields.get("OnSuccess", "ACS::NEXT"), f"{where}.OnSuccess"),
    )


def _task_output(name: str, raw: object, where: str) -> Output:
    fields = checked_keys(raw, f"{where}.Outputs.{name}", required={"ValueSelector"}, optional={"Type"})
    selector = text(fields["ValueSelector"], f"{where}.Outputs.{name}.ValueSelector")
    try:
        parse(selector)
    except BadSelectorError as error:
        raise InvalidTemplateError(f"{where}.Outputs.{name}: {error}") from error
    return Output(name, _kind(fields.get("Type", "String"), f"{where}.Outputs.{name}"), selector)


def _template_output(name: str, raw: object) -> Output:
    fields = checked_keys(raw, f"Outputs.{name}", required={"Value"}, optional={"Type", "Description"})
    return Output(name, _kind(fields.get("Type", "String"), f"Outputs.{name}"), fields["Value"])


def _kind(raw: object, where: str) -> str:
    if raw not in _OUTPUT_TYPES:
        raise InvalidTemplateError(f"{where}.Type: {raw!r}, allowed are {', '.join(sorted(_OUTPUT_TYPES))}")
    return str(raw)


def _loop(raw: object, where: str) -> Loop:
    where = f"{where}.Loop"
    fields = checked_keys(raw, where, required={"Items"}, optional={"RateControl", "Outputs"})
    items = fields["Items"]
    if not isinstance(items, list) and not (isinstance(items, str) and "{{" in items):
        raise InvalidTemplateError(f"{where}.Items: expected a list, or a reference to one")
    gathers: dict[str, str] = {}
    for name, spec in mapping(fields.get("Outputs", {}), f"{where}.Outputs").items():
        output = checked_keys(
            spec, f"{where}.Outputs.{name}", required={"AggregateType", "AggregateField"}, optional=set()
        )
        if output["AggregateType"] != "Fn::ListJoin":
            raise InvalidTemplateError(f"{where}.Outputs.{name}.AggregateType: only Fn::ListJoin is known")
        gathers[str(name)] = text(output["AggregateField"], f"{where}.Outputs.{name}.AggregateField")
    return Loop(items, fields.get("RateControl", {}), gathers)


def _contradictions(template: OosTemplate) -> Iterator[str]:
    """What is wrong between parts that are sound each for itself."""
    names = [task.name for task in template.tasks]
    for name in names:
        if names.count(name) > 1:
            yield f"two tasks are called {name}"
    known = {name: task.declares() for name, task in zip(names, template.tasks, strict=True)}
    for task in template.tasks:
        where = f"task {task.name}"
        for target in (task.on_error, task.on_success):
            if target not in _FLOW and target not in names:
                yield f"{where}: it may continue with {target}, and there is no such task"
        values = [dict(task.properties), task.when]
        yield from _dangling(where, values, template, known, looping=task.loop is not None)
        if task.loop is not None:
            yield from _dangling(where, [task.loop.items, task.loop.rate_control], template, known, looping=False)
            own = {output.name for output in task.outputs} | task.action.outputs
            for gathered in task.loop.gathers.values():
                if gathered not in own:
                    yield f"{where}.Loop.Outputs: its runs have no output {gathered}"
    yield from _dangling("RamRole", [template.ram_role], template, {}, looping=False)
    for output in template.outputs:
        yield from _dangling(f"Outputs.{output.name}", [output.source], template, known, looping=False)


def _dangling(
    where: str,
    values: list[object],
    template: OosTemplate,
    tasks: Mapping[str, frozenset[str]],
    *,
    looping: bool,
) -> Iterator[str]:
    for name in references(values):
        if name in template.parameters or (name in PSEUDO and (looping or name != "ACS::TaskLoopItem")):
            continue
        task, _, rest = name.partition(".")
        if task in tasks and (rest in tasks[task] or _may_be_direct(template.task(task), rest)):
            continue
        yield f"{where}: {{{{ {name} }}}} refers to nothing"
    for function in functions(values):
        if function not in FUNCTIONS:
            yield f"{where}: {function} is not known to the local cloud"


def _may_be_direct(task: Task, rest: str) -> bool:
    """Only an API's answer can be referred to past declared outputs; its fields are not known here."""
    if task.loop is not None or "API" not in task.action.required or not rest:
        return False
    try:
        return bool(parse(rest))
    except BadSelectorError:
        return False
