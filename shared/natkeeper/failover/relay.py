"""Before a planned move: have the new gateway relay what only the old one knows, or say why connections are reset."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.relay import Relay, relay_of
from natkeeper.failover.pacing import ROUTE_TAKES
from natkeeper.ports import Failure, ReadRelay, StartRelay, Wait, ask

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.world import World
    from natkeeper.failover.apply import Write
    from natkeeper.failover.seen import Seen
    from natkeeper.failover.summary import GroupSummary
    from natkeeper.ports import Clock, Run

WITHIN = timedelta(seconds=9)
"""How long planned moves wait; with the last answer it is ten seconds at most. The old gateway works meanwhile."""
AGAIN_S = 0.3


def before(
    writes: tuple[Write, ...], world: World, policy: Group, seen: Seen
) -> tuple[tuple[Write, ...], tuple[Relay, ...]]:
    """Divide what is to be written: what is written now, and, if nothing else is, the relays to be armed first."""
    relays = [relay_of(write.step, world, policy) for write in writes]
    waits = [relay is not None and relay not in seen.relays for relay in relays]
    urgent = tuple(write for write, wait in zip(writes, waits, strict=True) if not wait)
    return urgent, () if urgent else tuple(dict.fromkeys(relay for relay in relays if relay is not None))


def arm(
    relays: tuple[Relay, ...], policy: Group, seen: Seen, account: GroupSummary, clock: Clock, deadline: datetime
) -> Run[None]:
    """Arm relays and see that they are, within ten seconds; each is tried once in a run."""
    seconds, until = int(policy.relay or 0), min(clock() + WITHIN, deadline)
    started = yield tuple(StartRelay(relay.new, relay.peer, seconds) for relay in relays)
    under_way, came_of = dict(zip(relays, started, strict=True)), dict[Relay, str]()
    while True:
        for relay, answer in tuple(under_way.items()):
            if isinstance(answer, Failure):
                came_of[relay] = str(answer)
                del under_way[relay]
        if not under_way or clock() >= until:
            break
        answers = yield tuple(ReadRelay(invocation) for invocation in under_way.values())
        for relay, answer in zip(tuple(under_way), answers, strict=True):
            if answer is not None:
                came_of[relay] = str(answer)
                del under_way[relay]
        if under_way:
            yield from ask(Wait(AGAIN_S))
    for relay in relays:
        why = came_of.get(relay, "the command did not end in time")
        if why:
            account.problems.append(f"without a relay, connections through {relay.old} are reset: {why}")
        else:
            account.do(f"{relay.new} relays what only {relay.old} knows for {seconds / 60:g} min")
    seen.relays.update(relays)
    seen.patient_until = clock() + ROUTE_TAKES  # the time for the write begins now
