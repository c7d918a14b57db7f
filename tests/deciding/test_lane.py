"""Where the lane should lead, and what the probe's looks through it show: by the world alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.config import Group
from natkeeper.domain.decision import Await, Create, Hold, Keep, Leave, Move, Retire
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.gateway_config import Setup
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.lane import LaneStep, carries, is_any_lane, leads_to, less_lossy, seen, wish, with_seen
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import EntryStatus, NextHop, RouteEntry, Unseen
from natkeeper.domain.probe_config import Probe
from natkeeper.domain.signals import LaneLook, LossyMinutes
from natkeeper.domain.world import LossyHop, RouteView, World
from tests.deciding.worlds import (
    BLIND,
    ELSEWHERE,
    NOON,
    ROUTE,
    STRANGER,
    A,
    B,
    C,
    ago,
    entry,
    gateway,
    group,
    half,
    hop,
    later,
    marked,
    world,
)

D = InstanceId("i-gwd")
SECOND = 1 / 60
ADDRESS = "223.6.6.6:53"


def policy_of(*gateways: InstanceId, **more: Any) -> Group:
    """A group with a lane in the table of ROUTE; `more` are the probe's settings."""
    probe = Probe(function="natkeeper-probe", lane=ADDRESS, **more)
    routes = (ROUTE, ELSEWHERE) if len(gateways) > 2 else (ROUTE,)
    return group(*gateways, routes=routes, probe=probe, setup=Setup(mode="off"))


POLICY = policy_of()
LANE = POLICY.lane
assert LANE is not None


def lane(to: str | None = B, since: float | None = 20, **more: Any) -> RouteEntry:
    """The entry of the lane, as natkeeper led it through `to` so many minutes ago."""
    assert LANE is not None
    began = None if since is None else ago(since)
    words = Memory(since=began, by="auto", to=to or "", lane=True, owner=POLICY.owner)
    return entry(to, words, route=LANE, **more)


def with_lane(found: RouteEntry | Unseen | None, **more: Any) -> World:
    """A world in which the lane is so."""
    return replace(world(**more), lane=found)


# ---- where it should lead --------------------------------------------------------------------------------

WHY = f"the probe proves the standby {B} by it"
REMEMBERED = Memory(since=NOON, by="auto", to=B, lane=True)


@pytest.mark.parametrize(
    "found, more, expected",
    [
        (BLIND, {}, Hold(LANE, "the lane cannot be read: timed out")),
        (lane(), {"b": BLIND}, Keep(LANE, f"{B} cannot be seen, which moves no lane either", hop(B))),
        (lane(), {}, Keep(LANE, f"the lane leads through {B}", hop(B))),
        (lane(status=EntryStatus.MODIFYING), {}, Await(LANE, "the entry of the lane is Modifying")),
        (None, {}, Create(LANE, hop(B), WHY, REMEMBERED)),
        (lane(A), {}, Move(LANE, hop(B), WHY, REMEMBERED, hop(A))),
        (lane(C), {"c": BLIND}, Move(LANE, hop(B), WHY, REMEMBERED, hop(C))),  # no gateway of the group
        (None, {"b": "Stopped"}, Keep(LANE, f"no lane: {B} is Stopped")),
        (lane(), {"b": "Stopped"}, Retire(LANE, (lane().id,), f"no standby is fit for the lane: {B} is Stopped")),
        *(
            (
                found,
                {},
                Leave(LANE, f"someone else leads {LANE} to {to}: no lane is kept, and no standby is proven by one"),
            )
            for found, to in ((lane(None), "several next hops"), (entry(STRANGER, route=LANE), f"{STRANGER}"))
        ),
    ],
)
def test_each_state_of_the_lane_has_its_step(
    found: RouteEntry | Unseen | None, more: dict[str, Any], expected: LaneStep
) -> None:
    """What cannot be seen moves no lane, what is someone else's is left alone, and it leads nowhere for want of a
    standby.
    """
    assert wish(with_lane(found, **more), POLICY, NOON) == expected


