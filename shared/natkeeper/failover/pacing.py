"""How long a run goes on, how long it waits between two reads of the world, and what it writes next.

A run waits for its own writes for as long as they usually take. Everything else is a later run's: while one VPC is
stuck, others wait for the one running instance.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.decision import Bridge, Create, Decision, EipAssociate, EipAwait, Move
from natkeeper.domain.health import Unhealthy
from natkeeper.domain.observed import EntryStatus, NextHop, Unseen
from natkeeper.domain.world import RouteView, World, belongs
from natkeeper.failover.apply import Write, shown, subject
from natkeeper.failover.attempts import target_of
from natkeeper.ports import AssociateEip, DeleteRoute, NoteRoute, Run, UnassociateEip, Wait, ask

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.failover.seen import Seen
    from natkeeper.failover.summary import GroupSummary

POLL_S = 0.3
LONGEST_POLL_S = 1.5
"""How long to wait before looking again at something the platform is at work on; longer each time."""
TRY_FOR = timedelta(seconds=6.5)
LAST_TRY = timedelta(seconds=10)
"""How long a run goes on that has had no write accepted, and until when it makes one that it has not tried yet: what is
stuck must not keep other VPCs waiting for the one running instance, and a later run tries again. With the answers of
the last round it is over within 15 s."""
BLIND_FOR = timedelta(seconds=7.8)
"""How long it goes on trying to see a world that a signal says is in trouble: a short outage is waited out."""
ROUTE_TAKES = timedelta(seconds=12)
EIP_TAKES = timedelta(seconds=20)
"""How long a run waits for a write of its own; route tasks take some seconds, an EIP 7 to 8 s and more at times."""
EIP_LEFT, LATELY = timedelta(seconds=12), timedelta(seconds=60)
"""How long a run waits for an EIP that another run has set in motion, and for how long after that one's move."""
CHECK_BEFORE = timedelta(seconds=7.5)
"""Until when a run without an accepted write begins a check, which may take `CheckThroughProbe.patience_s`."""
LONG_LOOK = timedelta(seconds=6)
"""Until when it begins a look that may take as long and that could wait: then come people, whom it may take 2 s to
tell."""
CHECK_UNTIL = timedelta(seconds=8.5)
"""Until when a check by Cloud Assistant is asked for its end: then come the tables, which may take 3 s to read, and
people, whom it may take 2 s to tell."""
LONG_WORK = timedelta(seconds=9)
"""Until when such a run starts what may wait for the next sweep: a setup, of which starting takes up to 4 s."""
TOO_LATE = timedelta(seconds=10)
"""When such a run starts nothing more that could wait: the longest of it takes 3 s, and telling people 2 s."""
RESUME_UNTIL = timedelta(seconds=11.7)
"""Until when it lets the probe go on, which takes 2 s at most: nobody else would look before the next minute."""
STALE = timedelta(seconds=2)
"""How old what was read may be when it is acted on: one slow answer among the reads makes the others old."""
NOTE_UNTIL = timedelta(seconds=4)
"""How old the world may be when what lasts is written into it: its slowest read took up to 3 s by then."""
LAG = timedelta(seconds=10)
"""How long an accepted write may stay invisible before it is made once more."""


def took_long(decision: Decision, world: World, account: GroupSummary, seen: Seen, now: datetime) -> bool:
    """Return True if the run has waited for as long as natkeeper's own writes usually take, and for nothing else."""
    since = max(account.began, min(seen.sighted or now, account.began + LAST_TRY - TRY_FOR))
    until = account.began + BLIND_FOR if unseen(world) else since + TRY_FOR
    if isinstance(decision.eip, EipAwait) and moved_lately(world, now):
        until = account.began + EIP_LEFT  # a run that died had begun to bring it
    return now >= (until if seen.patient_until is None else max(until, seen.patient_until))


def over(account: GroupSummary, seen: Seen, now: datetime) -> bool:
    """Return True if a run without an accepted write has no time for another: reading again could take seconds.

    It still reads to find out about a write whose answer was lost.
    """
    return account.written is None and now - account.began >= (RESUME_UNTIL if seen.unanswered else TOO_LATE)


