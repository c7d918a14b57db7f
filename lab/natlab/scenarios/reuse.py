"""Plays scenarios one after the other on one stage, for whom a stage of its own for each would take too long.

Between two of them all is mended as people would do it: what was announced is called off, what stands still goes on,
what is off is started, natkeeper sets it up, the route goes home, and what it remembers is taken out. Where an EIP
follows, the route stays where it is; from then on, the gateway that has it is the one that scenarios call gateway-a.
For worlds of two gateways and one route table.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from natlab.scenarios import steps
from natlab.scenarios.network import FAILOVER, PROBE
from natlab.scenarios.play import READY_WITHIN_S, Result, Setting, hasty, perform, quiet_since, stage, watch
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import Play
from natlab.scenarios.topology import TABLE, A, B

_STILL_S = 0.5
"""How long nothing may run for the last event to have been heard."""
_RECOVERY = "ecs.system_failure.recovery"
_RECOVERY_S = 20.0
"""How long a failed host takes to be back, so that nobody has to wait for it: no figure comes from it."""
_FORGET_CONNECTIONS = b"#!/bin/sh\nconntrack -F 2>/dev/null || :\n"
"""A gateway that gets the route back within days knows connections that ended elsewhere, and ports are used again."""
_POKED_AGAIN_S = 1.0
_MINUTES = 3.0
"""Between two rounds, for natkeeper: the same setup is not begun twice in two."""
_OVER = "Success", "Failed", "Cancelled"


class ReadyWorld:
    """A world that is up and well."""

    def __init__(self, ready: Play) -> None:
        self.ready = ready

    def play(self, scenario: Scenario, setting: Setting) -> Result:
        """Play a scenario that fits this world; of the setting's, what makes a stage is not asked.

        Raises InVain when what the one before it broke cannot be mended.
        """
        ready = self.ready
        if ready.fault_at:
            self._mend(setting)
        ready.record.messages.clear()
        ready.record.listeners[:] = [setting.hear]
        setting.named({each: name for name, each in ready.world.ids.items()})
        return perform(ready, scenario, setting)

    def sweep(self) -> int:
        """Let a sweep look after gateways that are well; how many writes it sent."""
        ready = self.ready
        before = len(ready.record.writes)
        sweep(ready)
        return len(ready.record.writes) - before

    def _mend(self, setting: Setting) -> None:
        ready = self.ready
        if ready.hop(TABLE) == B and ready.world.topology.follow:
            ready.world = ready.record.world = ready.world.exchanged(A, B)
        ready.record.single_connections = True
        with self._in_haste(setting):
            for gateway in (ready.id(name) for name in (A, B)):
                ready.ground.thaw(gateway)
                ready.ground.lose_packets(gateway, 0.0)
                ready.cloud.ecs.call_off(gateway)
                self._start(gateway)
                ready.ground.run(gateway, _FORGET_CONNECTIONS)
            ready.until("the gateways were set up", lambda: not _setting_up(ready), 90.0)
            steps.minutes_pass(_MINUTES)(ready)
            _forget(ready)
            sweep(ready)
        _watch_anew(ready)

    def _start(self, gateway: str) -> None:
        ready, ecs = self.ready, self.ready.cloud.ecs
        ready.until("a gateway was up or down", lambda: ecs.status_of(gateway) in ("Running", "Stopped"), 60.0)
        ready.until("a failed host was back", lambda: not ecs.instance(gateway).health, 60.0)
        if ecs.status_of(gateway) == "Stopped":
            ready.cloud.call("ecs", "StartInstance", {"InstanceId": gateway})
        alive = ready.ground.data_plane.agent_alive
        if ecs.status_of(gateway) == "Running" and not alive(gateway):  # its guest died, and ECS does not see that
            ready.cloud.call("ecs", "RebootInstance", {"InstanceId": gateway, "ForceStop": "true"})
        ready.until("a gateway was up", lambda: ecs.status_of(gateway) == "Running" and alive(gateway), 60.0)

    @contextlib.contextmanager
    def _in_haste(self, setting: Setting) -> Iterator[None]:
        ready = self.ready
        with ready.cloud.lock:
            ready.haste.update(hasty(setting))
        yield
        with ready.cloud.lock:
            ready.haste.clear()
            ready.haste[_RECOVERY] = _RECOVERY_S


@contextlib.contextmanager
def kept(scenario: Scenario, setting: Setting) -> Iterator[ReadyWorld]:
    """Set a stage with the topology and the policy of a scenario. Raises DeployError, InVain."""
    with stage(scenario, setting) as ready:
        ready.haste[_RECOVERY] = _RECOVERY_S
        yield ReadyWorld(ready)


def sweep(ready: Play) -> None:
    """Let sweeps do all that is to be done, until one finds nothing, and nothing is at work any more."""
    began = poked = 0.0

    def calm() -> bool:
        nonlocal began, poked
        if _setting_up(ready):
            began = time.time()  # what it reports is not known to a run before
            return False
        if not _still(ready):
            return False
        if quiet_since(ready, began):
            return True
        if time.time() - poked > _POKED_AGAIN_S:
            poked = time.time()
            ready.poke(FAILOVER, "sweep")
        return False

    began = time.time()
    ready.until("a sweep found nothing more to do", calm, READY_WITHIN_S)


def _setting_up(ready: Play) -> bool:
    setups: Any = ready.cloud.call("oos", "ListExecutions", {"RegionId": ready.cloud.region})["Executions"]
    return any(setup["Status"] not in _OVER for setup in setups)


def _still(ready: Play) -> bool:
    """Return True if no run of natkeeper is under way, or has just ended."""
    runs = ready.record.runs()
    return all(run.finished is not None and time.time() - run.finished > _STILL_S for run in runs)


def _forget(ready: Play) -> None:
    """Bring the route home, and take from its entry what it remembers.

    A gateway that failed a minute ago is judged more slowly, and so is a report about a gateway away from home of which
    the entry does not say since when it has the route.
    """
    route = {"RouteTableId": ready.id(TABLE), "DestinationCidrBlock": "0.0.0.0/0"}
    home = {"NewNextHopId": ready.id(A), "NewNextHopType": "Instance"} if ready.hop(TABLE) != A else {}
    ready.cloud.call(
        "vpc",
        "ModifyRouteEntry",
        {"RegionId": ready.cloud.region} | route | home | {"Description": "all is well again"},
    )
    ready.until("the route was home", lambda: ready.hop(TABLE) == A, 30.0)


def _watch_anew(ready: Play) -> None:
    """End probes at work and begin one, so that every play finds the same: one watch, and room for a look."""
    with ready.cloud.lock:
        fc = ready.cloud.fc
        for waiting in fc.invocations_of(PROBE):
            fc.queue.stop(waiting)
        fc.dispatcher.end_all(PROBE)
    watch(ready)
