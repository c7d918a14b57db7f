"""What an instance of a function is to the rest of FC, whatever runs it.

`ProcessRuntime` (processes.py) runs the uploaded code in a process of its own; `CallableRuntime` here calls
Python callables in this process and in the clock's time, so that queues, retries and whole failovers can be
tried on a virtual clock without a single process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from natlab.cloud.fc.models import Function
from natlab.cloud.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """All that is needed to start one instance of one function."""

    instance_id: str
    function: Function
    account_id: str
    region: str
    tunnel: str = ""
    """host:port of the simulated network, empty when the function may use the real sockets."""


@dataclass(frozen=True, slots=True)
class InvocationJob:
    """One request to one instance; `timeout_s` counts from the moment the handler is called."""

    request_id: str
    event: bytes
    timeout_s: float
    credentials: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a request ended; `error_type` is empty, or FC's X-Fc-Error-Type.

    `ended` says that the instance is gone with it; `cold_start_s` is 0.0 on a warm instance.
    """

    body: bytes
    error_type: str = ""
    log: bytes = b""
    ended: bool = False
    cold_start_s: float = 0.0
    duration_s: float = 0.0
    memory_mb: float = 0.0


Done = Callable[[JobOutcome], None]


class FunctionInstance(Protocol):
    """Serves one job at a time."""

    def invoke(self, job: InvocationJob, done: Done) -> None:
        """Start the job; `done` is called once, from any thread, also when the instance dies."""
        ...

    def stop(self) -> None:
        """Run the pre-stop hook, then end; returns at once."""
        ...

    def kill(self) -> None:
        """End now."""
        ...


class Runtime(Protocol):
    """Starts instances."""

    def start(self, spec: InstanceSpec) -> FunctionInstance: ...

    def close(self) -> None:
        """Kill every instance and remove what was unpacked."""
        ...


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a callable gets as context: the part of FC's that handlers of ours use."""

    request_id: str
    function: Function
    region: str
    account_id: str
    environment: Mapping[str, str]


Handler = Callable[[bytes, CallContext], Any]


@dataclass(slots=True)
class CallableRuntime:
    """Functions as callables, by function name; each takes `duration_s` of the clock's time (default none)."""

    clock: Clock
    handlers: dict[str, Handler] = field(default_factory=dict)
    duration_s: dict[str, float] = field(default_factory=dict)

    def start(self, spec: InstanceSpec) -> FunctionInstance:
        return _CallableInstance(self, spec)

    def close(self) -> None:
        """Nothing to end."""


@dataclass(slots=True)
class _CallableInstance:
    runtime: CallableRuntime
    spec: InstanceSpec

    def invoke(self, job: InvocationJob, done: Done) -> None:
        taken = self.runtime.duration_s.get(self.spec.function.name, 0.0)
        if taken > job.timeout_s:
            late = JobOutcome(timed_out(job.timeout_s), "InvocationTimeout", ended=True, duration_s=job.timeout_s)
            self.runtime.clock.call_later(job.timeout_s, lambda: done(late))
            return
        self.runtime.clock.call_later(taken, lambda: done(self._call(job, taken)))

    def _call(self, job: InvocationJob, taken: float) -> JobOutcome:
        spec = self.spec
        environment = {**spec.function.environment, **job.credentials}
        context = CallContext(job.request_id, spec.function, spec.region, spec.account_id, environment)
        try:
            result = self.runtime.handlers[spec.function.name](job.event, context)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything: FC turns it into the answer
            body = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            return JobOutcome(json.dumps(body).encode(), "UnhandledInvocationError", duration_s=taken)
        return JobOutcome(as_bytes(result), duration_s=taken)

    def stop(self) -> None:
        """Nothing to end."""

    def kill(self) -> None:
        """Nothing to end."""


def as_bytes(result: object) -> bytes:
    """What FC answers for what a handler returned."""
    if isinstance(result, bytes):
        return result
    return result.encode() if isinstance(result, str) else json.dumps(result).encode()


def timed_out(timeout_s: float) -> bytes:
    """FC's answer for a handler that did not come back in time."""
    return json.dumps({"errorMessage": f"Function timed out after {timeout_s:g} seconds"}).encode()
