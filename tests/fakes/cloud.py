"""`FakeCloud` performs the calls of natkeeper/ports.py on a `FakeWorld`, with faults on demand, and keeps a log.

A batch is a small simulation of its own: every call of it is sent at once, each attempt arrives after half a round
trip, and what may be tried again is tried again as the adapters do, until the call's patience or the deadline ends.
No threads; the only randomness is the world's seeded one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from natkeeper.alibaba.errors import meaning_of
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import PowerState, TaggedInstance
from natkeeper.guest.parameters import Mode
from natkeeper.guest.report import SetupFacts, SetupProblem, SetupReport, UnreadableReport
from natkeeper.guest.script import fingerprint, script_hash
from natkeeper.ports import (
    AssociateEip,
    Batch,
    Call,
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
    ReadRelay,
    ReadRoutes,
    ReadSetups,
    ReadTagged,
    ReadVpcRoutes,
    ReadVpcTables,
    Result,
    SetupRun,
    StartGateway,
    StartGatewayCheck,
    StartRelay,
    StartSetup,
    UnassociateEip,
    Wait,
)
from tests.fakes.world import FakeWorld
from tests.fakes.writes import FakeWrites, failure, gone

FINDS = (ReadVpcRoutes, ReadVpcTables, ReadTagged)
READS = (ReadRoutes, *FINDS, ReadInstances, ReadConditions, ReadEip, ReadNatGateway, ReadSetups)
ROUTE_WRITES = (PointRoute, NoteRoute, CreateRoute, DeleteRoute)
WRITES = (*ROUTE_WRITES, AssociateEip, UnassociateEip, StartSetup, StartGateway)
LOOKS = (CheckThroughProbe, CheckFromFunction, StartGatewayCheck, ReadGatewayCheck)

AnyCall = Call[Any]
Which = type[Any] | tuple[type[Any], ...]


@dataclass(slots=True)
class FakeFault:
    """What goes wrong with the next `times` attempts of calls of kind `which` that `where` accepts.

    `done`: the call is carried out all the same and only its answer is lost. `takes`: seconds
    until the failure shows.
    """

    which: Which
    kind: FailureKind
    times: int = 10**9
    code: str = ""
    done: bool = False
    takes: float = 0.5
    where: Callable[[AnyCall], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt of one call, as the log keeps it."""

    at: datetime
    batch: int
    call: Any
    result: Result


@dataclass(slots=True)
class _BegunCheck:
    ready: datetime
    gateway: Any


@dataclass(order=True, slots=True)
class _WriteAttempt:
    arrives: datetime
    turn: int
    tries: int = field(compare=False, default=0)


