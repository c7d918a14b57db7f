"""What follows a move: it is verified, goes on to the next candidate, or waits for the internet itself."""

from __future__ import annotations

import pytest

from natkeeper.domain.decision import Hold, Keep, Move, Verify
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.health import Sight
from natkeeper.domain.world import World
from tests.deciding.test_order_of_preference import goes
from tests.deciding.worlds import (
    BLIND,
    NAT,
    NOON,
    ROUTE,
    A,
    B,
    C,
    ago,
    decision,
    gateway,
    group,
    hop,
    lost,
    marked,
    moved,
    step,
    unready,
    world,
)

THREE = group(A, B, C)
WITH_FALLBACK = group(fallback=NAT)


def test_a_move_is_verified_before_anything_else_is_said_of_it() -> None:
    """Rule 7: for two minutes after it, so that a run that died before looking is made up for."""
    fresh = world(on=B, memory=moved(ago(1.9)), a="Stopped")
    assert step(fresh) == Verify(ROUTE, hop(B), "seeing whether the internet is reached through i-gwb")
    assert not decision(fresh).settled
    assert isinstance(step(world(on=B, memory=moved(ago(2)), a="Stopped")), Keep)


def test_a_route_that_this_run_moved_is_verified_whatever_it_remembers() -> None:
    """The clock of the entry is not needed for that."""
    assert isinstance(step(world(on=B, moved={ROUTE: hop(B)})), Verify)


def test_a_move_that_verifies_is_done() -> None:
    """One look is enough."""
    seen_now = world(on=B, memory=moved(NOON), a="Stopped", b=gateway(egress=EgressSeen(NOON)))
    assert isinstance(step(seen_now), Keep)


def test_a_look_that_could_not_be_had_leaves_the_route_where_it_is() -> None:
    """Blind is not dead (rule 3)."""
    assert isinstance(step(world(on=B, memory=moved(NOON), b=gateway(egress=BLIND))), Keep)


def test_a_move_that_does_not_verify_goes_on_to_the_next_candidate() -> None:
    """And remembers that this one did not work."""
    found = step(world(on=B, memory=moved(NOON), a="Stopped", b=lost(), c="Running"), THREE)
    goes(C, found, because="i-gwb does not reach the internet: no answer")
    assert isinstance(found, Move)
    assert dict(found.memory.marks) == {B: NOON}


def _everything_lost(memory: object) -> World:
    return world(on=C, memory=memory, a=lost(), b=lost(), c=lost())  # type: ignore[arg-type]


def test_when_every_candidate_fails_alike_the_internet_is_what_is_broken() -> None:
    """Rule 7: hold, and say so."""
    found = step(_everything_lost(marked((C, NOON), since=NOON)), THREE)
    assert isinstance(found, Hold)
    assert found.reason.startswith("all paths fail the same way, so the internet itself is down: i-gwa ")


BROKEN = "all paths fail the same way, so the internet itself is down"
NO_WAY = "i-gwa does not reach the internet: no answer, and nothing better is there"


@pytest.mark.parametrize(
    "b, c, said",
    [
        (lost(), lost(), BROKEN),
        (lost(), "Stopped", BROKEN),
        ("Running", "Stopped", BROKEN),
        ("Stopped", "Stopped", NO_WAY),
        (lost(), unready(), NO_WAY),
        (lost(), gateway(public_ip=None), NO_WAY),
    ],
)
def test_only_gateways_that_run_are_witnesses_against_the_internet(b: Sight | str, c: Sight | str, said: str) -> None:
    """Lost, or marked; one that is stopped or not ready proves nothing, and with no other that runs nobody can tell."""
    found = step(world(memory=marked((A, NOON), (B, ago(5))), a=lost(), b=b, c=c), THREE)
    assert isinstance(found, Hold)
    assert found.reason.startswith(said)


def test_a_gateway_that_stopped_is_no_witness_either() -> None:
    """Why it carries nothing is known, whatever the others lost: a look at those may be wrong, and ECS is not."""
    goes(B, step(world(a="Stopped", b=lost())), because="i-gwa is Stopped")


def test_when_even_fc_does_not_reach_the_internet_nothing_is_moved() -> None:
    """A look that crosses no gateway failed too."""
    found = step(world(a=lost(), internet=EgressLost(NOON, "no answer")))
    assert found == Hold(
        ROUTE,
        "i-gwa does not reach the internet: no answer, "
        "and the internet does not answer FC either: moving does not help",
    )
    assert isinstance(step(world(a="Stopped", internet=EgressLost(NOON, "no answer"))), Move)
