"""A thousand copies of one event within a second, and another group's gateway that stops among them.

The platform promises to deliver each event at least once, and nothing about how often. What matters is that both
routes are moved soon and once, that nothing is lost, and what the copies cost in calls and in memory.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from natlab.bench.results import Figure, NotMeasuredError, Sample, counted
from natlab.bench.warm import prepared, settle
from natlab.bench.worlds import FAILOVER, BenchWorld, Guarded

if TYPE_CHECKING:
    from natlab.cloud.kernel.events import Event

KEYS = "storm_ms", "storm_calls", "storm_mb"
COPIES = 1000
GOAL_MB = 96.0
_EVERY_S, _POLL_S = 0.001, 0.01
_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Storm:
    """What a storm came to: milliseconds from the event to the accepted write, and what it all cost."""

    ms: float
    runs: int
    calls: tuple[str, ...]
    memory_mb: float


def storm(copies: int = COPIES) -> list[Figure]:
    """Measure one storm."""
    seen = play(copies)
    moves = f"of {seen.runs} runs; {seen.calls.count('ModifyRouteEntry')} of them move a route"
    return [
        Figure(
            "storm_ms", f"event to accepted write, with {copies} copies within a second", "ms", Sample.of([seen.ms])
        ),
        counted("storm_calls", "API calls of it all", len(seen.calls), floor=moves),
        counted("storm_mb", "peak memory", seen.memory_mb, "MB", target=GOAL_MB),
    ]


def play(copies: int) -> Storm:
    """Play one storm. Raises NotMeasuredError when a route does not move or an event is lost."""
    with prepared(2) as (here, watch):
        cloud, (one, other) = here.cloud, here.groups
        told: list[Event] = []
        cloud.subscribers.append(told.append)
        settle(here)
        began = cloud.clock.now()
        watch.expect()
        cloud.ecs.stop(here.hop(one))
        while not (stops := [event for event in told if event["type"] == "ecs:Instance:StateChange"]):
            time.sleep(_POLL_S)
        _rain(here, other, stops[0], copies)
        if not watch.answered.wait(_LONGEST_S):
            raise NotMeasuredError(f"the route still goes to {here.hop(one)}")
        settle(here, _LONGEST_S)
        runs = [run for run in cloud.fc.invocations if run.function == FAILOVER and run.received >= began]
        if len(runs) < copies or not all(run.ok for run in runs):
            raise NotMeasuredError(f"{len(runs)} runs, of which {sum(not run.ok for run in runs)} failed")
        asked = here.asked(began)
    calls = tuple(call.action for call in asked)
    return Storm(1000 * (watch.at - watch.taken), len(runs), calls, max(run.memory_mb for run in runs))


def _rain(here: BenchWorld, other: Guarded, event: Event, copies: int) -> None:
    """Publish the copies, and stop the other group's gateway half-way. Raises NotMeasuredError if its route stays."""
    dying = here.hop(other)
    for number in range(copies):
        if number == copies // 2:
            here.cloud.ecs.stop(dying)
        here.cloud.publish(copy.deepcopy(event))
        time.sleep(_EVERY_S)
    until = time.monotonic() + _LONGEST_S
    while here.hop(other) == dying:
        if time.monotonic() > until:
            raise NotMeasuredError(f"the route of {other.name} still goes to {dying}")
        time.sleep(_POLL_S)
