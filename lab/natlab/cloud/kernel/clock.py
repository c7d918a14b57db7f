"""Which time is it, and what happens later?

State machines of the local cloud never sleep: they ask a clock to call them back.  RealClock does that on one
background thread; VirtualClock does it on the caller's thread, when the caller says that time passes, so that
a simulation of hours takes milliseconds and always runs in the same order.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

_LOG = logging.getLogger(__name__)
VIRTUAL_EPOCH = 1767225600.0
"""2026-01-01T00:00:00Z, where a virtual clock starts unless told otherwise."""


class ScheduledAction:
    """One action that is due at a moment; cancelling it after it ran does nothing."""

    __slots__ = ("_action", "due")

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self._action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self._action = None

    @property
    def pending(self) -> bool:
        """Return True if the action has neither run nor been cancelled."""
        return self._action is not None

    def fire(self) -> None:
        """Run the action, once."""
        action, self._action = self._action, None
        if action is not None:
            action()


class Clock(Protocol):
    """Time as the local cloud sees it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def call_later(self, delay_s: float, action: Callable[[], None]) -> ScheduledAction:
        """Run the action once, `delay_s` seconds from now (at once when negative), under the cloud's lock."""
        ...


class _Queue:
    """Timers by due time; those due at the same moment in the order they were asked for."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, ScheduledAction]] = []
        self._order = itertools.count()

    def push(self, timer: ScheduledAction) -> None:
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))

    def next_due(self) -> float | None:
        while self._heap and not self._heap[0][2].pending:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, moment: float) -> ScheduledAction | None:
        due = self.next_due()
        if due is None or due > moment:
            return None
        return heapq.heappop(self._heap)[2]

    def clear(self) -> None:
        self._heap.clear()


class VirtualClock:
    """Time that stands still until `advance` is called."""

    def __init__(self, start: float = VIRTUAL_EPOCH) -> None:
        self._now = start
        self._queue = _Queue()

    def now(self) -> float:
        return self._now

    def call_later(self, delay_s: float, action: Callable[[], None]) -> ScheduledAction:
        timer = ScheduledAction(self._now + max(0.0, delay_s), action)
        self._queue.push(timer)
        return timer

    def next_due(self) -> float | None:
        """When the next action is due, or None when nothing is waiting."""
        return self._queue.next_due()

    def advance(self, seconds: float) -> None:
        """Let time pass; actions that become due run in order, each at its own moment.

        An action that raises stops the advance with that error: in a simulation that is a bug to see.
        """
        end = self._now + seconds
        while (timer := self._queue.pop_due(end)) is not None:
            self._now = max(self._now, timer.due)
            timer.fire()
        self._now = end

    def clear(self) -> None:
        """Forget everything that was to happen."""
        self._queue.clear()


class RealClock:
    """Wall-clock time; one daemon thread, started at first need, runs the actions under `lock`."""

    def __init__(self, lock: threading.RLock | None = None) -> None:
        self.lock = threading.RLock() if lock is None else lock
        self._queue = _Queue()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def now(self) -> float:
        return time.time()

    def call_later(self, delay_s: float, action: Callable[[], None]) -> ScheduledAction:
        timer = ScheduledAction(self.now() + max(0.0, delay_s), action)
        with self._wake:
            if self._closed:
                timer.cancel()
                return timer
            self._queue.push(timer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="natlab-clock", daemon=True)
                self._thread.start()
            self._wake.notify()
        return timer

    def clear(self) -> None:
        """Forget everything that was to happen."""
        with self._wake:
            self._queue.clear()

    def close(self) -> None:
        """Stop the thread; actions that have not run never will."""
        with self._wake:
            self._closed = True
            self._queue.clear()
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while (timer := self._wait_for_due()) is not None:
            with self.lock:
                self._fire(timer)

    def _wait_for_due(self) -> ScheduledAction | None:
        with self._wake:
            while not self._closed:
                if (timer := self._queue.pop_due(self.now())) is not None:
                    return timer
                due = self._queue.next_due()
                self._wake.wait(None if due is None else max(0.0, due - self.now()))
        return None

    @staticmethod
    def _fire(timer: ScheduledAction) -> None:
        try:
            timer.fire()
        except Exception:  # noqa: BLE001 - see below
            # One broken state machine must not stop time for all the others.
            _LOG.exception("an action of the clock failed")
