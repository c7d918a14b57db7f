"""Episodes: troubles with a beginning, what they cost private hosts, and an end (rule 14).

What is wrong in a world is troubles.py's to judge; how long it has lasted, and who was told, is the ledger's to know
(failover/telling.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any


class EpisodeKind(str, Enum):
    """What lasts. `letter` stands for it in the memory of a route entry."""

    DARK = "dark"
    """Private hosts have no internet."""
    DEGRADED = "degraded"
    """A configured next hop is unfit: one failure more may be an outage."""
    BLIND = "blind"
    """What decides about a route cannot be read."""
    UNPROVEN = "unproven"
    """Nobody has shown that the gateway which carries a route forwards."""
    BROWN_OUT = "brown-out"
    """The internet is reached, and too many checks are lost."""
    FULL = "full"
    """A gateway runs out of connections or ports."""
    PROBE_BROKEN = "probe broken"
    """The probe does not check egress any more."""
    STARTED = "started"
    """A cold standby that natkeeper started runs, and costs what it costs."""
    UNGUARDED = "unguarded"
    """An entry through one of the gateways is in nobody's configuration."""
    INCOMPLETE = "incomplete"
    """A part of a gateway's setup does not work, which makes it no less fit to carry a route."""
    EXPIRING = "expiring"
    """A gateway stops within a week, because it, or the account, is not paid for."""
    POSTPONED = "postponed"
    """A planned move waits, for the group's window or for the platform to take it."""
    FOUND = "found"
    """Gateways or routes were found by a tag, or by where entries lead (`gateways: {tag: …}`, `routes: all`)."""
    SEARCH = "search"
    """The search for gateways or routes finds nothing, or too much."""
    FLAPPING = "flapping"
    """Troubles of one kind come and go."""

    @property
    def letter(self) -> str:
        """Return the letter that stands for it in a route entry."""
        return _LETTERS[self]


_LETTERS = {
    EpisodeKind.DARK: "d",
    EpisodeKind.DEGRADED: "g",
    EpisodeKind.BLIND: "b",
    EpisodeKind.UNPROVEN: "u",
    EpisodeKind.BROWN_OUT: "w",
    EpisodeKind.FULL: "f",
    EpisodeKind.PROBE_BROKEN: "p",
    EpisodeKind.STARTED: "s",
    EpisodeKind.UNGUARDED: "n",
    EpisodeKind.INCOMPLETE: "i",
    EpisodeKind.EXPIRING: "x",
    EpisodeKind.POSTPONED: "l",
    EpisodeKind.FOUND: "v",
    EpisodeKind.SEARCH: "m",
    EpisodeKind.FLAPPING: "a",
}
BEGINS_AFTER = {
    EpisodeKind.DARK: timedelta(minutes=1),
    EpisodeKind.DEGRADED: timedelta(minutes=5),
    EpisodeKind.BLIND: timedelta(minutes=1),
    EpisodeKind.UNPROVEN: timedelta(minutes=5),
    EpisodeKind.BROWN_OUT: timedelta(0),
    EpisodeKind.FULL: timedelta(0),
    EpisodeKind.PROBE_BROKEN: timedelta(0),
    EpisodeKind.STARTED: timedelta(0),
    EpisodeKind.UNGUARDED: timedelta(0),
    EpisodeKind.INCOMPLETE: timedelta(0),
    EpisodeKind.EXPIRING: timedelta(0),
    EpisodeKind.POSTPONED: timedelta(0),
    EpisodeKind.FOUND: timedelta(0),
    EpisodeKind.SEARCH: timedelta(0),
    EpisodeKind.FLAPPING: timedelta(0),
}
"""How long a trouble has to last before it is an episode: what mends itself sooner is nobody's news."""
_DAILY = frozenset(
    (
        EpisodeKind.DEGRADED,
        EpisodeKind.UNPROVEN,
        EpisodeKind.FULL,
        EpisodeKind.STARTED,
        EpisodeKind.UNGUARDED,
        EpisodeKind.INCOMPLETE,
        EpisodeKind.EXPIRING,
        EpisodeKind.SEARCH,
    )
)
HARMLESS = frozenset((EpisodeKind.POSTPONED, EpisodeKind.FOUND))
"""What lasts although all is well: people are told once."""
NOTICES = HARMLESS | {
    EpisodeKind.STARTED,
    EpisodeKind.UNGUARDED,
    EpisodeKind.EXPIRING,
    EpisodeKind.SEARCH,
    EpisodeKind.FLAPPING,
}
"""What people want to know and what explains nothing that a run may meet with besides."""
HALF_HOUR, DAILY, PAUSED = timedelta(minutes=30), timedelta(days=1), timedelta(hours=6)
HOURLY = timedelta(hours=1)
ONCE = timedelta(days=3650)
EACH, WITHIN = 3, timedelta(hours=1)
"""How many of a kind are told one by one within that time; more of them come and go."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong now. `at_once`: natkeeper can do nothing about it, so it is an episode from its first moment.

    `paused`: a person keeps natkeeper from doing anything about it. `refused`: why the platform does.
    """

    kind: EpisodeKind
    about: tuple[str, ...]
    cause: str
    left: str = ""
    todo: str = ""
    at_once: bool = False
    paused: bool = False
    refused: str = ""

    @property
    def begins_after(self) -> timedelta:
        """Return how long it has to last before people are told."""
        return timedelta(0) if self.at_once else BEGINS_AFTER[self.kind]

    @property
    def every(self) -> timedelta:
        """Return how often people are told while it lasts."""
        if self.kind in HARMLESS:
            return ONCE
        if self.kind is EpisodeKind.FLAPPING:
            return HOURLY
        if self.paused:
            return PAUSED
        return DAILY if self.kind in _DAILY else HALF_HOUR


@dataclass(frozen=True, slots=True)
class Episode:
    """A trouble of a group with its beginning and, when it is over, its end. `due`: people are to be told now."""

    group: str
    trouble: Trouble
    since: datetime
    ended: datetime | None = None
    due: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the object that receipts carry; what is empty is left out."""
        trouble = self.trouble
        full = {
            "group": self.group,
            "kind": trouble.kind.value,
            "since": f"{self.since:%Y-%m-%dT%H:%M:%SZ}",
            "about": list(trouble.about),
            "cause": trouble.cause,
            "refused": trouble.refused,
            "left": trouble.left,
            "todo": trouble.todo,
            "ended": None if self.ended is None else f"{self.ended:%Y-%m-%dT%H:%M:%SZ}",
        }
        return {key: value for key, value in full.items() if value not in (None, [], "")}

    def sentence(self, now: datetime) -> str:
        """Say it in one line: what, how long, why, what is left, what to do."""
        trouble = self.trouble
        if self.ended is not None:
            return f"no longer {trouble.kind.value}: it lasted {lasted(self.ended - self.since)}"
        long = f" ({lasted(now - self.since)})" if now - self.since >= timedelta(seconds=1) else ""
        since = f"{trouble.kind.value} since {self.since:%Y-%m-%d %H:%M} UTC{long}"
        parts = [f"{since}: {trouble.cause}", trouble.left, trouble.todo]
        return "; ".join(filter(None, parts))


def lasted(length: timedelta) -> str:
    """Say a length of time as people do."""
    seconds = max(0, round(length.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            rest = seconds % size // {"d": 3600, "h": 60, "min": 1}[unit]
            finer = {"d": "h", "h": "min", "min": "s"}[unit]
            return f"{seconds // size} {unit}" + (f" {rest} {finer}" if rest else "")
    return f"{seconds} s"
