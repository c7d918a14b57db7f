"""How `natlab break` in one terminal reaches the playground of another: HTTP on loopback, a token in a private file."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "natlab-play-"
VARIABLE: Final = "NATLAB_PLAYGROUND"
_FILE = "playground.json"
_WITHIN_S = 90.0

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class NoPlayground(Exception):
    """There is none, or it does not answer; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a playground listens."""

    url: str
    token: str


@contextmanager
def serve(directory: Path, answer: Answer) -> Iterator[None]:
    """Answer requests of other commands of this machine's user, until the context ends."""
    token = secrets.token_urlsafe(16)

    class ControlHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            allowed = secrets.compare_digest(self.headers.get("Authorization", ""), f"Bearer {token}")
            said = answer(json.loads(body)) if allowed else {"error": "this is another person's playground"}
            data = json.dumps(said).encode()
            self.send_response(200 if allowed else 403)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """The timeline tells what happens."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), ControlHandler)
    server.daemon_threads = True
    file = directory / _FILE
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as handle:
        json.dump({"url": f"http://127.0.0.1:{server.server_address[1]}", "token": token}, handle)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        file.unlink(missing_ok=True)


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Ask the playground. Raises NoPlayground."""
    door = _find()
    call = urllib.request.Request(door.url, json.dumps(request).encode(), {"Authorization": f"Bearer {door.token}"})  # noqa: S310  loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(call, timeout=_WITHIN_S) as answer:
            said: dict[str, Any] = json.loads(answer.read())
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise NoPlayground(f"the playground does not answer ({error}); begin one with `natlab play`") from error
    return said


def _find() -> Door:
    """Find the playground that the shell names, or the only one that runs."""
    named = os.environ.get(VARIABLE)
    directories = [Path(named)] if named else _running()
    if not directories:
        raise NoPlayground("no playground is running here; begin one in another terminal with `natlab play`")
    if len(directories) > 1:
        listed = ", ".join(map(str, directories))
        raise NoPlayground(f"{len(directories)} playgrounds are running; name one: export {VARIABLE}=… ({listed})")
    try:
        return Door(**json.loads((directories[0] / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise NoPlayground(f"the playground in {directories[0]} is over; begin another with `natlab play`") from error


def _running() -> list[Path]:
    found = []
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = directory.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and Path(f"/proc/{pid}").exists() and (directory / _FILE).exists():
            found.append(directory)
    return found
