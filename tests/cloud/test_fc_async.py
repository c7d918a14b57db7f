"""Asynchronous invocations, timers and destinations, on a virtual clock with callables as functions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natlab.cloud.cloud import ApiError, Cloud
from natlab.cloud.fc.models import InvocationStatus
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.latencies import Latencies
from tests.cloud.functions_for_tests import function_body

QUICK = Latencies(overrides={"fc.cold_start.platform": 0.0, "fc.async.dispatch": 0.0})


class AsyncStage:
    """A cloud on a virtual clock; functions note when they ran."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.began = self.clock.now()
        self.cloud = Cloud(clock=self.clock, latencies=QUICK)
        self.runtime = CallableRuntime(self.clock)
        self.cloud.fc.dispatcher.runtime = self.runtime
        self.ran: list[tuple[str, float, bytes]] = []

    def function(self, name: str, *, fails: int = 0, taking_s: float = 0.0, **settings: Any) -> None:
        """A function that raises the first `fails` times."""
        left = [fails]

        def handler(event: bytes, context: Any) -> bytes:
            self.ran.append((name, round(self.clock.now() - self.began, 3), event))
            if left[0] > 0:
                left[0] -= 1
                raise ValueError("not yet")
            return b"done " + event

        self.runtime.handlers[name] = handler
        self.runtime.duration_s[name] = taking_s
        self.cloud.fc.create_function(function_body(name, **settings))

    def times(self, name: str) -> list[float]:
        return [when for who, when, _ in self.ran if who == name]

    def events(self, name: str) -> list[Any]:
        return [json.loads(event) for who, _, event in self.ran if who == name]


@pytest.fixture
def stage() -> AsyncStage:
    return AsyncStage()


def test_a_delayed_request_runs_after_its_delay(stage: AsyncStage) -> None:
    """x-fc-async-delay: whole seconds, 3600 at most."""
    stage.function("f")
    stage.cloud.fc.submit("f", b"one", delay_s=2)
    stage.clock.advance(1.9)
    assert stage.times("f") == []
    stage.clock.advance(0.2)
    assert stage.times("f") == [2.0]


def test_an_accepted_request_runs_later_and_succeeds(stage: AsyncStage) -> None:
    """The caller gets an id at once; the queue is empty when the function has run."""
    stage.function("f")
    invocation = stage.cloud.fc.submit("f", b"x")
    assert invocation.status is InvocationStatus.ENQUEUED
    assert stage.cloud.fc.queue_depth("f") == 1
    stage.clock.advance(0)
    assert (invocation.status, invocation.result, invocation.attempts) == (InvocationStatus.SUCCEEDED, b"done x", 1)
    assert stage.cloud.fc.queue_depth("f") == 0


def test_a_failing_function_is_retried_three_times_by_default(stage: AsyncStage) -> None:
    """FC's default: four attempts in all, then the request is failed."""
    stage.function("f", fails=9)
    invocation = stage.cloud.fc.submit("f", b"x")
    stage.clock.advance(600)
    assert stage.times("f") == [0, 1, 3, 7]
    assert (invocation.status, invocation.error_type) == (InvocationStatus.FAILED, "UnhandledInvocationError")


def test_a_function_that_recovers_ends_the_retries(stage: AsyncStage) -> None:
    """A retry that succeeds makes the request succeed."""
    stage.function("f", fails=1)
    invocation = stage.cloud.fc.submit("f", b"x")
    stage.clock.advance(600)
    assert (invocation.ok, invocation.attempts) == (True, 2)


def test_no_retries_when_the_configuration_says_none(stage: AsyncStage) -> None:
    """maxAsyncRetryAttempts 0 means one attempt."""
    stage.function("f", fails=9)
    stage.cloud.fc.put_async_config("f", {"maxAsyncRetryAttempts": 0})
    stage.cloud.fc.submit("f", b"x")
    stage.clock.advance(600)
    assert stage.times("f") == [0]


def test_a_throttled_request_waits_half_a_second_then_twice_as_long_each_time(stage: AsyncStage) -> None:
    """0.5, 1, 2, 4 s: throttling uses up no retry attempt."""
    stage.function("f", taking_s=4.0, timeout=60)
    stage.cloud.fc.put_concurrency("f", {"reservedConcurrency": 1})
    stage.cloud.fc.submit("f", b"first")
    second = stage.cloud.fc.submit("f", b"second")
    stage.clock.advance(0)
    assert stage.cloud.fc.queue_depth("f") == 1
    stage.clock.advance(60)
    assert stage.times("f") == [4.0, 11.5]  # noted at the end of 4 s of work, begun at 0.0 and 7.5
    assert (second.throttled, second.attempts, second.ok) == (4, 1, True)


