"""When calls fail: tried again while that may help, ended when it cannot, and always over by the deadline."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pytest_mock import MockerFixture

from natkeeper.domain.config import Group
from natkeeper.domain.decide import decide
from natkeeper.domain.decision import Decision
from natkeeper.domain.world import World
from natkeeper.ports import (
    AssociateEip,
    CheckThroughProbe,
    CreateRoute,
    DeleteRoute,
    FailureKind,
    NoteRoute,
    PointRoute,
    ReadConditions,
    ReadInstances,
    ReadRoutes,
    StartSetup,
)
from tests.fakes.cloud import READS, ROUTE_WRITES, WRITES
from tests.fakes.stage import EIP, FALLBACK, PROBE, TABLE, TABLE_2, A, B, C, Stage, group, hop, person, timer

TRANSIENT = [FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.BUSY]


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_write_that_fails_for_a_while_is_made_when_it_can_be(stage: Stage, kind: FailureKind) -> None:
    """Two refusals in a row, and then it works: one move, and the run ends well."""
    stage.world.stop(A)
    stage.cloud.fail(PointRoute, kind, times=2)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert receipt.verified is True
    stage.whole()


@pytest.mark.parametrize("kind", TRANSIENT)
@pytest.mark.parametrize("which", [READS, WRITES, (CheckThroughProbe,), (*READS, *WRITES)])
def test_a_run_ends_by_its_deadline_whatever_fails(kind: FailureKind, which: tuple[type, ...]) -> None:
    """The fault never ends; the run does, and it says that people are needed."""
    stage = Stage({"prod": group(address={"follow": EIP})})
    stage.world.stop(A)
    stage.cloud.fail(which, kind)
    began = stage.world.now
    receipt = stage.one(stage.state(A, "Stopping"))
    assert stage.world.now - began <= timedelta(seconds=53)
    if which != (CheckThroughProbe,):
        assert receipt.outcome == "attention"


def test_a_move_that_was_never_made_is_told(stage: Stage) -> None:
    """Writes are throttled to the end of the run: the receipt names the move that is missing and why."""
    stage.world.stop(A)
    stage.cloud.fail(PointRoute, FailureKind.THROTTLED, code="Throttling.User")
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "attention"
    assert "not done: throttled" in receipt.sentence
    assert len([problem for problem in receipt.problems if "throttled" in problem]) == 1
    assert len(stage.told_people()) == 1, "there is time to tell people although the run used up its own"


def test_a_denied_write_ends_the_run_with_attention(stage: Stage) -> None:
    """The role lacks a permission: asking again is no use, people must know."""
    stage.world.stop(A)
    for write in (PointRoute, CreateRoute):
        stage.cloud.fail(write, FailureKind.DENIED, code="Forbbiden")
    began = stage.world.now
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "attention"
    assert "denied" in receipt.sentence
    assert len(stage.cloud.sent(PointRoute)) == 1
    assert stage.world.now - began < timedelta(seconds=3)
    assert len(stage.told_people()) == 1


def test_a_hop_that_the_platform_refuses_is_passed_over() -> None:
    """The first standby is refused: the next one gets the route."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    stage.cloud.refused_hops[B] = "its ENI cannot forward"
    stage.world.stop(A)
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    assert stage.next_hop() == C
    assert [call.call.to.id for call in stage.cloud.sent(PointRoute)] == [B, B, C], "asked once more, and then the next"


def test_a_note_that_is_refused_is_not_written_again_and_again() -> None:
    """Only the memory could not be written: once is enough for a run, and the run is short."""
    stage = Stage({"prod": group(setup={"mode": "check"})})
    stage.machine(B).rules = False
    stage.cloud.fail(NoteRoute, FailureKind.REFUSED)
    stage.sweep()
    stage.world.advance(60)
    before = len(stage.cloud.sent(NoteRoute))
    receipt = stage.sweep()
    assert len(stage.cloud.sent(NoteRoute)) == before + 1
    assert receipt.outcome == "attention"
    assert receipt.ms["total"] < 2_000


def test_an_eip_that_cannot_be_bound_does_not_fill_the_run() -> None:
    """The new owner has a public address of its own: known beforehand, told, and the route is safe all the same."""
    stage = Stage({"prod": group(address={"follow": EIP})})
    stage.machine(B).own_ip = "198.51.100.55"
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == B
    assert stage.cloud.sent(AssociateEip) == []
    assert receipt.outcome == "attention"


