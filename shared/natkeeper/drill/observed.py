"""The input format of a report: plain facts of one drill, moments in seconds since the epoch by one clock.

As JSON it is `{"drill": 1, "scenario": …, "fault_at": …, "attempts": [{…}], …}`, with the fields of `Observed` and
of the classes in it as keys. `Observed.as_json` writes it, `from_json` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec

FORMAT = 1

Kind = Literal["fault", "signal", "decision", "route", "eip", "told", "step", "detail"]
"""What a moment is. `signal`: natkeeper woke up. `decision`: its write reached the API. `route`, `eip`: the data plane
follows. `told`: a receipt. `step`: something else that was done. `detail` is listed and not drawn."""


class UnreadableDrill(ValueError):
    """The data is not a drill in a known format; the message says why."""


@dataclass(frozen=True, slots=True)
class NewConnection:
    """One new connection: when it began and ended, why it failed (empty: it worked), which address the server saw.

    `way`: which of the ways it took; "out" is a private host's to the internet.
    """

    began: float
    ended: float
    error: str = ""
    seen: str = ""
    way: str = "out"


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection, or flow of datagrams, that was there before the fault.

    `kind`: busy (TCP that speaks all the time), idle (TCP that speaks at last) or udp. `ended` and `error` say when
    and why it broke (0.0 and empty: it did not). `longest_gap_s`: its longest wait for an answer.
    """

    kind: str
    number: int
    opened: float
    longest_gap_s: float
    ended: float = 0.0
    error: str = ""
    way: str = "out"

    @property
    def survived(self) -> bool:
        """Return True if it still worked at the end."""
        return self.opened > 0 and not self.error


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence in a flow that ended: the flow, and when it was last heard and first heard again."""

    kind: str
    number: int
    began: float
    ended: float
    way: str = "out"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. `who` and `what` read as one line of a list."""

    at: float
    kind: Kind
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that was observed in one drill.

    `place` says where (a lab, an account). `ways` gives the ways of `attempts` and `flows` the names that people
    read, in the order in which to show them; "out" is always among them. `reasons` say why it did not end well.
    """

    scenario: str
    story: str
    place: str
    began_at: float
    fault_at: float
    ended_at: float
    attempts: tuple[NewConnection, ...]
    ways: Mapping[str, str]
    flows: tuple[Flow, ...] = ()
    gaps: tuple[Gap, ...] = ()
    moments: tuple[Moment, ...] = ()
    reasons: tuple[str, ...] = ()
    how: str = ""
    """How it was measured, for the foot of the page; empty where it was as the lab does it."""

    def as_json(self) -> dict[str, Any]:
        """The object that `from_json` reads."""
        return {"drill": FORMAT, **asdict(self)}


def from_json(data: bytes | str | Mapping[str, Any]) -> Observed:
    """Read what was observed. Raises UnreadableDrill."""
    try:
        raw: Any = msgspec.json.decode(data) if isinstance(data, (bytes, str)) else dict(data)
        if not isinstance(raw, dict) or raw.pop("drill", None) != FORMAT:
            raise UnreadableDrill(f"not a drill of format {FORMAT}")
        return msgspec.convert(raw, Observed)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise UnreadableDrill(f"not as expected: {error}") from error
