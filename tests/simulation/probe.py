"""The probe function, simulated without its looks: when a loss has lasted for three of them, it reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from natkeeper.domain.config import Group
from natkeeper.probe.handler import WATCH_S, Settings
from tests.simulation.town import SimulatedWorld


class Eye:
    """One probe function. A watch goes on until the next one begins, or ends with its report."""

    def __init__(
        self, town: SimulatedWorld, group: Group, function: str, report: Callable[[dict[str, Any]], None]
    ) -> None:
        self.town, self.group, self.function, self.report = town, group, function, report
        self.table = group.probes[function]
        self._watching_until = -1.0
        self._sees = True
        self._loss = 0
        self.broken_until = -1.0
        """Until when its own packets get nowhere, whatever the gateways do."""
        self.lies_until = -1.0
        """Until when it sees what is not there."""
        self.look()

    def watch(self, until: float | None = None) -> None:
        """Begin to watch, or go on until then; two watches at once are as good as one that goes on for longer."""
        begins = self.town.second
        fresh = begins >= self._watching_until
        self._watching_until = max(self._watching_until, begins + WATCH_S if until is None else until)
        if fresh and not self._sees:
            self._lost(0.1)

    def look(self) -> None:
        """Take notice of whether packets get through now."""
        now = self.town.second + 0.001  # when a time is over, it is over by the last digit as well
        sees = now < self.lies_until or (self.town.egress(self.table) is not None and now >= self.broken_until)
        if sees != self._sees:
            self._sees = sees
            self._loss += 1
            if not sees and self.town.second < self._watching_until:
                self._lost(self.group.probe.interval / 2)

    def _lost(self, until_next_check: float) -> None:
        """Lose looks from the next one on, until egress is back or they are enough for a report."""
        mine = self._loss
        since = self.town.now + timedelta(seconds=until_next_check)
        probe = self.group.probe
        rule = Settings("", (), probe.interval, probe.silent_s).rule
        if probe.counted is not None:
            timeout, failures = probe.counted
            rule = Settings("", (), probe.interval, None, timeout, failures).rule
        enough = until_next_check + rule.lost_s

        def over() -> None:
            if mine == self._loss and self.town.second <= self._watching_until + 3:
                until, self._watching_until = self._watching_until, -1.0
                message = {
                    "natkeeper": "egress-lost",
                    "group": self.group.name,
                    "since": since.timestamp(),
                    "lasted": rule.lost_s,
                    "failures": rule.checks,
                    "reason": "no answer",
                    "until": (self.town.now + timedelta(seconds=until - self.town.second)).timestamp(),
                }
                payload = {"errorMessage": json.dumps(message), "errorType": "EgressLostError"}
                arn = f"acs:fc:cn-hangzhou:1000000000000001:functions/{self.function}"
                context = {"condition": "Unhandled", "functionArn": arn}
                self.report({"requestContext": context, "responsePayload": payload})

        self.town.quietly(enough, over)
