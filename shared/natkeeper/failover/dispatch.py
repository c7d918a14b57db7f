"""From signals to assignments: which groups a run must look at, why, and what it may do about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.config import Config, Follow, Group
from natkeeper.domain.ids import GroupName
from natkeeper.domain.signals import (
    AddressTouched,
    FunctionFailed,
    GoOn,
    Ignored,
    InstanceEvent,
    InstancesTouched,
    Manual,
    OfProbe,
    OfTrail,
    Parsed,
    Pause,
    ProbeBroken,
    ProbeHeard,
    ProbeReport,
    Resume,
    RouteTouched,
    SetUp,
    Status,
    Sweep,
    Switch,
    Timer,
    Unclear,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from natkeeper.ports import Clock

EARLY_WARNING = timedelta(seconds=5)
"""How long to look again after a signal that something is about to happen to a gateway that carries a route."""
STALE_EVENT = timedelta(minutes=2)
"""How old an event may be and still announce anything."""

SETUPS_A_SWEEP = 50
"""Groups whose setups one sweep may start: with more groups they take turns, minute by minute."""

_PERSON = (Switch, Pause, Resume, SetUp, Status, Sweep)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Why a run looks at a group, and what it may do about it.

    `about`: the signal in words. `ominous`: gateways that the signal says are about to fail, looked at again for
    `patience`. `deleted`: gateways that are gone, as an event says.
    `check`: look through what carries the routes, whatever is known. `lossy`: the probe that lost checks, so the
    gateway that carries its route is to report how full it is. `sweep`: look after the setup of gateways as well;
    `turn`: what is due may be started in this run; `leads`: a new version of the setup is tried on this group first.
    `setup_now`: gateways to set up without waiting for their time; `by_person`: a person asked, so no pause stops it.
    `read_only`: decide and tell, write nothing. `show`: the receipt shows all that was seen, however quiet it is.
    `links`: how many runs in a row have left something of the group; `alone`: no other group waits for this run.
    """

    group: Group
    about: str
    wish: Switch | Pause | Resume | None = None
    report: ProbeReport | None = None
    ominous: frozenset[str] = frozenset()
    patience: timedelta = timedelta(0)
    deleted: frozenset[str] = frozenset()
    check: bool = False
    lossy: str | None = None
    sweep: bool = False
    turn: bool = True
    leads: bool = True
    setup_now: frozenset[str] = frozenset()
    by_person: bool = False
    read_only: bool = False
    show: bool = False
    links: int = 0
    alone: bool = True

    @property
    def asked(self) -> bool:
        """Return True if a person waits for a sweep, whose answer tells every trouble that lasts."""
        return self.sweep and self.show


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to look at, and what was not worth a check: reasons for payloads ignored, refusals for people.

    `broken`: what is known of probes that do not look; `heard`: watches that ended well.
    """

    assignments: tuple[Assignment, ...] = ()
    broken: tuple[ProbeBroken, ...] = ()
    heard: tuple[ProbeHeard, ...] = ()
    ignored: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What one run is about, whichever groups turn out to be concerned. `dressed` adds to an assignment what it knows.

    `run` is the id that receipts carry.
    """

    signals: tuple[Parsed, ...]
    config: Config
    run: str
    clock: Clock
    deadline: datetime
    dressed: Callable[[Assignment], Assignment]


@dataclass(slots=True)
class _Draft:
    assignments: dict[GroupName, Assignment] = field(default_factory=dict)
    broken: list[ProbeBroken] = field(default_factory=list)
    heard: list[ProbeHeard] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def add(self, assignment: Assignment) -> None:
        """Add an assignment; a second one for the same group becomes part of the first."""
        had = self.assignments.get(assignment.group.name)
        self.assignments[assignment.group.name] = assignment if had is None else _merge(had, assignment)


def plan(signals: Iterable[Parsed], config: Config, now: datetime) -> RunPlan:
    """Find the groups that the signals concern. A signal about a stranger is ignored with a reason (rule 10)."""
    draft = _Draft()
    signals = tuple(signals)
    # A list comes from EventBridge. A request hidden among events would be obeyed with nobody to read its answer.
    if len(signals) > 1 and any(isinstance(signal, _PERSON) for signal in signals):
        draft.unclear.append("a person's request comes alone, not in a list with others; nothing was done for it")
        signals = tuple(signal for signal in signals if not isinstance(signal, _PERSON))
    for signal in signals:
        match signal:
            case Ignored(reason=reason):
                draft.ignored.append(reason)
            case Unclear(reason=reason):
                draft.unclear.append(reason)
            case InstanceEvent() | InstancesTouched() | RouteTouched() | AddressTouched():
                _event(signal, config, now, draft)
            case ProbeReport() | ProbeBroken() | ProbeHeard() | FunctionFailed():
                _of_probe(signal, config, draft)
            case GoOn(groups=names, link=link):
                _go_on(names, link, config, draft)
            case Timer(name=name):
                _sweep(config.groups, f"timer {name}", now, draft)
            case _:
                _manual(signal, config, now, draft)
    return RunPlan(
        tuple(draft.assignments.values()),
        tuple(draft.broken),
        tuple(draft.heard),
        tuple(draft.ignored),
        tuple(draft.unclear),
    )


