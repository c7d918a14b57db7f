"""Several jobs at once, and none waited for longer than it may take: one that hangs is left behind.

The threads are daemons and belong to one batch alone: one that hangs takes no place from a later batch, and keeps no
process from ending.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

AT_ONCE = 40
"""Threads for one batch. Alibaba counts calls in a minute, not at a time, and while a sweep lasts an event waits."""
GRACE_S = 0.25
"""After its time, for a job that is just reporting that its time is over."""
OPTIONAL_S = 0.5
"""How long optional jobs are waited for once no needed one is; as long as those took, if that is longer."""


class Job(Protocol):
    """Something to do in a thread. It must not raise."""

    @property
    def patience_s(self) -> float:
        """How long it may take, in seconds."""
        ...

    @property
    def optional(self) -> bool:
        """Return True if the others need not wait for it."""
        ...

    def run(self) -> Any:
        """Do it, and return the outcome."""
        ...


def all_at_once(jobs: Sequence[Job], seconds: float, meanwhile: Callable[[], None]) -> dict[Job, Any]:
    """Do `jobs` in threads, and `meanwhile` here; return the outcomes of those that ended in time.

    In time is: within `seconds`, within the job's own patience from when it began, and for an optional job soon after
    the last needed one. What a job raises is raised here.
    """
    batch = _Batch(jobs)
    end = time.monotonic() + max(0.0, seconds) + GRACE_S
    batch.add_threads(min(len(jobs), AT_ONCE))
    meanwhile()
    batch.collect(end)
    return batch.outcomes


class _Batch:
    """Jobs under way. Threads write `_began` and `_ended`; only the thread that waits touches the rest."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.outcomes: dict[Job, Any] = {}
        self._start = time.monotonic()
        self._awaited = dict.fromkeys(jobs)
        self._needed = sum(not job.optional for job in jobs)
        self._any_needed = self._needed > 0
        self._began: dict[Job, float] = {}
        self._ended: queue.SimpleQueue[tuple[Job, Any, BaseException | None]] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            self._waiting.put(job)

    def add_threads(self, number: int) -> None:
        for place in range(number):
            threading.Thread(target=self._work, name=f"natkeeper-{place}", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._began[job] = time.monotonic()
            try:
                self._ended.put((job, job.run(), None))
            except BaseException as error:  # noqa: BLE001  carried over to the thread that waits
                self._ended.put((job, None, error))

    def collect(self, end: float) -> None:
        """Gather outcomes until nobody is awaited any more, or `end` has come."""
        look_again = self._soonest_late()
        while self._awaited:
            now = time.monotonic()
            if now >= look_again:
                self._leave_behind(now)
                look_again = self._soonest_late()
            elif now >= end:
                return
            else:
                try:
                    job, outcome, error = self._ended.get(timeout=min(look_again, end) - now)
                except queue.Empty:
                    continue
                if error is not None:
                    raise error
                self.outcomes[job] = outcome
                self._await_no_more(job)
            if self._any_needed and self._needed == 0:
                # The needed answers are there. They are what an outage waits for, so the rest has to come soon.
                self._any_needed = False
                now = time.monotonic()
                end = min(end, now + max(OPTIONAL_S, now - self._start))

    def _soonest_late(self) -> float:
        """Return the moment before which no awaited job can be late; one that has not begun begins now at best."""
        now = time.monotonic()
        return min((self._began.get(job, now) + job.patience_s for job in self._awaited), default=now) + GRACE_S

    def _leave_behind(self, now: float) -> None:
        """Stop awaiting jobs that are late. Each keeps its thread, so another takes over the jobs that wait."""
        late = [job for job in self._awaited if now >= self._began.get(job, now) + job.patience_s + GRACE_S]
        for job in late:
            self._await_no_more(job)
        self.add_threads(min(len(late), self._waiting.qsize()))

    def _await_no_more(self, job: Job) -> None:
        if job in self._awaited:
            del self._awaited[job]
            self._needed -= not job.optional
