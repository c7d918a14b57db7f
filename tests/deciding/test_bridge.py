"""Where the platform refuses to change an entry in place: two halves carry the traffic, step by step (rule 1)."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from natkeeper.domain.config import Group, Route
from natkeeper.domain.decision import Await, Bridge, Create, Hold, Leave, Move, Retire
from natkeeper.domain.health import Sight
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import EntryStatus, NatGateway, RouteEntry, Unseen
from natkeeper.domain.refusals import Deed, Refusal
from natkeeper.domain.signals import Switch
from natkeeper.domain.world import RouteView
from tests.deciding.land import Killed, Land
from tests.deciding.worlds import (
    BLIND,
    ELSEWHERE,
    NAT,
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
    lost,
    marked,
    moved,
    refused,
    step,
    world,
)

HALVES = (half(B, 0), half(B, 1))
BOTH = ("0.0.0.0/1", "128.0.0.0/1")


def bridged(whole: RouteEntry | None, *halves: RouteEntry) -> RouteView:
    """A route half-way through a bridge."""
    return RouteView(whole, halves)


def test_a_move_that_was_refused_in_place_is_made_by_two_halves() -> None:
    """The same next hop, reason and memory as the move would have had."""
    found = step(world(a="Stopped", not_in_place=frozenset({ROUTE})))
    assert found == Bridge(ROUTE, BOTH, hop(B), "i-gwa is Stopped", moved(NOON, to=B), hop(A))


def point(hop: str | None = None, table: Route | None = ROUTE, deed: Deed = Deed.POINT, **more: bool) -> Refusal:
    """A next hop that was not taken, as an answer said."""
    return Refusal(deed, "no", None if table is None else table.table, hop, **more)


def silent(hop: str = B, table: Route = ROUTE, deed: Deed = Deed.POINT) -> Refusal:
    """No answer, which says nothing of the next hop."""
    return point(hop, table, deed, passing=True, over=False)


@pytest.mark.parametrize(
    "refusals, lately, kind",
    [
        ((), (), Move),
        ((point(B),), (), Bridge),
        ((point(),), (), Bridge),
        ((point(table=None),), (), Bridge),
        ((point(table=ELSEWHERE),), (), Move),
        ((point(C),), (), Move),
        ((point(deed=Deed.GIVE),), (), Move),
        ((point(deed=Deed.GIVE, table=None),), (silent(),), Move),
        ((silent(),), (), Move),
        ((silent(),), (silent(),), Bridge),
        ((silent(),), (point(B),), Move),
        ((silent(),), (silent(table=ELSEWHERE),), Move),
        ((silent(),), (silent(deed=Deed.GIVE),), Move),
        ((point(C, over=False),), (silent(),), Move),
    ],
)
def test_a_dead_next_hop_is_left_around_an_entry_that_was_not_changed(
    refusals: tuple[Refusal, ...], lately: tuple[Refusal, ...], kind: type
) -> None:
    """By another call, and another right: where it was this entry, and where it is not only a moment's trouble."""
    found = step(world(a="Stopped", refusals=refusals, refused_lately=lately))
    assert isinstance(found, kind)
    if isinstance(found, Bridge):
        assert found == Bridge(ROUTE, BOTH, hop(B), "i-gwa is Stopped", moved(NOON, to=B), hop(A))


def test_a_single_address_has_no_parts() -> None:
    """Where the platform will not change its entry in place, a person has to."""
    single = Route(table=ROUTE.table, destination="203.0.113.7/32")
    state = world(a="Stopped", not_in_place=frozenset({single}))
    state = replace(state, routes={single: RouteView(entry(A, route=single))})
    assert step(state, group(routes=(single,))) == Hold(
        single,
        "i-gwa is Stopped; the platform changes no such entry in place, and one address has no parts: "
        "point it to i-gwb by hand",
    )


def test_a_bridge_of_another_natkeeper_is_left_to_it() -> None:
    """It has to delete what it made."""
    theirs = moved(NOON, owner="abcdef")
    why = "a bridge that another natkeeper made carries the route's traffic, and has to delete it"
    state = world(on=bridged(entry(A), half(B, 0, theirs), half(B, 1, theirs)), a="Stopped")
    assert step(state) == Leave(ROUTE, why)


