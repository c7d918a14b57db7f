"""Who was told of which episode: bring the ledger and the route entries up to what was judged.

Writing down is done where it is allowed and possible, and is never a condition for telling: where neither process nor
entry knows a trouble that lasts, people are told at once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.episodes import EACH, NOTICES, WITHIN, Episode, EpisodeKind, Trouble
from natkeeper.domain.world import RouteView, World
from natkeeper.failover.ledger import Lasting, Ledger, remembered_in
from natkeeper.ports import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from natkeeper.domain.config import Group
    from natkeeper.domain.troubles import Judged
    from natkeeper.failover.noting import Noted

_JITTER = timedelta(seconds=5)
"""Sweeps come about once a minute: what is due within some seconds is due now."""
_SLOW = frozenset((EpisodeKind.DEGRADED,))
"""Kinds that take minutes to become an episode: their beginning is kept in an entry meanwhile. Not what is unproven: a
new group is, until its first setup has ended."""
_KINDS = {kind.letter: kind for kind in EpisodeKind}


def settle(
    ledger: Ledger, judged: Judged, world: World, policy: Group, now: datetime, *, sweep: bool, may_write: bool
) -> Run[tuple[Episode, ...]]:
    """Bring the ledger and the route entries up to what was judged; return what lasts and what has just ended.

    Only a sweep writes: an event's run has more urgent things to do, and the next sweep is a minute away.
    """
    remembered: Mapping[str, tuple[datetime, bool]] = remembered_in(world)
    if world.woken:
        from natkeeper.domain.cold import still_woken  # most groups have no cold standby

        ledger.woken = dict(still_woken(world, policy, now))
    views = (view.remembered.found for view in world.routes.values() if isinstance(view, RouteView))
    _learn(ledger, judged, remembered, frozenset(filter(None, views)), now)
    judged = _with_flapping(ledger, judged, remembered, now)
    if sweep and may_write and world.paused_until(now) is None:
        from natkeeper.failover.noting import write  # an event's run has more urgent things to do

        wanted = _to_note(ledger, judged, remembered, now)
        now_remembered = yield from write(wanted, ledger.unwritable, world, policy)
        remembered = remembered if now_remembered is None else now_remembered
        for kind, lasting in ledger.lasting.items():
            since, _ = remembered.get(kind.letter, (None, False))
            lasting.written = lasting.written or since == lasting.since.replace(microsecond=0)
    found = tuple(_episodes(ledger, policy, None if not sweep else remembered, now))
    if not ledger.flaps:
        return found
    from natkeeper.failover.flapping import muted

    told = {kind: each.told for kind, each in ledger.lasting.items() if each.told is not None}
    return muted(found, ledger.flaps, told, now)


def _with_flapping(
    ledger: Ledger, judged: Judged, remembered: Mapping[str, tuple[datetime, bool]], now: datetime
) -> Judged:
    """Count what begins, and learn whether something comes and goes."""
    lately = {k: tuple(at for at in times if timedelta(0) <= now - at < WITHIN) for k, times in ledger.begins.items()}
    ledger.begins = {kind: times for kind, times in lately.items() if times}
    for kind, lasting in ledger.lasting.items():
        if kind in NOTICES or lasting.counted or lasting.ended is not None or not _has_begun(lasting, now, kept=True):
            continue
        lasting.counted = True
        if lasting.told is None:  # not what a process before this one told
            ledger.begins[kind] = (*ledger.begins.get(kind, ()), now)
    if ledger.flaps or any(len(times) > EACH for times in ledger.begins.values()):
        from natkeeper.failover.flapping import judged_anew  # little comes and goes

        there = {kind for kind, lasting in ledger.lasting.items() if lasting.ended is None}
        judged = judged_anew(ledger.flaps, ledger.begins, there, judged, now)
    elif ledger.since is not None and now - ledger.since >= WITHIN:
        # A new process has not watched for long enough to say that what another one told is over.
        judged = replace(judged, well=judged.well | {EpisodeKind.FLAPPING})
    mine = tuple(trouble for trouble in judged.troubles if trouble.kind is EpisodeKind.FLAPPING)
    _learn(
        ledger, replace(judged, troubles=mine, well=judged.well & {EpisodeKind.FLAPPING}), remembered, frozenset(), now
    )
    return judged


def _learn(
    ledger: Ledger,
    judged: Judged,
    remembered: Mapping[str, tuple[datetime, bool]],
    announced: frozenset[str],
    now: datetime,
) -> None:
    """Begin, go on with and end troubles. `announced`: what entries remember of what was found and told."""
    new = {a: mark for a, mark in remembered.items() if a in _KINDS and not ledger.is_over(_KINDS[a], mark[0])}
    for trouble in judged.troubles:
        known = ledger.lasting.get(trouble.kind)
        if trouble.kind is EpisodeKind.FOUND:
            _learn_found(ledger, trouble, announced, now)
        elif known is None:
            since, was_told = new.get(trouble.kind.letter, (now, False))
            since = min(since, now)
            at = _last_told(since, trouble.every, now) if was_told else None
            found = trouble.kind not in ledger.judged
            ledger.lasting[trouble.kind] = Lasting(trouble, since, at, found=found)
        else:
            known.trouble, known.ended = trouble, None
    for letter, (since, was_told) in new.items():
        kind = _KINDS[letter]
        if kind in judged.well and kind not in ledger.lasting and was_told:
            ledger.lasting[kind] = Lasting(Trouble(kind, (), ""), since, since)
    # The earliest beginning counts, also of what cannot be judged now: another deployment may have written its own, and
    # a clock be set back.
    for kind, lasting in ledger.lasting.items():
        lasting.since = min(lasting.since, new.get(kind.letter, (now, False))[0], now)
    for kind in judged.well & ledger.lasting.keys():
        lasting = ledger.lasting[kind]
        if lasting.told is None:
            del ledger.lasting[kind]
        else:
            lasting.ended = lasting.ended or now
    ledger.judged |= judged.well | {trouble.kind for trouble in judged.troubles}


def _learn_found(ledger: Ledger, trouble: Trouble, remembered: frozenset[str], now: datetime) -> None:
    """Tell anew what was found whenever it changes; after a cold start, unless an entry remembers these very things."""
    from natkeeper.domain.discovery import digest  # most groups list what they have

    known = ledger.lasting.get(trouble.kind)
    if known is None:
        told = now if digest(trouble.about) in remembered else None
        ledger.lasting[trouble.kind] = Lasting(trouble, now, told)
    elif set(trouble.about) != set(known.trouble.about):
        ledger.lasting[trouble.kind] = Lasting(trouble, now)


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
            # What was told while the clock was ahead mutes nothing.
            due = lasting.told is None or not timedelta(0) <= now - lasting.told < trouble.every - _JITTER
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


def _to_note(ledger: Ledger, judged: Judged, before: Mapping[str, tuple[datetime, bool]], now: datetime) -> Noted:
    """Say what the entries are to remember. What another process wrote, and this one cannot judge now, stays."""
    from natkeeper.failover.noting import Noted

    wanted = {
        kind.letter: (lasting.since.replace(microsecond=0), _has_begun(lasting, now, kept=kind.letter in before))
        for kind, lasting in ledger.lasting.items()
        if lasting.ended is None
    }
    for kind in _SLOW & ledger.lasting.keys():  # its beginning is written down first, so that it can be told in time
        if kind.letter in wanted:
            wanted[kind.letter] = wanted[kind.letter][0], _due_by_now(ledger.lasting[kind], now)
    # A beginning of which people heard the end is replaced by the new one, and once only: where it comes again, another
    # deployment has not seen that end, and the two would be written in turns.
    over = {letter for letter in wanted.keys() & before.keys() if ledger.is_over(_KINDS[letter], before[letter][0])}
    told_before = {letter for letter, mark in before.items() if mark[1] and letter not in over}
    wanted = {letter: (at, told or letter in told_before) for letter, (at, told) in wanted.items()}
    wanted |= {letter: before[letter] for letter in over if ledger.lasting[_KINDS[letter]].written}
    wanted = {letter: mark for letter, mark in wanted.items() if mark[1] or _KINDS[letter] in _SLOW}
    found = ""
    if wanted.pop(EpisodeKind.FOUND.letter, None) is not None:
        from natkeeper.domain.discovery import digest  # most groups list what they have

        found = digest(ledger.lasting[EpisodeKind.FOUND].trouble.about)
    others = {letter: mark for letter, mark in before.items() if letter not in wanted and letter in _KINDS}
    well = {kind for kind in judged.well if not ledger.cleared_lately(kind, now)}
    kept = {letter: mark for letter, mark in others.items() if _KINDS[letter] not in well}
    mine = {kind: at for kind, at in ledger.cleared.items() if kind.letter not in wanted}
    ledger.cleared = mine | {_KINDS[letter]: now for letter in others.keys() - kept.keys()}
    return Noted({**wanted, **kept}, ledger.woken, found)
