"""What a private host feels during a drill: looks through the guarded route by the probe, one after the other.

A check of the probe is two attempts at most, so one that succeeds late was lost at first; natkeeper.drill.figures
counts it so.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.clients import Attempt as Try
from natkeeper.drill import NewConnection
from natkeeper.ports import FailureKind

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients

BETWEEN_S = 0.2
CHECK_S = 20.0
_CHECK = b'{"action":"look"}'


@dataclass
class Feeling:
    """Checks egress in a thread of its own from `begin` to `end`, `between_s` apart; `attempts` grows meanwhile."""

    reach: RegionClients
    function: str
    clock: Callable[[], float] = time.time
    between_s: float = BETWEEN_S
    attempts: list[NewConnection] = field(default_factory=list)
    blind: str = ""
    """Why the probe could not be asked, the last time that it could not."""

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="drill", daemon=True)

    def begin(self) -> None:
        """Begin to check."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further check."""
        self._over.set()

    def join(self) -> None:
        """Wait for the check that is under way."""
        if self._thread.ident is not None:
            self._thread.join(CHECK_S)

    def well(self, since: float, count: int) -> bool:
        """Return True if the last `count` checks, all begun after `since`, succeeded."""
        last = [each for each in self.attempts[-count:] if each.began >= since]
        return len(last) == count and not any(each.error for each in last)

    def check(self) -> NewConnection | None:
        """Check once; None where the probe itself could not be asked, which says nothing of the way."""
        from natkeeper.alibaba.lean_imports import lean

        with lean("alibabacloud_fc20230330"):
            from alibabacloud_fc20230330 import models
            from alibabacloud_fc20230330.client import Client

        attempt, began = Try(self.reach.clients, lambda: CHECK_S), self.clock()
        try:
            answer = attempt.clients.client(Client).invoke_function_with_options(
                self.function,
                models.InvokeFunctionRequest(body=io.BytesIO(_CHECK)),
                models.InvokeFunctionHeaders(x_fc_invocation_type="Sync"),
                attempt.options(CHECK_S),
            )
            body: Any = answer.body
            said = json.loads(body.read())
            found, seen, reason = said["ok"], str(said.get("ip") or ""), str(said.get("reason") or "no answer")
        except Exception as error:  # noqa: BLE001  whatever happens on the way to FC is not what is measured
            failure = self.reach.classify(error)
            if failure.kind is not FailureKind.THROTTLED:
                self.blind = f"{self.function}: {failure}"
            return None
        return NewConnection(began, self.clock(), "" if found is True else reason, seen)

    def _go_on(self) -> None:
        while not self._over.is_set():
            seen = self.check()
            if seen is not None:
                self.attempts.append(seen)
            self._over.wait(self.between_s)
