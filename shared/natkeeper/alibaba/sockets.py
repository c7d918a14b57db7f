"""How long can a socket keep us waiting? No longer than it was given, whatever the far end does.

A socket's time-out holds for each reading, so an answer that comes a byte a second never ends. Here it holds for all
that is read until a new one is set: for headers and body together. Names are looked up in a thread that can be left
behind, and remembered for when the name service is away. Addresses are tried a fifth of a second apart, and the first
that answers wins (RFC 8305 calls this happy eyeballs).
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

STAGGER_S = 0.2
"""Between tries of several addresses: what a dead one among them costs."""
NAME_FRESH_S = 10.0
"""How long the addresses of a host are used without asking again: every connection of a batch, one look-up."""
NAME_SLOW_S = 0.5
"""How long a look-up is waited for when addresses are known from before."""


class _InTime:
    """A socket whose time-out is for everything until the next one is set, not for each reading alone."""

    _until: float | None = None

    def settimeout(self, value: float | None) -> None:
        super().settimeout(value)  # type: ignore[misc]
        self._until = None if value is None else monotonic() + value

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        return super().recv_into(*args, **kwargs)  # type: ignore[misc,no-any-return]

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        return super().send(*args, **kwargs)  # type: ignore[misc,no-any-return]

    def _hurry(self) -> None:
        """Leave the next reading or writing only what is left of the time. Raise TimeoutError when nothing is."""
        if self._until is None:
            return
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        super().settimeout(left)  # type: ignore[misc]


class TimedSocket(_InTime, socket.socket):
    """A plain one."""


class TimedTlsSocket(_InTime, ssl.SSLSocket):
    """One over TLS: give it to a context as `sslsocket_class`."""


# ---- names -------------------------------------------------------------------------------------------------


@dataclass
class _LookUp:
    """A question to the name service that is under way."""

    done: threading.Event = field(default_factory=threading.Event)
    error: OSError | None = None


class DnsCache:
    """Addresses of hosts, looked up no longer than there is time, and remembered.

    `resolve` is getaddrinfo, `now` a monotonic clock.
    """

    def __init__(
        self, resolve: Callable[..., Sequence[Any]] | None = None, now: Callable[[], float] = monotonic
    ) -> None:
        self._resolve, self._now = resolve, now
        self._known: dict[tuple[str, int], tuple[float, list[Any]]] = {}
        self._asking: dict[tuple[str, int], _LookUp] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, limit_s: float) -> list[Any]:
        """Return the addresses of `host`, the one that answered last first. Raise socket.gaierror when there are none.

        A look-up that hangs is waited for `limit_s` seconds, or a moment where the addresses are known from before.
        """
        key = (host, port)
        with self._lock:
            at, known = self._known.get(key, (0.0, []))
            if known and self._now() - at < NAME_FRESH_S:
                return list(known)
            look_up = self._ask(key)
        answered = look_up.done.wait(min(limit_s, NAME_SLOW_S) if known else limit_s)
        if answered and look_up.error is None:
            return list(self._known[key][1])
        if known:
            return list(known)
        raise look_up.error or socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution: no answer")

    def answered(self, host: str, port: int, address: Any) -> None:
        """Put the address that answered first, for the next connection."""
        with self._lock:
            at, known = self._known.get((host, port), (0.0, []))
            if address in known and known[0] is not address:
                self._known[host, port] = at, [address, *(other for other in known if other is not address)]

    def _ask(self, key: tuple[str, int]) -> _LookUp:
        """Start a look-up, or join the one that is under way: one that hangs holds one thread. Needs the lock."""
        look_up = self._asking.get(key)
        if look_up is None:
            look_up = self._asking[key] = _LookUp()
            threading.Thread(target=self._look_up, args=(key, look_up), name="natkeeper-name", daemon=True).start()
        return look_up

    def _look_up(self, key: tuple[str, int], look_up: _LookUp) -> None:
        try:
            found = list((self._resolve or socket.getaddrinfo)(*key, 0, socket.SOCK_STREAM))
            with self._lock:
                self._known[key] = self._now(), found
        except OSError as error:
            look_up.error = error
        finally:
            with self._lock:
                del self._asking[key]
            look_up.done.set()


NAMES = DnsCache()
"""The names that this process knows."""


# ---- connecting --------------------------------------------------------------------------------------------


def connect(host: str, port: int, limit_s: float, names: DnsCache = NAMES) -> TimedSocket:
    """Connect to the first address of `host` that answers, within `limit_s` seconds.

    Raise socket.gaierror when it has none, TimeoutError when none answers, OSError when all refuse.
    """
    end = monotonic() + limit_s
    addresses = names.addresses(host, port, limit_s)
    sock, address = _first_to_answer(addresses, end)
    names.answered(host, port, address)
    sock.settimeout(max(0.001, end - monotonic()))
    return sock


def _first_to_answer(addresses: list[Any], end: float) -> tuple[TimedSocket, Any]:
    error: OSError = TimeoutError("timed out")
    turn = 0.0  # when the next address has its turn
    with selectors.DefaultSelector() as selector:
        try:
            while (now := monotonic()) < end:
                trying = len(selector.get_map())
                if addresses and (now >= turn or not trying):
                    failed = _begin(addresses.pop(0), selector)
                    if failed is not None:  # nothing to wait for
                        error, turn = failed, 0.0
                        continue
                    turn = now + STAGGER_S
                elif not trying:
                    raise error
                for key, _ in selector.select((min(end, turn) if addresses else end) - now):
                    sock: Any = key.fileobj
                    selector.unregister(sock)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        return sock, key.data
                    sock.close()
                    error, turn = OSError(code, os.strerror(code)), 0.0
            raise TimeoutError("timed out")
        finally:
            for key in selector.get_map().values():
                key.fileobj.close()  # type: ignore[union-attr]


def _begin(address: Any, selector: selectors.BaseSelector) -> OSError | None:
    """Begin to connect to `address`; return why that cannot be."""
    family, kind, protocol, _, target = address
    try:
        sock = TimedSocket(family, kind, protocol)
    except OSError as error:
        return error
    sock.setblocking(False)  # noqa: FBT003  the standard library's signature
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    code = sock.connect_ex(target)
    if code not in (0, errno.EINPROGRESS):
        sock.close()
        return OSError(code, os.strerror(code))
    selector.register(sock, selectors.EVENT_WRITE, address)
    return None
