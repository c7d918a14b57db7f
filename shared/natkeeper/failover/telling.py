"""Who was told of which episode, and what of it outlives this process.

The ledger is what a warm process knows. A mark in a route entry (letter `e`) carries the beginning of each episode, and
whether people were told, over a cold start. It is written where that is allowed and possible, and is never a condition
for telling: where neither process nor entry knows a trouble that lasts, people are told at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.episodes import Episode, EpisodeKind, Trouble
from natkeeper.domain.evidence import carrying
from natkeeper.domain.memory import Memory, Unreadable, decode, fitted, rewritten
from natkeeper.domain.observed import EntryStatus, RouteEntry
from natkeeper.domain.world import RouteView, World, belongs
from natkeeper.failover.apply import vpc_of
from natkeeper.ports import Failure, FailureKind, NoteRoute, Run, ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.ids import GroupName, InstanceId
    from natkeeper.domain.refusals import Refusal
    from natkeeper.domain.troubles import Judged
    from natkeeper.receipt import Act

_JITTER = timedelta(seconds=5)
"""Sweeps come about once a minute: what is due within some seconds is due now."""
_SLOW = frozenset((EpisodeKind.DEGRADED,))
"""Kinds that take minutes to become an episode: their beginning is kept in an entry meanwhile. Not what is unproven: a
new group is, until its first setup has ended."""
LOST_AFTER = timedelta(seconds=30)
"""When an invocation that was made and has not arrived is taken for lost: it queues behind others for some seconds."""
REFUSED_FOR = timedelta(minutes=10)
"""How long what the platform refused is tried last: whatever keeps it from taking an instance passes."""
KINDS = {kind.letter: kind for kind in EpisodeKind}


@dataclass(slots=True)
class Rest:
    """What this process has handed on and not seen arrive: when, and of which groups, by VPC.

    `itself`: the name of this function, empty where it is not known; `denied`: it may not be invoked by itself.
    """

    itself: str = ""
    denied: bool = False
    pending: dict[str, tuple[datetime, set[GroupName]]] = field(default_factory=dict)

    def arrived(self, groups: Iterable[GroupName]) -> tuple[GroupName, ...]:
        """Return the groups that an invocation for `groups` goes on with: its own, and those added meanwhile."""
        found = set(groups)
        for vpc, (_, waiting) in list(self.pending.items()):
            if waiting & found:
                found |= waiting
                del self.pending[vpc]
        return tuple(sorted(found))


@dataclass(slots=True)
class Lasting:
    """A trouble that lasts: since when, when people were last told, and its end while that is still to be told."""

    trouble: Trouble
    since: datetime
    told: datetime | None = None
    ended: datetime | None = None
    found: bool = False
    """Whether it was there already when this process first looked, so that it may have lasted for long."""


@dataclass(slots=True)
class Ledger:
    """What this process knows of one group's troubles.

    `judged`: the kinds that it has looked for before; `unwritable`: tables whose entries refused a note; `proven`:
    setup scripts that some gateway, of whichever group, has proven. `since`: when this process first looked.
    `rest`: what was handed on, of all groups; `did` and `acts`: what runs did that handed it on, told by the one that
    finishes. `woken`: cold standbys that natkeeper started, and when. `owners`: the gateway of each network interface,
    be it gone by now. `guarded`: the routes of every group;
    `unguarded`: entries through this group's gateways that are none of them, as `surveyed` last; `may_not_survey`: for
    want of a right. `last_fit`: when the latest setup run began that showed a gateway to be fit. `refused`: what
    the platform did not carry out, and when.
    """

    lasting: dict[EpisodeKind, Lasting] = field(default_factory=dict)
    judged: set[EpisodeKind] = field(default_factory=set)
    unwritable: set[str] = field(default_factory=set)
    proven: set[str] = field(default_factory=set)
    since: datetime | None = None
    rest: Rest = field(default_factory=Rest)
    woken: dict[str, datetime] = field(default_factory=dict)
    owners: dict[str, InstanceId] = field(default_factory=dict)
    guarded: tuple[Route, ...] = ()
    unguarded: tuple[RouteEntry, ...] = ()
    surveyed: datetime | None = None
    may_not_survey: bool = False
    last_fit: dict[str, datetime] = field(default_factory=dict)
    refused: dict[Refusal, datetime] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    def refused_lately(self, now: datetime) -> tuple[Refusal, ...]:
        """Return what was refused so short a time ago that another next hop is tried first."""
        return tuple(refusal for refusal, at in self.refused.items() if timedelta(0) <= now - at < REFUSED_FOR)

    def told(self, kinds: frozenset[EpisodeKind], now: datetime) -> None:
        """Remember that people were told of the episodes of these kinds."""
        for kind in kinds & self.lasting.keys():
            self.lasting[kind].told = now
            if self.lasting[kind].ended is not None:
                del self.lasting[kind]

    @property
    def dark(self) -> bool:
        """Return True if private hosts had no internet at the last egress check."""
        known = self.lasting.get(EpisodeKind.DARK)
        return known is not None and known.ended is None


def still_dark(world: World, policy: Group, ledger: Ledger, *, known: bool, check: bool) -> tuple[World, bool]:
    """Say whether private hosts had no internet at the last egress check; only evidence ends that, so look again.

    `check`: look in any case.
    """
    was_dark = known or ledger.dark or EpisodeKind.DARK.letter in _remembered(world)
    if not (was_dark or check):
        return world, False
    to_check = frozenset(hop.id for hop in carrying(world, policy))
    return replace(world, so_far=replace(world.so_far, to_check=to_check)), was_dark


def settle(
    ledger: Ledger, judged: Judged, world: World, policy: Group, now: datetime, *, sweep: bool, may_write: bool
) -> Run[tuple[Episode, ...]]:
    """Bring the ledger and the route entries up to what was judged; return what lasts and what has just ended.

    Only a sweep writes: an event's run has more urgent things to do, and the next sweep is a minute away.
    """
    remembered: Mapping[str, tuple[datetime, bool]] = _remembered(world)
    if world.woken:
        from natkeeper.domain.cold import still_woken  # most groups have no cold standby

        ledger.woken = dict(still_woken(world, policy, now))
    _learn(ledger, judged, remembered, now)
    if sweep and may_write and world.paused_until(now) is None:
        remembered = yield from _write(ledger, judged, world, policy, now)
    return tuple(_episodes(ledger, policy, None if not sweep else remembered, now))


def _learn(ledger: Ledger, judged: Judged, remembered: Mapping[str, tuple[datetime, bool]], now: datetime) -> None:
    """Begin, go on with and end troubles."""
    for trouble in judged.troubles:
        known = ledger.lasting.get(trouble.kind)
        if known is None:
            since, was_told = remembered.get(trouble.kind.letter, (now, False))
            since = min(since, now)
            at = _last_told(since, trouble.every, now) if was_told else None
            found = trouble.kind not in ledger.judged
            ledger.lasting[trouble.kind] = Lasting(trouble, since, at, found=found)
        else:
            known.trouble, known.ended = trouble, None
            # The earliest beginning counts: another deployment may have written its own, and a clock be set back.
            known.since = min(known.since, remembered.get(trouble.kind.letter, (now, False))[0], now)
    for letter, (since, was_told) in remembered.items():
        kind = KINDS.get(letter)
        if kind in judged.well and kind not in ledger.lasting and was_told:
            ledger.lasting[kind] = Lasting(Trouble(kind, (), ""), since, since)
    for kind in judged.well & ledger.lasting.keys():
        lasting = ledger.lasting[kind]
        if lasting.told is None:
            del ledger.lasting[kind]
        else:
            lasting.ended = lasting.ended or now
    ledger.judged |= judged.well | {trouble.kind for trouble in judged.troubles}


def _last_told(since: datetime, every: timedelta, now: datetime) -> datetime:
    """Return when people must have been told last, if they were told at its beginning and every so often since."""
    return since + every * ((now - since) // every)


def _episodes(
    ledger: Ledger, policy: Group, written: Mapping[str, tuple[datetime, bool]] | None, now: datetime
) -> Iterator[Episode]:
    for kind, lasting in ledger.lasting.items():
        trouble = lasting.trouble
        if lasting.ended is not None:
            yield Episode(policy.name, trouble, lasting.since, lasting.ended, due=True)
        elif lasting.told is not None or _has_begun(lasting, now, kept=written is None or kind.letter in written):
            due = lasting.told is None or now - lasting.told >= trouble.every - _JITTER
            yield Episode(policy.name, trouble, lasting.since, None, due=due)


def _has_begun(lasting: Lasting, now: datetime, *, kept: bool) -> bool:
    """Return True if a trouble is an episode by now.

    One that was there when this process first looked, and whose beginning no entry keeps, may have lasted for long.
    """
    found = lasting.found and lasting.trouble.kind is not EpisodeKind.UNPROVEN
    return _due_by_now(lasting, now) or (found and not kept)


def _due_by_now(lasting: Lasting, now: datetime) -> bool:
    return now - lasting.since >= lasting.trouble.begins_after - _JITTER


# ---- in the route entries --------------------------------------------------------------------------------


def _remembered(world: World) -> dict[str, tuple[datetime, bool]]:
    """Return what the route entries remember of each kind: its earliest beginning, and whether people were told."""
    found: dict[str, tuple[datetime, bool]] = {}
    for view in world.routes.values():
        if isinstance(view, RouteView):
            for letter, (since, was_told) in view.remembered.episodes.items():
                had = found.get(letter, (since, False))
                found[letter] = min(since, had[0]), was_told or had[1]
    return found


def _write(
    ledger: Ledger, judged: Judged, world: World, policy: Group, now: datetime
) -> Run[Mapping[str, tuple[datetime, bool]]]:
    """Write down what lasts, in one entry that may be written; return what the entries then remember.

    What another process wrote, and this one cannot judge now, stays.
    """
    before, vpc = _remembered(world), vpc_of(world)
    wanted = {
        kind.letter: (lasting.since.replace(microsecond=0), _has_begun(lasting, now, kept=kind.letter in before))
        for kind, lasting in ledger.lasting.items()
        if lasting.ended is None
    }
    for kind in _SLOW & ledger.lasting.keys():  # its beginning is written down first, so that it can be told in time
        if kind.letter in wanted:
            wanted[kind.letter] = wanted[kind.letter][0], _due_by_now(ledger.lasting[kind], now)
    wanted = {letter: (at, told or before.get(letter, (at, False))[1]) for letter, (at, told) in wanted.items()}
    wanted = {letter: mark for letter, mark in wanted.items() if mark[1] or KINDS[letter] in _SLOW}
    wanted |= {a: mark for a, mark in before.items() if a not in wanted and a in KINDS and KINDS[a] not in judged.well}
    if not vpc:
        return before
    remembered: dict[str, tuple[datetime, bool]] = {}
    woken = ledger.woken
    for entry, memory in _writable(world, policy):
        if entry.table in ledger.unwritable:
            continue
        kept = fitted(replace(memory, episodes=dict(wanted), woken=dict(woken)))
        if kept == memory:
            remembered |= kept.episodes
        else:
            text = rewritten(entry.description, kept)
            call = NoteRoute(vpc, entry.table, entry.destination, f"natkeeper-{policy.name}", text)
            answer = yield from ask(call)
            if not isinstance(answer, Failure):
                remembered |= kept.episodes
            elif answer.kind in (FailureKind.REFUSED, FailureKind.DENIED):
                ledger.unwritable.add(entry.table)
                continue
        wanted, woken = {}, {}  # one entry is enough; what another one still says of it is out of date
    return remembered


def _writable(world: World, policy: Group) -> Iterator[tuple[RouteEntry, Memory]]:
    """List the entries that may be written: settled, on a next hop of the group, and without someone else's text."""
    for view in world.routes.values():
        entry = view.whole if isinstance(view, RouteView) else None
        if entry is None or entry.status is not EntryStatus.AVAILABLE or entry.next_hop is None:
            continue
        memory = decode(entry.description)
        if belongs(entry.next_hop, policy) and not isinstance(memory, Unreadable):
            yield entry, memory
