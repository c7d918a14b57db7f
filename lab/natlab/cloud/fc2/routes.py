"""Function Compute 2.0 (2016-08-15) on the wire: services and their functions, as the fc2 client sends them.

The same engine as FC 3.0 runs them; a function of a service is `service$function` there, so that neither
generation sees the other's, as on the real platform.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from natlab.cloud.fc import exceptions, validation
from natlab.cloud.fc.functions import FunctionCompute
from natlab.cloud.fc.models import Function
from natlab.cloud.fc.wire import error_response, invocation_response, json_body, json_response, nothing
from natlab.cloud.fc2 import responses
from natlab.cloud.fc2.signature import verify
from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.wire import Request, Response
from natlab.cloud.oss.store import ObjectStore

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

VERSION: Final = "2016-08-15"
_SERVICE = r"services/(?P<service>[^/.]+)(?:\.(?P<qualifier>[^/]+))?"
_FUNCTION = rf"{_SERVICE}/functions/(?P<function>[^/]+)"
_SERVICE_FIELDS: Final = ("role", "vpcConfig", "internetAccess")
"""What a service says for all its functions; the rest of a service is only reported back."""


@dataclass(frozen=True, slots=True)
class Fc2Request:
    """A request after routing."""

    request: Request
    names: Mapping[str, str]

    @property
    def service(self) -> str:
        return self.names["service"]

    @property
    def function(self) -> str:
        """The function's name in the engine."""
        return f"{self.names['service']}${self.names['function']}"


def _path(pattern: str) -> re.Pattern[str]:
    return re.compile(f"/{VERSION}/{pattern}")


_ROUTES: Final = (
    ("GetAccountSettings", "GET", _path("account-settings")),
    ("GetTempBucketToken", "GET", _path("tempBucketToken")),
    ("CreateService", "POST", _path("services")),
    ("ListServices", "GET", _path("services")),
    ("GetService", "GET", _path(_SERVICE)),
    ("UpdateService", "PUT", _path(_SERVICE)),
    ("DeleteService", "DELETE", _path(_SERVICE)),
    ("ListVpcBindings", "GET", _path(f"{_SERVICE}/bindings")),
    ("CreateFunction", "POST", _path(f"{_SERVICE}/functions")),
    ("ListFunctions", "GET", _path(f"{_SERVICE}/functions")),
    ("GetFunction", "GET", _path(_FUNCTION)),
    ("UpdateFunction", "PUT", _path(_FUNCTION)),
    ("DeleteFunction", "DELETE", _path(_FUNCTION)),
    ("GetFunctionCode", "GET", _path(f"{_FUNCTION}/code")),
    ("InvokeFunction", "POST", _path(f"{_FUNCTION}/invocations")),
    ("CreateTrigger", "POST", _path(f"{_FUNCTION}/triggers")),
    ("ListTriggers", "GET", _path(f"{_FUNCTION}/triggers")),
    ("GetTrigger", "GET", _path(rf"{_FUNCTION}/triggers/(?P<trigger>[^/]+)")),
    ("UpdateTrigger", "PUT", _path(rf"{_FUNCTION}/triggers/(?P<trigger>[^/]+)")),
    ("DeleteTrigger", "DELETE", _path(rf"{_FUNCTION}/triggers/(?P<trigger>[^/]+)")),
    ("PutFunctionAsyncInvokeConfig", "PUT", _path(f"{_FUNCTION}/async-invoke-config")),
    ("GetFunctionAsyncInvokeConfig", "GET", _path(f"{_FUNCTION}/async-invoke-config")),
    ("DeleteFunctionAsyncInvokeConfig", "DELETE", _path(f"{_FUNCTION}/async-invoke-config")),
    ("PutFunctionOnDemandConfig", "PUT", _path(f"{_FUNCTION}/on-demand-config")),
    ("GetFunctionOnDemandConfig", "GET", _path(f"{_FUNCTION}/on-demand-config")),
)


