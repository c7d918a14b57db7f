"""The one loop: observe the world, decide, apply, observe again, until nothing is left to do or the deadline comes.

`guard` is a run for one group, a generator over ports.py. It holds no thread, no socket and no clock, so it can be
ended between any two calls, and the next run goes on from what the world shows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow
from natkeeper.domain.decide import decide
from natkeeper.domain.decision import Await, Bridge, Create, Decision, EipAwait, Hold, Keep, Move, Verify
from natkeeper.domain.egress import EgressLost
from natkeeper.domain.episodes import EpisodeKind
from natkeeper.domain.evidence import stronger
from natkeeper.domain.health import Unknown
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import Instance, NextHop, Unseen
from natkeeper.domain.world import RouteView, SoFar, World, belongs
from natkeeper.failover.afterwards import finish
from natkeeper.failover.apply import Applied, Write, act_of, apply, in_words, moved, shown, subject, writes_of
from natkeeper.failover.handing_on import MOST_TAKE, hand_on
from natkeeper.failover.ledger import Ledger, still_dark
from natkeeper.failover.observe import Question, observe, observe_setups
from natkeeper.failover.pacing import (
    BLIND_FOR,
    CHECK_BEFORE,
    CHECK_UNTIL,
    EIP_TAKES,
    ROUTE_TAKES,
    STALE,
    TOO_LATE,
    due,
    first_try,
    is_old,
    lags_behind,
    moved_lately,
    over,
    pause,
    poll,
    took_long,
    unseen,
)
from natkeeper.failover.proof import checking_bad_reports
from natkeeper.failover.reports import apply_report
from natkeeper.failover.seen import Seen
from natkeeper.failover.summary import GroupSummary
from natkeeper.failover.verify import PATIENCE, check_egress, way_to
from natkeeper.ports import (
    AssociateEip,
    Clock,
    FailureKind,
    Run,
    UnassociateEip,
    Wait,
    ask,
)

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.failover.dispatch import Assignment
    from natkeeper.receipt import Receipt

BARE = Question(thorough=False)
"""What a write changes, and nothing else."""
WATCH_S = 0.5
"""How long to wait before looking again for a change that a signal announced."""


def guard(
    assignment: Assignment, run: str, clock: Clock, deadline: datetime, ledger: Ledger | None = None
) -> Run[Receipt]:
    """Run the loop for one group and account for it.

    `run` is the id that its receipt carries, `ledger` what this process knows of the group's troubles.
    """
    ledger = Ledger() if ledger is None else ledger
    ledger.since = ledger.since or clock()
    policy = assignment.group
    account, seen, so_far, report = (
        GroupSummary(clock()),
        Seen(
            gone=set(map(InstanceId, assignment.deleted)),
            one_by_one=assignment.links > 0 or ledger.busy_lately(clock()),
            owners=ledger.owners,
            instances=ledger.instances,
            bared=ledger.bared,
        ),
        SoFar(assignment.wish, watched_since=ledger.since, refused_lately=ledger.refused_lately(clock())),
        assignment.report,
    )
    question, checked = Question(internet=assignment.report is not None), False
    while True:
        # Level-triggered: each round reads the world anew, so no step rests on what an earlier round believed.
        asked = clock()
        world = yield from _read(policy, question, seen, so_far, account, ledger, clock)
        world, account.was_dark = still_dark(world, policy, ledger, known=account.was_dark, check=assignment.check)
        # A probe report puts a mark on the hop that it looked through, so it joins the world before the decision.
        if report is not None:
            world, report = apply_report(world, policy, report, seen, account, clock())
        decision = decide(world, policy, clock())
        seen.sighted = seen.sighted or (None if unseen(world) else clock())
        if assignment.sweep and not seen.asked_setups and not writes_of(decision, world, policy):
            # No route waits for a write, so there is time for what only a sweep reads.
            world = yield from _read_more(assignment, world, seen, account, ledger, clock)
            decision = decide(world, policy, clock())
        # Record the decision before any way out of the loop: a receipt of `status`, or of a run that has no time left,
        # still has to say what would be done.
        account.decide(world, policy, decision)
        if assignment.read_only or clock() >= deadline:
            break
        if decision.settled:
            next_question = yield from _look_again(assignment, world, decision, seen, account, ledger, clock)
            if next_question is None:
                break
            so_far, question = world.so_far, next_question
            continue
        # The platform has no compare-and-set: a read that took long may describe an entry that has changed since.
        again = question != BARE and not ledger.reads_slowly(clock())
        if again and is_old(decision, world, account, seen, asked, clock()):
            so_far, question = world.so_far, BARE
            continue
        # What was refused in this run stays refused until the next: repeating it would cost the time of other writes.
        wanted = [write for write in writes_of(decision, world, policy) if subject(write.call) not in seen.refused]
        writes = due(wanted, world, policy, seen, clock())
        refused = not wanted and not _waits(decision) and not any(isinstance(step, Verify) for step in decision.steps)
        if not (writes or refused) and _others_first(assignment, decision, wanted, seen, clock()):
            account.handed_on = yield from hand_on(assignment, world, account, ledger.rest, clock())
        # End in good time rather than at the deadline: verification, episodes and the receipt still need seconds.
        tried = clock() - account.began
        more = (checked and tried < TOO_LATE) or first_try(writes, account, seen, clock())
        if refused or account.handed_on or (took_long(decision, world, account, seen, clock()) and not more):
            break
        # All writes wait for the platform to finish an earlier one. Read only what that one changes.
        if wanted and not writes:
            yield from poll(seen)
            so_far, question = world.so_far, BARE
            continue
        so_far, checked = yield from _act(decision, writes, world, policy, seen, account, clock, deadline)
        world = ledger.keep(so_far, world, policy)
        if over(account, seen, clock()):
            break
        question = Question(thorough=False, internet=_ask_internet(seen))
    decision = yield from finish(assignment, world, decision, seen, account, ledger, clock, deadline)
    return account.close(assignment, run, world, decision, clock())


def _read(
    policy: Group, question: Question, seen: Seen, so_far: SoFar, account: GroupSummary, ledger: Ledger, clock: Clock
) -> Run[World]:
    """Read the world, add what the process knows besides, and learn whether tables take long to read."""
    asked = clock()
    world = yield from observe(policy, question, seen, so_far, clock)
    account.observe(clock())
    if question == BARE and clock() - asked > STALE:
        ledger.slow = clock()
    # An earlier write may have been carried out although its answer was lost. Recognise that before deciding,
    # or the same move would be made, and reported, twice.
    return ledger.informed(world, _recognise(world, seen, account, clock()), policy)


def _read_more(
    assignment: Assignment, world: World, seen: Seen, account: GroupSummary, ledger: Ledger, clock: Clock
) -> Run[World]:
    """Add to `world` what only a sweep reads: setup reports, and what the probe saw through the lane."""
    policy = assignment.group
    world = checking_bad_reports((yield from observe_setups(policy, world, seen, clock)), policy)
    if policy.lane is None:
        return world
    from natkeeper.failover import lane  # the write of a route does not wait for it

    return (yield from lane.look(world, policy, seen, account, ledger, clock, read_only=assignment.read_only))


def _recognise(world: World, seen: Seen, account: GroupSummary, now: datetime) -> SoFar:
    """Count a move whose answer was lost as made, once the table shows that it was."""
    so_far = world.so_far
    for route, step in list(seen.unanswered.items()):
        view = world.routes[route]
        # A table that cannot be read shows nothing; the next read may.
        if not isinstance(view, RouteView) or step.memory.since is None:
            continue
        # The next hop alone proves nothing, because a person may have set it. The time in the entry is this move's.
        entries = [*view.bridge, *([view.whole] if view.whole is not None else [])]
        there = {entry.destination for entry in entries if entry.next_hop == step.to}
        wanted = set(step.missing) if isinstance(step, Bridge) else {route.destination}
        known = view.remembered.since == step.memory.since.replace(microsecond=0) or route in so_far.wordless
        if known and wanted <= there:
            del seen.unanswered[route]
            account.do(in_words(step))
            account.acts.append(act_of(step))
            account.written = account.written or now
            seen.patient_until = max(seen.patient_until or now, now + ROUTE_TAKES)
            so_far = moved(so_far, step)
    return so_far


def _act(
    decision: Decision,
    writes: tuple[Write, ...],
    world: World,
    policy: Group,
    seen: Seen,
    account: GroupSummary,
    clock: Clock,
    deadline: datetime,
) -> Run[tuple[SoFar, bool]]:
    """Write what is decided; where there is nothing to write, check or wait. Return True with it after a check.

    Where only planned moves are left to write, their relays come first, and the world is read again before the moves.
    """
    if policy.relay is not None:  # imported late: without the key no move needs it
        from natkeeper.failover import relay

        writes, relays = relay.before(writes, world, policy, seen)
        if relays:
            yield from relay.arm(relays, policy, seen, account, clock, deadline)
            return world.so_far, False
    applied = yield from apply(writes, world.so_far, seen.attempts)
    # Learn from the answers first: what is waited for and looked at below depends on them.
    _account_for(applied, writes, world, seen, account, clock())
    # Nothing was accepted, so nothing new can be read: just wait. Otherwise polling shows when the platform is done.
    if applied.pause_s and not applied.accepted:
        yield from pause(applied.pause_s, account, clock())
    elif applied.pause_s or (not writes and _waits(decision)):
        yield from poll(seen)
    checked = False
    if applied.pause_s:
        return applied.so_far, checked  # a write is to be tried again: a check could take all the time there is for it
    # One check for each next hop is enough: several routes may lead through it.
    for step in decision.steps:
        if isinstance(step, Verify) and step.hop.id not in seen.egress:
            checked = True
            yield from _check(step, world, policy, seen, account, clock, deadline)
    return applied.so_far, checked


def _account_for(
    applied: Applied, writes: tuple[Write, ...], world: World, seen: Seen, account: GroupSummary, now: datetime
) -> None:
    """Keep what the writes of a moment have taught."""
    # Something changes now, so poll quickly again.
    if applied.accepted:
        account.written = account.written or now
        seen.polls = 0
    account.do(*applied.did)
    account.acts += applied.acts
    account.fail(applied.failed)
    seen.refused.update(applied.refused)
    seen.busy = seen.busy or any(failure.kind is FailureKind.BUSY for failure in applied.failed)
    seen.one_by_one = seen.one_by_one or seen.busy
    # A check proves a next hop only on the path that it took. A write changed the path, so look again. A lost check
    # stays, or the same gateway would be tried twice in a run.
    for write in writes:
        if isinstance(write.step, (Move, Create, Bridge)):
            seen.unanswered.pop(write.step.route, None)
            left = None if isinstance(write.step, Create) else write.step.came_from
            for hop in filter(None, (write.step.to, left)):
                if not isinstance(seen.egress.get(hop.id), EgressLost):
                    seen.egress.pop(hop.id, None)
    seen.unanswered.update({step.route: step for step in applied.unanswered})
    # Reads lag behind accepted writes. Keep what was shown before, to recognise an old answer by it.
    for call in applied.accepted:
        seen.written[subject(call)] = shown(world, call), now, call
        usual = EIP_TAKES if isinstance(call, (AssociateEip, UnassociateEip)) else ROUTE_TAKES
        seen.patient_until = max(seen.patient_until or now, now + usual)


def _check(
    step: Verify, world: World, policy: Group, seen: Seen, account: GroupSummary, clock: Clock, deadline: datetime
) -> Run[None]:
    """See whether the internet is reached through the next hop of `step`, if there is time for it."""
    # The probe has just lost the internet there: one check is enough to confirm it. After a move the platform may still
    # be at work, so a first failure is no proof and there is patience for another.
    reported = step.hop.id in world.so_far.to_check and not moved_lately(world, clock())
    patience = timedelta(0) if reported else PATIENCE
    # Nothing was written yet, so a write may still have to come: leave time for it.
    if account.written is None:
        deadline, left = min(deadline, account.began + CHECK_UNTIL), account.began + CHECK_BEFORE - clock()
        if left < timedelta(0):
            seen.egress[step.hop.id] = Unseen("there was no time left for a check")
            return
        patience = min(patience, left)  # nor is there time for another one later
    way = way_to(step, world, policy)
    found = yield from check_egress(policy, way, step.hop, _others(world, policy, step.hop), clock, deadline, patience)
    # A gateway may reach the internet itself and forward nothing: the probe's report weighs more than its own check.
    found = stronger(found, seen.reported.pop(step.hop.id, None))
    seen.egress[step.hop.id] = found
    # Kept with the entry as it was: if that changes meanwhile, the check was of another path.
    view = world.routes[way]
    if isinstance(view, RouteView) and view.whole is not None:
        seen.checked[step.hop.id] = view.whole
    if isinstance(found, Unseen):
        account.problems.append(f"not verified: {found.reason}")


def _others(world: World, policy: Group, hop: NextHop) -> frozenset[str]:
    """List the public addresses of the gateways besides `hop`; none where one address follows the route."""
    if isinstance(policy.address, Follow):
        return frozenset()
    instances = (sight.instance for gateway, sight in world.gateways.items() if gateway != hop.id)
    return frozenset(i.public_ip for i in instances if isinstance(i, Instance) and i.public_ip is not None)


def _waits(decision: Decision) -> bool:
    """Return True if the platform is at work on something."""
    return any(isinstance(step, Await) for step in decision.steps) or isinstance(decision.eip, EipAwait)


def _others_first(assignment: Assignment, decision: Decision, wanted: list[Write], seen: Seen, now: datetime) -> bool:
    """Return True if a run that writes nothing now only waits for the platform: other VPCs need not wait with it.

    A write that takes no longer than most is waited for, unless they are known to take longer, and so is an EIP on its
    way: nobody behind the route has the internet meanwhile. A check that is due does not count as waiting, unless
    writes come first.
    """
    if assignment.alone or isinstance(decision.eip, EipAwait):
        return False
    if not assignment.links and any(now - at < MOST_TAKE for _, at, _ in seen.written.values()):
        return False
    return bool(wanted) or all(step.hop.id in seen.egress for step in decision.steps if isinstance(step, Verify))


def _ask_internet(seen: Seen) -> bool:
    """Return True if it is time to ask if the internet itself is there: a check was lost, and nobody has asked yet."""
    return seen.internet is None and any(isinstance(check, EgressLost) for check in seen.egress.values())


def _look_again(
    assignment: Assignment,
    world: World,
    decision: Decision,
    seen: Seen,
    account: GroupSummary,
    ledger: Ledger,
    clock: Clock,
) -> Run[Question | None]:
    """Wait where a settled world may change in a moment, and say what to read then; None where it will not."""
    # A reading that lags behind an accepted move shows a world in which nothing is left to do.
    if lags_behind(world, seen, clock()):
        yield from poll(seen)
        return BARE
    # The APIs lag behind the event that woke this run. A short wait here costs less than a minute until the sweep.
    if _worth_watching(assignment, world, decision, account, ledger, clock()):
        yield from ask(Wait(WATCH_S))
        return Question()
    return None


def _worth_watching(
    assignment: Assignment, world: World, decision: Decision, account: GroupSummary, ledger: Ledger, now: datetime
) -> bool:
    """Return True if what the signal announced may show in a moment: the state decides, but it may lag.

    Worth it while a gateway that carries a route and was named by an ominous signal still looks well; and, after such
    a signal or a write of our own, while what carries a route cannot be seen. So it is in any run while people have
    not been told of that: one slow answer does not make an episode.
    """
    waited = now - account.began
    known = ledger.lasting.get(EpisodeKind.BLIND)
    news = known is None or known.told is None
    if (
        (assignment.patience or account.did or news)
        and waited < BLIND_FOR
        and _blind(world, assignment.group, decision)
    ):
        return True
    if account.did or waited >= assignment.patience:
        return False
    for step in decision.steps:
        if isinstance(step, Keep) and step.hop is not None and step.hop.id in assignment.ominous:
            return True
    return False


def _blind(world: World, policy: Group, decision: Decision) -> bool:
    """Return True if a route is held because something that decides about it could not be read."""
    for step in decision.steps:
        view = world.routes[step.route]
        if isinstance(view, Unseen):
            return True
        hop = None if view.whole is None else view.whole.next_hop
        if hop is not None and belongs(hop, policy) and isinstance(world.health(hop, policy), Unknown):
            return True
        if isinstance(step, Hold) and isinstance(world.fallback, Unseen):
            return True
    return False
