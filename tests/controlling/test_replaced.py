"""A gateway was replaced in the configuration while a route led to it: natkeeper knows that it led it there itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import EipStatus
from natkeeper.ports import FailureKind, PointRoute, ReadInstances, UnassociateEip
from tests.controlling.refusing import AfterATrouble, refuse
from tests.fakes.stage import EIP, FALLBACK, A, B, C, Stage, group, person


def configure(stage: Stage, **more: Any) -> None:
    """Deploy another configuration."""
    stage.config = parse_config(
        {"region": "cn-hangzhou", "notify": "natkeeper-notify", "groups": {"prod": group(**more)}}
    )
    stage.told = type(stage.told)()


def moved_to_a(**more: Any) -> Stage:
    """A stage on which natkeeper led the route to A, and whose configuration then has C and B instead."""
    stage = Stage({"prod": group(gateways=[B, A, C], **more)})
    stage.world.stop(B)
    stage.send(stage.state(B, "Stopping"))
    stage.world.advance(30)
    stage.world.start(B)
    stage.world.advance(300)
    assert stage.next_hop() == A
    configure(stage, gateways=[C, B], **more)
    return stage


def test_a_released_gateway_that_natkeeper_led_the_route_to_is_left() -> None:
    """It does not stay foreign: the memory names it, and this group as the one that moved it."""
    stage = moved_to_a()
    stage.world.delete_machine(A)
    receipt = stage.sweep()
    assert (receipt.outcome, stage.next_hop()) == ("changed", C)
    assert "replaced in the configuration, and it does not exist" in receipt.sentence
    stage.whole()


@pytest.mark.parametrize("noted", ["a pause", "an episode"])
def test_one_that_had_the_route_from_the_start_is_known_by_what_was_noted_on_it(noted: str) -> None:
    """Natkeeper never moved the route; what it wrote over A says that this group guards the route there."""
    stage = Stage({"prod": group(gateways=[A])})
    if noted == "a pause":
        stage.one(person("pause", **{"for": "5m", "why": "a change is due"}))
        stage.world.advance(400)
    else:
        stage.world.stop(A)
        stage.world.advance(30)
        stage.sweep()
        stage.sweep()
    assert stage.next_hop() == A
    stage.world.add_machine(InstanceId(C), "198.51.100.99")
    configure(stage, gateways=[C])
    stage.world.delete_machine(A)
    assert stage.sweep().outcome == "changed"
    assert stage.next_hop() == C


def test_one_list_that_lacks_it_is_not_its_death() -> None:
    """It is read like any other gateway: blindness moves nothing, and absence takes a second reading."""
    stage = moved_to_a()
    fault = stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE, where=lambda call: A in call.ids)
    receipt = stage.sweep()
    assert (receipt.outcome, stage.next_hop()) == ("attention", A)
    assert "cannot be seen" in receipt.sentence
    fault.times = 0
    assert stage.sweep().outcome == "changed"


def test_one_that_works_is_left_by_a_planned_move_and_told() -> None:
    """For the first of the new order; where none is fit the route stays on what works."""
    stage = moved_to_a()
    stage.machine(B).hung = False
    stage.world.stop(B)
    stage.world.stop(C)
    stage.world.advance(30)
    assert stage.sweep().outcome == "attention"
    assert stage.next_hop() == A
    stage.world.start(C)
    stage.world.advance(30)
    receipt = stage.sweep()
    assert (receipt.outcome, stage.next_hop()) == ("changed", C)
    assert any("replaced in the configuration" in told["sentence"] for told in stage.told_people())
    stage.whole()


def test_a_dead_one_goes_to_the_fallback_where_no_gateway_is_left() -> None:
    """As from any other dead gateway."""
    stage = moved_to_a(fallback=FALLBACK)
    for name in (A, B, C):
        stage.world.stop(name)
    stage.world.advance(30)
    stage.sweep()
    assert stage.next_hop() == FALLBACK


def test_a_next_hop_that_someone_chose_is_left_alone() -> None:
    """The memory names A, the entry leads elsewhere; or it names A as the move of another group."""
    stage = moved_to_a()
    stage.world.add_machine(InstanceId("i-delta"), "198.51.100.99")
    stage.world.repoint("vtb-one", stage_hop("i-delta"))
    assert stage.sweep().outcome == "attention"
    assert stage.next_hop() == "i-delta"
    other = moved_to_a()
    entry = other.world.entry("vtb-one", "0.0.0.0/0")  # type: ignore[arg-type]
    assert entry is not None
    owner = other.config.groups[0].owner
    entry.description = entry.description.replace(owner, "abcdef")
    other.world.delete_machine(A)
    assert other.sweep().outcome == "attention"
    assert other.next_hop() == A


def stage_hop(name: str) -> Any:
    """Name a next hop."""
    from tests.fakes.stage import hop

    return hop(name)


@pytest.mark.parametrize("name, ours", [("natkeeper-prod", True), ("natkeeper-web", False), ("", False)])
def test_memory_of_the_first_release_is_known_by_the_name_of_the_entry(name: str, ours: bool) -> None:  # noqa: FBT001
    """It names no owner."""
    stage = moved_to_a()
    entry = stage.world.entry("vtb-one", "0.0.0.0/0")  # type: ignore[arg-type]
    assert entry is not None
    entry.description = entry.description.replace(f" o={stage.config.groups[0].owner}", "")
    entry.name = name
    stage.world.delete_machine(A)
    stage.sweep()
    assert stage.next_hop() == (C if ours else A)


def test_a_pause_holds_there_too() -> None:
    """A person who replaces a gateway may have paused the group for it."""
    stage = moved_to_a()
    stage.one(person("pause", **{"for": "30m", "why": "replacing a gateway"}))
    stage.world.delete_machine(A)
    stage.sweep()
    assert stage.next_hop() == A
    stage.world.advance(1801)
    stage.sweep()
    assert stage.next_hop() == C


def test_a_person_may_switch_without_force() -> None:
    """It is the group's route."""
    stage = moved_to_a()
    receipt = stage.one(person("switch", to=B))
    assert (receipt.outcome, stage.next_hop()) == ("changed", B)


