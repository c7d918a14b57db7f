"""QUIC between a private host and a server: one connection that is busy, and two on which nobody speaks until later.

The client asks on `busy` all the time and on the others when it is told to; on `pushed` the server asks as well, when
it is told to, and the client answers. At the end the server tells, for each connection, from which addresses it came
and how often it had a path proven.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, QuicEvent, StreamDataReceived
from aioquic.quic.logger import QuicLogger, QuicLoggerTrace
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from natlab.real.protocols.asking import Habit, ask, tell

ADDRESS, PORT = "203.0.113.44", 4433
HOST = "quic.internet.test"
ALPN = "natlab"
CONNECTIONS = ("busy", "idle", "pushed")
_SIZE = 8
"""Bytes of a question and of its answer. The first question on a connection is its name."""


class Connection(QuicConnectionProtocol):
    """One end of a connection: questions go out on a stream of its own, and come back as they are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = ""
        self.addresses: list[str] = []
        self.handshakes = 0
        self.ended = ""
        self._stream: int | None = None
        self._parts: dict[int, bytes] = {}
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        self._numbers = itertools.count(1)

    def datagram_received(self, data: bytes | str, addr: Any) -> None:
        if addr[0] not in self.addresses[-1:]:
            self.addresses.append(addr[0])
        super().datagram_received(data, addr)

    def quic_event_received(self, event: QuicEvent) -> None:
        match event:
            case HandshakeCompleted():
                self.handshakes += 1
            case ConnectionTerminated():
                self.ended = event.reason_phrase or str(event.error_code)
                for waiting in self._waiting.values():
                    waiting.set_exception(ConnectionError(self.ended))
            case StreamDataReceived():
                data = self._parts.pop(event.stream_id, b"") + event.data
                while len(data) >= _SIZE:
                    self._received(event.stream_id, data[:_SIZE])
                    data = data[_SIZE:]
                self._parts[event.stream_id] = data

    def _received(self, stream: int, what: bytes) -> None:
        if stream == self._stream:
            if (waiting := self._waiting.pop(what, None)) and not waiting.done():
                waiting.set_result(None)
            return
        self.name = self.name or what.decode().strip()
        self._quic.send_stream_data(stream, what)
        self.transmit()

    async def question(self, what: bytes = b"") -> None:
        """Ask something, and wait until it comes back."""
        if self._stream is None:
            self._stream = self._quic.get_next_available_stream_id()
        what = what.ljust(_SIZE) or b"%08d" % next(self._numbers)
        self._waiting[what] = asyncio.get_running_loop().create_future()
        self._quic.send_stream_data(self._stream, what)
        self.transmit()
        await self._waiting[what]


def challenges(trace: QuicLoggerTrace) -> int:
    """How often this end had the other prove a path."""
    sent = [event for event in trace.to_dict()["events"] if event["name"] == "transport:packet_sent"]
    return sum(frame["frame_type"] == "path_challenge" for event in sent for frame in event["data"]["frames"])


def certificate(directory: Path) -> None:
    """Write a certificate of its own and its key, good for an hour."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "key.pem").write_bytes(secret)


async def server(directory: Path, habit: Habit) -> None:
    """Answer what comes, and ask on `pushed` when told to."""
    logger = QuicLogger()
    configuration = QuicConfiguration(is_client=False, alpn_protocols=[ALPN], quic_logger=logger)
    configuration.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    made: list[Connection] = []

    def create(*args: Any, **kwargs: Any) -> Connection:
        made.append(Connection(*args, **kwargs))
        return made[-1]

    listening = await serve(ADDRESS, PORT, configuration=configuration, create_protocol=create)

    async def push() -> None:
        await next(each for each in made if each.name == "pushed").question()

    await ask({"pushed": (Habit(habit.every_s, habit.patience_s, at_once=False), push)})
    for each, trace in zip(made, logger._traces, strict=True):  # noqa: SLF001  in the order of connections
        tell(
            connection=each.name, addresses=each.addresses, challenges=challenges(trace),
            handshakes=each.handshakes, ended=each.ended,
        )  # fmt: skip
    listening.close()


async def client(directory: Path, habit: Habit) -> None:
    """Open the connections, ask on `busy`, and on the others when told to."""
    configuration = QuicConfiguration(is_client=True, alpn_protocols=[ALPN], server_name=HOST)
    configuration.load_verify_locations(str(directory / "cert.pem"))
    async with AsyncExitStack() as ending:
        opened = {}
        for name in CONNECTIONS:
            opening = connect(ADDRESS, PORT, configuration=configuration, create_protocol=Connection)
            made = await ending.enter_async_context(opening)
            assert isinstance(made, Connection)  # noqa: S101  as create_protocol makes it
            await made.question(name.encode())
            opened[name] = made
        later = Habit(habit.every_s, habit.patience_s, at_once=False)
        await ask({name: (habit if name == "busy" else later, each.question) for name, each in opened.items()})


if __name__ == "__main__":
    role, place, habits = json.loads(sys.argv[1])
    asyncio.run({"server": server, "client": client}[role](Path(place), Habit(**habits)))
