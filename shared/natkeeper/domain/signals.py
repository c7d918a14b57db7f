"""Why we woke: the types that every payload is read into (payloads.py), `Ignored(reason)` among them.

A signal says where to look and why; it is never obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from natkeeper.domain.ids import EipId, EntryId, GroupName, InstanceId, TableId

IN_A_ROW = 10
"""How many runs may follow each other, each going on with what the one before has left."""


@dataclass(frozen=True, slots=True)
class InstanceEvent:
    """ECS says something about an instance: a state, a spot notice, or a system event. `ominous`: it may fail."""

    instance: InstanceId
    what: str
    ominous: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstancesTouched:
    """ActionTrail: someone asked ECS for what ends instances, or changes them. A request, not yet an outcome."""

    instances: tuple[InstanceId, ...]
    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RouteTouched:
    """ActionTrail: someone changed route entries, or what a route table is bound to. Any id may be missing."""

    tables: tuple[TableId, ...]
    entry: EntryId | None
    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddressTouched:
    """ActionTrail: someone took an EIP off, or released it. Either id may be missing."""

    eip: EipId | None
    instance: InstanceId | None
    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The probe lost the internet at `since` and every check after that failed too.

    `lasted`: for how long, when it reported; `until`: when the watch that ended with this report would have ended by
    itself. Both where the probe says so. `function`: which probe it was, where the record says so.
    """

    group: GroupName
    since: datetime
    failures: int
    reason: str
    until: datetime | None = None
    lasted: timedelta | None = None
    function: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeBroken:
    """The probe cannot look at the internet, for want of its own resources: it says nothing about egress."""

    group: GroupName
    reason: str
    function: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionFailed:
    """Function Compute could not run an asynchronous invocation of `function`, or it failed in a way of its own."""

    function: str
    reason: str


@dataclass(frozen=True, slots=True)
class LaneLook:
    """What a watch that ended `at` says of the lane: `checks`, how many of them were `lost`.

    `answers`: whether the latest was answered, and `lasted`: for how long that has been so.
    """

    at: datetime
    checks: int
    lost: int
    answers: bool
    lasted: timedelta


@dataclass(frozen=True, slots=True)
class LossyMinutes:
    """What watches that ended `since` then lost on the default way, and in the same minutes by the lane."""

    since: datetime
    checks: int
    lost: int
    lane_checks: int
    lane_lost: int


@dataclass(frozen=True, slots=True)
class ProbeHeard:
    """A watch of the probe ended well: how many checks it took, how many of them were lost, and the address seen.

    `lane`: what it saw of the lane, where it looked at one.
    """

    group: GroupName
    checks: int
    lost: int
    public_ip: str | None = None
    function: str | None = None
    lane: LaneLook | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """The sweep of all groups is due."""

    name: str


@dataclass(frozen=True, slots=True)
class Switch:
    """A person wants the routes of `group` on `to` (or on the best standby), in `table` only or everywhere."""

    group: GroupName
    to: str | None = None
    table: TableId | None = None
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A person wants natkeeper to keep its hands off `group` for a while."""

    group: GroupName
    length: timedelta
    why: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A person ends a pause."""

    group: GroupName


@dataclass(frozen=True, slots=True)
class SetUp:
    """A person wants gateways of `group` set up now: all of them, or one."""

    group: GroupName
    gateway: InstanceId | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A person wants to know what natkeeper sees and would do; nothing is written. None means every group."""

    group: GroupName | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A person wants the sweep now, of one group or of all."""

    group: GroupName | None = None


@dataclass(frozen=True, slots=True)
class GoOn:
    """An earlier run left something of `groups` to be done; it was the `link`-th run in a row to do so."""

    groups: tuple[GroupName, ...]
    link: int


Manual = Switch | Pause | Resume | SetUp | Status | Sweep
OfProbe = ProbeReport | ProbeBroken | ProbeHeard | FunctionFailed
OfTrail = InstancesTouched | RouteTouched | AddressTouched
Signal = InstanceEvent | OfTrail | OfProbe | Timer | GoOn | Manual


@dataclass(frozen=True, slots=True)
class Ignored:
    """A payload that is none of our business, or not understandable, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A person asked for something that cannot be done as asked; `reason` tells what is accepted."""

    reason: str


Parsed = Signal | Ignored | Unclear