class FunctionComputeV2:
    """The product FC, version 2016-08-15."""

    name = "fc2"

    def __init__(self, cloud: CloudContext, engine: FunctionCompute, objects: ObjectStore) -> None:
        self.engine = engine
        self._objects = objects
        self._cloud = cloud
        self._services: dict[str, dict[str, Any]] = {}
        self.zones = {f"{cloud.region}-{letter}" for letter in "fghijk"}
        """Zones in which functions may enter a VPC; which those are in a real region differs."""
        self._operations: dict[str, Callable[[Fc2Request], Response]] = {
            "CreateService": self._create_service,
            "ListServices": lambda _call: json_response(
                {"services": [*map(responses.service, self._services.values())]}
            ),
            "GetService": lambda call: json_response(responses.service(self._service(call))),
            "UpdateService": self._update_service,
            "DeleteService": self._delete_service,
            "ListVpcBindings": self._list_bindings,
            "CreateFunction": self._create_function,
            "ListFunctions": self._list_functions,
            "GetFunction": lambda call: json_response(responses.function(self._found(call))),
            "UpdateFunction": self._update_function,
            "DeleteFunction": self._delete_function,
            "GetFunctionCode": self._get_code,
            "InvokeFunction": self._invoke,
            "CreateTrigger": self._create_trigger,
            "ListTriggers": self._list_triggers,
            "GetTrigger": self._get_trigger,
            "UpdateTrigger": self._update_trigger,
            "DeleteTrigger": self._delete_trigger,
            "PutFunctionAsyncInvokeConfig": self._put_async_config,
            "GetFunctionAsyncInvokeConfig": self._get_async_config,
            "DeleteFunctionAsyncInvokeConfig": self._delete_async_config,
            "PutFunctionOnDemandConfig": self._put_on_demand,
            "GetFunctionOnDemandConfig": self._get_on_demand,
            "GetAccountSettings": lambda _call: json_response({"availableAZs": sorted(self.zones)}),
            "GetTempBucketToken": lambda _call: self._temporary_bucket(),
        }

    def _temporary_bucket(self) -> Response:
        """A place in FC's own bucket for one package of code, and credentials for it; both generations use it."""
        with self._cloud.lock:
            place = self._objects.temporary_place()
        key = place.credentials
        credentials = {
            "AccessKeyId": key.access_key_id,
            "AccessKeySecret": key.access_key_secret,
            "SecurityToken": key.security_token,
            "Expiration": utc(key.expires or 0.0),
        }
        return json_response(
            {
                "credentials": credentials,
                "ossRegion": self._cloud.region,
                "ossBucket": place.bucket,
                "objectName": place.name,
            }
        )

    def accepts(self, request: Request) -> bool:
        return request.path.startswith(f"/{VERSION}/")

    def authenticate(self, request: Request) -> Principal:
        return verify(request, self._cloud.accounts, time.time)

    def action_of(self, request: Request) -> str:
        found = _find(request)
        return found[0] if found else f"{request.method} {request.path}"

    def respond(self, request: Request) -> Response:
        found = _find(request)
        if found is None:
            raise exceptions.path_not_supported(request.method, request.path)
        action, call = found[0], Fc2Request(request, found[1])
        resource = f"acs:fc:{self._cloud.region}:{self._cloud.account_id}:{_resource(call)}"
        if not self._cloud.accounts.authorize(request.principal, f"fc:{action}", resource):
            raise exceptions.access_denied(f"the caller is not authorized to perform 'fc:{action}' on '{resource}'")
        response = self._operations[action](call)
        return Response(response.status, {"X-Fc-Request-Id": request.request_id, **response.headers}, response.body)

    def render_error(self, error: ApiError, request: Request) -> Response:
        body = {"ErrorCode": error.code, "ErrorMessage": error.message}
        return error_response(error.status, body, request)

    def reset(self) -> None:
        self._services.clear()

    # ── services ────────────────────────────────────────────────────────────────────────────────────────────
    def _create_service(self, call: Fc2Request) -> Response:
        body = responses.service_body(json_body(call.request))
        name = validation.check_name(body.get("serviceName"))
        if name in self._services:
            raise exceptions.service_exists(name)
        validation.check_types(body)
        now = utc(self._cloud.clock.now())
        identity = {"serviceId": self._cloud.ids.uuid("fc.service").lower(), "createdTime": now}
        self._services[name] = {"internetAccess": True, "role": "", **body, **identity, "lastModifiedTime": now}
        return json_response(responses.service(self._services[name]))

    def _update_service(self, call: Fc2Request) -> Response:
        service = self._service(call)
        body = responses.service_body(json_body(call.request))
        validation.check_types(body)
        service.update(body, lastModifiedTime=utc(self._cloud.clock.now()))
        for function in self.engine.functions(call.service):
            self.engine.update_function(function.name, _of_service(body))
        return json_response(responses.service(service))

    def _delete_service(self, call: Fc2Request) -> Response:
        self._service(call)
        if self.engine.functions(call.service):
            raise exceptions.service_not_empty(call.service)
        del self._services[call.service]
        return nothing()

    def _list_bindings(self, call: Fc2Request) -> Response:
        """The VPCs that alone may invoke the service's functions: none, since nobody can bind one here."""
        self._service(call)
        return json_response({"vpcIds": []})

    def _service(self, call: Fc2Request) -> dict[str, Any]:
        if call.service not in self._services:
            raise exceptions.service_not_found(call.service)
        return self._services[call.service]

    # ── functions ───────────────────────────────────────────────────────────────────────────────────────────
    def _create_function(self, call: Fc2Request) -> Response:
        service = self._service(call)
        body = {**_of_service(service), **_with_hooks(json_body(call.request))}
        return json_response(responses.function(self.engine.create_function(body, service=call.service)))

    def _list_functions(self, call: Fc2Request) -> Response:
        self._service(call)
        prefix = call.request.query.get("prefix", "")
        found = [each for each in self.engine.functions(call.service) if each.short_name.startswith(prefix)]
        return json_response({"functions": [responses.function(each) for each in found]})

    def _update_function(self, call: Fc2Request) -> Response:
        self._found(call)
        return json_response(
            responses.function(self.engine.update_function(call.function, _with_hooks(json_body(call.request))))
        )

    def _delete_function(self, call: Fc2Request) -> Response:
        self._service(call)
        self.engine.delete_function(call.function)
        return nothing()

    def _get_code(self, call: Fc2Request) -> Response:
        code = self._found(call).code
        url = f"data:application/zip;base64,{base64.b64encode(code.archive).decode()}"
        return json_response({"url": url, "checksum": code.checksum})

    def _invoke(self, call: Fc2Request) -> Response:
        function, request = self._found(call), call.request
        way = request.headers.get("x-fc-invocation-type", "Sync")
        if way not in ("Sync", "Async"):
            raise exceptions.invalid(f"x-fc-invocation-type '{way}' is neither Sync nor Async")
        if way == "Async":
            self.engine.submit(function.name, request.body, request_id=request.request_id)
            return Response(202)
        invocation = self.engine.invoke(function.name, request.body, request_id=request.request_id)
        return invocation_response(invocation, tail=request.headers.get("x-fc-log-type", "") == "Tail")

    def _found(self, call: Fc2Request) -> Function:
        self._service(call)
        return self.engine.function(call.function)

    # ── triggers and configurations ─────────────────────────────────────────────────────────────────────────
    def _create_trigger(self, call: Fc2Request) -> Response:
        self._found(call)
        body = _with_text(json_body(call.request))
        return json_response(responses.trigger(self.engine.create_trigger(call.function, body)))

    def _list_triggers(self, call: Fc2Request) -> Response:
        self._found(call)
        return json_response({"triggers": [responses.trigger(each) for each in self.engine.triggers(call.function)]})

    def _get_trigger(self, call: Fc2Request) -> Response:
        self._found(call)
        return json_response(responses.trigger(self.engine.trigger(call.function, call.names["trigger"])))

    def _update_trigger(self, call: Fc2Request) -> Response:
        self._found(call)
        body = _with_text(json_body(call.request))
        return json_response(responses.trigger(self.engine.update_trigger(call.function, call.names["trigger"], body)))

    def _delete_trigger(self, call: Fc2Request) -> Response:
        self._found(call)
        self.engine.delete_trigger(call.function, call.names["trigger"])
        return nothing()

    def _put_async_config(self, call: Fc2Request) -> Response:
        self._found(call)
        self.engine.put_async_config(call.function, json_body(call.request))
        return self._get_async_config(call)

    def _get_async_config(self, call: Fc2Request) -> Response:
        function = self._found(call)
        config = self.engine.queue.configs.get(function.name)
        if config is None:
            raise exceptions.async_config_not_found(function.short_name)
        return json_response(responses.async_config(config, function))

    def _delete_async_config(self, call: Fc2Request) -> Response:
        self.engine.queue.configs.pop(self._found(call).name, None)
        return nothing()

    def _put_on_demand(self, call: Fc2Request) -> Response:
        """FC 2.0's word for a reserved concurrency."""
        self._found(call)
        most = json_body(call.request).get("maximumInstanceCount")
        self.engine.put_concurrency(call.function, {"reservedConcurrency": most})
        return self._get_on_demand(call)

    def _get_on_demand(self, call: Fc2Request) -> Response:
        function = self._found(call)
        reserved = self.engine.dispatcher.reserved.get(function.name)
        if reserved is None:
            raise exceptions.concurrency_config_not_found(function.short_name)
        resource = f"services/{function.service}.LATEST/functions/{function.short_name}"
        return json_response({"resource": resource, "maximumInstanceCount": reserved})


