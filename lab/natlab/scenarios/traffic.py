"""How long are private hosts without the internet?  Each tries a new connection every 50 ms and notes what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from natlab.scenarios.evidence import HostConnection
from natlab.scenarios.testbed import Try

EVERY_S = 0.05


class Traffic:
    """One private host behind each table, all in one thread of their own; times by the monotonic clock."""

    def __init__(self, hosts: Mapping[str, Callable[[], Try]], changed: Callable[[str, HostConnection], None]) -> None:
        self.attempts: dict[str, list[HostConnection]] = {table: [] for table in hosts}
        self._hosts = dict(hosts)
        self._changed = changed
        self._ahead = time.time() - time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go, name="private hosts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, and wait until the last attempt is noted."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def works(self, table: str) -> bool:
        """Return True if the last attempt behind this table succeeded."""
        attempts = self.attempts[table]
        return bool(attempts) and bool(attempts[-1].public_ip)

    def _go(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            for table, connect in self._hosts.items():
                self._try(table, connect)
            due = max(due + EVERY_S, time.monotonic() - EVERY_S)

    def _now(self) -> float:
        return time.monotonic() + self._ahead

    def _try(self, table: str, connect: Callable[[], Try]) -> None:
        answer = connect()
        at = self._now()
        attempts = self.attempts[table]
        attempt = HostConnection(at, answer.public_ip, answer.lost)
        before = attempts[-1].public_ip if attempts else None
        attempts.append(attempt)
        if before != attempt.public_ip:
            self._changed(table, attempt)
