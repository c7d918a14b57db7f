"""A region as data, on which decisions can be carried out one write at a time, and a run ended between any two.

The stand-in for everything below `decide`: the platform's tables with their slow states, and the truth about which
next hop reaches the internet. A route's packets are counted as carried by the whole entry or by both halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from natkeeper.domain.bridge import view_of
from natkeeper.domain.config import Group, Route
from natkeeper.domain.decide import decide
from natkeeper.domain.decision import (
    Bridge,
    Create,
    Decision,
    EipAssociate,
    EipTry,
    EipUnassociate,
    Move,
    Note,
    Retire,
    Step,
    Verify,
)
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.health import Sight
from natkeeper.domain.ids import EntryId, InstanceId
from natkeeper.domain.memory import Memory, encode
from natkeeper.domain.observed import Eip, EipStatus, EntryStatus, NatGateway, NextHop, RouteEntry, Unseen
from natkeeper.domain.parts import around_zero, halves_of
from natkeeper.domain.signals import Pause, Resume, Switch
from natkeeper.domain.world import RouteView, SoFar, World

TOO_LONG = 90
"""Rounds after which a run counts as one that never comes to rest."""
BUSY = (EntryStatus.PENDING, EntryStatus.MODIFYING, EntryStatus.DELETING)


class Killed(Exception):
    """The run was ended before its next write."""


@dataclass
class Land:
    """The world as it is. `works` holds the ids of next hops that truly reach the internet."""

    policy: Group
    sights: dict[InstanceId, Sight]
    tables: dict[Route, dict[str, RouteEntry]]
    now: datetime
    works: frozenset[str] = frozenset()
    eip: Eip | None = None
    fallback: NatGateway | Unseen | None = None
    refuses: bool = False
    """Whether the platform refuses to change next hops in place."""
    half_refused: bool = False
    """Whether it refuses 0.0.0.0/1 as a destination."""
    wordless: bool = False
    """Whether it refuses every name and description."""
    moves: list[tuple[Route, NextHop | None, NextHop]] = field(default_factory=list)
    bare: list[Route] = field(default_factory=list)
    """Routes that carried packets and at some moment no longer did: there must never be one (rule 1)."""
    made: int = 0

    def world(self, so_far: SoFar, checks: Mapping[str, Egress]) -> World:
        """What a run would observe now."""
        fallback_egress = checks.get(self.policy.fallback) if self.policy.fallback else None
        return World(
            group=self.policy.name,
            at=self.now,
            gateways={g: replace(s, egress=checks.get(g, s.egress)) for g, s in self.sights.items()},
            routes={route: self.view(route) for route in self.policy.routes},
            eip=self.eip,
            fallback=self.fallback,
            fallback_egress=fallback_egress,
            so_far=so_far,
        )

    def view(self, route: Route) -> RouteView:
        """The route as its table shows it."""
        return view_of(route, list(self.tables[route].values()))

    def carries(self, route: Route) -> NextHop | None:
        """Where the route's packets go."""
        return self.view(route).carries

    def run(self, wish: Switch | Pause | Resume | None = None, writes: int | None = None) -> list[Decision]:
        """Decide and carry out until nothing is left to do; raise `Killed` before write number `writes`."""
        so_far, checks = SoFar(wish=wish), dict[str, Egress]()
        decisions: list[Decision] = []
        while len(decisions) < TOO_LONG:
            decision = decide(self.world(so_far, checks), self.policy, self.now)
            decisions.append(decision)
            if decision.settled:
                return decisions
            wrote = 0
            for learnt in self._apply(decision, so_far):
                so_far, wrote = learnt, wrote + 1
                if writes is not None and writes < wrote:
                    raise Killed
            writes = None if writes is None else writes - wrote
            for step in decision.steps:
                if isinstance(step, Verify):
                    checks[step.hop.id] = self._check(step.hop)
            if not wrote:
                self.settle()
            self.now += timedelta(seconds=1)
        raise AssertionError(f"the run never came to rest: {[d.sentence() for d in decisions[-4:]]}")

    def settle(self) -> None:
        """Let the platform finish what it is at work on."""
        with self._watched():
            for table in self.tables.values():
                for destination, entry in list(table.items()):
                    if entry.status is EntryStatus.DELETING:
                        del table[destination]
                    elif entry.status in BUSY:
                        table[destination] = replace(entry, status=EntryStatus.AVAILABLE)
        if self.eip is not None and self.eip.status is EipStatus.ASSOCIATING:
            self.eip = replace(self.eip, status=EipStatus.IN_USE)
        if self.eip is not None and self.eip.status is EipStatus.UNASSOCIATING:
            self.eip = replace(self.eip, status=EipStatus.AVAILABLE, holder=None)

    # ---- writes ----------------------------------------------------------------------------------------------

    def _apply(self, decision: Decision, so_far: SoFar) -> Iterator[SoFar]:
        """Carry out a decision, yielding before each write what the run knows, and once more at the end."""
        for step in decision.steps:
            if isinstance(step, Move) and self.refuses:
                so_far = replace(so_far, not_in_place=so_far.not_in_place | {step.route})
                yield so_far
                continue
            if isinstance(step, Bridge) and self.half_refused and "0.0.0.0/1" in step.missing:
                so_far = replace(so_far, half_refused=so_far.half_refused | {step.route})
                yield so_far
                continue
            if self.wordless and isinstance(step, (Move, Create, Bridge, Note)):
                so_far = replace(so_far, wordless=so_far.wordless | {step.route})
            for write in self._writes(step):
                yield so_far
                write()
            if isinstance(step, (Move, Create, Bridge)):
                so_far = replace(so_far, moved={**so_far.moved, step.route: step.to})
        if isinstance(decision.eip, EipTry):
            so_far = replace(so_far, bindable=so_far.bindable | {decision.eip.to})
            yield so_far
        if isinstance(decision.eip, (EipUnassociate, EipAssociate)):
            yield so_far
            self._bring(decision.eip)
        if decision.changes:
            yield so_far

    def _writes(self, step: Step) -> list[Callable[[], None]]:
        """List the writes of a step, each of which may be the last of its run."""
        match step:
            case Move(route=route, to=to) | Create(route=route, to=to):
                return [partial(self._point, route, route.destination, to, step.memory, step.reason)]
            case Bridge(route=route, to=to):
                return [partial(self._point, route, half, to, step.memory, step.reason) for half in step.missing]
            case Note():
                return [partial(self._note, step)]
            case Retire(route=route):
                return [partial(self._delete, route, entry) for entry in step.entries]
            case _:
                return []

    def _bring(self, step: EipUnassociate | EipAssociate) -> None:
        assert self.eip is not None
        if isinstance(step, EipUnassociate):
            assert (self.eip.status, self.eip.holder) == (EipStatus.IN_USE, step.holder)
            self.eip = replace(self.eip, status=EipStatus.UNASSOCIATING)
        else:
            assert self.eip.status is EipStatus.AVAILABLE
            self.eip = replace(self.eip, status=EipStatus.ASSOCIATING, holder=step.to)

    def _point(self, route: Route, destination: str, to: NextHop, memory: Memory, why: str) -> None:
        with self._watched():
            table, text = self.tables[route], "" if self.wordless else encode(memory, f"{to}: {why}")
            assert len(text) <= 250
            old = table.get(destination)
            if old is None:
                self.made += 1
                table[destination] = RouteEntry(
                    EntryId(f"rte-new{self.made}"), route.table, destination, to, EntryStatus.PENDING, text
                )
            else:
                assert old.status is EntryStatus.AVAILABLE, "the platform refuses to change a busy entry"
                table[destination] = replace(old, next_hop=to, status=EntryStatus.MODIFYING, description=text)
            if destination == route.destination:
                self.moves.append((route, None if old is None else old.next_hop, to))

    def _note(self, step: Note) -> None:
        table = self.tables[step.route]
        old = table[step.destination]
        if self.wordless:
            return
        assert old.status is EntryStatus.AVAILABLE, "the platform refuses to change a busy entry"
        table[step.destination] = replace(old, description=encode(step.memory, step.reason))

    def _delete(self, route: Route, which: EntryId) -> None:
        with self._watched():
            table = self.tables[route]
            destination = next(d for d, entry in table.items() if entry.id == which)
            table[destination] = replace(table[destination], status=EntryStatus.DELETING)

    def _check(self, to: NextHop) -> Egress:
        if to.id in self.works:
            return EgressSeen(self.now)
        return EgressLost(self.now, "no answer")

    # ---- rule 1 ----------------------------------------------------------------------------------------------

    def carried(self, route: Route) -> bool:
        """Return True if the route's packets have a next hop at this very moment."""
        carrying = {
            d for d, e in self.tables[route].items() if e.status in (EntryStatus.AVAILABLE, EntryStatus.MODIFYING)
        }
        covers = ({route.destination}, set(halves_of(route.destination)), set(around_zero(route.destination)))
        return any(cover and cover <= carrying for cover in covers)

    def _watched(self) -> _Watch:
        return _Watch(self)


class _Watch:
    """Notices a route that carried packets before a change and does not after it."""

    def __init__(self, land: Land) -> None:
        self.land = land
        self.carried = [route for route in land.policy.routes if land.carried(route)]

    def __enter__(self) -> None:
        return None

    def __exit__(self, *failure: object) -> None:
        self.land.bare += [route for route in self.carried if not self.land.carried(route)]
