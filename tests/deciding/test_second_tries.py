"""A route that leads nowhere is not left there for an hour because of an old mark: what failed is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from natkeeper.domain.decision import Hold, Move, Note, Verify
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.memory import Memory
from natkeeper.domain.world import World
from tests.deciding.worlds import (
    BLIND,
    NAT,
    NOON,
    ROUTE,
    A,
    B,
    ago,
    gateway,
    group,
    hop,
    lost,
    marked,
    step,
    unready,
    world,
)

INTERNET = EgressSeen(NOON)
TEN_MINUTES = timedelta(minutes=10)


def stuck(age: timedelta, **more: object) -> World:
    """The route is on A, which lost the internet and is marked; B was seen to be bad `age` ago."""
    return world(memory=marked((A, ago(1)), (B, NOON - age)), a=lost(), **{"internet": INTERNET, **more})  # type: ignore[arg-type]


def test_what_failed_a_while_ago_is_tried_where_nothing_works() -> None:
    """It may have been mended without a report, and packets are lost anyway."""
    found = step(stuck(TEN_MINUTES))
    assert isinstance(found, Move)
    assert found.to == hop(B)
    assert set(found.memory.marks) == {A}


def test_what_failed_just_now_is_not() -> None:
    """Each is tried once in ten minutes, so nothing flaps."""
    assert isinstance(step(stuck(TEN_MINUTES - timedelta(seconds=1))), Hold)


@pytest.mark.parametrize(
    "carried, age, tried",
    [(60, 60, True), (60, 59, False), (59, 60, False), (59, 600, True), (600, 599, True)],
)
def test_a_failure_after_a_minute_of_carrying_is_a_separate_one(carried: int, age: int, *, tried: bool) -> None:
    """What failed before it may have been mended since, or never been broken: a minute is enough to ask again."""
    began, failed = NOON - timedelta(seconds=1), NOON - timedelta(seconds=age)
    memory = marked((A, began), (B, failed), since=began - timedelta(seconds=carried))
    found = step(world(memory=memory, a=lost(), internet=INTERNET))
    assert isinstance(found, Move) == tried


@pytest.mark.parametrize("carried, tried", [(60, True), (59, False)])
def test_a_mark_from_before_the_move_says_nothing_of_this_failure(carried: int, *, tried: bool) -> None:
    """The route was led to it all the same, and this failure is seen only now."""
    since = NOON - timedelta(seconds=carried)
    memory = marked((A, since - timedelta(seconds=1)), (B, ago(1)), since=since)
    found = step(world(memory=memory, a=lost(), internet=INTERNET))
    assert isinstance(found, Move) == tried


@pytest.mark.parametrize("internet", [None, EgressLost(NOON, "no answer")])
def test_nothing_is_tried_while_the_internet_may_be_what_is_broken(internet: EgressLost | None) -> None:
    """Only a look that crosses no gateway tells the two apart."""
    assert isinstance(step(stuck(TEN_MINUTES, internet=internet)), Hold)


def test_a_route_that_was_not_seen_to_fail_stays() -> None:
    """A mark alone makes us look, not try others."""
    assert isinstance(step(world(memory=marked((A, ago(1)), (B, ago(20))), internet=INTERNET)), Verify)
    unseen = world(memory=marked((A, ago(1)), (B, ago(20))), a=gateway(egress=EgressSeen(NOON)), internet=INTERNET)
    assert isinstance(step(unseen), Note)
    blind = world(memory=marked((A, ago(1)), (B, ago(20))), a=gateway(egress=BLIND), internet=INTERNET)
    assert isinstance(step(blind), Hold)


def test_what_its_setup_says_is_not_ready_is_not_tried() -> None:
    """There the reason is known, and it has not gone."""
    assert isinstance(step(stuck(TEN_MINUTES, b=unready())), Hold)


def test_the_fallback_gets_its_second_try_as_well() -> None:
    """It may have been mended like any gateway."""
    memory = marked((A, ago(1)), (B, ago(1)), (NAT, ago(20)))
    found = step(world(memory=memory, a=lost(), internet=INTERNET), group(fallback=NAT))
    assert isinstance(found, Move)
    assert found.to == hop(NAT)


def test_a_hop_that_is_to_be_checked_is_checked_first() -> None:
    """An old report of the probe moves nothing, but makes us look."""
    assert step(world(to_check=frozenset({A}))) == Verify(
        ROUTE, hop(A), "seeing whether the internet is reached through i-gwa"
    )
    assert not isinstance(step(world(to_check=frozenset({B}))), Verify)
    assert not isinstance(
        step(world(memory=Memory(), a=gateway(egress=EgressSeen(NOON)), to_check=frozenset({A}))), Verify
    )
