"""The tunnel through which functions see the simulated internet."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from natlab.simulated.dataplane import SimulatedDataPlane
from natlab.simulated.internet import TunnelServer
from natlab.simulated.network import Dropped, Reached, Way

PATIENCE_S = 20.0
PRIVATE = {"vswitch": "vsw-1"}


class ScriptedNetwork(SimulatedDataPlane):
    """A data plane whose network is whatever the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.way: Way = Reached("198.51.100.7")

    def path(self, source_vswitch_id: str, destination_ip: str, port: int = 80) -> Way:
        return self.way if source_vswitch_id == "vsw-1" else Dropped("no such vSwitch")


@pytest.fixture
def ground() -> Iterator[ScriptedNetwork]:
    """A network that reaches everything."""
    ground = ScriptedNetwork()
    yield ground
    ground.close()


@pytest.fixture
def internet(ground: ScriptedNetwork) -> Iterator[TunnelServer]:
    """Its tunnel."""
    with TunnelServer(ground) as internet:
        yield internet


def connect(internet: TunnelServer, origin: Any, port: int = 80, timeout: float = PATIENCE_S) -> socket.socket:
    """A connection that has sent its line."""
    sock = socket.create_connection(("127.0.0.1", internet.port), timeout)
    sock.sendall(json.dumps({"from": origin, "to": ["203.0.113.10", port]}).encode() + b"\n")
    return sock


def ended(sock: socket.socket) -> bool:
    """Return True if the other side has closed the connection, politely or not."""
    try:
        return sock.recv(100) == b""
    except ConnectionResetError:
        return True


def get(sock: socket.socket) -> bytes:
    """One HTTP exchange; what the server answers."""
    sock.sendall(b"GET / HTTP/1.1\r\nHost: www.internet.test\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.split(b"\r\n\r\n", 1)[1]:
        answer += sock.recv(4096)
    return answer


def test_an_open_way_leads_to_a_server_that_tells_the_public_address(internet: TunnelServer) -> None:
    """One line of agreement, then HTTP, as often as asked on one connection."""
    with connect(internet, PRIVATE) as sock:
        assert sock.recv(100) == b'{"ok": true}\n'
        for _ in range(2):
            answer = get(sock)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\n198.51.100.7")


def test_a_function_without_a_vpc_has_a_way_of_its_own(internet: TunnelServer, ground: ScriptedNetwork) -> None:
    """Whatever the gateways do."""
    ground.way = Dropped("dead")
    with connect(internet, {"public": True}) as sock:
        assert sock.recv(100) == b'{"ok": true}\n'


def test_a_dropped_packet_is_answered_by_silence(internet: TunnelServer, ground: ScriptedNetwork) -> None:
    """The client's own timeout is what ends it."""
    ground.way = Dropped("dead")
    with connect(internet, PRIVATE, timeout=0.3) as sock, pytest.raises(TimeoutError):
        sock.recv(100)


def test_a_way_that_opens_later_lets_a_retransmission_through(internet: TunnelServer, ground: ScriptedNetwork) -> None:
    """As a SYN that is sent again."""
    ground.way = Dropped("dead")
    with connect(internet, PRIVATE) as sock:
        ground.way = Reached("198.51.100.8")
        assert sock.recv(100) == b'{"ok": true}\n'
        assert get(sock).endswith(b"198.51.100.8")


def test_a_closed_port_refuses(internet: TunnelServer) -> None:
    """At once."""
    with connect(internet, PRIVATE, port=81) as sock:
        assert json.loads(sock.recv(100)) == {"ok": False, "error": "refused"}
        assert sock.recv(100) == b""


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"from":{"vswitch":1},"to":["a",1]}\n',
        b'{"from":{},"to":["a","b"]}\n',
        b'{"from":5,"to":["a",1]}\n',
    ],
)
def test_lines_that_mean_nothing_are_told_so(internet: TunnelServer, line: bytes) -> None:
    """And the connection ends."""
    with socket.create_connection(("127.0.0.1", internet.port), PATIENCE_S) as sock:
        sock.sendall(line)
        assert json.loads(sock.recv(100))["ok"] is False
        assert sock.recv(100) == b""


def test_connections_that_nobody_answers_leak_nothing(ground: ScriptedNetwork) -> None:
    """One thread serves them all, clients that give up are forgotten, and there is a bound."""
    ground.way = Dropped("dead")
    threads = threading.active_count()
    internet = TunnelServer(ground, most=4)
    socks = [connect(internet, PRIVATE) for _ in range(10)]
    assert ended(socks[0])  # the oldest gives way to the newest
    assert internet.connections <= 4
    assert threading.active_count() == threads + 1
    for sock in socks:
        sock.close()
    internet.close()
    internet.close()
    assert internet.connections == 0
    assert threading.active_count() == threads


def test_closing_ends_every_connection(ground: ScriptedNetwork) -> None:
    """Clients see the end of the stream."""
    ground.way = Dropped("dead")
    internet = TunnelServer(ground)
    with connect(internet, PRIVATE) as sock:
        internet.close()
        assert ended(sock)
