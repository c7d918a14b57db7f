"""A small Alibaba Cloud in memory, under a virtual clock: what there is, and how it changes as time goes by.

Machines, route tables, EIPs, a managed NAT Gateway and the internet behind them. Changes are tasks that take time, as
in the real one; whether a packet arrives follows from route, gateway, address and rules. Nothing here knows natkeeper's
decisions, and nothing runs by itself: `advance` is the only thing that makes time pass.
"""

from __future__ import annotations

import heapq
import ipaddress
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from natkeeper.alibaba.clock import SteadyClock
from natkeeper.domain.ids import EipId, EntryId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import (
    Condition,
    Eip,
    EipStatus,
    EntryStatus,
    HopKind,
    Instance,
    NatGateway,
    NextHop,
    PowerState,
    RouteEntry,
)
from tests.fakes.things import START, Address, FakeEntry, FakeMachine, Timings

INTERNET = ipaddress.IPv4Address("203.0.113.10")
"""The host on the internet that every look is for; it lies in the upper half of the default route."""
VPC = "vpc-one"


@dataclass(order=True, slots=True)
class _Due:
    at: datetime
    turn: int
    action: Callable[[], object] = field(compare=False)


class FakeWorld:
    """One VPC and its region. Actions of people and fate are methods; reads are what the APIs would show."""

    def __init__(self, *, seed: int = 0, timings: Timings | None = None) -> None:
        self.now = START
        self.timings = timings or Timings()
        self.chance = random.Random(seed)
        self.machines: dict[InstanceId, FakeMachine] = {}
        self.tables: dict[TableId, list[FakeEntry]] = {}
        self.addresses: dict[EipId, Address] = {}
        self.nat: dict[NatGatewayId, bool] = {}
        self.internet = True
        self.in_place: Callable[[NextHop, NextHop], bool] = lambda _old, _new: True
        """Whether the platform changes this next hop into that one in place."""
        self.shows_new_hop_early = False
        """Whether an entry that is Modifying already shows its new next hop."""
        self.uncovered: list[str] = []
        """Each moment at which a guarded destination had nothing in the table to carry it."""
        self.guarded: list[tuple[TableId, str]] = []
        self.moves: list[tuple[str, str]] = []
        """Every accepted change of a next hop in place: destination and where to."""
        self.moved_at: list[tuple[datetime, str]] = []
        """The same with its time."""
        self._queue: list[_Due] = []
        self._turns = itertools.count()
        self._ids = itertools.count(1)
        self._writes_until: datetime = START

    # ---- time --------------------------------------------------------------------------------------------

    def clock(self) -> datetime:
        """Tell the time."""
        return self.now

    def steady(self) -> SteadyClock:
        """Give a function's shell the time of this world."""
        return SteadyClock(self.clock, lambda: self.clock().timestamp())

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let `action` happen `seconds` from now."""
        heapq.heappush(self._queue, _Due(self.now + timedelta(seconds=seconds), next(self._turns), action))

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due happens in order."""
        self.advance_to(self.now + timedelta(seconds=seconds))

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until `moment`; a moment that has passed already changes nothing."""
        while self._queue and self._queue[0].at <= moment:
            due = heapq.heappop(self._queue)
            self.now = max(self.now, due.at)
            due.action()
        self.now = max(self.now, moment)

    # ---- building ----------------------------------------------------------------------------------------

    def add_machine(self, name: str, own_ip: str | None = None, **more: object) -> FakeMachine:
        """Add a running instance whose guest is set up as a gateway."""
        machine = FakeMachine(InstanceId(name), own_ip)
        for key, value in more.items():
            setattr(machine, key, value)
        self.machines[machine.id] = machine
        return machine

    def add_route(self, table: str, hop: NextHop | None, *, description: str = "", guarded: bool = True) -> FakeEntry:
        """Add a default route that is settled; a guarded one must be carried by something from now on."""
        entry = self._new_entry(TableId(table), "0.0.0.0/0", hop, description)
        entry.status, entry.carries = EntryStatus.AVAILABLE, hop
        if guarded:
            self.guarded.append((TableId(table), "0.0.0.0/0"))
        return entry

    def _new_entry(self, table: TableId, destination: str, hop: NextHop | None, description: str) -> FakeEntry:
        entry = FakeEntry(
            EntryId(f"rte-{next(self._ids)}"), destination, hop, EntryStatus.PENDING, description, carries=None
        )
        self.tables.setdefault(table, []).append(entry)
        return entry

    # ---- fate and people ---------------------------------------------------------------------------------

    def stop(self, name: str) -> None:
        """Stop an instance: Stopping, later Stopped; its packets end at once."""
        machine = self.machines[InstanceId(name)]
        machine.status = PowerState.STOPPING

        def stopped() -> None:
            if machine.status is PowerState.STOPPING:
                machine.status = PowerState.STOPPED

        self.after(self.timings.stop, stopped)

    def start(self, name: str, *, rules: bool = True) -> None:
        """Start an instance: Starting, later Running."""
        machine = self.machines[InstanceId(name)]
        machine.status = PowerState.STARTING

        def running() -> None:
            if machine.status is PowerState.STARTING:
                machine.status, machine.started = PowerState.RUNNING, self.now
                machine.hung, machine.rules = False, rules

        self.after(self.timings.start, running)

    def delete_machine(self, name: str) -> None:
        """Release an instance; an EIP that it holds comes free."""
        del self.machines[InstanceId(name)]
        for address in self.addresses.values():
            if address.holder == name:
                address.status, address.holder = EipStatus.AVAILABLE, None

    def repoint(self, table: str, hop: NextHop, description: str = "") -> None:
        """Someone changes the default route behind natkeeper's back; settled at once."""
        entry = self.entry(TableId(table), "0.0.0.0/0")
        assert entry is not None
        entry.hop = entry.carries = hop
        entry.description = description

    def remove_route(self, table: str) -> None:
        """Someone deletes the default route; from then on nobody is to blame for its absence."""
        self.tables[TableId(table)] = [e for e in self.tables[TableId(table)] if e.destination != "0.0.0.0/0"]
        self.guarded = [(guarded, dest) for guarded, dest in self.guarded if guarded != table]

    # ---- tasks of the VPC API ----------------------------------------------------------------------------

    def entry(self, table: TableId, destination: str) -> FakeEntry | None:
        """Find the entry for exactly `destination`."""
        return next((e for e in self.tables.get(table, []) if e.destination == destination), None)

    def entry_by_id(self, entry_id: EntryId) -> tuple[TableId, FakeEntry] | None:
        """Find an entry and its table."""
        found = ((t, e) for t, entries in self.tables.items() for e in entries if e.id == entry_id)
        return next(found, None)

    @property
    def writing(self) -> bool:
        """Return True if a route task of the VPC is under way; another one is refused with TaskConflict."""
        return self.now < self._writes_until

    def _task(self, seconds: float, done: Callable[[], object]) -> None:
        self._writes_until = self.now + timedelta(seconds=seconds)
        self.after(seconds, done)

    def modify(self, entry: FakeEntry, hop: NextHop, description: str) -> None:
        """Change a next hop in place: Modifying, then Available, and then the packets follow."""
        entry.status = EntryStatus.MODIFYING
        self.moves.append((entry.destination, hop.id))
        self.moved_at.append((self.now, hop.id))
        if self.shows_new_hop_early:
            entry.hop, entry.description = hop, description

        def done() -> None:
            entry.status, entry.hop, entry.description = EntryStatus.AVAILABLE, hop, description
            self.after(self.timings.follow, lambda: self._follow(entry))

        self._task(self.timings.modify, done)

    def create(self, table: TableId, destination: str, hop: NextHop, description: str) -> FakeEntry:
        """Create an entry: Pending, then Available."""
        entry = self._new_entry(table, destination, hop, description)

        def done() -> None:
            entry.status = EntryStatus.AVAILABLE
            self._follow(entry)

        self._task(self.timings.create, done)
        return entry

    def delete(self, table: TableId, entry: FakeEntry) -> None:
        """Delete an entry: Deleting, and it carries nothing from the beginning of that."""
        entry.status, entry.carries = EntryStatus.DELETING, None
        self._check_cover()

        def done() -> None:
            self.tables[table] = [e for e in self.tables[table] if e is not entry]

        self._task(self.timings.delete, done)

    def _follow(self, entry: FakeEntry) -> None:
        if entry.status is not EntryStatus.DELETING:
            entry.carries = entry.hop

    def _check_cover(self) -> None:
        for table, destination in self.guarded:
            if not self._covered(table, destination):
                self.uncovered.append(f"{table} has nothing for {destination} at {self.now:%H:%M:%S.%f}")

    def _covered(self, table: TableId, destination: str) -> bool:
        carrying = {e.destination for e in self.tables[table] if e.carries is not None}
        if destination in carrying:
            return True
        # No host has an address of 0.0.0.0/8, and no entry can be about it.
        parts = map(ipaddress.IPv4Network, (*carrying, "0.0.0.0/8"))
        whole = ipaddress.IPv4Network(destination)
        return any(whole.subnet_of(part) for part in ipaddress.collapse_addresses(parts))

    def associate(self, address: Address, holder: InstanceId) -> None:
        """Bind an EIP: Associating, then InUse."""
        address.status, address.holder = EipStatus.ASSOCIATING, holder

        def done() -> None:
            if address.status is EipStatus.ASSOCIATING:
                address.status = EipStatus.IN_USE

        self.after(self.timings.associate, done)

    def unassociate(self, address: Address) -> None:
        """Take an EIP off: Unassociating, then Available."""
        address.status = EipStatus.UNASSOCIATING

        def done() -> None:
            if address.status is EipStatus.UNASSOCIATING:
                address.status, address.holder = EipStatus.AVAILABLE, None

        self.after(self.timings.unassociate, done)

    # ---- what reads show ---------------------------------------------------------------------------------

    def routes(self, table: TableId) -> tuple[RouteEntry, ...]:
        """Show the entries of a table (DescribeRouteEntryList)."""
        entries = self.tables.get(table, [])
        return tuple(RouteEntry(e.id, table, e.destination, e.hop, e.status, e.description, e.name) for e in entries)

    def instances(self, ids: tuple[InstanceId, ...]) -> dict[InstanceId, Instance]:
        """Show instances (DescribeInstances)."""
        found = [self.machines[each] for each in ids if each in self.machines]
        return {m.id: self._instance(m) for m in found}

    def _instance(self, machine: FakeMachine) -> Instance:
        held = (a.id for a in self.addresses.values() if a.holder == machine.id and a.status is EipStatus.IN_USE)
        return Instance(
            machine.id,
            machine.status,
            machine.zone,
            VPC,
            "10.0.0.1",
            self.shown_ip(machine.id),
            machine.locks,
            machine.started,
            fixed_ip=machine.own_ip,
            type=machine.type,
            bandwidth=machine.bandwidth,
            eip=next(held, None),
            interfaces=machine.interfaces,
        )

    def conditions(self, ids: tuple[InstanceId, ...]) -> dict[InstanceId, Condition]:
        """Show health words and system events (DescribeInstancesFullStatus)."""
        found = [self.machines[each] for each in ids if each in self.machines]
        return {m.id: Condition(m.id, m.health, m.events, m.status) for m in found}

    def eip(self, eip: EipId) -> Eip | None:
        """Show an EIP (DescribeEipAddresses)."""
        address = self.addresses.get(eip)
        return None if address is None else Eip(address.id, address.ip, address.status, address.holder)

    def nat_gateway(self, gateway: NatGatewayId) -> NatGateway | None:
        """Show a managed NAT Gateway (DescribeNatGateways)."""
        return NatGateway(gateway, self.nat[gateway]) if gateway in self.nat else None

    def public_ip(self, instance: InstanceId) -> str | None:
        """Name the public address of an instance's packets, whether DescribeInstances shows it or not."""
        return self.shown_ip(instance) or self.machines[instance].second_ip

    def shown_ip(self, instance: InstanceId) -> str | None:
        """Name the public address that DescribeInstances shows: its own, or an EIP that has arrived."""
        held = (a.ip for a in self.addresses.values() if a.holder == instance and a.status is EipStatus.IN_USE)
        return next(held, self.machines[instance].own_ip)

    # ---- packets -----------------------------------------------------------------------------------------

    def egress(self, table: TableId) -> str | None:
        """Send a packet to the internet from behind `table`; the public address that it arrives from, or None."""
        return self.egress_to(table, INTERNET)

    def egress_to(self, table: TableId, to: ipaddress.IPv4Address) -> str | None:
        """Send a packet to one address of the internet; the public address that it arrives from, or None."""
        carrying = [e for e in self.tables.get(table, []) if e.carries is not None]
        matching = [e for e in carrying if to in ipaddress.IPv4Network(e.destination)]
        best = max(matching, key=lambda e: ipaddress.IPv4Network(e.destination).prefixlen, default=None)
        if best is None or best.carries is None or not self.internet:
            return None
        hop = best.carries
        if hop.kind is HopKind.NAT_GATEWAY:
            return "198.51.100.200" if self.nat.get(NatGatewayId(hop.id)) else None
        machine = self.machine_at(hop)
        if machine is None or not machine.works or not machine.rules or machine.claimed or not machine.upstream:
            return None
        return self.public_ip(machine.id)

    def machine_at(self, hop: NextHop) -> FakeMachine | None:
        """The instance that a next hop leads to, be it by its id or by one of its interfaces."""
        if hop.kind is HopKind.NETWORK_INTERFACE:
            return next((each for each in self.machines.values() if hop.id in each.interfaces), None)
        return self.machines.get(InstanceId(hop.id))

    def egress_of_machine(self, instance: InstanceId) -> str | None:
        """Send a packet to the internet from the gateway itself, for which its rules do not matter."""
        machine = self.machines.get(instance)
        if machine is None or not machine.works or not machine.upstream or not self.internet:
            return None
        return self.public_ip(instance)
