"""A planned move that the platform refuses is tried less and less, once an hour at last, and people are told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.decision import Hold, Keep
from natkeeper.domain.observed import SystemEvent
from natkeeper.domain.refusals import Deed, PutOff, Refusal
from natkeeper.failover.ledger import Ledger
from natkeeper.failover.putting_off import put_off
from natkeeper.ports import AssociateEip, NoteRoute, PointRoute, UnassociateEip
from tests.controlling.refusing import refuse
from tests.deciding import worlds
from tests.fakes.stage import EIP, A, B, Stage, group, person

FOLLOW = {"address": {"follow": EIP}}
ANSWERS = [("Forbidden.RAM", 403), ("SomethingNew", 400)]


def returning(**more: Any) -> Stage:
    """A was stopped and runs again; the route is on B, and its return is due in five minutes."""
    stage = Stage({"prod": group(failback="5m", **more)})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.start(A)
    stage.world.advance(30)
    stage.sweep()
    return stage


def draining(days: int = 13, **more: Any) -> Stage:
    """A has maintenance in some days."""
    stage = Stage({"prod": group(**more)})
    at = stage.world.now + timedelta(days=days)
    stage.machine(A).events = (SystemEvent("SystemMaintenance.Reboot", "Scheduled", at),)
    return stage


def tries(stage: Stage, call: type[Any]) -> int:
    """In how many runs such a call was sent."""
    times = [entry.at for entry in stage.cloud.log if isinstance(entry.call, call)]
    return sum(n == 0 or at - times[n - 1] > timedelta(seconds=50) for n, at in enumerate(times))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("plan", [returning, draining])
@pytest.mark.parametrize("call, more", [(PointRoute, {}), (PointRoute, FOLLOW), (AssociateEip, FOLLOW)])
def test_a_refused_plan_is_tried_less_and_less(
    call: type[Any], more: dict[str, Any], plan: Any, answer: tuple[str, int]
) -> None:
    """Two hours: at once, then after 2, 4, 8, 16, 32 and 60 minutes; one message."""
    stage = plan(**more)
    before, told, moves = tries(stage, call), len(stage.told_people()), len(stage.world.moves)
    refuse(stage, call, answer)
    receipts = stage.sweeps(120)
    assert 6 <= tries(stage, call) - before <= 7
    assert len(stage.world.moves) == moves
    assert len(stage.told_people()) == told + 1
    (episode,) = stage.told_people()[-1]["episodes"]
    assert (episode["kind"], answer[0] in episode["cause"]) == ("postponed", True)
    assert receipts[-1].outcome == "quiet"
    assert stage.send(person("status")).ok is False


def test_a_plan_that_is_refused_makes_no_trouble_come_and_go() -> None:
    """The gateway that cannot have the EIP is told of as the plan that waits, not as unfit in each run that tries."""
    stage = returning(**FOLLOW)
    refuse(stage, AssociateEip, ("Forbidden.RAM", 403))
    stage.sweeps(40)
    assert tries(stage, AssociateEip) > 3
    marks = [note.call.description.partition("e=")[2] for note in stage.cloud.sent(NoteRoute)]
    assert marks
    assert not any("g" in mark for mark in marks), marks


def test_what_is_taken_again_is_moved_at_the_next_try() -> None:
    """And people hear that it is over with the move."""
    stage = returning()
    refuse(stage, PointRoute, ANSWERS[0])
    stage.sweeps(60)
    stage.cloud.mend()
    stage.sweeps(61)
    assert stage.next_hop() == A
    assert stage.told.ledgers["prod"].put_off == {}


def test_a_drain_is_tried_each_minute_when_its_time_is_nearly_over() -> None:
    """Nothing is put off that much longer than the gateway lasts."""
    stage = draining(days=1)
    refuse(stage, PointRoute, ANSWERS[0])
    stage.sweeps(24 * 60 - 9)
    before = tries(stage, PointRoute)
    stage.sweeps(6)
    assert tries(stage, PointRoute) - before >= 5


def test_a_dead_next_hop_is_left_at_once_though_a_plan_was_put_off() -> None:
    """The platform takes it by now; nobody waits for the hour."""
    stage = draining()
    refuse(stage, PointRoute, ANSWERS[0])
    stage.sweeps(30)
    stage.cloud.mend()
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == B


def test_a_person_waits_for_nothing() -> None:
    """A switch is made at once."""
    stage = draining()
    refuse(stage, PointRoute, ANSWERS[0])
    stage.sweeps(30)
    stage.cloud.mend()
    stage.send(person("switch", to=B))
    assert stage.next_hop() == B


def test_an_api_that_does_not_answer_puts_nothing_off() -> None:
    """That says nothing of the move: it is made when the API answers again."""
    stage = returning()
    refuse(stage, PointRoute, None)
    stage.sweeps(20)
    stage.cloud.mend()
    stage.sweeps(2)
    assert stage.next_hop() == A


def test_an_eip_that_cannot_be_taken_off_ends_the_tries() -> None:
    """The move is accepted, and comes back because the EIP cannot follow: no second try within the hour."""
    stage = draining(13, **FOLLOW)
    refuse(stage, UnassociateEip, ANSWERS[0])
    stage.sweeps(55)
    assert (len(stage.world.moves), stage.next_hop()) == (2, A)


@pytest.mark.parametrize("answer", [*ANSWERS, ("TaskConflict", 400), ("Throttling.User", 400), None])
@pytest.mark.parametrize("mode", ["apply", "check"])
def test_an_eip_that_is_not_let_go_is_tried_less_and_less(mode: str, answer: tuple[str, int] | None) -> None:
    """However well setups find the other gateways meanwhile: two moves for each try, six tries in two hours."""
    stage = draining(13, setup={"mode": mode}, **FOLLOW)
    refuse(stage, UnassociateEip, answer)
    stage.sweeps(120)
    assert stage.next_hop() == A
    assert len(stage.world.moves) <= 12


def test_only_what_was_refused_waits() -> None:
    """Of two routes one return was refused; the other is held for a reason of its own, and so is the EIP's step."""
    policy = worlds.group(routes=(worlds.ROUTE, worlds.ELSEWHERE))
    elsewhere = worlds.entry(worlds.A, route=worlds.ELSEWHERE)
    state = worlds.world(elsewhere=elsewhere, a=worlds.due(worlds.later(13 * 24 * 60)))
    no = [Refusal(Deed.POINT, "no", route.table, worlds.B) for route in policy.routes]
    state = replace(state, so_far=replace(state.so_far, refusals=tuple(no)))
    before, ledger = worlds.decision(state, policy), Ledger()
    waits = put_off({(worlds.ROUTE, worlds.hop(worlds.B))}, before, state, policy, ledger, worlds.NOON)
    assert ledger.put_off == {(worlds.ROUTE, worlds.B): PutOff(1, worlds.NOON, "no")}
    first, second = waits.steps
    assert isinstance(first, Keep)
    assert second == before.steps[1]
    assert isinstance(second, Hold)
    assert waits.eip == before.eip
    assert put_off(set(), before, state, policy, ledger, worlds.NOON) is before


