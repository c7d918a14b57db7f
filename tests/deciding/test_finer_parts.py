"""Where the platform refuses 0.0.0.0/1 or every description: finer entries carry the traffic, step by step (rule 1)."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from natkeeper.domain.bridge import view_of
from natkeeper.domain.decision import Await, Bridge, Create, Leave, Note, Retire
from natkeeper.domain.ids import EntryId
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import EntryStatus, RouteEntry
from natkeeper.domain.parts import around_zero, halves_of, parts_of
from tests.deciding.land import Killed
from tests.deciding.test_bridge import HALVES, bridged, refusing
from tests.deciding.worlds import (
    NOON,
    ROUTE,
    STRANGER,
    A,
    B,
    entry,
    gateway,
    half,
    hop,
    moved,
    step,
    world,
)

FINER = ("128.0.0.0/1", "64.0.0.0/2", "32.0.0.0/3", "16.0.0.0/4", "8.0.0.0/5", "4.0.0.0/6", "2.0.0.0/7", "1.0.0.0/8")


def part(destination: str, to: str = B, words: Memory | str = "") -> RouteEntry:
    """An entry for a part of the default route."""
    return replace(half(to, 0, words), destination=destination, id=EntryId(f"rte-{destination}"))


def finer(to: str = B, words: Memory | None = None) -> list[RouteEntry]:
    """Every finer part, with natkeeper's words."""
    return [part(destination, to, words or moved(NOON)) for destination in FINER]


def test_the_finer_parts_are_the_whole_without_its_first_eighth_bit() -> None:
    """Eight for the default route; none where 0.0.0.0/8 is no part, or is all there is."""
    assert around_zero("0.0.0.0/0") == FINER
    covered = ipaddress.collapse_addresses(ipaddress.IPv4Network(each) for each in (*FINER, "0.0.0.0/8"))
    assert list(covered) == [ipaddress.IPv4Network("0.0.0.0/0")]
    assert around_zero("0.0.0.0/7") == ("1.0.0.0/8",)
    assert [around_zero(each) for each in ("0.0.0.0/8", "0.0.0.0/9", "10.0.0.0/8", "128.0.0.0/1")] == [()] * 4
    assert parts_of("10.0.0.0/8") == halves_of("10.0.0.0/8")
    assert parts_of("0.0.0.0/0") == ("0.0.0.0/1", *FINER)


def test_where_a_half_is_refused_the_finer_parts_are_made_one_by_one() -> None:
    """The largest first; the upper half may be there already, and a VPC takes one task at a time."""
    known: dict[str, Any] = {"not_in_place": frozenset({ROUTE}), "half_refused": frozenset({ROUTE})}
    assert step(world(a="Stopped", **known)).missing == ("128.0.0.0/1",)  # type: ignore[union-attr]
    half_way = bridged(entry(A), half(B, 1))
    assert step(world(on=half_way, a="Stopped", **known)).missing == ("64.0.0.0/2",)  # type: ignore[union-attr]
    assert step(world(on=half_way, a="Stopped")).missing == ("0.0.0.0/1",)  # type: ignore[union-attr]


def test_a_later_run_sees_from_the_table_that_the_parts_are_finer_ones() -> None:
    """It does not know what was refused."""
    some = view_of(ROUTE, [entry(A), *finer()[:3]])
    assert step(world(on=some, a="Stopped")) == Bridge(ROUTE, ("16.0.0.0/4",), hop(B), "a part is missing", moved(NOON))
    all_of_them = view_of(ROUTE, [entry(A), *finer()])
    assert step(world(on=all_of_them, a="Stopped")).entries == (entry(A).id,)  # type: ignore[union-attr]


def test_finer_parts_go_one_by_one_the_upper_half_last() -> None:
    """By it a run that knows nothing recognises parts without words."""
    left = [entry(B), *finer()]
    gone = []
    while len(left) > 1:
        found = step(world(on=view_of(ROUTE, left)))
        assert isinstance(found, Retire)
        gone += [each.destination for each in left if each.id in found.entries]
        left = [each for each in left if each.id not in found.entries]
    assert gone == [*FINER[1:], FINER[0]]


