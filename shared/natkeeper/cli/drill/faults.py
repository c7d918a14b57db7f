"""What a drill does to a gateway, and how it is taken back. Each kind is as safe as it can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.alibaba.fields import text_of
from natkeeper.alibaba.lean_imports import lean

if TYPE_CHECKING:
    from natkeeper.alibaba.clients import Attempt
    from natkeeper.cli.client import Reach
    from natkeeper.cli.invoke import Asker

with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models
    from alibabacloud_ecs20140526.client import Client

KINDS = ("switch", "maintenance", "stop")
NOTICE = timedelta(hours=2)
"""How far ahead the rehearsed maintenance is: natkeeper moves away at once, and nothing is really going to happen."""
_EVENT = "SystemMaintenance.Reboot"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind: in words, how to begin it, and how to take it back (`undo` before the route is moved back)."""

    story: str
    begin: Callable[[], str]
    undo: Callable[[], None]


def fault(kind: str, reach: Reach, asker: Asker, group: str, gateway: str) -> Fault:
    """Make the fault of a kind for the gateway that carries the route."""
    if kind == "stop":
        return _stop(reach, gateway)
    if kind == "maintenance":
        return _maintenance(reach, gateway)

    def move() -> str:
        asker.ask({"action": "switch", "group": group})
        return "a person switches to the standby"

    return Fault(f"A planned move away from {gateway}, through natkeeper.", move, lambda: None)


def _stop(reach: Reach, gateway: str) -> Fault:
    def begin() -> str:
        # KeepCharging: a gateway that is stopped in economical mode would lose a public address of its own for good.
        request = models.StopInstanceRequest(instance_id=gateway, stopped_mode="KeepCharging")
        reach.do(f"stopping {gateway}", lambda a: _ecs(a).stop_instance_with_options(request, a.options()))
        return f"{gateway} is stopped (StopInstance)"

    def undo() -> None:
        request = models.StartInstanceRequest(instance_id=gateway)
        reach.do(f"starting {gateway}", lambda a: _ecs(a).start_instance_with_options(request, a.options()))

    return Fault(f"{gateway} is stopped, as if it had failed, and started again afterwards.", begin, undo)


def _maintenance(reach: Reach, gateway: str) -> Fault:
    created: list[str] = []

    def begin() -> str:
        request = models.CreateSimulatedSystemEventsRequest(
            region_id=reach.region,
            instance_id=[gateway],
            event_type=_EVENT,
            not_before=text_of(reach.clock() + NOTICE),
        )
        answer = reach.do(
            f"simulating a system event of {gateway}",
            lambda a: _ecs(a).create_simulated_system_events_with_options(request, a.options()),
        )
        created.extend(answer.body.event_id_set.event_id)
        return f"{gateway} is due for {_EVENT} (CreateSimulatedSystemEvents: nothing is really planned)"

    def undo() -> None:
        if not created:
            return
        request = models.CancelSimulatedSystemEventsRequest(region_id=reach.region, event_id=created)
        reach.do(
            "cancelling the simulated event",
            lambda a: _ecs(a).cancel_simulated_system_events_with_options(request, a.options()),
        )

    return Fault(f"A simulated maintenance notice for {gateway}, cancelled afterwards.", begin, undo)


def _ecs(attempt: Attempt) -> Client:
    return attempt.clients.client(Client)
