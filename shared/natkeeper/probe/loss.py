"""When is the internet lost? A rule over checks: which were asked when, and what became of each.

Pure: it knows no clock, no thread and no socket. Times are seconds of one clock, whichever the caller keeps.

A check that is late is not waited for: the next begins beside it. The internet is lost once nothing that was asked
within the last `silence` was answered, for enough checks. Steady traffic does not grow for it: while checks are
answered in time there is one each interval, and where answers usually take long, late is later and silence is longer.
Where some checks are usually lost (a brown-out), more of them have to be: five in a row are chance there, and no loss.

A refusal is neither an answer nor silence, because the gateway itself can send it, and so can a target: a loss with
refusals in it has to last for `refused_s`. A check that could not be made, for want of the probe's
own resources, counts as nothing at all.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import median

from natkeeper.egress_check import OutcomeKind

CHECKS_IN_SILENCE = 5
"""Begun within one silence, evenly; all of them unanswered make a loss."""
REFUSED_S = 1.6
"""As long as three checks that are refused took in 0.1: a gateway that reloads its rules refuses for a moment."""
BROKEN_S = 10.0
"""For how long no check may be made, or answered, before the probe itself counts as broken."""
USUAL = 9
"""Answers whose median time is the usual one; an odd number, so that it is one of them."""
RECENT, LATEST = 64, 16
"""Checks that show which share is usually lost: the greater share of the two counts, so that a brown-out that begins is
soon noticed, and some good luck in one that lasts is not taken for its end."""
CHANCE = 1e-5
"""How likely it may be that so many checks in a row are lost by chance, where that share is."""
MOST_S = 6.0
"""However many are usually lost: so long without any answer is a loss."""
_LATE = 2.0
"""How many times the usual time makes a check late."""
FUZZ_S = 1e-6
"""Sums of fractions differ in their last digits."""


@dataclass(frozen=True, slots=True)
class LossRule:
    """How to check, and when to call it a loss; seconds.

    `answer_s`: how long a check may take. `late_s`: after which the next one begins beside it. `refused_pace_s`: from
    the beginning of a refused check to that of the next. `checks`: unanswered ones that make a loss, if the first began
    `lost_s` ago; where one of them was refused, if first and last began `refused_s` apart. `adapts`: whether slow
    answers make `late_s` and `lost_s` longer, and lost ones `checks` and `lost_s`.
    """

    interval_s: float
    answer_s: float
    late_s: float
    refused_pace_s: float
    checks: int
    lost_s: float
    refused_s: float
    adapts: bool = False

    @classmethod
    def silence(cls, silence_s: float, interval_s: float) -> LossRule:
        """Lost is what was silent for `silence_s`."""
        late = min(silence_s / CHECKS_IN_SILENCE, interval_s)
        refused = max(REFUSED_S, silence_s)
        return cls(interval_s, silence_s, late, late, CHECKS_IN_SILENCE, silence_s, refused, adapts=True)

    @classmethod
    def in_a_row(cls, failures: int, timeout_s: float, interval_s: float) -> LossRule:
        """Lost is what did not answer `failures` checks in a row, one after the other: the rule of 0.1."""
        pace = min(timeout_s, interval_s)
        return cls(interval_s, timeout_s, timeout_s, pace, failures, failures * timeout_s, (failures - 1) * pace)


@dataclass(slots=True)
class Asked:
    """One check that was not answered yet; `kind` is SILENT as long as nothing was heard of it."""

    check: int
    began: float
    kind: OutcomeKind = OutcomeKind.SILENT


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing answers: the number of the first check and of the last, and when the first began."""

    since: float
    first: int
    last: int

    @property
    def checks(self) -> int:
        """How many were not answered."""
        return self.last - self.first + 1


