"""What there is in a `FakeWorld`: machines, route entries, addresses, and how long things take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from natkeeper.domain.ids import EipId, EntryId, InstanceId, InterfaceId
from natkeeper.domain.load import GatewayLoad
from natkeeper.domain.observed import EipStatus, EntryStatus, NextHop, PowerState, SystemEvent
from natkeeper.guest.report import SetupProblem

START = datetime(2026, 11, 23, 6, 0, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Timings:
    """How long things take, in seconds."""

    modify: float = 1.0
    follow: float = 0.3
    """From an entry's being Available to the data plane's following it."""
    create: float = 4.0
    delete: float = 3.0
    associate: float = 7.5
    unassociate: float = 7.5
    stop: float = 5.0
    start: float = 20.0
    setup: float = 30.0


@dataclass(slots=True)
class FakeMachine:
    """An ECS instance and what its guest does. `rules` says whether it masquerades and forwards.

    `second_ip`: the public address of its second interface, which DescribeInstances does not show.
    """

    id: InstanceId
    own_ip: str | None
    status: PowerState = PowerState.RUNNING
    zone: str = "cn-hangzhou-h"
    locks: frozenset[str] = frozenset()
    events: tuple[SystemEvent, ...] = ()
    health: str = "Ok"
    started: datetime = START - timedelta(days=3)
    rules: bool = True
    hung: bool = False
    claimed: bool = False
    """Whether another zone claims the private sources, so that forwarding is refused; no setup mends that."""
    upstream: bool = True
    """Whether anything that it sends leaves the VPC."""
    loss: float = 0.0
    """The share of looks through it that is lost."""
    figures: GatewayLoad | None = None
    notes: tuple[SetupProblem, ...] = ()
    """What its setups remark, beside what makes it unfit."""
    type: str = "ecs.g7.large"
    bandwidth: int = 100
    second_ip: str | None = None
    tags: frozenset[str] = frozenset()
    """Its tags, each as KEY=VALUE."""
    created: datetime = START - timedelta(days=30)

    @property
    def interfaces(self) -> tuple[InterfaceId, ...]:
        """Its network interfaces, the primary one first."""
        names = ("1",) if self.second_ip is None else ("1", "2")
        return tuple(InterfaceId(f"eni-{self.id.removeprefix('i-')}{name}") for name in names)

    @property
    def works(self) -> bool:
        """Return True if anything in the guest can happen at all."""
        return self.status is PowerState.RUNNING and not self.hung


@dataclass(slots=True)
class FakeEntry:
    """A route entry. `hop` is what reads show, `carries` where the data plane sends packets."""

    id: EntryId
    destination: str
    hop: NextHop | None
    status: EntryStatus
    description: str
    carries: NextHop | None
    name: str = ""


@dataclass(slots=True)
class Address:
    """An EIP; `holder` while it is bound, on its way, or leaving."""

    id: EipId
    ip: str
    status: EipStatus = EipStatus.AVAILABLE
    holder: InstanceId | None = None
