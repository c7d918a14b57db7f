"""A message about a run that failed as a whole: Function Compute's record of a failed asynchronous invocation.

The record has requestContext, requestPayload, responseContext and responsePayload ("Asynchronous invocation:
destinations" in the documentation of Function Compute); which of them are filled depends on how it failed. It carries
no style, so it is in English and UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from natkeeper.notify import wording
from natkeeper.notify.message import MessageContent, Style
from natkeeper.notify.wording import text

LONGEST_REASON, LONGEST_PAYLOAD = 300, 200
"""Characters of a failed run's reason, and of what woke it, in a message."""


def is_failed_run(request: Mapping[str, Any]) -> bool:
    """Return True if the request is a record of a failed invocation."""
    return "requestContext" in request


def story_of_failure(record: Mapping[str, Any], style: Style) -> MessageContent:
    """Tell which function failed, how and why, and what to do."""
    about, answer = _part(record, "requestContext"), _object(record.get("responsePayload"))
    function = str(about.get("functionArn", "?")).rpartition("/")[2]
    condition = str(about.get("condition") or _part(record, "responseContext").get("functionError") or "unknown")
    reason = answer.get("errorMessage") or record.get("responsePayload") or "it gave no reason"
    lines = (
        ("what", f"a run of {function} failed ({condition}): {str(reason)[:LONGEST_REASON]}"),
        ("felt", text(wording.FELT, "failed", style.language)),
        ("todo", text(wording.TODO, "failed", style.language)),
        ("command", "natkeeper doctor"),
        ("where", ", ".join(filter(None, (style.account, style.region)))),
        ("detail", f"asked by: {str(record.get('requestPayload') or '?')[:LONGEST_PAYLOAD]}"),
        ("reference", f"{about.get('requestId', '?')}, tries: {about.get('approximateInvokeCount', '?')}"),
    )
    return MessageContent("warning", text(wording.HEADLINES, "failed", style.language, function=function), lines)


def _part(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _object(value: object) -> dict[str, Any]:
    """Return a JSON object that is given as such or as text; an empty one for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
