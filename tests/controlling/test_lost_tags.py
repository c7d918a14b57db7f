"""Tags that go, and searches that find nothing, too much, or no answer: nothing is taken away by an absence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.config import Group, Route
from natkeeper.domain.discovery import Finding, completed
from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import Unseen
from natkeeper.domain.world import RouteView, World
from natkeeper.failover.discovery import refresh, routes_in
from natkeeper.failover.ledger import Ledger
from natkeeper.ports import FailureKind, ReadRoutes, ReadTagged, ReadVpcTables, StartSetup
from tests.controlling.finding import TAG, episodes, give, tagged
from tests.deciding import test_discovery as discovery
from tests.deciding import worlds
from tests.fakes.stage import TABLE, A, B, person


def test_a_gateway_that_loses_its_tag_is_left_by_a_planned_move() -> None:
    """It works, so the move is planned and told; afterwards it is no gateway."""
    stage = tagged()
    stage.sweeps(3)
    stage.machine(A).tags = frozenset()
    receipts = stage.sweeps(4)
    assert stage.next_hop() == B
    assert any(f"{A} has lost the tag {TAG}" in receipt.sentence for receipt in receipts)
    assert [each["about"] for each in episodes(stage)][-1] == [B, TABLE]
    assert stage.world.uncovered == []


def test_a_lost_tag_is_remembered_by_the_entry_in_a_new_process() -> None:
    """natkeeper had led the route there, and the entry says so."""
    stage = tagged()
    stage.sweeps(2)
    stage.one(person("switch", to=B))
    stage.machine(B).tags = frozenset()
    stage.told = type(stage.told)()
    stage.sweeps(3)
    assert stage.next_hop() == A


def test_a_planned_move_after_a_lost_tag_waits_for_the_window() -> None:
    """As after a change of the configuration."""
    stage = tagged(planned={"window": "20:00-21:00"})
    stage.sweeps(3)
    stage.machine(A).tags = frozenset()
    stage.sweeps(30)
    assert stage.next_hop() == A


@pytest.mark.parametrize("lost", [(A, B), (A,)])
def test_a_tag_that_nothing_has_takes_no_gateway_away(lost: tuple[str, ...]) -> None:
    """Absence is not death: the last gateways stay, and people are told that the tag finds nothing."""
    stage = tagged()
    stage.sweeps(3)
    for name in (A, B):
        stage.machine(name).tags = frozenset()
    stage.sweeps(3)
    assert "no instance" in episodes(stage, "search")[0]["cause"]
    for name in lost:
        stage.world.stop(name)
        stage.send(stage.state(name, "Stopping"))
    assert stage.next_hop() == (B if lost == (A,) else stage.next_hop())
    stage.machine(B).tags = frozenset({TAG})
    stage.sweeps(2)
    assert "ended" in episodes(stage, "search")[-1]


def test_a_tag_that_cannot_be_read_takes_no_gateway_away() -> None:
    """What was found stays, and the failover goes on as usual."""
    stage = tagged()
    stage.sweeps(3)
    stage.cloud.fail(ReadTagged, FailureKind.THROTTLED)
    receipt = stage.sweep()
    assert any("cannot be read" in problem for problem in receipt.problems)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == B


@pytest.mark.parametrize("which", [ReadTagged, ReadVpcTables, ReadRoutes])
def test_a_cold_process_that_cannot_read_says_so_and_tells_within_minutes(which: type) -> None:
    """Nothing is guarded, and nobody believes that it is; when the API is back, all is found."""
    stage = tagged()
    fault = stage.cloud.fail(which, FailureKind.UNREACHABLE)
    receipts = stage.sweeps(4)
    assert {receipt.outcome for receipt in receipts} == {"attention"}
    assert all(receipt.blind for receipt in receipts)
    assert episodes(stage, "blind")
    fault.times = 0
    stage.sweeps(2)
    assert "ended" in episodes(stage, "blind")[-1]
    assert episodes(stage)


@pytest.mark.parametrize("what", ["tag", "entry"])
def test_a_search_that_finds_nothing_is_told(what: str) -> None:
    """No instance has the tag, or no entry leads to a gateway."""
    stage = tagged(tables=() if what == "entry" else (TABLE,))
    if what == "tag":
        stage.world.machines.clear()
    receipt = stage.sweep()
    assert receipt.outcome == "attention"
    assert "nothing is guarded" in receipt.sentence
    assert receipt.blind, "a heartbeat would say that all is well"
    (told,) = episodes(stage, "search")
    assert ("no instance in vpc-one has the tag" if what == "tag" else "no route table") in told["cause"]


def test_too_many_instances_with_the_tag_change_nothing_and_are_told() -> None:
    """A tag on a whole fleet: the gateways stay as they were, and no setup is started on any."""
    stage = tagged(setup={"via": "assistant"})
    stage.sweeps(3)
    before = len(stage.cloud.sent(StartSetup))
    for number in range(40):
        give(stage, f"i-web{number:03}", days=1)
    stage.sweeps(20)
    assert [each["id"] for each in (stage.one(person("status")).view or {})["gateways"]] == [A, B]
    assert "42 instances" in episodes(stage, "search")[0]["cause"]
    assert len(stage.cloud.sent(StartSetup)) == before
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == B


def test_too_many_in_a_cold_process_are_the_oldest() -> None:
    """The ones that have served longest can still take the route; none is set up."""
    stage = tagged(setup={"via": "assistant"})
    for number in range(40):
        give(stage, f"i-web{number:03}", days=1)
    stage.sweeps(3)
    gateways = [each["id"] for each in (stage.one(person("status")).view or {})["gateways"]]
    assert (len(gateways), gateways[:2]) == (20, [A, B])
    assert stage.cloud.sent(StartSetup) == []


# ---- reading again, after the loop of a sweep --------------------------------------------------------------

ONE, OTHER = Route(table=TableId("vtb-private")), Route(table=TableId("vtb-other"))


def seeing(other: RouteView | Unseen, **more: Any) -> World:
    """A world in which A carries one table, and the other one is so."""
    return replace(worlds.world(**more), routes={ONE: RouteView(worlds.entry(worlds.A)), OTHER: other})


def found_group(**more: Any) -> tuple[Group, Ledger]:
    """A group whose tag has found A and B, and its ledger."""
    finding = Finding().with_tagged([discovery.tagged(worlds.A), discovery.tagged(worlds.B, 1)])
    return completed(discovery.group(**more), finding), Ledger(finding=finding)


@pytest.mark.parametrize(
    "more, searched_s, asked",
    [
        ({}, None, True),
        ({}, 0, False),
        ({}, 29, False),
        ({}, 30, True),
        ({}, -1, True),  # the clock was set back
        ({"gateways": [worlds.A]}, None, False),
        ({"gateways": [worlds.A], "routes": [{"table": "vtb-one"}], "vpc": None}, None, False),
    ],
)
def test_a_tag_is_read_again_unless_that_was_done_before_the_loop(
    more: dict[str, Any], searched_s: float | None, *, asked: bool
) -> None:
    """Half a minute ago at most; a group that lists its gateways reads none."""
    policy, ledger = found_group(**more)
    ledger.searched = None if searched_s is None else worlds.NOON - timedelta(seconds=searched_s)
    reading = refresh(seeing(RouteView(None)), policy, ledger, worlds.NOON)
    assert [type(call) for call in next(reading, ())] == [ReadTagged] * asked


@pytest.mark.parametrize("other", [worlds.BLIND, RouteView(None)])
def test_what_carries_a_route_stays_a_former_gateway(other: RouteView | Unseen) -> None:
    """As far as tables were read, and lead anywhere."""
    policy, ledger = found_group()
    reading = refresh(seeing(other), policy, ledger, worlds.NOON)
    next(reading)
    with pytest.raises(StopIteration) as ended:
        reading.send([(discovery.tagged(worlds.B, 1),)])
    assert ended.value.value == ""
    assert ledger.finding is not None
    assert ledger.finding.former == (worlds.A,)


@pytest.mark.parametrize(
    "other, listed, routes",
    [
        (worlds.BLIND, (ONE,), (ONE, OTHER)),
        (worlds.BLIND, (ONE, OTHER), (ONE, OTHER)),
        (RouteView(None), (ONE,), (ONE,)),
        (RouteView(worlds.entry(worlds.B, route=OTHER)), (), (ONE, OTHER)),
    ],
)
def test_a_table_that_was_not_seen_stays_guarded(
    other: RouteView | Unseen, listed: tuple[Route, ...], routes: tuple[Route, ...]
) -> None:
    """A survey may have holes, and so may the lists of tables and instances."""
    policy, ledger = found_group()
    entries = [worlds.entry(worlds.A, route=route) for route in listed]
    found = routes_in(entries, seeing(other, b=worlds.BLIND), policy, ledger)
    assert sorted(found.routes, key=routes.index) == list(routes)
