"""Read what woke the failover function: every payload becomes a signal or `Ignored(reason)`.

Shapes: one CloudEvents 1.0 object of EventBridge (or a list of them), the same ECS events as CloudMonitor pushes them,
FC's timer, FC's record of a failed probe, and a person's JSON (requests.py). Nothing that an event contains is executed
or interpolated anywhere (rule 10).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from natkeeper.domain.ids import EipId, EntryId, GroupName, InstanceId, TableId
from natkeeper.domain.signals import (
    IN_A_ROW,
    AddressTouched,
    FunctionFailed,
    GoOn,
    Ignored,
    InstanceEvent,
    InstancesTouched,
    LaneLook,
    Parsed,
    ProbeBroken,
    ProbeHeard,
    ProbeReport,
    RouteTouched,
    Timer,
)
from natkeeper.domain.untrusted import as_moment, as_object, as_text, as_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTANCE = re.compile(r"\bi-[a-z0-9]{3,40}")
_TABLE = re.compile(r"\bvtb-[a-z0-9]{3,40}")
_ENTRY = re.compile(r"\brte-[a-z0-9]{3,40}")
_EIP = re.compile(r"\beip-[a-z0-9]{3,40}")


def parse(payload: bytes | str) -> tuple[Parsed, ...]:
    """Read what woke us. Never raises; a list of events gives one entry each, anything else exactly one.

    An event may also be the JSON text of one.
    """
    try:
        data: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return (Ignored("the payload is not JSON"),)
    if isinstance(data, list):
        return tuple(_parse_one(as_object(item) or item) for item in data) or (Ignored("the payload is an empty list"),)
    return (_parse_one(as_object(data) or data),)


def _parse_one(data: Any) -> Parsed:  # noqa: ANN401  what arrives may be anything
    if not isinstance(data, dict):
        return Ignored(f"the payload is a {type(data).__name__}, not an object")
    if "action" in data:
        from natkeeper.domain.requests import request_of  # only people ask; events need none of it

        return request_of(data)
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
        group, checks, lost = answer.get("group"), answer.get("looks"), answer.get("lost")
        if isinstance(group, str) and isinstance(checks, int) and isinstance(lost, int):
            ip = as_text(answer.get("ip")) or None
            return ProbeHeard(
                GroupName(group), checks, lost, ip, _function_of(record), _lane(as_object(answer.get("lane")))
            )
        return Ignored("a function ended well, and it was no watch of a probe")
    function = _function_of(record)
    if function is None:
        return Ignored("a function failed, and the record does not name it")
    said = as_text(answer.get("errorMessage")) or as_text(answer.get("errorType")) or as_text(response)
    return FunctionFailed(function, f"{condition}: {said}" if said else condition)


def _lane(told: dict[str, Any]) -> LaneLook | None:
    """Read what a watch says of the lane; None where it says nothing, or nothing that can be true."""
    at, looks, lost, answers, lasted = (told.get(key) for key in ("at", "looks", "lost", "answers", "lasted"))
    if not (isinstance(looks, int) and isinstance(lost, int) and isinstance(answers, bool)):
        return None
    if not (isinstance(at, (int, float)) and isinstance(lasted, (int, float))):
        return None
    try:
        return LaneLook(datetime.fromtimestamp(at, timezone.utc), looks, lost, answers, timedelta(seconds=lasted))
    except (ValueError, OverflowError, OSError):
        return None


def _function_of(record: dict[str, Any]) -> str | None:
    """Return the function that a destination's record is about (Function Compute, requestContext.functionArn)."""
    arn = as_text(as_object(record["requestContext"]).get("functionArn"))
    return arn.rpartition("functions/")[2].partition("/")[0] or None
