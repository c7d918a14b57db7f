"""The message about a run that failed as a whole: each record differs from a whole one in one thing."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.notify.failed_run import is_failed_run, story_of_failure
from natkeeper.notify.message import Style, body, title

ENGLISH = Style(account="1000", region="cn-hangzhou")
ABOUT = {
    "requestId": "1-65f2",
    "functionArn": "acs:fc:cn-hangzhou:1000:functions/natkeeper-failover",
    "condition": "UnhandledInvocationError",
    "approximateInvokeCount": 3,
}
RECORD = {
    "requestContext": ABOUT,
    "requestPayload": '{"triggerName":"sweep"}',
    "responseContext": {"functionError": "Timeout"},
    "responsePayload": '{"errorMessage":"prod: the API does not answer"}',
}
SAID = {
    "": "[WARNING] natkeeper: natkeeper-failover failed",
    "What": "a run of natkeeper-failover failed (UnhandledInvocationError): prod: the API does not answer",
    "Private hosts": "nothing by itself; but while runs fail, no route is moved",
    "Do": "look at the log of the function, and at what the command finds",
    "Command": "natkeeper doctor",
    "Where": "1000, cn-hangzhou",
    "Detail": 'asked by: {"triggerName":"sweep"}',
    "Receipt": "1-65f2, tries: 3",
}


def without(name: str) -> dict[str, Any]:
    """The record's context without a field."""
    return {"requestContext": {key: value for key, value in ABOUT.items() if key != name}}


def what(reason: str, condition: str = "UnhandledInvocationError") -> dict[str, str]:
    return {"What": f"a run of natkeeper-failover failed ({condition}): {reason}"}


@pytest.mark.parametrize(
    "change, says",
    [
        ({}, {}),
        ({"responsePayload": {"errorMessage": "an object"}}, what("an object")),
        ({"responsePayload": "killed"}, what("killed")),
        ({"responsePayload": "[1]"}, what("[1]")),
        ({"responsePayload": '{"other": 1}'}, what('{"other": 1}')),
        ({"responsePayload": "[" * 100_000}, what("[" * 300)),
        ({"responsePayload": None}, what("it gave no reason")),
        ({"requestPayload": "x" * 300}, {"Detail": f"asked by: {'x' * 200}"}),
        ({"requestPayload": None}, {"Detail": "asked by: ?"}),
        (without("condition"), what("prod: the API does not answer", "Timeout")),
        ({**without("condition"), "responseContext": None}, what("prod: the API does not answer", "unknown")),
        (without("requestId"), {"Receipt": "?, tries: 3"}),
        (without("approximateInvokeCount"), {"Receipt": "1-65f2, tries: ?"}),
        (
            without("functionArn"),
            {
                "": "[WARNING] natkeeper: ? failed",
                "What": "a run of ? failed (UnhandledInvocationError): prod: the API does not answer",
            },
        ),
    ],
)
def test_a_record_is_told_line_by_line(change: dict[str, Any], says: dict[str, str]) -> None:
    """Which function, how and why it failed, what to do, and what it was asked."""
    record = {**RECORD, **change}
    assert is_failed_run(record)
    story = story_of_failure(record, ENGLISH)
    assert {"": title(story, ENGLISH)} | dict(line.split(": ", 1) for line in body(story, ENGLISH).splitlines()) == {
        **SAID,
        **says,
    }


def test_a_record_without_what_was_asked_says_so_and_a_hand_over_is_none() -> None:
    """Nor is the place named where nobody says it."""
    record = {"requestContext": ABOUT}
    text = body(story_of_failure(record, Style()), Style())
    assert "Detail: asked by: ?" in text
    assert "Where" not in text
    assert not is_failed_run({"tell": []})
