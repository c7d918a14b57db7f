"""Which roles and users are there, with which policies, and what may they do?

Nothing is enforced until `enforce()`: then a role or a user may do what its policies allow, and the account
itself everything. A role that does not exist, or does not trust the service that took it on, may do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from natlab.cloud.kernel.accounts import KeyPair, Principal
from natlab.cloud.kernel.locking import locked
from natlab.cloud.kernel.ram import Policy, PolicyVerdict, judge

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

Document = str | Mapping[str, object]


@dataclass(frozen=True)
class Identity:
    """A role or a user; `policies` by name, as documents. `trusts` are the services that may take a role on."""

    name: str
    policies: Mapping[str, Document] = field(default_factory=dict)
    trusts: tuple[str, ...] = ()
    created: float = 0.0

    @cached_property
    def read(self) -> tuple[Policy, ...]:
        """The policies, read once: every call of every run is judged by them."""
        return tuple(Policy.read(document) for document in self.policies.values())


class Identities:
    """The roles and users of the account."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self.roles: dict[str, Identity] = {}
        self.users: dict[str, Identity] = {}
        self.enforced = False

    @locked
    def create_role(self, name: str, trusts: str, policies: Mapping[str, Document] | None = None) -> str:
        """A role that the service (such as fc.aliyuncs.com) may take on, with these policies; returns its ARN."""
        name = name.lower()
        self.roles[name] = Identity(name, _checked(policies or {}), (trusts,), self._cloud.clock.now())
        return self.arn("role", name)

    @locked
    def create_user(self, name: str, policies: Mapping[str, Document] | None = None) -> KeyPair:
        """A user with these policies, and an access key of it."""
        self.users[name] = Identity(name, _checked(policies or {}), (), self._cloud.clock.now())
        return self._cloud.accounts.create_access_key(user=name)

    @locked
    def attach(self, role: str, policies: Mapping[str, Document]) -> None:
        """Give a role these policies instead of those it has."""
        self.roles[role.lower()] = replace(self.roles[role.lower()], policies=_checked(policies))

    @locked
    def enforce(self) -> None:
        """From now on policies decide."""
        self.enforced = True

    def arn(self, kind: str, name: str) -> str:
        """acs:ram::ACCOUNT:role/NAME."""
        return f"acs:ram::{self._cloud.account_id}:{kind}/{name}"

    def verdict(self, principal: Principal, action: str, resource: str, context: Mapping[str, str]) -> PolicyVerdict:
        """What policies say; ALLOWED while nothing is enforced."""
        if not self.enforced or (principal.account_id and not principal.role and not principal.user):
            return self._service_verdict(principal, action, resource) if self.enforced else PolicyVerdict.ALLOWED
        if principal.role:
            known = self.roles.get(principal.role.rpartition("/")[2].lower())
            if known is None or (principal.taken_on_by and principal.taken_on_by not in known.trusts):
                return PolicyVerdict.IMPLICIT_DENY
            return judge(known.read, action, resource, context)
        user = self.users.get(principal.user)
        return PolicyVerdict.IMPLICIT_DENY if user is None else judge(user.read, action, resource, context)

    def _service_verdict(self, principal: Principal, action: str, resource: str) -> PolicyVerdict:
        """A service of Alibaba's taking on a role; anything else is the account itself."""
        if action != "sts:AssumeRole" or not principal.access_key_id.endswith(".aliyuncs.com"):
            return PolicyVerdict.ALLOWED
        role = self.roles.get(resource.rpartition("/")[2].lower())
        trusted = role is not None and principal.access_key_id in role.trusts
        return PolicyVerdict.ALLOWED if trusted else PolicyVerdict.IMPLICIT_DENY

    def reset(self) -> None:
        """Forget every role and user; nothing is enforced any more."""
        self.roles.clear()
        self.users.clear()
        self.enforced = False


def _checked(policies: Mapping[str, Document]) -> dict[str, Document]:
    for document in policies.values():
        Policy.read(document)
    return dict(policies)
