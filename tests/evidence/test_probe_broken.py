"""The probe's own death is told, and somebody else looks at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.ports import FailureKind, LookThroughProbe, StartLook, StartSetup
from tests.fakes.stage import NOTIFY, PROBE, A, B, Stage, group


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
    stage.cloud.fail(LookThroughProbe, FailureKind.REFUSED)
    answer = stage.send(record(condition, {"errorMessage": "the vSwitch does not exist"}))
    (found,) = told(stage)
    assert found["cause"] == f"{condition}: the vSwitch does not exist"
    assert [call.gateway for call in stage.cloud.accepted(StartLook)] == [A]
    assert [call.gateways for call in stage.cloud.accepted(StartSetup)] == [(A,)]
    assert answer.ok is False
    assert stage.next_hop() == A


def test_a_gateway_that_fails_with_the_probe_is_left() -> None:
    """The look another way finds that the gateway itself reaches nothing."""
    stage = Stage()
    stage.cloud.fail(LookThroughProbe, FailureKind.REFUSED)
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


def test_the_end_of_a_watch_costs_no_call() -> None:
    """It comes every minute."""
    stage = Stage()
    answer = stage.send(heard(lost=3))
    assert answer.receipts == ()
    assert stage.cloud.log == []


def test_the_failure_of_somebody_elses_function_is_ignored() -> None:
    """So is a watch for a group that does not exist."""
    stage = Stage()
    answer = stage.send(record("FunctionNotStarted", function=NOTIFY))
    assert answer.ignored == (f"the function {NOTIFY} failed, and it is no group's probe",)
    other = record("", {"group": "other", "looks": 1, "lost": 0})
    assert stage.send(other).ignored == ("a probe looks for group 'other', which does not exist",)
