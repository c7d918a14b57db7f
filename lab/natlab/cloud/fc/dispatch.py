"""Which instance serves a request?

A warm idle instance of the function's present version, else a new one, within the limits on concurrent
instances; beyond them the request is throttled (429).  Instances idle too long are ended.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from natlab.cloud.fc import exceptions
from natlab.cloud.fc.logs import Logs
from natlab.cloud.fc.models import Function, Invocation, InvocationStatus
from natlab.cloud.fc.rights import SERVICE, Rights
from natlab.cloud.fc.runtime.environment import credential_variables
from natlab.cloud.fc.runtime.instances import FunctionInstance, InstanceSpec, InvocationJob, JobOutcome, Runtime
from natlab.cloud.kernel.clock import ScheduledAction
from natlab.cloud.kernel.context import CloudContext

ACCOUNT_LIMIT: Final = 100
"""Instances at a time of one account in one region (FC's default quota for on-demand instances)."""

RENEWED_S: Final = 3600.0
KEPT_S: Final = 36 * 3600.0
"""How long a role's credentials last: where each invocation gets new ones, and where an instance keeps its first."""
IDLE_S: Final = 300.0
"""How long an idle instance is kept (unpublished: assumed); no latency of anything, so not in that table."""


@dataclass(slots=True)
class Running:
    """One instance; `idle_timer` is set while it waits for work."""

    instance_id: str
    function: Function
    instance: FunctionInstance
    created: float
    busy: bool = True
    served: int = 0
    credentials: Mapping[str, str] | None = None
    """Variables with the first credentials, where a warm instance keeps them: a reading."""
    idle_timer: ScheduledAction | None = None


@dataclass(slots=True)
class _Waiting:
    invocation: Invocation
    done: Callable[[], None]


class Dispatcher:
    """The instances of all functions; all calls under the cloud's lock, which `locked` takes for callbacks."""

    def __init__(
        self,
        cloud: CloudContext,
        runtime: Runtime,
        logs: Logs,
        locked: Callable[[Callable[[], None]], None],
    ) -> None:
        self.runtime = runtime
        self.reserved: dict[str, int] = {}
        """reservedConcurrency by function."""
        self.account_limit = ACCOUNT_LIMIT
        self.idle_s = IDLE_S
        self.observers: list[Callable[[Invocation], None]] = []
        """Called under the lock whenever an attempt has begun or ended."""
        self.tunnel = ""
        self.rights = Rights(cloud)
        self.unlogged: list[str] = []
        """What roles lacked when an invocation's output was not kept, such as log:PostLogStoreLogs."""
        self._cloud = cloud
        self._logs = logs
        self._locked = locked
        self._running: dict[str, Running] = {}
        self._under_way: dict[str, _Waiting] = {}
        """By instance id: what each busy instance works on."""
        self._numbers = itertools.count(1)

    @property
    def running(self) -> list[Running]:
        return list(self._running.values())

    def busy(self, function: str) -> int:
        """How many requests of a function run now."""
        return sum(each.busy and each.function.name == function for each in self._running.values())

    def begin(self, function: Function, invocation: Invocation, done: Callable[[], None]) -> None:
        """Run one attempt; `done` is called, under the lock, when it is over.

        Raises ApiError 429 when no instance may take it.
        """
        self._check_limits(function)
        clock = self._cloud.clock
        invocation.attempts += 1
        invocation.status = InvocationStatus.RUNNING
        invocation.started = clock.now()
        warm = self._warm(function)
        running = warm or self._new(function)
        running.busy = True
        running.served += 1
        if running.idle_timer is not None:
            running.idle_timer.cancel()
        invocation.cold = warm is None
        invocation.instance_id = running.instance_id
        attempt = self._under_way[running.instance_id] = _Waiting(invocation, done)
        self._tell(invocation)
        delay_s = 0.0 if warm else self._cloud.latencies.of("fc.cold_start.platform")
        if delay_s > 0.0:
            clock.call_later(delay_s, lambda: self._send(running, attempt))
        else:
            self._send(running, attempt)

    def retire(self, function: str) -> None:
        """End idle instances of a function; busy ones end after the request they serve."""
        for running in self.running:
            if running.function.name == function and not running.busy:
                self._end(running)

    def end_all(self, function: str = "") -> None:
        """Kill every instance, of one function or of all; requests under way end as stopped."""
        for running in self.running:
            if function not in ("", running.function.name):
                continue
            attempt = self._under_way.pop(running.instance_id, None)
            del self._running[running.instance_id]
            running.instance.kill()
            if attempt is not None:
                attempt.invocation.status = InvocationStatus.STOPPED
                attempt.invocation.finished = self._cloud.clock.now()
                attempt.done()

    def _check_limits(self, function: Function) -> None:
        reserved = self.reserved.get(function.name)
        if reserved is not None and self.busy(function.name) >= reserved:
            raise exceptions.throttled(
                f"Your request is denied: function '{function.short_name}' runs at its reserved concurrency {reserved}"
            )
        if sum(each.busy for each in self._running.values()) >= self.account_limit:
            raise exceptions.throttled(
                f"Your request is denied: the account runs at its limit of {self.account_limit} instances"
            )

    def _warm(self, function: Function) -> Running | None:
        for running in self._running.values():
            if not running.busy and running.function is function:
                return running
        return None

    def _new(self, function: Function) -> Running:
        cloud = self._cloud
        instance_id = f"c-{next(self._numbers):08x}-{cloud.ids.uuid('fc.instance').lower()[:13]}"
        spec = InstanceSpec(instance_id, function, cloud.account_id, cloud.region, self.tunnel)
        running = Running(instance_id, function, self.runtime.start(spec), cloud.clock.now())
        self._running[instance_id] = running
        return running

    def _send(self, running: Running, attempt: _Waiting) -> None:
        if self._under_way.get(running.instance_id) is not attempt:
            return  # ended while the instance was being prepared
        function, invocation = running.function, attempt.invocation
        if lacking := self.rights.missing_for_vpc(function):
            problem = f"the role of the function is not authorized to perform '{lacking}', so it cannot enter the VPC"
            body = json.dumps({"errorMessage": problem, "errorType": "AccessDenied"}).encode()
            running.instance.kill()
            self._locked(lambda: self._ended(running, attempt, JobOutcome(body, "AccessDenied", ended=True)))
            return
        credentials = None
        if function.role:
            kept = self._cloud.readings.is_("warm-credentials", "kept")
            lasts_s = KEPT_S if kept else RENEWED_S
            credentials = self._cloud.accounts.assume_role(function.role, function.short_name, lasts_s, SERVICE)
        variables = credential_variables(credentials)
        if self._cloud.readings.is_("warm-credentials", "kept"):
            running.credentials = running.credentials or variables
            variables = dict(running.credentials)
        job = InvocationJob(invocation.request_id, invocation.payload, function.timeout_s, variables)
        running.instance.invoke(job, lambda outcome: self._locked(lambda: self._ended(running, attempt, outcome)))

    def _ended(self, running: Running, attempt: _Waiting, outcome: JobOutcome) -> None:
        if self._under_way.get(running.instance_id) is not attempt:
            return
        del self._under_way[running.instance_id]
        self._record(running.function, attempt.invocation, outcome)
        running.busy = False
        if outcome.ended:
            del self._running[running.instance_id]
        else:
            running.idle_timer = self._cloud.clock.call_later(self.idle_s, lambda: self._end(running))
        self._tell(attempt.invocation)
        attempt.done()

    def _tell(self, invocation: Invocation) -> None:
        for observer in self.observers:
            observer(invocation)

    def _record(self, function: Function, invocation: Invocation, outcome: JobOutcome) -> None:
        now = self._cloud.clock.now()
        invocation.status = InvocationStatus.FAILED if outcome.error_type else InvocationStatus.SUCCEEDED
        invocation.finished = now
        invocation.result = outcome.body
        invocation.error_type = outcome.error_type
        invocation.log = outcome.log
        invocation.cold_start_s = outcome.cold_start_s
        invocation.duration_s = outcome.duration_s
        invocation.memory_mb = outcome.memory_mb
        if lacking := self.rights.missing_for_log(function):
            self.unlogged.append(lacking)
            return
        invocation.log = self._logs.add(invocation, now).encode()

    def _end(self, running: Running) -> None:
        if not running.busy and self._running.pop(running.instance_id, None) is not None:
            running.instance.stop()
