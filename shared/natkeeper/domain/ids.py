"""Identifiers, each its own type so that mypy catches a table where an instance belongs."""

from __future__ import annotations

from typing import NewType

GroupName = NewType("GroupName", str)
InstanceId = NewType("InstanceId", str)
"""An ECS instance, `i-…`."""
TableId = NewType("TableId", str)
"""A VPC route table, `vtb-…`."""
EntryId = NewType("EntryId", str)
"""A route entry, `rte-…`."""
InterfaceId = NewType("InterfaceId", str)
"""A network interface of an ECS instance, `eni-…`."""
EipId = NewType("EipId", str)
"""The AllocationId of an EIP, `eip-…`."""
NatGatewayId = NewType("NatGatewayId", str)
"""A managed NAT Gateway, `ngw-…`."""
