"""Which connection is a request sent over, and how long may its answer take?

A connection that the far end has forgotten looks open, and costs a whole time-out to find out; a new one costs some
milliseconds. So one that was idle for some seconds is closed, one that was idle for less gets a short first try, and
when that fails every other one from before is closed as well: a pool of dead connections costs one short try, not one
for each.
"""

from __future__ import annotations

import socket
import time
from time import monotonic
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from natkeeper.alibaba.sockets import TimedSocket, connect

TRUSTED_S = 5.0
"""Connections that were idle for longer are closed. An instance of Function Compute is frozen between invocations."""
JUST_NOW_S = 1.0
"""A connection that answered so short a time ago will answer again."""
SHORT_TRY_S = 1.0
"""For the answer on a connection that was idle; a new connection has the whole time."""
PATIENT_S = 2.5
"""Requests that may take longer than this are writes; over a connection that answered just now they keep their time,
because waiting is better than sending twice."""
LONG = frozenset({"InvokeFunction"})
"""Actions whose answers take as long as other people's code does. They go over new connections only: on one that is
silently dead, the whole of that time would pass. (A header `connection: close` would become part of the signature.)"""

wall = time.time
"""A name of its own, so that a test can let a machine sleep."""


class _Trust:
    """Since when connections are good: those made before `since` are closed instead of used again."""

    def __init__(self) -> None:
        self.since = 0.0

    def lose(self) -> None:
        """Close every connection that is open now when it is next to be used."""
        self.since = monotonic()


TRUST = _Trust()


class _Careful:
    """An HTTP connection that knows how far it can be trusted."""

    made = 0.0
    answered = 0.0
    answered_by_the_wall = 0.0
    idle_s: float | None = None
    """How long it had been idle when the request under way was sent; None on a new connection."""

    def connect(self) -> None:
        self.made = monotonic()
        super().connect()  # type: ignore[misc]

    def _new_conn(self) -> TimedSocket:
        """Connect in time; what fails is told as urllib3 tells it."""
        own: Any = self
        try:
            return connect(own._dns_host, own.port, own.timeout)  # noqa: SLF001  urllib3's name for the host to look up
        except socket.gaierror as error:
            raise NameResolutionError(own.host, own, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(own, f"Connection to {own.host} timed out. (connect timeout)") from error
        except OSError as error:
            raise NewConnectionError(own, f"Failed to establish a new connection: {error}") from error

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        own: Any = self
        self.idle_s = None
        if own.sock is not None and self.answered:
            # A machine that slept may not have counted the time; then the wall clock has.
            idle = max(monotonic() - self.answered, wall() - self.answered_by_the_wall)
            long = (kwargs.get("headers") or {}).get("x-acs-action") in LONG
            if long or idle > TRUSTED_S or self.made < TRUST.since:
                own.close()
            else:
                self.idle_s = idle
        super().request(method, url, *args, **kwargs)  # type: ignore[misc]

    def getresponse(self) -> Any:
        own: Any = self
        if self.idle_s is not None and not (self.idle_s < JUST_NOW_S and own.timeout > PATIENT_S):
            own.timeout = min(own.timeout, SHORT_TRY_S)
        try:
            response = super().getresponse()  # type: ignore[misc]
        except OSError:
            if self.idle_s is not None:
                TRUST.lose()
            raise
        self.answered, self.answered_by_the_wall = monotonic(), wall()
        return response


class _Http(_Careful, HTTPConnection):
    pass


class _Https(_Careful, HTTPSConnection):
    pass


class CarefulHttpPool(HTTPConnectionPool):
    """Careful connections to one host."""

    ConnectionCls = _Http


class CarefulHttpsPool(HTTPSConnectionPool):
    """Careful connections to one host over TLS."""

    ConnectionCls = _Https
