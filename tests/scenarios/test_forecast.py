"""How long a demonstration says it will take; the clock is the test's."""

from __future__ import annotations

import pytest

from natlab.demo.forecast import Forecast, in_words
from natlab.demo.room import Capacity
from natlab.demo.table import Board
from natlab.scenarios.catalogue import SHOWN

TEN = [(name, 10.0) for name in "abcd"]


@pytest.mark.parametrize(
    "slowness, jobs, left_s",
    [(1.0, 1, 40.0), (1.0, 2, 20.0), (5.0, 2, 100.0), (1.0, 9, 10.0)],
)
def test_before_anything_was_played_the_load_foretells(slowness: float, jobs: int, left_s: float) -> None:
    """Never less than the longest scenario takes alone."""
    assert Forecast(slowness).left_s(TEN, jobs, 0.0) == left_s


def test_what_was_played_foretells_the_rest() -> None:
    """However busy the machine was thought to be; of what is under way only the rest counts."""
    forecast = Forecast(5.0)
    forecast.begin("a", 100.0)
    forecast.begin("a", 110.0)  # its second word
    forecast.begin("b", 115.0)
    forecast.end("a", 10.0, 120.0)
    assert forecast.under_way == 1
    assert forecast.left_s(TEN[1:], 1, 120.0) == 15.0 + 20.0 + 20.0


def test_what_is_longer_under_way_than_foretold_takes_no_negative_time() -> None:
    """The others still have to be played."""
    forecast = Forecast()
    forecast.begin("a", 0.0)
    assert forecast.left_s(TEN[:2], 1, 60.0) == 10.0


@pytest.mark.parametrize(
    "seconds, said",
    [(0.0, "less than a minute"), (44.0, "less than a minute"), (45.0, "about 1 minute"), (1245.0, "about 21 minutes")],
)
def test_a_forecast_is_said_as_people_say_it(seconds: float, said: str) -> None:
    """Seconds would promise what nobody knows."""
    assert in_words(seconds) == said


def test_at_load_20_on_two_processors_it_says_beforehand_that_it_takes_long() -> None:
    """And corrects itself with the first scenario that is over."""
    here, now = Capacity(2, 20.0), 0.0
    board = Board(SHOWN, forecast=Forecast(here.patience), clock=lambda: now)
    assert board.outlook(here.jobs) == "0 of 14 played, about 21 minutes to go"
    board.hear("stop", {"phase": "building"})
    now = 20.0
    board.hear("stop", {"failed": "it ended with status 1"})
    assert board.outlook(here.jobs) == "1 of 14 played, about 8 minutes to go"
    assert board.outlook(6) == "1 of 14 played, about 2 minutes to go"
