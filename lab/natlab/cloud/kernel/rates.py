"""How often may an operation be called? What is more is throttled, as the real API throttles an account."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from natlab.cloud.kernel.errors import ApiError

DOCUMENTED = {
    ("vpc", "ModifyRouteEntry"): (300, 60.0),
    ("actiontrail", "LookupEvents"): (2, 1.0),
}
"""Calls in so many seconds, for an account in a region: "Limits" of the Vpc documentation, and LookupEvents' page."""


@dataclass
class Rates:
    """Counts calls. `limits` may be changed: an account can have a quota raised."""

    now: Callable[[], float]
    limits: dict[tuple[str, str], tuple[int, float]] = field(default_factory=lambda: dict(DOCUMENTED))
    _calls: dict[tuple[str, str], deque[float]] = field(default_factory=dict)

    def count(self, product: str, action: str) -> None:
        """Count a call. Raise ApiError where it is one too many; that one counts for nothing."""
        limit = self.limits.get((product, action))
        if limit is None:
            return
        most, seconds = limit
        calls = self._calls.setdefault((product, action), deque())
        now = self.now()
        while calls and now - calls[0] >= seconds:
            calls.popleft()
        if len(calls) >= most:
            raise ApiError("Throttling.User", "Request was denied due to user flow control.")
        calls.append(now)

    def reset(self) -> None:
        """Forget the calls that were made."""
        self._calls.clear()
