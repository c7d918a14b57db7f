"""A webhook on loopback, as a chat or pager has, that keeps what it receives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """Listens until closed. `hear` gets each message's title and text; with `hangs`, nobody is ever answered."""

    def __init__(self, hear: Callable[[str, str], None], *, hangs: bool = False) -> None:
        self.hear = hear
        self.hangs = hangs
        self.closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="webhook", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What NATKEEPER_NOTIFY is to hold: Apprise's URL of a JSON webhook."""
        return f"json://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        """Stop listening."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook
        super().__init__(("127.0.0.1", 0), _WebhookHandler)


class _WebhookHandler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        webhook = self.server.webhook
        told: Any = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        if webhook.hangs:
            webhook.closing.wait()
            return
        webhook.hear(str(told.get("title")), str(told.get("message")))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """What is told is in the record."""
