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
    EipAssociate,
    EipStep,
    EipTry,
    EipUnassociate,
    Move,
    Note,
    Retire,
    Step,
)
from natkeeper.domain.memory import Memory, encode
from natkeeper.domain.observed import Eip, HopKind, Instance, NextHop, RouteEntry, Unseen
from natkeeper.domain.ownership import guarded
from natkeeper.domain.parts import around_zero
from natkeeper.domain.refusals import THE_EIP, Deed
from natkeeper.domain.signals import Pause, Resume
from natkeeper.domain.world import RouteView
from natkeeper.failover.attempts import MOST, ONCE, PAUSES_S, Attempts, WriteTarget, target_of
from natkeeper.ports import (
    AssociateEip,
    Call,
    CreateRoute,
    DeleteRoute,
    Failure,
    FailureKind,
    FailureSubject,
    NoteRoute,
    PointRoute,
    Run,
    UnassociateEip,
)
from natkeeper.receipt import Act

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.world import SoFar, World

_LONGEST_TOKEN = 64
"""Characters of a ClientToken (CreateRouteEntry)."""
_LEARNT = (FailureKind.NOT_IN_PLACE, FailureKind.REFUSED, FailureKind.GONE, FailureKind.DENIED, FailureKind.WORDS)
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
    may have been carried out all the same. `refused`: what is not to be written again, as `subject` names it, where
    nothing else was learnt. `accepted`: calls that were carried out. `pause_s`: how long to read before what was not
    carried out is tried again.
    """

    so_far: SoFar
    did: tuple[str, ...] = ()
    acts: tuple[Act, ...] = ()
    failed: tuple[Failure, ...] = ()
    unanswered: tuple[Move | Create | Bridge, ...] = ()
    refused: tuple[str, ...] = ()
    accepted: tuple[Call[None], ...] = ()
    pause_s: float = 0.0


def writes_of(decision: Decision, world: World, policy: Group) -> tuple[Write, ...]:
    """List the calls that `decision` asks for now."""
    vpc = vpc_of(world)
    routes = (
        Write(step, call if step.route not in world.so_far.wordless else bare(call))
        for step in decision.steps
        for call in _calls(step, policy, vpc, world)
    )
    eip = _eip_call(decision.eip)
    return (*routes, *((Write(decision.eip, eip),) if eip is not None else ()))


def apply(writes: tuple[Write, ...], so_far: SoFar, attempts: Attempts) -> Run[Applied]:
    """Make every write at once. Failures are data: the next read of the world shows what they mean.

    Where the platform refuses the words of a move, the move is made again at once without them.
    """
    applied = Applied(so_far)
    if not writes:
        return applied
    # One batch, so that no route and no EIP waits for the answer about another.
    results = yield tuple(write.call for write in writes)
    wordless: list[Write] = []
    # What was accepted first: from then on the tries of its target count, whatever the order of the calls.
    for write, result in sorted(zip(writes, results, strict=True), key=lambda pair: isinstance(pair[1], Failure)):
        if _is_about_words(write, result):
            wordless.append(Write(write.step, bare(write.call)))
            applied = replace(applied, failed=(*applied.failed, _not_remembered(result)))
        else:
            applied = _outcome(applied, write, result, attempts)
    if not wordless:
        return applied
    # A move without memory is better than none. Later writes of this run skip the description, which is refused anyway.
    routes = frozenset(write.step.route for write in wordless if isinstance(write.step, (Move, Create, Bridge)))
    applied = replace(applied, so_far=replace(applied.so_far, wordless=applied.so_far.wordless | routes))
    results = yield tuple(write.call for write in wordless)
    for write, result in zip(wordless, results, strict=True):
        applied = _outcome(applied, write, result, attempts)
    return applied


def bare(call: Call[None]) -> Call[None]:
    """Return `call` without its words, if it is good for something without them."""
    return replace(call, name="", description="") if isinstance(call, (PointRoute, CreateRoute)) else call


def _is_about_words(write: Write, result: Failure | None) -> bool:
    """Return True if the move is to be made without words."""
    words = isinstance(result, Failure) and result.kind is FailureKind.WORDS
    return words and isinstance(write.step, (Move, Create, Bridge)) and bare(write.call) != write.call


def _not_remembered(failure: Failure) -> Failure:
    return replace(failure, message=f"the move was made without being written down in the entry: {failure.message}")


def vpc_of(world: World) -> str:
    """Name the VPC of the group's gateways, by which the platform serialises route writes; empty if unknown."""
    instances = (sight.instance for sight in world.gateways.values())
    return next((instance.vpc for instance in instances if isinstance(instance, Instance) and instance.vpc), "")


