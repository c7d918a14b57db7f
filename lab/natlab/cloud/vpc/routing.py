"""How does a route change?  One task at a time in each VPC, with states in between, the data plane last.

Route writes are tasks: a second one in the same VPC is refused until the first is over.  A change of name or
description alone is over at once, but has to wait for another task like any write.  The data plane follows when the
task ends, or as much later as the table of latencies says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.vpc import exceptions, refusals
from natlab.cloud.vpc.models import NextHop, RouteEntry, RouteStatus, RouteTable, VpcState

if TYPE_CHECKING:
    from natlab.cloud.vpc.context import VpcContext

NEXT_HOP_KINDS = frozenset({"Instance", "NatGateway", "NetworkInterface"})
"""Kinds of next hop that exist here."""
PLATFORM_KINDS = NEXT_HOP_KINDS | {
    "Attachment",
    "Ecr",
    "GatewayEndpoint",
    "GatewayLoadBalancerEndpoint",
    "HaVip",
    "IPv6Gateway",
    "Ipv4Gateway",
    "RouterInterface",
    "VpcPeer",
    "VpnGateway",
}
"""Kinds that the platform knows; nothing of the others exists here, so nothing of them is ever found."""
GAP_S = 5.0
"""Between creates and deletes in one VPC, where the platform asks for a pause (reading route-task-gap)."""


class Routing:
    """The route entries of all tables."""

    def __init__(self, cloud: VpcContext, state: VpcState) -> None:
        self._cloud = cloud
        self._state = state
        self.refused_in_place: dict[str, str] = {}
        """Kind of next hop (or "*") -> the UnsupportedFeature code that refuses a change to or from it.

        Which kinds can be changed in place differs by region and over time, so a test may set this.
        """
        self.most_entries = refusals.MOST_ENTRIES
        """Custom entries that one table takes; an account can have this quota raised."""
        self._quiet_from: dict[str, float] = {}

    def create(
        self,
        table_id: str,
        destination: str,
        hop: NextHop,
        name: str,
        description: str,
        *,
        dry_run: bool = False,
    ) -> str:
        """CreateRouteEntry: the new entry is Pending, then Available."""
        table = self._state.tables.get(table_id)
        if table is None:
            raise exceptions.no_such_table(modify=False)
        readings = self._cloud.readings
        destination = refusals.destination_of(destination, readings)
        refusals.check_name(name, readings)
        refusals.check_description(description, readings, modify=False)
        existing = self._state.entry(table_id, destination)
        if existing is not None and not self.shown_status(existing):
            self._vanish(existing.id)  # what lists do not show any more is gone
            existing = None
        if existing is not None:
            raise _duplicate(existing, hop)
        self._check_room(table, destination)
        self._check_next_hop(hop, table.vpc_id, modify=False)
        self._check_idle(table.vpc_id, gap=True)
        if dry_run:
            raise exceptions.dry_run_passed()
        entry = self.put(table_id, destination, hop, name, description, RouteStatus.PENDING)
        self._run(table.vpc_id, entry.id, "vpc.create_route_entry.task", lambda: self._become(entry.id))
        return entry.id

    def modify(
        self,
        entry: RouteEntry,
        hop: NextHop | None,
        name: str | None,
        description: str | None,
        *,
        dry_run: bool = False,
    ) -> None:
        """ModifyRouteEntry: in place; None leaves a thing as it is."""
        refusals.check_name(name or "", self._cloud.readings)
        refusals.check_description(description or "", self._cloud.readings, modify=True)
        if not entry.custom:
            raise ApiError(
                "OperationDenied.LocalRouteEntryInSystemRouteTable",
                "The Local Route Entry In System Route Table Can Not Be Modify.",
            )
        if hop is None and name is None and description is None:
            raise ApiError("MissingParam.ParameterMustNotNull", "NewNextHopId, must not be null.")
        if entry.status is not RouteStatus.AVAILABLE:
            raise exceptions.route_busy()
        vpc_id = self._state.tables[entry.table_id].vpc_id
        if hop is not None:
            self._check_change(entry, hop, vpc_id)
        self._check_idle(vpc_id)
        if dry_run:
            raise exceptions.dry_run_passed()
        changed = replace(
            entry,
            next_hop=entry.next_hop if hop is None else hop,
            name=entry.name if name is None else name,
            description=entry.description if description is None else description,
        )
        if hop is None:
            self._state.routes.put(entry.id, replace(changed, modified=self._cloud.clock.now()))
            return
        self._state.routes.put(entry.id, replace(entry, status=RouteStatus.MODIFYING))
        self._run(vpc_id, entry.id, "vpc.modify_route_entry.task", lambda: self._become(entry.id, changed))

    def delete(self, entry: RouteEntry, *, dry_run: bool = False) -> None:
        """DeleteRouteEntry: Deleting, then gone."""
        if not entry.custom:
            raise ApiError("InvalidRouteEntry", "A system route entry can not be deleted.")
        if entry.status is not RouteStatus.AVAILABLE:
            raise exceptions.route_busy()
        vpc_id = self._state.tables[entry.table_id].vpc_id
        self._check_idle(vpc_id, gap=True)
        if dry_run:
            raise exceptions.dry_run_passed()
        self._state.routes.put(entry.id, replace(entry, status=RouteStatus.DELETING))
        self._run(vpc_id, entry.id, "vpc.delete_route_entry.task", lambda: self._vanish(entry.id))

    def put(
        self,
        table_id: str,
        destination: str,
        hop: NextHop,
        name: str,
        description: str,
        status: RouteStatus,
        *,
        custom: bool = True,
    ) -> RouteEntry:
        """Add an entry as it is, without a task; the data plane follows if it is Available and custom."""
        entry = RouteEntry(
            id=self._cloud.ids.new("rte"),
            table_id=table_id,
            destination=destination,
            next_hop=hop,
            status=status,
            modified=self._cloud.clock.now(),
            name=name,
            description=description,
            custom=custom,
        )
        self._state.routes.put(entry.id, entry)
        if status is RouteStatus.AVAILABLE and custom:
            self._program(entry)
        return entry

    def _become(self, entry_id: str, changed: RouteEntry | None = None) -> None:
        entry = changed or self._state.routes[entry_id]
        settled = replace(entry, status=RouteStatus.AVAILABLE, modified=self._cloud.clock.now())
        self._state.routes.put(entry_id, settled)
        self._follow(entry.table_id, entry.destination)

    def _vanish(self, entry_id: str) -> None:
        entry = self._state.routes[entry_id]
        self._state.routes.remove(entry_id)
        self._follow(entry.table_id, entry.destination)

    def _follow(self, table_id: str, destination: str) -> None:
        """Let packets take the way that the table shows by then."""
        late = self._cloud.latencies.of("vpc.route_entry.packets")
        if late > 0:
            self._cloud.clock.call_later(late, lambda: self._lead(table_id, destination))
        else:
            self._lead(table_id, destination)

    def _lead(self, table_id: str, destination: str) -> None:
        entry = self._state.entry(table_id, destination)
        if entry is None:
            self._cloud.data_plane.remove_route(table_id, destination)
        elif entry.status is not RouteStatus.PENDING:
            self._program(entry)

    def _program(self, entry: RouteEntry) -> None:
        hop = entry.next_hop
        if hop.kind == "NetworkInterface":  # its packets arrive at the instance that it is attached to
            hop = NextHop("Instance", self._cloud.ecs.instance_of_interface(hop.id) or hop.id)
        self._cloud.data_plane.set_route(entry.table_id, entry.destination, hop.kind, hop.id)

    def _run(self, vpc_id: str, entry_id: str, latency: str, finish: Callable[[], None]) -> None:
        def end() -> None:
            self._state.tasks.pop(vpc_id, None)
            if latency != "vpc.modify_route_entry.task":
                self._quiet_from[vpc_id] = self._cloud.clock.now()
            finish()

        self._state.tasks[vpc_id] = entry_id
        self._cloud.clock.call_later(self._cloud.latencies.of(latency), end)

    def _check_idle(self, vpc_id: str, *, gap: bool = False) -> None:
        """Refuse a write while another task of the VPC runs; with `gap`, also soon after a create or a delete."""
        if vpc_id in self._state.tasks:
            raise exceptions.task_conflict()
        if gap and self._cloud.readings.is_("route-task-gap", "5s"):
            since = self._cloud.clock.now() - self._quiet_from.get(vpc_id, -GAP_S)
            if since < GAP_S:
                raise exceptions.task_conflict()

    def _check_room(self, table: RouteTable, destination: str) -> None:
        vswitches = (each.cidr for each in self._state.vswitches.values() if each.vpc_id == table.vpc_id)
        custom = sum(entry.custom for entry in self._state.routes.values() if entry.table_id == table.id)
        refusals.check_room(destination, vswitches, custom, self.most_entries)

    def _check_change(self, entry: RouteEntry, hop: NextHop, vpc_id: str) -> None:
        if hop.kind not in PLATFORM_KINDS:
            raise ApiError("IllegealParam.NextHopType", "The parameter NewNextHopType is illegal.")
        if hop == entry.next_hop:
            raise ApiError(
                "OperationDenied.NextHopExist",
                "The operation is not allowed because the nexthop already exists.",
            )
        if hop.kind == "NatGateway" and self._cloud.readings.is_("route-in-place-to-nat", "refused"):
            raise ApiError(
                "UnsupportedFeature.ModifyRouteEntryNextHop",
                "The route type does not support modifying the next hop of the route.",
            )
        for kind in ("*", entry.next_hop.kind, hop.kind):
            if kind in self.refused_in_place:
                raise ApiError(
                    self.refused_in_place[kind],
                    "The route type does not support modifying the next hop of the route.",
                )
        self._check_next_hop(hop, vpc_id, modify=True)

    def _check_next_hop(self, hop: NextHop, vpc_id: str, *, modify: bool) -> None:
        if hop.kind not in PLATFORM_KINDS:
            raise ApiError("InvalidNextHopType", "The specified NextHopType is not valid.")
        where = self.vpc_of(hop)
        if where is None:
            raise exceptions.no_such_next_hop(hop.kind, modify=modify)
        if where != vpc_id:
            raise exceptions.next_hop_elsewhere(modify=modify)
        if hop.kind == "Instance" and self._cloud.readings.is_("route-to-stopped", "refused"):
            self._check_running(hop, modify=modify)

    def _check_running(self, hop: NextHop, *, modify: bool) -> None:
        if self._cloud.ecs.status_of(hop.id) == "Running":
            return
        if modify:
            raise ApiError("IncorrectStatus.NextHop", f"The status of nextHop [{hop.id}] is incorrect.")
        raise ApiError("IncorrectInstanceStatus", "The status of the instance does not support this.", 403)

    def shown_status(self, entry: RouteEntry) -> str:
        """The state in which lists show an entry; "" where they do not show it (readings)."""
        readings, status = self._cloud.readings, entry.status.value
        if readings.is_("route-status-words", "creating-created"):
            status = {"Pending": "Creating", "Available": "Created"}.get(status, status)
        hop = entry.next_hop
        if hop.kind == "Instance" and self._cloud.ecs.status_of(hop.id) in ("Stopped", None):
            if readings.is_("route-stopped-hop", "vanishes"):
                return ""
            if readings.is_("route-stopped-hop", "unavailable"):
                return "Unavailable"
        return status

    def vpc_of(self, hop: NextHop) -> str | None:
        """The VPC a next hop is in; None when there is no such next hop."""
        if hop.kind == "Instance":
            return self._cloud.ecs.vpc_of_instance(hop.id)
        if hop.kind == "NetworkInterface":
            return self._cloud.ecs.vpc_of_interface(hop.id)
        if hop.kind == "NatGateway" and hop.id in self._state.nat_gateways:
            return self._state.nat_gateways[hop.id].vpc_id
        return None


def _duplicate(existing: RouteEntry, hop: NextHop) -> ApiError:
    if not existing.custom:
        return ApiError("InvalidCIDRBlock.Duplicate", "Specified CIDR block is already exists.")
    if existing.status is not RouteStatus.AVAILABLE:
        return exceptions.route_busy()
    if existing.next_hop == hop:
        return ApiError("InvalidRouteEntry.Duplicate", "The route entry already exists.")
    return ApiError("RouteConflict.AlreadyExist", "A route for the destination already exists.")
