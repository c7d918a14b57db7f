"""Replacing an entry that the platform will not change in place, without a moment without a route (rule 1).

Two halves of the destination (`0.0.0.0/1` and `128.0.0.0/1` for the default route) are more specific than the
whole, so they carry the traffic to the new next hop while the old entry is deleted and created anew; then they are
deleted. Every step is read off the table, so a run that dies anywhere is continued by the next.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from natkeeper.domain import selection
from natkeeper.domain.decision import Await, Bridge, Create, Hold, Leave, Retire, Step
from natkeeper.domain.health import Unhealthy
from natkeeper.domain.marks import remember, without_mark
from natkeeper.domain.memory import is_ours
from natkeeper.domain.observed import EntryStatus, NextHop, RouteEntry
from natkeeper.domain.world import belongs

if TYPE_CHECKING:
    from natkeeper.domain.config import Route
    from natkeeper.domain.context import Here
    from natkeeper.domain.memory import Memory
    from natkeeper.domain.world import RouteView


def halves_of(destination: str) -> tuple[str, str]:
    """Split a network into its two halves."""
    lower, upper = ipaddress.IPv4Network(destination).subnets()
    return str(lower), str(upper)


def busy(route: Route, *entries: RouteEntry) -> Await | Hold | None:
    """Say what keeps `entries` from being changed now, or None: the platform refuses to change a busy entry."""
    for entry in entries:
        if entry.status is EntryStatus.UNKNOWN:
            return Hold(route, f"the entry for {entry.destination} is in a state that natkeeper does not know")
        if entry.status is not EntryStatus.AVAILABLE:
            return Await(route, f"the entry for {entry.destination} is {entry.status.value}")
    return None


def begin(route: Route, to: NextHop, why: str, memory: Memory, leaving: NextHop | None) -> Bridge:
    """Start the detour: create both halves."""
    return Bridge(route, halves_of(route.destination), to, why, memory, leaving)


def finish(here: Here, view: RouteView) -> Step:
    """Take the next step of a detour whose traces are in the table."""
    route, whole = here.route, view.whole
    if any(not is_ours(half.description) for half in view.halves):
        return Leave(route, "halves of the route that are not ours carry its traffic; somebody put them there")
    to = _aim(here, view)
    missing = tuple(half for half in halves_of(route.destination) if half not in {h.destination for h in view.halves})
    at_work = busy(route, *view.halves)
    if at_work is not None:
        return at_work
    at_work = busy(route, whole) if whole is not None else None
    if at_work is not None:  # half of the internet does not wait for somebody's task on the old entry
        return Bridge(route, missing, to, "the other half is missing", here.memory) if missing and to else at_work
    halves = tuple(half.id for half in view.halves)
    if whole is None:
        return _create(here, to)
    if whole.next_hop == to or to is None:
        return Retire(route, halves, "the entry carries the traffic again, its halves are no longer needed")
    if _foreign(here, whole) and here.memory.by != "person":
        return Retire(route, halves, f"somebody pointed the entry to {whole.next_hop} meanwhile, its halves give way")
    if missing:
        return Bridge(route, missing, to, "the other half is missing", here.memory)
    return Retire(route, (whole.id,), "its halves carry the traffic, the old entry is replaced")


def _aim(here: Here, view: RouteView) -> NextHop | None:
    """Name the next hop that the halves lead to, if the detour to it is worth finishing.

    Neither blindness (rule 3) nor a mark is a reason to turn back: with both known, it was begun. Nor is anything
    when a person began it, or when there is nowhere better to turn to; but the platform's own refusal is.
    """
    hops = {half.next_hop for half in view.halves}
    to = next(iter(hops)) if len(hops) == 1 else None
    if to is None or not belongs(to, here.policy) or here.world.refused(to, here.route.table) is not None:
        return None
    bad = isinstance(without_mark(here.world, to).health(to, here.policy), Unhealthy)
    stubborn = here.memory.by == "person" or isinstance(selection.best(here, to), str)
    return None if bad and not stubborn else to


def _create(here: Here, to: NextHop | None) -> Step:
    """Create the whole anew: as the halves lead, or to the best there is where they lead nowhere good."""
    why = "the entry is replaced: its halves carry the traffic"
    if to is not None:
        known = here.memory.since is not None
        return Create(here.route, to, why, here.memory if known else remember(here, to, "auto"))
    choice = selection.best(here, None)
    if isinstance(choice, str):
        return Hold(here.route, f"the route entry is missing, and no next hop is fit for it: {choice}")
    return Create(here.route, choice, "the entry is replaced: its halves lead nowhere", remember(here, choice, "auto"))


def _foreign(here: Here, entry: RouteEntry) -> bool:
    return entry.next_hop is None or not belongs(entry.next_hop, here.policy)
