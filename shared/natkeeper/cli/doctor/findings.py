"""One thing that the doctor found: how bad, about what, what it is, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from natkeeper.cli.errors import trouble_of
from natkeeper.ports import Failure


class Level(str, Enum):
    """How bad it is."""

    OK = "ok"
    ADVICE = "advice"
    """Works, and could be better."""
    WRONG = "wrong"
    """Will not work, or not when it is needed."""
    UNSEEN = "unseen"
    """Could not be looked at; nothing is known."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`about` names the thing, `says` what it is, `do` what to do; `area` is a group's name or `deployment`."""

    level: Level
    area: str
    about: str
    says: str
    do: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give the JSON object, without what is empty."""
        return {key: value for key, value in {**asdict(self), "level": self.level.value}.items() if value}


def ok(area: str, about: str, says: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, area, about, says)


def advice(area: str, about: str, says: str, do: str) -> Finding:
    """It could be better."""
    return Finding(Level.ADVICE, area, about, says, do)


def wrong(area: str, about: str, says: str, do: str) -> Finding:
    """It will not work."""
    return Finding(Level.WRONG, area, about, says, do)


def unseen(area: str, about: str, why: object) -> Finding:
    """It could not be looked at."""
    do = trouble_of(why, about).do if isinstance(why, Failure) else ""
    return Finding(Level.UNSEEN, area, about, f"could not be looked at: {why}", do or "try again")