def subject(call: Call[None]) -> str:
    """Name what `call` writes to."""
    match call:
        case NoteRoute():
            return f"the memory of {call.destination} in {call.table}"
        case PointRoute() | CreateRoute():
            return f"{call.destination} in {call.table}"
        case DeleteRoute(entry=entry):
            return entry
        case _:
            return THE_EIP


def shown(world: World, call: Call[None]) -> RouteEntry | Eip | Unseen | None:
    """Find what `world` shows of what `call` writes to."""
    views = (view for view in world.routes.values() if isinstance(view, RouteView))
    entries = [entry for view in views for entry in (view.whole, *view.bridge) if entry is not None]
    match call:
        case PointRoute() | NoteRoute() | CreateRoute():
            where = (call.table, call.destination)
            return next((entry for entry in entries if (entry.table, entry.destination) == where), None)
        case DeleteRoute(entry=gone):
            return next((entry for entry in entries if entry.id == gone), None)
        case _:
            return world.eip


def _in_its_kind(to: NextHop, route: Route, world: World) -> NextHop:
    """Return `to` as the route's entry names next hops: by the interface in the same place where it leads by one."""
    view, ours = world.routes[route], world.interfaces(to)
    if to.kind is not HopKind.INSTANCE or not ours or not isinstance(view, RouteView):
        return to
    left = next((entry.next_hop for entry in view.entries if entry.next_hop), None)
    place = view.remembered.place
    if left is not None and left.via:
        theirs = world.interfaces(left)
        place = theirs.index(left.via) if left.via in theirs else 0
    return to if place is None else NextHop(HopKind.NETWORK_INTERFACE, ours[place if place < len(ours) else 0])


def _calls(step: Step, policy: Group, vpc: str, world: World) -> Iterator[Call[None]]:
    name, now = f"natkeeper-{policy.name}", world.at
    match step:
        case Move(route=route, to=to):
            text = _describe(step.to, step.reason, step.memory, policy)
            to = _in_its_kind(to, route, world)
            yield PointRoute(vpc, route.table, route.destination, to, name, text)
        case Note(route=route, destination=destination, reason=reason, memory=memory):
            yield NoteRoute(
                vpc, route.table, destination, name, encode(_guarded(memory, route, destination, world, policy), reason)
            )
        case Create(route=route, to=to):
            text = _describe(to, step.reason, step.memory, policy)
            to = _in_its_kind(to, route, world)
            yield CreateRoute(vpc, route.table, route.destination, to, name, text, _token(step, route.destination, now))
        case Bridge(route=route, to=to):
            text = _describe(to, step.reason, step.memory, policy)
            to = _in_its_kind(to, route, world)
            for half in step.missing:
                yield CreateRoute(vpc, route.table, half, to, name, text, _token(step, half, now))
        case Retire(entries=entries):
            for entry in entries:
                yield DeleteRoute(vpc, entry)
        case _:
            return


def _guarded(memory: Memory, route: Route, destination: str, world: World, policy: Group) -> Memory:
    view = world.routes[route]
    entries = view.entries if isinstance(view, RouteView) else ()
    entry = next((each for each in entries if each.destination == destination), None)
    return memory if entry is None else guarded(memory, entry, policy)


def _describe(to: NextHop, reason: str, memory: Memory, policy: Group) -> str:
    when = "" if memory.since is None else f" since {memory.since:%Y-%m-%dT%H:%M:%SZ}"
    return encode(replace(memory, owner=policy.owner), f"{to}{when}: {reason}")


def _token(step: Create | Bridge, destination: str, now: datetime) -> str:
    """Make a repeated attempt the same request, and every other creation another one.

    The platform answers a token that it knows with its first answer, whatever has become of the entry since: so what
    was created, deleted, and is missing again takes a new one.
    """
    what = f"{step.route.table} {destination} {step.to} {now.timestamp()} {step.reason}"
    return f"natkeeper-{hashlib.sha256(what.encode()).hexdigest()}"[:_LONGEST_TOKEN]


def _eip_call(step: EipStep) -> Call[None] | None:
    match step:
        case EipUnassociate(eip=eip, holder=holder):
            return UnassociateEip(eip, holder)
        case EipAssociate(eip=eip, to=to) | EipTry(eip=eip, to=to):
            return AssociateEip(eip, to)
        case _:
            return None


