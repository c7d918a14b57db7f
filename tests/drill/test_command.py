"""`natlab drill`: what it prints and writes, and what it says where it cannot be; the play itself is made up here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from natkeeper.drill import Observed, from_json
from natlab.cli import main
from natlab.drill import command
from natlab.real import preflight
from natlab.real.preflight import INSTEAD, NoLab
from natlab.scenarios.record import TimelineEntry
from tests.drill.facts import FAULT, drill

A = "i-aaaaaaaaaaaaaaaaaaaa"


def run(monkeypatch: pytest.MonkeyPatch, observed: Observed, *arguments: str) -> Result:
    """Run the command where every drill ends as `observed`."""
    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(command, "drill", lambda *_args, **_more: SimpleNamespace(observed=observed))
    return CliRunner().invoke(main, ["drill", *arguments])


def test_json_is_one_object_on_standard_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The figures; where the report is goes to standard error."""
    out, facts = tmp_path / "deep" / "report.html", tmp_path / "facts.json"
    ended = run(monkeypatch, drill(), "stop", "--json", "--out", str(out), "--facts", str(facts))
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["flows_total"] == 5
    assert str(out) in ended.stderr
    assert out.read_text().startswith("<!DOCTYPE html>")
    assert from_json(facts.read_text()) == drill()


def test_person_reads_the_figures_line_by_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outage, survivors, and when natkeeper did what."""
    ended = run(monkeypatch, drill(), "--out", str(tmp_path / "report.html"))
    assert "outage of new connections  2.05 s, 20 of 120 lost" in ended.stdout
    assert (
        "out busy: 1 of 2, 1 of them relayed, silent for 2.40 s at most, the others broke 1.00 s after the move"
        in ended.stdout
    )
    assert re.search(r"route +\+1\.90 s after the fault", ended.stdout)


def test_scenario_ends_badly_if_connections_fare_otherwise_than_it_promises() -> None:
    """Judged by packets: TCP outwards only, whatever the receipts say."""
    assert list(command._unlike("", drill())) == []
    assert list(command._unlike("relayed", drill())) == ["1 of 3 TCP connections outwards were reset, not relayed"]
    assert list(command._unlike("reset", drill())) == ["2 of 3 TCP connections outwards were relayed, not reset"]


def test_bad_end_is_a_status_and_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The report is written all the same: now it is wanted most."""
    out = tmp_path / "report.html"
    ended = run(monkeypatch, drill(reasons=("the route went nowhere",)), "--out", str(out))
    assert ended.exit_code == 1
    assert "the route went nowhere" in ended.stdout
    assert "not good" in out.read_text()


def test_unknown_scenario_is_refused_with_the_list() -> None:
    """Nothing is started."""
    ended = CliRunner().invoke(main, ["drill", "nonsense"])
    assert ended.exit_code == 2
    assert "Scenarios are: stop," in ended.stderr


def test_without_a_lab_it_says_what_is_missing_and_what_there_is_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and status 3."""
    monkeypatch.setattr(preflight, "preflight", lambda: ["The lab needs root: sudo."])
    ended = CliRunner().invoke(main, ["drill"])
    assert ended.exit_code == 3
    assert ended.stderr.strip() == f"The lab needs root: sudo. {INSTEAD}"
    with pytest.raises(NoLab):
        preflight.require()


def test_moments_of_a_play_get_the_words_of_a_report() -> None:
    """The run that decides began with the signal; quiet probes and unmatched events are left out; ids become names."""

    def heard(at: float, kind: str, who: str, what: str) -> Any:
        return TimelineEntry(FAULT + at, kind, who, what)

    failover, probe = "natkeeper-failover", "natkeeper-probe"
    told = command._moments(
        [
            heard(-30.0, "start", failover, "starts cold for timer sweep"),
            heard(0.0, "fault", "", "a person stops gateway-a"),
            heard(0.1, "event", "event bus", "ecs:Other; no pattern matches"),
            heard(0.2, "start", failover, "starts warm for an event"),
            heard(0.3, "start", probe, "starts warm for timer look"),
            heard(0.4, "start", failover, "starts warm for an event (ecs-state)"),
            heard(0.6, "write", "vpc", f"ModifyRouteEntry table to {A}"),
            heard(0.5, "read", "vpc", "DescribeRouteEntryList"),
            heard(1.6, "route", "network", "0.0.0.0/0 of table leads to gateway-b"),
            heard(1.7, "address", "network", "198.51.100.1 leaves gateway-a"),
            heard(1.8, "address", "network", "198.51.100.1 is on gateway-b"),
            heard(2.0, "write", "vpc", "ModifyRouteEntry table"),
            heard(2.1, "receipt", failover, "moved 0.0.0.0/0"),
        ],
        {A: "gateway-b"},
        FAULT,
    )
    kinds = [(moment.kind, moment.what) for moment in told if moment.kind != "detail"]
    assert kinds == [
        ("fault", "a person stops gateway-a"),
        ("signal", "starts warm for an event (ecs-state)"),
        ("decision", "ModifyRouteEntry table to gateway-b"),
        ("route", "0.0.0.0/0 of table leads to gateway-b"),
        ("eip", "198.51.100.1 is on gateway-b"),
        ("told", "moved 0.0.0.0/0"),
    ]
    assert told[0].who == "the world"
    assert not [moment for moment in told if moment.who == probe or "no pattern" in moment.what]
