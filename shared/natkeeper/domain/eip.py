"""One EIP that follows the route: it ends on the gateway that owns the route.

Its two moves (take it off, bind it) take seconds each, so a run starts one and looks again. They run beside the route
write where the route leaves a dead gateway. A gateway that works keeps its EIP until no route leads through it any
more (rule 11), and a gateway that cannot have the EIP is left again. natkeeper leaves an EIP that someone
else bound to a stranger alone, and reports it (rule 5).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow
from natkeeper.domain.decision import (
    Await,
    Bridge,
    Create,
    EipAssociate,
    EipAwait,
    EipHold,
    EipSettled,
    EipStep,
    EipTry,
    EipUnassociate,
    Hold,
    Move,
    Step,
)
from natkeeper.domain.egress import EgressLost
from natkeeper.domain.health import Draining, Healthy, Unhealthy, Unknown
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import without_checks
from natkeeper.domain.observed import Eip, EipStatus, EntryStatus, HopKind, Instance, NextHop, Unseen
from natkeeper.domain.refusals import Deed
from natkeeper.domain.signals import Pause
from natkeeper.domain.world import RouteView, belongs

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.ids import EipId
    from natkeeper.domain.world import World


TAKES = timedelta(seconds=6)
"""How long an EIP is at least on its way after a write. An EIP that cannot be read is not asked about sooner."""
FINISH_FOR = timedelta(seconds=120)
"""How long after a move the EIP is still brought along although the group is paused."""


def shown_by(
    gateways: Collection[Instance | Unseen | None], eip: EipId, unread: Unseen, *, on_its_way: bool
) -> Eip | Unseen:
    """Say where an EIP that cannot be read is, by what the gateways show: DescribeInstances names the EIP of each.

    What none of them has counts as free. The platform refuses to bind one that someone bound elsewhere, so nothing is
    taken from a stranger (rule 5). `on_its_way`: natkeeper wrote to it a moment ago.
    """
    for gateway in gateways:
        if isinstance(gateway, Instance) and gateway.eip == eip:
            return Eip(eip, gateway.public_ip or eip, EipStatus.IN_USE, gateway.id, unread.reason)
    hidden = any(isinstance(gateway, Unseen) or (gateway is not None and gateway.unread) for gateway in gateways)
    status = EipStatus.UNASSOCIATING if on_its_way else EipStatus.AVAILABLE
    return unread if hidden else Eip(eip, eip, status, unread=unread.reason)


def decide_eip(world: World, policy: Group, steps: tuple[Step, ...], now: datetime) -> EipStep:
    """Decide what to do about the EIP, given where the routes are or are going."""
    if not isinstance(policy.address, Follow) or isinstance(world.so_far.wish, Pause):
        return EipSettled()
    eip = world.eip
    if isinstance(eip, Unseen):
        return EipHold(f"the EIP cannot be seen: {eip.reason}")
    if eip is None:
        return EipHold(f"the EIP {policy.address.follow} does not exist")
    if keeper(world, policy) is not None:
        return _try_first(eip, world, steps)
    owner = _owner(world, policy, steps, now)
    if owner is None or (eip.status is EipStatus.IN_USE and eip.holder == owner):
        return _set_free(eip, world, policy, steps)
    if eip.status in (EipStatus.ASSOCIATING, EipStatus.UNASSOCIATING):
        return EipAwait(f"the EIP is {eip.status.value}")
    if eip.status is EipStatus.UNKNOWN:
        return EipHold("the EIP is in a state that natkeeper does not know")
    unbindable = world.unbindable(NextHop.gateway(owner), policy)
    if unbindable is not None:
        return EipHold(f"{owner} {unbindable}")
    if eip.status is EipStatus.AVAILABLE:
        give = EipAssociate(eip.id, owner, f"the EIP {eip.address} goes to {owner}, which owns the route")
        return _unless_put_off(give, world, Deed.GIVE, owner)
    if eip.holder is None or eip.holder not in (*policy.gateways, *world.former):
        return EipHold(f"the EIP is bound to {eip.holder}, which someone else set: natkeeper leaves it")
    if _goes_behind(owner, eip.holder, world, policy, steps):
        return EipSettled()
    take = EipUnassociate(
        eip.id, eip.holder, f"the EIP {eip.address} leaves {eip.holder}, which does not own the route"
    )
    return _unless_put_off(take, world, Deed.TAKE, eip.holder)


def _set_free(eip: Eip, world: World, policy: Group, steps: tuple[Step, ...]) -> EipStep:
    """Take the EIP off a gateway that fails before the route moves, where the platform did not let it go lately.

    Without it no other gateway works, so the route waits there and loses nothing by it.
    """
    stuck, so_far = stuck_on(world), world.so_far
    if stuck is None or so_far.wish is not None:
        return EipSettled()
    held = (world.routes[step.route] for step in steps if isinstance(step, Hold))
    waits = any(isinstance(view, RouteView) and view.carries == stuck for view in held)
    helps = not isinstance(world.internet, EgressLost) and isinstance(world.health(stuck, policy), Unhealthy)
    others = (other for other in map(NextHop.gateway, policy.gateways) if other != stuck)
    if not (waits and helps) or all(world.ineligible(other, policy) is not None for other in others):
        return EipSettled()
    holder = InstanceId(stuck.id)
    take = EipUnassociate(eip.id, holder, f"the EIP {eip.address} leaves {holder}, which fails, before the route does")
    return _unless_put_off(take, world, Deed.TAKE, holder)


def stuck_on(world: World) -> NextHop | None:
    """Return the gateway that the platform did not take the EIP off a short time ago, for a reason that lasts."""
    eip, so_far = world.eip, world.so_far
    if not isinstance(eip, Eip) or eip.holder is None or eip.status is not EipStatus.IN_USE:
        return None
    refusals = (each for each in (*so_far.refusals, *so_far.refused_lately) if each.deed is Deed.TAKE)
    stuck = any(each.hop in (None, eip.holder) and not each.passing for each in refusals)
    return NextHop.gateway(eip.holder) if stuck else None


def to_bring_it_back(world: World, policy: Group) -> str:
    """Say what has to be done by hand where the EIP that follows is gone or someone else's; empty where it is not."""
    eip = world.eip
    if not isinstance(policy.address, Follow) or isinstance(eip, Unseen):
        return ""
    if eip is None:
        return f"correct address.follow, which is {policy.address.follow}, and deploy"
    if not world.eip_is_elsewhere(policy):
        return ""
    return f"take the EIP off {eip.holder} by hand; natkeeper binds a free one to the gateway that carries the route"


