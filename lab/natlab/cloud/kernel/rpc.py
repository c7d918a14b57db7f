"""How does an RPC product (ECS, VPC, OOS, ActionTrail) declare its operations and answer them?

A product is a table of operations, each with its parameters and a handler.  The wire is undone here: the
action and version come from headers (new style) or parameters (old style), values are checked and typed by
the table, and what the handler returns becomes the JSON answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.parameters import COMMON_PARAMETERS, Parameter, Values, read
from natlab.cloud.kernel.ram import PolicyVerdict
from natlab.cloud.kernel.wire import RendersErrors, Request, Response, Service, action_and_version, raw_parameters

JsonObject = dict[str, object]
JSON_TYPE = "application/json;charset=utf-8"


@dataclass(frozen=True)
class RpcCall:
    """One call as a handler sees it.

    `as_of` is None, or the moment (seconds since the epoch) from which a stale read shall be answered.
    """

    action: str
    values: Values
    principal: Principal
    request_id: str
    as_of: float | None = None


Handler = Callable[[RpcCall], JsonObject]


@dataclass(frozen=True)
class Operation:
    """One API of a product; `writes` ones are audited and are never answered from the past.

    `on` names the ARNs of the resources that RAM asks about; without it, it is everything of the product.
    `foreign_region` is the status with which another region is refused.
    """

    handler: Handler
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    writes: bool = False
    on: Callable[[RpcService, Values], Sequence[str]] | None = None
    foreign_region: int = 404


class RpcService:
    """A product with one version; subclasses hand in the table of operations."""

    def __init__(
        self,
        cloud: CloudContext,
        name: str,
        product: str,
        version: str,
        operations: Mapping[str, Operation],
        reset: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.product = product
        self.version = version
        self.operations = dict(operations)
        self._surroundings = cloud
        self._reset = reset
        self.context_of: Callable[[str], Mapping[str, str]] = lambda _arn: {}
        """What RAM's conditions may ask about a resource, such as its tags; a product puts in its own."""

    def reset(self) -> None:
        """Forget every resource of the product."""
        if self._reset is not None:
            self._reset()

    def accepts(self, request: Request) -> bool:
        return action_and_version(request)[1] == self.version

    def action_of(self, request: Request) -> str:
        return action_and_version(request)[0]

    def is_write(self, action: str) -> bool:
        operation = self.operations.get(action)
        return operation is not None and operation.writes

    def respond(self, request: Request) -> Response:
        action = self.action_of(request)
        operation = self.operations.get(action)
        if operation is None:
            raise ApiError(
                "InvalidAction.NotFound", "Specified api is not found, please check your url and method.", 404
            )
        raw = {
            name: value
            for name, value in raw_parameters(request).items()
            if name not in COMMON_PARAMETERS and name != "Action"
        }
        region = raw.get("RegionId", "")
        if "RegionId" not in operation.parameters:
            raw.pop("RegionId", None)  # older clients send it with every action
        values = read(raw, operation.parameters)
        if region and region != self._surroundings.region:
            message = "The specified RegionId does not exist."
            raise ApiError("InvalidRegionId.NotFound", message, operation.foreign_region)
        self._authorize(request.principal, action, operation, values)
        with self._surroundings.lock:
            self._surroundings.rates.count(self.name, action)
            call = RpcCall(action, values, request.principal, request.request_id, self._as_of(action, operation))
            answer = operation.handler(call)
        body = json.dumps({"RequestId": request.request_id, **answer}).encode()
        return Response(200, {"content-type": JSON_TYPE}, body)

    @property
    def account_id(self) -> str:
        return self._surroundings.account_id

    def arn(self, resource: str, product: str = "") -> str:
        """acs:PRODUCT:REGION:ACCOUNT:RESOURCE."""
        around = self._surroundings
        return f"acs:{product or self.name}:{around.region}:{around.account_id}:{resource}"

    def _authorize(self, principal: Principal, action: str, operation: Operation, values: Values) -> None:
        """Ask RAM about every resource of the call."""
        with self._surroundings.lock:
            resources = [self.arn("*")] if operation.on is None else operation.on(self, values)
        for resource in resources:
            around = self.context_of(resource)
            refused = self._surroundings.accounts.refusal(principal, f"{self.name}:{action}", resource, around)
            if refused is not None:
                raise not_authorized(principal, f"{self.name}:{action}", refused)

    def _as_of(self, action: str, operation: Operation) -> float | None:
        if operation.writes:
            return None
        staleness = self._surroundings.faults.staleness(self.name, action)
        return None if staleness is None else self._surroundings.clock.now() - staleness


def not_authorized(principal: Principal, action: str, refused: PolicyVerdict) -> ApiError:
    """What RAM's refusal looks like."""
    role = (principal.role or "").rpartition("/")[2]
    detail = {
        "AuthAction": action,
        "AuthPrincipalDisplayName": f"{role}:natlab" if role else principal.user,
        "AuthPrincipalOwnerId": principal.account_id,
        "AuthPrincipalType": "AssumedRoleUser" if role else "SubUser",
        "NoPermissionType": refused.value,
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    message = "User not authorized to operate on the specified resource, or this API doesn't support RAM."
    return ApiError("Forbidden.RAM", message, 403, {"AccessDeniedDetail": detail})


def rpc_error(error: ApiError, request_id: str, product: str, region: str) -> Response:
    """An error body as every RPC product writes it."""
    body = {
        "RequestId": request_id,
        "HostId": f"{product.lower()}.{region}.aliyuncs.com",
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={quote(error.code)}&product={quote(product)}",
        **error.more,
    }
    return Response(error.status, {"content-type": JSON_TYPE}, json.dumps(body).encode())


def rendered(error: ApiError, service: Service | None, request: Request, region: str) -> Response:
    """A refusal as this product writes it on the wire."""
    if service is not None and isinstance(service, RendersErrors):
        return service.render_error(error, request)
    product = service.product if isinstance(service, RpcService) else "Unknown"
    return rpc_error(error, request.request_id, product, region)
