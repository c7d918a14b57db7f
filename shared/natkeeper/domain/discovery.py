"""What of a group is found in its VPC instead of listed (opt-in): gateways by a tag, routes by where they lead.

`Finding` is what was found last, as a process remembers it; `completed` makes the group that is guarded from it. An
answer never takes away everything: a tag that nothing has any more replaces nothing (absence is not death). Pure:
ports.py has the reads, failover/search.py and failover/discovery.py the runs, discovery_config.py the keys.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from natkeeper.domain.config import DEFAULT_ROUTE, Config, Group, Route
from natkeeper.domain.episodes import EpisodeKind, Trouble
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import resolved
from natkeeper.domain.ownership import former_gateways, of_this_group
from natkeeper.domain.parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from natkeeper.domain.ids import InstanceId, TableId
    from natkeeper.domain.observed import RouteEntry, TaggedInstance

MOST = 20
"""Gateways that a tag may find for one group: a tag on a whole fleet is a mistake, and nobody wants it set up."""


def in_words(group: Group) -> str:
    """Say what of the group is found, for people."""
    finds = group.finds
    if finds is None:
        return ""
    gateways = f"gateways with the tag {finds.tag}" if finds.tag else ""
    routes = f"every entry for {DEFAULT_ROUTE} that leads to a gateway" if finds.routes else ""
    return " and ".join(filter(None, (gateways, routes))) + f" in {finds.vpc}"


# ---- what was found ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one group. `gateways`: oldest first. `former`: those that lost the tag while they carried.

    `tagged`: how many have the tag, where that answer was not followed as it is; None where it was.
    """

    gateways: tuple[TaggedInstance, ...] = ()
    routes: tuple[Route, ...] = ()
    former: tuple[InstanceId, ...] = ()
    tagged: int | None = None

    def with_tagged(self, found: Iterable[TaggedInstance], carrying: Collection[str] | None = None) -> Finding:
        """Take over which instances have the tag; an empty answer, or one of too many, takes no gateway away.

        `carrying`: ids of the next hops that carry the group's routes, where they were read.
        """
        oldest = tuple(sorted(found, key=lambda one: (one.created, one.id)))
        if not oldest or (len(oldest) > MOST and self.gateways):
            return replace(self, tagged=len(oldest))
        kept = oldest[:MOST]
        ids = {one.id for one in kept}
        left = dict.fromkeys((*self.former, *(one.id for one in self.gateways)))
        former = tuple(one for one in left if one not in ids and (carrying is None or one in carrying))
        return replace(self, gateways=kept, former=former, tagged=len(oldest) if len(oldest) > MOST else None)

    def with_entries(self, entries: Iterable[RouteEntry], group: Group, owners: Mapping[str, InstanceId]) -> Finding:
        """Take over which entries lead to gateways of `group`, whose gateways are known."""
        tables = dict.fromkeys(entry.table for entry in entries if _guarded(resolved(entry, owners), group))
        return replace(self, routes=tuple(Route(table=table) for table in tables))


def _guarded(entry: RouteEntry, group: Group) -> bool:
    """Return True if the default route, or a part of it that stands in for it, leads to the group's next hops."""
    hop = entry.next_hop
    if entry.destination == DEFAULT_ROUTE:
        if hop is not None and hop.id in group.gateways:
            return True
        if any(former_gateways((entry,), group)):
            return True
    elif entry.destination not in parts_of(DEFAULT_ROUTE):
        return False
    # The fallback, and a part of a bridge, are the group's where the entry says that it led them there.
    memory = decode(entry.description)
    ours = hop is not None and (hop.id in group.gateways or hop.id == group.fallback)
    return ours and isinstance(memory, Memory) and memory != Memory() and of_this_group(entry, memory, group)


