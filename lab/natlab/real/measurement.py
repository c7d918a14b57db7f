"""How long was a host without the internet, and which connections survived?  Measured from inside, by traffic.py.

Outage: the longest time between two new connections that worked. Lost: new connections that did not work within
their patience. One clock: everything runs on this machine.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from typing_extensions import Self

from natlab.real import servers, traffic
from natlab.real.commands import CommandFailed
from natlab.real.internet import WEB_SERVER, start_servers
from natlab.real.namespaces import Namespace

_READY_TIMEOUT_S = 30.0
_OVER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class MeasurementPlan:
    """What a host is to do: whom to connect to how often, and how many lasting flows of each kind to keep."""

    connect: tuple[str, int] | None = (WEB_SERVER, 80)
    echo: tuple[str, int] = (WEB_SERVER, servers.ECHO_PORT)
    every_s: float = 0.05
    """Between new connections."""
    patience_s: float = 2.5
    """After which a new connection counts as lost; a lost SYN is sent again after 1 s."""
    busy: int = 0
    idle: int = 0
    udp: int = 0
    pause_s: float = 0.1
    """Between two questions of a busy or UDP flow."""


@dataclass(frozen=True)
class ConnectionAttempt:
    """One new connection: when, how it ended, and which address the server saw."""

    began: float
    ended: float
    error: str
    seen: str


@dataclass(frozen=True)
class FlowAccount:
    """What became of one lasting flow; times in seconds since the epoch, 0 for never."""

    kind: str
    number: int
    opened: float
    heard: float
    ended: float
    error: str
    longest_gap_s: float
    asked: int
    answered: int
    survived: bool


@dataclass
class HostMeasurement:
    """Everything one host noticed."""

    attempts: list[ConnectionAttempt] = field(default_factory=list)
    flows: list[FlowAccount] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    """Silences in lasting flows as they ended: kind, number, began, ended."""

    @property
    def outage_s(self) -> float:
        """The longest time without a new connection that worked, the measurement's edges included."""
        if not self.attempts:
            return 0.0
        worked = sorted(attempt.ended for attempt in self.attempts if not attempt.error)
        edges = [min(a.began for a in self.attempts), *worked, max(a.ended for a in self.attempts)]
        return max(after - before for before, after in itertools.pairwise(edges))

    @property
    def lost_connections(self) -> int:
        """New connections that did not work."""
        return sum(bool(attempt.error) for attempt in self.attempts)

    @property
    def seen(self) -> list[str]:
        """The addresses that the server saw, in order, without repetitions."""
        order: list[str] = []
        for attempt in sorted(self.attempts, key=lambda each: each.ended):
            if attempt.seen and attempt.seen not in order[-1:]:
                order.append(attempt.seen)
        return order

    def figures(self) -> dict[str, Any]:
        """The figures of a report."""
        kinds = sorted({flow.kind for flow in self.flows})
        return {
            "outage_s": round(self.outage_s, 3),
            "connections": len(self.attempts),
            "lost_connections": self.lost_connections,
            "seen": self.seen,
            "flows_total": len(self.flows),
            "flows_survived": sum(flow.survived for flow in self.flows),
            "longest_gap_s": {
                kind: round(max(flow.longest_gap_s for flow in self.flows if flow.kind == kind), 3) for kind in kinds
            },
        }


class Measurement:
    """One host at work. Started when constructed and its flows are open; `stop` returns its account."""

    def __init__(self, host: Namespace, order: MeasurementPlan) -> None:
        self.account = HostMeasurement()
        self._ready = threading.Event()
        self._over = threading.Event()
        self._process = host.start([sys.executable, "-IS", traffic.__file__, json.dumps(asdict(order))])
        self._reader = threading.Thread(target=self._read, name=f"traffic of {host.name}", daemon=True)
        self._reader.start()
        if not self._ready.wait(_READY_TIMEOUT_S) or self._over.is_set():
            self._process.kill()
            raise CommandFailed(f"the traffic in {host.name} did not start")

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  namespace.start makes pipes
        for line in self._process.stdout:
            told = json.loads(line)
            match told.pop("what"):
                case "try":
                    self.account.attempts.append(ConnectionAttempt(**told))
                case "flow":
                    self.account.flows.append(FlowAccount(**told))
                case "gap":
                    self.account.gaps.append(told)
                case "ready":
                    self._ready.set()
        self._over.set()
        self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Leave no process behind, whatever went wrong meanwhile."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self) -> HostMeasurement:
        """Close every flow and return what the host noticed. Raises CommandFailed."""
        assert self._process.stdin is not None  # noqa: S101  namespace.start makes pipes
        self._process.stdin.close()
        try:
            self._process.wait(_OVER_TIMEOUT_S)
        except subprocess.TimeoutExpired as late:
            self._process.kill()
            raise CommandFailed("the traffic did not come to an end") from late
        finally:
            self._reader.join(_OVER_TIMEOUT_S)
        assert self._process.stdout is not None  # noqa: S101  namespace.start makes pipes
        self._process.stdout.close()
        if self._process.returncode:
            raise CommandFailed(f"the traffic ended with {self._process.returncode}")
        return self.account


def offer(host: Namespace, http: int = 8000, echo: int = 8007) -> subprocess.Popen[bytes]:
    """Let a private host serve HTTP and echo on two ports, for connections from outside; ends with its input."""
    return start_servers(host, {"http": [http], "echo": [echo]})
