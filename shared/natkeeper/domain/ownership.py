"""Whose is a route entry: this group's, another natkeeper's, or someone else's? (rule 5)

A next hop of the group is the group's. One that the configuration no longer has is still natkeeper's to leave if the
entry's memory names exactly this next hop and this group as the one that led the route there. Where two deployments
guard one route and disagree, neither undoes what the other did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import HopKind, RouteEntry
from natkeeper.domain.world import hops_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from natkeeper.domain.config import Group
    from natkeeper.domain.context import RouteContext


def left_behind(entry: RouteEntry, policy: Group) -> InstanceId | None:
    """Return the instance that the entry leads to if this group led it there and no longer has it; None otherwise.

    Before 0.2.0 memory did not name its owner; then the entry's name does, `natkeeper-GROUP`.
    """
    hop, memory = entry.next_hop, decode(entry.description)
    if hop is None or hop.kind is not HopKind.INSTANCE or hop.id in policy.gateways or not isinstance(memory, Memory):
        return None
    # A gateway that lost its tag a moment ago: this process guarded the route on it, be the entry without a word.
    if policy.finds is not None and hop.id in policy.finds.former and not of_another(entry, policy):
        return InstanceId(hop.id)
    named = bool(memory.owner or entry.name)
    return InstanceId(hop.id) if named and memory.to == hop.id and of_this_group(entry, memory, policy) else None


def guarded(memory: Memory, entry: RouteEntry, policy: Group) -> Memory:
    """Return `memory` with the gateway that the group guards the entry on, if it names neither gateway nor group yet.

    A route that natkeeper never moved has words only if something is noted: should the configuration then have another
    gateway in that one's place, the entry shows whose it is.
    """
    hop = entry.next_hop
    if memory.to or memory.owner or hop is None or hop.kind is not HopKind.INSTANCE or hop.id not in policy.gateways:
        return memory
    return replace(memory, to=hop.id, owner=policy.owner)


def former_gateways(entries: Iterable[RouteEntry], policy: Group) -> Iterator[InstanceId]:
    """List the gateways that routes were led to by this group, which no longer has them, or that keep its EIP."""
    for entry in entries:
        behind, memory = left_behind(entry, policy), decode(entry.description)
        if isinstance(memory, Memory) and memory.lane:
            continue  # it carries nobody's packets
        if behind is not None:
            yield behind
        elif isinstance(memory, Memory) and _by_interface(entry, memory, policy):
            yield InstanceId(memory.to)
        if isinstance(memory, Memory) and memory.former and memory.owner == policy.owner:
            yield InstanceId(memory.former)


def _by_interface(entry: RouteEntry, memory: Memory, policy: Group) -> bool:
    """Return True if the entry leads to an interface, and this group led it to an instance that it no longer has."""
    kind = None if entry.next_hop is None else entry.next_hop.kind
    if kind is not HopKind.NETWORK_INTERFACE or not memory.to.startswith("i-"):
        return False
    named = bool(memory.owner or entry.name)
    return named and memory.to not in policy.gateways and of_this_group(entry, memory, policy)


def of_another(entry: RouteEntry, policy: Group) -> bool:
    """Return True if the words in an entry are those of a natkeeper that guards another group."""
    memory = decode(entry.description)
    if not isinstance(memory, Memory) or memory == Memory():
        return False
    return not of_this_group(entry, memory, policy)


def another_moved(here: RouteContext) -> str:
    """Say that another natkeeper made the last move of a route; empty if this one did, or nobody can tell.

    Another group is named by the memory. Where two deployments call their group the same, a move that came while this
    process watched, and that was made for another home or to a gateway that it has not, was not made by this
    configuration.
    """
    memory, began = here.memory, here.world.so_far.watched_since
    if memory.by != "auto" or memory.since is None:
        return ""
    if memory.owner not in ("", here.policy.owner):
        return "a natkeeper that guards another group moved it"
    home = here.policy.home(here.route)
    if here.policy.tag:
        return ""  # the oldest is home, and which one that is changes with the tags
    if began is None or memory.since <= began:
        return ""
    if memory.home not in (None, home):
        return f"another natkeeper, to which {memory.home} is its home, moved it"
    # A gateway that is no more in the configuration has the route again where its EIP did not follow away from it.
    known = memory.to in ("", memory.former, *(hop.id for hop in hops_of(here.policy)))
    return "" if known else f"another natkeeper, which has {memory.to}, moved it"


def of_this_group(entry: RouteEntry, memory: Memory, policy: Group) -> bool:
    """Return True if `memory`, which `entry` holds, was written for this group."""
    if memory.owner:
        return memory.owner == policy.owner
    return entry.name in ("", f"natkeeper-{policy.name}")
