"""The triggers of all functions, each with what lets it fire: a timer, or a rule on the bus.

The engine (functions.py) holds the cloud's lock around every call.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from natlab.cloud.eventbridge.bus import DEFAULT_BUS, Bus
from natlab.cloud.eventbridge.models import Rule, Target
from natlab.cloud.eventbridge.pattern import compile_pattern
from natlab.cloud.fc import exceptions, triggers, validation
from natlab.cloud.fc.models import EventBridgeConfig, Function, Trigger
from natlab.cloud.fc.names import rule_name
from natlab.cloud.fc.timers import Timers
from natlab.cloud.kernel.context import CloudContext


class TriggerStore:
    """Triggers by function and name; `arn` gives a function's ARN."""

    def __init__(self, cloud: CloudContext, bus: Bus, timers: Timers, arn: Callable[[str], str]) -> None:
        self._cloud = cloud
        self._bus = bus
        self._timers = timers
        self._arn = arn
        self._triggers: dict[str, dict[str, Trigger]] = defaultdict(dict)

    def create(self, function: Function, body: Mapping[str, Any]) -> Trigger:
        """From a CreateTrigger body. Raises ApiError."""
        there = self._triggers[function.name]
        name = validation.check_trigger_name(body.get("triggerName"))
        if name in there:
            raise exceptions.trigger_exists(name, function.name.rpartition("$")[2])
        validation.check_trigger_count(len(there))
        kind = body.get("triggerType")
        now = self._cloud.clock.now()
        trigger = Trigger(
            name=name,
            kind=str(kind),
            text=str(body.get("triggerConfig") or "{}"),
            config=triggers.trigger_config(kind, body.get("triggerConfig")),
            trigger_id=self._cloud.ids.uuid("fc.trigger").lower(),
            created=now,
            modified=now,
            description=str(body.get("description") or ""),
            qualifier=str(body.get("qualifier") or "LATEST"),
            source_arn=str(body.get("sourceArn") or ""),
            invocation_role=str(body.get("invocationRole") or ""),
        )
        self._put(function.name, trigger)
        return trigger

    def update(self, function: Function, name: str, body: Mapping[str, Any]) -> Trigger:
        """Change what the body names. Raises ApiError."""
        old = self.get(function, name)
        text = body.get("triggerConfig")
        trigger = dataclasses.replace(
            old,
            text=old.text if text is None else text,
            config=old.config if text is None else triggers.trigger_config(old.kind, text),
            description=str(body.get("description") or old.description),
            qualifier=str(body.get("qualifier") or old.qualifier),
            invocation_role=str(body.get("invocationRole") or old.invocation_role),
            modified=self._cloud.clock.now(),
        )
        self._put(function.name, trigger)
        return trigger

    def get(self, function: Function, name: str) -> Trigger:
        """Raises ApiError TriggerNotFound."""
        if name not in self._triggers[function.name]:
            raise exceptions.trigger_not_found(name, function.name.rpartition("$")[2])
        return self._triggers[function.name][name]

    def all_of(self, function: Function) -> list[Trigger]:
        """List the triggers of a function by name."""
        return sorted(self._triggers[function.name].values(), key=lambda trigger: trigger.name)

    def delete(self, function: Function, name: str) -> None:
        """Raises ApiError TriggerNotFound."""
        self.get(function, name)
        del self._triggers[function.name][name]
        self._timers.remove(function.name, name)
        self._bus.remove_rule(rule_name(function.name, name))

    def delete_all(self, function: Function) -> None:
        """Delete the triggers of a function that is to be deleted."""
        for trigger in self.all_of(function):
            self.delete(function, trigger.name)
        del self._triggers[function.name]

    def clear(self) -> None:
        """Forget all triggers; their timers and rules end with the timers and the bus."""
        self._triggers.clear()

    def _put(self, function: str, trigger: Trigger) -> None:
        config = trigger.config
        if self._cloud.readings.is_("pattern-expressions", "five"):
            triggers.check_expressions(config)
        self._triggers[function][trigger.name] = trigger
        self._timers.put(function, trigger)
        if isinstance(config, EventBridgeConfig):
            self._bus.put_rule(
                Rule(
                    name=rule_name(function, trigger.name),
                    bus=DEFAULT_BUS,
                    text=config.pattern,
                    pattern=compile_pattern(config.pattern),
                    created=trigger.created,
                    targets=(self._target(trigger, function, config),),
                    enabled=config.enabled,
                    description=f"trigger {trigger.name} of function {function}",
                )
            )

    def _target(self, trigger: Trigger, function: str, config: EventBridgeConfig) -> Target:
        true_is_async = self._cloud.readings.is_("async-type", "true-is-async")
        return triggers.rule_target(trigger.trigger_id, self._arn(function), config, true_is_async=true_is_async)
