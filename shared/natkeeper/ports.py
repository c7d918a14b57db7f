"""Everything the controller can ask of the world, as data.

A run is a generator: it yields a batch of `Call`s, all of which may be under way at once, and is sent back one
`Result` for each, in order. The driver decides how: the adapters in natkeeper.alibaba with threads and
the SDKs, the simulator one call at a time under a virtual clock. A call never raises; it answers with what its
class promises, or with a `Failure` that was classified once. So a run can be interleaved, slowed or ended at
every call, and it holds no thread, no socket and no clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast

from natkeeper.domain.egress import Egress
from natkeeper.domain.ids import EipId, EntryId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import Condition, Eip, Instance, NatGateway, NextHop, RouteEntry, TaggedInstance
from natkeeper.domain.refusals import Failure, FailureKind, FailureSubject

if TYPE_CHECKING:
    from natkeeper.guest.parameters import SetupParameters
    from natkeeper.guest.report import SetupReport, UnreadableReport

__all__ = ["Failure", "FailureKind", "FailureSubject"]  # what callers handle together with calls

T = TypeVar("T")
A = TypeVar("A")

Clock = Callable[[], datetime]
"""Tells the time, always with a time zone."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """Something asked of the world, answered with a `T` or a `Failure`.

    `patience_s`: for how many seconds a driver goes on trying it, if the deadline leaves that much. After that the run
    looks at the world anew: a batch lasts as long as its slowest call, and nothing may hold up a route write for long.
    `busy_tries`: how often a driver sends it while the answer is that something is busy; once, where the run itself
    reads until that is over. `tries`: how often it is sent whatever the answer.
    """

    patience_s: ClassVar[float] = 8.0
    busy_tries: ClassVar[int] = 4
    tries: ClassVar[int] = 1000
    optional: ClassVar[bool] = False
    """Whether a run can do without the answer: then it never holds what is needed for long."""


# ---- reads -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadRoutes(Call[tuple[RouteEntry, ...]]):
    """The custom entries of one route table (DescribeRouteEntryList, all pages).

    With `destinations`, only entries for exactly these: one page, however many entries the table holds (a Kubernetes
    cluster keeps one for each of its nodes).
    """

    patience_s: ClassVar[float] = 3.0
    table: TableId
    destinations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadVpcRoutes(Call[tuple[RouteEntry, ...]]):
    """The custom entries of every route table of a VPC (DescribeRouteTableList, DescribeRouteEntryList)."""

    patience_s: ClassVar[float] = 6.0
    tries: ClassVar[int] = 2
    optional: ClassVar[bool] = True
    vpc: str


@dataclass(frozen=True, slots=True)
class ReadTagged(Call[tuple[TaggedInstance, ...]]):
    """The instances of a VPC that have a tag (DescribeInstances, all pages).

    Those of `known` that the list lacks are asked for once more by id, because a list may have holes.
    """

    patience_s: ClassVar[float] = 4.0
    vpc: str
    key: str
    value: str
    known: tuple[InstanceId, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadVpcTables(Call[tuple[TableId, ...]]):
    """The route tables of a VPC (DescribeRouteTableList, all pages)."""

    patience_s: ClassVar[float] = 3.0
    vpc: str


@dataclass(frozen=True, slots=True)
class ReadInstances(Call[Mapping[InstanceId, Instance]]):
    """Instances by id (DescribeInstances); one that does not exist is not in the answer."""

    patience_s: ClassVar[float] = 3.0
    ids: tuple[InstanceId, ...]


@dataclass(frozen=True, slots=True)
class ReadConditions(Call[Mapping[InstanceId, Condition]]):
    """Health word and system events by id (DescribeInstancesFullStatus)."""

    patience_s: ClassVar[float] = 2.5
    optional: ClassVar[bool] = True
    """A condition only ever adds warnings: a dead gateway is left without it."""
    ids: tuple[InstanceId, ...]


@dataclass(frozen=True, slots=True)
class ReadEip(Call[Eip | None]):
    """One EIP (DescribeEipAddresses); None when it does not exist."""

    patience_s: ClassVar[float] = 2.5
    eip: EipId


@dataclass(frozen=True, slots=True)
class ReadNatGateway(Call[NatGateway | None]):
    """A managed NAT Gateway (DescribeNatGateways); None when it does not exist."""

    patience_s: ClassVar[float] = 2.5
    optional: ClassVar[bool] = True
    gateway: NatGatewayId


@dataclass(frozen=True, slots=True)
class SetupRun:
    """One run of the setup script on one gateway. `report` is None while it is under way."""

    gateway: InstanceId
    started: datetime
    report: SetupReport | UnreadableReport | None


@dataclass(frozen=True, slots=True)
class ReadSetups(Call[tuple[SetupRun, ...]]):
    """The latest setup runs of `gateways` (none named: of every gateway), newest first, started after `since`.

    Read from OOS executions of `template` (`via` "oos") or from Cloud Assistant invocations (`via` "assistant"). A run
    whose report is not fetched yet, because there are many, counts as under way: a later reading goes on.
    """

    patience_s: ClassVar[float] = 4.0
    optional: ClassVar[bool] = True
    """A sweep can do without, and has routes to guard."""
    via: str
    template: str
    since: datetime
    gateways: tuple[InstanceId, ...] = ()


# ---- writes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PointRoute(Call[None]):
    """Change the next hop of an entry in place, with its memory (ModifyRouteEntry). Already there is success.

    The entry is addressed by table and destination, so that ActionTrail's account of the call names the table. Without
    `name` and `description` only the next hop is changed.
    """

    patience_s: ClassVar[float] = 5.0
    busy_tries: ClassVar[int] = 1
    vpc: str
    table: TableId
    destination: str
    to: NextHop
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class NoteRoute(Call[None]):
    """Change only the memory of an entry (ModifyRouteEntry without a next hop)."""

    patience_s: ClassVar[float] = 3.0
    tries: ClassVar[int] = 1
    """What is only to be remembered can be remembered by a later run."""
    vpc: str
    table: TableId
    destination: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class CreateRoute(Call[None]):
    """Create an entry (CreateRouteEntry). `token` makes a repeated request the same request."""

    patience_s: ClassVar[float] = 5.0
    busy_tries: ClassVar[int] = 1
    vpc: str
    table: TableId
    destination: str
    to: NextHop
    name: str
    description: str
    token: str


@dataclass(frozen=True, slots=True)
class DeleteRoute(Call[None]):
    """Delete an entry that a bridge stands in for, or a part of a bridge that is no longer needed. Gone is success."""

    patience_s: ClassVar[float] = 5.0
    busy_tries: ClassVar[int] = 1
    vpc: str
    entry: EntryId


@dataclass(frozen=True, slots=True)
class UnassociateEip(Call[None]):
    """Take the EIP off an instance (UnassociateEipAddress)."""

    patience_s: ClassVar[float] = 5.0
    busy_tries: ClassVar[int] = 1
    eip: EipId
    holder: InstanceId


@dataclass(frozen=True, slots=True)
class AssociateEip(Call[None]):
    """Bind the EIP to an instance (AssociateEipAddress)."""

    patience_s: ClassVar[float] = 5.0
    busy_tries: ClassVar[int] = 1
    eip: EipId
    to: InstanceId


# ---- checks and long work ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckThroughProbe(Call[Egress]):
    """Ask the probe function for one check through the route (InvokeFunction, synchronous)."""

    patience_s: ClassVar[float] = 7.0
    """A cold start in a VPC, and two checks that time out."""
    function: str


@dataclass(frozen=True, slots=True)
class CheckFromFunction(Call[Egress]):
    """Look at the targets by FC's own egress, which crosses no gateway: is the internet itself alive?"""

    tries: ClassVar[int] = 1
    """A check that this process has no room for is not had by insisting; the routes are waiting."""
    targets: tuple[str, ...]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class StartGatewayCheck(Call[str]):
    """Start a check on the gateway itself through Cloud Assistant (RunCommand); answers the invocation's id."""

    patience_s: ClassVar[float] = 3.0
    gateway: InstanceId
    targets: tuple[str, ...]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ReadGatewayCheck(Call[Egress | None]):
    """What the check `invocation` found (DescribeInvocationResults); None while it is under way."""

    patience_s: ClassVar[float] = 3.0
    invocation: str


