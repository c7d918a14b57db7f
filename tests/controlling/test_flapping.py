"""What comes and goes is told three times; then one message says so, one each hour how often, and one its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from natkeeper.domain.episodes import Episode, EpisodeKind, Trouble
from natkeeper.domain.troubles import Judged
from natkeeper.failover.flapping import Flaps, judged_anew, muted
from tests.deciding.worlds import NOON
from tests.fakes.stage import A, B, Stage, group


def blackouts(stage: Stage, hours: float) -> None:
    """The internet is away for two minutes of each four; the probe reports each loss, the timer fires each minute."""
    for minute in range(int(hours * 60)):
        began = stage.world.now
        stage.world.internet = minute % 4 >= 2
        if not stage.world.internet:
            stage.send(stage.report())
        stage.sweep()
        stage.world.advance_to(max(stage.world.now, began + timedelta(minutes=1)))
    stage.world.internet = True


def told_of(stage: Stage) -> list[tuple[str, bool]]:
    """The episodes that people were told of, and whether as over."""
    episodes: list[dict[str, Any]] = [e for r in stage.told_people() for e in r.get("episodes", [])]
    return [(each["kind"], "ended" in each) for each in episodes]


def test_an_internet_that_comes_and_goes_is_told_three_times_and_then_hourly() -> None:
    """Two hours of it: three beginnings and ends, then two messages with the count, and one when it is over."""
    stage = Stage()
    blackouts(stage, 2)
    lasting = [("dark", False), ("dark", True)] * 3 + [("flapping", False)] * 2
    assert told_of(stage) == lasting
    assert len(stage.told_people()) == len(lasting)
    first, second = stage.told_people()[-2:]
    assert "dark came and went 4 times since 06:" in first["sentence"]
    assert "dark came and went 19 times since 06:" in second["sentence"]
    stage.sweeps(90)
    lasting += [("flapping", False)]  # there were some more in the third hour
    assert told_of(stage) == [*lasting, ("flapping", True)]
    stage.world.internet = False
    stage.send(stage.report())
    stage.sweeps(2)
    assert told_of(stage)[-1] == ("dark", False), "an hour later it is news again"


def test_a_single_outage_that_lasts_is_told_although_it_comes_and_goes() -> None:
    """After ten minutes, and its end as well."""
    stage = Stage()
    blackouts(stage, 0.5)
    stage.sweeps(3)
    before = len(told_of(stage))
    stage.world.internet = False
    stage.send(stage.report())
    stage.sweeps(9)
    assert told_of(stage)[before:] == []
    stage.sweeps(3)
    assert told_of(stage)[before:] == [("dark", False)]
    stage.world.internet = True
    stage.sweeps(3)
    assert told_of(stage)[before:] == [("dark", False), ("dark", True)]


def test_a_standby_that_comes_and_goes_is_flapping_as_well() -> None:
    """B is stopped for six minutes of each ten, so the group is degraded again and again."""
    stage = Stage({"prod": group(gateways=[A, B])})
    for _ in range(9):
        stage.world.stop(B)
        stage.sweeps(7)
        stage.world.start(B)
        stage.sweeps(3)
    assert told_of(stage) == [("degraded", False), ("degraded", True)] * 3 + [("flapping", False)]


# ---- at the limits, as a table -----------------------------------------------------------------------------

DARK, BLIND, FLAPPING = EpisodeKind.DARK, EpisodeKind.BLIND, EpisodeKind.FLAPPING
ONE_MINUTE, TEN = timedelta(minutes=1), timedelta(minutes=10)


def times(number: int) -> tuple[datetime, ...]:
    """So many beginnings, ten minutes apart, the last one now."""
    return tuple(NOON - timedelta(minutes=10 * ago) for ago in reversed(range(number)))


def test_only_kinds_that_began_more_than_three_times_come_and_go() -> None:
    """All of them are one trouble, which says how often each came since when, and which tables are behind it."""
    flaps: dict[EpisodeKind, Flaps] = {}
    dark, blind = (Trouble(kind, (f"vtb-{kind.value}",), kind.value) for kind in (DARK, BLIND))
    judged = judged_anew(flaps, {DARK: times(4), BLIND: times(3)}, {DARK}, Judged((dark, blind)), NOON)
    assert set(flaps) == {DARK}
    assert judged.troubles[-1].about == ("vtb-dark",)
    assert judged.troubles[-1].cause == "dark came and went 4 times since 11:30 UTC"
    assert "look for what makes it come and go" in judged.troubles[-1].todo
    judged = judged_anew(flaps, {DARK: times(4), BLIND: times(4)}, {DARK}, Judged((dark, blind)), NOON)
    assert judged.troubles[-1].about == ("vtb-dark", "vtb-blind")
    assert judged.troubles[-1].cause == (
        "dark came and went 4 times since 11:30 UTC; blind came and went 4 times since 11:30 UTC"
    )


@pytest.mark.parametrize("minutes, over", [(59, False), (60, True), (-1, True)])
def test_what_has_been_quiet_for_an_hour_is_over(minutes: int, *, over: bool) -> None:
    """By natkeeper's own clock; a last time that lies in the future proves nothing."""
    flaps = {DARK: Flaps(NOON - timedelta(hours=3), 9, NOON, NOON)}
    now = NOON + timedelta(minutes=minutes)
    judged = judged_anew(flaps, {}, (), Judged(well=frozenset({DARK})), now)
    assert (flaps == {}) is over
    assert judged.well == ({DARK, FLAPPING} if over else {DARK})
    assert bool(judged.troubles) is not over


@pytest.mark.parametrize(
    "kind, since, ended, last, told, due",
    [
        (DARK, ONE_MINUTE, None, None, None, True),  # it does not come and go
        (DARK, TEN - timedelta(microseconds=1), None, NOON, None, False),
        (DARK, TEN, None, NOON, None, True),
        (DARK, ONE_MINUTE, None, NOON, NOON - ONE_MINUTE, True),  # people know of it already
        (FLAPPING, ONE_MINUTE, None, NOON, None, True),
        (FLAPPING, ONE_MINUTE, None, NOON, NOON - ONE_MINUTE, True),
        (FLAPPING, ONE_MINUTE, None, NOON, NOON, False),  # nothing came since
        (FLAPPING, ONE_MINUTE, NOON, NOON, NOON, True),
    ],
)
def test_what_is_no_news_is_not_told(
    kind: EpisodeKind,
    since: timedelta,
    ended: datetime | None,
    last: datetime | None,
    told: datetime | None,
    *,
    due: bool,
) -> None:
    """A single time that is short, and that something comes and goes while it does not."""
    flaps = {} if last is None else {DARK: Flaps(NOON - timedelta(hours=1), 4, last, last)}
    episode = Episode("prod", Trouble(kind, (), kind.value), NOON - since, ended, due=True)
    (found,) = muted((episode,), flaps, {} if told is None else {kind: told}, NOON)
    assert found == replace(episode, due=due)
