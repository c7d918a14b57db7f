"""Functions, triggers and invocations, as the local Function Compute keeps them.

Names of FC 2.0 functions are `service$function`: both generations live in one engine, and `$` is not
allowed in a name of either, so they can never meet.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from natlab.cloud.fc.cron import Schedule


@dataclass(frozen=True, slots=True)
class Code:
    """A code package; `checksum` is its CRC-64 (ECMA-182) in decimal, as FC reports it."""

    archive: bytes
    checksum: str


@dataclass(frozen=True, slots=True)
class Hook:
    """An initializer or a pre-stop hook."""

    handler: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class VpcConfig:
    """The VPC side of a function; its instances sit in the first vSwitch."""

    vpc_id: str
    vswitch_ids: tuple[str, ...]
    security_group_id: str


@dataclass(frozen=True, slots=True)
class Function:
    """One function as configured; `declared` holds what is only reported back."""

    name: str
    runtime: str
    handler: str
    code: Code
    memory_mb: int = 512
    timeout_s: int = 3
    environment: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    vpc: VpcConfig | None = None
    internet_access: bool = True
    initializer: Hook | None = None
    pre_stop: Hook | None = None
    function_id: str = ""
    created: float = 0.0
    modified: float = 0.0
    declared: Mapping[str, object] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """The FC 2.0 service, empty for FC 3.0."""
        return self.name.rpartition("$")[0]

    @property
    def short_name(self) -> str:
        return self.name.rpartition("$")[2]


@dataclass(frozen=True, slots=True)
class TimerConfig:
    cron_expression: str
    schedule: Schedule
    payload: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class EventBridgeConfig:
    """A rule on the default bus and the way it calls the function."""

    pattern: str
    asynchronous: bool = False
    enabled: bool = True
    only_data: bool = False
    """eventSchema RawData: the function gets `data` without the envelope."""
    retry_strategy: str = "BACKOFF_RETRY"
    errors_tolerance: str = "ALL"


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Accepted and reported back; the local cloud gives it no address."""

    auth_type: str = "anonymous"
    methods: tuple[str, ...] = ()


TriggerConfig: TypeAlias = TimerConfig | EventBridgeConfig | HttpConfig


@dataclass(frozen=True, slots=True)
class Trigger:
    """What wakes a function; `text` is the triggerConfig as it was sent."""

    name: str
    kind: str
    text: str
    config: TriggerConfig
    trigger_id: str
    created: float
    modified: float
    description: str = ""
    qualifier: str = "LATEST"
    source_arn: str = ""
    invocation_role: str = ""


@dataclass(frozen=True, slots=True)
class AsyncConfig:
    """How asynchronous requests are retried and who hears of the end (FC defaults)."""

    max_retries: int = 3
    max_age_s: float = 86400.0
    on_success: str = ""
    on_failure: str = ""
    task: bool = False
    created: float = 0.0
    modified: float = 0.0


class InvocationStatus(enum.Enum):
    """Where an invocation is; the words are those of FC's asynchronous tasks."""

    ENQUEUED = "Enqueued"
    RUNNING = "Running"
    RETRYING = "Retrying"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    STOPPED = "Stopped"


@dataclass(slots=True)
class Invocation:
    """One request to a function and everything that can be seen of it; times in seconds since the epoch."""

    request_id: str
    function: str
    payload: bytes
    source: str
    """api, timer:NAME, event:RULE, destination:FUNCTION"""
    asynchronous: bool
    received: float
    status: InvocationStatus = InvocationStatus.ENQUEUED
    started: float | None = None
    finished: float | None = None
    attempts: int = 0
    throttled: int = 0
    cold: bool = False
    cold_start_s: float = 0.0
    duration_s: float = 0.0
    memory_mb: float = 0.0
    instance_id: str = ""
    result: bytes = b""
    error_type: str = ""
    log: bytes = b""

    @property
    def ended(self) -> bool:
        return self.finished is not None

    @property
    def ok(self) -> bool:
        return self.status is InvocationStatus.SUCCEEDED
