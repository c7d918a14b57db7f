"""Next hops by network interface are guarded in their own kind, a HaVip is left alone, one address is a destination."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.domain.ids import InstanceId, TableId
from natkeeper.domain.observed import HopKind, NextHop
from natkeeper.failover.run import Told
from natkeeper.ports import CreateRoute, FailureKind, PointRoute, ReadInstances
from tests.fakes.stage import FALLBACK, ITSELF, TABLE, TABLE_2, A, B, C, Stage, group, person

PRIMARY = {gateway: f"eni-{gateway.removeprefix('i-')}1" for gateway in (A, B)}
SECOND = {gateway: f"eni-{gateway.removeprefix('i-')}2" for gateway in (A, B)}


def interface(name: str) -> NextHop:
    """A network interface as a next hop."""
    return NextHop(HopKind.NETWORK_INTERFACE, name)


def by_interface(which: dict[str, str] = PRIMARY, **more: Any) -> Stage:
    """The guarded entry leads to an interface of the first gateway."""
    stage = Stage({"prod": group(**more)})
    for gateway in (A, B):
        stage.machine(gateway).second_ip = "203.0.113.50" if which is SECOND else None
    stage.world.repoint(TABLE, interface(which[A]))
    return stage


def entry_hop(stage: Stage) -> NextHop | None:
    """The next hop as the table has it."""
    entry = stage.world.entry(TableId(TABLE), "0.0.0.0/0")
    return None if entry is None else entry.hop


def test_a_quiet_sweep_knows_the_gateway_behind_the_interface() -> None:
    """Nothing is foreign, and the receipt names the gateway."""
    receipt = by_interface().sweep()
    assert receipt.outcome == "quiet"
    assert set(receipt.next_hops.values()) == {A}


@pytest.mark.parametrize("which", [PRIMARY, SECOND], ids=["primary", "second"])
def test_a_death_moves_the_entry_to_the_same_interface_of_the_standby(which: dict[str, str]) -> None:
    """An entry to an interface stays one; the second interface follows the second."""
    stage = by_interface(which)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    hop = entry_hop(stage)
    assert hop is not None
    assert (hop.kind, hop.id) == (HopKind.NETWORK_INTERFACE, which[B])
    assert receipt.verified is True
    assert f"from {A} to {B}" in receipt.sentence
    assert stage.sweep().outcome == "quiet"


def test_an_interface_that_went_with_its_gateway_is_known_to_the_process_that_saw_it() -> None:
    """natkeeper has never written the entry: the list of instances named the interface's gateway before it was gone."""
    stage = by_interface()
    stage.sweep()
    stage.world.delete_machine(A)
    stage.send(stage.state(A, "Deleted"))
    hop = entry_hop(stage)
    assert hop is not None
    assert hop.id in (B, PRIMARY[B])


def test_an_interface_that_went_elsewhere_is_not_its_former_gateways() -> None:
    """The gateway is listed without it, so whose it is nobody knows: the entry is left alone."""
    stage = by_interface(SECOND)
    stage.sweep()
    stage.machine(A).second_ip = None
    stage.world.stop(A)
    assert stage.one(stage.state(A, "Stopping")).did == ()
    hop = entry_hop(stage)
    assert hop is not None
    assert hop.id == SECOND[A]


def test_a_standby_with_fewer_interfaces_takes_it_by_its_primary_one() -> None:
    """Better than not at all."""
    stage = by_interface(SECOND)
    stage.machine(B).second_ip = None
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert entry_hop(stage) == interface(PRIMARY[B])


def test_a_person_s_switch_and_the_way_back() -> None:
    """There and back, by interfaces."""
    stage = by_interface(hold_down=0)
    stage.send(person("switch", to=B))
    assert entry_hop(stage) == interface(PRIMARY[B])
    stage.send(person("switch", to=A))
    assert entry_hop(stage) == interface(PRIMARY[A])


def test_a_released_gateway_s_interface_is_known_by_what_natkeeper_wrote() -> None:
    """The instance and its interfaces are gone, the entry still names one of them: a new process moves the route."""
    stage = by_interface(hold_down=0)
    stage.send(person("switch", to=B))
    stage.send(person("switch", to=A))
    stage.world.delete_machine(A)
    stage.told = Told()
    stage.told.rest.itself = ITSELF
    stage.sweep()
    assert entry_hop(stage) == interface(PRIMARY[B])


def test_an_interface_of_nobody_s_is_left_alone() -> None:
    """Rule 5."""
    stage = by_interface()
    stage.world.repoint(TABLE, interface("eni-stranger"))
    receipt = stage.sweep()
    assert receipt.outcome == "attention"
    assert stage.cloud.sent(PointRoute) == []


def test_blind_is_not_foreign() -> None:
    """Instances cannot be read, so nobody knows whose the interface is."""
    stage = by_interface()
    stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE)
    receipt = stage.sweep()
    assert "cannot be read" in receipt.sentence
    assert "someone else set" not in receipt.sentence
    assert stage.cloud.sent(PointRoute) == []


def test_a_bridge_is_of_the_entry_s_own_kind() -> None:
    """Halves and the new entry lead to the standby's interface as well."""
    stage = by_interface()
    stage.cloud.answer(PointRoute, "UnsupportedFeature.ModifyRouteEntryNextHop")
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.sweeps(3)
    assert {call.to for call in stage.cloud.accepted(CreateRoute)} == {interface(PRIMARY[B])}
    assert entry_hop(stage) == interface(PRIMARY[B])


def test_the_fallback_is_no_interface() -> None:
    """A NAT Gateway is named by its own id."""
    stage = by_interface(fallback=FALLBACK)
    stage.world.stop(A)
    stage.world.stop(B)
    stage.send(stage.state(A, "Stopping"))
    assert entry_hop(stage) == NextHop(HopKind.NAT_GATEWAY, FALLBACK)


