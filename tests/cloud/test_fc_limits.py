"""Function Compute's ranges and types: the last value that is taken, the first that is not, and what is of no type.

Sources: Function Compute 3.0, "Quotas and limits", and the inputs of CreateFunction, PutAsyncInvokeConfig and
CreateTrigger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from tests.cloud.functions_for_tests import function_body

TEXT, NUMBER, OBJECT, LIST, TRUTH = "x", 1, {"a": "b"}, ["a"], True
OTHERS = {"text": TEXT, "number": NUMBER, "object": OBJECT, "list": LIST, "truth": TRUTH, "fraction": 1.5}
TYPES = {
    "text": "functionName runtime handler description role",
    "number": "memorySize timeout diskSize instanceConcurrency cpu",
    "truth": "internetAccess disableOndemand",
    "object": "code environmentVariables vpcConfig logConfig nasConfig instanceLifecycleConfig customDNS "
    "customRuntimeConfig gpuConfig customContainerConfig ossMountConfig tracingConfig",
    "list": "layers tags",
}
"""Of the fields of a function, after contracts/fc-2023-03-30."""


@pytest.fixture
def cloud() -> Cloud:
    clock = VirtualClock()
    cloud = Cloud(clock)
    cloud.fc.dispatcher.runtime = CallableRuntime(clock)
    return cloud


def refused(action: Callable[[], object]) -> str:
    """Return the code of the refusal and its status where that is another than 400; nothing where there is none."""
    try:
        action()
    except ApiError as error:
        return error.code if error.status == 400 else f"{error.code} {error.status}"
    return ""


def hook(timeout: object) -> dict[str, Any]:
    return {"instanceLifecycleConfig": {"preStop": {"handler": "index.end", "timeout": timeout}}}


def variables(*texts: str) -> dict[str, Any]:
    return {"environmentVariables": {f"V{number}": text for number, text in enumerate(texts)}}


@pytest.mark.parametrize(
    "taken, not_taken",
    [
        ({"timeout": 1}, {"timeout": 0}),
        ({"timeout": 86400}, {"timeout": 86401}),
        ({"memorySize": 64}, {"memorySize": 0}),
        ({"memorySize": 32768}, {"memorySize": 32832}),
        ({"memorySize": 128}, {"memorySize": 127}),
        ({"instanceConcurrency": 1}, {"instanceConcurrency": 0}),
        ({"instanceConcurrency": 200}, {"instanceConcurrency": 201}),
        ({"cpu": 0.05, "memorySize": 64}, {"cpu": 0.04, "memorySize": 64}),
        ({"cpu": 16, "memorySize": 32768}, {"cpu": 16.05, "memorySize": 32768}),
        (hook(1), hook(0)),
        (hook(600), hook(601)),
        (hook(None), {"instanceLifecycleConfig": {"preStop": {"handler": "no handler"}}}),
        (variables("x" * 4094), variables("x" * 4095)),
        (variables("x" * 2046, "x" * 2046), variables("x" * 2046, "x" * 2047)),
        (variables("é" * 2047), variables("é" * 2048)),
        ({"environmentVariables": {"a_1": ""}}, {"environmentVariables": {"1a": ""}}),
        ({"environmentVariables": {"a": "1"}}, {"environmentVariables": {"a": 1}}),
        ({"role": "acs:ram::1:role/a/b"}, {"role": "acs:ram::1:user/a"}),
        ({"functionName": "_" * 64}, {"functionName": "_" * 65}),
        ({"functionName": "a-1"}, {"functionName": "-a1"}),
        ({"functionName": "A"}, {"functionName": "é"}),
        ({"handler": "a/b.c.d"}, {"handler": "a"}),
        ({"runtime": "python3.9"}, {"runtime": "python3.8"}),
    ],
)
def test_a_function_s_ranges_end_where_they_should(
    cloud: Cloud, taken: dict[str, Any], not_taken: dict[str, Any]
) -> None:
    """The one is created and may be changed to, the other is refused, at creation and at a change."""
    fc = cloud.fc
    assert refused(lambda: fc.create_function({**function_body("f"), **not_taken})) == "InvalidArgument"
    assert refused(lambda: fc.create_function({**function_body("f"), **taken})) == ""
    if "functionName" not in taken:
        assert refused(lambda: fc.update_function("f", not_taken)) == "InvalidArgument"
        assert refused(lambda: fc.update_function("f", taken)) == ""


def wrong_types() -> Iterator[tuple[str, str]]:
    for kind, fields in TYPES.items():
        for field in fields.split():
            fitting = {kind, "fraction"} if field == "cpu" else {kind}
            yield from ((field, other) for other in OTHERS if other not in fitting)


@pytest.mark.parametrize("field, kind", list(wrong_types()))
def test_a_field_of_a_function_has_its_type(cloud: Cloud, field: str, kind: str) -> None:
    """A truth is no number either."""
    given = {**function_body("f"), field: OTHERS[kind]}
    assert refused(lambda: cloud.fc.create_function(given)) == "InvalidArgument"


@pytest.mark.parametrize(
    "taken, not_taken",
    [
        ({"maxAsyncRetryAttempts": 0}, {"maxAsyncRetryAttempts": -1}),
        ({"maxAsyncRetryAttempts": 8}, {"maxAsyncRetryAttempts": 9}),
        ({"maxAsyncEventAgeInSeconds": 1}, {"maxAsyncEventAgeInSeconds": 0}),
        ({"maxAsyncEventAgeInSeconds": 604800}, {"maxAsyncEventAgeInSeconds": 604801}),
        ({"maxAsyncRetryAttempts": 1}, {"maxAsyncRetryAttempts": True}),
        ({"maxAsyncRetryAttempts": 1}, {"maxAsyncRetryAttempts": "1"}),
        ({"destinationConfig": {}}, {"destinationConfig": ["x"]}),
        *(
            ({"destinationConfig": {which: {"destination": arn}}}, {"destinationConfig": {which: {"destination": "x"}}})
            for which in ("onSuccess", "onFailure")
            for arn in ("acs:fc:r:1:functions/f", "acs:mns:r:1:/queues/q", "acs:eventbridge:r:1:eventbus/b", "")
        ),
    ],
)
def test_an_asynchronous_configuration_s_ranges_end_where_they_should(
    cloud: Cloud, taken: dict[str, Any], not_taken: dict[str, Any]
) -> None:
    """Retries, age, destinations; without them FC's defaults hold: three retries, a day."""
    cloud.fc.create_function(function_body("f"))
    assert refused(lambda: cloud.fc.put_async_config("f", not_taken)) == "InvalidArgument"
    assert refused(lambda: cloud.fc.put_async_config("f", taken)) == ""
    usual = cloud.fc.put_async_config("f", {})
    assert (usual.max_retries, usual.max_age_s, usual.on_success, usual.on_failure) == (3, 86400, "", "")


