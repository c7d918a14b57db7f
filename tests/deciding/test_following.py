"""One EIP that follows the route: beside the move, never before it, and never away from a stranger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.domain.config import Group
from natkeeper.domain.decision import (
    Await,
    Create,
    EipAssociate,
    EipAwait,
    EipHold,
    EipSettled,
    EipStep,
    EipTry,
    EipUnassociate,
    Hold,
    Keep,
    Move,
    Verify,
)
from natkeeper.domain.egress import EgressLost
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import Eip, EipStatus, EntryStatus, NatGateway, NextHop, Unseen
from natkeeper.domain.signals import Pause, Resume, Switch
from natkeeper.domain.world import RouteView
from tests.deciding.land import Killed, Land
from tests.deciding.worlds import (
    BLIND,
    EIP,
    ELSEWHERE,
    FOLLOWS,
    NAT,
    NOON,
    ROUTE,
    STRANGER,
    A,
    B,
    C,
    ago,
    decision,
    eip,
    entry,
    gateway,
    group,
    half,
    hop,
    later,
    lost,
    marked,
    minutes,
    moved,
    spot,
    world,
)

FOLLOW = group(address=FOLLOWS)
WITH_FALLBACK = group(address=FOLLOWS, fallback=NAT)


def step_for(address: Eip | Unseen | None, **more: object) -> EipStep:
    """What is decided about the EIP."""
    return decision(world(eip=address, **more), FOLLOW).eip  # type: ignore[arg-type]


def test_an_eip_on_the_gateway_that_has_the_route_is_settled() -> None:
    """All is well."""
    found = decision(world(eip=eip(A)), FOLLOW)
    assert found.eip == EipSettled()
    assert found.quiet


@pytest.mark.parametrize("policy", [FOLLOW, group(B, A, address=FOLLOWS)])
@pytest.mark.parametrize("holder", [A, B])
def test_a_missing_entry_is_created_where_the_eip_is(holder: str, policy: Group) -> None:
    """Anywhere else the route would wait for the EIP, which takes three times as long as the entry."""
    found = decision(world(on=None, eip=eip(holder)), policy)
    assert found.steps == (
        Create(ROUTE, hop(holder), "the route entry was missing", moved(NOON, to=holder, home=policy.gateways[0])),
    )
    assert found.eip == EipSettled()


def test_a_missing_entry_is_not_created_where_the_eip_is_on_a_dead_gateway() -> None:
    """The EIP follows then."""
    found = decision(world(on=None, eip=eip(B), b="Stopped"), FOLLOW)
    assert [step.to for step in found.steps if isinstance(step, Create)] == [hop(A)]
    assert isinstance(found.eip, EipUnassociate)


def test_gateways_with_addresses_of_their_own_need_no_eip() -> None:
    """Nothing follows then, whatever is bound to what."""
    assert decision(world(eip=eip(STRANGER))).eip == EipSettled()


def test_gateways_need_no_public_address_of_their_own_where_an_eip_follows() -> None:
    """They get it with the route."""
    found = decision(world(eip=eip(A), a="Stopped", b=gateway(public_ip=None)), FOLLOW)
    assert isinstance(found.steps[0], Move)


def test_the_eip_leaves_the_old_gateway_beside_the_move() -> None:
    """In the same decision, so that both are under way at once."""
    found = decision(world(eip=eip(A), a="Stopped"), FOLLOW)
    assert isinstance(found.steps[0], Move)
    assert found.eip == EipUnassociate(EIP, A, "the EIP 198.51.100.77 leaves i-gwa, which does not own the route")
    assert found.sentence() == "i-gwa is Stopped; the EIP 198.51.100.77 leaves i-gwa, which does not own the route"


@pytest.mark.parametrize("status", [EipStatus.ASSOCIATING, EipStatus.UNASSOCIATING])
def test_an_eip_on_its_way_is_waited_for(status: EipStatus) -> None:
    """Whichever way; and no look is taken meanwhile, which would prove nothing."""
    found = decision(world(on=B, memory=moved(NOON), eip=eip(A, status)), FOLLOW)
    assert found.eip == EipAwait(f"the EIP is {status.value}")
    assert found.steps == (Await(ROUTE, "seeing whether the internet is reached through i-gwb"),)
    assert not found.settled


def test_a_free_eip_goes_to_the_gateway_that_has_the_route() -> None:
    """A run that died between taking and giving is made up for."""
    found = decision(world(on=B, memory=moved(ago(60)), eip=eip(None)), FOLLOW)
    assert found.eip == EipAssociate(EIP, B, "the EIP 198.51.100.77 goes to i-gwb, which owns the route")
    assert (found.changes, found.settled, found.quiet) == (True, False, False)


def test_an_eip_bound_to_another_gateway_of_ours_is_brought_over() -> None:
    """Someone moved the route in the console, or the EIP."""
    assert step_for(eip(B)) == EipUnassociate(
        EIP, B, "the EIP 198.51.100.77 leaves i-gwb, which does not own the route"
    )


@pytest.mark.parametrize(
    "address, said",
    [
        (eip(STRANGER), "the EIP is bound to i-firewall, which someone else set: natkeeper leaves it"),
        (
            Eip(EIP, "198.51.100.77", EipStatus.IN_USE),
            "the EIP is bound to None, which someone else set: natkeeper leaves it",
        ),
        (eip(A, EipStatus.UNKNOWN), "the EIP is in a state that natkeeper does not know"),
        (None, "the EIP eip-public does not exist"),
        (BLIND, "the EIP cannot be seen: timed out"),
    ],
)
def test_an_eip_that_nothing_safe_can_be_done_about_is_held(address: Eip | Unseen | None, said: str) -> None:
    """Rules 3 and 5 hold for it as for routes; the routes go their own way."""
    found = decision(world(eip=address, a="Stopped"), FOLLOW)
    assert found.eip == EipHold(said)
    assert isinstance(found.steps[0], Move)
    assert not found.quiet


def test_no_look_is_evidence_while_the_eip_is_not_where_it_belongs() -> None:
    """Without it nobody reaches the internet through the gateway, however well it is."""
    found = decision(world(on=B, memory=moved(NOON), eip=BLIND), FOLLOW)
    assert found.steps == (Hold(ROUTE, "i-gwb cannot be seen to work: the EIP cannot be seen: timed out"),)


def test_a_marked_gateway_gets_the_eip_before_it_is_looked_at() -> None:
    """Else no look could ever clear the mark."""
    found = decision(world(memory=marked((A, ago(5))), eip=eip(None)), FOLLOW)
    assert isinstance(found.eip, EipAssociate)
    assert isinstance(found.steps[0], Await)
    assert isinstance(decision(world(memory=marked((A, ago(5))), eip=eip(A)), FOLLOW).steps[0], Verify)


@pytest.mark.parametrize("a", ["Stopped", BLIND, lost()])
def test_the_eip_stays_while_the_route_is_held(a: object) -> None:
    """Where the route goes next is not known yet."""
    policy = group(A, address=FOLLOWS)
    held = world(memory=marked((A, ago(1))), a=a, eip=eip(B))  # type: ignore[arg-type]
    assert decision(held, policy).eip == EipSettled()


def test_a_gateway_that_drains_keeps_its_eip_until_the_route_has_left() -> None:
    """Make before break: first it is seen whether the EIP can follow, then the route moves, and the EIP after it."""
    tried = decision(world(a=spot(), eip=eip(A)), FOLLOW)
    assert (type(tried.steps[0]), type(tried.eip)) == (Await, EipTry)
    moving = decision(world(a=spot(), eip=eip(A), bindable=frozenset({B})), FOLLOW)
    assert (type(moving.steps[0]), moving.eip) == (Move, EipSettled())
    under_way = world(on=entry(B, status=EntryStatus.MODIFYING), a=spot(), eip=eip(A), moved={ROUTE: hop(B)})
    assert decision(under_way, FOLLOW).eip == EipSettled()
    assert isinstance(decision(world(on=B, a=spot(), eip=eip(A), moved={ROUTE: hop(B)}), FOLLOW).eip, EipUnassociate)
    stays = decision(world(a=spot(), b="Stopped", eip=eip(A)), FOLLOW)
    assert (type(stays.steps[0]), stays.eip) == (Hold, EipSettled())


def test_a_gateway_that_drains_gets_a_lost_eip_back_when_nothing_better_is_there() -> None:
    """The route stays on it until the last moment, and leads nowhere without the EIP."""
    found = decision(world(a=spot(), b="Stopped", eip=eip(None)), FOLLOW)
    assert (type(found.steps[0]), type(found.eip)) == (Hold, EipAssociate)


def test_the_eip_waits_for_an_entry_that_others_are_changing() -> None:
    """The table may still show the next hop that it leaves."""
    assert step_for(eip(B), on=entry(A, status=EntryStatus.MODIFYING)) == EipSettled()


def test_the_eip_goes_on_while_our_own_change_of_the_entry_is_under_way() -> None:
    """This run knows where the route is going."""
    busy = entry(A, status=EntryStatus.MODIFYING)
    assert isinstance(step_for(eip(None), on=busy, moved={ROUTE: hop(B)}), EipAssociate)


def test_the_eip_goes_where_the_halves_of_a_bridge_lead() -> None:
    """They carry the traffic."""
    found = step_for(eip(None), on=RouteView(entry(A), (half(B, 0), half(B, 1))), a="Stopped")
    assert isinstance(found, EipAssociate)
    assert found.to == B


def test_the_eip_stays_where_it_is_while_the_fallback_has_the_route() -> None:
    """The managed gateway has addresses of its own."""
    found = decision(world(on=NAT, memory=moved(ago(60)), a="Stopped", b="Stopped", eip=eip(A)), WITH_FALLBACK)
    assert (type(found.steps[0]), found.eip) == (Keep, EipSettled())


@pytest.mark.parametrize("on", [STRANGER, entry(None), RouteView(None)])
def test_the_eip_is_not_brought_to_a_stranger(on: object) -> None:
    """Nor anywhere else while the route is not ours, or not there and cannot be created."""
    found = decision(world(on=on, a="Stopped", b="Stopped", eip=eip(A)), FOLLOW)  # type: ignore[arg-type]
    assert found.eip == EipSettled()


def test_with_several_tables_the_first_that_is_on_a_gateway_decides() -> None:
    """All of them have one home; a table that a person pointed to the fallback does not count."""
    policy = group(address=FOLLOWS, fallback=NAT, routes=(ROUTE, ELSEWHERE_WITHOUT_PREFERENCE))
    state = world(on=NAT, memory=moved(ago(60), "person"), eip=eip(A))
    state = replace(state, routes={**state.routes, ELSEWHERE_WITHOUT_PREFERENCE: RouteView(entry(B))})
    assert isinstance(decision(state, policy).eip, EipUnassociate)


ELSEWHERE_WITHOUT_PREFERENCE = type(ELSEWHERE)(table=ELSEWHERE.table)


# ---- pauses ----------------------------------------------------------------------------------------------


def test_a_pause_stops_the_eip_as_well() -> None:
    """A pause of the group: hands off."""
    paused = Memory(since=ago(60), paused_until=later(60))
    assert step_for(eip(B), memory=paused) == EipSettled()


def test_the_eip_is_left_alone_while_a_pause_is_being_written() -> None:
    """And is looked after again as soon as it is ended."""
    assert step_for(eip(B), wish=Pause(FOLLOW.name, minutes(60), "tests")) == EipSettled()
    assert isinstance(step_for(eip(B), wish=Resume(FOLLOW.name)), EipUnassociate)


def test_a_forced_switch_during_a_pause_brings_the_eip_along() -> None:
    """By the run that made it, or by the next within two minutes: a route without its address is of no use."""
    paused = Memory(since=NOON, by="person", paused_until=later(60))
    wish = Switch(FOLLOW.name, to=B, force=True)
    under_way = world(on=B, memory=paused, eip=eip(None), wish=wish, moved={ROUTE: hop(B)})
    assert isinstance(decision(under_way, FOLLOW).eip, EipAssociate)
    after_a_crash = world(on=B, memory=paused, eip=eip(None))
    assert isinstance(decision(after_a_crash, FOLLOW, later(1.9)).eip, EipAssociate)
    assert decision(after_a_crash, FOLLOW, later(2)).eip == EipSettled()


# ---- whole moves -----------------------------------------------------------------------------------------


def following(*, refuses: bool = False) -> Land:
    """Three gateways, an EIP on the first, which has stopped."""
    policy = group(A, B, C, address=FOLLOWS)
    return Land(
        policy=policy,
        sights={A: gateway("Stopped"), B: gateway(), C: gateway()},
        tables={ROUTE: {ROUTE.destination: entry(A)}},
        now=NOON,
        works=frozenset({B, C}),
        eip=eip(A),
        fallback=NatGateway(NAT, available=False),
        refuses=refuses,
    )


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("writes", range(12))
def test_a_move_that_dies_anywhere_ends_with_route_and_eip_together(writes: int, refuses: bool) -> None:  # noqa: FBT001
    """Rule 8, in place and by a bridge."""
    land = following(refuses=refuses)
    try:
        land.run(writes=writes)
    except Killed:
        land.run()
    assert (land.carries(ROUTE), land.bare) == (hop(B), [])
    assert land.eip == eip(B)


@pytest.mark.parametrize(
    "address, step",
    [
        (eip(None), EipAssociate),
        (eip(B), EipUnassociate),
        (eip(A, EipStatus.ASSOCIATING), EipAwait),
        (eip(A), EipSettled),
    ],
)
def test_a_return_from_a_fallback_that_works_waits_for_the_eip(address: Eip, step: type[EipStep]) -> None:
    """Make before break: the fallback carries the route until the EIP is on the gateway, however long that takes."""
    found = decision(world(on=NAT, memory=moved(ago(60)), eip=address), WITH_FALLBACK)
    assert (type(found.steps[0]), type(found.eip)) == (Move if step is EipSettled else Await, step)


def test_nothing_returns_from_a_fallback_while_the_eip_is_a_strangers() -> None:
    """No gateway is fit without it, and it is left alone."""
    found = decision(world(on=NAT, memory=moved(ago(60)), eip=eip(STRANGER)), WITH_FALLBACK)
    assert isinstance(found.steps[0], Keep)
    assert "no gateway to return to: i-gwa cannot have the EIP, which someone else bound to" in found.steps[0].reason
    assert isinstance(found.eip, EipSettled)


def test_a_fallback_that_fails_is_left_at_once() -> None:
    """Private hosts have no internet there, so the route and the EIP go together."""
    found = decision(world(on=NAT, memory=moved(ago(60)), eip=eip(None), nat=False), WITH_FALLBACK)
    assert (type(found.steps[0]), type(found.eip)) == (Move, EipAssociate)


def test_a_person_who_leaves_the_fallback_does_not_wait() -> None:
    """What a person asks for is done at once."""
    found = decision(
        world(on=NAT, memory=moved(ago(60)), eip=eip(None), wish=Switch(WITH_FALLBACK.name)), WITH_FALLBACK
    )
    assert (type(found.steps[0]), type(found.eip)) == (Move, EipAssociate)


def test_a_candidate_that_does_not_work_passes_the_eip_on() -> None:
    """Route and EIP go on to the next one together."""
    land = following()
    land.works = frozenset({C})
    land.run()
    assert (land.carries(ROUTE), land.eip) == (hop(C), eip(C))


def test_the_land_knows_lost_from_seen() -> None:
    """The stand-in below these tests answers looks by the truth."""
    land = following()
    assert isinstance(land._check(NextHop.gateway(A)), EgressLost)
