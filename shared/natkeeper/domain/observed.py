"""What the cloud said about one thing at one moment, in our words.

Adapters build these from API answers; nothing else does. A thing that could not be read is `Unseen`, a thing
that was looked for and is not there is None: the difference between blind and dead (rule 3 of the design).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from natkeeper.domain.ids import EipId, EntryId, InstanceId, InterfaceId, NatGatewayId, TableId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Unseen:
    """A read that failed; `reason` is for people."""

    reason: str


class PowerState(str, Enum):
    """Status of an ECS instance (DescribeInstances); anything Alibaba adds later is UNKNOWN."""

    PENDING = "Pending"
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Instance:
    """An ECS instance (DescribeInstances). `locks` holds OperationLocks reasons such as `Recycling`.

    `public_ip` is its public address, of whatever kind; `fixed_ip` one that was given to it with the instance
    (PublicIpAddress), and `eip` the EIP that is bound to it. An EIP of a second interface is in neither.
    `interfaces`: its network interfaces, the primary one first. `bandwidth`: of the public address, in Mbit/s; 0 where
    it is not known. `unread`: why only its power state is known for certain; empty where DescribeInstances showed it.
    """

    id: InstanceId
    status: PowerState
    zone: str = ""
    vpc: str = ""
    private_ip: str = ""
    public_ip: str | None = None
    locks: frozenset[str] = frozenset()
    started: datetime | None = None
    name: str = ""
    fixed_ip: str | None = None
    eip: EipId | None = None
    interfaces: tuple[InterfaceId, ...] = ()
    type: str = ""
    bandwidth: int = 0
    unread: str = ""


@dataclass(frozen=True, slots=True)
class SystemEvent:
    """A scheduled or running system event of an instance (DescribeInstancesFullStatus)."""

    type: str
    status: str
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What DescribeInstancesFullStatus says: a health word, the system events that are open, and the power state."""

    id: InstanceId
    health: str = "Ok"
    events: tuple[SystemEvent, ...] = ()
    status: PowerState = PowerState.UNKNOWN


class HopKind(str, Enum):
    """Kind of next hop; the many that natkeeper never sets are OTHER."""

    INSTANCE = "Instance"
    NAT_GATEWAY = "NatGateway"
    NETWORK_INTERFACE = "NetworkInterface"
    HA_VIP = "HaVip"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where a route entry sends its packets.

    `via` is the network interface by which an entry leads to an instance, empty where it leads to the instance itself.
    It does not identify the next hop: decisions are about instances, and each entry is written in its own kind.
    """

    kind: HopKind
    id: str
    via: str = field(default="", compare=False)

    @staticmethod
    def gateway(instance: InstanceId) -> NextHop:
        """Name a gateway as a next hop."""
        return NextHop(HopKind.INSTANCE, instance)

    @staticmethod
    def nat_gateway(gateway: NatGatewayId) -> NextHop:
        """Name a managed NAT Gateway as a next hop."""
        return NextHop(HopKind.NAT_GATEWAY, gateway)

    def __str__(self) -> str:
        """Name it as messages do."""
        return self.id


class EntryStatus(str, Enum):
    """Status of a route entry (DescribeRouteEntryList)."""

    PENDING = "Pending"
    AVAILABLE = "Available"
    MODIFYING = "Modifying"
    DELETING = "Deleting"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A custom route entry (DescribeRouteEntryList). `next_hop` is None when it has none or several (ECMP).

    `name` is empty where nobody named it.
    """

    id: EntryId
    table: TableId
    destination: str
    next_hop: NextHop | None
    status: EntryStatus = EntryStatus.AVAILABLE
    description: str = ""
    name: str = ""


def resolved(entry: RouteEntry, owners: Mapping[str, InstanceId]) -> RouteEntry:
    """Return `entry` as it leads to the instance whose interface is its next hop; others stay as they are."""
    hop = entry.next_hop
    if hop is None or hop.kind is not HopKind.NETWORK_INTERFACE or hop.id not in owners:
        return entry
    return replace(entry, next_hop=NextHop(HopKind.INSTANCE, owners[hop.id], via=hop.id))


def owners_of(instances: Iterable[Instance]) -> dict[str, InstanceId]:
    """Return the instance of each network interface."""
    return {interface: instance.id for instance in instances for interface in instance.interfaces}


@dataclass(frozen=True, slots=True)
class TaggedInstance:
    """An instance that has a tag (DescribeInstances): its id, and when it was created."""

    id: InstanceId
    created: datetime


class EipStatus(str, Enum):
    """Status of an EIP (DescribeEipAddresses)."""

    AVAILABLE = "Available"
    ASSOCIATING = "Associating"
    IN_USE = "InUse"
    UNASSOCIATING = "Unassociating"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Eip:
    """An elastic IP address; `holder` is the instance it is bound to, is coming to, or is leaving.

    `unread`: why it could not be read, where all that is known of it is what instances show.
    """

    id: EipId
    address: str
    status: EipStatus
    holder: InstanceId | None = None
    unread: str = ""


@dataclass(frozen=True, slots=True)
class NatGateway:
    """A managed NAT Gateway (DescribeNatGateways); `available` is Status == Available.

    `changing`: the status while it is changed (Modifying, Converting): whether it carries packets then is not
    published. `locked`: the business status if that is not Normal (FinancialLocked).
    """

    id: NatGatewayId
    available: bool
    changing: str = ""
    locked: str = ""
