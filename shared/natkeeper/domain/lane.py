"""The lane: a host route through a standby, by which the probe proves it with real packets before it is needed.

`wish` says where the lane should lead, `seen` what the probe's looks through it show. It leads through a gateway that
carries nothing in its table and that nothing speaks against, through several in turn, and nowhere if there is none:
then its address goes the default way. It moves no guarded route. Pure: same world, same wish.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.decision import Await, Create, Hold, Keep, Leave, Move, Retire
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.evidence import carrying
from natkeeper.domain.health import Unknown
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import with_marks, without_mark
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import EntryStatus, HopKind, NextHop, RouteEntry, Unseen
from natkeeper.domain.world import LossyHop, RouteView, World

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.egress import Egress
    from natkeeper.domain.signals import LaneLook, LossyMinutes

TURN = timedelta(minutes=10)
"""How long the lane leads through one of several standbys: each turn is a route task, for which a failover may wait."""
SETTLES = timedelta(seconds=5)
"""How long after a write of the lane its looks say nothing of the new standby."""
LOST_FOR = timedelta(seconds=10)
"""How long nothing must have been answered through it: it moves nothing, so there is time to be sure."""
WATCH = timedelta(minutes=1)
"""How long a watch of the probe lasts."""
QUARTER = 4
"""A standby is worth a move away from a lossy next hop that loses so many times more."""
FRESH = timedelta(minutes=2, seconds=30)
"""How old what a watch saw may be: one ends each minute, and a sweep comes each minute."""

LaneStep = Keep | Leave | Hold | Await | Create | Move | Retire


def is_lane(entry: RouteEntry, policy: Group) -> bool:
    """Return True if natkeeper made this entry as a lane of the group, and nobody has led it elsewhere since."""
    memory = decode(entry.description)
    if not isinstance(memory, Memory) or not memory.lane or memory.owner != policy.owner:
        return False
    hop = entry.next_hop
    changing = entry.status is not EntryStatus.AVAILABLE
    return changing or (hop is not None and (hop.id == memory.to or hop.kind is HopKind.NETWORK_INTERFACE))


def is_any_lane(entry: RouteEntry) -> bool:
    """Return True if some natkeeper made this entry as a lane."""
    memory = decode(entry.description)
    return isinstance(memory, Memory) and memory.lane


def left_over(entries: Iterable[RouteEntry], policy: Group) -> tuple[RouteEntry, ...]:
    """List the lanes of the group that its configuration no longer has."""
    lane = policy.lane
    wanted = None if lane is None else (lane.table, lane.destination)
    return tuple(each for each in entries if is_lane(each, policy) and (each.table, each.destination) != wanted)


def leads_to(world: World, policy: Group) -> tuple[NextHop, datetime] | None:
    """Return the gateway that the lane leads through, and since when; None while there is none, or it changes."""
    entry = world.lane
    if not isinstance(entry, RouteEntry) or entry.status is not EntryStatus.AVAILABLE or not is_lane(entry, policy):
        return None
    memory = decode(entry.description)
    since = memory.since if isinstance(memory, Memory) else None
    return None if since is None or entry.next_hop is None else (entry.next_hop, since)


def seen(world: World, policy: Group, look: LaneLook | None, now: datetime) -> tuple[NextHop, Egress] | None:
    """Say what the latest watch shows of the standby that the lane leads through, or None if it shows nothing."""
    led = leads_to(world, policy)
    if look is None or led is None:
        return None
    hop, since = led
    at = min(look.at, now)  # the probe's clock may be ahead
    percent = 100 * look.lost / max(1, look.checks)
    through = at - since
    if now - at > FRESH or through < SETTLES or hop in carrying(world, policy) or hop.id not in policy.gateways:
        return None
    if look.answers:  # a lane in a brown-out proves nothing either way
        return (hop, EgressSeen(at)) if percent < policy.probe.loss or through < WATCH else None
    lasted = min(look.lasted, through)
    if lasted < LOST_FOR:
        return None
    reason = f"{policy.probe.lane} was not answered for {lasted.total_seconds():.0f} s by the lane through it"
    return hop, EgressLost(at, reason)


def less_lossy(
    world: World, policy: Group, lossy: LossyMinutes | None, carried: tuple[str, datetime] | None, now: datetime
) -> LossyHop | None:
    """Say that the lane's standby loses less than a quarter of what the active gateway does; None if it does not.

    Both must have been what they are for all of those minutes, the first watch included.
    """
    led, lane = leads_to(world, policy), policy.lane
    if lossy is None or led is None or lane is None or carried is None:
        return None
    hop, since = led
    began = lossy.since - WATCH
    active = next((each for each in _carriers(world, lane) if each.id == carried[0]), None)
    if active is None or max(since, carried[1]) > began or now - lossy.since > FRESH + 6 * WATCH:
        return None
    loss, other = lossy.lost / max(1, lossy.checks), lossy.lane_lost / max(1, lossy.lane_checks)
    if 100 * loss < policy.probe.loss or QUARTER * other >= loss:
        return None
    said = (
        f"{active} loses {100 * loss:.0f} % of what the probe asks, and {hop} {100 * other:.0f} % in the same minutes"
    )
    return LossyHop(active, hop, said)


def carries(
    world: World, policy: Group, known: tuple[str, datetime] | None, now: datetime
) -> tuple[str, datetime] | None:
    """Return what carries the lane's table, and since when as far as this process saw."""
    hops = set() if policy.lane is None else _carriers(world, policy.lane)
    if len(hops) != 1:
        return None
    hop = hops.pop().id
    return known if known is not None and known[0] == hop else (hop, now)


