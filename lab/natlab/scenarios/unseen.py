"""Scenarios about what no event shows: ECS and firewalld say running, and private hosts have nothing."""

from __future__ import annotations

from typing import Final

from natlab.scenarios import steps, verdicts
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import Play
from natlab.scenarios.steps import breaks, then
from natlab.scenarios.topology import A, B
from natlab.scenarios.verdicts import passes, verified

_MOVED: Final = ("moved", "the internet is reached")
_AFTER_A_LOSS: Final = verdicts.outage_below(20.0)


def _flush(play: Play) -> None:
    play.ground.by_hand(play.id(A)).flush_rules()


UNSEEN: Final[tuple[Scenario, ...]] = (
    Scenario(
        "flush",
        "the kernel's rules are flushed",
        "Somebody flushes the kernel's rules on the active gateway, and firewalld goes on saying that it runs; the "
        "route must move, and the gateway be repaired so that it carries the route when the other one is stopped.",
        (
            breaks(f"somebody flushes all rules on {A}", _flush),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_told("had drifted", within_s=60.0, sweeping=True),
            then(f"somebody stops {B} (StopInstance)", steps.stop(B)),
            steps.until_at(A, 60.0, sweeping=True),
        ),
        (passes(B, A), verdicts.ends_at(A), verified, _AFTER_A_LOSS, verdicts.told("the kernel has no rule")),
        takes_s=30,
        extra=True,
    ),
)
