"""The default event bus: rules, targets, delivery and its failures."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from natlab.cloud.cloud import ApiError, Cloud
from natlab.cloud.eventbridge.bus import InvalidEventError
from natlab.cloud.eventbridge.models import Progress
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.events import cloud_event
from natlab.cloud.kernel.faults import EventFault, EventKind
from natlab.cloud.kernel.latencies import Latencies
from tests.cloud.functions_for_tests import function_body
from tests.contract.watching import ContractWatch

PATTERN = {"source": ["acs.ecs"], "type": ["ecs:Instance:StateChange"], "data": {"state": ["Stopped"]}}
QUICK = Latencies(overrides={"fc.cold_start.platform": 0.0, "fc.async.dispatch": 0.0, "eventbridge.delivery": 0.0})


def stopped(event_id: str = "1", state: str = "Stopped") -> dict[str, object]:
    return cloud_event(
        event_id=event_id,
        source="acs.ecs",
        event_type="ecs:Instance:StateChange",
        subject="acs:ecs:cn-hangzhou:1000000000000001:instance/i-a",
        at=1767225600.0,
        data={"resourceId": "i-a", "resourceType": "ALIYUN::ECS::Instance", "state": state},
        account_id="1000000000000001",
        region="cn-hangzhou",
    )


class BusStage:
    """A cloud on a virtual clock with one function that notes what it gets."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.began = self.clock.now()
        self.cloud = Cloud(clock=self.clock, latencies=QUICK)
        self.got: list[tuple[float, Any]] = []
        self.failures = 0
        runtime = CallableRuntime(self.clock, {"f": self._handle})
        self.cloud.fc.dispatcher.runtime = runtime
        self.cloud.fc.create_function(function_body("f"))

    def _handle(self, event: bytes, context: Any) -> None:
        self.got.append((round(self.clock.now() - self.began, 3), json.loads(event)))
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("not now")

    def trigger(self, **config: Any) -> None:
        given = {"eventRuleFilterPattern": json.dumps(PATTERN), "triggerEnable": True, **config}
        body = {"triggerName": "t", "triggerType": "eventbridge", "triggerConfig": json.dumps(given)}
        self.cloud.fc.create_trigger("f", body)

    def call(self, action: str, **params: str) -> Mapping[str, Any]:
        return self.cloud.call("eventbridge", action, params)

    @property
    def ids(self) -> list[str]:
        return [event["id"] for _, event in self.got]


@pytest.fixture
def stage() -> BusStage:
    return BusStage()


def test_a_trigger_of_type_eventbridge_makes_a_rule_and_its_target(stage: BusStage) -> None:
    """The function gets one CloudEvents object; events that do not match stay away."""
    stage.trigger()
    stage.cloud.publish(stopped(state="Running"))
    stage.cloud.publish(stopped())
    stage.clock.advance(1)
    assert stage.got == [(0.0, stopped())]
    (rule,) = stage.cloud.bus
    assert (rule.enabled, rule.text, rule.targets[0].endpoint) == (
        True,
        json.dumps(PATTERN),
        stage.cloud.fc.arn("f"),
    )


def test_a_synchronous_delivery_that_fails_is_tried_again_after_ten_to_twenty_seconds(stage: BusStage) -> None:
    """At least once: the function's error is a failed delivery."""
    stage.trigger()
    stage.failures = 2
    stage.cloud.publish(stopped())
    stage.clock.advance(120)
    times = [when for when, _ in stage.got]
    assert len(times) == 3
    assert all(10 <= later - earlier <= 20 for earlier, later in itertools.pairwise(times))
    assert stage.cloud.bus.deliveries[0].progress is Progress.DELIVERED


def test_a_delivery_is_given_up_after_three_retries(stage: BusStage) -> None:
    """BACKOFF_RETRY ends, and what ended is visible."""
    stage.trigger()
    stage.failures = 9
    stage.cloud.publish(stopped())
    stage.clock.advance(600)
    (delivery,) = stage.cloud.bus.deliveries
    assert (len(stage.got), delivery.progress, delivery.attempts) == (4, Progress.DEAD, 4)
    assert delivery.errors == ["UnhandledInvocationError"] * 4


