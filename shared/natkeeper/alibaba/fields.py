"""Small questions to an answer of the SDK: is the part there, and what time does it say?"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TypeVar

from natkeeper.alibaba.errors import UnreadableAnswerError

T = TypeVar("T")


def there(part: T | None, name: str) -> T:
    """Return `part`; raise UnreadableAnswerError when an answer lacks what its API always has.

    So a broken answer is never read as an empty one (rule 3 of the design: blind is not dead).
    """
    if part is None:
        raise UnreadableAnswerError(f"the answer has no {name}")
    return part


def optional(part: T | None) -> T | None:
    """Return `part` as what it is: the SDK declares every part of an answer as present, and leaves many out."""
    return part


def said(part: object, name: str) -> str:
    """Return a text of an answer, empty where there is none; raise UnreadableAnswerError for anything but a text."""
    if part is None:
        return ""
    if not isinstance(part, str):
        raise UnreadableAnswerError(f"the {name} of an answer is not a text")
    return part


def time_of(text: object) -> datetime | None:
    """Read a time such as 2017-12-10T04:04Z or 2017-12-10T04:04:00Z; None when there is none or it is unreadable."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return read if read.tzinfo is not None else read.replace(tzinfo=timezone.utc)


def text_of(when: datetime) -> str:
    """Write a time the way Alibaba's APIs take it, in UTC to the second."""
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
