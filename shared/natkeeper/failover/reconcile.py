"""The one loop: observe the world, decide, apply, observe again, until nothing is left to do or the deadline comes.

`guard` is a run for one group; `together` merges the runs of several groups so that their calls are made at once.
Both are generators over ports.py: they hold no thread, no socket and no clock, so they can be ended between any two
calls, and the next run goes on from what the world shows.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow
from natkeeper.domain.decide import decide
from natkeeper.domain.decision import Await, Bridge, Create, Decision, EipAwait, Hold, Keep, Move, Verify
from natkeeper.domain.egress import EgressLost
from natkeeper.domain.evidence import stronger
from natkeeper.domain.health import Unknown
from natkeeper.domain.observed import Instance, Unseen
from natkeeper.domain.probe_report import PROMPT, believe, watched
from natkeeper.domain.world import RouteView, SoFar, World, belongs
from natkeeper.failover.apply import Write, act_of, apply, in_words, moved, shown, subject, writes_of
from natkeeper.failover.gateway_setup import upkeep
from natkeeper.failover.observe import Question, Seen, observe, observe_setups
from natkeeper.failover.proof import to_prove
from natkeeper.failover.summary import Account
from natkeeper.failover.verify import PATIENCE, look
from natkeeper.ports import (
    Batch,
    Clock,
    Failure,
    FailureKind,
    HandOver,
    LookThroughProbe,
    ReadLook,
    ReadSetups,
    Run,
    StartLook,
    StartSetup,
    Wait,
    ask,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from natkeeper.domain.config import Config, Group, Route
    from natkeeper.domain.observed import NextHop
    from natkeeper.domain.signals import ProbeReport
    from natkeeper.failover.dispatch import Errand
    from natkeeper.receipt import Receipt

POLL_S = 0.3
"""How long to wait before looking again at something the platform is at work on."""
BLIND_FOR = timedelta(seconds=20)
"""How long to go on trying to see a world that a signal says is in trouble; after that the next sweep tries."""
STALE = timedelta(seconds=2)
"""How old what was read may be when it is acted on: one slow answer among the reads makes the others old."""
LAG = timedelta(seconds=10)
"""How long an accepted write may stay invisible before it is made once more."""
BARE = Question(thorough=False)
"""What a write changes, and nothing else."""
WATCH_S = 0.5
"""How long to wait before looking again for a change that a signal announced."""

_SLOW = (Wait, LookThroughProbe, StartLook, ReadLook, StartSetup, ReadSetups, HandOver)


def guard(errand: Errand, run: str, clock: Clock, deadline: datetime) -> Run[Receipt]:
    """Run the loop for one group and account for it. `run` is the id that its receipt carries."""
    policy = errand.group
    account, seen, so_far, report = Account(clock()), Seen(), SoFar(wish=errand.wish), errand.report
    question = Question(internet=errand.report is not None)
    while True:
        asked = clock()
        world = yield from observe(policy, question, seen, so_far, clock)
        account.observe(clock())
        world = replace(world, so_far=_recognise(world, seen, account))
        if report is not None:
            world, report = _suspect(world, policy, report, seen, account, clock())
        decision = decide(world, policy, clock())
        if errand.sweep and not seen.asked_setups and not writes_of(decision, world, policy):
            # No route waits for a write, so there is time for what only a sweep reads.
            world = yield from observe_setups(policy, world, seen, clock)
            decision = decide(world, policy, clock())
        account.decide(world, policy, decision)
        if errand.read_only or account.denied or clock() >= deadline:
            break
        if decision.settled:
            if not _worth_watching(errand, world, decision, account, clock()):
                break
            yield from ask(Wait(WATCH_S))
            so_far, question = world.so_far, Question()
            continue
        if clock() - asked > STALE and question != BARE and not _unseen(world):
            so_far, question = world.so_far, BARE
            continue
        wanted = [write for write in writes_of(decision, world, policy) if write.call not in seen.refused]
        writes = tuple(write for write in wanted if not _lags(world, write, seen, clock()))
        if not wanted and not _waits(decision) and not any(isinstance(step, Verify) for step in decision.steps):
            break  # what remains to be done was refused, and will be
        if wanted and not writes:
            yield from ask(Wait(POLL_S))
            so_far, question = world.so_far, BARE
            continue
        so_far = yield from _act(decision, writes, world, policy, seen, account, clock, deadline)
        question = Question(thorough=seen.partly, internet=_in_doubt(seen))
    if not errand.read_only:
        yield from _afterwards(errand, world, seen, account, clock, deadline)
    account.problems += seen.trouble.values()
    return account.close(errand, run, world, decision, clock())


def together(runs: Mapping[str, Run[Receipt]]) -> Run[dict[str, Receipt]]:
    """Merge runs: each round makes the calls of every run that still goes on in one batch.

    A round lasts as long as its slowest call, so looks and long work wait until no run has anything quick to ask: one
    group's look must not stand between another group's reads and its write.
    """
    done: dict[str, Receipt] = {}
    pending: dict[str, Batch] = {name: next(run) for name, run in runs.items()}
    while pending:
        quick = {name: batch for name, batch in pending.items() if not any(isinstance(call, _SLOW) for call in batch)}
        turn = quick or dict(pending)
        results = iter((yield tuple(call for batch in turn.values() for call in batch)))
        for name, batch in turn.items():
            answers = [next(results) for _ in batch]
            try:
                pending[name] = runs[name].send(answers)
            except StopIteration as stop:
                done[name] = stop.value
                del pending[name]
    return {name: done[name] for name in runs}


def hand_over(receipts: Sequence[Receipt], config: Config, function: str) -> Run[str | None]:
    """Give receipts to the function that tells people; answers what went wrong, which changes nothing else."""
    style = {"language": config.language, "timezone": config.timezone, "runbook": config.runbook}
    tell = {"tell": [receipt.as_json() for receipt in receipts], "style": {k: v for k, v in style.items() if v}}
    payload = json.dumps(tell, ensure_ascii=False).encode()
    answer = yield from ask(HandOver(function, payload))
    return f"people could not be told: {answer}" if isinstance(answer, Failure) else None


def _suspect(
    world: World, policy: Group, report: ProbeReport, seen: Seen, account: Account, now: datetime
) -> tuple[World, ProbeReport | None]:
    """Take the probe's report for what it is: something seen, at a time, through the route as it was then.

    It is judged once, by the first world that shows what it is about: what is mended later proves nothing any more. An
    old report makes us look, nothing else: the EIP may have arrived since. The report is given back while it cannot be
    judged.
    """
    if seen.egress or world.so_far.moved:
        return world, None
    if isinstance(world.routes[watched(policy)], Unseen) or isinstance(world.eip, Unseen):
        return world, report
    belief = believe(world, policy, report, now)
    if isinstance(belief, str):
        account.problems.append(belief)
        return world, None
    hop, lost = belief
    looked = report.lasted or timedelta(seconds=policy.probe.look_s * report.failures)
    if now - report.since > looked + PROMPT:
        seen.reported[hop.id] = lost
        return replace(world, so_far=replace(world.so_far, doubted=frozenset({hop.id}))), None
    seen.egress[hop.id] = lost
    return _with_egress(world, policy, hop, lost), None


def _with_egress(world: World, policy: Group, hop: NextHop, lost: EgressLost) -> World:
    if hop.id == policy.fallback:
        return replace(world, fallback_egress=lost)
    gateways = {g: replace(sight, egress=lost) if g == hop.id else sight for g, sight in world.gateways.items()}
    return replace(world, gateways=gateways)


def _recognise(world: World, seen: Seen, account: Account) -> SoFar:
    """Count a move whose answer was lost as made, once the table shows that it was."""
    so_far = world.so_far
    for route, step in list(seen.unanswered.items()):
        view = world.routes[route]
        if not isinstance(view, RouteView) or step.memory.since is None:
            continue
        entries = [*view.halves, *([view.whole] if view.whole is not None else [])]
        there = {entry.destination for entry in entries if entry.next_hop == step.to}
        wanted = set(step.missing) if isinstance(step, Bridge) else {route.destination}
        if view.remembered.since == step.memory.since.replace(microsecond=0) and wanted <= there:
            del seen.unanswered[route]
            account.do(in_words(step))
            account.acts.append(act_of(step))
            so_far = moved(so_far, step)
    return so_far


def _act(
    decision: Decision,
    writes: tuple[Write, ...],
    world: World,
    policy: Group,
    seen: Seen,
    account: Account,
    clock: Clock,
    deadline: datetime,
) -> Run[SoFar]:
    """Write what is decided; where there is nothing to write, look or wait."""
    applied = yield from apply(writes, world.so_far)
    if applied.did and account.written is None:
        account.written = clock()
    account.do(*applied.did)
    account.acts += applied.acts
    account.fail(applied.failed)
    seen.refused.update(applied.refused)
    for write in writes:
        if isinstance(write.step, (Move, Create, Bridge)):
            seen.unanswered.pop(write.step.route, None)
            left = None if isinstance(write.step, Create) else write.step.came_from
            for hop in filter(None, (write.step.to, left)):
                if not isinstance(seen.egress.get(hop.id), EgressLost):
                    seen.egress.pop(hop.id, None)  # a look from before the route left it: look again
    seen.unanswered.update({step.route: step for step in applied.unanswered})
    again = any(failure.kind is not FailureKind.NOT_IN_PLACE for failure in applied.failed)
    for call in applied.accepted:
        seen.written[subject(call)] = shown(world, call), clock()
    if again or (not writes and _waits(decision)):
        yield from ask(Wait(POLL_S))
    for step in decision.steps:
        if isinstance(step, Verify) and step.hop.id not in seen.egress:
            others = _others(world, policy, step.hop)
            reported = step.hop.id in world.so_far.doubted and not world.so_far.moved
            patience = timedelta(0) if reported else PATIENCE
            way = _way(world, policy, step)
            found = yield from look(policy, way, step.hop, others, clock, deadline, patience)
            found = stronger(found, seen.reported.pop(step.hop.id, None))
            seen.egress[step.hop.id] = found
            view = world.routes[way]
            if isinstance(view, RouteView) and view.whole is not None:
                seen.looked[step.hop.id] = view.whole
            if isinstance(found, Unseen):
                account.problems.append(f"not verified: {found.reason}")
    return applied.so_far


def _way(world: World, policy: Group, step: Verify) -> Route:
    """Name the route to look along: the probe's where it leads to the same hop, for it sees more than the hop does."""
    view = world.routes[watched(policy)]
    same = isinstance(view, RouteView) and view.carries == step.hop and policy.looked_at_by_probe(watched(policy))
    return watched(policy) if same else step.route


