"""Where packets of private hosts go, by routes, next hops, public addresses and the state of gateways."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from natlab.simulated.dataplane import SimulatedDataPlane
from natlab.simulated.guest import Guest
from natlab.simulated.network import Dropped, Reached

OUT = "203.0.113.10"
FIRST, SECOND, NAT = "198.51.100.1", "198.51.100.2", "198.51.100.9"


@pytest.fixture
def ground(pattern: Callable[[str], Guest]) -> Iterator[SimulatedDataPlane]:
    """Two gateways that the real script made, one private vSwitch, a route through the first."""
    data_plane = SimulatedDataPlane()
    data_plane.create_vswitch("vsw-gateways", "10.0.0.0/24", "vpc-1")
    data_plane.create_vswitch("vsw-private", "10.0.3.0/24", "vpc-1")
    data_plane.attach_table("vsw-gateways", "vtb-system")
    data_plane.attach_table("vsw-private", "vtb-private")
    for number, (gateway, address) in enumerate((("i-1", FIRST), ("i-2", SECOND)), 1):
        data_plane.create_instance(gateway, f"10.0.0.1{number}", "vsw-gateways")
        data_plane.power_on(gateway)
        data_plane.bind_address(gateway, address)
        like = pattern("debian12").state
        with data_plane.guests[gateway].by_hand() as state:
            state.update({key: like[key] for key in ("permanent", "runtime", "sysctl", "units")})
    data_plane.set_route("vtb-private", "0.0.0.0/0", "Instance", "i-1")
    yield data_plane
    data_plane.close()


def dropped(ground: SimulatedDataPlane, vswitch: str = "vsw-private") -> str:
    """Why the private host does not get out."""
    way = ground.path(vswitch, OUT, 80)
    assert isinstance(way, Dropped), way
    return way.reason


def test_a_private_host_leaves_with_the_address_of_its_next_hop(ground: SimulatedDataPlane) -> None:
    """And with another one as soon as the route is changed in place."""
    assert ground.path("vsw-private", OUT, 80) == Reached(FIRST)
    ground.set_route("vtb-private", "0.0.0.0/0", "Instance", "i-2")
    assert ground.path("vsw-private", OUT, 80) == Reached(SECOND)


def test_the_longest_prefix_decides(ground: SimulatedDataPlane) -> None:
    """Two halves carry the traffic while the whole is replaced, one of them only its own."""
    ground.set_route("vtb-private", "128.0.0.0/1", "Instance", "i-2")
    assert ground.path("vsw-private", OUT, 80) == Reached(SECOND)
    assert ground.path("vsw-private", "100.100.100.100", 80) == Reached(FIRST)
    ground.remove_route("vtb-private", "0.0.0.0/0")
    assert ground.path("vsw-private", "100.100.100.100", 80) == Dropped("no route")
    assert ground.path("vsw-private", OUT, 80) == Reached(SECOND)
    ground.set_route("vtb-private", "203.0.113.0/24", "Instance", "i-1")
    assert ground.path("vsw-private", OUT, 80) == Reached(FIRST)


def test_inside_the_vpc_no_route_is_needed(ground: SimulatedDataPlane) -> None:
    """Another vSwitch of the VPC is reached whatever the gateways do."""
    ground.power_off("i-1", hard=True)
    assert ground.path("vsw-private", "10.0.0.12", 22) == Reached("")


@pytest.mark.parametrize(
    "breaks, reason",
    [
        ("power_off", "off"),
        ("hang", "hangs"),
        ("lose_masquerade", "masquerades"),
        ("switch_off_forwarding", "ip_forward"),
        ("stop_firewalld", "masquerades"),
        ("unbind_interface", "admin-prohibited"),
        ("add_foreign_reject", "refused"),
    ],
)
def test_a_broken_gateway_drops_and_says_why(ground: SimulatedDataPlane, breaks: str, reason: str) -> None:
    """The other gateway is not touched by it."""
    getattr(ground.guests["i-1"], breaks)()
    assert reason in dropped(ground)
    ground.set_route("vtb-private", "0.0.0.0/0", "Instance", "i-2")
    assert ground.path("vsw-private", OUT, 80) == Reached(SECOND)


def test_a_gateway_loses_as_large_a_share_as_it_is_told_to(ground: SimulatedDataPlane) -> None:
    """Three of ten, and none once it is well again."""
    guest = ground.guests["i-1"]
    guest.loss = 0.3
    lost = sum(isinstance(ground.path("vsw-private", OUT), Dropped) for _ in range(200))
    assert 40 <= lost <= 80
    guest.loss = 0.0
    assert isinstance(ground.path("vsw-private", OUT), Reached)


def test_a_gateway_without_public_address_leads_nowhere(ground: SimulatedDataPlane) -> None:
    """Until the address is bound to it."""
    ground.unbind_address("i-1", FIRST)
    assert "no public address" in dropped(ground)
    ground.bind_address("i-1", NAT)
    assert ground.path("vsw-private", OUT, 80) == Reached(NAT)


def test_a_nat_gateway_needs_only_an_address(ground: SimulatedDataPlane) -> None:
    """The managed fallback has no machine that could break."""
    ground.set_route("vtb-private", "0.0.0.0/0", "NatGateway", "ngw-1")
    assert "no public address" in dropped(ground)
    ground.bind_address("ngw-1", NAT)
    assert ground.path("vsw-private", OUT, 80) == Reached(NAT)


def test_next_hops_that_are_not_there_are_black_holes(ground: SimulatedDataPlane) -> None:
    """A released instance, an unknown kind, an unknown vSwitch, a vSwitch without a table."""
    ground.set_route("vtb-private", "0.0.0.0/0", "Instance", "i-gone")
    assert "no such instance" in dropped(ground)
    ground.set_route("vtb-private", "0.0.0.0/0", "NetworkInterface", "eni-1")
    assert "NetworkInterface" in dropped(ground)
    assert "vsw-none" in dropped(ground, "vsw-none")
    assert dropped(ground, "vsw-gateways") == "no route"
    ground.destroy_instance("i-2")
    ground.set_route("vtb-private", "0.0.0.0/0", "Instance", "i-2")
    assert "no such instance" in dropped(ground)


def test_a_dead_internet_answers_nobody(ground: SimulatedDataPlane) -> None:
    """Neither hosts nor gateways nor anyone outside, until it is back."""
    ground.internet_down()
    assert "internet" in dropped(ground)
    assert isinstance(ground.path_from_instance("i-1", OUT), Dropped)
    assert isinstance(ground.path_from_public(), Dropped)
    ground.internet_up()
    assert ground.path_from_instance("i-1", OUT) == Reached(FIRST)


def test_a_gateway_itself_leaves_by_its_own_address_or_by_the_route(ground: SimulatedDataPlane) -> None:
    """A standby without an address uses the route of its vSwitch; a route to itself is no way out."""
    assert ground.path_from_instance("i-2", OUT) == Reached(SECOND)
    ground.unbind_address("i-2", SECOND)
    assert ground.path_from_instance("i-2", OUT) == Dropped("no route")
    ground.set_route("vtb-system", "0.0.0.0/0", "Instance", "i-1")
    assert ground.path_from_instance("i-2", OUT) == Reached(FIRST)
    ground.set_route("vtb-system", "0.0.0.0/0", "Instance", "i-2")
    assert ground.path_from_instance("i-2", OUT) == Dropped("i-2 has no public address")
    ground.guests["i-2"].hang()
    assert ground.path_from_instance("i-2", OUT) == Dropped("i-2 does not run")


def test_a_forwarded_port_leads_inwards_on_the_owner_of_the_address(ground: SimulatedDataPlane) -> None:
    """Only the configured port, only while the owner runs."""
    with ground.guests["i-1"].by_hand() as state:
        state["private_ip"] = "10.0.0.11"
    assert ground.path_inward(FIRST, 8080) == ("10.0.1.5", 80)
    assert isinstance(ground.path_inward(FIRST, 8081), Dropped)
    assert isinstance(ground.path_inward(FIRST, 8080, "udp"), Dropped)
    ground.power_off("i-1", hard=True)
    assert isinstance(ground.path_inward(FIRST, 8080), Dropped)
    assert isinstance(ground.path_inward(NAT, 8080), Dropped)


@pytest.mark.parametrize(
    "other_table, own_table, answered",
    [
        ("", "", False),
        ("ip saddr 10.0.3.5 tcp sport 80 jump answers\n", "", True),
        ("ip saddr 10.0.3.5 tcp sport 70-90 jump answers\n", "", True),
        ("ip saddr 10.0.3.5 tcp sport 81 jump answers\n", "", False),
        ("ip saddr 10.0.3.5 jump answers\n", "", True),
        ("", "ct status dnat ip daddr 10.0.3.5 meta l4proto tcp tcp dport 80 masquerade\n", True),
        ("", "ct status dnat ip daddr 10.0.3.5 meta l4proto udp udp dport 80 masquerade\n", False),
    ],
)
def test_answers_leave_by_the_route_and_find_back_only_by_a_gateway_that_knows(
    ground: SimulatedDataPlane, other_table: str, own_table: str, *, answered: bool
) -> None:
    """The gateway with the route hands them over, or the visitor's own one was the source."""
    for gateway, table in (("i-1", own_table), ("i-2", other_table)):
        with ground.guests[gateway].by_hand() as state:
            state["private_ip"], state["table"] = "10.0.0.11", table
            for rules in (zone["rich_rules"] for zone in state["runtime"]["zones"].values()):
                rules[:] = [rule.replace("10.0.1.5", "10.0.3.5") for rule in rules]
    assert ground.path_inward(FIRST, 8080) == ("10.0.3.5", 80)
    ground.set_route("vtb-private", "0.0.0.0/0", "Instance", "i-2")
    assert (ground.path_inward(FIRST, 8080) == ("10.0.3.5", 80)) is answered
    ground.guests["i-2"].hang()
    assert (ground.path_inward(FIRST, 8080) == ("10.0.3.5", 80)) is bool(own_table and answered)