def test_an_entry_that_cannot_be_deleted_does_not_fill_the_run() -> None:
    """The bridge's last step is refused: one try a run, and the traffic flows meanwhile."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.in_place = lambda _old, _new: False
    stage.cloud.fail(DeleteRoute, FailureKind.REFUSED)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert len(stage.cloud.sent(DeleteRoute)) == 1
    assert receipt.outcome == "attention"
    assert stage.world.egress(stage.config.groups[0].routes[0].table) is not None
    stage.cloud.mend()
    stage.sweep()
    stage.whole()


@pytest.mark.parametrize("early", [False, True])
def test_a_move_whose_answer_was_lost_is_one_move_and_is_told(stage: Stage, early: bool) -> None:  # noqa: FBT001
    """It was made and nobody heard: the run finds it in the table, verifies it and accounts for it."""
    stage.world.shows_new_hop_early = early
    stage.world.stop(A)
    stage.cloud.fail(PointRoute, FailureKind.UNREACHABLE, times=1, done=True, takes=9.0)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert receipt.sentence.startswith(f"moved 0.0.0.0/0 in {TABLE} from {A} to {B}")
    assert len(stage.told_people()) == 1
    stage.whole()


def test_a_wish_whose_answer_was_lost_is_carried_out_once(stage: Stage) -> None:
    """`switch` to the best standby must not switch back because the first answer was lost."""
    stage.cloud.fail(PointRoute, FailureKind.UNREACHABLE, times=1, done=True, takes=9.0)
    receipt = stage.one(person("switch"))
    assert stage.next_hop() == B
    assert receipt.outcome == "changed"
    assert len(stage.cloud.sent(PointRoute)) == 1


def test_a_creation_whose_answer_was_lost_is_one_creation(stage: Stage) -> None:
    """The missing entry was created and nobody heard: it is found, not created twice, and told."""
    stage.world.remove_route(TABLE)
    stage.cloud.fail(CreateRoute, FailureKind.UNREACHABLE, times=1, done=True, takes=9.0)
    receipt = stage.one(timer())
    assert receipt.outcome == "changed"
    assert len(stage.world.tables[stage.config.groups[0].routes[0].table]) == 1
    stage.whole()


def test_half_a_blindness_moves_what_can_be_seen() -> None:
    """One table cannot be read: the other's route moves all the same, and the blind one is told."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE, where=lambda call: call.table == TABLE_2)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (B, A)
    assert receipt.outcome == "attention"


def test_one_blind_group_does_not_hold_up_another() -> None:
    """Two groups in a sweep, one of whose tables cannot be read: the other's move waits seconds, not the whole run."""
    stage = Stage(
        {
            "east": group(gateways=["i-east1", "i-east2"], probe=None),
            "west": group(gateways=["i-west1", "i-west2"], routes=[{"table": TABLE_2}], probe=None),
        }
    )
    stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE, where=lambda call: call.table == TABLE)
    stage.world.stop("i-west1")
    stage.send(timer())
    assert stage.next_hop(TABLE_2) == "i-west2"
    assert (stage.cloud.sent(PointRoute)[0].at - stage.cloud.log[0].at).total_seconds() < 6


def test_instances_that_cannot_be_read_move_nothing(stage: Stage) -> None:
    """Blind is not dead: no state, no move, however ominous the event."""
    stage.world.stop(A)
    stage.cloud.fail((ReadInstances, ReadConditions), FailureKind.UNREACHABLE)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "attention"
    assert stage.cloud.sent(ROUTE_WRITES) == []


def test_a_stale_read_of_the_table_does_no_harm(stage: Stage) -> None:
    """The table is answered from before the move for a while: what was moved is moved once, and found in the end."""
    stage.world.stop(A)
    stage.cloud.freeze(ReadRoutes(stage.config.groups[0].routes[0].table), 5.0)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.verified is True
    assert {call.to.id for call in stage.cloud.accepted(PointRoute)} == {B}
    stage.whole()


def test_a_stale_read_of_instances_does_no_harm(stage: Stage) -> None:
    """The gateway still reads Running for some seconds after its event: watched, and then left."""
    gateways = stage.config.groups[0].gateways
    stage.cloud.freeze(ReadInstances(gateways), 3.0)
    stage.world.stop(A)
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    stage.whole()


