"""Checks one path as a rule asks for them, and says what is heard and when the path is lost.

The clock is monotonic and stands still while this process does: an instance with a tenth of a processor is stopped for
most of a busy tenth of a second, and a machine may be paused for longer. Answers lie unread meanwhile, so that time
is not silence. It shows in waits that take longer than they were to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from natkeeper.egress_check import Heard, OutcomeKind
from natkeeper.probe.loss import FUZZ_S, Lost, PathWatch

HEARTBEAT_S = 0.05
"""How often a watch looks at the clock while a check is unanswered."""
TOLERANCE_S = 0.01
"""How late a wait may end without any stall."""
SETTLE_S = 0.1
"""After a stall, for the threads of checks to tell what came meanwhile."""
MOST_STALLED_S = 3.0
"""How much of one loss may be put down to stalls: a probe that is starved for good must still report."""


class CheckRunner(Protocol):
    """Checks that may overlap; see egress_check.EgressChecks."""

    def begin(self, check: int, timeout_s: float) -> None: ...
    def wait(self, seconds: float) -> Heard | None: ...
    def reason(self, check: int) -> str: ...
    def waiting(self, check: int) -> tuple[str, ...]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Broken:
    """The probe has been unable to look for a while, for a reason of its own."""

    reason: str


@dataclass(slots=True)
class Watching:
    """Drives `checks` by the rule of `watch`.

    `ticks`: a monotonic clock in seconds. `until`: when no check begins any more, by that clock; `at_most`: the same
    while a check is unanswered.
    """

    watch: PathWatch
    checks: CheckRunner
    ticks: Callable[[], float]
    until: float = math.inf
    at_most: float = math.inf
    _reason: str = ""
    """Of the last check that could not be made."""
    _stalled: float = 0.0
    _credit: float = field(default=MOST_STALLED_S)

    def events(self) -> Iterator[Heard | Lost | Broken]:
        """Yield what is heard of checks, and a loss when there is one, until no check may begin any more."""
        watch = self.watch
        while True:
            now, end = self._now(), self.at_most if self.watch.unanswered else self.until
            lost = watch.verdict(now)
            if lost is not None:
                yield lost
            if watch.broken(now):
                yield Broken(self._reason)
            if self.ticks() >= end or (watch.due + self._stalled >= end and not watch.unanswered):
                return
            if now >= watch.due - FUZZ_S:
                self.checks.begin(watch.ask(now), watch.answer_s)
                continue
            wait = min(watch.wake(now), end - self._stalled) - now
            heard = self._wait(min(wait, HEARTBEAT_S) if watch.unanswered else wait)
            if heard is not None:
                self._hear(heard)
                yield heard

    def ago(self, moment: float) -> float:
        """Return for how many seconds of the monotonic clock something that began at `moment` has gone on."""
        return self._now() - moment

    def _hear(self, heard: Heard) -> None:
        self.watch.hear(heard.check, heard.kind, self._now())
        if heard.kind is OutcomeKind.ANSWERED:
            self._credit = MOST_STALLED_S
        elif heard.kind is OutcomeKind.BROKEN:
            self._reason = heard.told

    def _now(self) -> float:
        """Return the time by the clock that stands still in a stall."""
        return self.ticks() - self._stalled

    def _wait(self, seconds: float) -> Heard | None:
        """Wait for something to be heard, and take note if that takes longer than it can."""
        began, seconds = self.ticks(), max(0.0, seconds)
        heard = self.checks.wait(seconds)
        late = self.ticks() - began - seconds
        if late > TOLERANCE_S:
            given = min(late + SETTLE_S, self._credit)
            self._credit -= given
            self._stalled += given
        return heard