def test_a_throttled_synchronous_delivery_waits_for_the_bus(stage: BusStage) -> None:
    """With no instance free the event comes back only with the bus's own retry."""
    stage.trigger()
    stage.cloud.fc.put_concurrency("f", {"reservedConcurrency": 0})
    stage.cloud.publish(stopped())
    stage.clock.advance(5)
    stage.cloud.fc.put_concurrency("f", {"reservedConcurrency": 1})
    stage.clock.advance(20)
    ((when, _),) = stage.got
    assert 10 <= when <= 20


def test_an_asynchronous_delivery_is_retried_by_function_compute(stage: BusStage) -> None:
    """asyncInvocationType true: accepted at once, a throttled run comes within a second."""
    stage.trigger(asyncInvocationType=True)
    stage.cloud.fc.put_concurrency("f", {"reservedConcurrency": 0})
    stage.cloud.publish(stopped())
    stage.clock.advance(0.2)
    assert stage.cloud.bus.deliveries[0].progress is Progress.DELIVERED
    stage.cloud.fc.put_concurrency("f", {"reservedConcurrency": 1})
    stage.clock.advance(1)
    assert stage.got == [(0.5, stopped())]


def test_a_disabled_trigger_delivers_nothing(stage: BusStage) -> None:
    """triggerEnable false is a disabled rule; an update enables it, a delete removes it."""
    stage.trigger(triggerEnable=False)
    stage.cloud.publish(stopped("1"))
    enabled = {"eventRuleFilterPattern": json.dumps(PATTERN), "triggerEnable": True}
    stage.cloud.fc.update_trigger("f", "t", {"triggerConfig": json.dumps(enabled)})
    stage.cloud.publish(stopped("2"))
    stage.clock.advance(1)
    stage.cloud.fc.delete_trigger("f", "t")
    stage.cloud.publish(stopped("3"))
    stage.clock.advance(1)
    assert stage.ids == ["2"]
    assert list(stage.cloud.bus) == []


def test_raw_data_is_the_event_without_its_envelope(stage: BusStage) -> None:
    """eventSchema RawData hands over `data` only."""
    stage.trigger(eventSinkConfig={"deliveryOption": {"eventSchema": "RawData"}})
    stage.cloud.publish(stopped())
    stage.clock.advance(1)
    assert stage.got[0][1] == stopped()["data"]


@pytest.mark.parametrize(
    "kind, expected",
    [
        (EventKind.LOSE, [(0.0, "2")]),
        (EventKind.LATE, [(0.0, "2"), (30.0, "1")]),
        (EventKind.DUPLICATE, [(0.0, "1"), (0.0, "2"), (30.0, "1")]),
        (EventKind.REORDER, [(0.0, "2"), (0.0, "1")]),
    ],
)
def test_event_faults_are_what_the_function_sees(
    stage: BusStage, kind: EventKind, expected: list[tuple[float, str]]
) -> None:
    """Lost, late, doubled and reordered events reach the function so."""
    stage.trigger()
    stage.cloud.faults.add(EventFault(kind, "ecs:*", count=1))
    stage.cloud.publish(stopped("1"))
    stage.cloud.publish(stopped("2"))
    stage.clock.advance(60)
    assert [(when, event["id"]) for when, event in stage.got] == expected


@pytest.mark.parametrize("missing", ["id", "source", "specversion", "type"])
def test_what_is_no_cloudevents_object_is_refused(stage: BusStage, missing: str) -> None:
    """A product of the local cloud that publishes nonsense hears of it at once."""
    event = stopped()
    del event[missing]
    with pytest.raises(InvalidEventError, match=missing):
        stage.cloud.publish(event)


RULE = {"EventBusName": "default", "RuleName": "r"}


def _put_rule(stage: BusStage, **target: Any) -> None:
    stage.call("CreateRule", **RULE, FilterPattern=json.dumps(PATTERN), Status="ENABLE")
    row = {"Id": "t1", "Type": "acs.fc.function", "Endpoint": stage.cloud.fc.arn("f"), **target}
    stage.call("PutTargets", **RULE, Targets=json.dumps([row]))