def _outcome(applied: Applied, write: Write, result: Failure | None, attempts: Attempts) -> Applied:
    """Learn from the result of one write."""
    so_far, step = applied.so_far, write.step
    if isinstance(step, EipTry):
        return _tried(applied, step, result, attempts)
    if not isinstance(result, Failure):
        if isinstance(step, (Move, Create, Bridge)):
            so_far = moved(so_far, step)
        # A bridge has several calls. Report only the entry that this call created: the others may have been refused.
        if isinstance(step, Bridge) and isinstance(write.call, CreateRoute):
            step = replace(step, missing=(write.call.destination,))
            attempts.accept(WriteTarget(Deed.CREATE, step.route.table, step.to.id))
        accepted = (*applied.accepted, write.call)
        return replace(
            applied,
            so_far=so_far,
            did=(*applied.did, in_words(step)),
            acts=(*applied.acts, act_of(step)),
            accepted=accepted,
        )
    applied = replace(applied, failed=(*applied.failed, result))
    # The platform may have carried it out before the answer was lost. The next read decides, see _recognise.
    if isinstance(step, (Move, Create, Bridge)) and result.kind not in _LEARNT:
        applied = replace(applied, unanswered=(*applied.unanswered, step))
    # Refused for what the entry is: the next decision bridges it instead (rule 1).
    if result.kind is FailureKind.NOT_IN_PLACE and isinstance(step, Move):
        return replace(applied, so_far=replace(so_far, not_in_place=so_far.not_in_place | {step.route}))
    if isinstance(step, Bridge) and _half_refused(step, result, so_far):
        return replace(applied, so_far=replace(so_far, half_refused=so_far.half_refused | {step.route}))
    if isinstance(step, Note) and result.kind is FailureKind.WORDS:
        so_far = replace(so_far, wordless=so_far.wordless | {step.route})
        # A person hears that a pause could not be written down, so only natkeeper's own notes are kept elsewhere.
        if not isinstance(so_far.wish, (Pause, Resume)):
            so_far = replace(so_far, unwritten={**so_far.unwritten, step.route: step.memory})
        applied = replace(applied, so_far=so_far)
    # Hold the failure against the hop or address that it names, so that the next candidate is tried at once (rule 12).
    target = target_of(step)
    if target is not None:
        return _held(applied, target, result, attempts)
    # A note of natkeeper's own is tried once, because a later sweep writes it again. A person's pause is not repeated
    # by anyone, so it gets all attempts.
    once = isinstance(step, Note) and not isinstance(so_far.wish, (Pause, Resume))
    if attempts.spent(subject(write.call), result, ONCE if once else MOST):
        return replace(applied, refused=(*applied.refused, subject(write.call)))
    return replace(applied, pause_s=max(applied.pause_s, PAUSES_S[0]))


def _half_refused(step: Bridge, failure: Failure, so_far: SoFar) -> bool:
    """Return True if the platform does not take a half as a destination, and finer parts were not begun yet."""
    finer = around_zero(step.route.destination)
    return failure.names is FailureSubject.DESTINATION and bool(finer) and step.route not in so_far.half_refused


def _tried(applied: Applied, step: EipTry, result: Failure | None, attempts: Attempts) -> Applied:
    """Learn whether the EIP may be bound to a gateway; that it is in use elsewhere is the answer that is hoped for."""
    target = WriteTarget(Deed.GIVE, None, step.to)
    if isinstance(result, Failure) and not (result.kind is FailureKind.BUSY and result.names is not FailureSubject.HOP):
        return _held(replace(applied, failed=(*applied.failed, result)), target, result, attempts)
    return replace(applied, so_far=replace(applied.so_far, bindable=applied.so_far.bindable | {step.to}))


def _held(applied: Applied, target: WriteTarget, failure: Failure, attempts: Attempts) -> Applied:
    """Hold a failure against what it names, once it was tried often enough."""
    refusal = attempts.judge(target, failure)
    if refusal is None:
        return replace(applied, pause_s=max(applied.pause_s, attempts.pause_s(target)))
    return replace(applied, so_far=replace(applied.so_far, refusals=(*applied.so_far.refusals, refusal)))


def moved(so_far: SoFar, step: Move | Create | Bridge) -> SoFar:
    """Remember for this run that `step` was carried out, and what its entry could not be given to remember."""
    if step.route in so_far.wordless:
        so_far = replace(so_far, unwritten={**so_far.unwritten, step.route: step.memory})
    return replace(so_far, moved={**so_far.moved, step.route: step.to})


def in_words(step: Step | EipStep, *, would: bool = False) -> str:
    """Say what a write did, or what it `would` do, and why."""
    match step:
        case Move(route=route, to=to, came_from=came_from, reason=reason):
            return f"{'move' if would else 'moved'} {route} from {came_from} to {to}: {reason}"
        case Create(route=route, to=to, reason=reason):
            return f"{'create' if would else 'created'} {route} to {to}: {reason}"
        case Bridge(route=route, missing=missing, to=to, reason=reason):
            parts = " and ".join(sorted(missing))
            return f"{'carry' if would else 'carried'} {route} to {to} over {parts}: {reason}"
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
        case EipAssociate(eip=eip, to=to, reason=reason):
            return Act("address", eip, to, why=reason)
        case EipUnassociate(eip=eip, holder=holder, reason=reason):
            return Act("address", eip, came_from=holder, why=reason)
        case _:
            raise TypeError(f"{type(step).__name__} writes nothing")
