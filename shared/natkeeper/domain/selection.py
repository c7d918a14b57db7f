"""Which next hop is best for a route now: the order in which natkeeper wants them, and why the others will not do."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.evidence import carrying
from natkeeper.domain.health import Draining, Healthy, Unhealthy, did_not_work
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import without_checks, without_mark
from natkeeper.domain.observed import Instance, NextHop, PowerState
from natkeeper.domain.world import hops_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from natkeeper.domain.config import Group
    from natkeeper.domain.context import RouteContext
    from natkeeper.domain.world import World

MUCH_LATER = timedelta(minutes=30)
"""By how much a draining gateway must outlast what is left for it to be worth a move."""

PROVEN_WITHIN = timedelta(minutes=4)
"""For how long a cold standby that natkeeper started has to show that it forwards before it replaces a next hop that
runs. After that a try is better than waiting."""

TRY_AGAIN = timedelta(minutes=10)
"""How long after it was seen to be bad a next hop is tried again by a route that leads nowhere anyway."""


def best(here: RouteContext, leaving: NextHop | None) -> NextHop | str:
    """Choose where to go at once from a next hop that is dead or missing, or say why there is nowhere.

    Healthy gateways in the route's order, draining ones that have long to go, the fallback, and then draining ones
    that are about to go. Where what we leave is certainly dead, even what may not work is no worse: last of all a
    gateway that runs and is only marked, or not ready. Where it only lost the internet, a mark of some age is no worse.
    """
    lasting = (hop for hop in _draining(here, leaving) if _outlasts(here, hop, None))
    hopes = _last_hopes(here, leaving) if certainly_dead(here, leaving) else _second_tries(here, leaving)
    tiers = ([*_fit(here, leaving), *lasting], _fallback(here, leaving), [*_draining(here, leaving), *hopes])
    return _first(here, leaving, *tiers)


def better(here: RouteContext, leaving: NextHop, drains: Draining, *, last_moment: bool) -> NextHop | str:
    """Choose where to go from a next hop that still works and drains, or say why it is better to stay.

    What works now is not left for what was once seen not to work.
    """
    lasting = (hop for hop in _draining(here, leaving) if _outlasts(here, hop, drains))
    tiers = ([*_fit(here, leaving), *lasting], _fallback(here, leaving) if last_moment else [])
    return _first(here, leaving, *([hop for hop in tier if here.world.open_mark(hop) is None] for tier in tiers))


def standby(here: RouteContext, leaving: NextHop | None) -> NextHop | str:
    """Choose where to go when nothing forces a move: an eligible gateway, or say why there is none."""
    choice = _try_next(here, [*_fit(here, leaving)])
    return choice or _why_none(here, [*_gateways(here, leaving)])


def standbys(world: World, policy: Group) -> tuple[NextHop, ...]:
    """List the next hops that carry nothing and could take a route now, in order of preference."""
    active = carrying(world, policy)
    return tuple(hop for hop in hops_of(policy) if hop not in active and world.ineligible(hop, policy) is None)


def cold_standbys(world: World, policy: Group) -> tuple[NextHop, ...]:
    """List the stopped gateways that natkeeper could start, in order of preference."""
    if policy.standby != "cold":
        return ()
    sights = ((gateway, world.gateways[gateway].instance) for gateway in policy.gateways)
    stopped = [g for g, i in sights if isinstance(i, Instance) and i.status is PowerState.STOPPED and not i.locks]
    return tuple(map(NextHop.gateway, stopped))


def left_words(left: tuple[NextHop, ...], stopped: tuple[NextHop, ...] = ()) -> str:
    """Say which standbys are left: those that could take a route now, and those that would have to be started."""
    if stopped:
        cold = f"{', '.join(map(str, stopped))} {'is' if len(stopped) == 1 else 'are'} stopped and would be started"
        return f"standbys left: {', '.join(map(str, left))}; {cold}" if left else cold
    if not left:
        return "no standby is left: the next failure is an outage"
    names = ", ".join(map(str, left))
    return f"{names} is the only standby left" if len(left) == 1 else f"standbys left: {names}"


def _first(here: RouteContext, leaving: NextHop | None, *tiers: list[NextHop]) -> NextHop | str:
    """Choose from the first tier that is not empty: a gateway that merely has to wait keeps the fallback away."""
    tier = next((tier for tier in tiers if tier), [])
    choice = _try_next(here, tier)
    return choice or _why_none(here, [*_gateways(here, leaving), *_fallbacks(here, leaving)])


def _try_next(here: RouteContext, tier: list[NextHop]) -> NextHop | None:
    """Choose whom the platform has not put off yet; when it has put off everybody, the order of preference holds."""
    put_off = {hop.id: here.waits_for(hop) for hop in tier}
    free = (hop for hop in tier if put_off[hop.id] is None)
    again = (hop for hop in tier if (refusal := put_off[hop.id]) is not None and not refusal.over)
    return next(chain(free, again), None)


def _why_none(here: RouteContext, hops: list[NextHop]) -> str:
    """Say of every one of `hops` why it will not do."""
    return ", ".join(f"{hop} {_problem(here, hop)}" for hop in hops) or "the group has no other gateway"


def _problem(here: RouteContext, hop: NextHop) -> str:
    open_mark, problem, put_off = here.world.open_mark(hop), here.ineligible(hop), here.waits_for(hop)
    if problem is None and _warms_up(here, hop):
        return f"was started at {here.world.woken[hop.id]:%H:%M:%S} UTC and is not set up and proven yet"
    if problem is None and put_off is not None:
        return f"did not get the route: {put_off.reason}"
    return problem or (did_not_work(open_mark) if open_mark is not None else "waits for the last moment")


def _gateways(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    return (hop for hop in map(NextHop.gateway, here.policy.order(here.route)) if hop != leaving)


def _fallbacks(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    fallback = here.policy.fallback
    return (hop for hop in map(NextHop.nat_gateway, [fallback] if fallback else []) if hop != leaving)


def _fit(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    """List the gateways that may take the route: proven ones first, then those that nothing proves or disproves.

    Last of all come those of which nothing shows a public address, and those that the platform refused a moment ago: a
    run that has time for one try makes it with another one.
    """
    fit = [hop for hop in _gateways(here, leaving) if here.ineligible(hop) is None]
    if here.world.woken and not certainly_dead(here, leaving):
        fit = [hop for hop in fit if not _warms_up(here, hop)]
    address, proof = here.world.hides_address, here.world.unproven
    refused = (each for each in here.world.so_far.refused_lately if each.table in (None, here.route.table))
    late = {refusal.hop for refusal in refused if not refusal.passing}
    return iter(sorted(fit, key=lambda hop: (hop.id in late, address(hop, here.policy), proof(hop))))


def _warms_up(here: RouteContext, hop: NextHop) -> bool:
    """Return True if natkeeper started `hop` a moment ago, and no setup has shown since that it forwards."""
    woken = here.world.woken.get(hop.id)
    if woken is None or here.policy.setup.mode == "off" or here.now - woken >= PROVEN_WITHIN:
        return False
    sight = here.world.gateways[InstanceId(hop.id)]
    set_up = sight.ready_at is not None and sight.ready_at > woken
    return not (set_up and isinstance(sight.proof, EgressSeen))


def _fallback(here: RouteContext, leaving: NextHop | None) -> list[NextHop]:
    return [hop for hop in _fallbacks(here, leaving) if here.ineligible(hop) is None]


def _draining(here: RouteContext, leaving: NextHop | None) -> list[NextHop]:
    """List the draining gateways against which nothing else speaks, the longest-lived first."""
    hops = [hop for hop in _gateways(here, leaving) if here.unfit(hop) is None]
    draining = [hop for hop in hops if isinstance(here.world.health(hop, here.policy), Draining)]
    return sorted(draining, key=lambda hop: _lasts_until(here, hop), reverse=True)


def _outlasts(here: RouteContext, hop: NextHop, drains: Draining | None) -> bool:
    """Return True if a draining standby has long enough to go to be worth a move."""
    left = here.now if drains is None or drains.until is None else drains.until
    return _lasts_until(here, hop) - left.timestamp() >= MUCH_LATER.total_seconds()


def _lasts_until(here: RouteContext, hop: NextHop) -> float:
    health = here.world.health(hop, here.policy)
    return health.until.timestamp() if isinstance(health, Draining) and health.until is not None else 0.0


def certainly_dead(here: RouteContext, leaving: NextHop | None) -> bool:
    """Return True if what we leave is missing, or dead by what ECS says and not only by what was seen of its egress."""
    if leaving is None:
        return True
    return isinstance(without_checks(here.world, leaving).health(leaving, here.policy), Unhealthy)


def _last_hopes(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    """List next hops that run and that nothing of this very run speaks against."""
    for hop in (*_gateways(here, leaving), *_fallbacks(here, leaving)):
        health = without_mark(here.world, hop).health(hop, here.policy)
        if not isinstance(health, (Healthy, Draining)) or here.world.refused(hop, here.route.table) is not None:
            continue
        if here.world.eip_refused(hop) is None:
            yield hop


def _second_tries(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    """List next hops that failed a while ago: worth a try where what we leave fails now, and the internet does not."""
    lost = leaving is not None and isinstance(here.world.egress(leaving), EgressLost)
    if not lost or not isinstance(here.world.internet, EgressSeen):
        return
    for hop in _last_hopes(here, leaving):
        open_mark = here.world.open_mark(hop)
        if here.unfit(hop) is None and open_mark is not None and here.now - open_mark >= TRY_AGAIN:
            yield hop
