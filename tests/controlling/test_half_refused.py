"""The platform does not take a half of the world as a destination: an entry is bridged by finer parts then."""

from __future__ import annotations

from typing import Any

from natkeeper.ports import CreateRoute
from tests.controlling.refusing import refuse
from tests.fakes.stage import FALLBACK, A, Stage, group

LOWER = "0.0.0.0/1"
FINER = ("1.0.0.0/8", "2.0.0.0/7", "4.0.0.0/6", "8.0.0.0/5", "16.0.0.0/4", "32.0.0.0/3", "64.0.0.0/2")


def is_lower(call: Any) -> bool:
    return bool(call.destination == LOWER)


def test_where_a_half_is_refused_finer_parts_lead_around_it() -> None:
    """After one refusal, in the same run; in the end the entry leads to the fallback and nothing is left beside it."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.in_place = lambda old, new: old.kind is new.kind
    refuse(stage, CreateRoute, ("InvalidDestinationCidrBlock", 400), where=is_lower)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    sent = [entry.call.destination for entry in stage.cloud.sent(CreateRoute)]
    assert (sent.count(LOWER), {*FINER} <= {*sent}) == (1, True)
    assert receipt.outcome == "waiting"
    stage.sweeps(5)
    assert stage.next_hop() == FALLBACK
    stage.whole()
