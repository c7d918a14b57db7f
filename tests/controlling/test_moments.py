"""What happens in between: at the very end of a run's time, between a write and its answer, between two reads."""

from __future__ import annotations

from datetime import timedelta

from natkeeper.domain.ids import TableId
from natkeeper.domain.memory import Memory, encode
from natkeeper.ports import (
    CheckThroughProbe,
    CreateRoute,
    FailureKind,
    PointRoute,
    ReadConditions,
    ReadInstances,
    ReadRoutes,
    StartGatewayCheck,
    StartSetup,
)
from tests.fakes.cloud import WRITES
from tests.fakes.stage import TABLE, TABLE_2, A, B, C, Stage, group, hop, person, timer


def test_a_run_whose_time_is_up_when_it_has_seen_the_world_writes_nothing(stage: Stage) -> None:
    """Whatever it would begin could not be finished."""
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"), run_for=timedelta(seconds=stage.cloud.round_trip))
    assert len(stage.cloud.sent(ReadInstances)) == 1
    assert stage.cloud.sent(WRITES) == []


def test_a_run_whose_time_is_up_starts_no_setup() -> None:
    """The next sweep has the time."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.send(timer(), run_for=timedelta(seconds=stage.cloud.round_trip))
    assert stage.cloud.sent(StartSetup) == []
    stage.send(timer())
    assert len(stage.cloud.sent(StartSetup)) == 1


def test_what_was_read_two_seconds_ago_is_still_acted_on(stage: Stage) -> None:
    """An API that is slow as a whole must not keep the run reading without end."""
    stage.world.stop(A)
    stage.cloud.round_trip = 2.0
    stage.one(stage.state(A, "Stopping"))
    kinds = [type(entry.call) for entry in stage.cloud.log]
    assert kinds[: kinds.index(PointRoute)].count(ReadRoutes) == 1


def test_people_are_told_in_their_own_letters(stage: Stage) -> None:
    """Escaped, a sentence in Chinese would take three times the room of a parcel that was measured without it."""
    stage.one(person("pause", **{"for": "1h", "why": "内核更新"}))
    assert any("内核更新".encode() in payload for _, _, payload in stage.cloud.handed)


def test_a_move_whose_answer_was_lost_is_found_after_a_while_of_blindness(stage: Stage) -> None:
    """The write was made, its answer and the next reads were not had: it is one move, verified and told."""
    stage.world.stop(A)
    stage.cloud.fail(PointRoute, FailureKind.UNREACHABLE, times=1, done=True, takes=5.0)

    def cut() -> None:
        if stage.cloud.log and isinstance(stage.cloud.log[-1].call, PointRoute):
            fault = stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
            stage.world.after(7, lambda: setattr(fault, "times", 0))
            stage.cloud.watch = lambda: None

    stage.cloud.watch = cut
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert receipt.verified is True
    assert receipt.sentence.startswith(f"moved 0.0.0.0/0 in {TABLE} from {A} to {B}")
    assert len(stage.cloud.sent(PointRoute)) == 1


def test_a_move_that_someone_undid_before_its_answer_is_not_claimed(stage: Stage) -> None:
    """The entry says that natkeeper moved it, and leads elsewhere: it is theirs now."""
    stage.world.add_machine("i-stranger", "198.51.100.77")
    stage.world.stop(A)
    stage.cloud.fail(PointRoute, FailureKind.UNREACHABLE, times=1, done=True, takes=9.0)
    stage.world.after(5.0, lambda: stage.world.repoint(TABLE, hop("i-stranger"), stage.description()))
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.did == ()
    assert receipt.outcome == "attention"
    assert len(stage.cloud.sent(PointRoute)) == 1


def test_the_first_of_several_writes_is_the_one_that_is_timed() -> None:
    """How long a failover took does not depend on what was tried after it."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    stage.machine(B).rules = False
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    first, second = (entry.at for entry in stage.cloud.log if isinstance(entry.call, PointRoute))
    assert receipt.ms["written"] < 200 < (second - first).total_seconds() * 1000


def test_nothing_is_timed_where_nothing_was_written(stage: Stage) -> None:
    """A refused write is none."""
    stage.world.stop(A)
    for write in (PointRoute, CreateRoute):
        stage.cloud.fail(write, FailureKind.DENIED)
    assert "written" not in stage.one(stage.state(A, "Stopping")).ms


def test_gateways_that_cannot_be_seen_for_a_while_are_left_by_the_same_run(stage: Stage) -> None:
    """A gateway is said to stop, and ECS does not answer for longer than a read is tried: look again, then move."""
    stage.world.stop(A)
    fault = stage.cloud.fail((ReadInstances, ReadConditions), FailureKind.UNREACHABLE)
    stage.world.after(8, lambda: setattr(fault, "times", 0))
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    assert stage.next_hop() == B


