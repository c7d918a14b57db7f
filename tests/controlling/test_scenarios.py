"""The scenarios of the demo, each a whole run (or several) on virtual time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from natkeeper.domain.observed import EipStatus, PowerState, SystemEvent
from natkeeper.ports import (
    AssociateEip,
    FailureKind,
    HandOver,
    PointRoute,
    StartGatewayCheck,
    StartSetup,
    UnassociateEip,
)
from tests.fakes.cloud import READS, ROUTE_WRITES, WRITES
from tests.fakes.stage import EIP, FALLBACK, PROBE, TABLE, TABLE_2, A, B, C, Stage, group, hop


def test_a_stopped_gateway_is_left_for_the_standby(stage: Stage) -> None:
    """Stop: the event comes, the route moves, egress is seen, the receipt says it all in one sentence."""
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert receipt.verified is True
    assert receipt.sentence == (
        f"moved 0.0.0.0/0 in {TABLE} from {A} to {B}: {A} is Stopping; the internet is reached and saw 198.51.100.11; "
        "no standby is left: the next failure is an outage"
    )
    assert receipt.next_hops == {f"0.0.0.0/0 in {TABLE}": B}
    stage.whole()


def test_every_kind_of_notice_that_a_gateway_is_gone_moves_the_route() -> None:
    """Stopped, deleted, failed: whatever the event is called, the state decides."""
    for state in ("Stopping", "Stopped", "Deleted"):
        stage = Stage()
        stage.world.delete_machine(A) if state == "Deleted" else stage.world.stop(A)
        assert stage.one(stage.state(A, state)).outcome == "changed"
        assert stage.next_hop() == B
        stage.whole()


def test_a_crash_that_no_event_tells_of_is_seen_by_the_probe(stage: Stage) -> None:
    """Crash: the machine still counts as Running; the probe's report alone moves the route."""
    stage.machine(A).hung = True
    receipt = stage.one(stage.report())
    assert receipt.outcome == "changed"
    assert receipt.verified is True
    assert stage.next_hop() == B
    assert "3 checks in a row failed" in receipt.sentence
    assert receipt.problems == ()
    stage.whole()


def test_a_gateway_without_its_rules_is_left_and_then_repaired() -> None:
    """Misconfigured: the route moves first; the setup of the gateway that failed starts after it is safe."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.machine(A).rules = False
    receipt = stage.one(stage.report())
    assert stage.next_hop() == B
    (started,) = stage.cloud.sent(StartSetup)
    assert started.call.gateways == (A,)
    assert started.at > stage.cloud.sent(PointRoute)[-1].at
    assert f"started the setup of {A}" in receipt.did
    stage.world.advance(60)
    assert stage.machine(A).rules
    stage.whole()


def test_a_lost_gateway_without_standby_is_repaired_where_it_is() -> None:
    """Nothing better is there: the route stays, and the repair starts all the same, but not at every report."""
    stage = Stage({"prod": group(gateways=[A], setup={"mode": "apply"})})
    stage.machine(A).rules = False
    receipt = stage.one(stage.report())
    assert receipt.outcome == "attention"
    stage.one(stage.report())
    assert len(stage.cloud.setups) == 1
    stage.world.advance(60)
    stage.whole()


def test_setup_that_is_off_is_off_for_repairs_too() -> None:
    """A group whose setup is off has its route moved and its gateways left alone."""
    stage = Stage({"prod": group(setup={"mode": "off"})})
    stage.machine(A).rules = False
    stage.one(stage.report())
    assert stage.cloud.sent(StartSetup) == []


def test_a_spot_instance_that_is_to_be_reclaimed_is_left_before_it_goes(stage: Stage) -> None:
    """Spot: the notice comes with the lock; the route is away long before the five minutes are over."""
    stage.machine(A).locks = frozenset({"Recycling"})
    receipt = stage.one(stage.spot(A))
    assert receipt.outcome == "changed"
    assert "is being reclaimed" in receipt.sentence
    stage.world.delete_machine(A)
    stage.whole()


def test_planned_maintenance_is_left_ahead_of_its_time(stage: Stage) -> None:
    """Maintenance: a scheduled event moves the route while the gateway still works."""
    begins = stage.world.now + timedelta(hours=4)
    stage.machine(A).events = (SystemEvent("SystemMaintenance.Reboot", "Scheduled", begins),)
    receipt = stage.one(stage.system_event(A, "SystemMaintenance.Reboot", "Scheduled"))
    assert receipt.outcome == "changed"
    assert "is due for SystemMaintenance.Reboot" in receipt.sentence
    stage.whole()


def test_a_failing_host_is_left_at_once(stage: Stage) -> None:
    """System failure: the instance is still Running, the event says that its host is not."""
    stage.machine(A).events = (SystemEvent("SystemFailure.Reboot", "Executing"),)
    receipt = stage.one(stage.system_event(A, "SystemFailure.Reboot", "Executing"))
    assert "has failed" in receipt.sentence
    assert stage.next_hop() == B


def test_both_gateways_down_end_on_the_fallback_and_come_back_from_it() -> None:
    """Both down: first the standby, then the managed NAT Gateway, then home again when a gateway is well."""
    stage = Stage({"prod": group(fallback=FALLBACK, hold_down="2m")})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.advance(5)
    stage.world.stop(B)
    receipt = stage.one(stage.state(B, "Stopping"))
    assert stage.next_hop() == FALLBACK
    assert receipt.outcome == "changed"
    stage.whole()
    stage.world.start(A)
    stage.world.advance(25)
    stage.send(stage.state(A, "Running"))
    assert stage.next_hop() == FALLBACK, "the hold-down has not passed"
    stage.sweeps(4)
    assert stage.next_hop() == A
    stage.whole()


def test_an_api_that_does_not_answer_holds_everything_and_then_it_acts() -> None:
    """Outage of the API: nothing is written while nothing is seen; the run that sees again does the work."""
    stage = Stage()
    stage.world.stop(A)
    outage = stage.cloud.fail(READS, FailureKind.UNREACHABLE)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "attention"
    assert "cannot be read" in receipt.sentence
    assert 9_000 < receipt.ms["total"] < 15_000, "tried for a while, and not until the end of its time"
    assert stage.sweep().outcome == "attention"
    assert stage.cloud.sent(WRITES) == []
    outage.times = 0
    assert stage.sweep().outcome == "changed"
    stage.whole()


def test_an_outage_that_ends_within_the_run_is_waited_out(stage: Stage) -> None:
    """A few seconds without an answer cost those seconds, not a minute until the next sweep."""
    stage.world.stop(A)
    outage = stage.cloud.fail(READS, FailureKind.UNREACHABLE)
    stage.world.after(8, lambda: setattr(outage, "times", 0))
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    stage.whole()


def test_the_old_gateway_comes_back_and_becomes_the_standby() -> None:
    """Return: it is set up anew at once; with manual failback the route stays where it is."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.advance(30)
    stage.world.start(A, rules=False)
    stage.world.advance(30)
    receipt = stage.one(stage.state(A, "Running"))
    assert f"started the setup of {A}" in receipt.did
    stage.sweeps(20)
    assert stage.next_hop() == B
    assert stage.machine(A).rules
    stage.whole()