ONE, OTHER = worlds.ROUTE.table, worlds.ELSEWHERE.table


@pytest.mark.parametrize(
    "refusal, counts",
    [
        (Refusal(Deed.POINT, "no", ONE, worlds.B), True),
        (Refusal(Deed.POINT, "no", ONE), True),
        (Refusal(Deed.POINT, "no", OTHER, worlds.B), False),
        (Refusal(Deed.POINT, "no", ONE, worlds.C), False),
        (Refusal(Deed.POINT, "no", ONE, worlds.B, passing=True), False),
        (Refusal(Deed.GIVE, "no", None, worlds.B), True),
        (Refusal(Deed.GIVE, "no", None, worlds.C), False),
        (Refusal(Deed.TAKE, "no", None, worlds.A), True),  # the EIP cannot leave the gateway that has it
        (Refusal(Deed.TAKE, "no", None, worlds.A, passing=True), True),  # private hosts felt the way there and back
    ],
)
def test_a_plan_waits_for_what_stands_in_its_way(refusal: Refusal, *, counts: bool) -> None:
    """The route, the EIP, or what both answers are about; an answer that says nothing of it passes by itself."""
    policy, state = worlds.group(), worlds.world(a=worlds.due(worlds.later(13 * 24 * 60)), refusals=(refusal,))
    ledger, to = Ledger(), worlds.hop(worlds.B)
    put_off({(worlds.ROUTE, to)}, worlds.decision(state, policy), state, policy, ledger, worlds.NOON)
    about = policy.gateways if refusal.deed is Deed.TAKE else (worlds.B,)  # without the EIP no other gateway works
    assert ledger.put_off == ({(worlds.ROUTE, hop): PutOff(1, worlds.NOON, "no") for hop in about} if counts else {})
