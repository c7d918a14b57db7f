"""What is in a VPC?  Frozen records, and the tables that hold them."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from natlab.cloud.kernel.records import Records


class RouteStatus(enum.Enum):
    PENDING = "Pending"
    AVAILABLE = "Available"
    MODIFYING = "Modifying"
    DELETING = "Deleting"


class EipStatus(enum.Enum):
    AVAILABLE = "Available"
    ASSOCIATING = "Associating"
    IN_USE = "InUse"
    UNASSOCIATING = "Unassociating"


@dataclass(frozen=True)
class Vpc:
    id: str
    name: str
    cidr: str
    router_id: str
    created: float


@dataclass(frozen=True)
class VSwitch:
    id: str
    name: str
    vpc_id: str
    cidr: str
    zone: str
    table_id: str
    created: float


@dataclass(frozen=True)
class RouteTable:
    """`kind` is System or Custom; a VPC has exactly one System table."""

    id: str
    name: str
    vpc_id: str
    kind: str
    created: float


@dataclass(frozen=True)
class NextHop:
    """`kind` is Instance, NatGateway or NetworkInterface; `local` and `service` in system routes."""

    kind: str
    id: str


@dataclass(frozen=True)
class RouteEntry:
    """One route; `custom` is False for those that the platform itself put into the table."""

    id: str
    table_id: str
    destination: str
    next_hop: NextHop
    status: RouteStatus
    modified: float
    name: str = ""
    description: str = ""
    custom: bool = True


@dataclass(frozen=True)
class Eip:
    """An elastic IP address; `target_*` is what it is bound to, or being bound to or released from."""

    id: str
    address: str
    status: EipStatus
    created: float
    target_id: str = ""
    target_type: str = ""
    name: str = ""


@dataclass(frozen=True)
class NatGateway:
    """`status`: Creating, Available, Modifying, Deleting or Converting. `business`: Normal or FinancialLocked."""

    id: str
    name: str
    vpc_id: str
    vswitch_id: str
    snat_table_id: str
    forward_table_id: str
    private_ip: str
    eni_id: str
    created: float
    status: str = "Available"
    business: str = "Normal"


@dataclass(frozen=True)
class SnatEntry:
    """`source_cidr` or `source_vswitch_id` says whose packets leave with `ip`; Pending or Available."""

    id: str
    nat_gateway_id: str
    snat_table_id: str
    ip: str
    source_cidr: str
    source_vswitch_id: str
    status: str
    name: str = ""


@dataclass
class VpcState:
    """All tables of the product; mutable, touched under the cloud's lock."""

    now: Callable[[], float]
    vpcs: Records[Vpc] = field(init=False)
    vswitches: Records[VSwitch] = field(init=False)
    tables: Records[RouteTable] = field(init=False)
    routes: Records[RouteEntry] = field(init=False)
    eips: Records[Eip] = field(init=False)
    nat_gateways: Records[NatGateway] = field(init=False)
    snat_entries: Records[SnatEntry] = field(init=False)
    tasks: dict[str, str] = field(default_factory=dict)
    """VPC -> the route entry whose task is running there."""
    tokens: dict[tuple[str, str], tuple[object, Mapping[str, object]]] = field(default_factory=dict)
    """By action and ClientToken: what was asked with it, and what that was answered with."""
    """(action, ClientToken) -> the answer already given."""

    def __post_init__(self) -> None:
        self.vpcs = Records(self.now)
        self.vswitches = Records(self.now)
        self.tables = Records(self.now)
        self.routes = Records(self.now)
        self.eips = Records(self.now)
        self.nat_gateways = Records(self.now)
        self.snat_entries = Records(self.now)

    def clear(self) -> None:
        """Forget everything."""
        self.vpcs.clear()
        self.vswitches.clear()
        self.tables.clear()
        self.routes.clear()
        self.eips.clear()
        self.nat_gateways.clear()
        self.snat_entries.clear()
        self.tasks.clear()
        self.tokens.clear()

    def system_table(self, vpc_id: str) -> RouteTable:
        """The table every VPC is born with."""
        return next(table for table in self.tables.values() if table.vpc_id == vpc_id and table.kind == "System")

    def entry(self, table_id: str, destination: str) -> RouteEntry | None:
        """The entry for exactly that destination."""
        wanted = ipaddress.ip_network(destination)
        for entry in self.routes.values():
            if entry.table_id == table_id and ipaddress.ip_network(entry.destination) == wanted:
                return entry
        return None
