"""What a run leaves is handed on: others do not wait for slow tasks, and twenty tables are all moved."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.health import Sight
from natkeeper.domain.ids import GroupName
from natkeeper.domain.observed import Instance, PowerState
from natkeeper.domain.signals import IN_A_ROW, Resume
from natkeeper.failover.dispatch import Assignment
from natkeeper.failover.handing_on import DELAY_S, hand_on
from natkeeper.failover.ledger import Rest
from natkeeper.failover.summary import GroupSummary
from natkeeper.ports import CreateRoute, Failure, FailureKind, HandOver, PointRoute
from natkeeper.receipt import Receipt
from tests.deciding.worlds import NOON, ago, world
from tests.deciding.worlds import A as A_GATEWAY
from tests.deciding.worlds import group as policy
from tests.fakes.stage import ITSELF, A, B, Stage, group, person, timer
from tests.fakes.things import Timings

WEST, WEST_B = "i-west1", "i-west2"


def tables(count: int) -> list[dict[str, str]]:
    """So many route tables of one group."""
    return [{"table": f"vtb-east{number}"} for number in range(count)]


def stage_of(count: int, task_s: float, *, others: bool = True, **more: Any) -> Stage:
    """A group of so many tables whose route tasks take `task_s`, and another group; the first one's gateway dies."""
    groups = {"east": group(routes=tables(count), **more)}
    if others:
        groups["west"] = group(gateways=[WEST, WEST_B], routes=[{"table": "vtb-west"}], probe=None)
    stage = Stage(groups, timings=Timings(modify=task_s))
    stage.sweeps(1)
    stage.world.stop(A)
    return stage


def served(stage: Stage, payload: object) -> list[Receipt]:
    """Serve an event and every run that is handed on after it, as Function Compute would, each after its delay."""
    receipts = list(stage.send(payload).receipts)
    for number in range(2 * IN_A_ROW):
        handed = stage.handed_on()
        if number >= len(handed):
            break
        stage.world.advance(DELAY_S + 0.1)
        receipts += stage.send(handed[number]).receipts
    return receipts


def moves(stage: Stage) -> list[Any]:
    """Every ModifyRouteEntry with a next hop that was sent."""
    return [entry for entry in stage.cloud.sent(PointRoute) if entry.call.table.startswith("vtb-east")]


@pytest.mark.parametrize("cold", [True, False])
@pytest.mark.parametrize("link", [0, 1])
def test_a_chain_that_is_killed_anywhere_is_finished_after_the_next_sweep(link: int, cold: bool) -> None:  # noqa: FBT001
    """The first run of a chain, or the one that it handed on to, dies after each of its calls in turn.

    `cold`: the next run is another process; otherwise this one still waits for the run that it handed on to.
    """
    for calls in range(60):
        stage = stage_of(3, 5.0, probe=None)
        payload: object = stage.state(A, "Stopping")
        if link:
            stage.send(payload)
            stage.world.advance(DELAY_S + 0.1)
            payload = stage.handed_on()[0]
        killed = stage.killed(payload, calls)
        if cold:
            stage.told = type(stage.told)()
            stage.told.rest.itself = ITSELF
        stage.world.advance(60)
        stage.cloud.handed.clear()  # what the dead run had handed on is lost with it, or was served meanwhile
        served(stage, timer())
        assert {stage.next_hop(f"vtb-east{number}") for number in range(3)} == {B}, calls
        stage.whole()
        if not killed:
            assert calls > 3, "the run has no middle to be killed in"
            return
    pytest.fail("the run makes more than 60 calls")


def test_a_run_that_only_waits_ends_soon_and_another_goes_on() -> None:
    """Four tables, tasks of five seconds: no run holds the one running instance for longer than a look takes."""
    stage = stage_of(4, 5.0)
    receipts = served(stage, stage.state(A, "Stopping"))
    assert {stage.next_hop(f"vtb-east{number}") for number in range(4)} == {B}
    assert max(receipt.ms["total"] for receipt in receipts) < 4000
    handed = [call.delay_s for call in stage.cloud.accepted(HandOver) if call.function == ITSELF]
    assert set(handed) == {DELAY_S}


