"""Small readings of what a receipt says: moments, lists and words, of which each may be odd or missing."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo


def moment_of(value: object) -> datetime | None:
    """Read a moment; None for what is not one."""
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


def nearest(about: datetime, clock: str) -> datetime | None:
    """Return the moment at `clock`, such as 22:39 or 22:39:30 in UTC, that is nearest to `about`; None for no clock."""
    moment = moment_of(f"{about.astimezone(timezone.utc):%Y-%m-%d} {clock}")
    if moment is None:
        return None
    days = round((about - moment) / timedelta(days=1))
    return moment + timedelta(days=days)


def local(moment: datetime, name: str) -> str:
    """Write a moment in a time zone; in UTC where this machine does not know the zone."""
    zone: tzinfo = timezone.utc
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        name = "UTC"
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S} {name}"


def cut(words: str, longest: int) -> str:
    """Cut words that are longer than there is room for."""
    return words if len(words) <= longest else words[: longest - 1] + "…"


def list_of(value: object) -> list[Any]:
    """Return a list as one, and anything else as an empty one."""
    return list(value) if isinstance(value, (list, tuple)) else []


def words_of(value: object) -> str:
    """Join the words of a list; return anything else as text."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")
