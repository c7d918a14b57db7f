"""What do protocols over UDP feel when their gateway changes?

Flows stand for DNS, WireGuard and QUIC by what each does with addresses: a resolver answers the address that asked; a
tunnel's other end sends to the address that it last heard its key from; a QUIC server has a new address prove itself.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from natkeeper.guest import AddressMode
from natlab.real.internet import WEB_SERVER
from natlab.real.measurement import offer
from tests.lab.stage import ADDRESS, HTTP_PORT, INWARD_PORT, PRIVATE, A, B, LabStage, eventually

pytestmark = pytest.mark.lab
_MANY = 20
_WAIT_S = 1.0


@dataclass
class Conversation:
    """A private host and a server on the internet, who know each other by a key and not by an address."""

    host: socket.socket
    server: socket.socket
    peer: Any = None
    """Where the server last heard the private host."""
    validated: set[Any] = field(default_factory=set)

    def says(self, what: bytes) -> bytes:
        """Let the private host say something; what the server hears, from whom it notes."""
        self.host.sendto(what, self.server.getsockname())
        heard, self.peer = self.server.recvfrom(100)
        return heard

    def answers(self, count: int = 1) -> int:
        """Let the server send that many packets to where it last heard the host; how many of them arrive."""
        for number in range(count):
            self.server.sendto(b"%d" % number, self.peer)
        arrived = 0
        try:
            while arrived < count:
                self.host.recvfrom(100)
                arrived += 1
        except TimeoutError:
            pass
        return arrived

    def proves_new_addresses(self) -> int:
        """Let a QUIC server validate where the host comes from; how many round trips that takes before data goes on."""
        trips = 0
        while self.peer not in self.validated:
            self.server.sendto(b"challenge", self.peer)
            challenge, _ = self.host.recvfrom(100)
            asked = self.peer
            if self.says(challenge) == b"challenge" and self.peer == asked:
                self.validated.add(asked)
            trips += 1
        return trips


@contextmanager
def _conversation(stage: LabStage) -> Iterator[Conversation]:
    internet = stage.lab.internet.namespace
    with (
        stage.lab.private_host(PRIVATE).socket(socket.SOCK_DGRAM) as host,
        internet.socket(socket.SOCK_DGRAM) as server,
    ):
        server.bind((WEB_SERVER, 0))
        for each in (host, server):
            each.settimeout(_WAIT_S)
        made = Conversation(host, server)
        assert made.says(b"hello") == b"hello"
        assert (made.peer[0], made.answers(_MANY)) == (ADDRESS[A], _MANY)
        made.validated.add(made.peer)
        yield made


@pytest.fixture
def talk(stage: LabStage) -> Iterator[Conversation]:
    """A conversation that began through A."""
    with _conversation(stage) as made:
        yield made


def test_a_planned_move_loses_no_datagram(stage: LabStage, talk: Conversation) -> None:
    """The old gateway goes on delivering answers; the new address is proven in one round trip."""
    assert talk.says(b"a question under way") == b"a question under way"
    stage.route_to(B)
    assert stage.reaches_through(B)
    assert talk.answers(_MANY) == _MANY  # DNS: the answer; WireGuard and QUIC: all that the other end sends
    assert talk.says(b"next") == b"next"
    assert talk.peer[0] == ADDRESS[B]
    assert talk.proves_new_addresses() == 1
    assert talk.answers(_MANY) == _MANY


def test_after_a_death_the_other_end_is_heard_again_from_the_hosts_next_packet_on(
    stage: LabStage, talk: Conversation
) -> None:
    """What was under way to the dead gateway is lost: a tunnel is silent until its keepalive."""
    stage.lab.power_off(A, hard=True)
    stage.route_to(B)
    assert stage.reaches_through(B)
    assert talk.answers(_MANY) == 0
    assert talk.says(b"keepalive") == b"keepalive"
    assert talk.peer[0] == ADDRESS[B]
    assert talk.proves_new_addresses() == 1
    assert talk.answers(_MANY) == _MANY


def _asks(visitor: socket.socket) -> bool:
    """Whether the private host answers on a visitor's connection."""
    visitor.settimeout(5.0)
    visitor.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    return visitor.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_with_an_address_that_follows_nothing_migrates(stage: LabStage) -> None:
    """The server sees the same address and port: nothing to validate. What comes before the host speaks is lost.

    TCP goes on as it does after a death, that of visitors as well.
    """
    stage.lab.unbind_address(B, ADDRESS[B])
    host, internet = stage.lab.private_host(PRIVATE), stage.lab.internet.namespace
    try:
        assert all(report.ready for report in stage.set_up_all(AddressMode.FOLLOW))
        with (
            offer(host, http=HTTP_PORT) as server,
            _conversation(stage) as talk,
            internet.socket() as visitor,
            host.socket() as client,
        ):
            client.connect((WEB_SERVER, 80))
            visitor.connect((ADDRESS[A], INWARD_PORT))
            assert (_asks(client), _asks(visitor)) == (True, True)
            before = talk.peer
            stage.route_to(B)
            stage.lab.unbind_address(A, ADDRESS[A])
            stage.lab.bind_address(B, ADDRESS[A])
            assert eventually(lambda: not stage.is_cut_off())
            assert talk.answers(_MANY) == 0
            assert talk.says(b"next") == b"next"
            assert (talk.peer, talk.proves_new_addresses()) == (before, 0)
            assert talk.answers(_MANY) == _MANY
            assert (_asks(client), _asks(visitor)) == (True, True)
            server.kill()
    finally:
        stage.lab.unbind_address(B, ADDRESS[A])
        stage.lab.bind_address(A, ADDRESS[A])
        stage.lab.bind_address(B, ADDRESS[B])
        stage.route_to(A)
        assert all(report.ready for report in stage.set_up_all())
