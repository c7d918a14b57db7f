"""Whether probes look at all: what Function Compute says of their invocations, told as the episode `probe broken`.

FC hands every failed watch to the failover function, and every finished one where s.yaml asks for it (onSuccess); both
cost no call. A probe that was heard of and falls silent for three minutes is broken too. None of it says anything of
the gateways, so it moves nothing: the run that it starts looks at the internet another way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.episodes import Episode, EpisodeKind, Trouble
from natkeeper.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from natkeeper.domain.config import Config, Group
    from natkeeper.domain.signals import ProbeBroken, ProbeHeard

SIGNAL = "the probe is broken"
"""The signal of a receipt about the probe itself."""
SILENT_FOR = timedelta(minutes=3)
"""How long a probe that was heard of may be silent: it looks for a minute, and a timer starts it every minute."""
TELL_AGAIN = timedelta(minutes=30)


@dataclass(slots=True)
class Broken:
    """A probe that does not look: since when, why, and when people were last told."""

    since: datetime
    reason: str
    told: datetime | None = None


@dataclass(slots=True)
class Probes:
    """What this process knows of the probes, by group."""

    heard: dict[str, datetime] = field(default_factory=dict)
    broken: dict[str, Broken] = field(default_factory=dict)

    def learn(
        self, failed: tuple[ProbeBroken, ...], ended: tuple[ProbeHeard, ...], config: Config, run: str, now: datetime
    ) -> tuple[Receipt, ...]:
        """Take in what was heard of probes; return a receipt for each that is broken, or is well again."""
        receipts = [self._well(each.group, config, run, now) for each in ended if each.group in self.broken]
        self.heard |= {each.group: now for each in ended}
        receipts += [self._broken(each.group, each.reason, config, run, now) for each in failed]
        return tuple(receipts)

    def silent(self, config: Config, now: datetime) -> Iterator[tuple[Group, str]]:
        """List the groups whose probe was heard of, and not for three minutes, each with that in words."""
        for group in config.groups:
            heard = self.heard.get(group.name)
            if group.probe.function is not None and heard is not None and now - heard >= SILENT_FOR:
                yield group, f"nothing has been heard of it since {heard:%H:%M:%S} UTC"

    def told(self, receipt: Receipt, now: datetime) -> None:
        """Remember that people were told."""
        known = self.broken.get(receipt.group)
        if known is not None:
            known.told = now
        if any(episode.ended for episode in receipt.episodes):
            self.broken.pop(receipt.group, None)

    def _broken(self, name: str, reason: str, config: Config, run: str, now: datetime) -> Receipt:
        known = self.broken.setdefault(name, Broken(now, reason))
        known.reason = reason
        due = known.told is None or not timedelta(0) <= now - known.told < TELL_AGAIN
        sentence = (
            f"the probe of {name} is broken, it cannot look at the internet: {reason}. This says nothing about the "
            "gateways, but a gateway that hangs is not noticed meanwhile. See the function's log and its vSwitch, "
            "then deploy the probe again"
        )
        episode = Episode(name, _trouble(name, reason, config), known.since, None, due=due)
        return Receipt(run, now, name, SIGNAL, "attention", sentence, episodes=(episode,), troubled=True)

    def _well(self, name: str, config: Config, run: str, now: datetime) -> Receipt:
        known = self.broken[name]
        episode = Episode(name, _trouble(name, known.reason, config), known.since, now, due=known.told is not None)
        sentence = f"the probe of {name} looks at the internet again; {episode.sentence(now)}"
        if known.told is None:
            del self.broken[name]
        return Receipt(run, now, name, SIGNAL, "quiet", sentence, episodes=(episode,), troubled=True)


def _trouble(name: str, reason: str, config: Config) -> Trouble:
    group = config.group(name)
    tables = () if group is None else (group.probe.table or group.routes[0].table,)
    todo = "see the log of the probe function, its vSwitch and its security group, then deploy it again"
    return Trouble(EpisodeKind.PROBE_BROKEN, tables, reason, todo=todo)
