"""Looks at one address beside the watch: natkeeper leads it through a standby, so its answers prove that gateway.

A look is one TCP connection. The looks have a thread of their own, because the watch of the guarded route must not wait
for them. What they find moves nothing, so it can wait for the end of the watch: `figures` says it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from natkeeper.domain.egress import Egress, EgressSeen, NotChecked
from natkeeper.egress_check import check_egress


@dataclass(slots=True)
class LaneLooks:
    """Looks at `target` every `interval` seconds until it is closed; each may take `timeout` seconds.

    `ticks`: a monotonic clock in seconds.
    """

    target: str
    interval: float
    timeout: float
    ticks: Callable[[], float] = time.monotonic
    check: Callable[[tuple[str, ...], float], Egress | NotChecked] = check_egress
    _looks: int = 0
    _lost: int = 0
    _answers: bool = False
    _since: float = 0.0
    """When the first look of those began that ended like the latest."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin. Where no thread can be had, nothing is looked at, and `figures` is None."""
        try:
            threading.Thread(target=self._run, daemon=True).start()
        except (RuntimeError, MemoryError):  # can't start new thread
            self._over.set()

    def close(self) -> None:
        """End; a look under way is not waited for."""
        self._over.set()

    def figures(self) -> dict[str, Any] | None:
        """Return `looks`, `lost`, whether the latest look was answered, and for how many seconds that has been so."""
        with self._lock:
            if not self._looks:
                return None
            lasted = round(self.ticks() - self._since, 3)
            return {"looks": self._looks, "lost": self._lost, "answers": self._answers, "lasted": lasted}

    def _run(self) -> None:
        while not self._over.is_set():
            began = self.ticks()
            found = self.check((self.target,), self.timeout)
            if not isinstance(found, NotChecked):  # the process's own trouble says nothing of the lane
                self._note(began, answered=isinstance(found, EgressSeen))
            self._over.wait(max(0.0, began + self.interval - self.ticks()))

    def _note(self, began: float, *, answered: bool) -> None:
        with self._lock:
            if not self._looks or answered is not self._answers:
                self._answers, self._since = answered, began
            self._looks += 1
            self._lost += not answered
