"""The minute's sweep: quiet where all is well, and what keeps gateways ready."""

from __future__ import annotations

import itertools

import pytest

from natkeeper.domain.memory import Memory, decode
from natkeeper.failover.gateway_setup import setup_parameters
from natkeeper.ports import FailureKind, NoteRoute, PointRoute, ReadSetups, ReadVpcRoutes, StartSetup
from tests.fakes.cloud import WRITES
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, person, timer


@pytest.fixture
def kept() -> Stage:
    """Two gateways that are kept configured, set up a minute ago."""
    stage = Stage({"prod": group(setup={"mode": "apply", "every": "10m"})})
    stage.sweep()
    stage.world.advance(60)
    stage.cloud.log.clear()
    return stage


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"address": {"follow": EIP}},
        {"fallback": FALLBACK},
        {"routes": [{"table": TABLE, "prefer": A}, {"table": TABLE_2, "prefer": B}]},
        {"probe": None},
        {"failback": "5m"},
    ],
)
def test_nothing_is_written_by_quiet_sweeps(more: dict[str, object]) -> None:
    """An hour over a healthy group: one batch of reads a sweep, a survey every ten minutes, no write, nobody told."""
    stage = Stage({"prod": group(**more)})
    receipts = stage.sweeps(60)
    assert {receipt.outcome for receipt in receipts} == {"quiet"}
    assert stage.cloud.sent(WRITES) == []
    assert len(stage.cloud.sent(ReadVpcRoutes)) == 6
    assert len(stage.cloud.batches) == len(receipts) + 6
    assert stage.cloud.handed == []


def test_the_first_sweep_sets_every_gateway_up() -> None:
    """No report of any gateway: setup starts on all of them, in one call, and is not waited for."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    receipt = stage.sweep()
    (call,) = stage.cloud.accepted(StartSetup)
    assert call.gateways == (A, B)
    assert receipt.outcome == "quiet"
    assert receipt.ms["total"] < 500


def test_a_fresh_setup_is_not_repeated(kept: Stage) -> None:
    """Eight minutes of sweeps, reports younger than `every`: nothing is started."""
    kept.sweeps(8)
    assert kept.cloud.sent(StartSetup) == []


def test_a_setup_that_is_due_is_started_once(kept: Stage) -> None:
    """Twelve minutes of sweeps: the reports grow old, each gateway is set up anew, once."""
    kept.sweeps(13)
    assert [call.gateways for call in kept.cloud.accepted(StartSetup)] == [(A, B)]


def test_a_setup_under_way_is_not_started_again(kept: Stage) -> None:
    """It takes three minutes: the sweeps in between leave it alone."""
    kept.world.timings = type(kept.world.timings)(setup=180.0)
    kept.sweeps(14)
    assert len(kept.cloud.accepted(StartSetup)) == 1


def test_a_paused_group_is_not_set_up_unless_a_person_asks(kept: Stage) -> None:
    """A person who pauses may be at work on the gateways: an hour of sweeps repairs nothing behind their back."""
    kept.one(person("pause", **{"for": "2h", "why": "replacing the firewall"}))
    kept.sweeps(60)
    assert kept.cloud.sent(StartSetup) == []
    kept.one(person("setup"))
    assert [call.gateways for call in kept.cloud.accepted(StartSetup)] == [(A, B)]


def test_long_intervals_are_kept() -> None:
    """The longest `every` there is, an hour, is within what a sweep looks back at."""
    stage = Stage({"prod": group(setup={"mode": "apply", "every": "1h"})})
    stage.sweeps(59)
    assert len(stage.cloud.accepted(StartSetup)) == 1
    stage.sweeps(3)
    assert len(stage.cloud.accepted(StartSetup)) == 2


def test_a_stopped_gateway_is_not_set_up(kept: Stage) -> None:
    """Cloud Assistant could not reach it."""
    kept.world.stop(B)
    kept.sweeps(13)
    assert {call.gateways for call in kept.cloud.accepted(StartSetup)} == {(A,)}


def test_changed_parameters_make_a_setup_due() -> None:
    """A forward was added to the configuration: gateways hear of it with the next sweep."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.sweep()
    stage.world.advance(60)
    forward = {"port": 8443, "to": "10.0.1.20:443"}
    changed = Stage({"prod": group(setup={"mode": "apply"}, forwards=[forward])})
    stage.config = changed.config
    stage.sweep()
    assert len(stage.cloud.accepted(StartSetup)) == 2
    stage.world.advance(60)
    stage.sweep()
    stage.world.advance(60)
    stage.sweep()
    assert [call.gateways for call in stage.cloud.accepted(StartSetup)] == [(A, B), (B,), (A,)]


def test_two_gateways_that_come_back_together_are_both_set_up() -> None:
    """Their events come seconds apart: neither setup is taken for a repetition of the other."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.send(stage.state(A, "Running"))
    stage.send(stage.state(B, "Running"))
    assert [call.gateways for call in stage.cloud.accepted(StartSetup)] == [(A,), (B,)]
    assert {run.gateway for run in stage.cloud.setups} == {A, B}


def test_an_event_delivered_twice_starts_one_setup() -> None:
    """The second delivery is the same request to the platform."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.send(stage.state(A, "Running"))
    stage.send(stage.state(A, "Running"))
    assert len(stage.cloud.setups) == 1


