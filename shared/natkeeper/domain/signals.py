"""Why we woke: every payload that can reach the failover function, parsed into a type or `Ignored(reason)`.

A signal says where to look and why; it is never obeyed. Shapes: one CloudEvents 1.0 object of EventBridge (or a
list of them), the same ECS events as CloudMonitor pushes them, FC's timer, FC's record of a failed probe, and a
person's JSON. Nothing that an event contains is executed or interpolated anywhere (rule 10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from natkeeper.domain.ids import EipId, EntryId, GroupName, InstanceId, TableId
from natkeeper.domain.untrusted import as_moment, as_object, as_text, as_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_A_ROW = 10
"""How many runs may follow each other, each going on with what the one before has left."""
MANUAL_ACTIONS = ("switch", "pause", "resume", "setup", "status", "sweep")

_INSTANCE = re.compile(r"\bi-[a-z0-9]{3,40}")
_HOP = re.compile(r"(?:i|ngw)-[a-z0-9]{3,40}")
_TABLE = re.compile(r"\bvtb-[a-z0-9]{3,40}")
_ENTRY = re.compile(r"\brte-[a-z0-9]{3,40}")
_EIP = re.compile(r"\beip-[a-z0-9]{3,40}")
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_PAUSE = timedelta(days=30)
_LONGEST_WHY = 120
_LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True)
class InstanceEvent:
    """ECS says something about an instance: a state, a spot notice, or a system event. `ominous`: it may fail."""

    instance: InstanceId
    what: str
    ominous: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstancesTouched:
    """ActionTrail: somebody asked ECS for what ends instances, or changes them. A request, not yet an outcome."""

    instances: tuple[InstanceId, ...]
    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RouteTouched:
    """ActionTrail: somebody changed route entries, or what a route table is bound to. Any id may be missing."""

    tables: tuple[TableId, ...]
    entry: EntryId | None
    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddressTouched:
    """ActionTrail: somebody took an EIP off, or released it. Either id may be missing."""

    eip: EipId | None
    instance: InstanceId | None
    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The probe lost the internet at `since` and every look after that failed too.

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
class ProbeHeard:
    """A watch of the probe ended well: how many looks it took, how many of them were lost, and the address seen."""

    group: GroupName
    looks: int
    lost: int
    public_ip: str | None = None
    function: str | None = None


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


def parse(payload: bytes | str) -> tuple[Parsed, ...]:
    """Read what woke us. Never raises; a list of events gives one entry each, anything else exactly one."""
    try:
        data: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return (Ignored("the payload is not JSON"),)
    if isinstance(data, list):
        return tuple(_parse_one(item) for item in data) or (Ignored("the payload is an empty list"),)
    return (_parse_one(data),)


def _parse_one(data: Any) -> Parsed:  # noqa: ANN401  what arrives may be anything
    if not isinstance(data, dict):
        return Ignored(f"the payload is a {type(data).__name__}, not an object")
    if "action" in data:
        return _manual(data)
    if data.get("natkeeper") == "go-on":
        return _go_on(data)
    if "specversion" in data and "type" in data:
        return _cloud_event(data)
    if "triggerName" in data and "triggerTime" in data:
        return Timer(as_text(data["triggerName"]))
    if "requestContext" in data and "responsePayload" in data:
        return _failure_record(data)
    if "product" in data and "name" in data:
        return _cloud_monitor(data)
    return Ignored("the payload has none of the shapes natkeeper knows")


def _go_on(data: dict[str, Any]) -> Parsed:
    groups, link = as_texts(data.get("groups")), data.get("link")
    if not groups or not isinstance(link, int) or not 0 < link <= IN_A_ROW:
        return Ignored("a run left something, and its message does not say of which groups")
    return GoOn(tuple(map(GroupName, groups)), link)


# ---- events of ECS ---------------------------------------------------------------------------------------

_ECS_SOURCE = "acs.ecs"
_OMINOUS_STATES = ("Stopping", "Stopped", "Deleted")
_QUIET_STATES = ("Created", "Pending", "Starting")
_OMINOUS_STATUSES = ("Inquiring", "Scheduled", "Executing")
_QUIET_STATUSES = ("Executed", "Avoided", "Canceled", "Failed")
_SYSTEM_EVENTS = ("SystemMaintenance.", "SystemFailure.", "InstanceFailure.")


def _cloud_event(event: dict[str, Any]) -> Parsed:
    kind, source, data = as_text(event["type"]), as_text(event.get("source")), as_object(event.get("data"))
    if not data:
        return Ignored(f"the event {kind} has no data object")
    at = as_moment(event.get("time"))
    product, _, what = kind.partition(":")
    if what.startswith("ActionTrail:"):
        return _action_trail(source, data, at)
    if source != _ECS_SOURCE or product != "ecs":
        return Ignored(f"events of type {kind} from {source or 'nobody'} are not watched")
    return _instance_event(what, data, at)


def _cloud_monitor(event: dict[str, Any]) -> Parsed:
    content, name = as_object(event.get("content")), as_text(event["name"])
    if as_text(event["product"]).upper() != "ECS":
        return Ignored(f"CloudMonitor events of product {as_text(event['product'])} are not watched")
    if not content:
        return Ignored(f"the CloudMonitor event {name} has no content object")
    about = {"resourceId": event.get("resourceId"), **content}
    return _instance_event(name, about, as_moment(event.get("eventTime")))


def _instance_event(name: str, data: dict[str, Any], at: datetime | None) -> Parsed:
    """Read an ECS event whose name, without the product, is `Instance:…`; a status may follow the name."""
    named = as_text(data.get("resourceId")) or as_text(data.get("instanceId"))
    instance = named.rpartition("instance/")[2]
    if not _INSTANCE.fullmatch(instance):
        return Ignored(f"the event {name} names no instance")
    about = InstanceId(instance)
    family, _, rest = name.partition(":")
    kind, _, suffix = rest.partition(":")
    if family == "Instance" and kind == "StateChange":
        return _state_change(about, as_text(data.get("state")) or suffix, at)
    if family == "Instance" and kind == "PreemptibleInstanceInterruption":
        return InstanceEvent(about, "spot interruption", ominous=True, at=at)
    if family == "Instance" and kind.startswith(_SYSTEM_EVENTS):
        return _system_event(about, kind, as_text(data.get("eventStatus")) or suffix, at)
    return Ignored(f"events named {name} are not watched")


def _state_change(about: InstanceId, state: str, at: datetime | None) -> Parsed:
    if state in _OMINOUS_STATES:
        return InstanceEvent(about, state, ominous=True, at=at)
    if state == "Running":
        return InstanceEvent(about, state, ominous=False, at=at)
    if state in _QUIET_STATES:
        return Ignored(f"{about} is {state}, which needs nothing")
    return Ignored(f"{about} has an unknown state")


def _system_event(about: InstanceId, kind: str, status: str, at: datetime | None) -> Parsed:
    if status in _OMINOUS_STATUSES:
        return InstanceEvent(about, f"{kind} {status}", ominous=True, at=at)
    if status in _QUIET_STATUSES:
        return InstanceEvent(about, f"{kind} {status}", ominous=False, at=at)
    return Ignored(f"the event {kind} of {about} has an unknown status")


# ---- ActionTrail -----------------------------------------------------------------------------------------

_INSTANCE_CALLS = frozenset(
    (
        *("StopInstance", "StopInstances", "RebootInstance", "RebootInstances", "DeleteInstance", "DeleteInstances"),
        *("RedeployInstance", "ReplaceSystemDisk"),
    )
)
_ACTION_TRAIL = "acs.actiontrail"
"""ActionTrail's own name as a source; then the event's serviceName says whose call it is."""
_ROUTE_CALLS = frozenset(
    (
        *("ModifyRouteEntry", "DeleteRouteEntry", "DeleteRouteEntries", "CreateRouteEntry", "CreateRouteEntries"),
        *("AssociateRouteTable", "UnassociateRouteTable"),
    )
)
_ADDRESS_CALLS = frozenset(("UnassociateEipAddress", "ReleaseEipAddress"))
_OF_NETWORKS = ("acs.vpc", "acs.eip")
"""EIPs are of the VPC product by their endpoint, and of one of their own by their resource type (ACS::EIP::…)."""


def _action_trail(source: str, data: dict[str, Any], at: datetime | None) -> Parsed:
    call = as_text(data.get("eventName"))
    if data.get("errorCode"):
        return Ignored(f"the call {call} had failed, so it changed nothing")
    at = as_moment(data.get("eventTime")) or at
    request = as_object(data.get("requestParameters")) or as_object(data.get("requestParameterJson"))
    if source == _ACTION_TRAIL:
        source = f"acs.{as_text(data.get('serviceName')).lower()}"
    if source == _ECS_SOURCE and call in _INSTANCE_CALLS:
        instances = _named(_INSTANCE, "InstanceId", "ACS::ECS::Instance", data, request)
        touched = InstancesTouched(tuple(map(InstanceId, instances)), call, at)
        return touched if instances else Ignored(f"the call {call} names no instance")
    if source in _OF_NETWORKS and call in _ROUTE_CALLS:
        tables = _named(_TABLE, "RouteTableId", "ACS::VPC::RouteTable", data, request)
        entries = _named(_ENTRY, "RouteEntryId", "ACS::VPC::RouteEntry", data, request)
        return RouteTouched(tuple(map(TableId, tables)), EntryId(entries[0]) if len(entries) == 1 else None, call, at)
    if source in _OF_NETWORKS and call in _ADDRESS_CALLS:
        eips = _named(_EIP, "AllocationId", "ACS::EIP::EipAddress", data, request)
        holders = _named(_INSTANCE, "InstanceId", "ACS::ECS::Instance", data, request)
        holder = InstanceId(holders[0]) if len(holders) == 1 else None
        return AddressTouched(EipId(eips[0]) if len(eips) == 1 else None, holder, call, at)
    return Ignored(f"the call {call or '(unnamed)'} to {source} is not watched")


def _named(form: re.Pattern[str], key: str, kind: str, data: dict[str, Any], request: dict[str, Any]) -> list[str]:
    """Collect the ids of one form from every place where ActionTrail names what a call is about.

    These are the parameters called `key`, numbered (`InstanceId.1`), within others (`RouteEntries.1.RouteTableId`) or
    in lists of objects; the resources of this `kind`; and the event's resource, which has the kind beside it or none.
    """
    places = [*_values(request, key), as_object(data.get("referencedResources")).get(kind)]
    if as_text(data.get("resourceType")) in ("", kind):
        places.append(data.get("resourceName"))
    return sorted({found for place in places for text in as_texts(place) for found in form.findall(text)})


def _values(request: dict[str, Any], key: str) -> Iterator[Any]:
    """List the values of the parameters called `key`, in `request` and one level below."""
    for name, value in request.items():
        if any(part.startswith(key) for part in name.split(".")):
            yield value
        for each in value if isinstance(value, list) else ():
            yield from (inner for name, inner in as_object(each).items() if name.startswith(key))


# ---- the probe's failure record --------------------------------------------------------------------------


def _failure_record(record: dict[str, Any]) -> Parsed:
    """Read FC's asynchronous-destination record; the probe's own report is its error message."""
    response = record["responsePayload"]
    error = as_object(response)
    report = as_object(error.get("errorMessage")) if error else {}
    if report.get("natkeeper") == "probe-broken" and isinstance(report.get("group"), str):
        return ProbeBroken(GroupName(report["group"]), as_text(report.get("reason")), _function_of(record))
    if report.get("natkeeper") != "egress-lost":
        return _watch_or_failure(record)
    since, failures = report.get("since"), report.get("failures")
    group = report.get("group")
    if not isinstance(group, str) or not isinstance(since, (int, float)) or not isinstance(failures, int):
        return Ignored("the probe's report is incomplete")
    until, lasted = report.get("until"), report.get("lasted")
    try:
        lost = datetime.fromtimestamp(since, timezone.utc)
        end = datetime.fromtimestamp(until, timezone.utc) if isinstance(until, (int, float)) else None
        length = timedelta(seconds=lasted) if isinstance(lasted, (int, float)) else None
    except (ValueError, OverflowError, OSError):
        return Ignored("the probe's report has an impossible time")
    reason = as_text(report.get("reason"))
    return ProbeReport(GroupName(group), lost, failures, reason, end, length, _function_of(record))


def _watch_or_failure(record: dict[str, Any]) -> Parsed:
    """Read the record of an invocation that said nothing about egress: a watch that ended, or one that failed."""
    context, response = as_object(record["requestContext"]), record["responsePayload"]
    answer = as_object(response)
    condition = as_text(context.get("condition"))
    if not condition or condition == "Success":
        group, looks, lost = answer.get("group"), answer.get("looks"), answer.get("lost")
        if isinstance(group, str) and isinstance(looks, int) and isinstance(lost, int):
            ip = as_text(answer.get("ip")) or None
            return ProbeHeard(GroupName(group), looks, lost, ip, _function_of(record))
        return Ignored("a function ended well, and it was no watch of a probe")
    function = _function_of(record)
    if function is None:
        return Ignored("a function failed, and the record does not name it")
    said = as_text(answer.get("errorMessage")) or as_text(answer.get("errorType")) or as_text(response)
    return FunctionFailed(function, f"{condition}: {said}" if said else condition)


def _function_of(record: dict[str, Any]) -> str | None:
    """Return the function that a destination's record is about (Function Compute, requestContext.functionArn)."""
    arn = as_text(as_object(record["requestContext"]).get("functionArn"))
    return arn.rpartition("functions/")[2].partition("/")[0] or None