def _event(signal: InstanceEvent | OfTrail, config: Config, now: datetime, draft: _Draft) -> None:
    # EventBridge delivers again for a day. An old event is still a reason to look, but announces nothing any more.
    fresh = signal.at is None or now - signal.at < STALE_EVENT
    if isinstance(signal, RouteTouched):
        _route_touched(signal, config, draft)
        return
    if isinstance(signal, AddressTouched):
        _address_touched(signal, config, draft, EARLY_WARNING if fresh else timedelta(0))
        return
    # ActionTrail reports a request that may still fail. It counts as ominous, and the state of the instance decides.
    instances = (signal.instance,) if isinstance(signal, InstanceEvent) else signal.instances
    ominous = signal.ominous if isinstance(signal, InstanceEvent) else True
    concerned = [group for group in config.groups if set(group.gateways) & set(instances)]
    for group in concerned:
        named = [gateway for gateway in group.gateways if gateway in instances]
        about = f"{', '.join(named)}: {signal.what}"
        # A gateway that has just booted is set up now: as a standby it should not have to wait for its turn.
        back = isinstance(signal, InstanceEvent) and signal.what == "Running"
        assignment = Assignment(group, about, setup_now=frozenset(named) if back and fresh else frozenset())
        if ominous and fresh:
            assignment = replace(assignment, ominous=frozenset(named), patience=EARLY_WARNING)
        # ECS says so itself. A missing instance in a list alone is not taken for death (rule 11).
        if isinstance(signal, InstanceEvent) and signal.what == "Deleted":
            assignment = replace(assignment, deleted=frozenset(named))
        draft.add(assignment)
    # Most events of an account are about other instances. They are no error, but the answer says why nothing was done.
    if not concerned:
        draft.ignored.append(f"{', '.join(instances)}: {signal.what}, but no group has this gateway")


def _route_touched(signal: RouteTouched, config: Config, draft: _Draft) -> None:
    # Some requests name only an entry's id. Then any group's entry may be meant, and one read each is cheap.
    named = ", ".join(signal.tables)
    groups = [g for g in config.groups if not named or {route.table for route in g.routes} & set(signal.tables)]
    for group in groups:
        draft.add(Assignment(group, f"{signal.what} of {named or 'a route entry'}"))
    if not groups:
        draft.ignored.append(f"{signal.what} of {named}, which no group guards")


def _address_touched(signal: AddressTouched, config: Config, draft: _Draft, patience: timedelta) -> None:
    """Look at groups that may lose an address: that of the following EIP, the holder's, or all with own addresses."""
    what = f"{signal.what} of {signal.eip or 'an EIP'}"
    # An EIP that follows a route may be bound to any gateway, so only the configuration knows its group.
    following = [g for g in config.groups if isinstance(g.address, Follow) and g.address.follow == signal.eip]
    if signal.instance is None:
        groups = following or [group for group in config.groups if not isinstance(group.address, Follow)]
        assignments = [Assignment(group, what) for group in groups]
    else:
        what += f" on {signal.instance}"
        groups = following or [group for group in config.groups if signal.instance in group.gateways]
        assignments = [
            Assignment(group, what, ominous=frozenset({signal.instance}), patience=patience) for group in groups
        ]
    for assignment in assignments:
        draft.add(assignment)
    if not groups:
        draft.ignored.append(f"{what}, which concerns no group")


def _of_probe(signal: OfProbe, config: Config, draft: _Draft) -> None:
    """Sort what is known of a probe by the group that it looks for."""
    if isinstance(signal, FunctionFailed):
        _failed(signal, config, draft)
        return
    group = config.group(signal.group)
    if group is None:
        does = {ProbeBroken: "is broken", ProbeHeard: "looks"}.get(type(signal), "reports")
        draft.ignored.append(f"a probe {does} for group {signal.group!r:.60}, which does not exist")
        return
    # A probe that was deployed with an older release does not name itself. It counts as the group's first.
    known = signal.function if signal.function in group.probes else next(iter(group.probes), None)
    match replace(signal, function=known):
        # A lost check is a symptom of the path, which may mend itself: look again for some seconds, then decide.
        case ProbeReport() as report:
            about = f"the probe lost the internet ({report.failures} checks in a row)"
            draft.add(Assignment(group, about, report=report, patience=EARLY_WARNING))
        case ProbeBroken() as broken:
            draft.broken.append(broken)
        case ProbeHeard() as heard:
            draft.heard.append(heard)


