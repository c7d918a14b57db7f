"""How do clients reach the products?  HTTP/1.1 with keep-alive on loopback, one thread per connection.

A request is read, routed to the product that accepts it, verified, and answered through the gate.  Errors
leave in the wire style of their product.
"""

from __future__ import annotations

import dataclasses
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from natlab.cloud.kernel.errors import ApiError, NoAnswer
from natlab.cloud.kernel.rpc import rendered
from natlab.cloud.kernel.signing import Verifier
from natlab.cloud.kernel.wire import Authenticates, Request, Response, Service, action_and_version

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

_LOG = logging.getLogger(__name__)
MAX_BODY = 150 * 2**20
"""Bytes; function code travels inside a request, base64-encoded, and FC takes 100 MB at most."""


class CloudServer:
    """Serves a cloud until closed; `port` 0 takes a free one."""

    def __init__(self, cloud: CloudContext, port: int = 0) -> None:
        self.cloud = cloud
        self.verifier = Verifier(cloud.accounts, time.time)
        self.closing = threading.Event()
        self._http = _HttpServer(("127.0.0.1", port), self)
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="natlab-http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end open connections, and answer nothing any more."""
        self.closing.set()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join(timeout=5.0)

    def answer(self, request: Request) -> Response:
        """The answer to one request; NoAnswer when the client shall hear nothing."""
        service: Service | None = None
        try:
            service = self._route(request)
            authenticate = service.authenticate if isinstance(service, Authenticates) else self.verifier.verify
            request = dataclasses.replace(request, principal=authenticate(request))
            outcome = self.cloud.gate.answer(service, request)
        except ApiError as error:
            return rendered(error, service, request, self.cloud.region)
        except NoAnswer:
            raise
        except Exception:  # noqa: BLE001 - a bug of ours must look like one of the cloud's
            _LOG.exception("the local cloud failed on %s %s", request.method, request.path)
            failure = ApiError("InternalError", "The request has failed due to an unknown error.", 500)
            return rendered(failure, service, request, self.cloud.region)
        self.sleep(outcome.delay_s + self.cloud.latencies.of("api.round_trip"))
        return outcome.response

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end of this server."""
        if seconds > 0:
            self.closing.wait(seconds)

    def _route(self, request: Request) -> Service:
        for service in self.cloud.services:
            if service.accepts(request):
                return service
        action, version = action_and_version(request)
        if not action and not version:
            raise ApiError("InvalidAction.NotFound", "Specified api is not found, please check your url.", 404)
        raise ApiError("InvalidVersion", "Specified parameter Version is not valid.", 400)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], server: CloudServer) -> None:
        self.cloud_server = server
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._connections_lock:
            open_connections = list(self._connections)
        for connection in open_connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about a client that goes away in the middle."""
        _LOG.debug("a connection broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _HttpServer

    def _serve(self) -> None:
        cloud = self.server.cloud_server.cloud
        body = self._body()
        if body is None:
            return
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=url.path or "/",
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers=self._lower_headers(),
            body=body,
            request_id=cloud.ids.uuid(),
        )
        try:
            response = self.server.cloud_server.answer(request)
        except NoAnswer as silence:
            self.server.cloud_server.sleep(silence.after_s)
            self.close_connection = True
            return
        cloud.observe(request, response)
        self._send(request, response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve  # noqa: N815 - stdlib's names

    def _lower_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
        return headers

    def _body(self) -> bytes | None:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunked_body()
        try:
            length = int(self.headers.get("content-length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            self.send_error(413 if length > 0 else 400)
            return None
        return self.rfile.read(length)

    def _chunked_body(self) -> bytes | None:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0].strip(), 16)
            except ValueError:
                size = -1
            total += size
            if size < 0 or total > MAX_BODY:
                self.close_connection = True
                self.send_error(400)
                return None
            if size == 0:
                while self.rfile.readline(65536).strip():
                    continue
                return b"".join(parts)
            parts.append(self.rfile.read(size))
            self.rfile.readline(1024)

    def _send(self, request: Request, response: Response) -> None:
        self.send_response(response.status)
        names = {name.lower() for name in response.headers}
        for name, value in response.headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        if "x-acs-request-id" not in names:
            self.send_header("x-acs-request-id", request.request_id)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the stdlib's name
        """Requests are in the cloud's own log."""
