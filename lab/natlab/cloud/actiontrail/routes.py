"""Which operations does ActionTrail offer?  Looking at the history, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from natlab.cloud.actiontrail.models import TrailRecord
from natlab.cloud.actiontrail.trail import Trail
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.offered import Offer, offered
from natlab.cloud.kernel.paging import by_token
from natlab.cloud.kernel.rpc import JsonObject, RpcCall, RpcService

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

VERSION = "2020-07-06"
_DEFAULT_PERIOD_S = 30 * 86400.0
_MOST = 50


class ActionTrailHandlers:
    """One method per operation."""

    def __init__(self, cloud: CloudContext, trail: Trail) -> None:
        self._cloud = cloud
        self._trail = trail

    def lookup_events(self, call: RpcCall) -> JsonObject:
        values = call.values
        now = self._cloud.clock.now() if call.as_of is None else call.as_of
        end = _moment(values.text("EndTime"), "InvalidParameterEndTime", now)
        start = _moment(values.text("StartTime"), "InvalidParameterStartTime", end - _DEFAULT_PERIOD_S)
        if start > end:
            raise ApiError("InvalidParameterCombination", "The end time must be later than the start time.")
        size = values.text("MaxResults", "20")
        if not size.isdigit() or not 0 < int(size) <= _MOST:
            raise ApiError("InvalidQueryParameter", "The specified query parameter is invalid.")
        wanted = {item.get("Key", ""): item.get("Value", "") for item in values.structs("LookupAttribute")}
        found = [
            entry
            for entry in self._trail.entries
            if entry.known_from <= now and start <= entry.at <= end and _matches(entry, wanted)
        ]
        if values.text("Direction", "BACKWARD") == "BACKWARD":
            found.reverse()
        page, token = by_token(found, values.text("NextToken"), int(size), "InvalidQueryParameter")
        return {
            "StartTime": utc(start),
            "EndTime": utc(end),
            "NextToken": token,
            "Events": [dict(entry.event) for entry in page],
        }


def _matches(entry: TrailRecord, wanted: Mapping[str, str]) -> bool:
    names = {
        "EventName": "eventName",
        "ServiceName": "serviceName",
        "EventRW": "eventRW",
        "EventType": "eventType",
        "ResourceName": "resourceName",
        "ResourceType": "resourceType",
        "EventId": "eventId",
    }
    for key, value in wanted.items():
        if key not in names:
            raise ApiError("InvalidQueryParameter", "The specified query parameter is invalid.")
        if str(entry.event[names[key]]) != value:
            return False
    return True


def _moment(text: str, code: str, default: float) -> float:
    if not text:
        return default
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise ApiError(code, "The specified time is invalid.") from None


def service(cloud: CloudContext, trail: Trail) -> RpcService:
    """The product as the server sees it."""
    offers = {
        "LookupEvents": Offer(
            ActionTrailHandlers(cloud, trail).lookup_events,
            "Direction EndTime LookupAttribute MaxResults NextToken StartTime",
        )
    }
    return RpcService(cloud, "actiontrail", "Actiontrail", VERSION, offered("actiontrail", offers), trail.reset)
