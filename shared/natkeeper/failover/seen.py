"""What one run knows of a group besides the world of the moment: what it has read, checked and written so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from natkeeper.failover.attempts import Attempts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from natkeeper.domain.config import Route
    from natkeeper.domain.decision import Bridge, Create, Move
    from natkeeper.domain.egress import Egress, EgressLost
    from natkeeper.domain.ids import InstanceId
    from natkeeper.domain.observed import Condition, Eip, Instance, NatGateway, RouteEntry, Unseen
    from natkeeper.domain.relay import Relay
    from natkeeper.ports import Call, Failure, SetupRun


@dataclass(slots=True)
class Seen:
    """What this run knows already and need not read again."""

    # ---- read
    conditions: Mapping[InstanceId, Condition] | Unseen | None = None
    fallback: NatGateway | Unseen | None = None
    setups: tuple[SetupRun, ...] | None = None
    asked_setups: bool = False
    sighted: datetime | None = None
    """When every table was first seen."""
    trouble: dict[str, str] = field(default_factory=dict)
    """Every read that failed, by what was asked; a trouble that repeats is kept once."""
    replaced: dict[str, Failure] = field(default_factory=dict)
    """Reads that failed and that others stand in for, so that no round waits for them again."""
    instances: dict[InstanceId, Instance] = field(default_factory=dict)
    """Gateways as they were last shown."""
    bared: dict[InstanceId, datetime] = field(default_factory=dict)
    """Those whose public address is shown no longer, and since when."""
    listed: tuple[datetime, Mapping[InstanceId, Instance | Unseen]] | None = None
    """What this run last read of them together, and when."""
    owners: dict[str, InstanceId] = field(default_factory=dict)
    """The gateway of each network interface."""
    gone: set[InstanceId] = field(default_factory=set)
    """Instances that do not exist, as more than one answer said."""
    former: set[InstanceId] = field(default_factory=set)
    """Gateways that the configuration no longer has."""

    # ---- checked
    internet: Egress | None = None
    egress: dict[str, Egress | Unseen] = field(default_factory=dict)
    """What checks found, by id of the next hop."""
    checked: dict[str, RouteEntry] = field(default_factory=dict)
    """The entry that the latest check went through, as it was then, by id of the next hop."""
    reported: dict[str, EgressLost] = field(default_factory=dict)
    """Losses that the probe reported a while ago, to be held against what a check finds."""

    # ---- written
    written: dict[str, tuple[RouteEntry | Eip | Unseen | None, datetime, Call[None]]] = field(default_factory=dict)
    """What the world showed of a thing when a write to it was accepted, when that was, and the write."""
    unanswered: dict[Route, Move | Create | Bridge] = field(default_factory=dict)
    """Moves of which it is not known whether they were carried out."""
    refused: set[str] = field(default_factory=set)
    """What need not be written again."""
    attempts: Attempts = field(default_factory=Attempts)
    relays: set[Relay] = field(default_factory=set)
    """Those that were tried."""
    one_by_one: bool = False
    """The VPC takes one route task at a time, as an answer said."""
    busy: bool = False
    """The same, in this very run."""
    polls: int = 0
    """How often it has waited since something happened."""
    patient_until: datetime | None = None
    """How long the writes that were accepted usually take."""

    def keep(self, gateway: InstanceId, instance: Instance, now: datetime) -> None:
        """Keep what ECS shows of a gateway, and since when it shows no public address any more."""
        before = self.instances.get(gateway)
        if instance.public_ip is not None:
            self.bared.pop(gateway, None)
        elif before is not None and before.public_ip is not None and not instance.unread:
            self.bared[gateway] = now
        self.instances[gateway] = instance
