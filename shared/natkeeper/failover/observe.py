"""Build a `World` from one batch of reads: everything about a group, asked at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from natkeeper.domain.bridge import view_of
from natkeeper.domain.config import Follow, Group, Route
from natkeeper.domain.egress import EgressSeen
from natkeeper.domain.eip import TAKES, shown_by
from natkeeper.domain.health import Sight
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import (
    Eip,
    EntryStatus,
    HopKind,
    RouteEntry,
    Unseen,
    owners_of,
    resolved,
)
from natkeeper.domain.ownership import former_gateways
from natkeeper.domain.parts import parts_of
from natkeeper.domain.refusals import THE_EIP, FailureKind
from natkeeper.domain.world import RouteView, SoFar, World
from natkeeper.failover.proof import figures_of, incomplete_of, proof_of
from natkeeper.failover.seen import Seen
from natkeeper.ports import (
    Batch,
    Call,
    CheckFromFunction,
    Clock,
    Failure,
    ReadConditions,
    ReadEip,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
    ReadSetups,
    Run,
    SetupRun,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from natkeeper.domain.ids import TableId
    from natkeeper.domain.observed import Instance

T = TypeVar("T")

ONCE_MORE_S = 0.5
"""How long to wait before reading again what a list of instances lacks."""
AGREE = timedelta(seconds=3)
"""How long lists of instances have to agree that one is gone, while nothing else says so."""
SETUPS_BACK = timedelta(hours=2)
"""How far back setup runs are looked for; `setup.every` is an hour at most."""


STILL_HOLDS = timedelta(seconds=5)
"""How long a list of instances is believed where the next one does not come."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to read besides routes and instances.

    `thorough` adds what does not change within a run: conditions, the fallback. `internet` adds a check that crosses no
    gateway.
    """

    thorough: bool = True
    internet: bool = False


def observe(policy: Group, question: Question, seen: Seen, so_far: SoFar, clock: Clock) -> Run[World]:
    """Read the group's world in one batch. What could not be read is `Unseen` in it."""
    calls: dict[str, Call[Any]] = {f"routes {t}": ReadRoutes(t, concerned(policy, t)) for t in _tables(policy)}
    calls["instances"] = ReadInstances(policy.gateways)
    if isinstance(policy.address, Follow):
        calls["eip"] = ReadEip(policy.address.follow)
    if question.thorough or "instances" in seen.replaced:
        calls["conditions"] = ReadConditions(policy.gateways)
    if question.thorough and policy.fallback is not None:
        calls["fallback"] = ReadNatGateway(policy.fallback)
    if question.internet:
        calls["internet"] = CheckFromFunction(policy.probe.targets, policy.probe.check_s)
    calls = {asked: call for asked, call in calls.items() if asked not in seen.replaced}
    batch: Batch = tuple(calls.values())
    answers = yield batch
    now = clock()  # reads that follow make these no younger
    found = {**seen.replaced, **dict(zip(calls, answers, strict=True))}
    if isinstance(found.get("eip"), Failure) and not isinstance(found["instances"], Failure):
        seen.replaced["eip"] = found["eip"]  # the instances show where it is
    _resolve_interfaces(policy, found, seen)
    _learn(seen, found)
    found["instances"] = yield from _not_gone_yet(policy.gateways, found["instances"], seen, clock)
    found["instances"] = yield from _with_former(policy, found, seen, clock)
    if seen.former:  # only now it is known which interfaces are theirs
        _resolve_interfaces(policy, found, seen)
    found["instances"] = _kept_or_by_status(policy, found, seen, clock())
    return _world(policy, found, seen, so_far, now)


def _kept_or_by_status(
    policy: Group, found: Mapping[str, Any], seen: Seen, now: datetime
) -> Mapping[InstanceId, Instance | Unseen] | Failure:
    """Keep what was read of the gateways; where that failed, what this run read of them a moment ago still holds.

    Without that, their power states are taken from their conditions.
    """
    listed: Mapping[InstanceId, Instance | Unseen] | Failure = found["instances"]
    if not isinstance(listed, Failure):
        for each, at in listed.items():
            if not isinstance(at, Unseen):
                seen.keep(each, at, now)
        seen.listed = now, listed
        return listed
    if seen.listed is not None and now - seen.listed[0] < STILL_HOLDS:
        return seen.listed[1]
    conditions = found.get("conditions")
    if not isinstance(conditions, Mapping):
        return listed
    from natkeeper.failover.standing_in import by_status  # usually nothing stands in

    shown = by_status(listed.brief, conditions, (*policy.gateways, *seen.former), seen.instances)
    if all(isinstance(each, Unseen) for each in shown.values()):
        return listed
    seen.replaced["instances"] = listed
    # An event says that it was deleted, and this list does not have it either.
    return {each: at for each, at in shown.items() if each in conditions or each not in seen.gone}


