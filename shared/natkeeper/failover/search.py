"""Find what a group does not list before its loop: where nothing is known yet, or a signal names what nobody has.

A process that remembers what was found (`Ledger.finding`) fails over in two round trips, as with lists. One that does
not, or that hears of an instance or a table that no group has, looks first: the tag and the list of tables in one
round trip, then the loop, whose first reads show which tables lead to a gateway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from natkeeper.domain.config import Route
from natkeeper.domain.discovery import Finding, completed, lacking, not_found
from natkeeper.domain.episodes import EpisodeKind, Trouble
from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import Instance, owners_of
from natkeeper.domain.signals import AddressTouched, InstanceEvent, InstancesTouched, RouteTouched
from natkeeper.domain.troubles import Judged
from natkeeper.domain.world import World
from natkeeper.failover.dispatch import Occasion, plan
from natkeeper.failover.ledger import Ledger
from natkeeper.failover.reconcile import guard
from natkeeper.failover.telling import settle
from natkeeper.ports import Failure, ReadInstances, ReadRoutes, ReadTagged, ReadVpcTables
from natkeeper.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from natkeeper.domain.config import Config, Group
    from natkeeper.domain.ids import GroupName
    from natkeeper.domain.observed import RouteEntry
    from natkeeper.domain.signals import Parsed
    from natkeeper.failover.dispatch import Assignment
    from natkeeper.ports import Batch, Call, Result, Run

ABOUT = "looking for gateways and routes"
ASKED_LATELY_S = 60.0
"""How long an instance that has no tag is not asked about again: a storm of its events must not cost a read each."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a run looks for before the loop of a group: the tag, every table of the VPC, or some tables of an event."""

    group: GroupName
    tag: bool = False
    tables: bool = False
    named: tuple[TableId, ...] = ()


def searches(
    signals: Iterable[Parsed], config: Config, concerned: Iterable[str], ledgers: Mapping[str, Ledger], now: datetime
) -> tuple[Search, ...]:
    """List what to look for first. `concerned`: groups that the signals are about, as far as groups are known."""
    concerned, wanted = set(concerned), list[Search]()
    strangers, tables, any_table = set[str](), list[TableId](), False
    everyone = {gateway for group in config.groups for gateway in group.gateways}
    guarded = {route.table for group in config.groups for route in group.routes}
    for signal in signals:
        match signal:
            case InstanceEvent(instance=instance):
                strangers |= {instance} - everyone
            case InstancesTouched(instances=instances):
                strangers |= set(instances) - everyone
            case AddressTouched(instance=instance) if instance is not None:
                strangers |= {instance} - everyone
            case RouteTouched(tables=named):
                tables += [table for table in named if table not in guarded]
                any_table = any_table or not named
            case _:
                concerned |= {str(getattr(signal, "group", ""))}
    for group in config.groups:
        finds = group.finds
        ledger = ledgers.get(group.name)
        if finds is None:
            continue
        if ledger is None or ledger.finding is None or lacking(group):
            if group.name in concerned or strangers or tables or any_table:
                wanted.append(Search(group.name, tag=bool(finds.tag), tables=finds.routes))
            continue
        ask_tag = bool(finds.tag) and any(not _asked_lately(ledger, one, now) for one in strangers)
        if ask_tag:
            ledger.strangers |= dict.fromkeys(strangers, now)
        named = tuple(tables) if finds.routes else ()
        if ask_tag or named:
            wanted.append(Search(group.name, tag=ask_tag, named=named))
    return tuple(wanted)


def _asked_lately(ledger: Ledger, instance: str, now: datetime) -> bool:
    at = ledger.strangers.get(instance)
    return at is not None and 0 <= (now - at).total_seconds() < ASKED_LATELY_S


