"""One call is refused and everything else works: for each call, each answer and each kind of trouble.

Where the call is not what lights the VPC again, private hosts have the internet within half a minute. In any case no
run goes on for long, and people are told once and not again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from natkeeper.ports import (
    AssociateEip,
    CheckFromFunction,
    CheckThroughProbe,
    CreateRoute,
    DeleteRoute,
    FailureKind,
    HandOver,
    NoteRoute,
    PointRoute,
    ReadConditions,
    ReadEip,
    ReadGatewayCheck,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
    ReadSetups,
    StartGatewayCheck,
    StartSetup,
    UnassociateEip,
)
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, timer

GROUPS: dict[str, dict[str, Any]] = {
    "own": {"gateways": [A, B, C], "fallback": FALLBACK, "setup": {"mode": "apply"}},
    "follow": {"gateways": [A, B, C], "address": {"follow": EIP}},
    "two tables": {"gateways": [A, B, C], "routes": [{"table": TABLE}, {"table": TABLE_2}]},
}
ANSWERS = (
    ("Forbidden.RAM", 403),
    ("InternalError", 500),
    ("IncorrectStatus.RouteEntry", 400),
    ("SomethingNew", 400),
    None,
)
"""Codes with their HTTP status; None where no answer comes."""
NEEDED = (ReadRoutes, ReadInstances, PointRoute)
"""What nothing replaces: where the route is, which gateways run, and the write itself."""
NEEDED_BY_THE_EIP = (AssociateEip, UnassociateEip)
CALLS = (
    ReadRoutes,
    ReadInstances,
    ReadConditions,
    ReadEip,
    ReadNatGateway,
    ReadSetups,
    PointRoute,
    NoteRoute,
    CreateRoute,
    DeleteRoute,
    AssociateEip,
    UnassociateEip,
    StartSetup,
    CheckThroughProbe,
    CheckFromFunction,
    StartGatewayCheck,
    ReadGatewayCheck,
    HandOver,
)
IDLE, BUSY = timedelta(seconds=16), timedelta(seconds=40)
"""How long a run may go on that had no write accepted, and one that waits for an EIP of its own."""


def stop(stage: Stage) -> object:
    """A stops, and ECS says so."""
    stage.world.stop(A)
    return stage.state(A, "Stopping")


def hang(stage: Stage) -> object:
    """A hangs, and the probe says so."""
    stage.machine(A).hung = True
    return stage.report()


def refuse(stage: Stage, call: type[Any], answer: tuple[str, int] | None) -> None:
    """Let each such call be answered with a code, or not at all."""
    if answer is None:
        stage.cloud.fail(call, FailureKind.UNREACHABLE)
    else:
        stage.cloud.answer(call, answer[0], status=answer[1])


class AfterATrouble:
    """A stage after a trouble: how long each table was dark, and how long runs took."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.last = stage, stage.world.now
        self.dark = {route.table: timedelta(0) for route in stage.config.groups[0].routes}
        self.runs: list[tuple[timedelta, bool]] = []
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
        writes = [entry for entry in self.stage.cloud.log[calls:] if isinstance(entry.call, (PointRoute, AssociateEip))]
        wrote = any(entry.result is None for entry in writes)
        self.runs.append((self.stage.world.now - began, wrote))
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


@pytest.mark.parametrize("trouble", [stop, hang])
@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_one_refused_call_leaves_nobody_dark_and_nobody_untold(
    call: type[Any], name: str, trouble: Callable[[Stage], object]
) -> None:
    """Whatever the answer is."""
    wanted = NEEDED if name != "follow" else (*NEEDED, *NEEDED_BY_THE_EIP)
    for answer in ANSWERS:
        stage = Stage({"prod": group(**GROUPS[name])})
        stage.sweep()
        stage.world.advance(120)
        stage.sweep()
        refuse(stage, call, answer)
        payload, told = trouble(stage), len(stage.told_people())
        after = AfterATrouble(stage)
        after.send(payload)
        after.minutes(4)
        messages, dark = len(stage.told_people()) - told, max(after.dark.values())
        assert messages <= 3, (answer, messages)
        assert all(took <= (BUSY if wrote else IDLE) for took, wrote in after.runs), (answer, after.runs)
        if call not in wanted:
            assert dark < timedelta(seconds=40), (answer, dark)
        if call is not HandOver:
            assert messages >= 1, answer