@dataclass(slots=True)
class PathWatch:
    """What was asked and heard of one path.

    `unanswered`: the checks begun since the last one that was answered. `times`: how long the latest answers took.
    `fates`: of the latest checks, whether each was lost while a later one was answered. `broken_checks`: how many could
    not be made since then, the first of them begun at `broken_since`.
    """

    rule: LossRule
    times: deque[float]
    fates: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))
    asked: int = 0
    lost: int = 0
    unanswered: list[Asked] = field(default_factory=list)
    broken_checks: int = 0
    broken_since: float = math.inf
    _last: Asked | None = None

    @property
    def late_s(self) -> float:
        """After how long a check is late."""
        if not self.rule.adapts or len(self.times) < USUAL:
            return self.rule.late_s
        return max(self.rule.late_s, _LATE * median(self.times))

    @property
    def lost_s(self) -> float:
        """For how long nothing must have been answered."""
        return self.rule.lost_s * self.late_s / self.rule.late_s * self.checks / self.rule.checks

    @property
    def checks(self) -> int:
        """How many checks must be unanswered: more where so many in a row are lost by chance now and then."""
        share = max(sum(self.fates) / RECENT, sum([*self.fates][-LATEST:]) / LATEST)
        most = int(MOST_S / self.late_s)
        if not self.rule.adapts or not share:
            return self.rule.checks
        needed = most if share == 1 else math.ceil(math.log(CHANCE, share))
        return max(self.rule.checks, min(needed, most))

    @property
    def answer_s(self) -> float:
        """How long the next check may take."""
        return self.rule.answer_s * self.late_s / self.rule.late_s

    @property
    def due(self) -> float:
        """When the next check begins."""
        if self._last is None:
            return -math.inf
        pause = {OutcomeKind.SILENT: self.late_s, OutcomeKind.REFUSED: self.rule.refused_pace_s}
        return self._last.began + pause.get(self._last.kind, self.rule.interval_s)

    def ask(self, now: float) -> int:
        """Note that a check begins; return its number."""
        self._last = Asked(self.asked, now)
        self.asked += 1
        self.unanswered.append(self._last)
        return self._last.check

    def hear(self, check: int, kind: OutcomeKind, now: float) -> None:
        """Note what became of a check; of one that began before an answered one it says nothing new."""
        found = next((each for each in self.unanswered if each.check == check), None)
        if found is None:
            return
        already, found.kind = found.kind, kind
        if kind is OutcomeKind.ANSWERED:
            self.times.append(now - found.began)
            lost = sum(each.check < check for each in self.unanswered)
            self.lost += lost
            self.fates.extend((*[True] * lost, False))
            self.unanswered = [each for each in self.unanswered if each.check > check]
            self.broken_checks, self.broken_since = 0, math.inf
        elif kind is OutcomeKind.BROKEN and already is not kind:
            self.broken_checks += 1
            self.broken_since = min(self.broken_since, found.began)

    def verdict(self, now: float) -> Lost | None:
        """Say whether the internet is lost by now."""
        made = [each for each in self.unanswered if each.kind is not OutcomeKind.BROKEN]
        over = [each for each in made if each.kind is OutcomeKind.REFUSED or now - each.began >= self.late_s - FUZZ_S]
        if len(over) < self.checks:
            return None
        if any(each.kind is OutcomeKind.REFUSED for each in over):
            lasts, enough = over[-1].began - over[0].began, self.rule.refused_s
        else:
            lasts, enough = now - over[0].began, self.lost_s
        if lasts < enough - FUZZ_S:
            return None
        return Lost(over[0].began, over[0].check, over[-1].check)

    def broken(self, now: float) -> bool:
        """Return True if checks could not be made, and none was answered, for so long that people must know."""
        return now - self.broken_since >= BROKEN_S

    def wake(self, now: float) -> float:
        """Return when to look at the clock again if nothing is heard."""
        ends = [each.began + self.lost_s for each in self.unanswered[:1]]
        return min([self.due, *(end for end in ends if end > now + FUZZ_S)])
