"""Rules, targets and deliveries of the event bus."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from natlab.cloud.eventbridge.pattern import Pattern

FUNCTION = "acs.fc.function"
"""The type of a target that is a function."""


class Retry(enum.Enum):
    """PushRetryStrategy, in the words of PutTargets."""

    BACKOFF = "BACKOFF_RETRY"
    """Three retries, each 10 to 20 seconds after the last."""
    EXPONENTIAL = "EXPONENTIAL_DECAY_RETRY"
    """176 retries after 1, 2, 4, … 512, 512, … seconds: a day."""


@dataclass(frozen=True, slots=True)
class TargetParameter:
    """One row of ParamList: how one input of a target is made from an event."""

    resource_key: str
    form: str
    value: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where matching events go; `endpoint` is an ARN such as acs:fc:cn-hangzhou:1:functions/name."""

    target_id: str
    kind: str
    endpoint: str
    parameters: tuple[TargetParameter, ...] = ()
    retry: Retry = Retry.BACKOFF
    errors_tolerance: str = "ALL"
    dead_letter_queue: str = ""
    concurrency: int = 0

    def constant(self, key: str) -> str:
        """A CONSTANT parameter by its key in any case, "" when there is none."""
        for parameter in self.parameters:
            if parameter.form == "CONSTANT" and parameter.resource_key.lower() == key.lower():
                return parameter.value
        return ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A filter and its targets; `text` is the pattern as it was sent."""

    name: str
    bus: str
    text: str
    pattern: Pattern
    created: float
    targets: tuple[Target, ...]
    enabled: bool
    description: str


class Progress(enum.Enum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up after the last retry; a dead letter queue would have it now."""


@dataclass(slots=True)
class Delivery:
    """One event on its way to one target; times in seconds since the epoch."""

    event: Mapping[str, object]
    rule: str
    target: Target
    accepted: float
    progress: Progress = Progress.WAITING
    attempts: int = 0
    ended: float | None = None
    errors: list[str] = field(default_factory=list)
