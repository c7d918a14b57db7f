"""What a process remembers of a group, and for how long: at the limits themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.episodes import EpisodeKind, Trouble
from natkeeper.domain.ids import GroupName
from natkeeper.domain.memory import NOTHING, Memory
from natkeeper.domain.refusals import Deed, PutOff, Refusal
from natkeeper.domain.world import RouteView, SoFar
from natkeeper.failover import telling
from natkeeper.failover.ledger import Lasting, Ledger, Rest, remembered_in, still_dark
from tests.deciding.worlds import BLIND, ELSEWHERE, NOON, ROUTE, A, B, C, entry, group, hop, later, world

DARK, BLINDNESS = EpisodeKind.DARK, EpisodeKind.BLIND
REFUSAL, LATER = Refusal(Deed.POINT, "no"), PutOff(1, NOON, "no")


def remembers(what: str, ledger: Ledger, now: datetime) -> bool:
    """Whether the ledger still says so."""
    match what:
        case "busy":
            return ledger.busy_lately(now)
        case "slow":
            return ledger.reads_slowly(now)
        case "refused":
            return ledger.refused_lately(now) == (REFUSAL,)
        case "cleared":
            return ledger.cleared_lately(DARK, now)
    return ledger.informed(world(at=now), SoFar(), group()).so_far.doubted


@pytest.mark.parametrize(
    "what, value, minutes",
    [
        ("busy", NOON, 1),
        ("slow", NOON, 10),
        ("refused", {REFUSAL: NOON}, 10),
        ("cleared", {DARK: NOON}, 30),
        ("doubted", NOON, 60),
    ],
)
def test_what_was_a_short_time_ago_is_forgotten_at_its_limit(what: str, value: Any, minutes: float) -> None:
    """And what lies in the future was by a clock that has been set back since."""
    ledger = Ledger(**{what: value})
    moment = timedelta(microseconds=1)
    times = [NOON - moment, NOON, later(minutes) - moment, later(minutes)]
    assert [remembers(what, ledger, now) for now in times] == [False, True, True, False]
    assert not remembers(what, Ledger(), NOON)


def test_an_invocation_that_arrives_goes_on_with_all_that_waited_for_it() -> None:
    """Those of its VPC, and no others."""
    a, b, c = map(GroupName, "abc")
    rest = Rest(pending={"vpc-one": (NOON, {b, a}), "vpc-two": (NOON, {c})})
    assert rest.arrived([a]) == (a, b)
    assert set(rest.pending) == {"vpc-two"}
    assert rest.arrived([a]) == (a,)


@pytest.mark.parametrize(
    "looks, offline",
    [
        ([(0, EgressLost(NOON, "no answer"))], (0, 0)),
        ([(0, EgressLost(NOON, "no answer")), (9.99, EgressLost(NOON, "no answer"))], (0, 9.99)),
        ([(minutes, EgressLost(NOON, "no answer")) for minutes in (0, 5, 10)], (0, 10)),
        ([(0, EgressLost(NOON, "no answer")), (10, EgressLost(NOON, "no answer"))], (10, 10)),
        ([(0, EgressLost(NOON, "no answer")), (5, EgressSeen(NOON)), (6, None)], (0, 0)),
        ([(0, EgressSeen(NOON)), (1, None)], None),
    ],
)
def test_looks_at_an_internet_that_is_away_belong_together_for_ten_minutes(
    looks: list[tuple[float, Egress | None]], offline: tuple[float, float] | None
) -> None:
    """When it was first and last seen to be away."""
    ledger = Ledger()
    for minutes, look in looks:
        ledger.saw(look, later(minutes))
    assert ledger.offline == (None if offline is None else (later(offline[0]), later(offline[1])))


@pytest.mark.parametrize(
    "told, due", [(None, True), (0.0, False), (29.9, False), (29 + 55 / 60, True), (30.0, True), (-1.0, True)]
)
def test_a_trouble_that_lasts_is_due_every_half_hour(told: float | None, due: bool) -> None:  # noqa: FBT001
    """Sweeps come about once a minute, so five seconds sooner is due; what was told in the future mutes nothing."""
    began = None if told is None else NOON
    ledger = Ledger(lasting={DARK: Lasting(Trouble(DARK, (), "dark"), NOON, began)})
    (episode,) = telling._episodes(ledger, group(), None, later(10.0 if told is None else told))
    assert episode.due is due


def test_what_people_heard_is_remembered_until_its_end_was_told() -> None:
    """Then it is over: an entry that still says so says nothing new, but what began after that does."""
    ledger = Ledger(lasting={DARK: Lasting(Trouble(DARK, (), "dark"), NOON)})
    was = [ledger.dark]
    ledger.told(frozenset({DARK, BLINDNESS}), later(1))
    assert (ledger.lasting[DARK].told, ledger.ended) == (later(1), {})
    assert not ledger.is_over(DARK, NOON)
    ledger.lasting[DARK].ended = later(2)
    assert [*was, ledger.dark] == [True, False]
    ledger.told(frozenset({DARK}), later(3))
    assert (ledger.lasting, ledger.ended) == ({}, {DARK: later(3)})
    assert [ledger.is_over(DARK, later(minutes)) for minutes in (0, 3, 3.01)] == [True, True, False]


def noted(minutes: float, *, told: bool) -> Memory:
    """What an entry remembers of a darkness since then."""
    return Memory(since=NOON, by="auto", episodes=MappingProxyType({DARK.letter: (later(minutes), told)}))


@pytest.mark.parametrize("first, second", [((2, True), (1, False)), ((1, False), (2, True))])
def test_the_earliest_beginning_counts_and_that_people_were_told(first: Any, second: Any) -> None:
    """Of all entries, in any order."""
    on, other = (noted(minutes, told=told) for minutes, told in (first, second))
    seen = world(entry(A, on), elsewhere=entry(A, other, route=ELSEWHERE))
    assert remembered_in(seen) == {DARK.letter: (later(1), True)}
    assert remembered_in(world(BLIND)) == {}
    assert remembered_in(world(A, noted(1, told=False))) == {DARK.letter: (later(1), False)}


@pytest.mark.parametrize(
    "ledger, memory, more, dark, checks",
    [
        (Ledger(), "", {}, False, False),
        (Ledger(), "", {"check": True}, False, True),
        (Ledger(), "", {"known": True}, True, True),
        (Ledger(), noted(0, told=True), {}, True, True),
        (Ledger(lasting={DARK: Lasting(Trouble(DARK, (), "dark"), NOON)}), "", {}, True, True),
    ],
)
def test_darkness_lasts_until_a_check_ends_it(
    ledger: Ledger, memory: Memory | str, more: dict[str, bool], *, dark: bool, checks: bool
) -> None:
    """So what carries a route is checked once more, and so it is where a check is asked for."""
    seen, was_dark = still_dark(world(A, memory), group(), ledger, **{"known": False, "check": False, **more})
    assert was_dark is dark
    assert seen.so_far.to_check == ({hop(A).id} if checks else frozenset())


# ---- what entries could not be given to remember -----------------------------------------------------------

MOVED = Memory(since=NOON.replace(microsecond=5), by="auto", to=B, owner="abcdef")


@pytest.mark.parametrize("to, owner", [(B, group().owner), (C, "abcdef"), (None, "abcdef")])
def test_refused_words_are_kept_as_an_entry_would_have_them(to: str | None, owner: str) -> None:
    """With natkeeper as the owner of what it has moved, and to the second; the world goes on with the run's own."""
    ledger, seen = Ledger(), world(A, elsewhere=BLIND)
    so_far = SoFar(unwritten={ELSEWHERE: NOTHING, ROUTE: MOVED}, moved={} if to is None else {ROUTE: hop(to)})
    kept = ledger.keep(replace(so_far, unwritten={ROUTE: MOVED}), seen, group())
    assert kept.so_far.unwritten == {ROUTE: MOVED}
    text = ("", replace(MOVED, owner=owner, since=NOON))
    assert ledger.unwritten == {ROUTE: text}
    known = replace(seen, so_far=replace(so_far, unwritten={ROUTE: MOVED}))
    other = Ledger()
    other.keep(replace(so_far, unwritten={ROUTE: MOVED, ELSEWHERE: NOTHING}), known, group())
    assert set(other.unwritten) == {ELSEWHERE}, "what was read with them already is no news"


@pytest.mark.parametrize(
    "on, kept, shown",
    [(A, True, MOVED), (entry(A, "by hand"), False, None), (BLIND, True, "unseen"), (None, True, MOVED)],
)
def test_kept_words_count_until_the_entry_has_others(on: Any, shown: Any, *, kept: bool) -> None:
    """A person's, or the platform takes natkeeper's again; what cannot be seen takes nothing away."""
    ledger = Ledger(
        unwritten={ROUTE: ("", MOVED)}, woken={"i": NOON}, offline=(NOON, NOON), put_off={(ROUTE, B): LATER}
    )
    informed = ledger.informed(world(on), SoFar(), group())
    so_far, view = informed.so_far, informed.routes[ROUTE]
    assert (so_far.woken, so_far.offline, so_far.put_off) == ({"i": NOON}, (NOON, NOON), {(ROUTE, B): LATER})
    assert (ROUTE in ledger.unwritten) is kept
    assert (view.unwritten if isinstance(view, RouteView) else "unseen") == shown
