"""What is known of the probes: whether they look at all, and how much of what they ask is lost.

Function Compute hands every failed watch to the failover function, and every finished one where s.yaml asks for it
(onSuccess): neither costs a call. A probe of which nothing was heard for three minutes is broken, and one that loses
more than `probe.loss` in five minutes shows a brown-out. Both are episodes and move nothing: the run that a broken
probe starts looks at the internet another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from natkeeper.domain.episodes import Episode, EpisodeKind, Trouble
from natkeeper.receipt import Receipt

if TYPE_CHECKING:
    from natkeeper.domain.config import Config, Group
    from natkeeper.domain.signals import LaneLook, LossyMinutes, ProbeBroken, ProbeHeard, ProbeReport
    from natkeeper.failover.ledger import Ledger

SIGNAL = "what the probes say of themselves"
"""The signal of a receipt about a probe."""
SILENT_FOR = timedelta(minutes=3)
"""How long nothing may be heard of a probe: it looks for a minute, and a timer starts it every minute."""
TELL_AGAIN = timedelta(minutes=30)
WINDOW, WATCHES = timedelta(minutes=5, seconds=30), 5
"""Loss is judged over the last watches that ended in this time, if there are so many."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One finished watch: when it ended, how many checks it took, how many of them were lost, and what the lane did."""

    ended: datetime
    checks: int
    lost: int
    lane: LaneLook | None = None


@dataclass(slots=True)
class ProbeTrouble:
    """A trouble of one probe: since when, what it is, and when people were last told."""

    since: datetime
    trouble: Trouble
    told: datetime | None = None


