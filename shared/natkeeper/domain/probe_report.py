"""When the probe's report is evidence against the gateway that carries its route now, and when it is old news."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow
from natkeeper.domain.egress import EgressLost
from natkeeper.domain.observed import Eip, EipStatus, EntryStatus, HopKind, NextHop
from natkeeper.domain.world import RouteView, belongs

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.signals import ProbeReport
    from natkeeper.domain.world import World

FRESH = timedelta(minutes=2)
"""How old a report may be; the function may have been busy or throttled meanwhile."""
PROMPT = timedelta(seconds=1.5)
"""How long after its last check a report is as good as one; an older one calls for a new check: things were mended."""
AFTER_MOVE = timedelta(seconds=30)
"""How long after a move the probe may still be telling of the way there: then a check decides, not the report."""


def watched(policy: Group, function: str | None = None) -> Route:
    """Return the route that the packets of the probe `function` take.

    A function that is not named or not known is taken for `probe.function`, and that for the first probe there is.
    """
    table = policy.probes.get(function or "") or next(iter(policy.probes.values()), None)
    return next((route for route in policy.routes if route.table == table), policy.routes[0])


def judge_report(world: World, policy: Group, report: ProbeReport, now: datetime) -> tuple[NextHop, EgressLost] | str:
    """Say which next hop the report speaks against, or why it speaks against none."""
    view = world.routes[watched(policy, report.function)]
    entry = view.whole if isinstance(view, RouteView) else None
    hop = None if entry is None else entry.next_hop
    if entry is None or hop is None or not _ours(world, policy, hop):
        return "the probe lost the internet, but its route is not on a next hop of ours"
    if now - report.since > FRESH:
        return f"the probe's report is of {report.since:%H:%M:%S} UTC, which is too old to act on"
    since = view.remembered.since if isinstance(view, RouteView) else None
    if since is not None and report.since - since < AFTER_MOVE:
        return "the probe's report tells of the time of the last move, not of the gateway that has the route now"
    if entry.status is not EntryStatus.AVAILABLE:
        return f"the probe lost the internet while the route entry is {entry.status.value}"
    if isinstance(policy.address, Follow) and not _at(world, hop):
        return "the probe lost the internet because the EIP is not on the gateway that has the route"
    return hop, EgressLost(now, f"the probe's {report.failures} checks in a row failed: {report.reason}".rstrip(": "))


def worth_a_check(world: World, policy: Group, report: ProbeReport) -> NextHop | None:
    """Return the next hop that the packets of the probe that reported take now, if it is ours and at rest.

    A report that is too old to act on, by a clock that may be apart, is still a reason for a check: nothing else sees
    a gateway that hangs.
    """
    view = world.routes[watched(policy, report.function)]
    entry = view.whole if isinstance(view, RouteView) else None
    hop = None if entry is None else entry.next_hop
    if entry is None or hop is None or not _ours(world, policy, hop) or entry.status is not EntryStatus.AVAILABLE:
        return None
    return hop if not isinstance(policy.address, Follow) or _at(world, hop) else None


def _ours(world: World, policy: Group, hop: NextHop) -> bool:
    """Return True if `hop` is the group's, or was until its configuration changed."""
    return belongs(hop, policy) or (hop.kind is HopKind.INSTANCE and hop.id in world.former)


def _at(world: World, hop: NextHop) -> bool:
    """Return True if the EIP that follows the route is on `hop`, or `hop` is a managed NAT Gateway, with its own."""
    eip = world.eip
    if hop.kind is not HopKind.INSTANCE:
        return True
    return isinstance(eip, Eip) and eip.status is EipStatus.IN_USE and eip.holder == hop.id