def _lags(world: World, write: Write, seen: Seen, now: datetime) -> bool:
    """Say whether the world still shows exactly what it did before an accepted write: a read that lags behind."""
    if subject(write.call) not in seen.written:
        return False
    before, at = seen.written[subject(write.call)]
    return now - at < LAG and before == shown(world, write.call)


def _others(world: World, policy: Group, hop: NextHop) -> frozenset[str]:
    """List the public addresses of the gateways besides `hop`; none where one address follows the route."""
    if isinstance(policy.address, Follow):
        return frozenset()
    instances = (sight.instance for gateway, sight in world.gateways.items() if gateway != hop.id)
    return frozenset(i.public_ip for i in instances if isinstance(i, Instance) and i.public_ip is not None)


def _unseen(world: World) -> bool:
    """Say whether a route table could not be read at all: reading it again at once would take as long again."""
    return any(isinstance(view, Unseen) for view in world.routes.values())


def _waits(decision: Decision) -> bool:
    """Say whether the platform is at work on something."""
    return any(isinstance(step, Await) for step in decision.steps) or isinstance(decision.eip, EipAwait)


def _in_doubt(seen: Seen) -> bool:
    """Say whether it is time to ask if the internet itself is there: a look was lost, and nobody has asked yet."""
    return seen.internet is None and any(isinstance(look, EgressLost) for look in seen.egress.values())


