"""A data plane whose guests do as a test tells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from natlab.cloud.cloud import Cloud
from natlab.cloud.dataplane import CommandResult, NullDataPlane
from natlab.cloud.kernel.clock import VirtualClock

Script = Callable[[str, bytes], CommandResult | None]


@dataclass
class ScriptedGuests(NullDataPlane):
    """`script` answers (instance, script) with a result, or None for a guest that never comes back."""

    script: Script = lambda _instance, _script: CommandResult(0, b"done\n")
    alive: bool = True
    ran: list[tuple[str, bytes]] = field(default_factory=list)

    def agent_alive(self, instance_id: str) -> bool:
        return self.alive

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        self.ran.append((instance_id, script))
        result = self.script(instance_id, script)
        if result is not None:
            done(result)


@dataclass
class GuestCloud:
    """A cloud on a virtual clock with a few running instances."""

    guests: ScriptedGuests = field(default_factory=ScriptedGuests)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.cloud = Cloud(clock=self.clock, data_plane=self.guests)
        vpc = self.cloud.vpc.create_vpc("10.0.0.0/8")
        self.vswitch = self.cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
        self.one = self.cloud.ecs.create_instance(self.vswitch)
        self.two = self.cloud.ecs.create_instance(self.vswitch)

    def ecs(self, action: str, **parameters: str) -> dict[str, object]:
        """Call ECS with these parameters; `InstanceId__1` stands for InstanceId.1."""
        return self._call("ecs", action, parameters)

    def oos(self, action: str, **parameters: str) -> dict[str, object]:
        """Call OOS."""
        return self._call("oos", action, parameters)

    def pass_time(self, seconds: float) -> None:
        """Let everything that is due happen."""
        with self.cloud.lock:
            self.clock.advance(seconds)

    def _call(self, product: str, action: str, parameters: dict[str, str]) -> dict[str, object]:
        given = {name.replace("__", "."): value for name, value in parameters.items()}
        return self.cloud.call(product, action, {"RegionId": self.cloud.region, **given})
