"""Neither the route nor the EIP leaves a working gateway without the other (rule 11).

`decide` judges each route by itself; here its steps are fitted to what the EIP can do, and to what the platform refuses
for a whole table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from natkeeper.domain import eip
from natkeeper.domain.bridge import begin
from natkeeper.domain.config import Follow
from natkeeper.domain.context import RouteContext
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
    Keep,
    Move,
    Note,
    Step,
    Verify,
)
from natkeeper.domain.health import Healthy, Unknown
from natkeeper.domain.marks import remember
from natkeeper.domain.memory import fitted
from natkeeper.domain.observed import Eip, EipStatus, HopKind, NextHop
from natkeeper.domain.refusals import Deed
from natkeeper.domain.signals import Pause, Resume
from natkeeper.domain.world import RouteView, World, belongs

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group


def unless_refused(step: Step, world: World) -> Step:
    """Hold what the platform refuses for this table, whatever the next hop is or after all tries of this run.

    The first is a right, a quota, a kind of table; the second is a planned move or a person's wish, because a route
    that leads nowhere goes to another next hop meanwhile.
    """
    match step:
        case Move():
            deed = Deed.POINT
        case Create() | Bridge():
            deed = Deed.CREATE
        case _:
            return step
    known = world.so_far.against(deed, table=step.route.table, hop=step.to.id)
    refusal = next((each for each in known if each.hop is None or each.over), None)
    if refusal is None:
        return step
    return Hold(step.route, f"{step.reason}; {step.to} would take the route, but {deed.value} failed: {refusal.reason}")


def after_eip(steps: tuple[Step, ...], address: EipStep, world: World, policy: Group) -> tuple[Step, ...]:
    """Let steps wait for what the EIP has to do first, or say that it cannot be done."""
    moving = any(isinstance(step, (Move, Create, Bridge, Await)) for step in steps)
    return tuple(_after_eip(step, address, world, policy, moving=moving) for step in steps)


def _after_eip(step: Step, address: EipStep, world: World, policy: Group, *, moving: bool) -> Step:
    match step, address:
        case ((Move(to=to) | Create(to=to) | Bridge(to=to)), EipTry(to=tried)) if to.id == tried:
            return Await(step.route, f"{step.reason}: {address.reason}")
        case ((Move(to=to) | Create(to=to) | Bridge(to=to)), EipHold()) if _parts(to, world, policy):
            return Hold(step.route, f"{step.reason}; it stays there: {address.reason}")
        case ((Move() | Bridge()), EipHold()) if _leaves_the_fallback(step, world, policy):
            return Hold(step.route, f"{step.reason}; it stays there: {address.reason}")
        case ((Move() | Bridge()), (EipAssociate() | EipUnassociate() | EipAwait())) if _leaves_the_fallback(
            step, world, policy
        ):
            return Await(step.route, f"{step.reason}: {address.reason}")
        case Verify(hop=hop), _ if not _has_address(hop, world, policy):
            return _without_eip(step, address, moving=moving)
        case _:
            return step


def _parts(to: NextHop, world: World, policy: Group) -> bool:
    """Return True if a move to `to` leaves the EIP behind on a gateway that works."""
    kept = eip.keeper(world, policy)
    return kept is not None and to.kind is HopKind.INSTANCE and to != kept and to.id not in world.so_far.bindable


def _leaves_the_fallback(step: Move | Bridge, world: World, policy: Group) -> bool:
    """Return True if natkeeper returns a route from a fallback that works: the EIP can be there before the route."""
    view = world.routes[step.route]
    left = view.carries if isinstance(view, RouteView) and not view.bridge else None
    if left is None or left.kind is not HopKind.NAT_GATEWAY or step.to.kind is not HopKind.INSTANCE:
        return False
    return step.memory.by == "auto" and isinstance(world.health(left, policy), Healthy)


def _has_address(hop: NextHop, world: World, policy: Group) -> bool:
    """Return True if a check through `hop` proves something: it has the public address that it is to have, or one.

    Where no EIP will come soon, there is nothing to wait for: a check shows whether it gets out by another address.
    """
    if world.astray(hop, policy) is not None:
        return True
    if not isinstance(policy.address, Follow) or hop.kind is not HopKind.INSTANCE or not isinstance(world.eip, Eip):
        return not isinstance(policy.address, Follow) or hop.kind is not HopKind.INSTANCE
    there = world.eip.status is EipStatus.IN_USE and world.eip.holder == hop.id
    return there or world.own_address(hop) is not None


def _without_eip(step: Verify, address: EipStep, *, moving: bool) -> Step:
    """A check while the EIP is on its way, or not where it belongs, would prove nothing: wait for it, or say so."""
    if isinstance(address, EipHold) or (isinstance(address, EipSettled) and not moving):
        why = address.reason or "the EIP stays with another route"
        return Hold(step.route, f"{step.hop} cannot be seen to work: {why}")
    return Await(step.route, step.reason)


def reunited(steps: tuple[Step, ...], world: World, policy: Group, now: datetime) -> tuple[Step, ...]:
    """Let all routes of a group whose EIP follows stay on the gateway that keeps it, or come back, if one stays."""
    kept = eip.keeper(world, policy)
    if kept is None or isinstance(world.so_far.wish, (Pause, Resume)):
        return steps
    staying = next((step for step in steps if _stays(step, kept, world)), None)
    if staying is None:
        return steps
    steps = tuple(_held_back(staying, step, kept, world) for step in steps)
    paused = world.paused_until(now) is not None and not world.so_far.moved
    settled = any(isinstance(step, (Keep, Hold, Note)) and _stays(step, kept, world) for step in steps)
    if paused or not settled or not belongs(kept, policy) or isinstance(world.health(kept, policy), Unknown):
        return steps
    return tuple(_back(step, kept, world, policy, now) for step in steps)


def _stays(step: Step, kept: NextHop, world: World) -> bool:
    """Return True if the route of `step` is not about to leave `kept`, or cannot be seen to leave it."""
    if step.route in world.so_far.moved or isinstance(step, (Move, Create, Bridge)):
        return False
    return not isinstance(world.routes[step.route], RouteView) or _carries(step, world) == kept


def _held_back(staying: Step, step: Step, kept: NextHop, world: World) -> Step:
    """Hold a move away from `kept` that would leave the EIP behind with the route of `staying`."""
    if not isinstance(step, (Move, Bridge)) or _carries(step, world) != kept:
        return step
    if step.to.kind is not HopKind.INSTANCE or world.own_address(step.to) is not None:
        return step  # there it needs no EIP
    why = f": {staying.reason}" if isinstance(staying, Hold) else ""
    return Hold(step.route, f"{step.reason}; it stays there, because {staying.route} does and both need the EIP{why}")


def _back(step: Step, kept: NextHop, world: World, policy: Group, now: datetime) -> Step:
    view, hop = world.routes[step.route], _carries(step, world)
    if not isinstance(step, (Keep, Verify, Note)) or not isinstance(view, RouteView) or view.bridge or hop is None:
        return step
    parted = hop != kept and hop.kind is HopKind.INSTANCE and belongs(hop, policy) and world.own_address(hop) is None
    if not parted:
        return step
    here = RouteContext(step.route, world, policy, now, view.remembered)
    memory = fitted(remember(here, kept, "auto").marked(hop.id, now))
    why = f"the EIP stays on {kept} with another route, so {hop} has no public address"
    if step.route in world.so_far.not_in_place:
        return unless_refused(begin(here, view, kept, why, memory), world)
    return unless_refused(Move(step.route, kept, why, memory, hop), world)


def _carries(step: Step, world: World) -> NextHop | None:
    view = world.routes[step.route]
    return view.carries if isinstance(view, RouteView) else None
