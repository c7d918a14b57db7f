"""What natkeeper does in its life, played on a platform that is one of the ways it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.policy.estate import FLOWS as KEEPING
from tests.policy.estate import Estate, estate

Flow = Callable[[Estate], None]


def remembers_a_pause(place: Estate) -> None:
    """Paused: a gateway that stops moves nothing, unless nothing can be remembered; resumed: the route moves."""
    receipt = place.run({"action": "pause", "group": "bare", "for": "2h", "why": "testing"})
    if receipt["outcome"] == "refused":
        return  # said beforehand: nothing would remember it
    place.stop("c")
    place.run({"action": "sweep", "group": "bare"})
    assert place.hop("bare") in (place.ids["c"], ""), "moved while paused"
    place.run({"action": "resume", "group": "bare"})
    place.let_pass(30)
    place.run({"action": "sweep", "group": "bare"})
    assert place.hop("bare") == place.ids["d"], "not moved after the pause"


def moves_there_and_back(place: Estate) -> None:
    """Two switches by a person, the second one home."""
    for wanted in ("d", "c"):
        receipt = place.run({"action": "switch", "group": "bare", "to": place.ids[wanted], "force": True})
        for _ in range(4):
            place.let_pass(15)
            place.run({"action": "sweep", "group": "bare"})
        assert place.hop("bare") == place.ids[wanted], receipt


def leaves_a_gateway_that_stops_by_itself(place: Estate) -> None:
    """The group without EIP and fallback: its one standby carries on."""
    place.stop("c")
    receipt = place.run({"action": "sweep", "group": "bare"})
    for _ in range(3):
        place.let_pass(15)
        receipt = place.run({"action": "sweep", "group": "bare"})
    assert place.hop("bare") == place.ids["d"], receipt


FLOWS: tuple[Flow, ...] = (
    *KEEPING,
    remembers_a_pause,
    moves_there_and_back,
    leaves_a_gateway_that_stops_by_itself,
)


def problem(flow: Flow, readings: Mapping[str, str]) -> str:
    """Play one flow in an estate of its own; what was not good, or nothing."""
    with estate(readings=readings) as place:
        try:
            flow(place)
        except AssertionError as error:
            return str(error)[:400] or "not as wanted"
    return ""
