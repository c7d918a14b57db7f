"""One call is refused and everything else works: for each call, each answer and each kind of trouble.

Where the call is not what lights the VPC again, private hosts have the internet within half a minute. In any case no
run goes on for long, and people are told once and not again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.ports import (
    AssociateEip,
    CheckFromFunction,
    CheckThroughProbe,
    CreateRoute,
    DeleteRoute,
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
from tests.controlling.refusing import AfterATrouble, refuse
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group

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
NEEDED = (ReadRoutes,)
"""What nothing replaces: where the route is."""
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


def stop(stage: Stage) -> object:
    """A stops, and ECS says so."""
    stage.world.stop(A)
    return stage.state(A, "Stopping")


def hang(stage: Stage) -> object:
    """A hangs, and the probe says so."""
    stage.machine(A).hung = True
    return stage.report()


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
        assert all(took <= most for took, most in after.runs), (answer, after.runs)
        if call not in wanted:
            assert dark < timedelta(seconds=40), (answer, dark)
        if call is not HandOver:
            assert messages >= 1, answer
