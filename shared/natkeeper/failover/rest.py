"""What this process has handed on to runs of its own and has not seen arrive: see handing_on.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from natkeeper.domain.ids import GroupName

LOST_AFTER = timedelta(seconds=30)
"""When an invocation that was made and has not arrived is taken for lost: it queues behind others for some seconds."""


@dataclass(slots=True)
class Rest:
    """What this process has handed on and not seen arrive: when, and of which groups, by VPC.

    `itself`: the name of this function, empty where it is not known; `denied`: it may not be invoked by itself.
    """

    itself: str = ""
    denied: bool = False
    pending: dict[str, tuple[datetime, set[GroupName]]] = field(default_factory=dict)

    def arrived(self, groups: Iterable[GroupName]) -> tuple[GroupName, ...]:
        """Return the groups that an invocation for `groups` goes on with: its own, and those added meanwhile."""
        found = set(groups)
        for vpc, (_, waiting) in list(self.pending.items()):
            if waiting & found:
                found |= waiting
                del self.pending[vpc]
        return tuple(sorted(found))