def test_a_route_returns_home_after_its_time() -> None:
    """Failback after 5 minutes healthy: one move, by the sweep, and none before."""
    stage = Stage({"prod": group(failback="5m", hold_down="1m")})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.advance(30)
    stage.world.start(A)
    stage.sweeps(4)
    assert stage.next_hop() == B
    stage.sweeps(4)
    assert stage.next_hop() == A
    assert len(stage.cloud.accepted(PointRoute)) == 2
    stage.whole()


def test_each_zone_goes_its_own_way_and_both_meet_when_one_gateway_dies() -> None:
    """Zones: two tables, each with its own home; only the one whose gateway died moves."""
    routes = [{"table": TABLE, "prefer": A}, {"table": TABLE_2, "prefer": B}]
    stage = Stage({"prod": group(routes=routes)})
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (A, B)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (B, B)
    assert len(stage.cloud.accepted(PointRoute)) == 1
    assert receipt.next_hops == {f"0.0.0.0/0 in {TABLE}": B, f"0.0.0.0/0 in {TABLE_2}": B}
    stage.whole()


def test_two_tables_of_one_gateway_move_together() -> None:
    """One write for each table, in one batch; the VPC takes them one after the other, and both get there."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert [type(call) for call in stage.cloud.batches[1]] == [PointRoute, PointRoute]
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (B, B)
    stage.world.advance(1)  # the packets follow
    stage.whole()


def test_the_eip_follows_beside_the_route_write() -> None:
    """Follow: it is taken off in the same batch as the route write, and the look waits until it has arrived."""
    stage = Stage({"prod": group(address={"follow": EIP})})
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert {type(call) for call in stage.cloud.batches[1]} == {PointRoute, UnassociateEip}
    assert receipt.egress_ip == "198.51.100.100"
    assert (stage.address().status, stage.address().holder) == (EipStatus.IN_USE, B)
    assert len(stage.cloud.accepted(AssociateEip)) == 1
    stage.whole()


def test_an_eip_that_was_taken_away_from_its_gateway_is_given_back() -> None:
    """A sweep finds the EIP unbound and binds it to the owner of the route."""
    stage = Stage({"prod": group(address={"follow": EIP})})
    stage.address().status, stage.address().holder = EipStatus.AVAILABLE, None
    assert stage.sweep().outcome == "changed"
    stage.whole()


def test_a_next_hop_that_someone_put_there_is_left_and_told(stage: Stage) -> None:
    """Foreign: neither the event nor the sweep changes it; people hear of it once."""
    stage.world.add_machine("i-stranger", "198.51.100.77")
    stage.world.repoint(TABLE, hop("i-stranger"))
    receipt = stage.one(stage.route_touched())
    assert receipt.outcome == "attention"
    assert "i-stranger" in receipt.sentence
    stage.sweeps(5)
    assert stage.cloud.sent(WRITES) == []
    assert len(stage.told_people()) == 1


def test_a_deleted_route_entry_is_created_again(stage: Stage) -> None:
    """Someone deleted the route: the event, or the sweep, brings it back on the first gateway that is fit."""
    stage.world.remove_route(TABLE)
    receipt = stage.one(stage.route_touched("DeleteRouteEntry"))
    assert receipt.outcome == "changed"
    assert receipt.verified is True
    stage.whole()


def test_an_entry_that_cannot_change_in_place_is_replaced_over_two_halves() -> None:
    """The platform refuses instance to NAT Gateway in place: the halves carry the traffic, always."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.in_place = lambda old, new: old.kind is new.kind
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == FALLBACK
    stage.whole()


