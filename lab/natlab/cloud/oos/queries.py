"""What the operations of OOS share: reading what was sent, filters, order, pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.paging import by_token
from natlab.cloud.kernel.parameters import Values
from natlab.cloud.oos import template as templates
from natlab.cloud.oos.exceptions import invalid
from natlab.cloud.oos.refusal import InvalidTemplateError
from natlab.cloud.oos.template import OosTemplate

Item = TypeVar("Item")
DEFAULT_PAGE = 50


def read_or_refuse(content: str, parameter: str) -> OosTemplate:
    """The template that a parameter holds; InvalidParameter when it is not one."""
    try:
        return templates.read(content)
    except InvalidTemplateError as error:
        raise invalid(parameter, str(error)) from error


def json_object(text: str, parameter: str) -> dict[str, object]:
    """The JSON object in a text parameter."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise invalid(parameter, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise invalid(parameter, "expected a JSON object")
    return value


def tags_of(values: Values) -> dict[str, str]:
    """Tags, a JSON object."""
    raw = values.json("Tags")
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise invalid("Tags", "expected a JSON object")
    return {str(key): str(value) for key, value in raw.items()}


def has_tags(have: Mapping[str, str], values: Values) -> bool:
    """Return True if all tags that are asked for are there."""
    return all(have.get(key) == value for key, value in tags_of(values).items())


def within(started: float, ended: float, values: Values) -> bool:
    """Return True if an execution began and ended when it was asked for; moments are compared as they are written."""
    start, end = utc(started), utc(ended) if ended else ""
    return (
        start >= values.text("StartDateAfter")
        and start <= values.text("StartDateBefore", "9")
        and (end or "9") <= values.text("EndDateBefore", "9" if end else "~")
        and end >= values.text("EndDateAfter")
    )


def ordered(
    items: Sequence[Item], values: Values, keys: Mapping[str, Callable[[Item], Any]], default: str
) -> list[Item]:
    """Sorted by SortField, newest or last first unless SortOrder says Ascending."""
    field = values.text("SortField", default)
    if field not in keys:
        raise invalid("SortField", f"{field!r}, allowed are {', '.join(keys)}")
    order = values.text("SortOrder", "Descending")
    if order not in ("Ascending", "Descending"):
        raise invalid("SortOrder", f"{order!r}, allowed are Ascending and Descending")
    return sorted(items, key=keys[field], reverse=order == "Descending")


def page_of(items: Sequence[Item], values: Values) -> tuple[list[Item], str, int]:
    """The page asked for, the token of the next one, and the size of a page."""
    size = values.integer("MaxResults", DEFAULT_PAGE)
    page, token = by_token(items, values.text("NextToken"), size)
    return page, token, size


def policy_text(allowed: Sequence[str]) -> str:
    """A RAM policy that allows these actions, as JSON text."""
    statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
    return json.dumps({"Version": "1", "Statement": [statement]})
