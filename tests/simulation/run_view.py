"""What the rules look at in a run of the failover function."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

from natkeeper.domain.config import Config
from natkeeper.domain.observed import NextHop
from natkeeper.ports import Result


class RunView(Protocol):
    """One invocation.

    `known`: what each call was last answered, and when that was true. `pointed`: where it last pointed each table's
    route. `moved_at`: when, by table. `noted`: the writes already judged. `action`: a person's request. `skew`: how far
    its clock is ahead.
    """

    name: str
    config: Config
    source: str
    action: dict[str, Any]
    began: datetime
    skew: timedelta
    stalled: bool
    known: dict[Any, tuple[datetime, Result]]
    saw: list[datetime]
    noted: set[int]
    moved_at: dict[str, datetime]
    pointed: dict[str, NextHop]