def keeper(world: World, policy: Group) -> NextHop | None:
    """Return the working gateway that has the EIP and that some route still leads through; None if there is none.

    While an entry changes it may show either next hop, so until it is Available it counts as not moved yet. A table
    that cannot be read may lead there too, unless the others were moved a moment ago: then it went with them.
    """
    eip = world.eip
    if not isinstance(policy.address, Follow) or not isinstance(eip, Eip) or eip.status is not EipStatus.IN_USE:
        return None
    holder = eip.holder
    if holder not in (*policy.gateways, *world.former) or isinstance(
        world.health(NextHop.gateway(holder), policy), Unhealthy
    ):
        return None
    views = [(route, view) for route, view in world.routes.items() if isinstance(view, RouteView)]
    leads = any(view.carries is not None and view.carries.id == holder for _, view in views)
    changes = any(route in world.so_far.moved and _shows_either(view) for route, view in views)
    return NextHop.gateway(holder) if leads or changes or _may_lead(world) else None


def _shows_either(view: RouteView) -> bool:
    """Return True if an entry changes. One that was missing and is being created led to nobody before."""
    created = view.whole is not None and view.whole.status is EntryStatus.PENDING and not view.bridge
    return not created and any(entry.status is not EntryStatus.AVAILABLE for entry in view.entries)


def _may_lead(world: World) -> bool:
    """Return True if a route that cannot be seen may have stayed where it was."""
    views = [view for view in world.routes.values() if isinstance(view, RouteView)]
    moves = (view.remembered.since for view in views)
    lately = any(since is not None and world.at - since < FINISH_FOR for since in moves)
    return len(views) < len(world.routes) and not lately and not world.so_far.moved


def _goes_behind(owner: InstanceId, holder: InstanceId, world: World, policy: Group, steps: tuple[Step, ...]) -> bool:
    """Return True if the EIP follows only after a route was accepted.

    It leaves a bad gateway beside the write of the route, and goes before it where the fallback carries the route.
    But a gateway that runs keeps it where no route leads through it yet, or where route writes got no answer lately:
    else it would be moved to and fro.
    """
    hop, refused = NextHop.gateway(holder), world.so_far.refused_lately
    if _has_a_route(owner, world) or isinstance(without_checks(world, hop).health(hop, policy), Unhealthy):
        return False
    left = (step.came_from for step in steps if isinstance(step, (Move, Bridge)))
    if any(each is not None and each.kind is HopKind.NAT_GATEWAY for each in left):
        return False
    tables = {route.table for route in world.routes}
    return not _has_a_route(holder, world) or any(each.passing and each.table in tables for each in refused)


