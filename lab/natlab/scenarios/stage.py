"""The running deployment that a script's steps act on, and waiting for what ought to happen there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from natlab.cloud.cloud import Cloud
from natlab.deploy import Deployer
from natlab.scenarios.course import Course
from natlab.scenarios.network import ScenarioNetwork
from natlab.scenarios.record import Record
from natlab.scenarios.testbed import Testbed
from natlab.scenarios.topology import EIP
from natlab.scenarios.traffic import Traffic


class InVain(Exception):
    """Something that was waited for did not happen in time."""


@dataclass(slots=True)
class Play:
    """What the steps of a script have at hand."""

    cloud: Cloud
    ground: Testbed
    world: ScenarioNetwork
    record: Record
    traffic: Traffic
    account: Deployer
    haste: dict[str, float] = field(default_factory=dict)
    """What the local cloud waits instead of the table's seconds; empty while a script is played."""
    course: Course = field(default_factory=Course)
    patience: float = 1.0
    fault_at: float = 0.0
    marks: dict[str, float] = field(default_factory=dict)

    def id(self, name: str) -> str:
        """The id of what the scenario calls so."""
        return self.world.ids[name]

    def now(self) -> float:
        """Seconds since the epoch, by the cloud's clock."""
        return self.cloud.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.course.sleep(seconds)

    def mark(self, name: str) -> None:
        """Give this moment a name."""
        self.marks[name] = self.now()

    def until(self, what: str, condition: Callable[[], bool], within_s: float) -> None:
        """Wait for a condition, `within_s` times the patience of the setting. Raises InVain with `what`."""
        deadline = self.now() + within_s * self.patience
        while not condition():
            if self.now() > deadline:
                raise InVain(f"waited {within_s * self.patience:g} s in vain until {what}")
            self.sleep(self.course.poll_s)

    def hop(self, table: str) -> str:
        """Where the default route of a table leads now, as the table says; empty while it is being changed."""
        entry = self.cloud.vpc.route(self.id(table))
        if entry is None or entry.status.value != "Available":
            return ""
        return self.world.name_of(entry.next_hop.id)

    def news(self) -> list[Mapping[str, Any]]:
        """What runs since the fault have told, besides that nothing was to do."""
        return [receipt for run in self.record.runs() if run.started >= self.fault_at for receipt in run.news]

    def poke(self, function: str, trigger: str) -> None:
        """Let a timer fire now, as if its minute were over."""
        self.cloud.fc.fire_timer(function, trigger)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke the failover function as a person."""
        answer = json.loads(self.course.ask(self.cloud, self.account, json.dumps(request).encode()))
        return dict(answer)

    def set_up(self, runs: int = 1) -> bool:
        """Return True if OOS has been asked that often to set gateways up, and has done it."""
        listed: Any = self.cloud.call("oos", "ListExecutions", {"RegionId": self.cloud.region})["Executions"]
        return len(listed) >= runs and all(execution["Status"] == "Success" for execution in listed)

    def eip_on(self) -> str:
        """The instance that has the EIP now; empty where there is no EIP, or it is on its way."""
        if EIP not in self.world.ids:
            return ""
        eip = self.cloud.vpc.eip(self.id(EIP))
        return self.world.name_of(eip.target_id) if eip.status.value == "InUse" else ""
