"""What an egress check found, and from which place it looked: evidence of different weight."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class EvidenceKind(IntEnum):
    """Where evidence was taken, the strongest first: a kind with a larger number never outweighs a smaller one."""

    PRIVATE_HOST = 1
    """From a private host's place: the probe, through that very route table."""
    BEHIND_GATEWAY = 2
    """From behind the gateway: the setup's proof, from the address of a private host."""
    GATEWAY_ITSELF = 3
    """From the gateway: says nothing of what it forwards for others."""

    @property
    def place(self) -> str:
        """Name the place as receipts and messages do."""
        return _PLACES[self]

    @property
    def proves(self) -> bool:
        """Return True if evidence of this kind shows that private hosts reach the internet."""
        return self is not EvidenceKind.GATEWAY_ITSELF


_PLACES = {
    EvidenceKind.PRIVATE_HOST: "a private host's place",
    EvidenceKind.BEHIND_GATEWAY: "behind the gateway",
    EvidenceKind.GATEWAY_ITSELF: "the gateway itself",
}


@dataclass(frozen=True, slots=True)
class EgressSeen:
    """The internet answered at `at`; `public_ip` is the address it saw, where the target tells.

    `because` says why no stronger evidence was taken, where that was tried.
    """

    at: datetime
    public_ip: str | None = None
    kind: EvidenceKind = EvidenceKind.PRIVATE_HOST
    because: str = ""

    @property
    def proves(self) -> bool:
        """Return True if this shows that private hosts reach the internet."""
        return self.kind.proves


@dataclass(frozen=True, slots=True)
class EgressLost:
    """No target answered; `at` is when the check ended."""

    at: datetime
    reason: str
    kind: EvidenceKind = EvidenceKind.PRIVATE_HOST


@dataclass(frozen=True, slots=True)
class NotChecked:
    """No check could be made, for want of the looking process's own resources; says nothing about the internet."""

    at: datetime
    reason: str


Egress = EgressSeen | EgressLost