@dataclass(slots=True)
class Probes:
    """What this process knows of the probes, by function.

    `reporting`: s.yaml has every watch reported, so a probe that was never heard of is broken too. `began`, `awake`:
    when this process first attended to anything, and last. `lasting`: troubles by function and kind. `lanes`: by group,
    what the latest watch saw of the lane.
    """

    reporting: bool = False
    began: datetime | None = None
    awake: datetime | None = None
    heard: dict[str, datetime] = field(default_factory=dict)
    watches: dict[str, tuple[Watch, ...]] = field(default_factory=dict)
    lasting: dict[tuple[str, EpisodeKind], ProbeTrouble] = field(default_factory=dict)
    lanes: dict[str, LaneLook] = field(default_factory=dict)

    def wake(self, now: datetime) -> None:
        """Note that a run begins. While no run was made for long, nothing could be heard: silence counts from now."""
        if self.began is None or self.awake is None or now - self.awake >= SILENT_FOR:
            self.began = now
            self.heard = dict.fromkeys(self.heard, now)
        self.awake = now

    def learn(
        self,
        failed: tuple[ProbeBroken, ...],
        ended: tuple[ProbeHeard | ProbeReport, ...],
        config: Config,
        run: str,
        now: datetime,
    ) -> tuple[Receipt, ...]:
        """Take in what was heard of probes; return a receipt for each trouble that lasts or is over."""
        from natkeeper.domain.signals import ProbeHeard

        receipts: list[Receipt] = []
        for each in ended:
            group, function = config.group(each.group), each.function
            if group is not None and function in group.probes:
                if self.reporting or function in self.heard or isinstance(each, ProbeHeard):
                    self.heard[function] = now  # a report alone does not show that the end of each watch is reported
                receipts += self._end(group, function, EpisodeKind.PROBE_BROKEN, run, now)
                receipts += self._judge_loss(group, function, each, run, now)
                if isinstance(each, ProbeHeard):
                    self._learn_lane(group, function, each)
        for broken in failed:
            group, function = config.group(broken.group), broken.function
            if group is not None and function in group.probes:
                trouble = _broken(group, function, broken.reason)
                receipts.append(self._lasts(group, function, trouble, run, now))
        return tuple(receipts)

    def _learn_lane(self, group: Group, function: str, heard: ProbeHeard) -> None:
        """Keep what a watch saw of the lane. What is lost on both ways says nothing of either gateway."""
        if heard.lane is None or function != next(iter(group.probes)):
            return
        if heard.lane.answers or 2 * heard.lost < heard.checks:
            self.lanes[group.name] = heard.lane

    def silent(self, config: Config, now: datetime) -> Iterator[ProbeBroken]:
        """List the probes of which nothing was heard for three minutes."""
        from natkeeper.domain.signals import ProbeBroken

        for group in config.groups:
            for function in group.probes:
                heard = self.heard.get(function, self.began if self.reporting else None)
                if heard is not None and now - heard >= SILENT_FOR:
                    reason = f"nothing has been heard of it since {heard:%H:%M:%S} UTC"
                    yield ProbeBroken(group.name, reason, function)

    def told(self, receipt: Receipt, now: datetime) -> None:
        """Remember that people were told."""
        for episode in receipt.episodes:
            for key, known in list(self.lasting.items()):
                if known.trouble == episode.trouble and known.since == episode.since:
                    known.told = now
                    if episode.ended is not None:
                        del self.lasting[key]

    def figures(self, group: Group, now: datetime) -> list[Mapping[str, Any]]:
        """Return what status shows of a group's probes: when each was heard of, and the loss of the last five minutes.

        `minutes` has it in per cent for each watch, which lasts for a minute, the oldest first.
        """
        return [
            {"function": function, "table": table, **self._figures(function, now)}
            for function, table in group.probes.items()
        ]

    def episodes(self, group: Group) -> tuple[Episode, ...]:
        """Return what lasts of a group's probes. It begins and ends with what is heard of them, and with no sweep."""
        mine = (known for (function, _), known in self.lasting.items() if function in group.probes)
        return tuple(Episode(group.name, known.trouble, known.since, None) for known in mine)

    def lossy(self, group: Group, now: datetime) -> LossyMinutes | None:
        """Return what a brown-out of the first probe lost, and the lane in the same minutes; None where none lasts."""
        function = next(iter(group.probes), "")
        watches = self._lately(function, now)
        if (function, EpisodeKind.BROWN_OUT) not in self.lasting or len(watches) < WATCHES:
            return None
        looks = [each.lane for each in watches if each.lane is not None]
        if len(looks) < len(watches):
            return None
        from natkeeper.domain.signals import LossyMinutes

        checks, lost = sum(each.checks for each in watches), sum(each.lost for each in watches)
        return LossyMinutes(
            watches[0].ended, checks, lost, sum(look.checks for look in looks), sum(look.lost for look in looks)
        )

    def _figures(self, function: str, now: datetime) -> Mapping[str, Any]:
        heard, watches = self.heard.get(function), self._lately(function, now)
        figures: dict[str, Any] = {} if heard is None else {"heard": f"{heard:%Y-%m-%dT%H:%M:%SZ}"}
        loss = _loss(watches)
        if loss is not None:
            minutes = [round(100 * each.lost / max(1, each.checks)) for each in watches]
            figures |= {"looks": loss[0], "lost": loss[1], "minutes": minutes}
        return figures

    def _lately(self, function: str, now: datetime) -> tuple[Watch, ...]:
        lately = (each for each in self.watches.get(function, ()) if timedelta(0) <= now - each.ended < WINDOW)
        return tuple(lately)[-WATCHES:]

    def _judge_loss(
        self, group: Group, function: str, said: ProbeHeard | ProbeReport, run: str, now: datetime
    ) -> Iterator[Receipt]:
        """Judge the loss of the last five minutes; a report of a lost internet begins a new account: routes move."""
        from natkeeper.domain.signals import ProbeHeard

        if not isinstance(said, ProbeHeard):
            self.watches[function] = ()
            return
        watch = Watch(now, said.checks, said.lost, said.lane)
        self.watches[function] = (*self.watches.get(function, ()), watch)[-WATCHES:]
        self.watches[function] = self._lately(function, now)
        loss = _loss(self.watches[function])
        if loss is None or len(self.watches[function]) < WATCHES:
            return
        percent = 100 * loss[1] / max(1, loss[0])
        if percent >= group.probe.loss:
            yield self._lasts(group, function, _brown_out(group, function, loss, said.public_ip), run, now)
        elif 2 * percent < group.probe.loss:
            yield from self._end(group, function, EpisodeKind.BROWN_OUT, run, now)

    def _lasts(self, group: Group, function: str, trouble: Trouble, run: str, now: datetime) -> Receipt:
        known = self.lasting.setdefault((function, trouble.kind), ProbeTrouble(now, trouble))
        known.trouble = trouble
        due = known.told is None or not timedelta(0) <= now - known.told < TELL_AGAIN
        episode = Episode(group.name, trouble, known.since, None, due=due)
        return _receipt(run, now, group, "attention", episode.sentence(now), episode)

    def _end(self, group: Group, function: str, kind: EpisodeKind, run: str, now: datetime) -> Iterator[Receipt]:
        known = self.lasting.get((function, kind))
        if known is None:
            return
        episode = Episode(group.name, known.trouble, known.since, now, due=known.told is not None)
        if known.told is None:
            del self.lasting[function, kind]
        better = "looks at the internet again" if kind is EpisodeKind.PROBE_BROKEN else "gets answers again"
        sentence = f"the probe {function} of {group.name} {better}; {episode.sentence(now)}"
        yield _receipt(run, now, group, "quiet", sentence, episode)


