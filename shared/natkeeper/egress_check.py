"""Does the internet answer? A check tries some targets at once, with nothing but the standard library.

The probe looks from inside the VPC through the guarded route, the failover function looks by Function Compute's
own egress; both run this code. A URL answers with anything below status 500, `host:port` with a TCP connection. No
proxy is used: it would answer for a way that private hosts do not take.

Each target has a thread and at most one socket, and both end with the check: when its time is over, its sockets are
shut down, which ends the threads. A name that hangs in the resolver, which knows no time-out, keeps one thread,
however many checks need the name.
"""

from __future__ import annotations

import errno
import http.client
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from functools import cache
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from natkeeper.domain.egress import Egress, EgressLost, EgressSeen, NotChecked

ADDRESS_GRACE_S = 0.2
"""After the first answer, how long to wait for another target's that tells the public address."""
NO_ANSWER = "no answer in time"
_NO_MEMORY = "out of memory"
_SERVER_FAULT = 500
_LONGEST_ADDRESS = 64
_ADDRESS = re.compile(rb"\s*((?:\d{1,3}\.){3}\d{1,3})\s*")
_HTTPS, _HTTP = 443, 80
_OWN_FAULTS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EAGAIN))
"""The looking process is out of descriptors, memory or ports: connect(2), socket(2). Says nothing about the way."""
_LEAST_S = 0.001
_LEAST_FOR_ADDRESS_S = 0.25


Socket = TypeVar("Socket", bound=socket.socket)


class OutcomeKind(Enum):
    """What became of one target, or of a check as a whole."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """An error came back: refused, reset, unreachable, an unknown name, a server fault. The gateway can send some."""
    SILENT = "silent"
    BROKEN = "broken"
    """Nothing was sent for want of the process's own resources."""