def _resource(call: Fc2Request) -> str:
    service, function = call.names.get("service", "*"), call.names.get("function")
    return f"services/{service}" + (f"/functions/{function}" if function else "")


def _find(request: Request) -> tuple[str, dict[str, str]] | None:
    for action, method, path in _ROUTES:
        if method == request.method and (found := path.fullmatch(request.path)):
            return action, {name: unquote(value) for name, value in found.groupdict().items() if value}
    return None


def _of_service(service: Mapping[str, Any]) -> dict[str, Any]:
    return {field: service[field] for field in _SERVICE_FIELDS if service.get(field) is not None}


def _with_hooks(body: Mapping[str, Any]) -> dict[str, Any]:
    """FC 2.0 names the initializer by two fields of its own."""
    hooks = dict(body.get("instanceLifecycleConfig") or {})
    if body.get("initializer"):
        hooks["initializer"] = {"handler": body["initializer"], "timeout": body.get("initializationTimeout")}
    return {**body, "instanceLifecycleConfig": hooks} if hooks else dict(body)


def _with_text(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fc2 client sends triggerConfig as an object, everyone else as a string of JSON."""
    config = body.get("triggerConfig")
    return {**body, "triggerConfig": json.dumps(config)} if isinstance(config, dict) else dict(body)
