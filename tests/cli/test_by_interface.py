"""Commands where the guarded entry leads to a gateway's network interface: it is the gateway's, for all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from natkeeper.packaging import read_configuration
from tests.cli.town import Command, Workspace


def lead_to(place: Workspace, eni: str) -> None:
    """Point the guarded entry to a network interface, and let the task end."""
    params = {"RegionId": place.cloud.region, "RouteTableId": place.table, "DestinationCidrBlock": "0.0.0.0/0"}
    place.cloud.call("vpc", "ModifyRouteEntry", {**params, "NewNextHopType": "NetworkInterface", "NewNextHopId": eni})
    place.cloud.fc.wait_for(lambda: False, 0.1)


@pytest.fixture
def by_interface(place: Workspace) -> Workspace:
    """The table of the private vSwitch leads to the interface of the first gateway."""
    lead_to(place, place.cloud.ecs.instance(place.a).eni_id)
    return place


def test_init_sees_the_gateway_behind_the_interface(by_interface: Workspace, natkeeper: Command) -> None:
    """The table is drafted with the instance as its gateway."""
    Path("natkeeper.yaml").unlink()
    assert natkeeper("init", "--region", "cn-hangzhou").code == 0
    config, _ = read_configuration(Path("natkeeper.yaml"))
    (group,) = config.groups
    assert group.gateways[0] == by_interface.a
    assert [route.table for route in group.routes] == [by_interface.table]


def test_the_doctor_finds_nothing_foreign(by_interface: Workspace, natkeeper: Command) -> None:
    """And its dry run of a move names the interface of the other gateway."""
    by_interface.write(setup={"via": "oos"})
    found = json.loads(natkeeper("doctor", "--json").out)["findings"]
    about = [f"{each['about']}: {each['says']}" for each in found if by_interface.table in str(each["about"])]
    assert about
    assert not [each for each in about if "foreign" in each or "not managed" in each or "someone else" in each]


def test_a_switch_goes_from_second_interface_to_second_interface(by_interface: Workspace, natkeeper: Command) -> None:
    """Each instance has two."""
    second = {one: by_interface.cloud.ecs.attach_interface(one) for one in (by_interface.a, by_interface.b)}
    lead_to(by_interface, second[by_interface.a])
    by_interface.write(setup={"mode": "off"}, probe=None)
    assert natkeeper("switch", "prod", "--to", by_interface.b, "--direct").code == 1  # nothing proves it
    assert by_interface.hop == second[by_interface.b]


def test_a_switch_by_the_command_line_keeps_the_kind(by_interface: Workspace, natkeeper: Command) -> None:
    """Without the function: from the interface of the one to that of the other."""
    by_interface.write(setup={"mode": "off"}, probe=None)
    assert natkeeper("switch", "prod", "--to", by_interface.b, "--direct").code == 1  # nothing proves it
    assert by_interface.hop == by_interface.cloud.ecs.instance(by_interface.b).eni_id
    status = json.loads(natkeeper("status", "--direct", "--json").out)
    assert by_interface.b in json.dumps(status)
