"""Which actions may a task use, with which properties, and what do they need and give?

The small set that the local cloud performs.  Anything else in OOS's catalogue is refused when the template
is read, with a sentence that says so, never accepted and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its properties with defaults, the outputs it declares, the RAM actions it performs."""

    name: str
    required: frozenset[str]
    defaults: Mapping[str, object] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    permissions: tuple[str, ...] = ()
    can_loop: bool = True

    @property
    def properties(self) -> frozenset[str]:
        return self.required | frozenset(self.defaults)


RUN_COMMAND = Action(
    # Properties and `invocationOutput`: aliyun/oos-templates,
    # CloudProductActions/ECS/YAML/ACS::ECS::RunCommand.yml, and the later properties as the public template
    # ACS-ECS-BulkyRunCommand passes them.  Permissions: the policy printed in the documentation of
    # ACS-ECS-ScheduleToRunCommand.
    "ACS::ECS::RunCommand",
    required=frozenset({"commandContent", "instanceId"}),
    defaults={
        "regionId": "{{ ACS::RegionId }}",
        "commandType": "RunShellScript",
        "workingDir": "",
        "timeout": 600,
        "enableParameter": False,
        "parameters": {},
        "username": "",
        "windowsPasswordName": "",
        "resourceGroupId": "",
    },
    outputs=frozenset({"invocationOutput"}),
    permissions=(
        "ecs:DescribeInstances",
        "ecs:DescribeInvocationResults",
        "ecs:DescribeInvocations",
        "ecs:RunCommand",
    ),
)
EXECUTE_API = Action(
    "ACS::ExecuteAPI", required=frozenset({"Service", "API"}), defaults={"Parameters": {}, "RiskLevel": ""}
)
WAIT_FOR = Action(
    "ACS::WaitFor",
    required=frozenset({"Service", "API", "PropertySelector", "DesiredValues"}),
    defaults={"Parameters": {}, "StopRetryValues": []},
)
CHECK_FOR = Action(
    "ACS::CheckFor",
    required=frozenset({"Service", "API", "PropertySelector", "DesiredValues"}),
    defaults={"Parameters": {}},
)
SLEEP = Action("ACS::Sleep", required=frozenset({"Duration"}), can_loop=False)

_ALL = {action.name.lower(): action for action in (RUN_COMMAND, EXECUTE_API, WAIT_FOR, CHECK_FOR, SLEEP)}

_DURATION = re.compile(r"P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?")


def find(name: str) -> Action | None:
    """The action of that name; Alibaba's own templates write both ExecuteAPI and ExecuteApi: case is free."""
    return _ALL.get(name.lower())


def names() -> list[str]:
    """The names of all actions, for messages."""
    return sorted(action.name for action in _ALL.values())


def permissions(action: Action, properties: Mapping[str, object]) -> tuple[str, ...]:
    """RAM actions such as `ecs:RunCommand` that a task with this action performs."""
    if "API" in action.required:
        return (f"{str(properties.get('Service', '')).lower()}:{properties.get('API', '')}",)
    return action.permissions


def reads_only(action: Action, properties: Mapping[str, object]) -> bool:
    """Return True if a task changes nothing.  What OOS calls high-risk is unpublished: assumed all the others."""
    if "API" in action.required:
        return str(properties.get("API", "")).startswith(("Describe", "List", "Get", "Query", "Check"))
    return action is SLEEP


def duration_s(text: str) -> float:
    """Seconds of an ISO 8601 duration such as PT5M, as ACS::Sleep takes it; ValueError for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is not a duration such as PT5M")
    days, hours, minutes, seconds = (int(found[part] or 0) for part in "dhms")
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
