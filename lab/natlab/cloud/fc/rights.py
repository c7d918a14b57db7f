"""May a function write its log and enter its VPC?  Both happen with the rights of the function's own role.

A function without a role uses Function Compute's service-linked role. Actions as the system policies
AliyunFCDefaultRolePolicy and AliyunECSNetworkInterfaceManagementAccess have them; whether rights that are missing stop
the deployment or only the log and the start of instances is unconfirmed: reading `role-rights`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from natlab.cloud.fc.models import Function
from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.context import CloudContext

SERVICE: Final = "fc.aliyuncs.com"
"""Who takes a function's role on; the role must trust it."""
LINKED_ROLE: Final = "aliyunserviceroleforfc"
_WRITE_LOG: Final = "log:PostLogStoreLogs"
ENTER_VPC: Final = (
    "vpc:DescribeVSwitchAttributes",
    "vpc:DescribeVpcAttribute",
    "ecs:CreateNetworkInterface",
    "ecs:DeleteNetworkInterface",
    "ecs:DescribeNetworkInterfaces",
    "ecs:CreateNetworkInterfacePermission",
    "ecs:DescribeNetworkInterfacePermissions",
    "ecs:DeleteNetworkInterfacePermission",
    "ecs:DescribeSecurityGroups",
)


class Rights:
    """What the roles of functions allow, asked of RAM each time."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud

    def missing_for_log(self, function: Function) -> str:
        """The action that the function's role lacks to write its log; empty where it may, or has no log."""
        config = function.declared.get("logConfig")
        project, store = (config.get("project"), config.get("logstore")) if isinstance(config, dict) else ("", "")
        if not project:
            return ""
        return next(self._lacking(function, (_WRITE_LOG,), f"project/{project}/logstore/{store}"), "")

    def missing_for_vpc(self, function: Function) -> str:
        """The action that the function's role lacks to enter its VPC; empty where it may, or is in none."""
        return next(self._lacking(function, ENTER_VPC, "*"), "") if function.vpc else ""

    def _lacking(self, function: Function, actions: tuple[str, ...], resource: str) -> Iterator[str]:
        cloud = self._cloud
        role = function.role or f"acs:ram::{cloud.account_id}:role/{LINKED_ROLE}"
        principal = Principal(cloud.account_id, "", role, taken_on_by=SERVICE)
        for action in actions:
            product = action.partition(":")[0]
            arn = f"acs:{product}:{cloud.region}:{cloud.account_id}:{resource}"
            if not cloud.accounts.authorize(principal, action, arn):
                yield action
