"""What to do about one group, as data: one step for each route, one for the EIP, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from natkeeper.domain.config import Route
from natkeeper.domain.ids import EipId, EntryId, GroupName, InstanceId
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import NextHop

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Keep:
    """All is as it should be, or as a person wants it. `waits`: which planned move waits.

    `refused`: it waits because the platform refused it.
    """

    route: Route
    reason: str
    hop: NextHop | None = None
    waits: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """The next hop is someone else's: leave the route alone and report it (rule 5)."""

    route: Route
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Something is wrong and nothing safe can be done: leave the route alone and alert (rules 2 and 3).

    `soon`: the next hop still works, and goes at any moment.
    """

    route: Route
    reason: str
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """A person's wish that is not carried out, and what would be accepted."""

    route: Route
    reason: str


@dataclass(frozen=True, slots=True)
class Await:
    """The platform is at work on it; look again."""

    route: Route
    reason: str


@dataclass(frozen=True, slots=True)
class Verify:
    """The route is on `hop`; see whether the internet is reached through it (rule 7)."""

    route: Route
    hop: NextHop
    reason: str


@dataclass(frozen=True, slots=True)
class Move:
    """Change the next hop in place, with the memory of it in the same call."""

    route: Route
    to: NextHop
    reason: str
    memory: Memory
    came_from: NextHop | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Create a route entry that is missing."""

    route: Route
    to: NextHop
    reason: str
    memory: Memory


@dataclass(frozen=True, slots=True)
class Bridge:
    """Create parts of the bridge that carries the traffic while an entry that cannot change in place is replaced."""

    route: Route
    missing: tuple[str, ...]
    to: NextHop
    reason: str
    memory: Memory
    came_from: NextHop | None = None


@dataclass(frozen=True, slots=True)
class Retire:
    """Delete entries whose traffic others carry already: the old whole, or a bridge that has served."""

    route: Route
    entries: tuple[EntryId, ...]
    reason: str


Noted = Literal["paused", "resumed", "unready", "recovered", "noted"]


@dataclass(frozen=True, slots=True)
class Note:
    """Change only what is remembered, in the entry for `destination`; `about` says in a word what is noted."""

    route: Route
    destination: str
    reason: str
    memory: Memory
    about: Noted = "unready"


Step = Keep | Leave | Hold | Refuse | Await | Verify | Move | Create | Bridge | Retire | Note


@dataclass(frozen=True, slots=True)
class EipSettled:
    """The EIP is where it belongs, or there is none, or nothing may be done about it; `reason` is empty then."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class EipHold:
    """The EIP is not where it belongs and nothing safe can be done."""

    reason: str


@dataclass(frozen=True, slots=True)
class EipAwait:
    """The EIP is on its way."""

    reason: str


@dataclass(frozen=True, slots=True)
class EipTry:
    """See whether the EIP may be bound to `to`, while it is still where it is and the route too.

    An attempt to bind an EIP that is in use changes nothing, and shows a right that is missing and an instance that
    takes none: make before break (rule 11).
    """

    eip: EipId
    to: InstanceId
    reason: str


@dataclass(frozen=True, slots=True)
class EipUnassociate:
    """Take the EIP off the gateway that no longer owns the route."""

    eip: EipId
    holder: InstanceId
    reason: str


@dataclass(frozen=True, slots=True)
class EipAssociate:
    """Bind the EIP to the gateway that owns the route."""

    eip: EipId
    to: InstanceId
    reason: str


EipStep = EipSettled | EipHold | EipAwait | EipTry | EipUnassociate | EipAssociate

_CHANGES = (Move, Create, Bridge, Retire, Note)
_AT_REST = (Keep, Leave, Hold, Refuse)


@dataclass(frozen=True, slots=True)
class Decision:
    """The steps of one moment for one group. `planned`: routes that leave what works, and for which next hop."""

    group: GroupName
    steps: tuple[Step, ...]
    eip: EipStep = EipSettled()
    planned: tuple[tuple[Route, NextHop], ...] = ()

    @property
    def settled(self) -> bool:
        """Nothing is to be done, verified or waited for."""
        return all(isinstance(step, _AT_REST) for step in self.steps) and isinstance(self.eip, (EipSettled, EipHold))

    @property
    def changes(self) -> bool:
        """At least one write is to be made."""
        return any(isinstance(step, _CHANGES) for step in self.steps) or isinstance(
            self.eip, (EipUnassociate, EipAssociate)
        )

    @property
    def quiet(self) -> bool:
        """Everything is as it should be: nothing to write down about it."""
        return all(isinstance(step, Keep) for step in self.steps) and self.eip == EipSettled()

    def sentence(self) -> str:
        """Say the whole decision in one line; routes that share a reason share its words."""
        return "; ".join(self._clauses())

    def _clauses(self) -> Iterator[str]:
        said: dict[str, list[Route]] = {}
        for step in self.steps:
            said.setdefault(step.reason, []).append(step.route)
        for reason, routes in said.items():
            tables = ", ".join(route.table for route in routes)
            yield reason if len(said) == 1 else f"{tables}: {reason}"
        if self.eip.reason:
            yield self.eip.reason
