"""Which objects are there, and who may put one where?  Buckets come into being with their first object."""

from __future__ import annotations

from dataclasses import dataclass

from natlab.cloud.kernel.accounts import KeyPair
from natlab.cloud.kernel.context import CloudContext

TEMPORARY = "fc-temporary-code"
"""Function Compute's own bucket for code on its way into a function; its real name is not published."""
_ROLE = "aliyunfctemporarybucket"
_LIFETIME_S = 3600.0


@dataclass(frozen=True, slots=True)
class WritableObject:
    """A place that one set of credentials may write to, and nothing else."""

    credentials: KeyPair
    bucket: str
    name: str
    """Name of the object, without the account's id that stands before it in the key."""


class ObjectStore:
    """Objects by bucket and key; all calls under the cloud's lock."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self._objects: dict[tuple[str, str], bytes] = {}
        self._only: dict[str, tuple[str, str]] = {}
        """By access key id: the one object that temporary credentials are for."""

    def temporary_place(self) -> WritableObject:
        """Make a place for one package of code, with credentials for it."""
        account = self._cloud.account_id
        role = f"acs:ram::{account}:role/{_ROLE}"
        credentials = self._cloud.accounts.assume_role(role, "code", _LIFETIME_S)
        name = self._cloud.ids.uuid("oss.object").lower()
        self._only[credentials.access_key_id] = (TEMPORARY, f"{account}/{name}")
        return WritableObject(credentials, TEMPORARY, name)

    def may_write(self, access_key_id: str, bucket: str, key: str) -> bool | None:
        """Return True if these credentials may write there, None where RAM decides: they name no object."""
        only = self._only.get(access_key_id)
        return None if only is None else only == (bucket, key)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object, in the place of one that is there."""
        self._objects[bucket, key] = content

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's content, None when there is none."""
        return self._objects.get((bucket, key))

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is gone already."""
        self._objects.pop((bucket, key), None)

    def reset(self) -> None:
        """Forget every object and every place."""
        self._objects.clear()
        self._only.clear()
