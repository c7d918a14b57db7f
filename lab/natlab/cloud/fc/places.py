"""What functions name of other products: code in OSS, a log store, a role, vSwitches. Is it there?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from natlab.cloud.fc.models import Function


@dataclass(frozen=True, slots=True)
class Places:
    """What other products know.

    An object by bucket and key; what is wrong with a project and log store; the VPC of a vSwitch, empty where there is
    no such vSwitch, and that of a security group alike; whether there is a role of a name.
    """

    fetch: Callable[[str, str], bytes | None]
    log_problem: Callable[[str, str], str]
    vpc_of: Callable[[str], str]
    group_of: Callable[[str], str]
    has_role: Callable[[str], bool]

    def missing(self, function: Function) -> str:
        """Say which role, vSwitch or security group of a function does not exist; empty where all do."""
        role = function.role.rpartition("/")[2]
        if role and not self.has_role(role):
            return f"role '{function.role}' does not exist"
        if function.vpc is None:
            return ""
        named = [(f"vSwitch '{one}'", self.vpc_of(one)) for one in function.vpc.vswitch_ids]
        group = function.vpc.security_group_id
        for what, vpc in [*named, (f"security group '{group}'", self.group_of(group))]:
            if vpc != function.vpc.vpc_id:
                return f"{what} does not exist in VPC '{function.vpc.vpc_id}'"
        return ""