def test_empty_name_servers_are_none(cloud: Cloud) -> None:
    """That is how a deployment takes them away."""
    cloud.fc.create_function({**function_body("f"), "customDNS": {"nameServers": ["192.0.2.1"]}})
    assert "customDNS" in cloud.fc.update_function("f", {"timeout": 5}).declared
    assert "customDNS" not in cloud.fc.update_function("f", {"customDNS": {}}).declared


def test_a_new_function_has_fc_s_defaults(cloud: Cloud) -> None:
    """Three seconds, 512 MB, 0.35 cpu, one request at a time, with the internet."""
    made = cloud.fc.create_function(function_body("f"))
    assert (made.timeout_s, made.memory_mb, made.internet_access, made.role, made.vpc) == (3, 512, True, "", None)
    assert made.declared == {"cpu": 0.35, "diskSize": 512, "instanceConcurrency": 1}


@pytest.mark.parametrize(
    "name, code",
    [("_" * 128, ""), ("_" * 129, "InvalidArgument"), ("1t", "InvalidArgument"), ("t.u", "InvalidArgument")],
)
def test_a_trigger_s_name_ends_where_it_should(cloud: Cloud, name: str, code: str) -> None:
    """128 characters, of the same kinds as a function's."""
    cloud.fc.create_function(function_body("f"))
    config = json.dumps({"cronExpression": "@every 1m", "enable": False})
    given = {"triggerName": name, "triggerType": "timer", "triggerConfig": config}
    assert refused(lambda: cloud.fc.create_trigger("f", given)) == code


@pytest.mark.parametrize("given", [{}, {"reservedConcurrency": -1}, {"reservedConcurrency": "1"}])
def test_what_reserves_nothing_is_refused(cloud: Cloud, given: dict[str, Any]) -> None:
    """The number is required, and is one."""
    cloud.fc.create_function(function_body("f"))
    assert refused(lambda: cloud.fc.put_concurrency("f", given)) == "InvalidArgument"


def test_a_payload_ends_where_it_should(cloud: Cloud) -> None:
    """32 MB for a synchronous invocation, 128 KB for an asynchronous one."""
    cloud.fc.create_function(function_body("f"))
    for most, ask in ((32 * 2**20, cloud.fc.begin), (128 * 2**10, cloud.fc.submit)):
        with pytest.raises(ApiError, match="EntityTooLarge"):
            ask("f", b"x" * (most + 1))
        ask("f", b"x" * most)
