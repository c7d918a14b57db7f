"""What was done to the guarded routes, from ActionTrail: every write of natkeeper carries its reason in the request.

LookupEvents (2020-07-06) answers 50 events a page, newest first, of the last 90 days.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from natkeeper.cli.errors import trouble_of
from natkeeper.cli.output import item, with_names
from natkeeper.domain.config import Follow
from natkeeper.domain.memory import is_ours
from natkeeper.domain.parts import parts_of
from natkeeper.failover.status import reason_of
from natkeeper.ports import Failure

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from natkeeper.cli.client import RegionClients
    from natkeeper.domain.config import Group

Json = dict[str, Any]
ROUTE_CALLS = ("ModifyRouteEntry", "CreateRouteEntry", "DeleteRouteEntry")
_TAKEN_OFF = "UnassociateEipAddress"
EIP_CALLS = ("AssociateEipAddress", _TAKEN_OFF)
PER_PAGE = 50
_DRY_RUN = "DryRunOperation"
"""The error of a call that only asks whether it may: `natkeeper doctor` makes one."""
MOST_PAGES = 40


@dataclass(frozen=True, slots=True)
class Written:
    """One write to a guarded route, or to the EIP that follows it."""

    at: str
    group: str
    what: str
    to: str
    by: str
    why: str
    ours: bool
    error: str
    request_id: str

    @property
    def tried(self) -> bool:
        """Return True if the call only asked whether it may."""
        return self.error.startswith(_DRY_RUN)

    @property
    def moved(self) -> bool:
        """Return True if the call was to change where packets go, and not only a description."""
        return not self.tried and (bool(self.to) or not self.what.startswith("Modify"))

    def as_json(self) -> Json:
        """Give the JSON object, without what is empty."""
        return {key: value for key, value in asdict(self).items() if value != ""}


def events_of(reach: RegionClients, groups: Sequence[Group], since: datetime, *, everybody: bool) -> list[Written]:
    """Read the writes to the routes of `groups`, newest first; only natkeeper's own unless `everybody`."""
    follows = any(isinstance(group.address, Follow) for group in groups)
    calls = ROUTE_CALLS + (EIP_CALLS if follows else ())
    found = [event for call in calls for event in _lookup(reach, call, since)]
    written = [one for event in found if (one := _read(event, groups)) is not None]
    chosen = [one for one in written if everybody or one.ours]
    return sorted(chosen, key=lambda one: one.at, reverse=True)


def _lookup(reach: RegionClients, call: str, since: datetime) -> Iterator[Json]:
    asked = {
        "StartTime": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "LookupAttribute.1.Key": "EventName",
        "LookupAttribute.1.Value": call,
        "MaxResults": str(PER_PAGE),
    }
    for _ in range(MOST_PAGES):
        answer = reach.plain("actiontrail", "LookupEvents", asked)
        if isinstance(answer, Failure):
            raise trouble_of(answer, "reading ActionTrail")
        yield from (event for event in answer.get("Events") or () if isinstance(event, dict))
        token = answer.get("NextToken")
        if not token:
            return
        asked["NextToken"] = str(token)


def _read(event: Json, groups: Sequence[Group]) -> Written | None:
    """Read one event; None where it is about another route."""
    request = _object(event.get("requestParameters"))
    # Without the call's parameters, the resources that it is about still name the table or the EIP.
    table = str(request.get("RouteTableId") or _resource(event, "ACS::VPC::RouteTable"))
    eip = str(request.get("AllocationId") or _resource(event, "ACS::EIP::EipAddress"))
    group = next((g for g in groups if _concerns(g, table, str(request.get("DestinationCidrBlock") or ""), eip)), None)
    if group is None:
        return None
    call, description = str(event.get("eventName")), str(request.get("Description") or "")
    identity = _object(event.get("userIdentity"))
    to = request.get("NewNextHopId") or request.get("NextHopId") or request.get("InstanceId") or ""
    return Written(
        at=str(event.get("eventTime") or ""),
        group=group.name,
        what=f"{call} {request.get('DestinationCidrBlock') or ''} {table or eip}".replace("  ", " "),
        to=str(to),
        by=str(identity.get("userName") or identity.get("principalId") or "?"),
        why=reason_of(description) or description,
        ours=is_ours(description) or _by_role(identity),
        error=": ".join(str(event[key]) for key in ("errorCode", "errorMessage") if event.get(key)),
        request_id=str(event.get("requestId") or ""),
    )


def _resource(event: Json, kind: str) -> str:
    """Return the only resource of a kind that an event names; empty for none or several."""
    named = _object(event.get("referencedResources")).get(kind)
    return str(named[0]) if isinstance(named, list) and len(named) == 1 else ""


def _concerns(group: Group, table: str, destination: str, eip: str) -> bool:
    """Return True if a call named a route of the group, or one of the parts that stand in for it, or its EIP."""
    if eip:
        return isinstance(group.address, Follow) and group.address.follow == eip
    return any(
        table == route.table and destination in ("", route.destination, *parts_of(route.destination))
        for route in group.routes
    )


def _by_role(identity: Mapping[str, Any]) -> bool:
    """Return True if the caller was natkeeper's role: deletions and EIPs carry no description."""
    name = str(identity.get("userName") or "")
    return identity.get("type") == "assumed-role" and name.startswith("natkeeper")


def _object(value: object) -> Json:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def lines_of(events: Sequence[Written], console: Console, names: Mapping[str, str]) -> Iterator[Text]:
    """Lay the writes out for a person: when and what, and below it whereto, by whom and why."""
    for one in events:
        call, _, what = one.what.partition(" ")
        when = one.at.replace("T", " ").replace("Z", " UTC")
        ended = ["tried only"] if one.tried else ["[red]failed[/]"] if one.error else []
        facts = [when, one.group, call, *ended]
        way = "off" if call == _TAKEN_OFF else "to"
        about = [f"{what} {way} {one.to}" if one.to else what]
        about.append(f"by {one.by}{f': {one.why}' if one.why else ''}")
        about += [one.error] if one.error and not one.tried else []
        yield item(console, 0, facts, [with_names(each, names) for each in about])
