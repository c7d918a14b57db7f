"""What a person is answered while something is wrong: nothing is called well that is known to be dead."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.domain.load import GatewayLoad
from tests.fakes.stage import TABLE, TABLE_2, A, B, Stage, group, person


def test_figures_of_a_gateway_that_is_stopped_are_of_the_past() -> None:
    """Neither status nor a scrape shows connections of a machine that is off."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.machine(A).figures = stage.machine(B).figures = GatewayLoad(100, 65536)
    stage.sweeps(12)
    stage.world.stop(B)
    view = stage.one(person("status")).view or {}
    assert ["figures" in gateway for gateway in view["gateways"]] == [True, False]


def lost_standby(stage: Stage) -> None:
    """B is off, and nobody starts it."""
    stage.world.stop(B)


def paused_and_dead(stage: Stage) -> None:
    """Both are off, and a person works on them."""
    stage.world.stop(A)
    stage.world.stop(B)
    stage.one(person("pause", **{"for": "1h"}, why="work"))


def test_a_dead_gateway_of_a_paused_group_carries_nothing_after_a_fresh_move() -> None:
    """Packets end there, and nothing was moved."""
    stage = Stage()
    paused_and_dead(stage)
    stage.sweeps(2)
    said = stage.one(person("status")).sentence
    assert said.startswith(f"paused until 2026-11-23 07:00 UTC; {A} is Stopped; dark since ")


@pytest.mark.parametrize("wrong, kind", [(lost_standby, "degraded"), (paused_and_dead, "dark")])
def test_a_sweep_by_a_person_says_what_lasts(wrong: Any, kind: str) -> None:
    """The answer is about the group as it is, though people were told of it before and are not told again."""
    stage = Stage()
    wrong(stage)
    stage.sweeps(10)
    before = len(stage.told_people())
    answer = stage.send(person("sweep"))
    assert f"{kind} since" in answer.receipts[0].sentence
    assert (answer.ok, len(stage.told_people())) == (False, before)


@pytest.mark.parametrize("stopped, said", [((), False), ((B,), True)])
def test_gateways_that_carry_a_route_each_are_standbys_of_each_other(stopped: tuple[str, ...], *, said: bool) -> None:
    """Two zones, each with its own gateway: the next failure is an outage only where one of them is unfit already."""
    routes = [{"table": TABLE, "prefer": A}, {"table": TABLE_2, "prefer": B}]
    stage = Stage({"prod": group(routes=routes)})
    for gateway in stopped:
        stage.world.stop(gateway)
        stage.sweeps(3)
    assert ("no standby is left" in stage.one(person("status")).sentence) is said


def test_a_return_to_a_gateway_of_its_own_leaves_none_idle_and_each_a_standby() -> None:
    """After it every gateway carries a route, and says so."""
    stage = Stage({"prod": group(routes=[{"table": TABLE, "prefer": A}, {"table": TABLE_2, "prefer": B}])})
    away = stage.one(person("switch", to=B)).sentence
    assert away.endswith(f"{A} is the only standby left")
    back = stage.one(person("switch", to=A, table=TABLE)).sentence
    assert back.endswith(f"no gateway is idle: {A}, {B} take over from each other")


@pytest.mark.parametrize("stopped, next_one", [((B,), True), ((A, B), False)])
@pytest.mark.parametrize("sweeps", [0, 10])
def test_an_outage_is_not_announced_while_there_is_one(
    stopped: tuple[str, ...], sweeps: int, *, next_one: bool
) -> None:
    """Without a standby the next failure is one; while nothing works, none is the next."""
    stage = Stage()
    for gateway in stopped:
        stage.world.stop(gateway)
    stage.sweeps(sweeps)
    said = [stage.one(person("status")).sentence, *(str(receipt) for receipt in stage.told_people())]
    assert any("no standby is left" in sentence for sentence in said)
    assert any("the next failure is an outage" in sentence for sentence in said) is next_one
