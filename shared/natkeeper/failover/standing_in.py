"""What is known of the gateways where DescribeInstances does not answer: DescribeInstancesFullStatus says if they run.

Each call has a limit and a right of its own, so one of them may be refused while the other works.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from natkeeper.domain.observed import Instance, PowerState, Unseen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from natkeeper.domain.ids import InstanceId
    from natkeeper.domain.observed import Condition


def by_status(
    unread: str,
    conditions: Mapping[InstanceId, Condition],
    ids: Iterable[InstanceId],
    known: Mapping[InstanceId, Instance],
) -> dict[InstanceId, Instance | Unseen]:
    """Return the instances `ids` as far as `conditions` show them. `unread`: why they could not be read themselves.

    What does not change with the power state is taken from what was `known` of an instance: its VPC, its interfaces,
    its name. Its public address may have changed, and its locks. What is not in the list is hidden, not gone.
    """
    seen = {each: at.status for each, at in conditions.items() if at.status is not PowerState.UNKNOWN}
    return {
        each: _shown(known.get(each, Instance(each, PowerState.UNKNOWN)), seen[each], unread)
        if each in seen
        else Unseen(unread)
        for each in ids
    }


def _shown(instance: Instance, status: PowerState, unread: str) -> Instance:
    return replace(instance, status=status, public_ip=instance.fixed_ip, eip=None, locks=frozenset(), unread=unread)
