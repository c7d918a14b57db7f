"""The places that Apprise's own plugins speak to, on loopback: web hooks of chat systems, and a mail server.

Each plugin is the real one; only the address that it posts to is this machine's.
"""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Chats:
    """What arrived over HTTP: the path, and the JSON or form as an object."""

    port: int = 0
    arrived: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def chats() -> Iterator[Chats]:
    """Serve the web hooks; each answers what its plugin takes for success."""
    known = Chats()

    class HttpChannelHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                said: Any = json.loads(raw)
            except ValueError:
                said = parse_qs(raw.decode())
            known.arrived.append((self.path, said))
            slack = self.path.startswith("/slack")
            body = b"ok" if slack else b'{"errcode": 0, "errmsg": "ok", "code": 0, "msg": "success", "StatusCode": 0}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), HttpChannelHandler)
    known.port = server.server_address[1]
    with _serving(server):
        yield known


@dataclass
class Mails:
    """What arrived over SMTP."""

    port: int = 0
    arrived: list[EmailMessage] = field(default_factory=list)


@contextmanager
def mails() -> Iterator[Mails]:
    """Serve as much of SMTP (RFC 5321) as a client without encryption or a password asks for."""
    known = Mails()

    class HttpChannelHandler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 loopback")
            while line := self.rfile.readline().decode().strip():
                verb = line.split()[0].upper()
                if verb == "DATA":
                    self._say("354 go on")
                    lines: list[bytes] = []
                    while (data := self.rfile.readline()) != b".\r\n":
                        lines.append(data[1:] if data.startswith(b"..") else data)
                    parsed = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                    assert isinstance(parsed, EmailMessage)
                    known.arrived.append(parsed)
                self._say("221 bye" if verb == "QUIT" else "250 OK")
                if verb == "QUIT":
                    return

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), HttpChannelHandler)
    known.port = server.server_address[1]
    with _serving(server):
        yield known


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