@dataclass(frozen=True, slots=True)
class TargetOutcome:
    """What became of one target of a check: `told` is the public address if it tells one, or the reason."""

    target: str
    kind: OutcomeKind
    told: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of check number `check`: it is answered once a target is, and anything else when all have ended."""

    check: int
    kind: OutcomeKind
    told: str = ""


class EgressCheck:
    """One check under way: begins when it is made, and tells what becomes of each target."""

    def __init__(self, targets: Sequence[str], timeout_s: float, tell: Callable[[TargetOutcome], None]) -> None:
        self.end = time.monotonic() + timeout_s
        self._tell = tell
        self._sockets: set[socket.socket] = set()
        self._closed = False
        self._lock = threading.Lock()
        for target in targets:
            try:
                threading.Thread(target=self._try, args=(target,), daemon=True).start()
            except (RuntimeError, MemoryError) as error:  # can't start new thread
                tell(TargetOutcome(target, OutcomeKind.BROKEN, str(error) or _NO_MEMORY))

    def close(self) -> None:
        """End what is still under way; a thread that waits for its socket wakes up and ends."""
        with self._lock:
            self._closed = True
            for each in self._sockets:
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _try(self, target: str) -> None:
        """Try one target and tell what became of it."""
        try:
            outcome = TargetOutcome(target, OutcomeKind.ANSWERED, self._ask(target))
        except (OSError, http.client.HTTPException, ValueError, MemoryError) as error:
            outcome = TargetOutcome(target, *_fault(error))
        self._tell(outcome)

    def _ask(self, target: str) -> str:
        """Return the public address that `target` tells, "" if it answers otherwise. Raises OSError, HTTPException."""
        if "://" not in target:
            host, _, port = target.rpartition(":")
            self._release(self._connect(host, int(port)))
            return ""
        url = urlsplit(target)
        secure = url.scheme == "https"
        connected = self._connect(url.hostname or "", url.port or (_HTTPS if secure else _HTTP))
        try:
            if secure:
                connected = self._secure(connected, url.hostname or "")
            return self._get(connected, url)
        finally:
            self._release(connected)

    def _connect(self, host: str, port: int) -> socket.socket:
        """Connect to the first address of `host` that answers; each gets its share of the time that is left."""
        addresses = _addresses(host, port, self._left())
        trouble: OSError = TimeoutError()
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            connecting = self._hold(socket.socket(family, kind, protocol))
            share = self._left() / (len(addresses) - number)
            connecting.settimeout(min(self._left(), max(_LEAST_FOR_ADDRESS_S, share)))
            try:
                connecting.connect(address)
            except OSError as error:
                self._release(connecting)
                trouble = error
            else:
                connecting.settimeout(self._left())
                return connecting
        raise trouble

    def _secure(self, connected: socket.socket, host: str) -> ssl.SSLSocket:
        """Make the TLS handshake; not while the socket is wrapped, for then `close` could not end it."""
        secured = _tls_context().wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
        try:
            self._hold(secured).do_handshake()
        except BaseException:
            self._release(secured)
            raise
        return secured

    def _get(self, connected: socket.socket, url: SplitResult) -> str:
        connection = http.client.HTTPConnection(url.hostname or "", url.port)
        connection.sock = connected
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("GET", path, headers={"User-Agent": "natkeeper", "Connection": "close"})
        with connection.getresponse() as answer:
            if answer.status >= _SERVER_FAULT:
                raise http.client.HTTPException(f"answered {answer.status}")
            body = b""
            with suppress(OSError, http.client.HTTPException):  # it answered, however its body comes
                body = answer.read(_LONGEST_ADDRESS)
        told = _ADDRESS.fullmatch(body)
        return told[1].decode() if told else ""

    def _hold(self, opened: Socket) -> Socket:
        """Note a socket, so that `close` finds it. Raises TimeoutError when the check is over."""
        with self._lock:
            if self._closed:
                opened.close()
                raise TimeoutError
            self._sockets.add(opened)
        return opened

    def _release(self, done: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(done)
        done.close()

    def _left(self) -> float:
        return max(_LEAST_S, self.end - time.monotonic())


@dataclass(slots=True)
class _Open:
    """A check that is not closed yet: the targets that have not ended, and why the others did not answer."""

    check: EgressCheck
    waiting: list[str]
    reasons: dict[str, str]
    answered: bool = False
    broken: bool = False
    refused: bool = True

    def hear(self, outcome: TargetOutcome) -> tuple[OutcomeKind, str] | None:
        """Note what became of a target; return what the check has come to, None while that is open.

        A check of which a part could not be made is broken at once: what the other targets say is not enough for a
        loss, though one of them may still answer.
        """
        self.waiting.remove(outcome.target)
        if outcome.kind is OutcomeKind.ANSWERED:
            self.answered = True
            return OutcomeKind.ANSWERED, outcome.told
        self.reasons[outcome.target] = outcome.told
        self.broken = self.broken or outcome.kind is OutcomeKind.BROKEN
        self.refused = self.refused and outcome.kind is OutcomeKind.REFUSED
        if self.answered or (self.waiting and outcome.kind is not OutcomeKind.BROKEN):
            return None
        return (
            OutcomeKind.BROKEN if self.broken else OutcomeKind.REFUSED if self.refused else OutcomeKind.SILENT,
            self.reason,
        )

    @property
    def reason(self) -> str:
        """Why each target has not answered."""
        return "; ".join(f"{target}: {reason}" for target, reason in self.reasons.items())


class EgressChecks:
    """Checks that may overlap, each over after a time of its own."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = tuple(dict.fromkeys(targets))
        self._outcomes: queue.SimpleQueue[tuple[int, TargetOutcome]] = queue.SimpleQueue()
        self._open: dict[int, _Open] = {}

    def begin(self, check: int, timeout_s: float) -> None:
        """Begin check number `check`; what becomes of it is heard by `wait`."""
        self._close_old()
        begun = EgressCheck(self._targets, timeout_s, lambda outcome: self._outcomes.put((check, outcome)))
        self._open[check] = _Open(begun, list(self._targets), dict.fromkeys(self._targets, NO_ANSWER))

    def wait(self, seconds: float) -> Heard | None:
        """Wait for something to be heard of a check, for `seconds` at most."""
        self._close_old()
        end = time.monotonic() + seconds
        while True:
            try:
                check, outcome = self._outcomes.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return None
            come_to = self._open[check].hear(outcome) if check in self._open else None
            if come_to is not None:
                return Heard(check, *come_to)

    def reason(self, check: int) -> str:
        """Say why check number `check`, which is not over, has not been answered."""
        return self._open[check].reason if check in self._open else NO_ANSWER

    def waiting(self, check: int) -> tuple[str, ...]:
        """List the targets of check number `check` of which nothing was heard yet."""
        return tuple(self._open[check].waiting) if check in self._open else ()

    def close(self) -> None:
        """End all checks."""
        for each in self._open.values():
            each.check.close()
        self._open.clear()

    def _close_old(self) -> None:
        """End checks whose time is over."""
        for check in [check for check, each in self._open.items() if each.check.end <= time.monotonic()]:
            self._open.pop(check).check.close()


