"""The rule of silence: what is a loss, what is none, and what a watch costs, on a clock that only waits move."""

from __future__ import annotations

import json
import math
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.egress_check import Heard, OutcomeKind
from natkeeper.probe.handler import EgressLostError, ProbeBrokenError, ProbeHandler, Settings
from natkeeper.probe.loss import CHECKS_IN_SILENCE, LossRule, Lost, PathWatch
from natkeeper.probe.watch import Watching
from natlab.bench.virtual import Answer, VirtualPath

SILENCE = Settings("prod", ("http://www.internet.test/",), 1.0, 1.2)
PACE = 1.2 / CHECKS_IN_SILENCE
WELL: Answer = (0.02, OutcomeKind.ANSWERED)
SILENT: Answer = (0.0, OutcomeKind.SILENT)
REFUSED: Answer = (0.001, OutcomeKind.REFUSED)
BROKEN: Answer = (0.0, OutcomeKind.BROKEN)


def when(usual: Answer, *other: tuple[float, float, Answer]) -> Callable[[float, float], Answer]:
    """Answer as usual, but otherwise from one time to another."""
    return lambda at, _: next((answer for begin, end, answer in other if begin <= at < end), usual)


def probe(path: VirtualPath, settings: Settings = SILENCE) -> ProbeHandler:
    return ProbeHandler(settings, lambda _targets: path, path.ticks, lambda: 1_800_000_000.0 + path.now)


def report(path: VirtualPath, settings: Settings = SILENCE) -> dict[str, Any]:
    """Watch for a minute, and give the report that must come."""
    with pytest.raises(EgressLostError) as raised:
        probe(path, settings).watch(60.0, 72.0)
    told: dict[str, Any] = json.loads(str(raised.value))
    return told


@pytest.mark.parametrize(
    "rule, usual_s, lost_of_16, expected",
    [
        (LossRule.silence(2.0, 1.0), 0.02, 0, (0.4, 2.0, 5, 2.0)),
        (LossRule.silence(2.0, 1.0), 0.5, 0, (1.0, 5.0, 5, 5.0)),
        (LossRule.silence(2.0, 1.0), 0.02, 4, (0.4, 2.0, 9, 3.6)),
        (LossRule.silence(2.0, 1.0), 0.02, 8, (0.4, 2.0, 15, 6.0)),
        (LossRule.silence(2.0, 1.0), 0.02, 16, (0.4, 2.0, 15, 6.0)),
        (LossRule.silence(2.0, 1.0), 0.5, 4, (1.0, 5.0, 6, 6.0)),
        (LossRule.silence(5.0, 0.5), 0.02, 0, (0.5, 5.0, 5, 5.0)),
        (LossRule.in_a_row(3, 2.0, 10.0), 0.5, 4, (2.0, 2.0, 3, 6.0)),
    ],
)
def test_slow_answers_and_lost_checks_make_the_rule_longer(
    rule: LossRule, usual_s: float, lost_of_16: int, expected: tuple[float, float, int, float]
) -> None:
    """When a check is late, how long it may take, how many must be lost and for how long; a rule in a row is fixed."""
    watch = PathWatch(rule, deque([usual_s] * 9, maxlen=9), deque([True] * lost_of_16 + [False] * (16 - lost_of_16)))
    assert (watch.late_s, watch.answer_s, watch.checks, watch.lost_s) == pytest.approx(expected)


def test_a_dead_path_is_reported_after_the_silence() -> None:
    """Five looks that overlap, a fifth of the silence apart, and not one is waited for."""
    path = VirtualPath(when(WELL, (9.5, 99, SILENT)))
    told = report(path)
    assert [round(at, 3) for at in path.began[-6:]] == [9.0, 10.0, 10.24, 10.48, 10.72, 10.96]
    assert path.now == pytest.approx(11.2)
    assert (told["failures"], told["lasted"]) == (5, 1.2)
    assert told["since"] == pytest.approx(1_800_000_010.0)


@pytest.mark.parametrize("after", [0.001, 0.02, 0.2])
def test_a_path_that_answers_in_time_is_looked_at_once_an_interval(after: float) -> None:
    """No more traffic than by the rule of 0.1."""
    path = VirtualPath(when((after, OutcomeKind.ANSWERED)))
    assert probe(path).watch(60.0, 72.0) == {"group": "prod", "looks": 60, "lost": 0, "ip": "192.0.2.1"}
    assert [round(at, 3) for at in path.began] == list(range(60))


def test_a_path_that_is_always_slow_is_looked_at_once_an_interval_as_well() -> None:
    """What is usual is not late: it is learned from the first answers, and kept from one watch to the next."""
    path = VirtualPath(when((0.4, OutcomeKind.ANSWERED)))
    watching = probe(path)
    watching.watch(60.0, 72.0)
    path.began.clear()
    watching.watch(60.0, 72.0)
    assert len(path.began) == 60


