"""What `natlab bench` makes of drills; the drills themselves are made up here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from natkeeper.drill import Flow, Moment, Observed
from natlab.bench import packets
from natlab.bench.report import as_json
from natlab.bench.results import Figure
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import InVain
from tests.drill.facts import FAULT, RESET, attempts, drill

STUCK = (Flow("idle", 0, FAULT, 0.0, FAULT + 9, "no answer for 9.0 s", "in"),)
PLANNED = drill(attempts=attempts(down=0.0), flows=(), gaps=())
HALF = (Flow("busy", 0, FAULT, 2.0), Flow("idle", 0, FAULT, 0.0, FAULT + 5, RESET), Flow("udp", 0, FAULT, 1.0))
HEARD = Moment(FAULT + 0.2, "detail", "event bus", "ecs:Instance:StateChange; matches the pattern of ecs-state")
STOPPED = drill(moments=(*drill().moments, HEARD))
LONG = drill(attempts=attempts(down=17.0, last=20.0), flows=(), gaps=())
PLAYED = {
    "stop": STOPPED, "freeze": drill(), "manual": PLANNED, "maintenance": PLANNED, "spot": PLANNED,
    "follow": drill(flows=HALF), "freeze-follow": LONG,
    "relay": replace(PLANNED, flows=(Flow("busy", 0, FAULT, 0.15),)),
    "relay-then-death": replace(PLANNED, flows=(Flow("busy", 0, FAULT, 1.0, FAULT + 3, RESET), *STUCK)),
    "visitors": replace(PLANNED, flows=(Flow("busy", 0, FAULT, 0.1), Flow("busy", 0, FAULT, 0.1, way="in"), *STUCK)),
}  # fmt: skip
Perform = Callable[[Callable[[Scenario], Observed]], dict[str, Figure]]


@pytest.fixture
def perform(monkeypatch: pytest.MonkeyPatch) -> Perform:
    """Let drills end as they are said to, and return the figures of two runs of each."""

    def do(play: Callable[[Scenario], Observed]) -> dict[str, Figure]:
        @contextlib.contextmanager
        def stage(_fits: str) -> Iterator[SimpleNamespace]:
            yield SimpleNamespace(
                sweep=lambda: 0, drill=lambda scenario, _flows: SimpleNamespace(observed=play(scenario))
            )

        monkeypatch.setattr("natlab.real.preflight.preflight", list)
        monkeypatch.setattr(packets, "_stage", stage)
        return {figure.key: figure for figure in packets.packets(2, lambda _text: None)}

    return do


def test_every_figure_is_there_beside_its_aim(perform: Perform) -> None:
    """Outages in seconds, lost connections and survivors counted."""
    rows = perform(lambda scenario: PLAYED[scenario.name])
    assert (rows["stop_outage_s"].value, rows["freeze_outage_s"].value) == (2.05, 2.05)
    assert rows["stop_hung_s"].value == pytest.approx(1.0)
    assert {rows[f"{each}_lost"].value for each in ("manual", "maintenance", "spot")} == {0.0}
    assert rows["relay_worst_s"].value == pytest.approx(0.05)
    assert (rows["relay_survived"].value, rows["relay_lost"].value) == (1.0, 0.0)
    assert rows["relay_write_s"].value == rows["manual_write_s"].value == pytest.approx(0.27, abs=0.01)
    assert (rows["relay_death_silent"].value, rows["relay_death_silent"].met) == (1.0, False)
    assert (rows["visitors_survived"].value, rows["visitors_survived"].met) == (1.0, False)
    assert rows["visitors_lost"].value == 0.0
    assert (rows["sweep_writes"].value, rows["sweep_writes"].met) == (0.0, True)
    missed = {key for key, row in rows.items() if row.target is not None and not row.met}
    assert missed == {"relay_death_silent"}


def test_what_the_platform_is_assumed_to_take_is_taken_off(perform: Perform) -> None:
    """From the event at the bus, without the second of the route task; without both halves of the EIP's way."""
    rows = perform(lambda scenario: PLAYED[scenario.name])
    assert rows["stop_after_event_s"].value == pytest.approx(2.0 - 0.2 - 1.0, abs=0.01)
    assert rows["freeze_follow_s"].value == pytest.approx(17.05 - 14.0, abs=0.01)


def test_an_aim_that_must_be_reached_is_missed_from_below(perform: Perform) -> None:
    """One survivor of two hundred is not two hundred."""
    figure = perform(lambda scenario: PLAYED[scenario.name])["follow_survived"]
    assert (figure.value, figure.least, figure.met) == (1.0, 200.0, False)
    assert as_json([figure], {})["figures"]["follow_survived"]["least"] == 200.0
    assert replace(figure, least=1.0).met


def test_the_gateway_that_hangs_with_an_eip_is_made_of_two_scenarios(perform: Perform) -> None:
    """The fault of one, and what is waited for and judged in the other."""
    seen: dict[str, Scenario] = {}

    def play(scenario: Scenario) -> Observed:
        seen[scenario.name] = scenario
        return PLAYED[scenario.name]

    perform(play)
    assert seen["freeze-follow"].script[0] == seen["freeze"].script[0]
    assert (seen["freeze-follow"].script[1:], seen["freeze-follow"].verdict) == (
        seen["follow"].script[1:],
        seen["follow"].verdict,
    )


def test_drill_that_went_badly_has_no_figure(perform: Perform) -> None:
    """A median of runs that did not end well would be a lie; what can be measured all the same is."""

    def play(scenario: Scenario) -> Observed:
        if scenario.name == "freeze":
            raise InVain("waited in vain")
        return drill(reasons=("the route went nowhere",)) if scenario.name == "stop" else PLAYED[scenario.name]

    rows = perform(play)
    assert rows["stop_outage_s"].missing == "not measured: run 1 of 2 went badly: the route went nowhere"
    assert rows["freeze_hung_s"].missing == "not measured: waited in vain"
    assert rows["follow_outage_s"].value is not None


def test_an_outage_without_an_event_is_no_answer_to_one(perform: Perform) -> None:
    """Where the bus heard nothing, nothing can be counted from there."""
    rows = perform(lambda scenario: PLAYED["freeze"] if scenario.name == "stop" else PLAYED[scenario.name])
    assert rows["stop_after_event_s"].missing == "not measured: no event, or no end of the outage"


def test_without_a_lab_the_figures_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is played."""
    monkeypatch.setattr("natlab.real.preflight.preflight", lambda: ["The lab needs root."])
    told = list(packets.packets(1, lambda _text: None))
    assert {figure.missing for figure in told} == {"The lab needs root."}
    assert len(told) == 1 + sum(len(part.rows) for parts in packets.STAGES for part in parts)