def _afterwards(
    errand: Errand, world: World, seen: Seen, account: Account, clock: Clock, deadline: datetime
) -> Run[None]:
    """Do what can wait until the routes are safe: the probe goes on, gateways that failed a look are repaired."""
    policy = errand.group
    if clock() >= deadline:
        return
    if errand.report is not None and policy.probe.function is not None:
        yield from _resume_probe(policy.probe.function, errand.report, world, policy, clock())
    lost = frozenset(gateway for gateway in policy.gateways if isinstance(seen.egress.get(gateway), EgressLost))
    if isinstance(seen.internet, EgressLost):
        lost = frozenset()
    lost |= to_prove(world, policy, seen.setups)
    if world.paused_until(clock()) is not None and not errand.by_person:
        return  # whoever paused the group may be at work on its gateways
    if errand.sweep or errand.setup_now or lost:
        kept = yield from upkeep(
            policy, world, seen.setups, asked=errand.setup_now, failed=lost, turn=errand.turn, clock=clock
        )
        account.do(*kept.did)
        account.acts += kept.acts
        account.problems += kept.problems
        account.repaired = kept.repaired


def _worth_watching(errand: Errand, world: World, decision: Decision, account: Account, now: datetime) -> bool:
    """Say whether what the signal announced may show in a moment: the state decides, but it may lag.

    Worth it while a gateway that carries a route and was named by an ominous signal still looks well; and, after such
    a signal or a write of our own, while what carries a route cannot be seen.
    """
    waited = now - account.began
    if (errand.patience or account.did) and waited < BLIND_FOR and _blind(world, errand.group, decision):
        return True
    if account.did or waited >= errand.patience:
        return False
    for step in decision.steps:
        if isinstance(step, Keep) and step.hop is not None and step.hop.id in errand.ominous:
            return True
    return False


def _blind(world: World, policy: Group, decision: Decision) -> bool:
    """Say whether a route is held because something that decides about it could not be read."""
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


def _resume_probe(function: str, report: ProbeReport, world: World, policy: Group, now: datetime) -> Run[None]:
    """Let the watch go on that ended with its report; not while the internet is lost, or it would ask for ever.

    It goes on until it would have ended: each minute begins a watch of its own, and more of them than one would only
    stand in each other's way.
    """
    if report.until is not None and report.until <= now:
        return
    hops = (view.carries for view in world.routes.values() if isinstance(view, RouteView))
    ours = [hop for hop in hops if hop is not None and belongs(hop, policy)]
    if not any(isinstance(world.egress(hop), EgressLost) for hop in ours):
        until = "" if report.until is None else f',"until":{report.until.timestamp():.3f}'
        yield from ask(HandOver(function, f'{{"action":"watch"{until}}}'.encode()))
