"""Which way is the platform, where its documents leave that open or contradict each other?

A reading is one way that an unconfirmed fact may be. Products ask `readings.is_(NAME, WAY)` at the place where the ways
part. The first way of each is what this cloud does unless it is told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

SWITCHES: Final[Mapping[str, tuple[str, ...]]] = {
    # VPC: route entries
    "route-description": ("anything", "ascii-without-brackets", "256-bytes", "nothing"),
    "route-name": ("taken", "refused"),
    "route-in-place-to-nat": ("taken", "refused"),
    "route-half": ("taken", "black-listed"),
    "route-stopped-hop": ("stays", "vanishes", "unavailable"),
    "route-to-stopped": ("taken", "refused"),
    "route-status-words": ("pending-available", "creating-created"),
    "route-filters": ("known", "ignored", "refused"),
    "route-task-gap": ("none", "5s"),
    "nat-creation": ("adds-no-route", "adds-a-route"),
    "nat-changing": ("carries", "drops"),
    "eip-off-stopping": ("refused", "taken"),
    # Function Compute
    "async-type": ("true-is-async", "true-is-sync"),
    "warm-credentials": ("renewed", "kept"),
    "answers": ("lean", "full"),
    "scaling-config": ("empty", "not-found", "full"),
    "role-rights": ("needed-to-run", "needed-to-deploy"),
    "fc-references": ("unchecked", "checked"),
    "fc-instances": ("100", "300"),
    # EventBridge and ActionTrail
    "trail-types": ("of-the-product", "of-actiontrail"),
    "trail-request": ("carried", "left-out"),
    "event-subject": ("arn", "id", "absent"),
    "bus-rules": ("50", "10"),
    "pattern-expressions": ("any-number", "five"),
    # ECS, Cloud Assistant and OOS
    "health-status": ("of-events", "of-the-state"),
    "client-tokens": ("one-request", "first-answer"),
    "invocations": ("all", "running-only"),
    "oos-output": ("whole", "cut"),
}
"""Every reading and its ways."""


class UnknownReading(ValueError):
    """There is no such reading, or no such way of it; the message says which there are."""


class Readings(Mapping[str, str]):
    """One way for every reading: those that are given, else the first one."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        """Take the ways that differ from the first one. Raises UnknownReading."""
        for name, way in (given or {}).items():
            if name not in SWITCHES:
                raise UnknownReading(f"there is no reading {name!r}; there are: {', '.join(SWITCHES)}")
            if way not in SWITCHES[name]:
                raise UnknownReading(f"reading {name} has no way {way!r}; it has: {', '.join(SWITCHES[name])}")
        self._ways = {name: ways[0] for name, ways in SWITCHES.items()} | dict(given or {})

    def __getitem__(self, name: str) -> str:
        return self._ways[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ways)

    def __len__(self) -> int:
        return len(self._ways)

    def is_(self, name: str, way: str) -> bool:
        """Return True if the platform is that way. Raises UnknownReading for a name or way that does not exist."""
        if way not in SWITCHES.get(name, ()):
            raise UnknownReading(f"there is no way {way!r} of a reading {name!r}")
        return self._ways[name] == way
