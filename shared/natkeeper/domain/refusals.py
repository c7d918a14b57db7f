"""Calls that failed, and what the platform refused in this run, held against what its answer names (rule 12)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.ids import TableId


THE_EIP = "the EIP"
"""What writes to the EIP are about, where those of routes are about a table."""


class FailureKind(str, Enum):
    """What a failed call means to the caller. Retryable kinds were retried by the driver until the deadline."""

    UNREACHABLE = "unreachable"
    """No answer, or a 5xx: whether the call was carried out is not known."""
    THROTTLED = "throttled"
    BUSY = "busy"
    """TaskConflict and its kin: another task has the resource; nothing was done."""
    DENIED = "denied"
    GONE = "gone"
    """The thing that was named does not exist."""
    NOT_IN_PLACE = "not in place"
    """The platform refuses to change the next hop of this entry in place."""
    WORDS = "words refused"
    """The name or the description is what the platform does not take; the same request without them may pass."""
    REFUSED = "refused"
    """The request is wrong for the state things are in."""


class FailureSubject(str, Enum):
    """What the answer of a failed call names: a refusal is held against that, and against nothing else."""

    NOTHING = "nothing"
    """The API itself, another task, or a code that nobody knows."""
    HOP = "the next hop"
    """For an EIP: the instance that it is to be bound to or taken off."""
    WORDS = "the words"
    ENTRY = "the route entry"
    ADDRESS = "the EIP"
    CALLER = "the caller's rights"
    DESTINATION = "the destination"
    CALL = "the call"
    """The table, the VPC, a quota or the request's form: no other next hop changes the answer."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """A planned move that the platform refused: how often in a row, when last, and why."""

    count: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that did not succeed. `code` and `request_id` are Alibaba's own, empty where it gave none."""

    kind: FailureKind
    message: str
    code: str = ""
    request_id: str = ""
    names: FailureSubject = FailureSubject.NOTHING

    def __str__(self) -> str:
        """Say it in one line with what a support ticket needs."""
        return self.brief + (f" [request {self.request_id}]" if self.request_id else "")

    @property
    def brief(self) -> str:
        """Say it in words that stay the same while the trouble does: without the request's id."""
        return f"{self.kind.value}: {self.message}" + (f" ({self.code})" if self.code else "")


class Deed(str, Enum):
    """The writes whose refusal changes a decision."""

    POINT = "the change of the next hop"
    CREATE = "the creation of the entry"
    TAKE = "taking the EIP off"
    GIVE = "binding the EIP"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One write that was not carried out, after as many tries as it was worth.

    `table` and `hop` are None where the answer holds for every one of them. `passing`: the answer says nothing of the
    hop (the API does not answer, throttles, or is at work on something else), so another gateway gets one try, and
    the paid fallback none. `over`: not to be sent again in this run. `lasting`: worth a mark, because the answer
    names the hop.
    """

    deed: Deed
    reason: str
    table: TableId | None = None
    hop: str | None = None
    passing: bool = False
    over: bool = True
    lasting: bool = False

    def concerns(self, deeds: tuple[Deed, ...], table: TableId | None, hop: str | None) -> bool:
        """Return True if it stands against one of `deeds` on `table` towards `hop`."""
        return self.deed in deeds and self.table in (None, table) and self.hop in (None, hop)
