"""The default event bus: which targets get an event, and again until they took it.

Delivery is at least once and in no promised order.  A target answers through a callback; one that refuses or
fails is tried again as its retry strategy says.  What is lost, late, doubled or reordered before the bus is
decided by the cloud's event faults.
"""

from __future__ import annotations

import dataclasses
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from natlab.cloud.eventbridge.models import Delivery, Progress, Retry, Rule, Target
from natlab.cloud.kernel.clock import Clock
from natlab.cloud.kernel.errors import ApiError

DEFAULT_BUS: Final = "default"
_BACKOFF_RETRIES: Final = 3
_EXPONENTIAL_RETRIES: Final = 176
_LONGEST_S: Final = 512.0
_REQUIRED: Final = ("id", "source", "specversion", "type")

Settled = Callable[[str], None]
"""Called once with "" when the target took the event, else with what went wrong."""


class Recipient(Protocol):
    """Delivers to one type of target."""

    def deliver(self, target: Target, event: Mapping[str, object], rule: str, settled: Settled) -> None: ...


class InvalidEventError(ValueError):
    """The published data is not a CloudEvents 1.0 object."""


class Bus:
    """Rules, and deliveries under way; all calls under the cloud's lock."""

    def __init__(self, clock: Clock, seconds: Callable[[str], float], chance: random.Random) -> None:
        self._clock = clock
        self._seconds = seconds
        self._chance = chance
        self._rules: dict[str, Rule] = {}
        self.recipients: dict[str, Recipient] = {}
        """Who delivers, by type of target; events for other types end as dead letters."""
        self.most_rules = 50
        """How many rules the bus takes: 10 or 50, by two of Alibaba's pages."""
        self.events: deque[Mapping[str, object]] = deque(maxlen=10_000)
        """The last events that reached the bus."""
        self.deliveries: deque[Delivery] = deque(maxlen=10_000)

    def __iter__(self) -> Iterator[Rule]:
        return iter(list(self._rules.values()))

    def rule(self, name: str) -> Rule | None:
        return self._rules.get(name)

    def put_rule(self, rule: Rule) -> None:
        """Add a rule or replace the one of that name. Raises ApiError where the bus takes no more."""
        if rule.name not in self._rules and len(self._rules) >= self.most_rules:
            raise ApiError(
                "EventRuleCountExceedLimit", f"The count of event rules exceeds the limit {self.most_rules}."
            )
        self._rules[rule.name] = rule

    def remove_rule(self, name: str) -> None:
        """Remove a rule; nothing happens when there is none."""
        self._rules.pop(name, None)

    def put_target(self, rule_name: str, target: Target) -> None:
        """Add a target to a rule or replace the one of that id. KeyError for an unknown rule."""
        rule = self._rules[rule_name]
        others = tuple(each for each in rule.targets if each.target_id != target.target_id)
        self._rules[rule_name] = dataclasses.replace(rule, targets=(*others, target))

    def remove_target(self, rule_name: str, target_id: str) -> bool:
        """Return True if there was such a target. KeyError for an unknown rule."""
        rule = self._rules[rule_name]
        others = tuple(each for each in rule.targets if each.target_id != target_id)
        self._rules[rule_name] = dataclasses.replace(rule, targets=others)
        return len(others) != len(rule.targets)

    def publish(self, event: Mapping[str, object]) -> None:
        """Take an event and send it to every target of every rule it matches. Raises InvalidEventError."""
        check_event(event)
        self.events.append(event)
        for rule in self:
            if rule.enabled and rule.pattern.matches(event):  # type: ignore[arg-type]  # checked to be JSON
                for target in rule.targets:
                    delivery = Delivery(event, rule.name, target, self._clock.now())
                    self.deliveries.append(delivery)
                    self._attempt_later(delivery, self._seconds("eventbridge.delivery"))

    def reset(self) -> None:
        self._rules.clear()
        self.events.clear()
        self.deliveries.clear()

    def _attempt_later(self, delivery: Delivery, delay_s: float) -> None:
        self._clock.call_later(delay_s, lambda: self._attempt(delivery))

    def _attempt(self, delivery: Delivery) -> None:
        delivery.attempts += 1
        recipient = self.recipients.get(delivery.target.kind)
        if recipient is None:
            self._end(delivery, Progress.DEAD, f"the local cloud has no targets of type {delivery.target.kind}")
            return
        recipient.deliver(
            delivery.target, delivery.event, delivery.rule, lambda problem: self._settled(delivery, problem)
        )

    def _settled(self, delivery: Delivery, problem: str) -> None:
        if not problem:
            self._end(delivery, Progress.DELIVERED)
            return
        delay_s = self._retry_delay(delivery)
        if delay_s is None:
            self._end(delivery, Progress.DEAD, problem)
            return
        delivery.errors.append(problem)
        self._attempt_later(delivery, delay_s)

    def _retry_delay(self, delivery: Delivery) -> float | None:
        """Seconds to the next attempt, None when there is none."""
        retries = delivery.attempts - 1
        if delivery.target.errors_tolerance == "NONE":
            return None
        if delivery.target.retry is Retry.EXPONENTIAL:
            longest = self._seconds("eventbridge.retry.exponential") * _LONGEST_S
            first = self._seconds("eventbridge.retry.exponential")
            return None if retries >= _EXPONENTIAL_RETRIES else min(longest, first * 2.0 ** min(retries, 20))
        if retries >= _BACKOFF_RETRIES:
            return None
        shortest = self._seconds("eventbridge.retry.backoff_min")
        return self._chance.uniform(shortest, self._seconds("eventbridge.retry.backoff_max"))

    def _end(self, delivery: Delivery, progress: Progress, problem: str = "") -> None:
        delivery.progress = progress
        delivery.ended = self._clock.now()
        if problem:
            delivery.errors.append(problem)


def check_event(event: Mapping[str, object]) -> None:
    """Whether this is a CloudEvents 1.0 object. Raises InvalidEventError naming the attribute."""
    for attribute in _REQUIRED:
        value = event.get(attribute)
        if not isinstance(value, str) or not value:
            raise InvalidEventError(f"{attribute} must be a string that is not empty")
    if event["specversion"] != "1.0":
        raise InvalidEventError("specversion must be 1.0")
    if "data" in event and not isinstance(event["data"], Mapping):
        raise InvalidEventError("data must be a JSON object")
