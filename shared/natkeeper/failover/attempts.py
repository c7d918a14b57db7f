"""How often is a write tried in one run, and what is held against whom when that was enough? (rule 12)

An answer is held against what it names. A next hop that is named gets two tries, or three while its state may pass; a
table or a quota ends the tries for that table; a missing right, and what says nothing of the hop (the API itself,
another task), let another gateway have one try. Nothing here waits: the caller reads the world between two tries.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from natkeeper.domain.decision import Bridge, Create, EipAssociate, EipStep, EipTry, EipUnassociate, Move, Step
from natkeeper.domain.refusals import Deed, Refusal
from natkeeper.ports import Failure, FailureKind, FailureSubject

if TYPE_CHECKING:
    from natkeeper.domain.ids import TableId

MOST = 3
"""Tries of one write towards one next hop in one run, while the API answers."""
FEWER = 2
"""The same where asking again will hardly help: the next hop is not there, or another one has had its tries already."""
ONCE = 1
"""A note that natkeeper makes for itself: a later run remembers as well."""
PAUSES_S = (0.7, 2.5)
"""How long to read before a write is tried again: about five seconds for one next hop, with its answers."""

_API = (FailureKind.UNREACHABLE, FailureKind.THROTTLED)
_CERTAIN = (FailureKind.REFUSED, FailureKind.GONE)
_WHOLE = (FailureSubject.CALL, FailureSubject.DESTINATION, FailureSubject.ENTRY, FailureSubject.ADDRESS)
"""What no other next hop changes."""


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """what a write is about: the deed, the table of a route, and the next hop or the EIP's instance."""

    deed: Deed
    table: TableId | None
    hop: str


@dataclass(slots=True)
class Attempts:
    """The tries of one run. `minor`: of writes that change no decision. `codes`: answers that name nothing. `busy`:
    targets whose latest answer was that something is at work.

    `accepted`: targets of which one write was accepted and others follow. They get a try more, because the platform may
    want some seconds between two of them (terraform-provider-alicloud waits for five).
    """

    tried: dict[WriteTarget, int] = field(default_factory=dict)
    minor: dict[str, int] = field(default_factory=dict)
    codes: dict[WriteTarget, str] = field(default_factory=dict)
    busy: set[WriteTarget] = field(default_factory=set)
    accepted: set[WriteTarget] = field(default_factory=set)

    def judge(self, target: WriteTarget, failure: Failure) -> Refusal | None:
        """Return what is held against whom after one more failure; None if the write may be tried again."""
        refusal = self._judge(target, failure)
        of_eip = target.deed is Deed.TAKE or (target.deed is Deed.GIVE and refusal is not None and refusal.passing)
        if refusal is None or not of_eip:
            return refusal
        return replace(refusal, lasting=True)  # whatever was to get the EIP will not get it in the next minute either

    def _judge(self, target: WriteTarget, failure: Failure) -> Refusal | None:
        self.tried[target] = self.tried.get(target, 0) + 1
        held = Refusal(target.deed, failure.brief, target.table, target.hop)
        if failure.kind is FailureKind.DENIED:  # a policy may deny one hop alone, so another one shows whether it does
            return replace(held, hop=None) if target.deed is Deed.TAKE else self._unknown(target, failure, held)
        if failure.kind in _API:
            return replace(held, passing=True, over=self.tried[target] >= MOST)
        if failure.kind in _CERTAIN and failure.names is not FailureSubject.NOTHING:
            return self._certain(target, failure, held)
        if failure.kind is FailureKind.BUSY:
            self.busy.add(target)
        if self.tried[target] < self._most(target, failure):
            return None
        if failure.names is FailureSubject.HOP:
            return replace(held, lasting=True)
        if failure.kind is FailureKind.BUSY:
            return replace(held, passing=True, hop=None if failure.names in _WHOLE else target.hop)
        return self._unknown(target, failure, held)

    def accept(self, target: WriteTarget) -> None:
        """Begin to count anew: one of several writes towards `target` was accepted."""
        self.tried.pop(target, None)
        self.accepted.add(target)

    def spent(self, subject: str, failure: Failure, most: int) -> bool:
        """Return True if a write that changes no decision (a note, a deletion) has had its `most` tries."""
        self.minor[subject] = self.minor.get(subject, 0) + 1
        return failure.kind not in (*_API, FailureKind.BUSY) or self.minor[subject] >= most

    def pause_s(self, target: WriteTarget) -> float:
        """Return how long to read before `target` is tried again."""
        return PAUSES_S[min(self.tried.get(target, 1), len(PAUSES_S)) - 1]

    def _certain(self, target: WriteTarget, failure: Failure, held: Refusal) -> Refusal | None:
        """Judge an answer that names something that will not do, or is not there."""
        if failure.names is FailureSubject.HOP:
            return replace(held, lasting=True) if self.tried[target] >= FEWER else None
        if failure.names is FailureSubject.ENTRY and failure.kind is FailureKind.GONE:
            return replace(held, hop=None) if self.tried[target] >= FEWER else None  # the next check shows it
        return replace(held, hop=None)

    def _unknown(self, target: WriteTarget, failure: Failure, held: Refusal) -> Refusal:
        """Judge an answer that names nothing that is known: the same one at two hops is about neither."""
        others = [code for other, code in self.codes.items() if self._alike(other, target)]
        self.codes[target] = failure.code
        return replace(held, hop=None) if failure.code in others else held

    def _most(self, target: WriteTarget, failure: Failure) -> int:
        """Return how many tries this hop has: later ones fewer, and one where the first met the same of the API."""
        if target in self.accepted:
            return MOST + 1
        earlier = [other for other in self.tried if self._alike(other, target)]
        if not earlier:
            return MOST
        if failure.names is FailureSubject.HOP or failure.kind is not FailureKind.BUSY:
            return FEWER
        return 1 if self.busy.intersection(earlier) else MOST  # one refused, one busy: this is no answer about both

    @staticmethod
    def _alike(other: WriteTarget, target: WriteTarget) -> bool:
        return (other.deed, other.table) == (target.deed, target.table) and other.hop != target.hop


def target_of(step: Step | EipStep) -> WriteTarget | None:
    """Return what `step` writes to, if its refusal changes what is decided."""
    match step:
        case Move(route=route, to=to):
            return WriteTarget(Deed.POINT, route.table, to.id)
        case Create(route=route, to=to) | Bridge(route=route, to=to):
            return WriteTarget(Deed.CREATE, route.table, to.id)
        case EipUnassociate(holder=holder):
            return WriteTarget(Deed.TAKE, None, holder)
        case EipAssociate(to=gateway) | EipTry(to=gateway):
            return WriteTarget(Deed.GIVE, None, gateway)
        case _:
            return None
