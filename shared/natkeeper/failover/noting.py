"""What lasts is written into a route entry (letter `e`), so that it outlives the process; only a sweep does that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from natkeeper.domain.memory import Memory, Unreadable, decode, fitted, rewritten
from natkeeper.domain.observed import EntryStatus, RouteEntry
from natkeeper.domain.ownership import guarded
from natkeeper.domain.world import RouteView, World, belongs
from natkeeper.failover.apply import vpc_of
from natkeeper.ports import Failure, FailureKind, NoteRoute, Run, ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from natkeeper.domain.config import Group


@dataclass(frozen=True, slots=True)
class Noted:
    """What an entry is to remember: episodes by letter, cold standbys that were started, what was found."""

    episodes: Mapping[str, tuple[datetime, bool]]
    woken: Mapping[str, datetime]
    found: str = ""


def write(
    wanted: Noted, unwritable: set[str], world: World, policy: Group
) -> Run[Mapping[str, tuple[datetime, bool]] | None]:
    """Write down what lasts, in one entry that may be written; return the episodes that the entries then remember.

    None where nothing could be written, because nobody knows the VPC. `unwritable`: tables that refused a note; one
    that does so now is added.
    """
    vpc = vpc_of(world)
    if not vpc:
        return None
    remembered: dict[str, tuple[datetime, bool]] = {}
    for entry, memory, written in _writable(world, policy):
        if entry.table in unwritable:
            continue
        kept = fitted(replace(memory, episodes=dict(wanted.episodes), woken=dict(wanted.woken), found=wanted.found))
        if kept == memory and written:
            remembered |= kept.episodes
        else:
            text = rewritten(entry.description, guarded(kept, entry, policy))
            call = NoteRoute(vpc, entry.table, entry.destination, f"natkeeper-{policy.name}", text)
            answer = yield from ask(call)
            if not isinstance(answer, Failure):
                remembered |= kept.episodes
            elif answer.kind in (FailureKind.REFUSED, FailureKind.DENIED):
                unwritable.add(entry.table)
                continue
        wanted = Noted({}, {})  # one entry is enough; what another one still says of it is out of date
    return remembered


def _writable(world: World, policy: Group) -> Iterator[tuple[RouteEntry, Memory, bool]]:
    """List the entries that may be written: settled, on a next hop of the group, and without someone else's text.

    With what each remembers, or would had the platform taken it, and whether it does.
    """
    for view in world.routes.values():
        if not isinstance(view, RouteView) or (entry := view.whole) is None:
            continue
        if entry.status is not EntryStatus.AVAILABLE or entry.next_hop is None:
            continue
        memory = decode(entry.description)
        if not belongs(entry.next_hop, policy) or isinstance(memory, Unreadable):
            continue
        yield entry, memory if view.unwritten is None else view.remembered, view.unwritten is None