def test_a_synchronous_caller_is_told_of_the_limit(stage: AsyncStage) -> None:
    """429 ResourceThrottled while the reserved instance is busy, and served again afterwards."""
    stage.function("f", taking_s=4.0, timeout=60)
    stage.cloud.fc.put_concurrency("f", {"reservedConcurrency": 1})
    stage.cloud.fc.begin("f")
    with pytest.raises(ApiError) as caught:
        stage.cloud.fc.begin("f")
    assert (caught.value.code, caught.value.status) == ("ResourceThrottled", 429)
    stage.clock.advance(4)
    assert stage.cloud.fc.invoke("f").ok


def test_the_account_has_a_limit_too(stage: AsyncStage) -> None:
    """Functions share the instances of the account."""
    stage.function("f", taking_s=4.0, timeout=60)
    stage.function("g")
    stage.cloud.fc.dispatcher.account_limit = 1
    stage.cloud.fc.begin("f")
    with pytest.raises(ApiError, match="limit of 1"):
        stage.cloud.fc.begin("g")


def test_a_request_that_grew_too_old_is_dropped_and_reported(stage: AsyncStage) -> None:
    """maxAsyncEventAgeInSeconds ends even the retries of a throttled request."""
    stage.function("f", taking_s=0.0)
    stage.function("sink")
    destination = {"onFailure": {"destination": stage.cloud.fc.arn("sink")}}
    stage.cloud.fc.put_async_config("f", {"maxAsyncEventAgeInSeconds": 5, "destinationConfig": destination})
    stage.cloud.fc.put_concurrency("f", {"reservedConcurrency": 0})
    invocation = stage.cloud.fc.submit("f", b"x")
    stage.clock.advance(600)
    assert invocation.status is InvocationStatus.EXPIRED
    assert stage.events("sink")[0]["requestContext"]["condition"] == "EventAgeExceeded"
    assert stage.times("f") == []


def test_the_failure_destination_gets_the_record_that_fc_documents(stage: AsyncStage) -> None:
    """requestContext, requestPayload, responseContext and responsePayload, the payloads as text."""
    stage.function("probe", fails=9)
    stage.function("failover")
    config = {
        "maxAsyncRetryAttempts": 1,
        "destinationConfig": {"onFailure": {"destination": stage.cloud.fc.arn("failover")}},
    }
    stage.cloud.fc.put_async_config("probe", config)
    invocation = stage.cloud.fc.submit("probe", b'{"n": 1}')
    stage.clock.advance(60)
    (record,) = stage.events("failover")
    assert record["requestContext"] == {
        "requestId": invocation.request_id,
        "functionArn": "acs:fc:cn-hangzhou:1000000000000001:functions/probe",
        "condition": "UnhandledInvocationError",
        "approximateInvokeCount": 2,
    }
    assert record["requestPayload"] == '{"n": 1}'
    assert record["responseContext"] == {"statusCode": 200, "functionError": "UnhandledInvocationError"}
    assert json.loads(record["responsePayload"])["errorMessage"] == "not yet"
    assert stage.cloud.fc.invocations_of("failover")[0].source == "destination:probe"


def test_the_success_destination_gets_the_result(stage: AsyncStage) -> None:
    """onSuccess is the other way out, and nobody calls onFailure then."""
    stage.function("f")
    stage.function("sink")
    config = {"destinationConfig": {"onSuccess": {"destination": stage.cloud.fc.arn("sink")}}}
    stage.cloud.fc.put_async_config("f", config)
    stage.cloud.fc.submit("f", b"x")
    stage.clock.advance(1)
    (record,) = stage.events("sink")
    assert (record["responsePayload"], record["responseContext"]["functionError"]) == ("done x", "")


def test_a_destination_that_does_not_exist_loses_the_record_only(stage: AsyncStage) -> None:
    """The queue goes on."""
    stage.function("f", fails=1)
    config = {"maxAsyncRetryAttempts": 0, "destinationConfig": {"onFailure": {"destination": "acs:fc:x:y:functions/z"}}}
    stage.cloud.fc.put_async_config("f", config)
    stage.cloud.fc.submit("f", b"1")
    stage.clock.advance(1)
    second = stage.cloud.fc.submit("f", b"2")
    stage.clock.advance(1)
    assert second.ok


def test_a_deleted_function_makes_its_waiting_requests_invalid(stage: AsyncStage) -> None:
    """They are not run by a later function of the same name that was never asked."""
    stage.function("f", fails=9)
    invocation = stage.cloud.fc.submit("f", b"x")
    stage.clock.advance(0.5)
    stage.cloud.fc.delete_function("f")
    stage.clock.advance(60)
    assert invocation.status is InvocationStatus.INVALID