def completed(group: Group, finding: Finding, others: Iterable[Group] = ()) -> Group:
    """Return the group with what was found; what `others` have, listed or found before, stays theirs."""
    finds = group.finds
    if finds is None:
        return group
    others = [other for other in others if other.name != group.name]
    taken = {gateway for other in others for gateway in other.gateways}
    guarded = {(route.table, route.destination) for other in others for route in other.routes}
    gateways, routes = group.gateways, group.routes
    if finds.tag:
        gateways = tuple(one.id for one in finding.gateways if one.id not in taken)
        finds = msgspec.structs.replace(finds, former=tuple(one for one in finding.former if one not in taken))
    if finds.routes:
        routes = tuple(route for route in finding.routes if (route.table, route.destination) not in guarded)
    return msgspec.structs.replace(group, gateways=gateways, routes=routes, finds=finds)


def completed_all(config: Config, findings: Mapping[str, Finding]) -> Config:
    """Return the configuration with what was found; groups of which nothing is known yet stay as they are written."""
    groups = list(config.groups)
    for at, group in enumerate(groups):
        if group.finds is not None and group.name in findings:
            groups[at] = completed(group, findings[group.name], groups)
    return msgspec.structs.replace(config, groups=tuple(groups))


def lacking(group: Group) -> str:
    """Say what keeps a completed group from being guarded; empty if nothing does."""
    if not group.gateways:
        return f"no instance in {_vpc(group)} has the tag {group.tag}"
    if not group.routes:
        return f"no route table of {_vpc(group)} has an entry for {DEFAULT_ROUTE} that leads to a gateway"
    return ""


def _vpc(group: Group) -> str:
    return "" if group.finds is None else group.finds.vpc


# ---- what people are told ----------------------------------------------------------------------------------


def things(group: Group) -> tuple[str, ...]:
    """Name what was found: the gateways by the tag, and the tables."""
    gateways = group.gateways if group.tag else ()
    tables: tuple[TableId, ...] = tuple(route.table for route in group.routes) if group.finds_routes else ()
    return (*gateways, *tables)


def found(group: Group, known: Iterable[str] = ()) -> Trouble | None:
    """Return the notice of what was found; `known` is what people were told of before."""
    about, known = things(group), tuple(known)
    if not about:
        return None
    new = [thing for thing in about if thing not in known]
    gone = [thing for thing in known if thing not in about]
    news = [f"new: {', '.join(new)}"] if known and new else []
    news += [f"no longer: {', '.join(gone)}"] if gone else []
    parts = []
    if group.tag:
        parts.append(f"{', '.join(group.gateways)} {_have(group.gateways)} the tag {group.tag}")
    if group.finds_routes:
        tables = ", ".join(route.table for route in group.routes)
        parts.append(f"{DEFAULT_ROUTE} in {tables} leads to gateways")
    cause = f"in {_vpc(group)}, {' and '.join(parts)}"
    todo = f"if one should not be in {group.name}: take the tag off it, or point its entry elsewhere"
    return Trouble(EpisodeKind.FOUND, about, "; ".join([cause, *news]), todo=todo)


def _have(things: tuple[InstanceId, ...]) -> str:
    return "has" if len(things) == 1 else "have"


def not_found(group: Group, finding: Finding) -> Trouble | None:
    """Return what is wrong with what was found, or None."""
    about, lack = tuple(route.table for route in group.routes), lacking(group)
    if lack:
        todo = f"give the tag {group.tag} to the gateways of {group.name}"
        if group.gateways:
            todo = "point an entry at a gateway: where routes are found, natkeeper creates none"
        return Trouble(EpisodeKind.SEARCH, about, lack, todo=todo)
    if finding.tagged is None:
        return None
    have = f"{finding.tagged} instances in {_vpc(group)} have the tag {group.tag}, and a group takes {MOST}"
    cause = have if finding.tagged else f"no instance in {_vpc(group)} has the tag {group.tag} any more"
    left = f"its gateways stay {', '.join(group.gateways)}, and none is set up meanwhile"
    todo = f"give the tag {group.tag} to the gateways of {group.name}, and to nothing else"
    return Trouble(EpisodeKind.SEARCH, about, cause, left, todo)


def digest(about: Iterable[str]) -> str:
    """Return what stands for a set of found things in an entry's memory: six hexadecimal digits."""
    return f"{zlib.crc32(' '.join(sorted(about)).encode()) & 0xFFFFFF:06x}"
