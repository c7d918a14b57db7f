"""What must hold at every step of every story: the ten rules of the design, as far as they show from outside.

What a run knows and what is true are kept apart: a run answers for acting on what it had read, and for reading anew
before it acts; that the world can change between a read and a write is the platform's, which has no compare-and-set.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from natkeeper.domain.config import Config, Follow, Group, Route
from natkeeper.domain.egress import EgressLost
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory, is_ours
from natkeeper.domain.observed import HopKind, NextHop, PowerState
from natkeeper.domain.world import belongs
from natkeeper.ports import (
    CheckThroughProbe,
    CreateRoute,
    DeleteRoute,
    Failure,
    NoteRoute,
    PointRoute,
    ReadConditions,
    ReadGatewayCheck,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
    ReadSetups,
    Result,
)
from tests.simulation.bounds import Bounds
from tests.simulation.people import People
from tests.simulation.region import NO_ANSWER, ROUTE_WRITES, WRITES, Region
from tests.simulation.run_view import RunView
from tests.simulation.sent_rules import FRESH_S, SentRules
from tests.simulation.story import SHAPES, Story
from tests.simulation.town import DEFAULT, HALVES, SimulatedWorld
from tests.simulation.truth import memory_of

if TYPE_CHECKING:
    from natkeeper.failover.run import Answer

BOUND_S = 120.0
"""From 'a fit candidate exists, the API answers, nobody disturbs' to 'the route leads to the internet'."""
REPORT_S = 25.0
"""How long after a loss a probe's report may still be acted on: its looks, its way, and the run."""
SECOND_TRY_S = 590.0
"""How soon what failed may be tried again while nothing works."""


