"""The simulated town: the world of tests/fakes, fast enough for millions of steps, in which things happen by name.

People and fate act through the methods here; each tells the bus what ECS and ActionTrail would tell. Nothing sleeps
and nothing is random: the caller says when and how long.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from natkeeper.domain.ids import EipId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import EipStatus, EntryStatus, HopKind, Instance, NextHop, PowerState, SystemEvent
from tests.fakes.things import START, FakeEntry
from tests.fakes.world import FakeWorld

DEFAULT = "0.0.0.0/0"
HALVES = ("0.0.0.0/1", "128.0.0.0/1")
TASK_S = 6.0
"""How long a route task of someone else has the VPC."""

Tell = Callable[[str, dict[str, Any]], None]


class SimulatedWorld(FakeWorld):
    """A world whose time is a queue of plain tuples, and whose people and fate tell the bus what they do."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: Tell = lambda _kind, _data: None
        self.changed: Callable[[], object] = lambda: None
        """Called after everything that may change where packets go."""
        self._due: list[tuple[datetime, int, bool, Callable[[], object]]] = []
        self._turn = 0
        self._power: dict[str, int] = {}
        self.dropped: dict[str, datetime] = {}
        """When someone last deleted a table's default route."""
        self.repointed: dict[str, datetime] = {}
        """When someone last pointed a table's default route elsewhere."""
        self.holes: dict[str, float] = {}
        """Until when lists of instances lack one."""
        self.stuck: dict[str, float] = {}
        """Until when someone else's task has a table's default route."""
        self.slow_until = -1.0
        """Until when route tasks take longer than usual."""
        self.woken: set[str] = set()
        """Cold standbys that natkeeper has started."""
        self.skew_s = 0.0
        """By how much natkeeper's wall clock is ahead of the platform's."""
        self.played: Counter[str] = Counter()
        """How often a letter of the stories had its effect."""

    # ---- time --------------------------------------------------------------------------------------------

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let `action`, which may change where packets go, happen `seconds` from now."""
        self._turn += 1
        heapq.heappush(self._due, (self.now + timedelta(seconds=seconds), self._turn, True, action))

    def quietly(self, seconds: float, action: Callable[[], object]) -> None:
        """Let `action`, which changes nothing in the world by itself, happen `seconds` from now."""
        self._turn += 1
        heapq.heappush(self._due, (self.now + timedelta(seconds=seconds), self._turn, False, action))

    def at(self, second: float, action: Callable[[], object]) -> None:
        """Let `action` happen at `second` of the story."""
        self._turn += 1
        heapq.heappush(self._due, (START + timedelta(seconds=second), self._turn, True, action))

    def advance_to(self, moment: datetime) -> None:
        """Let everything happen that is due until `moment`."""
        due = self._due
        while due and due[0][0] <= moment:
            when, _, matters, action = heapq.heappop(due)
            self.now = max(self.now, when)
            action()
            if matters:
                self.changed()
        self.now = max(self.now, moment)

    @property
    def wall(self) -> datetime:
        """What natkeeper's wall clock shows."""
        return self.now + timedelta(seconds=self.skew_s)

    @property
    def second(self) -> float:
        """The second of the story."""
        return (self.now - START).total_seconds()

    # ---- power and the guest -----------------------------------------------------------------------------

    def stop(self, name: str, *, called: bool = True) -> None:
        """A person stops an instance (ActionTrail tells), or it stops by itself."""
        machine = self.machines.get(InstanceId(name))
        if machine is None or machine.status not in (PowerState.RUNNING, PowerState.STARTING):
            return
        if called:
            self._trail("StopInstance", {"InstanceId": name}, "ecs")
        self._become(name, PowerState.STOPPING)
        self._later(name, self.timings.stop, lambda: self._become(name, PowerState.STOPPED))

    def start(self, name: str, *, rules: bool = True) -> None:
        """A person starts an instance; `rules` says whether its guest comes up as a gateway."""
        machine = self.machines.get(InstanceId(name))
        if machine is None or machine.status not in (PowerState.STOPPED, PowerState.STOPPING):
            return
        self._become(name, PowerState.STARTING)

        def running() -> None:
            machine.started, machine.hung, machine.rules = self.now, False, rules
            machine.events, machine.health = (), "Ok"
            self._become(name, PowerState.RUNNING)

        self._later(name, self.timings.start, running)

    def hang(self, name: str, *, hung: bool) -> None:
        """The guest hangs, or goes on; ECS sees nothing of it."""
        if (machine := self.machines.get(InstanceId(name))) is not None:
            machine.hung = hung

    def masquerade(self, name: str, *, there: bool) -> None:
        """A person takes the rules of a gateway away, or puts them back."""
        if (machine := self.machines.get(InstanceId(name))) is not None:
            machine.rules = there

    def reclaim(self, name: str) -> None:
        """A spot instance gets its five minutes' notice, and goes."""
        machine = self.machines.get(InstanceId(name))
        if machine is None or machine.locks:
            return
        machine.locks = frozenset({"Recycling"})
        self.tell("ecs:Instance:PreemptibleInstanceInterruption", {"instanceId": name, "action": "delete"})
        self.after(300, lambda: self.release(name))

    def release(self, name: str) -> None:
        """An instance is deleted; an EIP that it holds comes free."""
        if InstanceId(name) in self.machines:
            self._power[name] = self._power.get(name, 0) + 1
            self.delete_machine(name)
            self._state(name, "Deleted")

    def maintain(self, name: str, ahead_s: float) -> None:
        """Maintenance is announced; when it is due the instance reboots."""
        machine = self.machines.get(InstanceId(name))
        if machine is None or machine.events:
            return
        begins = self.now + timedelta(seconds=ahead_s)
        event = SystemEvent("SystemMaintenance.Reboot", "Scheduled", begins)
        self._system(name, event)

        def due() -> None:
            if self.machines.get(InstanceId(name)) is machine and event in machine.events:
                self._system(name, replace(event, status="Executing"))
                machine.status = PowerState.STARTING
                self._later(name, 30.0, lambda: self._maintained(name))

        self.after(ahead_s, due)

    def fail(self, name: str) -> None:
        """The host of an instance fails: it hangs, and a system event says so until it is repaired."""
        machine = self.machines.get(InstanceId(name))
        if machine is None or machine.events or machine.status is not PowerState.RUNNING:
            return
        machine.hung = True
        self._system(name, SystemEvent("SystemFailure.Reboot", "Executing"))
        self._later(name, 90.0, lambda: self._maintained(name))

    def _maintained(self, name: str) -> None:
        machine = self.machines[InstanceId(name)]
        machine.hung, machine.started = False, self.now
        kind = machine.events[0].type if machine.events else "SystemMaintenance.Reboot"
        machine.events = ()
        self.tell(f"ecs:Instance:{kind}", {"instanceId": name, "eventType": kind, "eventStatus": "Executed"})
        self._become(name, PowerState.RUNNING)

    def _system(self, name: str, event: SystemEvent) -> None:
        self.machines[InstanceId(name)].events = (event,)
        data = {"instanceId": name, "eventType": event.type, "eventStatus": event.status}
        self.tell(f"ecs:Instance:{event.type}", data)

    def _become(self, name: str, status: PowerState) -> None:
        self.machines[InstanceId(name)].status = status
        if status is not PowerState.STARTING:
            self._state(name, status.value)

    def _later(self, name: str, seconds: float, action: Callable[[], object]) -> None:
        """Let a change of power happen unless another one begins before."""
        mine = self._power[name] = self._power.get(name, 0) + 1
        self.after(seconds, lambda: action() if self._power[name] == mine else None)

    def _state(self, name: str, state: str) -> None:
        data = {"resourceId": name, "resourceType": "ALIYUN::ECS::Instance", "state": state}
        self.tell("ecs:Instance:StateChange", data)

    def _trail(self, call: str, request: dict[str, str], product: str) -> None:
        when = f"{self.now:%Y-%m-%dT%H:%M:%SZ}"
        data = {"eventName": call, "requestParameters": request, "eventTime": when}
        self.tell(f"{product}:ActionTrail:ApiCall", data)

    # ---- lists and tasks ---------------------------------------------------------------------------------

    def instances(self, ids: tuple[InstanceId, ...]) -> dict[InstanceId, Instance]:
        """Show instances; a list may have holes."""
        found = super().instances(ids)
        listed = {each: instance for each, instance in found.items() if self.holes.get(each, -1.0) <= self.second}
        self.played["hole"] += len(found) > len(listed)
        return listed

    def stick(self, table: str, seconds: float) -> None:
        """Someone else's task on the default route takes that long."""
        entry = self.entry(TableId(table), DEFAULT)
        if entry is None or entry.status is not EntryStatus.AVAILABLE:
            return
        entry.status = EntryStatus.MODIFYING
        self.stuck[table] = self.second + seconds

        def over() -> None:
            if entry.status is EntryStatus.MODIFYING:
                entry.status = EntryStatus.AVAILABLE

        self.after(seconds, over)

    # ---- addresses ---------------------------------------------------------------------------------------

    def lose_eip(self, eip: str) -> None:
        """A person takes the EIP off whatever has it."""
        address = self.addresses.get(EipId(eip))
        if address is not None and address.status is EipStatus.IN_USE:
            self.unassociate(address)

    def give_eip(self, eip: str, to: str) -> None:
        """A person binds a free EIP to an instance."""
        address = self.addresses.get(EipId(eip))
        if address is not None and address.status is EipStatus.AVAILABLE and InstanceId(to) in self.machines:
            self.associate(address, InstanceId(to))

    def own_address(self, name: str, ip: str | None) -> None:
        """An instance loses its own public address, or gets it back."""
        if (machine := self.machines.get(InstanceId(name))) is not None:
            machine.own_ip = ip

    # ---- routes, behind natkeeper's back -----------------------------------------------------------------

    def drop_route(self, table: str) -> None:
        """A person deletes the default route."""
        self.tables[TableId(table)] = [e for e in self.tables[TableId(table)] if e.destination != DEFAULT]
        self.dropped[table] = self.now
        self.touched("DeleteRouteEntry", table)

    def point_route(self, table: str, hop: NextHop) -> None:
        """A person points the default route elsewhere, by the console: the description stays."""
        entry = self.entry(TableId(table), DEFAULT)
        if entry is not None:
            entry.hop = entry.carries = hop
            self.repointed[table] = self.now
            self.touched("ModifyRouteEntry", table)

    def halve(self, table: str, hop: NextHop) -> None:
        """A person adds a more specific route of their own."""
        if self.entry(TableId(table), HALVES[1]) is None:
            self.add_entry(table, HALVES[1], hop)

    def add_entry(self, table: str, destination: str, hop: NextHop) -> FakeEntry:
        """Add a settled entry."""
        entry = self._new_entry(TableId(table), destination, hop, "")
        self._follow(entry)
        entry.status = type(entry.status).AVAILABLE
        return entry

    def drop_entry(self, table: str, destination: str) -> None:
        """A person deletes an entry of their own."""
        self.tables[TableId(table)] = [e for e in self.tables[TableId(table)] if e.destination != destination]

    def occupy(self, seconds: float) -> None:
        """Someone else's route task has the VPC."""
        self._writes_until = max(self._writes_until, self.now + timedelta(seconds=seconds))

    def touched(self, call: str, table: str) -> None:
        """ActionTrail tells of a route call, natkeeper's own included."""
        self._trail(call, {"RouteTableId": table}, "vpc")

    # ---- packets, without parsing networks each time --------------------------------------------------------

    def hop_of(self, table: str) -> NextHop | None:
        """Where packets to the internet's upper half go now."""
        whole = None
        for entry in self.tables.get(TableId(table), ()):
            if entry.carries is not None:
                if entry.destination == HALVES[1]:
                    return entry.carries
                if entry.destination == DEFAULT:
                    whole = entry.carries
        return whole

    def egress(self, table: TableId) -> str | None:
        """Send a packet to the internet from behind `table`."""
        hop = self.hop_of(table)
        return None if hop is None or not self.internet else self.through(hop)

    def through(self, hop: NextHop) -> str | None:
        """The public address of packets that take `hop`, if it works."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return "198.51.100.200" if self.nat.get(NatGatewayId(hop.id)) else None
        machine = self.machines.get(InstanceId(hop.id))
        if machine is None or not machine.works or not machine.rules:
            return None
        return self.public_ip(machine.id)

    def _covered(self, table: TableId, destination: str) -> bool:
        carrying = {e.destination for e in self.tables[table] if e.carries is not None}
        return destination in carrying or carrying.issuperset(HALVES)

    def _check_cover(self) -> None:
        """Leave judging to the rules."""
