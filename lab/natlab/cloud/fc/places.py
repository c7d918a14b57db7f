"""What functions name of other products: code in OSS, a log store, a role, vSwitches. Is it there?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from natlab.cloud.fc.models import Function


@dataclass(frozen=True, slots=True)
class Places:
    """What other products know.

    An object by bucket and key; what is wrong with a project and log store; the VPC of a vSwitch, empty where there is
    no such vSwitch; whether there is a role of a name.
    """

    fetch: Callable[[str, str], bytes | None]
    log_problem: Callable[[str, str], str]
    vpc_of: Callable[[str], str]
    has_role: Callable[[str], bool]

    def missing(self, function: Function) -> str:
        """Say which role or vSwitch of a function does not exist; empty where all do."""
        role = function.role.rpartition("/")[2]
        if role and not self.has_role(role):
            return f"role '{function.role}' does not exist"
        for vswitch in function.vpc.vswitch_ids if function.vpc else ():
            if function.vpc and self.vpc_of(vswitch) != function.vpc.vpc_id:
                return f"vSwitch '{vswitch}' does not exist in VPC '{function.vpc.vpc_id}'"
        return ""
