"""What is felt while a scenario is played in the lab?  Private hosts go out, visitors come in by forwarded ports.

Every host opens a new connection every 50 ms and keeps busy, idle and UDP flows; a visitor out there does the same
towards every public address of the gateways. Use as a context manager around the script.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import Any, Final

from natkeeper.drill.figures import SLOW_S
from natkeeper.drill.observed import Flow, Gap, NewConnection
from natlab.real.dataplane import LabDataPlane
from natlab.real.measurement import HostMeasurement, Measurement, MeasurementPlan, offer
from natlab.real.namespaces import Namespace
from natlab.real.testbed import LabGround
from natlab.scenarios.network import PRIVATE_HOST
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import Play
from natlab.scenarios.topology import EIP

OUT: Final = "out"
HTTP_PORT, ECHO_PORT = 8000, 8007
"""Where the private host listens."""
INWARD_HTTP, INWARD_ECHO = 8080, 8017
"""The gateways' ports that are forwarded there; not the same, so that nothing works by luck."""
_CALM_S, _POLL_S = 2.0, 0.2
FORWARDS: Final[tuple[dict[str, Any], ...]] = (
    {"port": INWARD_HTTP, "to": f"{PRIVATE_HOST}:{HTTP_PORT}"},
    {"port": INWARD_ECHO, "to": f"{PRIVATE_HOST}:{ECHO_PORT}"},
)


@dataclass(frozen=True, slots=True)
class Flows:
    """How many lasting flows of each kind a host keeps outwards, and a visitor inwards; none: nobody visits."""

    busy: int = 25
    idle: int = 25
    udp: int = 5
    inward: int = 5
    every: bool = False
    """Whether visitors keep flows by every gateway, and not only by the one with the route."""


@dataclass(slots=True)
class FlowMeasurement:
    """Measures beside a play. `ways` are named once it has begun; the rest is there when it has ended."""

    flows: Flows
    ways: dict[str, str] = field(default_factory=dict)
    began_at: float = 0.0
    ended_at: float = 0.0
    attempts: list[NewConnection] = field(default_factory=list)
    lasting: list[Flow] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @contextlib.contextmanager
    def beside(self, play: Play) -> Any:
        """Measure from now on until the script has ended."""
        lab = _lab_of(play)
        with contextlib.ExitStack() as ending:
            started: list[tuple[str, Measurement]] = []
            server = offer(lab.private_host(_first(play)), HTTP_PORT, ECHO_PORT)
            ending.callback(server.communicate)
            ending.callback(self._account, started)
            for way, name, host, order in self._orders(play, lab):
                self.ways[way] = name
                started.append((way, Measurement(host, order)))
            self.began_at = time.time()
            yield
            _linger(play, dict(started)[OUT].account, self.flows.busy)

    def _orders(self, play: Play, lab: LabDataPlane) -> list[tuple[str, str, Namespace, MeasurementPlan]]:
        flows = self.flows
        outward = MeasurementPlan(busy=flows.busy, idle=flows.idle, udp=flows.udp)
        several = len(play.world.vswitches) > 1
        orders = []
        for number, (table, vswitch) in enumerate(play.world.vswitches.items()):
            way = OUT if number == 0 else f"{OUT} {table}"
            name = f"out, behind {table}" if several else "out"
            orders.append((way, name, lab.private_host(vswitch), outward))
        for number, (name, address) in enumerate(_addresses(play).items() if flows.inward else ()):
            # A flow can only be opened through the gateway that the private host's answers take.
            lasting = flows.inward if number == 0 or flows.every else 0
            order = MeasurementPlan((address, INWARD_HTTP), (address, INWARD_ECHO), busy=lasting, idle=lasting)
            orders.append((f"in {name}", f"in by {name}", lab.internet.namespace, order))
        return orders

    def _account(self, started: list[tuple[str, Measurement]]) -> None:
        for way, measurement in started:
            with contextlib.suppress(OSError):
                self._take(way, measurement.stop())
        self.ended_at = time.time()

    def _take(self, way: str, account: HostMeasurement) -> None:
        self.attempts += [
            NewConnection(each.began, each.ended, each.error, each.seen, way) for each in account.attempts
        ]
        self.lasting += [
            Flow(flow.kind, flow.number, flow.opened, flow.longest_gap_s, flow.ended, flow.error, way)
            for flow in account.flows
        ]
        self.gaps += [Gap(gap["kind"], gap["number"], gap["began"], gap["ended"], way) for gap in account.gaps]


def _linger(play: Play, account: HostMeasurement, busy: int) -> None:
    """Wait for flows: TCP that was not answered for a while asks again after about as long."""
    troubled = [each for each in list(account.attempts) if each.error or each.ended - each.began > SLOW_S]
    over = max((each.ended for each in troubled), default=play.fault_at)
    now = time.time()
    least, most = now + _CALM_S, max(now + _CALM_S, over + 1.2 * (over - play.fault_at))
    while time.time() < most:
        heard = {gap["number"] for gap in list(account.gaps) if gap["kind"] == "busy" and gap["ended"] > play.fault_at}
        if time.time() > least and len(heard) == busy:
            return
        time.sleep(_POLL_S)


def forwarding(scenario: Scenario) -> Scenario:
    """The same scenario with the ports forwarded that visitors come in by, by nginx where the scenario has it."""
    policy = scenario.policy
    added: dict[str, Any]
    if proxy := policy.get("proxy"):
        added = {"proxy": {**proxy, "stream": [*proxy.get("stream", ()), *FORWARDS]}}
    else:
        added = {"forwards": [*policy.get("forwards", ()), *FORWARDS]}
    return replace(scenario, policy={**policy, **added})


def is_served_by_each(scenario: Scenario) -> bool:
    """Whether visitors may come by a gateway that does not have the route."""
    return scenario.policy.get("way_in") == "every" or "proxy" in scenario.policy


def _lab_of(play: Play) -> LabDataPlane:
    assert isinstance(play.ground, LabGround)  # noqa: S101  a drill is played in the lab
    return play.ground.lab


def _first(play: Play) -> str:
    return next(iter(play.world.vswitches.values()))


def _addresses(play: Play) -> dict[str, str]:
    """The public addresses that a visitor may try, by the scenario's names; the first is the one with the route."""
    cloud, world = play.cloud, play.world
    if EIP in world.ids:
        return {EIP: cloud.vpc.eip(play.id(EIP)).address}
    return {gateway: cloud.ecs.instance(play.id(gateway)).public_ip for gateway in world.topology.gateways}
