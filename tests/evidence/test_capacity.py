"""Loss of capacity is said: a standby that is smaller than what it replaces, and a bandwidth that is used up."""

from __future__ import annotations

import pytest

from natkeeper.domain.load import GatewayLoad
from tests.fakes.stage import EIP, A, B, C, Stage, group, person


def moved(stage: Stage) -> str:
    """A stops; what people are told of the move."""
    stage.world.stop(A)
    return stage.one(stage.state(A, "Stopping")).sentence


def test_a_move_to_a_smaller_gateway_says_so() -> None:
    """Five Mbit/s instead of a hundred are news at four in the morning."""
    stage = Stage()
    stage.machine(B).bandwidth = 5
    stage.machine(B).type = "ecs.e-c1m1.large"
    said = f"{B} is ecs.e-c1m1.large with 5 Mbit/s, {A} is ecs.g7.large with 100 Mbit/s"
    assert said in moved(stage)


@pytest.mark.parametrize(
    "settings, bandwidth, said",
    [
        ({}, 100, False),
        ({}, 200, False),
        ({}, 0, False),
        ({}, 50, True),
        ({"address": {"follow": EIP}}, 50, False),
    ],
)
def test_only_less_bandwidth_of_its_own_is_news(settings: dict[str, object], bandwidth: int, *, said: bool) -> None:
    """An EIP that follows takes its bandwidth with it; what is not known is not compared."""
    stage = Stage({"prod": group(**settings)})
    stage.machine(B).bandwidth = bandwidth
    assert ("Mbit/s" in moved(stage)) is said


def test_a_bandwidth_that_is_used_up_is_told() -> None:
    """No probe is needed: the gateway's own figures say how much it sent."""
    stage = Stage({"prod": group(setup={"mode": "apply"}, probe=None)})
    stage.machine(A).figures = GatewayLoad(100, 65536, seconds=600, sent_bytes=89 * 10**6 * 600 // 8)
    stage.sweeps(12)
    assert stage.told_people() == []
    stage.machine(A).figures = GatewayLoad(100, 65536, seconds=600, sent_bytes=97 * 10**6 * 600 // 8)
    stage.sweeps(12)
    (found,) = [each for receipt in stage.told_people() for each in receipt["episodes"]]
    assert found["kind"] == "full"
    assert found["cause"] == f"{A} sent 97 of 100 Mbit/s for 600 s: what is more is dropped"


@pytest.mark.parametrize(
    "gateways, stopped, said",
    [([A, B], True, True), ([A, B], False, False), ([A], False, False), ([A, B, C], True, False)],
)
def test_a_status_says_at_once_that_no_standby_is_left(gateways: list[str], *, stopped: bool, said: bool) -> None:
    """A message about it comes after five minutes; a group of one gateway never had one."""
    stage = Stage({"prod": group(gateways=gateways)})
    if stopped:
        stage.world.stop(B)
    assert ("no standby is left" in stage.one(person("status")).sentence) is said
