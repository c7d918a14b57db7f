"""One EIP that follows the route: it ends on the gateway that owns the route.

Its two moves (take it off, bind it) run beside the route write and take seconds each, so a run starts one and looks
again. An EIP that somebody bound to a stranger is left there and told (rule 5).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow
from natkeeper.domain.decision import (
    Await,
    Bridge,
    Create,
    EipAwait,
    EipGive,
    EipHold,
    EipSettled,
    EipStep,
    EipTake,
    Hold,
    Move,
    Step,
)
from natkeeper.domain.health import Draining, Healthy
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import without_looks
from natkeeper.domain.observed import EipStatus, HopKind, NextHop, Unseen
from natkeeper.domain.signals import Pause
from natkeeper.domain.world import RouteView, belongs

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.world import World


FINISH_FOR = timedelta(seconds=120)
"""How long after a move the EIP is still brought along although the group is paused."""


def decide_eip(world: World, policy: Group, steps: tuple[Step, ...], now: datetime) -> EipStep:
    """Decide what to do about the EIP, given where the routes are or are going."""
    if not isinstance(policy.address, Follow) or isinstance(world.so_far.wish, Pause):
        return EipSettled()
    eip = world.eip
    if isinstance(eip, Unseen):
        return EipHold(f"the EIP cannot be seen: {eip.reason}")
    if eip is None:
        return EipHold(f"the EIP {policy.address.follow} does not exist")
    owner = _owner(world, policy, steps, now)
    if owner is None or (eip.status is EipStatus.IN_USE and eip.holder == owner):
        return EipSettled()
    if eip.status in (EipStatus.ASSOCIATING, EipStatus.UNASSOCIATING):
        return EipAwait(f"the EIP is {eip.status.value}")
    if eip.status is EipStatus.UNKNOWN:
        return EipHold("the EIP is in a state that natkeeper does not know")
    if eip.status is EipStatus.AVAILABLE:
        return EipGive(eip.id, owner, f"the EIP {eip.address} goes to {owner}, which owns the route")
    if eip.holder is None or eip.holder not in policy.gateways:
        return EipHold(f"the EIP is bound to {eip.holder}, which is not ours; somebody put it there")
    return EipTake(eip.id, eip.holder, f"the EIP {eip.address} leaves {eip.holder}, which does not own the route")


def _owner(world: World, policy: Group, steps: tuple[Step, ...], now: datetime) -> InstanceId | None:
    """Name the gateway that the routes are on or are going to; None where there is none, or none can be told yet."""
    for step in steps:
        if isinstance(step, Await) and step.route not in world.so_far.moved:
            return None
        hop = _heading(world, policy, step, now)
        if hop is not None and hop.kind is HopKind.INSTANCE:
            return InstanceId(hop.id)
        if isinstance(step, Hold):
            return None  # what cannot be told of one route is not to be guessed from another
    return None


def _heading(world: World, policy: Group, step: Step, now: datetime) -> NextHop | None:
    match step:
        case Move(to=hop) | Create(to=hop) | Bridge(to=hop):
            return hop
        case Await():  # while the entry changes, it may still show the hop that it leaves
            return world.so_far.moved[step.route]
        case _:
            return _there(world, policy, step, now)


def _there(world: World, policy: Group, step: Step, now: datetime) -> NextHop | None:
    """Find the next hop that carries a route now, if the EIP may be brought to it.

    What was seen of its egress is no reason against that: without the EIP nobody reaches the internet through it. But
    while the route is held because of it, where the route goes next is not known.
    """
    view = world.routes[step.route]
    hop = view.carries if isinstance(view, RouteView) else None
    if hop is None or not belongs(hop, policy):
        return None
    if world.paused_until(now) is not None and not _just_moved(world, step, now):
        return None
    seen = world if isinstance(step, Hold) else without_looks(world, hop)
    return hop if isinstance(seen.health(hop, policy), (Healthy, Draining)) else None


def _just_moved(world: World, step: Step, now: datetime) -> bool:
    """Say whether a person's switch during a pause is still to be finished, by this run or after one that died."""
    view = world.routes[step.route]
    since = view.remembered.since if isinstance(view, RouteView) else None
    return step.route in world.so_far.moved or (since is not None and now - since < FINISH_FOR)
