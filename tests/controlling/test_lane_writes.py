"""What a sweep writes for the lane: one route task at a time, told where it fails, and never a second lane."""

from __future__ import annotations

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.ports import CreateRoute, DeleteRoute, FailureKind
from tests.controlling.test_lane import HOST, WITH_LANE, lane, lane_stage, minutes
from tests.fakes.stage import PROBE, TABLE, B, Stage, group, hop


@pytest.mark.parametrize("code, told", [("Forbidden.RAM", ["the lane could not be kept"]), ("TaskConflict", [])])
def test_a_lane_that_cannot_be_written_is_told_unless_the_vpc_is_only_busy(code: str, told: list[str]) -> None:
    """Another route task of the VPC comes first, which is no trouble: the next sweep goes on."""
    stage = Stage({"prod": group(probe=WITH_LANE)})
    stage.cloud.answer(CreateRoute, code, status=403 if told else 400)
    problems = stage.sweep().problems
    assert [problem.partition(":")[0] for problem in problems] == told
    stage.cloud.mend()
    stage.world.advance(60)
    receipt = stage.sweep()
    led = f"led the lane {HOST} in {TABLE} through {B}: the probe proves the standby {B} by it"
    assert (receipt.problems, receipt.did, lane(stage)) == ((), (led,), B)


def test_lanes_of_earlier_configurations_are_removed_one_in_a_sweep_and_before_a_new_one() -> None:
    """The key is gone, or has another address; a process that has just been deployed finds them by itself."""
    for probe in ({"function": PROBE}, {"function": PROBE, "lane": "223.7.7.7:53"}):
        stage = lane_stage()
        older = stage.world.add_route(TABLE, hop(B), guarded=False)
        older.destination, older.description = "223.8.8.8/32", stage.world.entry(TableId(TABLE), HOST).description  # type: ignore[union-attr]
        later = Stage({"prod": group(probe=probe)})
        later.world, later.cloud = stage.world, stage.cloud
        later.cloud.fail(DeleteRoute, FailureKind.REFUSED, times=1)
        did = []
        for _ in range(5):
            minutes(later, 1)
            did.append([type(call) for call in later.cloud.accepted((CreateRoute, DeleteRoute))[1:]])
        new = [CreateRoute] if "lane" in probe else []
        gone = [DeleteRoute, DeleteRoute]
        assert did[0] == []
        assert did[1:4] == [gone[:1], gone, gone + new]
        assert (lane(later), lane(later, "223.8.8.8/32")) == (None, None)
        assert lane(later, "223.7.7.7/32") == (B if new else None)
