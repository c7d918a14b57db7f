"""Asynchronous requests: accepted at once, tried until done, reported to a destination.

A request that is throttled waits 0.5, 1, 2, 4 … seconds, one whose function fails is tried again as often as
the function's configuration says; either ends when the request is too old.
Source: PLATFORM facts; Alibaba Cloud documentation, Function Compute, "Result callback" for the record that
a destination gets.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from natlab.cloud.fc import exceptions
from natlab.cloud.fc.models import AsyncConfig, Function, Invocation, InvocationStatus
from natlab.cloud.kernel.clock import Clock
from natlab.cloud.kernel.errors import ApiError

PAYLOAD_LIMIT: Final = 128 * 1024
"""Bytes of an asynchronous request's payload."""
_DEFAULT: Final = AsyncConfig()

Begin = Callable[[Function, Invocation, Callable[[], None]], None]
Find = Callable[[str], "Function | None"]
Seconds = Callable[[str], float]
"""By name, as in kernel/latencies.py."""
Notify = Callable[[str, bytes, str], None]
"""(destination ARN, record, function that ended) -> sent, or dropped where nobody is there."""


class AsyncQueue:
    """Requests under way; all calls under the cloud's lock."""

    def __init__(
        self,
        clock: Clock,
        seconds: Callable[[str], float],
        *,
        begin: Begin,
        find: Find,
        notify: Notify,
        arn: Callable[[str], str],
    ) -> None:
        self.configs: dict[str, AsyncConfig] = {}
        self._clock = clock
        self._seconds = seconds
        self._begin = begin
        self._find = find
        self._notify = notify
        self._arn = arn
        self._waiting: dict[str, list[Invocation]] = {}

    def depth(self, function: str) -> int:
        """How many requests of a function wait for an instance or a retry."""
        return len(self._waiting.get(function, ()))

    def submit(self, invocation: Invocation, delay_s: float = 0.0) -> None:
        """Take a request; it is tried shortly after, or that much later where it asks to be delayed."""
        self._wait(invocation, delay_s + self._seconds("fc.async.dispatch"))

    def stop(self, invocation: Invocation) -> None:
        """Give a request up that waits; one that runs is not interrupted."""
        if invocation in self._waiting.get(invocation.function, ()):
            self._finish(invocation, InvocationStatus.STOPPED, "")

    def reset(self) -> None:
        self.configs.clear()
        self._waiting.clear()

    def _wait(self, invocation: Invocation, delay_s: float) -> None:
        self._waiting.setdefault(invocation.function, []).append(invocation)
        self._clock.call_later(delay_s, lambda: self._attempt(invocation))

    def _attempt(self, invocation: Invocation) -> None:
        waiting = self._waiting.get(invocation.function, [])
        if invocation not in waiting:
            return
        config = self.configs.get(invocation.function, _DEFAULT)
        function = self._find(invocation.function)
        if function is None:
            self._finish(invocation, InvocationStatus.INVALID, "FunctionNotFound")
            return
        if self._clock.now() - invocation.received > config.max_age_s:
            self._finish(invocation, InvocationStatus.EXPIRED, "EventAgeExceeded")
            return
        waiting.remove(invocation)
        try:
            self._begin(function, invocation, lambda: self._ended(invocation))
        except ApiError as refusal:
            if refusal.status != exceptions.THROTTLED:
                raise
            invocation.throttled += 1
            self._wait(invocation, self._throttled_delay(invocation))

    def _throttled_delay(self, invocation: Invocation) -> float:
        first = self._seconds("fc.async.throttled_retry")
        longest = self._seconds("fc.async.longest_retry")
        return min(longest, first * 2.0 ** min(invocation.throttled - 1, 30))

    def _ended(self, invocation: Invocation) -> None:
        if invocation.status is InvocationStatus.STOPPED:
            return
        config = self.configs.get(invocation.function, _DEFAULT)
        if invocation.error_type and invocation.attempts <= config.max_retries:
            invocation.status, invocation.finished = InvocationStatus.RETRYING, None
            first = self._seconds("fc.async.error_retry")
            longest = self._seconds("fc.async.longest_retry")
            self._wait(invocation, min(longest, first * 2.0 ** (invocation.attempts - 1)))
            return
        self._report(invocation, invocation.error_type)

    def _finish(self, invocation: Invocation, status: InvocationStatus, condition: str) -> None:
        """End a request that never came to run, or will not again."""
        self._waiting[invocation.function].remove(invocation)
        invocation.status = status
        invocation.finished = self._clock.now()
        if condition:
            self._report(invocation, condition)

    def _report(self, invocation: Invocation, condition: str) -> None:
        config = self.configs.get(invocation.function, _DEFAULT)
        destination = config.on_failure if condition else config.on_success
        if destination:
            record = self._record(invocation, condition)
            self._notify(destination, json.dumps(record).encode(), invocation.function)

    def _record(self, invocation: Invocation, condition: str) -> dict[str, object]:
        return {
            "timestamp": int(self._clock.now() * 1000),
            "requestContext": {
                "requestId": invocation.request_id,
                "functionArn": self._arn(invocation.function),
                "condition": condition,
                "approximateInvokeCount": invocation.attempts,
            },
            "requestPayload": invocation.payload.decode("utf-8", "replace"),
            "responseContext": {"statusCode": 200, "functionError": invocation.error_type},
            "responsePayload": invocation.result.decode("utf-8", "replace"),
        }
