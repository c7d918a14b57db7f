"""Entries that lead to network interfaces: what the APIs take and show of them.

The town and the rules know next hops as instances; `via` keeps the interface by which an entry leads to one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from natkeeper.domain.observed import HopKind, NextHop, RouteEntry
from natkeeper.ports import CreateRoute, PointRoute, Result

_PREFIX = "eni-"
_PRIMARY = "1"


def by_interface(hop: NextHop) -> NextHop:
    """Return the same next hop, reached by its primary interface."""
    return replace(hop, via=f"{_PREFIX}{hop.id.removeprefix('i-')}{_PRIMARY}")


def of_instance(call: Any) -> Any:
    """Return a call that names an interface as one that names its instance."""
    if not isinstance(call, (PointRoute, CreateRoute)) or call.to.kind is not HopKind.NETWORK_INTERFACE:
        return call
    name = call.to.id.removeprefix(_PREFIX).removesuffix(_PRIMARY)
    return replace(call, to=NextHop(HopKind.INSTANCE, f"i-{name}", via=call.to.id))


def shown(result: Result) -> Result:
    """Show entries as the API does, by interface where they lead to one."""
    if not isinstance(result, tuple):
        return result
    return tuple(_shown(each) if isinstance(each, RouteEntry) else each for each in result)


def _shown(entry: RouteEntry) -> RouteEntry:
    hop = entry.next_hop
    if hop is None or not hop.via:
        return entry
    return replace(entry, next_hop=NextHop(HopKind.NETWORK_INTERFACE, hop.via))


def understood(result: Result) -> Result:
    """Return what was shown in the words of the rules."""
    if not isinstance(result, tuple):
        return result
    return tuple(_understood(each) if isinstance(each, RouteEntry) else each for each in result)


def _understood(entry: RouteEntry) -> RouteEntry:
    hop = entry.next_hop
    if hop is None or hop.kind is not HopKind.NETWORK_INTERFACE:
        return entry
    name = hop.id.removeprefix(_PREFIX).removesuffix(_PRIMARY)
    return replace(entry, next_hop=NextHop(HopKind.INSTANCE, f"i-{name}", via=hop.id))
