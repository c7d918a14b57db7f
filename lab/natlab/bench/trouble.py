"""What does trouble cost others? Slow route tasks, and an API that comes back, by the deployed function.

Slow tasks: one VPC has four guarded tables, and the platform takes five seconds for each route write there, one after
the other. Its gateway stops, and a second later that of another VPC, whose own write is accepted at once. An API that
comes back: every product answers 503 from before the gateway stops until some seconds later.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import OK
from typing import Any

from natlab.bench.results import Figure, NotMeasuredError, Sample, counted
from natlab.bench.warm import ROUND_TRIP_S, WarmWatch, fail_over, settle
from natlab.bench.worlds import FAILOVER, BenchWorld, Guarded, install, world
from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.wire import Request, Response
from natlab.scenarios.functions import bundles

TASKS_KEYS = "writes_per_move", "other_vpc_wait_s"
OUTAGE_KEYS = "api_back_lag_s", "api_down_calls"
TABLES, TASK_S = 4, 5.0
DOWN_S = 6.0
GOAL_WAIT_S, GOAL_WRITES, GOAL_LAG_S = 2.0, 2.0, 1.0
_POLL_S, _LONGEST_S = 0.01, 90.0
_OTHER_AFTER_S = 1.0
_PRODUCTS = "ecs|vpc"


def slow_tasks() -> Iterator[Figure]:
    """Measure once what route tasks of five seconds cost."""
    with _deployed({"vpc__modify_route_entry__task": TASK_S}, TABLES) as (here, tables):
        cloud, (one, other) = here.cloud, here.groups
        settle(here)
        moves = Moves()
        cloud.wire_observers.append(moves)
        began = cloud.clock.now()
        cloud.ecs.stop(one.gateways[0])
        time.sleep(_OTHER_AFTER_S)
        stopped = time.perf_counter()
        cloud.ecs.stop(other.gateways[0])
        wait = moves.wait_for(other.table) - stopped
        moves.wait_for(*tables)
        settle(here, _LONGEST_S)
        writes = sum(call.action == "ModifyRouteEntry" for call in here.asked(began))
    what = f"writes for each accepted one, {TABLES} tables of a VPC x {TASK_S:g} s a task"
    made = f"{writes} for {TABLES + 1} moves"
    yield counted("writes_per_move", what, round(writes / (TABLES + 1), 2), floor=made, target=GOAL_WRITES)
    yield Figure("other_vpc_wait_s", "… and another VPC's failover meanwhile: gateway stops to accepted write", "s",
                 Sample.of([wait]), "two round trips", GOAL_WAIT_S)  # fmt: skip


def api_back(runs: int) -> Iterator[Figure]:
    """Measure `runs` outages of the API."""
    lags, calls = [], []
    with _deployed({}, 1) as (here, _):
        cloud, (group, _) = here.cloud, here.groups
        watch = WarmWatch()
        cloud.subscribers.append(watch.event)
        cloud.wire_observers.append(watch.wire)
        fail_over(here, group, watch)  # a warm function
        for _ in range(runs):
            settle(here)
            dying = here.hop(group)
            watch.expect()
            began = cloud.clock.now()
            cloud.faults.add(CallFault(FaultKind.SERVER_ERROR, product=_PRODUCTS))
            cloud.ecs.stop(dying)
            time.sleep(DOWN_S)
            calls.append(len(here.asked(began)))
            cloud.faults.clear()
            back = time.perf_counter()
            if not watch.answered.wait(_LONGEST_S):
                raise NotMeasuredError(f"the route still goes to {here.hop(group)}")
            lags.append(watch.at - back)
            settle(here, _LONGEST_S)
            cloud.ecs.start(dying)
    yield Figure("api_back_lag_s", f"accepted write after an API that was away for {DOWN_S:g} s", "s", Sample.of(lags),
                 f"two round trips {2 * ROUND_TRIP_S:.2f} s", GOAL_LAG_S)  # fmt: skip
    yield Figure("api_down_calls", "… and the calls that it refused meanwhile", "", Sample.of(calls), "")


@contextmanager
def _deployed(latencies: dict[str, float], tables: int) -> Iterator[tuple[BenchWorld, list[str]]]:
    """Two groups, the first with so many tables; events and dispatches take no time."""
    quick = {"api__round_trip": ROUND_TRIP_S, "eventbridge__delivery": 0.0, "fc__async__dispatch": 0.0,
             "fc__cold_start__platform": 0.0, "event__ecs__publish": 0.0}  # fmt: skip
    with world(2, **quick, **latencies) as here:
        first = here.groups[0]
        guarded = [first.table, *(_another(here, first) for _ in range(tables - 1))]
        data: dict[str, Any] = here.config(setup={"mode": "off"})
        data["groups"][first.name]["routes"] = [{"table": table} for table in guarded]
        install(here.cloud, bundles(data)["failover"], *here.groups)
        here.cloud.fc.invoke(FAILOVER, b'{"action": "sweep"}')
        yield here, guarded


def _another(here: BenchWorld, group: Guarded) -> str:
    """Make another table in the group's VPC, with the same way out."""
    table = here.cloud.vpc.create_route_table(group.vpc)
    here.cloud.vpc.add_route(table, "0.0.0.0/0", group.gateways[0])
    return table


class Moves:
    """An observer of the wire: for which tables a write was accepted that names a new next hop, and when the last."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def __call__(self, request: Request, response: Response) -> None:
        moves = request.headers.get("x-acs-action") == "ModifyRouteEntry" and "NewNextHopId" in request.query
        if moves and response.status == OK:
            self.at[request.query["RouteTableId"]] = time.perf_counter()

    def wait_for(self, *tables: str) -> float:
        """Wait until a write was accepted for each of `tables`; return when. Raises NotMeasuredError."""
        until = time.monotonic() + _LONGEST_S
        while not self.at.keys() >= set(tables):
            if time.monotonic() > until:
                raise NotMeasuredError(f"no write for {', '.join(set(tables) - self.at.keys())} in {_LONGEST_S:g} s")
            time.sleep(_POLL_S)
        return max(self.at[table] for table in tables)
