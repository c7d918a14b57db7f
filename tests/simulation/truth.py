"""What is true of the simulated town, whatever was read of it: which hops work, and what could be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from natkeeper.domain.backoff import until
from natkeeper.domain.config import Config, Follow, Group, Route
from natkeeper.domain.ids import InstanceId, NatGatewayId
from natkeeper.domain.memory import Memory, decode, is_ours
from natkeeper.domain.observed import EipStatus, HopKind, NextHop, PowerState, RouteEntry
from natkeeper.domain.selection import MUCH_LATER
from natkeeper.domain.world import belongs
from natkeeper.ports import ReadConditions
from tests.fakes.things import FakeEntry
from tests.simulation.region import Region
from tests.simulation.town import DEFAULT, HALVES, SimulatedWorld

MARK_S = 3600.0 + 60.0
TRY_AGAIN_S = 660.0
"""How long a mark keeps a gateway from being tried by a route that leads nowhere."""

memory_of = lru_cache(maxsize=4096)(decode)


def paused(entries: Iterable[FakeEntry | RouteEntry], now: datetime) -> bool:
    """Return True if a route's entries say that it is paused: that of the latest move, the whole before its halves."""
    texts = [e.description for e in sorted(entries, key=lambda e: e.destination != DEFAULT) if is_ours(e.description)]
    known = [memory for text in texts if isinstance(memory := memory_of(text), Memory)]
    latest = max(known, key=lambda memory: memory.since.timestamp() if memory.since else 0.0, default=None)
    return latest is not None and latest.paused(now)


