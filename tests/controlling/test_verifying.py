"""A move counts when it was seen to work; what does not verify is left for the next candidate."""

from __future__ import annotations

from natkeeper.domain.memory import Memory, decode
from natkeeper.ports import (
    CheckFromFunction,
    CheckThroughProbe,
    FailureKind,
    PointRoute,
    ReadInstances,
    StartGatewayCheck,
)
from tests.fakes.cloud import ROUTE_WRITES, WRITES
from tests.fakes.stage import EIP, FALLBACK, A, B, C, Stage, group, timer


def moves(stage: Stage) -> list[str]:
    """Where the routes were pointed, in order."""
    return [call.to.id for call in stage.cloud.accepted(PointRoute)]


def test_a_move_that_does_not_verify_goes_on_to_the_next_candidate() -> None:
    """The standby runs and reaches nothing: its look is lost, and the third gateway gets the route."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    stage.machine(B).rules = False
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert moves(stage) == [B, C]
    assert receipt.verified is True
    stage.whole()


def test_the_gateway_that_did_not_verify_is_remembered() -> None:
    """Its mark is written with the next move, so a later run prefers a gateway that nothing speaks against."""
    stage = Stage({"prod": group(gateways=[A, B, C, "i-delta"])})
    stage.machine(B).rules = False
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    memory = decode(stage.description())
    assert isinstance(memory, Memory)
    assert set(memory.marks) == {B}
    stage.world.advance(300)
    stage.world.stop(C)
    assert stage.one(stage.state(C, "Stopping")).outcome == "changed"
    assert moves(stage) == [B, C, "i-delta"]


def test_a_look_that_fails_while_the_data_plane_follows_is_taken_again(stage: Stage) -> None:
    """The entry reads Available before packets take it: the first looks may fail, and nothing moves on for that."""
    slow = Stage(timings=type(stage.world.timings)(follow=3.0))
    slow.world.stop(A)
    receipt = slow.one(slow.state(A, "Stopping"))
    assert receipt.verified is True
    assert moves(slow) == [B]
    assert len(slow.cloud.sent(CheckThroughProbe)) > 1


def test_a_dead_internet_moves_nothing(stage: Stage) -> None:
    """The probe reports a loss, and FC's own egress reaches nothing either: the route stays, people are told."""
    stage.world.internet = False
    receipt = stage.one(stage.report())
    assert receipt.outcome == "attention"
    assert "does not answer FC either" in receipt.sentence
    assert stage.cloud.sent(WRITES) == []


def test_a_dead_internet_does_not_chase_a_route_from_candidate_to_candidate() -> None:
    """A gateway stops while the internet is away: one move, then the lost look asks whether there is an internet."""
    stage = Stage({"prod": group(gateways=[A, B, C], fallback=FALLBACK, setup={"mode": "apply"})})
    stage.world.internet = False
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert moves(stage) == [B]
    assert receipt.outcome == "attention"
    assert stage.cloud.sent(WRITES)[-1].call in stage.cloud.accepted(PointRoute), "and repairs nothing"
    stage.world.internet = True
    assert stage.sweep().verified is True
    assert moves(stage) == [B]
    stage.whole()


