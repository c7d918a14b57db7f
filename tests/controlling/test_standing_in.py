"""One call of several that say the same is refused for minutes, or slow: the others stand in for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import combinations
from typing import Any

import pytest

from natkeeper.domain.ids import EipId, InstanceId, TableId
from natkeeper.domain.observed import Condition, Instance, PowerState, Unseen
from natkeeper.failover.run import Told
from natkeeper.failover.standing_in import by_status
from natkeeper.ports import (
    CheckFromFunction,
    CheckThroughProbe,
    CreateRoute,
    DeleteRoute,
    FailureKind,
    PointRoute,
    ReadConditions,
    ReadEip,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
    ReadSetups,
)
from tests.controlling.refusing import AfterATrouble, refuse
from tests.controlling.test_one_refusal import hang, stop
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, hop, person

ANSWERS = (("Forbidden.RAM", 403), None)
SOON = timedelta(seconds=40)


def ready(settings: dict[str, Any]) -> Stage:
    """A stage that has been swept for two minutes."""
    stage = Stage({"prod": group(**settings)})
    stage.sweep()
    stage.world.advance(120)
    stage.sweep()
    return stage


# ---- DescribeInstances -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS, ids=["denied", "silent"])
@pytest.mark.parametrize("trouble", [stop, hang])
@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("cold", [False, True])
def test_power_states_are_enough_to_leave_a_dead_gateway(
    answer: tuple[str, int] | None, trouble: Callable[[Stage], object], *, follow: bool, cold: bool
) -> None:
    """DescribeInstancesFullStatus has them, also for a process that has never seen an instance."""
    stage = ready({"address": {"follow": EIP}} if follow else {})
    refuse(stage, ReadInstances, answer)
    if cold:
        stage.told = Told()
    after = AfterATrouble(stage)
    after.send(trouble(stage))
    after.minutes(3)
    assert max(after.dark.values()) < SOON
    assert stage.next_hop() == B
    stage.whole()
    said = [receipt["sentence"] for receipt in stage.told_people()]
    assert any("DescribeInstances does not show" in each for each in said), said
    stage.cloud.mend()
    after.minutes(2)
    stage.whole()


@pytest.mark.parametrize("cold", [False, True])
def test_power_states_say_that_a_standby_is_no_way_out(*, cold: bool) -> None:
    """B is stopped, so the route goes to C at once."""
    stage = ready({"gateways": [A, B, C]})
    stage.world.stop(B)
    stage.world.advance(60)
    refuse(stage, ReadInstances, ("Throttling.Api", 400))
    if cold:
        stage.told = Told()
    stage.one(stop(stage))
    assert stage.next_hop() == C
    assert [entry.call.to.id for entry in stage.cloud.sent(PointRoute)] == [C]


def test_what_the_list_of_conditions_lacks_is_hidden_and_not_gone() -> None:
    """Both lists have a hole at A: nothing moves."""
    stage = ready({})
    stage.world.machines.pop(stage.machine(A).id)
    refuse(stage, ReadInstances, ("Forbidden.RAM", 403))
    for _ in range(3):
        stage.sweep()
        stage.world.advance(60)
    assert not stage.cloud.sent(PointRoute)


def test_where_both_are_refused_nothing_moves_and_people_hear_of_it() -> None:
    """Blind is not dead."""
    stage = ready({})
    stage.cloud.answer((ReadInstances, ReadConditions), "Forbidden.RAM", status=403)
    stage.one(stop(stage))
    stage.sweeps(3)
    assert not stage.cloud.sent(PointRoute)
    assert any("cannot be seen" in receipt["sentence"] for receipt in stage.told_people())


def test_an_eip_that_cannot_be_read_either_is_not_touched() -> None:
    """Power states do not say where it is: the route moves, and the EIP follows once it can be seen."""
    stage = ready({"address": {"follow": EIP}})
    stage.cloud.answer((ReadInstances, ReadEip), "Forbidden.RAM", status=403)
    after = AfterATrouble(stage)
    after.send(stop(stage))
    assert stage.address().holder == A
    stage.cloud.mend()
    after.minutes(2)
    stage.whole()


def test_a_power_state_brings_only_what_does_not_change_with_it() -> None:
    """Of what was known of an instance: not its EIP, its other public address, nor its locks."""
    a, b, c = (InstanceId(each) for each in (A, B, C))
    was = Instance(a, PowerState.RUNNING, vpc="vpc-one", public_ip="198.51.100.9", eip=EipId(EIP), locks=frozenset("x"))
    conditions = {
        a: Condition(a, status=PowerState.STOPPED),
        b: Condition(b),
        c: Condition(c, status=PowerState.RUNNING),
    }
    shown = by_status("denied", conditions, (a, b, c), {a: was})
    assert shown == {
        a: Instance(a, PowerState.STOPPED, vpc="vpc-one", unread="denied"),
        b: Unseen("denied"),
        c: Instance(c, PowerState.RUNNING, unread="denied"),
    }


# ---- DescribeNatGateways -----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS, ids=["denied", "silent"])
@pytest.mark.parametrize("follow", [False, True])
def test_a_fallback_that_cannot_be_read_is_tried_last(answer: tuple[str, int] | None, *, follow: bool) -> None:
    """Both gateways hang, and nothing says how the managed NAT Gateway is."""
    more = {"address": {"follow": EIP}} if follow else {}
    stage = ready({"fallback": FALLBACK, **more})
    refuse(stage, ReadNatGateway, answer)
    stage.machine(B).hung = True
    after = AfterATrouble(stage)
    after.send(hang(stage))
    after.minutes(2)
    assert stage.next_hop() == FALLBACK
    assert max(after.dark.values()) < SOON
    assert [entry.call.to.id for entry in stage.cloud.sent(PointRoute)] == [B, FALLBACK]


def test_a_fallback_that_is_not_there_is_refused_by_the_platform() -> None:
    """And the route is held, without a write in every sweep."""
    stage = ready({"fallback": FALLBACK})
    stage.world.nat.clear()
    refuse(stage, ReadNatGateway, ("Forbidden.RAM", 403))
    stage.machine(B).hung = True
    after = AfterATrouble(stage)
    after.send(hang(stage))
    after.minutes(10)
    assert len(stage.cloud.sent(PointRoute)) <= 8
    stage.machine(B).hung = False
    stage.world.stop(A)
    after.send(stage.state(A, "Stopping"))
    after.minutes(2)
    stage.whole()


# ---- two at once -------------------------------------------------------------------------------------------

OPTIONAL = (ReadConditions, ReadEip, ReadNatGateway, ReadSetups, CheckThroughProbe, CheckFromFunction)


@pytest.mark.parametrize("trouble", [stop, hang])
@pytest.mark.parametrize(
    "settings",
    [{"gateways": [A, B, C]}, {"routes": [{"table": TABLE}, {"table": TABLE_2}], "address": {"follow": EIP}}],
    ids=["own", "follow"],
)
def test_two_silent_calls_that_a_failover_can_do_without_do_not_hold_it(
    trouble: Callable[[Stage], object], settings: dict[str, Any]
) -> None:
    """Each of them is waited for once, and then the route is written."""
    for pair in combinations(OPTIONAL, 2):
        stage = ready(settings)
        payload = trouble(stage)
        for call in pair:
            refuse(stage, call, None)
        after = AfterATrouble(stage)
        after.send(payload)
        assert stage.next_hop() == B, pair
        after.minutes(1)
        assert max(after.dark.values()) < SOON, (pair, after.dark)


# ---- for some seconds --------------------------------------------------------------------------------------


def without(stage: Stage, call: type[Any], gateway: str, seconds: float) -> None:
    """Let the answers to a call lack a gateway, or the EIP, for some seconds."""
    carry_out, until = stage.cloud._carry_out, stage.world.now + timedelta(seconds=seconds)

    def with_a_hole(one: Any) -> Any:
        answer = carry_out(one)
        if not isinstance(one, call) or stage.world.now >= until:
            return answer
        return {each: at for each, at in answer.items() if each != gateway} if isinstance(answer, dict) else None

    stage.cloud._carry_out = with_a_hole  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("gateway", [A, B])
@pytest.mark.parametrize("trouble", [stop, hang])
def test_a_hole_in_the_list_of_instances_is_filled_by_their_conditions(
    gateway: str, trouble: Callable[[Stage], object]
) -> None:
    """The route moves at once, be the hole the dead gateway's or the standby's."""
    stage = ready({})
    without(stage, ReadInstances, gateway, 3)
    after = AfterATrouble(stage)
    after.send(trouble(stage))
    assert stage.next_hop() == B
    after.minutes(1)
    stage.whole()


@pytest.mark.parametrize("trouble", [stop, hang])
def test_an_eip_that_a_list_lacks_for_a_moment_is_where_the_instances_show_it(
    trouble: Callable[[Stage], object],
) -> None:
    """And one that was just taken off is on its way."""
    for moment in (0.0, 0.1, 2.0):
        stage = ready({"address": {"follow": EIP}})
        after = AfterATrouble(stage)
        stage.world.after(moment, partial(without, stage, ReadEip, "", 3))
        after.send(trouble(stage))
        assert (stage.next_hop(), stage.address().holder) == (B, B), moment
        stage.whole()


def test_a_table_that_does_not_show_an_accepted_move_yet_is_read_until_it_does() -> None:
    """What it shows is a world in which all is done, with the EIP at the gateway that was left."""
    stage = ready({"address": {"follow": EIP}})
    (route,) = stage.config.groups[0].routes
    stage.cloud.freeze(ReadRoutes(route.table), 5)
    stage.one(person("switch", to=B))
    assert (stage.next_hop(), stage.address().holder) == (B, B)
    stage.whole()


# ---- slow ones ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [ReadRoutes, ReadInstances, ReadConditions])
def test_a_read_that_takes_nearly_as_long_as_it_may_keeps_nobody_dark(call: type[Any]) -> None:
    """Both gateways hang. To read once more what was slow makes it no younger, and takes the time for the write."""
    stage = ready({"fallback": FALLBACK})
    stage.machine(B).hung = True
    stage.cloud.slow = {call: call.patience_s - 0.1}
    after = AfterATrouble(stage)
    after.send(hang(stage))
    after.minutes(4)
    assert stage.next_hop() == FALLBACK
    assert max(after.dark.values()) < timedelta(minutes=2)


def test_a_sweep_whose_reads_take_all_its_time_makes_its_first_write() -> None:
    """A thousand groups, or an API that is slow for all: the next sweep would read for as long."""
    stage = ready({})
    stage.world.stop(A)
    stage.world.advance(30)
    stage.cloud.slow = {ReadRoutes: 11.0}
    stage.sweep()
    assert stage.next_hop() == B


# ---- a pause -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True])
def test_a_pause_holds_where_the_table_that_has_it_cannot_be_read(*, again: bool) -> None:
    """While a person works, the first table loses its entry and reads of the second are refused; nothing is created."""
    stage = ready({"routes": [{"table": TABLE}, {"table": TABLE_2}]})
    assert stage.one(person("pause", **{"for": "20m"}, why="work")).outcome == "changed"
    stage.sweep()
    stage.cloud.answer(ReadRoutes, "Forbidden.RAM", status=403, where=lambda call: call.table == TABLE_2)
    stage.world.remove_route(TABLE)
    stage.sweeps(25 if again else 15)
    assert (stage.next_hop() is not None) is again


def test_what_a_run_has_read_holds_for_a_moment_when_reading_it_again_fails() -> None:
    """A bridge was begun to B, which stops: its halves go, and none comes back while B cannot be read once more."""
    stage = ready({"fallback": FALLBACK})
    since = stage.world.now.timestamp()
    for half in ("128.0.0.0/1", "0.0.0.0/1"):
        words = f"natkeeper: {B} [nk1 s={since:.0f} b=auto h={A} g={B}]"
        stage.world.create(TableId(TABLE), half, hop(B), words)
        stage.world.advance(5)
    stage.world.stop(B)
    stage.cloud.fail(DeleteRoute, FailureKind.BUSY, times=1, where=lambda _: len(tried(stage, DeleteRoute)) == 1)
    one_is_gone: dict[str, Any] = {
        "where": lambda _: len(stage.world.routes(TableId(TABLE))) == 2,
        "times": 9,
        "takes": 0.1,
    }
    blind = stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE, **one_is_gone)
    stage.sweep()
    assert blind.times < 9
    assert not tried(stage, CreateRoute)
    assert stage.next_hop() == A


def tried(stage: Stage, kind: type[Any]) -> list[Any]:
    """List the attempts at calls of a kind that this stage has seen."""
    return [sent.call for sent in stage.cloud.log if isinstance(sent.call, kind)]


def test_a_deleted_gateway_is_gone_although_describe_instances_does_not_answer() -> None:
    """Its event says so, and the list that stands in does not have it: what is merely not in that list is hidden."""
    for event, moved in (("Deleted", True), ("Stopping", False)):
        stage = Stage()
        stage.sweeps(2)
        stage.cloud.fail(ReadInstances, FailureKind.DENIED)
        stage.world.delete_machine(A)
        stage.send(stage.state(A, event))
        assert (stage.next_hop() == B) is moved
