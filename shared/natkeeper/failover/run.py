"""From the payload that woke us to the answer: parse, plan, run the loop for every group concerned, tell people.

Still a run over ports.py. The function, the command line with `--direct`, the lab and the simulator all call
`attend`; only who drives it differs.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natkeeper.domain.episodes import HARMLESS, EpisodeKind
from natkeeper.domain.payloads import parse
from natkeeper.domain.signals import (
    AddressTouched,
    GoOn,
    InstanceEvent,
    InstancesTouched,
    Parsed,
    ProbeReport,
    RouteTouched,
    Timer,
)
from natkeeper.failover import probes
from natkeeper.failover.dispatch import Assignment, Occasion, RunPlan, plan, with_losses
from natkeeper.failover.handing_on import hand_over
from natkeeper.failover.ledger import Ledger, Rest
from natkeeper.failover.probes import Probes
from natkeeper.failover.reconcile import guard
from natkeeper.failover.together import together
from natkeeper.ports import Failure, HandOver, ask
from natkeeper.receipt import Receipt

if TYPE_CHECKING:
    from natkeeper.domain.config import Config
    from natkeeper.domain.episodes import Episode
    from natkeeper.domain.signals import ProbeHeard
    from natkeeper.ports import Clock, Run

LONGEST_PARCEL = 100_000
"""Bytes of receipts in one hand-over; an asynchronous invocation of Function Compute takes 128 KB."""
TELL_AGAIN = timedelta(minutes=30)
"""How soon the same sentence about the same group is told to people again while nothing changes."""
NOTHING_NEW = timedelta(seconds=10)
"""How long an event that was attended to has nothing new to say when the bus repeats it: a storm of copies must not
cost a read each, which would eat up the API's rate and keep other groups waiting."""

_JITTER = timedelta(seconds=5)
"""Sweeps come about once a minute: what is due within some seconds is due now."""

_OF_THE_BUS = (InstanceEvent, InstancesTouched, RouteTouched, AddressTouched)
_SUDDEN = (*_OF_THE_BUS, ProbeReport, GoOn)
"""What tells of a failure, and not of a person's wish or the time; each is about one group."""


@dataclass(slots=True)
class Told:
    """What people were told lately, as far as this process remembers: a trouble that lasts is told now and then.

    `events`: payloads that runs of this process attended to,
    each leaving nothing undone, and when. `moved`: when a run last moved a route of each group.
    """

    sentences: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    repairs: dict[tuple[str, str], datetime] = field(default_factory=dict)
    probes: Probes = field(default_factory=Probes)
    events: dict[bytes | str, datetime] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)
    measured: dict[str, datetime] = field(default_factory=dict)
    rest: Rest = field(default_factory=Rest)
    moved: dict[str, datetime] = field(default_factory=dict)

    def measure(self, group: str, config: Config, now: datetime) -> bool:
        """Return True if it is time to log the metrics of `group`, and remember that they were."""
        if config.metrics is None:
            return False
        last = self.measured.get(group)
        if last is not None and timedelta(0) <= now - last < timedelta(seconds=config.metrics) - _JITTER:
            return False
        self.measured[group] = now
        return True

    def ledger(self, group: str) -> Ledger:
        """Return what this process knows of the troubles of `group`."""
        return self.ledgers.setdefault(group, Ledger(proven=self.proven, rest=self.rest))

    def attended(self, payload: bytes | str, now: datetime) -> bool:
        """Return True if this very event was attended to a moment ago."""
        self.events = {event: at for event, at in self.events.items() if timedelta(0) <= now - at < NOTHING_NEW}
        return payload in self.events

    def with_added(self, signal: Parsed) -> Parsed:
        """Add to what an earlier run has left what others left of the same VPC since."""
        return replace(signal, groups=self.rest.arrived(signal.groups)) if isinstance(signal, GoOn) else signal

    def repaired(self, receipt: Receipt) -> Receipt:
        """Report repairs of which people were not told yet; drop those of which they were.

        Sweeps see the same setup run for minutes, and the sentence about it has its time in it.
        """
        new = tuple(each for each in receipt.repaired if (receipt.group, each) not in self.repairs)
        if not new:
            return replace(receipt, repaired=())
        quiet = receipt.outcome == "quiet"
        return replace(
            receipt,
            repaired=new,
            outcome="changed" if quiet or receipt.outcome == "waiting" else receipt.outcome,
            sentence="; ".join([*new] if quiet else [receipt.sentence, *new]),
        )

    def news(self, receipts: tuple[Receipt, ...]) -> tuple[Receipt, ...]:
        """Pick what people want to be told: every change, and a trouble that is new or was told long ago."""
        for receipt in receipts:
            if receipt.outcome == "quiet":
                self.sentences.pop(receipt.group, None)
        return tuple(receipt for receipt in receipts if receipt.news and not self._old(receipt))

    def remember(self, receipts: tuple[Receipt, ...]) -> None:
        """Remember that people were told of `receipts`."""
        for receipt in receipts:
            if receipt.signal == probes.SIGNAL:
                self.probes.told(receipt, receipt.at)
                continue
            kinds = frozenset(episode.trouble.kind for episode in receipt.episodes if episode.due)
            self.ledger(receipt.group).told(kinds, receipt.at)
            self.sentences[receipt.group] = (receipt.sentence, receipt.at)
            self.repairs |= {(receipt.group, each): receipt.at for each in receipt.repaired}
            self.repairs = {key: at for key, at in self.repairs.items() if _lately(at, receipt.at)}

    def _old(self, receipt: Receipt) -> bool:
        sentence, at = self.sentences.get(receipt.group, ("", receipt.at))
        if receipt.troubled or any(episode.due for episode in receipt.episodes):
            return False
        said = f"{sentence}; ".startswith(f"{receipt.sentence}; ")  # and more, where an episode was due as well
        return receipt.outcome == "attention" and said and _lately(at, receipt.at)


