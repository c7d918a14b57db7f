"""RAM roles: who may take one on, and the documents of its policies (RAM 2015-05-01)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from natkeeper.ports import Failure, FailureKind

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients

_GONE = "EntityNotExist.Role"


@dataclass(frozen=True, slots=True)
class Role:
    """A role; `trusts` are the services that may take it on, `documents` its policies."""

    name: str
    trusts: tuple[str, ...]
    documents: tuple[str, ...]


def role(reach: RegionClients, name: str, *, policies: bool = True) -> Role | Failure | None:
    """Read a role, and its policies unless they do not matter; None when it does not exist."""
    answer = reach.plain("ram", "GetRole", {"RoleName": name})
    if isinstance(answer, Failure):
        return None if answer.code == _GONE else answer
    about = answer.get("Role") or {}
    trusts = _trusted(str(about.get("AssumeRolePolicyDocument") or ""))
    if not policies:
        return Role(name, trusts, ())
    listed = reach.plain("ram", "ListPoliciesForRole", {"RoleName": name})
    if isinstance(listed, Failure):
        return listed
    documents = []
    for one in (listed.get("Policies") or {}).get("Policy") or ():
        asked = {"PolicyName": str(one.get("PolicyName")), "PolicyType": str(one.get("PolicyType"))}
        found = reach.plain("ram", "GetPolicy", asked)
        if isinstance(found, Failure):
            return found
        documents.append(str((found.get("DefaultPolicyVersion") or {}).get("PolicyDocument") or "{}"))
    return Role(name, trusts, tuple(documents))


def gone(failure: Failure) -> bool:
    """Return True if a failure means that the thing is not there."""
    return failure.kind is FailureKind.GONE


def _trusted(document: str) -> tuple[str, ...]:
    try:
        read: Any = json.loads(unquote(document) if document.startswith("%") else document)
    except ValueError:
        return ()
    services: list[str] = []
    for statement in read.get("Statement", ()) if isinstance(read, dict) else ():
        named = (statement.get("Principal") or {}).get("Service") or []
        services += [named] if isinstance(named, str) else named
    return tuple(services)
