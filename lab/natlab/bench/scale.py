"""A sweep of five hundred groups at a tenth of a second a call: how long, how many calls, and one event among them.

Every gateway was set up a moment ago, so the sweep is a quiet one, as nearly all are. The floor is what the calls
themselves take: as many rounds of a round trip as there are calls for each of the threads that make them.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from natlab.bench.results import Figure, NotMeasuredError, Sample, counted, failed
from natlab.bench.warm import WarmWatch, fail_over, settle
from natlab.bench.worlds import BenchWorld, install, world
from natlab.cloud.fc.models import Invocation
from natlab.scenarios.functions import bundles

GROUPS = 500
ROUND_TRIP_S = 0.1
THREADS = 40
GOAL_S = 15.0
TIMER = b'{"triggerTime": "2026-01-01T00:00:00Z", "triggerName": "sweep", "payload": ""}'
_REPORTS = "ListTaskExecutions"
_A_START = 50
_MOST_FIRST_SWEEPS = 10
_LONGEST_S = 120.0


def goal_calls(groups: int) -> int:
    """One call for each table, one for each hundred instances and product call, one listing of setups."""
    return groups + 2 * -(-2 * groups // 100) + 1


def keys(groups: int = GROUPS) -> tuple[str, ...]:
    """Name the figures of `groups` groups."""
    name = f"sweep{groups}"
    return (
        *(f"{name}_{what}" for what in ("cold_s", "first_sweeps", "s", "calls", "mb", "log_bytes")),
        "event_calls_among_500",
        "event_ms_among_500",
    )


def scale(runs: int, groups: int = GROUPS) -> Iterator[Figure]:
    """Measure sweeps of many groups: the first of a cold instance, quiet ones, and an event for one group."""
    latencies = {"eventbridge__delivery": 0.0, "fc__async__dispatch": 0.0, "fc__cold_start__platform": 0.0,
                 "event__ecs__publish": 0.0}  # fmt: skip
    with world(groups, **latencies) as here:
        one = here.groups[groups // 2]
        install(here.cloud, bundles(here.config())["failover"], one)
        set_up(here)
        watch = WarmWatch()
        here.cloud.subscribers.append(watch.event)
        here.cloud.wire_observers.append(watch.wire)
        here.slow_down(ROUND_TRIP_S)
        here.cool_down()
        first = until_reports_are_known(here)
        quiet = [sweep(here) for _ in range(runs)]
        yield from _figures(f"sweep{groups}", groups, first, quiet)
        event = fail_over(here, one, watch)
    yield counted("event_calls_among_500", f"API calls of one failover among {groups} groups", len(event.calls))
    yield Figure("event_ms_among_500", f"event to accepted write among {groups} groups", "ms", Sample.of([event.ms]),
                 f"two round trips {2000 * ROUND_TRIP_S:.0f} ms")  # fmt: skip


Swept = tuple[Invocation, Counter[str]]
"""One sweep, and how often it called each action."""


def until_reports_are_known(here: BenchWorld) -> list[Swept]:
    """Sweep until one fetches no setup report; return those sweeps. Raises NotMeasuredError.

    A cold instance knows no report. One sweep fetches at most twenty executions' reports, fewer on a slow machine
    (it gives them four seconds), and leaves the rest to the next: until all are known, no sweep costs what a quiet
    one does.
    """
    swept: list[Swept] = []
    while not swept or swept[-1][1][_REPORTS]:
        if len(swept) == _MOST_FIRST_SWEEPS:
            raise NotMeasuredError(f"after {_MOST_FIRST_SWEEPS} sweeps setup reports are still fetched")
        swept.append(sweep(here))
    return swept


def _figures(name: str, groups: int, first: Sequence[Swept], quiet: Sequence[Swept]) -> Iterator[Figure]:
    """Yield the figures of sweeps: `first` until all reports are known, then the `quiet` ones."""
    made = quiet[-1][1]
    said = (
        f"{made.total()} calls x {ROUND_TRIP_S:g} s / {THREADS} threads = {made.total() * ROUND_TRIP_S / THREADS:.1f} s"
    )
    cold, fetched = first[0][0], first[0][1][_REPORTS]
    yield Figure(f"{name}_cold_s", f"first sweep of {groups} groups by a cold instance", "s",
                 Sample.of([cold.duration_s + cold.cold_start_s]),
                 f"{said}; and {fetched} calls for setup reports, one after the other", GOAL_S)  # fmt: skip
    reports = sum(calls[_REPORTS] for _, calls in first)
    yield counted(f"{name}_first_sweeps", "sweeps until a cold instance knows every setup report", len(first) - 1,
                  floor=f"{reports} reports, 20 a sweep")  # fmt: skip
    yield Figure(f"{name}_s", f"quiet sweep of {groups} groups", "s",
                 Sample.of([run.duration_s for run, _ in quiet]), said, GOAL_S)  # fmt: skip
    yield _calls(f"{name}_calls", [calls for _, calls in quiet], goal_calls(groups))
    yield counted(f"{name}_mb", "its peak memory", max(run.memory_mb for run, _ in quiet), "MB", target=96.0)
    log = max(len(run.log) for run, _ in quiet)
    yield counted(f"{name}_log_bytes", "its log", log, "B", floor="one line", target=500.0)


def _calls(key: str, quiet: Sequence[Counter[str]], target: float) -> Figure:
    """Count the calls of quiet sweeps, which must all make the same; if they do not, say which they differ in."""
    least, most = min(quiet, key=Counter.total), max(quiet, key=Counter.total)
    if least != most:
        why = f"quiet sweeps differ: {least.total()} calls, then {most.total()} with {_in_words(most - least)} more"
        return failed(key, "its API calls", "", why)
    return counted(key, "its API calls", most.total(), floor=_in_words(most), target=target)


def set_up(here: BenchWorld) -> None:
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


def _status(here: BenchWorld, execution: str) -> str:
    asked = {"RegionId": here.cloud.region, "ExecutionId": execution}
    answer: dict[str, list[dict[str, str]]] = here.cloud.call("oos", "ListExecutions", asked)  # type: ignore[assignment]
    return answer["Executions"][0]["Status"]


def sweep(here: BenchWorld) -> Swept:
    """Sweep as the timer does; returns the run and its calls. Raises NotMeasuredError unless it was a quiet one."""
    settle(here)
    began = here.cloud.clock.now()
    run = here.cloud.fc.invoke(here.function, TIMER)
    answer = json.loads(run.result)
    loud = [receipt for receipt in answer.get("receipts", ()) if receipt["outcome"] != "quiet"]
    if len(answer.get("receipts", ())) != len(here.groups) or loud:
        raise NotMeasuredError(f"the sweep was no quiet one: {json.dumps(loud or answer)[:600]}")
    return run, Counter(call.action for call in here.asked(began))


def _in_words(made: Counter[str]) -> str:
    return ", ".join(f"{count} {action}" for action, count in made.most_common())