def test_a_slow_path_that_dies_is_given_the_time_that_it_takes() -> None:
    """Five looks must each have had twice the usual time."""
    path = VirtualPath(when((0.4, OutcomeKind.ANSWERED), (30.5, 99, SILENT)))
    assert report(path)["lasted"] == pytest.approx(5 * 0.8)


def test_one_slow_answer_is_not_what_is_usual() -> None:
    """A SYN that is sent again answers after a second."""
    path = VirtualPath(when(WELL, (9.5, 10.1, (1.02, OutcomeKind.ANSWERED)), (30.5, 99, SILENT)))
    assert report(path)["lasted"] == pytest.approx(1.2)


def test_a_late_look_is_not_waited_for_and_its_answer_counts() -> None:
    """The look beside it is answered at once."""
    path = VirtualPath(when(WELL, (9.5, 10.1, (1.02, OutcomeKind.ANSWERED))))
    answer = probe(path).watch(60.0, 72.0)
    assert [round(at, 3) for at in path.began[9:13]] == [9.0, 10.0, 10.24, 11.24]
    assert answer["lost"] == 1


@pytest.mark.parametrize("begins", [9.3, 9.9, 10.0, 10.1, 10.9])
@pytest.mark.parametrize("lasts", [0.1, 0.5, 0.9, 0.95])
def test_a_blip_of_less_than_four_fifths_of_the_silence_is_no_loss(begins: float, lasts: float) -> None:
    """Whenever it begins: the last of the five looks comes after it."""
    path = VirtualPath(when(WELL, (begins, begins + lasts, SILENT)))
    probe(path).watch(60.0, 72.0)
    assert path.now > 59


def brown_out(share: float, ends: float = math.inf) -> Callable[[float, float], Answer]:
    """Lose this share of checks, from the tenth second on, and all of them from `ends` on."""
    chance = random.Random(1)
    return lambda at, _: SILENT if at >= ends or (at > 10 and chance.random() < share) else WELL


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_five_checks_in_a_row_are_chance_where_many_are_lost(share: float) -> None:
    """An hour of a brown-out: it is counted and not reported as a lost internet, which would move the route."""
    path = VirtualPath(brown_out(share))
    watching = probe(path)
    lost = 0
    for minute in range(60):
        path.now = max(path.now, 60.0 * minute)
        lost += watching.watch(60.0, 72.0)["lost"]
    assert lost > 60 * 60 * share / 2


@pytest.mark.parametrize("share, within", [(0.1, 1.7), (0.3, 3.4), (0.5, 6.1)])
def test_a_path_that_dies_in_a_brown_out_is_reported_all_the_same(share: float, within: float) -> None:
    """Later than on a good path, and within six seconds in any case."""
    path = VirtualPath(brown_out(share, 40.5))
    told = report(path)
    assert told["lasted"] <= within
    assert path.now - 40.5 < within + 1.0


def test_after_a_report_nothing_is_known_of_the_next_way() -> None:
    """The route has moved: a gateway that is dead as well is noticed as soon as ever."""
    path = VirtualPath(brown_out(0.5, 40.5))
    watching = probe(path)
    with pytest.raises(EgressLostError):
        watching.watch(60.0, 72.0)
    began = path.now
    assert watching.check_once()["ok"] is False
    assert path.now - began == pytest.approx(1.2)


def test_refusals_are_no_silence() -> None:
    """The gateway itself can send them, as when it reloads its rules; they take as long as by the rule of 0.1."""
    path = VirtualPath(when(WELL, (9.5, 11.4, REFUSED)))
    probe(path).watch(60.0, 72.0)
    assert path.now > 59


def test_refusals_are_no_answers() -> None:
    """All refused is lost."""
    path = VirtualPath(when(WELL, (9.5, 99, REFUSED)))
    report(path)
    assert path.now == pytest.approx(10.0 + 1.6, abs=2 * PACE)


def test_one_refusal_in_a_silence_makes_it_longer_and_does_not_end_it() -> None:
    """Neither the one nor the other."""
    path = VirtualPath(when(WELL, (9.5, 10.3, SILENT), (10.3, 10.6, REFUSED), (10.6, 99, SILENT)))
    report(path)
    assert path.now == pytest.approx(10.0 + 1.6, abs=2 * PACE)


@pytest.mark.parametrize("stall", [0.5, 1.2, 3.0, 20.0])
@pytest.mark.parametrize("at", [9.99, 10.0, 10.001])
def test_a_stall_of_the_probe_itself_is_no_silence(stall: float, at: float) -> None:
    """Its looks were answered meanwhile, and it hears of them when it wakes up."""
    path = VirtualPath(when((0.05, OutcomeKind.ANSWERED)), pauses=[(at, stall)])
    assert probe(path).watch(60.0, 72.0)["lost"] == 0


def test_a_stall_in_which_nothing_is_heard_is_no_silence_either() -> None:
    """A look was lost, then the process stood still: what it asks then is answered."""
    path = VirtualPath(when(WELL, (9.5, 10.9, SILENT)), pauses=[(10.9, 2.0)])
    probe(path).watch(60.0, 72.0)
    assert path.now > 59


