"""Two thousand groups in two shards: quiet sweeps of both at once, and five hundred gateways that die together.

A shard is a deployment of its own: another function, role and bundle, and a part of the groups. The shards share the
bus, the account and its quotas. The groups have no probe of their own, so a move is verified by Cloud Assistant, and
no setup. The floor of a mass death is the platform's: it takes 300 route writes a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.client import OK
from statistics import median
from typing import TYPE_CHECKING

from natlab.bench import scale
from natlab.bench.results import Figure, NotMeasuredError, Sample, counted
from natlab.bench.warm import WarmWatch, fail_over, settle
from natlab.bench.worlds import BenchWorld, Guarded, install, world
from natlab.cloud.kernel.latencies import Latencies
from natlab.cloud.kernel.rates import DOCUMENTED
from natlab.scenarios.functions import bundles

if TYPE_CHECKING:
    from natlab.cloud.kernel.wire import Request, Response

KEYS = (
    "shards_sweep_s", "shards_sweep_calls", "shards_mb", "shards_strangers_calls", "shards_half_route_s",
    "shards_last_route_s", "shards_writes_a_minute", "shards_refused_writes", "shards_lost_runs",
)  # fmt: skip
GROUPS, SHARDS, DEAD = 2000, 2, 500
QUOTA, MINUTE_S = DOCUMENTED["vpc", "ModifyRouteEntry"]
_TIMER_S, _POLL_S, _LONGEST_S = 60.0, 0.1, 600.0


def shards(sweeps: int, groups: int = GROUPS, dead: int = DEAD) -> Iterator[Figure]:
    """Measure `sweeps` quiet sweeps of all shards at once, an event in one of them, and `dead` gateways that die."""
    quick = {"eventbridge__delivery": 0.0, "fc__async__dispatch": 0.0, "fc__cold_start__platform": 0.0,
             "event__ecs__publish": 0.0}  # fmt: skip
    with world(groups, **quick) as whole:
        parts = _deployed(whole)
        whole.slow_down(scale.ROUND_TRIP_S)
        for part in parts:
            scale.sweep(part)
        yield from _quiet(parts, sweeps)
        yield _strangers(whole, parts)
        # From here on the platform takes as long as the local cloud assumes.
        whole.cloud.latencies = Latencies(1.0, {"api.round_trip": scale.ROUND_TRIP_S})
        yield from _mass_death(whole, parts, whole.groups[:: groups // dead])


def _deployed(whole: BenchWorld) -> tuple[BenchWorld, ...]:
    """Deploy a failover function for each part of the groups."""
    size = -(-len(whole.groups) // SHARDS)
    parts = tuple(
        replace(whole, groups=whole.groups[first : first + size], function=f"{whole.function}-{first // size + 1}")
        for first in range(0, len(whole.groups), size)
    )
    for part in parts:
        data = part.config(probe={"targets": ["http://www.internet.test/"]}, setup={"mode": "off"})
        install(part.cloud, bundles(data)["failover"], function=part.function)
    return parts


def _quiet(parts: Sequence[BenchWorld], sweeps: int) -> Iterator[Figure]:
    """Sweep all shards at once, as their timers do."""
    took, made, memory = [], 0, 0.0
    with ThreadPoolExecutor(len(parts)) as pool:
        for _ in range(sweeps):
            swept = list(pool.map(scale.sweep, parts))
            took.append(max(run.duration_s for run, _ in swept))
            made = sum(calls.total() for _, calls in swept)
            memory = max(memory, *(run.memory_mb for run, _ in swept))
    groups = sum(len(part.groups) for part in parts)
    said = f"{made} calls x {scale.ROUND_TRIP_S:g} s / {scale.THREADS * len(parts)} threads"
    floor = f"{said} = {made * scale.ROUND_TRIP_S / scale.THREADS / len(parts):.1f} s"
    what = f"quiet sweep of {groups} groups in {len(parts)} shards at once"
    yield Figure("shards_sweep_s", what, "s", Sample.of(took), floor)
    target = sum(scale.goal_calls(len(part.groups)) - 1 for part in parts)  # no setups, so none is listed
    yield counted("shards_sweep_calls", "… its API calls", made, target=target)
    yield counted("shards_mb", "… peak memory of a shard", memory, "MB", target=96.0)


def _strangers(whole: BenchWorld, parts: Sequence[BenchWorld]) -> Figure:
    """Fail one group over; count what the other shards call."""
    watch, (one, *others) = WarmWatch(), parts
    whole.cloud.subscribers.append(watch.event)
    whole.cloud.wire_observers.append(watch.wire)
    began = whole.cloud.clock.now()
    fail_over(one, one.groups[0], watch)
    calls = sum(len(other.asked(began)) for other in others)
    return counted("shards_strangers_calls", "API calls of a shard about another one's gateway", calls, target=0.0)


def _mass_death(whole: BenchWorld, parts: Sequence[BenchWorld], dying: Sequence[Guarded]) -> Iterator[Figure]:
    """Stop the gateways of `dying` at once; sweep each minute as the timer does, until all routes have moved."""
    cloud = whole.cloud
    settle(whole, _LONGEST_S)
    writes = RouteWrites()
    cloud.wire_observers.append(writes)
    died, began = time.perf_counter(), cloud.clock.now()
    for group in dying:
        cloud.ecs.stop(whole.hop(group))
    wanted, swept = {group.table for group in dying}, died
    while not wanted <= writes.moved.keys():
        now = time.perf_counter()
        if now - died > _LONGEST_S:
            raise NotMeasuredError(f"after {_LONGEST_S:g} s {len(wanted - writes.moved.keys())} routes had not moved")
        if now - swept >= _TIMER_S:
            swept = now
            for part in parts:
                cloud.fc.fire_timer(part.function, "sweep")
        time.sleep(_POLL_S)
    taken = sorted(writes.moved[table] - died for table in wanted)
    functions = {part.function for part in parts}
    runs = [run for run in list(cloud.fc.invocations) if run.function in functions and run.received >= began]
    minutes = max(0, -(-len(dying) // QUOTA) - 1)
    floor = f"{QUOTA} writes a minute: {minutes * MINUTE_S:.0f} s; the event: 1.2 s"
    yield Figure("shards_half_route_s", f"{len(dying)} gateways die at once: half of the routes lead away", "s",
                 Sample.of([median(taken)]), floor)  # fmt: skip
    yield Figure("shards_last_route_s", "… the last one", "s", Sample.of([taken[-1]]), floor)
    most, made = writes.most_within(MINUTE_S), f"{len(writes.accepted)} for {len(dying)} moves"
    yield counted("shards_writes_a_minute", "… most route writes accepted within a minute", most, floor=made,
                  target=float(QUOTA))  # fmt: skip
    yield counted("shards_refused_writes", "… route writes that the platform refused", writes.refused)
    yield counted("shards_lost_runs", "… runs that failed", sum(run.ended and not run.ok for run in runs),
                  floor=f"of {len(runs)}", target=0.0)  # fmt: skip


@dataclass(slots=True)
class RouteWrites:
    """An observer of the wire: when route writes were accepted, when each table was moved, how many were refused."""

    accepted: list[float] = field(default_factory=list)
    moved: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    def __call__(self, request: Request, response: Response) -> None:
        if request.headers.get("x-acs-action") != "ModifyRouteEntry":
            return
        if response.status != OK:
            self.refused += 1
            return
        now = time.perf_counter()
        self.accepted.append(now)
        if "NewNextHopId" in request.query:
            self.moved.setdefault(request.query["RouteTableId"], now)

    def most_within(self, seconds: float) -> int:
        """Count the accepted writes of the busiest stretch of so many seconds."""
        times, first, most = sorted(self.accepted), 0, 0
        for last, at in enumerate(times):
            while at - times[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most
