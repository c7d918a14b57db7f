"""EventBridge's filter pattern language: does an event pass a rule?

A pattern has the shape of the events it wants: every key must match (AND), and each key holds an array of
values or operators of which one must match (OR).  `compile_pattern` checks a pattern once and says exactly
which place is wrong; the compiled `Pattern` then only answers yes or no.
Source: Alibaba Cloud documentation, EventBridge, "Event patterns".
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Scalar: TypeAlias = "str | int | float | bool | None"

MOST_EXPRESSIONS: Final = 5
"""In one field of a pattern (EventBridge, limits); whether that is enforced is a reading."""
_OPERATORS: Final = ("prefix", "suffix", "contains", "anything-but", "numeric", "cidr", "exists")
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class PatternError(ValueError):
    """A pattern that EventBridge would refuse; `path` is the JSON path of the offending value."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Exactly:
    value: Scalar


@dataclass(frozen=True, slots=True)
class Prefix:
    text: str


@dataclass(frozen=True, slots=True)
class Suffix:
    text: str


@dataclass(frozen=True, slots=True)
class Contains:
    text: str


@dataclass(frozen=True, slots=True)
class AnythingBut:
    refused: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Numeric:
    comparisons: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Cidr:
    network: ipaddress.IPv4Network


@dataclass(frozen=True, slots=True)
class Exists:
    wanted: bool


