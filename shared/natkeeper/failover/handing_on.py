"""What a run leaves is handed on to a run of its own, so that no VPC waits for the slow tasks of another.

One instance runs at a time. A run that has nothing to do but wait for the platform ends after a second and invokes its
own function with a delay; meanwhile Function Compute serves other runs that wait. What a run cannot finish before its
deadline is handed on the same way. Bounded: one invocation is pending for each VPC, it begins two seconds later, and
ten follow each other at most; the sweep goes on after that.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.signals import IN_A_ROW
from natkeeper.failover.apply import vpc_of
from natkeeper.failover.ledger import LOST_AFTER, Rest
from natkeeper.ports import Failure, FailureKind, HandOver, Run, ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from natkeeper.domain.config import Config
    from natkeeper.domain.world import World
    from natkeeper.failover.dispatch import Assignment
    from natkeeper.failover.summary import GroupSummary
    from natkeeper.receipt import Receipt

HAND_ON_AFTER = timedelta(seconds=1)
"""How long a run waits for the platform while others may wait for it."""
DELAY_S = 2
"""How long the next run leaves the one running instance to others: those that wait are tried after 0.5, 1, 2 s …"""


MOST_TAKE = timedelta(seconds=1.2)
"""How long most route writes take, with the read that shows it: a run waits for as long before it hands on."""


def hand_on(assignment: Assignment, world: World, account: GroupSummary, rest: Rest, now: datetime) -> Run[bool]:
    """Let a later run go on with what is left; False where this one has to do it as well as it can.

    What a person asked is answered by the run that was asked, so it is never handed on.
    """
    if (
        not rest.itself
        or rest.denied
        or assignment.wish is not None
        or assignment.read_only
        or assignment.links >= IN_A_ROW
    ):
        return False
    if now - account.began < HAND_ON_AFTER:
        return False
    name, vpc = assignment.group.name, vpc_of(world) or assignment.group.name
    at, waiting = rest.pending.get(vpc, (now - LOST_AFTER, set()))
    if timedelta(0) <= now - at < LOST_AFTER:
        waiting.add(name)
        return True
    payload = json.dumps({"natkeeper": "go-on", "groups": [name], "link": assignment.links + 1}).encode()
    rest.pending[vpc] = now, {name}  # another group of this very run may ask in the same moment
    answer = yield from ask(HandOver(rest.itself, payload, DELAY_S))
    if isinstance(answer, Failure):
        rest.pending.pop(vpc, None)  # another run may have taken it up meanwhile
        account.problems.append(f"what is left cannot be handed on to the next run: {answer}")
        if answer.kind in (FailureKind.DENIED, FailureKind.GONE, FailureKind.REFUSED):
            rest.denied = True
        return False
    return True


def hand_over(receipts: Sequence[Receipt], config: Config, function: str) -> Run[str | None]:
    """Give receipts to the function that tells people; answers what went wrong, which changes nothing else."""
    style = {"language": config.language, "timezone": config.timezone, "runbook": config.runbook}
    tell = {"tell": [receipt.as_json() for receipt in receipts], "style": {k: v for k, v in style.items() if v}}
    payload = json.dumps(tell, ensure_ascii=False).encode()
    answer = yield from ask(HandOver(function, payload))
    return f"people could not be told: {answer}" if isinstance(answer, Failure) else None
