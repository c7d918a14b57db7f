"""Who is calling, with which secret, and may they?

Access keys of a user, and short-lived credentials of a role as the Security Token Service (STS) issues them.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from natlab.cloud.kernel.ram import PolicyVerdict

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Principal:
    """Who signed a request; `role` is set when it was signed with a role's temporary credentials.

    `user` is the RAM user that a key belongs to, empty for the account's own; `taken_on_by` the service, such as
    fc.aliyuncs.com, that took the role on, empty where nobody asks.
    """

    account_id: str
    access_key_id: str
    role: str | None = None
    user: str = ""
    taken_on_by: str = ""


ANONYMOUS = Principal(account_id="", access_key_id="")


@dataclass(frozen=True)
class KeyPair:
    """What a client signs with; `expires` in seconds since the epoch, None for a user's own access key."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""
    expires: float | None = None


@dataclass(frozen=True)
class IssuedKey:
    """What the cloud remembers of a key it gave out."""

    credentials: KeyPair
    principal: Principal


Authorizer = Callable[[Principal, str, str], bool]
"""(principal, action such as "vpc:ModifyRouteEntry", resource ARN) -> allowed."""
Judge = Callable[[Principal, str, str, Mapping[str, str]], PolicyVerdict]
"""The same with what conditions may ask for, and with the kind of a refusal."""
_NOTHING: Mapping[str, str] = {}


class Accounts:
    """One account, its access keys and the temporary credentials of its roles."""

    def __init__(self, account_id: str, now: Callable[[], float], chance: random.Random) -> None:
        self.account_id = account_id
        self._now = now
        self._chance = chance
        self._keys: dict[str, IssuedKey] = {}
        self.authorizer: Authorizer = lambda _principal, _action, _resource: True
        """A hook for tests that refuse one thing; policies are `verdict`'s, which RAM puts in."""
        self.verdict: Judge = lambda _principal, _action, _resource, _context: PolicyVerdict.ALLOWED

    def create_access_key(self, user: str = "") -> KeyPair:
        """A long-lived key of the account, or of a RAM user, as `aliyun configure` would hold it."""
        credentials = KeyPair("LTAI5t" + self._text(18), self._text(30))
        self._keys[credentials.access_key_id] = IssuedKey(
            credentials, Principal(self.account_id, credentials.access_key_id, user=user)
        )
        return credentials

    def assume_role(self, role: str, session: str = "natlab", duration_s: float = 3600.0, service: str = "") -> KeyPair:
        """Temporary credentials of a role, as STS AssumeRole issues them to a service, by default for an hour."""
        credentials = KeyPair(
            "STS.NT" + self._text(22),
            self._text(44),
            f"CAIS{self._text(24)}.{session}.{self._text(60)}",
            self._now() + duration_s,
        )
        self._keys[credentials.access_key_id] = IssuedKey(
            credentials, Principal(self.account_id, credentials.access_key_id, role, taken_on_by=service)
        )
        return credentials

    def issued(self, access_key_id: str) -> IssuedKey | None:
        """The key behind an id, or None when it was never issued or has been revoked."""
        return self._keys.get(access_key_id)

    def expired(self, key: IssuedKey) -> bool:
        """Return True if temporary credentials have run out."""
        return key.credentials.expires is not None and key.credentials.expires <= self._now()

    def revoke(self, access_key_id: str) -> None:
        """Forget a key: requests signed with it are refused from now on."""
        self._keys.pop(access_key_id, None)

    def authorize(
        self, principal: Principal, action: str, resource_arn: str, context: Mapping[str, str] = _NOTHING
    ) -> bool:
        """Return True if RAM lets the principal do that; everything is allowed until policies are enforced."""
        return self.refusal(principal, action, resource_arn, context) is None

    def refusal(
        self, principal: Principal, action: str, resource_arn: str, context: Mapping[str, str] = _NOTHING
    ) -> PolicyVerdict | None:
        """Why RAM does not let the principal do that, or None when it does."""
        if not self.authorizer(principal, action, resource_arn):
            return PolicyVerdict.IMPLICIT_DENY
        verdict = self.verdict(principal, action, resource_arn, context)
        return None if verdict is PolicyVerdict.ALLOWED else verdict

    @property
    def owner(self) -> Principal:
        """The account itself, for calls made in process."""
        return Principal(self.account_id, "")

    def _text(self, length: int) -> str:
        return "".join(self._chance.choices(_ALPHABET, k=length))