class FakeCloud(FakeWrites):
    """`ports.Performer` over a `FakeWorld`. `probes` says behind which table each probe function sits."""

    def __init__(self, world: FakeWorld, probes: dict[str, str] | None = None) -> None:
        super().__init__(world)
        self.probes = probes or {}
        self.round_trip = 0.05
        self.check_timeout = 0.8
        self.assistant_s = 2.5
        self.slow: dict[type[Any], float] = {}
        """Seconds until calls of a kind are answered, where that is no usual round trip."""
        self.relay_says = ""
        """What a relay that was started prints instead of being armed."""
        self.answers_fc = True
        """Whether the targets answer Function Compute's own address: they do not where they have a list."""
        self.unprovable: set[str] = set()
        """Gateways on which the setup's proof cannot be had."""
        self.faults: list[FakeFault] = []
        self.batches: list[Batch] = []
        self.log: list[Sent] = []
        self.handed: list[tuple[datetime, str, bytes]] = []
        self.setups: list[SetupRun] = []
        self.watch: Callable[[], None] = lambda: None
        """Called after every attempt: where invariants are checked."""
        self._frozen: dict[AnyCall, tuple[datetime, Result]] = {}
        self._checks: dict[str, _BegunCheck] = {}
        self._relays: dict[str, datetime] = {}

    # ---- faults ------------------------------------------------------------------------------------------

    def fail(self, which: Which, kind: FailureKind, times: int = 10**9, **more: Any) -> FakeFault:
        """Let the next `times` attempts of such calls fail; returned so that it can be ended."""
        fault = FakeFault(which, kind, times, **more)
        self.faults.append(fault)
        return fault

    def answer(self, which: Which, code: str, times: int = 10**9, status: int = 400, **more: Any) -> FakeFault:
        """Let the next `times` attempts of such calls be answered with Alibaba's own `code`."""
        return self.fail(which, meaning_of(code, status)[0], times, code=code, **{"takes": 0.05, **more})

    def mend(self) -> None:
        """End all faults."""
        self.faults.clear()
        self._frozen.clear()

    def freeze(self, call: AnyCall, seconds: float) -> None:
        """Let reads like `call` answer as of now for some seconds: stale state."""
        self._frozen[of_table(call)] = (self.world.now + timedelta(seconds=seconds), self._carry_out(call))

    # ---- the port ----------------------------------------------------------------------------------------

    def perform(self, batch: Batch, deadline: datetime) -> Sequence[Result]:
        """Answer every call of `batch`, all sent at once; time passes until the last answer."""
        number = len(self.batches)
        self.batches.append(batch)
        results: list[Result] = [None] * len(batch)
        began, ends = self.world.now, [self.world.now]
        pending = [_WriteAttempt(began + timedelta(seconds=self.round_trip / 2), turn) for turn in range(len(batch))]
        while pending:
            attempt = heapq.heappop(pending)
            call = batch[attempt.turn]
            if isinstance(call, Wait):
                ends.append(min(began + timedelta(seconds=call.seconds), max(deadline, began)))
                continue
            if began >= deadline:
                results[attempt.turn] = Failure(FailureKind.UNREACHABLE, "there was no time left to ask")
                continue
            self.world.advance_to(attempt.arrives)
            result, lasts = self._attempt(call)
            self.log.append(Sent(self.world.now, number, call, result))
            self.watch()
            answered = self.world.now + timedelta(seconds=lasts)
            pause = self._pause(call, result, attempt.tries)
            until = min(deadline, began + timedelta(seconds=call.patience_s))
            if pause is not None and answered + timedelta(seconds=pause) < until:
                again = answered + timedelta(seconds=pause + self.round_trip / 2)
                heapq.heappush(pending, _WriteAttempt(again, attempt.turn, attempt.tries + 1))
                continue
            results[attempt.turn] = result
            ends.append(answered)
        self.world.advance_to(max(ends))
        return results

    def _pause(self, call: AnyCall, result: Result, tries: int) -> float | None:
        """How long the adapters rest before they try a call again; None when they do not."""
        if not isinstance(result, Failure) or tries + 1 >= call.tries:
            return None
        if result.kind is FailureKind.BUSY:
            return 0.3 if tries + 1 < call.busy_tries else None
        if result.kind in (FailureKind.UNREACHABLE, FailureKind.THROTTLED):
            return min(0.2 * 2.0**tries, 2.0)
        return None

    def _attempt(self, call: AnyCall) -> tuple[Result, float]:
        """Carry one attempt out, or fail it; with the seconds until its answer is back."""
        fault = next((f for f in self.faults if f.times > 0 and isinstance(call, f.which) and f.where(call)), None)
        if fault is not None:
            fault.times -= 1
            if fault.done:
                self._carry_out(call)
            return failure(fault.kind, "a fault was asked for", fault.code, f"R-{len(self.log)}"), fault.takes
        frozen = self._frozen.get(of_table(call))
        if frozen is not None and self.world.now < frozen[0]:
            return frozen[1], self.round_trip / 2
        result = self._carry_out(call)
        return result, self._lasts(call, result)

    def _lasts(self, call: AnyCall, result: Result) -> float:
        if type(call) in self.slow:
            return self.slow[type(call)]
        if isinstance(result, EgressLost) and isinstance(call, (CheckThroughProbe, CheckFromFunction)):
            return self.check_timeout * (2 if isinstance(call, CheckThroughProbe) else 1)
        return self.round_trip / 2 + (0.1 if isinstance(call, (CheckThroughProbe, CheckFromFunction)) else 0.0)

    # ---- one call, now -----------------------------------------------------------------------------------

    def _routes(self, call: ReadRoutes) -> Result:
        if call.table not in self.world.tables:
            return gone(f"{call.table} does not exist")
        entries = self.world.routes(call.table)
        return tuple(entry for entry in entries if not call.destinations or entry.destination in call.destinations)

    def _found(self, call: ReadVpcRoutes | ReadVpcTables | ReadTagged) -> Result:
        if isinstance(call, ReadVpcRoutes):
            return tuple(entry for table in self.world.tables for entry in self.world.routes(TableId(table)))
        if isinstance(call, ReadVpcTables):
            return tuple(TableId(table) for table in self.world.tables)
        having = (each for each in self.world.machines.values() if f"{call.key}={call.value}" in each.tags)
        return tuple(TaggedInstance(each.id, each.created) for each in having)

    def _carry_out(self, call: AnyCall) -> Result:
        world = self.world
        match call:
            case ReadRoutes() | ReadVpcRoutes() | ReadVpcTables() | ReadTagged():
                return self._routes(call) if isinstance(call, ReadRoutes) else self._found(call)
            case ReadInstances(ids=ids):
                return world.instances(ids)
            case ReadConditions(ids=ids):
                return world.conditions(ids)
            case ReadEip(eip=eip):
                return world.eip(eip)
            case ReadNatGateway(gateway=gateway):
                return world.nat_gateway(gateway)
            case ReadSetups(since=since):
                wanted = getattr(call, "gateways", ())
                runs = [run for run in self.setups if run.started >= since and (not wanted or run.gateway in wanted)]
                return tuple(sorted(runs, key=lambda run: run.started, reverse=True))
            case PointRoute() | NoteRoute() | CreateRoute() | DeleteRoute():
                return self.write_route(call)
            case UnassociateEip() | AssociateEip():
                return self.write_eip(call)
            case (
                CheckThroughProbe()
                | CheckFromFunction()
                | StartGatewayCheck()
                | ReadGatewayCheck()
                | StartRelay()
                | ReadRelay()
            ):
                return self._check(call)
            case StartSetup() | StartGateway():
                return self._start_setup(call) if isinstance(call, StartSetup) else self.start_gateway(call.gateway)
            case HandOver(function=function, payload=payload):
                self.handed.append((world.now, function, payload))
                return None
        raise TypeError(f"nothing performs {call!r}")

    def _relay(self, call: StartRelay | ReadRelay) -> Result:
        if isinstance(call, ReadRelay):
            return None if self.world.now < self._relays[call.invocation] else self.relay_says
        machine = self.world.machines.get(call.gateway)
        if machine is None or machine.status is not PowerState.RUNNING:
            return failure(FailureKind.REFUSED, "the instance does not run", "InvalidInstance.NotFound")
        invocation = f"t-relay{len(self._relays)}"
        self._relays[invocation] = self.world.now + timedelta(seconds=self.assistant_s)
        return invocation

    def _check(
        self,
        call: CheckThroughProbe | CheckFromFunction | StartGatewayCheck | ReadGatewayCheck | StartRelay | ReadRelay,
    ) -> Result:
        world = self.world
        match call:
            case StartRelay() | ReadRelay():
                return self._relay(call)
            case CheckThroughProbe(function=function):
                if function not in self.probes:
                    return gone(f"there is no function {function}")
                return self._egress(world.egress(TableId(self.probes[function])))
            case CheckFromFunction():
                return self._egress("203.0.113.99" if world.internet and self.answers_fc else None)
            case StartGatewayCheck(gateway=gateway):
                machine = world.machines.get(gateway)
                if machine is None or machine.status is not PowerState.RUNNING:
                    return Failure(FailureKind.REFUSED, "the instance is not running", "InstanceNotRunning")
                name = f"t-{len(self._checks) + 1}"
                self._checks[name] = _BegunCheck(world.now + timedelta(seconds=self.assistant_s), gateway)
                return name
            case ReadGatewayCheck(invocation=invocation):
                check = self._checks[invocation]
                if world.now < check.ready or not world.machines[check.gateway].works:
                    return None
                return self._egress(world.egress_of_machine(check.gateway))

    def _egress(self, public_ip: str | None) -> Egress:
        if public_ip is None:
            return EgressLost(self.world.now, "no answer in time")
        return EgressSeen(self.world.now, public_ip)

    # ---- setups ------------------------------------------------------------------------------------------

    def _start_setup(self, call: StartSetup) -> str | Failure:
        known = self.tokens.get(call.token)
        if known is not None:
            mismatch = Failure(FailureKind.REFUSED, "another request had this token", "IdempotentParameterMismatch")
            return call.token if known == call else mismatch
        self.tokens[call.token] = call
        started = self.world.now
        for gateway in call.gateways:
            self.setups.append(SetupRun(gateway, started, None))
        self.world.after(self.world.timings.setup, lambda: self._finish_setup(call, started))
        return call.token

    def _finish_setup(self, call: StartSetup, started: datetime) -> None:
        for gateway in call.gateways:
            machine = self.world.machines.get(gateway)
            report: SetupReport | UnreadableReport = UnreadableReport("the command was not delivered")
            if machine is not None and machine.works:
                wrong = () if machine.rules else (SetupProblem("masquerade_off", "masquerading is off"),)
                found = wrong
                if call.parameters.mode is Mode.APPLY:
                    machine.rules, wrong = True, ()
                said = "unproven" if gateway in self.unprovable else ""
                if machine.claimed:
                    found = wrong = (SetupProblem("forwarding_refused", "zone internal claims source 10.0.0.0/8"),)
                elif (
                    not machine.upstream
                    or not self.world.internet
                    or (call.parameters.egress_required and self.world.public_ip(gateway) is None)
                ):
                    found = wrong = (SetupProblem("egress_failed", "no egress target answered this gateway itself"),)
                    said = "unproven"
                report = report_of(call, wrong, started, self.world.now, found, said)
                figures = None if machine.figures is None else asdict(machine.figures)
                report = replace(report, figures=figures, notes=machine.notes)
            self.setups = [
                SetupRun(gateway, started, report) if (run.gateway, run.started) == (gateway, started) else run
                for run in self.setups
            ]

    # ---- reading the log ---------------------------------------------------------------------------------

    def sent(self, which: Which, since: int = 0) -> list[Sent]:
        """Every attempt of such calls, from batch `since` on."""
        return [entry for entry in self.log if isinstance(entry.call, which) and entry.batch >= since]

    def accepted(self, which: Which, since: int = 0) -> list[Any]:
        """The calls of this kind that were carried out and acknowledged."""
        return [entry.call for entry in self.sent(which, since) if not isinstance(entry.result, Failure)]

    def accepted_at(self, which: Which) -> list[datetime]:
        """When such calls were carried out."""
        return [entry.at for entry in self.sent(which) if not isinstance(entry.result, Failure)]


def report_of(
    call: StartSetup,
    wrong: tuple[SetupProblem, ...],
    started: datetime,
    finished: datetime,
    found: tuple[SetupProblem, ...] = (),
    forwarding: str = "",
) -> SetupReport:
    """Write the report that the setup script would give."""
    return SetupReport(
        mode=call.parameters.mode.value,
        ready=not wrong,
        found=found or wrong,
        changed=("firewall-cmd --add-masquerade",) if found and not wrong else (),
        undone=(),
        wrong=wrong,
        facts=SetupFacts(forwarding=forwarding or ("refused" if wrong else "proven")),
        started=int(started.timestamp()),
        finished=int(finished.timestamp()),
        script=script_hash(),
        fingerprint=fingerprint(call.parameters),
    )


def of_table(call: AnyCall) -> AnyCall:
    """A read of some entries of a table as the read of all of them: what is stale is the table."""
    return ReadRoutes(call.table) if isinstance(call, ReadRoutes) else call
