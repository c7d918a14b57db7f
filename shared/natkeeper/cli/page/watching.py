"""What the page shows, gathered while a person looks at it: status, the last moves, and looks through the probe.

Nothing is asked while no browser does: every check at a group occupies the one instance of the function for a moment.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from natkeeper.cli.errors import CommandError

Json = dict[str, Any]
KEPT_S = 600.0
"""How far back the strip of checks goes."""
WATCHED_S = 15.0
"""For how long after a browser asked a person counts as looking; a hidden page asks every ten seconds."""
MOVES_EVERY_S = 30.0
MOVES_SINCE = timedelta(days=1)


@dataclass
class PageWatch:
    """Asks with `status`, `moves` (since when) and `checks` (one for each group with a probe), each as it is due.

    A check is `{"at": epoch seconds, "found": "answered" | "lost" | "unseen", "ip", "why"}`.
    """

    status: Callable[[], Json]
    moves: Callable[[datetime], list[Json]]
    checks: dict[str, Callable[[], Json]]
    clock: Callable[[], datetime]
    region: str
    every_s: float
    _asked: float = -1e9
    _state: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock, self._wanted, self._over = threading.Lock(), threading.Event(), threading.Event()
        self._seen: dict[str, deque[Json]] = {name: deque() for name in self.checks}
        tasks = [(self._ask_status, self.every_s), (self._ask_moves, MOVES_EVERY_S)]
        tasks += [(lambda name=name: self._check(name), self.every_s) for name in self.checks]  # type: ignore[misc]
        self._threads = [threading.Thread(target=self._repeat, args=task, daemon=True) for task in tasks]

    def begin(self) -> None:
        """Begin; nothing is asked yet."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Ask nothing more."""
        self._over.set()
        self._wanted.set()

    def state(self) -> Json:
        """Return what is known, and count the caller as a person who looks."""
        self._asked = time.monotonic()
        self._wanted.set()
        now = self.clock()
        with self._lock:
            for seen in self._seen.values():
                while seen and seen[0]["at"] < now.timestamp() - KEPT_S:
                    seen.popleft()
            checks = {name: list(seen) for name, seen in self._seen.items()}
            about = {"at": _moment(now), "region": self.region, "every": self.every_s, "looks": checks}
            return {"groups": [], **self._state, **about}

    def _repeat(self, task: Callable[[], None], every_s: float) -> None:
        while not self._over.is_set():
            if time.monotonic() - self._asked > WATCHED_S:
                self._wanted.clear()
                self._wanted.wait()
                continue
            task()
            self._over.wait(every_s)

    def _ask_status(self) -> None:
        try:
            answer = self.status()
        except CommandError as trouble:
            self._note(error=trouble.what, todo=trouble.do)
        else:
            self._note(error=None, todo=None, groups=answer.get("receipts", []), answered=_moment(self.clock()))

    def _ask_moves(self) -> None:
        try:
            self._note(moves=self.moves(self.clock() - MOVES_SINCE), moves_error=None)
        except CommandError as trouble:
            self._note(moves_error=trouble.what)

    def _check(self, group: str) -> None:
        seen = self.checks[group]()
        with self._lock:
            self._seen[group].append(seen)

    def _note(self, **news: object) -> None:
        with self._lock:
            self._state |= news


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
