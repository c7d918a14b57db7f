"""What a setup report shows of the way through its gateway: evidence from behind the gateway, or none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from natkeeper.domain.egress import Egress, EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.evidence import carrying, of_hop, probed
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.load import GatewayLoad
from natkeeper.domain.observed import HopKind, Instance, NextHop
from natkeeper.domain.world import RouteView

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.health import Sight
    from natkeeper.domain.world import World
    from natkeeper.guest.report import SetupReport
    from natkeeper.ports import SetupRun

_KIND = EvidenceKind.BEHIND_GATEWAY
NEWS = frozenset({"services_kept", "services_closed", "foreign_at_boot"})
"""Codes of notes that are told once: what a setup did for the owner, or found that comes back by itself."""
_KNOWN_OTHERWISE = frozenset({"connections_full", "ports_used_up", "not_tuned"})
"""Codes of notes that the figures tell better, and of settings that a container keeps read-only."""


def proof_of(report: SetupReport, sight: Sight, policy: Group, started: datetime, now: datetime) -> Egress | None:
    """Return what the run that began at `started` saw from behind the gateway, or None where it proves nothing now."""
    if not _holds_still(sight, policy, started, now):
        return None
    facts = report.facts
    if facts.forwarding == "proven":
        return EgressSeen(started, facts.public_ip or None, _KIND)
    if facts.forwarding == "refused":
        wrong = next((problem.message for problem in report.wrong if problem.code == "forwarding_refused"), "")
        return EgressLost(started, wrong or facts.forwarding_note or "a host behind it reached no target", _KIND)
    return None


def _holds_still(sight: Sight, policy: Group, started: datetime, now: datetime) -> bool:
    """Return True if what a setup run saw still holds: for as long as two of them should take to come round.

    And no longer than the machine runs: what was seen before its last start says nothing of what runs now.
    """
    if now - started > timedelta(seconds=2 * policy.setup.every):
        return False
    return not (isinstance(sight.instance, Instance) and sight.instance.started and sight.instance.started > started)


def figures_of(
    report: SetupReport, sight: Sight, policy: Group, started: datetime, now: datetime
) -> GatewayLoad | None:
    """Return how full the gateway was in the run that began at `started`, or None where that is not known now."""
    return load_of(report) if _holds_still(sight, policy, started, now) else None


def load_of(report: SetupReport) -> GatewayLoad | None:
    """Return how full the gateway was when it reported, or None where the report does not say."""
    if report.figures is None:
        return None
    try:
        return msgspec.convert(report.figures, GatewayLoad)
    except msgspec.ValidationError:
        return None  # a newer script may count otherwise


def incomplete_of(report: SetupReport) -> tuple[str, ...]:
    """Return what of the setup does not work although the gateway is fit to carry a route.

    The first gateway that is set up has a tunnel to others that have none yet: what changed something is not judged.
    """
    ignored = NEWS | _KNOWN_OTHERWISE | ({"tunnel_silent"} if report.changed else set())
    return tuple(note.message for note in report.notes if note.code not in ignored)


def checking_bad_reports(world: World, policy: Group) -> World:
    """Have each gateway checked first that carries a route and whose setup says that it is not ready.

    Where neither a probe nor a proof says more, a check on the gateway shows at least whether it reaches the internet.
    """
    bad = {
        hop.id
        for hop in carrying(world, policy)
        if hop.kind is HopKind.INSTANCE
        and world.gateways[InstanceId(hop.id)].unready is not None
        and world.gateways[InstanceId(hop.id)].proof is None
        and not probed(world, policy, hop)
    }
    if not bad:
        return world
    return replace(world, so_far=replace(world.so_far, to_check=world.so_far.to_check | bad))


def to_prove(world: World, policy: Group, runs: tuple[SetupRun, ...] | None) -> frozenset[InstanceId]:
    """Name the gateways that carry a route, were looked for in this run, and were not seen to forward.

    A check on the gateway itself says nothing of forwarding, so a setup has to show it, unless one that began after the
    move is under way or has said what it can.
    """
    return frozenset(
        InstanceId(hop.id)
        for hop in carrying(world, policy)
        if hop.kind is HopKind.INSTANCE
        and world.egress(hop) is not None
        and of_hop(world, policy, hop).found == "unproven"
        and not _asked_since_the_move(world, hop, runs or ())
    )


def _asked_since_the_move(world: World, hop: NextHop, runs: tuple[SetupRun, ...]) -> bool:
    views = (view for view in world.routes.values() if isinstance(view, RouteView) and view.carries == hop)
    moves = [since for view in views if (since := view.remembered.since) is not None]
    asked = [run.started for run in runs if run.gateway == hop.id]
    return bool(asked) and (not moves or max(asked) >= max(moves))
