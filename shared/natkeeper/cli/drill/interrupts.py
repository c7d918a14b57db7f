"""Ctrl-C, a closed terminal and SIGTERM during a drill: they end the waiting, and never the putting back at once.

The first one ends the drill, and what was broken is put back. The second one ends the putting back as well, and the
command says what is still broken. No further one does anything, so that this can be said.

Python drops what is raised while it frees an object (a finalizer of the HTTP pool, say), and a signal may come just
then. So each pause looks whether one was dropped.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

from typing_extensions import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
_STDERR = 2
T = TypeVar("T", bound="Interrupts")


class Interrupts:
    """While it is entered, a signal raises KeyboardInterrupt, and only in a phase that may be interrupted.

    `sleeper` takes seconds.
    """

    def __init__(self, sleeper: Callable[[float], None] = time.sleep) -> None:
        self.count = 0
        self._sleeper = sleeper
        self._armed = False
        self._due = False
        self._raised = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self.catch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def catch(self) -> None:
        """Catch the signals from now on; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            for each in _SIGNALS:
                self._before[each] = signal.signal(each, self._handle)

    def arm(self) -> None:
        """A phase begins that may be interrupted; a signal that came between two phases interrupts this one."""
        self._armed = True
        if self._due:
            self._raise()

    def disarm(self) -> None:
        """No interruption from here on."""
        self._armed = self._raised = False

    def sleep(self, seconds: float) -> None:
        """Sleep, and raise KeyboardInterrupt once more if the one of this phase reached nobody."""
        self._sleeper(seconds)
        if self._raised:
            raise KeyboardInterrupt

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._due = True
        if number == signal.SIGINT and os.isatty(_STDERR):
            os.write(_STDERR, b"\n")  # the terminal wrote ^C at the beginning of the line
        if self._armed:
            self._raise()

    def _raise(self) -> None:
        self._armed = self._due = False
        self._raised = True
        raise KeyboardInterrupt
