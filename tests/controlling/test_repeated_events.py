"""The bus delivers at least once: what a copy of an event costs, and when it is looked at all the same."""

from __future__ import annotations

from natkeeper.ports import PointRoute
from tests.fakes.stage import A, B, Stage, person


def test_a_copy_of_an_event_that_was_attended_to_costs_no_call(stage: Stage) -> None:
    """A thousand copies must not eat up the API's rate, nor keep other groups waiting."""
    stage.world.stop(A)
    event = stage.state(A, "Stopping")
    assert stage.one(event).outcome == "changed"
    calls = len(stage.cloud.log)
    again = stage.send(event)
    assert (again.receipts, again.ok) == ((), True)
    assert "attended to" in again.ignored[0]
    assert len(stage.cloud.log) == calls


def test_a_copy_that_comes_later_is_looked_at(stage: Stage) -> None:
    """What was healthy when the event came for the first time need not be any more."""
    event = stage.state(A, "Stopped", age=600)
    assert stage.one(event).outcome == "quiet"
    stage.world.advance(11)
    stage.world.stop(A)
    assert stage.one(event).outcome == "changed"


def test_a_copy_is_looked_at_while_something_is_left_undone(stage: Stage) -> None:
    """Nothing was fit the first time; the copy is as good a reason to look as any."""
    stage.world.stop(A)
    stage.world.stop(B)
    event = stage.state(A, "Stopped")
    assert stage.one(event).outcome == "attention"
    stage.world.start(B)
    stage.world.advance(stage.world.timings.start)
    assert stage.one(event).outcome == "changed"
    assert stage.next_hop() == B


def test_another_event_of_the_same_gateway_is_looked_at(stage: Stage) -> None:
    """Only the very same payload is a copy."""
    stage.one(stage.state(A, "Running"))
    stage.world.stop(A)
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    assert len(stage.cloud.sent(PointRoute)) == 1


def test_a_person_may_ask_the_same_twice(stage: Stage) -> None:
    """Who asks again wants an answer."""
    asked = person("switch", group="prod", to=B)
    assert stage.one(asked).outcome == "changed"
    assert stage.one(asked).outcome == "quiet"
