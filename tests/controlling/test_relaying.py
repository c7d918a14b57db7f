"""With own addresses, planned moves wait until the relay is armed, ten seconds at most; others never wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import PowerState
from natkeeper.ports import FailureKind, PointRoute, ReadRelay, StartRelay
from tests.fakes.cloud import Sent
from tests.fakes.stage import FALLBACK, TABLE, TABLE_2, A, B, Stage, group, person

LONGEST = timedelta(seconds=10)


@pytest.fixture
def stage() -> Stage:
    """A group with a relay."""
    return Stage({"prod": group(relay="10m", fallback=FALLBACK)})


def first(stage: Stage, kind: type) -> Sent:
    """The first call of its kind."""
    return next(sent for sent in stage.cloud.log if isinstance(sent.call, kind))


def test_a_switch_waits_until_the_relay_is_armed(stage: Stage) -> None:
    """The new gateway is told of the old one's private address and for how long; then the route moves."""
    receipt = stage.one(person("switch", to=B))
    assert stage.cloud.accepted(StartRelay) == [StartRelay(InstanceId(B), "10.0.0.1", 600)]
    armed = next(s for s in stage.cloud.log if isinstance(s.call, ReadRelay) and s.result == "")
    assert armed.at < first(stage, PointRoute).at < armed.at + timedelta(seconds=1)
    assert receipt.outcome == "changed"
    assert f"{B} relays what only {A} knows for 10 min" in receipt.sentence
    stage.whole()


def test_a_spot_instance_that_goes_is_relayed_to_until_then(stage: Stage) -> None:
    """It still works: that is a planned move."""
    stage.machine(A).locks = frozenset({"Recycling"})
    receipt = stage.one(stage.spot(A))
    assert "relays what only" in receipt.sentence
    assert first(stage, StartRelay).at < first(stage, PointRoute).at


def test_a_dead_gateway_is_left_without_waiting(stage: Stage) -> None:
    """And nothing is sent to the new one before the route has moved, or after."""
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.cloud.sent(StartRelay) == []
    assert stage.cloud.accepted(PointRoute)


def test_a_group_without_the_key_moves_at_once() -> None:
    """Nothing new is done unasked."""
    stage = Stage()
    stage.one(person("switch", to=B))
    assert stage.cloud.sent(StartRelay) == []
    assert first(stage, PointRoute).at - stage.cloud.log[0].at < timedelta(seconds=1)


def test_the_fallback_takes_no_relay(stage: Stage) -> None:
    """A managed NAT Gateway runs no commands."""
    stage.one(person("switch", to=FALLBACK))
    stage.one(person("switch", to=A))
    assert stage.cloud.sent(StartRelay) == []


def test_a_refused_relay_is_told_and_the_route_moves(stage: Stage) -> None:
    """With what the gateway said."""
    stage.cloud.relay_says = "10.0.0.1 does not answer by the tunnel (4790/udp)"
    receipt = stage.one(person("switch", to=B))
    assert stage.cloud.accepted(PointRoute)
    assert f"without a relay, connections through {A} are reset: 10.0.0.1 does not answer" in " ".join(receipt.problems)
    assert "relays what only" not in receipt.sentence
    assert len(stage.cloud.sent(StartRelay)) == 1


def test_a_command_that_does_not_end_holds_a_move_up_for_ten_seconds_at_most(stage: Stage) -> None:
    """Then the route moves without."""
    stage.cloud.assistant_s = 60.0
    receipt = stage.one(person("switch", to=B))
    assert first(stage, PointRoute).at - first(stage, StartRelay).at <= LONGEST
    assert "the command did not end in time" in " ".join(receipt.problems)


@pytest.mark.parametrize("call", [StartRelay, ReadRelay])
@pytest.mark.parametrize("kind", [FailureKind.DENIED, FailureKind.UNREACHABLE])
def test_a_cloud_assistant_that_fails_holds_a_move_up_for_ten_seconds_at_most(
    stage: Stage, call: type, kind: FailureKind
) -> None:
    """Whatever fails, the move is made and the reason told."""
    stage.cloud.fail(call, kind)
    receipt = stage.one(person("switch", to=B))
    began = next(sent.at for sent in stage.cloud.log if isinstance(sent.call, StartRelay))
    assert first(stage, PointRoute).at - began <= LONGEST
    assert "without a relay" in " ".join(receipt.problems)


def test_a_gateway_that_dies_while_the_relay_is_armed_is_left_at_once(stage: Stage) -> None:
    """What is decided after the wait is decided anew."""
    stage.cloud.assistant_s = 4.0
    dies = stage.world.now + timedelta(seconds=1)

    def watch() -> None:
        if stage.world.now >= dies and stage.machine(A).status is PowerState.RUNNING:
            stage.machine(A).status = PowerState.STOPPED

    stage.cloud.watch = watch
    receipt = stage.one(person("switch", to=B))
    assert stage.cloud.accepted(PointRoute)
    assert receipt.outcome == "changed"


def test_a_table_that_leads_nowhere_does_not_wait_for_another_that_is_planned() -> None:
    """Each route by its own gateway: the dead one's is moved at once, the living one's after the relay."""
    routes = [{"table": TABLE, "prefer": A}, {"table": TABLE_2, "prefer": "i-charlie"}]
    stage = Stage({"prod": group(gateways=[A, B, "i-charlie"], routes=routes, relay="10m")})
    stage.cloud.serialised = False
    stage.world.stop("i-charlie")
    stage.one(person("switch", to=B))
    moved = {str(sent.call.table): sent.at for sent in stage.cloud.log if isinstance(sent.call, PointRoute)}
    assert moved[TABLE_2] < first(stage, StartRelay).at < moved[TABLE]
