"""Refuse one call of a stage, and see how long each table is dark and how long runs take."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from natkeeper.ports import AssociateEip, CreateRoute, FailureKind, PointRoute
from tests.fakes.stage import Stage, timer

IDLE = timedelta(seconds=16)
"""How long a run may go on that had no write accepted."""
MOST: dict[type[Any], timedelta] = {
    CreateRoute: timedelta(seconds=48),
    PointRoute: timedelta(seconds=40),
    AssociateEip: timedelta(seconds=40),
}
"""How long one may that replaces an entry, which takes five tasks of the platform, and one that waits for an EIP."""


def refuse(stage: Stage, call: type[Any], answer: tuple[str, int] | None, **more: Any) -> None:
    """Let each such call be answered with a code, or not at all; `more` says which of them."""
    if answer is None:
        stage.cloud.fail(call, FailureKind.UNREACHABLE, **more)
    else:
        stage.cloud.answer(call, answer[0], status=answer[1], **more)


class AfterATrouble:
    """A stage after a trouble: how long each table was dark, and how long runs took."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.last = stage, stage.world.now
        self.dark = {route.table: timedelta(0) for route in stage.config.groups[0].routes}
        self.runs: list[tuple[timedelta, timedelta]] = []
        """How long each took, and how long it may."""
        stage.cloud.watch = self.look

    def look(self) -> None:
        """Count the time since the last look for the tables that lead nowhere."""
        now: datetime = self.stage.world.now
        for table in self.dark:
            if self.stage.world.egress(table) is None:
                self.dark[table] += now - self.last
        self.last = now

    def send(self, payload: object) -> None:
        """Invoke the function, and what it hands on to itself."""
        began, calls = self.stage.world.now, len(self.stage.cloud.log)
        handed = len(self.stage.handed_on())
        self.stage.send(payload)
        done = {type(entry.call) for entry in self.stage.cloud.log[calls:] if entry.result is None}
        most = next((most for write, most in MOST.items() if write in done), IDLE)
        self.runs.append((self.stage.world.now - began, most))
        for link in self.stage.handed_on()[handed:][:1]:
            if link.get("link", 0) <= 3:
                self.send(link)

    def minutes(self, count: int) -> None:
        """Let the timer fire, and the probe report what it loses."""
        for _ in range(count):
            began = self.stage.world.now
            self.send(timer())
            if self.stage.world.egress(self.stage.config.groups[0].routes[0].table) is None:
                self.send(self.stage.report())
            self.stage.world.advance_to(max(self.stage.world.now, began + timedelta(minutes=1)))
        self.look()
