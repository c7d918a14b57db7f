"""`natkeeper drill`: breaks what it says, feels it, puts everything back, and refuses what would be an outage."""

from __future__ import annotations

import io
import json
import os
import re
import signal
from pathlib import Path

import pytest

from natkeeper.cli.drill.rehearsal import Rehearsal
from tests.cli.town import Command, Workspace


@pytest.fixture
def live(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A town with s.yaml deployed, whose probe sees the internet only through a gateway that has power."""
    place.guests.state = place.home / "network.json"
    place.settle()
    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.BEFORE_S", 0.6)
    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.POLL_S", 0.1)
    monkeypatch.setattr("natkeeper.cli.drill.restore.POLL_S", 0.1)
    monkeypatch.setattr("natkeeper.cli.drill.restore.STEADY_S", 2.0)
    return place


def actions(place: Workspace) -> list[str]:
    return [call.action for call in place.cloud.calls if not call.error]


def test_a_stopped_gateway_is_felt_replaced_and_put_back(live: Workspace, natkeeper: Command) -> None:
    """The event moves the route; the looks that were lost are the outage; afterwards all is as before."""
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes", "--json")
    assert ended.code == 0, ended
    found = ended.data
    assert found["ok"] is True
    assert found["moments_s"]["route"] > 0
    assert set(found["ways"]["out"]["seen"]) >= {live.a, live.b}
    assert live.hop == live.a
    assert live.cloud.ecs.status_of(live.a) == "Running"
    (stop,) = [call for call in live.cloud.calls if call.action == "StopInstance"]
    assert stop.params["StoppedMode"] == "KeepCharging"
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "Measured through the probe function" in page
    assert re.search(rf"\w \(<span class=\"id\">{live.a}</span>\)", page), "the story names gateways"
    embedded = re.search(r'id="figures">(.*?)</script>', page)
    assert embedded is not None
    assert json.loads(embedded[1])["outage_s"] == found["outage_s"]


def test_a_simulated_notice_moves_the_route_and_is_cancelled(live: Workspace, natkeeper: Command) -> None:
    """Nothing is lost on the way, and nothing is left planned."""
    ended = natkeeper("drill", "prod", "--kind", "maintenance", "--yes", "-o", "report.html")
    assert ended.code == 0, ended
    assert "outage 0.0 s" in ended.out
    assert live.hop == live.a
    assert {"CreateSimulatedSystemEvents", "CancelSimulatedSystemEvents"} <= set(actions(live))
    assert Path("report.html").exists()


def test_a_planned_switch_goes_there_and_back(live: Workspace, natkeeper: Command) -> None:
    """The default; a person confirms it by the group's name."""
    ended = natkeeper("drill", "prod", "--yes")
    assert (ended.code, live.hop) == (0, live.a), ended
    assert "route moved after" in ended.out
    assert f"everything is back: the route goes to nat-a ({live.a})" in ended.err


def test_a_move_that_does_not_come_is_a_finding_and_is_put_back(live: Workspace, natkeeper: Command) -> None:
    """The report says why it is not good; the gateway runs again."""
    for trigger in ("ecs-state", "ecs-operations", "sweep"):
        live.cloud.fc.delete_trigger("natkeeper-failover", trigger)
    ended = natkeeper("drill", "prod", "--kind", "stop", "--within", "2", "--yes", "--json")
    assert ended.code == 1
    assert ended.data["reasons"] == ["the route was not moved within 2 s"]
    assert (live.hop, live.cloud.ecs.status_of(live.a)) == (live.a, "Running")


def test_what_would_be_an_outage_is_refused(live: Workspace, natkeeper: Command) -> None:
    """No healthy standby, or a group that is not quiet: nothing is touched."""
    live.cloud.ecs.stop(live.b, force=True)
    live.wait_for_status(live.b, "Stopped")
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes")
    assert ended.code == 5
    assert f"there is no healthy standby, so this would be an outage: nat-b ({live.b}) is Stopped" in ended.err
    natkeeper("pause", "prod", "--for", "1h", "--why", "x")
    ended = natkeeper("drill", "prod", "--yes")
    assert (ended.code, "is not quiet" in ended.err) == (5, True)
    assert "StopInstance" not in actions(live)


@pytest.mark.parametrize("output", ["nosuch/report.html", "."])
def test_a_report_that_could_not_be_written_is_named_before_anything_is_done(
    place: Workspace, natkeeper: Command, output: str
) -> None:
    """And not after the gateway was stopped, when what was measured would be lost."""
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes", "--direct", "-o", output)
    assert ended.code == 2
    assert f"{output} cannot be written" in ended.err
    assert not place.cloud.calls


def test_without_a_probe_there_is_nothing_to_measure_with(place: Workspace, natkeeper: Command) -> None:
    """Said before anything is asked."""
    place.write(probe=None)
    ended = natkeeper("drill", "prod", "--yes")
    assert (ended.code, "has no probe" in ended.err) == (5, True)


def test_a_drill_asks_first(live: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody to ask it does nothing; with a wrong answer neither."""
    ended = natkeeper("drill", "prod")
    assert (ended.code, "say --yes" in ended.err) == (2, True)
    answers = io.StringIO("dev\n")
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", answers)
    ended = natkeeper("drill", "prod", "--kind", "stop")
    assert (ended.code, "nothing was done" in ended.err) == (2, True)
    assert f"STOPS nat-a ({live.a})" in ended.err
    assert "StopInstance" not in actions(live)


def test_ctrl_c_at_the_question_did_nothing(
    live: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so: there is no run that goes on."""

    def pressed() -> str:
        raise KeyboardInterrupt

    answers = io.StringIO()
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr(answers, "readline", lambda *_: pressed())
    monkeypatch.setattr("sys.stdin", answers)
    ended = natkeeper("drill", "prod", "--kind", "stop")
    assert (ended.code, ended.err.splitlines()[-1]) == (130, "natkeeper: interrupted; nothing was done")
    assert "StopInstance" not in actions(live)


def test_a_drill_that_is_interrupted_puts_everything_back(
    live: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while it waits: the gateway is started again before the command ends."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.Rehearsal._wait", interrupted)
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes")
    assert ended.code == 130
    live.wait_for_status(live.a, "Running")
    assert "StartInstance" in actions(live)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_python_drops_interrupts_at_the_next_pause(
    live: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came while an object was freed, and what is raised then goes nowhere."""

    class Freed:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    def hop(_: Rehearsal) -> str:
        Freed()
        return ""

    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.Rehearsal._hop", hop)
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes", "--within", "5")
    assert (ended.code, "everything is back as it was" in ended.err) == (130, True), ended
    assert live.cloud.ecs.status_of(live.a) == "Running"


def test_a_probe_that_cannot_be_asked_is_no_outage(live: Workspace, natkeeper: Command) -> None:
    """It is said that nothing could be felt: not a figure that looks good."""
    live.cloud.fc.delete_function("natkeeper-probe")
    ended = natkeeper("drill", "prod", "--within", "1", "--yes", "--json")
    assert ended.code == 1
    assert any("nothing could be felt: natkeeper-probe" in reason for reason in ended.data["reasons"])
