"""Resource Management (2020-03-31): service-linked roles, which a deployment looks for and creates.

Parameters and answers from Alibaba's API reference: CheckServiceLinkedRoleExistence, CreateServiceLinkedRole. RAM knows
both actions as `ram:…`, with the condition key `ram:ServiceName` for the second.
"""

from __future__ import annotations

from collections.abc import Mapping

from natlab.cloud.fc.rights import ENTER_VPC
from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.parameters import NEEDED, TEXT
from natlab.cloud.kernel.rpc import JsonObject, Operation, RpcCall, RpcService, not_authorized
from natlab.cloud.ram.identities import Document, Identities

VERSION = "2020-03-31"
SERVICES: Mapping[str, str] = {
    "fc.aliyuncs.com": "AliyunServiceRoleForFC",
    "sendevent-fc.eventbridge.aliyuncs.com": "AliyunServiceRoleForEventBridgeSendToFC",
    "source-cms.eventbridge.aliyuncs.com": "AliyunServiceRoleForEventBridgeSourceCMS",
    "source-actiontrail.eventbridge.aliyuncs.com": "AliyunServiceRoleForEventBridgeSourceActionTrail",
}
"""Services that can have a linked role here, and its name."""
_POLICIES: Mapping[str, tuple[str, ...]] = {"fc.aliyuncs.com": ("log:PostLogStoreLogs", *ENTER_VPC)}


class ServiceLinkedRoles(RpcService):
    """The product."""

    def __init__(self, cloud: CloudContext, identities: Identities) -> None:
        named = {"ServiceName": NEEDED}
        operations = {
            "CheckServiceLinkedRoleExistence": Operation(self._check, named, on=lambda _around, _values: []),
            "CreateServiceLinkedRole": Operation(
                self._create,
                {**named, "CustomSuffix": TEXT, "Description": TEXT},
                writes=True,
                on=lambda _around, _values: [],
            ),
        }
        super().__init__(cloud, "resourcemanager", "ResourceManager", VERSION, operations)
        self._cloud = cloud
        self._identities = identities

    def _check(self, call: RpcCall) -> JsonObject:
        self._may(call, {})
        return {"Exists": self._role_name(call).lower() in self._identities.roles}

    def _create(self, call: RpcCall) -> JsonObject:
        service, name = call.values.text("ServiceName"), self._role_name(call)
        self._may(call, {"ram:ServiceName": service})
        if name.lower() in self._identities.roles:
            raise ApiError("EntityAlreadyExists.Role", f"The role already exists: {name}.", 409)
        self._identities.create_role(name, service, _policies(service))
        arn, now = self._identities.arn("role", name.lower()), utc(self._cloud.clock.now())
        return {"Role": {"RoleName": name, "Arn": arn, "CreateDate": now, "IsServiceLinkedRole": True}}

    def _role_name(self, call: RpcCall) -> str:
        service = call.values.text("ServiceName")
        if service not in SERVICES:
            raise ApiError("NotSupported.ServiceName", f"The service is not supported: {service}.", 400)
        return SERVICES[service]

    def _may(self, call: RpcCall, context: Mapping[str, str]) -> None:
        action = f"ram:{call.action}"
        resource = f"acs:ram:*:{self._cloud.account_id}:role/*"
        refused = self._cloud.accounts.refusal(call.principal, action, resource, context)
        if refused is not None:
            raise not_authorized(call.principal, action, refused)


def _policies(service: str) -> dict[str, Document]:
    actions = _POLICIES.get(service)
    if actions is None:
        return {}
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return {f"{SERVICES[service]}Policy": {"Version": "1", "Statement": [statement]}}