# ---- a person --------------------------------------------------------------------------------------------


class _SwitchRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["switch"]
    group: str
    to: str | None = None
    table: str | None = None
    force: bool = False
    dry_run: bool = False


class _PauseRequest(msgspec.Struct, forbid_unknown_fields=True, rename={"length": "for"}):
    action: Literal["pause"]
    group: str
    length: str
    why: str


class _ResumeRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["resume"]
    group: str


class _SetupRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["setup"]
    group: str
    gateway: str | None = None


class _LookRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["status", "sweep"]
    group: str | None = None


_REQUESTS: dict[str, type[msgspec.Struct]] = {
    "switch": _SwitchRequest,
    "pause": _PauseRequest,
    "resume": _ResumeRequest,
    "setup": _SetupRequest,
    "status": _LookRequest,
    "sweep": _LookRequest,
}


def _manual(data: dict[str, Any]) -> Parsed:
    action = data["action"]
    known = f"known actions: {', '.join(MANUAL_ACTIONS)}"
    if not isinstance(action, str):
        return Unclear(f"the action has to be a text; {known}")
    if action not in _REQUESTS:
        return Unclear(f"unknown action {_quoted(action)}; {known}")
    try:
        request = msgspec.convert(data, _REQUESTS[action])
    except msgspec.ValidationError as error:
        names = ", ".join(_REQUESTS[action].__struct_encode_fields__)
        return Unclear(f"{action}: {as_text(str(error))}; this action takes {names}")
    match request:
        case _SwitchRequest():
            return _switch(request)
        case _PauseRequest():
            return _pause(request)
        case _ResumeRequest():
            return Resume(GroupName(request.group))
        case _SetupRequest(group=group, gateway=gateway):
            if gateway is not None and not _INSTANCE.fullmatch(gateway):
                return Unclear(f"setup: gateway must be an instance id such as i-bp1…, not {_quoted(gateway)}")
            return SetUp(GroupName(group), None if gateway is None else InstanceId(gateway))
    assert isinstance(request, _LookRequest)  # noqa: S101  the only one left
    group_name = None if request.group is None else GroupName(request.group)
    return Status(group_name) if request.action == "status" else Sweep(group_name)


