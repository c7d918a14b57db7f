"""What do events look like, and how late are they? The failover function is asked for the envelopes that it received.

Events come from what the trial does itself: a simulated maintenance of the standby, its stop, and calls that
ActionTrail reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.fields import time_of
from natkeeper.alibaba.lean_imports import lean
from natkeeper.cli.conformance.found import TrialResult
from natkeeper.cli.conformance.place import Place
from natkeeper.cli.errors import CommandError

if TYPE_CHECKING:
    from natkeeper.cli.invoke import Asker

with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models as ecs
    from alibabacloud_ecs20140526.client import Client as Ecs

Envelope = Mapping[str, Any]
ARRIVED_WITHIN_S = 300.0
"""How long to wait for an event that ActionTrail tells of."""
ASK_EVERY_S = 2.0
MAINTENANCE = "SystemMaintenance.Reboot"
_STATE, _TRAIL = "Instance:StateChange", ":ActionTrail:"


def announce(place: Place, not_before: str) -> dict[str, TrialResult]:
    """Simulate a maintenance of the standby in some hours, so that its event comes; it is cancelled at the end."""
    request = ecs.CreateSimulatedSystemEventsRequest(
        region_id=place.reach.region, instance_id=[place.standby], event_type=MAINTENANCE, not_before=not_before
    )
    refused = place.code(
        lambda a: a.clients.client(Ecs).create_simulated_system_events_with_options(request, a.options())
    )
    if refused:
        raise CommandError(f"no maintenance of {place.standby} can be simulated: {refused}")
    return {}


def received(place: Place, asker: Asker, since: datetime) -> dict[str, TrialResult]:
    """Wait for the events of the stop and of the trial's calls, and read what they look like."""
    until = place.monotonic() + ARRIVED_WITHIN_S
    while True:
        found = [
            each for each in _asked(asker) if _at(each) >= since and {place.standby, place.table} & set(each["about"])
        ]
        states = [each for each in found if _STATE in each["type"]]
        trails = [each for each in found if _TRAIL in each["type"]]
        if (states and trails) or place.monotonic() >= until:
            break
        place.sleeper(ASK_EVERY_S)
    _measure(place, states, "event.ecs.publish")
    _measure(place, trails, "event.actiontrail.publish")
    seen = {"types": sorted({f"{each['type']} of {each['source']}" for each in found})}
    return {
        "event-subject": _one("a change of the standby's state", states, lambda each: _subject(place, each), seen),
        "trail-types": _one("a call of this trial", trails, _type),
        "trail-request": _one("a call of this trial", trails, _request),
    }


def _asked(asker: Asker) -> list[Envelope]:
    found = asker.ask({"action": "received"}).get("received")
    return list(found) if isinstance(found, list) else []


def _at(envelope: Envelope) -> datetime:
    return datetime.fromisoformat(str(envelope["at"]))


def _measure(place: Place, found: list[Envelope], name: str) -> None:
    """Keep the longest delay of events: what is planned with has to be late enough."""
    times = [(_at(each), time_of(each["time"])) for each in found]
    late = [(at - made).total_seconds() for at, made in times if made is not None]
    if late:
        place.seconds[name] = round(max(0.0, *late), 2)


def _one(
    what: str, found: list[Envelope], way_of: Callable[[Envelope], str | None], more: Mapping[str, Any] | None = None
) -> TrialResult:
    """Decide by what all envelopes agree on."""
    if not found:
        return TrialResult(None, f"no event about {what} arrived within {ARRIVED_WITHIN_S:g} s", more or {})
    ways = {way_of(each) for each in found}
    seen = {"type": found[0]["type"], "subject": found[0]["subject"], "fields": found[0]["fields"], **(more or {})}
    way = ways.pop() if len(ways) == 1 else None
    return TrialResult(way, "" if way else "the events are not alike, or like none of the ways", seen)


def _subject(place: Place, envelope: Envelope) -> str | None:
    subject = str(envelope["subject"])
    if subject in ("", place.standby):
        return "id" if subject else "absent"
    return "arn" if subject.startswith("acs:") and subject.endswith(f"instance/{place.standby}") else None


def _type(envelope: Envelope) -> str | None:
    product = str(envelope["type"]).partition(":")[0]
    return {"actiontrail": "of-actiontrail", "ecs": "of-the-product", "vpc": "of-the-product"}.get(product)


def _request(envelope: Envelope) -> str | None:
    return "carried" if "requestParameters" in envelope["fields"] else "left-out"
