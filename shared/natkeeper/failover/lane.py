"""Keep the lane, once every guarded route is safe: what the probe saw through it, and the write that it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natkeeper.domain import lane
from natkeeper.domain.config import Route
from natkeeper.domain.decision import Create, Decision, Hold, Keep, Leave, Move, Retire
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.observed import EntryStatus, RouteEntry
from natkeeper.domain.world import RouteView, World
from natkeeper.failover.apply import act_of, bare, writes_of
from natkeeper.ports import CheckFromFunction, Failure, FailureKind, Run, Wait, ask

if TYPE_CHECKING:
    from natkeeper.domain.config import Group
    from natkeeper.failover.ledger import Ledger
    from natkeeper.failover.seen import Seen
    from natkeeper.failover.summary import GroupSummary
    from natkeeper.ports import Clock

REFUSED = "no lane is kept, because the entry could not be known again without a description: {failure}"


def look(
    world: World, policy: Group, seen: Seen, account: GroupSummary, ledger: Ledger, clock: Clock, *, read_only: bool
) -> Run[World]:
    """Add to `world` what the latest watch saw of the standby through the lane.

    A loss counts once Function Compute's own egress reaches the address: a target that is down says nothing of the
    standby.
    """
    now = clock()
    ledger.carried = lane.carries(world, policy, ledger.carried, now)
    less = lane.less_lossy(world, policy, ledger.lossy, ledger.carried, now)
    world = replace(world, so_far=replace(world.so_far, lossy=less))
    found = lane.seen(world, policy, ledger.lane, now)
    if found is None or found[0].id in seen.egress:
        return world
    hop, egress = found
    if isinstance(egress, EgressLost):
        if read_only:
            return world
        address = policy.probe.lane or ""
        there = yield from ask(CheckFromFunction((address,), policy.probe.check_s))
        if not isinstance(there, EgressSeen):
            account.problems.append(f"the lane proves nothing: {address} does not answer Function Compute either")
            return world
    seen.egress[hop.id] = egress
    return lane.with_seen(world, hop, egress)


def keep(
    world: World,
    policy: Group,
    decision: Decision,
    account: GroupSummary,
    ledger: Ledger,
    clock: Clock,
    *,
    reports: bool,
) -> Run[None]:
    """Write what the lane needs; nothing while a guarded route of the group is not at rest, or a person paused it.

    Only a run that has read the setup reports knows which standby is fit for it.
    """
    now = clock()
    if not _at_rest(world, decision) or world.paused_until(now) is not None or not (reports or ledger.old_lanes):
        return
    wanted = lane.wish(world, policy, now) if reports else None
    steps: list[lane.LaneStep] = [] if wanted is None else [wanted]
    if isinstance(wanted, Leave | Hold):
        account.problems.append(wanted.reason)
    # A lane of an earlier configuration goes first: there is never a second one.
    for entry in ledger.old_lanes:
        old = Route(table=entry.table, destination=entry.destination)
        steps.insert(0, Retire(old, (entry.id,), "the configuration no longer has it"))
    for step in steps:
        if ledger.lane_refused and isinstance(step, Move) and isinstance(world.lane, RouteEntry):
            step = Retire(step.route, (world.lane.id,), "its description is refused")  # noqa: PLW2901
        if not isinstance(step, Create | Move | Retire) or (ledger.lane_refused and isinstance(step, Create)):
            continue
        yield from _write(step, world, policy, account, ledger)
        return  # one route task at a time, and no lane beside one that could not be taken out; the next sweep goes on


def _at_rest(world: World, decision: Decision) -> bool:
    """Return True if every guarded table shows its routes, and none of them waits for anything."""
    views = [view for view in world.routes.values() if isinstance(view, RouteView)]
    entries = [entry for view in views for entry in view.entries]
    available = all(entry.status is EntryStatus.AVAILABLE for entry in entries)
    return (
        len(views) == len(world.routes)
        and available
        and decision.settled
        and all(isinstance(step, (Keep, Leave)) for step in decision.steps)
    )


def _write(
    step: Create | Move | Retire, world: World, policy: Group, account: GroupSummary, ledger: Ledger
) -> Run[None]:
    """Make the calls of one step, until one is accepted.

    The wait of no time puts them behind everything that the other groups of this run still have to write
    (together.py).
    """
    entry = world.lane if isinstance(world.lane, RouteEntry) else None
    around = replace(world, routes={step.route: RouteView(entry)})
    writes = writes_of(Decision(world.group, (step,)), around, policy)
    for write in writes:
        _, answer = yield (Wait(0.0), write.call)
        if not isinstance(answer, Failure):
            account.do(_in_words(step))
            account.acts.append(replace(act_of(step), kind="lane"))
            ledger.old_lanes = tuple(each for each in ledger.old_lanes if not _goes(step, each))
            return
        if answer.kind is FailureKind.WORDS and bare(write.call) != write.call:
            ledger.lane_refused = True
            account.problems.append(REFUSED.format(failure=answer))
        elif answer.kind is not FailureKind.BUSY:  # another route task of the VPC comes first; the next sweep goes on
            account.problems.append(f"the lane could not be kept: {answer}")


def _in_words(step: Create | Move | Retire) -> str:
    if isinstance(step, Retire):
        return f"took out the lane {step.route}: {step.reason}"
    return f"led the lane {step.route} through {step.to}: {step.reason}"


def _goes(step: Create | Move | Retire, entry: RouteEntry) -> bool:
    return isinstance(step, Retire) and entry.id in step.entries
