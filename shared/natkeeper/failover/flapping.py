"""Troubles that come and go: people are told of the first three within an hour, and then of the coming and going.

That is one message at the fourth beginning, one each hour with the count, and one when it has been quiet for an hour.
A single trouble that lasts for ten minutes is told all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.episodes import EACH, WITHIN, EpisodeKind, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from natkeeper.domain.episodes import Episode
    from natkeeper.domain.troubles import Judged

LONG = timedelta(minutes=10)
"""How long a single one may last before people are told of it although it comes and goes."""


@dataclass(slots=True)
class Flaps:
    """A kind that comes and goes: since when, how often it began since then, `counted` up to when, its last time."""

    since: datetime
    count: int
    counted: datetime
    last: datetime


def judged_anew(
    flaps: dict[EpisodeKind, Flaps],
    begins: Mapping[EpisodeKind, tuple[datetime, ...]],
    lasting: Iterable[EpisodeKind],
    judged: Judged,
    now: datetime,
) -> Judged:
    """Add to what was judged what comes and goes, and keep `flaps` up to date.

    `begins`: when each kind began within the hour; `lasting`: the kinds of which there is one now.
    """
    for kind, times in begins.items():
        if kind not in flaps and len(times) > EACH:
            flaps[kind] = Flaps(times[0], len(times), now, now)
    for kind, each in flaps.items():
        new = [at for at in begins.get(kind, ()) if at > each.counted]
        each.count += len(new)
        each.counted = max([each.counted, *new])
        each.last = now if kind in lasting else each.last
    for kind in [kind for kind, each in flaps.items() if not timedelta(0) <= now - each.last < WITHIN]:
        del flaps[kind]
    if not flaps:
        return replace(judged, well=judged.well | {EpisodeKind.FLAPPING})
    causes = (f"{kind.value} came and went {e.count} times since {e.since:%H:%M} UTC" for kind, e in flaps.items())
    todo = "look for what makes it come and go; single times are told again only if one lasts for ten minutes"
    about = tuple(dict.fromkeys(table for each in judged.troubles if each.kind in flaps for table in each.about))
    trouble = Trouble(EpisodeKind.FLAPPING, about, "; ".join(causes), todo=todo)
    return replace(judged, troubles=(*judged.troubles, trouble))


def muted(
    episodes: Iterable[Episode], flaps: Mapping[EpisodeKind, Flaps], told: Mapping[EpisodeKind, datetime], now: datetime
) -> tuple[Episode, ...]:
    """Let people not be told of single troubles that come and go, nor that they do while nothing came since.

    `told`: when people were told last of each that lasts.
    """
    return tuple(
        replace(each, due=False) if each.due and _is_no_news(each, flaps, told, now) else each for each in episodes
    )


def _is_no_news(
    each: Episode, flaps: Mapping[EpisodeKind, Flaps], told: Mapping[EpisodeKind, datetime], now: datetime
) -> bool:
    kind, at = each.trouble.kind, told.get(each.trouble.kind)
    if kind is EpisodeKind.FLAPPING:
        new = any(at is not None and flap.last > at for flap in flaps.values())
        return each.ended is None and at is not None and not new
    return kind in flaps and at is None and now - each.since < LONG
