"""Is one dead gateway the only one? When two groups move within seconds, the run looks at all others as well.

Function Compute runs one event at a time, and tries those that wait after 0.5, 1, 2, 4 … s. Of many gateways that
die together, most would wait for the next sweep. A failover on its own costs no call more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.failover.dispatch import Assignment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from natkeeper.domain.config import Config
    from natkeeper.receipt import Receipt

AT_ONCE = timedelta(seconds=60)
"""How long after a move that of another group counts as one trouble: an event may wait until the next sweep."""
ABOUT = "gateways of several groups fail at once"


def others(
    receipts: Sequence[Receipt], config: Config, moved: dict[str, datetime], now: datetime
) -> tuple[Assignment, ...]:
    """List the groups to look at after a run with `receipts`: none, or all that it has not looked at.

    `moved`: when each group was last moved in this process; it is brought up to date. Only a run that itself moves a
    group leads to a look, so the many events about gateways that were dealt with lead to none.
    """
    mine = {receipt.group for receipt in receipts if receipt.moved}
    lately = {group for group, at in moved.items() if timedelta(0) <= now - at < AT_ONCE}
    moved.update(dict.fromkeys(mine, now))
    if not mine or len(mine | lately) == 1:
        return ()
    seen = {receipt.group for receipt in receipts}
    return tuple(Assignment(group, ABOUT) for group in config.groups if group.name not in seen)
