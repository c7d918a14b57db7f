"""Entries of the VPC that lead to a gateway and that nobody guards are named, before and after a move."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.ports import CheckThroughProbe, FailureKind, PointRoute, ReadVpcRoutes
from tests.fakes.stage import TABLE, TABLE_2, A, B, C, Stage, group, hop, person, timer

NOBODY = f"nobody guards 0.0.0.0/0 in {TABLE_2}, which leads to {A}"


def two_tables(**groups: dict[str, Any]) -> Stage:
    """A second table of the VPC leads to the first gateway, and is in no configuration."""
    stage = Stage({"prod": group(), **groups})
    if TABLE_2 not in stage.world.tables:
        stage.world.add_route(TABLE_2, hop(A), guarded=False)
    return stage


def told(stage: Stage) -> list[dict[str, Any]]:
    """What people were told of it."""
    return [e for r in stage.told_people() for e in r.get("episodes", []) if e["kind"] == "unguarded"]


def test_a_sweep_names_it_and_people_are_told_once_a_day() -> None:
    """Nothing else is wrong."""
    stage = two_tables()
    receipt = stage.sweep()
    assert any(problem.startswith(NOBODY) for problem in receipt.problems)
    stage.sweeps(60 * 25)
    assert len(told(stage)) == 2
    assert f"{{table: {TABLE_2}, destination: 0.0.0.0/0}}" in told(stage)[0]["todo"]


def test_the_receipt_of_a_move_names_what_stays_behind() -> None:
    """The internet is reached behind one table, and not behind the other."""
    stage = two_tables()
    stage.sweep()
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == B
    assert any(problem.startswith(NOBODY) for problem in receipt.problems)


def test_status_looks_at_once() -> None:
    """In a process that has never swept."""
    receipt = two_tables().one(person("status"))
    assert any(problem.startswith(NOBODY) for problem in receipt.problems)
    assert "unguarded since" in receipt.sentence


def test_it_is_over_when_the_entry_is_gone_or_guarded() -> None:
    """Told as ended, within the ten minutes after which the tables are read again."""
    stage = two_tables()
    stage.sweeps(2)
    stage.world.repoint(TABLE_2, hop("i-someone-else"))
    stage.sweeps(12)
    assert "ended" in told(stage)[-1]


def test_what_another_group_guards_and_parts_of_a_guarded_route_are_guarded() -> None:
    """Another group's table may lead to this group's gateway for a while; a bridge is natkeeper's own."""
    stage = two_tables(other=group(gateways=[C], routes=[{"table": TABLE_2}], probe=None))
    stage.world.repoint(TABLE_2, hop(A))
    half = stage.world.add_route(TABLE, hop(A), guarded=False)
    half.destination = "0.0.0.0/1"
    receipts = stage.send({"action": "status"}).receipts
    assert [p for receipt in receipts for p in receipt.problems if "nobody guards" in p] == []


def test_another_destination_is_named_and_is_no_episode() -> None:
    """It may be there for something else, and natkeeper has no say in it."""
    stage = two_tables()
    entry = stage.world.entry(TABLE_2, "0.0.0.0/0")  # type: ignore[arg-type]
    assert entry is not None
    entry.destination = "10.9.0.0/16"
    receipt = stage.sweep()
    assert any(problem.startswith(f"nobody guards 10.9.0.0/16 in {TABLE_2}") for problem in receipt.problems)
    assert told(stage) == []


def test_without_the_right_nothing_is_looked_for() -> None:
    """A role of an earlier version: one call a process, quiet sweeps, and a status that says it."""
    stage = two_tables()
    stage.cloud.answer(ReadVpcRoutes, "Forbidden.RAM", status=403)
    receipts = stage.sweeps(30)
    assert {receipt.outcome for receipt in receipts} == {"quiet"}
    assert not [problem for receipt in receipts for problem in receipt.problems]
    assert len(stage.cloud.sent(ReadVpcRoutes)) == 1
    stage = two_tables()
    stage.cloud.answer(ReadVpcRoutes, "Forbidden.RAM", status=403)
    problems = stage.one(person("status")).problems
    assert any("cannot be looked for" in problem for problem in problems)


@pytest.mark.parametrize("kind", [FailureKind.UNREACHABLE, FailureKind.THROTTLED])
def test_an_api_that_does_not_answer_ends_nothing(kind: FailureKind) -> None:
    """What was found stays found."""
    stage = two_tables()
    stage.sweeps(2)
    stage.cloud.fail(ReadVpcRoutes, kind)
    receipts = stage.sweeps(30)
    assert all("ended" not in each for each in told(stage))
    assert any(problem.startswith(NOBODY) for problem in receipts[-1].problems)


@pytest.mark.parametrize("lost", ["the gateway", "its rules"])
def test_a_look_for_such_entries_never_shares_a_batch_with_what_a_write_waits_for(lost: str) -> None:
    """One group is well and looks; the other group's write, and the checks before and after it, come first."""
    ill = group(gateways=[C, "i-delta"], routes=[{"table": TABLE_2}], probe={"function": "natkeeper-probe-2"})
    stage = Stage({"well": group(), "ill": ill})
    stage.machine(C).rules = lost != "its rules"
    if lost == "the gateway":
        stage.world.stop(C)
    stage.send([timer(), stage.report("ill")])
    assert stage.next_hop(TABLE_2) == "i-delta"
    looks = {sent.batch for sent in stage.cloud.sent(ReadVpcRoutes)}
    urgent = {sent.batch for sent in stage.cloud.sent((PointRoute, CheckThroughProbe))}
    assert looks
    assert min(looks) > max(urgent)


def test_groups_of_one_vpc_look_together_and_not_after_a_write() -> None:
    """Two groups, one batch; a run that has moved a route leaves the look to the next sweep."""
    stage = Stage({"prod": group(), "other": group(gateways=[C], routes=[{"table": TABLE_2}], probe=None)})
    stage.send(timer())
    assert len({sent.batch for sent in stage.cloud.sent(ReadVpcRoutes)}) == 1
    stage = Stage()
    stage.world.stop(A)
    stage.sweep()
    assert (stage.next_hop(), stage.cloud.sent(ReadVpcRoutes)) == (B, [])
    stage.sweep()
    assert len(stage.cloud.sent(ReadVpcRoutes)) == 1
