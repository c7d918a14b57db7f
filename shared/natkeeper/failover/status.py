"""What a person wants to see of a group, as one JSON object: the receipt of a read-only run carries it.

    {"gateways": [{"id", "name", "zone", "health", "reason", "until", "public_ip", "unfit", "cold", "found",
                   "evidence", "held_until"}],
     "fallback": {"id", "health", "reason"},
     "routes": [{"table", "destination", "next_hop", "state", "home", "since", "by", "why", "note", "found"}],
     "eip": {"id", "address", "state", "holder"}, "paused_until"}

`evidence` is what the receipt says of a next hop under that name (domain/evidence.py). `health` is one of healthy,
draining, unhealthy, unknown; `cold` is true of a stopped gateway that natkeeper would start, `found` of what the
configuration does not list, `held_until` of a gateway that a setup found well after it had failed; times are RFC 3339
in UTC; what is not there is left out.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from natkeeper.domain import evidence
from natkeeper.domain.health import Draining, Health, Healthy, Unhealthy
from natkeeper.domain.ids import NatGatewayId
from natkeeper.domain.marks import with_marks
from natkeeper.domain.memory import is_ours
from natkeeper.domain.observed import Instance, NextHop, PowerState, Unseen
from natkeeper.domain.selection import cold_standbys
from natkeeper.domain.world import RouteView, World

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route

Json = dict[str, Any]

_MACHINE = re.compile(r"\[nk\d[^\]]*\]")
_OF_A_MOVE = re.compile(r"((?:i|ngw)-\S+) since (\S+Z): ")


def view(world: World, policy: Group, now: datetime) -> Json:
    """Describe the group as it is seen at `now`, with the marks that the routes remember: decisions rest on them."""
    world, fallback = with_marks(world, now), policy.fallback
    full: Json = {
        "gateways": [_gateway(world, policy, NextHop.gateway(gateway)) for gateway in policy.gateways],
        "fallback": None if fallback is None else _hop(world, policy, NextHop.nat_gateway(NatGatewayId(fallback))),
        "routes": [_route(world, policy, route) for route in policy.routes],
        "eip": _eip(world),
        "lane": _lane(world, policy),
        "paused_until": _moment(world.paused_until(now)),
    }
    return _without_gaps(full)


def reason_of(description: str) -> str:
    """Return the sentence that natkeeper wrote into a route entry's description; empty where it is not ours.

    Where to and since when, which stand before the reason of a move, are shown beside it anyway.
    """
    if not is_ours(description):
        return ""
    return _OF_A_MOVE.sub("", _sentence(description), count=1)


def is_of_a_move(description: str) -> bool:
    """Return True if the sentence gives the reason of a move, and not a pause or a remark that was noted later."""
    return is_ours(description) and _OF_A_MOVE.match(_sentence(description)) is not None


def _sentence(description: str) -> str:
    return _MACHINE.sub("", description).removeprefix("natkeeper:").strip()


def _gateway(world: World, policy: Group, hop: NextHop) -> Json:
    sight = next(sight for gateway, sight in world.gateways.items() if gateway == hop.id)
    about: Json = {}
    if isinstance(sight.instance, Instance):
        about = {"name": sight.instance.name, "zone": sight.instance.zone, "public_ip": sight.instance.public_ip}
        about["unread"] = "no more than its power state can be read" if sight.instance.unread else None
    unfit = world.unfit(hop, policy)
    shown = evidence.of_hop(world, policy, hop).as_json()
    off = isinstance(sight.instance, Instance) and sight.instance.status is not PowerState.RUNNING
    figures = None if sight.figures is None or off else asdict(sight.figures)
    seen = {**_hop(world, policy, hop), **about, "unfit": unfit, "evidence": shown, "figures": figures}
    cold, found = hop in cold_standbys(world, policy), bool(policy.tag)
    return _without_gaps(
        {**seen, "cold": cold or None, "found": found or None, "held_until": _moment(sight.held_until)}
    )


def _hop(world: World, policy: Group, hop: NextHop) -> Json:
    health = world.health(hop, policy)
    reason = "" if isinstance(health, Healthy) else health.reason
    until = health.until if isinstance(health, Draining) else None
    return _without_gaps({"id": hop.id, "health": _word(health), "reason": reason, "until": _moment(until)})


def _word(health: Health) -> str:
    match health:
        case Healthy():
            return "healthy"
        case Draining():
            return "draining"
        case Unhealthy():
            return "unhealthy"
        case _:
            return "unknown"


def _route(world: World, policy: Group, route: Route) -> Json:
    about: Json = {"table": route.table, "destination": route.destination, "home": policy.home(route)}
    about |= {"found": True} if policy.finds_routes else {}
    seen = world.routes[route]
    if not isinstance(seen, RouteView):
        return {**about, "state": "unknown", "reason": seen.reason}
    entry = seen.whole or next(iter(seen.bridge), None)
    if entry is None:
        return {**about, "state": "missing"}
    memory, carries = seen.remembered, seen.carries
    return _without_gaps(
        {
            **about,
            "next_hop": None if carries is None else str(carries),
            "state": "bridged" if seen.bridge else entry.status.value.lower(),
            "since": _moment(memory.since),
            "by": memory.by,
            "why" if is_of_a_move(entry.description) else "note": reason_of(entry.description),
        }
    )


def _eip(world: World) -> Json | None:
    if world.eip is None:
        return None
    if isinstance(world.eip, Unseen):
        return {"state": "unknown", "reason": world.eip.reason}
    eip = world.eip
    return _without_gaps({"id": eip.id, "address": eip.address, "state": eip.status.value, "holder": eip.holder})


def _lane(world: World, policy: Group) -> Json | None:
    """Show where the lane leads; `next_hop` and `since` are there only while it is natkeeper's and at rest."""
    if policy.lane is None:
        return None
    from natkeeper.domain import lane  # most groups have none

    led = lane.leads_to(world, policy)
    about: Json = {"target": policy.probe.lane, "table": policy.lane.table}
    return about if led is None else {**about, "next_hop": str(led[0]), "since": _moment(led[1])}


def _moment(when: datetime | None) -> str | None:
    return None if when is None else f"{when:%Y-%m-%dT%H:%M:%SZ}"


def _without_gaps(full: Json) -> Json:
    return {key: value for key, value in full.items() if value not in (None, "")}
