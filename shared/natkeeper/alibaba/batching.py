"""How few requests does a batch of calls need?

What is the same is asked once, reads of many instances become one request for each hundred, reads of one route table
become one, setups are listed once
and started fifty at a time, and the route writes of one VPC follow each other, because the platform takes them one
by one and answers TaskConflict to the rest. A plan holds the jobs to do; each call gets a way to pick its answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from natkeeper.alibaba.clients import LONGEST_TOKEN
from natkeeper.alibaba.setups import TOGETHER
from natkeeper.alibaba.threads import Job
from natkeeper.domain.ids import InstanceId, TableId
from natkeeper.ports import (
    Call,
    CreateRoute,
    DeleteRoute,
    Failure,
    FailureKind,
    NoteRoute,
    PointRoute,
    ReadRoutes,
    ReadSetups,
    Result,
    StartSetup,
)

TOO_LATE = Failure(FailureKind.UNREACHABLE, "no answer before the deadline")

J = TypeVar("J", bound=Job)

RouteWrite = PointRoute | NoteRoute | CreateRoute | DeleteRoute
Outcomes = Mapping[Job, Any]
"""What each job that ended in time came to."""
Answer = Callable[[Outcomes], Result]
"""Picks the answer to one call from the outcomes of a plan's jobs."""


@dataclass(eq=False, slots=True)
class SingleCall:
    """A call that needs a request of its own."""

    call: Call[Any]
    perform: Callable[[Call[Any]], Result]

    @property
    def patience_s(self) -> float:
        return self.call.patience_s

    @property
    def optional(self) -> bool:
        return self.call.optional

    def run(self) -> Result:
        return self.perform(self.call)


@dataclass(eq=False, slots=True)
class ReadBatch:
    """One request for several things of one kind, for which several calls ask. `read` takes their ids."""

    patience_s: float
    optional: bool
    read: Callable[[Sequence[Any]], Any]
    ids: dict[Any, None] = field(default_factory=dict)
    """A set that keeps its order."""

    def run(self) -> Any:
        return self.read(tuple(self.ids))


@dataclass(eq=False, slots=True)
class TableRead:
    """Reads of one route table that become one: for all their destinations, or whole where one asks for that."""

    perform: Callable[[ReadRoutes], Result]
    calls: list[ReadRoutes] = field(default_factory=list)
    patience_s = ReadRoutes.patience_s
    optional = ReadRoutes.optional

    def run(self) -> Result:
        whole = not all(call.destinations for call in self.calls)
        wanted = dict.fromkeys(destination for call in self.calls for destination in call.destinations)
        return self.perform(replace(self.calls[0], destinations=() if whole else tuple(wanted)))


@dataclass(eq=False, slots=True)
class VpcQueue:
    """The route writes of one VPC, in order, and the outcomes so far."""

    perform: Callable[[RouteWrite], Result]
    calls: list[RouteWrite] = field(default_factory=list)
    done: list[Result] = field(default_factory=list)
    optional = False

    @property
    def patience_s(self) -> float:
        return sum(call.patience_s for call in self.calls)

    def run(self) -> None:
        for call in self.calls:
            self.done.append(self.perform(call))

    def outcome(self, position: int) -> Result:
        """Return what came of the write at `position`, even if a later one hangs."""
        return self.done[position] if position < len(self.done) else TOO_LATE


@dataclass(eq=False, slots=True)
class SetupListing:
    """Reads of setups that become one listing: of all their gateways, from the earliest of their times."""

    read: Callable[[ReadSetups], Result]
    calls: list[ReadSetups] = field(default_factory=list)
    patience_s = ReadSetups.patience_s
    optional = ReadSetups.optional

    def run(self) -> Result:
        earliest = min(call.since for call in self.calls)
        return self.read(replace(self.calls[0], since=earliest, gateways=_gateways(self.calls)))


@dataclass(eq=False, slots=True)
class SetupStart:
    """Starts of the same setup that become one."""

    start: Callable[[StartSetup], Result]
    calls: list[StartSetup] = field(default_factory=list)
    patience_s = StartSetup.patience_s
    optional = StartSetup.optional

    def has_room_for(self, call: StartSetup) -> bool:
        return len({*_gateways(self.calls), *call.gateways}) <= TOGETHER

    def run(self) -> Result:
        """Make one start of all; the same calls make the same request, so that it can be repeated."""
        first = self.calls[0]
        if len(self.calls) == 1:
            return self.start(first)
        tokens = " ".join(call.token for call in self.calls)
        token = f"natkeeper-{hashlib.sha256(tokens.encode()).hexdigest()}"[:LONGEST_TOKEN]
        return self.start(replace(first, gateways=_gateways(self.calls), token=token))