def _resolve_interfaces(policy: Group, found: dict[str, Any], seen: Seen) -> None:
    """Let entries that lead to the network interface of a gateway lead to the gateway.

    The interface of an instance that is gone is known from earlier lists, or from what natkeeper wrote in the entry.
    Where nobody can say whose an interface is, because instances cannot be read, the table counts as not read: blind is
    not foreign.
    """
    listed = found["instances"]
    if not isinstance(listed, Failure):
        known = {gateway: each for gateway, each in listed.items() if not isinstance(each, Unseen)}
        for interface in [each for each, owner in seen.owners.items() if owner in known]:
            del seen.owners[interface]  # it may lead elsewhere by now
        seen.owners |= owners_of(known.values())
    for asked in [asked for asked in found if asked.startswith("routes ") and not isinstance(found[asked], Failure)]:
        found[asked] = tuple(_resolved(entry, policy, listed, seen) for entry in found[asked])
        hops = [entry.next_hop for entry in found[asked]]
        if isinstance(listed, Failure) and any(h is not None and h.kind is HopKind.NETWORK_INTERFACE for h in hops):
            found[asked] = replace(listed, message=f"whose the interface of a route is: {listed.message}")


def _resolved(
    entry: RouteEntry, policy: Group, listed: Mapping[InstanceId, Instance | Unseen] | Failure, seen: Seen
) -> RouteEntry:
    hop = entry.next_hop
    if hop is None or hop.kind is not HopKind.NETWORK_INTERFACE or hop.id in seen.owners:
        return resolved(entry, seen.owners)
    memory = decode(entry.description)
    to = memory.to if isinstance(memory, Memory) else ""
    if isinstance(listed, Failure) or to not in (*policy.gateways, *seen.former):
        return entry
    gone = isinstance(listed.get(InstanceId(to), Unseen("gone")), Unseen)
    return resolved(entry, {hop.id: InstanceId(to)}) if gone else entry


def _with_former(
    policy: Group, found: dict[str, Any], seen: Seen, clock: Clock
) -> Run[Mapping[InstanceId, Instance | Unseen] | Failure]:
    """Read also the instances that the configuration no longer has, and that routes were led to; usually there is none.

    What this run has known of them once stays known: the entry forgets it with the move.
    """
    tables = (found[f"routes {table}"] for table in _tables(policy))
    entries = (entry for table in tables if not isinstance(table, Failure) for entry in table)
    seen.former |= set(former_gateways(entries, policy)) - set(policy.gateways)
    listed: Mapping[InstanceId, Instance | Unseen] | Failure = found["instances"]
    if not seen.former:
        return listed
    ids = tuple(sorted(seen.former))
    if isinstance(listed, Failure):  # their conditions stand in for them as well
        conditions, more = found.get("conditions"), (yield (ReadConditions(ids),))[0]
        if isinstance(conditions, Mapping) and isinstance(more, Mapping):
            found["conditions"] = {**conditions, **more}
        return listed
    former = yield from _not_gone_yet(ids, (yield (ReadInstances(ids),))[0], seen, clock)
    if isinstance(former, Failure):
        former = dict.fromkeys(ids, Unseen(former.brief))
    return {**listed, **former}


