"""The gateway works, and a planned move meets with one refusal: for one table, once, or for minutes.

Nothing forces the move, so private hosts lose no more than a move itself takes, and route and EIP end together.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.domain.observed import SystemEvent
from natkeeper.ports import (
    AssociateEip,
    CheckFromFunction,
    CheckThroughProbe,
    NoteRoute,
    PointRoute,
    ReadConditions,
    ReadEip,
    ReadInstances,
    ReadRoutes,
    StartGatewayCheck,
    UnassociateEip,
)
from tests.controlling.refusing import AfterATrouble, refuse
from tests.fakes.stage import EIP, TABLE, TABLE_2, A, B, C, Stage, group, person, timer

TABLES = [{"table": TABLE}, {"table": TABLE_2}]
GROUPS: dict[str, dict[str, Any]] = {
    "own": {"gateways": [A, B], "routes": TABLES},
    "follow": {"gateways": [A, B], "routes": TABLES, "address": {"follow": EIP}},
}
MOVE = {"own": timedelta(seconds=3), "follow": timedelta(seconds=26)}
"""How long private hosts are dark for a planned move and for its way back, at most."""
CALLS = (
    ReadRoutes,
    ReadInstances,
    ReadConditions,
    ReadEip,
    PointRoute,
    NoteRoute,
    AssociateEip,
    UnassociateEip,
    CheckThroughProbe,
    CheckFromFunction,
    StartGatewayCheck,
)
ANSWERS = (("Forbidden.RAM", 403), ("SomethingNew", 400), None)


def maintenance(stage: Stage) -> object:
    """A has maintenance in 13 days."""
    at = stage.world.now + timedelta(days=13)
    stage.machine(A).events = (SystemEvent("SystemMaintenance.Reboot", "Scheduled", at),)
    return timer()


def replaced(stage: Stage) -> object:
    """The configuration has another gateway instead of A."""
    address = stage.config.groups[0].address
    settings = GROUPS["own" if isinstance(address, str) else "follow"]
    stage.world.add_machine(C, "198.51.100.77" if isinstance(address, str) else None)
    groups = {"prod": group(**{**settings, "gateways": [C, B]})}
    stage.config = parse_config({"region": "cn-hangzhou", "notify": "natkeeper-notify", "groups": groups})
    return timer()


PLANS: dict[str, Callable[[Stage], object]] = {
    "maintenance": maintenance,
    "replaced": replaced,
    "switch": lambda _: person("switch", to=B),
    "switch of one table": lambda _: person("switch", to=B, table=TABLE),
    "forced switch": lambda _: person("switch", to=B, force=True),
}


def scopes(call: type[Any]) -> list[dict[str, Any]]:
    """List which calls of a kind are refused: all, those of either table, or one."""
    tables = [{"where": lambda one, t=table: one.table == t} for table in (TABLE, TABLE_2)]
    return [{}, {"times": 1}, *(tables if call in (ReadRoutes, PointRoute, NoteRoute) else ())]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_one_refused_call_makes_no_planned_move_an_outage(call: type[Any], name: str, plan: str) -> None:
    """Each table stays lit but for the move, and both end where the EIP is."""
    for answer in ANSWERS:
        for scope in scopes(call):
            stage = Stage({"prod": group(**GROUPS[name])})
            stage.sweep()
            stage.world.advance(120)
            stage.sweep()
            payload = PLANS[plan](stage)
            refuse(stage, call, answer, **scope)
            after = AfterATrouble(stage)
            after.send(payload)
            after.minutes(5)
            stage.cloud.mend()
            after.minutes(3)
            assert max(after.dark.values()) <= MOVE[name], (answer, scope, after.dark)
            stage.whole()
