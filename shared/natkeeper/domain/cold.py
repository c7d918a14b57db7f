"""Cold standbys (`standby: cold`): stopped gateways that natkeeper starts when a next hop is lost, and never stops.

One is started where nothing else of the group could carry the route. Once each while the trouble lasts: what was
started is remembered until it is stopped again and no route needs it. Pure: same world, same answer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain import selection
from natkeeper.domain.context import RouteContext
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.health import Healthy, Unhealthy, Unknown
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import with_marks
from natkeeper.domain.observed import HopKind, Instance, NextHop, PowerState
from natkeeper.domain.signals import Pause, Resume
from natkeeper.domain.world import RouteView, World, belongs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.health import Sight

SHOWS = timedelta(minutes=1)
"""How long an accepted start may take to show in DescribeInstances."""
BOOTS = timedelta(minutes=5)
"""How long a gateway may be starting before another one is started as well."""
AROUND = timedelta(minutes=2)
"""How far from a time at which the internet itself was seen to be away a loss says nothing of its gateway."""


def to_start(world: World, policy: Group, now: datetime) -> tuple[tuple[InstanceId, ...], str]:
    """List the gateways to be started, one of them, in the order in which they are tried; and say why.

    Usually there is none. Never while the group is paused, or while anything that could carry the route is unseen.
    """
    if policy.standby != "cold" or world.paused_until(now) is not None:
        return (), ""
    if isinstance(world.so_far.wish, (Pause, Resume)):
        return (), ""
    cold = selection.cold_standbys(world, policy)
    for here, why in _needs(with_marks(world, now), policy, now):
        if _coming(here.world, now):
            continue
        hop = _carries(here)
        order = [gateway for gateway in policy.order(here.route) if hop is None or gateway != hop.id]
        if hop is not None and hop.kind is HopKind.NAT_GATEWAY:
            order = [*order[1:], *order[:1]]  # what the route left for the fallback was its home, as a rule
        found = tuple(g for g in order if NextHop.gateway(g) in cold and g not in world.woken)
        if found:
            return found, why
    return (), ""


def still_woken(world: World, policy: Group, now: datetime) -> Mapping[str, datetime]:
    """Return what natkeeper started and is to be remembered: it is not stopped yet, or a route needs it still."""
    needed = any(True for _ in _needs(with_marks(world, now), policy, now))
    known = {gateway: at for gateway, at in world.woken.items() if gateway in world.gateways}
    return {g: at for g, at in known.items() if needed or not _is_over(world.gateways[InstanceId(g)], at, now)}


def running(world: World) -> Mapping[str, datetime]:
    """Return the gateways that natkeeper started and that may run still, with the time of each start."""
    sights = {gateway: world.gateways.get(InstanceId(gateway)) for gateway in world.woken}
    return {g: at for g, at in world.woken.items() if (s := sights[g]) is not None and not _is_over(s, at, world.at)}


def _is_over(sight: Sight, at: datetime, now: datetime) -> bool:
    """Return True if the gateway is stopped or gone, and not because its start does not show yet."""
    instance = sight.instance
    stopped = instance is None or (isinstance(instance, Instance) and instance.status is PowerState.STOPPED)
    return stopped and now - at >= SHOWS


def _needs(world: World, policy: Group, now: datetime) -> Iterator[tuple[RouteContext, str]]:
    """List the routes for which a standby has to be started, each with the reason."""
    for route, view in world.routes.items():
        if isinstance(view, RouteView):
            here = RouteContext(route, world, policy, now, view.remembered)
            why = _need(here, view)
            if why is not None:
                yield here, why


def _need(here: RouteContext, view: RouteView) -> str | None:
    """Say why no gateway that runs could carry the route, or return None."""
    world, hop = here.world, view.carries
    if hop is None and view.entries:
        return None  # several next hops: not natkeeper's
    if any(isinstance(world.health(each, here.policy), Unknown) for each in _gateways(here)):
        return None  # blind is not dead
    if hop is None:
        return _nobody(here, None, "the route entry is missing")
    if not belongs(hop, here.policy):
        return None
    health = world.health(hop, here.policy)
    if hop.kind is HopKind.NAT_GATEWAY and not isinstance(health, Unhealthy):
        return _on_fallback(here, hop)
    if not isinstance(health, Unhealthy):
        return None
    dead = selection.certainly_dead(here, hop)
    lost = world.lost(hop) is not None and isinstance(world.internet, EgressSeen)
    return _nobody(here, hop, f"{hop} {health.reason}") if dead or lost else None


def _nobody(here: RouteContext, hop: NextHop | None, why: str) -> str | None:
    # What says nothing of a gateway that runs is no reason to start another one: it would get the same answer.
    so_far = here.world.so_far
    about_hops = tuple(each for each in so_far.refusals if each.lasting and not each.passing)
    tried = replace(here, world=replace(here.world, so_far=replace(so_far, refusals=about_hops)))
    choice = selection.best(tried, hop)
    if isinstance(choice, NextHop) and choice.kind is HopKind.INSTANCE:
        return None
    return f"{why}, and no other gateway is fit"


def _on_fallback(here: RouteContext, hop: NextHop) -> str | None:
    """Say why a standby is to be started while the fallback carries the route: every gateway is down."""
    if here.memory.by == "person" or not isinstance(here.world.health(hop, here.policy), Healthy):
        return None  # a person wants it there; blind is not dead
    # The fallback works, so there is time: what failed while the internet itself was away may work as well.
    world = _without_doubtful_losses(here.world)
    health = {each: world.health(each, here.policy) for each in _gateways(here)}
    if not all(isinstance(each, Unhealthy) for each in health.values()):
        return None
    seen = isinstance(here.world.internet, EgressSeen) or isinstance(here.world.fallback_egress, EgressSeen)
    if not seen and not all(selection.certainly_dead(here, each) for each in health):
        return None
    return f"the fallback {hop} carries the route, and no gateway is fit"


def _without_doubtful_losses(world: World) -> World:
    """Imagine that no gateway failed before it started last, or while the internet itself was away."""
    offline = world.so_far.offline
    gateways = dict(world.gateways)
    for gateway, sight in world.gateways.items():
        started = sight.instance.started if isinstance(sight.instance, Instance) else None
        if sight.mark is not None and (_is_within(sight.mark, offline) or (started and started > sight.mark)):
            gateways[gateway] = replace(gateways[gateway], mark=None)
        if isinstance(sight.proof, EgressLost) and _is_within(sight.proof.at, offline):
            gateways[gateway] = replace(gateways[gateway], proof=None)
    return replace(world, gateways=gateways)


def _is_within(moment: datetime, offline: tuple[datetime, datetime] | None) -> bool:
    return offline is not None and offline[0] - AROUND <= moment <= offline[1] + AROUND


def _coming(world: World, now: datetime) -> bool:
    """Return True if a gateway is on its way: it boots, or natkeeper started it and that need not show yet."""
    for gateway, sight in world.gateways.items():
        status = sight.instance.status if isinstance(sight.instance, Instance) else None
        at = world.woken.get(gateway)
        if status in (PowerState.STARTING, PowerState.PENDING) and (at is None or now - at < BOOTS):
            return True
        if status is PowerState.STOPPED and at is not None and now - at < SHOWS:
            return True
    return False


def _gateways(here: RouteContext) -> tuple[NextHop, ...]:
    return tuple(map(NextHop.gateway, here.policy.gateways))


def _carries(here: RouteContext) -> NextHop | None:
    view = here.world.routes[here.route]
    return view.carries if isinstance(view, RouteView) else None
