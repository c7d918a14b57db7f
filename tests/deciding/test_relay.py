"""Which moves may wait until a relay is armed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from natkeeper.domain.config_values import Seconds
from natkeeper.domain.decision import Bridge, Create, Keep, Move, Step
from natkeeper.domain.health import Sight
from natkeeper.domain.memory import NOTHING
from natkeeper.domain.observed import Instance, NextHop
from natkeeper.domain.relay import Relay, relay_of
from tests.deciding.worlds import BLIND, NAT, ROUTE, STRANGER, A, B, gateway, group, hop, spot, world

RELAYED = group(relay=Seconds(600.0))


def with_address(sight: Sight, address: str = "10.0.0.11") -> Sight:
    """The same gateway, with a private address."""
    assert isinstance(sight.instance, Instance)
    return replace(sight, instance=replace(sight.instance, private_ip=address))


def move(left: str | None = A, to: str = B) -> Move:
    """A move of the route."""
    return Move(ROUTE, hop(to), "because", NOTHING, None if left is None else hop(left))


@pytest.mark.parametrize("sight", [gateway(), spot()])
@pytest.mark.parametrize(
    "step", [move(), Bridge(ROUTE, ("0.0.0.0/1",), NextHop.gateway(B), "because", NOTHING, hop(A))]
)
def test_what_leaves_a_gateway_that_still_works_waits(sight: Sight, step: Step) -> None:
    """Healthy or draining; in place or over halves."""
    assert relay_of(step, world(on=A, a=with_address(sight)), RELAYED) == Relay(B, A, "10.0.0.11")


@pytest.mark.parametrize(
    "step, more",
    [
        (Keep(ROUTE, "well", hop(A)), {}),
        (Create(ROUTE, hop(B), "missing", NOTHING), {}),
        (move(None), {}),
        (move(to=NAT), {}),
        (move(NAT), {}),
        (move(STRANGER), {}),
        (move(), {"a": gateway("Stopped")}),
        (move(), {"a": BLIND}),
        (move(), {"a": with_address(gateway(), "")}),
        (move(), {"a": with_address(gateway("Stopped"))}),
    ],
)
def test_nothing_else_waits(step: Step, more: dict[str, Any]) -> None:
    """What is dead, cannot be seen, is not of the group or runs no commands."""
    assert relay_of(step, world(on=A, **{"a": with_address(gateway()), **more}), RELAYED) is None


def test_without_the_key_nothing_waits() -> None:
    """It is off unless asked for."""
    assert relay_of(move(), world(on=A, a=with_address(gateway())), group()) is None
