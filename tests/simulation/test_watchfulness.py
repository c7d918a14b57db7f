"""The simulator itself: it finds faults that are planted, each by the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from natkeeper.domain import bridge, decide, eip, health, selection, world
from natkeeper.domain.decision import EipSettled, Move, Retire
from natkeeper.domain.health import Unhealthy, Unknown
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import NextHop
from natkeeper.failover import apply
from tests.fakes.things import START
from tests.simulation.simulation import play
from tests.simulation.story import make

STORIES = 400

Plant = Callable[[pytest.MonkeyPatch], None]


def everything_is_ours(patch: pytest.MonkeyPatch) -> None:
    """Someone else's next hop is moved like our own."""

    def take(route: Any, reason: str) -> Move:
        hop = NextHop.gateway(InstanceId("i-bravo"))
        return Move(route, hop, reason, Memory(since=START, by="auto"))

    patch.setattr(decide, "Leave", take)


def blind_is_dead(patch: pytest.MonkeyPatch) -> None:
    """What cannot be seen counts as bad."""
    real = health.assess

    def assess(*args: Any, **more: Any) -> Any:
        found = real(*args, **more)
        return Unhealthy(found.reason) if isinstance(found, Unknown) else found

    patch.setattr(world, "assess", assess)


def anything_will_do(patch: pytest.MonkeyPatch) -> None:
    """The first other gateway is chosen, whatever is known of it."""
    patch.setattr(selection, "_fit", selection._gateways)


def pauses_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A pause stops nothing."""
    patch.setattr(world.World, "paused_until", lambda _self, _now: None)


def nothing_is_verified(patch: pytest.MonkeyPatch) -> None:
    """A move counts as soon as it is written."""
    patch.setattr(decide, "_needs_check", lambda _here, _hop: False)


def nothing_is_remembered(patch: pytest.MonkeyPatch) -> None:
    """Descriptions say nothing that can be read."""
    patch.setattr(apply, "encode", lambda _memory, sentence: f"{sentence} [nk1 s=never]")


def the_old_entry_goes_first(patch: pytest.MonkeyPatch) -> None:
    """A bridge deletes the whole entry when only one half is there."""
    real = bridge.finish

    def finish(here: Any, view: Any) -> Any:
        if view.whole is not None and len(view.bridge) == 1 and not bridge.busy(here.route, view.whole, *view.bridge):
            return Retire(here.route, (view.whole.id,), "too early")
        return real(here, view)

    patch.setattr(bridge, "finish", finish)


def home_at_once(patch: pytest.MonkeyPatch) -> None:
    """A healthy next hop is left for home without any hold-down."""
    patch.setattr(decide, "_when_proven", lambda _here, to, _after_s: to)


def marks_are_lost(patch: pytest.MonkeyPatch) -> None:
    """What did not work is tried again as if nothing had been."""
    patch.setattr(Memory, "marked", lambda self, *_: self)


def the_eip_stays_behind(patch: pytest.MonkeyPatch) -> None:
    """Nobody brings the EIP along."""
    patch.setattr(eip, "decide_eip", lambda *_: EipSettled())


PLANTED: dict[Plant, tuple[int, tuple[str, ...]]] = {
    everything_is_ours: (100, ("rule 5", "only ours")),
    blind_is_dead: (290, ("quiet world", "rule 3", "rule 6", "make before break")),
    anything_will_do: (0, ("rule 2", "bounded time", "one move")),
    pauses_are_forgotten: (20, ("pause",)),
    nothing_is_verified: (0, ("rule 7", "bounded time", "silence")),
    nothing_is_remembered: (0, ("rule 9",)),
    the_old_entry_goes_first: (0, ("rule 1",)),
    home_at_once: (0, ("rule 6", "one move")),
    marks_are_lost: (110, ("one move", "rule 6", "bounded time", "rounds")),
    the_eip_stays_behind: (45, ("bounded time", "one move", "rule 2")),
}
"""What is planted, from which seed on it is looked for, and which rules may say so."""


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within some stories the rule that it breaks says so."""
    plant(monkeypatch)
    first, rules = PLANTED[plant]
    for seed in range(first, first + STORIES):
        broken = play(make(seed)).broken
        if broken is not None:
            assert broken.partition(":")[0] in rules, (seed, broken)
            return
    pytest.fail(f"{STORIES} stories did not show it")
