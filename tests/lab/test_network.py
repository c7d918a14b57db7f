"""Routes, public addresses and the managed NAT gateway act on real packets."""

from __future__ import annotations

import json
import socket

import pytest

from natlab.real.internet import PUBLIC_SIDE, WEB_SERVER
from natlab.real.measurement import offer
from natlab.simulated.network import Dropped, Reached
from tests.lab.stage import ADDRESS, HTTP_PORT, INWARD_PORT, PRIVATE, PUBLIC, TABLE, A, B, LabStage

pytestmark = pytest.mark.lab


def test_address_works_both_ways(stage: LabStage) -> None:
    """One-to-one NAT: outwards the internet sees it, inwards a forwarded port leads to the private host."""
    assert stage.lab.path_from_instance(B, WEB_SERVER) == Reached(ADDRESS[B])
    arrival = (stage.lab.private_address(PRIVATE), HTTP_PORT)
    assert stage.lab.path_inward(ADDRESS[A], INWARD_PORT) == arrival
    server = offer(stage.lab.private_host(PRIVATE), http=HTTP_PORT)
    try:
        with stage.lab.internet.namespace.socket() as visitor:
            visitor.settimeout(5.0)
            visitor.connect((ADDRESS[A], INWARD_PORT))
            visitor.sendall(b"GET / HTTP/1.1\r\n\r\n")
            # The private host sees who came, not the gateway.
            assert visitor.recv(4096).endswith(visitor.getsockname()[0].encode())
    finally:
        server.communicate(timeout=5.0)


def test_address_can_move(stage: LabStage) -> None:
    """Taken from one gateway and given to the other, an address leads there, and its old owner has none."""
    stage.lab.unbind_address(A, ADDRESS[A])
    stage.lab.unbind_address(B, ADDRESS[B])
    try:
        assert stage.is_cut_off()
        assert isinstance(stage.lab.path_inward(ADDRESS[A], INWARD_PORT), Dropped)
        stage.lab.bind_address(B, ADDRESS[A])
        stage.route_to(B)
        assert stage.way_out() == Reached(ADDRESS[A])
    finally:
        stage.lab.unbind_address(B, ADDRESS[A])
        stage.lab.bind_address(B, ADDRESS[B])
        stage.lab.bind_address(A, ADDRESS[A])


def test_longest_prefix_wins_and_halves_cover_the_default(stage: LabStage) -> None:
    """Two halves through B carry what the default route through A would; removed, A carries it again."""
    stage.route_to(B, "0.0.0.0/1")
    stage.route_to(B, "128.0.0.0/1")
    assert stage.way_out() == Reached(ADDRESS[B])
    stage.lab.remove_route(TABLE, "0.0.0.0/0")
    assert stage.way_out() == Reached(ADDRESS[B])
    stage.route_to(A)
    for half in ("0.0.0.0/1", "128.0.0.0/1"):
        stage.lab.remove_route(TABLE, half)
    assert stage.way_out() == Reached(ADDRESS[A])


def test_each_vswitch_follows_its_own_table(stage: LabStage) -> None:
    """The public vSwitch has no default route: its host gets nowhere while the private one does."""
    assert isinstance(stage.lab.path(PUBLIC, WEB_SERVER, patience_s=0.3), Dropped)
    assert isinstance(stage.way_out(), Reached)
    assert stage.lab.path(PUBLIC, stage.lab.private_address(PRIVATE)) == Reached("")


def test_next_hop_that_is_not_there_drops(stage: LabStage) -> None:
    """A route to an instance nobody has is a hole, never another way out."""
    stage.route_to("i-nobody")
    assert stage.is_cut_off()


def test_managed_nat_gateway_carries(stage: LabStage) -> None:
    """A route to a NAT gateway leaves with its address."""
    stage.lab.bind_address("ngw-1", "198.51.100.99")
    stage.lab.set_route(TABLE, "0.0.0.0/0", "NatGateway", "ngw-1")
    assert stage.way_out() == Reached("198.51.100.99")


@pytest.mark.parametrize("origin, seen", [({"vswitch": PRIVATE}, ADDRESS[A]), ({"public": True}, PUBLIC_SIDE)])
def test_functions_reach_the_network_through_the_tunnel(stage: LabStage, origin: dict[str, object], seen: str) -> None:
    """A function in the vSwitch is seen as the private host is; one without a VPC as the platform's own."""
    with _order(stage, origin, 80) as stream:
        assert json.loads(stream.readline()) == {"ok": True}
        stream.write(b"GET / HTTP/1.1\r\n\r\n")
        stream.flush()
        head = b"".join(iter(stream.readline, b"\r\n"))
        assert b"200 OK" in head
        assert stream.read(len(seen)).decode() == seen


def test_tunnel_says_refused_and_is_silent_when_packets_drop(stage: LabStage) -> None:
    """A closed port is refused; a dropped packet is never answered."""
    with _order(stage, {"vswitch": PRIVATE}, 81) as stream:
        assert json.loads(stream.readline()) == {"ok": False, "error": "refused"}
    stage.guest(A).freeze(processes=False)
    with _order(stage, {"vswitch": PRIVATE}, 80, patience_s=0.5) as stream, pytest.raises(TimeoutError):
        stream.readline()


def _order(stage: LabStage, origin: dict[str, object], port: int, patience_s: float = 5.0) -> socket.SocketIO:
    host, _, number = stage.lab.tunnel.address.partition(":")
    with socket.create_connection((host, int(number)), timeout=patience_s) as client:
        client.sendall(json.dumps({"from": origin, "to": [WEB_SERVER, port]}).encode() + b"\n")
        return client.makefile("rwb")  # type: ignore[return-value]  # the file keeps the socket