def test_a_standby_that_is_not_ready_is_told_before_it_is_needed() -> None:
    """Only checked, never repaired: the standby's rules are gone, and people hear of it while all still works."""
    stage = Stage({"prod": group(setup={"mode": "check"})})
    stage.machine(B).rules = False
    receipts = stage.sweeps(7)
    assert "changed" in {receipt.outcome for receipt in receipts}
    memory = decode(stage.description())
    assert isinstance(memory, Memory)
    assert set(memory.marks) == {B}
    assert [receipt["episodes"][0]["kind"] for receipt in stage.told_people()] == ["degraded"]


def test_a_standby_that_is_not_ready_is_not_chosen() -> None:
    """The mark in the route outlives the sweep: an event, which reads no reports, passes it over."""
    stage = Stage({"prod": group(gateways=[A, B, C], setup={"mode": "check"})})
    stage.machine(B).rules = False
    stage.sweeps(3)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert [call.to.id for call in stage.cloud.accepted(PointRoute)] == [C]
    stage.whole()


def test_drift_is_repaired_and_the_mark_is_cleared() -> None:
    """Apply: the next setup that is due repairs the standby; a gateway that was marked is cleared when it is ready."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.sweeps(2)
    stage.machine(A).rules = False
    stage.one(stage.report())
    assert stage.next_hop() == B
    memory = decode(stage.description())
    assert isinstance(memory, Memory)
    assert set(memory.marks) == {A}
    stage.sweeps(5)
    memory = decode(stage.description())
    assert isinstance(memory, Memory)
    assert memory.marks == {}
    stage.world.stop(B)
    stage.one(stage.state(B, "Stopping"))
    assert stage.next_hop() == A
    stage.whole()


def test_a_repair_that_could_not_be_started_is_started_by_the_sweep() -> None:
    """OOS was out when the gateway failed: a sweep finds its mark newer than its last setup, and does not wait for
    the usual time.
    """
    stage = Stage({"prod": group(setup={"mode": "apply", "every": "1h"})})
    stage.sweeps(5)
    stage.machine(A).rules = False
    fault = stage.cloud.fail(StartSetup, FailureKind.UNREACHABLE)
    stage.one(stage.report())
    fault.times = 0
    stage.sweeps(3)
    assert stage.machine(A).rules


def test_unreadable_reports_start_nothing_and_move_nothing(kept: Stage) -> None:
    """OOS is out: the sweep guards the routes without it."""
    kept.cloud.fail(ReadSetups, FailureKind.UNREACHABLE)
    receipt = kept.sweeps(15)[-1]
    assert kept.cloud.sent(StartSetup) == []
    assert receipt.outcome == "quiet"
    assert any("setups cannot be read" in problem for problem in receipt.problems)


def test_a_setup_that_fails_is_tried_again_after_two_minutes() -> None:
    """The guest hangs: each try is told as a problem, none comes sooner than two minutes after the last."""
    stage = Stage({"prod": group(gateways=[A, B], setup={"mode": "apply"})})
    stage.machine(B).hung = True
    receipts = stage.sweeps(8)
    tries = [run.started for run in stage.cloud.setups if run.gateway == B]
    assert 3 <= len(tries) <= 4
    assert min(b - a for a, b in itertools.pairwise(tries)).total_seconds() >= 120
    assert any("produced no report" in problem for problem in receipts[-1].problems)


def test_a_note_is_written_once(kept: Stage) -> None:
    """What is remembered is not written anew by every sweep."""
    stage = Stage({"prod": group(setup={"mode": "check"})})
    stage.machine(B).rules = False
    stage.sweeps(25)
    written = [decode(call.description) for call in stage.cloud.accepted(NoteRoute)]
    assert len(written) == 3, "the mark, the beginning of an episode, and that people were told of it"


def test_setup_parameters_say_what_the_configuration_says() -> None:
    """Sources, forwards, targets and the kind of address reach the script; a standby of a walking EIP needs none."""
    stage = Stage(
        {
            "prod": group(
                address={"follow": EIP},
                sources=["10.1.0.0/16"],
                forwards=[{"port": 53, "to": "10.1.0.5:5353", "protocol": "udp"}],
                probe={"targets": ["http://example.test/", "192.0.2.1:53"]},
                setup={"mode": "check"},
            )
        }
    )
    parameters = setup_parameters(stage.config.groups[0])
    assert parameters.mode.value == "check"
    assert parameters.sources == ("10.1.0.0/16",)
    assert parameters.targets == ("http://example.test/", "tcp://192.0.2.1:53")
    assert (parameters.address.value, parameters.egress_required) == ("follow", False)
    (forward,) = parameters.port_forwards
    assert (forward.protocol, forward.port, forward.to_address, forward.to_port) == ("udp", 53, "10.1.0.5", 5353)


def test_sources_that_are_not_given_are_the_private_ranges() -> None:
    """RFC 1918, where the configuration does not say."""
    stage = Stage({"prod": group()})
    assert setup_parameters(stage.config.groups[0]).sources == ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def test_many_sweeps_of_a_group_in_trouble_do_the_work_once(stage: Stage) -> None:
    """One cause, one move."""
    stage.world.stop(A)
    for _ in range(10):
        stage.send(timer())
    assert len(stage.cloud.sent(PointRoute)) == 1


def test_a_setup_that_never_ends_is_given_up() -> None:
    """Its report does not come: after a quarter of an hour it no longer keeps another from starting."""
    stage = Stage({"prod": group(gateways=[A], setup={"mode": "apply"})})
    stage.world.timings = type(stage.world.timings)(setup=10.0**6)
    stage.sweeps(14)
    assert len(stage.cloud.setups) == 1
    stage.sweeps(3)
    assert len(stage.cloud.setups) == 2
