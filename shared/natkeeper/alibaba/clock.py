"""The clock that a driver of runs measures with."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from natkeeper.ports import Clock


class SteadyClock:
    """The wall clock as it was at `start`, carried on by the monotonic one, so that it never steps.

    Deadlines, patience and pacing are measured with it; only what is remembered or compared with events needs the
    wall clock's own idea, and takes it from here as well. Who keeps one over several runs starts it anew for each.
    """

    def __init__(
        self,
        wall: Clock = lambda: datetime.now(timezone.utc),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self.start()

    def start(self) -> datetime:
        """Take over the wall clock's time, and return it."""
        self._began, self._at = self._wall(), self._monotonic()
        return self._began

    def __call__(self) -> datetime:
        """Return the time now."""
        return self.after(0.0)

    def after(self, seconds: float) -> datetime:
        """Return the time that it will be in so many seconds."""
        return self._began + timedelta(seconds=self._monotonic() - self._at + seconds)
