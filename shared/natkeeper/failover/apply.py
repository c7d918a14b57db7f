"""Carry a decision out: every write of a moment in one batch, the EIP beside the routes, then what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from natkeeper.domain.decision import (
    Bridge,
    Create,
    Decision,
    EipGive,
    EipStep,
    EipTake,
    Move,
    Note,
    Retire,
    Step,
)
from natkeeper.domain.memory import Memory, encode
from natkeeper.domain.observed import Eip, Instance, NextHop, RouteEntry, Unseen
from natkeeper.domain.world import RouteView
from natkeeper.ports import (
    AssociateEip,
    Call,
    CreateRoute,
    DeleteRoute,
    Failure,
    FailureKind,
    NoteRoute,
    PointRoute,
    Run,
    UnassociateEip,
)
from natkeeper.receipt import Act

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.world import SoFar, World

_LONGEST_TOKEN = 64
"""Characters of a ClientToken (CreateRouteEntry)."""
_LEARNT = (FailureKind.NOT_IN_PLACE, FailureKind.REFUSED, FailureKind.GONE, FailureKind.DENIED)
"""Failures after which it is certain that the write was not carried out."""


@dataclass(frozen=True, slots=True)
class Write:
    """One call that a step asks for."""

    step: Step | EipStep
    call: Call[None]


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a moment's writes.

    `did`: what was done, in words; `acts`: the same as data. `failed`: why others were not. `unanswered`: moves that
    may have been carried out all the same. `refused`: calls that will be refused again, from which nothing else was
    learnt. `accepted`: calls that were carried out.
    """

    so_far: SoFar
    did: tuple[str, ...] = ()
    acts: tuple[Act, ...] = ()
    failed: tuple[Failure, ...] = ()
    unanswered: tuple[Move | Create | Bridge, ...] = ()
    refused: tuple[Call[None], ...] = ()
    accepted: tuple[Call[None], ...] = ()


def writes_of(decision: Decision, world: World, policy: Group) -> tuple[Write, ...]:
    """List the calls that `decision` asks for now."""
    vpc = vpc_of(world)
    routes = (Write(step, call) for step in decision.steps for call in _calls(step, policy, vpc, world.at))
    eip = _eip_call(decision.eip)
    return (*routes, *((Write(decision.eip, eip),) if eip is not None else ()))


def apply(writes: tuple[Write, ...], so_far: SoFar) -> Run[Applied]:
    """Make every write at once. Failures are data: the next look at the world decides what they mean."""
    applied = Applied(so_far)
    if not writes:
        return applied
    results = yield tuple(write.call for write in writes)
    for write, result in zip(writes, results, strict=True):
        applied = _outcome(applied, write, result)
    return applied


def vpc_of(world: World) -> str:
    """Name the VPC of the group's gateways, by which the platform serialises route writes; empty if unknown."""
    instances = (sight.instance for sight in world.gateways.values())
    return next((instance.vpc for instance in instances if isinstance(instance, Instance) and instance.vpc), "")


def subject(call: Call[None]) -> str:
    """Name what `call` writes to."""
    match call:
        case PointRoute() | NoteRoute() | CreateRoute():
            return f"{call.destination} in {call.table}"
        case DeleteRoute(entry=entry):
            return entry
        case _:
            return "the EIP"


def shown(world: World, call: Call[None]) -> RouteEntry | Eip | Unseen | None:
    """Find what `world` shows of what `call` writes to."""
    views = (view for view in world.routes.values() if isinstance(view, RouteView))
    entries = [entry for view in views for entry in (view.whole, *view.halves) if entry is not None]
    match call:
        case PointRoute() | NoteRoute() | CreateRoute():
            where = (call.table, call.destination)
            return next((entry for entry in entries if (entry.table, entry.destination) == where), None)
        case DeleteRoute(entry=gone):
            return next((entry for entry in entries if entry.id == gone), None)
        case _:
            return world.eip


def _calls(step: Step, policy: Group, vpc: str, now: datetime) -> Iterator[Call[None]]:
    name = f"natkeeper-{policy.name}"
    match step:
        case Move(route=route, to=to):
            text = _describe(step.to, step.reason, step.memory)
            yield PointRoute(vpc, route.table, route.destination, to, name, text)
        case Note(route=route, destination=destination, reason=reason, memory=memory):
            yield NoteRoute(vpc, route.table, destination, name, encode(memory, reason))
        case Create(route=route, to=to):
            text = _describe(to, step.reason, step.memory)
            yield CreateRoute(vpc, route.table, route.destination, to, name, text, _token(step, route.destination, now))
        case Bridge(route=route, to=to):
            text = _describe(to, step.reason, step.memory)
            for half in step.missing:
                yield CreateRoute(vpc, route.table, half, to, name, text, _token(step, half, now))
        case Retire(entries=entries):
            for entry in entries:
                yield DeleteRoute(vpc, entry)
        case _:
            return