@dataclass(frozen=True, slots=True)
class StartRelay(Call[str]):
    """Have `gateway` hand packets of connections that it does not know to `peer`, a private address (RunCommand).

    For `seconds`, and for no longer than the peer answers. Answers the invocation's id.
    """

    patience_s: ClassVar[float] = 3.0
    gateway: InstanceId
    peer: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ReadRelay(Call[str | None]):
    """What came of the relay `invocation` (DescribeInvocationResults): empty when it is armed, else why it is not.

    None while it is under way.
    """

    patience_s: ClassVar[float] = 1.0
    invocation: str


@dataclass(frozen=True, slots=True)
class StartGateway(Call[None]):
    """Start a stopped instance (StartInstance); success means that it boots. Sent once: a repetition looks refused."""

    patience_s: ClassVar[float] = 4.0
    tries: ClassVar[int] = 1
    gateway: InstanceId


@dataclass(frozen=True, slots=True)
class StartSetup(Call[str]):
    """Start the setup script on `gateways` (StartExecution or RunCommand); answers an id. Returns at once.

    A driver may start the same setup of several calls together, and answers them all with its id. OOS gets the
    parameters as the template's one data parameter (`guest.script.parameter_block`), Cloud Assistant the script with
    the parameters in front (`guest.script.render`): the same script either way.
    """

    patience_s: ClassVar[float] = 4.0
    via: str
    template: str
    role: str
    gateways: tuple[InstanceId, ...]
    parameters: SetupParameters
    token: str


@dataclass(frozen=True, slots=True)
class HandOver(Call[None]):
    """Invoke `function` asynchronously (InvokeFunction, Async), after `delay_s` seconds (x-fc-async-delay)."""

    patience_s: ClassVar[float] = 2.0
    function: str
    payload: bytes
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class Wait(Call[None]):
    """Let `seconds` pass."""

    seconds: float


Result = Any
"""What the driver sends back for one call: its `T`, or a `Failure`."""

Batch = tuple[Call[Any], ...]
Run = Generator[Batch, Sequence[Result], T]
"""A run: yields batches, is sent their results, returns a T."""


class Performer(Protocol):
    """Performs the calls of a batch, all at once as far as it can, each within `deadline`."""

    def perform(self, batch: Batch, deadline: datetime) -> Sequence[Result]:
        """Answer every call of `batch`, in order, with its value or a `Failure`; never raise."""
        ...


def ask(call: Call[A]) -> Run[A | Failure]:
    """Make one call and take its answer: `entries = yield from` this of a ReadRoutes."""
    results = yield (call,)
    return cast("A | Failure", results[0])


def drive(run: Run[T], cloud: Performer, deadline: datetime) -> T:
    """Perform a run's batches with `cloud` until it returns."""
    try:
        batch = next(run)
        while True:
            batch = run.send(cloud.perform(batch, deadline))
    except StopIteration as stop:
        return cast("T", stop.value)