def _not_gone_yet(
    ids: tuple[InstanceId, ...], listed: Mapping[InstanceId, Instance] | Failure, seen: Seen, clock: Clock
) -> Run[Mapping[InstanceId, Instance | Unseen] | Failure]:
    """Read once more what a list lacks: absence from one answer is not death, a list may have holes.

    An instance is gone when a second reading agrees, and DescribeInstancesFullStatus does not know it either, or when
    an event says Deleted. While FullStatus does not answer, what the list lacks is read again for `AGREE`; then the
    list alone decides, at once where the right to ask FullStatus is missing.
    """
    if isinstance(listed, Failure):
        return listed
    seen.gone -= set(listed)
    missing = tuple(gateway for gateway in ids if gateway not in listed and gateway not in seen.gone)
    if not missing:
        return listed
    began = clock()
    while True:
        yield (Wait(ONCE_MORE_S),)
        asked = () if isinstance(seen.conditions, Mapping) else (ReadConditions(missing),)
        again, *conditions = yield (ReadInstances(missing), *asked)
        if isinstance(again, Failure):
            seen.trouble[f"again {again.brief}"] = f"what the list of instances lacks cannot be read: {again}"
            return {**listed, **dict.fromkeys(missing, Unseen(f"one list lacks it, and {again.brief}"))}
        listed = {**listed, **again}
        missing = tuple(gateway for gateway in missing if gateway not in again)
        second = conditions[0] if conditions else seen.conditions
        if not missing or not _unanswered(second) or clock() - began >= AGREE:
            break
    known = second if isinstance(second, Mapping) else {}
    holes = [gateway for gateway in missing if gateway in known]
    seen.gone |= set(missing) - set(holes)
    if not holes:
        return listed
    from natkeeper.failover.standing_in import by_status

    return {**listed, **by_status("it is not in the list", known, holes, seen.instances)}


def _unanswered(conditions: object) -> bool:
    return isinstance(conditions, Failure) and conditions.kind is not FailureKind.DENIED


def observe_setups(policy: Group, world: World, seen: Seen, clock: Clock) -> Run[World]:
    """Read the setup reports of the group's gateways, once in a run, and add what they say to `world`.

    OOS takes its time, so they are no part of the batch on which a failover waits.
    """
    seen.asked_setups = True
    setup = policy.setup
    if setup.mode == "off":
        return world
    answers = yield (ReadSetups(setup.via, setup.template, clock() - SETUPS_BACK, policy.gateways),)
    _learn(seen, {"setups": answers[0]})
    now = clock()
    return replace(
        world,
        gateways={gateway: _reported(gateway, sight, seen, policy, now) for gateway, sight in world.gateways.items()},
    )


def _learn(seen: Seen, found: Mapping[str, Any]) -> None:
    """Keep what later rounds of this run need not ask again; a failure takes nothing away that is known."""
    if "conditions" in found and not _lost(found["conditions"], seen.conditions):
        seen.conditions = _or_unseen(found["conditions"])
    if "fallback" in found and not _lost(found["fallback"], seen.fallback):
        seen.fallback = _or_unseen(found["fallback"])
    if "setups" in found:
        setups = found["setups"]
        seen.setups = None if isinstance(setups, Failure) else setups
    _forget_checks(seen, [found[asked] for asked in found if asked.startswith("routes ")])
    for asked, answer in found.items():
        if isinstance(answer, Failure):
            seen.trouble[f"{asked} {answer.brief}"] = f"{asked} cannot be read: {answer}"
    if "internet" in found and not isinstance(found["internet"], Failure):
        seen.internet = found["internet"]


def _forget_checks(seen: Seen, tables: Sequence[Sequence[RouteEntry] | Failure]) -> None:
    """Forget a check if the entry was deleted or changed while it was taken: it need not be the hop's."""
    if any(isinstance(entries, Failure) for entries in tables):
        return
    there = {entry.id: entry for entries in tables if not isinstance(entries, Failure) for entry in entries}
    for hop, before in list(seen.checked.items()):
        entry = there.get(before.id)
        if entry is None or entry.next_hop != before.next_hop:
            del seen.checked[hop]
            seen.egress.pop(hop, None)
        elif entry.status is EntryStatus.AVAILABLE:
            del seen.checked[hop]  # what happens to the entry from now on does not touch the check


def _world(policy: Group, found: Mapping[str, Any], seen: Seen, so_far: SoFar, now: datetime) -> World:
    instances: Mapping[InstanceId, Instance | Unseen] | Unseen = _or_unseen(found["instances"])
    ids = (*policy.gateways, *sorted(seen.former))
    gateways = {gateway: _sight(gateway, instances, seen, policy, now) for gateway in ids}
    tables = {table: _or_unseen(found[f"routes {table}"]) for table in _tables(policy)}
    fallback_egress = None if policy.fallback is None else seen.egress.get(policy.fallback)
    return World(
        group=policy.name,
        at=now,
        gateways=gateways,
        routes={route: _view(route, tables[route.table], now) for route in policy.routes},
        eip=_eip(policy, cast("Eip | Unseen | None", _or_unseen(found.get("eip"))), gateways, seen, now),
        fallback=seen.fallback,
        fallback_egress=fallback_egress,
        internet=seen.internet,
        so_far=so_far,
        former=frozenset(seen.former),
        lane=_lane(policy, tables),
    )