def test_waiting_is_done_by_reading_and_each_table_is_written_once() -> None:
    """68 calls for four moves with tasks of 5 s, and 156 with 12 s, were made once: two for each move are enough."""
    for task_s in (5.0, 12.0):
        for others in (True, False):
            stage = stage_of(4, task_s, others=others)
            served(stage, stage.state(A, "Stopping"))
            stage.sweeps(2)
            assert {stage.next_hop(f"vtb-east{number}") for number in range(4)} == {B}
            assert len(moves(stage)) <= 2 * 4, (task_s, others)


def test_what_one_run_learnt_of_the_vpc_the_next_signals_run_knows() -> None:
    """Only the first run finds out that the VPC takes one task at a time; later ones write when it is free."""
    stage = stage_of(4, 5.0)
    for _ in range(12):
        stage.send(stage.state(A, "Stopped"))
        stage.world.advance(2)
    refused = [entry for entry in moves(stage) if isinstance(entry.result, Failure)]
    assert {stage.next_hop(f"vtb-east{number}") for number in range(4)} == {B}
    assert len(refused) == 3


def test_twenty_tables_are_moved_in_one_row_of_runs() -> None:
    """Three seconds a write are more than a run has: the rest is handed on, with others waiting or without."""
    for others in (True, False):
        stage = stage_of(20, 3.0, others=others)
        served(stage, stage.state(A, "Stopping"))
        assert {stage.next_hop(f"vtb-east{number}") for number in range(20)} == {B}
        assert len(moves(stage)) <= 2 * 20


def test_twelve_missing_entries_come_back_though_the_platform_wants_a_pause_between_creations() -> None:
    """Nine seconds each are more than two runs have: what is left is handed on, and all are there within 150 s.

    Where a pause is refused three times, the standby is tried: it works, and the return waits for a person.
    """
    stage = Stage({"east": group(routes=tables(12))})
    stage.sweeps(1)
    stage.cloud.gap_s = 5.0
    for number in range(12):
        stage.world.remove_route(f"vtb-east{number}")
    began = stage.world.now
    while len(stage.cloud.accepted(CreateRoute)) < 12:
        served(stage, timer())
        assert stage.world.now < began + timedelta(seconds=150)
    stage.sweeps(1)
    assert {stage.next_hop(f"vtb-east{number}") for number in range(12)} <= {A, B}
    assert len(stage.cloud.sent(CreateRoute)) <= 6 * 12


def test_people_are_told_once_of_all_that_a_row_of_runs_did() -> None:
    """One message with four moves, by the run that finishes; what comes before is under way."""
    stage = stage_of(4, 5.0)
    receipts = served(stage, stage.state(A, "Stopping"))
    assert {receipt.outcome for receipt in receipts[:-1]} == {"waiting"}
    assert "the next run goes on with what is left" in receipts[0].sentence
    (told,) = stage.told_people()
    assert sum(act["kind"] == "moved" for act in told["acts"]) == 4


def test_what_is_dark_is_moved_first() -> None:
    """A drains for one table's sake no more than it must: the table that leads nowhere goes before those that work."""
    stage = Stage({"east": group(gateways=[A, B, "i-charlie"], routes=tables(3))}, timings=Timings(modify=3.0))
    stage.sweeps(1)
    stage.world.repoint("vtb-east2", stage.world.routes("vtb-east0")[0].next_hop.__class__.gateway("i-charlie"))  # type: ignore[arg-type, union-attr]
    stage.world.stop("i-charlie")
    stage.machine(A).locks = frozenset({"Recycling"})
    stage.cloud.answer(PointRoute, "TaskConflict", times=3)
    served(stage, stage.spot(A))
    accepted = [call.table for call in stage.cloud.accepted(PointRoute)]
    assert accepted[0] == "vtb-east2"


