"""Replacing an entry that the platform will not change in place, without a moment without a route (rule 1).

Parts of the destination, which are more specific than the whole, carry the traffic to the new next hop while the old
entry is deleted and created anew; then they are deleted. The parts are two halves; where the platform refuses
`0.0.0.0/1` as a destination they are all that is left of the whole without `0.0.0.0/8`. Every step is read off the
table, so a run that dies anywhere is continued by the next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natkeeper.domain import selection
from natkeeper.domain.decision import Await, Bridge, Create, Hold, Leave, Note, Retire, Step
from natkeeper.domain.health import Unhealthy
from natkeeper.domain.marks import remember, without_mark
from natkeeper.domain.memory import is_ours
from natkeeper.domain.observed import EntryStatus, NextHop, RouteEntry
from natkeeper.domain.ownership import left_behind, of_another
from natkeeper.domain.parts import around_zero, halves_of
from natkeeper.domain.refusals import Deed
from natkeeper.domain.world import RouteView, belongs, memory_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from natkeeper.domain.config import Route
    from natkeeper.domain.context import RouteContext
    from natkeeper.domain.memory import Memory


def view_of(route: Route, entries: Sequence[RouteEntry], at: datetime | None = None) -> RouteView:
    """Find a route and its bridge in a table, which was read at `at`.

    A finer part belongs to the bridge if natkeeper's words are in it or, where there are none, if the upper half, which
    is made first and deleted last, leads to the same next hop. Any other finer part is someone else's.
    """
    there = {entry.destination: entry for entry in entries}
    halves = halves_of(route.destination)
    lower, upper = halves or ("", "")
    fine = [there[part] for part in around_zero(route.destination) if part in there and part != upper]
    ours = [part for part in fine if is_ours(part.description) or _bare_like(part, there.get(upper))]
    bridge = (*([there[lower]] if lower in there else []), *ours, *([there[upper]] if upper in there else []))
    others = frozenset(part.destination for part in fine if part not in ours)
    return RouteView(there.get(route.destination), bridge, others, at)


def _bare_like(part: RouteEntry, upper: RouteEntry | None) -> bool:
    """Return True if `part` may have been made without words, together with the upper half."""
    return upper is not None and not part.description and part.next_hop == upper.next_hop


def busy(route: Route, *entries: RouteEntry) -> Await | Hold | None:
    """Say what keeps `entries` from being changed now, or None: the platform refuses to change a busy entry."""
    for entry in entries:
        if entry.status is EntryStatus.UNKNOWN:
            return Hold(route, f"the entry for {entry.destination} is in a state that natkeeper does not know")
        if entry.status is not EntryStatus.AVAILABLE:
            return Await(route, f"the entry for {entry.destination} is {entry.status.value}")
    return None


def begin(here: RouteContext, view: RouteView, to: NextHop, why: str, memory: Memory) -> Bridge | Hold:
    """Start the bridge: create both halves, or the first of the finer parts. A single address has neither."""
    if not halves_of(here.route.destination):
        no = f"; the platform changes no such entry in place, and one address has no parts: point it to {to} by hand"
        return Hold(here.route, why + no)
    return Bridge(here.route, _next(here.route.destination, _missing(here, view)), to, why, memory, view.carries)


def around(here: RouteContext, hop: NextHop, to: NextHop | str, why: str) -> Bridge | Hold | None:
    """Leave `hop` over parts of the destination where the platform did not change the entry; None where it may yet.

    `to`: the next hop that the entry itself would lead to, or why there is none. Creating entries is another call, and
    another right. An answer that says nothing of a hop has to come in two runs: the API may be back in a moment.
    """
    view, so_far, table = here.world.routes[here.route], here.world.so_far, here.route.table
    refused = [r for r in so_far.refusals if r.deed is Deed.POINT and r.table in (None, table)]
    if not refused or not isinstance(view, RouteView):
        return None
    again = any(r.passing and (r.deed, r.table) == (Deed.POINT, table) for r in so_far.refused_lately)
    if isinstance(to, NextHop):
        about_it = (r.hop is None or (r.over and r.hop == to.id) or (r.passing and again) for r in refused)
        if not any(about_it):
            return None
    counts = tuple(each for each in so_far.refusals if each not in refused or each.lasting)
    there = replace(here, world=replace(here.world, so_far=replace(so_far, refusals=counts)))
    best = selection.best(there, hop)
    return None if isinstance(best, str) else begin(there, view, best, why, remember(there, best, "auto"))


def _missing(here: RouteContext, view: RouteView) -> tuple[str, ...]:
    """List the entries that the bridge still lacks: halves, or finer parts where a half was refused."""
    destination = here.route.destination
    there = {part.destination for part in view.bridge}
    halves = halves_of(destination)
    finer = here.route in here.world.so_far.half_refused or not there <= set(halves)
    wanted = around_zero(destination) if finer and not there.issuperset(halves) else halves
    return tuple(part for part in wanted or halves if part not in there | view.others)


def _next(destination: str, parts: Sequence[str]) -> tuple[str, ...]:
    """Choose what is written now: both halves at once, of finer parts the first, for a VPC takes one task at a time."""
    return tuple(parts if set(parts) <= set(halves_of(destination)) else parts[:1])


def finish(here: RouteContext, view: RouteView) -> Step:
    """Take the next step of a bridge that is in the table."""
    route, whole = here.route, view.whole
    unknown = _of_others(here, view)
    if unknown is not None:
        return unknown
    to = _aim(here, view)
    missing = _next(route.destination, _missing(here, view))
    at_work = busy(route, *view.bridge)
    if at_work is not None:
        return at_work
    at_work = busy(route, whole) if whole is not None else None
    what = "the other half is missing" if set(missing) <= set(halves_of(route.destination)) else "a part is missing"
    if at_work is not None:  # half of the internet does not wait for someone else's task on the old entry
        return Bridge(route, missing, to, what, here.memory) if missing and to else at_work
    first = _next(route.destination, [part.destination for part in view.bridge])
    ids = tuple(part.id for part in view.bridge if part.destination in first)
    if whole is None:
        return _create(here, to)
    if whole.next_hop == to or to is None or _made_since(here, view, whole):
        return Retire(route, ids, "the entry carries the traffic again; its bridge is no longer needed")
    replaced = left_behind(whole, here.policy) in here.world.former  # a gateway that natkeeper itself leaves
    if _foreign(here, whole) and not replaced and here.memory.by != "person":
        return Retire(route, ids, f"someone pointed the entry to {whole.next_hop} meanwhile; its bridge gives way")
    if missing:
        return Bridge(route, missing, to, what, here.memory)
    return Retire(route, (whole.id,), "its bridge carries the traffic; the old entry is replaced")


def _of_others(here: RouteContext, view: RouteView) -> Step | None:
    """Say what to do where the parts may not be natkeeper's; None if they are.

    Parts without any words that lead to a next hop of the group are natkeeper's if the platform takes no words. That
    is found out by writing some into the route's own entry; if they are there, the platform takes them.
    """
    route, whole = here.route, view.whole
    if any(of_another(part, here.policy) for part in view.bridge):
        return Leave(route, "a bridge that another natkeeper made carries the route's traffic, and has to delete it")
    strangers = Leave(route, "more specific entries that natkeeper did not make carry the route's traffic")
    bare = [part for part in view.bridge if not is_ours(part.description)]
    if any(part.description or _foreign(here, part) for part in bare):
        return strangers
    if not bare or whole is None or route in here.world.so_far.wordless:
        return None  # a missing entry is created, no matter who made the parts
    if is_ours(whole.description) or _foreign(here, whole):
        return strangers
    why = "entries without words carry parts of the route, so it is tried whether an entry takes words"
    return busy(route, whole) or Note(route, route.destination, why, here.memory, "noted")


def _aim(here: RouteContext, view: RouteView) -> NextHop | None:
    """Name the next hop that the bridge leads to, if the bridge is worth finishing.

    Neither blindness (rule 3) nor a mark is a reason to turn back: with both known, it was begun. Nor is anything
    when a person began it, when there is nowhere better to turn to, or when the old entry would be left for the same
    next hop again; but the platform's own refusal is.
    """
    hops = {part.next_hop for part in view.bridge}
    to = next(iter(hops)) if len(hops) == 1 else None
    if to is None or not belongs(to, here.policy) or here.world.refused(to, here.route.table) is not None:
        return None
    bad = isinstance(without_mark(here.world, to).health(to, here.policy), Unhealthy)
    stubborn = here.memory.by == "person" or isinstance(selection.best(here, to), str)
    return None if bad and not stubborn and not _leads_back(here, view, to) else to


def _leads_back(here: RouteContext, view: RouteView, to: NextHop) -> bool:
    """Return True if the old entry, were the bridge to `to` gone, would be left by another one like it."""
    hop = None if view.whole is None else view.whole.next_hop
    if hop is None or hop == to or not belongs(hop, here.policy):
        return False
    return isinstance(here.world.health(hop, here.policy), Unhealthy) and selection.best(here, hop) == to


def _made_since(here: RouteContext, view: RouteView, whole: RouteEntry) -> bool:
    """Return True if natkeeper led the entry elsewhere after it began the bridge, and that is no worse.

    The platform would not create it to where the bridge leads: without this, each run would make and delete it anew.
    """
    began, memory = [memory_in(part).since for part in view.bridge], memory_in(whole)
    if whole.next_hop is None or _foreign(here, whole) or memory.to != whole.next_hop.id or memory.since is None:
        return False
    later = all(since is not None and since < memory.since for since in began)
    return later and not isinstance(here.world.health(whole.next_hop, here.policy), Unhealthy)


def _create(here: RouteContext, to: NextHop | None) -> Step:
    """Create the whole anew: to where the bridge leads, or to the best there is where that is nowhere good."""
    why = "the entry is replaced: its bridge carries the traffic"
    if to is not None:
        known = here.memory.since is not None
        return Create(here.route, to, why, here.memory if known else remember(here, to, "auto"))
    choice = selection.best(here, None)
    if isinstance(choice, str):
        return Hold(here.route, f"the route entry is missing, and no next hop is fit for it: {choice}")
    return Create(here.route, choice, "the entry is replaced: its bridge leads nowhere", remember(here, choice, "auto"))


def _foreign(here: RouteContext, entry: RouteEntry) -> bool:
    return entry.next_hop is None or not belongs(entry.next_hop, here.policy)
