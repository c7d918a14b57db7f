"""Checks on a group's routes, its EIP and its fallback."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from natkeeper.cli.doctor.facts import DRY_RUN_PASSED
from natkeeper.cli.doctor.findings import Finding, advice, ok, unseen, wrong
from natkeeper.cli.doctor.gateways import behind, guarded_networks
from natkeeper.domain.config import Follow
from natkeeper.domain.memory import Unreadable, decode
from natkeeper.domain.observed import EntryStatus, HopKind
from natkeeper.domain.unguarded import unguarded
from natkeeper.domain.world import belongs
from natkeeper.failover.gateway_setup import PRIVATE
from natkeeper.ports import Failure, FailureKind

if TYPE_CHECKING:
    from natkeeper.cli.doctor.facts import DryRun, GroupFacts
    from natkeeper.domain.config import Config, Group, Route
    from natkeeper.domain.observed import RouteEntry


def routes(group: Group, ground: GroupFacts) -> Iterator[Finding]:
    """Judge every guarded route, after its table."""
    for name in dict.fromkeys(route.table for route in group.routes):
        table = ground.tables[name]
        if isinstance(table, Failure):
            yield unseen(group.name, name, table)
            continue
        if table is None:
            yield wrong(group.name, name, "does not exist in this region", "mend `routes`")
            continue
        if not behind(ground, name) and not isinstance(ground.vswitches, Failure):
            do = "bind the private vSwitches to it: aliyun vpc AssociateRouteTable"
            yield advice(group.name, name, "no vSwitch is bound to it, so nobody uses the route", do)
        for route in group.routes:
            if route.table == name:
                yield from _route(group, route, ground)
    yield from _networks(group, ground)


def _route(group: Group, route: Route, ground: GroupFacts) -> Iterator[Finding]:
    entries = ground.entries[route.table]
    if isinstance(entries, Failure):
        yield unseen(group.name, str(route), entries)
        return
    entry = next((entry for entry in entries if entry.destination == route.destination), None)
    yield from _entry(group, route, entry)
    for tried in ground.dry_runs.get(route, ()):
        yield _dry_run(group, route, tried)


def _networks(group: Group, ground: GroupFacts) -> Iterator[Finding]:
    """Judge whether gateways masquerade, and prove, for every network that is behind the guarded tables."""
    if isinstance(ground.vswitches, Failure):
        yield unseen(group.name, "networks behind the guarded route", ground.vswitches)
        return
    real = guarded_networks(ground)
    sources = [IPv4Network(source) for source in group.sources or PRIVATE]
    bare = [str(one) for one in real if not any(one.subnet_of(source) for source in sources)]
    if bare:
        names = ", ".join(bare)
        said = f"gateways do not masquerade {names}, which is behind the guarded route: its hosts get no answers"
        yield wrong(group.name, "sources", said, f"sources: [{', '.join([*map(str, sources), *bare])}]")
    unproven = [str(one) for one in real if str(one) not in group.networks]
    if group.networks and unproven:
        said = f"gateways prove nothing for {', '.join(unproven)}, which is behind the guarded route as well"
        do = f"networks: [{', '.join(map(str, real))}]"
        yield advice(group.name, "networks", said, do)


def _entry(group: Group, route: Route, entry: RouteEntry | None) -> Iterator[Finding]:
    about = str(route)
    if entry is None:
        yield advice(group.name, about, "there is no such entry yet", "the first sweep creates it")
        return
    hop = entry.next_hop
    if hop is not None and hop.kind is HopKind.HA_VIP:
        do = "point it to a gateway to have it guarded, or take it out of `routes`"
        yield wrong(group.name, about, f"goes to the HaVip {hop}, which moves by itself: natkeeper leaves it alone", do)
    elif hop is None:
        yield wrong(group.name, about, "goes to several next hops at once", "natkeeper guards routes with one")
    elif not belongs(hop, group):
        do = "point it at a gateway (natkeeper switch … --force), or leave it: natkeeper will not touch it"
        yield wrong(group.name, about, f"goes to {hop}, which is neither a gateway of the group nor its fallback", do)
    elif entry.status is not EntryStatus.AVAILABLE:
        yield advice(group.name, about, f"goes to {hop} and is {entry.status.value}", "look again in a moment")
    else:
        yield ok(group.name, about, f"goes to {hop}")
    if isinstance(decode(entry.description), Unreadable):
        do = "clear the description of the entry in the console; the next move writes it anew"
        yield advice(group.name, about, "what natkeeper remembered in its description cannot be read", do)


def _dry_run(group: Group, route: Route, tried: DryRun) -> Finding:
    """Say what the platform would say to a move."""
    to_fallback = tried.target.id == group.fallback
    about, told = f"{route} dry run{' of the fallback' if to_fallback else ''}", tried.told
    if told.code == DRY_RUN_PASSED:
        where = "the fallback" if to_fallback else "a standby"
        return ok(group.name, about, f"the platform would take a move to {where}, in place")
    if told.kind is FailureKind.NOT_IN_PLACE:
        return _not_in_place(group, about, tried, to_fallback=to_fallback)
    if told.kind is FailureKind.DENIED:
        return ok(
            group.name, about, "was not tried: these credentials move no routes, which is the function's business"
        )
    if told.kind in (FailureKind.REFUSED, FailureKind.GONE, FailureKind.WORDS):
        return wrong(group.name, about, f"the platform would refuse a move: {told}", "see the message")
    return unseen(group.name, about, told)


def _not_in_place(group: Group, about: str, tried: DryRun, *, to_fallback: bool) -> Finding:
    """Judge an entry that is not changed in place: natkeeper replaces it, if parts can carry the traffic meanwhile."""
    half = tried.half_told
    if not tried.half:
        do = "delete the entry and create it to a standby when the gateway fails, or leave the route out"
        says = (
            f"the platform changes this entry not in place, and a single address has no parts to carry it: {tried.told}"
        )
        return wrong(group.name, about, says, do)
    if half is None or half.code == DRY_RUN_PASSED or half.kind is FailureKind.DENIED:
        do = "nothing: natkeeper then replaces the entry, while entries for its parts carry the traffic (slower)"
        return advice(group.name, about, f"the platform changes this entry not in place: {tried.told}", do)
    if half.kind in (FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.BUSY):
        return unseen(group.name, about, half)
    do = "leave `fallback` out: natkeeper could not move the route there, nor back"
    if not to_fallback:
        do = "move routes by hand for now (delete and create), and report this: natkeeper cannot guard the route here"
    says = f"the platform neither changes this entry in place nor takes {tried.half} as natkeeper writes it: {half}"
    return wrong(group.name, about, says, do)


def not_guarded(group: Group, ground: GroupFacts, config: Config) -> Iterator[Finding]:
    """Name the entries of the VPC that lead to a gateway of the group and that no group guards."""
    if isinstance(ground.everywhere, Failure):
        yield unseen(group.name, "tables that nobody guards", ground.everywhere)
        return
    guarded = [route for each in config.groups for route in each.routes]
    for entry in unguarded(ground.everywhere, group, guarded):
        says = f"leads to {entry.next_hop}, and nobody guards it: it stays there when {entry.next_hop} fails"
        do = f"add {{table: {entry.table}, destination: {entry.destination}}} to `routes`, or point it elsewhere"
        yield wrong(group.name, f"{entry.destination} in {entry.table}", says, do)


def addresses(group: Group, ground: GroupFacts) -> Iterator[Finding]:
    """Judge the EIP that follows, and the fallback."""
    if isinstance(group.address, Follow):
        yield _eip(group, group.address.follow, ground)
    if group.fallback is not None:
        yield _fallback(group, group.fallback, ground)


def _eip(group: Group, wanted: str, ground: GroupFacts) -> Finding:
    eip = ground.eip
    if isinstance(eip, Failure):
        return unseen(group.name, wanted, eip)
    if eip is None:
        return wrong(group.name, wanted, "this EIP does not exist", "mend address.follow")
    if eip.holder is not None and eip.holder not in group.gateways:
        do = "free it, or name another in address.follow: natkeeper takes it from nobody but its own gateways"
        return wrong(group.name, wanted, f"({eip.address}) is bound to {eip.holder}, which is not a gateway", do)
    return ok(group.name, wanted, f"({eip.address}) is {eip.status.value}, on {eip.holder or 'no instance yet'}")


def _fallback(group: Group, wanted: str, ground: GroupFacts) -> Finding:
    nat = ground.fallback
    if isinstance(nat, Failure):
        return unseen(group.name, wanted, nat)
    if nat is None:
        return wrong(group.name, wanted, "this NAT Gateway does not exist", "mend `fallback`, or leave it out")
    if not nat.available:
        return wrong(group.name, wanted, "is not Available", "see the console for why")
    if not nat.addresses or not nat.snat:
        what = "no EIP" if not nat.addresses else "no SNAT entry"
        return wrong(group.name, wanted, f"has {what}: as a next hop it would drop everything", "give it one")
    return ok(group.name, wanted, f"is Available, seen as {', '.join(nat.addresses)}")
