"""An s.yaml as Serverless Devs reads it: what runs before and after a deployment, and functions, expressions resolved.

Source: Serverless Devs, edition 3.0.0, "Variables" and "Actions"; component fc3, schema.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
_EXPRESSION = re.compile(r"\$\{\s*([^}]*?)\s*\}")
_CALL = re.compile(r"(env|config)\(\s*(.*?)\s*\)")
_ARGUMENT = re.compile(r"'([^']*)'|\"([^\"]*)\"|([^,\s]+)")
_MAX_DEPTH = 8


class DeployError(Exception):
    """The template cannot be deployed, or the endpoint refused it; the message names the resource."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the caller wants otherwise than the template says.

    `vars` replace the template's; `environment` is added to every function; `cron` replaces the expression of
    every timer trigger; `code` replaces the code of a resource, by its name in the template.
    """

    vars: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    cron: str | None = None
    code: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """One function of a template, every expression resolved."""

    name: str
    props: Json
    code: Path

    @property
    def function(self) -> str:
        """The function's name in Function Compute."""
        return str(self.props["functionName"])


@dataclass(frozen=True, slots=True)
class Template:
    """An s.yaml: what runs before a deployment, and the functions in their order."""

    path: Path
    pre_deploy: tuple[Json, ...]
    resources: tuple[Resource, ...]


def load(
    path: Path,
    overrides: Overrides | None = None,
    *,
    account_id: str = "",
    environ: Mapping[str, str] | None = None,
) -> Template:
    """Read the template at `path` with `${vars.x}`, `${env(NAME, default)}` and `${config('AccountID')}`
    resolved.

    Raises DeployError for what is not an fc3 template, and for an expression that stands for nothing.
    """
    overrides = overrides or Overrides()
    try:
        raw = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DeployError(f"{path} cannot be read: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("resources"), dict):
        raise DeployError(f"{path} has no resources")
    values = dict(raw.get("vars") or {}) | dict(overrides.vars)
    scope = TemplateScope(values, os.environ if environ is None else environ, {"AccountID": account_id})
    resources = tuple(
        _resource(name, scope.resolve(declared), path.parent, overrides) for name, declared in raw["resources"].items()
    )
    actions = scope.resolve((raw.get("actions") or {}).get("pre-deploy") or [])
    return Template(path, tuple(actions), resources)


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """Parse YAML once: what is made of it are copies, with expressions resolved."""
    return yaml.safe_load(text)


def run_actions(template: Template) -> None:
    """Run the template's pre-deploy commands, each in its own path. Raises DeployError when one fails."""
    for action in template.pre_deploy:
        if "run" not in action:
            raise DeployError(f"{template.path}: pre-deploy knows `run` only here, not {', '.join(action)}")
        home = template.path.parent / action.get("path", ".")
        ended = subprocess.run(action["run"], shell=True, cwd=home, check=False)  # noqa: S602  s runs it in a shell, too
        if ended.returncode:
            raise DeployError(f"pre-deploy failed ({ended.returncode}): {action['run']}")


@dataclass(frozen=True, slots=True)
class TemplateScope:
    """What expressions can refer to."""

    vars: Mapping[str, Any]
    environ: Mapping[str, str]
    config: Mapping[str, str]

    def resolve(self, value: Any, depth: int = 0) -> Any:
        """Return `value` with every expression in it replaced."""
        if isinstance(value, dict):
            return {key: self.resolve(item, depth) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, depth) for item in value]
        if not isinstance(value, str) or depth > _MAX_DEPTH:
            return value
        whole = _EXPRESSION.fullmatch(value)
        if whole:
            return self.resolve(self._lookup(whole[1]), depth + 1)
        return _EXPRESSION.sub(lambda found: str(self.resolve(self._lookup(found[1]), depth + 1)), value)

    def _lookup(self, expression: str) -> Any:
        if expression.startswith("vars."):
            found: Any = self.vars
            for key in expression.split(".")[1:]:
                if not isinstance(found, Mapping) or key not in found:
                    raise DeployError(f"${{{expression}}} stands for nothing: no such entry under vars")
                found = found[key]
            return found
        call = _CALL.fullmatch(expression)
        if call is None:
            raise DeployError(f"${{{expression}}}: only vars.…, env(…) and config(…) are understood here")
        arguments = ["".join(quoted_or_bare) for quoted_or_bare in _ARGUMENT.findall(call[2])]
        known = self.environ if call[1] == "env" else self.config
        if not arguments or (arguments[0] not in known and len(arguments) == 1):
            raise DeployError(f"${{{expression}}} stands for nothing: it is not set, and has no default")
        return known.get(arguments[0], arguments[-1])


def _resource(name: str, declared: Any, home: Path, overrides: Overrides) -> Resource:
    if not isinstance(declared, dict) or not str(declared.get("component", "")).startswith("fc3"):
        raise DeployError(f"resource {name} is not of component fc3")
    props = declared.get("props") or {}
    missing = [key for key in ("region", "functionName", "runtime", "handler", "code") if not props.get(key)]
    if missing:
        raise DeployError(f"resource {name} lacks {', '.join(missing)}")
    if overrides.environment:
        props["environmentVariables"] = {**(props.get("environmentVariables") or {}), **overrides.environment}
    for trigger in props.get("triggers") or []:
        if overrides.cron and trigger["triggerType"] == "timer":
            trigger["triggerConfig"] = {**trigger["triggerConfig"], "cronExpression": overrides.cron}
    return Resource(name, props, overrides.code.get(name, home / str(props["code"])))


def zipped(code: Path) -> bytes:
    """Return the archive at `code`, or the directory there as an archive."""
    if code.is_file():
        return code.read_bytes()
    if not code.is_dir():
        raise DeployError(f"the code {code} is neither an archive nor a directory")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(code.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(code).as_posix())
    return buffer.getvalue()
