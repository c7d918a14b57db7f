"""From the bus's taking of an event to the answer that the route is changed, against two round trips.

Deliveries cost nothing here, so that what remains is natkeeper's: the platform's own share is unpublished. The floor
is measured by a function that makes the same two calls with http.client, in turns with the failovers.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import OK
from pathlib import Path

from natlab.bench.results import Figure, NotMeasuredError, Sample, counted
from natlab.bench.worlds import FAILOVER, BenchWorld, Guarded, install, put_function, world
from natlab.cloud.ecs.models import InstanceStatus
from natlab.cloud.fc.models import Invocation
from natlab.cloud.kernel.events import Event
from natlab.cloud.kernel.wire import Request, Response
from natlab.scenarios.functions import bundles

ROUND_TRIP_S = 0.02
GOAL_MS, GOAL_MB = 50.0, 96.0
_LONGEST_S = 30.0
_FLOOR = "bench-floor"
KEYS = "warm_ms", "warm_overhead_ms", "cold_failover_ms", "cold_peak_mb", "event_calls"


@dataclass(slots=True)
class WarmWatch:
    """Notes when an event was taken by the bus, and when the answer to the next change of a route left."""

    taken: float = 0.0
    answered: threading.Event = field(default_factory=threading.Event)
    at: float = 0.0

    def expect(self) -> None:
        """Forget what came before."""
        self.taken = 0.0
        self.answered.clear()

    def event(self, event: Event) -> None:
        """A subscriber of the bus, asked right after it took the event."""
        if not self.taken and event["type"] == "ecs:Instance:StateChange":
            self.taken = time.perf_counter()

    def wire(self, request: Request, response: Response) -> None:
        """An observer of the wire, asked when an answer is about to leave."""
        moves = request.headers.get("x-acs-action") == "ModifyRouteEntry" and "NewNextHopId" in request.query
        if moves and response.status == OK and not self.answered.is_set():
            self.at = time.perf_counter()
            self.answered.set()


@dataclass(frozen=True, slots=True)
class Failover:
    """What one failover took; `ms` from the event to the answered write, `calls` until the run ended."""

    ms: float
    calls: tuple[str, ...]
    run: Invocation


def warm(runs: int) -> list[Figure]:
    """Measure failovers of a warm function, and one cold one for its memory."""
    with prepared(1) as (here, watch):
        group = here.groups[0]
        settle(here)
        here.cool_down()
        cold = fail_over(here, group, watch)
        taken, floors = [], []
        last = cold
        for _ in range(runs):
            floors.append(_floor(here, group))
            last = fail_over(here, group, watch)
            taken.append(last.ms)
        memory = max(run.memory_mb for run in here.cloud.fc.invocations if run.function == FAILOVER)
    floor = Sample.of(floors)
    overhead = Sample.of([one - other for one, other in zip(taken, floors, strict=True)])
    said = f"two round trips {floor.median:.0f} ms"
    return [
        Figure("warm_ms", "event to accepted write, warm", "ms", Sample.of(taken), said),
        Figure("warm_overhead_ms", "the same, above the floor", "ms", overhead, said, GOAL_MS),
        Figure("cold_failover_ms", "event to accepted write, cold", "ms", Sample.of([cold.ms]), said),
        counted("cold_peak_mb", "peak memory of a whole failover", memory, "MB", target=GOAL_MB),
        counted("event_calls", "API calls of one failover, to its end", len(last.calls), "",
                floor="reads of table, instances and conditions, and the write: 4"),
    ]  # fmt: skip


@contextmanager
def prepared(groups: int) -> Iterator[tuple[BenchWorld, WarmWatch]]:
    """A world with the functions deployed and a watch over it."""
    latencies = {"api__round_trip": ROUND_TRIP_S, "eventbridge__delivery": 0.0, "fc__async__dispatch": 0.0,
                 "fc__cold_start__platform": 0.0, "event__ecs__publish": 0.0}  # fmt: skip
    with world(groups, **latencies) as here:
        install(here.cloud, bundles(here.config(setup={"mode": "off"}))["failover"], here.groups[0])
        source = Path(__file__).with_name("floor_function.py").read_text(encoding="utf-8")
        put_function(here.cloud, _FLOOR, source, BENCH=here.cloud.endpoint.removeprefix("http://"))
        _floor(here, here.groups[0])
        watch = WarmWatch()
        here.cloud.subscribers.append(watch.event)
        here.cloud.wire_observers.append(watch.wire)
        yield here, watch


def fail_over(here: BenchWorld, group: Guarded, watch: WarmWatch) -> Failover:
    """Stop the gateway that carries the route; bring it back when the run is over. Raises NotMeasuredError."""
    cloud, dying = here.cloud, here.hop(group)
    settle(here)
    began = cloud.clock.now()
    watch.expect()
    cloud.ecs.stop(dying)
    if not watch.answered.wait(_LONGEST_S):
        raise NotMeasuredError(f"the route still goes to {here.hop(group)}; {_log(here)}")
    settle(here)
    runs = [run for run in cloud.fc.invocations if run.function == here.function and run.received >= began]
    moving = next(run for run in runs if b'"changed"' in run.result)
    ended = moving.finished or cloud.clock.now()
    calls = tuple(call.action for call in here.asked(moving.started or began) if call.at <= ended)
    cloud.ecs.start(dying)
    settle(here)
    return Failover(1000 * (watch.at - watch.taken), calls, moving)


def settle(here: BenchWorld, longest_s: float = _LONGEST_S) -> None:
    """Wait until machines have changed their state and every invocation is over. Raises NotMeasuredError."""
    cloud, quiet, until = here.cloud, 0, time.monotonic() + longest_s
    while quiet < 3:  # noqa: PLR2004  checks in a row, so that what one thing leads to is seen as well
        if time.monotonic() > until:
            raise NotMeasuredError(f"something never ends; {_log(here)}")
        busy = any(not run.ended for run in list(cloud.fc.invocations))
        changing = any(
            cloud.ecs.instance(gateway).status not in (InstanceStatus.RUNNING, InstanceStatus.STOPPED)
            for group in here.groups[:3]
            for gateway in group.gateways
        )
        quiet = 0 if busy or changing else quiet + 1
        time.sleep(0.1)


def _floor(here: BenchWorld, group: Guarded) -> float:
    settle(here)
    asked = {"region": here.cloud.region, "table": group.table}
    told = here.cloud.fc.invoke(_FLOOR, json.dumps(asked).encode())
    if not told.ok:
        raise NotMeasuredError(f"the floor was not measured: {told.result.decode()}")
    return 1000 * float(json.loads(told.result))


def _log(here: BenchWorld) -> str:
    runs = [run for run in here.cloud.fc.invocations if run.function == here.function]
    return f"the last run said {runs[-1].result.decode()[:500]}" if runs else "no run was started"
