"""A sweep of five hundred groups at a tenth of a second a call: how long, how many calls, and one event among them.

Every gateway was set up a moment ago, so the sweep is a quiet one, as nearly all are. The floor is what the calls
themselves take: as many rounds of a round trip as there are calls for each of the threads that make them.
"""

from __future__ import annotations

import json
import time
from collections import Counter

from natlab.bench.figures import Figure, Sample, counted
from natlab.bench.warm import NotMeasuredError, Watch, fail_over, settle
from natlab.bench.worlds import FAILOVER, World, install, world
from natlab.cloud.fc.models import Invocation
from natlab.scenarios.functions import bundles

GROUPS = 500
ROUND_TRIP_S = 0.1
GOAL_S = 15.0
TIMER = b'{"triggerTime": "2026-01-01T00:00:00Z", "triggerName": "sweep", "payload": ""}'
_A_START = 50
_LONGEST_S = 120.0


def goal_calls(groups: int) -> int:
    """One call for each table, one for each hundred instances and product call, one listing of setups."""
    return groups + 2 * -(-2 * groups // 100) + 1


def scale(runs: int, groups: int = GROUPS) -> list[Figure]:
    """Measure sweeps of many groups: the first of a cold instance, quiet ones, and an event for one group."""
    latencies = {"eventbridge__delivery": 0.0, "fc__async__dispatch": 0.0, "fc__cold_start__platform": 0.0,
                 "event__ecs__publish": 0.0}  # fmt: skip
    with world(groups, **latencies) as here:
        one = here.groups[groups // 2]
        install(here.cloud, bundles(here.config())["failover"], one)
        _set_up(here)
        watch = Watch()
        here.cloud.subscribers.append(watch.event)
        here.cloud.wire_observers.append(watch.wire)
        here.slow_down(ROUND_TRIP_S)
        here.cool_down()
        first, _ = _sweep(here)
        quiet = [_sweep(here) for _ in range(runs)]
        memory = max(run.memory_mb for run, _ in quiet)
        event = fail_over(here, one, watch)
    calls = {sum(made.values()) for _, made in quiet}
    if len(calls) != 1:
        raise NotMeasuredError(f"quiet sweeps made different numbers of calls: {sorted(calls)}")
    made = quiet[-1][1]
    log = max(len(run.log) for run, _ in quiet)
    said = f"{made.total()} calls x {ROUND_TRIP_S:g} s / 32 threads = {made.total() * ROUND_TRIP_S / 32:.1f} s"
    name = f"sweep{groups}"
    return [
        Figure(f"{name}_s", f"quiet sweep of {groups} groups", "s",
               Sample.of([run.duration_s for run, _ in quiet]), said, GOAL_S),
        Figure(f"{name}_cold_s", "the same, first of a cold instance", "s",
               Sample.of([first.duration_s + first.cold_start_s]), said, GOAL_S),
        counted(f"{name}_calls", "its API calls", made.total(), floor=_in_words(made), target=goal_calls(groups)),
        counted(f"{name}_mb", "its peak memory", memory, "MB", target=96.0),
        counted(f"{name}_log_bytes", "its log", log, "B"),
        counted("event_calls_among_500", f"API calls of one failover among {groups} groups", len(event.calls)),
        Figure("event_ms_among_500", f"event to accepted write among {groups} groups", "ms", Sample.of([event.ms]),
               f"two round trips {2000 * ROUND_TRIP_S:.0f} ms"),
    ]  # fmt: skip


def _set_up(here: World) -> None:
    """Have every gateway set up, by the same executions that natkeeper would start; wait for their end."""
    from natkeeper.domain.config import parse_config
    from natkeeper.failover.gateway_setup import setup_parameters
    from natkeeper.guest.script import parameter_block

    cloud = here.cloud
    block = parameter_block(setup_parameters(parse_config(here.config()).groups[0]))
    gateways = [gateway for group in here.groups for gateway in group.gateways]
    started = []
    for first in range(0, len(gateways), _A_START):
        given = {"regionId": cloud.region, "instanceIds": gateways[first : first + _A_START],
                 "setupParameters": block, "OOSAssumeRole": "natkeeper-oos"}  # fmt: skip
        asked = {"RegionId": cloud.region, "TemplateName": "natkeeper-gateway-setup", "Parameters": json.dumps(given),
                 "SafetyCheck": "Skip", "Tags": '{"natkeeper": "setup"}'}  # fmt: skip
        answer: dict[str, dict[str, str]] = cloud.call("oos", "StartExecution", asked)  # type: ignore[assignment]
        started.append(answer["Execution"]["ExecutionId"])
    until = time.monotonic() + _LONGEST_S
    while any(_status(here, execution) != "Success" for execution in started):
        if time.monotonic() > until:
            raise NotMeasuredError("the gateways were not set up in time")
        time.sleep(0.5)


def _status(here: World, execution: str) -> str:
    asked = {"RegionId": here.cloud.region, "ExecutionId": execution}
    answer: dict[str, list[dict[str, str]]] = here.cloud.call("oos", "ListExecutions", asked)  # type: ignore[assignment]
    return answer["Executions"][0]["Status"]


def _sweep(here: World) -> tuple[Invocation, Counter[str]]:
    """Sweep as the timer does; returns the run and its calls. Raises NotMeasuredError unless it was a quiet one."""
    settle(here)
    began = here.cloud.clock.now()
    run = here.cloud.fc.invoke(FAILOVER, TIMER)
    answer = json.loads(run.result)
    loud = [receipt for receipt in answer.get("receipts", ()) if receipt["outcome"] != "quiet"]
    if len(answer.get("receipts", ())) != len(here.groups) or loud:
        raise NotMeasuredError(f"the sweep was no quiet one: {json.dumps(loud or answer)[:600]}")
    return run, Counter(call.action for call in here.asked(began))


def _in_words(made: Counter[str]) -> str:
    return ", ".join(f"{count} {action}" for action, count in made.most_common())