def test_when_both_halves_carry_the_traffic_the_old_entry_goes() -> None:
    """Not before."""
    whole = entry(A)
    assert step(world(on=bridged(whole, *HALVES), a="Stopped")) == Retire(
        ROUTE, (whole.id,), "its bridge carries the traffic; the old entry is replaced"
    )


def test_one_half_alone_is_completed_first() -> None:
    """A run that died between the two creations is made up for."""
    for which in (0, 1):
        found = step(world(on=bridged(entry(A), half(B, which)), a="Stopped"))
        assert found == Bridge(ROUTE, (BOTH[1 - which],), hop(B), "the other half is missing", moved(NOON))


def test_when_the_old_entry_is_gone_it_is_created_anew() -> None:
    """With the memory that the halves kept meanwhile."""
    found = step(world(on=bridged(None, *HALVES), a="Stopped"))
    assert found == Create(ROUTE, hop(B), "the entry is replaced: its bridge carries the traffic", moved(NOON))


def test_a_bridge_gives_way_to_an_entry_that_was_led_elsewhere_since() -> None:
    """The platform refused to create it to where the bridge leads; each run would delete and make it anew."""
    since, parts = moved(later(1), to=A), tuple(half(B, which, moved(NOON, to=B)) for which in (0, 1))
    found = step(world(on=bridged(entry(A, since), *parts)))
    assert found == Retire(
        ROUTE, tuple(part.id for part in parts), "the entry carries the traffic again; its bridge is no longer needed"
    )
    replaced = "its bridge carries the traffic; the old entry is replaced"
    before = entry(A, moved(NOON, to=A))
    assert step(world(on=bridged(before, *parts))) == Retire(ROUTE, (before.id,), replaced)
    elsewhere = entry(A, moved(later(1), to=C))
    assert step(world(on=bridged(elsewhere, *parts))) == Retire(ROUTE, (elsewhere.id,), replaced)
    dead = entry(A, since)
    assert step(world(on=bridged(dead, *parts), a="Stopped")) == Retire(ROUTE, (dead.id,), replaced)


def test_halves_with_garbled_memory_still_lead_to_an_entry_that_remembers() -> None:
    """A new entry always says when and by what it was made."""
    found = step(world(on=bridged(None, half(B, 0, "[nk1 s=x"), half(B, 1, "[nk1 s=x")), a="Stopped"))
    assert isinstance(found, Create)
    assert found.memory == moved(NOON, to=B)


def test_when_the_new_entry_carries_the_traffic_the_halves_go() -> None:
    """One of them, too, if the other went already."""
    assert step(world(on=bridged(entry(B), *HALVES))) == Retire(
        ROUTE,
        (HALVES[0].id, HALVES[1].id),
        "the entry carries the traffic again; its bridge is no longer needed",
    )
    assert step(world(on=bridged(entry(B), HALVES[1]))).entries == (HALVES[1].id,)  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [EntryStatus.PENDING, EntryStatus.DELETING, EntryStatus.MODIFYING])
def test_every_step_waits_for_the_platform_to_finish_the_last(status: EntryStatus) -> None:
    """A half that is Pending carries nothing yet."""
    found = step(world(on=bridged(entry(A), half(B, 0, status=status), half(B, 1)), a="Stopped"))
    assert found == Await(ROUTE, f"the entry for 0.0.0.0/1 is {status.value}")
    whole = entry(A, status=status)
    assert step(world(on=bridged(whole, *HALVES))) == Await(ROUTE, f"the entry for 0.0.0.0/0 is {status.value}")


def test_a_half_in_an_unknown_state_is_held() -> None:
    """Nobody knows whether it carries anything."""
    found = step(world(on=bridged(entry(A), half(B, 0, status=EntryStatus.UNKNOWN))))
    assert found == Hold(ROUTE, "the entry for 0.0.0.0/1 is in a state that natkeeper does not know")


@pytest.mark.parametrize("b", ["Running", BLIND, gateway(locks=("Recycling",))])
def test_neither_blindness_nor_draining_turns_a_bridge_back(b: str | Sight) -> None:
    """Half-way is the worst place to be."""
    assert isinstance(step(world(on=bridged(entry(A), *HALVES), a="Stopped", b=b)), Retire)
    assert isinstance(step(world(on=bridged(None, *HALVES), a="Stopped", b=b)), Create)


