"""Marks: what is remembered of gateways that were seen to be bad in a way that no read of ECS shows.

They stand in the route entries (rule 9). A mark is open until something newer shows that the gateway works, and fresh
for an hour: a fresh one makes the gateway unhealthy, an older one only puts it behind others.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from natkeeper.domain.backoff import after_a_round
from natkeeper.domain.decision import Bridge, Create, Move, Note, Noted, Step
from natkeeper.domain.egress import EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.health import MARK_FOR
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory, fitted
from natkeeper.domain.observed import Eip, HopKind, NextHop, RouteEntry, Unseen
from natkeeper.domain.world import RouteView, World, hops_of

if TYPE_CHECKING:
    from natkeeper.domain.context import RouteContext

MARK_AGAIN = timedelta(minutes=30)
"""How much newer the latest bad report must be for a standby to be marked anew."""


def with_marks(world: World, now: datetime) -> World:
    """Put the marks that the routes remember on the next hops they speak of."""
    marks: dict[str, datetime] = {}
    kinds: dict[str, EvidenceKind] = {}
    unproven: set[str] = set()
    for view in world.routes.values():
        if isinstance(view, RouteView):
            unproven |= view.remembered.unproven
            for hop, at in view.remembered.marks.items():
                if at >= marks.get(hop, at):
                    marks[hop], kinds[hop] = at, view.remembered.kind_of(hop)
    if not marks and not unproven:
        return world  # nearly always
    fresh = {hop for hop, at in marks.items() if now - at < MARK_FOR}
    gateways = {
        g: replace(
            sight,
            mark=marks.get(g),
            mark_kind=kinds.get(g, sight.mark_kind),
            mark_is_fresh=g in fresh,
            remembered_unproven=g in unproven,
        )
        for g, sight in world.gateways.items()
    }
    fallback = "" if world.fallback is None or isinstance(world.fallback, Unseen) else world.fallback.id
    return replace(
        world,
        gateways=MappingProxyType(gateways),
        fallback_mark=marks.get(fallback),
        fallback_mark_is_fresh=fallback in fresh,
    )


def without_mark(world: World, hop: NextHop) -> World:
    """Imagine that nothing bad is remembered of `hop`."""
    if hop.kind is HopKind.NAT_GATEWAY:
        return replace(world, fallback_mark=None)
    gateway = InstanceId(hop.id)
    sight = world.gateways[gateway]
    proof = None if isinstance(sight.proof, EgressLost) else sight.proof
    if sight.mark is None and proof is sight.proof:
        return world  # nearly always
    gateways = {**world.gateways, gateway: replace(sight, mark=None, proof=proof)}
    return replace(world, gateways=MappingProxyType(gateways))


def without_checks(world: World, hop: NextHop) -> World:
    """Imagine that nobody ever looked through `hop`: what is left is what the platform says of it."""
    world = without_mark(world, hop)
    if hop.kind is HopKind.NAT_GATEWAY:
        return replace(world, fallback_egress=None)
    gateway = InstanceId(hop.id)
    gateways = {**world.gateways, gateway: replace(world.gateways[gateway], egress=None, proof=None)}
    return replace(world, gateways=MappingProxyType(gateways))


def remember(here: RouteContext, to: NextHop, by: str) -> Memory:
    """Say what the route entry must remember of a move to `to` made now."""
    hops = hops_of(here.policy)
    memory = replace(
        here.memory,
        since=here.now,
        by=by,
        home=here.policy.home(here.route),
        to=to.id,
        former=_former(here),
        place=_place(here, to),
        paused_until=here.world.paused_until(here.now),
        marks=MappingProxyType({hop.id: here.memory.marks[hop.id] for hop in hops if hop.id in here.memory.marks}),
    )
    for hop in hops:
        lost = here.world.lost(hop)
        if lost is not None:
            memory = _marked(here, memory, hop, lost)
        elif here.world.worth_a_mark(hop, here.route.table):
            memory = memory.marked(hop.id, here.now)
    return fitted(memory.cleared(to.id))


def _marked(here: RouteContext, memory: Memory, hop: NextHop, lost: EgressLost) -> Memory:
    """Mark `hop`, by natkeeper's own clock at the latest: a mark from the future is not believed when it is read."""
    return memory.marked(hop.id, min(lost.at, here.now), lost.kind)


