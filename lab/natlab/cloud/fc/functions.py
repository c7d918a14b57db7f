"""Function Compute itself: functions, triggers, and every way to invoke one.

This is the engine under both wires (FC 3.0 in routes.py, FC 2.0 in ../fc2) and the interface for tests and
scenarios.  Every method takes the cloud's lock itself; `invoke` waits without holding it.
"""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from natlab.cloud.eventbridge.bus import Bus, Settled
from natlab.cloud.eventbridge.models import FUNCTION, Target
from natlab.cloud.eventbridge.transform import body_for
from natlab.cloud.fc import exceptions, validation
from natlab.cloud.fc.asynchronous import PAYLOAD_LIMIT, AsyncQueue
from natlab.cloud.fc.dispatch import Dispatcher, Running
from natlab.cloud.fc.logs import LogEntry, Logs
from natlab.cloud.fc.models import AsyncConfig, Function, Invocation, InvocationStatus, Trigger
from natlab.cloud.fc.names import joined, named_by, named_in
from natlab.cloud.fc.places import Places
from natlab.cloud.fc.rights import SERVICE
from natlab.cloud.fc.runtime.instances import Runtime
from natlab.cloud.fc.timers import Timers, timer_event
from natlab.cloud.fc.trigger_store import TriggerStore
from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.kernel.errors import ApiError

SYNC_PAYLOAD_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of a synchronous request's payload."""
NO_ROLE: Final = "(none)"
"""Stands for the role of a function that has none: such a function may do nothing."""


