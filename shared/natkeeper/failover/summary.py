"""What a run will tell, gathered while it goes on, and made into a receipt at its end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from natkeeper.domain import evidence
from natkeeper.domain.capacity import after_moves
from natkeeper.domain.config import Follow
from natkeeper.domain.decision import (
    Bridge,
    Create,
    Decision,
    EipAssociate,
    EipHold,
    EipUnassociate,
    Hold,
    Leave,
    Move,
    Note,
    Refuse,
    Retire,
    Step,
    Verify,
)
from natkeeper.domain.egress import EvidenceKind
from natkeeper.domain.health import Draining, Healthy, Unhealthy, Unknown, remark
from natkeeper.domain.marks import with_marks
from natkeeper.domain.observed import NextHop
from natkeeper.domain.selection import cold_standbys, each_other, left_of, standbys
from natkeeper.domain.world import RouteView, World, belongs, hops_of
from natkeeper.failover.apply import in_words
from natkeeper.ports import Failure
from natkeeper.receipt import Act, Outcome, Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.episodes import Episode
    from natkeeper.domain.evidence import Evidence
    from natkeeper.domain.health import Health
    from natkeeper.domain.ids import InstanceId
    from natkeeper.failover.dispatch import Assignment
    from natkeeper.failover.ledger import Ledger
    from natkeeper.failover.status import Json

_CHANGES = (Move, Create, Bridge, Retire, Note, EipUnassociate, EipAssociate)


@dataclass(slots=True)
class GroupSummary:
    """Facts of one run for one group. `observed` is when it first saw, `written` when a first write was accepted.

    `handed_on`: a later run goes on with what is left. `joined`: it tells a move that an earlier run left to it.
    """

    began: datetime
    observed: datetime | None = None
    written: datetime | None = None
    saw: tuple[str, ...] = ()
    decided: list[str] = field(default_factory=list)
    did: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    repaired: tuple[str, ...] = ()
    set_up: frozenset[InstanceId] = frozenset()
    """Gateways whose setup this run has started."""
    failures: dict[str, str] = field(default_factory=dict)
    episodes: tuple[Episode, ...] = ()
    troubled: bool = False
    blind: bool = False
    was_dark: bool = False
    handed_on: bool = False
    joined: bool = False
    planned: set[tuple[Route, NextHop]] = field(default_factory=set)
    would: str = ""
    """What a read-only run would do besides writing routes."""

    def observe(self, now: datetime) -> None:
        """Note when the world was first seen."""
        self.observed = self.observed or now

    def do(self, *deeds: str) -> None:
        """Note what was done; two calls for one deed are one."""
        self.did += [deed for deed in deeds if deed not in self.did]

    def fail(self, failures: Iterable[Failure]) -> None:
        """Note writes that failed; a trouble that repeats is noted once."""
        for failure in failures:
            self.failures.setdefault(failure.brief, str(failure))

    def decide(self, world: World, policy: Group, decision: Decision) -> None:
        """Note what was seen at first, and every decision that differs from the one before."""
        self.planned.update(decision.planned)
        if not self.saw:
            self.saw = _saw(world, policy)
        sentence = decision.sentence()
        if not self.decided or self.decided[-1] != sentence:
            self.decided.append(sentence)

    def join(self, ledger: Ledger) -> None:
        """Leave what was done for the run that finishes it to tell, or tell what earlier runs left so."""
        self.joined = not self.handed_on and any(deed.startswith("moved ") for deed in ledger.did)
        did, acts = [*ledger.did, *self.did], [*ledger.acts, *self.acts]
        ledger.did, ledger.acts = (did, acts) if self.handed_on else ([], [])
        if not self.handed_on:
            self.did, self.acts = list(dict.fromkeys(did)), acts

    def close(self, assignment: Assignment, run: str, world: World, decision: Decision, now: datetime) -> Receipt:
        """Make the receipt."""
        hops = _hops(world)
        verified = evidence.verified(world, assignment.group)
        shown = evidence.of_group(world, assignment.group)
        mine = [each for each in shown if each.hop in evidence.carrying(world, assignment.group)]
        moves = {str(to): world.egress(to) for to in world.so_far.moved.values() if belongs(to, assignment.group)}
        unproven = [to for to, egress in moves.items() if egress is None]
        if unproven:  # a check from before the move proves nothing
            verified = None
        if unproven and not self.handed_on:
            self.problems.append(f"not verified: the run ended before a check through {', '.join(unproven)}")
        self.problems += _without_the_eip(world, assignment.group)
        at = {"observed": self.observed, "written": self.written, "total": now}
        ms = {name: _ms(self.began, when) for name, when in at.items() if when is not None}
        ip = next((each.public_ip for each in mine if each.public_ip), None)
        if not unproven and verified is None:
            weak = [each for each in mine if each.kind and each.found == "unproven"]
            self.problems += [f"not verified: {each.hop} is unproven, {each.reason}" for each in weak]
            if self.joined and not weak:
                self.problems.append("not verified: nobody has looked since an earlier run moved the route")
        outcome = self._outcome(assignment, decision, verified)
        sentence = self._sentence(assignment, world, decision, verified, mine)
        if moves and not assignment.read_only:
            unlike = dict.fromkeys(after_moves(world, assignment.group))
            sentence = "; ".join([sentence, *unlike, left_of(with_marks(world, now), assignment.group)])
        asked = (assignment.read_only or assignment.asked) and not decision.changes
        news = [episode for episode in self.episodes if asked or (episode.due and not assignment.read_only)]
        if asked and not any(episode.trouble.left for episode in news):  # an episode begins only after five minutes
            sentence = "; ".join([sentence, *_none_left(with_marks(world, now), assignment.group)])
        shows = assignment.read_only or assignment.show or news or outcome != "quiet" or self.repaired
        return Receipt(
            run=run,
            at=self.began,
            group=assignment.group.name,
            signal=assignment.about,
            outcome=outcome,
            sentence="; ".join([sentence, *filter(None, [self.would]), *(episode.sentence(now) for episode in news)]),
            saw=self.saw,
            decided=tuple(self.decided),
            did=tuple(self.did),
            problems=tuple(dict.fromkeys([*self.failures.values(), *self.problems])),
            verified=verified,
            egress_ip=ip,
            evidence=tuple(each.as_json() for each in shown),
            next_hops={route: str(hop) for route, hop in hops.items()},
            ms=ms,
            repaired=self.repaired,
            acts=tuple(dict.fromkeys(self.acts)),
            episodes=self.episodes,
            troubled=self.troubled,
            blind=self.blind,
            view=_view(world, assignment.group, now) if shows else None,
        )

    def _outcome(self, assignment: Assignment, decision: Decision, verified: bool | None) -> Outcome:  # noqa: FBT001
        if any(isinstance(step, Refuse) for step in decision.steps) or self._not_set_up(assignment):
            return "refused"
        bad = any(isinstance(step, (Hold, Leave)) for step in decision.steps) or isinstance(decision.eip, EipHold)
        left_out = assignment.setup_now - self.set_up if assignment.by_person else frozenset()
        if bad or left_out or verified is False:
            return "attention"
        if self.handed_on:
            return "waiting"
        if not decision.settled:  # no later run tells what this one did
            return "attention" if (decision.changes or self.did) and not assignment.read_only else "waiting"
        return "changed" if self.did else "quiet"

    def _not_set_up(self, assignment: Assignment) -> bool:
        """Return True if a person asked for a setup, and none was started."""
        return assignment.by_person and bool(assignment.setup_now) and not any(act.kind == "setup" for act in self.acts)

    def _sentence(
        self,
        assignment: Assignment,
        world: World,
        decision: Decision,
        verified: bool | None,  # noqa: FBT001
        shown: list[Evidence],
    ) -> str:
        if assignment.read_only:
            looked = tuple(_not_checking(step, world, assignment.group) for step in decision.steps)
            decision = replace(decision, steps=looked)
        now = decision.sentence()
        if assignment.read_only and decision.changes:
            steps = [step for step in (*decision.steps, decision.eip) if isinstance(step, _CHANGES)]
            return "would " + "; would ".join(dict.fromkeys(in_words(step, would=True) for step in steps))
        if self._not_set_up(assignment):
            return "; ".join(self.problems) or "no setup was started: the run had no time left for it"
        parts = [*self.did]
        if parts and verified is not False:
            parts += _seen(shown, verified=verified is True)
        unfinished = not decision.settled
        if not parts:
            parts = [now]
        elif unfinished or any(isinstance(step, (Hold, Leave, Refuse)) for step in decision.steps):
            parts.append(f"now: {now}")
        if self.handed_on:
            parts.append("the next run goes on with what is left")
        elif unfinished and self.failures:
            parts.append(f"not done: {list(self.failures)[-1]}")
        return "; ".join(parts)


def _none_left(world: World, policy: Group) -> Iterable[str]:
    """Say that no standby is left, of a group that should have one."""
    carrying = evidence.carrying(world, policy)
    alone = len(hops_of(policy)) == 1 or not carrying
    left = standbys(world, policy) or cold_standbys(world, policy) or each_other(world, policy)
    dark = all(world.ineligible(hop, policy) is not None for hop in carrying)
    return () if alone or left else (left_of(world, policy, dark=dark),)


def _not_checking(step: Step, world: World, policy: Group) -> Step:
    """A read-only run looks at nothing, so it must not say that it does: the next sweep looks after a fresh move.

    What is known to be dead carries nothing: it is to be looked at because private hosts had no internet through it.
    """
    if not isinstance(step, Verify):
        return step
    health = world.health(step.hop, policy)
    said = "carries it after a fresh move, and the next sweep looks through it again"
    said = health.reason if isinstance(health, Unhealthy) else said
    first = "; ".join(step.reason.split("; ")[:-1])
    return replace(step, reason="; ".join(filter(None, (first, f"{step.hop} {said}"))))


def _hops(world: World) -> dict[str, NextHop]:
    """List where each route goes, as the table shows it."""
    hops = {}
    for route, shown in world.routes.items():
        if isinstance(shown, RouteView):
            entry = shown.bridge[0] if shown.bridge else shown.whole
            if entry is not None and entry.next_hop is not None:
                hops[str(route)] = entry.next_hop
    return hops


def _seen(shown: list[Evidence], *, verified: bool) -> list[str]:
    """Say what was seen of the next hops that carry the routes, each kind of evidence in words of its own."""
    ips = list(dict.fromkeys(each.public_ip for each in shown if each.public_ip))
    if verified:
        behind = {each.kind for each in shown} == {EvidenceKind.BEHIND_GATEWAY}
        saw = f" and saw {ips[0]}" if ips else ""
        return [f"the internet is reached{saw}" + " (seen from behind the gateway)" * behind]
    bare = [each for each in shown if each.kind is EvidenceKind.GATEWAY_ITSELF]
    return [f"{each.hop} itself reaches the internet, but nobody has seen yet that it forwards" for each in bare]


def _without_the_eip(world: World, policy: Group) -> Iterable[str]:
    """List the gateways that can never have the EIP that follows: told before one is needed."""
    hops = map(NextHop.gateway, policy.gateways)
    bound = (hop for hop in hops if isinstance(policy.address, Follow) and world.own_address(hop) is not None)
    return [f"{hop} cannot be a standby: it {world.unbindable(hop, policy)}" for hop in bound]


def _view(world: World, policy: Group, now: datetime) -> Json:
    from natkeeper.failover.status import view  # no route waits for it

    return view(world, policy, now)


def _saw(world: World, policy: Group) -> tuple[str, ...]:
    gateways = [NextHop.gateway(gateway) for gateway in policy.gateways]
    hops = gateways + ([NextHop.nat_gateway(policy.fallback)] if policy.fallback else [])
    found = " (found)" if policy.finds_routes else ""
    routes = (f"{route}{found} goes to {hop}" for route, hop in _hops(world).items())
    return (*(_hop_seen(world, policy, hop) for hop in hops), *routes)


def _hop_seen(world: World, policy: Group, hop: NextHop) -> str:
    found = f" (found by the tag {policy.tag})" if policy.tag and hop.id in policy.gateways else ""
    return f"{hop}{found} {_in_words(world.health(hop, policy))}{_remarked(world, hop)}"


def _remarked(world: World, hop: NextHop) -> str:
    sight = next((sight for name, sight in world.gateways.items() if name == hop.id), None)
    said = remark(sight.condition) if sight is not None else ""
    return f" ({said})" if said else ""


def _in_words(health: Health) -> str:
    match health:
        case Healthy():
            return "is healthy"
        case Draining(reason=reason, until=until):
            return reason + (f" at {until:%Y-%m-%d %H:%M:%S} UTC" if until is not None else "")
        case Unhealthy(reason=reason):
            return reason
        case Unknown(reason=reason):
            return f"cannot be seen: {reason}"


def _ms(since: datetime, until: datetime) -> int:
    return round((until - since).total_seconds() * 1000)
