"""What the platform refuses for a while: one next hop, one table, one kind of call, one right, or words."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from natkeeper.domain.observed import EntryStatus, HopKind
from natkeeper.domain.world import belongs
from natkeeper.ports import (
    AssociateEip,
    CreateRoute,
    DeleteRoute,
    NoteRoute,
    PointRoute,
    ReadRoutes,
    UnassociateEip,
)
from tests.fakes.things import Timings
from tests.simulation.interfaces import by_interface
from tests.simulation.town import DEFAULT, HALVES

KINDS: dict[str, tuple[type[Any], ...]] = {
    "point": (PointRoute,),
    "create": (CreateRoute,),
    "route": (PointRoute, CreateRoute),
    "note": (NoteRoute,),
    "delete": (DeleteRoute,),
    "take": (UnassociateEip,),
    "give": (AssociateEip,),
    "eip": (UnassociateEip, AssociateEip),
    "words": (PointRoute, CreateRoute, NoteRoute),
    "read": (ReadRoutes,),
}
OF_A_HOP = (
    "ResourceNotFound.Instance",
    "OperationFailed.EcsMigrating",
    "IncorrectStatus.NextHop",
    "SomethingNew",
    "OperationFailed.InstanceDismatchCurrentVpc",
)
_NEW_LETTERS = re.compile(r" [ofkreu]=[^\s\]]+")
"""The letters of memory that 0.1 did not have."""
OF_A_RIGHT = ("Forbidden.RAM", "NoPermission")
OF_A_TABLE = ("OperationDenied.RouteTableTypeNotPermitted", "QuotaExceeded", "IncorrectStatus.Vswitch", "SomethingNew")
OF_WORDS = ("InvalidDescription.Malformed", "IllegalParam.RouteEntryName")
OF_AN_EIP = ("EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP", "InvalidStatus.NotAllow", "InvalidNicOrVm.NotFound")


@dataclass(frozen=True, slots=True)
class ScriptedRefusal:
    """Calls of `kind` are answered with `code` until `until`: those about `hop` and `table`, if they are named."""

    until: float
    kind: str
    code: str
    hop: str | None = None
    table: str | None = None

    def concerns(self, call: Any) -> bool:
        """Return True if it is about this call."""
        if not isinstance(call, KINDS[self.kind]) or (self.kind == "words" and not call.description):
            return False
        to = getattr(call, "to", None)
        hop = getattr(to, "id", to)
        if self.hop is not None and hop != self.hop:
            return False
        return self.table is None or getattr(call, "table", self.table) == self.table


class RefusingActs:
    """What each of these happenings does."""

    simulation: Any

    def _is_refused(self, kind: str, code: str, hop: str | None, table: str | None, seconds: float) -> None:
        town, region = self.simulation.town, self.simulation.region
        region.refusals.append(ScriptedRefusal(town.second + seconds, kind, code, hop, table))
        town.played["hidden"] += kind == "read"
        self._until_over(seconds)

    def _tasks_take(self, task_s: float, seconds: float) -> None:
        town = self.simulation.town
        town.timings = slow = replace(town.timings, modify=task_s, create=task_s + 3, delete=task_s + 2)

        def over() -> None:
            if town.timings is slow:  # otherwise tasks take longer for another reason by now
                town.timings = Timings()
            self.simulation.rules.disturbed("tasks are quick again")

        town.slow_until = max(town.slow_until, town.second + seconds + task_s)
        town.after(seconds, over)

    def _entry_is_stuck(self, table: str, seconds: float) -> None:
        self.simulation.town.stick(table, seconds)
        self._until_over(seconds)

    def _list_has_holes(self, gateway: str, seconds: float) -> None:
        town = self.simulation.town
        lacking = town.machines if gateway == "*" else (gateway,)
        town.holes |= dict.fromkeys(lacking, town.second + seconds)
        self._until_over(seconds)

    def _is_rolled_back(self, table: str, how: str = "letters") -> None:
        """The first release is back for a moment, then the new one is: a process that knows only what is written.

        It writes its own letters into the entries, and drops the others. Then it moves the route, or is stopped in the
        midst of a bridge.
        """
        simulation, town = self.simulation, self.simulation.town
        for entry in town.tables[table]:
            entry.description = _NEW_LETTERS.sub("", entry.description)
        self._forgetful(3600.0)
        simulation.function.configure(simulation.function.config)
        group, whole = simulation.rules.group_of[table], town.entry(table, DEFAULT)
        truth, parts = simulation.rules.truth, [town.entry(table, half) for half in HALVES]
        if how == "letters" or whole is None or whole.hop is None or any(parts) or truth.paused(group):
            return
        ways = [hop for hop in truth.hops(group) if hop.id != whole.hop.id and truth.works(hop, group)]
        if not ways or whole.status is not EntryStatus.AVAILABLE or not belongs(whole.hop, group):
            return
        to = by_interface(ways[0]) if whole.hop.via and ways[0].kind is HopKind.INSTANCE else ways[0]
        when = town.wall
        words = f"natkeeper: {to} since {when:%Y-%m-%dT%H:%M:%SZ}: {whole.hop} is Stopping "
        words += f"[nk1 s={when.timestamp():.0f} b=auto h={group.gateways[0]} g={to.id}]"
        town.played["released"] += 1
        if how == "moves":
            town.point_route(table, to)
            whole.description = words
            return
        for half in reversed(HALVES):
            town.add_entry(table, half, to).description = words

    def _memory_is_edited(self, table: str, how: str) -> None:
        """A person edits the description in the console: its end is lost, words are added, a value, or all of it."""
        for entry in self.simulation.town.tables[table]:
            text = entry.description
            edits = {"cut": text.rstrip("]"), "words": f"{text} (ticket 12)", "garbled": text.replace("s=", "s=x")}
            entry.description = edits.get(how, "")
        self._forgetful(3600.0)

    def _forgetful(self, seconds: float) -> None:
        region = self.simulation.region
        region.edited_until = self.simulation.town.second + seconds

    def _probe_is_broken(self, seconds: float) -> None:
        town, region = self.simulation.town, self.simulation.region
        region.probe_broken_until = town.second + seconds
        for eye in self.simulation.eyes.values():
            eye.broken_until = town.second + seconds
            eye.look()
        town.after(seconds, self._probe_is_mended)

    def _probe_is_mended(self) -> None:
        self.simulation.rules.disturbed("the probe is mended")
        self.simulation.rules.more.moves.clear()  # a look that succeeds ends the back-off at once
        for eye in self.simulation.eyes.values():
            eye.broken_until = -1.0
            eye.look()

    def _until_over(self, seconds: float) -> None:
        self.simulation.town.after(seconds, lambda: self.simulation.rules.disturbed("the refusal is over"))
