"""RAM (2015-05-01) and STS (2015-04-01): roles, users and their policies, and who is calling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natlab.cloud.kernel.rpc import RpcService
from natlab.cloud.ram.identities import Identities
from natlab.cloud.ram.routes import ram_service, sts_service

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

__all__ = ["Identities", "install"]


def install(cloud: CloudContext) -> tuple[Identities, RpcService, RpcService]:
    """The products for one cloud: their Python side and their APIs."""
    identities = Identities(cloud)
    cloud.accounts.verdict = identities.verdict
    return identities, ram_service(cloud, identities), sts_service(cloud, identities)