def test_a_rule_with_a_function_target_works_without_a_trigger(stage: BusStage) -> None:
    """The documented way round: CreateRule and PutTargets on the bus `default`."""
    _put_rule(stage, ParamList=[{"ResourceKey": "Body", "Form": "ORIGINAL"}])
    stage.cloud.publish(stopped())
    stage.clock.advance(1)
    assert stage.got == [(0.0, stopped())]


@pytest.mark.parametrize(
    "row, expected",
    [
        ({"Form": "JSONPATH", "Value": "$.data.resourceId"}, "i-a"),
        ({"Form": "CONSTANT", "Value": '{"action": "status"}'}, {"action": "status"}),
        (
            {"Form": "TEMPLATE", "Value": '{"who": "$.data.resourceId"}', "Template": '{"id": "${who}"}'},
            {"id": "i-a"},
        ),
    ],
)
def test_a_target_may_get_a_transformed_event(stage: BusStage, row: dict[str, str], expected: Any) -> None:
    """JSONPATH, CONSTANT and TEMPLATE make the body."""
    _put_rule(stage, ParamList=[{"ResourceKey": "Body", **row}])
    stage.cloud.publish(stopped())
    stage.clock.advance(1)
    assert stage.cloud.fc.invocations_of("f")[0].payload.decode() in (expected, json.dumps(expected))


def test_rules_can_be_read_changed_and_removed(stage: BusStage) -> None:
    """The life of a rule through the API."""
    _put_rule(stage)
    assert stage.call("GetRule", **RULE)["Data"]["Status"] == "ENABLE"
    assert [row["RuleName"] for row in stage.call("ListRules", EventBusName="default")["Data"]["Rules"]] == ["r"]
    assert stage.call("ListTargets", **RULE)["Data"]["Targets"][0]["Id"] == "t1"
    stage.call("DisableRule", **RULE)
    stage.cloud.publish(stopped())
    stage.clock.advance(1)
    assert stage.got == []
    stage.call("EnableRule", **RULE)
    stage.call("UpdateRule", **RULE, FilterPattern="{}")
    stage.cloud.publish(stopped(state="Running"))
    stage.clock.advance(1)
    assert len(stage.got) == 1
    removed = stage.call("DeleteTargets", **RULE, TargetIds='["t1", "t2"]')["Data"]
    assert [entry["EntryId"] for entry in removed["ErrorEntries"]] == ["t2"]
    stage.call("DeleteRule", **RULE)
    with pytest.raises(ApiError) as caught:
        stage.call("GetRule", **RULE)
    assert caught.value.code == "EventRuleNotExisted"


def test_a_pattern_can_be_tried_before_it_is_deployed(stage: BusStage) -> None:
    """TestEventPattern answers yes, no, or what is wrong with the pattern."""
    event = json.dumps(stopped())
    yes = stage.call("TestEventPattern", Event=event, EventPattern=json.dumps(PATTERN))
    no = stage.call("TestEventPattern", Event=event, EventPattern='{"source": ["acs.vpc"]}')
    assert (yes["Data"]["Result"], no["Data"]["Result"]) == (True, False)
    with pytest.raises(ApiError, match=r"\$\.source"):
        stage.call("TestEventPattern", Event=event, EventPattern='{"source": "acs.vpc"}')


@pytest.mark.parametrize(
    "action, params, code",
    [
        ("CreateRule", {"EventBusName": "mine", "RuleName": "r", "FilterPattern": "{}"}, "EventBusNotExist"),
        ("CreateRule", {**RULE, "FilterPattern": '{"a": 1}'}, "InvalidEventPattern"),
        ("CreateRule", {**RULE, "FilterPattern": "{}", "Status": "ON"}, "InvalidArgument"),
        ("CreateRule", {**RULE}, "MissingFilterPattern"),
        ("PutTargets", {**RULE, "Targets": "[]"}, "EventRuleNotExisted"),
        ("DeleteTargets", {**RULE}, "EventRuleNotExisted"),
        ("ListTargets", {**RULE}, "EventRuleNotExisted"),
        ("TestEventPattern", {"Event": "{}", "EventPattern": "{}"}, "InvalidEvent"),
    ],
)
def test_refusals_carry_a_code(stage: BusStage, action: str, params: dict[str, str], code: str) -> None:
    """Each kind of wrong request has its own code."""
    with pytest.raises(ApiError) as caught:
        stage.call(action, **params)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "row",
    [
        {"Id": "t"},
        {"Id": "t", "Type": "acs.fc.function", "Endpoint": "e", "PushRetryStrategy": "NEVER"},
        {"Id": "t", "Type": "acs.fc.function", "Endpoint": "e", "ErrorsTolerance": "SOME"},
        {"Id": "t", "Type": "acs.fc.function", "Endpoint": "e", "ParamList": [{"ResourceKey": "Body"}]},
    ],
)
def test_a_wrong_target_is_refused(stage: BusStage, row: dict[str, Any]) -> None:
    """Nothing half-read becomes a target."""
    stage.call("CreateRule", **RULE, FilterPattern="{}")
    with pytest.raises(ApiError) as caught:
        stage.call("PutTargets", **RULE, Targets=json.dumps([row]))
    assert caught.value.code == "InvalidArgument"