def test_a_table_that_cannot_be_read_does_not_keep_the_other_waiting_twice() -> None:
    """What was read while it was tried is old, and reading it again would take as long again."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE, where=lambda call: call.table == TABLE_2)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert (stage.cloud.sent(PointRoute)[0].at - stage.cloud.log[0].at).total_seconds() < 6


def test_the_next_candidate_does_not_wait_for_the_first_to_become_visible(stage: Stage) -> None:
    """The table shows the first move, so nothing lags: looks may fail for five seconds, then the route goes on."""
    three = Stage({"prod": group(gateways=[A, B, C])})
    three.machine(B).rules = False
    three.world.stop(A)
    three.one(three.state(A, "Stopping"))
    first, second = (entry.at for entry in three.cloud.log if isinstance(entry.call, PointRoute))
    assert (second - first).total_seconds() < 8


def test_a_write_that_stays_invisible_is_made_once_more_after_ten_seconds(stage: Stage) -> None:
    """Reads may lag for some seconds behind a write that was accepted; what lags for longer was lost."""
    stage.world.stop(A)
    stage.cloud.freeze(ReadRoutes(stage.config.groups[0].routes[0].table), 15.0)
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    first, second = (entry.at for entry in stage.cloud.log if isinstance(entry.call, PointRoute))
    assert 10 <= (second - first).total_seconds() < 12


def test_a_look_through_an_entry_that_someone_deleted_says_nothing_of_the_gateway(stage: Stage) -> None:
    """The packets went nowhere: the entry is created again, to the same gateway, and looked through again."""
    stage.world.stop(A)

    def delete() -> None:
        if stage.cloud.log and isinstance(stage.cloud.log[-1].call, PointRoute):
            stage.world.after(1.5, lambda: stage.world.remove_route(TABLE))
            stage.cloud.fail(CheckThroughProbe, FailureKind.UNREACHABLE, times=1, takes=1.0)
            stage.cloud.watch = lambda: None

    stage.cloud.watch = delete
    receipt = stage.one(stage.state(A, "Stopping"))
    assert [call.to.id for call in stage.cloud.accepted(CreateRoute)] == [B]
    assert receipt.verified is True
    stage.whole()


def test_the_probe_is_asked_only_about_the_next_hop_that_its_own_route_takes() -> None:
    """It would see the other gateway, and tell nothing of this one: Cloud Assistant looks on it instead."""
    routes = [{"table": TABLE, "prefer": C}, {"table": TABLE_2, "prefer": B}]
    stage = Stage({"prod": group(gateways=[A, B, C], routes=routes)})
    stage.world.stop(B)
    assert stage.one(stage.state(B, "Stopping")).verified is None, "and a look from there proves no forwarding"
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (C, A)
    assert [call.gateway for call in stage.cloud.accepted(StartGatewayCheck)] == [A]
    assert stage.cloud.sent(CheckThroughProbe) == []


def test_a_look_that_is_due_is_taken_at_once(stage: Stage) -> None:
    """A run died after its move: the next one has nothing to write and nothing to wait for."""
    stage.world.stop(A)
    assert stage.killed(stage.state(A, "Stopping"), calls=4), "three reads and the write"
    stage.world.advance(10)
    stage.cloud.log.clear()
    stage.sweep()
    (checked,) = (entry.at for entry in stage.cloud.log if isinstance(entry.call, CheckThroughProbe))
    assert (checked - stage.cloud.log[0].at).total_seconds() < 0.2


def test_a_look_may_go_along_halves_alone() -> None:
    """The probe's own route is half-way through a bridge, another one has just been moved to the same gateway."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    known = encode(Memory(since=stage.world.now, by="auto"), "i-alpha is Stopped")
    stage.world.repoint(TABLE_2, hop(B), known)
    stage.world.remove_route(TABLE)
    for half in ("0.0.0.0/1", "128.0.0.0/1"):
        stage.world.create(TableId(TABLE), half, hop(B), known)
    stage.world.stop(A)
    stage.world.advance(10)
    receipt = stage.sweep()
    assert receipt.verified is True
    assert len(stage.cloud.sent(CheckThroughProbe)) == 1
    stage.whole()


def test_of_many_groups_some_start_setups_in_one_sweep_and_the_others_in_the_next() -> None:
    """Hundreds of setups at once would be more than OOS takes."""
    names = [f"g{number}" for number in range(60)]
    settings = {"probe": None, "setup": {"mode": "apply"}}
    groups = {n: group(gateways=[f"i-{n}00"], routes=[{"table": f"vtb-{n}00"}], **settings) for n in names}
    stage = Stage(groups)
    started = []
    for _ in range(2):
        stage.send(timer())
        started.append({call.gateways[0] for call in stage.cloud.accepted(StartSetup)})
        stage.world.advance(60)
    assert [len(gateways) for gateways in started] == [30, 60]
