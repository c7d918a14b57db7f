"""What natkeeper does in its life, played on a platform that is one of the ways it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from natkeeper.alibaba.credentials import Credentials
from natkeeper.cli.client import RegionClients
from natkeeper.cli.doctor.facts import ground
from natkeeper.cli.doctor.findings import Level
from natkeeper.cli.doctor.routes import routes
from tests.policy.estate import FLOWS as KEEPING
from tests.policy.estate import (
    Estate,
    estate,
    falls_back_to_the_managed_gateway,
    moves_a_route_and_its_eip,
    replaces_what_cannot_be_changed_in_place,
)

Flow = Callable[[Estate], None]
_GROUP: Mapping[Flow, str] = {falls_back_to_the_managed_gateway: "full", moves_a_route_and_its_eip: "full"}
"""The group that a flow is about, where it is not the bare one."""


def remembers_a_pause(place: Estate) -> None:
    """Paused: a gateway that stops moves nothing, unless nothing can be remembered; resumed: the route moves.

    A pause is remembered in the entry. Where the platform takes no words, the person is told so at once. Where it drops
    the entry of a stopped next hop, the pause goes with it, and the missing entry is created to a gateway that lives.
    """
    receipt = place.run({"action": "pause", "group": "bare", "for": "2h", "why": "testing"})
    if "words refused" in str(receipt.get("problems")):
        assert receipt["outcome"] in ("attention", "refused"), receipt
        return
    place.stop("c")
    place.run({"action": "sweep", "group": "bare"})
    if place.cloud.readings.is_("route-stopped-hop", "vanishes"):
        assert place.hop("bare") in (place.ids["d"], ""), "an entry to a stopped gateway was created"
        return
    assert place.hop("bare") == place.ids["c"], "moved while paused"
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
    """Play one flow in an estate of its own; what was not good and not refused beforehand, or nothing."""
    with estate(readings=readings) as place:
        try:
            flow(place)
        except AssertionError as error:
            found = str(error)[:400] or "not as wanted"
            return "" if refused_beforehand(flow, readings) else found
    return ""


def refused_beforehand(flow: Flow, readings: Mapping[str, str]) -> bool:
    """Ask whether the doctor, looked at before anything happened, says that this cannot work and what to do."""
    with estate(readings=readings) as place:
        if flow is replaces_what_cannot_be_changed_in_place:
            place.cloud.vpc.routing.refused_in_place["*"] = "UnsupportedFeature.ModifyRouteEntryNextHop"
        return not_replaceable(place, _GROUP.get(flow, "bare"))


def not_replaceable(place: Estate, name: str) -> bool:
    """Ask whether the doctor says that a route of a group cannot be moved, and what to do."""
    key = place.cloud.accounts.create_access_key()
    reach = RegionClients(
        place.cloud.region,
        lambda: Credentials(key.access_key_id, key.access_key_secret, ""),
        place.cloud.endpoint,
    )
    group = next(each for each in place.config.groups if each.name == name)
    found = [finding for finding in routes(group, ground(reach, group)) if finding.level is Level.WRONG]
    return any("dry run" in finding.about and finding.do for finding in found)