# ---- with the EIP ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("alive", [True, False])
def test_the_eip_follows_from_a_replaced_gateway(alive: bool) -> None:  # noqa: FBT001
    """Route and EIP both end on C; from one that works the route goes first."""
    stage = moved_to_a(address={"follow": EIP})
    assert stage.address().holder == A
    if not alive:
        stage.world.stop(A)
        stage.world.advance(30)
    stage.sweeps(2)
    assert stage.next_hop() == C
    stage.whole()
    if alive:
        moves = [sent.at for sent in stage.cloud.log if isinstance(sent.call, PointRoute) and sent.call.to.id == C]
        takes = [sent.at for sent in stage.cloud.log if isinstance(sent.call, UnassociateEip) and sent.call.holder == A]
        assert max(moves) < min(takes)


def test_the_eip_stays_where_the_route_write_is_refused() -> None:
    """A works: it keeps both."""
    stage = moved_to_a(address={"follow": EIP})
    stage.cloud.answer(PointRoute, "Forbidden.RAM", status=403)
    stage.sweep()
    assert (stage.next_hop(), stage.address().holder, stage.address().status) == (A, A, EipStatus.IN_USE)


@pytest.mark.parametrize("calls", range(30))
def test_a_run_that_is_killed_between_route_and_eip_is_finished(calls: int) -> None:
    """The entry remembers where the EIP still is."""
    stage = moved_to_a(address={"follow": EIP})
    stage.killed({"triggerName": "sweep", "triggerTime": "t", "payload": ""}, calls)
    stage.world.advance(40)
    stage.told = type(stage.told)()
    stage.sweeps(3)
    assert stage.next_hop() == C
    stage.whole()


FOLLOWS: dict[str, Any] = {"address": {"follow": EIP}}


@pytest.mark.parametrize("answer", [("Forbidden.RAM", 403), ("SomethingNew", 400), ("InternalError", 500), None])
def test_where_a_dead_one_s_entry_cannot_be_changed_the_route_is_led_around_it(answer: tuple[str, int] | None) -> None:
    """As for a gateway that the configuration still has."""
    stage = moved_to_a()
    refuse(stage, PointRoute, answer)
    stage.world.stop(A)
    after = AfterATrouble(stage)
    after.minutes(3)
    assert stage.next_hop() == C
    assert max(after.dark.values()) < timedelta(seconds=70)


def test_one_that_dies_is_left_although_describe_instances_does_not_answer() -> None:
    """DescribeInstancesFullStatus says that it is stopped, and that others run."""
    stage = moved_to_a(planned={"window": "23:00-23:30", "timezone": "UTC"})
    stage.sweeps(2)
    stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE)
    stage.world.stop(A)
    stage.sweeps(2)
    assert stage.next_hop() == C


@pytest.mark.parametrize("more", [{}, FOLLOWS], ids=["own", "follow"])
def test_one_that_hangs_while_its_replacement_waits_for_the_window_is_left_at_once(more: dict[str, Any]) -> None:
    """What the probe reports of it counts, although the configuration has it no more."""
    stage = moved_to_a(planned={"window": "23:00-23:30", "timezone": "UTC"}, **more)
    stage.sweeps(2)
    assert stage.next_hop() == A
    stage.machine(A).hung = True
    stage.send(stage.report())
    assert stage.next_hop() == C
    stage.world.advance(30)
    stage.whole()


def test_one_that_works_has_the_route_again_where_its_eip_does_not_follow() -> None:
    """Both come back as from any move; nobody else is said to have moved it, and each gateway is tried once an hour."""
    stage = moved_to_a(**FOLLOWS)
    refuse(stage, UnassociateEip, ("Forbidden.RAM", 403))
    after = AfterATrouble(stage)
    before = len(stage.world.moves)
    after.minutes(30)
    assert max(after.dark.values()) < timedelta(seconds=10)
    assert (stage.next_hop(), stage.address().holder) == (A, A)
    assert len(stage.world.moves) - before <= 4
    assert "another natkeeper" not in stage.sweep().sentence
    stage.cloud.mend()
    stage.sweeps(65)
    assert stage.next_hop() in (B, C)
    stage.whole()
