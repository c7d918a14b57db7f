"""Which moves may wait until the old gateway's connections are sure to go on?  Planned ones, with own addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from natkeeper.domain.decision import Bridge, Move
from natkeeper.domain.health import Draining, Healthy
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import HopKind, Instance

if TYPE_CHECKING:
    from natkeeper.domain.config import Group
    from natkeeper.domain.decision import EipStep, Step
    from natkeeper.domain.world import World


@dataclass(frozen=True, slots=True)
class Relay:
    """`new` hands packets of connections that it does not know to `old`, whose private address is `peer`."""

    new: InstanceId
    old: InstanceId
    peer: str


def relay_of(step: Step | EipStep, world: World, policy: Group) -> Relay | None:
    """Return the relay that a move should wait for, or None: what leaves a gateway that does not work never waits."""
    if policy.relay is None or not isinstance(step, (Move, Bridge)):
        return None
    old, new = step.came_from, step.to
    if old is None or {old.kind, new.kind} != {HopKind.INSTANCE} or InstanceId(old.id) not in world.gateways:
        return None
    instance = world.gateways[InstanceId(old.id)].instance
    if not isinstance(instance, Instance) or not instance.private_ip:
        return None
    if not isinstance(world.health(old, policy), (Healthy, Draining)):
        return None
    return Relay(InstanceId(new.id), InstanceId(old.id), instance.private_ip)
