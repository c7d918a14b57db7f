"""What a process knows of found gateways and routes, read anew after the loop of every sweep, for the runs to come.

What is found is told in the run that finds it; no setup is started on it before the next one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from natkeeper.domain.discovery import Finding, completed, completed_all, found, not_found
from natkeeper.domain.episodes import EpisodeKind
from natkeeper.domain.observed import Instance, Unseen, owners_of
from natkeeper.domain.world import RouteView
from natkeeper.ports import Failure, ReadTagged, ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from natkeeper.domain.config import Config, Group
    from natkeeper.domain.observed import RouteEntry
    from natkeeper.domain.troubles import Judged
    from natkeeper.domain.world import World
    from natkeeper.failover.ledger import Ledger
    from natkeeper.ports import Run

FRESH = timedelta(seconds=30)
"""How long what was found before a loop need not be read again after it."""


def known(config: Config, ledgers: Mapping[str, Ledger]) -> Config:
    """Return the configuration with what this process found last."""
    return completed_all(config, {name: each.finding for name, each in ledgers.items() if each.finding is not None})


def refresh(world: World, policy: Group, ledger: Ledger, now: datetime) -> Run[str]:
    """Read once more which instances have the tag, for runs to come; return why it could not be read."""
    finds = policy.finds
    fresh = ledger.searched is not None and timedelta(0) <= now - ledger.searched < FRESH
    if finds is None or not finds.tag or fresh:
        return ""
    before = ledger.finding or Finding()
    key, _, value = finds.tag.partition("=")
    answer = yield from ask(ReadTagged(finds.vpc, key, value, tuple(one.id for one in before.gateways)))
    if isinstance(answer, Failure):
        return f"the tag {finds.tag} cannot be read, and the gateways stay as they were found: {answer}"
    carrying = {view.carries.id for view in world.routes.values() if isinstance(view, RouteView) and view.carries}
    ledger.finding = before.with_tagged(answer, carrying)
    return ""


def routes_in(entries: Iterable[RouteEntry], world: World, policy: Group, ledger: Ledger) -> Finding:
    """Say which entries of the VPC, as a survey has just read them all, lead to gateways.

    A list may have holes: a route whose entry this run has seen to be the group's, or could not see, stays.
    """
    views = world.routes.values()
    shown = [entry for view in views if isinstance(view, RouteView) for entry in view.entries]
    instances = [sight.instance for sight in world.gateways.values() if isinstance(sight.instance, Instance)]
    before = ledger.finding or Finding()
    new = before.with_entries([*entries, *shown], policy, owners_of(instances))
    unseen = tuple(r for r, view in world.routes.items() if isinstance(view, Unseen) and r not in new.routes)
    return replace(new, routes=(*new.routes, *unseen))


def with_found(judged: Judged, finding: Finding, ledger: Ledger, policy: Group) -> Judged:
    """Add what was found, and what was not, to the troubles of a group."""
    group = completed(policy, finding, ledger.others)
    before = ledger.lasting.get(EpisodeKind.FOUND)
    told = () if before is None else before.trouble.about
    news = [found(group, told), not_found(group, finding)]
    kinds = {each.kind for each in news if each is not None}
    well = {EpisodeKind.FOUND, EpisodeKind.SEARCH} - kinds
    return replace(judged, troubles=(*judged.troubles, *filter(None, news)), well=judged.well | well)


def to_set_up(policy: Group, ledger: Ledger, asked: frozenset[str]) -> Group:
    """Return the group with the gateways on which a setup may start.

    Not those that were found and not told yet, nor any while too many have the tag, unless a person `asked` for it.
    """
    too_many = ledger.finding is not None and ledger.finding.tagged is not None
    may = asked if too_many else asked | ledger.heard
    return msgspec.structs.replace(policy, gateways=tuple(gateway for gateway in policy.gateways if gateway in may))
