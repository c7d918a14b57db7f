"""The Ecs product (2014-05-26): instances, their events, Cloud Assistant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natlab.cloud.ecs.assistant import Assistant
from natlab.cloud.ecs.incidents import Ecs
from natlab.cloud.ecs.models import EcsState
from natlab.cloud.ecs.routes import service
from natlab.cloud.kernel.rpc import RpcService

if TYPE_CHECKING:
    from natlab.cloud.ecs.context import EcsContext

__all__ = ["Ecs", "install"]


def install(cloud: EcsContext) -> tuple[Ecs, RpcService]:
    """The product for one cloud: its Python side and its API."""
    state = EcsState(cloud.clock.now)
    ecs = Ecs(cloud, state)
    assistant = Assistant(cloud, ecs.status_of)
    return ecs, service(cloud, state, ecs, assistant)
