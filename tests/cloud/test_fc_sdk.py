"""Function Compute 3.0 as the official client alibabacloud-fc20230330 sees it, over HTTP, unmodified."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from natlab.cloud.sls.routes import LogStore, Project
from tests.cloud.fc_accounts import FcAccount, refusal, refusal_of, served_account
from tests.cloud.functions_for_tests import ECHO, package


@pytest.fixture
def account() -> Iterator[FcAccount]:
    with served_account() as account:
        yield account


def test_a_function_can_be_created_read_changed_listed_and_deleted(account: FcAccount) -> None:
    """The life of a function, with what was sent reported back."""
    account.cloud.sls.projects["p"] = Project(stores={"l": LogStore(30, 1)})
    created = account.create(
        timeout=30,
        memory_size=256,
        description="d",
        environment_variables={"A": "1"},
        role="acs:ram::1000000000000001:role/r",
        vpc_config=models.VPCConfig(vpc_id="vpc-1", v_switch_ids=["vsw-1"], security_group_id="sg-1"),
        internet_access=False,
        tags=[models.Tag(key="k", value="v")],
        log_config=models.LogConfig(project="p", logstore="l"),
    )
    assert created.function_arn == "acs:fc:cn-hangzhou:1000000000000001:functions/f"
    client = account.client
    changed = client.update_function(
        "f", models.UpdateFunctionRequest(body=models.UpdateFunctionInput(timeout=60))
    ).body
    found = client.get_function("f", models.GetFunctionRequest()).body
    assert (changed.timeout, found.timeout, found.memory_size, found.description) == (60, 60, 256, "d")
    assert (found.vpc_config.v_switch_ids, found.internet_access) == (["vsw-1"], False)
    assert (found.environment_variables, found.log_config.project, found.state) == ({"A": "1"}, "p", "Active")
    assert [(tag.key, tag.value) for tag in found.tags] == [("k", "v")]
    account.create(name="other")
    listed = client.list_functions(models.ListFunctionsRequest(prefix="f")).body
    assert [each.function_name for each in listed.functions] == ["f"]
    code = client.get_function_code("f", models.GetFunctionCodeRequest()).body
    assert code.checksum == found.code_checksum
    assert client.delete_function("f").status_code == 204
    assert refusal(lambda: client.get_function("f", models.GetFunctionRequest())) == ("FunctionNotFound", 404)


def test_functions_are_listed_in_pages(account: FcAccount) -> None:
    """limit and nextToken."""
    for name in ("a", "b", "c"):
        account.create(name=name)
    first = account.client.list_functions(models.ListFunctionsRequest(limit=2)).body
    rest = account.client.list_functions(models.ListFunctionsRequest(limit=2, next_token=first.next_token)).body
    assert [each.function_name for each in (*first.functions, *rest.functions)] == ["a", "b", "c"]


def test_a_synchronous_invocation_answers_with_the_result_and_the_tail_of_the_log(account: FcAccount) -> None:
    """Body, request id, and X-Fc-Log-Result when asked for."""
    account.create("def handler(event, context):\n print('seen', event)\n return context.request_id")
    answer = account.invoke(b"x", x_fc_log_type="Tail")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert answer.status_code == 200
    assert answer.body.read().decode() == headers["x-fc-request-id"]
    assert "seen b'x'" in base64.b64decode(headers["x-fc-log-result"]).decode()
    assert "x-fc-error-type" not in headers


def test_a_failing_function_is_no_failing_call(account: FcAccount) -> None:
    """Status 200, X-Fc-Error-Type, and the error as body."""
    account.create("def handler(event, context):\n raise ValueError('boo')")
    answer = account.invoke()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert (answer.status_code, headers["x-fc-error-type"]) == (200, "UnhandledInvocationError")
    error = json.loads(answer.body.read())
    assert (error["errorMessage"], error["errorType"]) == ("boo", "ValueError")


def test_an_asynchronous_invocation_is_accepted_and_can_be_followed(account: FcAccount) -> None:
    """202 at once; the task can be looked up by its id until it has succeeded."""
    account.create()
    answer = account.invoke(b"later", x_fc_invocation_type="Async", x_fc_async_task_id="task-1")
    assert answer.status_code == 202
    assert account.cloud.fc.wait_for(lambda: all(each.ended for each in account.cloud.fc.invocations), timeout_s=30)
    task = account.client.get_async_task("f", "task-1", models.GetAsyncTaskRequest()).body
    assert (task.status, task.task_payload, task.return_payload) == ("Succeeded", "later", "later")
    listed = account.client.list_async_tasks("f", models.ListAsyncTasksRequest()).body
    assert [each.task_id for each in listed.tasks] == ["task-1"]
    again = {"x_fc_invocation_type": "Async", "x_fc_async_task_id": "task-1"}
    assert refusal(lambda: account.invoke(b"later", **again)) == ("StatefulAsyncTaskAlreadyExists", 409)


def test_triggers_can_be_created_read_changed_listed_and_deleted(account: FcAccount) -> None:
    """triggerConfig travels as text and comes back as it was sent."""
    account.create()
    timer = {"cronExpression": "@every 1m", "enable": True, "payload": "p"}
    created = account.trigger("t", "timer", timer)
    assert json.loads(created.trigger_config) == timer
    account.trigger("e", "eventbridge", {"eventRuleFilterPattern": '{"source": ["acs.ecs"]}'})
    account.trigger("h", "http", {"authType": "anonymous", "methods": ["GET"]})
    client = account.client
    listed = client.list_triggers("f", models.ListTriggersRequest()).body
    assert [each.trigger_name for each in listed.triggers] == ["e", "h", "t"]
    changed = models.UpdateTriggerInput(trigger_config='{"cronExpression": "@every 2m"}')
    client.update_trigger("f", "t", models.UpdateTriggerRequest(body=changed))
    assert client.get_trigger("f", "t").body.trigger_config == '{"cronExpression": "@every 2m"}'
    assert client.delete_trigger("f", "t").status_code == 204
    assert refusal(lambda: client.get_trigger("f", "t")) == ("TriggerNotFound", 404)
    assert refusal(lambda: account.trigger("e", "timer", timer)) == ("TriggerAlreadyExists", 409)


@pytest.mark.parametrize(
    "kind, config",
    [
        ("cron", "{}"),
        ("timer", "{"),
        ("timer", "[]"),
        ("timer", {}),
        ("timer", {"cronExpression": "* * * * *"}),
        ("timer", {"cronExpression": "@every 1m", "enabled": True}),
        ("timer", {"cronExpression": "@every 1m", "enable": "yes"}),
        ("eventbridge", {"eventRuleFilterPattern": '{"source": "acs.ecs"}'}),
        ("http", {"authType": "anonymous", "methods": []}),
    ],
)
def test_a_wrong_trigger_is_refused(account: FcAccount, kind: str, config: Any) -> None:
    """A misspelt key or a wrong pattern is refused now, not found out when nothing ever fires."""
    account.create()
    assert refusal(lambda: account.trigger("t", kind, config)) == ("InvalidArgument", 400)


def test_what_serverless_devs_reads_before_it_deploys(account: FcAccount) -> None:
    """The look-ups of the fc3 component answer for a function that has none of these configurations, and with them."""
    account.create()
    client = account.client
    none = models.GetAsyncInvokeConfigRequest()
    assert refusal(lambda: client.get_async_invoke_config("f", none))[1] == 404
    assert client.list_vpc_bindings("f").body.vpc_ids == []
    assert client.get_scaling_config("f", models.GetScalingConfigRequest()).body.min_instances == 0
    provision = client.get_provision_config("f", models.GetProvisionConfigRequest()).body
    assert (provision.target, provision.current) == (0, 0)
    destination = models.DestinationConfig(on_failure=models.Destination(destination=account.cloud.fc.arn("g")))
    wanted = models.PutAsyncInvokeConfigInput(max_async_retry_attempts=1, destination_config=destination)
    client.put_async_invoke_config("f", models.PutAsyncInvokeConfigRequest(body=wanted))
    found = client.get_async_invoke_config("f", none).body
    assert found.max_async_retry_attempts == 1
    assert found.destination_config.on_failure.destination == account.cloud.fc.arn("g")
    reserved = models.PutConcurrencyInput(reserved_concurrency=1)
    client.put_concurrency_config("f", models.PutConcurrencyConfigRequest(body=reserved))
    assert client.get_concurrency_config("f").body.reserved_concurrency == 1
    listed = client.list_async_invoke_configs(models.ListAsyncInvokeConfigsRequest()).body.configs
    assert [each.function_arn for each in listed] == [account.cloud.fc.arn("f")]
    client.delete_concurrency_config("f")
    client.delete_async_invoke_config("f", models.DeleteAsyncInvokeConfigRequest())
    assert refusal(lambda: client.get_concurrency_config("f"))[1] == 404


def test_a_reserved_function_that_is_busy_answers_429(account: FcAccount) -> None:
    """The limit comes over the wire as ResourceThrottled."""
    account.create()
    reserved = models.PutConcurrencyInput(reserved_concurrency=0)
    account.client.put_concurrency_config("f", models.PutConcurrencyConfigRequest(body=reserved))
    assert refusal(account.invoke) == ("ResourceThrottled", 429)


def test_instances_can_be_listed(account: FcAccount) -> None:
    """The warm instance of the last request."""
    account.create()
    answer = account.invoke()
    listed = account.client.list_instances("f", models.ListInstancesRequest()).body
    assert [each.instance_id for each in listed.instances] == [
        {name.lower(): value for name, value in answer.headers.items()}["x-fc-instance-id"]
    ]


def test_tags_can_be_put_listed_and_taken_away(account: FcAccount) -> None:
    """TagResources, ListTagResources, UntagResources."""
    account.create()
    arn = account.cloud.fc.arn("f")
    put = models.TagResourcesInput(resource_id=[arn], resource_type="function", tag=[models.Tag(key="a", value="1")])
    account.client.tag_resources(models.TagResourcesRequest(body=put))
    query = models.ListTagResourcesRequest(resource_type="function", resource_id=[arn])
    rows = account.client.list_tag_resources(query).body.tag_resources
    assert [(row.resource_id, row.tag_key, row.tag_value) for row in rows] == [(arn, "a", "1")]
    account.client.untag_resources(
        models.UntagResourcesRequest(resource_type="function", resource_id=[arn], tag_key=["a"])
    )
    assert account.client.list_tag_resources(query).body.tag_resources in (None, [])


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "1f"},
        {"name": "f" * 65},
        {"name": "f.g"},
        {"runtime": "python2.7"},
        {"runtime": "nodejs20"},
        {"timeout": 0},
        {"timeout": 86401},
        {"memory_size": 100},
        {"memory_size": 65536},
        {"environment_variables": {"A-B": "1"}},
        {"environment_variables": {"A": "x" * 4096}},
        {"role": "natkeeper"},
        {"vpc_config": models.VPCConfig(vpc_id="vpc-1")},
        {"vpc_config": models.VPCConfig(vpc_id="vpc-1", v_switch_ids=["vsw-1"])},
        {"instance_concurrency": 0},
        {"cpu": 0.33, "memory_size": 512},
        {"cpu": 0.0, "memory_size": 512},
        {"cpu": 16.05, "memory_size": 32768},
        {"cpu": 1, "memory_size": 960},
        {"cpu": 1, "memory_size": 4160},
        {"disk_size": 511},
        {"disk_size": 20480},
        {
            "instance_lifecycle_config": models.InstanceLifecycleConfig(
                initializer=models.LifecycleHook(handler="nothing", timeout=3)
            )
        },
    ],
)
def test_a_wrong_function_is_refused(account: FcAccount, settings: dict[str, Any]) -> None:
    """Names, ranges, required parts: InvalidArgument, and nothing is created."""
    assert refusal(lambda: account.create(**settings)) == ("InvalidArgument", 400)
    assert account.cloud.fc.functions() == []


@pytest.mark.parametrize("cpu, memory", [(0.05, 64), (0.05, 192), (0.35, 512), (1, 1024), (1, 4096), (0.15, 192)])
def test_sizes_up_to_the_boundary_are_taken(account: FcAccount, cpu: float, memory: int) -> None:
    """In steps of 0.05, from one GB for each cpu to four; both sizes of disk."""
    account.create(name="f", cpu=cpu, memory_size=memory, disk_size=512)
    account.create(name="g", cpu=cpu, memory_size=memory, disk_size=10240)
    assert len(account.cloud.fc.functions()) == 2


def test_ninety_instances_can_be_reserved_in_all(account: FcAccount) -> None:
    """Of the hundred of an account; the same function may have another number."""
    for name in ("f", "g"):
        account.create(name=name)
    fc = account.cloud.fc
    assert fc.put_concurrency("f", {"reservedConcurrency": 89}) == 89
    assert fc.put_concurrency("g", {"reservedConcurrency": 1}) == 1
    assert refusal_of(lambda: fc.put_concurrency("g", {"reservedConcurrency": 2})) == "LimitExceededError"
    assert fc.put_concurrency("f", {"reservedConcurrency": 88}) == 88
    assert fc.put_concurrency("g", {"reservedConcurrency": 2}) == 2


def test_a_function_takes_fifty_triggers(account: FcAccount) -> None:
    """The fifty-first is refused."""
    account.create(name="f")
    config = json.dumps({"cronExpression": "@every 1m", "enable": False})
    body = {"triggerType": "timer", "triggerConfig": config}
    for number in range(50):
        account.cloud.fc.create_trigger("f", {**body, "triggerName": f"t{number}"})
    more = {**body, "triggerName": "more"}
    assert refusal_of(lambda: account.cloud.fc.create_trigger("f", more)) == "LimitExceededError"


@pytest.mark.parametrize("field", ["function_name", "runtime", "handler", "code"])
def test_required_fields_are_required(account: FcAccount, field: str) -> None:
    """Each missing one is refused."""
    fields: dict[str, Any] = {
        "function_name": "f",
        "runtime": "python3.12",
        "handler": "index.handler",
        "code": models.InputCodeLocation(zip_file=package(ECHO)),
    }
    del fields[field]
    request = models.CreateFunctionRequest(body=models.CreateFunctionInput(**fields))
    assert refusal(lambda: account.client.create_function(request)) == ("InvalidArgument", 400)


@pytest.mark.parametrize("code", ["", "no base64!", base64.b64encode(b"no zip").decode()])
def test_code_must_be_a_zip_in_base64(account: FcAccount, code: str) -> None:
    """Anything else is refused when it is sent, not when it is run."""
    body = models.CreateFunctionInput(
        function_name="f",
        runtime="python3.12",
        handler="index.handler",
        code=models.InputCodeLocation(zip_file=code),
    )
    request = models.CreateFunctionRequest(body=body)
    assert refusal(lambda: account.client.create_function(request)) == ("InvalidArgument", 400)


def test_names_are_taken_once(account: FcAccount) -> None:
    """FunctionAlreadyExists."""
    account.create()
    assert refusal(account.create) == ("FunctionAlreadyExists", 409)


def test_a_request_that_is_not_signed_with_a_known_key_is_refused(account: FcAccount) -> None:
    """The kernel's verifier stands in front of FC, too."""
    config = Config(
        access_key_id="LTAInobody",
        access_key_secret="x",
        endpoint=account.cloud.endpoint.removeprefix("http://"),
        protocol="http",
        region_id="cn-hangzhou",
    )
    stranger = Client(config)
    assert refusal(lambda: stranger.get_function("f", models.GetFunctionRequest()))[1] in (400, 403, 404)


