"""The EIP that follows comes to no gateway: it is gone, someone else's, or stuck. A fallback needs none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import EipStatus
from natkeeper.ports import AssociateEip, UnassociateEip
from tests.controlling.refusing import AfterATrouble
from tests.fakes.stage import EIP, FALLBACK, PROBE, A, B, C, Stage, group

STRANGER = "i-stranger"


def following(**more: Any) -> Stage:
    """Two gateways, an EIP that follows, and a fallback."""
    stage = Stage({"prod": group(address={"follow": EIP}, **{"fallback": FALLBACK, **more})})
    stage.sweeps(2)
    return stage


def lose(stage: Stage, how: str) -> None:
    """Someone releases the EIP or binds it elsewhere, or what happens to it never ends."""
    if how == "released":
        del stage.world.addresses[stage.address().id]
        return
    address = stage.address()
    if how == "stranger":
        stage.world.add_machine(STRANGER, None)
        address.holder = InstanceId(STRANGER)
        return
    address.status, address.holder = EipStatus(how), InstanceId(B)


LOST = {
    "released": "cannot have the EIP eip-walks, which does not exist",
    "stranger": "cannot have the EIP, which someone else bound to i-stranger",
    "Unknown": "cannot have the EIP, which is in a state that natkeeper does not know",
    "Associating": "cannot have the EIP, which stays Associating",
    "Unassociating": "cannot have the EIP, which stays Unassociating",
}


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("probe", [{"function": PROBE}, None])
@pytest.mark.parametrize("how", LOST)
def test_where_the_eip_is_lost_the_fallback_carries_the_route(
    how: str,
    probe: dict[str, str] | None,
    dies: bool,  # noqa: FBT001
) -> None:
    """Within a sweep or two, once, and without a write to the EIP; the gateway is not blamed for it."""
    stage = following(probe=probe)
    lose(stage, how)
    if dies:
        stage.world.stop(A)
    after = AfterATrouble(stage)
    after.minutes(5)
    assert stage.next_hop() == FALLBACK
    assert max(after.dark.values()) < timedelta(seconds=85), after.dark
    assert len(stage.world.moves) <= 2
    assert stage.cloud.sent((AssociateEip, UnassociateEip)) == []
    memory = decode(stage.description())
    assert isinstance(memory, Memory)
    assert A not in memory.marks
    assert dies or any(LOST[how] in said["sentence"] for said in stage.told_people())


def test_a_lost_eip_that_comes_back_takes_the_route_along() -> None:
    """Both return to the first gateway after the hold-down, as from any trouble."""
    stage = following()
    lose(stage, "stranger")
    stage.send(stage.report())
    stage.sweeps(2)
    assert stage.next_hop() == FALLBACK
    stage.address().status, stage.address().holder = EipStatus.AVAILABLE, None
    stage.sweeps(8)
    assert stage.next_hop() == A
    stage.whole()


def test_a_gateway_that_works_without_the_eip_keeps_the_route() -> None:
    """It has an EIP on its second interface, which ECS does not show: a look says more, and nobody hears of it."""
    stage = following()
    stage.machine(A).second_ip = "203.0.113.50"
    lose(stage, "stranger")
    stage.sweeps(10)
    assert (stage.next_hop(), stage.world.moves) == (A, [])
    assert [e for r in stage.told_people() for e in r.get("episodes", ()) if e["kind"] == "dark"] == []


@pytest.mark.parametrize(
    "how, todo",
    [
        ("released", "correct address.follow, which is eip-walks, and deploy"),
        ("stranger", "take the EIP off i-stranger by hand; natkeeper binds a free one"),
    ],
)
def test_without_a_fallback_people_are_told_what_brings_the_eip_back(how: str, todo: str) -> None:
    """That both gateways run helps nobody."""
    stage = following(fallback=None)
    lose(stage, how)
    stage.send(stage.report())
    stage.sweeps(2)
    (dark,) = (e for r in stage.told_people() for e in r.get("episodes", ()) if e["kind"] == "dark")
    assert dark["todo"].startswith(todo)
    assert dark["left"] == "no gateway helps without the EIP"


@pytest.mark.parametrize("code", ["TaskConflict", "Throttling.User"])
@pytest.mark.parametrize("probe", [{"function": PROBE}, None])
def test_an_eip_that_can_be_bound_nowhere_makes_no_route_wander(probe: dict[str, str] | None, code: str) -> None:
    """One that is left is tried again after ten minutes, however well its setup finds it meanwhile."""
    stage = following(gateways=[A, B, C], probe=probe, fallback=None, setup={"mode": "apply"})
    stage.cloud.answer(AssociateEip, code)
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.sweeps(19)
    assert len(stage.world.moves) <= 3
    stage.cloud.mend()
    stage.sweeps(2)
    stage.whole()
