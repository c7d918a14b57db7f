"""Start a cold standby where no gateway that runs can carry a route (`standby: cold`).

Started first and remembered after that: killed between the two, the next run sees that it boots. Its ECS event wakes
the run that moves the route.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natkeeper.domain.cold import to_start
from natkeeper.ports import Failure, FailureSubject, StartGateway, ask
from natkeeper.receipt import Act

if TYPE_CHECKING:
    from natkeeper.domain.config import Group
    from natkeeper.domain.world import World
    from natkeeper.failover.ledger import Ledger
    from natkeeper.failover.summary import GroupSummary
    from natkeeper.ports import Clock, Run


def start(
    world: World, policy: Group, account: GroupSummary, ledger: Ledger, clock: Clock, *, read_only: bool
) -> Run[World]:
    """Start the first standby that takes it; return the world with what is known of that."""
    candidates, why = to_start(world, policy, clock())
    if read_only:
        account.would = f"would start {candidates[0]}: {why}" if candidates else ""
        return world
    for gateway in candidates:
        answer = yield from ask(StartGateway(gateway))
        if not isinstance(answer, Failure):
            ledger.woken[gateway] = clock().replace(microsecond=0)
            account.do(f"started {gateway}: {why}; the route follows when it runs")
            account.acts.append(Act("started", gateway, why=why))
            break
        account.problems.append(f"{gateway} could not be started: {answer}")
        # Only what names the instance is held against it. A missing right holds for the others too, and where the
        # answer was lost this one may boot already.
        if answer.names is not FailureSubject.HOP:
            break
    return replace(world, so_far=replace(world.so_far, woken=dict(ledger.woken)))
