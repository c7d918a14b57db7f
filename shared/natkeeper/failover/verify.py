"""Seeing that egress works through a next hop (rule 7): by the probe, or by Cloud Assistant on the gateway.

A route entry that reads back Available says nothing of when the data plane follows, so a check that fails right after
a move is taken again for some seconds before it counts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.egress import Egress, EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import HopKind, NextHop, Unseen
from natkeeper.domain.world import RouteView
from natkeeper.ports import CheckThroughProbe, Clock, Failure, ReadGatewayCheck, Run, StartGatewayCheck, Wait, ask

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.decision import Verify
    from natkeeper.domain.world import World

PATIENCE = timedelta(seconds=5)
"""How long checks may fail after a move before the next hop counts as bad."""
AGAIN_S = 0.5
ASSISTANT_WITHIN = timedelta(seconds=15)
"""How long a check by Cloud Assistant may take; the agent polls, so it is slower than the probe."""


def way_to(step: Verify, world: World, policy: Group) -> Route:
    """Name the route to check: one that a probe takes to the same hop, for it sees more than the hop does.

    Not one whose old entry is still there beside its bridge: half of the internet may take it.
    """
    if policy.checked_by_probe(step.route):
        return step.route
    views = ((route, view) for route, view in world.routes.items() if policy.checked_by_probe(route))
    told = ((route, view) for route, view in views if isinstance(view, RouteView))
    whole = ((route, view.carries) for route, view in told if not view.bridge or view.whole is None)
    same = (route for route, carries in whole if carries == step.hop)
    return next(same, step.route)


def check_egress(
    policy: Group,
    route: Route,
    hop: NextHop,
    others: frozenset[str],
    clock: Clock,
    deadline: datetime,
    patience: timedelta = PATIENCE,
) -> Run[Egress | Unseen]:
    """Check egress through `hop` until the internet is seen, or patience or the deadline ends.

    `others` are public addresses of other gateways: a check that the internet saw from one of them went by a way that
    the route has left, and proves nothing about `hop`.
    """
    no_probe, probe = "", policy.probe_of(route)
    if probe is not None:
        until = min(clock() + patience, deadline)
        seen = yield from _through_probe(probe, others, clock, until)
        if not isinstance(seen, Unseen):
            return seen
        no_probe = seen.reason
    if hop.kind is HopKind.INSTANCE:
        found = yield from _on_gateway(policy, InstanceId(hop.id), clock, deadline)
        match found:
            case EgressSeen():
                return replace(found, because=no_probe)
            case Unseen(reason=reason) if no_probe:
                return Unseen(f"{no_probe}; {reason}")
        return found
    return Unseen(no_probe or f"no probe takes {route}, so egress through {hop} cannot be seen")


def _through_probe(function: str, others: frozenset[str], clock: Clock, until: datetime) -> Run[Egress | Unseen]:
    while True:
        answer = yield from ask(CheckThroughProbe(function))
        if isinstance(answer, Failure):
            return Unseen(f"the probe could not be asked: {answer}")
        elsewhere = isinstance(answer, EgressSeen) and answer.public_ip in others
        if clock() + timedelta(seconds=AGAIN_S) >= until:
            return Unseen("packets still take the way that the route has left") if elsewhere else answer
        if isinstance(answer, EgressSeen) and not elsewhere:
            return answer
        yield from ask(Wait(AGAIN_S))


def _on_gateway(policy: Group, gateway: InstanceId, clock: Clock, deadline: datetime) -> Run[Egress | Unseen]:
    if clock() >= deadline:
        return Unseen(f"there was no time left for a check on {gateway}")
    started = yield from ask(StartGatewayCheck(gateway, policy.probe.targets, policy.probe.check_s))
    if isinstance(started, Failure):
        return Unseen(f"Cloud Assistant could not look on {gateway}: {started}")
    until = min(clock() + ASSISTANT_WITHIN, deadline)
    while clock() < until:
        answer = yield from ask(ReadGatewayCheck(started))
        if isinstance(answer, Failure):
            return Unseen(f"the check on {gateway} could not be read: {answer}")
        if isinstance(answer, (EgressSeen, EgressLost)):
            return replace(answer, kind=EvidenceKind.GATEWAY_ITSELF)
        yield from ask(Wait(AGAIN_S))
    return Unseen(f"the check on {gateway} took too long")