def test_one_run_is_pending_for_each_vpc() -> None:
    """An event in the midst of a row hands nothing on: a run that does is on its way already."""
    stage = stage_of(4, 12.0)
    stage.send(stage.state(A, "Stopping"))
    assert len(stage.handed_on()) == 1
    stage.send(stage.state(A, "Stopped"))
    assert len(stage.handed_on()) == 1


def test_groups_of_one_vpc_share_the_run_that_goes_on() -> None:
    """Both wait for the same VPC's tasks; the one invocation goes on with both."""
    stage = Stage(
        {
            "east": group(routes=tables(3)),
            "west": group(gateways=[WEST, WEST_B], routes=[{"table": "vtb-west"}], probe=None),
        },
        timings=Timings(modify=5.0),
    )
    stage.sweeps(1)
    stage.world.stop(A)
    stage.world.stop(WEST)
    stage.send([stage.state(A, "Stopping"), stage.state(WEST, "Stopping")])
    (handed,) = stage.handed_on()
    receipts = stage.send(handed).receipts
    assert {receipt.group for receipt in receipts} == {"east", "west"}
    for number in range(1, IN_A_ROW):
        if number < len(stage.handed_on()):
            stage.send(stage.handed_on()[number])
    assert [stage.next_hop(table) for table in ("vtb-east0", "vtb-east2", "vtb-west")] == [B, B, WEST_B]


def test_a_row_of_runs_ends_after_ten() -> None:
    """A task that never ends is left to the sweep."""
    stage = stage_of(2, 10_000.0)
    receipts = served(stage, stage.state(A, "Stopping"))
    assert len(stage.handed_on()) == IN_A_ROW
    assert [payload["link"] for payload in stage.handed_on()] == list(range(1, IN_A_ROW + 1))
    assert len(receipts) == IN_A_ROW + 1


def test_a_row_of_runs_begins_no_other_row_where_nothing_is_left_to_write() -> None:
    """The VPC was busy once, then the last gateway hangs: sweeps check and hold the routes, and hand nothing on."""
    stage = stage_of(2, 5.0)
    stage.send(stage.state(A, "Stopping"))
    stage.machine(B).hung = True
    for _ in range(5):
        stage.cloud.handed.clear()
        began = stage.world.now
        served(stage, timer())
        stage.world.advance_to(began + timedelta(minutes=1))
    assert stage.handed_on() == []


def test_without_the_right_the_run_goes_on_as_before_and_says_so_once() -> None:
    """A role of the last release may not invoke its own function."""
    stage = stage_of(4, 5.0)
    stage.cloud.answer(HandOver, "AccessDenied", status=403, where=lambda call: call.function == ITSELF)
    (receipt,) = stage.send(stage.state(A, "Stopping")).receipts
    assert {stage.next_hop(f"vtb-east{number}") for number in range(4)} == {B}
    assert sum("cannot be handed on" in problem for problem in receipt.problems) == 1
    assert len(stage.cloud.sent(HandOver)) == 2  # this try, and the message to people


def test_a_lost_invocation_is_replaced_by_the_next_run_that_has_waited() -> None:
    """What has not arrived for half a minute will not."""
    stage = stage_of(4, 12.0)
    stage.send(stage.state(A, "Stopping"))
    stage.world.advance(31)
    stage.send(timer())
    assert len(stage.handed_on()) == 2


def test_a_persons_request_is_finished_by_the_run_that_answers_it() -> None:
    """Nobody waits for an answer of another run."""
    stage = stage_of(3, 5.0)
    stage.world.start(A)
    stage.world.advance(60)
    stage.send(person("switch", "east", to=B))
    assert stage.handed_on() == []
    assert {stage.next_hop(f"vtb-east{number}") for number in range(3)} == {B}


