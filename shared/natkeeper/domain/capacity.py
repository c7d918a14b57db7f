"""Does a standby carry what the gateway before it carried?  Instance types and bandwidths, compared in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import HopKind, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from natkeeper.domain.config import Group
    from natkeeper.domain.world import World


def unlike(one: Instance, other: Instance, policy: Group) -> str | None:
    """Say in what `one` differs from `other`; None where it does not, or nothing is known.

    The bandwidth of a public address counts only where each gateway has its own (rule `address`).
    """
    known = one.type and other.type and one.type != other.type
    own = not isinstance(policy.address, Follow)
    less = own and bool(one.bandwidth) and one.bandwidth < other.bandwidth
    return f"{_words(one, own=own)}, {_words(other, own=own)}" if known or less else None


def after_moves(world: World, policy: Group) -> Iterator[str]:
    """Yield a clause for each route that this run moved to a gateway that is unlike its home."""
    for route, to in world.so_far.moved.items():
        if to.kind is HopKind.INSTANCE and to.id in world.gateways and to.id != policy.home(route):
            there = world.gateways[InstanceId(to.id)].instance
            home = world.gateways[policy.home(route)].instance
            if isinstance(there, Instance) and isinstance(home, Instance):
                clause = unlike(there, home, policy)
                if clause is not None:
                    yield clause


def _words(instance: Instance, *, own: bool) -> str:
    """Name an instance's type and bandwidth, as in `i-a is ecs.g7.large with 100 Mbit/s`."""
    speed = f" with {instance.bandwidth} Mbit/s" if own and instance.bandwidth else ""
    return f"{instance.id} is {instance.type or 'of an unknown type'}{speed}"
