"""Fills in `{{ … }}` and computes `Fn::…` in the properties and outputs of a template.

A string that is nothing but one reference becomes the referenced value with its type; inside other text it
is written out. Sources: "Functions" and "Pseudo parameters" of the OOS user guide
(help.aliyun.com/zh/oos/user-guide/functions), and for references straight into a task's answer "Template
outputs" (…/oos/user-guide/output).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from natlab.cloud.oos.selectors import BadSelectorError, select

REFERENCE = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
PSEUDO = frozenset(
    {
        "ACS::RegionId",
        "ACS::AccountId",
        "ACS::ExecutionId",
        "ACS::TemplateName",
        "ACS::TemplateId",
        "ACS::TemplateVersion",
        "ACS::TaskLoopItem",
        "ACS::CurrentDate",
    }
)


class ExpressionError(ValueError):
    """A reference or function that has no value."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean at one point of an execution."""

    parameters: Mapping[str, object]
    pseudo: Mapping[str, object]
    outputs: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Declared outputs, by task."""
    answers: Mapping[str, object] = field(default_factory=dict)
    """What an action gave back altogether, by task, for references past its declared outputs."""

    def value(self, name: str) -> object:
        """The value of `name`, the text between the braces; ExpressionError when it has none."""
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        task, _, rest = name.partition(".")
        if task in self.outputs and rest in self.outputs[task]:
            return self.outputs[task][rest]
        if task in self.answers and rest:
            try:
                found = select(self.answers[task], rest)
            except BadSelectorError as error:
                raise ExpressionError(str(error)) from error
            return found if "[]" in rest else found[0]
        raise ExpressionError(f"{name} has no value here")


def references(value: object) -> Iterator[str]:
    """Every name that `value` refers to, at any depth."""
    if isinstance(value, str):
        yield from (found[1] for found in REFERENCE.finditer(value))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def functions(value: object) -> Iterator[str]:
    """Every `Fn::…` that `value` uses, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.startswith("Fn::"):
                yield name
            yield from functions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from functions(inner)


def evaluated(value: object, scope: Scope) -> object:
    """`value` with every reference and function replaced by what it means in `scope`."""
    if isinstance(value, str):
        whole = REFERENCE.fullmatch(value.strip())
        if whole and "}}" not in whole[1]:
            return scope.value(whole[1])
        return REFERENCE.sub(lambda found: written(scope.value(found[1])), value)
    if isinstance(value, list):
        return [evaluated(inner, scope) for inner in value]
    if isinstance(value, dict):
        name = next(iter(value), "")
        if len(value) == 1 and name in FUNCTIONS:
            return _called(name, evaluated(value[name], scope))
        return {key: evaluated(inner, scope) for key, inner in value.items()}
    return value


def written(value: object) -> str:
    """A value inside other text: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def true(value: object) -> bool:
    """Return True if a condition holds; OOS conditions are booleans or the word."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _called(name: str, argument: object) -> object:
    try:
        return FUNCTIONS[name](argument)
    except (TypeError, ValueError, LookupError, binascii.Error) as error:
        raise ExpressionError(f"{name}: {error}") from error


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _pair(value: object) -> tuple[object, object]:
    first, second = _list(value)
    return first, second


def _join(value: object) -> str:
    separator, parts = _pair(value)
    return str(separator).join(written(part) for part in _list(parts))


def _chosen(value: object) -> object:
    index, items = _pair(value)
    return _list(items)[int(str(index))]


def _split(value: object) -> list[str]:
    separator, text = _pair(value)
    return str(text).split(str(separator))


def _conditional(value: object) -> object:
    condition, then, otherwise = _list(value)
    return then if true(condition) else otherwise


def _flattened(value: object) -> list[object]:
    flat: list[object] = []
    for item in _list(value):
        flat.extend(item if isinstance(item, list) else [item])
    return flat


FUNCTIONS: Mapping[str, Callable[[object], object]] = {
    "Fn::Base64Encode": lambda value: base64.b64encode(written(value).encode()).decode(),
    "Fn::Base64Decode": lambda value: base64.b64decode(str(value), validate=True).decode(errors="replace"),
    "Fn::Join": _join,
    "Fn::ListJoin": _flattened,
    "Fn::Select": _chosen,
    "Fn::Split": _split,
    "Fn::Equals": lambda value: _pair(value)[0] == _pair(value)[1],
    "Fn::Not": lambda value: not true(_list(value)[0] if isinstance(value, list) else value),
    "Fn::And": lambda value: all(true(item) for item in _list(value)),
    "Fn::Or": lambda value: any(true(item) for item in _list(value)),
    "Fn::If": _conditional,
    "Fn::JsonDump": lambda value: json.dumps(value, ensure_ascii=False),
}
