"""Start a cold standby where no gateway that runs can carry a route (`standby: cold`).

Started first and remembered after that: killed between the two, the next run sees that it boots. Its ECS event wakes
the run that moves the route.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natkeeper.domain.cold import to_start
from natkeeper.ports import Failure, FailureKind, FailureSubject, StartGateway, ask
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
    codes: set[str] = set()
    for gateway in sorted(candidates, key=ledger.unstarted.__contains__):  # where no answer came, others go first
        answer = yield from ask(StartGateway(gateway))
        if not isinstance(answer, Failure):
            ledger.woken[gateway] = clock().replace(microsecond=0)
            account.do(f"started {gateway}: {why}; the route follows when it runs")
            account.acts.append(Act("started", gateway, why=why))
            ledger.unstarted.clear()
            break
        account.problems.append(f"{gateway} could not be started: {answer}")
        # Where the answer was lost this one may boot already. What names no instance may be about this one all the same
        # (a policy can deny one alone), so another one shows whether it is; the same answer at two is about neither.
        if answer.kind is FailureKind.UNREACHABLE:
            ledger.unstarted.add(gateway)
            break
        if answer.names is not FailureSubject.HOP and answer.code in codes:
            break
        codes.add(answer.code)
    return replace(world, so_far=replace(world.so_far, woken=dict(ledger.woken)))