def _has_a_route(gateway: InstanceId, world: World) -> bool:
    """Return True if a route leads to `gateway`, or was accepted to lead there."""
    views = (view for view in world.routes.values() if isinstance(view, RouteView))
    carriers = (*(view.carries for view in views), *world.so_far.moved.values())
    return any(hop is not None and hop.id == gateway for hop in carriers)


def _try_first(eip: Eip, world: World, steps: tuple[Step, ...]) -> EipStep:
    """Before a route leaves the working gateway that has the EIP, see whether the EIP may follow."""
    if eip.unread:  # what the gateways show of it is enough to leave a dead one
        return EipHold(f"the EIP cannot be seen: {eip.unread}")
    going = (step.to for step in steps if isinstance(step, (Move, Create, Bridge)))
    to = next((hop for hop in going if hop.kind is HopKind.INSTANCE and hop.id != eip.holder), None)
    if to is None or to.id in world.so_far.bindable:
        return EipSettled()
    step = EipTry(eip.id, InstanceId(to.id), f"seeing whether the EIP {eip.address} can follow to {to}")
    return _unless_put_off(step, world, Deed.GIVE, to.id)


def _unless_put_off(step: EipTry | EipUnassociate | EipAssociate, world: World, act: Deed, hop: str) -> EipStep:
    """Hold what the platform has put off often enough for one run."""
    refusal = next((r for r in world.so_far.against(act, hop=hop) if r.over or not r.passing), None)
    return step if refusal is None else EipHold(f"{step.reason}, but {refusal.reason}")


def _owner(world: World, policy: Group, steps: tuple[Step, ...], now: datetime) -> InstanceId | None:
    """Name the gateway that the routes are on or are going to; None where there is none, or none can be told yet.

    Where routes part, or one cannot be told, it is the first that nothing speaks against: no working gateway has the
    EIP (`keeper`), so all would be dark if it waited for a route that is stuck, refused or unseen.
    """
    hops: list[NextHop] = []
    told = True
    for step in steps:
        hop = _heading(world, policy, step, now)
        if hop is not None and hop.kind is HopKind.INSTANCE:
            hops.append(hop)
        elif isinstance(step, (Await, Hold)) and not _leads_nowhere(world, policy, step):
            told = False
    fit = (hop for hop in hops if isinstance(world.health(hop, policy), (Healthy, Draining)))
    owner = next(fit, hops[0] if hops and told else None)
    return None if owner is None else InstanceId(owner.id)


def _heading(world: World, policy: Group, step: Step, now: datetime) -> NextHop | None:
    match step:
        case Move(to=hop) | Create(to=hop) | Bridge(to=hop):
            return hop
        case Await():  # while the entry changes, it may still show the hop that it leaves
            return world.so_far.moved.get(step.route)
        case _:
            return _there(world, policy, step, now)


def _there(world: World, policy: Group, step: Step, now: datetime) -> NextHop | None:
    """Find the next hop that carries a route now, if the EIP may be brought to it.

    What was seen of its egress does not count against that: without the EIP nobody reaches the internet through it. But
    while the route is held because of it, where the route goes next is not known.
    """
    view = world.routes[step.route]
    hop = view.carries if isinstance(view, RouteView) else None
    if hop is None or not belongs(hop, policy):
        return None
    if world.paused_until(now) is not None and not _just_moved(world, step, now):
        return None
    seen = world if isinstance(step, Hold) else without_checks(world, hop)
    finished = (Unknown,) if _just_moved(world, step, now) else ()  # what was led there gets its EIP, seen or not
    return hop if isinstance(seen.health(hop, policy), (Healthy, Draining, *finished)) else None


def _leads_nowhere(world: World, policy: Group, step: Step) -> bool:
    """Return True if the route is on a gateway that ECS shows as dead: it needs no EIP where it is."""
    view = world.routes[step.route]
    hop = view.carries if isinstance(view, RouteView) else None
    if hop is None or not belongs(hop, policy):
        return False
    return isinstance(without_checks(world, hop).health(hop, policy), Unhealthy)


def _just_moved(world: World, step: Step, now: datetime) -> bool:
    """Return True if a person's switch during a pause is still to be finished, by this run or after one that died."""
    view = world.routes[step.route]
    since = view.remembered.since if isinstance(view, RouteView) else None
    return step.route in world.so_far.moved or (since is not None and now - since < FINISH_FOR)