def _quoted(text: str) -> str:
    """Say back what was not understood, as far as is needed to recognise it."""
    return repr(text[:_LONGEST_QUOTE])


def _switch(request: _SwitchRequest) -> Parsed:
    if request.to is not None and not _HOP.fullmatch(request.to):
        return Unclear(f"switch: to must be an instance i-… or a NAT Gateway ngw-…, not {_quoted(request.to)}")
    if request.table is not None and not _TABLE.fullmatch(request.table):
        return Unclear(f"switch: table must be a route table id such as vtb-…, not {_quoted(request.table)}")
    table = None if request.table is None else TableId(request.table)
    return Switch(GroupName(request.group), request.to, table, request.force, request.dry_run)


def _pause(request: _PauseRequest) -> Parsed:
    match = _DURATION.fullmatch(request.length)
    if match is None:
        return Unclear(f"pause: for must be a time such as 30m or 2h, not {_quoted(request.length)}")
    length = timedelta(seconds=int(match[1]) * _UNIT_S[match[2]])
    if not timedelta(0) < length <= _LONGEST_PAUSE:
        return Unclear("pause: for must be more than nothing and at most 30d")
    why = " ".join(request.why.split())
    if not why or len(why) > _LONGEST_WHY:
        return Unclear(f"pause: why must say in 1 to {_LONGEST_WHY} characters what is going on")
    return Pause(GroupName(request.group), length, why)
