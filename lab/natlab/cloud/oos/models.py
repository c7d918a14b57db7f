"""What does OOS remember?  Frozen records of templates, executions, their tasks and logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.oos.template import OosTemplate

OVER = frozenset({"Success", "Failed", "Cancelled", "Skipped"})


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """A template by name with all its versions, oldest first; moments in seconds since the epoch."""

    id: str
    name: str
    contents: tuple[str, ...]
    version_names: tuple[str, ...]
    template: OosTemplate
    """The newest version, read."""
    created_by: str
    created: float
    updated_by: str
    updated: float
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return f"v{len(self.contents)}"

    @property
    def content(self) -> str:
        return self.contents[-1]


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a template; moments in seconds since the epoch, 0 for not yet."""

    id: str
    template: OosTemplate
    template_id: str
    template_name: str
    template_version: str
    parameters: Mapping[str, object]
    """Every parameter; those not among `given` have the template's defaults, expressions and all."""
    given: frozenset[str]
    principal: Principal
    ram_role: str
    safety_check: str
    description: str
    tags: Mapping[str, str]
    created: float
    status: str = "Started"
    message: str = ""
    outputs: Mapping[str, object] = field(default_factory=dict)
    started: float = 0.0
    updated: float = 0.0
    ended: float = 0.0

    @property
    def over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class TaskExecution:
    """One task of an execution, or one run of a looping task, then with its `parent` and `item`."""

    id: str
    execution_id: str
    name: str
    action: str
    created: float
    parent: str = ""
    item: str = ""
    batch: int = 0
    status: str = "Running"
    message: str = ""
    properties: Mapping[str, object] = field(default_factory=dict)
    outputs: Mapping[str, object] = field(default_factory=dict)
    loop: Mapping[str, object] | None = None
    updated: float = 0.0
    ended: float = 0.0

    @property
    def over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of an execution's log."""

    at: float
    task_execution_id: str
    message: str