def marked(here: RouteContext, step: Step, hop: NextHop) -> Step:
    """Remember with a move that `hop` was left for what was lost through it, so that nothing returns there at once."""
    if not isinstance(step, (Move, Create, Bridge)):
        return step
    memory = fitted(step.memory.marked(hop.id, here.now, EvidenceKind.PRIVATE_HOST))
    return replace(step, memory=memory)


def _place(here: RouteContext, to: NextHop) -> int | None:
    """Say which interface of an instance the entry led to, where its next hop will not show that any more."""
    view = here.world.routes[here.route]
    left = view.carries if isinstance(view, RouteView) else None
    if left is None or to.kind is not HopKind.NAT_GATEWAY or not left.via:
        return here.memory.place if to.kind is HopKind.NAT_GATEWAY else None
    theirs = here.world.interfaces(left)
    return theirs.index(left.via) if left.via in theirs else 0


def _former(here: RouteContext) -> str:
    """Name the gateway that the group no longer has and that still has the EIP; empty if there is none."""
    holder = here.world.eip.holder if isinstance(here.world.eip, Eip) else None
    return holder if holder is not None and holder in here.world.former else ""


def note(here: RouteContext, entry: RouteEntry, hop: NextHop) -> Note | None:
    """Keep the marks true: mark a standby that is not ready before it is needed, clear one that works again."""
    memory, reasons = here.memory, list[str]()
    about: Noted = "recovered"
    for other in hops_of(here.policy):
        mark = memory.marks.get(other.id)
        unready = _unready(here.world, other) if other != hop else None
        if unready is not None:
            at, reason = min(unready[0], here.now), unready[1]  # the platform's clock may be ahead of natkeeper's
            if mark is None or at - mark >= MARK_AGAIN:
                memory = memory.marked(other.id, at)
                reasons.append(f"{other} is not ready: {reason}")
                about = "unready"
        elif other != hop and (lost := _lost_by_itself(here, other)) is not None:
            if mark is None or lost.at - mark >= MARK_AGAIN:
                memory = _marked(here, memory, other, lost)
                reasons.append(f"{other} does not reach the internet: {lost.reason}")
                about = "unready"
        elif mark is not None and here.world.open_mark(other) is None:
            memory = memory.cleared(other.id)
            reasons.append(f"{other} works again")
    for gateway, sight in here.world.gateways.items():
        if sight.unproven is True and gateway not in memory.unproven:
            memory = replace(memory, unproven=memory.unproven | {gateway})
            reasons.append(f"{gateway} could not be proven to forward")
        elif sight.unproven is False and gateway in memory.unproven:
            memory = replace(memory, unproven=memory.unproven - {gateway})
            reasons.append(f"{gateway} was proven to forward")
    if memory.rounds and isinstance(here.world.egress(hop), EgressSeen):
        memory = replace(memory, rounds=0, round_at=None)
        reasons.append(f"the internet is reached again through {hop}")
    return _if_new(here, entry, memory, ", ".join(reasons), about)


def _lost_by_itself(here: RouteContext, hop: NextHop) -> EgressLost | None:
    """Return what private hosts saw of a gateway that fails; without its EIP nobody gets out by a good one either."""
    return None if here.world.astray(hop, here.policy) is not None else here.world.seen_lost(hop)


def note_lost(here: RouteContext, entry: RouteEntry, hop: NextHop, *, alike: bool) -> Note | None:
    """Mark a next hop that has to be kept although it lost the internet, so that later runs look again.

    Where every way failed alike, the round that this ends is counted.
    """
    lost = here.world.lost(hop)
    if lost is None or hop.id in here.memory.marks:
        return None
    memory = _marked(here, here.memory, hop, lost)
    reason = f"{hop} does not reach the internet, and nothing better is there"
    return _if_new(here, entry, after_a_round(here, memory) if alike else memory, reason, "unready")


def _if_new(here: RouteContext, entry: RouteEntry, memory: Memory, reason: str, about: Noted) -> Note | None:
    """Note what there is room for, unless the entry says so already."""
    if memory is here.memory:
        return None
    kept = fitted(memory)
    return None if kept == here.memory else Note(here.route, entry.destination, reason, kept, about)


def _unready(world: World, hop: NextHop) -> tuple[datetime, str] | None:
    """Say when and why a gateway's setup was last found wanting; a report without a time cannot be marked."""
    sight = world.gateways.get(InstanceId(hop.id))
    if sight is None or sight.unready is None or sight.unready_at is None:
        return None
    return sight.unready_at, sight.unready
