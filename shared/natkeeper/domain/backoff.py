"""After a round of moves in which every way failed alike, the next round waits: an hour, and then twice as long.

Then it is the witness that is broken, or the internet behind it, and moving helps nobody. The wait ends at once when a
check succeeds, when ECS shows that the current next hop is dead, and once for a gateway that started since or that was
proven since while the current one was not: for that one alone, because the others have failed already.

A planned move that the platform refuses waits as well: two minutes, and then twice as long, up to an hour.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.decision import Bridge, Keep, Move, Step
from natkeeper.domain.egress import EgressSeen
from natkeeper.domain.health import Draining, Healthy
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import HopKind, Instance, NextHop

if TYPE_CHECKING:
    from typing import TypeGuard

    from natkeeper.domain.config import Group
    from natkeeper.domain.context import RouteContext
    from natkeeper.domain.memory import Memory
    from natkeeper.domain.refusals import PutOff
    from natkeeper.domain.world import World

FIRST = timedelta(hours=1)
LONGEST = timedelta(hours=24)
SOON, HOURLY = timedelta(minutes=2), timedelta(hours=1)
LAST_MOMENT = timedelta(minutes=10)
"""How long before a draining gateway goes the paid fallback is better than hoping for a standby, and refusals are
waited for no longer."""


def until(memory: Memory) -> datetime | None:
    """Return when the next round may begin, or None if none has failed."""
    if memory.round_at is None or memory.rounds < 1:
        return None
    pause: timedelta = FIRST * (1 << min(memory.rounds - 1, 10))
    return memory.round_at + min(pause, LONGEST)


def waits(here: RouteContext, leaving: NextHop, to: NextHop) -> datetime | None:
    """Return until when a route that only lost the internet stays on `leaving` instead of trying `to`; None for now."""
    end, began = until(here.memory), here.memory.round_at
    if end is None or began is None or here.now >= end or here.now < began:
        return None
    if here.moved:  # what was dead was left for whatever may work; what was tried as news is left for nothing else
        return end if leaving.kind is HopKind.INSTANCE and any(_changes(here, leaving, began)) else None
    return None if _is_news(here, leaving, to, began) else end


def after_a_round(here: RouteContext, memory: Memory) -> Memory:
    """Return `memory` with one more failed round in it, unless the last one is still waited for."""
    end = until(here.memory)
    if end is not None and here.memory.round_at is not None and here.memory.round_at <= here.now < end:
        return memory
    return replace(memory, rounds=here.memory.rounds + 1, round_at=here.now.replace(microsecond=0))


def put_off_until(refused: PutOff) -> datetime:
    """Return when a planned move that was refused is tried again."""
    pause: timedelta = SOON * (1 << min(refused.count - 1, 10))
    return refused.at + min(pause, HOURLY)


def is_planned(step: Step, world: World, policy: Group, now: datetime) -> TypeGuard[Move | Bridge]:
    """Return True if `step` leaves, by natkeeper's own will, what works for ten minutes more at least."""
    if not isinstance(step, (Move, Bridge)) or step.memory.by != "auto" or step.came_from is None:
        return False
    left = step.came_from
    known = left.id == policy.fallback or left.id in world.gateways
    if not known or world.eip_refused(left) is not None:
        return False
    health = world.health(left, policy)
    drains = isinstance(health, Draining) and health.until is not None and health.until - now > LAST_MOMENT
    return drains or isinstance(health, Healthy)


def unless_put_off(step: Step, world: World, now: datetime) -> Step:
    """Let a planned move wait that the platform refused lately."""
    assert isinstance(step, (Move, Bridge))  # noqa: S101  asked of planned moves only
    refused = world.so_far.put_off.get((step.route, step.to.id))
    if refused is None or not refused.at <= now < put_off_until(refused):
        return step
    waits = (
        f"{step.reason}, but the platform refused the move to {step.to}: {refused.reason}; next try at "
        f"{put_off_until(refused):%H:%M} UTC"
    )
    return Keep(step.route, f"{step.came_from} carries it; {waits}", step.came_from, waits, refused=True)


def _is_news(here: RouteContext, leaving: NextHop, to: NextHop, began: datetime) -> bool:
    """Return True if something about `to` has changed since the last round, and since it last failed itself."""
    if to.kind is not HopKind.INSTANCE:
        return False
    mark = here.world.gateways[InstanceId(to.id)].mark
    started, proven = _changes(here, to, began if mark is None else max(began, mark))  # what was tried is known already
    other = here.world.gateways.get(InstanceId(leaving.id))
    return started or (proven and (other is None or not isinstance(other.proof, EgressSeen)))


def _changes(here: RouteContext, hop: NextHop, since: datetime) -> tuple[bool, bool]:
    """Say whether the gateway `hop` started after `since`, and whether a setup proved after it that it forwards."""
    sight = here.world.gateways[InstanceId(hop.id)]
    began = sight.instance.started if isinstance(sight.instance, Instance) else None
    return began is not None and began > since, isinstance(sight.proof, EgressSeen) and sight.proof.at > since