def test_a_path_that_dies_in_a_stall_is_reported_after_it() -> None:
    """The silence is that of a process that runs."""
    path = VirtualPath(when(WELL, (9.5, 99, SILENT)), pauses=[(10.3, 2.0)])
    report(path)
    assert 10 + 1.2 + 2.0 <= path.now <= 10 + 1.2 + 2.0 + 0.3


def test_a_probe_that_is_starved_for_good_still_reports() -> None:
    """Every wait ends late: that much of a loss may be put down to stalls, and no more."""
    path = VirtualPath(when(WELL, (9.5, 99, SILENT)), pauses=[(10 + number / 10, 0.09) for number in range(900)])
    report(path)
    assert path.now < 10 + 1.2 + 3.0 + 1.5


@pytest.mark.parametrize("begin", [0.0, 9.5])
def test_looks_that_cannot_be_made_are_neither_silence_nor_answers(
    capsys: pytest.CaptureFixture[str], begin: float
) -> None:
    """Too many open files: said once in the log, and no loss, in the middle of a watch and from its beginning."""
    path = VirtualPath(when(WELL, (begin, begin + 6.0, BROKEN)))
    probe(path).watch(60.0, 72.0)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"level": "warning", "message": "the probe of prod cannot look: broken"}


def test_a_loss_is_seen_between_looks_that_cannot_be_made() -> None:
    """They do not hide it."""
    path = VirtualPath(when(WELL, (9.5, 10.1, SILENT), (10.1, 10.4, BROKEN), (10.4, 99, SILENT)))
    report(path)
    assert path.now < 14


def test_a_probe_that_cannot_look_for_ten_seconds_is_reported_as_broken() -> None:
    """People must know that nobody watches."""
    path = VirtualPath(when(WELL, (9.5, 99, BROKEN)))
    with pytest.raises(ProbeBrokenError) as raised:
        probe(path).watch(60.0, 72.0)
    assert json.loads(str(raised.value)) == {"natkeeper": "probe-broken", "group": "prod", "reason": "broken"}
    assert path.now == pytest.approx(20.0, abs=1.0)


def test_a_single_look_that_cannot_be_made_is_a_broken_probe() -> None:
    """The caller must not take it for a lost egress."""
    with pytest.raises(ProbeBrokenError):
        probe(VirtualPath(when(BROKEN))).check_once()


def test_a_single_look_is_lost_after_the_silence() -> None:
    """And answered by the first look that is, late ones included."""
    lost = VirtualPath(when(SILENT))
    assert probe(lost).check_once()["ok"] is False
    assert lost.now == pytest.approx(1.2)
    late = VirtualPath(when(WELL, (0, 0.5, SILENT)))
    assert probe(late).check_once()["ok"] is True


@pytest.mark.parametrize("step", [-3600.0, 3600.0, 86_400.0])
def test_a_clock_that_steps_moves_no_look_and_no_end(step: float) -> None:
    """Looks are paced by a clock that does not step; only the report is of the wall clock, as it is then."""
    path = VirtualPath(when(WELL, (30.5, 99, SILENT)))
    watching = ProbeHandler(SILENCE, lambda _targets: path, path.ticks, lambda: 1e9 + path.now + step * (path.now > 20))
    with pytest.raises(EgressLostError) as raised:
        watching.watch(60.0, 72.0)
    assert len(path.began) == 31 + 5
    told = json.loads(str(raised.value))
    assert told["since"] == pytest.approx(1e9 + step + 31.0)
    assert told["until"] == pytest.approx(1e9 + step + 60.0)


KINDS = st.sampled_from([WELL, SILENT, REFUSED, BROKEN, (0.4, OutcomeKind.ANSWERED), (1.1, OutcomeKind.ANSWERED)])


@given(st.lists(KINDS, min_size=1, max_size=60), st.lists(st.tuples(st.floats(0, 20), st.floats(0, 2)), max_size=4))
def test_a_loss_is_only_what_nobody_answered(answers: list[Answer], pauses: list[tuple[float, float]]) -> None:
    """Whatever becomes of looks: nothing begun within the silence before a report was answered by then."""
    path = VirtualPath(lambda _began, _s: answers[len(path.began) - 1 - len(answers)] if len(path.began) <= len(answers)
                       else SILENT, pauses=sorted(pauses))  # fmt: skip
    rule = LossRule.silence(1.2, 1.0)
    watching = Watching(PathWatch(rule, deque(maxlen=9)), path, path.ticks, until=90.0, at_most=90.0)
    answered: dict[int, float] = {}
    for event in watching.events():
        if isinstance(event, Heard) and event.kind is OutcomeKind.ANSWERED:
            answered[event.check] = path.now
        if isinstance(event, Lost):
            assert not [check for check in answered if check >= event.first]
            assert event.last - event.first + 1 >= CHECKS_IN_SILENCE
            assert path.now - path.began[event.first] >= rule.lost_s - 1e-6
            return
    raise AssertionError("a path that is silent for good is reported")
