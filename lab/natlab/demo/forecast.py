"""How long will the rest of a demonstration take on this machine? Pure; the clock is an argument.

At first nothing is known but how busy the machine is. Every scenario that has been played says how much longer than
on an idle machine it took here, and from then on that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Forecast:
    """`slowness`: how many times longer than on an idle machine a scenario takes, until one has been played."""

    slowness: float = 1.0
    _began: dict[str, float] = field(default_factory=dict)
    _took: list[tuple[float, float]] = field(default_factory=list)

    def begin(self, name: str, now: float) -> None:
        """Take in that a scenario says something; its first word is its beginning."""
        self._began.setdefault(name, now)

    def end(self, name: str, takes_s: float, now: float) -> None:
        """Take in that a scenario is over which takes `takes_s` on an idle machine."""
        self._took.append((now - self._began.pop(name, now), takes_s))

    @property
    def under_way(self) -> int:
        """How many have begun and not ended."""
        return len(self._began)

    def left_s(self, scenarios: Sequence[tuple[str, float]], jobs: int, now: float) -> float:
        """Return the seconds until `scenarios` (name, seconds on an idle machine) are over, `jobs` at a time."""
        slowness = self.slowness
        if self._took:
            slowness = sum(took for took, _ in self._took) / sum(takes for _, takes in self._took)
        left = [
            max(takes * slowness - (now - self._began[name]), 0.0) if name in self._began else takes * slowness
            for name, takes in scenarios
        ]
        return max([sum(left) / max(jobs, 1), *left])


def in_words(seconds: float) -> str:
    """Return a forecast as people say it: it is not known to the second."""
    if seconds < 45:  # noqa: PLR2004  below that, a minute would be too much
        return "less than a minute"
    minutes = round(seconds / 60) or 1
    return f"about {minutes} minute{'s' * (minutes > 1)}"
