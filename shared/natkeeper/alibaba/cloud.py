"""Performs the calls of ports.py against Alibaba Cloud: a batch at once, in threads, within one deadline.

What the calls of a batch have in common is asked once (batching.py). Nothing is raised: every call is answered with its
value or with a `Failure`.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from natkeeper.alibaba import ecs, vpc
from natkeeper.alibaba.batching import Answer, BatchPlan
from natkeeper.alibaba.clients import Attempt, Clients
from natkeeper.alibaba.clock import SteadyClock
from natkeeper.alibaba.credentials import Credentials, NoCredentialsError
from natkeeper.alibaba.errors import classify
from natkeeper.alibaba.retry import Patience, Persistence
from natkeeper.alibaba.setups import ReportCache
from natkeeper.alibaba.threads import all_at_once
from natkeeper.ports import (
    AssociateEip,
    Batch,
    Call,
    CheckFromFunction,
    CheckThroughProbe,
    Clock,
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
    StartGateway,
    StartGatewayCheck,
    StartRelay,
    StartSetup,
    UnassociateEip,
    Wait,
)

_WRITES = (
    PointRoute,
    NoteRoute,
    CreateRoute,
    DeleteRoute,
    AssociateEip,
    UnassociateEip,
    StartGatewayCheck,
    StartRelay,
    StartGateway,
    HandOver,
)
"""What changes something: two equal ones are two."""


@dataclass
class AlibabaCloud:
    """One region of Alibaba Cloud, as `ports.Performer`. Made once and kept: clients and connections stay warm.

    `credentials` is asked at every request. `endpoint`, such as http://127.0.0.1:8000, takes the place of every
    product's own (the local cloud). `account_id` is part of Function Compute's address. `clock` must be steady:
    deadlines are compared with it. `sleeper` takes seconds.
    """

    region: str
    credentials: Callable[[], Credentials]
    endpoint: str | None = None
    account_id: str | None = None
    clock: Clock = field(default_factory=SteadyClock)
    sleeper: Callable[[float], None] = time.sleep
    chance: random.Random = field(default_factory=random.Random)  # noqa: S311  spreads retries
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self._clients = Clients(self.region, self.credentials, self.endpoint, self.account_id)
        self._persistence = Persistence(self.clock, self.sleeper, self._classify, self.chance, self.patience)
        self._setups = ReportCache()

    def perform(self, batch: Batch, deadline: datetime) -> Sequence[Result]:
        """Answer every call of `batch`, in order, with its value or a `Failure`; never raise."""
        plan = BatchPlan()
        answers = [self._plan(call, place, plan, deadline) for place, call in enumerate(batch)]
        wait = max((call.seconds for call in batch if isinstance(call, Wait)), default=0.0)
        left = (deadline - self.clock()).total_seconds()
        outcomes = all_at_once(plan.jobs, left, lambda: self._wait(wait, left))
        return [answer(outcomes) for answer in answers]

    def ensure_template(self, name: str, content: str, deadline: datetime) -> bool | Failure:
        """Create or update the OOS template `name`; says whether anything had to be changed."""
        from natkeeper.alibaba import oos

        done: bool | Failure = self._persist(lambda attempt: oos.ensure_template(attempt, name, content), deadline)
        return done

    def _wait(self, seconds: float, left: float) -> None:
        if seconds > 0 and left > 0:
            self.sleeper(min(seconds, left))

    # ---- planning ----------------------------------------------------------------------------------------

    def _plan(self, call: Call[Any], place: int, plan: BatchPlan, deadline: datetime) -> Answer:
        """Add the jobs that `call` needs, unless another call needs them too; return how to answer it from them."""

        def perform(call: Call[Any]) -> Result:
            return self._perform(call, deadline)

        match call:
            case Wait():
                return lambda _: None
            case ReadRoutes():
                return plan.read_table(call, perform)
            case ReadInstances(ids=ids):
                return plan.read(call, ids, ecs.IDS_PER_CALL, self._reading(call, ecs.read_instances, deadline))
            case ReadConditions(ids=ids):
                return plan.read(call, ids, ecs.IDS_PER_CALL, self._reading(call, ecs.read_conditions, deadline))
            case ReadEip(eip=eip):
                found = plan.read(call, (eip,), vpc.EIPS_PER_CALL, self._reading(call, vpc.read_eips, deadline))
                return lambda outcomes: _only(found(outcomes), eip)
            case ReadSetups():
                return plan.list_setups(call, perform)
            case StartSetup():
                return plan.start_setup(call, perform)
            case PointRoute() | NoteRoute() | CreateRoute() | DeleteRoute() if call.vpc:
                return plan.write_route(call, perform)
        key: Hashable = (place, call) if isinstance(call, _WRITES) else call
        return plan.single(call, key, perform)

    def _reading(
        self, call: Call[Any], read: Callable[[Attempt, Sequence[Any]], Mapping[Any, Any]], deadline: datetime
    ) -> Callable[[Sequence[Any]], Any]:
        return lambda ids: self._persist(lambda attempt: read(attempt, ids), deadline, call)

    # ---- performing --------------------------------------------------------------------------------------

    def _perform(self, call: Call[Any], deadline: datetime) -> Result:
        """Make one call, again where that helps, and answer with its value or a Failure."""
        if isinstance(call, CheckFromFunction):
            return self._check(call, deadline)
        token = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        return self._persist(lambda attempt: self._attempt(call, attempt, token), deadline, call)

    def _attempt(self, call: Call[Any], attempt: Attempt, token: str) -> Any:
        """Make one call once. Raises what the SDK raises."""
        match call:
            case ReadRoutes(table=table, destinations=destinations):
                return vpc.read_routes(attempt, table, destinations)
            case ReadNatGateway(gateway=gateway):
                return vpc.read_nat_gateway(attempt, gateway)
            case PointRoute():
                return vpc.point_route(attempt, call)
            case NoteRoute():
                return vpc.note_route(attempt, call)
            case CreateRoute():
                return vpc.create_route(attempt, call)
            case DeleteRoute():
                return vpc.delete_route(attempt, call)
            case AssociateEip():
                return vpc.associate_eip(attempt, call)
            case UnassociateEip():
                return vpc.unassociate_eip(attempt, call)
            case StartGateway(gateway=gateway):
                return ecs.start_gateway(attempt, gateway)
            case _:
                return self._attempt_long(call, attempt, token)

    def _attempt_long(self, call: Call[Any], attempt: Attempt, token: str) -> Any:
        """Make one of the calls that are off the failover path; their modules and SDKs are imported only here."""
        from natkeeper.alibaba import assistant, fc

        match call:
            case ReadVpcRoutes() | ReadVpcTables() | ReadTagged():
                return _attempt_finding(call, attempt)
            case CheckThroughProbe(function=function):
                return fc.check_through_probe(attempt, function, self.clock)
            case HandOver(function=function, payload=payload, delay_s=delay_s):
                return fc.hand_over(attempt, function, payload, delay_s)
            case StartGatewayCheck():
                return assistant.start_check(attempt, call, token)
            case ReadGatewayCheck(invocation=invocation):
                return assistant.read_check(attempt, invocation, self.clock)
            case StartRelay():
                return assistant.start_relay(attempt, call, token)
            case ReadRelay(invocation=invocation):
                return assistant.read_relay(attempt, invocation)
            case StartSetup(via="assistant"):
                return assistant.start_setup(attempt, call)
            case ReadSetups(via="assistant", since=since, gateways=gateways):
                return assistant.read_setups(attempt, since, frozenset(gateways), self._setups)
        from natkeeper.alibaba import oos

        match call:
            case StartSetup():
                return oos.start_setup(attempt, call)
            case ReadSetups(template=template, since=since, gateways=gateways):
                return oos.read_setups(attempt, template, since, frozenset(gateways), self._setups)
        raise TypeError(f"{type(call).__name__} is not a call that this cloud knows")

    def _check(self, call: CheckFromFunction, deadline: datetime) -> Result:
        from natkeeper.domain.egress import NotChecked
        from natkeeper.egress_check import check_egress

        left = (deadline - self.clock()).total_seconds()
        found = check_egress(call.targets, max(0.0, min(call.timeout_s, left)), self.clock)
        if isinstance(found, NotChecked):
            return Failure(FailureKind.UNREACHABLE, f"this function could not look at the internet: {found.reason}")
        return found

    def _persist(
        self, make: Callable[[Attempt], Any], deadline: datetime, call: Call[Any] | type[Call[Any]] = Call
    ) -> Any:
        """Try for as long and as often as `call` is worth, and not past the deadline."""
        deadline = min(deadline, self.clock() + timedelta(seconds=call.patience_s))
        return self._persistence.perform(
            lambda left: make(Attempt(self._clients, left)), deadline, call.tries, call.busy_tries
        )

    def _classify(self, error: Exception) -> Failure:
        try:
            return classify(error, self.credentials())
        except NoCredentialsError as none:
            return classify(none)


def _attempt_finding(call: ReadVpcRoutes | ReadVpcTables | ReadTagged, attempt: Attempt) -> Any:
    """Make one of the calls that look for what the configuration does not list."""
    from natkeeper.alibaba import vpc_tables

    match call:
        case ReadVpcRoutes(vpc=vpc_id):
            return vpc_tables.read_vpc_routes(attempt, vpc_id)
        case ReadVpcTables(vpc=vpc_id):
            return tuple(vpc_tables.read_tables(attempt, vpc_id))
        case ReadTagged():
            from natkeeper.alibaba import tagged

            return tagged.read_tagged(attempt, call)


def _only(found: Result, one: Any) -> Result:
    return found if isinstance(found, Failure) else found.get(one)
