"""Why does a first connection cost more than its handshake, and what is done about it?

The SDK makes a TLS context for each host, from two sets of root certificates, even where it will speak plain HTTP;
and requests has them read once more for each connection. Each reading is 15-40 ms of processor time in which no
other thread of a small function gets far. Here one context, made when the first TLS connection needs it, serves
every connection. It trusts what the SDK's would, and checks names and certificates as they do.
"""

from __future__ import annotations

import os
import ssl
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import certifi
from requests.adapters import HTTPAdapter

from natkeeper.alibaba.connections import CarefulHttpPool, CarefulHttpsPool
from natkeeper.alibaba.lean_imports import PLAIN
from natkeeper.alibaba.sockets import TimedTlsSocket

if TYPE_CHECKING:
    from requests.models import PreparedRequest

POOL = 40
"""Connections kept for each host, the SDK's own figure: no fewer than the threads of one batch."""

_making = threading.Lock()


def tls_context() -> ssl.SSLContext:
    """Return the one context: it trusts the system's root certificates and certifi's, as the SDK's do."""
    with _making:
        return _tls_context()


@cache
def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslsocket_class = TimedTlsSocket
    context.load_verify_locations(certifi.where())
    return context


class SharedTls(HTTPAdapter):
    """Careful connections of one host (connections.py); those over TLS share the one context."""

    def __init__(self, pool_size: int = POOL) -> None:
        super().__init__(pool_connections=1, pool_maxsize=pool_size)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": CarefulHttpPool, "https": CarefulHttpsPool}

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: bool | str,  # noqa: FBT001  the signature of requests
        cert: Any = None,
    ) -> tuple[Any, Any]:
        """Give the pool of a TLS host the context; requests asks this for every request."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https" and verify is True:
            pool["ssl_context"] = tls_context()
        return host, pool

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:  # noqa: FBT001  see above
        """Require a certificate; the context has the roots, so they need not be read for each connection."""
        if verify is not True or cert:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        else:
            conn.cert_reqs = "CERT_REQUIRED"


def share_tls() -> None:
    """Let the SDK's sessions use `SharedTls`, unless plain imports are asked for. Doing it twice is doing it once."""
    if os.environ.get(PLAIN) == "1":
        return
    from darabonba.core import DaraCore

    DaraCore.get_adapter = staticmethod(_adapter)  # type: ignore[method-assign]


def _adapter(prefix: str, tls_min_version: str | None = None, pool_size: int | None = None) -> SharedTls:  # noqa: ARG001  the SDK's signature
    return SharedTls(pool_size or POOL)
