"""Planned moves that the platform refuses are tried less and less, and told once (domain/backoff.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natkeeper.domain.decide import decide
from natkeeper.domain.decision import Decision, Keep
from natkeeper.domain.refusals import Deed, PutOff, Refusal
from natkeeper.domain.world import RouteView, World

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.observed import NextHop
    from natkeeper.failover.ledger import Ledger


def put_off(
    planned: set[tuple[Route, NextHop]],
    decision: Decision,
    world: World,
    policy: Group,
    ledger: Ledger,
    now: datetime,
) -> Decision:
    """Remember which of the `planned` moves of this run were refused; return the decision that lets them wait."""
    refused: set[Route] = set()
    for route, to in planned:
        refusal = _refusal(world, route, to)
        if _is_on(world, route, to):
            ledger.put_off.pop((route, to.id), None)
        elif refusal is not None:
            # An EIP that stays where it is keeps the route from every other gateway as well.
            for hop in policy.gateways if refusal.deed is Deed.TAKE else (to.id,):
                known = ledger.put_off.get((route, hop))
                ledger.put_off[route, hop] = PutOff(1 if known is None else known.count + 1, now, refusal.reason)
            refused.add(route)
    if not refused:
        return decision
    waiting = decide(replace(world, so_far=replace(world.so_far, refusals=(), put_off=ledger.put_off)), policy, now)
    later = {step.route: step for step in waiting.steps if step.route in refused and isinstance(step, Keep)}
    steps = tuple(later.get(step.route, step) for step in decision.steps)
    eip = waiting.eip if all(isinstance(step, Keep) for step in steps) else decision.eip
    return replace(decision, steps=steps, eip=eip)


def _is_on(world: World, route: Route, to: NextHop) -> bool:
    view = world.routes[route]
    return world.so_far.moved.get(route) == to and isinstance(view, RouteView) and view.carries == to


def _refusal(world: World, route: Route, to: NextHop) -> Refusal | None:
    """Return what stood in the way of a move to `to`, unless it says nothing of it: that passes by itself.

    Where the EIP was not let go, the route had moved and came back, which private hosts felt, for whatever reason.
    """
    about = (
        each
        for each in reversed(world.so_far.refusals)
        if (not each.passing or each.deed is Deed.TAKE)
        and (each.deed in (Deed.TAKE, Deed.GIVE) or each.table == route.table)
        if each.hop in (None, to.id) or each.deed is Deed.TAKE
    )
    return next(about, None)
