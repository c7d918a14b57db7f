"""Many events at once: the platform throttles them, and what matters is done all the same, once, and soon."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from natkeeper.ports import drive
from tests.fakes.stage import A, Stage, group, timer
from tests.simulation.simulation import Simulation
from tests.simulation.story import Happening, Story

STORM = 1000
GROUPS = 500


def storm(runs: int) -> Simulation:
    """A gateway stops, and its event comes a thousand times within a second; then one of another group stops."""
    happenings = (Happening(100.0, "stops", (A, True)), Happening(102.0, "stops", ("i-xray", True)))
    simulation = Simulation(Story(1, "two groups", 8, happenings, runs=runs), tell=True)

    def burst() -> None:
        event = simulation._acts._event("ecs:Instance:StateChange", {"resourceId": A, "state": "Stopping"})
        for number in range(STORM):
            simulation.deliver(event, number / STORM)

    simulation.town.at(100.2, burst)
    simulation.run()
    return simulation


@pytest.mark.parametrize("runs", [1, 3, 100])
def test_a_storm_of_duplicates_makes_one_move_and_delays_no_other_group_for_long(runs: int) -> None:
    """The group concerned first; the other one's event gets its turn among a thousand that have nothing to say."""
    simulation = storm(runs)
    assert simulation.town.moves == [("0.0.0.0/0", "i-bravo"), ("0.0.0.0/0", "i-yankee")]
    moves = [float(line[4:9]) for line in simulation.lines if " points " in line]
    assert moves[0] < 42
    assert moves[1] < 42 + 20


def many(count: int) -> Stage:
    """A deployment of many groups."""
    return Stage(
        {
            f"g{n}": group(gateways=[f"i-a{n:04}", f"i-b{n:04}"], routes=[{"table": f"vtb-{n:04}"}], probe=None)
            for n in range(count)
        }
    )


def test_one_run_looks_at_five_hundred_groups_and_writes_for_the_one_in_trouble() -> None:
    """Every group is read in the first batch, and the one write is in the second, beside what a sweep surveys."""
    stage = many(GROUPS)
    stage.machine("i-a0321").status = type(stage.machine("i-a0321").status).STOPPED
    answer = stage.send(timer())
    assert len(answer.receipts) == GROUPS
    assert [receipt.group for receipt in answer.receipts if receipt.outcome != "quiet"] == ["g321"]
    assert len(stage.cloud.batches[0]) == 3 * GROUPS
    second = [type(call).__name__ for call in stage.cloud.batches[1]]
    assert [name for name in second if name != "ReadVpcRoutes"] == ["PointRoute"]


def test_sweep_after_sweep_needs_no_more_memory() -> None:
    """A warm instance lives for hours: what natkeeper keeps between two runs does not grow."""
    stage = many(20)

    def sweep() -> None:
        deadline = stage.world.now.replace(year=2030)
        drive(stage.run_of(timer()), stage.cloud, deadline)
        for log in (stage.cloud.log, stage.cloud.batches, stage.cloud.handed):
            log.clear()
        stage.world.advance(60)

    for _ in range(10):
        sweep()
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern="*/natkeeper/*")]

    def kept() -> int:
        gc.collect()
        return sum(each.size for each in tracemalloc.take_snapshot().filter_traces(ours).statistics("filename"))

    tracemalloc.start()
    try:
        sweep()
        before = kept()
        for _ in range(50):
            sweep()
        after = kept()
    finally:
        tracemalloc.stop()
    assert after - before < 5_000
