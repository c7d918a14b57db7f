"""The gateway dies, and one next hop or one table is refused for minutes: what the platform would take is lit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.ports import AssociateEip, PointRoute, UnassociateEip
from tests.controlling.refusing import AfterATrouble, refuse
from tests.controlling.test_one_refusal import ANSWERS, hang, stop
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group

TABLES = [{"table": TABLE}, {"table": TABLE_2}]
GROUPS: dict[str, dict[str, Any]] = {
    "own": {"gateways": [A, B, C], "routes": TABLES},
    "fallback": {"gateways": [A, B], "fallback": FALLBACK},
    "follow": {"gateways": [A, B, C], "routes": TABLES, "address": {"follow": EIP}},
}


def after_one(name: str, trouble: Callable[[Stage], object], call: type[Any], **more: Any) -> AfterATrouble:
    """Play four minutes in which a part of some calls is refused, and three in which nothing is."""
    answer = more.pop("answer")
    stage = Stage({"prod": group(**GROUPS[name])})
    stage.sweep()
    stage.world.advance(120)
    stage.sweep()
    payload = trouble(stage)
    refuse(stage, call, answer, **more)
    after = AfterATrouble(stage)
    after.send(payload)
    after.minutes(4)
    return after


def healed(after: AfterATrouble) -> None:
    """Assert that all is whole some sweeps after the refusal ended."""
    after.stage.cloud.mend()
    after.minutes(3)
    after.stage.whole()


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer and answer[0]))
@pytest.mark.parametrize("trouble", [stop, hang])
@pytest.mark.parametrize("name", GROUPS)
def test_a_next_hop_that_alone_is_refused_keeps_nobody_dark(
    name: str, trouble: Callable[[Stage], object], answer: tuple[str, int] | None
) -> None:
    """B is refused, be it by a policy: the next gateway takes the route, or the fallback where none is left."""
    after = after_one(name, trouble, PointRoute, answer=answer, where=lambda call: call.to.id == B)
    passing = answer is None or answer[0] in ("InternalError", "IncorrectStatus.RouteEntry")
    if name != "fallback" or not passing:  # what says nothing of the gateway makes nobody pay for the fallback
        assert max(after.dark.values()) < timedelta(seconds=40), after.dark
    healed(after)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer and answer[0]))
@pytest.mark.parametrize("trouble", [stop, hang])
@pytest.mark.parametrize("name", ["own", "follow"])
@pytest.mark.parametrize("refused", [TABLE, TABLE_2])
def test_a_table_that_alone_is_refused_keeps_no_other_dark(
    name: str, trouble: Callable[[Stage], object], answer: tuple[str, int] | None, refused: str
) -> None:
    """Its own route has to stay; the other one moves, and the EIP with it, once."""
    after = after_one(name, trouble, PointRoute, answer=answer, where=lambda call: call.table == refused)
    other = next(lost for table, lost in after.dark.items() if table != refused)
    assert other < timedelta(seconds=40), after.dark
    assert len(after.stage.cloud.accepted(AssociateEip)) == (1 if name == "follow" else 0)
    healed(after)


@pytest.mark.parametrize("code, status", [("InvalidNicOrVm.NotFound", 404), ("Forbidden.RAM", 403)])
def test_where_the_eip_does_not_leave_a_gateway_that_hangs_the_route_waits_there(code: str, status: int) -> None:
    """No other gateway works without the EIP, so the route is back at once: when A wakes, nobody has to do anything."""
    stage = Stage({"prod": group(gateways=[A, B, C], address={"follow": EIP})})
    stage.sweep()
    stage.machine(A).hung = True
    refused = stage.cloud.answer(UnassociateEip, code, status=status)
    for _ in range(3):
        stage.send(stage.report())
        stage.sweeps(1)
    assert (stage.next_hop(), len(stage.world.moves)) == (A, 2)
    (dark,) = (each for told in stage.told_people() for each in told.get("episodes", ()))
    assert dark["todo"].startswith(f"take the EIP off {A} by hand; natkeeper doctor shows which right is missing")
    stage.machine(A).hung = False
    assert stage.world.egress(TableId(TABLE)) is not None
    stage.machine(A).hung, refused.times = True, 0
    stage.send(stage.report())
    stage.sweeps(1)
    assert (stage.next_hop(), stage.address().holder) == (B, B)


@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer is None or answer[0] != "SomethingNew"])
@pytest.mark.parametrize("trouble", [stop, hang])
@pytest.mark.parametrize("call", [UnassociateEip, AssociateEip], ids=lambda call: call.__name__)
def test_where_no_gateway_gets_the_eip_the_fallback_needs_none(
    call: type[Any], trouble: Callable[[Stage], object], answer: tuple[str, int] | None
) -> None:
    """Whatever the answer is: what says nothing of the EIP has to come in two runs, then no gateway is left."""
    stage = Stage({"prod": group(gateways=[A, B], address={"follow": EIP}, fallback=FALLBACK)})
    stage.sweep()
    payload = trouble(stage)
    refuse(stage, call, answer)
    after = AfterATrouble(stage)
    after.send(payload)
    after.minutes(4)
    assert max(after.dark.values()) < timedelta(seconds=75), after.dark
    assert stage.next_hop() == FALLBACK
    assert len(stage.world.moves) <= 2
    healed(after)
