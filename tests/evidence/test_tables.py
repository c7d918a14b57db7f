"""Each guarded table has evidence of its own: a probe for each, and what happens to one without."""

from __future__ import annotations

from typing import Any

from natkeeper.ports import LookThroughProbe, PointRoute
from tests.fakes.stage import TABLE, TABLE_2, A, B, Stage, group

SECOND = "natkeeper-probe-2"
ROUTES = [{"table": TABLE}, {"table": TABLE_2, "prefer": B, "probe": SECOND}]


def report_of(stage: Stage, function: str) -> dict[str, Any]:
    """The record of a probe's failed watch, which names the probe."""
    record = stage.report()
    record["requestContext"]["functionArn"] = f"acs:fc:cn-hangzhou:1000000000000001:functions/{function}"
    return record


def test_the_report_of_a_second_probe_is_about_its_own_table() -> None:
    """Table 2 goes through B, B hangs, and only table 2's probe can see that."""
    stage = Stage({"prod": group(routes=ROUTES)})
    stage.machine(B).hung = True
    receipt = stage.one(report_of(stage, SECOND))
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (A, A)
    assert receipt.verified is True
    assert {call.function for call in stage.cloud.accepted(LookThroughProbe)} == {SECOND}


def test_the_first_probe_says_nothing_of_the_second_table() -> None:
    """A hangs: table 1 moves, and B keeps table 2."""
    stage = Stage({"prod": group(routes=ROUTES)})
    stage.machine(A).hung = True
    stage.one(report_of(stage, "natkeeper-probe"))
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (B, B)
    assert [call.table for call in stage.cloud.accepted(PointRoute)] == [TABLE]


def test_a_probe_that_nobody_knows_is_taken_for_the_first() -> None:
    """A record of an older platform names no function."""
    stage = Stage({"prod": group(routes=ROUTES)})
    stage.machine(A).hung = True
    stage.one(stage.report())
    assert stage.next_hop(TABLE) == B


def test_a_move_of_a_table_without_a_probe_is_seen_by_the_probe_behind_the_same_hop() -> None:
    """Table 2 has no probe and moves to A, where table 1's probe looks."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2, "prefer": B}])})
    stage.world.stop(B)
    receipt = stage.one(stage.state(B, "Stopping"))
    assert stage.next_hop(TABLE_2) == A
    assert receipt.verified is True
