"""How a configuration is refused: every problem with its path, the value that stands there, and what is allowed.

msgspec finds the problems and says where; what it says is for programmers. `explain` turns it into a
`ConfigProblem` for the person who wrote the file, and `bad` lets our own checks speak through msgspec's errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

_SEPARATOR = "\x00"
_LOCATED = re.compile(r"(.*?)(?: - at `(?:key in `)?\$([\w.\[\]]*)`+)?", re.DOTALL)
_TYPES = {"str": "a text", "int": "a whole number", "array": "a list", "object": "a mapping"}
_LONGEST_VALUE = 80


class ConfigProblem(msgspec.Struct, frozen=True):
    """One thing that is wrong: where, what stands there, and what is allowed."""

    path: str
    value: str
    allowed: str

    def __str__(self) -> str:
        """Say it in one line, as an operator reads it."""
        return f"{self.path}: got {self.value}; allowed: {self.allowed}"


class ConfigError(Exception):
    """The configuration is refused; `problems` says why, one entry for each value that is wrong."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        """Keep `problems` and make their sentences the message."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def bad(field: str, value: object, allowed: str) -> ValueError:
    """Refuse `value` from inside a struct: field, value and allowance pass through msgspec, which adds its path."""
    return ValueError(_SEPARATOR.join((field, show(value), allowed)))


def explain(
    prefix: str,
    data: object,
    message: str,
    keys: Mapping[str, tuple[str, ...]],
    choices: Mapping[str, str],
) -> ConfigProblem:
    """Make a problem out of msgspec's `message` about `data`.

    `keys` has the keys that are known under the last name of a path, `choices` what is allowed for a key.
    """
    located = _LOCATED.fullmatch(message)
    text, path = (message, "") if located is None else (located[1], located[2] or "")
    if text.count(_SEPARATOR) == 2:  # noqa: PLR2004  three parts
        field, value, allowed = text.split(_SEPARATOR)
        return ConfigProblem(".".join(filter(None, (prefix + path, field))), value, allowed)
    last = re.sub(r"\[\d+\]", "", path).rpartition(".")[2]
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL)
    if unknown:
        return unknown_key(f"{prefix}{path}.", unknown[1], keys[last])
    missing = re.fullmatch(r"Object missing required field `(.*)`", text)
    if missing:
        return ConfigProblem(f"{prefix}{path}.{missing[1]}", "nothing", "a value; this key is required")
    element = "[]" * path.endswith("]")
    return ConfigProblem(f"{prefix}{path}", show(_value_at(data, path)), choices.get(last + element) or _expected(text))


def show(value: object) -> str:
    """Quote a value for a message, short enough to read; control characters come out escaped."""
    if value is None:
        return "an empty value"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, a list nested as deeply
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def shown(data: Mapping[str, object], key: str) -> str:
    """Quote what stands at a key; where there is no such key, that is nothing."""
    return show(data[key]) if key in data else "nothing"


def unknown_key(place: str, key: object, known: Sequence[str]) -> ConfigProblem:
    """Refuse a key: name the one that was probably meant, and those that there are."""
    from difflib import get_close_matches

    near = get_close_matches(str(key), known, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return ConfigProblem(place + name_of(key), f"an unknown key{meant}", ", ".join(known))


def name_of(key: object) -> str:
    """Name a key as a part of a path: bare where that is clear, quoted where it is not."""
    return show(key)[1:-1] if isinstance(key, str) and key.strip() else show(key)


def _expected(text: str) -> str:
    """Translate what msgspec expected: "Expected `str | null`, got `array`" wants a text."""
    kinds = text.split("`")[1].split(" | ") if text.startswith("Expected `") else []
    return " or ".join(_TYPES.get(kind, kind) for kind in kinds if kind != "null") or text


def _value_at(data: object, path: str) -> object:
    """Follow msgspec's path (`.key` and `[index]`) into the data, as far as it goes."""
    for key, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        if isinstance(data, Mapping):
            data = data.get(key)
        elif isinstance(data, (list, tuple)):
            data = data[int(index)]
    return data
