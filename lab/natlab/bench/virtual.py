"""A path to the internet on a clock that only waits move, for the probe's own code to look at."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from natkeeper.egress_check import NO_ANSWER, Heard, OutcomeKind

Answer = tuple[float, OutcomeKind]
"""After how many seconds something is heard of a check, and what."""
ADDRESS = "192.0.2.1"


@dataclass
class VirtualPath:
    """Checks as the probe makes them (see natkeeper.probe.watch.CheckRunner).

    `answer` says what becomes of a check that begins at a time and may take so many seconds; SILENT is never heard.
    `pauses` are times at which the probe's process stops for some seconds: its waits end late by so much.
    """

    answer: Callable[[float, float], Answer]
    now: float = 0.0
    pauses: list[tuple[float, float]] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    _due: list[tuple[float, int, OutcomeKind]] = field(default_factory=list)

    def ticks(self) -> float:
        """Return the time."""
        return self.now

    def begin(self, check: int, timeout_s: float) -> None:
        """Begin a check."""
        self.began.append(self.now)
        after, kind = self.answer(self.now, timeout_s)
        if kind is not OutcomeKind.SILENT and after <= timeout_s:
            heapq.heappush(self._due, (self.now + after, check, kind))

    def wait(self, seconds: float) -> Heard | None:
        """Move the clock to what is heard next, or by `seconds`."""
        until = self.now + max(0.0, seconds)
        heard = self._due[0][0] <= until if self._due else False
        self.now = max(self.now, self._due[0][0]) if heard else until
        while self.pauses and self.pauses[0][0] <= self.now:
            self.now += self.pauses.pop(0)[1]
        if not heard:
            return None
        _, check, kind = heapq.heappop(self._due)
        return Heard(check, kind, ADDRESS if kind is OutcomeKind.ANSWERED else kind.value)

    def reason(self, check: int) -> str:
        """Say why a check was not answered."""
        return NO_ANSWER

    def waiting(self, check: int) -> tuple[str, ...]:
        """List targets of which nothing was heard: the path is one target."""
        return ()

    def close(self) -> None:
        """End all checks."""
        self._due.clear()
