"""Who owns which public address?  EIPs that bind and unbind over time, NAT gateways and their SNAT entries.

A NAT gateway passes traffic only with an address for which a SNAT entry is Available, so that is when its
address is bound in the data plane; an instance's is bound when the association ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.vpc import exceptions
from natlab.cloud.vpc.models import Eip, EipStatus, NatGateway, SnatEntry, VpcState

if TYPE_CHECKING:
    from natlab.cloud.vpc.context import VpcContext

PUBLIC_PREFIX = "198.51.100."
"""Public addresses come from TEST-NET-2, which no packet on the real internet ever has."""
_TARGET_TYPES = ("EcsInstance", "Nat")


class Addresses:
    """EIPs, NAT gateways, SNAT entries."""

    def __init__(self, cloud: VpcContext, state: VpcState) -> None:
        self._cloud = cloud
        self._state = state
        self._last_host = 0

    def new_public_ip(self) -> str:
        """The next free public address."""
        if self._last_host >= 254:  # noqa: PLR2004 - hosts of a /24
            raise ApiError("OperationFailed.InsufficientEIP", "There are no more addresses.")
        self._last_host += 1
        return f"{PUBLIC_PREFIX}{self._last_host}"

    def reset(self) -> None:
        """Begin again with the first public address."""
        self._last_host = 0

    def allocate(self, name: str = "") -> Eip:
        """AllocateEipAddress: available at once."""
        eip = Eip(
            id=self._cloud.ids.new("eip"),
            address=self.new_public_ip(),
            status=EipStatus.AVAILABLE,
            created=self._cloud.clock.now(),
            name=name,
        )
        self._state.eips.put(eip.id, eip)
        return eip

    def associate(self, allocation_id: str, target_id: str, target_type: str) -> None:
        """AssociateEipAddress: Associating, then InUse."""
        eip = self._eip(allocation_id)
        if target_type not in _TARGET_TYPES:
            raise ApiError("InvalidInstanceType.ValueNotSupported", "The InstanceType is not supported.")
        if eip.status is not EipStatus.AVAILABLE:
            raise exceptions.eip_busy()
        self._check_target(target_id, target_type)
        self._state.eips.put(
            eip.id, replace(eip, status=EipStatus.ASSOCIATING, target_id=target_id, target_type=target_type)
        )
        self._cloud.clock.call_later(
            self._cloud.latencies.of("vpc.associate_eip.task"), lambda: self._bound(eip.id, target_id)
        )

    def bind_now(self, allocation_id: str, target_id: str, target_type: str) -> None:
        """The same without waiting, for setting up a world."""
        eip = self._eip(allocation_id)
        self._state.eips.put(
            eip.id, replace(eip, status=EipStatus.ASSOCIATING, target_id=target_id, target_type=target_type)
        )
        self._bound(eip.id, target_id)

    def unassociate(self, allocation_id: str, target_id: str, target_type: str) -> None:
        """UnassociateEipAddress: Unassociating, then Available."""
        eip = self._eip(allocation_id)
        if eip.status is not EipStatus.IN_USE:
            raise exceptions.eip_busy()
        if target_id and target_id != eip.target_id:
            raise ApiError("InvalidBindingStatus", "The EIP is not bound to the specified instance.")
        if target_type and target_type != eip.target_type:
            raise ApiError("InvalidInstanceType.ValueNotSupported", "The InstanceType is not supported.")
        if eip.target_type == "EcsInstance":
            stopping = self._cloud.ecs.status_of(eip.target_id) == "Stopping"
            if not stopping or self._cloud.readings.is_("eip-off-stopping", "refused"):
                self._cloud.ecs.check_settled(eip.target_id)
        if any(entry.ip == eip.address for entry in self._state.snat_entries.values()):
            raise ApiError("InvalidIpStatus.HasBeenUsedBySnatTable", "The specified IP has been used by a SNAT table.")
        self._state.eips.put(eip.id, replace(eip, status=EipStatus.UNASSOCIATING))
        self._cloud.clock.call_later(
            self._cloud.latencies.of("vpc.unassociate_eip.task"), lambda: self._released(eip.id)
        )

    def release_from(self, target_id: str) -> None:
        """A target is gone: what was bound to it is free at once."""
        for eip in list(self._state.eips.values()):
            if eip.target_id == target_id:
                self._released(eip.id)

    def eip_of(self, target_id: str, as_of: float | None = None) -> Eip | None:
        """The EIP in use by an instance or NAT gateway; also while it is being released."""
        for eip in self._state.eips.as_of(as_of).values():
            if eip.target_id == target_id and eip.status in (EipStatus.IN_USE, EipStatus.UNASSOCIATING):
                return eip
        return None

    def put_nat_gateway(self, vpc_id: str, vswitch_id: str, private_ip: str, name: str) -> NatGateway:
        """A NAT gateway as it is, without waiting; it passes nothing until it has an EIP and a SNAT entry."""
        ids = self._cloud.ids
        gateway = NatGateway(
            id=ids.new("ngw"),
            name=name,
            vpc_id=vpc_id,
            vswitch_id=vswitch_id,
            snat_table_id=ids.new("stb"),
            forward_table_id=ids.new("ftb"),
            private_ip=private_ip,
            eni_id=ids.new("eni"),
            created=self._cloud.clock.now(),
        )
        self._state.nat_gateways.put(gateway.id, gateway)
        return gateway

    def put_snat_entry(
        self, snat_table_id: str, ip: str, source_cidr: str, source_vswitch_id: str, name: str = ""
    ) -> SnatEntry:
        """A SNAT entry in state Pending; CreateSnatEntry without the waiting."""
        gateway = next((ngw for ngw in self._state.nat_gateways.values() if ngw.snat_table_id == snat_table_id), None)
        if gateway is None:
            raise ApiError("InvalidSnatTableId.NotFound", "Specified SNAT table does not exist.", 404)
        eip = self.eip_of(gateway.id)
        if eip is None or eip.address != ip:
            raise ApiError("EIP_NOT_IN_GATEWAY", "The EIP is not bound to the NAT gateway.")
        if source_vswitch_id and source_vswitch_id not in self._state.vswitches:
            raise exceptions.no_such_vswitch()
        entry = SnatEntry(
            id=self._cloud.ids.new("snat"),
            nat_gateway_id=gateway.id,
            snat_table_id=snat_table_id,
            ip=ip,
            source_cidr=source_cidr,
            source_vswitch_id=source_vswitch_id,
            status="Pending",
            name=name,
        )
        self._state.snat_entries.put(entry.id, entry)
        return entry

    def snat_available(self, entry_id: str) -> None:
        """A SNAT entry begins to work."""
        entry = replace(self._state.snat_entries[entry_id], status="Available")
        self._state.snat_entries.put(entry_id, entry)
        self._cloud.data_plane.bind_address(entry.nat_gateway_id, entry.ip)

    def _bound(self, allocation_id: str, target_id: str) -> None:
        eip = self._state.eips[allocation_id]
        if eip.target_id != target_id or eip.status is not EipStatus.ASSOCIATING:
            return  # the target was deleted meanwhile
        self._state.eips.put(allocation_id, replace(eip, status=EipStatus.IN_USE))
        if eip.target_type == "EcsInstance":
            self._cloud.data_plane.bind_address(eip.target_id, eip.address)

    def _released(self, allocation_id: str) -> None:
        eip = self._state.eips[allocation_id]
        if eip.status is EipStatus.AVAILABLE:
            return  # the target was deleted meanwhile, which released it
        if eip.target_type == "EcsInstance" and eip.status is not EipStatus.ASSOCIATING:
            self._cloud.data_plane.unbind_address(eip.target_id, eip.address)
        self._state.eips.put(allocation_id, replace(eip, status=EipStatus.AVAILABLE, target_id="", target_type=""))

    def _eip(self, allocation_id: str) -> Eip:
        eip = self._state.eips.get(allocation_id)
        if eip is None:
            raise exceptions.no_such_allocation()
        return eip

    def _check_target(self, target_id: str, target_type: str) -> None:
        if target_type == "Nat":
            if target_id not in self._state.nat_gateways:
                raise ApiError("InvalidInstance.NotExist", "The specified instance does not exist.")
        else:
            self._cloud.ecs.check_can_take_eip(target_id)
        holder = next((eip for eip in self._state.eips.values() if eip.target_id == target_id), None)
        if holder is None:
            return
        if holder.status is EipStatus.IN_USE:
            raise ApiError("InvalidAssociation.Duplicated", "The instance already has an elastic IP address.")
        raise exceptions.task_conflict()
