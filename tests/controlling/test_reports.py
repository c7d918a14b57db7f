"""What the probe's report is worth: as much as a look while it is prompt, a reason to look when it is not."""

from __future__ import annotations

import pytest

from natkeeper.ports import CheckThroughProbe, FailureKind, PointRoute, ReadEip, ReadRoutes
from tests.fakes.cloud import WRITES
from tests.fakes.stage import EIP, FALLBACK, PROBE, TABLE, TABLE_2, A, B, Stage, group, hop

READ_S = 0.15
"""How long the stage takes to answer the reads after which the report is judged."""
BLIND_S = 6.5
"""Longer than a read is tried."""


@pytest.mark.parametrize(
    "probe, prompt",
    [
        ({}, 3 * 0.8 + 1.5),
        ({"timeout": "2s", "failures": 4}, 4 * 2 + 1.5),
    ],
)
def test_a_report_is_prompt_for_a_moment_after_its_last_look(probe: dict[str, object], prompt: float) -> None:
    """Its looks take their time-outs one after another; what is older makes natkeeper look, and the look decides."""
    for late, moves in ((0.0, 1), (0.001, 0)):
        stage = Stage({"prod": group(probe={"function": PROBE, **probe})})
        report = stage.report(age=prompt + late - READ_S)
        report["responsePayload"]["errorMessage"] = report["responsePayload"]["errorMessage"].replace(
            '"failures": 3', f'"failures": {probe.get("failures", 3)}'
        )
        stage.one(report)
        assert len(stage.cloud.sent(PointRoute)) == moves
        assert stage.cloud.sent(CheckThroughProbe)


def test_a_report_speaks_against_the_fallback_as_well() -> None:
    """It is a next hop like any other: the route goes to a gateway."""
    stage = Stage({"prod": group(fallback=FALLBACK)})
    stage.world.repoint(TABLE, hop(FALLBACK))
    stage.world.advance(60)
    stage.cloud.fail(CheckThroughProbe, FailureKind.UNREACHABLE)
    receipt = stage.one(stage.report())
    assert receipt.outcome == "changed"
    assert stage.next_hop() == A


def test_a_fallback_that_works_is_not_left_for_a_report_about_the_gateway_before() -> None:
    """Nobody knows when the route came there, because no words could be written: natkeeper looks first."""
    stage = Stage({"prod": group(fallback=FALLBACK)})
    stage.cloud.answer(PointRoute, "InvalidDescription.Malformed", where=lambda call: bool(call.description))
    stage.world.stop(B)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == FALLBACK
    stage.world.start(A)
    stage.world.advance(30)
    stage.one(stage.report())
    assert stage.next_hop() == FALLBACK


def test_a_report_waits_until_the_table_that_it_is_about_can_be_read(stage: Stage) -> None:
    """Blind, nobody can tell which gateway it speaks against."""
    stage.machine(A).rules = False
    fault = stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    stage.world.after(BLIND_S, lambda: setattr(fault, "times", 0))
    receipt = stage.one(stage.report(age=1.0))
    assert receipt.outcome == "changed"
    assert stage.next_hop() == B


def test_a_report_is_not_explained_by_an_eip_that_nobody_can_see() -> None:
    """Blind is not dead: the EIP may be where it belongs. The probe goes on, and reports again if it must."""
    stage = Stage({"prod": group(address={"follow": EIP})})
    stage.machine(A).rules = False
    stage.cloud.fail(ReadEip, FailureKind.UNREACHABLE)
    receipt = stage.one(stage.report(age=1.0))
    assert receipt.outcome == "attention"
    assert not any("because the EIP is not on the gateway" in problem for problem in receipt.problems)
    assert PROBE in [function for _, function, _ in stage.cloud.handed]


def test_a_report_is_not_held_against_what_another_route_was_moved_to_meanwhile() -> None:
    """While its table could not be read the run moved on: from then on its own looks decide."""
    routes = [{"table": TABLE}, {"table": TABLE_2, "prefer": B}]
    stage = Stage({"prod": group(routes=routes)})
    stage.world.stop(B)
    stage.world.advance(10)
    fault = stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE, where=lambda call: call.table == TABLE)
    stage.world.after(BLIND_S, lambda: setattr(fault, "times", 0))
    receipt = stage.one(stage.report(age=1.0))
    assert [call.table for call in stage.cloud.accepted(PointRoute)] == [TABLE_2]
    assert receipt.verified is True
    assert stage.next_hop(TABLE) == A


def test_a_report_about_a_gateway_that_works_again_moves_nothing(stage: Stage) -> None:
    """It came late: a look shows that all is well."""
    receipt = stage.one(stage.report(age=20))
    assert receipt.verified is True
    assert stage.cloud.sent(WRITES) == []


def test_a_late_report_is_confirmed_by_a_single_look(stage: Stage) -> None:
    """Nothing was moved, so no packets are still to follow: a second look would only be more outage."""
    stage.machine(A).rules = False
    stage.one(stage.report(age=20))
    kinds = [type(entry.call) for entry in stage.cloud.log]
    assert kinds[: kinds.index(PointRoute)].count(CheckThroughProbe) == 1
    assert stage.next_hop() == B


def test_the_probe_goes_on_though_the_tables_cannot_be_read(stage: Stage) -> None:
    """Nothing says that the internet is still lost, and nobody else would look before the next minute."""
    stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    assert stage.one(stage.report()).outcome == "attention"
    assert [function for _, function, _ in stage.cloud.handed if function == PROBE] == [PROBE]


@pytest.mark.parametrize("age", [-600.0, -30.0, 121.0, 300.0, 7200.0])
def test_a_report_that_is_too_old_to_be_believed_is_still_a_reason_to_look(stage: Stage, age: float) -> None:
    """Clocks may be minutes apart, and nothing but the probe sees a gateway that hangs."""
    stage.machine(A).hung = True
    receipt = stage.one(stage.report(age=age))
    assert receipt.outcome == "changed"
    assert stage.next_hop() == B


@pytest.mark.parametrize("age", [-600.0, 121.0, 7200.0])
def test_an_old_report_moves_nothing_that_works(stage: Stage, age: float) -> None:
    """It is looked at, and found well."""
    assert stage.one(stage.report(age=age)).verified is True
    assert stage.next_hop() == A