def with_seen(world: World, hop: NextHop, egress: Egress) -> World:
    """Add to the world what the lane shows of a standby; it outweighs what its setup could not prove."""
    gateway = InstanceId(hop.id)
    unproven = False if isinstance(egress, EgressSeen) else world.gateways[gateway].unproven
    sight = replace(world.gateways[gateway], egress=egress, unproven=unproven)
    return replace(world, gateways={**world.gateways, gateway: sight})


def wish(world: World, policy: Group, now: datetime) -> LaneStep | None:
    """Say what to do about the lane: keep it, lead it elsewhere, or take it out; None where the group wants none."""
    lane, entry = policy.lane, world.lane
    if lane is None:
        return None
    if isinstance(entry, Unseen):
        return Hold(lane, f"the lane cannot be read: {entry.reason}")
    if entry is not None and entry.status is not EntryStatus.AVAILABLE:
        return Await(lane, f"the entry of the lane is {entry.status.value}")
    if entry is not None and not is_lane(entry, policy):
        where = "several next hops" if entry.next_hop is None else str(entry.next_hop)
        return Leave(lane, f"someone else leads {lane} to {where}: no lane is kept, and no standby is proven by one")
    world = with_marks(world, now)
    here = None if entry is None else entry.next_hop
    if here is not None and _hidden(world, policy, here):
        return Keep(lane, f"{here} cannot be seen, which moves no lane either", here)
    to, why = _best(world, policy, lane, leads_to(world, policy), now)
    if to is None:
        if entry is None:
            return Keep(lane, f"no lane: {why}")
        return Retire(lane, (entry.id,), f"no standby is fit for the lane: {why}")
    if to == here:
        return Keep(lane, f"the lane leads through {to}", to)
    reason = f"the probe proves the standby {to} by it"
    memory = Memory(since=now, by="auto", to=to.id, lane=True)
    return Create(lane, to, reason, memory) if here is None else Move(lane, to, reason, memory, here)


def _best(
    world: World, policy: Group, lane: Route, led: tuple[NextHop, datetime] | None, now: datetime
) -> tuple[NextHop | None, str]:
    """Choose the standby: the one that has it until its turn is over, then the next one; or say why there is none."""
    busy, active = _carriers(world, lane), carrying(world, policy)
    unfit: list[str] = []
    fit: list[NextHop] = []
    for hop in (each for each in map(NextHop.gateway, policy.gateways) if each not in busy):
        why = _unfit(world, policy, hop, lane)
        if why is None and (led is None or hop != led[0]) and not _set_up(world, policy, hop):
            why = "has not been set up yet"
        if why is None:
            fit.append(hop)
        else:
            unfit.append(f"{hop} {why}")
    spare = [hop for hop in fit if hop not in active] or fit
    if not spare:
        return None, ", ".join(unfit) or "the group has no other gateway"
    if led is None or led[0] not in spare:
        return spare[0], ""
    over = now - led[1] >= TURN
    return spare[(spare.index(led[0]) + over) % len(spare)], ""


def _carriers(world: World, lane: Route) -> set[NextHop]:
    views = (view for route, view in world.routes.items() if route.table == lane.table and isinstance(view, RouteView))
    return {entry.next_hop for view in views for entry in view.entries if entry.next_hop is not None}


def _unfit(world: World, policy: Group, hop: NextHop, lane: Route) -> str | None:
    """Say what speaks against a standby, or None.

    A mark no longer does once a later setup has proven it anew, or after an hour: a lane is a try that costs nobody's
    packets.
    """
    sight = world.gateways[InstanceId(hop.id)]
    mark = world.open_mark(hop)
    proven = mark is not None and isinstance(sight.proof, EgressSeen) and sight.proof.at > mark
    if proven and not isinstance(sight.egress, EgressLost):
        world = without_mark(world, hop)
    return world.ineligible(hop, policy, lane.table)


def _set_up(world: World, policy: Group, hop: NextHop) -> bool:
    """Return True unless a setup is still to make a gateway of the instance: until then it forwards nothing."""
    return policy.setup.mode == "off" or world.gateways[InstanceId(hop.id)].ready_at is not None


def _hidden(world: World, policy: Group, hop: NextHop) -> bool:
    known = InstanceId(hop.id) in world.gateways and hop.id in policy.gateways
    return known and isinstance(world.health(hop, policy), Unknown)
