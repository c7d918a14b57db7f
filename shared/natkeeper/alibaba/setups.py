"""Which setup run of each gateway is the latest, without asking for hundreds of reports each minute?

OOS and Cloud Assistant both list what was started, newest first, and tell what came of one start in another call.
So the list is read no further than until every gateway has a report, a report is fetched once and remembered, and
one reading fetches a few: what is left out counts as under way, and the next sweep goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from natkeeper.domain.ids import InstanceId
from natkeeper.ports import SetupRun

if TYPE_CHECKING:
    from natkeeper.guest.report import SetupReport, UnreadableReport

    Reports = Mapping[InstanceId, SetupReport | UnreadableReport | None]

TOGETHER = 50
"""Gateways that are set up by one start; the results of all of them fit on one page of either product."""
MOST_FETCHED = 20
"""Starts whose reports one reading fetches: one call each, one after the other."""
LEAST_LEFT_S = 0.8
"""Of a reading's time, below which it fetches no more: half an answer is worth more than none."""
MOST_REMEMBERED = 2000
"""Starts. A report has some hundred bytes."""


@dataclass(frozen=True, slots=True)
class StartedSetup:
    """Something that was started for some gateways. `over` are those of them on which it has ended."""

    id: str
    began: datetime
    gateways: tuple[InstanceId, ...]
    over: frozenset[InstanceId]


@dataclass(slots=True)
class ReportCache:
    """Reports that cannot change any more, by what was started."""

    reports: dict[str, Reports] = field(default_factory=dict)

    def keep(self, start: StartedSetup, reports: Reports) -> None:
        """Remember the reports of a start that has ended on all its gateways; forget the oldest."""
        if start.over.issuperset(start.gateways):
            self.reports[start.id] = reports
            while len(self.reports) > MOST_REMEMBERED:
                del self.reports[next(iter(self.reports))]


def latest(
    starts: Iterable[StartedSetup],
    wanted: frozenset[InstanceId],
    memory: ReportCache,
    fetch: Callable[[StartedSetup], Reports],
    left: Callable[[], float],
) -> tuple[SetupRun, ...]:
    """Return the latest runs of each gateway, newest first: the last that ended, and what is under way since.

    `starts` come newest first and are read no further than necessary; with nothing `wanted`, to their end. `left` gives
    the seconds that the reading still has.
    """
    runs: list[SetupRun] = []
    known: set[InstanceId] = set()
    fetched = 0
    for start in starts:
        fresh = [gateway for gateway in start.gateways if gateway not in known]
        reports: Reports = {}
        if start.id in memory.reports:
            reports = memory.reports[start.id]
        elif start.over.intersection(fresh) and fetched < MOST_FETCHED and left() > LEAST_LEFT_S:
            fetched += 1
            reports = fetch(start)
            memory.keep(start, reports)
        runs += [SetupRun(gateway, start.began, reports.get(gateway)) for gateway in fresh]
        known |= start.over
        if wanted and wanted <= known:
            break
    return tuple(runs)
