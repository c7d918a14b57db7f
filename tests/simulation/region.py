"""The simulated region: the APIs as tests/fakes has them, with troubles that last for a while."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from natkeeper.alibaba.errors import meaning_of
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.ids import EipId, InstanceId, TableId
from natkeeper.domain.observed import NextHop
from natkeeper.ports import (
    AssociateEip,
    CheckFromFunction,
    CheckThroughProbe,
    CreateRoute,
    DeleteRoute,
    Failure,
    FailureKind,
    HandOver,
    NoteRoute,
    PointRoute,
    ReadConditions,
    ReadEip,
    ReadGatewayCheck,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
    ReadSetups,
    Result,
    StartGateway,
    StartGatewayCheck,
    StartSetup,
    UnassociateEip,
)
from tests.fakes.cloud import FakeCloud, of_table
from tests.simulation.interfaces import shown
from tests.simulation.refusing import OF_A_RIGHT, ScriptedRefusal
from tests.simulation.town import SimulatedWorld

ROUTE_WRITES = (PointRoute, NoteRoute, CreateRoute, DeleteRoute)
EIP_WRITES = (UnassociateEip, AssociateEip)
WRITES = (*ROUTE_WRITES, *EIP_WRITES)
STALE_READS = (ReadRoutes, ReadInstances, ReadConditions, ReadEip, ReadNatGateway)

OF_API: dict[str, tuple[type[Any], ...]] = {
    "ecs": (ReadInstances, ReadConditions, StartGateway, StartGatewayCheck, ReadGatewayCheck),
    "vpc": (ReadRoutes, ReadEip, ReadNatGateway, *WRITES),
    "vpc writes": ROUTE_WRITES,
    "eip": (ReadEip, *EIP_WRITES),
    "fc": (CheckThroughProbe, HandOver, CheckFromFunction),
    "all": (object,),
}
TRICKLING: dict[str, tuple[type[Any], ...]] = {
    "conditions": (ReadConditions,),
    "setups": (ReadSetups,),
    "looks": (StartGatewayCheck, ReadGatewayCheck),
    "people": (HandOver,),
}
"""What a run can do without: that it trickles is no excuse for anything."""
KIND = {
    "lost out": FailureKind.UNREACHABLE,
    "lost back": FailureKind.UNREACHABLE,
    "throttled": FailureKind.THROTTLED,
    "denied": FailureKind.DENIED,
}


NO_ANSWER = "Simulated"
"""The code of what an API in trouble answers, or does not."""


@dataclass(frozen=True, slots=True)
class ApiTrouble:
    """What is wrong with an API until `until`: `how` it fails, or by how much it is slow."""

    api: tuple[type[Any], ...]
    until: float
    how: str = ""
    slow_s: float = 0.0


class Region(FakeCloud):
    """Carries single attempts out; who sends them, and how long they travel, is not its business."""

    def __init__(self, town: SimulatedWorld, probes: dict[str, str]) -> None:
        super().__init__(town, probes)
        self.town = town
        self.troubles: list[ApiTrouble] = []
        self.on_hand_over: Callable[[HandOver], None] = lambda _call: None
        self.on_repair: Callable[[], None] = lambda: None
        self.refusals: list[ScriptedRefusal] = []
        self.probe_broken_until = -1e9
        self.edited_until = -1e9
        self.probe_lies_until = -1e9
        self._trickling: list[tuple[float, tuple[type[Any], ...]]] = []
        self._stale: dict[Any, Result] = {}
        self._stale_until = 0.0

    def begin_stale(self, seconds: float, calls: list[Any]) -> None:
        """Answer `calls` as of now for some seconds."""
        self._stale = {of_table(call): super(Region, self)._carry_out(call) for call in calls}
        self._stale_until = self.town.second + seconds

    def trickle(self, calls: tuple[type[Any], ...], seconds: float) -> None:
        """Let answers to such calls come byte by byte, so that nobody gets them whole in time."""
        self._trickling.append((self.town.second + seconds, calls))

    def trickles(self, kind: type[Any]) -> bool:
        """Return True if answers to such calls trickle now, or did a moment ago."""
        now = self.town.second
        return any(now < until + 5 and kind in calls for until, calls in self._trickling)

    @property
    def troubled(self) -> bool:
        """Return True if anything is wrong with the APIs now."""
        now = self.town.second
        return any(now < trouble.until for trouble in self.troubles) or now < self._stale_until

    @property
    def troubled_lately(self) -> bool:
        """Return True if anything was wrong with them within the time that a call may take."""
        now = self.town.second
        return any(now < trouble.until + 15 for trouble in self.troubles) or now < self._stale_until + 15

    @property
    def slow_lately(self) -> bool:
        """Return True if calls were slow within the time that a call may take."""
        return any(trouble.slow_s and self.town.second < trouble.until + 15 for trouble in self.troubles)

    def trouble(self, call: Any) -> ApiTrouble | None:
        """Find what is wrong with calls like this one now."""
        if not self.troubles:
            return None
        now = self.town.second
        return next((t for t in self.troubles if now < t.until and isinstance(call, t.api)), None)

    def refused(self, call: Any) -> Failure | None:
        """Answer a call that the platform refuses now; None for any other."""
        now = self.town.second
        refusal = next((each for each in self.refusals if now < each.until and each.concerns(call)), None)
        if refusal is None:
            return None
        status = 403 if refusal.code in OF_A_RIGHT else 400
        kind, names = meaning_of(refusal.code, status)
        return Failure(kind, "refused for a while", refusal.code, "R-sim", names)

    @property
    def forgetful(self) -> bool:
        """Return True if nothing can be written down: the platform refuses the words, or what was written is lost."""
        if self.town.second < self.edited_until:
            return True
        return any(self.town.second < each.until + 3600 and each.kind in ("words", "note") for each in self.refusals)

    @property
    def notes_refused(self) -> bool:
        """Return True if marks could not be written within the hour, though moves, which carry them, could."""
        return any(self.town.second < each.until + 3600 and each.kind == "note" for each in self.refusals)

    def takes(self, table: str, hop: NextHop) -> bool:
        """Return True if the platform would point a route of `table` to `hop` now."""
        kinds = [PointRoute("", TableId(table), "0.0.0.0/0", hop, "", "")]
        return all(self.refused(call) is None for call in kinds)

    def reads(self, table: str) -> bool:
        """Return True if `table` can be read now, and could a moment ago."""
        hidden = (each for each in self.refusals if each.kind == "read" and each.table == table)
        return not any(self.town.second < each.until + 5 for each in hidden)

    def retires(self, table: str) -> bool:
        """Return True if the platform would delete entries of `table` now."""
        deletions = (each for each in self.refusals if each.kind == "delete" and each.table in (None, table))
        return not any(self.town.second < each.until for each in deletions)

    def creates(self, table: str, hop: NextHop) -> bool:
        """Return True if the platform would create an entry to `hop` in `table` now."""
        return self.refused(CreateRoute("", TableId(table), "0.0.0.0/0", hop, "", "", "")) is None

    def brings(self, eip: str, holder: str | None, to: str) -> bool:
        """Return True if the platform would bring an EIP to an instance now."""
        off = holder is None or self.refused(UnassociateEip(EipId(eip), InstanceId(holder))) is None
        return off and self.refused(AssociateEip(EipId(eip), InstanceId(to))) is None

    def attempt(self, call: Any, how: str) -> Result:
        """Carry one attempt out, unless it fails as `how` says."""
        if how in ("", "lost back"):
            refused = self.refused(call)
            if refused is not None:
                return refused
            result = shown(self.carry_out(call))
            if not how:
                return result
        return Failure(KIND[how], how, NO_ANSWER) if how else None

    def carry_out(self, call: Any) -> Result:
        """Carry a call out now."""
        if self._stale and isinstance(call, STALE_READS) and self.town.second < self._stale_until:
            known = of_table(call)
            return self._stale[known] if known in self._stale else self._carry_out(call)
        if isinstance(call, CheckThroughProbe) and self.town.second < self.probe_broken_until:
            return EgressLost(self.town.now, "no answer in time")
        if isinstance(call, CheckThroughProbe) and self.town.second < self.probe_lies_until:
            return self._lie(call)
        if isinstance(call, HandOver):
            self.on_hand_over(call)
            return None
        if isinstance(call, ReadGatewayCheck) and self._checks[call.invocation].gateway not in self.town.machines:
            return Failure(FailureKind.GONE, "the instance is gone")
        result = self._carry_out(call)
        if isinstance(call, StartGateway) and not isinstance(result, Failure):
            self.town.woken.add(call.gateway)
            self.town.played["woken"] += 1
        if isinstance(call, PointRoute) and call.to.via and not isinstance(result, Failure):
            self.town.played["interface"] += 1
        if isinstance(call, (PointRoute, CreateRoute, NoteRoute)) and not isinstance(result, Failure):
            self.town.touched("CreateRouteEntry" if isinstance(call, CreateRoute) else "ModifyRouteEntry", call.table)
        return result

    def _lie(self, call: CheckThroughProbe) -> EgressSeen:
        """Say that the internet is there, seen from whatever carries the route."""
        table = TableId(self.probes[call.function])
        self.town.played["lie"] += self.town.egress(table) is None
        hop = self.town.hop_of(table)
        own = None if hop is None or hop.id not in self.town.machines else self.town.public_ip(InstanceId(hop.id))
        return EgressSeen(self.town.now, own or "198.51.100.200")

    def _finish_setup(self, call: StartSetup, started: datetime) -> None:
        broken = [gateway for gateway in call.gateways if not self._ruled(gateway)]
        super()._finish_setup(call, started)
        if any(self._ruled(gateway) for gateway in broken):
            self.on_repair()

    def _ruled(self, gateway: InstanceId) -> bool:
        machine = self.town.machines.get(gateway)
        return machine is not None and machine.rules

    def rest(self, call: Any, result: Result, tries: int) -> float | None:
        """How long the adapters rest before they try again; None when they do not."""
        return self._pause(call, result, tries)

    def checks_take(self, call: Any, result: Result) -> float:
        """How much longer than a read a look takes."""
        return self._lasts(call, result) - self.round_trip / 2


def draws(chance: random.Random, fails: float) -> str:
    """Draw how an ordinary call fails, mostly not at all."""
    if fails and chance.random() < fails:
        return chance.choice(("lost out", "lost back", "throttled"))
    return ""
