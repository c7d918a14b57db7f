"""An EIP that follows the route: taken off one gateway, put on another, as often as one likes."""

from __future__ import annotations

import pytest

from natkeeper.domain.ids import EipId, InstanceId
from natkeeper.domain.observed import EipStatus
from natkeeper.ports import AssociateEip, FailureKind, PointRoute, ReadEip, UnassociateEip
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local


class Pair:
    """Two instances without addresses of their own, and an EIP on the first."""

    def __init__(self, local: Local) -> None:
        vswitch = local.cloud.ecs.instance(local.first).vswitch_id
        self.old, self.new = (InstanceId(local.cloud.ecs.create_instance(vswitch)) for _ in range(2))
        self.eip = EipId(local.cloud.vpc.allocate_eip(self.old))


@pytest.fixture
def pair(local: Local) -> Pair:
    return Pair(local)


def test_an_eip_moves_from_one_gateway_to_another(local: Local, pair: Pair) -> None:
    """UnassociateEipAddress, and when that is over AssociateEipAddress."""
    assert local.one(UnassociateEip(pair.eip, pair.old)) is None
    assert local.one(ReadEip(pair.eip)).status is EipStatus.UNASSOCIATING
    local.advance(10)
    assert local.one(AssociateEip(pair.eip, pair.new)) is None
    local.advance(10)
    moved = local.one(ReadEip(pair.eip))
    assert (moved.status, moved.holder) == (EipStatus.IN_USE, pair.new)


def test_taking_off_what_is_off_is_success(local: Local, pair: Pair) -> None:
    """Twice the same, and once for a holder that it never had."""
    local.one(UnassociateEip(pair.eip, pair.old))
    assert local.one(UnassociateEip(pair.eip, pair.old)) is None
    local.advance(10)
    assert local.one(UnassociateEip(pair.eip, pair.old)) is None


def test_putting_on_what_is_on_is_success(local: Local, pair: Pair) -> None:
    """While it is on its way, and when it is there."""
    local.one(UnassociateEip(pair.eip, pair.old))
    local.advance(10)
    local.one(AssociateEip(pair.eip, pair.new))
    assert local.one(AssociateEip(pair.eip, pair.new)) is None
    local.advance(10)
    assert local.one(AssociateEip(pair.eip, pair.new)) is None


def test_an_eip_that_another_instance_holds_is_not_taken_for_bound(local: Local, pair: Pair) -> None:
    """Bound is bound to the right one."""
    assert local.one(AssociateEip(pair.eip, pair.new)).kind in (FailureKind.BUSY, FailureKind.REFUSED)
    assert local.one(ReadEip(pair.eip)).holder == pair.old


def test_an_eip_that_does_not_exist_is_gone(local: Local, pair: Pair) -> None:
    """There is nothing to wait for."""
    assert local.one(AssociateEip(EipId("eip-bp1nowhere"), pair.new)).kind is FailureKind.GONE


def test_the_eip_moves_beside_the_route_and_not_before_it(local: Local, pair: Pair) -> None:
    """Neither waits for the other: an EIP that cannot be moved holds no route up."""
    local.fault(FaultKind.ERROR_CODE, "UnassociateEipAddress", count=None, code="TaskConflict")
    point = PointRoute(local.vpc, local.table, "0.0.0.0/0", local.to(local.second), "natkeeper-prod", "n")
    moved, stuck = local.ask(point, UnassociateEip(pair.eip, pair.old), within=2.0)
    assert moved is None
    assert stuck.kind is FailureKind.BUSY
