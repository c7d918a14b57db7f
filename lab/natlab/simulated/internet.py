"""What answers a function that looks at the internet?  A tunnel on loopback that obeys the simulated network.

A client sends one line of JSON, `{"from": {"vswitch": id} | {"public": true}, "to": [ip, port]}`. A packet that the
network drops is answered by silence; an open port by `{"ok": true}` and an HTTP server that says which
public address it sees; a closed port by `{"ok": false, "error": "refused"}`. One thread, one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

from natlab.simulated.dataplane import SimulatedDataPlane
from natlab.simulated.network import Dropped, Reached, Way

OPEN_PORTS = frozenset({53, 80, 443, 853, 8080})
LONGEST_WAIT_S = 300.0
"""How long a connection whose packets are dropped is kept; clients give up long before."""
_LIMIT = 65536
_POLL_S = 0.05
_SYN_AGAIN_S, _DATA_AGAIN_S = 1.0, 0.2


class TunnelServer:
    """The tunnel's server. Use as a context manager or `close` it; `address` is what NATLAB_TUNNEL holds."""

    def __init__(
        self, data_plane: SimulatedDataPlane, open_ports: frozenset[int] = OPEN_PORTS, most: int = 512
    ) -> None:
        self._data_plane = data_plane
        self._open_ports = open_ports
        self._most = most
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        started = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._serve, args=(started,), name="simulated internet", daemon=True)
        self._thread.start()
        started.wait()

    @property
    def address(self) -> str:
        """Host and port on loopback."""
        return f"127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now, answered or not."""
        return len(self._tasks)

    def close(self) -> None:
        """Drop every connection and stop; may be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    def __enter__(self) -> TunnelServer:  # noqa: PYI034 -- Python 3.10 has no Self, and nobody inherits
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main(started))
        finally:
            self._loop.close()

    async def _main(self, started: threading.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_LIMIT)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stopped.wait()
        # A connection that is accepted but not made yet would be forgotten, open, by a server that is closed.
        while arriving := asyncio.all_tasks() - {asyncio.current_task()} - self._tasks.keys():
            await asyncio.gather(*arriving, return_exceptions=True)
        server.close()
        writers = list(self._tasks.values())
        for task in list(self._tasks):
            task.cancel()
        for writer in writers:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(self._tasks) >= self._most:
            oldest = next(iter(self._tasks))
            self._tasks.pop(oldest).close()
            oldest.cancel()
        task = self._loop.create_task(self._connection(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        open_one = self._tasks.pop(task, None)
        if open_one is not None:
            open_one.close()
        if not task.cancelled():
            task.exception()  # a client that went away is not worth a message

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await asyncio.wait_for(reader.readline(), LONGEST_WAIT_S)
        order = _order(line)
        if order is None:
            await _say(writer, {"ok": False, "error": "not understood"})
            return
        way, port = order
        path = await self._patiently(reader, lambda: self._path(*way))
        if path is None:
            return
        if port not in self._open_ports:
            await _say(writer, {"ok": False, "error": "refused"})
            return
        await _say(writer, {"ok": True})
        while True:
            if not await _request(reader):
                return
            path = await self._patiently(reader, lambda: self._path(*way), _DATA_AGAIN_S)
            if path is None:
                return
            await _answer(writer, path.public_ip)

    def _path(self, vswitch: str, destination: str) -> Way:
        return self._data_plane.path(vswitch, destination) if vswitch else self._data_plane.path_from_public()

    async def _patiently(
        self, reader: asyncio.StreamReader, path: Callable[[], Way], pause: float = _SYN_AGAIN_S
    ) -> Reached | None:
        """The way, once a packet gets through as a retransmission would; None when the client gave up first.

        What is lost is sent again after `pause` by a real client's kernel, and then after twice as long each time.
        """
        waited = 0.0
        while waited < LONGEST_WAIT_S:
            match path():
                case Reached() as reached:
                    return reached
                case Dropped():
                    pass
            for _ in range(round(pause / _POLL_S)):
                await asyncio.sleep(_POLL_S)
                if reader.at_eof():
                    return None
            waited += pause
            pause *= 2
        return None


def _order(line: bytes) -> tuple[tuple[str, str], int] | None:
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        order: Any = json.loads(line)
        destination, port = order["to"]
        origin = order["from"]
        if isinstance(destination, str) and type(port) is int:
            if origin.get("public") is True:
                return ("", destination), port
            if isinstance(origin["vswitch"], str):
                return (origin["vswitch"], destination), port
    return None


async def _say(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


async def _request(reader: asyncio.StreamReader) -> bool:
    """Read one HTTP request's head; False when the client is done."""
    try:
        await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return False
    return True


async def _answer(writer: asyncio.StreamWriter, public_ip: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(public_ip)}\r\n\r\n"
    writer.write(f"{head}{public_ip}".encode())
    await writer.drain()
