"""What s.yaml says of functions, their triggers and how they are invoked.

`${vars.…}` is resolved; other expressions are left as they are.

Source of the file's shape: Serverless Devs, edition 3.0.0; component fc3, schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from natkeeper.cli.survey.functions import Deployed, SurveyedTrigger

FILE = "s.yaml"
_VARIABLE = re.compile(r"\$\{\s*vars\.(\w+)\s*\}")
_JSON_TEXT = "eventRuleFilterPattern"
"""A field of a trigger's configuration that holds JSON in a text: white space in it means nothing."""


class TemplateUnreadable(Exception):
    """The file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class DeclaredTrigger:
    """One trigger as the file has it; `kind` is timer or eventbridge."""

    name: str
    kind: str
    description: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """One resource of component fc3: `resource` is its name in the file, `name` the function's.

    `asynchronous` is its asyncInvokeConfig, empty for none; `reserved` its reservedConcurrency.
    """

    resource: str
    name: str
    triggers: tuple[DeclaredTrigger, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    asynchronous: Mapping[str, Any] = field(default_factory=dict)
    reserved: int | None = None


@dataclass(frozen=True, slots=True)
class Incomplete:
    """What of one function is not as the file says: triggers that are missing, those that differ, and settings.

    Settings are written after all triggers, so a deployment that was killed lacks them, too: `asyncInvokeConfig` (where
    a probe reports) and `concurrencyConfig`.
    """

    function: DeclaredFunction
    missing: tuple[str, ...]
    stale: tuple[str, ...]
    settings: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """Name them, as in `ecs-state, ecs-notices missing; sweep differs from s.yaml`."""
        parts = []
        if self.missing:
            parts.append(f"{', '.join(self.missing)} missing")
        if self.stale:
            verb = "differs" if len(self.stale) == 1 else "differ"
            parts.append(f"{', '.join(self.stale)} {verb} from {FILE}")
        if self.settings:
            parts.append(f"{' and '.join(self.settings)} not as {FILE} says")
        return "; ".join(parts)

    @property
    def command(self) -> str:
        """Return the one command that completes them.

        Triggers are named one by one, because the component stops at the first EventBridge trigger that did not change
        and skips those after it (fc3, deploy of triggers). Settings come with the whole function.
        """
        wanted = {*self.missing, *self.stale}
        names = [trigger.name for trigger in self.function.triggers if trigger.name in wanted]
        resource = self.function.resource
        steps = [f"s {resource} deploy --trigger {','.join(names)} -y"] if names else []
        return " && ".join([*steps, *([f"s {resource} deploy -y"] if self.settings else [])])


def declared(path: Path) -> tuple[DeclaredFunction, ...]:
    """Read the functions of the file at `path`; none where there is no such file. Raises TemplateUnreadable."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise TemplateUnreadable(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("resources"), dict):
        raise TemplateUnreadable(f"{path} has no resources")
    variables = document.get("vars")
    known = variables if isinstance(variables, dict) else {}
    try:
        return tuple(
            _function(str(name), _resolved(resource["props"], known))
            for name, resource in document["resources"].items()
            if str(resource.get("component", "")).startswith("fc3")
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise TemplateUnreadable(f"{path} has a resource that is not of component fc3's shape") from error


def incomplete(function: DeclaredFunction, deployed: Deployed) -> Incomplete | None:
    """Compare triggers and settings with what is deployed; None where each one is as the file says."""
    there = {trigger.name: trigger for trigger in deployed.triggers}
    missing = tuple(trigger.name for trigger in function.triggers if trigger.name not in there)
    stale = tuple(
        trigger.name
        for trigger in function.triggers
        if trigger.name in there and not _same(trigger, there[trigger.name])
    )
    settings = tuple(_settings(function, deployed))
    return Incomplete(function, missing, stale, settings) if missing or stale or settings else None


def _settings(function: DeclaredFunction, deployed: Deployed) -> Iterator[str]:
    """Name the settings that differ; one that the file leaves out is not looked at."""
    wanted = function.asynchronous
    destinations = wanted.get("destinationConfig") or {}
    pairs: list[tuple[object, object]] = [
        (_place(destinations.get(when)), found.rpartition("/")[2])
        for when, found in (("onFailure", deployed.on_failure), ("onSuccess", deployed.on_success))
    ]
    if wanted.get("maxAsyncRetryAttempts") is not None:
        pairs.append((wanted["maxAsyncRetryAttempts"], deployed.async_retries))
    if wanted and any(mine != theirs for mine, theirs in pairs):
        yield "asyncInvokeConfig"
    if function.reserved is not None and function.reserved != deployed.reserved:
        yield "concurrencyConfig"


def _place(destination: Any) -> str:  # noqa: ANN401  whatever YAML can say
    """Return the function that a destination names, empty for none: account and region may be expressions."""
    return str(destination.get("destination", "")).rpartition("/")[2] if isinstance(destination, dict) else ""


def _same(wanted: DeclaredTrigger, found: SurveyedTrigger) -> bool:
    return (
        wanted.kind == found.kind
        and wanted.description == found.description
        and _within(_plain(wanted.config), _plain(found.config))
    )


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the JSON in its text fields read."""
    plain = dict(config)
    try:
        plain[_JSON_TEXT] = json.loads(str(plain.get(_JSON_TEXT, "null")))
    except ValueError:
        return plain
    return plain


def _within(wanted: object, found: object) -> bool:
    """Return True if all that is wanted was found; the API may answer with more fields than were sent."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(_within(value, found.get(key, {} if value == {} else None)) for key, value in wanted.items())
    return wanted == found


def _function(resource: str, props: Mapping[str, Any]) -> DeclaredFunction:
    triggers = tuple(
        DeclaredTrigger(
            str(trigger["triggerName"]),
            str(trigger["triggerType"]),
            str(trigger.get("description", "")),
            dict(trigger["triggerConfig"]),
        )
        for trigger in props.get("triggers") or ()
    )
    environment = {str(key): str(value) for key, value in (props.get("environmentVariables") or {}).items()}
    reserved = (props.get("concurrencyConfig") or {}).get("reservedConcurrency")
    return DeclaredFunction(
        resource,
        str(props["functionName"]),
        triggers,
        environment,
        dict(props.get("asyncInvokeConfig") or {}),
        reserved,
    )


def _resolved(value: Any, known: Mapping[str, Any]) -> Any:  # noqa: ANN401  whatever YAML can say
    if isinstance(value, dict):
        return {key: _resolved(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, known) for item in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: str(known.get(found[1], found[0])), value)