@dataclass(slots=True)
class BatchPlan:
    """The jobs of one batch, in the order in which they were first needed."""

    jobs: list[Job] = field(default_factory=list)
    _singles: dict[Hashable, SingleCall] = field(default_factory=dict)
    _reads: dict[type[Call[Any]], list[ReadBatch]] = field(default_factory=dict)
    _tables: dict[TableId, TableRead] = field(default_factory=dict)
    _queues: dict[str, VpcQueue] = field(default_factory=dict)
    _listings: dict[Hashable, SetupListing] = field(default_factory=dict)
    _starts: dict[Hashable, SetupStart] = field(default_factory=dict)

    def single(self, call: Call[Any], key: Hashable, perform: Callable[[Call[Any]], Result]) -> Answer:
        """Make a call once for all that have the same `key`."""
        if key not in self._singles:
            self._singles[key] = self._add(SingleCall(call, perform))
        return _outcome_of(self._singles[key])

    def read(self, call: Call[Any], ids: Sequence[Any], most: int, read: Callable[[Sequence[Any]], Any]) -> Answer:
        """Put `ids` into reads that other calls share, `most` in each; answer with those asked for."""
        batches = self._reads.setdefault(type(call), [])
        mine: dict[Any, ReadBatch] = {}
        for one in ids:
            batch = next((batch for batch in batches if one in batch.ids), None)
            batch = batch or next((batch for batch in batches if len(batch.ids) < most), None)
            if batch is None:
                batch = self._add(ReadBatch(call.patience_s, call.optional, read))
                batches.append(batch)
            batch.ids[one] = None
            mine[one] = batch

        def answer(outcomes: Outcomes) -> Result:
            found: dict[Any, Any] = {}
            for one, batch in mine.items():
                outcome = outcomes.get(batch, TOO_LATE)
                if isinstance(outcome, Failure):
                    return outcome
                if one in outcome:
                    found[one] = outcome[one]
            return found

        return answer

    def read_table(self, call: ReadRoutes, perform: Callable[[ReadRoutes], Result]) -> Answer:
        """Read a route table once for all calls that ask for it; answer with the entries that the call asks for."""
        if call.table not in self._tables:
            self._tables[call.table] = self._add(TableRead(perform))
        table = self._tables[call.table]
        table.calls.append(call)
        wanted = frozenset(call.destinations)

        def answer(outcomes: Outcomes) -> Result:
            found = outcomes.get(table, TOO_LATE)
            if isinstance(found, Failure) or not wanted:
                return found
            return tuple(entry for entry in found if entry.destination in wanted)

        return answer

    def write_route(self, call: RouteWrite, perform: Callable[[RouteWrite], Result]) -> Answer:
        """Put a route write behind the others of its VPC; answer with its own outcome."""
        if call.vpc not in self._queues:
            self._queues[call.vpc] = self._add(VpcQueue(perform))
        queue = self._queues[call.vpc]
        position = len(queue.calls)
        queue.calls.append(call)
        return lambda _: queue.outcome(position)

    def list_setups(self, call: ReadSetups, read: Callable[[ReadSetups], Result]) -> Answer:
        """Read the setups of several calls in one listing; answer with the call's own."""
        key = (call.via, call.template, bool(call.gateways))
        if key not in self._listings:
            self._listings[key] = self._add(SetupListing(read))
        listing = self._listings[key]
        listing.calls.append(call)
        wanted = frozenset(call.gateways)

        def answer(outcomes: Outcomes) -> Result:
            found = outcomes.get(listing, TOO_LATE)
            if isinstance(found, Failure):
                return found
            return tuple(run for run in found if run.started >= call.since and (not wanted or run.gateway in wanted))

        return answer

    def start_setup(self, call: StartSetup, start: Callable[[StartSetup], Result]) -> Answer:
        """Start the same setup of several calls together, fifty gateways at a time; answer with what started it."""
        key = (call.via, call.template, call.role, call.parameters)
        if key not in self._starts or not self._starts[key].has_room_for(call):
            self._starts[key] = self._add(SetupStart(start))
        self._starts[key].calls.append(call)
        return _outcome_of(self._starts[key])

    def _add(self, job: J) -> J:
        self.jobs.append(job)
        return job


def _outcome_of(job: Job) -> Answer:
    return lambda outcomes: outcomes.get(job, TOO_LATE)


def _gateways(calls: Sequence[ReadSetups] | Sequence[StartSetup]) -> tuple[InstanceId, ...]:
    """Every gateway of every call, once."""
    return tuple(dict.fromkeys(gateway for call in calls for gateway in call.gateways))
