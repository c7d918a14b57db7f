"""Writes to a `FakeWorld`: which are taken, and what the platform says to the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from natkeeper.alibaba.errors import meaning_of
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import EipStatus, EntryStatus, NextHop, PowerState
from natkeeper.ports import (
    AssociateEip,
    Call,
    CreateRoute,
    DeleteRoute,
    Failure,
    FailureKind,
    FailureSubject,
    NoteRoute,
    PointRoute,
    UnassociateEip,
)
from tests.fakes.world import FakeWorld


class FakeWrites:
    """Carries out one write at once, or refuses it. `tokens`: which call each ClientToken came with."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world
        self.serialised = True
        """Whether the VPC refuses a route write while another one is under way (TaskConflict)."""
        self.gap_s = 0.0
        """The pause that the VPC wants between creations and deletions (reading route-task-gap)."""
        self._quiet_until = world.now
        self.refused_hops: dict[str, str] = {}
        self.tokens: dict[str, Call[Any]] = {}

    def write_route(self, call: PointRoute | NoteRoute | CreateRoute | DeleteRoute) -> Failure | None:
        if isinstance(call, DeleteRoute):
            found = self.world.entry_by_id(call.entry)
            if found is None or found[1].status is EntryStatus.DELETING:
                return None
            refusal = self._busy(found[1].status) or self._too_soon()
            if refusal is None:
                self._keep_quiet(self.world.timings.delete)
                self.world.delete(*found)
            return refusal
        entry = self.world.entry(call.table, call.destination)
        if isinstance(call, CreateRoute):
            return self._create(call)
        if entry is not None and entry.status is EntryStatus.AVAILABLE and call.name:
            entry.name = call.name
        if entry is None:
            return failure(FailureKind.GONE, "the route entry does not exist", "InvalidRouteEntryId.NotFound")
        if isinstance(call, NoteRoute) or entry.hop == call.to:
            entry.description = call.description if entry.status is EntryStatus.AVAILABLE else entry.description
            return None if entry.status is EntryStatus.AVAILABLE else self._busy(entry.status)
        refusal = self._busy(entry.status) or self._hop_refused(call.to)
        if refusal is not None:
            return refusal
        if entry.hop is not None and not self.world.in_place(entry.hop, call.to):
            return Failure(FailureKind.NOT_IN_PLACE, "not in place", "UnsupportedFeature.ModifyRouteEntryNextHop")
        self.world.modify(entry, call.to, call.description)
        return None

    def _create(self, call: CreateRoute) -> Failure | None:
        known = self.tokens.get(call.token)
        if known is not None:
            mismatch = Failure(FailureKind.REFUSED, "another request had this token", "IdempotentParameterMismatch")
            return None if known == call else mismatch
        refusal = self._busy(EntryStatus.AVAILABLE) or self._too_soon() or self._hop_refused(call.to)
        if refusal is not None:
            return refusal
        there = self.world.entry(call.table, call.destination)
        if there is not None:
            same = there.hop == call.to
            return None if same else failure(FailureKind.BUSY, "there is one", "RouteConflict.AlreadyExist")
        self.tokens[call.token] = call
        self._keep_quiet(self.world.timings.create)
        self.world.create(call.table, call.destination, call.to, call.description)
        return None

    def _keep_quiet(self, task_s: float) -> None:
        self._quiet_until = self.world.now + timedelta(seconds=task_s + self.gap_s)

    def _too_soon(self) -> Failure | None:
        if self.gap_s and self.world.now < self._quiet_until:
            return failure(FailureKind.BUSY, "the VPC wants a pause", "TaskConflict")
        return None

    def _busy(self, status: EntryStatus) -> Failure | None:
        if self.serialised and self.world.writing:
            return failure(FailureKind.BUSY, "another task has the VPC", "TaskConflict")
        if status is not EntryStatus.AVAILABLE:
            return failure(FailureKind.BUSY, f"the entry is {status.value}", "IncorrectRouteEntryStatus")
        return None

    def _hop_refused(self, hop: NextHop) -> Failure | None:
        if hop.id in self.refused_hops:
            return failure(FailureKind.REFUSED, self.refused_hops[hop.id], "InvalidNexthop")
        there = self.world.machine_at(hop) is not None or hop.id in self.world.nat
        return None if there else failure(FailureKind.GONE, f"{hop} does not exist", "ResourceNotFound.Instance")

    def write_eip(self, call: UnassociateEip | AssociateEip) -> Failure | None:
        address = self.world.addresses.get(call.eip)
        if address is None:
            return failure(FailureKind.GONE, "the EIP does not exist", "InvalidAllocationId.NotFound")
        busy = failure(FailureKind.BUSY, f"the EIP is {address.status.value}", "IncorrectEipStatus")
        if isinstance(call, UnassociateEip):
            if address.holder != call.holder or address.status is EipStatus.UNASSOCIATING:
                return None
            if address.status is not EipStatus.IN_USE:
                return busy
            self.world.unassociate(address)
            return None
        if address.holder == call.to and address.status in (EipStatus.ASSOCIATING, EipStatus.IN_USE):
            return None
        if address.status is not EipStatus.AVAILABLE:
            return busy
        machine = self.world.machines.get(call.to)
        if machine is None:
            return failure(FailureKind.GONE, f"{call.to} does not exist", "InvalidInstance.NotExist")
        if machine.own_ip is not None:
            code = "EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP"
            return failure(FailureKind.REFUSED, "the instance has a public address", code)
        self.world.associate(address, call.to)
        return None

    def start_gateway(self, gateway: InstanceId) -> Failure | None:
        """StartInstance: only what is stopped is started."""
        machine = self.world.machines.get(gateway)
        if machine is None:
            return failure(FailureKind.GONE, f"{gateway} does not exist", "InvalidInstanceId.NotFound")
        if machine.status is not PowerState.STOPPED:
            return failure(FailureKind.BUSY, f"it is {machine.status.value}", "IncorrectInstanceStatus")
        if machine.locks:
            return failure(FailureKind.REFUSED, "the instance is locked", "InstanceLockedForSecurity")
        self.world.start(gateway, rules=machine.rules)
        return None


def gone(message: str) -> Failure:
    return Failure(FailureKind.GONE, message, "ResourceNotFound")


def failure(kind: FailureKind, message: str, code: str, request_id: str = "") -> Failure:
    """A failure that names what the table of codes says."""
    return Failure(kind, message, code, request_id, meaning_of(code)[1] if code else FailureSubject.NOTHING)