def test_a_fallback_that_cannot_be_read_at_first_is_asked_for_again() -> None:
    """Both gateways are dead and the fallback was unreadable for a moment: the same run still gets there."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.stop(A)
    from natkeeper.ports import ReadNatGateway

    fault = stage.cloud.fail(ReadNatGateway, FailureKind.THROTTLED)
    stage.world.after(6, lambda: setattr(fault, "times", 0))
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    assert stage.next_hop() == FALLBACK


def test_conditions_that_cannot_be_read_change_nothing(stage: Stage) -> None:
    """Power state is the authority: all is well, and the trouble is mentioned."""
    stage.cloud.fail(ReadConditions, FailureKind.DENIED, code="Forbidden.RAM")
    receipt = stage.sweep()
    assert receipt.outcome == "quiet"
    assert any("conditions cannot be read" in problem for problem in receipt.problems)


def test_a_setup_that_cannot_be_started_is_a_problem_and_nothing_else() -> None:
    """OOS refuses: the sweep goes on, the receipt says so."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.cloud.fail(StartSetup, FailureKind.DENIED)
    receipt = stage.sweep()
    assert any("setup could not be started" in problem for problem in receipt.problems)
    assert stage.cloud.sent(ROUTE_WRITES) == []


def test_a_gateway_that_vanishes_between_look_and_write_is_passed_over() -> None:
    """The standby is released in the moment of the move: the next look at the world finds another."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    stage.world.stop(A)
    stage.world.after(0.06, lambda: stage.world.delete_machine(B))
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    assert stage.next_hop() == C
    stage.whole()


def test_an_entry_that_vanishes_between_look_and_write_is_created(stage: Stage) -> None:
    """Someone deletes the route in the moment of the move: it is created where it should have gone."""
    stage.world.stop(A)
    stage.world.after(0.06, lambda: stage.world.remove_route(TABLE))
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    stage.whole()


def test_someone_elses_change_in_the_moment_of_the_move_is_not_undone_twice(stage: Stage) -> None:
    """A person re-points the route to their own box after our move was verified: from then on it is theirs."""
    stage.world.add_machine("i-stranger", "198.51.100.77")
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.repoint(TABLE, hop("i-stranger"))
    writes = len(stage.cloud.sent(ROUTE_WRITES))
    stage.sweeps(3)
    assert len(stage.cloud.sent(ROUTE_WRITES)) == writes
    assert stage.next_hop() == "i-stranger"


def test_the_probe_function_that_is_gone_is_told_and_harms_nothing(stage: Stage) -> None:
    """A probe is configured and not deployed: looks fall to Cloud Assistant."""
    del stage.cloud.probes[PROBE]
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert (receipt.outcome, receipt.verified, receipt.egress_ip) == ("changed", None, "198.51.100.11")


@pytest.mark.parametrize("payload", ["event", "sweep"])
def test_blindness_right_after_the_move_is_waited_out(stage: Stage, payload: str) -> None:
    """The write was made and then reads fail for some seconds: the run stays until it has seen that it worked."""
    stage.world.stop(A)

    def cut() -> None:
        if stage.cloud.log and isinstance(stage.cloud.log[-1].call, PointRoute):
            fault = stage.cloud.fail(READS, FailureKind.UNREACHABLE)
            stage.world.after(9, lambda: setattr(fault, "times", 0))
            stage.cloud.watch = lambda: None

    stage.cloud.watch = cut
    receipt = stage.one(timer() if payload == "sweep" else stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert receipt.verified is True


def test_a_write_that_fails_at_once_is_not_hammered(stage: Stage) -> None:
    """The platform says no without delay, again and again: there is a pause before each new try."""
    stage.world.stop(A)
    for write in (PointRoute, CreateRoute):
        stage.cloud.fail(write, FailureKind.GONE, takes=0.0)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "attention"
    assert len(stage.cloud.sent(PointRoute)) < 45 / 0.3


def test_a_run_without_time_left_starts_nothing_more(stage: Stage) -> None:
    """The time was used up by a write that never worked: no repair is started and no probe resumed on borrowed time."""
    kept = Stage({"prod": group(setup={"mode": "apply"})})
    kept.machine(A).rules = False
    kept.cloud.fail(PointRoute, FailureKind.UNREACHABLE)
    kept.send(kept.report(), run_for=timedelta(seconds=4))
    assert kept.cloud.sent(StartSetup) == []
    assert [function for _, function, _ in kept.cloud.handed] == ["natkeeper-notify"]


def test_an_unforeseen_fault_in_one_group_leaves_the_others_their_run(mocker: MockerFixture) -> None:
    """One group's run dies of a bug: its receipt says where, and the other group is still moved."""
    stage = Stage({"first": group(), "second": group(gateways=[C], routes=[{"table": TABLE_2}], probe=None)})

    def broken(world: World, policy: Group, now: datetime) -> Decision:
        if policy.name == "first":
            raise ZeroDivisionError
        return decide(world, policy, now)

    mocker.patch("natkeeper.failover.reconcile.decide", broken)
    first, second = stage.send(timer()).receipts
    assert first.outcome == "attention"
    assert first.sentence.startswith("the run failed with ZeroDivisionError in test_troubled_api.py, line")
    assert second.outcome == "quiet"