class FunctionCompute:
    """All functions of the account; `runtime` decides what an instance is."""

    def __init__(self, cloud: CloudContext, lock: threading.RLock, bus: Bus, runtime: Runtime, places: Places) -> None:
        self._cloud = cloud
        self._places = places
        self._lock = lock
        self._changed = threading.Condition(lock)
        self._functions: dict[str, Function] = {}
        self._logs = Logs()
        self.tags: dict[str, dict[str, str]] = {}
        """Tags by function name."""
        self.invocations: deque[Invocation] = deque(maxlen=10_000)
        """The last invocations, oldest first, of every caller."""
        self.dispatcher = Dispatcher(cloud, runtime, self._logs, self._under_lock)
        self.queue = AsyncQueue(
            cloud.clock,
            lambda name: cloud.latencies.of(name),  # noqa: PLW0108  the table may be another one by then
            begin=self.dispatcher.begin,
            find=self._functions.get,
            notify=self._notify,
            arn=self.arn,
        )
        self._timers = Timers(cloud.clock, self._fire)
        self._triggers = TriggerStore(cloud, bus, self._timers, self.arn)
        bus.recipients[FUNCTION] = self

    # ── settings ────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def tunnel(self) -> str:
        """host:port of the simulated network for new instances; empty: they use the real sockets."""
        return self.dispatcher.tunnel

    @tunnel.setter
    def tunnel(self, address: str) -> None:
        self.dispatcher.tunnel = address

    @property
    def timer_scale(self) -> float:
        """How much of its interval a timer trigger really waits; 0.1 makes a minute six seconds."""
        return self._timers.scale

    @timer_scale.setter
    def timer_scale(self, scale: float) -> None:
        with self._lock:
            self._timers.scale = scale

    @property
    def observers(self) -> list[Callable[[Invocation], None]]:
        """Called, under the lock, whenever an attempt at an invocation has begun or ended."""
        return self.dispatcher.observers

    # ── functions ───────────────────────────────────────────────────────────────────────────────────────────
    def create_function(self, body: Mapping[str, Any], *, service: str = "") -> Function:
        """From a CreateFunction body (JSON names, code.zipFile in Base64). Raises ApiError."""
        with self._lock:
            name = joined(service, validation.check_name(body.get("functionName")))
            if name in self._functions:
                raise exceptions.function_exists(str(body["functionName"]))
            now = self._cloud.clock.now()
            body = self._with_code(body)
            function = validation.new_function(body, name, self._cloud.ids.uuid("fc.function").lower(), now)
            self._check_references(function)
            self._check_rights(function)
            self._functions[name] = function
            self.tags[name] = {tag["Key"]: tag.get("Value", "") for tag in body.get("tags") or []}
            return function

    def update_function(self, name: str, body: Mapping[str, Any]) -> Function:
        """Change what the body names; instances of the old version serve no further request. Raises ApiError."""
        with self._lock:
            body = self._with_code(body)
            function = validation.changed_function(self.function(name), body, self._cloud.clock.now())
            self._check_references(function)
            self._check_rights(function)
            self._functions[name] = function
            self.dispatcher.retire(name)
            return function

    def function(self, name: str) -> Function:
        """Raises ApiError FunctionNotFound."""
        with self._lock:
            if name not in self._functions:
                raise exceptions.function_not_found(name.rpartition("$")[2])
            return self._functions[name]

    def functions(self, service: str = "") -> list[Function]:
        """All functions of FC 3.0, or of one FC 2.0 service, by name."""
        with self._lock:
            found = [each for each in self._functions.values() if each.service == service]
            return sorted(found, key=lambda function: function.name)

    def delete_function(self, name: str) -> None:
        """Delete a function, its triggers and configurations. Raises ApiError FunctionNotFound."""
        with self._lock:
            self._triggers.delete_all(self.function(name))
            del self._functions[name]
            self.tags.pop(name, None)
            self.queue.configs.pop(name, None)
            self.dispatcher.reserved.pop(name, None)
            self.dispatcher.retire(name)

    def arn(self, name: str) -> str:
        """acs:fc:REGION:ACCOUNT:functions/NAME, or the form with a service for FC 2.0."""
        service, _, short = name.rpartition("$")
        middle = f"services/{service}/" if service else ""
        return f"acs:fc:{self._cloud.region}:{self._cloud.account_id}:{middle}functions/{short}"

    # ── configurations ──────────────────────────────────────────────────────────────────────────────────────
    def put_async_config(self, name: str, body: Mapping[str, Any]) -> AsyncConfig:
        """From a PutAsyncInvokeConfig body. Raises ApiError."""
        with self._lock:
            self.function(name)
            old = self.queue.configs.get(name)
            config = validation.async_config(body, self._cloud.clock.now(), old.created if old else None)
            self._check_destinations(config)
            self.queue.configs[name] = config
            return config

    def put_concurrency(self, name: str, body: Mapping[str, Any]) -> int:
        """From a PutConcurrencyConfig body; 0 stops the function from being invoked. Raises ApiError."""
        with self._lock:
            self.function(name)
            others = sum(each for other, each in self.dispatcher.reserved.items() if other != name)
            self.dispatcher.reserved[name] = validation.reserved_concurrency(
                body, others, int(self._cloud.readings["fc-instances"])
            )
            return self.dispatcher.reserved[name]

    # ── triggers ────────────────────────────────────────────────────────────────────────────────────────────
    def create_trigger(self, function: str, body: Mapping[str, Any]) -> Trigger:
        """From a CreateTrigger body (triggerConfig is a string of JSON). Raises ApiError."""
        with self._lock:
            return self._triggers.create(self.function(function), body)

    def update_trigger(self, function: str, name: str, body: Mapping[str, Any]) -> Trigger:
        """Change what the body names. Raises ApiError."""
        with self._lock:
            return self._triggers.update(self.function(function), name, body)

    def trigger(self, function: str, name: str) -> Trigger:
        """Raises ApiError FunctionNotFound, TriggerNotFound."""
        with self._lock:
            return self._triggers.get(self.function(function), name)

    def triggers(self, function: str) -> list[Trigger]:
        """Raises ApiError FunctionNotFound."""
        with self._lock:
            return self._triggers.all_of(self.function(function))

    def delete_trigger(self, function: str, name: str) -> None:
        """Raises ApiError FunctionNotFound, TriggerNotFound."""
        with self._lock:
            self._triggers.delete(self.function(function), name)

    def fire_timer(self, function: str, trigger: str) -> Invocation:
        """Let a timer trigger fire now, besides its schedule. Raises ApiError."""
        with self._lock:
            found = self.trigger(function, trigger)
            return self._fire(function, trigger, timer_event(found, self._cloud.clock.now()))

    # ── invoking ────────────────────────────────────────────────────────────────────────────────────────────
    def begin(
        self,
        name: str,
        payload: bytes = b"",
        *,
        request_id: str = "",
        source: str = "api",
        done: Callable[[Invocation], None] | None = None,
    ) -> Invocation:
        """Start a synchronous invocation; `done` is called under the lock when it ends.

        Raises ApiError: FunctionNotFound, ResourceThrottled (429), EntityTooLarge.
        """
        with self._lock:
            function = self.function(name)
            if len(payload) > SYNC_PAYLOAD_LIMIT:
                raise exceptions.payload_too_large(SYNC_PAYLOAD_LIMIT)
            invocation = self._invocation(name, payload, request_id, source, asynchronous=False)

            def ended() -> None:
                self._changed.notify_all()
                if done is not None:
                    done(invocation)

            self.dispatcher.begin(function, invocation, ended)
            self.invocations.append(invocation)
            return invocation

    def invoke(self, name: str, payload: bytes = b"", *, request_id: str = "", source: str = "api") -> Invocation:
        """Invoke and wait for the end; on a virtual clock time passes as far as that takes. Raises as `begin`.

        Not to be called from an action of the clock, which would wait for itself: use `begin` there.
        """
        with self._changed:
            invocation = self.begin(name, payload, request_id=request_id, source=source)
            self.wait_for(lambda: invocation.ended)
            return invocation

    def submit(
        self, name: str, payload: bytes = b"", *, request_id: str = "", source: str = "api", delay_s: float = 0.0
    ) -> Invocation:
        """Take an asynchronous invocation. Raises ApiError: FunctionNotFound, EntityTooLarge."""
        with self._lock:
            self.function(name)
            if len(payload) > PAYLOAD_LIMIT:
                raise exceptions.payload_too_large(PAYLOAD_LIMIT)
            invocation = self._invocation(name, payload, request_id, source, asynchronous=True)
            self.invocations.append(invocation)
            self.queue.submit(invocation, delay_s)
            return invocation

    def wait_for(self, condition: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until an invocation that ended made the condition true; whether it is true."""
        clock = self._cloud.clock
        with self._changed:
            while isinstance(clock, VirtualClock) and not condition() and (due := clock.next_due()) is not None:
                clock.advance(due - clock.now())
            return self._changed.wait_for(condition, timeout_s)

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────
    def instances(self, name: str) -> list[Running]:
        """Instances of a function that exist now, busy or idle."""
        with self._lock:
            return [each for each in self.dispatcher.running if each.function.name == name]

    def queue_depth(self, name: str) -> int:
        """Asynchronous requests of a function that wait for an instance or a retry."""
        with self._lock:
            return self.queue.depth(name)

    def invocations_of(self, name: str) -> list[Invocation]:
        """What is remembered of a function's invocations, oldest first."""
        with self._lock:
            return [each for each in self.invocations if each.function == name]

    def logs(self, name: str, request_id: str = "") -> list[LogEntry]:
        """What a function wrote, one entry per attempt, oldest first."""
        with self._lock:
            return self._logs.of(name, request_id)

    def log_text(self, name: str, request_id: str = "") -> str:
        with self._lock:
            return self._logs.text(name, request_id)

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────
    def reset(self) -> None:
        """Forget everything and kill every instance."""
        with self._lock:
            self._timers.clear()
            self.queue.reset()
            self.dispatcher.end_all()
            self.dispatcher.reserved.clear()
            self._functions.clear()
            self._triggers.clear()
            self.tags.clear()
            self.invocations.clear()
            self._logs.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Kill every instance and remove what was unpacked."""
        with self._lock:
            self._timers.clear()
            self.dispatcher.end_all()
            self._changed.notify_all()
        self.dispatcher.runtime.close()

    def deliver(self, target: Target, event: Mapping[str, object], rule: str, settled: Settled) -> None:
        """An event for a function, from the bus."""
        name = named_by(target)
        payload, source = body_for(target, event), f"event:{rule}"
        try:
            if target.constant("InvocationType").upper() == "ASYNC":
                self.submit(name, payload, source=source)
                settled("")
            else:
                self.begin(name, payload, source=source, done=lambda ended: settled(ended.error_type))
        except ApiError as error:
            settled(str(error))

    def _with_code(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put in the package that the body names by bucket and object, and check its place for logs."""
        logs = body.get("logConfig") or {}
        if isinstance(logs, Mapping) and logs.get("project"):
            problem = self._places.log_problem(str(logs["project"]), str(logs.get("logstore") or ""))
            if problem:
                raise exceptions.invalid(problem)
        code = body.get("code")
        if not isinstance(code, Mapping) or not code.get("ossBucketName"):
            return body
        bucket, key = str(code["ossBucketName"]), str(code.get("ossObjectName") or "")
        archive = self._places.fetch(bucket, key)
        if archive is None:
            raise exceptions.invalid(f"code.ossObjectName '{key}' does not exist in bucket '{bucket}'")
        return {**body, "code": {"zipFile": base64.b64encode(archive).decode()}}

    def _check_references(self, function: Function) -> None:
        """By one reading, a role or a network that does not exist is refused."""
        if not self._cloud.readings.is_("fc-references", "checked"):
            return
        if missing := self._places.missing(function):
            raise exceptions.invalid(missing)

    def _check_destinations(self, config: AsyncConfig) -> None:
        """By the same reading, a function that does not exist cannot be a destination."""
        for arn in filter(None, (config.on_success, config.on_failure)):
            name = named_in(arn)
            if name and name not in self._functions and self._cloud.readings.is_("fc-references", "checked"):
                raise exceptions.invalid(f"destination '{arn}' does not exist")

    def _check_rights(self, function: Function) -> None:
        """By one reading, a role without the rights for log and VPC is refused at the deployment already."""
        if not self._cloud.readings.is_("role-rights", "needed-to-deploy"):
            return
        rights = self.dispatcher.rights
        if lacking := rights.missing_for_log(function) or rights.missing_for_vpc(function):
            raise exceptions.access_denied(f"role '{function.role}' is not authorized to perform '{lacking}'")

    def _fire(self, function: str, trigger: str, payload: bytes) -> Invocation:
        return self.submit(function, payload, source=f"timer:{trigger}")

    def _notify(self, destination: str, record: bytes, function: str) -> None:
        name = named_in(destination)
        if name in self._functions and self._may_invoke(function, name):
            self.submit(name, record[:PAYLOAD_LIMIT], source=f"destination:{function}")

    def _may_invoke(self, function: str, other: str) -> bool:
        """Return True if a function's role may invoke the destination: FC invokes it with that role."""
        known = self._functions.get(function)
        role = (known.role if known else "") or NO_ROLE
        caller = Principal(self._cloud.account_id, "", role, taken_on_by=SERVICE)
        return self._cloud.accounts.authorize(caller, "fc:InvokeFunction", self.arn(other))

    def _invocation(self, name: str, payload: bytes, request_id: str, source: str, *, asynchronous: bool) -> Invocation:
        given = request_id or self._cloud.ids.uuid("fc.request").lower()
        return Invocation(
            given, name, payload, source, asynchronous, self._cloud.clock.now(), InvocationStatus.ENQUEUED
        )

    def _under_lock(self, action: Callable[[], None]) -> None:
        with self._changed:
            action()
            self._changed.notify_all()