class Truth:
    """Answers what is true now."""

    def __init__(self, town: SimulatedWorld, region: Region, config: Config) -> None:
        self.town, self.region = town, region
        self.knows: Callable[[str], bool] = lambda _interface: True
        """Whether the process knows whose an interface is, or was."""
        self.kept: Callable[[Group], Iterable[Memory]] = lambda _group: ()
        """What the process remembers for entries that take no words."""
        self.hop_of = {g: NextHop.gateway(g) for group in config.groups for g in group.gateways}
        self.hop_of.update({g.fallback: NextHop.nat_gateway(g.fallback) for g in config.groups if g.fallback})  # type: ignore[misc]

    def visible(self, hop: NextHop, group: Group) -> bool:
        """Return True if ECS shows nothing wrong with `hop`."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return self.town.nat.get(NatGatewayId(hop.id), False)
        machine = self.town.machines.get(InstanceId(hop.id))
        if machine is None or machine.status is not PowerState.RUNNING or machine.locks or machine.events:
            return False
        return isinstance(group.address, Follow) or machine.own_ip is not None

    def shown(self, hop: NextHop, group: Group) -> bool:
        """Return True if ECS shows natkeeper that something is wrong with `hop`, be its conditions readable or not."""
        machine = self.town.machines.get(InstanceId(hop.id))
        if machine is None or machine.status is not PowerState.RUNNING or machine.locks:
            return not self.visible(hop, group)
        if machine.events:
            return not self.region.trickles(ReadConditions)
        lies = self.town.second < self.region.probe_lies_until  # a look that works outweighs a missing address
        return not lies and not self.visible(hop, group)

    def only_announced(self, hop: NextHop, group: Group, ahead: timedelta = timedelta(0)) -> bool:
        """Return True if ECS shows nothing of a gateway but that it will go, by natkeeper's clock not before `ahead`.

        That it forwards nothing stays hidden; and where that clock is behind, so does how soon it goes.
        """
        machine = self.town.machines.get(InstanceId(hop.id))
        if machine is None or not machine.events or machine.status is not PowerState.RUNNING or machine.locks:
            return False
        addressed = isinstance(group.address, Follow) or machine.own_ip is not None
        soonest = self.town.wall + ahead
        return addressed and all(each.not_before and each.not_before > soonest for each in machine.events)

    def only_reclaimed(self, hop: NextHop) -> bool:
        """Return True if ECS shows nothing of a gateway but that it runs, and goes within minutes."""
        machine = self.town.machines.get(InstanceId(hop.id))
        if machine is None or machine.events:
            return False
        return machine.status is PowerState.RUNNING and machine.locks == frozenset({"Recycling"})

    def seems_fit(self, hop: NextHop, group: Group) -> bool:
        """Return True if nobody can know that a gateway goes soon.

        By a clock that is behind it goes much later; or it is being reclaimed, which only the list says that lacks it.
        """
        machine = self.town.machines.get(InstanceId(hop.id))
        if machine is None or machine.status is not PowerState.RUNNING:
            return False
        lacking = self.town.holes.get(hop.id, -1.0) > self.town.second and not machine.events
        reclaimed = machine.locks == frozenset({"Recycling"})
        return (lacking and reclaimed) or self.only_announced(hop, group, MUCH_LATER)

    def works(self, hop: NextHop, group: Group) -> bool:
        """Return True if packets would get through `hop`, were the route (and the EIP) there."""
        if not self.visible(hop, group):
            return False
        if hop.kind is HopKind.NAT_GATEWAY:
            return True
        machine = self.town.machines[InstanceId(hop.id)]
        return machine.works and machine.rules

    def fixable(self, route: Route, group: Group, carries: NextHop | None) -> bool:
        """Return True if natkeeper can and may see and mend that `route` leads nowhere."""
        town = self.town
        if not town.internet or self.region.troubled or self.paused(group) or self.foreign(group, route):
            return False
        if town.stuck.get(route.table, -1.0) > town.second or town.slow_until > town.second:
            return False
        if not self.region.reads(route.table):
            return False
        if any(town.holes.get(gateway, -1.0) > town.second for gateway in group.gateways):
            return False
        entry = town.entry(route.table, DEFAULT)
        current = carries if carries is not None else (entry.hop if entry is not None else None)
        seen = current is None or self.shown(current, group)
        lies = town.second < self.region.probe_lies_until
        if not seen and (lies or not group.checked_by_probe(route)):
            return False
        if isinstance(group.address, Follow):
            address = town.addresses[group.address.follow]
            if address.holder is not None and address.holder not in group.gateways:
                return False
        dead = current is None or self.dead(current, group)
        return any(
            self._candidate(hop, group, current, dead=dead) and self._taken(hop, group, route)
            for hop in self.hops(group)
        )

    def _taken(self, hop: NextHop, group: Group, route: Route) -> bool:
        """Return True if the platform would take `hop` for the route, and bring the EIP there."""
        if not self.region.takes(route.table, hop):
            return False
        halves = [entry.hop for half in HALVES if (entry := self.town.entry(route.table, half)) is not None]
        if not self.region.retires(route.table) and any(half and not self.town.in_place(half, hop) for half in halves):
            return False  # they can neither be changed nor replaced
        if not isinstance(group.address, Follow) or hop.kind is not HopKind.INSTANCE:
            return True
        address = self.town.addresses[group.address.follow]
        if address.holder == hop.id and address.status is EipStatus.IN_USE:
            return True
        return self.region.brings(address.id, address.holder, hop.id)

    def dead(self, hop: NextHop, group: Group) -> bool:
        """Whether ECS itself shows that `hop` is dead, and not only that it will go."""
        machine = self.town.machines.get(InstanceId(hop.id))
        if hop.kind is HopKind.NAT_GATEWAY or machine is None or machine.status is not PowerState.RUNNING:
            return not self.visible(hop, group)
        failed = any(event.type.startswith("SystemFailure.") for event in machine.events)
        return failed or (machine.own_ip is None and not isinstance(group.address, Follow))

    def hops(self, group: Group) -> list[NextHop]:
        return [self.hop_of[InstanceId(n)] for n in (*group.gateways, *((group.fallback,) if group.fallback else ()))]

    def _candidate(self, hop: NextHop, group: Group, current: NextHop | None, *, dead: bool) -> bool:
        """Return True if `hop` would do, and natkeeper knows nothing against it."""
        if not self.works(hop, group):
            return False
        if dead and hop != current:
            return True
        if hop == current and not isinstance(group.address, Follow):
            return False
        if self.backs_off(group):
            return False
        return not self.marked(group, hop.id, TRY_AGAIN_S) and not self._unready(hop.id)

    def _unready(self, name: str) -> bool:
        runs = [run for run in self.region.setups if run.gateway == name and run.report is not None]
        return bool(runs) and not getattr(max(runs, key=lambda run: run.started).report, "ready", False)

    def memories(self, group: Group) -> list[Memory]:
        texts = (entry.description for route in group.routes for entry in self.town.tables[route.table])
        return [*(memory for text in texts if isinstance(memory := memory_of(text), Memory)), *self.kept(group)]

    def paused(self, group: Group) -> bool:
        return any(paused(self.town.tables[route.table], self.town.wall) for route in group.routes)

    def marked(self, group: Group, name: str, within: float = MARK_S) -> bool:
        now = self.town.wall
        marks = (memory.marks[name] for memory in self.memories(group) if name in memory.marks)
        return any((now - at).total_seconds() < within for at in marks)

    def backs_off(self, group: Group) -> bool:
        """Return True if a round in which every way failed alike is being waited for."""
        ends = (until(memory) for memory in self.memories(group))
        return any(end is not None and self.town.wall < end for end in ends)

    def foreign(self, group: Group, route: Route) -> bool:
        """Return True if someone else's entry has a say in the route."""
        for entry in self.town.tables[route.table]:
            if entry.destination in HALVES and not is_ours(entry.description):
                return True
            if entry.destination == DEFAULT and (entry.hop is None or not belongs(entry.hop, group)):
                return True
            if entry.hop is not None and entry.hop.via and self._nobodys(entry, entry.hop):
                return True
        return False

    def _nobodys(self, entry: FakeEntry, hop: NextHop) -> bool:
        """Whether an entry leads to an interface of which nobody can say whose it was."""
        memory = memory_of(entry.description)
        written = isinstance(memory, Memory) and memory.to == hop.id
        return InstanceId(hop.id) not in self.town.machines and not written and not self.knows(hop.via)
