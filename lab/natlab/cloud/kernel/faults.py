"""How can the cloud misbehave?  Faults that a test or a scenario asks for, on API calls and on events.

Faults on calls are consulted for every request before it reaches its product, faults on events for every
event before it reaches the bus.  All chance comes from the one random.Random handed in.
"""

from __future__ import annotations

import enum
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase


class FaultKind(enum.Enum):
    """What happens to a call."""

    THROTTLE = "throttle"
    """Refused with Throttling.User (or `code`), not executed."""
    SERVER_ERROR = "server_error"
    """Answered with HTTP 503 ServiceUnavailable (or `code`, `status`), not executed."""
    ERROR_CODE = "error_code"
    """Refused with `code`, not executed: TaskConflict n times, Forbidden.RAM, …"""
    TIMEOUT = "timeout"
    """Swallowed, no answer for `seconds`: lost on the way there, or, with `executed`, on the way back."""
    UNREACHABLE = "unreachable"
    """Connection refused at once, not executed."""
    SLOW = "slow"
    """Executed, answered `seconds` later (over HTTP; in process nothing waits)."""
    STALE_READ = "stale_read"
    """A Describe… is answered from what was true `seconds` ago."""


class EventKind(enum.Enum):
    """What happens to an event between its product and the bus."""

    LOSE = "lose"
    LATE = "late"
    """Arrives `seconds` later than it would."""
    DUPLICATE = "duplicate"
    """Arrives twice, the second time `seconds` later."""
    REORDER = "reorder"
    """Held back until the next event has passed, or for `seconds` if none comes."""


@dataclass
class CallFault:
    """What to do to calls.  `product` and `action` are shell patterns, several separated by `|`.

    `count` is how many calls it strikes (None: until cleared), `probability` how likely it strikes a call.
    """

    kind: FaultKind
    product: str = "*"
    action: str = "*"
    count: int | None = None
    probability: float = 1.0
    code: str = ""
    message: str = ""
    status: int = 0
    seconds: float = 10.0
    executed: bool = False


@dataclass
class EventFault:
    """What to do to events; `type` is a shell pattern on the CloudEvents type, several separated by `|`."""

    kind: EventKind
    type: str = "*"
    count: int | None = None
    probability: float = 1.0
    seconds: float = 30.0


def _matches(patterns: str, text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns.split("|"))


class Faults:
    """The faults in force.  The first one that matches and strikes is taken."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._calls: list[CallFault] = []
        self._events: list[EventFault] = []
        self._lock = threading.Lock()

    def add(self, fault: CallFault | EventFault) -> None:
        """Put a fault in force, after those already there."""
        if isinstance(fault, CallFault):
            self._calls.append(fault)
        else:
            self._events.append(fault)

    def remove(self, fault: CallFault | EventFault) -> None:
        """End one fault; nothing happens when it is not in force any more."""
        if isinstance(fault, CallFault):
            self._calls = [other for other in self._calls if other is not fault]
        else:
            self._events = [other for other in self._events if other is not fault]

    def clear(self) -> None:
        """End all faults."""
        self._calls.clear()
        self._events.clear()

    def strike(self, product: str, action: str) -> CallFault | None:
        """The fault that happens to this call, if any; stale reads are asked for separately."""
        for fault in list(self._calls):
            if fault.kind is not FaultKind.STALE_READ and self._on_call(fault, product, action):
                return fault
        return None

    def staleness(self, product: str, action: str) -> float | None:
        """How many seconds old this read's answer shall be, or None for a true answer."""
        for fault in list(self._calls):
            if fault.kind is FaultKind.STALE_READ and self._on_call(fault, product, action):
                return fault.seconds
        return None

    def on_event(self, event: Mapping[str, object]) -> EventFault | None:
        """The fault that happens to this event, if any."""
        for fault in list(self._events):
            if _matches(fault.type, str(event.get("type", ""))) and self._strikes(fault):
                return fault
        return None

    def _on_call(self, fault: CallFault, product: str, action: str) -> bool:
        return _matches(fault.product, product) and _matches(fault.action, action) and self._strikes(fault)

    def _strikes(self, fault: CallFault | EventFault) -> bool:
        with self._lock:
            if fault.count == 0:
                return False
            if fault.probability < 1.0 and self._chance.random() >= fault.probability:
                return False
            if fault.count is not None:
                fault.count -= 1
            return True