def tells_address(targets: Sequence[str]) -> bool:
    """Return True if one of `targets` may tell the public address: a URL may."""
    return any("://" in target for target in targets)


def check_egress(
    targets: Sequence[str],
    timeout_s: float,
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Egress | NotChecked:
    """Try every target at once and return what came first, within `timeout_s` seconds; never raises."""
    checks, end = EgressChecks(targets), time.monotonic() + timeout_s
    checks.begin(0, timeout_s)
    seen = broken = False
    try:
        while (heard := checks.wait(end - time.monotonic())) is not None:
            waiting = checks.waiting(0)
            if heard.kind is not OutcomeKind.ANSWERED:
                broken = heard.kind is OutcomeKind.BROKEN
                if not waiting:
                    break
                continue
            if heard.told or not tells_address(waiting):
                return EgressSeen(clock(), heard.told or None)
            if not seen:
                seen, end = True, min(end, time.monotonic() + ADDRESS_GRACE_S)
        reason = checks.reason(0)
    finally:
        checks.close()
    if seen:
        return EgressSeen(clock(), None)
    return NotChecked(clock(), reason) if broken else EgressLost(clock(), reason)


# ---- names -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lookup:
    """A name look-up under way; a target that needs the same name meanwhile waits for it."""

    done: threading.Event = field(default_factory=threading.Event)
    found: list[Any] = field(default_factory=list)
    error: OSError | None = None


_lookups: dict[tuple[str, int], _Lookup] = {}
_looking_up = threading.Lock()


def _addresses(host: str, port: int, wait_s: float) -> list[Any]:
    """Return what getaddrinfo(3) finds. Raises OSError; TimeoutError when another check's look-up does not end in time.

    Names are looked up anew each time, as private hosts do; only IPv4, for the guarded routes carry nothing else.
    """
    with _looking_up:
        lookup = _lookups.get((host, port))
        mine = lookup is None
        if lookup is None:
            lookup = _lookups[host, port] = _Lookup()
    if mine:
        try:
            lookup.found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            lookup.error = error
        finally:
            with _looking_up:
                del _lookups[host, port]
            lookup.done.set()
    elif not lookup.done.wait(wait_s):
        raise TimeoutError
    if lookup.error is not None:
        raise lookup.error
    return lookup.found


# ---- words -----------------------------------------------------------------------------------------------


@cache
def _tls_context() -> ssl.SSLContext:
    """Read the root certificates once: tens of milliseconds of processor time, of which a probe has a tenth."""
    return ssl.create_default_context()


def _fault(error: Exception) -> tuple[OutcomeKind, str]:
    """Say what an error means for its target, and why in a few words."""
    if isinstance(error, TimeoutError):  # ETIMEDOUT, too
        return OutcomeKind.SILENT, NO_ANSWER
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _OWN_FAULTS):
        return OutcomeKind.BROKEN, _reason(error) or _NO_MEMORY
    if isinstance(error, socket.gaierror):
        own = _no_socket()  # the resolver does not say that it had no descriptor left
        return (OutcomeKind.REFUSED, "its name does not resolve") if own is None else (OutcomeKind.BROKEN, own)
    return OutcomeKind.REFUSED, _reason(error)


def _no_socket() -> str | None:
    """Return why no socket can be opened, None if one can."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as error:
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
