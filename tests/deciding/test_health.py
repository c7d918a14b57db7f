"""How well a gateway is: one reason each, the gravest first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.domain.decision import Keep, Move, Verify
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.health import Draining, Health, Healthy, Sight, Unhealthy, Unknown, assess
from natkeeper.domain.observed import Condition, SystemEvent
from tests.deciding.worlds import (
    BLIND,
    NOON,
    ROUTE,
    A,
    B,
    ago,
    due,
    gateway,
    hop,
    later,
    lost,
    seen,
    spot,
    step,
    world,
)


def judged(sight: Sight, *, own: bool = True) -> Health:
    """The health of a gateway that needs an address of its own, unless said otherwise."""
    return assess(sight, needs_own_address=own)


@pytest.mark.parametrize(
    "health", ["Ok", "Warning", "Maintaining", "Initializing", "InsufficientData", "NotApplicable"]
)
def test_only_impaired_is_a_bad_health_word(health: str) -> None:
    """The others warn of what may come, or know nothing."""
    assert judged(gateway(health=health)) == Healthy()
    assert judged(gateway(health="Impaired")) == Unhealthy("is impaired")


@pytest.mark.parametrize("kind", ["SystemFailure.Reboot", "InstanceFailure.Reboot"])
def test_a_failure_counts_while_it_is_under_way(kind: str) -> None:
    """Executed, the instance is back."""
    assert judged(due(None, kind, "Executing")) == Unhealthy(f"has failed: {kind}")
    assert judged(due(None, kind, "Executed")) == Healthy()
    assert judged(due(later(60), kind, "Scheduled")) == Draining(f"is due for {kind}", later(60))


@pytest.mark.parametrize("status", ["Executed", "Avoided", "Canceled", "Failed", "Somehow"])
def test_maintenance_that_is_over_is_no_notice(status: str) -> None:
    """Nor is one in a state that nobody knows."""
    assert judged(due(later(60), status=status)) == Healthy()


def test_maintenance_drains_until_it_begins() -> None:
    """At its time if it names one, at any moment if it does not or has begun."""
    assert judged(due(later(60))) == Draining("is due for SystemMaintenance.Reboot", later(60))
    assert judged(due(None)) == Draining("is under SystemMaintenance.Reboot")
    assert judged(due(ago(5), status="Executing")) == Draining("is under SystemMaintenance.Reboot")


def test_an_inquiry_waits_for_its_owner_unless_it_names_a_time() -> None:
    """Nothing happens before the answer; to drain for it would be to move for nothing."""
    assert judged(due(None, status="Inquiring")) == Healthy()
    assert judged(due(later(60), status="Inquiring")) == Draining("is due for SystemMaintenance.Reboot", later(60))


def test_the_most_urgent_notice_counts() -> None:
    """The earliest of several, and what has begun before all of them."""
    soon = SystemEvent("SystemMaintenance.Stop", "Scheduled", later(10))
    late = SystemEvent("SystemMaintenance.Redeploy", "Scheduled", later(90))
    begun = SystemEvent("SystemMaintenance.Reboot", "Executing", later(600))
    other = SystemEvent("Disk.ErrorDetected", "Executing")
    assert judged(gateway(events=(late, other, soon))) == Draining("is due for SystemMaintenance.Stop", later(10))
    assert judged(gateway(events=(soon, late, begun))) == Draining("is under SystemMaintenance.Reboot")
    assert judged(replace(spot(), condition=Condition(A, "Ok", (soon,)))) == Draining("is being reclaimed")


def test_locks_other_than_the_reclaiming_one_stop_a_gateway() -> None:
    """Alibaba has locked it for debts or for safety."""
    assert judged(gateway(locks=("security", "Recycling", "financial"))) == Unhealthy("is locked: financial, security")


def test_a_gateway_without_a_public_address_is_of_no_use_unless_an_eip_follows() -> None:
    """Then it gets one with the route."""
    bare = gateway(public_ip=None)
    assert judged(bare) == Unhealthy("has no public address")
    assert judged(bare, own=False) == Healthy()


def test_an_address_that_ecs_does_not_show_may_be_on_a_second_interface() -> None:
    """DescribeInstances lists no EIP of an interface; what was seen to work needs none to be shown."""
    assert judged(gateway(public_ip=None, interfaces=("eni-1", "eni-2"))) == Healthy()
    assert judged(gateway(public_ip=None, interfaces=("eni-1",))) == Unhealthy("has no public address")
    assert judged(seen(public_ip=None)) == Healthy()
    assert judged(gateway(public_ip=None, proof=EgressSeen(NOON, None))) == Healthy()
    assert judged(lost(public_ip=None)) == Unhealthy("does not reach the internet: no answer")


def test_a_route_is_left_over_a_missing_address_only_after_a_look() -> None:
    """The look that fails, or cannot be had, leaves it; the one that works keeps it."""
    hidden = gateway(public_ip=None)
    assert step(world(a=hidden)) == Verify(ROUTE, hop(A), f"seeing whether the internet is reached through {A}")
    assert isinstance(step(world(a=seen(public_ip=None))), Keep)
    for check in (EgressLost(NOON, "no answer"), BLIND):
        found = step(world(a=replace(hidden, egress=check)))
        assert isinstance(found, Move)
        assert found.to == hop(B)
    assert isinstance(step(world(a=gateway("Stopped", public_ip=None))), Move)


def test_a_look_that_failed_outweighs_what_ecs_says() -> None:
    """ECS knows nothing of firewall rules."""
    assert judged(lost()) == Unhealthy("does not reach the internet: no answer")


def test_a_mark_stands_until_something_newer_shows_that_the_gateway_works() -> None:
    """A look in this run, or a good setup report since."""
    marked = gateway(mark=ago(5))
    assert judged(marked) == Unhealthy(
        f"could not carry the route at {ago(5):%Y-%m-%d} 11:55:00 UTC and has not been seen to work since; last choice "
        "until 12:55 UTC"
    )
    assert judged(replace(marked, ready_at=ago(6))) == judged(marked)
    assert judged(replace(marked, ready_at=ago(5))) == judged(marked)
    assert judged(replace(marked, ready_at=ago(4))) == Healthy()
    assert judged(seen(mark=ago(5))) == Healthy()


def test_a_mark_that_is_open_but_no_longer_fresh_is_no_illness() -> None:
    """See marks.py for how long it is fresh."""
    old = gateway(mark=ago(300), mark_is_fresh=False)
    assert judged(old) == Healthy()
    assert (old.open_mark, old.fresh_mark) == (ago(300), None)


def test_what_is_not_there_is_dead_and_what_is_not_seen_is_unknown() -> None:
    """The difference that rule 3 is about."""
    assert judged(Sight(None)) == Unhealthy("does not exist")
    assert isinstance(judged(gateway("Unknown")), Unknown)


@pytest.mark.parametrize("kind", ["InstanceExpiration.Stop", "AccountUnbalanced.Stop", "InstanceExpiration.Delete"])
def test_a_stop_for_want_of_payment_drains_in_its_last_hour(kind: str) -> None:
    """Most are renewed in time; without a time to hold it against nothing is concluded."""
    assert judged(due(later(59), kind)) == Healthy()
    assert assess(due(later(61), kind), needs_own_address=True, now=NOON) == Healthy()
    assert assess(due(later(59), kind), needs_own_address=True, now=NOON) == Draining(f"is due for {kind}", later(59))
    assert assess(due(None, kind), needs_own_address=True, now=NOON) == Healthy()


def test_maintenance_of_a_disk_drains_nobody() -> None:
    """The instance goes on beside it, unless the maintenance reboots it."""
    assert judged(due(later(60), "SystemMaintenance.CleanInactiveDisks")) == Healthy()
    assert judged(due(None, "SystemMaintenance.IsolateErrorDisk", "Executing")) == Healthy()
    assert isinstance(judged(due(later(60), "SystemMaintenance.RebootAndIsolateErrorDisk")), Draining)
