"""What do protocols over UDP feel when their gateway changes?  DNS, QUIC and WireGuard, spoken as they are.

`pytest -s` prints the figures of docs/connections.md. What is asserted is what survives, and who has to speak first.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from natkeeper.guest import AddressMode
from natlab.real.internet import WEB_SERVER
from natlab.real.measurement import offer
from natlab.real.protocols import quic, wireguard
from tests.lab.protocols import AT_ONCE, Protocols, speaking
from tests.lab.stage import ADDRESS, HTTP_PORT, INWARD_PORT, PRIVATE, A, B, LabStage

_MISSING = " ".join(wireguard.missing())
pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.skipif(bool(_MISSING), reason=f"WireGuard is not installed: apt-get install {_MISSING}"),
]
_NOTICED_AFTER_S = 3.0
"""How long a dead gateway keeps its route here."""
_KEEPALIVE_WITHIN_S = 60.0
SERVER_FIRST = (("server", "pushed"), ("outside", "kept"), ("outside", "silent"))
_PUSHED, _SILENT = SERVER_FIRST[0], SERVER_FIRST[2]


@pytest.fixture
def talk(stage: LabStage, tmp_path: Path) -> Iterator[Protocols]:
    """Everything speaks through A."""
    with speaking(stage, tmp_path) as made:
        yield made


def _ended(talk: Protocols, move: str, addresses: list[str], challenges: int) -> None:
    """Hold what the QUIC server saw: the same connections, from these addresses, each new one proven once."""
    seen = talk.end(move)
    assert set(seen) == set(quic.CONNECTIONS)
    for told in seen.values():
        assert (told["addresses"], told["handshakes"], told["ended"]) == (addresses, 1, "")
        assert told["challenges"] == challenges


def _server_waits_for_the_host(talk: Protocols) -> None:
    """What a server says first is lost until the host speaks: by itself, or for its keepalive."""
    talk.begin(*SERVER_FIRST)
    assert talk.answered(("outside", "kept"), within_s=_KEEPALIVE_WITHIN_S)
    assert not talk.answered(_PUSHED, within_s=0.0)
    assert not talk.answered(_SILENT, within_s=0.0)
    talk.begin(("client", "pushed"), ("inside", "speaks"))
    assert talk.answered(_PUSHED, _SILENT)


def test_a_planned_move_loses_nothing(stage: LabStage, talk: Protocols) -> None:
    """The old gateway goes on delivering what servers send, so that the answer already comes from the new address."""
    stage.route_to(B)
    talk.moved_at = time.time()
    talk.begin(("client", "idle"), *SERVER_FIRST)
    assert talk.answered(*AT_ONCE, ("client", "idle"), *SERVER_FIRST)
    lost = [each for program in talk.programs.values() for each in program.questions if each.error]
    assert lost == []
    _ended(talk, "planned, own", [ADDRESS[A], ADDRESS[B]], challenges=1)


def test_after_a_death_the_other_end_waits_for_the_hosts_next_packet(stage: LabStage, talk: Protocols) -> None:
    """Everything goes on with the new address as soon as the host speaks; the server cannot reach it before."""
    stage.lab.power_off(A, hard=True)
    time.sleep(_NOTICED_AFTER_S)
    stage.route_to(B)
    talk.moved_at = time.time()
    talk.begin(("client", "idle"))
    assert talk.answered(*AT_ONCE[:-1], ("client", "idle"))
    _server_waits_for_the_host(talk)
    assert talk.answered(AT_ONCE[-1])
    _ended(talk, "gateway dies, own", [ADDRESS[A], ADDRESS[B]], challenges=1)


def _asks(visitor: socket.socket) -> bool:
    """Whether the private host answers on a visitor's connection."""
    visitor.settimeout(5.0)
    visitor.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    return visitor.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_with_an_address_that_follows_nothing_migrates(stage: LabStage, tmp_path: Path) -> None:
    """The server sees the same address and port: nothing to validate. What comes before the host speaks is lost.

    TCP goes on as it does after a death, that of visitors as well.
    """
    stage.lab.unbind_address(B, ADDRESS[B])
    host, internet = stage.lab.private_host(PRIVATE), stage.lab.internet.namespace
    try:
        assert all(report.ready for report in stage.set_up_all(AddressMode.FOLLOW))
        with (
            offer(host, http=HTTP_PORT) as server,
            speaking(stage, tmp_path) as talk,
            internet.socket() as visitor,
            host.socket() as client,
        ):
            client.connect((WEB_SERVER, 80))
            visitor.connect((ADDRESS[A], INWARD_PORT))
            assert (_asks(client), _asks(visitor)) == (True, True)
            stage.route_to(B)
            stage.lab.unbind_address(A, ADDRESS[A])
            stage.lab.bind_address(B, ADDRESS[A])
            talk.moved_at = time.time()
            talk.begin(("client", "idle"))
            assert talk.answered(*AT_ONCE[:-1], ("client", "idle"))
            assert (_asks(client), _asks(visitor)) == (True, True)
            _server_waits_for_the_host(talk)
            assert talk.answered(AT_ONCE[-1])
            _ended(talk, "planned, follow", [ADDRESS[A]], challenges=0)
            server.kill()
    finally:
        stage.lab.unbind_address(B, ADDRESS[A])
        stage.lab.bind_address(A, ADDRESS[A])
        stage.lab.bind_address(B, ADDRESS[B])
        stage.route_to(A)
        assert all(report.ready for report in stage.set_up_all())