def _failed(signal: FunctionFailed, config: Config, draft: _Draft) -> None:
    """A probe that failed by itself sees nothing any more: check egress in another way now."""
    for group in config.groups:
        if signal.function in group.probes:
            draft.broken.append(ProbeBroken(group.name, signal.reason, signal.function))
            draft.add(check_another_way(group))
            return
    draft.ignored.append(f"the function {signal.function:.60} failed, and it is not the probe of a group")


def with_losses(todo: RunPlan, lossy: Mapping[GroupName, ProbeHeard | ProbeReport], config: Config) -> RunPlan:
    """Have groups looked at whose probe lost checks, though its watch ended well."""
    known = {assignment.group.name for assignment in todo.assignments}
    more = []
    for name, said in lossy.items():
        group = config.group(name)
        if group is not None and name not in known and isinstance(said, ProbeHeard):
            more.append(Assignment(group, f"the probe lost {said.lost} of {said.checks} checks"))
    return replace(todo, assignments=(*todo.assignments, *more))


def _go_on(names: Iterable[str], link: int, config: Config, draft: _Draft) -> None:
    for name in names:
        group = config.group(name)
        if group is None:
            draft.ignored.append(f"something was left of group {name!r:.60}, which does not exist")
        else:
            draft.add(Assignment(group, f"what an earlier run has left ({link} in a row)", links=link))


def check_another_way(group: Group) -> Assignment:
    """Return the assignment of a group whose probe is broken: check egress as well as possible without it."""
    return Assignment(group, "the probe is broken, so its gateway is looked at another way", check=True)


def _sweep(groups: tuple[Group, ...], about: str, now: datetime, draft: _Draft, *, show: bool = False) -> None:
    """Look at all of `groups`; setups that are due are started for some of them each minute, for all in turn."""
    # OOS limits starts per minute, so hundreds of groups take turns. The minute of the clock picks them, because a
    # function has no memory that outlives a cold start.
    turns = -(-len(groups) // SETUPS_A_SWEEP)
    minute = int(now.timestamp()) // 60
    for number, group in enumerate(groups):
        turn = (number - minute) % turns == 0
        draft.add(Assignment(group, about, sweep=True, turn=turn, leads=number == 0, show=show))


def _manual(signal: Manual, config: Config, now: datetime, draft: _Draft) -> None:
    name = signal.group
    group = None if name is None else config.group(name)
    if name is not None and group is None:
        known = ", ".join(group.name for group in config.groups)
        draft.unclear.append(f"there is no group {name[:60]!r}; groups are: {known}")
        return
    groups = config.groups if group is None else (group,)
    # Setup, switch, pause and resume are about one group: the parser refuses them without its name.
    match signal:
        case Status():
            for each in groups:
                draft.add(Assignment(each, "status", read_only=True, sweep=True))
        case Sweep():
            _sweep(groups, "sweep by a person", now, draft, show=True)
        case SetUp(gateway=gateway):
            _set_up(groups[0], gateway, draft)
        case Switch(table=table):
            tables = [route.table for route in groups[0].routes]
            if table is not None and table not in tables:
                draft.unclear.append(f"group {name} does not guard {table}; its tables are: {', '.join(tables)}")
                return
            to = signal.to or "the best standby"
            about = f"a person: switch to {to}"
            draft.add(Assignment(groups[0], about, wish=signal, read_only=signal.dry_run, show=True))
        case Pause() | Resume():
            about = f"a person: {'pause' if isinstance(signal, Pause) else 'resume'}"
            draft.add(Assignment(groups[0], about, wish=signal, show=True))


def _set_up(group: Group, gateway: str | None, draft: _Draft) -> None:
    if gateway is not None and gateway not in group.gateways:
        draft.unclear.append(f"{gateway} is not of group {group.name}; its gateways: {', '.join(group.gateways)}")
        return
    gateways = frozenset(group.gateways if gateway is None else (gateway,))
    draft.add(Assignment(group, "a person: setup", setup_now=gateways, by_person=True, show=True))


def _merge(one: Assignment, other: Assignment) -> Assignment:
    """Join two assignments for one group: look for both reasons, write only if either may."""
    # What asks for more wins: one run does what both ask. The turn is the exception: a setup that waits for its turn
    # must not be started by another signal.
    return Assignment(
        group=one.group,
        about=one.about if one.about == other.about else f"{one.about}; {other.about}"[:300],
        wish=one.wish or other.wish,
        report=one.report or other.report,
        ominous=one.ominous | other.ominous,
        patience=max(one.patience, other.patience),
        deleted=one.deleted | other.deleted,
        check=one.check or other.check,
        sweep=one.sweep or other.sweep,
        turn=one.turn and other.turn,
        leads=one.leads or other.leads,
        setup_now=one.setup_now | other.setup_now,
        by_person=one.by_person or other.by_person,
        read_only=one.read_only and other.read_only,
        show=one.show or other.show,
        links=max(one.links, other.links),
    )
