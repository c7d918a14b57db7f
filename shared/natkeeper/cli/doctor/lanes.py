"""Checks on a group's lane: whether it is there, whose it is, and whether its address may be one."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from natkeeper.cli.doctor.findings import Finding, advice, ok, unseen, wrong
from natkeeper.domain.lane import is_lane, left_over
from natkeeper.domain.observed import EntryStatus
from natkeeper.ports import Failure

if TYPE_CHECKING:
    from natkeeper.cli.doctor.facts import GroupFacts
    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.observed import RouteEntry


def lane(group: Group, ground: GroupFacts) -> Iterator[Finding]:
    """Judge the lane that the group wants, and name those that it no longer has."""
    everywhere = () if isinstance(ground.everywhere, Failure) else ground.everywhere
    for old in left_over(everywhere, group):
        says = "is a lane that the configuration no longer has"
        yield advice(group.name, f"{old.destination} in {old.table}", says, "nothing: a sweep deletes it")
    if group.lane is None:
        return
    entries = ground.entries[group.lane.table]
    if isinstance(entries, Failure):
        yield unseen(group.name, f"lane {group.lane}", entries)
        return
    entry = next((entry for entry in entries if entry.destination == group.lane.destination), None)
    yield _entry(group, group.lane, entry)
    address, vswitches = IPv4Address(group.probe.lane_address), ground.vswitches
    inside = [] if isinstance(vswitches, Failure) else [v for v in vswitches if address in IPv4Network(v.cidr)]
    if inside:
        says = f"{address} lies in {inside[0].id} ({inside[0].cidr}), so no route of the table leads it anywhere"
        yield wrong(group.name, f"lane {group.lane}", says, "choose an address on the internet for probe.lane")


def _entry(group: Group, wanted: Route, entry: RouteEntry | None) -> Finding:
    about = f"lane {wanted}"
    if entry is None:
        do = "see what speaks against each standby; a sweep leads the lane through the first that is fit and set up"
        return advice(group.name, about, "there is no such entry, so nothing proves a standby now", do)
    if not is_lane(entry, group):
        says = f"goes to {entry.next_hop or 'several next hops'}, and natkeeper did not lead it there: it is left alone"
        do = "choose another address for probe.lane, or delete the entry"
        return wrong(group.name, about, says, do)
    if entry.status is not EntryStatus.AVAILABLE:
        return advice(group.name, about, f"is {entry.status.value}", "look again in a moment")
    return ok(group.name, about, f"goes through {entry.next_hop}")
