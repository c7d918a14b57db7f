"""Route entries through a group's gateways that nobody guards: they stay on a gateway that dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natkeeper.domain.episodes import EpisodeKind, Trouble
from natkeeper.domain.lane import is_any_lane
from natkeeper.domain.parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.observed import RouteEntry

DEFAULT = "0.0.0.0/0"


def unguarded(entries: Iterable[RouteEntry], policy: Group, guarded: Iterable[Route]) -> tuple[RouteEntry, ...]:
    """List the entries that lead to a gateway of the group and that are none of `guarded`, nor parts of them."""
    known = {(each.table, part) for each in guarded for part in (each.destination, *parts_of(each.destination))}
    hops = (each for each in entries if each.next_hop is not None and each.next_hop.id in policy.gateways)
    through = (each for each in hops if not is_any_lane(each))
    return tuple(each for each in through if (each.table, each.destination) not in known)


def words(found: Iterable[RouteEntry]) -> tuple[str, ...]:
    """Say of each what it means."""
    return tuple(
        f"nobody guards {each.destination} in {each.table}, which leads to {each.next_hop}: it stays there when "
        f"{each.next_hop} fails"
        for each in found
    )


def trouble(found: Iterable[RouteEntry], policy: Group) -> Trouble | None:
    """Return what people are to be told of: entries like those that the group guards, by which hosts lose the internet.

    An entry for another destination may be there for something else, so it is only named in receipts.
    """
    like = {DEFAULT, *(route.destination for route in policy.routes)}
    grave = [each for each in found if each.destination in like]
    if not grave:
        return None
    tables = tuple(dict.fromkeys(each.table for each in grave))
    routes = ", ".join(f"{{table: {each.table}, destination: {each.destination}}}" for each in grave)
    todo = f"add to `routes` of {policy.name}: {routes}; or point them elsewhere"
    return Trouble(EpisodeKind.UNGUARDED, tables, "; ".join(words(grave)), todo=todo)