class Rules(SentRules):
    """Watches a story. Raises Violation."""

    def __init__(self, story: Story, town: SimulatedWorld, region: Region, config: Config) -> None:
        super().__init__(story, town, region, config)
        self.bad_since: dict[str, float] = {}
        self.offline = False
        self.internet_until = -1e9
        """When the internet itself was last away."""
        self.losing: dict[str, str] = {}
        self.ever_bad: set[str] = set()
        self.fixable_since: dict[str, float] = {}
        self.halved_since: dict[str, float] = {}
        self.targets: dict[str, dict[tuple[str, bool], float]] = {}
        self.covered: dict[str, bool] = {}
        self.waits: list[float] = []
        """How long each fixable loss lasted, seconds."""
        self.notes, self.notes_since = 0, 0.0
        self.moves = 0
        self.pointed: dict[str, float] = {}
        self.writes = 0
        self.lost_s = 0.0
        self.tell: Callable[[str], None] = lambda _line: None
        self.in_place = SHAPES[story.shape].in_place
        self.more = Bounds(self)
        self.people = People(self)

    def reconfigured(self, config: Config) -> None:
        """Judge by another configuration from now on."""
        now = {gateway for group in config.groups for gateway in group.gateways}
        self.former = (self.former | set(self.truth.hop_of)) - now - {g.fallback for g in config.groups}
        self.truth.hop_of |= {gateway: NextHop.gateway(gateway) for gateway in now}
        self.config, self.reconfigured_at = config, self.town.now
        self.group_of = {route.table: group for group in config.groups for route in group.routes}

    # ---- the state of things -------------------------------------------------------------------------------

    def disturbed(self, _why: str) -> None:
        """Something was done to natkeeper or its world: what is owed is owed from now on."""
        now = self.town.second
        for since in (self.fixable_since, self.halved_since):
            for table in since:
                since[table] = now
        self.targets.clear()
        self.notes, self.notes_since = 0, now
        self.more.disturbed()
        self.people.disturbed()

    @property
    def settled(self) -> bool:
        """Return True if nothing is owed."""
        return not (self.fixable_since or self.halved_since or self.more.apart or self.more.asleep)

    def look(self) -> None:
        """Look at the world after every change."""
        now = self.town.second
        if not self.town.internet or self.offline:
            self.internet_until, self.offline = now, not self.town.internet
        for group in self.config.groups:
            for name in (*group.gateways, *((group.fallback,) if group.fallback else ())):
                hop = self.truth.hop_of[InstanceId(name)]
                if not self.truth.visible(hop, group):
                    self.bad_since.setdefault(name, now)
                    self.last_bad[name] = now
                    self.ever_bad.add(name)
                else:
                    if name in self.bad_since:
                        self.last_bad[name] = now
                        del self.bad_since[name]
                    if not self.truth.works(hop, group):
                        self.ever_bad.add(name)
            for route in group.routes:
                self._look_at(route, group, now)

    def _look_at(self, route: Route, group: Group, now: float) -> None:
        table, town = route.table, self.town
        carries = town.hop_of(table)
        lost = town.egress(table) is None
        if lost and carries is not None:
            self.last_lost[carries.id] = now
            self.losing[table] = carries.id
        elif table in self.losing:
            self.last_lost[self.losing.pop(table)] = now
        if lost and self.truth.fixable(route, group, carries):
            self.fixable_since.setdefault(table, now)
        elif table in self.fixable_since:
            waited = now - self.fixable_since.pop(table)
            if not lost:
                self.waits.append(waited)
        self.more.together(route, group)
        stuck = self.town.stuck.get(table, -1.0) > now or self.town.slow_until > now
        halves = [e for e in town.tables[table] if e.destination in HALVES and is_ours(e.description)]
        stuck = stuck or not self.region.retires(table) or not self.region.reads(table)
        fit = any(self.truth.works(hop, group) and self.region.creates(table, hop) for hop in self.truth.hops(group))
        if halves and fit and not stuck and not self.truth.paused(group) and not self.truth.foreign(group, route):
            self.halved_since.setdefault(table, now)
        else:
            self.halved_since.pop(table, None)

    def tick(self) -> None:
        """Look at the clock, once a minute."""
        now = self.town.second
        self.more.tick()
        self.people.tick()
        if self.region.troubled:
            self.disturbed("the APIs are in trouble")
            return
        for group in self.config.groups:
            for route in group.routes:
                if route.table in self.fixable_since and not self.truth.fixable(
                    route, group, self.town.hop_of(route.table)
                ):
                    del self.fixable_since[route.table]
        for table, since in self.fixable_since.items():
            if now - since > BOUND_S:
                self._break("bounded time", f"{table} has led nowhere for {now - since:.0f} s, though it could")
        for table, since in self.halved_since.items():
            if now - since > BOUND_S + 60:
                self._break("rule 8", f"halves of {table} have been left over for {now - since:.0f} s")

    # ---- a call arrives ----------------------------------------------------------------------------------

    def arrives(self, run: RunView, call: Any) -> None:
        """Remember what stood there before a write."""
        self.more.arrives(run, call)
        if isinstance(call, ROUTE_WRITES):
            self.covered = {table: self.town._covered(table, DEFAULT) for table in self.group_of}
            self._moves_before = len(self.town.moves)
            entry = None if isinstance(call, DeleteRoute) else self.town.entry(call.table, call.destination)
            self.before: tuple[NextHop | None, str] = (None, "") if entry is None else (entry.hop, entry.description)

    def arrived(self, run: RunView, call: Any, result: Result, how: str, *, heard: bool) -> None:
        """Judge a write that was carried out by what is true. `heard`: its answer reaches the run."""
        if not isinstance(call, WRITES):
            return
        self.more.answered(run, call, result, how, heard=heard)
        lost_back = how == "lost back" and isinstance(result, Failure) and result.code == NO_ANSWER
        if how == "lost out" or (isinstance(result, Failure) and not lost_back):
            return
        if isinstance(call, ROUTE_WRITES):
            for table, covered in self.covered.items():
                dropped = self.town.dropped.get(table)
                if dropped is not None and self.town.now - dropped < timedelta(seconds=FRESH_S):
                    continue  # someone else deleted the other half of it in this moment
                if covered and not self.town._covered(table, DEFAULT):  # type: ignore[arg-type]
                    self._break("rule 1", f"{run.name} leaves {table} without a route")
        self.writes += 1
        blind = isinstance(call, NoteRoute) and self.story.noise.slow  # two sweeps saw nothing: that is told
        if self.story.quiet and not (run.action or blind):
            self._break("quiet world", f"{run.name} sends {call}")
        self.more.accepted(run, call)
        if isinstance(call, NoteRoute):
            self._note_arrived(run, call)
        if isinstance(call, (PointRoute, CreateRoute)):
            self._point_arrived(run, call)
        self.look()

    def _point_arrived(self, run: RunView, call: PointRoute | CreateRoute) -> None:
        here = self.before[0]
        changed = len(self.town.moves) > self._moves_before or not isinstance(call, PointRoute)
        if not changed or here == call.to:
            return
        self.moves += 1
        self.town.played["another"] += run.config is not self.config and len(self.deployments) > 1
        self.town.played["replaced"] += here is not None and here.id in self.former
        group = self.group_of[call.table]
        run.moved_at[group.name] = self.town.now
        self.tell(f"{run.name} points {call.destination} in {call.table}{f' from {here}' * bool(here)} to {call.to}")
        if run.action.get("action") == "switch":
            self.targets.clear()
            return
        reads = (ReadRoutes, ReadInstances, ReadConditions, ReadNatGateway)
        read_at = min((k[0] for c, k in run.known.items() if isinstance(c, reads)), default=run.began)
        known = self.town.second - (self.town.now - read_at).total_seconds() - 1.0
        self._good_target(run, call, group, known)
        if isinstance(call, PointRoute) and here is not None and belongs(here, group):
            self._good_reason(run, call, group, here, known)
            self._no_ping_pong(run, call, here, known)
        self.pointed[call.table] = self.town.second

    def _good_target(self, run: RunView, call: PointRoute | CreateRoute, group: Group, known: float) -> None:
        """Rule 2: not to what has been visibly bad, while something always was good."""
        since = self.bad_since.get(call.to.id)
        if not any(isinstance(asked, ReadConditions) for asked in run.known):
            return  # an unreadable condition does not make the power state unknown
        offline = not self.town.internet or self.town.second < self.internet_until + 15
        unread = call.to.kind is HopKind.NAT_GATEWAY and self.story.noise.fails > 0  # it may be the last resort
        listed = any(isinstance(asked, ReadInstances) for asked in run.known)  # it alone shows that one is reclaimed
        hidden = self.truth.seems_fit(call.to, group) or (not listed and self.truth.only_reclaimed(call.to))
        if since is None or since > known or self._stale_lately() or offline or unread or hidden:
            return
        machine, memory = self.town.machines.get(InstanceId(call.to.id)), memory_of(call.description)
        if machine is not None and machine.status is PowerState.RUNNING and isinstance(call, CreateRoute):
            return  # a bridge that is finished, to a gateway that drains
        person = isinstance(memory, Memory) and memory.by == "person"
        if person or self.town.second < self.region.probe_broken_until + REPORT_S:
            return  # a person began it, or the witness lies about what is good
        if run.source == "probe" and self.region.forgetful and self.region.troubled_lately:
            return  # nothing says when the route came here, and nobody can look: the report stands
        blind = group.fallback is not None and not any(isinstance(asked, ReadNatGateway) for asked in run.known)
        hops = [hop for hop in self.truth.hops(group) if hop.kind is HopKind.INSTANCE or not blind]
        best = [
            hop
            for hop in hops
            if hop.id not in self.ever_bad
            and any(belongs(hop, each) for each in run.config.groups)
            and not self.truth.marked(group, hop.id)
            and self.region.takes(call.table, hop)
            and not (self.more.refused(run, call.table, hop) or self._refused_its_eip(hop, group))
        ]
        if best:
            self._break(
                "rule 2", f"{run.name} points {call.table} to {call.to}, bad for {self.town.second - since:.0f} s"
            )

    def _good_reason(self, run: RunView, call: PointRoute, group: Group, here: NextHop, known: float) -> None:
        """Rule 6: a next hop is left because it was bad, or because a planned return is due."""
        now, memory = self.town.second, memory_of(self.before[1])
        read = self._known_entries(run, call.table).get(call.destination)
        repointed = self.town.repointed.get(call.table)
        just = repointed is not None and self.town.now - repointed < timedelta(seconds=FRESH_S)
        if (not self.story.alone or just or run.stalled) and (read is None or read.next_hop != here):
            return  # another run or someone else was faster; the platform has no compare-and-set
        if run.pointed.get(call.table) != call.to or self.town.second < self.region.probe_broken_until + REPORT_S:
            return  # on its way for so long that the run has tried another since; or the witness lies
        was_bad = here.id in self.bad_since or self.last_bad.get(here.id, -1e9) >= known
        if was_bad or self._stale_lately() or self._all_lack_it(run, here):
            return
        if self._refused_its_eip(here, group) or not any(belongs(here, each) for each in run.config.groups):
            return  # the route is there, and the EIP cannot follow; or the run's configuration does not have it
        if (
            (self.town.hop_of(call.table) == here and self.town.egress(call.table) is None)
            or self.last_lost.get(here.id, -1e9) >= min(now - REPORT_S, known)
            or self.truth.marked(group, here.id)
        ):
            return
        lost = (
            answer
            for asked, (_, answer) in run.known.items()
            if isinstance(asked, (CheckThroughProbe, ReadGatewayCheck))
        )
        if any(isinstance(answer, EgressLost) for answer in lost):
            return
        if run.source == "probe" and self.region.forgetful and not self.story.alone:
            return  # another run has just moved it here, and no entry says so: the report cannot tell
        if run.source == "probe" and repointed is not None and self.town.now - repointed < timedelta(seconds=REPORT_S):
            return  # someone pointed it here while the probe looked: the report cannot tell
        group = next(each for each in run.config.groups if each.name == group.name)
        home = next(group.home(route) for route in group.routes if route.table == call.table)
        if isinstance(memory, Memory) and memory.since is not None and memory.by == "auto":
            rested = (self.town.wall - memory.since).total_seconds() >= group.hold_down - 1
            ours = repointed is None or repointed < memory.since or memory.to == here.id or bool(self.town.skew_s)
            if rested and ours and (call.to.id == home or here.id == group.fallback):
                self._in_window(run, call, group)
                return
        rests = now - self.pointed.get(call.table, now) >= group.hold_down - 1
        if self.region.forgetful and rests and (call.to.id == home or here.id == group.fallback):
            return  # no entry remembers the move, but the process that made it does
        self._break("rule 6", f"{run.name} leaves {here}, which is healthy, for {call.to}: {call.description}")

    def _in_window(self, run: RunView, call: PointRoute, group: Group) -> None:
        """A return waits for the window that its group has for planned moves."""
        if group.planned is None:
            return
        begin, _, end = group.planned.window.partition("-")
        second = timedelta(seconds=2)  # between the decision and the arrival of the write
        times = (f"{self.town.wall:%H:%M}", f"{self.town.wall - second:%H:%M}")
        if not any(begin <= at < end for at in times):
            self._break("window", f"{run.name} returns {call.table} to {call.to} at {times[0]}, out of {begin}-{end}")
        self.town.played["window"] += 1

    def _refused_its_eip(self, hop: NextHop, group: Group) -> bool:
        """Return True if the platform would not bring the EIP that follows to `hop` now."""
        if not isinstance(group.address, Follow) or hop.kind is not HopKind.INSTANCE:
            return False
        address = self.town.addresses[group.address.follow]
        return address.holder != hop.id and not self.region.brings(address.id, address.holder, hop.id)

    def _no_ping_pong(self, run: RunView, call: PointRoute, here: NextHop, known: float) -> None:
        """At most one move to each next hop for one cause: nobody is tried again while nothing changes.

        What ECS shows of the hop that is left is one cause, what only a look shows is another.
        """
        targets, now = self.targets.setdefault(call.table, {}), self.town.second
        cause = call.to.id, self.last_bad.get(here.id, -1e9) >= known
        again = now - targets.get(cause, -1e9) < SECOND_TRY_S
        targets[cause] = now
        if again and not self.region.forgetful and self.story.alone and here.id not in self.bad_since:
            self._break("one move", f"{run.name} moves {call.table} to {call.to} once more: {list(targets)}")

    def _note_arrived(self, run: RunView, call: NoteRoute) -> None:
        """A quiet world is not written to: a mark comes and goes once, for each gateway and route."""
        if id(call) in run.noted or run.action:
            return  # another attempt of a call whose answer was lost; or a person's wish, over that of another one
        run.noted.add(id(call))
        broken = self.town.second < self.region.probe_broken_until + REPORT_S
        if len(self.deployments) > 1 and (broken or self.config is not self.deployments[0]):
            return  # two deployments, of which one believes a broken witness, or has other gateways by now
        self.notes += 1
        most = sum(2 * len(group.gateways) * len(group.routes) for group in self.config.groups) + 2
        every = 60 if self.story.noise.fails or self.story.noise.slow else 300  # second tries; sweeps that see nothing
        most += int((self.town.second - self.notes_since) / every)
        if self.notes > most * len(self.deployments):
            self._break("quiet world", f"{run.name} notes for the {self.notes}th time while nothing changes")

    def _stale_lately(self) -> bool:
        return self.town.second < self.region._stale_until + 12.0

    # ---- a run answers -----------------------------------------------------------------------------------

    def answered(self, run: RunView, answer: Answer) -> None:
        """Judge what a run tells."""
        self.more.ended(run)
        text = json.dumps(answer.as_json())
        if "Traceback" in text or "the run failed with" in text:
            self._break("hostile input", text)
        for receipt in answer.receipts:
            if not receipt.sentence:
                self._break("receipts", f"{run.name} says nothing about {receipt.group}")
            seen = any(at >= run.moved_at.get(receipt.group, run.began) for at in run.saw) or _proven(run)
            if receipt.verified and not seen:
                self._break("rule 7", f"{run.name} says verified without having seen it")
            moved = any(deed.startswith("moved ") for deed in receipt.did)
            group = next(group for group in run.config.groups if group.name == receipt.group)
            if not moved or receipt.outcome != "changed" or receipt.verified is not None:
                continue
            weaker = any(each["found"] == "unproven" for each in receipt.evidence)  # its kind is named
            silent = not weaker and not any(problem.startswith("not verified: ") for problem in receipt.problems)
            if silent or not self._excused(run, group):
                self._break("rule 7", f"{run.name} moved, and saw nothing of it: {receipt.sentence}")

    def _excused(self, run: RunView, group: Group) -> bool:
        """Return True if a run may end without a check: trouble, a pause, no time, no witness, or overtaken."""
        if any(self.town.hop_of(table) != to for table, to in run.pointed.items()):
            return True
        late = (self.town.now - run.began).total_seconds() > 40
        trouble = self.region.troubled_lately or not all(self.region.reads(r.table) for r in group.routes)
        trouble = trouble or bool(self.story.noise.fails or self.story.noise.slow)
        watched = bool(group.probes) and len(group.routes) == 1
        return late or trouble or not watched or self.truth.paused(group) or self._known_pause(run, group)


def _proven(run: RunView) -> bool:
    """Return True if the run has read a setup that proved forwarding, which is evidence as well."""
    runs = [each for asked, (_, answer) in run.known.items() if isinstance(asked, ReadSetups) for each in answer]
    return any(getattr(getattr(each.report, "facts", None), "forwarding", "") == "proven" for each in runs)
