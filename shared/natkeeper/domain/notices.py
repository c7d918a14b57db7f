"""What are people told that is no trouble yet?  A cold standby that runs, a move that waits, a gateway that expires.

Pure, as troubles.py, which puts it beside what is wrong: same world, same notices.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.decision import Decision, Keep
from natkeeper.domain.episodes import EpisodeKind, Trouble
from natkeeper.domain.health import unpaid
from natkeeper.domain.observed import Condition

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.world import World

TOLD_AHEAD = timedelta(days=7)
"""How long before a gateway stops for want of payment people are told."""


def notices(
    world: World, policy: Group, decision: Decision, now: datetime, *, blind: bool
) -> tuple[tuple[EpisodeKind, Trouble | None, bool], ...]:
    """List each kind with its notice, and whether the world allows to say that there is none."""
    return (
        (EpisodeKind.STARTED, _started(world, policy), True),
        (EpisodeKind.POSTPONED, _postponed(decision, policy), not blind),
        (EpisodeKind.EXPIRING, _expiring(world, policy, now), _conditions_known(world)),
    )


def _started(world: World, policy: Group) -> Trouble | None:
    """Find cold standbys that natkeeper started and that run: it never stops them, so their owner is reminded."""
    if not world.woken:
        return None
    from natkeeper.domain import cold  # most groups have no cold standby

    running = cold.running(world)
    if not running:
        return None
    tables = tuple(dict.fromkeys(route.table for route in policy.routes))
    cause = ", ".join(f"natkeeper started {gateway} at {at:%Y-%m-%d %H:%M} UTC" for gateway, at in running.items())
    todo = "stop it when it is not needed: natkeeper stops no instance"
    return Trouble(EpisodeKind.STARTED, tables, f"{cause}, and it runs since", todo=todo)


def _postponed(decision: Decision, policy: Group) -> Trouble | None:
    """Find planned moves that wait for the group's window, or for the platform to take them."""
    waits = {step.route.table: step.waits for step in decision.steps if isinstance(step, Keep) and step.waits}
    if not waits:
        return None
    refused = any(isinstance(step, Keep) and step.refused for step in decision.steps)
    todo = "see why the platform refuses it (natkeeper doctor)" if refused else "nothing"
    todo += f"; to move now: natkeeper switch {policy.name}"
    cause = "; ".join(dict.fromkeys(waits.values()))
    return Trouble(EpisodeKind.POSTPONED, tuple(waits), cause, todo=todo, at_once=refused)


def _expiring(world: World, policy: Group, now: datetime) -> Trouble | None:
    """Find gateways that stop for want of payment within a week: most are renewed, so nothing moves yet."""
    found: dict[str, str] = {}
    for gateway, sight in world.gateways.items():
        event = unpaid(sight.condition)
        if event is not None and event.not_before is not None and event.not_before - now <= TOLD_AHEAD:
            found[gateway] = f"{gateway} expires on {event.not_before:%Y-%m-%d %H:%M} UTC ({event.type})"
    if not found:
        return None
    tables = tuple(dict.fromkeys(route.table for route in policy.routes))
    todo = f"renew {', '.join(found)}, or pay the account's bill: its routes move in the last hour before that"
    return Trouble(EpisodeKind.EXPIRING, tables, "; ".join(found.values()), todo=todo)


def _conditions_known(world: World) -> bool:
    """Return True if the announced events of every gateway that exists were read."""
    there = (sight for sight in world.gateways.values() if sight.instance is not None)
    return all(isinstance(sight.condition, Condition) for sight in there)