def lost_something(
    said: ProbeHeard | ProbeReport, config: Config, ledgers: Mapping[str, Ledger], now: datetime
) -> bool:
    """Return True if a probe lost a check and no gateway had to report for it within `setup.every`.

    A gateway that runs out of connections or ports loses some packets, long before the internet counts as lost.
    """
    from natkeeper.domain.signals import ProbeHeard

    group, function = config.group(said.group), said.function
    if group is None or function not in group.probes or (isinstance(said, ProbeHeard) and not said.lost):
        return False
    if group.setup.mode == "off":
        return False
    ledger = ledgers.get(said.group)
    asked = None if ledger is None else ledger.asked.get(function)
    return asked is None or not timedelta(0) <= now - asked < timedelta(seconds=group.setup.every)


def _receipt(run: str, now: datetime, group: Group, outcome: Any, sentence: str, episode: Episode) -> Receipt:  # noqa: ANN401  a literal
    return Receipt(run, now, group.name, SIGNAL, outcome, sentence, episodes=(episode,), troubled=True)


def _loss(watches: tuple[Watch, ...]) -> tuple[int, int] | None:
    """Return how many checks were taken and how many of them were lost, or None where no watch has ended."""
    return (sum(each.checks for each in watches), sum(each.lost for each in watches)) if watches else None


def _broken(group: Group, function: str, reason: str) -> Trouble:
    table = group.probes[function]
    left = f"a gateway that hangs is not noticed meanwhile behind {table}; this says nothing about the gateways"
    todo = f"see the log of {function}, its vSwitch and its security group, then deploy it again"
    cause = f"the probe {function} does not look at the internet: {reason}"
    return Trouble(EpisodeKind.PROBE_BROKEN, (table,), cause, left=left, todo=todo)


def _brown_out(group: Group, function: str, loss: tuple[int, int], ip: str | None) -> Trouble:
    checks, lost = loss
    table, seen = group.probes[function], f", seen as {ip}" if ip else ""
    cause = f"{round(100 * lost / checks)} % of what {function} asked through {table} in the last five minutes was not "
    cause += f"answered ({lost} of {checks}{seen})"
    left = "natkeeper does not move for it: nothing shows that a standby loses less"
    if group.lane is not None:
        left = "natkeeper moves for it only where the lane loses less than a quarter of that, once an hour at most"
    todo = "see whether the gateway's bandwidth or processor is used up, or the targets are slow; "
    todo += f"to try a standby: natkeeper switch {group.name}"
    return Trouble(EpisodeKind.BROWN_OUT, (table,), cause, left=left, todo=todo)
