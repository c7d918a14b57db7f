"""How few requests does a batch of calls need?

What is the same is asked once, reads of many instances become one request for each hundred, setups are listed once
and started fifty at a time, and the route writes of one VPC follow each other, because the platform takes them one
by one and answers TaskConflict to the rest. A plan holds the jobs to do; each call gets a way to pick its answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from natkeeper.alibaba.setups import TOGETHER
from natkeeper.domain.ids import InstanceId
from natkeeper.ports import (
    CreateRoute,
    DeleteRoute,
    Failure,
    FailureKind,
    NoteRoute,
    PointRoute,
    ReadSetups,
    Result,
    StartSetup,
)

TOO_LATE = Failure(FailureKind.UNREACHABLE, "no answer before the deadline")
_LONGEST_TOKEN = 64

RouteWrite = PointRoute | NoteRoute | CreateRoute | DeleteRoute
Job = Callable[[], Any]
Answer = Callable[[Mapping[Hashable, Any]], Result]


@dataclass(eq=False, slots=True)
class _Shelf:
    """A read of several things of one kind that calls share."""

    ids: dict[Any, None] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class _Lane:
    """The route writes of one VPC, in order, and the outcomes so far."""

    calls: list[RouteWrite] = field(default_factory=list)
    done: list[Result] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Joint:
    """Calls about setups that become one."""

    calls: list[Any] = field(default_factory=list)

    def gateways(self) -> tuple[InstanceId, ...]:
        """Every gateway of every call, once."""
        return tuple(dict.fromkeys(gateway for call in self.calls for gateway in call.gateways))


@dataclass(slots=True)
class Plan:
    """The jobs of one batch by what identifies them, in the order in which they were first needed."""

    jobs: dict[Hashable, Job] = field(default_factory=dict)
    _shelves: dict[str, list[_Shelf]] = field(default_factory=dict)
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _listings: dict[Hashable, _Joint] = field(default_factory=dict)
    _starts: dict[Hashable, _Joint] = field(default_factory=dict)

    def shared(self, what: str, ids: tuple[Any, ...], most: int, read: Callable[[Sequence[Any]], Any]) -> Answer:
        """Put `ids` into reads that other calls share, `most` in each; answer with those asked for."""
        shelves = self._shelves.setdefault(what, [])
        mine: dict[Any, _Shelf] = {}
        for one in ids:
            shelf = next((shelf for shelf in shelves if one in shelf.ids), None)
            shelf = shelf or next((shelf for shelf in shelves if len(shelf.ids) < most), None)
            if shelf is None:
                shelf = _Shelf()
                shelves.append(shelf)
                self.jobs[shelf] = lambda shelf=shelf: read(tuple(shelf.ids))  # type: ignore[misc]
            shelf.ids[one] = None
            mine[one] = shelf

        def answer(outcomes: Mapping[Hashable, Any]) -> Result:
            found: dict[Any, Any] = {}
            for one, shelf in mine.items():
                outcome = outcomes.get(shelf, TOO_LATE)
                if isinstance(outcome, Failure):
                    return outcome
                if one in outcome:
                    found[one] = outcome[one]
            return found

        return answer

    def in_lane(self, call: RouteWrite, write: Callable[[RouteWrite], Result]) -> Answer:
        """Put a route write behind the others of its VPC; answer with its own outcome, even if a later one hangs."""
        lane = self._lanes.get(call.vpc)
        if lane is None:
            lane = self._lanes[call.vpc] = _Lane()
            self.jobs[lane] = lambda lane=lane: _go_down(lane, write)  # type: ignore[misc]
        position, mine = len(lane.calls), lane
        lane.calls.append(call)
        return lambda _: mine.done[position] if position < len(mine.done) else TOO_LATE

    def listed(self, call: ReadSetups, read: Callable[[ReadSetups], Result]) -> Answer:
        """Read the setups of several calls in one listing, from the earliest time; answer with the call's own."""
        key = (call.via, call.template, bool(call.gateways))
        joint = self._listings.get(key)
        if joint is None:
            joint = self._listings[key] = _Joint()
            self.jobs[joint] = lambda joint=joint: read(  # type: ignore[misc]
                replace(call, since=min(each.since for each in joint.calls), gateways=joint.gateways())
            )
        joint.calls.append(call)
        mine, wanted = joint, frozenset(call.gateways)

        def answer(outcomes: Mapping[Hashable, Any]) -> Result:
            found = outcomes.get(mine, TOO_LATE)
            if isinstance(found, Failure):
                return found
            return tuple(run for run in found if run.started >= call.since and (not wanted or run.gateway in wanted))

        return answer

    def started(self, call: StartSetup, start: Callable[[StartSetup], Result]) -> Answer:
        """Start the same setup of several calls together, fifty gateways at a time; answer with what started it."""
        key = (call.via, call.template, call.role, call.parameters)
        joint = self._starts.get(key)
        if joint is None or len({*joint.gateways(), *call.gateways}) > TOGETHER:
            joint = self._starts[key] = _Joint()
            self.jobs[joint] = lambda joint=joint: start(_joined(joint))  # type: ignore[misc]
        joint.calls.append(call)
        mine = joint
        return lambda outcomes: outcomes.get(mine, TOO_LATE)


def _go_down(lane: _Lane, write: Callable[[RouteWrite], Result]) -> None:
    for call in lane.calls:
        lane.done.append(write(call))


def _joined(joint: _Joint) -> StartSetup:
    """Make one start of several; the same calls make the same request, so that it can be repeated."""
    first: StartSetup = joint.calls[0]
    if len(joint.calls) == 1:
        return first
    tokens = " ".join(call.token for call in joint.calls)
    token = f"natkeeper-{hashlib.sha256(tokens.encode()).hexdigest()}"[:_LONGEST_TOKEN]
    return replace(first, gateways=joint.gateways(), token=token)
