"""What was seen while a scenario was played: plain facts in the order of time, none of them judged.

Moments are seconds since the epoch, by the one clock of this machine. Things are called by the scenario's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HostConnection:
    """A private host tried a new connection: the address it was seen with, or empty and why it was lost.

    `at`: when it knew.
    """

    at: float
    public_ip: str
    lost: str = ""


@dataclass(frozen=True, slots=True)
class SeenWrite:
    """A function asked the API to change something; `to` is the new next hop, where it named one.

    `error` is the code of the refusal, empty when it was accepted.
    """

    at: float
    action: str
    table: str = ""
    to: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """The data plane of a table changed: its default route leads here now (empty: nowhere)."""

    at: float
    table: str
    to: str


@dataclass(frozen=True, slots=True)
class FunctionRun:
    """One invocation of the failover function: why, when, and what it answered."""

    source: str
    started: float
    finished: float | None = None
    cold: bool = False
    answer: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def receipts(self) -> tuple[Mapping[str, Any], ...]:
        """The receipts of its answer."""
        return tuple(self.answer.get("receipts") or ())

    @property
    def news(self) -> tuple[Mapping[str, Any], ...]:
        """The receipts that say more than that nothing was to do."""
        return tuple(receipt for receipt in self.receipts if receipt.get("outcome") != "quiet")


@dataclass(frozen=True, slots=True)
class ScenarioEvidence:
    """Everything that was seen from shortly before the fault to the end of the script.

    `next_hops` is what the route tables say at the end; `ids` leads from names to ids; `marks` are moments that the
    script gave a name; `in_vain` says what the script waited for and never saw.
    """

    fault_at: float
    ended_at: float
    ids: Mapping[str, str]
    attempts: Mapping[str, tuple[HostConnection, ...]] = field(default_factory=dict)
    runs: tuple[FunctionRun, ...] = ()
    writes: tuple[SeenWrite, ...] = ()
    hops: tuple[Hop, ...] = ()
    next_hops: Mapping[str, str] = field(default_factory=dict)
    eip_on: str = ""
    marks: Mapping[str, float] = field(default_factory=dict)
    in_vain: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    """What people were told."""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Table -> the public addresses that its private hosts were seen with, in order of first sight."""
