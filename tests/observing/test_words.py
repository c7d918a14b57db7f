"""The words of the API for kinds and states are read as what they mean, while things change as well as at rest."""

from __future__ import annotations

import pytest

from natkeeper.alibaba.vpc import _entry_status
from natkeeper.domain.ids import EipId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import EipStatus, EntryStatus, HopKind, NextHop
from natkeeper.ports import AssociateEip, CreateRoute, DeleteRoute, PointRoute, ReadEip, ReadRoutes, UnassociateEip
from tests.applying.local import Local

HALF = "0.0.0.0/1"


def status(local: Local, destination: str) -> EntryStatus | None:
    """The status of one entry as natkeeper reads it, None when it is not there."""
    entries = local.one(ReadRoutes(TableId(local.table)))
    return next((entry.status for entry in entries if entry.destination == destination), None)


def test_a_nat_gateway_as_next_hop_is_known_as_one(local: Local) -> None:
    """Not as a stranger: it may be the group's fallback."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    gateway = NatGatewayId(local.cloud.vpc.create_nat_gateway(local.vpc, vswitch))
    local.cloud.vpc.add_route(local.table, "192.0.2.0/24", gateway)
    hops = {entry.destination: entry.next_hop for entry in local.one(ReadRoutes(local.table))}
    assert hops["192.0.2.0/24"] == NextHop(HopKind.NAT_GATEWAY, gateway)


def test_an_entry_is_seen_to_come_to_change_and_to_go(local: Local) -> None:
    """While the platform is at work on it, it is neither available nor unknown."""
    seen = []
    to = local.to(local.second)
    local.one(CreateRoute(local.vpc, local.table, HALF, to, "natkeeper-prod", "created", "token-1"))
    seen.append(status(local, HALF))
    local.advance(10)
    seen.append(status(local, HALF))
    local.one(PointRoute(local.vpc, local.table, "0.0.0.0/0", to, "natkeeper-prod", "moved"))
    seen.append(status(local, "0.0.0.0/0"))
    local.advance(10)
    half = next(entry for entry in local.one(ReadRoutes(local.table)) if entry.destination == HALF)
    local.one(DeleteRoute(local.vpc, half.id))
    seen.append(status(local, HALF))
    assert seen == [EntryStatus.PENDING, EntryStatus.AVAILABLE, EntryStatus.MODIFYING, EntryStatus.DELETING]


def test_an_eip_is_seen_on_its_way_to_a_gateway_and_back(local: Local) -> None:
    """A look meanwhile would prove nothing."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    holder = InstanceId(local.cloud.ecs.create_instance(vswitch))
    eip = EipId(local.cloud.vpc.allocate_eip())
    seen = []
    for call in (AssociateEip(eip, holder), UnassociateEip(eip, holder)):
        seen.append(local.one(ReadEip(eip)).status)
        local.one(call)
        seen.append(local.one(ReadEip(eip)).status)
        local.advance(20)
    assert seen == [EipStatus.AVAILABLE, EipStatus.ASSOCIATING, EipStatus.IN_USE, EipStatus.UNASSOCIATING]


@pytest.mark.parametrize(
    "word, status",
    [
        ("Available", EntryStatus.AVAILABLE),
        ("Pending", EntryStatus.PENDING),
        ("Creating", EntryStatus.PENDING),
        ("Created", EntryStatus.AVAILABLE),
        ("Unavailable", EntryStatus.AVAILABLE),
        ("Modifying", EntryStatus.MODIFYING),
        ("Odd", EntryStatus.UNKNOWN),
        ("", EntryStatus.UNKNOWN),
        (None, EntryStatus.UNKNOWN),
    ],
)
def test_every_word_for_the_state_of_an_entry_is_known(word: str | None, status: EntryStatus) -> None:
    """Those of the enumeration, those of other texts, and one that nobody has written yet."""
    assert _entry_status(word) is status