def is_old(decision: Decision, world: World, account: GroupSummary, seen: Seen, asked: datetime, now: datetime) -> bool:
    """Return True if what was `asked` for so long ago is to be read again before it is acted on.

    A run without an accepted write that has no time for another one acts on nothing any more.
    """
    if now - asked <= STALE or unseen(world):
        return False
    return not (over(account, seen, now) and took_long(decision, world, account, seen, now))


def moved_lately(world: World, now: datetime) -> bool:
    """Return True if natkeeper moved a route a moment ago, in this run or in an earlier one."""
    views = (view for view in world.routes.values() if isinstance(view, RouteView))
    return bool(world.so_far.moved) or any(
        view.remembered.since is not None and now - view.remembered.since < LATELY for view in views
    )


def first_try(writes: tuple[Write, ...], account: GroupSummary, seen: Seen, now: datetime) -> bool:
    """Return True if a write was not tried yet and there is time for its answer.

    Where reading alone took all the time, because a sweep has many groups or the API is slow, one is made all the same:
    the next run would read for as long.
    """
    targets = [target_of(write.step) for write in writes]
    slow = seen.sighted is not None and seen.sighted - account.began >= LAST_TRY and now - seen.sighted < LAST_TRY
    in_time = slow or now - account.began < LAST_TRY
    return in_time and any(t is not None and t not in seen.attempts.tried for t in targets)


def pause(seconds: float, account: GroupSummary, now: datetime) -> Run[None]:
    """Wait before a refused write is tried again, but no longer than there is time for that."""
    left = (account.began + TOO_LATE - now).total_seconds() if account.written is None else seconds
    yield from ask(Wait(max(0.0, min(seconds, left))))


def poll(seen: Seen) -> Run[None]:
    """Wait for the platform, longer each time."""
    pause = min(POLL_S * 1.4**seen.polls, LONGEST_POLL_S)
    seen.polls += 1
    yield from ask(Wait(pause))


def due(wanted: list[Write], world: World, policy: Group, seen: Seen, now: datetime) -> tuple[Write, ...]:
    """Choose what is written now: what leads nowhere first, and one route task at a time where the VPC takes no more.

    Waiting is done by reading: while an entry of the group changes, a refused write would only be refused again.
    """
    writes = [write for write in wanted if not lags(world, write, seen, now)]
    writes.sort(key=lambda write: not _urgent(write, world, policy))
    routes = [write for write in writes if not isinstance(write.call, (AssociateEip, UnassociateEip))]
    views = [view for view in world.routes.values() if isinstance(view, RouteView)]
    changing = any(entry.status is not EntryStatus.AVAILABLE for view in views for entry in view.entries)
    if not seen.one_by_one:  # not known to be so: one try, of the most urgent, shows it
        spared = routes[1:] if changing and not seen.written else []
        return tuple(write for write in writes if write not in spared)
    under_way = changing or len(writes) < len(wanted)
    return (*([] if under_way else routes[:1]), *(write for write in writes if write not in routes))


def _urgent(write: Write, world: World, policy: Group) -> bool:
    """Return True if a route leads nowhere until `write` is made."""
    match write.step:
        case Create() | Bridge() | EipAssociate():
            return True
        case Move(came_from=NextHop() as left) if belongs(left, policy):
            return isinstance(world.health(left, policy), Unhealthy)
        case _:
            return False


def lags(world: World, write: Write, seen: Seen, now: datetime) -> bool:
    """Return True if the world still shows exactly what it did before an accepted write: a read that lags behind."""
    return _hidden(world, subject(write.call), seen, now)


def lags_behind(world: World, seen: Seen, now: datetime) -> bool:
    """Return True if the world does not show a move yet that was accepted: what it shows decides nothing."""
    moves = (about for about, (_, _, call) in seen.written.items() if not isinstance(call, (NoteRoute, DeleteRoute)))
    return any(_hidden(world, about, seen, now) for about in moves)


def _hidden(world: World, about: str, seen: Seen, now: datetime) -> bool:
    if about not in seen.written:
        return False
    before, at, call = seen.written[about]
    return now - at < LAG and before == shown(world, call)


def unseen(world: World) -> bool:
    """Return True if a route table could not be read at all: reading it again at once would take as long again."""
    return any(isinstance(view, Unseen) for view in world.routes.values())
