"""What a drill does to a gateway, and how it is taken back. Each kind is as safe as it can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.alibaba.fields import text_of, there
from natkeeper.alibaba.lean_imports import lean
from natkeeper.cli.errors import Refused
from natkeeper.ports import Failure

if TYPE_CHECKING:
    from natkeeper.alibaba.clients import Attempt
    from natkeeper.cli.client import RegionClients
    from natkeeper.cli.drill.journal import Journal
    from natkeeper.cli.invoke import Asker

with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models
    from alibabacloud_ecs20140526.client import Client

NOTICE = timedelta(hours=2)
"""How far ahead the rehearsed maintenance is: natkeeper moves away at once, and nothing is really going to happen."""
_EVENT = "SystemMaintenance.Reboot"
_OPEN = ("Inquiring", "Scheduled", "Executing")


@dataclass(frozen=True, slots=True)
class DrillFault:
    """One kind: in words, and how to begin it. restore.py takes it back."""

    story: str
    begin: Callable[[], str]


def fault(kind: str, reach: RegionClients, asker: Asker, journal: Journal) -> DrillFault:
    """Make the fault of a kind for the gateway that carries the route."""
    if kind == "stop":
        return _stop(reach, journal.gateway)
    if kind == "maintenance":
        return _maintenance(reach, journal)

    def move() -> str:
        answer = asker.ask({"action": "switch", "group": journal.group})
        refused = [each["sentence"] for each in answer.get("receipts", ()) if each.get("outcome") == "refused"]
        if refused:
            raise Refused("; ".join(refused))
        return "a person switches to the standby"

    return DrillFault(f"A planned move away from {journal.gateway}, through natkeeper.", move)


def start_instance(reach: RegionClients, gateway: str) -> Failure | None:
    """Start a gateway; returns why not."""
    request = models.StartInstanceRequest(instance_id=gateway)
    answer = reach.try_(lambda a: _ecs(a).start_instance_with_options(request, a.options()))
    return answer if isinstance(answer, Failure) else None


def cancel_notice(reach: RegionClients, gateway: str, not_before: str) -> Failure | None:
    """Cancel the drill's notice; returns why not.

    It is found by its time and not by an id: the answer that had the id may never have come, or a repeated call made
    two. The platform refuses to cancel what is not simulated, so a real notice is safe (CancelSimulatedSystemEvents).
    """
    found = reach.try_(lambda attempt: _notices(attempt, gateway, not_before))
    if isinstance(found, Failure):
        return found
    if not found:
        return None
    request = models.CancelSimulatedSystemEventsRequest(region_id=reach.region, event_id=found)
    answer = reach.try_(lambda a: _ecs(a).cancel_simulated_system_events_with_options(request, a.options()))
    return answer if isinstance(answer, Failure) else None


def _notices(attempt: Attempt, gateway: str, not_before: str) -> list[str]:
    """List the events of a gateway that are due at that time and not cancelled."""
    request = models.DescribeInstancesFullStatusRequest(region_id=attempt.region, instance_id=[gateway])
    answer = _ecs(attempt).describe_instances_full_status_with_options(request, attempt.options())
    instances = there(answer.body.instance_full_status_set, "InstanceFullStatusSet").instance_full_status_type or []
    return [
        str(event.event_id)
        for instance in instances
        for event in (instance.scheduled_system_event_set.scheduled_system_event_type or [])
        if event.not_before == not_before and event.event_cycle_status.name in _OPEN
    ]


def _stop(reach: RegionClients, gateway: str) -> DrillFault:
    def begin() -> str:
        # KeepCharging: a gateway that is stopped in economical mode would lose a public address of its own for good.
        request = models.StopInstanceRequest(instance_id=gateway, stopped_mode="KeepCharging")
        reach.do(f"stopping {gateway}", lambda a: _ecs(a).stop_instance_with_options(request, a.options()))
        return f"{gateway} is stopped (StopInstance)"

    return DrillFault(f"{gateway} is stopped, as if it had failed, and started again afterwards.", begin)


def _maintenance(reach: RegionClients, journal: Journal) -> DrillFault:
    gateway = journal.gateway

    journal.not_before = text_of(reach.clock() + NOTICE)

    def begin() -> str:
        request = models.CreateSimulatedSystemEventsRequest(
            region_id=reach.region,
            instance_id=[gateway],
            event_type=_EVENT,
            not_before=journal.not_before,
        )
        reach.do(
            f"simulating a system event of {gateway}",
            lambda a: _ecs(a).create_simulated_system_events_with_options(request, a.options()),
        )
        return f"{gateway} is due for {_EVENT} (CreateSimulatedSystemEvents: nothing is really planned)"

    return DrillFault(f"A simulated maintenance notice for {gateway}, cancelled afterwards.", begin)


def _ecs(attempt: Attempt) -> Client:
    return attempt.clients.client(Client)
