"""Does the internet answer? One look at some targets, with nothing but the standard library.

The probe looks from inside the VPC through the guarded route, the failover function looks by Function Compute's
own egress; both run this code. A URL counts when anything below status 500 answers, `host:port` when a TCP
connection comes about. No proxy is used: it would answer for a way that private hosts do not take.
"""

from __future__ import annotations

import http.client
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from urllib.parse import urlsplit

from natkeeper.domain.egress import Egress, EgressLost, EgressSeen

ADDRESS_GRACE_S = 0.2
"""After the first answer, how long to wait for another target's that tells the public address."""
_SERVER_FAULT = 500
_LONGEST_ADDRESS = 64
_ADDRESS = re.compile(rb"\s*((?:\d{1,3}\.){3}\d{1,3})\s*")


def look(
    targets: Sequence[str],
    timeout_s: float,
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Egress:
    """Try every target at once and return what came first, within `timeout_s` seconds; never raises.

    A name that does not resolve in time is left behind in its thread, so a hanging resolver cannot hold a look up.
    """
    answers: queue.SimpleQueue[tuple[str, bool, str]] = queue.SimpleQueue()
    end = time.monotonic() + timeout_s
    for target in targets:
        threading.Thread(target=_try, args=(target, timeout_s, answers), daemon=True).start()
    waiting, reasons, seen = list(targets), dict.fromkeys(targets, "no answer in time"), False
    while waiting:
        try:
            target, well, found = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        waiting.remove(target)
        if not well:
            reasons[target] = found
            continue
        if found or not any("://" in other for other in waiting):
            return EgressSeen(clock(), found or None)
        if not seen:
            seen, end = True, min(end, time.monotonic() + ADDRESS_GRACE_S)
    if seen:
        return EgressSeen(clock(), None)
    return EgressLost(clock(), "; ".join(f"{target}: {reasons[target]}" for target in dict.fromkeys(targets)))


def _try(target: str, timeout_s: float, answers: queue.SimpleQueue[tuple[str, bool, str]]) -> None:
    """Try one target; put whether it answered, and the public address it told or why it did not."""
    try:
        answers.put((target, True, _ask(target, timeout_s)))
    except (OSError, http.client.HTTPException, ValueError) as error:
        answers.put((target, False, _reason(error)))


def _ask(target: str, timeout_s: float) -> str:
    """Return the public address that `target` tells, "" when it answers otherwise. Raises OSError, HTTPException."""
    if "://" not in target:
        host, _, port = target.rpartition(":")
        socket.create_connection((host, int(port)), timeout_s).close()
        return ""
    url = urlsplit(target)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=timeout_s)
    try:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("GET", path, headers={"User-Agent": "natkeeper", "Connection": "close"})
        answer = connection.getresponse()
        if answer.status >= _SERVER_FAULT:
            raise http.client.HTTPException(f"answered {answer.status}")
        told = _ADDRESS.fullmatch(answer.read(_LONGEST_ADDRESS))
        return told[1].decode() if told else ""
    finally:
        connection.close()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
