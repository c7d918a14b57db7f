"""Which gateways a setup has to prove after a move: those that carry a route and were looked at by themselves only."""

from __future__ import annotations

import pytest

from natkeeper.domain.egress import EgressSeen, EvidenceKind
from natkeeper.domain.ids import InstanceId
from natkeeper.failover.proof import to_prove
from natkeeper.ports import SetupRun
from tests.deciding.worlds import NOON, A, B, ago, gateway, group, moved, world

BY_ITSELF = EgressSeen(NOON, "", EvidenceKind.GATEWAY_ITSELF)
BEHIND = EgressSeen(NOON, "", EvidenceKind.BEHIND_GATEWAY)


@pytest.mark.parametrize(
    "of, began, wanted",
    [
        (A, 1.0, False), (A, 2.0, False), (A, 2.1, True),  # minutes ago; the move was two ago
        (B, 1.0, True), (None, 1.0, True),
    ],
)  # fmt: skip
def test_a_setup_is_asked_for_once_after_a_move(of: InstanceId | None, began: float, *, wanted: bool) -> None:
    """One of another gateway, or from before the move, says nothing of the way that carries the route now."""
    there = world(memory=moved(ago(2)), a=gateway(egress=BY_ITSELF))
    runs = () if of is None else (SetupRun(of, ago(began), None),)
    assert to_prove(there, group(), runs) == ({A} if wanted else frozenset())
    assert to_prove(there, group(), None) == {A}


@pytest.mark.parametrize(
    "egress, wanted", [(BY_ITSELF, True), (BEHIND, False), (None, False)], ids=["itself", "behind", "not looked at"]
)
def test_what_was_seen_from_behind_or_not_looked_at_needs_none(egress: EgressSeen | None, *, wanted: bool) -> None:
    """Only a look from the gateway itself leaves open whether it forwards."""
    there = world(memory=moved(ago(2)), a=gateway(egress=egress))
    assert to_prove(there, group(), ()) == ({A} if wanted else frozenset())
