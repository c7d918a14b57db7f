"""What ECS says of an instance, against what looks show: death asks nobody, a missing address is only a hint."""

from __future__ import annotations

from datetime import timedelta

import pytest

from natkeeper.domain.observed import SystemEvent
from natkeeper.ports import CheckFromFunction, PointRoute, StartGatewayCheck
from tests.fakes.stage import A, B, C, Stage, group


def hidden(**more: object) -> Stage:
    """A's public address is bound to its second interface, which DescribeInstances does not show."""
    stage = Stage({"prod": group(**more)})
    machine = stage.machine(A)
    machine.own_ip, machine.second_ip = None, "198.51.100.77"
    return stage


# ---- 9: certain death asks nobody ------------------------------------------------------------------------


def test_a_gateway_that_ecs_says_is_dead_is_left_although_no_look_can_be_had() -> None:
    """The probe reported, A is Stopping, and FC's own look fails: the targets allow only the gateways' addresses."""
    stage = Stage()
    stage.cloud.answers_fc = False
    stage.world.stop(A)
    receipt = stage.one(stage.report(age=2.0))
    assert stage.next_hop() == B
    assert "is Stopping" in receipt.sentence
    assert stage.cloud.sent(CheckFromFunction), "the case needs the look that fails"


# ---- 10: a look that works beats a missing address -------------------------------------------------------


def test_a_route_stays_on_a_gateway_that_works_by_an_address_nobody_shows() -> None:
    """Private hosts get out by the second interface: neither an event nor a sweep moves the route."""
    stage = hidden()
    stage.one(stage.state(A, "Running"))
    stage.sweeps(3)
    assert stage.cloud.sent(PointRoute) == []
    assert stage.next_hop() == A


def test_it_stays_where_the_setup_proved_it_without_a_look_each_minute() -> None:
    """The proof behind the gateway is as good, and no Cloud Assistant command is needed for it."""
    stage = hidden(probe=None, setup={"mode": "apply"})
    stage.sweeps(2)
    checks = len(stage.cloud.sent(StartGatewayCheck))
    stage.sweeps(3)
    assert len(stage.cloud.sent(StartGatewayCheck)) == checks
    assert stage.next_hop() == A
    assert stage.cloud.sent(PointRoute) == []


def test_a_gateway_that_lost_its_address_is_left_as_soon_as_a_look_agrees() -> None:
    """The EIP was taken off A: the probe does not get out, so the route goes to B in the same run."""
    stage = Stage()
    stage.machine(A).own_ip = None
    receipt = stage.sweep()
    assert stage.next_hop() == B
    assert receipt.outcome == "changed"
    assert stage.world.egress(stage.config.groups[0].routes[0].table) is not None


@pytest.mark.parametrize("second, home", [(None, B), ("198.51.100.77", A)])
def test_a_proof_says_nothing_of_an_address_that_went_away_after_it(second: str | None, home: str) -> None:
    """A is proven again after its stop, then loses its address: it gets the route back only after a newer proof."""
    stage = Stage({"prod": group(setup={"mode": "apply"}, failback="5m", hold_down="1m")})
    stage.sweeps(2)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    stage.world.advance(60)
    stage.world.start(A)
    stage.world.advance(30)
    stage.one(stage.state(A, "Running"))
    stage.sweeps(2)
    stage.machine(A).own_ip, stage.machine(A).second_ip = None, second
    stage.sweeps(7)
    assert stage.next_hop() == B
    stage.sweeps(20)
    assert stage.next_hop() == home


def test_a_standby_whose_address_is_not_shown_is_used_after_those_that_show_one() -> None:
    """B has a second interface and no address to be seen: C goes first, and B is still better than darkness."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    machine = stage.machine(B)
    machine.own_ip, machine.second_ip = None, "198.51.100.77"
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == C
    stage.world.stop(C)
    stage.one(stage.state(C, "Stopping"))
    assert stage.next_hop() == B
    stage.whole()


# ---- 11: announced stops ---------------------------------------------------------------------------------


def test_a_gateway_that_expires_is_named_a_week_ahead_and_left_in_the_last_hour() -> None:
    """Most are renewed: the route stays until an hour before the stop, and never goes to one that is about to go."""
    stage = Stage()
    at = stage.world.now + timedelta(days=8)
    stage.machine(A).events = (SystemEvent("InstanceExpiration.Stop", "Scheduled", at),)
    assert not [problem for problem in stage.sweep().problems if "expires" in problem]
    stage.world.advance_to(at - timedelta(days=6))
    receipt = stage.sweep()
    assert stage.next_hop() == A
    assert [problem for problem in receipt.problems if problem.startswith(f"{A} expires on 2026-12-01 06:00 UTC")]
    stage.world.advance_to(at - timedelta(minutes=61))
    stage.sweep()
    assert stage.next_hop() == A
    stage.world.advance_to(at - timedelta(minutes=58))
    stage.sweep()
    assert stage.next_hop() == B
