"""Which packet loss makes the probe report a loss that is none? The shipped rule beside that of 0.1, packet by packet.

The probe's own code looks at a modelled path on a clock that only its waits move. Each check tries two targets, as the
shipped ones are: a TCP connection, and a connection with a request. Packets are lost one by one with a probability, in
both directions, or all together in a burst; what is lost is sent again as Linux does (SYN after 1, 3 and 7 s; data
after 0.2 s, then twice as long each time).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import mean

from natkeeper.egress_check import OutcomeKind
from natkeeper.probe.handler import WATCH_S, EgressLostError, ProbeHandler, Settings
from natlab.bench.detection import ALLOWED_S, in_a_row, shipped
from natlab.bench.results import Figure, FigureTable, Sample
from natlab.bench.virtual import Answer, VirtualPath

KEYS = "false_reports_10pct", "false_reports_10pct_before"
LOSSES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3)
BURSTS_S = (0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
HOURS = 6.0
"""What a rate of false reports is given for."""
BEFORE = in_a_row(1.0, 0.8, 3)
_RTT_S = 0.02
_SYN_AGAIN_S = (0.0, 1.0, 3.0, 7.0)
_DATA_AGAIN_S = (0.0, 0.2, 0.6, 1.4, 3.0)
_MINUTE_S, _HOUR_S = 60.0, 3600.0
_SEED = 1
_NEVER_S = 1e9

Passes = Callable[[float], bool]
"""Whether a packet that is sent at a time arrives."""


def losses(hours: float, deaths: int = 200) -> Iterator[Figure | FigureTable]:
    """Measure both rules: false reports in `hours` of each loss, and `deaths` of paths at random moments."""
    ours, rules = shipped(), (shipped(), BEFORE)
    rows = [[LossRow.of(rule, loss, hours, deaths) for rule in rules] for loss in LOSSES]
    new, old = next(pair for pair, loss in zip(rows, LOSSES, strict=True) if loss == 0.1)  # noqa: PLR2004
    yield Figure("false_reports_10pct", f"false reports in {HOURS:g} h, one packet of ten lost", "", new.sample,
                 f"of {hours:g} h played; the rule of 0.1: {old.sample.median:.2g}",
                 target=max(old.sample.median / 10, 0.0))  # fmt: skip
    yield Figure("false_reports_10pct_before", "the same by the rule of 0.1", "", old.sample, f"of {hours:g} h played")
    yield FigureTable(
        "loss",
        f"packet loss: false reports in {HOURS:g} h, and how soon a death is reported (mean / worst)",
        ("lost", *(f"{_named(rule, ours)}: {what}" for rule in rules for what in ("false", "death"))),
        tuple(
            (f"{loss:.0%}", *(cell for row in pair for cell in row.cells))
            for loss, pair in zip(LOSSES, rows, strict=True)
        ),
        tuple(row.as_json() for pair in rows for row in pair),
    )
    bursts = [(burst, [reported(rule, burst, deaths) for rule in rules]) for burst in BURSTS_S]
    yield FigureTable(
        "bursts",
        "nothing arrives for a while, once: how many of such bursts are reported",
        ("burst", *(_named(rule, ours) for rule in rules)),
        tuple((f"{1000 * burst:.0f} ms", *(f"{part:.0%}" for part in parts)) for burst, parts in bursts),
        tuple({"burst_s": burst, "reported": parts[0], "reported_before": parts[1]} for burst, parts in bursts),
    )


@dataclass(frozen=True, slots=True)
class LossRow:
    """What one rule makes of one loss."""

    rule: str
    loss: float
    sample: Sample
    deaths: Sample

    @classmethod
    def of(cls, rule: Settings, loss: float, hours: float, deaths: int) -> LossRow:
        """Play it."""
        rate = false_reports(rule, lossy(loss), hours) * HOURS / hours
        seen = [death(rule, loss, number / deaths) for number in range(deaths)]
        return cls(_named(rule, shipped()), loss, Sample.of([rate]), Sample.of(seen))

    @property
    def cells(self) -> tuple[str, str]:
        """False reports, and how soon a death is reported."""
        false = self.sample.median
        return f"{false:.2g}", f"{mean(self.deaths.values):.1f} / {self.deaths.high:.1f} s"

    def as_json(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "rule": self.rule,
            "loss": self.loss,
            "false_reports": round(self.sample.median, 3),
            "death_mean_s": round(mean(self.deaths.values), 2),
            "death_worst_s": round(self.deaths.high, 2),
        }


def false_reports(rule: Settings, passes: Passes, hours: float) -> int:
    """Count the reports of a probe that watches for so many hours; after each a new watch begins."""
    path = VirtualPath(lambda began, timeout_s: check(passes, began, timeout_s))
    return sum(1 for _ in _reports(rule, path, hours * _HOUR_S))


def death(rule: Settings, loss: float, phase: float) -> float:
    """Return the seconds until the death of a lossy path is reported, that comes at a part of an interval."""
    random_loss, dies = lossy(loss), 20.0 + phase * rule.interval
    path = VirtualPath(lambda began, timeout_s: check(lambda at: at < dies and random_loss(at), began, timeout_s))
    return next(at for at in _reports(rule, path, _NEVER_S) if at >= dies) - dies


def reported(rule: Settings, burst_s: float, times: int) -> float:
    """Return which part of bursts is reported that come at all parts of an interval."""
    found = 0
    for number in range(times):
        begins = 20.0 + number / times * rule.interval
        ends = begins + burst_s
        path = VirtualPath(
            lambda began, timeout_s, begins=begins, ends=ends: check(  # type: ignore[misc]
                lambda at: not begins <= at < ends, began, timeout_s
            )
        )
        found += any(True for _ in _reports(rule, path, _MINUTE_S))
    return found / times


def lossy(loss: float) -> Passes:
    """Lose each packet with the probability `loss`, the same ones each time."""
    chance = random.Random(_SEED)
    return lambda _at: chance.random() >= loss


def check(passes: Passes, began: float, timeout_s: float) -> Answer:
    """Look at the two targets at once, a connection and a request over one: whichever answers first."""
    connected = _connected(passes, began, timeout_s)
    other = _connected(passes, began, timeout_s)
    answered = _answered(passes, began + other, timeout_s - other) + other
    soonest = min(connected, answered)
    return soonest, OutcomeKind.ANSWERED if soonest <= timeout_s else OutcomeKind.SILENT


def _connected(passes: Passes, began: float, within_s: float) -> float:
    """Return after how many seconds a SYN and its answer have both arrived."""
    return _arrived(lambda at: passes(at) and passes(at + _RTT_S / 2), began, _SYN_AGAIN_S, within_s) + _RTT_S


def _answered(passes: Passes, began: float, within_s: float) -> float:
    """Return after how many seconds a request and then its answer have arrived; each is sent again by its sender."""
    asked = _arrived(passes, began, _DATA_AGAIN_S, within_s)
    told = _arrived(passes, began + asked + _RTT_S / 2, _DATA_AGAIN_S, within_s - asked)
    return asked + told + _RTT_S


def _arrived(passes: Passes, began: float, again_s: Sequence[float], within_s: float) -> float:
    return next((after for after in again_s if after > within_s or passes(began + after)), _NEVER_S)


def _reports(rule: Settings, path: VirtualPath, seconds: float) -> Iterator[float]:
    """Watch minute by minute for so long; yield the time of each report."""
    probe = ProbeHandler(rule, lambda _targets: path, path.ticks, path.ticks)
    for minute in count():
        path.now = max(path.now, minute * _MINUTE_S)
        while (left := (minute + 1) * _MINUTE_S - path.now) > 0:
            if path.now >= seconds:
                return
            try:
                probe.watch(min(left, WATCH_S), left + ALLOWED_S)
            except EgressLostError:
                yield path.now
            else:
                break


def _named(rule: Settings, ours: Settings) -> str:
    return "shipped" if rule == ours else "0.1"
