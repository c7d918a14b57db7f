"""The alphabet of the stories: every letter is drawn, and has the effect that it is there for."""

from __future__ import annotations

import inspect
from collections import Counter

import pytest

from natkeeper.failover.run import Told
from tests.fakes.stage import TABLE, TABLE_2, A, B
from tests.simulation.acts import Acts
from tests.simulation.deploying import NEWER
from tests.simulation.simulation import play
from tests.simulation.story import Happening, Story, make

DRAWN = 4_000


def of(shape: str, *happenings: Happening, minutes: float = 12.0) -> Story:
    """A story without noise, one run at a time."""
    return Story(1, shape, minutes, happenings)


EFFECTS: dict[str, Story] = {
    "hole": of("two gateways", Happening(70, "list has holes", ("*", 90.0))),
    "configuration": of("two gateways", Happening(70, "configuration changes", ("prod", "order", A))),
    "replaced": of(
        "three gateways",
        Happening(70, "switch", ("prod", B, False)),
        Happening(130, "configuration changes", ("prod", "replaced", B)),
        Happening(200, "is deleted", (B,)),
    ),
    "skew": of("two gateways", Happening(70, "clock steps", (-3600.0,)), Happening(100, "stops", (A, True))),
    "trickle": of("two gateways", Happening(70, "answers trickle", ("conditions", 200.0))),
    "lie": of(
        "two gateways",
        Happening(70, "hangs", (B,)),
        Happening(80, "probe lies", (300.0,)),
        Happening(90, "stops", (A, False)),
    ),
    "hidden": of(
        "two tables",
        Happening(70, "is refused", ("read", "Forbidden.RAM", None, TABLE_2, 300.0)),
        Happening(80, "stops", (A, True)),
    ),
    "released": of("two gateways", Happening(70, "is rolled back", (TABLE, "moves"))),
    "window": of("window", Happening(70, "stops", (A, True)), Happening(100, "starts", (A, True)), minutes=25.0),
    "woken": of("cold", Happening(70, "stops", (A, True))),
    "interface": of("interfaces", Happening(70, "stops", (A, True))),
    "another": of("two deployments", Happening(69, "killed", (0, True)), Happening(70, "stops", (A, True))),
    "hand-on": of("two tables", Happening(65, "tasks take", (12.0, 120.0)), Happening(70, "stops", (A, True))),
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_letter_has_its_effect(effect: str) -> None:
    """What it stands for happens in its story, the rules hold, and without the letter it does not happen."""
    played = play(EFFECTS[effect])
    assert played.broken is None
    assert played.effects[effect] > 0
    assert not play(of(EFFECTS[effect].shape, Happening(70, "status", ("prod",)))).effects[effect]


def test_every_letter_is_drawn() -> None:
    """Nothing that can happen is left out by the choice of stories."""
    drawn = Counter(happening.what for seed in range(DRAWN) for happening in make(seed).happenings)
    acts = {name for each in inspect.getmro(Acts) for name, _ in inspect.getmembers(each, inspect.isfunction)}
    known = {what for what in drawn if "_" + what.lower().replace(" ", "_").replace("-", "_") in acts}
    assert known == set(drawn)
    assert {"configuration changes", "clock steps", "answers trickle", "probe lies", "list has holes"} <= known
    assert min(drawn.values()) >= 20, drawn


def test_stories_move_routes_to_what_replaced_a_gateway() -> None:
    """A gateway is replaced in the configuration and deleted: the route is on another one within the usual bound."""
    played = play(EFFECTS["replaced"], tell=True)
    assert any("i-bravo to" in line and (A in line or NEWER in line) for line in played.lines), played.lines


def test_a_group_in_the_dark_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One gateway hangs and nothing is left: people hear of it, and a natkeeper that tells nobody breaks the rule."""
    story = of("one gateway", Happening(70, "hangs", (A,)))
    played = play(story)
    assert (played.broken, played.effects["told"] > 0) == (None, True)
    monkeypatch.setattr(Told, "news", lambda _self, _receipts: ())
    assert str(play(story).broken).startswith("silence: ")