@pytest.mark.parametrize(
    "gateways, since, more, to",
    [
        ((A, B, C), None, {}, B),
        ((A, B, C), None, {"elsewhere": B}, C),  # one that carries nothing anywhere comes first
        ((A, B, C), None, {"b": "Stopped", "elsewhere": C}, C),  # what it carries in another table is no hindrance
        ((A, B, C), None, {"b": "Stopped", "c": "Stopped"}, f"no lane: {B} is Stopped, {C} is Stopped"),
        ((A,), None, {}, "no lane: the group has no other gateway"),
        ((A, B, C), 10 - SECOND, {}, B),
        ((A, B, C), 10, {}, C),
        ((A, B, C, D), 10, {}, C),
    ],
)
def test_the_standby_that_has_its_turn_is_one_that_carries_least(
    gateways: tuple[InstanceId, ...], since: float | None, more: dict[str, Any], to: str
) -> None:
    """Several take turns of ten minutes, in the order of the configuration."""
    state = with_lane(None if since is None else lane(B, since), **{"c": "Running", "elsewhere": A, **more})
    state = replace(state, gateways={**state.gateways, D: gateway()})
    match wish(state, policy_of(*gateways), NOON):
        case Create(to=hop_) | Move(to=hop_) | Keep(hop=NextHop() as hop_):
            assert hop_ == hop(to)
        case other:
            assert isinstance(other, Keep)
            assert other.reason == to


@pytest.mark.parametrize("proven, expected", [(5, Keep), (5 - SECOND, Create)])
def test_a_marked_standby_gets_the_lane_once_a_later_setup_has_proven_it(proven: float, expected: type) -> None:
    """A lane costs nobody's packets; a proof from before the mark says nothing."""
    state = with_lane(None, memory=marked((B, ago(5))), b=gateway(proof=EgressSeen(ago(proven))))
    assert isinstance(wish(state, POLICY, NOON), expected)


@pytest.mark.parametrize(
    "led, words", [(None, f"no lane: {B} has not been set up yet"), (B, f"the lane leads through {B}")]
)
def test_a_gateway_that_was_not_set_up_gets_no_lane_and_loses_none(led: str | None, words: str) -> None:
    """It forwards nothing before its first setup; whose report a cold process has not read yet, it may."""
    policy = group(probe=POLICY.probe)
    assert policy.setup.mode != "off"
    step = wish(with_lane(None if led is None else lane(led)), policy, NOON)
    assert isinstance(step, Keep)
    assert step.reason == words


# ---- whose it is, and since when -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found, led", [(lane(), (hop(B), ago(20))), (lane(since=None), None), (lane(None), None), (None, None)]
)
def test_it_leads_there_since_its_words_say(found: RouteEntry | None, led: object) -> None:
    """Without them nothing is known."""
    assert leads_to(with_lane(found), POLICY) == led


@pytest.mark.parametrize(
    "text, is_one",
    [(lane().description, True), (Memory(since=NOON, by="auto", to=B), False), ("", False), ("[nk1 s=x", False)],
)
def test_any_lane_is_known_by_its_words(text: Memory | str, *, is_one: bool) -> None:
    """Whichever natkeeper made it."""
    assert is_any_lane(entry(B, text)) is is_one


@pytest.mark.parametrize(
    "on, known, carried",
    [
        (entry(A), None, (A, NOON)),
        (entry(A), (A, ago(9)), (A, ago(9))),
        (entry(A), (B, ago(9)), (A, NOON)),
        (entry(None), (A, ago(9)), None),
        (RouteView(None, (half(A, 0), half(B, 1))), (A, ago(9)), None),
        (BLIND, (A, ago(9)), None),
    ],
)
def test_what_carries_the_table_is_known_since_it_was_first_seen(on: Any, known: Any, carried: Any) -> None:
    """One next hop for all of it, or none."""
    assert carries(world(on=on), POLICY, known, NOON) == carried
    assert carries(world(on=on), group(), known, NOON) is None


# ---- what a watch saw through it -------------------------------------------------------------------------

LOST = f"{ADDRESS} was not answered for 10 s by the lane through it"


def look(lost: int = 0, checks: int = 60, *, answers: bool = True, lasted: float = 55, at: float = 0) -> LaneLook:
    """What a watch that ended `at` minutes after noon says."""
    return LaneLook(later(at), checks, lost, answers, timedelta(seconds=lasted))


