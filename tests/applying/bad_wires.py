"""Servers that are worse than dead: they answer a byte at a time, or fall silent on connections that were good.

`BadWire` stands between a client and the local cloud: it forwards whole exchanges and misbehaves where it is told to.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class BadWire:
    """A TCP forwarder of HTTP exchanges to `behind`, on loopback.

    `trickles`: actions whose answers pass one byte a second. `mute`: connections numbered below it pass nothing any
    more, and do not close either. `delay`: seconds before an answer passes.
    """

    behind: tuple[str, int]
    trickles: set[str] = field(default_factory=set)
    mute: int = 0
    delay: float = 0.0
    connections: int = 0
    near: set[socket.socket] = field(default_factory=set)
    requests: list[tuple[int, str]] = field(default_factory=list)
    listener: socket.socket = field(default_factory=socket.socket)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def open(self) -> int:
        return len(self.near)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._carry, args=(near, self.connections), daemon=True).start()

    def _carry(self, near: socket.socket, number: int) -> None:
        self.near.add(near)
        with near, contextlib.suppress(OSError), socket.create_connection(self.behind) as far:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := _message(near):
                action = _header(request, b"x-acs-action")
                self.requests.append((number, action))
                if number < self.mute:
                    self._wait_for_the_end(near)
                    break
                far.sendall(request)
                answer = _message(far)
                if not answer:
                    break
                self.stopped.wait(self.delay)
                if action in self.trickles:
                    self._trickle(near, answer)
                else:
                    near.sendall(answer)
        self.near.discard(near)

    def _trickle(self, near: socket.socket, answer: bytes) -> None:
        near.sendall(answer[:20])
        for position in range(20, len(answer)):
            if self.stopped.wait(1.0) or _gone(near):
                return
            near.sendall(answer[position : position + 1])

    def _wait_for_the_end(self, near: socket.socket) -> None:
        while not self.stopped.wait(0.05) and not _gone(near):
            pass


@contextmanager
def wire_to(endpoint: str) -> Iterator[BadWire]:
    """Serve a wire in front of `endpoint`; at the end nothing of it is left."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    wire = BadWire((host, int(port)))
    wire.serve()
    try:
        yield wire
    finally:
        wire.stopped.set()
        wire.listener.close()
        for near in list(wire.near):  # a client may keep its connection, and nobody would read from it any more
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + 5
        while wire.open and time.monotonic() < until:
            time.sleep(0.01)


def _gone(near: socket.socket) -> bool:
    near.settimeout(0.001)
    try:
        return near.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        near.settimeout(None)


def _message(sock: socket.socket) -> bytes:
    """Read one HTTP message with its Content-Length, or nothing when the peer has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(_header(head, b"content-length") or 0)
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def _header(message: bytes, name: bytes) -> str:
    for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode()
    return ""