def test_a_mark_does_not_turn_a_bridge_back() -> None:
    """It was begun knowing of it; else it would be begun and turned back again and again."""
    memory = marked((B, ago(5)), since=NOON)
    found = step(world(on=bridged(entry(A), half(B, 0, memory), half(B, 1, memory)), a="Stopped"))
    assert isinstance(found, Retire)
    assert len(found.entries) == 1


def test_a_bridge_to_a_gateway_that_dies_meanwhile_turns_back_where_there_is_something_better() -> None:
    """The halves go, and the entry is moved again from where it is."""
    state = world(on=bridged(entry(A), *HALVES), a="Stopped", b="Stopped", c="Running")
    assert step(state, group(A, B, C)).entries == (HALVES[0].id, HALVES[1].id)  # type: ignore[union-attr]
    gone = world(on=bridged(None, *HALVES), a="Stopped", b="Stopped", c="Running")
    assert step(gone, group(A, B, C)) == Create(
        ROUTE, hop(C), "the entry is replaced: its bridge leads nowhere", moved(NOON, to=C)
    )


def test_a_bridge_is_finished_where_there_is_nothing_better() -> None:
    """One entry on a dead gateway is easier to mend than two halves on it."""
    state = world(on=bridged(None, *HALVES), a="Stopped", b="Stopped")
    assert step(state).to == hop(B)  # type: ignore[union-attr]


def test_a_bridge_to_what_the_platform_refuses_is_withdrawn() -> None:
    """Its halves lead to a gateway that was deleted, say: they go, however little is left to choose from."""
    half_way = bridged(entry(A), half(B, 1))
    found = step(world(half_way, a="Stopped", b=None, refusals=refused(B, "does not exist", lasting=True)))
    assert isinstance(found, Retire)
    assert found.entries == (half(B, 1).id,)


def test_a_bridge_that_a_person_began_is_finished() -> None:
    """They insisted on a gateway that is not well."""
    memory = moved(NOON, "person")
    found = step(world(on=bridged(entry(A), half(B, 0, memory), half(B, 1, memory)), b="Stopped"))
    assert isinstance(found, Retire)
    assert len(found.entries) == 1


def test_halves_that_lead_to_different_next_hops_are_nobodys_bridge() -> None:
    """Ours by description, changed by someone else: back to the whole, or to the best there is."""
    odd = (half(A, 0), half(B, 1))
    assert step(world(on=bridged(entry(A), *odd))).entries == (odd[0].id, odd[1].id)  # type: ignore[union-attr]
    assert step(world(on=bridged(None, *odd))).to == hop(A)  # type: ignore[union-attr]
    nothing = step(world(on=bridged(None, *odd), a="Stopped", b="Stopped"))
    assert nothing == Hold(
        ROUTE,
        "the route entry is missing, and no next hop is fit for it: i-gwa is Stopped, i-gwb is Stopped",
    )


def test_halves_that_lead_to_a_stranger_are_withdrawn() -> None:
    """They claim to be ours, and the whole is."""
    strange = (half(STRANGER, 0), half(STRANGER, 1))
    assert isinstance(step(world(on=bridged(entry(A), *strange))), Retire)


def test_halves_that_others_made_are_left_alone() -> None:
    """Rule 5: a split default route may well be what its owner wants."""
    theirs = half(B, 0, "vpn split")
    found = step(world(on=bridged(entry(A), theirs, half(B, 1)), a="Stopped"))
    assert found == Leave(ROUTE, "more specific entries that natkeeper did not make carry the route's traffic")


def test_an_entry_that_someone_repoints_during_a_bridge_is_not_deleted() -> None:
    """The halves give way instead, so that what they wanted takes effect."""
    found = step(world(on=bridged(entry(STRANGER), *HALVES)))
    assert found == Retire(
        ROUTE,
        (HALVES[0].id, HALVES[1].id),
        "someone pointed the entry to i-firewall meanwhile; its bridge gives way",
    )


def test_an_entry_that_a_person_takes_over_by_force_is_replaced() -> None:
    """They said so: the memory of the halves tells."""
    memory = moved(NOON, "person")
    whole = entry(STRANGER)
    found = step(world(on=bridged(whole, half(B, 0, memory), half(B, 1, memory))))
    assert found == Retire(ROUTE, (whole.id,), "its bridge carries the traffic; the old entry is replaced")


# ---- whole bridges, and a crash at every write -----------------------------------------------------------


