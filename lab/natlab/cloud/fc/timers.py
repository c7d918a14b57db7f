"""Timer triggers: each due moment becomes one asynchronous request.

`scale` shortens the waits of every timer (0.1: a minute passes in six seconds) without changing what the
schedule says, so that a demonstration need not wait for the platform's minute.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from natlab.cloud.fc.cron import ScheduleError
from natlab.cloud.fc.models import TimerConfig, Trigger
from natlab.cloud.kernel.clock import Clock, ScheduledAction
from natlab.cloud.kernel.events import utc

Fire = Callable[[str, str, bytes], object]
"""(function, trigger, payload)."""


@dataclass(slots=True)
class _Ticking:
    function: str
    trigger: Trigger
    config: TimerConfig
    nominal: float
    """When the schedule says the next tick is; with a scale other than 1 the clock gets there earlier or later."""
    timer: ScheduledAction | None = None


class Timers:
    """All enabled timer triggers."""

    def __init__(self, clock: Clock, fire: Fire) -> None:
        self._clock = clock
        self._fire = fire
        self._scale = 1.0
        self._ticking: dict[tuple[str, str], _Ticking] = {}

    @property
    def scale(self) -> float:
        return self._scale

    @scale.setter
    def scale(self, scale: float) -> None:
        self._scale = scale
        for ticking in self._ticking.values():
            if ticking.timer is not None:
                ticking.timer.cancel()
            ticking.nominal = self._clock.now()
            self._schedule(ticking)

    def put(self, function: str, trigger: Trigger) -> None:
        """Start, or start anew, a trigger; a disabled one stops."""
        self.remove(function, trigger.name)
        if isinstance(trigger.config, TimerConfig) and trigger.config.enabled:
            ticking = _Ticking(function, trigger, trigger.config, self._clock.now())
            self._ticking[function, trigger.name] = ticking
            self._schedule(ticking)

    def remove(self, function: str, trigger: str) -> None:
        ticking = self._ticking.pop((function, trigger), None)
        if ticking is not None and ticking.timer is not None:
            ticking.timer.cancel()

    def clear(self) -> None:
        for function, trigger in list(self._ticking):
            self.remove(function, trigger)

    def _schedule(self, ticking: _Ticking) -> None:
        try:
            due = ticking.config.schedule.next_after(ticking.nominal)
        except ScheduleError:
            return  # a date that does not come
        delay_s = (due - ticking.nominal) * self._scale
        ticking.nominal = due
        ticking.timer = self._clock.call_later(delay_s, lambda: self._tick(ticking))

    def _tick(self, ticking: _Ticking) -> None:
        payload = timer_event(ticking.trigger, self._clock.now())
        self._schedule(ticking)
        self._fire(ticking.function, ticking.trigger.name, payload)


def timer_event(trigger: Trigger, now: float) -> bytes:
    """What a function gets from its timer."""
    payload = trigger.config.payload if isinstance(trigger.config, TimerConfig) else ""
    event = {"triggerTime": utc(now), "triggerName": trigger.name, "payload": payload}
    return json.dumps(event).encode()
