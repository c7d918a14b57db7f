"""What the probe's report is worth: as much as a look while it is prompt, a reason to look when it is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from natkeeper.ports import CheckThroughProbe, FailureKind, PointRoute, ReadEip, ReadRoutes
from tests.fakes.cloud import WRITES
from tests.fakes.stage import EIP, FALLBACK, PROBE, TABLE, TABLE_2, A, B, C, Stage, group, hop, person

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
    """Its looks take their time-outs one after another; what is older makes natkeeper look, and the look decides.

    That is judged by when the report arrives: slow reads make it no older.
    """
    for late, moves in ((0.0, 1), (0.001, 0)):
        stage = Stage({"prod": group(probe={"function": PROBE, **probe})})
        report = stage.report(age=prompt + late)
        report["responsePayload"]["errorMessage"] = report["responsePayload"]["errorMessage"].replace(
            '"failures": 3', f'"failures": {probe.get("failures", 3)}'
        )
        stage.one(report)
        assert len(stage.cloud.sent(PointRoute)) == moves
        assert stage.cloud.sent(CheckThroughProbe)


@pytest.mark.parametrize("address", [None, {"follow": EIP}])
def test_a_report_speaks_against_the_fallback_as_well(address: dict[str, str] | None) -> None:
    """It is a next hop like any other, and needs no EIP that follows: the route goes to a gateway."""
    stage = Stage({"prod": group(fallback=FALLBACK, address=address)})
    stage.world.repoint(TABLE, hop(FALLBACK))
    stage.world.advance(60)
    stage.cloud.fail(CheckThroughProbe, FailureKind.UNREACHABLE)
    receipt = stage.one(stage.report())
    assert receipt.outcome == "changed"
    assert stage.next_hop() == A


@pytest.mark.parametrize("age", [3.5, 3600.0])
@pytest.mark.parametrize("address", [None, {"follow": EIP}])
def test_an_outage_of_the_internet_behind_the_fallback_is_told(address: dict[str, str] | None, age: float) -> None:
    """Also by a report of a clock that is an hour apart."""
    stage = Stage({"prod": group(fallback=FALLBACK, address=address)})
    stage.world.repoint(TABLE, hop(FALLBACK))
    stage.world.advance(60)
    stage.world.internet = False
    stage.send(stage.report(age=age))
    stage.sweeps(1)
    assert any("dark since" in each["sentence"] for each in stage.told_people())
    assert stage.next_hop() == FALLBACK


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


@pytest.mark.parametrize("gateways", [[A, B], [A, B, C]])
def test_reports_that_checks_contradict_move_once(gateways: list[str]) -> None:
    """Each minute the probe reports a loss, and a check that is asked for works: the first report is believed."""
    stage = Stage({"prod": group(gateways=gateways)})
    for _ in range(60):
        began = stage.world.now
        stage.send(stage.report())
        stage.sweep()
        stage.world.advance_to(max(stage.world.now, began + timedelta(minutes=1)))
    assert (len(stage.world.moves), stage.next_hop()) == (1, B)
    assert len(stage.told_people()) == 1


def test_a_second_gateway_that_hangs_soon_after_a_move_is_left_after_a_check() -> None:
    """The check confirms the report, and the route goes on."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    stage.machine(A).hung = True
    stage.send(stage.report())
    stage.sweeps(3)
    assert stage.next_hop() == B
    stage.machine(B).hung = True
    began = stage.world.now
    stage.send(stage.report())
    assert stage.next_hop() == C
    assert stage.world.now - began < timedelta(seconds=15)


@pytest.mark.parametrize("age, moves", [(3.5, 2), (-35.0, 1)], ids=["of before the move", "of after it"])
def test_only_a_loss_that_began_after_a_move_makes_the_probe_doubted(age: float, moves: int) -> None:
    """A stops and the route moves; a report comes, and a check contradicts it. Eleven minutes later B hangs."""
    stage = Stage({"prod": group(hold_down=0)})
    stage.sweep()
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    stage.world.advance(max(0.0, -age + 3.5))
    assert stage.one(stage.report(age=3.5 if age < 0 else age + 2)).outcome != "attention"
    stage.world.start(A)
    stage.world.advance(660)
    checks = len(stage.cloud.sent(CheckThroughProbe))
    stage.machine(B).hung = True
    stage.one(stage.report())
    first = stage.cloud.sent((CheckThroughProbe, PointRoute))[checks + 1 :]
    assert isinstance(first[0].call, PointRoute) == (moves == 2)


@pytest.mark.parametrize("minutes", [1, 5, 9, 11])
def test_a_loss_in_a_paused_group_is_looked_into_and_told_also_soon_after_a_move(minutes: int) -> None:
    """A report was not believed then, nobody looked, and the probe was asked again at once: a run every two seconds."""
    stage = Stage({"prod": group()})
    assert stage.one(person("switch", to=B)).outcome == "changed"
    assert stage.one(person("pause", **{"for": "30m"}, why="work")).outcome == "changed"
    stage.sweeps(minutes)
    stage.machine(B).hung = True
    handed, told = len(stage.cloud.handed), len(stage.told_people())
    stage.send(stage.report())
    (receipt,) = stage.told_people()[told:]
    assert "dark since" in receipt["sentence"]
    assert "paused" in receipt["sentence"]
    assert PROBE not in [function for _, function, _ in stage.cloud.handed[handed:]]
    assert stage.next_hop() == B


def test_a_watch_of_a_dead_gateway_is_not_asked_for_again_at_once() -> None:
    """It would end within two seconds, with a run of the function each time; the next minute begins one of its own."""
    stage = Stage({"prod": group()})
    stage.world.stop(A)
    stage.world.stop(B)
    stage.sweeps(3)
    handed = len(stage.cloud.handed)
    for age in (3.5, 3600.0, -3600.0):
        stage.send(stage.report(age=age))
    assert PROBE not in [function for _, function, _ in stage.cloud.handed[handed:]]