def test_a_handler_over_its_timeout_fails_and_takes_the_instance_along(stage: AsyncStage) -> None:
    """The next request starts cold."""
    stage.function("f", taking_s=10.0, timeout=3)
    invocation = stage.cloud.fc.begin("f")
    stage.clock.advance(3)
    assert invocation.error_type == "InvocationTimeout"
    assert stage.cloud.fc.instances("f") == []
    assert stage.cloud.fc.begin("f").cold


def test_instances_stay_warm_until_idle_too_long_or_the_code_changes(stage: AsyncStage) -> None:
    """Warm reuse, idle reaping, and a new version never served by an old instance."""
    stage.function("f")
    fc = stage.cloud.fc
    assert [fc.invoke("f").cold, fc.invoke("f").cold] == [True, False]
    stage.clock.advance(fc.dispatcher.idle_s + 1)
    assert fc.instances("f") == []
    assert [fc.invoke("f").cold, fc.invoke("f").cold] == [True, False]
    fc.update_function("f", {"environmentVariables": {"A": "1"}})
    assert [fc.invoke("f").cold, fc.invoke("f").cold] == [True, False]


def test_a_cold_start_costs_what_the_table_says() -> None:
    """The platform's share of a cold start is a row of the latency table."""
    clock = VirtualClock()
    cloud = Cloud(clock=clock, latencies=Latencies(overrides={"fc.cold_start.platform": 2.0}))
    runtime = CallableRuntime(clock, {"f": lambda event, context: event})
    cloud.fc.dispatcher.runtime = runtime
    cloud.fc.create_function(function_body("f"))
    began = clock.now()
    cold, warm = cloud.fc.invoke("f"), cloud.fc.invoke("f")
    assert (cold.finished, warm.finished) == (began + 2.0, began + 2.0)


def _timer(**config: Any) -> dict[str, Any]:
    return {"triggerName": "tick", "triggerType": "timer", "triggerConfig": json.dumps(config)}


def test_a_timer_fires_by_its_schedule_with_fcs_event(stage: AsyncStage) -> None:
    """Each tick is one asynchronous request with triggerTime, triggerName and payload."""
    stage.function("f")
    stage.cloud.fc.create_trigger("f", _timer(cronExpression="@every 1m", payload="p", enable=True))
    stage.clock.advance(180)
    assert stage.times("f") == [60, 120, 180]
    assert stage.events("f")[0] == {
        "triggerTime": "2026-01-01T00:01:00Z",
        "triggerName": "tick",
        "payload": "p",
    }


def test_a_disabled_or_deleted_timer_is_silent(stage: AsyncStage) -> None:
    """UpdateTrigger with enable false and DeleteTrigger both stop it; enabling starts it."""
    stage.function("f")
    fc = stage.cloud.fc
    fc.create_trigger("f", _timer(cronExpression="@every 1m", enable=False))
    stage.clock.advance(120)
    assert stage.times("f") == []
    fc.update_trigger("f", "tick", _timer(cronExpression="@every 1m", enable=True))
    stage.clock.advance(60)
    assert stage.times("f") == [180]
    fc.delete_trigger("f", "tick")
    stage.clock.advance(300)
    assert stage.times("f") == [180]


@pytest.mark.parametrize("expression", ["@every 1m", "0 * * * * *"])
def test_the_minute_can_be_shortened_for_a_demonstration(stage: AsyncStage, expression: str) -> None:
    """timer_scale 0.1 makes each minute six seconds, for intervals and cron fields alike."""
    stage.function("f")
    stage.cloud.fc.create_trigger("f", _timer(cronExpression=expression, enable=True))
    stage.cloud.fc.timer_scale = 0.1
    stage.clock.advance(18)
    assert stage.times("f") == [6, 12, 18]


def test_a_timer_can_be_fired_by_hand(stage: AsyncStage) -> None:
    """fire_timer runs the trigger now, whatever its schedule."""
    stage.function("f")
    stage.cloud.fc.create_trigger("f", _timer(cronExpression="0 0 4 * * *", payload="now", enable=False))
    stage.cloud.fc.fire_timer("f", "tick")
    stage.clock.advance(0)
    assert stage.events("f")[0]["payload"] == "now"


def test_reset_forgets_everything(stage: AsyncStage) -> None:
    """No function, no timer, no waiting request survives."""
    stage.function("f", fails=9)
    stage.cloud.fc.create_trigger("f", _timer(cronExpression="@every 1m", enable=True))
    stage.cloud.fc.submit("f")
    stage.cloud.reset()
    stage.clock.advance(600)
    assert stage.ran == []
    assert stage.cloud.fc.functions() == []
