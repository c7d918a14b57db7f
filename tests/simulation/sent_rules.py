"""What must hold of a call when it is sent: its run writes only what is natkeeper's, and knows what it writes about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from natkeeper.domain.config import Config, Follow, Group
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory, is_ours
from natkeeper.domain.observed import HopKind, NextHop
from natkeeper.domain.world import belongs
from natkeeper.failover.observe import AGREE
from natkeeper.ports import (
    AssociateEip,
    CreateRoute,
    DeleteRoute,
    HandOver,
    NoteRoute,
    PointRoute,
    ReadConditions,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
    StartGateway,
    StartSetup,
    UnassociateEip,
)
from tests.fakes.stage import ITSELF
from tests.simulation.region import EIP_WRITES, WRITES, Region
from tests.simulation.run_view import RunView
from tests.simulation.story import OTHER, Story
from tests.simulation.town import DEFAULT, HALVES, SimulatedWorld
from tests.simulation.truth import Truth, memory_of, paused

FRESH_S = 8.0
"""How old what a run has read may be when it sends a write."""
FINISH_S = 125.0
BLIND_S = 60.0
"""How long what was bad may be taken for bad."""


class Violation(AssertionError):
    """A rule does not hold."""


class SentRules:
    """Judges calls by what their run knows. Raises Violation."""

    def __init__(self, story: Story, town: SimulatedWorld, region: Region, config: Config) -> None:
        self.story, self.town, self.region, self.config = story, town, region, config
        self.group_of = {route.table: group for group in config.groups for route in group.routes}
        self.truth = Truth(town, region, config)
        self.deployments: tuple[Config, ...] = (config,)
        self.reconfigured_at = town.now
        self.former: set[str] = set()
        """Gateways that an earlier configuration had."""
        self.last_bad: dict[str, float] = {}
        self.last_lost: dict[str, float] = {}

    def violate(self, rule: str, text: str) -> None:
        """Raise Violation."""
        self._break(rule, text)

    def _break(self, rule: str, text: str) -> None:
        raise Violation(f"{rule}: {text}")

    def sent(self, run: RunView, call: Any) -> None:
        """Judge a call by what its run knows."""
        if isinstance(call, HandOver):
            functions = {
                ITSELF,
                *((OTHER,) if len(self.deployments) > 1 else ()),
                self.config.notify,
                *(function for group in self.config.groups for function in group.probes),
            }
            if call.function not in functions:
                self._break("only ours", f"{run.name} invokes {call.function}")
            return
        if isinstance(call, StartSetup):
            group = self._group_of_gateways(run, call.gateways)
            if self._known_pause(run, group) and run.action.get("action") != "setup":
                self._break("pause", f"{run.name} starts a setup in a paused group")
            return
        if isinstance(call, StartGateway):
            self._start_sent(run, call)
            return
        if not isinstance(call, WRITES):
            return
        if run.action.get("action") in ("status", "sweep") and run.action.get("action") == "status":
            self._break("read only", f"{run.name} sends {call}")
        if isinstance(call, EIP_WRITES):
            self._eip_sent(run, call)
            return
        table = call.table if not isinstance(call, DeleteRoute) else self._table_of(run, call)
        if table not in self.group_of:
            self._break("only ours", f"{run.name} writes to {table}")
        group = self.group_of[table]
        entries = self._known_entries(run, table)
        self._fresh(run, table)
        self._not_blind(run, group, call, entries)
        halved = not self.story.alone and any(destination in HALVES for destination in entries)
        if self._known_pause(run, group) and not self._by_force(run) and not halved:
            self._break("pause", f"{run.name} sends {call} in a paused group")
        if not isinstance(call, DeleteRoute):
            self._point_sent(run, group, call, entries)

    def _start_sent(self, run: RunView, call: StartGateway) -> None:
        """Cold standbys alone are started, once each while nobody stops them, and never in a paused group."""
        group = self._group_of_gateways(run, (call.gateway,))
        if group.standby != "cold":
            self._break("only ours", f"{run.name} starts {call.gateway}")
        if self._known_pause(run, group) or run.action.get("action") == "status":
            self._break("pause", f"{run.name} starts {call.gateway} in a paused group, or only to tell")
        if self.story.quiet:
            self._break("quiet world", f"{run.name} starts {call.gateway}")
        unmarked = [each for each in group.gateways if not self.truth.marked(group, each)]  # nobody looks meanwhile
        works = [each for each in unmarked if self.truth.works(NextHop.gateway(each), group)]
        works = [
            each for each in works if all(self.region.takes(r.table, self.truth.hop_of[each]) for r in group.routes)
        ]
        bad = {each: max(self.last_bad.get(each, -1e9), self.last_lost.get(each, -1e9)) for each in works}
        if any(self.town.second - at > BLIND_S for at in bad.values()) and not self._witness():
            self._break("cold", f"{run.name} starts {call.gateway}, while {works} work")

    def _witness(self) -> bool:
        """Whether something speaks against gateways that work."""
        broken = self.town.second < self.region.probe_broken_until + BLIND_S
        return broken or not self.town.internet or self.region.troubled_lately or self.region.forgetful

    def _point_sent(
        self, run: RunView, group: Group, call: PointRoute | NoteRoute | CreateRoute, entries: dict[str, Any]
    ) -> None:
        if call.destination not in (DEFAULT, *HALVES):
            self._break("only ours", f"{run.name} writes {call.destination}")
        memory = memory_of(call.description)
        if len(call.description) > 250 or not isinstance(memory, Memory):
            self._break("rule 9", f"{call.description!r} cannot be read back")
        there = entries.get(call.destination)
        if isinstance(call, CreateRoute):
            if there is not None:
                self._break("rule 1", f"{run.name} creates {call.destination}, which it had read")
        elif there is None:
            self._break("rule 5", f"{run.name} changes an entry that it has not read")
        elif there.next_hop is None or not (belongs(there.next_hop, group) or there.next_hop.id in self.former):
            remembers = isinstance(call, NoteRoute) and is_ours(there.description)
            if not remembers and not self._by_force(run):
                self._break("rule 5", f"{run.name} changes {there.next_hop}, which is not ours")
        here = None if there is None else there.next_hop
        if (
            isinstance(call, PointRoute)
            and here is not None
            and call.to.kind is here.kind
            and bool(here.via) != bool(call.to.via)
            and not self._by_force(run)  # a person may insist on what ECS does not show, nor its interfaces
            and self.town.holes.get(call.to.id, -1.0) < self.town.second - FRESH_S
        ):
            self._break("its kind", f"{run.name} points {here.via or here} to {call.to.via or call.to}")
        if not isinstance(call, NoteRoute):
            run.pointed[call.table] = call.to
            theirs = next(each for each in run.config.groups if each.name == group.name)
            if not belongs(call.to, theirs):
                self._break("only ours", f"{run.name} points a route to {call.to}")

    def _eip_sent(self, run: RunView, call: UnassociateEip | AssociateEip) -> None:
        group = next(
            (g for g in self.config.groups if isinstance(g.address, Follow) and g.address.follow == call.eip), None
        )
        if group is None:
            self._break("only ours", f"{run.name} sends {call}")
            return
        gateway = call.holder if isinstance(call, UnassociateEip) else call.to
        if gateway not in group.gateways and gateway not in self.former:
            self._break("rule 5", f"{run.name} takes the EIP from {gateway} or gives it there")
        if self._known_pause(run, group) and not self._by_force(run):
            moved = max((m.since for m in self.truth.memories(group) if m.since), default=None)
            finishes = group.name in run.moved_at
            if not finishes and (moved is None or (self.town.wall - moved).total_seconds() > FINISH_S):
                self._break("pause", f"{run.name} sends {call} in a paused group")

    def _by_force(self, run: RunView) -> bool:
        action = run.action.get("action")
        return action in ("pause", "resume") or (action == "switch" and bool(run.action.get("force")))

    def _known_entries(self, run: RunView, table: str) -> dict[str, Any]:
        known = next((k for c, k in run.known.items() if isinstance(c, ReadRoutes) and c.table == table), None)
        if known is None:
            self._break("rule 3", f"{run.name} writes to {table}, which it has not read")
            return {}
        return {entry.destination: entry for entry in known[1]}

    def _table_of(self, run: RunView, call: DeleteRoute) -> Any:
        for asked, (_, answer) in run.known.items():
            if isinstance(asked, ReadRoutes) and any(entry.id == call.entry for entry in answer):
                return asked.table
        return None

    def _fresh(self, run: RunView, table: str) -> None:
        when = next(k[0] for c, k in run.known.items() if isinstance(c, ReadRoutes) and c.table == table)
        old = FRESH_S * (2 if self.region.troubled_lately else 1)
        if not run.stalled and self.town.now - when > timedelta(seconds=old):
            self._break(
                "freshness", f"{run.name} acts on what it read {(self.town.now - when).total_seconds():.1f} s ago"
            )

    def _not_blind(self, run: RunView, group: Group, call: Any, entries: dict[str, Any]) -> None:
        """Rule 3: leaving a next hop takes having seen it."""
        if not isinstance(call, PointRoute) or run.action.get("action") == "switch":
            return
        here = entries[call.destination].next_hop if call.destination in entries else None
        if here is None or here == call.to:
            return
        wanted: type[Any] = ReadInstances if here.kind is HopKind.INSTANCE else ReadNatGateway
        # Its power state alone is enough to leave an instance that is dead.
        seen = (
            isinstance(asked, wanted) or (isinstance(asked, ReadConditions) and here.id in known)
            for asked, (_, known) in run.known.items()
        )
        if not any(seen):
            self._break("rule 3", f"{run.name} leaves {here} without having seen it")

    def _all_lack_it(self, run: RunView, here: NextHop) -> bool:
        """Return True if lists hide an instance for as long as natkeeper asks again, and no condition shows it.

        Two readings that agree mean that it is gone; nothing says that it is not.
        """
        shown = (known for asked, (_, known) in run.known.items() if isinstance(asked, ReadConditions))
        hidden = self.town.holes.get(here.id, -1.0) > self.town.second - 1
        return (
            hidden
            and self.town.now - run.began >= AGREE
            and not any(isinstance(known, dict) and here.id in known for known in shown)
        )

    def _known_pause(self, run: RunView, group: Group) -> bool:
        tables = {route.table for route in group.routes}
        for asked, (_, answer) in run.known.items():
            if isinstance(asked, ReadRoutes) and asked.table in tables and paused(answer, self.town.now + run.skew):
                return True  # by the clock that the run began with
        return False

    def _group_of_gateways(self, run: RunView, gateways: tuple[InstanceId, ...]) -> Group:
        for group in run.config.groups:  # another deployment may have other gateways
            before = self.former if run.began <= self.reconfigured_at else set()
            if set(gateways) <= {*group.gateways, *before}:
                return group
        raise Violation(f"only ours: {run.name} sets up {gateways}")