def searched(search: Search, about: Occasion, ledger: Ledger) -> Run[Receipt | None]:
    """Look for what `search` names, then run the loop of the group; None if the signals do not concern it."""
    group = about.config.group(search.group)
    assert group is not None  # noqa: S101  searches() takes it from the configuration
    finds = group.finds
    assert finds is not None  # noqa: S101  the same
    before, others = ledger.finding or Finding(), about.config.groups
    calls: list[Call[Any]] = []
    if search.tag:
        key, _, value = finds.tag.partition("=")
        calls.append(ReadTagged(finds.vpc, key, value, tuple(one.id for one in before.gateways)))
    if search.tables:
        calls.append(ReadVpcTables(finds.vpc))
    answers: list[Result] = list((yield tuple(calls))) if calls else []
    tables = search.named
    finding = before
    for call, answer in zip(calls, answers, strict=True):
        if isinstance(answer, Failure):
            if ledger.finding is None:
                what = f"the tag {finds.tag}" if isinstance(call, ReadTagged) else f"the route tables of {finds.vpc}"
                return (yield from _unguarded(group, about, ledger, f"{what} cannot be read: {answer}"))
        elif isinstance(call, ReadTagged):
            finding = finding.with_tagged(answer)
        else:
            tables = answer
    # Which of the tables lead to a gateway shows when they are read: so the group is tried with all of them.
    candidates = tuple(Route(table=table) for table in tables if table not in {r.table for r in finding.routes})
    draft = completed(group, replace(finding, routes=(*finding.routes, *candidates)), others)
    assignment = _assigned(draft, about)
    if assignment is None or not draft.gateways or not candidates:
        ledger.finding = finding
        return (yield from _go_on(completed(group, finding, others), about, ledger, {}))
    trial = guard(assignment, about.run, about.clock, about.deadline, Ledger())
    batch = next(trial)
    seen = dict(zip(batch, (yield batch), strict=True))
    trial.close()
    unread = next((a for c, a in seen.items() if isinstance(c, ReadRoutes) and isinstance(a, Failure)), None)
    if unread is not None and ledger.finding is None:
        return (yield from _unguarded(group, about, ledger, f"the route tables cannot be read: {unread}"))
    finding = _with_entries(finding, draft, seen, keep=bool(search.named))
    ledger.finding = finding
    return (yield from _go_on(completed(group, finding, others), about, ledger, seen))


def _with_entries(finding: Finding, draft: Group, seen: Mapping[Call[Any], Result], *, keep: bool) -> Finding:
    """Keep the tables whose entry leads to a gateway, and known ones that could not be read; `keep`: all known ones."""
    entries: list[RouteEntry] = []
    kept: set[TableId] = set()
    instances: list[Instance] = []
    for call, answer in seen.items():
        if isinstance(call, ReadRoutes):
            if isinstance(answer, Failure):
                kept.add(call.table)
            else:
                entries += answer
        elif isinstance(call, ReadInstances) and not isinstance(answer, Failure):
            instances += answer.values()
    new = finding.with_entries(entries, draft, owners_of(instances))
    had = (route for route in finding.routes if keep or route.table in kept)
    return replace(new, routes=tuple(dict.fromkeys((*had, *new.routes))))


def _go_on(group: Group, about: Occasion, ledger: Ledger, seen: Mapping[Call[Any], Result]) -> Run[Receipt | None]:
    """Run the loop of a group that is known now. What was `seen` a moment ago is not asked for again."""
    assignment = _assigned(group, about)
    if assignment is None:
        return None
    if lacking(group):
        return (yield from _unguarded(group, about, ledger, ""))
    others = (each for each in about.config.groups if each.name != group.name)
    ledger.guarded = (*(route for each in others for route in each.routes), *group.routes)
    ledger.others, ledger.searched = about.config.groups, about.clock()
    run = guard(about.dressed(assignment), about.run, about.clock, about.deadline, ledger)
    try:
        batch: Batch = next(run)
        if batch and all(call in seen for call in batch):
            batch = run.send([seen[call] for call in batch])
        while True:
            batch = run.send((yield batch))
    except StopIteration as stop:
        receipt: Receipt = stop.value
        return receipt


def _assigned(group: Group, about: Occasion) -> Assignment | None:
    """Return what the signals ask of `group`, as it is known now."""
    groups = tuple(group if each.name == group.name else each for each in about.config.groups)
    todo = plan(about.signals, msgspec.structs.replace(about.config, groups=groups), about.clock())
    return next((each for each in todo.assignments if each.group.name == group.name), None)


def _unguarded(group: Group, about: Occasion, ledger: Ledger, blind: str) -> Run[Receipt]:
    """Account for a group of which nothing, or not enough, was found: nobody guards it."""
    now = about.clock()
    trouble = Trouble(EpisodeKind.BLIND, (), blind) if blind else not_found(group, ledger.finding or Finding())
    world = World(group.name, now, {}, {})
    well: frozenset[EpisodeKind] = frozenset() if blind else frozenset({EpisodeKind.BLIND})
    judged = Judged(() if trouble is None else (trouble,), well)
    episodes = yield from settle(ledger, judged, world, group, now, sweep=False, may_write=False)
    sentence = f"{blind or lacking(group)}: nothing is guarded"
    return Receipt(
        about.run,
        now,
        group.name,
        ABOUT,
        "attention",
        sentence,
        episodes=episodes,
        blind=True,  # no heartbeat vouches for a group that nobody guards
        troubled=True,
    )
