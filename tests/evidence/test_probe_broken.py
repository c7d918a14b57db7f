"""The probe's own death is told, and egress is checked in another way at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.ports import CheckThroughProbe, FailureKind, StartGatewayCheck, StartSetup
from tests.fakes.cloud import WRITES
from tests.fakes.stage import NOTIFY, PROBE, TABLE, TABLE_2, A, B, Stage, group, person, timer


def record(condition: str, answer: object = None, function: str = PROBE) -> dict[str, Any]:
    """FC's record of an asynchronous invocation; without a condition it ended well."""
    arn = f"acs:fc:cn-hangzhou:1000000000000001:functions/{function}"
    return {"requestContext": {"functionArn": arn, "condition": condition}, "responsePayload": json.dumps(answer)}


def heard(lost: int = 0) -> dict[str, Any]:
    """The record of a watch that ended well."""
    return record("", {"group": "prod", "looks": 60, "lost": lost, "ip": "198.51.100.10"})


def told(stage: Stage) -> list[dict[str, Any]]:
    """Every episode of a broken probe that people were told of."""
    episodes = (each for receipt in stage.told_people() for each in receipt.get("episodes", []))
    return [each for each in episodes if each["kind"] == "probe broken"]


@pytest.mark.parametrize("condition", ["FunctionNotStarted", "UnhandledInvocationError", "FunctionNotFound"])
def test_a_probe_that_cannot_run_is_told_and_the_gateway_looked_at_another_way(condition: str) -> None:
    """Its vSwitch is gone: Cloud Assistant looks on the gateway, and a proof behind it is asked for."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.cloud.fail(CheckThroughProbe, FailureKind.REFUSED)
    answer = stage.send(record(condition, {"errorMessage": "the vSwitch does not exist"}))
    (found,) = told(stage)
    assert found["cause"].endswith(f"does not look at the internet: {condition}: the vSwitch does not exist")
    assert [call.gateway for call in stage.cloud.accepted(StartGatewayCheck)] == [A]
    assert [call.gateways for call in stage.cloud.accepted(StartSetup)] == [(A,)]
    assert answer.ok is False
    assert stage.next_hop() == A


def test_a_gateway_that_fails_with_the_probe_is_left() -> None:
    """The look another way finds that the gateway itself reaches nothing."""
    stage = Stage()
    stage.cloud.fail(CheckThroughProbe, FailureKind.REFUSED)
    stage.machine(A).own_ip = None
    stage.send(record("FunctionNotStarted"))
    assert stage.next_hop() == B


def test_a_probe_that_stays_broken_is_told_every_half_hour_and_when_it_looks_again() -> None:
    """A failure record every minute; then a watch ends well."""
    stage = Stage()
    for _ in range(61):
        stage.send(record("FunctionNotStarted"))
        stage.world.advance(60)
    stage.send(heard())
    assert ["ended" in each for each in told(stage)] == [False, False, False, True]
    stage.send(heard())
    assert len(told(stage)) == 4


def test_a_probe_that_falls_silent_is_told_after_three_minutes() -> None:
    """Its timer is gone: no failure, no end of a watch, nothing."""
    stage = Stage()
    stage.sweeps(5)
    assert told(stage) == []
    stage.send(heard())
    stage.sweeps(3)
    assert told(stage) == []
    stage.sweeps(2)
    (found,) = told(stage)
    assert "nothing has been heard of it since 06:05:00 UTC" in found["cause"]


def test_a_probe_that_was_never_heard_of_is_not_silent() -> None:
    """A deployment of the last release has no onSuccess: nothing is told of it."""
    stage = Stage()
    stage.sweeps(30)
    assert stage.told_people() == []


def test_a_report_alone_does_not_promise_more() -> None:
    """The same old deployment: its probe reports a loss, and is silent again for half an hour."""
    stage = Stage()
    stage.send(stage.report())
    stage.sweeps(30)
    assert told(stage) == []


def test_a_probe_that_never_began_is_told_where_every_watch_is_reported() -> None:
    """s.yaml says that watches are reported: three minutes after a cold start none was."""
    stage = Stage()
    stage.told.probes.reporting = True
    stage.sweeps(3)
    assert told(stage) == []
    stage.sweeps(2)
    (found,) = told(stage)
    assert "nothing has been heard of it since 06:00:00 UTC" in found["cause"]
    assert len(stage.cloud.sent(CheckThroughProbe)) == 2, "each sweep looks as well as it can without the probe's watch"


def test_a_probe_that_reports_a_loss_is_heard() -> None:
    """The internet is down for ten minutes, and every watch fails with a report: the probe is well."""
    stage = Stage()
    stage.world.internet = False
    for _ in range(10):
        began = stage.world.now
        stage.send(stage.report())
        stage.send(timer())
        stage.world.advance_to(began + timedelta(minutes=1))
    assert told(stage) == []


def test_while_natkeeper_slept_nothing_could_be_heard() -> None:
    """Function Compute started no run for ten minutes: that is no silence of the probe."""
    stage = Stage()
    stage.send(heard())
    stage.sweeps(1)
    stage.world.advance(600)
    stage.sweeps(2)
    assert told(stage) == []
    stage.sweeps(3)
    assert len(told(stage)) == 1


def test_each_probe_is_told_by_its_name() -> None:
    """Two tables, two probes: the one that is heard of says nothing of the other."""
    routes = [{"table": TABLE}, {"table": TABLE_2, "prefer": B, "probe": "natkeeper-probe-2"}]
    stage = Stage({"prod": group(routes=routes)})
    stage.told.probes.reporting = True
    for _ in range(6):
        began = stage.world.now
        stage.send(heard())
        stage.send(timer())
        stage.world.advance_to(began + timedelta(minutes=1))
    (found,) = told(stage)
    assert found["about"] == [TABLE_2]
    assert "the probe natkeeper-probe-2 does not look" in found["cause"]


def minutes_of_loss(stage: Stage, lost: list[int]) -> None:
    """A watch ends each minute, with so many of its 72 looks lost."""
    for each in lost:
        began = stage.world.now
        stage.send(record("", {"group": "prod", "looks": 72, "lost": each, "ip": "198.51.100.10"}))
        stage.world.advance_to(began + timedelta(minutes=1))


def brown_outs(stage: Stage) -> list[dict[str, Any]]:
    """Every episode of a brown-out that people were told of."""
    episodes = (each for receipt in stage.told_people() for each in receipt.get("episodes", []))
    return [each for each in episodes if each["kind"] == "brown-out"]


def test_a_loss_that_lasts_is_told_and_moves_nothing() -> None:
    """Two of three looks lost for an hour: told after five minutes, every half hour, and at its end."""
    stage = Stage()
    minutes_of_loss(stage, [48] * 4)
    assert brown_outs(stage) == []
    minutes_of_loss(stage, [48] * 61)
    assert len(brown_outs(stage)) == 3
    assert "67 % of what natkeeper-probe asked through vtb-one" in brown_outs(stage)[0]["cause"]
    minutes_of_loss(stage, [0] * 6)
    assert ["ended" in each for each in brown_outs(stage)] == [False, False, False, True]
    assert stage.cloud.sent(WRITES) == []


def test_a_brown_out_is_over_when_five_watches_lost_nothing() -> None:
    """However many were lost in the watches before: those of the last minutes that are older do not count any more."""
    stage = Stage()
    minutes_of_loss(stage, [24] * 6)
    for _ in range(5):
        stage.send(heard())
        stage.world.advance(5)
    assert ["ended" in each for each in brown_outs(stage)] == [False, True]


def test_a_short_or_small_loss_is_nobodys_news() -> None:
    """One bad minute, and then nine in a hundred without end."""
    stage = Stage()
    minutes_of_loss(stage, [0, 0, 0, 0, 24, 0, 0, 0, 0, *[6] * 30])
    assert brown_outs(stage) == []


def test_what_is_a_brown_out_can_be_set() -> None:
    """Where five per cent matter, they are told."""
    stage = Stage({"prod": group(probe={"function": PROBE, "loss": 5})})
    minutes_of_loss(stage, [6] * 6)
    assert len(brown_outs(stage)) == 1


def test_a_move_begins_the_account_of_losses_anew() -> None:
    """What was lost on the way that the route has left says nothing of the new one."""
    stage = Stage()
    minutes_of_loss(stage, [48] * 4)
    stage.send(stage.report())
    minutes_of_loss(stage, [0] * 4)
    minutes_of_loss(stage, [12] * 1)
    assert brown_outs(stage) == []


def test_status_shows_the_loss_of_each_probe() -> None:
    """A figure of the group, for people and machines."""
    stage = Stage()
    minutes_of_loss(stage, [0, 6])
    view = stage.one(person("status")).view
    assert view is not None
    assert view["probes"] == [
        {
            "function": PROBE,
            "table": TABLE,
            "heard": "2026-11-23T06:01:00Z",
            "looks": 144,
            "lost": 6,
            "minutes": [0, 8],
        }
    ]


@pytest.mark.parametrize("action", ["status", "sweep"])
@pytest.mark.parametrize("kind", ["brown-out", "probe broken"])
def test_what_lasts_of_a_probe_shows_until_it_is_over(kind: str, action: str) -> None:
    """The answer has what people were told, and says that it needs a person."""
    stage = Stage()
    if kind == "brown-out":
        minutes_of_loss(stage, [24] * 6)
    else:
        stage.send(record("FunctionNotStarted"))
        stage.world.advance(60)
    (shown,) = (answer := stage.send(person(action))).receipts
    assert [episode.trouble.kind.value for episode in shown.episodes] == [kind]
    assert (answer.ok, f"; {kind} since 2026-11-23 06:0" in shown.sentence) == (False, True)
    minutes_of_loss(stage, [0] * 6)
    assert stage.send(person(action)).ok


def test_the_end_of_a_watch_costs_no_call() -> None:
    """It comes every minute."""
    stage = Stage()
    answer = stage.send(heard(lost=3))
    assert answer.receipts == ()
    assert stage.cloud.log == []


def test_the_failure_of_someone_elses_function_is_ignored() -> None:
    """So is a watch for a group that does not exist."""
    stage = Stage()
    answer = stage.send(record("FunctionNotStarted", function=NOTIFY))
    assert answer.ignored == (f"the function {NOTIFY} failed, and it is not the probe of a group",)
    other = record("", {"group": "other", "looks": 1, "lost": 0})
    assert stage.send(other).ignored == ("a probe looks for group 'other', which does not exist",)
