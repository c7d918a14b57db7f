"""A region with one group, on a clock that only pauses move, for the parts of a drill: what is asked of it is noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.cli.errors import CommandError, trouble_of
from natkeeper.cli.survey import network
from natkeeper.domain.observed import EntryStatus
from natkeeper.ports import Failure, FailureKind

A, B, TABLE = "i-gwa", "i-gwb", "vtb-one"
BEGAN = datetime(2026, 11, 23, 6, 0, tzinfo=timezone.utc)
DENIED = Failure(FailureKind.DENIED, "you may not", "Forbidden.RAM")
BUSY = Failure(FailureKind.BUSY, "not now", "IncorrectInstanceStatus")
UNREACHED = Failure(FailureKind.UNREACHABLE, "no answer")


class RefusedCall(Exception):
    """A call that the platform refuses."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


def since(now: float, told: list[tuple[float, Any]]) -> Any:
    """Return what holds at a time: of the pairs (from when, what) the last that has begun."""
    return [what for begins, what in told if begins <= now][-1]


def view(hop: str | None = A, **health: str) -> dict[str, Any]:
    """A status view: the gateways, healthy unless it says otherwise, and where the one route goes."""
    gateways = [{"id": f"i-gw{name}", **state(health.get(name, ""))} for name in ("a", "b")]
    return {"gateways": gateways, "routes": [{"table": TABLE, "destination": "0.0.0.0/0", "next_hop": hop}]}


def state(reason: str) -> dict[str, str]:
    return {"health": "unhealthy", "reason": reason} if reason else {"health": "healthy"}


@dataclass
class DrillRegion:
    """`machine`: since when the gateway has which status (a Failure: cannot be read; None: deleted). `views`: the same
    of status views (an exception: is raised). `hops`: the same of the route's next hop. `refusals`: what an action is
    refused with, one after the other. `events`: scheduled events of the gateway.
    """

    machine: list[tuple[float, Any]] = field(default_factory=lambda: [(0, "Running")])
    views: list[tuple[float, Any]] = field(default_factory=lambda: [(0, view())])
    hops: list[tuple[float, Any]] = field(default_factory=lambda: [(0, A)])
    refusals: dict[str, list[Failure]] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    outcome: Mapping[str, str] = field(default_factory=lambda: {"outcome": "quiet", "sentence": "all is well"})
    on: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    """What else an action does."""
    spot: bool = False
    now: float = 0.0
    said: list[str] = field(default_factory=list)
    calls: list[tuple[float, str, Any]] = field(default_factory=list)
    region: str = "cn-hangzhou"

    # ---- as the clients of a region ----------------------------------------------------------------------

    def clock(self) -> datetime:
        return BEGAN + timedelta(seconds=self.now)

    def try_(self, make: Callable[[Any], Any]) -> Any:
        clients = SimpleNamespace(client=lambda _kind: self)
        try:
            return make(SimpleNamespace(region=self.region, clients=clients, options=lambda *_: "options"))
        except RefusedCall as refused:
            return refused.failure

    def do(self, doing: str, make: Callable[[Any], Any]) -> Any:
        answer = self.try_(make)
        if isinstance(answer, Failure):
            raise trouble_of(answer, doing)
        return answer

    def __getattr__(self, name: str) -> Any:
        if not name.endswith("_with_options"):
            raise AttributeError(name)
        return lambda request, options: self._called(name.removesuffix("_with_options"), request.to_map(), options)

    def _called(self, action: str, request: dict[str, Any], options: str) -> Any:
        assert options == "options"
        self.calls.append((self.now, action, request))
        if self.refusals.get(action):
            raise RefusedCall(self.refusals[action].pop(0))
        self.on.get(action, lambda _: None)(request)
        full = SimpleNamespace(
            scheduled_system_event_set=SimpleNamespace(scheduled_system_event_type=self.events or None)
        )
        return SimpleNamespace(
            body=SimpleNamespace(instance_full_status_set=SimpleNamespace(instance_full_status_type=[full]))
        )

    # ---- as natkeeper ------------------------------------------------------------------------------------

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((self.now, "ask", dict(request)))
        self.on.get(str(request["action"]), lambda _: None)(request)
        seen = since(self.now, self.views)
        if isinstance(seen, CommandError):
            raise seen
        return {"receipts": [{**self.outcome, **({"view": seen} if seen is not None else {})}]}

    # ---- time, and what is read --------------------------------------------------------------------------

    def ticks(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def asked(self, action: str) -> list[tuple[float, Any]]:
        return [(at, request) for at, name, request in self.calls if name == action]

    def becomes(self, *told: tuple[float, Any]) -> Callable[[Any], None]:
        """Let the gateway have these statuses from now on: so many seconds later."""
        return lambda _: self.machine.extend((self.now + after, status) for after, status in told)

    def read(self, monkeypatch: pytest.MonkeyPatch) -> DrillRegion:
        """Have instances and route tables read here."""
        monkeypatch.setattr(network, "machines", self._machines)
        monkeypatch.setattr(network, "entries", self._entries)
        return self

    def _machines(self, _attempt: object, *, ids: list[str]) -> list[Any]:
        status = since(self.now, self.machine)
        if isinstance(status, Failure):
            raise RefusedCall(status)
        return [] if status is None else [SimpleNamespace(id=ids[0], status=status, spot=self.spot)]

    def _entries(self, _attempt: object, table: str) -> list[Any]:
        assert table == TABLE
        hop = since(self.now, self.hops)
        if isinstance(hop, Failure):
            raise RefusedCall(hop)
        other = SimpleNamespace(destination="10.0.0.0/8", next_hop=SimpleNamespace(id="other"), status="?")
        status = EntryStatus.AVAILABLE if hop != "changing" else "Modifying"
        there = None if hop is None else SimpleNamespace(id=hop)
        return (
            [other, SimpleNamespace(destination="0.0.0.0/0", next_hop=there, status=status)] if hop != "" else [other]
        )


def event(ident: str, not_before: str, status: str = "Scheduled") -> Any:
    """Make a scheduled event of an instance."""
    return SimpleNamespace(event_id=ident, not_before=not_before, event_cycle_status=SimpleNamespace(name=status))