@pytest.mark.parametrize(
    "watched, since, now, shown",
    [
        (look(), 20, 0, EgressSeen(NOON)),
        (look(5), 20, 0, EgressSeen(NOON)),
        (look(6), 20, 0, None),  # a tenth is a brown-out
        (look(995, 10_000), 20, 0, EgressSeen(NOON)),
        (look(40), 1, 0, None),
        (look(40), 1 - SECOND, 0, EgressSeen(NOON)),  # some of that was another standby's
        (look(), 20, 2.5, EgressSeen(NOON)),
        (look(), 20, 2.5 + SECOND, None),
        (look(at=1), 20, 0, EgressSeen(NOON)),  # the probe's clock is ahead
        (look(), 5 * SECOND, 0, EgressSeen(NOON)),
        (look(), 4 * SECOND, 0, None),
        (look(60, answers=False, lasted=10), 20, 0, EgressLost(NOON, LOST)),
        (look(60, answers=False, lasted=9.9), 20, 0, None),
        (look(60, answers=False), 10 * SECOND, 0, EgressLost(NOON, LOST)),
        (None, 20, 0, None),
    ],
)
def test_what_a_watch_shows_of_the_standby(
    watched: LaneLook | None, since: float, now: float, shown: Egress | None
) -> None:
    """Seen, lost, or nothing: after the write has settled, while it is fresh, and not in a brown-out."""
    expected = None if shown is None else (hop(B), shown)
    assert seen(with_lane(lane(since=since)), POLICY, watched, later(now)) == expected


def test_a_watch_shows_nothing_of_a_next_hop_or_of_a_stranger() -> None:
    """The lane may not prove a gateway that carries the guarded route, nor one that the group does not have."""
    assert seen(with_lane(lane(), on=B), POLICY, look(), NOON) is None
    assert seen(with_lane(lane(C)), POLICY, look(), NOON) is None
    assert seen(with_lane(None), POLICY, look(), NOON) is None


def test_one_check_that_was_lost_is_all_of_them() -> None:
    """However large the share is that counts as a loss."""
    assert seen(with_lane(lane()), policy_of(loss=60), look(1, 1), NOON) is None


@pytest.mark.parametrize("unproven", [True, False])
def test_what_the_lane_shows_outweighs_a_setup_that_could_not_prove_it(*, unproven: bool) -> None:
    """A loss takes nothing away."""
    state = with_lane(lane(), b=gateway(unproven=unproven))
    for egress, left in ((EgressSeen(NOON), False), (EgressLost(NOON, "no answer"), unproven)):
        after = with_seen(state, hop(B), egress)
        assert after.gateways == {**state.gateways, B: replace(state.gateways[B], egress=egress, unproven=left)}


# ---- what is lost on both ways ---------------------------------------------------------------------------


def lossy(lost: int, by_lane: int, checks: int = 10_000, since: float = 5) -> LossyMinutes:
    """Minutes that ended since so many minutes before noon, with what was lost of `checks` each way."""
    return LossyMinutes(ago(since), checks, lost, 10_000, by_lane)


@pytest.mark.parametrize(
    "what, led, carried, said",
    [
        (lossy(6000, 149), 20, (A, 20), f"{A} loses 60 % of what the probe asks, and {B} 1 % in the same minutes"),
        (lossy(1000, 0), 20, (A, 20), f"{A} loses 10 % of what the probe asks, and {B} 0 % in the same minutes"),
        (lossy(999, 0), 20, (A, 20), None),
        (lossy(4000, 1000), 20, (A, 20), None),
        (lossy(4000, 999), 20, (A, 20), f"{A} loses 40 % of what the probe asks, and {B} 10 % in the same minutes"),
        (
            lossy(1, 0, checks=1),
            20,
            (A, 20),
            f"{A} loses 100 % of what the probe asks, and {B} 0 % in the same minutes",
        ),
        (lossy(4000, 0), 6, (A, 6), f"{A} loses 40 % of what the probe asks, and {B} 0 % in the same minutes"),
        (lossy(4000, 0), 6 - SECOND, (A, 20), None),
        (lossy(4000, 0), 20, (A, 6 - SECOND), None),
        (lossy(4000, 0), 20, (C, 20), None),
        (lossy(4000, 0), 20, None, None),
        (
            lossy(4000, 0, since=8.5),
            20,
            (A, 20),
            f"{A} loses 40 % of what the probe asks, and {B} 0 % in the same minutes",
        ),
        (lossy(4000, 0, since=8.5 + SECOND), 20, (A, 20), None),
        (None, 20, (A, 20), None),
    ],
)
def test_a_standby_is_worth_a_move_where_its_lane_loses_less_than_a_quarter(
    what: LossyMinutes | None, led: float, carried: tuple[str, float] | None, said: str | None
) -> None:
    """In the same minutes, in which both were what they are."""
    known = None if carried is None else (carried[0], ago(carried[1]))
    expected = None if said is None else LossyHop(hop(A), hop(B), said)
    assert less_lossy(with_lane(lane(since=led)), POLICY, what, known, NOON) == expected
