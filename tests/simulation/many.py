"""Playing many stories, and adding up what they came to."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.simulation import play
from tests.simulation.story import Story, make


@dataclass(slots=True)
class Tally:
    """What many stories came to."""

    stories: int = 0
    hours: float = 0.0
    cpu_s: float = 0.0
    runs: int = 0
    calls: int = 0
    writes: int = 0
    moves: int = 0
    waits: list[float] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    """How often letters of the stories had their effect."""

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        for name in ("stories", "hours", "cpu_s", "runs", "calls", "writes", "moves"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.waits += other.waits
        self.broken += other.broken
        self.effects += other.effects

    def __str__(self) -> str:
        """Say it in three lines."""
        pace = self.hours / self.cpu_s * 60 if self.cpu_s else 0.0
        waits = sorted(self.waits) or [0.0]
        middle, late = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
        return (
            f"{self.stories} stories, {self.hours:.0f} simulated hours, {self.runs} runs, {self.calls} calls, "
            f"{self.writes} writes, {self.moves} moves\n"
            f"{pace:.0f} simulated hours per minute of one processor\n"
            f"{len(self.waits)} losses that could be mended: half of them took {middle:.1f} s, "
            f"99 of 100 at most {late:.1f} s, the longest {waits[-1]:.1f} s\n"
            + ", ".join(f"{what}: {times}" for what, times in sorted(self.effects.items()))
        )


def tally(first: int, last: int) -> Tally:
    """Play the stories of seeds `first` to `last` - 1."""
    total, began = Tally(), time.process_time()
    for seed in range(first, last):
        played = play(make(seed))
        one = Tally(1, played.hours, 0.0, played.runs, played.calls, played.writes, played.moves, played.waits)
        one.effects = played.effects
        if played.broken is not None:
            one.broken.append((seed, played.broken))
        total.add(one)
    total.cpu_s = time.process_time() - began
    return total


def account(story: Story) -> str:
    """Tell a story, how it went, and what to write down to keep it."""
    played = play(story, tell=True)
    return "\n".join([story.tell(), "", *played.lines, "", story.as_code()])
