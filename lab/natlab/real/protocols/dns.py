"""DNS as two kinds of clients speak it: the C library's own resolver, and a forwarder that keeps its socket.

`resolver` is getaddrinfo: a socket for each query, five seconds until the second try, then an error (resolv.conf(5),
timeout and attempts). `forwarder` sends all queries by one socket and never repeats one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from natlab.real.protocols.asking import Habit, ask

SERVER = "203.0.113.53"
NAME = "www.internet.test"
_MOUNTS = (
    'mount -t tmpfs tmpfs /mnt; echo "nameserver $0" >/mnt/r; echo "hosts: dns" >/mnt/n;'
    ' mount --bind /mnt/r /etc/resolv.conf; mount --bind /mnt/n /etc/nsswitch.conf; exec "$@"'
)
WITH_ITS_RESOLVER = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNTS, SERVER)
"""In front of the program's command: a resolv.conf that only it sees."""
_AT_ONCE = 200
"""Threads that may wait in the C library."""


class Forwarder(asyncio.DatagramProtocol):
    """Queries by one socket, told apart by their number."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.transport: asyncio.DatagramTransport
        self._numbers = itertools.count(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)  # noqa: S101  create_datagram_endpoint made it
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        waiting = self.waiting.pop(struct.unpack_from("!H", data)[0], None)
        if waiting and not waiting.done():
            waiting.set_result(None)

    async def query(self) -> None:
        number = next(self._numbers) % 65536
        labels = b"".join(bytes([len(part)]) + part.encode() for part in NAME.split("."))
        self.waiting[number] = asyncio.get_running_loop().create_future()
        self.transport.sendto(struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1")
        await self.waiting[number]


async def main(habits: dict[str, dict[str, Any]]) -> None:
    """Ask as ordered."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_AT_ONCE))
    _, forwarder = await loop.create_datagram_endpoint(Forwarder, remote_addr=(SERVER, 53))

    async def resolve() -> None:
        await loop.getaddrinfo(NAME, 80, family=socket.AF_INET, type=socket.SOCK_STREAM)

    questions = {"resolver": resolve, "forwarder": forwarder.query}
    await ask({name: (Habit(**habit), questions[name]) for name, habit in habits.items()})
    os._exit(0)  # threads may still wait in the C library


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