def test_without_a_probe_the_look_is_taken_on_the_gateway() -> None:
    """No probe is deployed: Cloud Assistant looks on the new gateway."""
    stage = Stage({"prod": group(probe=None)})
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.verified is None, "the gateway itself says nothing of what it forwards"
    (check,) = stage.cloud.accepted(StartGatewayCheck)
    assert check.gateway == B


def test_a_third_gateway_takes_over_from_the_second() -> None:
    """One after the other dies; the route ends on the last that lives, and every run says where."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    for dies, takes in ((A, B), (B, C)):
        stage.world.stop(dies)
        receipt = stage.one(stage.state(dies, "Stopped"))
        assert stage.next_hop() == takes
        assert receipt.outcome == "changed"
        stage.world.advance(30)
    stage.whole()


def test_a_standby_that_dies_moves_nothing(stage: Stage) -> None:
    """The gateway that dies is not the next hop: nothing is written."""
    stage.world.stop(B)
    assert stage.one(stage.state(B, "Stopped")).outcome == "quiet"
    assert stage.cloud.sent(ROUTE_WRITES) == []


def test_the_probe_goes_on_watching_after_the_move(stage: Stage) -> None:
    """The report ended the probe's watch; once the route is safe it is asked to go on."""
    stage.machine(A).hung = True
    stage.one(stage.report())
    resumed = [(at, payload) for at, function, payload in stage.cloud.handed if function == PROBE]
    assert [payload for _, payload in resumed] == [b'{"action":"watch"}']
    assert resumed[0][0] > stage.cloud.sent(PointRoute)[-1].at


def test_the_probe_goes_on_only_for_as_long_as_its_watch_would_have_lasted(stage: Stage) -> None:
    """The timer begins the next one; watches that began anew with each report would multiply."""
    stage.machine(A).hung = True
    until = (stage.world.now + timedelta(seconds=50)).timestamp()
    stage.one(stage.report(until=until))
    resumed = [payload for _, function, payload in stage.cloud.handed if function == PROBE]
    assert [json.loads(payload) for payload in resumed] == [{"action": "watch", "until": until}]


def test_a_watch_that_would_have_ended_by_now_does_not_go_on(stage: Stage) -> None:
    """The next one has begun."""
    stage.machine(A).hung = True
    stage.one(stage.report(until=stage.world.now.timestamp()))
    assert [payload for _, function, payload in stage.cloud.handed if function == PROBE] == []


def test_the_probe_is_not_resumed_while_all_is_lost() -> None:
    """It would report the same loss every few seconds for nothing; its timer starts it again within a minute."""
    stage = Stage({"prod": group(gateways=[A])})
    stage.machine(A).hung = True
    assert stage.one(stage.report()).outcome == "attention"
    assert [call.function for call in stage.cloud.accepted(HandOver)] == ["natkeeper-notify"]


@pytest.mark.parametrize("state", ["Stopping", "Stopped"])
def test_a_reboot_that_is_over_before_a_run_looks_moves_nothing(stage: Stage, state: str) -> None:
    """The event says Stopping, the machine is Running again: the state decides."""
    assert stage.machine(A).status is PowerState.RUNNING
    assert stage.one(stage.state(A, state)).outcome == "quiet"
    assert stage.cloud.sent(WRITES) == []
