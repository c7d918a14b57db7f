"""What does a RAM policy say?  Statements with wildcards: an explicit Deny wins, then an Allow, else no.

Source: Alibaba Cloud documentation, Resource Access Management, "Policy structure and syntax" and "Policy evaluation
process". Conditions: StringEquals and StringLike on the keys that the caller of `judge` knows; any other condition is
refused when the policy is read, because an emulator that ignores one would allow what RAM does not.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

OPERATORS = frozenset({"StringEquals", "StringLike"})
_NO_CONTEXT: Mapping[str, str] = {}


class PolicyError(ValueError):
    """A document that RAM would not take, or that this evaluation does not know; the message says where."""


class PolicyVerdict(enum.Enum):
    """What policies say about one action on one resource."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "ExplicitDeny"
    IMPLICIT_DENY = "ImplicitDeny"


@dataclass(frozen=True)
class PolicyStatement:
    """One statement; `conditions` are (operator, key, accepted values), all of which must hold."""

    allow: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def covers(self, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Return True if the statement is about that action on that resource."""
        return (
            any(matches(pattern, action, fold=True) for pattern in self.actions)
            and any(matches(pattern, resource) for pattern in self.resources)
            and all(_holds(operator, context.get(key), values) for operator, key, values in self.conditions)
        )


@dataclass(frozen=True)
class Policy:
    """A policy document."""

    statements: tuple[PolicyStatement, ...] = field(default_factory=tuple)

    @classmethod
    def read(cls, document: str | Mapping[str, object]) -> Policy:
        """Read a document, JSON text or the object. Raises PolicyError."""
        if isinstance(document, str):
            try:
                document = json.loads(document)
            except ValueError as error:
                raise PolicyError(f"not JSON: {error}") from error
        if not isinstance(document, Mapping):
            raise PolicyError("a policy is an object")
        unknown = set(document) - {"Version", "Statement"}
        if unknown or document.get("Version") != "1":
            raise PolicyError('a policy has Version "1" and Statement, nothing else')
        statements = document.get("Statement")
        if not isinstance(statements, list) or not statements:
            raise PolicyError("Statement is a list of at least one statement")
        return cls(tuple(_statement(one, number) for number, one in enumerate(statements)))


def judge(
    policies: Iterable[Policy], action: str, resource: str, context: Mapping[str, str] = _NO_CONTEXT
) -> PolicyVerdict:
    """Evaluate policies for one action (such as vpc:ModifyRouteEntry) on one resource ARN."""
    covering = [
        statement
        for policy in policies
        for statement in policy.statements
        if statement.covers(action, resource, context)
    ]
    if any(not statement.allow for statement in covering):
        return PolicyVerdict.EXPLICIT_DENY
    return PolicyVerdict.ALLOWED if covering else PolicyVerdict.IMPLICIT_DENY


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Return True if `text` fits a pattern with * and ?; actions do not care about case, ARNs do."""
    return _compiled(pattern, fold).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:  # noqa: FBT001 - a cache key
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL if fold else re.DOTALL)


def _holds(operator: str, value: str | None, accepted: tuple[str, ...]) -> bool:
    if value is None:
        return False  # a request without the key fulfils no condition on it
    if operator == "StringEquals":
        return value in accepted
    return any(matches(pattern, value) for pattern in accepted)


def _statement(given: object, number: int) -> PolicyStatement:
    where = f"Statement[{number}]"
    if not isinstance(given, Mapping):
        raise PolicyError(f"{where} is not an object")
    unknown = sorted(set(given) - {"Effect", "Action", "Resource", "Condition"})
    if unknown:
        raise PolicyError(f"{where} has {', '.join(unknown)}, which this evaluation does not know")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"{where}.Effect is Allow or Deny")
    actions, resources = (
        _texts(given.get("Action"), f"{where}.Action"),
        _texts(given.get("Resource"), f"{where}.Resource"),
    )
    for action in actions:
        if action != "*" and not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9*?]+", action):
            raise PolicyError(f"{where}.Action: {action!r} is not service:Operation")
    for resource in resources:
        if resource != "*" and not re.fullmatch(r"acs:[^:\s]+:[^:\s]*:[^:\s]*:\S+", resource):
            raise PolicyError(f"{where}.Resource: {resource!r} is not acs:service:region:account:resource")
    return PolicyStatement(
        given["Effect"] == "Allow", actions, resources, tuple(_conditions(given.get("Condition"), where))
    )


def _conditions(given: object, where: str) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise PolicyError(f"{where}.Condition is not an object")
    for operator, tests in given.items():
        if operator not in OPERATORS or not isinstance(tests, Mapping):
            raise PolicyError(f"{where}.Condition: {operator} is none of {', '.join(sorted(OPERATORS))}")
        for key, values in tests.items():
            yield str(operator), str(key), _texts(values, f"{where}.Condition.{operator}.{key}")


def _texts(given: object, where: str) -> tuple[str, ...]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise PolicyError(f"{where} is a text or a list of texts")
    return tuple(texts)
