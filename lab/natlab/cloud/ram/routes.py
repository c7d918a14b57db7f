"""Which operations do RAM and STS have here?  Looking at roles and policies, and asking who one is.

Parameters and answers from Alibaba's official clients (alibabacloud_ram20150501, alibabacloud_sts20150401).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.parameters import NEEDED, Values
from natlab.cloud.kernel.rpc import JsonObject, Operation, RpcCall, RpcService
from natlab.cloud.ram.identities import Identities, Identity

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

RAM_VERSION = "2015-05-01"
STS_VERSION = "2015-04-01"


class RamHandlers:
    """One method per operation."""

    def __init__(self, cloud: CloudContext, identities: Identities) -> None:
        self._cloud = cloud
        self._identities = identities

    def get_role(self, call: RpcCall) -> JsonObject:
        role = self._role(call)
        return {
            "Role": {
                "RoleId": str(300000000000000000 + len(role.name)),
                "RoleName": role.name,
                "Arn": self._identities.arn("role", role.name),
                "Description": "",
                "CreateDate": utc(role.created),
                "UpdateDate": utc(role.created),
                "MaxSessionDuration": 3600,
                "AssumeRolePolicyDocument": json.dumps(
                    {
                        "Version": "1",
                        "Statement": [
                            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(role.trusts)}}
                        ],
                    }
                ),
            }
        }

    def list_policies_for_role(self, call: RpcCall) -> JsonObject:
        role = self._role(call)
        return {
            "Policies": {
                "Policy": [
                    {
                        "PolicyName": name,
                        "PolicyType": "Custom",
                        "Description": "",
                        "DefaultVersion": "v1",
                        "AttachDate": utc(role.created),
                    }
                    for name in role.policies
                ]
            }
        }

    def get_policy(self, call: RpcCall) -> JsonObject:
        name = call.values.text("PolicyName")
        everybody = [*self._identities.roles.values(), *self._identities.users.values()]
        holder = next((one for one in everybody if name in one.policies), None)
        if holder is None or call.values.text("PolicyType") != "Custom":
            raise ApiError("EntityNotExist.Policy", "The policy does not exist.", 404)
        document = holder.policies[name]
        text = document if isinstance(document, str) else json.dumps(document)
        common = {"CreateDate": utc(holder.created), "IsDefaultVersion": True, "VersionId": "v1"}
        return {
            "Policy": {
                "PolicyName": name,
                "PolicyType": "Custom",
                "Description": "",
                "DefaultVersion": "v1",
                "AttachmentCount": 1,
                "CreateDate": utc(holder.created),
                "UpdateDate": utc(holder.created),
            },
            "DefaultPolicyVersion": {**common, "PolicyDocument": text},
        }

    def _role(self, call: RpcCall) -> Identity:
        role = self._identities.roles.get(call.values.text("RoleName").lower())
        if role is None:
            raise ApiError("EntityNotExist.Role", f"The role not exists: {call.values.text('RoleName')}.", 404)
        return role

    def caller(self, call: RpcCall) -> JsonObject:
        account, who = self._cloud.account_id, call.principal
        identity: JsonObject = {"AccountId": account, "UserId": account, "PrincipalId": account, "RoleId": ""}
        if who.role:
            name = who.role.rpartition("/")[2]
            arn, kind = f"acs:ram::{account}:assumed-role/{name}/natlab", "AssumedRoleUser"
        elif who.user:
            arn, kind = self._identities.arn("user", who.user), "RAMUser"
        else:
            arn, kind = f"acs:ram::{account}:root", "Account"
        return {**identity, "Arn": arn, "IdentityType": kind}


def _role_arn(around: RpcService, values: Values) -> list[str]:
    return [f"acs:ram::{around.account_id}:role/{values.text('RoleName').lower()}"]


def _policy_arn(around: RpcService, values: Values) -> list[str]:
    return [f"acs:ram::{around.account_id}:policy/{values.text('PolicyName')}"]


def ram_service(cloud: CloudContext, identities: Identities) -> RpcService:
    """RAM as the server sees it."""
    do = RamHandlers(cloud, identities)
    role = {"RoleName": NEEDED}
    operations = {
        "GetRole": Operation(do.get_role, role, on=_role_arn),
        "ListPoliciesForRole": Operation(do.list_policies_for_role, role, on=_role_arn),
        "GetPolicy": Operation(do.get_policy, {"PolicyName": NEEDED, "PolicyType": NEEDED}, on=_policy_arn),
    }
    return RpcService(cloud, "ram", "Ram", RAM_VERSION, operations, identities.reset)


def sts_service(cloud: CloudContext, identities: Identities) -> RpcService:
    """STS as the server sees it; every caller may learn its own identity."""
    do = RamHandlers(cloud, identities)
    operations = {"GetCallerIdentity": Operation(do.caller, on=lambda _around, _values: [])}
    return RpcService(cloud, "sts", "Sts", STS_VERSION, operations)