def refusing(policy: Group | None = None, on: str = A, memory: Memory | None = None, **sights: Sight) -> Land:
    """A land whose platform changes nothing in place."""
    chosen = policy or group()
    seen = {g: sights.get(g[-1], gateway()) for g in chosen.gateways}
    whole = entry(on, memory or "")
    return Land(
        policy=chosen,
        sights=seen,
        tables={ROUTE: {ROUTE.destination: whole}},
        now=NOON,
        works=frozenset({B, C, NAT}),
        fallback=NatGateway(NAT, available=True),
        refuses=True,
    )


def test_a_bridge_goes_through_all_its_steps_and_leaves_one_entry() -> None:
    """Refused, bridged, retired, created, cleaned up, verified."""
    land = refusing(a=gateway("Stopped"))
    kinds = [type(decision.steps[0]) for decision in land.run()]
    steps = [kind for kind in kinds if kind is not Await]
    assert [kind.__name__ for kind in steps] == ["Move", "Bridge", "Retire", "Create", "Retire", "Verify", "Keep"]
    assert list(land.tables[ROUTE]) == [ROUTE.destination]
    assert (land.carries(ROUTE), land.bare) == (hop(B), [])
    assert land.view(ROUTE).remembered == moved(NOON.replace(second=1), to=B)


@pytest.mark.parametrize("writes", range(13))
def test_a_bridge_that_dies_at_any_write_is_finished_by_the_next_run(writes: int) -> None:
    """Rule 8, with the platform's slow states left as they were."""
    land = refusing(a=gateway("Stopped"))
    try:
        land.run(writes=writes)
        assert writes == 12
    except Killed:
        assert land.carried(ROUTE)
    land.run()
    assert list(land.tables[ROUTE]) == [ROUTE.destination]
    assert (land.carries(ROUTE), land.bare) == (hop(B), [])


@pytest.mark.parametrize("writes", range(8))
def test_a_gateway_that_dies_during_a_bridge_bares_no_route(writes: int) -> None:
    """The next run goes on to the next candidate from wherever the dead run stopped."""
    land = refusing(group(A, B, C), a=gateway("Stopped"))
    with pytest.raises(Killed):
        land.run(writes=writes)
    land.sights[B] = gateway("Stopped")
    land.run()
    assert (land.carries(ROUTE), land.bare) == (hop(C), [])
    assert list(land.tables[ROUTE]) == [ROUTE.destination]


@pytest.mark.parametrize("writes", range(8))
def test_a_gateway_that_comes_back_during_a_bridge_bares_no_route(writes: int) -> None:
    """Healthy again, home is no reason to stop half-way."""
    land = refusing(a=gateway("Stopped"))
    with pytest.raises(Killed):
        land.run(writes=writes)
    land.sights[A] = gateway()
    land.run()
    assert land.bare == []
    assert land.carries(ROUTE) in (hop(A), hop(B))
    assert list(land.tables[ROUTE]) == [ROUTE.destination]


def test_a_person_can_insist_on_a_stopped_gateway_by_a_bridge() -> None:
    """A foreign entry, taken over with force, on a platform that refuses."""
    land = refusing(on=STRANGER, b=gateway("Stopped"))
    undisturbed = copy.deepcopy(land)
    undisturbed.run()
    assert undisturbed.carries(ROUTE) == hop(STRANGER)
    land.run(wish=Switch(land.policy.name, to=B, force=True))
    assert (land.carries(ROUTE), land.bare) == (hop(B), [])
    assert list(land.tables[ROUTE]) == [ROUTE.destination]


def test_in_place_is_tried_first() -> None:
    """One call is faster than six."""
    land = refusing(a=gateway("Stopped"))
    assert isinstance(land.run()[0].steps[0], Move)


def test_a_bridge_to_the_last_hope_is_not_made_and_deleted_without_end() -> None:
    """A does not get out, B is certainly dead, the fallback cannot be read: one bridge, and then rest."""
    land = replace(
        refusing(group(fallback=NAT), on=B, a=lost(), b=gateway("Stopped")),
        works=frozenset(), fallback=Unseen("timed out"),
    )  # fmt: skip
    decisions = land.run()
    bridged = [step for decision in decisions for step in decision.steps if isinstance(step, Bridge)]
    assert [step.to for step in bridged] == [hop(A)]
    assert (list(land.tables[ROUTE]), land.bare) == ([ROUTE.destination], [])
    assert land.carries(ROUTE) != hop(B)
