"""Serves the page on loopback: two addresses that can only be read, for a browser of this machine.

Methods but GET and HEAD do not exist (501, as http.server answers them).

A page of elsewhere must not read it through a name that leads here, so the Host header has to be a loopback one; the
page itself may load nothing and speak to nobody but this server.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

HOST = "127.0.0.1"
_NAMES = frozenset((HOST, "localhost", "[::1]"))


def page() -> str:
    """Return the page: one file that needs no other."""
    return files(__package__).joinpath("page.html").read_text(encoding="utf-8")


def server(port: int, state: Callable[[], Any]) -> ThreadingHTTPServer:
    """Make the server; `state` gives what the page shows. Raises OSError where the port is taken."""
    text = page()
    policy = _policy(text)

    class PageHandler(BaseHTTPRequestHandler):
        server_version, sys_version = "natkeeper", ""

        def do_GET(self) -> None:
            name = self.headers.get("Host", "").lower()
            if re.sub(r":\d+$", "", name) not in _NAMES:
                self._answer(403, "text/plain", b"only for this machine\n")
            elif self.path.partition("?")[0] == "/":
                self._answer(200, "text/html", text.encode())
            elif self.path == "/state":
                self._answer(200, "application/json", json.dumps(state(), ensure_ascii=False).encode())
            else:
                self._answer(404, "text/plain", b"there is / and /state\n")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            for key, value in (
                ("Content-Type", f"{kind}; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("Content-Security-Policy", policy),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
            ):
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A page that asks every second would fill the terminal."""

    made = ThreadingHTTPServer((HOST, port), PageHandler)
    made.daemon_threads = True
    return made


def _policy(text: str) -> str:
    """Allow the page's own style and script by their digests, and its own address."""

    def digest(tag: str) -> str:
        found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        whole = found[1] if found else ""
        return f"'sha256-{base64.b64encode(hashlib.sha256(whole.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest('style')}; script-src {digest('script')}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