def _lane(policy: Group, tables: Mapping[TableId, Sequence[RouteEntry] | Unseen]) -> RouteEntry | Unseen | None:
    """Find the entry for the lane's destination."""
    lane = policy.lane
    if lane is None:
        return None
    entries = tables[lane.table]
    if isinstance(entries, Unseen):
        return entries
    return next((entry for entry in entries if entry.destination == lane.destination), None)


def _eip(
    policy: Group, eip: Eip | Unseen | None, gateways: Mapping[InstanceId, Sight], seen: Seen, now: datetime
) -> Eip | Unseen | None:
    if isinstance(eip, Eip) or not isinstance(policy.address, Follow):
        return eip
    written = seen.written.get(THE_EIP)
    on_its_way = written is not None and now - written[1] < TAKES
    instances = [sight.instance for sight in gateways.values()]
    unread = Unseen("the list lacks it") if eip is None else eip
    found = shown_by(instances, policy.address.follow, unread, on_its_way=on_its_way)
    shown = on_its_way or (isinstance(found, Eip) and found.holder is not None)
    return found if shown or eip is not None else None


def _sight(
    gateway: InstanceId,
    instances: Mapping[InstanceId, Instance | Unseen] | Unseen,
    seen: Seen,
    policy: Group,
    now: datetime,
) -> Sight:
    instance = instances if isinstance(instances, Unseen) else instances.get(gateway)
    conditions = seen.conditions
    condition = conditions if conditions is None or isinstance(conditions, Unseen) else conditions.get(gateway)
    return _reported(gateway, Sight(instance, condition, seen.egress.get(gateway)), seen, policy, now)


def _reported(gateway: InstanceId, sight: Sight, seen: Seen, policy: Group, now: datetime) -> Sight:
    runs = [run for run in seen.setups or () if run.gateway == gateway and run.report is not None]
    sight = _with_report(sight, runs[0], policy, now) if runs else sight
    bared = seen.bared.get(gateway)
    if bared is not None and isinstance(sight.proof, EgressSeen) and runs[0].started < bared:
        return replace(sight, proof=None)  # by the address that it had
    return sight


def _with_report(sight: Sight, run: SetupRun, policy: Group, now: datetime) -> Sight:
    """Add what the latest finished setup run says; its start counts, by the platform's clock and not the guest's."""
    from natkeeper.guest.report import SetupReport

    if not isinstance(run.report, SetupReport):
        return sight
    proof = proof_of(run.report, sight, policy, run.started, now)
    figures = figures_of(run.report, sight, policy, run.started, now)
    sight = replace(sight, proof=proof, figures=figures, incomplete=incomplete_of(run.report))
    if run.report.ready:
        repaired = bool(run.report.found and run.report.changed)
        return replace(sight, ready_at=run.started, repaired=repaired, unproven=proof is None)
    return replace(sight, unready=run.report.sentence, unready_at=run.started)


def _view(route: Route, entries: Sequence[RouteEntry] | Unseen, now: datetime) -> RouteView | Unseen:
    return entries if isinstance(entries, Unseen) else view_of(route, entries, now)


def concerned(policy: Group, table: TableId) -> tuple[str, ...]:
    """Return the destinations whose entries in `table` say something about the group: routes, their parts, the lane."""
    routes = [route.destination for route in policy.routes if route.table == table]
    lane = [policy.lane.destination] if policy.lane is not None and policy.lane.table == table else []
    return (*dict.fromkeys(each for route in routes for each in (route, *parts_of(route))), *lane)


def _tables(policy: Group) -> tuple[TableId, ...]:
    return tuple(dict.fromkeys(route.table for route in policy.routes))


def _lost(answer: object, known: object) -> bool:
    return isinstance(answer, Failure) and known is not None and not isinstance(known, Unseen)


def _or_unseen(answer: T | Failure) -> T | Unseen:
    return Unseen(answer.brief) if isinstance(answer, Failure) else answer
