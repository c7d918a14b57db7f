"""Two deployments that guard one route and disagree: that is reported, and neither undoes what the other did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.domain.ids import InstanceId
from natkeeper.ports import CheckThroughProbe, FailureKind, NoteRoute
from tests.fakes.stage import NOTIFY, PROBE, TABLE, A, B, C, Stage, group, timer


def play(hours: float, *, name: str = "prod", cold_every: int = 0) -> tuple[Stage, Stage, list[str]]:
    """A dies and comes back; one deployment has the order A, B, the other B, A. Return both and the told sentences."""
    one = Stage({"prod": group(failback="5m", hold_down="1m")})
    two = Stage({name: group(gateways=[B, A], failback="5m", hold_down="1m", probe={"function": "natkeeper-probe-2"})})
    two.world, two.cloud = one.world, one.cloud
    one.cloud.probes["natkeeper-probe-2"] = TABLE
    for stage in (one, two):
        stage.send(timer())
    one.world.stop(A)
    one.send(one.state(A, "Stopping"))
    one.world.advance(60)
    one.world.start(A)
    one.world.advance(60)
    sentences: list[str] = []
    minutes = int(hours * 60)
    for minute in range(minutes):
        began = one.world.now
        for stage in (one, two):
            sentences += [r.sentence for r in stage.send(timer()).receipts if r.outcome == "attention"]
            if cold_every and minute % cold_every == 0:
                stage.told = type(stage.told)()
        one.world.advance_to(began + timedelta(minutes=1))
    return one, two, sentences


@pytest.mark.parametrize("name", ["prod", "web"])
def test_two_orders_of_gateways_make_no_war(name: str) -> None:
    """Two hours: the move away from A and at most one return, not twenty-one moves; people hear of it."""
    one, _, sentences = play(2, name=name)
    assert len(one.world.moves) <= 3, one.world.moves
    assert any("another" in sentence or "natkeeper that guards" in sentence for sentence in sentences)
    assert any("natkeeper switch" in sentence for sentence in sentences)


def test_processes_that_start_anew_make_no_war_either() -> None:
    """The memory names the owner, so that also a cold process knows."""
    one, _, _ = play(2, name="web", cold_every=20)
    assert len(one.world.moves) <= 3, one.world.moves


@pytest.mark.parametrize("dies", [True, False])
def test_two_lists_of_gateways_make_no_war(*, dies: bool) -> None:
    """Each takes what it has not for replaced, but not what the other led the route to while it watched.

    Unless that is dead: then each leads the route to a gateway of its own once, and stays.
    """
    one, two = Stage({"prod": group(gateways=[B, A])}), Stage({"prod": group(gateways=[B, C])})
    one.world.add_machine(InstanceId(C), "198.51.100.99")
    two.world, two.cloud = one.world, one.cloud
    one.world.remove_route(TABLE)
    one.world.add_route(TABLE, hop_of(B))
    for stage in (one, two):
        stage.sweep()
    one.world.advance(30)
    one.world.stop(B)
    one.send(one.state(B, "Stopping"))
    assert one.next_hop() == A
    if dies:
        one.world.stop(A)
        two.send(two.state(B, "Stopped"))
        assert one.next_hop() == C
    sentences: list[str] = []
    for _ in range(30):
        one.world.advance(30)
        sentences += [stage.sweep().sentence for stage in (two, one)]
    assert one.next_hop() == (C if dies else A)
    assert any("another natkeeper, which has" in sentence for sentence in sentences)


def test_a_dead_gateway_is_left_no_matter_who_led_the_route_there() -> None:
    """Nobody waits for the other deployment to do it."""
    one, two, _ = play(1, name="web")
    here = one.next_hop()
    assert here is not None
    one.world.stop(here)
    for stage in (two, one):
        stage.send(stage.state(here, "Stopping"))
    assert one.next_hop() != here


def test_a_new_order_of_one_deployment_is_followed() -> None:
    """A configuration that changed is no other deployment: the route returns to its new home."""
    stage = Stage({"prod": group(failback="5m", hold_down="1m")})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.advance(60)
    stage.world.start(A)
    stage.world.advance(30)
    stage.sweeps(15)
    assert stage.next_hop() == A
    settings: dict[str, Any] = {"prod": group(gateways=[B, A], failback="5m", hold_down="1m")}
    stage.config = parse_config({"region": "cn-hangzhou", "notify": NOTIFY, "groups": settings})
    stage.told = type(stage.told)()
    stage.sweeps(15)
    assert stage.next_hop() == B


def test_halves_of_another_natkeeper_are_not_deleted() -> None:
    """They carry its traffic; it will finish what it began."""
    stage = Stage()
    words = "natkeeper: i-bravo [nk1 s=1795413600 b=auto h=i-bravo g=i-bravo o=abcdef]"
    for half in ("0.0.0.0/1", "128.0.0.0/1"):
        entry = stage.world._new_entry(TABLE, half, hop_of(B), words)  # type: ignore[arg-type]
        stage.world._follow(entry)
        entry.status = type(entry.status).AVAILABLE
    stage.world.advance(600)
    receipt = stage.sweep()
    assert "another natkeeper" in receipt.sentence
    assert len(stage.world.tables[TABLE]) == 3  # type: ignore[index]


def hop_of(name: str) -> Any:
    """Name a next hop."""
    from tests.fakes.stage import hop

    return hop(name)


@pytest.mark.parametrize("dark", [False, True])
def test_two_deployments_write_down_a_trouble_once(dark: bool) -> None:  # noqa: FBT001
    """Each has seen it begin at another moment; the entry keeps the earliest, and is not written in turns.

    Not even where the route leads nowhere by then, so that nobody judges any more how many standbys are left.
    """
    one, two, _ = play(0)
    one.world.stop(B)
    one.cloud.fail(NoteRoute, FailureKind.UNREACHABLE, times=2)
    for stage in (one, two):
        stage.sweep()
        one.world.advance(5)
    if dark:
        one.world.stop(A)
    for _ in range(8):
        one.world.advance(30)
        one.sweep()
        one.world.advance(30)
        two.sweep()
    before = len(one.cloud.sent(NoteRoute))
    for _ in range(5):
        one.world.advance(30)
        one.sweep()
        one.world.advance(30)
        two.sweep()
    assert len(one.cloud.sent(NoteRoute)) == before


def test_two_deployments_of_which_one_saw_a_trouble_end_write_it_down_once() -> None:
    """The standby was well for a minute, in which only one of them looked: for the other the trouble never ended.

    To the one it began anew. It replaces the beginning that it told the end of, and no other that comes after it.
    """
    one, two, _ = play(0)

    def both(minutes: int) -> None:
        for _ in range(minutes):
            for stage in (one, two):
                stage.sweep()
                one.world.advance(30)

    one.world.stop(B)
    both(10)
    one.world.start(B)
    one.world.advance(25)
    assert "no longer degraded" in two.sweep().sentence
    one.world.stop(B)
    one.world.advance(15)
    both(10)
    before = len(one.cloud.sent(NoteRoute))
    both(10)
    assert len(one.cloud.sent(NoteRoute)) == before


def test_a_gateway_of_the_other_deployment_was_not_replaced() -> None:
    """It led the route there while this process watched, so the configuration that has the gateway is in force."""
    one = Stage({"prod": group(failback="5m", hold_down="1m")})
    two = Stage({"prod": group(gateways=[C, B], probe=None)})
    one.world.add_machine(C, "198.51.100.12")
    two.world, two.cloud = one.world, one.cloud
    for stage in (one, two):
        stage.sweep()
    one.world.stop(A)
    one.send(one.state(A, "Stopping"))
    one.world.advance(60)
    one.world.start(A)
    one.sweeps(10)
    assert one.next_hop() == A
    two.sweeps(3)
    assert one.next_hop() == A


def test_two_deployments_that_differ_about_a_gateway_tell_it_once() -> None:
    """One has a probe that works, the other Cloud Assistant, which does not: each would undo the other's mark."""
    one = Stage({"prod": group()})
    two = Stage({"prod": group(probe={"function": "natkeeper-probe-2"})})
    two.world, two.cloud = one.world, one.cloud
    one.cloud.probes["natkeeper-probe-2"] = TABLE
    one.machine(B).hung = True
    one.world.stop(B)
    for stage in (one, two):
        stage.send(timer())
    one.machine(A).hung = True
    for stage in (one, two):
        stage.send(stage.report())
    one.machine(A).hung = False
    one.cloud.fail(CheckThroughProbe, FailureKind.UNREACHABLE, where=lambda call: call.function != PROBE)
    for _ in range(25):
        began = one.world.now
        for stage in (one, two):
            stage.send(timer())
        one.world.advance_to(began + timedelta(minutes=1))
    over = [each["sentence"] for each in one.told_people() if "no longer dark" in each["sentence"]]
    assert len(over) == 1, over
