"""One path and its rule, without a probe: what was asked and heard when, and what follows from it."""

from __future__ import annotations

from collections import deque

import pytest

from natkeeper.egress_check import OutcomeKind
from natkeeper.probe.loss import FUZZ_S, LossRule, Lost, PathWatch
from natkeeper.probe.watch import Watching
from natlab.bench.virtual import VirtualPath

_ = OutcomeKind.SILENT
A, R, B = OutcomeKind.ANSWERED, OutcomeKind.REFUSED, OutcomeKind.BROKEN
Asked = tuple[float, OutcomeKind]
RULE = LossRule(1.0, 1.0, 0.25, 0.5, 3, 1.0, 1.5)
AT_ONCE = LossRule(1.0, 1.0, 0.25, 0.5, 1, 0.25, 0.25)


def asked(*checks: Asked, rule: LossRule = RULE) -> PathWatch:
    """Ask at these times, and hear at once what is not silent."""
    watch = PathWatch(rule, deque(maxlen=9))
    for at, kind in checks:
        number = watch.ask(at)
        if kind is not _:
            watch.hear(number, kind, at)
    return watch


@pytest.mark.parametrize(
    "checks, now, expected",
    [
        ([(10.0, _), (10.25, _), (10.5, _)], 10.75, None),
        ([(10.0, _), (10.25, _), (10.5, _)], 11.0, Lost(10.0, 0, 2)),
        ([(0.0, _), (0.5, _), (0.875, _)], 1.0, None),
        ([(0.0, _), (0.5, _), (0.875, _)], 1.125, Lost(0.0, 0, 2)),
        ([(0.0, R), (0.75, R), (1.25, R)], 9.0, None),
        ([(0.0, R), (0.75, R), (1.5, R)], 1.5, Lost(0.0, 0, 2)),
        ([(0.0, _), (0.75, R), (1.25, _)], 9.0, None),
        ([(0.0, B), (0.25, _), (0.5, B), (0.75, _)], 9.0, None),
        ([(0.0, B), (0.25, _), (0.5, B), (0.75, _), (1.0, _)], 1.25, Lost(0.25, 1, 4)),
        ([(0.0, _), (0.25, A), (0.5, _), (0.75, _), (1.0, _)], 1.375, None),
        ([(0.0, _), (0.25, A), (0.5, _), (0.75, _), (1.0, _)], 1.5, Lost(0.5, 2, 4)),
    ],
)
def test_a_loss_follows_from_what_was_heard_by_now(checks: list[Asked], now: float, expected: Lost | None) -> None:
    """Enough late or refused ones, for long enough; what is not late yet, or could not be made, does not count."""
    assert asked(*checks).verdict(now) == expected


def test_sums_of_fractions_do_not_put_a_loss_off() -> None:
    """A millionth of a second before its time it is late, and lost."""
    assert asked((0.0, _), rule=AT_ONCE).verdict(0.25 - FUZZ_S) == Lost(0.0, 0, 0)
    assert asked((0.0, _), rule=AT_ONCE).verdict(0.25 - 2 * FUZZ_S) is None


def test_a_rule_says_how_to_check_and_when_it_is_a_loss() -> None:
    """Of a silence, and of checks in a row as by 0.1: these stand still while each waits."""
    assert LossRule.in_a_row(3, 2.0, 10.0) == LossRule(10.0, 2.0, 2.0, 2.0, 3, 6.0, 4.0, adapts=False)
    assert LossRule.in_a_row(4, 2.0, 0.5) == LossRule(0.5, 2.0, 2.0, 0.5, 4, 8.0, 1.5)
    assert LossRule.silence(2.0, 1.0) == LossRule(1.0, 2.0, 0.4, 0.4, 5, 2.0, 2.0, adapts=True)
    assert LossRule.silence(1.0, 0.1) == LossRule(0.1, 1.0, 0.1, 0.1, 5, 1.0, 1.6, adapts=True)


@pytest.mark.parametrize("now, broken", [(9.99, False), (10.0, True)])
def test_ten_seconds_without_a_check_that_could_be_made_are_a_broken_probe(now: float, *, broken: bool) -> None:
    """From the first of them on; refusals are none."""
    assert asked((0.0, B), (4.0, B), (5.0, R)).broken(now) is broken
    assert asked((0.0, R)).broken(99.0) is False


def test_a_check_that_could_not_be_made_counts_once() -> None:
    """However often it is heard of; an answer ends the count."""
    watch = asked((0.0, B), (1.0, B), (2.0, R), (3.0, _))
    watch.hear(1, B, 3.0)
    assert watch.broken_checks == 2
    watch.hear(3, A, 3.5)
    assert (watch.broken_checks, watch.broken(99.0)) == (0, False)


@pytest.mark.parametrize(
    "checks, now, wakes",
    [
        ([(10.0, _)], 10.0, 10.25),
        ([(10.0, R)], 10.0, 10.5),
        ([(10.0, A)], 10.0, 11.0),
        ([(10.0, _), (10.875, _)], 10.875, 11.0),
        ([(10.0, _), (10.0625, _), (10.875, _)], 11.03125, 11.125),
    ],
)
def test_a_watch_wakes_for_the_next_check_and_for_the_end_of_a_silence(
    checks: list[Asked], now: float, wakes: float
) -> None:
    """Whichever is first; an end that is over is not waited for."""
    assert asked(*checks).wake(now) == wakes


def test_the_share_that_is_lost_is_that_of_the_latest_sixty_four() -> None:
    """Older ones are forgotten, and where the latest are answered the whole of them decides."""
    watch = PathWatch(LossRule.silence(2.0, 1.0), deque(maxlen=9))
    assert watch.checks == 5
    watch.fates.extend([True] * 100 + [False] * 46)
    assert len(watch.fates) == 64
    assert watch.checks == 10


STALLED: list[tuple[float, float]] = [(30.0, 2.5)]


@pytest.mark.parametrize("pauses, ends", [([], 59.02), (STALLED, 59.62)])
def test_a_watch_ends_with_its_last_answer(pauses: list[tuple[float, float]], ends: float) -> None:
    """It does not wait for the time at which it would make no more checks: the next watch makes them."""
    path = VirtualPath(lambda _began, _s: (0.02, A), pauses=[*pauses])
    watch = PathWatch(LossRule.silence(2.0, 1.0), deque(maxlen=9))
    heard = list(Watching(watch, path, path.ticks, until=60.0, at_most=72.0).events())
    assert path.now == pytest.approx(ends)
    assert len(heard) == len(path.began)


@pytest.mark.parametrize("stall, told", [(0.0, 11.2), (0.5, 11.8), (2.0, 13.3)])
def test_a_silence_is_longer_by_a_stall_and_a_moment_to_settle(stall: float, told: float) -> None:
    """Of half a second as of two: what came meanwhile is told by threads that need a tenth."""
    path = VirtualPath(lambda began, _s: (0.02, A) if began < 9.5 else (0.0, _), pauses=[(10.3, stall)])
    watch = PathWatch(LossRule.silence(1.2, 1.0), deque(maxlen=9))
    events = Watching(watch, path, path.ticks, until=60.0, at_most=72.0).events()
    lost = next(event for event in events if isinstance(event, Lost))
    assert path.now == pytest.approx(told)
    assert lost.checks >= 5
