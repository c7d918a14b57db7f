"""When may planned moves be made?  By the clock on the wall, in the window that a group has for them.

A window is as long as its clock shows it: on days on which the clocks change, what they skip never comes, and what they
repeat comes twice. Only moves that have time wait for it: what is dead is left at once.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from natkeeper.domain.config_values import WEEK

if TYPE_CHECKING:
    from natkeeper.domain.config_values import Planned

_DAYS_AHEAD = 16
"""A weekly window whose hours the clocks skip once is open a week later."""
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def zone_of(planned: Planned) -> tzinfo | None:
    """Return the time zone of a window, or None where the machine does not know it: then nothing waits."""
    return known_zone(planned.timezone or "UTC")


def known_zone(name: str) -> tzinfo | None:
    """Return the time zone of that name, or None where the machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def opens(planned: Planned, now: datetime) -> datetime | None:
    """Return when the window opens next, by its own clock; None if it is open at `now`."""
    zone = zone_of(planned)
    if zone is None or _open(planned, now, zone):
        return None
    today = now.astimezone(zone).date()
    for ahead in range(-1, _DAYS_AHEAD):
        wanted = datetime.combine(today + ahead * _DAY, _begin(planned))
        first, last = sorted(wanted.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
        while first < last and not _open(planned, first, zone):  # the clocks skip it: it opens when they have
            first += _MINUTE
        opening = next((at for at in (first, last) if at > now and _open(planned, at, zone)), None)
        if opening is not None:
            return opening.astimezone(zone)
    return None


def _open(planned: Planned, at: datetime, zone: tzinfo) -> bool:
    there = at.astimezone(zone)
    clock, begin, end = there.time(), _begin(planned), _end(planned)
    if begin < end:
        return begin <= clock < end and WEEK[there.weekday()] in planned.days
    if clock >= begin:
        return WEEK[there.weekday()] in planned.days
    return clock < end and WEEK[there.weekday() - 1] in planned.days


def _begin(planned: Planned) -> time:
    return time.fromisoformat(planned.window[:5])


def _end(planned: Planned) -> time:
    return time.max if planned.window.endswith("24:00") else time.fromisoformat(planned.window[6:])


def at_the_window(opens: datetime) -> str:
    """Say which window is waited for, by its own clock."""
    zone = getattr(opens.tzinfo, "key", None) or "UTC"
    return f"waits for the window at {opens:%Y-%m-%d %H:%M} ({zone})"
