"""A webhook on loopback that keeps what it was sent, answers as it is told to, or never."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Where a message arrives. `url` is what Apprise is given."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.messages: list[dict[str, Any]] = []
        self.gets: list[str] = []
        self.status = 200
        self.hangs = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """An Apprise URL; timeouts are short because loopback answers at once or not at all."""
        return f"json://hook:geheim-token@127.0.0.1:{self.port}/natkeeper?cto=0.3&rto=0.3"


@contextmanager
def webhook() -> Iterator[Receiver]:
    """Serve a webhook on a free port of loopback."""

    class ReceivingHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if hook.hangs.is_set():
                hook.released.wait(10)
                return
            hook.messages.append(json.loads(raw))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            hook.gets.append(self.path)
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), ReceivingHandler)
    hook = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
