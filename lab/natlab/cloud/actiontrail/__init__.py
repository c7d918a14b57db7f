"""The ActionTrail product (2020-07-06): who called what, as events and as history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natlab.cloud.actiontrail.routes import service
from natlab.cloud.actiontrail.trail import Trail
from natlab.cloud.kernel.rpc import RpcService

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

__all__ = ["Trail", "install"]


def install(cloud: CloudContext) -> tuple[Trail, RpcService]:
    """The product for one cloud: its Python side and its API."""
    trail = Trail(cloud)
    return trail, service(cloud, trail)
