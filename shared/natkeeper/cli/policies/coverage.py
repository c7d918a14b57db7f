"""Do the policies that a role has allow what it needs?  RAM's rule: an explicit Deny wins, then any Allow.

Read for `doctor`, which cannot take a function's role on to try it. Conditions on time, source address and the like
are not judged: a statement with one counts as allowing, and is said to have one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from natkeeper.cli.policies.grants import Grant


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is not allowed: an action on a resource, and what it is for."""

    purpose: str
    action: str
    resource: str


def missing(grant: Grant, documents: Iterable[str | Mapping[str, Any]]) -> tuple[Lack, ...]:
    """List what `documents` do not allow of what `grant` needs."""
    statements = [statement for document in documents for statement in _statements(document)]
    return tuple(
        Lack(needed.purpose, action, resource)
        for needed in grant.statements
        for action in needed.actions
        for resource in needed.resources
        if not _allowed(statements, action, resource)
    )


def _allowed(statements: Iterable[Mapping[str, Any]], action: str, resource: str) -> bool:
    about = [s for s in statements if _about(s, action, resource)]
    denied = any(s.get("Effect") == "Deny" and "Condition" not in s for s in about)
    return not denied and any(s.get("Effect") == "Allow" for s in about)


def _about(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "NotAction" in statement:
        covered = not any(_fits(pattern, action, fold=True) for pattern in _texts(statement["NotAction"]))
    else:
        covered = any(_fits(pattern, action, fold=True) for pattern in _texts(statement.get("Action")))
    patterns = _texts(statement.get("Resource"))
    if resource == "*":  # whatever the action is about, and that is of its own product
        every = f"acs:{action.partition(':')[0]}:*:*:*"
        return covered and any(_fits(pattern, every, fold=False) for pattern in patterns)
    return covered and any(_covers(pattern, resource) for pattern in patterns)


def _covers(pattern: str, resource: str) -> bool:
    """Return True if a pattern covers a resource, which may itself have wildcards, part by part."""
    if _fits(pattern, resource, fold=False):
        return True
    theirs, ours = pattern.split(":"), resource.split(":")
    parts = len(theirs) == len(ours) == 5  # noqa: PLR2004  acs, product, region, account, resource
    # The account of a policy is its own account, and ours is written as * where it was not asked for.
    return parts and all(
        _fits(their, our, fold=False) or (place in (2, 3) and our == "*")
        for place, (their, our) in enumerate(zip(theirs, ours, strict=True))
    )


def _fits(pattern: str, text: str, *, fold: bool) -> bool:
    return _compiled(pattern, fold).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:  # noqa: FBT001  a cache key
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.IGNORECASE if fold else 0)


def _statements(document: str | Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return
    listed = document.get("Statement") if isinstance(document, Mapping) else None
    yield from (one for one in (listed if isinstance(listed, list) else [listed]) if isinstance(one, Mapping))


def _texts(value: Any) -> list[str]:  # noqa: ANN401  a text or a list of texts
    texts = [value] if isinstance(value, str) else value
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
