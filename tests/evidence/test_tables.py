"""Each guarded table has evidence of its own: a probe for each, and what happens to one without."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.ports import CheckThroughProbe, FailureKind, PointRoute, StartSetup
from tests.fakes.stage import EIP, NOTIFY, TABLE, TABLE_2, A, B, Stage, group
from tests.fakes.things import START

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
    assert {call.function for call in stage.cloud.accepted(CheckThroughProbe)} == {SECOND}


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


# ---- tables without a probe ------------------------------------------------------------------------------


def unproven(stage: Stage) -> list[tuple[int, dict[str, Any]]]:
    """Every message about a gateway of which nobody knows whether it forwards, with the minute it was told in."""
    told = []
    for at, function, payload in stage.cloud.handed:
        for receipt in json.loads(payload)["tell"] if function == NOTIFY else ():
            minute = round((at - START).total_seconds() / 60)
            told += [(minute, each) for each in receipt.get("episodes", ()) if each["kind"] == "unproven"]
    return told


APPLY = {"mode": "apply"}


@pytest.mark.parametrize(
    "settings, gateway",
    [
        ({"probe": None}, A),
        ({"routes": [{"table": TABLE}, {"table": TABLE_2, "prefer": B}]}, B),
        ({"probe": None, "address": {"follow": EIP}}, A),
    ],
    ids=["no probe", "a probe of the other table", "an EIP that follows"],
)
def test_a_gateway_that_hangs_behind_a_table_without_a_probe_is_told(settings: dict[str, Any], gateway: str) -> None:
    """ECS says Running: the next setup does not report, and a minute later people know."""
    stage = Stage({"prod": group(setup=APPLY, **settings)})
    stage.sweeps(5)
    stage.machine(gateway).hung = True
    stage.sweeps(60)
    minute, first = unproven(stage)[0]
    assert minute <= 11
    assert gateway in first["cause"]
    assert first["todo"] == "see whether private hosts have the internet; if not: natkeeper switch prod"
    assert all("ended" not in each for _, each in unproven(stage))
    assert stage.cloud.sent(PointRoute) == []


def test_setups_that_cannot_be_started_any_more_are_told() -> None:
    """OOS refuses from now on: what was proven ten minutes ago does not stay proven."""
    stage = Stage({"prod": group(setup=APPLY, probe=None)})
    stage.sweeps(5)
    stage.cloud.fail(StartSetup, FailureKind.DENIED)
    stage.sweeps(10)
    minute, first = unproven(stage)[0]
    assert minute <= 12
    assert "has not reported since 06:00:00 UTC" in first["cause"]


@pytest.mark.parametrize(
    "every, says", [(True, "is not heard from, nor is any other gateway, so setups may be late"), (False, "may hang")]
)
def test_what_happens_to_every_setup_is_not_held_against_one_gateway(every: bool, says: str) -> None:  # noqa: FBT001
    """The machine that plays them slept, or OOS refuses: no standby is said to hang that nothing speaks against."""
    stage = Stage({"prod": group(setup=APPLY)})
    stage.sweeps(5)
    if every:
        stage.cloud.fail(StartSetup, FailureKind.DENIED)
    else:
        stage.machine(B).hung = True
    stage.sweeps(20)
    (cause,) = {
        each["cause"]
        for receipt in stage.told_people()
        for each in receipt.get("episodes", ())
        if each["kind"] == "degraded"
    }
    assert cause.startswith(f"{B} {says}: the setup of {B} ")


def test_a_setup_that_takes_its_time_is_no_trouble() -> None:
    """Half a minute, every ten minutes, for hours."""
    stage = Stage({"prod": group(setup=APPLY, probe=None)})
    stage.sweeps(120)
    assert unproven(stage) == []


def test_the_end_of_a_hang_is_told() -> None:
    """It answers again, its setup proves it, and that is news."""
    stage = Stage({"prod": group(setup=APPLY, probe=None)})
    stage.sweeps(5)
    stage.machine(A).hung = True
    stage.sweeps(15)
    stage.machine(A).hung = False
    stage.sweeps(6)
    assert ["ended" in each for _, each in unproven(stage)] == [False, True]


def test_a_zone_that_fails_with_the_probe_in_it_is_told() -> None:
    """A hangs and the probe's vSwitch is gone; what Cloud Assistant cannot see either is said."""
    stage = Stage({"prod": group(setup=APPLY)})
    stage.told.probes.reporting = True
    stage.cloud.fail(CheckThroughProbe, FailureKind.REFUSED)
    stage.sweeps(2)
    stage.machine(A).hung = True
    stage.sweeps(15)
    kinds = {each["kind"] for receipt in stage.told_people() for each in receipt.get("episodes", ())}
    assert kinds == {"probe broken", "unproven"}
    assert unproven(stage)[0][0] <= 12
