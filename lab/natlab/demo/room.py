"""How busy is this machine, and has it room for another scenario?

A scenario is a dozen processes whose timing is its result, so a machine that is too busy spoils verdicts. How late this
process wakes from a short sleep says how busy it is now; the load average says how busy it was before.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import deque
from dataclasses import dataclass

_SLEEP_S, _BETWEEN_S = 0.01, 0.05
CROWDED_S = 0.03
"""Late by so much, half of the time, a machine has no room for more: scenarios measure in hundredths of a second."""
_JOBS_A_PROCESSOR = 3
"""Scenarios mostly wait for assumed latencies, so several fit on one processor."""
_MOST_PATIENCE = 5.0
_OWN_LOAD = 1.0
"""What a scenario that is being played adds to the load average: about ten processor seconds in ten seconds."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Processors of this process, and the load before it did anything."""

    processors: int
    load: float

    @property
    def jobs(self) -> int:
        """How many scenarios to play at a time: fewer where others use the machine."""
        return max(1, round(_JOBS_A_PROCESSOR * self.processors - self.load))

    @property
    def patience(self) -> float:
        """How much longer than usual to wait for what ought to happen."""
        return min(max(1.0, self.load / self.processors), _MOST_PATIENCE)

    @property
    def busy(self) -> bool:
        """Return True if others use more than the machine has."""
        return self.load > self.processors

    def __str__(self) -> str:
        return f"load {self.load:.1f} on {self.processors} processor{'s' * (self.processors > 1)}"


def machine(playing: int = 0) -> Capacity:
    """Measure this machine, without what the scenarios that are being played put on it."""
    return Capacity(len(os.sched_getaffinity(0)), max(os.getloadavg()[0] - playing * _OWN_LOAD, 0.0))


class Pulse:
    """Measures, in a thread, how late this process wakes up; use it within `with`."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=40)
        self._crowded, self._looks = 0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:  # noqa: PYI034  Python 3.10 has no Self, and nobody inherits
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(1.0)

    @property
    def crowded(self) -> bool:
        """Return True if there is no room for another scenario now."""
        late = list(self._late)
        return len(late) >= 10 and statistics.median(late) > CROWDED_S  # noqa: PLR2004  a third of a second

    @property
    def was_crowded(self) -> bool:
        """Return True if it was crowded for more than a tenth of the time."""
        return self._crowded * 10 > self._looks

    def note(self, late_s: float) -> None:
        """Take in one measurement."""
        self._late.append(late_s)
        self._looks += 1
        self._crowded += self.crowded

    def _measure(self) -> None:
        while not self._over.wait(_BETWEEN_S):
            began = time.monotonic()
            time.sleep(_SLEEP_S)
            self.note(time.monotonic() - began - _SLEEP_S)
