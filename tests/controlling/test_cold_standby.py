"""`standby: cold` : a stopped standby is started when it is needed, and is never stopped."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.episodes import EpisodeKind
from natkeeper.domain.ids import NatGatewayId
from natkeeper.domain.observed import PowerState, SystemEvent
from natkeeper.failover.run import Told
from natkeeper.notify.message import Style, message
from natkeeper.ports import CheckFromFunction, CreateRoute, FailureKind, ReadConditions, ReadInstances, StartGateway
from tests.fakes.stage import FALLBACK, ITSELF, TABLE, A, B, C, Stage, group, hop, person


def cold(**more: Any) -> Stage:
    """A group of which only the first gateway runs."""
    stage = Stage({"prod": group(**{"standby": "cold", **more})})
    for gateway in stage.config.groups[0].gateways[1:]:
        stage.machine(gateway).status = PowerState.STOPPED
    stage.sweeps(2)
    return stage


def kill(stage: Stage, gateway: str = A) -> None:
    """Stop a gateway, and let the event arrive."""
    stage.world.stop(gateway)
    stage.world.advance(1)
    stage.send(stage.state(gateway, "Stopping"))


def starts(stage: Stage) -> list[str]:
    """The gateways that were started, in order."""
    return [call.gateway for call in stage.cloud.accepted(StartGateway)]


def boot(stage: Stage, gateway: str = B) -> None:
    """Let a gateway that was started come up, and let ECS say so."""
    stage.world.advance(25)
    assert stage.machine(gateway).status is PowerState.RUNNING
    stage.send(stage.state(gateway, "Running"))


def running(stage: Stage) -> list[dict[str, Any]]:
    """What people were told of cold standbys that run."""
    return [e for r in stage.told_people() for e in r.get("episodes", []) if e["kind"] == EpisodeKind.STARTED.value]


def test_a_stopped_standby_that_would_be_started_is_no_trouble_in_a_message() -> None:
    """It is named as what is left, and nobody is asked to start it."""
    stage = cold()
    receipt = json.loads(json.dumps(stage.one(person("setup", gateway=A)).as_json()))
    _, text = message([receipt], Style())
    assert f"Standby: {B} is stopped, and natkeeper starts it when it is needed" in text
    assert "StartInstance" not in text


def test_a_cold_standby_is_started_in_the_run_that_sees_the_death_and_takes_the_route_when_it_runs() -> None:
    """Over a certainly dead next hop at once; it is set up and proven then."""
    stage = cold()
    kill(stage)
    assert starts(stage) == [B]
    assert stage.next_hop() == A, "a gateway that does not run yet takes no route"
    boot(stage)
    assert stage.next_hop() == B
    stage.whole()


def test_what_was_marked_while_the_internet_itself_was_away_starts_no_standby() -> None:
    """At first nobody could tell that it was; the fallback carries the route well by now, and A may work as well."""
    stage = cold(fallback=FALLBACK)
    stage.world.internet = False
    stage.cloud.fail(CheckFromFunction, FailureKind.UNREACHABLE)
    stage.send(stage.report())
    assert stage.next_hop() == FALLBACK
    stage.cloud.mend()
    stage.sweeps(2)
    stage.world.internet = True
    stage.sweeps(20)
    assert starts(stage) == []


def test_a_mark_from_after_an_outage_of_the_internet_starts_one() -> None:
    """The internet was away for a minute; five minutes later A loses its rules for real."""
    stage = cold(fallback=FALLBACK)
    stage.world.internet = False
    stage.send(stage.report())
    stage.world.internet = True
    stage.sweeps(5)
    assert (stage.next_hop(), starts(stage)) == (A, [])
    stage.machine(A).rules = False
    stage.send(stage.report())
    assert (stage.next_hop(), starts(stage)) == (FALLBACK, [B])


def test_what_failed_before_it_started_last_starts_no_standby() -> None:
    """A hung and was started anew; B, which natkeeper started meanwhile, is stopped again; the fallback works."""
    stage = cold(fallback=FALLBACK)
    stage.machine(A).hung = True
    stage.send(stage.report())
    assert (stage.next_hop(), starts(stage)) == (FALLBACK, [B])
    stage.world.advance(30)
    stage.world.stop(A)
    stage.world.stop(B)
    stage.world.advance(30)
    stage.world.start(A)
    stage.world.advance(30)
    stage.machine(A).hung = False
    stage.sweeps(2)
    stage.world.internet = False
    stage.send(stage.report())
    stage.world.internet = True
    stage.sweeps(5)
    assert starts(stage) == [B]


def test_another_task_in_the_way_of_a_gateway_that_runs_starts_no_standby() -> None:
    """The entry was deleted, and the VPC is busy: what says nothing of the gateway is no reason to start another."""
    stage = cold()
    stage.cloud.fail(CreateRoute, FailureKind.BUSY, times=20)
    stage.world.remove_route(TABLE)
    stage.send(stage.route_touched("DeleteRouteEntry"))
    assert starts(stage) == []


def test_the_receipt_says_what_was_started_and_why() -> None:
    """What was done, why, and what is left."""
    stage = cold()
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert f"started {B}: {A} is Stopping, and no other gateway is fit" in receipt.sentence
    assert [act.kind for act in receipt.acts] == ["started"]


def test_a_plan_says_what_would_be_started_and_starts_nothing() -> None:
    """A read-only run."""
    stage = cold()
    stage.world.stop(A)
    receipt = stage.one(person("status"))
    assert f"would start {B}" in receipt.sentence
    assert starts(stage) == []


def test_a_warm_group_starts_nothing() -> None:
    """The default: natkeeper does nothing unasked."""
    stage = cold(standby=None)
    kill(stage)
    stage.sweeps(5)
    assert stage.cloud.sent(StartGateway) == []


def test_it_is_started_once_while_the_trouble_lasts() -> None:
    """A standby that a person stops again is not started again, however often natkeeper looks."""
    stage = cold()
    kill(stage)
    stage.machine(B).status = PowerState.STOPPED
    stage.sweeps(30)
    assert starts(stage) == [B]


def test_what_died_before_is_a_standby_again() -> None:
    """B carries the route and dies: a new trouble, in which A is what could be started."""
    stage = cold()
    kill(stage)
    boot(stage)
    kill(stage, B)
    assert starts(stage) == [B, A]
    boot(stage, A)
    assert stage.next_hop() == A


def test_once_outlives_the_process() -> None:
    """A fresh process reads in the entry what was started."""
    stage = cold()
    kill(stage)
    stage.machine(B).status = PowerState.STOPPED
    stage.sweep()
    stage.told = Told()
    stage.told.rest.itself = ITSELF
    stage.sweeps(10)
    assert starts(stage) == [B]


def test_it_is_started_again_in_the_next_trouble() -> None:
    """The owner stopped it when all was well again."""
    stage = cold()
    kill(stage)
    boot(stage)
    stage.world.start(A)
    stage.sweeps(2)
    stage.send(person("switch", to=A))
    stage.world.stop(B)
    stage.sweeps(3)
    kill(stage)
    assert starts(stage) == [B, B]


@pytest.mark.parametrize("blind", ["the list of instances", "one instance"])
def test_never_blind(blind: str) -> None:
    """What cannot be seen may be alive."""
    stage = cold(gateways=[A, B, C])
    if blind == "one instance":
        stage.machine(C).status = PowerState.UNKNOWN
        kill(stage)
    else:
        stage.cloud.fail((ReadInstances, ReadConditions), FailureKind.UNREACHABLE)
        stage.world.stop(A)
        stage.send(stage.state(A, "Stopping"))
    stage.sweeps(3)
    assert stage.cloud.sent(StartGateway) == []


def test_never_paused() -> None:
    """The person who paused the group may be at work on its gateways."""
    stage = cold()
    stage.send(person("pause", **{"for": "1h", "why": "work"}))
    kill(stage)
    stage.sweeps(3)
    assert stage.cloud.sent(StartGateway) == []


def test_never_for_a_next_hop_that_someone_else_set() -> None:
    """Rule 5."""
    stage = cold()
    stage.world.repoint("vtb-one", hop("i-someone-else"))
    stage.world.stop(A)
    stage.sweeps(3)
    assert stage.cloud.sent(StartGateway) == []


def test_never_while_a_warm_one_is_left() -> None:
    """C runs, so it takes the route; nothing needs B."""
    stage = cold(gateways=[A, B, C])
    stage.machine(C).status = PowerState.RUNNING
    kill(stage)
    stage.sweeps(3)
    assert (stage.next_hop(), stage.cloud.sent(StartGateway)) == (C, [])


def test_lost_egress_starts_it_only_while_the_internet_answers_fc() -> None:
    """A hangs for good; where FC reaches nothing either, the internet itself may be down."""
    stage = cold()
    stage.cloud.answers_fc = False
    stage.machine(A).hung = True
    stage.send(stage.report())
    stage.sweeps(3)
    assert stage.cloud.sent(StartGateway) == []
    stage.cloud.answers_fc = True
    stage.send(stage.report())
    stage.sweeps(2)
    assert starts(stage) == [B]


def test_over_a_living_next_hop_it_takes_the_route_when_it_was_set_up_and_proven() -> None:
    """A runs and has lost the internet, so it may come back any moment: B shows first that it forwards."""
    stage = cold(setup={"mode": "apply"})
    stage.sweeps(3)
    stage.machine(A).upstream = False
    stage.send(stage.report())
    assert starts(stage) == [B]
    boot(stage)
    assert stage.next_hop() == A
    assert "is not set up and proven yet" in stage.one(stage.state(B, "Running")).sentence
    stage.world.advance(35)
    stage.sweeps(2)
    assert stage.next_hop() == B


def test_a_standby_that_never_proves_anything_gets_its_try_all_the_same() -> None:
    """Nothing better is there: after some minutes a try beats waiting."""
    stage = cold(setup={"mode": "apply"})
    stage.cloud.unprovable = {B}
    stage.machine(A).upstream = False
    stage.send(stage.report())
    boot(stage)
    stage.sweeps(3)
    assert stage.next_hop() == A
    stage.sweeps(3)
    assert stage.next_hop() == B


@pytest.mark.parametrize(
    "code", ["OperationDenied.NoStock", "DiskError", "Forbidden.RAM", "Throttling", "SomethingNew"]
)
def test_where_one_cannot_be_started_the_next_one_is(code: str) -> None:
    """Rule 12: what names nothing may be about this one all the same, so another one is asked."""
    stage = cold(gateways=[A, B, C])
    stage.cloud.answer(StartGateway, code, where=lambda call: call.gateway == B)
    kill(stage)
    assert starts(stage) == [C]


def test_without_the_right_all_is_as_before_and_the_receipt_says_it() -> None:
    """A role of an earlier version: two tries a run, and the sentence names what is missing."""
    stage = cold(gateways=[A, B, C, "i-delta"])
    stage.cloud.answer(StartGateway, "Forbidden.RAM", status=403)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert any(f"{B} could not be started" in problem for problem in receipt.problems)
    assert len(stage.cloud.sent(StartGateway)) == 2


def test_where_one_start_never_gets_an_answer_the_next_sweep_asks_another() -> None:
    """B may boot, so the run that asked for it waits; a minute later it is stopped all the same."""
    stage = cold(gateways=[A, B, C])
    stage.cloud.fail(StartGateway, FailureKind.UNREACHABLE, where=lambda call: call.gateway == B)
    kill(stage)
    stage.sweeps(3)
    assert starts(stage) == [C] == [stage.next_hop()]


def test_an_answer_that_was_lost_starts_one_and_not_two() -> None:
    """Whether it was carried out shows in a moment; until then nothing else is started."""
    stage = cold(gateways=[A, B, C])
    stage.cloud.fail(StartGateway, FailureKind.UNREACHABLE, times=1, done=True)
    kill(stage)
    stage.sweeps(2)
    assert {sent.call.gateway for sent in stage.cloud.sent(StartGateway)} == {B}
    assert stage.next_hop() == B


def test_one_that_does_not_come_up_is_followed_by_the_next() -> None:
    """Accepted, and Stopped all the same a minute later."""
    stage = cold(gateways=[A, B, C])
    stage.world.timings = stage.world.timings.__class__(start=10**6)
    kill(stage)
    stage.machine(B).status = PowerState.STOPPED
    stage.sweeps(3)
    assert starts(stage) == [B, C]


def test_natkeeper_never_stops_it_and_says_daily_that_it_runs() -> None:
    """Told when it was started, once a day while it runs, and when it runs no longer."""
    stage = cold()
    kill(stage)
    boot(stage)
    stage.world.start(A)
    stage.sweeps(60 * 50, every=5)
    told = running(stage)
    assert len([each for each in told if "ended" not in each]) == 3, "at once, and after one and two days"
    assert "stop it when it is not needed" in told[-1]["todo"]
    stage.world.stop(B)
    stage.send(person("switch", to=A))
    stage.world.advance(10)
    stage.sweeps(2)
    assert "ended" in running(stage)[-1]


def test_the_paid_fallback_carries_meanwhile_and_the_standby_takes_over() -> None:
    """Both are wanted: the fallback at once, the standby because it costs less."""
    stage = cold(fallback=FALLBACK)
    kill(stage)
    assert (stage.next_hop(), starts(stage)) == (FALLBACK, [B])
    stage.sweeps(8)
    assert stage.next_hop() == B


def test_one_is_started_when_the_fallback_fails_and_no_gateway_runs() -> None:
    """A hung, stopped for good while the fallback carried the route, and then the fallback is gone: nothing works."""
    stage = cold(fallback=FALLBACK)
    stage.cloud.answer(StartGateway, "OperationDenied.NoStock", times=1)
    kill(stage)
    assert (stage.next_hop(), len(stage.cloud.sent(StartGateway))) == (FALLBACK, 1)
    stage.world.nat[NatGatewayId(FALLBACK)] = False
    stage.world.advance(1200)
    stage.sweeps(4)
    assert stage.next_hop() == B


def test_a_planned_end_starts_nothing() -> None:
    """It is due for maintenance next week: it works, and its owner decides."""
    stage = cold()
    event = SystemEvent("SystemMaintenance.Reboot", "Scheduled", stage.world.now + timedelta(days=7))
    stage.machine(A).events = (event,)
    stage.sweeps(3)
    assert stage.cloud.sent(StartGateway) == []


def test_a_ready_cold_standby_is_no_degraded_group() -> None:
    """Being stopped is what a cold standby is for; one that is locked or gone could not be started."""
    stage = cold()
    receipts = stage.sweeps(15)
    assert [e for r in receipts for e in r.episodes if e.trouble.kind is EpisodeKind.DEGRADED] == []
    stage.machine(B).locks = frozenset({"financial"})
    receipts = stage.sweeps(15)
    assert [e for r in receipts for e in r.episodes if e.trouble.kind is EpisodeKind.DEGRADED] != []


def test_what_is_left_counts_the_cold_ones() -> None:
    """After a move the receipt says what the next failure would meet."""
    stage = cold(gateways=[A, B, C])
    kill(stage)
    stage.world.advance(25)
    receipt = stage.one(stage.state(B, "Running"))
    assert f"{A}, {C} are stopped and would be started" in receipt.sentence
