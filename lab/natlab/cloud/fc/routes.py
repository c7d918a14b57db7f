"""Function Compute 3.0 (2023-03-30) on the wire: ROA paths, JSON bodies, ACS3 signatures.

One table maps method and path to an operation; each operation reads the request, asks the engine
(functions.py) and answers with responses.py.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from natlab.cloud.fc import exceptions, responses
from natlab.cloud.fc.functions import FunctionCompute
from natlab.cloud.fc.models import Invocation
from natlab.cloud.fc.names import rule_name
from natlab.cloud.fc.paths import VERSION, find
from natlab.cloud.fc.rights import SERVICE
from natlab.cloud.fc.tags import Tags
from natlab.cloud.fc.wire import error_response, invocation_response, json_body, json_response, nothing, page
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.wire import Request, Response

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

LINKED: Final = "sendevent-fc.eventbridge.aliyuncs.com"
"""The service whose linked role lets EventBridge invoke functions."""

_LONGEST_DELAY_S: Final = 3600


@dataclass(frozen=True, slots=True)
class FcRequest:
    """A request after routing; `names` are the variable parts of its path."""

    request: Request
    names: Mapping[str, str]

    @property
    def function(self) -> str:
        return self.names["functionName"]

    def body(self) -> Mapping[str, Any]:
        """The JSON object in the body. Raises ApiError InvalidArgument."""
        return json_body(self.request)


Operation = Callable[[FcRequest], Response]


class FunctionComputeV3:
    """The product FC, version 2023-03-30."""

    name = "fc"

    def __init__(self, cloud: CloudContext, engine: FunctionCompute) -> None:
        self.engine = engine
        self._cloud = cloud
        self._scaling: dict[str, Mapping[str, Any]] = {}
        self._vpc_bindings: dict[str, list[str]] = {}
        tags = Tags(engine)
        self._operations: dict[str, Operation] = {
            "CreateFunction": self._create_function,
            "ListFunctions": self._list_functions,
            "GetFunction": lambda call: self._function(call.function),
            "UpdateFunction": self._update_function,
            "DeleteFunction": self._delete_function,
            "GetFunctionCode": self._get_code,
            "InvokeFunction": self._invoke,
            "CreateTrigger": self._create_trigger,
            "ListTriggers": self._list_triggers,
            "GetTrigger": self._get_trigger,
            "UpdateTrigger": self._update_trigger,
            "DeleteTrigger": self._delete_trigger,
            "PutAsyncInvokeConfig": self._put_async_config,
            "GetAsyncInvokeConfig": self._get_async_config,
            "DeleteAsyncInvokeConfig": self._delete_async_config,
            "ListAsyncInvokeConfigs": self._list_async_configs,
            "PutConcurrencyConfig": self._put_concurrency,
            "GetConcurrencyConfig": self._get_concurrency,
            "DeleteConcurrencyConfig": self._delete_concurrency,
            "GetProvisionConfig": lambda call: json_response(responses.provision(self._arn(call))),
            "ListProvisionConfigs": lambda _call: json_response({"provisionConfigs": []}),
            "PutScalingConfig": self._put_scaling,
            "GetScalingConfig": lambda call: json_response(self._scaling_of(call)),
            "DeleteScalingConfig": self._delete_scaling,
            "ListScalingConfigs": lambda _call: json_response({"scalingConfigs": []}),
            "ListVpcBindings": self._list_vpc_bindings,
            "CreateVpcBinding": self._create_vpc_binding,
            "DeleteVpcBinding": self._delete_vpc_binding,
            "ListInstances": self._list_instances,
            "ListFunctionVersions": self._list_versions,
            "ListAliases": self._list_aliases,
            "ListAsyncTasks": self._list_tasks,
            "GetAsyncTask": self._get_task,
            "StopAsyncTask": self._stop_task,
            "TagResources": lambda call: tags.tag(call.request),
            "UntagResources": lambda call: tags.untag(call.request),
            "ListTagResources": lambda call: tags.list_tags(call.request),
        }

    def accepts(self, request: Request) -> bool:
        return request.path.startswith(f"/{VERSION}/")

    def action_of(self, request: Request) -> str:
        found = find(request)
        return found[0] if found else f"{request.method} {request.path}"

    def respond(self, request: Request) -> Response:
        found = find(request)
        if found is None:
            raise exceptions.path_not_supported(request.method, request.path)
        action, names = found
        resource = f"acs:fc:{self._cloud.region}:{self._cloud.account_id}:functions/{names.get('functionName', '*')}"
        if not self._cloud.accounts.authorize(request.principal, f"fc:{action}", resource):
            raise exceptions.access_denied(f"the caller is not authorized to perform 'fc:{action}' on '{resource}'")
        return self._operations[action](FcRequest(request, names))

    def render_error(self, error: ApiError, request: Request) -> Response:
        body = {"Code": error.code, "Message": error.message, "RequestId": request.request_id}
        return error_response(error.status, body, request)

    def reset(self) -> None:
        self._scaling.clear()
        self._vpc_bindings.clear()
        self.engine.reset()

    def close(self) -> None:
        self.engine.close()

    # ── functions ───────────────────────────────────────────────────────────────────────────────────────────
    def _create_function(self, call: FcRequest) -> Response:
        self._check_role(call)
        return self._function(self.engine.create_function(call.body()).name)

    def _check_role(self, call: FcRequest) -> None:
        """Require that a caller who gives a function a role may pass that role (ram:PassRole)."""
        role = str(call.body().get("role") or "")
        principal, service = call.request.principal, {"acs:Service": SERVICE}
        if role and not self._cloud.accounts.authorize(principal, "ram:PassRole", role, service):
            raise exceptions.access_denied(f"the caller is not authorized to perform 'ram:PassRole' on '{role}'")

    def _update_function(self, call: FcRequest) -> Response:
        self._check_role(call)
        return self._function(self.engine.update_function(call.function, call.body()).name)

    def _delete_function(self, call: FcRequest) -> Response:
        self.engine.delete_function(call.function)
        self._scaling.pop(call.function, None)
        self._vpc_bindings.pop(call.function, None)
        return nothing()

    def _list_functions(self, call: FcRequest) -> Response:
        query = call.request.query
        rows = [
            self._function_json(function.name)
            for function in self.engine.functions()
            if function.name.startswith(query.get("prefix", "")) and query.get("runtime") in (None, function.runtime)
        ]
        return page(call.request.query, "functions", rows)

    def _get_code(self, call: FcRequest) -> Response:
        code = self.engine.function(call.function).code
        url = f"data:application/zip;base64,{base64.b64encode(code.archive).decode()}"
        return json_response({"url": url, "checksum": code.checksum})

    def _function(self, name: str) -> Response:
        return json_response(self._function_json(name))

    def _function_json(self, name: str) -> dict[str, Any]:
        function = self.engine.function(name)
        return self._said(responses.function(function, self.engine.arn(name), self.engine.tags.get(name, {})))

    def _said(self, answer: dict[str, Any]) -> dict[str, Any]:
        """What of an answer's empty fields the platform says: a reading."""
        return responses.lean(answer) if self._cloud.readings.is_("answers", "lean") else answer

    # ── invocation ──────────────────────────────────────────────────────────────────────────────────────────
    def _invoke(self, call: FcRequest) -> Response:
        request = call.request
        way = request.headers.get("x-fc-invocation-type", "Sync")
        if way not in ("Sync", "Async"):
            raise exceptions.invalid(f"x-fc-invocation-type '{way}' is neither Sync nor Async")
        request_id = request.headers.get("x-fc-async-task-id", "") or request.request_id
        if way == "Async":
            if "x-fc-async-task-id" in request.headers:
                self._check_new_task(call, request_id)
            delay_s = _delay(request.headers.get("x-fc-async-delay", "0"))
            invocation = self.engine.submit(call.function, request.body, request_id=request_id, delay_s=delay_s)
            return Response(202, {"x-fc-request-id": request_id, "x-fc-async-task-id": invocation.request_id})
        invocation = self.engine.invoke(call.function, request.body, request_id=request.request_id)
        return invocation_response(invocation, tail=request.headers.get("x-fc-log-type", "") == "Tail")

    def _check_new_task(self, call: FcRequest, task: str) -> None:
        if any(each.request_id == task for each in self.engine.invocations_of(call.function)):
            raise exceptions.async_task_exists(task)

    # ── triggers ────────────────────────────────────────────────────────────────────────────────────────────
    def _create_trigger(self, call: FcRequest) -> Response:
        if call.body().get("triggerType") == "eventbridge":
            self._check_rule(call, str(call.body().get("triggerName")), "CreateRule")
            self._check_linked_role(call)
        trigger = self.engine.create_trigger(call.function, call.body())
        return json_response(self._said(responses.trigger(trigger, self.engine.arn(call.function))))

    def _check_rule(self, call: FcRequest, trigger: str, action: str) -> None:
        """The rule behind an EventBridge trigger is made and changed in the name of the caller."""
        bus = f"acs:eventbridge:{self._cloud.region}:{self._cloud.account_id}:eventbus/default"
        if not self._cloud.accounts.authorize(call.request.principal, "eventbridge:GetEventBus", bus):
            raise exceptions.access_denied(
                f"the caller is not authorized to perform 'eventbridge:GetEventBus' on '{bus}'"
            )
        rule = f"eventbus/default/rule/{rule_name(call.function, trigger)}"
        arn = f"acs:eventbridge:{self._cloud.region}:{self._cloud.account_id}:{rule}"
        if not self._cloud.accounts.authorize(call.request.principal, f"eventbridge:{action}", arn):
            raise exceptions.access_denied(f"the caller is not authorized to perform 'eventbridge:{action}' on '{arn}'")

    def _check_linked_role(self, call: FcRequest) -> None:
        """The first EventBridge trigger of an account makes a linked role, in the name of the caller."""
        role = f"acs:ram::{self._cloud.account_id}:role/*"
        context = {"ram:ServiceName": LINKED}
        if not self._cloud.accounts.authorize(call.request.principal, "ram:CreateServiceLinkedRole", role, context):
            raise exceptions.access_denied(
                f"the caller is not authorized to perform 'ram:CreateServiceLinkedRole' for '{LINKED}'"
            )

    def _list_triggers(self, call: FcRequest) -> Response:
        prefix, arn = call.request.query.get("prefix", ""), self.engine.arn(call.function)
        found = [each for each in self.engine.triggers(call.function) if each.name.startswith(prefix)]
        return page(call.request.query, "triggers", [self._said(responses.trigger(each, arn)) for each in found])

    def _get_trigger(self, call: FcRequest) -> Response:
        trigger = self.engine.trigger(call.function, call.names["triggerName"])
        return json_response(self._said(responses.trigger(trigger, self.engine.arn(call.function))))

    def _update_trigger(self, call: FcRequest) -> Response:
        if self.engine.trigger(call.function, call.names["triggerName"]).kind == "eventbridge":
            self._check_rule(call, call.names["triggerName"], "UpdateRule")
        trigger = self.engine.update_trigger(call.function, call.names["triggerName"], call.body())
        return json_response(self._said(responses.trigger(trigger, self.engine.arn(call.function))))

    def _delete_trigger(self, call: FcRequest) -> Response:
        if self.engine.trigger(call.function, call.names["triggerName"]).kind == "eventbridge":
            self._check_rule(call, call.names["triggerName"], "DeleteRule")
        self.engine.delete_trigger(call.function, call.names["triggerName"])
        return nothing()

    # ── configurations ──────────────────────────────────────────────────────────────────────────────────────
    def _put_async_config(self, call: FcRequest) -> Response:
        config = self.engine.put_async_config(call.function, call.body())
        return json_response(self._said(responses.async_config(config, self._arn(call))))

    def _get_async_config(self, call: FcRequest) -> Response:
        arn = self._arn(call)
        config = self.engine.queue.configs.get(call.function)
        if config is None:
            raise exceptions.async_config_not_found(call.function)
        return json_response(self._said(responses.async_config(config, arn)))

    def _delete_async_config(self, call: FcRequest) -> Response:
        self._arn(call)
        self.engine.queue.configs.pop(call.function, None)
        return nothing()

    def _list_async_configs(self, call: FcRequest) -> Response:
        wanted = call.request.query.get("functionName")
        configs = sorted(self.engine.queue.configs.items())
        rows = [
            self._said(responses.async_config(config, self.engine.arn(name)))
            for name, config in configs
            if wanted in (None, name) and "$" not in name
        ]
        return page(call.request.query, "configs", rows)

    def _put_concurrency(self, call: FcRequest) -> Response:
        reserved = self.engine.put_concurrency(call.function, call.body())
        return json_response(responses.concurrency(reserved, self._arn(call)))

    def _get_concurrency(self, call: FcRequest) -> Response:
        arn = self._arn(call)
        reserved = self.engine.dispatcher.reserved.get(call.function)
        if reserved is None:
            raise exceptions.concurrency_config_not_found(call.function)
        return json_response(responses.concurrency(reserved, arn))

    def _delete_concurrency(self, call: FcRequest) -> Response:
        self._arn(call)
        self.engine.dispatcher.reserved.pop(call.function, None)
        return nothing()

    def _put_scaling(self, call: FcRequest) -> Response:
        self._arn(call)
        self._scaling[call.function] = call.body()
        return json_response(self._scaling_of(call))

    def _delete_scaling(self, call: FcRequest) -> Response:
        self._arn(call)
        self._scaling.pop(call.function, None)
        return nothing()

    def _scaling_of(self, call: FcRequest) -> dict[str, Any]:
        arn = self._arn(call)
        readings = self._cloud.readings
        if call.function not in self._scaling and readings.is_("scaling-config", "not-found"):
            raise exceptions.scaling_config_not_found(call.function)
        if call.function not in self._scaling and readings.is_("scaling-config", "empty"):
            return responses.no_scaling()
        count = len(self.engine.instances(call.function))
        return responses.scaling(self._scaling.get(call.function, {}), count, arn)

    def _list_vpc_bindings(self, call: FcRequest) -> Response:
        self._arn(call)
        return json_response({"vpcIds": self._vpc_bindings.get(call.function, [])})

    def _create_vpc_binding(self, call: FcRequest) -> Response:
        self._arn(call)
        vpc = call.body().get("vpcId")
        if not isinstance(vpc, str) or not vpc:
            raise exceptions.invalid("vpcId is required but not provided")
        self._vpc_bindings.setdefault(call.function, []).append(vpc)
        return nothing()

    def _delete_vpc_binding(self, call: FcRequest) -> Response:
        self._arn(call)
        bound = self._vpc_bindings.get(call.function, [])
        self._vpc_bindings[call.function] = [vpc for vpc in bound if vpc != call.names["vpcId"]]
        return nothing()

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────
    def _list_instances(self, call: FcRequest) -> Response:
        self._arn(call)
        rows = [responses.instance(running) for running in self.engine.instances(call.function)]
        return json_response({"instances": rows, "requestId": call.request.request_id})

    def _list_versions(self, call: FcRequest) -> Response:
        self._arn(call)
        return json_response({"versions": [], "direction": call.request.query.get("direction", "BACKWARD")})

    def _list_aliases(self, call: FcRequest) -> Response:
        self._arn(call)
        return json_response({"aliases": []})

    def _list_tasks(self, call: FcRequest) -> Response:
        arn, query = self._arn(call), call.request.query
        found = [each for each in self.engine.invocations_of(call.function) if each.asynchronous]
        rows = [
            responses.async_task(each, arn)
            for each in found
            if query.get("status") in (None, each.status.value) and each.request_id.startswith(query.get("prefix", ""))
        ]
        return page(call.request.query, "tasks", rows)

    def _get_task(self, call: FcRequest) -> Response:
        return json_response(responses.async_task(self._task(call), self._arn(call)))

    def _stop_task(self, call: FcRequest) -> Response:
        with self._cloud.lock:
            self.engine.queue.stop(self._task(call))
        return nothing()

    def _task(self, call: FcRequest) -> Invocation:
        self._arn(call)
        for invocation in self.engine.invocations_of(call.function):
            if invocation.asynchronous and invocation.request_id == call.names["taskId"]:
                return invocation
        raise exceptions.async_task_not_found(call.names["taskId"])

    def _arn(self, call: FcRequest) -> str:
        """The function's ARN. Raises ApiError FunctionNotFound."""
        return self.engine.arn(self.engine.function(call.function).name)


def _delay(text: str) -> float:
    """Read x-fc-async-delay: whole seconds, 3600 at most (help page "Asynchronous invocations", delayed invocation)."""
    if not text.isdecimal() or int(text) > _LONGEST_DELAY_S:
        raise exceptions.invalid(f"x-fc-async-delay '{text}' is not a number of seconds from 0 to {_LONGEST_DELAY_S}")
    return float(text)
