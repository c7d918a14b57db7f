"""The Vpc product (2016-04-28): route tables, routes, EIPs, NAT gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natlab.cloud.kernel.rpc import RpcService
from natlab.cloud.vpc.addresses import Addresses
from natlab.cloud.vpc.models import VpcState
from natlab.cloud.vpc.networks import Networks
from natlab.cloud.vpc.routes import service
from natlab.cloud.vpc.routing import Routing

if TYPE_CHECKING:
    from natlab.cloud.vpc.context import VpcContext


def install(cloud: VpcContext) -> tuple[Networks, RpcService]:
    """The product for one cloud: its Python side and its API."""
    state = VpcState(cloud.clock.now)
    networks = Networks(cloud, state, Routing(cloud, state), Addresses(cloud, state))
    return networks, service(cloud, state, networks)
