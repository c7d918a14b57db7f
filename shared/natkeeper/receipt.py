"""The receipt: one sentence and one JSON object about what a run saw, decided, did and verified for one group.

It is the answer to the caller of the function, the last line of the run's log, and what people are told. Format 1:

    {"receipt": 1, "run", "at", "group", "signal", "outcome", "sentence", "saw": [...], "decided": [...],
     "did": [...], "problems": [...], "verified": true|false|null, "egress_ip", "next_hops": {route: hop},
     "evidence": [{"next_hop", "found", "kind", "table", "at", "public_ip", "reason"}],
     "ms": {"observed", "written", "total"}, "repaired": [...],
     "acts": [{"kind", "what", "to", "came_from", "why"}],
     "episodes": [{"group", "kind", "since", "about": [table], "cause", "left", "todo", "ended"}], "view": {...}}

`outcome` is one of `quiet`, `changed`, `waiting`, `attention`, `refused`. Times are RFC 3339 in UTC, lengths in
milliseconds since the run began to look (`written`: when the first write had been accepted). `repaired` tells of drift
that an earlier setup put right. `acts` is what `did` says, as data: programs and messages in other languages read it.
`evidence`: what this run knows of the way through each next hop: seen, lost or unproven, and from which place;
`verified` rests on it (domain/evidence.py). `episodes` are the troubles that last, and those that have just `ended`
(domain/episodes.py); the outcome says what this run did, people are told by episodes. A read-only run has a `view`
(failover/status.py), and so has a run that people hear of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from natkeeper.domain.episodes import Episode

FORMAT = 1

Outcome = Literal["quiet", "changed", "waiting", "attention", "refused"]


ActKind = Literal[
    "moved",
    "created",
    "bridged",
    "retired",
    "paused",
    "resumed",
    "unready",
    "recovered",
    "noted",
    "address",
    "setup",
    "started",
    "lane",
]


_MOVES = ("moved", "created", "bridged")
_OF_MEMORY = ("unready", "recovered", "noted", "lane")
"""Acts by which something is learnt of a standby, or written down: a standby that stays unfit is an episode."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a run did, or learnt and wrote down. `what` is a route, an EIP or gateways, as messages name them.

    `to` and `came_from` are the ids of next hops, where it leads from one to another.
    """

    kind: ActKind
    what: str
    to: str = ""
    came_from: str = ""
    why: str = ""

    def as_json(self) -> dict[str, str]:
        """Give the object, without what is empty."""
        full = {"kind": self.kind, "what": self.what, "to": self.to, "came_from": self.came_from, "why": self.why}
        return {key: value for key, value in full.items() if value}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one run did for one group."""

    run: str
    at: datetime
    group: str
    signal: str
    outcome: Outcome
    sentence: str
    saw: tuple[str, ...] = ()
    decided: tuple[str, ...] = ()
    did: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    verified: bool | None = None
    egress_ip: str | None = None
    evidence: tuple[Mapping[str, Any], ...] = ()
    next_hops: Mapping[str, str] = field(default_factory=dict)
    ms: Mapping[str, int] = field(default_factory=dict)
    repaired: tuple[str, ...] = ()
    acts: tuple[Act, ...] = ()
    view: Mapping[str, Any] | None = None
    episodes: tuple[Episode, ...] = ()
    troubled: bool = False
    """Whether a trouble is known that is an episode, or becomes one if it lasts: then that decides what is told."""
    blind: bool = False
    """Whether something that decides about a route could not be read."""

    @property
    def moved(self) -> bool:
        """Return True if the run led a route elsewhere."""
        return any(act.kind in _MOVES for act in self.acts)

    @property
    def news(self) -> bool:
        """Return True if people want to be told: of a change, an episode that is due, or a trouble of no known kind.

        A move is told whatever else the run has to say.
        """
        if any(episode.due for episode in self.episodes):
            return True
        if self.outcome == "changed":
            return not self.acts or bool(self.repaired) or any(act.kind not in _OF_MEMORY for act in self.acts)
        return self.outcome == "attention" and (self.moved or not self.troubled)

    def as_json(self) -> dict[str, Any]:
        """Give the object of format 1; empty parts are left out, `verified` never is."""
        full = {
            "receipt": FORMAT,
            "run": self.run,
            "at": f"{self.at:%Y-%m-%dT%H:%M:%S}.{self.at.microsecond // 1000:03d}Z",
            "group": self.group,
            "signal": self.signal,
            "outcome": self.outcome,
            "sentence": self.sentence,
            "saw": list(self.saw),
            "decided": list(self.decided),
            "did": list(self.did),
            "problems": list(self.problems),
            "verified": self.verified,
            "egress_ip": self.egress_ip,
            "evidence": [dict(each) for each in self.evidence],
            "next_hops": dict(self.next_hops),
            "ms": dict(self.ms),
            "repaired": list(self.repaired),
            "acts": [act.as_json() for act in self.acts],
            "episodes": [episode.as_json() for episode in self.episodes],
            "view": self.view,
        }
        return {key: value for key, value in full.items() if key == "verified" or value not in (None, [], {}, "")}
