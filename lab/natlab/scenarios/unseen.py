"""Scenarios about what no event shows: ECS and firewalld say running, and private hosts have nothing."""

from __future__ import annotations

from typing import Final

from natlab.scenarios import steps, verdicts
from natlab.scenarios.network import NOTIFIES, PROBE
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import Play
from natlab.scenarios.steps import breaks, then
from natlab.scenarios.topology import A, B
from natlab.scenarios.verdicts import passes, verified

_MOVED: Final = ("moved", "the internet is reached")
_AFTER_A_LOSS: Final = verdicts.outage_below(20.0)
_CLAIMED: Final = "zone internal claims source 10.0.100.0/24"
_BROKEN: Final = f"the probe {PROBE} does not look at the internet"


def _flush(play: Play) -> None:
    play.ground.by_hand(play.id(A)).flush_rules()


def _claim(play: Play) -> None:
    play.ground.by_hand(play.id(A)).claim_source("10.0.100.0/24")


def _break_probe(play: Play) -> None:
    play.cloud.fc.update_function(PROBE, {"handler": "nothing.handler"})
    play.cloud.fc.dispatcher.end_all(PROBE)
    play.poke(PROBE, "look")


UNSEEN: Final[tuple[Scenario, ...]] = (
    Scenario(
        "flush",
        "the kernel's rules are flushed",
        "A person flushes the kernel's rules on the active gateway, and firewalld goes on saying that it runs; the "
        "route must move, and the gateway be repaired so that it carries the route when the other one is stopped.",
        (
            breaks(f"a person flushes all rules on {A}", _flush),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_told("had drifted", within_s=60.0, sweeping=True),
            then(f"a person stops {B} (StopInstance)", steps.stop(B)),
            steps.until_at(A, 60.0, sweeping=True),
        ),
        (passes(B, A), verdicts.ends_at(A), verified, _AFTER_A_LOSS, verdicts.told("the kernel has no rule")),
        takes_s=30,
        extra=True,
    ),
    Scenario(
        "source-zone",
        "another zone takes the sources",
        "A person gives the private hosts' network to another zone of firewalld on the active gateway, which cuts them "
        "off; the route must move and stay away, and the setup must name the zone.",
        (
            breaks(f"a person gives 10.0.100.0/24 to zone internal on {A}", _claim),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_problem(_CLAIMED, within_s=60.0),
        ),
        (passes(B), verdicts.ends_at(B), verified, _AFTER_A_LOSS),
        policy={"networks": ["10.0.100.0/24"]},
        takes_s=25,
        extra=True,
    ),
    Scenario(
        "probe-dead",
        "the probe itself is broken",
        "A person deploys a probe that cannot start, and then the active gateway is stopped; people must be told that "
        "nothing looks at the internet any more, and the route must move all the same.",
        (
            breaks("the probe is deployed with a handler that does not exist", _break_probe),
            steps.until_people_told(_BROKEN),
            then(f"a person stops {A} (StopInstance)", steps.stop(A)),
            steps.until_at(B),
            steps.until_told("moved", within_s=60.0),
        ),
        (passes(B), verdicts.ends_at(B), _AFTER_A_LOSS, verdicts.people_told(_BROKEN)),
        policy={NOTIFIES: True},
        takes_s=25,
        extra=True,
    ),
)
