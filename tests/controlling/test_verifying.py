"""A move counts when it was seen to work; what does not verify is left for the next candidate."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.config import Route
from natkeeper.domain.decision import Verify
from natkeeper.domain.egress import Egress, EgressLost, EvidenceKind
from natkeeper.domain.ids import TableId
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import Unseen
from natkeeper.domain.probe_config import Probe
from natkeeper.domain.world import RouteView
from natkeeper.failover.verify import check_egress, way_to
from natkeeper.ports import (
    CheckFromFunction,
    CheckThroughProbe,
    FailureKind,
    PointRoute,
    ReadGatewayCheck,
    ReadInstances,
    StartGatewayCheck,
    drive,
)
from tests.deciding import worlds
from tests.fakes.cloud import ROUTE_WRITES, WRITES
from tests.fakes.stage import EIP, FALLBACK, A, B, C, Stage, group, hop, timer


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


NO_PROBE = "the probe could not be asked: refused: a fault was asked for"


def checked(stage: Stage, to: str, time_s: float = 60) -> Egress | Unseen:
    """What a check of the first route through a next hop finds."""
    (policy,) = stage.config.groups
    deadline = stage.world.now + timedelta(seconds=time_s)
    checking = check_egress(policy, policy.routes[0], hop(to), frozenset(), stage.world.clock, deadline)
    return drive(checking, stage.cloud, deadline)


@pytest.mark.parametrize(
    "time_s, which, reason",
    [
        (0, (), f"there was no time left for a check on {A}"),
        (60, StartGatewayCheck, f"Cloud Assistant could not look on {A}: refused: a fault was asked for"),
        (60, ReadGatewayCheck, f"the check on {A} could not be read: refused: a fault was asked for"),
    ],
)
@pytest.mark.parametrize("probe", [True, False])
def test_why_a_gateway_could_not_look_is_said(time_s: float, which: Any, reason: str, *, probe: bool) -> None:
    """With why the probe could not, where there is one; without time nothing is begun."""
    stage = Stage({"prod": group(**{} if probe else {"probe": None})})
    stage.cloud.fail((CheckThroughProbe, *([which] if which else [])), FailureKind.REFUSED)
    asked = NO_PROBE if time_s else "the probe could not be asked: unreachable: there was no time left to ask"
    found = checked(stage, A, time_s)
    assert isinstance(found, Unseen)
    assert re.sub(r" \[request R-[0-9]+\]", "", found.reason) == (f"{asked}; {reason}" if probe else reason)
    assert len(stage.cloud.sent(StartGatewayCheck)) == bool(time_s)


def test_checks_that_fail_are_taken_again_until_there_is_no_time_for_another(stage: Stage) -> None:
    """None begins after five seconds, each half a second after the last; Cloud Assistant has 15 s for one."""
    stage.machine(A).hung, stage.cloud.check_timeout = True, 0.1
    began = stage.world.now
    assert isinstance(checked(stage, A), EgressLost)
    assert len(stage.cloud.sent(CheckThroughProbe)) == 7
    assert stage.world.now - began < timedelta(seconds=5)
    stage.cloud.fail(CheckThroughProbe, FailureKind.REFUSED)
    stage.cloud.assistant_s = 60.0
    began = stage.world.now
    found = checked(stage, A)
    assert isinstance(found, Unseen)
    assert found.reason.endswith(f"; the check on {A} took too long")
    assert timedelta(seconds=14) < stage.world.now - began < timedelta(seconds=16)


def test_a_check_on_the_gateway_itself_may_be_lost_and_a_nat_gateway_has_none() -> None:
    """It counts as what it is; a managed gateway is seen by a probe or not at all."""
    stage = Stage({"prod": group(probe=None, fallback=FALLBACK)})
    stage.machine(A).hung = stage.machine(B).rules = False
    stage.world.internet = False
    lost = checked(stage, A)
    assert isinstance(lost, EgressLost)
    assert lost.kind is EvidenceKind.GATEWAY_ITSELF
    why = f"no probe takes 0.0.0.0/0 in vtb-one, so egress through {hop(FALLBACK)} cannot be seen"
    assert checked(stage, FALLBACK) == Unseen(why)


THIRD = Route(table=TableId("vtb-third"))
HALVES = (worlds.half(worlds.B, 0, route=worlds.ELSEWHERE), worlds.half(worlds.B, 1, route=worlds.ELSEWHERE))


@pytest.mark.parametrize(
    "elsewhere, way",
    [
        (worlds.B, worlds.ELSEWHERE),
        (worlds.A, worlds.ROUTE),
        (worlds.BLIND, worlds.ROUTE),
        (RouteView(None, HALVES), worlds.ELSEWHERE),
        (RouteView(worlds.entry(worlds.A, route=worlds.ELSEWHERE), HALVES), worlds.ROUTE),
    ],
)
def test_a_route_without_a_probe_is_checked_along_one_with(elsewhere: Any, way: Route) -> None:
    """That leads to the same next hop, and whole: one that no probe takes either shows nothing more."""
    probe = Probe(function="natkeeper-probe", table=worlds.ELSEWHERE.table)
    policy = worlds.group(routes=(worlds.ROUTE, THIRD, worlds.ELSEWHERE), probe=probe)
    seen = worlds.world(worlds.B, elsewhere=elsewhere)
    third = {THIRD: RouteView(worlds.entry(worlds.B, route=THIRD))}
    seen = replace(seen, routes={**third, **seen.routes})
    assert way_to(Verify(worlds.ROUTE, worlds.hop(worlds.B), "moved"), seen, policy) == way