@pytest.mark.parametrize("which", [PRIMARY, SECOND], ids=["primary", "second"])
@pytest.mark.parametrize("in_place", [True, False])
def test_from_the_fallback_it_returns_to_the_interface(which: dict[str, str], *, in_place: bool) -> None:
    """What the entry was before stands in its memory: it comes back in its own kind, in a new process too."""
    stage = by_interface(which, fallback=FALLBACK)
    if not in_place:
        stage.cloud.answer(PointRoute, "UnsupportedFeature.ModifyRouteEntryNextHop")
    stage.world.stop(A)
    stage.world.stop(B)
    stage.send(stage.state(A, "Stopping"))
    stage.sweeps(2)
    assert entry_hop(stage) == NextHop(HopKind.NAT_GATEWAY, FALLBACK)
    stage.told = Told()
    stage.told.rest.itself = ITSELF
    stage.world.start(B)
    stage.sweeps(10)
    assert entry_hop(stage) == interface(which[B])


def test_an_entry_that_someone_pointed_to_the_fallback_is_of_no_other_kind() -> None:
    """What it was before is nobody's memory any more."""
    stage = by_interface(fallback=FALLBACK)
    stage.world.stop(A)
    stage.world.stop(B)
    stage.send(stage.state(A, "Stopping"))
    stage.world.start(A)
    stage.world.start(B)
    stage.world.advance(60)
    stage.world.repoint(TABLE, NextHop(HopKind.INSTANCE, A))
    stage.send(person("switch", to=B))
    assert entry_hop(stage) == NextHop(HopKind.INSTANCE, B)


@pytest.mark.parametrize("fate", ["alive", "dead", "released"])
def test_a_gateway_that_was_replaced_is_known_by_its_interface(fate: str) -> None:
    """The configuration has B and C now, and the entry leads to an interface of A, where natkeeper led it."""
    stage = by_interface(hold_down=0)
    stage.send(person("switch", to=B))
    stage.send(person("switch", to=A))
    after = Stage({"prod": group(gateways=[C, B])})
    stage.world.add_machine(InstanceId(C), "198.51.100.30")
    stage.config, stage.told = after.config, Told()
    stage.told.rest.itself = ITSELF
    if fate == "dead":
        stage.world.stop(A)
    elif fate == "released":
        stage.world.delete_machine(A)
    receipts = stage.sweeps(3)
    assert entry_hop(stage) == interface("eni-charlie1")
    assert f"{A} was replaced in the configuration" in " ".join(receipt.sentence for receipt in receipts)


def test_a_replaced_gateway_that_cannot_be_seen_is_not_foreign() -> None:
    """Blind is neither dead nor someone else's."""
    stage = by_interface(hold_down=0)
    stage.send(person("switch", to=B))
    stage.send(person("switch", to=A))
    stage.config = Stage({"prod": group(gateways=[C, B])}).config
    stage.world.add_machine(InstanceId(C), "198.51.100.30")
    stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE, where=lambda call: A in call.ids)
    receipt = stage.sweep()
    assert "cannot be seen" in receipt.sentence
    assert entry_hop(stage) == interface(PRIMARY[A])


def test_an_interface_that_someone_chose_is_not_taken_for_a_replaced_gateway() -> None:
    """A was replaced; meanwhile a person pointed the entry to a stranger's interface, and its memory still names A."""
    stage = by_interface(hold_down=0)
    stage.send(person("switch", to=B))
    stage.send(person("switch", to=A))
    stage.config = Stage({"prod": group(gateways=[C, B])}).config
    stage.world.add_machine(InstanceId(C), "198.51.100.30")
    stage.world.repoint(TABLE, interface("eni-stranger"))
    writes = len(stage.cloud.sent(PointRoute))
    stage.sweeps(3)
    assert len(stage.cloud.sent(PointRoute)) == writes


def test_a_ha_vip_is_named_and_left_alone() -> None:
    """With a sentence that says what to do."""
    stage = by_interface()
    stage.world.repoint(TABLE, NextHop(HopKind.HA_VIP, "havip-one"))
    receipt = stage.sweep()
    assert "goes to the HaVip havip-one, which moves between instances by itself" in receipt.sentence
    assert "point the route to a gateway" in receipt.sentence
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.cloud.sent(PointRoute) == []


def test_an_unguarded_entry_by_interface_is_named() -> None:
    """As one that leads to the instance itself."""
    stage = by_interface()
    stage.world.add_route(TABLE_2, interface(PRIMARY[A]), guarded=False)
    assert any(f"nobody guards 0.0.0.0/0 in {TABLE_2}" in problem for problem in stage.sweep().problems)


def test_a_single_address_is_a_destination() -> None:
    """It is moved like any other; where its entry is not changed in place, a person has to do it, and is told."""
    stage = Stage({"prod": group(routes=[{"table": TABLE, "destination": "203.0.113.7/32"}], probe=None)})
    entry = stage.world.tables[TableId(TABLE)][0]
    entry.destination = "203.0.113.7/32"
    stage.world.guarded.clear()
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert entry.hop == NextHop(HopKind.INSTANCE, B)
    stage.world.start(A)
    stage.world.advance(60)
    stage.cloud.answer(PointRoute, "UnsupportedFeature.ModifyRouteEntryNextHop")
    stage.world.stop(B)
    receipt = stage.one(stage.state(B, "Stopping"))
    assert f"one address has no parts: point it to {A} by hand" in receipt.sentence
    assert stage.cloud.sent(CreateRoute) == []
