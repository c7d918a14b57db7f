"""What is there in ECS?  Frozen records, and the tables that hold them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from natlab.cloud.kernel.records import Records


class InstanceStatus(enum.Enum):
    PENDING = "Pending"
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


class EventStatus(enum.Enum):
    """The life of a system event."""

    INQUIRING = "Inquiring"
    SCHEDULED = "Scheduled"
    EXECUTING = "Executing"
    EXECUTED = "Executed"
    AVOIDED = "Avoided"
    CANCELED = "Canceled"
    FAILED = "Failed"


OPEN_EVENTS = frozenset({EventStatus.INQUIRING, EventStatus.SCHEDULED, EventStatus.EXECUTING})
"""Those that DescribeInstancesFullStatus still shows."""


@dataclass(frozen=True)
class Instance:
    """`public_ip` is the instance's own public address, not an EIP; `locks` are reasons such as Recycling."""

    id: str
    name: str
    status: InstanceStatus
    private_ip: str
    vswitch_id: str
    vpc_id: str
    zone: str
    eni_id: str
    security_group_id: str
    created: float
    started: float
    public_ip: str = ""
    spot: bool = False
    locks: tuple[str, ...] = ()
    health: str = ""
    """A HealthStatus that was found, such as Impaired; empty: the one that goes with state and events."""


@dataclass(frozen=True)
class Interface:
    """A network interface of an instance; the primary one has the instance's own private address."""

    id: str
    instance_id: str
    mac: str
    created: float
    source_dest_check: bool = False
    name: str = ""
    description: str = ""
    secondary_ip: str = ""

    @property
    def kind(self) -> str:
        """Its type, as the API names it."""
        return "Secondary" if self.secondary_ip else "Primary"


@dataclass(frozen=True)
class SystemEvent:
    """Maintenance or failure of an instance; `kind` such as SystemMaintenance.Reboot, times in seconds."""

    id: str
    instance_id: str
    kind: str
    status: EventStatus
    published: float
    not_before: float | None = None
    started: float | None = None
    finished: float | None = None
    simulated: bool = False


@dataclass(frozen=True)
class SecurityGroup:
    """A group that lets everything out and, from its VPC, everything in."""

    id: str
    name: str
    vpc_id: str
    vpc_cidr: str
    created: float


@dataclass
class EcsState:
    """All tables of the product; mutable, touched under the cloud's lock."""

    now: Callable[[], float]
    instances: Records[Instance] = field(init=False)
    interfaces: Records[Interface] = field(init=False)
    events: Records[SystemEvent] = field(init=False)
    groups: Records[SecurityGroup] = field(init=False)
    tags: Records[Mapping[str, str]] = field(init=False)
    """By resource id."""
    turns: dict[str, int] = field(default_factory=dict)
    """Instance -> how many transitions it has begun; one that was overtaken by another does nothing."""

    def __post_init__(self) -> None:
        self.instances = Records(self.now)
        self.interfaces = Records(self.now)
        self.events = Records(self.now)
        self.groups = Records(self.now)
        self.tags = Records(self.now)

    def clear(self) -> None:
        """Forget everything."""
        self.instances.clear()
        self.interfaces.clear()
        self.events.clear()
        self.groups.clear()
        self.tags.clear()
        self.turns.clear()
