"""What does ActionTrail keep of a call?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrailRecord:
    """One write call; `known_from` is when LookupEvents begins to show it (seconds since the epoch)."""

    event: Mapping[str, object]
    product: str
    action: str
    at: float
    known_from: float
