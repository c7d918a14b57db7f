"""Small readers of JSON that strangers wrote: what is not of the expected form becomes nothing, never an error."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

LONGEST_TEXT = 200
"""Characters of a foreign text that a message may carry."""

_COMPACT = re.compile(r"(\d{8}T\d{6})(?:\.(\d{1,6})\d*)?(Z|[+-]\d{2}:?\d{2})")
_USUAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d{2}:?\d{2})")


def as_text(value: Any) -> str:  # noqa: ANN401  anything may arrive
    """Take a text, cut to a length fit for a message, on one line; anything else is nothing.

    What does not print (line separators of Unicode, terminal escapes, lone surrogates, marks that turn the direction
    of writing) becomes a question mark: the text goes into log lines, messages and terminals.
    """
    if not isinstance(value, str):
        return ""
    text = " ".join(value[: 2 * LONGEST_TEXT].split())[:LONGEST_TEXT]
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def as_texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Take a text, or the texts of a list, uncut."""
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if isinstance(one, str))


def as_object(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Take an object, or the JSON text of one."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def as_moment(value: Any) -> datetime | None:  # noqa: ANN401
    """Read RFC 3339 (`2026-01-02T03:04:05.678Z`) and CloudMonitor's `20260102T030405.678+0800`."""
    if not isinstance(value, str):
        return None
    compact = _COMPACT.fullmatch(value)
    match = compact or _USUAL.fullmatch(value)
    if match is None:
        return None
    form = "%Y%m%dT%H%M%S.%f%z" if compact else "%Y-%m-%dT%H:%M:%S.%f%z"
    fraction = (match[2] or "0").ljust(6, "0")
    try:
        return datetime.strptime(f"{match[1]}.{fraction}{match[3]}", form)  # noqa: DTZ007  the form ends in %z
    except ValueError:
        return None
