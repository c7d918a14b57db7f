"""What is left of a run when its loop has ended: hand on, let the probe go on, repair gateways, find out what lasts."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.decision import Decision, Hold
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.episodes import NOTICES, EpisodeKind
from natkeeper.domain.probe_report import watched
from natkeeper.domain.refusals import Deed, Refusal
from natkeeper.domain.world import RouteView
from natkeeper.failover.apply import subject, writes_of
from natkeeper.failover.handing_on import hand_on
from natkeeper.failover.ledger import Ledger, without_old_proofs
from natkeeper.failover.pacing import LONG_LOOK, LONG_WORK, NOTE_UNTIL, RESUME_UNTIL, TOO_LATE
from natkeeper.failover.proof import to_prove
from natkeeper.failover.reports import check_beyond, resume
from natkeeper.failover.rollout import proven_scripts
from natkeeper.failover.seen import Seen
from natkeeper.failover.summary import GroupSummary
from natkeeper.ports import Clock, Run

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.ids import InstanceId
    from natkeeper.domain.troubles import Judged
    from natkeeper.domain.world import World
    from natkeeper.failover.dispatch import Assignment

MOVE_TAKES = timedelta(seconds=30)
"""For how long after a move begins the probe may lose what goes to the gateway before it, or waits for the EIP."""


def finish(
    assignment: Assignment,
    world: World,
    decision: Decision,
    seen: Seen,
    account: GroupSummary,
    ledger: Ledger,
    clock: Clock,
    deadline: datetime,
) -> Run[Decision]:
    """Hand on what there was no time for, do what could wait, and find out what lasts.

    Return the decision; in the run in which the platform refused a planned move that is to let it wait.
    """
    if account.planned and not assignment.read_only:
        from natkeeper.failover.putting_off import put_off  # nobody waits for a planned move

        decision = put_off(account.planned, decision, world, assignment.group, ledger, clock())
    if assignment.group.standby == "cold" and clock() < deadline:
        from natkeeper.failover import cold_start  # most groups have no cold standby

        read_only = assignment.read_only
        world = yield from cold_start.start(world, assignment.group, account, ledger, clock, read_only=read_only)
    # Hand on first: another instance of the function can begin with it while this one does the rest.
    if not assignment.read_only:
        if not account.handed_on and _left(decision, world, assignment.group, seen, account):
            account.handed_on = yield from hand_on(assignment, world, account, ledger.rest, clock())
        yield from _afterwards(assignment, world, seen, account, ledger, clock, deadline)
        account.join(ledger)
    early = assignment.read_only or clock() - account.began < LONG_LOOK  # the look at all tables takes as long
    if assignment.sweep and assignment.turn and account.written is None and early and clock() < deadline:
        from natkeeper.failover.vpc_survey import survey  # only a sweep has time for it

        trouble = yield from survey(world, assignment.group, ledger, clock, asked=assignment.read_only)
        account.problems += [trouble] if trouble and assignment.read_only else []
    if assignment.group.tag and assignment.sweep and not assignment.read_only and clock() < deadline:
        from natkeeper.failover import discovery  # most groups list their gateways

        trouble = yield from discovery.refresh(world, assignment.group, ledger, clock())
        account.problems += [trouble] if trouble else []
    if ledger.unguarded:
        from natkeeper.domain import unguarded  # most VPCs have none

        account.problems += unguarded.words(ledger.unguarded)
    _remember_refused(world, seen, ledger, clock())
    ledger.saw(seen.internet, clock())
    if _contradicted(assignment, world, seen):
        ledger.doubted = clock()
    account.problems += seen.trouble.values()
    yield from _episodes(assignment, world, decision, seen, account, ledger, clock, deadline)
    fresh = clock() - world.at < NOTE_UNTIL and clock() < deadline
    if (assignment.group.lane or ledger.old_lanes) and fresh and not (assignment.read_only or account.handed_on):
        from natkeeper.failover import lane  # last of all: no route waits for it

        reports = assignment.group.setup.mode == "off" or seen.setups is not None
        yield from lane.keep(world, assignment.group, decision, account, ledger, clock, reports=reports)
    return decision


def _contradicted(assignment: Assignment, world: World, seen: Seen) -> bool:
    """Return True if a check saw the internet where the probe had just lost it.

    A loss that began before a move had come to its end says nothing against the probe: the hop before it had failed.
    """
    report = assignment.report
    if report is None or not any(isinstance(seen.egress.get(hop), EgressSeen) for hop in world.so_far.to_check):
        return False
    views = (view for view in world.routes.values() if isinstance(view, RouteView))
    return all(view.remembered.since is None or report.since - view.remembered.since > MOVE_TAKES for view in views)


def _remember_refused(world: World, seen: Seen, ledger: Ledger, now: datetime) -> None:
    """Keep what the platform did not do for the next hops that were tried: later runs try others first."""
    ledger.busy = now if seen.busy else ledger.busy
    for target in seen.attempts.tried:
        for refusal in world.so_far.against(target.deed, table=target.table, hop=target.hop):
            # A right or a quota holds for all next hops, so it puts none of them last; the EIP is tried at one then.
            if target.deed in (Deed.GIVE, Deed.TAKE) or refusal.hop is not None:
                ledger.refused[Refusal(target.deed, "", target.table, target.hop, passing=refusal.passing)] = now


def _left(decision: Decision, world: World, policy: Group, seen: Seen, account: GroupSummary) -> bool:
    """Return True if something is left for a later run: after a write of its own, or where another task was in the way.

    What was refused is not: it would only be refused again.
    """
    if account.written is None and seen.busy and any(isinstance(step, Hold) for step in decision.steps):
        return True
    writes = writes_of(decision, world, policy)
    tried = account.written is not None or seen.one_by_one
    return tried and any(subject(write.call) not in seen.refused for write in writes)


def _afterwards(
    assignment: Assignment,
    world: World,
    seen: Seen,
    account: GroupSummary,
    ledger: Ledger,
    clock: Clock,
    deadline: datetime,
) -> Run[None]:
    """Do what can wait until the routes are safe: the probe goes on, gateways that failed a check are repaired."""
    policy = assignment.group
    # A run that wrote nothing has no right to last: other VPCs wait for the one running instance (rule 15).
    if clock() >= deadline or (account.written is None and clock() - account.began >= RESUME_UNTIL):
        return
    # The watch of a probe ended with its report. Without another call nobody looks before the next minute.
    reporter = None if assignment.report is None else policy.probe_of(watched(policy, assignment.report.function))
    if assignment.report is not None and reporter is not None:
        yield from resume(reporter, assignment.report, world, policy, clock())
    if account.written is None and not assignment.by_person and clock() - account.began >= LONG_WORK:
        return
    lost = frozenset(gateway for gateway in policy.gateways if isinstance(seen.egress.get(gateway), EgressLost))
    # If the internet itself is down, a lost check says nothing about the gateway, and a setup would repair nothing.
    if isinstance(seen.internet, EgressLost):
        lost = frozenset()
    if assignment.report is None or account.written is not None:  # a report alone is a reason to look, and nothing else
        lost |= to_prove(world, policy, seen.setups)
    report = _asked_to_report(assignment, world, seen, account)
    if assignment.lossy is not None and report:
        ledger.asked[assignment.lossy] = clock()
    if world.paused_until(clock()) is not None and not assignment.by_person:
        return  # the person who paused the group may be at work on its gateways
    if assignment.sweep or assignment.setup_now or lost or report:
        from natkeeper.failover.gateway_setup import set_up_gateways  # only a sweep or a repair sets gateways up

        # A new setup script goes to one group first; the others follow once a gateway has proven it.
        ledger.proven |= proven_scripts(seen.setups or ())
        proven = None if assignment.leads else frozenset(ledger.proven)
        if policy.tag:
            from natkeeper.failover import discovery  # most groups list their gateways

            policy = discovery.to_set_up(policy, ledger, assignment.setup_now if assignment.by_person else frozenset())
        kept = yield from set_up_gateways(
            policy,
            world,
            seen.setups,
            asked=assignment.setup_now,
            failed=lost | report,
            turn=assignment.turn,
            proven=proven,
            clock=clock,
        )
        if lost or assignment.setup_now or not report:  # a report is routine, and no act to tell of
            account.do(*kept.did)
            account.acts += kept.acts
        account.problems += kept.problems
        account.repaired = kept.repaired
        account.set_up = kept.started


def _asked_to_report(assignment: Assignment, world: World, seen: Seen, account: GroupSummary) -> frozenset[InstanceId]:
    """Return the gateway through which a probe lost something, if it still carries the route and is to blame."""
    if assignment.lossy is None or account.written is not None or isinstance(seen.internet, EgressLost):
        return frozenset()
    view = world.routes[watched(assignment.group, assignment.lossy)]
    hop = view.carries if isinstance(view, RouteView) else None
    return frozenset(each for each in assignment.group.gateways if hop is not None and each == hop.id)


def _episodes(
    assignment: Assignment,
    world: World,
    decision: Decision,
    seen: Seen,
    account: GroupSummary,
    ledger: Ledger,
    clock: Clock,
    deadline: datetime,
) -> Run[None]:
    """Find out what lasts, write it down where that may be done, and note what people are to be told of."""
    from natkeeper.domain.troubles import troubles_of  # the write of a route waits for none of these
    from natkeeper.failover.telling import settle

    policy = assignment.group
    in_time = account.written is not None or clock() - account.began < TOO_LATE  # people are told without a note, too
    reports = policy.setup.mode == "off" or seen.setups is not None
    ledger.last_fit |= {name: at for name, sight in world.gateways.items() if (at := sight.ready_at) is not None}
    if seen.setups is not None:
        from natkeeper.failover.overdue import without_the_late  # only a sweep reads reports

        world = without_the_late(world, policy, seen.setups, account.set_up, clock())
    early = account.written is not None or clock() - account.began < LONG_LOOK
    last = not (assignment.read_only or account.handed_on)
    if account.was_dark and early and last and clock() < deadline:
        world = yield from check_beyond(world, policy)
    if account.was_dark:
        world = without_old_proofs(world, ledger)
    judged = troubles_of(
        world,
        policy,
        decision,
        clock(),
        reports=reports,
        was_dark=account.was_dark,
        last_fit=ledger.last_fit,
        probes_work=not assignment.check,
    )
    judged = _with_unguarded(judged, ledger, policy)
    if ledger.finding is not None:
        from natkeeper.failover import discovery  # most groups list what they have

        judged = discovery.with_found(judged, ledger.finding, ledger, policy)
    if account.handed_on:  # a later run may still do something about it; people hear of what the chain does not mend
        judged = replace(judged, troubles=tuple(replace(trouble, at_once=False) for trouble in judged.troubles))
    # A read-only run judges with a copy: a person who looks must not use up what a sweep has to tell.
    known = deepcopy(ledger) if assignment.read_only else ledger
    sweep = assignment.sweep and not assignment.read_only and not account.handed_on
    fresh = clock() - world.at < NOTE_UNTIL  # a check or a look at the VPC's other tables may have taken seconds
    may_write = not seen.refused and clock() < deadline and in_time and fresh
    account.episodes = yield from settle(known, judged, world, policy, clock(), sweep=sweep, may_write=may_write)
    if EpisodeKind.FOUND in ledger.lasting and not assignment.read_only:
        ledger.heard = set(ledger.lasting[EpisodeKind.FOUND].trouble.about)
    expiring = (trouble for trouble in judged.troubles if trouble.kind is EpisodeKind.EXPIRING)
    account.problems += [f"{trouble.cause}; {trouble.todo}" for trouble in expiring]
    silent = known.lasting.keys() - NOTICES
    if any(isinstance(step, Hold) and step.soon for step in decision.steps):
        silent &= {EpisodeKind.DARK}  # a lost standby says nothing of the last gateway, and there are minutes to act
    account.troubled = bool(silent)
    account.blind = any(trouble.kind is EpisodeKind.BLIND for trouble in judged.troubles)


def _with_unguarded(judged: Judged, ledger: Ledger, policy: Group) -> Judged:
    """Add entries that nobody guards, as the latest look at the VPC's tables found them."""
    if ledger.surveyed is None:
        return judged
    if ledger.unguarded:
        from natkeeper.domain import unguarded  # most VPCs have none

        trouble = unguarded.trouble(ledger.unguarded, policy)
        if trouble is not None:
            return replace(judged, troubles=(*judged.troubles, trouble))
    return replace(judged, well=judged.well | {EpisodeKind.UNGUARDED})