def test_both_halves_need_no_finer_parts() -> None:
    """A finer part that is left over beside them goes with them."""
    view = view_of(ROUTE, [entry(A), *HALVES, finer()[1]])
    assert step(world(on=view, a="Stopped")).entries == (entry(A).id,)  # type: ignore[union-attr]


@pytest.mark.parametrize("theirs", [part("64.0.0.0/2", STRANGER), part("64.0.0.0/2", B), part("8.0.0.0/5", B, "vpn")])
def test_a_finer_route_of_someone_else_is_neither_a_trace_nor_missing(theirs: RouteEntry) -> None:
    """What it leads to goes there before, during and after the bridge."""
    alone = view_of(ROUTE, [entry(A), theirs])
    assert (alone.bridge, alone.others) == ((), frozenset({theirs.destination}))
    mine = [each for each in finer() if each.destination != theirs.destination]
    view = view_of(ROUTE, [entry(A), theirs, *mine])
    if theirs.next_hop == hop(B) and not theirs.description:
        view = view_of(ROUTE, [entry(A), theirs, *(each for each in mine if each.destination != FINER[0])])
        found = step(world(on=view, a="Stopped"))
        assert found.missing == (FINER[0],)  # type: ignore[union-attr]
        return
    assert step(world(on=view, a="Stopped")).entries == (entry(A).id,)  # type: ignore[union-attr]


def test_parts_without_words_are_natkeepers_where_the_platform_takes_none() -> None:
    """Whether it does is tried at the route's own entry, unless that has words already."""
    bare = (half(B, 0, ""), half(B, 1, ""))
    unknown = bridged(entry(A, ""), *bare)
    found = step(world(on=unknown, a="Stopped"))
    assert isinstance(found, Note)
    assert (found.destination, found.about) == (ROUTE.destination, "noted")
    learnt = world(on=unknown, a="Stopped", wordless=frozenset({ROUTE}))
    assert step(learnt).entries == (entry(A).id,)  # type: ignore[union-attr]
    changing = bridged(entry(A, "", status=EntryStatus.MODIFYING), *bare)
    assert isinstance(step(world(on=changing, a="Stopped")), Await)
    assert isinstance(step(world(on=bridged(entry(A, moved(NOON)), *bare), a="Stopped")), Leave)
    assert isinstance(step(world(on=bridged(entry(STRANGER, ""), *bare), a="Stopped")), Leave)
    assert isinstance(step(world(on=bridged(None, *bare), a="Stopped")), Create)
    strange = (half(STRANGER, 0, ""), half(STRANGER, 1, ""))
    assert isinstance(step(world(on=bridged(entry(A, ""), *strange), wordless=frozenset({ROUTE}))), Leave)


KINDS = [{"half_refused": True}, {"wordless": True}, {"half_refused": True, "wordless": True}]


@pytest.mark.parametrize("platform", KINDS, ids=["no halves", "no words", "neither"])
@pytest.mark.parametrize("writes", range(27))
def test_every_bridge_that_dies_at_any_write_is_finished_by_the_next_run(
    platform: dict[str, bool], writes: int
) -> None:
    """Rule 8 on each platform: one entry is left, and the route led somewhere all the time."""
    land = refusing(a=gateway("Stopped"))
    land = replace(land, **platform)  # type: ignore[arg-type]
    try:
        land.run(writes=writes)
    except Killed:
        assert land.carried(ROUTE)
    land.run()
    assert list(land.tables[ROUTE]) == [ROUTE.destination]
    assert (land.carries(ROUTE), land.bare) == (hop(B), [])
    assert bool(land.tables[ROUTE][ROUTE.destination].description) != land.wordless


@pytest.mark.parametrize("platform", KINDS, ids=["no halves", "no words", "neither"])
def test_somebodys_finer_route_outlives_a_bridge(platform: dict[str, bool]) -> None:
    """It is not deleted, and does not stop the bridge."""
    land = replace(refusing(a=gateway("Stopped")), **platform)  # type: ignore[arg-type]
    land.tables[ROUTE]["64.0.0.0/2"] = part("64.0.0.0/2", STRANGER)
    land.run()
    assert set(land.tables[ROUTE]) == {ROUTE.destination, "64.0.0.0/2"}
    assert land.carries(ROUTE) == hop(B)