def _is_harmless(episode: Episode) -> bool:
    """Return True if all is well although it lasts: natkeeper waits for nothing that someone would have to mend."""
    return episode.trouble.kind in HARMLESS and not episode.trouble.at_once


def _lately(told: datetime, now: datetime) -> bool:
    """Return True if something was told a short time ago. What was told while the clock was ahead mutes nothing."""
    return timedelta(0) <= now - told < TELL_AGAIN


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run has to say: a receipt for each group it looked at, and what it did not act on and why.

    `untold`: receipts that people should have been told of, and could not be.
    """

    receipts: tuple[Receipt, ...] = ()
    ignored: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    untold: tuple[Receipt, ...] = ()

    @property
    def ok(self) -> bool:
        """Return True if nothing that was asked remains undone, and no trouble lasts."""
        return not self.unclear and all(
            receipt.outcome not in ("attention", "refused")
            and all(episode.ended or _is_harmless(episode) for episode in receipt.episodes)
            for receipt in self.receipts
        )

    def as_json(self) -> dict[str, Any]:
        """Give the JSON object that the function answers with."""
        full: dict[str, Any] = {"ok": self.ok, "receipts": [receipt.as_json() for receipt in self.receipts]}
        if self.ignored:
            full["ignored"] = list(self.ignored)
        if self.unclear:
            full["error"] = "; ".join(self.unclear)
        return full


def attend(payload: bytes | str, config: Config, run: str, clock: Clock, deadline: datetime, told: Told) -> Run[Answer]:
    """Attend to `payload`. `run` is the id that receipts carry; the run ends itself by `deadline`."""
    signals = tuple(parse(payload))
    # EventBridge delivers at least once. A storm of copies would cost a read each and use up the API's rate.
    if told.attended(payload, clock()):
        return Answer(ignored=("the bus repeats an event that was attended to a moment ago",))
    signals = tuple(map(told.with_added, signals))
    finds = any(group.finds is not None for group in config.groups)
    config = _as_found(config, told) if finds else config
    todo = plan(signals, config, clock())
    swept = {assignment.group.name for assignment in todo.assignments if assignment.sweep and not assignment.read_only}
    alone = len(config.groups) == 1
    # What is known of the probes comes first: a group whose probe is silent needs a check in another way in this run.
    told.probes.wake(clock())
    heard: tuple[ProbeHeard | ProbeReport, ...] = (*todo.heard, *(e.report for e in todo.assignments if e.report))
    silent = tuple(each for each in told.probes.silent(config, clock()) if each.group in swept)
    unseen = {each.group for each in silent}
    lossy = {each.group: each for each in heard if probes.lost_something(each, config, told.ledgers, clock())}
    todo = with_losses(todo, lossy, config)

    def dressed(assignment: Assignment) -> Assignment:
        name = assignment.group.name
        show = assignment.show or (name in swept and told.measure(name, config, clock()))
        loser = lossy[name].function if name in lossy else None
        return replace(assignment, check=assignment.check or name in unseen, lossy=loser, alone=alone, show=show)

    occasion = Occasion(signals, config, run, clock, deadline, dressed)
    receipts = tuple(map(told.repaired, (yield from _all_at_once(todo, occasion, told, finds=finds))))
    receipts += tuple(map(told.repaired, (yield from _look_at_others(receipts, occasion, told))))
    if finds:
        config = _as_found(config, told)
        todo = plan(signals, config, clock())  # what it ignores, or refuses, with what is found now
    # Only an event that left nothing undone is remembered: a copy of any other one is a reason to try again.
    of_the_bus = receipts and all(isinstance(signal, _OF_THE_BUS) for signal in signals)
    if of_the_bus and all(receipt.outcome in ("quiet", "changed") for receipt in receipts):
        told.events[payload] = clock()
    # A person who asks for status has the answer. It tells nobody else, and uses up no news.
    reading = {assignment.group.name for assignment in todo.assignments if assignment.read_only}
    news = tuple(map(_due_only, told.news(tuple(each for each in receipts if each.group not in reading))))
    of_probes = told.probes.learn((*todo.broken, *silent), heard, config, run, clock())
    news += tuple(receipt for receipt in of_probes if receipt.news)
    asked = reading | {assignment.group.name for assignment in todo.assignments if assignment.asked}
    receipts = tuple(
        _with_probes(each, told.probes, config, clock(), of_probes) if each.group in asked else each
        for each in receipts
    )
    receipts += of_probes
    # The routes are safe by now. What could not be handed over does not count as told.
    untold: tuple[Receipt, ...] = ()
    if config.notify is not None:
        for some in _parcels(news):
            trouble = yield from hand_over(some, config, config.notify)
            if trouble is None:
                told.remember(some)
            else:
                untold += some
                untold_runs = {(receipt.group, receipt.signal) for receipt in some}
                receipts = tuple(
                    replace(r, problems=(*r.problems, trouble)) if (r.group, r.signal) in untold_runs else r
                    for r in receipts
                )
    else:
        told.remember(news)  # the answer and the log are all there is to tell
    # The heartbeat vouches for a whole sweep, so no event and no person's request sends it.
    ignored = todo.ignored
    if config.heartbeat and config.notify is not None and all(isinstance(signal, Timer) for signal in signals):
        ignored += yield from _beat(receipts, config.notify, clock())
    return Answer(receipts, ignored, todo.unclear, untold)


def _as_found(config: Config, told: Told) -> Config:
    """Return the configuration with the gateways and routes that this process found last."""
    from natkeeper.failover import discovery  # most deployments list what they have

    return discovery.known(config, told.ledgers)


def _all_at_once(todo: RunPlan, occasion: Occasion, told: Told, *, finds: bool) -> Run[tuple[Receipt, ...]]:
    """Run one loop for each group, all at once: an event about one group must not wait for the reads of another.

    `finds`: there are groups that find what they do not list; a search becomes part of the loop of its group.
    """
    config, run, clock = occasion.config, occasion.run, occasion.clock
    runs: dict[str, Run[Receipt | None]] = {}
    if finds:
        from natkeeper.failover import search  # most deployments list what they have

        concerned = {each.group.name for each in todo.assignments}
        for each in search.searches(occasion.signals, config, concerned, told.ledgers, clock()):
            _know_the_lane(told, each.group, config, clock())
            looking = search.searched(each, occasion, told.ledger(each.group))
            runs[each.group] = _safely(looking, run, clock(), each.group, search.ABOUT)
    # An entry that another group guards is not unguarded, so each ledger knows the routes of all groups.
    guarded = tuple(route for group in config.groups for route in group.routes)
    for assignment in (one for one in todo.assignments if one.group.name not in runs):
        ledger = told.ledger(assignment.group.name)
        ledger.guarded = guarded
        ledger.others = config.groups
        _know_the_lane(told, assignment.group.name, config, clock())
        looping = guard(occasion.dressed(assignment), run, clock, occasion.deadline, ledger)
        runs[assignment.group.name] = _safely(looping, run, clock(), assignment.group.name, assignment.about)
    ended = (yield from together(runs)).values() if runs else ()
    return tuple(receipt for receipt in ended if receipt is not None)


def _look_at_others(receipts: tuple[Receipt, ...], occasion: Occasion, told: Told) -> Run[tuple[Receipt, ...]]:
    """Run the loops of all other groups, too, if groups fail one after the other."""
    sudden = any(isinstance(signal, _SUDDEN) for signal in occasion.signals)
    if len(occasion.config.groups) == 1 or not sudden:
        return ()
    from natkeeper.failover import spreading  # most deployments have one group

    more = spreading.others(receipts, occasion.config, told.moved, occasion.clock())
    looked = (yield from _all_at_once(RunPlan(more), occasion, told, finds=False)) if more else ()
    told.moved |= {receipt.group: occasion.clock() for receipt in looked if receipt.moved}
    return looked


def _know_the_lane(told: Told, name: str, config: Config, now: datetime) -> None:
    """Give the ledger of a group what watches of its probe saw by the lane."""
    ledger, group = told.ledger(name), config.group(name)
    ledger.lane = told.probes.lanes.get(name)
    ledger.lossy = None if group is None or group.lane is None else told.probes.lossy(group, now)


def _beat(receipts: tuple[Receipt, ...], notify: str, now: datetime) -> Run[tuple[str, ...]]:
    """Tell a monitor outside that a sweep saw every group, and whether private hosts have the internet.

    A sweep that could not see everything says nothing: then the monitor alarms because the heartbeat is absent.
    """
    lasting = {e.trouble.kind for receipt in receipts for e in receipt.episodes if e.ended is None}
    dark = EpisodeKind.DARK in lasting
    if not receipts or (any(receipt.blind for receipt in receipts) and not dark):
        return ()
    beat = {"heartbeat": {"ok": not dark, "at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "groups": len(receipts)}}
    answer = yield from ask(HandOver(notify, json.dumps(beat).encode()))
    return (f"the heartbeat could not be handed over: {answer}",) if isinstance(answer, Failure) else ()


def _with_probes(
    receipt: Receipt, probes: Probes, config: Config, now: datetime, others: tuple[Receipt, ...]
) -> Receipt:
    """Add to what a person sees of a group what is known of its probes, but what receipts of their own tell."""
    group = config.group(receipt.group)
    if group is None or not group.probes:
        return receipt
    told = [episode.trouble for other in others for episode in other.episodes]
    lasting = tuple(each for each in probes.episodes(group) if each.trouble not in told)
    return replace(
        receipt,
        view={**(receipt.view or {}), "probes": probes.figures(group, now)},
        episodes=(*receipt.episodes, *lasting),
        sentence="; ".join([receipt.sentence, *(episode.sentence(now) for episode in lasting)]),
    )


def _due_only(receipt: Receipt) -> Receipt:
    """Return the receipt that people get: a message about something else leaves out episodes that they know of."""
    return replace(receipt, episodes=tuple(episode for episode in receipt.episodes if episode.due))


def _safely(
    running: Run[Receipt] | Run[Receipt | None], run: str, began: datetime, group: str, about: str
) -> Run[Receipt | None]:
    """Run the loop for one group; an unforeseen fault in it becomes its receipt, and the other groups go on."""
    try:
        return (yield from running)
    except Exception as error:  # noqa: BLE001  the outermost edge of a group's run
        where = traceback.extract_tb(error.__traceback__)[-1]
        sentence = f"the run failed with {type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"
        return Receipt(run, began, group, about, "attention", sentence, blind=True)


def _parcels(receipts: tuple[Receipt, ...]) -> Iterator[tuple[Receipt, ...]]:
    """Split receipts so that each part fits into one asynchronous invocation."""
    parcel: tuple[Receipt, ...] = ()
    size = 0
    for receipt in receipts:
        more = len(json.dumps(receipt.as_json(), ensure_ascii=False).encode())
        if parcel and size + more > LONGEST_PARCEL:
            yield parcel
            parcel, size = (), 0
        parcel, size = (*parcel, receipt), size + more
    if parcel:
        yield parcel
