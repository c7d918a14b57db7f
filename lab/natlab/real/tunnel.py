"""How do functions get into the lab's network?  Through a port on loopback, whose connections continue inside.

The protocol is that of natlab.cloud.fc.runtime.tunnel: one line of JSON, `{"from": …, "to": [ip, port]}`. Here
the connection is opened in the namespace of the vSwitch's private host, or on the internet for a function without a
VPC. What the network drops is answered by silence, as long as the kernel goes on trying.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

Opener = Callable[[str], socket.socket | None]
"""From a vSwitch id (empty: the public side) to a socket of that place; None where there is no such place."""

LONGEST_WAIT_S = 300.0
_REFUSED = {errno.ECONNREFUSED: "refused"}


class Tunnel:
    """The tunnel's server, with a thread and an event loop of its own."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        started = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._serve, args=(started,), name="tunnel into the lab", daemon=True)
        self._thread.start()
        started.wait()

    @property
    def address(self) -> str:
        """What NATLAB_TUNNEL holds."""
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        """Drop every connection and stop; may be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main(started))
        finally:
            self._loop.close()

    async def _main(self, started: threading.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stopped.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._connection(reader, writer))
        self._tasks.add(task)

        def over(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            writer.close()
            if not done.cancelled():
                done.exception()  # a client that went away is not worth a message

        task.add_done_callback(over)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        order = _order(await asyncio.wait_for(reader.readline(), LONGEST_WAIT_S))
        if order is None:
            await _say(writer, {"ok": False, "error": "not understood"})
            return
        origin, destination = order
        inside = self._opener(origin)
        if inside is None:
            await _say(writer, {"ok": False, "error": f"there is no vSwitch {origin}"})
            return
        with inside:
            inside.settimeout(0)
            refusal = await self._connect(reader, inside, destination)
            if refusal is not None:
                await _say(writer, {"ok": False, "error": refusal})
                return
            await _say(writer, {"ok": True})
            far_reader, far_writer = await asyncio.open_connection(sock=inside)
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.close()

    async def _connect(self, client: asyncio.StreamReader, inside: socket.socket, to: tuple[str, int]) -> str | None:
        """Why there is no connection; None when there is one. A client that gives up first ends the try."""
        trying = asyncio.ensure_future(self._loop.sock_connect(inside, to))
        leaving = asyncio.ensure_future(client.read(1))
        done, _ = await asyncio.wait({trying, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if trying not in done:
            trying.cancel()
            raise ConnectionResetError
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
        try:
            await trying
        except TimeoutError:
            await client.read(1)  # silence, until the client gives up
            raise
        except OSError as refusal:
            return _REFUSED.get(refusal.errno or 0, "unreachable")
        return None


def _order(line: bytes) -> tuple[str, tuple[str, int]] | None:
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        order: Any = json.loads(line)
        host, port = order["to"]
        if isinstance(host, str) and type(port) is int:
            if order["from"].get("public") is True:
                return "", (host, port)
            if isinstance(vswitch := order["from"]["vswitch"], str) and vswitch:
                return vswitch, (host, port)
    return None


async def _say(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the end, then say so to the other side."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
