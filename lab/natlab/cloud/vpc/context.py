"""What the Vpc product asks of the cloud around it, and of the instances that its routes and addresses lead to."""

from __future__ import annotations

from typing import Protocol

from natlab.cloud.kernel.context import CloudContext


class EcsView(Protocol):
    """The questions that routes and addresses have about ECS."""

    def vpc_of_instance(self, instance_id: str) -> str | None:
        """The VPC an instance is in; None when there is no such instance."""

    def vpc_of_interface(self, interface_id: str) -> str | None:
        """The VPC a network interface is in; None when there is no such interface."""

    def instance_of_interface(self, interface_id: str) -> str | None:
        """The instance that a network interface is attached to; None when there is no such interface."""

    def status_of(self, instance_id: str) -> str | None:
        """The power state of an instance; None when there is no such instance."""

    def check_settled(self, instance_id: str) -> None:
        """Raise ApiError while the instance is neither Running nor Stopped."""

    def check_can_take_eip(self, instance_id: str) -> None:
        """Raise ApiError when an EIP can not be bound to the instance."""


class VpcContext(CloudContext, Protocol):
    """A cloud with instances."""

    @property
    def ecs(self) -> EcsView:
        """The instances."""
