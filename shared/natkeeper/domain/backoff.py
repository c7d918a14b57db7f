"""After a round of moves in which every way failed alike, the next round waits: an hour, and then twice as long.

Then it is the witness that is broken, or the internet behind it, and moving helps nobody. The wait ends at once when a
check succeeds, when ECS shows that the current next hop is dead, and once for a gateway that started since or that was
proven since while the current one was not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.egress import EgressSeen
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import HopKind, Instance, NextHop

if TYPE_CHECKING:
    from natkeeper.domain.context import RouteContext
    from natkeeper.domain.memory import Memory

FIRST = timedelta(hours=1)
LONGEST = timedelta(hours=24)


def until(memory: Memory) -> datetime | None:
    """Return when the next round may begin, or None if none has failed."""
    if memory.round_at is None or memory.rounds < 1:
        return None
    pause: timedelta = FIRST * (1 << min(memory.rounds - 1, 10))
    return memory.round_at + min(pause, LONGEST)


def waits(here: RouteContext, leaving: NextHop, to: NextHop) -> datetime | None:
    """Return until when a route that only lost the internet stays on `leaving` instead of trying `to`; None for now."""
    end, began = until(here.memory), here.memory.round_at
    if end is None or began is None or here.moved or here.now >= end or here.now < began:
        return None
    return None if _is_news(here, leaving, to, began) else end


def after_a_round(here: RouteContext, memory: Memory) -> Memory:
    """Return `memory` with one more failed round in it, unless the last one is still waited for."""
    end = until(here.memory)
    if end is not None and here.memory.round_at is not None and here.memory.round_at <= here.now < end:
        return memory
    return replace(memory, rounds=here.memory.rounds + 1, round_at=here.now.replace(microsecond=0))


def _is_news(here: RouteContext, leaving: NextHop, to: NextHop, began: datetime) -> bool:
    """Return True if something about `to` has changed since the last round, and since it last failed itself."""
    if to.kind is not HopKind.INSTANCE:
        return False
    sight = here.world.gateways[InstanceId(to.id)]
    began = began if sight.mark is None else max(began, sight.mark)  # what was tried since is known already
    if isinstance(sight.instance, Instance) and sight.instance.started is not None and sight.instance.started > began:
        return True
    proven = isinstance(sight.proof, EgressSeen) and sight.proof.at > began
    other = here.world.gateways.get(InstanceId(leaving.id))
    return proven and (other is None or not isinstance(other.proof, EgressSeen))
