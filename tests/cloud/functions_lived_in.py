"""Function Compute's part of the whole answers: requests of both versions, in order, each with its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.rpc import rendered
from natlab.cloud.kernel.wire import Request
from natlab.cloud.sls.routes import LogStore, Project
from tests.cloud.functions_for_tests import function_body
from tests.cloud.lived_in import asking

V3, V2 = "/2023-03-30/", "/2016-08-15/"
NAME, SERVICE = "functions/f", "services/svc"
FULL: dict[str, Any] = {
    "description": "everything",
    "cpu": 0.5,
    "diskSize": 10240,
    "memorySize": 1024,
    "timeout": 60,
    "instanceConcurrency": 2,
    "role": "acs:ram::1000000000000001:role/r",
    "internetAccess": False,
    "vpcConfig": {"vpcId": "vpc-1", "vSwitchIds": ["vsw-1"], "securityGroupId": "sg-1"},
    "logConfig": {"project": "p", "logstore": "l", "enableRequestMetrics": True},
    "environmentVariables": {"A": "1"},
    "instanceLifecycleConfig": {
        "initializer": {"handler": "index.begin", "timeout": 5},
        "preStop": {"handler": "index.end", "timeout": 6},
    },
    "tags": [{"Key": "k", "Value": "v"}],
}
ASYNC = {
    "maxAsyncRetryAttempts": 1,
    "maxAsyncEventAgeInSeconds": 600,
    "asyncTask": True,
    "destinationConfig": {
        "onSuccess": {"destination": "acs:fc:cn-hangzhou:1000000000000001:functions/g"},
        "onFailure": {"destination": "acs:fc:cn-hangzhou:1000000000000001:functions/h"},
    },
}
TIMER = json.dumps({"cronExpression": "@every 1m", "enable": True, "payload": "p"})
PATTERN = json.dumps({"eventRuleFilterPattern": '{"source": ["acs.ecs"]}', "asyncInvocationType": True})
HTTP = json.dumps({"authType": "anonymous", "methods": ["GET"]})


def failing(event: bytes, context: Any) -> bytes:
    """Answer, unless the event says not to."""
    if event == b"fail":
        raise ValueError("as asked")
    return b"done " + event


@dataclass
class FunctionStage:
    """A cloud on a virtual clock, whose functions are callables; `asked` is what was asked, with each answer."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    asked: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cloud = Cloud(self.clock, readings={"answers": "full"})
        self.cloud.sls.projects["p"] = Project(stores={"l": LogStore(30, 1)})
        self.cloud.fc.dispatcher.runtime = CallableRuntime(self.clock, {"f": failing, "svc$f": failing})

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        **headers: str,
    ) -> None:
        """Ask, and keep the answer; bytes go as they are, what else there is as JSON."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = Request(
            method,
            path,
            query or {},
            {name.replace("_", "-"): value for name, value in headers.items()},
            sent,
            self.cloud.accounts.owner,
            f"request-{len(self.asked)}",
        )
        service = self.cloud.service("fc" if path.startswith(V3) else "fc2")
        try:
            answer = self.cloud.gate.answer(service, request).response
        except ApiError as refused:
            answer = rendered(refused, service, request, self.cloud.region)
        self.cloud.observe(request, answer)
        said = answer.body.decode()
        shown = json.loads(said) if said.startswith(("{", "[")) else said
        key = f"{len(self.asked):03} {method} {path} {json.dumps(dict(query or {}))}"
        self.asked[key] = {"status": answer.status, "headers": dict(answer.headers), "body": shown}

    def temporary_role(self) -> str | None:
        """Return whose credentials those for a package of code are."""
        place = next(answer for key, answer in self.asked.items() if "tempBucketToken" in key)
        issued = self.cloud.accounts.issued(place["body"]["credentials"]["AccessKeyId"])
        return issued.principal.role if issued else None


def functions_story(asked_of_ram: list[str], *, allow: bool = True) -> dict[str, Any]:
    """Play it, and return every request with its answer, what was invoked by whom, and what RAM was asked."""
    stage = FunctionStage()
    stage.cloud.accounts.authorizer = asking(asked_of_ram, allow=allow)
    for part in (_functions, _triggers, _configurations, _invocations, _the_older_version, _endings):
        for asked in part():
            if isinstance(asked, float):
                stage.clock.advance(asked)
            else:
                method, path, *more, headers = asked
                stage.ask(method, path, *more, **headers)
    if not allow:
        return stage.asked
    stage.asked["temporary"] = stage.temporary_role()
    stage.asked["policies"] = asked_of_ram
    stage.asked["invocations"] = [
        f"{each.function} {each.source} {each.payload.decode()} {each.status.value} {each.error_type} "
        f"{each.attempts} {each.throttled} {each.received:.2f} {each.started or 0:.2f} {each.finished or 0:.2f}"
        for each in stage.cloud.fc.invocations
    ]
    return stage.asked


def _functions() -> Iterator[Any]:
    yield "POST", V3 + "functions", function_body("f", **FULL), {}
    yield 10.0
    yield "PUT", V3 + NAME, {"handler": "index.other", "environmentVariables": {"B": "2"}}, {}
    yield "POST", V3 + "functions", function_body("g"), {}
    yield "POST", V3 + "functions", function_body("g"), {}
    yield "GET", V3 + NAME, {}
    yield "GET", V3 + "functions/none", {}
    yield "GET", V3 + "functions", None, {"limit": "1"}, {}
    yield "GET", V3 + "functions", None, {"prefix": "g", "runtime": "python3.12"}, {}
    yield "GET", V3 + "functions", None, {"runtime": "python3.10"}, {}
    yield "GET", V3 + "functions", None, {"limit": "101"}, {}
    yield "GET", V3 + "functions", None, {"nextToken": "x"}, {}
    yield "GET", V3 + "functions/g/code", {}
    yield "GET", V3 + "nonsense", {}
    yield "POST", V3 + "functions", b"{", {}
    yield "POST", V3 + "functions", b"[]", {}
    arn = "acs:fc:cn-hangzhou:1000000000000001:functions/g"
    named = {"ResourceType": "function", "ResourceId": json.dumps([arn])}
    tag = {"ResourceId": [arn], "ResourceType": "function", "Tag": [{"Key": "a", "Value": "1"}]}
    yield "POST", V3 + "tags-v2", tag, {}
    yield "GET", V3 + "tags-v2", None, named, {}
    yield "DELETE", V3 + "tags-v2", None, {**named, "TagKey": json.dumps(["a"])}, {}
    yield "GET", V3 + "tags-v2", None, named, {}


def _triggers() -> Iterator[Any]:
    where = V3 + NAME + "/triggers"
    common = {"qualifier": "LATEST", "description": "d"}
    yield "POST", where, {"triggerName": "t", "triggerType": "timer", "triggerConfig": TIMER, **common}, {}
    yield "POST", where, {"triggerName": "t", "triggerType": "timer", "triggerConfig": TIMER, **common}, {}
    yield "POST", where, {"triggerName": "e", "triggerType": "eventbridge", "triggerConfig": PATTERN}, {}
    yield "POST", where, {"triggerName": "h", "triggerType": "http", "triggerConfig": HTTP}, {}
    yield 5.0
    changed = {"description": "e", "qualifier": "v", "invocationRole": "acs:ram::1:role/i"}
    yield "PUT", where + "/t", {"triggerConfig": TIMER.replace("1m", "2m"), **changed}, {}
    yield "GET", where + "/t", {}
    yield "GET", where + "/none", {}
    yield "GET", where, {}
    yield "GET", where, None, {"prefix": "h"}, {}
    yield 121.0
    yield "DELETE", where + "/t", {}
    yield "DELETE", where + "/e", {}
    yield "DELETE", where + "/t", {}


def _configurations() -> Iterator[Any]:
    where = V3 + NAME
    for name in ("async-invoke-config", "concurrency", "scaling-config", "provision-config", "vpc-bindings"):
        yield "GET", f"{where}/{name}", {}
        yield "GET", f"{V3}functions/none/{name}", {}
    yield "PUT", where + "/async-invoke-config", ASYNC, {}
    yield 3.0
    yield "PUT", where + "/async-invoke-config", {**ASYNC, "maxAsyncRetryAttempts": 2}, {}
    yield "PUT", where + "/concurrency", {"reservedConcurrency": 3}, {}
    yield "PUT", where + "/scaling-config", {"minInstances": 1}, {}
    yield "POST", where + "/vpc-bindings", {"vpcId": "vpc-1"}, {}
    yield "POST", where + "/vpc-bindings", {"vpcId": "vpc-2"}, {}
    yield "POST", where + "/vpc-bindings", {}, {}
    yield "DELETE", where + "/vpc-bindings/vpc-2", {}
    for name in ("async-invoke-config", "concurrency", "scaling-config", "vpc-bindings"):
        yield "GET", f"{where}/{name}", {}
    for name in ("async-invoke-configs", "scaling-configs", "provision-configs"):
        yield "GET", V3 + name, {}
    yield "GET", V3 + "async-invoke-configs", None, {"functionName": "g"}, {}
    yield "GET", where + "/versions", {}
    yield "GET", where + "/aliases", {}


def _invocations() -> Iterator[Any]:
    where = V3 + NAME
    yield "POST", where + "/invocations", b"one", {"x_fc_log_type": "Tail"}
    yield "POST", where + "/invocations", b"fail", {}
    yield "POST", where + "/invocations", b"", {"x_fc_invocation_type": "Later"}
    later = {"x_fc_invocation_type": "Async"}
    yield "POST", where + "/invocations", b"two", {**later, "x_fc_async_task_id": "task-1"}
    yield "POST", where + "/invocations", b"two", {**later, "x_fc_async_task_id": "task-1"}
    yield "POST", where + "/invocations", b"fail", {**later, "x_fc_async_task_id": "task-2"}
    yield "POST", where + "/invocations", b"three", {**later, "x_fc_async_task_id": "other", "x_fc_async_delay": "3600"}
    for delay in ("3601", "-1", "1.5"):
        yield "POST", where + "/invocations", b"", {**later, "x_fc_async_delay": delay}
    yield 30.0
    yield "GET", where + "/instances", {}
    yield "GET", where + "/async-tasks", {}
    yield "GET", where + "/async-tasks", None, {"status": "Failed"}, {}
    yield "GET", where + "/async-tasks", None, {"prefix": "other"}, {}
    yield "GET", where + "/async-tasks/task-1", {}
    yield "GET", where + "/async-tasks/none", {}
    yield "PUT", where + "/async-tasks/other/stop", {}
    yield 3600.0
    yield "GET", where + "/async-tasks/other", {}


def _the_older_version() -> Iterator[Any]:
    one, all_of = f"{V2}{SERVICE}/functions/f", f"{V2}{SERVICE}/functions"
    service = {"serviceName": "svc", "description": "d", "role": "acs:ram::1000000000000001:role/r"}
    yield "POST", V2 + "services", service, {}
    yield "POST", V2 + "services", service, {}
    yield 2.0
    parts = ("logConfig", "nasConfig", "ossMountConfig", "tracingConfig")
    yield "PUT", V2 + SERVICE, {part: {} for part in parts}, {}
    network = {"vpcId": "vpc-1", "vswitchIds": ["vsw-1"], "securityGroupId": "sg-1"}
    yield "PUT", V2 + SERVICE, {"vpcConfig": network, "internetAccess": False}, {}
    yield "GET", V2 + SERVICE, {}
    yield "GET", V2 + "services", {}
    yield "GET", V2 + "services/none", {}
    yield "GET", V2 + SERVICE + "/bindings", {}
    yield "GET", V2 + "account-settings", {}
    yield "GET", V2 + "tempBucketToken", {}
    yield "GET", V2 + "nonsense", {}
    begin: dict[str, Any] = {"initializer": "index.begin", "initializationTimeout": 7}
    yield "POST", all_of, function_body("f", memorySize=256, timeout=30, **begin), {}
    yield "PUT", one, {"description": "changed"}, {}
    yield "GET", one, {}
    yield "GET", f"{all_of}/none", {}
    yield "GET", all_of, None, {"prefix": "f"}, {}
    yield "GET", one + "/code", {}
    yield (
        "POST",
        one + "/triggers",
        {"triggerName": "t", "triggerType": "timer", "triggerConfig": json.loads(TIMER)},
        {},
    )
    yield "PUT", one + "/triggers/t", {"description": "e"}, {}
    yield "GET", one + "/triggers/t", {}
    yield "GET", one + "/triggers", {}
    stateful = {**{key: value for key, value in ASYNC.items() if key != "asyncTask"}, "statefulInvocation": True}
    for name, body, query in (
        ("async-invoke-config", stateful, {}),
        ("on-demand-config", {"maximumInstanceCount": 4}, {"qualifier": "LATEST"}),
    ):
        yield "GET", f"{one}/{name}", None, query, {}
        yield "PUT", f"{one}/{name}", body, query, {}
        yield "GET", f"{one}/{name}", None, query, {}
    yield "POST", one + "/invocations", b"four", {"x_fc_log_type": "Tail"}
    yield "POST", one + "/invocations", b"five", {"x_fc_invocation_type": "Async"}
    yield "POST", one + "/invocations", b"", {"x_fc_invocation_type": "Later"}
    yield 10.0
    yield "DELETE", one + "/async-invoke-config", {}
    yield "DELETE", one + "/triggers/t", {}
    yield "DELETE", V2 + SERVICE, {}
    yield "DELETE", one, {}
    yield "DELETE", V2 + SERVICE, {}
    yield "GET", V2 + "services", {}


def _endings() -> Iterator[Any]:
    """What a function had is gone with it: the next one of its name begins without."""
    for name in ("async-invoke-config", "concurrency", "scaling-config"):
        yield "DELETE", f"{V3}functions/g/{name}", {}
        yield "DELETE", f"{V3}functions/none/{name}", {}
    yield "DELETE", V3 + NAME, {}
    yield "DELETE", V3 + NAME, {}
    yield "POST", V3 + "functions", function_body("f"), {}
    for name in ("", "/triggers", "/async-invoke-config", "/concurrency", "/scaling-config", "/vpc-bindings"):
        yield "GET", V3 + NAME + name, {}