def _describe(to: NextHop, reason: str, memory: Memory) -> str:
    when = "" if memory.since is None else f" since {memory.since:%Y-%m-%dT%H:%M:%SZ}"
    return encode(memory, f"{to}{when}: {reason}")


def _token(step: Create | Bridge, destination: str, now: datetime) -> str:
    """Make a repeated attempt the same request, and every other creation another one.

    The platform answers a token that it knows with its first answer, whatever has become of the entry since: so what
    was created, deleted, and is missing again takes a new one.
    """
    what = f"{step.route.table} {destination} {step.to} {now.timestamp()} {step.reason}"
    return f"natkeeper-{hashlib.sha256(what.encode()).hexdigest()}"[:_LONGEST_TOKEN]


def _eip_call(step: EipStep) -> Call[None] | None:
    match step:
        case EipTake(eip=eip, holder=holder):
            return UnassociateEip(eip, holder)
        case EipGive(eip=eip, to=to):
            return AssociateEip(eip, to)
        case _:
            return None


def _outcome(applied: Applied, write: Write, result: Failure | None) -> Applied:
    """Learn from the result of one write."""
    so_far, step = applied.so_far, write.step
    if not isinstance(result, Failure):
        if isinstance(step, (Move, Create, Bridge)):
            so_far = moved(so_far, step)
        if isinstance(step, Bridge) and isinstance(write.call, CreateRoute):
            step = replace(step, missing=(write.call.destination,))
        accepted = (*applied.accepted, write.call)
        return replace(
            applied,
            so_far=so_far,
            did=(*applied.did, in_words(step)),
            acts=(*applied.acts, act_of(step)),
            accepted=accepted,
        )
    if isinstance(step, (Move, Create, Bridge)) and result.kind not in _LEARNT:
        applied = replace(applied, unanswered=(*applied.unanswered, step))
    if result.kind is FailureKind.NOT_IN_PLACE and isinstance(step, Move):
        so_far = replace(so_far, not_in_place=so_far.not_in_place | {step.route})
    missing_hop = result.kind is FailureKind.GONE and isinstance(write.call, CreateRoute)
    if result.kind is FailureKind.REFUSED or missing_hop:
        if isinstance(step, (Move, Create, Bridge)):
            so_far = replace(so_far, rejected={**so_far.rejected, step.to.id: result.brief})
        else:
            applied = replace(applied, refused=(*applied.refused, write.call))
    return replace(applied, so_far=so_far, failed=(*applied.failed, result))


def moved(so_far: SoFar, step: Move | Create | Bridge) -> SoFar:
    """Remember for this run that `step` was carried out."""
    return replace(so_far, moved={**so_far.moved, step.route: step.to})


def in_words(step: Step | EipStep, *, would: bool = False) -> str:
    """Say what a write did, or what it `would` do, and why."""
    match step:
        case Move(route=route, to=to, came_from=came_from, reason=reason):
            return f"{'move' if would else 'moved'} {route} from {came_from} to {to}: {reason}"
        case Create(route=route, to=to, reason=reason):
            return f"{'create' if would else 'created'} {route} to {to}: {reason}"
        case Bridge(route=route, missing=missing, to=to, reason=reason):
            halves = " and ".join(sorted(missing))
            return f"{'carry' if would else 'carried'} {route} to {to} over {halves}: {reason}"
        case Retire(route=route):
            return f"{'delete' if would else 'deleted'} an entry of {route} that others stand in for"
        case Note(reason=reason):
            return f"{'note' if would else 'noted'}: {reason}"
        case _:
            return step.reason


def act_of(step: Step | EipStep) -> Act:
    """Say the same as data."""
    match step:
        case Move(route=route, to=to, came_from=came_from, reason=reason):
            return Act("moved", str(route), str(to), "" if came_from is None else str(came_from), reason)
        case Create(route=route, to=to, reason=reason):
            return Act("created", str(route), str(to), why=reason)
        case Bridge(route=route, to=to, came_from=came_from, reason=reason):
            return Act("bridged", str(route), str(to), "" if came_from is None else str(came_from), reason)
        case Retire(route=route, reason=reason):
            return Act("retired", str(route), why=reason)
        case Note(route=route, reason=reason, about=about):
            return Act(about, str(route), why=reason)
        case EipGive(eip=eip, to=to, reason=reason):
            return Act("address", eip, to, why=reason)
        case EipTake(eip=eip, holder=holder, reason=reason):
            return Act("address", eip, came_from=holder, why=reason)
        case _:
            raise TypeError(f"{type(step).__name__} writes nothing")