def test_targets_to_delete_are_a_list(stage: BusStage, contract_watch: ContractWatch) -> None:
    """An object is none, and takes no target away."""
    stage.call("CreateRule", **RULE, FilterPattern="{}")
    stage.call("PutTargets", **RULE, Targets=json.dumps([{"Id": "t", "Type": "acs.fc.function", "Endpoint": "e"}]))
    with pytest.raises(ApiError, match="InvalidArgument"):
        stage.call("DeleteTargets", **RULE, TargetIds='{"0": "t"}')
    assert [problem for problem in contract_watch.problems if "TargetIds: expected a list" not in problem] == []
    contract_watch.problems.clear()
    assert stage.call("ListTargets", **RULE)["Data"]["Total"] == 1


def test_a_target_that_nobody_serves_becomes_a_dead_letter(stage: BusStage) -> None:
    """Only functions receive events in the local cloud; others are seen to be undeliverable."""
    _put_rule(stage, Type="acs.mns.queue")
    stage.cloud.publish(stopped())
    stage.clock.advance(1)
    assert stage.cloud.bus.deliveries[0].progress is Progress.DEAD


def test_an_exponential_target_is_tried_for_long(stage: BusStage) -> None:
    """EXPONENTIAL_DECAY_RETRY: after 1, 2, 4, 8 … seconds."""
    _put_rule(stage, PushRetryStrategy="EXPONENTIAL_DECAY_RETRY")
    stage.failures = 4
    stage.cloud.publish(stopped())
    stage.clock.advance(60)
    assert [when for when, _ in stage.got] == [0, 1, 3, 7, 15]


def test_an_exponential_target_is_given_up_after_176_retries(stage: BusStage) -> None:
    """The pause grows to 512 s and no further: a day in all, as EventBridge's documents have it."""
    _put_rule(stage, PushRetryStrategy="EXPONENTIAL_DECAY_RETRY")
    stage.failures = 1000
    stage.cloud.publish(stopped())
    stage.clock.advance(2 * 86400)
    times = [when for when, _ in stage.got]
    assert len(times) == 177
    assert {round(later - earlier) for earlier, later in itertools.pairwise(times)} == {2**n for n in range(10)}
    assert stage.cloud.bus.deliveries[0].progress is Progress.DEAD


@pytest.mark.parametrize("strategy", ["BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"])
def test_a_target_that_tolerates_no_error_is_tried_once(stage: BusStage, strategy: str) -> None:
    """ErrorsTolerance NONE: whatever the retries are, none is made."""
    _put_rule(stage, PushRetryStrategy=strategy, ErrorsTolerance="NONE")
    stage.failures = 1
    stage.cloud.publish(stopped())
    stage.clock.advance(60)
    (delivery,) = stage.cloud.bus.deliveries
    assert (len(stage.got), delivery.progress, delivery.errors) == (1, Progress.DEAD, ["UnhandledInvocationError"])


@pytest.mark.parametrize("tolerance, tries", [("ALL", 2), ("NONE", 1)])
def test_a_trigger_says_whether_errors_are_tolerated(stage: BusStage, tolerance: str, tries: int) -> None:
    """As s.yaml has it."""
    stage.trigger(runOptions={"errorsTolerance": tolerance})
    stage.failures = 1
    stage.cloud.publish(stopped())
    stage.clock.advance(60)
    assert len(stage.got) == tries