def test_a_failing_hand_over_is_tried_again_by_a_later_run() -> None:
    """No answer is no refusal."""
    stage = stage_of(4, 5.0)
    stage.cloud.fail(HandOver, FailureKind.UNREACHABLE, where=lambda call: call.function == ITSELF)
    stage.send(stage.state(A, "Stopping"), run_for=timedelta(seconds=10))
    stage.cloud.mend()
    stage.send(timer())
    assert len(stage.handed_on()) == 1


def test_a_hand_over_that_another_run_took_up_before_its_answer_is_no_fault() -> None:
    """Two runs at once: one is told that its invocation failed, and the other has arrived with it."""
    rest = Rest(itself=ITSELF)
    run = hand_on(Assignment(policy(), "an event"), world(), GroupSummary(ago(1)), rest, NOON)
    next(run)
    assert rest.arrived(["prod"]) == ("prod",)  # type: ignore[list-item]
    with pytest.raises(StopIteration) as ended:
        run.send([Failure(FailureKind.UNREACHABLE, "no answer")])
    assert ended.value.value is False


@pytest.mark.parametrize(
    "rest, more, age_s, handed",
    [
        ({}, {}, 1, "asked"),
        ({}, {}, 0.999, "no"),
        ({}, {"links": IN_A_ROW - 1}, 1, "asked"),
        ({}, {"links": IN_A_ROW}, 1, "no"),
        ({}, {"read_only": True}, 1, "no"),
        ({}, {"wish": Resume(GroupName("prod"))}, 1, "no"),
        ({"itself": ""}, {}, 1, "no"),
        ({"denied": True}, {}, 1, "no"),
        ({"pending": 0}, {}, 1, "joined"),
        ({"pending": 29.999}, {}, 1, "joined"),
        ({"pending": 30}, {}, 1, "asked"),
        ({"pending": -1}, {}, 1, "asked"),
    ],
)
def test_what_is_handed_on_and_to_which_run(
    rest: dict[str, Any], more: dict[str, Any], age_s: float, handed: str
) -> None:
    """A run of its own, or the one that is on its way to the VPC; a person's request to none, nor an endless row."""
    pending = rest.pop("pending", None)
    known = Rest(**{"itself": ITSELF, **rest})
    if pending is not None:
        known.pending = {"vpc-one": (NOON - timedelta(seconds=pending), {GroupName("west")})}
    account = GroupSummary(NOON - timedelta(seconds=age_s))
    there = Sight(Instance(A_GATEWAY, PowerState.RUNNING, vpc="vpc-one"))
    run = hand_on(Assignment(policy(), "an event", **more), world(a=there), account, known, NOON)
    if handed != "asked":
        with pytest.raises(StopIteration) as ended:
            next(run)
        joined = {GroupName("west"), GroupName("prod")}
        assert ended.value.value is (handed == "joined")
        assert [groups for _, groups in known.pending.values()] == [joined] * (handed == "joined")
        return
    (call,) = next(run)
    payload = {"natkeeper": "go-on", "groups": ["prod"], "link": more.get("links", 0) + 1}
    assert call == HandOver(ITSELF, json.dumps(payload).encode(), DELAY_S)
    assert known.pending == {"vpc-one": (NOON, {GroupName("prod")})}


@pytest.mark.parametrize("kind", FailureKind)
def test_a_hand_over_that_may_never_work_is_not_tried_again(kind: FailureKind) -> None:
    """A missing right, and a function that is not there; anything else passes."""
    rest, account = Rest(itself=ITSELF), GroupSummary(ago(1))
    run = hand_on(Assignment(policy(), "an event"), world(), account, rest, NOON)
    next(run)
    with pytest.raises(StopIteration) as ended:
        run.send([Failure(kind, "no")])
    assert ended.value.value is False
    assert rest.denied is (kind in (FailureKind.DENIED, FailureKind.GONE, FailureKind.REFUSED))
    assert rest.pending == {}
    assert account.problems == [f"what is left cannot be handed on to the next run: {Failure(kind, 'no')}"]
