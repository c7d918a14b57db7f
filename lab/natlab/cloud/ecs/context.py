"""What the Ecs product asks of the cloud around it: the common context, and the network that instances stand in."""

from __future__ import annotations

from typing import Protocol

from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.vpc.networks import Networks


class EcsContext(CloudContext, Protocol):
    """A cloud with VPCs."""

    @property
    def vpc(self) -> Networks:
        """The networks, their routes and addresses."""
