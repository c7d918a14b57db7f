"""Branches that a whole decision seldom takes, each asked by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from natkeeper.domain.backoff import waits
from natkeeper.domain.config import Route
from natkeeper.domain.context import RouteContext
from natkeeper.domain.coupling import after_eip, reunited
from natkeeper.domain.decision import Bridge, EipHold, Hold, Keep, Move, Refuse
from natkeeper.domain.health import Unhealthy, Unknown
from natkeeper.domain.ids import GroupName
from natkeeper.domain.memory import NOTHING, Memory
from natkeeper.domain.observed import NatGateway
from natkeeper.domain.refusals import Deed, Refusal
from natkeeper.domain.selection import _last_hopes
from natkeeper.domain.signals import Pause
from tests.deciding.worlds import (
    ELSEWHERE,
    FOLLOWS,
    NAT,
    NOON,
    ROUTE,
    STRANGER,
    A,
    B,
    ago,
    decision,
    eip,
    gateway,
    group,
    hop,
    later,
    moved,
    world,
)

TWO_TABLES = group(routes=(ROUTE, ELSEWHERE))


@pytest.mark.parametrize(
    "nat, health",
    [
        (NatGateway(NAT, available=True, locked="FinancialLocked"), Unhealthy("is locked: FinancialLocked")),
        (NatGateway(NAT, available=False, changing="Modifying"), Unknown("is Modifying")),
        (NatGateway(NAT, available=False), Unhealthy("is not available")),
    ],
)
def test_a_nat_gateway_that_is_changed_is_unknown_and_one_that_is_locked_is_not_used(
    nat: NatGateway, health: object
) -> None:
    """Whether packets pass while it is changed is not published."""
    assert replace(world(), fallback=nat).health(hop(NAT), group(fallback=NAT)) == health


def test_a_fallback_is_no_news_within_a_pause() -> None:
    """Only a gateway can have been started anew since the last round."""
    memory = Memory(rounds=1, round_at=ago(10))
    here = RouteContext(ROUTE, world(b=gateway(started=ago(5))), group(fallback=NAT), NOON, memory)
    assert waits(here, hop(A), hop(NAT)) == later(50)
    assert waits(here, hop(A), hop(B)) is None


def test_a_route_stays_with_the_eip_that_cannot_follow_it() -> None:
    """A working gateway that keeps the EIP keeps the route; without an EIP there, the route moves."""
    step = Move(ROUTE, hop(B), "a person wants it", NOTHING, hop(A))
    refused, policy = EipHold("the EIP cannot follow"), group(address=FOLLOWS)
    (held,) = after_eip((step,), refused, world(eip=eip(A)), policy)
    assert held == Hold(ROUTE, "a person wants it; it stays there: the EIP cannot follow")
    assert after_eip((step,), refused, world(eip=eip(None)), policy) == (step,)
    assert after_eip((step,), refused, world(eip=eip(A), bindable=frozenset({B})), policy) == (step,)


@pytest.mark.parametrize("in_place, kind", [(True, Move), (False, Bridge)])
def test_a_route_that_was_parted_from_the_eip_comes_back_as_the_platform_allows(in_place: bool, kind: type) -> None:  # noqa: FBT001
    """In place, or over parts where the entry cannot be changed."""
    refused = frozenset[object]() if in_place else frozenset({ROUTE})
    seen = world(B, moved(ago(5)), b=gateway(public_ip=None), elsewhere=A, eip=eip(A), not_in_place=refused)
    other = Route(table=ELSEWHERE.table)
    seen = replace(seen, routes={ROUTE: seen.routes[ROUTE], other: seen.routes[ELSEWHERE]})
    steps = Keep(ROUTE, "it works", hop(B)), Keep(other, "it works", hop(A))
    policy = group(routes=(ROUTE, other), address=FOLLOWS)
    back, stays = reunited(steps, seen, policy, NOON)
    assert isinstance(back, kind)
    assert (getattr(back, "to", None), stays) == (hop(A), steps[1])


def test_what_cannot_have_the_eip_is_no_last_hope() -> None:
    """It would carry the route without a public address."""
    policy = group(address=FOLLOWS)
    refused = (Refusal(Deed.GIVE, "no", None, B),)
    hopes = [
        list(
            _last_hopes(
                RouteContext(ROUTE, world(a="Stopped", eip=eip(None), refusals=known), policy, NOON, NOTHING), hop(A)
            )
        )
        for known in ((), refused)
    ]
    assert hopes == [[hop(B)], []]


def test_a_pause_is_refused_where_no_entry_can_remember_it() -> None:
    """One route is someone else's, and the other has no entry."""
    asked = world(STRANGER, elsewhere=None, wish=Pause(GroupName("prod"), timedelta(hours=1), "tests"))
    first, _ = decision(asked, TWO_TABLES).steps
    assert isinstance(first, Refuse)
    assert "no entry can remember a pause" in first.reason