def test_a_function_calls_another_through_the_served_api_with_its_own_credentials(account: FcAccount) -> None:
    """What a role's credentials sign is accepted, and known as the role's."""
    account.create("def handler(event, context):\n return b'pong'", name="pong")
    keys = account.cloud.accounts.assume_role("acs:ram::1000000000000001:role/r")
    config = Config(
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
        endpoint=account.cloud.endpoint.removeprefix("http://"),
        protocol="http",
        region_id="cn-hangzhou",
    )
    answer = Client(config).invoke_function("pong", models.InvokeFunctionRequest())
    assert answer.body.read() == b"pong"
    call = account.cloud.calls[-1]
    assert (call.product, call.action, call.role) == ("fc", "InvokeFunction", "acs:ram::1000000000000001:role/r")


def test_an_ecs_event_travels_to_the_function_on_its_own(account: FcAccount) -> None:
    """From the bus through the trigger's pattern into a process, all of it real."""
    account.create()
    pattern = json.dumps({"source": ["acs.ecs"], "data": {"state": ["Stopped"]}})
    account.trigger("e", "eventbridge", {"eventRuleFilterPattern": pattern, "asyncInvocationType": True})
    event: dict[str, object] = {
        "id": "1",
        "source": "acs.ecs",
        "specversion": "1.0",
        "type": "ecs:Instance:StateChange",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data": {"resourceId": "i-a", "state": "Stopped"},
    }
    account.cloud.publish(event)
    fc = account.cloud.fc
    assert fc.wait_for(lambda: bool(fc.invocations) and all(each.ended for each in fc.invocations), timeout_s=30)
    assert [json.loads(each.result) for each in fc.invocations] == [event]
