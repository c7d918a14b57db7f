"""Where the platform is tried: two entries of a group's route table to addresses without hosts, and its standby.

The entries' destinations are the halves of TEST-NET-3, which is reserved for documentation (RFC 5737). Calls give
Alibaba's own code instead of an error, because the code is what is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from natkeeper.alibaba.errors import classify, code_of, kind_of
from natkeeper.alibaba.lean_imports import lean
from natkeeper.cli.conformance.found import CodeFound
from natkeeper.cli.errors import CommandError, trouble_of
from natkeeper.cli.survey import network
from natkeeper.ports import Failure, FailureKind

if TYPE_CHECKING:
    from natkeeper.alibaba.clients import Attempt
    from natkeeper.cli.client import RegionClients
    from natkeeper.domain.config import Group

with lean("alibabacloud_vpc20160428"):
    from alibabacloud_vpc20160428 import models as vpc
    from alibabacloud_vpc20160428.client import Client as Vpc
with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models as ecs
    from alibabacloud_ecs20140526.client import Client as Ecs

T = TypeVar("T")
TRIED = ("203.0.113.0/25", "203.0.113.128/25")
DRY_RUN_PASSED = "DryRunOperation"
POLL_S = 0.2
SETTLED_WITHIN_S = 120.0
"""How long a task of the platform may take before the trial gives up."""
STOPPED_WITHIN_S = 600.0
FINAL = ("OperationDenied.NextHopExist",)
"""Codes that no waiting changes."""
_BUSY = ("Pending", "Creating", "Modifying", "Deleting")
_PASSING = (FailureKind.THROTTLED, FailureKind.UNREACHABLE)


@dataclass
class Place:
    """A table, the gateway that carries the group's route (`active`), its standby, and what calls took.

    `eip` is the address that the standby holds, empty for none. `seconds` are measured durations by the names of
    natlab's table of latencies, `unmeasured` says why others are not there. `codes` answered wrong calls.
    """

    reach: RegionClients
    group: Group
    table: str
    active: str
    standby: str
    eip: str = ""
    sleeper: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    codes: dict[str, CodeFound] = field(default_factory=dict)

    def code(self, make: Callable[[Attempt], Any]) -> str:
        """Make a call once; Alibaba's code if it was refused, empty if it was carried out.

        What says nothing about the platform (throttling, no answer) is tried again. Raise CommandError if that lasts.
        """
        answer = self.reach.try_(lambda attempt: _code(make, attempt))
        if isinstance(answer, Failure):
            raise trouble_of(answer, "trying the platform")
        return answer

    # ---- route entries -----------------------------------------------------------------------------------

    def create(self, destination: str, *, hop: str = "", token: str = "", dry_run: bool = False) -> str:
        """CreateRouteEntry, with a ClientToken if there is one; the code of its refusal."""
        request = vpc.CreateRouteEntryRequest(
            region_id=self.reach.region,
            route_table_id=self.table,
            destination_cidr_block=destination,
            next_hop_type="Instance",
            next_hop_id=hop or self.standby,
            client_token=token or None,  # type: ignore[arg-type]  # left out of the request
            dry_run=dry_run or None,  # type: ignore[arg-type]  # left out of the request
        )
        return self.code(lambda a: a.clients.client(Vpc).create_route_entry_with_options(request, a.options()))

    def modify(self, destination: str = TRIED[0], *, hop: str = "", dry_run: bool = False, **words: Any) -> str:  # noqa: ANN401  fields of the SDK's request
        """ModifyRouteEntry, of the first entry by default: next hop, name, description; the code of its refusal."""
        request = vpc.ModifyRouteEntryRequest(
            region_id=self.reach.region, route_table_id=self.table, destination_cidr_block=destination, **words
        )
        if hop:
            request.new_next_hop_type = "Instance" if hop.startswith("i-") else "NatGateway"
            request.new_next_hop_id = hop
        if dry_run:
            request.dry_run = True
        return self.code(lambda a: a.clients.client(Vpc).modify_route_entry_with_options(request, a.options()))

    def delete(self, entry: str) -> str:
        """DeleteRouteEntry; the code of its refusal."""
        request = vpc.DeleteRouteEntryRequest(region_id=self.reach.region, route_entry_id=entry)
        return self.code(lambda a: a.clients.client(Vpc).delete_route_entry_with_options(request, a.options()))

    def listed(self, destinations: tuple[str, ...] = ()) -> list[Any] | str:
        """List custom entries as the API gives them, by the filter if there is one; or the code of its refusal."""
        request = vpc.DescribeRouteEntryListRequest(
            region_id=self.reach.region, route_table_id=self.table, route_entry_type="Custom", max_result=100
        )
        if destinations:
            request.dest_cidr_block_list = list(destinations)
        found: list[Any] = []

        def read(attempt: Attempt) -> None:
            body = attempt.clients.client(Vpc).describe_route_entry_list_with_options(request, attempt.options()).body
            found[:] = body.route_entrys.route_entry or ()

        return self.code(read) or found

    def entry(self, destination: str = TRIED[0]) -> Any | None:  # noqa: ANN401  the SDK's name is 60 characters long
        """Read one entry; None if it is not listed."""
        found = self.listed()
        if isinstance(found, str):
            raise CommandError(f"the route table cannot be read: {found}")
        return next((each for each in found if each.destination_cidr_block == destination), None)

    @staticmethod
    def leads(entry: Any) -> str:  # noqa: ANN401
        """Return the id of an entry's next hop, empty where it has none."""
        hops = entry.next_hops.next_hop if entry.next_hops is not None else ()
        return str(hops[0].next_hop_id or "") if hops else ""

    def require_entry(self) -> None:
        """Raise CommandError if the first entry is not there to be tried."""
        if self.entry() is None:
            raise CommandError(f"there is no entry for {TRIED[0]} to try it at")

    def until_taken(self, write: Callable[[], str], answers: tuple[str, ...] = ()) -> str:
        """Repeat a write while another task of the VPC is at work; the code of its last refusal.

        `answers` are codes that look like a passing state, and are what is asked for.
        """
        until = self.monotonic() + SETTLED_WITHIN_S
        while True:
            refused = write()
            passing = kind_of(refused) is FailureKind.BUSY and refused not in (*answers, *FINAL) if refused else False
            if not passing or self.monotonic() >= until:
                return refused
            self.sleeper(POLL_S)

    def settle(self, destination: str = TRIED[0], name: str = "") -> list[str]:
        """Wait until an entry changes no more, or is gone; the states that were seen. `name` keeps the duration."""
        began, states = self.monotonic(), list[str]()
        while True:
            entry = self.entry(destination)
            state = "" if entry is None else str(entry.status)
            if not states or states[-1] != state:
                states.append(state)
            if state not in _BUSY:
                if name:
                    self.seconds[name] = round(self.monotonic() - began, 2)
                return states
            if self.monotonic() - began >= SETTLED_WITHIN_S:
                raise CommandError(f"the entry for {destination} in {self.table} stays {state}")
            self.sleeper(POLL_S)

    # ---- the standby -------------------------------------------------------------------------------------

    def status(self) -> str:
        """Read the standby's state."""
        found = self.reach.do("reading the standby", lambda a: network.machines(a, ids=[self.standby]))
        return found[0].status if found else ""

    def health(self) -> str:
        """Read the standby's HealthStatus."""
        request = ecs.DescribeInstancesFullStatusRequest(region_id=self.reach.region, instance_id=[self.standby])
        words: list[str] = []

        def read(attempt: Attempt) -> None:
            client = attempt.clients.client(Ecs)
            body = client.describe_instances_full_status_with_options(request, attempt.options()).body
            found = body.instance_full_status_set.instance_full_status_type or ()
            words[:] = [str(each.health_status.name) for each in found]

        if refused := self.code(read):
            raise CommandError(f"the health of {self.standby} cannot be read: {refused}")
        return words[0] if words else ""

    def stop(self) -> str:
        """Stop the standby, keeping its addresses; the code of a refusal."""
        request = ecs.StopInstanceRequest(instance_id=self.standby, stopped_mode="KeepCharging")
        return self.code(lambda a: a.clients.client(Ecs).stop_instance_with_options(request, a.options()))

    def wait_for(self, status: str, name: str = "") -> None:
        """Wait for a state of the standby; `name` keeps the duration. Raises CommandError if it does not come."""
        began = self.monotonic()
        while self.status() != status:
            if self.monotonic() - began >= STOPPED_WITHIN_S:
                raise CommandError(f"{self.standby} is not {status} after {STOPPED_WITHIN_S:.0f} s")
            self.sleeper(POLL_S)
        if name:
            self.seconds[name] = round(self.monotonic() - began, 2)


def _code(make: Callable[[Attempt], Any], attempt: Attempt) -> str:
    try:
        make(attempt)
    except Exception as error:
        code = code_of(error)
        if not code or classify(error).kind in _PASSING:
            raise
        return code
    return ""