def test_a_private_host_comes_around_by_a_public_address_that_its_gateway_forwards(ground: SimulatedDataPlane) -> None:
    """Any address that the rules of the gateway with the route name; others lead out of the VPC."""
    with ground.guests["i-1"].by_hand() as state:
        for rules in (zone["rich_rules"] for zone in state["runtime"]["zones"].values()):
            rules += [rule.replace("10.0.0.11", SECOND) for rule in rules if "forward-port" in rule]
    assert ground.path_around("vsw-private", SECOND, 8080) == ("10.0.1.5", 80)
    assert isinstance(ground.path_around("vsw-private", FIRST, 8080), Dropped)
    ground.guests["i-1"].lose_masquerade()
    assert isinstance(ground.path_around("vsw-private", SECOND, 8080), Dropped)
    ground.remove_route("vtb-private", "0.0.0.0/0")
    assert isinstance(ground.path_around("vsw-private", SECOND, 8080), Dropped)


def test_reset_forgets_everything(ground: SimulatedDataPlane) -> None:
    """Machines, routes, addresses."""
    ground.internet_down()
    homes = [guest.directory for guest in ground.guests.values()]
    ground.reset()
    assert "vsw-private" in dropped(ground)
    assert isinstance(ground.path_from_public(), Reached)
    assert not any(home.exists() for home in homes)
