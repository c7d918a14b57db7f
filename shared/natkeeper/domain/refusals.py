"""What the platform refused in this run, each refusal held against what its answer names (rule 12)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from natkeeper.domain.ids import TableId


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