Condition: TypeAlias = Exactly | Prefix | Suffix | Contains | AnythingBut | Numeric | Cidr | Exists


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern: what each leaf of an event must satisfy."""

    leaves: tuple[tuple[tuple[str, ...], tuple[Condition, ...]], ...]

    @property
    def most_expressions(self) -> int:
        """How many expressions the field has that has the most."""
        return max((len(conditions) for _, conditions in self.leaves), default=0)

    def matches(self, event: Mapping[str, Json]) -> bool:
        return all(_leaf_holds(event, path, conditions) for path, conditions in self.leaves)


def compile_pattern(source: str | Mapping[str, Json]) -> Pattern:
    """Check a pattern (JSON text or an already parsed object). Raises PatternError."""
    pattern: object = source
    if isinstance(source, str):
        try:
            pattern = json.loads(source)
        except ValueError as error:
            raise PatternError("$", f"is not JSON ({error})") from error
    if not isinstance(pattern, Mapping):
        raise PatternError("$", f"must be a JSON object, not {_kind(pattern)}")
    leaves: list[tuple[tuple[str, ...], tuple[Condition, ...]]] = []
    _compile_object(pattern, (), leaves)
    return Pattern(tuple(leaves))


def _compile_object(
    pattern: Mapping[str, object],
    keys: tuple[str, ...],
    leaves: list[tuple[tuple[str, ...], tuple[Condition, ...]]],
) -> None:
    for key, value in pattern.items():
        path = (*keys, key)
        shown = _shown(path)
        if isinstance(value, Mapping):
            if not value:
                raise PatternError(shown, "must not be an empty object")
            _compile_object(value, path, leaves)
        elif isinstance(value, list | tuple):
            if not value:
                raise PatternError(shown, "must not be an empty array")
            conditions = tuple(_condition(item, f"{shown}[{place}]") for place, item in enumerate(value))
            leaves.append((path, conditions))
        else:
            raise PatternError(shown, f"must be an array of allowed values or an object, not {_kind(value)}")


def _condition(item: object, path: str) -> Condition:
    if item is None or isinstance(item, str | int | float):
        return Exactly(item)
    if not isinstance(item, Mapping):
        raise PatternError(path, f"must be a string, a number, true, false, null or an operator, not {_kind(item)}")
    if len(item) != 1:
        raise PatternError(path, f"must hold exactly one operator, has {len(item)}")
    ((operator, operand),) = item.items()
    return _operator(str(operator), operand, f"{path}.{operator}")


def _operator(operator: str, operand: object, path: str) -> Condition:
    match operator:
        case "prefix":
            return Prefix(_text(operand, path))
        case "suffix":
            return Suffix(_text(operand, path))
        case "contains":
            return Contains(_text(operand, path))
        case "anything-but":
            return AnythingBut(_refused(operand, path))
        case "numeric":
            return Numeric(_comparisons(operand, path))
        case "cidr":
            return Cidr(_network(operand, path))
        case "exists":
            if not isinstance(operand, bool):
                raise PatternError(path, f"must be true or false, not {_kind(operand)}")
            return Exists(operand)
        case _:
            raise PatternError(path, f"is not an operator; allowed are {', '.join(_OPERATORS)}")


def _refused(operand: object, path: str) -> tuple[Condition, ...]:
    if isinstance(operand, Mapping):
        condition = _condition(operand, path)
        if not isinstance(condition, Prefix | Suffix | Contains):
            raise PatternError(path, "takes values, or one of prefix, suffix, contains")
        return (condition,)
    items = operand if isinstance(operand, list | tuple) else [operand]
    if not items:
        raise PatternError(path, "must not be an empty array")
    refused: list[Condition] = []
    for place, item in enumerate(items):
        if not (item is None or isinstance(item, str | int | float)):
            problem = f"must be a string, a number, true, false or null, not {_kind(item)}"
            raise PatternError(f"{path}[{place}]", problem)
        refused.append(Exactly(item))
    return tuple(refused)


def _comparisons(operand: object, path: str) -> tuple[tuple[str, float], ...]:
    if not isinstance(operand, list | tuple) or len(operand) not in (2, 4):
        raise PatternError(path, "must be [comparison, number] or [comparison, number, comparison, number]")
    comparisons: list[tuple[str, float]] = []
    for place in range(0, len(operand), 2):
        sign, bound = operand[place], operand[place + 1]
        if not isinstance(sign, str) or sign not in _COMPARISONS:
            raise PatternError(f"{path}[{place}]", f"must be one of {' '.join(_COMPARISONS)}")
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise PatternError(f"{path}[{place + 1}]", f"must be a number, not {_kind(bound)}")
        comparisons.append((sign, bound))
    if comparisons[1:] and not (comparisons[0][0][0] == ">" and comparisons[1][0][0] == "<"):
        raise PatternError(path, "a range is a lower bound (> or >=) followed by an upper bound (< or <=)")
    return tuple(comparisons)


def _network(operand: object, path: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(_text(operand, path), strict=False)
    except ValueError as error:
        if isinstance(error, PatternError):
            raise
        raise PatternError(path, "must be an IPv4 CIDR block such as 10.0.0.0/24") from error


def _text(operand: object, path: str) -> str:
    if not isinstance(operand, str) or not operand:
        raise PatternError(path, f"must be a string that is not empty, not {_kind(operand)}")
    return operand


def _leaf_holds(event: Mapping[str, Json], path: tuple[str, ...], conditions: tuple[Condition, ...]) -> bool:
    node: object = event
    for key in path:
        if not isinstance(node, Mapping) or key not in node:
            return Exists(wanted=False) in conditions
        node = node[key]
    # An event's own array matches when one of its elements does.
    candidates: Sequence[object] = node if isinstance(node, list | tuple) else [node]
    present = Exists(wanted=True) in conditions
    return present or any(_holds(condition, value) for condition in conditions for value in candidates)


def _holds(condition: Condition, value: object) -> bool:
    match condition:
        case Exactly(wanted):
            return _same(wanted, value)
        case Prefix(text):
            return isinstance(value, str) and value.startswith(text)
        case Suffix(text):
            return isinstance(value, str) and value.endswith(text)
        case Contains(text):
            return isinstance(value, str) and text in value
        case AnythingBut(refused):
            return not any(_holds(each, value) for each in refused)
        case Numeric(comparisons):
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return all(_COMPARISONS[sign](value, bound) for sign, bound in comparisons)
        case Cidr(network):
            return _inside(network, value)
        case Exists():
            return False  # decided by presence, in _leaf_holds


def _same(wanted: Scalar, value: object) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return wanted == value


def _inside(network: ipaddress.IPv4Network, value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return ipaddress.IPv4Address(value) in network
    except ValueError:
        return False


def _shown(path: tuple[str, ...]) -> str:
    return "$." + ".".join(path)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if value == "":
        return "an empty string"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names.get(type(value), "an object")