def test_when_every_candidate_fails_alike_the_route_is_held() -> None:
    """FC reaches its targets and no gateway does: one try each, then hold and tell."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    for gateway in (A, B, C):
        stage.machine(gateway).rules = False
    receipt = stage.one(stage.report())
    assert moves(stage) == [B, C]
    assert receipt.outcome == "attention"
    assert receipt.verified is False


def test_where_the_probe_cannot_be_asked_the_gateway_itself_looks(stage: Stage) -> None:
    """The probe is broken: Cloud Assistant looks in its place."""
    stage.cloud.fail(CheckThroughProbe, FailureKind.REFUSED)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.verified is None
    assert f"not verified: {B} is unproven, only the gateway itself was seen" in receipt.problems[-1]
    assert "the probe could not be asked" in receipt.problems[-1]
    assert len(stage.cloud.accepted(StartGatewayCheck)) == 1


def test_a_look_that_cannot_be_had_is_no_proof_against_a_gateway(stage: Stage) -> None:
    """Neither probe nor Cloud Assistant can be asked: the move stands, unverified, and says so."""
    stage.cloud.fail((CheckThroughProbe, StartGatewayCheck), FailureKind.REFUSED)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert receipt.verified is None
    assert any(problem.startswith("not verified: ") for problem in receipt.problems)
    assert moves(stage) == [B]


def test_a_run_that_died_before_its_look_is_verified_by_the_next(stage: Stage) -> None:
    """The move was written and the run ended: the next sweep looks, finds it lost, and goes on."""
    three = Stage({"prod": group(gateways=[A, B, C])})
    three.machine(B).rules = False
    three.world.stop(A)
    assert three.killed(three.state(A, "Stopping"), calls=4), "three reads and the write"
    three.world.advance(10)
    assert three.sweep().outcome == "changed"
    assert three.next_hop() == C
    three.whole()


def test_looks_of_cloud_assistant_that_never_answer_are_given_up(stage: Stage) -> None:
    """The agent is silent: the run waits a while and leaves the move unverified."""
    alone = Stage({"prod": group(probe=None)})
    alone.machine(B).hung = True
    alone.world.stop(A)
    receipt = alone.one(alone.state(A, "Stopping"))
    assert receipt.verified is None
    assert receipt.ms["total"] < 30_000
    assert len(alone.cloud.sent(StartGatewayCheck)) == 1


def test_a_report_from_before_the_move_is_not_held_against_the_new_gateway(stage: Stage) -> None:
    """Delivered twice, late, or overtaken by the event: the report speaks of the gateway that had the route."""
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    receipt = stage.one(stage.report(age=4))
    assert moves(stage) == [B]
    assert receipt.verified is True, "a look decided"
    assert any("the last move" in problem for problem in receipt.problems)


def test_an_old_report_is_not_believed(stage: Stage) -> None:
    """Two minutes in a queue: the timer's probe has looked again since."""
    receipt = stage.one(stage.report(age=200))
    assert stage.cloud.sent(ROUTE_WRITES) == []
    assert any("too old" in problem for problem in receipt.problems)


def test_the_look_waits_for_the_eip(stage: Stage) -> None:
    """A look while the EIP is on its way would prove nothing."""
    follow = Stage({"prod": group(address={"follow": EIP})})
    follow.world.stop(A)
    follow.one(follow.state(A, "Stopping"))
    checks = follow.cloud.sent(CheckThroughProbe)
    assert len(checks) == 1
    assert (checks[0].at - follow.cloud.log[0].at).total_seconds() > 15


def test_the_internet_is_asked_for_at_most_once_a_run(stage: Stage) -> None:
    """Looks cost time: one answer of FC's own egress is enough for a run."""
    stage.machine(A).hung = True
    stage.machine(B).rules = False
    stage.one(stage.report())
    assert len(stage.cloud.sent(CheckFromFunction)) == 1


def test_a_quiet_sweep_looks_at_nothing(stage: Stage) -> None:
    """The probe is there for that; a sweep that finds all well makes no look and no write."""
    stage.one(timer())
    assert stage.cloud.sent((CheckThroughProbe, StartGatewayCheck, CheckFromFunction)) == []


def test_a_look_by_the_way_that_the_route_has_left_proves_nothing(stage: Stage) -> None:
    """The old gateway still works and packets still take it: its address gives it away, and the look is taken again."""
    stage.machine(B).rules = False
    stage.machine(A).locks = frozenset({"Recycling"})
    receipt = stage.one(stage.spot(A))
    assert receipt.verified is not True or receipt.egress_ip == "198.51.100.10"
    assert moves(stage)[0] == B
    assert len(stage.cloud.sent(CheckThroughProbe)) > 1


def test_packets_that_never_follow_leave_the_move_unverified(stage: Stage) -> None:
    """The data plane lags for longer than patience: no verdict about the new gateway, and no move for it."""
    slow = Stage(timings=type(stage.world.timings)(follow=600.0))
    slow.machine(A).locks = frozenset({"Recycling"})
    receipt = slow.one(slow.spot(A))
    assert moves(slow) == [B]
    assert receipt.verified is None, "Cloud Assistant looked on the gateway itself instead, which proves no forwarding"
    assert receipt.egress_ip == "198.51.100.11"


def test_an_address_that_follows_tells_nothing_about_the_way() -> None:
    """Instances are answered from before the EIP moved: its address still seems to be the old gateway's, which is no
    reason to doubt the look.
    """
    stage = Stage({"prod": group(address={"follow": EIP})})
    stage.world.stop(A)
    stage.world.advance(10)
    stage.cloud.freeze(ReadInstances(stage.config.groups[0].gateways), 60.0)
    receipt = stage.one(stage.state(A, "Stopped"))
    assert receipt.verified is True
    assert stage.cloud.sent(StartGatewayCheck) == []
