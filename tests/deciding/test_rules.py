"""The rules of DESIGN.md, as far as deciding goes, in arbitrary worlds."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from natkeeper.domain.config import Group, Route
from natkeeper.domain.decide import decide
from natkeeper.domain.decision import (
    Bridge,
    Create,
    EipAssociate,
    EipUnassociate,
    Hold,
    Keep,
    Leave,
    Move,
    Note,
    Refuse,
    Retire,
)
from natkeeper.domain.egress import EgressSeen
from natkeeper.domain.health import Draining, Healthy, Unhealthy, Unknown
from natkeeper.domain.ids import GroupName
from natkeeper.domain.marks import with_marks, without_checks, without_mark
from natkeeper.domain.memory import Memory, decode, encode, is_ours
from natkeeper.domain.observed import NextHop, Unseen
from natkeeper.domain.parts import around_zero
from natkeeper.domain.signals import Pause, Resume, Switch
from natkeeper.domain.world import RouteView, SoFar, World, belongs, hops_of
from tests.deciding.land import Killed, Land
from tests.deciding.strategies import lands, switches, worlds
from tests.deciding.worlds import (
    BLIND,
    NAT,
    NOON,
    STRANGER,
    A,
    B,
    ago,
    entry,
    gateway,
    group,
    half,
    later,
    moved,
    unready,
    world,
)

WRITES = (Move, Create, Bridge, Retire, Note)
REPOINTS = (Move, Create, Bridge)


def forced(world: World, route: Route) -> bool:
    """Return True if a person insists on a switch of this route."""
    wish = world.so_far.wish
    return isinstance(wish, Switch) and wish.force and wish.table in (None, route.table)


def wished(world: World, route: Route) -> bool:
    """Return True if a person asks for a switch of this route."""
    wish = world.so_far.wish
    return isinstance(wish, Switch) and wish.table in (None, route.table)


def current(world: World, route: Route) -> NextHop | None:
    """The next hop of the whole entry."""
    view = world.routes[route]
    return view.whole.next_hop if isinstance(view, RouteView) and view.whole is not None else None


# Worlds that random ones hardly ever are, so that no assertion below goes unused: (world, policy) each.
BOTH = group(A, B, fallback=NAT)
DEAD = world(A, a="Stopped"), BOTH
ONLY_UNREADY = world(A, a="Stopped", b=unready()), group(A, B)
REPLACED = world(RouteView(entry(A), (half(B, 0), half(B, 1))), a="Stopped"), BOTH
HALF_WAY = world(RouteView(entry(A), (half(B, 0),)), a="Stopped"), BOTH
GOING_HOME = world(B, moved(ago(60)), a=gateway(started=ago(60))), group(A, B, fallback=NAT, failback=60)
FOREIGN = world(STRANGER), BOTH
NOT_SEEN = world(A, a=BLIND), BOTH
NO_PAUSE_TO_END = world(STRANGER, wish=Resume(GroupName("prod"))), BOTH
ASKED = world(A, wish=Switch(GroupName("prod"), to=B)), BOTH
ASKED_FOR_MISSING = world(None, wish=Switch(GroupName("prod"), to=B)), BOTH
ALREADY_THERE = world(A, wish=Switch(GroupName("prod"), to=A)), BOTH
ASKED_FOR_STRANGER = world(A, wish=Switch(GroupName("prod"), to=STRANGER)), BOTH
PAUSED_AGAIN = (
    world(A, moved(ago(60), paused_until=later(60)), wish=Pause(GroupName("prod"), timedelta(hours=1), "tests")),
    BOTH,
)


# ---- one decision ----------------------------------------------------------------------------------------


@given(worlds())
def test_every_world_gets_one_step_for_each_route_and_a_reason(both: tuple[World, Group]) -> None:
    """Deciding never fails, leaves no route out, and always says why."""
    world, policy = both
    decision = decide(world, policy, NOON)
    assert [step.route for step in decision.steps] == list(policy.routes)
    assert all(step.reason for step in decision.steps)
    assert decision.sentence()


@given(worlds())
def test_the_same_world_gets_the_same_decision(both: tuple[World, Group]) -> None:
    """Rule 4: nothing but world, policy and time counts."""
    world, policy = both
    assert decide(world, policy, NOON) == decide(replace(world), policy, NOON)


@given(worlds())
@example(REPLACED)
@example(ASKED_FOR_MISSING)
def test_a_route_that_exists_is_never_deleted_unless_its_halves_carry_it(both: tuple[World, Group]) -> None:
    """Rule 1: an entry is retired only where others of ours, at rest, carry all of its packets."""
    world, policy = both
    for step in decide(world, policy, NOON).steps:
        view = world.routes[step.route]
        assert isinstance(view, RouteView) or not isinstance(step, WRITES)
        if isinstance(step, Retire) and isinstance(view, RouteView):
            left = {e.destination for e in (view.whole, *view.bridge) if e is not None and e.id not in step.entries}
            covers = ({"0.0.0.0/0"}, {"0.0.0.0/1", "128.0.0.0/1"}, set(around_zero("0.0.0.0/0")))
            assert any(cover <= left | view.others for cover in covers)
        if isinstance(step, Create) and isinstance(view, RouteView):
            assert view.whole is None


@given(worlds())
@example(DEAD)
@example(HALF_WAY)
@example(ONLY_UNREADY)
def test_a_route_never_goes_to_a_next_hop_known_to_be_bad(both: tuple[World, Group]) -> None:
    """Rule 2: to an eligible gateway while there is one, else what drains late or the fallback, else what drains.

    Only from what the platform itself says is dead, a route goes to what is merely marked or not ready: no worse.
    """
    world, policy = both
    seen = with_marks(world, NOON)
    for step in decide(world, policy, NOON).steps:
        if not isinstance(step, REPOINTS) or forced(world, step.route) or wished(world, step.route):
            continue
        view = world.routes[step.route]
        assert isinstance(view, RouteView)
        if view.bridge and step.to in {half.next_hop for half in view.bridge}:
            unmarked = without_mark(seen, step.to).health(step.to, policy)  # a bridge under way is finished
            stubborn = view.remembered.by == "person" or min(_ranks(seen, policy, step.to)) > LAST_HOPE
            assert not isinstance(unmarked, Unhealthy) or stubborn
            continue
        here = current(world, step.route)
        assert step.to != here
        assert _rank(seen, policy, step.to) == min(_ranks(seen, policy, here))
        if _rank(seen, policy, step.to) == LAST_HOPE:
            dead = here is None or isinstance(without_checks(seen, here).health(here, policy), Unhealthy)
            assert dead or isinstance(world.internet, EgressSeen)  # or what failed long ago gets its second try


LAST_HOPE = 4


def _ranks(world: World, policy: Group, here: NextHop | None) -> list[int]:
    """How good all next hops but one are."""
    return [_rank(world, policy, to) for to in hops_of(policy) if to != here] or [LAST_HOPE + 1]


def _rank(world: World, policy: Group, to: NextHop) -> int:
    """How good a next hop is for a route that has to leave where it is, best first."""
    health, fallback = world.health(to, policy), to.id == policy.fallback
    if world.ineligible(to, policy) is None:
        return 2 if fallback else 0
    if isinstance(health, Draining) and world.unfit(to, policy) is None:
        lasts = health.until is not None and health.until >= NOON + timedelta(minutes=30)
        return 1 if lasts else 3
    unmarked = without_mark(world, to).health(to, policy)
    runs = isinstance(unmarked, (Healthy, Draining)) and world.refused(to, None) is None
    return LAST_HOPE if runs else 5


@given(worlds())
@example(ASKED)
def test_a_persons_plain_wish_never_leads_to_what_is_not_eligible(both: tuple[World, Group]) -> None:
    """Rule 2 binds people too, unless they force it."""
    world, policy = both
    seen = with_marks(world, NOON)
    for step in decide(world, policy, NOON).steps:
        wish, view = world.so_far.wish, world.routes[step.route]
        if not isinstance(step, (Move, Create)) or not wished(world, step.route) or forced(world, step.route):
            continue
        if isinstance(view, RouteView) and not view.bridge and step.route not in world.so_far.moved:
            assert isinstance(wish, Switch)
            if wish.to != getattr(current(world, step.route), "id", None):
                assert seen.ineligible(step.to, policy) is None


@given(worlds(wish=False))
@example(NOT_SEEN)
def test_unknown_health_never_moves_a_route(both: tuple[World, Group]) -> None:
    """Rule 3: a next hop that cannot be seen is kept, and so is a route whose table cannot be read."""
    world, policy = both
    seen = with_marks(world, NOON)
    for step in decide(world, policy, NOON).steps:
        view = world.routes[step.route]
        if isinstance(view, Unseen):
            assert isinstance(step, Hold)
            continue
        here = current(world, step.route)
        ours = not view.bridge and here is not None and belongs(here, policy)
        if ours and here is not None and isinstance(seen.health(here, policy), Unknown):
            assert not isinstance(step, WRITES)


@given(worlds(wish=False))
def test_when_no_api_answers_nothing_is_touched(both: tuple[World, Group]) -> None:
    """Rule 3: an outage of the API looks like nothing at all, not like the death of everything."""
    world, policy = both
    gateways = {gateway: replace(sight, instance=BLIND) for gateway, sight in world.gateways.items()}
    blind = replace(world, gateways=gateways, fallback=BLIND, routes=dict.fromkeys(policy.routes, BLIND), eip=BLIND)
    decision = decide(blind, policy, NOON)
    assert not decision.changes
    assert all(isinstance(step, Hold) for step in decision.steps)


@given(worlds())
@example(FOREIGN)
def test_someone_elses_next_hop_is_never_touched(both: tuple[World, Group]) -> None:
    """Rule 5: neither the entry nor its description, unless a person sends force or ends a pause that is ours."""
    world, policy = both
    for step in decide(world, policy, NOON).steps:
        view = world.routes[step.route]
        if not isinstance(view, RouteView) or view.whole is None or view.bridge or forced(world, step.route):
            continue
        here = view.whole.next_hop
        if here is None or not belongs(here, policy):
            assert not isinstance(step, (*REPOINTS, Retire))
            assert not isinstance(step, Note) or is_ours(view.whole.description)


@given(worlds(wish=False))
@example(GOING_HOME)
def test_a_healthy_next_hop_is_left_only_by_a_planned_return_after_the_hold_down(both: tuple[World, Group]) -> None:
    """Rule 6: without a person, away from the healthy only to home or off the fallback, and not soon after a move."""
    world, policy = both
    seen = with_marks(world, NOON)
    for step in decide(world, policy, NOON).steps:
        view = world.routes[step.route]
        if not isinstance(step, (Move, Bridge)) or not isinstance(view, RouteView) or view.bridge:
            continue
        here = current(world, step.route)
        assert here is not None
        if not isinstance(seen.health(here, policy), Healthy):
            continue
        since = view.remembered.since
        assert since is not None
        assert (NOON - since).total_seconds() >= policy.hold_down
        assert step.to.id == policy.home(step.route) or here.id == policy.fallback
        assert seen.ineligible(step.to, policy) is None


@given(worlds(wish=False))
def test_a_paused_group_is_left_alone(both: tuple[World, Group]) -> None:
    """A pause stops every write, of routes and of the EIP; only a move that this very run made may be finished."""
    world, policy = both
    world = replace(world, so_far=replace(world.so_far, moved={}))
    if world.paused_until(NOON) is None:
        return
    decision = decide(world, policy, NOON)
    assert not any(isinstance(step, WRITES) for step in decision.steps)
    recent = [v.remembered.since for v in world.routes.values() if isinstance(v, RouteView)]
    if not any(since is not None and NOON - since < timedelta(seconds=120) for since in recent):
        assert not isinstance(decision.eip, (EipUnassociate, EipAssociate))


@given(worlds())
def test_what_is_remembered_always_fits_and_reads_back(both: tuple[World, Group]) -> None:
    """Rule 9: whatever a step wants remembered can be written in the same call, pause included."""
    world, policy = both
    for step in decide(world, policy, NOON).steps:
        if isinstance(step, (*REPOINTS, Note)):
            assert len(encode(step.memory, step.reason)) <= 250
        if isinstance(step, (Move, Create)) and isinstance(world.so_far.wish, (type(None), Switch)):
            assert step.memory.paused_until == world.paused_until(NOON) or isinstance(step, Create)


@given(worlds())
@example(PAUSED_AGAIN)
@example(ALREADY_THERE)
@example(ASKED_FOR_STRANGER)
@example(NO_PAUSE_TO_END)
def test_a_person_gets_what_was_asked_or_a_refusal(both: tuple[World, Group]) -> None:
    """A switch or a pause never ends in silence: it is done, refused, already so, or the world cannot be read."""
    world, policy = both
    wish = world.so_far.wish
    for step in decide(world, policy, NOON).steps:
        view = world.routes[step.route]
        if isinstance(wish, Pause) and isinstance(step, Keep) and current(world, step.route) is not None:
            assert "paused until" in step.reason
        at_rest = isinstance(view, RouteView) and not view.bridge and step.route not in world.so_far.moved
        if isinstance(wish, Switch) and wished(world, step.route) and at_rest and isinstance(step, (Keep, Leave)):
            here = current(world, step.route)
            assert here is not None
            assert wish.to == here.id
        if isinstance(step, Refuse):
            assert isinstance(wish, (Switch, Pause, Resume))


# ---- whole runs ------------------------------------------------------------------------------------------


@given(lands())
def test_no_route_is_ever_bare(land: Land) -> None:
    """Rule 1: at every moment of a run, between any two writes and states, each route that had a next hop has one."""
    land.run()
    assert not land.bare


@given(lands())
def test_a_run_comes_to_rest_and_a_second_one_changes_nothing(land: Land) -> None:
    """Rule 4: applying twice changes nothing; what is written is what the next run reads.

    While a route ends where nothing reaches the internet, or is held for what may pass, later runs may try once more,
    and then rest as well.
    """
    held = any(isinstance(step, Hold) for step in land.run()[-1].steps)
    well = not held and all(_works(land, route) for route in land.policy.routes)
    for _ in () if well else land.sights:
        land.run()
    tables, eip = {route: dict(table) for route, table in land.tables.items()}, land.eip
    again = land.run()
    assert (land.tables, land.eip) == (tables, eip)
    assert not (well and any(decision.changes for decision in again))


def _works(land: Land, route: Route) -> bool:
    to = land.carries(route)
    return to is not None and to.id in land.works


@given(lands(), st.integers(0, 12))
def test_a_run_that_dies_anywhere_is_finished_by_the_next(land: Land, writes: int) -> None:
    """Rule 8: ended before any write, the next run brings the routes where an undisturbed one would have."""
    undisturbed = copy.deepcopy(land)
    undisturbed.run()
    try:
        land.run(writes=writes)
    except Killed:
        land.settle()
        land.now = NOON
        land.run()
    assert not land.bare
    for route in land.policy.routes:
        assert land.carries(route) == undisturbed.carries(route) or not _works(undisturbed, route)
        assert len(land.tables[route]) == len(undisturbed.tables[route])


@settings(deadline=None)
@given(lands(), st.lists(st.integers(1, 5400), min_size=1, max_size=12))
def test_a_route_that_works_is_not_moved_to_and_fro(land: Land, waits: list[int]) -> None:
    """Rule 6: while nothing but the time changes, what is well and works is left at most once for one other."""
    land.run()
    del land.moves[:]
    for wait in waits:
        land.now += timedelta(seconds=wait)
        land.run()
    world = land.world(SoFar(), {})
    planned = [
        (route, old, new)
        for route, old, new in land.moves
        if old is not None and old.id in land.works and belongs(old, land.policy)
        if isinstance(world.health(old, land.policy), Healthy)
    ]
    assert len(planned) == len(set(planned))


@given(lands(), switches)
def test_a_persons_switch_comes_to_rest_and_bares_no_route(land: Land, wish: Switch) -> None:
    """Rules 1 and 4 hold for what people ask for too."""
    land.run(wish=wish)
    assert not land.bare
    land.run()
    assert not land.bare


@given(lands())
def test_memory_survives_every_move(land: Land) -> None:
    """Rule 9: after a run, each entry that it moved, or made, says when, by what and what home was."""
    before = [entry for entries in land.tables.values() for entry in entries.values()]
    land.run()
    for route, _, to in land.moves:
        view = land.view(route)
        entries = [entry for entry in (view.whole, *view.bridge) if entry is not None and entry not in before]
        assert all(isinstance(decode(entry.description), Memory) for entry in entries)
        if view.carries == to and not view.bridge:
            assert view.remembered.since is not None
