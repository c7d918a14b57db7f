"""When is a call tried again, and when is that enough? One place, one deadline.

Everything natkeeper sends is safe to send twice: reads, writes that name the wanted state, and requests with a
ClientToken. So what did not answer, was throttled or was busy is tried again, with growing pauses of random
length, for some seconds and never past the deadline. What is busy gets a few quick tries, or one where the run itself
waits by reading (ports.Call says which); what gives way to another task is tried until that is over.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from natkeeper.alibaba.errors import ANOTHER_TASK
from natkeeper.ports import Call, Clock, Failure, FailureKind

T = TypeVar("T")

_SHORTEST_PAUSE_S = 0.05
"""After a try that took as long as the pause that was due."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to pause and how often to try; seconds. The shortest pause is half of the one that is due."""

    first_pause_s: float = 0.2
    longest_pause_s: float = 0.8
    """The end of an outage is noticed within this, and the time of one try."""
    in_all_s: float = 25.0
    """For one call, whatever its own patience is (ports.py)."""
    busy_pause_s: float = 0.3


@dataclass(frozen=True)
class Persistence:
    """Tries calls again. `sleeper` takes seconds; `chance` gives the length of pauses."""

    clock: Clock
    sleeper: Callable[[float], None]
    classify: Callable[[Exception], Failure]
    chance: random.Random = field(default_factory=random.Random)  # noqa: S311  spreads retries
    patience: Patience = Patience()

    def perform(
        self,
        attempt: Callable[[Callable[[], float]], T],
        deadline: datetime,
        tries: int = Call.tries,
        busy_tries: int = Call.busy_tries,
    ) -> T | Failure:
        """Call `attempt` until it succeeds, cannot succeed, was tried `tries` times, or `deadline` has come.

        It is given a function that tells how many seconds are left. `busy_tries`: see ports.Call.
        """
        deadline = min(deadline, self.clock() + timedelta(seconds=self.patience.in_all_s))
        failure = Failure(FailureKind.UNREACHABLE, "there was no time left to ask")
        tried = 0
        while self._left(deadline) > 0:
            began = self.clock()
            try:
                return attempt(lambda: self._left(deadline))
            except Exception as error:  # noqa: BLE001  every error of a call becomes a Failure, as the port promises
                failure = self.classify(error)
                told = getattr(error, "retry_after", None)
            tried += 1
            pause = self._pause(failure, tried, busy_tries, told)
            if pause is not None and failure.kind is FailureKind.UNREACHABLE:
                # A try that waited in vain was a pause already: after it, the API may be back at any moment.
                pause = max(_SHORTEST_PAUSE_S, pause - (self.clock() - began).total_seconds())
            if tried >= tries or pause is None or pause >= self._left(deadline):
                break
            self.sleeper(pause)
        return failure

    def _left(self, deadline: datetime) -> float:
        return (deadline - self.clock()).total_seconds()

    def _pause(self, failure: Failure, tries: int, busy_tries: int, told_ms: object) -> float | None:
        """Seconds until the next try, None when there shall be none; `told_ms` is what a throttled answer asked for."""
        patience = self.patience
        if failure.kind is FailureKind.BUSY:
            again = tries < busy_tries or (failure.code in ANOTHER_TASK and busy_tries > 1)
            due = patience.busy_pause_s if again else None
        elif failure.kind in (FailureKind.UNREACHABLE, FailureKind.THROTTLED):
            due = min(patience.first_pause_s * 2 ** (tries - 1), patience.longest_pause_s)
        else:
            due = None
        if due is None:
            return None
        if isinstance(told_ms, int) and told_ms > 0:
            return told_ms / 1000 + due * self.chance.uniform(0, 0.5)
        return due * self.chance.uniform(0.5, 1.0)
