"""How long what a person sends may be, and how much of it is said back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.domain.payloads import parse
from natkeeper.domain.signals import Ignored, Pause, Unclear
from natkeeper.domain.untrusted import as_text


def asked(**payload: Any) -> Any:
    """What becomes of a person's payload."""
    (parsed,) = parse(json.dumps(payload))
    return parsed


def test_a_reason_for_a_pause_has_room_for_120_characters() -> None:
    """One more would not fit into a route entry."""
    assert isinstance(asked(action="pause", group="prod", **{"for": "2h"}, why="y" * 120), Pause)
    assert isinstance(asked(action="pause", group="prod", **{"for": "2h"}, why="y" * 121), Unclear)


@pytest.mark.parametrize(
    "payload",
    [
        {"action": "{}"},
        {"action": "switch", "group": "prod", "to": "{}"},
        {"action": "switch", "group": "prod", "table": "{}"},
        {"action": "setup", "group": "prod", "gateway": "{}"},
        {"action": "pause", "group": "prod", "for": "{}", "why": "tests"},
    ],
)
def test_of_what_is_not_understood_sixty_characters_are_said_back(payload: dict[str, str]) -> None:
    """Enough to recognise it; the caller cannot make an answer as long as they like."""
    found = asked(**{key: value.format("z" * 1000) for key, value in payload.items()})
    assert isinstance(found, Unclear)
    assert f"'{'z' * 60}'" in found.reason
    assert "z" * 61 not in found.reason


def test_what_is_wrong_with_a_payload_is_told_in_two_hundred_characters() -> None:
    """The name of an unknown key is the sender's, too."""
    found = asked(action="status", **{"z" * 1000: 1})
    problem, _, rest = found.reason.removeprefix("status: ").partition("; this action takes ")
    assert (len(problem), rest) == (200, "action, group")


@pytest.mark.parametrize(
    "key",
    ["specversion", "type", "triggerName", "triggerTime", "requestContext", "responsePayload", "product", "name"],
)
def test_half_of_a_shape_is_none(key: str) -> None:
    """Each kind of payload is known by two of its keys."""
    assert asked(**{key: "x"}) == Ignored("the payload has none of the shapes natkeeper knows")


@pytest.mark.parametrize(
    "text, kept",
    [
        ("as it is, 原样", "as it is, 原样"), ("two\r\nlines", "two lines"), ("\x85", ""), ("a\u2028b", "a b"),
        ("\x1b[31mred", "?[31mred"), ("a\u202eb", "a?b"), ("\ud800", "?"), ("x" * 500, "x" * 200), (7, ""),
    ],
)  # fmt: skip
def test_a_foreign_text_becomes_one_line_that_prints(text: object, kept: str) -> None:
    """It goes into log lines, messages and terminals: no escape, no separator, nothing that turns what follows."""
    assert as_text(text) == kept
