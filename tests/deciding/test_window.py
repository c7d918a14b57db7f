"""When a window for planned moves is open, by the clock on the wall: over midnight, and when the clocks change."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.domain.config_values import Planned
from natkeeper.domain.window import at_the_window, opens

BERLIN = "Europe/Berlin"  # on 2026-03-29 its clocks go from 02:00 to 03:00, on 2026-10-25 from 03:00 to 02:00


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(f"{text}:00+00:00")


def opening_of(window: str, now: str, **more: Any) -> str | None:
    """When it opens next, as people read it; None if it is open."""
    opening = opens(Planned(window=window, **more), at(now))
    return None if opening is None else f"{opening:%Y-%m-%d %H:%M %z}"


@pytest.mark.parametrize(
    "now, opening",
    [
        ("2026-11-23T17:59", "2026-11-24 02:00 +0800"),
        ("2026-11-23T18:00", None),
        ("2026-11-23T20:59", None),
        ("2026-11-23T21:00", "2026-11-25 02:00 +0800"),
    ],
)
def test_it_is_open_from_its_beginning_until_before_its_end(now: str, opening: str | None) -> None:
    """By the clock of its time zone."""
    assert opening_of("02:00-05:00", now, timezone="Asia/Shanghai") == opening


@pytest.mark.parametrize(
    "now, opening",
    [
        ("2026-11-28T21:59", "2026-11-28 22:00 +0000"),
        ("2026-11-28T23:59", None),
        ("2026-11-29T01:29", None),
        ("2026-11-29T01:30", "2026-12-05 22:00 +0000"),
        ("2026-11-28T00:30", "2026-11-28 22:00 +0000"),
    ],
)
def test_a_window_over_midnight_is_of_the_day_on_which_it_begins(now: str, opening: str | None) -> None:
    """Saturday's window lasts into Sunday, and the early hours of Saturday are Friday's."""
    assert opening_of("22:00-01:30", now, days=("sat",)) == opening


def test_it_may_last_until_midnight() -> None:
    """24:00 is the end of the day, whatever its last second."""
    assert opening_of("22:00-24:00", "2026-11-28T23:59") is None
    assert opening_of("22:00-24:00", "2026-11-29T00:00") == "2026-11-29 22:00 +0000"


@pytest.mark.parametrize(
    "window, now, opening",
    [
        ("02:30-05:00", "2026-03-29T00:30", "2026-03-29 03:00 +0200"),
        ("02:31-05:00", "2026-03-29T00:30", "2026-03-29 03:00 +0200"),
        ("02:30-05:00", "2026-03-29T01:00", None),
        ("02:10-02:50", "2026-03-29T00:30", "2026-03-30 02:10 +0200"),
        ("01:30-02:30", "2026-03-29T00:45", None),
        ("01:30-02:30", "2026-03-29T01:00", "2026-03-30 01:30 +0200"),
    ],
)
def test_an_hour_that_the_clocks_skip_never_comes(window: str, now: str, opening: str | None) -> None:
    """What is left of the window counts; where nothing is left, the next day's."""
    assert opening_of(window, now, timezone=BERLIN) == opening


@pytest.mark.parametrize(
    "now, opening",
    [
        ("2026-10-25T00:20", None),
        ("2026-10-25T00:50", "2026-10-25 02:10 +0100"),
        ("2026-10-25T01:20", None),
        ("2026-10-25T01:50", "2026-10-26 02:10 +0100"),
    ],
)
def test_an_hour_that_the_clocks_repeat_comes_twice(now: str, opening: str | None) -> None:
    """The clock shows it twice."""
    assert opening_of("02:10-02:40", now, timezone=BERLIN) == opening


def test_a_weekly_window_that_the_clocks_skip_is_open_a_week_later() -> None:
    """The Sunday on which there is no such hour."""
    skipped = opening_of("02:10-02:50", "2026-03-28T00:00", timezone=BERLIN, days=("sun",))
    assert skipped == "2026-04-05 02:10 +0200"


@pytest.mark.parametrize("zone", ["UTC", BERLIN, "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
@pytest.mark.parametrize("window", ["02:00-05:00", "23:45-00:15", "01:59-02:01", "00:00-24:00"])
def test_when_it_is_said_to_open_it_is_open_and_never_before(window: str, zone: str) -> None:
    """A year with both changes of the clocks: the minute before the opening is not open."""
    planned = Planned(window=window, timezone=zone)
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for step in range(365 * 24 // 11):
        moment = now + timedelta(hours=11 * step)
        opening = opens(planned, moment)
        if opening is not None:
            assert opens(planned, opening) is None
            before = opening.astimezone(timezone.utc) - timedelta(minutes=1)
            assert opens(planned, before) is not None
            assert moment < opening < moment + timedelta(hours=50)


def test_where_nobody_knows_the_time_zone_nothing_waits() -> None:
    """A machine without time zones moves as it would without a window, instead of never."""
    assert opening_of("02:00-05:00", "2026-11-23T12:00", timezone="Mars/Olympus") is None


def test_what_is_waited_for_is_said_by_the_clock_of_the_window() -> None:
    """People read their own time."""
    opening = opens(Planned(window="02:00-05:00", timezone="Asia/Shanghai"), at("2026-11-23T12:00"))
    assert opening is not None
    assert at_the_window(opening) == "waits for the window at 2026-11-24 02:00 (Asia/Shanghai)"
    assert at_the_window(at("2026-11-24T02:00")) == "waits for the window at 2026-11-24 02:00 (UTC)"
